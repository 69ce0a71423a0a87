/* SPDX-License-Identifier: MIT */
/* The message builder: attributes into a growing buffer, with an error that sticks until the end. */
#include "netlink/netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 4096
#define MESSAGE_MAX (256u << 20) /* a batch larger than this is a mistake */

void netlink_message_init(struct netlink_message *message)
{
    *message = (struct netlink_message){0};
}

void netlink_message_fini(struct netlink_message *message)
{
    free(message->bytes);
    netlink_message_init(message);
}

void netlink_message_reset(struct netlink_message *message)
{
    message->len = 0;
    message->start = 0;
    message->failure = 0;
}

/* @len zeroed bytes (padded to four) at the end; NULL after the first failure. */
static void *extend(struct netlink_message *message, size_t len)
{
    size_t padded = NLMSG_ALIGN(len);
    size_t capacity = message->capacity ? message->capacity : FIRST_CAPACITY;
    void *end;

    if (message->failure)
        return NULL;
    if (padded < len || padded > MESSAGE_MAX - message->len) {
        message->failure = -EMSGSIZE;
        return NULL;
    }
    while (capacity < message->len + padded)
        capacity *= 2;
    if (capacity != message->capacity) {
        uint8_t *grown = realloc(message->bytes, capacity);

        if (!grown) {
            message->failure = -ENOMEM;
            return NULL;
        }
        message->bytes = grown;
        message->capacity = capacity;
    }
    end = message->bytes + message->len;
    memset(end, 0, padded);
    message->len += padded;
    return end;
}

static void set_length(struct netlink_message *message)
{
    uint32_t len = (uint32_t)(message->len - message->start);

    memcpy(message->bytes + message->start + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof(len));
}

void netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags, const void *header,
                   size_t header_len)
{
    const struct nlmsghdr netlink_header = {.nlmsg_type = type, .nlmsg_flags = flags};
    size_t start = message->len;
    uint8_t *bytes = extend(message, sizeof(netlink_header));

    if (!bytes)
        return;
    memcpy(bytes, &netlink_header, sizeof(netlink_header));
    message->start = start;
    bytes = extend(message, header_len);
    if (!bytes)
        return;
    if (header_len)
        memcpy(bytes, header, header_len);
    set_length(message);
}

void netlink_put(struct netlink_message *message, uint16_t type, const void *data, size_t len)
{
    struct nlattr *attribute; /* the buffer is malloc'ed, and all in it padded to four: aligned */

    if (len > UINT16_MAX - sizeof(*attribute)) {
        message->failure = message->failure ? message->failure : -EMSGSIZE;
        return;
    }
    attribute = extend(message, sizeof(*attribute) + len);
    if (!attribute)
        return;
    attribute->nla_len = (uint16_t)(sizeof(*attribute) + len);
    attribute->nla_type = type;
    if (len)
        memcpy(attribute + 1, data, len);
    set_length(message);
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
    return netlink_nest_begin_with(message, type, NULL, 0);
}

size_t netlink_nest_begin_with(struct netlink_message *message, uint16_t type, const void *header, size_t header_len)
{
    size_t nest = message->len;

    netlink_put(message, type | NLA_F_NESTED, header, header_len);
    return nest;
}

void netlink_nest_end(struct netlink_message *message, size_t nest)
{
    size_t len = message->len - nest;
    uint16_t attribute_len = (uint16_t)len;

    if (message->failure)
        return;
    if (len > UINT16_MAX) {
        message->failure = -EMSGSIZE;
        return;
    }
    memcpy(message->bytes + nest + offsetof(struct nlattr, nla_len), &attribute_len, sizeof(attribute_len));
}
