/* SPDX-License-Identifier: MIT */
/* What a link carries (addresses, routes, neighbours) as the kernel's own messages, to be put onto another link. */
#ifndef NETLINK_ITEM_H
#define NETLINK_ITEM_H

#include "netlink/netlink.h"

/*
 * How it works: an item is the message by which the kernel told of it, without its link and without what changes by
 * itself. So whatever it has of flags, metrics, tables and attributes that this version has never heard of goes with
 * it. It is asked for by the link's index, and told back with another one.
 */

enum netlink_item_kind {
    NETLINK_ITEM_ADDRESS,
    NETLINK_ITEM_ROUTE,
    NETLINK_ITEM_NEIGHBOUR,
};

#define NETLINK_ITEM_FOREVER UINT32_MAX
#define NETLINK_ITEM_MAX 8192  /* bytes: a route over a hundred gateways */
#define NETLINK_ITEMS_MAX 4096 /* of one kind and family: each is held against all others */

struct netlink_item {
    enum netlink_item_kind kind;
    const uint8_t *bytes; /* the family's header and the attributes; the reader's during its call */
    size_t len;
    size_t key_len; /* so many bytes tell which one it is; what others may change at any time stands behind them */
    uint32_t valid, preferred; /* seconds that are left; a route has the first alone; NETLINK_ITEM_FOREVER */
};

typedef int netlink_item_reader(const struct netlink_item *item, void *data);

/*
 * Addresses of link @index, called @name, in their order, then its routes (of all tables; last those that need others
 * to reach their gateway), then its neighbours that are known to be there, and those that the host answers for. What
 * the kernel makes by itself is left out: the table `local`, routes of addresses, multicast. *ret_fault: a sentence
 * about what can't be moved (a route of a nexthop object, one of IPv6 that leads over several links, too many, one too
 * long), or NULL.
 */
int netlink_item_dump(struct netlink *netlink, int index, const char *name, netlink_item_reader *reader, void *data,
                      const char **ret_fault, struct tapnet_error *error);

/*
 * One message of the kernel's as an item of link @index, called @name; for tests and the fuzzer. The bytes are the
 * caller's to free. -ENOMSG: none of that link, one that comes by itself, or too long; -EBADMSG, -ENOMEM.
 */
int netlink_item_parse(const struct nlmsghdr *message, int index, const char *name, struct netlink_item *ret);

/* The attributes of an item behind @header_len bytes of its header, as netlink_parse() gives them. */
int netlink_item_attributes(const struct netlink_item *item, size_t header_len, const struct nlattr **table,
                            uint16_t maximum);

/* Is it so made that others find it gone without a loss: a neighbour that the kernel has learnt? */
bool netlink_item_is_learnt(const struct netlink_item *item);
/* Of a route: does it lead to a gateway? */
bool netlink_item_has_gateway(const struct netlink_item *item);

/* Of an address. */
bool netlink_item_address(const struct netlink_item *item, struct ip_address *ret);
/* Of a route: is it a default route by one gateway? */
bool netlink_item_default_gateway(const struct netlink_item *item, struct ip_address *ret);

/*
 * Puts the item onto link @index; it is no error when it is there. IPv6 addresses are usable at once; about default
 * routes of routers: advertised.h.
 */
int netlink_item_add(struct netlink *netlink, int index, const struct netlink_item *item, struct tapnet_error *error);
/* Takes it from link @index; it is no error when it is not there. */
int netlink_item_delete(struct netlink *netlink, int index, const struct netlink_item *item,
                        struct tapnet_error *error);

/* Has the address @item of link @index end in @seconds, NETLINK_ITEM_FOREVER: never. */
int netlink_item_prolong(struct netlink *netlink, int index, const struct netlink_item *item, uint32_t seconds,
                         struct tapnet_error *error);

#endif
