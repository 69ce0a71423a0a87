/* SPDX-License-Identifier: MIT */
/* Subtracts found from wanted: ordered steps, each with its undo. Makes no system call. */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "model/object.h"

/*
 * How it works: a step is a pair (before, after) of the same identity; NULL is "not there". Its undo is the pair
 * swapped, so undoing a plan is running its steps backwards with the pairs swapped, and a journal of pairs is enough
 * to undo after a crash. Steps are ordered so that what can fail comes first and what can't be given back (a device
 * that a guest holds) goes last.
 */
struct plan_step {
    const struct model_object *before, *after;
};

struct plan {
    struct plan_step *steps;
    size_t step_count, step_capacity;
};

/*
 * Steps from @found to @wanted, both sorted, both of one set (and the shared objects that it needs or lets go).
 * @foreign names the links that are not ours (sorted): a wanted link of such a name is -EEXIST with a sentence.
 * The plan points into both lists.
 */
int plan_make(const struct model_objects *wanted, const struct model_objects *found,
              bool (*foreign)(const void *data, const char *name), const void *data, struct plan **ret,
              struct tapnet_error *error);
void plan_free(struct plan *plan); /* takes NULL */

#endif
