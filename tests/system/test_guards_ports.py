# SPDX-License-Identifier: MIT
"""The bridge table on a real topology: what a port may send, and that the DHCP service can tell ports apart.

The topology is drawn in guards_world.py. Frames are made and judged by scapy, on packet sockets at both ends.
"""

import itertools
import socket
import struct

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Advertise
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether, LLC, STP, Dot3
from scapy.packet import Raw, fuzz

from guards_world import Wire, Lab, open_socket

tags = itertools.count(1)
BROADCAST = "ff:ff:ff:ff:ff:ff"


@pytest.fixture(scope="module", params=[0, 1], ids=["bridge-nf-off", "bridge-nf-on"])
def lab(request):
    built = Lab(request.param)
    built.macs = {name: built.mac(getattr(built, name), "eth0") for name in ("a", "b", "c")}
    built.macs["host"] = built.mac(built.host, "br-lab")
    yield built
    built.close()


def from_a(lab, frame, to="b"):
    """Sends a frame out of guest a; what of it arrives at b, or on the host's bridge device. A tag tells it apart."""
    tag = b"tag-%08d" % next(tags)
    ends = {"b": (lab.b, "eth0"), "host": (lab.host, "br-lab")}
    with Wire(lab.a, "eth0") as guest, Wire(*ends[to]) as end:
        guest.send(frame / Raw(tag))
        return end.receive(lambda seen: tag in bytes(seen))


def ether(lab, to="b", **fields):
    return Ether(src=lab.macs["a"], dst=lab.macs[to], **fields)


def dhcp(source="0.0.0.0", destination="255.255.255.255", mac=BROADCAST, **ip):
    return (Ether(dst=mac) / IP(src=source, dst=destination, **ip) / UDP(sport=68, dport=67) /
            BOOTP(chaddr=b"\x02\0\0\0\0\x01") / DHCP(options=[("message-type", "discover"), "end"]))


def checksums_are_right(frame):
    """scapy counts the checksums of IP and UDP anew, and gets the same."""
    again = frame.copy()
    del again[IP].chksum
    del again[UDP].chksum
    again = Ether(bytes(again))
    return again[IP].chksum == frame[IP].chksum and again[UDP].chksum == frame[UDP].chksum


# ---- sources ----

def test_a_guest_sends_from_its_own_address(lab):
    assert from_a(lab, ether(lab) / IP(src="10.20.0.2", dst="10.20.0.3") / UDP())
    assert from_a(lab, ether(lab, "host") / IP(src="10.20.0.2", dst="10.20.0.1") / UDP(), to="host")
    assert from_a(lab, Ether(dst=BROADCAST) / IP(src="10.20.0.2", dst="10.20.0.255") / UDP())


def test_a_datagram_in_fragments_arrives(lab):
    with open_socket(lab.b) as server, open_socket(lab.a) as client:
        server.bind(("", 4000))
        client.sendto(b"L" * 4000, ("10.20.0.3", 4000))
        assert server.recv(5000) == b"L" * 4000


@pytest.mark.parametrize("source", ["10.20.0.3", "10.20.0.1", "10.20.0.77", "10.30.0.2", "0.0.0.0", "127.0.0.1",
                                    "192.0.2.2", "255.255.255.255"])
@pytest.mark.parametrize("payload", [UDP(), ICMP()], ids=["udp", "icmp"])
def test_a_forged_source_address_is_dropped(lab, source, payload):
    assert not from_a(lab, ether(lab) / IP(src=source, dst="10.20.0.3") / payload)
    assert not from_a(lab, ether(lab, "host") / IP(src=source, dst="10.20.0.1") / payload, to="host")


def test_forged_sources_are_dropped_by_the_guards_and_by_nothing_else(lab):
    forged = ether(lab) / IP(src="10.20.0.77", dst="10.20.0.3") / UDP()
    lab.only_guards_stop(lambda: from_a(lab, forged))


def test_ip_options_fragments_and_broken_headers_do_not_hide_a_forged_source(lab):
    for ip in (IP(src="10.20.0.77", dst="10.20.0.3", options=b"\x01\x01\x01\x00"),
               IP(src="10.20.0.77", dst="10.20.0.3", flags="MF"),
               IP(src="10.20.0.77", dst="10.20.0.3", frag=100),
               IP(src="10.20.0.77", dst="10.20.0.3", version=5),
               IP(src="10.20.0.77", dst="10.20.0.3", ihl=3),
               IP(src="10.20.0.77", dst="10.20.0.3", len=9000),
               IP(src="10.20.0.77", dst="10.20.0.3", chksum=1)):
        assert not from_a(lab, ether(lab) / ip / UDP())


