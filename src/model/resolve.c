/* SPDX-License-Identifier: MIT */
/* Chooses what the file left out and what depends on the host: subnets, addresses, uplinks, MTUs. */
#include "model/place.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

/*
 * How it works: subnets come out of three pools of private addresses, cut into cells of one /24 each. Cells that a
 * prefix of the host or of the file touches are taken; a network takes as many free ones in a row as its ports need,
 * from the cell on that the hash of its name points to. The same goes for addresses inside a subnet, and for both
 * what is there already comes first: so an unchanged file resolves to the same, and one more network or port at the
 * end moves nobody. A later pool is used only when the host leaves no room in those before, as with a VPN that claims
 * 10.0.0.0/8.
 */

#define DEFAULT_MTU 1500
#define CELL_BITS 24         /* the length of a cell's prefix */
#define CELLS_MAX (1u << 14) /* of the largest pool, a /10 */
#define HOST_ROUTE_MIN 8     /* a shorter prefix leads everywhere (0.0.0.0/0, a VPN's two /1s) */

static const struct pool {
    uint32_t first;  /* address */
    unsigned length; /* of its prefix */
} pools[] = {
    {10u << 24 | 64u << 16, 10},
    {172u << 24 | 16u << 16, 12},
    {192u << 24 | 168u << 16, 16},
};

static const char *file_of(const struct model_set *set)
{
    return set->file ? set->file : set->name;
}

/* ---- subnets ---- */

struct cells {
    const struct pool *pool;
    uint32_t count;
    bool taken[CELLS_MAX];
};

static uint32_t prefix_first(const struct ip_prefix *prefix)
{
    struct ip_prefix network = ip_prefix_network(prefix);

    return ip4_value(&network.address);
}

static uint32_t prefix_last(const struct ip_prefix *prefix)
{
    struct ip_address last = ip4_broadcast(prefix);

    return ip4_value(&last);
}

/* Marks the cells that @prefix touches. */
static void cells_take(struct cells *cells, const struct ip_prefix *prefix)
{
    uint32_t pool_last = cells->pool->first | UINT32_MAX >> cells->pool->length;
    uint32_t first, last;

    if (prefix->address.family != AF_INET || prefix->length < HOST_ROUTE_MIN)
        return;
    first = prefix_first(prefix);
    last = prefix_last(prefix);
    if (last < cells->pool->first || first > pool_last)
        return;
    first = first < cells->pool->first ? cells->pool->first : first;
    last = last > pool_last ? pool_last : last;
    for (uint32_t cell = (first - cells->pool->first) >> 8; cell <= (last - cells->pool->first) >> 8; cell++)
        cells->taken[cell] = true;
}

/* Fresh cells of @pool, with all taken that the host and the file's networks have. */
static void cells_fill(struct cells *cells, const struct pool *pool, const struct model_set *set,
                       const struct model_surroundings *surroundings)
{
    memset(cells, 0, sizeof(*cells));
    cells->pool = pool;
    cells->count = 1u << (CELL_BITS - pool->length);
    for (size_t i = 0; i < surroundings->taken_count; i++)
        cells_take(cells, &surroundings->taken[i]);
    for (size_t i = 0; i < set->network_count; i++)
        cells_take(cells, &set->networks[i].subnet);
    for (size_t i = 0; i < set->device_count; i++)
        for (size_t j = 0; j < set->devices[i].address_count; j++)
            cells_take(cells, &set->devices[i].addresses[j]);
}

/* Addresses that guests can have in a subnet: all but the network's, the broadcast's and the host's. */
static uint32_t subnet_room(unsigned length)
{
    return (1u << (32 - length)) - 3;
}

/* @run free cells in a row, at a multiple of @run, from where @name points: true, with its first cell. */
static bool cells_find(const struct cells *cells, const char *name, uint32_t run, uint32_t *ret)
{
    uint32_t slots = cells->count / run;
    uint32_t start = place_spread(name, slots);

    for (uint32_t i = 0; i < slots; i++) {
        uint32_t cell = (start + i) % slots * run, used = 0;

        while (used < run && !cells->taken[cell + used])
            used++;
        if (used == run) {
            *ret = cell;
            return true;
        }
    }
    return false;
}

