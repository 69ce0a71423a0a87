# SPDX-License-Identifier: MIT
"""`forward:`: who reaches which guest by the host, whom the guest sees, and who does not. Judged by real traffic.

The topology is drawn in forwards_world.py.
"""

from types import SimpleNamespace

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

from forwards_world import Guests, arrives, ask, serve, syns
from guards_world import Wire, open_socket
from tapnet_test.build import Tapnet
from tapnet_test.world import World

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web:
        address: 10.20.0.10
        forward:
          - 8080:80                        # by every address of the host
          - 127.0.0.1:2222:22              # by the host itself only
          - 192.0.2.2:8443:443             # by one address
          - 5353:53/udp
          - 127.0.0.1:6000:53/udp
          - 5000-5009:5000-5009            # the same ports on both sides
          - 192.0.2.99:5100-5109:5100-5109/udp
          - 7000-7002:9000-9002            # other ones
      db:
        address: 10.20.0.11
        forward: [8081:80, 192.0.2.99:8443:443, 8080:80/udp, 127.0.0.1:5400-5409:5000-5009]
  two:
    subnet: 10.30.0.1/24
    ports: { far: { address: 10.30.0.10 } }
  flat:
    subnet: 10.40.0.1/24
    ports_see_each_other: false
    ports: { one: { address: 10.40.0.10, forward: 8090:80 }, two: { address: 10.40.0.11 } }
  cell:
    mode: isolated
    subnet: 10.50.0.1/24
    ports: { mute: { address: 10.50.0.10 } }
