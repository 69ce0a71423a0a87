# SPDX-License-Identifier: MIT
"""Others' hands on a network that is up: mended by the keeper at once, or else told by `status` and mended by `up`.

      host under test                                          outside
    +--------------------------------------------------+     +---------------+
    |  lab-web --+                                     |     |               |
    |            +-- br-lab 10.20.0.1/24 -- NAT -- eth0 +-----+-- 192.0.2.1   |
    |  lab-db ---+                                     |     |               |
    |  tun1 192.168.3.11/24   tap9   tap8 (down)       |     +---------------+
    +--------------------------------------------------+
"""

import json
import os
import re
import signal
import time

import pytest
from damages import DAMAGES, LAB
from tapnet_test.build import Tapnet
from tapnet_test.processes import named, wait_gone
from tapnet_test.snapshot import assert_same, diff, snapshot
from tapnet_test.world import World

LONGEST = 1.0  # seconds that a damage may last with a keeper


class Lab:
    """The lab, up; with a keeper or without."""

    def __init__(self, world, keeper):
        self.host = world.host
        self.tapnet = Tapnet(world.host, keeper=keeper)
        self.file = self.tapnet.file(LAB)
        self.tapnet("up", self.file)
        self.outages = {}

    def kernel(self):
        """A snapshot without the run directory, processes and packet sockets, which have tests of their own; and
        without the multicast groups that the kernel joins when a link has carrier."""
        return "".join(line for line in snapshot(self.host, run_dir=self.tapnet.run_dir).splitlines(keepends=True)
                       if not line.startswith(("file run/", "process ", "descriptors ", "socket packet"))
                       and "33:33:" not in line)

    def status(self):
        return self.tapnet("status", check=False)

    def problems(self):
        return set(json.loads(self.tapnet("status", "--json", check=False).stdout)["problems"])

    def findings(self):
        """What `doctor` says, each with the command that mends it."""
        shown = json.loads(self.tapnet("doctor", "--json", check=False).stdout)["findings"]
        return {finding["evidence"] for finding in shown if finding["command"]}

    def start_keeper_anew(self):
        """One that has seen nothing yet is not tired of anything."""
        for pid in named(self.host, "tapnet-keeper"):
            os.kill(pid, signal.SIGKILL)
            wait_gone(pid)
        self.tapnet("up", self.file)

    def log(self):
        return next(self.tapnet.run_dir.glob("*/keeper.log")).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def alone():
    with World() as world:
        yield Lab(world, keeper=False)


@pytest.fixture(scope="module")
def kept():
    with World() as world:
        lab = Lab(world, keeper=True)
        yield lab
        if lab.outages:
            worst = max(lab.outages, key=lab.outages.get)
            print(f"\n{len(lab.outages)} damages mended by the keeper; the longest outage was "
                  f"{lab.outages[worst] * 1000:.0f} ms ({worst})")


def by_name(damage):
    return damage.name.replace(" ", "-")


@pytest.mark.parametrize("damage", DAMAGES, ids=by_name)
def test_without_a_keeper_status_tells_and_up_mends(alone, damage):
    assert alone.status().returncode == 0, alone.status().stdout
    before = alone.kernel()
    damage.do(alone)
    told = alone.status()
    assert told.returncode == (1 if damage.said else 0), told.stdout
    assert damage.said in told.stdout, told.stdout
    assert alone.problems() <= alone.findings()
    alone.tapnet("up", alone.file)
    assert alone.status().returncode == 0, alone.status().stdout
    assert_same(before, alone.kernel())


@pytest.mark.parametrize("damage", DAMAGES, ids=by_name)
def test_with_a_keeper_all_is_as_before_within_a_second(kept, damage):
    kept.start_keeper_anew()
    assert kept.status().returncode == 0, kept.status().stdout
    before = kept.kernel()
    start = time.monotonic()
    damage.do(kept)
    while (told := kept.status()).returncode != 0:
        assert time.monotonic() - start < 5 * LONGEST, told.stdout + kept.log()
    outage = time.monotonic() - start
    while (changed := diff(before, kept.kernel())) and time.monotonic() - start < 2 * LONGEST:
        pass  # what status does not see
    assert not changed, f"not as before:\n{changed}\n{kept.log()}"
    assert outage < LONGEST, kept.log()
    if damage.said:
        kept.outages[damage.name] = outage


def test_each_repair_is_a_line_that_says_why(kept):
    """The last test looks at what the ones before left in the log."""
    kept.host.run("ip", "link", "set", "lab-web", "mtu", "1300")
    deadline = time.monotonic() + 2
    while not re.search(r"tap lab-web: MTU 1300, wanted 1500", kept.log()):
        assert time.monotonic() < deadline, kept.log()
