/* SPDX-License-Identifier: MIT */
/* Up and down: lock, finish what a killed tapnet left, plan, write the journal, run, clean up. */
#include "api/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/attach_quick.h"
#include "api/detach_quick.h"
#include "api/hook_resident.h"
#include "api/hooks.h"
#include "api/lease.h"
#include "api/move.h"
#include "api/ports.h"
#include "api/resident.h"
#include "api/uplink.h"
#include "apply/apply.h"
#include "base/cleanup.h"

#define API __attribute__((visibility("default")))

DEFINE_CLEANUP(struct tapnet_plan *, tapnet_plan_free)
DEFINE_CLEANUP(struct apply_kernel *, apply_kernel_rest)
DEFINE_CLEANUP(struct plan *, plan_free)
DEFINE_CLEANUP(struct observe_found *, observe_free)

struct progress {
    tapnet_progress *function;
    void *data;
    const struct move *move; /* NULL: who is asked moves nothing */
    bool unguarded;          /* the steps were stopped because the watchdog is there no more */
};

static int forward_progress(size_t done, size_t total, void *data)
{
    struct progress *progress = data;
    int result = progress->move ? move_goes_on(progress->move, NULL) : 0;

    progress->unguarded = result < 0;
    if (result < 0)
        return result;
    return progress->function ? progress->function(done, total, progress->data) : 0;
}

/* Runs @plan with @run, apply_run() or apply_put_back(). */
static int run_with(const struct apply_ops *ops, int (*run)(const struct apply_request *, struct tapnet_error *),
                    const struct plan *plan, const struct model_objects *all, struct progress *progress,
                    struct tapnet_error *error)
{
    struct apply_request request = {
        .plan = plan, .all = all, .ops = ops, .progress = forward_progress, .progress_data = progress};
    int result = run(&request, error);

    /* These are kept for what the file got wrong, and for what is another's: nothing was touched then. */
    return result == -EINVAL || result == -EEXIST ? -EIO : result;
}

/* The same against the kernel. */
static int run_plan(struct tapnet *tapnet, int (*run)(const struct apply_request *, struct tapnet_error *),
                    const struct plan *plan, const struct model_objects *all, struct progress *progress,
                    struct tapnet_error *error)
{
    struct apply_kernel *kernel cleanup(cleanup_apply_kernel_rest) = NULL;
    struct apply_ops ops;
    int result = api_open_ops(tapnet, &kernel, &ops, error);

    return result < 0 ? result : run_with(&ops, run, plan, all, progress, error);
}

/* ---- putting back ---- */

/* Those of @all that the journal's plan was about, by identity: both lists are sorted. */
static int pick_touched(const struct model_objects *all, const struct model_objects *touched, struct model_objects *ret)
{
    size_t a = 0, t = 0;

    while (a < all->count && t < touched->count) {
        int order = model_object_compare(&all->items[a], &touched->items[t]);

        if (order == 0 && model_objects_add(ret, &all->items[a]) < 0)
            return -ENOMEM;
        a += order <= 0;
        t += order >= 0;
    }
    return 0;
}

/* Is it an address or a sysctl of a link that is among @touched, too? Its name stands for them. */
static bool is_of_link(const struct model_objects *touched, const struct model_object *object)
{
    char part[sizeof("/conf//") + MODEL_IFNAME_MAX];

    for (size_t i = 0; i < touched->count; i++) {
        const char *name = touched->items[i].link.name;

        if (touched->items[i].kind != MODEL_OBJECT_LINK)
            continue;
        snprintf(part, sizeof(part), "/conf/%s/", name);
        if ((object->kind == MODEL_OBJECT_ADDRESS && strcmp(object->address.device, name) == 0) ||
            (object->kind == MODEL_OBJECT_SYSCTL && strstr(object->sysctl.path, part)))
            return true;
    }
    return false;
}

/*
 * The host can't be read: then all that the plan was about may be changed, and is named, as far as a sentence takes it.
 * Of elements there are several of each port, which stands for them. Returns @code.
 */
static int explain_unseen(const struct model_objects *touched, int code, struct tapnet_error *error)
{
    char names[APPLY_NAMES_MAX] = "";

    for (size_t i = 0; i < touched->count; i++)
        if (touched->items[i].kind != MODEL_OBJECT_ELEMENT && !is_of_link(touched, &touched->items[i]))
            apply_add_name(names, &touched->items[i]);
    return error_prefix(error, code, "could not look what is left of the elements of our tables, of %s", names);
}

