/* SPDX-License-Identifier: MIT */
/* Builds netlink messages in a buffer that grows; the first failure sticks. */
#include "netlink/netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* An attribute's length, header included, stands in 16 bits. */
#define ATTRIBUTE_DATA_MAX (UINT16_MAX - sizeof(struct nlattr))

void netlink_message_init(struct netlink_message *message)
{
    *message = (struct netlink_message){0};
}

void netlink_message_fini(struct netlink_message *message)
{
    free(message->bytes);
    *message = (struct netlink_message){0};
}

void netlink_message_reset(struct netlink_message *message)
{
    message->len = message->start = 0;
    message->failure = 0;
}

/* Room for @len more bytes, zeroed and counted in; NULL after a failure. Valid until the next call. */
static void *message_grow(struct netlink_message *message, size_t len)
{
    void *bytes = message->bytes;
    uint8_t *room;
    int r;

    if (message->failure)
        return NULL;
    /* nlmsg_len of one message and the length of the whole must fit 32 bits. */
    if (len > UINT32_MAX - message->len) {
        message->failure = -EMSGSIZE;
        return NULL;
    }
    r = array_reserve(&bytes, &message->capacity, message->len, len, 1);
    if (r < 0) {
        message->failure = r;
        return NULL;
    }
    message->bytes = bytes;
    room = message->bytes + message->len;
    memset(room, 0, len);
    message->len += len;
    return room;
}

/* The header of the message being built. Headers start on multiples of four in an allocated buffer. */
static struct nlmsghdr *message_header(struct netlink_message *message)
{
    return (void *)(message->bytes + message->start);
}

static void message_set_length(struct netlink_message *message)
{
    message_header(message)->nlmsg_len = (uint32_t)(message->len - message->start);
}

void netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags, const void *header,
                   size_t header_len)
{
    struct nlmsghdr *start;
    size_t offset = message->len;

    if (header_len > UINT16_MAX && !message->failure)
        message->failure = -EMSGSIZE;
    start = message_grow(message, NLMSG_HDRLEN + NLMSG_ALIGN(header_len));
    if (!start)
        return;
    message->start = offset;
    start->nlmsg_type = type;
    start->nlmsg_flags = flags;
    if (header_len > 0)
        memcpy((uint8_t *)start + NLMSG_HDRLEN, header, header_len);
    message_set_length(message);
}

void netlink_put(struct netlink_message *message, uint16_t type, const void *data, size_t len)
{
    struct nlattr *attribute;

    /* An attribute before the first netlink_begin() belongs to nothing. */
    if (!message->failure && message->len == 0)
        message->failure = -EINVAL;
    if (!message->failure && len > ATTRIBUTE_DATA_MAX)
        message->failure = -EMSGSIZE;
    if (message->failure)
        return;
    attribute = message_grow(message, NLA_HDRLEN + NLA_ALIGN(len));
    if (!attribute)
        return;
    attribute->nla_type = type;
    attribute->nla_len = (uint16_t)(NLA_HDRLEN + len);
    if (len > 0)
        memcpy((uint8_t *)attribute + NLA_HDRLEN, data, len);
    message_set_length(message);
}

void netlink_put_u8(struct netlink_message *message, uint16_t type, uint8_t value)
{
    netlink_put(message, type, &value, sizeof(value));
}

void netlink_put_u16(struct netlink_message *message, uint16_t type, uint16_t value)
{
    netlink_put(message, type, &value, sizeof(value));
}

void netlink_put_u32(struct netlink_message *message, uint16_t type, uint32_t value)
{
    netlink_put(message, type, &value, sizeof(value));
}

void netlink_put_be16(struct netlink_message *message, uint16_t type, uint16_t value)
{
    netlink_put_u16(message, type, htons(value));
}

void netlink_put_be32(struct netlink_message *message, uint16_t type, uint32_t value)
{
    netlink_put_u32(message, type, htonl(value));
}

void netlink_put_be64(struct netlink_message *message, uint16_t type, uint64_t value)
{
    value = htobe64(value);
    netlink_put(message, type, &value, sizeof(value));
}

void netlink_put_text(struct netlink_message *message, uint16_t type, const char *text)
{
    netlink_put(message, type, text, strlen(text) + 1);
}

size_t netlink_nest_begin(struct netlink_message *message, uint16_t type)
{
    size_t nest = message->len;

    netlink_put(message, type | NLA_F_NESTED, NULL, 0);
    return nest;
}

void netlink_nest_end(struct netlink_message *message, size_t nest)
{
    struct nlattr *attribute;
    size_t len;

    if (message->failure)
        return;
    /* @nest is from an earlier message, or is no offset of this buffer: a mistake of the caller. */
    if (nest < message->start + NLMSG_HDRLEN || nest + NLA_HDRLEN > message->len) {
        message->failure = -EINVAL;
        return;
    }
    len = message->len - nest;
    if (len > UINT16_MAX) {
        message->failure = -EMSGSIZE;
        return;
    }
    attribute = (void *)(message->bytes + nest);
    attribute->nla_len = (uint16_t)len;
}
