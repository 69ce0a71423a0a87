/* SPDX-License-Identifier: MIT */
/* What knows a link by its index and would not follow it into a bridge: bound sockets, rules, filters of tc. */
#ifndef NETLINK_BOUND_H
#define NETLINK_BOUND_H

#include "netlink/netlink.h"

/* A socket that is bound to a link (SO_BINDTODEVICE, sockaddr_ll, a scope). */
struct netlink_bound {
    const char *kind; /* "TCP", "UDP", "raw", "packet" */
    uint16_t port;    /* of TCP and UDP, 0: none */
    uint32_t inode;   /* as in /proc/PID/fd */
};

typedef int netlink_bound_reader(const struct netlink_bound *socket, void *data);

/* The sockets of this network namespace that are bound to link @index, as far as the kernel can be asked. */
int netlink_bound_dump(int index, netlink_bound_reader *reader, void *data, struct tapnet_error *error);

/* Has link @index what looks at frames that come in (a qdisc `ingress` or `clsact`)? */
int netlink_has_filters(struct netlink *netlink, int index, bool *ret, struct tapnet_error *error);
/* Does a policy rule (`ip rule`) of either family name the link @name? */
int netlink_has_rules(struct netlink *netlink, const char *name, bool *ret, struct tapnet_error *error);

#endif
