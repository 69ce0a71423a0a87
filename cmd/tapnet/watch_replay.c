/* SPDX-License-Identifier: MIT */
/* The capture file whose packets a watch writes into its device, at the pace at which they were captured. */
#include "watch_replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

/* Other numbers under which IP packets without a link layer are found (LINKTYPE_* of libpcap). */
enum { LINK_RAW_OF_LINUX = 12, LINK_RAW_OF_OPENBSD = 14, LINK_IPV4 = 228, LINK_IPV6 = 229 };

static int refuse(const struct watch_replay *replay, const char *why)
{
    fprintf(stderr, "tapnet watch: cannot replay %s: %s\n", replay->name, why);
    return EXIT_USAGE;
}

/* What the library says of a file that is broken, and what helps. */
static int refuse_broken(const struct watch_replay *replay, const struct tapnet_error *error)
{
    fprintf(stderr, "tapnet watch: cannot replay %s: %s; ", replay->name, error->text);
    if (replay->packets)
        fprintf(stderr, "`tcpdump -r %s -w NEW` saves the packets before it\n", replay->name);
    else
        fputs("`tapnet watch --write` and `tcpdump -w` make files that are read here\n", stderr);
    return EXIT_USAGE;
}

static bool is_ip(uint16_t link_type)
{
    return link_type == TAPNET_LINK_IP || link_type == LINK_RAW_OF_LINUX || link_type == LINK_RAW_OF_OPENBSD ||
           link_type == LINK_IPV4 || link_type == LINK_IPV6;
}

static int check_kind(const struct watch_replay *replay)
{
    const struct tapnet_capture_packet *packet = &replay->packet;
    char why[200];

    if (replay->kind == TAPNET_TUN ? is_ip(packet->link_type) : packet->link_type == TAPNET_LINK_ETHERNET)
        return 0;
    if (packet->link_type == TAPNET_LINK_ETHERNET || is_ip(packet->link_type))
        snprintf(why, sizeof(why),
                 "byte %llu: it holds %s and the device is a %s; take a %s, `--kind %s` when it is new",
                 (unsigned long long)packet->place,
                 replay->kind == TAPNET_TUN ? "Ethernet frames" : "IP packets without Ethernet",
                 replay->kind == TAPNET_TUN ? "TUN" : "TAP", replay->kind == TAPNET_TUN ? "TAP" : "TUN",
                 replay->kind == TAPNET_TUN ? "tap" : "tun");
    else
        snprintf(
            why, sizeof(why),
            "byte %llu: its packets are of link type %u, neither Ethernet nor IP; capture on one interface, not on "
            "`any`",
            (unsigned long long)packet->place, packet->link_type);
    return refuse(replay, why);
}

enum { ENDED = -1 };

/* Reads more of the file behind what is left of it. 0, ENDED, or an exit code with the error printed. */
static int fill(struct watch_replay *replay)
{
    ssize_t len;

    memmove(replay->buffer, replay->buffer + replay->start, replay->end - replay->start);
    replay->end -= replay->start;
    replay->start = 0;
    do
        len = read(replay->fd, replay->buffer + replay->end, TAPNET_CAPTURE_ROOM - replay->end);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        return refuse(replay, strerror(errno));
    replay->end += (size_t)len;
    return len ? 0 : ENDED;
}

/* The file's next packet, whole or cut. 0, ENDED, or an exit code with the mistake printed. */
static int read_packet(struct watch_replay *replay)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    while (true) {
        size_t taken = 0;
        int result = tapnet_capture_reader_next(&replay->reader, replay->buffer + replay->start,
                                                replay->end - replay->start, &taken, &replay->packet, &error);

        if (result < 0)
            return refuse_broken(replay, &error);
        replay->start += taken;
        if (result > 0)
            return check_kind(replay);
        result = fill(replay);
        if (result == ENDED && tapnet_capture_reader_end(&replay->reader, replay->end, &error) < 0)
            return refuse_broken(replay, &error);
        if (result)
            return result;
    }
}

/* The file's next packet that can be written. As read_packet(). */
static int next_packet(struct watch_replay *replay)
{
    while (true) {
        int result = read_packet(replay);

        if (result)
            return result;
        if (replay->packets++ == 0)
            replay->first_nsec = replay->last_nsec = replay->packet.time_nsec;
        if (replay->packet.time_nsec > replay->last_nsec)
            replay->last_nsec = replay->packet.time_nsec;
        if (replay->packet.len > 0 && replay->packet.len >= replay->packet.original_len)
            return 0;
        replay->cut++;
    }
}

/* What is in the file. */
static void introduce(const struct watch_replay *replay)
{
    fprintf(stderr, "replaying %s: %lu packet%s of %.1f s", replay->name, replay->packets,
            replay->packets == 1 ? "" : "s", (double)(replay->last_nsec - replay->first_nsec) / 1e9);
    if (replay->cut)
        fprintf(stderr, "; %lu left out, of which the file has a part only (`tcpdump -s 0` captures all)", replay->cut);
    fputc('\n', stderr);
}

/* Looks through the whole file, and goes back to its beginning. 0, or an exit code with the mistake printed. */
static int look_through(struct watch_replay *replay)
{
    int result = 0;

    while (result == 0)
        result = next_packet(replay);
    if (result != ENDED)
        return result;
    if (!replay->quiet)
        introduce(replay);
    if (lseek(replay->fd, 0, SEEK_SET) < 0)
        return refuse(replay, strerror(errno));
    replay->start = replay->end = 0;
    replay->packets = replay->cut = 0;
    tapnet_capture_reader_init(&replay->reader);
    return 0;
}

int watch_replay_open(const char *name, bool fast, bool quiet, enum tapnet_device_kind kind, struct watch_replay *ret)
{
    struct stat status;

    *ret = (struct watch_replay){.name = name, .fd = -1, .fast = fast, .quiet = quiet, .kind = kind};
    if (!name)
        return 0;
    ret->buffer = malloc(TAPNET_CAPTURE_ROOM);
    if (!ret->buffer)
        return refuse(ret, strerror(ENOMEM));
    tapnet_capture_reader_init(&ret->reader);
    ret->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (ret->fd < 0)
        return refuse(ret, strerror(errno));
    if (fstat(ret->fd, &status) < 0 || !S_ISREG(status.st_mode))
        return refuse(ret, "it is no ordinary file: all of it is looked at before the first packet is sent");
    return look_through(ret);
}

int watch_replay_begin(struct watch_replay *replay, uint64_t now_nsec)
{
    replay->begin_nsec = replay->due_nsec = now_nsec;
    return replay->name ? watch_replay_next(replay) : 0;
}

int watch_replay_next(struct watch_replay *replay)
{
    int result = next_packet(replay);
    uint64_t due = replay->begin_nsec;

    replay->pending = result == 0;
    if (result)
        return result == ENDED ? 0 : result;
    if (!replay->fast && replay->packet.time_nsec > replay->first_nsec &&
        __builtin_add_overflow(due, replay->packet.time_nsec - replay->first_nsec, &due))
        due = UINT64_MAX;
    if (due > replay->due_nsec) /* never before the one that stands in front of it */
        replay->due_nsec = due;
    return 0;
}

uint8_t *watch_replay_bytes(const struct watch_replay *replay)
{
    return replay->buffer + (replay->packet.bytes - replay->buffer);
}

void watch_replay_close(struct watch_replay *replay)
{
    if (replay->name && replay->fd >= 0)
        close(replay->fd);
    free(replay->buffer);
}