/* The end of a veth pair that is in @before and no more in @now. */
static bool is_gone_pair(const struct model_object *object, const struct model_objects *now)
{
    return object->kind == MODEL_OBJECT_LINK && object->link.kind == MODEL_LINK_VETH &&
           !model_objects_find(now, object);
}

static bool stands_on(const struct model_object *object, const struct model_objects *links)
{
    const char *device = model_object_device(object);

    for (size_t i = 0; device && i < links->count; i++)
        if (strcmp(links->items[i].link.name, device) == 0)
            return true;
    return false;
}

/*
 * What of @before can be put back: not a pair that went with its container, nor what stood on it. The port on record is
 * over then (ports_settle()).
 */
static int pick_possible(const struct model_objects *before, const struct model_objects *now, struct model_objects *ret)
{
    struct model_objects gone cleanup(model_objects_fini) = {0};
    int result = 0;

    for (size_t i = 0; i < before->count && result == 0; i++)
        if (is_gone_pair(&before->items[i], now))
            result = model_objects_add(&gone, &before->items[i]);
    for (size_t i = 0; i < before->count && result == 0; i++)
        if (!stands_on(&before->items[i], &gone))
            result = model_objects_add(ret, &before->items[i]);
    return result;
}

/* Links of @before that are there and not as they were: those whose step can't be undone in place, as an owner's. */
static int pick_changed(const struct model_objects *before, const struct model_objects *found,
                        struct model_objects *ret)
{
    int result = 0;

    for (size_t i = 0; i < before->count && result == 0; i++) {
        const struct model_object *object = &before->items[i];
        const struct model_object *now = object->kind == MODEL_OBJECT_LINK ? model_objects_find(found, object) : NULL;

        if (now && !model_object_equal(object, now))
            result = model_objects_add(ret, object);
    }
    return result;
}

/* Adds to both what stands on these, and was not changed itself: when a device is made anew, that must be, too. */
static int add_standing(const struct model_objects *found, struct model_objects *before, struct model_objects *touched)
{
    struct model_objects changed cleanup(model_objects_fini) = {0}, standing cleanup(model_objects_fini) = {0};
    int result = pick_changed(before, found, &changed);

    for (size_t i = 0; i < found->count && changed.count && result == 0; i++) {
        const struct model_object *object = &found->items[i];

        if (object->kind != MODEL_OBJECT_LINK && stands_on(object, &changed) && !model_objects_find(touched, object))
            result = model_objects_add(&standing, object);
    }
    for (size_t i = 0; i < standing.count && result == 0; i++) {
        result = model_objects_add(before, &standing.items[i]);
        if (result == 0)
            result = model_objects_add(touched, &standing.items[i]);
    }
    model_objects_sort(before);
    model_objects_sort(touched);
    return result;
}

/* One look, and one try: *ret_done when nothing was left to do. @first: the others try the same once more. */
static int try_to_put_back(struct tapnet *tapnet, struct model_objects *before, struct model_objects *touched,
                           bool first, bool note, bool *ret_done, struct tapnet_error *error)
{
    struct model_objects now cleanup(model_objects_fini) = {0};
    struct model_objects possible cleanup(model_objects_fini) = {0};
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    struct plan *plan cleanup(cleanup_plan_free) = NULL;
    struct progress silent = {.function = NULL};
    int result = observe_host(tapnet->run_dir, &found, error);

    if (result == 0)
        result = uplink_look(found, touched, error);
    if (result < 0)
        return explain_unseen(touched, result, error);
    if ((first && add_standing(&found->objects, before, touched) < 0) ||
        pick_touched(&found->objects, touched, &now) < 0 || pick_possible(before, &now, &possible) < 0 ||
        plan_make(&possible, &now, &plan) < 0 || (note && api_note_undone(tapnet, plan) < 0))
        return error_set(error, -ENOMEM, "out of memory");
    result = run_plan(tapnet, apply_put_back, plan, &found->objects, &silent, error);
    *ret_done = result == 0 && plan->step_count == 0;
    return result;
}

#define TRIES_MAX 3

