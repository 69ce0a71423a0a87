/* SPDX-License-Identifier: MIT */
/* UDP and ICMPv6 over IPv6: built frames parse, and nothing malformed does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tapnet/packet.h>

#include "packet/bytes.h"
#include "packet/frame6.h"

static uint8_t frame[2048];

static size_t build(uint8_t protocol, size_t payload_len)
{
    struct frame6 packet = {
        .source_mac = {{2, 0, 0, 0, 0, 1}},
        .destination_mac = {{0x52, 0x54, 0, 0, 0, 7}},
        .source = {0xfe, 0x80, [15] = 1},
        .destination = {0xfe, 0x80, [15] = 2},
        .protocol = protocol,
        .hop_limit = 255,
        .source_port = 547,
        .destination_port = 546,
        .payload_len = payload_len,
    };

    memset(frame, 0xee, sizeof(frame));
    return frame6_build(frame, &packet);
}

/* Parses a copy that ends where the packet ends, so that ASan sees any read behind it. */
static int parse(size_t length, struct frame6 *ret)
{
    uint8_t *copy = malloc(length ? length : 1);
    int r;

    assert_non_null(copy);
    memcpy(copy, frame + 14, length);
    r = frame6_parse_packet(copy, length, ret);
    ret->payload_len = r < 0 ? 0 : ret->payload_len;
    free(copy);
    return r;
}

static void what_is_built_can_be_read(void **state)
{
    static const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_ICMPV6};
    struct frame6 read;

    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t len = 8; len < 40; len++) {
            size_t total = build(protocols[i], len), message = total - FRAME6_ICMP_AT;

            assert_int_equal(total, (protocols[i] == IPPROTO_UDP ? FRAME6_UDP_AT : FRAME6_ICMP_AT) + len);
            assert_int_equal(parse(total - 14, &read), 0);
            assert_int_equal(read.payload_len, len);
            assert_int_equal(read.protocol, protocols[i]);
            assert_int_equal(read.hop_limit, 255);
            assert_int_equal(read.destination_port, protocols[i] == IPPROTO_UDP ? 546 : 0);
            /* A right checksum sums up to nothing. */
            assert_int_equal(tapnet_checksum_finish(tapnet_checksum_add(
                                 tapnet_checksum_pseudo(frame + 22, frame + 38, 16, protocols[i], message),
                                 frame + FRAME6_ICMP_AT, message)),
                             0);
        }
}

static void what_is_too_long_or_too_short_is_not_built(void **state)
{
    (void)state;
    assert_int_equal(build(IPPROTO_UDP, 1501), 0);
    assert_int_equal(build(IPPROTO_ICMPV6, 7), 0);
    assert_int_equal(build(IPPROTO_UDP, 0), FRAME6_UDP_AT);
}

static void nothing_cut_or_of_another_kind_is_read(void **state)
{
    size_t total = build(IPPROTO_UDP, 20);
    struct frame6 read;

    (void)state;
    for (size_t len = 0; len < total - 14; len++)
        assert_int_equal(parse(len, &read), -EBADMSG);
    assert_int_equal(parse(total, &read), 0); /* padding */
    assert_int_equal(read.payload_len, 20);
    frame[14] = 0x45;
    assert_int_equal(parse(total - 14, &read), -EBADMSG);
    build(IPPROTO_UDP, 20);
    frame[20] = IPPROTO_DSTOPTS; /* extension headers are stepped over by nobody */
    assert_int_equal(parse(total - 14, &read), -EBADMSG);
    build(IPPROTO_UDP, 20);
    bytes_put_be16(frame + FRAME6_ICMP_AT + 4, 7); /* UDP's own length */
    assert_int_equal(parse(total - 14, &read), -EBADMSG);
    bytes_put_be16(frame + FRAME6_ICMP_AT + 4, 29);
    assert_int_equal(parse(total - 14, &read), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built_can_be_read),
        cmocka_unit_test(what_is_too_long_or_too_short_is_not_built),
        cmocka_unit_test(nothing_cut_or_of_another_kind_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
