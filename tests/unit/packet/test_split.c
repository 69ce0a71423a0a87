/* SPDX-License-Identifier: MIT */
/* Large packets are cut as the kernel cuts them, and merged again to what they were. */
#include "make.h"

#define SEGMENTS_MAX 400

static struct tapnet_frame large, segments[SEGMENTS_MAX];
static uint8_t payload[FRAME_ROOM];

static int allocate(void **state)
{
    (void)state;
    large = new_frame();
    for (size_t i = 0; i < SEGMENTS_MAX; i++)
        segments[i] = new_frame();
    return 0;
}

static int release(void **state)
{
    (void)state;
    free(large.bytes);
    for (size_t i = 0; i < SEGMENTS_MAX; i++)
        free(segments[i].bytes);
    return 0;
}

/* Any large packet; UDP of no more segments than the kernel merges. */
static struct shape roll_large(struct dice *dice)
{
    static const uint16_t flags[] = {0, TAPNET_TCP_FIN, TAPNET_TCP_PSH, TAPNET_TCP_CWR,
                                     TAPNET_TCP_CWR | TAPNET_TCP_PSH | TAPNET_TCP_ECE | TAPNET_TCP_AE};
    struct shape shape = roll_shape(dice, one_in(dice, 2) ? TAPNET_TUN : TAPNET_TAP, 7);
    size_t segment_size = roll(dice, 1400) + 200, most = shape.protocol == IPPROTO_UDP ? 64 * segment_size : 65000;
    struct detail detail = {.sequence = (uint32_t)roll64(dice),
                            .id = one_in(dice, 4) ? 0 : (uint16_t)roll64(dice),
                            .flags = TAPNET_TCP_ACK | flags[roll(dice, ARRAY_COUNT(flags))],
                            .payload = payload};

    if (most > 65000)
        most = 65000;
    detail.payload_len = segment_size + 1 + roll(dice, most - segment_size);
    roll_bytes(dice, payload, detail.payload_len);
    make_large(&large, &shape, &detail, segment_size);
    return shape;
}

static size_t cut(enum tapnet_device_kind kind, bool complete)
{
    struct tapnet_split split;

    assert_int_equal(tapnet_split_begin(&split, &large, kind), 0);
    assert_in_range(split.count, 2, SEGMENTS_MAX);
    for (size_t i = 0; i < split.count; i++)
        assert_int_equal(tapnet_split_segment(&split, i, &segments[i], complete), 0);
    assert_int_equal(tapnet_split_segment(&split, split.count, &segments[0], complete), -ERANGE);
    return split.count;
}

/* Split, then merge: every large packet is again what it was, from full and from partial checksums. */
static void merged_again_it_is_the_same(void **state)
{
    (void)state;
    for (size_t s = 0; s < ARRAY_COUNT(seeds); s++) {
        struct dice dice = {seeds[s]};

        for (int round = 0; round < 8; round++) {
            struct shape shape = roll_large(&dice);
            size_t count = cut(shape.kind, round % 2);

            for (size_t i = 0; round % 2 && i < count; i++) {
                assert_checksums(&segments[i], shape.kind);
                segments[i].vnet = (struct tapnet_vnet){0}; /* as read from a device without vnet header */
            }
            assert_int_equal(tapnet_merge(segments, count, shape.kind, ALL_OFFLOADS), 1);
            assert_same_frame(&segments[0], &large);
        }
    }
}