# ---- ARP ----

def test_arp_with_ones_own_address_passes(lab):
    own = dict(hwsrc=lab.macs["a"], psrc="10.20.0.2", pdst="10.20.0.3")
    assert from_a(lab, Ether(dst=BROADCAST) / ARP(op=1, **own))
    assert from_a(lab, ether(lab) / ARP(op=2, **own))
    assert from_a(lab, Ether(dst=BROADCAST) / ARP(op=1, hwsrc=lab.macs["a"], psrc="10.20.0.2", pdst="10.20.0.2"))


def test_a_probe_for_ones_own_address_passes_and_for_anothers_does_not(lab):
    probe = Ether(dst=BROADCAST) / ARP(op=1, hwsrc=lab.macs["a"], psrc="0.0.0.0", pdst="10.20.0.2")
    assert from_a(lab, probe)
    probe[ARP].pdst = "10.20.0.3"
    lab.only_guards_stop(lambda: from_a(lab, probe))


@pytest.mark.parametrize("claim", ["10.20.0.1", "10.20.0.3", "10.20.0.77", "10.30.0.1"])
@pytest.mark.parametrize("operation", [1, 2])
def test_a_forged_arp_sender_is_dropped(lab, claim, operation):
    forged = Ether(dst=BROADCAST) / ARP(op=operation, hwsrc=lab.macs["a"], psrc=claim, pdst="10.20.0.3")
    assert not from_a(lab, forged)
    assert not from_a(lab, forged, to="host")


def test_forged_arp_is_dropped_by_the_guards_and_by_nothing_else(lab):
    forged = Ether(dst=BROADCAST) / ARP(op=2, hwsrc=lab.macs["a"], psrc="10.20.0.1", pdst="10.20.0.3")
    lab.only_guards_stop(lambda: from_a(lab, forged))


def test_odd_arp_is_dropped(lab):
    for odd in (ARP(hwtype=6, psrc="10.20.0.2"), ARP(hwlen=8, psrc="10.20.0.2"), ARP(plen=16, psrc="10.20.0.2"),
                ARP(ptype=0x86DD, psrc="10.20.0.2"), ARP(op=2, psrc="0.0.0.0", pdst="10.20.0.2")):
        assert not from_a(lab, Ether(dst=BROADCAST, type=0x0806) / odd)


# ---- DHCP ----

@pytest.mark.parametrize("source", ["0.0.0.0", "10.20.0.2", "10.20.0.3", "10.20.0.77", "192.0.2.9"])
def test_a_dhcp_request_names_its_port_whatever_it_claims(lab, source):
    seen = from_a(lab, dhcp(source), to="host")
    assert seen[IP].src == "10.20.0.2"
    assert seen[IP].dst == "255.255.255.255" and seen[UDP].sport == 68 and seen[UDP].dport == 67
    assert checksums_are_right(seen)


def test_a_dhcp_request_to_the_server_itself_names_its_port_too(lab):
    seen = from_a(lab, dhcp("10.20.0.3", "10.20.0.1", mac=lab.macs["host"]), to="host")
    assert seen[IP].src == "10.20.0.2" and checksums_are_right(seen)


def test_a_dhcp_request_with_ip_options_keeps_its_checksums(lab):
    seen = from_a(lab, dhcp(options=b"\x01\x01\x01\x00"), to="host")
    assert seen[IP].src == "10.20.0.2" and checksums_are_right(seen)


def test_a_dhcp_request_without_a_udp_checksum_stays_without(lab):
    frame = dhcp("10.20.0.77")
    frame[UDP].chksum = 0
    seen = from_a(lab, frame, to="host")
    assert seen[IP].src == "10.20.0.2" and seen[UDP].chksum == 0


def test_a_dhcp_request_whose_checksum_is_left_to_the_device(lab):
    """A guest with checksum offload sends the pseudo header's sum alone: it must become that of the new source."""
    lab.a.run("ip", "addr", "add", "10.20.0.77/24", "dev", "eth0")
    try:
        with open_socket(lab.a) as client, Wire(lab.host, "br-lab") as bridge:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            client.bind(("10.20.0.77", 68))
            client.sendto(b"D" * 300, ("10.20.0.255", 67))
            seen = bridge.receive(lambda frame: UDP in frame and frame[UDP].dport == 67)
    finally:
        lab.a.run("ip", "addr", "del", "10.20.0.77/24", "dev", "eth0")
    assert seen[IP].src == "10.20.0.2"
    pseudo = socket.inet_aton("10.20.0.2") + socket.inet_aton("10.20.0.255") + struct.pack("!BBH", 0, 17, 308)
    total = sum(struct.unpack("!6H", pseudo))
    assert seen[UDP].chksum == (total & 0xFFFF) + (total >> 16)


