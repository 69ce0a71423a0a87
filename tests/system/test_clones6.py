# SPDX-License-Identifier: MIT
"""IPv6 of clones: the same address inside for all, one of its own outside for each.

      host under test                                                        outside
    +--------------------------------------------------------------------+  +--------------------------+
    | one    52:54:..:56  fd00:20::7 ── lab-one    is fd00:20::1:1 here  |  |  router advertisements   |
    | two    52:54:..:56  fd00:20::7 ── lab-two    is fd00:20::1:2 here  eth0 ─ out0  2001:db8:a::1/64 |
    | three  52:54:..:56  fd00:20::7 ── lab-three  is what was chosen    |  |  lo    2001:db8:f::1     |
    |        router fe80::1 on each of them, gateway fd00:20::1          |  |                          |
    +--------------------------------------------------------------------+  +--------------------------+
"""

import fcntl
import json
import os
import select
import socket
import struct
import sys
import time

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6MLReport2, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6ND_RA, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptPrefixInfo,
                                ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPerror6, fragment6)
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import checksum

from ip6_lab import Lab, Outside, addresses, dhclient, dig
from tap_guest import Guest as HandMade
from tapnet_test.build import Tapnet
from tapnet_test.listener import Listener
from tapnet_test.service import in_netns
from tapnet_test.serving import serve
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for
from tapnet_test.world6 import FAR, HOST, NEAR, add_ipv6

MAC, INSIDE, GATEWAY, ROUTER = "52:54:00:12:34:56", "fd00:20::7", "fd00:20::1", "fe80::1"
ONE, TWO, LINK_LOCAL = "fd00:20::1:1", "fd00:20::1:2", "fe80::5054:ff:fe12:3456"
LAB = """
networks:
  lab:
    mode: nat
    subnet: 10.20.0.1/16
    subnet6: fd00:20::1/64
    clones: { mac: "52:54:00:12:34:56", address: 10.20.0.5, address6: "fd00:20::7" }
    ports:
      one: { address: 10.20.1.1, address6: "fd00:20::1:1" }
      two: { address: 10.20.1.2, address6: "fd00:20::1:2" }
      three: { address: 10.20.1.3 }
"""
IP4_ALONE = """
networks:
  lab:
    subnet: 10.20.0.1/16
    clones: { mac: "52:54:00:12:34:56", address: 10.20.0.5 }
    ports: { one: { address: 10.20.1.1 } }
"""


@pytest.fixture
def lab(world, tapnet):
    add_ipv6(world)
    made = Lab(world, tapnet, LAB)
    yield made
    made.close()


def plug(lab, *names):
    """Guests with kernels of their own, all with the address that the snapshot has: nobody asks for it."""
    return [lab.guest(name).up(INSIDE, length=128) for name in names or ("one", "two", "three")]


def hand(lab, *devices):
    """Guests that are made by hand, and say what they like."""
    made = []
    for device in devices:
        mac = lab.host.json("ip", "-j", "link", "show", device)[0]["address"]
        made.append(in_netns(lab.host, lambda device=device, mac=mac: HandMade(device, MAC, INSIDE, GATEWAY, mac)))
        wait_for(lambda device=device: "LOWER_UP" in lab.host.json("ip", "-j", "link", "show", device)[0]["flags"])
    return made


def say(guest, packet, mac=MAC, to=None):
    guest.send(Ether(src=mac, dst=to or guest.gateway_mac) / packet)


def heard(guest, wanted, seconds=2):
    return next((frame[IPv6] for frame in guest.receive(seconds) if IPv6 in frame and wanted(frame)), None)


def blocked(tapnet, name="one"):
    return next(port for port in tapnet.status("lab")["ports"] if port["name"] == name)["blocked"]


# ---- three of them, with kernels of their own ----

