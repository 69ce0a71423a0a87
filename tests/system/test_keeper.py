# SPDX-License-Identifier: MIT
"""The keeper puts back what others take away, may be killed, and is gone with the last set.

    [ web ]--lab-web--+
                      br-lab (10.20.0.1/24)---[ host ]---uplink---[ outside ]        tapnet-keeper, tapnet-service
    [ db  ]--lab-db---+
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress

import pytest
from tapnet_test import seqpacket
from tapnet_test.build import Tapnet, program, sanitized
from tapnet_test.processes import named, pause_keeper, wait_gone
from tapnet_test.rights import need_all_users
from tapnet_test.waiting import wait_for

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {}, db: {} } } }\n"
SOON = 2  # seconds within which all must be well again


@pytest.fixture
def kept(request, host, world):
    """The lab is up, with a keeper at work, for whom so many may wait as the test says."""
    if hasattr(request, "param"):
        need_all_users()  # an older kernel shows that sysctl to them alone
        host.run("sysctl", "-q", "-w", f"net.core.somaxconn={request.param}")
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB))
    wait_until(lambda: named(host, "tapnet-starter") and len(named(host, "tapnet-keeper")) == 1, "a keeper", seconds=20)
    return tapnet


def wait_until(true, what, tapnet=None, seconds=SOON):
    def why():
        log = "".join(path.read_text("utf-8") for path in tapnet.run_dir.glob("*/keeper.log")) if tapnet else ""
        return f"{what}\n{log}"

    wait_for(true, seconds, why, 0.005)


def is_well(tapnet):
    return tapnet("status", check=False).returncode == 0


def test_up_starts_one_and_down_ends_it(kept, host):
    kept("up", kept.file(LAB))
    wait_until(lambda: len(named(host, "tapnet-keeper")) == 1, "a second up needs no second keeper", seconds=20)
    kept("down", "--all")
    assert not named(host, "tapnet-keeper") and not named(host, "tapnet-starter")
    assert not kept.run_dir.exists()


def test_it_does_not_leave_while_somebody_is_about_to_tell_it(kept, host):
    """A `down` that is slow to say so must find it, to see it end. One that was killed is not waited for."""
    path, slow = next(kept.run_dir.glob("*/keeper.sock")), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    slow.connect(str(path))
    keeper = pause_keeper(host)
    aside = path.rename(host.tmp / "keeper.sock")  # this `down` does not find it, so that only we are there to tell it
    kept("down", "--all")
    path.parent.mkdir(0o700, parents=True)
    kept.run_dir.chmod(0o1711)  # as tapnet makes it: one that was there before it stays
    aside.rename(path)
    os.kill(keeper, signal.SIGCONT)
    time.sleep(3)
    assert named(host, "tapnet-keeper") == [keeper]
    slow.close()
    wait_gone(keeper, 10)
    wait_until(lambda: not kept.run_dir.exists(), "nothing is left")


def test_it_holds_one_capability_and_its_starter_none(kept, host):
    keeper, = named(host, "tapnet-keeper")
    status = open(f"/proc/{keeper}/status", encoding="utf-8").read()
    for kind in ("CapPrm", "CapEff", "CapBnd"):
        assert f"{kind}:\t{1 << 12:016x}\n" in status, "CAP_NET_ADMIN"
    assert "NoNewPrivs:\t1\n" in status
    assert sanitized("tapnet-keeper") or "Seccomp:\t2\n" in status
    starter, = named(host, "tapnet-starter")
    assert "CapEff:\t0000000000000000\n" in open(f"/proc/{starter}/status", encoding="utf-8").read()


def test_what_others_take_away_comes_back(kept, host):
    for words in ("ip link del lab-web", "ip link del br-lab", "ip link set lab-db nomaster", "nft flush ruleset",
                  "ip address flush dev br-lab"):
        host.run(*words.split())
        wait_until(lambda: is_well(kept), f"{words} mended")
    log = next(kept.run_dir.glob("*/keeper.log")).read_text(encoding="utf-8")
    assert "put back tap lab-web" in log and "put back bridge br-lab" in log


def test_the_log_names_who_did_it_only_where_it_is_known(kept, host):
    """Of tables the kernel tells. Whoever takes an address or a link away has at most a port of his own choice."""
    host.run("/usr/bin/python3", "-c", DELETE_ADDRESS_AS, os.getpid())
    wait_until(lambda: is_well(kept), "the address is back")
    host.run("ip", "link", "del", "lab-web")
    wait_until(lambda: is_well(kept), "the port is back")
    nft = host.popen("nft", "delete", "table", "bridge", "tapnet")
    nft.wait()
    wait_until(lambda: is_well(kept), "the table is back")
    log = next(kept.run_dir.glob("*/keeper.log")).read_text(encoding="utf-8")
    guilty = [line for line in log.splitlines() if "(by " in line]
    assert guilty and all(line.endswith(f"(by nft ({nft.pid}))") and "table bridge" in line for line in guilty), log
    assert "unknown" not in log and "put back tap lab-web: it was gone\n" in log


def test_the_log_names_who_came_during_a_look(kept, host):
    """It waits for another tapnet's lock, having read all events, when a table is deleted, and sees that it is gone."""
    kept.let_look()
    keeper, = named(host, "tapnet-keeper")
    with next(kept.run_dir.glob("*/lock")).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        host.run("ip", "link", "set", "lab-web", "mtu", "1300")
        wait_until(lambda: waits_for_lock(keeper), "it waits")
        nft = host.popen("nft", "delete", "table", "bridge", "tapnet")
        nft.wait()
    wait_until(lambda: is_well(kept), "all is back", kept)
    log = next(kept.run_dir.glob("*/keeper.log")).read_text(encoding="utf-8")
    assert "MTU 1300, wanted 1500\n" in log
    assert f"put back table bridge tapnet: it was gone (by nft ({nft.pid}))\n" in log


