# SPDX-License-Identifier: MIT
"""Whose MAC a guest may use, from the file to the bridge: its port's, another's that the file names, or any.

      host under test                            outside
    +--------------------------------------+   +-----------+
    | this test -- lab-web --+             |   |           |
    |                        +-- br-lab -- eth0 -- DNS     |
    | this test -- lab-db  --+  10.20.0.1  |   |           |
    +--------------------------------------+   +-----------+
"""

import fcntl
import os
import platform
import re
import select
import struct
import time

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Ether

from tapnet_test.service import in_netns
from tapnet_test.snapshot import assert_same, snapshot

GATEWAY, WEB, DB = "10.20.0.1", "10.20.0.6", "10.20.0.7"
OWN, STRANGE = "52:54:00:00:00:06", "52:54:00:99:99:99"
BROADCAST = "ff:ff:ff:ff:ff:ff"
MACS_MAX = 8192  # that a bridge learns


def lab(web):
    """The file, with these options of port web."""
    return (f"networks:\n  lab:\n    subnet: {GATEWAY}/24\n    ports:\n      web: {{ address: {WEB}, {web} }}\n"
            f"      db: {{ address: {DB}, mac: '52:54:00:00:00:07' }}\n")


class Guest:
    """The other end of lab-web, with any MAC."""

    def __init__(self, host):
        self.host, self.fd = host, in_netns(host, self._open)

    @staticmethod
    def _open():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", b"lab-web", 0x1002))  # TUNSETIFF: TAP, no PI
        return fd

    def send(self, frame):
        os.write(self.fd, bytes(frame))

    def hears(self, wanted, seconds=0.5):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0] and wanted(Ether(os.read(self.fd, 65535))):
                return True
        return False

    def finds_the_gateway(self, mac):
        self.send(Ether(src=mac, dst=BROADCAST) / ARP(op=1, hwsrc=mac, psrc=WEB, pdst=GATEWAY))
        return self.hears(lambda frame: ARP in frame and frame[ARP].op == 2 and frame.dst == mac)

    def is_offered_an_address(self, mac):
        self.send(Ether(src=mac, dst=BROADCAST) / IP(src="0.0.0.0", dst="255.255.255.255") /
                  UDP(sport=68, dport=67) / BOOTP(chaddr=bytes.fromhex(mac.replace(":", "")), xid=4711) /
                  DHCP(options=[("message-type", "discover"), "end"]))
        return self.hears(lambda frame: BOOTP in frame and frame[BOOTP].yiaddr == WEB, 2)

    def is_served(self, mac):
        found, offered = self.finds_the_gateway(mac), self.is_offered_an_address(mac)
        assert found == offered, (found, offered)
        return found

    def learnt(self):
        """MACs that the bridge has learnt behind the port."""
        entries = self.host.json("bridge", "-j", "fdb", "show", "brport", "lab-web")
        return [entry["mac"] for entry in entries if entry.get("state") != "permanent"]


@pytest.fixture
def guest(world, tapnet):
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    tapnet("up", tapnet.file(lab(f"mac: '{OWN}'")))
    made = Guest(world.host)
    deadline = time.monotonic() + 10
    while not made.finds_the_gateway(OWN):  # until the bridge's port is there
        assert time.monotonic() < deadline
    yield made
    os.close(made.fd)
    tapnet("down", "--all")
    assert_same(before, snapshot(world.host, run_dir=tapnet.run_dir))


def test_the_ports_mac_is_served_and_no_other(guest):
    assert guest.is_served(OWN)
    for mac in STRANGE, "52:54:00:00:00:07":
        assert not guest.is_served(mac)


def test_another_mac_in_the_file_is_the_guests_at_once(guest, tapnet):
    changed = tapnet("up", tapnet.file(lab(f"mac: '{STRANGE}'"))).stdout
    assert "lab is up" in changed
    assert guest.is_served(STRANGE)
    assert not guest.is_served(OWN)
    assert tapnet("status").returncode == 0


def test_a_port_may_be_told_to_take_any_mac_and_to_take_them_no_more(guest, tapnet):
    free = tapnet.file(lab(f"mac: '{OWN}', mac_spoofing: true"))
    told = tapnet("plan", free, check=False).stdout
    assert "+ element any_mac_ports { lab-web }" in told
    assert f"- element port_macs {{ lab-web . {OWN} }}" in told
    tapnet("up", free)
    assert guest.is_served(OWN) and guest.is_served(STRANGE)
    assert tapnet("status").returncode == 0
    tapnet("up", tapnet.file(lab(f"mac: '{OWN}'")))
    assert guest.is_served(OWN) and not guest.is_served(STRANGE)


def flood(guest, count):
    """Frames from so many MACs, with what else a guest may say."""
    for number in range(count):
        mac = f"52:54:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        packet6 = IPv6(src="fe80::a:b:c:6", dst="fe80::a:b:c:7") / ICMPv6EchoRequest()
        inner = IP(src=WEB, dst=DB) / ICMP() if number % 2 else packet6
        guest.send(Ether(src=mac, dst="52:54:00:00:00:07") / inner)


def test_the_forwarding_database_holds_one_mac_of_a_port(guest):
    flood(guest, 2000)
    assert guest.learnt() == [OWN]


def test_any_mac_is_not_any_number_of_macs(guest, tapnet):
    version = tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])
    if version < (6, 7):
        pytest.skip("a bridge has no limit to what it learns before Linux 6.7")
    tapnet("up", tapnet.file(lab(f"mac: '{OWN}', mac_spoofing: true")))
    flood(guest, MACS_MAX + 1000)
    assert MACS_MAX - 10 < len(guest.learnt()) <= MACS_MAX
