/* SPDX-License-Identifier: MIT */
/* What is to be seen and heard of an up or a down while it runs: progress on a terminal, and the user's ^C. */
#ifndef TAPNET_PROGRESS_H
#define TAPNET_PROGRESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <tapnet/network.h>

/*
 * How it works: until it is our turn, a signal ends the wait for another tapnet, and nothing was touched. From then on
 * SIGINT, SIGTERM and SIGHUP are blocked, so that no request of the kernel is cut short, and asked for between the
 * steps, once a millisecond: the first one stops the work, and the library undoes it; later ones only hear that this
 * is under way. When all is done and hooks run, it ends those. A signal that is ignored when we start (nohup) stays so.
 * A wait that takes long says whom it is for, from a thread of its own.
 */
struct progress {
    long long start_msec, shown_msec, heard_msec;
    bool wanted, shown;
    sigset_t signals;    /* those that stop us */
    sigset_t before;     /* the mask as it was */
    int stopped_by;      /* the signal; 0: none */
    bool begun;          /* it was our turn */
    bool worked;         /* and there was something to do */
    long long done_msec; /* since when all is done, and hooks run; 0: not yet */
    bool told;           /* that it takes long */
    bool quiet;
    timer_t timer; /* of the wait */
    bool timed;
};

/* @quiet: show no progress. @tapnet: what is going to work, or to wait. */
void progress_start(struct progress *progress, bool quiet, const struct tapnet *tapnet);
/* A tapnet_progress; @data is the struct progress. */
int progress_step(size_t done, size_t total, void *data);
/* Clears the line, and lets signals through again. */
void progress_end(struct progress *progress);
double progress_seconds(const struct progress *progress);
/*
 * Were we stopped by a signal? Says so, with @reason, the library's own words, and returns the exit code, 128 and the
 * signal's number; 0: it was something else that went wrong.
 */
int progress_stopped(const struct progress *progress, const char *reason);

#endif
