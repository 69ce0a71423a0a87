/* SPDX-License-Identifier: MIT */
/* Status: what is there, who holds it, what passes, and what is not as it was brought up. */
#include "api/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "device/holders.h"

#define API __attribute__((visibility("default")))

/*
 * How it works: networks come from what the service has been told (the ledger below the run directory, which holds each
 * network as it was brought up), their state from the kernel. Problems are the steps of a plan from the kernel's state
 * to the networks' own description, so status and `up` can't disagree. A bridge of ours without a ledger is a problem.
 */

DEFINE_CLEANUP(struct tapnet_status *, tapnet_status_free)
DEFINE_CLEANUP(struct observe_found *, observe_free)

struct view {
    const struct observe_found *found;
    struct device_holder *holders;
    size_t holder_count;
    struct observe_traffic *traffic;
    size_t traffic_count;
};

static void view_fini(struct view *view)
{
    free(view->holders);
    free(view->traffic);
}

static int compare_holder(const void *name, const void *holder)
{
    return strcmp(name, ((const struct device_holder *)holder)->device);
}

static const struct device_holder *find_holder(const struct view *view, const char *device)
{
    return view->holder_count
               ? bsearch(device, view->holders, view->holder_count, sizeof(*view->holders), compare_holder)
               : NULL;
}

static int compare_traffic(const void *name, const void *traffic)
{
    return strcmp(name, ((const struct observe_traffic *)traffic)->device);
}

static const struct observe_traffic *find_traffic(const struct view *view, const char *device)
{
    return view->traffic_count
               ? bsearch(device, view->traffic, view->traffic_count, sizeof(*view->traffic), compare_traffic)
               : NULL;
}

static const char *print_mac(struct arena *arena, const struct mac *mac)
{
    char text[MAC_TEXT_MAX];

    return arena_strdup(arena, mac_print(mac, text));
}

static const char *print_address(struct arena *arena, const struct ip_address *address)
{
    char text[IP_TEXT_MAX];

    return arena_strdup(arena, ip_address_print(address, text));
}

static const char *device_state(const struct observe_traffic *traffic, const struct device_holder *holder)
{
    if (!traffic)
        return "missing";
    if (!traffic->up)
        return "down";
    return holder || traffic->carrier ? "plugged" : "free";
}

static void fill_port(struct tapnet_status *status, const struct view *view, const struct model_port *port,
                      struct tapnet_status_port *ret)
{
    const struct observe_traffic *traffic = find_traffic(view, port->device);
    const struct device_holder *holder = find_holder(view, port->device);

    *ret = (struct tapnet_status_port){
        .name = arena_strdup(&status->arena, port->name),
        .device = arena_strdup(&status->arena, port->device),
        .mac = print_mac(&status->arena, &port->guest_mac),
        .address = print_address(&status->arena, &port->address),
        .hostname = arena_strdup(&status->arena, port->hostname),
        .state = device_state(traffic, holder),
        .holder_pid = holder ? holder->pid : 0,
        .holder = holder ? arena_strdup(&status->arena, holder->command) : "",
    };
    if (traffic) { /* what the device received is what the guest sent */
        ret->tx_bytes = traffic->rx_bytes;
        ret->tx_packets = traffic->rx_packets;
        ret->rx_bytes = traffic->tx_bytes;
        ret->rx_packets = traffic->tx_packets;
        ret->dropped = traffic->tx_dropped;
    }
}

static int fill_network(struct tapnet_status *status, const struct view *view, const struct model_service *service,
                        struct tapnet_status_network *ret)
{
    const struct model_network *network = service->network;
    struct tapnet_status_port *ports = arena_alloc(&status->arena, network->port_count * sizeof(*ports));
    char subnet[IP_PREFIX_TEXT_MAX];

    if (!ports)
        return -ENOMEM;
    for (size_t i = 0; i < network->port_count; i++)
        fill_port(status, view, &network->ports[i], &ports[i]);
    *ret = (struct tapnet_status_network){
        .set = arena_strdup(&status->arena, service->set),
        .name = arena_strdup(&status->arena, network->name),
        .mode = model_mode_print(network->mode),
        .bridge = arena_strdup(&status->arena, network->bridge),
        .subnet = arena_strdup(&status->arena, ip_prefix_print(&network->subnet, subnet)),
        .uplink = network->mode == MODEL_MODE_NAT ? arena_strdup(&status->arena, network->uplink) : "",
        .gateway = network->mode == MODEL_MODE_NAT ? print_address(&status->arena, &network->subnet.address) : "",
        .served = service->running,
        .ports = ports,
        .port_count = network->port_count,
    };
    return 0;
}

