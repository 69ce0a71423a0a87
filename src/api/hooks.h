/* SPDX-License-Identifier: MIT */
/* Programs that the file has run when a network has come up or gone: whether they may, and how they run. */
#ifndef API_HOOKS_H
#define API_HOOKS_H

#include "api/context.h"
#include "api/hook_wait.h"

/*
 * How it works: a plan that brings a network up makes its ledger, and one that takes it down removes that: these two
 * are the events. What is to be run is kept when the plan has been run, and run when the lock was let go, so that a
 * program may call tapnet; nothing that it does can fail or undo the change. What became of it is a note, and of a
 * network that is up a file in the run directory, for `status`.
 *
 * They run as whoever has changed the networks, which is root: so nobody else may have a say in what they are. Neither
 * keeper nor service runs any: they have not the rights.
 */
struct hooks {
    struct hook *items;
    size_t count, capacity;
    struct arena arena;
    bool of_ports;        /* a network is up that has some of ports: api/hook_resident.h */
    bool of_ports_missed; /* and nobody has run them until now */
};

void hooks_fini(struct hooks *hooks);

/*
 * May the hooks of @set, a specification's, run? -EINVAL: not all of them, with the place in the file, whose program or
 * folder it is that others could write, and what to do.
 */
int hooks_check(const struct model_set *set, struct tapnet_error *error);

/* With the lock held, after @plan was run: what is to be run because of it, to *ret. -ENOMEM. */
int hooks_collect(const struct tapnet *tapnet, const struct plan *plan, struct hooks *ret);

/*
 * Runs them one after the other, each for ten seconds at most and while @wait lasts, and leaves a note of each that
 * failed or did not run. -ENOMEM.
 */
int hooks_run(struct tapnet *tapnet, const struct hooks *hooks, struct hook_wait *wait);

/* What is to be said of the last hook of @network, which is up: the arena's; *ret NULL when it did well. -ENOMEM. */
int hooks_warning(const char *run_dir, const struct model_network *network, struct arena *arena, const char **ret);

#endif
