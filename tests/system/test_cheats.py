# SPDX-License-Identifier: MIT
"""A hostile guest tries all that stands in cheats.py. Nothing of it gets through, each is counted at its port, and
where no guards stand it would have arrived.

      host under test                                             outside
    +----------------------------------------------------------+  +----------------------------------+
    | the attacker ── lab-web ─┐ 10.20.0.1                     |  |                                  |
    |                          ├ br-lab ─┐        192.0.2.2    |  |  192.0.2.1                       |
    | a neighbour ─── lab-db ──┘         ├ NAT ───────────── eth0 ─ out0                             |
    | another one ─── two-far ── br-two ─┘   2001:db8:a::2     |  |  2001:db8:a::1, a router of IPv6 |
    +----------------------------------------------------------+  +----------------------------------+

The same attacker in a routed network, without bridge, tries what can be tried there.
"""

import fcntl
import itertools
import multiprocessing
import os
import re
import select
import socket
import struct
import time

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from cheats import CHEATS, CONNECTIONS, Guests, request
from guards_world import open_socket
from tapnet_test.build import Tapnet
from tapnet_test.rights import has_all_users
from tapnet_test.service import in_netns
from tapnet_test.waiting import wait_for
from tapnet_test.world import World
from tapnet_test.world6 import add_ipv6

MAC, DB_MAC, FAR_MAC = "52:54:00:00:00:06", "52:54:00:00:00:07", "52:54:00:00:00:08"
LAB = """
networks:
  lab:
    mode: {mode}
    subnet: 10.20.0.1/24
    subnet6: fd00:20::1/64
    ports:
      web: {{ address: 10.20.0.6, mac: "52:54:00:00:00:06"{limit} }}
      db: {{ address: 10.20.0.7, mac: "52:54:00:00:00:07" }}
  two:
    subnet: 10.30.0.1/24
    subnet6: fd00:30::1/64
    ports: {{ far: {{ address: 10.30.0.6, mac: "52:54:00:00:00:08" }} }}
"""
GRE, IPIP = 47, 4
RAW = ([(socket.AF_INET, protocol) for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP, GRE,
                                                    IPIP)] +
       [(socket.AF_INET6, protocol) for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMPV6)])
tokens = (b"token-%010d" % number for number in itertools.count())


class Tap:
    """The other end of a port."""

    def __init__(self, host, device):
        self.fd = in_netns(host, lambda: self._open(device))

    @staticmethod
    def _open(device):
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", device.encode(), 0x1002))  # TUNSETIFF: TAP, no PI
        return fd

    def send(self, frame):
        os.write(self.fd, bytes(frame))

    def fileno(self):
        return self.fd

    def read(self):
        return os.read(self.fd, 65535)

    def close(self):
        os.close(self.fd)


class Listener:
    """A socket that hears what comes past the guards."""

    def __init__(self, ns, family, kind, protocol, device=None):
        self.socket = open_socket(ns, family, kind, protocol)
        if device:
            self.socket.bind((device, 3))
            # SO_RCVBUFFORCE, for who may have that
            self.socket.setsockopt(socket.SOL_SOCKET, 33 if has_all_users() else socket.SO_RCVBUF, 1 << 23)

    def fileno(self):
        return self.socket.fileno()

    def read(self):
        return self.socket.recv(65535)

    def close(self):
        self.socket.close()


