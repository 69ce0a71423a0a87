/* SPDX-License-Identifier: MIT */
/* tapnet/bridge.h: reads and sets by rtnetlink, makes and deletes by the bridge's own ioctls. */
#include <tapnet/bridge.h>

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/bridge.h"

#define API __attribute__((visibility("default")))

/*
 * How it works: making, deleting and plugging go by SIOCBR*, since RTM_DELLINK would delete what is no bridge, or a
 * bridge that is in use, and a check beforehand would race. All else is rtnetlink, where one dump gives everything.
 */

DEFINE_CLEANUP(struct netlink *, netlink_close)

/* ---- reading ---- */

/* Entries of one kind as they come in; on a restart all is forgotten. */
struct list {
    void *items;
    size_t count, capacity, size;
    int master_index; /* ports of this bridge alone */
};

static void list_fini(struct list *list)
{
    free(list->items);
}

static int list_add(struct list *list, const void *item)
{
    if (array_reserve(&list->items, &list->capacity, list->count, 1, list->size) < 0)
        return -ENOMEM;
    memcpy((char *)list->items + list->count++ * list->size, item, list->size);
    return 0;
}

static void list_forget(void *data)
{
    struct list *list = data;

    list->count = 0;
}

static int add_bridge(const struct netlink_bridge_link *link, void *data)
{
    return link->is_bridge ? list_add(data, &link->bridge) : 0;
}

static int add_port(const struct netlink_bridge_link *link, void *data)
{
    const struct list *list = data;

    return link->is_port && link->master_index == list->master_index ? list_add(data, &link->port) : 0;
}

/* Sorted by name, which every item begins with, and handed to the caller. */
static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void list_give(struct list *list, int (*compare)(const void *, const void *), void **ret, size_t *ret_count)
{
    if (list->count)
        qsort(list->items, list->count, list->size, compare);
    *ret = list->items;
    *ret_count = list->count;
    list->items = NULL;
}

API int tapnet_bridge_list(struct tapnet_bridge **ret, size_t *ret_count, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct list list cleanup(list_fini) = {.size = sizeof(**ret)};
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = netlink_bridge_dump(netlink, add_bridge, list_forget, &list, error);
    if (result == 0)
        list_give(&list, compare_names, (void **)ret, ret_count);
    return result;
}

static int take_link(const struct netlink_bridge_link *link, void *data)
{
    struct netlink_bridge_link *ret = data;

    *ret = *link;
    return 0;
}

static int find_bridge(struct netlink *netlink, const char *name, struct netlink_bridge_link *ret,
                       struct tapnet_error *error)
{
    struct netlink_bridge_link link = {0};
    int result = strlen(name) < TAPNET_BRIDGE_NAME_MAX ? netlink_bridge_get(netlink, name, take_link, &link, error)
                                                       : error_set(error, -ENODEV, "the name is too long");

    if (result < 0)
        return error_prefix(error, result, "cannot find the bridge %s", name);
    if (!link.is_bridge)
        return error_set(error, -EOPNOTSUPP, "%s is no bridge", name);
    *ret = link;
    return 0;
}

API int tapnet_bridge_get(const char *name, struct tapnet_bridge *ret, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct netlink_bridge_link link = {.index = 0};
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = find_bridge(netlink, name, &link, error);
    if (result == 0)
        *ret = link.bridge;
    return result;
}

API int tapnet_bridge_ports(const char *bridge, struct tapnet_bridge_port **ret, size_t *ret_count,
                            struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct list list cleanup(list_fini) = {.size = sizeof(**ret)};
    struct netlink_bridge_link link = {.index = 0};
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = find_bridge(netlink, bridge, &link, error);
    if (result < 0)
        return result;
    list.master_index = link.index;
    result = netlink_bridge_dump(netlink, add_port, list_forget, &list, error);
    if (result == 0)
        list_give(&list, compare_names, (void **)ret, ret_count);
    return result;
}

/* ---- the forwarding database ---- */

struct mac_list {
    struct list list;
    const struct tapnet_bridge_port *ports;
    size_t port_count;
};

/* Entries of the bridge's own belong to no port: -1. */
static int port_number(const struct mac_list *macs, int index)
{
    for (size_t i = 0; i < macs->port_count; i++)
        if (macs->ports[i].index == index)
            return macs->ports[i].number;
    return -1;
}

