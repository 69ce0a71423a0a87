# SPDX-License-Identifier: MIT
"""Somebody tidies /run up while networks are up: the kernel tells the rest, and `down` still leaves no trace.

      host under test                                      outside
    +----------------------------------------------+     +-----------+
    |  lab-web ---- br-lab 10.20.0.1/24 --+        |     |           |
    |                                     +-- NAT -- eth0 -- DNS     |
    |  desk-a ----- br-desk 10.30.0.1/24 -+        |     |           |
    +----------------------------------------------+     +-----------+
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tapnet_test.processes import named
from tapnet_test.snapshot import assert_same, snapshot

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {} } } }\n"
DESK = "networks: { desk: { subnet: 10.30.0.1/24, ports: { a: {} } } }\n"
FORWARDING = "net.ipv4.conf.eth0.forwarding"


@pytest.fixture
def before(host, world, tapnet):
    return snapshot(host, run_dir=tapnet.run_dir)


@pytest.fixture
def lab(tapnet, before):
    return tapnet.file(LAB)


@pytest.fixture
def desk(tapnet, before):
    return tapnet.file(DESK, "desk.yaml")


def forwards(host):
    return host.run("sysctl", "-n", FORWARDING).stdout.strip() == "1"


def lose(tapnet):
    shutil.rmtree(tapnet.run_dir)


@pytest.mark.parametrize("which", ["lab", "--all"])
def test_down_without_the_run_directory_leaves_no_trace(host, tapnet, before, lab, which):
    tapnet("up", lab)
    lose(tapnet)
    assert forwards(host) and named(host, "tapnet-service")
    assert "nothing is left" in tapnet("down", which).stdout
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_one_set_goes_and_the_other_stays_as_it_is(host, tapnet, before, lab, desk):
    tapnet("up", lab)
    tapnet("up", desk)
    lose(tapnet)
    tapnet("down", "lab")
    assert forwards(host)
    assert "eth0" in host.run("nft", "list", "set", "inet", "tapnet", "closed").stdout
    assert named(host, "tapnet-service")  # desk's guests are served by the one that nobody can reach
    tapnet("down", "desk")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_up_starts_a_service_in_the_place_of_the_one_that_nobody_reaches(host, tapnet, before, lab):
    tapnet("up", lab)
    lost, = named(host, "tapnet-service")
    lose(tapnet)
    assert tapnet("status", check=False).returncode == 1
    tapnet("up", lab)
    found, = named(host, "tapnet-service")
    assert found != lost
    assert tapnet("status").returncode == 0
    tapnet("down", "lab")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_the_record_of_a_network_alone_is_missed_by_nobody(host, tapnet, before, lab, desk):
    tapnet("up", lab)
    tapnet("up", desk)
    record, = tapnet.run_dir.glob("*/networks/lab.json")
    record.unlink()
    tapnet("down", "lab")
    assert tapnet("status").returncode == 0
    tapnet("down", "desk")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


@pytest.mark.parametrize("which", ["lab", "--all"])
def test_what_nobody_can_know_is_said(host, tapnet, before, lab, which):
    """Without the tables, too, nothing tells that eth0 did not forward before us."""
    tapnet("up", lab)
    lose(tapnet)
    host.run("nft", "flush", "ruleset")
    failed = tapnet("down", which, check=False)
    assert failed.returncode == 1 and "nothing is left" not in failed.stdout
    assert f"`sysctl -w {FORWARDING}=0`" in failed.stderr
    host.run("sysctl", "-qw", f"{FORWARDING}=0")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_a_router_by_its_own_wish_stays_one(host, tapnet, lab):
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    before = snapshot(host, run_dir=tapnet.run_dir)
    tapnet("up", lab)
    lose(tapnet)
    tapnet("down", "lab")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_a_service_of_a_like_name_is_left_alone(host, tapnet, before, lab):
    """Whoever is called tapnet-service and listens elsewhere is not ours."""
    tapnet("up", lab)
    lose(tapnet)
    program = ("import ctypes, socket, sys, time\nctypes.CDLL(None).prctl(15, b'tapnet-service')\n"
               "made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\nmade.bind(sys.argv[1])\nmade.listen()\n"
               "print('ready', flush=True)\ntime.sleep(1000)\n")
    other = host.popen("/usr/bin/python3", "-c", program, host.tmp / "other.sock", stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "ready\n"
    tapnet("down", "lab")
    assert len(named(host, "tapnet-service")) == 1 and other.poll() is None
    other.kill()
    other.wait()
    Path(host.tmp / "other.sock").unlink()
