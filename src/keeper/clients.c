/* SPDX-License-Identifier: MIT */
/* Who talks to the keeper: tapnet commands that are connected to its socket (api/resident.h). */
#include "keeper/clients.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/resident.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "model/json_cleanup.h"
#include "service/loop.h"

void clients_init(struct clients *clients)
{
    *clients = (struct clients){0};
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        clients->places[i].fd = -1;
}

static void part(struct clients *clients, size_t i)
{
    if (clients->places[i].fd >= 0)
        close(clients->places[i].fd);
    clients->places[i].fd = -1;
    clients->places[i].waits = false;
}

void clients_fini(struct clients *clients)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        part(clients, i);
    closings_fini(&clients->closings);
}

/* The directory lets nobody else in; should it ever, nobody else is heard. */
static bool permits(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

void clients_accept(struct clients *clients, int listening)
{
    _cleanup_close_ int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0 || !permits(fd))
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (clients->places[i].fd < 0) {
            clients->places[i].fd = take_fd(&fd);
            return;
        }
    }
}

void clients_poll(const struct clients *clients, struct pollfd ret[CLIENTS_MAX])
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        ret[i] = (struct pollfd){.fd = clients->places[i].fd, .events = POLLIN};
}

/* Does the datagram ask who we are? All else asks for a look. */
static bool asks_who(const char *request, size_t len)
{
    _cleanup_json_ json_t *json = json_loadb(request, len, 0, NULL);
    const char *what = json_string_value(json_object_get(json, "do"));

    return what && strcmp(what, "who") == 0;
}

static void tell(struct clients *clients, size_t i, const char *text)
{
    message_send(clients->places[i].fd, text, strlen(text), NULL, 0, MSG_DONTWAIT);
    part(clients, i);
}

static void tell_who(struct clients *clients, size_t i)
{
    char text[64];

    snprintf(text, sizeof(text), "{\"ok\":true,\"pid\":%d}", (int)getpid());
    tell(clients, i, text);
}

/* What a client has said, and handed over where @fd is not -1. True: it wants a look. */
static bool serve(struct clients *clients, size_t i, const char *request, size_t len, int fd)
{
    if (fd >= 0) {
        closings_take(&clients->closings, fd, loop_now_usec());
        part(clients, i);
        return false;
    }
    if (asks_who(request, len)) {
        tell_who(clients, i);
        return false;
    }
    return clients->places[i].waits = true;
}

bool clients_read(struct clients *clients, const struct pollfd polled[CLIENTS_MAX])
{
    char request[RESIDENT_MESSAGE_MAX];
    bool asked = false;

    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        size_t len, fd_count;
        int result, fd;

        if (!polled[i].revents)
            continue;
        result = message_receive(polled[i].fd, request, sizeof(request), &fd, 1, &len, &fd_count, MSG_DONTWAIT);
        if (result == 0)
            asked |= serve(clients, i, request, len, fd_count ? fd : -1);
        else if (result != -EAGAIN)
            part(clients, i);
    }
    return asked;
}

bool clients_any(const struct clients *clients)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (clients->places[i].fd >= 0)
            return true;
    return false;
}

bool clients_wait(const struct clients *clients)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (clients->places[i].waits)
            return true;
    return false;
}

void clients_reply(struct clients *clients, const char *text)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (clients->places[i].waits)
            tell(clients, i, text);
}
