/* SPDX-License-Identifier: MIT */
/* What a routed network and its ports want of the host. */
#include <string.h>

#include "model/expand.h"

/*
 * What the guest of a routed port may send from: of its packets and of its ARP. A guest that the file names no MAC of
 * has any: nobody else is on its cable. Of one that has a MAC the host need not ask.
 */
static void expand_routed_sources(struct expansion *expansion, const struct model_port *port, const char *label)
{
    struct model_object neighbour = {.kind = MODEL_OBJECT_NEIGHBOUR, .place = port->place};

    if (port->mac_spoofing || !port->guest_mac_given) {
        add_element(expansion, port->place, guard_device(GUARD_ROUTED_ANY_MAC_PORTS, port->device, label));
        add_element(expansion, port->place,
                    guard_routed_address(GUARD_ROUTED_ANY_MAC_ADDRESSES, port->device, &port->address, label));
        add_element(expansion, port->place,
                    guard_routed_address(GUARD_ARP_ANY_MAC_ADDRESSES, port->device, &port->address, label));
        return;
    }
    add_element(expansion, port->place, guard_routed_mac(port->device, &port->guest_mac, label));
    add_element(expansion, port->place,
                guard_routed_source(port->limit.send ? GUARD_ROUTED_LIMITED_ADDRESSES : GUARD_ROUTED_ADDRESSES,
                                    port->device, &port->guest_mac, &port->address, label));
    add_element(expansion, port->place,
                guard_routed_source(GUARD_ARP_ADDRESSES, port->device, &port->guest_mac, &port->address, label));
    neighbour.neighbour = (struct model_neighbour){.address = port->address, .mac = port->guest_mac};
    memcpy(neighbour.neighbour.device, port->device, sizeof(neighbour.neighbour.device));
    add_object(expansion, &neighbour);
}

/* Whoever is on the uplink takes the guest for a neighbour there: the host answers for it. */
static void add_proxy(struct expansion *expansion, const struct model_network *network, const struct model_port *port)
{
    struct model_object object = {.kind = MODEL_OBJECT_NEIGHBOUR, .place = port->place};

    object.neighbour = (struct model_neighbour){.address = port->address, .proxy = true};
    memcpy(object.neighbour.device, network->uplink, sizeof(object.neighbour.device));
    add_object(expansion, &object);
}

/* The gateway's address stands on each port, its guest's at the other end: so the kernel has a route to that one. */
static void add_peer(struct expansion *expansion, const struct model_network *network, const struct model_port *port)
{
    struct model_object object = {.kind = MODEL_OBJECT_ADDRESS, .place = port->place};

    memcpy(object.address.device, port->device, sizeof(object.address.device));
    object.address.prefix = (struct ip_prefix){network->subnet.address, 32};
    object.address.peer = port->address;
    add_object(expansion, &object);
}

/* To its uplink and back; what it sends goes where its connections are counted, if they are. */
static void expand_ways(struct expansion *expansion, const struct model_network *network, const struct model_port *port,
                        const char *label)
{
    if (!network->uplink[0])
        return;
    add_element(expansion, port->place, guard_way(network->uplink, port->device, label));
    if (!port->limit.connections) {
        add_element(expansion, port->place, guard_way(port->device, network->uplink, label));
        return;
    }
    add_element(expansion, port->place, guard_limited_way(port->device, network->uplink, label));
    add_element(expansion, port->place, guard_path(port->device, network->uplink, label));
}

/* What it sends to groups reaches nobody: `broadcast` has no use here. */
static void expand_routed_limit(struct expansion *expansion, const struct model_port *port, const char *label)
{
    const struct model_limit *limit = &port->limit;
    struct guard_element send = guard_device(GUARD_ROUTED_SEND_LIMITS, port->device, label);

    guard_set_limit(&send, limit->send / 8, model_burst(limit, limit->send));
    if (limit->send)
        add_element(expansion, port->place, send);
    if (limit->connections)
        add_element(expansion, port->place,
                    guard_connection_limit(port->device, &port->address, limit->connections, label));
}

void expand_routed_port(struct expansion *expansion, const struct model_network *network, const struct model_port *port)
{
    const char *label = make_label(expansion, network, port);

    add_element(expansion, port->place, guard_network(port->device, label));
    add_element(expansion, port->place, guard_device(GUARD_ROUTED_PORTS, port->device, label));
    add_element(expansion, port->place, guard_device(GUARD_ARP_PORTS, port->device, label));
    expand_routed_sources(expansion, port, label);
    add_gateway(expansion, port->place, network, port->device, label);
    if (network->host == MODEL_HOST_ALLOW)
        add_element(expansion, port->place, guard_device(GUARD_OPEN_HOSTS, port->device, label));
    expand_ways(expansion, network, port, label);
    expand_routed_limit(expansion, port, label);
    expand_forwards(expansion, port, label);
    if (port->forward_count)
        add_element(expansion, port->place,
                    guard_routed_address(GUARD_ROUTED_PUBLISHED, port->device, &port->address, label));
    add_port_link(expansion, network, port);
    add_peer(expansion, network, port);
    if (network->on_link && network->uplink[0])
        add_proxy(expansion, network, port);
}

void expand_routed_network(struct expansion *expansion, const struct model_network *network, const char *label)
{
    add_element(expansion, network->place, guard_peers(GUARD_ARP_REACH, &network->subnet, label));
    add_element(expansion, network->place,
                guard_peers(network->ports_see_each_other ? GUARD_PEERS : GUARD_ROUTED_APART, &network->subnet, label));
}
