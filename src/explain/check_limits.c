/* SPDX-License-Identifier: MIT */
/* Checks of what the host has only so many of: tracked connections, ports of a bridge. */
#include <errno.h>
#include <stdio.h>

#include "explain/doctor.h"

/* ---- connections ---- */

#define NEARLY(max) ((max) / 10 * 9)

/* The kernel drops the first packet of every connection more, of guests as of the host. */
int doctor_check_connections(struct doctor *doctor, const struct doctor_check *check)
{
    long count = explain_sysctl("net/netfilter/nf_conntrack_count", 0);
    long max = explain_sysctl("net/netfilter/nf_conntrack_max", 0);

    if (max <= 0 || count < NEARLY(max)) /* 0: no limit */
        return 0;
    return doctor_add(doctor, check, doctor_print(doctor, "sysctl -w net/netfilter/nf_conntrack_max=%ld", 2 * max),
                      doctor_print(doctor, "the table of connections holds %ld, of %ld at most", count, max));
}

/* ---- ports ---- */

#define BRIDGE_PORTS_MAX 1023 /* net/bridge: BR_MAX_PORTS without port 0 */

static size_t count_ports(const struct doctor *doctor, const struct explain_link *bridge)
{
    size_t count = 0;

    for (size_t i = 0; i < doctor->host.link_count; i++)
        count += doctor->host.links[i].master_index == bridge->index;
    return count;
}

int doctor_check_bridge_ports(struct doctor *doctor, const struct doctor_check *check)
{
    const struct model_service *service;

    for (size_t i = 0; (service = explain_network(doctor->host.found, i)); i++) {
        const struct explain_link *bridge = explain_find_link(&doctor->host, service->network->bridge);
        size_t count = bridge ? count_ports(doctor, bridge) : 0;

        if (count >= NEARLY(BRIDGE_PORTS_MAX) &&
            doctor_add(doctor, check, NULL,
                       doctor_print(doctor, "network %s: %s has %zu ports, of %d at most", service->network->name,
                                    bridge->name, count, BRIDGE_PORTS_MAX)) < 0)
            return -ENOMEM;
    }
    return 0;
}
