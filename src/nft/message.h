/* SPDX-License-Identifier: MIT */
/* Messages of nf_tables: their headers and the user data that `nft` understands. */
#ifndef NFT_MESSAGE_H
#define NFT_MESSAGE_H

#include "guard/guard.h"
#include "netlink/netlink.h"

/*
 * User data is for user space alone: a row of (type, length, bytes), one byte each for type and length. `nft` has its
 * own numbers for what it keeps there; the same are used here, so that `nft list` shows our marks as comments and our
 * sets with their types, and `nft -f` can make all of it again.
 */
enum nft_user_data {
    NFT_USER_DATA_COMMENT = 0,        /* of a table, chain, rule or element */
    NFT_USER_DATA_KEY_BYTE_ORDER = 0, /* of a set */
    NFT_USER_DATA_DATA_BYTE_ORDER = 1,
    NFT_USER_DATA_KEY_TYPEOF = 3,
    NFT_USER_DATA_SET_COMMENT = 7,
};

#define NFT_USER_DATA_MAX 256

struct nft_user_data_buffer {
    uint8_t bytes[NFT_USER_DATA_MAX];
    size_t len;
};

/* The protocol family of nf_tables: NFPROTO_... */
uint8_t nft_protocol(enum guard_family family);

/* Starts a message: @type is one of enum nf_tables_msg_types, @protocol goes to its header. */
void nft_message_begin(struct netlink_message *message, uint16_t type, uint16_t flags, uint8_t protocol);
/* The attributes of @message, as netlink_parse(). -EBADMSG. */
int nft_message_parse(const struct nlmsghdr *message, const struct nlattr **table, uint16_t maximum);
/* A row of attributes: those of a message or inside a nest. A length that is wrong ends a walk. */
struct nft_attributes {
    const uint8_t *bytes;
    size_t len;
};

struct nft_attributes nft_attributes_of(const struct nlmsghdr *message);
struct nft_attributes nft_attributes_inside(const struct nlattr *nest);
const struct nlattr *nft_attributes_first(struct nft_attributes row);                                /* or NULL */
const struct nlattr *nft_attributes_next(struct nft_attributes row, const struct nlattr *attribute); /* or NULL */

/* Which of enum nf_tables_msg_types it is, or -1 when it is none. */
int nft_message_type(const struct nlmsghdr *message);

/* Text is cut to what there is room for. */
void nft_user_data_add_text(struct nft_user_data_buffer *buffer, enum nft_user_data type, const char *text);
/* Any bytes; they fit, else nothing is added. */
void nft_user_data_add(struct nft_user_data_buffer *buffer, enum nft_user_data type, const void *data, size_t len);
void nft_user_data_add_u32(struct nft_user_data_buffer *buffer, enum nft_user_data type, uint32_t value);
/* An attribute that holds a comment and nothing else. */
void nft_put_comment(struct netlink_message *message, uint16_t attribute, const char *comment);
/* The text of @type in the user data @attribute, which may be NULL; NULL when it is not there or has no end. */
const char *nft_user_data_find_text(const struct nlattr *attribute, enum nft_user_data type);

#endif
