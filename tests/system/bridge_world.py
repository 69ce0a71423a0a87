# SPDX-License-Identifier: MIT
"""What the tests of mode bridge share: what a host may have by its uplink, and a connection that must survive.

      host under test                                        outside
    +----------------------------------------------------+ +----------------------------+
    | its own addresses, routes: on eth0, then on br-lan  | |                            |
    |                             br-lan ──┬── eth0 ─────────── out0  192.0.2.1          |
    | guest vm1 ── lan-vm1 ────────────────┘              | |       2001:db8::1          |
    +----------------------------------------------------+ +----------------------------+
"""

import socket
import threading
import time

from tapnet_test.service import in_netns

LAN = "networks: { lan: { mode: bridge, uplink: eth0, ports: { vm1: {} } } }\n"
OUTSIDE, OUTSIDE6, FAR = "192.0.2.1", "2001:db8::1", "198.51.100.1"

_CARRIES = (
    "address add 192.0.2.3/24 dev eth0",
    "address add 192.0.2.66/28 brd + dev eth0 label eth0:1 noprefixroute metric 50",
    "address add 2001:db8::2/64 dev eth0 nodad",
    "address add 2001:db8::77/128 dev eth0 valid_lft 4000 preferred_lft 3000",
    "route add 192.0.2.64/28 dev eth0 proto kernel scope link src 192.0.2.66 metric 50",
    "route del default",
    f"route add default via {OUTSIDE} metric 100 mtu 1400 advmss 1300",
    f"route add default via {OUTSIDE} metric 200 proto dhcp src 192.0.2.3",
    f"route add 10.9.0.0/16 via {OUTSIDE} table 100 src 192.0.2.3",
    "route add 10.8.0.0/16 via 192.0.9.9 dev eth0 onlink",
    f"-6 route add default via {OUTSIDE6} metric 77 pref high",
    f"-6 route add 2001:db8:9::/48 via {OUTSIDE6} table 100",
    "neigh add proxy 192.0.2.98 dev eth0",
    "neigh add 192.0.2.99 lladdr 02:00:00:00:00:99 dev eth0 nud permanent",
)


def give_all(host, outside):
    """Gives the host's uplink what a host may have by one, besides an address and a default route."""
    outside.run("ip", "address", "add", f"{OUTSIDE6}/64", "dev", "out0", "nodad")
    for words in _CARRIES:
        host.run("ip", *words.split())
    host.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.eth0.log_martians=1")


def carried(host, device):
    """Addresses and routes of a device, as text."""
    addresses = [line.split(None, 2)[2].replace(f" {device}\\", " DEV\\")
                 for line in host.run("ip", "-o", "address", "show", "dev", device).stdout.splitlines()]
    routes = []
    for family in ("-4", "-6"):
        lines = host.run("ip", family, "route", "show", "table", "all", "dev", device).stdout.splitlines()
        routes += [" ".join(line.replace("linkdown", "").split()) for line in lines]
    return (sorted(address.split("valid_lft")[0] for address in addresses),
            sorted(route.split(" expires ")[0] for route in routes))


def is_home(host):
    """Has the uplink the host's address, and the host its default route by it?"""
    addresses = host.run("ip", "-4", "-o", "address", "show", "dev", "eth0").stdout
    return "192.0.2.2/24" in addresses and "default" in host.run("ip", "route", "show", "dev", "eth0").stdout


class Stream:
    """A TCP connection from the host to the outside, over which data goes all the time."""

    def __init__(self, host, outside):
        self._ended, self._closed, self._longest, self._last = threading.Event(), False, 0, time.monotonic()
        server = in_netns(outside, lambda: socket.create_server((OUTSIDE, 7777)))
        self._client = in_netns(host, lambda: socket.create_connection((OUTSIDE, 7777), timeout=20))
        self._server = server.accept()[0]
        server.close()
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        while not self._ended.is_set():
            self._client.sendall(b"x" * 10000)
            time.sleep(0.001)
        self._client.shutdown(socket.SHUT_WR)

    def _receive(self):
        while self._server.recv(65536):
            now = time.monotonic()
            self._longest, self._last = max(self._longest, now - self._last), now
        self._closed = True

    def pause(self):
        """Seconds of the longest pause since it was asked last."""
        longest, self._longest = max(self._longest, time.monotonic() - self._last), 0
        return longest

    def end(self):
        """Ends it; it must have lived until now."""
        self._ended.set()
        for thread in self._threads:
            thread.join(20)
        assert self._closed, "the connection was lost"
        self._client.close()
        self._server.close()
