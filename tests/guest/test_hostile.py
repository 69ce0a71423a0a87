# SPDX-License-Identifier: MIT
"""A real guest that was told its address, and then cheats: the main cases of tests/system/cheats.py by a kernel's own
hand. Its neighbour and the host are none the worse for it, and `status` counts.

      host                                          outside
    +-----------------------------------------+   +-------------------+
    | guest web ── lab-web ─┐                 |   |                   |
    |                       ├ br-lab ── NAT ─ eth0 ─ 192.0.2.1        |
    | guest db ─── lab-db ──┘ 10.20.0.1       |   |                   |
    +-----------------------------------------+   +-------------------+
"""

import pytest

from tapnet_test.build import Tapnet
from tapnet_test.guest import Guest
from tapnet_test.waiting import wait_for
from tapnet_test.world import World

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    subnet6: none
    ports:
      web: { address: 10.20.0.6, mac: "52:54:00:00:00:06" }
      db: { address: 10.20.0.7, mac: "52:54:00:00:00:07" }
  two:
    subnet: 10.30.0.1/24
    subnet6: none
    ports: { far: {} }
"""


class Scene:
    def __init__(self, world):
        self.host, self.tapnet = world.host, Tapnet(world.host)
        self.tapnet("up", self.tapnet.file(LAB))
        self.web = Guest(self.host, "lab-web", "web", mac="52:54:00:00:00:06", dhcp=False)
        self.db = Guest(self.host, "lab-db", "db", mac="52:54:00:00:00:07")
        self.web.wait_ready()
        self.web.out(self.told())
        self.db.wait_for_lease()

    def told(self):
        return self.tapnet("status", "--guest", "lab/web", "--as", "commands").stdout

    def blocked(self):
        port, = (port for network in self.tapnet.json_of_status()["networks"] for port in network["ports"]
                 if port["device"] == "lab-web")
        return port["blocked"]

    def close(self):
        for guest in self.web, self.db:
            guest.close()
        self.tapnet("down", "--all")


@pytest.fixture(scope="module")
def scene():
    with World() as world:
        made = Scene(world)
        yield made
        made.close()


def reaches(guest, address, *options):
    return guest.sh(f"ping -c 1 -W 1 {' '.join(options)} {address}")[0] == 0


def test_a_guest_that_was_told_needs_no_dhcp(scene):
    for address in "10.20.0.1", "10.20.0.7", "192.0.2.1":
        wait_for(lambda address=address: reaches(scene.web, address))
    assert "10.20.0.1" in scene.web.out("nslookup -type=a db.lab")


# What it does, and how it undoes that; in between nothing of "fails" may succeed.
CHEATS = {
    "another MAC": ("ip link set eth0 down; ip link set eth0 address 52:54:00:00:00:99 up; "
                    "ip route add default via 10.20.0.1", "ping -c 1 -W 1 10.20.0.1",
                    "ip link set eth0 down; ip link set eth0 address 52:54:00:00:00:06 up; "
                    "ip route add default via 10.20.0.1"),
    "the neighbour's address": ("ip address add 10.20.0.7/24 dev eth0", "ping -c 1 -W 1 -I 10.20.0.7 10.20.0.1",
                                "ip address del 10.20.0.7/24 dev eth0"),
    "the gateway's address by ARP": ("ip address add 10.20.0.1/32 dev eth0; "  # without which arping sends nothing
                                     "arping -q -U -c 3 -I eth0 -s 10.20.0.1 10.20.0.1; "
                                     "ip address del 10.20.0.1/32 dev eth0", "false", "true"),
    "a cloud's metadata": ("true", "nc -w 1 169.254.169.254 80 </dev/null", "true"),
    "SSH of the host": ("true", "nc -w 1 10.20.0.1 22 </dev/null", "true"),
    "the host's address outside": ("true", "ping -c 1 -W 1 192.0.2.2", "true"),
    "another network": ("true", "ping -c 1 -W 1 10.30.0.1", "true"),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_it_cheats_in_vain(scene, cheat):
    does, fails, undoes = CHEATS[cheat]
    before = scene.blocked()
    scene.web.sh(does)
    assert scene.web.sh(fails)[0] != 0
    assert reaches(scene.db, "10.20.0.1") and reaches(scene.db, "192.0.2.1")
    assert scene.blocked() > before
    scene.web.sh(undoes)
    wait_for(lambda: reaches(scene.web, "10.20.0.7"))
