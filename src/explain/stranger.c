/* SPDX-License-Identifier: MIT */
/* Links of others that somebody has put into a bridge of ours, where they are no port of the network. */
#include <errno.h>
#include <string.h>

#include "explain/doctor.h"

/* In mode bridge the uplink is where it belongs. */
const struct observe_link *explain_stranger(const struct observe_found *found, const struct model_network *network,
                                            size_t index)
{
    for (size_t i = 0; i < found->link_count; i++) {
        const struct observe_link *link = &found->links[i];
        bool is_uplink = network->mode == MODEL_MODE_BRIDGE && strcmp(link->name, network->uplink) == 0;

        if (strcmp(link->master, network->bridge) == 0 && !is_uplink && index-- == 0)
            return link;
    }
    return NULL;
}

int doctor_check_strangers(struct doctor *doctor, const struct doctor_check *check)
{
    const struct observe_found *found = doctor->host.found;
    const struct model_service *service;
    const struct observe_link *link;

    for (size_t i = 0; (service = explain_network(found, i)); i++)
        for (size_t j = 0; (link = explain_stranger(found, service->network, j)); j++)
            if (doctor_add(doctor, check,
                           doctor_print(doctor, "ip link set %s nomaster", explain_word(&doctor->arena, link->name)),
                           doctor_print(doctor,
                                        "network %s: %s is in its bridge %s and is no port of it: no guard sees what "
                                        "it sends",
                                        service->network->name, link->name, link->master)) < 0)
                return -ENOMEM;
    return 0;
}
