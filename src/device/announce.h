/* SPDX-License-Identifier: MIT */
/* Tells udev that a device which is about to appear is tapnet's, before its alias can. */
#ifndef DEVICE_ANNOUNCE_H
#define DEVICE_ANNOUNCE_H

#include <stdbool.h>

/* Does a udevd of the calling thread's network namespace hear of new links? */
bool device_udev_listens(void);

/*
 * The rule of udev (data/75-tapnet.rules) looks for a file of the device's name. Nothing is made, and it is no failure,
 * when no udevd listens, when @name is a pattern (the kernel chooses), or when the caller may not write there: then
 * udev may be quicker than we. Returns the directory, to be given to device_announce_end(), or -1.
 */
int device_announce(const char *name);
void device_announce_end(int directory_fd, const char *name);

#endif
