# SPDX-License-Identifier: MIT
"""`tapnet attach` for many guests: what one port more costs, thousands that come and go.

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
from tapnet_test import cycles
from tapnet_test.build import Tapnet, build_dir, everybodys, sanitized
from tapnet_test.plugging import ALICE, LAB, as_user, at_rest, attach, plugging_lab, ports
from tapnet_test.rights import need_all_users
from tapnet_test.processes import named, pause_keeper, wait_gone
from tapnet_test.snapshot import assert_same
from tapnet_test.waiting import wait_for

SOON = 5


@pytest.fixture
def lab(world, host):
    yield from plugging_lab(host)


# ---- the quick way ----

def beside(tapnet):
    """The lines that stand beside the ledger of lab: names of ports that came, and with a "-" of those that went."""
    lines = [json.loads(line) for path in tapnet.run_dir.glob("*/networks/lab.more")
             for line in path.read_text().splitlines()[1:]]
    return [line.get("name", f"-{line.get('gone')}") for line in lines]


def dig(host, name):
    return host.run("dig", "+short", "-p", "10053", "@10.20.0.1", name).stdout.split()


def test_a_port_costs_one_port(lab, host):
    """Ledger and service are told of it alone; it is whole, and what reads the ledger finds it."""
    before = at_rest(lab)
    first, second, third = (attach(lab, "lab") for _ in range(3))
    assert [port["port"] for port in (first, second, third)] == ["vm1", "vm2", "vm3"]
    assert beside(lab) == ["vm1", "vm2", "vm3"], "nor does the first, behind `up`"
    assert len({port["addresses"][0] for port in ports(lab).values()}) == 4
    assert lab("status").returncode == 0
    assert dig(host, "vm1.lab") == first["addresses"][:1] and dig(host, "vm3.lab") == third["addresses"][:1]
    assert ports(lab)["vm2"]["limit"]["receive"] == 10_000_000
    assert not attach(lab, "lab/vm2")["made"]
    assert "all is as wanted" in lab("up", lab.file(LAB)).stdout
    assert lab("plan", lab.file(LAB)).returncode == 0
    lab("detach", "-q", "lab/vm1")
    assert set(ports(lab)) == {"web", "vm2", "vm3"} and lab("status").returncode == 0
    assert attach(lab, "lab")["port"] == "vm1" and beside(lab)[-1] == "vm1"
    for name in "vm1", "vm2", "vm3":
        lab("detach", "-q", f"lab/{name}")
    assert_same(before, at_rest(lab))


@pytest.mark.parametrize("user", [(), as_user(ALICE)], ids=["root", "user"])
def test_a_guest_finds_the_device_as_on_the_long_way(lab, host, user):
    """By the descriptor that made it, or by another one: what the guest has in hand is the same."""
    guests, found = [], []
    for path in lab.run_dir.glob("*/networks/lab.roll"):
        path.unlink()
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
    assert beside(lab)[-2:] == ["one", "two"]
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


# Those whose elements go with their port. In others they go by themselves, soon.
SETS = ("networks", "ports", "port_networks", "port_macs", "port_addresses", "port_identifiers6", "learned_ports",
        "proposed_macs", "open_addresses", "open_addresses6", "network_macs", "group_limits", "blocked")


def guarded(host):
    """The elements of these sets."""
    return "".join(host.run("nft", "list", "set", "inet" if name == "networks" else "bridge", "tapnet", name).stdout
                   for name in SETS if name != "port_networks") + \
        host.run("nft", "list", "map", "bridge", "tapnet", "port_networks").stdout


def device(host, name):
    """The link @name as `ip` shows it; None: there is none."""
    return next((link for link in host.json("ip", "-j", "-d", "link") if link["ifname"] == name), None)


# A guest on the TAP in its argument: writes a frame for each line that it reads, or gives the TAP the MAC that stands
# there, and prints what came of it.
FRAMES = """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
frame = bytes.fromhex("ffffffffffff" + sys.argv[2].replace(":", "") + "0800") + bytes(60)
print("held", flush=True)
for line in sys.stdin:
    try:
        if mac := bytes.fromhex(line.strip().replace(":", "")):
            fcntl.ioctl(fd, 0x8924, struct.pack("16sH6s16x", b"", 1, mac))
        print(mac.hex() if mac else os.write(fd, frame), flush=True)
    except OSError as error:
        print(os.strerror(error.errno), flush=True)
