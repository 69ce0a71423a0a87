/* SPDX-License-Identifier: MIT */
/* One link from what is there to what is wanted: makes, changes or removes bridges, TAPs and TUNs. */
#include "apply/apply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * A bridge says nothing of the host's other addresses, unless it takes the place of an uplink, which has its own way
 * (apply_link_imitate()); a port itself, past its bridge, hears and says nothing.
 */
static unsigned restore_arp(const struct model_link *link)
{
    if (link->kind == MODEL_LINK_BRIDGE)
        return link->owner.mode == MODEL_MODE_BRIDGE ? 0u : NETLINK_LINK_ARP_IGNORE;
    return link->master[0] ? NETLINK_LINK_NO_ARP : 0u;
}

/* Everything a fresh link is told in one request: it is labelled and in its bridge before it can outlive us. */
static void change_for_new(const struct model_link *link, const char *alias, struct netlink_link_change *ret)
{
    *ret = (struct netlink_link_change){
        /* One address goes alone, also when it was the first of its subnet. A bridge's port may be routed one day. */
        .fields = NETLINK_LINK_ALIAS | NETLINK_LINK_GROUP | NETLINK_LINK_NO_IP6 | NETLINK_LINK_PROMOTE |
                  restore_arp(link),
        .alias = alias,
        .group = MODEL_LINK_GROUP,
        .mac = link->mac,
        .mtu = link->mtu,
        .up = link->up,
        .forwarding = link->forwarding,
        .route_localnet = link->route_localnet,
        .isolated = link->isolated,
        .routed = link->routed,
        .queue_length = link->queue_length,
    };
    if (link->kind == MODEL_LINK_TAP)
        ret->fields |= NETLINK_LINK_MAC;
    if (link->mtu && link->kind != MODEL_LINK_BRIDGE) /* a bridge got it when it was made */
        ret->fields |= NETLINK_LINK_MTU;
    if (link->master[0])
        ret->fields |= NETLINK_LINK_MASTER;
    if (link->isolated)
        ret->fields |= NETLINK_LINK_ISOLATED;
    if (link->routed)
        ret->fields |= NETLINK_LINK_ROUTED;
    if (link->up)
        ret->fields |= NETLINK_LINK_UP;
    if (link->forwarding)
        ret->fields |= NETLINK_LINK_FORWARDING;
    if (model_link_is_gateway(link)) /* off too: net.ipv4.conf.default may have turned it on */
        ret->fields |= NETLINK_LINK_ROUTE_LOCALNET;
    if (link->queue_length)
        ret->fields |= NETLINK_LINK_QUEUE_LENGTH;
}

/*
 * One request, or two: the kernel isolates only who is a port already. What becomes a port comes up isolated. When the
 * second fails, the first is to be undone by the caller: *ret_begun then.
 */
static int set_link(const struct apply_ops *ops, const struct model_link *link, struct netlink_link_change *change,
                    bool *ret_begun, struct tapnet_error *error)
{
    const unsigned port = NETLINK_LINK_MASTER | NETLINK_LINK_ISOLATED;
    unsigned last = change->fields & (NETLINK_LINK_ISOLATED | NETLINK_LINK_UP);
    int result;

    *ret_begun = false;
    if ((change->fields & port) != port)
        return ops->link_set(ops->data, link->name, change, link->master, error);
    change->fields &= ~last;
    result = ops->link_set(ops->data, link->name, change, link->master, error);
    if (result < 0)
        return result;
    *ret_begun = true;
    change->fields = last;
    return ops->link_set(ops->data, link->name, change, link->master, error);
}

static int make_bridge(const struct apply_ops *ops, const struct model_link *link, struct tapnet_error *error)
{
    struct netlink_link_change change;
    char alias[MODEL_ALIAS_MAX];
    int result = ops->bridge_create(ops->data, link, error);

    if (result < 0)
        return result;
    change_for_new(link, model_alias_print(&link->owner, alias), &change);
    result = ops->link_set(ops->data, link->name, &change, NULL, error);
    if (result < 0)
        ops->link_delete(ops->data, link->name, NULL); /* what was made half is not left */
    return result;
}

