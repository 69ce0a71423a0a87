/* SPDX-License-Identifier: MIT */
/* Who holds a TUN or TAP: from the descriptors that /proc shows. */
#include "device/holders.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"

/*
 * How it works: a descriptor of /dev/net/tun has "iff:\tNAME" in its fdinfo (drivers/net/tun.c), whatever the path by
 * which it was opened: a container has a node of its own. Processes that we may not look into are passed over. The name
 * alone says little: another network namespace may have a device of the same name, and a VMM may live in another
 * namespace than its TAP. So the descriptor itself is asked (pidfd_getfd(2) and TUNGETDEVNETNS); where that is not
 * permitted, the namespace of the process stands for it.
 */

struct walk {
    struct stat netns; /* whose devices are wanted */
    struct device_holder *holders;
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

/* Text that a person will see. */
static void read_command(int pid, char command[64])
{
    char path[64];
    _cleanup_fclose_ FILE *file = NULL;

    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    file = fopen(path, "re");
    if (!file || !fgets(command, 64, file))
        snprintf(command, 64, "?");
    command[strcspn(command, "\n")] = '\0';
    text_make_printable(command);
}

static bool read_interface(int pid, const char *fd, char device[IFNAMSIZ])
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

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

int device_holder_borrow(const struct device_holder *holder)
{
    _cleanup_close_ int process = (int)syscall(SYS_pidfd_open, holder->pid, 0);
    int fd = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, holder->fd, 0);

    return fd < 0 ? -errno : fd;
}

/* The network namespace of the device behind the descriptor. */
static bool stat_device_netns(const struct device_holder *holder, struct stat *ret)
{
    _cleanup_close_ int device = device_holder_borrow(holder);
    _cleanup_close_ int netns = device < 0 ? -1 : ioctl(device, TUNGETDEVNETNS);

    return netns >= 0 && fstat(netns, ret) == 0;
}

static bool is_of_netns(const struct device_holder *holder, const struct stat *netns)
{
    struct stat theirs;
    char path[64];

    if (stat_device_netns(holder, &theirs))
        return same_file(netns, &theirs);
    snprintf(path, sizeof(path), "/proc/%d/ns/net", holder->pid);
    return stat(path, &theirs) == 0 && same_file(netns, &theirs);
}

/* A name in /proc that is a number, of a process or of a descriptor; -1 for any other. */
static int number_of(const char *name)
{
    char *end;
    long number = strtol(name, &end, 10);

    return *name >= '0' && *name <= '9' && !*end && number <= INT_MAX ? (int)number : -1;
}

static int look_at_descriptor(struct walk *walk, int pid, const char *fd)
{
    char path[PATH_MAX], first;
    struct device_holder holder = {.pid = pid, .fd = number_of(fd)};
    int result;

    snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, fd);
    if (readlink(path, &first, 1) != 1 || first != '/') /* a socket, a pipe, a memory */
        return 0;
    if (!read_interface(pid, fd, holder.device) || !is_of_netns(&holder, &walk->netns))
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
    const struct device_holder *left = a, *right = b;
    int order = strcmp(left->device, right->device);

    if (order == 0)
        order = (left->pid > right->pid) - (left->pid < right->pid);
    return order ? order : (left->fd > right->fd) - (left->fd < right->fd);
}

int device_holders(int netns, struct device_holder **ret, size_t *ret_count, struct tapnet_error *error)
{
    struct walk walk cleanup(walk_fini) = {0};
    DIR *directory cleanup(cleanup_closedir) = opendir("/proc");
    const struct dirent *entry;
    bool known = (netns < 0 ? stat("/proc/thread-self/ns/net", &walk.netns) : fstat(netns, &walk.netns)) == 0;

    while (known && directory && (entry = readdir(directory))) {
        int pid = number_of(entry->d_name);

        if (pid > 0 && look_at_process(&walk, pid) < 0)
            return error_set(error, -ENOMEM, "out of memory");
    }
    if (walk.count)
        qsort(walk.holders, walk.count, sizeof(*walk.holders), compare_holders);
    *ret_count = walk.count;
    *ret = take_pointer(walk.holders);
    return 0;
}
