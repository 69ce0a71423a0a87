# SPDX-License-Identifier: MIT
"""Processes of a namespace by name, without those that are dead but not yet buried."""

import os
import signal
import time
from pathlib import Path

from .waiting import wait_for


def _stat(pid):
    """Name and state; None when it is gone."""
    try:
        name, rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split("(", 1)[1].rsplit(")", 1)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return name, rest.split()[0]


def named(netns, name):
    """The process ids of those called @name."""
    stats = ((pid, _stat(pid)) for pid in netns.pids())
    return [pid for pid, stat in stats if stat and stat[0] == name[:15] and stat[1] not in "ZX"]


def wait_gone(pid, seconds=5):
    """Waits until its descriptors are closed: no process any more, or a zombie."""
    deadline = time.monotonic() + seconds
    while (stat := _stat(pid)) and stat[1] not in "ZX":
        assert time.monotonic() < deadline, f"process {pid} does not end"
        time.sleep(0.001)


def pause_keeper(host):
    """It lives, and does nothing, until it is told to go on; nor is it in anybody's way."""
    pid, = named(host, "tapnet-keeper")

    def is_paused():
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.01)
        if not any(os.readlink(fd).endswith("/lock") for fd in Path(f"/proc/{pid}/fd").iterdir()):
            return True
        os.kill(pid, signal.SIGCONT)
        return False
    wait_for(is_paused, 5, "the keeper lets go of the lock")
    return pid
