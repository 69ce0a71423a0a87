/* SPDX-License-Identifier: MIT */
/* Moves an uplink into a bridge or out of it, and what it carries from one to the other. */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "apply/apply.h"

/*
 * How it works: make before break. First the new place gets the addresses, so that what comes in is the host's on
 * either way, and the neighbours, so that nobody need be asked; then the link changes its master; then each route is
 * there twice before it is there once; the addresses go from the old place last. A packet that is sent meanwhile leaves
 * by a way that works. Both directions are the same, and so is what is left of one that was cut short: whatever @after
 * has and @before has not is added, and the other way round.
 */

static int request(const struct apply_ops *ops, const struct model_item *item, bool there, struct tapnet_error *error)
{
    if (item->learnt) {
        ops->item_hint(ops->data, item, there);
        return 0;
    }
    return there ? ops->item_add(ops->data, item, error) : ops->item_delete(ops->data, item, error);
}

/* When an item is put onto its new place. */
enum stage {
    STAGE_FIRST,
    STAGE_LINK_LOCAL, /* with it the kernel asks for routers, and must hear the answer there: behind the new master */
    STAGE_ROUTES,
};

static enum stage stage_of(const struct model_item *item)
{
    const struct ifaddrmsg *address = (const void *)item->bytes;

    if (item->kind == MODEL_ITEM_ROUTE)
        return STAGE_ROUTES;
    return item->kind == MODEL_ITEM_ADDRESS && item->len >= sizeof(*address) && address->ifa_family == AF_INET6 &&
                   address->ifa_scope == RT_SCOPE_LINK
               ? STAGE_LINK_LOCAL
               : STAGE_FIRST;
}

/* Adds the items of @after that @before has not, of one stage. */
static int add_items(const struct apply_ops *ops, const struct model_uplink *before, const struct model_uplink *after,
                     enum stage stage, struct tapnet_error *error)
{
    int result = 0;

    for (size_t i = 0; i < after->item_count && result == 0; i++)
        if (stage_of(&after->items[i]) == stage && !model_uplink_has(before, &after->items[i]))
            result = request(ops, &after->items[i], true, error);
    return result;
}

/* Deletes those of @before that @after has not, last first: a route by a gateway before the one that leads there. */
static int delete_items(const struct apply_ops *ops, const struct model_uplink *before,
                        const struct model_uplink *after, bool routes, struct tapnet_error *error)
{
    int result = 0;

    for (size_t i = before->item_count; i > 0 && result == 0; i--)
        if ((before->items[i - 1].kind == MODEL_ITEM_ROUTE) == routes &&
            !model_uplink_has(after, &before->items[i - 1]))
            result = request(ops, &before->items[i - 1], false, error);
    return result;
}

static int change_master(const struct apply_ops *ops, const struct model_uplink *before,
                         const struct model_uplink *after, struct tapnet_error *error)
{
    struct netlink_link_change change = {.fields = NETLINK_LINK_MASTER};

    if (strcmp(before->bridge, after->bridge) == 0)
        return 0;
    return ops->link_set(ops->data, after->name, &change, after->bridge, error);
}

static int move(const struct apply_ops *ops, const struct model_uplink *before, const struct model_uplink *after,
                struct tapnet_error *error)
{
    int result = add_items(ops, before, after, STAGE_FIRST, error);

    if (result == 0)
        result = change_master(ops, before, after, error);
    if (result == 0)
        result = add_items(ops, before, after, STAGE_LINK_LOCAL, error);
    if (result == 0)
        result = add_items(ops, before, after, STAGE_ROUTES, error);
    if (result == 0)
        result = delete_items(ops, before, after, true, error);
    return result < 0 ? result : delete_items(ops, before, after, false, error);
}

int apply_uplink(const struct apply_ops *ops, const struct model_uplink *before, const struct model_uplink *after,
                 struct tapnet_error *error)
{
    int result = 0;

    if (!before || !after) /* the link itself is gone: there is nothing to put anything back to */
        return 0;
    if (after->bridge[0] && strcmp(before->bridge, after->bridge) != 0)
        result = ops->link_imitate(ops->data, after->bridge, before->bridge[0] ? before->bridge : before->name, error);
    if (result == 0)
        result = move(ops, before, after, error);
    if (result < 0)
        move(ops, after, before, NULL);
    return result;
}
