# SPDX-License-Identifier: MIT
"""Mode `bridge`: the host's uplink becomes a port of the network's bridge, and what it carried moves to the bridge.

      host under test                                        outside
    +----------------------------------------------------+ +----------------------------+
    | its own addresses, routes: on eth0, then on br-lan  | |                            |
    |                             br-lan ──┬── eth0 ─────────── out0  192.0.2.1          |
    | guest vm1 ── lan-vm1 ────────────────┘              | |       2001:db8::1          |
    +----------------------------------------------------+ +----------------------------+
"""

import ctypes
import json
import os
import re
import socket
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether

from bridge_world import LAN, OUTSIDE, OUTSIDE6, Stream, carried, give_all
from tapnet_test.build import Tapnet
from tapnet_test.nsguest import NamespaceGuest
from tapnet_test.service import in_netns
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for
from tapnet_test.world6 import add_ipv6, default_routes, is_advertised
from tap_guest import Guest

MOVES = 50


@pytest.fixture
def uplink(host, world):
    """A host that has all kinds of things by its uplink."""
    give_all(host, world.outside)
    return host


def up(tapnet, text=LAN, *words, **kw):
    return tapnet("up", tapnet.file(text), *words, **kw)


def test_what_the_uplink_carries_moves_to_the_bridge_and_back(tapnet, uplink):
    before, nothing = carried(uplink, "eth0"), snapshot(uplink, run_dir=tapnet.run_dir)
    mac = uplink.json("ip", "-j", "link", "show", "eth0")[0]["address"]
    up(tapnet)
    bridge = uplink.json("ip", "-j", "link", "show", "br-lan")[0]
    assert uplink.json("ip", "-j", "link", "show", "eth0")[0]["master"] == "br-lan"
    assert bridge["address"] == mac
    assert carried(uplink, "br-lan") == before
    assert carried(uplink, "eth0")[0] == []
    assert "192.0.2.98" in uplink.run("ip", "neigh", "show", "proxy", "dev", "br-lan").stdout
    assert "192.0.2.99" in uplink.run("ip", "neigh", "show", "dev", "br-lan", "nud", "permanent").stdout
    assert uplink.run("sysctl", "-n", "net.ipv4.conf.br-lan.log_martians").stdout == "1\n"
    for address in (OUTSIDE, OUTSIDE6):
        uplink.run("ping", "-c1", "-W2", address)
    assert "all is as wanted" in up(tapnet).stdout
    assert tapnet("plan", tapnet.file(LAN)).returncode == 0
    assert tapnet("status").returncode == 0
    tapnet("down", "--all")
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))


def test_plan_says_what_moves_and_changes_nothing(tapnet, uplink):
    nothing = snapshot(uplink, run_dir=tapnet.run_dir)
    said = tapnet("plan", tapnet.file(LAN), check=False)
    assert said.returncode == 3
    assert "~ uplink eth0: becomes a port of br-lan, 6 addresses and 10 routes move to br-lan" in said.stdout
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))


def test_a_connection_of_the_hosts_survives_fifty_moves_in_and_out(tapnet, uplink, world):
    """Under load, and it pauses for less than 100 ms; a machine that has other work pauses for that, too: a quarter."""
    stream, pauses = Stream(uplink, world.outside), []
    nothing = snapshot(uplink, run_dir=tapnet.run_dir)
    for _ in range(MOVES):
        stream.pause()
        up(tapnet)
        pauses.append(stream.pause())
        tapnet("down", "--all")
        pauses.append(stream.pause())
    stream.end()
    print(f"pauses: median {statistics.median(pauses):.3f} s, longest {max(pauses):.3f} s")
    assert sum(pause >= 0.1 for pause in pauses) <= MOVES / 2 and max(pauses) < 1
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))


