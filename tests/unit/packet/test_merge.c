/* SPDX-License-Identifier: MIT */
/* Packets are merged by the kernel's rules, and what is merged can be taken apart to what it was. */
#include "make.h"

#define PACKETS 120
#define FLOWS 6

static struct tapnet_frame frames[PACKETS], inputs[PACKETS], output;
static uint8_t payload[2000];

static int allocate(void **state)
{
    struct dice dice = {1};

    (void)state;
    roll_bytes(&dice, payload, sizeof(payload));
    for (size_t i = 0; i < PACKETS; i++) {
        frames[i] = new_frame();
        inputs[i] = new_frame();
    }
    output = new_frame();
    return 0;
}

static int release(void **state)
{
    (void)state;
    for (size_t i = 0; i < PACKETS; i++) {
        free(frames[i].bytes);
        free(inputs[i].bytes);
    }
    free(output.bytes);
    return 0;
}

static void copy_frame(struct tapnet_frame *to, const struct tapnet_frame *from)
{
    memcpy(to->bytes, from->bytes, from->len);
    to->len = from->len;
    to->vnet = from->vnet;
}

/* ---- merge, then split ---- */

/* One sender: what its next packet has. */
struct sender {
    struct shape shape;
    struct detail next;
    size_t segment_size;
    size_t next_input; /* the first of its packets that has not come out again */
};

/* A number that no other sender has: in the last byte of the source address. */
static uint8_t number_of(const struct tapnet_frame *frame, enum tapnet_device_kind kind)
{
    struct tapnet_layout layout;

    assert_int_equal(tapnet_layout_parse(frame->bytes, frame->len, kind, &layout), 0);
    return frame->bytes[layout.network + (layout.version == 4 ? 15 : 23)];
}

/* What a packet may have that keeps it from being merged. */
static void spoil(struct dice *dice, struct sender *sender, struct tapnet_frame *frame)
{
    struct tapnet_layout layout;

    assert_int_equal(tapnet_layout_parse(frame->bytes, frame->len, sender->shape.kind, &layout), 0);
    switch (roll(dice, 5)) {
    case 0:
        frame->bytes[frame->len - 1] ^= 0x40; /* its checksum is wrong */
        break;
    case 1:
        if (sender->shape.protocol == IPPROTO_UDP && layout.version == 4)
            memset(frame->bytes + layout.transport + 6, 0, 2); /* no checksum */
        break;
    case 2:
        if (sender->shape.kind == TAPNET_TAP) {
            memset(frame->bytes + frame->len, 0, 6); /* padding */
            frame->len += 6;
        }
        break;
    case 3:
        if (layout.version == 4)
            frame->bytes[layout.network + 10] ^= 1; /* the IPv4 checksum is wrong */
        break;
    default:
        make_partial(frame, sender->shape.kind);
        break;
    }
}

/* The next packet of @sender: mostly what follows, sometimes not. */
static void send_next(struct dice *dice, struct sender *sender, struct tapnet_frame *frame)
{
    static const uint16_t flags[] = {TAPNET_TCP_PSH, TAPNET_TCP_FIN, TAPNET_TCP_CWR, TAPNET_TCP_SYN, TAPNET_TCP_URG};
    struct detail detail = sender->next;

    detail.flags = TAPNET_TCP_ACK | (one_in(dice, 8) ? flags[roll(dice, ARRAY_COUNT(flags))] : 0);
    detail.payload_len = one_in(dice, 8) ? roll(dice, sender->segment_size) : sender->segment_size;
    if (one_in(dice, 12))
        detail.sequence += 1;
    if (one_in(dice, 12))
        detail.id += 5;
    if (one_in(dice, 16))
        sender->shape.ttl ^= 1;
    if (one_in(dice, 16))
        sender->shape.acknowledgement++;
    if (one_in(dice, 16))
        sender->segment_size = roll(dice, 1400) + 1;
    make_packet(frame, &sender->shape, &detail);
    if (one_in(dice, 10))
        spoil(dice, sender, frame);
    sender->next = detail;
    sender->next.sequence += (uint32_t)detail.payload_len;
    if (sender->next.id || !sender->shape.dont_fragment)
        sender->next.id++;
}

