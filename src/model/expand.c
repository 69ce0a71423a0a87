/* SPDX-License-Identifier: MIT */
/* From what a set declares to the objects that it wants of the host. */
#include "model/expand.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/forward.h"

static void cleanup_expansion(struct expansion *expansion)
{
    model_objects_fini(&expansion->objects);
}

void add_object(struct expansion *expansion, const struct model_object *object)
{
    if (expansion->code == 0)
        expansion->code = model_objects_add(&expansion->objects, object);
}

void add_element(struct expansion *expansion, struct model_place place, struct guard_element element)
{
    struct model_object object = {.kind = MODEL_OBJECT_ELEMENT, .place = place};

    object.element = element;
    add_object(expansion, &object);
}

const char *make_label(struct expansion *expansion, const struct model_network *network, const struct model_port *port)
{
    struct arena *arena = &expansion->objects.arena;
    const char *label = port ? arena_printf(arena, "%s/%s/%s", expansion->set->name, network->name, port->name)
                             : arena_printf(arena, "%s/%s", expansion->set->name, network->name);

    if (!label && expansion->code == 0)
        expansion->code = -ENOMEM;
    return label ? label : "";
}

static bool needs_table(const struct model_set *set, enum guard_family family)
{
    bool needs = family != GUARD_ARP && family != GUARD_CLONES && family != GUARD_CLONES6;

    for (size_t i = 0; i < set->network_count && !needs; i++)
        needs = family == GUARD_ARP      ? !model_network_has_bridge(&set->networks[i])
                : family == GUARD_CLONES ? model_network_has_clones(&set->networks[i])
                                         : model_network_has_clones6(&set->networks[i]);
    return needs;
}

static void add_tables(struct expansion *expansion)
{
    for (enum guard_family family = 0; family < GUARD_FAMILY_COUNT; family++) {
        struct model_object object = {.kind = MODEL_OBJECT_TABLE};

        object.table = (struct model_table){.family = family, .intact = true};
        if (needs_table(expansion->set, family))
            add_object(expansion, &object);
    }
}

static struct model_owner make_owner(const struct model_set *set, enum model_origin origin, const char *network,
                                     const char *port)
{
    struct model_owner owner = {.origin = origin};

    snprintf(owner.set, sizeof(owner.set), "%s", set->name);
    snprintf(owner.network, sizeof(owner.network), "%s", network);
    snprintf(owner.port, sizeof(owner.port), "%s", port);
    return owner;
}

/* Leads a forward from the host's own 127.0.0.1 to the guest? */
static bool has_local_forward(const struct model_port *port)
{
    for (size_t i = 0; i < port->forward_count; i++)
        if (model_forward_is_local(&port->forwards[i]))
            return true;
    return false;
}

/* To a guest behind the network's bridge? Where ports have none it goes by the guest's. */
static bool has_local_forwards(const struct model_network *network)
{
    for (size_t i = 0; i < network->port_count && model_network_has_bridge(network); i++)
        if (has_local_forward(&network->ports[i]))
            return true;
    return false;
}

static void add_bridge(struct expansion *expansion, const struct model_network *network)
{
    struct model_object object = {.kind = MODEL_OBJECT_LINK, .place = network->place};
    struct model_link *link = &object.link;

    *link = (struct model_link){
        .kind = MODEL_LINK_BRIDGE,
        .owner = make_owner(expansion->set, network->origin, network->name, ""),
        .mac = network->mac,
        .mtu = network->mtu,
        .user = MODEL_ID_NONE,
        .group = MODEL_ID_NONE,
        .up = true,
        .forwarding = model_mode_leads_out(network->mode),
        .route_localnet = has_local_forwards(network),
    };
    link->owner.mode = network->mode;
    memcpy(link->name, network->bridge, sizeof(link->name));
    add_object(expansion, &object);
}

/*
 * The kernel lets anybody open a persistent TAP or TUN that has neither owner nor group (tun_not_capable() in
 * drivers/net/tun.c): one that is meant for root alone must belong to root.
 */
static uint32_t owner_or_root(uint32_t user, uint32_t group)
{
    return user == MODEL_ID_NONE && group == MODEL_ID_NONE ? 0 : user;
}