/* A fresh device that is down has the driver's own settings: the others. */
static int set_fresh(const struct apply_ops *ops, int fd, const struct model_link *link, struct tapnet_error *error)
{
    const struct model_settings *settings = &link->settings;
    int result = 0;

    if (link->link_type)
        result = ops->device_set(ops->data, fd, APPLY_LINK_TYPE, link->link_type, error);
    if (result == 0 && settings->offloads)
        result = ops->device_set(ops->data, fd, APPLY_OFFLOADS, settings->offloads, error);
    if (result == 0 && settings->vnet_header_size)
        result = ops->device_set(ops->data, fd, APPLY_VNET_HEADER_SIZE, settings->vnet_header_size, error);
    return result;
}

/*
 * A host that answers ARP for others waits up to 0.8 s for those to do it themselves (neigh/IF/proxy_delay, in
 * hundredths of a second). There is nobody else on a routed port. A nicety: who alters it later has it so.
 */
static int set_proxy_delay(const struct apply_ops *ops, const struct model_link *link, struct tapnet_error *error)
{
    char path[MODEL_SYSCTL_MAX];

    snprintf(path, sizeof(path), "net/ipv4/neigh/%s/proxy_delay", link->name);
    return ops->sysctl_write(ops->data, path, link->routed ? "0" : "80", error);
}

/*
 * A port that forwards IPv6 answers neighbour solicitations as a router, which its guest believes in. What it forwards
 * is asked of it only where the kernel knows force_forwarding; older ones have been told for all links by then.
 */
static int set_routing6(const struct apply_ops *ops, const struct model_link *link, struct tapnet_error *error)
{
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    const char *value = link->routed6 ? "1" : "0";
    char path[MODEL_SYSCTL_MAX];
    int result;

    snprintf(path, sizeof(path), "net/ipv6/conf/%s/forwarding", link->name);
    result = ops->sysctl_write(ops->data, path, value, error);
    if (result < 0)
        return result;
    snprintf(path, sizeof(path), "net/ipv6/conf/%s/force_forwarding", link->name);
    result = ops->sysctl_write(ops->data, path, value, &refusal);
    return result < 0 && result != -ENOENT ? error_set(error, result, "%s", refusal.text) : 0;
}

/*
 * Labels it, puts it in its bridge, has it route, shapes it: all that needs no descriptor. It comes up last, also where
 * something of it was refused: then it is deleted.
 */
static int set_up_port(const struct apply_ops *ops, const struct model_link *link, struct tapnet_error *error)
{
    struct netlink_link_change change;
    char alias[MODEL_ALIAS_MAX];
    bool begun;
    int result;

    change_for_new(link, model_alias_print(&link->owner, alias), &change);
    change.fields |= NETLINK_LINK_UP_LAST;
    result = set_link(ops, link, &change, &begun, error);
    if (result == 0 && link->routed)
        result = set_proxy_delay(ops, link, error);
    if (result == 0 && link->routed6)
        result = set_routing6(ops, link, error);
    if (result == 0 && link->receive)
        result = ops->link_shape(ops->data, link->name, link->receive, link->receive_burst, error);
    return result;
}

/*
 * A TAP or TUN lives with the descriptor until it is labelled, in its bridge and owned; only then is it kept. (One that
 * is caught before it is up: so what fails then takes that back.)
 */
static int make_device(const struct apply_ops *ops, const struct model_link *link, struct tapnet_error *error)
{
    _cleanup_close_ int fd = -1;
    int result = ops->device_open(ops->data, link, true, &fd, error);

    if (result == 0)
        result = set_fresh(ops, fd, link, error);
    if (result == 0 && (link->user != MODEL_ID_NONE || link->group != MODEL_ID_NONE))
        result = ops->device_own(ops->data, fd, link, error); /* before it is up, when that would be told to all */
    if (result == 0)
        result = set_up_port(ops, link, error);
    if (result == 0 && link->persistent)
        result = ops->device_keep(ops->data, fd, true, error);
    if (result < 0 && fd >= 0)
        ops->device_keep(ops->data, fd, false, NULL);
    return result;
}

/* It is ours from its first instant, by its group; it has no carrier before somebody brings its other end up. */
static int make_veth(const struct apply_ops *ops, const struct model_link *link, struct tapnet_error *error)
{
    int result = ops->veth_create(ops->data, link, error);

    if (result < 0)
        return result;
    result = set_up_port(ops, link, error);
    if (result < 0)
        ops->link_delete(ops->data, link->name, NULL); /* and the other end with it */
    return result;
}

