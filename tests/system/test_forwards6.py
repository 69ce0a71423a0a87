# SPDX-License-Identifier: MIT
"""`forward:` by IPv6: who reaches which guest by the host, and whom the guest sees. Judged by real traffic.

    LAN                          host under test                                            guests
    +---------------------+     +-----------------------------------------------------+
    | 2001:db8:a::1  out0 +-----+ eth0 2001:db8:a::2   br-lab  10.20.0.1  fd00:20::1 --+--- web ...::10
    | 2001:db8:f::1 (far) |     |      2001:db8:a::99                               --+--- db  ...::11
    +---------------------+     |                      br-two  10.30.0.1  fd00:30::1 --+--- far ...::10
                                | lo   ::1             br-flat 10.40.0.1  fd00:40::1 --+--- one ...::10  (they do not
                                |                                                   --+--- two ...::11   see each other)
                                +-----------------------------------------------------+
"""

from types import SimpleNamespace

import pytest

from forwards_world import Talk, ask, plug_all, serve
from tapnet_test.build import Tapnet
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.world import World
from tapnet_test.world6 import FAR, HOST, NEAR, add_ipv6

SECOND, GATEWAY, HOST4 = "2001:db8:a::99", "fd00:20::1", "192.0.2.2"
LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    subnet6: fd00:20::1/64
    ports:
      web:
        address: 10.20.0.10
        address6: fd00:20::10
        forward:
          - 8080:80                              # by every address of the host, of either family
          - 0.0.0.0:8444:443                     # of IPv4
          - "[::]:8445:443"                      # of IPv6
          - "[2001:db8:a::2]:8443:443"           # by one
          - 127.0.0.1:2222:22
          - 5353:53/udp
          - 5000-5009:5000-5009
          - "[2001:db8:a::99]:5100-5109:5100-5109/udp"
          - 7000-7002:9000-9002
      db:
        address: 10.20.0.11
        address6: fd00:20::11
        forward: [8081:80, "[2001:db8:a::99]:8443:443"]
  two:
    subnet: 10.30.0.1/24
    subnet6: fd00:30::1/64
    ports: { far: { address: 10.30.0.10, address6: "fd00:30::10" } }
  flat:
    subnet: 10.40.0.1/24
    subnet6: fd00:40::1/64
    ports_see_each_other: false
    ports:
      one: { address: 10.40.0.10, address6: "fd00:40::10", forward: 8090:80 }
      two: { address: 10.40.0.11, address6: "fd00:40::11" }
