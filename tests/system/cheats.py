# SPDX-License-Identifier: MIT
"""The table of cheats: what a hostile guest sends, where it would be seen, and what counts it.

One row is one cheat. Its frames carry a token; @seen is where that would turn up if nothing stopped it. The world is
drawn in test_cheats.py; the attacker is the guest in port web.
"""

from dataclasses import dataclass
from typing import Callable

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Advertise
from scapy.layers.inet import GRE, ICMP, IP, TCP, UDP, IPOption_LSRR, IPOption_SSRR
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6MLQuery, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr,
                                ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting)
from scapy.layers.l2 import ARP, LLC, SNAP, STP, Dot1AD, Dot1Q, Dot3, Ether
from scapy.packet import Raw

BROADCAST = "ff:ff:ff:ff:ff:ff"
NOBODY = "52:54:00:99:99:99"
CONNECTIONS = 20  # that the attacker may have at once, where the file limits them
ALL_NODES = "33:33:00:00:00:01"


@dataclass
class Guests:
    """Who is who: MACs and addresses."""
    mac: str                     # the attacker's own
    gateway_mac: str
    db_gateway_mac: str          # its neighbour's: a routed network has one for each
    address: str = "10.20.0.6"   # the attacker's own
    db_mac: str = "52:54:00:00:00:07"
    db: str = "10.20.0.7"        # its neighbour
    gateway: str = "10.20.0.1"
    far: str = "10.30.0.6"       # a guest of another network
    far_gateway: str = "10.30.0.1"
    uplink: str = "192.0.2.2"    # the host's own address outside
    outside: str = "192.0.2.1"
    address6: str = ""           # the attacker's own, by IPv6
    link_local6: str = ""
    db6: str = ""
    gateway6: str = "fd00:20::1"
    router6: str = "fe80::1"
    far6: str = ""
    far_gateway6: str = "fd00:30::1"
    uplink6: str = "2001:db8:a::2"
    outside6: str = "2001:db8:a::1"

    # ---- what honest frames look like ----

    def ether(self, to="db", **fields):
        macs = {"db": self.db_mac, "host": self.gateway_mac, "all": BROADCAST}
        return Ether(**{"src": self.mac, "dst": macs.get(to, to), **fields})

    def ip(self, to="db", source=None, **fields):
        """An IPv4 packet of the attacker's to the neighbour or, for any other address, by the host."""
        return self.ether("db" if to == "db" else "host") / IP(src=source or self.address,
                                                               dst=self.db if to == "db" else to, **fields)

    def ip6(self, to="db", source=None, **fields):
        return self.ether("db" if to == "db" else "host") / IPv6(src=source or self.address6,
                                                                 dst=self.db6 if to == "db" else to, **fields)

    def from_db(self, packet):
        """What the neighbour sends by the host."""
        return Ether(src=self.db_mac, dst=self.db_gateway_mac) / packet

    def nd(self, message, source=None):
        """Neighbour discovery to all."""
        return (self.ether(ALL_NODES) / IPv6(src=source or self.link_local6, dst="ff02::1", hlim=255) / message)

    def arp(self, destination=BROADCAST, op=1, **fields):
        return self.ether(destination) / ARP(**{"op": op, "hwsrc": self.mac, "psrc": self.address, "pdst": self.db,
                                                **fields})


@dataclass
class Cheat:
    name: str
    seen: str                    # "neighbour", "host", "outside", "far": another network's guest, "table": the host's
                                 # of neighbours; "": nowhere
    frames: Callable             # of (Guests, token)
    counter: str = "blocked"     # of `tapnet status`; "": the kernel itself drops it where no rule can count
    bare: bool = True            # without guards it would be seen
    least: int = 1               # so many are counted of it
    modes: tuple = ("nat",)      # of the attacker's network
    before: Callable = None      # of (Guests): what the neighbour sends first, and that arrives where the cheat would


def one(make):
    """A cheat of one frame, with the token behind it."""
    return lambda g, token: [make(g) / Raw(token)]


BOTH = ("nat", "routed")


# ---- MACs ----

def flood_of_macs(g, token):
    return [Ether(src=f"52:54:00:77:00:{number:02x}", dst=BROADCAST) / IP(src=g.address, dst=g.db) / UDP() / Raw(token)
            for number in range(100)]


