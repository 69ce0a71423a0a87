/* SPDX-License-Identifier: MIT */
/* The host's IP stack on a packet's way: reverse path, forwarding, routes, neighbours, tracked connections. */
#ifndef EXPLAIN_STACK_H
#define EXPLAIN_STACK_H

#include "explain/why.h"

/* Would rp_filter of @in let @packet in? */
void why_step_reverse_path(struct why *why, const struct explain_link *in, const struct rules_packet *packet);
/* Does @in forward what comes in there? */
void why_step_forwarding(struct why *why, const struct explain_link *in);
/*
 * The kernel's own lookup for @packet that came in by @in (NULL: that the host sends). The link that it goes out by,
 * with *ret_next, whom it is handed to there; NULL when there is none.
 */
const struct explain_link *why_step_route(struct why *why, const struct explain_link *in,
                                          const struct rules_packet *packet, struct ip_address *ret_next);
/* Does @next answer on @out, and as @mac (NULL or zero: whoever it is)? False when it does not: nothing is told yet. */
bool why_step_neighbour(struct why *why, const struct explain_link *out, const struct ip_address *next,
                        const struct mac *mac);
/* It does not, and there is no reason to be seen. */
void why_tell_silent(struct why *why, const struct explain_link *out, const struct ip_address *next);
/* Is there room for one more connection? */
void why_step_connections(struct why *why);

#endif
