/* SPDX-License-Identifier: MIT */
/* Bridges, their ports and their forwarding database by rtnetlink (linux/if_link.h, linux/neighbour.h). */
#ifndef NETLINK_BRIDGE_H
#define NETLINK_BRIDGE_H

#include <tapnet/bridge.h>

#include "netlink/netlink.h"

/* What one RTM_NEWLINK tells of a link as a bridge, or as a port of one. */
struct netlink_bridge_link {
    int index, master_index;
    bool is_bridge, is_port;
    struct tapnet_bridge bridge;    /* name, index and up are filled in for any link */
    struct tapnet_bridge_port port; /* when it is one */
};

typedef int netlink_bridge_reader(const struct netlink_bridge_link *link, void *data);

/* The parser alone, for tests and the fuzzer: 0 or -EBADMSG. */
int netlink_bridge_parse(const struct nlmsghdr *message, struct netlink_bridge_link *ret);

/* Every link of the namespace. */
int netlink_bridge_dump(struct netlink *netlink, netlink_bridge_reader *reader, netlink_restart *restart, void *data,
                        struct tapnet_error *error);
/* One link by its name. -ENODEV. */
int netlink_bridge_get(struct netlink *netlink, const char *name, netlink_bridge_reader *reader, void *data,
                       struct tapnet_error *error);

/* One entry of a forwarding database. */
struct netlink_bridge_mac {
    int master_index, port_index; /* equal for the bridge's own */
    struct mac mac;
    bool local;
    uint64_t age_csec; /* since it was seen last; 0 for one that does not age */
};

typedef int netlink_bridge_mac_reader(const struct netlink_bridge_mac *mac, void *data);

int netlink_bridge_mac_parse(const struct nlmsghdr *message, struct netlink_bridge_mac *ret);
/* Every entry of every bridge. */
int netlink_bridge_mac_dump(struct netlink *netlink, netlink_bridge_mac_reader *reader, netlink_restart *restart,
                            void *data, struct tapnet_error *error);

/* The bridge of the port @index finds @mac behind it, until it has not been seen for a while. */
int netlink_bridge_mac_add(struct netlink *netlink, int index, const struct mac *mac, struct tapnet_error *error);

/* One IFLA_BR_* of the bridge @index. */
int netlink_bridge_set(struct netlink *netlink, int index, enum tapnet_bridge_option option, uint32_t value,
                       struct tapnet_error *error);
/* One IFLA_BRPORT_* of the port @index. */
int netlink_bridge_port_set(struct netlink *netlink, int index, enum tapnet_bridge_port_option option, uint32_t value,
                            struct tapnet_error *error);

#endif
