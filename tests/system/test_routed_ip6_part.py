# SPDX-License-Identifier: MIT
"""A part of the uplink's own IPv6 prefix is a routed network's: the host answers neighbour discovery for its guests.

      host under test                                                 outside: the LAN, and its router
    +--------------------------------------------------------------+ +---------------------------------+
    | guest web ── lab-web  fe80::1 ─┐                              | |  no route to the guests         |
    |   2001:db8:a:0:10::5           ├── eth0 2001:db8:a::2/64 ─────┼─┤ out0  2001:db8:a::1/64          |
    | guest db ─── lab-db   fe80::1 ─┘   answers for web and db     | |  lo    2001:db8:f::1            |
    +--------------------------------------------------------------+ +---------------------------------+
"""

import json
import shutil

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr
from scapy.layers.l2 import Ether

from ip6_lab import Lab, Outside, addresses, dhclient, make_older, sysctl
from tapnet_test.build import Tapnet
from tapnet_test.listener import Listener
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for
from tapnet_test.world6 import FAR, HOST, NEAR, add_ipv6, default_routes

PART, WEB = "2001:db8:a:0:10::1/80", "2001:db8:a:0:10::5"
LAB = f"""
networks:
  lab:
    mode: routed
    subnet: 10.20.0.1/24
    subnet6: {PART}
    ports:
      web: {{ mac: 52:54:00:00:00:02, address6: "{WEB}" }}
      db: {{}}
"""


@pytest.fixture
def lab(world, tapnet):
    add_ipv6(world)
    made = Lab(world, tapnet, LAB)
    yield made
    made.close()


def proxies(netns):
    return {entry["dst"] for entry in netns.json("ip", "-j", "-6", "neigh", "show", "proxy") if entry["dev"] == "eth0"}


def db_address(lab):
    return lab.ports["db"]["addresses"][1]


def plugged(lab):
    """Both guests, each with its address and that of its neighbour."""
    db = lab.ports["db"]["addresses"][1]
    web, other = (lab.guest(name).up(address, length=128) for name, address in (("web", WEB), ("db", db)))
    return (web, WEB, db), (other, db, WEB)


def conf(netns):
    return {name: sysctl(netns, f"eth0.{name}") for name in ("accept_ra", "forwarding", "proxy_ndp")}


def test_the_lan_takes_the_guests_for_neighbours(lab, tapnet):
    """Nobody there needs a route; the host keeps its router, and `down` leaves nothing."""
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    guests = plugged(lab)
    addresses_of = {address for _, address, _ in guests}
    assert proxies(lab.host) == addresses_of
    assert conf(lab.host) == {"accept_ra": "2", "forwarding": "1", "proxy_ndp": "1"}
    listener = Listener(lab.outside, "out0")
    for guest, address, neighbour in guests:
        assert Outside(lab).reaches(address) and guest.reaches(neighbour)
        for elsewhere in (NEAR, FAR, "2001:db8:a:0:10::1"):
            assert guest.reaches(elsewhere), elsewhere
        assert not guest.reaches(HOST, wait=1), "the host's own address outside"
    heard = [Ether(data) for _, data in listener.end()]
    uplink = lab.host.json("ip", "-j", "link", "show", "eth0")[0]["address"]
    said = {packet[ICMPv6ND_NA].tgt: packet[ICMPv6NDOptDstLLAddr].lladdr for packet in heard
            if ICMPv6NDOptDstLLAddr in packet}
    assert {said[address] for address in addresses_of} == {uplink}
    for nobodys in ("2001:db8:a:0:10::99", "2001:db8:a:0:10::1"):
        assert not Outside(lab).reaches(nobodys, wait=1), nobodys
    assert default_routes(lab.host)[0]["gateway"] == "fe80::a", "the host forgot its router"
    for guest, _, _ in guests:
        guest.close()
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_guests_are_given_their_addresses_and_names(lab):
    """No guest can make up an address of so long a prefix: it asks by DHCPv6. The LAN has no DNS of the host."""
    db = lab.up().guest("db").up()
    wait_for(lambda: default_routes(db.netns))
    assert addresses(db) == []
    wanted = lab.ports["db"]["addresses"][1]
    assert f"iaaddr {wanted}" in dhclient(db) and addresses(db) == [wanted]
    assert db.reaches(FAR) and Outside(lab).reaches(wanted)
    ask = ("dig", "+short", "+tries=2", "+time=2", "@2001:db8:a:0:10::1")
    assert db.run(*ask, "web.lab", "AAAA").stdout.split() == [WEB]
    assert db.run(*ask, "-x", WEB).stdout.split() == ["web.lab."]
    nothing = lab.outside.run(*ask[:2], "+tries=1", "+time=1", *ask[4:], "web.lab", "AAAA", check=False)
    assert nothing.returncode, nothing.stdout


