/* SPDX-License-Identifier: MIT */
/* The service's half of the control protocol (control.h): connections, requests, replies. */
#include "service/control.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "model/json_cleanup.h"
#include "base/message.h"
#include "service/dhcp.h"
#include "service/isolate.h"
#include "service/leases.h"
#include "service/log.h"
#include "service/loop.h"
#include "service/registry.h"

#define CONTROL_CLIENTS 16 /* connections at once; one more is in place of who has said nothing for longest */
#define SECOND UINT64_C(1000000)
#define ACCEPT_REST_USEC (SECOND / 20) /* after an accept that failed for want of something */
#define ACCEPT_TRIES 10                /* that fail in a row, and the service ends */
#define REFUSALS_BURST 10              /* lines at once about who was cut off, and then one a second */

struct control_client {
    struct control *control;
    int fd; /* -1: this place is free */
    struct loop_source *source;
    struct loop_timer silence;
    uint64_t heard_usec; /* the last request; 0: none yet */
    bool told;           /* of leases, and for that it stays */
};

struct control {
    struct loop *loop;
    struct loop_source *source;
    struct loop_timer idle, rest;
    unsigned failures; /* of accept() in a row */
    struct registry registry;
    const struct isolation *isolation;
    uid_t uid;
    struct bucket refusals; /* that the log is told of */
    const struct control_sockets *sockets;
    struct control_client clients[CONTROL_CLIENTS];
};

/* One request with what came along. A handler that takes descriptors sets them to -1. */
struct control_request {
    struct control *control;
    struct control_client *client; /* NULL: it came by mail */
    json_t *json;
    int fds[SERVICE_CONTROL_FDS];
    size_t fd_count;
    int reply_fds[2]; /* go with the reply and stay the registry's */
    size_t reply_fd_count;
};

/* A request's handler returns the reply, or NULL with @error set. */
struct control_verb {
    const char *name;
    size_t keys; /* of the request, "do" included */
    size_t fd_min, fd_max;
    bool by_mail; /* too */
    json_t *(*handle)(struct control_request *request, struct tapnet_error *error);
};

/* Version and name of the program come from the build. */
#ifndef TAPNET_VERSION
#define TAPNET_VERSION "unknown"
#endif

static json_t *control_names(const struct control *control)
{
    json_t *names = json_array();

    for (const struct served *served = control->registry.first; served && names; served = served->next)
        json_array_append_new(names, json_string(served->network->name));
    return names;
}

static json_t *control_reply(const struct control *control)
{
    return json_pack("{s:b, s:i, s:o}", "ok", 1, "pid", (int)getpid(), "networks", control_names(control));
}

/* To what changes nothing of which networks are served: they may be many. */
static json_t *control_done(void)
{
    return json_pack("{s:b, s:i}", "ok", 1, "pid", (int)getpid());
}

static void request_keep_fds(struct control_request *request)
{
    for (size_t i = 0; i < request->fd_count; i++)
        request->fds[i] = -1;
}

/* With descriptors they are taken, without the ones that are there go with the reply. */
static json_t *handle_sockets(struct control_request *request, struct tapnet_error *error)
{
    struct control *control = request->control;
    int *fds = request->reply_fds;

    if (request->fd_count == 0) {
        if (!dhcp_get_sockets(control->registry.dhcp, &fds[0], &fds[1])) {
            error_set(error, -ENOTCONN, "no sockets yet");
            return NULL;
        }
        request->reply_fd_count = 2;
        return control_reply(control);
    }
    if (request->fd_count != 2) {
        error_set(error, -EINVAL, "\"sockets\" takes two descriptors, or none");
        return NULL;
    }
    if (registry_set_sockets(&control->registry, request->fds, error) < 0)
        return NULL;
    request_keep_fds(request);
    return control_reply(control);
}

