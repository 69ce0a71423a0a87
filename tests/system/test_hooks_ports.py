# SPDX-License-Identifier: MIT
"""Hooks of ports: programs of the file that run when a guest is plugged in and when it has gone, in order and in pairs,
a few at a time, whoever holds the TAP; and the process that runs them, which may be killed, and is gone with the last
network that has any.

      [ guest ]--lab-web--+                      lab.yaml: hooks: { plugged: ..., unplugged: ... }
                          +-- br-lab   tapnet-hooks ----> /etc/tapnet/lab-plugged, /etc/tapnet/lab-unplugged
      [ guest ]--lab-db---+                                                      (the test's own /etc)
"""

import fcntl
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest

import hooks_lab
from hooks_lab import FILE, TELL, programs, tapnets
from tap_guest import IFF_TAP_NO_PI, TUNSETIFF
from tapnet_test.build import SOURCE
from tapnet_test.cni import Runtime
from tapnet_test.processes import named, wait_gone
from tapnet_test.service import in_netns
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for

HOOKS = "{ plugged: /etc/tapnet/lab-plugged, unplugged: /etc/tapnet/lab-unplugged }"
LAB = f"""
networks:
  lab:
    subnet: 10.20.0.1/24
    hooks: {HOOKS}
    ports: {{ web: {{ address: 10.20.0.7, mac: "52:54:00:00:00:07" }}, db: {{}} }}
"""
BARE = LAB.replace(f"    hooks: {HOOKS}\n", "")
BRIEF = TELL + 'echo "$TAPNET_EVENT $TAPNET_PORT"\n'
MISSING = "the hooks of ports do not run: tapnet-hooks, which runs them, is not there"
GONE = f"{MISSING}; `tapnet up` starts it"


@pytest.fixture
def tapnet(host, world):
    yield from tapnets(host)


@pytest.fixture
def program(host):
    return programs(host, BRIEF, "lab-plugged", "lab-unplugged")


def bring_up(tapnet, host, text=LAB, **kw):
    return hooks_lab.bring_up(tapnet, host, text, **kw)


def said(host):
    return host.run("cat", "/etc/tapnet/said", check=False).stdout.splitlines()


def wait_said(host, *lines, seconds=20):
    wait_for(lambda: said(host) == list(lines), seconds, lambda: f"{said(host)} is not {list(lines)}")


def plug(host, device):
    """A guest: whoever holds the descriptor."""
    def hold():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP_NO_PI))
        return fd
    return in_netns(host, hold)


