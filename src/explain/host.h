/* SPDX-License-Identifier: MIT */
/* The host as the explanations look at it: links with all that can stop a packet there, rules, holders. */
#ifndef EXPLAIN_HOST_H
#define EXPLAIN_HOST_H

#include <stdarg.h>

#include <tapnet/bridge.h>

#include "device/holders.h"
#include "netlink/netlink.h"
#include "observe/observe.h"
#include "rules/meet.h"

struct explain_link {
    char name[MODEL_IFNAME_MAX], kind[MODEL_IFNAME_MAX]; /* kind: "bridge", "tun"; "": none */
    int index, master_index;
    uint32_t mtu;
    struct mac mac;
    bool up, carrier, plugged, isolated, xdp, ethernet, is_tun;
    bool stp;       /* a bridge */
    bool has_state; /* a port of a bridge: */
    enum tapnet_bridge_port_state state;
    uint64_t tx_dropped;
};

struct explain_host {
    const struct observe_found *found;
    struct netlink *netlink; /* NETLINK_ROUTE */
    struct rules_ruleset rules;
    struct explain_link *links;
    size_t link_count, link_capacity;
    struct device_holder *holders; /* sorted by device */
    size_t holder_count;
};

/* Reads the host. @found must live as long as @ret, which the caller ends with explain_host_fini(). */
int explain_host_read(const struct observe_found *found, struct explain_host *ret, struct tapnet_error *error);
void explain_host_fini(struct explain_host *host);
/* The packet filters alone, of nf_tables and ip_tables. The caller ends *ret with rules_fini(), after an error too. */
int explain_read_rules(struct rules_ruleset *ret, struct tapnet_error *error);

const struct explain_link *explain_find_link(const struct explain_host *host, const char *name);
const struct explain_link *explain_find_index(const struct explain_host *host, int index);
/* Who holds the TUN or TAP; NULL: nobody, or nobody whom we may see. */
const struct device_holder *explain_find_holder(const struct explain_host *host, const char *device);
/* Number @index (from 0) of the networks that are up, with its set; NULL behind the last. */
const struct model_service *explain_network(const struct observe_found *found, size_t index);
/* The command that brings @set up again, the arena's; NULL when memory is short. */
const char *explain_up_command(const struct observe_found *found, const char *set, struct arena *arena);
/* A number of /proc/sys; @fallback where it can't be read. */
long explain_sysctl(const char *path, long fallback);
/* Does br_netfilter show bridged frames of @family to the IP hooks? */
bool explain_is_bridge_filtered(uint8_t family);
/* Stands for whoever is outside, and is asked nothing: the root name server A. */
const char *explain_outside(uint8_t family);

/*
 * @text as a word of a shell's command, the arena's: a name of somebody else's may hold anything. "''" when memory is
 * short.
 */
const char *explain_word(struct arena *arena, const char *text);
/* Makes "?" of what could play tricks with a terminal. Returns @text. */
char *explain_clean(char *text);
/* A sentence made so, the arena's; NULL when memory is short. */
__attribute__((format(printf, 2, 0))) const char *explain_print(struct arena *arena, const char *format,
                                                                va_list arguments);

/* ---- stranger.c ---- */

/* Number @index (from 0) of the links in @network's bridge that are nobody's port there; NULL behind the last. */
const struct observe_link *explain_stranger(const struct observe_found *found, const struct model_network *network,
                                            size_t index);

/* ---- remedy.c ---- */

/*
 * The command that lets @packet by where @answer says that it is dropped, in the words of whoever the chain belongs
 * to; the arena's. "" when there is none; NULL when memory is short.
 */
const char *explain_remedy(const struct rules_ruleset *ruleset, const struct rules_answer *answer,
                           const struct rules_packet *packet, struct arena *arena);

/*
 * "table ip filter, chain FORWARD (Docker)"; of ip_tables: "legacy iptables table filter, chain FORWARD"; the arena's.
 */
const char *explain_chain(const struct rules_ruleset *ruleset, const struct rules_chain *chain, struct arena *arena);
/* Where a packet is, or may be, dropped: "table ip filter, chain FORWARD (Docker): its policy is drop"; the arena's. */
const char *explain_place(const struct rules_ruleset *ruleset, const struct rules_answer *answer, struct arena *arena);

/* Is it of one of our own tables? */
bool explain_is_ours(const struct rules_chain *chain);
/*
 * Where an accept belongs that is to let @packet by @base: the chain that its program keeps for rules of others, where
 * the packet comes there before anything may drop it; else @base itself.
 */
const char *explain_open_chain(const struct rules_ruleset *ruleset, const struct rules_chain *base,
                               const struct rules_packet *packet);
/* Is it of nf_tables, and are its names plain words? */
bool explain_can_be_named(const struct rules_chain *chain);
/* Is it of a table that iptables has made, by nf_tables or the older way? */
bool explain_is_of_iptables(const struct rules_chain *chain);

#endif
