/* SPDX-License-Identifier: MIT */
/* Inside attach.c: one port less of a network that is well known, at a cost that does not grow with its ports. */
#ifndef API_DETACH_QUICK_H
#define API_DETACH_QUICK_H

#include "api/attach_plan.h"

/*
 * How it works: the long way reads the host and every ledger, and waits for the kernel to delete the device. The quick
 * one knows the port from the network's roll (roll.h), so only one that has nothing special goes by it: its TAP is laid
 * off (apply/gone.c), its elements go as one transaction, with what rules have learnt of its guest where that took the
 * MAC that was proposed to it, the service hears of it, and a line beside the ledger says that it is gone
 * (observe/plugged.h). The device itself the keeper deletes, when it is quiet; where none runs, nothing is quick.
 *
 * A mark (run_mark_begin()), "unplug NETWORK/PORT", stands there meanwhile. What it says is not undone but done: who
 * finds it, killed as this tapnet may be at any instant, or this one itself when something fails, takes away on the
 * long way what is left.
 */
#define DETACH_QUICK_MARK "unplug "

/* With the lock held. -EAGAIN: take the long way, from api_recover() on. */
int detach_quick(struct tapnet *tapnet, const struct unplugging *unplugging, struct tapnet_error *error);
/* With the lock held: takes away what one that was killed was about to. */
int detach_quick_finish(struct tapnet *tapnet, struct tapnet_error *error);

#endif
