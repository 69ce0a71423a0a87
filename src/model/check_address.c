/* SPDX-License-Identifier: MIT */
/* Subnets, addresses and MTUs: inside their ranges, clear of each other, with room for all ports. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "model/check.h"
#include "model/place.h"

#define IP6_MTU_MIN 1280  /* RFC 8200 */
#define DEVICE_MTU_MIN 68 /* RFC 791, and the kernel's own minimum */

/* Addresses that no network of guests can have: RFC 1122, 3927, 1112. */
static const struct special {
    struct ip_prefix prefix;
    const char *what;
} specials[] = {
    {{{AF_INET, {0}}, 8}, "`this` network (0.0.0.0/8)"},
    {{{AF_INET, {127}}, 8}, "loopback (127.0.0.0/8)"},
    {{{AF_INET, {169, 254}}, 16}, "link-local (169.254.0.0/16)"},
    {{{AF_INET, {224}}, 4}, "multicast (224.0.0.0/4)"},
    {{{AF_INET, {240}}, 4}, "reserved (240.0.0.0/4)"},
};

static const char *special_of(const struct ip_prefix *prefix)
{
    for (size_t i = 0; i < ARRAY_COUNT(specials); i++)
        if (ip_prefix_overlaps(&specials[i].prefix, prefix))
            return specials[i].what;
    return NULL;
}

const char *check_subnet_suggest(const struct ip_prefix *subnet, unsigned length, char text[IP_PREFIX_TEXT_MAX])
{
    struct ip_prefix better = {subnet->address, (uint8_t)length};

    better = ip_prefix_network(&better);
    better.address = ip4_from_value(ip4_value(&better.address) + 1);
    return ip_prefix_print(&better, text);
}

static bool is_network_address(const struct ip_prefix *prefix)
{
    struct ip_prefix network = ip_prefix_network(prefix);

    return ip_address_equal(&network.address, &prefix->address);
}

static bool is_broadcast_address(const struct ip_prefix *prefix)
{
    struct ip_address broadcast = ip4_broadcast(prefix);

    return ip_address_equal(&broadcast, &prefix->address);
}

/* What is wrong with the subnet itself; true when nothing is, so that more can be asked. */
static bool check_subnet(const struct model_network *network, struct mistakes *mistakes)
{
    const struct ip_prefix *subnet = &network->subnet;
    struct model_place place = place_of(network->subnet_place, network->place);
    char text[IP_PREFIX_TEXT_MAX], address[IP_TEXT_MAX], better[IP_PREFIX_TEXT_MAX];
    const char *special = special_of(subnet);

    ip_prefix_print(subnet, text);
    ip_address_print(&subnet->address, address);
    if (subnet->address.family != AF_INET)
        mistakes_add(mistakes, place, "network %s: subnet %s is not IPv4; write one as 10.20.0.1/24", network->name,
                     text);
    else if (subnet->length < MODEL_PREFIX_MIN || subnet->length > MODEL_PREFIX_MAX)
        mistakes_add(mistakes, place,
                     "network %s: subnet %s: the length of the prefix must be %d to %d, as in "
                     "10.20.0.1/24",
                     network->name, text, MODEL_PREFIX_MIN, MODEL_PREFIX_MAX);
    else if (special)
        mistakes_add(mistakes, place,
                     "network %s: subnet %s is %s, which no guest can use; choose a private one, as "
                     "10.20.0.1/24",
                     network->name, text, special);
    else if (is_network_address(subnet))
        mistakes_add(mistakes, place, "network %s: subnet %s: %s is the network itself; write %s", network->name, text,
                     address, check_subnet_suggest(subnet, subnet->length, better));
    else if (is_broadcast_address(subnet))
        mistakes_add(mistakes, place, "network %s: subnet %s: %s is the broadcast address; write %s", network->name,
                     text, address, check_subnet_suggest(subnet, subnet->length, better));
    else
        return true;
    return false;
}

/* That it has more ports than it may: its name and their number are put in. */
static const char *too_many(const struct model_network *network)
{
    if (!model_network_has_bridge(network))
        return "network %s: %zu ports are more than a network may have: 8,191; make it two networks";
    if (network->mode == MODEL_MODE_BRIDGE)
        return "network %s: %zu ports are more than the kernel's bridge takes besides the uplink: 1,022";
    return "network %s: %zu ports are more than the bridge takes that it was made with: 1,023; declare as many in its "
           "file, or a `pool:` that reaches beyond, so that it is made without one, or make it two networks";
}

