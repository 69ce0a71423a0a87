# SPDX-License-Identifier: MIT
"""What a port may have: rates in both directions, connections, frames to groups; given, changed and taken away live.

      host under test                                outside
    +------------------------------------------+   +------------------------+
    | this test -- lab-web --+                 |   |                        |
    | plays both             +-- br-lab -- NAT -- eth0 -- 192.0.2.1 (UDP)   |
    | guests    -- lab-db  --+  10.20.0.1      |   |                        |
    +------------------------------------------+   +------------------------+

Guests are descriptors of TAPs, so they send as fast as this test writes, and nothing slows them down but the limit.
In mode routed there is no bridge: each TAP has the gateway's address, and nothing is masqueraded.
"""

import os
import select
import socket
import threading
import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Ether
from tap_guest import Guest
from tapnet_test.build import Tapnet
from tapnet_test.service import in_netns
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.world import OUTSIDE_ADDRESS
from tapnet_test.waiting import wait_for

GATEWAY, WEB, DB = "10.20.0.1", "10.20.0.6", "10.20.0.7"
WEB_MAC, DB_MAC, BROADCAST = "52:54:00:00:00:06", "52:54:00:00:00:07", "ff:ff:ff:ff:ff:ff"


def lab(web="", mac=f"mac: '{WEB_MAC}'", network="", mode="nat"):
    """The file, with these limits of port web, and of the network."""
    return (f"networks:\n  lab:\n    mode: {mode}\n    subnet: {GATEWAY}/24\n    limit: {{ {network} }}\n    ports:\n"
            f"      web: {{ address: {WEB}, {mac}, limit: {{ {web} }} }}\n"
            f"      db: {{ address: {DB}, mac: '{DB_MAC}' }}\n")


class Lab:
    def __init__(self, world, mode):
        self.host, self.outside, self.tapnet, self.guests = world.host, world.outside, Tapnet(world.host), []
        self.mode = mode
        self.outside.run("ip", "route", "add", "10.20.0.0/24", "via", "192.0.2.2")

    def file(self, **file):
        return self.tapnet.file(lab(mode=self.mode, **file))

    def up(self, **file):
        self.tapnet("up", self.file(**file))

    def device(self, guest):
        """Where the host meets it."""
        return "br-lab" if self.mode == "nat" else "lab-web" if guest.address == WEB else "lab-db"

    def plug(self):
        """Both guests, once both reach the gateway."""
        for port, mac, address in (("web", WEB_MAC, WEB), ("db", DB_MAC, DB)):
            guest = in_netns(self.host, lambda: Guest(f"lab-{port}", mac, address, GATEWAY))
            wait_for(lambda guest=guest: finds_the_gateway(guest))
            self.guests.append(guest)
        return self.guests

    def port(self, name="web"):
        network = self.tapnet.status("lab")
        return next(port for port in network["ports"] if port["name"] == name)


@pytest.fixture
def made(world, request):
    before = snapshot(world.host)
    lab_made = Lab(world, getattr(request, "param", "nat"))
    yield lab_made
    for guest in lab_made.guests:
        os.close(guest.fd)
    lab_made.tapnet("down", "--all")
    assert_same(before, snapshot(world.host))


in_both_modes = pytest.mark.parametrize("made", ["nat", "routed"], indirect=True)


def finds_the_gateway(guest):
    guest.send(Ether(src=guest.mac, dst=BROADCAST) / ARP(op=1, hwsrc=guest.mac, psrc=guest.address, pdst=GATEWAY))
    for frame in guest.receive(0.3):
        if ARP in frame and frame[ARP].op == 2:
            guest.gateway_mac = frame[ARP].hwsrc
            return True
    return False


def drain(guest):
    """What waits at the guest: how many frames, and their bytes."""
    count = size = 0
    while select.select([guest.fd], [], [], 0)[0]:
        size += len(os.read(guest.fd, 65536))
        count += 1
    return count, size


# ---- frames to groups ----

GROUP_FRAMES = {
    "broadcast": bytes(Ether(src=WEB_MAC, dst=BROADCAST) / IP(src=WEB, dst="10.20.0.255") / UDP(dport=9999)),
    "IPv6 multicast": bytes(Ether(src=WEB_MAC, dst="33:33:00:00:00:01") / IPv6(src="fe80::a:b:c:6", dst="ff02::1") /
                            ICMPv6EchoRequest()),
}


