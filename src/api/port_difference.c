/* SPDX-License-Identifier: MIT */
/* Inside the quick ways: what one port is to a network that has others like it, as objects. */
#include "api/port_difference.h"

void port_difference_fini(struct port_difference *difference)
{
    plan_free(difference->plan);
    model_objects_fini(&difference->objects);
}

int port_difference_make(const struct model_set *set, const struct model_port *fellow, const struct model_port *port,
                         bool comes, struct port_difference *ret)
{
    static const struct model_objects none;
    bool learns = !fellow->guest_mac_given && !fellow->mac_spoofing;
    int result = model_expand_port(set, &set->networks[0], port, learns, &ret->objects);

    if (result == 0)
        result = comes ? plan_make(&ret->objects, &none, &ret->plan) : plan_make(&none, &ret->objects, &ret->plan);
    return result;
}
