/* SPDX-License-Identifier: MIT */
/* Neighbour solicitations (RFC 4861) of routed guests that take their neighbours to be on their link. */
#ifndef SERVICE_NEIGHBOUR_H
#define SERVICE_NEIGHBOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "packet/frame6.h"

/*
 * How it works: guests of a routed network are told that nobody is on their link. One with a static address and the
 * subnet's whole prefix thinks otherwise, and so does one that was behind a bridge before its network's mode changed.
 * By IPv4 the kernel answers these (proxy_arp); by IPv6 it would need an entry for each two ports. So the rules show
 * their solicitations to the service, which says that whoever of the subnet is asked about is at the host. So is the
 * address of the subnet that the host itself has: on the port stands fe80::1 alone, for which the kernel answers.
 */

/* The message and one option with a MAC. */
#define NEIGHBOUR_ANSWER_LEN 32
#define NEIGHBOUR_FRAME_MAX (FRAME6_ICMP_AT + NEIGHBOUR_ANSWER_LEN)

/*
 * The answer to @packet, an ICMPv6 message of the guest at @port of @network: a frame in @frame (NEIGHBOUR_FRAME_MAX
 * bytes). Returns its length; 0: it asks about nobody for whom the host stands in, or is no sound solicitation.
 */
size_t neighbour_answer(const struct model_network *network, const struct model_port *port, const struct frame6 *packet,
                        uint8_t *frame);

#endif
