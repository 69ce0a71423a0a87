/* SPDX-License-Identifier: MIT */
/* The wait for hooks to end, which whoever called us may be tired of. */
#include "api/hook_wait.h"

#include <errno.h>
#include <poll.h>

#include "netlink/clock.h"

#define SLICE_MSEC 100

int hook_wait_slice(struct hook_wait *wait, int fd, int64_t pause_msec)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    if (poll(&poll_fd, 1, pause_msec < SLICE_MSEC ? (int)pause_msec : SLICE_MSEC) > 0)
        return 1;
    if (wait->progress && wait->progress(wait->steps, wait->steps, wait->data) < 0)
        wait->has_ended = true;
    return wait->has_ended ? -ECANCELED : 0;
}

int hook_wait_until(struct hook_wait *wait, int fd, int64_t end_msec)
{
    int64_t left;
    int result = 0;

    while (result == 0 && (left = end_msec - clock_now_msec()) > 0)
        result = hook_wait_slice(wait, fd, left);
    return result;
}
