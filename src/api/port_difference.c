/* SPDX-License-Identifier: MIT */
/* Inside the quick ways: what one port is to a network that has others like it, as objects. */
#include "api/port_difference.h"

void port_difference_fini(struct port_difference *difference)
{
    plan_free(difference->plan);
    model_objects_fini(&difference->with);
    model_objects_fini(&difference->without);
}

bool port_difference_learns(const struct model_port *port)
{
    return !port->guest_mac_given && !port->mac_spoofing;
}

const struct model_port *port_difference_fellow(const struct model_network *network, bool given)
{
    const struct model_port *fellow = NULL;

    for (size_t i = 0; i < network->port_count; i++) {
        if (port_difference_learns(&network->ports[i]))
            return &network->ports[i];
        if (given && network->ports[i].guest_mac_given)
            fellow = &network->ports[i];
    }
    return fellow;
}

int port_difference_make(struct model_set *set, const struct model_port *fellow, const struct model_port *port,
                         struct port_difference *ret)
{
    struct model_network *network = &set->networks[0];
    struct model_port pair[2] = {*fellow, *port};
    int result;

    network->ports = pair;
    network->port_count = 2;
    result = model_check(set, NULL);
    if (result == 0)
        result = model_expand(set, false, &ret->with, NULL);
    network->port_count = 1;
    if (result == 0)
        result = model_expand(set, false, &ret->without, NULL);
    network->ports = NULL;
    network->port_count = 0;
    return result;
}
