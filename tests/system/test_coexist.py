# SPDX-License-Identifier: MIT
"""Beside another program's packet filter that would drop guests, tapnet puts the smallest accept where it belongs,
keeps it there, and takes it away with the network.

      guests             host under test                            outside
    +-------+          +------------------------------------+     +------------------+
    |  web  +-- TAP ---+ lab-web --+                        |     |  192.0.2.1:80    |
    +-------+          |           +-- br-lab -- NAT -- eth0 +-----+                  |
    |  db   +-- TAP ---+ lab-db ---+   FORWARD: drop        |     |                  |
    +-------+          +------------------------------------+     +------------------+
"""

import os
import pty

import pytest
from coexist_lab import MARK, accepts, assert_keeps_talking, ours, saved
from tapnet_test.build import Tapnet, brought_up
from tapnet_test.cni import Runtime
from tapnet_test.firewalls import need
from tapnet_test.nsguest import NamespaceGuest
from tapnet_test.serving import serve
from tapnet_test.waiting import wait_for
from tapnet_test.world import HOST_ADDRESS, OUTSIDE_ADDRESS

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    ports: { web: { address: 10.20.0.7, forward: ["8080:80"] }, db: { address: 10.20.0.8 } }
"""
PAGE = f"http://{OUTSIDE_ADDRESS}/"


@pytest.fixture
def tapnet(host):
    need("iptables-nft-save")
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", check=False)
    return Tapnet(host)


@pytest.fixture
def plug(tapnet, host):
    """Plugs a guest in, with its address."""
    guests = []

    def make(name):
        port, = (port for port in tapnet.status("lab")["ports"] if port["name"] == name)
        guests.append(NamespaceGuest(host, port))
        guests[-1].netns.run("ip", "route", "replace", "default", "via", "10.20.0.1")
        return guests[-1].netns

    yield make
    for guest in guests:
        guest.close()


def loads(netns, url=PAGE):
    return netns.run("curl", "-sS", "-m2", url, check=False).returncode == 0


def test_a_policy_of_drop(tapnet, plug, host, world):
    host.run("iptables-nft", "-P", "FORWARD", "DROP")
    before = saved(host)
    tapnet("up", tapnet.file(LAB + "coexist: on"))
    web = plug("web")
    assert loads(web)
    assert ours(host) == accepts("FORWARD")
    serve(web)
    assert loads(world.outside, f"http://{HOST_ADDRESS}:8080/")
    tapnet("down", "--all")
    assert saved(host) == before


def test_saved_and_restored_it_means_the_same(tapnet, plug, host, world):
    """As netfilter-persistent does it: what iptables-save has printed, iptables-restore makes again, and it is ours."""
    host.run("iptables-nft", "-P", "FORWARD", "DROP")
    before = saved(host)
    tapnet("up", tapnet.file(LAB + "coexist: on"))
    web = plug("web")
    text = host.run("iptables-nft-save").stdout
    host.run("iptables-nft", "-F", "FORWARD")
    assert not loads(web)
    host.run("iptables-nft-restore", input=text)
    assert ours(host) == accepts("FORWARD") and loads(web)
    assert tapnet("status", check=False).returncode == 0
    assert "nothing to do" in tapnet("plan", tapnet.file(LAB + "coexist: on")).stdout
    tapnet("down", "--all")
    assert saved(host) == before


def test_dockers_chain_for_others(tapnet, plug, host, world):
    """Docker leaves DOCKER-USER alone, and goes there first."""
    host.run("sh", "-ec", "iptables-nft -N DOCKER-USER; iptables-nft -A DOCKER-USER -j RETURN;"
             "iptables-nft -A FORWARD -j DOCKER-USER; iptables-nft -P FORWARD DROP")
    before = saved(host)
    tapnet("up", tapnet.file(LAB + "coexist: on"))
    assert ours(host) == accepts("DOCKER-USER")
    assert loads(plug("web"))
    tapnet("down", "--all")
    assert saved(host) == before


def test_a_filter_of_nft(tapnet, plug, host, world):
    """Not of iptables: in the words of nft, in each chain that drops, questions to the network's DNS too."""
    host.run("nft", """
        table inet fw {
            chain forward { type filter hook forward priority 10; policy drop; ct state invalid drop; }
            chain input { type filter hook input priority 0; policy drop; ct state established,related accept; }
        }""")
    before = host.run("nft", "list", "table", "inet", "fw").stdout
    tapnet("up", tapnet.file(LAB + "coexist: on"))
    web = plug("web")
    assert loads(web)
    assert web.run("dig", "+time=2", "+tries=1", "@10.20.0.1", "db.lab").stdout.count("10.20.0.8")
    rules = host.run("nft", "list", "table", "inet", "fw").stdout
    for rule in ('iifname "br-lab" oifname "eth0" accept', 'oifname "br-lab" ct state established,related accept',
                 'oifname "br-lab" ct status dnat accept', 'iifname "br-lab" ct status dnat accept'):
        assert f'{rule} comment "tapnet:lab/lab"' in rules
    tapnet("down", "--all")
    assert host.run("nft", "list", "table", "inet", "fw").stdout == before


