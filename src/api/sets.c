/* SPDX-License-Identifier: MIT */
/* The sets that are up, as they were brought up: what the ledgers in the run directory tell of them. */
#include "api/sets.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/coexist.h"
#include "api/context.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "model/json_cleanup.h"
#include "spec/mistake.h"

#define API __attribute__((visibility("default")))

#define RECORD_MAX (64u << 20) /* of a set of more devices than a host can have */

DEFINE_CLEANUP(struct plan *, plan_free)

/* ---- names ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts, and keeps one of each. Returns how many are left. */
static size_t sort_unique(const char **names, size_t count)
{
    size_t kept = 0;

    if (count)
        qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
            names[kept++] = names[i];
    return kept;
}

int sets_names(const struct observe_found *found, struct arena *arena, const char ***ret, size_t *ret_count)
{
    _cleanup_free_ const char **names = NULL;
    size_t count = 0, capacity = 0;

    for (size_t i = 0; i < found->objects.count; i++) {
        char name[MODEL_NAME_MAX];

        plan_object_set(&found->objects.items[i], name);
        if (!name[0] || (count && strcmp(names[count - 1], name) == 0))
            continue; /* objects of one set mostly stand together */
        if (array_reserve((void **)&names, &capacity, count, 1, sizeof(*names)) < 0)
            return -ENOMEM;
        names[count] = arena_strdup(arena, name);
        if (!names[count++])
            return -ENOMEM;
    }
    *ret_count = sort_unique(names, count);
    *ret = take_pointer(names);
    return 0;
}

const struct model_record *sets_record(const struct observe_found *found, const char *name)
{
    for (size_t i = found->objects.count; i > 0; i--) { /* records stand at the end */
        const struct model_object *object = &found->objects.items[i - 1];

        if (object->kind == MODEL_OBJECT_RECORD && strcmp(object->record.set, name) == 0)
            return &object->record;
    }
    return NULL;
}

bool sets_is_device(const struct model_object *object)
{
    return object->kind == MODEL_OBJECT_LINK && object->link.kind != MODEL_LINK_BRIDGE && object->link.owner.set[0] &&
           !object->link.owner.network[0];
}

/* ---- one set, as a specification ---- */

/*
 * What the file left out goes with the host: the uplink is where the default route leads now, the MTU fits it. Without
 * a default route all stays as it is: it may come back the next moment.
 */
static void follow_uplink(const struct observe_found *found, struct model_network *network)
{
    const struct observe_link *uplink;

    if (network->mode == MODEL_MODE_BRIDGE) { /* stays where it is, but its MTU may change */
        uplink = api_find_foreign(found, network->uplink);
        network->mtu = uplink ? uplink->mtu : network->mtu;
    }
    if (!model_mode_leads_out(network->mode))
        return;
    if (!network->uplink_given && !network->on_link && found->uplink[0])
        memcpy(network->uplink, found->uplink, sizeof(network->uplink));
    if (!network->uplink_given && !network->on_link6 && found->ip6.uplink[0])
        model_resolve_way_out6(network, &found->ip6);
    uplink = api_find_foreign(found, network->uplink);
    if (!network->mtu_given && uplink)
        network->mtu = model_default_mtu(uplink->mtu, network->subnet6.address.family);
}

static int take_networks(const struct observe_found *found, struct model_set *set)
{
    const struct model_objects *objects = &found->objects;
    size_t count = 0;

    for (size_t i = 0; i < objects->count; i++)
        count += objects->items[i].kind == MODEL_OBJECT_SERVICE &&
                 strcmp(objects->items[i].service.set, set->name) == 0;
    set->networks = arena_alloc(&set->arena, count * sizeof(*set->networks));
    if (!set->networks)
        return -ENOMEM;
    for (size_t i = 0; i < objects->count; i++) {
        const struct model_service *service = &objects->items[i].service;

        if (objects->items[i].kind != MODEL_OBJECT_SERVICE || strcmp(service->set, set->name) != 0)
            continue;
        set->networks[set->network_count] = *service->network;
        follow_uplink(found, &set->networks[set->network_count++]);
    }
    return 0;
}

static int take_devices(const struct model_record *record, struct model_set *set)
{
    set->devices = arena_alloc(&set->arena, record->device_count * sizeof(*set->devices));
    if (!set->devices)
        return -ENOMEM;
    if (record->device_count)
        memcpy(set->devices, record->devices, record->device_count * sizeof(*set->devices));
    set->device_count = record->device_count;
    set->path = record->path;
    return 0;
}

