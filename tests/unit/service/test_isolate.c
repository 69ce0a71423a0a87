/* SPDX-License-Identifier: MIT */
/* Isolation, stage by stage, in children: what is forbidden ends them, what is needed works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "service/isolate.h"

/* Runs @action in an isolated child. Its wait status. */
static int run_isolated(void (*action)(void))
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        struct isolation isolation;

        if (isolate_rights(&isolation, NULL) < 0)
            _exit(101);
        if (isolate_system_calls(&isolation, NULL) < 0)
            _exit(102);
        action();
        _exit(isolation.sanitizer ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void try_execve(void)
{
    static char *const argv[] = {NULL};

    execve("/bin/true", argv, argv);
}

static void try_unix_socket(void)
{
    socket(AF_UNIX, SOCK_STREAM, 0);
}

static void try_packet_socket(void)
{
    socket(AF_PACKET, SOCK_RAW, 0);
}

static void try_raw_socket(void)
{
    socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
}

static void try_netlink_socket(void)
{
    socket(AF_NETLINK, SOCK_RAW, 0);
}

static void try_bind(void)
{
    bind(0, NULL, 0);
}

static void try_setsockopt(void)
{
    setsockopt(0, SOL_SOCKET, SO_ATTACH_FILTER, NULL, 0);
}

static void try_unshare(void)
{
    unshare(CLONE_NEWUSER);
}

static void try_mount(void)
{
    mount("none", "/", NULL, MS_REMOUNT, NULL);
}

static void try_unlink(void)
{
    unlink("/nothing/here");
}

static void everything_forbidden_ends_the_process(void **state)
{
    static void (*const actions[])(void) = {
        try_execve, try_unix_socket, try_packet_socket, try_raw_socket, try_netlink_socket,
        try_bind,   try_setsockopt,  try_unshare,       try_mount,      try_unlink,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
        int status = run_isolated(actions[i]);

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("action %zu: status %#x", i, (unsigned)status);
    }
}

static void try_create(void)
{
    open("/tmp/tapnet-test-isolate", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static void try_write(void)
{
    open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void try_fork(void)
{
    if (fork() == 0)
        _exit(0);
}

static void try_signal_others(void)
{
    kill(getppid(), 0);
}

static void try_executable_memory(void)
{
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_other_ioctl(void)
{
    ioctl(0, TIOCSTI, "x");
}

static void try_other_device_ioctl(void)
{
    ioctl(0, SIOCSIFNAME, &(struct ifreq){0});
}

/* What a sanitizer itself needs; its builds say so by exit code 1. */
static void the_rest_too_unless_a_sanitizer_needs_it(void **state)
{
    static void (*const actions[])(void) = {
        try_create,
        try_write,
        try_fork,
        try_signal_others,
        try_other_ioctl,
        try_other_device_ioctl,
        try_executable_memory,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
        int status = run_isolated(actions[i]);

        if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
            continue;
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("action %zu: status %#x", i, (unsigned)status);
    }
}

/* Leaves with 77 unless all works. */
static void do_what_is_needed(void)
{
    char *memory = malloc(1 << 20);
    struct ifreq request = {0};
    int fd;

    if (!memory)
        _exit(77);
    memset(memory, 1, 1 << 20);
    memory = realloc(memory, 4 << 20);
    if (!memory)
        _exit(77);
    free(memory);
    fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &(char){0}, 1) != 1 || close(fd) < 0)
        _exit(77);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ioctl(fd, SIOCGIFNAME, &request) == 0 || errno != ENODEV) /* no device has index 0 */
        _exit(77);
    if (socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) < 0 || socket(AF_INET, SOCK_STREAM, 0) < 0)
        _exit(77);
}

static void what_is_needed_works(void **state)
{
    int status = run_isolated(do_what_is_needed);

    (void)state;
    assert_true(WIFEXITED(status));
    assert_in_range(WEXITSTATUS(status), 0, 1);
}

static void only_known_descriptors_stay(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        int keep[] = {21, 7}; /* in any order */
        char link[16];

        for (int fd = 3; fd < 30; fd++)
            dup2(0, fd);
        if (isolate_descriptors(keep, 2, NULL) < 0)
            _exit(1);
        for (int fd = 0; fd < 40; fd++) {
            bool open = fcntl(fd, F_GETFD) >= 0;

            if (open != (fd <= 2 || fd == 7 || fd == 21))
                _exit(2);
        }
        _exit(readlink("/proc/self/fd/0", link, sizeof(link)) == 9 && memcmp(link, "/dev/null", 9) == 0 ? 0 : 3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_forbidden_ends_the_process),
        cmocka_unit_test(the_rest_too_unless_a_sanitizer_needs_it),
        cmocka_unit_test(what_is_needed_works),
        cmocka_unit_test(only_known_descriptors_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
