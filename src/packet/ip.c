/* SPDX-License-Identifier: MIT */
/* IPv4 (RFC 791) and IPv6 (RFC 8200) headers, options and extension headers. */
#include "packet/packet.h"

#define OPTION_END 0
#define OPTION_NOP 1
#define IPV6_FRAGMENT_LEN 8

API int tapnet_ipv4_parse(const void *bytes, size_t len, struct tapnet_ipv4 *ret)
{
    const uint8_t *ip = bytes;
    size_t header_len, total_len;
    uint16_t fragment;

    if (len < TAPNET_IPV4_LEN || ip[0] >> 4 != 4)
        return -EBADMSG;
    header_len = (size_t)(ip[0] & 0xf) * 4;
    total_len = bytes_get_be16(ip + 2);
    if (header_len < TAPNET_IPV4_LEN || total_len < header_len || total_len > len)
        return -EBADMSG;
    fragment = bytes_get_be16(ip + 6);
    *ret = (struct tapnet_ipv4){
        .tos = ip[1],
        .total_len = (uint16_t)total_len,
        .id = bytes_get_be16(ip + 4),
        .dont_fragment = fragment & IPV4_DONT_FRAGMENT,
        .more_fragments = fragment & IPV4_MORE_FRAGMENTS,
        .fragment_offset = (uint16_t)((fragment & IPV4_OFFSET_MASK) * 8),
        .ttl = ip[8],
        .protocol = ip[9],
        .checksum_good = tapnet_checksum(ip, header_len) == 0,
        .options = ip + TAPNET_IPV4_LEN,
        .options_len = header_len - TAPNET_IPV4_LEN,
    };
    memcpy(ret->source, ip + 12, 4);
    memcpy(ret->destination, ip + 16, 4);
    return (int)header_len;
}

API int tapnet_ipv4_build(void *bytes, size_t room, const struct tapnet_ipv4 *header)
{
    size_t header_len = TAPNET_IPV4_LEN + header->options_len;
    uint8_t *out = bytes;

    if (header->options_len > 40 || header->options_len % 4 || header->fragment_offset % 8 ||
        header->total_len < header_len)
        return -EINVAL;
    if (room < header_len)
        return -ENOBUFS;
    out[0] = (uint8_t)(0x40 | header_len / 4);
    out[1] = header->tos;
    bytes_put_be16(out + 2, header->total_len);
    bytes_put_be16(out + 4, header->id);
    bytes_put_be16(out + 6,
                   (uint16_t)((header->dont_fragment ? IPV4_DONT_FRAGMENT : 0) |
                              (header->more_fragments ? IPV4_MORE_FRAGMENTS : 0) | header->fragment_offset / 8));
    out[8] = header->ttl;
    out[9] = header->protocol;
    bytes_put_be16(out + 10, 0);
    memcpy(out + 12, header->source, 4);
    memcpy(out + 16, header->destination, 4);
    if (header->options_len)
        memcpy(out + TAPNET_IPV4_LEN, header->options, header->options_len);
    bytes_put_be16(out + 10, tapnet_checksum(out, header_len));
    return (int)header_len;
}

API int tapnet_ipv6_parse(const void *bytes, size_t len, struct tapnet_ipv6 *ret)
{
    const uint8_t *ip = bytes;
    uint32_t first;

    if (len < TAPNET_IPV6_LEN || ip[0] >> 4 != 6 || bytes_get_be16(ip + 4) > len - TAPNET_IPV6_LEN)
        return -EBADMSG;
    first = bytes_get_be32(ip);
    ret->traffic_class = (uint8_t)(first >> 20);
    ret->flow_label = first & 0xfffff;
    ret->payload_len = bytes_get_be16(ip + 4);
    ret->next_header = ip[6];
    ret->hop_limit = ip[7];
    memcpy(ret->source, ip + 8, 16);
    memcpy(ret->destination, ip + 24, 16);
    return TAPNET_IPV6_LEN;
}

API int tapnet_ipv6_build(void *bytes, size_t room, const struct tapnet_ipv6 *header)
{
    uint8_t *out = bytes;

    if (header->flow_label > 0xfffff)
        return -EINVAL;
    if (room < TAPNET_IPV6_LEN)
        return -ENOBUFS;
    bytes_put_be32(out, 6u << 28 | (uint32_t)header->traffic_class << 20 | header->flow_label);
    bytes_put_be16(out + 4, header->payload_len);
    out[6] = header->next_header;
    out[7] = header->hop_limit;
    memcpy(out + 8, header->source, 16);
    memcpy(out + 24, header->destination, 16);
    return TAPNET_IPV6_LEN;
}

static bool is_extension(uint8_t protocol)
{
    return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_DSTOPTS ||
           protocol == IPPROTO_FRAGMENT || protocol == IPPROTO_AH;
}

/* The length of the extension header @protocol, of which at least 8 bytes are there (RFC 8200, RFC 4302). */
static size_t extension_len(uint8_t protocol, const uint8_t *header)
{
    if (protocol == IPPROTO_FRAGMENT)
        return IPV6_FRAGMENT_LEN;
    return protocol == IPPROTO_AH ? ((size_t)header[1] + 2) * 4 : ((size_t)header[1] + 1) * 8;
}

static void note_extension(const uint8_t *header, struct tapnet_ipv6_extensions *found)
{
    if (found->protocol == IPPROTO_ROUTING)
        found->segments_left = header[3];
    if (found->protocol == IPPROTO_FRAGMENT) {
        found->fragment = true;
        found->fragment_offset = bytes_get_be16(header + 2) & 0xfff8;
        found->more_fragments = header[3] & 1;
        found->fragment_id = bytes_get_be32(header + 4);
    }
}

API int tapnet_ipv6_extensions_parse(const void *bytes, size_t len, uint8_t next_header,
                                     struct tapnet_ipv6_extensions *ret)
{
    struct tapnet_ipv6_extensions found = {.protocol = next_header};
    const uint8_t *next = bytes;
    size_t left = len;

    while (is_extension(found.protocol) && found.fragment_offset == 0) {
        size_t header_len;

        if (found.count == TAPNET_IPV6_EXTENSIONS_MAX)
            return -EOPNOTSUPP;
        if (left < 8)
            return -EBADMSG;
        header_len = extension_len(found.protocol, next);
        if (header_len > left)
            return -EBADMSG;
        note_extension(next, &found);
        found.protocol = next[0];
        found.count++;
        next += header_len;
        left -= header_len;
    }
    *ret = found;
    return (int)(len - left);
}

API int tapnet_option_next(const uint8_t *options, size_t len, size_t *offset, struct tapnet_option *ret)
{
    size_t at = *offset;

    while (at < len && options[at] == OPTION_NOP)
        at++;
    if (at >= len || options[at] == OPTION_END)
        return 0;
    if (len - at < 2 || options[at + 1] < 2 || options[at + 1] > len - at)
        return -EBADMSG;
    *ret = (struct tapnet_option){options[at], options + at + 2, options[at + 1] - 2u};
    *offset = at + options[at + 1];
    return 1;
}
