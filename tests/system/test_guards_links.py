# SPDX-License-Identifier: MIT
"""What no rule sees: frames that a guest sends to its own link alone, and what the host says of itself by ARP.

      host under test                                   outside
    +---------------------------------------------+   +-----------+
    | this test -- lab-web --+          192.0.2.2 |   |           |
    |                        +-- br-lab -- NAT -- eth0 -- DNS     |
    | this test -- lab-db  --+  10.20.0.1         |   |           |
    | this test -- cell-a ----- br-cell           |   |           |
    +---------------------------------------------+   +-----------+

A bridge takes frames to 01:80:c2:00:00:00 to 0f (IEEE 802.1D, "bridge group addresses") for itself, and hands some of
them to the IP stack of the port that they came in by, past the bridge table's rules.
"""

import fcntl
import os
import select
import socket
import struct
import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from tapnet_test.build import Tapnet
from tapnet_test.service import in_netns
from tapnet_test.world import World

MACS = {"lab-web": "52:54:00:00:00:06", "lab-db": "52:54:00:00:00:07", "cell-a": "52:54:00:00:00:08"}
ADDRESSES = {"lab-web": "10.20.0.6", "lab-db": "10.20.0.7", "cell-a": "10.30.0.6"}
LAB = f"""
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web: {{ address: 10.20.0.6, mac: "{MACS['lab-web']}" }}
      db: {{ address: 10.20.0.7, mac: "{MACS['lab-db']}" }}
  cell:
    mode: isolated
    subnet: 10.30.0.1/24
    ports: {{ a: {{ address: 10.30.0.6, mac: "{MACS['cell-a']}" }} }}
"""
BROADCAST = "ff:ff:ff:ff:ff:ff"
GROUP = [f"01:80:c2:00:00:{last:02x}" for last in range(16)]


class Guest:
    """The other end of a TAP, frame by frame."""

    def __init__(self, host, device):
        self.device, self.mac, self.address = device, MACS[device], ADDRESSES[device]
        self.fd = in_netns(host, self._open)

    def _open(self):
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", self.device.encode(), 0x1002))  # TUNSETIFF: TAP, no PI
        return fd

    def send(self, frame):
        os.write(self.fd, bytes(frame))

    def receive(self, wanted, seconds=0.4):
        """The first frame that wanted() takes; None when none came in time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                return None
            frame = Ether(os.read(self.fd, 65535))
            if wanted(frame):
                return frame
        return None

    def arp(self, target, destination=BROADCAST, **fields):
        """Who has @target?"""
        sender = {"hwsrc": self.mac, "psrc": self.address, **fields}
        return Ether(dst=destination, src=self.mac) / ARP(op=1, pdst=target, **sender)

    def is_answered(self, target, destination=BROADCAST):
        """Does the host say that @target is at a MAC of its own?"""
        self.send(self.arp(target, destination))
        return self.receive(lambda frame: ARP in frame and frame[ARP].op == 2 and frame[ARP].psrc == target)

    def close(self):
        os.close(self.fd)


@pytest.fixture(scope="module")
def world():
    with World() as made:
        yield made


@pytest.fixture(scope="module")
def guests(world):
    """Both networks are up, and a guest holds each port."""
    tapnet = Tapnet(world.host)
    tapnet("up", tapnet.file(LAB))
    made = {device: Guest(world.host, device) for device in MACS}
    yield made
    for guest in made.values():
        guest.close()
    tapnet("down", "--all")


@pytest.fixture
def lab(world, guests):
    """The guests, once their ports forward; the host knows no neighbours."""
    deadline = time.monotonic() + 10
    while not guests["lab-web"].is_answered("10.20.0.1"):
        assert time.monotonic() < deadline
    world.host.run("ip", "neigh", "flush", "all")
    return guests


def neighbours(host):
    """The host's neighbours behind ports of ours: (device, address)."""
    return {(entry["dev"], entry["dst"]) for entry in host.json("ip", "-j", "-4", "neigh", "show") if
            entry["dev"] != "eth0"}


def learnt(host, device):
    """MACs that the bridge has learnt behind a device."""
    return {entry["mac"] for entry in host.json("bridge", "-j", "fdb", "show", "brport", device)
            if entry.get("state") != "permanent" and "self" not in entry.get("flags", [])}


@pytest.mark.parametrize("group", GROUP)
def test_arp_to_the_link_alone_is_not_heard_by_the_host(world, lab, group):
    """Neither does the host answer, nor does the guest fill its table of neighbours, under addresses of its choice."""
    web = lab["lab-web"]
    for number in range(40):
        web.send(web.arp("192.0.2.2", group, psrc=f"192.0.2.{100 + number}"))
        web.send(web.arp("10.20.0.1", group, psrc=f"10.20.0.{100 + number}"))
    assert not web.is_answered("192.0.2.2", group)
    assert not [address for _, address in neighbours(world.host) if address != "10.20.0.6"]
    assert {device for device, _ in neighbours(world.host)} <= {"br-lab"}


@pytest.mark.parametrize("group", GROUP)
def test_frames_to_the_link_alone_teach_the_bridge_nothing(world, lab, group):
    web = lab["lab-web"]
    for number in range(40):
        frame = Ether(dst=group, src=f"52:54:00:99:00:{number:02x}", type=0x88CC) / Raw(b"LLDP or so")
        web.send(frame)
    assert learnt(world.host, "lab-web") <= {web.mac}


@pytest.mark.parametrize("group", GROUP)
def test_frames_to_the_link_alone_reach_no_program_of_the_host(world, lab, group):
    """What arrives for the address of the uplink, by the port or by the bridge."""
    def listen():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("", 30000))
        server.settimeout(0.2)
        return server

    with in_netns(world.host, listen) as server:
        web = lab["lab-web"]
        web.send(Ether(dst=group, src=web.mac) / IP(src=web.address, dst="192.0.2.2") / UDP(dport=30000) / Raw(b"hi"))
        with pytest.raises(TimeoutError):
            server.recv(100)


def test_ports_answer_no_arp_when_they_are_pulled_out(world, lab):
    world.host.run("ip", "link", "set", "lab-web", "nomaster")
    try:
        assert not lab["lab-web"].is_answered("192.0.2.2")
        assert not neighbours(world.host)
    finally:
        world.host.run("ip", "link", "set", "lab-web", "master", "br-lab")


@pytest.mark.parametrize("device,target", [("lab-web", "192.0.2.2"), ("lab-web", "127.0.0.1"),
                                           ("cell-a", "192.0.2.2"), ("cell-a", "10.20.0.1")])
def test_the_host_answers_for_the_gateway_and_for_no_other_address_of_its_own(lab, device, target):
    assert lab["lab-web"].is_answered("10.20.0.1")
    assert not lab[device].is_answered(target)


def test_an_isolated_network_hears_no_arp_of_the_host(world, lab):
    cell = lab["cell-a"]
    for target in ("10.20.0.1", "192.0.2.2", "10.30.0.1"):
        assert not cell.is_answered(target)
    assert not [device for device, _ in neighbours(world.host) if device == "br-cell"]