/*
 * Undoing a plan is a plan like any other: from what is there now of the objects that it @touched to what it had found
 * of them, @before; both sorted. So it does not matter how far the plan came, nor how far somebody came in undoing it.
 * Another look follows: a request may have failed, and the kernel forgets neighbours of a link that leaves its bridge.
 * What fails to the last is the error. @note: say what it was.
 */
static int put_back(struct tapnet *tapnet, struct model_objects *before, struct model_objects *touched, bool note,
                    struct tapnet_error *error)
{
    bool done = false;
    int result = 0;

    for (int tries = 0; tries < TRIES_MAX && !done; tries++) {
        struct tapnet_error reason = TAPNET_ERROR_INIT;

        result = try_to_put_back(tapnet, before, touched, tries == 0, note && tries == 0, &done, &reason);
        if (result < 0 && tries + 1 == TRIES_MAX)
            error_set(error, result, "%s", reason.text);
    }
    return result;
}

int api_recover(struct tapnet *tapnet, struct tapnet_error *error)
{
    struct model_objects before cleanup(model_objects_fini) = {0};
    struct model_objects touched cleanup(model_objects_fini) = {0};
    bool left;
    int result = apply_journal_read(tapnet->run_dir, &left, &before, &touched, error);

    api_notes_clear(tapnet);
    if (result == 0 && left)
        result = put_back(tapnet, &before, &touched, true, error);
    if (result == 0)
        result = quick_forget(tapnet, error);
    if (result == 0)
        result = detach_quick_finish(tapnet, error);
    if (result == 0) /* only now: who is killed meanwhile leaves it to the next */
        result = apply_journal_remove(tapnet->run_dir, error);
    return result < 0 ? error_prefix(error, result, "cannot undo what a tapnet before this one left") : 0;
}

/* The lists for put_back(), of a plan that is still at hand. The copies point where the plan's objects do. */
static int list_plan(const struct plan *plan, struct model_objects *before, struct model_objects *touched)
{
    int result = 0;

    for (size_t i = 0; i < plan->step_count && result == 0; i++) {
        const struct plan_step *step = &plan->steps[i];

        result = model_objects_add(touched, step->before ? step->before : step->after);
        if (result == 0 && step->before)
            result = model_objects_add(before, step->before);
    }
    model_objects_sort(before);
    model_objects_sort(touched);
    return result;
}

/* Our own plan failed with @code, which is returned. What can't be put back is said; the next tapnet tries again. */
static int undo_rest(struct tapnet *tapnet, const struct plan *plan, int code, struct tapnet_error *error)
{
    struct model_objects before cleanup(model_objects_fini) = {0};
    struct model_objects touched cleanup(model_objects_fini) = {0};
    struct tapnet_error rest = TAPNET_ERROR_INIT;
    int result = list_plan(plan, &before, &touched);

    if (result < 0)
        error_set(&rest, result, "could not look what is left: out of memory");
    else
        result = put_back(tapnet, &before, &touched, false, &rest);
    if (result == 0)
        result = apply_journal_remove(tapnet->run_dir, &rest);
    if (result < 0)
        error_add_line(error, code, "%s\nthis stays as it is until the next `tapnet up` or `tapnet down`", rest.text);
    return code;
}

static bool is_full(int code)
{
    return code == -ENOSPC || code == -EDQUOT || code == -EROFS;
}

/* Taking down is what makes room, and when it is killed, the next one goes on without a journal. */
static bool only_removes(const struct plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].after)
            return false;
    return true;
}

/* With a journal, and a watchdog if there is one: all of @plan, or an error, and the journal is there still. */
static int run_journaled(struct tapnet *tapnet, const struct plan *plan, const struct model_objects *all,
                         const struct move *move, struct progress *progress, struct tapnet_error *error)
{
    int result = run_plan(tapnet, apply_run, plan, all, progress, error);

    if (result < 0 && progress->unguarded)
        error_prefix(error, result, "the watchdog, that guards the way to this host, was killed");
    if (result == 0)
        result = move_check(tapnet, move, error);
    return result < 0 ? result : apply_journal_remove(tapnet->run_dir, error);
}