def test_nothing_is_put_where_nothing_drops(tapnet, host, world):
    host.run("iptables-nft", "-A", "FORWARD", "-i", "eth9", "-j", "DROP")
    tapnet("up", tapnet.file(LAB + "coexist: on"))
    assert not ours(host)


@pytest.mark.parametrize("coexist, said", [("", True), ("coexist: ask", True), ("coexist: off", False)])
def test_without_a_yes_rules_of_others_are_left_alone(tapnet, plug, host, world, coexist, said):
    host.run("iptables-nft", "-P", "FORWARD", "DROP")
    before = saved(host)
    done = tapnet("up", tapnet.file(LAB + coexist))
    assert ("tapnet up --coexist" in done.stderr) == said
    assert ("accept of packets from br-lab to eth0 in table ip filter, chain FORWARD" in done.stderr) == said
    assert saved(host) == before and not loads(plug("web"))


def test_a_yes_counts_until_the_network_is_down(tapnet, plug, host, world):
    """`up --coexist` once; the next one need not say it, and `plan` shows what it would do."""
    file = tapnet.file(LAB)
    host.run("iptables-nft", "-P", "FORWARD", "DROP")
    planned = tapnet("plan", file, "--coexist", check=False)
    assert "+ accept of packets from br-lab to eth0 in table ip filter, chain FORWARD" in planned.stdout
    assert not ours(host)
    tapnet("up", file, "--coexist")
    assert loads(plug("web"))
    assert tapnet("up", file).stderr == "" and ours(host) == accepts("FORWARD")
    tapnet("down", file)
    assert "tapnet up --coexist" in tapnet("up", file).stderr and not ours(host)


