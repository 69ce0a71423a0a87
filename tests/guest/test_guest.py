# SPDX-License-Identifier: MIT
"""The guests themselves, on a network made by hand: what they tell must be true before it can judge tapnet.

      host
    +----------------------------------------+
    | guest one --- t1 --+                   |
    |                    +-- br0 10.77.0.1   |   dnsmasq: DHCP and DNS
    | guest two --- t2 --+                   |
    +----------------------------------------+
"""

import subprocess

import pytest

from tapnet_test.guest import Guest, GuestError


@pytest.fixture
def lan(host):
    host.run("sh", "-ec", """
        ip link add br0 type bridge
        ip addr add 10.77.0.1/24 dev br0
        ip link set br0 up
        for tap in t1 t2; do ip tuntap add $tap mode tap; ip link set $tap master br0 up; done""")
    host.popen("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-ping", "--no-resolv", "--no-hosts",
               "--interface=br0", f"--dhcp-leasefile={host.tmp}/leases", "--dhcp-range=10.77.0.10,10.77.0.50",
               "--domain=hand.example",
               "--dhcp-option=121,10.99.0.0/16,10.77.0.9,0.0.0.0/0,10.77.0.1", "--dhcp-option=26,1400",
               stderr=subprocess.DEVNULL)
    return host


def test_a_guest_tells_what_happens_in_it(lan):
    with Guest(lan, "t1", "one", mac="52:54:00:00:00:01") as guest:
        assert guest.sh("echo hello; echo wörld >&2; exit 7") == (7, "hello\nwörld\n")
        assert guest.sh("head -c 100000 /dev/zero | tr '\\0' x").output == "x" * 100000
        assert guest.out("cat /sys/class/net/eth0/address") == "52:54:00:00:00:01"
        assert guest.out("hostname") == "one"
        with pytest.raises(GuestError, match="exit 1"):
            guest.out("false")


def test_a_lease_sets_everything_in_the_guest(lan):
    with Guest(lan, "t1", "one") as guest:
        lease = guest.wait_for_lease()
        assert lease["event"] == "bound" and lease["serverid"] == "10.77.0.1"
        assert f"inet {lease['ip']}/24" in guest.out("ip address show eth0")
        assert "mtu 1400" in guest.out("ip link show eth0")
        assert guest.out("cat /etc/resolv.conf") == "search hand.example\nnameserver 10.77.0.1"
        routes = guest.out("ip route")
        assert "10.99.0.0/16 via 10.77.0.9" in routes and "default via 10.77.0.1" in routes
        assert f"Address: {lease['ip']}" in guest.out("nslookup -type=a one.hand.example")


def test_two_guests_boot_side_by_side(lan):
    macs = "52:54:00:00:00:01", "52:54:00:00:00:02"
    with Guest(lan, "t1", "one", mac=macs[0]) as one, Guest(lan, "t2", "two", mac=macs[1]) as two:
        address = two.wait_for_lease()["ip"]
        one.wait_for_lease()
        one.out(f"ping -c 1 -W 2 {address}")


def test_a_guest_that_cannot_start_says_why(lan):
    with Guest(lan, "t1", "one") as first:
        first.wait_ready()
        with Guest(lan, "t1", "second") as second, pytest.raises(GuestError, match="busy"):
            second.wait_ready()