def waits_for_lock(pid):
    with open("/proc/locks", encoding="utf-8") as locks:
        return any("-> FLOCK" in line and f" {pid} " in line for line in locks)


# Takes 10.20.0.1/24 from br-lab, by a socket that is bound to the given port: another process's id.
DELETE_ADDRESS_AS = """
import socket, struct, sys
link = socket.if_nametoindex("br-lab")
attribute = struct.pack("=HH4s", 8, 2, bytes((10, 20, 0, 1)))
body = struct.pack("=BBBBI", socket.AF_INET, 24, 0, 0, link) + attribute
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
    netlink.bind((int(sys.argv[1]), 0))
    netlink.send(struct.pack("=IHHII", 16 + len(body), 21, 5, 1, 0) + body)
    assert struct.unpack("=i", netlink.recv(4096)[16:20]) == (0,)
"""


def test_a_killed_service_serves_again(kept, host):
    service, = named(host, "tapnet-service")
    os.kill(service, signal.SIGKILL)
    wait_until(lambda: named(host, "tapnet-service") not in ([], [service]) and is_well(kept), "a new service")
    status = open(f"/proc/{named(host, 'tapnet-service')[0]}/status", encoding="utf-8").read()
    assert "CapEff:\t0000000000000000\n" in status


def test_a_killed_keeper_is_replaced_by_the_next_up(kept, host):
    keeper, = named(host, "tapnet-keeper")
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: not named(host, "tapnet-keeper") + named(host, "tapnet-starter"), "its starter ends with it")
    assert is_well(kept), "the network needs no keeper"
    kept("up", kept.file(LAB))
    wait_until(lambda: len(named(host, "tapnet-keeper")) == 1, "another")


def test_down_leaves_nothing_of_a_killed_keeper(kept, host):
    keeper, = named(host, "tapnet-keeper")
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
    assert not named(host, "tapnet-keeper")
    host.run("ip", "link", "del", "lab-web")
    assert not is_well(tapnet)


RECVMSG = {"x86_64": "47", "aarch64": "212"}


def waits_for_an_answer(pid):
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        return file.read().split()[0] == RECVMSG[os.uname().machine]


def slow_keeper(host):
    """A directory with the service, and a keeper that does nothing until something is written into a FIFO beside it."""
    directory = host.tmp / "programs"
    directory.mkdir()
    (directory / "tapnet-service").symlink_to(program("tapnet-service"))
    os.mkfifo(directory / "fifo")
    keeper = directory / "tapnet-keeper"
    keeper.write_text(f"#!/bin/sh\nread -r go < {directory}/fifo\nexec {program('tapnet-keeper')} \"$@\"\n")
    keeper.chmod(0o755)
    return directory


def test_status_right_behind_up_knows_the_keeper(host, world):
    """It is there from the moment when `up` returns, however long the process takes to come to its senses."""
    tapnet, programs = Tapnet(host, keeper=True), slow_keeper(host)
    tapnet("up", tapnet.file(LAB), env={"TAPNET_SERVICE": str(programs / "tapnet-service")})
    status = host.popen(tapnet.program, "status", stdout=subprocess.PIPE, text=True)
    while status.poll() is None and not waits_for_an_answer(status.pid):
        pass
    (programs / "fifo").write_text("go\n", encoding="ascii")
    shown = status.communicate(timeout=20)[0]
    keeper, = named(host, "tapnet-keeper")
    assert f"keeper ({keeper}): " in shown and status.returncode == 0
    assert tapnet.json("status")["keeper"] == {"pid": keeper}
    tapnet("down", "--all")
    assert not tapnet.run_dir.exists()


