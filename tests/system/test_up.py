# SPDX-License-Identifier: MIT
"""The life of a network, from one file: up, plan, status, edits, down.

      host under test                                        outside
    +------------------------------------------------+     +---------------+
    |  lab-web --+                                   |     |               |
    |            +-- br-lab 10.20.0.1/24 -- NAT -- eth0 ---+-- 192.0.2.1   |
    |  lab-db ---+                                   |     |               |
    +------------------------------------------------+     +---------------+
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tapnet_test.build import everybodys
from tapnet_test.rights import has_all_users, need_all_users
from tapnet_test.snapshot import assert_same, snapshot

# Be a guest: open the TAP (TUNSETIFF, IFF_TAP | IFF_NO_PI) and hold it.
HOLD = """
import fcntl, os, struct, sys, time
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
print("held", flush=True)
time.sleep(60)
"""

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web: {}
      db: { address: 10.20.0.7, mac: 52:54:00:00:00:07 }
"""


@pytest.fixture
def lab(world, tapnet):
    yield tapnet.file(LAB)
    tapnet("down", "--all", check=False)


def kernel_side(host, tapnet):
    """A snapshot without the run directory: the service's log grows, and a bridge made anew has another index."""
    return "".join(line for line in snapshot(host, run_dir=tapnet.run_dir).splitlines(keepends=True)
                   if not line.startswith("file run/"))


