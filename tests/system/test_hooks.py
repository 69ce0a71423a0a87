# SPDX-License-Identifier: MIT
"""Hooks: programs of the file that run when a network has come up or gone, as root, and so only where root alone could
have written them.

      /etc/tapnet/lab.yaml --- up ---> br-lab there ---> /etc/tapnet/lab-up      (the test's own /etc)
                           --- down -> br-lab gone ----> /etc/tapnet/lab-down
"""

import os
import signal
import subprocess
import time

import pytest

import hooks_lab
from hooks_lab import FILE, TELL, programs, tapnets
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    hooks: { up: /etc/tapnet/lab-up, down: /etc/tapnet/lab-down }
    ports: { web: {} }
"""


@pytest.fixture
def tapnet(host, world):
    yield from tapnets(host)


@pytest.fixture
def program(host):
    return programs(host, TELL + "env | sort\n", "lab-up", "lab-down")


def bring_up(tapnet, host, text=LAB, **kw):
    return hooks_lab.bring_up(tapnet, host, text, **kw)


def said(host):
    return host.run("cat", "/etc/tapnet/said", check=False).stdout


# ---- when, and with what ----

def test_what_it_is_told_and_nothing_else(tapnet, host, program):
    host.env["EVIL"] = host.env["LD_LIBRARY_PATH"] = "/tmp"
    bring_up(tapnet, host)
    told = dict(line.split("=", 1) for line in said(host).splitlines())
    assert {name: value for name, value in told.items() if name not in ("PWD", "_", "SHLVL", "OLDPWD")} == {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TAPNET_EVENT": "up", "TAPNET_SET": "lab", "TAPNET_NETWORK": "lab",
        "TAPNET_MODE": "nat", "TAPNET_BRIDGE": "br-lab", "TAPNET_UPLINK": "eth0", "TAPNET_UPLINK6": "",
        "TAPNET_SUBNET": "10.20.0.1/24", "TAPNET_SUBNET6": tapnet.status("lab")["subnets"][1]}
    assert told["PWD"] == "/"


def test_its_process_is_clean(tapnet, host, program):
    """No descriptor of ours, no signal that is ignored or held back; asked of no shell, which has ways of its own."""
    program("lab-up", TELL + "umask; exec grep -E 'Sig(Blk|Ign)' /proc/self/status\n")
    program("lab-down", TELL + "exec ls -l /proc/self/fd\n")
    bring_up(tapnet, host)
    mask, _, held_back, _, ignored = said(host).split()
    own = 3 << 31  # signals 32 and 33 are the C library's: how they are it does not let anybody say
    assert mask == "0022" and not int(held_back, 16) and not int(ignored, 16) & ~own
    host.run("rm", "/etc/tapnet/said")
    tapnet("down", FILE)
    held = [line.split(" -> ")[1] for line in said(host).splitlines() if " -> " in line]
    assert sorted(held)[:2] == ["/dev/null", "/dev/null"] and held[1].endswith("/said") and len(held) == 4, held


def test_when_it_runs(tapnet, host, program):
    """Once when the network has come, once when it has gone; not for a change, nor for what is there already."""
    host.write(FILE, LAB)
    for event in ("up", "down"):
        program(f"lab-{event}", TELL + f"test -e /sys/class/net/br-lab && echo {event} yes || echo {event} no\n")
    before = snapshot(host, run_dir=tapnet.run_dir)
    bring_up(tapnet, host)
    assert said(host) == "up yes\n"
    bring_up(tapnet, host)
    bring_up(tapnet, host, LAB.replace("{ web: {} }", "{ web: {}, db: {} }"))
    assert said(host) == "up yes\n"
    tapnet("down", FILE)
    assert said(host) == "up yes\ndown no\n"
    host.write(FILE, LAB)
    host.run("rm", "/etc/tapnet/said")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_it_may_call_tapnet(tapnet, host, program):
    """Nobody holds the lock while it runs."""
    program("lab-up", TELL + f"TAPNET_RUN_DIR={tapnet.run_dir} timeout 5 {tapnet.program} up {FILE}\n")
    bring_up(tapnet, host)
    assert "all is as wanted" in said(host)


def test_the_file_is_gone_at_the_end(tapnet, host, program):
    bring_up(tapnet, host)
    host.run("rm", FILE)
    tapnet("down", "lab")
    assert "TAPNET_EVENT=down" in said(host)


# ---- what fails, hangs or is killed changes nothing ----

def test_one_that_fails_is_told_of(tapnet, host, program):
    program("lab-up", "#!/bin/sh\nexit 3\n")
    program("lab-down", "#!/bin/sh\nkill -9 $$\n")
    done = bring_up(tapnet, host)
    text = "network lab: hooks: up: /etc/tapnet/lab-up ended with exit code 3"
    assert done.returncode == 0 and text in done.stderr and "lab is up" in done.stdout
    assert tapnet.json("status")["warnings"] == [text] and tapnet("status").returncode == 0
    down = tapnet("down", FILE)
    assert "network lab: hooks: down: /etc/tapnet/lab-down was ended by signal 9" in down.stderr
    program("lab-up")
    bring_up(tapnet, host)
    assert tapnet.json("status")["warnings"] == []


def test_what_is_no_program(tapnet, host, program):
    program("lab-up", "echo no line that says what reads it\n")
    assert "exit code 127" in bring_up(tapnet, host).stderr


def test_one_that_hangs_is_ended(tapnet, host, program):
    program("lab-up", TELL + "sleep 4711 & echo $$ $!; trap '' TERM; sleep 4712\n")
    begin = time.monotonic()
    done = bring_up(tapnet, host)
    assert 9 < time.monotonic() - begin < 25
    text = "network lab: hooks: up: /etc/tapnet/lab-up did not end within 10 s, and was killed"
    assert done.returncode == 0 and text in done.stderr and tapnet.json("status")["warnings"] == [text]
    for process in said(host).split():
        wait_for(lambda number=process: not os.path.exists(f"/proc/{number}"), why="what it has started is there still")


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_a_user_who_does_not_want_to_wait(tapnet, host, program, signal_name):
    """All is done; the hook that runs is ended, and the next one is not begun."""
    program("lab-down", TELL + "sleep 4711 & echo $$ $!; exec sleep 4712\n")
    other = LAB.split("networks:\n")[1].replace("lab:", "other:").replace("10.20", "10.21").replace("web", "db")
    bring_up(tapnet, host, LAB + other.replace("up: /etc/tapnet/lab-up, ", ""))
    host.run("rm", "/etc/tapnet/said")
    down = host.popen(tapnet.program, "down", FILE, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert down.stderr.readline() == "tapnet: all is done; waiting for hooks to end (^C ends them)\n"
    down.send_signal(getattr(signal, signal_name))
    told = down.stderr.read()
    assert told.count("lab-down was killed before its end: nobody waits for it") == 1, told
    assert told.count("lab-down was not run: nobody waits for it") == 1, told
    assert down.wait(5) == 0 and "lab is down" in down.stdout.read()
    for process in said(host).split():
        wait_for(lambda number=process: not os.path.exists(f"/proc/{number}"), why="what it has started is there still")


def test_killed_while_it_runs(tapnet, host, program):
    """The network was up before: it stays so, the hook ends with tapnet, and the next one goes on as always."""
    program("lab-up", TELL + "echo $$; exec sleep 4713\n")
    host.write(FILE, LAB)
    up = host.popen(tapnet.program, "up", FILE)
    wait_for(lambda: said(host).endswith("\n"))
    up.send_signal(signal.SIGKILL)
    up.wait()
    wait_for(lambda: not os.path.exists(f"/proc/{said(host).strip()}"), why="nobody watches it any more")
    assert tapnet("status").returncode == 0 and tapnet.json("status")["warnings"] == []
    assert "all is as wanted" in bring_up(tapnet, host).stdout
    tapnet("down", FILE)
    assert "TAPNET_EVENT=down" in said(host)


# ---- what is refused ----

@pytest.mark.parametrize("command, reason", [
    ("chown nobody /etc/tapnet/lab-up", "/etc/tapnet/lab-up belongs to user "),
    ("chmod o+w /etc/tapnet/lab-up", "/etc/tapnet/lab-up may be written by others (mode 0757)"),
    ("chmod g+w /etc/tapnet/lab-up", "/etc/tapnet/lab-up may be written by others (mode 0775)"),
    ("chmod 1777 /etc/tapnet", "/etc/tapnet may be written by others (mode 1777)"),
    ("chown nobody /etc/tapnet", "/etc/tapnet belongs to user "),
    ("chmod a-x /etc/tapnet/lab-up", "/etc/tapnet/lab-up is no program"),
    ("rm /etc/tapnet/lab-up", "/etc/tapnet/lab-up: No such file or directory"),
    ("rm /etc/tapnet/lab-up; mkdir /etc/tapnet/lab-up", "/etc/tapnet/lab-up is no regular file"),
    ("mv /etc/tapnet/lab-up /etc/tapnet/x; ln -s x /etc/tapnet/lab-up", "/etc/tapnet/lab-up is a symbolic link"),
    ("chown nobody /etc/tapnet/lab.yaml", "/etc/tapnet/lab.yaml belongs to user "),
    ("chmod g+w /etc/tapnet/lab.yaml", "/etc/tapnet/lab.yaml may be written by others (mode 0664)"),
])
def test_what_others_could_change_is_refused(tapnet, host, program, command, reason):
    host.write(FILE, LAB)
    host.run("chmod", "644", FILE)
    host.run("sh", "-ec", command)
    before = snapshot(host, run_dir=tapnet.run_dir)
    for words in (("up", FILE), ("plan", FILE)):
        done = tapnet(*words, check=False)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
        assert done.stderr.startswith(f"tapnet: {FILE}:5:18: network lab: hooks: up: {reason}"), done.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
    assert not said(host)


def test_a_file_in_a_folder_of_all_is_refused(tapnet, host, program):
    other = tapnet.file(LAB)  # below /tmp
    done = tapnet("up", other, check=False)
    assert done.returncode == 2 and "may be written by others (mode 1777)" in done.stderr
    assert "keep it in a folder that is root's" in done.stderr and "chmod" not in done.stderr, "/tmp is as it should be"


def test_one_that_was_opened_since_is_not_run(tapnet, host, program):
    bring_up(tapnet, host)
    host.run("chmod", "777", "/etc/tapnet/lab-down")
    down = tapnet("down", FILE)
    assert "network lab: hooks: down: it is not run: /etc/tapnet/lab-down may be written by others" in down.stderr
    assert "TAPNET_EVENT=down" not in said(host)


def test_a_path_that_is_none(tapnet, host, program):
    done = bring_up(tapnet, host, LAB.replace("/etc/tapnet/lab-up", "lab-up"), check=False)
    assert done.returncode == 2
    assert (f"{FILE}:5:18: network lab: hooks: up `lab-up` is no absolute path; write one, as in "
            "`up: /etc/tapnet/lab-up`") in done.stderr
