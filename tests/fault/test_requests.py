# SPDX-License-Identifier: MIT
"""Every request that a plan makes of the host fails in turn, and then requests of its undoing fail as well.

      host                                            outside
    +----------------------------------------------------------------+
    | fault-tool up | down: request 1 .. N fails                     |
    | lab-web --+                                   |                |
    |           +-- br-lab 10.20.0.1/24 -- NAT -- eth0 -- out0       |
    | lab-db ---+                                   |   192.0.2.1    |
    +----------------------------------------------------------------+
"""

import errno

import pytest

from errnos import REQUESTS
from lab import drawn, unreported
from plans import PLANS

# What a sample tries of each plan: requests that fail, and pairs of a request and one of its undoing.
SAMPLE, SAMPLE_PAIRS = 5, 3
FULL_PAIRS = 40  # there are thousands
# Of those, what left a trace once: (plan, request that fails, request of its undoing that fails).
PAIRS = [
    ("edit: a routed one gets IPv6", "neighbour_set", "link_set"),
    ("edit: a routed one gets IPv6", "link_index", "neighbour_delete"),
]


def requests_of(lab, plan):
    """The names of the requests that a plan makes when nothing fails; then all is as before the plan."""
    lab.bring(plan.before)
    outcome = lab.requests(lab.arguments(plan))
    assert outcome.worked and outcome.requests, outcome.said
    return outcome.requests


def was_tried_again(outcome, number, code):
    """An address that is taken is tried once more, after what may hold it was stopped; that need not be an error."""
    tried = outcome.requests[number - 1:number + 2]
    return code == errno.EADDRINUSE and tried == ["service_serve!", "service_stop", "service_serve"]


@pytest.mark.parametrize("name", drawn(PLANS, 10, "requests"))
def test_a_request_that_fails_leaves_no_trace(lab, name):
    plan = PLANS[name]
    names = requests_of(lab, plan)
    before = lab.bring(plan.before)
    words = lab.arguments(plan)
    faults = [(number, code) for number, request in enumerate(names, 1) for code in REQUESTS[request]]
    for number, code in lab.tally.sample(faults, SAMPLE):
        what = f"{names[number - 1]} (request {number}) failed with {errno.errorcode[code]}"
        outcome = lab.requests(words, (number, code))
        lab.tally.counts["faults"] += 1
        assert outcome.requests[number - 1] == f"{names[number - 1]}!", f"another request than {what}"
        if outcome.worked:
            assert was_tried_again(outcome, number, code), f"the plan went on although {what}"
            assert lab.bring(plan.before) == before
            words = lab.arguments(plan)  # its file again
            continue
        assert f"injected failure of {names[number - 1]}" in outcome.said
        lab.assert_is(before, f"the host after {what}: {outcome.said}")
    lab.tapnet(*lab.command(plan))
    lab.assert_up(plan, "after all faults")


def pairs_of(lab, words, names):
    """(request that fails, request of its undoing that fails, both with an errno), drawn by chance."""
    chance = lab.tally.chance
    for _ in range(FULL_PAIRS if lab.tally.full else SAMPLE_PAIRS):
        first = chance.randrange(1, len(names) + 1)
        outcome = lab.requests(words, (first, errno.ENOMEM))
        if len(outcome.requests) > first:  # else there was nothing to undo
            second = chance.randrange(first + 1, len(outcome.requests) + 1)
            # That a thing is not there can't be said of one that is: then there is nothing to put back.
            code = chance.choice([code for code in REQUESTS[outcome.requests[second - 1]] if code != errno.ENODEV])
            yield (first, errno.ENOMEM), (second, code, *chance.choice(([], ["again"])))


@pytest.mark.parametrize("name", drawn(PLANS, 6, "pairs"))
def test_an_undoing_that_fails_is_told_and_the_next_down_does_it(lab, name):
    plan = PLANS[name]
    names = requests_of(lab, plan)
    before = lab.bring(plan.before)
    words = lab.arguments(plan)
    for first, second in pairs_of(lab, words, names):
        outcome = lab.requests(words, first, second)
        lab.tally.counts["faults"] += 2
        what = " ".join(outcome.requests) + f" ({second}): {outcome.said}"
        assert not outcome.worked, f"the plan went on although requests failed: {what}"
        after = lab.settle(before)
        if after == before:
            continue
        assert "again" in second or "service_release!" in outcome.requests, f"it was not tried again: {what}"
        untold = unreported(before, after, outcome.said)
        assert not untold, f"{what}: not told:\n" + "\n".join(untold[:30])
        lab.down(plan.name)
        if not set(plan.before) - {plan.name}:
            lab.assert_nothing(f"the host after down, after {what}")
        before = lab.bring(plan.before)


@pytest.mark.parametrize("name, first, second", PAIRS)
def test_what_failed_once_in_undoing_is_tried_again(lab, name, first, second):
    plan = PLANS[name]
    names = requests_of(lab, plan)
    before = lab.bring(plan.before)
    words = lab.arguments(plan)
    number = names.index(first) + 1
    undone = lab.requests(words, (number, errno.ENOMEM)).requests
    lab.assert_is(before, f"the host after {first} failed")
    outcome = lab.requests(words, (number, errno.ENOMEM), (undone.index(second, number) + 1, errno.ELOOP))
    lab.tally.counts["faults"] += 3
    assert f"{second}!" in outcome.requests
    lab.assert_is(before, f"the host after {outcome.requests}: {outcome.said}")