def let_look(tapnet):
    """Returns when it has looked at the host."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hooks:
        hooks.settimeout(20)
        hooks.connect(str(next(tapnet.run_dir.glob("*/hooks.sock"))))
        hooks.send(b'{"do":"look"}')
        assert b'"ok":true' in hooks.recv(4096)


# ---- who comes and goes ----

def test_what_it_is_told_and_nothing_else(tapnet, host, program):
    program("lab-plugged", TELL + "env | sort; exec ls -l /proc/self/fd\n")
    host.env["EVIL"] = host.env["LD_LIBRARY_PATH"] = "/tmp"
    bring_up(tapnet, host)
    guest = plug(host, "lab-web")
    wait_for(lambda: any("total 0" in line for line in said(host)) and len(said(host)) > 18, 20, lambda: said(host))
    told = dict(line.split("=", 1) for line in said(host) if "=" in line)
    status = tapnet.status("lab")
    web = next(port for port in status["ports"] if port["name"] == "web")
    assert {name: value for name, value in told.items() if name not in ("PWD", "_", "SHLVL", "OLDPWD")} == {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TAPNET_EVENT": "plugged", "TAPNET_SET": "lab",
        "TAPNET_NETWORK": "lab", "TAPNET_MODE": "nat", "TAPNET_BRIDGE": "br-lab", "TAPNET_UPLINK": "eth0",
        "TAPNET_UPLINK6": "", "TAPNET_SUBNET": "10.20.0.1/24", "TAPNET_SUBNET6": status["subnets"][1],
        "TAPNET_PORT": "web", "TAPNET_DEVICE": "lab-web", "TAPNET_MAC": "52:54:00:00:00:07",
        "TAPNET_ADDRESS": "10.20.0.7", "TAPNET_ADDRESS6": web["addresses"][1]}
    held = [line.split(" -> ")[1] for line in said(host) if " -> " in line]
    assert sorted(held)[:2] == ["/dev/null", "/dev/null"] and held[1].endswith("/said") and len(held) == 4, held
    os.close(guest)
    wait_for(lambda: said(host)[-1] == "unplugged web", 20, lambda: said(host))


def test_it_has_all_rights_and_who_runs_it_few(tapnet, host, program):
    program("lab-plugged", TELL + "exec grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status\n")
    bring_up(tapnet, host)
    guest = plug(host, "lab-web")
    wait_for(lambda: len(said(host)) == 3, 20, lambda: said(host))
    effective, bounding, no_new = (line.split()[1] for line in said(host))
    assert effective == bounding and no_new == "0"
    resident, = named(host, "tapnet-hooks")
    own = open(f"/proc/{resident}/status", encoding="utf-8").read()
    assert re.search(r"CapEff:\s(\w+)", own)[1] == f"{1 << 12 | 1 << 5:016x}", "CAP_NET_ADMIN, CAP_KILL"
    os.close(guest)


def test_a_command_with_a_port(tapnet, host, program):
    """`run` makes the port, opens it, hands it to the command and takes it away: one guest, whoever held it."""
    bring_up(tapnet, host)
    tapnet("run", "-q", "lab/job", "--", "sh", "-c", "sleep 0.5", "sh", "{fd}")
    wait_said(host, "plugged job", "unplugged job")


def test_a_port_of_the_pool(tapnet, host, program):
    """Nobody's, while the keeper has it ready."""
    host.env["TAPNET_KEEPER"] = "on"
    bring_up(tapnet, host, LAB.replace("    hooks", "    pool: 3\n    hooks"))
    wait_for(lambda: sum(port["state"] == "ready" for port in tapnet.status("lab")["ports"]) == 3, 20, "three ready")
    let_look(tapnet)
    assert said(host) == []
    job = host.popen(tapnet.program, "run", "-q", "lab", "--", "sh", "-c", "exec sleep 4711", "sh", "{fd}")
    wait_for(lambda: len(said(host)) == 1, 20, lambda: said(host))
    job.terminate()
    job.wait()
    name = said(host)[0].split()[1]
    wait_said(host, f"plugged {name}", f"unplugged {name}")
    tapnet("down", "--all")
    assert said(host) == [f"plugged {name}", f"unplugged {name}"]


def test_who_hands_it_on_is_the_same_guest(tapnet, host, program):
    """As libvirt does to QEMU, and QEMU to itself when it becomes a daemon. The next one is another, however fast."""
    bring_up(tapnet, host)
    guest = plug(host, "lab-web")
    wait_said(host, "plugged web")
    heir = subprocess.Popen(["sleep", "4711"], pass_fds=[guest])
    os.close(guest)
    host.run("ip", "link", "set", "lab-db", "mtu", "1400")  # something to look for
    let_look(tapnet)
    assert said(host) == ["plugged web"]
    heir.kill()
    heir.wait()
    guest = plug(host, "lab-web")
    wait_said(host, "plugged web", "unplugged web", "plugged web")
    os.close(guest)
    wait_said(host, "plugged web", "unplugged web", "plugged web", "unplugged web")


@pytest.mark.parametrize("mode", ["nat", "routed", "isolated"])
def test_attached_and_detached(tapnet, host, program, mode):
    """A port that goes with its guest in it."""
    bring_up(tapnet, host, LAB.replace("    hooks", f"    mode: {mode}\n    hooks"))
    tapnet("attach", "lab/extra")
    guest = plug(host, "lab-extra")
    wait_said(host, "plugged extra")
    tapnet("detach", "lab/extra", check=False)
    os.close(guest)
    wait_said(host, "plugged extra", "unplugged extra")


def test_the_example(tapnet, host, program):
    """It keeps a file for each guest; here below the test's own /etc."""
    text = (SOURCE / "examples/hooks/lab-port").read_text(encoding="utf-8")
    program("lab-port", text.replace("/run/guests", "/etc/tapnet/guests"))
    bring_up(tapnet, host, (SOURCE / "examples/hooks.yaml").read_text(encoding="utf-8"))
    guest = plug(host, "lab-web")
    web = next(port for port in tapnet.status("lab")["ports"] if port["name"] == "web")

    def known():
        return host.run("sh", "-c", "cd /etc/tapnet/guests && grep . *", check=False).stdout
    wait_for(lambda: known() == " ".join([*web["addresses"], web["mac"]]) + "\n", 20, known)
    os.close(guest)
    wait_for(lambda: known() == "", 20, known)


