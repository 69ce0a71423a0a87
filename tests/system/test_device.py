# SPDX-License-Identifier: MIT
"""Single devices: `tapnet device add, del, set, show`, on our own devices and on those of others.

      host
    +------------------------------------------------+
    |  tun1  192.168.3.11/24      made by device add |
    |  vm0 ── br0                 made by device add |──── a guest holds it (TUNSETIFF)
    |  other                      made by ip tuntap  |
    +------------------------------------------------+
"""

import os
import subprocess

import pytest

from tapnet_test.build import NO_LEAK_CHECK, everybodys
from tapnet_test.rights import has_all_users, need_all_users
from tapnet_test.snapshot import assert_same, snapshot

# Be the program behind a device: open it by name (IFF_TAP or IFF_TUN, IFF_NO_PI), say so, hold it until the end.
HOLD = """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1000 | int(sys.argv[2])))
print("held", flush=True)
sys.stdin.read()
"""
# The same, now and then.
BLINK = """
import fcntl, os, struct, sys, time
while True:
    fd = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
        time.sleep(0.03)
    except OSError:
        pass
    os.close(fd)
    time.sleep(0.03)
"""
TUN, TAP = 1, 2


@pytest.fixture
def hold(host):
    """Starts a program that holds a device; it ends with the test."""
    def start(name, flags=TAP):
        child = host.popen("/usr/bin/python3", "-c", HOLD, name, flags, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           text=True)
        assert child.stdout.readline() == "held\n"
        return child
    return start


def link(host, name):
    return host.json("ip", "-d", "-j", "link", "show", "dev", name)[0]


def names(host):
    return sorted(entry["ifname"] for entry in host.json("ip", "-j", "link") if entry["ifname"] != "lo")


def device(tapnet, name):
    [found] = tapnet.json("device", "show", name)["devices"]
    return found


def test_the_life_of_a_device(host, tapnet):
    before = snapshot(host, run_dir=tapnet.run_dir)
    assert tapnet("device", "add", "tun1", "--address", "192.168.3.11/24", "--up").stdout == "tun1\n"
    made = link(host, "tun1")
    assert made["linkinfo"]["info_data"]["type"] == "tun" and made["linkinfo"]["info_data"]["persist"] is True
    assert made["ifalias"] == "tapnet://tun1 added" and "UP" in made["flags"]
    [address] = [entry for entry in host.json("ip", "-j", "addr", "show", "tun1")[0]["addr_info"]
                 if entry["family"] == "inet"]
    assert (address["local"], address["prefixlen"]) == ("192.168.3.11", 24)
    shown = device(tapnet, "tun1")
    assert shown["kind"] == "tun" and shown["origin"] == "added" and shown["holders"] == []
    assert shown["addresses"][0] == "192.168.3.11/24" and shown["mac"] is None and shown["state"] == "no carrier"
    assert tapnet("device", "del", "tun1").stdout == "tun1 is deleted\n"
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_every_option_of_add(host, tapnet):
    host.run("ip", "link", "add", "br0", "type", "bridge")
    tapnet("device", "add", "vm0", "--kind", "tap", "--owner", "root", "--group", "0", "--multi-queue",
           "--mac=52:54:00:00:00:07", "--mtu", 1400, "--queue-length", 77, "--bridge", "br0", "--index", 4000,
           "--vnet-header", "--up", "--address", "10.0.0.1/24", "--address", "fd00::1/64", "--quiet")
    made = link(host, "vm0")
    data = made["linkinfo"]["info_data"]
    assert data["user"] == "root" and data["group"] == "root" and data["multi_queue"] and data["vnet_hdr"]
    assert (made["address"], made["mtu"], made["txqlen"], made["master"], made["ifindex"]) == (
        "52:54:00:00:00:07", 1400, 77, "br0", 4000)
    addresses = [entry["local"] for entry in host.json("ip", "-j", "addr", "show", "vm0")[0]["addr_info"]]
    assert {"10.0.0.1", "fd00::1"} <= set(addresses)
    tapnet("device", "add", "raw", "--link-type", 512, "--packet-information", "--kind", "tun")
    assert host.run("cat", "/sys/class/net/raw/type").stdout == "512\n"
    assert link(host, "raw")["linkinfo"]["info_data"]["pi"] is True


