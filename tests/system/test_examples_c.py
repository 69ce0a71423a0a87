# SPDX-License-Identifier: MIT
"""The programs of examples/c, built by pkg-config against the library as it is installed, and run.

      host
    +----------------------------------------------------+
    |  ping 192.168.3.12 ──► tun0 192.168.3.11/24 ──► fd ──── ping-responder
    |  many flows        ──► tun0 10.9.0.1/24  ──► 4 fds ──── queue-counter
    +----------------------------------------------------+

      a                                                b
    +------------------+        switch        +------------------+
    |  tap0 10.7.0.1  ── fd ──────┬────── fd ── tap0 10.7.0.2    |
    +------------------+          fd          +------------------+
                                  │
                             c: tap0 10.7.0.3

      host: sh (fd 3) ── lab-vm1 ── br-lab 10.20.0.1/24        plug
"""

import os
import re
import shutil
import subprocess
import time

import pytest
from scapy.all import ARP, Ether, ICMP

from tapnet_test.build import SOURCE, build_dir, program, sanitized
from tapnet_test.listener import Listener

EXAMPLES = SOURCE / "examples/c"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The library in a directory of its own: the environment that finds it."""
    root = tmp_path_factory.mktemp("installed")
    if not os.access(build_dir() / "meson-logs", os.W_OK) or os.stat(build_dir()).st_uid != os.geteuid():
        pytest.skip("the build directory is another user's, and meson install writes its log there")
    subprocess.run(["meson", "install", "-C", build_dir(), "--no-rebuild", "--destdir", root], check=True,
                   capture_output=True)
    [pc] = root.rglob("tapnet.pc")
    return {**os.environ, "PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(root),
            "LD_LIBRARY_PATH": str(pc.parent.parent)}


def pkg_config(installed, *options):
    return subprocess.run(["pkg-config", *options, "tapnet"], env=installed, check=True, capture_output=True,
                          text=True).stdout.split()


@pytest.fixture(scope="module")
def build(installed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    # A sanitized library wants a program that is sanitized, too.
    sanitizers = ["-fsanitize=address,undefined"] if sanitized("libtapnet.so") else []

    def compile_one(name):
        subprocess.run(["cc", *sanitizers, "-Wall", "-Wextra", "-Werror", "-O2", "-pthread", "-o", folder / name,
                        EXAMPLES / f"{name}.c", *pkg_config(installed, "--cflags", "--libs")], check=True)
        return folder / name
    return compile_one


def start(host, installed, *words):
    child = host.popen(*words, env=installed, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return child, child.stdout.readline()


def test_ping_responder(host, build, installed):
    program = build("ping-responder")
    assert len((EXAMPLES / "ping-responder.c").read_text("utf-8").splitlines()) < 80
    _, line = start(host, installed, program, "192.168.3.11/24")
    assert line == "answering on tun0\n"
    ping = host.run("ping", "-c", "4", "-i", "0.2", "-W", "2", "192.168.3.12")
    assert "4 packets transmitted, 4 received, 0% packet loss" in ping.stdout
    large = host.run("ping", "-c", "1", "-W", "2", "-s", "1400", "192.168.3.77")
    assert "1408 bytes from 192.168.3.77" in large.stdout


def test_queue_counter(host, build, installed):
    child, line = start(host, installed, build("queue-counter"), 4, "10.9.0.1/24")
    assert line == "10.9.0.1/24 on tun0, 4 queues\n"
    for port in range(2000, 2040):  # flows that the kernel spreads over the queues
        host.run("bash", "-c", f"echo hello > /dev/udp/10.9.0.2/{port}")
    sent = host.json("ip", "-s", "-j", "link", "show", "tun0")[0]["stats64"]["tx"]["packets"]
    out, _ = child.communicate("", timeout=10)
    counts = [int(count) for count in re.findall(r"queue \d: (\d+) packets", out)]
    assert len(counts) == 4 and sum(counts) >= sent >= 40
    assert sum(count > 0 for count in counts) > 1


def test_plug(world, host, tapnet, build, installed):
    """A guest on a port of a network; the port goes with it."""
    tapnet("up", tapnet.file("networks: { lab: { subnet: 10.20.0.1/24 } }"))
    environment = {**installed, "TAPNET_SERVICE": str(program("tapnet-service"))}
    script = 'grep iff: /proc/self/fdinfo/3; echo "$GUEST_MAC"; read end; exit 7'
    child, line = start(host, environment, build("plug"), "lab", "sh", "-c", script)
    port, = tapnet.status("lab")["ports"]
    assert line == f"lab-vm1: {port['addresses'][0]}\n" and port["state"] == "plugged"
    assert child.stdout.readline() == "iff:\tlab-vm1\n" and child.stdout.readline() == f"{port['mac']}\n"
    child.communicate("\n", timeout=10)
    assert child.returncode == 7 and not tapnet.status("lab")["ports"]
    tapnet("down", "--all")


# ---- the switch ----

SEND = """
import hashlib, socket
listener = socket.create_server(("", 5001))
print("ready", flush=True)
connection, _ = listener.accept()
digest = hashlib.sha256()
for number in range(200):
    block = hashlib.shake_128(str(number).encode()).digest(1 << 17)
    digest.update(block)
    connection.sendall(block)
