/* SPDX-License-Identifier: MIT */
/* The command watch: the program at the other end of a device, that prints what arrives, answers and sends. */
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
#include "watch_device.h"
#include "watch_record.h"
#include "watch_replay.h"
#include "watch_tally.h"

/*
 * How it works: one descriptor of the device, without waiting; ppoll(2) on it, on the signals that end us, on whoever
 * reads what we write, and on the time of the next packet to replay or of the end. What has arrived is read in a batch;
 * each packet is printed, recorded, counted, and answered where it may be. All that is prepared changes nothing; the
 * device is opened last.
 */

#define BATCH 16
#define VNET_HEADROOM 64
#define SECOND_NSEC 1000000000ULL

struct watch {
    struct watch_orders orders;
    struct watch_device device;
    struct watch_record record;
    struct watch_replay replay;
    struct watch_tally tally;
    FILE *text;        /* where lines go; NULL: nowhere */
    bool quiet;        /* errors only */
    bool blocked;      /* the device took no packet: to be tried again when it does */
    uint64_t end_nsec; /* of the monotonic clock; UINT64_MAX: no end */
    uint8_t *buffer, *reply;
    struct tapnet_frame frames[BATCH];
};

/* How a step of the loop goes on: 0, or one of these, or a negative errno. */
enum { ENDED = 1, FAILED = 2 /* it has been told why */ };

static uint64_t clock_nsec(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND_NSEC + (uint64_t)now.tv_nsec;
}

/* ---- packets ---- */

static void print_packet(const struct watch *watch, const struct tapnet_frame *frame, uint64_t time_nsec)
{
    const time_t seconds = (time_t)(time_nsec / SECOND_NSEC);
    char line[TAPNET_LINE_MAX], clock[16];
    struct tm broken;

    if (!watch->text)
        return;
    strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&seconds, &broken));
    tapnet_packet_print(frame->bytes, frame->len, watch->device.kind, line, sizeof(line));
    fprintf(watch->text, "%s.%06u %s", clock, (unsigned)(time_nsec % SECOND_NSEC / 1000), line);
    if (frame->vnet.gso_type != TAPNET_GSO_NONE)
        fprintf(watch->text, ", in segments of %u", frame->vnet.gso_size);
    putc('\n', watch->text);
}

/* Sends @frame to the host. 0, or a negative errno of tapnet_frames_write(). */
static int send_packet(struct watch *watch, const struct tapnet_frame *frame)
{
    int result = tapnet_frames_write(watch->device.fd, &watch->device.format, frame, 1);

    if (result < 0)
        return result;
    watch_record_put(&watch->record, frame->bytes, frame->len, clock_nsec(CLOCK_REALTIME), TAPNET_DIRECTION_IN);
    return 0;
}

static void answer_packet(struct watch *watch, const struct tapnet_frame *frame)
{
    struct tapnet_frame reply = {
        .bytes = watch->reply + VNET_HEADROOM, .room = TAPNET_FRAME_MAX, .headroom = VNET_HEADROOM};
    int len;

    if (!watch->orders.answers || frame->vnet.gso_type != TAPNET_GSO_NONE)
        return;
    len = tapnet_packet_answer(frame->bytes, frame->len, watch->device.kind, watch->orders.answers, watch->device.mac,
                               reply.bytes, reply.room);
    if (len <= 0)
        return;
    reply.len = (size_t)len;
    watch->tally.answered += send_packet(watch, &reply) == 0;
}

static void take_packet(struct watch *watch, struct tapnet_frame *frame)
{
    uint64_t now = clock_nsec(CLOCK_REALTIME);

    tapnet_checksum_complete(frame); /* one that is still to be split stays as it is */
    print_packet(watch, frame, now);
    watch_record_put(&watch->record, frame->bytes, frame->len, now, TAPNET_DIRECTION_OUT);
    watch_tally_add(&watch->tally, frame->bytes, frame->len, watch->device.kind);
    answer_packet(watch, frame);
}

