/* SPDX-License-Identifier: MIT */
/* Reads the tables of ip_tables and ip6_tables by getsockopt(2) (linux/netfilter_ipv4/ip_tables.h). */
#include "xtables/legacy.h"

#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define ATTEMPTS 10
#define TABLES_MAX 16 /* there are five */

/* What asks for the one and for the other. The answers have the same shape. */
struct family {
    const char *names; /* of tables that are in use */
    int domain, level, info, entries;
    bool ip6;
};

static const struct family families[] = {
    {"/proc/thread-self/net/ip_tables_names", AF_INET, IPPROTO_IP, IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES, false},
    {"/proc/thread-self/net/ip6_tables_names", AF_INET6, IPPROTO_IPV6, IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES, true},
};

_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "one shape");
_Static_assert(sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries), "one shape");

/* -EAGAIN: the table became larger or smaller between the two questions. */
static int read_table(const struct family *family, int socket_fd, const char *name, struct rules_ruleset *ruleset)
{
    struct ipt_getinfo info = {{0}};
    socklen_t len = sizeof(info);
    _cleanup_free_ struct ipt_get_entries *entries = NULL;
    struct legacy_table table = {.name = name, .ip6 = family->ip6};

    memcpy(info.name, name, strnlen(name, sizeof(info.name) - 1));
    if (getsockopt(socket_fd, family->level, family->info, &info, &len) < 0)
        return errno == ENOENT ? 0 : -errno;
    len = (socklen_t)(sizeof(*entries) + info.size);
    entries = calloc(1, len);
    if (!entries)
        return -ENOMEM;
    memcpy(entries->name, info.name, sizeof(entries->name));
    entries->size = info.size;
    if (getsockopt(socket_fd, family->level, family->entries, entries, &len) < 0)
        return errno == EINVAL ? -EAGAIN : -errno;
    table.hooks = info.valid_hooks;
    memcpy(table.entries, info.hook_entry, sizeof(table.entries));
    memcpy(table.underflows, info.underflow, sizeof(table.underflows));
    table.bytes = (const uint8_t *)entries->entrytable;
    table.len = entries->size;
    return legacy_add(&table, ruleset);
}

static int read_whole_table(const struct family *family, int socket_fd, const char *name, struct rules_ruleset *ruleset)
{
    int result = -EAGAIN;

    for (int attempt = 0; result == -EAGAIN && attempt < ATTEMPTS; attempt++)
        result = read_table(family, socket_fd, name, ruleset);
    return result;
}

static int read_family(const struct family *family, struct rules_ruleset *ruleset, struct tapnet_error *error)
{
    _cleanup_fclose_ FILE *names = fopen(family->names, "re");
    _cleanup_close_ int socket_fd = -1;
    char name[XT_TABLE_MAXNAMELEN + 2];

    for (int i = 0; names && i < TABLES_MAX && fgets(name, sizeof(name), names); i++) {
        int result;

        name[strcspn(name, "\n")] = '\0';
        if (socket_fd < 0)
            socket_fd = socket(family->domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
        if (socket_fd < 0)
            return errno == EPERM || errno == EACCES
                       ? 0
                       : error_set_errno(error, -errno, "cannot ask for %s", family->names);
        result = read_whole_table(family, socket_fd, name, ruleset);
        if (result < 0)
            return error_set_errno(error, result, "cannot read the legacy %s table %s",
                                   family->ip6 ? "ip6tables" : "iptables", name);
    }
    return 0;
}

int legacy_read(struct rules_ruleset *ruleset, struct tapnet_error *error)
{
    int result = read_family(&families[0], ruleset, error);

    return result < 0 ? result : read_family(&families[1], ruleset, error);
}
