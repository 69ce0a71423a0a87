# SPDX-License-Identifier: MIT
"""Many tapnets at once, on one set or on different ones, some of them killed; in the end nothing may be left."""

import os
import signal
import time

from .build import Tapnet
from .snapshot import diff, snapshot

PATIENCE_SECONDS = 5  # until a process that was killed or told to end is gone
LONGEST_MSEC = 25  # after which a tapnet is killed: about as long as an up or down takes among others


def random_set(chance, number):
    """A set with one or two networks; their subnets and names follow from its number, so that sets never overlap."""
    lines = ["networks:"]
    for network in range(chance.randint(1, 2)):
        lines += [f"  net{number}-{network}:", f"    mode: {chance.choice(('nat', 'isolated'))}",
                  f"    subnet: 10.{20 + number}.{network}.1/24", "    ports:"]
        lines += [f"      p{port}: {{}}" for port in range(chance.randint(1, 4))]
    if chance.random() < 0.5:
        kind = chance.choice(("tun", "tap"))
        lines += ["devices:", f"  dev{number}: {{ kind: {kind}, address: 10.{20 + number}.9.1/24 }}"]
    return "\n".join(lines) + "\n"


class Crowd:
    """Rounds of @count tapnets at once in one namespace, on @sets sets."""

    def __init__(self, host, chance, count, sets, keeper=False):
        self.host, self.chance, self.count, self.sets = host, chance, count, sets
        self.tapnet = Tapnet(host)
        self.options = [] if keeper else ["--no-keeper"]
        self.kills = 0
        self.before = self.look()

    def look(self):
        return snapshot(self.host, run_dir=self.tapnet.run_dir)

    def write(self, number):
        """The set's file, replaced at once: others may be reading it."""
        fresh = self.tapnet.file(random_set(self.chance, number), f"fresh{number}")
        return fresh.rename(fresh.with_name(f"set{number}.yaml"))

    def start(self):
        """One tapnet that brings a set up, as it is or edited, or takes it down."""
        number = self.chance.randrange(self.sets)
        path = self.host.tmp / f"set{number}.yaml"
        if self.chance.random() < 0.3 and path.exists():
            words = ["down", path]
        else:
            words = ["up", self.write(number), *self.options]
        log = open(self.host.tmp / f"crowd-{time.monotonic_ns()}.log", "w+", encoding="utf-8")
        return words, log, self.host.popen(self.tapnet.program, *words, stdout=log, stderr=log)

    def kill_some(self, children):
        """Half of the tapnets at random instants, and now and then a resident."""
        for _, _, child in self.chance.sample(children, self.chance.randint(0, self.count // 2)):
            time.sleep(self.chance.uniform(0, LONGEST_MSEC) / 1000)
            if child.poll() is None:
                child.kill()
                self.kills += 1
        if self.chance.random() < 0.2:
            for pid in self.host.pids():
                self.kill_resident(pid)

    def kill_resident(self, pid):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read().strip() in ("tapnet-service", "tapnet-keeper"):
                    os.kill(pid, signal.SIGKILL)
                    self.kills += 1
        except (FileNotFoundError, ProcessLookupError):
            pass

    def step(self):
        children = [self.start() for _ in range(self.count)]
        self.kill_some(children)
        for words, log, child in children:
            code = child.wait(60)
            log.seek(0)
            said = log.read()
            log.close()
            os.unlink(log.name)
            assert code in (0, -signal.SIGKILL), f"tapnet {words} among others: exit {code}: {said}"

    def round(self):
        """Some steps; then every set comes up whole, and goes without a trace."""
        for _ in range(self.chance.randint(1, 3)):
            self.step()
        for number in range(self.sets):
            path = self.write(number)
            self.tapnet("up", path, *self.options)
        for number in range(self.sets):
            done = self.tapnet("plan", self.host.tmp / f"set{number}.yaml", check=False)
            assert done.returncode == 0, f"set{number} is not whole:\n{done.stdout}{done.stderr}"
        self.tapnet("down", "--all")
        end = time.monotonic() + PATIENCE_SECONDS
        while (changed := diff(self.before, self.look())) and time.monotonic() < end:
            time.sleep(0.05)
        assert not changed, f"what a crowd of {self.count} on {self.sets} sets left:\n{changed}"
