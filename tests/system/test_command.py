# SPDX-License-Identifier: MIT
"""The command as a person meets it: what it says when words, rights, devices or the disk are not as they should be.

      host under test                                        outside
    +------------------------------------------------+     +---------------+
    |  lab-web ---- br-lab 10.20.0.1/24 -- NAT -- eth0 ---+-- 192.0.2.1   |
    +------------------------------------------------+     +---------------+
"""

import errno
import fcntl
import json
import os
import shlex
import signal
import subprocess

import pytest

from tapnet_test.build import NO_LEAK_CHECK, everybodys, program
from tapnet_test.rights import need_all_users
from tapnet_test.snapshot import assert_same, snapshot

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {} } } }\n"


@pytest.fixture(autouse=True)
def nothing_stays(world, tapnet):
    yield
    tapnet("down", "--all", check=False)


@pytest.fixture
def lab(tapnet):
    return tapnet.file(LAB)


def as_nobody(host, *argv, **kw):
    need_all_users()
    host.tmp.chmod(0o755)
    return host.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", *argv,
                    check=False, **kw)


# ---- words ----

@pytest.mark.parametrize("word, meant", [
    ("start", "up"), ("stop", "down"), ("list", "status"), ("ls", "status"), ("show", "status"),
    ("stauts", "status"), ("pu", "up"), ("plna", "plan"), ("dwon", "down"),
])
def test_a_wrong_command_is_answered_with_the_right_one(host, tapnet, word, meant):
    failed = tapnet(word, check=False)
    assert failed.returncode == 2 and f"did you mean `tapnet {meant}`?" in failed.stderr


def test_an_empty_word_is_no_file(host, tapnet):
    for command in ("up", "plan", "down"):
        failed = tapnet(command, "", check=False)
        line, = failed.stderr.splitlines()
        assert failed.returncode == 2 and "'' names no file" in line


def test_what_is_like_nothing_gets_the_list(host, tapnet):
    failed = tapnet("frobnicate", check=False)
    assert failed.returncode == 2 and "the commands are: up plan down status" in failed.stderr


def test_a_wrong_option_is_answered_with_the_right_one(host, tapnet):
    failed = tapnet("up", "--jsno", check=False)
    assert failed.returncode == 2 and "did you mean --json?" in failed.stderr


def test_every_command_and_option_that_help_names_is_known(host, tapnet):
    for line in tapnet("--help").stdout.splitlines()[3:]:
        if line.startswith("  "):
            command = line.split()[0]
            text = tapnet(command, "--help").stdout
            for word in text.split("Options:")[1].split():
                if word.startswith("--"):
                    assert "unknown option" not in tapnet(command, word, "/nonexistent.yaml", check=False).stderr


# ---- names of sets and files ----

@pytest.mark.parametrize("options", [(), ("--quiet",), ("--json",), ("--dry-run",)])
def test_down_of_a_name_that_is_nothing_is_a_mistake_and_what_is_up_is_named(lab, host, tapnet, options):
    tapnet("up", lab)
    tapnet("up", tapnet.file("devices: { t1: { kind: tun } }", "other.yaml"))
    for mistyped in ("lba", "./lba.yaml"):
        refused = tapnet("down", *options, mistyped, check=False)
        line, = refused.stderr.splitlines()
        assert refused.returncode == 2 and refused.stdout == ""
        assert f"no set lba is up, and there is no file {mistyped}; up are: lab, other" in line
    tapnet("down", "--all")
    refused = tapnet("down", *options, "lab", check=False)
    assert refused.returncode == 2 and refused.stderr.endswith("no file lab; nothing is up\n")


def test_a_file_that_is_not_up_is_down_already(lab, host, tapnet):
    assert tapnet("down", lab).stdout == "lab: nothing is up\n"
    assert tapnet("down", lab, "--quiet").stdout == ""


def test_down_leaves_alone_what_another_file_brought_up(lab, host, tapnet):
    tapnet("up", lab)
    (host.tmp / "there").mkdir()
    other = host.tmp / "there" / "lab.yaml"
    other.write_text(LAB)
    before = snapshot(host, run_dir=tapnet.run_dir)
    refused = tapnet("down", other, check=False)
    assert refused.returncode == 2 and str(lab) in refused.stderr and "`tapnet down lab`" in refused.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
    assert "is down" in tapnet("down", "lab").stdout


