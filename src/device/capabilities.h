/* SPDX-License-Identifier: MIT */
/* What the calling thread may do with devices, and see of who holds them. */
#ifndef DEVICE_CAPABILITIES_H
#define DEVICE_CAPABILITIES_H

#include <stdint.h>

/* The capabilities that it has in effect, a bit each (1 << CAP_...); 0: none, or nobody knows. capget(2). */
uint64_t device_capabilities(void);

#endif
