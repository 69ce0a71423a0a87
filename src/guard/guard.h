/* SPDX-License-Identifier: MIT */
/* The guards: which nftables sets and maps tapnet keeps, and what one element of each looks like. Pure data. */
#ifndef GUARD_GUARD_H
#define GUARD_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/*
 * How it works: the rules of our tables (nft/ruleset.c) never change and never grow; everything that is per port
 * or per network is one element of these sets and maps. The planner makes elements, the observer finds them, the
 * nft layer carries them: this folder is the language they share.
 *
 * A port is in `networks` beside its bridge: what it sends shows up in the IP stack under its own name only when it
 * got past the bridge, and must then find everything closed.
 *
 * A port is in `port_addresses` and `port_macs` or, when the file lets its guest use any MAC, in `any_mac_addresses`
 * and `any_mac_ports`. The MAC is in the key by which the address is looked up: it costs a packet no look of its own.
 *
 * A port whose file names no MAC is in `port_networks`, with the number of its network, and in `open_addresses`. The
 * rules themselves add its guest's MAC to `port_macs` and `port_addresses` when they see the first frame. What rules
 * add has no label, and is told from what we add by that; plan/learned.c says how long it stays.
 *
 * A port of a routed network has no bridge that would see its frames: the same is said of it in sets of the tables
 * inet (`routed_...`) and arp (`arp_...`), whose rules see packets. Which of these ports may reach each other follows
 * from their addresses, which are pinned: one interval a network (`peers`), not one for each two ports.
 *
 * Forwards: the rules translate by `forwards` (of one port, reached by any address of the host), `bound_forwards` (of
 * one port and one address) and `forward_ranges` (of intervals, the port staying what it is). The first two are hash
 * tables, made in microseconds a forward however many there are; the third is a tree of intervals.
 *
 * A key is the concatenation of its fields, each padded to a multiple of four bytes as nf_tables does it. That of an
 * interval is twice that: the fields of its first key, GUARD_FIELD_TO, and those of its last.
 */

#define GUARD_TABLE "tapnet" /* the name of our tables, but for those of clones */
#define GUARD_KEY_MAX 64     /* ifname (16) . ipv6_addr (16), from and to */
#define GUARD_DATA_MAX 20    /* ipv6_addr . inet_service */
#define GUARD_LABEL_MAX 200  /* "set/network/port" */

/*
 * DHCP requests leave the bridge table by netfilter's log, to whoever holds this group: one socket a network namespace.
 * One fixed number, high so that it meets nobody's by chance.
 */
#define GUARD_LOG_GROUP 0x7461    /* 29793, "ta" */
#define GUARD_LOG_BYTES_MAX 2048u /* of each, from its IPv4 header on: what is longer is no DHCP request */

/* Our tables, each of a family of the kernel's. */
enum guard_family {
    GUARD_INET,
    GUARD_BRIDGE,
    GUARD_ARP,     /* there while a routed network is */
    GUARD_CLONES,  /* another one of inet: there while a network of clones is */
    GUARD_CLONES6, /* and one more: while one of them has IPv6 */
    GUARD_FAMILY_COUNT,
};

struct guard_table {
    const char *word; /* what JSON calls it */
    const char *name; /* in the kernel */
    const char *text; /* as `nft` has it: "inet tapnet" */
};

extern const struct guard_table guard_tables[GUARD_FAMILY_COUNT];

/* Is @name that of one of them? */
bool guard_is_table(const char *name);

enum guard_field {
    GUARD_FIELD_NONE = 0,
    GUARD_FIELD_IFNAME,   /* 16 bytes, NUL padded */
    GUARD_FIELD_MAC,      /* 6 bytes, padded to 8 */
    GUARD_FIELD_IP4,      /* 4 bytes */
    GUARD_FIELD_PROTOCOL, /* 1 byte, padded to 4 */
    GUARD_FIELD_PORT,     /* 2 bytes, network order, padded to 4 */
    GUARD_FIELD_MARK,     /* 4 bytes, host order: the number of a network */
    GUARD_FIELD_IP4_PORT, /* data only: an address and a port, 8 bytes as in a key */
    GUARD_FIELD_IP6_PORT, /* the same of IPv6, 20 bytes */
    GUARD_FIELD_TO,       /* no bytes: what stands behind it is the end of an interval */
    GUARD_FIELD_IP6,      /* 16 bytes */
    /* The same where rules look into Neighbour Discovery, whose fields `nft` has no names and types for: */
    GUARD_FIELD_RAW_MIDDLE, /* of a MAC its second and third byte, padded to 4, ... */
    GUARD_FIELD_RAW_END,    /* ... and its last three, padded to 4 */
    GUARD_FIELD_RAW_IP6,
    GUARD_FIELD_RAW_IP4, /* and into what an ICMP error tells of */
    GUARD_FIELD_FAMILY,  /* NFPROTO_..., 1 byte, padded to 4 */
};