/* @packet is what @sender sent next, with its checksum completed. */
static void assert_next(struct sender *senders, const struct tapnet_frame *packet, enum tapnet_device_kind kind)
{
    uint8_t number = number_of(packet, kind);
    struct sender *sender = &senders[number];
    struct tapnet_frame *input;

    assert_in_range(number, 0, FLOWS - 1);
    while (number_of(&inputs[sender->next_input], kind) != number)
        assert_true(++sender->next_input < PACKETS);
    input = &inputs[sender->next_input++];
    assert_int_equal(tapnet_checksum_complete(input), 0);
    assert_int_equal(packet->len, input->len);
    assert_memory_equal(packet->bytes, input->bytes, input->len);
}

/* Splits what came out; how many packets that were. */
static size_t assert_split(struct sender *senders, size_t count, enum tapnet_device_kind kind)
{
    size_t packets = 0;

    for (size_t i = 0; i < count; i++) {
        struct tapnet_split split;

        assert_int_equal(tapnet_split_begin(&split, &frames[i], kind), 0);
        for (size_t j = 0; j < split.count; j++, packets++) {
            assert_int_equal(tapnet_split_segment(&split, j, &output, true), 0);
            assert_next(senders, &output, kind);
        }
    }
    return packets;
}

/* Merge, then split: every packet of every flow comes out as it was, in the order in which it was sent. */
static void split_again_they_are_the_same(void **state)
{
    size_t all = 0;

    (void)state;
    for (size_t s = 0; s < ARRAY_COUNT(seeds); s++)
        for (unsigned kind = TAPNET_TUN; kind <= TAPNET_TAP; kind++) {
            struct dice dice = {seeds[s]};
            struct sender senders[FLOWS];
            size_t count;

            for (uint8_t i = 0; i < FLOWS; i++)
                senders[i] = (struct sender){
                    .shape = roll_shape(&dice, kind, i),
                    .next = {.sequence = (uint32_t)roll64(&dice), .id = (uint16_t)roll64(&dice), .payload = payload},
                    .segment_size = roll(&dice, 1400) + 1};
            for (size_t i = 0; i < PACKETS; i++) {
                send_next(&dice, &senders[one_in(&dice, 3) ? roll(&dice, FLOWS) : i / 40], &inputs[i]);
                copy_frame(&frames[i], &inputs[i]);
            }
            count = tapnet_merge(frames, PACKETS, kind, ALL_OFFLOADS);
            all += count;
            assert_int_equal(assert_split(senders, count, kind), PACKETS);
        }
    assert_in_range(all, 1, 2 * ARRAY_COUNT(seeds) * PACKETS * 3 / 4); /* a quarter and more was merged */
}

/* ---- rule by rule ---- */

static struct shape pair_shape;
static struct detail pair_details[2];

/* Two packets of one flow that follow one another. */
static void make_pair(int version, uint8_t protocol)
{
    pair_shape = (struct shape){.kind = TAPNET_TAP,
                                .version = version,
                                .protocol = protocol,
                                .ttl = 64,
                                .window = 500,
                                .options_len = 12,
                                .options = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}};
    pair_details[0] = (struct detail){
        .sequence = 1000, .id = 7, .flags = TAPNET_TCP_ACK, .payload = payload, .payload_len = 1000};
    pair_details[1] = pair_details[0];
    pair_details[1].sequence = 2000;
    pair_details[1].id = 8;
}

/* How many frames are left of the pair, of which @change has altered one. */
static size_t merge_pair(struct shape second_shape)
{
    make_packet(&frames[0], &pair_shape, &pair_details[0]);
    make_packet(&frames[1], &second_shape, &pair_details[1]);
    return tapnet_merge(frames, 2, TAPNET_TAP, ALL_OFFLOADS);
}

#define EACH_PAIR(body)                                                                                                \
    do {                                                                                                               \
        for (int version = 4; version <= 6; version += 2) {                                                            \
            make_pair(version, protocol);                                                                              \
            body;                                                                                                      \
        }                                                                                                              \
    } while (0)

