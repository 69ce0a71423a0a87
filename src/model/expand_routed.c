/* SPDX-License-Identifier: MIT */
/* What a network whose ports have no bridge wants of the host: one of mode routed, and what has too many for one. */
#include <string.h>

#include "model/expand.h"
#include "model/forward.h"

static bool has_any_mac(const struct model_port *port)
{
    return port->mac_spoofing || !port->guest_mac_given;
}

/* The host never asks who has @address there. */
static void add_neighbour(struct expansion *expansion, const struct model_port *port, const struct ip_address *address)
{
    struct model_object object = {.kind = MODEL_OBJECT_NEIGHBOUR, .place = port->place};

    object.neighbour = (struct model_neighbour){.address = *address, .mac = port->guest_mac};
    memcpy(object.neighbour.device, port->device, sizeof(object.neighbour.device));
    add_object(expansion, &object);
}

/* Its address outside and the one that all have inside are exchanged where packets come and go. */
static void expand_clone(struct expansion *expansion, const struct model_port *port, const struct ip_address *inside,
                         const struct ip_address *outside, const char *label)
{
    add_element(expansion, port->place, guard_translated(GUARD_OUTSIDES, port->device, inside, outside, label));
    add_element(expansion, port->place, guard_translated(GUARD_INSIDES, port->device, outside, inside, label));
}

/*
 * The same by IPv6. The host asks for neither address: it speaks to the one inside, but to the one outside where it has
 * learnt of a smaller MTU on the way there (rt6_nexthop() in the kernel takes the destination of such a route).
 */
static void expand_clone6(struct expansion *expansion, const struct model_port *port, const struct ip_address *inside,
                          const char *label)
{
    expand_clone(expansion, port, inside, &port->address6, label);
    add_element(expansion, port->place, guard_routed_address(GUARD_INSIDE_TARGETS6, port->device, inside, label));
    add_neighbour(expansion, port, inside);
}

/*
 * What the guest of a routed port may send from: of its packets and of its ARP, which says the address that it has
 * @inside. A guest that the file names no MAC of has any: nobody else is on its cable. Of one that has a MAC the host
 * need not ask.
 */
static void expand_routed_sources(struct expansion *expansion, const struct model_port *port,
                                  const struct ip_address *inside, const char *label)
{
    if (has_any_mac(port)) {
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
                guard_routed_source(GUARD_ARP_ADDRESSES, port->device, &port->guest_mac, inside, label));
    add_neighbour(expansion, port, inside);
}

/* The same by IPv6: what it says in Neighbour Discovery is compared with the same sets. */
static void expand_routed_sources6(struct expansion *expansion, const struct model_port *port, const char *label)
{
    if (has_any_mac(port)) {
        add_element(expansion, port->place,
                    guard_routed_address(GUARD_ROUTED_ANY_MAC_ADDRESSES, port->device, &port->address6, label));
        return;
    }
    add_element(expansion, port->place,
                guard_routed_source(port->limit.send ? GUARD_ROUTED_LIMITED_ADDRESSES : GUARD_ROUTED_ADDRESSES,
                                    port->device, &port->guest_mac, &port->address6, label));
    add_neighbour(expansion, port, &port->address6);
}

/* Whoever is on the @uplink takes the guest with @address for a neighbour there: the host answers for it. */
static void add_proxy(struct expansion *expansion, const struct model_port *port, const char *uplink,
                      const struct ip_address *address)
{
    struct model_object object = {.kind = MODEL_OBJECT_NEIGHBOUR, .place = port->place};

    object.neighbour = (struct model_neighbour){.address = *address, .proxy = true};
    memcpy(object.neighbour.device, uplink, sizeof(object.neighbour.device));
    add_object(expansion, &object);
}

/* The @gateway's address stands on each port, its @guest's at the other end: so the kernel has a route to that one. */
static void add_peer(struct expansion *expansion, const struct model_port *port, const struct ip_address *gateway,
                     const struct ip_address *guest)
{
    struct model_object object = {.kind = MODEL_OBJECT_ADDRESS, .place = port->place};

    memcpy(object.address.device, port->device, sizeof(object.address.device));
    object.address.prefix = (struct ip_prefix){*gateway, (uint8_t)(8 * ip_family_size(gateway->family))};
    object.address.peer = *guest;
    add_object(expansion, &object);
}

/*
 * By IPv6 a route alone: the gateway's address stands on the network's device. The kernel keeps addresses that are
 * alike, and what leads to them, in lists that it goes through for each that is added.
 */