@pytest.mark.parametrize("answer, chain", [("y", "FORWARD"), ("n", None), ("", None)])
def test_who_sits_at_a_terminal_is_asked(tapnet, host, world, answer, chain):
    host.run("iptables-nft", "-P", "FORWARD", "DROP")
    leader, follower = pty.openpty()
    up = host.popen(tapnet.program, "up", tapnet.file(LAB), stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(leader, 4096)
    assert b"accept of packets from br-lab to eth0 in table ip filter, chain FORWARD" in said
    assert not host.run("ip", "-br", "link", "show", "type", "bridge").stdout, "nothing is touched before the answer"
    os.write(leader, answer.encode() + b"\n")
    assert up.wait(30) == 0
    os.close(leader)
    assert ours(host) == (accepts(chain) if chain else [])


def test_it_follows_the_networks_and_the_other_filter(tapnet, host, world):
    """One network less, and its accepts go; a policy that does not drop any more, and all go."""
    other = "  cell: { subnet: 10.21.0.1/24, ports: { a: {} } }\n"
    host.run("iptables-nft", "-P", "FORWARD", "DROP")
    tapnet("up", tapnet.file(LAB + other + "coexist: on"))
    assert len(ours(host)) == 5 and any("tapnet:lab/cell" in line for line in ours(host))
    tapnet("up", tapnet.file(LAB + "coexist: on"))
    assert ours(host) == accepts("FORWARD")
    host.run("iptables-nft", "-P", "FORWARD", "ACCEPT")
    assert "accept of answers to br-lab" in tapnet("status", check=False).stdout
    tapnet("up", tapnet.file(LAB + "coexist: on"))
    assert not ours(host)


def test_the_first_forward_that_comes_at_run_time(tapnet, host, world, make_netns):
    """A container with a published port: the accept comes with it, in the same change, and goes with the last one.
    There is no keeper here, who would put it in later."""
    without = LAB.replace(', forward: ["8080:80"]', "") + "coexist: on"
    forwarded = f"-A FORWARD -o br-lab -m conntrack --ctstate DNAT {MARK}"
    host.run("iptables-nft", "-P", "FORWARD", "DROP")
    tapnet("up", tapnet.file(without))
    assert len(ours(host)) == 2 and forwarded not in ours(host)
    runtime, boxes = Runtime(host), [make_netns(name) for name in ("box", "cart")]
    for number, box in enumerate(boxes):
        runtime.call("ADD", container=box.name, netns=box,
                     runtimeConfig={"portMappings": [{"hostPort": 8080 + number, "containerPort": 80}]})
        assert ours(host) == accepts("FORWARD")
    serve(boxes[0])
    assert loads(world.outside, f"http://{HOST_ADDRESS}:8080/")
    runtime.call("DEL", container=boxes[0].name, netns=boxes[0])
    assert ours(host) == accepts("FORWARD")
    runtime.call("DEL", container=boxes[1].name, netns=boxes[1])
    assert len(ours(host)) == 2 and forwarded not in ours(host)


def test_a_rule_with_our_comment_that_is_none_of_ours(tapnet, host, world):
    """Somebody else's rules stay, whatever they call themselves."""
    for rule in ("-i br-lab", "-i br-lab -o eth0 -p tcp", "-o br-lab -m conntrack --ctstate NEW"):
        target = "DROP" if rule == "-i br-lab" else "ACCEPT"
        host.run("sh", "-ec", f"iptables-nft -A FORWARD {rule} -m comment --comment tapnet:lab/lab -j {target}")
    host.run("iptables-nft", "-A", "FORWARD", "-m", "comment", "--comment", "tapnet:lab/lab", "-j", "ACCEPT")
    before = saved(host)
    tapnet("up", tapnet.file(LAB + "coexist: on"))
    tapnet("down", "--all")
    assert saved(host) == before


def test_a_table_that_went_meanwhile(tapnet, host, world):
    host.run("iptables-nft", "-P", "FORWARD", "DROP")
    tapnet("up", tapnet.file(LAB + "coexist: on"))
    host.run("nft", "delete", "table", "ip", "filter")
    tapnet("down", "--all")
    assert "filter" not in host.run("nft", "list", "tables").stdout


# ---- flushed, and put back ----

SOON = 5  # seconds within which the keeper has done its work on a machine that has much else to do


@pytest.fixture
def kept(tapnet, host, world):
    """The lab is up with a keeper, and may put accepts in; nobody drops anything yet."""
    yield from brought_up(host, LAB + "coexist: on", keeper=True)


@pytest.mark.parametrize("disturb", [
    "iptables-nft -P FORWARD DROP",
    "nft flush ruleset; iptables-nft -P FORWARD DROP",
    "iptables-nft -F; iptables-nft -X; iptables-nft -P FORWARD DROP",
    "nft -f - <<< 'flush ruleset; table inet fw { chain f { type filter hook forward priority 0; policy drop; }; }'",
])
def test_a_guest_keeps_talking(kept, plug, host, world, disturb):
    """Whatever an administrator does to the rules: less than a second passes without an answer."""
    web = plug("web")
    host.run("iptables-nft", "-P", "FORWARD", "DROP")
    wait_for(lambda: loads(web), SOON)
    assert_keeps_talking(web, OUTSIDE_ADDRESS, host, disturb)
    assert loads(web)
