/* SPDX-License-Identifier: MIT */
/*
 * Joins two TUN devices, in one network namespace or two, and forwards every packet from one to the other. As root:
 *
 *     ip netns add left; ip netns add right
 *     ./forward pass left/tun0 right/tun0 &
 *
 * The first word says what a packet goes through:
 *
 *     plain   nothing is offloaded: packets of at most the MTU, whole
 *     pass    checksums and segmentation are left to whom it concerns: packets of up to 64 KiB pass as they are
 *     split   large packets are taken from the kernel, and given back cut into segments with full checksums
 *     merge   packets of at most the MTU are taken from the kernel, and given back merged
 *     both    large packets are cut, and the segments are merged again
 *
 * A fourth word is the number of queues of each device; a thread joins each pair.
 *
 * cc -pthread -o forward forward.c $(pkg-config --cflags --libs tapnet)
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tapnet/packet.h>

#define BATCH 64      /* packets that are read before the other device is looked at */
#define SEGMENTS 1024 /* segments that are kept before they are written */
#define SEGMENT_ROOM 2048
#define SEGMENTATION (TAPNET_OFFLOAD_TSO4 | TAPNET_OFFLOAD_TSO6 | TAPNET_OFFLOAD_TSO_ECN)
#define DATAGRAMS (TAPNET_OFFLOAD_USO4 | TAPNET_OFFLOAD_USO6)

static const char *mode;

static int mode_is(const char *name)
{
    return strcmp(mode, name) == 0;
}

/* Some frames with room for @room bytes each, and for the vnet header in front of them. */
static struct tapnet_frame *new_frames(size_t count, size_t room)
{
    struct tapnet_frame *frames = calloc(count, sizeof(*frames));
    unsigned char *bytes = malloc(count * (TAPNET_VNET_LEN + room));

    if (!frames || !bytes)
        exit(1);
    for (size_t i = 0; i < count; i++) {
        frames[i].bytes = bytes + i * (TAPNET_VNET_LEN + room) + TAPNET_VNET_LEN;
        frames[i].room = room;
        frames[i].headroom = TAPNET_VNET_LEN;
    }
    return frames;
}

/* A packet that the other side does not take is lost, as on a wire. */
static void write_all(int fd, const struct tapnet_format *format, const struct tapnet_frame *frames, size_t count)
{
    while (count > 0) {
        int done = tapnet_frames_write(fd, format, frames, count);

        if (done < 1)
            done = 1;
        frames += done;
        count -= (size_t)done;
    }
}

static void write_merged(int fd, const struct tapnet_format *format, struct tapnet_frame *frames, size_t count)
{
    write_all(fd, format, frames, tapnet_merge(frames, count, TAPNET_TUN, SEGMENTATION | DATAGRAMS));
}

/* Cuts one frame; what comes of it is written, merged again in mode `both`. */
static void write_split(int fd, const struct tapnet_format *format, const struct tapnet_frame *frame,
                        struct tapnet_frame *segments)
{
    struct tapnet_split split;
    size_t count = 0;

    if (tapnet_split_begin(&split, frame, TAPNET_TUN) < 0)
        return;
    for (size_t i = 0; i < split.count && count < SEGMENTS; i++)
        count += tapnet_split_segment(&split, i, &segments[count], 1) == 0;
    if (mode_is("both"))
        write_merged(fd, format, segments, count);
    else
        write_all(fd, format, segments, count);
}

struct pair {
    int fds[2];
};

static void *join(void *data)
{
    const struct pair *pair = data;
    const struct tapnet_format format = {.vnet_header_size = mode_is("plain") ? 0 : TAPNET_VNET_LEN};
    struct tapnet_frame *frames = new_frames(BATCH, TAPNET_FRAME_MAX);
    struct tapnet_frame *segments = new_frames(SEGMENTS, mode_is("both") ? TAPNET_FRAME_MAX : SEGMENT_ROOM);
    struct pollfd polls[2] = {{pair->fds[0], POLLIN, 0}, {pair->fds[1], POLLIN, 0}};

    while (poll(polls, 2, -1) > 0)
        for (int from = 0; from < 2; from++) {
            int to = pair->fds[!from], count;

            if (!polls[from].revents)
                continue;
            count = tapnet_frames_read(pair->fds[from], &format, frames, BATCH);
            if (count < 0 && count != -EAGAIN && count != -EINTR)
                return NULL;
            if (mode_is("merge") && count > 0)
                write_merged(to, &format, frames, (size_t)count);
            else if (mode_is("split") || mode_is("both"))
                for (int i = 0; i < count; i++)
                    write_split(to, &format, &frames[i], segments);
            else if (count > 0)
                write_all(to, &format, frames, (size_t)count);
        }
    return NULL;
}

/* @word is NAME, or NETNS/NAME with a name of `ip netns`. */
static struct tapnet_device *open_device(const char *word, unsigned queues)
{
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    struct tapnet_error error = TAPNET_ERROR_INIT;
    const char *slash = strchr(word, '/');
    struct tapnet_device *device;
    char path[300];

    options.kind = TAPNET_TUN;
    options.name = slash ? slash + 1 : word;
    options.queues = queues;
    options.flags = TAPNET_DEVICE_NONBLOCKING | TAPNET_DEVICE_OFFLOADS_OPTIONAL;
    if (!mode_is("plain"))
        options.flags |= TAPNET_DEVICE_VNET_HEADER;
    if (!mode_is("plain") && !mode_is("merge"))
        options.offloads = TAPNET_OFFLOAD_CHECKSUM | SEGMENTATION | DATAGRAMS;
    if (slash) {
        snprintf(path, sizeof(path), "/run/netns/%.*s", (int)(slash - word), word);
        options.netns = open(path, O_RDONLY | O_CLOEXEC);
    }
    if ((slash && options.netns < 0) || tapnet_device_open(&options, &device, &error) < 0) {
        fprintf(stderr, "forward: %s: %s\n", word, error.code ? error.text : strerror(errno));
        exit(1);
    }
    return device;
}

int main(int count, char **words)
{
    unsigned queues = count > 4 ? (unsigned)atoi(words[4]) : 1;
    struct tapnet_device *devices[2];
    struct pair pairs[TAPNET_DEVICE_QUEUES_MAX];
    pthread_t threads[TAPNET_DEVICE_QUEUES_MAX];

    if (count < 4 || queues < 1 || queues > TAPNET_DEVICE_QUEUES_MAX) {
        fputs("usage: forward plain|pass|split|merge|both [NETNS/]TUN [NETNS/]TUN [QUEUES]\n", stderr);
        return 2;
    }
    mode = words[1];
    for (int i = 0; i < 2; i++)
        devices[i] = open_device(words[2 + i], queues);
    for (unsigned i = 0; i < queues; i++) {
        for (int side = 0; side < 2; side++)
            pairs[i].fds[side] = tapnet_device_fd(devices[side], i);
        if (pthread_create(&threads[i], NULL, join, &pairs[i]) != 0)
            return 1;
    }
    puts("ready");
    fflush(stdout);
    for (unsigned i = 0; i < queues; i++)
        pthread_join(threads[i], NULL);
    return 1;
}
