# SPDX-License-Identifier: MIT
"""The pytest fixtures that all tests on a real kernel share."""

import os

import pytest

from .build import Tapnet
from .netns import Netns
from .world import World


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Lets fixtures see whether their test failed, so that they can show logs (item.failed)."""
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True


# Without a keeper, unless a test is about it: what a test breaks must stay broken.
os.environ.setdefault("TAPNET_KEEPER", "off")


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("these tests make network namespaces: run them as root, or with tests/tools/userns-run", 77)


@pytest.fixture
def make_netns():
    """Makes namespaces that go away with the test."""
    made = []

    def make(prefix="ns"):
        made.append(Netns(prefix))
        return made[-1]
    yield make
    for netns in reversed(made):
        netns.close()


@pytest.fixture
def host(request):
    """One namespace that plays the host; the world's, in a test that has a world too."""
    if "world" in request.fixturenames:
        yield request.getfixturevalue("world").host
        return
    with Netns("host") as netns:
        yield netns


@pytest.fixture
def world(request):
    """A host and the outside, see world.py. A failed test shows the outside's logs."""
    with World() as made:
        yield made
        if getattr(request.node, "failed", False):
            for path in sorted(made.outside.tmp.glob("*.log")):
                print(f"--- {path.name}\n{path.read_text()}")


@pytest.fixture
def tapnet(host):
    """The command under test, in the host's namespace."""
    return Tapnet(host)
