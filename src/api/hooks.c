/* SPDX-License-Identifier: MIT */
/* Programs that the file has run when a network has come up or gone: whether they may, and how they run. */
#include "api/hooks.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/hook.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/clock.h"

#define PAUSE_MSEC 10
#define TEXT_MAX 4096 /* of what became of one, in the run directory */
#define FOLDER "hooks"

struct hook {
    const char *network, *event, *program;
    const char *environment[HOOK_ENVIRONMENT_MAX];
};

void hooks_fini(struct hooks *hooks)
{
    free(hooks->items);
    arena_fini(&hooks->arena);
    *hooks = (struct hooks){.items = NULL};
}

/* ---- whose it is ---- */

/* The file whose text was read, and no other that stands in its place by now. */
static int check_file(const struct model_set *set, struct tapnet_error *error)
{
    struct stat status;
    int result;

    if (!set->path || !set->source_inode)
        return error_set(error, -EINVAL, "they are taken from a file of root's and from nowhere else");
    result = hook_check_way(set->path, &status, error);
    if (result == 0 && (status.st_dev != set->source_device || status.st_ino != set->source_inode))
        return error_set(error, -EINVAL, "%s is not the file any more that was read: try again", set->path);
    return result;
}

static int check_hook(const struct model_set *set, const struct model_network *network, const struct model_hook *hook,
                      struct tapnet_error *error)
{
    struct tapnet_error why = TAPNET_ERROR_INIT;
    int result = hook->program ? check_file(set, &why) : 0;

    if (hook->program && result == 0)
        result = hook_check_program(hook->program, &why);
    return result < 0
               ? error_set(error, result, "%s:%u:%u: network %s: hooks: %s: %s", set->file ? set->file : set->name,
                           hook->place.line, hook->place.column, network->name, hook->event, why.text)
               : 0;
}

int hooks_check(const struct model_set *set, struct tapnet_error *error)
{
    int result = 0;

    for (size_t i = 0; i < set->network_count; i++) {
        struct model_hook hooks[MODEL_HOOK_COUNT];

        model_hooks_list(&set->networks[i].hooks, hooks);
        for (size_t j = 0; j < MODEL_HOOK_COUNT && result == 0; j++)
            result = check_hook(set, &set->networks[i], &hooks[j], error);
    }
    return result;
}

/* ---- what is to be run ---- */

static int add_hook(struct hooks *hooks, const char *event, const char *program, const struct model_service *service)
{
    struct hook_facts facts;
    struct hook *hook;

    if (!program)
        return 0;
    if (array_reserve((void **)&hooks->items, &hooks->capacity, hooks->count, 1, sizeof(*hooks->items)) < 0)
        return -ENOMEM;
    hook = &hooks->items[hooks->count++];
    hook->event = event;
    hook->network = arena_strdup(&hooks->arena, service->network->name);
    hook->program = arena_strdup(&hooks->arena, program);
    if (!hook->network || !hook->program || hook_facts_print(&hooks->arena, service, &facts) < 0)
        return -ENOMEM;
    return hook_environment(&hooks->arena, event, &facts, NULL, hook->environment);
}

static void result_name(const char *network, char ret[MODEL_NAME_MAX + 16])
{
    snprintf(ret, MODEL_NAME_MAX + 16, FOLDER "/%s", network);
}

int hooks_collect(const struct tapnet *tapnet, const struct plan *plan, struct hooks *ret)
{
    int result = 0;

    for (size_t i = 0; i < plan->step_count && result == 0; i++) {
        const struct plan_step *step = &plan->steps[i];
        const struct model_object *object = plan_step_object(step);
        const struct model_service *service = &object->service;
        char name[MODEL_NAME_MAX + 16];

        if (object->kind != MODEL_OBJECT_SERVICE || (step->before && step->after))
            continue;
        if (step->after) {
            result = add_hook(ret, "up", service->network->hooks.up, service);
            continue;
        }
        result_name(service->network->name, name);
        run_file_remove(tapnet->run_dir, name, NULL);
        result = add_hook(ret, "down", service->network->hooks.down, service);
    }
    return result;
}

/* ---- running it ---- */

/* Waits until @child has ended: 0 when it has not within its time, -ECANCELED when nobody waits any more. */
static int await_end(pid_t child, struct hook_wait *wait)
{
    const int64_t end = clock_now_msec() + HOOK_SECONDS * 1000;
    _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, child, 0);
    siginfo_t info = {.si_pid = 0};
    int result = 0;

    if (fd >= 0)
        return hook_wait_until(wait, fd, end);
    while (result == 0 && clock_now_msec() < end) { /* a kernel, or a limit, without pidfd_open(2) */
        if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child)
            return 1;
        result = hook_wait_slice(wait, -1, PAUSE_MSEC);
    }
    return result;
}

static int run_one(const struct hook *hook, struct hook_wait *wait, struct tapnet_error *error)
{
    pid_t child;
    int code = 0, result, ended;

    if (wait->has_ended)
        return error_set(error, -ECANCELED, "%s was not run: nobody waits for it", hook->program);
    result = hook_start(hook->program, hook->environment, &child, error);
    if (result < 0)
        return result;
    ended = await_end(child, wait);
    if (ended != 1)
        hook_kill(child);
    while ((result = waitpid(child, &code, 0)) < 0 && errno == EINTR)
        ;
    if (ended < 0)
        return error_set(error, ended, "%s was killed before its end: nobody waits for it", hook->program);
    if (result < 0) /* SIGCHLD is ignored here, or somebody else waits for whatever ends */
        return error_set_errno(error, -errno, "how %s ended is not known", hook->program);
    return hook_explain(hook->program, code, ended == 1, error);
}

/* For `status`, while the network is up. Another tapnet may have taken it down meanwhile, and leaves nothing of it. */
static void keep_result(const struct tapnet *tapnet, const struct hook *hook, const char *sentence)
{
    char name[MODEL_NAME_MAX + 16], ledger[RUN_PATH_MAX];
    int lock;

    result_name(hook->network, name);
    if (snprintf(ledger, sizeof(ledger), "%s/networks/%s.json", tapnet->run_dir, hook->network) >=
            (int)sizeof(ledger) ||
        run_lock(tapnet->run_dir, &lock, NULL) < 0)
        return;
    if (access(ledger, F_OK) == 0)
        run_file_write(tapnet->run_dir, name, sentence, NULL);
    run_unlock(tapnet->run_dir, lock);
}

int hooks_run(struct tapnet *tapnet, const struct hooks *hooks, struct hook_wait *wait)
{
    for (size_t i = 0; i < hooks->count; i++) {
        const struct hook *hook = &hooks->items[i];
        struct tapnet_error why = TAPNET_ERROR_INIT;
        const char *sentence;

        if (run_one(hook, wait, &why) == 0)
            continue;
        sentence = arena_printf(&tapnet->note_arena, "network %s: hooks: %s: %s", hook->network, hook->event, why.text);
        if (api_note(tapnet, sentence) < 0)
            return -ENOMEM;
        if (strcmp(hook->event, "up") == 0)
            keep_result(tapnet, hook, sentence);
    }
    return 0;
}

int hooks_warning(const char *run_dir, const struct model_network *network, struct arena *arena, const char **ret)
{
    _cleanup_free_ char *text = NULL;
    char name[MODEL_NAME_MAX + 16];

    *ret = NULL;
    result_name(network->name, name);
    if (!network->hooks.up || run_file_read(run_dir, name, TEXT_MAX, &text) < 0)
        return 0;
    *ret = arena_strdup(arena, text);
    return *ret ? 0 : -ENOMEM;
}
