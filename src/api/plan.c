/* SPDX-License-Identifier: MIT */
/* From a specification and the host to a plan, and the plan as a caller sees it. */
#include "api/context.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/coexist.h"
#include "api/forwards.h"
#include "api/hook_resident.h"
#include "api/hooks.h"
#include "api/move.h"
#include "api/obstacles.h"
#include "api/ports.h"
#include "api/sets.h"
#include "api/uplink.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "plan/bridges.h"
#include "plan/conflict.h"

#define API __attribute__((visibility("default")))

DEFINE_CLEANUP(struct tapnet_plan *, tapnet_plan_free)

/* ---- what the set has now, so that it keeps it ---- */

struct current {
    const struct observe_found *found;
    const char *set;
    struct plan_bridges bridges;
    const struct model_network *network; /* that was asked for an address last, as it is served */
    const struct model_port **ports;     /* of that, by name */
    bool failed;                         /* no memory for them */
};

static void current_fini(struct current *current)
{
    plan_bridges_fini(&current->bridges);
    free(current->ports);
}

static const struct model_service *find_service(const struct current *current, const char *network)
{
    struct model_network named = {.mode = MODEL_MODE_NAT};
    const struct model_object key = {.kind = MODEL_OBJECT_SERVICE, .service = {.network = &named}};
    const struct model_object *found;

    snprintf(named.name, sizeof(named.name), "%s", network);
    found = model_objects_find(&current->found->objects, &key);
    return found && strcmp(found->service.set, current->set) == 0 ? &found->service : NULL;
}

/* The first IPv4 address of @device, which is one of ours. */
static const struct model_host_address *find_address(const struct model_objects *objects, const char *device)
{
    struct model_object key = {.kind = MODEL_OBJECT_ADDRESS};
    const struct model_host_address *found;
    size_t index;

    snprintf(key.address.device, sizeof(key.address.device), "%s", device);
    index = model_objects_before(objects, &key); /* IPv4 is before IPv6 */
    if (index == objects->count || objects->items[index].kind != MODEL_OBJECT_ADDRESS)
        return NULL;
    found = &objects->items[index].address;
    return strcmp(found->device, device) == 0 && found->prefix.address.family == AF_INET ? found : NULL;
}

/* From the bridge's own address, which the kernel holds; an isolated bridge has none: the service was told it. */
static bool current_subnet(const void *data, const char *network, struct ip_prefix *ret)
{
    struct current *current = *(struct current *const *)data;
    const struct model_link *bridge = plan_bridges_find(&current->bridges, network, current->set);
    const struct model_host_address *address = bridge ? find_address(&current->found->objects, bridge->name) : NULL;
    const struct model_service *service = find_service(current, network);

    if (address)
        *ret = address->prefix;
    else if (service)
        *ret = service->network->subnet;
    return address || service;
}

static int compare_ports(const void *left, const void *right)
{
    return strcmp((*(const struct model_port *const *)left)->name, (*(const struct model_port *const *)right)->name);
}

static int compare_port_name(const void *name, const void *port)
{
    return strcmp(name, (*(const struct model_port *const *)port)->name);
}

/* @current's ports become those of @network. */
static int list_ports(struct current *current, const struct model_network *network)
{
    const struct model_port **ports = calloc(network->port_count + 1, sizeof(*ports));

    if (!ports)
        return -ENOMEM;
    for (size_t i = 0; i < network->port_count; i++)
        ports[i] = &network->ports[i];
    qsort(ports, network->port_count, sizeof(*ports), compare_ports);
    free(current->ports);
    current->ports = ports;
    current->network = network;
    return 0;
}

static bool current_subnet6(const void *data, const char *network, struct ip_prefix *ret)
{
    struct current *current = *(struct current *const *)data;
    const struct model_service *service = find_service(current, network);

    if (!service || !service->network->subnet6.address.family)
        return false;
    *ret = service->network->subnet6;
    return true;
}

static bool current_address(const void *data, const char *network, const char *port, uint8_t family,
                            struct ip_address *ret)
{
    struct current *current = *(struct current *const *)data;
    const struct model_port **found;

    if (!current->network || strcmp(current->network->name, network) != 0) {
        const struct model_service *service = find_service(current, network);

        if (!service)
            return false;
        if (list_ports(current, service->network) < 0) {
            current->failed = true;
            return false;
        }
    }
    found = bsearch(port, current->ports, current->network->port_count, sizeof(*found), compare_port_name);
    if (found)
        *ret = family == AF_INET6 ? (*found)->address6 : (*found)->address;
    return found != NULL;
}

