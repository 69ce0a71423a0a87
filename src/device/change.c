/* SPDX-License-Identifier: MIT */
/* Changes of a device: one after the other, and all of them back when one fails. */
#include <errno.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/array.h"
#include "device/device.h"
#include "device/tun.h"
#include "netlink/address.h"

/*
 * How it works: a table has one row a setting, in the order in which settings are made: what needs the link down before
 * it comes up, and last what can't be undone (the kernel takes no owner or group away). Before a row writes, it reads
 * what there was; undo writes these values in reverse.
 */

struct setting {
    unsigned field;
    bool needs_fd;
    /* Puts the value of before into @ret; negative when nobody can tell: then it is not undone. */
    int (*read)(const struct device_target *target, struct tapnet_device_change *ret);
    int (*write)(const struct device_target *target, const struct tapnet_device_change *change,
                 struct tapnet_error *error);
};

static int link_set(const struct device_target *target, const struct netlink_link_change *change, const char *what,
                    struct tapnet_error *error)
{
    int result = netlink_link_set(target->netlink, target->before.link.index, NULL, change, error);

    if (result == -EPERM)
        return error_set(error, result, "may not set %s: CAP_NET_ADMIN is needed (run as root)", what);
    return result < 0 ? error_prefix(error, result, "cannot set %s", what) : 0;
}

/* ---- one pair for each setting ---- */

static int read_link_type(const struct device_target *target, struct tapnet_device_change *ret)
{
    ret->link_type = target->before.link.type;
    return 0;
}

static int write_link_type(const struct device_target *target, const struct tapnet_device_change *change,
                           struct tapnet_error *error)
{
    return device_set_link_type(target->fd, change->link_type, error);
}

static int read_mark(const struct device_target *target, struct tapnet_device_change *ret)
{
    ret->mark = device_link_is_marked(&target->before);
    return 0;
}

static int write_mark(const struct device_target *target, const struct tapnet_device_change *change,
                      struct tapnet_error *error)
{
    struct netlink_link_change link = {.fields = NETLINK_LINK_ALIAS};
    char origin[DEVICE_ALIAS_MAX + 8], alias[DEVICE_ALIAS_MAX];

    if (target->undoing) { /* whatever somebody had written there */
        link.alias = target->before.alias;
        return link_set(target, &link, "the alias", error);
    }
    if (device_link_is_of_set(&target->before, origin))
        return error_set(error, -EPERM, "%s belongs to %s: only its file can change that", target->before.link.name,
                         origin);
    link.alias = change->mark ? device_alias_print(target->before.link.name, alias) : "";
    return link_set(target, &link, "the alias", error);
}

static int read_mac(const struct device_target *target, struct tapnet_device_change *ret)
{
    memcpy(ret->mac, target->before.link.mac.bytes, sizeof(ret->mac));
    return 0;
}

/* By descriptor when there is one: its holder needs no right. */
static int write_mac(const struct device_target *target, const struct tapnet_device_change *change,
                     struct tapnet_error *error)
{
    struct netlink_link_change link = {.fields = NETLINK_LINK_MAC};

    if (target->fd >= 0)
        return device_set_mac(target->fd, change->mac, error);
    memcpy(link.mac.bytes, change->mac, sizeof(link.mac.bytes));
    return link_set(target, &link, "the MAC", error);
}

static int read_mtu(const struct device_target *target, struct tapnet_device_change *ret)
{
    ret->mtu = target->before.link.mtu;
    return 0;
}

static int write_mtu(const struct device_target *target, const struct tapnet_device_change *change,
                     struct tapnet_error *error)
{
    const struct netlink_link_change link = {.fields = NETLINK_LINK_MTU, .mtu = change->mtu};

    return link_set(target, &link, "the MTU", error);
}

static int read_queue_length(const struct device_target *target, struct tapnet_device_change *ret)
{
    ret->queue_length = target->before.link.queue_length;
    return 0;
}

static int write_queue_length(const struct device_target *target, const struct tapnet_device_change *change,
                              struct tapnet_error *error)
{
    const struct netlink_link_change link = {.fields = NETLINK_LINK_QUEUE_LENGTH, .queue_length = change->queue_length};

