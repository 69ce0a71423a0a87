/* SPDX-License-Identifier: MIT */
/* What is known of devices: from rtnetlink, from /proc, and from a descriptor where there is one. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/arena.h"
#include "base/array.h"
#include "device/device.h"
#include "device/holders.h"
#include "netlink/address.h"

/*
 * How it works: one dump of links, one of addresses, one walk of /proc. Texts live in the arena of the list; all links
 * are kept by index and name, because a master is told by its index.
 */

struct tapnet_device_list {
    struct arena arena;
    struct tapnet_device_info *items;
    size_t count, capacity;
};

struct name_row {
    int index;
    char name[IFNAMSIZ];
};

struct list_call {
    const char *name; /* NULL: all */
    int fd;           /* of the device, to ask it: -1 for the first holder's */
    bool other;       /* a link of that name is something else */
    char other_text[64];
    struct tapnet_device_list *list;
    struct name_row *names; /* of all links */
    size_t name_count, name_capacity;
    int *masters; /* of list->items */
    size_t master_capacity;
};

DEFINE_CLEANUP(struct device_features *, device_features_close)

API void tapnet_device_list_free(struct tapnet_device_list *list)
{
    if (!list)
        return;
    arena_fini(&list->arena);
    free(list->items);
    free(list);
}

API const struct tapnet_device_info *tapnet_device_info(const struct tapnet_device_list *list, size_t index)
{
    return index < list->count ? &list->items[index] : NULL;
}

/* ---- links ---- */

static int keep_name(struct list_call *call, const struct netlink_link *link)
{
    int result = array_reserve((void **)&call->names, &call->name_capacity, call->name_count, 1, sizeof(*call->names));
    struct name_row *row;

    if (result < 0)
        return result;
    row = &call->names[call->name_count++];
    row->index = link->index;
    memcpy(row->name, link->name, sizeof(row->name));
    return 0;
}

static int fill_link(struct arena *arena, const struct device_link *found, struct tapnet_device_info *ret)
{
    const struct netlink_link *link = &found->link;
    char origin[DEVICE_ALIAS_MAX + 8];

    *ret = (struct tapnet_device_info){
        .index = link->index,
        .kind = link->tun_is_tap ? TAPNET_TAP : TAPNET_TUN,
        .persistent = link->tun_persistent,
        .multi_queue = link->tun_multi_queue,
        .packet_information = link->tun_packet_information,
        .vnet_header = link->tun_vnet_header,
        .up = link->up,
        .carrier = link->carrier,
        .owner = link->tun_user,
        .group = link->tun_group,
        .queue_count = link->tun_queues,
        .detached_count = link->tun_detached_queues,
        .mtu = link->mtu,
        .queue_length = link->queue_length,
        .link_type = link->type,
        .alias = arena_strdup(arena, found->alias),
        .origin = arena_strdup(arena, device_link_origin(found, origin)),
        .bridge = "",
        .rx_bytes = link->rx_bytes,
        .rx_packets = link->rx_packets,
        .rx_dropped = link->rx_dropped,
        .tx_bytes = link->tx_bytes,
        .tx_packets = link->tx_packets,
        .tx_dropped = link->tx_dropped,
    };
    memcpy(ret->name, link->name, sizeof(ret->name));
    memcpy(ret->mac, link->mac.bytes, sizeof(ret->mac));
    return ret->alias && ret->origin ? 0 : -ENOMEM;
}

static int add_item(struct list_call *call, const struct netlink_link *link)
{
    struct tapnet_device_list *list = call->list;
    struct device_link found;
    int result = array_reserve((void **)&list->items, &list->capacity, list->count, 1, sizeof(*list->items));

    if (result == 0)
        result = array_reserve((void **)&call->masters, &call->master_capacity, list->count, 1, sizeof(int));
    if (result < 0)
        return result;
    device_link_copy(&found, link);
    result = fill_link(&list->arena, &found, &list->items[list->count]);
    if (result == 0)
        call->masters[list->count++] = link->master_index;
    return result;
}

static int read_link(const struct netlink_link *link, void *data)
{
    struct list_call *call = data;
    bool wanted = !call->name || strcmp(call->name, link->name) == 0;
    struct device_link found;
    int result = keep_name(call, link);

    if (result < 0 || !wanted)
        return result;
    if (strcmp(link->kind, "tun") == 0)
        return add_item(call, link);
    if (call->name) {
        device_link_copy(&found, link);
        device_link_describe(&found, call->other_text);
        call->other = true;
    }
    return 0;
}

