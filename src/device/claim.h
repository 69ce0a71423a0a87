/* SPDX-License-Identifier: MIT */
/* Whose a device is at the moment: who holds it, and a claim of who does not hold it open but goes with it. */
#ifndef DEVICE_CLAIM_H
#define DEVICE_CLAIM_H

#include <stdbool.h>

#include "base/error.h"

/*
 * How it works: who starts a program that opens a TAP by its name can't hold the TAP itself, which has one queue. So it
 * has a raw socket of IPv4 whose protocol is IPPROTO_RAW, which is for sending alone, and whose address is the device's
 * index (IP_FREEBIND: an address need not be there): 0.0.16.225 for number 4321. It gets nothing, the kernel closes it
 * with the process however that ends, and shows it to everybody in /proc/net/raw; nobody makes one without CAP_NET_RAW.
 * It outlives its device; but the kernel gives no number again unless somebody asks for that one.
 *
 * A packet socket that is bound to the device and to no protocol is as good, and is made where a raw one can't have
 * such an address (Linux before 5.17); but the kernel needs some 10 ms to close it (packet_release() waits until no
 * processor can be using it).
 */

/* Claims @device. *ret_fd is the caller's, and its closing the claim's end. -EPERM, -ENODEV; ip(7), raw(7). */
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
