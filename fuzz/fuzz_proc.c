/* SPDX-License-Identifier: MIT */
/* What files in /proc say: names that processes give themselves, and lines of which the kernel may write others. */
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "answering.h"
#include "apply/run.h"
#include "device/holders.h"
#include "netlink/log.h"
#include "observe/groups.h"
#include "observe/manager.h"
#include "observe/program.h"

/*
 * How it works: the processes, their descriptors and the links of these are those of this machine, and every file of
 * /proc that is opened as a stream holds the input. Its first byte says who asks: for the holders of devices, for the
 * program behind a socket of ours, for who holds a lock, for who holds a group of netfilter's log, for who manages a
 * link, or for the multicast groups joined there. The group of netfilter's log is held by ourselves in a network
 * namespace of our own; where that is not to be had, the kernel's refusal is another one.
 */

#define GROUP 7

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
int __real_poll(struct pollfd *fds, nfds_t count, int msec);
int __wrap_poll(struct pollfd *fds, nfds_t count, int msec);

static const uint8_t *content; /* of each file in /proc; NULL: they are themselves */
static size_t content_size;
static int held_fd; /* a socket: the one whose program is asked for */

FILE *__wrap_fopen64(const char *path, const char *mode)
{
    if (!content || strncmp(path, "/proc/", 6) != 0)
        return __real_fopen64(path, mode);
    return fmemopen((void *)(uintptr_t)content, content_size, "r"); /* it is only read */
}

/* Nobody lets go of the group while it is waited for. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int msec)
{
    return __real_poll(fds, count, fds ? msec : 0);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int fd;

    (void)count;
    (void)arguments;
    (void)(unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0);
    write_file(answering_folder(), "lock", NULL, 0);
    held_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    require(held_fd >= 0);
    (void)netlink_log_open(GROUP, 64, &fd, &error); /* for good */
    return 0;
}

static void require_printable(const char *text)
{
    for (; *text; text++)
        require(*text >= ' ' && *text <= '~');
}

static void ask_for_holders(void)
{
    struct device_holder *holders = NULL;
    size_t count = 0;

    require(device_holders(-1, &holders, &count, NULL) == 0);
    for (size_t i = 0; i < count; i++) {
        require(holders[i].pid > 0 && holders[i].fd >= 0 && memchr(holders[i].command, 0, sizeof(holders[i].command)));
        require(holders[i].device[0] && memchr(holders[i].device, 0, sizeof(holders[i].device)));
        require_printable(holders[i].command);
    }
    free(holders);
}

static void ask_for_program(void)
{
    char text[OBSERVE_PROGRAM_MAX] = "";
    struct stat status;

    require(fstat(held_fd, &status) == 0);
    require(observe_program((uint32_t)status.st_ino, text)); /* it is ours */
    require(text[0]);
    require_printable(text);
}

static void ask_for_group(void)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int fd;

    require_failure(netlink_log_open(GROUP, 64, &fd, &error), &error);
}

/* Names and words of processes alike. */
static void ask_for_manager(void)
{
    struct observe_manager manager;

    if (observe_manager("eth0", 2, &manager))
        require(manager.pid > 0 && manager.name[0] && manager.remedy[0]);
}

static void read_group(const struct ip_address *group, void *data)
{
    (void)data;
    require(ip_family_size(group->family) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    content = data + 1;
    content_size = size - 1;
    switch (data[0] % 6) {
    case 0:
        ask_for_holders();
        break;
    case 1:
        ask_for_program();
        break;
    case 2:
        require(run_lock_holder(answering_folder()) >= 0);
        break;
    case 4:
        ask_for_manager();
        break;
    case 5:
        require(observe_groups("eth0", read_group, NULL, NULL) == 0);
        break;
    default:
        ask_for_group();
        break;
    }
    content = NULL;
    return 0;
}