/* ---- making a plan ---- */

/*
 * Resolves a set for this host. The specification stays as it was read: its set is copied by value, with its own
 * arrays, because a context may plan with it many times.
 */
static int copy_set(const struct model_set *set, struct model_set **ret)
{
    struct model_set *copy = calloc(1, sizeof(*copy));
    bool whole = copy != NULL;

    if (!copy)
        return -ENOMEM;
    memcpy(copy->name, set->name, sizeof(copy->name));
    copy->file = arena_strdup(&copy->arena, set->file);
    copy->coexist = set->coexist;
    copy->path = set->path; /* the specification outlives its plans */
    copy->source_device = set->source_device;
    copy->source_inode = set->source_inode;
    copy->network_count = set->network_count;
    copy->device_count = set->device_count;
    copy->networks = arena_alloc(&copy->arena, set->network_count * sizeof(*set->networks));
    copy->devices = arena_alloc(&copy->arena, set->device_count * sizeof(*set->devices));
    whole = copy->file && copy->networks && copy->devices;
    if (whole && set->device_count)
        memcpy(copy->devices, set->devices, set->device_count * sizeof(*set->devices));
    for (size_t i = 0; whole && i < set->network_count; i++) {
        struct model_network *network = &copy->networks[i];

        *network = set->networks[i];
        network->ports = arena_alloc(&copy->arena, network->port_count * sizeof(*network->ports));
        whole = network->ports != NULL;
        if (whole && network->port_count)
            memcpy(network->ports, set->networks[i].ports, network->port_count * sizeof(*network->ports));
    }
    if (!whole) {
        model_set_free(copy);
        return -ENOMEM;
    }
    *ret = copy;
    return 0;
}

static uint32_t link_mtu(const void *data, const char *name)
{
    const struct observe_link *link = api_find_foreign((*(struct current *const *)data)->found, name);

    return link ? link->mtu : 0;
}

static const char *link_port(const void *data, const char *name, struct mac *ret)
{
    const struct observe_link *link = api_find_foreign((*(struct current *const *)data)->found, name);

    if (link)
        *ret = link->mac;
    return uplink_fault((*(struct current *const *)data)->found, name);
}

static bool on_link(const void *data, const char *name, const struct ip_prefix *subnet, struct ip_prefix *ret)
{
    const struct observe_found *found = (*(struct current *const *)data)->found;
    const struct observe_link *link = api_find_foreign(found, name);

    for (size_t i = 0; link && i < found->address_count; i++) {
        const struct observe_address *address = &found->addresses[i];

        if (address->index != link->index || address->prefix.length >= subnet->length ||
            !ip_prefix_contains(&address->prefix, &subnet->address))
            continue;
        *ret = address->prefix;
        return true;
    }
    return false;
}

/* What nobody may choose: the host's own prefixes, and those of the networks of other sets. Malloc'ed. */
static int collect_taken(const struct observe_found *found, const char *set, struct ip_prefix **ret, size_t *ret_count)
{
    size_t count = found->taken_count, capacity = 0;
    struct ip_prefix *taken = NULL;

    if (array_reserve((void **)&taken, &capacity, 0, count + 2 * found->objects.count, sizeof(*taken)) < 0)
        return -ENOMEM;
    if (count)
        memcpy(taken, found->taken, count * sizeof(*taken));
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_object *object = &found->objects.items[i];

        if (object->kind == MODEL_OBJECT_SERVICE && strcmp(object->service.set, set) != 0)
            taken[count++] = ip_prefix_network(&object->service.network->subnet);
        if (object->kind == MODEL_OBJECT_SERVICE && strcmp(object->service.set, set) != 0 &&
            object->service.network->subnet6.address.family)
            taken[count++] = ip_prefix_network(&object->service.network->subnet6);
    }
    *ret = taken;
    *ret_count = count;
    return 0;
}

