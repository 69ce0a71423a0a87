# SPDX-License-Identifier: MIT
"""The cable between a port and a guest that is a namespace: carries frames between a TAP here and one over there.

usage: relay.py DEVICE NAMESPACE MAC
"""

import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x1002
SIOCGIFFLAGS = 0x8913
SIOCSIFHWADDR = 0x8924
SIOCETHTOOL = 0x8946
ETHTOOL_GDRVINFO = 3
IFF_UP, IFF_RUNNING = 0x01, 0x40
CLONE_NEWNET = 0x40000000


def open_tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP_NO_PI))
    return fd


def enter(path):
    fd = os.open(path, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
        sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")
    os.close(fd)


def wait_for_carrier(device):
    """Frames pass when a worker of the kernel's has heard of it, under a lock that asking for the driver takes as well:
    when that is answered, all is done."""
    answer = ctypes.create_string_buffer(struct.pack("I", ETHTOOL_GDRVINFO), 196)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _ in range(1000):
            told = fcntl.ioctl(asking, SIOCGIFFLAGS, struct.pack("16s24x", device.encode()))
            flags, = struct.unpack_from("16xH", told)
            if flags & (IFF_UP | IFF_RUNNING) != IFF_UP:
                break
            time.sleep(0.01)
        fcntl.ioctl(asking, SIOCETHTOOL, struct.pack("16sP16x", device.encode(), ctypes.addressof(answer)))


def carry(source, target):
    """Whatever waits in @source. A frame that does not fit the other side any more is lost, as on any cable."""
    while True:
        try:
            frame = os.read(source, 65536)
        except BlockingIOError:
            return
        try:
            os.write(target, frame)
        except OSError:
            pass


def main(device, namespace, mac):
    port = open_tap(device)
    wait_for_carrier(device)
    enter(namespace)
    guest = open_tap("eth0")
    fcntl.ioctl(guest, SIOCSIFHWADDR, struct.pack("16sH6s16x", b"eth0", 1, bytes.fromhex(mac.replace(":", ""))))
    print("plugged", flush=True)
    while True:
        for fd in select.select([port, guest], [], [])[0]:
            carry(fd, guest if fd == port else port)


main(*sys.argv[1:])
