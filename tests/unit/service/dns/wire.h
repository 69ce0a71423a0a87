/* SPDX-License-Identifier: MIT */
/* DNS messages for tests, written by hand: the code under test builds none of what it is given. */
#ifndef TEST_DNS_WIRE_H
#define TEST_DNS_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WIRE_MAX 1500
#define WIRE_ID 0xabcd

enum {
    TYPE_A = 1,
    TYPE_NS = 2,
    TYPE_SOA = 6,
    TYPE_PTR = 12,
    TYPE_AAAA = 28,
    TYPE_DS = 43,
    TYPE_HTTPS = 65,
    TYPE_IXFR = 251,
    TYPE_AXFR = 252,
    TYPE_ANY = 255,
};

struct wire {
    uint8_t bytes[WIRE_MAX];
    size_t length;
};

static inline void wire_put(struct wire *wire, const void *bytes, size_t length)
{
    assert_true(wire->length + length <= sizeof(wire->bytes));
    memcpy(wire->bytes + wire->length, bytes, length);
    wire->length += length;
}

static inline void wire_u16(struct wire *wire, unsigned value)
{
    wire_put(wire, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

/* "web.lab" as labels; "" is the root. */
static inline void wire_name(struct wire *wire, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, ".");

        wire_put(wire, (uint8_t[]){(uint8_t)length}, 1);
        wire_put(wire, text, length);
        text += length + (text[length] == '.');
    }
    wire_put(wire, "", 1);
}

static inline void wire_header(struct wire *wire, unsigned flags, unsigned questions, unsigned additional)
{
    wire->length = 0;
    wire_u16(wire, WIRE_ID);
    wire_u16(wire, flags);
    wire_u16(wire, questions);
    wire_u16(wire, 0);
    wire_u16(wire, 0);
    wire_u16(wire, additional);
}

/* A usual query: recursion desired, class IN. */
static inline void wire_query(struct wire *wire, const char *name, unsigned type)
{
    wire_header(wire, 0x0100, 1, 0);
    wire_name(wire, name);
    wire_u16(wire, type);
    wire_u16(wire, 1);
}

/* Adds OPT: the size that is taken, the version, and whether DNSSEC is wanted. */
static inline void wire_opt(struct wire *wire, unsigned size, unsigned version, int dnssec)
{
    wire->bytes[11]++;
    wire_name(wire, "");
    wire_u16(wire, 41);
    wire_u16(wire, size);
    wire_u16(wire, version);
    wire_u16(wire, dnssec ? 0x8000 : 0);
    wire_u16(wire, 0);
}

#endif
