/* SPDX-License-Identifier: MIT */
/* Which accepts our networks need in packet filters of others that would drop their guests' packets. */
#ifndef EXPLAIN_PASSAGES_H
#define EXPLAIN_PASSAGES_H

#include "model/object.h"

/*
 * Adds to @ret the passages that the networks of @set with @coexist need, as if none were there yet, and sorts it.
 * Nothing is asked of the kernel when there is no such network. Their texts are the arena's of @ret. What drops in
 * ip_tables (iptables-legacy) can't be seen by who has CAP_NET_ADMIN alone, nor be changed here: it is left out.
 * -ENOMEM, and what the kernel refuses.
 */
int explain_passages(const struct model_set *set, enum model_coexist coexist, struct model_objects *ret,
                     struct tapnet_error *error);

#endif
