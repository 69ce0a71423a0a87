/* SPDX-License-Identifier: MIT */
/* The command watch: the program at the other end of a device, that prints what arrives and answers. */
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <tapnet/watch.h>

#include "command.h"
#include "device_words.h"
#include "session.h"
#include "watch_device.h"

/*
 * How it works: one descriptor of the device, without waiting; poll(2) on it, on the signals that end us and on the end
 * of --for. What has arrived is read in a batch; each packet is printed, counted, and answered where it may be.
 */

#define BATCH 16
#define VNET_HEADROOM 64
#define SECOND_NSEC 1000000000ULL

struct watch {
    struct watch_device device;
    unsigned answers;
    unsigned long most; /* packets; 0: no end */
    uint64_t end_nsec;  /* of the monotonic clock; 0: no end */
    bool quiet;
    unsigned long packets, answered;
    unsigned long long bytes;
    uint8_t *buffer, *reply;
    struct tapnet_frame frames[BATCH];
};

static uint64_t now_nsec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_NSEC + (uint64_t)now.tv_nsec;
}

/* ---- what was typed ---- */

static int mistake(const char *format, const char *word)
{
    fputs("tapnet watch: ", stderr);
    fprintf(stderr, format, word);
    fputc('\n', stderr);
    return EXIT_USAGE;
}

static int parse_answers(const char *list, unsigned *ret)
{
    static const struct {
        const char *name;
        unsigned answer;
    } rows[] = {{"arp", TAPNET_ANSWER_ARP}, {"ping", TAPNET_ANSWER_PING}, {"ndp", TAPNET_ANSWER_NDP}};

    *ret = 0;
    for (const char *word = list; word && *word; word += strcspn(word, ",") + (strchr(word, ',') ? 1 : 0)) {
        unsigned answer = 0;

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
            if (strlen(rows[i].name) == strcspn(word, ",") && strncmp(rows[i].name, word, strcspn(word, ",")) == 0)
                answer = rows[i].answer;
        if (!answer)
            return mistake("--answer is a list out of arp, ping, ndp, not '%s'", list);
        *ret |= answer;
    }
    return list && !*ret ? mistake("--answer is a list out of arp, ping, ndp, not '%s'", list) : 0;
}

static int parse_count(const char *word, unsigned long *ret)
{
    char *end;

    *ret = 0;
    if (!word)
        return 0;
    errno = 0;
    *ret = strtoul(word, &end, 10);
    if (errno || *end || end == word || *word == '-' || *word == '+' || *ret == 0)
        return mistake("--count is a number of packets, 1 or more, not '%s'", word);
    return 0;
}

/* Seconds, also "0.5". */
static int parse_duration(const char *word, uint64_t *ret_end_nsec)
{
    double seconds;
    char *end;

    *ret_end_nsec = 0;
    if (!word)
        return 0;
    seconds = strtod(word, &end);
    if (*end || end == word || !(seconds > 0) || seconds > 1e9)
        return mistake("--for is a number of seconds, more than 0, not '%s'", word);
    *ret_end_nsec = now_nsec() + (uint64_t)(seconds * (double)SECOND_NSEC);
    return 0;
}

/* ---- packets ---- */

static void print_packet(const struct watch *watch, const struct tapnet_frame *frame)
{
    char line[TAPNET_LINE_MAX], clock[16];
    struct timespec now;
    struct tm broken;

    if (watch->quiet)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now.tv_sec, &broken));
    tapnet_packet_print(frame->bytes, frame->len, watch->device.kind, line, sizeof(line));
    printf("%s.%06ld %s\n", clock, now.tv_nsec / 1000, line);
}

static void answer_packet(struct watch *watch, struct tapnet_frame *frame)
{
    struct tapnet_frame reply = {
        .bytes = watch->reply + VNET_HEADROOM, .room = TAPNET_FRAME_MAX, .headroom = VNET_HEADROOM};
    int len;

    if (!watch->answers || tapnet_checksum_complete(frame) < 0)
        return;
    len = tapnet_packet_answer(frame->bytes, frame->len, watch->device.kind, watch->answers, watch->device.mac,
                               reply.bytes, reply.room);
    if (len <= 0)
        return;
    reply.len = (size_t)len;
    if (tapnet_frames_write(watch->device.fd, &watch->device.format, &reply, 1) == 1)
        watch->answered++;
}

