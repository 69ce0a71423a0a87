# SPDX-License-Identifier: MIT
"""tapnet is killed at every instant at which it has just changed something, or is about to: see strike.c.

      host                                            outside
    +----------------------------------------------------------------+
    | strike -- tapnet up | down: SIGKILL before and after call 1..N |
    | lab-web --+                                   |                |
    |           +-- br-lab 10.20.0.1/24 -- NAT -- eth0 -- out0       |
    | lab-db ---+                                   |   192.0.2.1    |
    +----------------------------------------------------------------+
"""

import signal

import pytest

from lab import drawn
from plans import PLANS

KILLED = 128 + signal.SIGKILL
# What a sample tries of each plan; each instant counts twice, see below.
SAMPLE = 3
# In a full run every instant of these plans; of the others a part.
WHOLE = ["up", "edit: all at once", "edit: another kind of device", "edit beside another set", "down",
         "down beside another set"]
PART = 10


def instants(lab, plan, *options):
    """The calls at which the plan can be killed, in order; and the host as an up that was not killed leaves it."""
    before = lab.bring(plan.before)
    strike = lab.strike(*options, words=lab.command(plan))
    assert strike.code == 0, strike.said
    return strike.calls, before if plan.text is None else lab.look()


def kill(lab, plan, how, number, *options):
    """Brings up what is there before the plan, and kills the plan; False when it ended before it came so far."""
    lab.bring(plan.before)
    strike = lab.strike("--at", number, "--kill", how, *options, words=lab.command(plan))
    lab.tally.counts["kills"] += strike.struck is not None
    return strike


def chosen(lab, name, calls):
    """Numbers of the calls to be killed at."""
    numbers = list(range(1, len(calls) + 1))
    if lab.tally.full and name in WHOLE:
        return numbers
    return sorted(lab.tally.chance.sample(numbers, min(len(numbers), PART if lab.tally.full else SAMPLE)))


def go_on(lab, plan, target, what):
    """The next up converges: the host is as after an up that was not disturbed."""
    if plan.text is None:
        plan = plan._replace(text=plan.before[plan.name])
    lab.up(plan.name, plan.text)
    lab.assert_up(plan, what)
    lab.assert_is(target, what)


def take_down(lab, plan, what):
    """down of the killed plan's set: only what stood beside it is left, and without that nothing."""
    lab.down(plan.name)
    others = {name: text for name, text in plan.before.items() if name != plan.name}
    for name, text in others.items():
        done = lab.tapnet("plan", lab.path(name, text), check=False)
        assert done.returncode == 0, f"{what}: set {name} was hurt:\n{done.stdout}{done.stderr}"
        lab.down(name)
    lab.assert_nothing(what)


@pytest.mark.parametrize("name", drawn(PLANS, 9, "kills"))
def test_down_cleans_and_up_converges_after_a_kill(lab, name):
    """A kill after call N is one before call N + 1, so each instant gets both: the next tapnet is a down, or an up."""
    plan = PLANS[name]
    calls, target = instants(lab, plan)
    for number in chosen(lab, name, calls):
        what = f"the host after a kill at call {number} ({calls[number - 1][1]}) of {name}"
        if kill(lab, plan, "before", number).struck:
            take_down(lab, plan, f"{what}, and down")
        if kill(lab, plan, "after", number).struck:
            go_on(lab, plan, target, f"{what}, and up")
            take_down(lab, plan, f"{what}, up and down")


@pytest.mark.parametrize("name", drawn(["up", "edit: all at once", "edit: another subnet", "down", "up of mode bridge",
                                        "down of mode bridge"], 2, "all"))
def test_tapnet_and_all_that_it_started_are_killed_at_once(lab, name):
    plan = PLANS[name]
    calls, target = instants(lab, plan, "--tree")
    for number in lab.tally.sample(range(1, len(calls) + 1), SAMPLE):
        what = f"the host after a kill of all at call {number} of {len(calls)} of {name}"
        how = lab.tally.chance.choice(("before", "after"))
        if kill(lab, plan, how, number, "--tree").struck:
            if lab.tally.chance.random() < 0.5:
                go_on(lab, plan, target, f"{what}, and up")
            take_down(lab, plan, f"{what}, and down")


def test_the_service_is_killed_at_each_of_its_calls(lab):
    """up goes on, and starts another one; or fails, and leaves nothing."""
    plan = PLANS["up"]
    options = ("--tree", "--only", "tapnet-service")
    calls, target = instants(lab, plan, *options)
    assert calls
    for number in lab.tally.sample(range(1, len(calls) + 1), 2 * SAMPLE):
        strike = kill(lab, plan, lab.tally.chance.choice(("before", "after")), number, *options)
        what = f"the service was killed at its call {number} ({calls[number - 1][1]}), up said {strike.said}"
        if strike.code == 0:
            go_on(lab, plan, target, what)
        else:
            lab.assert_nothing(what)
        take_down(lab, plan, what)
