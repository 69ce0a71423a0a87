/* SPDX-License-Identifier: MIT */
/* The run directory: its name, its lock, its files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "apply/run.h"

static char base[] = "/tmp/tapnet-run-XXXXXX";

static int make_base(void **state)
{
    (void)state;
    return mkdtemp(base) ? 0 : -1;
}

static int remove_base(void **state)
{
    (void)state;
    return rmdir(base) == 0 || errno == ENOENT ? 0 : -1;
}

static void the_name_is_the_same_twice_and_makes_nothing(void **state)
{
    char first[RUN_PATH_MAX], second[RUN_PATH_MAX];
    struct stat status;

    (void)state;
    assert_int_equal(run_dir_name(base, first, NULL), 0);
    assert_int_equal(run_dir_name(base, second, NULL), 0);
    assert_string_equal(first, second);
    assert_int_equal(stat(first, &status), -1);
}

static void the_lock_keeps_others_out_and_leaves_nothing(void **state)
{
    char directory[RUN_PATH_MAX], lock[RUN_PATH_MAX + 8];
    struct stat status;
    int fd, rival;

    (void)state;
    assert_int_equal(run_dir_name(base, directory, NULL), 0);
    assert_int_equal(run_lock(directory, &fd, NULL), 0);
    assert_int_equal(stat(directory, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    snprintf(lock, sizeof(lock), "%s/lock", directory);
    rival = open(lock, 2);
    assert_true(rival >= 0);
    assert_int_equal(flock(rival, LOCK_EX | LOCK_NB), -1);
    run_unlock(directory, fd);
    assert_int_equal(flock(rival, LOCK_EX | LOCK_NB), 0);
    close(rival);
    assert_int_equal(stat(directory, &status), -1); /* nothing was in it: it is gone */
}

/* Whoever is killed between two steps of the removal leaves the lock beside the directory. */
static void a_lock_that_was_left_aside_goes(void **state)
{
    char directory[RUN_PATH_MAX], aside[RUN_PATH_MAX + 8];
    int fd;

    (void)state;
    assert_int_equal(run_dir_name(base, directory, NULL), 0);
    assert_int_equal(run_lock(directory, &fd, NULL), 0);
    assert_int_equal(run_file_write(directory, "kept", "", NULL), 0);
    snprintf(aside, sizeof(aside), "%s.lock", directory);
    assert_true(close(open(aside, O_CREAT | O_WRONLY, 0600)) == 0);
    run_unlock(directory, fd);
    assert_int_equal(access(aside, F_OK), -1);
    assert_int_equal(run_lock(directory, &fd, NULL), 0);
    assert_int_equal(run_file_remove(directory, "kept", NULL), 0);
    run_unlock(directory, fd);
}

/* By the descriptor of the directory; when that has gone and come again, that is another one. */
static void a_lock_is_had_again_while_its_directory_stays(void **state)
{
    char directory[RUN_PATH_MAX];
    int fd, again = -1, run_fd;

    (void)state;
    assert_int_equal(run_dir_name(base, directory, NULL), 0);
    assert_int_equal(run_lock_again(-1, directory, &again, NULL), -ENOENT);
    assert_int_equal(run_lock(directory, &fd, NULL), 0);
    run_fd = run_open(directory);
    assert_true(run_fd >= 0);
    close(fd);
    assert_int_equal(run_lock_again(run_fd, directory, &again, NULL), 0);
    assert_int_equal(run_lock_now(directory, &fd, NULL), -EWOULDBLOCK);
    run_unlock(directory, again); /* nothing is in it: it goes */
    assert_int_equal(run_lock_again(run_fd, directory, &again, NULL), -ENOENT);
    assert_int_equal(run_lock(directory, &fd, NULL), 0);
    assert_int_equal(run_lock_again(run_fd, directory, &again, NULL), -ENOENT);
    run_unlock(directory, fd);
    close(run_fd);
}

static void assert_mark(const char *directory, const char *wanted)
{
    char mark[RUN_MARK_MAX] = "?";

    assert_int_equal(run_mark_read(directory, -1, mark), 0);
    assert_string_equal(mark, wanted);
}