MACS = [
    Cheat("from the neighbour's MAC", "neighbour", one(lambda g: g.ether("all", src=g.db_mac) / IP(src=g.address) /
                                                       UDP())),
    Cheat("from the gateway's MAC", "neighbour", one(lambda g: g.ether("all", src=g.gateway_mac) / IP(src=g.address) /
                                                     UDP())),
    Cheat("from nobody's MAC", "neighbour", one(lambda g: g.ether("all", src=NOBODY) / IP(src=g.address) / UDP())),
    Cheat("ARP from another MAC", "neighbour", one(lambda g: Ether(src=NOBODY, dst=BROADCAST) /
                                                   ARP(hwsrc=NOBODY, psrc=g.address, pdst=g.db))),
    Cheat("IPv6 from another MAC", "neighbour", one(lambda g: g.ether("db", src=NOBODY) /
                                                    IPv6(src=g.address6, dst=g.db6) / UDP())),
    Cheat("from a hundred MACs", "neighbour", flood_of_macs, least=100),
    Cheat("from a group's MAC", "neighbour", one(lambda g: g.ether("all", src="01:00:5e:00:00:01") /
                                                 IP(src=g.address) / UDP()), counter="", bare=False),
    Cheat("from no MAC", "neighbour", one(lambda g: g.ether("all", src="00:00:00:00:00:00") / IP(src=g.address) /
                                          UDP()), counter="", bare=False),
]


# ---- IPv4 sources ----

def forged(name, source, bare=True, **ip):
    return Cheat(f"IPv4 from {name}", "neighbour", one(lambda g: g.ip("db", source(g), **ip) / UDP(dport=4000)),
                 bare=bare)


def forged_outside(name, source):
    """By a routed network it would leave; what has a martian source the kernel stops as well."""
    return Cheat(f"to the outside from {name}", "outside",
                 one(lambda g: g.ip(g.outside, source(g)) / UDP(dport=4000)), modes=BOTH)


SOURCES = [
    forged("the neighbour's address", lambda g: g.db),
    forged("the gateway's", lambda g: g.gateway),
    forged("a free address of the subnet", lambda g: "10.20.0.99"),
    forged("another network's", lambda g: g.far),
    forged("the host's uplink", lambda g: g.uplink),
    forged("no address", lambda g: "0.0.0.0"),
    forged("127.0.0.1", lambda g: "127.0.0.1"),
    forged("the broadcast address", lambda g: "255.255.255.255"),
    forged("the subnet's broadcast address", lambda g: "10.20.0.255"),
    forged("a group", lambda g: "224.0.0.1"),
    forged("another's, in a first fragment", lambda g: g.db, flags="MF"),
    forged("another's, in a later fragment", lambda g: g.db, frag=100),
    forged("another's, behind options", lambda g: g.db, options=b"\x01\x01\x01\x00"),
    forged("another's, with a wrong checksum", lambda g: g.db, chksum=1, bare=False),  # br_netfilter drops it, too
    forged_outside("the neighbour's address", lambda g: g.db),
    forged_outside("a free address of the subnet", lambda g: "10.20.0.99"),
    Cheat("ICMP from the neighbour's address", "neighbour", one(lambda g: g.ip("db", g.gateway) / ICMP(type=5, code=1,
                                                                                                  gw=g.address))),
    Cheat("TCP reset from the neighbour's address", "outside",
          one(lambda g: g.ip(g.outside, g.db) / TCP(dport=80, flags="R")), bare=False),
]


# ---- ARP ----

def says(name, modes=("nat",), **fields):
    return Cheat(f"ARP: {name}", "neighbour", one(lambda g: g.arp(**{key: value(g) if callable(value) else value
                                                                     for key, value in fields.items()})), modes=modes)


ARPS = [
    says("the gateway is here", op=2, psrc=lambda g: g.gateway),
    says("gratuitous, the gateway is here", psrc=lambda g: g.gateway, pdst=lambda g: g.gateway),
    says("gratuitous reply, the gateway is here", op=2, psrc=lambda g: g.gateway, pdst=lambda g: g.gateway),
    says("the neighbour is here", op=2, psrc=lambda g: g.db, pdst=lambda g: g.gateway),
    says("asked as the neighbour", psrc=lambda g: g.db, pdst=lambda g: g.gateway),
    says("a free address is here", op=2, psrc="10.20.0.99"),
    says("another network's gateway is here", op=2, psrc=lambda g: g.far_gateway),
    says("my address is at another MAC", op=2, hwsrc=NOBODY),
    says("my address is at the gateway's MAC", op=2, hwsrc=lambda g: g.gateway_mac),
    says("a probe that keeps the neighbour from its address", psrc="0.0.0.0", pdst=lambda g: g.db),
    says("nobody answers", op=2, psrc="0.0.0.0"),
    says("an address of eight bytes", hwlen=8),
    says("to the neighbour alone", destination="52:54:00:00:00:07", op=2, psrc=lambda g: g.gateway),
    Cheat("reverse ARP", "neighbour", one(lambda g: g.ether("all", type=0x8035) / ARP(op=3))),
    Cheat("ARP to the host, the neighbour is here", "table",
          one(lambda g: g.arp(g.gateway_mac, op=2, psrc=g.db, pdst=g.gateway))),
    Cheat("ARP to the host, as the gateway", "",
          one(lambda g: g.arp(g.gateway_mac, op=1, psrc=g.gateway, pdst=g.gateway)), modes=BOTH),
]