@pytest.mark.parametrize("text", [LAN, LAN.replace("uplink: eth0, ", "")], ids=["given", "found"])
def test_one_that_is_renamed_takes_the_uplink_along(tapnet, uplink, text):
    before, nothing = carried(uplink, "eth0"), snapshot(uplink, run_dir=tapnet.run_dir)
    up(tapnet, text)
    up(tapnet, text.replace("lan:", "net:"))
    assert carried(uplink, "br-net") == before
    assert not [link for link in uplink.json("ip", "-j", "link") if link["ifname"] == "br-lan"]
    uplink.run("ping", "-c1", "-W2", OUTSIDE)
    tapnet("down", "--all")
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))


# ---- addresses that end ----

def advertise(world, seconds, lifetime=1800):
    """The outside's router says which prefix is there, and for how long, and for how long itself is a router."""
    world.outside.run(sys.executable, "-c", f"""
from scapy.all import *
mac = get_if_hwaddr("out0")
sendp(Ether(src=mac, dst="33:33:00:00:00:01") / IPv6(src="fe80::a", dst="ff02::1") /
      ICMPv6ND_RA(routerlifetime={lifetime}) /
      ICMPv6NDOptPrefixInfo(prefix="2001:db8:5::", prefixlen=64, validlifetime={seconds}, preferredlifetime={seconds}) /
      ICMPv6NDOptSrcLLAddr(lladdr=mac), iface="out0", verbose=0)
""")


def given(host, device):
    """The addresses that the router's prefix gave, each with the seconds that it is good for; none is in doubt."""
    entries = [entry for link in host.json("ip", "-j", "-6", "address", "show", "dev", device)
               for entry in link.get("addr_info", []) if entry.get("local", "").startswith("2001:db8:5:")]
    return {} if any("tentative" in entry for entry in entries) else {
        entry["local"]: entry["valid_life_time"] for entry in entries}


def ways(host, device):
    return {route["gateway"] for route in host.json("ip", "-j", "-6", "route", "show", "default", "dev", device)}


def test_addresses_that_a_router_gives_move_and_are_kept_fresh_there(tapnet, host, world):
    """The stable one and the temporary one of privacy extensions; the default route, too, comes from the router."""
    world.outside.run("ip", "address", "add", "fe80::a/64", "dev", "out0", "nodad")
    host.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=1", "net.ipv6.conf.eth0.use_tempaddr=2",
             "net.ipv6.conf.default.accept_dad=1")
    advertise(world, 3000)
    wait_for(lambda: len(given(host, "eth0")) == 2, why="a stable and a temporary address")
    before = given(host, "eth0")
    up(tapnet)
    moved = given(host, "br-lan")  # at once: none of them is in doubt
    assert set(before) <= set(moved) and all(2900 < moved[address] <= 3000 for address in before)
    assert not given(host, "eth0") and ways(host, "br-lan") == {"fe80::a"} and not ways(host, "eth0")
    advertise(world, 5000)
    stable = next(address for address in before if "ff:fe" in address)
    wait_for(lambda: given(host, "br-lan").get(stable, 0) > 4900, why="the router's word counts there")
    assert not given(host, "eth0") and ways(host, "br-lan") == {"fe80::a"}
    up(tapnet)  # no guest may claim the temporary address that has come
    assert "all is as wanted" in up(tapnet).stdout
    tapnet("down", "--all")
    assert set(before) <= set(given(host, "eth0")) and ways(host, "eth0") == {"fe80::a"}
    advertise(world, 6000)
    wait_for(lambda: given(host, "eth0").get(stable, 0) > 5900, why="and here again")
    assert default_routes(host)[0]["metric"] == 1024 and len(default_routes(host)) == 1


def test_a_routers_route_is_as_before_when_the_router_is_asked(tapnet, host, world):
    """It is asked in either direction, and the kernel's own route takes the place of the one that was moved."""
    add_ipv6(world)
    before, nothing = default_routes(host)[0], snapshot(host, run_dir=tapnet.run_dir)
    up(tapnet)
    wait_for(lambda: is_advertised(host), why="the router answers by the bridge")
    moved = default_routes(host)
    assert len(moved) == 1 and moved[0]["dev"] == "br-lan"
    assert (moved[0]["gateway"], moved[0]["metric"]) == (before["gateway"], before["metric"])
    tapnet("down", "--all")
    wait_for(lambda: is_advertised(host), why="the router answers by the uplink")
    assert_same(nothing, snapshot(host, run_dir=tapnet.run_dir))


