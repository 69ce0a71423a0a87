/* SPDX-License-Identifier: MIT */
/* The event loop: order of timers, removing from inside handlers, stopping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/loop.h"

#define WORD(text) ((char[]){text})

static struct loop *loop;
static char story[64];

static void tell(void *data)
{
    const char *word = data;

    strncat(story, word, sizeof(story) - strlen(story) - 1);
    if (word[0] == '.')
        loop_stop(loop);
}

static void timers_sound_in_their_order(void **state)
{
    struct loop_timer timers[5] = {0};
    uint64_t now = loop_now_usec();

    (void)state;
    story[0] = '\0';
    loop_timer_arm(loop, &timers[0], now + 3000, tell, WORD("."));
    loop_timer_arm(loop, &timers[1], now + 1000, tell, WORD("a"));
    loop_timer_arm(loop, &timers[2], now + 2000, tell, WORD("b"));
    loop_timer_arm(loop, &timers[3], now + 1500, tell, WORD("never"));
    loop_timer_arm(loop, &timers[4], 0, tell, WORD("first"));
    loop_timer_disarm(loop, &timers[3]);
    loop_timer_disarm(loop, &timers[3]);
    loop_timer_arm(loop, &timers[1], now + 2500, tell, WORD("c"));
    assert_int_equal(loop_run(loop), 0);
    assert_string_equal(story, "firstbc.");
    assert_true(loop_now_usec() >= now + 3000);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(timers[i].due_usec, 0);
}

static struct loop_timer impatient;
static unsigned turns;

static void again(void *data)
{
    if (++turns == 100)
        loop_stop(loop);
    loop_timer_arm(loop, &impatient, 1, again, data);
}

static void drain_one(int fd, uint32_t events, void *data)
{
    char byte;

    (void)events;
    assert_int_equal(read(fd, &byte, 1), 1);
    ++*(unsigned *)data;
}

static void an_impatient_timer_does_not_starve_descriptors(void **state)
{
    struct loop_source *source = NULL;
    unsigned drained = 0;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "12345", 5), 5);
    assert_int_equal(loop_watch(loop, fds[0], EPOLLIN, drain_one, &drained, &source), 0);
    loop_timer_arm(loop, &impatient, 1, again, NULL);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(drained, 5);
    loop_timer_disarm(loop, &impatient);
    loop_unwatch(loop, source);
    close(fds[0]);
    close(fds[1]);
}

static struct loop_source *pair[2];

/* Whoever is called first removes both; the other stands in the same batch of events and must not be called. */
static void remove_both(int fd, uint32_t events, void *data)
{
    (void)fd;
    (void)events;
    ++*(unsigned *)data;
    loop_unwatch(loop, pair[0]);
    loop_unwatch(loop, pair[1]);
}

static void a_source_removed_in_its_batch_is_not_called(void **state)
{
    struct loop_timer end = {0};
    unsigned called = 0;
    int fds[2][2];

    (void)state;
    story[0] = '\0';
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pipe(fds[i]), 0);
        assert_int_equal(write(fds[i][1], "x", 1), 1);
        assert_int_equal(loop_watch(loop, fds[i][0], EPOLLIN, remove_both, &called, &pair[i]), 0);
    }
    loop_timer_arm(loop, &end, loop_now_usec() + 2000, tell, WORD("."));
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(called, 1);
    for (size_t i = 0; i < 2; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
}

static void errors_are_returned(void **state)
{
    struct loop_source *source = NULL;

    (void)state;
    assert_true(loop_watch(loop, -1, EPOLLIN, drain_one, NULL, &source) < 0);
    assert_null(source);
    loop_unwatch(loop, NULL);
}

static int set_up(void **state)
{
    (void)state;
    return loop_new(&loop);
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    loop_free(NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_sound_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_impatient_timer_does_not_starve_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_source_removed_in_its_batch_is_not_called, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_are_returned, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