# ---- DHCP ----

def offer(g, sport):
    return (g.ip("db") / UDP(sport=sport, dport=68) / BOOTP(op=2, yiaddr="10.20.0.99", siaddr=g.address) /
            DHCP(options=[("message-type", "offer"), "end"]))


def request(mac, **ip):
    return (Ether(dst=BROADCAST, src=mac) / IP(**{"src": "0.0.0.0", "dst": "255.255.255.255", **ip}) /
            UDP(sport=68, dport=67) / BOOTP(chaddr=bytes.fromhex(mac.replace(":", ""))) /
            DHCP(options=[("message-type", "discover"), "end"]))


def first_fragment_of_an_offer(g, token):
    whole = bytes(UDP(sport=1067, dport=68) / (token + b"offer"))
    return [g.ip("db", flags="MF", proto=17) / whole[:24]]


DHCPS = [
    Cheat("a DHCP server", "neighbour", one(lambda g: offer(g, 67))),
    Cheat("a DHCP server by another port", "neighbour", one(lambda g: offer(g, 1067))),
    Cheat("an offer in fragments", "neighbour", first_fragment_of_an_offer),
    Cheat("an offer to all", "neighbour", one(lambda g: g.ether("all") / IP(src=g.address, dst="255.255.255.255") /
                                              UDP(sport=67, dport=68) / BOOTP(op=2))),
    Cheat("a request by another port", "neighbour", one(lambda g: g.ether("all") / IP(src=g.address,
                                                                                      dst="255.255.255.255") /
                                                        UDP(sport=1068, dport=67))),
    Cheat("a request in fragments", "neighbour", one(lambda g: request(g.mac, src=g.address, flags="MF"))),
    Cheat("a request from another MAC", "neighbour", one(lambda g: request(g.db_mac))),
    Cheat("a request in a VLAN", "neighbour", one(lambda g: g.ether("all") / Dot1Q(vlan=5) / request(g.mac)[IP])),
    Cheat("a hundred requests at once", "", lambda g, token: 100 * [bytes(request(g.mac) / Raw(token))], least=40,
          modes=BOTH),
]


# ---- IPv6 ----

def behind(*headers, message=None):
    """A router advertisement behind these extension headers."""
    def make(g):
        packet = IPv6(src=g.link_local6, dst="ff02::1", hlim=255)
        for header in (*headers, message or ICMPv6ND_RA(routerlifetime=1800)):
            packet = packet / header
        return g.ether(ALL_NODES) / packet
    return one(make)


def advertisement_in_fragments(g, token):
    payload = bytes(ICMPv6ND_RA(routerlifetime=1800)) + token + b"the rest"
    for offset, more, part in ((0, 1, payload[:32]), (4, 0, payload[32:])):
        yield (g.ether(ALL_NODES) / IPv6(src=g.link_local6, dst="ff02::1", hlim=255) /
               IPv6ExtHdrFragment(nh=58, offset=offset, m=more, id=int.from_bytes(token[-4:], "big")) / part)


def source6(name, source):
    return Cheat(f"IPv6 from {name}", "neighbour", one(lambda g: g.ip6("db", source(g)) / UDP(dport=4000)))


def neighbour6(name, message, source=None):
    return Cheat(f"ND: {name}", "neighbour", one(lambda g: g.nd(message(g), source(g) if source else None)))


