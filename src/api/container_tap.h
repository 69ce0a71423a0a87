/* SPDX-License-Identifier: MIT */
/* A TAP beside a container's interface, for a VMM in its namespace; all of it within that namespace. */
#ifndef API_CONTAINER_TAP_H
#define API_CONTAINER_TAP_H

#include <tapnet/attach.h>

#include "netlink/netlink.h"

/*
 * How it works: what comes in by the container's interface goes out by the TAP, and the other way round, as it is. So a
 * guest behind the TAP is the one that the port expects: it has the MAC and the addresses of the interface, whose own
 * stack is shown nothing any more. The interface's part of that goes with it; the TAP is labelled, and taken away by
 * whoever comes next.
 *
 * @index is the interface's. All run in the namespace, and @netlink is of it.
 */

/* All of it, or nothing but what goes with the interface. One that an attachment of before has left is replaced. */
int container_tap_make(struct netlink *netlink, const struct tapnet_container_tap *tap, int index, uint32_t mtu,
                       struct tapnet_error *error);
/* Is it as it was made? -ENOLINK. */
int container_tap_check(struct netlink *netlink, const struct tapnet_container_tap *tap, int index,
                        struct tapnet_error *error);
/* Takes it away, held or not. 0 also when there is none; -EEXIST: there is one that tapnet has not made. */
int container_tap_remove(const struct tapnet_container_tap *tap, struct tapnet_error *error);

#endif
