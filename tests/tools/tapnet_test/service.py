# SPDX-License-Identifier: MIT
"""Starts tapnet-service as a tapnet command would, without one: makes its sockets and speaks its control protocol.

How it works: a thread enters the host's network namespace and makes the sockets there; src/service/control.h says
which and in which order. Lan makes what tapnet would make around them: a bridge, a port a guest, and the rules that
log DHCP requests. Ports are veth pairs, which look the same to the
service as TAPs, and let a namespace play the guest.
"""

import array
import ctypes
import fcntl
import json
import os
import re
import socket
import struct
import threading
import time
from pathlib import Path

from . import seqpacket
from .build import program
from .waiting import wait_for

CLONE_NEWNET = 0x40000000
NETLINK_NETFILTER = 12
LOG_GROUP = 29793
DNS_PORT = 10053

_libc = ctypes.CDLL(None, use_errno=True)


def in_netns(netns, function):
    """What function() returns when it runs in the network namespace; sockets that it makes stay in there."""
    result = []

    def body():
        with open(netns.exec_path) as file:
            if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
                result.append(OSError(ctypes.get_errno(), "setns"))
                return
        try:
            result.append(function())
        except OSError as error:
            result.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if isinstance(result[0], OSError):
        raise result[0]
    return result[0]


def network(name, subnet, ports, mode="nat", mtu=1500, **more):
    """A network as model_network_to_json() writes it. subnet is the host's, "10.20.0.1/24"; ports {name: address}, or
    {name: {"address": ..., "hostname": ..., "dhcp": ...}}. Devices are NAME0 on br-NETWORK."""
    entries = []
    for port, value in ports.items():
        entry = {"name": port, "hostname": port, "device": f"{port}0"}
        entry.update({"address": value} if isinstance(value, str) else value)
        entries.append(entry)
    return {"name": name, "bridge": f"br-{name}", "mode": mode, "subnet": subnet, "mtu": mtu,
            "mac": "02:00:00:00:00:01", "dns_port": DNS_PORT if mode == "nat" else 0, "ports": entries, **more}


def gateway(net):
    return net["subnet"].split("/")[0]


def log_socket():
    """A netlink socket that holds the log group (linux/netfilter/nfnetlink_log.h), and gets each packet at once."""

    def attribute(kind, data):
        return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)

    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    body = (struct.pack("!BBH", 0, 0, LOG_GROUP) +  # family, version, group
            attribute(1, b"\x01") +  # NFULA_CFG_CMD: bind
            attribute(2, struct.pack("!IBx", 2048, 2)) +  # NFULA_CFG_MODE: so many bytes, of the packet
            attribute(4, struct.pack("!I", 0)) + attribute(5, struct.pack("!I", 1)))  # timeout, threshold
    made.bind((0, 0))
    made.send(struct.pack("=IHHII", 16 + len(body), 4 << 8 | 1, 5, 1, 0) + body)  # ULOG, CONFIG; REQUEST and ACK
    answer = made.recv(4096)
    assert struct.unpack_from("=H", answer, 4) == (2,) and struct.unpack_from("=i", answer, 16) == (0,), answer
    return made


def make_dhcp_sockets(host):
    """The sockets for {"do":"sockets"}, in their order, made in the namespace `host`."""
    return in_netns(host, lambda: [log_socket(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)])


def make_sockets(host, net):
    """The sockets for {"do":"serve"}, in their order, made in the namespace `host`; the bridge must be there."""

    def make():
        sockets = []
        for device in (net["bridge"], "lo") if net["mode"] == "nat" else ():
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                dns = socket.socket(socket.AF_INET, kind)
                dns.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                dns.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
                dns.bind((gateway(net), net["dns_port"]))
                sockets.append(dns)
            sockets[-1].listen(64)
        return sockets

    return in_netns(host, make)


def memfd(value):
    """A memfd that holds `value` as JSON (or as it is, when it is bytes)."""
    fd = os.memfd_create("network", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, value if isinstance(value, bytes) else json.dumps(value).encode())
    fcntl.fcntl(fd, 1033, 0xf)  # F_ADD_SEALS: write, grow, shrink, seal
    return fd


class Refused(AssertionError):
    """The service answered {"ok":false}."""

    def __init__(self, reply):
        super().__init__(reply["error"])
        self.code = reply["code"]


