/* SPDX-License-Identifier: MIT */
/* Unix sockets of this network namespace. */
#include "netlink/unix.h"

#include <string.h>

#include "base/cleanup.h"

bool unix_socket_is_ours(const char *path)
{
    _cleanup_fclose_ FILE *file = fopen("/proc/self/net/unix", "re");
    _cleanup_free_ char *line = NULL;
    size_t capacity = 0;
    ssize_t length;

    while (file && (length = getline(&line, &capacity, file)) > 0) {
        const char *name = strchr(line, '/'); /* numbers and, if it has one, the name: a path, or "@..." */

        line[length - 1] = '\0';
        if (name && name[-1] == ' ' && strcmp(name, path) == 0)
            return true;
    }
    return false;
}