static json_t *handle_serve(struct control_request *request, struct tapnet_error *error)
{
    struct control *control = request->control;

    if (registry_serve(&control->registry, request->fds, request->fd_count, error) < 0)
        return NULL;
    request_keep_fds(request);
    loop_timer_disarm(control->loop, &control->idle);
    return control_reply(control);
}

static json_t *handle_update(struct control_request *request, struct tapnet_error *error)
{
    if (registry_update(&request->control->registry, request->fds[0], error) < 0)
        return NULL;
    request_keep_fds(request);
    return control_reply(request->control);
}

/* The string "network" of the request, or NULL with @error set. */
static const char *request_network(const struct control_request *request, struct tapnet_error *error)
{
    const char *name = json_string_value(json_object_get(request->json, "network"));

    if (!name)
        error_set(error, -EINVAL, "\"network\" must be a name");
    return name;
}

static json_t *handle_plug(struct control_request *request, struct tapnet_error *error)
{
    const char *name = request_network(request, error);
    const json_t *port = json_object_get(request->json, "port");

    if (!name || registry_plug(&request->control->registry, name, port, error) < 0)
        return NULL;
    return control_done();
}

static json_t *handle_unplug(struct control_request *request, struct tapnet_error *error)
{
    const char *name = request_network(request, error);
    const char *port = json_string_value(json_object_get(request->json, "port"));

    if (!name || registry_unplug(&request->control->registry, name, port ? port : "", error) < 0)
        return NULL;
    return control_done();
}

static json_t *handle_stop(struct control_request *request, struct tapnet_error *error)
{
    struct control *control = request->control;
    const char *name = request_network(request, error);

    if (!name || registry_stop(&control->registry, name, error) < 0)
        return NULL;
    if (!control->registry.first)
        loop_stop(control->loop); /* this handler still sends its reply */
    return control_reply(control);
}

static json_t *handle_show(struct control_request *request, struct tapnet_error *error)
{
    const char *name = request_network(request, error);
    const struct served *served = name ? registry_find(&request->control->registry, name) : NULL;

    if (!name)
        return NULL;
    if (!served) {
        error_set(error, -ENOENT, "no network %s is served", name);
        return NULL;
    }
    request->reply_fds[0] = served->memfd;
    request->reply_fd_count = 1;
    return json_pack("{s:b, s:i, s:s}", "ok", 1, "pid", (int)getpid(), "network", served->network->name);
}

static json_t *handle_mailbox(struct control_request *request, struct tapnet_error *error)
{
    (void)error;
    request->reply_fds[0] = request->control->sockets->mailbox[1];
    request->reply_fd_count = 1;
    return control_done();
}

static json_t *handle_watch(struct control_request *request, struct tapnet_error *error)
{
    (void)error;
    request->reply_fds[0] = loop_fd(request->control->loop);
    request->reply_fds[1] = request->control->isolation->switch_fd;
    request->reply_fd_count = 2;
    return control_reply(request->control);
}

static json_t *handle_leases(struct control_request *request, struct tapnet_error *error)
{
    const json_t *from = json_object_get(request->json, "from");
    size_t next;
    json_t *leases;

    if (!json_is_integer(from) || json_integer_value(from) < 0) {
        error_set(error, -EINVAL, "\"from\" must be a number");
        return NULL;
    }
    leases = leases_part(&request->control->registry, (size_t)json_integer_value(from), &next);
    return json_pack("{s:b, s:i, s:o, s:I}", "ok", 1, "pid", (int)getpid(), "leases", leases, "next", (json_int_t)next);
}

static json_t *handle_tell(struct control_request *request, struct tapnet_error *error)
{
    struct control *control = request->control;
    size_t told = 0;

    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        told += control->clients[i].fd >= 0 && control->clients[i].told;
    if (told == SERVICE_CONTROL_TOLD && !request->client->told) {
        error_set(error, -EUSERS, "%d are told of leases already", SERVICE_CONTROL_TOLD);
        return NULL;
    }
    request->client->told = true;
    return control_done();
}

