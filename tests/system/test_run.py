# SPDX-License-Identifier: MIT
"""`tapnet run`: a command gets a port with an open TAP, and the port goes with the command, in whatever way it ends.

      host under test                              outside
    +---------------------------------------+    +----------+
    | the command -- lab-vm1 --+            |    |          |
    |                          +-- br-lab  eth0 -- 192.0.2.1 |
    |  (a guest)  -- lab-web --+            |    |          |
    +---------------------------------------+    +----------+
"""

import os
import signal
import subprocess

import pytest
from tapnet_test.build import Tapnet
from tapnet_test.processes import wait_gone
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: { address: 10.20.0.7 } } } }\n"
SOON = 5


@pytest.fixture
def lab(world, tapnet):
    tapnet("up", tapnet.file(LAB))
    return tapnet


@pytest.fixture
def run(host, tapnet):
    """Starts a `tapnet run` of a shell script, which is told the port in its arguments."""
    started = []

    def start(*words, script="cat", options=("-q",), **kw):
        command = ["sh", "-c", script, "sh", "{fd}", "{device}", "{mac}", "{address}"]
        started.append(host.popen(tapnet.program, "run", *options, *words, "--", *command, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True, **kw))
        return started[-1]
    yield start
    for process in started:
        if process.poll() is None:
            process.stdin.close()
            process.wait(20)


def links(host):
    return {link["ifname"] for link in host.json("ip", "-j", "link")}


def is_well(tapnet):
    """Also no keeper is amid its work."""
    return tapnet("status", check=False).returncode == 0


def held(host):
    """Devices of ours that are plugged in."""
    return [link["ifname"] for link in host.json("ip", "-j", "link") if "-vm" in link["ifname"]
            and "NO-CARRIER" not in link["flags"]]


def ports(tapnet, name="lab"):
    """By their names, also while somebody is at work on them."""
    return {port["name"]: port for network in tapnet.json_of_status()["networks"] if network["name"] == name
            for port in network["ports"]}


def test_a_new_port_lives_as_long_as_the_command(lab, host, run):
    before = snapshot(host, run_dir=lab.run_dir)
    process = run("lab", script='echo "$@"; readlink /proc/self/fd/$1; grep iff: /proc/self/fdinfo/$1; read end')
    fd, device, mac, address = process.stdout.readline().split()
    assert device == "lab-vm1" and process.stdout.readline() == "/dev/net/tun\n"
    assert process.stdout.readline() == "iff:\tlab-vm1\n" and int(fd) > 2
    port = ports(lab)["vm1"]
    assert (port["device"], port["mac"], port["addresses"][0]) == (device, mac, address)
    assert port["state"] == "plugged" and port["origin"] == "run"
    assert "vm1" in host.run("nft", "list", "set", "bridge", "tapnet", "ports").stdout
    line, = (line for line in lab("status").stdout.splitlines() if "lab-vm1" in line)  # all is as it should be
    assert line.endswith("  for a command")
    process.stdin.write("\n")
    process.stdin.close()
    assert process.wait(20) == 0
    assert_same(before, snapshot(host, run_dir=lab.run_dir))


@pytest.mark.parametrize("network", [
    "mode: isolated", "mode: routed, subnet: 10.30.0.1/24", "subnet6: auto",
    "ports_see_each_other: false, limit: { send: 10mbit, receive: 10mbit, connections: 100 }", "mtu: 1400"])
def test_in_every_kind_of_network(world, tapnet, host, run, network):
    """A port comes and goes beside others, and what is up is as it should be meanwhile."""
    text = f"networks: {{ lab: {{ {network}, ports: {{ web: {{}}, db: {{}} }} }} }}\n"
    tapnet("up", tapnet.file(text))
    before = snapshot(host, run_dir=tapnet.run_dir)
    first, second = (run("lab", script='echo "$@"; read end') for _ in range(2))
    devices = {process.stdout.readline().split()[1] for process in (first, second)}
    assert devices == {"lab-vm1", "lab-vm2"} and is_well(tapnet)
    assert "all is as wanted" in tapnet("up", tapnet.file(text)).stdout
    for process in first, second:
        process.stdin.close()
        assert process.wait(20) == 1
    assert is_well(tapnet)
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


