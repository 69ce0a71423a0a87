# SPDX-License-Identifier: MIT
"""Debian's tunctl and ours do the same command lines in twin namespaces: same words, exit code and kernel state.

    twin of Debian's tunctl                       twin of ours
    [ held many tn : tap0, foo, ... ]             [ held many tn : tap0, foo, ... ]

The lines run in order and build on each other. In both, `held` is a TAP that somebody holds, `many` one of several
queues, `tn` a TUN; NODE is a node of the same driver at another place.
"""

import os
import subprocess

import pytest
from tapnet_test.rights import has_all_users, need_all_users
from twins import Twin, compare, twins_of

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
    -f /dev/net/tun -t n2 | -f /dev/null -t n2 | -f /dev/null -t a/b
    -u nosuch -x | -x -u nosuch | -t n3 -u nosuch -g nosuch
"""

# Differences that are kept on purpose: the line, and why. One more is a test of its own, in a user namespace.
KEPT = {
    "-f /dev/null -t a/b": "both the node and the name are wrong: Debian's complains of the node, ours of the name,"
                           " which it looks at before it opens anything",
}

HOLD = """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"held", 0x1002))
print("held", flush=True)
sys.stdin.read()
"""


class Host(Twin):
    """A host with three devices, one of them held."""

    command = "tunctl"

    def prepare(self):
        for words in ("held mode tap", "many mode tap multi_queue", "tn mode tun"):
            self.netns.run("ip", "tuntap", "add", *words.split())
        self.holder = self.netns.popen("/usr/bin/python3", "-c", HOLD, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
        assert self.holder.stdout.readline() == "held\n"

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
def twins(tmp_path_factory):
    node = "/dev/net/tun"
    if has_all_users():  # where nobody can make nodes
        folder = tmp_path_factory.mktemp("node")
        node = str(folder / "node")
        os.mknod(node, 0o20666, os.makedev(10, 200))
        os.chmod(node, 0o666)
        for path in (folder, folder.parent):
            path.chmod(0o755)
    Host.stands_for = {**Twin.stands_for, "NODE": node}
    with twins_of(Host, DEBIAN, "uml-utilities") as pair:
        yield pair


def test_every_line_does_the_same(twins):
    need_all_users()
    assert compare(twins, LINES, KEPT) >= 80


def test_an_ordinary_user_gets_the_same_answers(twins):
    """With a node that everybody may open: no right to make a device or to open another's, the right to one's own."""
    need_all_users()
    debian, ours = twins
    for twin in twins:
        twin.run("-u 65534 -t mine")
        twin.run("-u 0 -t roots")
    for line in ("", "-f NODE", "-f NODE -t mine", "-f NODE -t roots", "-f NODE -d roots", "-f NODE -u 4242 -t mine",
                 "-f NODE -d mine", "-u nosuch"):
        one, other = debian.run_as_nobody(line), ours.run_as_nobody(line)
        assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr), line
        assert debian.state() == ours.state(), line


def test_a_user_that_does_not_exist_leaves_no_device_behind(twins):
    """
    Kept on purpose: where the owner can't be had (it is not mapped in the user namespace) both say so in the same
    words, but Debian's leaves a persistent device that everybody may open, and ours leaves none.
    """
    if has_all_users():
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