    return link_set(target, &link, "the queue length", error);
}

/* The index of bridge @name; 0 for NULL. @force: also of a set's, whose guards know nothing of another port. */
static int find_bridge(const struct device_target *target, const char *name, bool force, int *ret,
                       struct tapnet_error *error)
{
    struct device_link bridge;
    char text[64], origin[DEVICE_ALIAS_MAX + 8];
    int result;

    if (!name) {
        *ret = 0;
        return 0;
    }
    result = device_link_find(target->netlink, name, &bridge, error);
    if (result < 0)
        return result;
    if (strcmp(bridge.kind, "bridge") != 0)
        return error_set(error, -EINVAL, "%s is no bridge but %s", name, device_link_describe(&bridge, text));
    if (!force && device_link_is_of_set(&bridge, origin))
        return error_set(
            error, -EPERM,
            "%s is the bridge of a network of %s, and what is behind a port that its file does not know is "
            "not held to an address: add a port to the file and bring it up again (`tapnet status --json` "
            "names the file); all else must be forced",
            name, origin);
    *ret = bridge.link.index;
    return 0;
}

static int read_bridge(const struct device_target *target, struct tapnet_device_change *ret)
{
    (void)target;
    ret->bridge = NULL;
    return 0;
}

static int write_bridge(const struct device_target *target, const struct tapnet_device_change *change,
                        struct tapnet_error *error)
{
    struct netlink_link_change link = {.fields = NETLINK_LINK_MASTER};
    int result = 0;

    if (target->undoing)
        link.master_index = target->before.link.master_index;
    else
        result = find_bridge(target, change->bridge, change->force, &link.master_index, error);
    return result < 0 ? result : link_set(target, &link, "the bridge", error);
}

static int read_offloads(const struct device_target *target, struct tapnet_device_change *ret)
{
    struct device_features *features;
    int result = device_features_open(&features, NULL);

    if (result < 0)
        return result;
    result = device_features_get(features, target->before.link.name, &ret->offloads);
    device_features_close(features);
    return result;
}

static int write_offloads(const struct device_target *target, const struct tapnet_device_change *change,
                          struct tapnet_error *error)
{
    return device_set_offloads(target->fd, change->offloads, error);
}

static int read_send_buffer(const struct device_target *target, struct tapnet_device_change *ret)
{
    return ioctl(target->fd, TUNGETSNDBUF, &ret->send_buffer) < 0 ? -errno : 0;
}

static int write_send_buffer(const struct device_target *target, const struct tapnet_device_change *change,
                             struct tapnet_error *error)
{
    return device_set_send_buffer(target->fd, change->send_buffer, error);
}

static int read_header_size(const struct device_target *target, struct tapnet_device_change *ret)
{
    return ioctl(target->fd, TUNGETVNETHDRSZ, &ret->vnet_header_size) < 0 ? -errno : 0;
}

static int write_header_size(const struct device_target *target, const struct tapnet_device_change *change,
                             struct tapnet_error *error)
{
    return device_set_header_size(target->fd, change->vnet_header_size, error);
}

static int read_header_order(const struct device_target *target, struct tapnet_device_change *ret)
{
    return device_get_header_order(target->fd, &ret->vnet_header_order);
}

static int write_header_order(const struct device_target *target, const struct tapnet_device_change *change,
                              struct tapnet_error *error)
{
    return device_set_header_order(target->fd, change->vnet_header_order, error);
}

static int read_carrier(const struct device_target *target, struct tapnet_device_change *ret)
{
    /* A link that is down tells nothing of its carrier: one that is held has it. */
    ret->carrier = target->before.link.carrier || !target->before.link.up;
    return 0;
}

static int write_carrier(const struct device_target *target, const struct tapnet_device_change *change,
                         struct tapnet_error *error)
{
    const struct netlink_link_change link = {.fields = NETLINK_LINK_CARRIER, .carrier = change->carrier};

    int result;

