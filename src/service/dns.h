/* SPDX-License-Identifier: MIT */
/* DNS for guests: answers their own names, forwards the rest to the host's resolver. */
#ifndef SERVICE_DNS_H
#define SERVICE_DNS_H

#include "model/model.h"
#include "service/loop.h"

struct dns;

/*
 * @etc_fd: a descriptor of the directory /etc, opened before the service gave up its rights; it stays the caller's.
 * resolv.conf is read below it, again whenever a query is to be forwarded and it has changed. @descriptors: as many may
 * be open in this process; the tables are made no larger than that feeds. dns_free() before loop_free().
 */
int dns_new(struct loop *loop, int etc_fd, size_t descriptors, struct dns **ret, struct tapnet_error *error);
void dns_free(struct dns *dns); /* takes NULL */

/*
 * Serves @network, whose model stays the caller's and alive until dns_remove(), on @fds, which become the server's at
 * success: for each end, guests, host and (with IPv6) guests once more, a UDP socket and a listening TCP socket.
 * Queries are answered only when their source address lies in the network's subnet, or is a port's of its IPv6 subnet.
 * Names: PORT, HOSTNAME and both with .NETWORK behind them, of the asker's own network only; reverse for its subnets;
 * all else goes to the host's resolvers. See dns_names.h.
 */
#define DNS_ENDS 3
#define DNS_FDS (2 * DNS_ENDS)
int dns_add(struct dns *dns, const struct model_network *network, const int *fds, struct tapnet_error *error);
/* How many ends @network has: none in mode isolated. */
size_t dns_ends(const struct model_network *network);
/* The network's model was replaced by @network (same name and subnet). Queries in flight go on. */
void dns_update(struct dns *dns, const struct model_network *network);
/* The same, and nothing is new but its last port. */
void dns_plug(struct dns *dns, const struct model_network *network);
/* The port that is number @place goes, and the last one takes its place: dns_names_unplug(). */
bool dns_unplug(struct dns *dns, const struct model_network *network, size_t place);
void dns_remove(struct dns *dns, const char *network);

#endif
