/* SPDX-License-Identifier: MIT */
/* Users of the host who want a guest plugged in: their socket, who they are, what they may (api/attach.h). */
#include "keeper/requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/attach.h"
#include "api/resident.h"
#include "apply/run.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "keeper/answer.h"
#include "keeper/request.h"
#include "service/log.h"
#include "service/loop.h"

#define GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel */

DEFINE_CLEANUP(struct tapnet_attached *, tapnet_attached_free)

/* ---- the socket ---- */

static bool is_there(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

void requests_init(struct requests *requests, int listening, struct tapnet *tapnet, struct pool *pool,
                   requests_wait *wait, void *data)
{
    *requests = (struct requests){
        .listening = listening, .tapnet = tapnet, .pool = pool, .wait = wait, .wait_data = data};
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        requests->places[i].fd = -1;
}

void requests_open(struct requests *requests)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char path[RUN_PATH_MAX];
    int fd;

    if (attach_socket_path(requests->tapnet->run_dir, path) < 0 || (requests->listening >= 0 && is_there(path)))
        return;
    if (resident_listen_for_users(requests->tapnet, &fd, &error) < 0) {
        log_line("nobody but root can plug guests in: %s", error.text);
        return;
    }
    if (requests->listening >= 0)
        close(requests->listening);
    requests->listening = fd;
}

static void part(struct request_place *place)
{
    if (place->fd >= 0)
        close(place->fd);
    free(place->text);
    *place = (struct request_place){.fd = -1};
}

void requests_fini(struct requests *requests)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        part(&requests->places[i]);
    if (requests->listening >= 0)
        close(requests->listening);
    free(requests->named);
    requests->listening = -1;
    requests->named = NULL;
    requests->named_count = 0;
}

/* ---- who is there ---- */

/* A free place, or that of who came first. NULL: the user has as many as one may have. */
static struct request_place *find_place(struct requests *requests, uint32_t user)
{
    struct request_place *first = NULL, *free_place = NULL;
    size_t own = 0;

    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        struct request_place *place = &requests->places[i];

        if (place->fd < 0)
            free_place = place;
        else if (!first || place->arrival < first->arrival)
            first = place;
        own += place->fd >= 0 && place->user == user;
    }
    if (user != 0 && own >= REQUESTS_USER_MAX)
        return NULL;
    return free_place ? free_place : first;
}

