# SPDX-License-Identifier: MIT
"""Clones: guests from one snapshot, all with the same MAC and address inside, each with an address of its own outside.

      host under test                                                    outside
    +----------------------------------------------------------------+  +----------------------------+
    | one    52:54:..:56  10.20.0.5 ── lab-one    is 10.20.1.1 here  |  |                            |
    | two    52:54:..:56  10.20.0.5 ── lab-two    is 10.20.1.2 here  eth0 ─ 192.0.2.1  198.51.100.1 |
    | three  52:54:..:56  10.20.0.5 ── lab-three  is 10.20.1.3 here  |  |                            |
    |              gateway 10.20.0.1, on each of them                |  |                            |
    +----------------------------------------------------------------+  +----------------------------+
"""

import json

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, UDPerror, fragment
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from tap_guest import Guest
from tapnet_test.build import Tapnet
from tapnet_test.cni import Refused, Runtime
from tapnet_test.listener import Listener
from tapnet_test.nsguest import Connection, NamespaceGuest
from tapnet_test.service import in_netns
from tapnet_test.serving import serve
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for

MAC, INSIDE, GATEWAY = "52:54:00:12:34:56", "10.20.0.5", "10.20.0.1"
ONE, TWO, THREE = "10.20.1.1", "10.20.1.2", "10.20.1.3"
OUTSIDE, FAR = "192.0.2.1", "198.51.100.1"
LAB = """
networks:
  lab:
    mode: {mode}
    subnet: 10.20.0.1/16
    clones: {{ mac: "52:54:00:12:34:56", address: 10.20.0.5 }}{more}
    ports:
      one: {{ address: 10.20.1.1{one} }}
      two: {{ address: 10.20.1.2 }}
      three: {{ address: 10.20.1.3 }}
"""


@pytest.fixture
def lab(tapnet, host, world):
    """lab.up() brings the file up, lab.plug() its clones, as namespaces, lab.hand() one that is made by hand."""
    class Lab:
        made = []

        def up(self, mode="nat", more="", one=""):
            if mode == "routed":
                world.outside.run("ip", "route", "replace", "10.20.0.0/16", "via", "192.0.2.2")
            return tapnet("up", tapnet.file(LAB.format(mode=mode, more=more, one=one)))

        def plug(self):
            for port in tapnet.status("lab")["ports"]:
                self.made.append(NamespaceGuest(host, port, 16, INSIDE))
                self.made[-1].netns.run("ip", "route", "add", "default", "via", GATEWAY)
            return self.made

        def hand(self, device):
            mac = host.json("ip", "-j", "link", "show", device)[0]["address"]
            guest = in_netns(host, lambda: Guest(device, MAC, INSIDE, GATEWAY, mac))
            wait_for(lambda: "LOWER_UP" in host.json("ip", "-j", "link", "show", device)[0]["flags"])
            return guest

    lab = Lab()
    lab.made = []
    yield lab
    for guest in lab.made:
        guest.close()


def reaches(netns, address):
    return netns.run("ping", "-c1", "-W1", address, check=False).returncode == 0


def loads(netns, url):
    return netns.run("curl", "-sS", "-m3", url, check=False).returncode == 0


# ---- three of them, with kernels of their own ----

@pytest.mark.parametrize("mode", ["nat", "routed"])
def test_they_reach_each_other_the_host_and_the_outside(lab, host, world, mode):
    lab.up(mode)
    one, two, three = lab.plug()
    for guest, others in ((one, (TWO, THREE)), (two, (ONE, THREE)), (three, (ONE, TWO))):
        for address in (*others, GATEWAY, OUTSIDE, FAR):
            assert reaches(guest.netns, address), address
        assert loads(guest.netns, f"http://{FAR}/")
    listener = Listener(world.outside, "out0")
    for guest in (one, two, three):
        assert loads(guest.netns, f"http://{OUTSIDE}/")
    seen = {packet[IP].src for _, data in listener.end() if TCP in (packet := Ether(data))}
    assert seen == ({"192.0.2.2"} if mode == "nat" else {ONE, TWO, THREE})
    for address in (ONE, TWO, THREE):
        assert reaches(host, address)
    assert not reaches(host, INSIDE), "that is nobody outside"


