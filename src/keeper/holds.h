/* SPDX-License-Identifier: MIT */
/* What the holder of a TAP changes of it by ioctl: what is put right at once, and when its port is closed. */
#ifndef KEEPER_HOLDS_H
#define KEEPER_HOLDS_H

#include "observe/observe.h"
#include "plan/plan.h"

/*
 * How it works: who holds a TAP can give it any MAC, owner and group, and let it end with himself, without any right.
 * Its MAC is put right by netlink at once, also when it is another's: a bridge takes frames to its port's own MAC for
 * the host, and forgets whose it was; so the neighbour's entry in the forwarding database is written again. Owner,
 * group and persistence are set by the holder's descriptor alone, or by another one when he lets go: a step that needs
 * both is two steps, so that one does not wait for the other; what can only fail while he holds it is not tried.
 *
 * A port whose holder steals a MAC again and again is closed: it is taken out of its bridge, where its MAC harms
 * nobody. It stays up, since a TAP that is down can be given another type, and since its carrier then tells that he let
 * go. It is opened again when the keeper's patience (patience.h) allows the next try.
 *
 * Thefts are remembered for some time, or until the device goes: what was put right at once would leave no trace else.
 */
struct holds_theft {
    char device[MODEL_IFNAME_MAX];
    unsigned count;
    uint64_t last_usec;
};

struct holds {
    struct model_object **made; /* by this look, in the place of what plans want */
    size_t made_count, made_capacity;
    char (*closed)[MODEL_IFNAME_MAX]; /* devices */
    size_t closed_count, closed_capacity;
    struct holds_theft *thefts;
    size_t theft_count, theft_capacity;
    const struct observe_found *found; /* of this look */
};

/* Zero-initialised nothing is closed. */
void holds_fini(struct holds *holds);
/* A look begins, or goes on with what was found anew. */
void holds_look(struct holds *holds, const struct observe_found *found);

/*
 * A device whose owner or group can't be taken away again is made anew: not while somebody holds it. What else @plan
 * wants of it is done in place.
 */
void holds_spare(struct plan *plan);
/* What is to be done of @step now: 0, 1 or 2 steps in its place. */
#define HOLDS_PARTS 2
size_t holds_split(struct holds *holds, const struct plan_step *step, struct plan_step ret[HOLDS_PARTS]);

/* Does the device of @step have a MAC that is somebody else's in its network? */
bool holds_steals(const struct holds *holds, const struct plan_step *step);
/* Counts a theft by the device of @step, at @now_usec; without memory none is. */
void holds_count_theft(struct holds *holds, const struct plan_step *step, uint64_t now_usec);
/* Forgets those of whom the last was before @before_usec. */
void holds_forget(struct holds *holds, uint64_t before_usec);

/* The step that closes it. False when it is closed already, or memory is short. */
bool holds_close(struct holds *holds, const struct plan_step *step, struct plan_step *ret);
/* @step, which is to be done, may put the device into its bridge again. */
void holds_open(struct holds *holds, const struct plan_step *step);
bool holds_is_closed(const struct holds *holds, const char *device);

/* After @plan was run: whose MACs it took back from others' ports has them in the forwarding database again. */
void holds_give_back(const struct holds *holds, const struct plan *plan);

#endif
