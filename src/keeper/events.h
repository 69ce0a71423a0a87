/* SPDX-License-Identifier: MIT */
/* What tells the keeper that somebody may have changed something of ours. */
#ifndef KEEPER_EVENTS_H
#define KEEPER_EVENTS_H

#include <stdbool.h>

#include "base/error.h"

/*
 * How it works: rtnetlink tells of links, addresses, routes and forwarding (groups LINK, IPV4_IFADDR, IPV4_ROUTE,
 * IPV4_NETCONF), nfnetlink of nf_tables. What the messages say is not believed: each means "look again", and the look
 * is a plan from the host as it is. A socket that overflowed means the same, so no event can be lost. Who caused it is
 * remembered as far as the kernel tells.
 */
struct events;

/* Needs no right. */
int events_open(struct events **ret, struct tapnet_error *error);
void events_close(struct events *events); /* takes NULL */

/* Two descriptors to poll for POLLIN. */
int events_route_fd(const struct events *events);
int events_netfilter_fd(const struct events *events);

#define EVENTS_CULPRIT_MAX 64

/*
 * Reads all that is there. True when something was, but for what process @self did. @culprit is set to "NAME (PID)", or
 * "process PID", of the latest whose identity is known, and left alone when none is.
 */
bool events_read(struct events *events, int self, char culprit[EVENTS_CULPRIT_MAX]);

#endif
