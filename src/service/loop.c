/* SPDX-License-Identifier: MIT */
/* The service's event loop: descriptors by epoll, timers by one timerfd. */
#include "service/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

/*
 * How it works: armed timers stand in one list in the order in which they are due. Most of them have the same length
 * (a query's time-out), so a new one belongs near the list's end and is found there in a step or two. The timerfd is
 * set to the first one before each wait, when that has changed.
 *
 * A source that is unwatched may still stand in the batch of events being handled. So it is only marked, put into the
 * graveyard, and freed when the batch is done.
 */

#define LOOP_BATCH 32 /* events a wait: small, so that no descriptor waits long for its turn */

struct loop_source {
    int fd;
    loop_handler *handler; /* NULL once it is unwatched */
    void *data;
    struct loop_source *previous, *next; /* among the living; @next also links the graveyard */
};

struct loop {
    int epoll_fd;
    int timer_fd;
    uint64_t timer_usec; /* what timer_fd is set to, 0: disarmed */
    struct loop_timer *first, *last;
    struct loop_source *sources;
    struct loop_source *graveyard;
    loop_alarm *catch_up; /* NULL: nothing comes so */
    void *catch_up_data;
    uint64_t sounding_usec; /* timers due until then are being sounded; 0: none are */
    bool stopped;
};

uint64_t loop_now_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t loop_used_usec(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static void loop_bury(struct loop *loop)
{
    while (loop->graveyard) {
        struct loop_source *next = loop->graveyard->next;

        free(loop->graveyard);
        loop->graveyard = next;
    }
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    loop_bury(loop);
    while (loop->sources) {
        struct loop_source *next = loop->sources->next;

        free(loop->sources);
        loop->sources = next;
    }
    while (loop->first)
        loop_timer_disarm(loop, loop->first);
    if (loop->timer_fd >= 0)
        close(loop->timer_fd);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    free(loop);
}

DEFINE_CLEANUP(struct loop *, loop_free)

int loop_new(struct loop **ret)
{
    struct loop *loop cleanup(cleanup_loop_free) = calloc(1, sizeof(*loop));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}; /* NULL: the timerfd */

    if (!loop)
        return -ENOMEM;
    loop->timer_fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        return -errno;
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->timer_fd < 0)
        return -errno;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &event) < 0)
        return -errno;
    *ret = take_pointer(loop);
    return 0;
}

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_handler *handler, void *data, struct loop_source **ret)
{
    struct loop_source *source _cleanup_free_ = calloc(1, sizeof(*source));
    struct epoll_event event = {.events = events};

    if (!source)
        return -ENOMEM;
    *source = (struct loop_source){.fd = fd, .handler = handler, .data = data, .next = loop->sources};
    event.data.ptr = source;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    if (loop->sources)
        loop->sources->previous = source;
    loop->sources = source;
    *ret = take_pointer(source);
    return 0;
}

int loop_rewatch(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno : 0;
}

void loop_unwatch(struct loop *loop, struct loop_source *source)
{
    if (!source)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    if (source->previous)
        source->previous->next = source->next;
    else
        loop->sources = source->next;
    if (source->next)
        source->next->previous = source->previous;
    source->handler = NULL;
    source->next = loop->graveyard;
    loop->graveyard = source;
}

void loop_set_catch_up(struct loop *loop, loop_alarm *function, void *data)
{
    loop->catch_up = function;
    loop->catch_up_data = data;
}

bool loop_catch_up(struct loop *loop)
{
    if (loop->catch_up)
        loop->catch_up(loop->catch_up_data);
    return !loop->stopped;
}

void loop_timer_disarm(struct loop *loop, struct loop_timer *timer)
{
    if (!timer->due_usec)
        return;
    if (timer->previous)
        timer->previous->next = timer->next;
    else
        loop->first = timer->next;
    if (timer->next)
        timer->next->previous = timer->previous;
    else
        loop->last = timer->previous;
    timer->due_usec = 0;
    timer->previous = timer->next = NULL;
}

void loop_timer_arm(struct loop *loop, struct loop_timer *timer, uint64_t due_usec, loop_alarm *alarm, void *data)
{
    struct loop_timer *before = NULL;

    loop_timer_disarm(loop, timer);
    timer->due_usec = due_usec > loop->sounding_usec ? due_usec : loop->sounding_usec + 1;
    timer->alarm = alarm;
    timer->data = data;
    for (before = loop->last; before && before->due_usec > timer->due_usec; before = before->previous)
        ;
    timer->previous = before;
    timer->next = before ? before->next : loop->first;
    if (timer->next)
        timer->next->previous = timer;
    else
        loop->last = timer;
    if (before)
        before->next = timer;
    else
        loop->first = timer;
}

/* Sets the timerfd to the first timer, when it isn't already. */
static int loop_set_timer(struct loop *loop)
{
    uint64_t due_usec = loop->first ? loop->first->due_usec : 0;
    struct itimerspec time = {.it_value = {(time_t)(due_usec / 1000000), (long)(due_usec % 1000000) * 1000}};

    if (loop->timer_usec == due_usec)
        return 0;
    if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &time, NULL) < 0)
        return -errno;
    loop->timer_usec = due_usec;
    return 0;
}

/* Sounds what is due. A timer that is armed again for the past sounds at the next turn: descriptors come between. */
static void loop_sound(struct loop *loop)
{
    uint64_t expirations;

    if (read(loop->timer_fd, &expirations, sizeof(expirations)) > 0)
        loop->timer_usec = 0; /* it fired, so it is disarmed now */
    loop->sounding_usec = loop_now_usec();
    while (loop->first && loop->first->due_usec <= loop->sounding_usec && !loop->stopped) {
        struct loop_timer *timer = loop->first;

        loop_timer_disarm(loop, timer);
        timer->alarm(timer->data);
    }
    loop->sounding_usec = 0;
}

int loop_run(struct loop *loop)
{
    struct epoll_event events[LOOP_BATCH];
    int r = 0;

    while (!loop->stopped) {
        int count;

        r = loop_set_timer(loop);
        if (r < 0)
            break;
        count = epoll_wait(loop->epoll_fd, events, LOOP_BATCH, -1);
        if (count < 0 && errno != EINTR) {
            r = -errno;
            break;
        }
        for (int i = 0; i < count && !loop->stopped; i++) {
            struct loop_source *source = events[i].data.ptr;

            if (!source)
                loop_sound(loop);
            else if (source->handler)
                source->handler(source->fd, events[i].events, source->data);
        }
        loop_bury(loop);
    }
    loop->stopped = false;
    return r;
}

int loop_fd(const struct loop *loop)
{
    return loop->epoll_fd;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
