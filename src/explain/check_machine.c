/* SPDX-License-Identifier: MIT */
/* Checks of what else lives on the machine: virtualisation, other firewalls, resolvers, programs that manage links. */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "explain/doctor.h"
#include "netlink/log.h"

#define KVM "/dev/kvm"
#define VHOST "/dev/vhost-net"
#define RESOLV_CONF "/etc/resolv.conf"
#define DNS_PORT 53

/* ---- virtualisation ---- */

/* Does /proc/cpuinfo have one of the flags? */
static bool cpu_can_virtualise(void)
{
    _cleanup_fclose_ FILE *file = fopen("/proc/cpuinfo", "re");
    char line[4096];

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "flags", 5) == 0)
            return strstr(line, " vmx") || strstr(line, " svm");
    return !file; /* other processors have other words for it */
}

int doctor_check_kvm(struct doctor *doctor, const struct doctor_check *check)
{
    _cleanup_close_ int fd = open(KVM, O_RDWR | O_CLOEXEC);
    int number = fd < 0 ? -errno : 0;

    if (fd >= 0 && ioctl(fd, KVM_GET_API_VERSION, 0) == KVM_API_VERSION)
        return 0;
    return doctor_add(doctor, check, NULL,
                      doctor_print(doctor, KVM " %s%s",
                                   number == -ENOENT ? "is not there"
                                   : number < 0      ? "may not be opened"
                                                     : "is no KVM",
                                   cpu_can_virtualise() ? "" : ", and the processor does not say that it could"));
}

int doctor_check_vhost(struct doctor *doctor, const struct doctor_check *check)
{
    if (access(VHOST, F_OK) == 0)
        return 0;
    return doctor_add(doctor, check, NULL, doctor_print(doctor, VHOST " is not there"));
}

/* ---- netfilter ---- */

int doctor_check_foreign_table(struct doctor *doctor, const struct doctor_check *check)
{
    if (!doctor->host.found->foreign_table)
        return 0;
    return doctor_add(doctor, check, "nft list tables | grep tapnet",
                      doctor_print(doctor, "somebody else has an nftables table called tapnet"));
}

/* The set of a link of ours; "" when @object is none. */
static const char *set_of_link(const struct model_object *object)
{
    return object->kind == MODEL_OBJECT_LINK ? object->link.owner.set : "";
}

static bool has_links(const struct model_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++)
        if (*set_of_link(&objects->items[i]))
            return true;
    return false;
}

int doctor_check_log(struct doctor *doctor, const struct doctor_check *check)
{
    unsigned port = netlink_log_holder(GUARD_LOG_GROUP);

    if (has_links(&doctor->host.found->objects) || !port) /* with a network up it is our service */
        return 0;
    return doctor_add(doctor, check, NULL,
                      doctor_print(doctor, "netfilter's log group %u is held by somebody else (netlink port %u)",
                                   GUARD_LOG_GROUP, port));
}

static bool has_rules(const struct doctor *doctor, bool legacy)
{
    for (size_t i = 0; i < doctor->host.rules.chain_count; i++) {
        const struct rules_chain *chain = &doctor->host.rules.chains[i];

        if (chain->family == RULES_IP4 && explain_is_of_iptables(chain) && chain->legacy == legacy &&
            (chain->rule_count || chain->drops))
            return true;
    }
    return false;
}

int doctor_check_two_iptables(struct doctor *doctor, const struct doctor_check *check)
{
    if (!has_rules(doctor, true) || !has_rules(doctor, false))
        return 0;
    return doctor_add(doctor, check, NULL,
                      doctor_print(doctor, "there are rules of iptables-legacy and rules of iptables-nft"));
}

/* ---- resolvers ---- */

static bool listens(const struct doctor *doctor, const struct ip_address *address)
{
    for (size_t i = 0; i < doctor->listener_count; i++) {
        const struct netlink_listener *listener = &doctor->listeners[i];

        if (listener->protocol == IPPROTO_UDP && listener->port == DNS_PORT &&
            (!listener->address.family || ip_address_equal(&listener->address, address)))
            return true;
    }
    return false;
}

/* A resolver of this host's own, where nobody is. */
int doctor_check_resolver(struct doctor *doctor, const struct doctor_check *check)
{
    _cleanup_fclose_ FILE *file = fopen(RESOLV_CONF, "re");
    char line[256], word[64];
    int result = 0;

    while (file && fgets(line, sizeof(line), file) && result == 0) {
        struct ip_address address = {0};

        if (sscanf(line, "nameserver %63s", word) != 1 || ip_address_parse(word, &address) < 0 ||
            address.family != AF_INET || address.bytes[0] != 127 || listens(doctor, &address))
            continue;
        result = doctor_add(doctor, check, NULL,
                            doctor_print(doctor, RESOLV_CONF " names %s, and nobody listens there", word));
    }
    return result;
}

/* ---- programs that manage links ---- */

/* The places of a file that keeps somebody from links of ours: the host's own, the package's, and `make install`'s. */
#define PLACES 3
#define UDEV_RULE "udev/rules.d/75-tapnet.rules"
#define NETWORK_FILE "systemd/network/10-tapnet.network"

static const char *const rule_places[PLACES] = {"/etc/" UDEV_RULE, "/usr/lib/" UDEV_RULE, "/usr/local/lib/" UDEV_RULE};
static const char *const network_places[PLACES] = {"/etc/" NETWORK_FILE, "/usr/lib/" NETWORK_FILE,
                                                   "/usr/local/lib/" NETWORK_FILE};

