/* SPDX-License-Identifier: MIT */
/* Gives up, in stages, every right that the service does not need. */
#ifndef SERVICE_ISOLATE_H
#define SERVICE_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* What is left, read back from the kernel: for `{"do":"status"}`. */
struct isolation {
    uid_t uid;
    gid_t gid;
    uint64_t capabilities; /* permitted, one bit each */
    bool no_new_privs;
    bool dumpable;
    bool seccomp;
    int switch_fd;              /* of isolate_switch() */
    unsigned landlock;          /* version of the kernel's; 0: it has none, or we may not use it */
    bool sanitizer;             /* built with a sanitizer: the wider filter */
    const char *not_dropped[4]; /* what the kernel would not let us give up; NULL ends the list */
};

/*
 * Stage 1: closes every descriptor above 2 that is not among @keep (@count of them, -1 where there is none), and puts
 * /dev/null on 0 and 1.
 */
int isolate_descriptors(const int *keep, size_t count, struct tapnet_error *error);
/* The same of all else that a resident of root's has from who started it: directory, mask of files, signals. */
int isolate_from_starter(const int *keep, size_t count, struct tapnet_error *error);

/*
 * Stage 2: no new privileges, limits, bounding set, groups, gid and uid (of `tapnet`, else `nobody`), capabilities, not
 * dumpable. What is impossible where we run (a user namespace that maps one user only, a starter who is not root) is
 * noted in @ret->not_dropped. Capabilities that stay are an error.
 */
int isolate_rights(struct isolation *ret, struct tapnet_error *error);

/* Of stage 2 what a process can do that has yet to start the service: user, capabilities, no new privileges. */
int isolate_to_user(struct tapnet_error *error);

/*
 * After stage 2: a pipe whose reader signals itself with SIGKILL when something is written (F_SETSIG). So whoever is
 * given *ret_fd, and may not signal the service's user, can end a service that hangs. Both ends stay open for good.
 */
int isolate_switch(int *ret_fd, struct tapnet_error *error);

/*
 * Stage 3: files other than resolv.conf and those about it, and ports other than that of DNS (landlock.c), as far as
 * the kernel has that.
 */
int isolate_reach(struct isolation *isolation, struct tapnet_error *error);

/* Stage 4: the system call filter (seccomp.c). From here on anything else ends the process. */
int isolate_system_calls(struct isolation *isolation, struct tapnet_error *error);

#endif