def test_a_routers_route_stays_when_no_router_answers_and_goes_when_it_says_so(tapnet, host, world):
    world.outside.run("ip", "address", "add", "fe80::a/64", "dev", "out0", "nodad")
    host.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=1")
    advertise(world, 3000)
    wait_for(lambda: ways(host, "eth0"), why="a default route")
    up(tapnet)
    tapnet("down", "--all")
    assert ways(host, "eth0") == {"fe80::a"} and len(default_routes(host)) == 1
    advertise(world, 3000, lifetime=0)
    wait_for(lambda: not default_routes(host), why="the router is none any more")


def test_an_address_that_ends_is_told_of(tapnet, uplink):
    uplink.run("ip", "address", "change", "192.0.2.3/24", "dev", "eth0", "valid_lft", "3600", "preferred_lft", "3600")
    said = up(tapnet)
    assert re.search("address 192.0.2.3 of uplink eth0 is good for 3[56]\\d\\d seconds more", said.stderr), said.stderr


def test_the_uplink_may_be_left_out_and_stays(tapnet, uplink):
    text = "networks: { lan: { mode: bridge, ports: { vm1: {} } } }\n"
    up(tapnet, text)
    assert "all is as wanted" in up(tapnet, text).stdout, "although the default route leads elsewhere now"
    network = tapnet.status("lan")
    assert network["strangers"] == [], "the uplink is where it belongs"
    assert network["uplink"] == "eth0" and network["subnets"] == [] and network["mode"] == "bridge"
    assert network["ports"][0]["addresses"] == []


@pytest.mark.parametrize("form", [(), ("--as", "kernel"), ("--as", "commands"), ("--json",)])
def test_a_guest_is_told_nothing_where_others_give_addresses(tapnet, uplink, form):
    up(tapnet, "networks: { lan: { mode: bridge, ports: { vm1: {} } } }\n")
    refused = tapnet("status", "--guest", "lan/vm1", *form, check=False)
    assert refused.returncode == 2 and refused.stdout == ""
    assert "network lan is of mode bridge" in refused.stderr and "by DHCP" in refused.stderr


# ---- who can't be an uplink ----

NAT = "networks: { lab: { uplink: eth0, ports: {} } }\n"


@pytest.mark.parametrize("prepare, text, reason", [
    ("ip link add br9 type bridge; ip link set eth0 master br9", LAN, "is a port of a bridge or bond already"),
    ("ip link del eth0", LAN, "is not there"),
    ("ip link set eth0 down", LAN, "is down"),
    ("ip tuntap add tun9 mode tun; ip link set tun9 up", LAN.replace("eth0", "tun9"), "is no Ethernet"),
    ("ip link add br9 type bridge; ip link set br9 up", LAN.replace("eth0", "br9"), "is a bridge"),
    ("ip link add mv9 link eth0 type macvlan; ip link set mv9 up", LAN.replace("eth0", "mv9"), "its own MAC only"),
    ("ip link add mv9 link eth0 type macvlan", LAN, "has a macvlan or ipvlan device on it"),
    ("true", "networks: { lan: { mode: bridge, uplink: eth0 }, lab: { uplink: eth0 } }", "is that of network lab, too"),
    ("true", LAN.replace("ports:", "subnet: 10.20.0.1/24, ports:"), "which decides about subnet"),
], ids=["a port", "gone", "down", "no Ethernet", "a bridge", "macvlan", "below macvlan", "shared",
        "subnet"])
def test_an_uplink_that_cannot_be_one_is_refused_before_anything_is_touched(tapnet, host, world, prepare, text, reason):
    host.run("sh", "-c", prepare)
    nothing = snapshot(host, run_dir=tapnet.run_dir)
    said = up(tapnet, text, check=False)
    assert said.returncode == 2 and reason in said.stderr, said.stderr
    assert_same(nothing, snapshot(host, run_dir=tapnet.run_dir))


