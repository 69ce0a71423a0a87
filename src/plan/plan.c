/* SPDX-License-Identifier: MIT */
/* Subtracts found from wanted: a merge of two sorted lists into steps in the order of their phases. */
#include "plan/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

DEFINE_CLEANUP(struct plan *, plan_free)

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    free(plan->steps);
    free(plan);
}

const struct model_object *plan_step_object(const struct plan_step *step)
{
    return step->after ? step->after : step->before;
}

bool plan_step_forgets(const struct plan_step *step)
{
    return !step->after && step->before->kind == MODEL_OBJECT_ELEMENT &&
           guard_element_is_learned(&step->before->element);
}

static enum plan_phase phase_of_link(const struct model_link *link, bool remove)
{
    if (link->kind == MODEL_LINK_BRIDGE)
        return remove ? PLAN_BRIDGES_REMOVE : PLAN_BRIDGES_SET;
    return remove ? PLAN_DEVICES_REMOVE : PLAN_DEVICES_SET;
}

static enum plan_phase phase_of(const struct model_object *before, const struct model_object *after)
{
    const struct model_object *object = after ? after : before;
    bool remove = !after;

    switch (object->kind) {
    case MODEL_OBJECT_TABLE:
    case MODEL_OBJECT_ELEMENT:
        return remove ? PLAN_GUARDS_REMOVE : PLAN_GUARDS_SET;
    case MODEL_OBJECT_LINK:
        return phase_of_link(&object->link, remove);
    case MODEL_OBJECT_ADDRESS:
        return remove ? PLAN_ADDRESSES_REMOVE : PLAN_ADDRESSES_SET;
    case MODEL_OBJECT_ROUTE:
        return remove ? PLAN_ROUTES_REMOVE : PLAN_ROUTES_SET;
    case MODEL_OBJECT_NEIGHBOUR:
        return remove ? PLAN_NEIGHBOURS_REMOVE : PLAN_NEIGHBOURS_SET;
    case MODEL_OBJECT_PASSAGE:
        return remove ? PLAN_PASSAGES_REMOVE : PLAN_PASSAGES_SET;
    case MODEL_OBJECT_UPLINK:
        return remove || !after->uplink.bridge[0] ? PLAN_UPLINKS_LEAVE : PLAN_UPLINKS_JOIN;
    case MODEL_OBJECT_SYSCTL:
        if (model_sysctl_secures(&object->sysctl))
            return remove ? PLAN_SECURED_REMOVE : PLAN_SECURED_SET;
        return remove ? PLAN_SYSCTLS_REMOVE : PLAN_SYSCTLS_SET;
    case MODEL_OBJECT_SERVICE:
        return remove ? PLAN_SERVICES_REMOVE : PLAN_SERVICES_SET;
    case MODEL_OBJECT_RECORD:
        return remove ? PLAN_RECORDS_REMOVE : PLAN_RECORDS_SET;
    }
    abort(); /* every kind stands above */
}

static int add_step(struct plan *plan, enum plan_phase phase, const struct model_object *before,
                    const struct model_object *after)
{
    int result = array_reserve((void **)&plan->steps, &plan->step_capacity, plan->step_count, 1, sizeof(*plan->steps));

    if (result < 0)
        return result;
    plan->steps[plan->step_count++] = (struct plan_step){phase, before, after};
    return 0;
}

/*
 * The kernel changes neither kind nor queue mode, can't take an owner or a group away again, and gives a link another
 * type only while it is down, with which its IPv6 addresses go. A port that a user has made by a name that the file
 * gives to another is not that other's: the user may have kept a descriptor of it.
 */
static bool needs_replacing(const struct model_object *before, const struct model_object *after)
{
    const struct model_link *a = &before->link, *b = &after->link;

    return before->kind == MODEL_OBJECT_LINK &&
           (a->kind != b->kind || a->multi_queue != b->multi_queue || !model_link_type_equal(b, a) ||
            (a->user != MODEL_ID_NONE && b->user == MODEL_ID_NONE) ||
            (a->group != MODEL_ID_NONE && b->group == MODEL_ID_NONE) ||
            (a->lent && b->owner.origin == MODEL_ORIGIN_DECLARED));
}

