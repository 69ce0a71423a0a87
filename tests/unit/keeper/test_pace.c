/* SPDX-License-Identifier: MIT */
/* How much of the keeper's time each user of the host may have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "keeper/pace.h"

#define NOW UINT64_C(1000000000)
#define SECOND UINT64_C(1000000)

static void who_asks_now_and_then_never_waits(void **state)
{
    struct pace pace = {0};
    uint64_t now = NOW;

    (void)state;
    for (int i = 0; i < 1000; i++, now += SECOND / 4) {
        assert_int_equal(pace_due(&pace, 1000, now), now);
        pace_charge(&pace, 1000, SECOND / 50, now);
    }
}

/* Two seconds at once, and then a tenth of what passes; others do not wait for him. */
static void who_asks_all_the_time_waits(void **state)
{
    struct pace pace = {0};
    uint64_t now = NOW, used = 0;

    (void)state;
    while (now < NOW + 100 * SECOND) {
        uint64_t due = pace_due(&pace, 1000, now);

        assert_true(due >= now);
        now = due + SECOND / 50;
        pace_charge(&pace, 1000, SECOND / 50, now);
        used += SECOND / 50;
        assert_int_equal(pace_due(&pace, 1001, now), now);
    }
    assert_in_range(used, 11 * SECOND, 13 * SECOND);
    assert_int_equal(pace_due(&pace, 1000, now + 30 * SECOND), now + 30 * SECOND);
}

/* However many users ask, those who have used most are the ones who are remembered. */
static void a_crowd_does_not_make_a_user_forgotten(void **state)
{
    struct pace pace = {0};

    (void)state;
    pace_charge(&pace, 1000, 5 * SECOND, NOW);
    for (uint32_t user = 2000; user < 2000 + 10 * PACE_USERS; user++)
        pace_charge(&pace, user, SECOND / 100, NOW);
    assert_true(pace_due(&pace, 1000, NOW) > NOW + 25 * SECOND);
    assert_int_equal(pace_due(&pace, 2000 + 10 * PACE_USERS - 1, NOW), NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_now_and_then_never_waits),
        cmocka_unit_test(who_asks_all_the_time_waits),
        cmocka_unit_test(a_crowd_does_not_make_a_user_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
