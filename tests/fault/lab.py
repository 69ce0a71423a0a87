# SPDX-License-Identifier: MIT
"""A host whose tapnet is disturbed: runs plans with faults and kills, and says what they left behind."""

import os
import random
import re
import time
from collections import Counter
from typing import NamedTuple

from plans import SUBNETS
from tapnet_test.build import Tapnet, build_dir, program
from tapnet_test.snapshot import assert_same, diff, snapshot
from tapnet_test.world6 import refresh

FULL = os.environ.get("TAPNET_FAULT") == "full"
SETTLE_SECONDS = 2  # a process that was told to end, or was killed, has that long to be gone


def drawn(items, count, what):
    """The tests of this run: all of @items in a full run, else @count of them, by the seed. For parametrize: every
    worker must come to the same."""
    items = list(items)
    if FULL or len(items) <= count:
        return items
    chance = random.Random(f"{os.environ['TAPNET_SEED']} {what}")
    return [items[number] for number in sorted(chance.sample(range(len(items)), count))]


class Tally:
    """Counts what was tried, and draws samples that a seed repeats."""

    def __init__(self, full, seed):
        self.full, self.chance, self.counts = full, random.Random(seed), Counter(faults=0, kills=0, differences=0)

    def sample(self, items, count, most=None):
        """All of the items in a full run, or @most of them; else @count; in their order."""
        items = list(items)
        count = (most or len(items)) if self.full else count
        if len(items) <= count:
            return items
        return [items[number] for number in sorted(self.chance.sample(range(len(items)), count))]

    def differ(self, before, after, what):
        """Fails with the difference, which counts."""
        self.counts["differences"] += before != after
        assert_same(before, after, what)


class Outcome(NamedTuple):
    """What fault-tool did: whether the plan worked, the names of the requests that it made ("!" behind one that failed,
    "?" behind a lie), what it said."""

    worked: bool
    requests: list
    said: str


class Strike(NamedTuple):
    """What strike did: the command's exit code, [(program, call)] in their order, the one that was struck or None."""

    code: int
    calls: list
    struck: tuple
    said: str


class Lab:
    """The host of a world with tapnet, fault-tool and strike in it."""

    def __init__(self, host, router, tally):
        self.host, self.router, self.tally = host, router, tally
        self.tapnet = Tapnet(host)
        self.run = self.tapnet.run_dir
        self.options = ["--no-keeper"]  # of every up: it would mend what we look for
        self.tools = build_dir() / "tests" / "fault"
        self.patience = SETTLE_SECONDS
        self.nothing = self.look()

    def close(self):
        self.tapnet("down", "--all", check=False)

    # ---- looking ----

    def look(self):
        """Behind the router's next advertisement, should its route have moved."""
        refresh(self.router, self.host)
        return snapshot(self.host, subnets=SUBNETS, run_dir=self.run)

    def settle(self, wanted):
        """The state as soon as it is @wanted, else what it still is when whatever was ending has ended."""
        end = time.monotonic() + self.patience
        while (found := self.look()) != wanted and time.monotonic() < end:
            time.sleep(0.02)
        return found

    def assert_is(self, wanted, what):
        self.tally.differ(wanted, self.settle(wanted), what)

    def assert_nothing(self, what):
        self.assert_is(self.nothing, what)

    # ---- states ----

    def path(self, name, text):
        return self.tapnet.file(text, f"{name}.yaml")

    def bring(self, sets):
        """Only these sets are up, each as its text says. Returns the snapshot."""
        self.tapnet("down", "--all")
        for name, text in sets.items():
            self.up(name, text)
        return self.look()

    def up(self, name, text):
        return self.tapnet("up", self.path(name, text), *self.options)

    def down(self, name):
        """By the file: that a set is not up is no mistake then."""
        return self.tapnet("down", self.path(name, ""))

    def arguments(self, plan):
        """The words for fault-tool, that carry a plan out."""
        return ["down", plan.name] if plan.text is None else ["up", self.path(plan.name, plan.text)]

    def command(self, plan):
        return self.arguments(plan) + (self.options if plan.text is not None else [])

    def assert_up(self, plan, what):
        """All sets that should be up are so, and nothing is left to do."""
        for name, text in {**plan.before, plan.name: plan.text}.items():
            if text is not None:
                done = self.tapnet("plan", self.path(name, text), check=False)
                assert done.returncode == 0, f"{what}: {name} is not whole:\n{done.stdout}{done.stderr}"

    # ---- disturbing ----

    def requests(self, words, *faults, lies=(), rival=None):
        """Runs a plan in fault-tool; @faults are (number of a request, errno), or (number, errno, "again") when all of
        its name are to fail from there on; @lies names of requests; @rival (name of a request, shell command that is
        run right before it)."""
        done = self.host.run(self.tools / "fault-tool", self.run, program("tapnet-service"), *words,
                             *(":".join(map(str, fault)) for fault in faults), *(f"lie:{name}" for name in lies),
                             *([":".join(("rival", *rival))] if rival else []),
                             check=False)
        assert done.returncode in (0, 1), f"fault-tool: {done.returncode}\n{done.stderr}"
        return Outcome(done.returncode == 0, done.stdout.split(), done.stderr)

    def strike(self, *options, words):
        """Runs the command under strike."""
        report = self.host.tmp / "strike.report"
        report.unlink(missing_ok=True)
        done = self.host.run(self.tools / "strike", "--report", report, *options, "--", self.tapnet.program, *words,
                             check=False)
        lines = [line.split() for line in report.read_text().splitlines()]
        struck = [(comm, call) for kind, _, comm, call in (line for line in lines if line[0] == "struck")]
        calls = [(line[2], line[3]) for line in lines if line[0] == "call"]
        return Strike(done.returncode, calls, struck[0] if struck else None, done.stdout + done.stderr)


# What goes with what a message names: the journal and the lock, by which the next tapnet finds its way; what a bridge's
# offloads follow from its ports; the service's own things.
_GOES_ALONG = re.compile(r".(file run/[\w-]+(/journal|/lock)? |link \S+ tso_max_size )")
# What the kernel does for a link that is a router of IPv6: groups of all routers, the anycast addresses of its subnets.
_OF_A_ROUTER = re.compile(r".(multicast |fdb |route 6 .*\"anycast\")")
_OF_THE_SERVICE = re.compile(r".(socket|process|descriptors|file run/\S+/service\.|file run/\S+/networks)")


def unreported(before, after, said):
    """The lines of the difference that no "could not put back" names. What a link carries goes with the link."""
    stuck = " ".join(re.findall(r"could not (?:put back|take away|end|remove|look what is left of) ([^\n]*)", said))
    names = set(re.findall(r"[\w./-]{3,}", stuck)) | {word.split("/")[0] for word in stuck.split() if "/" in word}
    names |= {"nft"} if "elements of our tables" in stuck else set()
    served = "DHCP" in stuck or "the service" in stuck
    routers = re.findall(r"sysctl net/ipv6/conf/([\w.-]+)/forwarding ", stuck)
    return [line for line in diff(before, after).splitlines()[2:]
            if not _GOES_ALONG.match(line) and not (served and _OF_THE_SERVICE.match(line))
            and not (_OF_A_ROUTER.match(line) and any(name in line for name in routers))
            and not any(name in line for name in names)]
