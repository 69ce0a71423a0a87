#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fills the table of tracked connections of the network namespace it runs in: connections.py COUNT.

Connections of UDP between 198.18.0.0/16 and 198.19.0.1, assured, so that none makes room for another one. Of those that
do not fit any more nothing is told. Prints how many there are in the end.
"""

import socket
import struct
import sys
from pathlib import Path

COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
BATCH = 250  # messages

# linux/netfilter/nfnetlink_conntrack.h
NEW = 1 << 8  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_NEW
REQUEST_CREATE_EXCLUSIVE = 1 | 0x400 | 0x200
TUPLE_ORIG, TUPLE_REPLY, STATUS, TIMEOUT = 1, 2, 3, 7
NESTED = 0x8000
SEEN_REPLY_ASSURED_CONFIRMED = 2 | 4 | 8


def attribute(kind, payload):
    return struct.pack("=HH", len(payload) + 4, kind) + payload + bytes(-len(payload) % 4)


def nest(kind, *attributes):
    return attribute(kind | NESTED, b"".join(attributes))


def one_way(kind, source, source_port, destination, destination_port):
    return nest(kind,
                nest(1, attribute(1, source), attribute(2, destination)),
                nest(2, attribute(1, bytes([socket.IPPROTO_UDP])), attribute(2, struct.pack("!H", source_port)),
                     attribute(3, struct.pack("!H", destination_port))))


def template():
    """A request that makes a connection, and where in it the address and the port of who began it stand."""
    here, there, port = socket.inet_aton("198.18.171.205"), socket.inet_aton("198.19.0.1"), 0xfedc
    body = struct.pack("=BBH", socket.AF_INET, 0, 0) + b"".join([
        one_way(TUPLE_ORIG, here, port, there, 9), one_way(TUPLE_REPLY, there, 9, here, port),
        attribute(STATUS, struct.pack("!I", SEEN_REPLY_ASSURED_CONFIRMED)), attribute(TIMEOUT, struct.pack("!I", 600))])
    message = bytearray(struct.pack("=IHHII", len(body) + 16, NEW, REQUEST_CREATE_EXCLUSIVE, 0, 0) + body)
    return (message, [message.index(here), message.rindex(here)],
            [message.index(b"\xfe\xdc"), message.rindex(b"\xfe\xdc")])


def main():
    wanted = int(sys.argv[1])
    message, addresses, ports = template()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:  # NETLINK_NETFILTER
        for first in range(0, wanted, BATCH):
            batch = bytearray()
            for number in range(first, min(first + BATCH, wanted)):
                for at in addresses:
                    struct.pack_into("!H", message, at + 2, number >> 15)
                for at in ports:
                    struct.pack_into("!H", message, at, 1024 + (number & 0x7fff))
                batch += message
            netlink.send(batch)
    print(int(COUNT.read_text()))


if __name__ == "__main__":
    main()
