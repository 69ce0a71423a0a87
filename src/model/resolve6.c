/* SPDX-License-Identifier: MIT */
/* Chooses what the file left out of IPv6: subnets, addresses, the way out. */
#include "model/place.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/*
 * How it works: a network whose subnet is to be chosen gets a unique local one (RFC 4193). Its 40 bits of global id
 * follow from the machine and are the same for all networks of it, so that they tell one machine's from another's; its
 * 16 bits of subnet id follow from the network's name, or are the next that are free. What is there already comes
 * first. So they are the same after each boot, without anything that has to be kept.
 *
 * A port's address is the one that its guest makes of the prefix and its MAC by itself, when it is told to (RFC 4862),
 * and as the kernel of Linux does. So whether a guest numbers itself or asks by DHCPv6, it has the address that the
 * guards let pass. Which of both it is told is the service's affair (service/advertise.h).
 *
 * A routed network may have a part of the prefix that its uplink has, longer than 64: then the host answers on the
 * uplink for its guests. No guest makes an address of that by itself (RFC 4862, 5.5.3): ports get theirs as by IPv4. So
 * do those of clones, which have one MAC, and so one address that follows from it: it would be the one inside.
 */

#define LOCAL_FIRST 0xfd      /* of the unique local addresses those that nobody assigns */
#define SUBNETS (1u << 16)    /* of one global id */
#define DEFAULT_ROUTE_MIN6 16 /* a shorter prefix leads everywhere (::/0, 2000::/3, fc00::/7) and takes nothing */

const struct ip_prefix model_router6 = {{AF_INET6, {0xfe, 0x80, [15] = 1}}, MODEL_PREFIX6};

bool model_is_local6(const struct ip_prefix *prefix)
{
    return prefix->address.family == AF_INET6 && (prefix->address.bytes[0] & 0xfe) == 0xfc;
}

bool model_routes6(const struct model_network *network)
{
    bool alone = model_mode_leads_out(network->mode) && !model_network_has_bridge(network);

    return network->subnet6.address.family && (network->uplink6[0] || alone);
}

bool model_is_open6(const struct ip_prefix *subnet)
{
    static const struct ip_address any = {.family = AF_INET6};

    return ip_address_equal(&subnet->address, &any);
}

bool model_length6_valid(unsigned length, enum model_mode mode)
{
    return length == MODEL_PREFIX6 ||
           (mode == MODEL_MODE_ROUTED && length >= MODEL_PART6_MIN && length <= MODEL_PART6_MAX);
}

struct ip_address model_address6(const struct ip_prefix *subnet, const struct mac *mac)
{
    struct ip_address address = subnet ? ip_prefix_network(subnet).address : ip_prefix_network(&model_router6).address;
    uint8_t *host = address.bytes + 8;

    memcpy(host, mac->bytes, 3);
    host[0] ^= 2; /* the bit that says "universal" of a MAC says so inverted here */
    host[3] = 0xff;
    host[4] = 0xfe;
    memcpy(host + 5, mac->bytes + 3, 3);
    return address;
}

static struct ip_prefix local_subnet(uint64_t machine, uint32_t number)
{
    struct ip_prefix subnet = {{AF_INET6, {LOCAL_FIRST, [15] = 1}}, MODEL_PREFIX6};

    for (unsigned i = 0; i < 5; i++)
        subnet.address.bytes[1 + i] = (uint8_t)(machine >> 8 * i);
    subnet.address.bytes[6] = (uint8_t)(number >> 8);
    subnet.address.bytes[7] = (uint8_t)number;
    return subnet;
}

