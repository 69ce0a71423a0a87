# SPDX-License-Identifier: MIT
"""The bridge table on a real topology: what a port may send, how much of it, and that requests name their port.

The topology is drawn in guards_world.py. Frames are made and judged by scapy, on packet sockets at both ends.
"""

import select
import socket
from contextlib import nullcontext

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_RA, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether, LLC, STP, Dot3
from scapy.packet import Raw, fuzz

from guards_world import BROADCAST, Lab, Log, Wire, ether, from_a, open_socket, tags

@pytest.fixture(scope="module", params=[0, 1], ids=["bridge-nf-off", "bridge-nf-on"])
def lab(request):
    built = Lab(request.param)
    yield built
    built.close()


def dhcp(source="0.0.0.0", destination="255.255.255.255", mac=BROADCAST, **ip):
    return (Ether(dst=mac) / IP(src=source, dst=destination, **ip) / UDP(sport=68, dport=67) /
            BOOTP(chaddr=b"\x02\0\0\0\0\x01") / DHCP(options=[("message-type", "discover"), "end"]))


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


# ---- MACs ----

STRANGE_MACS = ["52:54:00:99:99:99", "52:54:00:00:00:0b", "host", "02:00:00:00:00:00"]


def strange(lab, mac):
    return lab.macs.get(mac, mac)


def of_each_protocol(lab, source, psrc="10.20.0.2"):
    """Frames that are a's in all but their MAC."""
    there = ether(lab, src=source)
    return {
        "tcp": there / IP(src=psrc, dst="10.20.0.3") / TCP(),
        "udp": there / IP(src=psrc, dst="10.20.0.3") / UDP(dport=4000),
        "dns": there / IP(src=psrc, dst="10.20.0.3") / UDP(dport=53),
        "icmp": there / IP(src=psrc, dst="10.20.0.3") / ICMP(),
        "unknown": there / IP(src=psrc, dst="10.20.0.3", proto=253),
        "arp": there / ARP(op=1, hwsrc=source, psrc=psrc, pdst="10.20.0.3"),
        "ip6": there / IPv6(src="fe80::a:b:c:2", dst="fe80::a:b:c:3") / ICMPv6EchoRequest(),
    }


PROTOCOLS = ["tcp", "udp", "dns", "icmp", "unknown", "arp", "ip6"]