def storm(sender, listener, frame, count):
    """Sends it so often; how many arrive at @listener, and how long that took."""
    drain(listener)
    start, arrived = time.monotonic(), 0
    for number in range(count):
        os.write(sender.fd, frame)
        if number % 100 == 0:
            arrived += drain(listener)[0]
    seconds = time.monotonic() - start
    time.sleep(0.05)
    return arrived + drain(listener)[0], seconds


@pytest.mark.parametrize("kind", GROUP_FRAMES)
def test_a_storm_ends_at_its_port(made, kind):
    made.up(web="broadcast: 200")
    web, db = made.plug()
    time.sleep(1.1)  # a full bucket
    arrived, seconds = storm(web, db, GROUP_FRAMES[kind], 5000)
    assert 190 <= arrived <= 200 + 220 * seconds + 20
    assert made.port()["blocked"] >= 5000 - arrived - 5
    assert finds_the_gateway(db)
    time.sleep(0.2)
    assert finds_the_gateway(web)


def test_storms_end_without_a_word_in_the_file(made):
    made.up()
    assert made.port()["limit"]["broadcast"] == 1000
    web, db = made.plug()
    arrived, seconds = storm(web, db, GROUP_FRAMES["broadcast"], 20000)
    assert 900 <= arrived <= 1000 + 1100 * seconds + 50


def test_a_file_may_let_them_pass(made):
    made.up(web="broadcast: 0")
    web, db = made.plug()
    arrived, _seconds = storm(web, db, GROUP_FRAMES["broadcast"], 5000)
    assert arrived > 4500


# ---- connections ----

