/* SPDX-License-Identifier: MIT */
/* Tells udev that a device which is about to appear is tapnet's, before its alias can. */
#include "device/announce.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netlink/unix.h"

#define UDEVD "/run/udev/control"
#define BASE "/run/tapnet" /* as udev's rule has it, whatever run directory somebody chose */
#define DIRECTORY BASE "/making"
#define BASE_MODE 01711 /* made by tapnet, to go with what was last in it (apply/run.c) */

bool device_udev_listens(void)
{
    return access(UDEVD, F_OK) == 0 && unix_socket_is_ours(UDEVD);
}

int device_announce(const char *name)
{
    _cleanup_close_ int directory = -1, fd = -1;

    if (strchr(name, '%') || !device_udev_listens())
        return -1;
    if (mkdir(BASE, BASE_MODE) == 0)
        chmod(BASE, BASE_MODE); /* whatever our umask is */
    mkdir(DIRECTORY, 0700);
    directory = open(DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (directory >= 0)
        fd = openat(directory, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd >= 0 ? take_fd(&directory) : -1;
}

void device_announce_end(int directory_fd, const char *name)
{
    struct stat status;

    if (directory_fd < 0)
        return;
    unlinkat(directory_fd, name, 0);
    close(directory_fd);
    if (rmdir(DIRECTORY) == 0 && lstat(BASE, &status) == 0 && (status.st_mode & 07700) == 01700)
        rmdir(BASE);
}
