/* SPDX-License-Identifier: MIT */
/* The process that runs the hooks of ports, as a tapnet command sees it: start it, see it to its end, ask after it. */
#include "api/hook_resident.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/hook.h"
#include "api/hook_told.h"
#include "apply/kernel.h"
#include "apply/spawn.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "base/text.h"
#include "model/json_cleanup.h"
#include "netlink/clock.h"

#define PROGRAM "tapnet-hooks"
#define REPLY_MAX 4096
#define STATE_MAX (1u << 20)
#define ANSWER_SECONDS (HOOK_SECONDS + 5) /* it gives up what has not ended by then, and says so */

/* ---- whether it is wanted ---- */

static bool set_wants(const struct model_set *set)
{
    for (size_t i = 0; i < set->network_count; i++)
        if (model_hooks_of_ports(&set->networks[i].hooks))
            return true;
    return false;
}

/* The first network of @found that has hooks of ports, and is not of the set @except (may be NULL); NULL: none has. */
static const struct model_service *found_wants(const struct observe_found *found, const char *except)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_object *object = &found->objects.items[i];

        if (object->kind == MODEL_OBJECT_SERVICE && model_hooks_of_ports(&object->service.network->hooks) &&
            !(except && strcmp(except, object->service.set) == 0))
            return &object->service;
    }
    return NULL;
}

int hook_resident_check(const struct tapnet *tapnet, const struct model_set *set, struct tapnet_error *error)
{
    char path[RUN_PATH_MAX];

    if (!set_wants(set))
        return 0;
    if (api_program_path(tapnet, PROGRAM, path) < 0)
        return error_set(error, -ENAMETOOLONG, "the path of " PROGRAM " is too long");
    if (access(path, X_OK) == 0)
        return 0;
    return error_set(error, errno == ENOENT ? -ENOEXEC : -errno, /* -ENOENT is a name's that nobody has */
                     "cannot run %s, which runs the hooks of ports: install it, or leave `plugged:` and `unplugged:` "
                     "out: %s",
                     path, strerror(errno));
}

bool hook_resident_wanted(const struct tapnet_plan *plan)
{
    return plan->set ? set_wants(plan->set) || found_wants(plan->found, plan->set->name)
                     : found_wants(plan->found, NULL) != NULL;
}

bool hook_resident_runs(const char *run_dir)
{
    char path[RUN_PATH_MAX];

    return run_path(run_dir, HOOK_RESIDENT_SOCKET, path) == 0 && apply_socket_listens(path);
}

const struct model_service *hook_resident_missed(const char *run_dir, const struct observe_found *found)
{
    const struct model_service *service = found_wants(found, NULL);

    return service && !hook_resident_runs(run_dir) ? service : NULL;
}

/* ---- starting it ---- */

static int start(const struct tapnet *tapnet, int control_fd)
{
    char program[RUN_PATH_MAX], base[RUN_PATH_MAX], log[RUN_PATH_MAX];
    const char *const arguments[] = {PROGRAM, "--control", "3", "--log", "4", "--run-dir", base, NULL};
    _cleanup_close_ int log_fd = -1;
    int fds[] = {control_fd, -1};

    snprintf(base, sizeof(base), "%s", tapnet->run_dir);
    *strrchr(base, '/') = '\0';
    if (api_program_path(tapnet, PROGRAM, program) < 0 || run_path(tapnet->run_dir, HOOK_RESIDENT_LOG, log) < 0)
        return -ENAMETOOLONG;
    log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log_fd < 0)
        return -errno;
    fds[1] = log_fd;
    if (strcmp(tapnet->service, TAPNET_SERVICE_PROGRAM) == 0 && apply_can_activate(tapnet->run_dir, "hooks") &&
        apply_activate(tapnet->run_dir, "hooks", fds, ARRAY_COUNT(fds)) == 0)
        return 0;
    return apply_spawn(program, arguments, fds, ARRAY_COUNT(fds), NULL);
}

void hook_resident_start(const struct tapnet *tapnet)
{
    _cleanup_close_ int control_fd = -1;
    char path[RUN_PATH_MAX];

    if (hook_resident_runs(tapnet->run_dir) || run_path(tapnet->run_dir, HOOK_RESIDENT_SOCKET, path) < 0 ||
        apply_socket_listen(path, &control_fd, NULL) < 0)
        return;
    if (start(tapnet, control_fd) < 0)
        run_file_remove(tapnet->run_dir, HOOK_RESIDENT_SOCKET, NULL);
}

int hook_resident_listen(const struct tapnet *tapnet, int *ret_fd, struct tapnet_error *error)
{
    char path[RUN_PATH_MAX];
    int lock, result = run_path(tapnet->run_dir, HOOK_RESIDENT_SOCKET, path);

    if (result < 0)
        return error_set(error, result, "the run directory's name is too long");
    result = run_lock(tapnet->run_dir, &lock, error);
    if (result < 0)
        return result;
    if (hook_resident_runs(tapnet->run_dir))
        result = error_set(error, -EALREADY, "hooks of ports are run already in this network namespace");
    else
        result = apply_socket_listen(path, ret_fd, error);
    run_unlock(tapnet->run_dir, lock);
    return result;
}