def test_a_dhcp_request_from_a_port_without_an_address_is_dropped(lab):
    """c is in no map: without an entry nothing passes, least of all as it came."""
    with Wire(lab.c, "eth0") as guest, Wire(lab.host, "br-two") as bridge:
        guest.send(dhcp("10.20.0.2"))
        assert not bridge.receive(lambda frame: UDP in frame and frame[UDP].dport == 67)


@pytest.mark.parametrize("mac", ["broadcast", "b"])
def test_a_dhcp_request_reaches_the_host_alone(lab, mac):
    frame = dhcp(mac=BROADCAST if mac == "broadcast" else lab.macs["b"])
    lab.only_guards_stop(lambda: from_a(lab, frame))


def test_dhcp_in_fragments_is_dropped(lab):
    assert not from_a(lab, dhcp(flags="MF"), to="host")
    assert not from_a(lab, dhcp("10.20.0.2", flags="MF"), to="host")
    assert not from_a(lab, dhcp("10.20.0.2", flags="MF"))


def test_a_request_from_another_port_than_68_is_no_way_around(lab):
    odd = Ether(dst=BROADCAST) / IP(src="10.20.0.2", dst="255.255.255.255") / UDP(sport=1068, dport=67)
    assert not from_a(lab, odd, to="host")
    assert not from_a(lab, odd)


def test_a_guest_is_no_dhcp_server(lab):
    offer = ether(lab) / IP(src="10.20.0.2", dst="10.20.0.3") / UDP(sport=67, dport=68) / BOOTP(op=2)
    lab.only_guards_stop(lambda: from_a(lab, offer))


def test_no_program_of_the_host_hears_dhcp_of_guests(lab):
    def heard():
        with open_socket(lab.host) as other, Wire(lab.a, "eth0") as guest:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("", 67))
            guest.send(dhcp("10.20.0.2", "10.20.0.1", mac=lab.macs["host"]))
            try:
                return other.recv(2000)
            except TimeoutError:
                return None

    lab.only_guards_stop(heard)


# ---- IPv6 and the rest ----

def test_ipv6_between_guests_passes(lab):
    assert from_a(lab, ether(lab) / IPv6(src="fe80::2", dst="fe80::3") / ICMPv6EchoRequest())
    assert from_a(lab, ether(lab) / IPv6(src="fe80::2", dst="ff02::1:ff00:3") / ICMPv6ND_NS(tgt="fe80::3"))


@pytest.mark.parametrize("message", [ICMPv6ND_RA(), ICMPv6ND_Redirect(tgt="fe80::2", dst="2001:db8::9"),
                                     UDP(sport=547, dport=546) / DHCP6_Advertise()],
                         ids=["router-advertisement", "redirect", "dhcpv6-server"])
def test_a_guest_is_no_router_and_no_dhcpv6_server(lab, message):
    frame = ether(lab) / IPv6(src="fe80::2", dst="ff02::1") / message
    lab.only_guards_stop(lambda: from_a(lab, frame))


@pytest.mark.parametrize("kind", ["vlan", "vlan-zero", "vlan-in-vlan", "ethertype", "stp"])
def test_anything_but_arp_and_ip_is_dropped(lab, kind):
    inner = IP(src="10.20.0.2", dst="10.20.0.3") / UDP()
    frame = {
        "vlan": ether(lab) / Dot1Q(vlan=5) / inner,
        "vlan-zero": ether(lab) / Dot1Q(vlan=0) / inner,
        "vlan-in-vlan": ether(lab, type=0x88A8) / Dot1Q(vlan=5) / Dot1Q(vlan=6) / inner,
        "ethertype": ether(lab, type=0x88B5) / Raw(b"experimental"),
        "stp": Dot3(dst="01:80:c2:00:00:00", src=lab.macs["a"]) / LLC() / STP(),
    }[kind]
    lab.only_guards_stop(lambda: from_a(lab, frame))
    assert not from_a(lab, frame, to="host")


# ---- past the bridge ----

LINK_LAYER_CONTROL = "01:80:c2:00:00:0e"