void add_port_link(struct expansion *expansion, const struct model_network *network, const struct model_port *port)
{
    bool routed = !model_network_has_bridge(network);
    struct model_object object = {.kind = MODEL_OBJECT_LINK, .place = port->place};
    struct model_link *link = &object.link;

    *link = (struct model_link){
        .kind = port->veth ? MODEL_LINK_VETH : MODEL_LINK_TAP,
        .owner = make_owner(expansion->set, port->origin, network->name, port->name),
        .mac = port->mac,
        .mtu = network->mtu,
        .user = port->veth ? MODEL_ID_NONE : owner_or_root(port->user, port->group),
        .group = port->group,
        .multi_queue = port->queues > 1,
        .persistent = !port->veth,
        .up = true,
        .isolated = !routed && !network->ports_see_each_other,
        .routed = routed,
        .routed6 = routed && port->address6.family,
        .route_localnet = routed && has_local_forward(port),
        .receive = port->limit.receive / 8,
        .receive_burst = port->limit.receive ? model_burst(&port->limit, port->limit.receive) : 0,
    };
    link->owner.guest_mac = port->guest_mac;
    memcpy(link->name, port->device, sizeof(link->name));
    if (!routed)
        memcpy(link->master, network->bridge, sizeof(link->master));
    add_object(expansion, &object);
}

void add_address(struct expansion *expansion, struct model_place place, const char *device,
                 const struct ip_prefix *prefix)
{
    struct model_object object = {.kind = MODEL_OBJECT_ADDRESS, .place = place};

    snprintf(object.address.device, sizeof(object.address.device), "%s", device);
    object.address.prefix = *prefix;
    add_object(expansion, &object);
}

void add_sysctl(struct expansion *expansion, struct model_place place, const struct model_sysctl *sysctl)
{
    struct model_object object = {.kind = MODEL_OBJECT_SYSCTL, .place = place, .sysctl = *sysctl};

    object.sysctl.users = arena_strdup(&expansion->objects.arena, expansion->set->name);
    if (!object.sysctl.users)
        expansion->code = -ENOMEM;
    add_object(expansion, &object);
}

/* The uplink forwards for us, and for nobody else: both are shared by all networks of the host behind that uplink. */
static void open_uplink(struct expansion *expansion, const struct model_network *network)
{
    struct model_sysctl sysctl = {.value = "1"};

    snprintf(sysctl.path, sizeof(sysctl.path), "net/ipv4/conf/%s/forwarding", network->uplink);
    add_sysctl(expansion, network->place, &sysctl);
    add_element(expansion, network->place, guard_closed(network->uplink, "uplink"));
}

void add_gateway(struct expansion *expansion, struct model_place place, const struct model_network *network,
                 const char *device, const char *label)
{
    const struct ip_address *gateway = &network->subnet.address;

    add_element(expansion, place, guard_gateway(device, gateway, label));
    add_element(expansion, place, guard_dns_port(device, gateway, network->dns_port, label));
    add_element(expansion, place, guard_dns_served(device, gateway, network->dns_port, label));
}

void add_gateway6(struct expansion *expansion, struct model_place place, const struct model_network *network,
                  const char *device, const char *label)
{
    const struct ip_address *gateway = &network->subnet6.address;

    add_element(expansion, place, guard_gateway(device, gateway, label));
    add_element(expansion, place, guard_gateway(device, &model_router6.address, label));
    add_element(expansion, place, guard_dns_port(device, gateway, network->dns_port, label));
    add_element(expansion, place, guard_dns_served(device, gateway, network->dns_port, label));
}

/* What guests behind a bridge reach, and that they may leave with the host's address. */
static void expand_nat(struct expansion *expansion, const struct model_network *network, const char *label)
{
    struct model_place place = network->place;

    add_gateway(expansion, place, network, network->bridge, label);
    add_element(expansion, place, guard_resolver(&network->subnet.address, label));
    add_element(expansion, place, guard_subnet(network->bridge, &network->subnet, label));
    if (!network->uplink[0])
        return;
    add_element(expansion, place, guard_path(network->bridge, network->uplink, label));
    add_element(expansion, place, guard_path(network->uplink, network->bridge, label));
}

/*
 * What a network that leads out has and an isolated one has not: an address of the host's, DNS, a way out. Nothing ever
 * comes in by the device of one without ports of its own: its pair in `egress` tells whose uplink that is, the ports
 * have pairs of their own.
 */
