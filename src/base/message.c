/* SPDX-License-Identifier: MIT */
/* One datagram with descriptors attached, over a Unix socket: sent whole, received whole, or an error and no leak. */
#include "base/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Ancillary data of a full message; the union gives it the alignment that the macros of cmsg(3) need. */
union message_ancillary {
    struct cmsghdr header;
    unsigned char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
};

int message_send(int socket, const void *bytes, size_t length, const int *fds, size_t fd_count, int flags)
{
    union message_ancillary ancillary = {0};
    struct iovec vector = {.iov_len = length};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    ssize_t sent;

    if (!length || fd_count > MESSAGE_FDS_MAX)
        return -EINVAL;
    memcpy(&vector.iov_base, &bytes, sizeof(bytes)); /* sendmsg only reads, whatever struct iovec's type says */
    if (fd_count) {
        message.msg_control = &ancillary;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        ancillary.header.cmsg_level = SOL_SOCKET;
        ancillary.header.cmsg_type = SCM_RIGHTS;
        ancillary.header.cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(&ancillary.header), fds, sizeof(int) * fd_count);
    }
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | flags);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -errno;
    return (size_t)sent == length ? 0 : -EMSGSIZE;
}

/* Takes the descriptors out of @message, up to @max into @fds; closes the rest. Returns how many came. */
static size_t message_take_fds(struct msghdr *message, int *fds, size_t max)
{
    size_t count = 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        size_t here;

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS || header->cmsg_len < CMSG_LEN(0))
            continue;
        here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++, count++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
            if (count < max)
                fds[count] = fd;
            else
                close(fd);
        }
    }
    return count;
}

int message_receive(int socket, void *bytes, size_t size, int *fds, size_t fd_max, size_t *ret_length,
                    size_t *ret_fd_count, int flags)
{
    union message_ancillary ancillary;
    struct iovec vector = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof(ancillary)};
    int taken[MESSAGE_FDS_MAX];
    ssize_t received;
    size_t count;
    int r = 0;

    if (fd_max > MESSAGE_FDS_MAX)
        return -EINVAL;
    do
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return -errno;
    count = message_take_fds(&message, taken, MESSAGE_FDS_MAX);
    if (received == 0)
        r = -ECONNRESET;
    else if (message.msg_flags & MSG_TRUNC)
        r = -EMSGSIZE;
    else if (count > fd_max || message.msg_flags & MSG_CTRUNC) /* cut short: the kernel has closed those left out */
        r = -E2BIG;
    if (r < 0) {
        for (size_t i = 0; i < count && i < MESSAGE_FDS_MAX; i++)
            close(taken[i]);
        return r;
    }
    if (count)
        memcpy(fds, taken, count * sizeof(int));
    *ret_length = (size_t)received;
    *ret_fd_count = count;
    return 0;
}
