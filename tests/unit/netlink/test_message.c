/* SPDX-License-Identifier: MIT */
/* The message builder and the attribute readers, without a kernel: what is built, what sticks, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "netlink/netlink.h"

static const struct nlmsghdr *first_message(const struct netlink_message *message)
{
    return (const void *)message->bytes;
}

/* What one message holds is what was put in, read back by libmnl, which judges independently. */
static void test_what_is_put_in_can_be_read(void **state)
{
    struct netlink_message message;
    const struct ifinfomsg header = {.ifi_index = 7};
    const struct nlmsghdr *built;
    struct nlattr *attribute;
    int count = 0;

    (void)state;
    netlink_message_init(&message);
    netlink_begin(&message, RTM_NEWLINK, NLM_F_CREATE, &header, sizeof(header));
    netlink_put_text(&message, IFLA_IFNAME, "br-lab");
    netlink_put_u32(&message, IFLA_MTU, 1400);
    netlink_put_u8(&message, IFLA_OPERSTATE, 6);
    netlink_put_be16(&message, IFLA_MAX + 1, 0x1234);
    assert_int_equal(message.failure, 0);
    built = first_message(&message);
    assert_true(mnl_nlmsg_ok(built, (int)message.len));
    assert_int_equal(built->nlmsg_type, RTM_NEWLINK);
    assert_int_equal(built->nlmsg_len, message.len);
    mnl_attr_for_each(attribute, built, sizeof(header))
    {
        count++;
        if (mnl_attr_get_type(attribute) == IFLA_IFNAME)
            assert_string_equal(mnl_attr_get_str(attribute), "br-lab");
        else if (mnl_attr_get_type(attribute) == IFLA_MTU)
            assert_int_equal(mnl_attr_get_u32(attribute), 1400);
        else if (mnl_attr_get_type(attribute) == IFLA_OPERSTATE)
            assert_int_equal(mnl_attr_get_u8(attribute), 6);
        else
            assert_memory_equal(mnl_attr_get_payload(attribute), "\x12\x34", 2);
    }
    assert_int_equal(count, 4);
    netlink_message_fini(&message);
}

/* Nests close at the right length, however deep, and across the buffer's growth. */
static void test_nests_hold_their_length(void **state)
{
    static const uint8_t block[3000];
    const struct nlattr *outer_table[4], *inner_table[4], *table[4];
    struct netlink_message message;
    size_t outer, inner;

    (void)state;
    netlink_message_init(&message);
    netlink_begin(&message, 20, 0, NULL, 0);
    outer = netlink_nest_begin(&message, 1);
    inner = netlink_nest_begin(&message, 2);
    for (int i = 0; i < 10; i++)
        netlink_put(&message, 3, block, sizeof(block));
    netlink_nest_end(&message, inner);
    netlink_put_u16(&message, 3, 77);
    netlink_nest_end(&message, outer);
    assert_int_equal(message.failure, 0);
    assert_int_equal(netlink_parse(first_message(&message), 0, table, 3), 0);
    assert_non_null(table[1]);
    assert_int_equal(table[1]->nla_type, 1 | NLA_F_NESTED);
    assert_int_equal(netlink_parse_nest(table[1], outer_table, 3), 0);
    assert_int_equal(netlink_get_u16(outer_table[3]), 77);
    assert_int_equal(outer_table[2]->nla_len, NLA_HDRLEN + 10 * (NLA_HDRLEN + sizeof(block)));
    assert_int_equal(netlink_parse_nest(outer_table[2], inner_table, 3), 0);
    assert_null(inner_table[2]);
    assert_non_null(inner_table[3]);
    netlink_message_fini(&message);
}