/* Reads what waits. 0, ENDED when the count is reached, or a negative errno. */
static int take_packets(struct watch *watch)
{
    unsigned long left = watch->orders.count - watch->tally.packets;
    size_t room = watch->orders.count && left < BATCH ? left : BATCH;
    int count = tapnet_frames_read(watch->device.fd, &watch->device.format, watch->frames, room);

    if (count < 0)
        return count == -EAGAIN ? 0 : count;
    for (int i = 0; i < count; i++)
        take_packet(watch, &watch->frames[i]);
    return watch->orders.count && watch->tally.packets >= watch->orders.count ? ENDED : 0;
}

/* Sends what is due of the file, at most a batch. 0, FAILED, or a negative errno. */
static int replay_packets(struct watch *watch)
{
    struct watch_replay *replay = &watch->replay;

    for (int i = 0; i < BATCH && replay->pending && replay->due_nsec <= clock_nsec(CLOCK_MONOTONIC); i++) {
        const struct tapnet_frame frame = {.bytes = watch_replay_bytes(replay), .len = replay->packet.len};
        int result = send_packet(watch, &frame);

        watch->blocked = result == -EAGAIN;
        if (watch->blocked)
            return 0;
        if (result == -EBADFD || result == -ENODEV)
            return result;
        watch->tally.replayed += result == 0;
        watch->tally.refused += result < 0;
        if (watch_replay_next(replay))
            return FAILED;
    }
    return 0;
}

/* ---- the loop ---- */

/* Until the next packet of the file, or the end; NULL: for ever. */
static const struct timespec *patience(const struct watch *watch, struct timespec *ret)
{
    uint64_t until = watch->end_nsec, now = clock_nsec(CLOCK_MONOTONIC), left;

    if (watch->replay.pending && !watch->blocked && watch->replay.due_nsec < until)
        until = watch->replay.due_nsec;
    if (until == UINT64_MAX)
        return NULL;
    left = until > now ? until - now : 0;
    *ret = (struct timespec){(time_t)(left / SECOND_NSEC), (long)(left % SECOND_NSEC)};
    return ret;
}

/* Lets readers of text and file have what there is. 0, ENDED when nobody reads any more, or FAILED. */
static int flush(struct watch *watch)
{
    int result = watch_record_flush(&watch->record);

    if (result < 0 && result != -EPIPE && watch->record.stream != stdout) /* of that one main() tells */
        fprintf(stderr, "tapnet: cannot write %s: %s\n", watch->record.name, strerror(-result));
    if (result < 0)
        return result == -EPIPE || watch->record.stream == stdout ? ENDED : FAILED;
    fflush(stdout);
    return ferror(stdout) ? ENDED : 0;
}

/* What the descriptors tell. 0, ENDED, FAILED, or a negative errno. */
static int step(struct watch *watch, const struct pollfd polls[3])
{
    int result = 0, flushed;

    if (polls[1].revents || polls[2].revents & (POLLERR | POLLHUP))
        return ENDED; /* told to end, or nobody reads any more */
    if (polls[0].revents & (POLLERR | POLLHUP | POLLNVAL))
        return -ENODEV;
    if (polls[0].revents & POLLOUT)
        watch->blocked = false;
    if (polls[0].revents & POLLIN)
        result = take_packets(watch);
    if (result == 0 && !watch->blocked)
        result = replay_packets(watch);
    flushed = flush(watch);
    return result ? result : flushed;
}

static int run_loop(struct watch *watch, int signal_fd)
{
    bool prints = watch->text == stdout || watch->record.stream == stdout;
    struct pollfd polls[] = {{.fd = watch->device.fd},
                             {.fd = signal_fd, .events = POLLIN},
                             {.fd = prints ? STDOUT_FILENO : -1, .events = 0}};
    int result = 0;

    while (result == 0 && clock_nsec(CLOCK_MONOTONIC) < watch->end_nsec) {
        struct timespec timeout;

        polls[0].events = (short)(POLLIN | (watch->blocked ? POLLOUT : 0));
        if (ppoll(polls, 3, patience(watch, &timeout), NULL) < 0 && errno != EINTR)
            return -errno;
        result = step(watch, polls);
    }
    return result;
}

