/* SPDX-License-Identifier: MIT */
/* The host's own DHCP leases on bridges of mode bridge, which no program prolongs: tapnet-lease does. */
#ifndef API_LEASE_H
#define API_LEASE_H

#include "api/context.h"

/* The address of @network's bridge that ends, of what @found knows of it; NULL: none. */
const struct model_item *lease_find(const struct observe_found *found, const struct model_network *network);

/*
 * Starts what prolongs the addresses that @plan's networks have, unless it runs, or a manager of the host's network has
 * the link. With the lock held, when all is up: it is up without it, too, and a note says why. -ENOMEM.
 */
int lease_start(struct tapnet *tapnet, const struct tapnet_plan *plan);

/* What a user should know of the lease of @network, the arena's; *ret NULL when there is nothing. -ENOMEM. */
int lease_warning(const char *run_dir, const struct observe_found *found, const struct model_network *network,
                  struct arena *arena, const char **ret);

/* Those that a plan ends: each ends by itself when the address has left its bridge. */
#define LEASES_MAX 4
struct lease_ends {
    int fds[LEASES_MAX]; /* connected, to see them go; -1: it does not run */
    const char *bridges[LEASES_MAX];
    size_t count;
};

/* Before @plan runs. */
void lease_meet(const struct tapnet *tapnet, const struct plan *plan, struct lease_ends *ret);
/* Waits until they are gone, and removes what they have left; @done: the plan is done, else they stay. */
void lease_part(const struct tapnet *tapnet, struct lease_ends *ends, bool done);

#endif
