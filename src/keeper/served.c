/* SPDX-License-Identifier: MIT */
/* The service as the keeper watches it: that it lives, and its socket for DHCP, which is to outlive it. */
#include "keeper/served.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/message.h"
#include "service/log.h"

#define END_TIMEOUT_MSEC 1000

void served_give_way(struct apply_loan *loan)
{
    if (loan->log_fd >= 0)
        close(loan->log_fd);
    loan->log_fd = -1;
}

void served_forget(struct served *served)
{
    if (served->pid_fd >= 0)
        close(served->pid_fd);
    served->pid_fd = -1;
}

void served_fini(struct served *served, struct apply_loan *loan)
{
    served_forget(served);
    served_give_way(loan);
}

void served_meet(struct served *served, const char *run_dir, struct apply_loan *loan)
{
    int fds[2], pid;

    if (served->pid_fd >= 0 && loan->log_fd >= 0)
        return;
    served_fini(served, loan);
    if (apply_lend(run_dir, fds, &pid, NULL) < 0)
        return;
    loan->log_fd = fds[0];
    close(fds[1]);
    served->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
}

void served_end_mute(const struct served *served, const char *run_dir, const struct apply_loan *loan)
{
    struct pollfd poll_fd = {.fd = served->pid_fd, .events = POLLIN};
    char path[PATH_MAX];

    if (served->pid_fd < 0 || snprintf(path, sizeof(path), "%s/service.sock", run_dir) >= (int)sizeof(path) ||
        access(path, F_OK) == 0 || poll(&poll_fd, 1, 0) != 0)
        return;
    log_line("the service's socket was removed: another service takes over");
    if (message_send(loan->starter_fd, "end", strlen("end"), &served->pid_fd, 1, 0) == 0)
        poll(&poll_fd, 1, END_TIMEOUT_MSEC);
}
