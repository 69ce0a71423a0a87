# SPDX-License-Identifier: MIT
"""A tapnet that moves the host's uplink is killed at every instant: its watchdog alone puts the host back.

      host                                            outside
    +------------------------------------------------------------------+
    | strike -- tapnet up | down, and its watchdog                      |
    | its own address, default route ── br-lan ── eth0 ── out0 192.0.2.1 |
    +------------------------------------------------------------------+
"""

import time

import pytest

from lab import drawn
from plans import PLANS
from test_kills import chosen, instants, kill, take_down

NAMES = ["up of mode bridge", "edit: mode bridge renamed", "down of mode bridge"]
LIMIT_SECONDS = 10  # within which the host must be reached as before


def way_out(lab):
    """How the host is reached: its addresses and routes, whatever they stand on."""
    return "\n".join(lab.host.run("ip", *words.split()).stdout for words in (
        "-br -4 address", "-4 route", "-6 route show table all proto static"))


def wait_for_way_out(lab, states):
    """Until it is one of these; False when it never is."""
    end = time.monotonic() + LIMIT_SECONDS
    while way_out(lab) not in states:
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("name", drawn(NAMES, 2, "watchdog"))
def test_the_watchdog_puts_the_way_out_back_after_a_kill(lab, name):
    plan = PLANS[name]
    calls, _ = instants(lab, plan)
    done = way_out(lab)
    lab.bring(plan.before)
    before = way_out(lab)
    assert before != done
    for number in chosen(lab, name, calls):
        for how in ("before", "after"):
            if not kill(lab, plan, how, number).struck:
                continue
            what = f"a kill {how} call {number} ({calls[number - 1][1]}) of {name}"
            # Behind the last step, when the journal is gone, it is done, and stays so.
            assert wait_for_way_out(lab, (before, done)), f"after {what}:\n{before}--- is now:\n{way_out(lab)}"
            assert lab.host.run("ping", "-c1", "-W2", "192.0.2.1", check=False).returncode == 0, what
            take_down(lab, plan, f"the host after {what}, and down")


@pytest.mark.parametrize("name", drawn(NAMES, 1, "watchdog killed"))
def test_the_watchdog_is_killed_at_each_of_its_calls(lab, name):
    """tapnet goes back, or had done already; never is it left halfway."""
    plan = PLANS[name]
    options = ("--tree", "--only", "tapnet-watchdog"[:15])
    calls, _ = instants(lab, plan, *options)
    done = way_out(lab)
    lab.bring(plan.before)
    before = way_out(lab)
    assert calls
    for number in lab.tally.sample(range(1, len(calls) + 1), 4):
        strike = kill(lab, plan, lab.tally.chance.choice(("before", "after")), number, *options)
        what = f"the watchdog was killed at its call {number} ({calls[number - 1][1]}), tapnet said {strike.said}"
        assert way_out(lab) == (done if strike.code == 0 else before), what
        take_down(lab, plan, f"{what}, and down")
