/* SPDX-License-Identifier: MIT */
/* Inside attach.c: one port more of a network that is well known, at a cost that does not grow with its ports. */
#ifndef API_ATTACH_QUICK_H
#define API_ATTACH_QUICK_H

#include "api/attach_plan.h"

/*
 * How it works: the long way to a new port reads the host and every ledger, plans for the whole set, and tells ledger
 * and service of the whole network. The quick one reads the network's roll (roll.h), plans for the port alone, adds a
 * line beside the ledger (observe/plugged.h) and tells the service of one port. It is gone where nothing is special: a
 * network of mode nat or isolated that has a roll, no tapnet left half done, a port that is new. Whatever is not so, or
 * fails, is undone and left to the long way, which knows what to say of it.
 *
 * A mark (run_mark_begin()), "plug NETWORK/PORT", stands there meanwhile, in the place of a journal: what a port is to
 * the kernel follows from its name. Who finds it takes the port out of the file beside the ledger, takes away what the
 * kernel has of it, and tells the service who is there.
 */
#define ATTACH_QUICK_MARK "plug "

/* With the lock held. -EAGAIN: take the long way, from api_recover() on. */
int attach_quick(struct tapnet *tapnet, const struct plugging *plugging, struct tapnet_attached *attached);

/* Reads the roll of the network that is to be changed quickly. -EAGAIN: it is of no use. */
int quick_roll(struct tapnet *tapnet, const char *network, struct roll *ret);
/* Has nobody left anything half done, on this way or on another? */
bool quick_is_settled(const struct tapnet *tapnet);

/* With the lock held: whoever was killed on this way has left nothing. */
int quick_forget(struct tapnet *tapnet, struct tapnet_error *error);

/* The ledgers of a set's networks were written: the next ports of these go the quick way. */
void quick_prepare(const struct tapnet *tapnet, const struct model_set *set);

/*
 * With the lock held: tells ledgers and service anew of networks whose ports have come and gone beside them, as the
 * long way would have, so that those files do not grow for ever. That costs as much as there are ports, so it is done
 * when as many have come or gone (plugged_is_heavy()).
 */
int quick_fold(struct tapnet *tapnet, struct tapnet_error *error);

#endif
