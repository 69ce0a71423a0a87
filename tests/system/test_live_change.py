# SPDX-License-Identifier: MIT
"""A file that changes while guests run: `plan` says who goes on, who has to learn something and who must be started
again, and that is what happens then.

      host under test                                     outside
    +------------------------------------------------+  +--------------------+
    | guest web ── lab-web ┐ 10.20.0.1               |  |                    |
    |                      ├ br-lab ── NAT ───────── eth0 ── 192.0.2.1       |
    | guest db ─── lab-db ─┘ then 10.21.0.1, ...     |  |                    |
    +------------------------------------------------+  +--------------------+
"""

import json
import os
import re

import pytest
from scapy.contrib.igmp import IGMP
from scapy.layers.dhcp import BOOTP
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from dhcp_lab import Wire, options
from tap_guest import Guest
from tapnet_test.build import Tapnet
from tapnet_test.nsguest import NamespaceGuest
from tapnet_test.service import in_netns
from tapnet_test.waiting import wait_for

WEB, DB = "52:54:00:00:00:06", "52:54:00:00:00:07"
LAB = f"""
networks:
  lab:
    subnet: 10.20.0.1/24
    subnet6: none
    ports:
      web: {{ address: 10.20.0.6, mac: "{WEB}" }}
      db: {{ address: 10.20.0.7, mac: "{DB}" }}
"""


def changed(*changes):
    text = LAB
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


SUBNET = changed(("10.20.0", "10.21.0"))
ROUTED = changed(("    subnet:", "    mode: routed\n    subnet:"))
ISOLATED = changed(("    subnet:", "    mode: isolated\n    subnet:"))
RENAMED = changed(("  lab:", "  office:"))
WITH_IP6 = changed(("subnet6: none", 'subnet6: "fd00:20::1/64"'))
RENUMBERED_IP6 = changed(("subnet6: none", 'subnet6: "fd00:21::1/64"'))
RENAMED_ALONE = changed(("  lab:", "  office:"), ("web: {", "web: { device: lab-web,"),
                        ("db: {", "db: { device: lab-db,"))


@pytest.fixture
def guests(tapnet, host, world):
    """Both ports are plugged; web is a namespace that can reach the outside."""
    world.outside.run("ip", "route", "add", "10.20.0.0/24", "via", "192.0.2.2")
    tapnet("up", tapnet.file(LAB))
    made = [NamespaceGuest(host, port) for port in tapnet.status("lab")["ports"]]
    for guest in made:
        guest.netns.run("ip", "route", "add", "default", "via", "10.20.0.1")
    yield made
    for guest in made:
        guest.close()
    tapnet("down", "--all")


def reaches(guest, address):
    return guest.netns.run("ping", "-c1", "-W1", address, check=False).returncode == 0


def set_up_as_told(tapnet, guest):
    guest.netns.run("sh", "-eux", input=tapnet("status", "--guest", "lab/web", "--as", "commands").stdout)


def plan(tapnet, text):
    """What it says of guests, and of whom: {port: (kind, text)}."""
    file = tapnet.file(text)
    said = json.loads(tapnet("plan", file, "--json", check=False).stdout)
    effects = {effect["port"]: (effect["kind"], effect["text"]) for effect in said["effects"]}
    printed = [line for line in tapnet("plan", file, check=False).stdout.splitlines() if " the guest in " in line]
    assert len(printed) == len([kind for kind, _ in effects.values() if kind != "keeps"])
    for line in printed:
        port, text = re.match(r"! the guest in (\S+), \S+ \(\d+\): (.*)", line).groups()
        assert effects[port][1] == text
    return effects


def index(host, name):
    return host.json("ip", "-j", "link", "show", name)[0]["ifindex"]


def test_where_nobody_is_plugged_in_nothing_is_said(tapnet, world):
    file = tapnet.file(LAB)
    assert json.loads(tapnet("plan", file, "--json", check=False).stdout)["effects"] == []
    tapnet("up", file)
    assert plan(tapnet, SUBNET) == {}
    tapnet("down", "--all")


def test_where_nothing_is_to_do_nothing_is_said(tapnet, guests):
    assert plan(tapnet, LAB) == {}
    assert tapnet("plan", tapnet.file(LAB)).stdout == "nothing to do\n"


