/* SPDX-License-Identifier: MIT */
/* Who holds a TUN or TAP: from the descriptors that /proc shows. */
#include "observe/observe.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"

/*
 * How it works: a descriptor of /dev/net/tun has "iff:\tNAME" in its fdinfo (drivers/net/tun.c). Processes that we may
 * not look into are passed over.
 */

struct walk {
    struct observe_holder *holders;
    size_t count, capacity;
};

static void cleanup_closedir(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

static void walk_fini(struct walk *walk)
{
    free(walk->holders);
}

/* Text that a person will see: what a process calls itself may hold control characters. */
static void read_command(int pid, char command[64])
{
    char path[64];
    _cleanup_fclose_ FILE *file = NULL;

    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    file = fopen(path, "re");
    if (!file || !fgets(command, 64, file))
        snprintf(command, 64, "?");
    command[strcspn(command, "\n")] = '\0';
    for (char *character = command; *character; character++)
        if ((unsigned char)*character < ' ' || (unsigned char)*character > '~')
            *character = '?';
}

static bool read_interface(int pid, const char *fd, char device[MODEL_IFNAME_MAX])
{
    char path[PATH_MAX], line[128];
    _cleanup_fclose_ FILE *file = NULL;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, fd);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "iff:\t%15s", device) == 1)
            return true;
    return false;
}

static int look_at_descriptor(struct walk *walk, int pid, const char *fd)
{
    char path[PATH_MAX], target[32];
    struct observe_holder holder = {.pid = pid};
    ssize_t len;
    int result;

    snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, fd);
    len = readlink(path, target, sizeof(target));
    if (len != (ssize_t)strlen("/dev/net/tun") || memcmp(target, "/dev/net/tun", (size_t)len) != 0)
        return 0;
    if (!read_interface(pid, fd, holder.device))
        return 0;
    read_command(pid, holder.command);
    result = array_reserve((void **)&walk->holders, &walk->capacity, walk->count, 1, sizeof(*walk->holders));
    if (result == 0)
        walk->holders[walk->count++] = holder;
    return result;
}

static int look_at_process(struct walk *walk, int pid)
{
    char path[64];
    DIR *directory cleanup(cleanup_closedir) = NULL;
    const struct dirent *entry;
    int result = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    directory = opendir(path);
    while (directory && result == 0 && (entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            result = look_at_descriptor(walk, pid, entry->d_name);
    return result;
}

static int compare_holders(const void *a, const void *b)
{
    return strcmp(((const struct observe_holder *)a)->device, ((const struct observe_holder *)b)->device);
}

int observe_holders(struct observe_holder **ret, size_t *ret_count, struct tapnet_error *error)
{
    struct walk walk cleanup(walk_fini) = {0};
    DIR *directory cleanup(cleanup_closedir) = opendir("/proc");
    const struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        int pid = atoi(entry->d_name);

        if (pid > 0 && look_at_process(&walk, pid) < 0)
            return error_set(error, -ENOMEM, "out of memory");
    }
    if (walk.count)
        qsort(walk.holders, walk.count, sizeof(*walk.holders), compare_holders);
    *ret_count = walk.count;
    *ret = take_pointer(walk.holders);
    return 0;
}