class Service:
    """tapnet-service in a namespace, as its starter sees it. Context manager."""

    def __init__(self, host, path=None):
        self.host = host
        self.path = path or program("tapnet-service")
        self.socket_path = host.tmp / "service.sock"
        self.log_path = host.tmp / "service.log"
        self.process = None
        self.has_sockets = False
        self.start()

    def start(self):
        """Starts it; what it was told before it has forgotten."""
        self.has_sockets = False
        self.socket_path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening, open(self.log_path, "ab") as log:
            listening.bind(str(self.socket_path))
            listening.listen(16)
            self.process = self.host.popen(self.path, "--control", listening.fileno(), "--log", log.fileno(),
                                           pass_fds=(listening.fileno(), log.fileno()))
        # nsenter executes the service in its own place, so its pid is the service's.

    @property
    def pid(self):
        return self.process.pid

    def connect(self):
        """A connection that speaks the protocol."""
        return seqpacket.connect(self.socket_path)

    def exchange(self, datagram, fds=(), connection=None):
        """One datagram and its reply: (dict, descriptors). fds stay the caller's."""
        with connection.dup() if connection else self.connect() as line:
            line.sendmsg([datagram], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
            data, ancillary, _flags, _address = line.recvmsg(65536, socket.CMSG_SPACE(4 * 8))
            got = array.array("i")
            for _level, _kind, text in ancillary:
                got.frombytes(text[:len(text) - len(text) % 4])
            return (json.loads(data) if data else None), list(got)

    def request(self, verb, fds=(), **more):
        """A request that must succeed; its reply."""
        reply, _ = self.exchange(json.dumps({"do": verb, **more}).encode(), fds)
        if not reply["ok"]:
            raise Refused(reply)
        return reply

    def take_sockets(self, sockets):
        """Hands it the sockets for DHCP, which stay the caller's."""
        reply = self.request("sockets", [each.fileno() for each in sockets])
        self.has_sockets = True
        return reply

    def give_sockets(self):
        """Those that it has, as descriptors."""
        reply, fds = self.exchange(b'{"do":"sockets"}')
        if not reply["ok"]:
            raise Refused(reply)
        return fds

    def serve(self, net):
        if not self.has_sockets:
            sockets = make_dhcp_sockets(self.host)
            self.take_sockets(sockets)
            for each in sockets:
                each.close()
        sockets = make_sockets(self.host, net)
        text = memfd(net)
        try:
            return self.request("serve", [text, *(s.fileno() for s in sockets)])
        finally:
            os.close(text)
            for each in sockets:
                each.close()

    def update(self, net):
        text = memfd(net)
        try:
            return self.request("update", [text])
        finally:
            os.close(text)

    def stop(self, name):
        return self.request("stop", network=name)

    def status(self):
        return self.request("status")

    def show(self, name):
        """The network as the service was told it."""
        reply, (fd,) = self.exchange(json.dumps({"do": "show", "network": name}).encode())
        assert reply["ok"]
        with os.fdopen(fd, "rb") as file:
            return json.loads(os.pread(file.fileno(), 1 << 23, 0))

    def proc_status(self):
        """/proc/PID/status as {name: value}."""
        return dict(line.split(":\t", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())

    def fds(self):
        """How many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def log(self):
        return self.log_path.read_text(errors="backslashreplace")

    def wait_log(self, pattern, timeout=10):
        """Waits for a line that matches; returns the match."""
        deadline = time.monotonic() + timeout
        while not (found := re.search(pattern, self.log())):
            assert self.process.poll() is None, f"service ended: {self.process.returncode}\n{self.log()}"
            assert time.monotonic() < deadline, f"no line {pattern!r} in the log:\n{self.log()}"
            time.sleep(0.02)
        return found

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def wait(self, timeout=10):
        """Waits for its end; the exit code."""
        return self.process.wait(timeout)

    def close(self):
        if self.process.poll() is None:
            self.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Lan:
    """A bridge with guests' ports in the namespace `host`, as tapnet would make them for `net`, services left out."""

    def __init__(self, host, net):
        self.host, self.net = host, net
        bridge = net["bridge"]
        host.run("ip", "link", "add", bridge, "address", net["mac"], "type", "bridge", "stp_state", "0",
                 "forward_delay", "0")
        host.run("ip", "link", "set", bridge, "mtu", net["mtu"], "up")
        if net["mode"] == "nat":
            host.run("ip", "address", "add", net["subnet"], "dev", bridge)
        host.run("nft", "-f", "-", input=f"""
            add table bridge lan
            add chain bridge lan requests {{ type filter hook prerouting priority -300; policy accept; }}
            flush chain bridge lan requests
            add rule bridge lan requests ip protocol udp udp dport 67 log group {LOG_GROUP}
            add rule bridge lan requests ip protocol udp udp dport 67 drop
            add table inet lan
            add chain inet lan input {{ type filter hook input priority 0; policy accept; }}
            add rule inet lan input iifname "{bridge}" udp dport 67 drop
        """)

    def plug(self, name, guest):
        """A cable from the namespace `guest`, its eth0, to port `name`, through which frames pass when this returns."""
        port = next(port for port in self.net["ports"] if port["name"] == name)
        self.host.run("ip", "link", "add", port["device"], "type", "veth", "peer", "name", "eth0", "netns", guest.name)
        self.host.run("ip", "link", "set", port["device"], "master", self.net["bridge"], "mtu", self.net["mtu"], "up")
        guest.run("ip", "link", "set", "eth0", "up")
        wait_for(lambda: self._passes(port["device"]), why=f"{port['device']} does not pass frames")
        return guest

    def _passes(self, device):
        """A worker of the kernel's opens a port of a bridge when it has a carrier."""
        link = self.host.json("ip", "-j", "-d", "link", "show", "dev", device)[0]
        return link["linkinfo"]["info_slave_data"]["state"] == "forwarding"