@pytest.mark.parametrize("mode", ["nat", "routed"])
def test_they_reach_each_other_the_host_and_the_outside(lab, mode):
    lab.outside.run("ip", "-6", "route", "add", "fd00:20::/64", "via", HOST)
    lab.up(LAB.replace("mode: nat", f"mode: {mode}"))
    one, two, three = plug(lab)
    third = lab.ports["three"]["addresses"][1]
    assert third not in (INSIDE, ONE, TWO) and third.startswith("fd00:20::")
    listener = Listener(lab.outside, "out0")
    for guest, others in ((one, (TWO, third)), (two, (ONE, third)), (three, (ONE, TWO))):
        for address in (*others, GATEWAY, f"{ROUTER}%eth0", NEAR, FAR):
            assert guest.reaches(address), address
    packets = [Ether(data) for _, data in listener.end()]
    seen = {packet[IPv6].src for packet in packets if ICMPv6EchoRequest in packet}
    assert seen == ({HOST} if mode == "nat" else {ONE, TWO, third})
    for address in (ONE, TWO, third):
        lab.host.run("ping", "-6", "-c1", "-W2", address)
    assert not Outside(lab).reaches(INSIDE, wait=1), "that is nobody outside"


def loads(netns, url):
    return netns.run("curl", "-g", "-sS", "-m3", url, check=False).returncode == 0


def test_connections_of_each_kind(lab):
    """To the host, to another clone, to itself by its address outside, to the outside, and by a forward back in."""
    lab.up(LAB.replace('::1:1"', '::1:1", forward: "[::]:8080:80"'))
    one, two = plug(lab, "one", "two")
    serve(one.netns, INSIDE)
    assert loads(two.netns, f"http://[{ONE}]/") and loads(lab.host, f"http://[{ONE}]/")
    assert loads(one.netns, f"http://[{ONE}]/"), "itself"
    assert loads(lab.outside, f"http://[{HOST}]:8080/")
    assert loads(two.netns, f"http://[{HOST}]:8080/") and loads(one.netns, f"http://[{HOST}]:8080/")


def test_a_clone_goes_on_reaching_itself(lab):
    """The host sends back by the way that it came what is for its address outside; nothing is learnt of that."""
    lab.up()
    one, = plug(lab, "one")
    for _ in range(3):
        assert one.reaches(ONE, count=3)
        time.sleep(0.5)


def test_apart_and_isolated(lab):
    lab.up(LAB.replace("ports:", "ports_see_each_other: false\n    ports:"))
    one, two = plug(lab, "one", "two")
    assert one.reaches(FAR) and not one.reaches(TWO, wait=1) and not two.reaches(ONE, wait=1)
    lab.up(LAB.replace("mode: nat", "mode: isolated"))
    assert not one.reaches(FAR, wait=1)
    for guest in (one, two):
        guest.run("ip", "-6", "route", "add", "fd00:20::/64", "dev", "eth0")
    wait_for(lambda: one.reaches(TWO))


def test_a_part_of_the_uplinks_own_prefix(lab):
    """The host answers on the uplink for the addresses outside; what all have inside nobody there can reach."""
    inside, one = "2001:db8:a:0:10::7", "2001:db8:a:0:10::1:1"
    lab.up(LAB.replace("mode: nat", "mode: routed").replace("fd00:20::1/64", "2001:db8:a:0:10::1/80")
           .replace("fd00:20::", "2001:db8:a:0:10::"))
    guests = [lab.guest(name).up(inside, length=128) for name in ("one", "three")]
    three = lab.ports["three"]["addresses"][1]
    assert guests[0].reaches(three) and guests[1].reaches(one) and guests[0].reaches(FAR) and guests[1].reaches(NEAR)
    assert Outside(lab).reaches(one) and Outside(lab).reaches(three) and not Outside(lab).reaches(inside, wait=1)


SEND = """
import socket, sys
for port in range(20000, 20010):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.bind(("::", port))
        sender.sendto(b"%d" % port, (sys.argv[1], 9999))
"""


def test_limits_are_each_clones_own(lab, tapnet):
    """Of connections, and of what one may send: what it has inside is the same for all."""
    lab.up(LAB.replace("ports:", "limit: { connections: 4, send: 100mbit }\n    ports:"))
    for guest in plug(lab, "one", "two"):
        assert guest.reaches(NEAR)
        lab.host.run("conntrack", "-D", "-f", "ipv6", check=False)
        guest.run(sys.executable, "-c", SEND, NEAR)
    refused = {port["name"]: port["refused_connections"] for port in tapnet.status("lab")["ports"]}
    assert refused == {"one": 6, "two": 6, "three": 0}


