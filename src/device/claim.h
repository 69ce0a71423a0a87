/* SPDX-License-Identifier: MIT */
/* Whose a device is at the moment: who holds it, and a claim of who does not hold it open but goes with it. */
#ifndef DEVICE_CLAIM_H
#define DEVICE_CLAIM_H

#include <stdbool.h>

#include "base/error.h"

/*
 * How it works: who starts a program that opens a TAP by its name can't hold the TAP itself, which has one queue. So it
 * has a packet socket that is bound to the device and to no protocol: the kernel gives that nothing, closes it with the
 * process however that ends, forgets it with the device, and shows it to everybody in /proc/net/packet. No sniffer has
 * one without a protocol, and nobody makes one without CAP_NET_RAW.
 */

/* Claims @device. *ret_fd is the caller's, and its closing the claim's end. -EPERM, -ENODEV. */
int device_claim(const char *device, int *ret_fd, struct tapnet_error *error);
/* Is it up, which was claimed by @fd? */
bool device_claim_is_up(int fd, const char *device);

/*
 * Does anybody hold the TAP @name, which was made for one queue? Opens it for an instant: who holds it may have turned
 * its carrier off, and a second one is told that it is busy (tun_attach() of the kernel).
 */
bool device_is_held(const char *name);

/* Does any process of this network namespace claim it? Where that can't be read, nobody. */
bool device_is_claimed(int index);

#endif
