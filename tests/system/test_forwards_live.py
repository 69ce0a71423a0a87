# SPDX-License-Identifier: MIT
"""Forwards while guests run: added, moved and removed without touching others; told of; put back; gone without a trace.

    LAN                        host under test                       guests, that tell who they are
    +------------------+      +--------------------------------+
    | 192.0.2.1   out0 +------+ eth0 192.0.2.2  br-lab --------+----- web 10.20.0.10
    +------------------+      |                        --------+----- db  10.20.0.11
                              +--------------------------------+
"""

import json
import os

import pytest

from forwards_world import Guests, Talk, ask, serve
from guards_world import open_socket
from tapnet_test.snapshot import assert_same, snapshot

HOST = "192.0.2.2"
LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    subnet6: none
    ports:
      web: {{ address: 10.20.0.10{web} }}
      db: {{ address: 10.20.0.11{db} }}
"""


def lab_file(tapnet, web="", db="", name="lab.yaml"):
    """The lab with these forwards."""
    parts = {port: f", forward: [{forwards}]" if forwards else "" for port, forwards in (("web", web), ("db", db))}
    return tapnet.file(LAB.format(**parts), name)


@pytest.fixture
def guests(tapnet, host, world):
    """Plugs guests into a lab that is up."""
    made = []

    def plug():
        made.append(Guests(host, tapnet))
        return made[-1]

    yield plug
    for each in made:
        each.close()


def test_one_is_added_and_removed_and_the_others_do_not_notice(tapnet, world, guests):
    tapnet("up", lab_file(tapnet, web="8080:80"))
    guests()
    with Talk(world.outside, 8080) as kept:
        assert kept.who() == "web 192.0.2.1" and ask(world.outside, "tcp", HOST, 8081) is None
        added = tapnet("up", lab_file(tapnet, web="8080:80", db="8081:80"))
        assert "3 steps" in added.stdout, "the element, the guest that is published, the network's record"
        with Talk(world.outside, 8081) as removed:
            assert removed.who() == "db 192.0.2.1" and kept.who() == "web 192.0.2.1"
            tapnet("up", lab_file(tapnet, web="8080:80"))
            assert kept.who() == "web 192.0.2.1", "a forward that stays keeps its connections"
            assert removed.who() is None, "what was closed is closed, to those who are inside, too"
        assert ask(world.outside, "tcp", HOST, 8081) is None and kept.who() == "web 192.0.2.1"


def test_one_leads_elsewhere_from_one_instant_to_the_next(tapnet, world, guests):
    tapnet("up", lab_file(tapnet, web="8080:80, 5000-5009:5000-5009"))
    guests()
    assert ask(world.outside, "tcp", HOST, 8080) == "web 192.0.2.1"
    with Talk(world.outside, 8080) as talk:
        assert talk.who() == "web 192.0.2.1"
        tapnet("up", lab_file(tapnet, db="8080:80, 5000-5009:5000-5009"))
        assert talk.who() is None
    assert ask(world.outside, "tcp", HOST, 8080) == ask(world.outside, "tcp", HOST, 5004) == "db 192.0.2.1"


def test_who_has_been_sending_all_the_time_reaches_a_guest_that_comes_later(tapnet, world, guests):
    """Conntrack knows the sender's datagrams as the host's own, as long as they come."""
    tapnet("up", lab_file(tapnet))
    guests()
    with open_socket(world.outside, timeout=0.3) as sender:
        sender.bind(("", 4000))
        for _ in range(3):
            sender.sendto(b"who?", (HOST, 5353))
            with pytest.raises(OSError):
                sender.recv(100)
        tapnet("up", lab_file(tapnet, web="5353:53/udp"))
        sender.sendto(b"who?", (HOST, 5353))
        assert sender.recv(100) == b"web 192.0.2.1"
        tapnet("up", lab_file(tapnet, db="5353:53/udp"))
        sender.sendto(b"who?", (HOST, 5353))
        assert sender.recv(100) == b"db 192.0.2.1"
        tapnet("up", lab_file(tapnet))
        sender.sendto(b"who?", (HOST, 5353))
        with pytest.raises(OSError):
            sender.recv(100)


def test_127_0_0_1_is_open_to_the_bridge_only_while_a_forward_needs_it(tapnet, host, world):
    def opened():
        return host.run("sysctl", "-n", "net.ipv4.conf.br-lab.route_localnet").stdout.strip() == "1"

    host.run("sysctl", "-qw", "net.ipv4.conf.default.route_localnet=1")  # another program's idea for new devices
    tapnet("up", lab_file(tapnet, web="192.0.2.2:8080:80"))
    assert not opened()
    shown = tapnet("plan", lab_file(tapnet, web="8080:80"), check=False).stdout
    assert "~ bridge br-lab: route_localnet is off" in shown
    tapnet("up", lab_file(tapnet, web="8080:80"))
    assert opened() and tapnet("plan", lab_file(tapnet, web="8080:80")).stdout == "nothing to do\n"
    tapnet("up", lab_file(tapnet))
    assert not opened()
    assert host.run("sysctl", "-n", "net.ipv4.conf.all.route_localnet").stdout.strip() == "0"


def test_status_shows_them(tapnet, world):
    tapnet("up", lab_file(tapnet, web="0.0.0.0:8080:80/tcp, 127.0.0.1:2222:22, 5000-5009:5000-5009/udp"))
    ports = {port["name"]: port["forwards"] for port in tapnet.status("lab")["ports"]}
    assert ports == {"web": ["0.0.0.0:8080:80", "127.0.0.1:2222:22", "5000-5009:5000-5009/udp"], "db": []}
    lines = tapnet("status").stdout.splitlines()
    at, = (number for number, line in enumerate(lines) if "─ web" in line)
    assert lines[at + 1].split(None, 1)[1] == "forwards 0.0.0.0:8080:80, 127.0.0.1:2222:22, 5000-5009:5000-5009/udp"


def test_the_plan_as_json_knows_them_both_ways(tapnet, world):
    plan = json.loads(tapnet("plan", "--json", lab_file(tapnet, web="8080:80, 5000-5009:5000-5009/udp"),
                             check=False).stdout)
    elements = [step["after"] for step in plan["steps"] if step["after"].get("set", "").startswith("forward")]
    for element in elements:
        element.pop("label")
    assert elements == [
        {"kind": "element", "set": "forwards", "key": [6, 8080], "data": ["10.20.0.10", 80]},
        {"kind": "element", "set": "forward_ranges", "data": "10.20.0.10",
         "key": ["0.0.0.0", 17, 5000, "to", "255.255.255.255", 17, 5009]}]


def test_two_sets_cannot_forward_the_same_port(tapnet, world):
    tapnet("up", lab_file(tapnet, web="8000-8010:8000-8010"))
    other = tapnet.file("networks:\n  two:\n    subnet: 10.30.0.1/24\n    ports:\n"
                        "      far: { forward: [9000:80, 192.0.2.2:8005:80] }\n", "other.yaml")
    for verb in "plan", "up":
        refused = tapnet(verb, other, check=False)
        assert refused.returncode in (1, 2) and refused.stderr.strip() == (
            f"tapnet: {other}:5:33: port far: forward 192.0.2.2:8005:80: TCP port 8005 of the host is already "
            "forwarded to port web of set lab; choose another one, or take that down first (tapnet down lab)")
    tapnet("up", tapnet.file(other.read_text().replace("8005", "8011"), "other.yaml"))
    tapnet("up", lab_file(tapnet, web="8000-8010:8000-8010, 8011:80/udp"))
    assert tapnet("up", lab_file(tapnet, web="8000-8011:8000-8011"), check=False).returncode in (1, 2)


def test_a_program_that_listens_there_is_named(tapnet, host, world):
    """In plan, up and status; not one that listens elsewhere, or at a loopback address that stays the host's."""
    server = serve(host, "host", [9999])
    with open_socket(host) as resolver:
        resolver.bind(("127.0.0.53", 5353))
        path = lab_file(tapnet, web="127.0.0.1:9999:80, 9998:80", db="5353:53/udp")
        comm = host.run("cat", f"/proc/{server.pid}/comm").stdout.strip()
        told = (f"port web: forward 127.0.0.1:9999:80: {comm} ({server.pid}) listens at TCP port 9999 too: what comes "
                "there goes to the guest, and no longer to it")
        for words in (["plan", path], ["up", path], ["status"]):
            answer = tapnet(*words, check=False)
            said = answer.stdout + answer.stderr
            assert told in said and said.count(" too: ") == 1, said
        assert told in tapnet.json_of_status()["warnings"]
    server.kill()
    server.wait()
    assert "listens" not in tapnet("status").stdout