static int make(const struct apply_ops *ops, const struct model_link *link, struct tapnet_error *error)
{
    switch (link->kind) {
    case MODEL_LINK_BRIDGE:
        return make_bridge(ops, link, error);
    case MODEL_LINK_VETH:
        return make_veth(ops, link, error);
    default:
        return make_device(ops, link, error);
    }
}

static bool owner_equal(const struct model_owner *a, const struct model_owner *b)
{
    return strcmp(a->set, b->set) == 0 && strcmp(a->network, b->network) == 0 && strcmp(a->port, b->port) == 0 &&
           a->origin == b->origin && a->mode == b->mode && mac_equal(&a->guest_mac, &b->guest_mac);
}

/* What somebody altered is put right in one direction only: undoing leaves it so. */
static unsigned restore_altered(unsigned altered, const struct model_link *link)
{
    return (altered & MODEL_ALTERED_GROUP ? NETLINK_LINK_GROUP : 0u) |
           (altered & MODEL_ALTERED_STP ? NETLINK_LINK_NO_STP : 0u) |
           (altered & MODEL_ALTERED_DELAY ? NETLINK_LINK_NO_DELAY : 0u) |
           (altered & MODEL_ALTERED_SNOOPING ? NETLINK_LINK_NO_SNOOPING : 0u) |
           (altered & MODEL_ALTERED_PORT ? NETLINK_LINK_NO_PORT_FLAGS : 0u) |
           (altered & MODEL_ALTERED_GROUPS ? NETLINK_LINK_NO_GROUP_EXITS : 0u) |
           (altered & MODEL_ALTERED_LEARNING ? NETLINK_LINK_LEARN_LIMIT : 0u) |
           (altered & MODEL_ALTERED_ARP ? restore_arp(link) : 0u);
}

/* The fields in which @before and @after differ, as one request. */
static void change_between(const struct model_link *before, const struct model_link *after, const char *alias,
                           struct netlink_link_change *ret)
{
    change_for_new(after, alias, ret);
    ret->fields = 0;
    if (!owner_equal(&before->owner, &after->owner))
        ret->fields |= NETLINK_LINK_ALIAS | NETLINK_LINK_GROUP;
    if (after->kind != MODEL_LINK_TUN && !mac_equal(&before->mac, &after->mac))
        ret->fields |= NETLINK_LINK_MAC;
    if (after->mtu && before->mtu != after->mtu)
        ret->fields |= NETLINK_LINK_MTU;
    if (strcmp(before->master, after->master) != 0)
        ret->fields |= NETLINK_LINK_MASTER;
    if (after->master[0] && after->isolated != (before->isolated && !(ret->fields & NETLINK_LINK_MASTER)))
        ret->fields |= NETLINK_LINK_ISOLATED;
    if (before->routed != after->routed)
        ret->fields |= NETLINK_LINK_ROUTED | restore_arp(after);
    if (before->up != after->up)
        ret->fields |= NETLINK_LINK_UP;
    if (after->queue_length && before->queue_length != after->queue_length)
        ret->fields |= NETLINK_LINK_QUEUE_LENGTH;
    if (after->kind == MODEL_LINK_BRIDGE && before->forwarding != after->forwarding &&
        after->owner.mode != MODEL_MODE_BRIDGE)
        ret->fields |= NETLINK_LINK_FORWARDING;
    if ((model_link_is_gateway(before) || model_link_is_gateway(after)) &&
        before->route_localnet != after->route_localnet)
        ret->fields |= NETLINK_LINK_ROUTE_LOCALNET;
    ret->fields |= restore_altered(before->altered, after);
}

/* What of a device only a descriptor changes. The link type is not among it: a device of another one is made anew. */
enum descriptor_part {
    PART_OFFLOADS = 1 << 0,
    PART_VNET_HEADER_SIZE = 1 << 1,
    PART_OWNER = 1 << 2,
    PART_KEEP = 1 << 3,
};

static unsigned parts_between(const struct model_link *before, const struct model_link *after)
{
    const struct model_settings *had = &before->settings, *wants = &after->settings;

    return (model_offloads_equal(wants, had) ? 0u : PART_OFFLOADS) |
           (model_vnet_header_size(had) == model_vnet_header_size(wants) ? 0u : PART_VNET_HEADER_SIZE) |
           (before->user == after->user && before->group == after->group ? 0u : PART_OWNER) |
           (before->persistent == after->persistent ? 0u : PART_KEEP);
}

