# SPDX-License-Identifier: MIT
"""Ports that come and go while their network is up: every request fails in turn, and tapnet is killed at every call.

      host                                            outside
    +----------------------------------------------------------------+
    | fault-tool, strike: attach lab/tool, detach   |                |
    | lab-web --+                                   |                |
    | lab-db  --+-- br-lab 10.20.0.1/24 -- NAT -- eth0 -- out0       |
    | lab-tool -+                                   |   192.0.2.1    |
    +----------------------------------------------------------------+
"""

import errno

import pytest

from errnos import REQUESTS
from plans import LAB
from test_kills import KILLED

SAMPLE = 12
PORT = "lab/tool"


LIMITED = LAB.replace("  lab:\n", "  lab:\n    limit: { receive: 10mbit }\n")


def prepare(lab, verb, text=LAB):
    """What is there before it; the snapshot. Without a roll the long way is taken."""
    before = lab.bring({"lab": text})
    for roll in lab.run.glob("*/networks/*.roll"):
        roll.unlink()
    if verb == "detach":
        lab.tapnet("attach", "--no-keeper", PORT)
        before = lab.look()
    return before


def give_back(lab):
    lab.tapnet("detach", PORT, check=False)


@pytest.mark.parametrize("verb, text, among", [("attach", LAB, "guards_commit"), ("detach", LAB, "guards_commit"),
                                               ("attach", LIMITED, "link_shape")])
def test_a_request_that_fails_leaves_no_trace(lab, verb, text, among):
    before = prepare(lab, verb, text)
    outcome = lab.requests([verb, PORT])
    assert outcome.worked and among in outcome.requests, outcome.said
    names = outcome.requests
    before = prepare(lab, verb, text)
    faults = [(number, code) for number, request in enumerate(names, 1) for code in REQUESTS[request]]
    for number, code in lab.tally.sample(faults, SAMPLE):
        what = f"{names[number - 1]} (request {number}) failed with {errno.errorcode[code]}"
        outcome = lab.requests([verb, PORT], (number, code))
        lab.tally.counts["faults"] += 1
        assert not outcome.worked and f"injected failure of {names[number - 1]}" in outcome.said, what
        lab.assert_is(before, f"the host after {what}: {outcome.said}")
    lab.tapnet("up", lab.path("lab", text), *lab.options)
    give_back(lab)
    lab.down("lab")
    lab.assert_nothing("after all faults")


def test_a_request_that_fails_on_the_quick_way(lab):
    """The long way is taken then: the port is whole, and goes without a trace."""
    prepare(lab, "attach")
    lab.tapnet("attach", "--no-keeper", "lab/first")
    before = lab.look()
    outcome = lab.requests(["attach", PORT])
    assert outcome.worked and "service_plug" in outcome.requests and "service_update" not in outcome.requests
    give_back(lab)
    names = outcome.requests
    faults = [(number, code) for number, request in enumerate(names, 1) for code in REQUESTS[request]]
    for number, code in lab.tally.sample(faults, SAMPLE):
        what = f"{names[number - 1]} (request {number}) failed with {errno.errorcode[code]}"
        outcome = lab.requests(["attach", PORT], (number, code))
        lab.tally.counts["faults"] += 1
        assert outcome.worked and f"{names[number - 1]}!" in outcome.requests, f"{what}: {outcome.said}"
        assert {port["name"] for port in lab.tapnet.status("lab")["ports"]} == {"web", "db", "first", "tool"}, what
        give_back(lab)
        lab.assert_is(before, f"the host after {what}")
    lab.down("lab")
    lab.assert_nothing("after all faults")


def test_the_next_tapnet_cleans_after_a_kill_on_the_quick_way(lab):
    prepare(lab, "attach")
    words = ["attach", "--no-keeper", PORT]
    lab.tapnet("attach", "--no-keeper", "lab/first")
    strike = lab.strike(words=words)
    assert strike.code == 0 and strike.calls, strike.said
    give_back(lab)
    for number in lab.tally.sample(range(1, len(strike.calls) + 1), 2 * SAMPLE):
        for how in "before", "after":
            struck = lab.strike("--at", number, "--kill", how, words=words)
            what = f"the host after a kill {how} call {number} ({strike.calls[number - 1][1]})"
            lab.tally.counts["kills"] += struck.struck is not None
            assert struck.code in (0, KILLED), struck.said
            lab.tapnet("attach", "--no-keeper", PORT)
            assert lab.tapnet("plan", lab.path("lab", LAB), check=False).returncode == 0, what
            give_back(lab)
            names = {port["name"] for port in lab.tapnet.status("lab")["ports"]}
            assert names == {"web", "db", "first"}, what
    lab.down("lab")
    lab.assert_nothing("after all kills")


@pytest.mark.parametrize("verb, words", [("attach", ["attach", "--no-keeper", PORT]), ("detach", ["detach", PORT]),
                                         ("run", ["run", "--no-keeper", "-q", PORT, "--", "true"])])
def test_the_next_tapnet_cleans_after_a_kill(lab, verb, words):
    """By an `up`, behind which the port is whole or not there, or by a `down`, behind which nothing is."""
    prepare(lab, verb)
    strike = lab.strike(words=words)
    assert strike.code == 0 and strike.calls, strike.said
    for number in lab.tally.sample(range(1, len(strike.calls) + 1), SAMPLE):
        for how in "before", "after":
            prepare(lab, verb)
            struck = lab.strike("--at", number, "--kill", how, words=words)
            what = f"the host after a kill {how} call {number} ({strike.calls[number - 1][1]}) of {verb}"
            lab.tally.counts["kills"] += struck.struck is not None
            assert struck.code in (0, KILLED), struck.said
            if lab.tally.chance.random() < 0.5:
                lab.up("lab", LAB)
                done = lab.tapnet("plan", lab.path("lab", LAB), check=False)
                assert done.returncode == 0, f"{what}, and up: {done.stdout}{done.stderr}"
                give_back(lab)
                names = {port["name"] for port in lab.tapnet.status("lab")["ports"]}
                assert names == {"web", "db"}, what
            lab.down("lab")
            lab.assert_nothing(f"{what}, and down")
