# SPDX-License-Identifier: MIT
"""What a port may send of IPv6, and that nothing else hides behind extension headers and in fragments.

The topology is drawn in guards_world.py. Frames are made and judged by scapy, on packet sockets at both ends.
"""

import itertools
import select
import socket
import time

import pytest
from scapy.layers.dhcp6 import DHCP6_Advertise, DHCP6_Solicit
from scapy.layers.inet import UDP
from scapy.layers.inet6 import (HBHOptUnknown, ICMPv6EchoRequest, ICMPv6MLQuery, ICMPv6MLReport2, ICMPv6ND_NA,
                                ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr,
                                ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, RouterAlert)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from guards_world import Lab, Wire, ether, from_a, open_socket, tags


@pytest.fixture(scope="module", params=[0, 1], ids=["bridge-nf-off", "bridge-nf-on"])
def lab(request):
    built = Lab(request.param)
    yield built
    built.close()


ports = itertools.count(4200)
A, B, GATEWAY, ROUTER = "fd00:20::a", "fd00:20::b", "fd00:20::1", "fe80::1"
LOCAL_A, LOCAL_B = "fe80::5054:ff:fe00:a", "fe80::5054:ff:fe00:b"
DRAWN = "fe80::8c2e:5a91:7d3b:44f6"  # by lot, as guests with privacy have them
MAC_A, MAC_B = "52:54:00:00:00:0a", "52:54:00:00:00:0b"
ALL_NODES = "33:33:00:00:00:01"


def solicitation(source, target, mac=MAC_A, *, options=(), **fields):
    option = [ICMPv6NDOptSrcLLAddr(lladdr=mac)] if mac else []
    packet = IPv6(src=source, dst="ff02::1", hlim=255) / ICMPv6ND_NS(tgt=target, **fields)
    for part in (*option, *options):
        packet = packet / part
    return packet


def claim(source, target, mac=MAC_A, *, options=()):
    packet = IPv6(src=source, dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt=target, R=0, S=0, O=1)
    for part in (*([ICMPv6NDOptDstLLAddr(lladdr=mac)] if mac else []), *options):
        packet = packet / part
    return packet


def arrives(lab, packet, source_mac=MAC_A, to="b"):
    """Does @packet get from guest a to all nodes, guest b among them? Told by its bytes, as nothing may follow them."""
    ends = {"b": (lab.b, "eth0"), "host": (lab.host, "br-lab")}
    with Wire(lab.a, "eth0") as guest, Wire(*ends[to]) as end:
        guest.send(Ether(src=source_mac, dst=ALL_NODES) / packet)
        wanted = bytes(Ether(bytes(Ether(src=source_mac, dst=ALL_NODES) / packet)))
        return end.receive(lambda seen: bytes(seen) == wanted) is not None


FAIR = {
    "own-address": IPv6(src=A, dst="ff02::1") / UDP(sport=4000, dport=4001),
    "own-link-local-address": IPv6(src=LOCAL_A, dst="ff02::1") / ICMPv6EchoRequest(),
    "link-local-address-drawn-by-lot": IPv6(src=DRAWN, dst="ff02::1") / ICMPv6EchoRequest(),
    "who-has": solicitation(A, B),
    "who-has-from-link-local": solicitation(LOCAL_A, B),
    "who-has-from-one-drawn-by-lot": solicitation(DRAWN, B),
    "who-has-without-mac": solicitation(A, B, None),
    "probe": solicitation("::", A, None),
    "probe-link-local": solicitation("::", LOCAL_A, None),
    "probe-drawn-by-lot": solicitation("::", DRAWN, None),
    "probe-with-a-nonce": solicitation("::", A, None, options=[Raw(bytes((14, 1, 1, 2, 3, 4, 5, 6)))]),
    "i-have": claim(A, A),
    "i-have-without-mac": claim(A, A, None),
    "i-have-link-local": claim(LOCAL_A, LOCAL_A),
    "i-have-one-drawn-by-lot": claim(DRAWN, DRAWN),
    "i-have-from-another-own": claim(LOCAL_A, A),
    "listener-report": IPv6(src=LOCAL_A, dst="ff02::16", hlim=1) / IPv6ExtHdrHopByHop(options=[RouterAlert()]) /
                       ICMPv6MLReport2(),
}


@pytest.mark.parametrize("kind", FAIR)
def test_what_a_guest_may_say(lab, kind):
    assert arrives(lab, FAIR[kind])


def behind(header, packet):
    """The same message with @header before it."""
    return IPv6(src=packet.src, dst=packet.dst, hlim=255) / header / packet.payload


