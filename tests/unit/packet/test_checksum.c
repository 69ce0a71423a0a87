/* SPDX-License-Identifier: MIT */
/* Checksums: the RFCs' examples, and the same as a plain loop for every length, alignment, piece and change. */
#include "lab.h"

#define LARGE (3u << 20)

static void the_example_of_rfc1071(void **state)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    static const uint8_t odd[] = {0x01, 0x02, 0x03};

    (void)state;
    assert_int_equal(tapnet_checksum(bytes, sizeof(bytes)), (uint16_t)~0xddf2);
    assert_int_equal(tapnet_checksum(odd, sizeof(odd)), (uint16_t)~0x0402);
    assert_int_equal(tapnet_checksum(NULL, 0), 0xffff);
}

/* Around every length at which another way of adding begins, and at every alignment. */
static void every_length_and_alignment(void **state)
{
    struct dice dice = {seeds[0]};
    uint8_t bytes[600];

    (void)state;
    roll_bytes(&dice, bytes, sizeof(bytes));
    for (size_t start = 0; start < 33; start++)
        for (size_t len = 0; len + start <= 560; len++) {
            uint8_t *copy = exact_copy(bytes + start, len);

            assert_int_equal(tapnet_checksum(copy, len), plain_checksum(0, copy, len));
            assert_int_equal(tapnet_checksum(bytes + start, len), plain_checksum(0, copy, len));
            free(copy);
        }
}

/* No carry is lost, whatever the length: all ones are the largest sum there is. */
static void large_sums_do_not_overflow(void **state)
{
    uint8_t *bytes = malloc(LARGE);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 0xff, LARGE);
    assert_int_equal(tapnet_checksum(bytes, LARGE), 0);
    assert_int_equal(tapnet_checksum_finish(tapnet_checksum_add(UINT32_MAX, bytes, LARGE)), 0);
    memset(bytes, 0, LARGE);
    bytes[LARGE - 1] = 7;
    assert_int_equal(tapnet_checksum(bytes, LARGE), (uint16_t)~7);
    free(bytes);
}

static void pieces_add_up(void **state)
{
    (void)state;
    for (size_t s = 0; s < ARRAY_COUNT(seeds); s++) {
        struct dice dice = {seeds[s]};
        uint8_t bytes[3000];
        size_t len = roll(&dice, sizeof(bytes)) + 1, cut = roll(&dice, len), even = cut & ~(size_t)1;
        uint32_t front, back;

        roll_bytes(&dice, bytes, len);
        front = tapnet_checksum_add(0, bytes, even);
        assert_int_equal(tapnet_checksum_finish(tapnet_checksum_add(front, bytes + even, len - even)),
                         plain_checksum(0, bytes, len));
        front = tapnet_checksum_add(0, bytes, cut);
        back = tapnet_checksum_add(0, bytes + cut, len - cut);
        assert_int_equal(tapnet_checksum_finish(tapnet_checksum_combine(front, back, cut)),
                         plain_checksum(0, bytes, len));
    }
}

/* RFC 1624: the checksum after a change, from the one before it; never the wrong zero. */
static void changes_are_followed(void **state)
{
    static const uint8_t before[] = {0x55, 0x55}, after[] = {0x32, 0x85};

    (void)state;
    assert_int_equal(tapnet_checksum_update(0xdd2f, before, after, 2), 0x0000); /* the example of section 4 */
    for (size_t s = 0; s < ARRAY_COUNT(seeds); s++) {
        struct dice dice = {seeds[s]};
        uint8_t bytes[100], old[20];
        size_t len = 2 * roll(&dice, sizeof(old) / 2 + 1), at = 2 * roll(&dice, (sizeof(bytes) - len) / 2);
        uint16_t checksum;

        roll_bytes(&dice, bytes, sizeof(bytes));
        checksum = plain_checksum(0, bytes, sizeof(bytes));
        memcpy(old, bytes + at, len);
        roll_bytes(&dice, bytes + at, len);
        assert_int_equal(tapnet_checksum_update(checksum, old, bytes + at, len),
                         plain_checksum(0, bytes, sizeof(bytes)));
    }
}

static void pseudo_headers(void **state)
{
    static const size_t address_lens[] = {4, 16};

    (void)state;
    for (size_t s = 0; s < ARRAY_COUNT(seeds); s++) {
        struct dice dice = {seeds[s]};
        uint8_t addresses[32], payload[64];

        roll_bytes(&dice, addresses, sizeof(addresses));
        roll_bytes(&dice, payload, sizeof(payload));
        for (size_t i = 0; i < ARRAY_COUNT(address_lens); i++) {
            size_t address_len = address_lens[i], len = roll(&dice, address_len == 4 ? 65536 : 200000);
            uint32_t sum = tapnet_checksum_pseudo(addresses, addresses + address_len, address_len, 17, len);

            assert_int_equal(tapnet_checksum_finish(tapnet_checksum_add(sum, payload, 64)),
                             plain_checksum(plain_pseudo(addresses, address_len, 17, len), payload, 64));
        }
    }
}

/* What the kernel leaves to be done is done as it would do it, and not outside of the packet. */
static void partial_checksums_are_completed(void **state)
{
    uint8_t bytes[40] = {0};
    struct tapnet_frame frame = {.bytes = bytes, .len = 30, .room = sizeof(bytes)};

    (void)state;
    bytes[20] = 0x12;
    assert_int_equal(tapnet_checksum_complete(&frame), 0); /* nothing to do */
    assert_int_equal(bytes[26], 0);
    frame.vnet = (struct tapnet_vnet){.flags = TAPNET_VNET_NEEDS_CHECKSUM, .checksum_start = 20, .checksum_offset = 2};
    assert_int_equal(tapnet_checksum_complete(&frame), 0);
    assert_int_equal(frame.vnet.flags & TAPNET_VNET_NEEDS_CHECKSUM, 0);
    assert_int_equal(bytes[22] << 8 | bytes[23], 0xedff);
    for (unsigned start = 0; start < 40; start++)
        for (unsigned offset = 0; offset < 40; offset++) {
            frame.vnet = (struct tapnet_vnet){TAPNET_VNET_NEEDS_CHECKSUM, .checksum_start = (uint16_t)start,
                                              .checksum_offset = (uint16_t)offset};
            assert_int_equal(tapnet_checksum_complete(&frame), start + offset + 2 <= 30 ? 0 : -EBADMSG);
        }
    frame.vnet = (struct tapnet_vnet){TAPNET_VNET_NEEDS_CHECKSUM, TAPNET_GSO_TCP4, .checksum_start = 20};
    assert_int_equal(tapnet_checksum_complete(&frame), -EOPNOTSUPP);
    memset(bytes, 0xff, 28); /* UDP never sends 0: RFC 768 */
    memset(bytes + 28, 0, 2);
    frame.vnet = (struct tapnet_vnet){TAPNET_VNET_NEEDS_CHECKSUM, .checksum_start = 20, .checksum_offset = 6};
    assert_int_equal(tapnet_checksum_complete(&frame), 0);
    assert_int_equal(bytes[26] << 8 | bytes[27], 0xffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_rfc1071),
        cmocka_unit_test(every_length_and_alignment),
        cmocka_unit_test(large_sums_do_not_overflow),
        cmocka_unit_test(pieces_add_up),
        cmocka_unit_test(changes_are_followed),
        cmocka_unit_test(pseudo_headers),
        cmocka_unit_test(partial_checksums_are_completed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
