/* SPDX-License-Identifier: MIT */
/* What the files of the packet layer share: the public API, numbers of protocols, bytes. */
#ifndef PACKET_PACKET_H
#define PACKET_PACKET_H

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <tapnet/packet.h>

#include "packet/bytes.h"

#define API __attribute__((visibility("default")))

#ifndef IPPROTO_AH
#define IPPROTO_AH 51
#endif

/* Offsets and bits of headers that more than one file looks at. */
#define IPV4_DONT_FRAGMENT 0x4000
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET_MASK 0x1fff
#define TCP_CHECKSUM_OFFSET 16
#define UDP_CHECKSUM_OFFSET 6

/* Where the addresses of the IP header at @network stand, and how long each is; the destination follows the source. */
static inline const uint8_t *packet_addresses(const uint8_t *network, uint8_t version, size_t *ret_len)
{
    *ret_len = version == 4 ? 4 : 16;
    return network + (version == 4 ? 12 : 8);
}

/*
 * The folded sum over the pseudo header of the IP header at @network, for @len bytes of upper layer: what stands in the
 * checksum field of a packet that is sent with a partial checksum.
 */
uint16_t packet_pseudo(const uint8_t *network, uint8_t version, uint8_t protocol, size_t len);

#endif