def test_names_are_chosen(host, tapnet):
    assert tapnet("device", "add").stdout == "tap0\n"
    assert tapnet("device", "add", "vm%d").stdout == "vm0\n"
    assert tapnet.json("device", "add", "vm%d") == {"version": 1, "name": "vm1"}
    assert tapnet("device", "add", "--kind", "tun").stdout == "tun0\n"
    assert names(host) == ["tap0", "tun0", "vm0", "vm1"]


ADD_BESIDE_UDEVD = """
import os, socket, subprocess, sys
log, listens, *command = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "run", "/run"], check=True)
os.mkdir("/run/udev")
udevd = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
if listens == "1":
    udevd.bind("/run/udev/control")
    udevd.listen()
subprocess.run(["strace", "-f", "-s", "300", "-o", log, "-e", "trace=openat,ioctl,sendto,sendmsg,unlinkat", *command],
               check=True)
print(os.listdir("/run"))
"""


def add_beside_udevd(host, tapnet, listens):
    """What `device add vm0` asked of the kernel, a call a line, and what it left in /run."""
    log = host.tmp / "calls"
    left = host.run("unshare", "-m", "/usr/bin/python3", "-c", ADD_BESIDE_UDEVD, log, int(listens), tapnet.program,
                    "device", "add", "vm0", "--kind", "tap", env=NO_LEAK_CHECK).stdout
    return log.read_text(encoding="utf-8").splitlines(), left


def place(calls, *words):
    """Which call is the one with all these words."""
    found, = [number for number, call in enumerate(calls) if all(word in call for word in words)]
    return found


def test_a_udevd_is_told_whose_the_device_is_before_it_can_see_it(host, tapnet):
    """By a file of its name, from before it is made until it has our label: a TAP's MAC would be udev's else."""
    calls, left = add_beside_udevd(host, tapnet, listens=True)
    assert (place(calls, "openat(", '"vm0"', "O_CREAT") < place(calls, "ioctl(", "TUNSETIFF") <
            place(calls, "tapnet://vm0 added") < place(calls, "unlinkat(", '"vm0"'))
    assert left == "vm0\n['udev']\n"


def test_where_no_udevd_listens_no_file_is_made(host, tapnet):
    calls, left = add_beside_udevd(host, tapnet, listens=False)
    assert not [call for call in calls if '"vm0", O_' in call] and left == "vm0\n['udev']\n"


def test_who_may_open_it(host, tapnet):
    """Whoever made it, unless the command says otherwise."""
    tapnet("device", "add", "mine")
    tapnet("device", "add", "anybodys", "--for-anybody")
    assert host.run("cat", "/sys/class/net/mine/owner").stdout == "0\n"
    assert host.run("cat", "/sys/class/net/anybodys/owner").stdout == "-1\n"
    assert "may be opened by user root\n" in tapnet("device", "show", "mine").stdout
    assert "may be opened by anybody\n" in tapnet("device", "show", "anybodys").stdout


def test_a_holder_that_nobody_sees_is_given_a_moment(host, tapnet):
    """Who reads /proc holds what it reads of, even when its process has ended. Here it is one out of sight."""
    need_all_users()
    tapnet("device", "add", "vm0")
    blinking = host.popen("/usr/bin/python3", "-c", BLINK, "vm0")
    for _ in range(10):
        host.run("unshare", "-pf", "--mount-proc", tapnet.program, "watch", "vm0", "--for", "0.01")
    assert blinking.poll() is None
    blinking.kill()


def test_devices_of_others_are_shown_and_not_deleted(host, tapnet, hold):
    host.run("ip", "tuntap", "add", "other", "mode", "tap")
    tapnet("device", "add", "vm0")
    assert [entry["name"] for entry in tapnet.json("device", "show")["devices"]] == ["other", "vm0"]
    assert device(tapnet, "other")["origin"] is None
    refused = tapnet("device", "del", "other", check=False)
    assert refused.returncode == 1 and "was not made by tapnet" in refused.stderr
    guest = hold("vm0")
    [holder] = device(tapnet, "vm0")["holders"]
    assert holder == {"pid": guest.pid, "command": "python3", "queues": 1}
    refused = tapnet("device", "del", "vm0", check=False)
    assert refused.returncode == 1 and f"TAP vm0 is held by python3 ({guest.pid})" in refused.stderr
    assert names(host) == ["other", "vm0"]
    tapnet("device", "del", "--force", "vm0")
    tapnet("device", "del", "-f", "other")
    assert names(host) == []


