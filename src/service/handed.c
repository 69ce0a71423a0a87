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

int handed_receive(int connection, int *ret_control_fd, int *ret_log_fd)
{
    const struct timeval timeout = {.tv_sec = WAIT_SEC};
    size_t length, count;
    char word[8];
    int fds[2], r;

    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    r = message_receive(connection, word, sizeof(word), fds, ARRAY_COUNT(fds), &length, &count, 0);
    if (r < 0)
        return r;
    if (count < ARRAY_COUNT(fds)) {
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
        return -EPROTO;
    }
    *ret_control_fd = fds[0];
    *ret_log_fd = fds[1];
    return 0;
}
