/* SPDX-License-Identifier: MIT */
/* What the keeper says to who wants a guest plugged in (api/attach.h). */
#ifndef KEEPER_ANSWER_H
#define KEEPER_ANSWER_H

#include <tapnet/attach.h>

/* Of a port that somebody gets, malloc'ed. NULL: out of memory. */
char *answer_print_port(const struct tapnet_attached *attached);
/*
 * Sends @text, with the descriptors of @device (NULL: with none) to the connection @fd. One that can't be sent at once
 * has nobody to hear it: a negative errno of sendmsg(2) then.
 */
int answer_send(int fd, const char *text, const struct tapnet_device *device);
/* What was asked is done, and there is nothing to be told. */
void answer_done(int fd);
void answer_refuse(int fd, int code, const struct tapnet_error *error);

#endif
