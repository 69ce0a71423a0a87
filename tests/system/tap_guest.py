# SPDX-License-Identifier: MIT
"""A guest made of scapy: holds a TAP by name, asks for an address and for names, answers ARP.

usage: tap_guest.py DEVICE MAC QNAME     prints every answer as a line
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
    """The other end of the TAP, in the namespace that the caller is in (tapnet_test.service.in_netns)."""

    def __init__(self, device, mac, address=None, gateway=None, gateway_mac=None):
        self.fd = self.open(device)
        self.mac, self.address, self.gateway, self.gateway_mac = mac, address, gateway, gateway_mac

    header_len = 0  # of what stands before each frame, all zero

    def open(self, device):
        """The descriptor of the TAP."""
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP_NO_PI))
        return fd

    def send(self, frame):
        os.write(self.fd, bytes(self.header_len) + bytes(frame))

    def receive(self, seconds):
        """Every frame that arrives in that time; ARP for our address is answered."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                return
            frame = Ether(os.read(self.fd, 65535)[self.header_len:])
            if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == self.address:
                self.send(Ether(dst=frame.src, src=self.mac) /
                          ARP(op=2, hwsrc=self.mac, psrc=self.address, hwdst=frame.src, pdst=frame[ARP].psrc))
            else:
                yield frame

    # ---- DHCP ----

    def discover_frame(self):
        return (Ether(dst="ff:ff:ff:ff:ff:ff", src=self.mac) / IP(src="0.0.0.0", dst="255.255.255.255") /
                UDP(sport=68, dport=67) / BOOTP(chaddr=bytes.fromhex(self.mac.replace(":", "")), xid=4711) /
                DHCP(options=[("message-type", "discover"), "end"]))

    def discover(self):
        """All offers that come within a second and a half."""
        self.send(self.discover_frame())
        return [frame for frame in self.receive(1.5) if BOOTP in frame]

    def offer(self, seconds=2):
        """The address that is offered first; None: none within that time."""
        self.send(self.discover_frame())
        return next((frame[BOOTP].yiaddr for frame in self.receive(seconds) if BOOTP in frame), None)

    def lease(self, address, seconds=5):
        """Asks for what it was offered, until it is its own; None: nobody has acknowledged it within that time."""
        self.send(Ether(dst="ff:ff:ff:ff:ff:ff", src=self.mac) / IP(src="0.0.0.0", dst="255.255.255.255") /
                  UDP(sport=68, dport=67) / BOOTP(chaddr=bytes.fromhex(self.mac.replace(":", "")), xid=4711) /
                  DHCP(options=[("message-type", "request"), ("requested_addr", address), "end"]))
        return next((frame[BOOTP].yiaddr for frame in self.receive(seconds)
                     if BOOTP in frame and ("message-type", 5) in frame[DHCP].options), None)

    # ---- DNS ----

    def query_frame(self, number, name="outside.example"):
        return (Ether(dst=self.gateway_mac, src=self.mac) / IP(src=self.address, dst=self.gateway) /
                UDP(sport=40000 + number % 1000, dport=53) / DNS(id=number, rd=1, qd=DNSQR(qname=name)))

    def answer(self, number, seconds=2):
        """The first address in the answer to one query; None: none within that time."""
        self.send(self.query_frame(number))
        return next((frame[DNS].an.rdata for frame in self.receive(seconds)
                     if DNS in frame and frame[DNS].id == number and frame[DNS].ancount), None)

    def ask(self, name):
        """Everything that comes back within a second and a half of one query."""
        frame = self.query_frame(77, name)
        self.send(frame)
        return [each for each in self.receive(1.5)
                if (UDP in each and each[UDP].dport == frame[UDP].sport) or ICMP in each]


def main(device, mac, name):
    guest = Guest(device, mac)
    time.sleep(1.5)  # carrier, and the bridge port that follows it
    offers = guest.discover()
    for offer in offers:
        print("offer", offer[IP].src, offer[BOOTP].yiaddr)
    guest.address, guest.gateway, guest.gateway_mac = offers[0][BOOTP].yiaddr, offers[0][IP].src, offers[0].src
    for answer in guest.ask(name):
        print("icmp" if ICMP in answer else f"answer {answer[IP].src} {answer[DNS].an.rdata}")


if __name__ == "__main__":
    main(*sys.argv[1:])
