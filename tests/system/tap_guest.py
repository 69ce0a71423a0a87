# SPDX-License-Identifier: MIT
"""A guest made of scapy: holds a TAP by name, asks for an address and for a name, prints every answer as a line.

usage: tap_guest.py DEVICE MAC QNAME
"""

import fcntl
import os
import select
import struct
import sys
import time

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x1002


class Guest:
    """The other end of the TAP."""

    def __init__(self, device, mac):
        self.fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP_NO_PI))
        self.mac, self.address = mac, None

    def send(self, frame):
        os.write(self.fd, bytes(frame))

    def receive(self, seconds):
        """Every frame that arrives in that time; ARP for our address is answered."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                return
            frame = Ether(os.read(self.fd, 65535))
            if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == self.address:
                self.send(Ether(dst=frame.src, src=self.mac) /
                          ARP(op=2, hwsrc=self.mac, psrc=self.address, hwdst=frame.src, pdst=frame[ARP].psrc))
            else:
                yield frame

    def discover(self):
        """All offers that come within a second."""
        self.send(Ether(dst="ff:ff:ff:ff:ff:ff", src=self.mac) / IP(src="0.0.0.0", dst="255.255.255.255") /
                  UDP(sport=68, dport=67) / BOOTP(chaddr=bytes.fromhex(self.mac.replace(":", "")), xid=4711) /
                  DHCP(options=[("message-type", "discover"), "end"]))
        return [frame for frame in self.receive(1.5) if BOOTP in frame]

    def ask(self, gateway, gateway_mac, name):
        """Everything that comes back within a second and a half of one query."""
        self.send(Ether(dst=gateway_mac, src=self.mac) / IP(src=self.address, dst=gateway) /
                  UDP(sport=33333, dport=53) / DNS(id=77, rd=1, qd=DNSQR(qname=name)))
        return [frame for frame in self.receive(1.5)
                if (UDP in frame and frame[UDP].dport == 33333) or ICMP in frame]


def main(device, mac, name):
    guest = Guest(device, mac)
    time.sleep(1.5)  # carrier, and the bridge port that follows it
    offers = guest.discover()
    for offer in offers:
        print("offer", offer[IP].src, offer[BOOTP].yiaddr)
    guest.address = offers[0][BOOTP].yiaddr
    for answer in guest.ask(offers[0][IP].src, offers[0].src, name):
        print("icmp" if ICMP in answer else f"answer {answer[IP].src} {answer[DNS].an.rdata}")


if __name__ == "__main__":
    main(*sys.argv[1:])
