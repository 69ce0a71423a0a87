/* SPDX-License-Identifier: MIT */
/* How the way to this host is guarded while it moves: --check, --confirm and --force of up and down. */
#ifndef TAPNET_GUARD_H
#define TAPNET_GUARD_H

#include "progress.h"

struct guard_words {
    const char *check;   /* ADDRESS */
    const char *confirm; /* SECONDS */
};

/*
 * Sets the context's guard from the words; @progress hears of signals while a person is asked, and must live as long as
 * the work. 0, or EXIT_USAGE with the mistake printed.
 */
int guard_set(struct tapnet *tapnet, const struct guard_words *words, bool force, const struct progress *progress);

#endif
