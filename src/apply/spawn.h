/* SPDX-License-Identifier: MIT */
/* Starts a resident program that outlives us. */
#ifndef APPLY_SPAWN_H
#define APPLY_SPAWN_H

#include <stddef.h>

#include "base/error.h"

#define APPLY_SPAWN_FDS 4      /* descriptors that one program is given */
#define APPLY_SPAWN_FIRST_FD 3 /* they are numbered from here, in their order */

/*
 * Runs @program with @arguments (the first is its name, NULL ends them) in a session of its own, at /, with a parent
 * that ends at once, so that nobody has to wait for it. Standard input and output are /dev/null, standard error is the
 * last of @fds. An exec that fails shows in nobody answering: what can be checked beforehand is.
 *
 * -ENOENT, -EACCES: the program cannot be run; -EAGAIN: no more processes.
 */
int apply_spawn(const char *program, const char *const *arguments, const int *fds, size_t fd_count,
                struct tapnet_error *error);

#endif
