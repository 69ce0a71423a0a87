/* SPDX-License-Identifier: MIT */
/* What the tests of packets share: cmocka, numbers that are random and the same each time, buffers with an end. */
#ifndef TESTS_PACKET_LAB_H
#define TESTS_PACKET_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tapnet/packet.h>

#include "base/array.h"

/* Every property holds for each of these; a seed that found a mistake is added. */
static const uint64_t seeds[] = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 0x7461706e6574, UINT64_MAX};

struct dice {
    uint64_t state;
};

/* SplitMix64. */
static inline uint64_t roll64(struct dice *dice)
{
    uint64_t value = dice->state += 0x9e3779b97f4a7c15;

    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

/* 0 to @count - 1. */
static inline size_t roll(struct dice *dice, size_t count)
{
    return (size_t)(roll64(dice) % count);
}

static inline bool one_in(struct dice *dice, size_t count)
{
    return roll(dice, count) == 0;
}

static inline void roll_bytes(struct dice *dice, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)roll64(dice);
}

/* RFC 1071's own words, one 16-bit number after the other: what the library is compared with. */
static inline uint16_t plain_checksum(uint32_t sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* The sum over the pseudo header, written down byte by byte and added up. */
static inline uint32_t plain_pseudo(const uint8_t *addresses, size_t address_len, uint8_t protocol, size_t len)
{
    uint8_t pseudo[40] = {0};

    memcpy(pseudo, addresses, 2 * address_len);
    pseudo[33] = (uint8_t)(len >> 16);
    pseudo[34] = (uint8_t)(len >> 8);
    pseudo[35] = (uint8_t)len;
    pseudo[39] = protocol;
    return (uint16_t)~plain_checksum(0, pseudo, sizeof(pseudo));
}

/* A copy that ends where the bytes end, so that ASan sees any read behind them. */
static inline uint8_t *exact_copy(const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    if (len)
        memcpy(copy, bytes, len);
    return copy;
}

#endif