static void tcp_segments_count_on(void **state)
{
    struct shape shape = {.kind = TAPNET_TUN, .version = 4, .protocol = IPPROTO_TCP, .ttl = 64, .options_len = 12};
    struct detail detail = {.sequence = UINT32_MAX - 1500,
                            .id = 0xffff,
                            .payload = payload,
                            .payload_len = 2500,
                            .flags = TAPNET_TCP_ACK | TAPNET_TCP_PSH | TAPNET_TCP_FIN | TAPNET_TCP_CWR};
    static const uint16_t ids[] = {0xffff, 0, 1}, flags[] = {0x90, 0x10, 0x19}, lens[] = {1000, 1000, 500};

    (void)state;
    make_large(&large, &shape, &detail, 1000);
    assert_int_equal(cut(TAPNET_TUN, true), 3);
    for (size_t i = 0; i < 3; i++) {
        struct tapnet_ipv4 ip;
        struct tapnet_tcp tcp;

        assert_int_equal(tapnet_ipv4_parse(segments[i].bytes, segments[i].len, &ip), 20);
        assert_int_equal(tapnet_tcp_parse(segments[i].bytes + 20, segments[i].len - 20, &tcp), 32);
        assert_int_equal(ip.total_len, 52 + lens[i]);
        assert_int_equal(segments[i].len, ip.total_len);
        assert_int_equal(ip.id, ids[i]);
        assert_true(ip.checksum_good);
        assert_int_equal(tcp.sequence, (uint32_t)(UINT32_MAX - 1500 + 1000 * i));
        assert_int_equal(tcp.flags, flags[i]);
        assert_memory_equal(segments[i].bytes + 52, payload + 1000 * i, lens[i]);
        assert_checksums(&segments[i], TAPNET_TUN);
        assert_int_equal(segments[i].vnet.flags, TAPNET_VNET_DATA_VALID);
        assert_int_equal(segments[i].vnet.gso_type, TAPNET_GSO_NONE);
    }
}

static void udp_datagrams_have_their_own_lengths(void **state)
{
    struct shape shape = {.kind = TAPNET_TAP, .tags = 1, .version = 6, .protocol = IPPROTO_UDP, .ttl = 64};
    struct detail detail = {.payload = payload, .payload_len = 1300};

    (void)state;
    make_large(&large, &shape, &detail, 1200);
    assert_int_equal(cut(TAPNET_TAP, false), 2);
    for (size_t i = 0; i < 2; i++) {
        struct tapnet_ipv6 ip;
        struct tapnet_udp udp;

        assert_int_equal(tapnet_ipv6_parse(segments[i].bytes + 18, segments[i].len - 18, &ip), 40);
        assert_int_equal(tapnet_udp_parse(segments[i].bytes + 58, segments[i].len - 58, &udp), 8);
        assert_int_equal(udp.len, i ? 108 : 1208);
        assert_int_equal(ip.payload_len, udp.len);
        assert_int_equal(segments[i].vnet.flags, TAPNET_VNET_NEEDS_CHECKSUM);
        assert_int_equal(segments[i].vnet.checksum_start, 58);
        assert_int_equal(tapnet_checksum_complete(&segments[i]), 0);
        assert_checksums(&segments[i], TAPNET_TAP);
    }
}

/* An id of 0 that means nothing stays 0; one that may be needed counts. */
static void ids_of_atomic_datagrams(void **state)
{
    struct shape shape = {.kind = TAPNET_TUN, .version = 4, .protocol = IPPROTO_UDP, .ttl = 64};
    struct detail detail = {.payload = payload, .payload_len = 200};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct tapnet_ipv4 ip;

        shape.dont_fragment = i;
        make_large(&large, &shape, &detail, 100);
        cut(TAPNET_TUN, true);
        assert_int_equal(tapnet_ipv4_parse(segments[1].bytes, segments[1].len, &ip), 20);
        assert_int_equal(ip.id, i ? 0 : 1);
    }
}

/* A frame that needs no cutting is one segment: itself, with its checksum. */
static void small_packets_pass(void **state)
{
    struct shape shape = {.kind = TAPNET_TUN, .version = 4, .protocol = IPPROTO_TCP, .ttl = 64};
    struct detail detail = {.payload = payload, .payload_len = 100, .flags = TAPNET_TCP_ACK};
    struct tapnet_split split;

    (void)state;
    make_packet(&large, &shape, &detail);
    make_partial(&large, TAPNET_TUN);
    assert_int_equal(tapnet_split_begin(&split, &large, TAPNET_TUN), 0);
    assert_int_equal(split.count, 1);
    assert_int_equal(tapnet_split_segment(&split, 0, &segments[0], false), 0);
    assert_same_frame(&segments[0], &large);
    assert_int_equal(tapnet_split_segment(&split, 0, &segments[0], true), 0);
    assert_checksums(&segments[0], TAPNET_TUN);
    segments[0].room = large.len - 1;
    assert_int_equal(tapnet_split_segment(&split, 0, &segments[0], true), -ENOBUFS);
    segments[0].room = FRAME_ROOM;
    make_large(&large, &shape, &detail, 100); /* says that it is large and is not */
    assert_int_equal(tapnet_split_begin(&split, &large, TAPNET_TUN), 0);
    assert_int_equal(split.count, 1);
    assert_int_equal(tapnet_split_segment(&split, 0, &segments[0], true), 0);
    assert_int_equal(segments[0].vnet.gso_type, TAPNET_GSO_NONE);
    assert_checksums(&segments[0], TAPNET_TUN);
}

