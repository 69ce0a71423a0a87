/* SPDX-License-Identifier: MIT */
/* The service's log: escaping, the rate, and readers that don't read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/log.h"
#include "service/loop.h"

static const char *escape(const char *bytes, size_t length, size_t size)
{
    static char text[64];

    memset(text, 'z', sizeof(text));
    log_escape((const uint8_t *)bytes, length, text, size);
    assert_true(strlen(text) < size);
    assert_int_equal(text[size], 'z');
    return text;
}

static void guests_text_is_escaped(void **state)
{
    (void)state;
    assert_string_equal(escape("", 0, 4), "");
    assert_string_equal(escape("web-1.lab", 9, 20), "web-1.lab");
    assert_string_equal(escape("a\"b\\c", 5, 20), "a\\x22b\\x5cc");
    assert_string_equal(escape("\x1b[2J\n\0\xff", 7, 40), "\\x1b[2J\\x0a\\x00\\xff");
    assert_string_equal(escape("abcdef", 6, 9), "abcdef");
    assert_string_equal(escape("abcdefg", 7, 7), "abc...");
    assert_string_equal(escape("abc\n", 4, 9), "abc\\x0a");
    assert_string_equal(escape("abcd\n", 5, 8), "abcd...");
    assert_string_equal(escape("\n\n", 2, 4), "...");
}

static void buckets_flow_back(void **state)
{
    struct bucket bucket = {0};
    uint64_t now = 5000000;
    unsigned taken = 0;

    (void)state;
    while (bucket_take(&bucket, now, 20, 40))
        taken++;
    assert_int_equal(taken, 40);
    assert_false(bucket_take(&bucket, now + 49999, 20, 40));
    assert_true(bucket_take(&bucket, now + 50000, 20, 40));
    assert_false(bucket_take(&bucket, now + 50000, 20, 40));
    for (taken = 0; bucket_take(&bucket, now + 60000000, 20, 40);)
        taken++;
    assert_int_equal(taken, 40); /* never more than the burst */
}

/* A pipe that nobody empties: lines are dropped, and told of once there is room again. */
static void a_full_pipe_stops_nobody(void **state)
{
    static char bytes[1 << 20];
    char filler[4096];
    ssize_t length;
    int fds[2];

    (void)state;
    memset(filler, 'x', sizeof(filler));
    assert_int_equal(pipe(fds), 0);
    log_open(fds[1]);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(write(fds[1], filler, sizeof(filler)), sizeof(filler));
    for (int i = 0; i < 5; i++)
        log_line("lost %d", i);
    assert_int_equal(read(fds[0], bytes, 65536), 65536);
    log_line("found %s", "again");
    length = read(fds[0], bytes, sizeof(bytes) - 1);
    assert_true(length > 0);
    bytes[length] = '\0';
    assert_non_null(strstr(bytes, "Z 5 lines were left out here\n"));
    assert_non_null(strstr(bytes, "Z found again\n"));
    assert_null(strstr(bytes, "lost"));
    memset(filler, 'y', sizeof(filler));
    filler[sizeof(filler) - 1] = '\0';
    log_line("%s", filler);
    length = read(fds[0], bytes, sizeof(bytes));
    assert_int_equal(length, LOG_LINE_MAX);
    assert_int_equal(bytes[LOG_LINE_MAX - 1], '\n');
    for (int i = 0; i < 1000; i++)
        log_line("flood");
    length = read(fds[0], bytes, sizeof(bytes));
    assert_in_range(length, 30, (LOG_BURST + 20) * 40);
    close(fds[0]);
    close(fds[1]);
    log_open(-1);
    log_line("nowhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guests_text_is_escaped),
        cmocka_unit_test(buckets_flow_back),
        cmocka_unit_test(a_full_pipe_stops_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
