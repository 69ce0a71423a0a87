# SPDX-License-Identifier: MIT
"""Guests keep talking beside ufw, firewalld and Docker, whatever these do, and nothing of ours is left with them.

      guest              host under test                            outside
    +-------+          +------------------------------------+     +------------------+
    |  web  +-- TAP ---+ lab-web -- br-lab -- NAT -- eth0 ---+-----+  192.0.2.1:80    |
    +-------+          |   keeper    ufw, firewalld, dockerd |     |                  |
                       +------------------------------------+     +------------------+

The programs run in the test's own network and mount namespace, with an /etc of its own.
"""

from contextlib import contextmanager

import pytest
from ip6_lab import Guest
from tapnet_test.build import Tapnet
from tapnet_test.firewalls import dockerd, need, start_firewalld
from tapnet_test.nsguest import NamespaceGuest
from tapnet_test.rights import need_all_users
from tapnet_test.serving import serve
from tapnet_test.waiting import wait_for
from tapnet_test.world import OUTSIDE_ADDRESS
from tapnet_test.world6 import FAR, add_ipv6

LAB = """
networks: { lab: { subnet: 10.20.0.1/24, subnet6: "fd00:20::1/64", ports: { web: { address: 10.20.0.7 } } } }
coexist: on
"""


@pytest.fixture
def tapnet(host, world):
    need_all_users()
    return Tapnet(host, keeper=True)


def rules(host):
    """All rules of others, without what was counted."""
    lines = host.run("nft", "-s", "list", "ruleset").stdout.splitlines()
    return [line for line in lines if "tapnet" not in line]


def ours(host):
    return [line for line in host.run("nft", "-s", "list", "ruleset").stdout.splitlines()
            if 'comment "tapnet:lab/lab"' in line]


def places(host):
    """The chains that have a passage."""
    found, chain = set(), None
    for line in host.run("nft", "-s", "list", "ruleset").stdout.splitlines():
        words = line.split()
        chain = words[1] if words[:1] == ["chain"] else chain
        if 'comment "tapnet:lab/lab"' in line:
            found.add(chain)
    return found


# Of IPv6 without a way out what is for the host alone; and with br_netfilter frames from port to port.
UFW_PLACES = [{"ufw-user-input", "ufw-user-forward", "ufw6-user-input"},
              {"ufw-user-input", "ufw-user-forward", "ufw6-user-input", "ufw6-user-forward"}]


def reaches(guest, *argv):
    return guest.netns.run(*argv, check=False).returncode == 0


@contextmanager
def a_guest_keeps_talking(tapnet, host):
    """Up, while others do what they do, and until down: less than a second passes without an answer."""
    tapnet("up", tapnet.file(LAB))
    port, = tapnet.status("lab")["ports"]
    guest = NamespaceGuest(host, port)
    guest.netns.run("ip", "route", "replace", "default", "via", "10.20.0.1")
    assert reaches(guest, "curl", "-sS", "-m2", f"http://{OUTSIDE_ADDRESS}/")
    assert reaches(guest, "dig", "+time=2", "+tries=2", "@10.20.0.1", "web.lab")
    log = guest.netns.tmp / "pings"
    with log.open("w", encoding="utf-8") as file:
        guest.netns.popen("ping", "-D", "-i0.05", "-W1", OUTSIDE_ADDRESS, stdout=file)

    def heard():
        return [float(line[1:line.index("]")]) for line in log.read_text("utf-8").splitlines() if "time=" in line]

    try:
        wait_for(heard)
        yield
        wait_for(lambda: reaches(guest, "curl", "-sS", "-m2", f"http://{OUTSIDE_ADDRESS}/") and ours(host))
        answers = len(heard())
        wait_for(lambda: len(heard()) > answers)
        assert max(later - before for before, later in zip(heard(), heard()[1:])) < 1
    finally:
        guest.close()
    tapnet("down", "--all")
    assert not ours(host)


def test_ufw(tapnet, host):
    """Ours stand in the chains that ufw keeps for what a user allows, behind its own checks of what makes no sense."""
    need("ufw")
    host.run("sh", "-ec", "ufw --force enable; ufw reload", timeout=60)
    before = rules(host)
    with a_guest_keeps_talking(tapnet, host):
        assert places(host) in UFW_PLACES
        host.run("ufw", "reload", timeout=60)
        wait_for(lambda: places(host) in UFW_PLACES)
    assert rules(host) == before


def test_ufw_that_drops_before_it_asks_the_user(tapnet, host):
    """What an administrator drops ahead of ufw's own chains is no check that makes no sense: ours stands before it."""
    need("ufw")
    host.run("ufw", "--force", "enable", timeout=60)
    host.run("iptables-nft", "-I", "FORWARD", "-o", "eth0", "-j", "DROP")
    before = rules(host)
    with a_guest_keeps_talking(tapnet, host):
        assert places(host) >= {"ufw-user-input", "FORWARD"}
    assert rules(host) == before


def test_ufw_by_ipv6(tapnet, host, world):
    """Its rules of IPv6 are another set, with chains of their own for what a user allows."""
    need("ufw")
    add_ipv6(world)
    serve(world.outside, FAR)
    host.run("sh", "-ec", "ufw --force enable; ufw reload", timeout=60)
    before = rules(host)
    tapnet("up", tapnet.file(LAB))
    port, = tapnet.status("lab")["ports"]
    guest = Guest(host, port).up(next(address for address in port["addresses"] if ":" in address))
    page, name = ("curl", "-sS", "-m2", f"http://[{FAR}]/"), ("dig", "+time=2", "+tries=2", "@fd00:20::1", "web.lab")
    try:
        assert reaches(guest, *page) and reaches(guest, *name)
        for chain in ("ufw6-user-forward", "ufw6-user-input"):
            assert "tapnet:lab/lab" in host.run("nft", "list", "chain", "ip6", "filter", chain).stdout
        host.run("ufw", "reload", timeout=60)
        wait_for(lambda: reaches(guest, *page) and reaches(guest, *name))
    finally:
        guest.close()
    tapnet("down", "--all")
    assert not ours(host) and rules(host) == before


def test_firewalld(tapnet, host):
    start_firewalld(host)
    before = rules(host)
    with a_guest_keeps_talking(tapnet, host):
        host.run("firewall-cmd", "--reload", timeout=60)
    assert rules(host) == before


def test_docker(tapnet, host):
    """It ends and starts anew, as with an update of its package, and has its chains in another order each time."""
    for _ in range(2):
        with dockerd(host):
            pass
    before = sorted(rules(host))
    with a_guest_keeps_talking(tapnet, host), dockerd(host):
        pass
    assert sorted(rules(host)) == before