connection.close()
print(digest.hexdigest(), flush=True)"""
RECEIVE = """
import hashlib, socket
connection = socket.create_connection(("10.7.0.1", 5001), timeout=20)
digest = hashlib.sha256()
while data := connection.recv(1 << 20):
    digest.update(data)
print(digest.hexdigest())"""


class Switch:
    """The switch with a namespace on each port."""

    def __init__(self, program, installed, ends, *words):
        self.child = subprocess.Popen([program, *words, *(f"{end.name}/tap0" for end in ends)], env=installed,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == f"switching {len(ends)} ports\n"
        self.macs = []
        for number, end in enumerate(ends):
            end.run("ip", "address", "add", f"10.7.0.{number + 1}/24", "dev", "tap0")
            self.macs.append(end.json("ip", "-j", "link", "show", "tap0")[0]["address"])

    def table(self):
        """MAC to port, as the switch knows it."""
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        lines = iter(self.child.stdout.readline, "end of table\n")
        return {line.split()[0]: int(re.search(r"port (\d+)", line)[1]) for line in lines}


@pytest.fixture
def switch(make_netns, build, installed):
    made = []

    def start(*words):
        ends = [make_netns(name) for name in "abc"]
        made.append(Switch(build("switch"), installed, ends, *words))
        return (made[-1], *ends)
    yield start
    for one in made:
        one.child.kill()
        one.child.communicate()


def traffic(end, direction):
    return end.json("ip", "-s", "-j", "link", "show", "tap0")[0]["stats64"][direction]


def test_a_switch_learns_who_is_where(switch):
    made, a, b, c = switch()
    spy = Listener(c, "tap0")
    assert "3 received" in a.run("ping", "-c", "3", "-i", "0.2", "10.7.0.2").stdout
    table = made.table()
    assert [table.get(mac) for mac in made.macs[:2]] == [0, 1]
    seen = [Ether(data) for _, data in spy.end()]
    assert any(ARP in frame and frame[ARP].pdst == "10.7.0.2" for frame in seen)
    assert not any(ICMP in frame for frame in seen)
    assert "1 received" in b.run("ping", "-c", "1", "10.7.0.3").stdout
    assert made.table()[made.macs[2]] == 2


def test_large_packets_go_through_a_switch_in_one_piece(switch):
    _, a, b, _ = switch()
    sender = a.popen("/usr/bin/python3", "-c", SEND, stdout=subprocess.PIPE, text=True)
    assert sender.stdout.readline() == "ready\n"
    before = traffic(b, "rx")
    assert b.run("/usr/bin/python3", "-c", RECEIVE, timeout=60).stdout == sender.stdout.readline()
    after = traffic(b, "rx")
    packets, size = (after[key] - before[key] for key in ("packets", "bytes"))
    assert size > 200 << 17 and size / packets > 5000, f"{size} bytes in {packets} packets of an MTU of 1500"


def test_a_switch_forgets_and_never_grows(switch):
    made, a, b, _ = switch("-a", "1")
    assert "1 received" in a.run("ping", "-c", "1", "10.7.0.2").stdout
    a.run("/usr/bin/python3", "-c", """
import socket
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("tap0", 0))
for number in range(20000):
    raw.send(bytes(6) + b"\\x02" + number.to_bytes(5, "big") + b"\\x88\\xb5" + bytes(46))""")
    table = made.table()
    assert 1000 < len(table) <= 4096
    assert "1 received" in b.run("ping", "-c", "1", "10.7.0.1").stdout  # whoever made up MACs stops nobody
    for end in (a, b):
        end.run("ip", "link", "set", "tap0", "down")
    time.sleep(3)
    assert not [mac for mac in made.table() if mac.startswith("02:00")]


@pytest.mark.parametrize("compiler", ["cc -std=c99 -pedantic -x c", "cc -std=c17 -pedantic -x c", "c++ -x c++"])
def test_the_headers_stand_alone(installed, tmp_path, compiler):
    """Each public header compiles by itself, in C and in C++."""
    words = compiler.split()
    if not shutil.which(words[0]):
        pytest.skip(f"{words[0]} is not installed")
    for header in sorted((SOURCE / "include/tapnet").glob("*.h")):
        source = tmp_path / "one.c"
        source.write_text(f"#include <tapnet/{header.name}>\n#include <tapnet/{header.name}>\n")
        done = subprocess.run([*words, "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                               *pkg_config(installed, "--cflags"), source], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
