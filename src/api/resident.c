/* SPDX-License-Identifier: MIT */
/* The keeper as a tapnet command sees it: is it there, start it, tell it that something went. */
#include "api/resident.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/attach.h"
#include "apply/kernel.h"
#include "apply/orphan.h"
#include "apply/spawn.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "model/json_cleanup.h"
#include "base/message.h"

#ifndef SO_PASSRIGHTS /* Linux 6.16 */
#define SO_PASSRIGHTS 83
#endif

#define KEEPER_PROGRAM "tapnet-keeper"

static int program_path(const struct tapnet *tapnet, char ret[RUN_PATH_MAX], struct tapnet_error *error)
{
    int result = api_program_path(tapnet, KEEPER_PROGRAM, ret);

    return result < 0 ? error_set(error, result, "the path of the keeper's program is too long") : 0;
}

int resident_check(const struct tapnet *tapnet, struct tapnet_error *error)
{
    char path[RUN_PATH_MAX];
    int result = program_path(tapnet, path, error);

    if (result < 0 || access(path, X_OK) == 0)
        return result;
    return error_set(error, errno == ENOENT ? -ENOEXEC : -errno, /* -ENOENT is a name's that nobody has */
                     "cannot run the keeper's program %s (install it, or use --no-keeper): %s", path, strerror(errno));
}

static int connect_keeper(const struct tapnet *tapnet, int *ret_fd)
{
    char path[RUN_PATH_MAX];

    if (run_path(tapnet->run_dir, RESIDENT_SOCKET, path) < 0)
        return -ENAMETOOLONG;
    return apply_socket_connect(path, APPLY_SOCKET_SECONDS, ret_fd, NULL);
}

bool resident_runs(const struct tapnet *tapnet)
{
    char path[RUN_PATH_MAX];

    return run_path(tapnet->run_dir, RESIDENT_SOCKET, path) == 0 && apply_socket_listens(path);
}

/* ---- what it says of itself ---- */

#define STATE_MAX (1u << 20)

void resident_state_fini(struct resident_state *state)
{
    free(state->waiting);
    free(state->thefts);
    json_decref(state->json);
}

static int read_state(const struct tapnet *tapnet, json_t **ret)
{
    _cleanup_free_ char *text = NULL;
    int result = run_file_read(tapnet->run_dir, RESIDENT_STATE, STATE_MAX, &text);

    if (result < 0)
        return result;
    *ret = json_loads(text, 0, NULL);
    return *ret ? 0 : -EBADMSG;
}

/*
 * A keeper has been started, and has not written its state yet. It writes that, then answers whoever has
 * asked it by then, then looks at the host, which may take it long: so the file is tried once more behind the question,
 * and the answer is waited for only when it comes before that look.
 */
static int ask_state(const struct tapnet *tapnet, json_t **ret)
{
    static const char request[] = "{\"do\":\"who\"}";
    char reply[RESIDENT_MESSAGE_MAX];
    size_t len = 0, fd_count = 0;
    _cleanup_close_ int fd = -1;
    int result = connect_keeper(tapnet, &fd);

    if (result == 0)
        result = message_send(fd, request, strlen(request), NULL, 0, 0);
    if (result == 0 && read_state(tapnet, ret) == 0)
        return 0;
    if (result == 0)
        result = message_receive(fd, reply, sizeof(reply), NULL, 0, &len, &fd_count, 0);
    if (result < 0)
        return result;
    *ret = json_loadb(reply, len, 0, NULL);
    return *ret ? 0 : -EBADMSG;
}

