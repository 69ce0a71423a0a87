# SPDX-License-Identifier: MIT
"""Who holds a TAP may change it by ioctl, without any right: its MAC, owner, carrier and persistence. The keeper puts
back what can be put back at once, `status` says what can't, and a port whose device was let go for good comes back.

      host under test                       outside
    +------------------------------------+  +---------+
    | user 12345 -- lab-web --+          |  |         |
    |                         +-- br-lab -- eth0      |
    | this test  -- lab-db  --+          |  |         |
    +------------------------------------+  +---------+
"""

import os
import re
import subprocess
import time

import pytest
from scapy.layers.l2 import ARP, Ether
from tap_guest import Guest
from tapnet_test.build import Tapnet
from tapnet_test.service import in_netns

USER = 12345
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all")
DB_MAC = "52:54:00:00:00:07"
LAB = f"""
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web: {{ address: 10.20.0.6, user: {USER} }}
      db: {{ address: 10.20.0.7, mac: "{DB_MAC}" }}
"""
LONGEST = 1.0  # seconds; a tenth of that is the aim, on a machine that has nothing else to do

# Becomes the other user, who may open /dev/net/tun on most hosts and not on all, and does to the TAP that it holds what
# its input says: a request's number, and its argument.
HOLDER = """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
os.setgroups([])
os.setresgid(*3 * [int(sys.argv[2])])
os.setresuid(*3 * [int(sys.argv[2])])
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
print("held", flush=True)
for line in sys.stdin:
    request, argument = line.split()
    if argument.startswith("mac="):
        fcntl.ioctl(fd, int(request, 16),
                    struct.pack("16sH6s16x", sys.argv[1].encode(), 1, bytes.fromhex(argument[4:].replace(":", ""))))
    elif argument.startswith("at="):
        fcntl.ioctl(fd, int(request, 16), struct.pack("i", int(argument[3:])))
    else:
        fcntl.ioctl(fd, int(request, 16), int(argument))
    print("done", flush=True)
"""
SET_MAC, SET_PERSIST, SET_OWNER, SET_CARRIER = "8924", "400454cb", "400454cc", "400454e2"


class Holder:
    """The other user, with lab-web."""

    def __init__(self, host):
        self.process = host.popen("/usr/bin/python3", "-c", HOLDER, "lab-web", USER, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "held\n"

    def does(self, request, argument):
        self.process.stdin.write(f"{request} {argument}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def lets_go(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def lab(world):
    if world.host.run(*AS_USER, "true", check=False).returncode != 0:
        pytest.skip("no second user in this user namespace")
    tapnet = Tapnet(world.host, keeper=True)
    tapnet("up", tapnet.file(LAB))
    yield tapnet
    tapnet("down", "--all")


@pytest.fixture
def holder(lab, world):
    made = Holder(world.host)
    yield made
    if not made.process.stdin.closed:
        made.lets_go()


def link(host, name="lab-web"):
    return host.json("ip", "-j", "-d", "link", "show", name)[0]


def within(seconds, condition):
    """How long it took to come true."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds
        time.sleep(0.005)
    return time.monotonic() - start


@pytest.fixture
def neighbour(lab, world):
    guest = in_netns(world.host, lambda: Guest("lab-db", DB_MAC, "10.20.0.7", "10.20.0.1"))
    within(10, lambda: reaches_the_gateway(guest))
    yield guest
    os.close(guest.fd)


def reaches_the_gateway(guest):
    guest.send(Ether(src=guest.mac, dst="ff:ff:ff:ff:ff:ff") /
               ARP(op=1, hwsrc=guest.mac, psrc=guest.address, pdst="10.20.0.1"))
    return any(ARP in frame and frame[ARP].op == 2 for frame in guest.receive(0.3))


def test_a_neighbours_mac_is_taken_back_at_once(lab, world, holder, neighbour):
    """A bridge delivers to its port's own MAC on the host: the neighbour would hear nothing any more."""
    own = link(world.host)["address"]
    holder.does(SET_MAC, f"mac={DB_MAC}")
    seconds = within(LONGEST, lambda: link(world.host)["address"] == own)
    print(f"the MAC was wrong for {seconds * 1000:.0f} ms")
    entries = world.host.json("bridge", "-j", "fdb", "show", "br", "br-lab")
    assert not [entry for entry in entries if entry["mac"] == DB_MAC and entry["ifname"] == "lab-web"]
    assert within(LONGEST, lambda: reaches_the_gateway(neighbour)) < LONGEST
    assert lab("status").returncode == 0


def test_the_gateways_mac_is_taken_back_at_once(lab, world, holder, neighbour):
    own, gateway = link(world.host)["address"], link(world.host, "br-lab")["address"]
    holder.does(SET_MAC, f"mac={gateway}")
    within(LONGEST, lambda: link(world.host)["address"] == own)
    assert link(world.host, "br-lab")["address"] == gateway
    assert within(LONGEST, lambda: reaches_the_gateway(neighbour)) < LONGEST


def test_another_owner_is_told_and_put_right_when_he_lets_go(lab, world, holder):
    holder.does(SET_OWNER, 4711)
    said = lab("status", check=False)
    assert said.returncode == 1 and re.search(f"tap lab-web .*user 4711, wanted {USER}", said.stdout)
    holder.lets_go()
    within(3, lambda: lab("status", check=False).returncode == 0)
    Holder(world.host).lets_go()  # and he may open it again


def test_a_port_that_would_end_with_its_holder_comes_back(lab, world, holder):
    holder.does(SET_PERSIST, 0)
    said = lab("status", check=False)
    assert said.returncode == 1 and "would end with its holder" in said.stdout
    before = link(world.host)
    holder.lets_go()
    within(LONGEST, lambda: lab("status", check=False).returncode == 0)
    after = link(world.host)
    assert after["address"] == before["address"] and after["ifindex"] != before["ifindex"]
    assert after["linkinfo"]["info_data"]["user"] == str(USER) or after["linkinfo"]["info_data"]["user"] == USER
    Holder(world.host).lets_go()


def test_no_carrier_is_his_own_affair(lab, world, holder):
    """It is as if nobody were plugged in; the neighbours are none the worse for it, and it comes back with his next."""
    holder.does(SET_CARRIER, "at=0")
    assert lab("status").returncode == 0
    holder.does(SET_CARRIER, "at=1")
    within(LONGEST, lambda: "LOWER_UP" in link(world.host)["flags"])


def test_all_at_once_and_over_again(lab, world, holder, neighbour):
    """The keeper gives up for a while what is changed without end; what others need is not among it for long."""
    for number in range(30):
        holder.does(SET_MAC, f"mac={DB_MAC}")
        holder.does(SET_OWNER, 4711 + number)
        holder.does(SET_CARRIER, f"at={number % 2}")
    holder.does(SET_PERSIST, 0)
    holder.lets_go()
    within(10, lambda: lab("status", check=False).returncode == 0)
    assert within(5, lambda: reaches_the_gateway(neighbour)) < 5
