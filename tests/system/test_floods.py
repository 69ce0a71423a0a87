# SPDX-License-Identifier: MIT
"""One guest sends as much as it can; the other one's DHCP and DNS are served as before.

      host under test                                  outside
    +---------------------------------------------+  +-----------+
    | this test -- lab-web --+                    |  |           |
    |     both guests        +-- br-lab -- NAT -- eth0 -- DNS    |
    | this test -- lab-db  --+                    |  |           |
    +---------------------------------------------+  +-----------+
"""

import fcntl
import os
import select
import struct
import threading
import time

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether

from tapnet_test.service import in_netns

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web: { address: 10.20.0.6, mac: "52:54:00:00:00:06" }
      db: { address: 10.20.0.7, mac: "52:54:00:00:00:07" }
"""
GATEWAY = "10.20.0.1"


class TapGuest:
    """The other end of a TAP, frame by frame."""

    def __init__(self, host, device, mac, address):
        self.mac, self.address = mac, address
        self.fd = in_netns(host, lambda: self._open(device))
        self.gateway_mac = host.json("ip", "-j", "link", "show", "br-lab")[0]["address"]

    @staticmethod
    def _open(device):
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", device.encode(), 0x1002))  # TUNSETIFF: TAP, no PI
        return fd

    def discover(self):
        return bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src=self.mac) / IP(src="0.0.0.0", dst="255.255.255.255") /
                     UDP(sport=68, dport=67) / BOOTP(chaddr=bytes.fromhex(self.mac.replace(":", "")), xid=4711) /
                     DHCP(options=[("message-type", "discover"), "end"]))

    def query(self, number, name="outside.example"):
        return bytes(Ether(dst=self.gateway_mac, src=self.mac) / IP(src=self.address, dst=GATEWAY) /
                     UDP(sport=40000 + number % 1000, dport=53) / DNS(id=number, rd=1, qd=DNSQR(qname=name)))

    def send(self, frame):
        os.write(self.fd, frame)

    def frames(self, seconds):
        """What arrives in that time; ARP is answered."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                return
            frame = Ether(os.read(self.fd, 65535))
            if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == self.address:
                self.send(bytes(Ether(dst=frame.src, src=self.mac) / ARP(
                    op=2, hwsrc=self.mac, psrc=self.address, hwdst=frame.src, pdst=frame[ARP].psrc)))
            else:
                yield frame

    def offer(self, seconds=2):
        """The address that is offered to it, once it has asked."""
        self.send(self.discover())
        return next((frame[BOOTP].yiaddr for frame in self.frames(seconds) if BOOTP in frame), None)

    def answer(self, number, seconds=2):
        """The answer to one query."""
        self.send(self.query(number))
        return next((frame[DNS].an.rdata for frame in self.frames(seconds)
                     if DNS in frame and frame[DNS].id == number and frame[DNS].ancount), None)

    def close(self):
        os.close(self.fd)


class Flood:
    """Writes the frames over and over, as fast as one thread can, while it is entered; reads nothing."""

    def __init__(self, guest, frames):
        self.guest, self.frames, self.sent, self.over = guest, frames, 0, False
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.over:
            for frame in self.frames:
                self.guest.send(frame)
            self.sent += len(self.frames)

    def __enter__(self):
        self.thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()


@pytest.fixture
def guests(world, tapnet):
    tapnet("up", tapnet.file(LAB))
    made = [TapGuest(world.host, "lab-web", "52:54:00:00:00:06", "10.20.0.6"),
            TapGuest(world.host, "lab-db", "52:54:00:00:00:07", "10.20.0.7")]
    for guest in made:  # until the bridge's port is there
        wait_for(lambda guest=guest: guest.offer(0.3) == guest.address)
    yield made
    for guest in made:
        guest.close()
    tapnet("down", "--all")


def wait_for(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline


def counted(host, chain, comment):
    """Packets of the rule whose comment begins so."""
    listed = host.json("nft", "-j", "list", "chain", "bridge", "tapnet", chain)["nftables"]
    (rule,) = [entry["rule"] for entry in listed if entry.get("rule", {}).get("comment", "").startswith(comment)]
    return next(each["counter"]["packets"] for each in rule["expr"] if "counter" in each)


def test_a_flood_of_dhcp_requests(world, guests):
    web, db = guests
    with Flood(web, [web.discover()]) as flood:
        for _ in range(10):
            assert db.offer() == "10.20.0.7"
    assert flood.sent > 2000
    assert counted(world.host, "dhcp", "more DHCP requests") > flood.sent - 400
    time.sleep(2.1)  # what web may send flows back
    list(web.frames(0.1))
    assert web.offer() == "10.20.0.6"


def test_a_flood_of_dns_queries(world, guests):
    """The flooder answers no ARP either, so that what it is answered waits in the service's socket."""
    web, db = guests
    assert db.answer(1) == "192.0.2.1"
    start = time.monotonic()
    with Flood(web, [web.query(number) for number in range(500)]) as flood:
        for number in range(2, 32):
            assert db.answer(number) == "192.0.2.1"
    let_through = flood.sent - counted(world.host, "from_port_ip4", "more DNS queries")
    assert flood.sent > 5000
    assert 1000 <= let_through < 1000 + 550 * (time.monotonic() - start)


def test_down_takes_what_the_kernel_remembers_of_ports(world, guests, tapnet):
    kept = world.host.run("nft", "list", "set", "bridge", "tapnet", "dhcp_rate").stdout
    assert "lab-web" in kept and "lab-db" in kept
    assert tapnet("plan", tapnet.file(LAB)).returncode == 0  # which is no difference
    tapnet("down", "--all")
    assert world.host.run("nft", "list", "ruleset").stdout == ""
