# SPDX-License-Identifier: MIT
"""Mode `routed`: no bridge and no masquerading. Guests reach each other and the outside by routes of the host's.

      host under test                                   outside, which has a route to 10.20.0.0/24 by the host
    +-----------------------------------------------+  +----------------------------+
    | guest web ── lab-web 10.20.0.1 → its address  |  |                            |
    | guest db  ── lab-db  10.20.0.1 → its address ─ eth0 ─ 192.0.2.1  198.51.100.1 |
    | guest far ── two-far 10.30.0.1 → its address  |  |                            |
    +-----------------------------------------------+  +----------------------------+
"""

import socket
import time

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from tap_guest import Guest
from tapnet_test.build import Tapnet
from tapnet_test.listener import Listener
from tapnet_test.nsguest import Connection, NamespaceGuest
from tapnet_test.service import in_netns
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for

LAB = """
networks:
  lab:
    mode: routed
    subnet: 10.20.0.1/24
    ports_see_each_other: {see}
    ports: {{ web: {{ mac: "52:54:00:00:00:06" }}, db: {{}} }}
  two:
    mode: routed
    subnet: 10.30.0.1/24
    ports: {{ far: {{}} }}
"""
OUTSIDE, FAR_AWAY = "192.0.2.1", "198.51.100.1"


@pytest.fixture
def guests(tapnet, host, world):
    """Plugs guests into all ports of the networks that are up."""
    for subnet in ("10.20.0.0/24", "10.30.0.0/24"):
        world.outside.run("ip", "route", "add", subnet, "via", "192.0.2.2")
    made = []

    def plug():
        for network, gateway in (("lab", "10.20.0.1"), ("two", "10.30.0.1")):
            for port in tapnet.status(network)["ports"]:
                made.append(NamespaceGuest(host, port))
                made[-1].netns.run("ip", "route", "add", "default", "via", gateway)
        return made

    yield plug
    for guest in made:
        guest.close()


def up(tapnet, see="true"):
    return tapnet("up", tapnet.file(LAB.format(see=see)))


def reaches(netns, address, seconds=1):
    return netns.run("ping", "-c1", f"-W{seconds}", address, check=False).returncode == 0


def test_guests_reach_each_other_and_the_outside_as_they_are(tapnet, host, world, guests):
    up(tapnet)
    web, db, far = guests()
    assert not [link for link in host.json("ip", "-j", "link") if link.get("master")]
    for guest, other in ((web, db), (db, web)):
        for address in (other.address, OUTSIDE, FAR_AWAY):
            assert reaches(guest.netns, address), address
    assert reaches(world.outside, web.address) and reaches(host, db.address)
    listener = Listener(world.outside, "out0")
    assert web.netns.run("curl", "-sm5", f"http://{FAR_AWAY}/").stdout
    packets = [Ether(data) for _, data in listener.end()]
    assert {packet[IP].src for packet in packets if TCP in packet} == {web.address}, "not masqueraded"
    assert not reaches(web.netns, far.address) and not reaches(far.netns, web.address), "networks are apart"


def test_apart_when_they_are_not_to_see_each_other(tapnet, guests):
    up(tapnet, see="false")
    web, db, _ = guests()
    assert reaches(web.netns, OUTSIDE) and reaches(db.netns, OUTSIDE)
    assert not reaches(web.netns, db.address) and not reaches(db.netns, web.address)


def test_it_goes_without_trace_and_an_unchanged_file_changes_nothing(tapnet, host, world):
    before = snapshot(host, run_dir=tapnet.run_dir)
    up(tapnet)
    there = snapshot(host, run_dir=tapnet.run_dir)
    assert "all is as wanted" in up(tapnet).stdout
    assert_same(there, snapshot(host, run_dir=tapnet.run_dir))
    assert tapnet("status").returncode == 0
    tapnet("down", "--all")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


# ---- a guest made by hand, that says what it likes ----