enum guard_set {
    /* table inet tapnet */
    GUARD_NETWORKS,         /* { ifname }: every bridge and every port of ours */
    GUARD_BRIDGED,          /* { ifname . ifname }: bridge, the same; frames that br_netfilter shows to inet */
    GUARD_EGRESS,           /* { ifname . ifname }: bridge, uplink; may go out there, masqueraded */
    GUARD_GATEWAYS,         /* { ifname . ipv4_addr }: bridge, the host's address in it; may be pinged */
    GUARD_DNS_PORTS,        /* { ifname . ipv4_addr : inet_service }: bridge, gateway; our private DNS port */
    GUARD_DNS_SERVED,       /* { ifname . ipv4_addr . inet_service }: bridge, gateway, that port; accepted at input */
    GUARD_PATHS,            /* { ifname . ifname }: (in, out) of what may be forwarded once conntrack knows it */
    GUARD_CLOSED,           /* { ifname }: uplinks that forward only because we turned it on */
    GUARD_ROUTED_PORTS,     /* { ifname }: every TAP of a routed network */
    GUARD_ROUTED_ADDRESSES, /* { ifname . ether_addr . ipv4_addr }: as port_addresses, of those */
    GUARD_ROUTED_MACS,      /* { ifname . ether_addr }: as port_macs */
    GUARD_ROUTED_ANY_MAC_ADDRESSES, /* { ifname . ipv4_addr }: as any_mac_addresses */
    GUARD_ROUTED_ANY_MAC_PORTS,     /* { ifname }: as any_mac_ports */
    GUARD_WAYS,                     /* { ifname . ifname }: TAP, uplink, and back: passes as it is */
    GUARD_ROUTED_BLOCKED,           /* { ifname }: as blocked, of IPv4 and IPv6 */
    GUARD_ROUTED_ERRORS,            /* { ifname . ipv4_addr }: as errors */
    GUARD_ROUTED_REFUSED_MACS,      /* { ifname . ether_addr }: as refused_macs, of who asks by DHCP */
    GUARD_PEERS,               /* { ipv4_addr . ipv4_addr - the same }: source and destination in one routed network */
    GUARD_CONNECTION_LIMITS,   /* { ifname . ipv4_addr }: bridge, guest, with how many connections it may have */
    GUARD_REFUSED_CONNECTIONS, /* { ifname . ipv4_addr }: the same, with a counter of what was too many */
    /* { inet_proto . inet_service : ipv4_addr . inet_service }: by any address of the host; guest and its port */
    GUARD_FORWARDS,
    /* { ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service }: the same by one address of the host */
    GUARD_BOUND_FORWARDS,
    /* { ipv4_addr . inet_proto . inet_service - the same : ipv4_addr }: addresses and ports; guest, same port */
    GUARD_FORWARD_RANGES,
    GUARD_PUBLISHED, /* { ipv4_addr }: guests that forwards lead to */
    GUARD_SUBNETS,   /* { ifname . ipv4_addr - the same }: bridge, its subnet; who may use forwards too */
    GUARD_APART,     /* { ifname . ifname }: bridge, the same; its ports do not see each other, by no detour either */
    GUARD_CONNECTION_LIMITS6,   /* { ifname . ipv6_addr }: as connection_limits */
    GUARD_REFUSED_CONNECTIONS6, /* { ifname . ipv6_addr }: as refused_connections */
    GUARD_OPEN_HOSTS, /* { ifname }: bridge, or TAP of a routed network, whose guests may reach all of the host */
    GUARD_REFUSED,  /* { ifname . ipv4_addr }: bridge, guest, with a counter of what may not reach the host or leave */
    GUARD_REFUSED6, /* { ifname . ether_addr }: bridge, a guest's MAC, with the same of IPv6 */
    GUARD_EGRESS6,  /* { ifname . ifname }: bridge, uplink; IPv6 may go out there ... */
    GUARD_MASQUERADE6,     /* { ifname . ifname }: ... with the host's address, when nobody else knows the guests' */
    GUARD_PATHS6,          /* { ifname . ifname }: as paths, of IPv6 */
    GUARD_GATEWAYS6,       /* { ifname . ipv6_addr }: bridge, the host's addresses in it; may be pinged */
    GUARD_DNS_PORTS6,      /* { ifname . ipv6_addr : inet_service }: as dns_ports */
    GUARD_DNS_SERVED6,     /* { ifname . ipv6_addr . inet_service }: as dns_served */
    GUARD_CLOSED6,         /* { ifname }: uplinks that forward IPv6 only because we turned it on */
    GUARD_CLOSED_FAMILIES, /* { nf_proto }: IPv6, when the whole host forwards it only because we turned it on */
    GUARD_LEARNING6, /* { ifname }: links whose accept_ra we made 2, of 1; no rule asks: it is for who comes back */
    GUARD_ROUTERS6,  /* { ifname }: the same of links whose forwarding we made 1: they answer for guests */
    GUARD_PROXIES6,  /* { ifname }: and of those whose proxy_ndp we made 1 */
    GUARD_FORWARDS6, /* { inet_proto . inet_service : ipv6_addr . inet_service }: as forwards */
    GUARD_BOUND_FORWARDS6, /* { ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service }: as bound_forwards */
    GUARD_FORWARD_RANGES6, /* { ipv6_addr . inet_proto . inet_service - the same : ipv6_addr }: as forward_ranges */
    GUARD_PUBLISHED6,      /* { ipv6_addr }: as published */
    GUARD_SUBNETS6,        /* { ifname . ipv6_addr - the same }: as subnets */
    GUARD_ROUTED_PUBLISHED,         /* { ifname . ipv4_addr }: routed TAP and its guest, that forwards lead to */
    GUARD_ROUTED_LIMITED_ADDRESSES, /* as routed_addresses, of a port of routed_send_limits */
    GUARD_ROUTED_SEND_LIMITS,       /* { ifname }: as send_limits, of routed TAPs */
    GUARD_LIMITED_WAYS,             /* { ifname . ifname }: as ways, of a TAP whose connections are counted, outwards */
    GUARD_ROUTED_APART,  /* { ipv4_addr . ipv4_addr - the same }: as peers, of a network whose ports are kept apart */
    GUARD_ROUTED_PORTS6, /* { ifname }: TAPs of routed networks with IPv6 */
    GUARD_ROUTED_ADDRESSES6,         /* { ifname . ether_addr . ipv6_addr }: as routed_addresses; and the next ones: */
    GUARD_ROUTED_LIMITED_ADDRESSES6, /* the same */
    GUARD_ROUTED_ANY_MAC_ADDRESSES6, /* { ifname . ipv6_addr } */
    GUARD_WAYS6,                     /* { ifname . ifname } */
    GUARD_LIMITED_WAYS6,             /* { ifname . ifname } */
    GUARD_PEERS6,                    /* { ipv6_addr . ipv6_addr - the same } */
    GUARD_ROUTED_APART6,             /* { ipv6_addr . ipv6_addr - the same } */
    GUARD_ROUTED_PUBLISHED6,         /* { ifname . ipv6_addr } */
    GUARD_SECLUDED_PORTS,            /* { ifname }: TAPs of isolated networks without a bridge: to neighbours alone */
    /* table bridge tapnet */
    GUARD_PORTS,             /* { ifname }: every TAP of ours */
    GUARD_PORT_ADDRESSES,    /* { ifname . ether_addr . ipv4_addr }: TAP, its guest's MAC, an address that it may use */
    GUARD_PORT_MACS,         /* { ifname . ether_addr }: TAP, its guest's MAC; what is not IPv4 */
    GUARD_ANY_MAC_ADDRESSES, /* { ifname . ipv4_addr }: TAP whose guest may use any MAC, an address that it may use */
    GUARD_ANY_MAC_PORTS,     /* { ifname }: those TAPs */
    GUARD_RESOLVERS,         /* { ipv4_addr }: gateway; where guests ask the DNS service */
    GUARD_PORT_NETWORKS,     /* { ifname : mark }: TAP that takes the first MAC it sees; its network */
    GUARD_PROPOSED_MACS,     /* { ifname . ether_addr }: such a TAP, the MAC that was proposed for its guest */
    GUARD_OPEN_ADDRESSES,    /* { ifname . ipv4_addr }: such a TAP, or one of GUARD_SEND_LIMITS, and an address */
    GUARD_NETWORK_MACS,      /* { mark . ether_addr }: network, a MAC that is somebody's there, for good or learnt */
    GUARD_LEARNED_PORTS,     /* { ifname }: TAPs whose guest's MAC was learnt; filled by rules alone, as the next: */
    GUARD_REFUSED_MACS,      /* { ifname . ether_addr }: TAP, a MAC that was refused there lately */
    GUARD_BLOCKED,           /* { ifname }: TAP, with a counter of what was dropped of what it sent */
    GUARD_ERRORS,            /* { ifname . ipv4_addr }: TAP, an address of its own that told an error lately */
    GUARD_ANY_PROTOCOL_PORTS, /* { ifname }: TAPs whose guests may send frames of any kind */
    GUARD_GROUP_LIMITS,       /* { ifname }: TAP, with what it may send to groups (broadcast, multicast) */
    GUARD_SEND_LIMITS,        /* { ifname }: TAP, with what it may send at all; see GUARD_OPEN_ADDRESSES */
    GUARD_PORT_ADDRESSES6,    /* { ifname . ether_addr . ipv6_addr }: as port_addresses */
    GUARD_OPEN_ADDRESSES6,    /* { ifname . ipv6_addr }: as open_addresses */
    GUARD_PORT_IDENTIFIERS6,  /* { ifname . 2 bytes . 3 bytes }: TAP, all but the first byte of its guest's MAC */
    GUARD_ANY_MAC_ADDRESSES6, /* { ifname . ipv6_addr }: as any_mac_addresses */
    GUARD_RESOLVERS6,         /* { ipv6_addr }: as resolvers */
    GUARD_LAN_PORTS,          /* { ifname }: TAP in the host's own network, where others give addresses */
    GUARD_LAN_TAKEN,          /* { ipv4_addr }: the host's own there, and its gateways'; no such guest may have it */
    GUARD_LAN_TAKEN6,         /* { ipv6_addr }: the same */
    /* table arp tapnet */
    GUARD_ARP_PORTS,             /* { ifname }: every TAP of a routed network */
    GUARD_ARP_ADDRESSES,         /* { ifname . ether_addr . ipv4_addr }: as port_addresses, of those */
    GUARD_ARP_ANY_MAC_ADDRESSES, /* { ifname . ipv4_addr }: as any_mac_addresses */
    GUARD_ARP_BLOCKED,           /* { ifname }: as blocked, of ARP */
    GUARD_ARP_REACH,             /* { ipv4_addr . ipv4_addr - the same }: who asks, and whom about */
    /* table inet tapnet-clones */
    GUARD_OUTSIDES, /* { ifname . ipv4_addr : ipv4_addr }: TAP, its clone inside; and outside */
    GUARD_INSIDES,  /* { ifname . ipv4_addr : ipv4_addr }: the other way round */
    /* table inet tapnet-clones6 */
    GUARD_OUTSIDES6,       /* { ifname . ipv6_addr : ipv6_addr }: as outsides */
    GUARD_INSIDES6,        /* { ifname . ipv6_addr : ipv6_addr }: as insides */
    GUARD_INSIDE_TARGETS6, /* { ifname . ipv6_addr }: TAP, its clone inside, as Neighbour Discovery tells of it */
    GUARD_SET_COUNT,
};

