# SPDX-License-Identifier: MIT
"""Two and eight tapnets at once, on one set and on several, killed at random; `make soak` has 500 rounds of it.

      host
    +--------------------------------------------------------+
    | tapnet up set0.yaml   tapnet down set1   tapnet up ... |  some of them killed
    |   br-net0-0 ...         br-net1-0 ...                  |
    +--------------------------------------------------------+
"""

import pytest

from tapnet_test.crowd import Crowd

ROUNDS, FULL_ROUNDS = 3, 15


@pytest.mark.parametrize("count, sets", [(2, 1), (2, 2), (8, 1), (8, 8)])
def test_nothing_is_left_of_a_crowd(world, tally, count, sets):
    crowd = Crowd(world.host, tally.chance, count, sets)
    for _ in range(FULL_ROUNDS if tally.full else ROUNDS):
        crowd.round()
    tally.counts["kills"] += crowd.kills