static void restart_links(void *data)
{
    struct list_call *call = data;

    call->list->count = 0;
    call->name_count = 0;
    call->other = false;
}

static void name_bridges(struct list_call *call)
{
    for (size_t i = 0; i < call->list->count; i++)
        for (size_t j = 0; call->masters[i] && j < call->name_count; j++)
            if (call->names[j].index == call->masters[i]) {
                const char *name = arena_strdup(&call->list->arena, call->names[j].name);

                call->list->items[i].bridge = name ? name : "";
            }
}

static int compare_items(const void *a, const void *b)
{
    return strcmp(((const struct tapnet_device_info *)a)->name, ((const struct tapnet_device_info *)b)->name);
}

/* ---- addresses ---- */

struct address_row {
    int index;
    char text[IP_PREFIX_TEXT_MAX];
};

struct address_rows {
    struct address_row *items;
    size_t count, capacity;
};

static int keep_address(const struct netlink_address *address, void *data)
{
    struct address_rows *rows = data;
    int result = array_reserve((void **)&rows->items, &rows->capacity, rows->count, 1, sizeof(*rows->items));

    if (result < 0)
        return result;
    rows->items[rows->count].index = address->index;
    ip_prefix_print(&address->prefix, rows->items[rows->count++].text);
    return 0;
}

static void restart_addresses(void *data)
{
    ((struct address_rows *)data)->count = 0;
}

static int fill_addresses(struct arena *arena, const struct address_rows *rows, struct tapnet_device_info *info)
{
    const char **texts = arena_alloc(arena, (rows->count + 1) * sizeof(*texts));
    size_t count = 0;

    if (!texts)
        return -ENOMEM;
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->items[i].index != info->index)
            continue;
        texts[count] = arena_strdup(arena, rows->items[i].text);
        if (!texts[count++])
            return -ENOMEM;
    }
    info->addresses = texts;
    info->address_count = count;
    return 0;
}

static int add_addresses(struct list_call *call, struct netlink *netlink, struct tapnet_error *error)
{
    struct address_rows rows = {0};
    int result = netlink_address_dump(netlink, keep_address, restart_addresses, &rows, error);

    for (size_t i = 0; i < call->list->count && result == 0; i++) {
        result = fill_addresses(&call->list->arena, &rows, &call->list->items[i]);
        if (result < 0)
            error_set(error, result, "out of memory");
    }
    free(rows.items);
    return result;
}

/* ---- holders and descriptors ---- */

/* What a descriptor tells. Where one question fails, none is answered. */
static void ask_descriptor(int fd, struct tapnet_device_info *info)
{
    struct sock_fprog filter = {0};
    struct tapnet_device_info answer = *info;
    char name[IFNAMSIZ];
    short flags;

    if (device_identify(fd, name, &flags, NULL) < 0 || strcmp(name, info->name) != 0 ||
        ioctl(fd, TUNGETVNETHDRSZ, &answer.vnet_header_size) < 0 || ioctl(fd, TUNGETSNDBUF, &answer.send_buffer) < 0 ||
        device_get_header_order(fd, &answer.vnet_header_order) < 0)
        return;
    if (info->kind == TAPNET_TAP && ioctl(fd, TUNGETFILTER, &filter) < 0)
        return;
    answer.filter_length = filter.len;
    answer.napi = flags & IFF_NAPI;
    answer.napi_frags = flags & IFF_NAPI_FRAGS;
    answer.detail = true;
    *info = answer;
}

static int fill_holders(struct arena *arena, const struct device_holder *rows, size_t count,
                        struct tapnet_device_info *info)
{
    struct tapnet_device_holder *holders = arena_alloc(arena, (count + 1) * sizeof(*holders));
    size_t found = 0;

    if (!holders)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) { /* sorted by process */
        if (found && holders[found - 1].pid == rows[i].pid) {
            holders[found - 1].queue_count++;
            continue;
        }
        holders[found] = (struct tapnet_device_holder){
            .pid = rows[i].pid, .command = arena_strdup(arena, rows[i].command), .queue_count = 1};
        if (!holders[found++].command)
            return -ENOMEM;
    }
    info->holders = holders;
    info->holder_count = found;
    return 0;
}

