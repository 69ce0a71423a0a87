/* SPDX-License-Identifier: MIT */
/* Inside attach.c: one port less of a network that is well known, at a cost that does not grow with its ports. */
#include "api/detach_quick.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/attach_quick.h"
#include "api/port_difference.h"
#include "api/ports.h"
#include "api/resident.h"
#include "api/roll.h"
#include "apply/apply.h"
#include "apply/run.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "observe/plugged.h"

#define MORE_MAX (64 << 10) /* beside the ledger, before it is written anew: whoever reads the host reads all of that */
#define LEARNED_MAX 6

DEFINE_CLEANUP(struct observe_found *, observe_free)

/* ---- whether it may be done so ---- */

static bool may_be_quick(const struct tapnet *tapnet, const struct unplugging *unplugging, const struct roll *roll,
                         size_t place)
{
    const struct model_network *network = roll->network;
    struct model_port port;

    if (place == roll->count || !roll_is_plain(roll, place) || roll->more_len > MORE_MAX + roll->ledger_len)
        return false;
    roll_port(roll, place, &port);
    return network->origin != MODEL_ORIGIN_RUN && network->mode != MODEL_MODE_BRIDGE &&
           model_network_has_bridge(network) &&
           (!unplugging->person || model_access_opens(&port, unplugging->person)) && resident_runs(tapnet);
}

/* ---- its plan ---- */

/* What is to be done to a port. */
struct leaver {
    const struct roll *roll;
    const struct model_port *port;
    bool unless_held;
    const struct model_link *link;
    struct plan elements; /* with room for what was learnt */
    struct model_object learned[LEARNED_MAX];
};

/* Parts link and elements. False: something else would have to be changed. */
static bool split(struct plan *plan, struct leaver *leaver)
{
    size_t kept = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];
        enum model_object_kind kind = plan_step_object(step)->kind;

        if (kind == MODEL_OBJECT_SERVICE || kind == MODEL_OBJECT_RECORD)
            continue;
        if (step->after || (kind != MODEL_OBJECT_ELEMENT && (kind != MODEL_OBJECT_LINK || leaver->link)))
            return false;
        if (kind == MODEL_OBJECT_LINK)
            leaver->link = &step->before->link;
        else
            plan->steps[kept++] = *step;
    }
    plan->step_count = kept;
    return kept > 0 && leaver->link &&
           array_reserve((void **)&plan->steps, &plan->step_capacity, kept, LEARNED_MAX, sizeof(*plan->steps)) == 0;
}

static void add_learned(struct leaver *leaver, const struct guard_element *elements, size_t count)
{
    size_t before = leaver->elements.step_count;

    for (size_t i = 0; i < count; i++) {
        struct model_object *object = &leaver->learned[i];

        *object = (struct model_object){.kind = MODEL_OBJECT_ELEMENT, .element = elements[i]};
        leaver->elements.steps[before + i] = (struct plan_step){.phase = PLAN_GUARDS_REMOVE, .before = object};
    }
    leaver->elements.step_count += count;
}

/*
 * Adds what rules have learnt of the port to its elements. Nothing more comes from it. -EAGAIN: its guest has another
 * MAC than was proposed, and which one only a look at all elements tells.
 */
static int find_learned(const struct apply_ops *ops, struct leaver *leaver, struct tapnet_error *error)
{
    const struct model_port *port = leaver->port;
    struct guard_element elements[LEARNED_MAX] = {guard_learned_port(port->device), guard_blocked(port->device)};
    size_t count = 2, more = 0;
    int result = ops->elements_find(ops->data, elements, &count, error);

    if (result == 0 && count && elements[0].set == GUARD_LEARNED_PORTS) {
        struct guard_element *own = elements + count;

        own[more++] = guard_port_mac(port->device, &port->guest_mac, NULL);
        own[more++] = guard_port_identifier(port->device, &port->guest_mac, NULL);
        own[more++] = guard_port_source(port->device, &port->guest_mac, &port->address, NULL);
        if (port->address6.family)
            own[more++] = guard_port_source(port->device, &port->guest_mac, &port->address6, NULL);
        result = ops->elements_find(ops->data, own, &more, error);
        if (result == 0 && (!more || own[0].set != GUARD_PORT_MACS))
            return error_set(error, -EAGAIN, "the guest of %s has a MAC of its own", port->device);
    }
    if (result == 0)
        add_learned(leaver, elements, count + more);
    return result;
}

/* ---- doing it ---- */

/* The line that stands beside the ledger is the last of it: who comes before it knows of the port. */
static int strike_off(const struct apply_ops *ops, const struct leaver *leaver, struct tapnet_error *error)
{
    char file[MODEL_NAME_MAX + 32], line[MODEL_NAME_MAX + 32];

    snprintf(file, sizeof(file), "networks/%s" PLUGGED_SUFFIX, leaver->roll->network->name);
    snprintf(line, sizeof(line), "{\"gone\":\"%s\"}\n", leaver->port->name); /* a name of ours: nothing to escape */
    return ops->file_append(ops->data, file, leaver->roll->ledger, line, error);
}

