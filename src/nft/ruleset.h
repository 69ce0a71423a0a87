/* SPDX-License-Identifier: MIT */
/* The chains and rules of our tables. */
#ifndef NFT_RULESET_H
#define NFT_RULESET_H

#include "nft/rule.h"

struct nft_chain {
    const char *name;
    const char *type; /* NULL: no base chain, others go to it */
    uint32_t hook;
    int32_t priority;
};

struct nft_ruleset {
    const struct nft_chain *chains;
    size_t chain_count;
    const struct nft_rule *rules[2]; /* those of one chain stand together, in their order */
    size_t rule_count, first_count;  /* of all, and of the first part */
};

struct nft_ruleset nft_ruleset_get(enum guard_family family);
const struct nft_rule *nft_ruleset_rule(const struct nft_ruleset *ruleset, size_t index);

/* ---- ruleset_frames.c ---- */

extern const struct nft_ruleset nft_ruleset_bridge, nft_ruleset_arp;

/* ---- ruleset_routed.c: the second part of inet ---- */

extern const struct nft_rule nft_routed_rules[];
extern const size_t nft_routed_rule_count;

#endif