FORGED = {
    "neighbours-address": IPv6(src=B, dst="ff02::1") / UDP(sport=4000, dport=4001),
    "gateways-address": IPv6(src=GATEWAY, dst="ff02::1") / UDP(sport=4000, dport=4001),
    "an-address-of-nobody": IPv6(src="fd00:20::c", dst="ff02::1") / UDP(sport=4000, dport=4001),
    "a-public-address": IPv6(src="2001:db8::1", dst="ff02::1") / UDP(sport=4000, dport=4001),
    "loopback": IPv6(src="::1", dst="ff02::1") / UDP(sport=4000, dport=4001),
    "no-address": IPv6(src="::", dst="ff02::1") / UDP(sport=4000, dport=4001),
    "no-address-echo": IPv6(src="::", dst="ff02::1") / ICMPv6EchoRequest(),
    "ipv4-mapped": IPv6(src="::ffff:10.20.0.2", dst="ff02::1") / UDP(sport=4000, dport=4001),
    "neighbours-link-local": IPv6(src=LOCAL_B, dst="ff02::1") / ICMPv6EchoRequest(),
    "routers-link-local": IPv6(src=ROUTER, dst="ff02::1") / ICMPv6EchoRequest(),
    "routers-link-local-udp": IPv6(src=ROUTER, dst="ff02::1") / UDP(sport=4000, dport=4001),
    "another-part-of-link-local": IPv6(src="febf::1", dst="ff02::1") / ICMPv6EchoRequest(),
    "who-has-as-neighbour": solicitation(B, GATEWAY),
    "who-has-as-router": solicitation(ROUTER, B),
    "who-has-with-neighbours-mac": solicitation(A, B, MAC_B),
    "who-has-with-a-group-for-mac": solicitation(A, B, "33:33:00:00:00:01"),
    "who-has-with-two-macs": solicitation(A, B, options=[ICMPv6NDOptSrcLLAddr(lladdr=MAC_B)]),
    "who-has-with-another-first": solicitation(A, B, None, options=[Raw(bytes((14, 1, 0, 0, 0, 0, 0, 0))),
                                                                    ICMPv6NDOptSrcLLAddr(lladdr=MAC_B)]),
    "who-has-with-a-long-mac": solicitation(A, B, None, options=[Raw(bytes((1, 2, *range(14))))]),
    "probe-of-the-gateway": solicitation("::", GATEWAY, None),
    "probe-of-a-neighbour": solicitation("::", B, None),
    "probe-of-a-neighbours-link-local": solicitation("::", LOCAL_B, None),
    "probe-of-the-router": solicitation("::", ROUTER, None),
    "i-have-the-gateway": claim(A, GATEWAY),
    "i-have-the-gateway-as-it": claim(GATEWAY, GATEWAY),
    "i-have-the-router": claim(LOCAL_A, ROUTER),
    "i-have-the-router-without-mac": claim(LOCAL_A, ROUTER, None),
    "i-have-a-neighbour": claim(A, B),
    "i-have-a-neighbours-link-local": claim(LOCAL_A, LOCAL_B),
    "i-have-mine-as-neighbour": claim(B, A),
    "i-have-mine-at-a-neighbours-mac": claim(A, A, MAC_B),
    "i-have-mine-at-everybodys-mac": claim(A, A, "ff:ff:ff:ff:ff:ff"),
    "i-have-mine-with-two-macs": claim(A, A, options=[ICMPv6NDOptDstLLAddr(lladdr=MAC_B)]),
    "i-have-one-drawn-by-lot-at-a-neighbours-mac": claim(DRAWN, DRAWN, MAC_B),
    "i-have-behind-options": behind(IPv6ExtHdrDestOpt(), claim(A, GATEWAY)),
    "i-have-mine-behind-options": behind(IPv6ExtHdrDestOpt(), claim(A, A)),
    "i-have-in-a-fragment": behind(IPv6ExtHdrFragment(id=7), claim(A, A)),
    "who-has-behind-hop-by-hop": behind(IPv6ExtHdrHopByHop(), solicitation(A, B, MAC_B)),
    "router-advertisement": IPv6(src=LOCAL_A, dst="ff02::1", hlim=255) / ICMPv6ND_RA(),
    "router-advertisement-as-router": IPv6(src=ROUTER, dst="ff02::1", hlim=255) / ICMPv6ND_RA(routerlifetime=0),
    "redirect": IPv6(src=LOCAL_A, dst="ff02::1", hlim=255) / ICMPv6ND_Redirect(tgt=LOCAL_A, dst="2001:db8::9"),
    "listener-query": IPv6(src=LOCAL_A, dst="ff02::1", hlim=1) / ICMPv6MLQuery(),
    "dhcpv6-server": IPv6(src=LOCAL_A, dst="ff02::1") / UDP(sport=547, dport=546) / DHCP6_Advertise(),
    "dhcpv6-server-own-address": IPv6(src=A, dst="ff02::1") / UDP(sport=547, dport=546) / DHCP6_Advertise(),
    "dhcpv6-from-another-port": IPv6(src=A, dst="ff02::1") / UDP(sport=1547, dport=546) / DHCP6_Advertise(),
    "router-solicitation": IPv6(src=LOCAL_A, dst="ff02::2", hlim=255) / ICMPv6ND_RS(),
    "router-solicitation-hidden": IPv6(src=LOCAL_A, dst="ff02::2", hlim=255) / IPv6ExtHdrDestOpt() / ICMPv6ND_RS(),
    "dhcpv6-request": IPv6(src=LOCAL_A, dst="ff02::1:2") / UDP(sport=546, dport=547) / DHCP6_Solicit(),
    "dhcpv6-request-hidden": IPv6(src=LOCAL_A, dst="ff02::1:2") / IPv6ExtHdrDestOpt() / UDP(sport=546, dport=547) /
                             DHCP6_Solicit(),
    "routing-header": IPv6(src=B, dst="ff02::1") / IPv6ExtHdrRouting(addresses=["fd00:20::1"]) / ICMPv6EchoRequest(),
}