OPEN_BY_NAME = """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
print(sys.argv[1], flush=True)
sys.stdin.readline()
"""


def test_a_command_may_open_the_device_by_its_name(lab, host):
    """As Firecracker does. The port is there before that, and after, as long as the command."""
    before = snapshot(host, run_dir=lab.run_dir)
    wait = "import sys; print(flush=True); sys.stdin.readline()\n"
    process = host.popen(lab.program, "run", "-q", "lab", "--", "/usr/bin/python3", "-c", wait + OPEN_BY_NAME,
                         "{device}", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    lab("up", lab.file(LAB))  # which looks for ports that nobody holds
    assert ports(lab)["vm1"]["state"] == "free"
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "lab-vm1\n" and ports(lab)["vm1"]["state"] == "plugged"
    process.stdin.close()
    assert process.wait(20) == 0
    assert_same(before, snapshot(host, run_dir=lab.run_dir))


def test_a_killed_run_of_such_a_command_leaves_nothing_for_long(world, host):
    lab = Tapnet(host, keeper=True)
    lab("up", lab.file(LAB))
    process = host.popen(lab.program, "run", "-q", "lab", "--", "/usr/bin/python3", "-c", OPEN_BY_NAME, "{device}",
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.kill()
    process.wait()
    lab.let_look()
    assert ports(lab)["vm1"]["state"] == "plugged"
    process.stdin.close()
    wait_for(lambda: "vm1" not in ports(lab), SOON, "the keeper takes the port away")
    lab("down", "--all")


def test_whom_the_command_leaves_behind_keeps_the_port(lab, host, run):
    """A daemon goes on with the descriptor; the next `up` finds that it has ended."""
    process = run("lab", script="sleep 30 <&- >&- 2>&- & echo $!", options=())
    daemon = int(process.stdout.readline())
    assert process.wait(20) == 0 and ports(lab)["vm1"]["state"] == "plugged"
    lab("up", lab.file(LAB))
    assert "vm1" in ports(lab)
    os.kill(daemon, signal.SIGKILL)
    wait_gone(daemon)
    lab("up", lab.file(LAB))
    assert list(ports(lab)) == ["web"]


def test_a_declared_port_stays(lab, host, run):
    process = run("lab/web", script='echo "$@"; read end')
    assert process.stdout.readline().split()[1::2] == ["lab-web", "10.20.0.7"]
    busy = lab("run", "lab/web", "--", "true", check=False)
    assert busy.returncode == 125 and "held by" in busy.stderr
    process.stdin.close()
    assert process.wait(20) == 1
    assert ports(lab)["web"]["state"] == "free" and "lab-web" in links(host)


@pytest.mark.parametrize("script, code", [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)])
def test_the_exit_code_is_the_commands(lab, run, script, code):
    assert run("lab", script=script).wait(20) == code
    assert list(ports(lab)) == ["web"]


def test_a_script_that_names_no_interpreter_is_the_shells(lab, host):
    """As behind any command that starts another: by its path, and found in PATH."""
    host.write("plain", 'echo "$0 $1"; exit 9').chmod(0o755)
    host.env["PATH"] = f"{host.tmp}:/usr/sbin:/usr/bin:/sbin:/bin"
    for name in (host.tmp / "plain", "plain"):
        done = lab("run", "-q", "lab", "--", name, "a b", check=False)
        assert done.returncode == 9 and done.stdout.endswith("plain a b\n"), done


def test_what_cannot_be_run_leaves_nothing(lab, host):
    before = snapshot(host, run_dir=lab.run_dir)
    host.env["PATH"] = "/usr/sbin:/usr/bin"  # without a folder that this user may not look into
    for command, code in (("no-such-program", 127), (str(host.tmp), 126)):
        done = lab("run", "-q", "lab", "--", command, check=False)
        assert done.returncode == code and f"cannot run {command}" in done.stderr
    for words, said in (("nowhere -- true", "no network nowhere is up; up are: lab"),
                        ("lab/Web -- true", "`Web` is no name for a port"),
                        ("lab", "the command is missing; usage: tapnet run [OPTION...] [NETWORK[/PORT]] -- COMMAND"),
                        ("lab true", "one word too many before --: 'true'; usage: tapnet run [OPTION...] "
                                     "[NETWORK[/PORT]] -- COMMAND")):
        done = lab("run", "-q", *words.split(), check=False)
        assert done.returncode == 2 and said in done.stderr
    empty = lab("run", "lab", "--", "", "x", check=False)
    assert empty.returncode == 2 and "the command behind -- is an empty word, ''; usage: " in empty.stderr
    assert_same(before, snapshot(host, run_dir=lab.run_dir))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_handed_on(lab, run, number):
    name = number.name[3:]
    process = run("lab", script=f'trap "exit 33" {name}; echo ready; while :; do sleep 0.1; done')
    process.stdout.readline()
    process.send_signal(number)
    assert process.wait(20) == 33
    assert list(ports(lab)) == ["web"]


def test_a_killed_run_leaves_the_guest_its_port(world, host, run):
    """The guest goes on; when it ends, the keeper takes its port away."""
    lab = Tapnet(host, keeper=True)
    lab("up", lab.file(LAB))
    process = run("lab", script='echo $$; read end')
    guest = int(process.stdout.readline())
    process.kill()
    process.wait()
    lab.let_look()
    assert ports(lab)["vm1"]["state"] == "plugged"
    os.kill(guest, signal.SIGKILL)
    wait_for(lambda: "vm1" not in ports(lab), SOON, "the keeper takes the port away")
    wait_for(lambda: "lab-vm1" not in links(host) and is_well(lab), SOON, "nothing is left of it")
    lab("down", "--all")


def test_without_a_keeper_the_next_up_takes_it_away(lab, host, run):
    process = run("lab", script='echo $$; read end')
    guest = int(process.stdout.readline())
    process.kill()
    os.kill(guest, signal.SIGKILL)
    process.wait()
    wait_gone(guest)
    lab("up", lab.file(LAB))
    assert list(ports(lab)) == ["web"] and "lab-vm1" not in links(host)


def test_up_keeps_ports_that_are_plugged(lab, run):
    process = run("lab", script='echo "$@"; read end')
    address = process.stdout.readline().split()[3]
    assert "all is as wanted" in lab("up", lab.file(LAB)).stdout
    lab("up", lab.file(LAB.replace("web: {", "db: {}, web: {")))
    assert ports(lab)["vm1"]["addresses"][0] == address and set(ports(lab)) == {"db", "web", "vm1"}
    lab("up", lab.file(LAB.replace("web: {", "vm1: {}, web: {")))
    process.stdin.close()
    process.wait(20)
    assert set(ports(lab)) == {"vm1", "web"}, "the file's own by now"


def test_a_network_for_the_time_of_the_command(world, tapnet, host, run):
    """Several guests share it, and it goes with the last one."""
    before = snapshot(host, run_dir=tapnet.run_dir)
    first = run(script='echo "$@"; read end')
    device, _, address = first.stdout.readline().split()[1:]
    assert device == "default-vm1"
    second = run(script='echo "$@"; read end')
    assert second.stdout.readline().split()[1] == "default-vm2"
    network = tapnet.status("default")
    assert network["mode"] == "nat" and network["set"] == "tapnet-run"
    assert address in [port["addresses"][0] for port in network["ports"]]
    first.stdin.close()
    first.wait(20)
    assert list(ports(tapnet, "default")) == ["vm2"]
    second.stdin.close()
    second.wait(20)
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_which_network_must_be_clear(lab, tapnet):
    tapnet("up", tapnet.file("networks: { dmz: {} }", "dmz.yaml"))
    done = tapnet("run", "--", "true", check=False)
    assert done.returncode == 2 and "no network was named; up are: dmz, lab" in done.stderr


# A QEMU that says what it was told, and with what descriptors.
FAKE = """#!/bin/sh
printf '%s\\n' "$@"
ls -l /proc/self/fd | grep -c net/tun
"""


@pytest.fixture
def fake(host):
    def make(name):
        path = host.tmp / name
        path.write_text(FAKE)
        path.chmod(0o755)
        return str(path)
    return make


def test_a_qemu_gets_a_network_card(lab, fake):
    told = lab("run", "-q", "lab", "--", fake("qemu-system-x86_64"), "disk.img").stdout.split()
    assert told[0] == "disk.img" and told[-1] == "1"
    assert told[1] == "-netdev" and told[2].startswith("tap,id=tapnet,fd=")
    assert told[3] == "-device" and told[4].startswith("virtio-net-pci,netdev=tapnet,mac=52:54:00:")
    told = lab("run", "-q", "--queues", "3", "lab", "--", fake("qemu-system-x86_64"), "-M", "q35").stdout.split()
    assert told[-1] == "3" and len(told[3].split("fds=")[1].split(",")[0].split(":")) == 3
    assert told[5].endswith(",mq=on,vectors=8")
    for words, card in ((["-M", "microvm,x-option-roms=off"], "virtio-net-device"),
                        (["-machine", "type=microvm"], "virtio-net-device")):
        told = lab("run", "-q", "lab", "--", fake("qemu-system-x86_64"), *words).stdout.split()
        assert told[5].startswith(card + ",")
    assert "virtio-net-ccw," in lab("run", "-q", "lab", "--", fake("qemu-system-s390x")).stdout


# A /dev of this mount namespace alone, in which vhost-net is a file.
DEV = """
mkdir "$1"; mount -t tmpfs dev "$1"
for node in null zero urandom; do touch "$1/$node"; mount --bind "/dev/$node" "$1/$node"; done
mkdir "$1/net"; mount --rbind /dev/net "$1/net"
touch "$1/vhost-net"; ln -s /proc/self/fd "$1/fd"
mount --rbind "$1" /dev
"""


def test_a_qemu_gets_vhost_where_the_host_has_it(lab, host, fake):
    host.run("sh", "-ec", DEV, "sh", host.tmp / "dev")
    told = lab("run", "-q", "--queues", "2", "lab", "--", fake("qemu-system-x86_64")).stdout.split()
    vhost = dict(word.split("=") for word in told[1].split(",")[1:])
    assert vhost["vhost"] == "on" and len(vhost["fds"].split(":")) == len(vhost["vhostfds"].split(":")) == 2
    assert not set(vhost["fds"].split(":")) & set(vhost["vhostfds"].split(":"))
    told = lab("run", "-q", "lab", "--", "sh", "-c", "ls -l /proc/self/fd", "{fd}").stdout
    assert "vhost-net" not in told, "it is QEMU's alone"


@pytest.mark.parametrize("words", [["-netdev", "tap,fd={fd},id=n0"], ["-nic", "none"], ["--netdev", "user,id=a"]])
def test_a_qemu_with_a_card_keeps_its_own(lab, fake, words):
    told = lab("run", "-q", "lab", "--", fake("qemu-system-x86_64"), *words).stdout.split()
    assert told[0] == words[0] and len(told) == len(words) + 1
    assert "{fd}" not in told[1]


def test_who_forgets_the_card_is_told(lab, fake):
    """A QEMU behind another program is not looked for: that may be anything. But nobody shall wonder."""
    qemu = fake("qemu-system-x86_64")
    told = lab("run", "lab", "--", "env", "A=1", qemu, "disk.img")
    assert told.stdout.split() == ["disk.img", "1"]
    assert f"{qemu} behind env gets no network card by itself: put `tapnet run -- {qemu}` behind env" in told.stderr
    for words in (["true"], [qemu, "-nic", "none"]):
        assert "nothing in the command takes the port: say {fd}" in lab("run", "lab", "--", *words).stderr
        assert not lab("run", "-q", "lab", "--", *words).stderr
    for words in ([qemu], ["echo", "{fd}"], ["echo", "{device}"], ["env", qemu, "-netdev", "tap,fd={fd}"]):
        said = lab("run", "lab", "--", *words).stderr
        assert "device lab-vm" in said and said.count("\n") == 1


def test_many_at_once(lab, host, run):
    before = snapshot(host, run_dir=lab.run_dir)
    processes = [run("lab", script='echo "$@"; read end') for _ in range(8)]
    devices = {process.stdout.readline().split()[1] for process in processes}
    assert devices == {f"lab-vm{number}" for number in range(1, 9)}
    for process in processes[::2]:
        process.kill()
    for process in processes:
        process.stdin.close()
        process.wait(20)
    wait_for(lambda: not held(host), 4 * SOON, "the commands of those that were killed end too")
    lab("up", lab.file(LAB))
    assert_same(before, snapshot(host, run_dir=lab.run_dir))