def heard_by_the_host(lab, mac, port=30000):
    with open_socket(lab.host) as server, Wire(lab.a, "eth0") as guest:
        server.bind(("", port))
        guest.send(Ether(dst=mac) / IP(src="10.20.0.2", dst="192.0.2.1") / UDP(dport=port) / Raw(b"by the back door"))
        try:
            return server.recv(100)
        except TimeoutError:
            return None


def test_frames_past_the_bridge_are_no_back_door_to_the_host(lab):
    """Frames to 01:80:c2:00:00:0e (LLDP) go to the IP stack of the port itself, past all hooks of the bridge family."""
    lab.only_guards_stop(lambda: heard_by_the_host(lab, LINK_LAYER_CONTROL))
    for last in range(16):
        assert not heard_by_the_host(lab, f"01:80:c2:00:00:{last:02x}")


def test_frames_past_the_bridge_are_no_back_door_to_the_outside(lab):
    def arrives():
        with Wire(lab.a, "eth0") as guest, Wire(lab.outside, "eth0") as outside:
            guest.send(Ether(dst=LINK_LAYER_CONTROL) / IP(src="10.20.0.2", dst="192.0.2.2") / UDP(dport=30001))
            return outside.receive(lambda frame: UDP in frame and frame[UDP].dport == 30001)

    # The IP stack forwards no frame that came by multicast: the guards are not needed here.
    assert not arrives()


def test_a_router_advertisement_past_the_bridge_gives_the_host_no_route(lab):
    lab.host.run("sysctl", "-qw", "net.ipv6.conf.tap-a.accept_ra=2")
    advertisement = (Ether(dst=LINK_LAYER_CONTROL) / IPv6(src="fe80::bad", dst="ff02::1", hlim=255) /
                     ICMPv6ND_RA(routerlifetime=1800))

    def gives_a_route():
        lab.host.run("ip", "link", "set", "tap-a", "nomaster")  # as it comes up by itself: with an address of IPv6
        lab.host.run("ip", "link", "set", "tap-a", "down")
        lab.host.run("ip", "link", "set", "tap-a", "addrgenmode", "eui64", "up")
        lab.host.run("ip", "link", "set", "tap-a", "master", "br-lab")
        with Wire(lab.a, "eth0") as guest, Wire(lab.host, "tap-a") as port:
            guest.send(advertisement)
            assert port.receive(lambda frame: ICMPv6ND_RA in frame)
        return "fe80::bad" in lab.host.run("ip", "-6", "route", "show", "default").stdout

    lab.only_guards_stop(gives_a_route)
    lab.host.run("ip", "-6", "route", "flush", "default", check=False)


def test_a_port_that_was_taken_out_of_its_bridge_is_closed(lab):
    def heard():
        with Wire(lab.a, "eth0") as guest, open_socket(lab.host) as server:
            server.bind(("", 30002))
            guest.send(Ether(dst=lab.mac(lab.host, "tap-a")) / IP(src="10.20.0.2", dst="192.0.2.1") / UDP(dport=30002))
            try:
                return server.recv(100) is not None
            except TimeoutError:
                return False

    lab.host.run("ip", "link", "set", "tap-a", "nomaster")
    try:
        lab.only_guards_stop(heard)
    finally:
        lab.host.run("ip", "link", "set", "tap-a", "master", "br-lab")


def test_frames_to_ports_that_are_not_ours_are_left_alone(lab):
    """A port without an element in our sets: its bridge is its owner's business."""
    lab.run_tool("element delete ports tap-c | lab/two/c\ncommit\n")
    try:
        with Wire(lab.c, "eth0") as guest, Wire(lab.host, "br-two") as bridge:
            guest.send(Ether(dst=BROADCAST) / IP(src="10.99.0.1", dst="10.99.0.255") / UDP(dport=9999))
            assert bridge.receive(lambda frame: IP in frame and frame[IP].src == "10.99.0.1")
    finally:
        lab.run_tool("element add ports tap-c | lab/two/c\ncommit\n")


def test_random_payloads_never_carry_a_forged_source(lab):
    """Whatever stands behind the header of IP: the source is what counts."""
    with Wire(lab.a, "eth0") as guest, Wire(lab.b, "eth0") as receiver:
        for protocol in range(0, 256, 5):
            guest.send(ether(lab) / IP(src="10.20.0.99", dst="10.20.0.3", proto=protocol) / fuzz(UDP()))
        assert not receiver.receive(lambda frame: IP in frame and frame[IP].src == "10.20.0.99")
