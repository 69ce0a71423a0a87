/* SPDX-License-Identifier: MIT */
/* What the keeper decides about repairs, and what it says of them. */
#ifndef KEEPER_REPAIRS_H
#define KEEPER_REPAIRS_H

#include "api/mend.h"
#include "keeper/events.h"
#include "keeper/holds.h"
#include "keeper/memory.h"
#include "keeper/patience.h"
#include "keeper/plugs.h"
#include "keeper/requests.h"

struct repairs {
    struct tapnet *tapnet;
    struct events *events;
    struct memory memory;
    struct patience patience;
    struct plugs plugs;
    struct holds holds;
    struct requests *requests; /* these hear of each look */
    struct pool *pool;
    size_t set_count;                  /* that were up at the last look */
    size_t gone_count;                 /* devices whose ports were gone then */
    bool gone_astray;                  /* one of them does harm */
    bool held_down;                    /* there was a device by plugs_any_down() */
    size_t object_count, most_objects; /* of ours: at the last look, and since memory was given back */
    /* This look's verdict on each table and its elements: 0 none yet, 1 allowed, -1 not. */
    int tables[GUARD_FAMILY_COUNT];
    /* Of the host's nftables: that this look has seen whole, and that it has come to. None until it has @noticed. */
    uint32_t seen_generation, generation;
    bool noticed;
    char failure[512]; /* said last, so that it is said once */
    char *state;       /* as it stands in RUN_DIR/keeper.json; NULL: not written yet */
};

void repairs_fini(struct repairs *repairs);

/* Says in RUN_DIR/keeper.json who we are and what waits, unless that stands there. */
void repairs_write_state(struct repairs *repairs);

/* mend_all() with all hooks at @repairs. 0, or a negative errno: try again later. */
int repairs_run(struct repairs *repairs, struct tapnet_error *error);

#endif
