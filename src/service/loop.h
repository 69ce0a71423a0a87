/* SPDX-License-Identifier: MIT */
/* The service's event loop: descriptors by epoll, timers by one timerfd. */
#ifndef SERVICE_LOOP_H
#define SERVICE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_source; /* a descriptor being watched */

typedef void loop_handler(int fd, uint32_t events, void *data);
typedef void loop_alarm(void *data);

/* A timer inside its user's own struct; zero-initialised it is not armed. */
struct loop_timer {
    uint64_t due_usec; /* CLOCK_MONOTONIC; 0: not armed */
    loop_alarm *alarm;
    void *data;
    struct loop_timer *previous, *next;
};

int loop_new(struct loop **ret);
void loop_free(struct loop *loop);
/* Runs until loop_stop(). 0 or negative errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
uint64_t loop_now_usec(void);
/* What this process has used of a processor: not the time that it waited for a lock, or for its turn. */
uint64_t loop_used_usec(void);
/* Readable while something waits that no handler has dealt with yet. Stays the loop's. */
int loop_fd(const struct loop *loop);

/* Watches @fd for @events (EPOLLIN, ...). The fd stays the caller's. Removing is safe from inside any handler. */
int loop_watch(struct loop *loop, int fd, uint32_t events, loop_handler *handler, void *data, struct loop_source **ret);
int loop_rewatch(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_unwatch(struct loop *loop, struct loop_source *source); /* takes NULL */

/*
 * Has @function called by loop_catch_up(): it deals with what came without waking anybody. Who acts on what has been
 * received catches up between the two, so that what was said before comes before. False: the loop has been stopped, and
 * what was received is not to be answered.
 */
void loop_set_catch_up(struct loop *loop, loop_alarm *function, void *data);
bool loop_catch_up(struct loop *loop);

/* Arms (again) or disarms. Safe from inside any handler or alarm. */
void loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t due_usec, loop_alarm *alarm, void *data);
void loop_timer_disarm(struct loop *loop, struct loop_timer *timer);

#endif