def test_status_of_one_set_or_one_network(host, tapnet):
    tapnet("up", tapnet.file("networks: { one: { subnet: 10.20.0.1/24 }, two: { subnet: 10.21.0.1/24 } }", "a.yaml"))
    tapnet("up", tapnet.file("devices: { t1: { kind: tun } }", "b.yaml"))

    def names(*argv):
        shown = json.loads(tapnet("status", "--json", *argv, check=False).stdout)
        return [entry["name"] for entry in shown["networks"] + shown["devices"]]
    assert names() == ["one", "two", "t1"]
    assert names("a") == ["one", "two"]
    assert names("two") == ["two"]
    assert names("b") == ["t1"]
    unknown = tapnet("status", "c", check=False)
    assert unknown.returncode == 2 and "no set or network c is up; up are: a, b" in unknown.stderr
    host.run("ip", "link", "del", "t1")
    assert tapnet("status", "a").returncode == 0
    assert tapnet("status", "b", check=False).returncode == 1


def test_status_takes_a_file_for_its_set_and_knows_ports_and_devices(lab, host, tapnet):
    """A word that is neither up nor a file is a mistake; the set of a file that is not up is as it should not be."""
    failed = tapnet("status", "lab", check=False)
    assert (failed.returncode, failed.stderr) == (2, "tapnet: no set or network lab is up; nothing is up\n")
    assert tapnet("status", lab, check=False).returncode == 1
    tapnet("up", lab)
    assert json.loads(tapnet("status", "--json", lab).stdout)["sets"][0]["name"] == "lab"
    assert "no set or network other is up; up is: lab" in tapnet("status", "./other.yaml", check=False).stderr
    for name in ("web", "lab-web", "br-lab", "lab/web"):
        failed = tapnet("status", name, check=False)
        assert failed.returncode == 2
        assert f"{name.split('/')[-1]} is no set and no network, but belongs to network lab: `tapnet status lab`" in \
            failed.stderr


CLASHES = [
    ("networks:\n  lab: {}\n", 2, 3, "network lab is already there, in set lab"),
    ("networks:\n  x: { bridge: br-lab }\n", 2, 3, "the device br-lab belongs to set lab"),
    ("networks:\n  x:\n    ports:\n      a: { device: lab-web }\n", 4, 7, "the device lab-web belongs to set lab"),
    ("networks:\n  x: { bridge: lab-web }\n", 2, 3, "the device lab-web belongs to set lab"),
    ("networks:\n  x:\n    ports:\n      a: { device: br-lab }\n", 4, 7, "the device br-lab belongs to set lab"),
    ("devices:\n  lab-web: { kind: tap }\n", 2, 3, "the device lab-web belongs to set lab"),
    ("devices:\n  br-lab: { kind: tun }\n", 2, 3, "the device br-lab belongs to set lab"),
    ("devices:\n  eth0: { kind: tap }\n", 2, 3, "a device named eth0 is already there"),
]


@pytest.mark.parametrize("text, line, column, reason", CLASHES)
def test_what_another_set_has_is_a_mistake_with_its_place(lab, host, tapnet, text, line, column, reason):
    tapnet("up", lab)
    before = snapshot(host, run_dir=tapnet.run_dir)
    file = tapnet.file(text, "other.yaml")
    for command in ("plan", "up"):
        refused = tapnet(command, file, check=False)
        assert refused.returncode == 2, refused
        assert refused.stderr.startswith(f"tapnet: {file}:{line}:{column}: {reason}")
        for key in ("bridge", "device"):  # the remedy names the key that the file has, if it has one
            assert (f"choose another name with `{key}:`" in refused.stderr) == (f"{key}:" in text)
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_plan_takes_dry_run(lab, host, tapnet):
    assert tapnet("plan", "--dry-run", lab, check=False).stdout == tapnet("plan", lab, check=False).stdout != ""