static void read_thefts(struct resident_state *state)
{
    const json_t *list = json_object_get(state->json, "thefts");
    struct timespec now = {.tv_sec = 0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    state->thefts = calloc(json_array_size(list) + 1, sizeof(*state->thefts));
    for (size_t i = 0; state->thefts && i < json_array_size(list); i++) {
        const json_t *theft = json_array_get(list, i);
        const char *device = json_string_value(json_object_get(theft, "device"));

        if (!device || json_integer_value(json_object_get(theft, "last")) + RESIDENT_REMEMBERED_SEC < now.tv_sec)
            continue; /* the keeper forgets with its next look, which nothing may have caused since */
        state->thefts[state->theft_count].device = device;
        state->thefts[state->theft_count++].count = (unsigned)json_integer_value(json_object_get(theft, "count"));
    }
}

static void read_waiting(struct resident_state *ret)
{
    const json_t *list = json_object_get(ret->json, "waiting");

    ret->waiting = calloc(json_array_size(list) + 1, sizeof(*ret->waiting));
    for (size_t i = 0; ret->waiting && i < json_array_size(list); i++) {
        const json_t *thing = json_array_get(list, i);
        const char *object = json_string_value(json_object_get(thing, "object"));

        if (!object)
            continue;
        ret->waiting[ret->waiting_count].object = object;
        ret->waiting[ret->waiting_count].closed = json_is_true(json_object_get(thing, "closed"));
        ret->waiting[ret->waiting_count++].seconds = (unsigned)json_integer_value(json_object_get(thing, "seconds"));
    }
}

void resident_state_read(const struct tapnet *tapnet, struct resident_state *ret)
{
    *ret = (struct resident_state){.pid = 0};
    if (!resident_runs(tapnet) || (read_state(tapnet, &ret->json) < 0 && ask_state(tapnet, &ret->json) < 0))
        return;
    ret->pid = (int)json_integer_value(json_object_get(ret->json, "pid"));
    read_waiting(ret);
    read_thefts(ret);
}

/* ---- starting and ending it ---- */

/* The directory that run directories are made in, as tapnet_new() takes it. */
static void run_base(const struct tapnet *tapnet, char ret[RUN_PATH_MAX])
{
    snprintf(ret, RUN_PATH_MAX, "%s", tapnet->run_dir);
    *strrchr(ret, '/') = '\0';
}

/*
 * A descriptor that comes with a request is of no use, and closed by the kernel in the keeper's name: of a socket that
 * lingers (SO_LINGER) that takes as long as its sender likes. Linux 6.16 and later send none where we want none.
 */
static void refuse_descriptors(int fd)
{
    static const int no = 0;

    setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no));
}

int resident_listen_for_users(const struct tapnet *tapnet, int *ret_fd, struct tapnet_error *error)
{
    _cleanup_close_ int fd = -1;
    char path[RUN_PATH_MAX];
    int result = attach_socket_path(tapnet->run_dir, path);

    if (result == 0)
        result = apply_socket_listen(path, &fd, error);
    if (result < 0)
        return result;
    refuse_descriptors(fd);
    if (chmod(path, 0666) < 0)
        return error_set_errno(error, -errno, "cannot open %s to all users", path);
    *ret_fd = take_fd(&fd);
    return 0;
}

static void remove_users_socket(const struct tapnet *tapnet)
{
    char path[RUN_PATH_MAX];

    if (attach_socket_path(tapnet->run_dir, path) == 0)
        unlink(path);
}

/* By the keeper's unit. */
static int activate(const struct tapnet *tapnet, int control_fd, int log_fd, int attach_fd)
{
    _cleanup_close_ int reply_fd = -1;
    int fds[] = {control_fd, log_fd, attach_fd, -1};

    /* Its unit may not open one. */
    if (apply_socket_reply(&reply_fd, NULL) < 0)
        return apply_activate(tapnet->run_dir, "keeper", fds, 3);
    fds[3] = reply_fd;
    return apply_activate(tapnet->run_dir, "keeper", fds, 4);
}

static int start(const struct tapnet *tapnet, int control_fd)
{
    char program[RUN_PATH_MAX], base[RUN_PATH_MAX], log[RUN_PATH_MAX];
    const char *const arguments[] = {KEEPER_PROGRAM, "--control",     "3",         "--attach", "4", "--log", "5",
                                     "--service",    tapnet->service, "--run-dir", base,       NULL};
    _cleanup_close_ int log_fd = -1, attach_fd = -1;
    int fds[] = {control_fd, -1, -1};

    run_base(tapnet, base);
    if (program_path(tapnet, program, NULL) < 0 || run_path(tapnet->run_dir, RESIDENT_LOG, log) < 0)
        return -ENAMETOOLONG;
    log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log_fd < 0)
        return -errno;
    if (resident_listen_for_users(tapnet, &attach_fd, NULL) < 0)
        return -EIO;
    if (strcmp(tapnet->service, TAPNET_SERVICE_PROGRAM) == 0 && apply_can_activate(tapnet->run_dir, "keeper") &&
        activate(tapnet, control_fd, log_fd, attach_fd) == 0)
        return 0;
    fds[1] = attach_fd;
    fds[2] = log_fd;
    return apply_spawn(program, arguments, fds, ARRAY_COUNT(fds), NULL);
}

void resident_start(const struct tapnet *tapnet)
{
    _cleanup_close_ int control_fd = -1;
    char path[RUN_PATH_MAX];

    if (resident_runs(tapnet) || run_path(tapnet->run_dir, RESIDENT_SOCKET, path) < 0 ||
        run_file_remove(tapnet->run_dir, RESIDENT_STATE, NULL) < 0 || apply_socket_listen(path, &control_fd, NULL) < 0)
        return;
    if (start(tapnet, control_fd) < 0) {
        run_file_remove(tapnet->run_dir, RESIDENT_SOCKET, NULL);
        remove_users_socket(tapnet);
    }
}