static void rules_of_all(void **state)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

    (void)state;
    for (size_t p = 0; p < 2; p++) {
        uint8_t protocol = protocols[p];
        struct shape second;

        EACH_PAIR(assert_int_equal(merge_pair(pair_shape), 1));
        EACH_PAIR(second = pair_shape; second.ttl--; assert_int_equal(merge_pair(second), 2));
        EACH_PAIR(second = pair_shape; second.tos = 1; assert_int_equal(merge_pair(second), 2)); /* ECN */
        EACH_PAIR(second = pair_shape; second.number = 9; assert_int_equal(merge_pair(second), 2));
        EACH_PAIR(second = pair_shape; second.tags = 1; assert_int_equal(merge_pair(second), 2));
        EACH_PAIR(second = pair_shape; second.extensions = true;
                  assert_int_equal(merge_pair(second), version == 6 ? 2 : 1));
        EACH_PAIR(second = pair_shape; second.dont_fragment = true;
                  assert_int_equal(merge_pair(second), version == 4 ? 2 : 1));
        EACH_PAIR(pair_details[1].id = 7; assert_int_equal(merge_pair(pair_shape), version == 4 ? 2 : 1));
        EACH_PAIR(pair_details[1].payload_len = 1001; assert_int_equal(merge_pair(pair_shape), 2));
        EACH_PAIR(pair_details[1].payload_len = 999; assert_int_equal(merge_pair(pair_shape), 1));
        EACH_PAIR(pair_details[1].payload_len = 0; assert_int_equal(merge_pair(pair_shape), 2));
        EACH_PAIR(frames[0].room = 1500; assert_int_equal(merge_pair(pair_shape), 2));
        frames[0].room = frames[1].room = FRAME_ROOM;
        EACH_PAIR(pair_shape.dont_fragment = true; pair_details[0].id = pair_details[1].id = 0;
                  assert_int_equal(merge_pair(pair_shape), 1));
    }
}

static void rules_of_tcp(void **state)
{
    static const struct {
        uint16_t flags;
        size_t left[2]; /* on the first, on the second */
    } rows[] = {{TAPNET_TCP_PSH, {2, 1}}, {TAPNET_TCP_FIN, {2, 1}}, {TAPNET_TCP_SYN, {2, 2}}, {TAPNET_TCP_RST, {2, 2}},
                {TAPNET_TCP_URG, {2, 2}}, {TAPNET_TCP_ECE, {2, 2}}, {TAPNET_TCP_AE, {2, 2}},  {TAPNET_TCP_CWR, {1, 2}}};
    const uint8_t protocol = IPPROTO_TCP;
    struct shape second;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        for (size_t which = 0; which < 2; which++)
            EACH_PAIR(pair_details[which].flags |= rows[i].flags;
                      assert_int_equal(merge_pair(pair_shape), rows[i].left[which]));
    EACH_PAIR(second = pair_shape; second.acknowledgement = 1; assert_int_equal(merge_pair(second), 2));
    EACH_PAIR(second = pair_shape; second.window++; assert_int_equal(merge_pair(second), 2));
    EACH_PAIR(second = pair_shape; second.options[7]++; assert_int_equal(merge_pair(second), 2));
    EACH_PAIR(second = pair_shape; second.options_len = 8; assert_int_equal(merge_pair(second), 2));
    EACH_PAIR(pair_details[1].sequence--; assert_int_equal(merge_pair(pair_shape), 2));
    EACH_PAIR(pair_details[0].sequence = UINT32_MAX - 999; pair_details[1].sequence = 0;
              assert_int_equal(merge_pair(pair_shape), 1));
}

/* Only checksums that are right, or will be; and only what the other side takes. */
static void checksums_and_offloads(void **state)
{
    static const unsigned needed[2][2] = {{TAPNET_OFFLOAD_TSO4, TAPNET_OFFLOAD_TSO6},
                                          {TAPNET_OFFLOAD_USO4, TAPNET_OFFLOAD_USO6}};

    (void)state;
    for (size_t p = 0; p < 2; p++)
        for (int version = 4; version <= 6; version += 2) {
            make_pair(version, p ? IPPROTO_UDP : IPPROTO_TCP);
            for (int bad = 0; bad < 2; bad++) {
                make_packet(&frames[0], &pair_shape, &pair_details[0]);
                make_packet(&frames[1], &pair_shape, &pair_details[1]);
                frames[bad].bytes[frames[bad].len - 1] ^= 1;
                assert_int_equal(tapnet_merge(frames, 2, TAPNET_TAP, ALL_OFFLOADS), 2);
                frames[bad].vnet.flags = TAPNET_VNET_DATA_VALID; /* the kernel has looked at it, it says */
                assert_int_equal(tapnet_merge(frames, 2, TAPNET_TAP, ALL_OFFLOADS), 1);
                make_packet(&frames[0], &pair_shape, &pair_details[0]);
                make_packet(&frames[1], &pair_shape, &pair_details[1]);
                make_partial(&frames[bad], TAPNET_TAP);
                frames[bad].vnet.checksum_start++;
                assert_int_equal(tapnet_merge(frames, 2, TAPNET_TAP, ALL_OFFLOADS), 2);
                frames[bad].vnet.checksum_start--;
                assert_int_equal(tapnet_merge(frames, 2, TAPNET_TAP, ALL_OFFLOADS & ~needed[p][version == 6]), 2);
                assert_int_equal(tapnet_merge(frames, 2, TAPNET_TAP, needed[p][version == 6]), 1);
            }
        }
}

