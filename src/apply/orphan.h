/* SPDX-License-Identifier: MIT */
/* A resident that nobody can reach: somebody deleted its socket, or it takes no connection any more. */
#ifndef APPLY_ORPHAN_H
#define APPLY_ORPHAN_H

#include "base/error.h"

/*
 * Ends the resident, the program @name, that listens at @path although there is nothing at @path, or another's socket:
 * to be called when nobody is reached there. 0 also when there is none; else @error says how it may be ended.
 */
int apply_orphan_end(const char *path, const char *name, struct tapnet_error *error);

#endif
