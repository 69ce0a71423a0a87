/* SPDX-License-Identifier: MIT */
/* Datagrams with descriptors: what is sent arrives whole, and no descriptor is ever left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/message.h"

static int ends[2];

static size_t count_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static int set_up(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int tear_down(void **state)
{
    (void)state;
    close(ends[0]);
    return ends[1] < 0 ? 0 : close(ends[1]);
}

static void bytes_and_descriptors_arrive(void **state)
{
    int fds[MESSAGE_FDS_MAX] = {-1, -1, -1, -1, -1, -1, -1, -1}, pipes[2];
    size_t length = 0, count = 0;
    char text[16];

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(message_send(ends[0], "hello", 5, pipes, 2, 0), 0);
    assert_int_equal(message_receive(ends[1], text, sizeof(text), fds, 2, &length, &count, 0), 0);
    assert_int_equal(length, 5);
    assert_int_equal(count, 2);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
    assert_int_equal(write(fds[1], "x", 1), 1); /* the other end of the same pipe */
    assert_int_equal(read(pipes[0], text, 1), 1);
    assert_int_equal(fds[2], -1);
    for (size_t i = 0; i < 2; i++) {
        close(fds[i]);
        close(pipes[i]);
    }
    assert_int_equal(message_send(ends[0], "bare", 4, NULL, 0, 0), 0);
    assert_int_equal(message_receive(ends[1], text, sizeof(text), NULL, 0, &length, &count, 0), 0);
    assert_int_equal(count, 0);
}

static void too_much_is_an_error_and_leaks_nothing(void **state)
{
    static char large[4096];
    int fds[MESSAGE_FDS_MAX], passed[20];
    size_t length = 77, count = 77, before = count_fds();
    char control[CMSG_SPACE(sizeof(passed))] = {0};
    struct iovec vector = {large, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    (void)state;
    for (size_t i = 0; i < 20; i++)
        passed[i] = ends[0];
    assert_int_equal(message_send(ends[0], large, 100, passed, 8, 0), 0);
    assert_int_equal(message_receive(ends[1], large, 99, fds, 8, &length, &count, 0), -EMSGSIZE);
    assert_int_equal(message_send(ends[0], large, 100, passed, 3, 0), 0);
    assert_int_equal(message_receive(ends[1], large, 100, fds, 2, &length, &count, 0), -E2BIG);
    header->cmsg_level = SOL_SOCKET; /* more than message_send() would send */
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(passed));
    memcpy(CMSG_DATA(header), passed, sizeof(passed));
    assert_int_equal(sendmsg(ends[0], &message, 0), 1);
    assert_int_equal(message_receive(ends[1], large, 100, fds, 8, &length, &count, 0), -E2BIG);
    assert_int_equal(count_fds(), before);
    assert_int_equal(length, 77); /* outputs are set at success only */
    assert_int_equal(count, 77);
}

static void mistakes_of_the_caller_and_ends(void **state)
{
    size_t length, count;
    char byte;
    int fds[MESSAGE_FDS_MAX + 1] = {0};

    (void)state;
    assert_int_equal(message_send(ends[0], "", 0, NULL, 0, 0), -EINVAL);
    assert_int_equal(message_send(ends[0], "x", 1, fds, MESSAGE_FDS_MAX + 1, 0), -EINVAL);
    assert_int_equal(message_receive(ends[1], &byte, 1, fds, MESSAGE_FDS_MAX + 1, &length, &count, 0), -EINVAL);
    assert_int_equal(message_receive(ends[1], &byte, 1, NULL, 0, &length, &count, MSG_DONTWAIT), -EAGAIN);
    fds[0] = 9999;
    assert_int_equal(message_send(ends[0], "x", 1, fds, 1, 0), -EBADF);
    close(ends[1]);
    ends[1] = -1;
    assert_int_equal(message_receive(ends[0], &byte, 1, NULL, 0, &length, &count, 0), -ECONNRESET);
    assert_int_equal(message_send(ends[0], "x", 1, NULL, 0, 0), -EPIPE); /* and no SIGPIPE */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_and_descriptors_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_much_is_an_error_and_leaks_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_of_the_caller_and_ends, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
