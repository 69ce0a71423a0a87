# SPDX-License-Identifier: MIT
"""`tapnet attach --for VMM`, and the recipes of contrib/: what opens TAPs as Firecracker, cloud-hypervisor and crosvm
do is told of a port, by a user without a right, and is on the network.

      host under test                                                outside
    +------------------------------------------------------------+  +---------+
    | user 12345: attach --for …   firecracker  -- lab-vm1 --+   |  |         |
    |                              (stand-ins)               +-- br-lab -- eth0
    | user 12345: run …            crosvm       -- lab-vm2 --+   |  |         |
    +------------------------------------------------------------+  +---------+
"""

import json
import os
import shlex
import shutil

import pytest
from tapnet_test.build import SOURCE, Tapnet, everybodys, everybodys_file
from tapnet_test.plugging import ALICE, as_user, at_rest, ports
from tapnet_test.rights import need_all_users
from tapnet_test.snapshot import assert_same
from tapnet_test.waiting import wait_for

VMMS = ["firecracker", "cloud-hypervisor", "crosvm"]
LAB = f"""
networks:
  lab:
    subnet: 10.20.0.1/24
    allow: ["{ALICE}:2"]
    ports:
      wide: {{ user: {ALICE}, queues: 3, address: 10.20.0.9 }}
      own: {{ user: {ALICE}, address: 10.20.0.7 }}
"""


@pytest.fixture
def lab(host, world):
    """The network is up, the stand-ins are in everybody's way, and /dev/net/tun is everybody's, as udev has it."""
    need_all_users()
    host.run("sh", "-ec", "mount -t tmpfs tmpfs /dev/net; mknod -m 0666 /dev/net/tun c 10 200")
    tapnet = Tapnet(host, keeper=True)
    programs = host.tmp / "programs"
    programs.mkdir()
    everybodys_file(SOURCE / "tests/system/tap_guest.py")
    standin = everybodys_file(SOURCE / "tests/system/vmm_standin.py")
    standin.chmod(0o755)
    for name in VMMS:
        (programs / name).symlink_to(standin)
    (programs / "tapnet").symlink_to(everybodys())
    host.env["PATH"] = f"{programs}:{os.environ['PATH']}"
    tapnet("up", tapnet.file(LAB))
    tapnet.let_look()
    yield tapnet
    tapnet("down", "--all")


def traces(lab):
    """All but what the keeper tells in its log of who came and went."""
    return "\n".join(line for line in at_rest(lab).splitlines() if "/keeper.log " not in line)


def alice(lab, *words, **kw):
    return lab.netns.run(*as_user(ALICE), *words, timeout=60, **kw)


def started(lab, vmm, told):
    """What a stand-in says that was told so: (its MAC, the address it was offered)."""
    if vmm == "firecracker":
        words = ["--no-api", "--config-file", lab.netns.write("vm.json", json.dumps(
            {"network-interfaces": [json.loads(told)]}))]
    else:
        words = (["run"] if vmm == "crosvm" else []) + shlex.split(told)
    return alice(lab, vmm, *words).stdout.split()


# ---- told by name ----

@pytest.mark.parametrize("vmm", VMMS)
def test_a_port_is_opened_by_its_owner(lab, vmm):
    """A new one, which is the user's; nothing is left."""
    before = traces(lab)
    told = alice(lab, "tapnet", "attach", "--for", vmm, "lab/mine").stdout
    port = ports(lab)["mine"]
    assert started(lab, vmm, told) == [port["mac"], port["addresses"][0]]
    alice(lab, "tapnet", "detach", "lab/mine")
    assert_same(before, traces(lab))


@pytest.mark.parametrize("vmm", VMMS)
def test_a_port_of_the_file_too(lab, vmm):
    """Root asks, and the port's user starts it."""
    told = lab("attach", "--for", vmm, "lab/own").stdout
    assert started(lab, vmm, told) == [ports(lab)["own"]["mac"], "10.20.0.7"]


def test_several_queues_are_for_who_opens_several(lab):
    told = lab("attach", "--for", "cloud-hypervisor", "lab/wide").stdout
    assert ",num_queues=6" in told
    assert started(lab, "cloud-hypervisor", told) == [ports(lab)["wide"]["mac"], "10.20.0.9"]
    told = lab("attach", "--for", "qemu", "lab/wide").stdout
    assert ",queues=3" in told and ",mq=on,vectors=8" in told
    for vmm in "firecracker", "crosvm":
        refused = lab("attach", "--for", vmm, "lab/wide", check=False)
        assert refused.returncode == 2 and refused.stdout == ""
        assert f"port lab/wide has 3 queues, and {vmm} opens devices with one only" in refused.stderr


def test_qemu_takes_what_it_is_told(lab):
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("qemu-system-x86_64 is not installed")
    words = shlex.split(lab("attach", "--for", "qemu", "lab/own").stdout)
    qemu = lab.netns.popen(*as_user(ALICE), "qemu-system-x86_64", "-accel", "tcg", "-display", "none", "-monitor",
                           "none", "-nodefaults", "-S", *words)
    wait_for(lambda: ports(lab)["own"]["state"] == "plugged" or qemu.poll() is not None, 20, "QEMU holds it")
    assert qemu.poll() is None
    qemu.terminate()
    qemu.wait(20)


@pytest.mark.parametrize("words, said", [
    (["--for", "xen"], "--for xen is none of firecracker, cloud-hypervisor, crosvm, qemu"),
    (["--for", "crosvm", "--queues", "2"], "crosvm opens devices with one queue only: leave out --queues"),
    (["--for", "qemu", "--json"], "--for says what is printed: leave out --json"),
])
def test_what_is_mistyped_makes_nothing(lab, words, said):
    before = traces(lab)
    refused = lab("attach", *words, "lab", check=False)
    assert refused.returncode == 2 and said in refused.stderr and refused.stdout == ""
    assert_same(before, traces(lab))
    assert lab("attach", "--for", "qemu", "--dry-run", "--json", "lab", check=False).returncode == 3


# ---- the recipes ----

@pytest.mark.parametrize("vmm", VMMS)
def test_a_recipe_starts_it_and_leaves_nothing(lab, vmm):
    before = traces(lab)
    recipe = everybodys_file(SOURCE / "contrib" / vmm)
    words = [everybodys_file(SOURCE / "contrib/firecracker.json")] if vmm == "firecracker" else []
    mac, address = alice(lab, "sh", recipe, "lab", *words).stdout.split()
    assert address.startswith("10.20.0.") and mac.startswith("52:54:00:")
    wait_for(lambda: set(ports(lab)) == {"wide", "own"}, 10, "its port goes")
    assert_same(before, traces(lab))


def test_a_recipe_leaves_a_port_of_the_file(lab):
    config = everybodys_file(SOURCE / "contrib/firecracker.json")
    done = alice(lab, "sh", everybodys_file(SOURCE / "contrib/firecracker"), "lab/own", config)
    assert done.stdout.split() == [ports(lab)["own"]["mac"], "10.20.0.7"]