def test_another_subnet_is_learnt(tapnet, host, guests):
    before, effects = index(host, "lab-web"), plan(tapnet, SUBNET)
    assert {kind for kind, _ in effects.values()} == {"acts"}
    assert effects["lab/web"][1].startswith("its address becomes 10.21.0.6 (now 10.20.0.6); its gateway becomes "
                                            "10.21.0.1 (now 10.20.0.1): it learns that by DHCP within half an hour")
    tapnet("up", tapnet.file(SUBNET))
    web, _ = guests
    assert index(host, "lab-web") == before
    assert not reaches(web, "10.20.0.1")
    set_up_as_told(tapnet, web)
    assert reaches(web, "10.21.0.1") and reaches(web, "192.0.2.1")


def test_who_rebinds_learns_another_subnet(tapnet, guests):
    """A renewal goes to the server's old address, for whose MAC a guest with an old address can't even ask; what
    follows it soon goes to all."""
    web, _ = guests
    wire = Wire(web.netns)
    offer = wire.ask(wire.request("discover"))
    assert offer[BOOTP].yiaddr == "10.20.0.6" and options(offer)["rebinding_time"] <= 1800
    tapnet("up", tapnet.file(SUBNET))
    assert not reaches(web, "10.20.0.1")
    rebound = wire.ask(wire.request("request", source="10.20.0.6", ciaddr="10.20.0.6"))
    assert options(rebound)["message-type"] == 6 and options(rebound)["server_id"] == "10.21.0.1"
    assert wire.ask(wire.request("discover"))[BOOTP].yiaddr == "10.21.0.6"


def test_ipv6_that_comes_changes_and_goes(tapnet, guests):
    web, _ = guests
    own, other = "fd00:20::5054:ff:fe00:6", "fd00:21::5054:ff:fe00:6"
    web.netns.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0", "net.ipv6.conf.eth0.accept_ra=0",
                  "net.ipv6.conf.eth0.disable_ipv6=0")
    for text, says, gateway, former in ((WITH_IP6, f"its IPv6 address becomes {own}: ", "fd00:20::1", None),
                                        (RENUMBERED_IP6, f"its IPv6 address becomes {other} (now {own}): ",
                                         "fd00:21::1", "fd00:20::1"),
                                        (LAB, "it has no IPv6 address any more: ", None, "fd00:21::1")):
        kind, told = plan(tapnet, text)["lab/web"]
        assert kind == "acts" and told.startswith(says)
        tapnet("up", tapnet.file(text))
        set_up_as_told(tapnet, web)
        assert reaches(web, "10.20.0.1") and (not gateway or reaches(web, gateway))
        assert not former or not reaches(web, former)


ANOTHER_MAC = "its gateway has another MAC, for which it asks within half a minute"


@pytest.mark.parametrize("text,says", [(ROUTED, f"its connections to the outside begin anew; {ANOTHER_MAC}"),
                                       (ISOLATED, "it reaches nobody outside any more")], ids=["routed", "isolated"])
def test_another_mode_keeps_guests_running(tapnet, host, guests, text, says):
    before = index(host, "lab-web")
    assert plan(tapnet, text) == {"lab/web": ("keeps", says), "lab/db": ("keeps", says)}
    printed = tapnet("plan", tapnet.file(text), check=False).stdout
    assert printed.endswith("2 guests go on as they are\n")
    tapnet("up", tapnet.file(text))
    web, db = guests
    assert index(host, "lab-web") == before
    for guest in guests:
        guest.netns.run("ip", "neigh", "flush", "all")
    assert reaches(web, db.address)
    assert reaches(web, "192.0.2.1") == (text is ROUTED)


def test_who_was_shut_in_learns_of_a_gateway(tapnet, guests):
    tapnet("up", tapnet.file(ISOLATED))
    kind, says = plan(tapnet, LAB)["lab/web"]
    assert kind == "acts"
    assert says.startswith("it reaches the outside; its gateway becomes 10.20.0.1: it learns that by DHCP")


def test_a_new_name_ends_guests_and_says_how_it_need_not(tapnet, guests):
    effects = plan(tapnet, RENAMED)
    assert effects["lab/web"] == ("restarts", "its device lab-web goes: start it again with ifname=office-web, in "
                                              "office/web (to keep it running, write `device: lab-web` there)")
    assert effects["lab/db"][0] == "restarts"


