/* SPDX-License-Identifier: MIT */
/* The clock by which time-outs are kept; in the lowest layer that asks the kernel for anything. */
#ifndef NETLINK_CLOCK_H
#define NETLINK_CLOCK_H

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t clock_now_msec(void);

#endif
