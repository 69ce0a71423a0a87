/* SPDX-License-Identifier: MIT */
/* `tapnet status --watch`: what changes, a line each. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tapnet/changes.h>

#include "command.h"
#include "number.h"
#include "session.h"
#include "terminal.h"
#include "text.h"

/*
 * How it works: a look as soon as the kernel tells of something, and one every interval for what it tells of to nobody
 * (counters). After a look there is a pause, at least as long as the look: a storm of events is one look, and no more
 * than half of a processor is used. While another tapnet is at work, what it has half done is no news: it is waited
 * for, for a while.
 */
#define INTERVAL_NSEC 2000000000
#define PAUSE_NSEC 50000000
#define BUSY_NSEC 10000000000

struct status_watch {
    struct tapnet *tapnet;
    const char *operand;
    bool json;
    uint64_t interval_nsec;
    struct tapnet_changes *changes;
    struct tapnet_status *status; /* as it was told */
    uint64_t next_nsec;           /* the next look, event or not */
    uint64_t pause_nsec;          /* none before */
    uint64_t busy_nsec;           /* since when another one is at work; 0: nobody is */
    struct tapnet_error error;
};

/* ---- lines ---- */

static double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static void print_json(json_t *line)
{
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

    puts(text ? text : "null"); /* memory is short: a line all the same */
    free(text);
    json_decref(line);
}

static void print_change_json(const struct tapnet_change *change)
{
    char text[1024];

    print_json(json_pack("{s:i, s:f, s:s, s:s*, s:s*, s:s*, s:s*, s:I}", "version", 1, "time", now_seconds(), "kind",
                         change->kind, "network", or_null(change->network), "port", or_null(change->port), "device",
                         or_null(change->device), "text", or_null(text_printable(change->text, text, sizeof(text))),
                         "count", (json_int_t)change->count));
}

/* "12:32:47 lab/web plugged: qemu-system-x86 (4711)" */
static void print_change(const struct tapnet_change *change, void *data)
{
    const struct status_watch *watch = data;
    const char *where = *change->port || !*change->device ? change->network : change->device;
    time_t now = time(NULL);
    struct tm parts;
    char stamp[16];

    if (watch->json) {
        print_change_json(change);
        return;
    }
    localtime_r(&now, &parts);
    strftime(stamp, sizeof(stamp), "%H:%M:%S", &parts);
    printf("%s ", stamp);
    text_put(where);
    printf("%s%s%s%s%s", *change->port ? "/" : "", change->port, *where ? " " : "", change->kind,
           *change->text ? ": " : "");
    text_put(change->text);
    if (change->count)
        printf(" %" PRIu64, change->count);
    putchar('\n');
}

/* All that is there, as one line: what follows are changes of it. */
static int print_begin(struct status_watch *watch)
{
    char *text;
    int result;

    if (!watch->json) {
        printf("watching %zu network%s; Ctrl-C ends\n", tapnet_status_network_count(watch->status),
               tapnet_status_network_count(watch->status) == 1 ? "" : "s");
        return 0;
    }
    result = tapnet_status_json(watch->status, &text, &watch->error);
    if (result < 0)
        return result;
    print_json(json_pack("{s:i, s:f, s:s, s:o}", "version", 1, "time", now_seconds(), "kind", "status", "status",
                         json_loads(text, 0, NULL)));
    free(text);
    return 0;
}

/* ---- looks ---- */

/* Is what one sees now half done? Then the next look is soon. */
static bool is_half_done(struct status_watch *watch)
{
    uint64_t now = terminal_now();

    if (!watch->status || !tapnet_busy(watch->tapnet)) {
        watch->busy_nsec = 0;
        return false;
    }
    watch->busy_nsec = watch->busy_nsec ? watch->busy_nsec : now;
    if (now > watch->busy_nsec + BUSY_NSEC)
        return false;
    watch->next_nsec = watch->pause_nsec = now + PAUSE_NSEC;
    return true;
}

/* 0, a negative errno, or -ECANCELED: what was named is gone. */
static int look(struct status_watch *watch)
{
    struct tapnet_status *status = NULL;
    uint64_t begin = terminal_now(), took;
    int result;

    if (is_half_done(watch))
        return 0;
    tapnet_changes_read(watch->changes);
    result = session_look(watch->tapnet, watch->operand, &status, &watch->error);
    if (result < 0 && !(result == -ENOENT && watch->status))
        return result;
    took = terminal_now() - begin;
    watch->next_nsec = begin + watch->interval_nsec;
    watch->pause_nsec = begin + took + (took > PAUSE_NSEC ? took : PAUSE_NSEC);
    if (is_half_done(watch)) {
        tapnet_status_free(status);
        return 0;
    }
    if (watch->status)
        tapnet_changes_between(watch->status, status, print_change, watch);
    tapnet_status_free(watch->status);
    watch->status = status;
    return result < 0 ? -ECANCELED : 0;
}

/* Waits until there is reason for a look. False: nobody reads any more. */
static bool attend(const struct status_watch *watch)
{
    struct pollfd polls[] = {{.fd = tapnet_changes_fd(watch->changes), .events = POLLIN}, {.fd = STDOUT_FILENO}};
    uint64_t now;

    while ((now = terminal_now()) < watch->pause_nsec || now < watch->next_nsec) {
        bool pauses = now < watch->pause_nsec;
        uint64_t left = (pauses ? watch->pause_nsec : watch->next_nsec) - now;
        const struct timespec timeout = {(time_t)(left / 1000000000), (long)(left % 1000000000)};

        polls[0].fd = pauses ? -1 : tapnet_changes_fd(watch->changes);
        if (ppoll(polls, 2, &timeout, NULL) <= 0)
            continue;
        if (polls[1].revents)
            return false;
        if (polls[0].revents && tapnet_changes_read(watch->changes))
            return true;
    }
    return true;
}

static int run(struct status_watch *watch)
{
    int result = tapnet_changes_open(watch->tapnet, &watch->changes, &watch->error);

    if (result == 0)
        result = look(watch);
    if (result == 0)
        result = print_begin(watch);
    while (result == 0) {
        fflush(stdout);
        if (ferror(stdout) || !attend(watch))
            return 0;
        result = look(watch);
    }
    return result;
}

int watch_status(struct tapnet *tapnet, const struct arguments *arguments)
{
    struct status_watch watch = {.tapnet = tapnet, .operand = arguments->operand, .json = arguments->json};
    int result = number_seconds("status", "interval", arguments->interval, &watch.interval_nsec);

    if (result)
        return result;
    if (!watch.interval_nsec)
        watch.interval_nsec = INTERVAL_NSEC;
    result = run(&watch);
    tapnet_status_free(watch.status);
    tapnet_changes_free(watch.changes);
    return result == 0 || result == -ECANCELED ? EXIT_DONE
                                               : session_refuse_look(&watch.error, result, arguments->operand);
}
