# SPDX-License-Identifier: MIT
"""A network goes with the host's default route, unless its file names an uplink.

      host under test                                   outside
    +-------------------------------------------+     +---------------+
    |  lab-web --- br-lab 10.20.0.1/24          |     |               |
    |                 |     eth0 192.0.2.2/24 --+-----+-- 192.0.2.1   |
    |                NAT                        |     |               |
    |                 |     eth1 203.0.113.2/24-+-----+-- 203.0.113.1 |
    +-------------------------------------------+     +---------------+
"""

import time

import pytest
from tapnet_test.build import Tapnet
from tapnet_test.netns import join
from tapnet_test.snapshot import assert_same, snapshot

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {} } } }\n"


@pytest.fixture
def two_uplinks(world):
    join(world.host, "eth1", world.outside, "out1")
    world.host.run("ip", "address", "add", "203.0.113.2/24", "dev", "eth1")
    world.outside.run("ip", "address", "add", "203.0.113.1/24", "dev", "out1")
    return world


@pytest.fixture(params=["with a keeper", "by up"])
def mend(request, two_uplinks, host):
    """Has the lab up; returns what waits until all is mended, or mends it."""
    tapnet = Tapnet(host, keeper=request.param == "with a keeper")

    def wait():
        deadline = time.monotonic() + 1
        while tapnet("status", check=False).returncode:
            assert time.monotonic() < deadline, tapnet("status", check=False).stdout

    def up():
        assert tapnet("status", check=False).returncode == 1
        tapnet("up", mend.file)
        wait()

    def mend():
        time.sleep(0.05)
        (wait if request.param == "with a keeper" else up)()

    mend.tapnet, mend.file = tapnet, tapnet.file(LAB)
    tapnet("up", mend.file)
    yield mend
    tapnet("down", "--all", check=False)


def forwarding(host, device):
    return host.run("sysctl", "-n", f"net.ipv4.conf.{device}.forwarding").stdout.strip()


def elements(host, name):
    listed = host.json("nft", "-j", "list", "set", "inet", "tapnet", name)["nftables"][1]["set"].get("elem", [])
    return sorted(str(element.get("elem", {}).get("val", element)) if isinstance(element, dict) else element
                  for element in listed)


def test_it_follows_the_default_route_and_leaves_the_old_uplink_as_it_was(mend, host):
    assert (forwarding(host, "eth0"), forwarding(host, "eth1")) == ("1", "0")
    host.run("ip", "route", "replace", "default", "via", "203.0.113.1")
    mend()
    assert (forwarding(host, "eth0"), forwarding(host, "eth1")) == ("0", "1")
    assert mend.tapnet.status("lab")["uplink"] == "eth1"
    assert elements(host, "closed") == ["eth1"]
    for name in ("egress", "paths"):
        assert "eth1" in str(elements(host, name)) and "eth0" not in str(elements(host, name))
    host.run("ip", "route", "replace", "default", "via", "192.0.2.1")
    mend()
    assert mend.tapnet.status("lab")["uplink"] == "eth0"
    assert "nothing to do" in mend.tapnet("plan", mend.file).stdout


def test_it_follows_the_uplinks_mtu(mend, host):
    host.run("ip", "link", "set", "eth0", "mtu", "1400")
    mend()
    for device in ("br-lab", "lab-web"):
        assert host.json("ip", "-j", "link", "show", device)[0]["mtu"] == 1400
    host.run("ip", "link", "set", "eth0", "mtu", "1500")
    mend()
    assert host.json("ip", "-j", "link", "show", "lab-web")[0]["mtu"] == 1500


def test_an_uplink_that_went_and_came_back_forwards_again(mend, two_uplinks, host):
    host.run("ip", "link", "del", "eth0")
    time.sleep(0.05)  # nothing can be done now, and nothing else may be touched for it
    assert mend.tapnet.json_of_status()["problems"] == []
    join(host, "eth0", two_uplinks.outside, "out0")
    host.run("ip", "address", "add", "192.0.2.2/24", "dev", "eth0")
    host.run("ip", "route", "add", "default", "via", "192.0.2.1")
    mend()
    assert forwarding(host, "eth0") == "1"


def test_an_uplink_that_the_file_names_stays(two_uplinks, host):
    before = snapshot(host)
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB.replace("ports", "uplink: eth0, ports")))
    host.run("ip", "route", "replace", "default", "via", "203.0.113.1")
    time.sleep(0.2)
    assert tapnet("status").returncode == 0
    assert tapnet.status("lab")["uplink"] == "eth0"
    host.run("ip", "route", "replace", "default", "via", "192.0.2.1")
    tapnet("down", "--all")
    assert_same(before, snapshot(host))
