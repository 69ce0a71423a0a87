/* SPDX-License-Identifier: MIT */
/* Who holds a TUN or TAP: from the descriptors that /proc shows. */
#ifndef DEVICE_HOLDERS_H
#define DEVICE_HOLDERS_H

#include <net/if.h>
#include <stddef.h>

#include "base/error.h"

/* One descriptor of a process, from /proc/PID/fdinfo ("iff:\tNAME"). */
struct device_holder {
    char device[IFNAMSIZ];
    int pid, fd;      /* fd is that process's number of it */
    char command[64]; /* /proc/PID/comm, printable */
};

/*
 * All descriptors that we may see of devices in the network namespace behind @netns (-1: the calling thread's), in one
 * walk of /proc, sorted by device, process and number. The caller frees *ret.
 */
int device_holders(int netns, struct device_holder **ret, size_t *ret_count, struct tapnet_error *error);

/*
 * A copy of the descriptor that @holder tells of, for the caller to close (pidfd_getfd(2), which needs the rights of
 * ptrace(2)). -EPERM, -ESRCH and -EBADF when it is gone.
 */
int device_holder_borrow(const struct device_holder *holder);

#endif
