/* SPDX-License-Identifier: MIT */
/* What the files of observe/ share while the host is being read. */
#ifndef OBSERVE_LINKS_H
#define OBSERVE_LINKS_H

#include "netlink/address.h"
#include "netlink/link.h"
#include "observe/observe.h"

struct device_features; /* device/device.h */

/* Every link of the host as seen in one dump, to name indices afterwards. */
struct observe_index {
    int index, master_index;
    char name[MODEL_IFNAME_MAX];
    bool ours, up;
    size_t object; /* ours: where it stands among the objects */
    bool lan;      /* a bridge of ours that has the host's own addresses */
};

struct observe_pass {
    struct observe_found *found;
    struct observe_index *indices; /* sorted by index once the dump is over */
    size_t index_count, index_capacity, link_capacity, taken_capacity, address_capacity;
    size_t first_link; /* from here on the objects are links, while links are read */
    /* The objects that are addresses, sorted, while routes are read. */
    size_t first_address, end_address;
    bool shaped; /* a token bucket stands in front of one of our links: how fast it lets through is to be asked */
    uint32_t best_metric;
    struct device_features *features; /* opened when a device is met whose offloads are looked at */
    struct tapnet_error *error;
};

/* Fills links and objects of links from one dump. */
int observe_links(struct netlink *netlink, struct observe_pass *pass);
/* The link of @index; NULL when there is none (any more). */
const struct observe_index *observe_find_index(const struct observe_pass *pass, int index);

/* Of a bridge of ours by its name, once links were read; 0: there is none. */
int observe_bridge_index(const struct observe_found *found, const char *bridge);

/* Notes that @prefix belongs to the host. 0 or -ENOMEM. */
int observe_take(struct observe_pass *pass, const struct ip_prefix *prefix);

/* ip6.c: the IPv6 routes of the main table: what is taken, and the way out. Links were read. */
int observe_routes6(struct netlink *netlink, struct observe_pass *pass);
/* A route on @device, a link of ours: does it come with an address? */
void observe_meet_route(const struct observe_pass *pass, const char *device, const struct netlink_route *route);
/*
 * The rest of found->ip6, and sysctls whose ledgers are gone. Ledgers and guards were read. 0, -ENOMEM, or the errno of
 * a sysctl that is there and can't be read, with a sentence.
 */
int observe_ip6(struct observe_found *found, struct tapnet_error *error);

/* names.c: found->resolver, and which services it knows. Links and ledgers were read. -ENOMEM. */
int observe_names(struct observe_found *found);

/* uplink.c: those that are ports of ours, or should be. Links and ledgers were read. */
int observe_uplinks(struct observe_found *found, struct tapnet_error *error);

/* ledger.c: what stands in the run directory. */
int observe_ledgers(const char *run_dir, struct observe_found *found, struct tapnet_error *error);
/* What no look at a device tells, from its set's record to its link. The objects are sorted. */
void observe_recorded_settings(struct observe_found *found);

#endif