class Scene:
    """Both networks up, a guest in each port, and an ear wherever a cheat may arrive."""

    def __init__(self, world, mode):
        self.world, self.host, self.mode = world, world.host, mode
        self.tapnet = Tapnet(world.host)
        self.up()
        status = {network["name"]: network for network in self.tapnet.json_of_status()["networks"]}
        device = "br-lab" if mode == "nat" else "lab-web"
        ports = {port["name"]: port for network in status.values() for port in network["ports"]}
        self.guests = Guests(mac=MAC, gateway_mac=self._mac_of(device),
                             db_gateway_mac=self._mac_of(device if mode == "nat" else "lab-db"))
        self.guests.address6, self.guests.db6 = ports["web"]["addresses"][1], ports["db"]["addresses"][1]
        self.guests.link_local6 = "fe80::5054:ff:fe00:6"
        self.guests.far6 = ports["far"]["addresses"][1]
        self._know_everybody()
        self.web, self.db, self.far = (Tap(self.host, name) for name in ("lab-web", "lab-db", "two-far"))
        self.ears = {"neighbour": [self.db], "far": [self.far],
                     "outside": [Listener(world.outside, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3), "out0")],
                     "host": [Listener(self.host, family, socket.SOCK_RAW, protocol) for family, protocol in RAW]}
        wait_for(lambda: self.passes(0.2), 10, "no honest frame passes")

    def _mac_of(self, device):
        return self.host.json("ip", "-j", "link", "show", device)[0]["address"]

    def up(self, limit=""):
        self.tapnet("up", self.tapnet.file(LAB.format(mode=self.mode, limit=limit)))

    def _know(self, address, mac, device, state="permanent"):
        self.host.run("ip", "neigh", "replace", address, "lladdr", mac, "dev", device, "nud", state)

    def _know_everybody(self):
        """Nobody needs to be asked for his MAC, and nobody can say another one."""
        known = [("10.30.0.6", FAR_MAC, "br-two")]
        if self.mode == "nat":  # of a routed network the host knows them anyway
            known += [("10.20.0.6", MAC, "br-lab"), ("10.20.0.7", DB_MAC, "br-lab")]
        for address, mac, device in known:
            self._know(address, mac, device)
        self.host.run("ping", "-c1", "-W2", "192.0.2.1")

    def drain(self):
        for ear in [self.web, *itertools.chain(*self.ears.values())]:
            while select.select([ear], [], [], 0)[0]:
                ear.read()

    def _heard(self, ear, wanted, seconds=0.0):
        """Does the ear hear it? What was there before is read, and more for so long."""
        poll = select.poll()
        poll.register(ear, select.POLLIN)
        while poll.poll(seconds * 1000):
            if wanted in ear.read():
                return True
        return False

    def passes(self, seconds=2.0):
        """Honest frames reach the neighbour and, by the host, come back: what was sent before has arrived by then."""
        token = next(tokens)
        self.web.send(self.guests.ip("db" if self.mode == "nat" else self.guests.db) / UDP(dport=4001) / Raw(token))
        if not self._heard(self.db, token, seconds):
            return False
        self.web.send(self.guests.ip(self.guests.gateway) / ICMP(id=7) / Raw(token))
        return self._heard(self.web, token, seconds)

    def hears(self, where, wanted):
        return any(self._heard(ear, wanted, 0.5) for ear in self.ears[where])

    def _table_is_wrong(self):
        shown = self.host.json("ip", "-j", "neigh", "show", "10.20.0.7")
        return any(entry.get("lladdr") == MAC for entry in shown)

    def tries(self, cheat):
        """Does it get through?"""
        token = next(tokens)
        if cheat.seen == "table":
            self._know("10.20.0.7", DB_MAC, "br-lab", "stale")
            time.sleep(1.1)  # for so long the kernel believes what it has just learnt
        if cheat.before:
            self.db.send(cheat.before(self.guests) / Raw(b"before " + token))
            assert self.hears(cheat.seen, b"before " + token)
        self.drain()
        for frame in cheat.frames(self.guests, token):
            self.web.send(frame)
        found = [] if cheat.seen in ("", "table") else [ear for ear in self.ears[cheat.seen]
                                                        if self._heard(ear, token, 0.02)]
        if cheat.seen == "table" and self._table_is_wrong():
            found.append("the host's table of neighbours")
        if cheat.seen == "table":
            self._know("10.20.0.7", DB_MAC, "br-lab")
        self.forget()
        self.drain()
        assert self.passes(), f"after {cheat.name} honest frames pass no more"
        return found

    def counts(self):
        """What `tapnet status` says of the attacker's port."""
        for network in self.tapnet.json_of_status()["networks"]:
            for port in network["ports"]:
                if port["device"] == "lab-web":
                    return port
        raise AssertionError("no port lab-web")

    def forget(self):
        """What was learnt of forged frames: the bridge starts anew, and the neighbour says where it is."""
        if self.mode == "nat":
            self.host.run("ip", "link", "set", "br-lab", "type", "bridge", "fdb_flush")
            self.db.send(Ether(src=DB_MAC, dst="ff:ff:ff:ff:ff:ff") / IP(src="10.20.0.7", dst="10.20.0.255") / UDP())

    def close(self):
        for tap in (self.web, self.db, self.far, *self.ears["outside"], *self.ears["host"]):
            tap.close()
        self.tapnet("down", "--all")


