/* SPDX-License-Identifier: MIT */
/* The host's IP stack on a packet's way: reverse path, forwarding, routes, neighbours, tracked connections. */
#ifndef EXPLAIN_STACK_H
#define EXPLAIN_STACK_H

#include "explain/why.h"

/* Would rp_filter of @in let @packet in? */
void why_step_reverse_path(struct why *why, const struct explain_link *in, const struct rules_packet *packet);
/* Does @in forward what comes in there? */
void why_step_forwarding(struct why *why, const struct explain_link *in);
/* Has @link IPv6, where that is asked about? */
void why_step_ip6(struct why *why, const struct explain_link *link);
/* Does @link, which guests have as their router of IPv6, tell them that it is one? */
void why_step_router(struct why *why, const struct explain_link *link);
/*
 * The kernel's own lookup for @packet that came in by @in (NULL: that the host sends). The link that it goes out by,
 * with *ret_next, whom it is handed to there; NULL when there is none.
 */
const struct explain_link *why_step_route(struct why *why, const struct explain_link *in,
                                          const struct rules_packet *packet, struct ip_address *ret_next);
/* Does @next answer on @out, and as @mac (NULL or zero: whoever it is)? False when it does not: nothing is told yet. */
bool why_step_neighbour(struct why *why, const struct explain_link *out, const struct ip_address *next,
                        const struct mac *mac);
/*
 * discovery.c: by IPv6 what asks for a MAC, and what tells it, meets the rules of the host, as ARP does not. When
 * @guest, behind @in, asks for its gateway's; when the host asks on @out for that of @next. Only drops are told.
 */
void why_step_asked(struct why *why, const struct explain_link *in, const struct why_end *guest);
void why_step_asking(struct why *why, const struct explain_link *out, const struct ip_address *next);
/* It does not, and there is no reason to be seen. */
void why_tell_silent(struct why *why, const struct explain_link *out, const struct ip_address *next);
/* mtu.c: may the guest @from, that comes in by @in, send larger packets than @out takes, and is it told? */
void why_step_mtu(struct why *why, const struct why_end *from, const struct explain_link *in,
                  const struct explain_link *out);
/* Is there room for one more connection? */
void why_step_connections(struct why *why);

#endif
