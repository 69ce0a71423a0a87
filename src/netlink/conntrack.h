/* SPDX-License-Identifier: MIT */
/* Conntrack entries by ctnetlink (linux/netfilter/nfnetlink_conntrack.h): forget those of an address. */
#ifndef NETLINK_CONNTRACK_H
#define NETLINK_CONNTRACK_H

#include "netlink/netlink.h"

/*
 * Deletes every IPv4 entry in which one of @addresses (sorted by ip_address_compare()) stands at either end of either
 * direction. @netlink is of NETLINK_NETFILTER. An entry that went by itself is no error. ret_count may be NULL.
 */
int netlink_conntrack_forget(struct netlink *netlink, const struct ip_address *addresses, size_t count,
                             size_t *ret_count, struct tapnet_error *error);

#endif
