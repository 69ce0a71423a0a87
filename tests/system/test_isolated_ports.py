# SPDX-License-Identifier: MIT
"""`ports_see_each_other: false`: guests of one network reach what their mode gives them, and nothing of each other.

      host under test                                outside
    +-------------------------------------------+  +--------------+
    | guest web -- lab-web --+                  |  |              |
    |              x         +-- br-lab - NAT - eth0 - 192.0.2.1  |
    | guest db  -- lab-db  --+   10.20.0.1      |  |              |
    +-------------------------------------------+  +--------------+
"""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from guards_world import Wire
from tapnet_test.nsguest import NamespaceGuest
from tapnet_test.snapshot import assert_same, snapshot

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    ports_see_each_other: {see}
    ports: {{ web: {{}}, db: {{}} }}
"""


@pytest.fixture
def guests(tapnet, host, world):
    """Plugs guests into both ports of a lab that is up."""
    made = []

    def plug():
        for port in tapnet.status("lab")["ports"]:
            made.append(NamespaceGuest(host, port))
            made[-1].netns.run("ip", "route", "add", "default", "via", "10.20.0.1")
        return made

    yield plug
    for guest in made:
        guest.close()


def up(tapnet, see):
    return tapnet("up", tapnet.file(LAB.format(see=str(see).lower())))


def reaches(guest, address):
    return guest.netns.run("ping", "-c1", "-W1", address, check=False).returncode == 0


def isolated(host):
    """The ports that the kernel keeps apart."""
    return {link["ifname"] for link in host.json("bridge", "-j", "-d", "link", "show") if link.get("isolated")}


def test_they_reach_the_outside_and_not_each_other(tapnet, host, guests):
    up(tapnet, False)
    web, db = guests()
    assert isolated(host) == {"lab-web", "lab-db"}
    for guest, other in ((web, db), (db, web)):
        assert reaches(guest, "10.20.0.1") and reaches(guest, "192.0.2.1")
        assert not reaches(guest, other.address)
    assert "ports do not see each other" in tapnet("status").stdout
    assert tapnet.status("lab")["ports_see_each_other"] is False


def test_neither_by_way_of_the_gateway(tapnet, guests):
    """A route through the host and ARP entries that a guest makes itself lead to nobody."""
    up(tapnet, False)
    web, db = guests()
    web.netns.run("ip", "route", "add", f"{db.address}/32", "via", "10.20.0.1")
    assert not reaches(web, db.address)
    mac = db.netns.json("ip", "-j", "link", "show", "eth0")[0]["address"]
    web.netns.run("ip", "route", "del", f"{db.address}/32")
    web.netns.run("ip", "neigh", "replace", db.address, "lladdr", mac, "dev", "eth0")
    assert not reaches(web, db.address)


def test_nor_one_way(tapnet, host, guests):
    """Nobody answers, since the neighbour knows no such way back; but a datagram alone can do harm."""
    up(tapnet, False)
    web, db = guests()
    gateway = host.json("ip", "-j", "link", "show", "br-lab")[0]["address"]
    frame = Ether(dst=gateway) / IP(src=web.address, dst=db.address) / UDP(sport=5, dport=53) / b"by a detour"
    with Wire(web.netns, "eth0") as sender, Wire(db.netns, "eth0") as receiver:
        for _ in range(3):
            sender.send(frame)
        assert not receiver.receive(lambda seen: b"by a detour" in bytes(seen))


def test_it_changes_while_guests_run(tapnet, host, guests):
    up(tapnet, True)
    web, db = guests()
    assert reaches(web, db.address) and not isolated(host)
    changed = up(tapnet, False)
    assert changed.returncode == 0 and isolated(host) == {"lab-web", "lab-db"} and not reaches(web, db.address)
    assert "tap lab-web" in tapnet("plan", tapnet.file(LAB.format(see="true")), check=False).stdout
    up(tapnet, True)
    assert not isolated(host) and reaches(web, db.address)


@pytest.mark.parametrize("damage", ["bridge link set dev lab-web isolated off", "ip link set lab-web nomaster"])
def test_what_others_change_is_seen_and_mended(tapnet, host, world, damage):
    up(tapnet, False)
    host.run(*damage.split())
    answer = tapnet("status", check=False)
    told, = (line for line in answer.stdout.splitlines() if line.startswith("✗"))
    assert answer.returncode == 1 and "tap lab-web" in told and "is not isolated" in told
    up(tapnet, False)
    assert isolated(host) == {"lab-web", "lab-db"} and tapnet("status").returncode == 0


def test_nothing_is_left(tapnet, host, world):
    before = snapshot(host, run_dir=tapnet.run_dir)
    up(tapnet, False)
    tapnet("down", "--all")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
