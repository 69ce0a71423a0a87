/* SPDX-License-Identifier: MIT */
/* IPv6 subnets and addresses of networks: as long as hosts need them, clear of each other, of one port each. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/check.h"
#include "model/place.h"

static bool is_network6(const struct ip_prefix *prefix)
{
    struct ip_prefix network = ip_prefix_network(prefix);

    return ip_address_equal(&network.address, &prefix->address);
}

/* What is wrong with the subnet itself; true when nothing is, so that more can be asked. */
static bool check_subnet6(const struct model_network *network, struct mistakes *mistakes)
{
    struct model_place place = place_of(network->subnet6_place, network->place);
    const struct ip_prefix *subnet = &network->subnet6;
    char text[IP_PREFIX_TEXT_MAX], better[IP_PREFIX_TEXT_MAX];
    struct ip_prefix first = ip_prefix_network(subnet);

    ip_prefix_print(subnet, text);
    first.address.bytes[15] |= 1;
    if (!model_length6_valid(subnet->length, network->mode))
        mistakes_add(mistakes, place,
                     network->mode == MODEL_MODE_ROUTED
                         ? "network %s: subnet6 %s: the length of the prefix must be 64, or, as a part of the uplink's "
                           "own prefix, 65 to 126"
                         : "network %s: subnet6 %s: the length of the prefix must be 64, which guests need to number "
                           "themselves; in mode routed it may be longer, as a part of the uplink's own prefix",
                     network->name, text);
    else if (is_network6(subnet))
        mistakes_add(mistakes, place, "network %s: subnet6 %s is the network itself; write %s", network->name, text,
                     ip_prefix_print(&first, better));
    else if (place_room(subnet) < network->port_count + model_network_has_clones6(network))
        mistakes_add(mistakes, place,
                     "network %s: subnet6 %s has room for %u guests, not for %zu ports%s; write a larger one",
                     network->name, text, place_room(subnet), network->port_count,
                     model_network_has_clones6(network) ? " and what clones have inside" : "");
    else if (network->mtu && network->mtu < MODEL_MTU6_MIN)
        mistakes_add(mistakes, place,
                     "network %s: mtu %u is too small for IPv6; make it %d or more, or leave `subnet6:` out",
                     network->name, network->mtu, MODEL_MTU6_MIN);
    else
        return true;
    return false;
}

const char *check_address6_fault(const struct ip_prefix *subnet, const struct ip_address *address)
{
    const struct ip_prefix as_prefix = {*address, subnet->length};

    if (!ip_prefix_contains(subnet, address))
        return "is outside";
    if (ip_address_equal(&subnet->address, address))
        return "is the host's own in";
    return is_network6(&as_prefix) ? "is that of all routers in" : NULL;
}

static void check_port6(const struct model_network *network, const struct model_port *port, struct claims *claims,
                        struct mistakes *mistakes)
{
    struct model_place place = place_of(port->address6_place, port->place);
    struct ip_prefix shown = ip_prefix_network(&network->subnet6);
    char address[IP_TEXT_MAX], subnet[IP_PREFIX_TEXT_MAX];
    const char *fault;

    ip_address_print(&port->address6, address);
    if (!network->subnet6.address.family || model_is_open6(&network->subnet6)) {
        mistakes_add(mistakes, place,
                     "port %s: address6 %s is given, but the subnet6 of network %s is not; write one there, as "
                     "`subnet6: fd00:20::1/64`",
                     port->name, address, network->name);
        return;
    }
    fault = check_address6_fault(&network->subnet6, &port->address6);
    if (fault)
        mistakes_add(mistakes, place, "port %s: address6 %s %s %s; choose another one", port->name, address, fault,
                     ip_prefix_print(&shown, subnet));
    else
        claims_add(claims, &port->address6, sizeof(port->address6), "port", port->name, place);
}

static int check_ports6(const struct model_network *network, struct mistakes *mistakes)
{
    struct claims claims cleanup(claims_fini) = {0};

    for (size_t i = 0; i < network->port_count; i++)
        if (network->ports[i].address6.family)
            check_port6(network, &network->ports[i], &claims, mistakes);
    return check_own_addresses(&claims, "address6", mistakes);
}

/* Against those that stand before it: few networks have one of their own. */
static void check_overlaps6(const struct model_set *set, size_t index, struct mistakes *mistakes)
{
    const struct model_network *own = &set->networks[index];
    char text[IP_PREFIX_TEXT_MAX], other[IP_PREFIX_TEXT_MAX], line[24];

    for (size_t i = 0; i < index; i++) {
        const struct model_network *before = &set->networks[i];

        if (!before->subnet6.address.family || model_is_open6(&before->subnet6) ||
            !ip_prefix_overlaps(&before->subnet6, &own->subnet6))
            continue;
        mistakes_add(mistakes, place_of(own->subnet6_place, own->place),
                     "network %s: subnet6 %s overlaps %s of network %s%s; choose another one", own->name,
                     ip_prefix_print(&own->subnet6, text), ip_prefix_print(&before->subnet6, other), before->name,
                     line_text(place_of(before->subnet6_place, before->place), line));
        return;
    }
}

int check_ip6(const struct model_set *set, struct mistakes *mistakes)
{
    int result = 0;

    for (size_t i = 0; i < set->network_count && result == 0; i++) {
        const struct model_network *network = &set->networks[i];
        bool open = model_is_open6(&network->subnet6);

        if (!model_mode_has_subnet(network->mode)) /* told with the rest of it: check_address.c */
            continue;
        if (network->subnet6.address.family && !open) {
            if (!check_subnet6(network, mistakes))
                continue;
            check_overlaps6(set, i, mistakes);
        }
        result = check_ports6(network, mistakes);
    }
    return result;
}
