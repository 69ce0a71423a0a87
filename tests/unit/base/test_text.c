/* SPDX-License-Identifier: MIT */
/* Text for a terminal: printable ASCII stays, nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/text.h"

static void printable_ascii_stays(void **state)
{
    char all[128], same[128];

    (void)state;
    for (int i = ' '; i <= '~'; i++)
        all[i - ' '] = same[i - ' '] = (char)i;
    all['~' - ' ' + 1] = same['~' - ' ' + 1] = '\0';
    assert_ptr_equal(text_make_printable(all), all);
    assert_string_equal(all, same);
}

static void no_other_byte_does(void **state)
{
    (void)state;
    for (int i = 1; i < 256; i++) {
        char text[] = {'a', (char)i, 'b', '\0'};

        text_make_printable(text);
        assert_string_equal(text, i >= ' ' && i <= '~' ? ((char[]){'a', (char)i, 'b', '\0'}) : "a?b");
    }
}

static void nothing_stays_nothing(void **state)
{
    char text[] = "";

    (void)state;
    assert_string_equal(text_make_printable(text), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_ascii_stays),
        cmocka_unit_test(no_other_byte_does),
        cmocka_unit_test(nothing_stays_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
