/* SPDX-License-Identifier: MIT */
/* Programs that the file has run when a network has come up or gone: whether they may, and how they run. */
#include "api/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"

#define LIMIT_MSEC 10000
#define PAUSE_MSEC 10
#define TEXT_MAX 4096 /* of what became of one, in the run directory */
#define FOLDER "hooks"

#define FACTS_MAX 10 /* in its environment */

struct hook {
    const char *network, *event, *program;
    char *environment[FACTS_MAX + 1]; /* "NAME=value"; ends with NULL */
};

void hooks_fini(struct hooks *hooks)
{
    free(hooks->items);
    arena_fini(&hooks->arena);
    *hooks = (struct hooks){.items = NULL};
}

/* ---- whose it is ---- */

/* @whose: who could write at @place. Somebody's home and /tmp are as they should be. */
static int refuse_place(const char *place, const struct stat *status, const char *whose, const char *command,
                        struct tapnet_error *error)
{
    if (S_ISDIR(status->st_mode))
        return error_set(error, -EINVAL,
                         "%s %s, who could change what root runs: keep it in a folder that is root's all the way, as "
                         "/etc/tapnet",
                         place, whose);
    return error_set(error, -EINVAL, "%s %s, who could change what root runs: `%s %s`", place, whose, command, place);
}

/* What is wrong with @place, the program or the file or a folder above, of which *ret tells; 0: nothing. */
static int check_place(const char *place, struct stat *ret, struct tapnet_error *error)
{
    char whose[64];

    if (lstat(place, ret) < 0)
        return error_set(error, -EINVAL, "%s: %s", place, strerror(errno));
    if (S_ISLNK(ret->st_mode))
        return error_set(error, -EINVAL, "%s is a symbolic link, which may lead elsewhere later: write where it leads",
                         place);
    if (ret->st_uid != 0) {
        snprintf(whose, sizeof(whose), "belongs to user %u", ret->st_uid);
        return refuse_place(place, ret, whose, "chown root", error);
    }
    if (ret->st_mode & (S_IWGRP | S_IWOTH)) {
        snprintf(whose, sizeof(whose), "may be written by others (mode %04o)", ret->st_mode & 07777u);
        return refuse_place(place, ret, whose, "chmod go-w", error);
    }
    return 0;
}

/* Every folder above @path, which is absolute, and what is there, of which *ret tells. */
static int check_way(const char *path, struct stat *ret, struct tapnet_error *error)
{
    char place[RUN_PATH_MAX];
    int result = check_place("/", ret, error);

    if (strlen(path) >= sizeof(place))
        return error_set(error, -EINVAL, "its path is too long");
    for (size_t len = 1; result == 0 && path[len - 1]; len++) {
        if (path[len] != '/' && path[len] != '\0')
            continue;
        snprintf(place, sizeof(place), "%.*s", (int)len, path);
        result = check_place(place, ret, error);
    }
    return result;
}

static int check_program(const char *path, struct tapnet_error *error)
{
    struct stat status = {.st_mode = 0};
    int result = *path == '/' ? check_way(path, &status, error) : error_set(error, -EINVAL, "%s is no path", path);

    if (result == 0 && (!S_ISREG(status.st_mode) || !(status.st_mode & S_IXUSR)))
        return error_set(error, -EINVAL, "%s is no program: `chmod u+x %s`, where it is one", path, path);
    return result;
}

/* The file whose text was read, and no other that stands in its place by now. */
static int check_file(const struct model_set *set, struct tapnet_error *error)
{
    struct stat status;
    int result;

    if (!set->path || !set->source_inode)
        return error_set(error, -EINVAL, "they are taken from a file of root's and from nowhere else");
    result = check_way(set->path, &status, error);
    if (result == 0 && (status.st_dev != set->source_device || status.st_ino != set->source_inode))
        return error_set(error, -EINVAL, "%s is not the file any more that was read: try again", set->path);
    return result;
}

static int check_hook(const struct model_set *set, const struct model_network *network, const char *event,
                      const char *program, struct model_place place, struct tapnet_error *error)
{
    struct tapnet_error why = TAPNET_ERROR_INIT;
    int result = 0;

    if (program)
        result = check_file(set, &why);
    if (program && result == 0)
        result = check_program(program, &why);
    return result < 0
               ? error_set(error, result, "%s:%u:%u: network %s: hooks: %s: %s", set->file ? set->file : set->name,
                           place.line, place.column, network->name, event, why.text)
               : 0;
}

int hooks_check(const struct model_set *set, struct tapnet_error *error)
{
    int result = 0;

    for (size_t i = 0; i < set->network_count && result == 0; i++) {
        const struct model_network *network = &set->networks[i];
        const struct model_hooks *hooks = &network->hooks;

        result = check_hook(set, network, "up", hooks->up, hooks->up_place, error);
        if (result == 0)
            result = check_hook(set, network, "down", hooks->down, hooks->down_place, error);
    }
    return result;
}

/* ---- what is to be run ---- */

