/* SPDX-License-Identifier: MIT */
/* The packet filters of the whole host as data, whoever made them. */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"

/*
 * How it works: nft/dump.c reads every chain, rule and set of the network namespace into a struct rules_ruleset;
 * rules_meet() (rules/meet.h) walks the chains of one hook with a packet. All of it is data of others: any length, any
 * text, numbers that make no sense.
 */

/* A packet filter's hook, as NF_INET_... and NF_BR_... count them. */
enum rules_hook {
    RULES_PREROUTING,
    RULES_INPUT,
    RULES_FORWARD,
    RULES_OUTPUT,
    RULES_POSTROUTING,
    RULES_INGRESS,
    RULES_EGRESS,
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

#define RULES_REGISTER_BYTES 64 /* the kernel's registers in a row: numbers of them are byte offsets here */

enum rules_kind {
    RULES_LOAD,     /* a field of the packet to a register */
    RULES_CONSTANT, /* bytes to a register */
    RULES_COMPARE,
    RULES_RANGE,
    RULES_MASK,    /* (value & mask) ^ with */
    RULES_LOOKUP,  /* in a set, or in a map that gives bytes to a register, or a verdict */
    RULES_VERDICT, /* accept, drop, jump, ... */
    RULES_MATCH,   /* of xtables: iptables' -m NAME */
    RULES_NEUTRAL, /* counter, log, ...: goes on */
    RULES_MARK,    /* the packet gets another mark */
    RULES_LIMIT,   /* goes on below a rate or a number; inverted, above it */
    RULES_NOTRACK, /* the packet belongs to no connection from here on */
    RULES_NAT,     /* the connection gets another address; the chain ends */
    RULES_UNKNOWN, /* whether it goes on can't be told */
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
                    RULES_META,             /* @offset is NFT_META_... */
                    RULES_CT,               /* @offset is NFT_CT_... */
                    RULES_DESTINATION_TYPE, /* RTN_... of the destination */
                    RULES_EXTENSION_HEADER, /* of IPv6: whether there is one (@offset 1), or a field of it (0) */
                    RULES_ELSEWHERE,
};

enum rules_operator { /* as enum nft_cmp_ops */
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
    bool inverted;        /* RULES_LOOKUP: not in the set; RULES_LIMIT: above it */
    bool gives;           /* RULES_LOOKUP: a map's data goes to @to */
    uint8_t from, to;     /* registers: byte offsets */
    uint8_t len;          /* bytes that are loaded, compared, masked */
    uint8_t revision;     /* RULES_MATCH */
    uint32_t offset;      /* RULES_LOAD: in the header, or a key */
    const uint8_t *bytes; /* the constant, the mask, the lower end: @len; what xtables keeps of a match: @bytes_len */
    const uint8_t *with;  /* what a mask's result is xored with, the upper end: @len; NULL: none */
    size_t bytes_len;
    uint64_t count;   /* RULES_NEUTRAL, "counter": packets so far */
    const char *name; /* of the set, the chain to jump to, the match, or of what the step is: "counter", "masquerade" */
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
    const char *device; /* of the hooks ingress and egress, several with spaces between; "" */
    int hook;           /* enum rules_hook */
    int priority;
    bool drops;  /* its policy */
    bool legacy; /* of ip_tables, which nf_tables knows nothing of */
    struct rules_rule *rules;
    size_t rule_count, rule_capacity;
};

struct rules_element {
    const uint8_t *key, *end; /* end: of a range, NULL: none */
    const uint8_t *data;      /* of a map of bytes; NULL: none */
    enum rules_verdict verdict;
    const char *chain; /* of the verdict */
    bool opens_gap;    /* in a set of ranges: what stands here and after it is not in the set, up to the next one */
    bool catches_all;  /* whatever is not in the set */
};

#define RULES_FIELDS_MAX 16

struct rules_set {
    uint8_t family;
    const char *table, *name;
    uint8_t key_len, data_len;        /* bytes */
    bool ranges;                      /* elements are where ranges begin and end, or have an end */
    uint8_t fields[RULES_FIELDS_MAX]; /* bytes of each part of a concatenation, each padded to four */
    size_t field_count;               /* 0: no concatenation, or not known */
    struct rules_element *elements;
    size_t element_count, element_capacity;
};

struct rules_table {
    uint8_t family;
    const char *name;
};

struct rules_ruleset {
    struct rules_chain *chains; /* of tables that are switched off: without hooks */
    size_t chain_count, chain_capacity;
    size_t last;       /* the chain that a rule was added to last */
    bool without_ours; /* chains and sets of our own tables are not read */
    struct rules_table *dormant;
    size_t dormant_count, dormant_capacity;
    struct rules_set *sets;
    size_t set_count, set_capacity;
    struct arena arena; /* texts, steps and bytes */
};

void rules_fini(struct rules_ruleset *ruleset);

/* The chain, or the set, of that name in a table of nf_tables; NULL. */
struct rules_chain *rules_find_chain(const struct rules_ruleset *ruleset, uint8_t family, const char *table,
                                     const char *name);
/* The chain called @name in the table of @chain; NULL. */
const struct rules_chain *rules_find_beside(const struct rules_ruleset *ruleset, const struct rules_chain *chain,
                                            const char *name);
struct rules_set *rules_find_set(const struct rules_ruleset *ruleset, uint8_t family, const char *table,
                                 const char *name);

/* "ip", "inet", "bridge": as `nft` has it. */
const char *rules_family_name(uint8_t family);

/*
 * Whose the chain is, from its name, or from those of the chains beside it: "Docker", "ufw", "firewalld", "libvirt",
 * "tapnet", ..., several of them with "and" between; "" when nobody's hand is known.
 */
#define RULES_OWNER_MAX 64
const char *rules_owner(const struct rules_ruleset *ruleset, const struct rules_chain *chain,
                        char text[RULES_OWNER_MAX]);

/*
 * match.c: what the target of xtables called step->name does (iptables' -j NAME), of whose structure step->bytes_len
 * bytes are at step->bytes: kind and verdict of @step.
 */
void rules_set_target(struct rules_step *step);

/* ---- print.c ---- */

/*
 * The rule, of a chain of @family, in the words of `nft`, as far as they are known; what is not is "...". Cut to @size.
 * Returns @text. Names of others may hold any byte: what is not printable is "?".
 */
#define RULES_TEXT_MAX 256
const char *rules_print(uint8_t family, const struct rules_rule *rule, char text[RULES_TEXT_MAX]);
/* The same of one condition of a rule: "ct mark 0x7". @step is one of @ruleset's. */
const char *rules_print_condition(const struct rules_ruleset *ruleset, const struct rules_step *step,
                                  char text[RULES_TEXT_MAX]);

#endif
