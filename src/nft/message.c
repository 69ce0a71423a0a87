/* SPDX-License-Identifier: MIT */
/* Builds and reads what all messages of nf_tables have in common. */
#include "nft/message.h"

#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

uint8_t nft_protocol(enum guard_family family)
{
    static const uint8_t protocols[] = {
        [GUARD_INET] = NFPROTO_INET,   [GUARD_BRIDGE] = NFPROTO_BRIDGE, [GUARD_ARP] = NFPROTO_ARP,
        [GUARD_CLONES] = NFPROTO_INET, [GUARD_CLONES6] = NFPROTO_INET,
    };

    return protocols[family];
}

void nft_message_begin(struct netlink_message *message, uint16_t type, uint16_t flags, uint8_t protocol)
{
    const struct nfgenmsg header = {.nfgen_family = protocol, .version = NFNETLINK_V0};

    netlink_begin(message, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header, sizeof(header));
}

int nft_message_parse(const struct nlmsghdr *message, const struct nlattr **table, uint16_t maximum)
{
    return netlink_parse(message, sizeof(struct nfgenmsg), table, maximum);
}

int nft_message_type(const struct nlmsghdr *message)
{
    return NFNL_SUBSYS_ID(message->nlmsg_type) == NFNL_SUBSYS_NFTABLES ? NFNL_MSG_TYPE(message->nlmsg_type) : -1;
}

struct nft_attributes nft_attributes_of(const struct nlmsghdr *message)
{
    size_t header = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));

    if (message->nlmsg_len < header)
        return (struct nft_attributes){NULL, 0};
    return (struct nft_attributes){(const uint8_t *)message + header, message->nlmsg_len - header};
}

struct nft_attributes nft_attributes_inside(const struct nlattr *nest)
{
    return (struct nft_attributes){mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest)};
}

const struct nlattr *nft_attributes_first(struct nft_attributes row)
{
    const struct nlattr *attribute = (const void *)row.bytes;

    return row.len <= INT32_MAX && mnl_attr_ok(attribute, (int)row.len) ? attribute : NULL;
}

const struct nlattr *nft_attributes_next(struct nft_attributes row, const struct nlattr *attribute)
{
    const uint8_t *at = (const void *)mnl_attr_next(attribute);
    size_t used = (size_t)(at - row.bytes);

    return used < row.len ? nft_attributes_first((struct nft_attributes){at, row.len - used}) : NULL;
}

void nft_user_data_add(struct nft_user_data_buffer *buffer, enum nft_user_data type, const void *data, size_t len)
{
    uint8_t *end = buffer->bytes + buffer->len;

    if (buffer->len + 2 + len > sizeof(buffer->bytes) || len > UINT8_MAX)
        return;
    end[0] = (uint8_t)type;
    end[1] = (uint8_t)len;
    memcpy(end + 2, data, len);
    buffer->len += 2 + len;
}

void nft_user_data_add_text(struct nft_user_data_buffer *buffer, enum nft_user_data type, const char *text)
{
    char copy[UINT8_MAX];
    size_t room = sizeof(buffer->bytes) - buffer->len;
    size_t len = strlen(text);

    if (room < 3)
        return;
    if (len > room - 3)
        len = room - 3;
    if (len > sizeof(copy) - 1)
        len = sizeof(copy) - 1;
    memcpy(copy, text, len);
    copy[len] = '\0';
    nft_user_data_add(buffer, type, copy, len + 1);
}

void nft_user_data_add_u32(struct nft_user_data_buffer *buffer, enum nft_user_data type, uint32_t value)
{
    nft_user_data_add(buffer, type, &value, sizeof(value));
}

void nft_put_comment(struct netlink_message *message, uint16_t attribute, const char *comment)
{
    struct nft_user_data_buffer buffer = {0};

    nft_user_data_add_text(&buffer, NFT_USER_DATA_COMMENT, comment);
    netlink_put(message, attribute, buffer.bytes, buffer.len);
}

const char *nft_user_data_find_text(const struct nlattr *attribute, enum nft_user_data type)
{
    const uint8_t *bytes;
    size_t len;

    if (!attribute)
        return NULL;
    bytes = mnl_attr_get_payload(attribute);
    len = mnl_attr_get_payload_len(attribute);
    while (len >= 2 && bytes[1] <= len - 2) {
        size_t step = 2 + (size_t)bytes[1];

        if (bytes[0] == type)
            return memchr(bytes + 2, '\0', bytes[1]) ? (const char *)bytes + 2 : NULL;
        bytes += step;
        len -= step;
    }
    return NULL;
}
