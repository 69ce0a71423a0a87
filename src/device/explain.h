/* SPDX-License-Identifier: MIT */
/* Why a device can't be opened, as a sentence that says what would help. */
#ifndef DEVICE_EXPLAIN_H
#define DEVICE_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Why @node (/dev/net/tun) can't be opened: @code is -ENOENT, -ENODEV, -EACCES, ... Returns @code. */
int device_explain_node(int code, const char *node, struct tapnet_error *error);

/*
 * Why TUNSETIFF refused @name with @flags (IFF_...): looks at the link of that name, at /proc for its holders, at our
 * ids. Returns @code, but -EEXIST for the -EBUSY of a device that must be new.
 */
int device_explain_open(int code, const char *name, unsigned flags, struct tapnet_error *error);

/*
 * "qemu (4711)", "qemu (4711) and helper (12)", "qemu (4711) and 3 more": each process that is seen to hold the device
 * once. False, and nothing in @text (which may be NULL), when nobody is.
 */
bool device_explain_holders(const char *name, char *text, size_t size);
/* "TAP lab-web is held by qemu-system-x86 (4711)": -EBUSY. @noun stands before the name. Our own descriptors count. */
int device_explain_busy(const char *noun, const char *name, struct tapnet_error *error);

#endif
