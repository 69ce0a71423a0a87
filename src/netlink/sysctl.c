/* SPDX-License-Identifier: MIT */
/* Sysctls, by /proc/sys. */
#include "netlink/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define PATH_LEN 256

/* Below /proc/sys and nowhere else: no "..", nothing absolute. */
static int open_sysctl(const char *path, int flags, struct tapnet_error *error)
{
    char full[PATH_LEN];
    int fd;

    if (!path[0] || path[0] == '/' || strstr(path, "..") ||
        snprintf(full, sizeof(full), "/proc/sys/%s", path) >= (int)sizeof(full))
        return error_set(error, -EINVAL, "'%.60s' is not the path of a sysctl", path);
    fd = open(full, flags | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_set_errno(error, -errno, "cannot open %s", full);
    return fd;
}

int sysctl_read(const char *path, char *ret, size_t size, struct tapnet_error *error)
{
    _cleanup_close_ int fd = open_sysctl(path, O_RDONLY, error);
    char text[PATH_LEN];
    ssize_t len;

    if (fd < 0)
        return fd;
    len = read(fd, text, sizeof(text) - 1);
    if (len < 0)
        return error_set_errno(error, -errno, "cannot read /proc/sys/%s", path);
    text[len] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (strlen(text) >= size)
        return error_set(error, -E2BIG, "the value of /proc/sys/%s is longer than expected", path);
    strcpy(ret, text);
    return 0;
}

int sysctl_write(const char *path, const char *value, struct tapnet_error *error)
{
    _cleanup_close_ int fd = open_sysctl(path, O_WRONLY, error);

    if (fd < 0)
        return fd;
    if (write(fd, value, strlen(value)) < 0)
        return error_set_errno(error, -errno, "cannot write '%s' to /proc/sys/%s", value, path);
    return 0;
}