int api_plan_run(struct tapnet *tapnet, const struct plan *plan, const struct model_objects *all,
                 tapnet_progress *function, void *data, struct tapnet_error *error)
{
    struct move move = MOVE_NONE;
    struct progress progress = {function, data, &move};
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = move_begin(tapnet, plan, &move, error);

    if (result < 0)
        return result;
    result = apply_journal_write(tapnet->run_dir, plan, &refusal);
    if (result < 0 && (move.way_count || !is_full(result) || !only_removes(plan))) {
        move_end(&move);
        return error_set(error, result, "%s", refusal.text);
    }
    result = run_journaled(tapnet, plan, all, &move, &progress, error);
    if (result < 0) {
        move_goes_on(&move, NULL);
        undo_rest(tapnet, plan, result, error);
    }
    move_end(&move);
    return result;
}

int api_with_requests(struct tapnet *tapnet, api_work *work, void *data, struct api_made *made,
                      struct tapnet_error *error)
{
    struct apply_kernel *kernel cleanup(cleanup_apply_kernel_rest) = NULL;
    struct apply_ops ops;
    int result = api_open_ops(tapnet, &kernel, &ops, error);

    if (result == 0 && made)
        apply_kernel_catch(kernel, made->flags, &made->fd);
    return result < 0 ? result : work(&ops, data, error);
}

int api_gone_delete(struct tapnet *tapnet, struct tapnet_error *error)
{
    struct apply_kernel *kernel;
    struct apply_ops ops;
    int result = api_open_ops(tapnet, &kernel, &ops, error);

    return result < 0 ? result : apply_gone_delete(kernel, error);
}

int api_service_update(struct tapnet *tapnet, const struct model_network *network, struct tapnet_error *error)
{
    struct apply_kernel *kernel cleanup(cleanup_apply_kernel_rest) = NULL;
    struct apply_ops ops;
    int result = api_open_ops(tapnet, &kernel, &ops, error);

    return result < 0 ? result : ops.service_update(ops.data, network, error);
}

/* How many steps from the first on set the guards. */
static size_t guard_count(const struct plan *plan)
{
    size_t count = 0;

    while (count < plan->step_count && plan->steps[count].phase == PLAN_GUARDS_SET)
        count++;
    return count;
}

int api_plan_mend(struct tapnet *tapnet, const struct plan *plan, const struct model_objects *all,
                  struct tapnet_error *error)
{
    size_t count = guard_count(plan);
    const struct plan guards = {.steps = plan->steps, .step_count = count};
    const struct plan rest = {.steps = plan->steps + count, .step_count = plan->step_count - count};
    struct progress silent = {.function = NULL};
    int result = count ? run_plan(tapnet, apply_run, &guards, all, &silent, error) : 0;

    return result < 0 || !rest.step_count ? result : run_plan(tapnet, apply_put_back, &rest, all, &silent, error);
}

/* ---- up and down ---- */

API int tapnet_busy(const struct tapnet *tapnet)
{
    return run_lock_holder(tapnet->run_dir);
}

/*
 * After a down that did something: what can't be taken then is told in a note, since an error says that all is back.
 * Only what nobody can know any more (-ENODATA) is an error: no other down will mend it.
 */
static int take_leftovers(struct tapnet *tapnet, const struct tapnet_plan *plan, const char *set_name,
                          struct tapnet_error *error)
{
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    int result = api_take_leftovers(tapnet, plan, set_name, &reason);

    if (result == 0)
        return 0;
    if (!plan->plan->step_count || result == -ENODATA)
        return error_set(error, result, "%s", reason.text);
    return api_note_leftovers(tapnet, &reason);
}

/* With the lock held: plans and runs. *ret_steps is set. */
static int converge_locked(struct tapnet *tapnet, const struct tapnet_spec *spec, const char *set_name,
                           tapnet_progress *progress, void *data, size_t *ret_steps, struct hooks *ret_hooks,
                           struct tapnet_error *error)
{
    struct tapnet_plan *plan cleanup(cleanup_tapnet_plan_free) = NULL;
    struct lease_ends ends;
    struct observe_found *found;
    int result = progress ? progress(0, 0, data) : 0;

