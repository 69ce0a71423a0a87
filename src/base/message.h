/* SPDX-License-Identifier: MIT */
/* One datagram with descriptors attached, over a Unix socket: sent whole, received whole, or an error and no leak. */
#ifndef BASE_MESSAGE_H
#define BASE_MESSAGE_H

#include <stddef.h>

#define MESSAGE_FDS_MAX 8 /* descriptors in one datagram */

/*
 * Sends @length bytes (at least one) and @fd_count descriptors as one datagram on the connected SOCK_SEQPACKET socket
 * @socket; never raises SIGPIPE. The descriptors stay the caller's. @flags are added to sendmsg's (MSG_DONTWAIT, 0).
 * 0, or negative errno: -EINVAL for bad counts, -EAGAIN, -EPIPE when the other end has closed, -EMSGSIZE, ...
 */
int message_send(int socket, const void *bytes, size_t length, const int *fds, size_t fd_count, int flags);

/*
 * Receives one datagram of at most @size bytes with at most @fd_max descriptors (not more than MESSAGE_FDS_MAX). What
 * is received is the caller's; all descriptors are close-on-exec. On any error none is left open and no output is set:
 * -EMSGSIZE when the datagram was longer than @size, -E2BIG when it carried more than @fd_max descriptors,
 * -ECONNRESET when the other end has closed, -EAGAIN, ...
 */
int message_receive(int socket, void *bytes, size_t size, int *fds, size_t fd_max, size_t *ret_length,
                    size_t *ret_fd_count, int flags);

#endif
