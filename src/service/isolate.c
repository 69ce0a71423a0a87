/* SPDX-License-Identifier: MIT */
/* Gives up, in stages, every right that the service does not need. */
#include "service/isolate.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"

#define NOBODY 65534
#define DESCRIPTORS 8192 /* two sockets and a memfd a network, and DNS queries in flight */
#define KEEP_MAX 8

static int int_compare(const void *a, const void *b)
{
    const int *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

int isolate_descriptors(const int *keep, size_t count, struct tapnet_error *error)
{
    int sorted[KEEP_MAX], null_fd _cleanup_close_ = -1;
    unsigned next = 3; /* the lowest that has not been dealt with */

    if (count > KEEP_MAX)
        return error_set(error, -EINVAL, "too many descriptors to keep");
    memcpy(sorted, keep, count * sizeof(*keep));
    qsort(sorted, count, sizeof(*sorted), int_compare);
    for (size_t i = 0; i < count; i++) {
        if (sorted[i] < (int)next)
            continue;
        if (sorted[i] > (int)next && close_range(next, (unsigned)sorted[i] - 1, 0) < 0)
            return error_set_errno(error, -errno, "can't close descriptors");
        next = (unsigned)sorted[i] + 1;
    }
    if (close_range(next, ~0u, 0) < 0)
        return error_set_errno(error, -errno, "can't close descriptors");
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0)
        return error_set_errno(error, -errno, "can't open /dev/null");
    return 0;
}

int isolate_from_starter(const int *keep, size_t count, struct tapnet_error *error)
{
    int r = isolate_descriptors(keep, count, error);
    sigset_t none;

    if (r < 0)
        return r;
    if (chdir("/") < 0)
        return error_set_errno(error, -errno, "cannot enter /");
    umask(077);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static void isolate_note(struct isolation *isolation, const char *what)
{
    for (size_t i = 0; i < ARRAY_COUNT(isolation->not_dropped) - 1; i++) {
        if (!isolation->not_dropped[i]) {
            isolation->not_dropped[i] = what;
            return;
        }
    }
}

/* Never more than there is now: the hard limits only sink. */
static int isolate_limit(int resource, rlim_t most)
{
    struct rlimit limit;

    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
        return -errno;
    if (limit.rlim_max > most)
        limit.rlim_max = most;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? -errno : 0;
}

static int isolate_limits(bool sanitizer)
{
    int r = isolate_limit(RLIMIT_NOFILE, DESCRIPTORS);

    if (r == 0)
        r = isolate_limit(RLIMIT_CORE, 0);
    if (r == 0)
        r = isolate_limit(RLIMIT_MEMLOCK, 0);
    if (r == 0 && !sanitizer) /* the leak checker starts a thread */
        r = isolate_limit(RLIMIT_NPROC, 0);
    return r;
}

/*
 * Whom to become. /etc/passwd is read directly: name services would load libraries and ask daemons for what a system
 * user's line in this file says.
 */
static void isolate_choose(uid_t *ret_uid, gid_t *ret_gid)
{
    FILE *file _cleanup_fclose_ = fopen("/etc/passwd", "re");
    const struct passwd *user;

    *ret_uid = *ret_gid = NOBODY;
    while (file && (user = fgetpwent(file))) {
        bool tapnet = strcmp(user->pw_name, "tapnet") == 0;

        if (user->pw_uid == 0 || (!tapnet && strcmp(user->pw_name, "nobody") != 0))
            continue;
        *ret_uid = user->pw_uid;
        *ret_gid = user->pw_gid;
        if (tapnet)
            return;
    }
}

/* Are we @uid and @gid already, and in no other group? */
static bool isolate_is_user(uid_t uid, gid_t gid)
{
    gid_t group = gid;
    int count = getgroups(1, &group); /* it may list the group that we have anyway */

    return getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid && count >= 0 && group == gid;
}

/* Groups, gid, uid: in this order, since each needs a right that the next takes away. */
static void isolate_user(struct isolation *isolation)
{
    uid_t uid;
    gid_t gid;

    isolate_choose(&uid, &gid);
    if (isolate_is_user(uid, gid))
        return; /* started by one who did it for us */
    if (setgroups(0, NULL) < 0)
        isolate_note(isolation, "supplementary groups");
    if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        isolate_note(isolation, "user");
}

/* What we still may do, from the kernel. */
static uint64_t isolate_read_capabilities(void)
{
    uint64_t mask = 0;

    capng_get_caps_process();
    for (unsigned i = 0; i <= CAP_LAST_CAP && i < 64; i++) {
        if (capng_have_capability(CAPNG_PERMITTED, i) || capng_have_capability(CAPNG_EFFECTIVE, i) ||
            capng_have_capability(CAPNG_INHERITABLE, i))
            mask |= UINT64_C(1) << i;
    }
    return mask;
}

static int isolate_capabilities(struct isolation *isolation, struct tapnet_error *error)
{
    /* Before the user changes, since it needs CAP_SETPCAP; the rest after, since changing the user needs its own. */
    capng_clear(CAPNG_SELECT_ALL);
    if (capng_apply(CAPNG_SELECT_BOUNDS) < 0)
        isolate_note(isolation, "capability bounding set");
    isolate_user(isolation);
    capng_clear(CAPNG_SELECT_ALL);
    if (capng_apply(CAPNG_SELECT_CAPS) < 0)
        return error_set(error, -EPERM, "can't give up capabilities");
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    isolation->capabilities = isolate_read_capabilities();
    if (isolation->capabilities)
        return error_set(error, -EPERM, "capabilities %#llx could not be given up",
                         (unsigned long long)isolation->capabilities);
    return 0;
}

int isolate_switch(int *ret_fd, struct tapnet_error *error)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_set_errno(error, -errno, "can't make a pipe");
    if (fcntl(fds[0], F_SETSIG, SIGKILL) < 0 || fcntl(fds[0], F_SETOWN, getpid()) < 0 ||
        fcntl(fds[0], F_SETFL, O_NONBLOCK | O_ASYNC) < 0)
        return error_set_errno(error, -errno, "can't have a pipe end us");
    *ret_fd = fds[1];
    return 0;
}

int isolate_to_user(struct tapnet_error *error)
{
    struct isolation isolation = {0};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set_errno(error, -errno, "can't set no_new_privs");
    return isolate_capabilities(&isolation, error);
}

int isolate_rights(struct isolation *ret, struct tapnet_error *error)
{
    struct isolation isolation = {0};
    int r;

#if defined(__SANITIZE_ADDRESS__)
    isolation.sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    isolation.sanitizer = true;
#endif
#endif
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set_errno(error, -errno, "can't set no_new_privs");
    r = isolate_limits(isolation.sanitizer);
    if (r < 0)
        return error_set_errno(error, r, "can't set limits");
    r = isolate_capabilities(&isolation, error);
    if (r < 0)
        return r;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return error_set_errno(error, -errno, "can't become undumpable");
    isolation.uid = getuid();
    isolation.gid = getgid();
    isolation.no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    isolation.dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
    *ret = isolation;
    return 0;
}