FIXED = """
networks:
  lab:
    mode: routed
    subnet: 10.20.0.1/24
    ports:
      web: {{ address: 10.20.0.6, mac: "52:54:00:00:00:06"{web} }}
      db: {{ address: 10.20.0.7, mac: "52:54:00:00:00:07" }}
  two: {{ mode: routed, subnet: 10.30.0.1/24, ports: {{ far: {{ address: 10.30.0.6 }} }} }}
"""
GATEWAY, WEB, DB = "10.20.0.1", "10.20.0.6", "10.20.0.7"
OWN, STRANGE, BROADCAST = "52:54:00:00:00:06", "52:54:00:99:99:99", "ff:ff:ff:ff:ff:ff"


@pytest.fixture
def web(tapnet, host, world):
    """Brings the fixed file up, with more for port web (None: without its MAC), and plugs this test into lab-web."""
    def plug(more=""):
        text = FIXED.format(web=more or "")
        tapnet("up", tapnet.file(text if more is not None else text.replace(f', mac: "{OWN}"', "")))
        mac = host.json("ip", "-j", "link", "show", "lab-web")[0]["address"]
        guest = in_netns(host, lambda: Guest("lab-web", OWN, WEB, GATEWAY, mac))
        for _ in range(100):  # until the kernel has seen the carrier
            if "LOWER_UP" in host.json("ip", "-j", "link", "show", "lab-web")[0]["flags"]:
                return guest
            time.sleep(0.01)
        raise AssertionError("no carrier")
    return plug


def whom(guest, target, source=WEB, mac=OWN, seconds=0.4):
    """The MAC that answers who has an address."""
    guest.send(Ether(src=mac, dst=BROADCAST) / ARP(op=1, hwsrc=mac, psrc=source, pdst=target))
    return next((frame[ARP].hwsrc for frame in guest.receive(seconds)
                 if ARP in frame and frame[ARP].op == 2 and frame[ARP].psrc == target), None)


def pings(guest, target, source=WEB, mac=OWN):
    """Is an echo request answered?"""
    guest.send(Ether(src=mac, dst=guest.gateway_mac) / IP(src=source, dst=target) / ICMP(id=7, seq=1))
    return any(ICMP in frame and frame[ICMP].type == 0 for frame in guest.receive(0.4))


def test_dhcp_and_dns_serve_each_port(web):
    guest = web()
    offer, = guest.discover()
    assert offer[BOOTP].yiaddr == WEB and offer[IP].src == GATEWAY and offer.src == guest.gateway_mac
    options = {option[0]: option[1] for option in offer[DHCP].options if isinstance(option, tuple)}
    assert options["subnet_mask"] == "255.255.255.0" and options["router"] == options["name_server"] == GATEWAY
    answer, = guest.ask("db.lab")
    assert answer[DNS].an.rdata == DB and answer[IP].src == GATEWAY and answer[UDP].sport == 53
    answer, = guest.ask("www.outside.example")
    assert answer[DNS].an.rdata == FAR_AWAY


def test_dns_listens_to_its_guests_alone(web, world):
    """Not even on its real port, by an address that whoever has a route to the subnet reaches."""
    guest = web()
    assert guest.answer(1) == OUTSIDE
    world.outside.run("ip", "route", "add", "10.20.0.0/24", "via", "192.0.2.2")
    for port in (53, 10053):
        for way in ("+notcp", "+tcp"):
            done = world.outside.run("dig", way, "+time=1", "+tries=1", "-p", port, f"@{GATEWAY}", "db.lab",
                                     check=False)
            assert "ANSWER: 1" not in done.stdout and done.returncode == 9, (port, way)


def test_it_uses_its_own_addresses_and_no_others(web, tapnet, host):
    guest = web()
    assert whom(guest, GATEWAY) == guest.gateway_mac == whom(guest, DB)
    assert pings(guest, GATEWAY) and pings(guest, DB) is False, "nobody is plugged in there"
    for target, why in (("192.0.2.2", "the host's other address"), ("10.30.0.1", "another network's gateway"),
                        ("10.30.0.6", "another network's guest"), (OUTSIDE, "outside"), (WEB, "itself")):
        assert whom(guest, target) is None, why
        assert target == OUTSIDE or not pings(guest, target), why
    assert whom(guest, GATEWAY, source=DB) is None and whom(guest, GATEWAY, mac=STRANGE) is None
    assert not pings(guest, GATEWAY, source=DB) and not pings(guest, GATEWAY, mac=STRANGE)
    assert not in_place_of(guest, STRANGE).discover()
    assert tapnet.status("lab")["ports"][0]["blocked"] >= 6
    assert host.run("ip", "neigh", "show", "dev", "lab-web").stdout.split() == [
        WEB, "lladdr", OWN, "PERMANENT", "proto", "116"], "what it says by ARP changes nothing"