static void expand_way_out(struct expansion *expansion, const struct model_network *network, bool host_forwards,
                           const char *label)
{
    add_address(expansion, network->subnet_place.line ? network->subnet_place : network->place, network->bridge,
                &network->subnet);
    if (model_network_has_bridge(network))
        expand_nat(expansion, network, label);
    if (!network->uplink[0])
        return;
    add_element(expansion, network->place, guard_egress(network->bridge, network->uplink, label));
    if (!host_forwards)
        open_uplink(expansion, network);
}

/* An address that its guest may send from; in haste where the MAC is given and nothing is limited. */
static void add_source(struct expansion *expansion, const struct model_port *port, const struct ip_address *address,
                       const char *label)
{
    if (!address->family)
        return;
    if (port->guest_mac_given && !port->limit.send)
        add_element(expansion, port->place, guard_port_source(port->device, &port->guest_mac, address, label));
    else
        add_element(expansion, port->place, guard_open_address(port->device, address, label));
}

/* What its guest may send from. In mode bridge the LAN gives it addresses: its MAC alone is its own. */
static void expand_sources(struct expansion *expansion, const struct model_port *port, uint32_t number,
                           const char *label)
{
    if (port->mac_spoofing) {
        add_element(expansion, port->place, guard_any_mac_port(port->device, label));
        if (port->address.family)
            add_element(expansion, port->place, guard_any_mac_source(port->device, &port->address, label));
        if (port->address6.family)
            add_element(expansion, port->place, guard_any_mac_source(port->device, &port->address6, label));
        return;
    }
    if (port->guest_mac_given) {
        add_element(expansion, port->place, guard_port_mac(port->device, &port->guest_mac, label));
        add_element(expansion, port->place, guard_port_identifier(port->device, &port->guest_mac, label));
    } else {
        add_element(expansion, port->place, guard_port_network(port->device, number, label));
        add_element(expansion, port->place, guard_proposed_mac(port->device, &port->guest_mac, label));
    }
    add_source(expansion, port, &port->address, label);
    add_source(expansion, port, &port->address6, label);
}

/* Tells networks apart where a name is too long: not 0, which is no network's. */
static uint32_t network_number(const struct model_network *network)
{
    uint32_t number = (uint32_t)hash_mix(hash_text(network->name));

    return number ? number : 1;
}

static bool any_port_learns(const struct model_network *network)
{
    for (size_t i = 0; i < network->port_count; i++)
        if (!network->ports[i].guest_mac_given && !network->ports[i].mac_spoofing)
            return true;
    return false;
}

/* Where the MAC of another port is learnt: this one's is not that one's, whoever is the first to use it. */
static void reserve_mac(struct expansion *expansion, const struct model_network *network, const struct model_port *port,
                        const char *label)
{
    add_element(expansion, port->place, guard_network_mac(network_number(network), &port->guest_mac, label));
}

/* MACs that no port may take for its guest's own: its neighbours', and the gateway's. */
static void reserve_macs(struct expansion *expansion, const struct model_network *network, const char *label)
{
    if (!any_port_learns(network))
        return;
    add_element(expansion, network->place, guard_network_mac(network_number(network), &network->mac, label));
    for (size_t i = 0; i < network->port_count; i++)
        reserve_mac(expansion, network, &network->ports[i], label);
}

/* Held against the bytes of IP, hence no less than one large packet at once. */
static void expand_limit(struct expansion *expansion, const struct model_network *network,
                         const struct model_port *port, const char *label)
{
    const struct model_limit *limit = &port->limit;

    if (limit->broadcast)
        add_element(expansion, port->place, guard_group_limit(port->device, limit->broadcast, label));
    if (limit->send)
        add_element(expansion, port->place,
                    guard_send_limit(port->device, limit->send / 8, model_burst(limit, limit->send), label));
    if (limit->connections && network->mode == MODEL_MODE_NAT)
        add_element(expansion, port->place,
                    guard_connection_limit(network->bridge, &port->address, limit->connections, label));
    if (limit->connections && network->mode == MODEL_MODE_NAT && port->address6.family)
        add_element(expansion, port->place,
                    guard_connection_limit(network->bridge, &port->address6, limit->connections, label));
}

