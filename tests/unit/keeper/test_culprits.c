/* SPDX-License-Identifier: MIT */
/* Whom a look blames: who changed our tables before it, also when that is told only afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "keeper/culprits.h"

static void one_is_named_and_of_two_none(void **state)
{
    struct culprits culprits = {.count = 0};

    (void)state;
    assert_string_equal(culprits_name(&culprits, 5), "");
    culprits_add(&culprits, "nft", 100, 5);
    assert_string_equal(culprits_name(&culprits, 5), "nft (100)");
    culprits_add(&culprits, "nft", 100, 6);
    assert_string_equal(culprits_name(&culprits, 6), "nft (100)");
    culprits_add(&culprits, "nft", 101, 7);
    assert_string_equal(culprits_name(&culprits, 7), "");
}

/* A look was at generation 5, and meanwhile somebody else made the sixth: the next look is the one that sees it. */
static void who_comes_during_a_look_is_named_by_the_next(void **state)
{
    struct culprits culprits = {.count = 0};

    (void)state;
    culprits_add(&culprits, "nft", 100, 5);
    culprits_add(&culprits, "iptables", 101, 6);
    assert_string_equal(culprits_name(&culprits, 5), "nft (100)");
    culprits_forget(&culprits, 5);
    assert_string_equal(culprits_name(&culprits, 5), "");
    assert_string_equal(culprits_name(&culprits, 6), "iptables (101)");
    culprits_forget(&culprits, 9);
    assert_string_equal(culprits_name(&culprits, 9), "");
}

/* One who goes on during the look is to blame in both. */
static void who_goes_on_is_not_forgotten(void **state)
{
    struct culprits culprits = {.count = 0};

    (void)state;
    culprits_add(&culprits, "nft", 100, 5);
    culprits_add(&culprits, "nft", 100, 6);
    assert_string_equal(culprits_name(&culprits, 5), "nft (100)");
    culprits_forget(&culprits, 5);
    assert_string_equal(culprits_name(&culprits, 6), "nft (100)");
}

static void generations_begin_anew(void **state)
{
    struct culprits culprits = {.count = 0};

    (void)state;
    culprits_add(&culprits, "nft", 100, UINT32_MAX);
    culprits_add(&culprits, "iptables", 101, 1);
    assert_string_equal(culprits_name(&culprits, UINT32_MAX), "nft (100)");
    culprits_forget(&culprits, UINT32_MAX);
    assert_string_equal(culprits_name(&culprits, 1), "iptables (101)");
}

/* More than are kept apart: nobody is blamed for what somebody else may have done. */
static void of_many_none_is_named(void **state)
{
    struct culprits culprits = {.count = 0};

    (void)state;
    for (uint32_t i = 1; i <= 3 * CULPRITS_MAX; i++)
        culprits_add(&culprits, "nft", (pid_t)(100 + i), i);
    culprits_forget(&culprits, CULPRITS_MAX - 1);
    assert_string_equal(culprits_name(&culprits, 3 * CULPRITS_MAX), "");
    culprits_forget(&culprits, 3 * CULPRITS_MAX);
    culprits_add(&culprits, "nft", 99, 1000);
    assert_string_equal(culprits_name(&culprits, 1000), "nft (99)");
}

static void a_name_plays_no_tricks(void **state)
{
    struct culprits culprits = {.count = 0};

    (void)state;
    culprits_add(&culprits, "\033[2J\xff", 100, 1);
    assert_string_equal(culprits_name(&culprits, 1), "?[2J? (100)");
    culprits_forget(&culprits, 1);
    culprits_add(&culprits, "", 100, 2);
    assert_string_equal(culprits_name(&culprits, 2), "process 100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_named_and_of_two_none), cmocka_unit_test(who_comes_during_a_look_is_named_by_the_next),
        cmocka_unit_test(who_goes_on_is_not_forgotten), cmocka_unit_test(generations_begin_anew),
        cmocka_unit_test(of_many_none_is_named),        cmocka_unit_test(a_name_plays_no_tricks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