static int add_mac(const struct netlink_bridge_mac *entry, void *data)
{
    struct mac_list *macs = data;
    struct tapnet_bridge_mac mac = {.local = entry->local, .age_csec = entry->age_csec};
    int number = entry->master_index == macs->list.master_index ? port_number(macs, entry->port_index) : -1;

    if (number < 0)
        return 0;
    mac.port = (uint16_t)number;
    memcpy(mac.mac, entry->mac.bytes, sizeof(mac.mac));
    return list_add(&macs->list, &mac);
}

static void forget_macs(void *data)
{
    struct mac_list *macs = data;

    list_forget(&macs->list);
}

static int compare_macs(const void *a, const void *b)
{
    const struct tapnet_bridge_mac *one = a, *other = b;

    return memcmp(one->mac, other->mac, sizeof(one->mac));
}

API int tapnet_bridge_macs(const char *bridge, struct tapnet_bridge_mac **ret, size_t *ret_count,
                           struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    _cleanup_free_ struct tapnet_bridge_port *ports = NULL;
    struct list list cleanup(list_fini) = {.size = sizeof(**ret)};
    struct mac_list macs = {.list = list};
    struct netlink_bridge_link link = {.index = 0};
    int result = tapnet_bridge_ports(bridge, &ports, &macs.port_count, error);

    if (result == 0)
        result = netlink_open(NETLINK_ROUTE, &netlink, error);
    if (result == 0)
        result = find_bridge(netlink, bridge, &link, error);
    if (result < 0)
        return result;
    macs.ports = ports;
    macs.list.master_index = link.index;
    result = netlink_bridge_mac_dump(netlink, add_mac, forget_macs, &macs, error);
    list = macs.list;
    if (result == 0)
        list_give(&list, compare_macs, (void **)ret, ret_count);
    return result;
}

/* ---- making, deleting, plugging ---- */

static int bridge_ioctl(unsigned long request, void *argument)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd < 0 || ioctl(fd, request, argument) < 0 ? -errno : 0;
}

API int tapnet_bridge_create(const char *name, struct tapnet_error *error)
{
    char cut[TAPNET_BRIDGE_NAME_MAX] = "";
    int result;

    strncpy(cut, name, sizeof(cut) - 1);
    result = bridge_ioctl(SIOCBRADDBR, cut);
    return result < 0 ? error_set_errno(error, result, "cannot make the bridge %s", name) : 0;
}

API int tapnet_bridge_delete(const char *name, struct tapnet_error *error)
{
    char cut[TAPNET_BRIDGE_NAME_MAX] = "";
    int result;

    strncpy(cut, name, sizeof(cut) - 1);
    result = bridge_ioctl(SIOCBRDELBR, cut);
    if (result == -EBUSY)
        return error_set(error, result, "cannot delete the bridge %s: it is up; `ip link set %s down` first", name,
                         name);
    return result < 0 ? error_set_errno(error, result, "cannot delete the bridge %s", name) : 0;
}

static int plug_ioctl(unsigned long request, const char *bridge, const char *port)
{
    struct ifreq words = {.ifr_ifindex = (int)if_nametoindex(port)};

    if (!words.ifr_ifindex)
        return -ENODEV;
    strncpy(words.ifr_name, bridge, sizeof(words.ifr_name) - 1);
    return bridge_ioctl(request, &words);
}

API int tapnet_bridge_add_port(const char *bridge, const char *port, struct tapnet_error *error)
{
    int result = plug_ioctl(SIOCBRADDIF, bridge, port);

    return result < 0 ? error_set_errno(error, result, "cannot plug %s into the bridge %s", port, bridge) : 0;
}

API int tapnet_bridge_remove_port(const char *bridge, const char *port, struct tapnet_error *error)
{
    int result = plug_ioctl(SIOCBRDELIF, bridge, port);

    return result < 0 ? error_set_errno(error, result, "cannot take %s out of the bridge %s", port, bridge) : 0;
}

/* ---- setting ---- */

API int tapnet_bridge_set(const char *bridge, enum tapnet_bridge_option option, uint32_t value,
                          struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct netlink_bridge_link link = {.index = 0};
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = find_bridge(netlink, bridge, &link, error);
    return result < 0 ? result : netlink_bridge_set(netlink, link.index, option, value, error);
}

API int tapnet_bridge_port_set(const char *port, enum tapnet_bridge_port_option option, uint32_t value,
                               struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct netlink_bridge_link link = {0};
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = netlink_bridge_get(netlink, port, take_link, &link, error);
    if (result < 0)
        return error_prefix(error, result, "cannot find the interface %s", port);
    if (!link.is_port)
        return error_set(error, -ENOENT, "%s is in no bridge", port);
    return netlink_bridge_port_set(netlink, link.index, option, value, error);
}
