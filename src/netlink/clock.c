/* SPDX-License-Identifier: MIT */
/* The clock by which time-outs are kept; in the lowest layer that asks the kernel for anything. */
#include "netlink/clock.h"

#include <time.h>

int64_t clock_now_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