def test_why_a_guest_with_another_mac_gets_no_lease_is_told(web, tapnet):
    """Which MAC the port takes, which one was seen, and what to do: until the guest asks from its own."""
    guest = web()
    assert tapnet.json("status")["warnings"] == []
    stranger = in_place_of(guest, STRANGE)
    assert not stranger.discover()
    assert tapnet.status("lab")["ports"][0]["refused_macs"] == [STRANGE]
    said = (f"port lab/web: the file gives its guest MAC {OWN}, and what it sends from {STRANGE} is dropped: "
            f"start it with mac={OWN}, or write `mac: {STRANGE}`")
    assert tapnet.json("status")["warnings"] == [said] and said in tapnet("status").stdout
    assert guest.discover()


def test_a_guest_that_draws_macs_by_lot_fills_nothing(web, tapnet):
    guest = web()
    for number in range(100):
        guest.send(in_place_of(guest, f"52:54:00:66:00:{number:02x}").discover_frame())
    wait_for(lambda: tapnet.status("lab")["ports"][0]["blocked"] >= 100, why="not all are counted")
    assert 1 <= len(tapnet.status("lab")["ports"][0]["refused_macs"]) <= 3


def in_place_of(guest, mac):
    """The same guest with another MAC."""
    other = object.__new__(Guest)
    other.__dict__.update(guest.__dict__, mac=mac)
    return other


def test_the_other_end_gets_nothing_that_is_forged(web, host):
    """Forged frames of many kinds, and a neighbour that listens: it hears the honest one alone."""
    guest = web()
    listener = in_netns(host, lambda: Guest("lab-db", "52:54:00:00:00:07", DB))
    to_gateway = Ether(src=OWN, dst=guest.gateway_mac)

    def is_heard(port):
        guest.send(to_gateway / IP(src=WEB, dst=DB) / UDP(dport=port))
        return [frame[UDP].dport for frame in listener.receive(0.1)]
    wait_for(lambda: is_heard(4443), why="the listener, whose TAP has just been opened, hears nothing")
    for frame in (to_gateway / IP(src="10.20.0.9", dst=DB) / UDP(dport=9999),
                  to_gateway / IP(src=GATEWAY, dst=DB) / UDP(dport=9999),
                  to_gateway / IP(src="198.51.100.1", dst=DB) / UDP(dport=9999),
                  Ether(src=STRANGE, dst=guest.gateway_mac) / IP(src=WEB, dst=DB) / UDP(dport=9999),
                  to_gateway / Dot1Q(vlan=1) / IP(src=WEB, dst=DB) / UDP(dport=9999),
                  to_gateway / IPv6(src="fe80::1", dst="ff02::1") / ICMPv6EchoRequest(),
                  to_gateway / IP(src=WEB, dst=DB) / UDP(sport=67, dport=68),
                  to_gateway / IP(src=WEB, dst=DB, options=[b"\x83\x07\x04" + bytes([10, 20, 0, 7])]) / UDP(dport=9),
                  Ether(src=OWN, dst=BROADCAST) / IP(src=WEB, dst="10.20.0.255") / UDP(dport=9999),
                  Ether(src=OWN, dst=BROADCAST) / ARP(op=2, psrc=GATEWAY, hwsrc=OWN, pdst=GATEWAY),
                  Ether(src=OWN, dst="52:54:00:00:00:07") / ARP(op=2, psrc=GATEWAY, hwsrc=OWN, pdst=DB)):
        guest.send(frame)
    guest.send(to_gateway / IP(src=WEB, dst=DB) / UDP(dport=4444))
    heard = list(listener.receive(0.5))
    assert [frame[UDP].dport for frame in heard] == [4444], [frame.summary() for frame in heard]