IPV6 = [
    Cheat("a router advertisement", "neighbour", behind()),
    Cheat("a router advertisement behind hop-by-hop options", "neighbour", behind(IPv6ExtHdrHopByHop())),
    Cheat("a router advertisement behind destination options", "neighbour",
          behind(IPv6ExtHdrDestOpt(), IPv6ExtHdrDestOpt(), IPv6ExtHdrDestOpt())),
    Cheat("a router advertisement behind a routing header", "neighbour", behind(IPv6ExtHdrRouting(addresses=[]))),
    Cheat("a router advertisement as an atomic fragment", "neighbour", behind(IPv6ExtHdrFragment(id=1))),
    Cheat("a router advertisement in fragments", "neighbour", advertisement_in_fragments),
    Cheat("an ICMPv6 redirect", "neighbour", behind(message=ICMPv6ND_Redirect(tgt="fe80::2", dst="2001:db8::9"))),
    Cheat("a multicast listener query", "neighbour", behind(message=ICMPv6MLQuery())),
    Cheat("a DHCPv6 server", "neighbour", one(lambda g: g.ip6("db", g.link_local6) / UDP(sport=547, dport=546) /
                                              DHCP6_Advertise())),
    Cheat("a DHCPv6 server by another port", "neighbour",
          one(lambda g: g.ip6("db", g.link_local6) / UDP(sport=1547, dport=546) / DHCP6_Advertise())),
    source6("the neighbour's address", lambda g: g.db6),
    source6("the gateway's", lambda g: g.gateway6),
    source6("the gateway's link-local address", lambda g: g.router6),
    source6("an address outside", lambda g: "2001:db8::5"),
    source6("the link-local address of another MAC", lambda g: "fe80::5054:ff:fe00:7"),
    source6("no address", lambda g: "::"),
    source6("itself", lambda g: "::1"),
    source6("an IPv4 address in IPv6", lambda g: "::ffff:10.20.0.7"),
    source6("a group", lambda g: "ff02::1"),
    neighbour6("the gateway is here", lambda g: ICMPv6ND_NA(tgt=g.gateway6, R=0, O=1) /
               ICMPv6NDOptDstLLAddr(lladdr=g.mac)),
    neighbour6("the router is here", lambda g: ICMPv6ND_NA(tgt=g.router6, R=1, O=1) /
               ICMPv6NDOptDstLLAddr(lladdr=g.mac)),
    neighbour6("the neighbour is here", lambda g: ICMPv6ND_NA(tgt=g.db6, R=0, O=1) /
               ICMPv6NDOptDstLLAddr(lladdr=g.mac)),
    neighbour6("I am at another MAC", lambda g: ICMPv6ND_NA(tgt=g.address6, R=0, O=1) /
               ICMPv6NDOptDstLLAddr(lladdr=g.gateway_mac)),
    neighbour6("asked as the neighbour", lambda g: ICMPv6ND_NS(tgt=g.gateway6) / ICMPv6NDOptSrcLLAddr(lladdr=g.mac),
               lambda g: g.db6),
    neighbour6("asked with another MAC", lambda g: ICMPv6ND_NS(tgt=g.db6) / ICMPv6NDOptSrcLLAddr(lladdr=NOBODY)),
    neighbour6("a probe that keeps the neighbour from its address", lambda g: ICMPv6ND_NS(tgt=g.db6),
               lambda g: "::"),
    Cheat("ND: hidden behind an extension header", "neighbour",
          one(lambda g: g.ether(ALL_NODES) / IPv6(src=g.link_local6, dst="ff02::1", hlim=255) / IPv6ExtHdrDestOpt() /
              ICMPv6ND_NA(tgt=g.router6, R=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=g.mac))),
]


# ---- what is neither ARP nor IP ----

def tagged(g):
    return IP(src=g.address, dst=g.db) / UDP()


def kind(name, ethertype, destination="all"):
    return Cheat(name, "neighbour", one(lambda g: g.ether(destination, type=ethertype)))


FRAMES = [
    Cheat("a VLAN tag", "neighbour", one(lambda g: g.ether() / Dot1Q(vlan=5) / tagged(g))),
    Cheat("a VLAN tag of priority alone", "neighbour", one(lambda g: g.ether() / Dot1Q(vlan=0, prio=7) / tagged(g))),
    Cheat("VLAN hopping, two tags", "neighbour", one(lambda g: g.ether() / Dot1Q(vlan=1) / Dot1Q(vlan=5) / tagged(g))),
    Cheat("a provider's tag", "neighbour", one(lambda g: g.ether() / Dot1AD(vlan=5) / Dot1Q(vlan=6) / tagged(g))),
    Cheat("an old provider's tag", "neighbour", one(lambda g: g.ether(type=0x9100) / Raw(b"\0\5\x08\0") / tagged(g))),
    Cheat("spanning tree", "neighbour", one(lambda g: Dot3(dst="01:80:c2:00:00:00", src=g.mac) / LLC() / STP())),
    Cheat("IPv4 in SNAP", "neighbour", one(lambda g: Dot3(dst=g.db_mac, src=g.mac) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) /
                                           SNAP(OUI=0, code=0x0800) / tagged(g))),
    Cheat("IPv4 in PPPoE", "neighbour", one(lambda g: g.ether(type=0x8864) / Raw(b"\x11\0\0\1\0\x20\0\x21") /
                                            tagged(g))),
    Cheat("IPv4 in MPLS", "neighbour", one(lambda g: g.ether(type=0x8847) / Raw(b"\0\1\1\x40") / tagged(g))),
    kind("a PPPoE server", 0x8863),
    kind("LLDP", 0x88CC, "01:80:c2:00:00:0e"),
    kind("802.1X", 0x888E, "01:80:c2:00:00:03"),
    kind("MACsec", 0x88E5),
    kind("a loopback test", 0x9000),
    kind("wake on LAN", 0x0842),
    kind("a clock", 0x88F7),
    kind("an experimental protocol", 0x88B5),
    Cheat("a pause", "neighbour", one(lambda g: g.ether("01:80:c2:00:00:01", type=0x8808)), counter="", bare=False),
    Cheat("link aggregation", "neighbour", one(lambda g: g.ether("01:80:c2:00:00:02", type=0x8809)), counter="",
          bare=False),
]