static int fill_networks(struct tapnet_status *status, const struct view *view)
{
    const struct model_objects *objects = &view->found->objects;
    size_t count = 0;

    for (size_t i = 0; i < objects->count; i++)
        count += objects->items[i].kind == MODEL_OBJECT_SERVICE;
    status->networks = arena_alloc(&status->arena, count * sizeof(*status->networks));
    if (!status->networks)
        return -ENOMEM;
    for (size_t i = 0; i < objects->count; i++) {
        if (objects->items[i].kind != MODEL_OBJECT_SERVICE)
            continue;
        if (fill_network(status, view, &objects->items[i].service, &status->networks[status->network_count]) < 0)
            return -ENOMEM;
        status->network_count++;
    }
    return 0;
}

/* "192.168.3.11/24 fd00::1/64" */
static const char *join_addresses(struct tapnet_status *status, const struct view *view, const char *device)
{
    const struct model_objects *objects = &view->found->objects;
    const char *joined = "";

    for (size_t i = 0; i < objects->count && joined; i++) {
        char text[IP_PREFIX_TEXT_MAX];

        if (objects->items[i].kind != MODEL_OBJECT_ADDRESS || strcmp(objects->items[i].address.device, device) != 0)
            continue;
        joined = arena_printf(&status->arena, "%s%s%s", joined, *joined ? " " : "",
                              ip_prefix_print(&objects->items[i].address.prefix, text));
    }
    return joined ? joined : "";
}

static bool is_device(const struct model_object *object)
{
    return object->kind == MODEL_OBJECT_LINK && object->link.kind != MODEL_LINK_BRIDGE && object->link.owner.set[0] &&
           !object->link.owner.network[0];
}

static int fill_devices(struct tapnet_status *status, const struct view *view)
{
    const struct model_objects *objects = &view->found->objects;
    size_t count = 0;

    for (size_t i = 0; i < objects->count; i++)
        count += is_device(&objects->items[i]);
    status->devices = arena_alloc(&status->arena, count * sizeof(*status->devices));
    if (!status->devices)
        return -ENOMEM;
    for (size_t i = 0; i < objects->count; i++) {
        const struct model_link *link = &objects->items[i].link;
        const struct device_holder *holder;

        if (!is_device(&objects->items[i]))
            continue;
        holder = find_holder(view, link->name);
        status->devices[status->device_count++] = (struct tapnet_status_device){
            .set = arena_strdup(&status->arena, link->owner.set),
            .name = arena_strdup(&status->arena, link->name),
            .kind = link->kind == MODEL_LINK_TAP ? "tap" : "tun",
            .addresses = join_addresses(status, view, link->name),
            .state = device_state(find_traffic(view, link->name), holder),
            .holder = holder ? arena_strdup(&status->arena, holder->command) : "",
            .holder_pid = holder ? holder->pid : 0,
        };
    }
    return 0;
}

/* ---- problems: what `up` would do again ---- */

static int add_problem(struct tapnet_status *status, const char *text)
{
    int result = array_reserve((void **)&status->problems, &status->problem_capacity, status->problem_count, 1,
                               sizeof(*status->problems));

    if (result < 0 || !text)
        return -ENOMEM;
    status->problems[status->problem_count++] = text;
    return 0;
}

/* The networks that the ledger tells of one set, as a specification; devices are taken as they are. */
static int spec_of_set(const struct observe_found *found, const char *set_name, struct model_set *ret)
{
    const struct model_objects *objects = &found->objects;
    size_t count = 0;

    for (size_t i = 0; i < objects->count; i++)
        count += objects->items[i].kind == MODEL_OBJECT_SERVICE && strcmp(objects->items[i].service.set, set_name) == 0;
    ret->networks = arena_alloc(&ret->arena, count * sizeof(*ret->networks));
    if (!ret->networks)
        return -ENOMEM;
    for (size_t i = 0; i < objects->count; i++) {
        const struct model_service *service = &objects->items[i].service;

        if (objects->items[i].kind == MODEL_OBJECT_SERVICE && strcmp(service->set, set_name) == 0)
            ret->networks[ret->network_count++] = *service->network;
    }
    strcpy(ret->name, set_name);
    return 0;
}

/* The families whose table is not there at all: what was in it goes without saying. */
static void find_gone_tables(const struct plan *plan, bool ret[2])
{
    for (size_t i = 0; plan && i < plan->step_count; i++)
        if (!plan->steps[i].before && plan->steps[i].after->kind == MODEL_OBJECT_TABLE)
            ret[plan->steps[i].after->table.family] = true;
}

