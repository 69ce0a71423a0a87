# SPDX-License-Identifier: MIT
"""`tapnet attach` and `detach`, and who may: ports in two steps, for root by himself, for others by the keeper.

      host under test                                            outside
    +--------------------------------------------------------+  +---------+
    | root        -- lab-vm1, lab-tool, ... --+              |  |         |
    | user 12345  -- lab-vm2 (his) -----------+-- br-lab -- eth0          |
    |  (declared) -- lab-web -----------------+              |  |         |
    +--------------------------------------------------------+  +---------+
      tapnet-keeper: */run/BOOT-COOKIE.attach
"""

import json
import os
import signal
import subprocess

import pytest
from tapnet_test.build import Tapnet, everybodys, program
from tapnet_test.plugging import ALICE, BOB, LAB, SAY, as_user, at_rest, attach, links, plugging_lab, ports
from tapnet_test.processes import wait_gone
from tapnet_test.rights import need_all_users
from tapnet_test.snapshot import assert_same
from tapnet_test.waiting import wait_for

SOON = 5


@pytest.fixture
def lab(world, host):
    yield from plugging_lab(host)


# ---- root ----

def test_a_port_in_two_steps(lab, host):
    before = at_rest(lab)
    made = attach(lab, "lab/tool")
    assert made["device"] == "lab-tool" and made["made"] and made["origin"] == "attached"
    link, = host.json("ip", "-j", "-d", "link", "show", "lab-tool")
    assert link["master"] == made["bridge"] == "br-lab" and link["mtu"] == made["mtu"]
    assert link["ifalias"] == f"tapnet:lab/lab/tool attached mac={made['mac']}"
    assert (made["gateway"], made["dns"], made["subnets"][0]) == ("10.20.0.1", ["10.20.0.1"], "10.20.0.1/24")
    port = ports(lab)["tool"]
    assert [port["mac"], port["addresses"]] == [made["mac"], made["addresses"]]
    assert port["limit"]["receive"] == 10_000_000, "what the network says of its ports"
    assert "lab-tool" in host.run("nft", "list", "set", "bridge", "tapnet", "ports").stdout
    again = attach(lab, "lab/tool")
    assert not again.pop("made") and again.items() <= made.items()
    lab("up", lab.file(LAB))
    lab.let_look()
    assert "tool" in ports(lab), "it stays though nobody holds it"
    assert lab("detach", "lab/tool").stdout == "lab/tool is unplugged\n"
    assert_same(before, at_rest(lab))