/* The facts of the event, and a PATH of folders that are root's on every host. */
static int fill_environment(struct arena *arena, const char *event, const struct model_service *service,
                            struct hook *hook)
{
    const struct model_network *network = service->network;
    char subnet[IP_PREFIX_TEXT_MAX] = "", subnet6[IP_PREFIX_TEXT_MAX] = "";
    const char *const facts[FACTS_MAX][2] = {
        {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
        {"TAPNET_EVENT", event},
        {"TAPNET_SET", service->set},
        {"TAPNET_NETWORK", network->name},
        {"TAPNET_MODE", model_mode_print(network->mode)},
        {"TAPNET_BRIDGE", network->bridge},
        {"TAPNET_UPLINK", network->uplink},
        {"TAPNET_UPLINK6", network->uplink6},
        {"TAPNET_SUBNET", subnet},
        {"TAPNET_SUBNET6", subnet6},
    };

    if (network->subnet.address.family)
        ip_prefix_print(&network->subnet, subnet);
    if (network->subnet6.address.family)
        ip_prefix_print(&network->subnet6, subnet6);
    for (size_t i = 0; i < FACTS_MAX; i++) {
        hook->environment[i] = arena_printf(arena, "%s=%s", facts[i][0], facts[i][1]);
        if (!hook->environment[i])
            return -ENOMEM;
    }
    hook->environment[FACTS_MAX] = NULL;
    return 0;
}

static int add_hook(struct hooks *hooks, const char *event, const char *program, const struct model_service *service)
{
    struct hook *hook;

    if (!program)
        return 0;
    if (array_reserve((void **)&hooks->items, &hooks->capacity, hooks->count, 1, sizeof(*hooks->items)) < 0)
        return -ENOMEM;
    hook = &hooks->items[hooks->count++];
    hook->event = event;
    hook->network = arena_strdup(&hooks->arena, service->network->name);
    hook->program = arena_strdup(&hooks->arena, program);
    return hook->network && hook->program ? fill_environment(&hooks->arena, event, service, hook) : -ENOMEM;
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

/* In the child: no call that is not async-signal-safe; the parent may have threads. */
_Noreturn static void become(const struct hook *hook, pid_t parent)
{
    char *const arguments[] = {(char *)(uintptr_t)hook->program, NULL};
    int null = open("/dev/null", O_RDWR);
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* nobody would watch it */
    if (null < 0 || getppid() != parent || setsid() < 0 || chdir("/") < 0)
        _exit(127);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL); /* what is ignored would stay so */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
    execve(hook->program, arguments, hook->environment);
    _exit(127);
}

static int64_t now_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until @child has ended: false when it has not within its time. Signals to us do not shorten that. */
static bool ends_in_time(pid_t child)
{
    const int64_t end = now_msec() + LIMIT_MSEC;
    _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, child, 0);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    siginfo_t info = {.si_pid = 0};
    int64_t left;

    while ((left = end - now_msec()) > 0) {
        if (fd < 0 && waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child)
            return true; /* a kernel, or a limit, without pidfd_open(2) */
        if (poll(&poll_fd, 1, fd < 0 ? PAUSE_MSEC : (int)left) > 0)
            return true;
    }
    return false;
}

static int explain_end(const struct hook *hook, int code, struct tapnet_error *error)
{
    if (WIFSIGNALED(code))
        return error_set(error, -EIO, "%s was ended by signal %d", hook->program, WTERMSIG(code));
    if (WEXITSTATUS(code) == 127)
        return error_set(error, -ENOEXEC,
                         "%s ended with exit code 127, as what can't be run: has a script its `#!` line?",
                         hook->program);
    return WEXITSTATUS(code) ? error_set(error, -EIO, "%s ended with exit code %d", hook->program, WEXITSTATUS(code))
                             : 0;
}

static int run_one(const struct hook *hook, struct tapnet_error *error)
{
    pid_t parent = getpid(), child;
    int code = 0, result = check_program(hook->program, error); /* it was checked some time ago, maybe */
    bool in_time;

    if (result < 0)
        return error_prefix(error, result, "it is not run");
    child = fork();
    if (child == 0)
        become(hook, parent);
    if (child < 0)
        return error_set_errno(error, -errno, "%s could not be started", hook->program);
    in_time = ends_in_time(child);
    if (!in_time) {
        kill(-child, SIGKILL); /* with all that it has started and that stayed in its group */
        kill(child, SIGKILL);
    }
    while ((result = waitpid(child, &code, 0)) < 0 && errno == EINTR)
        ;
    if (result < 0) /* SIGCHLD is ignored here, or somebody else waits for whatever ends */
        return error_set_errno(error, -errno, "how %s ended is not known", hook->program);
    if (!in_time)
        return error_set(error, -ETIMEDOUT, "%s did not end within %d s, and was killed", hook->program,
                         LIMIT_MSEC / 1000);
    return explain_end(hook, code, error);
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

int hooks_run(struct tapnet *tapnet, const struct hooks *hooks)
{
    for (size_t i = 0; i < hooks->count; i++) {
        const struct hook *hook = &hooks->items[i];
        struct tapnet_error why = TAPNET_ERROR_INIT;
        const char *sentence;

        if (run_one(hook, &why) == 0)
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