#define GUARD_FIELDS_MAX 7

/* What an element of a set of limits holds: the rule that looks it up goes on when there is more than that. */
enum guard_limit {
    GUARD_LIMIT_NONE = 0,
    GUARD_LIMIT_PACKETS,     /* a second */
    GUARD_LIMIT_BYTES,       /* a second, of IP */
    GUARD_LIMIT_CONNECTIONS, /* at once, of those that conntrack knows */
};

struct guard_schema {
    const char *name; /* of the set in the kernel */
    enum guard_family family;
    enum guard_field key[GUARD_FIELDS_MAX];
    enum guard_field data;  /* GUARD_FIELD_NONE: a set, not a map */
    const char *comment;    /* what an element means, kept with the set in the kernel */
    bool filled;            /* rules add elements, too */
    uint32_t timeout_msec;  /* after which what they added is forgotten; 0: never */
    uint32_t most;          /* elements that rules may add; 0: as many as a host can have ports */
    enum guard_limit limit; /* of each element; its data is not the kernel's, but guard_rate() and guard_burst() */
};

/* One row a set, indexed by enum guard_set. */
extern const struct guard_schema guard_schemas[GUARD_SET_COUNT];

/* One element. Bytes beyond its length are zero, so that whole structs compare. */
struct guard_element {
    enum guard_set set;
    uint8_t key[GUARD_KEY_MAX];
    uint8_t data[GUARD_DATA_MAX];
    const char *label; /* "set/network" or "set/network/port": whose it is; kept with it in the kernel; not owned */
    uint64_t packets;  /* found only, of an element with a counter */
};

