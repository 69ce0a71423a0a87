/* SPDX-License-Identifier: MIT */
/* The run directory of one network namespace: its name, its lock, its files. */
#include "apply/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "observe/plugged.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_USED 8 /* hex digits: told apart are two boots of one machine */
#define LOCK_NAME "lock"
#define LOCK_ATTEMPTS 100
#define SOCKET_PATH_MAX sizeof(((struct sockaddr_un *)NULL)->sun_path)
#define LONGEST_SOCKET "/service.sock"
/* Others may pass, to ask the keeper (api/attach.h). The sticky bit: we made it, it goes with the last in it. */
#define BASE_MODE 01711
#define BASE_OURS 01700
#define BASE_OURS_MASK 07700 /* what others may is left to whoever made it: a seccomp filter may forbid chmod(2) */
#define FRESH_NAME "new"     /* a file that is being written; whoever has the lock writes one at a time */

static int read_boot_id(char ret[BOOT_ID_USED + 1], struct tapnet_error *error)
{
    _cleanup_fclose_ FILE *file = fopen(BOOT_ID_FILE, "re");

    if (!file || fread(ret, 1, BOOT_ID_USED, file) != BOOT_ID_USED)
        return error_set(error, -ENOENT, "cannot read " BOOT_ID_FILE ": is /proc mounted?");
    ret[BOOT_ID_USED] = '\0';
    return 0;
}

static int read_netns_cookie(uint64_t *ret, struct tapnet_error *error)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof(*ret);

    if (fd < 0)
        return error_set_errno(error, -errno, "cannot open a socket");
    /* Any socket tells it; SO_NETNS_COOKIE is known since Linux 5.14. */
    if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &length) < 0)
        return error_set_errno(error, -errno,
                               "the kernel does not tell the network namespace's cookie (Linux 5.14 does)");
    return 0;
}

int run_dir_name(const char *base, char ret[RUN_PATH_MAX], struct tapnet_error *error)
{
    char boot[BOOT_ID_USED + 1];
    uint64_t cookie = 0;
    int result = read_boot_id(boot, error);

    if (result == 0)
        result = read_netns_cookie(&cookie, error);
    if (result < 0)
        return result;
    if (snprintf(ret, RUN_PATH_MAX, "%s/%s-%" PRIx64, base, boot, cookie) + sizeof(LONGEST_SOCKET) > SOCKET_PATH_MAX)
        return error_set(error, -ENAMETOOLONG,
                         "the run directory %.200s is too deep: a socket in it has a path of more than %zu characters; "
                         "choose another one (TAPNET_RUN_DIR)",
                         base, SOCKET_PATH_MAX - 1);
    return 0;
}

