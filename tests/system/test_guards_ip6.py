# SPDX-License-Identifier: MIT
"""What a port may send of IPv6, and that nothing else hides behind extension headers and in fragments.

The topology is drawn in guards_world.py. Frames are made and judged by scapy, on packet sockets at both ends.
"""

import select
import socket
import time

import pytest
from scapy.layers.dhcp6 import DHCP6_Advertise
from scapy.layers.inet import UDP
from scapy.layers.inet6 import (HBHOptUnknown, ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting)
from scapy.layers.l2 import Ether

from guards_world import Lab, Wire, ether, from_a, open_socket, tags


@pytest.fixture(scope="module", params=[0, 1], ids=["bridge-nf-off", "bridge-nf-on"])
def lab(request):
    built = Lab(request.param)
    yield built
    built.close()


def test_ipv6_between_guests_passes(lab):
    assert from_a(lab, ether(lab) / IPv6(src="fe80::2", dst="fe80::3") / ICMPv6EchoRequest())
    assert from_a(lab, ether(lab) / IPv6(src="fe80::2", dst="ff02::1:ff00:3") / ICMPv6ND_NS(tgt="fe80::3"))


@pytest.mark.parametrize("message", [ICMPv6ND_RA(), ICMPv6ND_Redirect(tgt="fe80::2", dst="2001:db8::9"),
                                     UDP(sport=547, dport=546) / DHCP6_Advertise(),
                                     UDP(sport=1547, dport=546) / DHCP6_Advertise()],
                         ids=["router-advertisement", "redirect", "dhcpv6-server", "dhcpv6-from-another-port"])
def test_a_guest_is_no_router_and_no_dhcpv6_server(lab, message):
    frame = ether(lab) / IPv6(src="fe80::2", dst="ff02::1") / message
    lab.only_guards_stop(lambda: from_a(lab, frame))


def advertisement(*headers, source="fe80::2"):
    """A router advertisement behind these extension headers, whole: checksum and all."""
    packet = IPv6(src=source, dst="ff02::1", hlim=255)
    for header in (*headers, ICMPv6ND_RA(routerlifetime=1800)):
        packet = packet / header
    return packet


EXTENSIONS = {
    "hop-by-hop": [IPv6ExtHdrHopByHop()],
    "destination": [IPv6ExtHdrDestOpt()],
    "routing": [IPv6ExtHdrRouting(addresses=[])],
    "several": [IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), IPv6ExtHdrDestOpt()],
    "many": [IPv6ExtHdrDestOpt() for _ in range(20)],
    "atomic-fragment": [IPv6ExtHdrFragment(id=1)],
    "fragment-in-fragment": [IPv6ExtHdrFragment(id=1), IPv6ExtHdrFragment(id=2)],
}


@pytest.mark.parametrize("extensions", EXTENSIONS)
def test_extension_headers_hide_no_router_advertisement(lab, extensions):
    lab.only_guards_stop(lambda: from_a(lab, ether(lab) / advertisement(*EXTENSIONS[extensions])))


def fragments(packet, cuts):
    """@packet behind its IPv6 header, cut at these multiples of eight bytes, each part a fragment of its own."""
    payload, at, number = bytes(packet.payload), 0, next(tags)  # nothing is left of what was put together before
    for end in (*cuts, None):
        part = payload[at:end]
        yield (IPv6(src=packet.src, dst=packet.dst, hlim=255) /
               IPv6ExtHdrFragment(nh=packet.nh, offset=at // 8, m=end is not None, id=number) / part)
        at = end


OPTIONS = [IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=0x1E, optdata=b"\0" * 20)])]  # 24 bytes, to be passed over
FRAGMENTS = {  # the message has 16 bytes
    "in-its-body": ([], [8]),
    "behind-options-in-its-body": (OPTIONS, [32]),
    "in-options": (OPTIONS, [8]),
    "later-in-options": (OPTIONS, [16]),
    "between-options-and-message": (OPTIONS, [24]),
    "between-two-headers": ([*OPTIONS, IPv6ExtHdrDestOpt()], [24]),
    "thrice": (OPTIONS, [8, 24, 32]),
}


@pytest.mark.parametrize("kind", FRAGMENTS)
def test_fragments_hide_no_router_advertisement(lab, kind):
    """Not all of them arrive, and nobody puts the rest together."""
    headers, cuts = FRAGMENTS[kind]

    def arrive():
        parts = list(fragments(advertisement(*headers, source="fe80::bad"), cuts))
        with Wire(lab.a, "eth0") as guest, Wire(lab.b, "eth0") as end:
            for part in parts:
                guest.send(Ether(src=lab.macs["a"], dst="33:33:00:00:00:01") / part)
            return all(end.receive(lambda frame, part=part: IPv6ExtHdrFragment in frame and
                                   frame[IPv6ExtHdrFragment].offset == part[IPv6ExtHdrFragment].offset)
                       for part in parts)

    lab.only_guards_stop(arrive)


@pytest.mark.parametrize("kind", ["in-its-body", "behind-options-in-its-body"])
def test_a_guest_takes_no_route_from_a_router_advertisement_in_fragments(lab, kind):
    """Those that Linux would take."""
    lab.b.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=2", "net.ipv6.conf.eth0.suppress_frag_ndisc=0")

    def gives_a_route():
        lab.b.run("ip", "-6", "route", "flush", "default", check=False)
        headers, cuts = FRAGMENTS[kind]
        with Wire(lab.a, "eth0") as guest:
            for part in fragments(advertisement(*headers, source="fe80::bad"), cuts):
                guest.send(Ether(src=lab.macs["a"], dst="33:33:00:00:00:01") / part)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            if "fe80::bad" in lab.b.run("ip", "-6", "route", "show", "default").stdout:
                return True
        return False

    lab.only_guards_stop(gives_a_route)


def test_large_datagrams_of_ipv6_arrive(lab):
    """In fragments, as they must: what is no first one has no ports to look at."""
    addresses = {}
    for name in "ab":
        getattr(lab, name).run("ip", "-6", "address", "replace", f"fd00:20::{name}/64", "dev", "eth0", "nodad")
        addresses[name] = f"fd00:20::{name}"
    with open_socket(lab.b, socket.AF_INET6) as server, open_socket(lab.a, socket.AF_INET6) as client:
        server.bind((addresses["b"], 4000))
        deadline = time.monotonic() + 10
        while True:  # until both have joined the groups by which they find each other
            client.sendto(b"L" * 4000, (addresses["b"], 4000))
            if select.select([server], [], [], 0.4)[0]:
                break
            assert time.monotonic() < deadline
        assert server.recv(5000) == b"L" * 4000