def is_gone(pid):
    """No process any more, or a zombie: its descriptors are closed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def kill_service(host):
    """kill -9, and wait until it is gone."""
    for pid in host.pids():
        os.kill(pid, signal.SIGKILL)
        while not is_gone(pid):
            time.sleep(0.01)


def links(host):
    return {link["ifname"]: link for link in host.json("ip", "-j", "-d", "link")}


def test_up_makes_what_the_file_says(lab, host, tapnet):
    assert "lab is up: 1 network, 2 ports" in tapnet("up", lab).stdout
    found = links(host)
    assert found["br-lab"]["linkinfo"]["info_kind"] == "bridge"
    assert found["br-lab"]["ifalias"] == "tapnet:lab/lab declared mode=nat"
    for port in ("web", "db"):
        tap = found[f"lab-{port}"]
        assert tap["master"] == "br-lab" and tap["linkinfo"]["info_data"]["persist"] is True
        assert tap["ifalias"].startswith(f"tapnet:lab/lab/{port} declared mac=52:54:00:")
        assert "UP" in tap["flags"]
    addresses = host.json("ip", "-j", "addr", "show", "br-lab")[0]["addr_info"]
    local, = [a["local"] for a in addresses if a["local"].startswith("fd")]  # chosen
    assert [(a["local"], a["prefixlen"]) for a in addresses] == [("10.20.0.1", 24), (local, 64), ("fe80::1", 64)]


def test_a_tap_is_roots_alone_unless_the_file_names_a_user(world, host, tapnet):
    """Without an owner the kernel lets anybody open a persistent TAP."""
    other = "54321" if has_all_users() else "0"  # where only root is mapped, nobody else can own anything
    tapnet("up", tapnet.file(f"networks: {{ lab: {{ ports: {{ a: {{}}, b: {{ user: {other} }} }} }} }}"))
    assert host.run("cat", "/sys/class/net/lab-a/owner").stdout == "0\n"
    assert host.run("cat", "/sys/class/net/lab-b/owner").stdout == f"{other}\n"
    tapnet("down", "lab")


def test_up_again_changes_nothing(lab, host, tapnet):
    tapnet("up", lab)
    before = snapshot(host, run_dir=tapnet.run_dir)
    assert "all is as wanted" in tapnet("up", lab).stdout
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_plan_tells_and_changes_nothing(lab, host, tapnet):
    before = snapshot(host, run_dir=tapnet.run_dir)
    plan = tapnet("plan", lab, check=False)
    assert plan.returncode == 3
    assert "+ bridge br-lab" in plan.stdout
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
    tapnet("up", lab)
    plan = tapnet("plan", lab)
    assert plan.stdout == "nothing to do\n"
    steps = json.loads(tapnet("down", "lab", "--dry-run", "--json", check=False).stdout)["steps"]
    assert {step["sign"] for step in steps} == {"-"}


def test_down_leaves_no_trace(lab, host, tapnet):
    before = snapshot(host, subnets=["10.20.0.0/24"], run_dir=tapnet.run_dir)
    tapnet("up", lab)
    assert host.pids()  # the service
    assert "nothing is left" in tapnet("down", lab).stdout
    assert_same(before, snapshot(host, subnets=["10.20.0.0/24"], run_dir=tapnet.run_dir))
    assert "nothing is up" in tapnet("down", "lab", check=False).stderr


def test_status_shows_the_switch_and_its_health(lab, host, tapnet):
    assert tapnet("status").stdout == "nothing is up\n"
    tapnet("up", lab)
    shown = tapnet("status").stdout
    for word in ("eth0 (uplink)", "br-lab", "10.20.0.1/24", "web", "10.20.0.7", "52:54:00:00:00:07", "ifname=lab-web"):
        assert word in shown
    status = tapnet.status("lab")
    assert status["mode"] == "nat" and status["uplink"] == "eth0"
    subnet, subnet6 = status["subnets"]
    assert subnet == "10.20.0.1/24" and subnet6.startswith("fd") and subnet6.endswith("::1/64")
    assert status["served"] is True
    port = {p["name"]: p for p in status["ports"]}["db"]
    assert port["addresses"] == ["10.20.0.7", subnet6.replace("::1/64", ":5054:ff:fe00:7")]
    assert port["device"] == "lab-db" and port["state"] == "free"


@pytest.mark.parametrize("damage, word", [
    (["ip", "link", "del", "lab-web"], "lab-web"),
    (["ip", "link", "set", "lab-web", "down"], "lab-web"),
    (["ip", "link", "set", "lab-web", "nomaster"], "lab-web"),
    (["ip", "link", "set", "lab-web", "mtu", "1300"], "MTU 1300"),
    (["ip", "link", "set", "br-lab", "address", "02:00:00:00:00:01"], "MAC"),
    (["ip", "addr", "flush", "dev", "br-lab"], "10.20.0.1/24"),
    (["nft", "flush", "ruleset"], "table"),
    (["nft", "delete", "table", "bridge", "tapnet"], "table"),
    (["nft", "flush", "chain", "inet", "tapnet", "forward"], "table"),
    (["nft", "flush", "set", "inet", "tapnet", "egress"], "egress"),
    (["sysctl", "-w", "net.ipv4.conf.eth0.forwarding=0"], "forwarding"),
    (["sysctl", "-w", "net.ipv4.conf.br-lab.forwarding=0"], "forwarding"),
    (["ip", "link", "del", "br-lab"], "br-lab"),
])
def test_damage_is_shown_by_status_and_mended_by_up(lab, host, tapnet, damage, word):
    tapnet("up", lab)
    before = kernel_side(host, tapnet)
    host.run(*damage)
    shown = tapnet("status", check=False)
    assert shown.returncode == 1 and word in shown.stdout
    tapnet("up", lab)
    assert_same(before, kernel_side(host, tapnet), f"the host after `{' '.join(damage)}` and up")
    assert tapnet("status").returncode == 0


def test_a_killed_service_is_shown_and_restarted(lab, host, tapnet):
    tapnet("up", lab)
    kill_service(host)
    shown = tapnet("status", check=False)
    assert shown.returncode == 1 and "NOT SERVED" in shown.stdout
    tapnet("up", lab)
    assert tapnet.status("lab")["served"] is True


def test_down_works_with_a_killed_service(lab, host, tapnet):
    before = snapshot(host, run_dir=tapnet.run_dir)
    tapnet("up", lab)
    kill_service(host)
    tapnet("down", "lab")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_a_foreign_bridge_of_our_name_is_left_alone(lab, host, tapnet):
    host.run("ip", "link", "add", "br-lab", "type", "bridge")
    before = snapshot(host, run_dir=tapnet.run_dir)
    failed = tapnet("up", lab, check=False)
    assert failed.returncode == 2
    assert "br-lab is already there and is not tapnet's" in failed.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
    host.run("ip", "link", "del", "br-lab")


def test_two_sets_live_side_by_side(world, host, tapnet):
    nothing = snapshot(host, run_dir=tapnet.run_dir)
    first = tapnet.file("networks: { one: { subnet: 10.20.0.1/24, ports: { a: {} } } }", "first.yaml")
    second = tapnet.file("networks: { two: { subnet: 10.21.0.1/24, ports: { a: {} } } }", "second.yaml")
    tapnet("up", first)
    one = kernel_side(host, tapnet)
    tapnet("up", second)
    assert {n["name"] for n in tapnet.json("status")["networks"]} == {"one", "two"}
    assert tapnet("plan", first).stdout == "nothing to do\n"
    tapnet("down", second)
    assert_same(one, kernel_side(host, tapnet), "the first set after the second went")
    tapnet("up", second)
    tapnet("down", first)
    assert [n["name"] for n in tapnet.json("status")["networks"]] == ["two"]
    tapnet("down", "--all")
    assert_same(nothing, snapshot(host, run_dir=tapnet.run_dir))


@pytest.mark.parametrize("network", ["", "networks: { lab: { mode: isolated, subnet: 10.20.0.1/24 } }\n"])
def test_status_has_a_line_of_space_behind_devices_as_behind_networks(host, tapnet, network):
    tapnet("up", tapnet.file(f"{network}devices: {{ tun1: {{ kind: tun }}, tun2: {{ kind: tun }} }}"))
    *above, space, keeper = tapnet("status").stdout.splitlines()
    assert (space, keeper) == ("", "no keeper: what others take away stays away until `tapnet up`")
    assert [line.split()[0] for line in above if line] == [*(["br-lab"] if network else []), "tun1", "tun2"]
    assert above.count("") == (1 if network else 0)


def test_a_network_that_another_set_holds_is_refused(lab, host, tapnet):
    tapnet("up", lab)
    failed = tapnet("up", tapnet.file("networks: { lab: { subnet: 10.22.0.1/24 } }", "rival.yaml"), check=False)
    assert failed.returncode == 2 and "set lab" in failed.stderr


def test_a_host_that_becomes_a_router_stays_one(lab, host, tapnet):
    """Somebody turns ip_forward on while we are up (Docker does): neither `up` nor `down` takes it back."""
    tapnet("up", lab)
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    tapnet("up", lab)
    assert tapnet("status").returncode == 0
    assert "closed" not in host.run("nft", "list", "set", "inet", "tapnet", "closed").stdout.replace("set closed", "")
    tapnet("down", lab)
    assert host.run("sysctl", "-n", "net.ipv4.ip_forward", "net.ipv4.conf.eth0.forwarding").stdout == "1\n1\n"


def test_closed_standard_descriptors_are_no_trap(lab, host, tapnet):
    host.run("sh", "-c", f"exec {tapnet.program} up {lab} <&- >&- 2>&-")
    assert tapnet("status").returncode == 0


def test_a_killed_service_comes_back_for_all_sets(world, host, tapnet):
    nothing = snapshot(host, run_dir=tapnet.run_dir)
    first = tapnet.file("networks: { one: { subnet: 10.20.0.1/24, ports: { a: {} } } }", "first.yaml")
    second = tapnet.file("networks: { two: { subnet: 10.21.0.1/24, ports: { a: {} } } }", "second.yaml")
    tapnet("up", first)
    tapnet("up", second)
    kill_service(host)
    assert "is not served" in tapnet("plan", first, check=False).stdout
    tapnet("up", first)
    assert all(network["served"] for network in tapnet.json("status")["networks"])
    kill_service(host)
    tapnet("down", first)  # takes one away and starts nothing
    tapnet("down", second)
    assert_same(nothing, snapshot(host, run_dir=tapnet.run_dir))


def test_two_sets_never_share_a_subnet(world, host, tapnet):
    """One that is left out is chosen clear of the other set's, isolated ones too; one that is given is refused."""
    tapnet("up", tapnet.file("networks: { one: { mode: isolated, subnet: 10.20.0.1/24 } }", "first.yaml"))
    refused = tapnet("up", tapnet.file("networks: { two: { subnet: 10.20.0.1/24 } }", "second.yaml"), check=False)
    assert refused.returncode == 2 and "10.20.0.0/24" in refused.stderr and "second.yaml:1:" in refused.stderr
    tapnet("down", "--all")


