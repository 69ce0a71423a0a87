/* SPDX-License-Identifier: MIT */
/* nf_tables over netlink: our tables, their sets and elements, changed in one transaction. */
#ifndef NFT_NFT_H
#define NFT_NFT_H

#include "guard/guard.h"
#include "netlink/netlink.h"

/*
 * How it works: a transaction is a row of messages between NFNL_MSG_BATCH_BEGIN and _END (linux/netfilter/
 * nf_tables.h); the kernel takes all or none. The rules are made by nft/ruleset.c; every rule carries a tag of what
 * it is meant to be in its user data, so that observing can tell an intact table from one that somebody touched.
 * Tables, sets and elements carry a mark the same way; `nft list` shows them all as comments.
 */
struct nft_transaction {
    struct netlink_message message;
    uint32_t set_id, sequence;
    size_t change_count; /* changes that were put in; committing none is a no-op */
};

void nft_transaction_init(struct nft_transaction *transaction);
void nft_transaction_fini(struct nft_transaction *transaction);
/*
 * Right behind nft_transaction_init(): -ERESTART at commit, with nothing changed, unless the ruleset is still the one
 * that nft_generation() has told of as @generation. Handles stand for what was read of that one: a table that somebody
 * makes anew counts from 1 again.
 */
void nft_transaction_expect(struct nft_transaction *transaction, uint32_t generation);

/* Makes the table of @family with all its chains, rules and empty sets. -EEXIST at commit when there is one. */
void nft_table_add(struct nft_transaction *transaction, enum guard_family family);
/* Deletes it with all that is in it; none is no failure. With nft_table_add() behind it, it is replaced. */
void nft_table_delete(struct nft_transaction *transaction, enum guard_family family);
/*
 * Adds or deletes elements, any mix of sets; best sorted by set: elements of one set in a row share messages.
 * For a map whose data changes: delete, then add, in the same transaction. At commit, an element to add that is there
 * is -EEXIST, one to delete that is not there is -ENOENT.
 */
void nft_elements_add(struct nft_transaction *transaction, const struct guard_element *elements, size_t count);
void nft_elements_delete(struct nft_transaction *transaction, const struct guard_element *elements, size_t count);

/*
 * Which of @elements, *count of them and none an interval, are there now: these are moved to the front, *count is how
 * many. One request each, at a cost that does not grow with the sets.
 */
int nft_elements_find(struct netlink *netlink, struct guard_element *elements, size_t *count,
                      struct tapnet_error *error);

/* Applies it: all or nothing, once. @netlink is of NETLINK_NETFILTER. An error names what the kernel refused. */
int nft_commit(struct netlink *netlink, struct nft_transaction *transaction, struct tapnet_error *error);

/* Asks something harmless that needs the same right as changing tables. -EPERM: CAP_NET_ADMIN is missing. */
int nft_check_right(struct netlink *netlink, struct tapnet_error *error);

/* ---- observe ---- */

/*
 * The number of the ruleset's present state: every transaction of anybody's in this network namespace makes the next.
 * After the last one comes 0 again.
 */
int nft_generation(struct netlink *netlink, uint32_t *ret, struct tapnet_error *error);

enum nft_table_state {
    NFT_TABLE_ABSENT,
    NFT_TABLE_INTACT,  /* chains, rules (in order) and sets are what nft_table_add() makes */
    NFT_TABLE_DIFFERS, /* another version's, or touched */
    NFT_TABLE_FOREIGN, /* of our name, without our mark: not ours to replace or delete */
};

/* Called for each element of ours; its label points into the reply: copy it. 0 or a negative errno to stop with. */
typedef int nft_element_reader(const struct guard_element *element, void *data);

int nft_table_observe(struct netlink *netlink, enum guard_family family, enum nft_table_state *ret,
                      struct tapnet_error *error);
/* All elements of all sets of the table. Nothing when it is absent. */
int nft_elements_observe(struct netlink *netlink, enum guard_family family, nft_element_reader *reader,
                         netlink_restart *restart, void *data, struct tapnet_error *error);

#endif
