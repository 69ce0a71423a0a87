# SPDX-License-Identifier: MIT
"""A host under test and an outside world, joined by a cable.

      host                                      outside
    +--------------------------+              +--------------------------------+
    | resolv.conf: 192.0.2.1   |              | web server      192.0.2.1:80   |
    | default via 192.0.2.1    |              | DNS server      192.0.2.1:53   |
    |                     eth0 +--------------+ out0                           |
    |             192.0.2.2/24 |              | 192.0.2.1/24    198.51.100.1   |
    +--------------------------+              +--------------------------------+
"""

import sys
import time
from pathlib import Path

from .netns import CommandFailed, Netns, join

HOST_ADDRESS = "192.0.2.2"
OUTSIDE_ADDRESS = "192.0.2.1"
FAR_ADDRESS = "198.51.100.1"  # an address outside that is not on the uplink's own subnet

# What the outside DNS server knows; a name that is not here does not exist (NXDOMAIN).
NAMES = {"outside.example": OUTSIDE_ADDRESS, "www.outside.example": FAR_ADDRESS}


class World:
    """The two namespaces and the servers outside. Use as a context manager, or call close()."""

    def __init__(self):
        self.host = Netns("host")
        try:
            self.outside = Netns("outside")
        except BaseException:
            self.host.close()
            raise
        try:
            self._connect()
            self.web = self._start_web()
            self.dns = self._start_dns()
            self._wait_for("web server", self.web, 80)
            self._wait_for("DNS server", self.dns, 53)
        except BaseException:
            self.close()
            raise

    def _connect(self):
        for netns in (self.host, self.outside):  # no address that is tentative now and another thing in a second
            netns.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
        join(self.host, "eth0", self.outside, "out0")
        self.host.run("ip", "address", "add", f"{HOST_ADDRESS}/24", "dev", "eth0")
        self.outside.run("ip", "address", "add", f"{OUTSIDE_ADDRESS}/24", "dev", "out0")
        self.outside.run("ip", "address", "add", f"{FAR_ADDRESS}/32", "dev", "lo")
        self.host.run("ip", "route", "add", "default", "via", OUTSIDE_ADDRESS)
        self.host.write("/etc/resolv.conf", f"nameserver {OUTSIDE_ADDRESS}\n")

    def _start_web(self):
        program = Path(__file__).with_name("webserver.py")
        return self.outside.popen(sys.executable, program, "0.0.0.0", 80, stderr=self._log("web"))

    def _start_dns(self):
        config = ["no-resolv", "no-hosts", "bind-interfaces", f"listen-address={OUTSIDE_ADDRESS}", "log-queries",
                  "pid-file=", "local=/#/"]
        config += [f"txt-record=long.outside.example,{digit * 200}" for digit in "0123456789"]  # too long for plain UDP
        config += [f"host-record={name},{address}" for name, address in NAMES.items()]
        path = self.outside.write("dnsmasq.conf", "\n".join(config) + "\n")
        return self.outside.popen("dnsmasq", "--no-daemon", f"--conf-file={path}", stderr=self._log("dns"))

    def _log(self, name):
        return open(self.outside.tmp / f"{name}.log", "w")

    def _wait_for(self, what, server, port, timeout=10):
        """Returns when the server listens on the TCP port."""
        deadline = time.monotonic() + timeout
        while not self.outside.run("ss", "-Hltn", f"sport = :{port}").stdout.strip():
            if server.poll() is not None or time.monotonic() > deadline:
                logs = "".join(path.read_text() for path in self.outside.tmp.glob("*.log"))
                raise CommandFailed(f"the outside {what} does not start\n{logs}")
            time.sleep(0.01)

    def dns_log(self):
        """What the outside DNS server was asked so far."""
        return (self.outside.tmp / "dns.log").read_text()

    def close(self):
        self.outside.close()
        self.host.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
