/* SPDX-License-Identifier: MIT */
/* Networks of clones: what all guests have inside, and what none of them can have then. */
#include "model/check.h"

static void check_mode(const struct model_network *network, struct mistakes *mistakes)
{
    if (network->mode == MODEL_MODE_BRIDGE)
        mistakes_add(mistakes, place_of(network->clones.place, network->place),
                     "network %s: clones have addresses of tapnet's, and in mode bridge others give them: write "
                     "`mode: nat` or `mode: routed`",
                     network->name);
    if (network->subnet6_given && network->subnet6.address.family && !model_network_has_clones6(network))
        mistakes_add(mistakes, place_of(network->subnet6_place, network->place),
                     "network %s: its subnet6 is given, but not the IPv6 address that its clones have in it; write "
                     "`address6:` into `clones:`, or leave `subnet6:` out",
                     network->name);
}

/* The address inside: the guests' gateway is of the same subnet. */
static void check_inside(const struct model_network *network, struct mistakes *mistakes)
{
    const struct model_clones *clones = &network->clones;
    struct model_place place = place_of(clones->address_place, network->place);
    char address[IP_TEXT_MAX], subnet[IP_PREFIX_TEXT_MAX], advice[CHOICE_TEXT_MAX];
    struct ip_prefix shown = ip_prefix_network(&network->subnet);
    const char *fault;

    ip_address_print(&clones->address, address);
    if (!network->subnet.address.family) {
        shown = (struct ip_prefix){clones->address, 24};
        mistakes_add(mistakes, place,
                     "network %s: the address of its clones, %s, is given, but the subnet is not; write `subnet: %s`",
                     network->name, address, check_subnet_suggest(&shown, 24, subnet));
        return;
    }
    if (network->subnet.length < MODEL_PREFIX_MIN || network->subnet.length > MODEL_PREFIX_MAX)
        return; /* told with the rest of it: check_address.c */
    fault = check_address_fault(&network->subnet, &clones->address);
    if (fault)
        mistakes_add(mistakes, place,
                     "network %s: the address of its clones, %s, %s %s; %s, or another subnet: their gateway is the "
                     "host's address in it",
                     network->name, address, fault, ip_prefix_print(&shown, subnet),
                     check_address_advise(&network->subnet, advice));
}

/* A subnet that has @address, which is not the host's own in it. */
static struct ip_prefix suggest_subnet6(const struct ip_address *address)
{
    struct ip_prefix subnet = ip_prefix_network(&(struct ip_prefix){*address, MODEL_PREFIX6});

    subnet.address.bytes[15] = 1;
    if (ip_address_equal(&subnet.address, address))
        subnet.address.bytes[15] = 2;
    return subnet;
}

/* The same by IPv6. */
static void check_inside6(const struct model_network *network, struct mistakes *mistakes)
{
    const struct ip_address *inside = &network->clones.address6;
    struct model_place place = place_of(network->clones.address6_place, network->place);
    struct ip_prefix shown;
    char address[IP_TEXT_MAX], subnet[IP_PREFIX_TEXT_MAX];
    const char *fault;

    ip_address_print(inside, address);
    if (!network->subnet6.address.family || model_is_open6(&network->subnet6)) {
        shown = suggest_subnet6(inside);
        mistakes_add(mistakes, place,
                     "network %s: the IPv6 address of its clones, %s, is given, but the subnet6 is not; "
                     "write `subnet6: %s`",
                     network->name, address, ip_prefix_print(&shown, subnet));
        return;
    }
    if (!model_length6_valid(network->subnet6.length, network->mode))
        return; /* told with the rest of it: check_address6.c */
    shown = ip_prefix_network(&network->subnet6);
    fault = check_address6_fault(&network->subnet6, inside);
    if (fault)
        mistakes_add(mistakes, place,
                     "network %s: the IPv6 address of its clones, %s, %s %s; write the one that the snapshot has, or "
                     "another subnet6",
                     network->name, address, fault, ip_prefix_print(&shown, subnet));
}

static void check_clone(const struct model_network *network, const struct model_port *port, struct mistakes *mistakes)
{
    char text[IP_TEXT_MAX], mac[MAC_TEXT_MAX];

    if (!mac_equal(&port->guest_mac, &network->clones.mac))
        mistakes_add(mistakes, place_of(port->mac_place, port->place),
                     "port %s: mac %s is not that of the clones of network %s; leave `mac:` out", port->name,
                     mac_print(&port->guest_mac, mac), network->name);
    if (port->mac_spoofing)
        mistakes_add(mistakes, port->place,
                     "port %s: clones have one MAC, by which the host finds them: leave `mac_spoofing:` out",
                     port->name);
    if (ip_address_equal(&port->address, &network->clones.address))
        mistakes_add(mistakes, place_of(port->address_place, port->place),
                     "port %s: address %s is what all clones of network %s have inside; choose another one for this "
                     "one outside, or leave `address:` out",
                     port->name, ip_address_print(&port->address, text), network->name);
    if (port->address6.family && ip_address_equal(&port->address6, &network->clones.address6))
        mistakes_add(mistakes, place_of(port->address6_place, port->place),
                     "port %s: address6 %s is what all clones of network %s have inside; choose another one for this "
                     "one outside, or leave `address6:` out",
                     port->name, ip_address_print(&port->address6, text), network->name);
}

void check_clones(const struct model_set *set, struct mistakes *mistakes)
{
    char text[MAC_TEXT_MAX];

    for (size_t i = 0; i < set->network_count; i++) {
        const struct model_network *network = &set->networks[i];
        const struct model_clones *clones = &network->clones;

        if (!model_network_has_clones(network))
            continue;
        check_mode(network, mistakes);
        if (network->mode != MODEL_MODE_BRIDGE)
            check_inside(network, mistakes);
        if (network->mode != MODEL_MODE_BRIDGE && model_network_has_clones6(network))
            check_inside6(network, mistakes);
        if (mac_is_zero(&clones->mac) || mac_is_multicast(&clones->mac))
            mistakes_add(mistakes, place_of(clones->mac_place, network->place),
                         "network %s: the mac of its clones, %s, is no guest's; write the one that the snapshot has",
                         network->name, mac_print(&clones->mac, text));
        for (size_t j = 0; j < network->port_count; j++)
            check_clone(network, &network->ports[j], mistakes);
    }
}
