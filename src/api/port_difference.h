/* SPDX-License-Identifier: MIT */
/* Inside the quick ways: what one port is to a network that has others like it, as objects. */
#ifndef API_PORT_DIFFERENCE_H
#define API_PORT_DIFFERENCE_H

#include "plan/plan.h"

/* What the port has of its own, and the plan that makes it, or takes it away. */
struct port_difference {
    struct model_objects objects;
    struct plan *plan;
};

void port_difference_fini(struct port_difference *difference);

/*
 * @set has one network. @fellow is another port of it, which stays: what the network has for the sake of its ports is
 * there already. @comes, or it goes. 0 or -ENOMEM.
 */
int port_difference_make(const struct model_set *set, const struct model_port *fellow, const struct model_port *port,
                         bool comes, struct port_difference *ret);

#endif
