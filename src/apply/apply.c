/* SPDX-License-Identifier: MIT */
/* Runs a plan: step by step, in bulk where that is one request, and backwards again when a step fails. */
#include "apply/apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply/ledger.h"
#include "base/array.h"
#include "base/cleanup.h"

/*
 * How it works: the steps are cut into runs. A run is one step, or all steps of a phase that are done as one: the two
 * guards phases (one transaction) and the removal of several devices (one delete of a group). A run fails as a whole.
 * Undoing goes through the runs that succeeded, last first, each with before and after swapped.
 */

/* Is the phase done as one when there is more than one step, in this direction? */
static bool is_bulk(enum plan_phase phase, bool undo)
{
    if (phase == PLAN_GUARDS_SET || phase == PLAN_GUARDS_REMOVE)
        return true;
    return (phase == PLAN_DEVICES_REMOVE || phase == PLAN_DEVICES_CLEAR) && !undo;
}

/* How many steps from @first on make one run. */
static size_t run_length(const struct plan *plan, size_t first)
{
    size_t count = 1;

    if (!is_bulk(plan->steps[first].phase, false))
        return 1;
    while (first + count < plan->step_count && plan->steps[first + count].phase == plan->steps[first].phase)
        count++;
    return count;
}

static int remove_devices(const struct apply_ops *ops, const struct plan_step *steps, size_t count,
                          struct tapnet_error *error)
{
    _cleanup_free_ const char **names = calloc(count, sizeof(*names));

    if (!names)
        return error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        names[i] = steps[i].before->link.name;
    return ops->links_delete(ops->data, names, count, error);
}

/* The kernel makes an address's route when it gets the address. Undoing that leaves both as they are. */
static int restore_route(const struct apply_ops *ops, const struct model_host_address *before,
                         const struct model_host_address *after, struct tapnet_error *error)
{
    int result = before->unrouted ? ops->address_delete(ops->data, before, error) : 0;

    return before->unrouted && result == 0 ? ops->address_add(ops->data, after, error) : result;
}

static int apply_address(const struct apply_ops *ops, const struct model_object *before,
                         const struct model_object *after, struct tapnet_error *error)
{
    if (before && after)
        return restore_route(ops, &before->address, &after->address, error);
    if (after)
        return ops->address_add(ops->data, &after->address, error);
    return ops->address_delete(ops->data, &before->address, error);
}

/* One that changes is made anew: the kernel would replace whichever it finds first, somebody else's too. */
static int apply_route(const struct apply_ops *ops, const struct model_object *before, const struct model_object *after,
                       struct tapnet_error *error)
{
    int result = before ? ops->route_delete(ops->data, &before->route, error) : 0;

    if (result < 0 || !after)
        return result;
    result = ops->route_add(ops->data, &after->route, error);
    if (result < 0 && before)
        ops->route_add(ops->data, &before->route, NULL);
    return result;
}

static int apply_neighbour(const struct apply_ops *ops, const struct model_object *before,
                           const struct model_object *after, struct tapnet_error *error)
{
    if (after)
        return ops->neighbour_set(ops->data, &after->neighbour, error);
    return ops->neighbour_delete(ops->data, &before->neighbour, error);
}

/* One step that is a run by itself. */
static int apply_one(const struct apply_ops *ops, const struct model_object *before, const struct model_object *after,
                     struct tapnet_error *error)
{
    switch (after ? after->kind : before->kind) {
    case MODEL_OBJECT_LINK:
        return apply_link(ops, before ? &before->link : NULL, after ? &after->link : NULL, error);
    case MODEL_OBJECT_ADDRESS:
        return apply_address(ops, before, after, error);
    case MODEL_OBJECT_ROUTE:
        return apply_route(ops, before, after, error);
    case MODEL_OBJECT_NEIGHBOUR:
        return apply_neighbour(ops, before, after, error);
    case MODEL_OBJECT_PASSAGE:
        return after ? ops->passage_add(ops->data, &after->passage, error)
                     : ops->passage_delete(ops->data, &before->passage, error);
    case MODEL_OBJECT_UPLINK:
        return apply_uplink(ops, before ? &before->uplink : NULL, after ? &after->uplink : NULL, error);
    case MODEL_OBJECT_SYSCTL:
        return apply_sysctl(ops, before ? &before->sysctl : NULL, after ? &after->sysctl : NULL, error);
    case MODEL_OBJECT_SERVICE:
        return apply_service(ops, before ? &before->service : NULL, after ? &after->service : NULL, error);
    case MODEL_OBJECT_RECORD:
        return apply_record(ops, before ? &before->record : NULL, after ? &after->record : NULL, error);
    case MODEL_OBJECT_TABLE:
    case MODEL_OBJECT_ELEMENT:
        break; /* guards are always in bulk */
    }
    return error_set(error, -EINVAL, "a step of unknown kind");
}

/*
 * Runs the steps of one run in one direction; the steps of a bulk that has no bulk undo go one by one, and all of them
 * are tried: the first error is returned.
 */
static int apply_steps(const struct apply_request *request, const struct plan_step *steps, size_t count, bool undo,
                       struct tapnet_error *error)
{
    enum plan_phase phase = steps[0].phase;
    int failure = 0;

    if (phase == PLAN_GUARDS_SET || phase == PLAN_GUARDS_REMOVE)
        return apply_guards(request, steps, count, undo, error);
    if (count > 1 && is_bulk(phase, undo))
        return remove_devices(request->ops, steps, count, error);
    for (size_t i = 0; i < count; i++) {
        const struct model_object *before = undo ? steps[i].after : steps[i].before;
        const struct model_object *after = undo ? steps[i].before : steps[i].after;
        int result = apply_one(request->ops, before, after, failure < 0 ? NULL : error);

        if (result < 0 && failure == 0)
            failure = result;
    }
    return failure;
}

