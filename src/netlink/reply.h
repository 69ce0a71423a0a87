/* SPDX-License-Identifier: MIT */
/* What NLMSG_ERROR and NLMSG_DONE say: a code, and the kernel's extended ack as a sentence. */
#ifndef NETLINK_REPLY_H
#define NETLINK_REPLY_H

#include "netlink/netlink.h"

/* The code of a NLMSG_ERROR or NLMSG_DONE message: 0 for an ack, else a negative errno; -EBADMSG when it is cut. */
int netlink_reply_code(const struct nlmsghdr *message);
/* The type of the request that a NLMSG_ERROR message answers; 0 when it is cut. */
uint16_t netlink_reply_type(const struct nlmsghdr *message);
/*
 * As netlink_reply_code(), and @error gets a sentence. @request is the message that was answered, @request_len what
 * can be read there: the kernel names an attribute by its offset in it.
 */
int netlink_reply_error(const struct nlmsghdr *message, const uint8_t *request, size_t request_len,
                        struct tapnet_error *error);

#endif
