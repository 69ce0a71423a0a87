/* SPDX-License-Identifier: MIT */
/* Reads what netfilter's log says of one frame of a bridge, or packet of a routed port. */
#include "service/nflog.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <linux/netfilter.h>
#include <stddef.h>
#include <string.h>

#include "packet/bytes.h"

/*
 * How it works: a netlink header, four bytes of netfilter's own, and attributes, each with a length and a type in host
 * order, padded to four bytes. A kernel with br_netfilter names the port as PHYSINDEV and its bridge as INDEV, one
 * without names the port as INDEV.
 */

#define PACKET_TYPE (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)
#define HEADERS_LEN (NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg)))

/* What the attributes say; 0 and NULL: nothing. */
struct attributes {
    uint32_t device_in, physical_in;
    struct mac source;
    const uint8_t *payload;
    size_t payload_len;
};

static void note_attribute(struct attributes *attributes, unsigned type, const uint8_t *bytes, size_t length)
{
    if (type == NFULA_PAYLOAD) {
        attributes->payload = bytes;
        attributes->payload_len = length;
    } else if (type == NFULA_IFINDEX_INDEV && length == 4) {
        attributes->device_in = bytes_get_be32(bytes);
    } else if (type == NFULA_IFINDEX_PHYSINDEV && length == 4) {
        attributes->physical_in = bytes_get_be32(bytes);
    } else if (type == NFULA_HWADDR && length == sizeof(struct nfulnl_msg_packet_hw) && bytes_get_be16(bytes) == 6) {
        memcpy(attributes->source.bytes, bytes + offsetof(struct nfulnl_msg_packet_hw, hw_addr), 6);
    }
}

/* 0, or -EBADMSG when one runs out of the @length bytes. */
static int read_attributes(const uint8_t *bytes, size_t length, struct attributes *ret)
{
    struct nlattr header;

    while (length >= sizeof(header)) {
        size_t step;

        memcpy(&header, bytes, sizeof(header));
        if (header.nla_len < sizeof(header) || header.nla_len > length)
            return -EBADMSG;
        note_attribute(ret, header.nla_type & NLA_TYPE_MASK, bytes + NLA_HDRLEN, header.nla_len - sizeof(header));
        step = NLA_ALIGN((size_t)header.nla_len);
        if (step >= length)
            return 0;
        bytes += step;
        length -= step;
    }
    return 0;
}

int nflog_parse(const uint8_t *bytes, size_t length, struct nflog_frame *ret)
{
    struct attributes attributes = {0};
    struct nlmsghdr header;
    uint8_t family;

    if (length < HEADERS_LEN)
        return -EBADMSG;
    memcpy(&header, bytes, sizeof(header));
    family = bytes[NLMSG_HDRLEN + offsetof(struct nfgenmsg, nfgen_family)];
    if (header.nlmsg_len < HEADERS_LEN || header.nlmsg_len > length || header.nlmsg_type != PACKET_TYPE ||
        (family != NFPROTO_BRIDGE && family != NFPROTO_IPV4 && family != NFPROTO_IPV6))
        return -EBADMSG;
    if (read_attributes(bytes + HEADERS_LEN, header.nlmsg_len - HEADERS_LEN, &attributes) < 0)
        return -EBADMSG;
    if (!attributes.physical_in)
        attributes.physical_in = attributes.device_in;
    if (!attributes.physical_in || !attributes.payload)
        return -EBADMSG;
    *ret = (struct nflog_frame){attributes.physical_in, attributes.source, attributes.payload, attributes.payload_len};
    return 0;
}