/* A vnet header that contradicts its packet, packets that contradict themselves. */
static void what_can_not_be_cut_is_refused(void **state)
{
    struct shape shape = {.kind = TAPNET_TUN, .version = 4, .protocol = IPPROTO_TCP, .ttl = 64};
    struct detail detail = {.payload = payload, .payload_len = 3000, .flags = TAPNET_TCP_ACK};
    static const struct {
        uint8_t type;
        uint16_t size;
        int result;
    } rows[] = {{TAPNET_GSO_TCP4, 0, -EBADMSG},
                {TAPNET_GSO_TCP6, 1000, -EBADMSG},
                {TAPNET_GSO_UDP, 1000, -EBADMSG},
                {TAPNET_GSO_UDP_FRAGMENTS, 1000, -EOPNOTSUPP},
                {0x21, 1000, -EOPNOTSUPP} /* in a tunnel */,
                {2, 1000, -EOPNOTSUPP}};
    static const uint8_t routing[] = {IPPROTO_TCP, 2, 3, 1, 0, 0, 0, 0};
    struct tapnet_split split;

    (void)state;
    make_large(&large, &shape, &detail, 1000);
    assert_int_equal(tapnet_split_begin(&split, &large, TAPNET_TAP), -EBADMSG);
    large.len--;
    assert_int_equal(tapnet_split_begin(&split, &large, TAPNET_TUN), -EBADMSG);
    large.len += 2;
    assert_int_equal(tapnet_split_begin(&split, &large, TAPNET_TUN), -EBADMSG);
    large.len--;
    large.bytes[6] = 0x20; /* more fragments */
    assert_int_equal(tapnet_split_begin(&split, &large, TAPNET_TUN), -EBADMSG);
    large.bytes[6] = 0;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        large.vnet.gso_type = rows[i].type;
        large.vnet.gso_size = rows[i].size;
        assert_int_equal(tapnet_split_begin(&split, &large, TAPNET_TUN), rows[i].result);
    }
    shape.protocol = IPPROTO_UDP;
    make_large(&large, &shape, &detail, 1000);
    large.bytes[25]--; /* the UDP length */
    assert_int_equal(tapnet_split_begin(&split, &large, TAPNET_TUN), -EBADMSG);
    shape = (struct shape){.kind = TAPNET_TUN, .version = 6, .protocol = IPPROTO_TCP, .ttl = 64, .extensions = true};
    make_large(&large, &shape, &detail, 1000);
    assert_int_equal(tapnet_split_begin(&split, &large, TAPNET_TUN), 0);
    large.bytes[6] = IPPROTO_ROUTING;
    memcpy(large.bytes + 40, routing, 8);
    large.bytes[41] = 0;
    assert_int_equal(tapnet_split_begin(&split, &large, TAPNET_TUN), -EOPNOTSUPP);
    assert_int_equal(tapnet_split_begin(&split,
                                        &(struct tapnet_frame){.bytes = large.bytes, .vnet.gso_type = TAPNET_GSO_TCP4},
                                        TAPNET_TUN),
                     -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_again_it_is_the_same),
        cmocka_unit_test(tcp_segments_count_on),
        cmocka_unit_test(udp_datagrams_have_their_own_lengths),
        cmocka_unit_test(ids_of_atomic_datagrams),
        cmocka_unit_test(small_packets_pass),
        cmocka_unit_test(what_can_not_be_cut_is_refused),
    };

    return cmocka_run_group_tests(tests, allocate, release);
}
