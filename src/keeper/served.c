/* SPDX-License-Identifier: MIT */
/* The service as the keeper watches it: that it lives and works, and its socket for DHCP, which is to outlive it. */
#include "keeper/served.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apply/kernel.h"
#include "base/cleanup.h"
#include "base/message.h"
#include "service/log.h"
#include "service/loop.h"

#define END_TIMEOUT_MSEC 1000

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void served_give_way(struct apply_loan *loan)
{
    close_fd(&loan->log_fd);
}

void served_forget(struct served *served)
{
    close_fd(&served->pid_fd);
    close_fd(&served->watch_fd);
    close_fd(&served->switch_fd);
    *served = SERVED_NONE;
}

void served_fini(struct served *served, struct apply_loan *loan)
{
    served_forget(served);
    served_give_way(loan);
}

void served_meet(struct served *served, const char *run_dir, struct apply_loan *loan)
{
    int fds[2], pid_fd;

    if (served->pid_fd >= 0 && loan->log_fd >= 0)
        return;
    served_fini(served, loan);
    if (apply_lend(run_dir, fds, &pid_fd, NULL) < 0)
        return;
    loan->log_fd = fds[0];
    close(fds[1]);
    served->pid_fd = pid_fd;
    if (apply_watch(run_dir, fds, NULL) == 0) {
        served->watch_fd = fds[0];
        served->switch_fd = fds[1];
    }
}

/* ---- does it work? ---- */

/* By itself, else by the starter, who is the same user. */
static void end(struct served *served, const struct apply_loan *loan, const char *why)
{
    if (served->unending)
        return;
    log_line("%s: another service takes over", why);
    if (write(served->switch_fd, "x", 1) == 1 && apply_process_ends(served->pid_fd, END_TIMEOUT_MSEC))
        return;
    if (message_send(loan->starter_fd, "end", strlen("end"), &served->pid_fd, 1, 0) == 0 &&
        apply_process_ends(served->pid_fd, END_TIMEOUT_MSEC))
        return;
    served->unending = true;
    log_line("the service can't be ended from here: `pkill -KILL -x tapnet-service` does");
}

int served_watch_fd(const struct served *served)
{
    return served->look_usec ? -1 : served->watch_fd;
}

void served_stirs(struct served *served)
{
    served->look_usec = loop_now_usec() + SERVED_PATIENCE_USEC;
}

/* Ends it when it says nothing; that it has gone, or says no, is no such case. */
static void ask(struct served *served, const char *run_dir, const struct apply_loan *loan)
{
    int fds[2] = {-1, -1};

    if (apply_watch(run_dir, fds, NULL) == -EAGAIN && !apply_process_ends(served->pid_fd, 0))
        end(served, loan, "the service does not answer");
    close_fd(&fds[0]);
    close_fd(&fds[1]);
}

void served_look(struct served *served, const char *run_dir, const struct apply_loan *loan)
{
    struct pollfd poll_fd = {.fd = served->watch_fd, .events = POLLIN};

    served->look_usec = 0;
    if (served->watch_fd >= 0 && poll(&poll_fd, 1, 0) == 1)
        ask(served, run_dir, loan);
}

void served_end_mute(struct served *served, const char *run_dir, const struct apply_loan *loan)
{
    char path[PATH_MAX];

    if (served->pid_fd < 0 || apply_process_ends(served->pid_fd, 0) ||
        snprintf(path, sizeof(path), "%s/service.sock", run_dir) >= (int)sizeof(path))
        return;
    if (access(path, F_OK) < 0)
        end(served, loan, "the service's socket was removed");
    else
        ask(served, run_dir, loan);
}
