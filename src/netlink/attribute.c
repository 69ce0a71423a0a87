/* SPDX-License-Identifier: MIT */
/* Reads attributes out of messages: never outside of them, whatever lengths they claim. */
#include "netlink/netlink.h"

#include <errno.h>
#include <string.h>

int netlink_parse_bytes(const uint8_t *bytes, size_t len, const struct nlattr **table, uint16_t maximum)
{
    memset(table, 0, ((size_t)maximum + 1) * sizeof(*table));
    while (len >= sizeof(struct nlattr)) {
        const struct nlattr *attribute = (const struct nlattr *)(const void *)bytes;
        uint16_t type = attribute->nla_type & NLA_TYPE_MASK;
        size_t padded = NLA_ALIGN(attribute->nla_len);

        if (attribute->nla_len < sizeof(*attribute) || attribute->nla_len > len)
            return -EBADMSG;
        if (type <= maximum)
            table[type] = attribute;
        if (padded >= len)
            return 0;
        bytes += padded;
        len -= padded;
    }
    return len ? -EBADMSG : 0;
}

bool netlink_message_fits(const struct nlmsghdr *message, int left)
{
    return left >= (int)sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
           message->nlmsg_len <= (unsigned)left;
}

int netlink_parse(const struct nlmsghdr *message, size_t header_len, const struct nlattr **table, uint16_t maximum)
{
    size_t start = sizeof(*message) + NLMSG_ALIGN(header_len);

    memset(table, 0, ((size_t)maximum + 1) * sizeof(*table));
    if (message->nlmsg_len < sizeof(*message) + header_len)
        return -EBADMSG;
    if (message->nlmsg_len <= start)
        return 0;
    return netlink_parse_bytes((const uint8_t *)message + start, message->nlmsg_len - start, table, maximum);
}

int netlink_parse_nest(const struct nlattr *nest, const struct nlattr **table, uint16_t maximum)
{
    memset(table, 0, ((size_t)maximum + 1) * sizeof(*table));
    if (!nest)
        return 0;
    return netlink_parse_bytes((const uint8_t *)nest + sizeof(*nest), nest->nla_len - sizeof(*nest), table, maximum);
}

static const void *payload(const struct nlattr *attribute, size_t len)
{
    if (!attribute || attribute->nla_len < sizeof(*attribute) + len)
        return NULL;
    return (const uint8_t *)attribute + sizeof(*attribute);
}

bool netlink_get_bytes(const struct nlattr *attribute, void *bytes, size_t len)
{
    const void *data = payload(attribute, len);

    if (data)
        memcpy(bytes, data, len);
    return data != NULL;
}

uint8_t netlink_get_u8(const struct nlattr *attribute)
{
    uint8_t value = 0;

    netlink_get_bytes(attribute, &value, sizeof(value));
    return value;
}

uint16_t netlink_get_u16(const struct nlattr *attribute)
{
    uint16_t value = 0;

    netlink_get_bytes(attribute, &value, sizeof(value));
    return value;
}

uint32_t netlink_get_u32(const struct nlattr *attribute)
{
    uint32_t value = 0;

    netlink_get_bytes(attribute, &value, sizeof(value));
    return value;
}

uint64_t netlink_get_u64(const struct nlattr *attribute)
{
    uint64_t value = 0;

    netlink_get_bytes(attribute, &value, sizeof(value));
    return value;
}

const char *netlink_get_text(const struct nlattr *attribute)
{
    const char *text = payload(attribute, 1);

    return text && memchr(text, '\0', attribute->nla_len - sizeof(*attribute)) ? text : NULL;
}

int netlink_get_ifname(const struct nlattr *attribute, char *name, size_t size)
{
    const char *text = netlink_get_text(attribute);
    size_t len = text ? strlen(text) : 0;

    if (!len || len >= size)
        return -EBADMSG;
    memcpy(name, text, len + 1);
    return 0;
}
