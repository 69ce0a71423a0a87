/* SPDX-License-Identifier: MIT */
/* Ports that come and go while their network is up: those of `tapnet run` and `tapnet attach`. */
#include "api/ports.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "api/attach_quick.h"
#include "api/resident.h"
#include "api/sets.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "device/claim.h"
#include "netlink/link.h"
#include "netlink/netlink.h"

DEFINE_CLEANUP(struct observe_found *, observe_free)

/* ---- looking ---- */

const struct model_service *ports_network(const struct observe_found *found, const char *name)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_object *object = &found->objects.items[i];

        if (object->kind == MODEL_OBJECT_SERVICE && strcmp(object->service.network->name, name) == 0)
            return &object->service;
    }
    return NULL;
}

const struct model_port *ports_find(const struct model_network *network, const char *name)
{
    for (size_t i = 0; i < network->port_count; i++)
        if (strcmp(network->ports[i].name, name) == 0)
            return &network->ports[i];
    return NULL;
}

static int compare_objects(const void *a, const void *b)
{
    return model_object_compare(a, b);
}

static const struct model_link *find_device(const struct observe_found *found, const char *device)
{
    const struct model_objects *objects = &found->objects;
    struct model_object key = {.kind = MODEL_OBJECT_LINK, .link = {.kind = MODEL_LINK_TAP}};
    const struct model_object *object;

    memcpy(key.link.name, device, sizeof(key.link.name));
    object = objects->count ? bsearch(&key, objects->items, objects->count, sizeof(key), compare_objects) : NULL;
    return object ? &object->link : NULL;
}

bool ports_is_held(const struct observe_found *found, const struct model_port *port)
{
    const struct model_link *link = find_device(found, port->device);

    if (!link || link->plugged)
        return link != NULL;
    return link->multi_queue ? link->queues > 0 : device_is_held(link->name);
}

/* By a `tapnet run` that has not come to its end. */
static bool is_claimed(const struct observe_found *found, const struct model_port *port)
{
    const struct model_link *link = find_device(found, port->device);

    return link && device_is_claimed(link->index);
}

static void plug_in(const struct model_link *link)
{
    const struct netlink_link_change change = {.fields = NETLINK_LINK_CARRIER, .carrier = true};
    struct netlink *netlink = NULL;

    if (netlink_open(NETLINK_ROUTE, &netlink, NULL) == 0)
        netlink_link_set(netlink, link->index, NULL, &change, NULL);
    netlink_close(netlink);
}

void ports_plug_in(const struct observe_found *found)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_object *object = &found->objects.items[i];
        const struct model_network *network = object->kind == MODEL_OBJECT_SERVICE ? object->service.network : NULL;

        for (size_t j = 0; network && j < network->port_count; j++) {
            const struct model_port *port = &network->ports[j];
            const struct model_link *link = port->origin == MODEL_ORIGIN_RUN ? find_device(found, port->device) : NULL;

            if (link && !link->plugged && is_claimed(found, port))
                plug_in(link);
        }
    }
}

/* ---- what nobody holds any more ---- */

/* The end of a veth pair goes with the other, and that with its container. A port of `run` needs somebody. */
static bool is_over(const struct observe_found *found, const struct model_port *port)
{
    if (port->veth && !find_device(found, port->device))
        return true;
    return port->origin == MODEL_ORIGIN_RUN && !ports_is_held(found, port) && !is_claimed(found, port);
}

/* Ports of one set that are over. */
struct overs {
    const char *set; /* NULL: none was found yet */
    struct over {
        const char *network, *port;
    } * items;
    size_t count, capacity;
};

static void overs_fini(struct overs *overs)
{
    free(overs->items);
}

/* Those of the first set that has any. */
static int find_over(const struct observe_found *found, struct overs *ret)
{
    for (size_t i = 0; i < found->objects.count; i++) {
        const struct model_service *service = &found->objects.items[i].service;

        if (found->objects.items[i].kind != MODEL_OBJECT_SERVICE || (ret->set && strcmp(ret->set, service->set) != 0))
            continue;
        for (size_t j = 0; j < service->network->port_count; j++) {
            const struct model_port *port = &service->network->ports[j];

            if (!is_over(found, port))
                continue;
            if (array_reserve((void **)&ret->items, &ret->capacity, ret->count, 1, sizeof(*ret->items)) < 0)
                return -ENOMEM;
            ret->items[ret->count++] = (struct over){service->network->name, port->name};
            ret->set = service->set;
        }
    }
    return 0;
}

struct model_network *ports_network_of(struct model_set *set, const char *name)
{
    for (size_t i = 0; i < set->network_count; i++)
        if (strcmp(set->networks[i].name, name) == 0)
            return &set->networks[i];
    return NULL;
}

