/* SPDX-License-Identifier: MIT */
/* What comes out of a TUN or TAP device: as a line of text, and answered. */
#ifndef TAPNET_WATCH_H
#define TAPNET_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include <tapnet/packet.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * As in tapnet/packet.h: nothing is allocated, nothing is kept, and no byte outside of the packet is read, whatever it
 * holds.
 */

/** So much room holds every line. */
#define TAPNET_LINE_MAX 512

/**
 * One packet as a line, in the words of tcpdump(8): "IP 192.168.3.11 > 192.168.3.12: ICMP echo request, id 7, seq 1,
 * length 64". Headers are told, payload is not; what can't be understood says so. Only printable ASCII.
 *
 * @param bytes  @len of the packet, from the IP header on a TUN, from the Ethernet header on a TAP
 * @param text   the line, without newline, always with a NUL; cut when @size is too small
 * @return as snprintf(3): the length of the whole line
 */
size_t tapnet_packet_print(const void *bytes, size_t len, enum tapnet_device_kind kind, char *text, size_t size);

enum tapnet_answer {
    TAPNET_ANSWER_ARP = 1,  /**< requests (RFC 826), of any address: "it is here" */
    TAPNET_ANSWER_PING = 2, /**< echo requests of ICMP and ICMPv6 (RFC 792, RFC 4443), to any unicast address */
    TAPNET_ANSWER_NDP = 4,  /**< neighbour solicitations (RFC 4861), of any address */
};

/**
 * The answer of whoever would live at the address that @bytes ask for. Not answered: questions of who asks for his own
 * address, or has none yet (announcements, duplicate address detection: RFC 5227, RFC 4862), fragments, routing
 * headers, wrong checksums, what was sent to or from a multicast or broadcast address (but for ARP and solicitations),
 * frames for another MAC than @mac, and what is still to be split or summed by its vnet header: complete it first.
 *
 * @param answers  TAPNET_ANSWER_...
 * @param mac      ours, on a TAP; NULL on a TUN
 * @param reply    @room bytes; may not overlap @bytes
 * @return the length of the answer, 0 when there is none to give, -ENOBUFS
 */
int tapnet_packet_answer(const void *bytes, size_t len, enum tapnet_device_kind kind, unsigned answers,
                         const uint8_t mac[6], void *reply, size_t room);

#ifdef __cplusplus
}
#endif
#endif