def test_set_changes_what_a_guest_holds(host, tapnet, hold):
    tapnet("device", "add", "vm0", "--up")
    hold("vm0")
    host.run("ip", "link", "add", "br0", "type", "bridge")
    assert link(host, "vm0")["operstate"] == "UP"
    tapnet("device", "set", "vm0", "--mtu", 9000, "--bridge", "br0", "--offloads", "csum,tso4", "--send-buffer", 65536,
           "--carrier", "off", "--address", "10.0.0.9/24")
    shown = device(tapnet, "vm0")
    assert shown["mtu"] == 9000 and shown["bridge"] == "br0" and shown["offloads"] == ["csum", "tso4"]
    assert shown["detail"]["send_buffer"] == 65536 and shown["state"] == "no carrier"
    assert "tx-tcp-segmentation: on" in host.run("ethtool", "-k", "vm0").stdout
    tapnet("device", "set", "vm0", "--no-bridge", "--carrier", "on", "--no-address", "10.0.0.9/24", "--down")
    assert "master" not in link(host, "vm0") and device(tapnet, "vm0")["addresses"] == []
    tapnet("device", "set", "vm0", "--persistent", "off")
    assert link(host, "vm0")["linkinfo"]["info_data"]["persist"] is False


def test_a_change_that_fails_half_way_is_undone(host, tapnet):
    tapnet("device", "add", "vm0", "--mtu", 1400, "--address", "10.0.0.1/24")
    before = snapshot(host, run_dir=tapnet.run_dir)
    failed = tapnet("device", "set", "vm0", "--mtu", 1300, "--mac", "02:00:00:00:00:01", "--address", "10.0.0.2/24",
                    "--address", "10.0.0.1/24", check=False)
    assert failed.returncode == 1 and "cannot add address 10.0.0.1/24" in failed.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


MISTAKES = [
    ("device", "COMMAND"),
    ("device frob", "unknown command 'frob'"),
    ("device add x --kind bridge", "--kind is one of `tun`, `tap`, not 'bridge'"),
    ("device add x --kind", "--kind needs a value"),
    ("device add x --mtu 1400 --mtu 1400", "--mtu is there twice"),
    ("device add x --mtu ten", "--mtu is a number from 68 to 65535, not 'ten'"),
    ("device add x --mtu -1", "--mtu is a number"),
    ("device add x --mtu 65536", "--mtu is a number"),
    ("device add x --mac 02:00:00:00:00", "--mac is like"),
    ("device add x --mac 02:00:00:00:00:00:00", "--mac is like"),
    ("device add x --mac 01:00:00:00:00:00", "multicast"),
    ("device add tunx --mac 02:00:00:00:00:01", "a TUN has no MAC"),
    ("device add x --owner nobody-of-that-name", "there is no user 'nobody-of-that-name'"),
    ("device add x --group nobody-of-that-name", "there is no group"),
    ("device add x --owner root --for-anybody", "--for-anybody means no owner"),
    ("device add x --up=yes", "--up has no value"),
    ("device add x --address 10.0.0.1", "'10.0.0.1' is no address with a prefix length"),
    ("device add x --address 10.0.0.1/33", "is no address"),
    ("device add x --bridge lo", "lo is no bridge"),
    ("device add x --index 0", "--index is a number"),
    ("device add x --netns nowhere", "there is no network namespace 'nowhere'"),
    ("device add a/b", "'a/b' is no name for a device"),
    ("device add a-name-of-16-byt", "1 to 15 characters"),
    ("device add a%db%d", "is no pattern"),
    ("device add x y", "one word too many: 'y'"),
    ("device add x --nonsense", "unknown option --nonsense"),
    ("device show x --force", "unknown option --force"),
    ("device del", "NAME is missing"),
    ("device set tap9", "say what to change"),
    ("device set tap9 --up --down", "--up or --down, not both"),
    ("device set tap9 --bridge br0 --no-bridge", "not both"),
    ("device set tap9 --carrier maybe", "--carrier is one of `off`, `on`"),
    ("device set tap9 --offloads csum,tsunami", "there is no offload 'tsunami'"),
    ("device set tap9 --offloads tso4", "every other offload needs the checksum's"),
    ("device set tap9 --vnet-header-size 9", "a number from 10"),
    ("device set tap9 --byte-order middle", "`native`, `little`, `big`"),
]


