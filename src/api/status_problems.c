/* SPDX-License-Identifier: MIT */
/* What of the sets that are up is not as it should be, and what the keeper has to say. */
#include "api/status.h"

#include <errno.h>
#include <string.h>

#include "api/coexist.h"
#include "api/hook_resident.h"
#include "api/resident.h"
#include "api/sets.h"
#include "base/array.h"
#include "base/cleanup.h"

/* ---- problems: what `up` would do again ---- */

/*
 * Adds @text (NULL: out of memory) about something of @kind, unless it is "", or what another set that shares the thing
 * has said already. @set: whose `up` mends it, or "".
 */
static int add_problem(struct tapnet_status *status, const char *set, enum model_object_kind kind, const char *text)
{
    if (!text || array_reserve((void **)&status->problems, &status->problem_capacity, status->problem_count, 1,
                               sizeof(*status->problems)) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < status->problem_count; i++)
        if (strcmp(status->problems[i].text, text) == 0)
            return 0;
    if (!*text)
        return 0;
    status->problems[status->problem_count++] = (struct doctor_problem){text, set, kind};
    return 0;
}

/* The families whose table is not there at all: what was in it goes without saying. */
static void find_gone_tables(const struct plan *plan, bool ret[GUARD_FAMILY_COUNT])
{
    for (size_t i = 0; plan && i < plan->step_count; i++)
        if (!plan->steps[i].before && plan->steps[i].after->kind == MODEL_OBJECT_TABLE)
            ret[plan->steps[i].after->table.family] = true;
}

/* What "should be there", "differs" or "is missing" says of one step; "" for what goes without saying. */
static const char *describe_step(struct arena *arena, const struct plan_step *step,
                                 const bool table_gone[GUARD_FAMILY_COUNT])
{
    const struct model_object *object = plan_step_object(step);
    char text[MODEL_OBJECT_TEXT_MAX], why[PLAN_REASON_MAX];

    if (object->kind == MODEL_OBJECT_ELEMENT && table_gone[guard_schemas[object->element.set].family])
        return ""; /* said with its table */
    if (plan_step_forgets(step))
        return "";
    plan_step_reason(step, why);
    return arena_printf(arena, "%s %s", model_object_print(object, text),
                        !step->before  ? "is missing"
                        : !step->after ? "should not be there"
                        : *why         ? why
                                       : "differs");
}

static int add_warning(void *data, const char *text)
{
    return status_warn(data, text);
}

static int add_set_problems(struct tapnet_status *status, const struct observe_found *found, const char *set_name)
{
    struct sets_plan plan cleanup(sets_plan_fini) = {.plan = NULL};
    struct model_objects asked cleanup(model_objects_fini) = {0};
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    bool table_gone[GUARD_FAMILY_COUNT] = {false};
    int result = sets_plan_make(found, set_name, &plan, &reason);

    if (result == -EEXIST)
        return add_problem(status, set_name, MODEL_OBJECT_RECORD,
                           arena_printf(&status->arena, "set %s: %s", set_name, reason.text));
    find_gone_tables(plan.plan, table_gone);
    for (size_t i = 0; result == 0 && i < plan.plan->step_count; i++)
        result = add_problem(status, set_name, plan_step_object(&plan.plan->steps[i])->kind,
                             describe_step(&status->arena, &plan.plan->steps[i], table_gone));
    return result == 0 ? coexist_tell(&plan.set, &asked, &status->arena, add_warning, status, NULL) : result;
}

/* Nobody but a tapnet starts it again: the keeper has not the rights of what it runs. */
static int add_hooks_problem(struct tapnet_status *status, const struct tapnet *tapnet,
                             const struct observe_found *found)
{
    const struct model_service *service = hook_resident_missed(tapnet->run_dir, found);

    return service
               ? add_problem(status, service->set, MODEL_OBJECT_RECORD, HOOK_RESIDENT_MISSING "; `tapnet up` starts it")
               : 0;
}

int status_fill_problems(struct tapnet_status *status, const struct tapnet *tapnet, const struct observe_found *found)
{
    int result = 0;

    if (found->service_is_mute)
        result = add_problem(status, "", MODEL_OBJECT_SERVICE,
                             "the service does not answer: `tapnet up` ends it and starts another");
    for (size_t i = 0; i < status->set_count && result == 0; i++)
        result = add_set_problems(status, found, status->sets[i].name);
    return result == 0 ? add_hooks_problem(status, tapnet, found) : result;
}

/* ---- the keeper ---- */

/* What somebody keeps undoing, and so stays undone for some time. */
static int add_waiting(struct tapnet_status *status, const char *object, unsigned seconds, bool closed)
{
    if (closed)
        return add_problem(status, "", MODEL_OBJECT_RECORD,
                           arena_printf(&status->arena,
                                        "%s: its holder keeps giving it the MAC of another: the port is closed, and "
                                        "opened every %u s only",
                                        object, seconds));
    return add_problem(status, "", MODEL_OBJECT_RECORD,
                       arena_printf(&status->arena,
                                    "%s: somebody keeps undoing it: the keeper puts it back every %u s only", object,
                                    seconds));
}

/* What was put right, and would be known to nobody but the neighbour. */
static int add_theft(struct tapnet_status *status, const char *device, unsigned count)
{
    return status_warn(
        status, count == 1 ? arena_printf(&status->arena,
                                          "tap %s: its holder gave it the MAC of another lately; it was put "
                                          "right at once",
                                          device)
                           : arena_printf(&status->arena,
                                          "tap %s: its holder gave it the MAC of another %u times lately; it was "
                                          "put right each time",
                                          device, count));
}

int status_fill_keeper(struct tapnet_status *status, const struct tapnet *tapnet)
{
    struct resident_state state cleanup(resident_state_fini) = {.pid = 0};
    int result = 0;

    resident_state_read(tapnet, &state);
    status->keeper_pid = state.pid;
    for (size_t i = 0; i < state.waiting_count && result == 0; i++)
        result = add_waiting(status, state.waiting[i].object, state.waiting[i].seconds, state.waiting[i].closed);
    for (size_t i = 0; i < state.theft_count && result == 0; i++)
        result = add_theft(status, state.thefts[i].device, state.thefts[i].count);
    return result;
}
