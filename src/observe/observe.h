/* SPDX-License-Identifier: MIT */
/* Reads the host into objects: what is ours, and what of the rest matters to a plan. */
#ifndef OBSERVE_OBSERVE_H
#define OBSERVE_OBSERVE_H

#include "model/object.h"

/* A foreign link as far as a plan must know it: its name is taken. */
struct observe_link {
    char name[MODEL_IFNAME_MAX];
    int index;
    bool wireless, point_to_point, bridge;
    bool up;
    int lower_index; /* of the link that it stands on; 0: none */
    uint32_t mtu;
    struct mac mac;
    uint16_t type;                 /* ARPHRD_... */
    char master[MODEL_IFNAME_MAX]; /* that it is a port of, "": none */
    char kind[MODEL_IFNAME_MAX];   /* "veth", "macvlan", ...; "" for hardware */
    bool xdp;
    int ip4_forwarding, ip6_forwarding, ip6_accept_ra, ip6_proxy_ndp, ip6_forces; /* as in netlink/link.h */
};

/* An address of the host, not ours. */
struct observe_address {
    struct ip_prefix prefix;
    int index; /* of its link */
};

struct observe_found {
    struct model_objects objects; /* ours, all sets; sorted */
    struct observe_link *links;   /* not ours, sorted by name */
    size_t link_count;
    size_t gone_count; /* devices whose ports are gone (MODEL_GONE_GROUP): nobody's, and to be deleted */
    bool gone_astray;  /* one of them has another MAC in its bridge than its port had: to be deleted at once */
    /* Prefixes of addresses and routes (main table) on links that are not ours, and the routes' gateways. */
    struct ip_prefix *taken;
    size_t taken_count;
    struct observe_address *addresses; /* not ours */
    size_t address_count;
    bool foreign_table; /* a table of our name that is not ours: nothing of it is among the objects */
    /* The generation of the host's nftables (nft_generation()) before its tables were read, and after that. */
    uint32_t generation_before, generation_after;
    char uplink[MODEL_IFNAME_MAX];     /* of the IPv4 default route with the lowest metric, not one of our links; "" */
    char lan_uplink[MODEL_IFNAME_MAX]; /* a bridge of ours, of mode bridge, that the default route leads over; "" */
    bool ip_forward;                   /* net.ipv4.ip_forward */
    struct model_ip6 ip6;
    bool service_is_mute; /* it listens and does not answer */
    bool resolver;        /* systemd-resolved is here, and answers */
};

/*
 * One dump each of links, addresses, routes of the main table and our nft tables; sysctls of the uplink; the
 * ledgers below @run_dir (the namespace's own directory, see apply/run.h), which may not exist; what systemd-resolved
 * knows of it, where that runs. A link is ours when
 * its alias says so, or when it is in our group with no alias yet. Changes nothing.
 */
int observe_host(const char *run_dir, struct observe_found **ret, struct tapnet_error *error);
void observe_free(struct observe_found *found); /* takes NULL */
/* The networks that are up, by their ledgers alone: objects of kind service, of which nobody asks whether it runs. */
int observe_networks(const char *run_dir, struct observe_found **ret, struct tapnet_error *error);
/* The same, and whether they run. */
int observe_served(const char *run_dir, struct observe_found **ret, struct tapnet_error *error);

/*
 * Adds what the host has by its link @name, and what of it stands on @bridge (or on the bridge of ours that it is a
 * port of): one object of kind MODEL_OBJECT_UPLINK. Nothing when there is no such link, or it was looked at already: so
 * were those that are ports of our bridges of mode bridge, or that a ledger says should be.
 */
int observe_uplink(struct observe_found *found, const char *name, const char *bridge, struct tapnet_error *error);

struct netlink_link;
/* Is it a device whose port is gone (apply/gone.c), and that is to be deleted? */
bool observe_is_gone(const struct netlink_link *link);

/* Traffic of one link, by name (status). */
struct observe_traffic {
    char device[MODEL_IFNAME_MAX];
    bool up, carrier;
    uint64_t rx_bytes, rx_packets, rx_dropped, tx_bytes, tx_packets, tx_dropped;
};
/* Every link's, in one dump, sorted by name. */
int observe_traffic(struct observe_traffic **ret, size_t *ret_count, struct tapnet_error *error);

#endif