/* The rows of @info's device among all, which are sorted by device. */
static const struct device_holder *rows_of(const struct device_holder *rows, size_t count, const char *name,
                                           size_t *ret_count)
{
    size_t first = 0, last;

    while (first < count && strcmp(rows[first].device, name) != 0)
        first++;
    for (last = first; last < count && strcmp(rows[last].device, name) == 0;)
        last++;
    *ret_count = last - first;
    return *ret_count ? rows + first : NULL;
}

static void ask_holder(const struct list_call *call, const struct device_holder *rows, size_t count,
                       struct tapnet_device_info *info)
{
    _cleanup_close_ int borrowed = -1;

    if (call->fd >= 0) {
        ask_descriptor(call->fd, info);
    } else if (count) {
        borrowed = device_holder_borrow(&rows[0]);
        if (borrowed >= 0)
            ask_descriptor(borrowed, info);
    }
}

static int add_holders(struct list_call *call, struct tapnet_error *error)
{
    _cleanup_free_ struct device_holder *rows = NULL;
    size_t count = 0;
    int result = device_holders(-1, &rows, &count, error);

    for (size_t i = 0; i < call->list->count && result == 0; i++) {
        struct tapnet_device_info *info = &call->list->items[i];
        size_t own_count;
        const struct device_holder *own = rows_of(rows, count, info->name, &own_count);

        ask_holder(call, own, own_count, info);
        result = fill_holders(&call->list->arena, own, own_count, info);
        if (result < 0)
            return error_set(error, result, "out of memory");
        /* Netlink counts the queues of those that were made for several only. */
        if (!info->multi_queue && (own_count || !info->persistent || call->fd >= 0))
            info->queue_count = 1;
    }
    return result;
}

static int add_offloads(const struct list_call *call, struct tapnet_error *error)
{
    struct device_features *features cleanup(cleanup_device_features_close) = NULL;
    int result = call->list->count ? device_features_open(&features, error) : 0;

    if (result < 0)
        return result;
    for (size_t i = 0; i < call->list->count; i++) /* a device that went meanwhile has none */
        device_features_get(features, call->list->items[i].name, &call->list->items[i].offloads);
    return 0;
}

/* ---- all of it ---- */

static int list_there(void *data, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct list_call *call = data;
    int result = netlink_open(NETLINK_ROUTE, &netlink, error);

    if (result == 0)
        result = netlink_link_dump_counted(netlink, read_link, restart_links, call, error);
    if (result < 0)
        return result;
    if (call->name && call->other)
        return error_set(error, -ENODEV, "%s is %s", call->name, call->other_text);
    if (call->name && !call->list->count)
        return error_set(error, -ENODEV, "there is no device %s", call->name);
    name_bridges(call);
    result = add_addresses(call, netlink, error);
    if (result == 0)
        result = add_holders(call, error);
    if (result == 0)
        result = add_offloads(call, error);
    if (call->list->count)
        qsort(call->list->items, call->list->count, sizeof(*call->list->items), compare_items);
    return result;
}

static int finish(struct list_call *call, int result, struct tapnet_device_list **ret)
{
    free(call->names);
    free(call->masters);
    if (result < 0)
        tapnet_device_list_free(call->list);
    else
        *ret = call->list;
    return result;
}

API int tapnet_device_list(int netns, const char *name, struct tapnet_device_list **ret, struct tapnet_error *error)
{
    struct list_call call = {.name = name, .fd = -1, .list = calloc(1, sizeof(*call.list))};

    if (!call.list)
        return error_set(error, -ENOMEM, "out of memory");
    return finish(&call, device_in_netns(netns, list_there, &call, error), ret);
}

API int tapnet_device_query(const struct tapnet_device *device, struct tapnet_device_list **ret,
                            struct tapnet_error *error)
{
    struct list_call call = {.fd = device->queues[0], .list = calloc(1, sizeof(*call.list))};
    char name[IFNAMSIZ];
    short flags;
    int result = call.list ? 0 : error_set(error, -ENOMEM, "out of memory");

    if (result == 0)
        result = device_identify(call.fd, name, &flags, error);
    call.name = name;
    if (result == 0)
        result = device_beside(call.fd, list_there, &call, error);
    return finish(&call, result, ret);
}
