# SPDX-License-Identifier: MIT
"""Real system calls of tapnet and its service fail, one of them or all of a kind from there on: see strike.c.

      host                                            outside
    +----------------------------------------------------------------+
    | strike -- tapnet up | down: call 1 .. N returns an error       |
    | lab-web --+                                   |                |
    |           +-- br-lab 10.20.0.1/24 -- NAT -- eth0 -- out0       |
    | lab-db ---+                                   |   192.0.2.1    |
    +----------------------------------------------------------------+
"""

import errno
import re

import pytest

from errnos import CALLS
from lab import drawn, unreported
from plans import PLANS
from tapnet_test.snapshot import diff

SAMPLE, FULL = 10, 100  # of each plan; all would be some 5,000, in an hour
ANSWERS = 12  # of the service, and some of the kernel
NAMES = ["up", "edit: all at once", "edit: another subnet", "edit beside another set", "down", "down of many"]
# What tapnet may end with, or, when its libraries could not be loaded, the loader.
CODES = (0, 1, 2, 127)


def calls_that_fail(lab, plan, *options):
    """[(number, name)] of the calls that can be made to fail."""
    lab.bring(plan.before)
    strike = lab.strike("--fail", errno.ENOMEM, *options, words=lab.command(plan))
    assert strike.code == 0, strike.said
    return [(number, name) for number, (_, name) in enumerate(strike.calls, 1) if name in CALLS]


def only_the_lock(before, after):
    """All that is left is the run directory with its lock and empty folders, which could not be removed."""
    return all(re.match(r"\+file run/[\w-]+(\.lock|/\w+)? (40700|100600 \"\")$", line)
               for line in diff(before, after).splitlines()[2:])


def judge(lab, plan, before, strike, what):
    """A plan that worked is whole; one that failed left nothing, or says what. True when the host is as @before."""
    assert strike.code in CODES, f"{what}: exit {strike.code}"
    if strike.code == 0 and plan.text is not None:
        lab.assert_up(plan, what)
        return False
    wanted = before if strike.code else lab.nothing
    found = lab.settle(wanted)
    if found != wanted and not only_the_lock(wanted, found):
        untold = unreported(wanted, found, strike.said)
        lab.tally.counts["differences"] += bool(untold)
        assert not untold, f"{what}: not told:\n" + "\n".join(untold[:30])
    return strike.code != 0 and found == wanted


def fail_each(lab, name, options, count=SAMPLE):
    plan = PLANS[name]
    calls = calls_that_fail(lab, plan, *options)
    faults = [(number, call, code) for number, call in calls for code in CALLS[call]]
    before = None
    for number, call, code in lab.tally.sample(faults, count, FULL):
        before = before or lab.bring(plan.before)
        # Neither a signal nor an overrun queue comes at every single try.
        again = lab.tally.chance.choice(([], ["--again"])) if code not in (errno.EINTR, errno.ENOBUFS) else []
        strike = lab.strike("--at", number, "--fail", code, *again, *options, words=lab.command(plan))
        lab.tally.counts["faults"] += strike.struck is not None
        if strike.struck and code not in CALLS.get(strike.struck[1], ()):
            before = None  # two processes at once: the number was another call's this time, which can't fail so
            lab.tapnet("down", "--all")
            continue
        what = f"{name}: call {number} {strike.struck} -> {errno.errorcode[code]} {again}, said {strike.said}"
        if judge(lab, plan, before, strike, what):
            continue
        before = None
        lab.tapnet("down", "--all")
        lab.assert_nothing(f"the host after {what}, and down")


@pytest.mark.parametrize("name", drawn(NAMES, 3, "calls"))
def test_a_call_that_fails(lab, name):
    fail_each(lab, name, ())


def test_who_can_open_nothing_any_more_names_all_that_may_be_changed(lab):
    """Neither are the last steps done, nor those before undone, nor is the host seen: more than a sentence takes."""
    plan = PLANS["down of many"]
    opened = [number for number, name in calls_that_fail(lab, plan) if name == "openat"]
    for number in opened[-20::3]:
        before = lab.bring(plan.before)
        strike = lab.strike("--at", number, "--fail", errno.ENOMEM, "--again", words=lab.command(plan))
        lab.tally.counts["faults"] += 1
        judge(lab, plan, before, strike, f"call {number} {strike.struck} of {opened[-1]}, said {strike.said}")
        lab.tapnet("down", "--all")


def test_an_answer_of_the_service_is_lost(lab):
    """It has done what it was asked for, and the plan fails: the last answers of all are the service's."""
    plan, options = PLANS["edit: another subnet"], ("--call", "recvmsg")
    count = len(calls_that_fail(lab, plan, *options))
    for number in range(max(count - ANSWERS, 0) + 1, count + 1):
        before = lab.bring(plan.before)
        strike = lab.strike("--at", number, "--fail", errno.ENOBUFS, *options, words=lab.command(plan))
        lab.tally.counts["faults"] += 1
        judge(lab, plan, before, strike, f"answer {number} of {count} {strike.struck} was lost, said {strike.said}")


@pytest.mark.parametrize("name", drawn(["up", "edit: another subnet"], 1, "service"))
def test_a_call_that_fails_in_the_service(lab, name):
    fail_each(lab, name, ("--tree", "--only", "tapnet-service"), SAMPLE // 2)
