/* SPDX-License-Identifier: MIT */
/* The context for the environment that a program of ours is started in, and for the place where it stands. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>

#include <tapnet/network.h>

/*
 * The context that TAPNET_RUN_DIR and TAPNET_SERVICE ask for (tapnet(8)); without the second one with the service in
 * the directory of the program itself, where there is one: a build directory has it. 0 or a negative errno.
 */
int environment_open(struct tapnet **ret, struct tapnet_error *error);

/* Is a keeper to be started? TAPNET_KEEPER says `off` where somebody else sees to that. */
bool environment_wants_keeper(void);

#endif