/* ---- ending it ---- */

void hook_resident_remove_files(const struct tapnet *tapnet)
{
    static const char *const names[] = {HOOK_RESIDENT_SOCKET, HOOK_RESIDENT_LOG, HOOK_RESIDENT_TOLD,
                                        HOOK_RESIDENT_STATE, HOOK_RESIDENT_FRESH};

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        run_file_remove(tapnet->run_dir, names[i], NULL);
}

int hook_resident_meet(const struct tapnet *tapnet)
{
    char path[RUN_PATH_MAX];
    int fd;

    return run_path(tapnet->run_dir, HOOK_RESIDENT_SOCKET, path) < 0 ||
                   apply_socket_connect(path, ANSWER_SECONDS, &fd, NULL) < 0
               ? -1
               : fd;
}

static bool any_wanted(const struct tapnet *tapnet)
{
    struct observe_found *found;
    bool any;

    if (observe_networks(tapnet->run_dir, &found, NULL) < 0)
        return true;
    any = found_wants(found, NULL) != NULL;
    observe_free(found);
    return any;
}

/* What one that was killed has left of networks that have gone since. Returns how many hooks will never run. */
static size_t remove_leavings(const struct tapnet *tapnet)
{
    char path[RUN_PATH_MAX];
    size_t missed = 0;
    int lock;

    if (run_path(tapnet->run_dir, HOOK_RESIDENT_SOCKET, path) < 0 || access(path, F_OK) < 0 ||
        run_lock(tapnet->run_dir, &lock, NULL) < 0)
        return 0;
    if (!hook_resident_runs(tapnet->run_dir)) {
        missed = hook_told_forget(tapnet->run_dir);
        if (!any_wanted(tapnet))
            hook_resident_remove_files(tapnet);
    }
    run_unlock(tapnet->run_dir, lock);
    return missed;
}

/* Those that run, with what they have started: that would go on without who watches them. */
static void end_hooks(int fd)
{
    int pid = apply_socket_pid(fd), child;
    _cleanup_fclose_ FILE *file = NULL;
    char path[64];

    if (pid < 0 || !apply_process_is(pid, PROGRAM))
        return;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    file = fopen(path, "re");
    while (file && fscanf(file, "%d", &child) == 1)
        hook_kill(child);
}

/* What it answers: NULL when it does not, and then it is gone, or nobody waits for it any more. */
static json_t *ask(int fd, struct hook_wait *wait)
{
    static const char request[] = "{\"do\":\"look\"}";
    char reply[REPLY_MAX];
    size_t len = 0, fd_count = 0;
    int result = message_send(fd, request, strlen(request), NULL, 0, 0);

    if (result == 0)
        result = hook_wait_until(wait, fd, clock_now_msec() + ANSWER_SECONDS * 1000);
    if (result >= 0)
        result = message_receive(fd, reply, sizeof(reply), NULL, 0, &len, &fd_count, MSG_DONTWAIT);
    if (result == -EAGAIN) {
        end_hooks(fd);
        apply_socket_end(fd, PROGRAM);
    }
    return result < 0 ? NULL : json_loadb(reply, len, 0, NULL);
}

int hook_resident_tell(struct tapnet *tapnet, int resident_fd, struct hook_wait *wait)
{
    _cleanup_close_ int fd = resident_fd;
    _cleanup_json_ json_t *json = fd < 0 ? NULL : ask(fd, wait);
    size_t missed = (size_t)json_integer_value(json_object_get(json, "missed"));

    if (json_is_true(json_object_get(json, "ends")))
        apply_process_await((int)json_integer_value(json_object_get(json, "pid")));
    missed += remove_leavings(tapnet);
    if (!json && wait->has_ended)
        return api_note(tapnet, "hooks: unplugged: tapnet-hooks goes on with it: nobody waits for it");
    if (!missed)
        return 0;
    return api_note(tapnet, arena_printf(&tapnet->note_arena,
                                         "hooks: unplugged: did not run, or not to its end, for %zu guest%s of what "
                                         "has gone: %s",
                                         missed, missed == 1 ? "" : "s",
                                         json ? "there was no time left"
                                              : "tapnet-hooks, which runs it, did not answer, or was not there"));
}

/* ---- what is said of it ---- */

int hook_resident_warning(const char *run_dir, const struct model_network *network, struct arena *arena,
                          const char **ret)
{
    _cleanup_free_ char *text = NULL;
    char head[MODEL_NAME_MAX + 1], *rest = NULL;

    *ret = NULL;
    if (!model_hooks_of_ports(&network->hooks) || run_file_read(run_dir, HOOK_RESIDENT_STATE, STATE_MAX, &text) < 0)
        return 0;
    snprintf(head, sizeof(head), "%s ", network->name);
    for (const char *line = strtok_r(text, "\n", &rest); line && !*ret; line = strtok_r(NULL, "\n", &rest)) {
        if (!text_begins_with(line, head))
            continue;
        *ret = arena_strdup(arena, line + strlen(head));
        if (!*ret)
            return -ENOMEM;
    }
    return 0;
}
