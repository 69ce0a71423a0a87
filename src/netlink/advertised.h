/* SPDX-License-Identifier: MIT */
/* Default routes that routers advertise: moved so that the kernel goes on to look after them. */
#ifndef NETLINK_ADVERTISED_H
#define NETLINK_ADVERTISED_H

#include "netlink/item.h"

/* One of them. */
struct netlink_advertised {
    uint8_t gateway[16];
    uint32_t metric;     /* the kernel's: ours stands behind it */
    uint32_t preference; /* ICMPV6_ROUTER_PREF_... */
    uint32_t valid;      /* seconds */
};

/* Is it one, the kernel's or ours, which is to be its? */
bool netlink_item_advertised(const struct netlink_item *item, struct netlink_advertised *ret);

/*
 * Tells of @item, which is one, as of the kernel's own, whoever has made it: its router is what it is known by. What
 * that says of it (preference, hop limit, MTU) comes behind @item->key_len. @bytes are the item's. 0 or -ENOMEM.
 */
int netlink_advertised_name(struct netlink_item *item, uint8_t *bytes);

/* Does the kernel take router advertisements on link @index? Else routes of routers are the work of a program. */
int netlink_advertised_listens(struct netlink *netlink, int index, bool *ret, struct tapnet_error *error);

/*
 * Puts it onto link @index, unless the kernel has it there itself: the next advertisement makes it the kernel's own.
 */
int netlink_advertised_add(struct netlink *netlink, int index, const struct netlink_advertised *advertised,
                           struct tapnet_error *error);
/* Takes it from link @index, whoever of the two has made it; it is no error when it is not there. */
int netlink_advertised_delete(struct netlink *netlink, int index, const struct netlink_advertised *advertised,
                              struct tapnet_error *error);

#endif
