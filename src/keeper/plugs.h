/* SPDX-License-Identifier: MIT */
/* Which ports somebody let go of since the last look, though they are held again by now. */
#ifndef KEEPER_PLUGS_H
#define KEEPER_PLUGS_H

#include "observe/observe.h"

/*
 * How it works: what was learnt of a guest goes when its port has no carrier. The kernel takes up to a second to tell
 * of that, and who plugs another guest in meanwhile would find the port closed for it. But it counts how often a
 * carrier was lost: a port whose count is another than at the last look was unplugged in between. Before the first look
 * nothing is known: who changes places then is noticed when the port is next without a carrier.
 */
struct plug {
    int index;
    uint32_t carrier_losses;
};

/* Zero-initialised it is empty. */
struct plugs {
    struct plug *items; /* sorted by index */
    size_t count;
};

void plugs_fini(struct plugs *plugs);

/* Says of each port in @found that was let go of since plugs_learn() that it is unplugged. */
void plugs_notice(const struct plugs *plugs, struct observe_found *found);

/* Remembers all ports of @found. Without memory none is known, until the next time. */
void plugs_learn(struct plugs *plugs, const struct observe_found *found);

/*
 * Does somebody hold a device of ours that is down? The kernel does not tell when he lets go of it, and what he leaves
 * is to be put right only then.
 */
bool plugs_any_down(const struct observe_found *found);

#endif