def test_what_would_be_done(lab, host):
    before = at_rest(lab)
    planned = lab("attach", "--dry-run", "lab/tool", check=False)
    assert planned.returncode == 3 and "+ tap lab-tool\n" in planned.stdout
    assert "~ DHCP and DNS for network lab: ports or options changed\n" in planned.stdout
    steps = json.loads(lab("attach", "--dry-run", "--json", "lab/tool", check=False).stdout)["steps"]
    assert len(steps) == len(planned.stdout.splitlines())
    assert_same(before, at_rest(lab))
    assert lab("attach", "--dry-run", "lab/web").stdout == "nothing to do\n"
    attach(lab, "lab/tool")
    gone = lab("detach", "-n", "lab/tool", check=False)
    assert gone.returncode == 3 and sorted(line[2:] for line in gone.stdout.splitlines()) == \
        sorted(line[2:] for line in planned.stdout.splitlines())
    guest = host.popen(lab.program, "run", "-q", "lab/tool", "--", "sh", "-c", "echo ready; read end", "{fd}",
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert guest.stdout.readline() == "ready\n"
    told = lab("detach", "-n", "lab/tool", check=False).stdout
    assert "the guest in lab/tool, sh (" in told and "its device lab-tool goes, and its network with it" in told
    guest.stdin.close()
    assert guest.wait(20) == 1 and "tool" in ports(lab)


def test_new_ports_have_names_of_their_own(lab):
    assert [attach(lab, "lab")["port"] for _ in range(3)] == ["vm1", "vm2", "vm3"]
    lab("detach", "-q", "lab/vm2")
    assert attach(lab, "lab")["port"] == "vm2"
    assert len({port["addresses"][0] for port in ports(lab).values()}) == 4


def test_a_declared_port_is_told_and_stays(lab, host):
    told = attach(lab, "lab/web")
    assert told["origin"] == "declared" and told["addresses"][0] == "10.20.0.7" and not told["made"]
    refused = lab("detach", "lab/web", check=False)
    assert refused.returncode == 1 and "port lab/web is of a file, and stays" in refused.stderr
    assert "lab-web" in links(host)


@pytest.mark.parametrize("words, code, said", [
    (["attach", "nowhere"], 2, "no network nowhere is up; up are: closed, lab"),
    (["attach"], 2, "no network was named; up are: closed, lab"),
    (["attach", "lab/Web"], 2, "`Web` is no name for a port"),
    (["attach", "lab/"], 2, "'lab/' is no port: say NETWORK or NETWORK/PORT"),
    (["attach", "lab/web", "--queues", "0"], 2, "--queues 0: a number from 1 to 256"),
    (["detach", "lab"], 2, "which port of lab? Say lab/PORT"),
    (["detach", "lab/none"], 2, "network lab has no port none"),
    (["detach", "nowhere/none"], 2, "no network nowhere is up"),
])
def test_mistakes_are_told(lab, host, words, code, said):
    before = at_rest(lab)
    done = lab(*words, check=False)
    assert done.returncode == code and said in done.stderr, done.stderr
    assert_same(before, at_rest(lab))


def test_a_full_network_is_told(host, world):
    tapnet = Tapnet(host)
    tapnet("up", tapnet.file("networks: { tiny: { subnet: 10.9.0.1/30, ports: { only: {} } } }"))
    done = tapnet("attach", "tiny", check=False)
    assert done.returncode == 1 and "no address of 10.9.0.1/30 is left for another port" in done.stderr
    assert list(ports(tapnet, "tiny")) == ["only"]
    tapnet("down", "--all")


def test_a_device_of_somebody_else_is_left_alone(lab, host):
    host.run("ip", "tuntap", "add", "lab-mine", "mode", "tap")
    done = lab("attach", "lab/mine", check=False)
    assert done.returncode == 2 and "lab-mine is already there and is not tapnet's" in done.stderr
    host.run("ip", "tuntap", "add", "lab-vm1", "mode", "tap")
    assert attach(lab, "lab")["device"] == "lab-vm2"
    host.run("ip", "link", "del", "lab-mine")
    host.run("ip", "link", "del", "lab-vm1")


def test_killed_at_any_instant_it_leaves_nothing_half(lab, host):
    """The next tapnet finds no port, or a whole one."""
    for moment in range(0, 20):
        process = host.popen(lab.program, "attach", "lab/half", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(moment / 1000)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        lab("up", lab.file(LAB))
        assert lab("status", check=False).returncode == 0
        lab("detach", "-q", "lab/half", check=False)
    assert list(ports(lab)) == ["web"] and "lab-half" not in links(host)


# ---- users ----

def test_a_user_runs_a_guest_on_a_port_of_his_own(lab, host):
    process = host.popen(*as_user(ALICE), everybodys(), "run", "-q", "lab", "--", "sh", "-c",
                         'grep iff: /proc/self/fdinfo/$1; read end', "sh", "{fd}", stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "iff:\tlab-vm1\n"
    link, = host.json("ip", "-j", "-d", "link", "show", "lab-vm1")
    assert link["linkinfo"]["info_data"]["user"] == str(ALICE) or link["linkinfo"]["info_data"]["user"] == ALICE
    assert ports(lab)["vm1"]["state"] == "plugged"
    refused = host.run(*as_user(BOB), everybodys(), "detach", "lab/vm1", check=False)
    assert refused.returncode == 1 and f"user {BOB} may not plug guests in" in refused.stderr
    process.stdin.close()
    assert process.wait(20) == 1
    wait_for(lambda: list(ports(lab)) == ["web"], SOON, "the port goes with the command")


def test_a_killed_users_port_goes(lab, host):
    process = host.popen(*as_user(ALICE), everybodys(), "run", "-q", "lab", "--", "sh", "-c", "echo $$; read end",
                         "{fd}", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    guest = int(process.stdout.readline())
    process.kill()
    os.kill(guest, signal.SIGKILL)
    wait_gone(guest)
    wait_for(lambda: list(ports(lab)) == ["web"], SOON, "the keeper takes it away")


def test_a_quota_is_kept(lab, host):
    words = (*as_user(ALICE), everybodys())
    for name in "one", "two":
        host.run(*words, "attach", f"lab/{name}")
    refused = host.run(*words, "attach", "lab/three", check=False)
    assert refused.returncode == 1 and f"user {ALICE} has 2 ports of network lab" in refused.stderr
    host.run(*words, "detach", "lab/one")
    host.run(*words, "attach", "lab/three")
    assert set(ports(lab)) == {"web", "two", "three"}


def test_a_users_port_does_not_become_the_files(lab, host):
    """He has a descriptor of one of its queues; the guest that the file means must not share the device with him."""
    process = host.popen(*as_user(ALICE), everybodys(), "run", "-q", "--queues", "2", "lab/db", "--", "sh", "-c",
                         "echo; read end", "sh", "{fds}", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    assert ports(lab)["db"]["state"] == "plugged"
    index = host.json("ip", "-j", "link", "show", "lab-db")[0]["ifindex"]
    lab("up", lab.file(LAB.replace("ports: { web:", "ports: { db: { queues: 2 }, web:")))
    assert host.json("ip", "-j", "link", "show", "lab-db")[0]["ifindex"] != index
    port = ports(lab)["db"]
    assert (port["origin"], port["state"], port["holder"]) == ("declared", "free", None)
    process.stdin.close()
    assert process.wait(20) == 1
    assert "db" in ports(lab)


@pytest.mark.parametrize("user, groups, network, said", [
    (BOB, (), "lab", f"user {BOB} may not plug guests in"),
    (BOB, (55555,), "lab", f"user {BOB} may not plug guests in"),
    (ALICE, (), "closed", f"user {ALICE} may not plug guests into network closed"),
    (ALICE, (), "closed/vault", f"port closed/vault is not user {ALICE}'s"),
    (ALICE, (54321,), "closed", f"user {ALICE} may not plug guests into network closed"),
])
def test_who_is_not_named_is_refused(lab, host, user, groups, network, said):
    before = at_rest(lab)
    refused = host.run(*as_user(user, *groups), everybodys(), "attach", network, check=False)
    assert refused.returncode == 1 and said in refused.stderr, refused.stderr
    assert_same(before, at_rest(lab))


def test_more_queues_than_a_message_carries_are_roots(lab, host):
    refused = host.run(*as_user(ALICE), everybodys(), "attach", "--queues", "9", "lab", check=False)
    assert refused.returncode == 2 and "ports of 8 queues at most" in refused.stderr
    assert host.run(*as_user(ALICE), everybodys(), "attach", "--queues", "8", "lab").returncode == 0


def test_a_group_may_and_a_declared_port_is_its_users(lab, host):
    told = json.loads(host.run(*as_user(BOB, 1, 54321, 2), everybodys(), "attach", "lab").stdout)
    assert told["port"] == "vm1" and ports(lab)["vm1"]["origin"] == "attached"
    code = host.run(*as_user(ALICE), everybodys(), "run", "-q", "lab/web", "--", "sh", "-c",
                    "grep -q lab-web /proc/self/fdinfo/$1", "sh", "{fd}").returncode
    assert code == 0
    refused = host.run(*as_user(BOB, 54321), everybodys(), "run", "lab/web", "--", "true", check=False)
    assert refused.returncode == 125 and f"port lab/web is not user {BOB}'s" in refused.stderr


def test_a_new_file_holds_at_once(lab, host):
    lab("up", lab.file(LAB.replace(f"{ALICE}:2", f"{BOB}:1")))
    assert host.run(*as_user(BOB), everybodys(), "attach", "lab").returncode == 0
    assert host.run(*as_user(ALICE), everybodys(), "attach", "lab/tool", check=False).returncode == 1


def test_right_behind_up_the_keeper_can_be_asked(host, world):
    """From the moment when `up` returns, however long the keeper takes to come to its senses."""
    need_all_users()
    tapnet = Tapnet(host, keeper=True)
    path = tapnet.file(LAB)
    for _ in range(5):
        told = host.run("sh", "-ec", '"$1" up -q "$2"; shift 2; exec "$@"', "sh", tapnet.program, path,
                        *as_user(ALICE), everybodys(), "attach", "lab")
        assert json.loads(told.stdout)["port"] == "vm1"
        tapnet("down", "--all")


def test_without_a_keeper_it_is_told(host, world):
    need_all_users()
    tapnet = Tapnet(host)
    tapnet("up", tapnet.file(LAB))
    refused = host.run(*as_user(ALICE), everybodys(), "attach", "lab", check=False)
    assert refused.returncode == 1 and "needs root" in refused.stderr and "or a keeper at work" in refused.stderr
    tapnet("down", "--all")
    assert not tapnet.run_dir.exists()


# Says one thing to the keeper as another user, and prints the answer.
# Connects again and again, and says nothing.
CROWD = """
import socket, sys
held = []
for _ in range(64):
    try:
        held.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK))
        held[-1].connect(sys.argv[1])
    except OSError:
        pass
print("there", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("text", [
    b"\0", b"{", b"[]", b"null", b"{}", b'{"do":"look"}', b'{"do":"attach","network":7}', b'{"do":"attach","more":1}',
    b'{"do":"attach","queues":-1}', b'{"do":"attach","queues":9}', b'{"do":"detach"}', b"\xff" * 1024,
    b'{"do":"detach","network":"lab","port":"web"}', b'{"do":"attach","do":"detach"}', b"{" * 1000,
    b'{"do":"attach","network":"lab","held":true}', b'{"do":"attach","network":"lab","port":"../../x"}',
])
def test_the_keeper_makes_no_sense_of_nonsense(lab, host, text):
    before = at_rest(lab)
    path = next(lab.run_dir.glob("*.attach"))
    answer = json.loads(host.run(*as_user(ALICE), "/usr/bin/python3", "-c", SAY, path, text.hex()).stdout)
    assert answer["ok"] is False and answer["code"] < 0 and answer["error"]
    assert_same(before, at_rest(lab))
    assert attach(lab, "lab")["made"]


LINGER = """
import array, os, socket, struct, sys
here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    here.setsockopt(socket.SOL_SOCKET, 83, 0)
except OSError:
    sys.exit(3)
far = socket.create_server(("127.0.0.1", 0))
near = socket.create_connection(far.getsockname())
near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
near.setblocking(False)
try:
    while True:
        near.send(bytes(65536))
except BlockingIOError:
    near.setblocking(True)
keeper = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
keeper.connect(sys.argv[1])
try:
    keeper.sendmsg([b'{"do":"look"}'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [near.fileno()]))])
except PermissionError:
    sys.exit(4)
os.close(near.detach())
print("sent", flush=True)
sys.stdin.read()
"""


def test_a_socket_that_lingers_does_not_stop_the_keeper(lab, host):
    """Its last one would be the keeper, who would wait for it in his next system call."""
    need_all_users()
    host.run("ip", "link", "set", "lo", "up")
    path = next(lab.run_dir.glob("*.attach"))
    guest = host.popen(*as_user(ALICE), "/usr/bin/python3", "-c", LINGER, path, stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, text=True)
    said = guest.stdout.readline()
    guest.stdin.close()
    if guest.wait(20) == 3:
        pytest.skip("this kernel lets anybody send descriptors to any socket of the family")
    assert said == "" and guest.returncode == 4


def test_who_says_nothing_keeps_nobody_out(lab, host):
    path = next(lab.run_dir.glob("*.attach"))
    crowds = [host.popen(*as_user(user), "/usr/bin/python3", "-c", CROWD, path, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True) for user in range(20000, 20006)]
    for crowd in crowds:
        crowd.stdout.readline()
    told = json.loads(host.run(*as_user(ALICE), everybodys(), "attach", "lab", timeout=20).stdout)
    assert told["made"]
    for crowd in crowds:
        crowd.stdin.close()
        crowd.wait(20)


def test_the_socket_goes_with_the_keeper(lab, host):
    assert list(lab.run_dir.glob("*.attach"))
    lab("down", "--all")
    assert not lab.run_dir.exists()


# ---- QEMU's bridge helper ----

# As QEMU: starts the helper with one end of a socket pair, and takes the TAP from the other.
AS_QEMU = """
import fcntl, os, socket, struct, subprocess, sys
ours, theirs = socket.socketpair()
done = subprocess.run([sys.argv[1], *sys.argv[2:], f"--fd={theirs.fileno()}"], pass_fds=[theirs.fileno()])
theirs.close()
byte, fds, _, _ = socket.recv_fds(ours, 1, 4)
if not fds:
    sys.exit(done.returncode)
name, flags = struct.unpack("16sH22x", fcntl.ioctl(fds[0], 0x800454d2, bytes(40)))
print(len(byte), len(fds), name.rstrip(b"\\0").decode(), bool(flags & 0x4000), flush=True)
sys.stdin.readline()
"""


def start_qemu(host, user, *words, groups=()):
    return host.popen(*as_user(user, *groups), "/usr/bin/python3", "-c", AS_QEMU, everybodys("tapnet-bridge-helper"),
                      *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(qemu):
    out, err = qemu.communicate(timeout=20)
    return qemu.returncode, err


def test_a_users_qemu_gets_a_port_by_the_helper(lab, host):
    qemu = start_qemu(host, ALICE, "--use-vnet", "--br=lab")
    assert qemu.stdout.readline() == "1 1 lab-vm1 True\n"
    other = start_qemu(host, ALICE, "--br=br-lab")
    assert other.stdout.readline() == "1 1 lab-vm2 False\n", "by the bridge's name, without a vnet header"
    assert {ports(lab)[name]["state"] for name in ("vm1", "vm2")} == {"plugged"}
    third = start_qemu(host, ALICE, "--use-vnet", "--br=lab")
    assert end(third)[0] == 1, "over quota"
    for process in qemu, other:
        end(process)
    wait_for(lambda: list(ports(lab)) == ["web"], SOON, "the ports go with QEMU")


@pytest.mark.parametrize("user, words, said", [
    (BOB, ["--br=lab"], f"user {BOB} may not plug guests in"),
    (ALICE, ["--br=closed"], f"user {ALICE} may not plug guests into network closed"),
    (ALICE, ["--br=eth0"], "no network eth0 is up"),
    (ALICE, [], "Usage:"),
    (ALICE, ["--br=lab", "--more"], "Usage:"),
])
def test_the_helper_refuses(lab, host, user, words, said):
    code, err = end(start_qemu(host, user, *words))
    assert code == 1 and said in err, err
    assert list(ports(lab)) == ["web"]


def roots_helper(host, *words, **env):
    """The one of the build itself, for root's QEMU."""
    return host.run("/usr/bin/python3", "-c", AS_QEMU, program("tapnet-bridge-helper"), *words, env=env, input="",
                    check=False)


def test_roots_helper_finds_the_keeper_that_was_built_with_it(lab, host):
    done = roots_helper(host, "--use-vnet", "--br=lab")
    assert (done.returncode, done.stdout) == (0, "1 1 lab-vm1 True\n"), done.stderr


def test_an_unknown_network_is_told_before_a_keeper_that_is_missing(lab, host):
    said = [roots_helper(host, f"--br={name}", TAPNET_SERVICE="/nowhere/tapnet-service").stderr
            for name in ("eth0", "lab")]
    assert said[0].startswith("tapnet-bridge-helper: no network eth0 is up")
    assert "cannot run the keeper's program /nowhere/tapnet-keeper" in said[1]
    assert list(ports(lab)) == ["web"]


def test_a_privilege_of_the_helper_is_of_no_use(lab, host):
    """Somebody gives it the capability, as qemu-bridge-helper often has it: who may not still may not."""
    privileged = ("setpriv", f"--reuid={BOB}", f"--regid={BOB}", "--clear-groups", "--inh-caps=-all,+net_admin",
                  "--ambient-caps=-all,+net_admin")
    assert host.run(*privileged, "ip", "link", "set", "lo", "up").returncode == 0, "it is one indeed"
    done = host.run(*privileged, "/usr/bin/python3", "-c", AS_QEMU, everybodys("tapnet-bridge-helper"), "--br=lab",
                    check=False)
    assert done.returncode == 1 and f"user {BOB} may not plug guests in" in done.stderr
    assert list(ports(lab)) == ["web"]