/* An attribute of 65,531 bytes fits its 16-bit length; one more does not, and nothing after it is put in. */
static void test_the_first_failure_sticks(void **state)
{
    static uint8_t huge[UINT16_MAX];
    struct netlink_message message;
    size_t len;

    (void)state;
    netlink_message_init(&message);
    netlink_begin(&message, 20, 0, NULL, 0);
    netlink_put(&message, 1, huge, UINT16_MAX - NLA_HDRLEN);
    assert_int_equal(message.failure, 0);
    netlink_put(&message, 1, huge, UINT16_MAX - NLA_HDRLEN + 1);
    assert_int_equal(message.failure, -EMSGSIZE);
    len = message.len;
    netlink_put_u32(&message, 2, 1);
    netlink_nest_end(&message, netlink_nest_begin(&message, 3));
    netlink_begin(&message, 21, 0, NULL, 0);
    assert_int_equal(message.len, len);
    assert_int_equal(message.failure, -EMSGSIZE);
    netlink_message_reset(&message);
    netlink_begin(&message, 20, 0, NULL, 0);
    assert_int_equal(message.failure, 0);
    netlink_message_fini(&message);
}

/* A nest longer than 16 bits can say is refused rather than cut. */
static void test_a_nest_may_be_too_long(void **state)
{
    static const uint8_t block[30000];
    struct netlink_message message;
    size_t nest;

    (void)state;
    netlink_message_init(&message);
    netlink_begin(&message, 20, 0, NULL, 0);
    nest = netlink_nest_begin(&message, 1);
    for (int i = 0; i < 3; i++)
        netlink_put(&message, 2, block, sizeof(block));
    netlink_nest_end(&message, nest);
    assert_int_equal(message.failure, -EMSGSIZE);
    netlink_message_fini(&message);
}

/* Several messages in a row: each has its own length, each begins on a multiple of four. */
static void test_messages_in_a_row(void **state)
{
    struct netlink_message message;
    const struct nlmsghdr *at;
    int left, count = 0;

    (void)state;
    netlink_message_init(&message);
    for (uint16_t i = 0; i < 1000; i++) {
        netlink_begin(&message, (uint16_t)(16 + i), 0, "abcde", 5);
        netlink_put(&message, 1, "xyz", i % 4);
    }
    assert_int_equal(message.failure, 0);
    left = (int)message.len;
    for (at = first_message(&message); mnl_nlmsg_ok(at, left); at = mnl_nlmsg_next(at, &left)) {
        const struct nlattr *table[2];

        assert_int_equal(at->nlmsg_type, 16 + count);
        assert_int_equal(netlink_parse(at, 5, table, 1), 0);
        assert_int_equal(table[1]->nla_len, NLA_HDRLEN + count % 4);
        count++;
    }
    assert_int_equal(left, 0);
    assert_int_equal(count, 1000);
    netlink_message_fini(&message);
}

/* ---- hostile messages: in an allocation of exactly their size, so that a sanitizer sees a read beyond it ---- */

static struct nlmsghdr *exact_message(const void *payload, size_t len)
{
    struct nlmsghdr *message = malloc(NLMSG_HDRLEN + len);

    assert_non_null(message);
    *message = (struct nlmsghdr){.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len), .nlmsg_type = 20};
    if (len)
        memcpy((uint8_t *)message + NLMSG_HDRLEN, payload, len);
    return message;
}

static int parse_payload(const void *payload, size_t len, size_t header_len, const struct nlattr **table)
{
    struct nlmsghdr *message = exact_message(payload, len);
    int result = netlink_parse(message, header_len, table, 3);

    for (int i = 0; i <= 3; i++)
        table[i] = result == 0 && table[i] ? (const void *)1 : NULL; /* must not be used after the message */
    free(message);
    return result;
}