def test_a_new_name_with_the_old_devices_keeps_guests_running(tapnet, host, guests):
    before, effects = index(host, "lab-web"), plan(tapnet, RENAMED_ALONE)
    assert effects["lab/web"] == ("keeps", f"it is office/web from now on; {ANOTHER_MAC}")
    tapnet("up", tapnet.file(RENAMED_ALONE))
    web, db = guests
    assert index(host, "lab-web") == before
    web.netns.run("ip", "neigh", "flush", "all")
    wait_for(lambda: reaches(web, "192.0.2.1"))
    assert reaches(web, db.address)
    assert [port["device"] for port in tapnet.status("office")["ports"]] == ["lab-web", "lab-db"]
    assert tapnet("status").returncode == 0


def test_another_mac_and_a_port_that_goes(tapnet, guests):
    without_db = f'      db: {{ address: 10.20.0.7, mac: "{DB}" }}\n', ""
    effects = plan(tapnet, changed((WEB, "52:54:00:00:00:99"), without_db))
    assert effects == {
        "lab/web": ("restarts", "only MAC 52:54:00:00:00:99 is let through: start it again with that one"),
        "lab/db": ("restarts", "its device lab-db goes, and its network with it")}


def test_down_ends_all(tapnet, guests):
    said = tapnet("down", "--all", "--dry-run", check=False).stdout
    assert len(re.findall(r"^! the guest in lab/\w+, .*: its device lab-\w+ goes, and its network with it$", said,
                          re.M)) == 2


def test_one_guest_of_two_has_to_learn(tapnet, guests):
    text = changed(("10.20.0.7", "10.20.0.8"))
    effects = plan(tapnet, text)
    assert effects["lab/web"] == ("keeps", "goes on as it is")
    assert effects["lab/db"][0] == "acts"
    assert tapnet("plan", tapnet.file(text), check=False).stdout.endswith("1 guest goes on as it is\n")


# ---- groups ----

@pytest.fixture
def plugged(world):
    tapnet = Tapnet(world.host)
    tapnet("up", tapnet.file(LAB))
    made = [in_netns(world.host, lambda name=name, mac=mac, address=address: Guest(name, mac, address, "10.20.0.1"))
            for name, mac, address in (("lab-web", WEB, "10.20.0.6"), ("lab-db", DB, "10.20.0.7"))]
    wait_for(lambda: arrives(made, frame("224.0.0.251", "01:00:5e:00:00:fb")))
    yield made
    for guest in made:
        os.close(guest.fd)
    tapnet("down", "--all")


def frame(group, mac):
    return Ether(src=WEB, dst=mac) / IP(src="10.20.0.6", dst=group) / UDP(sport=5353, dport=5353) / Raw(b"to a group")


GROUPS = {
    "mDNS": frame("224.0.0.251", "01:00:5e:00:00:fb"),
    "a group that nobody has joined": frame("239.1.1.1", "01:00:5e:01:01:01"),
    "mDNS by IPv6": Ether(src=WEB, dst="33:33:00:00:00:fb") / IPv6(src="fe80::5054:ff:fe00:6", dst="ff02::fb") /
    UDP(sport=5353, dport=5353) / Raw(b"to a group"),
    "neighbour discovery": Ether(src=WEB, dst="33:33:ff:00:00:07") /
    IPv6(src="fe80::5054:ff:fe00:6", dst="ff02::1:ff00:7", hlim=255) / ICMPv6ND_NS(tgt="fe80::5054:ff:fe00:7") /
    ICMPv6NDOptSrcLLAddr(lladdr=WEB),
}


def arrives(guests, sent):
    web, db = guests
    web.send(sent)
    return any(seen.dst == sent.dst and seen.src == WEB for seen in db.receive(0.3))


def ask_who_listens(guest):
    """As the querier of a network does: a bridge that snoops forwards to a group only where somebody has answered, and
    to who has asked."""
    guest.send(Ether(src=WEB, dst="01:00:5e:00:00:01") / IP(src="10.20.0.6", dst="224.0.0.1", ttl=1) /
               IGMP(type=0x11, gaddr="0.0.0.0", mrcode=10))


def test_groups_reach_everybody_whoever_asks_who_listens(plugged):
    ask_who_listens(plugged[0])
    for name, sent in GROUPS.items():
        assert arrives(plugged, sent), name


def test_with_snooping_they_would_not(world, plugged):
    """What the bridge is made without, and `status` calls a problem."""
    world.host.run("ip", "link", "set", "br-lab", "type", "bridge", "mcast_snooping", "1",
                   "mcast_query_response_interval", "10", "mcast_startup_query_interval", "10")
    ask_who_listens(plugged[0])
    wait_for(lambda: not arrives(plugged, GROUPS["a group that nobody has joined"]), 15)
