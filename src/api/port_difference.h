/* SPDX-License-Identifier: MIT */
/* Inside the quick ways: what one port is to a network that has others like it, as objects. */
#ifndef API_PORT_DIFFERENCE_H
#define API_PORT_DIFFERENCE_H

#include "plan/plan.h"

/* The network with it and a fellow, and with the fellow alone: they differ in what the port has of its own. */
struct port_difference {
    struct model_objects with, without;
    struct plan *plan;
};

void port_difference_fini(struct port_difference *difference);

/*
 * @set has one network, whose ports are none afterwards. Fills in all but the plan. 0, or what model_check() and
 * model_expand() return.
 */
int port_difference_make(struct model_set *set, const struct model_port *fellow, const struct model_port *port,
                         struct port_difference *ret);

#endif
