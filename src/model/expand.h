/* SPDX-License-Identifier: MIT */
/* Inside model/: the list of objects that a set is made into. */
#ifndef MODEL_EXPAND_H
#define MODEL_EXPAND_H

#include "model/object.h"

/* The list that is being made; the first failure sticks in @code. */
struct expansion {
    const struct model_set *set;
    struct model_objects objects;
    int code;
};

void add_object(struct expansion *expansion, const struct model_object *object);
void add_element(struct expansion *expansion, struct model_place place, struct guard_element element);
/* "set/network", or "set/network/port"; "" once memory is short, which sticks. */
const char *make_label(struct expansion *expansion, const struct model_network *network, const struct model_port *port);
void add_port_link(struct expansion *expansion, const struct model_network *network, const struct model_port *port);
void add_address(struct expansion *expansion, struct model_place place, const char *device,
                 const struct ip_prefix *prefix);
/* What the guests behind @device may reach of the host: ping, DNS. */
void add_gateway(struct expansion *expansion, struct model_place place, const struct model_network *network,
                 const char *device, const char *label);
/* The same by IPv6. The host is known to guests by a link-local address, too. */
void add_gateway6(struct expansion *expansion, struct model_place place, const struct model_network *network,
                  const char *device, const char *label);
/* The set is its user. */
void add_sysctl(struct expansion *expansion, struct model_place place, const struct model_sysctl *sysctl);
void expand_forwards(struct expansion *expansion, const struct model_port *port, const char *label);

/* ---- expand6.c ---- */

/* That the host forwards IPv6 for it. */
void forward6(struct expansion *expansion, const struct model_network *network);
/* An address of the host's, what guests reach there, a way out: @label is the network's. */
void expand_way_out6(struct expansion *expansion, const struct model_network *network, const char *label);

/* ---- expand_routed.c ---- */

void expand_routed_port(struct expansion *expansion, const struct model_network *network,
                        const struct model_port *port);
/* What its guests may ask by ARP, and whether they reach each other. */
void expand_routed_network(struct expansion *expansion, const struct model_network *network, const char *label);

#endif
