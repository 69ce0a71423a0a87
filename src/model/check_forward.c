/* SPDX-License-Identifier: MIT */
/* Forwards: that they can be, and that no two of one file want the same port of the host. */
#include <errno.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "model/check.h"
#include "model/forward.h"

/* Does @forward take everything that comes to the DNS of a network with @subnet, which may still be to be chosen? */
static bool takes_dns_of(const struct model_forward *forward, const struct ip_prefix *subnet,
                         const struct ip_address *some)
{
    return model_forward_takes(forward, ip_address_is_any(&subnet->address) ? some : &subnet->address, MODEL_DNS_PORT);
}

/* Does tapnet's own DNS listen where @forward would take everything away from it? */
static bool takes_dns(const struct model_set *set, const struct model_forward *forward)
{
    static const struct ip_address some = {AF_INET, {10, 0, 0, 1}}, some6 = {AF_INET6, {0xfd, [15] = 1}};

    for (size_t i = 0; i < set->network_count; i++) {
        const struct model_network *network = &set->networks[i];

        if (network->mode != MODEL_MODE_ISOLATED &&
            (takes_dns_of(forward, &network->subnet, &some) ||
             (network->subnet6.address.family && takes_dns_of(forward, &network->subnet6, &some6))))
            return true;
    }
    return false;
}

static void check_forward(const struct model_set *set, const struct model_network *network,
                          const struct model_port *port, const struct model_forward *forward, struct mistakes *mistakes)
{
    struct model_place place = place_of(forward->place, port->place);
    char text[MODEL_FORWARD_TEXT_MAX];

    model_forward_print(forward, text);
    if (network->mode == MODEL_MODE_ISOLATED)
        mistakes_add(mistakes, place,
                     "port %s: forward %s has no use in mode isolated, where nothing comes in; leave it out, or write "
                     "`mode: nat`",
                     port->name, text);
    else if (forward->address.family == AF_INET6 && !network->subnet6.address.family)
        mistakes_add(mistakes, place,
                     "port %s: forward %s: the guest has no IPv6 address that it could lead to; write `subnet6: auto` "
                     "for network %s, or name an IPv4 address of the host, or none",
                     port->name, text, network->name);
    else if (forward->address.family == AF_INET6 && port->no_ip6)
        mistakes_add(
            mistakes, place,
            "port %s: forward %s: its container has IPv6 turned off; name an IPv4 address of the host, or none",
            port->name, text);
    else if (takes_dns(set, forward))
        mistakes_add(mistakes, place,
                     "port %s: forward %s: at port %d tapnet's own DNS listens for guests; choose another port of the "
                     "host",
                     port->name, text, MODEL_DNS_PORT);
}

static void check_network(const struct model_set *set, const struct model_network *network, struct mistakes *mistakes)
{
    for (size_t p = 0; p < network->port_count; p++)
        for (size_t f = 0; f < network->ports[p].forward_count; f++)
            check_forward(set, network, &network->ports[p], &network->ports[p].forwards[f], mistakes);
}

static void tell_rivals(const struct model_forward_claim *a, const struct model_forward_claim *b,
                        struct mistakes *mistakes)
{
    const struct model_forward_claim *first = a->order < b->order ? a : b, *later = first == a ? b : a;
    char text[MODEL_FORWARD_TEXT_MAX], line[24];

    mistakes_add(mistakes, place_of(later->forward->place, later->port->place),
                 "port %s: forward %s: %s port %u of the host is already forwarded to port %s%s; choose another one",
                 later->port->name, model_forward_print(later->forward, text), model_forward_protocol(later->forward),
                 b->forward->first, first->port->name,
                 line_text(place_of(first->forward->place, first->port->place), line));
}

int check_forwards(const struct model_set *set, struct mistakes *mistakes)
{
    struct model_forward_claims claims cleanup(model_forward_claims_fini) = {0};

    for (size_t i = 0; i < set->network_count; i++) {
        check_network(set, &set->networks[i], mistakes);
        if (model_forward_claims_add(&claims, &set->networks[i], set->name) < 0)
            return -ENOMEM;
    }
    model_forward_claims_sort(&claims);
    for (size_t i = 0; i < claims.count; i++) {
        const struct model_forward_claim *rival;
        size_t next = 0;

        while (mistakes->total <= MISTAKES_MAX && (rival = model_forward_claims_rival(&claims, i, &next)))
            tell_rivals(&claims.items[i], rival, mistakes);
    }
    return 0;
}