/* Whoever holds the lock writes it, is killed, and the next one reads it; it keeps nobody from leaving nothing. */
static void a_mark_outlives_who_wrote_it(void **state)
{
    char directory[RUN_PATH_MAX];
    struct stat status;
    int fd, marked;

    (void)state;
    assert_int_equal(run_dir_name(base, directory, NULL), 0);
    assert_mark(directory, "");
    assert_int_equal(run_mark_begin(directory, -1, "plug lab/web"), -ENOENT);
    assert_int_equal(run_lock(directory, &fd, NULL), 0);
    assert_mark(directory, "");
    marked = run_mark_begin(directory, -1, "unplug lab/another");
    assert_true(marked >= 0);
    close(marked);
    close(fd);
    assert_int_equal(run_lock(directory, &fd, NULL), 0);
    assert_mark(directory, "unplug lab/another");
    assert_int_equal(run_mark_clear(directory, NULL), 0);
    assert_mark(directory, "");
    marked = run_mark_begin(directory, -1, "plug lab/web");
    assert_mark(directory, "plug lab/web");
    assert_int_equal(run_mark_end(-1, marked), 0);
    assert_mark(directory, "");
    /* The same by the lock's own descriptor, which stays. */
    assert_int_equal(run_mark_begin(directory, fd, "plug lab/db"), fd);
    assert_mark(directory, "plug lab/db");
    assert_int_equal(run_mark_end(fd, fd), 0);
    assert_mark(directory, "");
    marked = run_mark_begin(directory, -1, "plug lab/web");
    run_mark_leave(-1, marked);
    assert_mark(directory, "plug lab/web");
    run_unlock(directory, fd);
    assert_int_equal(stat(directory, &status), -1);
}

static void a_file_keeps_the_directory(void **state)
{
    char directory[RUN_PATH_MAX];
    char *text;
    int fd;

    (void)state;
    assert_int_equal(run_dir_name(base, directory, NULL), 0);
    assert_int_equal(run_lock(directory, &fd, NULL), 0);
    assert_int_equal(run_file_write(directory, "networks/lab.json", "first", NULL), 0);
    assert_int_equal(run_file_write(directory, "networks/lab.json", "second", NULL), 0);
    run_unlock(directory, fd);
    assert_int_equal(run_file_read(directory, "networks/lab.json", 100, &text), 0);
    assert_string_equal(text, "second");
    free(text);
    assert_int_equal(run_file_read(directory, "networks/lab.json", 3, &text), -EFBIG);
    assert_int_equal(run_lock(directory, &fd, NULL), 0);
    assert_int_equal(run_file_remove(directory, "networks/lab.json", NULL), 0);
    assert_int_equal(run_file_remove(directory, "networks/lab.json", NULL), 0); /* twice is no error */
    assert_int_equal(run_file_read(directory, "networks/lab.json", 100, &text), -ENOENT);
    run_unlock(directory, fd);
}

static void a_line_is_added_to_what_has_the_same_head(void **state)
{
    static const char name[] = "networks/lab.more";
    char directory[RUN_PATH_MAX];
    char *text;
    int fd;

    (void)state;
    assert_int_equal(run_dir_name(base, directory, NULL), 0);
    assert_int_equal(run_lock(directory, &fd, NULL), 0);
    assert_int_equal(run_file_append(directory, name, "head", "one\n", NULL), 0);
    assert_int_equal(run_file_append(directory, name, "head", "two\n", NULL), 0);
    assert_int_equal(run_file_read(directory, name, 100, &text), 0);
    assert_string_equal(text, "head\none\ntwo\n");
    free(text);
    assert_int_equal(run_file_append(directory, name, "hea", "three\n", NULL), 0);
    assert_int_equal(run_file_read(directory, name, 100, &text), 0);
    assert_string_equal(text, "hea\nthree\n");
    free(text);
    assert_int_equal(run_file_remove(directory, name, NULL), 0);
    run_unlock(directory, fd);
}

