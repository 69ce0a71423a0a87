/* SPDX-License-Identifier: MIT */
/* Uplinks of mode bridge: what a plan must know of them, and which can't be one. */
#ifndef API_UPLINK_H
#define API_UPLINK_H

#include "observe/observe.h"

/* Why the link @name can't be a port of a bridge of ours, with what to do instead; NULL when it can. */
const char *uplink_fault(const struct observe_found *found, const char *name);

/*
 * An uplink that is a port of a network's bridge has no addresses by which another network could go out, and is not
 * taken from that network's guests: -EINVAL when @network of @set would, with whose it is and what to do. A set's own
 * one may have another name now, and takes it along.
 */
int uplink_check_holder(const struct observe_found *found, const struct model_set *set,
                        const struct model_network *network, struct tapnet_error *error);

/* Has @found tell of every uplink that is among @objects. */
int uplink_look(struct observe_found *found, const struct model_objects *objects, struct tapnet_error *error);

/*
 * -EINVAL when a network of @set names as its uplink what leads to guests of another set, not out. (The set's own are
 * refused when the file is checked.)
 */
int uplink_check_named(const struct observe_found *found, const struct model_set *set, struct tapnet_error *error);

#endif
