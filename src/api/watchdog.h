/* SPDX-License-Identifier: MIT */
/* The watchdog as a tapnet sees it that moves the host's uplink: start it, be heard of, end it. */
#ifndef API_WATCHDOG_H
#define API_WATCHDOG_H

#include <tapnet/network.h>

#define WATCHDOG_STEP_SECONDS 20 /* that one step may take, or undoing all of them */
#define WATCHDOG_READY 1u

struct watchdog {
    int lifeline_fd;  /* -1: there is none */
    int switch_fd[2]; /* the pipe by which it ends us */
};
#define WATCHDOG_NONE ((struct watchdog){-1, {-1, -1}})

/*
 * Starts it, and returns when it is ready. From then on it is a matter of life and death: who is not heard of in time
 * is killed, and what the journal says is undone.
 */
int watchdog_start(const struct tapnet *tapnet, struct watchdog *ret, struct tapnet_error *error);
/* We will be heard of again within @seconds. -EPIPE: it is there no more. 0 when there never was one. */
int watchdog_tell(const struct watchdog *watchdog, unsigned seconds, struct tapnet_error *error);
/* All is done, or undone. Returns when it has ended. */
void watchdog_end(struct watchdog *watchdog);

#endif
