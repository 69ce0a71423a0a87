/* SPDX-License-Identifier: MIT */
/* Which addresses of a subnet its ports have. */
#ifndef MODEL_PLACE_H
#define MODEL_PLACE_H

#include "model/model.h"

/* A number below @range that follows from @text alone. */
uint32_t place_spread(const char *text, uint32_t range);
/* Addresses of @subnet for guests: all but the first, the last and the host's; of IPv6 no more than 65,533. */
uint32_t place_room(const struct ip_prefix *subnet);
/*
 * Gives ports of @network an address of @subnet, one of its own, where they have none of that family: what they have
 * now stays, else a choice that depends on the names alone (hash, then the next free one). 0, -ENOMEM, -EADDRNOTAVAIL.
 */
int place_ports(struct model_network *network, const struct ip_prefix *subnet,
                const struct model_surroundings *surroundings);

#endif
