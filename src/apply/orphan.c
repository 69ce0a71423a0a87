/* SPDX-License-Identifier: MIT */
/* A resident that nobody can reach: somebody deleted its socket, or it takes no connection any more. */
#include "apply/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "apply/orphan.h"
#include "base/cleanup.h"
#include "netlink/unix.h"

/*
 * How it works: the kernel keeps the name of a Unix socket after its file is gone, with the socket's inode
 * (netlink/unix.h); who holds that is found by /proc/PID/fd. It must be called as the resident is, too: its starter
 * held the socket first, and whoever has the run directory's name may pass one on.
 */

#define ENDING_TRIES 100 /* for a process that is about to end anyway */
#define ENDING_PAUSE_MSEC 10
#define SOCKETS_MAX 8 /* of one name at once: one each time that somebody deleted it and another service was started */

static void cleanup_closedir(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

struct search {
    const char *name; /* of the program */
    unsigned long inodes[SOCKETS_MAX];
    size_t count;
};

/* Is the descriptor that @path links to one of the sockets? */
static bool is_wanted(const struct search *search, int directory_fd, const char *name)
{
    char target[64];
    ssize_t len = readlinkat(directory_fd, name, target, sizeof(target) - 1);
    unsigned long inode;

    if (len <= 0)
        return false;
    target[len] = '\0';
    if (strncmp(target, "socket:[", 8) != 0)
        return false;
    inode = strtoul(target + 8, NULL, 10);
    for (size_t i = 0; i < search->count; i++)
        if (search->inodes[i] == inode)
            return true;
    return false;
}

static bool holds_socket(const struct search *search, int pid)
{
    char path[64];
    DIR *directory cleanup(cleanup_closedir) = NULL;
    const struct dirent *entry;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    directory = opendir(path);
    while (directory && (entry = readdir(directory)))
        if (is_wanted(search, dirfd(directory), entry->d_name))
            return true;
    return false;
}

/* Ends process @pid if it is one. 1, 0 when it is another, or a negative errno. */
static int end_if_orphan(const struct search *search, int pid)
{
    _cleanup_close_ int process = -1;

    if (!apply_process_is(pid, search->name))
        return 0;
    process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (process < 0 || !apply_process_is(pid, search->name) || !holds_socket(search, pid)) /* of the one that we hold */
        return 0;
    if (syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) < 0)
        return -errno;
    return apply_process_ends(process, APPLY_EXIT_MSEC) ? 1 : -ETIMEDOUT;
}

/* Ends all of them. How many there were, or a negative errno. */
static int end_orphans(const struct search *search)
{
    DIR *directory cleanup(cleanup_closedir) = opendir("/proc");
    const struct dirent *entry;
    int ended = 0, result = 0;

    while (directory && result >= 0 && (entry = readdir(directory))) {
        int pid = (int)strtol(entry->d_name, NULL, 10); /* 0: no process */

        result = pid > 0 ? end_if_orphan(search, pid) : 0;
        ended += result > 0;
    }
    return result < 0 ? result : ended;
}

int apply_orphan_end(const char *path, const char *name, struct tapnet_error *error)
{
    struct search search = {.name = name};
    int ended = 0;

    /* Of a process that ends the descriptors go first, and its sockets a moment later. */
    for (int tries = 0; tries < ENDING_TRIES && ended == 0; tries++) {
        if (tries)
            poll(NULL, 0, ENDING_PAUSE_MSEC);
        search.count = unix_socket_listeners(path, search.inodes, SOCKETS_MAX);
        if (!search.count)
            return 0;
        ended = end_orphans(&search);
    }
    if (ended > 0)
        return 0;
    return error_set(error, ended < 0 ? ended : -EPERM,
                     "%s runs, can't be reached at %s, and can't be ended (%s): `pkill -KILL -x %s` as root does it",
                     name, path, ended < 0 ? strerrordesc_np(-ended) : "whose process it is can't be seen", name);
}