static void test_hostile_lengths_are_refused(void **state)
{
    static const struct {
        const char *what;
        uint8_t bytes[12];
        size_t len, header_len;
        int result;
    } cases[] = {
        {"nothing behind the header", {0}, 0, 0, 0},
        {"shorter than the family's header", {0}, 3, 4, -EBADMSG},
        {"the family's header alone, unpadded", {0}, 5, 5, 0},
        {"an attribute of length 0", {0, 0, 1, 0}, 4, 0, -EBADMSG},
        {"an attribute shorter than its header", {3, 0, 1, 0}, 4, 0, -EBADMSG},
        {"an attribute longer than the message", {9, 0, 1, 0, 1, 2, 3, 4}, 8, 0, -EBADMSG},
        {"an attribute of the greatest length", {255, 255, 1, 0, 1, 2, 3, 4}, 8, 0, -EBADMSG},
        {"an empty attribute", {4, 0, 1, 0}, 4, 0, 0},
        {"the last attribute without its padding", {5, 0, 1, 0, 9}, 5, 0, 0},
        {"a good one, then one that is too long", {4, 0, 1, 0, 8, 0, 2, 0}, 8, 0, -EBADMSG},
        {"a type above the table", {4, 0, 99, 0}, 4, 0, 0},
        {"a type above the table, nested flag", {4, 0, 255, 255}, 4, 0, 0},
    };
    const struct nlattr *table[4];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int result = parse_payload(cases[i].bytes, cases[i].len, cases[i].header_len, table);

        if (result != cases[i].result)
            fail_msg("%s: %d instead of %d", cases[i].what, result, cases[i].result);
    }
}

/* Whatever length a message claims: 2 GiB and more are no negative number. */
static void test_a_message_fits_or_it_does_not(void **state)
{
    struct nlmsghdr message = {.nlmsg_len = 20};

    (void)state;
    assert_true(netlink_message_fits(&message, 20));
    assert_true(netlink_message_fits(&message, 24));
    assert_false(netlink_message_fits(&message, 19));
    assert_false(netlink_message_fits(&message, 0));
    assert_false(netlink_message_fits(&message, -4)); /* behind a last message that was not padded */
    message.nlmsg_len = 15;
    assert_false(netlink_message_fits(&message, 20));
    message.nlmsg_len = 0x80000000;
    assert_false(netlink_message_fits(&message, 20));
    message.nlmsg_len = UINT32_MAX;
    assert_false(netlink_message_fits(&message, 20));
}

/* Numbers, text and bytes that are too short for what is asked: zero, NULL, false, never a read beyond. */
static void test_readers_check_the_length(void **state)
{
    static const uint8_t payload[] = {7, 0, 1, 0, 'a', 'b', 'c', 0 /* padding, not a NUL of the text */};
    struct nlmsghdr *message = exact_message(payload, sizeof(payload));
    const struct nlattr *table[2];
    uint8_t bytes[4] = {9, 9, 9, 9};

    (void)state;
    assert_int_equal(netlink_parse(message, 0, table, 1), 0);
    assert_null(netlink_get_text(table[1]));
    assert_int_equal(netlink_get_u8(table[1]), 'a');
    assert_int_equal(netlink_get_u32(table[1]), 0);
    assert_true(netlink_get_u64(table[1]) == 0);
    assert_false(netlink_get_bytes(table[1], bytes, 4));
    assert_int_equal(bytes[0], 9);
    assert_true(netlink_get_bytes(table[1], bytes, 3));
    assert_memory_equal(bytes, "abc", 3);
    free(message);
    assert_null(netlink_get_text(NULL));
    assert_int_equal(netlink_get_u16(NULL), 0);
    assert_false(netlink_get_bytes(NULL, bytes, 1));
    assert_int_equal(netlink_parse_nest(NULL, table, 1), 0);
    assert_null(table[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_put_in_can_be_read),
        cmocka_unit_test(test_nests_hold_their_length),
        cmocka_unit_test(test_the_first_failure_sticks),
        cmocka_unit_test(test_a_nest_may_be_too_long),
        cmocka_unit_test(test_messages_in_a_row),
        cmocka_unit_test(test_hostile_lengths_are_refused),
        cmocka_unit_test(test_a_message_fits_or_it_does_not),
        cmocka_unit_test(test_readers_check_the_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