static int set_part(const struct apply_ops *ops, int fd, const struct model_link *link, unsigned part,
                    struct tapnet_error *error)
{
    const struct model_settings *settings = &link->settings;

    switch ((enum descriptor_part)part) {
    case PART_OFFLOADS:
        return ops->device_set(ops->data, fd, APPLY_OFFLOADS, settings->offloads, error);
    case PART_VNET_HEADER_SIZE:
        return ops->device_set(ops->data, fd, APPLY_VNET_HEADER_SIZE, model_vnet_header_size(settings), error);
    case PART_OWNER:
        return ops->device_own(ops->data, fd, link, error);
    case PART_KEEP:
        return ops->device_keep(ops->data, fd, link->persistent, error);
    }
    return 0;
}

/* Needs the device opened, which fails while a guest holds its only queue: said as such. All of it or nothing. */
static int change_device(const struct apply_ops *ops, const struct model_link *before, const struct model_link *after,
                         struct tapnet_error *error)
{
    unsigned parts = parts_between(before, after), part;
    _cleanup_close_ int fd = -1;
    int result;

    if (after->kind == MODEL_LINK_BRIDGE || !parts)
        return 0;
    result = ops->device_open(ops->data, after, false, &fd, error);
    if (result < 0)
        return error_prefix(error, result, "cannot change owner, persistence or settings of %s: unplug its guest first",
                            after->name);
    for (part = 1; part <= PART_KEEP && result == 0; part <<= 1)
        if (parts & part)
            result = set_part(ops, fd, after, part, error);
    if (result == 0)
        return 0;
    for (part >>= 2; part; part >>= 1) /* from the one before the one that failed */
        if (parts & part)
            set_part(ops, fd, before, part, NULL);
    return result;
}

/* In front of the device, what it is to have; its guest's connections go on. */
static int change_shape(const struct apply_ops *ops, const struct model_link *before, const struct model_link *after,
                        struct tapnet_error *error)
{
    if (model_receive_equal(after, before))
        return 0;
    return ops->link_shape(ops->data, after->name, after->receive, after->receive_burst, error);
}

/* What can't be changed in place is two steps of the plan: away, and made anew. */
static int change(const struct apply_ops *ops, const struct model_link *before, const struct model_link *after,
                  struct tapnet_error *error)
{
    struct netlink_link_change change;
    char alias[MODEL_ALIAS_MAX];
    bool begun = false;
    int result;

    result = change_device(ops, before, after, error);
    if (result < 0)
        return result;
    result = change_shape(ops, before, after, error);
    if (result < 0) {
        change_device(ops, after, before, NULL);
        return result;
    }
    change_between(before, after, model_alias_print(&after->owner, alias), &change);
    result = change.fields ? set_link(ops, after, &change, &begun, error) : 0;
    if (begun && result < 0) {
        change_between(after, before, model_alias_print(&before->owner, alias), &change);
        set_link(ops, before, &change, &begun, NULL);
    }
    if (result < 0) {
        change_shape(ops, after, before, NULL);
        change_device(ops, after, before, NULL);
    }
    return result;
}

/* The same, of a port that begins to route or ends. */
static int change_routing(const struct apply_ops *ops, const struct model_link *before, const struct model_link *after,
                          struct tapnet_error *error)
{
    int result = set_proxy_delay(ops, after, error);

    if (result < 0)
        return result;
    result = change(ops, before, after, error);
    if (result < 0)
        set_proxy_delay(ops, before, NULL);
    return result;
}

int apply_link(const struct apply_ops *ops, const struct model_link *before, const struct model_link *after,
               struct tapnet_error *error)
{
    int result;

    if (!before)
        return make(ops, after, error);
    if (!after)
        return ops->link_delete(ops->data, before->name, error);
    result = before->routed6 == after->routed6 ? 0 : set_routing6(ops, after, error);
    if (result == 0)
        result = before->routed == after->routed ? change(ops, before, after, error)
                                                 : change_routing(ops, before, after, error);
    if (result < 0 && before->routed6 != after->routed6)
        set_routing6(ops, before, NULL);
    return result;
}
