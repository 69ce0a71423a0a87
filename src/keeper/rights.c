/* SPDX-License-Identifier: MIT */
/* What the keeper keeps of its rights, and the child that starts the service as somebody else. */
#include "keeper/rights.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "service/isolate.h"

/* ---- the starter ---- */

#define CONTROL_FD 3
#define LOG_FD 4

_Noreturn static void become_service(int program_fd, int control_fd, int log_fd)
{
    static const char *const arguments[] = {"tapnet-service", "--control", "3", "--log", "4", NULL};
    static const char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
    int program = fcntl(program_fd, F_DUPFD_CLOEXEC, LOG_FD + 1);
    int control = fcntl(control_fd, F_DUPFD_CLOEXEC, LOG_FD + 1);
    int log = fcntl(log_fd, F_DUPFD_CLOEXEC, LOG_FD + 1);

    if (program < 0 || control < 0 || log < 0)
        _exit(127);
    dup2(log, STDERR_FILENO);
    dup2(control, CONTROL_FD);
    dup2(log, LOG_FD);
    setsid();
    fexecve(program, (char *const *)(uintptr_t)arguments, (char *const *)(uintptr_t)environment);
    _exit(127);
}

/* With a parent that ends at once: nobody waits for the service. */
static void start_service(int program_fd, const int *fds)
{
    pid_t child = fork();

    if (child == 0) {
        if (fork() == 0)
            become_service(program_fd, fds[0], fds[1]);
        _exit(0);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

_Noreturn static void run_starter(int fd, int program_fd)
{
    char word[8];
    int fds[2];
    size_t len, fd_count;

    prctl(PR_SET_NAME, "tapnet-starter", 0, 0, 0);
    while (message_receive(fd, word, sizeof(word), fds, ARRAY_COUNT(fds), &len, &fd_count, 0) == 0) {
        if (fd_count == ARRAY_COUNT(fds))
            start_service(program_fd, fds);
        else if (fd_count == 1) /* "end": of a process of the service's user, as we are */
            syscall(SYS_pidfd_send_signal, fds[0], SIGKILL, NULL, 0);
        for (size_t i = 0; i < fd_count; i++)
            close(fds[i]);
    }
    _exit(0);
}

/* Everything but what is needed to exec a program that anybody may run. */
static int isolate_starter(int fd, int program_fd)
{
    const int keep[] = {fd, program_fd};
    int result = isolate_descriptors(keep, ARRAY_COUNT(keep), NULL);

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return result < 0 ? result : isolate_to_user(NULL);
}

void rights_end_starter(int fd, pid_t pid)
{
    if (fd < 0)
        return;
    close(fd);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

int rights_fork_starter(const char *service, int *ret_fd, pid_t *ret_pid, struct tapnet_error *error)
{
    _cleanup_close_ int ours = -1, theirs = -1;
    /* Opened now: the starter's user may not be allowed into the directory that it lies in. */
    _cleanup_close_ int program_fd = open(service, O_PATH | O_CLOEXEC);
    int pair[2];
    pid_t child;

    if (program_fd < 0)
        return error_set_errno(error, -errno, "cannot open the service's program %s", service);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set_errno(error, -errno, "cannot make a socket pair");
    ours = pair[0];
    theirs = pair[1];
    child = fork();
    if (child < 0)
        return error_set_errno(error, -errno, "cannot fork");
    if (child == 0) {
        if (isolate_starter(theirs, program_fd) < 0)
            _exit(1);
        run_starter(theirs, program_fd);
    }
    *ret_fd = take_fd(&ours);
    *ret_pid = child;
    return 0;
}

/* ---- ourselves ---- */

#define DESCRIPTORS 1024 /* a handful for good, and some sockets of one network at a time */

/* Never more than there is now: the hard limits only sink. */
static int limit(int resource, rlim_t most)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
        return -errno;
    if (now.rlim_max > most)
        now.rlim_max = most;
    now.rlim_cur = now.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &now) < 0 ? -errno : 0;
}

static int set_limits(struct tapnet_error *error)
{
    int result = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : limit(RLIMIT_CORE, 0);

    if (result == 0)
        result = limit(RLIMIT_MEMLOCK, 0);
    if (result == 0)
        result = limit(RLIMIT_NOFILE, DESCRIPTORS);
    return result < 0 ? error_set_errno(error, result, "cannot set limits") : 0;
}

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false /* a sanitizer needs more system calls; such builds are for tests */
#endif

/* Is CAP_NET_ADMIN all that we have, or can ever get? So it is in our unit, that allows no capset(2). */
static bool has_no_more(void)
{
    capng_get_caps_process();
    for (unsigned capability = 0; capability <= CAP_LAST_CAP; capability++)
        if (capability != CAP_NET_ADMIN && (capng_have_capability(CAPNG_PERMITTED, capability) ||
                                            capng_have_capability(CAPNG_INHERITABLE, capability) ||
                                            capng_have_capability(CAPNG_BOUNDING_SET, capability)))
            return false;
    return capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);
}

static int drop_capabilities(struct tapnet_error *error)
{
    static const capng_select_t stages[] = {CAPNG_SELECT_BOUNDS, CAPNG_SELECT_CAPS};

    if (has_no_more())
        return 0;
    /* The bounding set can't be cut by who lacks CAP_SETPCAP: then there is nothing to fear from it either. */
    for (size_t i = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) ? 0 : 1; i < ARRAY_COUNT(stages); i++) {
        capng_clear(CAPNG_SELECT_ALL);
        capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, CAP_NET_ADMIN);
        if (capng_apply(stages[i]) < 0 && stages[i] == CAPNG_SELECT_CAPS)
            return error_set(error, -EPERM, "cannot give up capabilities (CAP_NET_ADMIN is needed)");
    }
    return 0;
}

int rights_drop(struct tapnet_error *error)
{
    int result = set_limits(error);

    if (result == 0)
        result = drop_capabilities(error);
    if (result < 0)
        return result;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return error_set_errno(error, -errno, "cannot become undumpable");
    return SANITIZED ? 0 : rights_filter(error);
}
