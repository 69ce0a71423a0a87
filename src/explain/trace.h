/* SPDX-License-Identifier: MIT */
/* Tries what was read: sends one packet as the guest would, and follows it. */
#ifndef EXPLAIN_TRACE_H
#define EXPLAIN_TRACE_H

#include "explain/why.h"

/*
 * Sends the packet of @why's question through the guest's own device and adds a step for where it was last seen; what
 * stopped it, and whether what was read says the same. Nothing is left behind. -EINVAL when the packet does not start
 * at a guest; -EPERM when its device may not be written to; what the kernel refuses.
 */
int why_trace(struct why *why, struct tapnet_error *error);

#endif
