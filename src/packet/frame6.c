/* SPDX-License-Identifier: MIT */
/* UDP and ICMPv6 over IPv6 in one Ethernet frame: taken apart without reading outside, put together with checksums. */
#include "packet/frame6.h"

#include "packet/packet.h"

#define PAYLOAD_MAX 1500

int frame6_parse_packet(const uint8_t *ip, size_t length, struct frame6 *ret)
{
    struct frame6 packet = {.payload = ip + FRAME6_IP_LEN};
    struct tapnet_ipv6 header;
    struct tapnet_udp udp;

    if (tapnet_ipv6_parse(ip, length, &header) < 0)
        return -EBADMSG;
    packet.protocol = header.next_header;
    packet.hop_limit = header.hop_limit;
    packet.payload_len = header.payload_len;
    memcpy(packet.source, header.source, sizeof(packet.source));
    memcpy(packet.destination, header.destination, sizeof(packet.destination));
    if (header.next_header == IPPROTO_UDP) {
        if (tapnet_udp_parse(packet.payload, packet.payload_len, &udp) < 0)
            return -EBADMSG;
        packet.source_port = udp.source_port;
        packet.destination_port = udp.destination_port;
        packet.payload += FRAME6_UDP_LEN;
        packet.payload_len = udp.len - FRAME6_UDP_LEN;
    } else if (header.next_header != IPPROTO_ICMPV6 || packet.payload_len < TAPNET_ICMP_LEN) {
        return -EBADMSG;
    }
    *ret = packet;
    return 0;
}

/* The ICMPv6 message of @length bytes at @message gets its checksum (RFC 4443, 2.3). */
static void fill_checksum(uint8_t *message, size_t length, const struct frame6 *packet)
{
    uint32_t pseudo = tapnet_checksum_pseudo(packet->source, packet->destination, 16, IPPROTO_ICMPV6, length);

    bytes_put_be16(message + 2, 0);
    bytes_put_be16(message + 2, tapnet_checksum_finish(tapnet_checksum_add(pseudo, message, length)));
}

size_t frame6_build(uint8_t *frame, const struct frame6 *packet)
{
    bool is_udp = packet->protocol == IPPROTO_UDP;
    size_t length = packet->payload_len + (is_udp ? FRAME6_UDP_LEN : 0);
    const struct tapnet_udp udp = {.source_port = packet->source_port, .destination_port = packet->destination_port};
    struct tapnet_ipv6 header = {
        .payload_len = (uint16_t)length, .next_header = packet->protocol, .hop_limit = packet->hop_limit};

    if (packet->payload_len > PAYLOAD_MAX || (!is_udp && length < TAPNET_ICMP_LEN))
        return 0;
    memcpy(frame, packet->destination_mac.bytes, 6);
    memcpy(frame + 6, packet->source_mac.bytes, 6);
    bytes_put_be16(frame + 12, ETH_P_IPV6);
    memcpy(header.source, packet->source, sizeof(header.source));
    memcpy(header.destination, packet->destination, sizeof(header.destination));
    tapnet_ipv6_build(frame + 14, FRAME6_IP_LEN, &header);
    if (is_udp)
        tapnet_udp_build(frame + FRAME6_ICMP_AT, length, &udp, packet->payload_len,
                         tapnet_checksum_pseudo(packet->source, packet->destination, 16, IPPROTO_UDP, length));
    else
        fill_checksum(frame + FRAME6_ICMP_AT, length, packet);
    return FRAME6_ICMP_AT + length;
}
