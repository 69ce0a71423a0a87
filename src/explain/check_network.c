/* SPDX-License-Identifier: MIT */
/* Checks of the networks that are up: uplinks, forwarding, subnets that others have too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "explain/doctor.h"
#include "netlink/sysctl.h"

/* ---- forwarding ---- */

/* What the interface's sysctl says; true where it can't be read. */
static bool forwards(const char *name)
{
    char path[96], value[16];

    snprintf(path, sizeof(path), "net/ipv4/conf/%s/forwarding", name);
    return sysctl_read(path, value, sizeof(value), NULL) < 0 || strcmp(value, "0") != 0;
}

static int look_at_forwarding(struct doctor *doctor, const struct doctor_check *check,
                              const struct model_network *network, const char *name)
{
    if (!*name || forwards(name))
        return 0;
    return doctor_add(
        doctor, check,
        doctor_print(doctor, "sysctl -w net/ipv4/conf/%s/forwarding=1", explain_word(&doctor->arena, name)),
        doctor_print(doctor, "network %s: %s does not forward (net.ipv4.conf.%s.forwarding is 0)", network->name, name,
                     name));
}

int doctor_check_forwarding(struct doctor *doctor, const struct doctor_check *check)
{
    const struct model_service *service;

    for (size_t i = 0; (service = explain_network(doctor->host.found, i)); i++) {
        const struct model_network *network = service->network;

        if (!model_mode_leads_out(network->mode))
            continue;
        if (look_at_forwarding(doctor, check, network, network->bridge) < 0 ||
            look_at_forwarding(doctor, check, network, network->uplink) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* ---- subnets ---- */

/* A route to everything (or half of it, as VPNs have them) takes nothing: the longer prefix wins. */
#define LONGEST_DEFAULT 7

static const char *name_of(const struct doctor *doctor, int index)
{
    for (size_t i = 0; i < doctor->host.found->link_count; i++)
        if (doctor->host.found->links[i].index == index)
            return doctor->host.found->links[i].name;
    return "?";
}

/* Who else has a part of @subnet: "172.17.0.1/16 on docker0"; NULL: nobody. */
static const char *find_rival(struct doctor *doctor, const struct ip_prefix *subnet)
{
    const struct observe_found *found = doctor->host.found;
    char text[IP_PREFIX_TEXT_MAX];

    for (size_t i = 0; i < found->address_count; i++)
        if (ip_prefix_overlaps(&found->addresses[i].prefix, subnet))
            return doctor_print(doctor, "the address %s on %s", ip_prefix_print(&found->addresses[i].prefix, text),
                                name_of(doctor, found->addresses[i].index));
    for (size_t i = 0; i < found->taken_count; i++)
        if (found->taken[i].length > LONGEST_DEFAULT && ip_prefix_overlaps(&found->taken[i], subnet))
            return doctor_print(doctor, "the route to %s", ip_prefix_print(&found->taken[i], text));
    return NULL;
}

int doctor_check_subnets(struct doctor *doctor, const struct doctor_check *check)
{
    const struct model_service *service;

    for (size_t i = 0; (service = explain_network(doctor->host.found, i)); i++) {
        const struct model_network *network = service->network;
        struct ip_prefix subnet = ip_prefix_network(&network->subnet);
        const char *rival = network->on_link ? NULL : find_rival(doctor, &subnet);
        char text[IP_PREFIX_TEXT_MAX];

        if (rival && doctor_add(doctor, check, NULL,
                                doctor_print(doctor, "network %s has the subnet %s, and so has %s", network->name,
                                             ip_prefix_print(&subnet, text), rival)) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* ---- uplinks ---- */

/* What is wrong with the network's uplink; NULL: nothing. */
static const char *uplink_fault(const struct doctor *doctor, const struct model_network *network)
{
    const struct explain_link *link = explain_find_link(&doctor->host, network->uplink);

    if (!*network->uplink)
        return "there is none: the host has no default route";
    if (!link)
        return "it is not there";
    if (!link->up)
        return "it is down";
    if (!link->carrier)
        return "it has no carrier";
    return *doctor->host.found->uplink ? NULL : "the host has no default route";
}

int doctor_check_uplink(struct doctor *doctor, const struct doctor_check *check)
{
    const struct model_service *service;

    for (size_t i = 0; (service = explain_network(doctor->host.found, i)); i++) {
        const struct model_network *network = service->network;
        const struct explain_link *link = explain_find_link(&doctor->host, network->uplink);
        const char *fault = model_mode_leads_out(network->mode) ? uplink_fault(doctor, network) : NULL;

        if (fault && doctor_add(doctor, check,
                                link && !link->up ? doctor_print(doctor, "ip link set %s up",
                                                                 explain_word(&doctor->arena, link->name))
                                                  : check->command,
                                doctor_print(doctor, "network %s, uplink%s%s: %s", network->name,
                                             *network->uplink ? " " : "", network->uplink, fault)) < 0)
            return -ENOMEM;
    }
    return 0;
}

int doctor_check_mtu(struct doctor *doctor, const struct doctor_check *check)
{
    const struct model_service *service;

    for (size_t i = 0; (service = explain_network(doctor->host.found, i)); i++) {
        const struct model_network *network = service->network;
        const struct explain_link *link = explain_find_link(&doctor->host, network->uplink);

        if (!model_mode_leads_out(network->mode) || !link || !network->mtu || link->mtu >= network->mtu)
            continue;
        if (doctor_add(doctor, check, doctor_up_command(doctor, service->set),
                       doctor_print(doctor, "network %s has the MTU %u, and its uplink %s has %u", network->name,
                                    network->mtu, link->name, link->mtu)) < 0)
            return -ENOMEM;
    }
    return 0;
}
