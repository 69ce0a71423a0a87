# SPDX-License-Identifier: MIT
"""What is remembered of a set that is up: its devices, so that one that is gone is missed, and its file, so that
another file of the same name does not take its place.

      host under test                            outside
    +--------------------------------------+     +---------------+
    |  lab-web --- br-lab 10.20.0.1/24     |     |               |
    |                  NAT -- eth0 --------+-----+-- 192.0.2.1   |
    |  tun1 192.168.3.11/24   tap9         |     |               |
    +--------------------------------------+     +---------------+
"""

import json
import shutil

import pytest

from tapnet_test.snapshot import assert_same, snapshot

DEVICES = """
devices:
  tun1: { kind: tun, address: 192.168.3.11/24 }
  tap9: { kind: tap, mtu: 1400, user: 0 }
"""

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {} } } }\n"


@pytest.fixture(autouse=True)
def nothing_stays(world, tapnet):
    yield
    tapnet("down", "--all", check=False)


def kernel_side(host, tapnet):
    return "".join(line for line in snapshot(host, run_dir=tapnet.run_dir).splitlines(keepends=True)
                   if not line.startswith("file run/"))


def place(host, name, text=LAB):
    """A file lab.yaml in a folder of its own."""
    folder = host.tmp / name
    folder.mkdir()
    (folder / "lab.yaml").write_text(text)
    return folder / "lab.yaml"


@pytest.mark.parametrize("damage, problem", [
    (["ip", "link", "del", "tun1"], "tun tun1 is missing"),
    (["ip", "link", "set", "tap9", "mtu", "1300"], "tap tap9 MTU 1300, wanted 1400"),
    (["ip", "link", "set", "tun1", "down"], "tun tun1 is down"),
    (["ip", "addr", "del", "192.168.3.11/24", "dev", "tun1"], "address 192.168.3.11/24 on tun1 is missing"),
])
def test_a_device_that_is_not_as_wanted_is_a_problem_until_up_mends_it(host, tapnet, damage, problem):
    file = tapnet.file(DEVICES)
    tapnet("up", file)
    assert tapnet("status").returncode == 0
    before = kernel_side(host, tapnet)
    host.run(*damage)
    shown = tapnet("status", check=False)
    assert shown.returncode == 1 and problem in shown.stdout
    tapnet("up", file)
    assert_same(before, kernel_side(host, tapnet))
    assert tapnet("status").returncode == 0


def test_a_device_that_is_gone_is_still_shown(host, tapnet):
    tapnet("up", tapnet.file(DEVICES))
    host.run("ip", "link", "del", "tun1")
    devices = {d["name"]: d for d in json.loads(tapnet("status", "--json", check=False).stdout)["devices"]}
    assert devices["tun1"]["state"] == "missing" and devices["tap9"]["state"] == "free"


def test_without_its_record_a_set_keeps_its_devices(host, tapnet):
    """What nobody knows any more is not called wrong; the next `up` writes it down again."""
    file = tapnet.file(DEVICES)
    tapnet("up", file)
    record, = tapnet.run_dir.glob("*/sets/lab.json")
    record.write_text("{")
    assert tapnet("status").returncode == 0
    assert tapnet("plan", file).stdout == "nothing to do\n"
    tapnet("up", file)
    assert json.loads(record.read_text())["path"] == str(file)


def test_a_ports_user_is_no_problem(host, tapnet):
    tapnet("up", tapnet.file(LAB.replace("web: {}", "web: { group: 0 }")))
    assert tapnet("status").returncode == 0


def test_another_file_of_the_same_name_is_refused(host, tapnet):
    here, there = place(host, "here"), place(host, "there", LAB.replace("web", "mail"))
    tapnet("up", here)
    before = snapshot(host, run_dir=tapnet.run_dir)
    for command in ("up", "plan"):
        refused = tapnet(command, there, check=False)
        assert refused.returncode == 2
        line, = refused.stderr.splitlines()
        for word in (str(here), str(there), "`name:`", "tapnet down lab", "--replace"):
            assert word in line
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_replace_says_that_it_is_meant(host, tapnet):
    here, there = place(host, "here"), place(host, "there", LAB.replace("web", "mail"))
    tapnet("up", here)
    tapnet("up", there, "--replace")
    assert [port["name"] for port in tapnet.status("lab")["ports"]] == ["mail"]
    tapnet("up", there)  # its own now
    assert tapnet("up", here, check=False).returncode == 2


def test_a_name_of_its_own_is_the_other_remedy(host, tapnet):
    here = place(host, "here")
    there = place(host, "there", "name: other\nnetworks: { other: { subnet: 10.21.0.1/24 } }\n")
    tapnet("up", here)
    tapnet("up", there)
    assert {network["set"] for network in tapnet.json("status")["networks"]} == {"lab", "other"}


def test_a_file_that_moved_is_the_same_file(host, tapnet):
    here = place(host, "here")
    tapnet("up", here)
    moved = host.tmp / "lab.yaml"
    here.rename(moved)
    assert tapnet("plan", moved).stdout == "nothing to do\n"
    assert "all is as wanted" in tapnet("up", moved).stdout
    assert json.loads(next(tapnet.run_dir.glob("*/sets/lab.json")).read_text())["path"] == str(moved)
    moved.write_text(LAB.replace("web", "mail"))
    tapnet("up", moved)


def test_a_copy_that_says_the_same_is_no_conflict(host, tapnet):
    """And neither is a second name of the same file."""
    here, there = place(host, "here"), host.tmp / "there"
    tapnet("up", here)
    shutil.copytree(here.parent, there)
    host.run("ip", "link", "del", "lab-web")  # something to do does not make it another
    assert "1 network" in tapnet("up", there / "lab.yaml").stdout
    link = host.tmp / "lab.yaml"
    link.symlink_to(there / "lab.yaml")
    (there / "lab.yaml").write_text(LAB.replace("web", "mail"))
    tapnet("up", link)


def test_problems_of_more_sets_than_one_can_count(host, tapnet):
    for number in range(70):
        tapnet("up", tapnet.file(f"devices: {{ d{number}: {{ kind: tun }} }}", f"set{number}.yaml"))
    host.run("ip", "link", "del", "d69")
    host.run("ip", "link", "del", "d0")
    problems = json.loads(tapnet("status", "--json", check=False).stdout)["problems"]
    assert sorted(problems) == ["tun d0 is missing", "tun d69 is missing"]