def test_what_is_no_device_is_not_there_whatever_else_it_is(host, tapnet):
    for words in (("show",), ("set", "--up"), ("del",)):
        for name, reason in (("nope", "there is no device nope"), ("lo", "lo is the loopback interface")):
            failed = tapnet("device", *words, name, check=False)
            assert failed.returncode == 1 and reason in failed.stderr


def test_what_belongs_to_a_set_is_changed_in_its_file_unless_forced(lab, host, tapnet):
    """The keeper would undo the one, and nothing guards the other."""
    tapnet("up", lab)
    host.run("ip", "link", "add", "br0", "type", "bridge")
    before = snapshot(host, run_dir=tapnet.run_dir)
    for words, reason in ((("set", "lab-web", "--mtu", "1400"), "lab-web belongs to set lab: edit its file"),
                          (("add", "vm0", "--bridge", "br-lab", "--up"), "br-lab is the bridge of a network of set")):
        refused = tapnet("device", *words, check=False)
        assert refused.returncode == 1 and reason in refused.stderr and "must be forced" in refused.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
    tapnet("device", "add", "vm0", "--bridge", "br0", "--up")
    refused = tapnet("device", "set", "vm0", "--bridge", "br-lab", check=False)
    assert refused.returncode == 1 and "add a port to the file" in refused.stderr
    assert tapnet.json("device", "show", "vm0")["devices"][0]["bridge"] == "br0"
    tapnet("device", "set", "--force", "vm0", "--bridge", "br-lab")
    tapnet("device", "set", "--force", "lab-web", "--mtu", "1400")
    tapnet("device", "add", "--force", "vm1", "--bridge", "br-lab")
    assert {info["name"]: info["bridge"] for info in tapnet.json("device", "show")["devices"]} == \
        {"lab-web": "br-lab", "vm0": "br-lab", "vm1": "br-lab"}
    assert "lab-web" in tapnet("status", check=False).stdout


def test_no_line_of_status_ends_in_blanks(host, tapnet):
    """The last column is as wide as its widest, where something stands behind it."""
    tapnet("up", tapnet.file("networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {}, db: {} } } }"))
    host.run("ip", "link", "del", "lab-web")
    lines = tapnet("status", check=False).stdout.splitlines()
    assert any(line.endswith("  missing") for line in lines) and any(line.endswith("  free") for line in lines)
    assert [line for line in lines if line != line.rstrip()] == []


def test_status_names_the_file_of_a_set(lab, host, tapnet):
    tapnet("up", lab)
    assert tapnet.json("status")["sets"] == [{"name": "lab", "file": str(lab)}]


@pytest.mark.parametrize("text, counts", [
    ("devices: { t1: { kind: tun } }", "1 device ("),
    ("devices: { t1: { kind: tun }, t2: { kind: tap } }", "2 devices ("),
    ("networks: { lab: { subnet: 10.20.0.1/24 } }\ndevices: { t1: { kind: tun } }", "1 network, 1 device ("),
    ("networks: { lab: { subnet: 10.20.0.1/24, ports: { a: {}, b: {} } } }", "1 network, 2 ports ("),
])
def test_up_counts_what_there_is(host, tapnet, text, counts):
    assert f"is up: {counts}" in tapnet("up", tapnet.file(text)).stdout


def test_a_file_name_that_is_no_set_name_is_told_the_remedy(host, tapnet):
    refused = tapnet("up", tapnet.file(LAB, "my_lab.yaml"), check=False)
    assert refused.returncode == 2 and "name: my-lab" in refused.stderr


def test_a_network_at_the_top_is_told_where_it_belongs(host, tapnet):
    refused = tapnet("up", tapnet.file("lab:\n  ports: { web: {} }\n"), check=False)
    assert refused.returncode == 2 and "lab.yaml:1:1" in refused.stderr
    assert "networks:" in refused.stderr


# ---- the way out ----

