# SPDX-License-Identifier: MIT
"""`tapnet status --watch`: what happens is a line at once, by the kernel's own word.

      host under test
    +------------------------------------------------+
    |  web -- lab-web --+                            |
    |                   +-- br-lab 10.20.0.1         |
    |  db --- lab-db ---+                            |
    |         tun1         192.168.3.11              |
    +------------------------------------------------+
"""

import json
import os
import re
import signal
import subprocess
import time

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from tap_guest import Guest
from tapnet_test.build import Tapnet
from tapnet_test.service import in_netns
from tapnet_test.waiting import readable, wait_for

MAC = "52:54:00:00:00:06"
LAB = f"""
networks:
  lab:
    mode: isolated
    subnet: 10.20.0.1/24
    ports:
      web: {{ address: 10.20.0.6, mac: "{MAC}" }}
      db: {{ address: 10.20.0.7 }}
devices:
  tun1: {{ kind: tun, address: 192.168.3.11/24 }}
"""
NEVER = "1000"  # seconds between two looks without a reason


class Changes:
    """What a `tapnet status --watch --json` tells."""

    def __init__(self, host, tapnet, *words):
        self.child = host.popen(tapnet.program, "status", "--watch", "--json", *words, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, bufsize=0)
        self.told, self.rest = [], b""
        self.begin = self.next()

    def next(self):
        while b"\n" not in self.rest:
            assert readable([self.child.stdout], 20), f"nothing more after {self.told}"
            data = os.read(self.child.stdout.fileno(), 65536)
            assert data, f"it ended after {self.told}"
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        line = json.loads(line)
        assert line["version"] == 1 and abs(line["time"] - time.time()) < 60
        return line

    def until(self, kind, **fields):
        """The next change of that kind; the ones before it are in self.told."""
        while True:
            change = self.next()
            self.told.append(change)
            if change["kind"] == kind and all(change.get(name) == value for name, value in fields.items()):
                return change

    def close(self):
        self.child.kill()
        self.child.communicate()


def comm(pid):
    with open(f"/proc/{pid}/comm", encoding="ascii") as file:
        return file.read().strip()


@pytest.fixture
def up(tapnet):
    tapnet("up", tapnet.file(LAB))
    yield
    tapnet("down", "--all", check=False)


@pytest.fixture
def watch(host, tapnet):
    started = []

    def start(*words):
        started.append(Changes(host, tapnet, *words))
        return started[-1]
    yield start
    for changes in started:
        changes.close()


def test_what_the_kernel_tells_is_a_line_at_once(host, tapnet, up, watch):
    """No look is made but for an event."""
    changes = watch("--interval", NEVER)
    assert changes.begin["kind"] == "status"
    assert changes.begin["status"]["networks"][0]["ports"] == tapnet.status("lab")["ports"]
    guest = in_netns(host, lambda: Guest("lab-web", MAC))
    plugged = changes.until("plugged")
    assert (plugged["network"], plugged["port"], plugged["device"]) == ("lab", "web", "lab-web")
    assert plugged["text"].endswith(f"({os.getpid()})")
    os.close(guest.fd)
    assert changes.until("unplugged")["port"] == "web"
    tapnet("attach", "lab/extra")
    assert changes.until("added")["device"] == "lab-extra"
    tapnet("detach", "lab/extra")
    changes.until("removed", port="extra")
    host.run("ip", "link", "del", "lab-db")
    changes.until("state", port="db", text="missing")
    changes.until("problem", text="tap lab-db is missing")
    tapnet("up", tapnet.file(LAB))
    changes.until("mended", text="tap lab-db is missing")
    tapnet("up", tapnet.file("networks: { two: { mode: isolated, ports: { far: {} } } }", "two.yaml"))
    changes.until("up", network="two")
    tapnet("down", "two")
    changes.until("down", network="two")
    told = [change.get("text") for change in changes.told if change["kind"] in ("problem", "dropped")]
    assert told == ["tap lab-db is missing"], "what another tapnet has half done is no news"


def test_counters_are_looked_at_now_and_then(host, tapnet, up, watch):
    changes = watch("lab", "--interval", "0.3")
    guest = in_netns(host, lambda: Guest("lab-web", MAC))
    changes.until("plugged", port="web")
    wait_for(lambda: "forwarding" in host.run("bridge", "link", "show", "dev", "lab-web").stdout, why="no forwarding")
    for _ in range(10):
        guest.send(Ether(src="52:54:00:00:00:99", dst="ff:ff:ff:ff:ff:ff") / IP() / UDP())
    assert changes.until("refused")["text"] == "52:54:00:00:00:99"
    count = 0
    while count < 10:
        change = changes.until("dropped", port="web", text="frames")
        count += change["count"]
    assert count == 10 == next(port for port in tapnet.status("lab")["ports"] if port["name"] == "web")["blocked"]
    os.close(guest.fd)
    other = in_netns(host, lambda: Guest("lab-db", "52:54:00:00:00:55"))
    changes.until("plugged", port="db")
    wait_for(lambda: "forwarding" in host.run("bridge", "link", "show", "dev", "lab-db").stdout, why="no forwarding")
    other.send(Ether(src="52:54:00:00:00:55", dst="ff:ff:ff:ff:ff:ff") / IP(src="10.20.0.7") / UDP())
    assert changes.until("mac", port="db")["text"] == "52:54:00:00:00:55"
    os.close(other.fd)