static json_t *control_isolation(const struct isolation *isolation)
{
    json_t *not_dropped = json_array();

    for (size_t i = 0; not_dropped && isolation->not_dropped[i]; i++)
        json_array_append_new(not_dropped, json_string(isolation->not_dropped[i]));
    return json_pack("{s:I, s:I, s:I, s:b, s:b, s:b, s:I, s:b, s:o}", "uid", (json_int_t)isolation->uid, "gid",
                     (json_int_t)isolation->gid, "capabilities", (json_int_t)isolation->capabilities, "no_new_privs",
                     isolation->no_new_privs, "dumpable", isolation->dumpable, "seccomp", isolation->seccomp,
                     "landlock", (json_int_t)isolation->landlock, "sanitizer", isolation->sanitizer, "not_dropped",
                     not_dropped);
}

static json_t *handle_status(struct control_request *request, struct tapnet_error *error)
{
    const struct control *control = request->control;

    (void)error;
    return json_pack("{s:b, s:i, s:o, s:s, s:o}", "ok", 1, "pid", (int)getpid(), "networks", control_names(control),
                     "version", TAPNET_VERSION, "isolation", control_isolation(control->isolation));
}

static const struct control_verb control_verbs[] = {
    /* clang-format off */
    {"sockets", 1, 0, 2, false, handle_sockets},
    {"serve", 1, 1, SERVICE_CONTROL_FDS, false, handle_serve},
    {"update", 1, 1, 1, false, handle_update},
    {"plug", 3, 0, 0, true, handle_plug},
    {"unplug", 3, 0, 0, true, handle_unplug},
    {"stop", 2, 0, 0, false, handle_stop},
    {"show", 2, 0, 0, false, handle_show},
    {"status", 1, 0, 0, false, handle_status},
    {"mailbox", 1, 0, 0, false, handle_mailbox},
    {"watch", 1, 0, 0, false, handle_watch},
    {"leases", 2, 0, 0, false, handle_leases},
    {"tell", 1, 0, 0, false, handle_tell},
    /* clang-format on */
};

static const struct control_verb *control_find_verb(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_COUNT(control_verbs); i++) {
        if (strcmp(control_verbs[i].name, name) == 0)
            return &control_verbs[i];
    }
    return NULL;
}

/* Runs the request, which came by @mail or not. Returns the reply, or NULL with @error set. */
static json_t *control_run(struct control_request *request, bool mail, struct tapnet_error *error)
{
    const struct control_verb *verb = NULL;
    json_t *reply;

    if (json_is_object(request->json))
        verb = control_find_verb(json_string_value(json_object_get(request->json, "do")));
    if (!verb || json_object_size(request->json) != verb->keys || (mail && !verb->by_mail)) {
        error_set(error, -EINVAL, "no such request");
        return NULL;
    }
    if (request->fd_count < verb->fd_min || request->fd_count > verb->fd_max) {
        error_set(error, -EINVAL, "\"%s\" does not take %zu descriptors", verb->name, request->fd_count);
        return NULL;
    }
    reply = verb->handle(request, error);
    if (!reply && error->code == 0)
        error_set(error, -ENOMEM, "out of memory");
    return reply;
}

static void client_close(struct control_client *client)
{
    loop_unwatch(client->control->loop, client->source);
    loop_timer_disarm(client->control->loop, &client->silence);
    close(client->fd);
    client->source = NULL;
    client->fd = -1;
}

static void client_silent(void *data)
{
    client_close(data);
}

/* Sends @reply, or @error when it is NULL. A client that does not take it at once is closed. */
static void client_reply(struct control_client *client, const json_t *reply, const struct control_request *request,
                         const struct tapnet_error *error)
{
    _cleanup_json_ json_t *refusal = NULL;
    char *text _cleanup_free_ = NULL;

    if (!reply) {
        refusal = json_pack("{s:b, s:i, s:s}", "ok", 0, "code", error->code, "error", error->text);
        if (error->code != -ENOTCONN && error->code != -EUSERS) /* no faults: we are new, or tell enough others */
            log_line("control: refused: %s", error->text);
    }
    text = json_dumps(reply ? reply : refusal, JSON_COMPACT);
    if (!text ||
        message_send(client->fd, text, strlen(text), request->reply_fds, request->reply_fd_count, MSG_DONTWAIT) < 0)
        client_close(client);
}

