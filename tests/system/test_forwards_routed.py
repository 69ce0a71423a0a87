# SPDX-License-Identifier: MIT
"""`forward:` of routed networks: who reaches which guest by the host, and whom the guest sees. Judged by real traffic.

    LAN                         host under test                                        guests
    +-------------------+      +-----------------------------------------------+
    | 192.0.2.1    out0 +------+ eth0 192.0.2.2   lab-web 10.20.0.1  ----------+----- web 10.20.0.10
    | 198.51.100.1 (far)|      |      192.0.2.99  lab-db  10.20.0.1  ----------+----- db  10.20.0.11
    |                   |      |                  two-far 10.30.0.1  ----------+----- far 10.30.0.10
    | has routes to the |      | lo   127.0.0.1   flat-one, flat-two 10.40.0.1 +----- one 10.40.0.10  (they do not see
    | guests            |      |                                           ----+----- two 10.40.0.11   each other)
    +-------------------+      |                  br-old 10.50.0.1 (mode nat)  +----- old 10.50.0.10
                               +-----------------------------------------------+
"""

from types import SimpleNamespace

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

from forwards_world import HOST, Guests, Talk, arrives, ask, serve, syns
from guards_world import Wire, open_socket
from tapnet_test.build import Tapnet
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.world import World

LAB = """
networks:
  lab:
    mode: routed
    subnet: 10.20.0.1/24
    ports:
      web:
        address: 10.20.0.10
        forward:
          - 8080:80
          - 127.0.0.1:2222:22
          - 192.0.2.2:8443:443
          - 5353:53/udp
          - 5000-5009:5000-5009
          - 192.0.2.99:5100-5109:5100-5109/udp
          - 7000-7002:9000-9002
      db: { address: 10.20.0.11, forward: [8081:80, 192.0.2.99:8443:443] }
  two:
    mode: routed
    subnet: 10.30.0.1/24
    ports: { far: { address: 10.30.0.10 } }
  flat:
    mode: routed
    subnet: 10.40.0.1/24
    ports_see_each_other: false
    ports: { one: { address: 10.40.0.10, forward: 8090:80 }, two: { address: 10.40.0.11 } }
  old:
    subnet: 10.50.0.1/24
    ports: { old: { address: 10.50.0.10, forward: 8099:80 } }
"""

NOBODY = None
SECOND, LOOPBACK, GATEWAY = "192.0.2.99", "127.0.0.1", "10.20.0.1"

# From whom, by which address and port, who answers, and whom that guest sees.
CASES = [
    # ---- from the LAN ----
    ("lan", "tcp", HOST, 8080, "web 192.0.2.1"),
    ("lan", "tcp", SECOND, 8080, "web 192.0.2.1"),
    ("lan", "tcp", HOST, 8081, "db 192.0.2.1"),
    ("lan", "tcp", HOST, 8443, "web 192.0.2.1"),
    ("lan", "tcp", SECOND, 8443, "db 192.0.2.1"),
    ("lan", "udp", HOST, 5353, "web 192.0.2.1"),
    ("lan", "tcp", HOST, 5009, "web 192.0.2.1"),
    ("lan", "udp", SECOND, 5105, "web 192.0.2.1"),
    ("lan", "tcp", HOST, 7002, "web 192.0.2.1"),
    ("lan", "tcp", HOST, 8090, "one 192.0.2.1"),
    ("far away", "tcp", HOST, 8080, "web 198.51.100.1"),
    ("lan", "tcp", "10.20.0.10", 80, "web 192.0.2.1"),  # by its own address, forward or not
    ("lan", "tcp", HOST, 9999, "host 192.0.2.1"),
    ("lan", "tcp", HOST, 2222, NOBODY),
    ("lan", "tcp", HOST, 80, NOBODY),
    ("lan", "tcp", HOST, 5010, NOBODY),
    ("lan", "udp", HOST, 5105, NOBODY),
    ("lan", "tcp", "10.50.0.10", 80, NOBODY),
    # ---- from the host itself ----
    ("host", "tcp", LOOPBACK, 8080, "web 10.20.0.1"),
    ("host", "tcp", LOOPBACK, 2222, "web 10.20.0.1"),
    ("host", "udp", LOOPBACK, 5353, "web 10.20.0.1"),
    ("host", "tcp", LOOPBACK, 5005, "web 10.20.0.1"),
    ("host", "tcp", HOST, 8080, "web 192.0.2.2"),
    ("host", "tcp", SECOND, 8443, "db 192.0.2.2"),
    ("host", "tcp", GATEWAY, 8080, "web 10.20.0.1"),
    ("host", "tcp", LOOPBACK, 8443, NOBODY),
    ("host", "tcp", "127.0.0.2", 8080, NOBODY),
    ("host", "tcp", HOST, 2222, NOBODY),
    # ---- from a guest of the same network: all goes by the host, so each sees the other ----
    ("db", "tcp", GATEWAY, 8080, "web 10.20.0.11"),
    ("db", "tcp", HOST, 8080, "web 10.20.0.11"),
    ("db", "udp", HOST, 5353, "web 10.20.0.11"),
    ("db", "tcp", HOST, 5004, "web 10.20.0.11"),
    ("db", "tcp", "10.20.0.10", 80, "web 10.20.0.11"),
    ("web", "tcp", HOST, 8080, "web 10.20.0.1"),  # of itself it would think that it is forged
    ("db", "tcp", GATEWAY, 2222, NOBODY),
    ("db", "tcp", HOST, 9999, NOBODY),
    # ---- from guests of other networks: by the host only ----
    ("far", "tcp", HOST, 8080, "web 10.30.0.10"),
    ("far", "tcp", "10.30.0.1", 8080, "web 10.30.0.10"),
    ("far", "udp", HOST, 5353, "web 10.30.0.10"),
    ("far", "tcp", HOST, 8099, "old 10.30.0.10"),
    ("old", "tcp", HOST, 8080, "web 10.50.0.10"),
    ("far", "tcp", "10.20.0.10", 80, NOBODY),
    ("far", "tcp", "10.20.0.10", 8080, NOBODY),
    ("far", "tcp", HOST, 2222, NOBODY),
    ("far", "tcp", "10.30.0.1", 8443, NOBODY),
    ("far", "tcp", HOST, 9999, NOBODY),
    ("old", "tcp", "10.20.0.10", 80, NOBODY),
    # ---- from guests that may not see each other ----
    ("two", "tcp", "10.40.0.10", 80, NOBODY),
    ("two", "tcp", HOST, 8090, NOBODY),
    ("two", "tcp", "10.40.0.1", 8090, NOBODY),
    ("two", "tcp", HOST, 8080, "web 10.40.0.11"),
]