    if (target->fd >= 0)
        return device_carrier(target->fd, change->carrier, error);
    result = link_set(target, &link, "the carrier", error);
    if (result == -EPERM && change->carrier) /* the driver's answer when there is no queue, too */
        return error_set(error, result,
                         "may not turn the carrier on: a program must hold the device, and "
                         "CAP_NET_ADMIN is needed");
    return result;
}

static int read_up(const struct device_target *target, struct tapnet_device_change *ret)
{
    ret->up = target->before.link.up;
    return 0;
}

static int write_up(const struct device_target *target, const struct tapnet_device_change *change,
                    struct tapnet_error *error)
{
    const struct netlink_link_change link = {.fields = NETLINK_LINK_UP, .up = change->up};

    return link_set(target, &link, change->up ? "the link up" : "the link down", error);
}

static int read_owner(const struct device_target *target, struct tapnet_device_change *ret)
{
    ret->owner = target->before.link.tun_user;
    return ret->owner == TAPNET_ID_NONE ? -ENODATA : 0;
}

static int write_owner(const struct device_target *target, const struct tapnet_device_change *change,
                       struct tapnet_error *error)
{
    return device_own(target->fd, change->owner, DEVICE_ID_NONE, error);
}

static int read_group(const struct device_target *target, struct tapnet_device_change *ret)
{
    ret->group = target->before.link.tun_group;
    return ret->group == TAPNET_ID_NONE ? -ENODATA : 0;
}

static int write_group(const struct device_target *target, const struct tapnet_device_change *change,
                       struct tapnet_error *error)
{
    return device_own(target->fd, DEVICE_ID_NONE, change->group, error);
}

static int read_persistent(const struct device_target *target, struct tapnet_device_change *ret)
{
    ret->persistent = target->before.link.tun_persistent;
    return 0;
}

static int write_persistent(const struct device_target *target, const struct tapnet_device_change *change,
                            struct tapnet_error *error)
{
    return device_keep(target->fd, change->persistent, error);
}

/* ---- addresses: all of them are one row ---- */

static int change_address(const struct device_target *target, const char *text, bool add, struct tapnet_error *error)
{
    int index = target->before.link.index, result;
    struct ip_prefix prefix;

    if (ip_prefix_parse(text, -1, &prefix) < 0)
        return error_set(error, -EINVAL, "'%s' is no address with a prefix length, like 10.0.0.1/24", text);
    result = add ? netlink_address_add(target->netlink, index, &prefix, DEVICE_ADDRESS_PROTOCOL, error)
                 : netlink_address_delete(target->netlink, index, &prefix, error);
    return result < 0 ? error_prefix(error, result, "cannot %s address %s", add ? "add" : "remove", text) : 0;
}

/* Changes @texts in order; those that were changed are changed back when one fails. */
static int change_addresses(const struct device_target *target, const char *const *texts, size_t count, bool add,
                            struct tapnet_error *error)
{
    for (size_t i = 0; i < count; i++) {
        int result = change_address(target, texts[i], add, error);

        if (result < 0) {
            while (i-- > 0)
                change_address(target, texts[i], !add, NULL);
            return result;
        }
    }
    return 0;
}

static int read_addresses(const struct device_target *target, struct tapnet_device_change *ret)
{
    (void)target;
    (void)ret;
    return 0;
}

static int write_addresses(const struct device_target *target, const struct tapnet_device_change *change,
                           struct tapnet_error *error)
{
    bool add = !target->undoing;
    const char *const *first = add ? change->removed_addresses : change->addresses;
    const char *const *second = add ? change->addresses : change->removed_addresses;
    size_t first_count = add ? change->removed_address_count : change->address_count;
    size_t second_count = add ? change->address_count : change->removed_address_count;
    int result = change_addresses(target, first, first_count, false, error);

    if (result == 0)
        result = change_addresses(target, second, second_count, true, error);
    if (result < 0 && add) /* undo does what it can and goes on */
        change_addresses(target, first, first_count, true, NULL);
    return result;
}

/* ---- the table ---- */

