# SPDX-License-Identifier: MIT
"""Devices that a file declares, with all that a device keeps when nobody holds it.

      host
    +--------------------------------------------------------------+
    |  tap9  10.9.0.1/24   queue, offloads, vnet header, ...       |──── a program, now and then (TUNSETIFF)
    |  raw   link type 512, down                                   |
    +--------------------------------------------------------------+
"""

import subprocess

import pytest

from tapnet_test.snapshot import assert_same, snapshot

FULL = """
devices:
  tap9:
    kind: tap
    address: [10.9.0.1/24, fd00:9::1/64]
    mtu: 1400
    mac: 02:00:00:00:00:09
    queue_length: 77
    offloads: [csum, tso4, tso6]
    vnet_header_size: 12
  raw: { kind: tun, link_type: 512, up: false }
"""
PLAIN = """
devices:
  tap9: { kind: tap, address: [10.9.0.1/24, fd00:9::1/64], mac: 02:00:00:00:00:09 }
  raw: { kind: tun, up: false }
"""

# Be a program: open the device, and do as one is told, a line each: "offloads N" asks for some; each
# is answered with the size of the vnet header that is found. It ends with its input.
PROGRAM = """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x5002))
print("held", flush=True)
for line in sys.stdin:
    words = line.split()
    if words[0] == "offloads":
        fcntl.ioctl(fd, 0x400454d0, int(words[1]))
    print(struct.unpack("i", fcntl.ioctl(fd, 0x800454d7, bytes(4)))[0], flush=True)
"""


