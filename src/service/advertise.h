/* SPDX-License-Identifier: MIT */
/* Router advertisements (RFC 4861, 8106): what guests learn of their network without asking for it. */
#ifndef SERVICE_ADVERTISE_H
#define SERVICE_ADVERTISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "packet/frame6.h"

/*
 * How it works: an advertisement says who the router is (the bridge, fe80::1) and for how long, the MTU, the prefix
 * that is on the link, and where names are asked. Where there is no way out by IPv6 it is no router: guests that have
 * none use IPv4 at once instead of waiting.
 *
 * Every guest has one address, its port's; the guards let no other pass. So it is told to ask for it by DHCPv6 (M), and
 * not to make one up (A is 0): one that draws addresses by lot would have many that lead nowhere. But a guest whose
 * link-local address, by which it asks for the router, ends in the same 64 bits as its port's address would make up
 * that very address: it is told to (A is 1), so that it needs no DHCPv6, as with nothing but the kernel of Linux in it.
 * That answer is for it alone. What is told to all has A as 0, which takes away nothing that a guest has.
 *
 * The address is the port's for as long as the network is up. So its lifetimes have no end; the last advertisement of
 * a network, with all lifetimes as 0, has guests let go of their router, of its names and, for what is new, of the
 * address that they made up (RFC 4862, 5.5.3, has them keep it for two hours more).
 */

#define ADVERTISE_FRAME_MAX 1514
#define ADVERTISE_LIFETIME 1800 /* seconds that a guest believes in its router: three times the longest interval */
#define ADVERTISE_MIN_USEC UINT64_C(200000000) /* between two advertisements to all, ... */
#define ADVERTISE_MAX_USEC UINT64_C(600000000)
#define ADVERTISE_FIRST_USEC UINT64_C(16000000) /* ... of which the first ones come faster */
#define ADVERTISE_FIRST_COUNT 3

/* Is @packet, an ICMPv6 message, a router solicitation, sound and forwarded by nobody? */
bool advertise_is_solicitation(const struct frame6 *packet);

/* Is whoever sends from @source one that would make up @address by itself? */
bool advertise_makes_up(const uint8_t source[16], const struct ip_address *address);

/*
 * The answer to the solicitation @packet of the guest at @port, or (both NULL) what is told to all, or (@packet NULL,
 * of a routed network) to the guest at @port unasked: a frame in @frame (ADVERTISE_FRAME_MAX bytes), from the network's
 * bridge, or from the port's device. @last: the network goes. Returns its length; 0: the network has no IPv6.
 */
size_t advertise_build(const struct model_network *network, const struct model_port *port, const struct frame6 *packet,
                       bool last, uint8_t *frame);

#endif