def test_a_connection_from_one_to_the_other(lab):
    lab.up()
    one, two, _ = lab.plug()
    two.address = TWO
    connection = Connection(one, two)
    for _ in range(3):
        connection.exchange()


def test_from_outside_by_a_forward_and_by_a_route(lab, host, world):
    lab.up(one=", forward: 8080:80")
    one, two, _ = lab.plug()
    serve(one.netns)
    assert loads(world.outside, "http://192.0.2.2:8080/") and loads(host, "http://127.0.0.1:8080/")
    assert loads(two.netns, "http://192.0.2.2:8080/") and loads(two.netns, f"http://{ONE}/")
    assert loads(one.netns, "http://192.0.2.2:8080/"), "by the host to itself"


def test_apart_and_isolated(lab, host):
    lab.up(more="\n    ports_see_each_other: false")
    one, two, _ = lab.plug()
    assert reaches(one.netns, OUTSIDE) and not reaches(one.netns, TWO) and not reaches(two.netns, ONE)
    lab.up("isolated")
    assert not reaches(one.netns, OUTSIDE) and not reaches(host, ONE)
    wait_for(lambda: reaches(one.netns, TWO))


def test_ports_come_and_go_without_touching_the_others(lab, tapnet):
    lab.up()
    one, two, _ = lab.plug()
    two.address = TWO
    connection = Connection(one, two)
    connection.exchange()
    for number in range(3):
        made = tapnet.json("attach", "lab", "--json")
        assert made["mac"] == MAC and made["addresses"][0].split("/")[0] not in (INSIDE, ONE, TWO, THREE)
        connection.exchange()
        tapnet("detach", f"lab/{made['port']}")
        connection.exchange()


def test_the_names_of_clones(lab):
    lab.up()
    one = lab.plug()[0]
    assert one.netns.run("dig", "+short", f"@{GATEWAY}", "two.lab").stdout.strip() == TWO
    assert one.netns.run("dig", "+short", f"@{GATEWAY}", "-x", TWO).stdout.strip() == "two.lab."
    assert one.netns.run("dig", "+short", "+tcp", f"@{GATEWAY}", "outside.example").stdout.strip() == OUTSIDE


def test_without_trace_and_unchanged(lab, host, tapnet):
    before = snapshot(host, run_dir=tapnet.run_dir)
    lab.up()
    there = snapshot(host, run_dir=tapnet.run_dir)
    assert "all is as wanted" in lab.up().stdout
    assert_same(there, snapshot(host, run_dir=tapnet.run_dir))
    assert tapnet("status").returncode == 0
    tapnet("down", "--all")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_a_network_becomes_one_of_clones_and_is_none_again(lab, tapnet, host):
    plain = "networks: { lab: { subnet: 10.20.0.1/16, subnet6: none, ports: { one: { address: 10.20.1.1 } } } }\n"
    tapnet("up", tapnet.file(plain))
    before = snapshot(host, run_dir=tapnet.run_dir)
    lab.up()
    assert tapnet("status").returncode == 0
    lab.hand("lab-one")
    tapnet("up", tapnet.file(plain))
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_a_clone_reaches_itself_by_its_address_outside(lab):
    """As programs do that tell others where they are, and then connect to all of them."""
    lab.up()
    one = lab.plug()[0]
    serve(one.netns)
    assert reaches(one.netns, ONE) and loads(one.netns, f"http://{ONE}/")


# ---- one that is made by hand, and says what it likes ----

def whole(packet):
    """Are all checksums of the packet right: those that scapy computes anew? UDP may have none."""
    layers = [layer for layer in (IP, TCP, UDP, ICMP) if layer in packet and packet[layer].chksum]
    fresh = IP(bytes(packet))
    for layer in layers:
        del fresh[layer].chksum
    fresh = IP(bytes(fresh))
    return all(fresh[layer].chksum == packet[layer].chksum for layer in layers)


