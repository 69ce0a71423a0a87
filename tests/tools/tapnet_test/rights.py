# SPDX-License-Identifier: MIT
"""What these tests may do: as root all, as root of a user namespace what that lets them."""

import pytest


def has_all_users():
    """False in a user namespace, which has some only."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return file.read().split() == ["0", "0", str(2**32 - 1)]


def need_all_users():
    if not has_all_users():
        pytest.skip("it needs users and rights that a user namespace does not have")
