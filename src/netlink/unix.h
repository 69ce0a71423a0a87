/* SPDX-License-Identifier: MIT */
/* Unix sockets of this network namespace. */
#ifndef NETLINK_UNIX_H
#define NETLINK_UNIX_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Did a process of this network namespace bind a Unix socket to @path? A socket's file is seen by whoever shares the
 * file system; the kernel's list of sockets is of the namespace's own. So a daemon of the host is told from one that
 * would take our link for another of the same number. Only sockets of root and of our own user count.
 */
bool unix_socket_is_ours(const char *path);
/* The same, whoever's it is: of a path where only the right one can put a socket. */
bool unix_socket_is_bound(const char *path);
/*
 * The inodes of the sockets of this network namespace that were bound to @path and listen, whether or not a file of
 * that name is there. Returns how many, @max at most.
 */
size_t unix_socket_listeners(const char *path, unsigned long *inodes, size_t max);

#endif