# ---- the host ----

def at_host(name, address, payload, modes=BOTH, **more):
    return Cheat(f"to the host: {name}", "host", one(lambda g: g.ip(address(g)) / payload(g)), modes=modes, **more)


def at_host6(name, address, payload, source=None):
    return Cheat(f"to the host by IPv6: {name}", "host",
                 one(lambda g: g.ip6(address(g), source(g) if source else None) / payload(g)), modes=BOTH)


HOST = [
    at_host("SSH at the gateway", lambda g: g.gateway, lambda g: TCP(dport=22, flags="S")),
    at_host("SNMP at the gateway", lambda g: g.gateway, lambda g: UDP(dport=161)),
    at_host("its private DNS port", lambda g: g.gateway, lambda g: UDP(dport=10053)),
    at_host("SSH at its uplink's address", lambda g: g.uplink, lambda g: TCP(dport=22, flags="S")),
    at_host("a ping of its uplink's address", lambda g: g.uplink, lambda g: ICMP(id=1)),
    at_host("SSH at another network's gateway", lambda g: g.far_gateway, lambda g: TCP(dport=22, flags="S")),
    at_host("a ping of another network's gateway", lambda g: g.far_gateway, lambda g: ICMP(id=1)),
    at_host("127.0.0.1", lambda g: "127.0.0.1", lambda g: UDP(dport=30000), bare=False),
    at_host("127.0.0.53", lambda g: "127.0.0.53", lambda g: UDP(dport=53), bare=False),
    at_host("DNS at another network's gateway", lambda g: g.far_gateway, lambda g: UDP(dport=53)),
    at_host("an ICMP redirect", lambda g: g.gateway, lambda g: ICMP(type=5, code=1, gw=g.address) /
            bytes(IP(src=g.gateway, dst=g.db) / UDP())),
    at_host("what time it is", lambda g: g.gateway, lambda g: ICMP(type=13)),
    at_host("another protocol", lambda g: g.gateway, lambda g: GRE()),
    at_host("IPv4 in IPv4", lambda g: g.gateway, lambda g: IP(src=g.address, dst="127.0.0.1") / UDP()),
    Cheat("to the host: past the bridge", "host",
          one(lambda g: g.ether("01:80:c2:00:00:02") / IP(src=g.address, dst=g.uplink) / UDP(dport=30000))),
    Cheat("to the host: past the bridge, from another's address", "host",
          one(lambda g: g.ether("01:80:c2:00:00:02") / IP(src=g.outside, dst=g.uplink) / UDP(dport=30000)),
          bare=False),
    at_host6("SSH at the gateway", lambda g: g.gateway6, lambda g: TCP(dport=22, flags="S")),
    at_host6("its private DNS port", lambda g: g.gateway6, lambda g: UDP(dport=10053)),
    at_host6("SSH at its uplink's address", lambda g: g.uplink6, lambda g: TCP(dport=22, flags="S")),
    at_host6("a ping of its uplink's address", lambda g: g.uplink6, lambda g: ICMPv6EchoRequest(id=1)),
    at_host6("SSH at another network's gateway", lambda g: g.far_gateway6, lambda g: TCP(dport=22, flags="S")),
    at_host6("SSH at the router", lambda g: g.router6, lambda g: TCP(dport=22, flags="S"), lambda g: g.link_local6),
    at_host6("behind a routing header", lambda g: g.gateway6,
             lambda g: IPv6ExtHdrRouting(addresses=[]) / UDP(dport=30000)),
]


# ---- errors about what others have sent ----

def lost(g, destination=None):
    """What the neighbour may have sent, as an error tells of it."""
    return bytes(IP(src=g.db, dst=destination or g.outside) / UDP(sport=4002, dport=4000))


def lost6(g):
    return IPv6(src=g.db6, dst=g.outside6) / UDP(sport=4002, dport=4000)