static void check_room(const struct model_network *network, struct mistakes *mistakes)
{
    const bool clones = model_network_has_clones(network); /* the address that all have inside nobody has outside */
    const size_t needed = network->port_count + clones;
    unsigned length = network->subnet.length;
    char text[IP_PREFIX_TEXT_MAX], better[IP_PREFIX_TEXT_MAX];

    if (network->port_count > model_network_ports_max(network)) {
        mistakes_add(mistakes, network->place, too_many(network), network->name, network->port_count);
        return;
    }
    if (!network->subnet.address.family || place_room(&network->subnet) >= needed)
        return;
    while ((1u << (32 - length)) - 3 < needed)
        length--;
    mistakes_add(mistakes, place_of(network->subnet_place, network->place),
                 "network %s: subnet %s has room for %u guests, not for %zu ports%s; write a larger one, as %s",
                 network->name, ip_prefix_print(&network->subnet, text), place_room(&network->subnet),
                 network->port_count, clones ? " and what clones have inside" : "",
                 check_subnet_suggest(&network->subnet, length, better));
}

/* ---- addresses of ports ---- */

const char *check_address_fault(const struct ip_prefix *subnet, const struct ip_address *address)
{
    const struct ip_prefix as_prefix = {*address, subnet->length};

    if (!ip_prefix_contains(subnet, address))
        return "is outside";
    if (ip_address_equal(&subnet->address, address))
        return "is the host's own in";
    if (is_network_address(&as_prefix))
        return "is the network itself in";
    return is_broadcast_address(&as_prefix) ? "is the broadcast address of" : NULL;
}

/* The host's own is none of them. */
const char *check_address_advise(const struct ip_prefix *subnet, char text[CHOICE_TEXT_MAX])
{
    const struct ip_prefix network = ip_prefix_network(subnet);
    const struct ip_address broadcast = ip4_broadcast(subnet);
    uint32_t host = ip4_value(&subnet->address), low = ip4_value(&network.address) + 1,
             high = ip4_value(&broadcast) - 1;
    char first[IP_TEXT_MAX], last[IP_TEXT_MAX], own[IP_TEXT_MAX];
    struct ip_address lowest, highest;
    bool is_between = host > low && host < high;

    lowest = ip4_from_value(low + (host == low));
    highest = ip4_from_value(high - (host == high));
    ip_address_print(&lowest, first);
    if (ip_address_equal(&lowest, &highest))
        snprintf(text, CHOICE_TEXT_MAX, "choose %s", first);
    else
        snprintf(text, CHOICE_TEXT_MAX, "choose another one from %s to %s%s%s", first, ip_address_print(&highest, last),
                 is_between ? " but the host's own, " : "", is_between ? ip_address_print(&subnet->address, own) : "");
    return text;
}

static void check_port_address(const struct model_network *network, const struct model_port *port,
                               struct claims *claims, struct mistakes *mistakes)
{
    struct model_place place = place_of(port->address_place, port->place);
    struct ip_prefix shown = ip_prefix_network(&network->subnet);
    const char *fault = check_address_fault(&network->subnet, &port->address);
    char address[IP_TEXT_MAX], subnet[IP_PREFIX_TEXT_MAX], advice[CHOICE_TEXT_MAX];

    if (!fault)
        claims_add(claims, &port->address, sizeof(port->address), "port", port->name, place);
    else
        mistakes_add(mistakes, place, "port %s: address %s %s %s; %s", port->name,
                     ip_address_print(&port->address, address), fault, ip_prefix_print(&shown, subnet),
                     check_address_advise(&network->subnet, advice));
}

static void check_homeless_address(const struct model_network *network, const struct model_port *port,
                                   struct mistakes *mistakes)
{
    char address[IP_TEXT_MAX], better[IP_PREFIX_TEXT_MAX];
    struct ip_prefix prefix = {port->address, 24};