def test_a_container(tapnet, host, program, make_netns):
    """Its veth pair is there with it, and goes with it."""
    box, runtime = make_netns("box"), Runtime(host)
    bring_up(tapnet, host)
    runtime.call("ADD", netns=box)
    wait_for(lambda: len(said(host)) == 1, 20, lambda: said(host))
    name = said(host)[0].split()[1]
    runtime.call("DEL", netns=box)
    wait_said(host, f"plugged {name}", f"unplugged {name}")


# ---- slow, hanging, many ----

def test_in_order_whatever_it_takes(tapnet, host, program):
    """The hooks of a port wait for each other. A guest that is gone again before its turn has neither: that is said."""
    program("lab-plugged", TELL + 'echo "begin $TAPNET_PORT"; sleep 2; echo "end $TAPNET_PORT"\n')
    bring_up(tapnet, host)
    first = plug(host, "lab-web")
    wait_said(host, "begin web")
    os.close(first)
    let_look(tapnet)
    second = plug(host, "lab-web")
    let_look(tapnet)
    os.close(second)
    let_look(tapnet)
    third = plug(host, "lab-web")
    wait_said(host, "begin web", "end web", "unplugged web", "begin web", "end web")
    log = next(tapnet.run_dir.glob("*/hooks.log")).read_text(encoding="utf-8")
    assert "network lab: hooks: port web: a guest came and went before the turn of its hooks, which did not run" in log
    os.close(third)


def test_one_that_fails_is_told_of(tapnet, host, program):
    program("lab-plugged", "#!/bin/sh\nexit 3\n")
    bring_up(tapnet, host)
    guest = plug(host, "lab-web")
    text = "network lab: hooks: plugged: port web: /etc/tapnet/lab-plugged ended with exit code 3"
    wait_for(lambda: tapnet.json("status")["warnings"] == [text], 20, lambda: tapnet.json("status")["warnings"])
    assert tapnet("status").returncode == 0
    os.close(guest)
    wait_said(host, "unplugged web")
    wait_for(lambda: tapnet.json("status")["warnings"] == [], 20, "all is well again")


def test_one_that_hangs_is_ended_and_stops_nobody_else(tapnet, host, program):
    program("lab-plugged", TELL + 'echo "plugged $TAPNET_PORT"\n'
            'if test $TAPNET_PORT = web; then sleep 4711 & trap "" TERM; sleep 4712; fi\n')
    bring_up(tapnet, host)
    web = plug(host, "lab-web")
    wait_said(host, "plugged web")
    begin = time.monotonic()
    database = plug(host, "lab-db")
    wait_said(host, "plugged web", "plugged db", seconds=5)
    os.close(web)
    wait_said(host, "plugged web", "plugged db", "unplugged web")
    assert 9 < time.monotonic() - begin < 15
    log = next(tapnet.run_dir.glob("*/hooks.log")).read_text(encoding="utf-8")
    assert "plugged: port web: /etc/tapnet/lab-plugged did not end within 10 s, and was killed" in log
    assert not named(host, "sleep"), "what it had started is gone"
    os.close(database)


