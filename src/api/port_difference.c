/* SPDX-License-Identifier: MIT */
/* Inside the quick ways: what one port is to a network that has others like it, as objects. */
#include "api/port_difference.h"

void port_difference_fini(struct port_difference *difference)
{
    plan_free(difference->plan);
    model_objects_fini(&difference->with);
    model_objects_fini(&difference->without);
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
