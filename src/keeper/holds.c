/* SPDX-License-Identifier: MIT */
/* What the holder of a TAP changes of it by ioctl: what is put right at once, and when its port is closed. */
#include "keeper/holds.h"

#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/bridge.h"
#include "service/log.h"

DEFINE_CLEANUP(struct netlink *, netlink_close)

static const struct model_object *object_at(const struct holds *holds, size_t index)
{
    return &holds->found->objects.items[index];
}

/* 0: it is not there. */
static int index_of(const struct holds *holds, const char *device)
{
    for (size_t i = 0; i < holds->found->objects.count; i++)
        if (object_at(holds, i)->kind == MODEL_OBJECT_LINK && strcmp(object_at(holds, i)->link.name, device) == 0)
            return object_at(holds, i)->link.index;
    return 0;
}

static void forget_made(struct holds *holds)
{
    for (size_t i = 0; i < holds->made_count; i++)
        free(holds->made[i]);
    holds->made_count = 0;
}

void holds_fini(struct holds *holds)
{
    forget_made(holds);
    free(holds->made);
    free(holds->closed);
    free(holds->thefts);
    *holds = (struct holds){.made = NULL};
}

/* Of devices that are gone, or whose last theft is longer ago. */
static void drop_thefts(struct holds *holds, uint64_t before_usec)
{
    size_t kept = 0;

    for (size_t i = 0; i < holds->theft_count; i++)
        if (holds->thefts[i].last_usec >= before_usec && (!holds->found || index_of(holds, holds->thefts[i].device)))
            holds->thefts[kept++] = holds->thefts[i];
    holds->theft_count = kept;
}

void holds_look(struct holds *holds, const struct observe_found *found)
{
    forget_made(holds);
    holds->found = found;
    drop_thefts(holds, 0);
}

/* A copy of @object that lives until the next look; NULL when memory is short. */
static struct model_object *copy(struct holds *holds, const struct model_object *object)
{
    struct model_object *made;

    if (array_reserve((void **)&holds->made, &holds->made_capacity, holds->made_count, 1,
                      sizeof(struct model_object *)) < 0)
        return NULL;
    made = malloc(sizeof(*made));
    if (!made)
        return NULL;
    *made = *object;
    holds->made[holds->made_count++] = made;
    return made;
}

/* Is it about a TAP of a network that is there, and is to be changed in place? */
static bool is_change(const struct plan_step *step)
{
    return step->phase == PLAN_DEVICES_SET && step->before && step->after && step->after->kind == MODEL_OBJECT_LINK &&
           step->after->link.kind == MODEL_LINK_TAP && step->after->link.owner.network[0];
}

static bool owner_differs(const struct model_link *before, const struct model_link *after)
{
    return before->user != after->user || before->group != after->group || before->persistent != after->persistent;
}

static bool is_held(const struct model_link *link)
{
    return link->plugged && !link->multi_queue; /* with more queues there is room for another descriptor */
}

/* The step that makes the device of @clear again, of which no more than its owner is another; NULL: there is none. */
static struct plan_step *find_heir(struct plan *plan, const struct plan_step *clear)
{
    const struct model_link *before = &clear->before->link;

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct model_object *after = plan->steps[i].after;

        if (plan->steps[i].phase != PLAN_DEVICES_SET || plan->steps[i].before || after->kind != MODEL_OBJECT_LINK ||
            strcmp(after->link.name, before->name) != 0)
            continue;
        return after->link.kind == before->kind && after->link.multi_queue == before->multi_queue &&
                       model_link_type_equal(&after->link, before)
                   ? &plan->steps[i]
                   : NULL;
    }
    return NULL;
}

void holds_spare(struct plan *plan)
{
    size_t kept = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        struct plan_step *step = &plan->steps[i];
        struct plan_step *heir = step->phase == PLAN_DEVICES_CLEAR && step->before->link.owner.network[0] &&
                                         is_held(&step->before->link)
                                     ? find_heir(plan, step)
                                     : NULL;

        if (heir)
            heir->before = step->before;
        else
            plan->steps[kept++] = *step;
    }
    plan->step_count = kept;
}

size_t holds_split(struct holds *holds, const struct plan_step *step, struct plan_step ret[HOLDS_PARTS])
{
    struct model_object *middle;
    bool held;

    ret[0] = *step;
    if (!is_change(step) || !owner_differs(&step->before->link, &step->after->link))
        return 1;
    middle = copy(holds, step->after);
    if (!middle)
        return 1;
    middle->link.user = step->before->link.user;
    middle->link.group = step->before->link.group;
    middle->link.persistent = step->before->link.persistent;
    held = is_held(&step->before->link);
    if (model_object_equal(middle, step->before))
        return held ? 0 : 1;
    ret[0].after = middle;
    ret[1] = (struct plan_step){step->phase, middle, step->after};
    return held ? 1 : 2;
}

/* ---- MACs of others ---- */

