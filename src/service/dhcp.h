/* SPDX-License-Identifier: MIT */
/* DHCP of both families and router advertisements for all networks: hears by netfilter's log, answers the port. */
#ifndef SERVICE_DHCP_H
#define SERVICE_DHCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"
#include "service/loop.h"

struct dhcp;
struct dhcp_network; /* one that is served */

/* When the guest of @port last took or renewed a lease, in milliseconds since 1970: of IPv4, of IPv6. 0: not by us. */
struct dhcp_lease {
    const char *port;
    uint64_t msec[2];
};

/* Makes a server that has no sockets and no networks yet. 0 or -ENOMEM. */
int dhcp_new(struct loop *loop, struct dhcp **ret);
/* Takes NULL. All its networks must have been removed. */
void dhcp_free(struct dhcp *dhcp);

/* Gives it the sockets "log" and "reply" of control.h, which become its own, in place of those it had. */
void dhcp_set_sockets(struct dhcp *dhcp, int log_fd, int reply_fd);
/* False: nothing is heard. The descriptors stay its own. */
bool dhcp_get_sockets(const struct dhcp *dhcp, int *ret_log_fd, int *ret_reply_fd);

/* Serves @network, whose model stays the caller's and alive until it is updated or removed. 0 or -ENOMEM. */
int dhcp_add(struct dhcp *dhcp, const struct model_network *network, struct dhcp_network **ret);
/* The same with another model. 0, or -ENOMEM with nothing changed. */
int dhcp_update(struct dhcp_network *served, const struct model_network *network);
/* The last port of @network's is new. 0, or -ENOMEM with nothing changed. */
int dhcp_plug(struct dhcp_network *served, const struct model_network *network);
/*
 * The port @place of the network's goes, and the last one comes into its place, which the caller does next: nothing can
 * fail, and nothing else changes.
 */
void dhcp_unplug(struct dhcp_network *served, size_t place);
void dhcp_remove(struct dhcp_network *served); /* takes NULL */
/* Of its port number @index, in an order of its own that stays as long as its ports do. False: it has no such port. */
bool dhcp_lease(const struct dhcp_network *served, size_t index, struct dhcp_lease *ret);
/* From now on @told is called after each lease. */
void dhcp_on_lease(struct dhcp *dhcp, void (*told)(void *data), void *data);
/* Its guests are told that their router goes: before a network is removed for good. */
void dhcp_retire(struct dhcp_network *served);

#endif
