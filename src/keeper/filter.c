/* SPDX-License-Identifier: MIT */
/* Which system calls the keeper may still make once it has given up its rights. */
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "keeper/rights.h"

/*
 * How it works: what is not listed fails with EPERM. It does not end the process: a call that was forgotten here must
 * not cost a host its keeper. Missing on purpose: to become another process or make one (the starter does that), to
 * reach into one, to mount, to load anything into the kernel, memory that is executable, and every socket but netlink,
 * Unix and IPv4: the packet socket was opened before.
 */

/* clang-format off */
#define CALL(name) SCMP_SYS(name)

static const int any[] = {
    /* waiting */
    CALL(poll), CALL(ppoll), CALL(restart_syscall), CALL(clock_gettime), CALL(gettimeofday),
    /* descriptors */
    CALL(read), CALL(readv), CALL(write), CALL(writev), CALL(pread64), CALL(pwrite64), CALL(lseek), CALL(close),
    CALL(dup), CALL(dup2), CALL(dup3), CALL(fcntl), CALL(flock), CALL(ftruncate), CALL(fstat),
    CALL(memfd_create),
    /* files of the run directory, /proc, /sys, /dev/net/tun */
    CALL(open), CALL(openat), CALL(stat), CALL(lstat), CALL(newfstatat), CALL(statx), CALL(access),
    CALL(faccessat), CALL(faccessat2), CALL(readlink), CALL(readlinkat), CALL(getdents64), CALL(link),
    CALL(chmod), CALL(fchmodat), CALL(rename), CALL(renameat), CALL(renameat2), CALL(unlink), CALL(unlinkat),
    CALL(mkdir), CALL(mkdirat), CALL(rmdir),
    CALL(inotify_init1), CALL(inotify_add_watch), CALL(pidfd_open), CALL(wait4),
    /* sockets */
    CALL(bind), CALL(listen), CALL(connect), CALL(accept4), CALL(getsockname), CALL(getpeername),
    CALL(setsockopt), CALL(getsockopt), CALL(sendto), CALL(sendmsg), CALL(recvfrom), CALL(recvmsg),
    /* memory, random numbers, who we are */
    CALL(brk), CALL(munmap), CALL(mremap), CALL(madvise), CALL(sysinfo), CALL(getrandom), CALL(getpid),
    CALL(gettid), CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid),
    /* the C library: locks, abort(), the end */
    CALL(futex), CALL(rt_sigprocmask), CALL(rt_sigaction), CALL(rt_sigreturn), CALL(exit), CALL(exit_group),
};

static const struct {
    int call;
    struct scmp_arg_cmp condition;
} some[] = {
    {SCMP_SYS(socket), {0, SCMP_CMP_EQ, AF_NETLINK, 0}},
    {SCMP_SYS(socket), {0, SCMP_CMP_EQ, AF_UNIX, 0}},
    {SCMP_SYS(socket), {0, SCMP_CMP_EQ, AF_INET, 0}},
    {SCMP_SYS(socket), {0, SCMP_CMP_EQ, AF_INET6, 0}},
    {SCMP_SYS(mmap), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    {SCMP_SYS(mprotect), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETIFF, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNGETFEATURES, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNGETIFF, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETIFINDEX, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETOWNER, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETGROUP, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETCARRIER, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETPERSIST, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETLINK, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETOFFLOAD, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETVNETHDRSZ, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETVNETLE, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETVNETBE, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETSNDBUF, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETTXFILTER, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNATTACHFILTER, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNDETACHFILTER, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETSTEERINGEBPF, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, TUNSETFILTEREBPF, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, SIOCETHTOOL, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, SIOCADDRT, 0}},
    {SCMP_SYS(ioctl), {1, SCMP_CMP_EQ, SIOCGIFINDEX, 0}},
};
/* clang-format on */

static int fill(scmp_filter_ctx filter)
{
    struct scmp_arg_cmp ourselves = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
    int result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &ourselves);

    for (size_t i = 0; i < ARRAY_COUNT(any) && result == 0; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, any[i], 0);
    for (size_t i = 0; i < ARRAY_COUNT(some) && result == 0; i++)
        result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, some[i].call, 1, &some[i].condition);
    return result;
}

int rights_filter(struct tapnet_error *error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int result;

    if (!filter)
        return error_set(error, -ENOMEM, "cannot make a system call filter");
    result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result == 0)
        result = fill(filter);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    return result < 0 ? error_set_errno(error, result, "cannot load the system call filter") : 0;
}
