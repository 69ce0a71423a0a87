# SPDX-License-Identifier: MIT
"""IPv6 for a world (world.py): the outside is a router, and the host knows it by its advertisement, as it does at home.

      host                                      outside
    +--------------------------+              +------------------------------------------+
    | default via fe80::a      |              | router advertisement      fe80::a/64     |
    |                     eth0 +--------------+ out0                                     |
    |         2001:db8:a::2/64 |              | 2001:db8:a::1/64    lo 2001:db8:f::1     |
    +--------------------------+              +------------------------------------------+
"""

import sys

from .waiting import wait_for

NEAR, FAR, HOST, ROUTER = "2001:db8:a::1", "2001:db8:f::1", "2001:db8:a::2", "fe80::a"

_ADVERTISE = f"""
from scapy.all import *
frame = (Ether(src=get_if_hwaddr("out0"), dst="33:33:00:00:00:01") / IPv6(src="{ROUTER}", dst="ff02::1") /
         ICMPv6ND_RA(routerlifetime=1800) / ICMPv6NDOptSrcLLAddr(lladdr=get_if_hwaddr("out0")))
sendp(frame, iface="out0", verbose=0)
"""


def default_routes(netns):
    return netns.json("ip", "-j", "-6", "route", "show", "default")


def advertise(world):
    """Returns when the host has a default route."""
    world.outside.run(sys.executable, "-c", _ADVERTISE)
    wait_for(lambda: default_routes(world.host))


def add_ipv6(world):
    """Returns when the host has a default route."""
    world.outside.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    world.host.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=1")
    for netns, device, address in ((world.outside, "out0", f"{NEAR}/64"), (world.outside, "out0", f"{ROUTER}/64"),
                                   (world.outside, "lo", f"{FAR}/128"), (world.host, "eth0", f"{HOST}/64")):
        netns.run("ip", "-6", "address", "add", address, "dev", device, "nodad")
    advertise(world)
