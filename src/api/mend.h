/* SPDX-License-Identifier: MIT */
/* Puts back what others took away of the sets that are up: the keeper's whole work on the host. */
#ifndef API_MEND_H
#define API_MEND_H

#include "api/context.h"

/* Asked before the steps that would bring @set back are run; false leaves the set alone for now. */
typedef bool mend_judge(void *data, const char *set, const struct plan *plan);

/*
 * With the lock held: finishes what a killed tapnet left, then plans for each set from the host to the set's own
 * record, and runs what @judge lets pass, with a journal as `up` does. Steps that would take a bridge or a TAP away are
 * not run: without its record nobody knows what a set should be, and that is a person's to decide.
 *
 * *ret_sets counts the sets that are up. The first failure is returned, after all sets were tried.
 */
int mend_all(struct tapnet *tapnet, mend_judge *judge, void *data, size_t *ret_sets, struct tapnet_error *error);

#endif