def error(name, **icmp):
    return Cheat(f"an error to the neighbour: {name}", "neighbour", one(lambda g: g.ip("db") / ICMP(**icmp) / lost(g)))


def error6(name, message):
    return Cheat(f"an error to the neighbour by IPv6: {name}", "neighbour",
                 one(lambda g: g.ip6("db") / message / lost6(g)))


ERRORS = [
    error("it did not arrive", type=3, code=1),
    error("it was too long", type=3, code=4, nexthopmtu=576),
    error("it was too fast", type=4),
    error("it should go elsewhere", type=5, code=1, gw="10.20.0.6"),
    error("it took too long", type=11),
    error("it was not understood", type=12),
    Cheat("an error to the neighbour: in fragments", "neighbour",
          one(lambda g: g.ip("db", flags="MF", proto=1) / bytes(ICMP(type=3, code=1) / lost(g))[:16])),
    Cheat("an ICMP router advertisement", "neighbour", one(lambda g: g.ip("db") / ICMP(type=9) / b"\1\2\0\5")),
    Cheat("an error about the neighbour's connection with the outside", "outside",
          one(lambda g: g.ip(g.outside) / ICMP(type=3, code=3) /
              bytes(IP(src=g.outside, dst=g.db) / UDP(sport=4000, dport=4002))), modes=BOTH,
          before=lambda g: g.from_db(IP(src=g.db, dst=g.outside) / UDP(sport=4002, dport=4000))),
    Cheat("an error about the neighbour's connection with the host", "host",
          one(lambda g: g.ip(g.gateway) / ICMP(type=3, code=3) / bytes(IP(src=g.gateway, dst=g.db) /
                                                                       ICMP(type=0, id=9))), modes=BOTH,
          before=lambda g: g.from_db(IP(src=g.db, dst=g.gateway) / ICMP(id=9))),
    error6("it did not arrive", ICMPv6DestUnreach()),
    error6("it was too long", ICMPv6PacketTooBig(mtu=1280)),
    error6("it took too long", ICMPv6TimeExceeded()),
    error6("it was not understood", ICMPv6ParamProblem()),
    error6("behind another header", IPv6ExtHdrDestOpt() / ICMPv6PacketTooBig(mtu=1280)),
    Cheat("an error about the neighbour's connection with the outside by IPv6", "outside",
          one(lambda g: g.ip6(g.outside6) / ICMPv6DestUnreach(code=4) / IPv6(src=g.outside6, dst=g.db6) /
              UDP(sport=4000, dport=4002)), bare=False, modes=BOTH,
          before=lambda g: g.from_db(IPv6(src=g.db6, dst=g.outside6) / UDP(sport=4002, dport=4000))),
]


# ---- where it may not go ----

ELSEWHERE = [
    Cheat("a cloud's metadata", "outside", one(lambda g: g.ip("169.254.169.254") / TCP(dport=80, flags="S")),
          modes=BOTH),
    Cheat("a cloud's other services", "outside", one(lambda g: g.ip("169.254.170.2") / UDP(dport=80)), modes=BOTH),
    Cheat("a cloud's metadata by IPv6", "outside", one(lambda g: g.ip6("fd00:ec2::254") / TCP(dport=80, flags="S")),
          bare=False, modes=BOTH),
    Cheat("another network's guest, UDP", "far", one(lambda g: g.ip(g.far) / UDP(dport=4000)), modes=BOTH),
    Cheat("another network's guest, TCP", "far", one(lambda g: g.ip(g.far) / TCP(dport=22, flags="S")), modes=BOTH),
    Cheat("another network's guest, ping", "far", one(lambda g: g.ip(g.far) / ICMP(id=2)), modes=BOTH),
    Cheat("another network's guest, a forged error", "far",
          one(lambda g: g.ip(g.far) / ICMP(type=3, code=3) / bytes(IP(src=g.far, dst=g.outside) / UDP())), modes=BOTH),
    Cheat("another network, all of it", "far", one(lambda g: g.ip("10.30.0.255") / UDP(dport=4000)), bare=False,
          modes=BOTH),
    Cheat("another network's guest by IPv6", "far", one(lambda g: g.ip6(g.far6) / UDP(dport=4000)), bare=False,
          modes=BOTH),
    Cheat("a loose source route", "far",
          one(lambda g: g.ip(g.gateway, options=[IPOption_LSRR(routers=[g.far])]) / UDP(dport=4000)), bare=False,
          modes=BOTH),
    Cheat("a strict source route", "far",
          one(lambda g: g.ip(g.gateway, options=[IPOption_SSRR(routers=[g.far])]) / UDP(dport=4000)), bare=False,
          modes=BOTH),
    Cheat("a source route to the neighbour", "neighbour",
          one(lambda g: g.ip("db", options=[IPOption_LSRR(routers=[g.far])]) / UDP(dport=4000))),
    Cheat("what would leave with its own address", "outside",
          one(lambda g: g.ip(g.outside) / TCP(dport=80, flags="RA", seq=1, ack=1))),
]