@pytest.fixture(scope="module", params=["nat", "routed"])
def scene(request):
    with World() as world:
        add_ipv6(world)
        made = Scene(world, request.param)
        yield made
        made.close()


def test_there_are_enough_of_them():
    assert len({cheat.name for cheat in CHEATS}) == len(CHEATS)
    assert len([cheat for cheat in CHEATS if cheat.counter]) > 100


@pytest.mark.parametrize("cheat", [pytest.param(cheat, id=cheat.name, marks=pytest.mark.in_modes(*cheat.modes))
                                   for cheat in CHEATS])
def test_it_does_not_get_through_and_is_counted(scene, cheat):
    if cheat.counter == "refused_connections":
        scene.up(f", limit: {{ connections: {CONNECTIONS} }}")
    before = scene.counts()
    assert not scene.tries(cheat), "got through"
    after = scene.counts()
    if cheat.counter:
        assert after[cheat.counter] - before[cheat.counter] >= cheat.least
    assert sum(after["blocked_by"].values()) == after["blocked"], "not all is there for a reason"
    if cheat.counter == "refused_connections":
        scene.up()


def test_what_is_honest_is_not_counted(scene):
    guests, before = scene.guests, scene.counts()["blocked"]
    frames = [guests.arp(pdst=guests.gateway), guests.arp(op=2, pdst=guests.gateway), guests.arp(pdst=guests.address),
              guests.ip(guests.gateway) / ICMP(id=3), guests.ip(guests.outside) / UDP(dport=4000),
              guests.ip(guests.gateway) / UDP(sport=5353, dport=53) / DNS(rd=1, qd=DNSQR(qname="outside.example")),
              request(MAC), guests.ip6(guests.gateway6) / ICMPv6EchoRequest(), guests.ip6(guests.outside6) / UDP(),
              guests.ip6(guests.router6, guests.link_local6) / ICMPv6EchoRequest(),
              guests.nd(ICMPv6ND_NS(tgt=guests.router6) / ICMPv6NDOptSrcLLAddr(lladdr=MAC)),
              guests.nd(ICMPv6ND_NS(tgt=guests.address6), "::"), guests.nd(ICMPv6ND_NS(tgt=guests.link_local6), "::")]
    if scene.mode == "nat":
        frames += [guests.ip("db", options=b"\x94\x04\0\0") / UDP(dport=4000), guests.ip("db", flags="MF") / UDP(),
                   guests.ip6("db") / ICMPv6EchoRequest(),
                   guests.nd(ICMPv6ND_NS(tgt=guests.db6) / ICMPv6NDOptSrcLLAddr(lladdr=MAC)),
                   guests.ether("01:00:5e:00:00:fb") / IP(src=guests.address, dst="224.0.0.251") / UDP(dport=5353)]
    for frame in frames:
        scene.web.send(frame)
        assert scene.counts()["blocked"] == before, frame.summary()
    assert ARP in frames[0]