static void request_fini(struct control_request *request)
{
    for (size_t i = 0; i < request->fd_count; i++) {
        if (request->fds[i] >= 0)
            close(request->fds[i]);
    }
    json_decref(request->json);
}

/* For as long as it may be silent from now on. */
static void client_stay(struct control_client *client)
{
    loop_timer_arm(client->control->loop, &client->silence, loop_now_usec() + SERVICE_CONTROL_SILENCE * SECOND,
                   client_silent, client);
}

/* Some guest has taken a lease. */
static void control_lease(void *data)
{
    static const char text[] = "{\"lease\":true}";
    const struct control *control = data;

    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (control->clients[i].fd >= 0 && control->clients[i].told)
            message_send(control->clients[i].fd, text, strlen(text), NULL, 0, MSG_DONTWAIT);
}

static void client_handle(int fd, uint32_t events, void *data)
{
    static char text[SERVICE_CONTROL_MAX]; /* one request at a time, and not on the stack */
    struct control_client *client = data;
    struct control_request request = {.control = client->control, .client = client};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    _cleanup_json_ json_t *reply = NULL;
    size_t length = 0;
    int r;

    (void)events;
    r = message_receive(fd, text, sizeof(text), request.fds, ARRAY_COUNT(request.fds), &length, &request.fd_count,
                        MSG_DONTWAIT);
    if (r == -EAGAIN)
        return;
    if (r < 0 && r != -EMSGSIZE && r != -E2BIG) {
        client_close(client);
        return;
    }
    if (!loop_catch_up(client->control->loop)) { /* whoever is cut off starts another service, and says it again */
        request_fini(&request);
        client_close(client);
        return;
    }
    client->heard_usec = loop_now_usec();
    client_stay(client);
    if (r < 0) {
        error_set(&error, r, r == -E2BIG ? "too many descriptors" : "request too long");
    } else {
        request.json = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
        reply = control_run(&request, false, &error);
    }
    if (client->told)
        loop_timer_disarm(client->control->loop, &client->silence);
    request_fini(&request); /* first, so that with the reply nothing of the request is left */
    client_reply(client, reply, &request, &error);
}

/* ---- the mailbox ---- */

/* The next of what is there. 1, or 0: nothing is. */
static int mail_read(struct control *control, struct tapnet_error *error)
{
    static char text[SERVICE_MAIL_MAX]; /* not that of a connection's request, which waits for this one */
    struct control_request request = {.control = control};
    _cleanup_json_ json_t *reply = NULL;
    size_t length = 0;
    int r = message_receive(control->sockets->mailbox[0], text, sizeof(text), NULL, 0, &length, &request.fd_count,
                            MSG_DONTWAIT);

    if (r == -EAGAIN)
        return 0;
    if (r < 0)
        return error_set_errno(error, r, "can't read it");
    request.json = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    reply = control_run(&request, true, error);
    request_fini(&request);
    return reply ? 1 : error->code;
}

static void control_catch_up(void *data)
{
    struct control *control = data;
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int r;

    do
        r = mail_read(control, &error);
    while (r > 0);
    if (r < 0) {
        log_line("control: what is in the mailbox can't be done, and nobody waits for an answer: exiting: %s",
                 error.text);
        loop_stop(control->loop);
    }
}

/* ---- connections ---- */

/* May whoever connected speak? */
static bool control_permits(const struct control *control, int fd)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return false;
    return peer.uid == 0 || peer.uid == control->uid;
}

