/* SPDX-License-Identifier: MIT */
/* One link from what is there to what is wanted: makes, changes or removes bridges, TAPs and TUNs. */
#include "apply/apply.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

/* A bridge says nothing of the host's other addresses; a port itself, past its bridge, hears and says nothing. */
static unsigned restore_arp(const struct model_link *link)
{
    if (link->kind == MODEL_LINK_BRIDGE)
        return NETLINK_LINK_ARP_IGNORE;
    return link->master[0] ? NETLINK_LINK_NO_ARP : 0u;
}

/* Everything a fresh link is told in one request: it is labelled and in its bridge before it can outlive us. */
static void change_for_new(const struct model_link *link, const char *alias, struct netlink_link_change *ret)
{
    *ret = (struct netlink_link_change){
        .fields = NETLINK_LINK_ALIAS | NETLINK_LINK_GROUP | NETLINK_LINK_NO_IP6 | restore_arp(link),
        .alias = alias,
        .group = MODEL_LINK_GROUP,
        .mac = link->mac,
        .mtu = link->mtu,
        .up = link->up,
        .forwarding = link->forwarding,
        .isolated = link->isolated,
    };
    if (link->kind == MODEL_LINK_TAP)
        ret->fields |= NETLINK_LINK_MAC;
    if (link->mtu && link->kind != MODEL_LINK_BRIDGE) /* a bridge got it when it was made */
        ret->fields |= NETLINK_LINK_MTU;
    if (link->master[0])
        ret->fields |= NETLINK_LINK_MASTER;
    if (link->isolated)
        ret->fields |= NETLINK_LINK_ISOLATED;
    if (link->up)
        ret->fields |= NETLINK_LINK_UP;
    if (link->forwarding)
        ret->fields |= NETLINK_LINK_FORWARDING;
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

/* A TAP or TUN lives with the descriptor until it is labelled, in its bridge and owned; only then is it kept. */
static int make_device(const struct apply_ops *ops, const struct model_link *link, struct tapnet_error *error)
{
    struct netlink_link_change change;
    char alias[MODEL_ALIAS_MAX];
    _cleanup_close_ int fd = -1;
    bool begun;
    int result = ops->device_open(ops->data, link, true, &fd, error);

    if (result < 0)
        return result;
    change_for_new(link, model_alias_print(&link->owner, alias), &change);
    result = set_link(ops, link, &change, &begun, error);
    if (result == 0 && (link->user != MODEL_ID_NONE || link->group != MODEL_ID_NONE))
        result = ops->device_own(ops->data, fd, link, error);
    if (result == 0 && link->persistent)
        result = ops->device_keep(ops->data, fd, true, error);
    return result;
}

static int make(const struct apply_ops *ops, const struct model_link *link, struct tapnet_error *error)
{
    return link->kind == MODEL_LINK_BRIDGE ? make_bridge(ops, link, error) : make_device(ops, link, error);
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
    if (before->up != after->up)
        ret->fields |= NETLINK_LINK_UP;
    if (after->kind == MODEL_LINK_BRIDGE && before->forwarding != after->forwarding)
        ret->fields |= NETLINK_LINK_FORWARDING;
    ret->fields |= restore_altered(before->altered, after);
}

/* Owner and persistence need the device opened, which fails while a guest holds its only queue: said as such. */
static int change_device(const struct apply_ops *ops, const struct model_link *before, const struct model_link *after,
                         struct tapnet_error *error)
{
    _cleanup_close_ int fd = -1;
    int result;

    if (before->user == after->user && before->group == after->group && before->persistent == after->persistent)
        return 0;
    result = ops->device_open(ops->data, after, false, &fd, error);
    if (result < 0)
        return error_prefix(error, result, "cannot change owner or persistence of %s: unplug its guest first",
                            after->name);
    if (before->user != after->user || before->group != after->group)
        result = ops->device_own(ops->data, fd, after, error);
    if (result < 0 || before->persistent == after->persistent)
        return result;
    result = ops->device_keep(ops->data, fd, after->persistent, error);
    if (result < 0)
        ops->device_own(ops->data, fd, before, NULL);
    return result;
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
    change_between(before, after, model_alias_print(&after->owner, alias), &change);
    result = change.fields ? set_link(ops, after, &change, &begun, error) : 0;
    if (begun && result < 0) {
        change_between(after, before, model_alias_print(&before->owner, alias), &change);
        set_link(ops, before, &change, &begun, NULL);
    }
    if (result < 0)
        change_device(ops, after, before, NULL);
    return result;
}

int apply_link(const struct apply_ops *ops, const struct model_link *before, const struct model_link *after,
               struct tapnet_error *error)
{
    if (!before)
        return make(ops, after, error);
    if (!after)
        return ops->link_delete(ops->data, before->name, error);
    return change(ops, before, after, error);
}