def pass_all_by_xdp(device):
    """Loads a program that passes everything, and has it look at what comes in there, in our namespace."""
    program = bytes((0xB7, 0, 0, 0, 2, 0, 0, 0)) + bytes((0x95, 0, 0, 0, 0, 0, 0, 0))  # r0 = XDP_PASS; exit
    instructions, licence = ctypes.create_string_buffer(program), ctypes.create_string_buffer(b"MIT")
    wanted = struct.pack("=IIQQ", 6, 2, ctypes.addressof(instructions), ctypes.addressof(licence)).ljust(120, b"\0")
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(321, 5, wanted, len(wanted))  # bpf(BPF_PROG_LOAD)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    inner = struct.pack("=HHi", 8, 1, descriptor) + struct.pack("=HHI", 8, 3, 2)  # IFLA_XDP_FD, _FLAGS: any driver
    nest = struct.pack("=HH", 4 + len(inner), 0x8000 | 43) + inner  # IFLA_XDP
    link = struct.pack("=BxHiII", 0, 0, socket.if_nametoindex(device), 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(link) + len(nest), 19, 5, 1, 0) + link + nest)  # RTM_SETLINK
        assert struct.unpack_from("=i", netlink.recv(4096), 16)[0] == 0
    os.close(descriptor)


def test_an_uplink_with_an_xdp_program_is_refused(tapnet, host, world):
    try:
        in_netns(host, lambda: pass_all_by_xdp("eth0"))
    except OSError as error:
        pytest.skip(f"no XDP program can be loaded here: {error}")
    assert "xdp" in host.run("ip", "link", "show", "eth0").stdout
    said = up(tapnet, check=False)
    assert said.returncode == 2 and "has an XDP program" in said.stderr, said.stderr


def test_the_way_out_of_another_network_is_no_uplink(tapnet, host, world):
    tapnet("up", tapnet.file(NAT, "nat.yaml"))
    there = snapshot(host, run_dir=tapnet.run_dir)
    said = up(tapnet, check=False)
    assert said.returncode == 2 and "is the way out of another network of tapnet's" in said.stderr, said.stderr
    assert_same(there, snapshot(host, run_dir=tapnet.run_dir))


def test_beside_one_that_is_up_no_other_goes_out(tapnet, host, world):
    up(tapnet)
    said = tapnet("up", tapnet.file(NAT, "nat.yaml"), check=False)
    assert said.returncode == 2 and "uplink eth0 is a port of br-lan, a network of mode bridge" in said.stderr
    assert "put the ports into that network" in said.stderr and "mode: bridge" not in said.stderr
    said = tapnet("up", tapnet.file("networks: { lab: {} }\n", "nat.yaml"))
    assert "the default route leads over br-lan, a network of mode bridge" in said.stderr


def test_a_mode_does_not_change_into_it_while_it_is_up(tapnet, host, world):
    up(tapnet, "networks: { lan: { uplink: eth0, ports: { vm1: {} } } }\n")
    said = up(tapnet, check=False)
    assert said.returncode == 2 and "is up in mode nat, which can't become mode bridge" in said.stderr
    tapnet("down", "--all")
    up(tapnet)
    said = up(tapnet, "networks: { lan: { uplink: eth0, ports: { vm1: {} } } }\n", check=False)
    assert said.returncode == 2 and "is up in mode bridge, which can't become mode nat" in said.stderr


# ---- who would not follow ----

_BOUND = """
import socket, sys, time
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
made.bind(("", 5353))
print("ready", flush=True)
time.sleep(600)
"""
_JOINED = """
import socket, struct, time
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                socket.inet_aton("239.1.2.3") + socket.inet_aton("192.0.2.2"))
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
               socket.inet_pton(socket.AF_INET6, "ff05::1234") + struct.pack("=I", socket.if_nametoindex("eth0")))
print("ready", flush=True)
time.sleep(600)
"""


