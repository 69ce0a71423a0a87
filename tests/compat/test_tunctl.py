# SPDX-License-Identifier: MIT
"""Debian's tunctl and ours do the same command lines in twin namespaces: same words, exit code and kernel state.

    twin of Debian's tunctl                       twin of ours
    [ held many tn : tap0, foo, ... ]             [ held many tn : tap0, foo, ... ]

The lines run in order and build on each other. In both, `held` is a TAP that somebody holds, `many` one of several
queues, `tn` a TUN; NODE is a node of the same driver at another place.
"""

import os
import shutil
import subprocess

import pytest
from tapnet_test.build import program
from tapnet_test.netns import Netns

DEBIAN = "/usr/bin/tunctl"

LINES = """
    (nothing) | -b | -b -b | -h | -x | --help | -n | -p -t tapx | foo | -t c foo | -- c | -b -- | -t
    -d | -u | -g | -f
    -t foo | -t foo | -d foo | -d foo | -b -t foo | -bt foo | -btfoo | -d foo -b | -t a -t b | -t g -d h | -d h -t g
    -t abcdefghijklmnopqrstuvw | -d abcdefghijklmno | -t abcdefghijklmno | -t 123456789012345
    -t x%d | -t x%d | -t %d | -t %s | -t x%dy%d | -t "" | -d "" | -t a/b | -t . | -t .. | -t a:b | -d a/b
    -t lo | -d lo | -t held | -d held | -t many | -d many | -t tn | -d tn
    -u nobody -t u1 | -u 1234 -t u2 | -u 0 -t u3 | -u root -t u4 | -u 0x10 -t u5 | -u 010 -t u6 | -u +7 -t u7
    -u nosuch -t u8 | -u 12x -t u8 | -u 08 -t u8 | -u "" -t u9 | -u -1 -t u10 | -u -2 -t u11 | -u 4294967295 -t u12
    -u 4294967296 -t u13 | -u 2147483648 -t u14 | -u 99999999999999999999 -t u15 | -u 5 -u 6 -t u16
    -g nogroup -t g1 | -g 4321 -t g2 | -g nosuch -t g3 | -g 1x -t g3 | -g 5 -u 6 -t g4 | -g -1 -t g5 | -g root -t g6
    -u 77 -g 78 -t g4 | -t g4 | -g 79 -t g4 | -b -u 3 -g 4 -t g7
    -f /nonexistent | -f /dev/null | -f /etc/passwd | -f / | -f "" | -f NODE -t n1 | -f NODE -d n1
    -f /dev/net/tun -t n2
    -u nosuch -x | -x -u nosuch | -t n3 -u nosuch -g nosuch
"""

# Differences that are kept on purpose: the line, and why. There are none as root; see the test in a user namespace.
KEPT = {}

HOLD = """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"held", 0x1002))
print("held", flush=True)
sys.stdin.read()
"""


def in_user_namespace():
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return file.read().split() != ["0", "0", "4294967295"]


def command_lines():
    for line in LINES.strip().splitlines():
        for words in line.strip().split(" | "):
            yield "" if words == "(nothing)" else words


class Twin:
    """A namespace whose tunctl is @path."""

    def __init__(self, netns, path, node):
        self.netns = netns
        directory = netns.tmp / "bin"
        directory.mkdir()
        (directory / "tunctl").symlink_to(path)
        self.path = f"{directory}:/usr/sbin:/usr/bin:/sbin:/bin"
        for words in ("held mode tap", "many mode tap multi_queue", "tn mode tun"):
            netns.run("ip", "tuntap", "add", *words.split())
        self.holder = netns.popen("/usr/bin/python3", "-c", HOLD, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)
        assert self.holder.stdout.readline() == "held\n"
        self.node = node

    def run(self, line, *before):
        words = ["" if word == '""' else self.node if word == "NODE" else word for word in line.split()]
        # The name alone, so that getopt's own complaints begin the same.
        return self.netns.run(*before, "sh", "-c", 'exec tunctl "$@"', "tunctl", *words, check=False,
                              env={"PATH": self.path})

    def state(self):
        """What the kernel has of each device, without what is random (MAC) or counts up (index)."""
        facts = {}
        for link in self.netns.json("ip", "-d", "-j", "link", "show"):
            data = link.get("linkinfo", {}).get("info_data", {})
            for key in ("mtu", "flags", "txqlen", "operstate", "group", "ifalias"):
                data[key] = link.get(key)
            facts[link["ifname"]] = data
        return facts


@pytest.fixture(scope="module")
def twins():
    if not shutil.which(DEBIAN):
        pytest.skip("Debian's package uml-utilities is not installed")
    with Netns("debian") as one, Netns("ours") as other:
        node = "/dev/net/tun"
        if not in_user_namespace():  # where nobody can make nodes
            node = str(one.tmp / "node")
            os.mknod(node, 0o20666, os.makedev(10, 200))
            os.chmod(node, 0o666)
        yield Twin(one, DEBIAN, node), Twin(other, program("tapnet"), node)


def test_every_line_does_the_same(twins):
    debian, ours = twins
    tried, different = 0, []
    if in_user_namespace():
        pytest.skip("users that do not exist here are another test's")
    for line in command_lines():
        tried += 1
        expected, found = debian.run(line), ours.run(line)
        for what, a, b in (("exit code", expected.returncode, found.returncode),
                           ("output", expected.stdout, found.stdout),
                           ("complaint", expected.stderr, found.stderr), ("state", debian.state(), ours.state())):
            if a != b and line not in KEPT:
                different.append(f"tunctl {line}: {what}\n  Debian's: {a!r}\n  ours:     {b!r}")
    print(f"{tried} command lines, {len(KEPT)} differences kept")
    assert not different, "\n".join(different)
    assert tried >= 80


def test_an_ordinary_user_gets_the_same_answers(twins):
    """With a node that everybody may open: no right to make a device or to open another's, the right to one's own."""
    if in_user_namespace():
        pytest.skip("one user is all that there is")
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]
    for twin in twins:
        twin.netns.tmp.chmod(0o755)
        twin.run("-u 65534 -t mine")
        twin.run("-u 0 -t roots")
    for line in ("", "-f NODE", "-f NODE -t mine", "-f NODE -t roots", "-f NODE -d roots", "-f NODE -u 4242 -t mine",
                 "-f NODE -d mine", "-u nosuch"):
        one, other = (twin.run(line, *user) for twin in twins)
        assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr), line
        assert twins[0].state() == twins[1].state(), line


def test_a_user_that_does_not_exist_leaves_no_device_behind(twins):
    """
    Kept on purpose: where the owner can't be had (it is not mapped in the user namespace) both say so in the same
    words, but Debian's leaves a persistent device that everybody may open, and ours leaves none.
    """
    if not in_user_namespace():
        pytest.skip("every user exists in the first user namespace")
    debian, ours = twins
    for line in ("-u 5 -t gone", "-g 5 -t gone2"):
        one, other = debian.run(line), ours.run(line)
        assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr)
        assert other.stderr == "TUNSETPERSIST: Invalid argument\n"
        assert line.split()[-1] in debian.state() and line.split()[-1] not in ours.state()
    one, other = debian.run("-t fine"), ours.run("-t fine")
    assert (one.returncode, one.stdout) == (other.returncode, other.stdout) == (
        0, "Set 'fine' persistent and owned by uid 0\n")
