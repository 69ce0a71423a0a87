# SPDX-License-Identifier: MIT
"""Packets that the library splits and merges are what the kernel takes: transfers through our forwarder, byte-exact.

      left                                                      right
    +----------------------+                          +----------------------+
    |  tun0 10.1.0.1/24    |        forward MODE      |  tun0 10.1.0.2/24    |
    |       fd01::1/64  ──── fd ──────────────────► fd ────  fd01::2/64      |
    |       MTU 1500       |  (examples/c/forward.c)  |       MTU 1500       |
    +----------------------+                          +----------------------+
"""

import os
import subprocess

import pytest

from tapnet_test.build import program

TRANSFER_BYTES = int(os.environ.get("TAPNET_TRANSFER_BYTES", 100 << 20))
MODES = ("plain", "pass", "split", "merge", "both")

# Both ends make the same bytes, block by block: each block is a hash's stream of the one before.
BLOCKS = """
import hashlib, socket, sys
address, size = sys.argv[1], int(sys.argv[2])
def blocks():
    number, left = 0, size
    while left:
        block = hashlib.shake_128(str(number).encode()).digest(1 << 16) * 16
        yield block[:left]
        left -= min(left, len(block))
        number += 1
"""
RECEIVE = BLOCKS + """
listener = socket.create_server((address, 5001), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
print("ready", flush=True)
connection, _ = listener.accept()
for number, block in enumerate(blocks()):
    data = bytearray(len(block))
    view = memoryview(data)
    while len(view):
        count = connection.recv_into(view)
        assert count, f"the connection ends in block {number}"
        view = view[count:]
    assert data == block, f"block {number} differs"
assert connection.recv(1) == b"", "more than was sent"
connection.sendall(b"all")
"""
SEND = BLOCKS + """
connection = socket.create_connection((address, 5001))
for block in blocks():
    connection.sendall(block)
connection.shutdown(socket.SHUT_WR)
assert connection.recv(10) == b"all"
"""
# Datagrams of 1,000 bytes, as many as fit into one send of the kernel's own segmentation (UDP_SEGMENT).
RECEIVE_UDP = """
import socket, sys
address, count = sys.argv[1], int(sys.argv[2])
receiver = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind((address, 5002))
receiver.settimeout(20)
print("ready", flush=True)
for number in range(count):
    data = receiver.recv(65536)
    size = 1000 if number % 40 != 39 else 123
    assert data == bytes([number % 256]) * size, (number, len(data), data[:4])
    if number % 40 == 39:
        print(number, flush=True)
"""
SEND_UDP = """
import socket, sys
address, count = sys.argv[1], int(sys.argv[2])
sender = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.IPPROTO_UDP, 103, 1000)
sender.connect((address, 5002))
for first in range(0, count, 40):
    parts = [bytes([number % 256]) * (1000 if number % 40 != 39 else 123) for number in range(first, first + 40)]
    sender.send(b"".join(parts))
    sys.stdin.readline()  # the receiver has them: nothing is lost for want of room
"""


class Line:
    """The two namespaces, and the forwarder between them."""

    def __init__(self, left, right, mode, queues=1):
        self.ends = {"left": left, "right": right}
        self.forwarder = subprocess.Popen(
            [program("examples/c/forward"), mode, f"{left.name}/tun0", f"{right.name}/tun0", str(queues)],
            stdout=subprocess.PIPE, text=True)
        assert self.forwarder.stdout.readline() == "ready\n"
        for number, netns in ((1, left), (2, right)):
            netns.run("ip", "address", "add", f"10.1.0.{number}/24", "dev", "tun0")
            netns.run("ip", "address", "add", f"fd01::{number}/64", "dev", "tun0", "nodad")
            netns.run("ip", "link", "set", "tun0", "up")

    def start(self, side, source, *words):
        child = self.ends[side].popen("/usr/bin/python3", "-c", source, *words, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        if source in (RECEIVE, RECEIVE_UDP):
            assert child.stdout.readline() == "ready\n"
        return child

    def packets(self, side, direction):
        return self.ends[side].json("ip", "-s", "-j", "link", "show", "tun0")[0]["stats64"][direction]["packets"]

    def checksum_errors(self):
        wanted = ("TcpInCsumErrors", "UdpInCsumErrors", "Udp6InCsumErrors", "IpInHdrErrors", "Ip6InHdrErrors")
        lines = [line for netns in self.ends.values() for line in netns.run("nstat", "-asz").stdout.splitlines()]
        counts = [int(line.split()[1]) for line in lines if line.split()[0] in wanted]
        assert len(counts) == 2 * len(wanted)
        return sum(counts)

    def transfer(self, address, size):
        receiver = self.start("right", RECEIVE, address, size)
        sender = self.start("left", SEND, address, size)
        for child in (sender, receiver):
            assert child.wait(timeout=600) == 0

    def close(self):
        self.forwarder.kill()
        self.forwarder.wait(timeout=10)
        self.forwarder.stdout.close()


@pytest.fixture
def make_line(make_netns):
    lines = []

    def make(mode, queues=1):
        lines.append(Line(make_netns("left"), make_netns("right"), mode, queues))
        return lines[-1]
    yield make
    for line in lines:
        line.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_transfer_is_byte_exact(make_line, mode):
    """A hundred megabytes of TCP (a gigabyte in test-all); packets are as large on each side as the mode says."""
    line = make_line(mode)
    line.transfer("10.1.0.2", TRANSFER_BYTES)
    line.transfer("fd01::2", TRANSFER_BYTES // 10)
    assert line.checksum_errors() == 0
    sent, received = line.packets("left", "tx"), line.packets("right", "rx")
    segments = TRANSFER_BYTES * 1.1 / 1448
    if mode in ("plain", "merge"):
        assert sent > segments * 0.99
    else:
        assert sent < segments / 3
    if mode in ("plain", "split"):
        assert received > segments * 0.99
    else:
        assert received < segments / 2


@pytest.mark.parametrize("mode", MODES)
def test_datagrams_keep_their_borders(make_line, mode):
    """UDP that the sender's kernel leaves to be cut arrives as the datagrams that were meant, in their order."""
    line = make_line(mode)
    for address in ("10.1.0.2", "fd01::2"):
        receiver = line.start("right", RECEIVE_UDP, address, 400)
        sender = line.start("left", SEND_UDP, address, 400)
        for _ in range(10):
            assert receiver.stdout.readline()
            sender.stdin.write("\n")
            sender.stdin.flush()
        assert receiver.wait(timeout=30) == 0 and sender.wait(timeout=30) == 0
    assert line.checksum_errors() == 0


def test_many_queues_carry_many_flows(make_line):
    """Four queues, a thread each, and eight connections at once."""
    line = make_line("both", queues=4)
    flows = []
    for number in range(8):
        port = f"500{number}"
        receive, send = (source.replace("5001", port) for source in (RECEIVE, SEND))
        receiver = line.ends["right"].popen("/usr/bin/python3", "-c", receive, "10.1.0.2", 5 << 20,
                                            stdout=subprocess.PIPE, text=True)
        assert receiver.stdout.readline() == "ready\n"
        flows += [receiver, line.ends["left"].popen("/usr/bin/python3", "-c", send, "10.1.0.2", 5 << 20)]
    for child in flows:
        assert child.wait(timeout=120) == 0
    assert line.checksum_errors() == 0