static int compare_with_step(const void *object, const void *step)
{
    return model_object_compare(object, plan_step_object(step));
}

/*
 * A step about the device of this name, which is no bridge; NULL when there is none. While the lists are merged the
 * steps stand in the order of their objects, and links come before what stands on them.
 */
static const struct plan_step *find_device_step(const struct plan *plan, const char *device)
{
    struct model_object key = {.kind = MODEL_OBJECT_LINK, .link = {.kind = MODEL_LINK_TAP}}; /* a TUN's identity, too */

    memcpy(key.link.name, device, sizeof(key.link.name));
    return plan->step_count ? bsearch(&key, plan->steps, plan->step_count, sizeof(*plan->steps), compare_with_step)
                            : NULL;
}

/* Is @step, of find_device_step(), one of the two that make a device anew? */
static bool replaces(const struct plan *plan, const struct plan_step *step)
{
    if (step->phase == PLAN_DEVICES_CLEAR)
        return true;
    return step > plan->steps && step[-1].phase == PLAN_DEVICES_CLEAR &&
           model_object_compare(plan_step_object(step - 1), plan_step_object(step)) == 0;
}

static bool device_is_replaced(const struct plan *plan, const char *device)
{
    const struct plan_step *step = find_device_step(plan, device);

    return step && replaces(plan, step);
}

/* An address goes with its device: it must be away before it, and is set again when it is still wanted. */
static int add_address(struct plan *plan, const struct model_object *before, const struct model_object *after)
{
    int result = 0;

    if (before && device_is_replaced(plan, before->address.device))
        result = add_step(plan, PLAN_ADDRESSES_CLEAR, before, NULL);
    else if (!after)
        return add_step(plan, PLAN_ADDRESSES_REMOVE, before, NULL);
    else if (before) /* it is there already; its route may not be */
        return before->address.unrouted ? add_step(plan, PLAN_ADDRESSES_SET, before, after) : 0;
    return result < 0 || !after ? result : add_step(plan, PLAN_ADDRESSES_SET, NULL, after);
}

/* The same of a route. */
static int add_route(struct plan *plan, const struct model_object *before, const struct model_object *after)
{
    int result = 0;

    if (before && device_is_replaced(plan, before->route.device)) {
        result = add_step(plan, PLAN_ROUTES_CLEAR, before, NULL);
        before = NULL;
    }
    if (result < 0 || (before && after && model_object_equal(after, before)) || (!before && !after))
        return result;
    return add_step(plan, phase_of(before, after), before, after);
}

/* Does the link of @step, changed in place, end to route? The kernel forgets its neighbours with that. */
static bool ends_to_route(const struct plan_step *step)
{
    return step->phase == PLAN_DEVICES_SET && step->before && step->before->link.routed && !step->after->link.routed;
}

static bool device_loses_neighbours(const struct plan *plan, const char *device)
{
    const struct plan_step *step = find_device_step(plan, device);

    return step && (ends_to_route(step) || replaces(plan, step));
}

/* The same of a neighbour. */
static int add_neighbour(struct plan *plan, const struct model_object *before, const struct model_object *after)
{
    int result = 0;

    if (before && device_loses_neighbours(plan, before->neighbour.device)) {
        result = add_step(plan, PLAN_NEIGHBOURS_CLEAR, before, NULL);
        before = NULL;
    }
    if (result < 0 || (before && after && model_object_equal(after, before)) || (!before && !after))
        return result;
    return add_step(plan, phase_of(before, after), before, after);
}

/* One identity, on one side or on both. */
static int add_pair(struct plan *plan, const struct model_object *before, const struct model_object *after)
{
    const struct model_object *object = after ? after : before;
    int result = 0;

    if (!object)
        return 0; /* on neither */
    if (object->kind == MODEL_OBJECT_ADDRESS)
        return add_address(plan, before, after);
    if (object->kind == MODEL_OBJECT_ROUTE)
        return add_route(plan, before, after);
    if (object->kind == MODEL_OBJECT_NEIGHBOUR)
        return add_neighbour(plan, before, after);
    if (before && after && model_object_equal(after, before))
        return 0;
    if (before && after && needs_replacing(before, after)) {
        result = add_step(plan, PLAN_DEVICES_CLEAR, before, NULL);
        before = NULL;
    }
    return result < 0 ? result : add_step(plan, phase_of(before, after), before, after);
}