/* His place; NULL: nobody came, or he has none. */
static struct request_place *accept_one(struct requests *requests)
{
    _cleanup_close_ int fd = accept4(requests->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct request_place *place;
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return NULL;
    place = find_place(requests, peer.uid);
    if (!place)
        return NULL;
    part(place);
    place->user = peer.uid;
    place->arrival = ++requests->arrivals;
    place->fd = take_fd(&fd);
    return place;
}

/* The groups of who is at the other end, malloc'ed: his own and the supplementary ones. */
static int read_groups(int fd, uint32_t **ret, size_t *ret_count)
{
    struct ucred peer;
    socklen_t length = sizeof(peer), groups_length = 0;
    uint32_t *groups;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return -errno;
    /* Asked without room it says how much is needed (sk_getsockopt() of the kernel); none is needed for none. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &groups_length) < 0 && errno != ERANGE)
        return -errno;
    if (groups_length > GROUPS_MAX * sizeof(*groups))
        return -E2BIG;
    groups = malloc(groups_length + sizeof(*groups));
    if (!groups)
        return -ENOMEM;
    if (groups_length && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_length) < 0) {
        free(groups);
        return -errno;
    }
    *ret_count = groups_length / sizeof(*groups);
    groups[(*ret_count)++] = peer.gid;
    *ret = groups;
    return 0;
}

/* ---- what is done ---- */

static int give(int fd, const struct tapnet_attached *attached, struct tapnet_error *error)
{
    _cleanup_free_ char *text = answer_print_port(attached);

    if (!text)
        return error_set(error, -ENOMEM, "out of memory");
    answer_send(fd, text, tapnet_attached_device(attached));
    return 0;
}

static int attach(int fd, struct tapnet *tapnet, const struct request *request, const struct model_person *person,
                  struct tapnet_error *error)
{
    struct tapnet_attached *attached cleanup(cleanup_tapnet_attached_free) = NULL;
    int result = attach_locked(tapnet, &request->options, person, &attached, error);

    if (result < 0)
        return result;
    if (tapnet_attached_info(attached)->made)
        log_line("user %u has port %s/%s", (unsigned)person->user, tapnet_attached_info(attached)->network,
                 tapnet_attached_info(attached)->port);
    return give(fd, attached, error);
}

/* Nothing but the descriptor changes hands: root says so, and nobody else is asked. */
static int hand_out(int fd, struct pool *pool, const struct request *request, const struct model_person *person,
                    struct tapnet_error *error)
{
    const struct pool_port *port = person->user == 0 ? pool_take(pool, request->network) : NULL;
    int result;

    if (!port)
        return error_set(error, -EAGAIN, "no port is ready");
    result = answer_send(fd, port->answer, tapnet_attached_device(port->attached));
    if (result < 0)
        pool_put_back(pool);
    return result < 0 ? error_set_errno(error, result, "nobody hears the answer") : 0;
}

static int detach(int fd, struct tapnet *tapnet, const struct request *request, const struct model_person *person,
                  struct tapnet_error *error)
{
    bool gone;
    int result = detach_locked(tapnet, request->network, request->port, request->detach_flags, person, &gone, error);

    if (result < 0)
        return result;
    log_line("user %u gave back port %s/%s", (unsigned)person->user, request->network, request->port);
    answer_done(fd);
    return 0;
}

/* Under the lock, as any tapnet. */
static int run(struct requests *requests, int fd, const struct request *request, const struct model_person *person,
               struct tapnet_error *error)
{
    struct tapnet *tapnet = requests->tapnet;
    uint64_t begin, end;
    int lock, result;

    pool_plug_in(requests->pool); /* for whom one was ready waits for nobody's plan or lock */
    result = run_lock_now(tapnet->run_dir, &lock, error);
    if (result == -EWOULDBLOCK) {
        requests->wait(requests->wait_data);
        result = run_lock(tapnet->run_dir, &lock, error);
    }
    if (result < 0)
        return result;
    begin = loop_now_usec();
    api_notes_clear(tapnet);
    result = request->kind == REQUEST_DETACH ? detach(fd, tapnet, request, person, error)
                                             : attach(fd, tapnet, request, person, error);
    run_unlock(tapnet->run_dir, lock);
    end = loop_now_usec();
    if (person->user != 0)
        pace_charge(&requests->pace, person->user, end - begin, end);
    return result;
}

/* Who wants ports that are ready wants more of them. He makes room as if he had just come. */
static void stay(struct requests *requests, struct request_place *place)
{
    free(place->text);
    place->text = NULL;
    place->arrival = ++requests->arrivals;
}

/* Does what the place asks for, and parts from it, unless it is root's who may have something at once. */
static void deal(struct requests *requests, struct request_place *place, const struct model_person *person)
{
    struct request request cleanup(request_fini) = {.json = NULL};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int result = request_parse(place->text, &request, &error);

    if (result == 0)
        result = request.kind == REQUEST_READY ? hand_out(place->fd, requests->pool, &request, person, &error)
                                               : run(requests, place->fd, &request, person, &error);
    if (result < 0)
        answer_refuse(place->fd, result, &error);
    if (result == 0 && request.kind == REQUEST_READY)
        stay(requests, place);
    else
        part(place);
}

/* ---- who is dealt with at once ---- */

static bool is_named(const struct requests *requests, const struct model_person *person)
{
    if (person->user == 0)
        return true;
    for (size_t i = 0; i < requests->named_count; i++)
        if (model_access_names(&requests->named[i], person))
            return true;
    return false;
}

/* Has he to wait for his turn? */
static bool is_paced(const struct requests *requests, struct request_place *place)
{
    uint64_t now = loop_now_usec(), due = place->user ? pace_due(&requests->pace, place->user, now) : now;

    place->due_usec = due > now ? due : 0;
    return due > now;
}

/* @looked: a look has just been made, so who is not named by now is refused whatever he wants. */
static void consider(struct requests *requests, struct request_place *place, bool looked)
{
    _cleanup_free_ uint32_t *groups = NULL;
    struct model_person person = {.user = place->user};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int result = read_groups(place->fd, &groups, &person.group_count);

    person.groups = groups;
    if (result < 0) {
        error_set_errno(&error, result, "cannot tell who asks");
        answer_refuse(place->fd, result, &error);
        part(place);
    } else if (is_named(requests, &person)) {
        if (!is_paced(requests, place))
            deal(requests, place, &person);
    } else if (looked) {
        error_set(&error, -EPERM, "user %u may not plug guests in: root allows it in a network's file, `allow: [%u]`",
                  (unsigned)person.user, (unsigned)person.user);
        answer_refuse(place->fd, -EPERM, &error);
        part(place);
    } else {
        place->waits = true;
    }
}

/* One datagram. A byte that is NUL makes it no request, and that is what is answered. */
static void read_one(struct requests *requests, struct request_place *place)
{
    char text[ATTACH_REQUEST_MAX + 1];
    size_t len = 0, fd_count = 0;
    int result = message_receive(place->fd, text, ATTACH_REQUEST_MAX, NULL, 0, &len, &fd_count, MSG_DONTWAIT);

    if (result == -EAGAIN)
        return;
    if (result == 0) {
        text[memchr(text, '\0', len) ? 0 : len] = '\0';
        place->text = strdup(text);
    }
    if (place->text)
        consider(requests, place, false);
    else
        part(place);
}

void requests_poll(const struct requests *requests, struct pollfd ret[REQUESTS_FDS])
{
    ret[0] = (struct pollfd){.fd = requests->listening, .events = POLLIN};
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        const struct request_place *place = &requests->places[i];

        ret[1 + i] = (struct pollfd){.fd = place->waits || place->due_usec ? -1 : place->fd, .events = POLLIN};
    }
}

uint64_t requests_due(const struct requests *requests)
{
    uint64_t first = 0;

    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        uint64_t due = requests->places[i].due_usec;

        if (due && (!first || due < first))
            first = due;
    }
    return first;
}

