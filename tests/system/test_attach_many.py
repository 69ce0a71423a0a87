# SPDX-License-Identifier: MIT
"""`tapnet attach` for many guests: what one port more costs, ports that are ready, thousands that come and go.

      host under test                                            outside
    +--------------------------------------------------------+  +---------+
    | (ready)     -- lab-vm1, lab-vm2, ... ---+              |  |         |
    | plug_tool   -- lab-vm3, lab-vm4, ... ---+-- br-lab -- eth0          |
    |  (declared) -- lab-web -----------------+              |  |         |
    +--------------------------------------------------------+  +---------+
"""

import json
import os
import signal
import subprocess

import pytest
from tapnet_test.build import Tapnet, build_dir, everybodys, program
from tapnet_test.plugging import ALICE, LAB, SAY, as_user, at_rest, attach, links, plugging_lab, ports
from tapnet_test.rights import need_all_users
from tapnet_test.processes import named, wait_gone
from tapnet_test.snapshot import assert_same
from tapnet_test.waiting import wait_for

SOON = 5


@pytest.fixture
def lab(world, host):
    yield from plugging_lab(host)


# ---- the quick way ----

def beside(tapnet):
    """The ports that stand beside the ledger of lab, by their names."""
    return [json.loads(line)["name"] for path in tapnet.run_dir.glob("*/networks/lab.more")
            for line in path.read_text().splitlines()[1:]]


def dig(host, name):
    return host.run("dig", "+short", "-p", "10053", "@10.20.0.1", name).stdout.split()


def test_the_second_port_costs_one_port(lab, host):
    """Ledger and service are told of it alone; it is whole, and what reads the ledger finds it."""
    before = at_rest(lab)
    first, second, third = (attach(lab, "lab") for _ in range(3))
    assert [port["port"] for port in (first, second, third)] == ["vm1", "vm2", "vm3"]
    assert beside(lab) == ["vm2", "vm3"]
    assert len({port["addresses"][0] for port in ports(lab).values()}) == 4
    assert lab("status").returncode == 0
    assert dig(host, "vm1.lab") == first["addresses"][:1] and dig(host, "vm3.lab") == third["addresses"][:1]
    assert ports(lab)["vm2"]["limit"]["receive"] == 10_000_000
    assert not attach(lab, "lab/vm2")["made"]
    assert "all is as wanted" in lab("up", lab.file(LAB)).stdout
    assert lab("plan", lab.file(LAB)).returncode == 0
    lab("detach", "-q", "lab/vm1")
    assert not beside(lab) and set(ports(lab)) == {"web", "vm2", "vm3"} and lab("status").returncode == 0
    assert attach(lab, "lab")["port"] == "vm1" and beside(lab) == ["vm1"]
    for name in "vm1", "vm2", "vm3":
        lab("detach", "-q", f"lab/{name}")
    assert_same(before, at_rest(lab))


