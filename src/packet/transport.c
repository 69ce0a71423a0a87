/* SPDX-License-Identifier: MIT */
/* TCP (RFC 9293) and UDP (RFC 768) headers. */
#include "packet/packet.h"

API int tapnet_tcp_parse(const void *bytes, size_t len, struct tapnet_tcp *ret)
{
    const uint8_t *tcp = bytes;
    size_t header_len;

    if (len < TAPNET_TCP_LEN)
        return -EBADMSG;
    header_len = (size_t)(tcp[12] >> 4) * 4;
    if (header_len < TAPNET_TCP_LEN || header_len > len)
        return -EBADMSG;
    *ret = (struct tapnet_tcp){
        .source_port = bytes_get_be16(tcp),
        .destination_port = bytes_get_be16(tcp + 2),
        .sequence = bytes_get_be32(tcp + 4),
        .acknowledgement = bytes_get_be32(tcp + 8),
        .flags = bytes_get_be16(tcp + 12) & 0xfff,
        .window = bytes_get_be16(tcp + 14),
        .checksum = bytes_get_be16(tcp + TCP_CHECKSUM_OFFSET),
        .urgent = bytes_get_be16(tcp + 18),
        .options = tcp + TAPNET_TCP_LEN,
        .options_len = header_len - TAPNET_TCP_LEN,
    };
    return (int)header_len;
}

API int tapnet_tcp_build(void *bytes, size_t room, const struct tapnet_tcp *header, size_t payload_len, uint32_t pseudo)
{
    size_t header_len = TAPNET_TCP_LEN + header->options_len;
    uint8_t *out = bytes;

    if (header->options_len > 40 || header->options_len % 4 || header->flags > 0xfff)
        return -EINVAL;
    if (room < header_len || room - header_len < payload_len)
        return -ENOBUFS;
    bytes_put_be16(out, header->source_port);
    bytes_put_be16(out + 2, header->destination_port);
    bytes_put_be32(out + 4, header->sequence);
    bytes_put_be32(out + 8, header->acknowledgement);
    bytes_put_be16(out + 12, (uint16_t)(header_len / 4 << 12 | header->flags));
    bytes_put_be16(out + 14, header->window);
    bytes_put_be16(out + TCP_CHECKSUM_OFFSET, 0);
    bytes_put_be16(out + 18, header->urgent);
    if (header->options_len)
        memcpy(out + TAPNET_TCP_LEN, header->options, header->options_len);
    bytes_put_be16(out + TCP_CHECKSUM_OFFSET,
                   tapnet_checksum_finish(tapnet_checksum_add(pseudo, out, header_len + payload_len)));
    return (int)header_len;
}

API int tapnet_udp_parse(const void *bytes, size_t len, struct tapnet_udp *ret)
{
    const uint8_t *udp = bytes;
    uint16_t udp_len;

    if (len < TAPNET_UDP_LEN)
        return -EBADMSG;
    udp_len = bytes_get_be16(udp + 4);
    if (udp_len < TAPNET_UDP_LEN || udp_len > len)
        return -EBADMSG;
    ret->source_port = bytes_get_be16(udp);
    ret->destination_port = bytes_get_be16(udp + 2);
    ret->len = udp_len;
    ret->checksum = bytes_get_be16(udp + UDP_CHECKSUM_OFFSET);
    return TAPNET_UDP_LEN;
}

API int tapnet_udp_build(void *bytes, size_t room, const struct tapnet_udp *header, size_t payload_len, uint32_t pseudo)
{
    size_t len = TAPNET_UDP_LEN + payload_len;
    uint8_t *out = bytes;
    uint16_t checksum;

    if (payload_len > UINT16_MAX - TAPNET_UDP_LEN)
        return -EINVAL;
    if (room < len)
        return -ENOBUFS;
    bytes_put_be16(out, header->source_port);
    bytes_put_be16(out + 2, header->destination_port);
    bytes_put_be16(out + 4, (uint16_t)len);
    bytes_put_be16(out + UDP_CHECKSUM_OFFSET, 0);
    checksum = tapnet_checksum_finish(tapnet_checksum_add(pseudo, out, len));
    bytes_put_be16(out + UDP_CHECKSUM_OFFSET, checksum ? checksum : UINT16_MAX); /* 0 would say that there is none */
    return TAPNET_UDP_LEN;
}