/* Bytes of one field, of a whole key, of the data (without trailing padding in the data). */
size_t guard_field_len(enum guard_field field);
size_t guard_field_room(enum guard_field field); /* what it takes in a key: whole registers of 32 bits */
bool guard_is_interval(enum guard_set set);      /* is it a set of intervals? */
size_t guard_key_len(enum guard_set set);
size_t guard_end_len(enum guard_set set); /* of the kernel's key: of an interval, of either end */
size_t guard_data_len(enum guard_set set);

/* Order by set, then key: the identity of an element. */
int guard_element_compare(const struct guard_element *a, const struct guard_element *b);
/* Same identity and same data (the label is not compared). */
bool guard_element_equal(const struct guard_element *a, const struct guard_element *b);

/* Was it added by a rule? */
bool guard_element_is_learned(const struct guard_element *element);

/* One constructor a set. @label is kept by reference. */
struct guard_element guard_network(const char *bridge_or_port, const char *label);
struct guard_element guard_bridged(const char *bridge, const char *label);
struct guard_element guard_egress(const char *bridge, const char *uplink, const char *label);
struct guard_element guard_gateway(const char *bridge, const struct ip_address *gateway, const char *label);
struct guard_element guard_dns_port(const char *bridge, const struct ip_address *gateway, uint16_t port,
                                    const char *label);