static bool any_waits(const struct requests *requests)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (requests->places[i].waits)
            return true;
    return false;
}

bool requests_read(struct requests *requests, const struct pollfd polled[REQUESTS_FDS])
{
    struct request_place *fresh;

    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        struct request_place *place = &requests->places[i];

        if (place->due_usec && place->due_usec <= loop_now_usec())
            consider(requests, place, false);
        else if (polled[1 + i].revents && place->fd == polled[1 + i].fd)
            read_one(requests, place);
    }
    fresh = polled[0].revents ? accept_one(requests) : NULL;
    if (fresh) /* mostly he has said already what he wants */
        read_one(requests, fresh);
    return any_waits(requests);
}

/* ---- after a look ---- */

static int learn_network(struct requests *requests, size_t *capacity, const struct model_network *network)
{
    size_t room = network->access_count + network->port_count;

    if (array_reserve((void **)&requests->named, capacity, requests->named_count, room, sizeof(*requests->named)) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < network->access_count; i++)
        requests->named[requests->named_count++] = network->access[i];
    for (size_t i = 0; i < network->port_count; i++) {
        const struct model_port *port = &network->ports[i];

        if (port->user != MODEL_ID_NONE || port->group != MODEL_ID_NONE)
            requests->named[requests->named_count++] = (struct model_access){port->user, port->group, 0};
    }
    return 0;
}

void requests_learn(struct requests *requests, const struct observe_found *found)
{
    size_t capacity = 0;

    free(requests->named);
    requests->named = NULL;
    requests->named_count = 0;
    for (size_t i = 0; i < found->objects.count; i++)
        if (found->objects.items[i].kind == MODEL_OBJECT_SERVICE &&
            learn_network(requests, &capacity, found->objects.items[i].service.network) < 0)
            return;
}

void requests_settle(struct requests *requests)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        if (!requests->places[i].waits)
            continue;
        requests->places[i].waits = false;
        consider(requests, &requests->places[i], true);
    }
}