/* Has the host, or another network or a device of the set, something of @subnet? */
static bool is_taken(const struct model_set *set, const struct model_surroundings *surroundings,
                     const struct model_network *own, const struct ip_prefix *subnet)
{
    for (size_t i = 0; i < surroundings->taken_count; i++)
        if (surroundings->taken[i].address.family == AF_INET6 && surroundings->taken[i].length >= DEFAULT_ROUTE_MIN6 &&
            ip_prefix_overlaps(&surroundings->taken[i], subnet))
            return true;
    for (size_t i = 0; i < set->network_count; i++)
        if (&set->networks[i] != own && set->networks[i].subnet6.address.family &&
            ip_prefix_overlaps(&set->networks[i].subnet6, subnet))
            return true;
    for (size_t i = 0; i < set->device_count; i++)
        for (size_t j = 0; j < set->devices[i].address_count; j++)
            if (ip_prefix_overlaps(&set->devices[i].addresses[j], subnet))
                return true;
    return false;
}

/* The file says nothing of IPv6, and the network can have it. */
static bool has_by_default(const struct model_network *network, const struct model_ip6 *ip6)
{
    return !network->subnet6_given && !model_network_has_clones(network) && ip6->available &&
           network->mtu >= MODEL_MTU6_MIN && (network->mode == MODEL_MODE_NAT || network->mode == MODEL_MODE_ISOLATED);
}

static int choose_subnet6(const struct model_set *set, const struct model_surroundings *surroundings,
                          struct model_network *network)
{
    uint32_t start = (uint32_t)(hash_mix(hash_text(network->name)) % SUBNETS);
    struct ip_prefix subnet;

    if (surroundings->current_subnet6 && surroundings->current_subnet6(surroundings->data, network->name, &subnet) &&
        subnet.address.family == AF_INET6 && subnet.length == MODEL_PREFIX6 &&
        !is_taken(set, surroundings, network, &subnet)) {
        network->subnet6 = subnet;
        return 0;
    }
    for (uint32_t i = 0; i < SUBNETS; i++) {
        subnet = local_subnet(surroundings->ip6.machine, (start + i) % SUBNETS);
        if (!is_taken(set, surroundings, network, &subnet)) {
            network->subnet6 = subnet;
            return 0;
        }
    }
    return -EADDRNOTAVAIL;
}

static const char *file_of(const struct model_set *set)
{
    return set->file ? set->file : set->name;
}

/* Is the network's subnet a part of a prefix, *ret, that the host has on its uplink? Not of the link-local one. */
static bool is_part_of_uplink(const struct model_network *network, const struct model_surroundings *surroundings,
                              struct ip_prefix *ret)
{
    const char *uplink = network->uplink_given ? network->uplink : surroundings->ip6.uplink;

    return network->mode == MODEL_MODE_ROUTED && *uplink && surroundings->on_link &&
           !model_is_open6(&network->subnet6) && !ip_prefix_overlaps(&model_router6, &network->subnet6) &&
           surroundings->on_link(surroundings->data, uplink, &network->subnet6, ret);
}

/* What of the host lies around the subnet, up to @whole bits, is no rival: its uplink's prefix, a larger one to it. */
static int check_rivals(const struct model_set *set, const struct model_network *network, unsigned whole,
                        const struct model_surroundings *surroundings, struct tapnet_error *error)
{
    const struct ip_prefix *widest = NULL;
    char subnet[IP_PREFIX_TEXT_MAX], taken[IP_PREFIX_TEXT_MAX];

    for (size_t i = 0; i < surroundings->taken_count && !model_is_open6(&network->subnet6); i++) {
        const struct ip_prefix *prefix = &surroundings->taken[i];

        if (prefix->length >= DEFAULT_ROUTE_MIN6 && prefix->length > whole && prefix->address.family == AF_INET6 &&
            ip_prefix_overlaps(prefix, &network->subnet6) && (!widest || prefix->length < widest->length))
            widest = prefix;
    }
    if (!widest)
        return 0;
    return error_set(error, -EINVAL,
                     "%s:%u:%u: network %s: subnet6 %s overlaps %s, an address or route of this host; choose another "
                     "one, or `auto`",
                     file_of(set), network->subnet6_place.line, network->subnet6_place.column, network->name,
                     ip_prefix_print(&network->subnet6, subnet), ip_prefix_print(widest, taken));
}

