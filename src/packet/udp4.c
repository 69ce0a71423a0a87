/* SPDX-License-Identifier: MIT */
/* UDP over IPv4 in one Ethernet frame: taken apart without reading outside, and put together with full checksums. */
#include "packet/udp4.h"

#include "packet/packet.h"

#define UDP4_DONT_FRAGMENT 0x4000
#define UDP4_FRAGMENT_MASK 0x3fff /* more fragments, and the offset */
#define UDP4_TTL 64
#define UDP4_PAYLOAD_MAX (65535 - UDP4_IP_LEN - UDP4_UDP_LEN)

int udp4_parse_datagram(const uint8_t *ip, size_t length, struct udp4 *ret)
{
    struct udp4 packet = {0};
    struct tapnet_udp udp;
    size_t header_len, total_len;

    if (length < UDP4_IP_LEN + UDP4_UDP_LEN || ip[0] >> 4 != 4)
        return -EBADMSG;
    header_len = (size_t)(ip[0] & 0xf) * 4;
    total_len = bytes_get_be16(ip + 2);
    if (header_len < UDP4_IP_LEN || total_len < header_len || total_len > length)
        return -EBADMSG;
    if (bytes_get_be16(ip + 6) & UDP4_FRAGMENT_MASK || ip[9] != IPPROTO_UDP || tapnet_checksum(ip, header_len) != 0)
        return -EBADMSG;
    if (tapnet_udp_parse(ip + header_len, total_len - header_len, &udp) < 0)
        return -EBADMSG;
    packet.source = bytes_get_be32(ip + 12);
    packet.destination = bytes_get_be32(ip + 16);
    packet.source_port = udp.source_port;
    packet.destination_port = udp.destination_port;
    packet.payload = ip + header_len + TAPNET_UDP_LEN;
    packet.payload_len = udp.len - TAPNET_UDP_LEN;
    *ret = packet;
    return 0;
}

int udp4_parse(const uint8_t *frame, size_t length, struct udp4 *ret)
{
    int r = -EBADMSG;

    if (length >= UDP4_HEADERS_LEN && bytes_get_be16(frame + 12) == ETH_P_IP)
        r = udp4_parse_datagram(frame + UDP4_ETHERNET_LEN, length - UDP4_ETHERNET_LEN, ret);
    if (r < 0)
        return r;
    memcpy(ret->destination_mac.bytes, frame, 6);
    memcpy(ret->source_mac.bytes, frame + 6, 6);
    return 0;
}

static void udp4_build_ip(uint8_t *ip, const struct udp4 *packet, uint16_t total_len)
{
    memset(ip, 0, UDP4_IP_LEN);
    ip[0] = 0x45; /* version 4, five words */
    bytes_put_be16(ip + 2, total_len);
    bytes_put_be16(ip + 6, UDP4_DONT_FRAGMENT); /* so the identification may stay 0: RFC 6864 */
    ip[8] = UDP4_TTL;
    ip[9] = IPPROTO_UDP;
    bytes_put_be32(ip + 12, packet->source);
    bytes_put_be32(ip + 16, packet->destination);
    bytes_put_be16(ip + 10, tapnet_checksum(ip, UDP4_IP_LEN));
}

size_t udp4_build(uint8_t *frame, const struct udp4 *packet)
{
    const struct tapnet_udp header = {.source_port = packet->source_port, .destination_port = packet->destination_port};
    uint8_t *ip = frame + UDP4_ETHERNET_LEN, *udp = ip + UDP4_IP_LEN;
    uint16_t udp_len;

    if (packet->payload_len > UDP4_PAYLOAD_MAX)
        return 0;
    udp_len = (uint16_t)(UDP4_UDP_LEN + packet->payload_len);
    memcpy(frame, packet->destination_mac.bytes, 6);
    memcpy(frame + 6, packet->source_mac.bytes, 6);
    bytes_put_be16(frame + 12, ETH_P_IP);
    udp4_build_ip(ip, packet, (uint16_t)(UDP4_IP_LEN + udp_len));
    tapnet_udp_build(udp, udp_len, &header, packet->payload_len,
                     tapnet_checksum_pseudo(ip + 12, ip + 16, 4, IPPROTO_UDP, udp_len));
    return UDP4_ETHERNET_LEN + UDP4_IP_LEN + (size_t)udp_len;
}
