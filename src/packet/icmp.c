/* SPDX-License-Identifier: MIT */
/* ICMP (RFC 792), ICMPv6 (RFC 4443) and Neighbour Discovery (RFC 4861). */
#include "packet/packet.h"

#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
#define ND_ROUTER 0x80
#define ND_SOLICITED 0x40
#define ND_OVERRIDE 0x20
#define ND_SOURCE_MAC 1
#define ND_TARGET_MAC 2
#define ND_MAC_OPTION_LEN 8

API int tapnet_icmp_parse(const void *bytes, size_t len, struct tapnet_icmp *ret)
{
    const uint8_t *icmp = bytes;

    if (len < TAPNET_ICMP_LEN)
        return -EBADMSG;
    ret->type = icmp[0];
    ret->code = icmp[1];
    ret->checksum = bytes_get_be16(icmp + 2);
    ret->id = bytes_get_be16(icmp + 4);
    ret->sequence = bytes_get_be16(icmp + 6);
    return TAPNET_ICMP_LEN;
}

API int tapnet_icmp_build(void *bytes, size_t room, const struct tapnet_icmp *header, size_t payload_len,
                          uint32_t pseudo)
{
    uint8_t *out = bytes;

    if (room < TAPNET_ICMP_LEN || room - TAPNET_ICMP_LEN < payload_len)
        return -ENOBUFS;
    out[0] = header->type;
    out[1] = header->code;
    bytes_put_be16(out + 2, 0);
    bytes_put_be16(out + 4, header->id);
    bytes_put_be16(out + 6, header->sequence);
    bytes_put_be16(out + 2, tapnet_checksum_finish(tapnet_checksum_add(pseudo, out, TAPNET_ICMP_LEN + payload_len)));
    return TAPNET_ICMP_LEN;
}

API int tapnet_nd_option_next(const uint8_t *options, size_t len, size_t *offset, struct tapnet_option *ret)
{
    size_t at = *offset, option_len;

    if (at >= len)
        return 0;
    if (len - at < 8)
        return -EBADMSG;
    option_len = (size_t)options[at + 1] * 8;
    if (option_len == 0 || option_len > len - at)
        return -EBADMSG;
    *ret = (struct tapnet_option){options[at], options + at + 2, option_len - 2};
    *offset = at + option_len;
    return 1;
}

API int tapnet_nd_parse(const void *bytes, size_t len, struct tapnet_nd *ret)
{
    const uint8_t *message = bytes;
    struct tapnet_nd found = {0};
    struct tapnet_option option;
    size_t offset = 0;
    int more;

    if (len < TAPNET_ICMP_LEN)
        return -EBADMSG;
    if (message[0] != ND_SOLICITATION && message[0] != ND_ADVERTISEMENT)
        return -EOPNOTSUPP;
    if (len < TAPNET_ND_LEN || message[1] != 0)
        return -EBADMSG;
    found.advertisement = message[0] == ND_ADVERTISEMENT;
    if (found.advertisement) {
        found.router = message[4] & ND_ROUTER;
        found.solicited = message[4] & ND_SOLICITED;
        found.override = message[4] & ND_OVERRIDE;
    }
    memcpy(found.target, message + 8, 16);
    while ((more = tapnet_nd_option_next(message + TAPNET_ND_LEN, len - TAPNET_ND_LEN, &offset, &option)) > 0)
        if (option.type == (found.advertisement ? ND_TARGET_MAC : ND_SOURCE_MAC) && option.data_len == 6) {
            found.has_mac = true;
            memcpy(found.mac, option.data, 6);
        }
    if (more < 0)
        return more;
    *ret = found;
    return (int)len;
}

API int tapnet_nd_build(void *bytes, size_t room, const struct tapnet_nd *message, const uint8_t source[16],
                        const uint8_t destination[16])
{
    struct tapnet_icmp icmp = {.type = message->advertisement ? ND_ADVERTISEMENT : ND_SOLICITATION};
    size_t len = TAPNET_ND_LEN + (message->has_mac ? ND_MAC_OPTION_LEN : 0);
    uint8_t *out = bytes;
    int result;

    if (room < len)
        return -ENOBUFS;
    if (message->advertisement)
        icmp.id = (uint16_t)((message->router ? ND_ROUTER : 0) << 8 | (message->solicited ? ND_SOLICITED : 0) << 8 |
                             (message->override ? ND_OVERRIDE : 0) << 8);
    memcpy(out + 8, message->target, 16);
    if (message->has_mac) {
        out[TAPNET_ND_LEN] = message->advertisement ? ND_TARGET_MAC : ND_SOURCE_MAC;
        out[TAPNET_ND_LEN + 1] = 1;
        memcpy(out + TAPNET_ND_LEN + 2, message->mac, 6);
    }
    result = tapnet_icmp_build(out, room, &icmp, len - TAPNET_ICMP_LEN,
                               tapnet_checksum_pseudo(source, destination, 16, IPPROTO_ICMPV6, len));
    return result < 0 ? result : (int)len;
}
