/* SPDX-License-Identifier: MIT */
/* Links by rtnetlink: list them, make bridges, set attributes, delete one or a whole group (linux/if_link.h). */
#ifndef NETLINK_LINK_H
#define NETLINK_LINK_H

#include <net/if.h>

#include "netlink/netlink.h"

/* What RTM_GETLINK tells of one link, as far as tapnet uses it. Pointers are valid during the callback only. */
struct netlink_link {
    int index;
    int master_index; /* 0: none */
    int lower_index;  /* of the link that it stands on, in this network namespace; 0: none */
    char name[IFNAMSIZ];
    const char *kind;  /* IFLA_INFO_KIND: "bridge", "tun", "veth", ...; "" for hardware */
    const char *alias; /* "" when there is none */
    struct mac mac;
    uint32_t mtu;
    uint32_t group;
    uint32_t queue_length;   /* IFLA_TXQLEN */
    uint16_t type;           /* ARPHRD_... */
    bool up;                 /* IFF_UP */
    bool carrier;            /* IFF_LOWER_UP: up and plugged in */
    bool plugged;            /* IFLA_CARRIER: plugged in, up or down; a TUN or TAP is when somebody holds it */
    uint32_t carrier_losses; /* how often it was unplugged */
    bool loopback;
    bool point_to_point;
    bool no_arp;            /* IFF_NOARP */
    bool shaped;            /* IFLA_QDISC: a token bucket stands in front of it, of ours or not; see shaper.h */
    int ip4_forwarding;     /* IPV4_DEVCONF_FORWARDING, -1 when the kernel did not say */
    int ip4_arp_ignore;     /* IPV4_DEVCONF_ARP_IGNORE, the same */
    int ip4_proxy_arp;      /* IPV4_DEVCONF_PROXY_ARP, the same */
    int ip4_route_localnet; /* IPV4_DEVCONF_ROUTE_LOCALNET, the same */
    int ip6_forwarding;     /* DEVCONF_FORWARDING, the same */
    int ip6_accept_ra;      /* DEVCONF_ACCEPT_RA, the same */
    int ip6_proxy_ndp;      /* DEVCONF_PROXY_NDP, the same */
    int ip6_forces;         /* DEVCONF_FORCE_FORWARDING, the same, as for all before Linux 6.17 */
    /* What differs of a bridge from what netlink_bridge_create() makes, of its port from the kernel's default. */
    bool bridge_has_stp, bridge_has_delay, bridge_has_snooping, bridge_has_group_exits, port_has_flags, port_isolated;
    int port_state;         /* of a bridge: BR_STATE_... of linux/if_bridge.h; -1: it is no port of one */
    bool bridge_learns_all; /* any number of MACs; false where the kernel knows no limit */
    bool xdp;               /* a program of XDP sees what comes in before all else */
    /* kind "tun" */
    bool tun_is_tap;
    bool tun_persistent, tun_multi_queue, tun_packet_information, tun_vnet_header;
    uint32_t tun_queues, tun_detached_queues; /* made for several queues: how many there are; else 0 */
    uint32_t tun_user, tun_group;             /* UINT32_MAX: none */
    uint64_t rx_bytes, rx_packets, rx_dropped, tx_bytes, tx_packets, tx_dropped; /* the kernel's side */
};

typedef int netlink_link_reader(const struct netlink_link *link, void *data);

/* Every link of the namespace, in one dump; the counters are 0, which makes it a third shorter. */
int netlink_link_dump(struct netlink *netlink, netlink_link_reader *reader, netlink_restart *restart, void *data,
                      struct tapnet_error *error);
/* The same with the counters. */
int netlink_link_dump_counted(struct netlink *netlink, netlink_link_reader *reader, netlink_restart *restart,
                              void *data, struct tapnet_error *error);
/* One link; @name is used when @index is 0. -ENODEV. */
int netlink_link_get(struct netlink *netlink, int index, const char *name, netlink_link_reader *reader, void *data,
                     struct tapnet_error *error);
/* The parser alone, for tests and the fuzzer: a RTM_NEWLINK message to a struct. 0 or -EBADMSG. */
int netlink_link_parse(const struct nlmsghdr *message, struct netlink_link *ret);

/*
 * Creates a bridge, down, with MAC and group in the creating request (so that it is ours from its first instant),
 * STP off, no forward delay, no multicast snooping, no exits for bridge group addresses and a limit to what it learns
 * (see NETLINK_LINK_NO_GROUP_EXITS and _LEARN_LIMIT). -EEXIST. The kernel takes no attributes of an address family in
 * this request (-EAFNOSUPPORT: the device has no IPv6 state yet): NETLINK_LINK_NO_IP6 belongs into the next one, which
 * is in time, since no link-local address appears before the bridge is up.
 */
int netlink_bridge_create(struct netlink *netlink, const char *name, const struct mac *mac, uint32_t group,
                          uint32_t mtu, struct tapnet_error *error);

/* The end of a veth pair that goes elsewhere. */
struct netlink_peer {
    int netns;        /* the network namespace it goes to, an open descriptor */
    const char *name; /* what it is called there */
    struct mac mac;
};

