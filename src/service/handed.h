/* SPDX-License-Identifier: MIT */
/* What a resident that systemd started is handed by the tapnet that wanted it (apply/spawn.h). */
#ifndef SERVICE_HANDED_H
#define SERVICE_HANDED_H

/*
 * Receives the control socket and the log on @connection, which stays the caller's. 0; -EPROTO when it was something
 * else; the errno of reading, -EAGAIN when nothing comes for ten seconds.
 */
int handed_receive(int connection, int *ret_control_fd, int *ret_log_fd);

#endif
