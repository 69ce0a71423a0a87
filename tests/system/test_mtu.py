# SPDX-License-Identifier: MIT
"""The MTU: that of the uplink, also when it changes; guests are told; who does not listen is helped.

      host under test                       outside                  far
    +-----------------------------------+  +-----------------+     +-------------------+
    | guest ── lab-web ── … ── eth0 1400 ── out0   out1 1300 ────── eth0  203.0.113.2  |
    +-----------------------------------+  +-----------------+     +-------------------+
"""

import os

import pytest
from scapy.layers.dhcp import DHCP

from tap_guest import Guest
from tapnet_test.build import Tapnet
from tapnet_test.listener import segment_size
from tapnet_test.netns import join
from tapnet_test.nsguest import NamespaceGuest
from tapnet_test.service import in_netns
from tapnet_test.waiting import wait_for

LAB = "networks: {{ lab: {{ mode: {mode}, subnet: 10.20.0.1/24{more}, ports: {{ web: {{}} }} }} }}\n"
FAR = "203.0.113.2"


def set_uplink(world, mtu):
    world.outside.run("ip", "link", "set", "out0", "mtu", mtu)
    world.host.run("ip", "link", "set", "eth0", "mtu", mtu)


@pytest.fixture
def far(world, make_netns):
    """Somebody behind a link that takes less than the uplink; the uplink takes 1400."""
    far = make_netns("far")
    join(world.outside, "out1", far, "eth0")
    for netns, device, address in ((world.outside, "out1", "203.0.113.1"), (far, "eth0", FAR)):
        netns.run("ip", "link", "set", device, "mtu", "1300")
        netns.run("ip", "address", "add", f"{address}/24", "dev", device)
    far.run("ip", "route", "add", "default", "via", "203.0.113.1")
    world.outside.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    world.outside.run("ip", "route", "add", "10.20.0.0/24", "via", "192.0.2.2")
    set_uplink(world, 1400)
    return far


@pytest.fixture
def guest(tapnet, host, far):
    """Plugs a guest in, with an address by hand and an MTU of 1500, whatever DHCP would say."""
    made = []

    def plug(mode):
        tapnet("up", tapnet.file(LAB.format(mode=mode, more="")))
        made.append(NamespaceGuest(host, tapnet.status("lab")["ports"][0]))
        made[0].netns.run("ip", "route", "add", "default", "via", "10.20.0.1")
        return made[0].netns

    yield plug
    for each in made:
        each.close()


def mtus(host):
    return {link["ifname"]: link["mtu"] for link in host.json("ip", "-j", "link") if link.get("group") != "default"}


def told(tapnet, host):
    """The MTU that DHCP tells a guest on lab-web."""
    guest = in_netns(host, lambda: Guest("lab-web", tapnet.status("lab")["ports"][0]["mac"]))
    try:
        wait_for(lambda: guest.offer(0.5), 5)  # a port of the bridge is there when the kernel has told of its carrier
        offers = guest.discover()
    finally:
        os.close(guest.fd)
    return dict(option for option in offers[0][DHCP].options if len(option) == 2)["interface-mtu"]


@pytest.mark.parametrize("mode", ["nat", "routed"])
def test_it_is_the_uplinks(tapnet, host, far, mode):
    tapnet("up", tapnet.file(LAB.format(mode=mode, more="")))
    assert set(mtus(host).values()) == {1400}
    assert told(tapnet, host) == 1400
    tapnet("up", tapnet.file(LAB.format(mode=mode, more=", mtu: 1280")))
    assert set(mtus(host).values()) == {1280} and told(tapnet, host) == 1280, "the file goes first"


@pytest.mark.parametrize("mode", ["nat", "routed"])
def test_it_follows_the_uplink(host, world, far, mode):
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB.format(mode=mode, more="")))
    for mtu in (1450, 1300, 1500):
        set_uplink(world, mtu)
        wait_for(lambda mtu=mtu: set(mtus(host).values()) == {mtu} and not tapnet("status", check=False).returncode, 5,
                 lambda mtu=mtu: (mtu, mtus(host)))
        assert told(tapnet, host) == mtu
    tapnet("down", "--all")


@pytest.mark.parametrize("mode", ["nat", "routed"])
def test_large_segments_are_not_even_asked_for(world, far, guest, mode):
    """Neither side of a connection learns what the way between them takes: the host tells them when it begins."""
    netns = guest(mode)
    assert segment_size(world.outside, "out0", netns, "192.0.2.1") == 1400 - 40
    assert netns.run("curl", "-sm5", "http://192.0.2.1/").stdout


@pytest.mark.parametrize("mode", ["nat", "routed"])
def test_a_smaller_way_behind_the_uplink_is_told(far, guest, mode):
    netns = guest(mode)
    netns.run("ip", "link", "set", "eth0", "mtu", "1400")
    answer = netns.run("ping", "-M", "do", "-c", "2", "-W", "2", "-s", "1350", FAR, check=False)
    assert "mtu = 1300" in answer.stdout or "mtu=1300" in answer.stdout + answer.stderr, answer.stdout
    assert "mtu 1300" in netns.run("ip", "route", "get", FAR).stdout
