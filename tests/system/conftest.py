# SPDX-License-Identifier: MIT
"""Fixtures of the system tests alone; the common ones are in tests/tools/tapnet_test/fixtures.py."""

from contextlib import closing

import pytest

from dns_lab import Lab
from tapnet_test.build import program
from watching import Watch


def pytest_collection_modifyitems(items):
    """What a scene's mode does not have is no test of it (the mark in_modes), and no skip either."""
    def fits(item):
        mark = item.get_closest_marker("in_modes")
        return not mark or item.callspec.params["scene"] in mark.args
    items[:] = filter(fits, items)


@pytest.fixture(scope="session")
def guards_tool():
    """The program that puts single rules and elements into tapnet's tables, see guards_tool.c."""
    return program("tests/system/guards_tool")


@pytest.fixture
def lab(world, make_netns):
    """The host of dns_lab.py, with the service; a test module that is about another lab has a fixture of its own."""
    with closing(Lab(world, make_netns)) as made:
        yield made


@pytest.fixture
def web(lab):
    """The guest that asks."""
    return lab.clients["web"]


@pytest.fixture
def watch(host, tapnet):
    """Starts a `tapnet watch`, see watching.py."""
    with closing(Watch(host, tapnet)) as made:
        yield made
