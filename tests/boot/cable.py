# SPDX-License-Identifier: MIT
"""A cable between a port and a network namespace: holds both TAPs, as a VMM holds its guest's, and carries frames.

usage: cable.py TAP NETNS MAC     the other end is eth0 in NETNS, with that MAC; tells systemd when it is plugged in
"""

import fcntl
import os
import select
import struct
import subprocess
import sys

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x1002


def hold(device):
    """Opens the TAP, or makes it, for as long as the descriptor lives."""
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP_NO_PI))
    return fd


def main(tap, netns, mac):
    there = hold("cable0")
    subprocess.run(["ip", "link", "set", "cable0", "address", mac, "netns", netns, "name", "eth0"], check=True)
    subprocess.run(["ip", "-netns", netns, "link", "set", "eth0", "up"], check=True)
    here = hold(tap)
    subprocess.run(["systemd-notify", "--ready"], check=True)
    other = {here: there, there: here}
    while True:
        for fd in select.select(list(other), [], [])[0]:
            try:
                os.write(other[fd], os.read(fd, 65535))
            except OSError:  # the other end is down: the frame is lost
                pass


main(*sys.argv[1:])
