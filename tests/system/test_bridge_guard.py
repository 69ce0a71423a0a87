# SPDX-License-Identifier: MIT
"""The guard of mode bridge: who is cut off by the move of the uplink has it back, by tapnet itself or its watchdog.

      host under test                                        outside
    +----------------------------------------------------+ +----------------------------+
    | up, and its watchdog                                | |                            |
    |                             br-lan ──┬── eth0 ─────────── out0  192.0.2.1          |
    | guest vm1 ── lan-vm1 ────────────────┘              | |       198.51.100.1         |
    +----------------------------------------------------+ +----------------------------+
"""

import os
import select
import signal
import subprocess
import time

import pytest

from bridge_world import FAR, LAN, Stream, give_all, is_home
from tapnet_test.processes import named, wait_gone
from tapnet_test.rights import has_all_users
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for

# What a firewall that does not know the bridge does: all that comes to the host by a bridge is dropped.
CUT = "table bridge firewall {\n chain input {\n type filter hook input priority 0; policy drop;\n }\n }\n"


@pytest.fixture
def uplink(host, world):
    give_all(host, world.outside)
    return host


def up(tapnet, *words, **kw):
    return tapnet("up", tapnet.file(LAN), *words, **kw)


def is_moved(host):
    return "192.0.2.2/24" in host.run("ip", "-o", "address", "show", "dev", "br-lan", check=False).stdout


@pytest.mark.parametrize("words, silent", [([], "the gateway 192.0.2.1 does not answer by br-lan"),
                                           (["--check", FAR], f"{FAR} does not answer")])
def test_when_nobody_answers_all_goes_back(tapnet, uplink, world, words, silent):
    uplink.run("nft", "-f", "-", input=CUT)
    nothing, stream = snapshot(uplink, run_dir=tapnet.run_dir), Stream(uplink, world.outside)
    said = up(tapnet, *words, check=False)
    assert said.returncode == 1 and f"{silent} within 10 seconds: all goes back" in said.stderr, said.stderr
    stream.end()
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))


@pytest.mark.parametrize("words, reason", [
    ([], "the gateway 192.0.2.1 does not answer even now"),
    (["--check", "203.0.113.9"], "203.0.113.9 does not answer a ping even now"),
    (["--check", "gateway"], "`gateway` is no IP address"),
])
def test_who_does_not_answer_before_cannot_tell_afterwards(tapnet, uplink, world, words, reason):
    if not words:
        world.outside.run("ip", "link", "set", "out0", "arp", "off")
        uplink.run("ip", "neigh", "flush", "all")
        uplink.run("ip", "-6", "route", "del", "default")
    nothing = snapshot(uplink, run_dir=tapnet.run_dir)
    said = up(tapnet, *words, check=False)
    assert said.returncode in (1, 2) and reason in said.stderr, said.stderr
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))


@pytest.mark.parametrize("address, reason", [
    ("nonsense", "`nonsense` is no IP address"), ("", "`` is no IP address"),
    ("192.0.2.1/24", "`192.0.2.1/24` is no IP address"),
    ("127.0.0.1", "is loopback"), ("127.9.9.9", "is loopback"), ("::1", "is loopback"),
    ("0.0.0.0", "is no machine's address"), ("::", "is no machine's address"),
    ("::ffff:127.0.0.1", "is no machine's address"), ("224.0.0.1", "is multicast"), ("ff02::1", "is multicast"),
    ("255.255.255.255", "is broadcast or reserved"), ("fe80::1", "is link-local"),
    ("192.0.2.2", "is this host's own"), ("192.0.2.3", "is this host's own"), ("2001:db8::2", "is this host's own"),
])
def test_an_address_that_tells_nothing_of_the_uplink_is_refused(tapnet, uplink, address, reason):
    """Whether or not an uplink would move."""
    nothing = snapshot(uplink, run_dir=tapnet.run_dir)
    still = tapnet.file("networks: { lab: { mode: isolated, ports: {} } }\n", "still.yaml")
    for words in (("up", tapnet.file(LAN)), ("up", "--dry-run", tapnet.file(LAN)), ("up", still), ("down", "--all")):
        said = tapnet(*words, "--check", address, check=False)
        assert said.returncode == 2 and "--check: " in said.stderr and reason in said.stderr, said.stderr
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))


def test_check_may_name_who_is_far_away(tapnet, uplink):
    up(tapnet, "--check", FAR)
    assert is_moved(uplink)


def test_down_works_when_nobody_answers(tapnet, uplink, world):
    nothing = snapshot(uplink, run_dir=tapnet.run_dir)
    up(tapnet)
    world.outside.run("ip", "link", "set", "out0", "arp", "off")
    uplink.run("ip", "neigh", "flush", "all")
    tapnet("down", "--all")
    world.outside.run("ip", "link", "set", "out0", "arp", "on")
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))


# ---- a person confirms ----