def test_errors_about_what_it_was_sent_itself_arrive(scene):
    """So that who speaks to it hears of a closed port, and of packets that are too long."""
    guests, before = scene.guests, scene.counts()["blocked"]
    scene.web.send(guests.ip(guests.outside) / UDP(sport=4003, dport=4000))
    scene.web.send(guests.ip(guests.outside) / ICMP(type=3, code=3) / bytes(
        IP(src=guests.outside, dst=guests.address) / UDP(sport=4000, dport=4003)) / Raw(b"to the outside"))
    assert scene.hears("outside", b"to the outside")
    scene.web.send(guests.ip(guests.gateway) / ICMP(id=11))
    scene.web.send(guests.ip(guests.gateway) / ICMP(type=3, code=4, nexthopmtu=1300) / bytes(
        IP(src=guests.gateway, dst=guests.address) / ICMP(type=0, id=11)) / Raw(b"to the host"))
    assert scene.hears("host", b"to the host")
    if scene.mode == "nat":
        scene.web.send(guests.ip("db") / ICMP(type=3, code=3) / bytes(
            IP(src=guests.db, dst=guests.address) / UDP(sport=4000, dport=4003)) / Raw(b"to the neighbour"))
        scene.web.send(guests.ip6("db") / ICMPv6PacketTooBig(mtu=1280) / IPv6(src=guests.db6, dst=guests.address6) /
                       UDP() / Raw(b"by IPv6"))
        assert scene.hears("neighbour", b"to the neighbour") and scene.hears("neighbour", b"by IPv6")
    assert scene.counts()["blocked"] == before


class Attacker:
    """The same guest in a process of its own: sends all cheats over and over, as fast as one thread can write."""

    def __init__(self, scene):
        frames = [bytes(frame) for cheat in CHEATS
                  if scene.mode in cheat.modes and cheat.counter != "refused_connections"
                  for frame in itertools.islice(cheat.frames(scene.guests, b"over and over"), 100)]
        self.over, self.sent = multiprocessing.Event(), multiprocessing.Value("L", 0)
        self.process = multiprocessing.Process(target=self._run, args=(scene.web.fd, frames))

    def _run(self, fd, frames):
        os.set_blocking(fd, True)
        while not self.over.is_set():
            for frame in frames:
                os.write(fd, frame)
            self.sent.value += len(frames)

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.process.join()


PACKETS, A_SECOND = 2000, 1000


def late(scene):
    """The neighbour sends packets to the outside at an even pace: how late each arrives, in seconds; those that do."""
    guests, (ear,), arrived, begin = scene.guests, scene.ears["outside"], {}, time.monotonic()
    honest = bytes(guests.from_db(IP(src=guests.db, dst=guests.outside) / UDP(sport=4004, dport=4000, chksum=0) /
                                  Raw(b"paced 0000" + bytes(1200))))
    head, tail = honest.split(b"0000", 1)
    for number in range(PACKETS + A_SECOND):  # and for one second more is listened
        if number < PACKETS:
            os.write(scene.db.fd, head + b"%04d" % number + tail)
        due = begin + (number + 1) / A_SECOND
        while select.select([ear], [], [], max(0, due - time.monotonic()))[0]:
            found = re.search(rb"paced (\d{4})", ear.read())
            if found:
                arrived[int(found[1])] = time.monotonic() - (begin + int(found[1]) / A_SECOND)
            if time.monotonic() > due:
                break
    return sorted(arrived.values())


def test_its_neighbour_does_not_suffer(scene):
    """All that is wrong at once and without end; meanwhile ten megabits a second leave the neighbour, none too late."""
    scene.drain()
    quiet = late(scene)
    with Attacker(scene) as attacker:
        loud = late(scene)
    print(f"{attacker.sent.value} frames meanwhile; half of the neighbour's packets within "
          f"{quiet[len(quiet) // 2] * 1000:.1f} ms before, {loud[len(loud) // 2] * 1000:.1f} ms now, "
          f"of {PACKETS} {len(quiet)} and {len(loud)} arrived")
    assert attacker.sent.value > PACKETS
    assert len(loud) == len(quiet) == PACKETS
    assert loud[len(loud) // 2] < 0.05
    scene.forget()
    scene.drain()
    wait_for(lambda: scene.passes(0.2), 10, "no honest frame passes any more")


def test_without_guards_they_would_arrive(scene):
    """All in one, since the guards go for it: who passes here and not above was stopped by them and by nothing else."""
    for family in ("bridge", "inet", "arp"):
        scene.host.run("nft", "delete", "table", family, "tapnet", check=False)
    lost = []
    try:
        for cheat in CHEATS:
            if cheat.bare and cheat.seen and scene.mode in cheat.modes:
                if not scene.tries(cheat):
                    lost.append(cheat.name)
    finally:
        scene.up()
    assert not lost