static int choose_subnet(struct cells *cells, const struct model_set *set, struct model_network *network,
                         const struct model_surroundings *surroundings)
{
    unsigned length = CELL_BITS;
    uint32_t cell;

    while (subnet_room(length) < network->port_count)
        length--;
    for (size_t i = 0; i < ARRAY_COUNT(pools); i++) {
        if (cells->pool != &pools[i])
            cells_fill(cells, &pools[i], set, surroundings);
        if (cells_find(cells, network->name, 1u << (CELL_BITS - length), &cell)) {
            network->subnet.address = ip4_from_value(pools[i].first + (cell << 8) + 1);
            network->subnet.length = (uint8_t)length;
            cells_take(cells, &network->subnet);
            return 0;
        }
    }
    return -EADDRNOTAVAIL;
}

/* May @network go on with @subnet, which it has now? Not when the file gave it away, or it became too small. */
static bool subnet_fits(const struct model_set *set, const struct model_network *network,
                        const struct ip_prefix *subnet)
{
    if (subnet->address.family != AF_INET || subnet->length < MODEL_PREFIX_MIN || subnet->length > MODEL_PREFIX_MAX)
        return false;
    if (subnet_room(subnet->length) < network->port_count)
        return false;
    for (size_t i = 0; i < set->network_count; i++)
        if (set->networks[i].subnet.address.family && ip_prefix_overlaps(&set->networks[i].subnet, subnet))
            return false;
    for (size_t i = 0; i < set->device_count; i++)
        for (size_t j = 0; j < set->devices[i].address_count; j++)
            if (ip_prefix_overlaps(&set->devices[i].addresses[j], subnet))
                return false;
    return true;
}

static int resolve_subnets(struct model_set *set, const struct model_surroundings *surroundings,
                           struct tapnet_error *error)
{
    struct cells *cells _cleanup_free_ = calloc(1, sizeof(*cells));

    if (!cells)
        return error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < set->network_count; i++) {
        struct model_network *network = &set->networks[i];
        struct ip_prefix current;

        if (network->subnet.address.family || !surroundings->current_subnet || !model_mode_has_subnet(network->mode))
            continue;
        if (surroundings->current_subnet(surroundings->data, network->name, &current) &&
            subnet_fits(set, network, &current))
            network->subnet = current;
    }
    for (size_t i = 0; i < set->network_count; i++) {
        struct model_network *network = &set->networks[i];

        if (!network->subnet.address.family && model_mode_has_subnet(network->mode) &&
            choose_subnet(cells, set, network, surroundings) < 0)
            return error_set(error, -EADDRNOTAVAIL,
                             "%s:%u:%u: network %s: no private subnet is free that the host has no route to; "
                             "choose one yourself: `subnet: 10.20.0.1/24`",
                             file_of(set), network->place.line, network->place.column, network->name);
    }
    return 0;
}

/*
 * A routed network may have a part of its uplink's subnet, where the host answers for its guests: *ret is that subnet.
 * What else the host reaches in that part is in the way, its own address above all.
 */
static bool is_part_of_uplink(const struct model_network *network, const struct model_surroundings *surroundings,
                              struct ip_prefix *ret)
{
    const char *uplink = network->uplink[0] ? network->uplink : surroundings->uplink;

    return network->mode == MODEL_MODE_ROUTED && uplink[0] && surroundings->on_link &&
           surroundings->on_link(surroundings->data, uplink, &network->subnet, ret) &&
           !ip_prefix_contains(&network->subnet, &ret->address);
}