"""


def hold(host, device_name, mac):
    """A guest with the MAC that holds the device."""
    guest = host.popen("/usr/bin/python3", "-c", FRAMES, device_name, mac, stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, text=True)
    assert guest.stdout.readline() == "held\n"
    return guest


def send(guest, mac=""):
    """What came of a frame, or of that MAC."""
    guest.stdin.write(f"{mac}\n")
    guest.stdin.flush()
    return guest.stdout.readline().strip()


def is_laid_off(host, name):
    """Nothing passes, it is nobody's, and it says which MAC it had."""
    link = device(host, name)
    return link["ifalias"] == f"tapnet:gone {link['address']}" and "UP" not in link["flags"]


def test_a_port_that_goes_costs_one_port(lab, host):
    """It is closed and forgotten at once, whoever holds it; the device is deleted when the keeper comes to it."""
    before = at_rest(lab)
    made = [attach(lab, "lab") for _ in range(3)]
    guest = hold(host, "lab-vm2", made[1]["mac"])
    wait_for(lambda: send(guest) == "74" and guarded(host).count("lab-vm2") > 8, SOON, "its MAC is learnt")
    keeper = pause_keeper(host)
    lab("detach", "-q", "lab/vm2")
    assert beside(lab)[-1] == "-vm2" and set(ports(lab)) == {"web", "vm1", "vm3"}
    gone = device(host, "lab-vm2")
    assert is_laid_off(host, "lab-vm2")
    assert send(guest) == "Input/output error"
    assert "lab-vm2" not in guarded(host)
    assert not dig(host, "vm2.lab") and dig(host, "vm3.lab") == made[2]["addresses"][:1]
    again = attach(lab, "lab")
    assert again["port"] == "vm2" and again["addresses"] == made[1]["addresses"], "its name is free"
    assert device(host, "lab-vm2")["ifalias"].startswith("tapnet:lab/lab/vm2 ")
    assert device(host, f"gone_{gone['ifindex']:x}")["ifalias"] == gone["ifalias"]
    os.kill(keeper, signal.SIGCONT)
    wait_for(lambda: not device(host, f"gone_{gone['ifindex']:x}"), SOON, "the keeper deletes the device")
    assert lab("status").returncode == 0
    for name in "vm1", "vm2", "vm3":
        lab("detach", "-q", f"lab/{name}")
    guest.stdin.close()
    guest.wait(20)
    assert_same(before, at_rest(lab))


def test_a_guest_with_a_mac_of_its_own_goes_without_a_trace(lab, host):
    """What rules learnt of it is known by a look at all of them only: then the long way is taken from there on."""
    before = at_rest(lab)
    attach(lab, "lab/first")
    attach(lab, "lab/second")
    guest = hold(host, "lab-second", "52:54:00:12:34:56")
    wait_for(lambda: send(guest) == "74" and "52:54:00:12:34:56" in guarded(host), SOON, "its MAC is learnt")
    lab("detach", "-q", "lab/second")
    assert "52:54:00:12:34:56" not in guarded(host) and "lab-second" not in guarded(host)
    guest.stdin.close()
    guest.wait(20)
    lab("detach", "-q", "lab/first")
    assert_same(before, at_rest(lab))


def test_without_its_keeper_nothing_is_left_either(lab, host):
    def at_rest_but_for_the_keeper():  # another one has files of its own
        return "".join(line for line in at_rest(lab).splitlines(True) if "/keeper." not in line)
    before = at_rest_but_for_the_keeper()
    for name in "one", "two", "three":
        attach(lab, f"lab/{name}")
    keeper = pause_keeper(host)
    lab("detach", "-q", "lab/two")
    assert is_laid_off(host, "lab-two")
    os.kill(keeper, signal.SIGKILL)
    wait_gone(keeper)
    lab("detach", "-q", "lab/three")
    assert not device(host, "lab-two") and not device(host, "lab-three"), "nobody would delete it later"
    lab("detach", "-q", "lab/one")
    lab("up", lab.file(LAB))
    assert_same(before, at_rest_but_for_the_keeper())