def heard(guest, wanted, seconds=2):
    return next((frame[IP] for frame in guest.receive(seconds) if IP in frame and wanted(frame)), None)


@pytest.mark.parametrize("what", [
    UDP(sport=1111, dport=2222) / Raw(b"hello"),
    UDP(sport=1111, dport=2222, chksum=0) / Raw(b"hello"),
    TCP(sport=1111, dport=2222, flags="S", seq=7),
    ICMP(id=7, seq=1) / Raw(b"hello")], ids=["udp", "udp-without-a-checksum", "tcp", "ping"])
def test_a_packet_and_the_error_that_it_earns(lab, what):
    """Addresses and checksums, on the way there and, inside of the error, on the way back."""
    lab.up()
    one, two = lab.hand("lab-one"), lab.hand("lab-two")
    sent = IP(src=INSIDE, dst=TWO) / what
    one.send(Ether(src=MAC, dst=one.gateway_mac) / sent)
    got = heard(two, lambda frame: frame[IP].src == ONE)
    assert (got.src, got.dst) == (ONE, INSIDE) and whole(got)
    error = IP(src=INSIDE, dst=ONE) / ICMP(type=3, code=3) / IP(bytes(got))
    two.send(Ether(src=MAC, dst=two.gateway_mac) / error)
    back = heard(one, lambda frame: ICMP in frame and frame[ICMP].type == 3)
    assert (back.src, back.dst) == (TWO, INSIDE) and whole(back)
    told = IP(bytes(back[ICMP].payload))
    assert (told.src, told.dst) == (INSIDE, TWO)
    fresh = IP(bytes(IP(bytes(sent))))  # as it went out, but for what a router changes: the time to live
    fresh.ttl -= 1
    del fresh.chksum
    assert bytes(told) == bytes(fresh), "what comes back is what was sent, to the last checksum"


def test_an_error_with_eight_bytes_alone(lab):
    lab.up()
    one, two = lab.hand("lab-one"), lab.hand("lab-two")
    one.send(Ether(src=MAC, dst=one.gateway_mac) / IP(src=INSIDE, dst=TWO) / TCP(sport=1111, dport=2222, flags="S"))
    got = heard(two, lambda frame: TCP in frame)
    error = IP(src=INSIDE, dst=ONE) / ICMP(type=3, code=1) / Raw(bytes(got)[:28])
    two.send(Ether(src=MAC, dst=two.gateway_mac) / error)
    back = heard(one, lambda frame: ICMP in frame and frame[ICMP].type == 3)
    told = IP(bytes(back[ICMP].payload))
    assert whole(back) and (told.src, told.dst) == (INSIDE, TWO)
    head = bytes(told)[:20]
    assert sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2)) % 0xffff == 0, "its own checksum"


def test_errors_of_the_host_and_of_the_outside(lab, world, host):
    """Its time ran out at the host; nobody listens outside; it does not fit the way."""
    lab.up()
    one = lab.hand("lab-one")
    for packet, kind in ((IP(src=INSIDE, dst=FAR, ttl=1) / UDP(sport=5, dport=6) / Raw(b"x"), 11),
                         (IP(src=INSIDE, dst=OUTSIDE) / UDP(sport=5, dport=6) / Raw(b"x"), 3)):
        one.send(Ether(src=MAC, dst=one.gateway_mac) / packet)
        back = heard(one, lambda frame, kind=kind: ICMP in frame and frame[ICMP].type == kind)
        assert back.dst == INSIDE and whole(back)
        assert (back[IPerror].src, back[IPerror].dst) == (INSIDE, packet.dst)
        assert back[UDPerror].sport == 5


