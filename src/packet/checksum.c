/* SPDX-License-Identifier: MIT */
/* The internet checksum (RFC 1071, RFC 1624), as fast as memory is read. */

/*
 * How it works: the ones' complement sum does not depend on the order of bytes (RFC 1071, 2.B), so words are added as
 * the machine has them, and the result is swapped once. Lanes of 32 bits take 16-bit halves, so that no carry is lost;
 * they are emptied before they could overflow. The same lines are compiled twice on x86-64: for every processor, and
 * for those with AVX2.
 */
#include "packet/packet.h"

#define LANES_LEN 32
#define BLOCK_LEN ((size_t)2 * LANES_LEN)
/* So many blocks add at most 0xffff times 2 each to a lane of 32 bits. */
#define BLOCKS_MAX 16384
/* Below this the call costs more than it saves. */
#define WIDE_LEN_MIN 128

typedef uint32_t lanes __attribute__((vector_size(LANES_LEN)));

/* The sum of @count blocks (BLOCKS_MAX at most). */
static inline __attribute__((always_inline)) uint64_t sum_blocks(const uint8_t *bytes, size_t count)
{
    const lanes low = (lanes){0} + 0xffff;
    lanes first = {0}, second = {0};
    uint64_t sum = 0;

    for (; count; count--, bytes += BLOCK_LEN) {
        lanes a, b;

        memcpy(&a, bytes, sizeof(a));
        memcpy(&b, bytes + sizeof(a), sizeof(b));
        first += (a & low) + (a >> 16);
        second += (b & low) + (b >> 16);
    }
    for (size_t i = 0; i < LANES_LEN / sizeof(uint32_t); i++)
        sum += (uint64_t)first[i] + second[i];
    return sum;
}

static uint64_t sum_blocks_plain(const uint8_t *bytes, size_t count)
{
    return sum_blocks(bytes, count);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static uint64_t sum_blocks_avx2(const uint8_t *bytes, size_t count)
{
    return sum_blocks(bytes, count);
}
#endif

static uint64_t sum_wide(const uint8_t *bytes, size_t count)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2"))
        return sum_blocks_avx2(bytes, count);
#endif
    return sum_blocks_plain(bytes, count);
}

/* What is left behind whole blocks, or too short for them. */
static uint64_t sum_narrow(const uint8_t *bytes, size_t len)
{
    uint64_t sum = 0;
    uint16_t word;

    for (; len >= 8; bytes += 8, len -= 8) {
        uint64_t words;

        memcpy(&words, bytes, sizeof(words));
        sum += (words & UINT32_MAX) + (words >> 32);
    }
    for (; len >= 2; bytes += 2, len -= 2) {
        memcpy(&word, bytes, sizeof(word));
        sum += word;
    }
    if (len) {
        word = 0; /* as if a zero followed, in memory */
        memcpy(&word, bytes, 1);
        sum += word;
    }
    return sum;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* The folded sum of words as the machine has them, in network order. */
static uint16_t fold_native(uint64_t sum)
{
    return htons(fold(sum));
}

/* Keeps what would be carried out of 32 bits. */
static uint32_t add_with_carry(uint32_t sum, uint32_t more)
{
    sum += more;
    return sum + (sum < more);
}

API uint32_t tapnet_checksum_add(uint32_t sum, const void *bytes, size_t len)
{
    const uint8_t *next = bytes;

    while (len >= WIDE_LEN_MIN) {
        size_t count = len / BLOCK_LEN;

        if (count > BLOCKS_MAX)
            count = BLOCKS_MAX;
        sum = add_with_carry(sum, fold_native(sum_wide(next, count)));
        next += count * BLOCK_LEN;
        len -= count * BLOCK_LEN;
    }
    return add_with_carry(sum, fold_native(sum_narrow(next, len)));
}

API uint32_t tapnet_checksum_combine(uint32_t sum, uint32_t part, size_t offset)
{
    uint16_t folded = fold(part);

    return add_with_carry(sum, offset % 2 ? __builtin_bswap16(folded) : folded);
}

API uint16_t tapnet_checksum_finish(uint32_t sum)
{
    return (uint16_t)~fold(sum);
}

API uint16_t tapnet_checksum(const void *bytes, size_t len)
{
    return tapnet_checksum_finish(tapnet_checksum_add(0, bytes, len));
}

API uint16_t tapnet_checksum_update(uint16_t checksum, const void *before, const void *after, size_t len)
{
    uint32_t sum = (uint16_t)~checksum;

    sum += (uint16_t)~fold(tapnet_checksum_add(0, before, len));
    return tapnet_checksum_finish(tapnet_checksum_add(sum, after, len));
}

API uint32_t tapnet_checksum_pseudo(const uint8_t *source, const uint8_t *destination, size_t address_len,
                                    uint8_t protocol, size_t len)
{
    uint32_t sum = tapnet_checksum_add(tapnet_checksum_add(0, source, address_len), destination, address_len);

    return add_with_carry(sum, fold(len) + (uint32_t)protocol);
}

uint16_t packet_pseudo(const uint8_t *network, uint8_t version, uint8_t protocol, size_t len)
{
    size_t address_len;
    const uint8_t *source = packet_addresses(network, version, &address_len);

    return fold(tapnet_checksum_pseudo(source, source + address_len, address_len, protocol, len));
}
