/* SPDX-License-Identifier: MIT */
/* UDP and ICMPv6 over IPv6 in one Ethernet frame: taken apart without reading outside, put together with checksums. */
#ifndef PACKET_FRAME6_H
#define PACKET_FRAME6_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

#define FRAME6_IP_LEN 40
#define FRAME6_UDP_LEN 8
#define FRAME6_ICMP_AT (14 + FRAME6_IP_LEN) /* where an ICMPv6 message stands in a frame */
#define FRAME6_UDP_AT (FRAME6_ICMP_AT + FRAME6_UDP_LEN)
#define FRAME6_HOPS_ND 255 /* of Neighbour Discovery: nobody forwarded it (RFC 4861) */

/* Ports in host order. When parsed, @payload points into what was parsed. */
struct frame6 {
    struct mac source_mac, destination_mac;
    uint8_t source[16], destination[16];
    uint8_t protocol; /* IPPROTO_UDP, or IPPROTO_ICMPV6 */
    uint8_t hop_limit;
    uint16_t source_port, destination_port; /* UDP */
    const uint8_t *payload;                 /* behind the UDP header; ICMPv6: the whole message */
    size_t payload_len;
};

/*
 * Reads an IPv6 packet, @length bytes from its header on, that holds UDP or ICMPv6 without extension headers between.
 * 0, or -EBADMSG: anything else, or lengths that contradict each other. Padding behind the packet is left out; MACs
 * stay zero. Checksums are not looked at: see packet/udp4.h.
 */
int frame6_parse_packet(const uint8_t *ip, size_t length, struct frame6 *ret);

/*
 * Writes the headers of @packet in front of its payload, which already stands at @frame + FRAME6_UDP_AT, or
 * FRAME6_ICMP_AT for a whole ICMPv6 message, whose checksum is filled in (@payload itself is not used). payload_len is
 * 1,500 at most, else nothing is written. Returns the frame's length, or 0.
 */
size_t frame6_build(uint8_t *frame, const struct frame6 *packet);

#endif