static int explain_step(const struct plan_step *step, size_t count, int code, struct tapnet_error *error)
{
    char text[MODEL_OBJECT_TEXT_MAX];
    const char *verb = !step->before ? "make" : !step->after ? "remove" : "change";

    if (count > 1)
        return error_prefix(error, code, "cannot %s %s and %zu more", verb,
                            model_object_print(plan_step_object(step), text), count - 1);
    return error_prefix(error, code, "cannot %s %s", verb, model_object_print(plan_step_object(step), text));
}

static int report(const struct apply_request *request, size_t done)
{
    return request->progress ? request->progress(done, request->plan->step_count, request->progress_data) : 0;
}

/* Undoes all runs that end before step @end, last first, as far as that goes. */
static void undo_runs(const struct apply_request *request, size_t end)
{
    const struct plan *plan = request->plan;

    while (end > 0) {
        size_t first = end - 1;

        while (is_bulk(plan->steps[first].phase, false) && first > 0 &&
               plan->steps[first - 1].phase == plan->steps[first].phase)
            first--;
        report(request, end);
        apply_steps(request, plan->steps + first, end - first, true, NULL);
        end = first;
    }
}

/* The steps in their order, as far as they go. *ret_done counts those that were done. */
static int run_steps(const struct apply_request *request, size_t *ret_done, struct tapnet_error *error)
{
    const struct plan *plan = request->plan;
    size_t done = 0;
    int result = 0;

    while (done < plan->step_count && result == 0) {
        size_t count = run_length(plan, done);

        result = apply_steps(request, plan->steps + done, count, false, error);
        if (result < 0) {
            explain_step(&plan->steps[done], count, result, error);
            break;
        }
        done += count;
        result = report(request, done);
        if (result < 0 && done < plan->step_count)
            error_set(error, result, "stopped after %zu of %zu steps", done, plan->step_count);
        else
            result = 0;
    }
    *ret_done = done;
    return result;
}

static bool serves(const struct plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].phase == PLAN_SERVICES_SET &&
            model_mode_has_subnet(plan->steps[i].after->service.network->mode))
            return true;
    return false;
}

int apply_run(const struct apply_request *request, struct tapnet_error *error)
{
    const struct apply_ops *ops = request->ops;
    bool prepared = serves(request->plan);
    int result = prepared ? ops->service_prepare(ops->data, error) : 0;
    size_t done = 0;

    if (result < 0)
        return result;
    result = run_steps(request, &done, error);
    if (result == 0)
        result = apply_forget(request, error);
    if (result < 0) {
        undo_runs(request, done);
        if (prepared)
            ops->service_release(ops->data, NULL);
    }
    return result;
}

/* ---- putting back ---- */

void apply_add_name(char text[APPLY_NAMES_MAX], const struct model_object *object)
{
    size_t len = strlen(text);
    char name[MODEL_OBJECT_TEXT_MAX + sizeof(" in ") + MODEL_IFNAME_MAX];

    model_object_print(object, name);
    if (object->kind == MODEL_OBJECT_UPLINK && object->uplink.bridge[0]) /* where what it carries is looked for */
        sprintf(name + strlen(name), " in %s", object->uplink.bridge);
    if (len + strlen(name) + strlen(", ") < APPLY_NAMES_MAX - strlen(", ..."))
        snprintf(text + len, APPLY_NAMES_MAX - len, "%s%s", len ? ", " : "", name);
    else if (!len || text[len - 1] != '.')
        snprintf(text + len, APPLY_NAMES_MAX - len, ", ...");
}

/* One line for what @steps were to put back and did not. */
static void add_stuck(const struct plan_step *steps, size_t count, int code, const char *reason,
                      struct tapnet_error *error)
{
    char names[APPLY_NAMES_MAX] = "";

    for (size_t i = 0; i < count; i++)
        apply_add_name(names, plan_step_object(&steps[i]));
    error_add_line(error, code, "could not %s %s: %s", steps[0].after ? "put back" : "take away", names, reason);
}

/* One run of a plan back. When a bulk fails, its devices are tried one by one; nftables says all or none. */
static int put_back_run(const struct apply_request *request, const struct plan_step *steps, size_t count,
                        struct tapnet_error *error)
{
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    int result = apply_steps(request, steps, count, false, &reason), failure = 0;

    if (result == 0 || (result == -ENODEV && !steps[0].after)) /* gone is as good as taken away */
        return 0;
    if (count == 1 || plan_step_object(steps)->kind != MODEL_OBJECT_LINK) {
        add_stuck(steps, count, result, reason.text, error);
        return result;
    }
    for (size_t i = 0; i < count; i++) {
        result = put_back_run(request, steps + i, 1, error);
        failure = failure ? failure : result;
    }
    return failure;
}

/* Whatever does not concern a step but has to be done at its end. */
static int add_reason(int result, int failure, const char *what, const struct tapnet_error *reason,
                      struct tapnet_error *error)
{
    if (result < 0)
        error_add_line(error, result, "could not %s: %s", what, reason->text);
    return failure ? failure : result;
}

int apply_put_back(const struct apply_request *request, struct tapnet_error *error)
{
    const struct apply_ops *ops = request->ops;
    const struct plan *plan = request->plan;
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    int failure = 0;

    for (size_t done = 0, count; done < plan->step_count; done += count) {
        int result;

        count = run_length(plan, done);
        result = put_back_run(request, plan->steps + done, count, error);
        failure = failure ? failure : result;
    }
    failure = add_reason(apply_forget(request, &reason), failure, "end the connections of what is gone", &reason,
                         error);
    return add_reason(ops->service_release(ops->data, &reason), failure, "end the service that serves nobody", &reason,
                      error);
}
