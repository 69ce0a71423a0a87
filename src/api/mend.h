/* SPDX-License-Identifier: MIT */
/* Puts back what others took away of the sets that are up: the keeper's whole work on the host. */
#ifndef API_MEND_H
#define API_MEND_H

#include "api/context.h"

/*
 * How it works: with the lock held, what a killed tapnet left is finished first. Then, set by set, a plan leads from
 * the host to what the ledgers say that the set should be (sets.h), and is run: first the guards, all of them or none;
 * then, only if they stand, the rest, each step for itself, because one that can't be done must not keep others from
 * being done. There is no journal: a repair that was cut short is never to be undone, the next plan goes on with it.
 *
 * Ports of `tapnet run` that nobody holds any more go before that. Nothing else is taken away that a guest may be
 * plugged into: a plan that would remove a link of ours, because no ledger knows it, is run without all its removals,
 * and what it would have removed stays for a person to decide.
 */
struct mend_hooks {
    /* Another tapnet holds the lock, and is waited for. */
    void (*wait)(void *data);
    /* What is found at each look; it may be put into other words. */
    void (*notice)(void *data, struct observe_found *found);
    /* Looks at what was found first. True: something was changed that has to be looked at again. */
    bool (*restore)(void *data, const struct observe_found *found);
    /* A port of `tapnet run` was taken away, whose command has ended (ports.h). */
    void (*ended)(void *data, const char *network, const char *port);
    /* May take steps out of @plan that are to be left alone for now; the others keep their order. */
    void (*judge)(void *data, const char *set, struct plan *plan);
    /* @plan was run; @failure is NULL when all of it was done. An empty plan: the set can't even be planned for. */
    void (*report)(void *data, const char *set, const struct plan *plan, const struct tapnet_error *failure);
    /* What was found in the end; nothing of it is kept. */
    void (*seen)(void *data, const struct observe_found *found, size_t set_count);
};

/* 0, or the first failure, after everything was tried: then something is left to do. */
int mend_all(struct tapnet *tapnet, const struct mend_hooks *hooks, void *data, struct tapnet_error *error);

#endif