class Asked:
    """An `up --confirm` that has asked."""

    def __init__(self, tapnet, host, seconds):
        self._host = host
        self.process = host.popen(tapnet.program, "up", tapnet.file(LAN), "--confirm", seconds, stdin=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        os.set_blocking(self.process.stderr.fileno(), False)
        self.said = b""
        wait_for(self._has_asked, timeout=20, why=lambda: f"it did not ask: {self.said}")

    def _has_asked(self):
        self.read()
        return b"Keep it so?" in self.said

    def read(self):
        if select.select([self.process.stderr], [], [], 0)[0]:
            self.said += self.process.stderr.read() or b""

    def say(self, word):
        self.process.stdin.write(f"{word}\n".encode())
        self.process.stdin.flush()

    def watchdog(self):
        """Its process id."""
        found = named(self._host, "tapnet-watchdog")
        if not found and not has_all_users():
            pytest.skip("whose watchdog it is only who has all rights can see")
        return found[0]

    def kill(self, number=signal.SIGKILL):
        """Of tapnet itself, which runs below nsenter."""
        os.kill(self.process.pid, number)


@pytest.fixture
def asked(tapnet, uplink):
    made = []

    def ask(seconds=20):
        made.append(Asked(tapnet, uplink, seconds))
        assert is_moved(uplink)
        return made[-1]
    yield ask
    for each in made:
        each.process.stdin.close()
        each.process.stderr.close()


def test_who_says_yes_keeps_it(tapnet, uplink, asked):
    question = asked()
    question.say("yes")
    assert question.process.wait(10) == 0
    assert is_moved(uplink)
    assert tapnet("plan", tapnet.file(LAN)).returncode == 0


@pytest.mark.parametrize("answer", ["no", None, signal.SIGINT, signal.SIGHUP, "close"])
def test_who_does_not_has_all_back(tapnet, uplink, asked, answer):
    nothing = snapshot(uplink, run_dir=tapnet.run_dir)
    question = asked(2 if answer is None else 20)
    if answer == "close":
        question.process.stdin.close()
    elif isinstance(answer, signal.Signals):
        question.kill(answer)
    elif answer:
        question.say(answer)
    assert question.process.wait(10) != 0
    question.read()
    assert b"going back" in question.said
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))


# ---- kills ----

def test_when_tapnet_is_killed_its_watchdog_puts_all_back(tapnet, uplink, world, asked):
    nothing, stream = snapshot(uplink, run_dir=tapnet.run_dir), Stream(uplink, world.outside)
    question = asked()
    os.kill(question.watchdog(), signal.SIGTERM)  # as all that is in a session gets that ends
    question.kill()
    question.process.wait(10)
    wait_for(lambda: is_home(uplink), timeout=5, why="the watchdog puts all back")
    stream.end()
    wait_for(lambda: snapshot(uplink, run_dir=tapnet.run_dir) == nothing, timeout=5, why="as before")
    question.read()
    assert b"tapnet-watchdog: tapnet was killed" in question.said


def test_when_the_watchdog_is_killed_tapnet_puts_all_back(tapnet, uplink, asked):
    nothing = snapshot(uplink, run_dir=tapnet.run_dir)
    question = asked()
    watchdog = question.watchdog()
    os.kill(watchdog, signal.SIGKILL)
    wait_gone(watchdog)
    question.say("yes")
    assert question.process.wait(10) == 1
    question.read()
    assert b"was killed" in question.said
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))


@pytest.mark.parametrize("following", ["down", "up"])
def test_when_both_are_killed_the_next_tapnet_puts_all_back(tapnet, uplink, world, asked, following):
    """A down has nothing else to do then; an up goes on from there, and its own down comes to the same."""
    nothing, stream = snapshot(uplink, run_dir=tapnet.run_dir), Stream(uplink, world.outside)
    question = asked()
    os.kill(question.watchdog(), signal.SIGKILL)
    question.kill()
    question.process.wait(10)
    assert is_moved(uplink)
    said = up(tapnet) if following == "up" else tapnet("down", "--all")
    assert "undid what a tapnet that was killed had left" in said.stderr
    if following == "up":
        assert is_moved(uplink) and tapnet("plan", tapnet.file(LAN)).returncode == 0
        tapnet("down", "--all")
    stream.end()
    assert_same(nothing, snapshot(uplink, run_dir=tapnet.run_dir))


def test_when_tapnet_hangs_it_is_ended_and_all_goes_back(tapnet, uplink, asked):
    """Twenty seconds beyond those in which a person was to answer."""
    nothing = snapshot(uplink, run_dir=tapnet.run_dir)
    question = asked(1)
    question.kill(signal.SIGSTOP)
    start = time.monotonic()
    wait_for(lambda: is_home(uplink), timeout=40, why="the watchdog ends it", pause=0.2)
    assert 15 < time.monotonic() - start < 30
    assert question.process.wait(10) == -signal.SIGKILL
    wait_for(lambda: snapshot(uplink, run_dir=tapnet.run_dir) == nothing, timeout=5, why="as before")


def test_the_watchdog_has_one_right_and_leaves_when_all_is_done(tapnet, uplink, asked):
    question = asked()
    watchdog = question.watchdog()
    with open(f"/proc/{watchdog}/status") as status:
        lines = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
    assert {lines[f"Cap{which}"].strip() for which in ("Inh", "Amb")} == {"0000000000000000"}
    assert {lines[f"Cap{which}"].strip() for which in ("Prm", "Eff", "Bnd")} == {"0000000000001000"}, "CAP_NET_ADMIN"
    assert lines["NoNewPrivs"].strip() == "1"
    question.say("yes")
    assert question.process.wait(10) == 0
    wait_gone(watchdog, 0)
