/* SPDX-License-Identifier: MIT */
/* The internet checksum (RFC 1071). */
#ifndef PACKET_CHECKSUM_H
#define PACKET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Adds @length bytes to @sum (0 to start). Only the last piece may have an odd length; 65,535 bytes in all fit the sum.
 */
uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t length);
/* The checksum itself, in host order, to be stored in network order. Over data that holds a right checksum it is 0. */
uint16_t checksum_finish(uint32_t sum);
/* The sum over the IPv4 pseudo header of RFC 768; addresses in host order, @length of UDP header and payload. */
uint32_t checksum_pseudo4(uint32_t source, uint32_t destination, uint8_t protocol, uint16_t length);

#endif