def open_connections(made, guest, ports):
    """Sends a datagram from each port to the outside; from how many one arrived there."""
    receiver = in_netns(made.outside, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    receiver.bind((OUTSIDE_ADDRESS, 9999))
    receiver.settimeout(0.5)
    seen = set()
    for port in ports:
        guest.send(Ether(src=guest.mac, dst=guest.gateway_mac) / IP(src=guest.address, dst=OUTSIDE_ADDRESS) /
                   UDP(sport=port, dport=9999) / str(port))
    try:
        while True:
            seen.add(int(receiver.recv(2048)))
    except socket.timeout:
        pass
    receiver.close()
    return seen


@in_both_modes
def test_connections_are_counted_and_more_are_refused(made):
    made.up(web="connections: 20")
    web, db = made.plug()
    assert open_connections(made, web, range(20000, 20050)) == set(range(20000, 20020))
    assert made.port()["refused_connections"] == 30
    assert open_connections(made, web, range(20000, 20020)) == set(range(20000, 20020))  # those go on
    assert len(open_connections(made, db, range(20000, 20050))) == 50  # and the neighbour's
    made.up(web="connections: 40")
    assert open_connections(made, web, range(20000, 20020)) == set(range(20000, 20020))
    assert open_connections(made, web, range(30000, 30030)) == set(range(30000, 30030))
    made.up()
    assert len(open_connections(made, web, range(40000, 40100))) == 100


@in_both_modes
def test_the_limit_stays_while_a_guest_has_no_connection(made):
    """The kernel takes the elements of a hash that count nothing away, which it looks for once a second."""
    made.up(web="connections: 20")
    web, _db = made.plug()
    for _round in ("before the first one", "when they have ended"):
        time.sleep(2.5)
        assert made.tapnet("status").returncode == 0
        assert made.tapnet("up", "--dry-run", made.file(web="connections: 20")).returncode == 0
        assert open_connections(made, web, range(20000, 20050)) == set(range(20000, 20020))
        made.host.run("conntrack", "-D", "-s", WEB)


# ---- rates ----

def upload(made, guest, seconds):
    """Sends as much as it can for so long; bytes a second that arrived outside."""
    receiver = in_netns(made.outside, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    receiver.bind((OUTSIDE_ADDRESS, 9998))
    receiver.settimeout(0.3)
    got = [0]

    def receive():
        try:
            while True:
                got[0] += len(receiver.recv(2048)) + 28
        except socket.timeout:
            pass

    frame = bytes(Ether(src=guest.mac, dst=guest.gateway_mac) / IP(src=guest.address, dst=OUTSIDE_ADDRESS) /
                  UDP(sport=9998, dport=9998, chksum=0) / (b"x" * 1372))
    thread = threading.Thread(target=receive)
    thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        os.write(guest.fd, frame)
    thread.join()
    receiver.close()
    return got[0] / seconds


def download(made, guest, seconds):
    """The same to the guest, from the host: bytes a second that it reads. It takes ARP for answered."""
    device = made.device(guest)
    known = "PERMANENT" in made.host.run("ip", "neighbour", "show", guest.address, "dev", device).stdout
    if not known:
        made.host.run("ip", "neighbour", "replace", guest.address, "lladdr", guest.mac, "dev", device)
    sender = in_netns(made.host, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sender.setblocking(False)
    drain(guest)
    end, size = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            sender.sendto(b"x" * 1372, (guest.address, 9997))
        except BlockingIOError:
            pass
        if select.select([guest.fd], [], [], 0)[0]:
            size += len(os.read(guest.fd, 65536))
    sender.close()
    if not known:
        made.host.run("ip", "neighbour", "del", guest.address, "dev", device)
    return size / seconds


RATE = 1_000_000  # bytes a second, of 8mbit


@in_both_modes
def test_what_a_guest_sends_has_a_limit(made):
    """The bucket holds what was not sent in the second before."""
    made.up(web="send: 8mbit")
    web, db = made.plug()
    assert 0.7 * RATE < upload(made, web, 3) < (RATE * 3 + RATE + 70_000) / 3 * 1.1
    assert made.port()["blocked"] > 100
    assert upload(made, db, 1) > 5 * RATE


@in_both_modes
def test_what_a_guest_receives_has_a_limit(made):
    made.up(web="receive: 8mbit")
    web, db = made.plug()
    assert 0.7 * RATE < download(made, web, 3) < (RATE * 3 + 120_000) / 3 * 1.1
    assert download(made, db, 1) > 5 * RATE


@in_both_modes
@pytest.mark.parametrize("mac", [f"mac: '{WEB_MAC}'", "hostname: web"], ids=["in the file", "learnt"])
def test_limits_change_while_guests_are_plugged(made, mac):
    """From none to some and back; what was open stays open."""
    made.up(mac=mac)
    web, _db = made.plug()
    assert len(open_connections(made, web, [20000])) == 1
    assert upload(made, web, 1) > 5 * RATE
    made.up(mac=mac, web="rate: 8mbit")
    assert made.port()["limit"] == {"send": 8_000_000, "receive": 8_000_000, "connections": 0, "broadcast": 1000,
                                    "burst": 0}
    tracked = made.host.run("conntrack", "-L", "-s", WEB).stdout
    assert "sport=20000" in tracked
    time.sleep(0.2)
    assert 0.5 * RATE < upload(made, web, 3) < 1.6 * RATE
    assert 0.7 * RATE < download(made, web, 2) < 1.3 * RATE
    made.up(mac=mac)
    assert upload(made, web, 1) > 5 * RATE
    assert download(made, web, 1) > 5 * RATE
    assert made.tapnet("status").returncode == 0


@pytest.mark.parametrize("made", ["routed"], indirect=True)
def test_a_routed_guests_connections_to_its_neighbours_are_counted_too(made):
    """All of them go by the host, and take room in its table; those that others begin are not the guest's."""
    made.up(web="connections: 20")
    web, db = made.plug()
    for source, target, arrive in ((web, db, 20), (db, web, 50)):
        drain(target)
        for port in range(20000, 20050):
            source.send(Ether(src=source.mac, dst=source.gateway_mac) / IP(src=source.address, dst=target.address) /
                        UDP(sport=port, dport=9999) / b"hello")
        seen = {frame[UDP].sport for frame in target.receive(0.5) if UDP in frame and frame[UDP].dport == 9999}
        assert len(seen) == arrive
    assert made.port()["refused_connections"] == 30 and made.port("db")["refused_connections"] == 0
    assert open_connections(made, web, range(30000, 30010)) == set()


def test_a_network_says_it_for_all_its_ports(made):
    made.up(network="rate: 100mbit, connections: 7", web="send: 8mbit, broadcast: 5")
    assert made.port("db")["limit"] == {"send": 100_000_000, "receive": 100_000_000, "burst": 0, "connections": 7,
                                        "broadcast": 1000}
    assert made.port("web")["limit"] == {"send": 8_000_000, "receive": 100_000_000, "burst": 0, "connections": 7,
                                         "broadcast": 5}
    shown = made.tapnet("status").stdout
    assert "100 Mbit/s" in shown and "8 Mbit/s" in shown
    told = made.tapnet("plan", made.tapnet.file(lab(network="rate: 100mbit, connections: 9")), check=False).stdout
    assert "~ element connection_limits { br-lab . 10.20.0.7 limit 9 connections }" in told
    shaped = made.host.run("tc", "qdisc", "show", "dev", "lab-db").stdout
    assert "tbf" in shaped and "rate 100Mbit" in shaped
