# SPDX-License-Identifier: MIT
"""The world of the forwards' tests: guests that tell who they are and whom they see, and who may ask them.

    LAN                         host under test                                        guests
    +-------------------+      +-----------------------------------------------+
    | 192.0.2.1    out0 +------+ eth0 192.0.2.2          br-lab 10.20.0.1  ----+----- web 10.20.0.10
    | 198.51.100.1 (far)|      |      192.0.2.99                           ----+----- db  10.20.0.11
    +-------------------+      |                         br-two 10.30.0.1  ----+----- far 10.30.0.10
                               | lo   127.0.0.1          br-flat 10.40.0.1 ----+----- one 10.40.0.10  (they do not see
                               |                                           ----+----- two 10.40.0.11   each other)
                               |                         br-cell           ----+----- mute 10.50.0.10 (isolated)
                               +-----------------------------------------------+

Every guest listens to TCP and UDP on the ports below, and answers everybody with its name and the address it sees.
"""

import socket
import subprocess
import sys
from pathlib import Path

from scapy.layers.inet import IP, TCP, IPOption_LSRR
from scapy.layers.l2 import Ether

import tapnet_test
from guards_world import Wire, inside, open_socket

from tapnet_test.netns import Netns
from tapnet_test.nsguest import NamespaceGuest

RELAY = Path(tapnet_test.__file__).with_name("relay.py")

HOST = "192.0.2.2"
PORTS = [22, 53, 80, 443, *range(5000, 5011), *range(5100, 5110), *range(9000, 9004)]

# Answers on every port of argv[2:] with "NAME ADDRESS", and keeps a TCP connection for as long as the client does.
SERVER = """
import selectors, socket, sys
name, ports = sys.argv[1], [int(word) for word in sys.argv[2:]]
selector = selectors.DefaultSelector()
for port in ports:
    for family in socket.AF_INET, socket.AF_INET6:
        listener = socket.create_server(("", port), family=family)  # each of its own: no address is mapped
        selector.register(listener, selectors.EVENT_READ, "listener")
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        datagrams.bind(("", port))
        selector.register(datagrams, selectors.EVENT_READ, "datagrams")
print("ready", flush=True)
while True:
    for key, _ in selector.select():
        if key.data == "listener":
            connection, client = key.fileobj.accept()
            selector.register(connection, selectors.EVENT_READ, client)
        elif key.data == "datagrams":
            _, client = key.fileobj.recvfrom(100)
            key.fileobj.sendto(f"{name} {client[0]}".encode(), client)
        else:
            try:
                heard = key.fileobj.recv(100)
            except OSError:
                heard = b""
            if heard:
                key.fileobj.sendall(f"{name} {key.data[0]}".encode())
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()
"""


def serve(netns, name, ports=PORTS):
    """Starts the server of a guest, or of the host itself; returns it when it listens."""
    server = netns.popen(sys.executable, "-c", SERVER, name, *ports, stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "ready\n"
    return server


def ask(netns, protocol, address, port, source="", timeout=0.7):
    """Who answers at the address and port, and whom it sees: "web 192.0.2.1"; None when nobody does."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with inside(netns):
        client = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    with client:
        client.settimeout(timeout)
        try:
            if source:
                client.bind((source, 0))
            client.connect((address, port))
            client.sendall(b"who?")
            return client.recv(100).decode() or None
        except OSError:
            return None


class Talk:
    """A TCP connection from the LAN that asks again and again."""

    def __init__(self, netns, port, address=HOST):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = open_socket(netns, family, socket.SOCK_STREAM, timeout=1)
        self.socket.connect((address, port))

    def who(self):
        try:
            self.socket.sendall(b"who?")
            return self.socket.recv(100).decode() or None
        except OSError:
            return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Guests:
    """Guests on all ports of the networks that are up, by the ports' names, each with a way to the host."""

    GATEWAYS = {"lab": "10.20.0.1", "two": "10.30.0.1", "flat": "10.40.0.1"}

    def __init__(self, host, tapnet):
        self.made = {}
        for network in tapnet.json("status")["networks"]:
            bridge = host.json("ip", "-j", "link", "show", network["bridge"])[0]["address"]
            for port in network["ports"]:
                guest = NamespaceGuest(host, port)
                self.made[port["name"]] = guest
                gateway = self.GATEWAYS.get(network["name"], "10.50.0.1")
                guest.netns.run("ip", "route", "add", "default", "via", gateway)
                if network["mode"] == "isolated":  # it finds the host's MAC out, whatever nobody tells it
                    guest.netns.run("ip", "neigh", "add", gateway, "lladdr", bridge, "dev", "eth0")
                serve(guest.netns, port["name"])

    def __getitem__(self, name):
        return self.made[name].netns

    def close(self):
        for guest in self.made.values():
            guest.close()


# ---- forged frames ----

def arrives(lab, sender, device, frames, guest, wanted):
    """Does any of the frames, sent by @device of @sender, make something that is wanted arrive at the guest?"""
    with Wire(sender, device) as wire, Wire(lab.guests[guest], "eth0") as end:
        end.drain()
        for frame in frames:
            wire.send(frame)
        return end.receive(wanted, timeout=0.5)


def syns(lab, device, sources, destination, port):
    mac = lab.host.json("ip", "-j", "link", "show", device)[0]["address"]
    return [Ether(dst=mac) / packet / TCP(sport=40000 + number, dport=port, seq=1, flags="S") for number, packet in
            enumerate(make(source, destination) for source in sources for make in (plain, source_routed))]


def plain(source, destination):
    return IP(src=source, dst=destination)


def source_routed(source, destination):
    return IP(src=source, dst=HOST, options=[IPOption_LSRR(routers=[destination])])


class Guest6:
    """A guest that is a namespace, with its port's addresses of both families, and the gateways' routes."""

    def __init__(self, host, port, length):
        self.netns = Netns("guest")
        self._relay = host.popen(sys.executable, RELAY, port["device"], self.netns.exec_path, port["mac"],
                                 stdout=subprocess.PIPE, text=True)
        assert self._relay.stdout.readline() == "plugged\n"
        self.netns.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0", "net.ipv6.conf.eth0.accept_ra=0")
        self.netns.run("ip", "link", "set", "eth0", "up")
        addresses = [address.split("/")[0] for address in port["addresses"]]
        for address in addresses:
            wide, more = (f"/{length}", ["nodad"]) if ":" in address else ("/24", [])
            self.netns.run("ip", "address", "add", address + wide, "dev", "eth0", *more)
        gateway = addresses[0].rsplit(".", 1)[0] + ".1"
        self.netns.run("ip", "route", "add", "default", "via", gateway)
        self.netns.run("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0")
        serve(self.netns, port["name"])

    def close(self):
        self._relay.kill()
        self._relay.wait()
        self._relay.stdout.close()
        self.netns.close()


def plug_all(host, tapnet, length=64):
    return {port["name"]: Guest6(host, port, length) for network in tapnet.json("status")["networks"]
            for port in network["ports"]}
