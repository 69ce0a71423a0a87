/* SPDX-License-Identifier: MIT */
/* The wait for hooks to end, which whoever called us may be tired of. */
#ifndef API_HOOK_WAIT_H
#define API_HOOK_WAIT_H

#include <stdint.h>

#include <tapnet/network.h>

/* How it works: the caller's function is called each tenth of a second; when it says no, nothing is waited for. */
struct hook_wait {
    tapnet_progress *progress; /* may be NULL */
    void *data;
    size_t steps;   /* that have been done, for @progress */
    bool has_ended; /* it said no */
};

/*
 * Until @fd can be read, or is at its end; @pause_msec at most, and a tenth of a second. 1: it can be; 0: not yet;
 * -ECANCELED: nobody wants to wait any longer. @fd -1: only waits.
 */
int hook_wait_slice(struct hook_wait *wait, int fd, int64_t pause_msec);
/* The same in slices, until @end_msec (clock_now_msec()); 0: that has come. */
int hook_wait_until(struct hook_wait *wait, int fd, int64_t end_msec);

#endif
