# SPDX-License-Identifier: MIT
"""`make demo HOST=1` on a real host, in its own network: a machine in the machine, with a terminal.

      the outside                Debian in QEMU                            the demo's guest, in QEMU within it
    +-------------------+      +-------------------------------------+    +--------------------------+
    | 10.77.0.1         |      |                      br-tapnet-demo |    | busybox, a shell         |
    | DNS, web server   +------+ enp0s1 --- NAT --- a free subnet    +----+ DHCP, ping, wget         |
    +-------------------+      +-------------------------------------+    +--------------------------+

Debian has no more packages on it than the demo's own list says, and no mirror to get others from. The inner machine
is emulated by an emulated one.
"""

import re

import pytest

BOOT_SECONDS = 900  # of the inner guest, at most
# What is printed, and what is typed then. The terminal echoes: a mark is computed, so that the line typed holds none.
CHECKS = [
    ("Go on? [y/N]", "y"),
    ("'exit' ends it.", ". /run/lease; echo lease:$ip:$router:$((40+1))"),
    (":41", "ping -c 1 -W 20 $router; echo ping:$?:$((40+2))"),
    (":42", "nslookup -type=a guest.tapnet-demo; echo name:$?:$((40+3))"),
    (":43", "wget -q -O - http://outside.example/; echo page:$?:$((40+4))"),
    (":44", "exit"),
]


@pytest.fixture
def host(machine):
    """The Debian with a built tree in /tmp/tapnet, as after `make`; what is true of its network is true again at the
    end. Modules that the kernel loads once stay, and some bring sysctls with them: so they are loaded before."""
    machine.out("modprobe -a bridge tun nf_conntrack; cp -a /test/tapnet /tmp/tapnet; cd /tmp/tapnet; tools/deps demo")
    before = facts(machine)
    yield machine
    machine.out("rm -rf /tmp/tapnet")
    assert (facts_lost_and_found(before, facts(machine))) == ([], [])


def facts(machine):
    return machine.out("python3 /test/facts.py /test/tapnet", timeout=120).splitlines()


def facts_lost_and_found(before, after):
    return sorted(set(before) - set(after)), sorted(set(after) - set(before))


def demo(machine, dialogue, seconds=BOOT_SECONDS):
    """Runs the demo on the terminal; its exit code, and all that was seen."""
    words = " ".join("'" + word.replace("'", "'\\''") + "'" for line in dialogue for word in line)
    command = f"cd /tmp/tapnet; TAPNET_BUILD=build python3 /test/terminal.py {seconds} 'tools/demo --host' {words}"
    return machine.sh(command, timeout=seconds + 60)


def assert_nothing_runs(machine):
    assert machine.sh("pidof qemu-system-x86_64 tapnet-service tapnet-keeper tapnet-starter tapnet").rc != 0
    assert machine.sh("ls -d /run/tapnet/*/networks/* /tmp/tapnet-demo-*").output.count("No such file") == 2


def test_a_guest_on_this_hosts_network(host):
    """It gets its address, reaches the gateway, and fetches a page from outside; then nothing is left."""
    done = demo(host, CHECKS)
    print(done.output)
    assert done.rc == 0
    address, router = re.search(r"lease:([0-9.]+):([0-9.]+):41", done.output).groups()
    assert address.rpartition(".")[0] == router.rpartition(".")[0] != "10.77.0"
    assert all(line in done.output for line in ("ping:0:42", "name:0:43", "page:0:44"))
    assert "hello from outside, 10.77.0." in done.output  # by the host's address
    assert "nothing is left" in done.output
    assert_nothing_runs(host)
    assert address not in host.out("conntrack -L 2>/dev/null; nft list ruleset; ip route show table all")


def test_who_walks_away_leaves_nothing(host):
    """The terminal is closed while the guest is booting."""
    done = demo(host, [("Go on? [y/N]", "y"), ("Booting from ROM", "-")], seconds=120)
    assert done.rc == 129, done.output  # 128 + SIGHUP
    assert_nothing_runs(host)


def test_no_is_an_answer(host):
    done = demo(host, [("Go on? [y/N]", "n")], seconds=60)
    assert done.rc == 1 and "is up" not in done.output, done.output
