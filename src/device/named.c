/* SPDX-License-Identifier: MIT */
/* Changing and deleting: an open device, or one that is known by its name and may be somebody else's. */
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/explain.h"
#include "device/holders.h"
#include "device/tun.h"

/* ---- an open device ---- */

struct set_call {
    int fd;
    const struct tapnet_device_change *change;
};

static int set_there(void *data, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct set_call *call = data;
    struct device_target target = {.fd = call->fd};
    char name[IFNAMSIZ];
    short flags;
    int result = device_identify(call->fd, name, &flags, error);

    if (result == 0)
        result = netlink_open(NETLINK_ROUTE, &netlink, error);
    if (result == 0)
        result = device_link_find_tun(netlink, name, &target.before, error);
    target.netlink = netlink;
    return result < 0 ? result : device_change_apply(&target, call->change, error);
}

API int tapnet_device_set(struct tapnet_device *device, const struct tapnet_device_change *change,
                          struct tapnet_error *error)
{
    struct set_call call = {device->queues[0], change};
    int result = device_change_check(change, device->kind, error);

    return result < 0 ? result : device_beside(call.fd, set_there, &call, error);
}

/* ---- a device by its name ---- */

/* A descriptor of a holder of @name that may be borrowed; negative when there is none. */
static int borrow(const char *name)
{
    _cleanup_free_ struct device_holder *holders = NULL;
    size_t count = 0;

    if (device_holders(-1, &holders, &count, NULL) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int fd = strcmp(holders[i].device, name) == 0 ? device_holder_borrow(&holders[i]) : -1;

        if (fd >= 0)
            return fd;
    }
    return -ENOENT;
}

/*
 * A descriptor of the device @link: a holder's own, so that nothing of the device changes by it; else one that is
 * opened in the format that it has, without carrier. Only a device that has neither can't be had: -EBUSY.
 */
static int get_descriptor(const struct device_link *link, int *ret, struct tapnet_error *error)
{
    struct device_queue queue = {.name = link->link.name, .nonblocking = true};
    unsigned known = 0;
    int fd = borrow(link->link.name);

    if (fd >= 0) {
        *ret = fd;
        return 0;
    }
    (void)device_kernel_features(NULL, &known, NULL);
    queue.flags = link->link.tun_is_tap ? IFF_TAP : IFF_TUN;
    queue.flags |= known & IFF_NO_CARRIER;
    queue.flags |= link->link.tun_multi_queue ? IFF_MULTI_QUEUE : 0;
    queue.flags |= link->link.tun_packet_information ? 0 : IFF_NO_PI;
    queue.flags |= link->link.tun_vnet_header ? IFF_VNET_HDR : 0;
    return device_open_queue(&queue, NULL, ret, error);
}

/* What a set's file says of its devices, the set's keeper and the next `up` put right again. */
static int check_changeable(const struct device_link *link, struct tapnet_error *error)
{
    char origin[DEVICE_ALIAS_MAX + 8];

    if (!device_link_is_of_set(link, origin))
        return 0;
    return error_set(error, -EPERM,
                     "%s belongs to %s: edit its file and bring it up again (`tapnet status --json` names the file); a "
                     "change made here, which the keeper undoes, must be forced",
                     link->link.name, origin);
}

struct change_call {
    const char *name;
    const struct tapnet_device_change *change;
};

static int change_there(void *data, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct change_call *call = data;
    struct device_target target = {.fd = -1};
    _cleanup_close_ int fd = -1;
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = device_link_find_tun(netlink, call->name, &target.before, error);
    if (result == 0 && !call->change->force)
        result = check_changeable(&target.before, error);
    if (result == 0)
        result = device_change_check(call->change, target.before.link.tun_is_tap ? TAPNET_TAP : TAPNET_TUN, error);
    if (result == 0 && device_change_needs_fd(call->change))
        result = get_descriptor(&target.before, &fd, error);
    target.fd = fd;
    target.netlink = netlink;
    return result < 0 ? result : device_change_apply(&target, call->change, error);
}

static int check_name(const char *name, struct tapnet_error *error)
{
    if (*name && strlen(name) < IFNAMSIZ)
        return 0;
    return error_set(error, -ENODEV, "there is no device '%s': names have 1 to 15 characters", name);
}

API int tapnet_device_change(int netns, const char *name, const struct tapnet_device_change *change,
                             struct tapnet_error *error)
{
    struct change_call call = {name, change};
    int result = check_name(name, error);

    return result < 0 ? result : device_in_netns(netns, change_there, &call, error);
}

/* ---- deleting ---- */

struct delete_call {
    const char *name;
    bool force;
};

static bool is_held(const char *name)
{
    _cleanup_free_ struct device_holder *holders = NULL;
    size_t count = 0;

    device_holders(-1, &holders, &count, NULL);
    for (size_t i = 0; i < count; i++)
        if (strcmp(holders[i].device, name) == 0)
            return true;
    return false;
}

/* Is it ours, and nobody's at the moment? */
static int check_deletable(const struct device_link *link, struct tapnet_error *error)
{
    const char *name = link->link.name, *noun = link->link.tun_is_tap ? "TAP" : "TUN";
    char origin[DEVICE_ALIAS_MAX + 8];

    if (device_link_is_of_set(link, origin))
        return error_set(error, -EPERM, "%s %s belongs to %s, which takes it away", noun, name, origin);
    if (!*origin)
        return error_set(error, -EPERM, "%s %s was not made by tapnet: deleting it must be forced", noun, name);
    /* What nobody is seen to hold may still be held; a device that is not persistent always is. */
    if (is_held(name) || device_link_queues(link) || !link->link.tun_persistent ||
        (link->link.up && link->link.carrier))
        return device_explain_busy(noun, name, error);
    return 0;
}

static int delete_there(void *data, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    const struct delete_call *call = data;
    struct device_link link = {.link = {.index = 0}};
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = device_link_find_tun(netlink, call->name, &link, error);
    if (result == 0 && !call->force)
        result = check_deletable(&link, error);
    if (result < 0)
        return result;
    result = netlink_link_delete(netlink, link.link.index, error);
    if (result == -EPERM)
        return error_set(error, result, "may not delete %s: CAP_NET_ADMIN is needed (run as root)", call->name);
    return result < 0 ? error_prefix(error, result, "cannot delete %s", call->name) : 0;
}

API int tapnet_device_delete(int netns, const char *name, bool force, struct tapnet_error *error)
{
    struct delete_call call = {name, force};
    int result = check_name(name, error);

    return result < 0 ? result : device_in_netns(netns, delete_there, &call, error);
}