@pytest.mark.parametrize("kind", FORGED)
def test_what_a_guest_may_not_say(lab, kind):
    lab.only_guards_stop(lambda: arrives(lab, FORGED[kind]) or arrives(lab, FORGED[kind], to="host"))


@pytest.mark.parametrize("kind", ["own-address", "own-link-local-address", "link-local-address-drawn-by-lot", "who-has",
                                  "probe", "probe-drawn-by-lot", "i-have", "i-have-without-mac",
                                  "i-have-one-drawn-by-lot"])
def test_what_it_may_say_it_may_from_its_own_mac_only(lab, kind):
    lab.only_guards_stop(lambda: arrives(lab, FAIR[kind], source_mac="52:54:00:00:00:99"))


def test_what_is_dropped_is_counted(lab):
    def dropped():
        rules = lab.host.json("nft", "-j", "list", "table", "bridge", "tapnet")["nftables"]
        return sum(part["counter"]["packets"] for entry in rules if "rule" in entry for part in entry["rule"]["expr"]
                   if "counter" in part)
    before = dropped()
    for packet in FORGED.values():
        assert not arrives(lab, packet)
    assert dropped() == before + len(FORGED)


def reaches6(source, target, address, port, bind="::"):
    with open_socket(target, socket.AF_INET6) as server, open_socket(source, socket.AF_INET6) as client:
        server.bind((bind, port))
        try:
            client.sendto(b"probe", (address, port))
            return server.recvfrom(100)[1][0]
        except (TimeoutError, OSError):
            return None


def pings6(source, address):
    return source.run("ping", "-6", "-n", "-c", "1", "-W", "1", address, check=False).returncode == 0


def test_of_the_host_guests_reach_what_serves_them(lab):
    assert pings6(lab.a, GATEWAY) and pings6(lab.a, f"{ROUTER}%eth0")
    assert reaches6(lab.a, lab.b, B, 4100) == A
    for address in (GATEWAY, "2001:db8:1::1", "2001:db8:2::1"):
        lab.only_guards_stop(lambda address=address: reaches6(lab.a, lab.host, address, next(ports)))
    lab.only_guards_stop(lambda: pings6(lab.a, "2001:db8:2::1"))


def test_a_guest_goes_out_as_the_host_and_nowhere_else(lab):
    assert reaches6(lab.a, lab.outside, "2001:db8:1::2", next(ports)) == "2001:db8:1::1"
    lab.only_guards_stop(lambda: reaches6(lab.a, lab.foreign, "2001:db8:2::2", next(ports)))
    lab.only_guards_stop(lambda: reaches6(lab.a, lab.c, "fd00:30::c", next(ports)))
    lab.only_guards_stop(lambda: reaches6(lab.c, lab.a, A, next(ports)))


def test_nobody_comes_in(lab):
    lab.outside.run("ip", "-6", "route", "replace", "default", "via", "2001:db8:1::1")
    lab.only_guards_stop(lambda: reaches6(lab.outside, lab.a, A, next(ports)))
    lab.only_guards_stop(lambda: reaches6(lab.foreign, lab.a, A, next(ports)))


def test_the_host_is_no_router_between_others(lab):
    lab.outside.run("ip", "-6", "route", "replace", "default", "via", "2001:db8:1::1")
    lab.only_guards_stop(lambda: reaches6(lab.outside, lab.foreign, "2001:db8:2::2", next(ports)))


def test_what_a_cloud_tells_is_closed(lab):
    """To the machine it tells keys and passwords; guests would get them in its name."""
    lab.outside.run("ip", "-6", "address", "replace", "fd00:ec2::254/128", "dev", "eth0", "nodad")
    lab.host.run("ip", "-6", "route", "replace", "fd00:ec2::254", "via", "2001:db8:1::2")
    lab.outside.run("ip", "-6", "route", "replace", "fd00:20::/64", "via", "2001:db8:1::1")
    lab.only_guards_stop(lambda: reaches6(lab.a, lab.outside, "fd00:ec2::254", next(ports)))


def advertisement(*headers, source="fe80::5054:ff:fe00:a"):
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
    addresses = {"a": A, "b": B}
    with open_socket(lab.b, socket.AF_INET6) as server, open_socket(lab.a, socket.AF_INET6) as client:
        server.bind((addresses["b"], 4000))
        deadline = time.monotonic() + 10
        while True:  # until both have joined the groups by which they find each other
            client.sendto(b"L" * 4000, (addresses["b"], 4000))
            if select.select([server], [], [], 0.4)[0]:
                break
            assert time.monotonic() < deadline
        assert server.recv(5000) == b"L" * 4000