int run_path(const char *run_dir, const char *name, char ret[RUN_PATH_MAX])
{
    return snprintf(ret, RUN_PATH_MAX, "%s/%s", run_dir, name) < RUN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* The directory that @path stands in: all up to its last "/". */
static void parent_of(const char *path, char ret[RUN_PATH_MAX])
{
    const char *slash = strrchr(path, '/');

    snprintf(ret, RUN_PATH_MAX, "%.*s", slash ? (int)(slash - path) : 0, path);
}

/*
 * What stands in it is believed: it must be ours or root's, and nobody else may write there. (In a user namespace the
 * owner of what was there before us may be shown as nobody: that is the owner of / as well.)
 */
static int check_directory(const char *path, struct tapnet_error *error)
{
    struct stat status, top;

    if (lstat(path, &status) < 0 || stat("/", &top) < 0)
        return error_set_errno(error, -errno, "cannot look at the directory %s", path);
    if (!S_ISDIR(status.st_mode))
        return error_set(error, -ENOTDIR, "%s is no directory: remove it, or set TAPNET_RUN_DIR", path);
    if (status.st_uid != geteuid() && status.st_uid != top.st_uid)
        return error_set(error, -EPERM,
                         "the directory %s belongs to user %u, who could have us do what its files say: remove it, or "
                         "set TAPNET_RUN_DIR",
                         path, (unsigned)status.st_uid);
    if (status.st_mode & (S_IWGRP | S_IWOTH) && !(status.st_mode & S_ISVTX))
        return error_set(error, -EPERM, "others may write to the directory %s: `chmod go-w %s`, or set TAPNET_RUN_DIR",
                         path, path);
    return 0;
}

int run_remedy(int code, struct tapnet_error *error)
{
    if (code == -ENOSPC || code == -EDQUOT)
        error_append(error, ": free some there, or set TAPNET_RUN_DIR to another directory");
    else if (code == -EROFS)
        error_append(error, ": make it writable, or set TAPNET_RUN_DIR to another directory");
    return code;
}

/* *ret_made is set when it was not there before. */
static int make_directory(const char *path, mode_t mode, bool *ret_made, struct tapnet_error *error)
{
    if (mkdir(path, mode) == 0) {
        *ret_made = true;
        chmod(path, mode); /* whatever our umask is */
        return 0;
    }
    if (errno == EEXIST)
        return 0;
    if (errno == ENOENT) /* a mistyped path must not grow */
        return error_set(error, -ENOENT, "cannot make the directory %s: what it is to stand in is not there", path);
    return run_remedy(error_set_errno(error, -errno, "cannot make the directory %s", path), error);
}

/*
 * Is the file that @fd has locked still the one that @path names? A tapnet before us may have removed it. 1, 0, or a
 * negative errno when that can't be told.
 */
static int lock_is_current(int fd, const char *path)
{
    struct stat held, named;

    if (fstat(fd, &held) < 0)
        return -errno;
    if (stat(path, &named) < 0)
        return errno == ENOENT ? 0 : -errno;
    return held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

/* Removes the directory of run directories when it is empty; one that was there before us stays. */
static void remove_base(const char *base)
{
    struct stat status;

    if (lstat(base, &status) == 0 && (status.st_mode & BASE_OURS_MASK) == BASE_OURS)
        rmdir(base);
}

/* Which directories a lock has made, that are to go again when it can't be had. */
struct made {
    bool base, run_dir;
};

/* BASE is looked at before anything is made in it. */
static int make_directories(const char *base, const char *run_dir, struct made *made, struct tapnet_error *error)
{
    int result = make_directory(base, BASE_MODE, &made->base, error);

    if (result == 0)
        result = check_directory(base, error);
    if (result == 0)
        result = make_directory(run_dir, 0700, &made->run_dir, error);
    return result < 0 ? result : check_directory(run_dir, error);
}

/* @operation: LOCK_EX, and LOCK_NB not to wait. */
static int lock_directory(const char *run_dir, int operation, struct made *made, int *ret_fd,
                          struct tapnet_error *error)
{
    char path[RUN_PATH_MAX], base[RUN_PATH_MAX];

    if (run_path(run_dir, LOCK_NAME, path) < 0)
        return error_set(error, -ENAMETOOLONG, "the run directory's name is too long");
    parent_of(run_dir, base);
    for (int attempt = 0;; attempt++) {
        _cleanup_close_ int fd = -1;
        int result = make_directories(base, run_dir, made, error);

        if (result == -ENOENT && attempt < LOCK_ATTEMPTS)
            continue; /* another tapnet may have removed BASE between the two calls */
        if (result < 0)
            return result;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == ENOENT)
            continue; /* the directory went between the two calls */
        if (fd < 0)
            return run_remedy(error_set_errno(error, -errno, "cannot open %s", path), error);
        if (flock(fd, operation) < 0)
            return errno == EWOULDBLOCK ? -EWOULDBLOCK : error_set_errno(error, -errno, "cannot lock %s", path);
        result = lock_is_current(fd, path);
        if (result < 0)
            return error_set_errno(error, result, "cannot look at %s", path);
        if (result) {
            *ret_fd = take_fd(&fd);
            return 0;
        }
    }
}

/* A lock that can't be had leaves no directory behind that was made for it, and touches no other. */
static int lock(const char *run_dir, int operation, int *ret_fd, struct tapnet_error *error)
{
    struct made made = {.base = false};
    int result = lock_directory(run_dir, operation, &made, ret_fd, error);
    char base[RUN_PATH_MAX];

    if (result == 0)
        return 0;
    parent_of(run_dir, base);
    if (made.run_dir)
        rmdir(run_dir);
    if (made.base)
        rmdir(base);
    return result;
}

int run_lock(const char *run_dir, int *ret_fd, struct tapnet_error *error)
{
    return lock(run_dir, LOCK_EX, ret_fd, error);
}

int run_open(const char *run_dir)
{
    int fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int run_lock_again(int run_fd, const char *run_dir, int *ret_fd, struct tapnet_error *error)
{
    _cleanup_close_ int fd = run_fd < 0 ? -1 : openat(run_fd, LOCK_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat held, named;

    if (fd < 0)
        return -ENOENT;
    if (flock(fd, LOCK_EX) < 0)
        return error_set_errno(error, -errno, "cannot lock %s/" LOCK_NAME, run_dir);
    if (fstat(fd, &held) < 0 || fstatat(run_fd, LOCK_NAME, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
        held.st_ino != named.st_ino || held.st_dev != named.st_dev)
        return -ENOENT;
    *ret_fd = take_fd(&fd);
    return 0;
}

int run_lock_now(const char *run_dir, int *ret_fd, struct tapnet_error *error)
{
    return lock(run_dir, LOCK_EX | LOCK_NB, ret_fd, error);
}

/* Who holds the lock of a line of /proc/locks, "1: FLOCK  ADVISORY  WRITE PID MM:MM:INODE", if it is of @file; or 0. */
static int read_lock(const char *line, const struct stat *file)
{
    static const char kind[] = ": FLOCK ", mode[] = " WRITE "; /* who waits has an arrow before the kind */
    const char *at = strstr(line, kind);
    unsigned long major, minor;
    char *rest;
    long pid;

    at = at ? strstr(at, mode) : NULL;
    if (!at)
        return 0;
    pid = strtol(at + sizeof(mode) - 1, &rest, 10);
    major = strtoul(rest, &rest, 16);
    minor = *rest == ':' ? strtoul(rest + 1, &rest, 16) : 0;
    if (*rest != ':' || strtoul(rest + 1, NULL, 10) != file->st_ino || makedev(major, minor) != file->st_dev)
        return 0;
    return (int)pid;
}

int run_lock_holder(const char *run_dir)
{
    _cleanup_fclose_ FILE *file = fopen("/proc/locks", "re");
    char path[RUN_PATH_MAX], line[256];
    struct stat status;

    if (!file || run_path(run_dir, LOCK_NAME, path) < 0 || stat(path, &status) < 0)
        return 0;
    while (fgets(line, sizeof(line), file)) {
        int pid = read_lock(line, &status);

        if (pid > 0)
            return pid;
    }
    return 0;
}

/* run_path(), with why not. */
static int file_path(const char *run_dir, const char *name, char ret[RUN_PATH_MAX], struct tapnet_error *error)
{
    int result = run_path(run_dir, name, ret);

    return result < 0 ? error_set(error, result, "%.60s: the path is too long", name) : 0;
}

static int open_lock(const char *run_dir, int flags)
{
    char path[RUN_PATH_MAX];
    int fd = run_path(run_dir, LOCK_NAME, path);

    if (fd < 0)
        return fd;
    fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void run_mark_leave(int lock, int fd)
{
    if (fd != lock)
        close(fd);
}

int run_mark_end(int lock, int fd)
{
    int result = ftruncate(fd, 0) < 0 ? -errno : 0;

    run_mark_leave(lock, fd);
    return result;
}

int run_mark_begin(const char *run_dir, int lock, const char *text)
{
    int fd = lock < 0 ? open_lock(run_dir, O_WRONLY) : lock;
    ssize_t len = (ssize_t)strlen(text), written;

    if (fd < 0)
        return fd;
    written = pwrite(fd, text, (size_t)len, 0);
    if (written == len)
        return fd;
    written = written < 0 ? -errno : -ENOSPC;
    run_mark_end(lock, fd);
    return (int)written;
}

int run_mark_clear(const char *run_dir, struct tapnet_error *error)
{
    int fd = open_lock(run_dir, O_WRONLY), result = fd < 0 ? fd : run_mark_end(-1, fd);

    return result < 0 ? error_set_errno(error, result, "cannot write %s/" LOCK_NAME, run_dir) : 0;
}

int run_mark_read(const char *run_dir, int lock, char ret[RUN_MARK_MAX])
{
    int fd = lock < 0 ? open_lock(run_dir, O_RDONLY) : lock, result;
    ssize_t len = fd < 0 ? 0 : pread(fd, ret, RUN_MARK_MAX - 1, 0);

    result = len < 0 ? -errno : 0;
    ret[len < 0 ? 0 : len] = '\0';
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    run_mark_leave(lock, fd);
    return result;
}

/* Where the lock stands while its directory is being removed. */
static void print_aside(const char *run_dir, char ret[RUN_PATH_MAX])
{
    snprintf(ret, RUN_PATH_MAX, "%s.lock", run_dir);
}

/* Files that stood beside ledgers which somebody else has removed, all of them: they tell nobody anything. */
static void sweep_companions(const char *run_dir)
{
    char path[RUN_PATH_MAX];
    DIR *directory = run_path(run_dir, "networks", path) == 0 ? opendir(path) : NULL;
    const struct dirent *entry;
    bool bereft = directory != NULL;

    while (bereft && (entry = readdir(directory)))
        bereft = entry->d_name[0] == '.' || text_ends_in(entry->d_name, PLUGGED_SUFFIX) ||
                 text_ends_in(entry->d_name, PLUGGED_ROLL_SUFFIX);
    if (bereft)
        rewinddir(directory);
    while (bereft && (entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    if (bereft)
        rmdir(path);
}

/*
 * What is left when a file is being written or removed and that ends halfway: the new file before its rename, a folder
 * with nothing in it, a lock that was to go with its directory.
 */
static void sweep(const char *run_dir)
{
    char path[RUN_PATH_MAX];
    DIR *directory = opendir(run_dir);
    const struct dirent *entry;

    if (run_path(run_dir, FRESH_NAME, path) == 0)
        unlink(path);
    print_aside(run_dir, path);
    unlink(path);
    while (directory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
            run_path(run_dir, entry->d_name, path) == 0)
            rmdir(path); /* one that is not empty stays */
    if (directory)
        closedir(directory);
}

/* Has the directory that many others in it? Two links are ".", and the parent's entry; each other is one's "..". */
static bool has_folders(const char *run_dir, nlink_t count)
{
    struct stat status;

    return stat(run_dir, &status) == 0 && status.st_nlink == 2 + count;
}

/* Takes the lock file away only when the directory can go with it, and puts it back otherwise: rmdir says so. */
static void remove_run_dir(const char *run_dir)
{
    char path[RUN_PATH_MAX], aside[RUN_PATH_MAX];

    snprintf(path, sizeof(path), "%s/" LOCK_NAME, run_dir);
    print_aside(run_dir, aside);
    if (rename(path, aside) < 0)
        return;
    if (rmdir(run_dir) == 0) {
        unlink(aside);
        *strrchr(aside, '/') = '\0';
        remove_base(aside);
    } else {
        /*
         * Not by a rename: whoever came meanwhile may have made a lock there, and hold it. A name that could not be put
         * back is no loss: who waits for this lock finds that it is no more, and makes one.
         */
        bool has_name = link(aside, path) == 0;

        (void)has_name;
        unlink(aside);
    }
}

void run_unlock(const char *run_dir, int fd)
{
    sweep(run_dir);
    if (has_folders(run_dir, 1)) /* while a set is up there are more */
        sweep_companions(run_dir);
    if (has_folders(run_dir, 0))
        remove_run_dir(run_dir);
    close(fd);
}

int run_write(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);

        if (written < 0 && errno != EINTR)
            return -errno;
        bytes += written < 0 ? 0 : written;
        len -= written < 0 ? 0 : (size_t)written;
    }
    return 0;
}

/* Writes @text to the new file @path, whole. */
static int write_whole(const char *path, const char *text, struct tapnet_error *error)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int result = fd < 0 ? -errno : run_write(fd, text, strlen(text));

    return result < 0 ? run_remedy(error_set_errno(error, result, "cannot write %s", path), error) : 0;
}

int run_file_write(const char *run_dir, const char *name, const char *text, struct tapnet_error *error)
{
    char path[RUN_PATH_MAX], folder[RUN_PATH_MAX], fresh[RUN_PATH_MAX];
    bool made;
    int result = file_path(run_dir, name, path, error);

    if (result == 0)
        result = file_path(run_dir, FRESH_NAME, fresh, error);
    if (result < 0)
        return result;
    parent_of(path, folder);
    result = make_directory(folder, 0700, &made, error);
    if (result == 0)
        result = check_directory(folder, error); /* no link to another */
    if (result < 0)
        return result;
    result = write_whole(fresh, text, error);
    if (result == 0 && rename(fresh, path) < 0)
        result = run_remedy(error_set_errno(error, -errno, "cannot replace %s", path), error);
    if (result < 0)
        unlink(fresh);
    return result;
}

/* Is @head the first line of the file @fd? */
static bool begins_with(int fd, const char *head)
{
    char text[256];
    size_t len = strlen(head);

    return len + 1 < sizeof(text) && pread(fd, text, len + 1, 0) == (ssize_t)len + 1 && memcmp(text, head, len) == 0 &&
           text[len] == '\n';
}

static int append_line(int fd, const char *path, const char *line, struct tapnet_error *error)
{
    size_t len = strlen(line);
    struct stat status;
    ssize_t written;

    if (fstat(fd, &status) < 0)
        return run_remedy(error_set_errno(error, -errno, "cannot write %s", path), error);
    written = write(fd, line, len);
    if (written == (ssize_t)len)
        return 0;
    written = written < 0 ? -errno : -ENOSPC;
    if (ftruncate(fd, status.st_size) < 0)
        unlink(path);
    return run_remedy(error_set_errno(error, (int)written, "cannot write %s", path), error);
}

int run_file_append(const char *run_dir, const char *name, const char *head, const char *line,
                    struct tapnet_error *error)
{
    char path[RUN_PATH_MAX];
    _cleanup_close_ int fd = -1;
    _cleanup_free_ char *whole = NULL;
    int result = file_path(run_dir, name, path, error);

    if (result < 0)
        return result;
    fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT && errno != ELOOP)
        return run_remedy(error_set_errno(error, -errno, "cannot open %s", path), error);
    if (fd >= 0 && begins_with(fd, head))
        return append_line(fd, path, line, error);
    if (asprintf(&whole, "%s\n%s", head, line) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    return run_file_write(run_dir, name, whole, error);
}

int run_file_remove(const char *run_dir, const char *name, struct tapnet_error *error)
{
    char path[RUN_PATH_MAX];
    int result = file_path(run_dir, name, path, error);

    if (result < 0)
        return result;
    if (unlink(path) < 0 && errno != ENOENT)
        return run_remedy(error_set_errno(error, -errno, "cannot remove %s", path), error);
    if (strchr(name, '/')) {
        *strrchr(path, '/') = '\0';
        rmdir(path);
    }
    return 0;
}

int run_file_read(const char *run_dir, const char *name, size_t max, char **ret)
{
    char path[RUN_PATH_MAX];
    _cleanup_close_ int fd = -1;
    _cleanup_fclose_ FILE *file = NULL;
    _cleanup_free_ char *text = NULL;
    struct stat status;
    size_t length;

    if (run_path(run_dir, name, path) < 0)
        return -ENAMETOOLONG;
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC); /* a pipe must not make us wait */
    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    file = fdopen(fd, "r");
    if (!file)
        return -errno;
    take_fd(&fd);
    if (status.st_size < 0 || (size_t)status.st_size > max)
        return -EFBIG;
    text = calloc(1, (size_t)status.st_size + 1);
    if (!text)
        return -ENOMEM;
    length = fread(text, 1, (size_t)status.st_size, file);
    text[length] = '\0';
    *ret = take_pointer(text);
    return 0;
}
