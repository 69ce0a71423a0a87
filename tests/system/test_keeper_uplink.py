# SPDX-License-Identifier: MIT
"""A network goes with the host's default route, unless its file names an uplink.

      host under test                                   outside
    +-------------------------------------------+     +---------------+
    |  lab-web --- br-lab 10.20.0.1/24          |     |               |
    |                 |     eth0 192.0.2.2/24 --+-----+-- 192.0.2.1   |
    |                NAT                        |     |               |
    |                 |     eth1 203.0.113.2/24-+-----+-- 203.0.113.1 |
    +-------------------------------------------+     +---------------+
"""

import subprocess
import time

import pytest
from tapnet_test.build import Tapnet
from tapnet_test.netns import join
from tapnet_test.snapshot import assert_same, snapshot

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {} } } }\n"


@pytest.fixture
def two_uplinks(world):
    join(world.host, "eth1", world.outside, "out1")
    world.host.run("ip", "address", "add", "203.0.113.2/24", "dev", "eth1")
    world.outside.run("ip", "address", "add", "203.0.113.1/24", "dev", "out1")
    return world


@pytest.fixture(params=["with a keeper", "by up"])
def mend(request, two_uplinks, host):
    """Has the lab up; returns what waits until all is mended, or mends it."""
    tapnet = Tapnet(host, keeper=request.param == "with a keeper")

    def wait():
        deadline = time.monotonic() + 1
        while tapnet("status", check=False).returncode:
            assert time.monotonic() < deadline, tapnet("status", check=False).stdout

    def up():
        assert tapnet("status", check=False).returncode == 1
        tapnet("up", mend.file)
        wait()

    def mend():
        time.sleep(0.05)
        (wait if request.param == "with a keeper" else up)()

    mend.tapnet, mend.file = tapnet, tapnet.file(LAB)
    tapnet("up", mend.file)
    yield mend
    tapnet("down", "--all", check=False)


def forwarding(host, device):
    return host.run("sysctl", "-n", f"net.ipv4.conf.{device}.forwarding").stdout.strip()


def elements(host, name):
    listed = host.json("nft", "-j", "list", "set", "inet", "tapnet", name)["nftables"][1]["set"].get("elem", [])
    return sorted(str(element.get("elem", {}).get("val", element)) if isinstance(element, dict) else element
                  for element in listed)


def test_it_follows_the_default_route_and_leaves_the_old_uplink_as_it_was(mend, host):
    assert (forwarding(host, "eth0"), forwarding(host, "eth1")) == ("1", "0")
    host.run("ip", "route", "replace", "default", "via", "203.0.113.1")
    mend()
    assert (forwarding(host, "eth0"), forwarding(host, "eth1")) == ("0", "1")
    assert mend.tapnet.status("lab")["uplink"] == "eth1"
    assert elements(host, "closed") == ["eth1"]
    for name in ("egress", "paths"):
        assert "eth1" in str(elements(host, name)) and "eth0" not in str(elements(host, name))
    host.run("ip", "route", "replace", "default", "via", "192.0.2.1")
    mend()
    assert mend.tapnet.status("lab")["uplink"] == "eth0"
    assert "nothing to do" in mend.tapnet("plan", mend.file).stdout


def test_it_follows_the_uplinks_mtu(mend, host):
    host.run("ip", "link", "set", "eth0", "mtu", "1400")
    mend()
    for device in ("br-lab", "lab-web"):
        assert host.json("ip", "-j", "link", "show", device)[0]["mtu"] == 1400
    host.run("ip", "link", "set", "eth0", "mtu", "1500")
    mend()
    assert host.json("ip", "-j", "link", "show", "lab-web")[0]["mtu"] == 1500


def test_an_uplink_that_went_and_came_back_forwards_again(mend, two_uplinks, host):
    host.run("ip", "link", "del", "eth0")
    time.sleep(0.05)  # nothing can be done now, and nothing else may be touched for it
    assert mend.tapnet.json_of_status()["problems"] == []
    join(host, "eth0", two_uplinks.outside, "out0")
    host.run("ip", "address", "add", "192.0.2.2/24", "dev", "eth0")
    host.run("ip", "route", "add", "default", "via", "192.0.2.1")
    mend()
    assert forwarding(host, "eth0") == "1"


def test_an_uplink_that_the_file_names_stays(two_uplinks, host):
    before = snapshot(host)
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB.replace("ports", "uplink: eth0, ports")))
    host.run("ip", "route", "replace", "default", "via", "203.0.113.1")
    time.sleep(0.2)
    assert tapnet("status").returncode == 0
    assert tapnet.status("lab")["uplink"] == "eth0"
    host.run("ip", "route", "replace", "default", "via", "192.0.2.1")
    tapnet("down", "--all")
    assert_same(before, snapshot(host))


# A guest that pings an address of the outside over and over, with one id, and prints the number of each reply.
PING = """
import fcntl, os, select, struct, sys, time
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Ether
device, mac, address, gateway_mac, target = sys.argv[1:]
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", device.encode(), 0x1002))
time.sleep(1.5)  # carrier, and the bridge port that follows it
for number in range(10000):
    os.write(fd, bytes(Ether(dst=gateway_mac, src=mac) / IP(src=address, dst=target) / ICMP(id=77, seq=number)))
    while select.select([fd], [], [], 0.02)[0]:
        frame = Ether(os.read(fd, 65535))
        if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == address:
            os.write(fd, bytes(Ether(dst=frame.src, src=mac) / ARP(op=2, hwsrc=mac, psrc=address, hwdst=frame.src,
                                                                  pdst=frame[ARP].psrc)))
        elif ICMP in frame and frame[ICMP].type == 0:
            print(frame[ICMP].seq, flush=True)
"""


def test_a_flow_goes_on_by_the_new_uplink(two_uplinks, host):
    """With its new address, and nothing is left of the old masquerade."""
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB))
    port = tapnet.status("lab")["ports"][0]
    bridge = host.json("ip", "-j", "link", "show", "br-lab")[0]["address"]
    guest = host.popen("/usr/bin/python3", "-c", PING, port["device"], port["mac"], port["addresses"][0], bridge,
                       "198.51.100.1", stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        number = int(guest.stdout.readline())
    assert "dst=192.0.2.2" in host.run("conntrack", "-L", "-p", "icmp").stdout
    moved = time.monotonic()
    host.run("ip", "route", "replace", "default", "via", "203.0.113.1")
    while "dst=203.0.113.2" not in (flows := host.run("conntrack", "-L", "-p", "icmp").stdout):
        assert time.monotonic() - moved < 1, flows
    assert "192.0.2.2" not in flows
    last = number
    while time.monotonic() - moved < 0.5:
        last = int(guest.stdout.readline())
    assert last > number + 3
    print(f"replies by the new uplink within {time.monotonic() - moved:.1f} s")
    guest.kill()