/* A subnet of the file's that the host reaches another way already: what is there would be cut off. */
static int check_given_subnet(const struct model_set *set, const struct model_network *network,
                              const struct model_surroundings *surroundings, struct tapnet_error *error)
{
    char subnet[IP_PREFIX_TEXT_MAX], taken[IP_PREFIX_TEXT_MAX];
    struct ip_prefix whole = {.length = 0};
    bool part = is_part_of_uplink(network, surroundings, &whole);

    whole = ip_prefix_network(&whole);
    for (size_t i = 0; i < surroundings->taken_count; i++) {
        const struct ip_prefix *prefix = &surroundings->taken[i];

        if (prefix->length < HOST_ROUTE_MIN || !ip_prefix_overlaps(prefix, &network->subnet) ||
            (part && ip_prefix_compare(prefix, &whole) == 0))
            continue;
        return error_add_line(error, -EINVAL,
                              "%s:%u:%u: network %s: subnet %s overlaps %s, an address or route of this host; "
                              "choose another one, or leave `subnet:` out",
                              file_of(set), network->subnet_place.line, network->subnet_place.column, network->name,
                              ip_prefix_print(&network->subnet, subnet), ip_prefix_print(prefix, taken));
    }
    return 0;
}

/*
 * An address of a device whose subnet would take what the host reaches another way already. One inside a subnet of the
 * host's takes a part of it, as point to point links do, and is what the file says.
 */
static int check_device_address(const struct model_set *set, const struct model_device *device,
                                const struct ip_prefix *address, const struct model_surroundings *surroundings,
                                struct tapnet_error *error)
{
    char text[IP_PREFIX_TEXT_MAX], taken[IP_PREFIX_TEXT_MAX];

    for (size_t i = 0; i < surroundings->taken_count; i++) {
        const struct ip_prefix *prefix = &surroundings->taken[i];

        if (address->address.family != AF_INET || address->length == 32 || prefix->length < HOST_ROUTE_MIN ||
            prefix->length < address->length || !ip_prefix_overlaps(prefix, address))
            continue;
        return error_add_line(error, -EINVAL,
                              "%s:%u:%u: device %s: address %s would take %s, an address or route of this host; choose "
                              "another one",
                              file_of(set), device->place.line, device->place.column, device->name,
                              ip_prefix_print(address, text), ip_prefix_print(prefix, taken));
    }
    return 0;
}

static int check_device_addresses(const struct model_set *set, const struct model_surroundings *surroundings,
                                  struct tapnet_error *error)
{
    unsigned mistakes = 0;

    for (size_t i = 0; i < set->device_count; i++)
        for (size_t j = 0; j < set->devices[i].address_count && mistakes < 20; j++)
            mistakes += check_device_address(set, &set->devices[i], &set->devices[i].addresses[j], surroundings,
                                             error) < 0;
    return mistakes ? -EINVAL : 0;
}

static int check_given_subnets(const struct model_set *set, const struct model_surroundings *surroundings,
                               struct tapnet_error *error)
{
    unsigned mistakes = 0;

    for (size_t i = 0; i < set->network_count && mistakes < 20; i++)
        if (set->networks[i].subnet_given && check_given_subnet(set, &set->networks[i], surroundings, error) < 0)
            mistakes++;
    return mistakes ? -EINVAL : 0;
}

/* ---- addresses ---- */

static int resolve_addresses(const struct model_set *set, struct model_network *network,
                             const struct model_surroundings *surroundings, struct tapnet_error *error)
{
    char subnet[IP_PREFIX_TEXT_MAX];
    int result = place_ports(network, &network->subnet, surroundings);

    if (result == 0)
        return 0;
    if (result == -ENOMEM)
        return error_set(error, result, "out of memory");
    return error_set(error, -EADDRNOTAVAIL, "%s:%u:%u: network %s: %zu ports do not fit into %s", file_of(set),
                     network->place.line, network->place.column, network->name, network->port_count,
                     ip_prefix_print(&network->subnet, subnet));
}

/* Those of IPv6, which a port has by its MAC, unless the subnet has no room for that, or all have the same. */
static int place_later6(struct model_network *network, const struct model_surroundings *surroundings)
{
    if (model_network_chooses6(network))
        return place_ports(network, &network->subnet6, surroundings);
    for (size_t i = 0; i < network->port_count; i++) {
        struct model_port *port = &network->ports[i];

        if (network->subnet6.address.family && !port->address6.family && !port->no_ip6)
            port->address6 = model_address6(&network->subnet6, &port->guest_mac);
    }
    return 0;
}

