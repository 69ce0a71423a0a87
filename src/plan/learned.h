/* SPDX-License-Identifier: MIT */
/* What the rules have learnt by themselves: whose it is, and how long it stays. */
#ifndef PLAN_LEARNED_H
#define PLAN_LEARNED_H

#include "model/object.h"

/* MACs that stay, each with its network's number. */
struct plan_learned {
    struct guard_element *kept; /* of GUARD_NETWORK_MACS, sorted */
    size_t count, capacity;
};

/*
 * Reads @all for plan_learned_goes(). @wanted is what @set wants (NULL: all sets), both are sorted. 0 or -ENOMEM.
 */
int plan_learned_init(struct plan_learned *learned, const struct model_objects *wanted, const struct model_objects *all,
                      const char *set);
void plan_learned_fini(struct plan_learned *learned);

/* Is @element, which a rule has added, to be taken away by a plan for @set? */
bool plan_learned_goes(const struct plan_learned *learned, const struct guard_element *element,
                       const struct model_objects *wanted, const struct model_objects *all, const char *set);

#endif
