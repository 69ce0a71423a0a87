/* SPDX-License-Identifier: MIT */
/* A network namespace of the test's own, and the means to look at it from outside the code under test. */
#ifndef TESTS_NETLINK_NAMESPACE_H
#define TESTS_NETLINK_NAMESPACE_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define TEST_SKIPPED 77

static inline bool namespace_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return written;
}

/*
 * Puts this process into a fresh network namespace: as root directly, else inside a user namespace in which it is root.
 * /sys shows the new namespace's links. Ends the test as skipped where the kernel refuses.
 */
static inline void namespace_enter(void)
{
    unsigned user = getuid(), group = getgid();
    int flags = CLONE_NEWNET | CLONE_NEWNS | (user ? CLONE_NEWUSER : 0);
    char map[32];

    if (unshare(flags) < 0) {
        printf("skipped: no namespace of our own: %s\n", strerror(errno));
        exit(TEST_SKIPPED);
    }
    if (user) {
        snprintf(map, sizeof(map), "0 %u 1", user);
        if (!namespace_write("/proc/self/uid_map", map) || !namespace_write("/proc/self/setgroups", "deny"))
            exit(TEST_SKIPPED);
        snprintf(map, sizeof(map), "0 %u 1", group);
        if (!namespace_write("/proc/self/gid_map", map))
            exit(TEST_SKIPPED);
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("sysfs", "/sys", "sysfs", 0, NULL) < 0) {
        printf("skipped: cannot mount a /sys of our own: %s\n", strerror(errno));
        exit(TEST_SKIPPED);
    }
}

/* Runs a command line of the judges (ip, nft, conntrack): true when it succeeds. */
__attribute__((format(printf, 1, 2))) static inline bool shell(const char *format, ...)
{
    char command[1024];
    __builtin_va_list arguments;

    __builtin_va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    __builtin_va_end(arguments);
    return system(command) == 0;
}

/* The output of a command line, without its last newline, in a static buffer. */
__attribute__((format(printf, 1, 2))) static inline const char *output_of(const char *format, ...)
{
    static char output[8192];
    char command[1024];
    __builtin_va_list arguments;
    FILE *pipe;
    size_t len;

    __builtin_va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    __builtin_va_end(arguments);
    pipe = popen(command, "re");
    len = pipe ? fread(output, 1, sizeof(output) - 1, pipe) : 0;
    if (pipe)
        pclose(pipe);
    while (len > 0 && output[len - 1] == '\n')
        len--;
    output[len] = '\0';
    return output;
}

#endif