def test_an_uplink_that_is_not_there_is_said(host, tapnet):
    file = tapnet.file("networks: { lab: { uplink: wlan7, subnet: 10.20.0.1/24 } }")
    for command, code in (("plan", 3), ("up", 0)):
        answer = tapnet(command, file, check=False)
        line, = answer.stderr.splitlines()
        assert answer.returncode == code and "no device wlan7" in line
    shown = tapnet("status")
    assert "no device wlan7" in shown.stdout
    assert "wlan7" in json.loads(tapnet("status", "--json").stdout)["warnings"][0]
    host.run("ip", "tuntap", "add", "wlan7", "mode", "tap")
    assert tapnet("up", file).stderr == ""
    assert "no device" not in tapnet("status").stdout


def test_no_way_out_is_said(host, tapnet):
    host.run("ip", "route", "del", "default")
    file = tapnet.file("networks: { lab: { subnet: 10.20.0.1/24 }, dark: { mode: isolated } }")
    line, = tapnet("up", file).stderr.splitlines()
    assert "network lab" in line and "no default route" in line
    assert "no default route" in tapnet("status").stdout


# ---- rights ----

@pytest.mark.parametrize("command", ["up", "down", "plan", "status"])
def test_without_rights_the_command_that_has_them_is_named(lab, host, tapnet, command):
    """Also while the set is up, and its run directory is not for everybody to look into."""
    operand = [] if command == "status" else [lab]
    tapnet("up", lab)
    host.tmp.chmod(0o755)
    words = [command, "--json", *operand]
    failed = as_nobody(host, everybodys(), *words)
    line, = failed.stderr.splitlines()
    assert failed.returncode == 1
    assert "needs root (CAP_NET_ADMIN" in line
    assert line.endswith(f": sudo {everybodys()} {' '.join(map(str, words))}")


def test_the_command_that_has_rights_is_quoted_for_a_shell(host, tapnet):
    file = tapnet.file(LAB.replace("networks:", "name: lab\nnetworks:"), "it's mine.yaml")
    failed = as_nobody(host, everybodys(), "plan", file)
    command = failed.stderr.rstrip().split(": sudo ")[1]
    assert shlex.split(command) == [str(everybodys()), "plan", str(file)]


def test_a_mistyped_run_directory_does_not_grow(lab, host, tapnet):
    before = snapshot(host, run_dir=tapnet.run_dir)
    mistyped = host.tmp / "rnu" / "tapnet"
    failed = tapnet("up", lab, check=False, env={"TAPNET_RUN_DIR": str(mistyped)})
    assert failed.returncode == 1 and str(mistyped) in failed.stderr and len(failed.stderr.splitlines()) == 1
    assert not mistyped.parent.exists()
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_a_kernel_without_nftables_is_told_the_remedy(lab, host, tapnet):
    """It makes no socket of netfilter's netlink."""
    report = host.tmp / "calls"
    refuse = "--fail", errno.EPROTONOSUPPORT, "--call", "socket"
    struck(host, 1_000_000, *refuse, "--report", report, "--", tapnet.program, "plan", lab, env=NO_LEAK_CHECK)
    count = report.read_text("ascii").count("call ")
    told = [struck(host, number, *refuse, "--", tapnet.program, "plan", lab, env=NO_LEAK_CHECK)
            for number in range(1, count + 1)]
    assert (1, "tapnet: the kernel has no nftables, which keep guests apart: `modprobe nf_tables`\n") in \
        [(done.returncode, done.stderr) for done in told]


def test_a_missing_service_program_is_told_the_remedy(lab, host, tapnet):
    failed = tapnet("up", lab, check=False, env={"TAPNET_SERVICE": "/nonexistent/service"})
    line, = failed.stderr.splitlines()
    assert failed.returncode == 1 and "/nonexistent/service" in line
    assert "make install" in line and "TAPNET_SERVICE" in line


# ---- standard output ----

@pytest.mark.parametrize("argv", [["status"], ["status", "--json"], ["plan", "LAB"], ["--help"], ["--version"],
                                  ["up", "--help"]])
def test_what_can_not_be_printed_is_a_failure(lab, host, tapnet, argv):
    words = " ".join(argv).replace("LAB", str(lab))
    failed = host.run("sh", "-c", f"exec {tapnet.program} {words} >/dev/full", check=False)
    assert failed.returncode == 1
    assert "No space left on device" in failed.stderr


