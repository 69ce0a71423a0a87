# SPDX-License-Identifier: MIT
"""Waits until something is so, and says what was not when it takes too long."""

import time


def wait_for(condition, timeout=10, why="waited too long", pause=0.01):
    """Returns condition() when it is true; fails after @timeout seconds. @why: a text, or what makes one."""
    deadline = time.monotonic() + timeout
    while not (got := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {why() if callable(why) else why}"
        time.sleep(pause)
    return got
