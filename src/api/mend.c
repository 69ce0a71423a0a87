/* SPDX-License-Identifier: MIT */
/* Puts back what others took away of the sets that are up: the keeper's whole work on the host. */
#include "api/mend.h"

#include <errno.h>
#include <stdlib.h>

#include "api/sets.h"
#include "apply/apply.h"
#include "base/cleanup.h"

DEFINE_CLEANUP(struct observe_found *, observe_free)

/* One look at the host, and where in it we are. */
struct round {
    struct tapnet *tapnet;
    mend_judge *judge;
    void *data;
    bool changed; /* something was run: what was found is out of date */
};

/* Would the plan take away what a guest may be plugged into? */
static bool takes_links(const struct plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++)
        if (!plan->steps[i].after && plan->steps[i].before->kind == MODEL_OBJECT_LINK &&
            plan->steps[i].phase != PLAN_DEVICES_CLEAR)
            return true;
    return false;
}

static int mend_set(struct round *round, const struct observe_found *found, const char *name,
                    struct tapnet_error *error)
{
    struct sets_plan plan cleanup(sets_plan_fini) = {.plan = NULL};
    int result = sets_plan_make(found, name, &plan, error);

    if (result < 0 || !plan.plan->step_count)
        return result;
    if (!sets_record(found, name) || takes_links(plan.plan) || !round->judge(round->data, name, plan.plan))
        return 0;
    round->changed = true;
    return api_plan_run(round->tapnet, plan.plan, &found->objects, NULL, NULL, error);
}

/* Sets from number *next on, until one was changed. *ret_count: of all sets. */
static int mend_some(struct round *round, size_t *next, size_t *ret_count, struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    struct arena arena cleanup(arena_fini) = {0};
    _cleanup_free_ const char **names = NULL;
    int result = observe_host(round->tapnet->run_dir, &found, error);

    if (result == 0)
        result = sets_names(found, &arena, &names, ret_count);
    round->changed = false;
    while (result == 0 && *next < *ret_count && !round->changed) {
        result = mend_set(round, found, names[*next], error);
        (*next)++;
    }
    return result;
}

int mend_all(struct tapnet *tapnet, mend_judge *judge, void *data, size_t *ret_sets, struct tapnet_error *error)
{
    struct round round = {tapnet, judge, data, false};
    struct tapnet_error later = TAPNET_ERROR_INIT;
    size_t next = 0, count = 0, before = 0;
    int lock, failure, result = run_lock(tapnet->run_dir, &lock, error);

    if (result < 0)
        return result;
    failure = api_recover(tapnet, error);
    if (failure == 0) {
        do {
            before = next;
            result = mend_some(&round, &next, &count, &later);
            if (result < 0 && failure == 0)
                failure = error_set(error, result, "%s", later.text);
        } while (next > before && next < count);
    }
    run_unlock(tapnet->run_dir, lock);
    if (failure == 0)
        *ret_sets = count;
    return failure;
}
