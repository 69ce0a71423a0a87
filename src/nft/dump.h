/* SPDX-License-Identifier: MIT */
/* Reads every table of the network namespace, whoever made it. */
#ifndef NFT_DUMP_H
#define NFT_DUMP_H

#include "netlink/netlink.h"
#include "rules/rules.h"

/*
 * All chains of all families, base chains with hook, priority and policy, their rules in order, and the sets that rules
 * look into with their elements. @netlink is of NETLINK_NETFILTER. The caller ends *ret with rules_fini(). Needs
 * CAP_NET_ADMIN. -EAGAIN when the ruleset changes all the time.
 */
int nft_dump_read(struct netlink *netlink, struct rules_ruleset *ret, struct tapnet_error *error);

/* The same without our own tables. */
int nft_dump_read_others(struct netlink *netlink, struct rules_ruleset *ret, struct tapnet_error *error);

/*
 * The parsers alone, for tests and the fuzzer: one message of a dump goes into @ruleset. A rule or an element of a
 * chain or a set that is not there is passed over. 0, -EBADMSG, -ENOMEM.
 */
int nft_dump_add_table(const struct nlmsghdr *message, struct rules_ruleset *ruleset);
int nft_dump_add_chain(const struct nlmsghdr *message, struct rules_ruleset *ruleset);
int nft_dump_add_rule(const struct nlmsghdr *message, struct rules_ruleset *ruleset);
int nft_dump_add_set(const struct nlmsghdr *message, struct rules_ruleset *ruleset);
int nft_dump_add_elements(const struct nlmsghdr *message, struct rules_ruleset *ruleset);

/* ---- what the parsers share (dump_rule.c has the steps of rules) ---- */

/* A text of the arena's, "" when @attribute is not there; NULL when memory is short. */
const char *nft_dump_text(struct rules_ruleset *ruleset, const struct nlattr *attribute);
/* Big-endian, as nf_tables has all numbers; 0 when it is not there. */
uint32_t nft_dump_number(const struct nlattr *attribute);
/*
 * The bytes of NFTA_DATA_VALUE in @nest, the arena's, and how many; *ret NULL when there are none. At most
 * RULES_REGISTER_BYTES. 0 or -ENOMEM.
 */
int nft_dump_bytes(struct rules_ruleset *ruleset, const struct nlattr *nest, const uint8_t **ret, size_t *ret_len);
/* NFTA_DATA_VERDICT in @nest; false when there is none. *ret_chain NULL: no memory. */
bool nft_dump_verdict(struct rules_ruleset *ruleset, const struct nlattr *nest, enum rules_verdict *ret,
                      const char **ret_chain);
/* Does @expression, or one of @list (either may be NULL), go on only above a limit of a rate or a number? */
bool nft_dump_is_above_limit(const struct nlattr *expression, const struct nlattr *list);
/* The steps of NFTA_RULE_EXPRESSIONS into @rule. 0, -ENOMEM. */
int nft_dump_steps(struct rules_ruleset *ruleset, const struct nlattr *nest, struct rules_rule *rule);

#endif