def test_nobody_puts_a_fragment_into_anothers_packet(web, tapnet, host, world):
    """The kernel puts them together by addresses and a number, whichever port they came by: the guards come before."""
    guest = web()
    socket_of_host = in_netns(host, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with socket_of_host:
        socket_of_host.bind(("192.0.2.2", 7070))
        socket_of_host.settimeout(2)
        honest, forged = (fragment(IP(src=OUTSIDE, dst="192.0.2.2", id=4242) / UDP(sport=53, dport=7070, chksum=0) /
                                   Raw(letter * 1600), 800) for letter in (b"A", b"B"))
        guest.send(Ether(src=OWN, dst=guest.gateway_mac) / forged[1])
        wait_for(lambda: tapnet.status("lab")["ports"][0]["blocked"] == 1, why="it is counted")
        sender = in_netns(world.outside, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        with sender:
            mac = host.json("ip", "-j", "link", "show", "eth0")[0]["address"]
            for part in honest:
                sender.sendto(bytes(Ether(dst=mac) / part), ("out0", 0))
        assert socket_of_host.recv(4000) == b"A" * 1600


@pytest.mark.parametrize("more", [", mac_spoofing: true", None], ids=["where the file says so", "where it names none"])
def test_any_mac(web, more):
    guest = web(more)
    assert whom(guest, GATEWAY, mac=STRANGE) == guest.gateway_mac and whom(guest, GATEWAY, source=DB) is None
    strange = in_place_of(guest, STRANGE)
    assert [frame[BOOTP].yiaddr for frame in strange.discover()] == [WEB]
    guest.send(Ether(src=STRANGE, dst=guest.gateway_mac) / IP(src=WEB, dst=GATEWAY) / ICMP())
    assert any(ICMP in frame for frame in strange.receive(1)), "the host asks who it is now"
    assert not pings(guest, GATEWAY, source=DB)


# ---- live ----

def test_ports_come_and_go_without_touching_the_others(tapnet, guests):
    up(tapnet)
    web, db, _ = guests()
    connection = Connection(web, db)
    connection.exchange()
    more = LAB.format(see="true").replace("db: {}", "db: {}, third: {}")
    assert tapnet("up", tapnet.file(more)).returncode == 0
    connection.exchange()
    up(tapnet)
    connection.exchange()
    assert "third" not in tapnet("status").stdout


@pytest.mark.parametrize("other", ["nat", "isolated"])
def test_the_mode_changes_while_guests_run(tapnet, host, world, guests, other):
    up(tapnet)
    web, db, _ = guests()
    tapnet("up", tapnet.file(LAB.format(see="true").replace("mode: routed", f"mode: {other}", 1)))
    assert tapnet("status").returncode == 0 and reaches(web.netns, db.address)
    up(tapnet)
    assert tapnet("status").returncode == 0
    for guest in (web, db):  # what they know of each other by ARP was true in the other mode
        guest.netns.run("ip", "neigh", "flush", "dev", "eth0")
    assert reaches(web.netns, db.address) and reaches(web.netns, OUTSIDE) and reaches(world.outside, web.address)


# ---- a part of the uplink's own subnet ----

PART = "networks: {{ lab: {{ mode: {mode}, subnet: {subnet}, ports: {{ web: {{}}, db: {{}} }} }} }}\n"


def test_a_part_of_the_lan(tapnet, host, world):
    """Who is on the LAN takes the guests for neighbours: no route is needed anywhere."""
    before = snapshot(host, run_dir=tapnet.run_dir)
    tapnet("up", tapnet.file(PART.format(mode="routed", subnet="192.0.2.65/27")))
    assert "all is as wanted" in tapnet("up", tapnet.file(PART.format(mode="routed", subnet="192.0.2.65/27"))).stdout
    guests = [NamespaceGuest(host, port, 27) for port in tapnet.status("lab")["ports"]]
    try:
        for guest, other in zip(guests, reversed(guests)):
            guest.netns.run("ip", "route", "add", "default", "via", "192.0.2.65")
            # A host that answers ARP for others waits up to 0.8 s before it does (eth0's proxy_delay).
            assert reaches(guest.netns, OUTSIDE, 3) and reaches(world.outside, guest.address, 3)
            assert reaches(guest.netns, other.address)
        uplink = host.json("ip", "-j", "link", "show", "eth0")[0]["address"]
        known = {entry["dst"]: entry.get("lladdr") for entry in world.outside.json("ip", "-j", "neigh")}
        assert {known[guest.address] for guest in guests} == {uplink}
        assert not reaches(world.outside, "192.0.2.94"), "no guest has that"
    finally:
        for guest in guests:
            guest.close()
    host.run("ip", "neigh", "del", "proxy", guests[0].address, "dev", "eth0")
    assert f"proxy {guests[0].address} on eth0 is missing" in tapnet("status", check=False).stdout
    tapnet("up", tapnet.file(PART.format(mode="routed", subnet="192.0.2.65/27")))
    assert tapnet("status").returncode == 0
    tapnet("down", "--all")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


@pytest.mark.parametrize("mode, subnet", [
    ("nat", "192.0.2.65/27"), ("routed", "192.0.2.3/27"), ("routed", "192.0.2.3/24"), ("routed", "192.0.0.1/16"),
    ("isolated", "192.0.2.65/27")])
def test_not_where_it_would_cut_the_host_off(tapnet, host, world, mode, subnet):
    """A part with the host's own address or its gateway in it, all of it, or where nobody would answer."""
    before = snapshot(host, run_dir=tapnet.run_dir)
    refused = tapnet("up", tapnet.file(PART.format(mode=mode, subnet=subnet)), check=False)
    assert refused.returncode == 2 and "overlaps 192.0.2" in refused.stderr, refused.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


DAMAGES = ("ip link del lab-web", "ip link del rt-lab", "ip address flush dev lab-db", "nft flush ruleset",
           "nft delete table arp tapnet", "ip link set lab-web arp off", "ip neigh flush dev lab-web nud permanent",
           "sysctl -qw net.ipv4.conf.lab-web.forwarding=0", "sysctl -qw net.ipv4.conf.lab-web.proxy_arp=0",
           "ip link set lab-web address 02:00:00:00:00:99", "ip link set lab-db down", "ip route del 10.20.0.0/24")


def test_the_keeper_puts_back_what_others_take(host, world):
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB.format(see="true")))
    for words in DAMAGES:
        host.run(*words.split())
        wait_for(lambda: tapnet("status", check=False).returncode == 0, 5,
                 lambda words=words: f"{words}: {tapnet('status', check=False).stdout}")
    tapnet("down", "--all")


