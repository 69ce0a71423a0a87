/* SPDX-License-Identifier: MIT */
/* Starts a resident program that outlives us: by a fork, or by having systemd start its unit. */
#include "apply/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply/kernel.h"
#include "apply/run.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "netlink/unix.h"

/* In the child: no call that is not async-signal-safe; the parent may have threads. */
_Noreturn static void become(const char *program, const char *const *arguments, const int *fds, size_t count)
{
    int null = open("/dev/null", O_RDWR), moved[APPLY_SPAWN_FDS];
    sigset_t none;

    /* First out of the way of the numbers that they are going to have. */
    for (size_t i = 0; i < count; i++) {
        moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, APPLY_SPAWN_FIRST_FD + APPLY_SPAWN_FDS);
        if (moved[i] < 0)
            _exit(127);
    }
    if (null < 0)
        _exit(127);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(count ? moved[count - 1] : null, STDERR_FILENO);
    for (size_t i = 0; i < count; i++)
        dup2(moved[i], APPLY_SPAWN_FIRST_FD + (int)i);
    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* whoever starts us may hold signals back while it works */
    if (chdir("/") < 0)
        _exit(127);
    execv(program, (char *const *)(uintptr_t)arguments);
    _exit(127);
}

int apply_spawn(const char *program, const char *const *arguments, const int *fds, size_t fd_count,
                struct tapnet_error *error)
{
    int code = 0;
    pid_t child;

    if (access(program, X_OK) < 0)
        return error_set(error, -errno,
                         "cannot run the program %s: %s: `make install` puts it there, TAPNET_SERVICE names another",
                         program, strerror(errno));
    child = fork();
    if (child < 0)
        return error_set_errno(error, -errno, "cannot start %s", program);
    if (child == 0) {
        pid_t grandchild = fork();

        if (grandchild == 0)
            become(program, arguments, fds, fd_count);
        _exit(grandchild < 0 ? 1 : 0);
    }
    while (waitpid(child, &code, 0) < 0 && errno == EINTR)
        ;
    return code == 0 ? 0 : error_set(error, -EAGAIN, "cannot start %s: no more processes", program);
}

/* ---- systemd ---- */

static int start_path(const char *run_dir, const char *name, char ret[RUN_PATH_MAX])
{
    const char *slash = strrchr(run_dir, '/');
    int base_len = slash ? (int)(slash - run_dir) : 0;

    return snprintf(ret, RUN_PATH_MAX, "%.*s/%s.start", base_len, run_dir, name) < RUN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

bool apply_can_activate(const char *run_dir, const char *name)
{
    char path[RUN_PATH_MAX];

    return start_path(run_dir, name, path) == 0 && access(path, F_OK) == 0 && unix_socket_is_ours(path);
}

/*
 * Was it root, or our own user, who listens there? In a directory that all may write to (TAPNET_RUN_DIR=/tmp) anybody
 * could, and would be handed the service's sockets.
 */
static bool is_trusted(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

int apply_activate(const char *run_dir, const char *name, const int *fds, size_t fd_count)
{
    static const char word[] = "start";
    _cleanup_close_ int fd = -1;
    char path[RUN_PATH_MAX];

    if (!apply_can_activate(run_dir, name) || start_path(run_dir, name, path) < 0 ||
        apply_socket_connect(path, APPLY_SOCKET_SECONDS, &fd, NULL) < 0 || !is_trusted(fd))
        return -ENOENT;
    return message_send(fd, word, strlen(word), fds, fd_count, 0);
}
