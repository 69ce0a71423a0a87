/* SPDX-License-Identifier: MIT */
/* Why a device can't be opened, as a sentence that says what would help. */
#include "device/explain.h"

#include <errno.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device/device.h"
#include "device/holders.h"

int device_explain_node(int code, const char *node, struct tapnet_error *error)
{
    switch (code) {
    case -ENOENT:
        return error_set(error, code, "%s does not exist: run `modprobe tun`, or, in a container, pass the node in",
                         node);
    case -ENODEV:
    case -ENXIO:
        return error_set(error, code, "%s has no driver behind it: run `modprobe tun`", node);
    case -EACCES:
    case -EPERM:
        return error_set(error, code,
                         "may not open %s: run as root, which making a device needs (CAP_NET_ADMIN); to open one that "
                         "is there and is yours, `chmod 666 %s` (its usual mode) is enough",
                         node, node);
    case -EISDIR:
    case -ENOTTY:
        return error_set(error, code,
                         "%s is not the tun driver's node: put that in its place (`mknod -m 666 %s c 10 200`) or, in a "
                         "container, pass the host's node in",
                         node, node);
    default:
        return error_set_errno(error, code, "cannot open %s", node);
    }
}

static const char *noun_of(unsigned flags)
{
    return flags & IFF_TAP ? "TAP" : "TUN";
}

static bool find_link(const char *name, struct device_link *ret)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;

    return netlink_open(NETLINK_ROUTE, &netlink, NULL) == 0 && device_link_find(netlink, name, ret, NULL) == 0;
}

/* ---- EBUSY ---- */

bool device_explain_holders(const char *name, char *text, size_t size)
{
    _cleanup_free_ struct device_holder *holders = NULL;
    const struct device_holder *shown[2] = {NULL, NULL};
    size_t count = 0, processes = 0;

    if (device_holders(-1, &holders, &count, NULL) < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool again = i && strcmp(holders[i - 1].device, name) == 0 && holders[i - 1].pid == holders[i].pid;

        if (strcmp(holders[i].device, name) != 0 || again)
            continue;
        if (processes < 2)
            shown[processes] = &holders[i];
        processes++;
    }
    if (processes == 1)
        snprintf(text, size, "%s (%d)", shown[0]->command, shown[0]->pid);
    else if (processes == 2)
        snprintf(text, size, "%s (%d) and %s (%d)", shown[0]->command, shown[0]->pid, shown[1]->command, shown[1]->pid);
    else if (processes)
        snprintf(text, size, "%s (%d) and %zu more", shown[0]->command, shown[0]->pid, processes - 1);
    return processes > 0;
}

int device_explain_busy(const char *noun, const char *name, struct tapnet_error *error)
{
    char holders[256];

    if (device_explain_holders(name, holders, sizeof(holders)))
        return error_set(error, -EBUSY, "%s %s is held by %s", noun, name, holders);
    return error_set(error, -EBUSY, "%s %s is held by a process of another user or PID namespace, which can't be seen",
                     noun, name);
}

static int explain_taken(const char *name, unsigned flags, struct tapnet_error *error)
{
    struct device_link link;
    char text[64];

    if (strchr(name, '%') || !find_link(name, &link)) /* it is not the device that is busy */
        return error_set(error, -EBUSY, "cannot make %s: the interface index that is wanted is taken", name);
    if (flags & IFF_TUN_EXCL)
        return error_set(error, -EEXIST, "%s exists already: it is %s", name, device_link_describe(&link, text));
    return device_explain_busy(noun_of(flags), name, error);
}

/* ---- EINVAL ---- */

static int explain_difference(const char *name, unsigned flags, const struct device_link *link,
                              struct tapnet_error *error)
{
    bool tap = flags & IFF_TAP, several = flags & IFF_MULTI_QUEUE;
    const char *had = link->link.tun_multi_queue ? "several queues" : "one queue";
    char text[64];

    device_link_describe(link, text);
    if (strcmp(link->kind, "tun") != 0)
        return error_set(error, -EINVAL, "the name %s is taken: it is %s", name, text);
    if (link->link.tun_is_tap != tap && link->link.tun_multi_queue != several)
        return error_set(error, -EINVAL, "%s is %s made for %s; wanted is a %s with %s", name, text, had,
                         noun_of(flags), several ? "several" : "one");
    if (link->link.tun_is_tap != tap)
        return error_set(error, -EINVAL, "%s is %s; wanted is a %s", name, text, noun_of(flags));
    if (link->link.tun_multi_queue != several)
        return error_set(error, -EINVAL, "%s %s was made for %s and must be opened so", noun_of(flags), name, had);
    return error_set_errno(error, -EINVAL, "cannot open %s %s", noun_of(flags), name);
}

static int explain_invalid(const char *name, unsigned flags, struct tapnet_error *error)
{
    struct device_link link;

    if (!strchr(name, '%') && find_link(name, &link))
        return explain_difference(name, flags, &link, error);
    return error_set(error, -EINVAL, "the kernel takes no device of the name '%s'", name);
}

/* ---- EPERM ---- */

/* "user alice (1000)" */
static void print_user(uint32_t id, char *text, size_t size)
{
    struct passwd entry, *found = NULL;
    char buffer[2048];

    if (getpwuid_r(id, &entry, buffer, sizeof(buffer), &found) == 0 && found)
        snprintf(text, size, "user %s (%u)", found->pw_name, id);
    else
        snprintf(text, size, "user %u", id);
}

static void print_group(uint32_t id, char *text, size_t size)
{
    struct group entry, *found = NULL;
    char buffer[2048];

    if (getgrgid_r(id, &entry, buffer, sizeof(buffer), &found) == 0 && found)
        snprintf(text, size, "group %s (%u)", found->gr_name, id);
    else
        snprintf(text, size, "group %u", id);
}

static int explain_permission(const char *name, unsigned flags, struct tapnet_error *error)
{
    char user[128] = "", group[128] = "", caller[128];
    struct device_link link;

    if (flags & IFF_NAPI_FRAGS)
        return error_set(error, -EPERM, "NAPI fragments need CAP_NET_ADMIN in the first user namespace: run as root");
    if (strchr(name, '%') || !find_link(name, &link))
        return error_set(error, -EPERM, "may not make %s %s: CAP_NET_ADMIN is needed (run as root)", noun_of(flags),
                         name);
    print_user(geteuid(), caller, sizeof(caller));
    if (link.link.tun_user != TAPNET_ID_NONE)
        print_user(link.link.tun_user, user, sizeof(user));
    if (link.link.tun_group != TAPNET_ID_NONE)
        print_group(link.link.tun_group, group, sizeof(group));
    return error_set(error, -EPERM, "may not open %s %s: it is for %s%s%s, this is %s; else CAP_NET_ADMIN is needed",
                     noun_of(flags), name, user,
                     *user && *group ? " who is also in "
                     : *group        ? "members of "
                                     : "",
                     group, caller);
}

int device_explain_open(int code, const char *name, unsigned flags, struct tapnet_error *error)
{
    const char *noun = noun_of(flags);

    switch (code) {
    case -EBUSY:
        return explain_taken(name, flags, error);
    case -EINVAL:
        return explain_invalid(name, flags, error);
    case -EPERM:
        return explain_permission(name, flags, error);
    case -E2BIG:
        return error_set(error, code, "%s %s has all of its %d queues", noun, name, TAPNET_DEVICE_QUEUES_MAX);
    case -ENFILE:
        return error_set(error, code, "every name like '%s' is taken", name);
    default:
        return error_set_errno(error, code, "cannot open %s %s", noun, name);
    }
}
