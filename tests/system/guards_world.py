# SPDX-License-Identifier: MIT
"""The world of the guards' tests: two networks of guests behind one host, an outside, and a LAN that is not ours.

    guest a 10.20.0.2 ── tap-a ┐
    guest b 10.20.0.3 ── tap-b ┴ br-lab 10.20.0.1 ┐        ┌ eth0 192.0.2.1 ──── eth0 192.0.2.2    outside
                                                  ├─ host ─┤
    guest c 10.30.0.2 ── tap-c ─ br-two 10.30.0.1 ┘        └ eth1 198.51.100.1 ─ eth0 198.51.100.2 foreign

By IPv6 the same ones are fd00:20::a, b and 1, fd00:30::c and 1, 2001:db8:1::1 and 2, 2001:db8:2::1 and 2; both bridges
are fe80::1, too.

Every box is a namespace of its own; a guest's only device is the veth whose other end is a port of the bridge. The host
forwards between all its devices, so that what does not arrive is the guards' doing.
"""

import ctypes
import itertools
import os
import select
import socket
import struct
import time
from contextlib import contextmanager

from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tapnet_test.build import build_dir
from tapnet_test.netns import Netns, join
from tapnet_test.service import log_socket

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _enter(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def inside(ns):
    """This thread in the network of ns: sockets made here stay there."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    other = os.open(ns.exec_path, os.O_RDONLY)
    try:
        _enter(other)
        yield
    finally:
        _enter(own)
        os.close(own)
        os.close(other)


def open_socket(ns, family=socket.AF_INET, kind=socket.SOCK_DGRAM, protocol=0, timeout=0.4):
    with inside(ns):
        made = socket.socket(family, kind, protocol)
    made.settimeout(timeout)
    return made


class Wire:
    """A packet socket on one device: sends and sees whole frames."""

    def __init__(self, ns, device):
        self.socket = open_socket(ns, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((device, 3))
        self.mac = self.socket.getsockname()[4].hex(":")

    def send(self, frame):
        """Sends a frame; its source is the device's own MAC unless it has one."""
        frame = frame.copy()
        if "src" not in frame.fields:
            frame.src = self.mac
        self.socket.send(bytes(frame))

    def receive(self, wanted, timeout=0.4):
        """The first frame, as scapy sees it, that wanted() takes; None when none came in time."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                return None
            frame = Ether(self.socket.recv(65536))
            if wanted(frame):
                return frame
        return None

    def drain(self):
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(65536)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Log:
    """What rules log to our group in ns: the service's ear."""

    def __init__(self, ns):
        self.ns = ns
        with inside(ns):
            self.socket = log_socket()

    def receive(self, timeout=0.4):
        """The next one that was logged: (name of the port it came in by, IP packet); None when none came in time."""
        if not select.select([self.socket], [], [], timeout)[0]:
            return None
        message, at, found = self.socket.recv(65536), 20, {}
        while at < len(message):
            length, kind = struct.unpack_from("=HH", message, at)
            found[kind] = message[at + 4:at + length]
            at += (length + 3) // 4 * 4
        port = int.from_bytes(found.get(6) or found[4], "big")  # PHYSINDEV, or INDEV without br_netfilter
        names = {link["ifindex"]: link["ifname"] for link in self.ns.json("ip", "-j", "link")}
        return names[port], IP(found[9])

    def count(self):
        """How many wait."""
        number = 0
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(65536)
            number += 1
        return number

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


tags = itertools.count(1)
BROADCAST = "ff:ff:ff:ff:ff:ff"


def from_a(lab, frame, to="b"):
    """Sends a frame out of guest a; what of it arrives at b, or on the host's bridge device. A tag tells it apart."""
    tag = b"tag-%08d" % next(tags)
    ends = {"b": (lab.b, "eth0"), "host": (lab.host, "br-lab")}
    with Wire(lab.a, "eth0") as guest, Wire(*ends[to]) as end:
        guest.send(frame / Raw(tag))
        return end.receive(lambda seen: tag in bytes(seen))


def ether(lab, to="b", **fields):
    return Ether(**{"src": lab.macs["a"], "dst": lab.macs[to], **fields})


class Lab:
    def __init__(self, bridge_nf):
        self.tool = build_dir() / "tests" / "system" / "guards_tool"
        self.spaces = []
        try:
            self._build(bridge_nf)
            self.macs = {name: self.mac(getattr(self, name), "eth0") for name in ("a", "b", "c")}
            self.macs["host"] = self.mac(self.host, "br-lab")
            self._number6()
            self.guard()
        except BaseException:
            self.close()
            raise

    def _space(self, name):
        ns = Netns(name)
        self.spaces.append(ns)
        return ns

    def _build(self, bridge_nf):
        self.host = self._space("host")
        for bridge, address in (("br-lab", "10.20.0.1/24"), ("br-two", "10.30.0.1/24")):
            self.host.run("ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0")
            self.host.run("ip", "addr", "add", address, "dev", bridge)
            self.host.run("ip", "link", "set", bridge, "up")
        self.a = self._guest("a", "br-lab", "10.20.0.2", "10.20.0.1")
        self.b = self._guest("b", "br-lab", "10.20.0.3", "10.20.0.1")
        self.c = self._guest("c", "br-two", "10.30.0.2", "10.30.0.1")
        self.outside = self._neighbour("outside", "eth0", "192.0.2.1", "192.0.2.2")
        self.foreign = self._neighbour("foreign", "eth1", "198.51.100.1", "198.51.100.2")
        self.host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                      f"net.bridge.bridge-nf-call-iptables={bridge_nf}",
                      f"net.bridge.bridge-nf-call-ip6tables={bridge_nf}",
                      f"net.bridge.bridge-nf-call-arptables={bridge_nf}")

    def _guest(self, name, bridge, address, gateway):
        ns = self._space(name)
        join(self.host, f"tap-{name}", ns, "eth0")
        self.host.run("ip", "link", "set", f"tap-{name}", "master", bridge)
        ns.run("ip", "link", "set", "eth0", "address", f"52:54:00:00:00:0{name}")
        ns.run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
        ns.run("ip", "route", "add", "default", "via", gateway)
        return ns

    def _number6(self):
        """IPv6 addresses, none of them tentative; guests that take no router for one but theirs."""
        for ns, device, address in ((self.host, "br-lab", "fd00:20::1"), (self.host, "br-lab", "fe80::1"),
                                    (self.host, "br-two", "fd00:30::1"), (self.host, "br-two", "fe80::1"),
                                    (self.host, "eth0", "2001:db8:1::1"), (self.host, "eth1", "2001:db8:2::1"),
                                    (self.a, "eth0", "fd00:20::a"), (self.b, "eth0", "fd00:20::b"),
                                    (self.c, "eth0", "fd00:30::c"), (self.outside, "eth0", "2001:db8:1::2"),
                                    (self.foreign, "eth0", "2001:db8:2::2")):
            ns.run("ip", "-6", "address", "add", f"{address}/64", "dev", device, "nodad")
        for name, ns in (("a", self.a), ("b", self.b), ("c", self.c)):
            ns.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=0")
            ns.run("ip", "-6", "address", "flush", "dev", "eth0", "scope", "link")  # of the MAC that it had before
            ns.run("ip", "-6", "address", "add", f"fe80::5054:ff:fe00:{name}/64", "dev", "eth0", "nodad")
            ns.run("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0")
        self.foreign.run("ip", "-6", "route", "add", "default", "via", "2001:db8:2::1")

    def _neighbour(self, name, device, host_address, address):
        ns = self._space(name)
        join(self.host, device, ns, "eth0")
        self.host.run("ip", "addr", "add", f"{host_address}/24", "dev", device)
        ns.run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
        ns.run("ip", "route", "add", "default", "via", host_address)
        return ns

    ELEMENTS = """
        networks br-lab | lab/lab
        networks br-two | lab/two
        networks tap-a | lab/lab/a
        networks tap-b | lab/lab/b
        networks tap-c | lab/two/c
        bridged br-lab br-lab | lab/lab
        bridged br-two br-two | lab/two
        egress br-lab eth0 | lab/lab
        gateways br-lab 10.20.0.1 | lab/lab
        gateways br-two 10.30.0.1 | lab/two
        dns_ports br-lab 10.20.0.1 10053 | lab/lab
        dns_served br-lab 10.20.0.1 10053 | lab/lab
        paths br-lab eth0 | lab/lab
        paths eth0 br-lab | lab/lab
        closed eth0 | lab/lab
        ports tap-a | lab/lab/a
        ports tap-b | lab/lab/b
        ports tap-c | lab/two/c
        port_addresses tap-a 52:54:00:00:00:0a 10.20.0.2 | lab/lab/a
        port_addresses tap-b 52:54:00:00:00:0b 10.20.0.3 | lab/lab/b
        port_addresses tap-c 52:54:00:00:00:0c 10.30.0.2 | lab/two/c
        port_macs tap-a 52:54:00:00:00:0a | lab/lab/a
        port_macs tap-b 52:54:00:00:00:0b | lab/lab/b
        port_macs tap-c 52:54:00:00:00:0c | lab/two/c
        resolvers 10.20.0.1 | lab/lab
        egress6 br-lab eth0 | lab/lab
        masquerade6 br-lab eth0 | lab/lab
        paths6 br-lab eth0 | lab/lab
        paths6 eth0 br-lab | lab/lab
        closed6 eth0 | lab/lab
        gateways6 br-lab fd00:20::1 | lab/lab
        gateways6 br-lab fe80::1 | lab/lab
        gateways6 br-two fd00:30::1 | lab/two
        dns_ports6 br-lab fd00:20::1 fd00:20::1/10053 | lab/lab
        dns_served6 br-lab fd00:20::1 10053 | lab/lab
        resolvers6 fd00:20::1 | lab/lab
        port_addresses6 tap-a 52:54:00:00:00:0a fd00:20::a | lab/lab/a
        port_addresses6 tap-b 52:54:00:00:00:0b fd00:20::b | lab/lab/b
        port_addresses6 tap-c 52:54:00:00:00:0c fd00:30::c | lab/two/c
        port_identifiers6 tap-a 5400 00000a | lab/lab/a
        port_identifiers6 tap-b 5400 00000b | lab/lab/b
        port_identifiers6 tap-c 5400 00000c | lab/two/c
    """

    def run_tool(self, script, check=True):
        return self.host.run(self.tool, input=script, check=check)

    def guard(self):
        lines = [line.strip() for line in self.ELEMENTS.splitlines() if line.strip()]
        self.run_tool("table add inet\ntable add bridge\n" + "".join(f"element add {line}\n" for line in lines) +
                      "commit\n")

    @contextmanager
    def unguarded(self):
        """The same world without our tables: what must arrive now, to show that nothing else had stopped it."""
        self.run_tool("table delete inet\ntable delete bridge\ncommit\n")
        try:
            yield
        finally:
            self.guard()
            self._forget()

    def _forget(self):
        """Nobody and no bridge keeps what it learnt of forged frames."""
        for ns in (self.host, self.a, self.b, self.c):
            ns.run("ip", "neigh", "flush", "all")
        for bridge in "br-lab", "br-two":
            self.host.run("ip", "link", "set", bridge, "type", "bridge", "fdb_flush")

    def only_guards_stop(self, attempt):
        """attempt() fails behind the guards and succeeds without them."""
        assert not attempt(), "passed the guards"
        with self.unguarded():
            assert attempt(), "fails without guards too: this test shows nothing"

    def mac(self, ns, device):
        return ns.json("ip", "-j", "link", "show", device)[0]["address"]

    def close(self):
        for ns in self.spaces:
            ns.close()


