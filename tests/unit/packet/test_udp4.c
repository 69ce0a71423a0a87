/* SPDX-License-Identifier: MIT */
/* UDP frames: built ones parse, and nothing malformed does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tapnet/packet.h>

#include "base/array.h"
#include "packet/bytes.h"
#include "packet/udp4.h"

#define PAYLOAD "even" /* and "odd" below */

static uint8_t frame[256];

static size_t build(const char *payload, uint16_t port)
{
    struct udp4 packet = {
        .source_mac = {{2, 0, 0, 0, 0, 1}},
        .destination_mac = {{0x52, 0x54, 0, 0, 0, 7}},
        .source = 0x0a140007,
        .destination = 0xffffffff,
        .source_port = 68,
        .destination_port = port,
        .payload_len = strlen(payload),
    };

    memset(frame, 0xee, sizeof(frame));
    memcpy(frame + UDP4_HEADERS_LEN, payload, strlen(payload));
    return udp4_build(frame, &packet);
}

/* Makes the IPv4 header's checksum right after a change. */
static void mend(void)
{
    size_t length = (size_t)(frame[14] & 0xf) * 4;

    bytes_put_be16(frame + 24, 0);
    bytes_put_be16(frame + 24, tapnet_checksum(frame + 14, length));
}

/* Parses a copy that ends where the frame ends, so that ASan sees any read behind it. */
static int parse(size_t length, struct udp4 *ret)
{
    uint8_t *copy = malloc(length ? length : 1);
    int r;

    assert_non_null(copy);
    memcpy(copy, frame, length);
    r = udp4_parse(copy, length, ret);
    free(copy);
    return r;
}

static void what_is_built_parses(void **state)
{
    static const char *const payloads[] = {"", "odd", PAYLOAD};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(payloads); i++) {
        size_t length = build(payloads[i], 67);
        struct udp4 packet;
        uint32_t sum = tapnet_checksum_pseudo(frame + 26, frame + 30, 4, 17, length - 34);

        assert_int_equal(length, UDP4_HEADERS_LEN + strlen(payloads[i]));
        assert_int_equal(udp4_parse(frame, length, &packet), 0);
        assert_int_equal(packet.source, 0x0a140007);
        assert_int_equal(packet.destination_port, 67);
        assert_int_equal(packet.payload_len, strlen(payloads[i]));
        assert_ptr_equal(packet.payload, frame + UDP4_HEADERS_LEN);
        assert_memory_equal(packet.source_mac.bytes, "\2\0\0\0\0\1", 6);
        assert_int_equal(tapnet_checksum(frame + 14, 20), 0);
        assert_int_equal(tapnet_checksum_finish(tapnet_checksum_add(sum, frame + 34, length - 34)), 0);
        assert_int_not_equal(bytes_get_be16(frame + 40), 0);
    }
    assert_int_equal(udp4_build(frame, &(struct udp4){.payload_len = 65508}), 0);
}

/* A payload whose checksum comes out as 0 is sent as 0xffff: 0 would mean "none". */
static void a_zero_checksum_is_never_sent(void **state)
{
    uint16_t missing;
    char payload[3] = "\1\1";

    (void)state;
    build(payload, 67);
    missing = bytes_get_be16(frame + 40);
    missing = (uint16_t)(missing + 0x0101);
    payload[0] = (char)(missing >> 8);
    payload[1] = (char)missing;
    assert_int_equal(build(payload, 67), UDP4_HEADERS_LEN + 2);
    assert_int_equal(bytes_get_be16(frame + 40), 0xffff);
}

static void options_are_stepped_over_and_padding_left_out(void **state)
{
    size_t length = build(PAYLOAD, 67);
    struct udp4 packet;

    (void)state;
    assert_int_equal(parse(length + 18, &packet), 0); /* an Ethernet frame of 60 bytes and more */
    assert_int_equal(packet.payload_len, 4);
    memmove(frame + 38, frame + 34, length - 34);
    memset(frame + 34, 1, 4);
    frame[14] = 0x46;
    bytes_put_be16(frame + 16, (uint16_t)(length - 14 + 4));
    mend();
    assert_int_equal(udp4_parse(frame, length + 4, &packet), 0);
    assert_memory_equal(packet.payload, PAYLOAD, 4);
}

static void malformed_frames_are_refused(void **state)
{
    /* offset, value of two bytes */
    static const uint16_t spoilers[][2] = {
        {12, 0x0806}, {12, 0x86dd}, {12, 0x8100}, /* EtherType */
        {14, 0x6500}, {14, 0x4400}, {14, 0x4f00}, /* version; header too short; longer than the frame */
        {16, 19},     {16, 27},     {16, 33},     /* total length: below the header, below UDP, above the frame */
        {20, 0x2000}, {20, 0x0001}, {20, 0x1fff}, /* fragments */
        {22, 0x4006}, {38, 7},      {38, 13},
        {38, 65535}, /* TCP; UDP length below its header, above the datagram */
    };
    struct udp4 packet;
    size_t length;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(spoilers); i++) {
        length = build(PAYLOAD, 67);
        assert_int_equal(parse(length, &packet), 0);
        bytes_put_be16(frame + spoilers[i][0], spoilers[i][1]);
        mend();
        if (parse(length, &packet) != -EBADMSG)
            fail_msg("spoiler %zu", i);
    }
    length = build(PAYLOAD, 67);
    frame[26]++; /* without mending */
    assert_int_equal(parse(length, &packet), -EBADMSG);
    build(PAYLOAD, 67);
    for (length = 0; length < UDP4_HEADERS_LEN + 4; length++)
        assert_int_equal(parse(length, &packet), -EBADMSG);
}

static void a_datagram_parses_as_its_frame_does(void **state)
{
    size_t length = build(PAYLOAD, 67) - UDP4_ETHERNET_LEN;
    struct udp4 whole, packet;

    (void)state;
    assert_int_equal(parse(length + UDP4_ETHERNET_LEN, &whole), 0);
    assert_int_equal(udp4_parse_datagram(frame + UDP4_ETHERNET_LEN, length, &packet), 0);
    assert_int_equal(packet.source, 0x0a140007);
    assert_int_equal(packet.destination, 0xffffffff);
    assert_int_equal(packet.source_port, 68);
    assert_int_equal(packet.destination_port, 67);
    assert_int_equal(packet.payload_len, 4);
    assert_memory_equal(packet.payload, PAYLOAD, 4);
    assert_int_equal(packet.source_mac.bytes[0], 0);
    assert_int_equal(whole.source_mac.bytes[0], 2);
    for (size_t i = 0; i < length; i++) {
        uint8_t *cut = malloc(i ? i : 1); /* which ends there, so that ASan sees any read behind it */

        assert_non_null(cut);
        memcpy(cut, frame + UDP4_ETHERNET_LEN, i);
        assert_int_equal(udp4_parse_datagram(cut, i, &packet), -EBADMSG);
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built_parses),
        cmocka_unit_test(a_zero_checksum_is_never_sent),
        cmocka_unit_test(options_are_stepped_over_and_padding_left_out),
        cmocka_unit_test(malformed_frames_are_refused),
        cmocka_unit_test(a_datagram_parses_as_its_frame_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
