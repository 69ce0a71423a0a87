# SPDX-License-Identifier: MIT
"""What a file may open: `host: allow` lets guests reach all of the host, `protocols: any` lets one send any kind of
frame. Nobody else's doors open with it.

      host under test, with a server on TCP and UDP port 7000
    +---------------------------------------------------------+
    | guest web ── lab-web ┐ 10.20.0.1       192.0.2.2 ── eth0
    | guest db ─── lab-db ─┴ br-lab                           |
    | guest far ── two-far ─ br-two 10.30.0.1                 |
    +---------------------------------------------------------+

By IPv6, where a test gives it to them, the networks are fd00:20::/64 and fd00:30::/64.
"""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_RA, ICMPv6NDOptDstLLAddr, ICMPv6NDOptPrefixInfo, IPv6
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

from guards_world import Wire, tcp_connects, udp_reaches
from tapnet_test.nsguest import NamespaceGuest
from tapnet_test.waiting import wait_for

LAB = """
networks:
  lab:
    {mode}
    subnet: 10.20.0.1/24
    subnet6: {subnet6}
    {host}
    ports:
      web: {{ address: 10.20.0.6, mac: "52:54:00:00:00:06"{protocols} }}
      db: {{ address: 10.20.0.7, mac: "52:54:00:00:00:07" }}
  two:
    subnet: 10.30.0.1/24
    subnet6: {far_subnet6}
    ports: {{ far: {{ address: 10.30.0.6, mac: "52:54:00:00:00:08" }} }}
"""


def lab(host_key="", protocols="", mode="", ip6=False):
    return LAB.format(mode=mode and f"mode: {mode}", host=host_key and f"host: {host_key}",
                      protocols=protocols and f", protocols: {protocols}",
                      subnet6='"fd00:20::1/64"' if ip6 else "none", far_subnet6='"fd00:30::1/64"' if ip6 else "none")


@pytest.fixture
def up(tapnet, host, world):
    made = {}

    def bring_up(*words, **keys):
        tapnet("up", tapnet.file(lab(*words, **keys)))
        for network, gateway in (("lab", "10.20.0.1"), ("two", "10.30.0.1")):
            for port in tapnet.status(network)["ports"]:
                if port["name"] not in made:
                    made[port["name"]] = NamespaceGuest(host, port)
                    made[port["name"]].netns.run("ip", "route", "add", "default", "via", gateway)
                    if len(port["addresses"]) > 1:
                        add_ip6(made[port["name"]], port["addresses"][1])
        wait_for(lambda: made["web"].netns.run("ping", "-c1", "-W1", "10.20.0.1", check=False).returncode == 0)
        return made

    yield bring_up
    for guest in made.values():
        guest.close()
    tapnet("down", "--all")


def add_ip6(guest, address):
    guest.address6 = address
    guest.netns.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0", "net.ipv6.conf.eth0.accept_ra=0",
                    "net.ipv6.conf.eth0.disable_ipv6=0")
    guest.netns.run("ip", "-6", "address", "add", f"{address}/64", "dev", "eth0", "nodad")
    guest.netns.run("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0")


def reaches(host, guest, address):
    return (udp_reaches(guest.netns, host, address, 7000) is not None,
            tcp_connects(guest.netns, host, address, 7001))


@pytest.mark.parametrize("mode", ["", "routed"])
def test_a_host_that_is_open_is_open_to_that_network_alone(up, host, tapnet, mode):
    guests = up(mode=mode)
    assert reaches(host, guests["web"], "10.20.0.1") == (False, False)
    up("allow", mode=mode)
    assert tapnet.status("lab")["host_open"] and "the host is open to it" in tapnet("status").stdout
    assert not tapnet.status("two")["host_open"]
    for address in "10.20.0.1", "192.0.2.2":
        assert reaches(host, guests["web"], address) == (True, True)
    assert reaches(host, guests["far"], "10.30.0.1") == (False, False)
    assert guests["web"].netns.run("ping", "-c1", "-W1", "10.30.0.6", check=False).returncode != 0
    assert tapnet("status").returncode == 0
    up(mode=mode)
    assert reaches(host, guests["web"], "10.20.0.1") == (False, False)