def test_names_are_of_addresses_outside(lab):
    lab.up()
    one, = plug(lab, "one")
    assert dig(one, "two.lab", "AAAA") == [TWO] and dig(one, "+tcp", "two.lab", "AAAA") == [TWO]
    assert dig(one, "-x", TWO) == ["two.lab."]


def test_the_one_that_the_snapshot_is_taken_of(lab):
    """It asks by DHCPv6, and looks whether somebody has what it got: nothing of that is held against it."""
    lab.up()
    one = lab.guest("one")
    one.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1", "net.ipv6.conf.eth0.dad_transmits=1")
    one.run("sysctl", "-qw", "net.ipv6.conf.eth0.ndisc_notify=1")
    one.up()
    wait_for(lambda: one.netns.json("ip", "-j", "-6", "route", "show", "default"))
    lease = dhclient(one)
    assert f"iaaddr {INSIDE}" in lease
    wait_for(lambda: "tentative" not in one.run("ip", "-6", "address", "show", "dev", "eth0").stdout)
    assert addresses(one) == [INSIDE] and one.reaches(FAR)
    assert blocked(lab.tapnet) == 0


def test_ports_come_and_go(lab, tapnet):
    lab.up()
    one, two = plug(lab, "one", "two")
    for _ in range(2):
        made = tapnet.json("attach", "lab", "--json")
        assert made["inside6"] == INSIDE and made["addresses"][1] not in (INSIDE, ONE, TWO)
        assert one.reaches(TWO)
        tapnet("detach", f"lab/{made['port']}")
        assert two.reaches(ONE)


