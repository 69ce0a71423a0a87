/* SPDX-License-Identifier: MIT */
/* Sockets of nftables' that tapnet commands leave behind: closed when that makes nobody wait. */
#ifndef KEEPER_CLOSINGS_H
#define KEEPER_CLOSINGS_H

#include <stddef.h>
#include <stdint.h>

/*
 * How it works: who closes a netlink socket of netfilter's waits while anything that was deleted in its namespace waits
 * for its end (nft_rcv_nl_event() of the kernel): 10 to 20 ms, which a command would not be at its end before. So it
 * hands its socket over, and is not the last to close it. Here it is closed when no other has come for a while.
 */
#define CLOSINGS_MAX 64
#define CLOSINGS_USEC 100000

struct closings {
    int fds[CLOSINGS_MAX];
    size_t count;
    uint64_t due_usec; /* when they are to be closed; 0: there are none */
};

/* Takes @fd. What is no such socket is closed at once; too many are, too. */
void closings_take(struct closings *closings, int fd, uint64_t now_usec);
/* Closes those that are due. */
void closings_look(struct closings *closings, uint64_t now_usec);
void closings_fini(struct closings *closings);

#endif
