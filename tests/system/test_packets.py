# SPDX-License-Identifier: MIT
"""Scapy agrees on every packet that the library splits, merges and completes; it knows nothing of how we do it.

    scapy: random packets ──► packet_tool split / merge ──► scapy: every checksum, length, number
"""

import random
import socket
import struct
import subprocess

import pytest
from scapy.all import Dot1AD, Dot1Q, Ether, IP, IPv6, IPv6ExtHdrDestOpt, PadN, Raw, TCP, UDP

from tapnet_test.build import program

SEEDS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
NEEDS_CHECKSUM, TCP4, TCP6, UDP_L4, ECN = 1, 1, 4, 5, 0x80


def tool(command, kind, frames):
    """Frames are (packet, vnet header) in and out."""
    data = b"".join(struct.pack(">I", len(packet)) + vnet + packet for packet, vnet in frames)
    done = subprocess.run([program("tests/system/packet_tool"), command, kind], input=data, capture_output=True,
                          check=False)
    assert done.returncode == 0, done.stderr.decode()
    result, rest = [], done.stdout
    while rest:
        length = struct.unpack(">I", rest[:4])[0]
        result.append((rest[14:14 + length], rest[4:14]))
        rest = rest[14 + length:]
    return result


def parse(kind, packet):
    if kind == "tap":
        return Ether(packet)
    return IP(packet) if packet[0] >> 4 == 4 else IPv6(packet)


def transport_of(packet):
    return packet[TCP] if TCP in packet else packet[UDP]


def pseudo_sum(packet, length):
    """What a partial checksum is: the sum over the pseudo header (RFC 793, RFC 8200)."""
    family, ip = (socket.AF_INET, packet[IP]) if IP in packet else (socket.AF_INET6, packet[IPv6])
    addresses = socket.inet_pton(family, ip.src) + socket.inet_pton(family, ip.dst)
    protocol = 6 if TCP in packet else 17
    data = addresses + struct.pack("!II", length, protocol)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def roll(dice, kind):
    """Headers of one flow, and a function that makes its packets."""
    version, protocol = dice.choice((4, 6)), dice.choice((TCP, UDP))
    link = b""
    if kind == "tap":
        link = Ether(src="52:54:00:00:00:07", dst="02:00:00:00:00:01")
        if dice.random() < 0.5:
            link = link / dice.choice((Dot1Q(vlan=7), Dot1AD(vlan=5) / Dot1Q(vlan=7)))
    fixed = {"sport": dice.randrange(65536), "dport": dice.randrange(1, 65536)}
    tos, ttl, flags = dice.randrange(256), dice.randrange(1, 256), dice.choice(("", "DF"))
    ack, window = dice.getrandbits(32), dice.getrandbits(16)
    options = dice.choice(([], [("NOP", None), ("NOP", None), ("Timestamp", (dice.getrandbits(32), 7))]))
    extension = dice.random() < 0.3

    def make(payload, sequence, number, tcp_flags="A"):
        ip = IP(src="10.0.0.1", dst="10.0.0.2", id=number % 65536, tos=tos, ttl=ttl, flags=flags) if version == 4 else \
            IPv6(src="fd00::1", dst="fd00::2", tc=tos, fl=99, hlim=ttl)
        if version == 6 and extension:
            ip = ip / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0\0\0")])
        upper = TCP(**fixed, seq=sequence % (1 << 32), ack=ack, window=window, flags=tcp_flags, options=options) \
            if protocol is TCP else UDP(**fixed)
        packet = ip / upper / Raw(payload)
        return link / packet if kind == "tap" else packet
    return make, version, protocol


def assert_right(kind, data):
    """Scapy makes the same bytes of the packet when it computes lengths and checksums itself."""
    packet = parse(kind, data)
    again = packet.copy()
    if IP in again:
        del again[IP].len, again[IP].chksum
    else:
        del again[IPv6].plen
    upper = transport_of(again)
    del upper.chksum
    if UDP in again:
        del upper.len
    assert bytes(again) == data, packet.show(dump=True)
    return packet


@pytest.mark.parametrize("kind", ["tun", "tap"])
@pytest.mark.parametrize("seed", SEEDS)
def test_segments_are_right(seed, kind):
    dice = random.Random(seed)
    for _ in range(6):
        size = dice.randrange(100, 1400)
        payload = dice.randbytes(size * dice.randrange(1, 30) + dice.randrange(1, size))
        make, version, protocol = roll(dice, kind)
        sequence, number = dice.getrandbits(32), dice.getrandbits(16) or 1
        large = make(payload, sequence, number, "CPFA")
        data = bytes(large)
        start = data.index(bytes(transport_of(parse(kind, data))))
        offset = 16 if protocol is TCP else 6
        partial = pseudo_sum(large, len(data) - start)
        data = data[:start + offset] + struct.pack("!H", partial) + data[start + offset + 2:]
        gso = UDP_L4 if protocol is UDP else ECN | (TCP4 if version == 4 else TCP6)
        vnet = struct.pack("<BBHHHH", NEEDS_CHECKSUM, gso, start + 20, size, start, offset)
        segments = tool("split", kind, [(data, vnet)])
        assert len(segments) == -(-len(payload) // size)
        for index, (segment, _) in enumerate(segments):
            packet = assert_right(kind, segment)
            part, last = payload[size * index:size * (index + 1)], index == len(segments) - 1
            expected = make(part, sequence + size * index, number + index,
                            "".join(flag for flag in "CPFA" if flag == "A" or (index == 0 if flag == "C" else last)))
            assert bytes(packet) == bytes(expected)
        assert tool("merge", kind, tool("partial", kind, [(data, vnet)]))[0] == \
            tool("merge", kind, segments)[0], "from partial and from full checksums comes the same"


@pytest.mark.parametrize("kind", ["tun", "tap"])
@pytest.mark.parametrize("seed", SEEDS)
def test_merged_packets_hold_what_was_sent(seed, kind):
    """Packets by scapy, whose checksums we must find right, are merged to one that holds all of their payload."""
    dice = random.Random(seed)
    size, count = dice.randrange(100, 1400), dice.randrange(2, 40)
    make, version, protocol = roll(dice, kind)
    payloads = [dice.randbytes(size) for _ in range(count)] + [dice.randbytes(dice.randrange(1, size))]
    sequence, number = dice.getrandbits(32), dice.getrandbits(16) or 1
    frames = [(bytes(make(payload, sequence + size * index, number + index)), bytes(10))
              for index, payload in enumerate(payloads)]
    [(merged, vnet)] = tool("merge", kind, frames)
    flags, gso, _, gso_size, start, offset = struct.unpack("<BBHHHH", vnet)
    packet = parse(kind, merged)
    assert (flags, gso_size) == (NEEDS_CHECKSUM, size)
    assert gso == (UDP_L4 if protocol is UDP else TCP4 if version == 4 else TCP6)
    assert bytes(transport_of(packet).payload) == b"".join(payloads)
    assert struct.unpack("!H", merged[start + offset:start + offset + 2])[0] == pseudo_sum(packet, len(merged) - start)
    if version == 4:
        header = packet[IP].copy()
        del header.chksum, header.len
        assert bytes(header)[:20] == bytes(packet[IP])[:20]
    assert [segment for segment, _ in tool("split", kind, [(merged, vnet)])] == [frame for frame, _ in frames]
