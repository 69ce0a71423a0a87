/* SPDX-License-Identifier: MIT */
/* The command of `tapnet run`, as it is started: with the port's names and descriptors in its arguments. */
#ifndef TAPNET_RUN_COMMAND_H
#define TAPNET_RUN_COMMAND_H

#include <tapnet/attach.h>

struct run_command {
    char **words; /* NULL ends them */
    size_t count;
    int *fds; /* what the command needs open besides its standard descriptors: the device's, then vhost's */
    size_t fd_count, queue_count;
};

/*
 * Does the command @words open the device itself, since its "{device}" is named and no "{fd}" nor "{fds}"? Not a QEMU
 * that is going to get a network card.
 */
bool run_command_opens(char *const *words);
/* Does it name "{address}", which not every network gives? */
bool run_command_names_address(char *const *words);

/* Does the command get the port: by a word of it, or as a QEMU that is going to get a network card? */
bool run_command_takes(char *const *words);
/* A QEMU of @words that is run by another program, as by timeout(1), and told of no card; NULL: there is none. */
const char *run_command_wrapped(char *const *words);

/*
 * Makes the words of @words, which end with NULL, for @attached, whose descriptors stay its own. Opens vhost's for a
 * QEMU that is to have them. The caller ends it with run_command_fini(), also when it failed: false, out of memory.
 */
bool run_command_make(char *const *words, const struct tapnet_attached *attached, struct run_command *ret);
void run_command_fini(struct run_command *command);

#endif