def test_four_thousand_ports(tapnet, host, world):
    """As many as no bridge takes; the last of them are served and guarded as the first."""
    before = snapshot(host, run_dir=tapnet.run_dir)
    ports = "".join(f"      p{number}: {{ mac: '52:54:00:00:{number >> 8:02x}:{number & 255:02x}' }}\n"
                    for number in range(4000))
    path = tapnet.file(f"networks:\n  lab:\n    mode: routed\n    ports:\n{ports}")
    tapnet("up", path, timeout=120)
    found = tapnet.status("lab")["ports"]
    assert len(found) == 4000 == len(host.json("ip", "-j", "neigh", "show", "nud", "permanent"))
    for port in (found[0], found[-1]):
        gateway_mac = host.json("ip", "-j", "link", "show", port["device"])[0]["address"]
        guest = in_netns(host, lambda: Guest(port["device"], port["mac"]))  # pylint: disable=cell-var-from-loop
        guest.gateway_mac, guest.gateway = gateway_mac, tapnet.status("lab")["gateway"]
        offer, = guest.discover()
        guest.address = offer[BOOTP].yiaddr
        assert guest.address == port["addresses"][0]
        assert pings(guest, guest.gateway, source=guest.address, mac=guest.mac)
        assert not pings(guest, guest.gateway, source=found[1]["addresses"][0], mac=guest.mac)
    assert "all is as wanted" in tapnet("up", path, timeout=120).stdout
    tapnet("down", "--all", timeout=120)
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