def start(host, *command):
    """Starts a program, and returns when it has said that it is ready."""
    made = host.popen(*command, stdout=subprocess.PIPE, text=True)
    assert made.stdout.readline() == "ready\n"
    return made


def bound(host):
    start(host, "python3", "-c", _BOUND)


def joined(host):
    start(host, "python3", "-c", _JOINED)


def filtered(host):
    host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")


def ruled(host):
    host.run("ip", "rule", "add", "iif", "eth0", "table", "100")


def firewalled(host):
    host.run("nft", "-f", "-", input="table inet filter {\n chain input {\n type filter hook input priority 0; policy"
             " drop; ct state established accept; iifname eth0 accept; icmp type echo-request accept;\n }\n }\n")


def firewalled_by_a_set(host):
    host.run("nft", "-f", "-", input="table ip nat {\n set out {\n type ifname; elements = { wan, eth0 };\n }\n"
             " chain out {\n type nat hook postrouting priority 100; oifname @out masquerade;\n }\n }\n")


def firewalled_at_the_card(host):
    host.run("nft", "-f", "-", input="table netdev early {\n chain in {\n type filter hook ingress device eth0 priority"
             " 0; policy accept;\n }\n }\n")


def iptabled(host):
    host.run("iptables-nft", "-A", "INPUT", "-i", "eth+", "-j", "ACCEPT")


def legacy_iptabled(host):
    if host.run("iptables-legacy", "-L", "-n", check=False).returncode != 0:
        pytest.skip("this kernel has no legacy iptables")
    host.run("iptables-legacy", "-A", "INPUT", "-i", "eth0", "-j", "ACCEPT")


def masqueraded(host):
    """A container's connection, say; here somebody's at another address of the host."""
    host.run("sysctl", "-qw", "net.netfilter.nf_conntrack_icmp_timeout=300")
    host.run("ip", "address", "add", "10.99.0.1/32", "dev", "lo")
    host.run("nft", "-f", "-", input="table ip containers {\n chain out {\n type nat hook postrouting priority 100;"
             " ip saddr 10.99.0.1 masquerade;\n }\n }\n")
    host.run("ping", "-c1", "-W2", "-I", "10.99.0.1", OUTSIDE)


def leased(host):
    """A client that asks and asks has a socket to hear by; another one lives for as long as it sends."""
    def sockets():
        return {line.split("ino:")[1] for line in host.run("ss", "-0nepH").stdout.splitlines() if "udhcpc" in line}

    host.popen("udhcpc", "-f", "-i", "eth0", "-s", "/bin/true", "-t", "1000")
    wait_for(lambda: sockets() & (time.sleep(0.1) or sockets()), why="the client")


@pytest.mark.parametrize("prepare, reasons", [
    (bound, [r"has a UDP socket (port 5353) bound to it"]),
    (joined, ["has joined the group 239.1.2.3", "has joined the group ff05::1234"]),
    (filtered, ["tc looks at what comes in there"]),
    (ruled, ["a policy rule names it"]),
    (firewalled, ["a rule of the firewall names it (table inet filter, chain input, handle", 'iifname "eth0" accept)',
                  "this host will be reached by br-lan"]),
    (firewalled_by_a_set, ["a rule of the firewall names it (table ip nat, chain out, handle"]),
    (firewalled_at_the_card, ["a chain of the firewall stands at it (table netdev early, chain in)"]),
    (masqueraded, ["1 connection of other networks is masqueraded there"]),
    (iptabled, ["a rule of the firewall names it (table ip filter, chain INPUT"]),
    (legacy_iptabled, ["a rule of the firewall names it (legacy iptables table filter, chain INPUT, rule 1"]),
    (leased, ["manages it: its lease would not be renewed", "a packet socket bound to it"]),
])
def test_who_would_not_follow_is_named_and_force_goes_on(tapnet, host, world, prepare, reasons):
    prepare(host)
    wait_for(lambda: up(tapnet, LAN, "--dry-run", check=False).returncode == 2, why="the obstacle is seen")
    said = up(tapnet, check=False)
    assert said.returncode == 2
    for reason in reasons:
        assert reason in said.stderr, said.stderr
    assert "nothing was touched; --force goes on all the same" in said.stderr
    assert not [link for link in host.json("ip", "-j", "link") if link.get("master")]
    up(tapnet, LAN, "--force")
    assert "192.0.2.2/24" in host.run("ip", "-o", "address", "show", "dev", "br-lan").stdout


