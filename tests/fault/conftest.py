# SPDX-License-Identifier: MIT
"""How much is tried, which part of it, and what it came to: one line at the end, over all workers.

TAPNET_FAULT=full tries everything; otherwise a sample, another one each time. TAPNET_SEED=N tries that one again.
"""

import os
import re
from collections import Counter

import pytest

from lab import FULL, Lab, Tally
from plans import FILTER
from tapnet_test.world6 import add_ipv6


@pytest.fixture
def tally(request, record_property):
    """Counts what a test tries, and draws its sample: (test, seed) decide, not who ran before."""
    made = Tally(FULL, f"{os.environ['TAPNET_SEED']} {request.node.nodeid}")
    yield made
    for what, number in made.counts.items():
        record_property(f"tried {what}", number)


@pytest.fixture
def lab(request, world, tally):
    """A host with fault-tool and strike in it; everything is taken down at the end."""
    callspec = getattr(request.node, "callspec", None)
    if callspec and "beside a filter" in str(callspec.params.get("name")):
        world.host.run("nft", FILTER)
    made = Lab(world.host, add_ipv6(world), tally)
    yield made
    made.close()
    made.router.stdin.close()


def pytest_terminal_summary(terminalreporter):
    stats = terminalreporter.stats
    total, failed = Counter(), len(stats.get("failed", [])) + len(stats.get("error", []))
    for report in (report for reports in stats.values() for report in reports):
        if getattr(report, "when", "") == "teardown":
            for name, value in report.user_properties:
                if match := re.fullmatch(r"tried (\w+)", name):
                    total[match[1]] += value
    if total:
        terminalreporter.line(f"faults: {total['faults']} tried, kills: {total['kills']} tried, "
                              f"{total['differences']} differences, {failed} tests failed "
                              f"({'all' if FULL else 'a sample'}, seed {os.environ['TAPNET_SEED']})")
