# SPDX-License-Identifier: MIT
"""The harness must bite: when one kind of undoing claims to have been done and was not, it is found.

      host                                            outside
    +----------------------------------------------------------------+
    | fault-tool lies: a request says "done" and does nothing        |
    | lab-web --+                                   |                |
    |           +-- br-lab 10.20.0.1/24 -- NAT -- eth0 -- out0       |
    | lab-db ---+                                   |   192.0.2.1    |
    +----------------------------------------------------------------+
"""

import errno

import pytest

from lab import Tally, drawn
from plans import PLANS

# Which undoing is broken, and the plan whose last request but one fails, so that nearly all has to be undone.
LIES = [("link_delete", "up"), ("links_delete", "down beside another set"), ("guards_commit", "up"),
        ("sysctl_write", "up"), ("file_remove", "up"), ("address_delete", "edit: another subnet"),
        ("service_stop", "edit: another network"), ("service_update", "edit: a port less"),
        ("link_set", "edit: another MTU"), ("device_keep", "edit: a port less"), ("address_add", "down"),
        ("bridge_create", "down"), ("service_serve", "down"), ("file_write", "down")]


@pytest.fixture
def bitten(lab):
    """A lab whose differences are not counted: they are wanted here."""
    lab.tally = Tally(False, "")
    lab.patience = 0.3
    return lab


@pytest.mark.parametrize("lie, name", drawn(LIES, 5, "lies"))
def test_an_undoing_that_is_not_done_is_found(bitten, lie, name):
    plan = PLANS[name]
    bitten.bring(plan.before)
    count = len(bitten.requests(bitten.arguments(plan)).requests)
    before = bitten.bring(plan.before)
    outcome = bitten.requests(bitten.arguments(plan), (count, errno.ENOMEM), lies=[lie])
    assert not outcome.worked
    if lie != "links_delete":
        assert f"{lie}?" in outcome.requests, f"nothing to lie about in {outcome.requests}"
        with pytest.raises(AssertionError, match="is not as before"):
            bitten.assert_is(before, "the host")


def test_a_recovery_that_does_nothing_is_found(bitten):
    """up is killed halfway; the next down lies about what it takes away."""
    plan = PLANS["up"]
    bitten.bring({})
    calls = bitten.strike(words=bitten.command(plan)).calls
    bitten.bring({})
    bitten.strike("--at", len(calls) * 3 // 4, "--kill", "before", words=bitten.command(plan))
    outcome = bitten.requests(["down", "lab"], lies=["link_delete", "links_delete"])
    assert outcome.worked and any("?" in request for request in outcome.requests)
    with pytest.raises(AssertionError, match="is not as before"):
        bitten.assert_nothing("the host")