/* Nothing overtakes a packet of its own flow that can't be merged. */
static void order_is_kept(void **state)
{
    struct detail third;

    (void)state;
    make_pair(4, IPPROTO_UDP);
    third = pair_details[1];
    third.id = 9;
    make_packet(&frames[0], &pair_shape, &pair_details[0]);
    make_packet(&frames[1], &pair_shape, &pair_details[1]);
    frames[1].bytes[20] |= 0x20; /* now it is a fragment, a stranger */
    make_packet(&frames[2], &pair_shape, &pair_details[1]);
    make_packet(&frames[3], &pair_shape, &third);
    assert_int_equal(tapnet_merge(frames, 4, TAPNET_TAP, ALL_OFFLOADS), 3);
    assert_int_equal(frames[1].bytes[20], 0x20);
    assert_int_equal(frames[2].vnet.gso_size, 1000);
}

/* What was merged before may grow: full segments at its end, and equal ones. */
static void merged_frames_are_merged(void **state)
{
    (void)state;
    for (size_t payload_len = 1999; payload_len <= 2000; payload_len++) {
        make_pair(4, IPPROTO_TCP);
        pair_details[0].payload_len = payload_len;
        pair_details[1].sequence = 1000 + (uint32_t)payload_len;
        pair_details[1].id = 9;
        make_large(&frames[0], &pair_shape, &pair_details[0], 1000);
        make_packet(&frames[1], &pair_shape, &pair_details[1]);
        assert_int_equal(tapnet_merge(frames, 2, TAPNET_TAP, ALL_OFFLOADS), payload_len == 2000 ? 1 : 2);
    }
}

/* IP ends at 65,535 bytes, UDP at 64 datagrams; buffers come back, whichever way they were moved. */
static void nothing_grows_too_large(void **state)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

    (void)state;
    for (size_t p = 0; p < 2; p++)
        for (int version = 4; version <= 6; version += 2) {
            size_t count;

            make_pair(version, protocols[p]);
            pair_details[0].payload_len = p ? 100 : 1000;
            for (size_t i = 0; i < 100; i++) {
                make_packet(&frames[i], &pair_shape, &pair_details[0]);
                pair_details[0].sequence += 1000;
                pair_details[0].id++;
            }
            count = tapnet_merge(frames, 100, TAPNET_TAP, ALL_OFFLOADS);
            assert_int_equal(count, 2);
            assert_in_range(frames[0].len, p ? 6400 : 64000, 65535 + 14 + (version == 6 ? 40 : 0));
            if (p)
                assert_int_equal(frames[0].len, 14 + (version == 4 ? 20 : 40) + 8 + 6400);
            for (size_t i = 0; i < 100; i++)
                for (size_t j = 0; j < i; j++)
                    assert_ptr_not_equal(frames[i].bytes, frames[j].bytes);
        }
    assert_int_equal(tapnet_merge(frames, 0, TAPNET_TAP, ALL_OFFLOADS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_again_they_are_the_same),
        cmocka_unit_test(rules_of_all),
        cmocka_unit_test(rules_of_tcp),
        cmocka_unit_test(checksums_and_offloads),
        cmocka_unit_test(order_is_kept),
        cmocka_unit_test(merged_frames_are_merged),
        cmocka_unit_test(nothing_grows_too_large),
    };

    return cmocka_run_group_tests(tests, allocate, release);
}
