# SPDX-License-Identifier: MIT
"""IPv6 for a world (world.py): the outside is a router, and the host knows it by its advertisement, as it does at home.

      host                                      outside
    +--------------------------+              +------------------------------------------+
    | default via fe80::a      |              | router advertisement      fe80::a/64     |
    |                     eth0 +--------------+ out0                                     |
    |         2001:db8:a::2/64 |              | 2001:db8:a::1/64    lo 2001:db8:f::1     |
    +--------------------------+              +------------------------------------------+
"""

import subprocess
import sys

from .waiting import wait_for

NEAR, FAR, HOST, ROUTER = "2001:db8:a::1", "2001:db8:f::1", "2001:db8:a::2", "fe80::a"

# Advertises once, and then, if told to, whenever a host asks, or whoever has the other end of its input: after an "l"
# with preference low, after any other byte with preference high.
_ROUTER = f"""
import os, select, socket, struct, sys
out = socket.if_nametoindex("out0")
mac = bytes.fromhex(open("/sys/class/net/out0/address").read().replace(":", ""))
made = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
made.bind(("{ROUTER}", 0, 0, out))
made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, "ff02::2") +
                struct.pack("=I", out))
preference = 0x08
def advertise():  # for 1,800 seconds, with a hop limit of 64
    made.sendto(struct.pack("!BxxxBBHII", 134, 64, preference, 1800, 0, 0) + bytes((1, 1)) + mac,
                ("ff02::1", 0, 0, out))
advertise()
while sys.argv[1:] == ["and answer"]:
    if 0 in select.select([made, 0], [], [])[0]:
        word = os.read(0, 1)
        if not word:
            break
        preference = 0x18 if word == b"l" else 0x08
        advertise()
    elif made.recv(2048)[0] == 133:
        advertise()
"""


def default_routes(netns):
    return netns.json("ip", "-j", "-6", "route", "show", "default")


def advertise(world):
    """Returns when the host has a default route."""
    world.outside.run(sys.executable, "-c", _ROUTER)
    wait_for(lambda: default_routes(world.host))


def is_advertised(netns):
    """Is each default route what the kernel itself has made of an advertisement, as it does by the next one?"""
    return all(route.get("protocol") == "ra" for route in default_routes(netns))


def _awaited(netns):
    """Default routes that an advertisement would replace by the kernel's own: of links that can hear one. A port's
    frames are its bridge's."""
    hearing = {link["ifname"] for link in netns.json("ip", "-j", "link") if "LOWER_UP" in link["flags"]
               and "master" not in link}
    return [route for route in default_routes(netns) if route.get("protocol") != "ra" and route["dev"] in hearing]


def refresh(router, netns):
    """Returns when each of them is replaced: the router advertises now, as it would sooner or later."""
    if _awaited(netns):
        router.stdin.write(b".")
        router.stdin.flush()
        wait_for(lambda: not _awaited(netns), why="the router's route is the kernel's own")


def add_ipv6(world):
    """Returns when the host has a default route: the router, which answers who asks, and to be told to advertise."""
    world.outside.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    world.host.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=1")
    for netns, device, address in ((world.outside, "out0", f"{NEAR}/64"), (world.outside, "out0", f"{ROUTER}/64"),
                                   (world.outside, "lo", f"{FAR}/128"), (world.host, "eth0", f"{HOST}/64")):
        netns.run("ip", "-6", "address", "add", address, "dev", device, "nodad")
    router = world.outside.popen(sys.executable, "-c", _ROUTER, "and answer", stdin=subprocess.PIPE)
    wait_for(lambda: default_routes(world.host))
    return router
