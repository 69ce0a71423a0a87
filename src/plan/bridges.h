/* SPDX-License-Identifier: MIT */
/* The bridges of ours that are on the host, by the networks that they are of. */
#ifndef PLAN_BRIDGES_H
#define PLAN_BRIDGES_H

#include "model/object.h"

struct plan_bridges {
    const struct model_link **items; /* those of @all, by the names of their networks and then of their sets */
    size_t count, capacity;
};

/* 0 or -ENOMEM, with nothing to be freed. */
int plan_bridges_init(struct plan_bridges *bridges, const struct model_objects *all);
void plan_bridges_fini(struct plan_bridges *bridges);

/* The bridge of @set's @network; NULL when there is none. */
const struct model_link *plan_bridges_find(const struct plan_bridges *bridges, const char *network, const char *set);
/* That of a network of the same name and another set than @set. */
const struct model_link *plan_bridges_find_others(const struct plan_bridges *bridges, const char *network,
                                                  const char *set);

#endif