def test_fragments_of_clones_are_told_apart(lab):
    """All of them number their packets alike; nobody's end is put to another's beginning."""
    lab.up()
    one, two, three = (lab.hand(f"lab-{name}") for name in ("one", "two", "three"))
    parts = {guest: fragment(IP(src=INSIDE, dst=THREE, id=777) / UDP(sport=5, dport=6) / Raw(letter * 1600), 800)
             for guest, letter in ((one, b"A"), (two, b"B"))}
    for ours, theirs in zip(parts[one], parts[two]):
        one.send(Ether(src=MAC, dst=one.gateway_mac) / ours)
        two.send(Ether(src=MAC, dst=two.gateway_mac) / theirs)
    got = {}
    for frame in three.receive(1):
        if IP in frame:
            got.setdefault(frame[IP].src, []).append(frame[IP])
    for source, letter in ((ONE, b"A"), (TWO, b"B")):
        data = b"".join(bytes(part.payload) for part in sorted(got[source], key=lambda part: part.frag))
        assert data[8:] == letter * 1600
        assert whole(IP(bytes(IP(src=source, dst=INSIDE, proto=17) / data))), "the checksum fits the whole"


def test_a_clone_asks_by_arp(lab, host):
    """For its gateway and its neighbours the host answers; that it is there itself nobody disputes."""
    lab.up()
    one = lab.hand("lab-one")

    def whom(target, source=INSIDE, mac=MAC):
        one.send(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=mac, psrc=source, pdst=target))
        return next((frame[ARP].hwsrc for frame in one.receive(0.4)
                     if ARP in frame and frame[ARP].op == 2 and frame[ARP].psrc == target), None)
    assert whom(GATEWAY) == whom(TWO) == one.gateway_mac
    assert whom(INSIDE) is None and whom(INSIDE, source="0.0.0.0") is None
    assert whom(GATEWAY, source=TWO) is None and whom(GATEWAY, mac="52:54:00:99:99:99") is None


@pytest.mark.parametrize("strict", ["0", "1"])
def test_the_host_checks_where_packets_come_from(lab, host, strict):
    """net.ipv4.conf.*.rp_filter: by lab-one there is no route to what all have inside."""
    host.run("sysctl", "-qw", f"net.ipv4.conf.all.rp_filter={strict}", f"net.ipv4.conf.default.rp_filter={strict}")
    lab.up()
    one = lab.plug()[0]
    assert reaches(one.netns, GATEWAY) and reaches(one.netns, OUTSIDE) and reaches(host, ONE)


def test_it_has_its_own_addresses_and_no_others(lab, tapnet):
    """What it forges is dropped and counted, and goes to nobody."""
    lab.up()
    one, two = lab.hand("lab-one"), lab.hand("lab-two")
    to_gateway = Ether(src=MAC, dst=one.gateway_mac)
    told = IP(src="198.51.100.1", dst=THREE) / UDP(sport=9, dport=9)
    for frame in (to_gateway / IP(src=TWO, dst=TWO) / UDP(dport=9999),
                  to_gateway / IP(src=THREE, dst=TWO) / UDP(dport=9999),
                  to_gateway / IP(src=GATEWAY, dst=TWO) / UDP(dport=9999),
                  to_gateway / IP(src="198.51.100.1", dst=TWO) / UDP(dport=9999),
                  Ether(src="52:54:00:99:99:99", dst=one.gateway_mac) / IP(src=INSIDE, dst=TWO) / UDP(dport=9999)):
        one.send(frame)
    one.send(to_gateway / IP(src=INSIDE, dst=TWO) / ICMP(type=3, code=3) / told)
    one.send(to_gateway / IP(src=INSIDE, dst=TWO) / UDP(dport=4444))
    frames = [frame for frame in two.receive(1) if IP in frame]
    assert [frame[UDP].dport for frame in frames if UDP in frame] == [4444], [frame.summary() for frame in frames]
    assert [frame[IPerror].dst for frame in frames if ICMP in frame] == [ONE], "what it tells is of itself"
    wait_for(lambda: tapnet.status("lab")["ports"][0]["blocked"] >= 5, why="they are counted")


