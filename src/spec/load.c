/* SPDX-License-Identifier: MIT */
/* A file's text, read with care for what a path may lead to. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "spec/mistake.h"
#include "spec/spec.h"

static const char *file_noun(mode_t mode)
{
    return S_ISFIFO(mode) ? "a pipe" : "a device";
}

/* Opens @path if it is a regular file of a size that can be meant, without ever waiting for a writer. */
static int file_open(const char *path, const char *shown, struct tapnet_error *error)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;

    if (fd < 0 && errno == ENXIO)
        return error_set(error, -EINVAL,
                         "%s: is a socket or a device without a driver, not a file; write its text to "
                         "a file first",
                         shown);
    if (fd < 0 && errno == ELOOP)
        return error_set(error, -ELOOP, "%s: is a symbolic link that leads back to itself; name the file that is meant",
                         shown);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_set_errno(error, -errno, "%s: can't be read", shown);
    if (S_ISDIR(status.st_mode))
        return error_set(error, -EISDIR, "%s: is a directory; name a file in it", shown);
    if (!S_ISREG(status.st_mode))
        return error_set(error, -EINVAL, "%s: is %s, not a file; write its text to a file first", shown,
                         file_noun(status.st_mode));
    if (status.st_size > SPEC_FILE_LEN_MAX)
        return error_set(error, -EFBIG, "%s: %lld bytes are more than a file may have: %d", shown,
                         (long long)status.st_size, SPEC_FILE_LEN_MAX);
    return take_fd(&fd);
}

/* Reads all of @fd, one byte more than the maximum at most, into @ret_text (malloc'ed). */
static int file_read(int fd, char **ret_text, size_t *ret_len)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0, capacity = 0;

    for (;;) {
        ssize_t n;

        if (len == capacity) {
            char *grown = realloc(text, capacity = capacity ? 2 * capacity : 16384);

            if (!grown)
                return -ENOMEM;
            text = grown;
        }
        n = read(fd, text + len, capacity - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        len += (size_t)n;
        if (n == 0 || len > SPEC_FILE_LEN_MAX)
            break;
    }
    *ret_text = take_pointer(text);
    *ret_len = len;
    return 0;
}

/* A file of /proc or /sys has no size, and may have no text either. Returns @code, with which reading @fd failed. */
static int explain_read(int fd, const char *shown, int code, struct tapnet_error *error)
{
    struct stat status;

    if (code != -ENOMEM && fstat(fd, &status) == 0 && status.st_size == 0)
        return error_set(error, code,
                         "%s: is a file of the kernel's, which gives no text; write its text to a file first", shown);
    return error_set_errno(error, code, "%s: can't be read", shown);
}

int spec_load(const char *path, struct model_set **ret, struct tapnet_error *error)
{
    _cleanup_free_ char *shown = spec_quote_file(path);
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int fd = -1;
    struct stat status;
    size_t len = 0;
    int r;

    if (!shown)
        return error_set(error, -ENOMEM, "no memory for a file's name");
    fd = file_open(path, shown, error);
    if (fd < 0)
        return fd;
    r = file_read(fd, &text, &len);
    if (r < 0)
        return explain_read(fd, shown, r, error);
    r = spec_parse(text, len, path, ret, error);
    if (r < 0 || fstat(fd, &status) < 0)
        return r;
    (*ret)->source_device = status.st_dev;
    (*ret)->source_inode = status.st_ino;
    return 0;
}