def take_lease(guest, address):
    """Asks again while its cable is not plugged in yet."""
    wait_for(lambda: guest.lease(address, 1), 20, "no lease")


def test_a_lease_is_a_line_at_once(host, tapnet, up, watch):
    """The service tells of it, also the next one, after its end."""
    changes = watch("--interval", NEVER)
    assert changes.begin["status"]["networks"][0]["ports"][1]["leased"] is None
    guest = in_netns(host, lambda: Guest("lab-web", MAC))
    before = time.time()
    take_lease(guest, "10.20.0.6")
    assert changes.until("lease")["text"] == "10.20.0.6" and changes.told[-1]["port"] == "web"
    web = next(port for port in tapnet.status("lab")["ports"] if port["name"] == "web")
    assert before - 1 < web["leased"] < time.time() + 1 and web["leased6"] is None
    assert guest.lease("10.20.0.66", 0.5) is None, "another's address is refused, and no lease"
    os.kill(next(pid for pid in host.pids() if comm(pid) == "tapnet-service"), signal.SIGKILL)
    tapnet("up", tapnet.file(LAB))
    take_lease(guest, "10.20.0.6")
    assert changes.until("lease")["text"] == "10.20.0.6"
    os.close(guest.fd)


def test_a_tenth_watcher_sees_leases_at_its_own_looks(host, tapnet, up, watch):
    """The service tells eight."""
    told = [watch("--interval", NEVER) for _ in range(8)]
    others = [watch("--interval", "0.5") for _ in range(2)]
    guest = in_netns(host, lambda: Guest("lab-web", MAC))
    take_lease(guest, "10.20.0.6")
    for changes in told + others:
        assert changes.until("lease")["port"] == "web"
    told.pop().close()
    told.append(watch("--interval", NEVER))
    take_lease(guest, "10.20.0.6")
    assert told[-1].until("lease")["port"] == "web", "who comes in the place of one that has gone"
    os.close(guest.fd)


def test_hundreds_of_leases(host, tapnet):
    """More than the service says in one go."""
    names = [f"{number:x<60}" for number in range(500)]
    network = "n" * 63
    tapnet("up", tapnet.file(f"networks: {{ {network}: {{ mode: isolated, subnet: 10.20.0.1/22, ports: {{ " +
                             ", ".join(f'"{name}": {{}}' for name in names) + " } } }"))
    ports = tapnet.status(network)["ports"]
    guests = in_netns(host, lambda: [Guest(port["device"], port["mac"]) for port in ports])
    for guest, port in zip(guests, ports):
        take_lease(guest, port["addresses"][0])
    assert all(port["leased"] for port in tapnet.status(network)["ports"])
    for guest in guests:
        os.close(guest.fd)
    tapnet("down", "--all")


def test_a_service_that_dies_is_told(host, tapnet, up, watch):
    changes = watch("--interval", "0.3")
    for pid in host.pids():
        if comm(pid) == "tapnet-service":
            os.kill(pid, signal.SIGKILL)
    changes.until("unserved", network="lab")


def test_a_keeper_is_told_of(host, up, watch):
    tapnet = Tapnet(host, keeper=True)
    changes = watch("--interval", "0.5")
    tapnet("up", tapnet.file(LAB))
    assert changes.until("keeper")["count"] == tapnet.json("status")["keeper"]["pid"]
    os.kill(tapnet.json("status")["keeper"]["pid"], signal.SIGKILL)
    assert changes.until("keeper")["count"] == 0


def test_it_ends_with_what_was_named(host, tapnet, up, watch):
    changes = watch("lab", "--interval", NEVER)
    tapnet("down", "--all")
    changes.until("down", network="lab")
    assert changes.child.wait(20) == 0 and changes.child.stderr.read() == b""


def test_lines_for_people(host, tapnet, up):
    child = host.popen(tapnet.program, "status", "--watch", "--interval", NEVER, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "watching 1 network; Ctrl-C ends\n"
    guest = in_netns(host, lambda: Guest("lab-web", MAC))
    assert re.fullmatch(rf"\d\d:\d\d:\d\d lab/web plugged: \S+ \({os.getpid()}\)\n", child.stdout.readline())
    os.close(guest.fd)
    assert re.fullmatch(r"\d\d:\d\d:\d\d lab/web unplugged: free\n", child.stdout.readline())
    child.kill()
    child.communicate()


def test_a_reader_who_has_enough_ends_it(host, tapnet, up):
    done = host.run("sh", "-c", f"{tapnet.program} status --watch --json --interval {NEVER} | head -c 1")
    assert done.stdout == "{" and done.stderr == ""


@pytest.mark.parametrize("words, said", [
    (["--interval", "1"], "--interval is of --watch"), (["--watch", "--guest", "web"], "only one of them"),
    (["--watch", "--interval", "no"], "--interval is a number of seconds"), (["--watch", "nosuch"], "up is"),
])
def test_mistakes_are_told(host, tapnet, up, words, said):
    done = tapnet("status", *words, check=False)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""
