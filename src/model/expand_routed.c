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
                guard_routed_source(GUARD_ROUTED_ADDRESSES, port->device, &port->guest_mac, &port->address, label));
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
    if (network->uplink[0]) {
        add_element(expansion, port->place, guard_way(port->device, network->uplink, label));
        add_element(expansion, port->place, guard_way(network->uplink, port->device, label));
    }
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