def test_mistakes_are_told_and_nothing_is_touched(host, tapnet):
    host.run("ip", "tuntap", "add", "tap9", "mode", "tap")
    before = snapshot(host, run_dir=tapnet.run_dir)
    for line, sentence in MISTAKES:
        refused = tapnet(*line.split(), check=False)
        assert refused.returncode == 2, (line, refused)
        assert sentence in refused.stderr + (refused.stdout if line == "device" else ""), (line, refused)
        assert refused.stderr.count("\n") <= 1, refused.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_what_is_not_there_or_is_taken(host, tapnet):
    host.run("ip", "tuntap", "add", "tap9", "mode", "tap")
    for line, sentence in [("device del nobody", "there is no device nobody"),
                           ("device set nobody --up", "there is no device nobody"),
                           ("device show nobody", "there is no device nobody"),
                           ("device show lo", "lo is the loopback interface"),
                           ("device del lo", "lo is the loopback interface"),
                           ("device add tap9", "tap9 exists already: it is a TAP"),
                           ("device add lo", "lo exists already: it is the loopback interface"),
                           ("device add new --bridge nowhere", "there is no device nowhere")]:
        refused = tapnet(*line.split(), check=False)
        assert refused.returncode == 1 and sentence in refused.stderr, (line, refused)
    assert names(host) == ["tap9"]


def test_another_network_namespace(host, tapnet, make_netns):
    there = make_netns("there")
    tapnet("device", "add", "vm0", "--netns", there.exec_path, "--mtu", 1300)
    assert names(host) == [] and link(there, "vm0")["mtu"] == 1300
    tapnet("device", "set", "vm0", "--netns", there.name, "--mtu", 1200, "--owner", 0)
    [shown] = tapnet.json("device", "show", "--netns", there.name)["devices"]
    assert shown["mtu"] == 1200 and shown["owner"] == 0
    tapnet("device", "del", "vm0", "--netns", there.name)
    assert names(there) == []


def test_sets_and_single_devices_leave_each_other_alone(host, tapnet):
    tapnet("device", "add", "vm0")
    lab = tapnet.file("devices: { tun7: { kind: tun, address: 10.7.0.1/24 } }")
    tapnet("up", lab)
    assert device(tapnet, "tun7")["origin"] == "set lab"
    refused = tapnet("device", "del", "tun7", check=False)
    assert refused.returncode == 1 and "TUN tun7 belongs to set lab" in refused.stderr
    refused = tapnet("up", tapnet.file("devices: { vm0: { kind: tap } }", "other.yaml"), check=False)
    assert refused.returncode != 0
    tapnet("down", "--all")
    assert names(host) == ["vm0"]


def test_a_user_without_rights_is_told_what_is_missing(host, tapnet):
    need_all_users()
    tapnet("device", "add", "vm0")
    for line in ("device add x", "device del vm0", "device set vm0 --mtu 1400"):
        refused = host.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", everybodys(), *line.split(),
                           check=False)
        assert refused.returncode == 1, (line, refused)
        assert "run as root" in refused.stderr, (line, refused)
    # Looking needs no right.
    shown = host.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", everybodys(), "device", "show")
    assert "vm0  tap  down" in shown.stdout


