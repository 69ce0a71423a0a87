/* SPDX-License-Identifier: MIT */
/* What the keeper keeps of its rights, and the child that starts the service as somebody else. */
#ifndef KEEPER_RIGHTS_H
#define KEEPER_RIGHTS_H

#include <sys/types.h>

#include "base/error.h"

/*
 * Forks the starter, while we may still become another user: a process that gives up everything, becomes the service's
 * user and from then on does one thing: for each datagram "start" with two descriptors it runs @service with them as 3
 * and 4. It ends with us. *ret_fd: our end of its socket.
 */
int rights_fork_starter(const char *service, int *ret_fd, pid_t *ret_pid, struct tapnet_error *error);
/* Closes our end, and waits until it is gone. */
void rights_end_starter(int fd, pid_t pid);

/*
 * Keeps CAP_NET_ADMIN and nothing else, nothing to be had back, undumpable, no core, few descriptors, no new
 * privileges, and only the system calls that it needs. The user stays: the files in the run directory are root's.
 */
int rights_drop(struct tapnet_error *error);

/* filter.c: the last stage of it; no new privileges must be set. */
int rights_filter(struct tapnet_error *error);

#endif