/* One of the file's that the host reaches another way already, or can't have at all. */
static int check_given6(const struct model_set *set, struct model_network *network,
                        const struct model_surroundings *surroundings, struct tapnet_error *error)
{
    const struct model_place *place = &network->subnet6_place;
    const char *uplink = network->uplink_given ? network->uplink : surroundings->ip6.uplink;
    struct ip_prefix whole = {.length = 0};
    char subnet[IP_PREFIX_TEXT_MAX];

    if (!surroundings->ip6.available)
        return error_set(error, -EINVAL,
                         "%s:%u:%u: network %s: subnet6: this host has no IPv6 (ipv6.disable or "
                         "net.ipv6.conf.default.disable_ipv6 is 1); turn it on, or write `subnet6: none`",
                         file_of(set), place->line, place->column, network->name);
    network->on_link6 = is_part_of_uplink(network, surroundings, &whole);
    if (network->subnet6.length > MODEL_PREFIX6 && !network->on_link6)
        return error_set(error, -EINVAL,
                         "%s:%u:%u: network %s: subnet6 %s is longer than %d, and no part of a prefix that this host "
                         "has on its uplink%s%s; choose a part of that, or one with a length of %d that is routed to "
                         "the host",
                         file_of(set), place->line, place->column, network->name,
                         ip_prefix_print(&network->subnet6, subnet), MODEL_PREFIX6, *uplink ? " " : "", uplink,
                         MODEL_PREFIX6);
    /* one /64 of a larger prefix that leads to the host is just what is to be given on */
    return check_rivals(set, network, whole.length < MODEL_PREFIX6 ? MODEL_PREFIX6 - 1 : whole.length, surroundings,
                        error);
}

void model_resolve_way_out6(struct model_network *network, const struct model_ip6 *ip6)
{
    network->uplink6[0] = '\0';
    if (!model_mode_leads_out(network->mode) || !network->subnet6.address.family)
        return;
    memcpy(network->uplink6, network->uplink_given ? network->uplink : ip6->uplink, sizeof(network->uplink6));
}

static int resolve_ports6(struct model_network *network, const struct model_surroundings *surroundings)
{
    if (model_network_chooses6(network))
        return place_ports(network, &network->subnet6, surroundings);
    for (size_t i = 0; i < network->port_count; i++) {
        struct model_port *port = &network->ports[i];

        if (!network->subnet6.address.family || port->no_ip6)
            port->address6 = (struct ip_address){0};
        else if (!port->address6_given)
            port->address6 = model_address6(&network->subnet6, &port->guest_mac);
    }
    return 0;
}

int model_resolve6(struct model_set *set, const struct model_surroundings *surroundings, struct tapnet_error *error)
{
    int result = 0;

    set->ip6 = surroundings->ip6;
    for (size_t i = 0; i < set->network_count && result == 0; i++) {
        struct model_network *network = &set->networks[i];

        if (has_by_default(network, &set->ip6))
            network->subnet6 = (struct ip_prefix){{AF_INET6, {0}}, MODEL_PREFIX6};
        else if (network->subnet6.address.family)
            result = check_given6(set, network, surroundings, error);
    }
    for (size_t i = 0; i < set->network_count && result == 0; i++) {
        struct model_network *network = &set->networks[i];

        if (model_is_open6(&network->subnet6) && choose_subnet6(set, surroundings, network) < 0)
            return error_set(error, -EADDRNOTAVAIL,
                             "%s:%u:%u: network %s: no unique local subnet is free; choose one yourself: "
                             "`subnet6: fd00:20::1/64`",
                             file_of(set), network->place.line, network->place.column, network->name);
        model_resolve_way_out6(network, &set->ip6);
        result = resolve_ports6(network, surroundings);
        if (result < 0)
            return error_set(error, result, "%s:%u:%u: network %s: no IPv6 address is left for a port", file_of(set),
                             network->place.line, network->place.column, network->name);
    }
    return result;
}
