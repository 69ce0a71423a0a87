/* SPDX-License-Identifier: MIT */
/* Netfilter's log: a socket that gets copies of the packets that rules log to a group. */
#ifndef NETLINK_LOG_H
#define NETLINK_LOG_H

#include <stdint.h>

#include "base/error.h"

/*
 * Opens a netlink socket and binds it to @group of this network namespace, which one socket at a time can hold. Each
 * packet comes at once, a datagram each (linux/netfilter/nfnetlink_log.h), with its first @bytes_max bytes. *ret_fd,
 * non-blocking, is all that there is of it: whoever has it last and closes it gives the group back. Needs
 * CAP_NET_ADMIN.
 *
 * A holder that was killed a moment ago is waited for; -EBUSY when the group stays somebody else's; -EPROTONOSUPPORT
 * when the kernel has no such log.
 */
int netlink_log_open(uint16_t group, uint32_t bytes_max, int *ret_fd, struct tapnet_error *error);

/* The netlink port (as a rule the process id) of who holds @group, or 0: nobody, or /proc does not say. */
unsigned netlink_log_holder(uint16_t group);

#endif