static void add_route6(struct expansion *expansion, const struct model_network *network, const struct model_port *port)
{
    struct model_object object = {.kind = MODEL_OBJECT_ROUTE, .place = port->place};

    memcpy(object.route.device, port->device, sizeof(object.route.device));
    object.route.guest = port->address6;
    if (model_mode_leads_out(network->mode))
        object.route.source = network->subnet6.address;
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

static void expand_ways6(struct expansion *expansion, const struct model_network *network,
                         const struct model_port *port, const char *label)
{
    if (!network->uplink6[0])
        return;
    add_element(expansion, port->place, guard_way6(network->uplink6, port->device, label));
    if (!port->limit.connections) {
        add_element(expansion, port->place, guard_way6(port->device, network->uplink6, label));
        return;
    }
    add_element(expansion, port->place, guard_limited_way6(port->device, network->uplink6, label));
    add_element(expansion, port->place, guard_path6(port->device, network->uplink6, label));
}

/*
 * Who is masqueraded has the same pairs as a bridge has. Connections that are known go by `paths`; those that are
 * counted are met by the rules for that before `egress`.
 */
static void expand_masquerade(struct expansion *expansion, const struct model_network *network,
                              const struct model_port *port, const char *label)
{
    struct model_place place = port->place;

    if (network->uplink[0]) {
        add_element(expansion, place, guard_egress(port->device, network->uplink, label));
        add_element(expansion, place, guard_path(port->device, network->uplink, label));
        add_element(expansion, place, guard_path(network->uplink, port->device, label));
    }
    if (!network->uplink6[0] || !port->address6.family)
        return;
    add_element(expansion, place, guard_egress6(port->device, network->uplink6, label));
    add_element(expansion, place, guard_path6(port->device, network->uplink6, label));
    add_element(expansion, place, guard_path6(network->uplink6, port->device, label));
    if (model_is_local6(&network->subnet6))
        add_element(expansion, place, guard_masquerade6(port->device, network->uplink6, label));
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
    if (limit->connections && port->address6.family)
        add_element(expansion, port->place,
                    guard_connection_limit(port->device, &port->address6, limit->connections, label));
}

/* Who comes back to itself by a forward is somebody else. */
static void expand_routed_published(struct expansion *expansion, const struct model_port *port,
                                    const struct ip_address *guest, const char *label)
{
    for (size_t i = 0; i < port->forward_count; i++)
        if (model_forward_leads(&port->forwards[i], guest)) {
            add_element(expansion, port->place,
                        guard_routed_address(GUARD_ROUTED_PUBLISHED, port->device, guest, label));
            return;
        }
}

/* All that a port has more where its network has IPv6. */
static void expand_routed_port6(struct expansion *expansion, const struct model_network *network,
                                const struct model_port *port, const char *label)
{
    add_element(expansion, port->place, guard_device(GUARD_ROUTED_PORTS6, port->device, label));
    expand_routed_sources6(expansion, port, label);
    if (model_network_has_clones6(network))
        expand_clone6(expansion, port, &network->clones.address6, label);
    add_address(expansion, port->place, port->device, &model_router6);
    if (model_mode_leads_out(network->mode))
        add_gateway6(expansion, port->place, network, port->device, label);
    if (network->mode == MODEL_MODE_ROUTED)
        expand_ways6(expansion, network, port, label);
    expand_routed_published(expansion, port, &port->address6, label);
    add_route6(expansion, network, port);
    if (network->on_link6 && network->uplink6[0])
        add_proxy(expansion, port, network->uplink6, &port->address6);
}

/* What it reaches of the host; and that the host, which has a route to it, does not speak to one that is isolated. */
static void expand_host(struct expansion *expansion, const struct model_network *network, const struct model_port *port,
                        const char *label)
{
    if (!model_mode_leads_out(network->mode)) {
        add_element(expansion, port->place, guard_device(GUARD_SECLUDED_PORTS, port->device, label));
        return;
    }
    add_gateway(expansion, port->place, network, port->device, label);
    if (network->host == MODEL_HOST_ALLOW)
        add_element(expansion, port->place, guard_device(GUARD_OPEN_HOSTS, port->device, label));
}

void expand_routed_port(struct expansion *expansion, const struct model_network *network, const struct model_port *port)
{
    const char *label = make_label(expansion, network, port);

    add_element(expansion, port->place, guard_network(port->device, label));
    add_element(expansion, port->place, guard_device(GUARD_ROUTED_PORTS, port->device, label));
    add_element(expansion, port->place, guard_device(GUARD_ARP_PORTS, port->device, label));
    expand_routed_sources(expansion, port, model_port_inside(network, port), label);
    if (model_network_has_clones(network))
        expand_clone(expansion, port, &network->clones.address, &port->address, label);
    expand_host(expansion, network, port, label);
    if (network->mode == MODEL_MODE_ROUTED)
        expand_ways(expansion, network, port, label);
    else if (network->mode == MODEL_MODE_NAT)
        expand_masquerade(expansion, network, port, label);
    expand_routed_limit(expansion, port, label);
    expand_forwards(expansion, port, label);
    expand_routed_published(expansion, port, &port->address, label);
    add_port_link(expansion, network, port);
    add_peer(expansion, port, &network->subnet.address, &port->address);
    if (network->on_link && network->uplink[0])
        add_proxy(expansion, port, network->uplink, &port->address);
    if (port->address6.family)
        expand_routed_port6(expansion, network, port, label);
}

void expand_routed_network(struct expansion *expansion, const struct model_network *network, const char *label)
{
    enum guard_set set = network->ports_see_each_other ? GUARD_PEERS : GUARD_ROUTED_APART;

    add_element(expansion, network->place, guard_peers(GUARD_ARP_REACH, &network->subnet, label));
    add_element(expansion, network->place, guard_peers(set, &network->subnet, label));
    if (network->subnet6.address.family)
        add_element(expansion, network->place, guard_peers(set, &network->subnet6, label));
}
