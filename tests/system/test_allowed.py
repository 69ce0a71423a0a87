# SPDX-License-Identifier: MIT
"""What a file may open: `host: allow` lets guests reach all of the host, `protocols: any` lets one send any kind of
frame. Nobody else's doors open with it.

      host under test, with a server on TCP and UDP port 7000
    +---------------------------------------------------------+
    | guest web ── lab-web ┐ 10.20.0.1       192.0.2.2 ── eth0
    | guest db ─── lab-db ─┴ br-lab                           |
    | guest far ── two-far ─ br-two 10.30.0.1                 |
    +---------------------------------------------------------+
"""

import pytest
from scapy.layers.inet import IP, UDP
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
    subnet6: none
    {host}
    ports:
      web: {{ address: 10.20.0.6, mac: "52:54:00:00:00:06"{protocols} }}
      db: {{ address: 10.20.0.7, mac: "52:54:00:00:00:07" }}
  two:
    subnet: 10.30.0.1/24
    subnet6: none
    ports: {{ far: {{ address: 10.30.0.6, mac: "52:54:00:00:00:08" }} }}
"""


@pytest.fixture
def up(tapnet, host, world):
    made = {}

    def bring_up(host_key="", protocols="", mode=""):
        tapnet("up", tapnet.file(LAB.format(mode=mode and f"mode: {mode}", host=host_key and f"host: {host_key}",
                                            protocols=protocols and f", protocols: {protocols}")))
        for network, gateway in (("lab", "10.20.0.1"), ("two", "10.30.0.1")):
            for port in tapnet.status(network)["ports"]:
                if port["name"] not in made:
                    made[port["name"]] = NamespaceGuest(host, port)
                    made[port["name"]].netns.run("ip", "route", "add", "default", "via", gateway)
        wait_for(lambda: made["web"].netns.run("ping", "-c1", "-W1", "10.20.0.1", check=False).returncode == 0)
        return made

    yield bring_up
    for guest in made.values():
        guest.close()
    tapnet("down", "--all")


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


def test_a_routed_port_has_no_other_protocols(tapnet, host):
    said = tapnet("plan", tapnet.file(LAB.format(mode="mode: routed", host="", protocols=", protocols: any")),
                  check=False)
    assert said.returncode == 2 and "port web: in mode routed guests have no link in common" in said.stderr