class Program:
    """Somebody who holds a device."""

    def __init__(self, host, name):
        self.child = host.popen("/usr/bin/python3", "-c", PROGRAM, name, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True)
        assert self.child.stdout.readline() == "held\n"

    def do(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return int(self.child.stdout.readline())

    def close(self):
        self.child.stdin.close()
        assert self.child.wait(timeout=10) == 0


@pytest.fixture
def hold(host):
    programs = []

    def start(name):
        programs.append(Program(host, name))
        return programs[-1]
    yield start
    for program in programs:
        program.child.kill()
        program.child.wait(timeout=10)


def header_size(hold, name="tap9"):
    """What a program finds that opens the device, and leaves it as it is."""
    program = hold(name)
    found = program.do("look")
    program.close()
    return found


def offloads(host, name="tap9"):
    words = {"tx-checksum-ip-generic": "csum", "tx-tcp-segmentation": "tso4", "tx-tcp6-segmentation": "tso6",
             "tx-udp-segmentation": "uso"}
    lines = [line.split(":") for line in host.run("ethtool", "-k", name).stdout.splitlines()]
    return {words[key.strip()] for key, value in lines if key.strip() in words and value.split()[0] == "on"}


def link(host, name):
    return host.json("ip", "-d", "-j", "link", "show", "dev", name)[0]


def problems(tapnet):
    return tapnet("status", check=False).stdout


def test_all_of_it_reaches_the_kernel_and_goes_again(host, tapnet, hold):
    before = snapshot(host, run_dir=tapnet.run_dir)
    path = tapnet.file(FULL)
    tapnet("up", path)
    tap, raw = link(host, "tap9"), link(host, "raw")
    assert (tap["mtu"], tap["txqlen"], tap["address"]) == (1400, 77, "02:00:00:00:00:09") and "UP" in tap["flags"]
    assert "UP" not in raw["flags"] and host.run("cat", "/sys/class/net/raw/type").stdout == "512\n"
    assert (raw["mtu"], raw["txqlen"]) == (1500, 500)
    assert offloads(host) == {"csum", "tso4", "tso6"} and offloads(host, "raw") == set()
    assert header_size(hold) == 12
    assert header_size(hold, "tap9") == 12, "a holder that lets go takes nothing with it"
    assert tapnet("status").returncode == 0
    assert tapnet("plan", path).returncode == 0
    tapnet("down", "--all")
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_an_edit_changes_a_device_in_place_and_back(host, tapnet, hold):
    tapnet("up", tapnet.file(PLAIN))
    index = link(host, "tap9")["ifindex"]
    for others in ("- tun raw\n+ tun raw\n", ""):  # a link type that nobody names any more stays
        planned = tapnet("plan", tapnet.file(FULL), check=False)
        assert planned.stdout == (
            others + "~ tap tap9: MTU 1500, wanted 1400, queue length 1000, wanted 77, offloads none, "
            "wanted csum, tso4, tso6, vnet header of 10 bytes, wanted 12\n")
        tapnet("up", tapnet.file(FULL))
        assert (link(host, "tap9")["txqlen"], link(host, "tap9")["ifindex"]) == (77, index)
        assert header_size(hold) == 12 and offloads(host) == {"csum", "tso4", "tso6"}
        assert host.run("cat", "/sys/class/net/raw/type").stdout == "512\n"
        # What left the file has the driver's value again, but offloads: these are anybody's now.
        tapnet("up", tapnet.file(PLAIN))
        assert (link(host, "tap9")["mtu"], link(host, "tap9")["txqlen"]) == (1500, 1000)
        assert header_size(hold) == 10 and offloads(host) == {"csum", "tso4", "tso6"}
        assert tapnet("status").returncode == 0
        tapnet("up", tapnet.file(PLAIN.replace("{ kind: tap,", "{ kind: tap, offloads: none,")))
        assert offloads(host) == set()


def test_offloads_are_the_holders_until_it_lets_go(host, tapnet, hold):
    tapnet("up", tapnet.file(FULL))
    program = hold("tap9")
    program.do("offloads 1")
    assert offloads(host) == {"csum"}
    assert tapnet("status").returncode == 0, "what a holder has asked for is nobody's mistake"
    tapnet("up", tapnet.file(FULL))
    assert offloads(host) == {"csum"}
    program.close()
    assert "tap tap9 offloads csum, wanted csum, tso4, tso6" in problems(tapnet)
    tapnet("up", tapnet.file(FULL))
    assert offloads(host) == {"csum", "tso4", "tso6"} and tapnet("status").returncode == 0


def test_what_needs_the_device_waits_for_its_holder(host, tapnet, hold):
    """With one queue there is one holder: an edit that needs it says who is in the way, and nothing is changed."""
    tapnet("up", tapnet.file(PLAIN))
    program = hold("tap9")
    before = snapshot(host, run_dir=tapnet.run_dir)
    refused = tapnet("up", tapnet.file(PLAIN.replace("{ kind: tap,", "{ kind: tap, mtu: 1300, vnet_header_size: 20,")),
                     check=False)
    assert refused.returncode == 1
    assert "unplug its guest first" in refused.stderr
    assert f"TAP tap9 is held by python3 ({program.child.pid})" in refused.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
    # What netlink can do is done meanwhile.
    tapnet("up", tapnet.file(PLAIN.replace("{ kind: tap,", "{ kind: tap, mtu: 1300, queue_length: 7,")))
    assert (link(host, "tap9")["mtu"], link(host, "tap9")["txqlen"]) == (1300, 7)
    program.close()


def test_a_failed_up_puts_settings_back(host, tapnet, hold):
    """An address that the kernel refuses, after the device was changed: all is as it was, also what nobody sees."""
    full = FULL.replace(", fd00:9::1/64", "")
    tapnet("up", tapnet.file(full))
    host.run("sysctl", "-qw", "net.ipv6.conf.tap9.disable_ipv6=1")
    before = snapshot(host, run_dir=tapnet.run_dir)
    refused = tapnet("up", tapnet.file(PLAIN.replace("{ kind: tap,", "{ kind: tap, offloads: [csum],")), check=False)
    assert refused.returncode == 1 and "address fd00:9::1/64 on tap9" in refused.stderr, refused
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
    assert header_size(hold) == 12


def test_an_offload_that_the_kernel_has_not(host, tapnet):
    """The error says so; nothing is left behind. Tunnels came with Linux 6.17."""
    path = tapnet.file("devices: { tap9: { kind: tap, offloads: [csum, tso4, tunnel, tunnel-csum] } }")
    before = snapshot(host, run_dir=tapnet.run_dir)
    done = tapnet("up", path, check=False)
    if done.returncode == 0:
        assert "tx-udp_tnl-segmentation: on" in host.run("ethtool", "-k", "tap9").stdout
        assert tapnet("status").returncode == 0
        tapnet("down", "--all")
    else:
        assert "cannot make tap tap9: this kernel does not take these offloads together" in done.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_another_link_type_makes_a_device_anew(host, tapnet):
    tapnet("up", tapnet.file(FULL))
    index = link(host, "raw")["ifindex"]
    text = FULL.replace("link_type: 512", "link_type: 1024")
    assert tapnet("plan", tapnet.file(text), check=False).stdout == "- tun raw\n+ tun raw\n"
    tapnet("up", tapnet.file(text))
    assert host.run("cat", "/sys/class/net/raw/type").stdout == "1024\n" and link(host, "raw")["ifindex"] != index