def test_on_an_older_kernel(lab, tapnet):
    """All its links are routers as soon as one forwards; what the uplink was comes back all the same."""
    make_older(lab.host)
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    guest, address, _ = plugged(lab)[0]
    assert Outside(lab).reaches(address) and guest.reaches(FAR)
    for made in lab.made:
        made.close()
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_a_host_that_answers_for_others_goes_on(lab, tapnet):
    """Its own proxies and settings are neither taken over nor taken away."""
    lab.host.run("sh", "-ec", "cd /proc/sys/net/ipv6/conf/eth0; echo 2 > accept_ra; echo 1 > forwarding; "
                 "echo 1 > proxy_ndp; ip neigh add proxy 2001:db8:a::77 dev eth0")
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    assert "2001:db8:a::77" in proxies(lab.host) and len(proxies(lab.host)) == 3
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_another_subnet_ends_it(lab, tapnet):
    before = conf(lab.host)
    lab.up()
    lab.up(LAB.replace(PART, "fd00:20::1/64").replace(WEB, "fd00:20::5"))
    assert not proxies(lab.host) and conf(lab.host) == {**before, "accept_ra": "2"}
    assert "nothing to do" in tapnet("plan", lab.file).stdout


def test_two_sets_have_parts_of_one_prefix(lab, tapnet):
    """What the uplink does for both stays until the second goes, also when the ledgers were tidied away."""
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    desk = "networks: { desk: { mode: routed, subnet: 10.30.0.1/24, subnet6: '%s', ports: { a: {} } } }\n"
    refused = tapnet("up", tapnet.file(desk % "2001:db8:a:0:10:1::1/96", "desk.yaml"), check=False)
    assert refused.returncode == 2 and "overlaps 2001:db8:a:0:10::/80" in refused.stderr, refused.stderr
    tapnet("up", tapnet.file(desk % "2001:db8:a:0:20::1/80", "desk.yaml"))
    assert len(proxies(lab.host)) == 3
    shutil.rmtree(tapnet.run_dir)
    tapnet("down", "lab")
    assert len(proxies(lab.host)) == 1 and conf(lab.host)["proxy_ndp"] == conf(lab.host)["forwarding"] == "1"
    tapnet("down", "desk")
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_a_port_at_run_time_is_answered_for(lab, tapnet):
    lab.up()
    before = proxies(lab.host)
    made = json.loads(tapnet("attach", "--json", "lab/tool").stdout)
    tool, = proxies(lab.host) - before
    assert tool in made["addresses"] and tool.startswith("2001:db8:a:0:10:")
    tapnet("detach", "lab/tool")
    assert proxies(lab.host) == before


# What others do to it, and whether the kernel tells of it.
DAMAGES = {
    "proxy": (f"ip neigh del proxy {WEB} dev eth0", False),
    "proxy_ndp": ("sysctl -qw net.ipv6.conf.eth0.proxy_ndp=0", True),
    "forwarding": ("sysctl -qw net.ipv6.conf.eth0.forwarding=0", True),
    "uplink-down-and-up": (f"ip link set eth0 down; ip link set eth0 up; ip -6 address add {HOST}/64 dev eth0 nodad",
                           True),
    "port": ("ip link delete lab-web", True),
}


@pytest.mark.parametrize("keeper", [True, False], ids=["by-the-keeper", "by-up"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_others_damage_is_mended(world, host, damage, keeper):
    add_ipv6(world)
    tapnet = Tapnet(host, keeper=keeper)
    file = tapnet.file(LAB.replace("subnet:", "uplink: eth0\n    subnet:"))
    before = conf(host)
    tapnet("up", file)
    wanted, during = proxies(host), conf(host)
    try:
        words, told = DAMAGES[damage]
        host.run("sh", "-ec", words)
        if not keeper:
            said = tapnet("status", check=False)
            assert said.returncode == 1, said.stdout
            tapnet("up", file)
        elif not told:
            tapnet.let_look()
        wait_for(lambda: tapnet("status", check=False).returncode == 0)
        assert (proxies(host), conf(host)) == (wanted, during)
    finally:
        tapnet("down", "--all", check=False)
    assert (proxies(host), conf(host)) == (set(), before)


@pytest.mark.parametrize("change, said", [
    ({PART: "2001:db8:a::9/120", WEB: "2001:db8:a::15"}, f"overlaps {HOST}/128, an address or route of this host"),
    ({PART: "2001:db8:a::a1/124", WEB: "2001:db8:a::a5"}, "overlaps 2001:db8:a::aa/128, an address or route of this"),
    ({PART: "2001:db8:b:0:10::1/80", WEB: "2001:db8:b:0:10::5"},
     "longer than 64, and no part of a prefix that this host has on its uplink eth0"),
    ({"routed": "nat"}, "in mode routed it may be longer, as a part of the uplink's own prefix"),
    ({PART: "2001:db8:a:0:10::1/127"}, "the length of the prefix must be 64, or"),
    ({PART: "2001:db8:a:0:10::1/126"}, "has room for 1 guests, not for 2 ports"),
    ({PART: "2001:db8:a:0:10::9/125"}, "address6 2001:db8:a:0:10::5 is outside 2001:db8:a:0:10::8/125"),
    ({PART: "2001:db8:a::9/64", WEB: "2001:db8:a::15"}, "overlaps 2001:db8:a::/64"),
])
def test_not_where_it_would_cut_the_host_off(lab, tapnet, change, said):
    """A part with the host's own address or its gateway in it, all of it, or where nobody would ask."""
    lab.host.run("ip", "-6", "route", "add", "2001:db8:99::/48", "via", "2001:db8:a::aa")
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    text = LAB
    for old, new in change.items():
        text = text.replace(old, new)
    refused = tapnet("up", tapnet.file(text), check=False)
    assert refused.returncode == 2 and said in refused.stderr, refused.stderr
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))