static void a_place_that_can_not_be_written_is_named(void **state)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int fd;

    (void)state;
    assert_true(run_lock("/proc/tapnet/x", &fd, &error) < 0);
    assert_non_null(strstr(error.text, "/proc/tapnet"));
}

/* A mistyped directory does not grow. */
/* By which call it was met tests/fault/test_rivals.py sees, on file systems that are so. */
static void a_full_or_read_only_file_system_is_told_the_remedy(void **state)
{
    static const struct {
        int code;
        const char *text;
    } cases[] = {
        {-ENOSPC, "cannot write it: No space left on device: free some there, or set TAPNET_RUN_DIR to another "
                  "directory"},
        {-EDQUOT, "cannot write it: Disk quota exceeded: free some there, or set TAPNET_RUN_DIR to another directory"},
        {-EROFS,
         "cannot write it: Read-only file system: make it writable, or set TAPNET_RUN_DIR to another directory"},
        {-EIO, "cannot write it: Input/output error"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tapnet_error error = TAPNET_ERROR_INIT;

        assert_int_equal(run_remedy(error_set_errno(&error, cases[i].code, "cannot write it"), &error), cases[i].code);
        assert_string_equal(error.text, cases[i].text);
        assert_int_equal(error.code, cases[i].code);
        assert_int_equal(run_remedy(cases[i].code, NULL), cases[i].code);
    }
}

static void only_the_base_itself_is_made(void **state)
{
    char deep[RUN_PATH_MAX], between[RUN_PATH_MAX], directory[RUN_PATH_MAX];
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct stat status;
    int fd;

    (void)state;
    assert_true(mkdir(base, 0700) == 0 || errno == EEXIST); /* the last lock may have taken it away */
    snprintf(between, sizeof(between), "%s/between", base);
    snprintf(deep, sizeof(deep), "%.4000s/deep", between);
    assert_int_equal(run_dir_name(deep, directory, NULL), 0);
    assert_int_equal(run_lock(directory, &fd, &error), -ENOENT);
    assert_non_null(strstr(error.text, deep));
    assert_int_equal(stat(between, &status), -1);
    assert_int_equal(run_dir_name(between, directory, NULL), 0);
    assert_int_equal(run_lock(directory, &fd, &error), 0);
    run_unlock(directory, fd);
    assert_int_equal(stat(between, &status), -1);
}

static void handle(int number)
{
    (void)number;
}

/* Somebody holds the lock; the signal is ours to handle: the wait is over. */
static void a_signal_ends_the_wait_for_the_lock(void **state)
{
    struct sigaction action = {.sa_handler = handle}, before;
    const struct itimerval often = {{0, 10000}, {0, 10000}}, never = {{0, 0}, {0, 0}};
    char directory[RUN_PATH_MAX];
    int held, fd;

    (void)state;
    assert_int_equal(run_dir_name(base, directory, NULL), 0);
    assert_int_equal(run_lock(directory, &held, NULL), 0);
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    assert_int_equal(run_lock(directory, &fd, NULL), -EINTR);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    run_unlock(directory, held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_is_the_same_twice_and_makes_nothing),
        cmocka_unit_test(the_lock_keeps_others_out_and_leaves_nothing),
        cmocka_unit_test(a_lock_that_was_left_aside_goes),
        cmocka_unit_test(a_lock_is_had_again_while_its_directory_stays),
        cmocka_unit_test(a_mark_outlives_who_wrote_it),
        cmocka_unit_test(a_file_keeps_the_directory),
        cmocka_unit_test(a_line_is_added_to_what_has_the_same_head),
        cmocka_unit_test(a_place_that_can_not_be_written_is_named),
        cmocka_unit_test(a_full_or_read_only_file_system_is_told_the_remedy),
        cmocka_unit_test(only_the_base_itself_is_made),
        cmocka_unit_test(a_signal_ends_the_wait_for_the_lock),
    };

    return cmocka_run_group_tests(tests, make_base, remove_base);
}
