/* SPDX-License-Identifier: MIT */
/* Reads and writes packets in batches on a queue of a TUN or TAP device. */

/*
 * How it works: the driver gives and takes one packet a system call, so a batch saves none of them; what it saves is
 * the wait and the look at other descriptors between them, and it gives tapnet_merge() something to merge. The vnet
 * header is read beside the packet (readv), so that packets stand where the caller wants them. Behind the first packet
 * RWF_NOWAIT keeps a descriptor that may wait from doing so.
 */
#include <errno.h>
#include <sys/uio.h>
#include <tapnet/packet.h>

#include "device/device.h"

#define VNET_HEADER_MAX 64

/* What stands on the descriptor: the header (no part when there is none) and the packet. */
struct parts {
    struct iovec vector[2];
    int first; /* 1 without a header */
    uint8_t header[VNET_HEADER_MAX];
};

static int parts_init(struct parts *parts, const struct tapnet_format *format)
{
    size_t size = format->vnet_header_size;

    if (size && (size < TAPNET_VNET_LEN || size > sizeof(parts->header)))
        return -EINVAL;
    parts->first = size == 0;
    parts->vector[0] = (struct iovec){parts->header, size};
    return 0;
}

/* A queue's next packet; without @wait also a descriptor that may wait does not. */
static ssize_t read_parts(int fd, const struct parts *parts, bool wait)
{
    const struct iovec *vector = parts->vector + parts->first;
    int count = 2 - parts->first;

    if (!wait)
        return preadv2(fd, vector, count, -1, RWF_NOWAIT);
    return parts->first ? read(fd, vector->iov_base, vector->iov_len) : readv(fd, vector, count);
}

static int read_frame(int fd, const struct tapnet_format *format, struct parts *parts, struct tapnet_frame *frame,
                      bool wait)
{
    size_t size = format->vnet_header_size;
    ssize_t len;

    parts->vector[1] = (struct iovec){frame->bytes, frame->room};
    len = read_parts(fd, parts, wait);
    if (len < 0)
        return -errno;
    if ((size_t)len <= size)
        return -EBADMSG;
    frame->len = (size_t)len - size;
    if (size == 0) {
        frame->vnet = (struct tapnet_vnet){0};
        return 0;
    }
    tapnet_vnet_parse(parts->header, size, size, format->vnet_header_order, &frame->vnet);
    return 0;
}

API int tapnet_frames_read(int fd, const struct tapnet_format *format, struct tapnet_frame *frames, size_t count)
{
    struct parts parts;
    size_t done = 0;
    int result = parts_init(&parts, format);

    while (result == 0 && done < count) {
        result = read_frame(fd, format, &parts, &frames[done], done == 0);
        done += result == 0;
    }
    return done ? (int)done : result;
}

static int write_frame(int fd, const struct tapnet_format *format, struct parts *parts,
                       const struct tapnet_frame *frame)
{
    size_t size = format->vnet_header_size;
    ssize_t len;

    if (size == 0) {
        if (frame->vnet.flags & TAPNET_VNET_NEEDS_CHECKSUM || frame->vnet.gso_type != TAPNET_GSO_NONE)
            return -EINVAL;
        len = write(fd, frame->bytes, frame->len);
        return len < 0 ? -errno : 0;
    }
    tapnet_vnet_build(parts->header, size, size, format->vnet_header_order, &frame->vnet);
    parts->vector[1] = (struct iovec){frame->bytes, frame->len};
    len = writev(fd, parts->vector, 2);
    return len < 0 ? -errno : 0;
}

API int tapnet_frames_write(int fd, const struct tapnet_format *format, const struct tapnet_frame *frames, size_t count)
{
    struct parts parts;
    size_t done = 0;
    int result = parts_init(&parts, format);

    while (result == 0 && done < count) {
        result = write_frame(fd, format, &parts, &frames[done]);
        done += result == 0;
    }
    return done ? (int)done : result;
}