/* The array of the ports is what was found, which others look at: it is copied. */
int ports_remove(struct model_set *set, const char *network_name, const char *name)
{
    struct model_network *network = ports_network_of(set, network_name), *end = set->networks + set->network_count;
    struct model_port *ports = network ? arena_alloc(&set->arena, network->port_count * sizeof(*ports)) : NULL;
    size_t kept = 0;

    if (!network || !ports)
        return network ? -ENOMEM : 0;
    for (size_t i = 0; i < network->port_count; i++)
        if (strcmp(network->ports[i].name, name) != 0)
            ports[kept++] = network->ports[i];
    network->ports = ports;
    network->port_count = kept;
    if (kept || network->origin != MODEL_ORIGIN_RUN)
        return 0;
    memmove(network, network + 1, (size_t)(end - network - 1) * sizeof(*network));
    set->network_count--;
    return 0;
}

static int remove_over(struct model_set *set, void *data, struct tapnet_error *error)
{
    const struct overs *overs = data;

    (void)error;
    for (size_t i = 0; i < overs->count; i++)
        if (ports_remove(set, overs->items[i].network, overs->items[i].port) < 0)
            return -ENOMEM;
    return 0;
}

int ports_end(struct tapnet *tapnet, const struct observe_found *found, ports_report *report, void *data,
              bool *ret_ended, struct tapnet_error *error)
{
    struct overs overs cleanup(overs_fini) = {.set = NULL};
    struct sets_plan plan cleanup(sets_plan_fini) = {.plan = NULL};
    int result = find_over(found, &overs);

    *ret_ended = false;
    if (result < 0)
        return error_set(error, result, "out of memory");
    if (!overs.count)
        return 0;
    result = sets_plan_change(found, overs.set, remove_over, &overs, &plan, error);
    if (result == 0)
        result = api_plan_run(tapnet, plan.plan, &found->objects, NULL, NULL, error);
    if (result < 0)
        return error_prefix(error, result, "cannot take away port %s/%s, whose command has ended",
                            overs.items[0].network, overs.items[0].port);
    quick_prepare(tapnet, &plan.set);
    for (size_t i = 0; report && i < overs.count; i++)
        report(data, overs.items[i].network, overs.items[i].port);
    *ret_ended = true;
    return 0;
}

int ports_settle(struct tapnet *tapnet, struct observe_found **ret, struct tapnet_error *error)
{
    bool ended = true;
    int result = 0;

    while (result == 0 && ended) {
        struct observe_found *found cleanup(cleanup_observe_free) = NULL;

        result = observe_host(tapnet->run_dir, &found, error);
        if (result == 0)
            result = ports_end(tapnet, found, NULL, NULL, &ended, error);
        if (result == 0 && !ended && found->gone_count && !resident_runs(tapnet)) /* nobody else will */
            result = api_gone_delete(tapnet, error);
        if (result == 0 && !ended)
            *ret = take_pointer(found);
    }
    return result;
}

/* ---- a file that is brought up again ---- */

/* What was said of @port itself, which is what differs from that of its network on record; else what @network says. */
static struct model_limit carry_limit(const struct model_limit *port, const struct model_limit *recorded,
                                      const struct model_limit *network)
{
    struct model_limit limit = *network;

    if (port->send != recorded->send)
        limit.send = port->send;
    if (port->receive != recorded->receive)
        limit.receive = port->receive;
    if (port->burst != recorded->burst)
        limit.burst = port->burst;
    return limit;
}

/* @port of a network on record, as one of @network, which a file declares: its address is chosen with the others'. */
static struct model_port carry_over(const struct model_port *port, const struct model_network *recorded,
                                    const struct model_network *network)
{
    struct model_port carried = *port;

    carried.address = carried.address6 = (struct ip_address){.family = 0};
    carried.limit = carry_limit(&port->limit, &recorded->limit, &network->limit);
    return carried;
}

/* Is it one that was plugged at run time, that is still there, and whose name @network has not given away? */
static bool stays(const struct observe_found *found, const struct model_port *port, const struct model_network *network)
{
    return port->origin != MODEL_ORIGIN_DECLARED && !ports_find(network, port->name) &&
           (!port->veth || find_device(found, port->device));
}

static int take_over_network(const struct observe_found *found, const struct model_network *recorded,
                             struct model_set *set, struct model_network *network)
{
    size_t room = network->port_count + recorded->port_count;
    struct model_port *ports;

    for (size_t i = 0; i < recorded->port_count; i++)
        room -= !stays(found, &recorded->ports[i], network);
    if (room == network->port_count)
        return 0;
    ports = arena_alloc(&set->arena, room * sizeof(*ports));
    if (!ports)
        return -ENOMEM;
    if (network->port_count)
        memcpy(ports, network->ports, network->port_count * sizeof(*ports));
    room = network->port_count;
    for (size_t i = 0; i < recorded->port_count; i++)
        if (stays(found, &recorded->ports[i], network))
            ports[room++] = carry_over(&recorded->ports[i], recorded, network);
    network->ports = ports;
    network->port_count = room;
    return 0;
}

int ports_take_over(const struct observe_found *found, struct model_set *set)
{
    int result = 0;

    for (size_t i = 0; i < set->network_count && result == 0; i++) {
        const struct model_service *service = ports_network(found, set->networks[i].name);

        if (service && strcmp(service->set, set->name) == 0)
            result = take_over_network(found, service->network, set, &set->networks[i]);
    }
    return result;
}