struct guard_element guard_dns_served(const char *bridge, const struct ip_address *gateway, uint16_t port,
                                      const char *label);
struct guard_element guard_path(const char *from, const char *to, const char *label);
struct guard_element guard_closed(const char *uplink, const char *label);
/* A forward of one port. @address: of the host, family 0, 0.0.0.0 or ::: any of them, of the guest's family. */
struct guard_element guard_forward(const struct ip_address *address, uint8_t protocol, uint16_t port,
                                   const struct ip_address *guest, uint16_t guest_port, const char *label);
/* Of the ports @first to @last, each to the same of the guest's. */
struct guard_element guard_forward_range(const struct ip_address *address, uint8_t protocol, uint16_t first,
                                         uint16_t last, const struct ip_address *guest, const char *label);
struct guard_element guard_published(const struct ip_address *guest, const char *label);
struct guard_element guard_subnet(const char *bridge, const struct ip_prefix *subnet, const char *label);
struct guard_element guard_apart(const char *bridge, const char *label);
struct guard_element guard_port(const char *device, const char *label);
struct guard_element guard_lan_port(const char *device, const char *label);
struct guard_element guard_lan_taken(const struct ip_address *address, const char *label);
struct guard_element guard_port_source(const char *device, const struct mac *mac, const struct ip_address *address,
                                       const char *label);