"""

NOBODY = None

# From whom, by which address and port, who answers, and whom that guest sees.
CASES = [
    # ---- from the LAN ----
    ("lan", "tcp", HOST, 8080, f"web {NEAR}"),
    ("lan", "tcp", SECOND, 8080, f"web {NEAR}"),
    ("lan", "tcp", HOST, 8081, f"db {NEAR}"),
    ("lan", "tcp", HOST, 8443, f"web {NEAR}"),
    ("lan", "tcp", SECOND, 8443, f"db {NEAR}"),
    ("lan", "tcp", HOST, 8445, f"web {NEAR}"),
    ("lan", "udp", HOST, 5353, f"web {NEAR}"),
    ("lan", "tcp", HOST, 5009, f"web {NEAR}"),
    ("lan", "udp", SECOND, 5105, f"web {NEAR}"),
    ("lan", "tcp", HOST, 7002, f"web {NEAR}"),
    ("lan", "tcp", HOST, 8090, f"one {NEAR}"),
    ("far away", "tcp", HOST, 8080, f"web {FAR}"),
    ("lan", "tcp", HOST, 9999, f"host {NEAR}"),
    ("lan", "tcp", HOST4, 8080, "web 192.0.2.1"),
    ("lan", "tcp", HOST4, 8444, "web 192.0.2.1"),
    ("lan", "tcp", HOST4, 8445, NOBODY),
    ("lan", "tcp", HOST4, 8443, NOBODY),
    ("lan", "tcp", HOST, 8444, NOBODY),
    ("lan", "tcp", HOST, 2222, NOBODY),
    ("lan", "tcp", HOST, 80, NOBODY),
    ("lan", "tcp", HOST, 5010, NOBODY),
    ("lan", "udp", HOST, 5105, NOBODY),
    ("lan", "udp", HOST, 8080, NOBODY),
    ("lan", "tcp", "fd00:20::10", 80, NOBODY),
    # ---- from the host itself ----
    ("host", "tcp", HOST, 8080, f"web {HOST}"),
    ("host", "tcp", SECOND, 8443, f"db {SECOND}"),  # from the address that it asks
    ("host", "udp", HOST, 5353, f"web {HOST}"),
    ("host", "tcp", GATEWAY, 8080, f"web {GATEWAY}"),
    ("host", "tcp", "::1", 8080, NOBODY),  # the kernel leads nothing from there to a guest
    ("host", "tcp", "::1", 9999, "host ::1"),
    ("host", "tcp", "127.0.0.1", 2222, "web 10.20.0.1"),
    # ---- from a guest of the same network: by the host, so it is the host that the other sees ----
    ("db", "tcp", GATEWAY, 8080, f"web {GATEWAY}"),
    ("db", "tcp", HOST, 8080, f"web {GATEWAY}"),
    ("db", "udp", HOST, 5353, f"web {GATEWAY}"),
    ("db", "tcp", "fd00:20::10", 80, "web fd00:20::11"),
    ("db", "tcp", HOST, 9999, NOBODY),
    # ---- from a guest of another network: by the host only ----
    ("far", "tcp", HOST, 8080, "web fd00:30::10"),
    ("far", "tcp", "fd00:30::1", 8080, "web fd00:30::10"),
    ("far", "tcp", HOST, 8090, "one fd00:30::10"),
    ("far", "tcp", "fd00:20::10", 80, NOBODY),
    ("far", "tcp", "fd00:20::10", 8080, NOBODY),
    ("far", "tcp", HOST, 8444, NOBODY),
    # ---- from guests that may not see each other ----
    ("two", "tcp", HOST, 8090, NOBODY),
    ("two", "tcp", "fd00:40::1", 8090, NOBODY),
    ("two", "tcp", HOST, 8080, "web fd00:40::11"),
]


@pytest.fixture(scope="module", params=[0, 1], ids=["bridge-nf-off", "bridge-nf-on"])
def lab(request):
    with World() as world:
        add_ipv6(world)
        host, tapnet = world.host, Tapnet(world.host)
        host.run("sysctl", "-qw", f"net.bridge.bridge-nf-call-ip6tables={request.param}",
                 f"net.bridge.bridge-nf-call-iptables={request.param}")
        host.run("ip", "-6", "address", "add", f"{SECOND}/64", "dev", "eth0", "nodad", "preferred_lft", "0")
        tapnet("up", tapnet.file(LAB))
        guests = plug_all(host, tapnet)
        serve(host, "host", [9999])
        yield SimpleNamespace(world=world, host=host, tapnet=tapnet, guests=guests)
        for guest in guests.values():
            guest.close()


def name_of(case):
    return "-".join(str(word) for word in case[:4]).replace(" ", "-")


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_who_reaches_whom(lab, case):
    whence, protocol, address, port, expected = case
    places = {"lan": lab.world.outside, "far away": lab.world.outside, "host": lab.host}
    netns = places[whence] if whence in places else lab.guests[whence].netns
    source = {"far away": FAR, "lan": NEAR if ":" in address else ""}.get(whence, "")
    assert ask(netns, protocol, address, port, source) == expected


ONE = """
networks:
  lab:
    subnet: 10.20.0.1/24
    subnet6: fd00:20::1/64
    ports:
      web: {{ address: 10.20.0.10, address6: "fd00:20::10", forward: [{web}] }}
"""


def test_they_come_and_go_while_guests_run(tapnet, host, world):
    """Others keep their connections; those of one that went end, by either family."""
    add_ipv6(world)
    before = snapshot(host, run_dir=tapnet.run_dir)
    tapnet("up", tapnet.file(ONE.format(web="8080:80")))
    guests = plug_all(host, tapnet)
    with Talk(world.outside, 8080, HOST) as kept:
        assert kept.who() and ask(world.outside, "tcp", HOST, 8081) is None
        tapnet("up", tapnet.file(ONE.format(web="8080:80, 8081:80")))
        with Talk(world.outside, 8081, HOST) as gone, Talk(world.outside, 8081) as gone4:
            assert gone.who() and gone4.who()
            tapnet("up", tapnet.file(ONE.format(web="8080:80")))
            assert kept.who() and gone.who() is None and gone4.who() is None
    assert "nothing to do" in tapnet("plan", tapnet.file(ONE.format(web="8080:80"))).stdout
    for guest in guests.values():
        guest.close()
    tapnet("down", "--all")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
