/* SPDX-License-Identifier: MIT */
/* What a network with IPv6 wants of the host for it, beside what each of its ports does. */
#include <stdio.h>

#include "model/expand.h"

/* net.ipv6.conf.@device.@name = @value; @restore: what it was before, "" when the device goes with us. */
static void add_sysctl6(struct expansion *expansion, const struct model_network *network, const char *device,
                        const char *name, const char *value, const char *restore)
{
    struct model_sysctl sysctl = {.value = ""};

    snprintf(sysctl.path, sizeof(sysctl.path), "net/ipv6/conf/%s/%s", device, name);
    snprintf(sysctl.value, sizeof(sysctl.value), "%s", value);
    snprintf(sysctl.restore, sizeof(sysctl.restore), "%s", restore);
    add_sysctl(expansion, network->place, &sysctl);
}

/*
 * The kernel answers for the guests' addresses (proxy_ndp) by a link where it is a router (`forwarding`), which all
 * links are as soon as all forward. One that is no router any more would not learn addresses either.
 */
static void answer_by_uplink6(struct expansion *expansion, const struct model_network *network)
{
    const struct model_ip6 *ip6 = &expansion->set->ip6;

    if (!ip6->forwards)
        add_sysctl6(expansion, network, network->uplink6, "accept_ra", "2", "1");
    if (ip6->forwards || ip6->forces)
        add_sysctl6(expansion, network, network->uplink6, "forwarding", "1", "0");
    add_sysctl6(expansion, network, network->uplink6, "proxy_ndp", "1", "0");
}

/*
 * The bridge is a router, and says so to its guests: `forwarding`; where ports have none they are (apply/links.c). As
 * soon as that is written of any link, the kernel forgets the default routes that it has learned, but those by links
 * with accept_ra = 2. What is forwarded is what comes in by links that are told to force it, and those are closed for
 * all that is not ours. A kernel that knows no such thing (before Linux 6.17) forwards by all links or none: then all
 * are closed. What is closed follows from the sysctls: plan_scope_make().
 */
void forward6(struct expansion *expansion, const struct model_network *network)
{
    const struct model_ip6 *ip6 = &expansion->set->ip6;
    bool bridges = model_network_has_bridge(network);

    for (size_t i = 0; i < ip6->learning_count; i++)
        add_sysctl6(expansion, network, ip6->learning[i], "accept_ra", "2", "1");
    if (network->on_link6)
        answer_by_uplink6(expansion, network);
    if (bridges)
        add_sysctl6(expansion, network, network->bridge, "forwarding", "1", "");
    if (ip6->forwards)
        return;
    if (!ip6->forces) {
        add_sysctl6(expansion, network, "all", "forwarding", "1", "0");
        return;
    }
    if (bridges)
        add_sysctl6(expansion, network, network->bridge, "force_forwarding", "1", "");
    if (network->uplink6[0])
        add_sysctl6(expansion, network, network->uplink6, "force_forwarding", "1", "0");
}

/* What guests behind a bridge reach, and who leaves with the host's address since nobody outside knows its own. */
static void expand_nat6(struct expansion *expansion, const struct model_network *network, const char *label)
{
    struct model_place place = network->place;

    add_address(expansion, place, network->bridge, &model_router6);
    add_gateway6(expansion, place, network, network->bridge, label);
    add_element(expansion, place, guard_resolver(&network->subnet6.address, label));
    add_element(expansion, place, guard_subnet(network->bridge, &network->subnet6, label));
    if (!network->uplink6[0])
        return;
    add_element(expansion, place, guard_path6(network->bridge, network->uplink6, label));
    add_element(expansion, place, guard_path6(network->uplink6, network->bridge, label));
    if (model_is_local6(&network->subnet6))
        add_element(expansion, place, guard_masquerade6(network->bridge, network->uplink6, label));
}

void expand_way_out6(struct expansion *expansion, const struct model_network *network, const char *label)
{
    add_address(expansion, network->subnet6_place.line ? network->subnet6_place : network->place, network->bridge,
                &network->subnet6);
    if (model_network_has_bridge(network))
        expand_nat6(expansion, network, label);
    if (!network->uplink6[0])
        return;
    add_element(expansion, network->place, guard_egress6(network->bridge, network->uplink6, label));
    forward6(expansion, network);
}
