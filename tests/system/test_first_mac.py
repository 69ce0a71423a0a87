# SPDX-License-Identifier: MIT
"""A port whose file names no MAC takes the first one that its guest sends from, and keeps it until it is unplugged.

      host under test                            outside
    +--------------------------------------+   +-----------+
    | this test -- lab-web --+             |   |           |
    | plays both             +-- br-lab -- eth0            |
    | guests    -- lab-db  --+  10.20.0.1  |   |           |
    +--------------------------------------+   +-----------+
"""

import os
import threading
import time

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Ether
from tap_guest import Guest
from tapnet_test.build import Tapnet
from tapnet_test.cni import Runtime
from tapnet_test.service import in_netns
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web: { address: 10.20.0.6 }
      db: { address: 10.20.0.7 }
      old: { address: 10.20.0.8, mac: 52:54:00:00:00:08 }
"""
GATEWAY = "10.20.0.1"
BROADCAST = "ff:ff:ff:ff:ff:ff"
QEMU = "52:54:00:12:34:56"  # that QEMU gives every guest
OTHER = "52:54:00:99:99:99"


class Lab:
    def __init__(self, world, keeper):
        self.host, self.tapnet = world.host, Tapnet(world.host, keeper=keeper)
        self.file = self.tapnet.file(LAB)
        self.tapnet("up", self.file)
        self.guests = []

    def plug(self, port, mac):
        guest = in_netns(self.host, lambda: Guest(f"lab-{port}", mac, f"10.20.0.{6 if port == 'web' else 7}", GATEWAY))
        self.guests.append(guest)
        return guest

    def unplug(self, guest):
        os.close(guest.fd)
        self.guests.remove(guest)

    def port(self, name):
        return next(port for port in self.tapnet.json_of_status()["networks"][0]["ports"] if port["name"] == name)

    def elements(self, name):
        """What a set of the bridge table holds, as text."""
        return self.host.run("nft", "list", "set", "bridge", "tapnet", name).stdout


def finds_the_gateway(guest, mac=None, seconds=0.5):
    mac = mac or guest.mac
    guest.send(Ether(src=mac, dst=BROADCAST) / ARP(op=1, hwsrc=mac, psrc=guest.address, pdst=GATEWAY))
    return any(ARP in frame and frame[ARP].op == 2 and frame.dst == mac for frame in guest.receive(seconds))


def is_served(guest):
    """Finds the gateway, has an address, reaches the host; ten seconds for the bridge's port to be there."""
    deadline = time.monotonic() + 10
    while not finds_the_gateway(guest):
        if time.monotonic() > deadline:
            return False
    return guest.offer() == guest.address and pings(guest)


def pings(guest, source=None):
    guest.send(Ether(src=guest.mac, dst=gateway_mac(guest)) / IP(src=source or guest.address, dst=GATEWAY) /
               ICMP(id=guest.fd, seq=1))
    return any(ICMP in frame and frame[ICMP].type == 0 for frame in guest.receive(0.5))


def gateway_mac(guest):
    guest.send(Ether(src=guest.mac, dst=BROADCAST) / ARP(op=1, hwsrc=guest.mac, psrc=guest.address, pdst=GATEWAY))
    return next((frame[ARP].hwsrc for frame in guest.receive(0.5) if ARP in frame and frame[ARP].op == 2), BROADCAST)


@pytest.fixture
def lab(world):
    before = snapshot(world.host)
    made = Lab(world, keeper=False)
    yield made
    for guest in list(made.guests):
        made.unplug(guest)
    made.tapnet("down", "--all")
    assert_same(before, snapshot(world.host))


@pytest.fixture
def kept(world):
    made = Lab(world, keeper=True)
    made.tapnet.let_look()  # what happens before its first look it can't compare with anything
    yield made
    for guest in list(made.guests):
        made.unplug(guest)
    made.tapnet("down", "--all")


def test_any_mac_is_served_and_then_it_is_the_ports(lab):
    web = lab.plug("web", OTHER)
    assert is_served(web)
    assert lab.port("web")["mac"] == OTHER
    assert lab.port("web")["mac_source"] == "seen"
    assert lab.tapnet("status").returncode == 0
    assert not finds_the_gateway(web, QEMU)
    web.mac = QEMU
    assert web.offer(1) is None and not pings(web)
    assert lab.port("web")["mac"] == OTHER
    assert lab.port("web")["refused_macs"] == [QEMU]
    assert lab.port("web")["blocked"] >= 3
    said = lab.tapnet("status").stdout
    assert f"port lab/web: its guest has MAC {OTHER}, and what it sends from {QEMU} is dropped" in said


def test_the_address_is_the_ports_whatever_the_mac_is(lab):
    web = lab.plug("web", OTHER)
    assert is_served(web)
    assert not pings(web, "10.20.0.7")
    web.address = "10.20.0.7"
    assert not finds_the_gateway(web)


def test_two_guests_with_the_mac_of_qemu(lab):
    web, db = lab.plug("web", QEMU), lab.plug("db", QEMU)
    assert is_served(web)
    assert not finds_the_gateway(db, seconds=1)
    assert db.offer(1) is None
    proposed = lab.port("db")["mac"]
    said = lab.tapnet("status").stdout
    assert f"port lab/db: its guest has MAC {QEMU}, which is that of the guest in lab/web" in said
    assert f"mac={proposed}" in said
    db.mac = proposed
    assert is_served(db) and is_served(web)


