/* SPDX-License-Identifier: MIT */
/* Accepts of ours in chains of others (guard/passage.h): made, found and taken away over netlink. */
#ifndef NFT_PASSAGE_H
#define NFT_PASSAGE_H

#include "guard/passage.h"
#include "netlink/netlink.h"
#include "rules/rules.h"

/*
 * Puts @passage at the head of its chain, or beside what is ours there, in its place among that. -ENOENT: there is no
 * such chain; -EPERM: its table is a process's own.
 */
int nft_passage_add(struct netlink *netlink, const struct guard_passage *passage, struct tapnet_error *error);
/*
 * Takes every copy of it out of its chain, and nothing else, whoever changes that chain meanwhile. None, or no such
 * chain, is no failure. -ERESTART, as of nft_passage_add(): others have changed rules faster than they could be read.
 */
int nft_passage_delete(struct netlink *netlink, const struct guard_passage *passage, struct tapnet_error *error);

/* Called for each one that there is; texts point into the reply: copy them. 0 or a negative errno to stop with. */
typedef int nft_passage_reader(const struct guard_passage *passage, void *data);

/* Every passage in chains of others. @restart is called when the dump begins anew. */
int nft_passages_observe(struct netlink *netlink, nft_passage_reader *reader, netlink_restart *restart, void *data,
                         struct tapnet_error *error);

/* Is @rule of @chain a passage of ours? *ret points into both. */
bool nft_passage_of(const struct rules_chain *chain, const struct rules_rule *rule, struct guard_passage *ret);

#endif
