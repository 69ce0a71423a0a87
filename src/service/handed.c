/* SPDX-License-Identifier: MIT */
/* What a resident is handed by whoever starts it: descriptors by number, or by a connection (apply/spawn.h). */
#include "service/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/message.h"

#define WAIT_SEC 10
#define FD_MAX (1 << 20) /* the kernel's own limit, fs.nr_open, unless somebody raised it */

int handed_parse(const char *text, int *ret)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < 2 || value > FD_MAX || fcntl((int)value, F_GETFD) < 0)
        return -EINVAL;
    *ret = (int)value;
    return 0;
}

int handed_receive(int connection, struct handed *ret)
{
    const struct timeval timeout = {.tv_sec = WAIT_SEC};
    size_t length, count;
    char word[8];
    int fds[] = {-1, -1, -1, -1}, r;

    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    r = message_receive(connection, word, sizeof(word), fds, ARRAY_COUNT(fds), &length, &count, 0);
    if (r < 0)
        return r;
    if (count < 2) {
        if (count)
            close(fds[0]);
        return -EPROTO;
    }
    *ret = (struct handed){.control_fd = fds[0], .log_fd = fds[1], .attach_fd = fds[2], .reply_fd = fds[3]};
    return 0;
}

int handed_accept(int listening, struct handed *ret)
{
    int flags = fcntl(listening, F_GETFL), r;
    _cleanup_close_ int connection = -1;

    if (flags < 0 || fcntl(listening, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0)
        return errno == EAGAIN ? 0 : -errno;
    r = handed_receive(connection, ret);
    return r < 0 ? r : 1;
}
