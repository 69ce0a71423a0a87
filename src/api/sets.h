/* SPDX-License-Identifier: MIT */
/* The sets that are up, as they were brought up: what the ledgers in the run directory tell of them. */
#ifndef API_SETS_H
#define API_SETS_H

#include "observe/observe.h"
#include "plan/plan.h"

/* Names of all sets that anything found belongs to, sorted. The array is malloc'ed, names are @arena's. 0, -ENOMEM. */
int sets_names(const struct observe_found *found, struct arena *arena, const char ***ret, size_t *ret_count);

/* The record of the set; NULL when there is none. */
const struct model_record *sets_record(const struct observe_found *found, const char *name);

/* One set as it was brought up, and the plan that leads there. It points into what was found, and into itself. */
struct sets_plan {
    struct model_set set;        /* networks and devices */
    struct model_objects wanted; /* model_expand() of it */
    struct plan_scope scope;
    struct plan *plan;
};
void sets_plan_fini(struct sets_plan *plan);

/*
 * Plans from what was found to what the ledgers say that the set should be. What was found of the set and stands in no
 * ledger is to be removed, with one exception: without a record the set's stand-alone devices, and their addresses,
 * count as wanted. -EEXIST when somebody else has taken a name of the set's, -ENOMEM.
 */
int sets_plan_make(const struct observe_found *found, const char *name, struct sets_plan *ret,
                   struct tapnet_error *error);

/* Changes @set, as it was brought up; what it adds is of @set->arena. 0, or a negative errno with a sentence. */
typedef int sets_change(struct model_set *set, void *data, struct tapnet_error *error);
/*
 * Plans what follows from @change alone: what somebody else altered of the set is neither mended nor in the way. What
 * is left of the set has been checked. As sets_plan_make(), and what @change and model_check() return.
 */
int sets_plan_change(const struct observe_found *found, const char *name, sets_change *change, void *data,
                     struct sets_plan *ret, struct tapnet_error *error);

struct tapnet_plan;
/* The same as a plan of its own (plan.c). @change NULL: of nothing. @found becomes the plan's, on failure too. */
int api_plan_change(struct observe_found *found, const char *set, sets_change *change, void *data,
                    struct tapnet_plan **ret, struct tapnet_error *error);

/*
 * A set is known by its name, and that is its file's base name unless the file says otherwise: two files of one name in
 * different places would replace each other's networks without a word. -EALREADY when @set, with its objects @wanted,
 * would do that: the file that it was brought up from is another, still there, and described something else.
 */
int sets_check_origin(const struct observe_found *found, const struct model_set *set,
                      const struct model_objects *wanted, struct tapnet_error *error);

/* A stand-alone device of ours, or an address of one. */
bool sets_is_device(const struct model_object *object);

#endif
