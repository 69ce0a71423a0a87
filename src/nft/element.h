/* SPDX-License-Identifier: MIT */
/* Elements of our sets as messages of nf_tables. */
#ifndef NFT_ELEMENT_H
#define NFT_ELEMENT_H

#include "nft/nft.h"

/*
 * Calls @reader for every element in @message (a NEWSETELEM or DELSETELEM of our table of @family); those of sets that
 * we do not have, or with keys of another length, are passed over. 0, -EBADMSG, or what the reader stopped with.
 */
int nft_element_decode(const struct nlmsghdr *message, enum guard_family family, nft_element_reader *reader,
                       void *data);

/* Appends the expression "ct count over @count" as @attribute. */
void nft_put_connection_limit(struct netlink_message *message, uint16_t attribute, uint32_t count);

#endif
