/* SPDX-License-Identifier: MIT */
/* Uplinks in a plan: a wanted one names its bridge alone, and is completed by what the host has by it now. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/conflict.h"
#include "plan/plan.h"

bool plan_step_moves(const struct plan_step *step)
{
    return step->before && step->after && step->before->kind == MODEL_OBJECT_UPLINK &&
           strcmp(step->before->uplink.bridge, step->after->uplink.bridge) != 0;
}

static int compare_objects(const void *a, const void *b)
{
    return model_object_compare(a, b);
}

static const struct model_object *find_uplink(const struct model_objects *sorted, const char *name)
{
    struct model_object key = {.kind = MODEL_OBJECT_UPLINK};

    snprintf(key.uplink.name, sizeof(key.uplink.name), "%s", name);
    return sorted->count ? bsearch(&key, sorted->items, sorted->count, sizeof(key), compare_objects) : NULL;
}

/* Is the uplink @found a port of a bridge of @set's (NULL: of anybody's)? */
static bool is_port_of(const struct model_object *found, const struct model_objects *all, const char *set)
{
    struct model_object key = {.kind = MODEL_OBJECT_LINK, .link = {.kind = MODEL_LINK_BRIDGE}};
    const struct model_object *bridge;

    memcpy(key.link.name, found->uplink.bridge, sizeof(key.link.name));
    bridge = found->uplink.bridge[0] ? bsearch(&key, all->items, all->count, sizeof(key), compare_objects) : NULL;
    return bridge && (!set || strcmp(bridge->link.owner.set, set) == 0);
}

/* Is it there already, behind the index @first? By two default routes, or of another uplink in the same network. */
static bool is_repeated(const struct model_objects *list, size_t first, const struct model_object *object)
{
    for (size_t i = first; i < list->count; i++)
        if (model_object_compare(&list->items[i], object) == 0)
            return true;
    return false;
}

/* The host's addresses and its gateways are nobody's else: no guest in the host's own networks may claim them. */
static int add_taken(struct model_objects *list, size_t first, const struct model_uplink *uplink)
{
    int result = 0;

    for (size_t i = 0; i < uplink->item_count && result == 0; i++) {
        struct model_object object = {.kind = MODEL_OBJECT_ELEMENT};

        object.element = guard_lan_taken(&uplink->items[i].taken, "uplink");
        if (uplink->items[i].taken.family && !is_repeated(list, first, &object))
            result = model_objects_add(list, &object);
    }
    return result;
}

/* One that stays where it is may carry what can't be moved. */
static int check_movable(const struct model_uplink *found, const char *bridge, struct model_place place,
                         const struct plan_host *host, struct tapnet_error *error)
{
    if (!found->fault || strcmp(found->bridge, bridge) == 0)
        return 0;
    error_set(error, -EOPNOTSUPP, "uplink %s can't be moved: %s; take that off first", found->name, found->fault);
    return host->file && place.line ? error_prefix(error, -EOPNOTSUPP, "%s:%u:%u", host->file, place.line, place.column)
                                    : -EOPNOTSUPP;
}

static int add_pair(struct plan_scope *scope, const struct model_object *found, const char *bridge,
                    struct model_place place)
{
    struct model_object wanted = {.kind = MODEL_OBJECT_UPLINK, .place = place};
    int result = model_uplink_move(&found->uplink, bridge, &scope->wanted.arena, &wanted.uplink);

    if (result == 0)
        result = model_objects_add(&scope->wanted, &wanted);
    return result < 0 ? result : model_objects_add(&scope->found, found);
}

/* What @own, a wanted uplink, is to be: completed by what is there of it. */
static int add_wanted(struct plan_scope *scope, const struct model_object *own, const struct model_objects *all,
                      const struct plan_host *host, struct tapnet_error *error)
{
    const struct model_object *found = find_uplink(all, own->uplink.name);
    int result;

    if (!found)
        return host->file ? error_set(error, -ENOENT, "%s:%u:%u: there is no device %s, which is to be the uplink",
                                      host->file, own->place.line, own->place.column, own->uplink.name)
                          : 0;
    result = check_movable(&found->uplink, own->uplink.bridge, own->place, host, error);
    if (result < 0)
        return result;
    result = add_pair(scope, found, own->uplink.bridge, own->place);
    return result < 0 ? error_set(error, result, "out of memory") : 0;
}

/* One that @wanted does not name, nor keeps: of @set, it is to be a port no more. *ret_stays: it is another's. */
static int add_unwanted(struct plan_scope *scope, const struct model_object *found, const struct model_objects *all,
                        const char *set, const struct plan_host *host, bool *ret_stays, struct tapnet_error *error)
{
    static const struct model_place nowhere = {0, 0};
    int result;

    *ret_stays = found->uplink.bridge[0] && !is_port_of(found, all, set);
    if (*ret_stays || !found->uplink.bridge[0])
        return 0;
    result = check_movable(&found->uplink, "", nowhere, host, error);
    if (result == 0 && add_pair(scope, found, "", nowhere) < 0)
        result = error_set(error, -ENOMEM, "out of memory");
    return result;
}

int plan_scope_uplinks(struct plan_scope *scope, const struct model_objects *wanted, const struct model_objects *all,
                       const char *set, const struct plan_host *host, struct tapnet_error *error)
{
    size_t first = scope->wanted.count;
    int result = 0;

    for (size_t i = 0; i < wanted->count && result == 0; i++)
        if (wanted->items[i].kind == MODEL_OBJECT_UPLINK)
            result = add_wanted(scope, &wanted->items[i], all, host, error);
    for (size_t i = 0; i < all->count && result == 0; i++) {
        const struct model_object *found = &all->items[i];
        bool stays = true;

        if (found->kind != MODEL_OBJECT_UPLINK)
            continue;
        if (!find_uplink(wanted, found->uplink.name))
            result = add_unwanted(scope, found, all, set, host, &stays, error);
        if (result == 0 && stays && add_taken(&scope->wanted, first, &found->uplink) < 0)
            result = error_set(error, -ENOMEM, "out of memory");
    }
    return result;
}
