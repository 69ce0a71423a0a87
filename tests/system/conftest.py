# SPDX-License-Identifier: MIT
"""Fixtures of the system tests alone; the common ones are in tests/tools/tapnet_test/fixtures.py."""

import pytest

from tapnet_test.build import program


@pytest.fixture(scope="session")
def guards_tool():
    """The program that puts single rules and elements into tapnet's tables, see guards_tool.c."""
    return program("tests/system/guards_tool")