# ---- floods ----

def many(make, count):
    return lambda g, token: count * [bytes(make(g) / Raw(token))]


FLOODS = [
    Cheat("three thousand broadcasts", "", many(lambda g: g.ether("all") / IP(src=g.address, dst="10.20.0.255") /
                                                UDP(dport=4000), 3000), least=500),
    Cheat("three thousand multicasts", "", many(lambda g: g.ether("01:00:5e:01:01:01") / IP(src=g.address,
                                                                                            dst="224.1.1.1") /
                                                UDP(dport=4000), 3000), least=500),
    Cheat("three thousand multicasts by IPv6", "", many(lambda g: g.ether("33:33:00:00:01:01") /
                                                        IPv6(src=g.link_local6, dst="ff02::101") / UDP(dport=4000),
                                                        3000), least=500),
    Cheat("three thousand questions", "", many(lambda g: g.ip(g.gateway) / UDP(dport=53), 3000), least=500,
          modes=BOTH),
    Cheat("more connections than it may have", "",
          lambda g, token: [g.ip(g.outside) / UDP(sport=5000 + number, dport=4000) / Raw(token)
                            for number in range(60)], counter="refused_connections", least=60 - CONNECTIONS),
]


# ---- IPv6 of a routed network: all that is sent is the host's to forward, or for the host ----

def routed6(name, seen, make, **more):
    return Cheat(f"routed IPv6: {name}", seen, one(make), modes=("routed",), **more)


def forged6(name, source, **more):
    return routed6(f"to the outside from {name}", "outside", lambda g: g.ip6(g.outside6, source(g)) / UDP(dport=4000),
                   **more)


def discovery6(name, message, source=None, bare=True):
    """Neighbour discovery, as its router hears it."""
    return routed6(name, "host", lambda g: g.nd(message(g), source(g) if source else None), bare=bare)


def solicitation(g):
    return (g.ether("33:33:00:00:00:02") / IPv6(src=g.link_local6, dst="ff02::2", hlim=255) / ICMPv6ND_RS() /
            ICMPv6NDOptSrcLLAddr(lladdr=g.mac))


def named6(g, source=None):
    """A message of neighbour discovery to its router alone."""
    return g.ether("host") / IPv6(src=source or g.link_local6, dst=g.router6, hlim=255)


