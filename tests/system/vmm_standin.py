#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Stands in for Firecracker, cloud-hypervisor and crosvm, by the name that it is called by: is told of a card as each
of them is, opens its TAP with the calls that each makes, in their order, and asks for an address there.

Prints the MAC that it was told and the address that it was offered. What each does is told in cmd/tapnet/vmm.c.
"""

import errno
import fcntl
import json
import os
import select
import socket
import struct
import sys
import time

import tap_guest
from scapy.layers.l2 import Ether

TUNSETIFF, TUNGETIFF, TUNGETFEATURES = 0x400454CA, 0x800454D2, 0x800454CF
TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454D0, 0x400454D8
SIOCGIFFLAGS, SIOCGIFMTU, SIOCGIFHWADDR = 0x8913, 0x8921, 0x8927
FLAGS = 0x0002 | 0x1000 | 0x4000  # IFF_TAP, IFF_NO_PI, IFF_VNET_HDR
MULTI_QUEUE = 0x0100
OFFLOADS = 0x01 | 0x02 | 0x04 | 0x10  # TUN_F_CSUM, TSO4, TSO6, UFO
HEADER_LEN = 12  # struct virtio_net_hdr_v1


def ifreq(name, flags=0):
    return struct.pack("16sH22x", name.encode(), flags)


def open_tap():
    return os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def ask_interface(request, name):
    """By ioctls of a socket that need no right; bytes of the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        return fcntl.ioctl(asking, request, ifreq(name))[16:]


def set_header(fd):
    fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", HEADER_LEN))


def options(words, option):
    """What stands behind @option, "a=b,c=d", as a dictionary."""
    return dict(pair.split("=", 1) for pair in words[words.index(option) + 1].split(","))


def firecracker(words):
    """By name; the header's size comes last."""
    with open(words[words.index("--config-file") + 1], encoding="utf-8") as file:
        card, = json.load(file)["network-interfaces"]
    fd = open_tap()
    fcntl.ioctl(fd, TUNSETIFF, ifreq(card["host_dev_name"], FLAGS))
    fcntl.ioctl(fd, TUNSETOFFLOAD, OFFLOADS)
    set_header(fd)
    assert card["iface_id"] == "eth0"
    return [fd], card["guest_mac"]


def tun_flags(name):
    with open(f"/sys/class/net/{name}/tun_flags", encoding="ascii") as file:
        return int(file.read(), 16)


def cloud_hypervisor_by_name(card):
    """Looks first whether the TAP has as many queues as it shall open; would bring it up if it were down."""
    queues = int(card.get("num_queues", 2)) // 2
    multi = MULTI_QUEUE if queues > 1 else 0
    assert tun_flags(card["tap"]) & MULTI_QUEUE == multi
    fds = []
    for _ in range(queues):
        fds.append(open_tap())
        fcntl.ioctl(fds[-1], TUNGETFEATURES, bytes(4))
        fcntl.ioctl(fds[-1], TUNSETIFF, ifreq(card["tap"], FLAGS | multi))
        ask_interface(SIOCGIFHWADDR, card["tap"])
        assert ask_interface(SIOCGIFFLAGS, card["tap"])[0] & 1, "it is not up, and I have no right to bring it up"
        set_header(fds[-1])
    return fds


def set_flags_again(fd):
    """cloud-hypervisor tries, and takes EEXIST for an answer."""
    try:
        fcntl.ioctl(fd, TUNSETIFF, ifreq("", FLAGS))
    except OSError as error:
        assert error.errno == errno.EEXIST


def take_descriptor(fd):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)
    assert struct.unpack("16xH22x", fcntl.ioctl(fd, TUNGETIFF, bytes(40)))[0] & FLAGS == FLAGS
    return fd


def cloud_hypervisor(words):
    card = options(words, "--net")
    if "fd" in card:
        fds = [take_descriptor(int(card["fd"]))]
        set_flags_again(fds[0])
        set_header(fds[0])
    else:
        fds = cloud_hypervisor_by_name(card)
    for fd in fds:
        fcntl.ioctl(fd, TUNSETOFFLOAD, OFFLOADS)
    return fds, card["mac"]


def crosvm(words):
    card = options(words, "--net")
    if "tap-fd" in card:
        fd = take_descriptor(int(card["tap-fd"]))
    else:
        fd = open_tap()
        fcntl.ioctl(fd, TUNSETIFF, ifreq(card["tap-name"], FLAGS))
        ask_interface(SIOCGIFMTU, card["tap-name"])
    set_header(fd)
    fcntl.ioctl(fd, TUNSETOFFLOAD, OFFLOADS)
    assert words[0] == "run"
    return [fd], card["mac"]


VMMS = {"firecracker": firecracker, "cloud-hypervisor": cloud_hypervisor, "crosvm": crosvm}


class Guest(tap_guest.Guest):
    """On the queues that were opened: it sends by the first, and gets its answers by any."""

    header_len = HEADER_LEN

    def open(self, device):
        self.queues = device
        return device[0]

    def receive(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for fd in select.select(self.queues, [], [], left)[0]:
                yield Ether(os.read(fd, 65535)[HEADER_LEN:])


def main(name, *words):
    fds, mac = VMMS[os.path.basename(name)](list(words))
    guest = Guest(fds, mac)
    offers = (guest.offer(1) for _ in range(30))  # while the bridge sees the carrier
    print(mac, next(filter(None, offers), "no offer"))


if __name__ == "__main__":
    main(*sys.argv)
