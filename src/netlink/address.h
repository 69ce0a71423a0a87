/* SPDX-License-Identifier: MIT */
/* Addresses, routes, neighbours and FDB entries by rtnetlink. */
#ifndef NETLINK_ADDRESS_H
#define NETLINK_ADDRESS_H

#include "netlink/netlink.h"

struct netlink_address {
    int index; /* of the link */
    struct ip_prefix prefix;
    struct ip_address peer; /* at the other end, family 0: none; the length of the prefix is that of its route then */
    uint8_t protocol;       /* IFA_PROTO, 0 where the kernel does not keep it */
};
/* The parsers alone, for tests and the fuzzer: a RTM_NEWADDR, RTM_NEWROUTE or RTM_NEWNEIGH message. 0 or -EBADMSG. */
int netlink_address_parse(const struct nlmsghdr *message, struct netlink_address *ret);
typedef int netlink_address_reader(const struct netlink_address *address, void *data);

int netlink_address_dump(struct netlink *netlink, netlink_address_reader *reader, netlink_restart *restart, void *data,
                         struct tapnet_error *error);
/* The addresses alone, of all links, sorted by ip_address_compare(). The caller frees *ret, which is NULL for none. */
int netlink_address_list(struct netlink *netlink, struct ip_address **ret, size_t *ret_count,
                         struct tapnet_error *error);
/*
 * Adds with IFA_PROTO @protocol, IFA_BROADCAST where IPv4 has one, IPv6 without duplicate detection; returns when the
 * kernel is through with it. -EEXIST.
 */
int netlink_address_add(struct netlink *netlink, int index, const struct ip_prefix *prefix, uint8_t protocol,
                        struct tapnet_error *error);
int netlink_address_delete(struct netlink *netlink, int index, const struct ip_prefix *prefix,
                           struct tapnet_error *error);
/* The same with @peer at the other end: the kernel's route leads to that one (to its prefix of the same length). */
int netlink_peer_add(struct netlink *netlink, int index, const struct ip_prefix *prefix, const struct ip_address *peer,
                     uint8_t protocol, struct tapnet_error *error);
int netlink_peer_delete(struct netlink *netlink, int index, const struct ip_prefix *prefix,
                        const struct ip_address *peer, struct tapnet_error *error);

struct netlink_route {
    struct ip_prefix destination; /* length 0: default; family always set */
    struct ip_address gateway;    /* family 0: none */
    struct ip_address source;     /* RTA_PREFSRC: that the host itself sends from, family 0: any */
    int index;                    /* outgoing link, 0: none (blackhole, multipath) */
    uint32_t table, metric;
    uint8_t protocol, type, scope;
};
int netlink_route_parse(const struct nlmsghdr *message, struct netlink_route *ret);
typedef int netlink_route_reader(const struct netlink_route *route, void *data);

/* Routes of @family; of @table only when it is not 0 (the kernel filters). */
int netlink_route_dump(struct netlink *netlink, uint8_t family, uint32_t table, netlink_route_reader *reader,
                       netlink_restart *restart, void *data, struct tapnet_error *error);
/* -EEXIST: there is one to this destination with this metric. */
int netlink_route_add(struct netlink *netlink, const struct netlink_route *route, struct tapnet_error *error);
/* The same of IPv6 beside what leads there by another link, behind it. */
int netlink_route_add_beside(struct netlink *netlink, const struct netlink_route *route, struct tapnet_error *error);
int netlink_route_delete(struct netlink *netlink, const struct netlink_route *route, struct tapnet_error *error);

/* A neighbour (family AF_INET or AF_INET6) or an FDB entry (AF_BRIDGE). */
struct netlink_neighbour {
    uint8_t family;
    int index;
    int master_index;          /* FDB */
    struct ip_address address; /* family 0 in an FDB entry */
    struct mac mac;
    uint16_t state;   /* NUD_* */
    uint8_t protocol; /* NDA_PROTOCOL; Linux before 5.2 does not keep it */
    bool proxy;       /* NTF_PROXY: ARP for the address is answered on the link; it has no MAC and no state */
};
int netlink_neighbour_parse(const struct nlmsghdr *message, struct netlink_neighbour *ret);
typedef int netlink_neighbour_reader(const struct netlink_neighbour *neighbour, void *data);

int netlink_neighbour_dump(struct netlink *netlink, uint8_t family, netlink_neighbour_reader *reader,
                           netlink_restart *restart, void *data, struct tapnet_error *error);
/* The proxies alone, which are no part of the list above. */
int netlink_proxy_dump(struct netlink *netlink, uint8_t family, netlink_neighbour_reader *reader,
                       netlink_restart *restart, void *data, struct tapnet_error *error);
/* Makes it what the kernel never asks about nor forgets (NUD_PERMANENT), in the place of what is there of it. */
int netlink_neighbour_set(struct netlink *netlink, const struct netlink_neighbour *neighbour,
                          struct tapnet_error *error);
int netlink_neighbour_delete(struct netlink *netlink, const struct netlink_neighbour *neighbour,
                             struct tapnet_error *error);

#endif
