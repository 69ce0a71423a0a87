/* SPDX-License-Identifier: MIT */
/* What stands in a plan's way: tables, devices and networks of the names that it wants, that are somebody else's. */
#ifndef PLAN_CONFLICT_H
#define PLAN_CONFLICT_H

#include "plan/plan.h"

/*
 * The names that @wanted's links and networks have must be free, or @set's (NULL: links are not looked at), and so must
 * our tables' be. -EEXIST, with the place in the file, who has it, and what to do.
 */
int plan_check_conflicts(const struct model_objects *wanted, const struct model_objects *all, const char *set,
                         const struct plan_host *host, struct tapnet_error *error);

/* The link of @name in @objects, sorted; NULL when there is none. */
const struct model_link *plan_find_link(const struct model_objects *objects, const char *name);

#endif