/* Has it got its answers, and asked for nothing since? A tapnet that plugs in guests stays connected so. */
static bool client_rests(const struct control_client *client)
{
    char byte;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

    return client->heard_usec && !client->told && recvmsg(client->fd, &message, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           errno == EAGAIN;
}

/* One that is free, or is made so; NULL: all of them want something. */
static struct control_client *control_free_place(struct control *control)
{
    struct control_client *longest = NULL;

    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        struct control_client *client = &control->clients[i];

        if (client->fd < 0)
            return client;
        if ((!longest || client->heard_usec < longest->heard_usec) && client_rests(client))
            longest = client;
    }
    if (longest)
        client_close(longest);
    return longest;
}

static void control_rested(void *data)
{
    struct control *control = data;

    loop_rewatch(control->loop, control->source, EPOLLIN);
}

/* No connection could be taken, for want of memory or descriptors: again a little later. A service that nobody reaches
 * any more ends, since whoever finds it dead starts another one, and one that hangs is waited for. */
static void control_accept_failed(struct control *control)
{
    control->failures++;
    if (control->failures >= ACCEPT_TRIES) {
        log_line("control: no connection can be taken: exiting");
        loop_stop(control->loop);
        return;
    }
    loop_rewatch(control->loop, control->source, 0);
    loop_timer_arm(control->loop, &control->rest, loop_now_usec() + ACCEPT_REST_USEC, control_rested, control);
}

static void control_accept(int fd, uint32_t events, void *data)
{
    struct control *control = data;
    struct control_client *client = NULL;
    int accepted _cleanup_close_ = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    bool permitted;

    (void)events;
    if (accepted < 0 && errno != EAGAIN)
        control_accept_failed(control);
    if (accepted < 0)
        return;
    permitted = control_permits(control, accepted);
    if (permitted)
        client = control_free_place(control);
    if (!client) {
        if (bucket_take(&control->refusals, loop_now_usec(), 1, REFUSALS_BURST))
            log_line("control: a connection was refused: %s", permitted ? "too many" : "not root");
        return;
    }
    if (loop_watch(control->loop, accepted, EPOLLIN, client_handle, client, &client->source) < 0) {
        control_accept_failed(control);
        return;
    }
    control->failures = 0;
    client->fd = take_fd(&accepted);
    client->heard_usec = 0;
    client->told = false;
    client_stay(client);
}

static void control_idle(void *data)
{
    struct control *control = data;

    log_line("nothing to serve: exiting");
    loop_stop(control->loop);
}

int control_new(struct loop *loop, struct dhcp *dhcp, struct dns *dns, const struct control_sockets *sockets, uid_t uid,
                const struct isolation *isolation, struct control **ret)
{
    struct control *control _cleanup_free_ = calloc(1, sizeof(*control));
    int fd = sockets->listening, flags = fcntl(fd, F_GETFL), r;

    if (!control)
        return -ENOMEM;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    control->loop = loop;
    control->uid = uid;
    control->isolation = isolation;
    control->sockets = sockets;
    control->registry = (struct registry){.loop = loop, .dhcp = dhcp, .dns = dns};
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        control->clients[i] = (struct control_client){.control = control, .fd = -1};
    r = loop_watch(loop, fd, EPOLLIN, control_accept, control, &control->source);
    if (r < 0)
        return r;
    loop_timer_arm(loop, &control->idle, loop_now_usec() + SERVICE_CONTROL_IDLE * SECOND, control_idle, control);
    loop_set_catch_up(loop, control_catch_up, control);
    dhcp_on_lease(dhcp, control_lease, control);
    *ret = take_pointer(control);
    return 0;
}

void control_free(struct control *control)
{
    if (!control)
        return;
    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd >= 0)
            client_close(&control->clients[i]);
    }
    loop_set_catch_up(control->loop, NULL, NULL);
    dhcp_on_lease(control->registry.dhcp, NULL, NULL);
    loop_timer_disarm(control->loop, &control->idle);
    loop_timer_disarm(control->loop, &control->rest);
    loop_unwatch(control->loop, control->source);
    registry_fini(&control->registry);
    free(control);
}