    if (result < 0)
        return error_set(error, result, "stopped before the first step");
    result = api_recover(tapnet, error);
    if (result < 0)
        return result;
    result = ports_settle(tapnet, &found, spec ? error : NULL);
    if (result < 0 && !spec) /* what is in the way of that must not keep anything up */
        result = observe_host(tapnet->run_dir, &found, error);
    if (result == 0)
        result = api_plan_make(tapnet, found, spec, set_name, &plan, error);
    if (result != 0)
        return result;
    *ret_steps = api_plan_shown(plan);
    if (api_note_holders(tapnet, plan->plan) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    lease_meet(tapnet, plan->plan, &ends);
    if (plan->plan->step_count)
        result = api_plan_run(tapnet, plan->plan, &plan->found->objects, progress, data, error);
    if (result == 0 && !spec && plan->found->gone_count)
        result = api_gone_delete(tapnet, error);
    if (result == 0 && spec && plan->plan->step_count)
        quick_prepare(tapnet, plan->set);
    lease_part(tapnet, &ends, result == 0);
    if (result == 0 && (lease_start(tapnet, plan) < 0 || hooks_collect(tapnet, plan->plan, ret_hooks) < 0))
        result = error_set(error, -ENOMEM, "out of memory");
    ret_hooks->of_ports = hook_resident_wanted(plan);
    ret_hooks->of_ports_missed = spec && hook_resident_missed(tapnet->run_dir, plan->found);
    return result < 0 || spec ? result : take_leftovers(tapnet, plan, set_name, error);
}

/* @missed: it should have been there already. */
static int start_hooks(struct tapnet *tapnet, bool missed)
{
    hook_resident_start(tapnet);
    return missed && hook_resident_runs(tapnet->run_dir) ? api_note(tapnet, HOOK_RESIDENT_MISSING ": it was started")
                                                         : 0;
}

static int converge(struct tapnet *tapnet, const struct tapnet_spec *spec, const char *set_name,
                    tapnet_progress *progress, void *data, size_t *ret_steps, struct tapnet_error *error)
{
    bool keep = spec && tapnet->with_keeper;
    struct tapnet_error leftovers = TAPNET_ERROR_INIT;
    struct hooks hooks cleanup(hooks_fini) = {.items = NULL};
    struct hook_wait wait = {.progress = progress, .data = data};
    struct ip_address check;
    _cleanup_close_ int keeper = -1, porter = -1; /* who runs the hooks of ports */
    size_t steps = 0;
    int lock = -1, result = api_check_right(error);

    api_notes_clear(tapnet);
    if (result == 0)
        result = move_read_check(tapnet, &check, error);
    if (result == 0 && keep)
        result = resident_check(tapnet, error);
    if (result == 0 && spec)
        result = hook_resident_check(tapnet, spec->set, error);
    if (result == 0)
        result = run_lock(tapnet->run_dir, &lock, error);
    if (result < 0)
        return result;
    if (!spec) {
        keeper = resident_meet(tapnet);
        porter = hook_resident_meet(tapnet);
    }
    result = converge_locked(tapnet, spec, set_name, progress, data, &steps, &hooks, error);
    if (result == 0 && keep)
        resident_start(tapnet); /* what is up is up without it; status says when it is not there */
    if (result == 0 && spec && hooks.of_ports && start_hooks(tapnet, hooks.of_ports_missed) < 0)
        result = error_set(error, -ENOMEM, "out of memory");
    run_unlock(tapnet->run_dir, lock);
    wait.steps = steps;
    if (result == 0 && !spec && hook_resident_tell(tapnet, take_fd(&porter), &wait) < 0)
        result = error_set(error, -ENOMEM, "out of memory");
    if (result == 0 && !spec && resident_tell(tapnet, take_fd(&keeper), &leftovers) < 0 &&
        api_note_leftovers(tapnet, &leftovers) < 0)
        result = error_set(error, -ENOMEM, "out of memory");
    if (hooks_run(tapnet, &hooks, &wait) < 0 && result == 0)
        result = error_set(error, -ENOMEM, "out of memory");
    if (result == 0 && ret_steps)
        *ret_steps = steps;
    return result;
}

API int tapnet_up(struct tapnet *tapnet, const struct tapnet_spec *spec, tapnet_progress *progress, void *data,
                  size_t *ret_steps, struct tapnet_error *error)
{
    return converge(tapnet, spec, NULL, progress, data, ret_steps, error);
}

API int tapnet_down(struct tapnet *tapnet, const char *set, tapnet_progress *progress, void *data, size_t *ret_steps,
                    struct tapnet_error *error)
{
    return converge(tapnet, NULL, set, progress, data, ret_steps, error);
}
