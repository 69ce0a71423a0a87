/* SPDX-License-Identifier: MIT */
/* Reads and writes packets in batches on a queue of a TUN or TAP device. */

/*
 * How it works: the driver gives and takes one packet a system call, so a batch saves none of them; what it saves is
 * the wait and the look at other descriptors between them, and it gives tapnet_merge() something to merge. The vnet
 * header stands in the frame's headroom, or, when there is none, beside the packet: a vector of two pieces costs the
 * kernel more than one. Behind the first packet RWF_NOWAIT keeps a descriptor that may wait from doing so.
 */
#include <errno.h>
#include <sys/uio.h>
#include <tapnet/packet.h>

#include "device/device.h"

#define VNET_HEADER_MAX 64

/* What stands on the descriptor: header and packet in one piece or two, or no header at all. */
struct parts {
    struct iovec vector[2];
    int count;
    uint8_t *header; /* in the frame's headroom, or at @beside */
    uint8_t beside[VNET_HEADER_MAX];
};

static int check_format(const struct tapnet_format *format)
{
    size_t size = format->vnet_header_size;

    return size && (size < TAPNET_VNET_LEN || size > VNET_HEADER_MAX) ? -EINVAL : 0;
}

/* @len: of the packet, or of the room for it. */
static void parts_set(struct parts *parts, size_t header_size, const struct tapnet_frame *frame, size_t len)
{
    parts->count = 1;
    if (header_size <= frame->headroom) {
        parts->header = frame->bytes - header_size;
        parts->vector[0] = (struct iovec){parts->header, header_size + len};
        return;
    }
    parts->header = parts->beside;
    parts->count = 2;
    parts->vector[0] = (struct iovec){parts->beside, header_size};
    parts->vector[1] = (struct iovec){frame->bytes, len};
}

/* A queue's next packet; without @wait also a descriptor that may wait does not. */
static ssize_t read_parts(int fd, const struct parts *parts, bool wait)
{
    if (!wait)
        return preadv2(fd, parts->vector, parts->count, -1, RWF_NOWAIT);
    if (parts->count == 1)
        return read(fd, parts->vector[0].iov_base, parts->vector[0].iov_len);
    return readv(fd, parts->vector, parts->count);
}

static ssize_t write_parts(int fd, const struct parts *parts)
{
    if (parts->count == 1)
        return write(fd, parts->vector[0].iov_base, parts->vector[0].iov_len);
    return writev(fd, parts->vector, parts->count);
}

static int read_frame(int fd, const struct tapnet_format *format, struct tapnet_frame *frame, bool wait)
{
    size_t size = format->vnet_header_size;
    struct parts parts;
    ssize_t len;

    parts_set(&parts, size, frame, frame->room);
    len = read_parts(fd, &parts, wait);
    if (len < 0)
        return -errno;
    if ((size_t)len <= size)
        return -EBADMSG;
    frame->len = (size_t)len - size;
    if (size)
        tapnet_vnet_parse(parts.header, size, size, format->vnet_header_order, &frame->vnet);
    else
        frame->vnet = (struct tapnet_vnet){0};
    return 0;
}

API int tapnet_frames_read(int fd, const struct tapnet_format *format, struct tapnet_frame *frames, size_t count)
{
    int result = check_format(format);
    size_t done = 0;

    while (result == 0 && done < count) {
        result = read_frame(fd, format, &frames[done], done == 0);
        done += result == 0;
    }
    return done ? (int)done : result;
}

static int write_frame(int fd, const struct tapnet_format *format, const struct tapnet_frame *frame)
{
    size_t size = format->vnet_header_size;
    struct parts parts;

    if (size == 0 && (frame->vnet.flags & TAPNET_VNET_NEEDS_CHECKSUM || frame->vnet.gso_type != TAPNET_GSO_NONE))
        return -EINVAL;
    parts_set(&parts, size, frame, frame->len);
    if (size)
        tapnet_vnet_build(parts.header, size, size, format->vnet_header_order, &frame->vnet);
    return write_parts(fd, &parts) < 0 ? -errno : 0;
}

API int tapnet_frames_write(int fd, const struct tapnet_format *format, const struct tapnet_frame *frames, size_t count)
{
    int result = check_format(format);
    size_t done = 0;

    while (result == 0 && done < count) {
        result = write_frame(fd, format, &frames[done]);
        done += result == 0;
    }
    return done ? (int)done : result;
}