/* A stand-alone device is not in the ledger: what is there of one is not a problem. */
static bool is_problem(const struct plan_step *step, const bool table_gone[2])
{
    const struct model_object *object = plan_step_object(step);

    if (object->kind == MODEL_OBJECT_ELEMENT && table_gone[guard_schemas[object->element.set].family])
        return false; /* said with its table */
    if (step->after)
        return true;
    return !is_device(object) && object->kind != MODEL_OBJECT_ADDRESS;
}

static int add_set_problems(struct tapnet_status *status, const struct observe_found *found, const char *set_name)
{
    struct model_set set = {.network_count = 0};
    struct model_objects wanted cleanup(model_objects_fini) = {0};
    struct plan_scope scope = {0};
    struct plan *plan = NULL;
    bool table_gone[2] = {false, false};
    const struct plan_host host = api_plan_host(found);
    struct tapnet_error reason = TAPNET_ERROR_INIT;
    int result = spec_of_set(found, set_name, &set);

    if (result == 0)
        result = model_expand(&set, false, &wanted, &reason);
    if (result == 0)
        result = plan_scope_make(&wanted, &found->objects, set_name, &host, &scope, &reason);
    if (result == -EEXIST)
        result = add_problem(status, arena_printf(&status->arena, "set %s: %s", set_name, reason.text));
    else if (result == 0)
        result = plan_make(&scope.wanted, &scope.found, &plan);
    find_gone_tables(plan, table_gone);
    for (size_t i = 0; plan && result == 0 && i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];
        char object[MODEL_OBJECT_TEXT_MAX], why[PLAN_REASON_MAX];

        if (!is_problem(step, table_gone))
            continue;
        plan_step_reason(step, why);
        result = add_problem(status,
                             arena_printf(&status->arena, "%s %s%s", model_object_print(plan_step_object(step), object),
                                          !step->before  ? "is missing"
                                          : !step->after ? "should not be there"
                                                         : "",
                                          !step->before || !step->after ? ""
                                          : *why                        ? why
                                                                        : "differs"));
    }
    plan_free(plan);
    plan_scope_fini(&scope);
    arena_fini(&set.arena);
    return result;
}

/* Every set that anything found belongs to, once; "" for what is not labelled. */
static int add_problems(struct tapnet_status *status, const struct observe_found *found)
{
    const struct model_objects *objects = &found->objects;
    char seen[64][MODEL_NAME_MAX];
    size_t seen_count = 0;

    for (size_t i = 0; i < objects->count; i++) {
        char set_name[MODEL_NAME_MAX];
        size_t known = 0;
        int result;

        plan_object_set(&objects->items[i], set_name);
        while (known < seen_count && strcmp(seen[known], set_name) != 0)
            known++;
        if (!set_name[0] || known < seen_count || seen_count == ARRAY_COUNT(seen))
            continue;
        strcpy(seen[seen_count++], set_name);
        result = add_set_problems(status, found, set_name);
        if (result < 0)
            return result;
    }
    return 0;
}

API int tapnet_status_get(struct tapnet *tapnet, struct tapnet_status **ret, struct tapnet_error *error)
{
    struct tapnet_status *status cleanup(cleanup_tapnet_status_free) = calloc(1, sizeof(*status));
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    struct view view cleanup(view_fini) = {0};
    int result = status ? observe_host(tapnet->run_dir, &found, error) : -ENOMEM;

    if (result == 0)
        result = device_holders(-1, &view.holders, &view.holder_count, error);
    if (result == 0)
        result = observe_traffic(&view.traffic, &view.traffic_count, error);
    if (result < 0)
        return result;
    view.found = found;
    result = fill_networks(status, &view);
    if (result == 0)
        result = fill_devices(status, &view);
    if (result == 0)
        result = add_problems(status, found);
    if (result < 0)
        return error_set(error, result, "out of memory");
    *ret = take_pointer(status);
    return 0;
}

API void tapnet_status_free(struct tapnet_status *status)
{
    if (!status)
        return;
    arena_fini(&status->arena);
    free(status->problems);
    free(status);
}

API size_t tapnet_status_network_count(const struct tapnet_status *status)
{
    return status->network_count;
}

API const struct tapnet_status_network *tapnet_status_network(const struct tapnet_status *status, size_t index)
{
    return index < status->network_count ? &status->networks[index] : NULL;
}

API size_t tapnet_status_device_count(const struct tapnet_status *status)
{
    return status->device_count;
}

API const struct tapnet_status_device *tapnet_status_device(const struct tapnet_status *status, size_t index)
{
    return index < status->device_count ? &status->devices[index] : NULL;
}

API size_t tapnet_status_problem_count(const struct tapnet_status *status)
{
    return status->problem_count;
}

API const char *tapnet_status_problem(const struct tapnet_status *status, size_t index)
{
    return index < status->problem_count ? status->problems[index] : NULL;
}