def test_status_names_the_keeper_that_runs_not_one_before_it(kept, host):
    before, = named(host, "tapnet-keeper")
    assert kept.json("status")["keeper"] == {"pid": before}
    os.kill(before, signal.SIGKILL)
    wait_gone(before)
    assert kept.json("status")["keeper"] is None
    kept("up", kept.file(LAB))
    assert kept.json("status")["keeper"]["pid"] not in (None, before)


def test_status_says_whether_one_runs_and_what_it_leaves_alone(kept, host):
    keeper, = named(host, "tapnet-keeper")
    wait_until(lambda: kept.json("status")["keeper"] == {"pid": keeper}, "the keeper has written its state")
    assert f"keeper ({keeper})" in kept("status").stdout
    deadline = time.monotonic() + 10
    while not any("somebody keeps undoing it" in line for line in problems(kept)):
        host.run("ip", "link", "set", "lab-web", "mtu", "1300")
        time.sleep(0.05)
        assert time.monotonic() < deadline
    assert any(line.startswith("tap lab-web: somebody") for line in problems(kept))
    host.run("ip", "link", "set", "lab-db", "down")  # others are mended meanwhile
    wait_until(lambda: "UP" in host.json("ip", "-j", "link", "show", "lab-db")[0]["flags"], "lab-db up")
    os.kill(keeper, signal.SIGKILL)
    wait_gone(keeper)
    assert kept.json_of_status()["keeper"] is None
    assert "no keeper" in kept("status", check=False).stdout


def problems(tapnet):
    return tapnet.json_of_status()["problems"]