    mistakes_add(mistakes, place_of(port->address_place, port->place),
                 "port %s: address %s is given, but the subnet of "
                 "network %s is not; write `subnet: %s` there",
                 port->name, ip_address_print(&port->address, address), network->name,
                 check_subnet_suggest(&prefix, 24, better));
}

/* Each given or chosen address: inside the subnet, and its port's alone. */
static int check_port_addresses(const struct model_network *network, struct mistakes *mistakes)
{
    struct claims claims cleanup(claims_fini) = {0};

    for (size_t i = 0; i < network->port_count; i++) {
        const struct model_port *port = &network->ports[i];

        if (port->address.family && network->subnet.address.family)
            check_port_address(network, port, &claims, mistakes);
        else if (port->address.family)
            check_homeless_address(network, port, mistakes);
    }
    return check_own_addresses(&claims, "address", mistakes);
}

/* ---- overlaps ---- */

/* A subnet of a network or an address of a device, from its first to its last address. */
struct range {
    uint32_t first, last;
    const struct ip_prefix *prefix;
    bool is_device;
    const char *name;
    struct model_place place;
    size_t order;
};

struct ranges {
    struct range *items;
    size_t count, capacity;
};

static void ranges_fini(struct ranges *ranges)
{
    free(ranges->items);
}

static int ranges_add(struct ranges *ranges, const struct ip_prefix *prefix, bool is_device, const char *name,
                      struct model_place place)
{
    struct ip_prefix network = ip_prefix_network(prefix);
    struct ip_address last = ip4_broadcast(prefix);
    int result = array_reserve((void **)&ranges->items, &ranges->capacity, ranges->count, 1, sizeof(*ranges->items));

    if (result < 0)
        return result;
    ranges->items[ranges->count] = (struct range){
        ip4_value(&network.address), ip4_value(&last), prefix, is_device, name, place, ranges->count};
    ranges->count++;
    return 0;
}

