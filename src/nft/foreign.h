/* SPDX-License-Identifier: MIT */
/* Reads every table of the network namespace, whoever made it. */
#ifndef NFT_FOREIGN_H
#define NFT_FOREIGN_H

#include "netlink/netlink.h"
#include "rules/rules.h"

/*
 * All chains of all families, base chains with hook, priority and policy, their rules in order, and the sets that rules
 * look into. @netlink is of NETLINK_NETFILTER. The caller ends *ret with rules_fini(). Needs CAP_NET_ADMIN. -EAGAIN
 * when the ruleset changes all the time.
 */
int nft_foreign_read(struct netlink *netlink, struct rules_ruleset *ret, struct tapnet_error *error);

/* The parsers alone, for tests and the fuzzer: one message of a dump goes into @ruleset. 0, -EBADMSG, -ENOMEM. */
int nft_foreign_read_chain(const struct nlmsghdr *message, struct rules_ruleset *ruleset);

#endif