struct guard_element guard_port_mac(const char *device, const struct mac *mac, const char *label);
struct guard_element guard_port_identifier(const char *device, const struct mac *mac, const char *label);
struct guard_element guard_any_mac_source(const char *device, const struct ip_address *address, const char *label);
struct guard_element guard_any_mac_port(const char *device, const char *label);
/* The address's family says which of both sets it goes to: gateways or gateways6, ... */
struct guard_element guard_resolver(const struct ip_address *gateway, const char *label);
struct guard_element guard_port_network(const char *device, uint32_t network, const char *label);
struct guard_element guard_proposed_mac(const char *device, const struct mac *mac, const char *label);
struct guard_element guard_open_address(const char *device, const struct ip_address *address, const char *label);
struct guard_element guard_network_mac(uint32_t network, const struct mac *mac, const char *label);
struct guard_element guard_learned_port(const char *device);
struct guard_element guard_refused_mac(const char *device, const struct mac *mac);
struct guard_element guard_routed_refused_mac(const char *device, const struct mac *mac);
struct guard_element guard_blocked(const char *device);
struct guard_element guard_routed_blocked(enum guard_set set,
                                          const char *device); /* GUARD_ROUTED_BLOCKED, GUARD_ARP_BLOCKED */
struct guard_element guard_way(const char *from, const char *to, const char *label);
struct guard_element guard_limited_way(const char *port, const char *uplink, const char *label);
struct guard_element guard_way6(const char *from, const char *to, const char *label);
struct guard_element guard_limited_way6(const char *port, const char *uplink, const char *label);
/* GUARD_PEERS, GUARD_ROUTED_APART or GUARD_ARP_REACH: from @subnet to itself. This one and the next: or their twins. */
struct guard_element guard_peers(enum guard_set set, const struct ip_prefix *subnet, const char *label);
/* Of the sets whose key is a device alone. */
struct guard_element guard_device(enum guard_set set, const char *device, const char *label);
struct guard_element guard_routed_mac(const char *device, const struct mac *mac, const char *label);
struct guard_element guard_routed_source(enum guard_set set, const char *device, const struct mac *mac,
                                         const struct ip_address *address, const char *label);
struct guard_element guard_routed_address(enum guard_set set, const char *device, const struct ip_address *address,
                                          const char *label);
/* GUARD_OUTSIDES or GUARD_INSIDES, or their twins: on @device @from is @to. */
struct guard_element guard_translated(enum guard_set set, const char *device, const struct ip_address *from,
                                      const struct ip_address *to, const char *label);
struct guard_element guard_group_limit(const char *device, uint32_t packets, const char *label);
struct guard_element guard_send_limit(const char *device, uint64_t bytes, uint32_t burst, const char *label);
struct guard_element guard_connection_limit(const char *bridge, const struct ip_address *address, uint32_t count,
                                            const char *label);
struct guard_element guard_refused_connections(const char *bridge, const struct ip_address *address);
struct guard_element guard_refused(const char *bridge, const struct ip_address *address);
struct guard_element guard_refused6(const char *bridge, const struct mac *mac);

/* Of an element of a set of limits: how much, and how much more at once (packets or bytes). */
uint64_t guard_rate(const struct guard_element *element);
uint32_t guard_burst(const struct guard_element *element);
void guard_set_limit(struct guard_element *element, uint64_t rate, uint32_t burst);
struct guard_element guard_egress6(const char *bridge, const char *uplink, const char *label);
struct guard_element guard_masquerade6(const char *bridge, const char *uplink, const char *label);
struct guard_element guard_path6(const char *from, const char *to, const char *label);
/* @family: AF_INET6, or AF_INET; NFPROTO_... are the same. */
struct guard_element guard_closed_family(uint8_t family, const char *label);

/* Readers: field @index of the key (0 is the first), or the data when @index is -1. The field's type must fit. */
const char *guard_read_ifname(const struct guard_element *element, int index);
struct mac guard_read_mac(const struct guard_element *element, int index);
struct ip_address guard_read_ip4(const struct guard_element *element, int index);
struct ip_address guard_read_ip6(const struct guard_element *element, int index);
struct ip_address guard_read_ip(const struct guard_element *element, int index); /* of whichever family it is */
uint16_t guard_read_port(const struct guard_element *element, int index);
uint32_t guard_read_mark(const struct guard_element *element, int index);
uint8_t guard_read_protocol(const struct guard_element *element, int index);

/* "br-lab . 10.20.0.1 : 10053", for `plan` and messages. */
#define GUARD_TEXT_MAX 176
const char *guard_element_print(const struct guard_element *element, char text[GUARD_TEXT_MAX]);

#endif