/* Without a record the set's devices are wanted as they are, and no record is. */
static int take_devices_as_found(const struct model_objects *objects, const char *name, struct model_objects *wanted)
{
    int result = 0;

    if (wanted->count && wanted->items[wanted->count - 1].kind == MODEL_OBJECT_RECORD)
        wanted->count--;
    for (size_t i = 0; i < objects->count && result == 0; i++) {
        const struct model_object *object = &objects->items[i];

        if (sets_is_device(object) && strcmp(object->link.owner.set, name) == 0)
            result = model_objects_add(wanted, object);
        for (size_t j = 0; object->kind == MODEL_OBJECT_ADDRESS && j < objects->count && result == 0; j++) {
            const struct model_object *link = &objects->items[j];

            if (sets_is_device(link) && strcmp(link->link.owner.set, name) == 0 &&
                strcmp(link->link.name, object->address.device) == 0)
                result = model_objects_add(wanted, object);
        }
    }
    model_objects_sort(wanted);
    return result;
}

/* What the ledgers say of the set called @set->name. */
static int read_set(const struct observe_found *found, struct model_set *set)
{
    const struct model_record *record = sets_record(found, set->name);
    int result = take_networks(found, set);

    set->ip6 = found->ip6;
    return result == 0 && record ? take_devices(record, set) : result;
}

/* Its objects. */
static int expand_set(const struct observe_found *found, const struct model_set *set, struct model_objects *ret)
{
    int result = model_expand(set, false, ret, NULL);

    if (result == 0 && !sets_record(found, set->name))
        result = take_devices_as_found(&found->objects, set->name, ret);
    return result;
}

/* ---- the way back to it ---- */

void sets_plan_fini(struct sets_plan *plan)
{
    plan_free(plan->plan);
    plan_scope_fini(&plan->scope);
    model_objects_fini(&plan->wanted);
    arena_fini(&plan->set.arena);
    *plan = (struct sets_plan){.plan = NULL};
}

int sets_plan_make(const struct observe_found *found, const char *name, struct sets_plan *ret,
                   struct tapnet_error *error)
{
    const struct plan_host host = api_plan_host(found);
    int result;

    /* Made in its place: objects point into the set's own struct, which must not move. */
    *ret = (struct sets_plan){.plan = NULL};
    snprintf(ret->set.name, sizeof(ret->set.name), "%s", name);
    result = read_set(found, &ret->set);
    if (result == 0)
        result = expand_set(found, &ret->set, &ret->wanted);
    if (result == 0)
        result = coexist_want(&ret->set, &ret->wanted, error);
    if (result == 0)
        result = plan_scope_make(&ret->wanted, &found->objects, name, &host, &ret->scope, error);
    if (result == 0)
        result = plan_make(&ret->scope.wanted, &ret->scope.found, &ret->plan);
    if (result < 0) {
        sets_plan_fini(ret);
        return result == -ENOMEM ? error_set(error, result, "out of memory") : result;
    }
    return 0;
}

/* ---- a change of it ---- */

static void cleanup_set(struct model_set *set)
{
    arena_fini(&set->arena);
}

static int compare_objects(const void *a, const void *b)
{
    return model_object_compare(a, b);
}

/* A set as it is on record, and the objects, by identity, in which it and a changed copy of it differ. */
struct difference {
    struct model_set set;
    struct model_objects recorded, objects; /* sorted */
};

static void difference_fini(struct difference *difference)
{
    model_objects_fini(&difference->objects);
    model_objects_fini(&difference->recorded);
    arena_fini(&difference->set.arena);
}

/* The passages that a change asks for or makes needless: reading the rules of others costs, so only where it may. */
static int find_passages(struct difference *difference, struct sets_plan *changed, struct tapnet_error *error)
{
    int result;

    if (!coexist_differs(&difference->set, &changed->set))
        return 0;
    result = coexist_want(&difference->set, &difference->recorded, error);
    return result < 0 ? result : coexist_want(&changed->set, &changed->wanted, error);
}

static int find_difference(const struct observe_found *found, struct sets_plan *changed, struct difference *ret,
                           struct tapnet_error *error)
{
    struct plan *plan cleanup(cleanup_plan_free) = NULL;
    int result = read_set(found, &ret->set);

    if (result == 0)
        result = expand_set(found, &ret->set, &ret->recorded);
    if (result == 0)
        result = find_passages(ret, changed, error);
    if (result == 0)
        result = plan_make(&changed->wanted, &ret->recorded, &plan);
    for (size_t i = 0; result == 0 && i < plan->step_count; i++)
        result = model_objects_add(&ret->objects, plan_step_object(&plan->steps[i]));
    model_objects_sort(&ret->objects);
    return result;
}

/* A service that has ended is started for all whom it served, or it would serve one network and be in others' way. */
static bool revives(const struct plan_step *step)
{
    return step->before && step->after && step->after->kind == MODEL_OBJECT_SERVICE && !step->before->service.running;
}

/* Leaves those steps that are about the difference, and what rules have learnt of a port that goes. */
static void keep_difference(struct plan *plan, const struct model_objects *objects)
{
    size_t kept = 0;

    for (size_t i = 0; i < plan->step_count; i++) {
        const struct model_object *object = plan_step_object(&plan->steps[i]);
        bool differs = objects->count &&
                       bsearch(object, objects->items, objects->count, sizeof(*object), compare_objects) != NULL;

        if (differs || plan_step_forgets(&plan->steps[i]) || revives(&plan->steps[i]))
            plan->steps[kept++] = plan->steps[i];
    }
    plan->step_count = kept;
}

