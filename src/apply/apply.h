/* SPDX-License-Identifier: MIT */
/* Runs a plan: step by step, with a journal, and backwards again when a step fails. */
#ifndef APPLY_APPLY_H
#define APPLY_APPLY_H

#include "apply/ops.h"
#include "plan/plan.h"

/*
 * Called after every step, or bulk of steps, and before each that is undone; may be NULL. A negative errno stops the
 * plan as a step that failed with it does, unless all is done already or it is being undone.
 */
typedef int apply_progress(size_t done, size_t total, void *data);

struct apply_request {
    const struct plan *plan;
    /* Every object of ours on the host: what a table that is made anew must hold besides the plan's own elements. */
    const struct model_objects *all;
    const struct apply_ops *ops;
    apply_progress *progress;
    void *progress_data;
};

/*
 * Runs all steps. When one fails, its error is returned, and those done are undone in reverse order as far as that
 * goes: whoever has the journal looks what is left, and puts that back with apply_put_back().
 */
int apply_run(const struct apply_request *request, struct tapnet_error *error);

/*
 * Runs the steps of a plan back to what was there before. One that fails keeps no other from being done; each adds a
 * line to @error that says what could not be put back, or taken away, and the first one's code is returned. A service
 * that serves nobody is ended.
 */
int apply_put_back(const struct apply_request *request, struct tapnet_error *error);

/* Appends to a list of names, "tap lab-web, address 10.20.0.1/24 on br-lab": "..." for those that do not fit. */
#define APPLY_NAMES_MAX (TAPNET_ERROR_TEXT_MAX / 4)
void apply_add_name(char text[APPLY_NAMES_MAX], const struct model_object *object);

/* ---- links.c ---- */

/* Makes, changes or removes one link so that @after is there instead of @before (either may be NULL, not both). */
int apply_link(const struct apply_ops *ops, const struct model_link *before, const struct model_link *after,
               struct tapnet_error *error);

/* ---- uplink.c ---- */

/* Makes a link of the host's a port of a bridge, or none any more, with what it carries. All of it or nothing. */
int apply_uplink(const struct apply_ops *ops, const struct model_uplink *before, const struct model_uplink *after,
                 struct tapnet_error *error);

/* ---- forget.c ---- */

/* When all steps have run: has conntrack forget what they took from its holders. */
int apply_forget(const struct apply_request *request, struct tapnet_error *error);

/* ---- guards.c ---- */

/* The steps of one guards phase, in either direction, as one transaction. @undo swaps before and after. */
int apply_guards(const struct apply_request *request, const struct plan_step *steps, size_t count, bool undo,
                 struct tapnet_error *error);

/* ---- journal.c ---- */

/*
 * The plan in the run directory: one line of JSON a step, {"before":...,"after":...}, and a last line {"end":N} that
 * tells a whole journal from one whose writer was killed before the first step was run.
 */
int apply_journal_write(const char *run_dir, const struct plan *plan, struct tapnet_error *error);
int apply_journal_remove(const char *run_dir, struct tapnet_error *error);
/*
 * Reads what a killed tapnet left: *ret_wanted is the state before its plan, for the objects of the plan, *ret_touched
 * the same objects' identities (before or after). *ret_found false when there is no journal, or none that was begun.
 */
int apply_journal_read(const char *run_dir, bool *ret_found, struct model_objects *ret_wanted,
                       struct model_objects *ret_touched, struct tapnet_error *error);

#endif
