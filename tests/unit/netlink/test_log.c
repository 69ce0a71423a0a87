/* SPDX-License-Identifier: MIT */
/* Netfilter's log in a namespace: packets come at once, a group has one holder, and one that dies gives it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "namespace.h"
#include "netlink/log.h"

#define GROUP 29793
#define BYTES_MAX 256

static int open_log(struct tapnet_error *error)
{
    int fd = -1;
    int r = netlink_log_open(GROUP, BYTES_MAX, &fd, error);

    return r < 0 ? r : fd;
}

static void close_log(int fd)
{
    assert_true(fd >= 0);
    close(fd);
}

/* The next message's length, or -1 when none is there yet. */
static ssize_t next_message(int fd)
{
    uint8_t bytes[4096];

    return recv(fd, bytes, sizeof(bytes), 0);
}

/* UDP to port 9 of this host, where nobody listens. */
static void send_packets(int count, size_t length)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const uint8_t bytes[1000];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    for (int i = 0; i < count; i++)
        assert_int_equal(sendto(fd, bytes, length, 0, (const struct sockaddr *)&to, sizeof(to)), length);
    close(fd);
}

static void packets_come_at_once_and_cut(void **state)
{
    int fd = open_log(NULL);
    ssize_t small, large;

    (void)state;
    assert_true(fd >= 0);
    assert_true(shell("ip link set lo up && nft add table inet t && "
                      "nft 'add chain inet t out { type filter hook output priority 0; }' && "
                      "nft add rule inet t out udp dport 9 log group %d",
                      GROUP));
    assert_int_equal(next_message(fd), -1);
    assert_int_equal(errno, EAGAIN);
    send_packets(1, 1);
    small = next_message(fd); /* it is there when the sender is back: nothing was kept until more came */
    assert_true(small > 0);
    send_packets(1, 1000);
    large = next_message(fd);
    assert_true(large > BYTES_MAX && large < BYTES_MAX + 256);
    assert_true(shell("nft delete table inet t"));
    close_log(fd);
}

static void many_wait_in_the_queue(void **state)
{
    int fd = open_log(NULL), size = 0, count = 0;
    socklen_t len = sizeof(size);

    (void)state;
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len), 0);
    assert_true(shell("nft add table inet t && nft 'add chain inet t out { type filter hook output priority 0; }' && "
                      "nft add rule inet t out udp dport 9 log group %d",
                      GROUP));
    send_packets(100, 1);
    while (next_message(fd) > 0)
        count++;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(count, 100);
    assert_true(size >= 200000);
    assert_true(shell("nft delete table inet t"));
    close_log(fd);
}

static void a_group_has_one_holder_and_the_error_names_both(void **state)
{
    struct tapnet_error error = {0};
    int fd = open_log(NULL);
    char group[16];

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(open_log(&error), -EBUSY);
    snprintf(group, sizeof(group), "%d", GROUP);
    assert_non_null(strstr(error.text, group));
    assert_non_null(strstr(error.text, "another program (netlink port "));
    assert_non_null(strstr(error.text, "end that one"));
    close_log(fd);
    close_log(open_log(NULL)); /* given back at once */
}

static void another_descriptor_of_the_same_socket_keeps_the_group(void **state)
{
    int fd = open_log(NULL), other = dup(fd);

    (void)state;
    close_log(fd);
    assert_int_equal(open_log(NULL), -EBUSY);
    close_log(other);
    close_log(open_log(NULL));
}

struct holder {
    int fd;
    unsigned usec;
};

static void *let_go_later(void *data)
{
    const struct holder *holder = data;

    usleep(holder->usec);
    close(holder->fd);
    return NULL;
}

/* As that of a service that was killed a moment ago. */
static void a_holder_that_is_about_to_go_is_waited_for(void **state)
{
    struct holder holder = {open_log(NULL), 50000};
    pthread_t thread;

    (void)state;
    assert_true(holder.fd >= 0);
    assert_int_equal(pthread_create(&thread, NULL, let_go_later, &holder), 0);
    close_log(open_log(NULL));
    pthread_join(thread, NULL);
}

static void a_killed_holder_gives_it_back(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        int ready[2];
        pid_t child;

        assert_int_equal(pipe(ready), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            if (open_log(NULL) < 0 || write(ready[1], "", 1) != 1)
                _exit(1);
            for (;;)
                pause();
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], &(char){0}, 1), 1);
        kill(child, SIGKILL);
        close_log(open_log(NULL)); /* not waited for: it is dying at this moment */
        waitpid(child, NULL, 0);
        close(ready[0]);
    }
}

/* In a child without rights, so that the test keeps its own. */
static void without_rights_it_says_so(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        struct tapnet_error error = {0};

        if (!shell("test -e /proc/net/netfilter") || unshare(CLONE_NEWUSER) < 0)
            _exit(0); /* another user namespace: no rights in this network namespace */
        _exit(open_log(&error) == -EPERM && strstr(error.text, "log group 29793: ") ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_come_at_once_and_cut),
        cmocka_unit_test(many_wait_in_the_queue),
        cmocka_unit_test(a_group_has_one_holder_and_the_error_names_both),
        cmocka_unit_test(another_descriptor_of_the_same_socket_keeps_the_group),
        cmocka_unit_test(a_holder_that_is_about_to_go_is_waited_for),
        cmocka_unit_test(a_killed_holder_gives_it_back),
        cmocka_unit_test(without_rights_it_says_so),
    };

    namespace_enter();
    return cmocka_run_group_tests_name("netlink log", tests, NULL, NULL);
}
