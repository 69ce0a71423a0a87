/* SPDX-License-Identifier: MIT */
/* The loop of tapnet-hooks: events in, a look at the links, hooks out. */
#ifndef HOOKS_RESIDENT_H
#define HOOKS_RESIDENT_H

#include "api/context.h"

#define RESIDENT_SETTLE_USEC 5000 /* from the first event to the look: what belongs together is seen together */
#define RESIDENT_SHARE 10         /* one in so many seconds of a processor, for looks, under any storm of events */

/* Returns when no network that is up has hooks of ports. @control_fd: the listening socket of api/hook_resident.h. */
int hooks_resident_run(struct tapnet *tapnet, int control_fd, struct tapnet_error *error);

#endif
