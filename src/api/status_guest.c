/* SPDX-License-Identifier: MIT */
/* Which MACs are at the ports of a network, whose are refused and why, and what was dropped there. */
#include "api/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

/*
 * How it works: all of it stands in sets of the bridge table that the rules fill (guard.h), which the look at the host
 * has brought along, sorted. What is asked of a port are the elements of one set whose key begins with its device.
 */
struct guests {
    struct tapnet_status *status;
    const struct observe_found *found;
    const struct model_network *network;
    struct tapnet_status_port *ports;
    struct mac *macs; /* by port: what its guest sends from; zero: nothing yet */
};

/* What the counter of @element says; 0 when it is not there. */
static uint64_t count_of(const struct observe_found *found, struct guard_element element)
{
    const struct model_object key = {.kind = MODEL_OBJECT_ELEMENT, .element = element};
    const struct model_object *object = model_objects_find(&found->objects, &key);

    return object ? object->element.packets : 0;
}

/* The elements of @set about @device, which stand together: how many there are, and the first. */
static size_t find_elements(const struct observe_found *found, enum guard_set set, const char *device,
                            const struct model_object **ret)
{
    struct model_object key = {.kind = MODEL_OBJECT_ELEMENT, .element = guard_port(device, "")};
    const struct model_object *items = found->objects.items;
    size_t first, count = 0;

    key.element.set = set;
    first = model_objects_before(&found->objects, &key);
    *ret = items + first;
    while (first + count < found->objects.count && items[first + count].kind == MODEL_OBJECT_ELEMENT &&
           items[first + count].element.set == set &&
           strcmp(guard_read_ifname(&items[first + count].element, 0), device) == 0)
        count++;
    return count;
}

static const char *print_mac(struct guests *guests, const struct mac *mac)
{
    char text[MAC_TEXT_MAX];

    return arena_strdup(&guests->status->arena, mac_print(mac, text));
}

/* The MAC of a port whose file names none: the first that was seen. */
static void fill_mac(struct guests *guests, size_t index)
{
    const struct model_port *port = &guests->network->ports[index];
    struct tapnet_status_port *status = &guests->ports[index];
    const struct model_object *first;
    bool any = port->mac_spoofing || (!model_network_has_bridge(guests->network) && !port->guest_mac_given);

    status->mac_source = any ? "any" : port->guest_mac_given ? "file" : "proposed";
    if (any || port->guest_mac_given) {
        guests->macs[index] = port->guest_mac;
    } else if (strcmp(status->state, "plugged") == 0 &&
               find_elements(guests->found, GUARD_PORT_MACS, port->device, &first)) {
        guests->macs[index] = guard_read_mac(&first->element, 1);
        status->mac = print_mac(guests, &guests->macs[index]);
        status->mac_source = "seen";
    }
}

/* -ENOMEM when memory is short. */
static int fill_refused(struct guests *guests, size_t index)
{
    struct tapnet_status_port *status = &guests->ports[index];
    const struct model_object *first;
    enum guard_set set = model_network_has_bridge(guests->network) ? GUARD_REFUSED_MACS : GUARD_ROUTED_REFUSED_MACS;
    size_t count = find_elements(guests->found, set, status->device, &first);
    const char **macs;

    if (strcmp(status->state, "plugged") != 0 || !count)
        return 0;
    macs = arena_alloc(&guests->status->arena, count * sizeof(*macs));
    if (!macs)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct mac mac = guard_read_mac(&first[i].element, 1);

        macs[i] = print_mac(guests, &mac);
        if (!macs[i])
            return -ENOMEM;
    }
    status->refused_macs = macs;
    status->refused_mac_count = count;
    return 0;
}

/* What the counter of @set says that is @device's. */
static uint64_t count_at(const struct observe_found *found, enum guard_set set, const char *device)
{
    const struct model_object *first;

    return find_elements(found, set, device, &first) ? first->element.packets : 0;
}

static void fill_blocked(struct guests *guests, size_t index)
{
    const struct model_network *network = guests->network;
    struct tapnet_status_port *status = &guests->ports[index];

    status->blocked_by.frames = count_at(guests->found, GUARD_BLOCKED, status->device) +
                                count_at(guests->found, GUARD_ROUTED_BLOCKED, status->device);
    status->blocked_by.arp = count_at(guests->found, GUARD_ARP_BLOCKED, status->device);
    status->blocked_by.ways = count_of(guests->found, guard_refused(network->bridge, &network->ports[index].address)) +
                              count_of(guests->found, guard_refused6(network->bridge, &guests->macs[index]));
    status->blocked = status->blocked_by.frames + status->blocked_by.arp + status->blocked_by.ways;
}

