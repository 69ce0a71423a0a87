# SPDX-License-Identifier: MIT
"""Beside another program's packet filter that drops what guests send or get by IPv6: the accept stands where that
program's rules of IPv6 are, for IPv6 alone where only that is dropped, and only where the network has IPv6.

      guest              host under test                                  outside, a router
    +-------+          +------------------------------------------+     +----------------------+
    |  web  +-- TAP ---+ lab-web --+                              |     | lo 2001:db8:f::1:80  |
    | ...:7 |          |           +-- br-lab -- NAT66 -- eth0 ----+-----+ out0 2001:db8:a::1   |
    +-------+          |  fd00:20::1   fe80::1    2001:db8:a::2   |     |                      |
    |  db   +-- TAP ---+ lab-db ---+   FORWARD of ip6: drop       |     |                      |
    +-------+          +------------------------------------------+     +----------------------+
"""

import json

import pytest
from coexist_lab import MARK, accepts, assert_keeps_talking, ours, saved
from ip6_lab import Guest
from tapnet_test.build import Tapnet
from tapnet_test.firewalls import need
from tapnet_test.serving import serve
from tapnet_test.waiting import wait_for
from tapnet_test.world6 import FAR, HOST, add_ipv6

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    subnet6: fd00:20::1/64
    ports:
      web: { address6: "fd00:20::7", forward: ["8080:80"] }
      db: { address6: "fd00:20::8" }