/* The host's own addresses would have to move while the network's come: not in one plan. */
static int check_modes(const struct tapnet_plan *plan, const struct current *current, struct tapnet_error *error)
{
    const struct model_set *set = plan->set;

    for (size_t i = 0; i < set->network_count; i++) {
        const struct model_network *network = &set->networks[i];
        const struct model_link *bridge = plan_bridges_find(&current->bridges, network->name, set->name);

        if (bridge && (bridge->owner.mode == MODEL_MODE_BRIDGE) != (network->mode == MODEL_MODE_BRIDGE))
            return error_set(
                error, -EINVAL,
                "%s:%u:%u: network %s is up in mode %s, which can't become mode %s while it is: take it down first "
                "(tapnet down %s), or give this one another name",
                set->file ? set->file : "", network->place.line, network->place.column, network->name,
                model_mode_print(bridge->owner.mode), model_mode_print(network->mode), set->name);
        if (uplink_check_holder(plan->found, set, network, error) < 0)
            return -EINVAL;
    }
    return 0;
}

/* The uplink in the bridge of ours by which the host's default route goes, or the one that was taken out of it; "". */
static const char *find_lan_uplink(const struct observe_found *found)
{
    const char *taken_out = "";

    for (size_t i = 0; found->lan_uplink[0] && i < found->objects.count; i++) {
        const struct model_object *object = &found->objects.items[i];

        if (object->kind == MODEL_OBJECT_UPLINK && strcmp(object->uplink.bridge, found->lan_uplink) == 0)
            return object->uplink.name;
        if (object->kind == MODEL_OBJECT_SERVICE && strcmp(object->service.network->bridge, found->lan_uplink) == 0)
            taken_out = object->service.network->uplink;
    }
    return taken_out;
}

/* The uplink that a network has now, whatever it was called: the host has no default route beside it. */
static void keep_uplink(const struct observe_found *found, const struct current *current, struct model_network *network)
{
    const struct model_service *service = find_service(current, network->name);
    const char *uplink = service && service->network->mode == MODEL_MODE_BRIDGE ? service->network->uplink
                         : found->uplink[0]                                     ? found->uplink
                                                                                : find_lan_uplink(found);

    snprintf(network->uplink, sizeof(network->uplink), "%s", uplink);
}

/* What the host has by the uplinks of networks of mode bridge, those that they have now first. */
static int look_at_uplinks(struct tapnet_plan *plan, const struct current *current, struct tapnet_error *error)
{
    struct observe_found *found = plan->found;
    int result = 0;

    for (size_t i = 0; i < plan->set->network_count && result == 0; i++) {
        struct model_network *network = &plan->set->networks[i];

        if (network->mode != MODEL_MODE_BRIDGE)
            continue;
        if (!network->uplink[0])
            keep_uplink(found, current, network);
        result = observe_uplink(found, network->uplink, network->bridge, error);
    }
    return result;
}

