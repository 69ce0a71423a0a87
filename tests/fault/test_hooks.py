# SPDX-License-Identifier: MIT
"""tapnet, and who runs the hooks of ports, are killed while a network with such hooks comes up and goes.

      host
    +----------------------------------------------------------------------+
    | strike -- tapnet up | down: SIGKILL before and after call 1..N       |
    |             `--- tapnet-hooks --- /etc/tapnet/hook                   |
    | lab-web --+                                                          |
    |           +-- br-lab 10.20.0.1/24                                    |
    | lab-db ---+                                                          |
    +----------------------------------------------------------------------+
"""

import pytest

from lab import SETTLE_SECONDS
from plans import PORTS, Plan, file, network
from tapnet_test.processes import named
from tapnet_test.rights import need_all_users
from test_kills import go_on, instants, kill, take_down

SAMPLE = 6
LAB = file(network(PORTS, extra="hooks: { plugged: /etc/tapnet/hook, unplugged: /etc/tapnet/hook }"))
PLANS = {"up": Plan({}, "lab", LAB), "down": Plan({"lab": LAB}, "lab", None)}
FILE = "/etc/tapnet/lab.yaml"


@pytest.fixture
def hooked(lab):
    """The lab, whose file is root's all the way."""
    need_all_users()
    lab.host.run("install", "-d", "-m", "755", "/etc/tapnet")
    lab.host.write("/etc/tapnet/hook", "#!/bin/sh\n")
    lab.host.write(FILE, LAB)
    lab.host.run("chmod", "755", "/etc/tapnet/hook")
    lab.host.run("chmod", "644", FILE)
    lab.path = lambda name, text: FILE
    lab.nothing = lab.look()
    lab.patience = 2 * SETTLE_SECONDS  # it learns from the kernel that all has gone, should nobody have told it
    return lab


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("options", [(), ("--tree", "--only", "tapnet-hooks")], ids=["tapnet", "tapnet-hooks"])
def test_down_cleans_and_up_converges_after_a_kill(hooked, name, options):
    plan = PLANS[name]
    calls, target = instants(hooked, plan, *options)
    for number in hooked.tally.sample(range(1, len(calls) + 1), SAMPLE):
        what = f"the host after a kill at call {number} ({calls[number - 1][1]}) of {name}"
        if kill(hooked, plan, "before", number, *options).struck:
            take_down(hooked, plan, f"{what}, and down")
        if kill(hooked, plan, "after", number, *options).struck:
            go_on(hooked, plan, target, f"{what}, and up")
            assert len(named(hooked.host, "tapnet-hooks")) == 1
            take_down(hooked, plan, f"{what}, up and down")
