/* SPDX-License-Identifier: MIT */
/* How fast checksums are: the library's, the 16-bit loop of RFC 1071, and memcpy of the same bytes, in turns. */

/*
 * How it works: `checksums LENGTH ROUNDS` prints {"library":[...],"loop":[...],"memcpy":[...]} in bytes a second. The
 * loop is built without vectorising and unrolling, as section 4.1 of the RFC has it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapnet/packet.h>
#include <time.h>

#define LEN_MAX 65536
#define ROUNDS_MAX 200
#define ROUND_BYTES (32u << 20)
#define WAYS 3

static uint8_t source[LEN_MAX + 64], target[LEN_MAX];
static volatile uint32_t result; /* so that no sum is left out */

/* RFC 1071, 4.1. */
#ifdef __clang__
static uint16_t loop_checksum(const uint8_t *bytes, size_t len)
#else
__attribute__((optimize("no-tree-vectorize", "no-unroll-loops"))) static uint16_t loop_checksum(const uint8_t *bytes,
                                                                                                size_t len)
#endif
{
    uint32_t sum = 0;

#ifdef __clang__
#pragma clang loop vectorize(disable) unroll(disable)
#endif
    for (; len > 1; len -= 2, bytes += 2) {
        uint16_t word;

        memcpy(&word, bytes, sizeof(word));
        sum += word;
    }
    if (len)
        sum += *bytes;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Bytes a second of one way. */
static double measure(int way, size_t len)
{
    double start = now();
    size_t bytes = 0;

    for (; bytes < ROUND_BYTES; bytes += len) {
        if (way == 0)
            result += tapnet_checksum(source, len);
        else if (way == 1)
            result += loop_checksum(source, len);
        else
            memcpy(target, source, len);
        __asm__ volatile("" : : "g"(target) : "memory");
    }
    return (double)bytes / (now() - start);
}

int main(int count, char **words)
{
    static const char *const names[WAYS] = {"library", "loop", "memcpy"};
    static double values[WAYS][ROUNDS_MAX];
    size_t len = count == 3 ? (size_t)atoi(words[1]) : 0;
    int rounds = count == 3 ? atoi(words[2]) : 0;

    if (len < 1 || len > LEN_MAX || rounds < 1 || rounds > ROUNDS_MAX) {
        fputs("usage: checksums LENGTH ROUNDS\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < sizeof(source); i++)
        source[i] = (uint8_t)(i * 7 + i / 251);
    if (tapnet_checksum(source, len) != (uint16_t)(loop_checksum(source, len) << 8 | loop_checksum(source, len) >> 8))
        return 1;
    for (int way = 0; way < WAYS; way++)
        measure(way, len); /* warms up */
    for (int round = 0; round < rounds; round++)
        for (int way = 0; way < WAYS; way++)
            values[way][round] = measure(way, len);
    for (int way = 0; way < WAYS; way++) {
        printf("%s\"%s\":[", way ? "," : "{", names[way]);
        for (int round = 0; round < rounds; round++)
            printf("%s%.0f", round ? "," : "", values[way][round]);
        printf("]");
    }
    puts("}");
    return 0;
}
