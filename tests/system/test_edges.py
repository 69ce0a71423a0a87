# SPDX-License-Identifier: MIT
"""What a user runs into at the edges: names, addresses and directories that are taken, full or somebody's.

      host under test                                      outside
    +----------------------------------------------+     +-----------+
    |  lab-web ---- br-lab 10.20.0.1/24 --+        |     |           |
    |                                     +-- NAT -- eth0 -- DNS     |
    |  desk-a ----- br-desk 10.30.0.1/24 -+        |     |           |
    +----------------------------------------------+     +-----------+
"""

import fcntl
import os
import subprocess
import sys
import time

import pytest

from tapnet_test.snapshot import assert_same, snapshot

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {} } } }\n"
DESK = "networks: { desk: { subnet: 10.30.0.1/24, ports: { a: {} } } }\n"

# A guest that holds a TAP until it is told to end.
HOLD = """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
print("held", flush=True)
sys.stdin.read()
"""


def is_refused(tapnet, file, *words):
    """`up` is a mistake of the file's, told with these words."""
    refused = tapnet("up", file, check=False)
    assert refused.returncode == 2, refused.stderr
    for word in words:
        assert word in refused.stderr, refused.stderr


# ---- names and addresses of others ----

@pytest.mark.parametrize("uplink", ["br-lab", "lab-web"])
def test_the_bridge_and_the_ports_of_another_set_are_no_uplink(world, tapnet, uplink):
    tapnet("up", tapnet.file(LAB))
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    file = tapnet.file(f"networks:\n  desk:\n    uplink: {uplink}\n    ports: {{ a: {{}} }}\n", "desk.yaml")
    is_refused(tapnet, file, "desk.yaml:3:13", f"uplink {uplink} is of network lab of set lab")
    assert_same(before, snapshot(world.host, run_dir=tapnet.run_dir))


def test_a_device_of_another_set_is_an_uplink(world, tapnet):
    """As a tunnel to a provider is."""
    tapnet("up", tapnet.file("devices: { tun1: { kind: tun, address: 192.168.3.11/24 } }\n", "vpn.yaml"))
    tapnet("up", tapnet.file("networks: { desk: { uplink: tun1, ports: { a: {} } } }\n", "desk.yaml"))
    tapnet("down", "--all")


@pytest.mark.parametrize("address,taken", [("192.0.2.77/24", "192.0.2.0/24"), ("192.0.0.1/16", "192.0.2.0/24"),
                                           ("10.77.0.1/24", "10.77.0.0/24"), ("10.77.1.1/16", "10.77.0.0/24")])
def test_a_devices_subnet_is_not_one_that_the_host_reaches_otherwise(world, tapnet, address, taken):
    world.host.run("ip", "route", "add", "10.77.0.0/24", "via", "192.0.2.1")
    is_refused(tapnet, tapnet.file(f"devices: {{ tun1: {{ kind: tun, address: {address} }} }}\n"),
               f"device tun1: address {address} would take {taken}")


@pytest.mark.parametrize("address", ["192.0.2.77/32", "192.0.2.129/25", "10.78.0.1/24"])
def test_a_devices_subnet_may_be_a_part_of_one_of_the_hosts(world, tapnet, address):
    world.host.run("ip", "route", "add", "10.0.0.0/8", "via", "192.0.2.1")
    file = tapnet.file(f"devices: {{ tun1: {{ kind: tun, address: {address} }} }}\n")
    tapnet("up", file)
    assert tapnet("plan", file).stdout == "nothing to do\n"  # its own route is no other's
    tapnet("down", "--all")


# ---- words ----

@pytest.mark.parametrize("operand", ["", "/", ".yaml"])
def test_down_of_nothing_is_a_mistake(host, tapnet, operand):
    refused = tapnet("down", operand, check=False)
    assert refused.returncode == 2 and "names no file and no set" in refused.stderr


# ---- the run directory ----

def test_a_run_directory_that_is_too_deep_is_told_before_anything_is_touched(world, tapnet):
    file = tapnet.file(LAB)
    deep = world.host.tmp / ("d" * 80)
    deep.mkdir()
    before = snapshot(world.host, run_dir=deep)
    for words in ("up", file), ("status",), ("down", "--all"):
        refused = world.host.run("env", f"TAPNET_RUN_DIR={deep}", tapnet.program, *words, check=False)
        assert refused.returncode == 1 and "too deep" in refused.stderr and "TAPNET_RUN_DIR" in refused.stderr
    assert_same(before, snapshot(world.host, run_dir=deep))