int resident_remove_files(const struct tapnet *tapnet, struct tapnet_error *error)
{
    static const char *const names[] = {RESIDENT_SOCKET, RESIDENT_LOG, RESIDENT_STATE};
    int result = 0;

    for (size_t i = 0; i < ARRAY_COUNT(names) && result == 0; i++)
        result = run_file_remove(tapnet->run_dir, names[i], error);
    if (result == 0)
        remove_users_socket(tapnet);
    return result;
}

int resident_listen(const struct tapnet *tapnet, int *ret_fd, struct tapnet_error *error)
{
    char path[RUN_PATH_MAX];
    int lock, result = run_lock(tapnet->run_dir, &lock, error);

    if (result < 0)
        return result;
    if (resident_runs(tapnet))
        result = error_set(error, -EALREADY, "a keeper runs already in this network namespace");
    else if (run_path(tapnet->run_dir, RESIDENT_SOCKET, path) < 0)
        result = error_set(error, -ENAMETOOLONG, "the run directory's name is too long");
    else
        result = run_file_remove(tapnet->run_dir, RESIDENT_STATE, error);
    if (result == 0)
        result = apply_socket_listen(path, ret_fd, error);
    run_unlock(tapnet->run_dir, lock);
    return result;
}

/* One killed keeper's leavings: the name of its socket, its log. */
static int remove_leavings(const struct tapnet *tapnet, struct tapnet_error *error)
{
    int lock, result;

    if (access(tapnet->run_dir, F_OK) < 0)
        return 0;
    result = run_lock(tapnet->run_dir, &lock, error);
    if (result < 0)
        return result;
    if (!resident_runs(tapnet))
        result = resident_remove_files(tapnet, error);
    run_unlock(tapnet->run_dir, lock);
    return result;
}

static int end_leavings(const struct tapnet *tapnet, struct tapnet_error *error)
{
    int result = remove_leavings(tapnet, error);

    return result < 0 ? error_prefix(error, result, "could not remove what a keeper has left") : 0;
}

static bool is_anything_up(const struct tapnet *tapnet)
{
    struct observe_found *found;
    bool any;

    if (observe_networks(tapnet->run_dir, &found, NULL) < 0)
        return true;
    any = found->objects.count > 0;
    observe_free(found);
    return any;
}

/*
 * One that does not answer on @fd, or takes no connection any more, and has nothing to keep: what it holds is in the
 * next one's way.
 */
static void end_mute(const struct tapnet *tapnet, int fd)
{
    char path[RUN_PATH_MAX];
    int lock;

    if (run_lock(tapnet->run_dir, &lock, NULL) < 0)
        return;
    if (!is_anything_up(tapnet) && fd >= 0)
        apply_socket_end(fd, KEEPER_PROGRAM);
    else if (!is_anything_up(tapnet) && run_path(tapnet->run_dir, RESIDENT_SOCKET, path) == 0)
        apply_orphan_end(path, KEEPER_PROGRAM, NULL);
    run_unlock(tapnet->run_dir, lock);
}

int resident_meet(const struct tapnet *tapnet)
{
    int fd;

    return connect_keeper(tapnet, &fd) < 0 ? -1 : fd;
}

int resident_tell(const struct tapnet *tapnet, int keeper_fd, struct tapnet_error *error)
{
    static const char request[] = "{\"do\":\"look\"}";
    char reply[RESIDENT_MESSAGE_MAX];
    _cleanup_json_ json_t *json = NULL;
    _cleanup_close_ int fd = keeper_fd;
    size_t len = 0, fd_count = 0;
    int result = fd < 0 ? -ENOTCONN : message_send(fd, request, strlen(request), NULL, 0, 0);

    if (result == 0)
        result = message_receive(fd, reply, sizeof(reply), NULL, 0, &len, &fd_count, 0);
    if (result == -EAGAIN || (fd < 0 && resident_runs(tapnet)))
        end_mute(tapnet, fd);
    if (result < 0)
        return end_leavings(tapnet, error);
    json = json_loadb(reply, len, 0, NULL);
    if (!json_is_true(json_object_get(json, "ends")))
        return 0;
    /* `down` must not leave one that is just about to end. */
    apply_process_await((int)json_integer_value(json_object_get(json, "pid")));
    return end_leavings(tapnet, error);
}