#define FIELD_ADDRESSES (1u << 31) /* of the table alone: the change has them when it has some */
#define FIELD_DOWN (1u << 30)      /* the link goes down before anything else, and comes up behind the rest */

static const struct setting settings[] = {
    {FIELD_DOWN, false, read_up, write_up},
    {TAPNET_FIELD_LINK_TYPE, true, read_link_type, write_link_type},
    {TAPNET_FIELD_MARK, false, read_mark, write_mark},
    {TAPNET_FIELD_MAC, false, read_mac, write_mac},
    {TAPNET_FIELD_MTU, false, read_mtu, write_mtu},
    {TAPNET_FIELD_QUEUE_LENGTH, false, read_queue_length, write_queue_length},
    {TAPNET_FIELD_BRIDGE, false, read_bridge, write_bridge},
    {TAPNET_FIELD_VNET_HEADER_SIZE, true, read_header_size, write_header_size},
    {TAPNET_FIELD_VNET_HEADER_ORDER, true, read_header_order, write_header_order},
    {TAPNET_FIELD_OFFLOADS, true, read_offloads, write_offloads},
    {TAPNET_FIELD_SEND_BUFFER, true, read_send_buffer, write_send_buffer},
    {TAPNET_FIELD_CARRIER, false, read_carrier, write_carrier},
    {FIELD_ADDRESSES, false, read_addresses, write_addresses},
    {TAPNET_FIELD_UP, false, read_up, write_up},
    {TAPNET_FIELD_OWNER, true, read_owner, write_owner},
    {TAPNET_FIELD_GROUP, true, read_group, write_group},
    {TAPNET_FIELD_PERSISTENT, true, read_persistent, write_persistent},
};

/* The rows of the table that @change asks for. */
static unsigned fields_of(const struct tapnet_device_change *change)
{
    unsigned fields = change->fields;

    if (fields & TAPNET_FIELD_UP && !change->up)
        fields = (fields & ~(unsigned)TAPNET_FIELD_UP) | FIELD_DOWN;
    if (change->address_count || change->removed_address_count)
        fields |= FIELD_ADDRESSES;
    return fields;
}

bool device_change_needs_fd(const struct tapnet_device_change *change)
{
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++)
        if (settings[i].needs_fd && change->fields & settings[i].field)
            return true;
    return false;
}

static void undo(struct device_target *target, const struct tapnet_device_change *change, unsigned fields,
                 const struct tapnet_device_change *before, size_t done)
{
    target->undoing = true;
    while (done-- > 0)
        if (fields & settings[done].field)
            settings[done].write(target, settings[done].field == FIELD_ADDRESSES ? change : before, NULL);
    target->undoing = false;
}

int device_change_apply(struct device_target *target, const struct tapnet_device_change *change,
                        struct tapnet_error *error)
{
    struct tapnet_device_change before = {0};
    unsigned fields = fields_of(change), undoable = 0;

    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
        int result;

        if (!(fields & settings[i].field))
            continue;
        if (settings[i].read(target, &before) == 0)
            undoable |= settings[i].field;
        result = settings[i].write(target, change, error);
        if (result < 0) {
            undo(target, change, undoable, &before, i);
            return error_prefix(error, result, "device %s", target->before.link.name);
        }
    }
    return 0;
}

/* ---- checks ---- */

static int check_offloads(unsigned offloads, struct tapnet_error *error)
{
    const unsigned tso = TAPNET_OFFLOAD_TSO4 | TAPNET_OFFLOAD_TSO6;
    const unsigned uso = TAPNET_OFFLOAD_USO4 | TAPNET_OFFLOAD_USO6;

    if (offloads & ~(unsigned)TAPNET_OFFLOAD_CHECKSUM && !(offloads & TAPNET_OFFLOAD_CHECKSUM))
        return error_set(error, -EINVAL, "every other offload needs the checksum's");
    if (offloads & TAPNET_OFFLOAD_TSO_ECN && !(offloads & tso))
        return error_set(error, -EINVAL, "TSO with ECN needs TSO4 or TSO6");
    if (offloads & uso && (offloads & uso) != uso)
        return error_set(error, -EINVAL, "USO4 and USO6 go together");
    if (offloads & TAPNET_OFFLOAD_UDP_TUNNEL_CHECKSUM && !(offloads & TAPNET_OFFLOAD_UDP_TUNNEL))
        return error_set(error, -EINVAL, "the checksum of UDP tunnels needs UDP tunnels");
    if (offloads & TAPNET_OFFLOAD_UDP_TUNNEL && !(offloads & (tso | uso)))
        return error_set(error, -EINVAL, "UDP tunnels need TSO or USO");
    return 0;
}

