/* SPDX-License-Identifier: MIT */
/* Who talks to the keeper: who asks who it is hears that at once, all others after the look, and none by chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/message.h"
#include "keeper/clients.h"
#include "service/loop.h"

/* Connects a client at @place that says @request (NULL: nothing). Returns its end. */
static int client(struct clients *clients, size_t place, const char *request)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    if (request)
        assert_int_equal(message_send(ends[0], request, strlen(request), NULL, 0, 0), 0);
    clients->places[place].fd = ends[1];
    return ends[0];
}

static bool read_all(struct clients *clients)
{
    struct pollfd polled[CLIENTS_MAX];

    clients_poll(clients, polled);
    assert_true(poll(polled, CLIENTS_MAX, 0) >= 0);
    return clients_read(clients, polled);
}

/* Has this client heard something? It lets go of it. */
static bool heard(int line)
{
    char text[64];
    bool answered = recv(line, text, sizeof(text), MSG_DONTWAIT) > 0;

    close(line);
    return answered;
}

/* Whatever stood in the memory before: nobody waits in the beginning. */
static void who_comes_waits_for_nothing(void **state)
{
    struct clients clients;
    int line;

    (void)state;
    memset(&clients, 0xff, sizeof(clients));
    clients_init(&clients);
    assert_false(clients_any(&clients));
    line = client(&clients, 0, NULL);
    assert_true(clients_any(&clients));
    assert_false(clients_wait(&clients));
    clients_reply(&clients, "{}");
    assert_false(heard(line));
    clients_fini(&clients);
}

static void who_asks_who_it_is_hears_it_at_once(void **state)
{
    struct clients clients;
    int who, look;

    (void)state;
    clients_init(&clients);
    who = client(&clients, 0, "{\"do\":\"who\"}");
    look = client(&clients, 1, "{\"do\":\"look\"}");
    assert_true(read_all(&clients));
    assert_true(heard(who));
    assert_true(clients_wait(&clients));
    clients_reply(&clients, "{\"ok\":true}");
    assert_true(heard(look));
    assert_false(clients_any(&clients));
    clients_fini(&clients);
}

/* Hands @fd over to be closed, and is gone. */
static void hand_over(struct clients *clients, int fd)
{
    static const char request[] = "{\"do\":\"close\"}";
    int line = client(clients, 0, NULL);

    assert_int_equal(message_send(line, request, strlen(request), &fd, 1, 0), 0);
    close(fd);
    close(line);
    assert_false(read_all(clients));
    assert_false(clients_any(clients));
}

static int netfilter_socket(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

    assert_true(fd >= 0);
    return fd;
}

static void a_socket_that_is_left_behind_is_closed_later(void **state)
{
    struct clients clients;
    uint64_t now = loop_now_usec();

    (void)state;
    clients_init(&clients);
    hand_over(&clients, netfilter_socket());
    assert_int_equal(clients.closings.count, 1);
    assert_true(clients.closings.due_usec >= now + CLOSINGS_USEC);
    closings_look(&clients.closings, clients.closings.due_usec - 1);
    assert_int_equal(clients.closings.count, 1);
    closings_look(&clients.closings, clients.closings.due_usec);
    assert_int_equal(clients.closings.count, 0);
    assert_true(clients.closings.due_usec == 0);
    clients_fini(&clients);
}

static void however_many_there_are_they_are_bounded(void **state)
{
    struct clients clients;

    (void)state;
    clients_init(&clients);
    for (size_t i = 0; i < CLOSINGS_MAX + 1; i++)
        hand_over(&clients, netfilter_socket());
    assert_int_equal(clients.closings.count, 1);
    clients_fini(&clients);
    assert_int_equal(clients.closings.count, 0);
}

static void what_is_no_such_socket_is_closed_at_once(void **state)
{
    struct clients clients;
    int ends[2];
    char byte;

    (void)state;
    clients_init(&clients);
    assert_int_equal(pipe(ends), 0);
    hand_over(&clients, ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    hand_over(&clients, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    assert_int_equal(clients.closings.count, 0);
    clients_fini(&clients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_waits_for_nothing),
        cmocka_unit_test(who_asks_who_it_is_hears_it_at_once),
        cmocka_unit_test(a_socket_that_is_left_behind_is_closed_later),
        cmocka_unit_test(however_many_there_are_they_are_bounded),
        cmocka_unit_test(what_is_no_such_socket_is_closed_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
