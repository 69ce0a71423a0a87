/* SPDX-License-Identifier: MIT */
/* What `run`, `attach` and `detach` share: ports as a person names them. */
#ifndef TAPNET_ATTACH_COMMAND_H
#define TAPNET_ATTACH_COMMAND_H

#include <tapnet/attach.h>

struct arguments;

/* "NETWORK" or "NETWORK/PORT", taken apart. */
struct port_words {
    char network[64], port[64];
};

/*
 * Fills in @options, which points into @words, from what was typed for @command. 0, or EXIT_USAGE with the mistake
 * told.
 */
int attach_words(const char *command, const struct arguments *arguments, struct port_words *words,
                 struct tapnet_attach_options *options);

/* Plugs. 0, or an exit code with the reason told. */
int attach_port(struct tapnet *tapnet, const struct arguments *arguments, const struct tapnet_attach_options *options,
                struct tapnet_attached **ret);

#endif