static int check_mac(const uint8_t mac[6], enum tapnet_device_kind kind, struct tapnet_error *error)
{
    struct mac copy;

    memcpy(copy.bytes, mac, sizeof(copy.bytes));
    if (kind == TAPNET_TUN)
        return error_set(error, -EINVAL, "a TUN has no MAC");
    if (mac_is_multicast(&copy) || mac_is_zero(&copy))
        return error_set(error, -EINVAL, "a device's MAC can't be %s", mac_is_zero(&copy) ? "zero" : "multicast");
    return 0;
}

static int check_addresses(const char *const *texts, size_t count, struct tapnet_error *error)
{
    struct ip_prefix prefix;

    for (size_t i = 0; i < count; i++)
        if (ip_prefix_parse(texts[i], -1, &prefix) < 0)
            return error_set(error, -EINVAL, "'%s' is no address with a prefix length, like 10.0.0.1/24", texts[i]);
    return 0;
}

#define MAP_LINE_MAX 64 /* three numbers of ten digits, aligned */

/* Is @id mapped in our user namespace? @map is /proc/self/uid_map or gid_map; yes when nobody can tell. */
static bool id_exists(const char *map, uint32_t id)
{
    _cleanup_fclose_ FILE *file = fopen(map, "re");
    char line[MAP_LINE_MAX];

    while (file && fgets(line, sizeof(line), file)) { /* "first outside count" */
        char *rest;
        unsigned long first = strtoul(line, &rest, 10), count;

        strtoul(rest, &rest, 10);
        count = strtoul(rest, NULL, 10);
        if (id >= first && id - first < count)
            return true;
    }
    return !file;
}

static int check_ids(const struct tapnet_device_change *change, struct tapnet_error *error)
{
    if (change->fields & TAPNET_FIELD_OWNER && !id_exists("/proc/self/uid_map", change->owner))
        return error_set(error, -EINVAL, "there is no user %u in this user namespace", change->owner);
    if (change->fields & TAPNET_FIELD_GROUP && !id_exists("/proc/self/gid_map", change->group))
        return error_set(error, -EINVAL, "there is no group %u in this user namespace", change->group);
    return 0;
}

int device_change_check(const struct tapnet_device_change *change, enum tapnet_device_kind kind,
                        struct tapnet_error *error)
{
    unsigned fields = change->fields;
    int result = check_ids(change, error);

    if (result == 0 && fields & TAPNET_FIELD_MAC)
        result = check_mac(change->mac, kind, error);
    if (result == 0 && fields & TAPNET_FIELD_OFFLOADS)
        result = check_offloads(change->offloads, error);
    if (result == 0)
        result = check_addresses(change->addresses, change->address_count, error);
    if (result == 0)
        result = check_addresses(change->removed_addresses, change->removed_address_count, error);
    if (result < 0)
        return result;
    if (fields & TAPNET_FIELD_BRIDGE && change->bridge && kind == TAPNET_TUN)
        return error_set(error, -EINVAL, "a TUN carries no Ethernet frames: it can't be a port of a bridge");
    if (fields & TAPNET_FIELD_SEND_BUFFER && change->send_buffer < 0)
        return error_set(error, -EINVAL, "a send buffer of %d bytes", change->send_buffer);
    if (fields & TAPNET_FIELD_VNET_HEADER_SIZE && change->vnet_header_size < 10)
        return error_set(error, -EINVAL, "a vnet header has 10 bytes or more, not %d", change->vnet_header_size);
    return 0;
}
