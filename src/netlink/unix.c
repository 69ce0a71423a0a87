/* SPDX-License-Identifier: MIT */
/* Unix sockets of this network namespace. */
#include "netlink/unix.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define LISTENS 0x10000u /* __SO_ACCEPTCON of linux/net.h */

/* One line of /proc/self/net/unix; "flags" and "inode" are the fourth and the seventh column, the name comes last. */
struct line {
    FILE *file;
    char *text;
    size_t capacity;
};

static void cleanup_line(struct line *line)
{
    if (line->file)
        fclose(line->file);
    free(line->text);
}

/* The next socket that was bound to @path: false when there is none. */
static bool find_next(struct line *line, const char *path, unsigned *ret_flags, unsigned long *ret_inode)
{
    ssize_t length;

    while (line->file && (length = getline(&line->text, &line->capacity, line->file)) > 0) {
        const char *name = strchr(line->text, '/'); /* numbers and, if it has one, the name: a path, or "@..." */

        line->text[length - 1] = '\0';
        if (name && name[-1] == ' ' && strcmp(name, path) == 0 &&
            sscanf(line->text, "%*s %*s %*s %x %*s %*s %lu", ret_flags, ret_inode) == 2)
            return true;
    }
    return false;
}

bool unix_socket_is_ours(const char *path)
{
    struct line line cleanup(cleanup_line) = {.file = fopen("/proc/self/net/unix", "re")};
    unsigned long inode;
    unsigned flags;

    return find_next(&line, path, &flags, &inode);
}

size_t unix_socket_listeners(const char *path, unsigned long *inodes, size_t max)
{
    struct line line cleanup(cleanup_line) = {.file = fopen("/proc/self/net/unix", "re")};
    unsigned long inode;
    unsigned flags;
    size_t count = 0;

    while (count < max && find_next(&line, path, &flags, &inode))
        if (flags & LISTENS)
            inodes[count++] = inode;
    return count;
}
