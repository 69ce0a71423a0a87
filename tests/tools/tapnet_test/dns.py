# SPDX-License-Identifier: MIT
"""DNS for tests: messages made by hand, a client that sends any bytes, and an upstream server that can misbehave.

How it works: sockets are made in a namespace (service.in_netns) and used from here, so a test sees every byte of both
sides and when it came.
"""

import socket
import struct
import threading
import time

from .service import in_netns
from .waiting import readable

A, NS, SOA, PTR, TXT, AAAA, IXFR, AXFR, ANY = 1, 2, 6, 12, 16, 28, 251, 252, 255
FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 1, 2, 3, 4, 5
RD, RA, QR, TC = 0x100, 0x80, 0x8000, 0x200


def name(text):
    """Labels as on the wire."""
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def opt(size=1232, version=0, dnssec=False, data=b""):
    return b"\0" + struct.pack(">HHBBHH", 41, size, 0, version, 0x8000 if dnssec else 0, len(data)) + data


def query(text, kind=A, number=0x1234, flags=RD, edns=b"", klass=1):
    return (struct.pack(">6H", number, flags, 1, 0, 0, 1 if edns else 0) + name(text) + struct.pack(">2H", kind, klass)
            + edns)


def question_end(message):
    """Where the question of an uncompressed message ends."""
    at = 12
    while message[at]:
        at += message[at] + 1
    return at + 5


def question(message):
    """(name, type) of a message, the name in small letters: the service asks servers with letters of random case."""
    end, labels, at = question_end(message), [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += message[at] + 1
    return ".".join(labels).lower(), struct.unpack_from(">H", message, end - 4)[0]


def record(data, kind=A, ttl=60):
    """A record that answers the question."""
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def reply(message, *records, rcode=0, flags=0):
    """A reply to the query `message`."""
    head = struct.pack(">6H", number(message), QR | RD | RA | flags | rcode, 1, len(records), 0, 0)
    return head + message[12:question_end(message)] + b"".join(records)


def address_reply(message, address="198.51.100.7"):
    return reply(message, record(socket.inet_aton(address)))


def number(message):
    return struct.unpack_from(">H", message)[0]


def rcode(message):
    return message[3] & 15


def counts(message):
    """Questions, answers, authority, additional."""
    return struct.unpack_from(">4H", message, 4)


def addresses(message):
    """The addresses that a reply with nothing but addresses holds."""
    at, found = question_end(message), []
    for _ in range(counts(message)[1]):
        at += len(name(question(message)[0])) if message[at] < 0xc0 else 2
        kind, _klass, _ttl, length = struct.unpack_from(">HHIH", message, at)
        at += 10 + length
        if kind == A:
            found.append(socket.inet_ntoa(message[at - 4:at]))
    return found


def framed(message):
    """As by TCP."""
    return struct.pack(">H", len(message)) + message


def receive(stream, timeout=10):
    """One message of a TCP stream; None: it has ended."""
    def exactly(size):
        data = b""
        while len(data) < size:
            more = stream.recv(size - len(data))
            if not more:
                return None
            data += more
        return data
    stream.settimeout(timeout)
    head = exactly(2)
    return head and exactly(struct.unpack(">H", head)[0])


class Client:
    """Asks a server from a namespace, with bytes of all kinds."""

    def __init__(self, netns, server, port, source=None):
        self.netns, self.server, self.source = netns, (server, port), source

    def udp(self):
        """A connected socket."""
        def make():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            if self.source:
                made.bind((self.source, 0))
            made.connect(self.server)
            return made
        return in_netns(self.netns, make)

    def tcp(self, **options):
        def make():
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            for option, value in options.items():
                made.setsockopt(socket.SOL_SOCKET, getattr(socket, option), value)
            if self.source:
                made.bind((self.source, 0))
            made.settimeout(5)
            made.connect(self.server)
            return made
        return in_netns(self.netns, make)

    def ask(self, message, timeout=10):
        """One query by UDP; its reply, or None."""
        with self.udp() as line:
            line.settimeout(timeout)
            line.send(message)
            try:
                return line.recv(65536)
            except socket.timeout:
                return None

    def ask_tcp(self, message, timeout=10):
        with self.tcp() as line:
            line.sendall(framed(message))
            return receive(line, timeout)


class Upstream:
    """A DNS server on port 53 of an address in a namespace. answer(message) says what it sends back: bytes, a list of
    them, or None for nothing; server.sockets may be used to send more. Every query is kept, with who asked."""

    def __init__(self, netns, address, answer=address_reply, tcp=True):
        self.answer, self.queries, self.streams = answer, [], []
        self._stop, self._lines = threading.Event(), []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET

        def make(kind):
            made = socket.socket(family, kind)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if kind == socket.SOCK_DGRAM:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            made.bind(socket.getaddrinfo(address, 53, family, kind)[0][4] if "%" in address else (address, 53))
            return made
        self.udp = in_netns(netns, lambda: make(socket.SOCK_DGRAM))
        self.listening = None
        if tcp:
            self.listening = in_netns(netns, lambda: make(socket.SOCK_STREAM))
            self.listening.listen(1024)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _replies(self, message, client):
        self.queries.append((message, client, time.monotonic()))
        said = self.answer(message)
        return said if isinstance(said, list) else [said] if said else []

    def _stream(self, line):
        try:
            message = receive(line, 5)
        except OSError:
            message = None
        if message is None:
            self._lines.remove(line)
            line.close()
            return
        self.streams.append(message)
        for said in self._replies(message, line.getpeername()):
            line.sendall(framed(said))

    def _run(self):
        while not self._stop.is_set():
            watched = [self.udp, *self._lines] + ([self.listening] if self.listening else [])
            for ready in readable(watched, 0.05):
                if ready is self.udp:
                    message, client = self.udp.recvfrom(65536)
                    for said in self._replies(message, client):
                        self.udp.sendto(said, client)
                elif ready is self.listening:
                    self._lines.append(self.listening.accept()[0])
                else:
                    self._stream(ready)

    def close(self):
        self._stop.set()
        self._thread.join()
        for each in (self.udp, self.listening, *self._lines):
            if each:
                each.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