/* ---- beginning and end ---- */

static int allocate(struct watch *watch)
{
    const size_t stride = VNET_HEADROOM + TAPNET_FRAME_MAX;

    watch->buffer = malloc(BATCH * stride);
    watch->reply = malloc(stride);
    if (!watch->buffer || !watch->reply) {
        fprintf(stderr, "tapnet: %s\n", strerror(ENOMEM));
        return EXIT_FAILED;
    }
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
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

/* All that is needed, the device last. 0, or an exit code with the mistake printed. */
static int prepare(const struct arguments *arguments, struct watch *watch)
{
    int result = watch_words_parse(&arguments->watch, &watch->orders);

    if (!result)
        result = watch_device_look(arguments, &watch->device);
    if (!result)
        result = watch_replay_open(arguments->watch.replay, arguments->watch.fast, arguments->quiet, watch->device.kind,
                                   &watch->replay);
    if (!result)
        result = watch_record_open(arguments->watch.write, watch->replay.fd, &watch->record);
    if (!result)
        result = allocate(watch);
    if (!result)
        result = watch_device_open(arguments, &watch->device);
    if (!result)
        result = watch_record_begin(&watch->record, watch->device.kind, watch->device.name);
    watch->text = arguments->quiet ? NULL : watch->record.stream == stdout ? stderr : stdout;
    return result;
}

/* What is said before the first packet, unless nothing is to be said. */
static void introduce(const struct watch *watch)
{
    const unsigned asking = TAPNET_ANSWER_ARP | TAPNET_ANSWER_NDP;

    if (watch->quiet)
        return;
    if (watch->device.kind == TAPNET_TAP && watch->orders.answers && !(watch->orders.answers & asking))
        fputs("tapnet: on a TAP the host asks for a MAC before it pings: `--answer arp,ndp,ping` answers that, too\n",
              stderr);
    fprintf(stderr, "watching %s, a %s; Ctrl-C ends\n", watch->device.name,
            watch->device.kind == TAPNET_TUN ? "TUN" : "TAP");
}

static int watch_until_end(struct watch *watch)
{
    uint64_t begin = clock_nsec(CLOCK_MONOTONIC);
    int signal_fd = open_signals(), result = signal_fd < 0 ? -errno : 0;

    introduce(watch);
    watch->end_nsec = watch->orders.duration_nsec ? begin + watch->orders.duration_nsec : UINT64_MAX;
    if (result == 0)
        result = watch_replay_begin(&watch->replay, begin) ? FAILED : run_loop(watch, signal_fd);
    watch->tally.lost = watch_device_lost(&watch->device);
    watch_record_end(&watch->record, clock_nsec(CLOCK_REALTIME), watch->tally.packets, watch->tally.lost);
    flush(watch);
    if (!watch->quiet)
        watch_tally_print(&watch->tally, clock_nsec(CLOCK_MONOTONIC) - begin, watch->replay.name != NULL);
    if (result < 0)
        fprintf(stderr, "tapnet: cannot watch %s any more: %s\n", watch->device.name,
                result == -ENODEV || result == -EBADFD ? "the device is gone" : strerror(-result));
    if (signal_fd >= 0)
        close(signal_fd);
    return result < 0 || result == FAILED ? EXIT_FAILED : EXIT_DONE;
}

int run_watch(const struct arguments *arguments)
{
    struct watch watch = {.device = {.fd = -1, .netns = -1}, .replay = {.fd = -1}, .quiet = arguments->quiet};
    int result = prepare(arguments, &watch);

    if (!result)
        result = watch_until_end(&watch);
    watch_record_close(&watch.record);
    watch_replay_close(&watch.replay);
    watch_device_close(&watch.device);
    free(watch.buffer);
    free(watch.reply);
    return result;
}
