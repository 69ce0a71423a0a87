# SPDX-License-Identifier: MIT
"""Guests of IPv6 that are namespaces, and the networks they are plugged into."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import tapnet_test
from tapnet_test.netns import Netns
from tapnet_test.processes import named, wait_gone

RELAY = Path(tapnet_test.__file__).with_name("relay.py")


def sysctl(netns, name):
    return netns.run("sysctl", "-n", f"net.ipv6.conf.{name}").stdout.strip()


class Guest:
    """A guest that is a namespace, with no address yet but its link-local one."""

    def __init__(self, host, port):
        self.netns = Netns("guest")
        self.run = self.netns.run
        self._relay = host.popen(sys.executable, RELAY, port["device"], self.netns.exec_path, port["mac"],
                                 stdout=subprocess.PIPE, text=True)
        assert self._relay.stdout.readline() == "plugged\n"
        self.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0")

    def up(self, address=None, length=64):
        if address:
            self.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=0")
        self.run("ip", "link", "set", "eth0", "up")
        if address:
            self.run("ip", "-6", "address", "add", f"{address}/{length}", "dev", "eth0", "nodad")
            self.run("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0")
        return self

    def reaches(self, address, count=1, wait=2):
        return self.run("ping", "-6", "-c", str(count), "-W", str(wait), address, check=False).returncode == 0

    def close(self):
        self._relay.kill()
        self._relay.wait()
        self._relay.stdout.close()
        self.netns.close()


class Outside:
    def __init__(self, lab):
        self.run = lab.outside.run

    reaches = Guest.reaches


class Lab:
    """A network in a world of IPv6 (world6.py), and those who are plugged into it."""

    def __init__(self, world, tapnet, text, network="lab"):
        self.host, self.outside, self.tapnet, self.text, self.network = (world.host, world.outside, tapnet, text,
                                                                         network)
        self.made = []

    def up(self, text=None):
        self.file = self.tapnet.file(text or self.text)
        self.tapnet("up", self.file)
        self.ports = {port["name"]: port for port in self.tapnet.status(self.network)["ports"]}
        return self

    def guest(self, name):
        self.made.append(Guest(self.host, self.ports[name]))
        return self.made[-1]

    def close(self):
        for guest in self.made:
            guest.close()
        self.tapnet("down", "--all", check=False)


def addresses(guest):
    links = guest.netns.json("ip", "-j", "-6", "address", "show", "dev", "eth0", "scope", "global")
    return [info["local"] for link in links for info in link.get("addr_info", []) if "local" in info]


def dhclient(guest, *words):
    """ISC's client, once; what it wrote down of the answer."""
    leases = guest.netns.tmp / "leases"
    guest.run("dhclient", "-6", "-1", *words, "-lf", leases, "-pf", guest.netns.tmp / "pid", "-cf", "/dev/null",
              "-v", "eth0")
    guest.run("sh", "-c", f"kill -9 $(cat {guest.netns.tmp}/pid)", check=False)  # without giving the lease back
    return leases.read_text() if leases.exists() else ""


def dig(guest, *words):
    return guest.run("dig", "+short", "+tries=2", "+time=2", "@fd00:20::1", *words).stdout.split()


def make_older(host):
    """The host looks as before Linux 6.17: the one file that tells is another one. The rest of the kernel is real."""
    path = "/proc/sys/net/ipv6/conf/all/force_forwarding"
    if host.run("test", "-e", path, check=False).returncode:
        return
    if host.run("mount", "--bind", "/dev/null", path, check=False).returncode:
        pytest.skip("no right to mount over /proc")


def kill_service(host):
    service, = named(host, "tapnet-service")
    os.kill(service, signal.SIGKILL)
    wait_gone(service)
