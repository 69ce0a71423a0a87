/* SPDX-License-Identifier: MIT */
/* Reads and writes numbers in network order at any alignment. */
#ifndef PACKET_BYTES_H
#define PACKET_BYTES_H

#include <stdint.h>

/* The caller has made sure that two or four bytes are there. */
static inline uint16_t bytes_get_be16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t bytes_get_be32(const uint8_t *bytes)
{
    return (uint32_t)bytes_get_be16(bytes) << 16 | bytes_get_be16(bytes + 2);
}

static inline void bytes_put_be16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static inline void bytes_put_be32(uint8_t *bytes, uint32_t value)
{
    bytes_put_be16(bytes, (uint16_t)(value >> 16));
    bytes_put_be16(bytes + 2, (uint16_t)value);
}

#endif
