/* SPDX-License-Identifier: MIT */
/* Reads the tables of ip_tables by getsockopt(2) (linux/netfilter_ipv4/ip_tables.h). */
#include "xtables/legacy.h"

#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define NAMES "/proc/thread-self/net/ip_tables_names"
#define ATTEMPTS 10
#define TABLES_MAX 16 /* there are five */

/* -EAGAIN: the table became larger or smaller between the two questions. */
static int read_table(int socket_fd, const char *name, struct rules_ruleset *ruleset)
{
    struct ipt_getinfo info = {{0}};
    socklen_t len = sizeof(info);
    _cleanup_free_ struct ipt_get_entries *entries = NULL;
    struct legacy_table table = {.name = name};

    memcpy(info.name, name, strnlen(name, sizeof(info.name) - 1));
    if (getsockopt(socket_fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &len) < 0)
        return errno == ENOENT ? 0 : -errno;
    len = (socklen_t)(sizeof(*entries) + info.size);
    entries = calloc(1, len);
    if (!entries)
        return -ENOMEM;
    memcpy(entries->name, info.name, sizeof(entries->name));
    entries->size = info.size;
    if (getsockopt(socket_fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, entries, &len) < 0)
        return errno == EINVAL ? -EAGAIN : -errno;
    table.hooks = info.valid_hooks;
    memcpy(table.entries, info.hook_entry, sizeof(table.entries));
    memcpy(table.underflows, info.underflow, sizeof(table.underflows));
    table.bytes = (const uint8_t *)entries->entrytable;
    table.len = entries->size;
    return legacy_add(&table, ruleset);
}

static int read_whole_table(int socket_fd, const char *name, struct rules_ruleset *ruleset)
{
    int result = -EAGAIN;

    for (int attempt = 0; result == -EAGAIN && attempt < ATTEMPTS; attempt++)
        result = read_table(socket_fd, name, ruleset);
    return result;
}

int legacy_read(struct rules_ruleset *ruleset, struct tapnet_error *error)
{
    _cleanup_fclose_ FILE *names = fopen(NAMES, "re");
    _cleanup_close_ int socket_fd = -1;
    char name[XT_TABLE_MAXNAMELEN + 2];

    for (int i = 0; names && i < TABLES_MAX && fgets(name, sizeof(name), names); i++) {
        int result;

        name[strcspn(name, "\n")] = '\0';
        if (socket_fd < 0)
            socket_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
        if (socket_fd < 0)
            return errno == EPERM || errno == EACCES ? 0 : error_set_errno(error, -errno, "cannot ask for " NAMES);
        result = read_whole_table(socket_fd, name, ruleset);
        if (result < 0)
            return error_set_errno(error, result, "cannot read the legacy iptables table %s", name);
    }
    return 0;
}
