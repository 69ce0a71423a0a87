# SPDX-License-Identifier: MIT
"""A move of the uplink that fails when routes have moved already, and what the router says while it is undone.

      host                                             outside
    +---------------------------------+              +-------------------------------+
    | default via fe80::a             |              | router advertisement  fe80::a |
    |        eth0, or br-lan of which +--------------+ out0                          |
    |        it is a port             |              |                               |
    +---------------------------------+              +-------------------------------+
"""

import errno
import signal

import pytest

from plans import PLANS
from test_requests import requests_of
from tapnet_test.waiting import wait_for
from tapnet_test.world6 import default_routes

MOVES = {"up of mode bridge": "eth0", "edit: mode bridge renamed": "br-lan", "down of mode bridge": "br-lan"}


def failing(lab, name, quiet=False, **how):
    """Has each request of a move fail in turn that takes something from the old place; the host before, and what the
    plan said. A quiet router answers nobody, who may ask a second after a link came up, until it is woken."""
    plan = PLANS[name]
    names = requests_of(lab, plan)
    before = lab.bring(plan.before)
    words = lab.arguments(plan)
    for number, request in enumerate(names, 1):
        if request == "item_delete":
            if quiet:
                lab.router.send_signal(signal.SIGSTOP)
            outcome = lab.requests(words, (number, errno.ENOMEM), **how)
            lab.tally.counts["faults"] += 1
            yield before, outcome.said


@pytest.mark.parametrize("name", MOVES)
def test_the_routers_route_is_back_before_the_router_says_a_word(lab, name):
    """What stands in for the kernel's own route until the next advertisement is not undone in its turn."""
    for before, said in failing(lab, name, quiet=True):
        assert [route["dev"] for route in default_routes(lab.host)] == [MOVES[name]], said
        lab.router.send_signal(signal.SIGCONT)
        lab.assert_is(before, f"the host after {said}")


def test_the_router_says_something_else_while_a_move_is_undone(lab):
    """The uplink is by itself again, and the kernel has a new advertisement: its own route is not taken for one of
    ours because it differs from what was there before."""
    def routes():
        return [(route["dev"], route.get("protocol"), route["pref"]) for route in default_routes(lab.host)]
    command = (f"echo -n l > /proc/{lab.router.pid}/fd/0; "
               "until ip -6 route show default dev eth0 | grep -q 'proto ra .* pref low'; do :; done")
    for before, said in failing(lab, "up of mode bridge", rival=("link_delete", command)):
        assert routes() == [("eth0", "ra", "low")], said
        lab.router.stdin.write(b"h")
        lab.router.stdin.flush()
        wait_for(lambda: routes() == [("eth0", "ra", "high")], why="the router's old word")
        lab.assert_is(before, f"the host after {said}")
