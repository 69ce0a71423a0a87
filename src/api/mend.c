/* SPDX-License-Identifier: MIT */
/* Puts back what others took away of the sets that are up: the keeper's whole work on the host. */
#include "api/mend.h"

#include <errno.h>
#include <stdlib.h>

#include "api/ports.h"
#include "api/sets.h"
#include "apply/apply.h"
#include "base/cleanup.h"

DEFINE_CLEANUP(struct observe_found *, observe_free)

/* One look at the host, and where in it we are. */
struct round {
    struct tapnet *tapnet;
    const struct mend_hooks *hooks;
    void *data;
    size_t next; /* set to look at, by its place among the sorted names */
    bool restored;
    bool changed; /* something was run: what was found is out of date */
    int failure;
    struct tapnet_error end_failure; /* of taking ports away: not tried twice in a round */
};

/* Removes a thing that a guest may be plugged into, or its bridge? */
static bool takes_link(const struct plan_step *step)
{
    return !step->after && step->before->kind == MODEL_OBJECT_LINK && step->phase != PLAN_DEVICES_CLEAR;
}

/*
 * An uplink moves only under the eyes of whoever asked for it, and of a watchdog: a person who took it out of its
 * bridge had a reason. `status` tells of it.
 */
static bool is_kept_from(const struct plan_step *step)
{
    return step->before && step->before->kind == MODEL_OBJECT_UPLINK;
}

static void keep_links(struct plan *plan)
{
    bool takes = false;
    size_t kept = 0;

    for (size_t i = 0; i < plan->step_count; i++)
        takes |= takes_link(&plan->steps[i]);
    for (size_t i = 0; i < plan->step_count; i++)
        if (!is_kept_from(&plan->steps[i]) &&
            (!takes || plan->steps[i].after || plan_step_forgets(&plan->steps[i]) ||
             plan->steps[i].phase == PLAN_DEVICES_CLEAR || plan->steps[i].phase == PLAN_ADDRESSES_CLEAR ||
             plan->steps[i].phase == PLAN_ROUTES_CLEAR || plan->steps[i].phase == PLAN_NEIGHBOURS_CLEAR))
            plan->steps[kept++] = plan->steps[i];
    plan->step_count = kept;
}

static void remember(struct round *round, int result, const char *set, const struct plan *plan,
                     const struct tapnet_error *reason)
{
    round->hooks->report(round->data, set, plan, result < 0 ? reason : NULL);
    if (result < 0 && round->failure == 0)
        round->failure = result;
}

static void mend_set(struct round *round, const struct observe_found *found, const char *name)
{
    static const struct plan none = {.steps = NULL};
    struct sets_plan plan cleanup(sets_plan_fini) = {.plan = NULL};
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    int result = sets_plan_make(found, name, &plan, &reason);

    if (result < 0) {
        remember(round, result, name, &none, &reason);
        return;
    }
    keep_links(plan.plan);
    round->hooks->judge(round->data, name, plan.plan);
    if (!plan.plan->step_count)
        return;
    round->changed = true;
    result = api_plan_mend(round->tapnet, plan.plan, &found->objects, &reason);
    remember(round, result, name, plan.plan, &reason);
}

/* Takes away what nobody holds any more. True: something went. What can't be taken keeps nothing from being mended. */
static bool end_ports(struct round *round, const struct observe_found *found)
{
    bool ended = false;
    int result = round->end_failure.code
                     ? 0
                     : ports_end(round->tapnet, found, round->hooks->ended, round->data, &ended, &round->end_failure);

    if (result < 0 && round->failure == 0)
        round->failure = result;
    return ended;
}

/* Sets from the next one on, until one was changed. True when all sets were looked at. */
static int mend_some(struct round *round, bool *ret_all, struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    struct arena arena cleanup(arena_fini) = {0};
    _cleanup_free_ const char **names = NULL;
    size_t count = 0;
    int result = observe_host(round->tapnet->run_dir, &found, error);

    *ret_all = false;
    if (result < 0)
        return result;
    round->hooks->notice(round->data, found);
    if (!round->restored) {
        round->restored = true;
        if (round->hooks->restore(round->data, found))
            return 0;
    }
    if (end_ports(round, found))
        return 0;
    result = sets_names(found, &arena, &names, &count);
    if (result < 0)
        return error_set(error, result, "out of memory");
    for (round->changed = false; round->next < count && !round->changed; round->next++)
        mend_set(round, found, names[round->next]);
    *ret_all = round->next >= count;
    if (*ret_all)
        round->hooks->seen(round->data, found, count);
    return 0;
}

int mend_all(struct tapnet *tapnet, const struct mend_hooks *hooks, void *data, struct tapnet_error *error)
{
    struct round round = {.tapnet = tapnet, .hooks = hooks, .data = data};
    bool all = false;
    int lock, result = run_lock_now(tapnet->run_dir, &lock, error);

    if (result == -EWOULDBLOCK) {
        hooks->wait(data);
        result = run_lock(tapnet->run_dir, &lock, error);
    }
    if (result < 0)
        return result;
    api_notes_clear(tapnet);
    result = api_recover(tapnet, error);
    while (result == 0 && !all)
        result = mend_some(&round, &all, error);
    run_unlock(tapnet->run_dir, lock);
    if (result == 0 && round.failure < 0)
        return error_set(error, round.failure, "%s",
                         round.end_failure.code ? round.end_failure.text : "not everything could be put back");
    return result;
}
