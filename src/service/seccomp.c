/* SPDX-License-Identifier: MIT */
/* The last stage of isolation: which system calls the service may still make, and with which arguments. */
#include "service/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"

/*
 * How it works: what is not listed ends the process (SCMP_ACT_KILL_PROCESS). Rows without a condition allow the call
 * with any arguments; several rows of one call are alternatives. Conditions see numbers only, never memory: so
 * connect() can't be held to an address family, but no socket of another family can be made, and none that was passed
 * in can be connected.
 *
 * Sanitizers map memory, start a thread to look for leaks, read /proc and print: a second list opens what they need,
 * in builds with them only. Such builds are for tests.
 */

struct rule {
    int call;
    unsigned count; /* of conditions */
    struct scmp_arg_cmp conditions[2];
};

/* clang-format off */
#define ANY(name) {SCMP_SYS(name), 0, {{0}}}
#define IS(name, argument, value) {SCMP_SYS(name), 1, {{argument, SCMP_CMP_EQ, value, 0}}}
#define NO_BITS(name, argument, bits) {SCMP_SYS(name), 1, {{argument, SCMP_CMP_MASKED_EQ, bits, 0}}}
/* A socket of @type, non-blocking and close-on-exec or not. */
#define SOCKET(family, type) \
    {SCMP_SYS(socket), 2, {{0, SCMP_CMP_EQ, family, 0}, \
                           {1, SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)(SOCK_NONBLOCK | SOCK_CLOEXEC), type}}}
#define SOCKET_OPTION(name) \
    {SCMP_SYS(getsockopt), 2, {{1, SCMP_CMP_EQ, SOL_SOCKET, 0}, {2, SCMP_CMP_EQ, name, 0}}}

static const struct rule rules[] = {
    /* the loop */
    ANY(epoll_wait), ANY(epoll_pwait), ANY(epoll_ctl), ANY(timerfd_settime), ANY(restart_syscall),
    /* bytes in and out of descriptors that are open */
    ANY(read), ANY(write), ANY(writev), ANY(pread64), ANY(close), ANY(fstat), ANY(poll), ANY(ppoll), ANY(recvfrom),
    ANY(recvmsg), ANY(recvmmsg), ANY(sendto), ANY(sendmsg), ANY(accept4), ANY(getsockname),
    SOCKET_OPTION(SO_PEERCRED), SOCKET_OPTION(SO_DOMAIN), SOCKET_OPTION(SO_TYPE), SOCKET_OPTION(SO_ACCEPTCONN),
    SOCKET_OPTION(SO_PROTOCOL),
    IS(fcntl, 1, F_GETFL), IS(fcntl, 1, F_SETFL), IS(fcntl, 1, F_GET_SEALS),
    /* devices by index for DHCP, by name for a resolver's zone */
    IS(ioctl, 1, SIOCGIFNAME), IS(ioctl, 1, SIOCGIFINDEX),
    /* DNS: upstream servers, and /etc/resolv.conf */
    SOCKET(AF_INET, SOCK_DGRAM), SOCKET(AF_INET, SOCK_STREAM), SOCKET(AF_INET6, SOCK_DGRAM),
    SOCKET(AF_INET6, SOCK_STREAM), ANY(connect),
    NO_BITS(openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND), ANY(newfstatat),
    /* memory and time; qsort asks how much memory there is */
    ANY(brk), NO_BITS(mmap, 2, PROT_EXEC), ANY(munmap), ANY(mremap), ANY(madvise), ANY(sysinfo), ANY(getrandom),
    ANY(clock_gettime), ANY(gettimeofday), /* calls where the clock is none that the vDSO can read */
    /* the C library: locks, abort(), the end */
    ANY(futex), ANY(rt_sigprocmask), ANY(rt_sigaction), ANY(rt_sigreturn), ANY(getpid), ANY(gettid), ANY(exit),
    ANY(exit_group),
};

static const struct rule sanitizer_rules[] = {
    ANY(mmap), ANY(mprotect), ANY(open), ANY(openat), ANY(readlink), ANY(lseek), ANY(stat), ANY(access), ANY(dup),
    ANY(dup2), ANY(pipe), ANY(pipe2), ANY(fcntl), ANY(ioctl), ANY(getdents), ANY(getdents64), ANY(prctl),
    ANY(arch_prctl), ANY(getrlimit), ANY(setrlimit), ANY(prlimit64), ANY(sigaltstack), ANY(sched_yield),
    ANY(sched_getaffinity), ANY(clone), ANY(set_robust_list), ANY(set_tid_address), ANY(rseq), ANY(wait4),
    ANY(waitid), ANY(ptrace), ANY(kill), ANY(tkill), ANY(tgkill), ANY(getppid), ANY(getuid), ANY(geteuid),
    ANY(nanosleep), ANY(clock_nanosleep),
};
/* clang-format on */

static int add_rules(scmp_filter_ctx filter, const struct rule *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, list[i].call, list[i].count, list[i].conditions);

        if (r < 0 && r != -EEXIST) /* allowed already, by a wider rule */
            return r;
    }
    return 0;
}

static int fill_filter(scmp_filter_ctx filter, bool sanitizer)
{
    /* abort() and assertions may signal ourselves, and nobody else. */
    struct scmp_arg_cmp ourselves = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
    int r = 0;

    if (sanitizer) /* first: libseccomp wants wider rules before narrower ones */
        r = add_rules(filter, sanitizer_rules, ARRAY_COUNT(sanitizer_rules));
    if (r == 0)
        r = add_rules(filter, rules, ARRAY_COUNT(rules));
    if (r == 0 && !sanitizer)
        r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &ourselves);
    return r;
}

int isolate_system_calls(struct isolation *isolation, struct tapnet_error *error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r;

    if (!filter)
        return error_set(error, -ENOMEM, "can't make a system call filter");
    r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = fill_filter(filter, isolation->sanitizer);
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    if (r < 0)
        return error_set_errno(error, r, "can't load the system call filter");
    isolation->seccomp = true;
    return 0;
}