def test_a_lease_is_of_the_address_inside(lab):
    """A snapshot whose guest has its address by DHCP asks for the same one again, and gets it."""
    lab.up()
    one = lab.hand("lab-one")
    offer, = one.discover()
    options = {option[0]: option[1] for option in offer[DHCP].options if isinstance(option, tuple)}
    assert offer[BOOTP].yiaddr == INSIDE and options["router"] == GATEWAY
    renewal = (IP(src=INSIDE, dst=GATEWAY) / UDP(sport=68, dport=67) /
               BOOTP(chaddr=bytes.fromhex(MAC.replace(":", "")), xid=9, ciaddr=INSIDE) /
               DHCP(options=[("message-type", "request"), "end"]))
    one.send(Ether(src=MAC, dst=one.gateway_mac) / renewal)
    answer = next(frame for frame in one.receive(2) if BOOTP in frame)
    kinds = {option[0]: option[1] for option in answer[DHCP].options if isinstance(option, tuple)}
    assert kinds["message-type"] == 5 and answer[BOOTP].yiaddr == INSIDE


# ---- what is said of them ----

def test_what_they_are_told_and_what_is_told_of_them(lab, tapnet, host):
    lab.up()
    said = tapnet("status").stdout
    assert f"network lab of set lab, nat, clones that are all {INSIDE} inside" in said and ONE in said
    assert tapnet.status("lab")["inside"] == INSIDE
    assert f"address add {INSIDE}/16" in tapnet("status", "--guest", "lab/one").stdout
    assert tapnet.json("status", "--guest", "lab/one", "--json")["addresses"] == [f"{INSIDE}/16"]
    told = tapnet("run", "-q", "lab/one", "--", "echo", "{mac}", "{address}").stdout.split()
    assert told == [MAC, INSIDE]
    assert f", address {ONE} ({INSIDE} inside)\n" in tapnet("run", "lab/one", "--", "true").stderr
    assert f"clones that are all {INSIDE} inside" in tapnet("graph").stdout
    planned = tapnet("plan", tapnet.file("networks: { lab: { subnet: 10.20.0.1/16 } }\n"), check=False).stdout
    assert "- table inet tapnet-clones\n" in planned


def test_why_follows_their_packets(lab, tapnet, host):
    lab.up()
    one, _, _ = lab.plug()
    assert reaches(one.netns, TWO)
    for words in (["lab/one", "lab/two"], ["lab/one", "outside"], ["host", "lab/two"],
                  ["lab/one", "lab/two", "--trace"]):
        said = tapnet("why", *words, check=False).stdout
        assert "nothing that can be seen stops it" in said, (words, said)
    host.run("nft", "add table ip other; add chain ip other f { type filter hook forward priority 0; "
             "ip saddr 10.20.1.1 drop; }")
    said = tapnet("why", "lab/one", "lab/two", check=False)
    assert said.returncode == 1 and "chain f" in said.stdout and not reaches(one.netns, TWO)
    host.run("nft", "delete", "table", "ip", "other")
    for words in (["flush", "map", "inet", "tapnet-clones", "insides"], ["delete", "table", "inet", "tapnet-clones"]):
        host.run("nft", *words)
        said = json.loads(tapnet("why", "lab/one", "outside", "--json", check=False).stdout)
        stop = next(step for step in said["steps"] if step["verdict"] == "stops")
        assert stop["name"] == "clone" and "tapnet up" in stop["command"] and not reaches(one.netns, OUTSIDE)
        lab.up()
        assert reaches(one.netns, OUTSIDE)


def test_a_container_is_no_clone(lab, tapnet, host, make_netns):
    lab.up()
    with pytest.raises(Refused, match="network lab is one of clones"):
        Runtime(host).call("ADD", netns=make_netns("box"), network="lab")
    assert len(tapnet.status("lab")["ports"]) == 3


def test_its_table_is_put_back(lab, host, world):
    """The keeper sees that somebody has deleted it, or has changed a rule of it."""
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB.format(mode="nat", more="", one="")))
    there = host.run("nft", "list", "table", "inet", "tapnet-clones").stdout
    own = ["inet", "tapnet-clones"]
    for words in (["delete", "table", *own], ["flush", "chain", *own, "to_clone_tell"],
                  ["flush", "map", *own, "insides"], ["flush", "ruleset"]):
        host.run("nft", *words)
        wait_for(lambda: host.run("nft", "list", "table", "inet", "tapnet-clones", check=False).stdout == there, 20)
    tapnet("down", "--all")
