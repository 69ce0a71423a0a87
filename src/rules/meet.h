/* SPDX-License-Identifier: MIT */
/* What a packet meets in the packet filters of a host. */
#ifndef RULES_MEET_H
#define RULES_MEET_H

#include <sys/socket.h>

#include "rules/rules.h"

/*
 * How it works: of a packet that did not come yet, some is known (where it comes in, its addresses) and some is not
 * (its length, what a counter says by then). Each bit of a field is known or not, and a comparison is true, false, or
 * not to be told. A rule that may match and would drop the packet makes the answer a "maybe"; it is never guessed.
 */

/* Which families see it there. */
enum rules_side {
    RULES_STACK,  /* the IP stack: ip or ip6, inet */
    RULES_FRAMES, /* a bridge */
    RULES_DEVICE, /* netdev, and inet at ingress: where it comes in, or goes out */
};

/* What is not known is 0, NULL or "". */
struct rules_packet {
    const char *in, *out; /* interfaces as the hook has them; "": none */
    uint32_t in_index, out_index;
    const char *in_kind, *out_kind; /* of links, as netlink has them: "bridge", "tun" */
    const char *port_in, *port_out; /* of the bridge that forwards it, when that is who calls the IP hooks */
    bool ethernet;                  /* it came in on an Ethernet device */
    struct mac source_mac, destination_mac;
    struct ip_address source, destination; /* of one family; see rules_is_ip6() */
    uint8_t destination_type;              /* RTN_UNICAST, RTN_LOCAL, ... */
    uint8_t protocol;
    uint16_t source_port, destination_port;
    uint8_t icmp_type, icmp_code; /* known when @protocol is ICMP, or that of IPv6 */
    struct ip_address target;     /* Neighbour Discovery: whose MAC it is about, in an option @source_mac */
    uint32_t state, status;       /* of its connection: the bits of linux/netfilter/nf_conntrack_common.h for rules */
    bool is_reply;
    bool arp; /* a frame of ARP, not of IP */
};

/* Without an address it is taken for one of IPv4. One of IPv6 has no extension headers. */
static inline bool rules_is_ip6(const struct rules_packet *packet)
{
    return packet->source.family == AF_INET6 || packet->destination.family == AF_INET6;
}

/* Bits of @state, as rules have them. */
enum {
    RULES_INVALID = 1 << 0,
    RULES_ESTABLISHED = 1 << 1,
    RULES_RELATED = 1 << 2,
    RULES_NEW = 1 << 3,
    RULES_UNTRACKED = 1 << 6,
};

enum rules_outcome {
    RULES_PASSES,
    RULES_MAY_BE_DROPPED,
    RULES_DROPPED,
};

struct rules_answer {
    enum rules_outcome outcome;
    const struct rules_chain *base;     /* the base chain in which it is, or may be, dropped */
    const struct rules_chain *chain;    /* the chain where: @base, or one that leads from it */
    const struct rules_rule *rule;      /* NULL: the policy of @base */
    const struct rules_step *undecided; /* may be dropped: what can't be told; NULL: that a program decides */
    const struct rules_chain *nat_chain;
    const struct rules_rule *nat; /* the rule that gives the connection another address; NULL: none, or may be */
    const struct rules_chain *untracking_chain;
    const struct rules_rule *untracking; /* the rule by which it belongs to no connection; NULL: none for certain */
    size_t base_count;                   /* how many base chains see it there */
};

/*
 * Walks all base chains at @hook of those families that see the packet there (RULES_DEVICE: at ingress of
 * packet->in, at egress of packet->out).
 * The first that drops it, or else the first that may, is the answer.
 */
void rules_meet(const struct rules_ruleset *ruleset, enum rules_hook hook, enum rules_side side,
                const struct rules_packet *packet, struct rules_answer *ret);

/*
 * Does @packet, which the IP stack brings to the base chain @base, come to the chain called @name, for certain, and not
 * past anything that may drop it?
 */
bool rules_comes_to(const struct rules_ruleset *ruleset, const struct rules_chain *base,
                    const struct rules_packet *packet, const char *name);

/* Does the chain stand at the link called @name itself, at its ingress or egress? @name may be NULL. */
bool rules_stands_at(const struct rules_chain *chain, const char *name);

/* ---- for what else of this folder looks at rules ---- */

enum rules_truth {
    RULES_NO,
    RULES_MAYBE,
    RULES_YES,
};

static inline enum rules_truth rules_not(enum rules_truth truth)
{
    return (enum rules_truth)(RULES_YES - truth);
}

/* A row of bytes of which some bits are known: where @known has a one. */
struct rules_bits {
    uint8_t value[RULES_REGISTER_BYTES];
    uint8_t known[RULES_REGISTER_BYTES];
};

/* bits.c: the packet's fields, and how they compare. */
void rules_load(const struct rules_packet *packet, enum rules_side side, bool mark_known, const struct rules_step *step,
                struct rules_bits *registers);
/* Is what stands at @from equal to the @len bytes at @bytes? */
enum rules_truth rules_equal(const struct rules_bits *registers, uint8_t from, const uint8_t *bytes, size_t len);
enum rules_truth rules_compare(const struct rules_bits *registers, const struct rules_step *step);
enum rules_truth rules_in_range(const struct rules_bits *registers, const struct rules_step *step);
void rules_mask(struct rules_bits *registers, const struct rules_step *step);

/* lookup.c: the element that fits: *ret, which is NULL when none does or several may. */
enum rules_truth rules_look_up(const struct rules_set *set, const struct rules_bits *registers, uint8_t from,
                               const struct rules_element **ret);

/* match.c: the matches of xtables. */
enum rules_truth rules_match(const struct rules_packet *packet, bool mark_known, const struct rules_step *step);

#endif