int sets_plan_change(const struct observe_found *found, const char *name, sets_change *change, void *data,
                     struct sets_plan *ret, struct tapnet_error *error)
{
    const struct plan_host host = api_plan_host(found);
    struct difference difference cleanup(difference_fini) = {.set = {.network_count = 0}};
    int result;

    *ret = (struct sets_plan){.plan = NULL};
    snprintf(ret->set.name, sizeof(ret->set.name), "%s", name);
    memcpy(difference.set.name, ret->set.name, sizeof(ret->set.name));
    result = read_set(found, &ret->set);
    if (result == 0)
        result = change(&ret->set, data, error);
    if (result == 0)
        result = model_check(&ret->set, error);
    if (result == 0)
        result = expand_set(found, &ret->set, &ret->wanted);
    if (result == 0)
        result = find_difference(found, ret, &difference, error);
    if (result == 0)
        result = plan_scope_make(&ret->wanted, &found->objects, name, &host, &ret->scope, error);
    if (result == 0)
        result = plan_make(&ret->scope.wanted, &ret->scope.found, &ret->plan);
    if (result < 0) {
        sets_plan_fini(ret);
        return result == -ENOMEM ? error_set(error, result, "out of memory") : result;
    }
    if (ret->set.network_count || ret->set.device_count) /* a set that goes goes whole, whatever became of it */
        keep_difference(ret->plan, &difference.objects);
    return 0;
}

/* ---- two files of one name ---- */

/* Does @wanted, the objects of a set, describe anything else than what the set was brought up as? */
static int differs_from_ledgers(const struct observe_found *found, const char *name, const struct model_objects *wanted,
                                bool *ret)
{
    struct model_set set cleanup(cleanup_set) = {.network_count = 0};
    struct model_objects recorded cleanup(model_objects_fini) = {0};
    struct plan *plan cleanup(cleanup_plan_free) = NULL;
    int result;

    snprintf(set.name, sizeof(set.name), "%s", name);
    result = read_set(found, &set);
    if (result == 0)
        result = expand_set(found, &set, &recorded);
    if (result < 0)
        return result;
    result = plan_make(wanted, &recorded, &plan);
    if (result < 0)
        return result;
    *ret = false;
    for (size_t i = 0; i < plan->step_count; i++)
        *ret |= plan_step_object(&plan->steps[i])->kind != MODEL_OBJECT_RECORD;
    return 0;
}

/* Is what @recorded names the file that is at @path now, under another name (a hard link, a mount)? */
static bool same_file(const struct stat *recorded, const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && status.st_dev == recorded->st_dev && status.st_ino == recorded->st_ino;
}

int sets_check_origin(const struct observe_found *found, const struct model_set *set,
                      const struct model_objects *wanted, struct tapnet_error *error)
{
    const struct model_record *record = sets_record(found, set->name);
    _cleanup_free_ char *here = NULL, *there = NULL;
    struct stat status;
    bool differs;

    if (!record || !record->path[0] || !set->path || strcmp(record->path, set->path) == 0 ||
        stat(record->path, &status) < 0 || same_file(&status, set->path))
        return 0;
    if (differs_from_ledgers(found, set->name, wanted, &differs) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    if (!differs)
        return 0;
    here = spec_quote_file(set->path);
    there = spec_quote_file(record->path);
    if (!here || !there)
        return error_set(error, -ENOMEM, "out of memory");
    return error_set(
        error, -EALREADY,
        "set %s is up from another file, %s, and %s would replace it: give this one a name of its own with "
        "`name:`, or take the other down first (tapnet down %s), or say --replace",
        set->name, there, here, set->name);
}

/* ---- one record alone ---- */

API int tapnet_set_file(struct tapnet *tapnet, const char *set, char **ret, struct tapnet_error *error)
{
    struct arena arena cleanup(arena_fini) = {.blocks = NULL};
    _cleanup_free_ char *text = NULL;
    char name[MODEL_NAME_MAX + sizeof("sets/.json")];
    _cleanup_json_ json_t *json = NULL;
    struct model_object object = {.kind = MODEL_OBJECT_TABLE};
    int result;

    if (!model_name_valid(set))
        return error_set(error, -ENOENT, "no set %s is up", set);
    snprintf(name, sizeof(name), "sets/%s.json", set);
    result = run_file_read(tapnet->run_dir, name, RECORD_MAX, &text);
    if (result < 0)
        return error_set_errno(error, result, "the record of set %s", set);
    json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!json || model_object_from_json(json, &arena, &object, NULL) < 0 || object.kind != MODEL_OBJECT_RECORD ||
        !object.record.path[0])
        return error_set(error, -ENOENT, "the file of set %s is not known", set);
    *ret = strdup(object.record.path);
    return *ret ? 0 : error_set(error, -ENOMEM, "out of memory");
}