/* Reads what waits. 0 to go on, 1 when the count is reached, or a negative errno. */
static int take_packets(struct watch *watch)
{
    size_t room = watch->most && watch->most - watch->packets < BATCH ? watch->most - watch->packets : BATCH;
    int count = tapnet_frames_read(watch->device.fd, &watch->device.format, watch->frames, room);

    if (count < 0)
        return count == -EAGAIN ? 0 : count;
    for (int i = 0; i < count; i++) {
        print_packet(watch, &watch->frames[i]);
        watch->packets++;
        watch->bytes += watch->frames[i].len;
        answer_packet(watch, &watch->frames[i]);
    }
    fflush(stdout);
    return watch->most && watch->packets >= watch->most;
}

static int patience(const struct watch *watch)
{
    uint64_t now = now_nsec();

    if (!watch->end_nsec)
        return -1;
    if (now >= watch->end_nsec)
        return 0;
    return watch->end_nsec - now > 1000000000000ULL ? 1000000 : (int)((watch->end_nsec - now) / 1000000) + 1;
}

/* 0 when it ended as it should, or a negative errno. */
static int run_loop(struct watch *watch, int signal_fd)
{
    struct pollfd polls[] = {{.fd = watch->device.fd, .events = POLLIN},
                             {.fd = signal_fd, .events = POLLIN},
                             {.fd = STDOUT_FILENO, .events = 0}};
    int result = 0;

    while (result == 0 && !(watch->end_nsec && now_nsec() >= watch->end_nsec)) {
        if (poll(polls, 3, patience(watch)) < 0 && errno != EINTR)
            return -errno;
        if (polls[1].revents || (polls[2].revents & (POLLERR | POLLHUP) && !watch->quiet))
            return 0; /* told to end, or nobody reads any more */
        if (polls[0].revents & (POLLERR | POLLHUP | POLLNVAL))
            return -ENODEV;
        if (polls[0].revents)
            result = take_packets(watch);
        if (ferror(stdout))
            return 0;
    }
    return result < 0 ? result : 0;
}

static int prepare(struct watch *watch)
{
    const size_t stride = VNET_HEADROOM + TAPNET_FRAME_MAX;

    watch->buffer = malloc(BATCH * stride);
    watch->reply = malloc(stride);
    if (!watch->buffer || !watch->reply)
        return -ENOMEM;
    for (size_t i = 0; i < BATCH; i++)
        watch->frames[i] = (struct tapnet_frame){
            .bytes = watch->buffer + i * stride + VNET_HEADROOM, .room = TAPNET_FRAME_MAX, .headroom = VNET_HEADROOM};
    return 0;
}

/* The signals that end us, as a descriptor. */
static int open_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

static int watch_until_end(struct watch *watch)
{
    uint64_t start = now_nsec();
    int signal_fd = open_signals(), result = signal_fd < 0 ? -errno : prepare(watch);

    if (result == 0) {
        fprintf(stderr, "watching %s, a %s; Ctrl-C ends\n", watch->device.name,
                watch->device.kind == TAPNET_TUN ? "TUN" : "TAP");
        result = run_loop(watch, signal_fd);
        fprintf(stderr, "%lu packet%s, %llu bytes in %.1f s; %lu answered\n", watch->packets,
                watch->packets == 1 ? "" : "s", watch->bytes, (double)(now_nsec() - start) / (double)SECOND_NSEC,
                watch->answered);
    }
    if (result < 0)
        fprintf(stderr, "tapnet: cannot watch %s any more: %s\n", watch->device.name,
                result == -ENODEV || result == -EBADFD ? "the device is gone" : strerror(-result));
    if (signal_fd >= 0)
        close(signal_fd);
    free(watch->buffer);
    free(watch->reply);
    return result < 0 ? EXIT_FAILED : EXIT_DONE;
}

int run_watch(const struct arguments *arguments)
{
    struct watch watch = {.quiet = arguments->quiet};
    int result = parse_answers(arguments->watch.answer, &watch.answers);

    if (!result)
        result = parse_count(arguments->watch.count, &watch.most);
    if (!result)
        result = parse_duration(arguments->watch.duration, &watch.end_nsec);
    if (!result)
        result = watch_device_open(arguments, &watch.device);
    if (result)
        return result;
    result = watch_until_end(&watch);
    watch_device_close(&watch.device);
    return result;
}
