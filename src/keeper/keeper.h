/* SPDX-License-Identifier: MIT */
/* The keeper's loop: events in, a look at the host, repairs out. */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include "api/context.h"

/*
 * How it works: an event means "look again" (events.h). The look comes KEEPER_SETTLE_USEC later, or where looks take
 * longer than that, as long as the last one took: so what belongs together is seen together, and seldom twice. Under a
 * storm it never comes before ten times the duration of the last one has passed: a tenth of one processor is all that
 * anybody can make us use. A look that finds nothing to do changes nothing.
 *
 * A thing that has to be brought back again and again is left alone for 1, 2, 4, ... 60 seconds (patience.h): somebody
 * means it. The log says so, and so does `tapnet status`.
 */
#define KEEPER_SETTLE_USEC 5000
#define KEEPER_SETTLE_MAX_USEC 50000
#define KEEPER_SHARE 10 /* of the time at most one in this many is spent on looks */

/*
 * When no set is up any more: whoever took the last one down comes and asks, and waits until we are gone. For this long
 * we wait for him.
 */
#define KEEPER_LINGER_USEC 1000000

/*
 * Devices whose ports are gone (api/detach_quick.h) are deleted all at once, when for this long no more have come, or
 * so many are there that it is time in any case.
 */
#define KEEPER_GONE_USEC 100000
#define KEEPER_GONE_MANY 64

struct keeper_options {
    struct tapnet *tapnet; /* opened, with its starter */
    int control_fd;        /* listening; see api/resident.h */
    int attach_fd;         /* the same, of users: api/attach.h; becomes its own. -1: it makes one */
    bool stay;             /* also when no set is up: systemd looks after us */
};

/* Until no set is up any more. 0, or the negative errno of what made it impossible to go on. */
int keeper_run(const struct keeper_options *options, struct tapnet_error *error);

#endif
