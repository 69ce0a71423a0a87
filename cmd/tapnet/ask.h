/* SPDX-License-Identifier: MIT */
/* What a person at the terminal is asked before an up. */
#ifndef TAPNET_ASK_H
#define TAPNET_ASK_H

#include <stdbool.h>

#include <tapnet/network.h>

/*
 * May accepts be put into the packet filters of other programs? Asked where there is somebody to ask, and something
 * to ask for; a yes goes to @spec. What can't be planned is told by the up itself.
 */
void ask_coexist(struct tapnet *tapnet, struct tapnet_spec *spec);

#endif