/*
 * To @guest, one of its addresses. A range that keeps its numbers is one element; one that changes them has one for
 * each.
 */
static void expand_forward(struct expansion *expansion, struct model_place place, const struct model_forward *forward,
                           const struct ip_address *guest, const char *label)
{
    if (forward->first != forward->last && forward->first == forward->guest_first) {
        add_element(
            expansion, place,
            guard_forward_range(&forward->address, forward->protocol, forward->first, forward->last, guest, label));
        return;
    }
    for (unsigned i = 0; i <= (unsigned)forward->last - forward->first; i++)
        add_element(expansion, place,
                    guard_forward(&forward->address, forward->protocol, (uint16_t)(forward->first + i), guest,
                                  (uint16_t)(forward->guest_first + i), label));
}

/* Those that lead to @guest, one of its addresses. */
static void expand_forwards_to(struct expansion *expansion, const struct model_port *port,
                               const struct ip_address *guest, const char *label)
{
    bool published = false;

    for (size_t i = 0; i < port->forward_count; i++) {
        const struct model_forward *forward = &port->forwards[i];

        if (!model_forward_leads(forward, guest))
            continue;
        published = true;
        expand_forward(expansion, forward->place.line ? forward->place : port->place, forward, guest, label);
    }
    if (published)
        add_element(expansion, port->place, guard_published(guest, label));
}

void expand_forwards(struct expansion *expansion, const struct model_port *port, const char *label)
{
    expand_forwards_to(expansion, port, &port->address, label);
    expand_forwards_to(expansion, port, &port->address6, label);
}

static void expand_port(struct expansion *expansion, const struct model_network *network, const struct model_port *port)
{
    const char *label;

    if (!model_network_has_bridge(network)) {
        expand_routed_port(expansion, network, port);
        return;
    }
    label = make_label(expansion, network, port);
    add_element(expansion, port->place, guard_port(port->device, label));
    if (network->mode == MODEL_MODE_BRIDGE)
        add_element(expansion, port->place, guard_lan_port(port->device, label));
    /* Link-local multicast (01:80:c2:00:00:0X) reaches the TAP's own IP stack past the bridge: closed like a bridge. */
    add_element(expansion, port->place, guard_network(port->device, label));
    expand_sources(expansion, port, network_number(network), label);
    if (port->protocols == MODEL_PROTOCOLS_ANY)
        add_element(expansion, port->place, guard_device(GUARD_ANY_PROTOCOL_PORTS, port->device, label));
    expand_limit(expansion, network, port, label);
    expand_forwards(expansion, port, label);
    add_port_link(expansion, network, port);
}

/* The uplink becomes a port; what it carries is the host's affair, and found there. */
static void add_uplink(struct expansion *expansion, const struct model_network *network, const char *label)
{
    struct model_object object = {.kind = MODEL_OBJECT_UPLINK};

    object.place = network->uplink_place.line ? network->uplink_place : network->place;
    memcpy(object.uplink.name, network->uplink, sizeof(object.uplink.name));
    memcpy(object.uplink.bridge, network->bridge, sizeof(object.uplink.bridge));
    if (network->uplink[0])
        add_object(expansion, &object);
    /* Frames between its ports, which br_netfilter shows to chains of IP: they stay in the LAN. */
    add_element(expansion, network->place, guard_bridged(network->bridge, label));
}

/* What is a network of our own, and no part of the LAN, is closed. */
static void close_network(struct expansion *expansion, const struct model_network *network, const char *label)
{
    add_element(expansion, network->place, guard_network(network->bridge, label));
    /* Of ports that are kept apart no frame goes to another; what comes by a detour over the host must not either. */
    if (!model_network_has_bridge(network))
        expand_routed_network(expansion, network, label);
    else
        add_element(expansion, network->place,
                    network->ports_see_each_other ? guard_bridged(network->bridge, label)
                                                  : guard_apart(network->bridge, label));
}