def taken(host, mac):
    """Does the bridge take what goes to this MAC for the host's own?"""
    return any(entry["mac"] == mac and entry.get("state") == "permanent"
               for entry in host.json("bridge", "-j", "fdb", "show", "br", "br-lab"))


def test_who_holds_a_port_that_is_gone_has_a_neighbours_mac_for_a_moment(lab, host):
    """Its TAP is still in the bridge, and its holder may change its MAC: it leaves, before or when the keeper looks."""
    before = at_rest(lab)
    neighbour = attach(lab, "lab/neighbour")["mac"]
    attach(lab, "lab/early")
    attach(lab, "lab/late")
    early, late = hold(host, "lab-early", neighbour), hold(host, "lab-late", neighbour)
    keeper = pause_keeper(host)
    assert send(early, neighbour) == neighbour.replace(":", "") and taken(host, neighbour)
    lab("detach", "-q", "lab/early")
    assert "master" not in device(host, "lab-early") and not taken(host, neighbour)
    lab("detach", "-q", "lab/late")
    assert is_laid_off(host, "lab-late") and device(host, "lab-late")["master"] == "br-lab"
    assert send(late, neighbour) == neighbour.replace(":", "") and taken(host, neighbour)
    os.kill(keeper, signal.SIGCONT)
    wait_for(lambda: not taken(host, neighbour), SOON, "the keeper sees it")
    for guest in early, late:
        guest.stdin.close()
        guest.wait(20)
    lab("detach", "-q", "lab/neighbour")
    assert_same(before, at_rest(lab))


def test_down_deletes_what_is_gone(world, host):
    need_all_users()
    tapnet = Tapnet(host, keeper=True)
    before = at_rest(tapnet)
    tapnet("up", tapnet.file(LAB))
    for name in "one", "two", "three":
        attach(tapnet, f"lab/{name}")
    keeper = pause_keeper(host)
    tapnet("detach", "-q", "lab/two")
    assert is_laid_off(host, "lab-two")
    down = host.popen(tapnet.program, "down", "--all", stdout=subprocess.DEVNULL)
    wait_for(lambda: not device(host, "lab-two"), SOON, "down deletes it")
    os.kill(keeper, signal.SIGCONT)
    assert down.wait(20) == 0
    assert_same(before, at_rest(tapnet))


def many(count):
    names = ", ".join(f"p{number}: {{}}" for number in range(count))
    return f"networks: {{ lab: {{ subnet: 10.20.0.1/20, ports: {{ {names} }} }} }}"


@pytest.mark.parametrize("way", ["up", "attach"])
def test_what_is_gone_makes_room_in_a_full_bridge(world, host, way):
    """A bridge has 1,023 places. The keeper has not come to delete a device yet, and its place is wanted."""
    need_all_users()
    tapnet = Tapnet(host, keeper=True)
    before = at_rest(tapnet)
    tapnet("up", tapnet.file(many(1000)))
    tapnet.let_look()
    gone = [attach(tapnet, "lab")["port"] for _ in range(22)]
    host.run("sh", "-ec", "ip link add guest type veth peer name other; ip link set guest master br-lab")
    keeper = pause_keeper(host)
    for name in gone:
        tapnet("detach", "-q", f"lab/{name}")
    assert is_laid_off(host, "lab-vm1") and device(host, "lab-vm1")["master"] == "br-lab"
    if way == "up":
        tapnet("up", tapnet.file(many(1022)))
    else:
        attach(tapnet, "lab/more")
    assert len(ports(tapnet)) == (1022 if way == "up" else 1001) and not device(host, "lab-vm1")
    os.kill(keeper, signal.SIGCONT)
    host.run("ip", "link", "del", "guest")
    tapnet("down", "--all")
    assert_same(before, at_rest(tapnet))


