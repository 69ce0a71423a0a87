/* SPDX-License-Identifier: MIT */
/* Token buckets in front of a device, by rtnetlink: what leaves the host by it (linux/pkt_sched.h, tc-tbf(8)). */
#ifndef NETLINK_SHAPER_H
#define NETLINK_SHAPER_H

#include "netlink/netlink.h"

/*
 * How it works: a device has one root queueing discipline. Ours is a "tbf" with a handle of its own, by which it is
 * told from what an administrator has put there. It takes one packet after another out of a bucket that fills at @rate;
 * what does not fit waits for a 20th of a second at most, then is dropped.
 */
#define NETLINK_SHAPER_HANDLE 0x74610000u /* "ta", minor 0 */

struct netlink_shaper {
    int index;      /* of the device */
    uint64_t rate;  /* bytes a second, with their Ethernet headers */
    uint32_t burst; /* bytes at once; 0: it is not told */
};

typedef int netlink_shaper_reader(const struct netlink_shaper *shaper, void *data);

/* Every device's that has one of ours, in one dump. */
int netlink_shaper_dump(struct netlink *netlink, netlink_shaper_reader *reader, netlink_restart *restart, void *data,
                        struct tapnet_error *error);

/* Puts it there, in place of what there is, or changes it; packets that wait go on waiting only in the latter case. */
int netlink_shaper_set(struct netlink *netlink, const struct netlink_shaper *shaper, struct tapnet_error *error);
/* Takes ours away: the kernel's default is back. -ENOENT when there is none of ours. */
int netlink_shaper_delete(struct netlink *netlink, int index, struct tapnet_error *error);

/* The parser alone, for tests and the fuzzer: 0, -EBADMSG, or -ENOMSG for what is none of ours. */
int netlink_shaper_parse(const struct nlmsghdr *message, struct netlink_shaper *ret);

#endif
