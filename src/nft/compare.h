/* SPDX-License-Identifier: MIT */
/* Compares objects of nf_tables as the kernel shows them with the messages that made them. */
#ifndef NFT_COMPARE_H
#define NFT_COMPARE_H

#include "netlink/netlink.h"

/*
 * Is @found, of a dump, what the request @expected makes? The kernel answers in the same attributes as it is asked,
 * plus what it counts and numbers itself (handles, uses, packets), which is passed over, as are comments of chains and
 * sets. An attribute that only one side has must be all zeroes: the kernel leaves out what has its default, and a
 * newer one may say more. Both messages are of the type @type (enum nf_tables_msg_types).
 */
bool nft_message_matches(const struct nlmsghdr *expected, const struct nlmsghdr *found, int type);

#endif
