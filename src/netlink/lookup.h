/* SPDX-License-Identifier: MIT */
/* What the kernel would do with a packet: its own route lookup, its neighbours, its classifiers. */
#ifndef NETLINK_LOOKUP_H
#define NETLINK_LOOKUP_H

#include "netlink/address.h"

/* A packet that is asked about. */
struct netlink_lookup {
    struct ip_address source; /* family 0: the kernel chooses */
    struct ip_address destination;
    int in_index;  /* where it comes in; 0: the host sends it */
    int out_index; /* where it must go out; 0: anywhere */
    uint8_t protocol;
    uint16_t destination_port;
};

/*
 * RTM_GETROUTE: where it goes, by all rules and tables. *ret is the route that is taken: type RTN_LOCAL when it is for
 * the host itself, index the link that it goes out by, gateway family 0 when the destination is on that link.
 * ret_mtu, which may be NULL: of that route, 0: none but its link's. What the kernel would do with the packet instead
 * is the error: -EHOSTUNREACH, -ENETUNREACH, -EACCES (prohibit), -EINVAL (blackhole), -EXDEV (it should not come in
 * there: rp_filter), ...
 */
int netlink_route_lookup(struct netlink *netlink, const struct netlink_lookup *lookup, struct netlink_route *ret,
                         uint32_t *ret_mtu, struct tapnet_error *error);

/* What the host knows of @address on the link @index. -ENOENT: nothing. */
int netlink_neighbour_get(struct netlink *netlink, int index, const struct ip_address *address,
                          struct netlink_neighbour *ret, struct tapnet_error *error);

/*
 * The same when it was asked whether it is there: by ARP or Neighbour Discovery, as the host does before it sends, and
 * again where it has an answer of before. Until it has answered, or has not for @most_msec: its state is NUD_PROBE,
 * NUD_INCOMPLETE or NUD_FAILED then. One that was entered by hand is not asked. -ENOENT: the link asks nobody.
 */
int netlink_neighbour_ask(struct netlink *netlink, int index, const struct ip_address *address, int most_msec,
                          struct netlink_neighbour *ret, struct tapnet_error *error);

/* Where the bridge @bridge_index sends what is for @mac: to the entry's index, a port. -ENOENT: it does not know it. */
int netlink_bridge_mac_get(struct netlink *netlink, int bridge_index, const struct mac *mac,
                           struct netlink_neighbour *ret, struct tapnet_error *error);

/* A rule of policy routing that sends packets nowhere, or to a table. */
struct netlink_rule {
    uint32_t priority, table;
    uint8_t action; /* FR_ACT_... of linux/fib_rules.h */
    bool inverted;
    struct ip_prefix source, destination; /* family 0: any */
    char in[16], out[16];                 /* "": any */
};
typedef int netlink_rule_reader(const struct netlink_rule *rule, void *data);

/* Those of @family, in the order of their priorities. */
int netlink_rule_dump(struct netlink *netlink, uint8_t family, netlink_rule_reader *reader, netlink_restart *restart,
                      void *data, struct tapnet_error *error);

/* How many classifiers (tc filters) see what comes in by the link @index, or goes out by it. 0, or what is refused. */
int netlink_filter_count(struct netlink *netlink, int index, bool going_out, size_t *ret, struct tapnet_error *error);

#endif
