# SPDX-License-Identifier: MIT
"""Debian's brctl and ours do the same command lines in twin namespaces: same words, same exit code, same kernel state.

    twin of Debian's brctl                     twin of ours
    [ v0 v1 v2 t0 : br0, br1, ... ]            [ v0 v1 v2 t0 : br0, br1, ... ]     same names, same MACs

The lines run in order and build on each other. Lines that begin with "!" are preparations by `ip`, made in both twins.
"""

import re

import pytest
from tapnet_test.rights import need_all_users
from twins import Twin, compare, twins_of

DEBIAN = "/usr/sbin/brctl"

LINES = """
    (nothing)
    --help | -h | --version | -V | -x | --nonsense | bad | "" | show -V
    addbr | delbr | addif | addif br0 | delif | delif br0 | hairpin | hairpin br0 v0 | setageing br0 | setbridgeprio
    setfd br0 | sethello br0 | setmaxage br0 | setpathcost br0 v0 | setportprio br0 | showmacs | showstp | stp br0

    show | show nope | show lo | show v0 nope | showmacs nope | showmacs lo | showstp nope | showstp lo

    addbr br0 | addbr br0 | addbr lo | addbr v0 | addbr . | addbr a/b | addbr one two
    ! ip link set br0 address 02:00:00:00:00:aa
    show | show br0 | showmacs br0 | showstp br0
    addbr 0123456789abcdef | delbr 0123456789abcdef | addbr br%d
    ! ip link set br1 address 02:00:00:00:00:bb
    show

    addif br0 v0 | addif br0 v0 | addif br1 v0 | addif br0 nope | addif nope v0 | addif nope nope
    addif br0 lo | addif br0 br1 | addif lo v1 | addif v1 v2 | addif br0 v1 nope v2 | addif br0 v2 t0
    show | show br0 br1 | show br0 nope br1 | showmacs br0 | showstp br0

    delif br0 v2 | delif br0 v2 | delif br1 v0 | delif br0 nope | delif nope v0 | delif br0 lo | delif lo v0
    delif br0 v1 t0 | addif br0 v1 v2 t0

    stp br0 on | show br0 | stp br0 off | stp br0 yes | stp br0 no | stp br0 1 | stp br0 0 | stp br0 maybe | stp br0 ON
    stp nope on | stp v0 on | stp lo off

    setageing br0 200 | setageing br0 0 | setageing br0 12.34 | setageing br0 300abc | setageing br0 abc
    setageing br0 inf | setageing br0 300
    setageing nope 1 | setageing v0 1 | setageing br0 ""
    setfd br0 4 | setfd br0 0 | setfd br0 1e1 | setfd br0 x | setfd nope 4 | setfd v0 4 | setfd br0 0x10
    sethello br0 1 | sethello br0 3.5 | sethello br0 0.5 | sethello br0 11 | sethello br0 x | sethello nope 1
    setmaxage br0 12 | setmaxage br0 5 | setmaxage br0 41 | setmaxage br0 x | setmaxage nope 12
    stp br0 on | setfd br0 1 | setfd br0 31 | setfd br0 15 | stp br0 off
    showstp br0

    setbridgeprio br0 4096 | show br0 | setbridgeprio br0 0x7000 | setbridgeprio br0 010 | setbridgeprio br0 65535
    setbridgeprio br0 70000 | setbridgeprio br0 x | setbridgeprio nope 1 | setbridgeprio v0 1 | setbridgeprio br0 8z
    setbridgeprio br0 32768
    setpathcost br0 v0 7 | setpathcost br0 v0 0 | setpathcost br0 v0 65535 | setpathcost br0 v0 65536
    setpathcost br0 v0 x | setpathcost br0 nope 7 | setpathcost nope v0 8 | setpathcost br0 v0 0x20
    setportprio br0 v0 12 | setportprio br0 v0 63 | setportprio br0 v0 64 | setportprio br0 v0 x
    setportprio br0 nope 12 | setportprio nope v0 13
    setportprio br0 v0 65536 | setportprio nope v0 64 | setportprio t0 v0 64 | setportprio br0 t0 12
    delif br0 t0 | setportprio br0 t0 12 | setportprio nope t0 12 | setportprio v0 t0 12 | setportprio "" t0 12
    setpathcost br0 t0 7 | setpathcost nope t0 7 | setpathcost lo t0 7 | setpathcost nope v0 99999999999
    hairpin br0 t0 on | hairpin v0 t0 on | hairpin nope t0 on | addif br0 t0
    hairpin br0 v0 on | showstp br0 | hairpin br0 v0 off | hairpin br0 v0 yes | hairpin br0 v0 0 | hairpin br0 v0 x
    hairpin br0 nope on | hairpin nope v0 on

    ! ip link set v0 up
    ! ip link set v1 up
    ! ip link set br0 up
    show | showmacs br0 | showstp br0 | delbr br0
    ! bridge fdb add 02:00:00:00:01:01 dev v1 master static
    ! bridge fdb add 02:00:00:00:00:01 dev v0 master temp
    showmacs br0
    delbr nope | delbr lo | delbr v0
    ! ip link set br0 down
    delbr br0 | show | delbr br1 | delbr br1 | show
"""

