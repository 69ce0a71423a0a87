/* SPDX-License-Identifier: MIT */
/* Messages of nf_tables without a kernel: rules are told apart to the bit, broken messages do no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/netfilter/nf_tables.h>

#include "nft/compare.h"
#include "nft/element.h"
#include "nft/message.h"
#include "nft/ruleset.h"

static const struct nlmsghdr *message_behind(const struct netlink_message *row, const struct nlmsghdr *message)
{
    const uint8_t *next = message ? (const uint8_t *)message + NLMSG_ALIGN(message->nlmsg_len) : row->bytes;

    return next < row->bytes + row->len ? (const void *)next : NULL;
}

static struct nlmsghdr *copy_of(const struct nlmsghdr *message)
{
    struct nlmsghdr *copy = malloc(message->nlmsg_len);

    assert_non_null(copy);
    return memcpy(copy, message, message->nlmsg_len);
}

/* Flips each bit of each leaf below @row, one at a time; none may go unseen. Returns how many there were. */
static size_t flip_leaves(struct nft_attributes row, const struct nlmsghdr *original, const struct nlmsghdr *copy,
                          int type)
{
    size_t flips = 0;

    for (const struct nlattr *a = nft_attributes_first(row); a; a = nft_attributes_next(row, a)) {
        uint8_t *payload = mnl_attr_get_payload(a);

        if (a->nla_type & NLA_F_NESTED) {
            flips += flip_leaves(nft_attributes_inside(a), original, copy, type);
            continue;
        }
        for (size_t bit = 0; bit < mnl_attr_get_payload_len(a) * 8U; bit++, flips++) {
            payload[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_false(nft_message_matches(original, copy, type));
            payload[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
    assert_true(nft_message_matches(original, copy, type));
    return flips;
}

static void every_bit_of_every_rule_counts(void **state)
{
    size_t flips = 0;

    (void)state;
    for (enum guard_family family = GUARD_INET; family <= GUARD_BRIDGE; family++) {
        struct nft_transaction transaction;
        const struct nlmsghdr *message = NULL;

        nft_transaction_init(&transaction);
        nft_table_add(&transaction, family);
        while ((message = message_behind(&transaction.message, message))) {
            struct nlmsghdr *copy = copy_of(message);

            if (nft_message_type(message) == NFT_MSG_NEWRULE)
                flips += flip_leaves(nft_attributes_of(copy), message, copy, NFT_MSG_NEWRULE);
            free(copy);
        }
        nft_transaction_fini(&transaction);
    }
    assert_true(flips > 10000);
}

static void no_two_rules_of_a_table_match(void **state)
{
    (void)state;
    for (enum guard_family family = GUARD_INET; family <= GUARD_BRIDGE; family++) {
        const struct nft_rule *left, *right;

        for (size_t i = 0; (left = nft_ruleset_rule(family, i)); i++) {
            for (size_t j = 0; (right = nft_ruleset_rule(family, j)); j++) {
                struct netlink_message one = {0}, other = {0};

                nft_rule_put(&one, family, left);
                nft_rule_put(&other, family, right);
                assert_int_equal(nft_message_matches((void *)one.bytes, (void *)other.bytes, NFT_MSG_NEWRULE), i == j);
                netlink_message_fini(&one);
                netlink_message_fini(&other);
            }
        }
    }
}

static void an_expression_more_or_less_is_seen(void **state)
{
    const struct nft_rule rule = {"c", "tag", {META(IIFNAME, 16), IN(GUARD_NETWORKS), ACCEPT}};
    const struct nft_rule longer = {"c", "tag", {META(IIFNAME, 16), IN(GUARD_NETWORKS), COUNTER, ACCEPT}};
    struct netlink_message a = {0}, b = {0};

    (void)state;
    nft_rule_put(&a, GUARD_INET, &rule);
    nft_rule_put(&b, GUARD_INET, &longer);
    assert_false(nft_message_matches((void *)a.bytes, (void *)b.bytes, NFT_MSG_NEWRULE));
    assert_false(nft_message_matches((void *)b.bytes, (void *)a.bytes, NFT_MSG_NEWRULE));
    netlink_message_fini(&a);
    netlink_message_fini(&b);
}

static void what_the_kernel_counts_and_defaults_is_passed_over(void **state)
{
    struct netlink_message asked = {0}, shown = {0};

    (void)state;
    nft_message_begin(&asked, NFT_MSG_NEWCHAIN, 0, NFPROTO_INET);
    netlink_put_text(&asked, NFTA_CHAIN_NAME, "input");
    netlink_put_be32(&asked, NFTA_CHAIN_POLICY, 0);
    nft_message_begin(&shown, NFT_MSG_NEWCHAIN, 0, NFPROTO_INET);
    netlink_put_text(&shown, NFTA_CHAIN_NAME, "input");
    netlink_put_be64(&shown, NFTA_CHAIN_HANDLE, 7);
    netlink_put_be32(&shown, NFTA_CHAIN_USE, 3);
    assert_true(nft_message_matches((void *)asked.bytes, (void *)shown.bytes, NFT_MSG_NEWCHAIN));
    netlink_put_be32(&shown, NFTA_CHAIN_POLICY, 1);
    assert_false(nft_message_matches((void *)asked.bytes, (void *)shown.bytes, NFT_MSG_NEWCHAIN));
    netlink_message_fini(&asked);
    netlink_message_fini(&shown);
}

/* ---- user data ---- */

static void text_in_user_data_is_found_only_when_it_ends(void **state)
{
    static const struct {
        uint8_t bytes[8];
        size_t len;
        const char *expected;
    } cases[] = {
        {{0, 3, 'a', 'b', 0}, 5, "ab"},
        {{1, 1, 9, 0, 2, 'x', 0}, 7, "x"},
        {{0, 2, 'a', 'b'}, 4, NULL},    /* no end */
        {{0, 200, 'a', 0}, 4, NULL},    /* longer than there is */
        {{0}, 1, NULL},                 /* half a header */
        {{1, 2, 'a', 0}, 4, NULL},      /* another type */
        {{0, 0, 0, 2, 'x', 0}, 6, NULL} /* empty, and the first counts */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct netlink_message message = {0};
        const char *text;

        nft_message_begin(&message, NFT_MSG_NEWRULE, 0, NFPROTO_INET);
        netlink_put(&message, NFTA_RULE_USERDATA, cases[i].bytes, cases[i].len);
        text = nft_user_data_find_text(nft_attributes_first(nft_attributes_of((void *)message.bytes)),
                                       NFT_USER_DATA_COMMENT);
        if (cases[i].expected)
            assert_string_equal(text, cases[i].expected);
        else
            assert_null(text);
        netlink_message_fini(&message);
    }
}

static void text_too_long_is_cut_and_still_ends(void **state)
{
    struct nft_user_data_buffer buffer = {0};
    char text[400];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    nft_user_data_add_u32(&buffer, NFT_USER_DATA_KEY_BYTE_ORDER, 1);
    nft_user_data_add_text(&buffer, NFT_USER_DATA_SET_COMMENT, text);
    assert_true(buffer.len <= sizeof(buffer.bytes));
    assert_int_equal(buffer.bytes[buffer.len - 1], 0);
    assert_int_equal(buffer.bytes[buffer.len - 2], 'x');
}

/* ---- broken messages ---- */

static int read_whole_element(const struct guard_element *element, void *data)
{
    char text[GUARD_TEXT_MAX];

    assert_true(strlen(guard_read_ifname(element, 0)) < 16);
    guard_element_print(element, text);
    *(size_t *)data += strlen(element->label);
    return 0;
}

static void elements_in_broken_messages_are_read_inside_the_message(void **state)
{
    struct guard_element elements[] = {guard_egress("br-lab", "eth0", "lab/lab"), guard_egress("br-2", "eth1", "l/2")};
    struct nft_transaction transaction;
    const struct nlmsghdr *message;
    size_t sum = 0;

    (void)state;
    srandom(1);
    nft_transaction_init(&transaction);
    nft_elements_add(&transaction, elements, 2);
    message = message_behind(&transaction.message, message_behind(&transaction.message, NULL));
    assert_int_equal(nft_message_type(message), NFT_MSG_NEWSETELEM);
    for (int round = 0; round < 50000; round++) {
        struct nlmsghdr *copy = copy_of(message);
        uint8_t *bytes = (uint8_t *)copy;

        for (int flips = 1 + round % 4; flips > 0; flips--)
            bytes[NLMSG_HDRLEN + (size_t)random() % (copy->nlmsg_len - NLMSG_HDRLEN)] = (uint8_t)random();
        if (round % 5 == 0)
            copy->nlmsg_len = NLMSG_HDRLEN + (uint32_t)random() % (copy->nlmsg_len - NLMSG_HDRLEN);
        nft_element_decode(copy, GUARD_INET, read_whole_element, &sum);
        nft_message_matches(message, copy, NFT_MSG_NEWRULE);
        nft_message_matches(copy, message, NFT_MSG_NEWRULE);
        free(copy);
    }
    assert_true(sum > 0);
    nft_transaction_fini(&transaction);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_every_rule_counts),
        cmocka_unit_test(no_two_rules_of_a_table_match),
        cmocka_unit_test(an_expression_more_or_less_is_seen),
        cmocka_unit_test(what_the_kernel_counts_and_defaults_is_passed_over),
        cmocka_unit_test(text_in_user_data_is_found_only_when_it_ends),
        cmocka_unit_test(text_too_long_is_cut_and_still_ends),
        cmocka_unit_test(elements_in_broken_messages_are_read_inside_the_message),
    };

    return cmocka_run_group_tests_name("nft messages", tests, NULL, NULL);
}
