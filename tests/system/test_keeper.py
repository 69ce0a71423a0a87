# SPDX-License-Identifier: MIT
"""The keeper puts back what others take away, may be killed, and is gone with the last set.

    [ web ]--lab-web--+
                      br-lab (10.20.0.1/24)---[ host ]---uplink---[ outside ]        tapnet-keeper, tapnet-service
    [ db  ]--lab-db---+
"""

import os
import signal
import time

import pytest
from tapnet_test.build import Tapnet

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {}, db: {} } } }\n"
SOON = 2  # seconds within which all must be well again


@pytest.fixture
def kept(host, world):
    """The lab is up, with a keeper at work."""
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB))
    wait_until(lambda: processes(host, "tapnet-starter") and len(processes(host, "tapnet-keeper")) == 1, "a keeper")
    return tapnet


def processes(netns, name):
    """Those of this namespace whose name is @name, but not the dead."""
    found = []
    for pid in netns.pids():
        try:
            words = open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0].split("(", 1)[1] == name and words[1].split()[0] != "Z":
            found.append(pid)
    return found


def wait_until(true, what):
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline, f"not within {SOON} s: {what}"
        time.sleep(0.005)


def is_well(tapnet):
    return tapnet("status", check=False).returncode == 0


def test_up_starts_one_and_down_ends_it(kept, host):
    kept("up", kept.file(LAB))
    wait_until(lambda: len(processes(host, "tapnet-keeper")) == 1, "a second up needs no second keeper")
    kept("down", "--all")
    assert not processes(host, "tapnet-keeper") and not processes(host, "tapnet-starter")
    assert not kept.run_dir.exists()


def test_it_holds_one_capability_and_its_starter_none(kept, host):
    keeper, = processes(host, "tapnet-keeper")
    status = open(f"/proc/{keeper}/status", encoding="utf-8").read()
    for kind in ("CapPrm", "CapEff", "CapBnd"):
        assert f"{kind}:\t{1 << 12:016x}\n" in status, "CAP_NET_ADMIN"
    assert "NoNewPrivs:\t1\n" in status
    starter, = processes(host, "tapnet-starter")
    assert "CapEff:\t0000000000000000\n" in open(f"/proc/{starter}/status", encoding="utf-8").read()


def test_what_others_take_away_comes_back(kept, host):
    for words in ("ip link del lab-web", "ip link del br-lab", "ip link set lab-db nomaster", "nft flush ruleset",
                  "ip address flush dev br-lab"):
        host.run(*words.split())
        wait_until(lambda: is_well(kept), f"{words} mended")
    log = next(kept.run_dir.glob("*/keeper.log")).read_text(encoding="utf-8")
    assert "put back tap lab-web" in log and "put back bridge br-lab" in log


def test_a_killed_service_serves_again(kept, host):
    service, = processes(host, "tapnet-service")
    os.kill(service, signal.SIGKILL)
    wait_until(lambda: processes(host, "tapnet-service") not in ([], [service]) and is_well(kept), "a new service")
    status = open(f"/proc/{processes(host, 'tapnet-service')[0]}/status", encoding="utf-8").read()
    assert "CapEff:\t0000000000000000\n" in status


def test_a_killed_keeper_is_replaced_by_the_next_up(kept, host):
    keeper, = processes(host, "tapnet-keeper")
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: not processes(host, "tapnet-starter"), "its starter ends with it")
    assert is_well(kept), "the network needs no keeper"
    kept("up", kept.file(LAB))
    wait_until(lambda: len(processes(host, "tapnet-keeper")) == 1, "another")


def test_down_leaves_nothing_of_a_killed_keeper(kept, host):
    keeper, = processes(host, "tapnet-keeper")
    os.kill(keeper, signal.SIGKILL)
    kept("down", "--all")
    assert not kept.run_dir.exists()


def test_it_gives_up_for_a_while_when_somebody_means_it(kept, host):
    """An address that is taken away again and again is left away, and the log says so."""
    log = next(kept.run_dir.glob("*/keeper.log"))
    deadline = time.monotonic() + 10
    while "somebody keeps undoing it" not in log.read_text(encoding="utf-8"):
        host.run("ip", "address", "flush", "dev", "br-lab")
        time.sleep(0.05)
        assert time.monotonic() < deadline
    assert not is_well(kept)
    time.sleep(1)
    wait_until(lambda: is_well(kept), "the next try")


def test_without_one_nothing_is_put_back(host, world):
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", "--no-keeper", tapnet.file(LAB))
    assert not processes(host, "tapnet-keeper")
    host.run("ip", "link", "del", "lab-web")
    assert not is_well(tapnet)