def test_a_manager_that_tapnet_may_not_look_at_is_one(tapnet, host, world):
    """As in the unit, which has not the right to see in which network a process is that has more rights."""
    leased(host)
    said = host.run("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", tapnet.program, "up",
                    tapnet.file(LAN), check=False)
    assert said.returncode == 2 and "manages it: its lease would not be renewed" in said.stderr, said.stderr


def test_a_manager_of_another_network_is_none(tapnet, host, world):
    """It, too, is one that tapnet may not look at, and has a link of that name."""
    other = host.popen("unshare", "-n", "sh", "-c", "ip link add eth0 type veth peer name eth1 &&"
                       " ip link set eth0 up && exec udhcpc -f -i eth0 -s /bin/true -t 1000")
    wait_for(lambda: Path(f"/proc/{other.pid}/comm").read_text(encoding="ascii") == "udhcpc\n", why="the client")
    said = host.run("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", tapnet.program, "plan",
                    tapnet.file(LAN), check=False)
    other.kill()
    assert said.returncode == 3 and "manages it" not in said.stderr, said.stderr


def test_ifupdown_is_no_obstacle_and_is_told_of(tapnet, host, world):
    host.run("sh", "-c", "mount -t tmpfs none /run && mkdir /run/network && echo eth0=eth0 >/run/network/ifstate")
    assert "ifupdown has brought up eth0" in up(tapnet).stderr
    assert "ifupdown" not in tapnet("down", "--all").stderr


def test_what_can_not_be_moved_stays_and_is_named(tapnet, uplink):
    """A route by a nexthop object. One that comes later keeps nobody from looking, only the uplink where it is."""
    route = "ip nexthop add id 7 via 192.0.2.1 dev {0} && ip route add 10.5.0.0/16 nhid 7"
    uplink.run("sh", "-c", route.format("eth0"))
    nothing = snapshot(uplink, run_dir=tapnet.run_dir)
    said = up(tapnet, check=False)
    assert said.returncode != 0 and "uplink eth0 can't be moved: a route of it goes by a nexthop object" in said.stderr
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))
    uplink.run("ip", "nexthop", "del", "id", "7")
    up(tapnet)
    uplink.run("sh", "-c", route.format("br-lan"))
    assert tapnet("status").returncode == 0
    assert "all is as wanted" in up(tapnet).stdout
    said = tapnet("down", "--all", check=False)
    assert said.returncode != 0 and "nexthop object" in said.stderr
    uplink.run("ping", "-c1", "-W2", OUTSIDE)
    uplink.run("ip", "nexthop", "del", "id", "7")
    tapnet("down", "--all")


# ---- guests ----

@pytest.fixture
def vm1(tapnet, host, world):
    up(tapnet)
    guest = NamespaceGuest(host, tapnet.status("lan")["ports"][0], address="192.0.2.50")
    yield guest
    guest.close()


@pytest.mark.parametrize("prepare, uplink, said_of_it", [
    ("true", "uplink: eth0, ", "1:43: network lan2: uplink eth0 is a port of br-lan"),
    ("true", "", "1:13: network lan2: uplink eth0 is a port of br-lan"),
    ("ip link set eth0 nomaster", "uplink: eth0, ", "1:43: network lan2: uplink eth0 is to be a port of br-lan"),
    ("ip link set eth0 nomaster", "", "1:13: network lan2: uplink eth0 is to be a port of br-lan"),
], ids=["given", "found", "given and taken out", "found and taken out"])
def test_the_uplink_of_another_set_is_not_taken(tapnet, host, world, vm1, prepare, uplink, said_of_it):
    """Neither while it is a port of that set's bridge nor when somebody took it out, which its set's `up` mends."""
    host.run("sh", "-c", prepare)
    there = snapshot(host, run_dir=tapnet.run_dir)
    second = tapnet.file(f"networks: {{ lan2: {{ mode: bridge, {uplink}ports: {{ a: {{}} }} }} }}\n", "second.yaml")
    for words in (("up",), ("up", "--dry-run"), ("plan",)):
        said = tapnet(*words, second, check=False)
        assert said.returncode == 2 and f"second.yaml:{said_of_it}" in said.stderr, said.stderr
        assert "lan of set lab" in said.stderr and "put the ports into that network" in said.stderr
        assert "tapnet down lab" in said.stderr
    assert_same(there, snapshot(host, run_dir=tapnet.run_dir))
    up(tapnet)
    world.outside.run("ping", "-c1", "-W2", vm1.address)


