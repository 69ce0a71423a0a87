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
    const struct nft_rule *rules; /* those of one chain stand together, in their order */
    size_t rule_count;
};

struct nft_ruleset nft_ruleset_get(enum guard_family family);

/* ---- ruleset_frames.c ---- */

extern const struct nft_ruleset nft_ruleset_bridge, nft_ruleset_arp;

#endif
