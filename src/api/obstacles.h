/* SPDX-License-Identifier: MIT */
/* What of the host would not survive that an uplink becomes a port of a bridge: told before anything is touched. */
#ifndef API_OBSTACLES_H
#define API_OBSTACLES_H

#include "api/context.h"

/*
 * -EEXIST, with a line for each, when @plan moves an uplink into a bridge and somebody has it in hand who would not
 * follow: a manager of the host's network, sockets that are bound to it, multicast groups, rules of a firewall, filters
 * of tc, policy rules.
 */
int obstacles_check(const struct tapnet_plan *plan, struct tapnet_error *error);

#endif
