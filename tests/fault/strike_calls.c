/* SPDX-License-Identifier: MIT */
/* One row a system call that strike counts. */
#include "strike_calls.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * How it works: between two calls that change something nothing can be seen from outside, so to be killed at every
 * instant is to be killed before and after each of them. What only asks (a dump goes out by sendto as well) may be
 * among them: it costs a run, and no instant is missed.
 */

/* openat: of an existing file nothing is changed. */
static bool opens_for_change(pid_t pid, const uint64_t arguments[6])
{
    (void)pid;
    return arguments[2] & (O_CREAT | O_TRUNC);
}

/* A TUN device that is not kept goes with its last descriptor; what else is closed is the process's own affair. */
static bool closes_device(pid_t pid, const uint64_t arguments[6])
{
    char name[64], target[64] = "";

    snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)pid, (int)arguments[0]);
    return readlink(name, target, sizeof(target) - 1) > 0 && strcmp(target, "/dev/net/tun") == 0;
}

/* What is told to whoever started it is no change of the host. */
static bool writes_beyond_terminal(pid_t pid, const uint64_t arguments[6])
{
    (void)pid;
    return arguments[0] > STDERR_FILENO;
}

#define BOTH (STRIKE_CHANGES | STRIKE_FAILS)

static const struct strike_call calls[] = {
    {SYS_sendto, "sendto", BOTH, NULL},
    {SYS_sendmsg, "sendmsg", BOTH, NULL},
    {SYS_sendmmsg, "sendmmsg", BOTH, NULL},
    {SYS_ioctl, "ioctl", BOTH, NULL},
    {SYS_openat, "openat", STRIKE_CHANGES, opens_for_change},
    {SYS_openat, "openat", STRIKE_FAILS, NULL},
    {SYS_close, "close", STRIKE_CHANGES, closes_device},
    {SYS_write, "write", BOTH, writes_beyond_terminal},
    {SYS_writev, "writev", BOTH, NULL},
    {SYS_pwrite64, "pwrite64", BOTH, NULL},
    {SYS_ftruncate, "ftruncate", BOTH, NULL},
    {SYS_rename, "rename", BOTH, NULL},
    {SYS_renameat, "renameat", BOTH, NULL},
    {SYS_renameat2, "renameat2", BOTH, NULL},
    {SYS_unlink, "unlink", BOTH, NULL},
    {SYS_unlinkat, "unlinkat", BOTH, NULL},
    {SYS_mkdir, "mkdir", BOTH, NULL},
    {SYS_mkdirat, "mkdirat", BOTH, NULL},
    {SYS_rmdir, "rmdir", BOTH, NULL},
    {SYS_link, "link", BOTH, NULL},
    {SYS_linkat, "linkat", BOTH, NULL},
    {SYS_symlink, "symlink", BOTH, NULL},
    {SYS_symlinkat, "symlinkat", BOTH, NULL},
    {SYS_mknodat, "mknodat", BOTH, NULL},
    {SYS_fchmod, "fchmod", BOTH, NULL},
    {SYS_fchmodat, "fchmodat", BOTH, NULL},
    {SYS_fchown, "fchown", BOTH, NULL},
    {SYS_fchownat, "fchownat", BOTH, NULL},
    {SYS_mount, "mount", BOTH, NULL},
    {SYS_umount2, "umount2", BOTH, NULL},
    {SYS_fork, "fork", BOTH, NULL},
    {SYS_vfork, "vfork", BOTH, NULL},
    {SYS_clone, "clone", BOTH, NULL},
    {SYS_clone3, "clone3", BOTH, NULL},
    {SYS_execve, "execve", BOTH, NULL},
    {SYS_execveat, "execveat", BOTH, NULL},
    {SYS_kill, "kill", BOTH, NULL},
    {SYS_tgkill, "tgkill", BOTH, NULL},
    {SYS_pidfd_send_signal, "pidfd_send_signal", BOTH, NULL},
    {SYS_setsockopt, "setsockopt", BOTH, NULL},
    {SYS_bind, "bind", BOTH, NULL},
    {SYS_listen, "listen", BOTH, NULL},
    {SYS_connect, "connect", BOTH, NULL},
    {SYS_shutdown, "shutdown", BOTH, NULL},
    {SYS_flock, "flock", BOTH, NULL},
    {SYS_setns, "setns", BOTH, NULL},
    {SYS_unshare, "unshare", BOTH, NULL},
    {SYS_io_uring_setup, "io_uring_setup", BOTH, NULL},
    {SYS_io_uring_enter, "io_uring_enter", BOTH, NULL},
    {SYS_socket, "socket", STRIKE_FAILS, NULL},
    {SYS_getsockopt, "getsockopt", STRIKE_FAILS, NULL},
    {SYS_getsockname, "getsockname", STRIKE_FAILS, NULL},
    {SYS_recvmsg, "recvmsg", STRIKE_FAILS, NULL},
    {SYS_recvfrom, "recvfrom", STRIKE_FAILS, NULL},
    {SYS_accept4, "accept4", STRIKE_FAILS, NULL},
    {SYS_memfd_create, "memfd_create", STRIKE_FAILS, NULL},
    {SYS_fcntl, "fcntl", STRIKE_FAILS, NULL},
    {SYS_dup2, "dup2", STRIKE_FAILS, NULL},
    {SYS_read, "read", STRIKE_FAILS, NULL},
    {SYS_getdents64, "getdents64", STRIKE_FAILS, NULL},
    {SYS_newfstatat, "newfstatat", STRIKE_FAILS, NULL},
    {SYS_access, "access", STRIKE_FAILS, NULL},
    {SYS_getrandom, "getrandom", STRIKE_FAILS, NULL},
    {SYS_pidfd_open, "pidfd_open", STRIKE_FAILS, NULL},
    {SYS_poll, "poll", STRIKE_FAILS, NULL},
    {SYS_wait4, "wait4", STRIKE_FAILS, NULL},
    {SYS_mmap, "mmap", STRIKE_FAILS, NULL},
    {SYS_brk, "brk", STRIKE_FAILS, NULL},
    {SYS_epoll_create1, "epoll_create1", STRIKE_FAILS, NULL},
    {SYS_epoll_ctl, "epoll_ctl", STRIKE_FAILS, NULL},
    {SYS_timerfd_create, "timerfd_create", STRIKE_FAILS, NULL},
    {SYS_timerfd_settime, "timerfd_settime", STRIKE_FAILS, NULL},
};

const struct strike_call *strike_call_find(long number, unsigned kind, pid_t pid, const uint64_t arguments[6])
{
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        const struct strike_call *call = &calls[i];

        if (call->number == number && call->kinds & kind)
            return !call->counts || call->counts(pid, arguments) ? call : NULL;
    }
    return NULL;
}
