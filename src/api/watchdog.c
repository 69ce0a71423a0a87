/* SPDX-License-Identifier: MIT */
/* The watchdog as a tapnet sees it that moves the host's uplink: start it, be heard of, end it. */
#include "api/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "api/context.h"
#include "apply/spawn.h"
#include "base/cleanup.h"
#include "base/message.h"

#define PROGRAM "tapnet-watchdog"
#define START_SECONDS 10
#define END_MSEC 5000

/*
 * A pipe whose reader, we, gets SIGKILL when somebody writes to it. We keep its other end, too: the kernel signals as
 * well when the last writer goes, and the watchdog's own end must not be ours.
 */
static int make_switch(int fds[2], struct tapnet_error *error)
{
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_set_errno(error, -errno, "cannot make a pipe");
    if (fcntl(fds[0], F_SETSIG, SIGKILL) < 0 || fcntl(fds[0], F_SETOWN, getpid()) < 0 ||
        fcntl(fds[0], F_SETFL, O_NONBLOCK | O_ASYNC) < 0)
        return error_set_errno(error, -errno, "cannot have a pipe end us");
    return 0;
}

static void close_switch(int fds[2])
{
    if (fds[0] >= 0) {
        fcntl(fds[0], F_SETFL, O_NONBLOCK); /* else the close of the other end would be the end of us */
        close(fds[0]);
        close(fds[1]);
    }
    fds[0] = fds[1] = -1;
}

static int spawn(const struct tapnet *tapnet, int lifeline_fd, int switch_fd, struct tapnet_error *error)
{
    char program[RUN_PATH_MAX], base[RUN_PATH_MAX];
    const char *const arguments[] = {PROGRAM,     "--lifeline", "3",         "--switch",      "4",
                                     "--run-dir", base,         "--service", tapnet->service, NULL};
    const int fds[] = {lifeline_fd, switch_fd, STDERR_FILENO};

    if (api_program_path(tapnet, PROGRAM, program) < 0)
        return error_set(error, -ENAMETOOLONG, "the path of the watchdog's program is too long");
    snprintf(base, sizeof(base), "%s", tapnet->run_dir);
    *strrchr(base, '/') = '\0';
    return apply_spawn(program, arguments, fds, 3, error);
}

static int wait_ready(int fd, struct tapnet_error *error)
{
    const struct timeval limit = {.tv_sec = START_SECONDS};
    uint32_t word = 0;
    size_t len = 0, fd_count;
    int result;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* one that is stopped guards nothing */
    result = message_receive(fd, &word, sizeof(word), NULL, 0, &len, &fd_count, 0);
    if (result == 0 && len == sizeof(word) && word == WATCHDOG_READY)
        return 0;
    return error_set(error, result < 0 ? result : -EPROTO,
                     "the watchdog, that would put all back if the host were cut off, does not start");
}

int watchdog_start(const struct tapnet *tapnet, struct watchdog *ret, struct tapnet_error *error)
{
    struct watchdog watchdog = WATCHDOG_NONE;
    _cleanup_close_ int theirs = -1;
    int pair[2], result;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set_errno(error, -errno, "cannot make a socket pair");
    watchdog.lifeline_fd = pair[0];
    theirs = pair[1];
    result = make_switch(watchdog.switch_fd, error);
    if (result == 0)
        result = spawn(tapnet, theirs, watchdog.switch_fd[1], error);
    close(take_fd(&theirs)); /* its end must be the last */
    if (result == 0)
        result = wait_ready(watchdog.lifeline_fd, error);
    if (result < 0) {
        close(watchdog.lifeline_fd);
        close_switch(watchdog.switch_fd);
        return result;
    }
    *ret = watchdog;
    return 0;
}

int watchdog_tell(const struct watchdog *watchdog, unsigned seconds, struct tapnet_error *error)
{
    const uint32_t word = seconds;
    int result;

    if (watchdog->lifeline_fd < 0)
        return 0;
    result = message_send(watchdog->lifeline_fd, &word, sizeof(word), NULL, 0, 0);
    return result < 0 ? error_set(error, result,
                                  "the watchdog, that guards the way to this host, was killed, or does not listen")
                      : 0;
}

void watchdog_end(struct watchdog *watchdog)
{
    struct pollfd lifeline = {.fd = watchdog->lifeline_fd, .events = POLLIN};

    if (watchdog->lifeline_fd < 0)
        return;
    if (watchdog_tell(watchdog, 0, NULL) == 0)
        poll(&lifeline, 1, END_MSEC);
    close(watchdog->lifeline_fd);
    close_switch(watchdog->switch_fd);
    *watchdog = WATCHDOG_NONE;
}