static int compare_ranges(const void *left, const void *right)
{
    const struct range *a = left, *b = right;

    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static void check_pair(const struct range *a, const struct range *b, struct mistakes *mistakes)
{
    const struct range *later = a->order > b->order ? a : b, *first = later == a ? b : a;
    char own[IP_PREFIX_TEXT_MAX], other[IP_PREFIX_TEXT_MAX], line[24];

    if (a->last < b->first)
        return;
    mistakes_add(mistakes, later->place, "%s %s: %s %s overlaps %s of %s %s%s; choose another one",
                 later->is_device ? "device" : "network", later->name, later->is_device ? "address" : "subnet",
                 ip_prefix_print(later->prefix, own), ip_prefix_print(first->prefix, other),
                 first->is_device ? "device" : "network", first->name, line_text(first->place, line));
}

/*
 * One sweep over the ranges by their first address: each against the one before that reaches furthest. Devices among
 * themselves may share a subnet.
 */
static void check_overlaps(struct ranges *ranges, struct mistakes *mistakes)
{
    const struct range *network = NULL, *device = NULL;

    if (ranges->count)
        qsort(ranges->items, ranges->count, sizeof(*ranges->items), compare_ranges);
    for (size_t i = 0; i < ranges->count; i++) {
        const struct range *range = &ranges->items[i];
        const struct range **furthest = range->is_device ? &device : &network;

        if (network)
            check_pair(network, range, mistakes);
        if (device && !range->is_device)
            check_pair(device, range, mistakes);
        if (!*furthest || range->last > (*furthest)->last)
            *furthest = range;
    }
}

/* ---- devices ---- */

static const char *device_address_fault(const struct ip_prefix *prefix)
{
    static const struct ip_address ip6_any = {AF_INET6, {0}}, ip6_loopback = {AF_INET6, {[15] = 1}};
    const struct ip_address *address = &prefix->address;
    const struct ip_prefix host = {*address, 32};

    if (address->family == AF_INET && special_of(&host) && special_of(&host) != specials[2].what)
        return special_of(&host);
    if (address->family == AF_INET && prefix->length < 31 && is_network_address(prefix))
        return "the network itself";
    if (address->family == AF_INET && prefix->length < 31 && is_broadcast_address(prefix))
        return "the broadcast address";
    if (address->family == AF_INET6 &&
        (address->bytes[0] == 0xff || ip_address_equal(address, &ip6_any) || ip_address_equal(address, &ip6_loopback)))
        return "no address of one interface";
    return NULL;
}

static void check_device(const struct model_device *device, struct mistakes *mistakes)
{
    char text[IP_PREFIX_TEXT_MAX], mac[MAC_TEXT_MAX];
    bool has_ip6 = false;

    for (size_t i = 0; i < device->address_count; i++) {
        const char *fault = device_address_fault(&device->addresses[i]);

        has_ip6 |= device->addresses[i].address.family == AF_INET6;
        if (fault)
            mistakes_add(mistakes, device->place, "device %s: address %s is %s; choose another one", device->name,
                         ip_prefix_print(&device->addresses[i], text), fault);
    }
    if (device->mtu && (device->mtu < DEVICE_MTU_MIN || device->mtu > MODEL_MTU_MAX))
        mistakes_add(mistakes, device->place, "device %s: mtu %u must be %d to %d", device->name, device->mtu,
                     DEVICE_MTU_MIN, MODEL_MTU_MAX);
    else if (device->mtu && device->mtu < IP6_MTU_MIN && has_ip6)
        mistakes_add(mistakes, device->place,
                     "device %s: mtu %u is too small for IPv6; make it %d or more, or leave "
                     "the IPv6 address out",
                     device->name, device->mtu, IP6_MTU_MIN);
    if (device->kind == MODEL_DEVICE_TUN && !mac_is_zero(&device->mac))
        mistakes_add(mistakes, device->place,
                     "device %s: mac %s: a tun carries IP packets and has none; leave it out, "
                     "or write `kind: tap`",
                     device->name, mac_print(&device->mac, mac));
    else if (mac_is_multicast(&device->mac))
        mistakes_add(mistakes, device->place, "device %s: mac %s is a multicast address; its first byte must be even",
                     device->name, mac_print(&device->mac, mac));
    if (device->kind == MODEL_DEVICE_TAP && device->link_type && device->link_type != MODEL_LINK_TYPE_ETHERNET)
        mistakes_add(mistakes, device->place,
                     "device %s: link_type %u: a tap carries Ethernet, %d; leave it out, or write `kind: tun`",
                     device->name, device->link_type, MODEL_LINK_TYPE_ETHERNET);
    if (model_offloads_fault(device->settings.offloads))
        mistakes_add(mistakes, place_of(device->offloads_place, device->place), "device %s: offloads: %s", device->name,
                     model_offloads_fault(device->settings.offloads));
}

static int check_devices(const struct model_set *set, struct ranges *ranges, struct mistakes *mistakes)
{
    struct claims claims cleanup(claims_fini) = {0};
    char text[IP_TEXT_MAX], line[24];
    int result = 0;

    for (size_t i = 0; i < set->device_count; i++) {
        const struct model_device *device = &set->devices[i];

        check_device(device, mistakes);
        for (size_t j = 0; j < device->address_count && result == 0; j++) {
            const struct ip_prefix *prefix = &device->addresses[j];

            claims_add(&claims, &prefix->address, sizeof(prefix->address), "device", device->name, device->place);
            if (prefix->address.family == AF_INET)
                result = ranges_add(ranges, prefix, true, device->name, device->place);
        }
    }
    claims_sort(&claims);
    for (size_t i = 0; i < claims.count; i++) {
        struct ip_address address;

        if (!claims_clash(&claims, i))
            continue;
        memcpy(&address, claims.items[i].key, sizeof(address));
        mistakes_add(mistakes, claims.items[i].place,
                     "device %s: address %s is already that of device %s%s; choose "
                     "another one",
                     claims.items[i].name, ip_address_print(&address, text), claims.items[i - 1].name,
                     line_text(claims.items[i - 1].place, line));
    }
    return claims.failed ? -ENOMEM : result;
}

/* ---- the host's own network ---- */

static bool has_dhcp(const struct model_dhcp *dhcp)
{
    return dhcp->ntp_count || dhcp->search_count || dhcp->boot_file || dhcp->boot_server.family;
}

/* Who may not say something in mode bridge, and why: what is before the word for it, and what behind it. */
struct denial {
    const char *kind, *name, *before, *behind;
    struct model_place place;
    struct mistakes *mistakes;
};

/* It says @what, which stands at @place, or nowhere that is known. */
static void deny(const struct denial *denial, bool is_given, const char *what, struct model_place place)
{
    if (is_given)
        mistakes_add(denial->mistakes, place_of(place, denial->place),
                     "%s %s: %s%s%s; leave it out, or write `mode: nat`", denial->kind, denial->name, denial->before,
                     what, denial->behind);
}

/* What a file says of the host where it would do nothing: a line that seems to close it is one of those, too. */
static void check_host(const struct model_network *network, struct mistakes *mistakes)
{
    if (!network->host_place.line)
        return;
    if (network->mode == MODEL_MODE_BRIDGE)
        mistakes_add(
            mistakes, network->host_place,
            "network %s: in mode bridge guests reach the host by the uplink's network, as everybody there, and "
            "its own firewall alone says what: leave `host:` out, or write `mode: nat`",
            network->name);
    else if (network->mode == MODEL_MODE_ISOLATED && network->host == MODEL_HOST_ALLOW)
        mistakes_add(mistakes, network->host_place,
                     "network %s: in mode isolated the host has no address that guests could reach: leave "
                     "`host: allow` out, or write `mode: nat`",
                     network->name);
}

static void check_lan_port(const struct model_port *port, struct mistakes *mistakes)
{
    const struct denial denial = {"port",
                                  port->name,
                                  "its network is in mode bridge, where others give addresses and reach it directly: ",
                                  " can't be given",
                                  port->place,
                                  mistakes};
    const struct model_place *connections = &port->limit.connections_place; /* nowhere: the network's */

    deny(&denial, port->address_given, "an address", port->address_place);
    deny(&denial, port->address6_given, "an address", port->address6_place);
    deny(&denial, has_dhcp(&port->dhcp), "DHCP's options", port->dhcp.place);
    deny(&denial, connections->line, "a limit of connections", *connections);
    if (port->forward_count)
        deny(&denial, true, "forwards", port->forwards[0].place);
}

/* In mode bridge others give addresses and all that goes with them: a key that would do nothing is a mistake. */
static void check_lan(const struct model_network *network, struct mistakes *mistakes)
{
    const struct denial denial = {
        "network", network->name,  "in mode bridge the network is the uplink's, which decides about ",
        "",        network->place, mistakes};
    const struct model_limit *limit = &network->limit;

    deny(&denial, network->subnet_given, "subnet", network->subnet_place);
    deny(&denial, network->subnet6_given, "subnet6", network->subnet6_place);
    deny(&denial, network->mtu_given, "mtu", network->mtu_place);
    deny(&denial, has_dhcp(&network->dhcp), "DHCP's options", network->dhcp.place);
    deny(&denial, limit->connections, "limit: connections", limit->connections_place);
    for (size_t i = 0; i < network->port_count; i++)
        check_lan_port(&network->ports[i], mistakes);
}

/* ---- all of it ---- */

static int check_network(const struct model_network *network, struct ranges *ranges, struct mistakes *mistakes)
{
    int result = 0;

    check_host(network, mistakes);
    if (!model_mode_has_subnet(network->mode)) {
        check_lan(network, mistakes);
        check_room(network, mistakes);
        return 0;
    }
    if (network->mtu && (network->mtu < MODEL_MTU_MIN || network->mtu > MODEL_MTU_MAX))
        mistakes_add(mistakes, place_of(network->mtu_place, network->place), "network %s: mtu %u must be %d to %d",
                     network->name, network->mtu, MODEL_MTU_MIN, MODEL_MTU_MAX);
    if (network->subnet.address.family && !check_subnet(network, mistakes))
        return 0;
    if (network->subnet.address.family)
        result = ranges_add(ranges, &network->subnet, false, network->name,
                            place_of(network->subnet_place, network->place));
    check_room(network, mistakes);
    return result < 0 ? result : check_port_addresses(network, mistakes);
}

int check_subnets(const struct model_set *set, struct mistakes *mistakes)
{
    struct ranges ranges cleanup(ranges_fini) = {0};
    int result = 0;

    for (size_t i = 0; i < set->network_count && result == 0; i++)
        result = check_network(&set->networks[i], &ranges, mistakes);
    if (result == 0)
        result = check_devices(set, &ranges, mistakes);
    if (result == 0)
        check_overlaps(&ranges, mistakes);
    return result;
}