# Words that stand for what differs between two runs of one program.
NORMAL = (
    (re.compile(r"(timer\t*) +\d+\.\d\d"), r"\1 TIME"),             # how long a timer still runs
    (re.compile(r"(\tno\t\t) +\d+\.\d\d"), r"\1 AGE"),              # how long ago an address was seen
)

# Differences that are kept on purpose: the line, and why.
KEPT = {
    "setageing br0 inf": "Debian's converts infinity to an integer, which C leaves undefined, and sets what comes out;"
                         " ours sets 0, as for anything that is no number of seconds",
}
KEPT_FOR_USERS = {
    "hairpin many v0 on": "Debian's tries an older request after the refusal and reports that one's \"not supported\";"
                          " what is missing is the right, and ours says so",
}


def normal(text):
    for pattern, replacement in NORMAL:
        text = pattern.sub(replacement, text)
    return text


class Host(Twin):
    """A host with three cables and a TAP."""

    command = "brctl"

    def prepare(self):
        run = self.netns.run
        run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")  # nobody speaks who was not asked
        for number in range(3):
            run("ip", "link", "add", f"v{number}", "address", f"02:00:00:00:10:0{number}", "type", "veth", "peer",
                "name", f"p{number}", "address", f"02:00:00:00:20:0{number}")
            run("ip", "link", "set", f"p{number}", "up")
        run("ip", "tuntap", "add", "t0", "mode", "tap")
        run("ip", "link", "set", "t0", "address", "02:00:00:00:10:10")

    def state(self):
        """What the kernel has: bridges, their options, their ports and theirs, without what runs by itself."""
        facts = {}
        for link in self.netns.json("ip", "-d", "-j", "link", "show"):
            info = link.get("linkinfo", {})
            data = {key: value for key, value in info.get("info_data", {}).items() if not key.endswith("timer")}
            port = {key: value for key, value in info.get("info_slave_data", {}).items() if not key.endswith("timer")}
            if info.get("info_kind") == "bridge" and not any(other == link["ifname"] for other in self.masters()):
                data.pop("bridge_id", None)  # of a bridge without ports: random
                data.pop("root_id", None)
            flags = [flag for flag in link["flags"] if flag != "NO-CARRIER"]  # the kernel tells of it when it has time
            for key, value in {"master": link.get("master"), "flags": flags, "kind": info.get("info_kind"), **data,
                               **{f"port {key}": value for key, value in port.items()}}.items():
                facts[f"{link['ifname']} {key}"] = value
        return facts

    def masters(self):
        return [link.get("master") for link in self.netns.json("ip", "-j", "link", "show")]


@pytest.fixture(scope="module")
def twins():
    with twins_of(Host, DEBIAN, "bridge-utils") as pair:
        yield pair


def test_every_line_does_the_same(twins):
    assert compare(twins, LINES, KEPT, normal) >= 120


def test_infinity_is_no_time(twins):
    """Debian's leaves what infinity is to the processor; ours takes it for nothing, and a number afterwards counts."""
    debian, ours = twins
    for twin in twins:
        twin.run("addbr endless")
        assert twin.run("setageing endless inf").returncode == 0
    assert ours.state()["endless ageing_time"] == 0 != debian.state()["endless ageing_time"]
    for twin in twins:
        assert twin.run("setageing endless 300").returncode == 0
        assert twin.state()["endless ageing_time"] == 30000
        twin.run("delbr endless")


def test_ports_of_a_network_are_listed(twins):
    """A bridge with ports shows them in the order of their names, however they were added."""
    for twin in twins:
        twin.run("addbr many")
        twin.run("addif many v2 t0 v0 v1")
    debian, ours = (twin.run("show many").stdout for twin in twins)
    assert debian == ours and [line.split()[-1] for line in ours.splitlines()[1:]] == ["t0", "v0", "v1", "v2"]


def test_an_ordinary_user_may_look_and_not_touch(twins):
    """The kernel refuses, and brctl says so in the same words."""
    need_all_users()
    debian, ours = twins
    for twin in twins:
        twin.run("addbr many")  # whether it is there or not
    for line in ("show many", "addbr br9", "addif many v0", "delbr many", "stp many on", "setfd many 4",
                 "hairpin many v0 on", "setpathcost many v0 9", "showmacs many"):
        one, other = debian.run_as_nobody(line), ours.run_as_nobody(line)
        if line in KEPT_FOR_USERS:
            assert one.returncode == other.returncode == 1 and "not permitted" in other.stderr
            continue
        assert (one.returncode, normal(one.stdout), one.stderr) == (other.returncode, normal(other.stdout),
                                                                    other.stderr), line