@pytest.mark.parametrize("user", [(), as_user(ALICE)], ids=["root", "user"])
def test_a_guest_finds_the_device_as_on_the_long_way(lab, host, user):
    """By the descriptor that made it, or by another one: what the guest has in hand is the same."""
    guests, found = [], []
    for name in "long", "quick":
        program_of = everybodys() if user else lab.program
        guests.append(host.popen(*user, program_of, "run", "-q", f"lab/{name}", "--", "sh", "-c",
                                 "sed -n '/^flags/p; /^iff/p' /proc/self/fdinfo/$1; read end", "sh", "{fd}",
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        flags = [guests[-1].stdout.readline().split()[1] for _ in range(2)]
        link, = host.json("ip", "-j", "-d", "link", "show", f"lab-{name}")
        features = [line for line in host.run("ethtool", "-k", f"lab-{name}").stdout.splitlines()[1:]]
        found.append(([text.replace(name, "NAME") for text in flags], link["linkinfo"]["info_data"], link["flags"],
                      link["mtu"], features))
    assert beside(lab) == ["quick"] and found[0] == found[1]
    assert found[1][1]["vnet_hdr"] and found[1][1]["persist"] and "LOWER_UP" in found[1][2]
    for guest in guests:
        guest.stdin.close()
        assert guest.wait(20) == 1
    wait_for(lambda: list(ports(lab)) == ["web"], SOON, "the ports go with the commands")


def test_what_the_quick_way_made_outlives_the_residents(lab, host):
    made = [attach(lab, "lab")["port"] for _ in range(3)]
    for name in "tapnet-keeper", "tapnet-service":
        for pid in named(host, name):
            os.kill(pid, signal.SIGKILL)
            wait_gone(pid)
    lab("up", lab.file(LAB))
    assert set(ports(lab)) == {"web", *made} and lab("status").returncode == 0
    assert dig(host, "vm3.lab") == ports(lab)["vm3"]["addresses"][:1]


def test_ledgers_that_were_tidied_away_come_back_with_all_ports(lab, host):
    made = [attach(lab, "lab")["port"] for _ in range(3)]
    lab.let_look()
    for path in lab.run_dir.glob("*/networks/lab.*"):
        path.unlink()
    wait_for(lambda: set(ports(lab)) == {"web", *made}, SOON, "the keeper writes the ledger again")
    wait_for(lambda: lab("status", check=False).returncode == 0, SOON, "and all is well")


def test_a_user_goes_the_quick_way_up_to_his_quota(lab, host):
    attach(lab, "lab/tool")
    words = (*as_user(ALICE), everybodys())
    for name in "one", "two":
        host.run(*words, "attach", f"lab/{name}")
    assert beside(lab) == ["one", "two"]
    refused = host.run(*words, "attach", "lab/three", check=False)
    assert refused.returncode == 1 and f"user {ALICE} has 2 ports of network lab" in refused.stderr
    host.run(*words, "detach", "lab/one")
    assert set(ports(lab)) == {"web", "tool", "two"}


@pytest.mark.parametrize("wreck", ["roll", "more", "service", "bridge"])
def test_whatever_is_in_the_way_the_long_way_is_taken(lab, host, wreck):
    """A port is whole, whoever has damaged what the quick way goes by."""
    attach(lab, "lab/first")
    attach(lab, "lab/second")
    lab.let_look()
    if wreck in ("roll", "more"):
        path, = lab.run_dir.glob(f"*/networks/lab.{wreck}")
        path.write_bytes(path.read_bytes()[:-7])
    elif wreck == "service":
        pid, = named(host, "tapnet-service")
        os.kill(pid, signal.SIGKILL)
        wait_gone(pid)
    else:
        host.run("ip", "link", "del", "br-lab")
        wait_for(lambda: lab("status", check=False).returncode == 0, SOON, "the keeper makes another bridge")
    attach(lab, "lab/third")
    lab("up", lab.file(LAB))
    assert "third" in ports(lab) and lab("status", check=False).returncode == 0
    assert dig(host, "third.lab") == ports(lab)["third"]["addresses"][:1]


COMMANDS = 40  # of all processes together


def test_many_processes_at_once(lab, host):
    """Nothing of it is left, in the kernel or in the residents: devices, elements, addresses, descriptors."""
    before = at_rest(lab)
    script = ('for i in $(seq $3); do "$1" attach lab/p$2-$i >/dev/null || exit 1; done; '
              'for i in $(seq $3); do "$1" detach -q lab/p$2-$i || exit 1; done')
    processes = [host.popen("sh", "-c", script, "sh", lab.program, number, COMMANDS // 8) for number in range(8)]
    assert [process.wait(60 + COMMANDS) for process in processes] == [0] * 8
    lab.let_look()
    assert_same(before, at_rest(lab))


# ---- ports that are ready ----

POOL = "networks: { lab: { subnet: 10.20.0.1/24, pool: 3, ports: { web: {} } } }"


def ready(tapnet):
    return {name for name, port in ports(tapnet).items() if port["origin"] == "run" and port["holder"]
            and port["holder"]["command"].startswith("tapnet-keeper")}


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
    assert "LOWER_UP" in host.json("ip", "-j", "link", "show", device)[0]["flags"]
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


def test_a_killed_keepers_ready_ports_go(pool, host):
    keeper, = named(host, "tapnet-keeper")
    os.kill(keeper, signal.SIGKILL)
    wait_gone(keeper)
    pool("up", pool.file(POOL))
    wait_for(lambda: len(ready(pool)) == 3 and len(ports(pool)) == 4, 2 * SOON, "three new ones, and no others")


def test_a_smaller_pool_lets_go(pool):
    pool("up", pool.file(POOL.replace("pool: 3", "pool: 1")))
    wait_for(lambda: len(ports(pool)) == 2 and len(ready(pool)) == 1, SOON, "one is left")


CYCLES = int(os.environ.get("TAPNET_CYCLES", 5000))  # of all processes together
MIB = 1 << 20


def resident_memory(host):
    """Bytes of each resident, by its name."""
    return {name: sum(int(line.split()[1]) * 1024 for pid in named(host, name)
                      for line in open(f"/proc/{pid}/status", encoding="ascii") if line.startswith("RssAnon:"))
            for name in ("tapnet-keeper", "tapnet-service")}


def footprint(host):
    """How many there are of what guests could leave behind. Names do not count: other ports are ready each time."""
    ruleset = host.json("nft", "-j", "list", "ruleset")["nftables"]
    sets = [entry[kind] for entry in ruleset for kind in ("set", "map") if kind in entry]
    return {"links": len(links(host)), "elements": sum(len(each.get("elem", [])) for each in sets),
            "forwarding": len(host.json("bridge", "-j", "fdb")),
            **{name: sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in named(host, name))
               for name in ("tapnet-keeper", "tapnet-service")}}


def cycle(host, count):
    """From eight processes; all must come to their end."""
    tool = build_dir() / "tests" / "system" / "plug_tool"
    processes = [host.popen(tool, "lab", count // 8, stdout=subprocess.DEVNULL) for _ in range(8)]
    assert [process.wait(120 + count // 20) for process in processes] == [0] * 8


def test_thousands_of_guests_leave_nothing(host, world):
    """In and out from eight processes at once, some from the pool and some made for them."""
    tapnet = Tapnet(host, keeper=True)
    before = at_rest(tapnet)
    tapnet("up", tapnet.file("networks: { lab: { subnet: 10.20.0.1/20, pool: 16 } }"))
    cycle(host, CYCLES // 2)  # as many at once as there will ever be
    wait_for(lambda: len(ready(tapnet)) == len(ports(tapnet)) == 16, 4 * SOON, "only those that are ready are left")
    at_rest(tapnet)
    used, left = resident_memory(host), footprint(host)
    cycle(host, CYCLES // 2)
    wait_for(lambda: len(ready(tapnet)) == len(ports(tapnet)) == 16, 4 * SOON, "only those that are ready are left")
    at_rest(tapnet)
    assert footprint(host) == left
    grown = {name: bytes_now - used[name] for name, bytes_now in resident_memory(host).items()}
    sanitized = b"__asan_init" in program("tapnet-keeper").read_bytes()  # keeps what was freed
    assert sanitized or all(more < 2 * MIB for more in grown.values()), f"the residents have grown: {grown}"
    assert tapnet("status", check=False).returncode == 0
    tapnet("down", "--all")
    assert_same(before, at_rest(tapnet))