"""

NOBODY = None
HOST, SECOND, LOOPBACK, GATEWAY = "192.0.2.2", "192.0.2.99", "127.0.0.1", "10.20.0.1"

# From whom, by which address and port, who answers, and whom that guest sees.
CASES = [
    # ---- from the LAN: the guest sees the real client ----
    ("lan", "tcp", HOST, 8080, "web 192.0.2.1"),
    ("lan", "tcp", SECOND, 8080, "web 192.0.2.1"),
    ("lan", "tcp", HOST, 8081, "db 192.0.2.1"),
    ("lan", "tcp", HOST, 8443, "web 192.0.2.1"),
    ("lan", "tcp", SECOND, 8443, "db 192.0.2.1"),
    ("lan", "udp", HOST, 5353, "web 192.0.2.1"),
    ("lan", "udp", HOST, 8080, "db 192.0.2.1"),  # the same number, the other protocol, another guest
    ("lan", "tcp", HOST, 5000, "web 192.0.2.1"),
    ("lan", "tcp", HOST, 5009, "web 192.0.2.1"),
    ("lan", "udp", SECOND, 5105, "web 192.0.2.1"),
    ("lan", "tcp", HOST, 7002, "web 192.0.2.1"),
    ("lan", "tcp", HOST, 8090, "one 192.0.2.1"),
    ("far away", "tcp", HOST, 8080, "web 198.51.100.1"),
    ("far away", "udp", HOST, 5353, "web 198.51.100.1"),
    ("lan", "tcp", HOST, 9999, "host 192.0.2.1"),  # a program of the host's own, as before
    ("lan", "tcp", HOST, 2222, NOBODY),
    ("lan", "tcp", SECOND, 2222, NOBODY),
    ("lan", "udp", HOST, 6000, NOBODY),
    ("lan", "tcp", HOST, 5400, NOBODY),
    ("lan", "tcp", HOST, 80, NOBODY),
    ("lan", "tcp", HOST, 5010, NOBODY),
    ("lan", "tcp", HOST, 7003, NOBODY),
    ("lan", "udp", HOST, 5105, NOBODY),
    ("lan", "udp", HOST, 5000, NOBODY),
    ("lan", "tcp", "10.20.0.10", 80, NOBODY),
    ("lan", "udp", "10.20.0.10", 53, NOBODY),
    # ---- from the host itself ----
    ("host", "tcp", LOOPBACK, 8080, "web 10.20.0.1"),  # 127.0.0.1 would be the guest itself: it sees its gateway
    ("host", "tcp", LOOPBACK, 2222, "web 10.20.0.1"),
    ("host", "udp", LOOPBACK, 5353, "web 10.20.0.1"),
    ("host", "udp", LOOPBACK, 6000, "web 10.20.0.1"),
    ("host", "tcp", LOOPBACK, 5005, "web 10.20.0.1"),
    ("host", "tcp", LOOPBACK, 5409, "db 10.20.0.1"),
    ("host", "tcp", LOOPBACK, 7000, "web 10.20.0.1"),
    ("host", "tcp", HOST, 8080, "web 192.0.2.2"),
    ("host", "udp", HOST, 5353, "web 192.0.2.2"),
    ("host", "tcp", SECOND, 8443, "db 192.0.2.2"),
    ("host", "tcp", GATEWAY, 8080, "web 10.20.0.1"),
    ("host", "tcp", LOOPBACK, 9999, "host 127.0.0.1"),
    ("host", "tcp", LOOPBACK, 8443, NOBODY),
    ("host", "tcp", "127.0.0.2", 8080, NOBODY),
    ("host", "tcp", HOST, 2222, NOBODY),
    ("host", "tcp", HOST, 5010, NOBODY),
    # ---- from a guest of the same network: by the host, so it is the host that the other sees ----
    ("db", "tcp", GATEWAY, 8080, "web 10.20.0.1"),
    ("db", "tcp", HOST, 8080, "web 10.20.0.1"),
    ("db", "udp", HOST, 5353, "web 10.20.0.1"),
    ("db", "tcp", HOST, 5004, "web 10.20.0.1"),
    ("db", "tcp", "10.20.0.10", 80, "web 10.20.0.11"),  # they see each other, forward or not
    ("db", "tcp", GATEWAY, 2222, NOBODY),
    ("db", "tcp", HOST, 9999, NOBODY),
    # ---- from a guest of another network: by the host only ----
    ("far", "tcp", HOST, 8080, "web 10.30.0.10"),
    ("far", "tcp", "10.30.0.1", 8080, "web 10.30.0.10"),
    ("far", "udp", HOST, 5353, "web 10.30.0.10"),
    ("far", "tcp", HOST, 8090, "one 10.30.0.10"),
    ("far", "tcp", "10.20.0.10", 80, NOBODY),
    ("far", "tcp", "10.20.0.10", 8080, NOBODY),
    ("far", "tcp", HOST, 2222, NOBODY),
    ("far", "tcp", "10.30.0.1", 8443, NOBODY),
    ("far", "tcp", HOST, 9999, NOBODY),
    # ---- from guests that may not see each other, and from one that sees nobody outside ----
    ("two", "tcp", HOST, 8090, NOBODY),
    ("two", "tcp", "10.40.0.1", 8090, NOBODY),
    ("two", "tcp", HOST, 8080, "web 10.40.0.11"),
    ("mute", "tcp", HOST, 8080, NOBODY),
    ("mute", "udp", HOST, 5353, NOBODY),
    ("mute", "tcp", "10.20.0.10", 80, NOBODY),
]


@pytest.fixture(scope="module", params=[0, 1], ids=["bridge-nf-off", "bridge-nf-on"])
def lab(request):
    """All of it up; with br_netfilter showing bridged frames to the inet hooks, and without."""
    with World() as world:
        host, tapnet = world.host, Tapnet(world.host)
        host.run("sysctl", "-qw", f"net.bridge.bridge-nf-call-iptables={request.param}")
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
    assert ask(netns, protocol, address, port, source) == expected


# ---- tricks: frames that a neighbour on the LAN, or a guest, forges ----

@pytest.mark.parametrize("sysctl", ["eth0.accept_source_route", "eth0.route_localnet", "all.route_localnet",
                                    "eth0.accept_local", "eth0.rp_filter"])
def test_what_is_bound_to_127_0_0_1_no_frame_from_the_lan_reaches(lab, sysctl):
    """Whatever another program of the host has opened for its own use."""
    before = lab.host.run("sysctl", "-n", f"net.ipv4.conf.{sysctl}").stdout.strip()
    lab.host.run("sysctl", "-qw", f"net.ipv4.conf.{sysctl}={0 if 'rp_filter' in sysctl else 1}")
    frames = syns(lab, "eth0", ["192.0.2.1", "127.0.0.1", HOST, "10.20.0.1"], LOOPBACK, 2222)
    frames += syns(lab, "eth0", ["127.0.0.1"], HOST, 2222)
    assert not arrives(lab, lab.world.outside, "out0", frames, "web", lambda frame: TCP in frame and frame.dport == 22)
    frames = syns(lab, "eth0", ["192.0.2.1"], HOST, 8080)  # so that it is not the test that can see nothing
    assert arrives(lab, lab.world.outside, "out0", frames, "web", lambda frame: TCP in frame and frame.dport == 80)
    lab.host.run("sysctl", "-qw", f"net.ipv4.conf.{sysctl}={before}")


def test_nobody_outside_passes_for_the_host_itself(lab):
    """A packet from 127.0.0.1 that comes in by a cable leads nowhere, even where such packets are not martians."""
    open_wide = [f"net.ipv4.conf.{name}" for name in ("all.route_localnet=1", "eth0.accept_local=1", "eth0.rp_filter=0",
                                                      "all.rp_filter=0")]
    before = [f"{word.split('=')[0]}={lab.host.run('sysctl', '-n', word.split('=')[0]).stdout.strip()}"
              for word in open_wide]
    lab.host.run("sysctl", "-qw", *open_wide)
    frames = syns(lab, "eth0", ["127.0.0.1"], HOST, 8080)
    assert not arrives(lab, lab.world.outside, "out0", frames, "web", lambda frame: TCP in frame and frame.dport == 80)
    lab.host.run("sysctl", "-qw", *before)


def test_a_guest_reaches_nothing_at_the_hosts_127_0_0_1(lab):
    """The bridge takes packets for 127.0.0.1 now, since replies to the host's own connections are for it."""
    for device in ("br-lab", "br-flat"):
        assert lab.host.run("sysctl", "-n", f"net.ipv4.conf.{device}.route_localnet").stdout.strip() == "1"
    assert lab.host.run("sysctl", "-n", "net.ipv4.conf.br-two.route_localnet").stdout.strip() == "0"
    mac = lab.host.json("ip", "-j", "link", "show", "br-lab")[0]["address"]
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


def test_guests_that_do_not_see_each_other_do_not_by_a_detour_either(lab):
    """Not even one way: a datagram sent to the host's MAC, for the neighbour's address."""
    mac = lab.host.json("ip", "-j", "link", "show", "br-flat")[0]["address"]
    frame = Ether(dst=mac) / IP(src="10.40.0.11", dst="10.40.0.10") / UDP(sport=5, dport=53) / b"detour"
    assert not arrives(lab, lab.guests["two"], "eth0", [frame], "one", lambda seen: b"detour" in bytes(seen))


def test_a_guests_own_forward_by_the_host(lab):
    """Where the kernel shows bridged frames to netfilter, it bridges this one too: back to its port, so nowhere."""
    shown = lab.host.run("sysctl", "-n", "net.bridge.bridge-nf-call-iptables").stdout.strip() == "1"
    assert ask(lab.guests["web"], "tcp", HOST, 8080) == (NOBODY if shown else "web 10.20.0.1")
