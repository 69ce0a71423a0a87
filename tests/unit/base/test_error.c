/* SPDX-License-Identifier: MIT */
/* Errors: they gain context as they climb, cut what does not fit and say so, and leave errno alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "base/error.h"

/* An error with @canary behind its text, to see who writes too far. */
struct guarded {
    struct tapnet_error error;
    unsigned char canary[8];
};

static void an_error_climbs_and_gains_context(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    (void)state;
    assert_int_equal(error_set(&error, -ENODEV, "no link named %s", "eth9"), -ENODEV);
    assert_int_equal(error_prefix(&error, -EIO, "network %s", "lab"), -ENODEV);
    assert_int_equal(error_prefix(&error, -EIO, "up"), -ENODEV);
    assert_int_equal(error.code, -ENODEV);
    assert_string_equal(error.text, "up: network lab: no link named eth9");
}

static void everything_takes_null(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, -EINVAL, "x"), -EINVAL);
    assert_int_equal(error_set_errno(NULL, -EPERM, "x"), -EPERM);
    assert_int_equal(error_prefix(NULL, -EIO, "x"), -EIO);
    assert_int_equal(error_add_line(NULL, -EINVAL, "x"), -EINVAL);
}

static void the_number_of_an_error_has_its_words(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    (void)state;
    error_set_errno(&error, -EPERM, "/dev/net/tun");
    assert_string_equal(error.text, "/dev/net/tun: Operation not permitted");
    error_set_errno(&error, -123456, "odd");
    assert_string_equal(error.text, "odd: unknown error");
}

/* A function that failed without a word must not make its caller return success. */
static void a_prefix_on_nothing_is_an_error_of_its_own(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    (void)state;
    assert_int_equal(error_prefix(&error, -ENOMEM, "network %s", "lab"), -ENOMEM);
    assert_int_equal(error.code, -ENOMEM);
    assert_string_equal(error.text, "network lab");
}

static void each_mistake_has_its_line(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    (void)state;
    assert_int_equal(error_add_line(&error, -EINVAL, "lab.yaml:%d:1: first", 1), -EINVAL);
    error_add_line(&error, -EINVAL, "lab.yaml:%d:1: second", 2);
    error_add_line(&error, -EINVAL, "lab.yaml:%d:1: third", 3);
    assert_string_equal(error.text, "lab.yaml:1:1: first\nlab.yaml:2:1: second\nlab.yaml:3:1: third");
}

static void setting_again_replaces(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    (void)state;
    error_set(&error, -EINVAL, "a long first sentence");
    error_set(&error, -EIO, "short");
    assert_int_equal(error.code, -EIO);
    assert_string_equal(error.text, "short");
}

static void fill(struct guarded *guarded, size_t len)
{
    *guarded = (struct guarded){.error = TAPNET_ERROR_INIT};
    memset(guarded->canary, 0x5a, sizeof(guarded->canary));
    memset(guarded->error.text, 'x', len);
    guarded->error.code = -EINVAL;
}

static void check_cut(const struct guarded *guarded)
{
    static const unsigned char canary[8] = {0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a};

    assert_int_equal(strlen(guarded->error.text), TAPNET_ERROR_TEXT_MAX - 1);
    assert_string_equal(guarded->error.text + TAPNET_ERROR_TEXT_MAX - 4, "...");
    assert_memory_equal(guarded->canary, canary, sizeof(canary));
}

/* Whatever is added to an error that is nearly or quite full, it is cut with "..." and never written beyond. */
static void what_does_not_fit_is_cut_and_says_so(void **state)
{
    struct guarded guarded;

    (void)state;
    for (size_t len = TAPNET_ERROR_TEXT_MAX - 12; len < TAPNET_ERROR_TEXT_MAX; len++) {
        fill(&guarded, len);
        error_add_line(&guarded.error, -EINVAL, "twelve bytes");
        check_cut(&guarded);
        fill(&guarded, len);
        error_prefix(&guarded.error, -EINVAL, "twelve bytes");
        check_cut(&guarded);
    }
    fill(&guarded, 0);
    error_set(&guarded.error, -EINVAL, "%*s", TAPNET_ERROR_TEXT_MAX, "x");
    check_cut(&guarded);
    error_set_errno(&guarded.error, -EPERM, "%*s", TAPNET_ERROR_TEXT_MAX - 10, "x");
    check_cut(&guarded);
}

static void what_just_fits_is_not_cut(void **state)
{
    struct guarded guarded;

    (void)state;
    fill(&guarded, TAPNET_ERROR_TEXT_MAX - 1 - 2 - 4);
    error_prefix(&guarded.error, -EINVAL, "four");
    assert_int_equal(strlen(guarded.error.text), TAPNET_ERROR_TEXT_MAX - 1);
    assert_int_equal(guarded.error.text[TAPNET_ERROR_TEXT_MAX - 2], 'x');
}

static void errno_stays(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    (void)state;
    errno = ENOTTY;
    error_set(&error, -EINVAL, "%s", "x");
    error_set_errno(&error, -EINVAL, "%s", "x");
    error_prefix(&error, -EINVAL, "%s", "x");
    error_add_line(&error, -EINVAL, "%s", "x");
    assert_int_equal(errno, ENOTTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_climbs_and_gains_context),
        cmocka_unit_test(everything_takes_null),
        cmocka_unit_test(the_number_of_an_error_has_its_words),
        cmocka_unit_test(a_prefix_on_nothing_is_an_error_of_its_own),
        cmocka_unit_test(each_mistake_has_its_line),
        cmocka_unit_test(setting_again_replaces),
        cmocka_unit_test(what_does_not_fit_is_cut_and_says_so),
        cmocka_unit_test(what_just_fits_is_not_cut),
        cmocka_unit_test(errno_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
