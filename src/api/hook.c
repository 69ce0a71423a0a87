/* SPDX-License-Identifier: MIT */
/* One program of root's that the file names: whose it is, what it is told, how it begins and ends. */
#include "api/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply/run.h"
#include "base/array.h"

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
int hook_check_way(const char *path, struct stat *ret, struct tapnet_error *error)
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

int hook_check_program(const char *path, struct tapnet_error *error)
{
    struct stat status = {.st_mode = 0};
    int result;

    if (*path != '/')
        return error_set(error, -EINVAL, "%s is no path", path);
    if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
        return error_set(error, -EINVAL, "%s is no regular file: name a program", path);
    result = hook_check_way(path, &status, error);
    if (result == 0 && (!S_ISREG(status.st_mode) || !(status.st_mode & S_IXUSR)))
        return error_set(error, -EINVAL, "%s is no program: `chmod u+x %s`, where it is one", path, path);
    return result;
}

/* ---- what it is told ---- */

static int print_facts(struct arena *arena, const char *const (*facts)[2], size_t count, const char **ret)
{
    for (size_t i = 0; i < count; i++) {
        ret[i] = arena_printf(arena, "%s=%s", facts[i][0], facts[i][1]);
        if (!ret[i])
            return -ENOMEM;
    }
    return 0;
}

/* With a PATH of folders that are root's on every host. */
int hook_facts_print(struct arena *arena, const struct model_service *service, struct hook_facts *ret)
{
    const struct model_network *network = service->network;
    char subnet[IP_PREFIX_TEXT_MAX] = "", subnet6[IP_PREFIX_TEXT_MAX] = "";
    const char *const facts[HOOK_FACTS][2] = {
        {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
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
    return print_facts(arena, facts, HOOK_FACTS, ret->texts);
}

void hook_port_print(const struct model_port *port, struct hook_port *ret)
{
    *ret = (struct hook_port){.name = ""};
    memcpy(ret->name, port->name, sizeof(ret->name));
    memcpy(ret->device, port->device, sizeof(ret->device));
    mac_print(&port->guest_mac, ret->mac);
    if (port->address.family)
        ip_address_print(&port->address, ret->address);
    if (port->address6.family)
        ip_address_print(&port->address6, ret->address6);
}

int hook_environment(struct arena *arena, const char *event, const struct hook_facts *facts,
                     const struct hook_port *port, const char *ret[HOOK_ENVIRONMENT_MAX])
{
    const char *const events[][2] = {{"TAPNET_EVENT", event}};
    size_t count = HOOK_FACTS + 1;
    int result = print_facts(arena, events, 1, ret + HOOK_FACTS);

    memcpy(ret, facts->texts, sizeof(facts->texts));
    if (result == 0 && port) {
        const char *const more[][2] = {{"TAPNET_PORT", port->name},
                                       {"TAPNET_DEVICE", port->device},
                                       {"TAPNET_MAC", port->mac},
                                       {"TAPNET_ADDRESS", port->address},
                                       {"TAPNET_ADDRESS6", port->address6}};

        result = print_facts(arena, more, ARRAY_COUNT(more), ret + count);
        count += ARRAY_COUNT(more);
    }
    ret[count] = NULL;
    return result;
}

/* ---- how it runs ---- */

/* In the child: no call that is not async-signal-safe; the parent may have threads. */
_Noreturn static void become(const char *program, const char *const *environment, pid_t parent)
{
    char *const arguments[] = {(char *)(uintptr_t)program, NULL};
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
    execve(program, arguments, (char *const *)(uintptr_t)environment);
    _exit(127);
}

int hook_start(const char *program, const char *const *environment, pid_t *ret, struct tapnet_error *error)
{
    pid_t parent = getpid(), child;
    int result = hook_check_program(program, error); /* it was checked some time ago, maybe */

    if (result < 0)
        return error_prefix(error, result, "it is not run");
    child = fork();
    if (child == 0)
        become(program, environment, parent);
    if (child < 0)
        return error_set_errno(error, -errno, "%s could not be started", program);
    *ret = child;
    return 0;
}

void hook_kill(pid_t pid)
{
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL); /* it may not lead its group yet */
}

int hook_explain(const char *program, int code, bool in_time, struct tapnet_error *error)
{
    if (!in_time)
        return error_set(error, -ETIMEDOUT, "%s did not end within %d s, and was killed", program, HOOK_SECONDS);
    if (WIFSIGNALED(code))
        return error_set(error, -EIO, "%s was ended by signal %d", program, WTERMSIG(code));
    if (WEXITSTATUS(code) == 127)
        return error_set(error, -ENOEXEC,
                         "%s ended with exit code 127, as what can't be run: has a script its `#!` line?", program);
    return WEXITSTATUS(code) ? error_set(error, -EIO, "%s ended with exit code %d", program, WEXITSTATUS(code)) : 0;
}
