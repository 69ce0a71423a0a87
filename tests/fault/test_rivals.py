# SPDX-License-Identifier: MIT
"""Others on the host, and its limits: what is taken, full, read-only, forbidden or too little, for real.

      host                                            outside
    +----------------------------------------------------------------+
    | a rival takes what up is just about to make                    |
    | lab-web --+                                   |                |
    |           +-- br-lab 10.20.0.1/24 -- NAT -- eth0 -- out0       |
    | lab-db ---+                                   |   192.0.2.1    |
    +----------------------------------------------------------------+
"""

import subprocess

import pytest

from lab import FULL, unreported
from plans import LAB, PLANS, file, network

VETH = "address 02:00:00:00:00:01 type veth peer name other address 02:00:00:00:00:02"

# Just before its first request of this name, somebody else does that; and whether up can do without.
RIVALS = {
    "a bridge of our name": ("bridge_create", "ip link add br-lab address 02:00:00:00:00:01 type bridge"),
    "another kind of our bridge's name": ("bridge_create", f"ip link add br-lab {VETH}"),
    "a tap of our name": ("device_open", "ip tuntap add lab-db mode tap; ip link set lab-db address 02:00:00:00:00:01"),
    "a tun of our tap's name": ("device_open", "ip tuntap add lab-db mode tun"),
    "a veth of our name": ("device_open", f"ip link add lab-web {VETH}"),
    "our bridge's address": ("address_add", "ip address add 10.20.0.1/24 dev br-lab"),
    "the port of DNS": ("service_serve", "setsid nc -u -l -s 10.20.0.1 -p 10053 >/dev/null 2>&1 & "
                                         "while ! ss -Hlun | grep -q 10.20.0.1:10053; do :; done"),
    "our table": ("guards_commit", "nft add table inet tapnet; nft add chain inet tapnet foreign"),
}
# What goes by itself when up undoes what it stands on; the rest of a rival must be there afterwards, unharmed.
GOES_WITH_OURS = {"our bridge's address", "the port of DNS"}


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_comes_between_plan_and_request(lab, name):
    """up fails, takes back what it made, and leaves what is the rival's alone."""
    request, command = RIVALS[name]
    plan = PLANS["up"]
    if name not in GOES_WITH_OURS:
        lab.host.run("sh", "-ec", command)
    expected = lab.look()
    lab.host.run("sh", "-c", "for link in br-lab lab-web lab-db other; do ip link del $link; done 2>/dev/null; "
                             "nft flush ruleset")
    before = lab.look()
    outcome = lab.requests(lab.arguments(plan), rival=(request, command))
    lab.tally.counts["faults"] += 1
    if name in GOES_WITH_OURS:
        lab.host.run("sh", "-c", "for pid in $(ss -Hlunp | sed -n 's/.*\"nc\",pid=\\([0-9]*\\).*/\\1/p'); "
                                 "do kill $pid; done")
        expected = before
    assert not outcome.worked, outcome.requests
    lab.assert_is(expected, f"the host after {name} and a failed up: {outcome.said}")


@pytest.mark.skipif(not FULL, reason="half a minute: in a full run")
def test_a_full_bridge(lab):
    """A bridge takes 1,023 ports. Somebody puts one of his own into ours: the last of ours has no place any more."""
    ports = {f"p{number}": "{}" for number in range(1023)}
    lab.up("big", file(network({"p0": "{}"}, "big", "10.20.0.1/20")))
    lab.host.run("sh", "-ec", "ip link add guest type veth peer name other; ip link set guest master br-big")
    before = lab.look()
    failed = lab.tapnet("up", lab.path("big", file(network(ports, "big", "10.20.0.1/20"))), *lab.options, check=False)
    lab.tally.counts["faults"] += 1
    assert failed.returncode == 1 and "Exchange full" in failed.stderr, failed.stderr
    lab.assert_is(before, f"the host after {failed.stderr}")


