/* SPDX-License-Identifier: MIT */
/* The internet checksum (RFC 1071). */
#include "packet/checksum.h"

#include "packet/bytes.h"

uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t length)
{
    while (length >= 2) {
        sum += bytes_get_be16(bytes);
        bytes += 2;
        length -= 2;
    }
    if (length)
        sum += (uint32_t)bytes[0] << 8;
    return sum;
}

uint16_t checksum_finish(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint32_t checksum_pseudo4(uint32_t source, uint32_t destination, uint8_t protocol, uint16_t length)
{
    return (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff) + protocol + length;
}
