# SPDX-License-Identifier: MIT
"""A network's pool: ports that are ready before anybody asks for them.

      host under test                                            outside
    +--------------------------------------------------------+  +---------+
    | tapnet-keeper -- lab-vm1, lab-vm2, lab-vm3 --+         |  |         |
    |     | hands one out                          |         |  |         |
    | tapnet run, plug_tool -- lab-vm4, ... -------+-- br-lab -- eth0     |
    |  (declared) -- lab-web ----------------------+         |  |         |
    +--------------------------------------------------------+  +---------+
"""

import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from tapnet_test import seqpacket
from tapnet_test.build import Tapnet, build_dir
from tapnet_test.plugging import ALICE, SAY, as_user, at_rest, links, ports, ready
from tapnet_test.processes import named, pause_keeper, wait_gone
from tapnet_test.rights import need_all_users
from tapnet_test.snapshot import assert_same
from tapnet_test.waiting import wait_for

SOON = 5
POOL = "networks: { lab: { subnet: 10.20.0.1/24, pool: 3, ports: { web: {} } } }"


@pytest.fixture
def pool(world, host):
    need_all_users()
    tapnet = Tapnet(host, keeper=True)
    before = at_rest(tapnet)
    tapnet("up", tapnet.file(POOL))
    wait_for(lambda: len(ready(tapnet)) == 3, 2 * SOON, "three ports are ready")
    yield tapnet
    tapnet("down", "--all")
    assert_same(before, at_rest(tapnet))