def test_an_open_host_is_open_by_ipv6_too(up, host, tapnet):
    host.run("ip", "-6", "address", "add", "2001:db8:a::2/64", "dev", "eth0", "nodad")
    guests = up(ip6=True)
    assert reaches(host, guests["web"], "fd00:20::1") == (False, False)
    up("allow", ip6=True)
    for address in "fd00:20::1", "2001:db8:a::2":
        assert reaches(host, guests["web"], address) == (True, True)
        assert reaches(host, guests["far"], address) == (False, False)
    assert guests["web"].netns.run("ping", "-c1", "-W1", guests["far"].address6, check=False).returncode != 0
    assert tapnet("status").returncode == 0
    up(ip6=True)
    assert reaches(host, guests["web"], "fd00:20::1") == (False, False)


def arrives(guests, frame):
    with Wire(guests["web"].netns, "eth0") as sender, Wire(guests["db"].netns, "eth0") as receiver:
        sender.send(frame)
        return receiver.receive(lambda seen: b"any kind" in bytes(seen)) is not None


def test_any_protocol_from_its_own_mac(up, tapnet):
    guests, to = up(), {"dst": "52:54:00:00:00:07"}
    tagged = Ether(**to) / Dot1Q(vlan=5) / IP(src="10.20.0.6", dst="10.20.0.7") / UDP() / Raw(b"any kind")
    other = Ether(**to, type=0x88B5) / Raw(b"any kind")
    forged = Ether(**to, src="52:54:00:00:00:99", type=0x88B5) / Raw(b"any kind")
    untagged = Ether(**to) / IP(src="10.20.0.99", dst="10.20.0.7") / UDP() / Raw(b"any kind")
    none = [Ether(**to) / tag / IP(src="10.20.0.99", dst="10.20.0.7") / UDP() / Raw(b"any kind")
            for tag in (Dot1Q(vlan=0, prio=7), Dot1AD(vlan=0), Dot1Q(vlan=0) / Dot1Q(vlan=5))]
    claim = Ether(dst="ff:ff:ff:ff:ff:ff") / ARP(op=2, psrc="10.20.0.1", pdst="10.20.0.7") / Raw(b"any kind")
    assert not arrives(guests, tagged) and not arrives(guests, other)
    up(protocols="any")
    assert arrives(guests, tagged) and arrives(guests, other)
    assert not arrives(guests, forged) and not arrives(guests, untagged) and not arrives(guests, claim)
    assert not any(arrives(guests, frame) for frame in none)  # who gets it takes such a tag off: what is behind counts
    assert tapnet("status").returncode == 0
    up()
    assert not arrives(guests, tagged) and not arrives(guests, other)


def test_any_protocol_hides_no_forged_ipv6(up):
    guests, to = up(protocols="any", ip6=True), {"dst": "52:54:00:00:00:07"}
    own, db = guests["web"].address6, guests["db"].address6
    kind = UDP() / Raw(b"any kind")
    router = ICMPv6ND_RA() / ICMPv6NDOptPrefixInfo(prefix="fd00:99::", prefixlen=64) / Raw(b"any kind")
    claim = ICMPv6ND_NA(tgt="fe80::1", R=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr="52:54:00:00:00:06") / Raw(b"any kind")
    assert arrives(guests, Ether(**to) / IPv6(src=own, dst=db) / kind)
    assert arrives(guests, Ether(**to) / Dot1Q(vlan=5) / IPv6(src=own, dst=db) / kind)
    for forged in IPv6(src="fd00:20::99", dst=db) / kind, IPv6(src=own, dst=db) / router, IPv6(src=own, dst=db) / claim:
        for tag in None, Dot1Q(vlan=0, prio=7), Dot1AD(vlan=0):
            assert not arrives(guests, Ether(**to) / tag / forged if tag else Ether(**to) / forged)


def test_a_routed_port_has_no_other_protocols(tapnet, host):
    said = tapnet("plan", tapnet.file(lab(mode="routed", protocols="any")), check=False)
    assert said.returncode == 2 and "port web: in mode routed guests have no link in common" in said.stderr
