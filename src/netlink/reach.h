/* SPDX-License-Identifier: MIT */
/* Do neighbours answer? The kernel is made to ask them, by ARP or neighbour discovery, and heard of what it learns. */
#ifndef NETLINK_REACH_H
#define NETLINK_REACH_H

#include "netlink/netlink.h"

struct netlink_reach {
    struct ip_address address;
    bool fixed; /* set by hand: the kernel never asks it, and must not be made to */
    bool answered;
};

/*
 * Asks for each of @neighbours (@count) on link @index and returns when all that are not fixed have answered, or @msec
 * are over: which are fixed, and which answered, is marked. What the kernel knows of them stays in use meanwhile. Fails
 * when nobody can be asked.
 */
int netlink_reach(int index, struct netlink_reach *neighbours, size_t count, unsigned msec, struct tapnet_error *error);

#endif
