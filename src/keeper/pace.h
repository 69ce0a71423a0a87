/* SPDX-License-Identifier: MIT */
/* How much of the keeper's time each user of the host may have. */
#ifndef KEEPER_PACE_H
#define KEEPER_PACE_H

#include <stddef.h>
#include <stdint.h>

/*
 * How it works: whom a network's file allows to plug guests in may ask as often as he likes, and each time the keeper
 * looks at the host and has the lock, for which others wait. So each user has a leaky bucket of time: what he has used
 * leaks out at a tenth of the clock's pace, and who has more than PACE_BURST_USEC in it waits until he has not.
 */
#define PACE_SHARE 10            /* one in so many seconds, over time */
#define PACE_BURST_USEC 2000000u /* at once: a hundred guests on a host that is not small */
#define PACE_USERS 64            /* that are remembered; the one who has used least makes room */

/* Zero-initialised nobody has used anything. */
struct pace {
    struct pace_user {
        uint32_t user;
        uint64_t used_usec, at_usec; /* at that time; 0: a free place */
    } users[PACE_USERS];
};

/* When @user may have something at the earliest: @now_usec (not 0), or later. */
uint64_t pace_due(const struct pace *pace, uint32_t user, uint64_t now_usec);
/* He has had @used_usec until @now_usec. */
void pace_charge(struct pace *pace, uint32_t user, uint64_t used_usec, uint64_t now_usec);

#endif
