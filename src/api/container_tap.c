/* SPDX-License-Identifier: MIT */
/* A TAP beside a container's interface, for a VMM in its namespace; all of it within that namespace. */
#include "api/container_tap.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "netlink/redirect.h"
#include "netlink/sysctl.h"

#define HERE (-1) /* the namespace that we are in */

DEFINE_CLEANUP(struct netlink *, netlink_close)
DEFINE_CLEANUP(struct tapnet_device_list *, tapnet_device_list_free)

/* ---- making ---- */

/* Persistent, so that it is there for whoever opens it by its name. */
static int make_device(const struct tapnet_container_tap *tap, uint32_t mtu, struct tapnet_error *error)
{
    const struct tapnet_device_change change = {
        .fields = TAPNET_FIELD_MTU | (tap->owner != TAPNET_ID_NONE ? TAPNET_FIELD_OWNER : 0u) |
                  (tap->group != TAPNET_ID_NONE ? TAPNET_FIELD_GROUP : 0u),
        .mtu = mtu,
        .owner = tap->owner,
        .group = tap->group,
    };
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    struct tapnet_device *device;
    int result;

    options.name = tap->name;
    options.kind = TAPNET_TAP;
    options.flags = TAPNET_DEVICE_NEW | TAPNET_DEVICE_PERSISTENT | TAPNET_DEVICE_MARK | TAPNET_DEVICE_UP |
                    (tap->multi_queue ? TAPNET_DEVICE_MULTI_QUEUE : 0u);
    options.change = &change;
    result = tapnet_device_open(&options, &device, error);
    if (result < 0)
        return result;
    tapnet_device_close(device);
    return 0;
}

/* What the namespace's own stack would say by it to the guest. */
static int silence(const char *name, struct tapnet_error *error)
{
    char path[64];
    int result;

    snprintf(path, sizeof(path), "net/ipv6/conf/%s/disable_ipv6", name);
    result = sysctl_write(path, "1", error);
    return result == -ENOENT ? 0 : result;
}

static int join(struct netlink *netlink, int index, int tap_index, struct tapnet_error *error)
{
    int result = netlink_redirect_add(netlink, index, tap_index, error);

    return result < 0 ? result : netlink_redirect_add(netlink, tap_index, index, error);
}

int container_tap_make(struct netlink *netlink, const struct tapnet_container_tap *tap, int index, uint32_t mtu,
                       struct tapnet_error *error)
{
    int result = container_tap_remove(tap, error);

    if (result == 0)
        result = make_device(tap, mtu, error);
    if (result < 0)
        return result;
    result = silence(tap->name, error);
    if (result == 0)
        result = join(netlink, index, (int)if_nametoindex(tap->name), error);
    if (result < 0)
        tapnet_device_delete(HERE, tap->name, true, NULL);
    return result;
}

/* ---- looking ---- */

/* What is not as it was made; NULL: nothing. */
static const char *find_fault(const struct tapnet_device_info *info, const struct tapnet_container_tap *tap)
{
    if (info->kind != TAPNET_TAP || info->multi_queue != tap->multi_queue || !info->persistent)
        return "it is another";
    if ((tap->owner != TAPNET_ID_NONE && info->owner != tap->owner) || info->group != tap->group)
        return "it has another owner";
    return info->up ? NULL : "it is down";
}

static int check_join(struct netlink *netlink, int index, int tap_index, struct tapnet_error *error)
{
    int out = 0, back = 0, result = netlink_redirect_get(netlink, index, &out, error);

    if (result == 0)
        result = netlink_redirect_get(netlink, tap_index, &back, error);
    if (result == 0 && (out != tap_index || back != index))
        result = error_set(error, -ENOLINK,
                           "what comes in by one of it and the interface does not go out by the other");
    return result;
}

int container_tap_check(struct netlink *netlink, const struct tapnet_container_tap *tap, int index,
                        struct tapnet_error *error)
{
    struct tapnet_device_list *list cleanup(cleanup_tapnet_device_list_free) = NULL;
    int result = tapnet_device_list(HERE, tap->name, &list, error);
    const char *fault = result == 0 ? find_fault(tapnet_device_info(list, 0), tap) : NULL;

    if (fault)
        result = error_set(error, -ENOLINK, "%s", fault);
    if (result == 0)
        result = check_join(netlink, index, tapnet_device_info(list, 0)->index, error);
    return result < 0 ? error_prefix(error, result, "TAP %s", tap->name) : 0;
}

/* ---- taking away ---- */

/* Does what comes in by it go out by a device that is there? Then it is another interface's, which is in use. */
static int check_is_left(int tap_index, const char *name, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    char other[IF_NAMESIZE];
    int out = 0, result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = netlink_redirect_get(netlink, tap_index, &out, error);
    if (result == 0 && out && if_indextoname((unsigned)out, other))
        result = error_set(error, -EEXIST, "%s is the TAP of the container's interface %s: give each its own name",
                           name, other);
    return result;
}

int container_tap_remove(const struct tapnet_container_tap *tap, struct tapnet_error *error)
{
    struct tapnet_device_list *list cleanup(cleanup_tapnet_device_list_free) = NULL;
    int result = tapnet_device_list(HERE, tap->name, &list, error);

    if (result == -ENODEV)
        return if_nametoindex(tap->name) == 0
                   ? 0
                   : error_set(error, -EEXIST, "%s is an interface of the container's own", tap->name);
    if (result == 0 && strcmp(tapnet_device_info(list, 0)->origin, "added") != 0)
        result = error_set(error, -EEXIST, "%s is a device of the container's own", tap->name);
    if (result == 0)
        result = check_is_left(tapnet_device_info(list, 0)->index, tap->name, error);
    return result < 0 ? result : tapnet_device_delete(HERE, tap->name, true, error);
}
