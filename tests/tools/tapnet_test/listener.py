# SPDX-License-Identifier: MIT
"""Hears what a namespace receives on one of its devices, with the kernel's times.

tcpdump does not run in a user namespace, where it can't become its own user; this does.
"""

import subprocess

# A packet socket; each line is a time in nanoseconds and the packet. What the host itself sends (4) is left out.
_HEAR = """
import socket, struct, sys
heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
heard.bind((sys.argv[1], 3))
heard.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
print("ready", flush=True)
while True:
    data, [(_, _, time)], _, address = heard.recvmsg(70000, 100)
    if address[2] != 4:
        seconds, nanoseconds = struct.unpack("qq", time)
        print(seconds * 1000000000 + nanoseconds, data.hex(), flush=True)
"""


class Listener:
    """Listens as soon as it is made."""

    def __init__(self, netns, device):
        self.child = netns.popen("/usr/bin/python3", "-c", _HEAR, device, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == "ready\n"

    def take(self, count):
        """Waits for so many packets: [(time in nanoseconds, bytes)]."""
        lines = [self.child.stdout.readline().split() for _ in range(count)]
        return [(int(time), bytes.fromhex(data)) for time, data in lines]

    def end(self):
        """What has been received, and not been taken, up to now."""
        self.child.terminate()
        lines = [line.split() for line in self.child.communicate()[0].splitlines()]
        return [(int(time), bytes.fromhex(data)) for time, data in lines]