def test_an_address_that_the_host_does_not_have_is_told(tapnet, host, world):
    told = "port web: forward 192.0.2.77:80:80 leads nowhere: this host does not have the address 192.0.2.77"
    path = lab_file(tapnet, web="192.0.2.77:80:80, 10.20.0.1:81:80, 192.0.2.2:82:80, 127.0.0.1:83:80")
    for words in (["plan", path], ["up", path], ["status"]):
        answer = tapnet(*words, check=False)
        said = answer.stdout + answer.stderr
        assert told in said and said.count("leads nowhere") == 1, said
    host.run("ip", "address", "add", "192.0.2.77/32", "dev", "eth0")
    assert "leads nowhere" not in tapnet("status").stdout


def test_nothing_is_left(tapnet, host, world):
    before = snapshot(host, run_dir=tapnet.run_dir)
    tapnet("up", lab_file(tapnet, web="8080:80, 127.0.0.1:2222:22, 5000-5009:5000-5009, 7000-7002:9000-9002/udp"))
    tapnet("down", "--all")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


@pytest.mark.parametrize("damage, said", [
    ("delete element inet tapnet forwards { tcp . 8080 }",
     "element forwards { tcp . 8080 : 10.20.0.10 . 80 } is missing"),
    ("add element inet tapnet forwards { tcp . 22 : 10.20.0.10 . 22 }",
     "element forwards { tcp . 22 : 10.20.0.10 . 22 } should not be there"),
    ("flush map inet tapnet bound_forwards", "element bound_forwards { 127.0.0.1 . tcp . 2222 : 10.20.0.10 . 22 } is"),
    ("flush map inet tapnet forward_ranges", "element forward_ranges { 0.0.0.0 . tcp . 5000 - 255.255.255.255 . tcp . "
     "5009 : 10.20.0.10 } is missing"),
    ("flush chain inet tapnet forwards", "table inet tapnet is not as"),
    ("delete table inet tapnet", "table inet tapnet is missing"),
])
def test_what_others_take_away_is_told_and_put_back(tapnet, host, world, guests, damage, said):
    path = lab_file(tapnet, web="8080:80, 127.0.0.1:2222:22, 5000-5009:5000-5009")
    tapnet("up", path)
    guests()
    host.run("nft", damage)
    answer = tapnet("status", check=False)
    assert answer.returncode == 1 and said in answer.stdout
    tapnet("up", path)
    assert tapnet("status").returncode == 0
    assert ask(world.outside, "tcp", HOST, 8080) == ask(world.outside, "tcp", HOST, 5009) == "web 192.0.2.1"
    assert ask(host, "tcp", "127.0.0.1", 2222) == "web 10.20.0.1"


@pytest.mark.parametrize("killed", [0.0, 0.01, 0.02, 0.03])
def test_killed_in_between_nothing_is_half(tapnet, host, world, killed):
    """An `up` that adds forwards is killed at some instant: the next one brings all of them, or `down` takes all."""
    before = snapshot(host, run_dir=tapnet.run_dir)
    tapnet("up", lab_file(tapnet, web="8080:80"))
    path = lab_file(tapnet, web="8080:80, 5000-5009:5000-5009", db="8081:80, 127.0.0.1:2222:22")
    child = host.popen(tapnet.program, "up", path)
    try:
        child.wait(killed)
    except Exception:  # it still runs
        os.kill(child.pid, 9)
        child.wait()
    tapnet("up", path)
    assert tapnet("plan", path).stdout == "nothing to do\n"
    tapnet("down", "--all")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
