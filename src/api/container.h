/* SPDX-License-Identifier: MIT */
/* A container's end of its veth pair: what it has there, and whether it still has it. */
#ifndef API_CONTAINER_H
#define API_CONTAINER_H

#include <tapnet/attach.h>

/*
 * Gives the interface in the container the addresses and routes that @info says, and brings it up; then makes its TAP,
 * if there is to be one. It has its MAC and its MTU since it was made. What is done when this fails goes with the pair.
 */
int container_configure(const struct tapnet_container *container, const struct tapnet_attached_info *info,
                        struct tapnet_error *error);
/* Will an interface that is made there have IPv6? */
int container_has_ip6(const struct tapnet_container *container, bool *ret, struct tapnet_error *error);

#endif
