# SPDX-License-Identifier: MIT
"""The whole job with two real guests, for the demo and for tests/guest: one network up, used, and down again.

      host                                             outside
    +----------------------------------------------+  +------------------------+
    |  guest web -- lab-web --+                    |  |                        |
    |                         +-- br-lab -- NAT -- eth0 -- 192.0.2.1           |
    |  guest db --- lab-db ---+   10.20.0.1        |  |  web server, DNS       |
    |                                    192.0.2.2 |  |  198.51.100.1          |
    +----------------------------------------------+  +------------------------+

Each function named in CHECKS is one check: it raises AssertionError when it does not hold; its docstring is its line in
the demo's table.
"""

import subprocess
from pathlib import Path

from .build import SOURCE, Tapnet
from .guest import Guest
from .snapshot import diff, snapshot
from .world import FAR_ADDRESS, HOST_ADDRESS, OUTSIDE_ADDRESS, World

LAB_FILE = SOURCE / "examples" / "lab.yaml"
GUESTS = ("web", "db")
SUBNET = "10.20.0.0/24"
GATEWAY = "10.20.0.1"


class Lab:
    """The picture above. The phases are called in their order; close() ends whatever was begun."""

    def __init__(self):
        self.world = World()
        self.host = self.world.host
        self.tapnet = Tapnet(self.host)
        self.file = self.tapnet.file(Path(LAB_FILE).read_text())
        self.guests = {}
        self.before = snapshot(self.host, [SUBNET], self.tapnet.run_dir)

    def up(self):
        """tapnet up; returns what it printed."""
        return self.tapnet("up", self.file).stdout

    def boot(self):
        """Starts a guest on each port, all at once, and waits until each has its address."""
        for name in GUESTS:
            port = self.port(name)
            self.guests[name] = Guest(self.host, port["device"], name, port["mac"])
        for guest in self.guests.values():
            guest.wait_for_lease()

    def port(self, name):
        """One port out of `tapnet status --json`."""
        return next(port for port in self.tapnet.status("lab")["ports"] if port["name"] == name)

    def address(self, name):
        return self.port(name)["addresses"][0]

    def power_off(self):
        for guest in self.guests.values():
            guest.close()
        self.guests.clear()

    def down(self):
        """tapnet down; returns what it printed."""
        return self.tapnet("down", self.file).stdout

    def traces(self):
        """What is not as it was before up; empty when nothing is left."""
        return diff(self.before, snapshot(self.host, [SUBNET], self.tapnet.run_dir))

    def close(self):
        self.power_off()
        self.world.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _others():
    return zip(GUESTS, reversed(GUESTS))


def addresses_by_dhcp(lab):
    """each guest got its port's address, gateway and resolver by DHCP"""
    for name, guest in lab.guests.items():
        lease = guest.lease()
        assert lease["ip"] == lab.address(name), lease
        assert lease["router"] == GATEWAY and lease["dns"] == GATEWAY, lease
        assert f"inet {lab.address(name)}/24 " in guest.out("ip address show eth0")
        assert f"default via {GATEWAY} dev eth0" in guest.out("ip route")
        assert f"nameserver {GATEWAY}" in guest.out("cat /etc/resolv.conf")


def names_of_each_other(lab):
    """the guests find each other by name, forward and reverse"""
    for name, other in _others():
        for question in (other, f"{other}.lab"):
            assert f"Address: {lab.address(other)}" in lab.guests[name].out(f"nslookup -type=a {question}"), question
        reverse = lab.guests[name].out(f"nslookup {lab.address(other)}")
        assert f"name = {other}.lab" in reverse, f"the name of {lab.address(other)}: {reverse.splitlines()[-1]}"


def names_of_the_outside(lab):
    """the guests resolve an outside name, and learn that another does not exist"""
    for guest in lab.guests.values():
        assert f"Address: {OUTSIDE_ADDRESS}" in guest.out("nslookup -type=a outside.example")
        assert "NXDOMAIN" in guest.sh("nslookup -type=a nowhere.example").output


