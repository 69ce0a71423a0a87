/* SPDX-License-Identifier: MIT */
/* Sysctls, by /proc/sys: the path is "net/ipv4/conf/eth0/forwarding". */
#ifndef NETLINK_SYSCTL_H
#define NETLINK_SYSCTL_H

#include "base/error.h"

#include <stddef.h>

/* The value without its newline. -ENOENT, -EINVAL for a path with ".." or a leading "/", -E2BIG. */
int sysctl_read(const char *path, char *ret, size_t size, struct tapnet_error *error);
int sysctl_write(const char *path, const char *value, struct tapnet_error *error);

#endif