@pytest.fixture(scope="module")
def lab():
    with World() as world:
        host, tapnet = world.host, Tapnet(world.host)
        host.run("ip", "address", "add", "192.0.2.99/24", "dev", "eth0")
        world.outside.run("ip", "route", "add", "10.0.0.0/8", "via", HOST)
        tapnet("up", tapnet.file(LAB))
        guests = Guests(host, tapnet)
        serve(host, "host", [9999])
        yield SimpleNamespace(world=world, host=host, tapnet=tapnet, guests=guests)
        guests.close()


def name_of(case):
    return "-".join(str(word) for word in case[:4]).replace(" ", "-")


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_who_reaches_whom(lab, case):
    whence, protocol, address, port, expected = case
    source = "198.51.100.1" if whence == "far away" else ""
    places = {"lan": lab.world.outside, "far away": lab.world.outside, "host": lab.host}
    netns = places[whence] if whence in places else lab.guests[whence]
    lab.host.run("ip", "neigh", "flush", "all")  # from whichever address the host asks for the guest's MAC first
    assert ask(netns, protocol, address, port, source) == expected


@pytest.mark.parametrize("sysctl", ["eth0.accept_source_route", "eth0.route_localnet", "all.route_localnet",
                                    "eth0.accept_local", "eth0.rp_filter"])
def test_what_is_bound_to_127_0_0_1_no_frame_from_the_lan_reaches(lab, sysctl):
    before = lab.host.run("sysctl", "-n", f"net.ipv4.conf.{sysctl}").stdout.strip()
    lab.host.run("sysctl", "-qw", f"net.ipv4.conf.{sysctl}={0 if 'rp_filter' in sysctl else 1}")
    frames = syns(lab, "eth0", ["192.0.2.1", "127.0.0.1", HOST, "10.20.0.1"], LOOPBACK, 2222)
    frames += syns(lab, "eth0", ["127.0.0.1"], HOST, 2222)
    assert not arrives(lab, lab.world.outside, "out0", frames, "web", lambda frame: TCP in frame and frame.dport == 22)
    frames = syns(lab, "eth0", ["192.0.2.1"], HOST, 8080)  # so that it is not the test that can see nothing
    assert arrives(lab, lab.world.outside, "out0", frames, "web", lambda frame: TCP in frame and frame.dport == 80)
    lab.host.run("sysctl", "-qw", f"net.ipv4.conf.{sysctl}={before}")