def test_a_guest_is_on_the_lan(vm1, host, world):
    for netns, address in ((vm1.netns, OUTSIDE), (vm1.netns, "192.0.2.2"), (world.outside, vm1.address),
                           (host, vm1.address)):
        netns.run("ping", "-c1", "-W2", address)
    assert vm1.netns.run("curl", "-sm5", f"http://{OUTSIDE}/").stdout


@pytest.mark.parametrize("asked", [("vm1", "outside"), ("outside", "lan/vm1"), ("host", "lan-vm1"), ("vm1", "host"),
                                   ("vm1", "vm2"), ("vm1", OUTSIDE, "tcp", "80")])
def test_its_ways_are_not_followed(tapnet, world, asked):
    """They work, so `why` must not judge them by what holds in other modes."""
    up(tapnet, LAN.replace("vm1: {}", "vm1: {}, vm2: {}"))
    for words in (), ("--json",), ("--trace",):
        refused = tapnet("why", *asked, *words, check=False)
        assert (refused.returncode, refused.stdout) == (2, "")
        said, = refused.stderr.splitlines()
        assert "network lan, which is of mode bridge, and ways of such a network are not followed in this" in said
        assert "`tapnet status lan`, `tapnet doctor` and `tapnet watch lan-vm1` tell of it" in said


def test_a_guest_gets_its_address_from_the_lan(tapnet, host, world, vm1):
    lease = world.outside.tmp / "leases"
    world.outside.popen("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=out0",
                        "--pid-file=", "--dhcp-range=192.0.2.100,192.0.2.150,1h", f"--dhcp-leasefile={lease}")
    wait_for(lambda: ":67 " in world.outside.run("ss", "-Hlnu").stdout, why="the LAN's DHCP server")
    vm1.netns.run("udhcpc", "-q", "-n", "-f", "-t", "10", "-T", "1", "-i", "eth0", "-s", "/bin/true")
    assert "192.0.2.1" in lease.read_text()


def test_a_port_that_comes_later_is_on_the_lan(tapnet, uplink, world):
    """By `attach` and by `run`; the uplink, and what it carried, stays where it is."""
    up(tapnet)
    before, connection = carried(uplink, "br-lan"), Stream(uplink, world.outside)
    mac = uplink.json("ip", "-j", "link", "show", "br-lan")[0]["address"]
    made = json.loads(tapnet("attach", "lan/late").stdout)
    assert (made["mode"], made["bridge"], made["subnets"], made["addresses"]) == ("bridge", "br-lan", [], [])
    late, = (port for port in tapnet.status("lan")["ports"] if port["name"] == "late")
    guest = NamespaceGuest(uplink, late, address="192.0.2.51")
    for netns, address in ((guest.netns, OUTSIDE), (guest.netns, "192.0.2.2"), (world.outside, guest.address)):
        netns.run("ping", "-c1", "-W2", address)
    guest.close()
    assert re.fullmatch("tapnet: lan/brief: device lan-brief, MAC [0-9a-f:]{17}\n",
                        tapnet("run", "lan/brief", "--", "true", "{device}").stderr), "no address that nobody has given"
    refused = tapnet("run", "-q", "lan/brief", "--", "echo", "at {address}", check=False)
    assert (refused.returncode, refused.stdout) == (125, "") and "others give the guest its address" in refused.stderr
    assert tapnet("plan", tapnet.file(LAN)).returncode == 0
    assert tapnet("detach", "lan/late").stdout == "lan/late is unplugged\n"
    assert [port["name"] for port in tapnet.status("lan")["ports"]] == ["vm1"]
    assert carried(uplink, "br-lan") == before
    assert uplink.json("ip", "-j", "link", "show", "br-lan")[0]["address"] == mac
    connection.end()