@pytest.mark.parametrize("whose", ["gateway", "neighbour's proposal", "neighbour in the file", "group", "nobody"])
def test_some_macs_are_taken_from_the_start(lab, whose):
    mac = {"gateway": lab.host.json("ip", "-j", "link", "show", "br-lab")[0]["address"],
           "neighbour's proposal": lab.port("db")["mac"], "neighbour in the file": "52:54:00:00:00:08",
           "group": "01:00:5e:00:00:01", "nobody": "00:00:00:00:00:00"}[whose]
    web = lab.plug("web", mac)
    time.sleep(0.5)
    assert not finds_the_gateway(web)
    assert web.offer(1) is None
    web.send(Ether(src=mac, dst=BROADCAST) / IPv6(src="fe80::6", dst="ff02::1") / ICMPv6EchoRequest())
    assert "lab-web" not in lab.elements("learned_ports")
    web.mac = OTHER
    assert is_served(web)


def test_a_race_for_a_port_has_one_winner(lab):
    """A hostile guest writes from many MACs at once, on several processors."""
    web = lab.plug("web", OTHER)
    time.sleep(1)
    frames = [bytes(Ether(src=f"52:54:00:aa:00:{number:02x}", dst=BROADCAST) / ARP(psrc="10.20.0.6", pdst=GATEWAY))
              for number in range(64)]
    start = threading.Barrier(8)

    def send(mine):
        start.wait()
        for frame in mine:
            os.write(web.fd, frame)

    threads = [threading.Thread(target=send, args=(frames[number::8],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lab.elements("port_macs").count("lab-web") == 1
    assert lab.elements("network_macs").count("52:54:00:aa:00:") == 1


def test_up_forgets_who_was_unplugged(lab):
    """Without a keeper nobody notices at once: the port stays closed for another MAC until the next `up`."""
    web = lab.plug("web", OTHER)
    assert is_served(web)
    lab.unplug(web)
    assert lab.tapnet("status").returncode == 0
    assert lab.port("web")["mac_source"] == "proposed"
    lab.tapnet("up", lab.file)
    assert "lab-web" not in lab.elements("learned_ports") + lab.elements("port_macs") + lab.elements("port_addresses")
    assert OTHER not in lab.elements("network_macs")
    assert is_served(lab.plug("web", QEMU))


def test_up_keeps_who_is_plugged(lab):
    web = lab.plug("web", OTHER)
    assert is_served(web)
    lab.tapnet("up", lab.tapnet.file(LAB.replace("old:", "older:")))
    assert lab.port("web")["mac"] == OTHER
    assert pings(web)


def test_a_mac_in_the_file_ends_it(lab):
    web = lab.plug("web", OTHER)
    assert is_served(web)
    lab.tapnet("up", lab.tapnet.file(LAB.replace("10.20.0.6", f"10.20.0.6, mac: {QEMU}")))
    assert not finds_the_gateway(web)
    web.mac = QEMU
    assert is_served(web)
    assert lab.tapnet("status").returncode == 0
    said = lab.tapnet("status").stdout
    assert f"port lab/web: the file gives its guest MAC {QEMU}, and what it sends from {OTHER} is dropped" in said


def test_the_learnt_mac_in_the_file_changes_nothing_for_the_guest(lab):
    web = lab.plug("web", OTHER)
    assert is_served(web)
    lab.tapnet("up", lab.tapnet.file(LAB.replace("10.20.0.6", f"10.20.0.6, mac: {OTHER}")))
    assert pings(web)
    assert lab.tapnet("status").returncode == 0
    lab.unplug(web)
    lab.tapnet("up", lab.tapnet.file(LAB.replace("10.20.0.6", f"10.20.0.6, mac: {OTHER}")))
    assert is_served(lab.plug("web", OTHER))


def test_the_keeper_frees_a_port_that_was_unplugged(kept):
    web = kept.plug("web", OTHER)
    assert is_served(web)
    kept.unplug(web)
    # The kernel tells of a lost carrier within a second.
    wait_for(lambda: "lab-web" not in kept.elements("learned_ports"), 3)
    assert is_served(kept.plug("web", QEMU))


def test_the_keeper_notices_a_guest_that_takes_anothers_place_at_once(kept):
    """Quicker than the kernel tells of a lost carrier."""
    web = kept.plug("web", OTHER)
    assert is_served(web)
    kept.unplug(web)
    assert is_served(kept.plug("web", QEMU))


def test_whoever_is_plugged_while_the_keeper_looks_is_served(kept):
    """Each plugging and unplugging has the keeper look, and each look falls upon another moment of the next guest's."""
    for number in range(10):
        web = kept.plug("web", f"52:54:00:99:99:{number:02x}")
        assert is_served(web), number
        kept.unplug(web)
        time.sleep(number % 6 * 0.02)


def test_the_other_of_two_that_clash_is_served_once_the_first_is_gone(kept):
    web, db = kept.plug("web", QEMU), kept.plug("db", QEMU)
    assert is_served(web) and not finds_the_gateway(db)
    kept.unplug(web)
    assert is_served(db)


def test_a_container_that_gives_itself_another_mac_is_told_of(lab, make_netns):
    """Its MAC is nobody's file's: the runtime gave it."""
    box = make_netns("box")
    Runtime(lab.host).call("ADD", netns=box, runtimeConfig={"mac": OTHER})
    assert box.run("ping", "-c1", "-W5", GATEWAY).returncode == 0
    box.run("ip", "link", "set", "eth0", "address", QEMU)
    assert box.run("ping", "-c1", "-W1", GATEWAY, check=False).returncode
    assert (f"it was made for a guest with MAC {OTHER}, and what its guest sends from {QEMU} is dropped: start it with "
            f"mac={OTHER}") in lab.tapnet("status").stdout
    Runtime(lab.host).call("DEL", netns=box)