# ---- attempts: each makes fresh sockets on fresh ports, so that conntrack remembers nothing of the one before ----

def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp_reaches(source, target, address, port, bind=""):
    """A datagram from source arrives at target's socket on (address, port). Returns the sender it saw, or None."""
    with open_socket(target, family_of(address)) as server, open_socket(source, family_of(address)) as client:
        server.bind((bind, port))
        try:
            client.sendto(b"probe", (address, port))
            data, sender = server.recvfrom(100)
        except (TimeoutError, OSError):
            return None
        return sender[0] if data == b"probe" else None


def udp_is_answered(source, target, address, port, bind=""):
    """As udp_reaches(), and an answer makes it back to source from the address it asked."""
    with open_socket(target) as server, open_socket(source) as client:
        server.bind((bind, port))
        try:
            client.sendto(b"question", (address, port))
            _, sender = server.recvfrom(100)
            server.sendto(b"answer", sender)
            data, answerer = client.recvfrom(100)
        except (TimeoutError, OSError):
            return False
        return data == b"answer" and answerer == (address, port)


def tcp_connects(source, target, address, port, bind="", listen_port=None):
    """A TCP connection from source to (address, port) is taken by target, and carries data both ways."""
    server = open_socket(target, family_of(address), socket.SOCK_STREAM)
    client = open_socket(source, family_of(address), socket.SOCK_STREAM)
    with server, client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((bind, listen_port or port))
        server.listen()
        try:
            client.connect((address, port))
            peer, _ = server.accept()
            with peer:
                client.sendall(b"ping")
                assert peer.recv(100) == b"ping"
                peer.sendall(b"pong")
                return client.recv(100) == b"pong"
        except (TimeoutError, OSError):
            return False


def ping(source, address):
    """An ICMP echo is answered."""
    with open_socket(source, kind=socket.SOCK_RAW, protocol=socket.IPPROTO_ICMP) as raw:
        ident = int.from_bytes(os.urandom(2), "big")
        body = struct.pack("!BBHHH", 8, 0, 0, ident, 1)
        total = sum(struct.unpack("!4H", body))
        total = (total & 0xFFFF) + (total >> 16)
        body = struct.pack("!BBHHH", 8, 0, ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF, ident, 1)
        try:
            raw.sendto(body, (address, 0))
            end = time.monotonic() + 0.4
            while time.monotonic() < end:
                packet = raw.recv(1000)
                if packet[20] == 0 and packet[24:26] == ident.to_bytes(2, "big"):
                    return True
        except (TimeoutError, OSError):
            pass
        return False