/* Nothing of the port is left to anybody but the device. The service is at work meanwhile. */
static int take_away(const struct apply_ops *ops, struct leaver *leaver, struct tapnet_error *error)
{
    const struct model_objects none = {.items = NULL};
    const struct apply_request request = {.plan = &leaver->elements, .all = &none, .ops = ops};
    int result = ops->service_unplug(ops->data, leaver->roll->network->name, leaver->port->name, error);

    if (result == 0)
        result = find_learned(ops, leaver, error);
    if (result == 0)
        result = apply_run(&request, error);
    if (result == 0)
        result = ops->service_plugged(ops->data, error);
    return result < 0 ? result : strike_off(ops, leaver, error);
}

struct work {
    struct leaver *leaver;
    bool laid_off;
};

static int do_work(const struct apply_ops *ops, void *data, struct tapnet_error *error)
{
    struct work *work = data;
    struct leaver *leaver = work->leaver;
    int result = ops->link_lay_off(ops->data, leaver->link, leaver->unless_held, error);

    work->laid_off = result == 0;
    return result < 0 ? result : take_away(ops, leaver, error);
}

/* What fails once the TAP is laid off the long way does. */
static int unplug(struct tapnet *tapnet, struct leaver *leaver, size_t place, struct tapnet_error *error)
{
    struct work work = {.leaver = leaver};
    char mark[RUN_MARK_MAX];
    int result, marked;

    snprintf(mark, sizeof(mark), DETACH_QUICK_MARK "%s/%s", leaver->roll->network->name, leaver->port->name);
    marked = run_mark_begin(tapnet->run_dir, tapnet->lock, mark);
    if (marked < 0)
        return -EAGAIN;
    result = api_with_requests(tapnet, do_work, &work, NULL, NULL);
    if (result < 0 && work.laid_off) {
        run_mark_leave(tapnet->lock, marked);
        return detach_quick_finish(tapnet, error);
    }
    if (result == 0)
        roll_drop(tapnet->run_dir, leaver->roll, place);
    run_mark_end(tapnet->lock, marked); /* can't it: it is done already, and will be found so */
    return result < 0 ? -EAGAIN : 0;
}

static int plan_and_unplug(struct tapnet *tapnet, const struct unplugging *unplugging, const struct roll *roll,
                           size_t place, struct tapnet_error *error)
{
    struct port_difference difference cleanup(port_difference_fini) = {.plan = NULL};
    struct model_network network = *roll->network;
    struct model_set set = {.networks = &network, .network_count = 1};
    struct model_port port, fellow;
    struct leaver leaver = {.roll = roll, .port = &port};
    int result;

    roll_port(roll, place, &port);
    if (!roll_fellow(roll, place, false, &fellow))
        return -EAGAIN;
    port.limit = network.limit;
    snprintf(set.name, sizeof(set.name), "%s", roll->set);
    leaver.unless_held = unplugging->flags & TAPNET_DETACH_UNLESS_HELD;
    result = port_difference_make(&set, &fellow, &port, false, &difference);
    if (result < 0 || !split(difference.plan, &leaver))
        return -EAGAIN;
    leaver.elements = *difference.plan;
    return unplug(tapnet, &leaver, place, error);
}

int detach_quick(struct tapnet *tapnet, const struct unplugging *unplugging, struct tapnet_error *error)
{
    struct roll roll cleanup(roll_fini) = ROLL_NONE;
    int result = -EAGAIN;
    size_t place;

    if (!model_name_valid(unplugging->network) || !quick_is_settled(tapnet) ||
        quick_roll(tapnet, unplugging->network, &roll) < 0)
        return -EAGAIN;
    place = roll_find(&roll, unplugging->port);
    if (may_be_quick(tapnet, unplugging, &roll, place))
        result = plan_and_unplug(tapnet, unplugging, &roll, place, error);
    return result;
}

/* ---- what is left of one that was killed ---- */

/*
 * @mark: "NETWORK/PORT", which is taken apart. A TAP that was laid off is no object any more, so nobody is said to hold
 * it; one that somebody holds was not laid off yet, and then nothing was done.
 */
static int finish(struct tapnet *tapnet, char *mark, struct tapnet_error *error)
{
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    struct sets_plan plan cleanup(sets_plan_fini) = {.plan = NULL};
    struct unplugging unplugging = {.network = mark, .port = strchr(mark, '/'), .flags = TAPNET_DETACH_UNLESS_HELD};
    const struct model_service *service;
    int result;

    if (!unplugging.port)
        return 0;
    *strchr(mark, '/') = '\0';
    unplugging.port++;
    result = observe_host(tapnet->run_dir, &found, error);
    if (result < 0)
        return result;
    if (unplugging_find(&unplugging, found, &service, NULL) < 0) /* it had come to its end, or `down` was quicker */
        return 0;
    result = sets_plan_change(found, service->set, unplugging_remove, &unplugging, &plan, error);
    if (result == 0)
        result = api_plan_run(tapnet, plan.plan, &found->objects, NULL, NULL, error);
    if (result == 0)
        quick_prepare(tapnet, &plan.set);
    else if (service->running) /* it may have been told that the port is gone; its ledger stays as it is */
        api_service_update(tapnet, service->network, NULL);
    return result;
}

int detach_quick_finish(struct tapnet *tapnet, struct tapnet_error *error)
{
    char mark[RUN_MARK_MAX];
    int result = run_mark_read(tapnet->run_dir, tapnet->lock, mark);

    if (result < 0 || !text_begins_with(mark, DETACH_QUICK_MARK))
        return 0;
    result = finish(tapnet, mark + strlen(DETACH_QUICK_MARK), error);
    run_mark_clear(tapnet->run_dir, NULL); /* failed: what the ledger says is what is to be */
    return result;
}