@pytest.mark.parametrize("mac", STRANGE_MACS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_another_mac_than_the_ports_own_is_dropped(lab, protocol, mac):
    assert from_a(lab, of_each_protocol(lab, lab.macs["a"])[protocol])
    frame = of_each_protocol(lab, strange(lab, mac))[protocol]
    assert not from_a(lab, frame)
    frame.dst = lab.macs["host"]
    assert not from_a(lab, frame, to="host")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_macs_are_dropped_by_the_guards_and_by_nothing_else(lab, protocol):
    lab.only_guards_stop(lambda: from_a(lab, of_each_protocol(lab, "52:54:00:99:99:99")[protocol]))


@pytest.mark.parametrize("ethernet,arp", [("a", "b"), ("b", "a"), ("a", "host"), ("a", None)])
@pytest.mark.parametrize("operation,psrc,pdst", [(1, "10.20.0.2", "10.20.0.3"), (2, "10.20.0.2", "10.20.0.3"),
                                                 (1, "0.0.0.0", "10.20.0.2")], ids=["request", "reply", "probe"])
def test_arp_names_the_ports_own_mac_twice(lab, ethernet, arp, operation, psrc, pdst):
    """In the frame's header and in what it says: else its address would be looked for at another's MAC."""
    says = lab.macs[arp] if arp else "52:54:00:99:99:99"
    own = Ether(src=lab.macs["a"], dst=BROADCAST) / ARP(op=operation, hwsrc=lab.macs["a"], psrc=psrc, pdst=pdst)
    assert from_a(lab, own)
    assert not from_a(lab, Ether(src=lab.macs[ethernet], dst=BROADCAST) /
                      ARP(op=operation, hwsrc=says, psrc=psrc, pdst=pdst))


def learnt(lab):
    entries = lab.host.json("bridge", "-j", "fdb", "show", "brport", "tap-a")
    return {entry["mac"] for entry in entries if entry.get("state") != "permanent"}


def test_a_guest_fills_no_forwarding_database(lab):
    def grows():
        before = len(learnt(lab))
        with Wire(lab.a, "eth0") as guest:
            for number in range(500):
                source = f"52:54:00:77:{number >> 8:02x}:{number & 255:02x}"
                for frame in of_each_protocol(lab, source).values():
                    guest.send(frame)
        return len(learnt(lab)) - before > 400

    lab.only_guards_stop(grows)


def test_a_neighbours_frames_do_not_come_to_who_takes_its_mac(lab):
    def are_taken():
        with Wire(lab.a, "eth0") as thief, Wire(lab.c, "eth0"):
            thief.send(of_each_protocol(lab, lab.macs["b"])["icmp"])
            thief.drain()
            tag = b"tag-%08d" % next(tags)
            with Wire(lab.host, "br-lab") as bridge:
                bridge.send(Ether(dst=lab.macs["b"]) / IP(src="10.20.0.1", dst="10.20.0.3") / UDP() / Raw(tag))
            return thief.receive(lambda seen: tag in bytes(seen))

    with Wire(lab.b, "eth0") as owner:
        owner.send(ether(lab, to="a", src=lab.macs["b"]) / IP(src="10.20.0.3", dst="10.20.0.2") / ICMP())
    lab.only_guards_stop(are_taken)


@pytest.fixture
def any_mac(lab):
    """Port a as `mac_spoofing: true` makes it."""
    pinned = "port_macs tap-a 52:54:00:00:00:0a", "port_addresses tap-a 52:54:00:00:00:0a 10.20.0.2"
    free = "any_mac_ports tap-a", "any_mac_addresses tap-a 10.20.0.2"

    def change(away, instead):
        lab.run_tool("".join(f"element delete {element} | lab/lab/a\n" for element in away) +
                     "".join(f"element add {element} | lab/lab/a\n" for element in instead) + "commit\n")

    change(pinned, free)
    yield lab
    change(free, pinned)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_where_the_file_lets_it_a_guest_uses_any_mac(any_mac, protocol):
    for mac in any_mac.macs["a"], "52:54:00:99:99:99":
        assert from_a(any_mac, of_each_protocol(any_mac, mac)[protocol])


def test_with_any_mac_a_probe_passes(any_mac):
    assert from_a(any_mac, Ether(src="52:54:00:99:99:99", dst=BROADCAST) /
                  ARP(op=1, hwsrc="52:54:00:99:99:99", psrc="0.0.0.0", pdst="10.20.0.2"))


@pytest.mark.parametrize("protocol", [each for each in PROTOCOLS if each != "ip6"])
def test_with_any_mac_the_address_is_still_the_ports_own(any_mac, protocol):
    for mac in any_mac.macs["a"], "52:54:00:99:99:99", any_mac.macs["b"]:
        assert not from_a(any_mac, of_each_protocol(any_mac, mac, "10.20.0.3")[protocol])


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

def heard_of(lab, frame, guest=None):
    """What of a frame that the guest (a) sends is logged: the port's name and the packet."""
    with Log(lab.host) as log, Wire(guest or lab.a, "eth0") as wire:
        wire.send(frame)
        return log.receive()


@pytest.fixture
def rested(lab):
    """A lab whose ports have all that they may send: no port sent anything since its buckets were made."""
    for name in ("dhcp_rate", "dns_rate"):
        lab.host.run("nft", "flush", "set", "bridge", "tapnet", name)
    return lab


@pytest.mark.parametrize("source", ["0.0.0.0", "10.20.0.2", "10.20.0.3", "10.20.0.77", "192.0.2.9"])
def test_a_dhcp_request_is_heard_from_its_port_whatever_it_claims(rested, source):
    port, packet = heard_of(rested, dhcp(source))
    assert port == "tap-a"
    assert (packet.src, packet.dst) == (source, "255.255.255.255")  # as it was sent
    assert bytes(packet) == bytes(dhcp(source)[IP])


def test_a_dhcp_request_to_the_server_itself_is_heard_too(rested):
    port, packet = heard_of(rested, dhcp("10.20.0.2", "10.20.0.1", mac=rested.macs["host"]))
    assert port == "tap-a" and packet.dst == "10.20.0.1"


def test_a_dhcp_request_from_another_mac_is_not_heard(rested):
    frame = dhcp()
    frame.src = rested.macs["b"]
    assert not heard_of(rested, frame)
    assert not from_a(rested, frame, to="host")


def test_with_any_mac_a_dhcp_request_is_heard(rested, any_mac):
    frame = dhcp()
    frame.src = "52:54:00:99:99:99"
    assert heard_of(rested, frame)[0] == "tap-a"


def test_each_port_has_its_name(rested):
    assert heard_of(rested, dhcp(), rested.b)[0] == "tap-b"
    assert heard_of(rested, dhcp(), rested.c)[0] == "tap-c"


def test_a_dhcp_request_with_ip_options_is_heard(rested):
    port, packet = heard_of(rested, dhcp(options=b"\x01\x01\x01\x00"))
    assert port == "tap-a" and packet.ihl == 6


def test_no_more_of_a_packet_is_copied_than_a_request_has(rested):
    _, packet = heard_of(rested, dhcp() / Raw(b"x" * 1000))
    assert len(bytes(packet)) == packet.len > 1000


@pytest.mark.parametrize("mac", ["broadcast", "b", "host"])
@pytest.mark.parametrize("heard", [True, False], ids=["heard", "nobody-listens"])
def test_a_dhcp_request_reaches_no_port_and_no_device_of_the_host(rested, mac, heard):
    frame = dhcp(mac=BROADCAST if mac == "broadcast" else rested.macs[mac])
    log = Log(rested.host) if heard else nullcontext()
    with log:
        assert not from_a(rested, frame)
        assert not from_a(rested, frame, to="host")
    with rested.unguarded():
        assert from_a(rested, frame, to="host" if mac == "host" else "b")


def test_a_flood_of_requests_from_one_port_leaves_the_others_heard(rested):
    before = [counted_by(rule) for rule in rules_of(rested, "dhcp")]
    with Log(rested.host) as log, Wire(rested.a, "eth0") as a, Wire(rested.b, "eth0") as b:
        for _ in range(500):
            a.send(dhcp())
        assert 40 <= log.count() < 120  # burst 40, and 20 a second
        b.send(dhcp())
        assert log.receive()[0] == "tap-b"
    counted = [counted_by(rule) for rule in rules_of(rested, "dhcp")]
    assert counted[0] - before[0] > 380 and sum(counted) - sum(before) == 501 and counted[3] == before[3]


def rules_of(lab, chain):
    listed = lab.host.json("nft", "-j", "list", "chain", "bridge", "tapnet", chain)["nftables"]
    return [entry["rule"] for entry in listed if "rule" in entry]


def counted_by(rule):
    return next(each["counter"]["packets"] for each in rule["expr"] if "counter" in each)


def test_dhcp_in_fragments_is_dropped(rested):
    for frame in (dhcp(flags="MF"), dhcp("10.20.0.2", flags="MF"), dhcp("10.20.0.2", frag=2)):
        assert not heard_of(rested, frame)
        assert not from_a(rested, frame, to="host")
    assert not from_a(rested, dhcp("10.20.0.2", flags="MF"))


def test_a_request_from_another_port_than_68_is_no_way_around(rested):
    odd = Ether(dst=BROADCAST) / IP(src="10.20.0.2", dst="255.255.255.255") / UDP(sport=1068, dport=67)
    assert not heard_of(rested, odd)
    assert not from_a(rested, odd, to="host")
    assert not from_a(rested, odd)


@pytest.mark.parametrize("tag", [Dot1Q(vlan=5), Dot1Q(vlan=0)])
def test_a_tagged_request_is_not_heard(rested, tag):
    frame = dhcp()
    assert not heard_of(rested, Ether(dst=BROADCAST) / tag / frame[IP])


@pytest.mark.parametrize("port", [67, 68, 1067, 4011])
def test_a_guest_is_no_dhcp_server(lab, port):
    """Clients listen at port 68 and ask not where an offer came from."""
    offer = ether(lab) / IP(src="10.20.0.2", dst="10.20.0.3") / UDP(sport=port, dport=68) / BOOTP(op=2)
    lab.only_guards_stop(lambda: from_a(lab, offer))


def test_the_first_fragment_of_an_offer_is_dropped(lab):
    """Without it nobody puts the rest together. Eight bytes, the UDP header, are the least that a fragment has."""
    first = ether(lab) / IP(src="10.20.0.2", dst="10.20.0.3", flags="MF", proto=17) / bytes(UDP(sport=1067, dport=68))
    with Wire(lab.a, "eth0") as guest, Wire(lab.b, "eth0") as end:
        guest.send(first)
        assert not end.receive(lambda frame: IP in frame and frame[IP].flags == "MF")


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


# ---- DNS ----

def datagrams_that_arrive(lab, source, target, address, port, count):
    """How many of the datagrams that the guest sends at full speed to (address, port) come to the target."""
    with open_socket(target) as server, open_socket(source) as client:
        server.bind(("", 10053 if target is lab.host else port))
        arrived = 0
        for _ in range(count // 50):
            for _ in range(50):
                client.sendto(b"query", (address, port))
            arrived += drain(server)
        return arrived + drain(server, 0.2)


def drain(server, timeout=0.0):
    number = 0
    while select.select([server], [], [], timeout)[0]:
        server.recv(100)
        number += 1
    return number


def test_a_flood_of_queries_from_one_port_leaves_the_others_answered(rested):
    """500 a second and 1,000 at once a port: what more a sends is dropped, b's arrive all."""
    assert 1000 <= datagrams_that_arrive(rested, rested.a, rested.host, "10.20.0.1", 53, 5000) < 4000
    assert datagrams_that_arrive(rested, rested.b, rested.host, "10.20.0.1", 53, 500) == 500
    dropped = [rule for rule in rules_of(rested, "from_port_ip4") if "DNS" in rule["comment"]]
    assert counted_by(dropped[0]) >= 1000


def test_queries_to_others_than_the_gateway_have_no_limit(rested):
    assert datagrams_that_arrive(rested, rested.a, rested.b, "10.20.0.3", 53, 3000) == 3000


# ---- the rest ----

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