def test_a_reader_that_goes_does_not_stop_the_work(lab, host, tapnet):
    read, write = os.pipe()
    os.close(read)
    done = host.popen(tapnet.program, "up", lab, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.communicate()[1] == "" and done.returncode == 0
    assert tapnet("status").returncode == 0


# ---- being stopped ----

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


PORTS = 60
AMID = {"up": 200, "down": 100}  # a call that makes, or takes away, a port amid the others: strike.c counts them


def big_file(tapnet):
    ports = "\n".join(f"      p{i}: {{}}" for i in range(PORTS))
    return tapnet.file(f"networks:\n  big:\n    ports:\n{ports}\n", "big.yaml")


def struck(host, call, *words, env=None):
    """Runs a command under strike, which does something to it at that call: no race, however busy the machine is."""
    return host.run(program("tests/fault/strike"), "--at", call, *words, check=False, timeout=60, env=env)


def stop(host, tapnet, number, *argv):
    """Runs a command and sends it @number amid its work; its exit code and what it said."""
    done = struck(host, AMID[argv[0]], "--send", int(number), "--", tapnet.program, *argv)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_up_undoes_it(host, tapnet, number):
    file = big_file(tapnet)
    before = snapshot(host, run_dir=tapnet.run_dir)
    code, output, errors = stop(host, tapnet, number, "up", file)
    assert code == 128 + number and output == ""
    assert "undoing" in errors and "and undone: the host is as it was" in errors
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_a_signal_during_down_puts_everything_back(host, tapnet):
    file = big_file(tapnet)
    tapnet("up", file)
    code, _, errors = stop(host, tapnet, signal.SIGINT, "down", "big")
    assert code == 130 and "and undone" in errors
    assert tapnet("status").returncode == 0
    assert tapnet("plan", file).stdout == "nothing to do\n"


def test_a_second_signal_does_not_stop_the_undoing(host, tapnet):
    file = big_file(tapnet)
    before = snapshot(host, run_dir=tapnet.run_dir)
    for later in (20, 40, 80, 160):  # calls: the first signal may be noticed after the second has come
        twice = "--send", int(signal.SIGINT), "--then", AMID["up"] + later
        done = struck(host, AMID["up"], *twice, "--", tapnet.program, "up", file)
        assert done.returncode == 130
        if len(done.stderr.splitlines()) == 3:
            break
    undoing, still_undoing, undone = done.stderr.splitlines()
    assert "undoing" in undoing and "still undoing" in still_undoing and "and undone" in undone
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_a_signal_ends_the_wait_for_another_tapnet(lab, host, tapnet):
    tapnet("up", lab)
    lock, = tapnet.run_dir.glob("*/lock")
    with open(lock, encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = host.popen(tapnet.program, "down", "lab", stderr=subprocess.PIPE, text=True)
        while not waits_for_a_lock(waiting.pid):
            pass
        waiting.send_signal(signal.SIGTERM)
        assert "nothing was touched" in waiting.communicate(timeout=10)[1] and waiting.returncode == 143
    assert tapnet("status").returncode == 0


def waits_for_a_lock(pid):
    """Who waits stands with an arrow in /proc/locks."""
    with open("/proc/locks", encoding="ascii") as file:
        return any("->" in line and str(pid) in line.split() for line in file)


def test_who_ignores_hangups_is_not_stopped_by_one(host, tapnet):
    words = "nohup", tapnet.program, "up", big_file(tapnet)
    done = struck(host, AMID["up"], "--send", int(signal.SIGHUP), "--", *words)
    assert done.returncode == 0 and "big is up" in done.stdout


def test_down_says_what_a_killed_up_had_left(host, tapnet):
    file = big_file(tapnet)
    before = snapshot(host, run_dir=tapnet.run_dir)
    killed = struck(host, AMID["up"], "--kill", "before", "--", tapnet.program, "up", file)
    assert killed.returncode == 128 + signal.SIGKILL
    answer = tapnet("down", file)
    assert "undid what a tapnet that was killed had left: 2 nftables tables, " in answer.stderr
    assert "1 bridge" in answer.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
