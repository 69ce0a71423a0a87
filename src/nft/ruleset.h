/* SPDX-License-Identifier: MIT */
/* The chains and rules of our tables. */
#ifndef NFT_RULESET_H
#define NFT_RULESET_H

#include "base/array.h"
#include "nft/rule.h"

struct nft_chain {
    const char *name;
    const char *type; /* NULL: no base chain, others go to it */
    uint32_t hook;
    int32_t priority;
};

/* Some chains of a table, with all their rules; each file has one. */
struct nft_part {
    const struct nft_chain *chains;
    size_t chain_count;
    const struct nft_rule *rules; /* those of one chain stand together, in their order */
    size_t rule_count;
};

#define NFT_PART(chains_of, rules_of)                                                                                  \
    {                                                                                                                  \
        (chains_of), ARRAY_COUNT(chains_of), (rules_of), ARRAY_COUNT(rules_of)                                         \
    }

extern const struct nft_part nft_part_frames, nft_part_lan, nft_part_arp, nft_part_routed, nft_part_clones,
    nft_part_clones6;

/* The chain of @family's table with that @index, from 0; NULL behind the last. */
const struct nft_chain *nft_ruleset_chain(enum guard_family family, size_t index);
/* The same of its rules. */
const struct nft_rule *nft_ruleset_rule(enum guard_family family, size_t index);

#endif