"""
ON = LAB + "coexist: on"
SAVE = "ip6tables-nft-save"


@pytest.fixture
def tapnet(host, world):
    need(SAVE)
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0",
             check=False)
    add_ipv6(world)
    serve(world.outside, FAR)
    return Tapnet(host)


@pytest.fixture
def plug(tapnet, host):
    """Plugs a guest in, with its address of IPv6."""
    guests = []

    def make(name):
        port, = (port for port in tapnet.status("lab")["ports"] if port["name"] == name)
        guests.append(Guest(host, port).up(next(address for address in port["addresses"] if ":" in address)))
        return guests[-1].netns

    yield make
    for guest in guests:
        guest.close()


def loads(netns, address=FAR, port=80):
    return netns.run("curl", "-sS", "-m2", f"http://[{address}]:{port}/", check=False).returncode == 0


def test_a_policy_of_drop(tapnet, plug, host, world):
    """By IPv4 nobody drops anything: nothing is put there."""
    host.run("ip6tables-nft", "-P", "FORWARD", "DROP")
    before = saved(host, SAVE)
    tapnet("up", tapnet.file(ON))
    web = plug("web")
    assert loads(web)
    assert ours(host, SAVE) == accepts("FORWARD") and not ours(host, "iptables-nft-save")
    serve(web, "fd00:20::7")
    assert loads(world.outside, HOST, 8080)
    assert "nothing to do" in tapnet("plan", tapnet.file(ON)).stdout
    tapnet("down", "--all")
    assert saved(host, SAVE) == before


@pytest.mark.parametrize("commands", [
    "ip6tables-nft -P FORWARD DROP",
    "ip6tables-nft -A FORWARD -i br-lab -p tcp -j REJECT",
    "ip6tables-nft -A FORWARD -s fd00::/8 -j DROP",
    "ip6tables-nft -t mangle -A FORWARD -o br-lab -m conntrack --ctstate ESTABLISHED -j DROP",
    "nft add table ip6 fw; nft 'add chain ip6 fw f { type filter hook forward priority 10; policy drop; }'",
    "nft add table inet fw; nft 'add chain inet fw f { type filter hook forward priority 10; }'; "
    "nft add rule inet fw f meta nfproto ipv6 drop",
    "nft add table inet fw; nft 'add chain inet fw f { type filter hook forward priority 10; policy drop; }'",
])
def test_without_it_nothing_passes(tapnet, plug, host, commands):
    """Each of these stops a guest, and with `coexist: on` it does not."""
    host.run("sh", "-ec", commands)
    file = tapnet.file(LAB)
    assert "tapnet up --coexist" in tapnet("up", file).stderr
    web = plug("web")
    assert not loads(web)
    tapnet("up", file, "--coexist")
    assert loads(web)


def test_saved_and_restored_it_means_the_same(tapnet, plug, host):
    """What ip6tables-save has printed, ip6tables-restore makes again, and it is ours."""
    host.run("sh", "-ec", "ip6tables-nft -P FORWARD DROP; ip6tables-nft -P INPUT DROP; "
             "ip6tables-nft -A INPUT -i eth0 -j ACCEPT")
    before = saved(host, SAVE)
    tapnet("up", tapnet.file(ON))
    put = ours(host, SAVE)
    web = plug("web")
    text = host.run(SAVE).stdout
    host.run("ip6tables-nft", "-F")
    assert not loads(web)
    host.run("ip6tables-nft-restore", input=text)
    assert ours(host, SAVE) == put
    wait_for(lambda: loads(web), why="those who looked for a neighbour meanwhile look again")
    assert tapnet("status", check=False).returncode == 0
    assert "nothing to do" in tapnet("plan", tapnet.file(ON)).stdout
    tapnet("down", "--all")
    assert saved(host, SAVE) == before


def test_dockers_chain_for_others(tapnet, plug, host):
    """Docker has a DOCKER-USER for IPv6, too. One that it does not lead to is no place."""
    host.run("sh", "-ec", "ip6tables-nft -N DOCKER-USER; ip6tables-nft -A DOCKER-USER -j RETURN;"
             "ip6tables-nft -A FORWARD -j DOCKER-USER; ip6tables-nft -P FORWARD DROP")
    before = saved(host, SAVE)
    tapnet("up", tapnet.file(ON))
    assert ours(host, SAVE) == accepts("DOCKER-USER")
    assert loads(plug("web"))
    tapnet("down", "--all")
    assert saved(host, SAVE) == before
    host.run("sh", "-ec", "ip6tables-nft -R FORWARD 1 -i docker0 -j DOCKER-USER")
    tapnet("up", tapnet.file(ON))
    assert ours(host, SAVE) == accepts("FORWARD")


@pytest.mark.parametrize("commands", [
    "ip6tables -P FORWARD DROP",
    "nft add table inet fw; nft 'add chain inet fw f { type filter hook forward priority 0; policy drop; }'",
])
def test_doctor_says_what_to_type(tapnet, plug, host, commands):
    """Once, where one chain drops both families."""
    host.run("sh", "-ec", commands)
    tapnet("up", tapnet.file(LAB + "coexist: off"))
    web = plug("web")
    assert not loads(web)
    found = json.loads(tapnet("doctor", "--json", check=False).stdout)["findings"]
    dropped, = (finding for finding in found if finding["name"] == "forward-dropped")
    host.run("sh", "-ec", dropped["command"])
    assert loads(web)
    found = json.loads(tapnet("doctor", "--json", check=False).stdout)["findings"]
    assert not any(finding["name"] == "forward-dropped" for finding in found)


def test_neighbours_and_dns(tapnet, plug, host):
    """What ARP is by IPv4 comes by the host's input: who drops it there takes the guests' gateway away."""
    host.run("sh", "-ec", "ip6tables-nft -P INPUT DROP; ip6tables-nft -A INPUT -i eth0 -j ACCEPT")
    before = saved(host, SAVE)
    tapnet("up", tapnet.file(ON))
    assert ours(host, SAVE) == sorted([
        f"-A INPUT -i br-lab -m conntrack --ctstate DNAT {MARK}",
        f"-A INPUT -i br-lab -p ipv6-icmp -m icmp6 --icmpv6-type 135 {MARK}",
        f"-A INPUT -i br-lab -p ipv6-icmp -m icmp6 --icmpv6-type 136 {MARK}"])
    web = plug("web")
    assert loads(web)
    assert web.run("dig", "+time=2", "+tries=1", "@fd00:20::1", "db.lab", "AAAA").stdout.count("fd00:20::8")
    tapnet("down", "--all")
    assert saved(host, SAVE) == before


def test_a_table_of_both_families(tapnet, plug, host):
    """What drops both is let by for both by one rule; what drops one, for that one alone."""
    host.run("nft", "-f", "-", input="""
        table inet fw {
            chain both { type filter hook forward priority 10; policy drop; }
            chain ip6 { type filter hook forward priority 20; policy drop; meta nfproto ipv4 accept; }
            chain host { type filter hook input priority 0; policy drop; iifname != "br-lab" accept; }
        }
        table ip6 fw { chain f { type filter hook forward priority 30; policy drop; }; }
        """.replace("chain ip6", "chain six"))
    before = host.run("nft", "list", "ruleset").stdout
    tapnet("up", tapnet.file(ON))
    assert loads(plug("web"))

    def put(table, chain):
        lines = host.run("nft", "-s", "list", "chain", *table.split(), chain).stdout.splitlines()
        return [line.strip().split(" comment")[0] for line in lines if "tapnet:lab/lab" in line]

    ways = {'iifname "br-lab" oifname "eth0" accept', 'oifname "br-lab" ct state established,related accept',
            'oifname "br-lab" ct status dnat accept'}
    assert set(put("inet fw", "both")) == set(put("ip6 fw", "f")) == ways
    assert set(put("inet fw", "six")) == {f"meta nfproto ipv6 {rule}" for rule in ways}
    assert set(put("inet fw", "host")) == {
        'iifname "br-lab" ct status dnat accept', 'iifname "br-lab" icmpv6 type nd-neighbor-solicit accept',
        'iifname "br-lab" icmpv6 type nd-neighbor-advert accept'}
    assert tapnet("status", check=False).returncode == 0
    tapnet("down", "--all")
    assert host.run("nft", "list", "ruleset").stdout == before


def test_a_network_without_ipv6_needs_none(tapnet, host):
    host.run("sh", "-ec", "ip6tables-nft -P FORWARD DROP; ip6tables-nft -P INPUT DROP; "
             "ip6tables-nft -A INPUT -i eth0 -j ACCEPT")
    without = "networks: { lab: { subnet: 10.20.0.1/24, subnet6: none, ports: { web: {} } } }\ncoexist: on"
    tapnet("up", tapnet.file(without))
    assert not ours(host, SAVE)
    tapnet("up", tapnet.file(ON))
    assert len(ours(host, SAVE)) == 6
    tapnet("up", tapnet.file(without))
    assert not ours(host, SAVE)


def test_frames_from_port_to_port(tapnet, plug, host):
    if host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-ip6tables=1", check=False).returncode:
        pytest.skip("no br_netfilter here")
    host.run("ip6tables-nft", "-P", "FORWARD", "DROP")
    tapnet("up", tapnet.file(ON))
    assert ours(host, SAVE) == sorted([*accepts("FORWARD"), f"-A FORWARD -i br-lab -o br-lab {MARK}"])
    web, db = plug("web"), plug("db")
    serve(db, "fd00:20::8")
    assert loads(web, "fd00:20::8")
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-ip6tables=0")


@pytest.mark.parametrize("disturb", [
    "ip6tables-nft -P FORWARD DROP",
    "nft flush ruleset; ip6tables-nft -P FORWARD DROP",
    "ip6tables-nft -F; ip6tables-nft -X; ip6tables-nft -P FORWARD DROP",
    "nft delete table ip6 filter; nft add table ip6 fw; "
    "nft 'add chain ip6 fw f { type filter hook forward priority 0; policy drop; }'",
])
def test_a_guest_keeps_talking(tapnet, plug, host, disturb):
    """Whatever an administrator does to the rules: less than a second passes without an answer."""
    kept = Tapnet(host, keeper=True)
    kept("up", kept.file(ON))
    kept.let_look()
    web = plug("web")
    host.run("ip6tables-nft", "-P", "FORWARD", "DROP")
    wait_for(lambda: loads(web), 5)
    assert_keeps_talking(web, FAR, host, disturb)
    assert loads(web)
    kept("down", "--all")
    assert not ours(host, SAVE)