def test_a_guest_has_its_own_mac_and_serves_no_dhcp(tapnet, host, world):
    mac = "52:54:00:00:00:06"
    up(tapnet, LAN.replace("vm1: {}", f"vm1: {{ mac: '{mac}' }}"))
    tap = host.json("ip", "-j", "link", "show", "lan-vm1")[0]["address"]
    guest = in_netns(host, lambda: Guest("lan-vm1", mac, "192.0.2.50", OUTSIDE, tap))
    wait_for(lambda: "LOWER_UP" in host.json("ip", "-j", "link", "show", "lan-vm1")[0]["flags"], why="the carrier")
    ping = IP(src="192.0.2.50", dst=OUTSIDE) / ICMP(id=7, seq=1)
    gateway = world.outside.json("ip", "-j", "link", "show", "out0")[0]["address"]

    def answered(frame):
        guest.send(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=mac, psrc="192.0.2.50", pdst=OUTSIDE))
        guest.send(frame)
        return any(ICMP in reply and reply[ICMP].type == 0 for reply in guest.receive(0.5))

    assert answered(Ether(src=mac, dst=gateway) / ping)
    assert not answered(Ether(src="52:54:00:99:99:99", dst=gateway) / ping), "with another MAC"
    blocked = tapnet.status("lan")["ports"][0]["blocked"]
    for cheat in (Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / IP(src="192.0.2.50", dst="255.255.255.255") /
                  UDP(sport=67, dport=68) / b"offer",
                  Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=2, hwsrc=gateway, psrc=OUTSIDE, pdst=OUTSIDE),
                  Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=2, hwsrc=mac, psrc=OUTSIDE, pdst=OUTSIDE),
                  Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=mac, psrc="192.0.2.2", pdst="192.0.2.2"),
                  Ether(src=mac, dst=gateway) / IP(src="192.0.2.2", dst=OUTSIDE) / ICMP(id=7, seq=1),
                  Ether(src=mac, dst="ff:ff:ff:ff:ff:ff", type=0x8100) / b"\0\1\x08\0".ljust(46, b"\0")):
        guest.send(cheat)
    wait_for(lambda: tapnet.status("lan")["ports"][0]["blocked"] == blocked + 6, why="six cheats are counted")


# ---- others take it away ----

def test_the_mtu_goes_with_the_uplinks(host, world):
    tapnet = Tapnet(host, keeper=True)
    up(tapnet)
    for mtu in (1400, 1500):
        host.run("ip", "link", "set", "eth0", "mtu", str(mtu))
        wait_for(lambda: {link["mtu"] for link in host.json("ip", "-j", "link") if "lan" in link["ifname"]} == {mtu},
                 why=f"an MTU of {mtu}")
        tapnet.let_look()
        assert tapnet("status").returncode == 0
    tapnet("down", "--all")


def test_an_uplink_that_somebody_took_out_is_told_of_and_left_to_a_person(host, world):
    tapnet = Tapnet(host, keeper=True)
    up(tapnet)
    host.run("ip", "link", "set", "eth0", "nomaster")
    tapnet.let_look()
    assert "master" not in host.json("ip", "-j", "link", "show", "eth0")[0]
    said = tapnet("status", check=False)
    assert said.returncode == 1 and "uplink eth0" in said.stdout + said.stderr
    up(tapnet)
    assert host.json("ip", "-j", "link", "show", "eth0")[0]["master"] == "br-lan"
    host.run("ping", "-c1", "-W2", OUTSIDE)
    tapnet("down", "--all")
