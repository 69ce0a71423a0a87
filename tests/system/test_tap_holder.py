# SPDX-License-Identifier: MIT
"""Who holds a TAP may change it by ioctl, without any right: its MAC, owner, carrier and persistence. The keeper puts
back what can be put back at once, `status` says what can't, a port whose device was let go for good comes back, and one
whose holder steals MACs again and again is closed.

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
from tapnet_test.build import Tapnet, sanitized
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
# its input says: a request's number, with s before it one of a socket's, and its argument.
HOLDER = """
import errno, fcntl, os, socket, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
os.setgroups([])
os.setresgid(*3 * [int(sys.argv[2])])
os.setresuid(*3 * [int(sys.argv[2])])
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print("held", flush=True)
for line in sys.stdin:
    request, argument = line.split()
    if argument.startswith("mac="):
        value = struct.pack("16sH6s16x", sys.argv[1].encode(), 1, bytes.fromhex(argument[4:].replace(":", "")))
    elif argument.startswith("at="):
        value = struct.pack("i", int(argument[3:]))
    elif argument.startswith("raw="):
        value = struct.pack("16s24s", sys.argv[1].encode(), bytes.fromhex(argument[4:]))
    else:
        value = int(argument)
    try:
        fcntl.ioctl(other if request[0] == "s" else fd, int(request.strip("s"), 16), value)
        print("done", flush=True)
    except OSError as error:
        print(errno.errorcode[error.errno], flush=True)
