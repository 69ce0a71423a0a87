/* SPDX-License-Identifier: MIT */
/* A service whose socket somebody deleted: nobody can reach it, and it holds what the next one needs. */
#ifndef APPLY_ORPHAN_H
#define APPLY_ORPHAN_H

#include "base/error.h"

/*
 * Ends the service that listens at @path although there is nothing at @path, or another's socket: to be called when
 * nobody is reached there. 0 also when there is none; else @error says how it may be ended.
 */
int apply_orphan_end(const char *path, struct tapnet_error *error);

#endif