def test_opening_says_why_not(host, tapnet, hold):
    """A program of the library (examples/c/forward opens TUNs) meets what others have made, hold, or may open alone."""
    forward = everybodys("examples/c/forward")

    def refused(*words, node=None):
        script = {None: 'exec "$@"', "none": 'mount -t tmpfs none /dev/net && exec "$@"',
                  "dead": 'mount -t tmpfs none /dev/net && mknod /dev/net/tun c 241 241 && exec "$@"',
                  "nobody": 'mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec setpriv'
                            ' --reuid=65534 --regid=65534 --clear-groups "$@"'}[node]
        done = host.run(*(["unshare", "-m"] if node else []), "sh", "-c", script, "sh", forward, "pass", *words,
                        check=False)
        assert done.returncode == 1, done
        return done.stderr.removeprefix("forward: ").split(": ", 1)[1]  # behind the device's name

    for name, kind in (("vm0", "tap"), ("tun1", "tun"), ("tun2", "tun")):
        tapnet("device", "add", name, "--kind", kind)
    assert refused("vm0", "tun2") == "vm0 is a TAP; wanted is a TUN\n"
    assert refused("tun1", "tun2", 2) == "TUN tun1 was made for one queue and must be opened so\n"
    assert refused("lo", "tun2") == "the name lo is taken: it is the loopback interface, neither TUN nor TAP\n"
    holder = hold("tun1", TUN)
    assert refused("tun1", "tun2") == f"TUN tun1 is held by python3 ({holder.pid})\n"
    assert refused("tun1", "tun2", node="none") == (
        "/dev/net/tun does not exist: run `modprobe tun`, or, in a container, pass the node in\n")
    if not has_all_users():
        return  # which has no nodes and no second user
    assert refused("tun1", "tun2", node="dead") == "/dev/net/tun has no driver behind it: run `modprobe tun`\n"
    assert refused("tun2", "tun1", node="nobody") == (
        "may not open TUN tun2: it is for user root (0), this is user nobody (65534); else CAP_NET_ADMIN is needed\n")
    assert refused("new", "tun1", node="nobody") == (
        "may not make TUN new: CAP_NET_ADMIN is needed (run as root)\n")


@pytest.mark.parametrize("maker", ["touch", "mkdir"])
def test_what_is_not_the_node_is_told_by_every_command(host, tapnet, maker):
    """A container has a directory there when its host had no node to pass in."""
    file = tapnet.file("networks: { lab: { mode: isolated, ports: { db: {} } } }")
    script = f'mount -t tmpfs none /dev/net && {maker} /dev/net/tun && exec "$@"'
    for words in (("up", file), ("device", "add", "vm0")):
        failed = host.run("unshare", "-m", "sh", "-c", script, "sh", tapnet.program, *words, check=False)
        assert failed.returncode == 1, failed
        assert ("/dev/net/tun is not the tun driver's node: put that in its place (`mknod -m 666 /dev/net/tun c 10 200`"
                ") or, in a container, pass the host's node in\n") in failed.stderr, failed
    assert names(host) == []


def test_terminals_get_printable_ascii_alone(host, tapnet):
    """Whoever may make a device names it: ESC starts what steers a terminal, and on some so does the byte 0x9b."""
    name = os.fsdecode(b"t\x9b1")
    host.run("ip", "tuntap", "add", name, "mode", "tap")
    host.run("ip", "link", "set", name, "alias", os.fsdecode(b"\x1b[31m \x9b31m B\xc3\xbcro"))
    for shown in (tapnet("device", "show").stdout, tapnet("device", "show", name).stdout):
        assert shown.isascii() and shown.replace("\n", "").isprintable() and "t?1  tap  down" in shown
    assert "alias ?[31m ?31m B??ro\n" in shown
    assert device(tapnet, name)["alias"] == "\x1b[31m \x9b31m B\xc3\xbcro"  # byte by byte, as it is no UTF-8


def test_help_lists_what_there_is(tapnet):
    assert "single TUN and TAP devices" in tapnet("--help").stdout
    text = tapnet("device", "--help").stdout
    for command in ("add", "del", "set", "show"):
        assert f"device {command}" in text
        assert f"Usage: tapnet device {command}" in tapnet("device", command, "--help").stdout
        assert f"Usage: tapnet device {command}" in tapnet("help", "device", command).stdout
    assert "--mtu BYTES" in tapnet("device", "add", "-h").stdout
