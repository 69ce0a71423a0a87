# SPDX-License-Identifier: MIT
"""The main job with real virtual machines: one file brings a network up, two guests use it, down leaves no trace.

The topology is drawn in tapnet_test/tour.py, and so are the checks: the demo makes the same ones.
"""

import pytest

from tapnet_test import tour
from tapnet_test.guest import boot_guests
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.world6 import HOST, NEAR, add_ipv6


@pytest.fixture(scope="module")
def lab():
    with tour.Lab() as lab:
        lab.up()
        lab.boot()
        yield lab


@pytest.mark.parametrize("check", tour.CHECKS, ids=lambda check: check.__name__)
def test_with_two_guests(lab, check):
    check(lab)


def test_up_again_does_not_disturb_them(lab):
    ping = lab.guests["web"]
    ping.sh("ping -i 0.2 -W 1 db >/tmp/ping.log 2>&1 & echo $! >/run/ping.pid")
    lab.up()
    more = lab.file.read_text().replace("web: {}", "web: {}\n      third: {}")
    lab.tapnet("up", lab.tapnet.file(more))
    lab.up()
    log = ping.out("sleep 1; kill -INT $(cat /run/ping.pid); sleep 0.5; cat /tmp/ping.log")
    assert " 0% packet loss" in log and " 0 packets received" not in log, log


def test_the_outside_comes_in_by_a_forward_only(lab):
    """A web server in a guest, asked from outside, from the host and by the neighbour."""
    web, fetch = lab.guests["web"], ("curl", "-s", "--max-time", "3")
    page = web.serve("hello from web")
    outside = lab.world.outside
    assert outside.run(*fetch, "http://192.0.2.2:8080/", check=False).returncode != 0
    without = lab.file.read_text()
    lab.tapnet("up", lab.tapnet.file(without.replace("web: {}", "web: { forward: 8080:8000 }")))
    assert outside.run(*fetch, "http://192.0.2.2:8080/").stdout == page
    for address in "127.0.0.1", "192.0.2.2":
        assert lab.host.run(*fetch, f"http://{address}:8080/").stdout == page
    assert lab.guests["db"].out("wget -q -O - http://192.0.2.2:8080/") == page
    lab.tapnet("up", lab.tapnet.file(without))
    assert outside.run(*fetch, "http://192.0.2.2:8080/", check=False).returncode != 0


def test_a_lease_can_be_given_back_and_taken_again(lab):
    web = lab.guests["web"]
    address = lab.address("web")
    web.out("kill -USR2 $(cat /run/udhcpc.pid)")
    web.wait_for("! ip address show eth0 | grep -q 'inet '")
    web.out("kill -USR1 $(cat /run/udhcpc.pid)")
    assert web.wait_for_lease()["ip"] == address


def test_down_leaves_no_trace(lab):
    """The last of this lab: the guests are plugged off, then the network goes."""
    lab.power_off()
    lab.down()
    assert lab.traces() == ""


def test_down_under_running_guests_leaves_no_trace():
    """Whoever holds a TAP keeps nothing of the network alive."""
    with tour.Lab() as lab:
        lab.up()
        lab.boot()
        lab.down()
        names = [link["ifname"] for link in lab.host.json("ip", "-j", "link")]
        assert sorted(names) == ["eth0", "lo"]
        lab.power_off()
        assert lab.traces() == ""


def test_guests_of_an_isolated_network(world, tapnet):
    """
          host                          outside
        +---------------------------+  +---------+
        | guest a --+               |  |         |
        |           +-- br-quiet    |  |         |
        | guest b --+             eth0-+ .1      |
        +---------------------------+  +---------+

    Ports of a network with mode isolated see each other, by either family, and neither the host's services nor the
    outside.
    """
    add_ipv6(world)
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    path = tapnet.file("networks: { quiet: { mode: isolated, subnet: 10.30.0.1/24, ports: { a: {}, b: {} } } }")
    tapnet("up", path)
    ports, guests = boot_guests(world.host, tapnet, "quiet")
    for name, guest in guests.items():
        assert guest.wait_for_lease()["ip"] == ports[name]["addresses"][0]
        guest.wait_for(f"ip -6 address show dev eth0 | grep -v tentative | grep -q {ports[name]['addresses'][1]}")
    guests["a"].out("ping -c 1 -W 3 {0} && ping6 -c 1 -W 3 {1}".format(*ports["b"]["addresses"]))
    assert not guests["a"].out("ip -6 route show default")
    guests["a"].out("ip route replace default via 10.30.0.1; ip -6 route replace default via fe80::1 dev eth0")
    for nobody in ("192.0.2.1", "192.0.2.2", "10.30.0.1", NEAR, HOST, "fe80::1%eth0"):
        assert guests["a"].sh(f"ping -c 1 -W 1 {nobody}").rc != 0, nobody
    for guest in guests.values():
        guest.close()
    tapnet("down", path)
    assert_same(before, snapshot(world.host, run_dir=tapnet.run_dir))