def test_a_table_held_by_its_owner(lab):
    """Somebody's process owns a table of our name; nobody else may touch it. This nft can't say it in JSON."""
    def look():
        return [lab.host.run(*words).stdout for words in (["nft", "list", "ruleset"], ["ip", "address"])]
    holder = lab.host.popen("nft", "-i", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holder.stdin.write("add table inet tapnet { flags owner; }\nlist tables\n")
    holder.stdin.flush()
    while "tapnet" not in holder.stdout.readline():
        pass
    before = look()
    failed = lab.tapnet("up", lab.path("lab", LAB), *lab.options, check=False)
    lab.tally.counts["faults"] += 1
    assert failed.returncode == 2 and "table" in failed.stderr
    assert look() == before
    holder.stdin.close()
    holder.wait()


# ---- limits of the process ----

def limited(lab, plan, words, killed=()):
    """A plan under a limit: whole, or as before, or said and mended by down; or ended by the limit's signal."""
    before = lab.bring(plan.before)
    done = lab.host.run(*words, lab.tapnet.program, *lab.command(plan), check=False)
    lab.tally.counts["faults"] += 1
    what = f"the host after {' '.join(map(str, words))}: {done.returncode} {done.stderr}"
    assert done.returncode in (0, 1, 2, 127, *killed), what
    if done.returncode == 0 and plan.text is not None:
        lab.assert_up(plan, what)
    elif done.returncode not in killed:
        wanted = before if done.returncode else lab.nothing
        assert not unreported(wanted, lab.settle(wanted), done.stderr), what
    lab.tapnet("down", "--all")
    lab.assert_nothing(f"{what}, and down")
    return done.returncode


@pytest.mark.parametrize("name", ["up", "edit: all at once", "down"])
def test_too_few_descriptors(lab, name):
    codes = [limited(lab, PLANS[name], ["prlimit", f"--nofile={limit}"])
             for limit in lab.tally.sample(range(3, 24), 4)]
    assert codes[0] != 0 or not lab.tally.full, "three descriptors cannot do"


@pytest.mark.parametrize("name", ["up", "edit: all at once", "down"])
def test_no_room_in_files(lab, name):
    """Who writes beyond the limit gets SIGXFSZ, which kills: no undo then, the next down has to do it."""
    for limit in lab.tally.sample([0, 50, 100, 200, 400, 800, 1600, 3200, 6400], 3):
        limited(lab, PLANS[name], ["prlimit", f"--fsize={limit}"], killed=(128 + 25, -25))


@pytest.mark.parametrize("name", ["up", "edit: all at once", "down"])
def test_too_little_memory(lab, name):
    for limit in lab.tally.sample(range(4 << 20, 16 << 20, 1 << 19), 4):
        limited(lab, PLANS[name], ["prlimit", f"--as={limit}"])


# ---- a run directory that does not take more, a /proc/sys and a /dev that do not let us ----

def mounted(lab, plan, *mounts):
    """The plan with something mounted over a place of the host. What it leaves in its run directory is looked at there:
    the mount is to be seen in the namespace alone."""
    before = lab.bring(plan.before)
    for mount in mounts:
        lab.host.run("sh", "-ec", mount)
    done = lab.host.run(lab.tapnet.program, *lab.command(plan), check=False)
    left = lab.host.run("find", lab.run, "-mindepth", "1", check=False).stdout
    lab.tally.counts["faults"] += 1
    return before, done, left


@pytest.mark.parametrize("size", ["size=4k", "nr_inodes=2", "nr_inodes=4", "nr_inodes=6", "ro"])
def test_a_full_or_read_only_run_directory(lab, size):
    before, done, left = mounted(lab, PLANS["up"], f"mkdir {lab.run}; mount -t tmpfs -o {size} tmpfs {lab.run}")
    assert done.returncode == 1 and str(lab.run) in done.stderr, done.stderr
    assert ("make it writable" if size == "ro" else "free some there") in done.stderr, done.stderr
    assert "or set TAPNET_RUN_DIR to another directory" in done.stderr
    assert not left, f"{done.stderr}: {left}"
    lab.host.run("umount", lab.run)
    lab.run.rmdir()
    lab.assert_is(before, f"the host after {done.stderr}")


@pytest.mark.parametrize("name", ["up", "down", "edit: isolated"])
def test_sysctls_that_are_read_only(lab, name):
    before, done, _ = mounted(lab, PLANS[name],
                              "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys")
    assert done.returncode == 1 and "Read-only file system" in done.stderr
    lab.assert_is(before, f"the host after {done.stderr}")
    lab.host.run("umount", "/proc/sys")


def test_a_node_that_is_not_the_driver(lab):
    before, done, _ = mounted(lab, PLANS["up"], "mount --bind /dev/null /dev/net/tun")
    assert done.returncode == 1 and "/dev/net/tun is not the tun driver's node" in done.stderr
    lab.assert_is(before, f"the host after {done.stderr}")
    lab.host.run("umount", "/dev/net/tun")
