/* SPDX-License-Identifier: MIT */
/* What is to be seen and heard of an up or a down while it runs: progress on a terminal, and the user's ^C. */
#include "progress.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_AFTER_MSEC 300 /* what is quicker than that needs no progress */
#define PROGRESS_EVERY_MSEC 100
#define WAIT_SEC 1 /* before it is told whom we wait for */

static const int stopping[] = {SIGINT, SIGTERM, SIGHUP};
#define STOPPING_COUNT (sizeof(stopping) / sizeof(stopping[0]))

/* Whose turn we wait for, while we do: the thread of the timer reads it, and may come late. */
static pthread_mutex_t waiting_mutex = PTHREAD_MUTEX_INITIALIZER;
static const struct tapnet *waiting;

static volatile sig_atomic_t came; /* the signal that came while we waited for our turn; 0: none */

static void note_signal(int number)
{
    came = number;
}

static long long now_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* ---- the wait for another tapnet ---- */

static void tell_wait(union sigval value)
{
    int pid;

    (void)value;
    pthread_mutex_lock(&waiting_mutex);
    pid = waiting ? tapnet_busy(waiting) : 0;
    if (pid && pid != getpid())
        fprintf(stderr, "tapnet: waiting for another tapnet, process %d\n", pid);
    pthread_mutex_unlock(&waiting_mutex);
}

static void set_waiting(const struct tapnet *tapnet)
{
    pthread_mutex_lock(&waiting_mutex);
    waiting = tapnet;
    pthread_mutex_unlock(&waiting_mutex);
}

static void start_wait(struct progress *progress, const struct tapnet *tapnet)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD};
    const struct itimerspec after = {.it_value.tv_sec = WAIT_SEC};

    event.sigev_notify_function = tell_wait;
    set_waiting(tapnet);
    progress->timed = timer_create(CLOCK_MONOTONIC, &event, &progress->timer) == 0 &&
                      timer_settime(progress->timer, 0, &after, NULL) == 0;
}

static void end_wait(struct progress *progress)
{
    set_waiting(NULL);
    if (progress->timed)
        timer_delete(progress->timer);
    progress->timed = false;
}

/* ---- progress and signals ---- */

void progress_start(struct progress *progress, bool quiet, const struct tapnet *tapnet)
{
    const struct sigaction note = {.sa_handler = note_signal}; /* no SA_RESTART: it is to end a wait */

    *progress = (struct progress){.start_msec = now_msec(), .wanted = isatty(STDERR_FILENO) && !quiet, .quiet = quiet};
    sigemptyset(&progress->signals);
    sigprocmask(SIG_SETMASK, NULL, &progress->before);
    for (size_t i = 0; i < STOPPING_COUNT; i++) {
        struct sigaction action;

        if (sigaction(stopping[i], NULL, &action) < 0 || action.sa_handler == SIG_IGN)
            continue;
        sigaction(stopping[i], &note, NULL);
        sigaddset(&progress->signals, stopping[i]);
    }
    if (!quiet && tapnet_busy(tapnet))
        start_wait(progress, tapnet);
}

/* A signal that came since we asked last; 0: none. */
static int next_signal(const struct progress *progress)
{
    const struct timespec now = {0, 0};
    int number = came;

    came = 0;
    if (number == 0)
        number = sigtimedwait(&progress->signals, NULL, &now);
    return number > 0 ? number : 0;
}

static void clear_line(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

/* A port takes less than a millisecond, and its steps are several: to ask at each is a call of the kernel too many. */
static void hear(struct progress *progress, long long now)
{
    int number;

    if (now == progress->heard_msec)
        return;
    progress->heard_msec = now;
    number = next_signal(progress);
    if (!number)
        return;
    clear_line(progress);
    if (progress->stopped_by && !progress->done_msec) {
        fputs("tapnet: still undoing: it must come to its end\n", stderr);
        return;
    }
    progress->stopped_by = number;
}

static void show(struct progress *progress, size_t done, size_t total, long long now)
{
    if (!progress->wanted || now - progress->start_msec < PROGRESS_AFTER_MSEC ||
        now - progress->shown_msec < PROGRESS_EVERY_MSEC)
        return;
    progress->shown_msec = now;
    progress->shown = true;
    fprintf(stderr, "\r%s%zu of %zu steps\033[K", progress->stopped_by ? "undoing: " : "", done, total);
}

/* All is done, and we are called again: hooks run. */
static void tell_hooks(struct progress *progress, long long now)
{
    if (!progress->done_msec)
        progress->done_msec = now;
    if (progress->told || progress->quiet || now - progress->done_msec < WAIT_SEC * 1000)
        return;
    progress->told = true;
    clear_line(progress);
    fputs("tapnet: all is done; waiting for hooks to end (^C ends them)\n", stderr);
}

int progress_step(size_t done, size_t total, void *data)
{
    struct progress *progress = data;
    bool first = !progress->begun, undoing = progress->stopped_by != 0;
    long long now = now_msec();

    if (first)
        end_wait(progress);
    if (first)
        sigprocmask(SIG_BLOCK, &progress->signals, NULL);
    progress->begun = true;
    hear(progress, now);
    if (!undoing && progress->stopped_by && total && done < total)
        fprintf(stderr, "tapnet: %s: undoing what was done\n", strsignal(progress->stopped_by));
    if (total && done == total && !undoing)
        tell_hooks(progress, now);
    if (total && !progress->told)
        show(progress, done, total, now);
    progress->worked |= total > 0;
    return progress->stopped_by ? -ECANCELED : 0;
}

void progress_end(struct progress *progress)
{
    clear_line(progress);
    end_wait(progress);
    if (!progress->begun)
        progress->stopped_by = came;
    while (next_signal(progress))
        ; /* too late for these */
    for (size_t i = 0; i < STOPPING_COUNT; i++)
        if (sigismember(&progress->signals, stopping[i]))
            signal(stopping[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, &progress->before, NULL);
}

double progress_seconds(const struct progress *progress)
{
    return (double)(now_msec() - progress->start_msec) / 1000;
}

int progress_stopped(const struct progress *progress, const char *reason)
{
    const char *rest = strchr(reason, '\n');

    if (!progress->stopped_by)
        return 0;
    if (!progress->worked)
        fprintf(stderr, "tapnet: %s: nothing was touched\n", strsignal(progress->stopped_by));
    else if (rest)
        fprintf(stderr, "tapnet: %.*s, and not all could be undone:%s\n", (int)(rest - reason), reason, rest);
    else
        fprintf(stderr, "tapnet: %s, and undone: the host is as it was\n", reason);
    return 128 + progress->stopped_by;
}
