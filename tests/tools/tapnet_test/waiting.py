# SPDX-License-Identifier: MIT
"""Waits until something is so, and says what was not when it takes too long."""

import select
import time


def wait_for(condition, timeout=10, why="waited too long", pause=0.01):
    """Returns condition() when it is true; fails after @timeout seconds. @why: a text, or what makes one."""
    deadline = time.monotonic() + timeout
    while not (got := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {why() if callable(why) else why}"
        time.sleep(pause)
    return got


def readable(things, timeout):
    """Those of @things (sockets, descriptors) to be read within @timeout seconds. Unlike select(), above 1,023 too."""
    poll = select.poll()
    by_fd = {each if isinstance(each, int) else each.fileno(): each for each in things}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    return [by_fd[fd] for fd, _ in poll.poll(timeout * 1000)]
