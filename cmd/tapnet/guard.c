/* SPDX-License-Identifier: MIT */
/* How the way to this host is guarded while it moves: --check, --confirm and --force of up and down. */
#include "guard.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

#define CONFIRM_SECONDS_MAX 3600

static long long now_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* A line that was typed: does it say yes? -EPIPE: nobody is there to type any more. */
static int read_answer(bool *ret_yes)
{
    char line[64];
    ssize_t len = read(STDIN_FILENO, line, sizeof(line) - 1);

    if (len < 0 && (errno == EINTR || errno == EAGAIN))
        return -EAGAIN;
    if (len <= 0)
        return -EPIPE;
    line[len] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    *ret_yes = strcmp(line, "y") == 0 || strcmp(line, "yes") == 0;
    return 0;
}

/* Until somebody has answered, a signal came, or the time is over. */
static int wait_for_answer(int signals, long long deadline)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    long long left;

    while ((left = deadline - now_msec()) > 0) {
        bool yes = false;
        int count = poll(fds, 2, (int)left), result;

        if (count < 0 && errno != EINTR)
            return -errno;
        if (count <= 0)
            continue;
        if (fds[1].revents)
            return -ECANCELED;
        result = read_answer(&yes);
        if (result != -EAGAIN)
            return result < 0 ? result : yes ? 0 : -ECANCELED;
    }
    return -ETIMEDOUT;
}

/* A tapnet_guard's confirm. Whoever was cut off can't answer: that is the point of it. */
static int confirm(unsigned seconds, void *data)
{
    const struct progress *progress = data;
    long long deadline = now_msec() + seconds * 1000LL;
    int signals = signalfd(-1, &progress->signals, SFD_CLOEXEC | SFD_NONBLOCK), result;

    if (signals < 0)
        return -errno;
    fprintf(stderr,
            "tapnet: all has moved, and this host is reached. Keep it so? Type `yes` within %u seconds, or all "
            "goes back: ",
            seconds);
    result = wait_for_answer(signals, deadline);
    close(signals);
    if (result < 0)
        fputs(result == -ECANCELED ? "going back\n" : "\ntapnet: going back\n", stderr);
    return result;
}

static int parse_seconds(const char *text, unsigned *ret)
{
    char *end;
    unsigned long seconds;

    errno = 0;
    seconds = strtoul(text, &end, 10);
    if (errno || *end || end == text || text[0] < '0' || text[0] > '9' || !seconds || seconds > CONFIRM_SECONDS_MAX) {
        fprintf(stderr, "tapnet: --confirm: '%s' is no number of seconds from 1 to %d\n", text, CONFIRM_SECONDS_MAX);
        return EXIT_USAGE;
    }
    *ret = (unsigned)seconds;
    return 0;
}

int guard_set(struct tapnet *tapnet, const struct guard_words *words, bool force, const struct progress *progress)
{
    struct tapnet_guard guard = {
        .check = words->check, .confirm = confirm, .data = (void *)(uintptr_t)progress, .force = force};
    int result = words->confirm ? parse_seconds(words->confirm, &guard.confirm_seconds) : 0;

    if (result == 0)
        tapnet_with_guard(tapnet, &guard);
    return result;
}
