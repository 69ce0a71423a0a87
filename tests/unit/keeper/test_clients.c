/* SPDX-License-Identifier: MIT */
/* Who talks to the keeper: who asks who it is hears that at once, all others after the look, and none by chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/message.h"
#include "keeper/clients.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_waits_for_nothing),
        cmocka_unit_test(who_asks_who_it_is_hears_it_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