/* 1952542830 is MODEL_LINK_GROUP, in which a link of ours is from its first instant. */
#define WRITE_RULE                                                                                                     \
    "mkdir -p /etc/udev/rules.d && echo 'SUBSYSTEM==\"net\", ATTR{netdev_group}==\"1952542830\", ENV{TAPNET}=\"1\", "  \
    "ENV{NM_UNMANAGED}=\"1\"' > /etc/" UDEV_RULE
#define WRITE_NETWORK                                                                                                  \
    "mkdir -p /etc/systemd/network && printf '[Match]\\nProperty=TAPNET=1\\n[Link]\\nUnmanaged=yes\\n' "               \
    "> /etc/" NETWORK_FILE " && networkctl reload"

/* Each with the file that keeps it from ours: without it, it is kept by nothing. */
static const struct manager {
    const char *command, *needs;
    const char *const *places;
    const char *mend;
} managers[] = {
    {"NetworkManager", UDEV_RULE, rule_places, WRITE_RULE},
    {"systemd-network", UDEV_RULE, rule_places, WRITE_RULE}, /* as much of the name as the kernel keeps */
    {"systemd-network", NETWORK_FILE, network_places, WRITE_NETWORK},
};

static bool is_installed(const struct manager *manager)
{
    for (size_t i = 0; i < PLACES; i++)
        if (access(manager->places[i], F_OK) == 0)
            return true;
    return false;
}

static void cleanup_closedir(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

/* Is the process @pid called @command, in our network namespace? */
static bool is_manager(const char *pid, const char *command, const struct stat *netns)
{
    char path[64], name[32] = "";
    _cleanup_fclose_ FILE *file = NULL;
    struct stat theirs;

    snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    file = fopen(path, "re");
    if (!file || !fgets(name, sizeof(name), file) || strncmp(name, command, strlen(command)) != 0)
        return false;
    snprintf(path, sizeof(path), "/proc/%.20s/ns/net", pid);
    return stat(path, &theirs) == 0 && theirs.st_ino == netns->st_ino && theirs.st_dev == netns->st_dev;
}

static bool runs(const char *command)
{
    DIR *directory cleanup(cleanup_closedir) = opendir("/proc");
    const struct dirent *entry;
    struct stat netns;

    if (!directory || stat("/proc/thread-self/ns/net", &netns) < 0)
        return false;
    while ((entry = readdir(directory)))
        if (isdigit((unsigned char)entry->d_name[0]) && is_manager(entry->d_name, command, &netns))
            return true;
    return false;
}

int doctor_check_managers(struct doctor *doctor, const struct doctor_check *check)
{
    int result = 0;

    for (size_t i = 0; i < ARRAY_COUNT(managers) && result == 0; i++) {
        const struct manager *manager = &managers[i];

        if (is_installed(manager) || !runs(manager->command))
            continue;
        result = doctor_add(doctor, check, manager->mend,
                            doctor_print(doctor,
                                         "%s runs here, and there is no file %s, which keeps it from tapnet's links",
                                         manager->command, manager->needs));
    }
    return result;
}

/* ---- leftovers ---- */

/* A persistent TUN or TAP that is not ours and that nobody holds. */
static bool is_left_over(const struct doctor *doctor, const struct observe_link *found)
{
    const struct explain_link *link = explain_find_index(&doctor->host, found->index);

    return link && link->is_tun && !link->plugged && !explain_find_holder(&doctor->host, found->name);
}

int doctor_check_leftover_devices(struct doctor *doctor, const struct doctor_check *check)
{
    const struct observe_found *found = doctor->host.found;
    int result = 0;

    for (size_t i = 0; i < found->link_count && result == 0; i++)
        if (is_left_over(doctor, &found->links[i]))
            result = doctor_add(
                doctor, check,
                doctor_print(doctor, "ip link del dev %s", explain_word(&doctor->arena, found->links[i].name)),
                doctor_print(doctor, "%s is a TUN or TAP that nobody holds and no set of tapnet has",
                             found->links[i].name));
    return result;
}

static bool has_record(const struct model_objects *objects, const char *set)
{
    for (size_t i = 0; i < objects->count; i++)
        if (objects->items[i].kind == MODEL_OBJECT_RECORD && strcmp(objects->items[i].record.set, set) == 0)
            return true;
    return false;
}

bool doctor_is_leftover(const struct doctor *doctor, const char *set)
{
    const struct model_objects *objects = &doctor->host.found->objects;

    for (size_t i = 0; i < objects->count; i++)
        if (strcmp(set_of_link(&objects->items[i]), set) == 0)
            return !has_record(objects, set);
    return false;
}

static bool is_first_of_set(const struct model_objects *objects, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(set_of_link(&objects->items[i]), set_of_link(&objects->items[index])) == 0)
            return false;
    return true;
}

/* Links of ours are there, and somebody tidied the run directory up: what a set was, its name alone tells. */
int doctor_check_leftover_sets(struct doctor *doctor, const struct doctor_check *check)
{
    const struct model_objects *objects = &doctor->host.found->objects;
    int result = 0;

    for (size_t i = 0; i < objects->count && result == 0; i++) {
        const char *set = set_of_link(&objects->items[i]);

        if (*set && is_first_of_set(objects, i) && !has_record(objects, set))
            result = doctor_add(
                doctor, check, doctor_print(doctor, "tapnet down %s", explain_word(&doctor->arena, set)),
                doctor_print(doctor, "%s and what belongs to it is of set %s, of which no record is left",
                             objects->items[i].link.name, set));
    }
    return result;
}