static void expand_network(struct expansion *expansion, const struct model_network *network, bool host_forwards)
{
    struct model_object service = {.kind = MODEL_OBJECT_SERVICE, .place = network->place};
    const char *label = make_label(expansion, network, NULL);

    if (network->mode == MODEL_MODE_BRIDGE)
        add_uplink(expansion, network, label);
    else
        close_network(expansion, network, label);
    add_bridge(expansion, network);
    if (model_network_has_bridge(network) && network->host == MODEL_HOST_ALLOW)
        add_element(expansion, network->place, guard_device(GUARD_OPEN_HOSTS, network->bridge, label));
    if (model_network_has_bridge(network))
        reserve_macs(expansion, network, label);
    if (model_mode_leads_out(network->mode))
        expand_way_out(expansion, network, host_forwards, label);
    if (model_mode_leads_out(network->mode) && network->subnet6.address.family)
        expand_way_out6(expansion, network, label);
    if (network->mode == MODEL_MODE_ISOLATED && network->spread && network->subnet6.address.family)
        forward6(expansion, network);
    for (size_t i = 0; i < network->port_count; i++)
        expand_port(expansion, network, &network->ports[i]);
    service.service = (struct model_service){.network = network, .set = expansion->set->name, .running = true};
    add_object(expansion, &service);
}

/* Said outright, so that a length goes away with its line in the file; older kernels give a TAP 500, too. */
static uint32_t default_queue_length(enum model_device_kind kind)
{
    return kind == MODEL_DEVICE_TUN ? MODEL_QUEUE_LENGTH_TUN : MODEL_QUEUE_LENGTH_TAP;
}

static void expand_device(struct expansion *expansion, const struct model_device *device)
{
    struct model_object object = {.kind = MODEL_OBJECT_LINK, .place = device->place};

    object.link = (struct model_link){
        .kind = device->kind == MODEL_DEVICE_TUN ? MODEL_LINK_TUN : MODEL_LINK_TAP,
        .owner = make_owner(expansion->set, MODEL_ORIGIN_DECLARED, "", device->name),
        .mac = device->mac,
        .mtu = device->mtu ? device->mtu : MODEL_DEVICE_MTU,
        .user = owner_or_root(device->user, device->group),
        .group = device->group,
        .multi_queue = device->multi_queue,
        .persistent = true,
        .up = device->up,
        .queue_length = device->queue_length ? device->queue_length : default_queue_length(device->kind),
        .link_type = device->link_type,
        .settings = device->settings,
    };
    memcpy(object.link.name, device->name, sizeof(object.link.name));
    add_object(expansion, &object);
    for (size_t i = 0; i < device->address_count; i++)
        add_address(expansion, device->place, device->name, &device->addresses[i]);
}

static void expand_record(struct expansion *expansion)
{
    const struct model_set *set = expansion->set;
    struct model_object object = {.kind = MODEL_OBJECT_RECORD};

    object.record = (struct model_record){
        .set = set->name,
        .path = set->path ? set->path : "",
        .devices = set->devices,
        .device_count = set->device_count,
    };
    add_object(expansion, &object);
}

/* Sorts what was made, and gives it away. */
static int finish(struct expansion *expansion, struct model_objects *ret, struct tapnet_error *error)
{
    if (expansion->code < 0)
        return error_set(error, expansion->code, "out of memory");
    model_objects_sort(&expansion->objects);
    model_objects_unique(&expansion->objects); /* networks behind one uplink asked for the same */
    *ret = expansion->objects;
    expansion->objects = (struct model_objects){0};
    return 0;
}

int model_expand_port(const struct model_set *set, const struct model_network *network, const struct model_port *port,
                      bool learns, struct model_objects *ret)
{
    struct expansion expansion cleanup(cleanup_expansion) = {.set = set};

    if (learns && model_network_has_bridge(network))
        reserve_mac(&expansion, network, port, make_label(&expansion, network, NULL));
    expand_port(&expansion, network, port);
    return finish(&expansion, ret, NULL);
}

int model_expand(const struct model_set *set, bool host_forwards, struct model_objects *ret, struct tapnet_error *error)
{
    struct expansion expansion cleanup(cleanup_expansion) = {.set = set};

    if (set->network_count)
        add_tables(&expansion);
    for (size_t i = 0; i < set->network_count; i++)
        expand_network(&expansion, &set->networks[i], host_forwards);
    for (size_t i = 0; i < set->device_count; i++)
        expand_device(&expansion, &set->devices[i]);
    if (set->network_count || set->device_count)
        expand_record(&expansion);
    return finish(&expansion, ret, error);
}