def test_without_trace_and_unchanged(lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    there = snapshot(lab.host, run_dir=tapnet.run_dir)
    assert "all is as wanted" in tapnet("up", lab.file).stdout
    assert_same(there, snapshot(lab.host, run_dir=tapnet.run_dir))
    assert tapnet("status").returncode == 0
    read = json.loads(lab.host.run("nft", "-j", "list", "table", "inet", "tapnet-clones6").stdout)["nftables"]
    maps = {item["map"]["name"]: item["map"]["elem"] for item in read if "map" in item}
    assert {outside for _, outside in maps["outsides6"]} >= {ONE, TWO} and len(maps["insides6"]) == 3
    lab.up(IP4_ALONE)
    assert lab.host.run("nft", "list", "table", "inet", "tapnet-clones6", check=False).returncode, "none needs it"
    assert tapnet("status").returncode == 0
    lab.up()
    assert_same(there, snapshot(lab.host, run_dir=tapnet.run_dir))
    tapnet("down", "--all")
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


# ---- those that are made by hand ----

def whole(packet):
    """Are the checksums of all that is in the packet right: those that scapy computes anew?"""
    layers = [layer for layer in (TCP, UDP, *ICMP6) if layer in packet]
    fresh = IPv6(bytes(packet))
    for layer in layers:
        del fresh[layer].fields["chksum" if layer in (TCP, UDP) else "cksum"]
    fresh = IPv6(bytes(fresh))
    return all(fresh[layer].getfieldval("chksum" if layer in (TCP, UDP) else "cksum") ==
               packet[layer].getfieldval("chksum" if layer in (TCP, UDP) else "cksum") for layer in layers)


ICMP6 = (ICMPv6EchoRequest, ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded, ICMPv6ParamProblem, ICMPv6ND_NA)
WHAT = {
    "udp": UDP(sport=1111, dport=2222) / Raw(b"hello"),
    "udp-without-a-checksum": UDP(sport=1111, dport=2222, chksum=0) / Raw(b"hello"),
    "tcp": TCP(sport=1111, dport=2222, flags="S", seq=7),
    "ping": ICMPv6EchoRequest(id=7, seq=1, data=b"hello"),
    "behind-options": IPv6ExtHdrDestOpt() / UDP(sport=1111, dport=2222) / Raw(b"hello"),
}
ERRORS = {"unreachable": ICMPv6DestUnreach(code=4), "too-big": ICMPv6PacketTooBig(mtu=1280),
          "took-too-long": ICMPv6TimeExceeded(), "not-understood": ICMPv6ParamProblem(ptr=40)}


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("what", WHAT)
def test_a_packet_and_the_error_that_it_earns(lab, what, kind):
    """Addresses and checksums, on the way there and, inside of the error, on the way back."""
    lab.up()
    one, two = hand(lab, "lab-one", "lab-two")
    sent = IPv6(bytes(IPv6(src=INSIDE, dst=TWO) / WHAT[what]))
    say(one, sent)
    got = heard(two, lambda frame: frame[IPv6].src == ONE)
    assert (got.src, got.dst) == (ONE, INSIDE) and (whole(got) or what == "udp-without-a-checksum")
    say(two, IPv6(src=INSIDE, dst=ONE) / ERRORS[kind] / got)
    back = heard(one, lambda frame: type(ERRORS[kind]) in frame)
    assert (back.src, back.dst) == (TWO, INSIDE)
    told = IPv6(bytes(back[type(ERRORS[kind])].payload))
    assert (told.src, told.dst) == (INSIDE, TWO)
    body = bytes(back)[40:]
    pseudo = socket.inet_pton(socket.AF_INET6, TWO) + socket.inet_pton(socket.AF_INET6, INSIDE)
    assert checksum(pseudo + struct.pack("!II", len(body), 58) + body) == 0, "the error's own"
    sent.hlim -= 1  # as it went out, but for what a router changes
    if what == "behind-options":
        assert bytes(told)[:40] == bytes(sent)[:40] and bytes(told)[-5:] == b"hello"
    else:
        assert bytes(told) == bytes(sent), "what comes back is what was sent, to the last checksum"


def test_an_error_with_little_of_the_packet(lab):
    """Too little for a checksum of TCP: then that of the error follows the address."""
    lab.up()
    one, two = hand(lab, "lab-one", "lab-two")
    say(one, IPv6(src=INSIDE, dst=TWO) / TCP(sport=1111, dport=2222, flags="S"))
    got = heard(two, lambda frame: TCP in frame)
    say(two, IPv6(src=INSIDE, dst=ONE) / ICMPv6DestUnreach(code=1) / Raw(bytes(got)[:48]))
    back = heard(one, lambda frame: ICMPv6DestUnreach in frame)
    told = IPv6(bytes(back[ICMPv6DestUnreach].payload))
    assert whole(back) and (told.src, told.dst) == (INSIDE, TWO)


def test_errors_of_the_host_and_of_the_outside(lab):
    """Its time ran out at the host; nobody listens outside, as NAT66 has it; it does not fit the way."""
    lab.up()
    lab.host.run("ip", "link", "set", "eth0", "mtu", "1300")
    one, = hand(lab, "lab-one")
    for packet, kind in ((IPv6(src=INSIDE, dst=FAR, hlim=1) / UDP(sport=5, dport=6) / Raw(b"x"), ICMPv6TimeExceeded),
                         (IPv6(src=INSIDE, dst=NEAR) / UDP(sport=5, dport=6) / Raw(b"x"), ICMPv6DestUnreach),
                         (IPv6(src=INSIDE, dst=NEAR) / UDP(sport=5, dport=6) / Raw(b"x" * 1400), ICMPv6PacketTooBig)):
        say(one, packet)
        back = heard(one, lambda frame, kind=kind: kind in frame)
        assert back.dst == INSIDE and whole(back), kind
        assert (back[IPerror6].src, back[IPerror6].dst) == (INSIDE, packet.dst)
        sent = IPv6(bytes(packet))[UDP]
        assert (back[IPerror6].payload.sport, back[IPerror6].payload.chksum) == (5, sent.chksum)


def test_a_clone_that_takes_short_packets_alone(lab):
    """The host remembers that, and finds it all the same."""
    lab.up()
    one, = hand(lab, "lab-one")
    lab.host.popen("ping", "-6", "-c", "3", "-i", "0.3", "-s", "1400", ONE)
    whole_one = heard(one, lambda frame: ICMPv6EchoRequest in frame)
    say(one, IPv6(src=INSIDE, dst=whole_one.src) / ICMPv6PacketTooBig(mtu=1280) / Raw(bytes(whole_one)[:1000]))
    wait_for(lambda: "mtu 1280" in lab.host.run("ip", "-6", "route", "show", "cache").stdout)
    assert heard(one, lambda frame: IPv6ExtHdrFragment in frame).dst == INSIDE
    lab.host.popen("ping", "-6", "-c", "1", ONE)
    assert heard(one, lambda frame: ICMPv6EchoRequest in frame and IPv6ExtHdrFragment not in frame).dst == INSIDE


def test_fragments_of_clones_are_told_apart(lab):
    """All of them number their packets alike; nobody's end is put to another's beginning."""
    lab.up()
    one, two, three = hand(lab, "lab-one", "lab-two", "lab-three")
    third = lab.ports["three"]["addresses"][1]
    parts = {guest: fragment6(IPv6(src=INSIDE, dst=third) / IPv6ExtHdrFragment(id=777) /
                              UDP(sport=5, dport=6) / Raw(letter * 1600), 1280)
             for guest, letter in ((one, b"A"), (two, b"B"))}
    for ours, theirs in zip(parts[one], parts[two]):
        say(one, ours)
        say(two, theirs)
    got = {}
    for frame in three.receive(1):
        if IPv6ExtHdrFragment in frame:
            got.setdefault(frame[IPv6].src, []).append(frame[IPv6ExtHdrFragment])
    for source, letter in ((ONE, b"A"), (TWO, b"B")):
        data = b"".join(bytes(part.payload) for part in sorted(got[source], key=lambda part: part.offset))
        assert data[8:] == letter * 1600
        assert whole(IPv6(bytes(IPv6(src=source, dst=INSIDE, nh=17) / Raw(data)))), "the checksum fits the whole"


def test_neighbour_discovery_on_its_own_cable(lab):
    """For the router the kernel answers, for the gateway and neighbours the service, for the address inside nobody."""
    lab.up()
    one, two = hand(lab, "lab-one", "lab-two")

    def whom(target, source=INSIDE):
        options = [] if source == "::" else [ICMPv6NDOptSrcLLAddr(lladdr=MAC)]
        query = IPv6(src=source, dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt=target)
        for option in options:
            query /= option
        say(one, query, to="33:33:ff:00:00:01")
        answer = heard(one, lambda frame: ICMPv6ND_NA in frame and frame[ICMPv6ND_NA].tgt == target, 0.5)
        assert answer is None or (answer.dst == source and whole(answer))
        return answer and answer[ICMPv6NDOptDstLLAddr].lladdr
    assert whom(ROUTER) == whom(ROUTER, LINK_LOCAL) == whom(GATEWAY) == whom(TWO) == whom(ONE) == one.gateway_mac
    assert whom(INSIDE, "::") is None and whom(INSIDE) is None
    say(one, IPv6(src=INSIDE, dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt=INSIDE, S=0, O=1) /
        ICMPv6NDOptDstLLAddr(lladdr=MAC), to="33:33:00:00:00:01")
    say(one, IPv6(src=LINK_LOCAL, dst="ff02::2", hlim=255) / ICMPv6ND_RS(), to="33:33:00:00:00:02")
    said = heard(one, lambda frame: ICMPv6ND_RA in frame and frame[IPv6].dst == LINK_LOCAL)
    assert (said[ICMPv6ND_RA].M, said[ICMPv6NDOptPrefixInfo].A, said[ICMPv6NDOptPrefixInfo].L) == (1, 0, 0)
    say(one, IPv6(src=INSIDE, dst="ff02::2", hlim=255) / ICMPv6ND_RS(), to="33:33:00:00:00:02")
    assert heard(one, lambda frame: ICMPv6ND_RA in frame and frame[IPv6].dst == INSIDE)
    assert blocked(lab.tapnet) == 0
    entries = lab.host.json("ip", "-j", "-6", "neigh", "show", "dev", "lab-one")
    assert {(entry["dst"], entry["lladdr"]) for entry in entries} >= {(INSIDE, MAC), (ONE, MAC)}
    assert all(entry["lladdr"] == MAC for entry in entries), "what it says changes nothing"


def test_it_has_its_own_addresses_and_no_others(lab, tapnet):
    """What it forges is dropped and counted, and goes to nobody."""
    lab.up()
    one, two = hand(lab, "lab-one", "lab-two")
    third = lab.ports["three"]["addresses"][1]
    list(two.receive(0.3))
    told = IPv6(src=FAR, dst=third) / UDP(sport=9, dport=9)
    link = {"hlim": 255, "dst": "ff02::1"}
    forged = [IPv6(src=source, dst=TWO) / UDP(dport=9999) for source in (TWO, third, GATEWAY, FAR, INSIDE[:-1] + "8")]
    forged += [IPv6(src=INSIDE, **link) / ICMPv6ND_NA(tgt=TWO) / ICMPv6NDOptDstLLAddr(lladdr=MAC),
               IPv6(src=INSIDE, **link) / ICMPv6ND_NA(tgt=ROUTER, R=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=MAC),
               IPv6(src="::", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt=GATEWAY),
               IPv6(src="::", dst="ff02::1:ff01:2", hlim=255) / ICMPv6ND_NS(tgt=TWO),
               IPv6(src=LINK_LOCAL, **link) / ICMPv6ND_RA(), IPv6(src=INSIDE, **link) / ICMPv6ND_RA(),
               IPv6(src=LINK_LOCAL, dst=TWO) / UDP(dport=9999),
               IPv6(src=LINK_LOCAL, dst=GATEWAY) / ICMPv6DestUnreach() / told]
    for packet in forged:
        say(one, packet)
    say(one, IPv6(src=INSIDE, dst=TWO) / UDP(dport=9999), mac="52:54:00:99:99:99")
    say(one, IPv6(src=INSIDE, dst=TWO) / ICMPv6DestUnreach() / told)
    say(one, IPv6(src=INSIDE, dst=TWO) / UDP(dport=4444))
    frames = [frame for frame in two.receive(1) if IPv6 in frame and ICMPv6MLReport2 not in frame]
    assert [frame[UDP].dport for frame in frames if UDP in frame] == [4444], [frame.summary() for frame in frames]
    errors = [frame for frame in frames if ICMPv6DestUnreach in frame]
    assert [frame[IPerror6].dst for frame in errors] == [ONE] and all(whole(frame[IPv6]) for frame in errors)
    wait_for(lambda: blocked(tapnet) == len(forged) + 1, why="they are counted")


# ---- what is yet to be done to a packet: checksums, and cutting it ----

NEEDS_CHECKSUM, TCP_TO_CUT = 1, 4


class Offloaded(HandMade):
    """One whose TAP takes and gives packets that are not finished, as those of VMMs do."""

    def open(self, device):
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", device.encode(), 0x5002))  # TUNSETIFF, with a vnet header
        fcntl.ioctl(fd, 0x400454D0, 0x01 | 0x04)  # TUNSETOFFLOAD: checksums, TCP by IPv6
        return fd


def summed(source, destination, length, protocol):
    """The sum over the pseudo header, which stands where the checksum is to be."""
    pseudo = (socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination) +
              struct.pack("!II", length, protocol))
    return ~checksum(pseudo) & 0xffff


