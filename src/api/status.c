/* SPDX-License-Identifier: MIT */
/* Status: what is there, who holds it, what passes, and what is not as it was brought up. */
#include "api/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/forwards.h"
#include "api/hook_resident.h"
#include "api/hooks.h"
#include "api/lease.h"
#include "api/sets.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "device/holders.h"
#include "model/forward.h"
#include "observe/service.h"

#define API __attribute__((visibility("default")))

/*
 * How it works: networks come from what the service has been told (the ledger below the run directory, which holds each
 * network as it was brought up), stand-alone devices from the records of sets, the state of both from the kernel.
 * Problems are the steps of a plan from the kernel's state to that description (sets.h), so status and `up` can't
 * disagree. A bridge of ours without a ledger is a problem.
 */

DEFINE_CLEANUP(struct tapnet_status *, tapnet_status_free)
DEFINE_CLEANUP(struct observe_found *, observe_free)

struct view {
    const struct observe_found *found;
    const char *run_dir;
    const char *set, *network; /* to be shown; NULL: all of them */
    struct device_holder *holders;
    size_t holder_count;
    struct observe_traffic *traffic;
    size_t traffic_count;
    struct observe_lease *leases;
    size_t lease_count;
    struct forwards_host host;
};

static void view_fini(struct view *view)
{
    free(view->holders);
    free(view->traffic);
    free(view->leases);
    forwards_host_fini(&view->host);
}

static bool shows(const struct view *view, const char *set, const char *network)
{
    if (view->set && strcmp(view->set, set) != 0)
        return false;
    return !view->network || strcmp(view->network, network) == 0;
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

    return address->family ? arena_strdup(arena, ip_address_print(address, text)) : "";
}

static const char *device_state(const struct observe_traffic *traffic, const struct device_holder *holder)
{
    if (!traffic)
        return "missing";
    if (!traffic->up)
        return "down";
    return holder || traffic->carrier ? "plugged" : "free";
}

/* No guest's: the keeper holds it, until somebody comes. */
static bool is_ready(const struct tapnet_status *status, const struct model_port *port,
                     const struct device_holder *holder)
{
    return port->origin == MODEL_ORIGIN_RUN && holder && holder->pid == status->keeper_pid;
}

/* As DHCP says it: the network's name first, so that the bare name of a neighbour is found first. */
static const char *join_search(struct arena *arena, const struct model_network *network, const struct model_port *port)
{
    const struct model_dhcp *dhcp = port->dhcp.search_count ? &port->dhcp : &network->dhcp;
    const char *joined = network->dns_port ? arena_strdup(arena, network->name) : "";

    for (size_t i = 0; network->dns_port && joined && i < dhcp->search_count; i++)
        joined = arena_printf(arena, "%s %s", joined, dhcp->search[i]);
    return joined;
}

/* The port's forwards; NULL when memory is short. */
static const char *const *print_forwards(struct arena *arena, const struct model_port *port)
{
    const char **texts = arena_alloc(arena, port->forward_count * sizeof(*texts));
    char text[MODEL_FORWARD_TEXT_MAX];

    for (size_t i = 0; texts && i < port->forward_count; i++)
        if (!(texts[i] = arena_strdup(arena, model_forward_print(&port->forwards[i], text))))
            return NULL;
    return texts;
}

static void fill_lease(const struct view *view, const struct model_network *network, struct tapnet_status_port *ret)
{
    const struct observe_lease *lease = observe_find_lease(view->leases, view->lease_count, network->name,
                                                           ret->name ? ret->name : "");

    if (!lease)
        return;
    ret->leased = lease->msec[0];
    ret->leased6 = *ret->address6 ? lease->msec[1] : 0;
}

static void fill_port(struct tapnet_status *status, const struct view *view, const struct model_network *network,
                      const struct model_port *port, struct tapnet_status_port *ret)
{
    const struct observe_traffic *traffic = find_traffic(view, port->device);
    const struct device_holder *holder = find_holder(view, port->device);

    *ret = (struct tapnet_status_port){
        .name = arena_strdup(&status->arena, port->name),
        .device = arena_strdup(&status->arena, port->device),
        .mac = print_mac(&status->arena, &port->guest_mac),
        .address = print_address(&status->arena, &port->address),
        .address6 = port->address6.family ? print_address(&status->arena, &port->address6) : "",
        .hostname = arena_strdup(&status->arena, port->hostname),
        .origin = model_origin_print(port->origin),
        .state = is_ready(status, port, holder) ? "ready" : device_state(traffic, holder),
        .holder_pid = holder ? holder->pid : 0,
        .holder = holder ? arena_strdup(&status->arena, holder->command) : "",
        .forwards = print_forwards(&status->arena, port),
        .search = join_search(&status->arena, network, port),
        .queues = port->queues ? port->queues : 1,
    };
    fill_lease(view, network, ret);
    ret->forward_count = ret->forwards ? port->forward_count : 0;
    if (traffic) { /* what the device received is what the guest sent */
        ret->tx_bytes = traffic->rx_bytes;
        ret->tx_packets = traffic->rx_packets;
        ret->rx_bytes = traffic->tx_bytes;
        ret->rx_packets = traffic->tx_packets;
        ret->dropped = traffic->tx_dropped;
    }
}

