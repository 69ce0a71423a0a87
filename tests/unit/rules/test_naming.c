/* SPDX-License-Identifier: MIT */
/* Which rules name a link: by its name, a pattern, its index, or a set that has it. */
#include <linux/netfilter/nf_tables.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/naming.h"

/* The link is eth0, of index 7. */
#define ETH0 'e', 't', 'h', '0'
#define ETH1 'e', 't', 'h', '1'

#define LOAD(key, bytes_len)                                                                                           \
    {                                                                                                                  \
        .kind = RULES_LOAD, .source = RULES_META, .offset = key, .len = bytes_len, .name = "meta"                      \
    }
#define COMPARE(how, expected, bytes_len)                                                                              \
    {                                                                                                                  \
        .kind = RULES_COMPARE, .operator= how, .bytes = expected, .len = bytes_len, .name = "cmp"                      \
    }

static struct rules_set set = {.family = RULES_INET, .table = "fw", .name = "out", .key_len = 16};

static bool names(const struct rules_step *steps, size_t count)
{
    struct rules_step copies[4];
    struct rules_rule rules[] = {{.comment = "", .handle = 1}, {.comment = "", .steps = copies, .step_count = count}};
    struct rules_chain chain = {.family = RULES_INET, .table = "fw", .name = "c", .rules = rules, .rule_count = 2};
    const struct rules_ruleset ruleset = {.chains = &chain, .chain_count = 1, .sets = &set, .set_count = 1};
    const struct rules_rule *found;

    memcpy(copies, steps, count * sizeof(*steps));
    found = rules_find_naming(&ruleset, &chain, "eth0", 7);
    assert_true(!found || found == &rules[1]);
    return found;
}

#define NAMES(...)                                                                                                     \
    names((const struct rules_step[]){__VA_ARGS__},                                                                    \
          sizeof((const struct rules_step[]){__VA_ARGS__}) / sizeof(struct rules_step))

static void test_by_name_whether_it_is_to_be_this_or_any_other(void **state)
{
    const uint8_t name[16] = {ETH0}, other[16] = {ETH1};

    (void)state;
    assert_true(NAMES(LOAD(NFT_META_IIFNAME, 16), COMPARE(RULES_EQUAL, name, 16)));
    assert_true(NAMES(LOAD(NFT_META_OIFNAME, 16), COMPARE(RULES_NOT_EQUAL, name, 16)));
    assert_false(NAMES(LOAD(NFT_META_IIFNAME, 16), COMPARE(RULES_EQUAL, other, 16)));
    assert_true(NAMES(LOAD(NFT_META_IIFNAME, 16), COMPARE(RULES_EQUAL, name, 3))); /* eth+ */
    assert_false(NAMES(LOAD(NFT_META_IIFNAME, 16), COMPARE(RULES_EQUAL, other, 4)));
}

static void test_by_index(void **state)
{
    const uint32_t index = 7, other = 8;

    (void)state;
    assert_true(NAMES(LOAD(NFT_META_IIF, 4), COMPARE(RULES_EQUAL, (const uint8_t *)&index, 4)));
    assert_false(NAMES(LOAD(NFT_META_OIF, 4), COMPARE(RULES_EQUAL, (const uint8_t *)&other, 4)));
}

static void test_what_else_has_those_bytes_is_no_name(void **state)
{
    const uint32_t mark = 7;
    const uint8_t name[16] = {ETH0};

    (void)state;
    assert_false(NAMES(LOAD(NFT_META_MARK, 4), COMPARE(RULES_EQUAL, (const uint8_t *)&mark, 4)));
    assert_false(NAMES(LOAD(NFT_META_IIF, 4), LOAD(NFT_META_MARK, 4), COMPARE(RULES_EQUAL, (const uint8_t *)&mark, 4)));
    assert_false(NAMES(LOAD(NFT_META_BRI_IIFNAME, 16), COMPARE(RULES_EQUAL, name, 16)));
}

/* As the older iptables has it. */
static void test_by_a_pattern_that_is_masked(void **state)
{
    static const uint8_t zeros[16];
    const uint8_t mask[16] = {0xff, 0xff, 0xff}, eth[16] = {'e', 't', 'h'}, wan[16] = {'w', 'a', 'n'};
    const struct rules_step masks = {.kind = RULES_MASK, .len = 16, .bytes = mask, .with = zeros, .name = ""};

    (void)state;
    assert_true(NAMES(LOAD(NFT_META_IIFNAME, 16), masks, COMPARE(RULES_EQUAL, eth, 16)));
    assert_false(NAMES(LOAD(NFT_META_IIFNAME, 16), masks, COMPARE(RULES_EQUAL, wan, 16)));
}

static void test_by_a_set(void **state)
{
    const uint8_t name[20] = {ETH0}, other[20] = {ETH1};
    struct rules_element elements[] = {{.key = other}, {.key = name}};
    const struct rules_step look = {.kind = RULES_LOOKUP, .name = "out"};

    (void)state;
    set = (struct rules_set){.family = RULES_INET, .table = "fw", .name = "out", .key_len = 16, .elements = elements};
    set.element_count = 2;
    assert_true(NAMES(LOAD(NFT_META_OIFNAME, 16), look));
    assert_false(NAMES(LOAD(NFT_META_MARK, 4), look));
    set.element_count = 1;
    assert_false(NAMES(LOAD(NFT_META_OIFNAME, 16), look));
    elements[1] = (struct rules_element){.catches_all = true};
    set.element_count = 2;
    assert_false(NAMES(LOAD(NFT_META_OIFNAME, 16), look));
    elements[0].key = name;
    set.key_len = 20; /* with a mark behind it, which is not known */
    assert_true(NAMES(LOAD(NFT_META_OIFNAME, 16), look));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_name_whether_it_is_to_be_this_or_any_other),
        cmocka_unit_test(test_by_index),
        cmocka_unit_test(test_what_else_has_those_bytes_is_no_name),
        cmocka_unit_test(test_by_a_pattern_that_is_masked),
        cmocka_unit_test(test_by_a_set),
    };

    return cmocka_run_group_tests_name("rules naming", tests, NULL, NULL);
}
