#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Brings networks up, edits them, kills what may be killed, and takes them down, again and again, at random but
repeatable; after each round the namespace must be as at the start, and the processes must not have grown.

In most rounds two or eight tapnets run at once, on one set or on different ones, and some of them are killed: see
tapnet_test/crowd.py.

Before that, guests are plugged in and let go by eight processes, as many times as is said.

usage: soak.py [--cycles N] [--seconds N] [--rounds N] [--seed N]
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tapnet_test import cycles  # noqa: E402
from tapnet_test.build import Tapnet  # noqa: E402
from tapnet_test.crowd import Crowd  # noqa: E402
from tapnet_test.plugging import at_rest  # noqa: E402
from tapnet_test.snapshot import assert_same, snapshot  # noqa: E402
from tapnet_test.world import World  # noqa: E402

SETS = ("one", "two", "three")
BATCH = 4000  # guests between two looks at what is left


def random_file(chance, number):
    """A set with one network; its subnet follows from its number, so that sets never overlap."""
    ports = {f"p{port}": {} for port in range(chance.randint(1, 12))}
    mode = chance.choice(("nat", "isolated"))
    lines = ["networks:", f"  net{number}:", f"    mode: {mode}", f"    subnet: 10.20.{number}.1/24", "    ports:"]
    return "\n".join(lines + [f"      {port}: {{}}" for port in ports]) + "\n"


class Soak:
    """One world, sets that are up in it, and the random next step."""

    def __init__(self, world, chance):
        self.host, self.chance = world.host, chance
        self.tapnet = Tapnet(world.host)
        self.up_sets = set()
        self.steps = {"up": 0, "up again": 0, "down": 0, "killed tapnet": 0, "killed service": 0}
        self.before = snapshot(self.host, run_dir=self.tapnet.run_dir)

    def step(self):
        name = self.chance.choice(SETS)
        path = f"{name}.yaml"
        draw = self.chance.random()
        if draw < 0.15 and self.up_sets:
            return self.kill_service()
        if draw < 0.30:
            return self.kill_tapnet(name, path)
        if draw < 0.55 and name in self.up_sets:
            self.tapnet("down", name)
            self.up_sets.remove(name)
            self.steps["down"] += 1
            return None
        self.steps["up again" if name in self.up_sets else "up"] += 1
        self.tapnet("up", self.tapnet.file(random_file(self.chance, SETS.index(name)), path))
        self.up_sets.add(name)
        if self.tapnet("plan", self.host.tmp / path, check=False).returncode != 0:
            raise AssertionError(f"{name} was just brought up, and plan still finds something to do")
        return None

    def kill_tapnet(self, name, path):
        """kill -9 at any instant of up; the next up must converge."""
        file = self.tapnet.file(random_file(self.chance, SETS.index(name)), path)
        child = self.host.popen(self.tapnet.program, "up", file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.chance.uniform(0, 0.05))
        child.kill()
        child.wait()
        self.tapnet("up", file)
        self.up_sets.add(name)
        self.steps["killed tapnet"] += 1

    def kill_service(self):
        """The service may die at any instant; the next up starts it again."""
        for pid in self.host.pids():
            if "tapnet-service" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
        name = self.chance.choice(sorted(self.up_sets))
        self.tapnet("up", self.host.tmp / f"{name}.yaml")
        self.steps["killed service"] += 1

    def round(self):
        """Some steps, then everything down: nothing may be left."""
        for _ in range(self.chance.randint(5, 25)):
            self.step()
        self.tapnet("down", "--all")
        self.up_sets.clear()
        assert_same(self.before, snapshot(self.host, run_dir=self.tapnet.run_dir))


def crowd_round(host, chance):
    """Tapnets at once; how many were killed."""
    count = chance.choice((2, 8))
    crowd = Crowd(host, chance, count, chance.choice((1, count)), keeper=chance.random() < 0.3)
    crowd.round()
    return crowd.kills


def plug(host, count):
    """Guests that come and go (tapnet_test/cycles.py); nothing may be left, and nobody may grow."""
    tapnet = Tapnet(host, keeper=True)
    before = at_rest(tapnet)
    tapnet("up", tapnet.file(cycles.LAB))
    used = left = None
    for done in range(0, count, BATCH):
        cycles.cycle(host, BATCH)
        cycles.settle(tapnet)
        at_rest(tapnet)
        memory = sum(cycles.resident_memory(host).values())
        used, left = used or memory, left or cycles.footprint(host, tapnet)
        assert cycles.footprint(host, tapnet) == left, "something is left"
        assert memory < used + (4 << 20), f"the residents have grown from {used >> 10} to {memory >> 10} KiB"
        print(f"{done + BATCH} guests, the residents have {memory >> 10} KiB")
    tapnet("down", "--all")
    assert_same(before, at_rest(tapnet))


def main():
    parser = argparse.ArgumentParser(description="looks for what many ups and downs leave behind")
    parser.add_argument("--cycles", type=int, default=100000, help="so many guests come and go")
    parser.add_argument("--seconds", type=float, default=600, help="go on at least that long ...")
    parser.add_argument("--rounds", type=int, default=500, help="... and for at least so many rounds")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    if options.cycles:
        with World() as world:
            plug(world.host, options.cycles)
    end = time.monotonic() + options.seconds
    rounds = kills = 0
    with World() as world:
        chance = random.Random(options.seed)
        soak = Soak(world, chance)
        try:
            while rounds < options.rounds or time.monotonic() < end:
                kills += crowd_round(world.host, chance)
                if rounds % 10 == 0:
                    soak.round()
                rounds += 1
                print(f"{rounds} rounds, {kills} × killed among others, " +
                      ", ".join(f"{count} × {what}" for what, count in soak.steps.items()))
        except AssertionError as error:
            sys.exit(f"soak: failed after {rounds} rounds, seed {options.seed}: {error}")
    kills += soak.steps["killed tapnet"] + soak.steps["killed service"]
    print(f"soak: {rounds} rounds, {kills} kills, nothing left")


if __name__ == "__main__":
    main()
