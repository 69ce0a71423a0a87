# SPDX-License-Identifier: MIT
"""Hears what a namespace receives on one of its devices, with the kernel's times.

tcpdump does not run in a user namespace, where it can't become its own user; this does.
"""

import subprocess
import threading

from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

# A packet socket; each line is a time in nanoseconds and the packet. What the host itself sends (4) is left out. The
# end of its input ends it, when all that had come by then is told.
_HEAR = """
import select, socket, struct, sys
heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
heard.bind((sys.argv[1], 3))
heard.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
print("ready", flush=True)
while True:
    ready = select.select([heard, sys.stdin], [], [])[0]
    if heard not in ready:
        break
    data, [(_, _, time)], _, address = heard.recvmsg(70000, 100)
    if address[2] != 4:
        seconds, nanoseconds = struct.unpack("qq", time)
        print(seconds * 1000000000 + nanoseconds, data.hex(), flush=True)
"""


class Listener:
    """Listens as soon as it is made."""

    def __init__(self, netns, device):
        self.child = netns.popen("/usr/bin/python3", "-c", _HEAR, device,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == "ready\n"

    def take(self, count):
        """Waits for so many packets: [(time in nanoseconds, bytes)]."""
        lines = [self.child.stdout.readline().split() for _ in range(count)]
        return [(int(time), bytes.fromhex(data)) for time, data in lines]

    def first(self, wanted, seconds=10):
        """Waits for the first packet of which wanted(packet) is so; scapy's."""
        limit = threading.Timer(seconds, self.child.kill)
        limit.start()
        try:
            while True:
                packet = Ether(self.take(1)[0][1])
                if wanted(packet):
                    return packet
        finally:
            limit.cancel()

    def end(self):
        """What has been received, and not been taken, up to now."""
        lines = [line.split() for line in self.child.communicate()[0].splitlines()]
        return [(int(time), bytes.fromhex(data)) for time, data in lines]


def segment_size(netns, device, guest, address):
    """What the first packet of a connection from the guest says, as a device receives it."""
    listener = Listener(netns, device)
    guest.run("curl", "-sm5", f"http://[{address}]/" if ":" in address else f"http://{address}/", check=False)
    first = listener.first(lambda packet: TCP in packet and packet[TCP].flags == "S" and packet[TCP].dport == 80)
    listener.end()
    return dict(first[TCP].options)["MSS"]