"""
SET_MAC, SET_PERSIST, SET_OWNER, SET_CARRIER = "8924", "400454cb", "400454cc", "400454e2"


class Holder:
    """The other user, with lab-web."""

    def __init__(self, host):
        self.process = host.popen("/usr/bin/python3", "-c", HOLDER, "lab-web", USER, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "held\n"

    def tries(self, request, argument):
        """What came of it: done, or the errno's name."""
        self.process.stdin.write(f"{request} {argument}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def does(self, request, argument):
        assert self.tries(request, argument) == "done"

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


def test_status_tells_of_what_was_put_right(lab, world, holder, neighbour):
    own = link(world.host)["address"]
    for said in ("lately; it was put right at once", "2 times lately; it was put right each time"):
        holder.does(SET_MAC, f"mac={DB_MAC}")
        within(LONGEST, lambda: link(world.host)["address"] == own)
        within(LONGEST, lambda said=said: f"tap lab-web: its holder gave it the MAC of another {said}" in
               lab("status").stdout)


def behind(host, mac):
    """The ports that the bridge finds the MAC behind."""
    entries = host.json("bridge", "-j", "fdb", "show", "br", "br-lab")
    return {entry["ifname"] for entry in entries if entry["mac"] == mac and entry["ifname"] != "br-lab"}


def test_the_bridge_knows_the_neighbour_again_before_it_speaks(world, holder, neighbour):
    assert behind(world.host, DB_MAC) == {"lab-db"}
    holder.does(SET_MAC, f"mac={DB_MAC}")
    seconds = within(LONGEST, lambda: behind(world.host, DB_MAC) == {"lab-db"} and
                     link(world.host)["address"] != DB_MAC)
    print(f"the bridge did not know the neighbour for {seconds * 1000:.0f} ms")


@pytest.mark.parametrize("carrier", [1, 0])
def test_a_mac_does_not_wait_for_an_owner(lab, world, holder, neighbour, carrier):
    """Owner and persistence can't be put back while he holds the device; its MAC can."""
    own = link(world.host)["address"]
    holder.does(SET_CARRIER, f"at={carrier}")
    holder.does(SET_OWNER, 4711)
    holder.does(SET_PERSIST, 0)
    time.sleep(0.3)  # the keeper has looked
    holder.does(SET_MAC, f"mac={DB_MAC}")
    seconds = within(LONGEST, lambda: link(world.host)["address"] == own)
    print(f"the MAC was wrong for {seconds * 1000:.0f} ms")
    assert within(LONGEST, lambda: reaches_the_gateway(neighbour)) < LONGEST
    holder.lets_go()
    within(30, lambda: lab("status", check=False).returncode == 0)  # of pauses that double, from a second on


def in_the_bridge(host):
    return link(host).get("master") == "br-lab"


def test_who_steals_again_and_again_is_closed(lab, world, holder, neighbour):
    own = link(world.host)["address"]
    for _ in range(100):
        holder.does(SET_MAC, f"mac={DB_MAC}")
        if not in_the_bridge(world.host):
            break
        time.sleep(0.02)
    assert not in_the_bridge(world.host)
    within(LONGEST, lambda: "tap lab-web: its holder keeps giving it the MAC of another: the port is closed, and "
                            "opened every" in lab("status", check=False).stdout)
    for _ in range(20):  # where it is now, that harms nobody
        holder.does(SET_MAC, f"mac={DB_MAC}")
        if in_the_bridge(world.host):
            break
        assert reaches_the_gateway(neighbour)
    within(10, lambda: in_the_bridge(world.host) and link(world.host)["address"] == own)
    within(5, lambda: lab("status", check=False).returncode == 0)
    assert reaches_the_gateway(neighbour)


def test_who_steals_without_end_has_little_of_it(world, holder, neighbour):
    """Two seconds as fast as he can: the neighbour is heard most of the time."""
    heard, end = [], time.monotonic() + 2
    while time.monotonic() < end:
        for _ in range(50):
            holder.does(SET_MAC, f"mac={DB_MAC}")
        heard.append(reaches_the_gateway(neighbour))
    print(f"the neighbour was heard {sum(heard)} times of {len(heard)}")
    assert sum(heard) > len(heard) / (4 if sanitized("tapnet-keeper") else 2)


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
    seconds = within(3, lambda: lab("status", check=False).returncode == 0)
    print(f"the owner was wrong for {seconds * 1000:.0f} ms after he let go")
    Holder(world.host).lets_go()  # and he may open it again


def test_a_port_that_would_end_with_its_holder_comes_back(lab, world, holder):
    holder.does(SET_PERSIST, 0)
    said = lab("status", check=False)
    assert said.returncode == 1 and "would end with its holder" in said.stdout
    before = link(world.host)
    holder.lets_go()
    seconds = within(LONGEST, lambda: "lab-web" in world.host.run(
        "ip", "-br", "link", "show", "master", "br-lab").stdout)
    print(f"the port was away for {seconds * 1000:.0f} ms")
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
    within(30, lambda: lab("status", check=False).returncode == 0)  # of pauses that double, from a second on
    assert within(5, lambda: reaches_the_gateway(neighbour)) < 5


# What else a descriptor, or a socket, may be asked: (request, argument, what comes of it). A buffer begins with the
# device's name.
OTHERS = {
    "another type": ("400454cd", 65534, "EBUSY"),                 # TUNSETLINK, of a device that is up
    "no offloads": ("400454d0", 0, "done"),                       # TUNSETOFFLOAD
    "all offloads": ("400454d0", 0x7F, "done"),
    "a longer vnet header": ("400454d8", "at=12", "done"),        # TUNSETVNETHDRSZ
    "a short vnet header": ("400454d8", "at=1", "EINVAL"),
    "a small send buffer": ("400454d4", "at=1", "done"),          # TUNSETSNDBUF
    "another device": ("400454ca", "raw=0210", "EEXIST"),         # TUNSETIFF
    "one queue less": ("400454d9", "raw=0004", "EINVAL"),         # TUNSETQUEUE, IFF_DETACH_QUEUE
    "checksums": ("400454c8", 1, "done"),                         # TUNSETNOCSUM
    "no steering program": ("800454e0", "at=-1", "done"),         # TUNSETSTEERINGEBPF
    "no filter program": ("800454e1", "at=-1", "done"),           # TUNSETFILTEREBPF
    "a program that is none": ("800454e1", "at=0", "EINVAL"),
    "the host's namespace": ("54e3", 0, "EPERM"),                 # TUNGETDEVNETNS
    "another group": ("400454ce", 4711, "done"),                  # TUNSETGROUP
    "down": ("s8914", "raw=0000", "EPERM"),                       # SIOCSIFFLAGS
    "another MTU": ("s8922", "raw=00ff0000", "EPERM"),            # SIOCSIFMTU
    "another name": ("s8923", "raw=6c61622d6462", "EPERM"),       # SIOCSIFNAME
    "another MAC by a socket": ("s8924", f"mac={DB_MAC}", "EPERM"),
}


def test_what_else_he_may_ask_for(lab, world, holder, neighbour):
    """It is refused, or his own affair; what of it stays behind is put right when he lets go."""
    told = {name: holder.tries(request, argument) for name, (request, argument, _) in OTHERS.items()}
    assert told == {name: answer for name, (_, _, answer) in OTHERS.items()}
    assert reaches_the_gateway(neighbour)
    holder.lets_go()
    within(30, lambda: lab("status", check=False).returncode == 0)  # of pauses that double, from a second on
    Holder(world.host).lets_go()
