/* SPDX-License-Identifier: MIT */
/* Tells udev whose a TAP or TUN is before the kernel can: a file of the device's name while it is being made. */
#include "apply/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/run.h"
#include "base/cleanup.h"
#include "device/announce.h"

/*
 * How it works: a link of ours is known by its interface group, but TUNSETIFF makes a device in group 0, and udevd may
 * look at it before our next request: it would give it another MAC, and systemd-networkd would take it out of its
 * bridge. So BASE/making/NAME stands from before the device is made until it is in our group, BASE being the directory
 * of all run directories. udev's rule looks for the file first and at the group second (data/75-tapnet.rules): whenever
 * it does, one of them tells. The lock of the namespace is held; only tapnets of udevd's own namespace do this.
 */
#define DIRECTORY "making"

static void directory_path(const struct apply_kernel *kernel, char ret[RUN_PATH_MAX])
{
    const char *slash = strrchr(kernel->run_dir, '/');

    snprintf(ret, RUN_PATH_MAX, "%.*s/" DIRECTORY, slash ? (int)(slash - kernel->run_dir) : 1,
             slash ? kernel->run_dir : ".");
}

/* Opens the directory; -ENOENT when nobody listens. */
static int open_directory(struct apply_kernel *kernel, struct tapnet_error *error)
{
    char path[RUN_PATH_MAX];

    if (kernel->making_fd >= 0)
        return 0;
    if (kernel->making_fd == APPLY_MAKING_UNKNOWN && !device_udev_listens())
        kernel->making_fd = APPLY_MAKING_UNHEARD;
    if (kernel->making_fd == APPLY_MAKING_UNHEARD)
        return -ENOENT;
    directory_path(kernel, path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return run_remedy(error_set_errno(error, -errno, "cannot make the directory %s", path), error);
    kernel->making_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (kernel->making_fd >= 0)
        return 0;
    kernel->making_fd = APPLY_MAKING_UNKNOWN;
    return error_set_errno(error, -errno, "cannot open %s", path);
}

int apply_announce(struct apply_kernel *kernel, const char *name, struct tapnet_error *error)
{
    _cleanup_close_ int fd = -1;
    int result = open_directory(kernel, error);

    if (result < 0)
        return result == -ENOENT ? 0 : result;
    fd = openat(kernel->making_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        return 0;
    return run_remedy(error_set_errno(error, -errno, "cannot make a file for %s in " DIRECTORY, name), error);
}

void apply_announce_end(struct apply_kernel *kernel, const char *name)
{
    if (kernel->making_fd >= 0)
        unlinkat(kernel->making_fd, name, 0);
}

/* What a tapnet left that was killed while it made devices. */
static void remove_entries(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory)))
        unlinkat(dirfd(directory), entry->d_name, 0); /* "." and ".." fail */
    closedir(directory);
}

void apply_announce_fini(struct apply_kernel *kernel)
{
    bool opened = kernel->making_fd >= 0;
    char path[RUN_PATH_MAX];

    if (opened)
        close(kernel->making_fd);
    directory_path(kernel, path);
    if (!opened && (access(path, F_OK) < 0 || !device_udev_listens()))
        return;
    remove_entries(path);
    rmdir(path);
}
