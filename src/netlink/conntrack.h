/* SPDX-License-Identifier: MIT */
/* Conntrack entries by ctnetlink (linux/netfilter/nfnetlink_conntrack.h): forget those of an address, of a forward. */
#ifndef NETLINK_CONNTRACK_H
#define NETLINK_CONNTRACK_H

#include "netlink/netlink.h"

/*
 * Deletes every entry in which one of @addresses (sorted by ip_address_compare()) stands at either end of either
 * direction. @netlink is of NETLINK_NETFILTER. An entry that went by itself is no error. ret_count may be NULL.
 */
int netlink_conntrack_forget(struct netlink *netlink, const struct ip_address *addresses, size_t count,
                             size_t *ret_count, struct tapnet_error *error);

/* Ports of the host that lead, or led, to a guest. */
struct netlink_conntrack_forward {
    uint8_t protocol;          /* IPPROTO_TCP, IPPROTO_UDP */
    struct ip_address address; /* of the host; family 0: any */
    uint16_t first, last;
    struct ip_address guest; /* by IPv4 or IPv6, as those who come to it */
    bool comes;              /* now; else it went */
};

/*
 * Deletes the entries that a forward which went has made (its port of the host, answered by its guest), and those
 * that one which comes must not find: its port of the host, answered by the host (@addresses, sorted). As above.
 */
int netlink_conntrack_forget_forwards(struct netlink *netlink, const struct netlink_conntrack_forward *forwards,
                                      size_t count, const struct ip_address *addresses, size_t address_count,
                                      size_t *ret_count, struct tapnet_error *error);

/*
 * How many connections of others leave by one of @addresses (sorted) in the place of their own: masqueraded, or given
 * that source by a rule. 0 where the kernel tracks none.
 */
int netlink_conntrack_count_masqueraded(struct netlink *netlink, const struct ip_address *addresses, size_t count,
                                        size_t *ret_count, struct tapnet_error *error);

#endif