def test_a_ready_port_is_handed_out_and_another_made(pool, host):
    was_ready = ready(pool)
    assert all("NO-CARRIER" in host.json("ip", "-j", "link", "show", f"lab-{name}")[0]["flags"] for name in was_ready)
    script = 'echo "$@"; grep iff: /proc/self/fdinfo/$1; read end'
    process = host.popen(pool.program, "run", "-q", "--", "sh", "-c", script, "sh", "{fd}", "{device}",
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    _, device = process.stdout.readline().split()
    assert process.stdout.readline() == f"iff:\t{device}\n" and device.removeprefix("lab-") in was_ready
    wait_for(lambda: "LOWER_UP" in host.json("ip", "-j", "link", "show", device)[0]["flags"], SOON, "its link is up")
    wait_for(lambda: len(ready(pool)) == 3 and device.removeprefix("lab-") not in ready(pool), SOON, "another is ready")
    assert len(ports(pool)) == 5
    process.stdin.close()
    assert process.wait(20) == 1
    wait_for(lambda: device not in links(host), SOON, "the used one goes")
    wait_for(lambda: pool("status", check=False).returncode == 0, SOON, "all of it")


def test_a_ready_port_is_told_from_a_guest(pool, host):
    drawn = {line.split()[1]: line for line in pool("status").stdout.splitlines() if "─ " in line}
    assert set(drawn) == {"web", *ready(pool)}
    for name in ready(pool):
        assert ports(pool)[name]["state"] == "ready"
        assert drawn[name].endswith("  ready  for who comes") and "keeper" not in drawn[name], drawn[name]
    guest = host.popen(pool.program, "run", "-q", "--", "sh", "-c", "echo $2; read end", "sh", "{fd}", "{device}",
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    name = guest.stdout.readline().strip().removeprefix("lab-")
    port = ports(pool)[name]
    assert port["state"] == "plugged" and not port["holder"]["command"].startswith("tapnet-keeper")
    guest.stdin.close()
    assert guest.wait(20) == 1


def test_a_ready_port_is_roots(pool, host):
    refused = host.run(*as_user(ALICE), "/usr/bin/python3", "-c", SAY, next(pool.run_dir.glob("*.attach")),
                       b'{"do":"ready","network":"lab"}'.hex())
    assert not json.loads(refused.stdout)["ok"] and len(ready(pool)) == 3


READY = b'{"do":"ready","network":"lab"}'


def ask_ready(connection):
    """The name of the port that is handed out, which goes at once: nobody holds it."""
    connection.send(READY)
    return hear_ready(connection)


def hear_ready(connection):
    text, ancillary, _, _ = connection.recvmsg(8192, socket.CMSG_SPACE(16))
    for level, kind, data in ancillary:
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        os.close(struct.unpack("i", data)[0])
    return json.loads(text)["port"]["port"] if ancillary else json.loads(text)["code"]


def test_who_has_had_a_ready_port_may_ask_again(pool):
    with seqpacket.connect(next(pool.run_dir.glob("*.attach"))) as connection:
        assert len({ask_ready(connection) for _ in range(3)}) == 3
        more = ask_ready(connection)  # made meanwhile, or there is none and he is sent away
        assert isinstance(more, str) or (more == -errno.EAGAIN and connection.recv(1) == b"")


@contextmanager
def stopped_keeper(host):
    keeper = pause_keeper(host)
    try:
        yield
    finally:
        os.kill(keeper, signal.SIGCONT)


def test_several_who_ask_at_once_get_a_port_each(pool, host):
    """What the keeper finds when it comes to look: two who want one that is ready, and one who wants another made."""
    pool("up", pool.file(POOL.replace("pool: 3", "pool: 3, allow: [0]")))
    path = next(pool.run_dir.glob("*.attach"))
    with seqpacket.connect(path) as one, seqpacket.connect(path) as other, seqpacket.connect(path) as maker:
        assert len({ask_ready(one), ask_ready(other)}) == 2  # now the keeper has a place for both of them
        wait_for(lambda: len(ready(pool)) == 3, SOON, "three ports are ready")
        with stopped_keeper(host):
            was_ready = ready(pool)
            one.send(READY)
            other.send(READY)
            maker.send(b'{"do":"attach","network":"lab","port":"made","open":true}')
        assert len({hear_ready(one), hear_ready(other)} & was_ready) == 2
        assert hear_ready(maker) == "made"
        wait_for(lambda: len(ready(pool)) == 3, SOON, "others are ready")


def test_who_is_gone_before_the_answer_takes_no_port(pool, host):
    path, was_ready = next(pool.run_dir.glob("*.attach")), ready_links(pool, host)
    with stopped_keeper(host), seqpacket.connect(path) as gone:
        gone.send(READY)
        gone.close()
    with seqpacket.connect(path) as connection:
        connection.send(READY.replace(b"lab", b"other"))
        assert hear_ready(connection) == -errno.EAGAIN  # so the keeper has come to both
    assert ready_links(pool, host) == was_ready


def ready_links(tapnet, host):
    index = {link["ifname"]: link["ifindex"] for link in host.json("ip", "-j", "link")}
    return {name: index[f"lab-{name}"] for name in ready(tapnet)}


def test_many_who_stay_make_room_for_who_comes(pool):
    path = next(pool.run_dir.glob("*.attach"))
    stays = []
    for _ in range(40):  # the keeper has 32 places
        stays.append(seqpacket.connect(path))
        wait_for(lambda: len(ready(pool)) > 0, SOON, "one is ready")
        assert isinstance(ask_ready(stays[-1]), str)
    assert stays[0].recv(1) == b""
    for connection in stays:
        connection.close()


def test_a_connection_that_stays_outlives_its_keeper(pool, host):
    """The library keeps it: it asks the next keeper by a new one, and makes ports itself while there is none."""
    tool = build_dir() / "tests" / "system" / "plug_tool"
    process = host.popen(tool, "lab", 300, stdout=subprocess.DEVNULL)
    for _ in range(3):
        wait_for(lambda: len(named(host, "tapnet-keeper")) == 1, SOON, "one keeper")
        keeper, = named(host, "tapnet-keeper")
        os.kill(keeper, signal.SIGKILL)
        wait_gone(keeper)
        pool("up", pool.file(POOL))
    assert process.wait(120) == 0
    wait_for(lambda: len(ready(pool)) == 3 and len(ports(pool)) == 4, 4 * SOON, "none but those that are ready")


def test_a_keeper_that_does_not_answer_costs_a_second_once(pool, host):
    """Who gets nothing ready makes a port; and asks again later."""
    keeper = pause_keeper(host)
    begin = time.monotonic()
    process = host.popen(build_dir() / "tests" / "system" / "plug_tool", "lab", 5, stdout=subprocess.DEVNULL)
    assert process.wait(30) == 0 and 0.9 < time.monotonic() - begin < 5
    os.kill(keeper, signal.SIGCONT)
    wait_for(lambda: len(ready(pool)) == 3 and len(ports(pool)) == 4, 4 * SOON, "none but those that are ready")


def test_a_keeper_that_does_not_answer_goes_with_the_last_set(pool, host):
    """What it holds would be in the way of the next one."""
    pause_keeper(host)
    pool("down", "--all")
    assert not named(host, "tapnet-keeper") and not pool.run_dir.exists()
    pool("up", pool.file(POOL))
    wait_for(lambda: len(ready(pool)) == 3, 2 * SOON, "all is as ever")


def test_a_request_is_what_it_is_up_to_its_end(pool):
    with seqpacket.connect(next(pool.run_dir.glob("*.attach"))) as connection:
        connection.send(b'{"do":"ready","network":"lab"}\0{"do":1}')
        answer = json.loads(connection.recv(4096))
        assert answer["ok"] is False and "no request that the keeper knows" in answer["error"]


def test_a_killed_keepers_ready_ports_go(pool, host):
    keeper, = named(host, "tapnet-keeper")
    os.kill(keeper, signal.SIGKILL)
    wait_gone(keeper)
    pool("up", pool.file(POOL))
    wait_for(lambda: len(ready(pool)) == 3 and len(ports(pool)) == 4, 2 * SOON, "three new ones, and no others")


@pytest.mark.parametrize("size", [3, 0])
def test_a_keeper_that_was_killed_before_the_carrier_came(pool, host, size):
    """It hands the descriptor out first. Here the guest turns the carrier off that the keeper had no time for."""
    script = "import fcntl, struct, sys; print(sys.argv[2], flush=True); sys.stdin.readline();" \
             "fcntl.ioctl(int(sys.argv[1]), 0x400454e2, struct.pack('i', 0)); sys.stdin.read()"
    guest = host.popen(pool.program, "run", "-q", "--", sys.executable, "-c", script, "{fd}", "{device}",
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    device = guest.stdout.readline().strip()
    flags = lambda: host.json("ip", "-j", "link", "show", device)[0]["flags"]
    wait_for(lambda: "LOWER_UP" in flags(), SOON, "it is on")
    guest.stdin.write("\n")
    guest.stdin.flush()
    wait_for(lambda: "NO-CARRIER" in flags(), SOON, "it is off")
    keeper, = named(host, "tapnet-keeper")
    os.kill(keeper, signal.SIGKILL)
    wait_gone(keeper)
    pool("up", pool.file(POOL.replace("pool: 3", f"pool: {size}")))
    wait_for(lambda: "LOWER_UP" in flags(), 2 * SOON, "the next keeper turns it on")
    guest.stdin.close()
    assert guest.wait(20) == 0
    wait_for(lambda: device not in links(host), SOON, "the used one goes")


def test_a_smaller_pool_lets_go(pool):
    pool("up", pool.file(POOL.replace("pool: 3", "pool: 1")))
    wait_for(lambda: len(ports(pool)) == 2 and len(ready(pool)) == 1, SOON, "one is left")