def test_a_tap_becomes_a_tun(world, host, tapnet):
    tapnet("up", tapnet.file("devices: { t1: { kind: tap } }"))
    tapnet("up", tapnet.file("devices: { t1: { kind: tun } }"))
    assert links(host)["t1"]["linkinfo"]["info_data"]["type"] == "tun"
    tapnet("down", "--all")


def test_long_names_are_shortened_and_stay_apart(world, host, tapnet):
    ports = "\n".join(f"      virtual-machine-{i}: {{}}" for i in range(200))
    tapnet("up", tapnet.file(f"networks:\n  production-network:\n    ports:\n{ports}\n"))
    assert len(tapnet.status("production-network")["ports"]) == 200
    tapnet("down", "--all")


def test_status_names_the_holder_of_this_namespaces_device(make_netns, lab, host, tapnet):
    """Two namespaces have a TAP of the same name; one is held. The other one's status does not say so."""
    tapnet("up", lab)
    other = make_netns("other")
    other.env["TAPNET_RUN_DIR"] = str(other.tmp / "run")
    other.run(tapnet.program, "up", lab)
    holder = host.popen("/usr/bin/python3", "-c", HOLD, "lab-web", stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    port = {p["name"]: p for p in tapnet.status("lab")["ports"]}["web"]
    assert port["state"] == "plugged" and port["holder"]["pid"] == holder.pid
    theirs = json.loads(other.run(tapnet.program, "status", "--json").stdout)["networks"][0]["ports"]
    assert {p["name"]: p["state"] for p in theirs}["web"] == "free"
    holder.kill()
    other.run(tapnet.program, "down", "--all")


def test_namespaces_never_meet(make_netns, tapnet, host, world, lab):
    """The same file in another namespace of the machine, with the same run base, is another network."""
    tapnet("up", lab)
    other = make_netns("other")
    other.env["TAPNET_RUN_DIR"] = str(tapnet.run_dir)
    assert other.run(tapnet.program, "status").stdout == "nothing is up\n"
    other.run(tapnet.program, "up", lab)
    other.run(tapnet.program, "down", "--all")
    assert tapnet("status").returncode == 0


def test_a_free_subnet_is_chosen_and_kept(world, host, tapnet):
    minimal = tapnet.file("networks: { lab: { ports: { vm1: {} } } }")
    tapnet("up", minimal)
    subnet = tapnet.status("lab")["subnets"][0]
    host.run("ip", "route", "add", "10.64.0.0/10", "dev", "eth0")  # now everything around it is taken
    assert tapnet("plan", minimal).stdout == "nothing to do\n"
    tapnet("down", "lab")
    host.run("ip", "route", "del", "10.64.0.0/10", "dev", "eth0")
    tapnet("up", minimal)
    assert tapnet.status("lab")["subnets"][0] == subnet
    tapnet("down", "lab")


def test_an_edit_keeps_the_other_ports(lab, host, tapnet):
    """Adding and removing a port leaves the others' devices, addresses and holders as they are."""
    tapnet("up", lab)
    before = {name: link["ifindex"] for name, link in links(host).items()}
    edited = tapnet.file(LAB.replace("web: {}", "web: {}\n      mail: {}"))
    tapnet("up", edited)
    after = {name: link["ifindex"] for name, link in links(host).items()}
    assert {k: v for k, v in after.items() if k != "lab-mail"} == before
    tapnet("up", tapnet.file(LAB))
    assert {name: link["ifindex"] for name, link in links(host).items()} == before


def test_devices_of_the_file(world, host, tapnet):
    nothing = snapshot(host, run_dir=tapnet.run_dir)
    file = tapnet.file("devices:\n  tun1: { kind: tun, address: 192.168.3.11/24 }\n  tap9: { kind: tap, mtu: 1400 }\n")
    tapnet("up", file)
    found = links(host)
    assert found["tun1"]["linkinfo"]["info_data"]["type"] == "tun"
    assert found["tap9"]["mtu"] == 1400
    assert tapnet("status").returncode == 0
    tapnet("down", file)
    assert_same(nothing, snapshot(host, run_dir=tapnet.run_dir))


def test_a_killed_up_is_undone_by_down_without_a_trace(world, host, tapnet):
    before = snapshot(host, run_dir=tapnet.run_dir)
    ports = "\n".join(f"      p{i}: {{}}" for i in range(900))  # half a second of work
    big = tapnet.file(f"networks:\n  big:\n    ports:\n{ports}\n", "big.yaml")
    killed = host.run("timeout", "-s", "KILL", "0.1", tapnet.program, "up", big, check=False)
    assert killed.returncode != 0
    tapnet("down", big)
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_an_up_without_its_service_leaves_nothing(lab, host, tapnet):
    before = snapshot(host, run_dir=tapnet.run_dir)
    failed = tapnet("up", lab, check=False, env={"TAPNET_SERVICE": "/nonexistent/service"})
    assert failed.returncode == 1 and "/nonexistent/service" in failed.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_down_without_a_file_says_so(lab, host, tapnet):
    tapnet("up", lab)
    failed = tapnet("down", check=False, cwd="/")
    assert failed.returncode == 2 and "--all" in failed.stderr


@pytest.mark.parametrize("argv, word", [
    (["up", "nowhere.yaml"], "nowhere.yaml"),
    (["upp"], "unknown command"),
    (["up", "--frobnicate"], "--frobnicate"),
    (["up", "a", "b"], "one word too many"),
    (["status", "x", "y"], "one word too many"),
    (["down", "--all", "x"], "not both"),
])
def test_wrong_words_exit_with_2(host, tapnet, argv, word):
    failed = tapnet(*argv, check=False)
    assert failed.returncode == 2 and word in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_a_wrong_file_touches_nothing(world, host, tapnet):
    before = snapshot(host, run_dir=tapnet.run_dir)
    failed = tapnet("up", tapnet.file("networks:\n  lab:\n    subnetz: 10.0.0.1/24\n    mtu: 12\n"), check=False)
    assert failed.returncode == 2
    assert "lab.yaml:3:5" in failed.stderr and "subnet" in failed.stderr and "lab.yaml:4:" in failed.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_without_rights_one_sentence_says_what_helps(lab, host, tapnet):
    need_all_users()
    host.tmp.chmod(0o755)
    failed = host.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", everybodys(), "up", lab,
                      check=False, env={"TAPNET_RUN_DIR": "/tmp/tapnet-nobody"})
    assert failed.returncode == 1
    assert "root" in failed.stderr and len(failed.stderr.splitlines()) == 1
    host.run("rm", "-rf", "/tmp/tapnet-nobody")
