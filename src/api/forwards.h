/* SPDX-License-Identifier: MIT */
/* Forwards as the rest of the host sees them: other sets that want the same, programs that listen there. */
#ifndef API_FORWARDS_H
#define API_FORWARDS_H

#include "api/context.h"
#include "netlink/listener.h"

/* -EEXIST with the place in the file: another set that is up forwards the same port of the host. */
int forwards_check(const struct tapnet_plan *plan, struct tapnet_error *error);

/* The host's addresses, and who listens on it; asked for at the first forward. Zero-initialise. */
struct forwards_host {
    struct netlink_listener *listeners;
    size_t listener_count, listener_capacity;
    struct ip_address *addresses; /* sorted */
    size_t address_count;
    bool known;
};

void forwards_host_fini(struct forwards_host *host);

typedef int forwards_warning(void *data, const char *text); /* @text is the arena's; 0 or -ENOMEM */

/*
 * Calls @add for each forward of @network that takes what a program of the host listens for, or is bound to an address
 * that the host does not have, and once when the host can't be asked. 0 or -ENOMEM.
 */
int forwards_warn(struct forwards_host *host, const struct model_network *network, struct arena *arena,
                  forwards_warning *add, void *data);

#endif