static void fill_refused_connections(struct guests *guests, size_t index)
{
    const struct model_network *network = guests->network;
    const char *device = model_network_has_bridge(network) ? network->bridge : network->ports[index].device;
    const struct model_object *first;
    size_t count;

    count = network->ports[index].limit.connections
                ? find_elements(guests->found, GUARD_REFUSED_CONNECTIONS, device, &first)
                : 0;
    for (size_t i = 0; i < count; i++) {
        const struct ip_address address = guard_read_ip4(&first[i].element, 1);

        if (ip_address_equal(&address, &network->ports[index].address))
            guests->ports[index].refused_connections = first[i].element.packets;
    }
    count = network->ports[index].limit.connections
                ? find_elements(guests->found, GUARD_REFUSED_CONNECTIONS6, device, &first)
                : 0;
    for (size_t i = 0; i < count; i++) {
        const struct ip_address address = guard_read_ip6(&first[i].element, 1);

        if (ip_address_equal(&address, &network->ports[index].address6))
            guests->ports[index].refused_connections += first[i].element.packets;
    }
}

static void fill_limit(struct guests *guests, size_t index)
{
    const struct model_limit *limit = &guests->network->ports[index].limit;
    struct tapnet_status_port *status = &guests->ports[index];

    status->limit.send = limit->send;
    status->limit.receive = limit->receive;
    status->limit.burst = limit->burst;
    status->limit.connections = limit->connections;
    status->limit.broadcast = limit->broadcast;
}

/* ---- what is said of a MAC that is refused ---- */

/* Whose is it, if not that of port @index? "" when it is nobody's any more; NULL when memory is short. */
static const char *print_owner(struct guests *guests, size_t index, const struct mac *mac)
{
    const struct model_network *network = guests->network;
    struct arena *arena = &guests->status->arena;

    if (mac_equal(mac, &network->mac))
        return "which is the gateway's";
    for (size_t i = 0; i < network->port_count; i++)
        if (i != index && mac_equal(mac, &guests->macs[i]))
            return arena_printf(arena, "which is that of the guest in %s/%s", network->name, network->ports[i].name);
    for (size_t i = 0; i < network->port_count; i++)
        if (i != index && mac_equal(mac, &network->ports[i].guest_mac))
            return arena_printf(arena, "which is kept for the guest in %s/%s", network->name, network->ports[i].name);
    return "";
}

/* Of a port that takes one MAC, or has learnt one. */
static int warn_of_another(struct guests *guests, size_t index, const char *refused)
{
    const struct model_port *port = &guests->network->ports[index];
    const char *mac = guests->ports[index].mac;

    if (port->guest_mac_given && port->origin != MODEL_ORIGIN_DECLARED)
        return status_warn(guests->status,
                           arena_printf(&guests->status->arena,
                                        "port %s/%s: it was made for a guest with MAC %s, and what its guest sends "
                                        "from %s is dropped: start it with mac=%s",
                                        guests->network->name, port->name, mac, refused, mac));
    if (port->guest_mac_given)
        return status_warn(guests->status,
                           arena_printf(&guests->status->arena,
                                        "port %s/%s: the file gives its guest MAC %s, and what it sends from %s is "
                                        "dropped: start it with mac=%s, or write `mac: %s`",
                                        guests->network->name, port->name, mac, refused, mac, refused));
    return status_warn(guests->status,
                       arena_printf(&guests->status->arena,
                                    "port %s/%s: its guest has MAC %s, and what it sends from %s is dropped: unplug it "
                                    "for another MAC, or write `mac_spoofing: true`",
                                    guests->network->name, port->name, mac, refused));
}

/* Of a port that is not known to have any yet. */
static int warn_of_clash(struct guests *guests, size_t index, const struct mac *refused)
{
    const struct model_port *port = &guests->network->ports[index];
    const char *owner = print_owner(guests, index, refused);
    char text[MAC_TEXT_MAX], own[MAC_TEXT_MAX];

    if (!owner || !*owner)
        return owner ? 0 : -ENOMEM;
    return status_warn(guests->status,
                       arena_printf(&guests->status->arena,
                                    "port %s/%s: its guest has MAC %s, %s: it is not served; start it with another "
                                    "one: -device virtio-net-pci,netdev=n0,mac=%s",
                                    guests->network->name, port->name, mac_print(refused, text), owner,
                                    mac_print(&port->guest_mac, own)));
}

/* One sentence a port: the first of its MACs says enough. */
static int warn(struct guests *guests, size_t index)
{
    const struct tapnet_status_port *status = &guests->ports[index];
    struct mac refused;

    if (!status->refused_mac_count || mac_parse(status->refused_macs[0], &refused) < 0)
        return 0;
    if (!mac_is_zero(&guests->macs[index]))
        return warn_of_another(guests, index, status->refused_macs[0]);
    return warn_of_clash(guests, index, &refused);
}

int status_fill_guests(struct tapnet_status *status, const struct observe_found *found,
                       const struct model_network *network, struct tapnet_status_port *ports)
{
    struct guests guests = {.status = status, .found = found, .network = network, .ports = ports};
    _cleanup_free_ struct mac *macs = calloc(network->port_count + 1, sizeof(*macs));
    int result = 0;

    if (!macs)
        return -ENOMEM;
    guests.macs = macs;
    for (size_t i = 0; i < network->port_count && result == 0; i++) {
        fill_mac(&guests, i);
        fill_blocked(&guests, i);
        fill_refused_connections(&guests, i);
        fill_limit(&guests, i);
        result = fill_refused(&guests, i);
    }
    for (size_t i = 0; i < network->port_count && result == 0; i++)
        result = warn(&guests, i);
    return result;
}