def test_killed_at_any_instant_a_detach_is_done_by_the_next(lab, host):
    """The next tapnet finds the port whole, or nothing of it."""
    before = at_rest(lab)
    attach(lab, "lab/first")
    for moment in range(24):
        attach(lab, "lab/half")
        process = host.popen(lab.program, "detach", "lab/half", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(moment / 3000)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        attach(lab, "lab/other")
        assert lab("status", check=False).returncode == 0
        lab("detach", "-q", "lab/other")
        lab("detach", "-q", "lab/half", check=False)
        assert set(ports(lab)) == {"web", "first"}
    lab("detach", "-q", "lab/first")
    assert_same(before, at_rest(lab))


@pytest.mark.parametrize("held", [True, False])
def test_what_was_only_meant_to_go_stays_when_it_is_held(lab, host, held):
    """Killed before it had done anything, a detach is finished all the same, but not where a guest runs."""
    if held:
        holder = host.popen(build_dir() / "tests" / "system" / "plug_tool", "lab", 1, "detach", stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
        wait_for(lambda: "vm1" in ports(lab), SOON, "a guest is plugged in")
    else:
        attach(lab, "lab/vm1")
    lock = next(lab.run_dir.glob("*/lock"))
    lock.write_text("unplug lab/vm1")
    attach(lab, "lab/next")
    assert lock.read_text() == ""
    assert set(ports(lab)) == {"web", "next", *(["vm1"] if held else [])}
    assert lab("status").returncode == 0
    if held:
        holder.communicate(timeout=SOON)
        assert holder.returncode == 0


CONNECTED = 20  # more than the service has places for


def test_more_stay_connected_to_the_service_than_it_has_places_for(lab, host):
    """Who has said nothing for longest gives way, connects anew when he has something to say, and misses nothing."""
    before = at_rest(lab)
    service, = named(host, "tapnet-service")
    tool = build_dir() / "tests" / "system" / "plug_tool"
    holders = []
    for number in range(CONNECTED):
        holders.append(host.popen(tool, "lab", 1, "detach", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert holders[-1].stdout.readline().startswith("plug ")
    assert len(ports(lab)) == CONNECTED + 1 and lab("status").returncode == 0
    assert all(dig(host, f"{name}.lab") == port["addresses"][:1] for name, port in ports(lab).items())
    for holder in holders:
        holder.communicate(timeout=SOON)
        assert holder.returncode == 0
    assert set(ports(lab)) == {"web"} and not dig(host, "vm1.lab")
    assert named(host, "tapnet-service") == [service], "it was never taken for dead"
    assert "too many" not in next(lab.run_dir.glob("*/service.log")).read_text()
    assert_same(before, at_rest(lab))


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


CYCLES = int(os.environ.get("TAPNET_CYCLES", 5000))  # of all processes together
MIB = 1 << 20


@pytest.mark.promised
def test_thousands_of_guests_leave_nothing(host, world):
    """In and out from eight processes at once: from the pool and past it, let go and told to go."""
    tapnet = Tapnet(host, keeper=True)
    before = at_rest(tapnet)
    tapnet("up", tapnet.file(cycles.LAB))
    cycles.cycle(host, CYCLES // 2)  # as many at once as there will ever be
    cycles.settle(tapnet)
    at_rest(tapnet)
    used, left = cycles.resident_memory(host), cycles.footprint(host, tapnet)
    cycles.cycle(host, CYCLES // 2)
    cycles.settle(tapnet)
    at_rest(tapnet)
    assert cycles.footprint(host, tapnet) == left
    grown = {name: bytes_now - used[name] for name, bytes_now in cycles.resident_memory(host).items()}
    assert sanitized("tapnet-keeper") or max(grown.values()) < 2 * MIB, f"the residents have grown: {grown}"
    assert tapnet("status", check=False).returncode == 0
    tapnet("down", "--all")
    assert_same(before, at_rest(tapnet))
