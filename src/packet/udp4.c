/* SPDX-License-Identifier: MIT */
/* UDP over IPv4 in one Ethernet frame: taken apart without reading outside, and put together with full checksums. */
#include "packet/udp4.h"

#include "packet/packet.h"

#define UDP4_DONT_FRAGMENT 0x4000
#define UDP4_FRAGMENT_MASK 0x3fff /* more fragments, and the offset */
#define UDP4_TTL 64
#define UDP4_PAYLOAD_MAX (65535 - UDP4_IP_LEN - UDP4_UDP_LEN)

/* Reads the UDP datagram at @bytes, @length of which are the IP datagram's. 0 or -EBADMSG. */
static int udp4_parse_udp(const uint8_t *bytes, size_t length, struct udp4 *packet)
{
    size_t udp_len;

    if (length < UDP4_UDP_LEN)
        return -EBADMSG;
    udp_len = bytes_get_be16(bytes + 4);
    if (udp_len < UDP4_UDP_LEN || udp_len > length)
        return -EBADMSG;
    packet->source_port = bytes_get_be16(bytes);
    packet->destination_port = bytes_get_be16(bytes + 2);
    packet->payload = bytes + UDP4_UDP_LEN;
    packet->payload_len = udp_len - UDP4_UDP_LEN;
    return 0;
}

int udp4_parse_datagram(const uint8_t *ip, size_t length, struct udp4 *ret)
{
    struct udp4 packet = {0};
    size_t header_len, total_len;

    if (length < UDP4_IP_LEN + UDP4_UDP_LEN || ip[0] >> 4 != 4)
        return -EBADMSG;
    header_len = (size_t)(ip[0] & 0xf) * 4;
    total_len = bytes_get_be16(ip + 2);
    if (header_len < UDP4_IP_LEN || total_len < header_len || total_len > length)
        return -EBADMSG;
    if (bytes_get_be16(ip + 6) & UDP4_FRAGMENT_MASK || ip[9] != IPPROTO_UDP || tapnet_checksum(ip, header_len) != 0)
        return -EBADMSG;
    packet.source = bytes_get_be32(ip + 12);
    packet.destination = bytes_get_be32(ip + 16);
    if (udp4_parse_udp(ip + header_len, total_len - header_len, &packet) < 0)
        return -EBADMSG;
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
    uint8_t *ip = frame + UDP4_ETHERNET_LEN, *udp = ip + UDP4_IP_LEN;
    uint16_t udp_len, checksum;
    uint32_t sum;

    if (packet->payload_len > UDP4_PAYLOAD_MAX)
        return 0;
    udp_len = (uint16_t)(UDP4_UDP_LEN + packet->payload_len);
    memcpy(frame, packet->destination_mac.bytes, 6);
    memcpy(frame + 6, packet->source_mac.bytes, 6);
    bytes_put_be16(frame + 12, ETH_P_IP);
    udp4_build_ip(ip, packet, (uint16_t)(UDP4_IP_LEN + udp_len));
    bytes_put_be16(udp, packet->source_port);
    bytes_put_be16(udp + 2, packet->destination_port);
    bytes_put_be16(udp + 4, udp_len);
    bytes_put_be16(udp + 6, 0);
    sum = tapnet_checksum_pseudo(ip + 12, ip + 16, 4, IPPROTO_UDP, udp_len);
    checksum = tapnet_checksum_finish(tapnet_checksum_add(sum, udp, udp_len));
    bytes_put_be16(udp + 6, checksum ? checksum : 0xffff); /* 0 would say that there is none: RFC 768 */
    return UDP4_ETHERNET_LEN + UDP4_IP_LEN + (size_t)udp_len;
}