ROUTED6 = [
    forged6("the neighbour's address", lambda g: g.db6),
    forged6("the gateway's", lambda g: g.gateway6),
    forged6("a free address of the subnet", lambda g: "fd00:20::99"),
    forged6("another network's", lambda g: g.far6),
    forged6("an address outside", lambda g: "2001:db8::5"),
    forged6("the host's uplink", lambda g: g.uplink6),
    forged6("a link-local address", lambda g: g.link_local6, bare=False),
    forged6("the router's", lambda g: g.router6, bare=False),
    forged6("no address", lambda g: "::", bare=False),
    forged6("itself", lambda g: "::1", bare=False, counter=""),
    forged6("a group", lambda g: "ff02::1", bare=False, counter=""),
    routed6("to the outside from another MAC", "outside",
            lambda g: g.ether("host", src=NOBODY) / IPv6(src=g.address6, dst=g.outside6) / UDP(dport=4000)),
    routed6("to the outside from the neighbour's address, behind options", "outside",
            lambda g: g.ip6(g.outside6, g.db6) / IPv6ExtHdrDestOpt() / UDP(dport=4000)),
    routed6("to the outside from the neighbour's address, as a fragment", "outside",
            lambda g: g.ip6(g.outside6, g.db6) / IPv6ExtHdrFragment(id=77) / UDP(dport=4000)),
    routed6("to the neighbour from an address outside", "neighbour",
            lambda g: g.ip6(g.db6, "2001:db8::5") / UDP(dport=4000)),
    routed6("to the neighbour from the gateway's", "neighbour",
            lambda g: g.ip6(g.db6, g.gateway6) / UDP(dport=4000)),
    routed6("a ping of the gateway from the neighbour's address", "host",
            lambda g: g.ip6(g.gateway6, g.db6) / ICMPv6EchoRequest(id=1)),
    routed6("a DHCPv6 server", "neighbour",
            lambda g: g.ip6(g.db6) / UDP(sport=547, dport=546) / DHCP6_Advertise()),
    routed6("a DHCPv6 server by another port", "neighbour",
            lambda g: g.ip6(g.db6) / UDP(sport=1547, dport=546) / DHCP6_Advertise()),
    routed6("a DHCPv6 request to another server", "outside",
            lambda g: g.ip6(g.outside6) / IPv6ExtHdrDestOpt() / UDP(sport=546, dport=547)),
    discovery6("a router advertisement", lambda g: ICMPv6ND_RA(routerlifetime=1800)),
    discovery6("a router advertisement behind options",
               lambda g: IPv6ExtHdrDestOpt() / ICMPv6ND_RA(routerlifetime=1800)),
    discovery6("a router advertisement behind hop-by-hop options",
               lambda g: IPv6ExtHdrHopByHop() / ICMPv6ND_RA(routerlifetime=1800)),
    discovery6("a router advertisement as an atomic fragment",
               lambda g: IPv6ExtHdrFragment(id=1) / ICMPv6ND_RA(routerlifetime=1800)),
    discovery6("a redirect", lambda g: ICMPv6ND_Redirect(tgt="fe80::2", dst="2001:db8::9")),
    discovery6("a multicast listener query", lambda g: ICMPv6MLQuery()),
    discovery6("the gateway is here", lambda g: ICMPv6ND_NA(tgt=g.gateway6, R=0, O=1) /
               ICMPv6NDOptDstLLAddr(lladdr=g.mac)),
    discovery6("the router is here", lambda g: ICMPv6ND_NA(tgt=g.router6, R=1, O=1) /
               ICMPv6NDOptDstLLAddr(lladdr=g.mac)),
    discovery6("the neighbour is here", lambda g: ICMPv6ND_NA(tgt=g.db6, R=0, O=1) /
               ICMPv6NDOptDstLLAddr(lladdr=g.mac)),
    discovery6("the neighbour is here, behind options", lambda g: IPv6ExtHdrDestOpt() /
               ICMPv6ND_NA(tgt=g.db6, R=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=g.mac)),
    routed6("asked as the neighbour", "host",
            lambda g: named6(g, g.db6) / ICMPv6ND_NS(tgt=g.router6) / ICMPv6NDOptSrcLLAddr(lladdr=g.mac)),
    routed6("asked as the router", "host",
            lambda g: named6(g, g.router6) / ICMPv6ND_NS(tgt=g.router6) / ICMPv6NDOptSrcLLAddr(lladdr=g.mac),
            bare=False),
    routed6("asked from another MAC", "host",
            lambda g: g.ether("host", src=NOBODY) / IPv6(src=g.link_local6, dst=g.router6, hlim=255) /
            ICMPv6ND_NS(tgt=g.router6) / ICMPv6NDOptSrcLLAddr(lladdr=NOBODY)),
    routed6("a probe for the router's address", "host",
            lambda g: g.nd(ICMPv6ND_NS(tgt=g.router6), "::")),
    routed6("a probe for the neighbour's", "host", lambda g: g.nd(ICMPv6ND_NS(tgt=g.db6), "::")),
    routed6("an error about the neighbour's packets", "host",
            lambda g: g.ip6(g.gateway6) / ICMPv6PacketTooBig(mtu=1280) / lost6(g), bare=False),
    routed6("an error behind another header", "host",
            lambda g: g.ip6(g.gateway6) / IPv6ExtHdrDestOpt() / ICMPv6PacketTooBig(mtu=1280) / lost6(g), bare=False),
    Cheat("routed IPv6: a hundred questions who the router is", "",
          lambda g, token: 100 * [bytes(solicitation(g) / Raw(token))], least=40, modes=("routed",)),
    Cheat("routed IPv6: neighbours without number", "",
          lambda g, token: [named6(g, f"fe80::2:{number:x}:1:1") / ICMPv6ND_NS(tgt=g.router6) /
                            ICMPv6NDOptSrcLLAddr(lladdr=g.mac) for number in range(1, 201)], least=100,
          modes=("routed",)),
    Cheat("routed IPv6: three thousand questions", "",
          many(lambda g: g.ip6(g.gateway6) / UDP(dport=53), 3000), least=500, modes=("routed",)),
    Cheat("routed IPv6: more connections than it may have", "",
          lambda g, token: [g.ip6(g.outside6) / UDP(sport=5000 + number, dport=4000) / Raw(token)
                            for number in range(60)], counter="refused_connections", least=60 - CONNECTIONS,
          modes=("routed",)),
]

CHEATS = MACS + SOURCES + ARPS + DHCPS + IPV6 + FRAMES + HOST + ERRORS + ELSEWHERE + FLOODS + ROUTED6