def test_a_guest_reaches_nothing_at_the_hosts_127_0_0_1(lab):
    """Its port takes packets for 127.0.0.1 now, since replies to the host's own connections are for it."""
    opened = {device: lab.host.run("sysctl", "-n", f"net.ipv4.conf.{device}.route_localnet").stdout.strip()
              for device in ("lab-web", "lab-db", "flat-one", "flat-two", "two-far", "rt-lab", "eth0", "all")}
    assert opened == {"lab-web": "1", "lab-db": "1", "flat-one": "1", "flat-two": "0", "two-far": "0", "rt-lab": "0",
                      "eth0": "0", "all": "0"}
    mac = lab.host.json("ip", "-j", "link", "show", "lab-db")[0]["address"]
    for port in (9999, 8080, 2222):
        frame = Ether(dst=mac) / IP(src="10.20.0.11", dst=LOOPBACK) / TCP(sport=41000, dport=port, seq=1, flags="S")
        with Wire(lab.guests["db"], "eth0") as db, Wire(lab.guests["web"], "eth0") as web:
            web.drain()
            db.send(frame)
            assert not db.receive(lambda seen: TCP in seen and seen.sport == port, timeout=0.3)
            assert not web.receive(lambda seen: TCP in seen and seen[TCP].flags == "S", timeout=0.1)
    with open_socket(lab.host) as program, Wire(lab.guests["db"], "eth0") as db:
        program.bind((LOOPBACK, 9998))
        db.send(Ether(dst=mac) / IP(src="10.20.0.11", dst=LOOPBACK) / UDP(sport=41000, dport=9998) / b"hello")
        with pytest.raises(TimeoutError):
            program.recv(100)


# ---- live ----

ONE = """
networks:
  lab:
    mode: {mode}
    subnet: 10.20.0.1/24
    ports:
      web: {{ address: 10.20.0.10, forward: [{web}] }}
      db: {{ address: 10.20.0.11 }}
"""


def up(tapnet, web, mode="routed"):
    return tapnet("up", tapnet.file(ONE.format(web=web, mode=mode)))


def test_they_come_and_go_while_guests_run(tapnet, host, world):
    """Others keep their connections; those of one that went end; 127.0.0.1 leads to the port only while it has to."""
    def opened():
        return host.run("sysctl", "-n", "net.ipv4.conf.lab-web.route_localnet").stdout.strip() == "1"

    host.run("sysctl", "-qw", "net.ipv4.conf.default.route_localnet=1")  # another program's idea for new devices
    before = snapshot(host, run_dir=tapnet.run_dir)
    up(tapnet, "192.0.2.2:8080:80")
    assert not opened()
    guests = Guests(host, tapnet)
    with Talk(world.outside, 8080) as kept:
        assert kept.who() == "web 192.0.2.1" and ask(world.outside, "tcp", HOST, 8081) is None
        up(tapnet, "192.0.2.2:8080:80, 8081:80")
        assert opened() and tapnet("status").returncode == 0
        with Talk(world.outside, 8081) as gone:
            assert gone.who() == kept.who() == "web 192.0.2.1"
            up(tapnet, "192.0.2.2:8080:80")
            assert not opened() and kept.who() == "web 192.0.2.1" and gone.who() is None
    guests.close()
    tapnet("down", "--all")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


@pytest.mark.parametrize("damage, said", [
    ("sysctl -qw net.ipv4.conf.lab-web.route_localnet=0", "tap lab-web route_localnet is off"),
    ("nft flush set inet tapnet routed_published", "element routed_published { lab-web . 10.20.0.10 } is missing"),
    ("nft flush set inet tapnet published", "element published { 10.20.0.10 } is missing"),
])
def test_what_others_take_away_is_told_and_put_back(tapnet, host, world, damage, said):
    up(tapnet, "8080:80")
    host.run(*damage.split())
    answer = tapnet("status", check=False)
    assert answer.returncode == 1 and said in answer.stdout, answer.stdout
    up(tapnet, "8080:80")
    assert tapnet("status").returncode == 0


def test_a_network_keeps_its_forwards_when_its_mode_changes(tapnet, host, world):
    up(tapnet, "8080:80")
    guests = Guests(host, tapnet)
    assert ask(world.outside, "tcp", HOST, 8080) == "web 192.0.2.1"
    for mode in "nat", "routed":
        up(tapnet, "8080:80", mode)
        assert tapnet("status").returncode == 0
        for name in "web", "db":
            guests[name].run("ip", "neigh", "flush", "dev", "eth0")
        assert ask(world.outside, "tcp", HOST, 8080) == "web 192.0.2.1"
        assert ask(host, "tcp", LOOPBACK, 8080) == "web 10.20.0.1"
        device = host.run("sysctl", "-n", "net.ipv4.conf.lab-web.route_localnet").stdout.strip()
        assert device == ("1" if mode == "routed" else "0")
    guests.close()
