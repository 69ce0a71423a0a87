/* SPDX-License-Identifier: MIT */
/* Starts a resident program that outlives us: by a fork, or by having systemd start its unit. */
#ifndef APPLY_SPAWN_H
#define APPLY_SPAWN_H

#include <stdbool.h>
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

/*
 * Has systemd start the resident @name (data/tapnet-NAME.socket): hands it @fds by the socket BASE/NAME.start, BASE
 * being the directory of all run directories. The resident then stands in a unit of its own, with a sandbox of its own,
 * whoever started tapnet. -ENOENT when systemd does not listen there, or is of another network namespace.
 */
int apply_activate(const char *run_dir, const char *name, const int *fds, size_t fd_count);
/* Would it be tried? */
bool apply_can_activate(const char *run_dir, const char *name);

#endif