static int warn_of_stranger(struct tapnet_status *status, const struct model_network *network, const char *name)
{
    return status_warn(status, arena_printf(&status->arena,
                                            "network %s: %s is in its bridge %s and is no port of it: no guard sees "
                                            "what it sends; `ip link set %s nomaster` takes it out, a port in the "
                                            "file is for its guest",
                                            network->name, name, network->bridge, explain_word(&status->arena, name)));
}

static int fill_strangers(struct tapnet_status *status, const struct observe_found *found,
                          const struct model_network *network, struct tapnet_status_network *ret)
{
    const struct observe_link *link;
    size_t count = 0;
    const char **names;

    while (explain_stranger(found, network, count))
        count++;
    names = arena_alloc(&status->arena, count * sizeof(*names));
    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < count && (link = explain_stranger(found, network, i)); i++) {
        char *name = arena_strdup(&status->arena, link->name);

        if (!name || warn_of_stranger(status, network, explain_clean(name)) < 0)
            return -ENOMEM;
        names[i] = name;
    }
    ret->strangers = names;
    ret->stranger_count = count;
    return 0;
}

static int fill_network(struct tapnet_status *status, const struct view *view, const struct model_service *service,
                        struct tapnet_status_network *ret)
{
    const struct model_network *network = service->network;
    struct tapnet_status_port *ports = arena_alloc(&status->arena, network->port_count * sizeof(*ports));
    char subnet[IP_PREFIX_TEXT_MAX], subnet6[IP_PREFIX_TEXT_MAX] = "";

    if (!ports)
        return -ENOMEM;
    if (network->subnet6.address.family)
        ip_prefix_print(&network->subnet6, subnet6);
    for (size_t i = 0; i < network->port_count; i++)
        fill_port(status, view, network, &network->ports[i], &ports[i]);
    if (status_fill_guests(status, view->found, network, ports) < 0)
        return -ENOMEM;
    *ret = (struct tapnet_status_network){
        .set = arena_strdup(&status->arena, service->set),
        .name = arena_strdup(&status->arena, network->name),
        .mode = model_mode_print(network->mode),
        .ports_see_each_other = network->ports_see_each_other,
        .host_open = network->host == MODEL_HOST_ALLOW,
        .bridge = arena_strdup(&status->arena, network->bridge),
        .subnet = model_mode_has_subnet(network->mode)
                      ? arena_strdup(&status->arena, ip_prefix_print(&network->subnet, subnet))
                      : "",
        .uplink = network->mode != MODEL_MODE_ISOLATED ? arena_strdup(&status->arena, network->uplink) : "",
        .gateway = model_mode_leads_out(network->mode) ? print_address(&status->arena, &network->subnet.address) : "",
        .subnet6 = arena_strdup(&status->arena, subnet6),
        .uplink6 = arena_strdup(&status->arena, network->uplink6),
        .gateway6 = model_routes6(network) ? print_address(&status->arena, &model_router6.address) : "",
        .dns = network->dns_port ? print_address(&status->arena, &network->subnet.address) : "",
        .mtu = network->mtu,
        .served = service->running,
        .routes = !model_network_has_bridge(network),
        .ports = ports,
        .port_count = network->port_count,
        .inside = model_network_has_clones(network) ? print_address(&status->arena, &network->clones.address) : "",
        .inside6 = model_network_has_clones6(network) ? print_address(&status->arena, &network->clones.address6) : "",
    };
    return fill_strangers(status, view->found, network, ret);
}

int status_warn(struct tapnet_status *status, const char *text)
{
    if (!text || array_reserve((void **)&status->warnings, &status->warning_capacity, status->warning_count, 1,
                               sizeof(*status->warnings)) < 0)
        return -ENOMEM;
    status->warnings[status->warning_count++] = text;
    return 0;
}

static int add_warning(void *data, const char *text)
{
    return status_warn(data, text);
}

