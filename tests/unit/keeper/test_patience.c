/* SPDX-License-Identifier: MIT */
/* How often one thing is brought back: five times at once, then with pauses that grow; anew after a quiet minute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "keeper/patience.h"

#define SEC UINT64_C(1000000)
#define START (1000 * SEC)

static int setup(void **state)
{
    static struct patience patience;

    patience = (struct patience){.count = 0};
    *state = &patience;
    return 0;
}

static int teardown(void **state)
{
    patience_fini(*state);
    return 0;
}

static bool allows(struct patience *patience, const char *name, uint64_t now, unsigned expected_pause)
{
    unsigned pause = 99;
    bool allowed = patience_allows(patience, name, now, &pause);

    assert_int_equal(pause, expected_pause);
    return allowed;
}

/* Uses all of it up: the pause of a second begins at @now. */
static void tire(struct patience *patience, const char *name, uint64_t now)
{
    for (int i = 0; i < PATIENCE_REPAIRS; i++)
        assert_true(allows(patience, name, now, 0));
    assert_false(allows(patience, name, now, 1));
}

static void each_thing_has_its_own(void **state)
{
    struct patience *patience = *state;

    tire(patience, "tap lab-web", START);
    assert_false(allows(patience, "tap lab-web", START + 1, 0));
    tire(patience, "tap lab-db", START);
    tire(patience, "bridge br-lab", START);
    assert_true(allows(patience, "tap lab-mail", START, 0));
}

static void what_happens_seldom_is_always_brought_back(void **state)
{
    for (uint64_t i = 0; i < 100; i++)
        assert_true(allows(*state, "tap lab-web", START + i * 3 * SEC, 0));
}

static void pauses_double_up_to_a_minute(void **state)
{
    static const unsigned pauses[] = {2, 4, 8, 16, 32, 60, 60, 60};
    struct patience *patience = *state;
    uint64_t now = START;

    tire(patience, "tap lab-web", now);
    now += 1 * SEC;
    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
        assert_true(allows(patience, "tap lab-web", now, 0)); /* one more try */
        assert_false(allows(patience, "tap lab-web", now + SEC / 10, pauses[i]));
        assert_false(allows(patience, "tap lab-web", now + SEC / 5, 0));
        now += SEC / 10 + pauses[i] * SEC;
    }
}

static void a_quiet_minute_restores_it(void **state)
{
    struct patience *patience = *state;

    tire(patience, "tap lab-web", START);
    assert_true(allows(patience, "tap lab-web", START + SEC, 0));
    tire(patience, "tap lab-web", START + SEC + 61 * SEC);
}

static void a_pause_is_no_quiet_minute(void **state)
{
    struct patience *patience = *state;
    uint64_t now = START + 1 * SEC;
    unsigned pause = 1;

    tire(patience, "tap lab-web", START);
    for (int i = 0; i < 8; i++) {
        assert_true(allows(patience, "tap lab-web", now, 0));
        pause = pause * 2 > 60 ? 60 : pause * 2;
        assert_false(allows(patience, "tap lab-web", now, pause));
        now += pause * SEC + SEC; /* it is looked at a second late */
    }
}

static void the_next_look_is_at_the_end_of_the_first_pause(void **state)
{
    struct patience *patience = *state;

    assert_int_equal(patience_next(patience, START), 0);
    tire(patience, "b", START + SEC / 2);
    tire(patience, "a", START);
    assert_int_equal(patience_next(patience, START), START + SEC);
    assert_int_equal(patience_next(patience, START + SEC), START + SEC + SEC / 2);
    assert_int_equal(patience_next(patience, START + 2 * SEC), 0);
}

static void what_is_quiet_is_forgotten(void **state)
{
    struct patience *patience = *state;
    char name[16];

    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "tap %u", i);
        assert_true(allows(patience, name, START + i * SEC, 0));
    }
    assert_int_equal(patience->count, 1000);
    patience_forget(patience, START + 1000 * SEC);
    assert_int_equal(patience->count, 60);
    assert_true(allows(patience, "tap 999", START + 1000 * SEC, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_thing_has_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_happens_seldom_is_always_brought_back, setup, teardown),
        cmocka_unit_test_setup_teardown(pauses_double_up_to_a_minute, setup, teardown),
        cmocka_unit_test_setup_teardown(a_quiet_minute_restores_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pause_is_no_quiet_minute, setup, teardown),
        cmocka_unit_test_setup_teardown(the_next_look_is_at_the_end_of_the_first_pause, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_quiet_is_forgotten, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
