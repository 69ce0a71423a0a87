# SPDX-License-Identifier: MIT
"""Prints all facts about this host's network, one a line, for a comparison: usage: facts.py SOURCE_TREE"""

import subprocess
import sys

sys.path.insert(0, f"{sys.argv[1]}/tests/tools")

from tapnet_test.snapshot import network_snapshot  # noqa: E402


class Host:
    """What a snapshot is taken of: here, where we are."""

    @staticmethod
    def run(*argv, check=True):
        return subprocess.run(argv, check=check, stdout=subprocess.PIPE, text=True, errors="replace")


print(network_snapshot(Host), end="")
