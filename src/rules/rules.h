/* SPDX-License-Identifier: MIT */
/* The packet filters of the whole host as data, whoever made them, and what a packet meets in them. */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"

/*
 * How it works: nft/foreign.c reads every chain, rule and set of the network namespace into a struct rules_set of
 * chains; rules_meet() walks the chains of one hook in their order with a packet of which some is known and some is
 * not. What can't be decided is said as such, never guessed: a rule may match, and then the answer is "maybe".
 * Everything here is data of others: any length, any text.
 */

/* A packet filter's hook, as NF_INET_... and, in the bridge family, NF_BR_... count them. */
enum rules_hook {
    RULES_PREROUTING,
    RULES_INPUT,
    RULES_FORWARD,
    RULES_OUTPUT,
    RULES_POSTROUTING,
    RULES_INGRESS,
    RULES_NO_HOOK = -1,
};

/* Families as NFPROTO_... of linux/netfilter.h. */
enum rules_family {
    RULES_INET = 1,
    RULES_IP4 = 2,
    RULES_ARP = 3,
    RULES_NETDEV = 5,
    RULES_BRIDGE = 7,
    RULES_IP6 = 10,
};

/* Registers are 64 bytes; the kernel's numbers of them are byte offsets here. */
#define RULES_REGISTER_BYTES 64

enum rules_kind {
    RULES_LOAD,     /* a field of the packet to a register */
    RULES_CONSTANT, /* bytes to a register */
    RULES_COMPARE,
    RULES_RANGE,
    RULES_MASK,    /* value = value & mask ^ with */
    RULES_LOOKUP,  /* a set; a map of verdicts decides, too */
    RULES_VERDICT, /* accept, drop, jump, ... */
    RULES_MATCH,   /* of xtables: iptables' -m NAME */
    RULES_NEUTRAL, /* counter, log, ...: goes on */
    RULES_LIMIT,   /* goes on below a rate, or above one */
    RULES_NAT,     /* the packet gets another address, and no further in this chain */
    RULES_UNKNOWN, /* whether it matches can't be told */
};

enum rules_verdict {
    RULES_CONTINUE,
    RULES_ACCEPT,
    RULES_DROP, /* or reject */
    RULES_JUMP,
    RULES_GOTO,
    RULES_RETURN,
    RULES_QUEUE, /* a program decides */
};

enum rules_source { /* of RULES_LOAD */
                    RULES_LINK_HEADER,
                    RULES_NETWORK_HEADER,
                    RULES_TRANSPORT_HEADER,
                    RULES_META, /* @offset is NFT_META_... */
                    RULES_CT,   /* @offset is NFT_CT_... */
                    RULES_ELSEWHERE,
};

enum rules_operator {
    RULES_EQUAL,
    RULES_NOT_EQUAL,
    RULES_LESS,
    RULES_LESS_EQUAL,
    RULES_GREATER,
    RULES_GREATER_EQUAL,
};

struct rules_step {
    enum rules_kind kind;
    enum rules_verdict verdict; /* RULES_VERDICT */
    enum rules_source source;   /* RULES_LOAD */
    enum rules_operator operator;
    bool inverted;        /* RULES_LOOKUP: not in the set; RULES_LIMIT: above the rate */
    uint8_t from, to;     /* registers: byte offsets */
    uint32_t offset;      /* RULES_LOAD: in the header, or a key */
    uint8_t len;          /* bytes */
    uint8_t revision;     /* RULES_MATCH */
    const uint8_t *bytes; /* the constant, the mask, the lower end, what xtables keeps of the match; @len of them */
    const uint8_t *with;  /* what the mask's result is xored with, the upper end; @len bytes; may be NULL */
    const char *name;     /* of the set, the chain, the match, or what the step does, as in "counter" */
    size_t bytes_len;     /* RULES_MATCH */
};

struct rules_rule {
    uint64_t handle;
    const char *comment; /* "" when there is none */
    struct rules_step *steps;
    size_t step_count;
};

struct rules_chain {
    uint8_t family;
    const char *table, *name;
    const char *type;   /* "filter", "nat", "route"; "" when it is no base chain */
    const char *device; /* of the hooks ingress and egress; "" */
    int hook;           /* enum rules_hook */
    int priority;
    bool drops; /* its policy */
    struct rules_rule *rules;
    size_t rule_count, rule_capacity;
};

struct rules_ruleset {
    struct rules_chain *chains;
    size_t chain_count, chain_capacity;
    struct arena arena; /* texts and bytes */
};

void rules_fini(struct rules_ruleset *ruleset);

/* "ip", "inet", "bridge": as `nft` has it. */
const char *rules_family_name(uint8_t family);

/*
 * Whose table it is: "Docker", "ufw", "firewalld", "libvirt", "kube-proxy", "tapnet", several of them with "and"
 * between; "" when nobody's hand is known.
 */
#define RULES_OWNER_MAX 64
const char *rules_owner(const struct rules_ruleset *ruleset, const struct rules_chain *chain,
                        char text[RULES_OWNER_MAX]);

#endif
