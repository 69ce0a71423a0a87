/* SPDX-License-Identifier: MIT */
/* UDP over IPv4 in one Ethernet frame: taken apart without reading outside, and put together with full checksums. */
#ifndef PACKET_UDP4_H
#define PACKET_UDP4_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

#define UDP4_ETHERNET_LEN 14
#define UDP4_IP_LEN 20 /* without options */
#define UDP4_UDP_LEN 8
#define UDP4_HEADERS_LEN (UDP4_ETHERNET_LEN + UDP4_IP_LEN + UDP4_UDP_LEN)

/* Addresses and ports in host order. When parsed, @payload points into what was parsed. */
struct udp4 {
    struct mac source_mac, destination_mac;
    uint32_t source, destination;
    uint16_t source_port, destination_port;
    const uint8_t *payload;
    size_t payload_len;
};

/*
 * 0, or -EBADMSG for anything that is no whole, unfragmented IPv4 UDP datagram: wrong EtherType or version, header or
 * datagram longer than the frame, wrong IPv4 header checksum, lengths that contradict each other. IP options are
 * stepped over; padding behind the datagram is left out.
 *
 * The UDP checksum is not looked at: between a guest with checksum offload and us it is filled in by nobody, since the
 * frame never left the machine's memory (TP_STATUS_CSUMNOTREADY).
 */
int udp4_parse(const uint8_t *frame, size_t length, struct udp4 *ret);

/* The same for a frame without its Ethernet header, @length bytes from the IPv4 header on; the MACs stay zero. */
int udp4_parse_datagram(const uint8_t *ip, size_t length, struct udp4 *ret);

/*
 * Writes the headers of @packet in front of its payload, which already stands at @frame + UDP4_HEADERS_LEN (@payload
 * itself is not used). @frame has room for UDP4_HEADERS_LEN + payload_len bytes; payload_len is 65,507 at most, else
 * nothing is written. Both checksums are complete: no offload is relied on, since guests check them. TTL 64, may not be
 * fragmented. Returns the frame's length, or 0.
 */
size_t udp4_build(uint8_t *frame, const struct udp4 *packet);

#endif
