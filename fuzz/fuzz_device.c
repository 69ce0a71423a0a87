/* SPDX-License-Identifier: MIT */
/* What comes from elsewhere as a device: descriptors that another process sends, packets behind any vnet header. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <tapnet/packet.h>
#include <unistd.h>

#include "base/message.h"
#include "device/device.h"

/*
 * How it works: the first byte says which. Even: datagrams of another process, each a byte for the number of
 * descriptors, one for each of these, one for the length, and the bytes. Odd: a byte for the vnet header's size and
 * order, one for the headroom, then packets of a queue as read() gives them, each behind its length in two bytes.
 * Devices are made in a network namespace of our own; where that is not to be had, the descriptors are of other things.
 */

#define FRAMES_MAX 8
#define ROOM 2048
#define TARGETS 7

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int targets[TARGETS]; /* what may be sent */

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* A queue of the TAP @name; one that can't be had is a closed door as good as any. */
static int open_queue(const char *name, bool ours)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    strcpy(request.ifr_name, name);
    if (ours)
        (void)ioctl(fd, TUNSETIFF, &request);
    return fd;
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    bool ours = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;

    (void)count;
    (void)arguments;
    targets[0] = memfd_create("no device", MFD_CLOEXEC);
    targets[1] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    targets[2] = open("/dev/null", O_RDWR | O_CLOEXEC);
    targets[3] = open_queue("none", false);
    targets[4] = open_queue("one", ours);
    targets[5] = open_queue("one", ours);
    targets[6] = open_queue("two", ours);
    for (size_t i = 0; i < TARGETS; i++)
        require(targets[i] >= 0);
    return 0;
}

/* ---- a device of another process ---- */

/* Sends one datagram. Returns how many bytes of the input it took; 0: there is none. */
static size_t send_datagram(int line, const uint8_t *data, size_t size)
{
    size_t count = size ? data[0] % (MESSAGE_FDS_MAX + 1) : 0, len;
    int fds[MESSAGE_FDS_MAX];

    if (size < 2 + count)
        return 0;
    for (size_t i = 0; i < count; i++)
        fds[i] = targets[data[1 + i] % TARGETS];
    len = data[1 + count] < size - 2 - count ? data[1 + count] : size - 2 - count;
    if (len)
        message_send(line, data + 2 + count, len, fds, count, MSG_DONTWAIT);
    return 2 + count + len;
}

static void fuzz_receive(const uint8_t *data, size_t size)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct tapnet_device *device = NULL;
    int ends[2], result;
    size_t taken;

    require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    for (size_t i = 0; i < 64 && (taken = send_datagram(ends[0], data, size)); i++) {
        data += taken;
        size -= taken;
    }
    close(ends[0]); /* what does not come any more need not be waited for */
    result = tapnet_device_receive(ends[1], &device, &error);
    require((result == 0) == (device != NULL) && (result == 0 || (error.code == result && error.text[0])));
    if (device)
        require(strcmp(tapnet_device_name(device), "one") == 0 || strcmp(tapnet_device_name(device), "two") == 0);
    tapnet_device_close(device);
    close(ends[1]);
}

/* ---- packets ---- */

static void check_frame(const struct tapnet_frame *frame, const struct tapnet_format *format)
{
    struct tapnet_layout layout;

    require(frame->len > 0 && frame->len <= frame->room);
    if (!format->vnet_header_size)
        require(frame->vnet.gso_type == TAPNET_GSO_NONE && !(frame->vnet.flags & TAPNET_VNET_NEEDS_CHECKSUM));
    if (tapnet_layout_parse(frame->bytes, frame->len, TAPNET_TAP, &layout) == 0)
        require(layout.end <= frame->len);
}

static void fuzz_frames(const uint8_t *data, size_t size)
{
    const struct tapnet_format format = {.vnet_header_size = data[0] & 63 ? 7 + (data[0] & 63) : 0,
                                         .vnet_header_order = data[0] >> 6 < 3 ? data[0] >> 6 : 0};
    struct tapnet_frame frames[FRAMES_MAX] = {0};
    size_t headroom = data[1];
    uint8_t *buffers[FRAMES_MAX];
    int ends[2], count;

    require(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    for (data += 2, size -= 2; size > 2;) {
        size_t len = data[0] | (size_t)data[1] << 8;

        len = len < size - 2 ? len : size - 2;
        (void)send(ends[0], data + 2, len, MSG_DONTWAIT);
        data += 2 + len;
        size -= 2 + len;
    }
    for (size_t i = 0; i < FRAMES_MAX; i++) {
        buffers[i] = malloc(headroom + ROOM); /* the sanitizer sees what is written in front of it and behind */
        require(buffers[i] != NULL);
        frames[i] = (struct tapnet_frame){.bytes = buffers[i] + headroom, .headroom = headroom, .room = ROOM};
    }
    count = tapnet_frames_read(ends[1], &format, frames, FRAMES_MAX);
    require(count != 0 && count <= FRAMES_MAX);
    for (int i = 0; i < count; i++)
        check_frame(&frames[i], &format);
    for (size_t i = 0; i < FRAMES_MAX; i++)
        free(buffers[i]);
    close(ends[0]);
    close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int before, after;

    if (size < 3)
        return 0;
    before = dup(0);
    close(before);
    if (data[0] & 1)
        fuzz_frames(data + 1, size - 1);
    else
        fuzz_receive(data + 1, size - 1);
    after = dup(0); /* nothing was left open */
    require(after == before);
    close(after);
    return 0;
}