def test_packets_that_are_not_finished(lab):
    lab.up()
    two, = hand(lab, "lab-two")
    mac = lab.host.json("ip", "-j", "link", "show", "lab-one")[0]["address"]
    one = in_netns(lab.host, lambda: Offloaded("lab-one", MAC, INSIDE, GATEWAY, mac))
    wait_for(lambda: "LOWER_UP" in lab.host.json("ip", "-j", "link", "show", "lab-one")[0]["flags"])
    data = bytes(range(250)) * 8
    packet = IPv6(src=INSIDE, dst=TWO) / TCP(sport=5, dport=6, flags="A", seq=1000,
                                             chksum=summed(INSIDE, TWO, 20 + len(data), 6)) / Raw(data)
    os.write(one.fd, struct.pack("=BBHHHH", NEEDS_CHECKSUM, TCP_TO_CUT, 74, 1000, 54, 16) +
             bytes(Ether(src=MAC, dst=mac) / packet))
    segments = [frame[IPv6] for frame in two.receive(1) if TCP in frame]
    assert [segment.src for segment in segments] == [ONE, ONE] and all(whole(segment) for segment in segments)
    assert b"".join(bytes(segment[TCP].payload) for segment in segments) == data
    with in_netns(lab.host, lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as sender:
        sender.sendto(b"hello", (ONE, 9999))
    frames = []
    wait_for(lambda: select.select([one.fd], [], [], 0.1)[0] and frames.append(os.read(one.fd, 65535)) or
             any(b"hello" in frame for frame in frames))
    frame = next(frame for frame in frames if b"hello" in frame)
    got = Ether(frame[10:])[IPv6]
    assert frame[0] == NEEDS_CHECKSUM and struct.unpack("=HH", frame[6:10]) == (54, 6)
    assert (got.src, got.dst) == (GATEWAY, INSIDE) and got[UDP].chksum == summed(GATEWAY, INSIDE, 13, 17)


# ---- what is said of them ----

def test_what_they_are_told_and_what_is_told_of_them(lab, tapnet):
    lab.up()
    said = tapnet("status").stdout
    assert f"clones that are all 10.20.0.5 and {INSIDE} inside" in said and ONE in said
    assert tapnet.status("lab")["inside6"] == INSIDE
    assert f"address add {INSIDE}/128" in tapnet("status", "--guest", "lab/one").stdout
    told = tapnet.json("status", "--guest", "lab/one", "--json")
    assert told["addresses"] == ["10.20.0.5/16", f"{INSIDE}/128"] and told["gateway6"] == ROUTER
    planned = tapnet("plan", tapnet.file(IP4_ALONE), check=False).stdout
    assert "- table inet tapnet-clones6\n" in planned and "- table inet tapnet-clones\n" not in planned
    lab.up(IP4_ALONE)
    assert "clones that are all 10.20.0.5 inside" in tapnet("status").stdout
    assert "inside6" not in tapnet.status("lab")


def test_why_follows_their_packets(lab, tapnet):
    lab.up()
    one, _ = plug(lab, "one", "two")
    assert one.reaches(TWO)
    for words in (["lab/one", TWO], ["lab/one", FAR], ["host", ONE], ["lab/one", TWO, "--trace"]):
        said = tapnet("why", *words, check=False).stdout
        assert "nothing that can be seen stops it" in said and f"{INSIDE} inside" in said, (words, said)
    for words in (["flush", "map", "inet", "tapnet-clones6", "insides6"],
                  ["delete", "table", "inet", "tapnet-clones6"]):
        lab.host.run("nft", *words)
        said = json.loads(tapnet("why", "lab/one", FAR, "--json", check=False).stdout)
        stop = next(step for step in said["steps"] if step["verdict"] == "stops")
        assert stop["name"] == "clone" and "tapnet up" in stop["command"] and not one.reaches(FAR, wait=1)
        lab.up()
        assert one.reaches(FAR)


def test_what_others_damage_is_put_back(world, host):
    """Of tables, of neighbours: by the keeper, which makes all of it anew as it was."""
    add_ipv6(world)
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB))
    own = ["inet", "tapnet-clones6"]
    there = host.run("nft", "list", "table", *own).stdout
    for words in (["delete", "table", *own], ["flush", "chain", *own, "to_clone_tell"],
                  ["flush", "map", *own, "insides6"], ["flush", "ruleset"]):
        host.run("nft", *words)
        wait_for(lambda: host.run("nft", "list", "table", *own, check=False).stdout == there, 20)
    for address in (INSIDE, ONE):
        host.run("ip", "-6", "neigh", "delete", address, "dev", "lab-one")
        wait_for(lambda address=address: address in host.run("ip", "-6", "neigh", "show", "nud", "permanent").stdout)
    assert tapnet("status").returncode == 0
    tapnet("down", "--all")
