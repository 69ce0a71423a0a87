/* SPDX-License-Identifier: MIT */
/* Reads attributes out of netlink messages; every length is checked, nothing outside the message is read. */
#include "netlink/netlink.h"

#include <errno.h>
#include <string.h>

/* Walks the @len bytes of attributes at @bytes. What is left behind the last one is less than a header: padding. */
static int parse_attributes(const uint8_t *bytes, size_t len, const struct nlattr **table, uint16_t maximum)
{
    memset(table, 0, ((size_t)maximum + 1) * sizeof(*table));
    while (len >= sizeof(struct nlattr)) {
        const struct nlattr *attribute = (const void *)bytes;
        uint16_t type = attribute->nla_type & NLA_TYPE_MASK;
        size_t step;

        if (attribute->nla_len < sizeof(*attribute) || attribute->nla_len > len)
            return -EBADMSG;
        if (type <= maximum)
            table[type] = attribute;
        step = NLA_ALIGN(attribute->nla_len);
        if (step >= len)
            break;
        bytes += step;
        len -= step;
    }
    return 0;
}

int netlink_parse(const struct nlmsghdr *message, size_t header_len, const struct nlattr **table, uint16_t maximum)
{
    size_t offset = NLMSG_HDRLEN + NLMSG_ALIGN(header_len);

    if (message->nlmsg_len < offset) {
        /* A header alone may lack its padding. */
        memset(table, 0, ((size_t)maximum + 1) * sizeof(*table));
        return message->nlmsg_len < NLMSG_HDRLEN + header_len ? -EBADMSG : 0;
    }
    return parse_attributes((const uint8_t *)message + offset, message->nlmsg_len - offset, table, maximum);
}

/* Bytes of data in @attribute. */
static size_t attribute_len(const struct nlattr *attribute)
{
    return attribute->nla_len - NLA_HDRLEN;
}

static const void *attribute_data(const struct nlattr *attribute)
{
    return (const uint8_t *)attribute + NLA_HDRLEN;
}

int netlink_parse_nest(const struct nlattr *nest, const struct nlattr **table, uint16_t maximum)
{
    return parse_attributes(attribute_data(nest), attribute_len(nest), table, maximum);
}

bool netlink_get_bytes(const struct nlattr *attribute, void *bytes, size_t len)
{
    if (!attribute || attribute_len(attribute) < len)
        return false;
    memcpy(bytes, attribute_data(attribute), len);
    return true;
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
    if (!attribute || !memchr(attribute_data(attribute), '\0', attribute_len(attribute)))
        return NULL;
    return attribute_data(attribute);
}