def test_who_comes_and_goes_all_the_time_is_no_crowd_either(tapnet, host, program):
    """Whoever may open a TAP may do so a hundred times a second; a port has one guest a second."""
    bring_up(tapnet, host)
    end, begin = time.monotonic() + 4, time.monotonic()
    while time.monotonic() < end:
        guest = plug(host, "lab-web")
        time.sleep(0.005)
        os.close(guest)
        host.run("ip", "link", "set", "lab-db", "mtu", str(1400 + int(time.monotonic() * 10) % 50))
    guest = plug(host, "lab-web")
    wait_for(lambda: said(host)[-1:] == ["plugged web"] and len(said(host)) % 2, 20, lambda: said(host))
    os.close(guest)
    wait_for(lambda: said(host)[-1] == "unplugged web", 20, lambda: said(host))
    took = time.monotonic() - begin
    assert said(host) == ["plugged web", "unplugged web"] * (len(said(host)) // 2)
    assert 2 <= len(said(host)) / 2 <= took + 2, f"{len(said(host)) // 2} in {took} s"


def test_a_crowd_is_no_crowd_of_processes(tapnet, host, program):
    """A hundred guests at once: each has its hook, and never more than eight run together."""
    program("lab-plugged", TELL + 'echo "begin $TAPNET_PORT"; sleep 0.1; echo "end $TAPNET_PORT"\n')
    ports = [f"p{number}" for number in range(100)]
    bring_up(tapnet, host, LAB.replace("db: {}", ", ".join(f"{port}: {{}}" for port in ports)))
    guests = [plug(host, f"lab-{port}") for port in ports]
    wait_for(lambda: len(said(host)) == 200, 60, lambda: len(said(host)))
    running = most = 0
    for line in said(host):
        running += 1 if line.startswith("begin ") else -1
        most = max(most, running)
    assert running == 0 and 2 <= most <= 8, most
    assert sorted(line.split()[1] for line in said(host) if line.startswith("begin ")) == sorted(ports)
    host.run("rm", "/etc/tapnet/said")
    for guest in guests:
        os.close(guest)
    wait_for(lambda: sorted(said(host)) == sorted(f"unplugged {port}" for port in ports), 60, lambda: len(said(host)))


# ---- the file, and the process ----

def test_without_hooks_of_ports_nobody_is_there(tapnet, host, program):
    bring_up(tapnet, host, LAB.replace(HOOKS, "{ up: /etc/tapnet/lab-plugged }"))
    assert not named(host, "tapnet-hooks") and not list(tapnet.run_dir.glob("*/hooks.*"))


def test_a_file_that_changes(tapnet, host, program):
    """Hooks that are new learn of who is there. When they are gone, so is the process, and no `unplugged` runs."""
    bring_up(tapnet, host, BARE)
    guest = plug(host, "lab-web")
    bring_up(tapnet, host)
    wait_said(host, "plugged web")
    resident, = named(host, "tapnet-hooks")
    program("other")
    bring_up(tapnet, host, LAB.replace("lab-unplugged", "other"))
    program("lab-unplugged", TELL + "echo wrong\n")
    assert named(host, "tapnet-hooks") == [resident]
    os.close(guest)
    wait_said(host, "plugged web", "unplugged web")
    guest = plug(host, "lab-db")
    wait_said(host, "plugged web", "unplugged web", "plugged db")
    bring_up(tapnet, host, BARE)
    wait_gone(resident)
    assert not list(tapnet.run_dir.glob("*/hooks.*")) and tapnet("status").returncode == 0
    os.close(guest)
    assert said(host) == ["plugged web", "unplugged web", "plugged db"]


def test_one_alone(tapnet, host, program):
    """Of the two hooks either may be missing."""
    bring_up(tapnet, host, LAB.replace(HOOKS, "{ unplugged: /etc/tapnet/lab-unplugged }"))
    os.close(plug(host, "lab-web"))
    guest = plug(host, "lab-db")
    let_look(tapnet)
    os.close(guest)
    wait_for(lambda: said(host)[-1:] == ["unplugged db"], 20, lambda: said(host))
    bring_up(tapnet, host, LAB.replace(HOOKS, "{ plugged: /etc/tapnet/lab-plugged }"))
    host.run("rm", "/etc/tapnet/said")
    guest = plug(host, "lab-db")
    wait_said(host, "plugged db")
    os.close(guest)
    guest = plug(host, "lab-db")
    wait_said(host, "plugged db", "plugged db")
    resident, = named(host, "tapnet-hooks")
    os.kill(resident, signal.SIGKILL)
    wait_gone(resident)
    assert "unplugged" not in tapnet("down", FILE).stderr, "nothing was to be run for it any more"
    os.close(guest)


@pytest.mark.parametrize("command, reason", [
    ("chown nobody /etc/tapnet/lab-plugged", "/etc/tapnet/lab-plugged belongs to user "),
    ("chmod o+w /etc/tapnet/lab-plugged", "/etc/tapnet/lab-plugged may be written by others (mode 0757)"),
    ("rm /etc/tapnet/lab-plugged", "/etc/tapnet/lab-plugged: No such file or directory"),
    ("chmod g+w /etc/tapnet/lab.yaml", "/etc/tapnet/lab.yaml may be written by others (mode 0664)"),
])
def test_what_others_could_change_is_refused(tapnet, host, program, command, reason):
    host.write(FILE, LAB)
    host.run("chmod", "644", FILE)
    host.run("sh", "-ec", command)
    before = snapshot(host, run_dir=tapnet.run_dir)
    done = tapnet("up", FILE, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f"tapnet: {FILE}:5:23: network lab: hooks: plugged: {reason}"), done.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_one_that_was_opened_since_is_not_run(tapnet, host, program):
    bring_up(tapnet, host)
    host.run("chmod", "777", "/etc/tapnet/lab-plugged")
    guest = plug(host, "lab-web")
    text = "network lab: hooks: plugged: port web: it is not run: /etc/tapnet/lab-plugged may be written by others"
    wait_for(lambda: any(line.startswith(text) for line in tapnet.json("status")["warnings"]), 20)
    assert said(host) == []
    os.close(guest)


def test_it_goes_with_the_network_and_leaves_nothing(tapnet, host, program):
    """Guests that were there are told as gone, before the network's own hook, and before `down` has returned."""
    program("lab-down", TELL + "echo down\n")
    host.write(FILE, LAB)
    before = snapshot(host, run_dir=tapnet.run_dir)
    bring_up(tapnet, host, LAB.replace("{ plugged", "{ down: /etc/tapnet/lab-down, plugged"))
    bring_up(tapnet, host, LAB.replace("{ plugged", "{ down: /etc/tapnet/lab-down, plugged"))
    guests = [plug(host, "lab-web"), plug(host, "lab-db")]
    wait_for(lambda: len(said(host)) == 2, 20, lambda: said(host))
    resident, = named(host, "tapnet-hooks")
    host.run("rm", "/etc/tapnet/said")
    tapnet("down", FILE)
    assert sorted(said(host)[:2]) == ["unplugged db", "unplugged web"] and said(host)[2:] == ["down"]
    assert not named(host, "tapnet-hooks")
    for guest in guests:
        os.close(guest)
    host.write(FILE, LAB)
    host.run("rm", "/etc/tapnet/said")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_down_waits_no_longer_than_its_user(tapnet, host, program):
    """It says whom it waits for; what runs then is run to its end by the process whose it is."""
    program("lab-unplugged", TELL + 'echo "begin $TAPNET_PORT"; sleep 3; echo "end $TAPNET_PORT"\n')
    bring_up(tapnet, host)
    guest = plug(host, "lab-web")
    wait_said(host, "plugged web")
    down = host.popen(tapnet.program, "down", FILE, stderr=subprocess.PIPE, text=True)
    assert down.stderr.readline() == "tapnet: all is done; waiting for hooks to end (^C ends them)\n"
    down.send_signal(signal.SIGINT)
    told = down.stderr.read()
    assert "hooks: unplugged: tapnet-hooks goes on with it: nobody waits for it" in told and down.wait(5) == 0, told
    wait_said(host, "plugged web", "begin web", "end web")
    wait_for(lambda: not named(host, "tapnet-hooks") and not tapnet.run_dir.exists(), 20, "it ends, and leaves nothing")
    os.close(guest)


def test_down_does_not_wait_for_ever(tapnet, host, program):
    program("lab-unplugged", TELL + "sleep 4711\n")
    ports = ", ".join(f"p{number}: {{}}" for number in range(12))
    bring_up(tapnet, host, LAB.replace("db: {}", ports))
    guests = [plug(host, f"lab-p{number}") for number in range(12)]
    wait_for(lambda: len(said(host)) == 12, 20, lambda: said(host))
    begin = time.monotonic()
    done = tapnet("down", FILE)
    assert 9 < time.monotonic() - begin < 16
    assert "unplugged: did not run, or not to its end, for 12 guests of what has gone" in done.stderr, done.stderr
    assert not named(host, "tapnet-hooks") and not named(host, "sleep") and not tapnet.run_dir.exists()
    for guest in guests:
        os.close(guest)


# ---- killed, stopped, forgotten ----

def test_killed_and_started_again(tapnet, host, program):
    """Networks are not affected. `status` says it; the next `up` goes on where it stopped, and nothing was missed."""
    bring_up(tapnet, host)
    web = plug(host, "lab-web")
    wait_said(host, "plugged web")
    resident, = named(host, "tapnet-hooks")
    os.kill(resident, signal.SIGKILL)
    wait_gone(resident)
    assert tapnet.json_of_status()["problems"] == [GONE] and tapnet("status", check=False).returncode == 1
    os.close(web)
    database = plug(host, "lab-db")
    assert said(host) == ["plugged web"]
    plan = tapnet("plan", FILE)
    assert plan.returncode == 0 and plan.stderr == f"tapnet: {GONE}\n"
    assert bring_up(tapnet, host).stderr == f"tapnet: {MISSING}: it was started\n"
    assert tapnet("plan", FILE).stderr == ""
    wait_for(lambda: sorted(said(host)) == ["plugged db", "plugged web", "unplugged web"], 20, lambda: said(host))
    assert tapnet("status").returncode == 0
    resident, = named(host, "tapnet-hooks")
    os.kill(resident, signal.SIGKILL)
    wait_gone(resident)
    done = tapnet("down", FILE)
    assert "unplugged: did not run, or not to its end, for 1 guest of what has gone" in done.stderr, done.stderr
    assert not tapnet.run_dir.exists()
    os.close(database)


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_killed_while_one_runs(tapnet, host, program):
    """The hook ends with it, and runs again."""
    program("lab-plugged", TELL + "echo begin; sleep 300; echo end\n")
    bring_up(tapnet, host)
    guest = plug(host, "lab-web")
    wait_said(host, "begin")
    resident, = named(host, "tapnet-hooks")
    hook, = children(resident)
    os.kill(resident, signal.SIGKILL)
    wait_gone(resident)
    wait_gone(hook)
    program("lab-plugged")
    bring_up(tapnet, host)
    wait_said(host, "begin", "plugged web")
    os.close(guest)


def test_killed_again_and_again_while_guests_come_and_go(tapnet, host, program):
    """Whoever is there in the end was plugged in last, and whoever is not was unplugged last. One that was killed with
    its hook has that run again, and nobody else: `plugged` and `unplugged` of a port take turns."""
    for event in ("plugged", "unplugged"):
        program(f"lab-{event}", TELL + 'sleep 0.02; echo "$TAPNET_EVENT $TAPNET_PORT"\n')
    ports, guests, chance = [f"p{number}" for number in range(12)], {}, random.Random(4711)
    text = LAB.replace("db: {}", ", ".join(f"{port}: {{}}" for port in ports))
    bring_up(tapnet, host, text)
    for _ in range(12):
        for port in chance.sample(ports, 6):
            if port in guests:
                os.close(guests.pop(port))
            else:
                guests[port] = plug(host, f"lab-{port}")
        time.sleep(chance.random() / 5)
        for resident in named(host, "tapnet-hooks"):
            os.kill(resident, signal.SIGKILL)
            wait_gone(resident)
        bring_up(tapnet, host, text)

    def ends_well():
        last = {line.split()[1]: line.split()[0] for line in said(host)}
        return all(last.get(port, "unplugged") == ("plugged" if port in guests else "unplugged") for port in ports)
    wait_for(ends_well, 20, lambda: f"{sorted(guests)} are there: {said(host)}")
    for port in ports:
        events = [line.split()[0] for line in said(host) if line.split()[1] == port]
        again = sum(one == other for one, other in zip(events, events[1:]))
        assert events[:1] in ([], ["plugged"]) and again <= 4, f"{port}: {events}"
    for guest in guests.values():
        os.close(guest)


def test_one_that_is_stopped_is_no_hindrance(tapnet, host, program):
    """What its hooks have started goes with it, when `down` ends it."""
    program("lab-plugged", TELL + "sleep 4711 & wait\n")
    bring_up(tapnet, host)
    guest = plug(host, "lab-web")
    wait_for(lambda: len(named(host, "sleep")) == 1, 20, "its hook runs")
    resident, = named(host, "tapnet-hooks")
    let_look(tapnet)
    os.kill(resident, signal.SIGSTOP)
    tapnet("run", "-q", "lab", "--", "true")
    tapnet("attach", "lab/extra")
    bring_up(tapnet, host)
    tapnet("down", FILE)
    assert not named(host, "tapnet-hooks") and not tapnet.run_dir.exists() and not named(host, "sleep")
    os.close(guest)


def test_a_run_directory_that_is_gone(tapnet, host, program):
    """Links tell that their network is up. It is met by its name again, so there is never a second one."""
    bring_up(tapnet, host)
    guest = plug(host, "lab-web")
    wait_said(host, "plugged web")
    resident, = named(host, "tapnet-hooks")
    for path in tapnet.run_dir.iterdir():
        shutil.rmtree(path, ignore_errors=True)
    wait_for(lambda: list(tapnet.run_dir.glob("*/hooks.sock")), 20, "its socket has its name again")
    host.run("ip", "link", "set", "lab-db", "mtu", "1400")  # something to look for
    let_look(tapnet)
    assert said(host) == ["plugged web"]
    bring_up(tapnet, host)
    assert named(host, "tapnet-hooks") == [resident]
    os.kill(resident, signal.SIGKILL)  # what it knew is written down again, too
    wait_gone(resident)
    bring_up(tapnet, host)
    let_look(tapnet)
    os.close(guest)
    wait_said(host, "plugged web", "unplugged web")