def ping_each_other(lab):
    """the guests ping each other by name"""
    for name, other in _others():  # by IPv6 as soon as both have an address of it
        said = lab.guests[name].out(f"ping -c 2 -W 3 {other}")
        assert ", 0% packet loss" in said, said


def ping_the_host(lab):
    """the guests ping the host"""
    for guest in lab.guests.values():
        guest.out(f"ping -c 2 -W 3 {GATEWAY}")


def page_through_nat(lab):
    """the guests fetch a page from outside, which sees the host's address"""
    for guest in lab.guests.values():
        for site in ("outside.example", "www.outside.example"):
            assert guest.out(f"timeout 10 wget -q -O - http://{site}/") == f"hello from outside, {HOST_ADDRESS}"


def ping_the_outside(lab):
    """the guests ping the outside"""
    for guest in lab.guests.values():
        guest.out(f"ping -c 1 -W 3 {FAR_ADDRESS}")


def outside_stays_out(lab):
    """the outside cannot reach a guest, though it knows the way; the host can"""
    web = lab.address("web")
    lab.guests["web"].sh("mkdir -p /tmp/www; echo hello from web >/tmp/www/index.html; httpd -h /tmp/www -p 80")
    page = ("curl", "--silent", "--max-time", "2", f"http://{web}/")
    assert lab.host.run(*page).stdout == "hello from web\n"
    lab.world.outside.run("ip", "route", "replace", SUBNET, "via", HOST_ADDRESS)
    try:
        assert lab.world.outside.run(*page, check=False).returncode == 28  # no answer, not even a refusal
        assert lab.world.outside.run("ping", "-c", "1", "-W", "1", web, check=False).returncode == 1
    finally:
        lab.world.outside.run("ip", "route", "del", SUBNET)


def services_of_the_host_stay_closed(lab):
    """a guest cannot reach a service of the host, at any of its addresses"""
    program = Path(__file__).with_name("webserver.py")
    server = lab.host.popen("/usr/bin/python3", program, "0.0.0.0", 8080, stderr=subprocess.DEVNULL)
    try:
        page = ("curl", "--silent", "--max-time", "2", "--retry", "20", "--retry-connrefused", "--retry-delay", "0")
        lab.host.run(*page, f"http://{GATEWAY}:8080/")  # the host itself does
        lab.world.outside.run(*page, f"http://{HOST_ADDRESS}:8080/")  # and who is not a guest does
        for address in (GATEWAY, HOST_ADDRESS):
            answer = lab.guests["web"].sh(f"timeout 2 wget -q -O - http://{address}:8080/")
            assert answer.rc != 0 and "hello" not in answer.output, f"{address}:8080 answered"
    finally:
        server.kill()
        server.wait()


def nobody_takes_anothers_address(lab):
    """a guest that takes its neighbour's address is not heard"""
    web, stolen = lab.guests["web"], lab.address("db")
    ping = f"ping -c 1 -W 2 -I {stolen} {GATEWAY}"
    web.out(f"ip address add {stolen}/24 dev eth0")
    try:
        assert web.sh(ping).rc != 0
    finally:
        web.out(f"ip address del {stolen}/24 dev eth0")
    lab.guests["db"].out(ping)  # its owner still is


def status_knows_who(lab):
    """tapnet status says that all is well, and who is plugged in"""
    status = lab.tapnet.json("status")
    assert status["problems"] == []
    for name, guest in lab.guests.items():
        port = lab.port(name)
        assert port["state"] == "plugged", port
        assert port["holder"]["pid"] == guest.pid and "qemu" in port["holder"]["command"], port
        assert port["rx_bytes"] > 0 and port["tx_bytes"] > 0, port
    assert "qemu" in lab.tapnet("status").stdout


CHECKS = [addresses_by_dhcp, names_of_each_other, names_of_the_outside, ping_each_other, ping_the_host,
          page_through_nat, ping_the_outside, outside_stays_out, services_of_the_host_stay_closed,
          nobody_takes_anothers_address, status_knows_who]