/*
 * Creates a veth pair, both ends down: the one here with MAC, MTU and group in the creating request, as a bridge; the
 * other in the namespace of @peer from its first instant. -EEXIST: either name is taken, there or here; -EINVAL.
 */
int netlink_veth_create(struct netlink *netlink, const char *name, const struct mac *mac, uint32_t group, uint32_t mtu,
                        const struct netlink_peer *peer, struct tapnet_error *error);

#define NETLINK_BRIDGE_MACS_MAX 8192 /* that a bridge learns: eight of each port that it can have */

/* What netlink_link_set() may change of a link that exists. Only what is in @fields is sent. */
enum {
    NETLINK_LINK_ALIAS = 1 << 0,
    NETLINK_LINK_GROUP = 1 << 1,
    NETLINK_LINK_MAC = 1 << 2,
    NETLINK_LINK_MTU = 1 << 3,    /* 0 is refused by the caller, not sent */
    NETLINK_LINK_MASTER = 1 << 4, /* 0: out of its bridge */
    NETLINK_LINK_UP = 1 << 5,
    NETLINK_LINK_NO_IP6 = 1 << 6,     /* addr_gen_mode none: no link-local address appears, see below */
    NETLINK_LINK_FORWARDING = 1 << 7, /* net.ipv4.conf.NAME.forwarding, by IFLA_AF_SPEC / IFLA_INET_CONF */
    NETLINK_LINK_QUEUE_LENGTH = 1 << 8,
    NETLINK_LINK_CARRIER = 1 << 9,
    NETLINK_LINK_NO_STP = 1 << 10,        /* bridge: spanning tree off, */
    NETLINK_LINK_NO_DELAY = 1 << 11,      /* forward delay 0 (what the kernel allows without spanning tree only), */
    NETLINK_LINK_NO_SNOOPING = 1 << 12,   /* multicast snooping off */
    NETLINK_LINK_NO_PORT_FLAGS = 1 << 13, /* port of a bridge: learning, flooding, ... as the kernel's default is */
    /*
     * Bridge: frames to the group addresses of IEEE 802.1D (01:80:c2:00:00:03 to 0f) are frames like any others, that
     * all hooks see, and none that reach the IP stack of their port past them. Those to 02 the kernel lets nobody have;
     * they teach the bridge nothing any more.
     */
    NETLINK_LINK_NO_GROUP_EXITS = 1 << 14,
    NETLINK_LINK_NO_ARP = 1 << 15, /* IFF_NOARP: the device itself hears no ARP; what its bridge does is another's */
    NETLINK_LINK_ARP_IGNORE = 1 << 16,  /* net.ipv4.conf.NAME.arp_ignore = 1: no answers for other devices' addresses */
    NETLINK_LINK_ISOLATED = 1 << 17,    /* port of a bridge: nothing between it and others that are; see below */
    NETLINK_LINK_LEARN_LIMIT = 1 << 18, /* bridge: NETLINK_BRIDGE_MACS_MAX; Linux before 6.7 has none */
    /*
     * It forwards, hears ARP, and answers for the host's addresses and whomever other devices lead to; or does neither,
     * as the port of a bridge (and then says NETLINK_LINK_NO_ARP itself).
     */
    NETLINK_LINK_ROUTED = 1 << 19,
    NETLINK_LINK_ROUTE_LOCALNET = 1 << 20, /* net.ipv4.conf.NAME.route_localnet */
    /* net.ipv4.conf.NAME.promote_secondaries = 1: the first address of a subnet goes without the others of it */
    NETLINK_LINK_PROMOTE = 1 << 21,
    NETLINK_LINK_NAME = 1 << 22, /* Linux before 6.2: while it is down */
    /*
     * With NETLINK_LINK_UP: what is one of the link's flags is told by a second message of the same send, which is done
     * also where the first is refused.
     */
    NETLINK_LINK_UP_LAST = 1 << 23,
};

struct netlink_link_change {
    unsigned fields;
    const char *name; /* the new one */
    const char *alias;
    uint32_t group;
    struct mac mac;
    uint32_t mtu;
    int master_index;
    bool up;
    bool forwarding;
    bool route_localnet;
    uint32_t queue_length;
    bool carrier;
    bool isolated;
    bool routed;
};

/*
 * The link is named by @index when it is not 0, else by @name. One request. The kernel takes a link up
 * before it looks at what is said of IPv6: with NETLINK_LINK_NO_IP6 bring it up last, or without carrier, else the
 * address is there; and it tells all of its parts of each change of a link that is up. It looks at
 * NETLINK_LINK_ISOLATED before NETLINK_LINK_MASTER: that takes two requests. -ENODEV, and whatever the kernel refuses.
 */
int netlink_link_set(struct netlink *netlink, int index, const char *name, const struct netlink_link_change *change,
                     struct tapnet_error *error);
int netlink_link_delete(struct netlink *netlink, int index, struct tapnet_error *error);
/* Deletes every link of @group: verify the members first, others may have put theirs in. */
int netlink_link_delete_group(struct netlink *netlink, uint32_t group, struct tapnet_error *error);

#endif