int model_resolve_ports(struct model_network *network, const struct model_surroundings *surroundings,
                        struct tapnet_error *error)
{
    static const struct model_surroundings none = {.taken = NULL};
    const struct model_surroundings *around = surroundings ? surroundings : &none;
    const struct ip_prefix *subnet = &network->subnet;
    char text[IP_PREFIX_TEXT_MAX];
    int result = subnet->address.family ? place_ports(network, subnet, around) : 0;

    if (result == 0) {
        subnet = &network->subnet6;
        result = place_later6(network, around);
    }
    if (result == -EADDRNOTAVAIL)
        return error_set(error, result, "network %s: no address of %s is left for another port", network->name,
                         ip_prefix_print(subnet, text));
    return result < 0 ? error_set(error, result, "out of memory") : 0;
}

/* ---- the way out ---- */

static uint32_t uplink_mtu(const struct model_network *network, const struct model_surroundings *surroundings)
{
    if (!network->uplink[0])
        return 0;
    if (strcmp(network->uplink, surroundings->uplink) == 0)
        return surroundings->uplink_mtu;
    return surroundings->link_mtu ? surroundings->link_mtu(surroundings->data, network->uplink) : 0;
}

uint32_t model_default_mtu(uint32_t mtu, bool ip6)
{
    uint32_t least = ip6 ? MODEL_MTU6_MIN : MODEL_MTU_MIN;

    if (!mtu || mtu > DEFAULT_MTU)
        return DEFAULT_MTU;
    return mtu < least ? least : mtu;
}

static void resolve_way_out(struct model_network *network, const struct model_surroundings *surroundings)
{
    struct ip_prefix whole;
    uint32_t mtu = 0;

    network->on_link = is_part_of_uplink(network, surroundings, &whole);
    network->dns_port = 0;
    if (model_mode_leads_out(network->mode)) {
        network->dns_port = MODEL_DNS_PORT;
        if (!network->uplink[0])
            memcpy(network->uplink, surroundings->uplink, sizeof(network->uplink));
        mtu = uplink_mtu(network, surroundings);
    }
    if (network->mtu)
        return;
    network->mtu = model_default_mtu(mtu, network->subnet6.address.family);
}

/* The bridge takes the place of the uplink: its MAC, which the LAN knows the host by, and its MTU. */
static int resolve_port(const struct model_set *set, struct model_network *network,
                        const struct model_surroundings *surroundings, struct tapnet_error *error)
{
    struct model_place place = network->uplink_place.line ? network->uplink_place : network->place;
    const char *fault;

    if (!network->uplink[0])
        memcpy(network->uplink, surroundings->uplink, sizeof(network->uplink));
    if (!network->uplink[0])
        return error_set(error, -EINVAL,
                         "%s:%u:%u: network %s: the host has no default route, whose device would be the uplink; name "
                         "one: `uplink: eth0`",
                         file_of(set), place.line, place.column, network->name);
    fault = surroundings->link_port ? surroundings->link_port(surroundings->data, network->uplink, &network->mac)
                                    : NULL;
    if (fault)
        return error_set(error, -EINVAL, "%s:%u:%u: network %s: uplink %s %s", file_of(set), place.line, place.column,
                         network->name, network->uplink, fault);
    network->mtu = uplink_mtu(network, surroundings);
    network->subnet6 = (struct ip_prefix){.length = 0};
    return 0;
}

int model_resolve(struct model_set *set, const struct model_surroundings *surroundings, struct tapnet_error *error)
{
    int result = model_check(set, error);

    if (result == 0)
        result = check_given_subnets(set, surroundings, error);
    if (result == 0)
        result = check_device_addresses(set, surroundings, error);
    if (result == 0)
        result = resolve_subnets(set, surroundings, error);
    for (size_t i = 0; i < set->network_count && result == 0; i++) {
        if (!model_mode_has_subnet(set->networks[i].mode)) {
            result = resolve_port(set, &set->networks[i], surroundings, error);
            continue;
        }
        resolve_way_out(&set->networks[i], surroundings);
        result = resolve_addresses(set, &set->networks[i], surroundings, error);
    }
    if (result == 0)
        result = model_resolve6(set, surroundings, error);
    return result < 0 ? result : model_check(set, error); /* what was chosen against what was given */
}