static int add_warnings(struct tapnet_status *status, struct view *view, const struct model_network *network)
{
    const char *warning;
    int result = api_uplink_warning(view->found, network, &status->arena, &warning);

    if (result == 0 && warning)
        result = status_warn(status, warning);
    if (result == 0)
        result = lease_warning(view->run_dir, view->found, network, &status->arena, &warning);
    if (result == 0 && warning)
        result = status_warn(status, warning);
    if (result == 0)
        result = hooks_warning(view->run_dir, network, &status->arena, &warning);
    if (result == 0 && warning)
        result = status_warn(status, warning);
    if (result == 0)
        result = hook_resident_warning(view->run_dir, network, &status->arena, &warning);
    if (result == 0 && warning)
        result = status_warn(status, warning);
    return result < 0 ? result : forwards_warn(&view->host, network, &status->arena, add_warning, status);
}

static int fill_networks(struct tapnet_status *status, struct view *view)
{
    const struct model_objects *objects = &view->found->objects;
    size_t count = 0;

    for (size_t i = 0; i < objects->count; i++)
        count += objects->items[i].kind == MODEL_OBJECT_SERVICE;
    status->networks = arena_alloc(&status->arena, count * sizeof(*status->networks));
    if (!status->networks)
        return -ENOMEM;
    for (size_t i = 0; i < objects->count; i++) {
        const struct model_service *service = &objects->items[i].service;

        if (objects->items[i].kind != MODEL_OBJECT_SERVICE || !shows(view, service->set, service->network->name))
            continue;
        if (fill_network(status, view, service, &status->networks[status->network_count]) < 0 ||
            add_warnings(status, view, service->network) < 0)
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

static void fill_device(struct tapnet_status *status, const struct view *view, const char *set, const char *name,
                        bool is_tap)
{
    const struct device_holder *holder = find_holder(view, name);

    if (!shows(view, set, ""))
        return;
    status->devices[status->device_count++] = (struct tapnet_status_device){
        .set = arena_strdup(&status->arena, set),
        .name = arena_strdup(&status->arena, name),
        .kind = is_tap ? "tap" : "tun",
        .addresses = join_addresses(status, view, name),
        .state = device_state(find_traffic(view, name), holder),
        .holder = holder ? arena_strdup(&status->arena, holder->command) : "",
        .holder_pid = holder ? holder->pid : 0,
    };
}

/* Is the device of the link @object on the record of its set? */
static bool is_recorded(const struct observe_found *found, const struct model_object *object)
{
    const struct model_record *record = sets_record(found, object->link.owner.set);

    for (size_t i = 0; record && i < record->device_count; i++)
        if (strcmp(record->devices[i].name, object->link.name) == 0)
            return true;
    return false;
}

/* Those on record, there or not, then those that are there and on no record. */
static int fill_devices(struct tapnet_status *status, const struct view *view)
{
    const struct model_objects *objects = &view->found->objects;
    size_t count = 0;

    for (size_t i = 0; i < objects->count; i++)
        count += sets_is_device(&objects->items[i])              ? 1
                 : objects->items[i].kind == MODEL_OBJECT_RECORD ? objects->items[i].record.device_count
                                                                 : 0;
    status->devices = arena_alloc(&status->arena, count * sizeof(*status->devices));
    if (!status->devices)
        return -ENOMEM;
    for (size_t i = 0; i < objects->count; i++) {
        const struct model_record *record = &objects->items[i].record;

        for (size_t j = 0; objects->items[i].kind == MODEL_OBJECT_RECORD && j < record->device_count; j++)
            fill_device(status, view, record->set, record->devices[j].name,
                        record->devices[j].kind == MODEL_DEVICE_TAP);
    }
    for (size_t i = 0; i < objects->count; i++) {
        const struct model_link *link = &objects->items[i].link;

        if (sets_is_device(&objects->items[i]) && !is_recorded(view->found, &objects->items[i]))
            fill_device(status, view, link->owner.set, link->name, link->kind == MODEL_LINK_TAP);
    }
    return 0;
}

/* ---- what is shown ---- */

/* The network that @name is a port of, a device or the bridge; NULL when it is nothing that is known. */
static const char *network_of(const struct model_objects *objects, const char *name)
{
    for (size_t i = 0; i < objects->count; i++) {
        const struct model_network *network = objects->items[i].service.network;

        if (objects->items[i].kind != MODEL_OBJECT_SERVICE)
            continue;
        if (strcmp(network->bridge, name) == 0)
            return network->name;
        for (size_t j = 0; j < network->port_count; j++)
            if (strcmp(network->ports[j].name, name) == 0 || strcmp(network->ports[j].device, name) == 0)
                return network->name;
    }
    return NULL;
}

/* @name is a set, or a network of one. */
static int choose(struct view *view, const char *name, const char *const *names, size_t count,
                  struct tapnet_error *error)
{
    const struct model_objects *objects = &view->found->objects;
    const char *network;
    int result;

    for (size_t i = 0; i < count && !view->set; i++)
        if (strcmp(names[i], name) == 0)
            view->set = names[i];
    for (size_t i = 0; i < objects->count && !view->set; i++) {
        const struct model_service *service = &objects->items[i].service;

        if (objects->items[i].kind != MODEL_OBJECT_SERVICE || strcmp(service->network->name, name) != 0)
            continue;
        view->set = service->set;
        view->network = service->network->name;
    }
    if (view->set)
        return 0;
    network = network_of(objects, name);
    if (network)
        return error_set(error, -ENOENT,
                         "%s is no set and no network, but belongs to network %s: `tapnet status %s` shows it", name,
                         network, network);
    if (count == 0)
        return error_set(error, -ENOENT, "no set or network %s is up; nothing is up", name);
    result = error_set(error, -ENOENT, "no set or network %s is up; up %s:", name, count == 1 ? "is" : "are");
    for (size_t i = 0; i < count; i++)
        error_append(error, "%s %s", i ? "," : "", names[i]);
    return result;
}

static int fill_sets(struct tapnet_status *status, struct view *view, const char *name, struct tapnet_error *error)
{
    _cleanup_free_ const char **names = NULL;
    size_t count = 0;
    int result = sets_names(view->found, &status->arena, &names, &count);

    if (result == 0 && name)
        result = choose(view, name, names, count, error);
    if (result < 0)
        return result;
    status->sets = arena_alloc(&status->arena, count * sizeof(*status->sets));
    if (!status->sets)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct model_record *record = sets_record(view->found, names[i]);

        if (!view->set || strcmp(view->set, names[i]) == 0)
            status->sets[status->set_count++] = (struct tapnet_status_set){
                .name = names[i],
                .file = record ? arena_strdup(&status->arena, record->path) : "",
            };
    }
    return 0;
}

API int tapnet_status_get(struct tapnet *tapnet, const char *name, struct tapnet_status **ret,
                          struct tapnet_error *error)
{
    struct tapnet_status *status cleanup(cleanup_tapnet_status_free) = calloc(1, sizeof(*status));
    struct observe_found *found cleanup(cleanup_observe_free) = NULL;
    struct view view cleanup(view_fini) = {0};
    int result = api_check_right(error);

    if (!status)
        return error_set(error, -ENOMEM, "out of memory");
    if (result < 0)
        return result;
    result = observe_host(tapnet->run_dir, &found, error);
    if (result == 0)
        result = observe_traffic(&view.traffic, &view.traffic_count, error);
    if (result == 0) /* after that: who is seen to have plugged in is seen himself */
        result = device_holders(-1, &view.holders, &view.holder_count, error);
    if (result < 0)
        return result;
    view.found = found;
    view.run_dir = tapnet->run_dir;
    if (!found->service_is_mute)
        result = observe_leases(tapnet->run_dir, &view.leases, &view.lease_count);
    if (result == 0)
        result = fill_sets(status, &view, name, error);
    if (result == 0)
        result = status_fill_keeper(status, tapnet);
    if (result == 0)
        result = fill_networks(status, &view);
    if (result == 0)
        result = fill_devices(status, &view);
    if (result == 0)
        result = status_fill_problems(status, tapnet, found);
    if (result == -ENOMEM)
        return error_set(error, result, "out of memory");
    if (result < 0)
        return result;
    *ret = take_pointer(status);
    return 0;
}

int status_find_problems(const struct tapnet *tapnet, const struct observe_found *found, struct tapnet_status **ret,
                         struct tapnet_error *error)
{
    struct tapnet_status *status cleanup(cleanup_tapnet_status_free) = calloc(1, sizeof(*status));
    struct view all = {.found = found};
    int result = status ? fill_sets(status, &all, NULL, error) : -ENOMEM;

    if (result == 0)
        result = status_fill_problems(status, tapnet, found);
    if (result == 0)
        result = status_fill_keeper(status, tapnet);
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
    free(status->warnings);
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
    return index < status->problem_count ? status->problems[index].text : NULL;
}

API const char *tapnet_status_warning(const struct tapnet_status *status, size_t index)
{
    return index < status->warning_count ? status->warnings[index] : NULL;
}

API int tapnet_status_keeper(const struct tapnet_status *status)
{
    return status->keeper_pid;
}

API const struct tapnet_status_set *tapnet_status_set(const struct tapnet_status *status, size_t index)
{
    return index < status->set_count ? &status->sets[index] : NULL;
}
