# SPDX-License-Identifier: MIT
"""Addresses that change in the file while all is up: the old one is in the way of nothing, and takes nothing with it.

      host under test
    +-------------------------------------------------+
    |  br-lab 10.20.0.1/24 --- lab-web                |
    |    then 10.20.0.1/23, 10.20.0.254/24, ...       |
    |  tun1 192.168.3.1/24, then 192.168.3.2/24, ...  |
    +-------------------------------------------------+
"""

import pytest

from tapnet_test.snapshot import assert_same, snapshot

LAB = """
networks:
  lab:
    mode: {mode}
    subnet: {subnet}
    ports: {{ web: {{ address: 10.20.0.7 }} }}
"""


@pytest.fixture(autouse=True)
def nothing_promotes(host):
    """As the kernel has it; systemd turns it on for every link."""
    host.run("sysctl", "-qw", "net.ipv4.conf.all.promote_secondaries=0", "net.ipv4.conf.default.promote_secondaries=0")


@pytest.mark.parametrize("mode", ["nat", "routed"])
@pytest.mark.parametrize("other", ["10.20.0.1/23", "10.20.0.1/25", "10.20.0.254/24", "10.20.1.1/23"])
def test_a_subnet_grows_and_shrinks_and_its_gateway_moves(tapnet, host, mode, other):
    before = snapshot(host)
    for subnet in ("10.20.0.1/24", other, "10.20.0.1/24"):
        file = tapnet.file(LAB.format(mode=mode, subnet=subnet), "lab.yaml")
        tapnet("up", file)
        assert tapnet("plan", file).stdout == "nothing to do\n"
        assert tapnet.status("lab")["subnets"][0] == subnet
    tapnet("down", "lab")
    assert_same(before, snapshot(host))


def test_one_of_several_addresses_goes_alone(tapnet, host):
    for addresses in (["192.168.3.1/24"], ["192.168.3.2/24", "192.168.3.3/24"], ["192.168.3.3/24"]):
        file = tapnet.file(f"devices: {{ tun1: {{ kind: tun, address: [{', '.join(addresses)}] }} }}\n", "tun.yaml")
        tapnet("up", file)
        shown = host.json("ip", "-j", "-4", "addr", "show", "dev", "tun1")[0]["addr_info"]
        assert [f"{each['local']}/{each['prefixlen']}" for each in shown] == addresses
        assert tapnet("plan", file).stdout == "nothing to do\n"
    tapnet("down", "tun")