def test_a_run_directory_of_somebodys_stays(world, tapnet):
    tapnet.run_dir.mkdir(mode=0o700)
    tapnet("up", tapnet.file(LAB))
    tapnet("down", "lab")
    assert tapnet.run_dir.is_dir() and not list(tapnet.run_dir.iterdir())


def test_a_run_directory_that_up_made_goes(world, tapnet):
    tapnet("up", tapnet.file(LAB))
    assert tapnet.run_dir.is_dir()
    tapnet("down", "lab")
    assert not tapnet.run_dir.exists()


def test_a_full_run_directory_is_no_reason_not_to_go_down(world, tapnet):
    tapnet.run_dir.mkdir()
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    world.host.run("mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tapnet-test", tapnet.run_dir)
    tapnet("up", tapnet.file(LAB))
    world.host.run("sh", "-c", f"cat /dev/zero > {tapnet.run_dir}/filler", check=False)
    desk = tapnet("up", tapnet.file(DESK, "desk.yaml"), check=False)
    assert desk.returncode == 1 and "No space left" in desk.stderr  # nothing can be undone without a journal
    assert "nothing is left" in tapnet("down", "lab").stdout
    world.host.run("umount", tapnet.run_dir)
    assert_same(before, snapshot(world.host, run_dir=tapnet.run_dir))


# ---- whom one waits for, and whom one leaves without a network ----

def test_a_long_wait_names_who_is_waited_for(world, tapnet):
    file = tapnet.file(LAB)
    tapnet("up", file)
    lock, = tapnet.run_dir.glob("*/lock")
    with open(lock, encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = world.host.popen(tapnet.program, "down", "lab", stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True)
        assert waiting.stderr.readline() == f"tapnet: waiting for another tapnet, process {os.getpid()}\n"
    output, errors = waiting.communicate(timeout=20)
    assert "nothing is left" in output and errors == ""


def test_a_short_wait_says_nothing(world, tapnet):
    file = tapnet.file(LAB)
    tapnet("up", file)
    lock, = tapnet.run_dir.glob("*/lock")
    with open(lock, encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = world.host.popen(tapnet.program, "down", "lab", stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True)
        time.sleep(0.2)
    output, errors = waiting.communicate(timeout=20)
    assert "nothing is left" in output and errors == ""


def test_what_another_one_has_half_done_is_no_problem(world, tapnet):
    tapnet("up", "--no-keeper", tapnet.file(LAB))
    lock, = tapnet.run_dir.glob("*/lock")
    world.host.run("ip", "link", "set", "lab-web", "down")
    told = tapnet("status", check=False)
    assert told.returncode == 1 and "tap lab-web" in told.stdout
    with open(lock, encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        begin = time.monotonic()
        assert tapnet("status", check=False).stdout == told.stdout  # nobody waits for ever
        assert time.monotonic() - begin > 1
        waiting = world.host.popen(tapnet.program, "status", stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        world.host.run("ip", "link", "set", "lab-web", "up")
        assert waiting.wait(10) == 0


@pytest.mark.parametrize("edit", ["networks: { lab: { subnet: 10.20.0.1/24 } }\n", None], ids=["up", "down"])
def test_a_device_that_a_guest_holds_is_not_taken_without_a_word(world, tapnet, edit):
    tapnet("up", tapnet.file(LAB))
    guest = world.host.popen(sys.executable, "-c", HOLD, "lab-web", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             text=True)
    assert guest.stdout.readline() == "held\n"
    told = tapnet("up", tapnet.file(edit)) if edit else tapnet("down", "lab")
    name = os.path.basename(sys.executable)[:15]
    assert f"device lab-web is taken from {name} ({guest.pid}), which holds it" in told.stderr
    guest.communicate("")
    tapnet("down", "--all")


def test_a_device_that_nobody_holds_goes_without_a_word(world, tapnet):
    tapnet("up", tapnet.file(LAB))
    assert tapnet("down", "lab").stderr == ""
