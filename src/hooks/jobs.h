/* SPDX-License-Identifier: MIT */
/* The hooks of ports that run just now: a few at a time, each for so long and no longer. */
#ifndef HOOKS_JOBS_H
#define HOOKS_JOBS_H

#include <poll.h>

#include "hooks/ports.h"

#define JOBS_MAX 8 /* at once, of all networks: a crowd of guests is no crowd of processes */

struct jobs {
    struct job {
        struct hooked_port *port; /* NULL: a free place */
        pid_t pid;
        int pid_fd;
        uint64_t end_usec;
        bool killed;
        char program[MODEL_HOOK_MAX + 1];
    } places[JOBS_MAX];
};

void jobs_init(struct jobs *jobs);
/* Kills those that run. */
void jobs_fini(struct jobs *jobs);

/* Starts what is due, as long as there is a free place. */
void jobs_start(struct jobs *jobs, struct ports *ports, uint64_t now_usec);
/* Takes those that have come to their end by what poll() found in @polled, and ends those that are too slow. */
void jobs_take(struct jobs *jobs, struct ports *ports, const struct pollfd polled[JOBS_MAX], uint64_t now_usec);

/* What to poll: all JOBS_MAX of @ret are set. */
void jobs_poll(const struct jobs *jobs, struct pollfd ret[JOBS_MAX]);
/* When jobs_take(), or jobs_start(), is to be called without an event; 0: never. */
uint64_t jobs_due_usec(const struct jobs *jobs, const struct ports *ports);

#endif
