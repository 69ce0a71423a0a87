/* SPDX-License-Identifier: MIT */
/* The half of tapnet-lease that talks to DHCP servers: it has no right at all. */
#ifndef LEASE_TALKER_H
#define LEASE_TALKER_H

#include "lease/message.h"

/* What the other half is told: for how many seconds from now on the address is good. */
struct lease_news {
    uint32_t seconds;
};

/*
 * Asks by @socket_fd (UDP, bound to the address, port 68 and the link) as long as it lives, and tells @parent_fd of
 * each answer. Returns when a server refuses, or the other half is gone.
 */
void talker_run(int socket_fd, int parent_fd, const struct lease_question *question);

#endif