/* The sorted lists side by side: what stands on one side only, and what stands on both but differs. */
static int merge(struct plan *plan, const struct model_objects *wanted, const struct model_objects *found)
{
    size_t w = 0, f = 0;

    while (w < wanted->count || f < found->count) {
        const struct model_object *after = w < wanted->count ? &wanted->items[w] : NULL;
        const struct model_object *before = f < found->count ? &found->items[f] : NULL;
        int order = !after ? 1 : !before ? -1 : model_object_compare(after, before);
        int result = add_pair(plan, order >= 0 ? before : NULL, order <= 0 ? after : NULL);

        if (result < 0)
            return result;
        w += order <= 0;
        f += order >= 0;
    }
    return 0;
}

/* An interval that goes makes room for one that comes, which it may overlap, in the same transaction. */
static void make_room(struct plan *plan)
{
    bool comes[GUARD_SET_COUNT] = {false};

    for (size_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].after && plan->steps[i].after->kind == MODEL_OBJECT_ELEMENT)
            comes[plan->steps[i].after->element.set] = true;
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct model_object *object = plan_step_object(&plan->steps[i]);

        if (object->kind == MODEL_OBJECT_ELEMENT && comes[object->element.set] &&
            guard_is_interval(object->element.set))
            plan->steps[i].phase = PLAN_GUARDS_SET;
    }
}

static bool same_address(const struct ip_prefix *a, const struct ip_prefix *b)
{
    return a->address.family && ip_address_equal(&a->address, &b->address);
}

/* A network that goes, as one does that gets another name, makes room for one that comes at its address. */
static void make_room_for_services(struct plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct model_object *before = plan->steps[i].before;

        for (size_t j = 0; plan->steps[i].phase == PLAN_SERVICES_REMOVE && j < plan->step_count; j++) {
            const struct model_network *comes = plan->steps[j].phase == PLAN_SERVICES_SET
                                                    ? plan->steps[j].after->service.network
                                                    : NULL;

            if (comes && (same_address(&comes->subnet, &before->service.network->subnet) ||
                          same_address(&comes->subnet6, &before->service.network->subnet6)))
                plan->steps[i].phase = PLAN_SERVICES_CLEAR;
        }
    }
}

/* A counting sort by phase: stable, so each phase keeps the order of the objects. */
static int order_by_phase(struct plan *plan)
{
    size_t starts[PLAN_PHASE_COUNT + 1] = {0};
    struct plan_step *ordered;

    if (!plan->step_count)
        return 0;
    ordered = calloc(plan->step_count, sizeof(*ordered));
    if (!ordered)
        return -ENOMEM;
    for (size_t i = 0; i < plan->step_count; i++)
        starts[plan->steps[i].phase + 1]++;
    for (size_t i = 0; i < PLAN_PHASE_COUNT; i++)
        starts[i + 1] += starts[i];
    for (size_t i = 0; i < plan->step_count; i++)
        ordered[starts[plan->steps[i].phase]++] = plan->steps[i];
    free(plan->steps);
    plan->steps = ordered;
    plan->step_capacity = plan->step_count;
    return 0;
}

int plan_make(const struct model_objects *wanted, const struct model_objects *found, struct plan **ret)
{
    struct plan *plan cleanup(cleanup_plan_free) = calloc(1, sizeof(*plan));
    int result;

    if (!plan)
        return -ENOMEM;
    result = merge(plan, wanted, found);
    if (result < 0)
        return result;
    make_room(plan);
    make_room_for_services(plan);
    result = order_by_phase(plan);
    if (result < 0)
        return result;
    *ret = take_pointer(plan);
    return 0;
}