/* Whose guest has @mac, of the elements that say so; NULL: nobody's but @device's. */
static const char *find_owner(const struct holds *holds, const struct mac *mac, const char *device)
{
    for (size_t i = 0; i < holds->found->objects.count; i++) {
        const struct guard_element *element = &object_at(holds, i)->element;
        struct mac other;

        if (object_at(holds, i)->kind != MODEL_OBJECT_ELEMENT || element->set != GUARD_PORT_MACS)
            continue;
        other = guard_read_mac(element, 1);
        if (mac_equal(&other, mac) && strcmp(guard_read_ifname(element, 0), device) != 0)
            return guard_read_ifname(element, 0);
    }
    return NULL;
}

/* Is it the gateway's, or kept for the guest of another port? */
static bool is_kept(const struct holds *holds, const struct mac *mac, const struct model_link *thief)
{
    for (size_t i = 0; i < holds->found->objects.count; i++) {
        const struct model_link *link = &object_at(holds, i)->link;

        if (object_at(holds, i)->kind != MODEL_OBJECT_LINK || strcmp(link->owner.network, thief->owner.network) != 0 ||
            strcmp(link->name, thief->name) == 0)
            continue;
        if (mac_equal(link->kind == MODEL_LINK_BRIDGE ? &link->mac : &link->owner.guest_mac, mac))
            return true;
    }
    return false;
}

bool holds_steals(const struct holds *holds, const struct plan_step *step)
{
    const struct model_link *before, *after;

    if (!is_change(step) || !holds->found)
        return false;
    before = &step->before->link;
    after = &step->after->link;
    return !mac_equal(&before->mac, &after->mac) &&
           (find_owner(holds, &before->mac, before->name) || is_kept(holds, &before->mac, before));
}

void holds_count_theft(struct holds *holds, const struct plan_step *step, uint64_t now_usec)
{
    const char *device = step->after->link.name;
    size_t i = 0;

    while (i < holds->theft_count && strcmp(holds->thefts[i].device, device) != 0)
        i++;
    if (i == holds->theft_count) {
        if (array_reserve((void **)&holds->thefts, &holds->theft_capacity, i, 1, sizeof(*holds->thefts)) < 0)
            return;
        holds->thefts[i] = (struct holds_theft){.count = 0};
        memcpy(holds->thefts[i].device, device, sizeof(holds->thefts[i].device));
        holds->theft_count++;
    }
    holds->thefts[i].count++;
    holds->thefts[i].last_usec = now_usec;
}

void holds_forget(struct holds *holds, uint64_t before_usec)
{
    drop_thefts(holds, before_usec);
}

/* It is no failure when that can't be done: the neighbour's next frame says it, too. */
static void give_back(const struct holds *holds, const struct model_link *thief)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    const char *device = find_owner(holds, &thief->mac, thief->name);
    int index = device ? index_of(holds, device) : 0;

    if (index && netlink_open(NETLINK_ROUTE, &netlink, NULL) == 0)
        netlink_bridge_mac_add(netlink, index, &thief->mac, NULL);
}

void holds_give_back(const struct holds *holds, const struct plan *plan)
{
    for (size_t i = 0; holds->found && i < plan->step_count; i++)
        if (is_change(&plan->steps[i]) && !mac_equal(&plan->steps[i].before->link.mac, &plan->steps[i].after->link.mac))
            give_back(holds, &plan->steps[i].before->link);
}

/* ---- closed ports ---- */

/* Where it stands; closed_count when it does not. */
static size_t find_closed(const struct holds *holds, const char *device)
{
    size_t i = 0;

    while (i < holds->closed_count && strcmp(holds->closed[i], device) != 0)
        i++;
    return i;
}

bool holds_is_closed(const struct holds *holds, const char *device)
{
    return find_closed(holds, device) < holds->closed_count;
}

void holds_open(struct holds *holds, const struct plan_step *step)
{
    const struct model_object *after = step->after;
    size_t place = after && after->kind == MODEL_OBJECT_LINK ? find_closed(holds, after->link.name)
                                                             : holds->closed_count;

    if (place < holds->closed_count)
        memmove(holds->closed[place], holds->closed[--holds->closed_count], sizeof(*holds->closed));
}

/* For `status`; without memory nobody is told. */
static void remember(struct holds *holds, const char *device)
{
    if (holds_is_closed(holds, device) || array_reserve((void **)&holds->closed, &holds->closed_capacity,
                                                        holds->closed_count, 1, sizeof(*holds->closed)) < 0)
        return;
    memcpy(holds->closed[holds->closed_count++], device, sizeof(*holds->closed));
}

bool holds_close(struct holds *holds, const struct plan_step *step, struct plan_step *ret)
{
    struct model_object *before, *after;
    char mac[MAC_TEXT_MAX];

    if (!step->before->link.master[0])
        return false;
    before = copy(holds, step->before);
    after = copy(holds, step->before);
    if (!before || !after)
        return false;
    before->link.altered = after->link.altered = 0; /* all else may stay as it is */
    after->link.master[0] = '\0';
    after->link.mac = step->after->link.mac;
    *ret = (struct plan_step){PLAN_DEVICES_SET, before, after};
    remember(holds, after->link.name);
    log_line("%s: closed: its holder keeps giving it the MAC of another, %s", after->link.name,
             mac_print(&step->before->link.mac, mac));
    return true;
}
