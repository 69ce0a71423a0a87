# SPDX-License-Identifier: MIT
"""A service that lives and does nothing: stopped, hung, or taken over. Who notices, and what comes of it.

    [ this test ]--lab-web--+
                            br-lab (10.20.0.1/24)---[ host ]---uplink---[ outside ]     tapnet-keeper, tapnet-service
                 lab-db ----+
"""

import os
import signal
import time

import pytest
from tap_guest import Guest
from tapnet_test.build import Tapnet, brought_up
from tapnet_test.processes import named, wait_gone
from tapnet_test.service import in_netns
from tapnet_test.waiting import wait_for

MAC = "52:54:00:00:00:06"
LAB = f"networks: {{ lab: {{ subnet: 10.20.0.1/24, ports: {{ web: {{ mac: \"{MAC}\" }}, db: {{}} }} }} }}\n"
NOTICED = 5 + 3 + 2  # seconds: served.h's patience, a question's, and the next service's start


def up_without_a_trace(host, keeper):
    yield from brought_up(host, LAB, keeper)
    assert not named(host, "tapnet-service") and not (host.tmp / "run").exists()


@pytest.fixture
def kept(host, world):
    yield from up_without_a_trace(host, keeper=True)


@pytest.fixture
def alone(host, world):
    yield from up_without_a_trace(host, keeper=False)


def stop(host):
    service, = named(host, "tapnet-service")
    os.kill(service, signal.SIGSTOP)
    return service


def log(tapnet):
    return next(tapnet.run_dir.glob("*/keeper.log")).read_text("utf-8")


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def switches(pid):
    """How often the process was woken."""
    for line in open(f"/proc/{pid}/status", encoding="utf-8"):
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    raise AssertionError(pid)


def test_a_guests_request_has_the_keeper_replace_it(kept, host):
    """Nothing tells that it hangs until a guest wants something; the request is answered by the next service."""
    guest = in_netns(host, lambda: Guest("lab-web", MAC))
    wait_for(lambda: guest.discover(), 20, "an offer")
    service = stop(host)
    start = time.monotonic()
    offers = []
    while not offers:
        offers = guest.discover()
        assert time.monotonic() < start + 2 * NOTICED, log(kept)
    print(f"served again after {time.monotonic() - start:.1f} s")
    assert time.monotonic() < start + NOTICED, log(kept)
    wait_gone(service)
    assert "the service does not answer: another service takes over" in log(kept)
    wait_for(lambda: kept("status", check=False).returncode == 0, 5, "all is well")
    os.close(guest.fd)


def test_whoever_looks_at_it_has_the_keeper_replace_it(kept, host):
    """A change of the host, or a person's question."""
    service = stop(host)
    host.run("ip", "link", "set", "lab-db", "mtu", "1300")
    wait_for(lambda: named(host, "tapnet-service") not in ([service], []), NOTICED, "another service")
    wait_for(lambda: kept("status", check=False).returncode == 0, 5, "all is well")


def test_it_ends_by_the_pipe_that_it_lent(kept, host):
    """As under systemd, where the keeper has no starter: it may not signal the service, nor start another itself."""
    starter, = named(host, "tapnet-starter")
    os.kill(starter, signal.SIGKILL)
    service = stop(host)
    host.run("ip", "link", "set", "lab-db", "mtu", "1300")
    wait_gone(service, NOTICED)
    kept("up", kept.file(LAB))
    wait_for(lambda: kept("status", check=False).returncode == 0, 20, "all is well")


def test_nobody_is_asked_while_nobody_wants_anything(kept, host):
    """An idle host stays idle, once its three first router advertisements are sent, 16 seconds apart (RFC 4861)."""
    keeper, = named(host, "tapnet-keeper")
    service, = named(host, "tapnet-service")

    def nobody_is_woken():
        before = switches(keeper), switches(service)
        time.sleep(8)
        return (switches(keeper), switches(service)) == before

    wait_for(nobody_is_woken, 60, "neither process is woken")


def test_without_a_keeper_status_says_so_within_seconds(alone, host):
    service = stop(host)
    start = time.monotonic()
    told = alone("status", check=False)
    took = time.monotonic() - start
    os.kill(service, signal.SIGCONT)
    assert told.returncode == 1 and "the service does not answer" in told.stdout
    assert took < 4
    assert alone("status").returncode == 0


@pytest.mark.parametrize("words", (("up",), ("down", "--all")), ids=("up", "down"))
def test_without_a_keeper_the_next_command_ends_it(alone, host, words):
    service = stop(host)
    alone(*words, *((host.tmp / "lab.yaml",) if words == ("up",) else ()), timeout=60)
    assert service not in named(host, "tapnet-service")
    if words == ("up",):
        assert alone("status").returncode == 0


# What has code run inside the service can have it say: that all is well, and that it is process VICTIM.
LIAR = """#!/usr/bin/python3
import json, os, socket, sys
listening = socket.socket(fileno=int(sys.argv[sys.argv.index("--control") + 1]))
listening.setblocking(True)
if RELISTENS:
    listening.listen(8)
served = []
while True:
    line, _ = listening.accept()
    while request := line.recv(65536):
        served = [] if json.loads(request)["do"] == "stop" else ["lab"]
        line.send(json.dumps({"ok": True, "pid": VICTIM, "networks": served}).encode())
"""


@pytest.mark.parametrize("relistens", (True, False), ids=("as the service does", "and lets nobody know it"))
def test_a_service_that_names_another_process_has_it_not_killed(host, world, relistens):
    """`down` ends the service that served its last network: the one that the kernel names, not the one it claims."""
    victim = host.popen("sleep", "1000")
    text = LIAR.replace("VICTIM", str(victim.pid)).replace("RELISTENS", str(relistens))
    liar = host.write("bin/tapnet-service", text)
    liar.chmod(0o755)
    host.env["TAPNET_SERVICE"] = str(liar)
    tapnet = Tapnet(host)
    tapnet("up", tapnet.file(LAB))
    assert len(named(host, "tapnet-service")) == 1
    tapnet("down", "--all", timeout=60)
    assert victim.poll() is None
    assert named(host, "tapnet-service") == []  # a process of its name that holds its socket is ended, too
    assert not tapnet.run_dir.exists()


REFUSER = """#!/usr/bin/python3
import json, socket, sys
listening = socket.socket(fileno=int(sys.argv[sys.argv.index("--control") + 1]))
listening.setblocking(True)
while True:
    line, _ = listening.accept()
    while line.recv(65536):
        line.send(json.dumps({"ok": False, "code": -5, "error": "no \\x1b[2J\\x1b]0;root"}).encode())
"""


def test_what_a_service_gives_for_a_reason_can_not_steer_a_terminal(host, world):
    refuser = host.write("bin/tapnet-service", REFUSER)
    refuser.chmod(0o755)
    host.env["TAPNET_SERVICE"] = str(refuser)
    tapnet = Tapnet(host)
    told = tapnet("up", tapnet.file(LAB), check=False, timeout=60)
    assert told.returncode == 1 and "the service refuses: no reason that can be printed" in told.stderr
    assert "\x1b" not in told.stderr + told.stdout
    for service in named(host, "tapnet-service"):
        os.kill(service, signal.SIGKILL)
    tapnet("down", "--all")
    assert not tapnet.run_dir.exists()
