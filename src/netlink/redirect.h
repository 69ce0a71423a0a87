/* SPDX-License-Identifier: MIT */
/* A link whose frames go out of another one as they are, by rtnetlink (tc-u32(8), tc-mirred(8)). */
#ifndef NETLINK_REDIRECT_H
#define NETLINK_REDIRECT_H

#include "netlink/netlink.h"

/*
 * How it works: an "ingress" queueing discipline, which holds no packets, is where classifiers of what comes in hang.
 * One of them, u32 with a key that everything fits, hands each frame on; the host's own stack is shown none.
 */

/* Everything that comes in by the link @from goes out by @to. -EEXIST: something hangs there already. */
int netlink_redirect_add(struct netlink *netlink, int from, int to, struct tapnet_error *error);
/* Where what comes in by @from goes out; 0: nowhere. */
int netlink_redirect_get(struct netlink *netlink, int from, int *ret, struct tapnet_error *error);

/* The parser alone, for tests and the fuzzer: 0, -EBADMSG, or -ENOMSG for what hands nothing on. */
int netlink_redirect_parse(const struct nlmsghdr *message, int *ret);

#endif
