/* SPDX-License-Identifier: MIT */
/* What a resident is handed by whoever starts it: descriptors by number, or by a connection (apply/spawn.h). */
#ifndef SERVICE_HANDED_H
#define SERVICE_HANDED_H

/* The number of an open descriptor from standard error on, as an option gives it. 0 or -EINVAL. */
int handed_parse(const char *text, int *ret);

/*
 * What a resident that systemd started is sent on @connection, which stays the caller's: the control socket, the log,
 * and to the keeper the socket of the host's users, and the one for DHCP replies (else -1). 0; -EPROTO when it was
 * something else; the errno of reading, -EAGAIN when nothing comes for ten seconds.
 */
struct handed {
    int control_fd, log_fd, attach_fd, reply_fd;
};
int handed_receive(int connection, struct handed *ret);
/*
 * The same of who has connected to systemd's socket @listening. 1, or 0: nobody has, as when systemd started the
 * resident again after its end.
 */
int handed_accept(int listening, struct handed *ret);

#endif