static int resolve(struct tapnet_plan *plan, const struct tapnet_spec *spec, struct tapnet_error *error)
{
    struct observe_found *found = plan->found;
    struct current current cleanup(current_fini) = {.found = found, .set = spec->set->name};
    struct current *asked = &current;
    _cleanup_free_ struct ip_prefix *taken = NULL;
    struct model_surroundings surroundings = {
        .link_mtu = link_mtu,
        .link_port = link_port,
        .on_link = on_link,
        .current_subnet = current_subnet,
        .current_address = current_address,
        .current_subnet6 = current_subnet6,
        .ip6 = found->ip6,
        .data = &asked,
    };
    const struct observe_link *uplink = api_find_foreign(found, found->uplink);
    int result;

    memcpy(surroundings.uplink, found->uplink, sizeof(surroundings.uplink));
    surroundings.uplink_mtu = uplink ? uplink->mtu : 0;
    if (copy_set(spec->set, &plan->set) < 0 || ports_take_over(found, plan->set) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    coexist_settle(found, spec->coexist, plan->set);
    result = look_at_uplinks(plan, &current, error); /* first: it adds objects, and others move */
    if (result < 0)
        return result;
    if (plan_bridges_init(&current.bridges, &found->objects) < 0 ||
        collect_taken(found, spec->set->name, &taken, &surroundings.taken_count) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    surroundings.taken = taken;
    result = uplink_check_named(found, plan->set, error);
    if (result == 0)
        result = check_modes(plan, &current, error);
    if (result == 0)
        result = model_resolve(plan->set, &surroundings, error);
    return result == 0 && current.failed ? error_set(error, -ENOMEM, "out of memory") : result;
}

/* Steps about records stand together: their phases are neighbours. */
static void hide_records(struct tapnet_plan *plan)
{
    for (size_t i = 0; i < plan->plan->step_count; i++) {
        if (plan_step_object(&plan->plan->steps[i])->kind != MODEL_OBJECT_RECORD)
            continue;
        if (plan->hidden_count++ == 0)
            plan->hidden_first = i;
    }
}

int api_plan_from(struct observe_found *found, const struct tapnet_spec *spec, const char *set_name,
                  struct tapnet_plan **ret, struct tapnet_error *error)
{
    struct tapnet_plan *plan cleanup(cleanup_tapnet_plan_free) = calloc(1, sizeof(*plan));
    struct model_objects wanted cleanup(model_objects_fini) = {0};
    struct plan_host host = api_plan_host(found);
    int result = 0;

    if (!plan) {
        observe_free(found);
        return error_set(error, -ENOMEM, "out of memory");
    }
    plan->found = found;
    if (spec)
        result = resolve(plan, spec, error);
    if (result == 0 && spec)
        result = forwards_check(plan, error);
    if (result == 0 && spec)
        result = model_expand(plan->set, false, &wanted, error);
    if (result == 0 && spec && !spec->replace)
        result = sets_check_origin(found, plan->set, &wanted, error);
    if (result == 0 && spec)
        result = coexist_want(plan->set, &wanted, error);
    host.file = plan->set ? plan->set->file : NULL;
    if (result == 0)
        result = plan_scope_make(&wanted, &found->objects, spec ? plan->set->name : set_name, &host, &plan->scope,
                                 error);
    if (result < 0)
        return result;
    if (plan_make(&plan->scope.wanted, &plan->scope.found, &plan->plan) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    hide_records(plan);
    *ret = take_pointer(plan);
    return 0;
}

/* A set as it is. */
static int change_nothing(struct model_set *set, void *data, struct tapnet_error *error)
{
    (void)set, (void)data, (void)error;
    return 0;
}

int api_plan_change(struct observe_found *found, const char *set, sets_change *change, void *data,
                    struct tapnet_plan **ret, struct tapnet_error *error)
{
    struct tapnet_plan *plan cleanup(cleanup_tapnet_plan_free) = calloc(1, sizeof(*plan));
    int result;

    if (!plan) {
        observe_free(found);
        return error_set(error, -ENOMEM, "out of memory");
    }
    plan->found = found;
    plan->change = calloc(1, sizeof(*plan->change));
    if (!plan->change)
        return error_set(error, -ENOMEM, "out of memory");
    result = sets_plan_change(found, set, change ? change : change_nothing, data, plan->change, error);
    if (result < 0)
        return result;
    plan->plan = plan->change->plan;
    hide_records(plan);
    if (api_plan_effects(plan) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    *ret = take_pointer(plan);
    return 0;
}

int api_plan_make(struct tapnet *tapnet, struct observe_found *found, const struct tapnet_spec *spec,
                  const char *set_name, struct tapnet_plan **ret, struct tapnet_error *error)
{
    struct tapnet_plan *plan cleanup(cleanup_tapnet_plan_free) = NULL;
    int result = api_plan_from(found, spec, set_name, &plan, error);

    if (result < 0 || !plan)
        return result;
    if (spec)
        result = hooks_check(plan->set, error);
    if (result == 0 && spec && !tapnet->guard.force)
        result = obstacles_check(plan, error);
    if (result == 0 && spec)
        result = coexist_ask(tapnet, plan, error);
    if (result < 0)
        return result;
    if (spec && (api_note_uplinks(tapnet, plan) < 0 || api_note_forwards(tapnet, plan) < 0))
        return error_set(error, -ENOMEM, "out of memory");
    *ret = take_pointer(plan);
    return 0;
}

/* For a caller who only wants to look. */
static int plan_alone(struct tapnet *tapnet, const struct tapnet_spec *spec, const char *set_name,
                      struct tapnet_plan **ret, struct tapnet_error *error)
{
    struct observe_found *found;
    struct ip_address check;
    int result = api_check_right(error);

    api_notes_clear(tapnet);
    if (result == 0)
        result = move_read_check(tapnet, &check, error);
    if (result == 0)
        result = observe_host(tapnet->run_dir, &found, error);
    if (result == 0)
        result = api_plan_make(tapnet, found, spec, set_name, ret, error);
    if (result != 0)
        return result;
    if ((spec && hook_resident_missed(tapnet->run_dir, (*ret)->found) &&
         api_note(tapnet, HOOK_RESIDENT_MISSING "; `tapnet up` starts it") < 0) ||
        api_plan_effects(*ret) < 0) {
        tapnet_plan_free(*ret);
        return error_set(error, -ENOMEM, "out of memory");
    }
    return result;
}

API int tapnet_plan_up(struct tapnet *tapnet, const struct tapnet_spec *spec, struct tapnet_plan **ret,
                       struct tapnet_error *error)
{
    return plan_alone(tapnet, spec, NULL, ret, error);
}

API int tapnet_plan_down(struct tapnet *tapnet, const char *set, struct tapnet_plan **ret, struct tapnet_error *error)
{
    return plan_alone(tapnet, NULL, set, ret, error);
}

API void tapnet_plan_free(struct tapnet_plan *plan)
{
    if (!plan)
        return;
    if (plan->change)
        sets_plan_fini(plan->change);
    else
        plan_free(plan->plan);
    free(plan->change);
    plan_scope_fini(&plan->scope);
    model_objects_fini(&plan->asked);
    model_set_free(plan->set);
    observe_free(plan->found);
    arena_fini(&plan->effect_arena);
    free(plan->effects);
    free(plan);
}

/* ---- looking at a plan ---- */

size_t api_plan_shown(const struct tapnet_plan *plan)
{
    return plan->plan->step_count - plan->hidden_count;
}

API size_t tapnet_plan_count(const struct tapnet_plan *plan)
{
    return api_plan_shown(plan);
}

/* Step @index of those that are shown. */
static const struct plan_step *shown_step(const struct tapnet_plan *plan, size_t index)
{
    return &plan->plan->steps[index < plan->hidden_first ? index : index + plan->hidden_count];
}

static char step_sign(const struct plan_step *step)
{
    return !step->before ? '+' : !step->after ? '-' : '~';
}

API int tapnet_plan_step(struct tapnet_plan *plan, size_t index, struct tapnet_step *ret)
{
    const struct plan_step *step;

    if (index >= api_plan_shown(plan))
        return -ERANGE;
    step = shown_step(plan, index);
    *ret = (struct tapnet_step){
        .sign = step_sign(step),
        .object = model_object_print(plan_step_object(step), plan->object),
        .reason = plan_step_reason(step, plan->reason),
        .line = step->after ? step->after->place.line : 0,
    };
    return 0;
}

static json_t *step_to_json(struct tapnet_plan *plan, size_t index)
{
    const struct plan_step *step = shown_step(plan, index);
    struct tapnet_step shown;
    char sign[2] = "";

    if (tapnet_plan_step(plan, index, &shown) < 0)
        return NULL;
    sign[0] = shown.sign;
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "sign", sign, "object", shown.object, "reason", shown.reason,
                     "before", step->before ? model_object_to_json(step->before) : json_null(), "after",
                     step->after ? model_object_to_json(step->after) : json_null());
}

static json_t *effects_to_json(const struct tapnet_plan *plan)
{
    json_t *array = json_array();

    for (size_t i = 0; i < plan->effect_count; i++) {
        const struct tapnet_effect *effect = &plan->effects[i];
        json_t *holder = effect->holder_pid
                             ? json_pack("{s:i, s:s}", "pid", effect->holder_pid, "command", effect->holder)
                             : json_null();

        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:o, s:s, s:s}", "port", effect->port, "device", effect->device,
                                        "holder", holder, "kind", effect->kind, "text", effect->text));
    }
    return array;
}

API int tapnet_plan_json(const struct tapnet_plan *plan, char **ret, struct tapnet_error *error)
{
    /* The texts of a step are scratch space inside the plan; what the plan means is not changed. */
    struct tapnet_plan *scratch = (struct tapnet_plan *)(uintptr_t)plan;
    json_t *steps = json_array();
    json_t *document;
    bool whole = steps != NULL;
    char *text;

    for (size_t i = 0; whole && i < api_plan_shown(plan); i++)
        whole = json_array_append_new(steps, step_to_json(scratch, i)) == 0;
    document = whole ? json_pack("{s:i, s:o, s:o}", "version", 1, "steps", steps, "effects", effects_to_json(plan))
                     : NULL;
    text = document ? json_dumps(document, JSON_INDENT(2)) : NULL;
    json_decref(document ? document : steps);
    if (!text)
        return error_set(error, -ENOMEM, "out of memory");
    *ret = text;
    return 0;
}