def test_two_never_run_in_one_namespace(kept, host):
    keeper = named(host, "tapnet-keeper")
    more = [host.popen(program("tapnet-keeper"), "--run-dir", kept.run_dir, "--service", program("tapnet-service"),
                       stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in more:
        assert "runs already" in process.communicate(timeout=10)[1]
    assert named(host, "tapnet-keeper") == keeper
    os.kill(keeper[0], signal.SIGKILL)
    wait_gone(keeper[0])
    file = kept.file(LAB)
    more = [host.popen(kept.program, "up", file) for _ in range(4)]
    assert [process.wait(timeout=20) for process in more] == [0] * 4
    wait_until(lambda: len(named(host, "tapnet-keeper")) == 1, "one keeper")


def test_a_run_directory_that_was_tidied_away_comes_back(kept, host):
    """Whoever removes all of /run/tapnet takes the ledgers, and the names of the residents' sockets."""
    keeper, service = named(host, "tapnet-keeper"), named(host, "tapnet-service")
    kept.let_look()
    for path in kept.run_dir.iterdir():
        path.unlink() if path.is_socket() else shutil.rmtree(path, ignore_errors=True)  # it mends meanwhile
    wait_until(lambda: list(kept.run_dir.glob("*/keeper.json")) and is_well(kept), "all ledgers are back", kept)
    wait_until(lambda: list(kept.run_dir.glob("*.attach")), "users find the keeper again", kept)
    assert named(host, "tapnet-keeper") == keeper
    assert named(host, "tapnet-service") != service, "nobody can talk to the one before any more"
    assert "nothing to do" in kept("plan", kept.file(LAB)).stdout
    kept("down", "--all")
    assert not named(host, "tapnet-keeper") and not named(host, "tapnet-service")


def test_a_storm_neither_starves_it_nor_keeps_it_busy(kept, host):
    """Links of others come and go as fast as the kernel makes them; one of ours is deleted in the middle of it."""
    keeper, = named(host, "tapnet-keeper")
    storm = host.popen("sh", "-c", "for i in 1 2; do (while :; do for n in 1 2 3 4 5 6 7 8; do echo link add s$0$n "
                       "type bridge; echo link del s$0$n; done; done | ip -batch - ) & done; wait")
    try:
        time.sleep(0.3)
        start, used = time.monotonic(), cpu_seconds(keeper)
        while time.monotonic() - start < 3:
            host.run("ip", "link", "set", "lab-web", "mtu", "1300")
            wait_until(lambda: host.json("ip", "-j", "link", "show", "lab-web")[0]["mtu"] == 1500, "mended in a storm")
            time.sleep(0.9)
        share = (cpu_seconds(keeper) - used) / (time.monotonic() - start)
    finally:
        for pid in named(host, "ip") + named(host, "sh"):
            os.kill(pid, signal.SIGKILL)
        storm.wait()
    print(f"in a storm the keeper used {share:.0%} of a processor")
    assert share < 0.25


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_both_killed_are_both_back_with_the_next_up(kept, host):
    for name in ("tapnet-keeper", "tapnet-service"):
        for pid in named(host, name):
            os.kill(pid, signal.SIGKILL)
            wait_gone(pid)
    wait_until(lambda: not named(host, "tapnet-starter"), "the starter ends")
    kept("up", kept.file(LAB))
    assert is_well(kept)
    wait_until(lambda: len(named(host, "tapnet-keeper")) == 1, "a keeper")
    service, = named(host, "tapnet-service")
    os.kill(service, signal.SIGKILL)
    wait_until(lambda: is_well(kept) and named(host, "tapnet-service") not in ([], [service]), "the new keeper works")


# A guest that sends one DHCPDISCOVER for each line it is told, and says whether an offer comes within two seconds.
ASK_ONCE = """
import fcntl, os, select, struct, sys, time
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
time.sleep(1.5)  # carrier, and the bridge port that follows it
print("ready", flush=True)
for line in sys.stdin:
    os.write(fd, bytes(Ether(dst="ff:ff:ff:ff:ff:ff", src=sys.argv[2]) / IP(src="0.0.0.0", dst="255.255.255.255") /
             UDP(sport=68, dport=67) / BOOTP(chaddr=bytes.fromhex(sys.argv[2].replace(":", "")), xid=int(line)) /
             DHCP(options=[("message-type", "discover"), "end"])))
    print("sent", flush=True)
    end, answer = time.monotonic() + 2, "silence"
    while answer == "silence" and (left := end - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            frame = Ether(os.read(fd, 65535))
            if BOOTP in frame and frame[BOOTP].op == 2 and frame[BOOTP].xid == int(line):
                answer = "offer " + frame[BOOTP].yiaddr
    print(answer, flush=True)
"""


def test_a_request_for_an_address_outlives_the_service(kept, host):
    """It is sent once, while there is no service; the next one answers it."""
    port = kept.status("lab")["ports"][0]
    guest = host.popen("/usr/bin/python3", "-c", ASK_ONCE, port["device"], port["mac"], stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, text=True, bufsize=1)
    assert guest.stdout.readline() == "ready\n"
    keeper, = named(host, "tapnet-keeper")
    for number in (1, 2):
        if number == 2:
            os.kill(keeper, signal.SIGSTOP)
            service, = named(host, "tapnet-service")
            os.kill(service, signal.SIGKILL)
            wait_gone(service)
        guest.stdin.write(f"{number}\n")
        assert guest.stdout.readline() == "sent\n"
        os.kill(keeper, signal.SIGCONT)
        assert guest.stdout.readline() == f"offer {port['addresses'][0]}\n", f"to request {number}"


@pytest.mark.parametrize("kept", [130], indirect=True)
def test_a_keeper_that_takes_no_connection_any_more_keeps_nobody(kept, host):
    """It hangs, and so many have asked it for something that nobody else can: commands go on, and `down` ends it."""
    keeper = pause_keeper(host)
    waiting = []
    with suppress(BlockingIOError):
        while len(waiting) < 1000:
            waiting.append(seqpacket.connect(next(kept.run_dir.glob("*/keeper.sock")), seconds=0))
    assert 130 <= len(waiting) < 1000
    kept("status", "lab")
    kept("attach", "lab/extra")
    kept("detach", "lab/extra")
    kept("down", "--all")
    wait_gone(keeper)
    assert not list(kept.run_dir.glob("*/keeper*"))
    kept("up", kept.file(LAB))
    wait_for(lambda: is_well(kept), why="the next keeper is not well")
    for each in waiting:
        each.close()


def test_up_gets_what_a_waiting_keeper_holds(kept, host):
    """Netfilter's log has one holder. A keeper that has it, of a service that is dead, lets `up` start another one."""
    keeper = pause_keeper(host)
    service, = named(host, "tapnet-service")
    os.kill(service, signal.SIGKILL)
    wait_gone(service)
    up = host.popen(kept.program, "up", kept.file(LAB), stderr=subprocess.PIPE, text=True)
    time.sleep(0.1)  # it has the lock, and asks for the log
    os.kill(keeper, signal.SIGCONT)
    assert up.wait(timeout=20) == 0, up.stderr.read()
    assert is_well(kept)
