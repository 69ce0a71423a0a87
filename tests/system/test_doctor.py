# SPDX-License-Identifier: MIT
"""`tapnet doctor`: each finding, provoked in a namespace of its own; and a host where nothing is wrong.

      host under test                                        outside
    +------------------------------------------------+     +---------------+
    |  lab-web ---- br-lab 10.20.0.1/24 -- NAT -- eth0 ---+-- 192.0.2.1   |
    |  dnsmasq, other people's firewalls             |     |               |
    +------------------------------------------------+     +---------------+
"""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tapnet_test import connections
from tapnet_test.build import program
from tapnet_test.processes import named, wait_gone
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for

OF_THE_MACHINE = {"kvm-missing", "kvm-closed", "vhost-missing"}  # that runs the tests
PATH = {"PATH": f"{program().parent}:{os.environ['PATH']}"}  # commands are run as they are printed

# Binds netfilter's log group 29793 (linux/netfilter/nfnetlink_log.h: NFULNL_MSG_CONFIG, NFULA_CFG_CMD).
TAKE_LOG = """
import socket, struct, time
log = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
log.bind((0, 0))
log.send(struct.pack("=IHHIIBBHHHB3x", 28, 4 << 8 | 1, 5, 1, 0, 0, 0, socket.htons(29793), 5, 1, 1))
assert struct.unpack_from("=i", log.recv(4096), 16)[0] == 0
print("taken", flush=True)
time.sleep(60)
"""

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {}, db: {} } } }\n"


@pytest.fixture(autouse=True)
def nothing_stays(world, tapnet):
    yield
    tapnet("down", "--all", check=False)


@pytest.fixture
def lab(tapnet):
    tapnet("up", tapnet.file(LAB))


def findings(tapnet):
    """By name; the exit code must say the same, and the text must show each of them."""
    done = tapnet("doctor", "--json", check=False)
    shown = json.loads(done.stdout)["findings"]
    trouble = [finding for finding in shown if finding["severity"] != "note"]
    assert done.returncode == (1 if trouble else 0), done.stdout + done.stderr
    text = tapnet("doctor", check=False).stdout
    for finding in shown:
        assert finding["evidence"] in text and finding["consequence"] in text
        assert not finding["command"] or finding["command"].splitlines()[0] in text
    assert ("nothing is wrong" in text) == (not trouble)
    return {finding["name"]: finding for finding in shown if finding["name"] not in OF_THE_MACHINE}


def kernel(text):
    """A snapshot without what a device that was made anew has otherwise."""
    return "".join(line for line in text.splitlines(keepends=True)
                   if not line.startswith(("process ", "descriptors ", "socket packet", "file run/")) and
                   "33:33:" not in line)


def need(host, command, what):
    """Skips where the kernel, or a user namespace, does not let us."""
    if host.run("sh", "-c", command, check=False).returncode:
        pytest.skip(f"there is no {what} here")


NODES = "mknod -m 0666 /tmp/tapnet-node-$$ c 10 200 && rm /tmp/tapnet-node-$$"
LEGACY = "iptables-legacy -L -n"


# ---- nothing is wrong ----

def test_a_clean_host(host, tapnet):
    assert findings(tapnet) == {}


def test_a_host_with_a_network_that_works(lab, host, tapnet):
    assert findings(tapnet) == {}


# ---- the host ----

def test_no_tun(host, tapnet):
    need(host, NODES, "right to make device nodes")
    host.run("mount", "-t", "tmpfs", "tmpfs", "/dev/net")
    found = findings(tapnet)["tun-missing"]
    assert found["severity"] == "problem" and "/dev/net/tun is not there" in found["evidence"]
    host.run("sh", "-ec", found["command"].replace("modprobe tun", "true"))  # the machine's modules are not ours
    assert findings(tapnet) == {}


def test_tun_is_for_root_alone(host, tapnet):
    need(host, NODES, "right to make device nodes")
    host.run("sh", "-ec", "mount -t tmpfs tmpfs /dev/net; mknod -m 0600 /dev/net/tun c 10 200")
    assert findings(tapnet) == {}
    tapnet("up", tapnet.file("networks: { lab: { subnet: 10.20.0.1/24, ports: { web: { user: nobody } } } }\n"))
    found = findings(tapnet)["tun-closed"]
    assert found["severity"] == "warning" and "0600" in found["evidence"] and "lab-web" in found["evidence"]
    host.run("sh", "-ec", found["command"])
    assert findings(tapnet) == {}


def test_who_holds_port_53_and_67(host, tapnet):
    server = host.popen("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--pid-file=",
                        "--dhcp-range=192.0.2.100,192.0.2.110", "--dhcp-leasefile=/dev/null")
    wait_for(lambda: ":67 " in host.run("ss", "-Hlun").stdout)
    found = [each for each in json.loads(tapnet("doctor", "--json").stdout)["findings"]
             if each["name"] not in OF_THE_MACHINE]
    assert {finding["name"] for finding in found} == {"port-held"}
    told = " ".join(finding["evidence"] for finding in found)
    assert f"dnsmasq ({server.pid}) holds UDP port 53" in told
    assert "TCP port 53" in told and "UDP port 67" in told


def test_no_kvm_and_no_vhost(host, tapnet):
    need(host, NODES, "right to make device nodes")
    host.run("sh", "-ec", "mount -t tmpfs tmpfs /dev; mkdir /dev/net; mknod -m 0666 /dev/net/tun c 10 200; "
             "mknod -m 0666 /dev/null c 1 3")
    found = {each["name"]: each for each in json.loads(tapnet("doctor", "--json").stdout)["findings"]}
    assert set(found) == {"kvm-missing", "vhost-missing"}
    assert {each["severity"] for each in found.values()} == {"note"}
    assert "/dev/kvm is not there" in found["kvm-missing"]["evidence"]
    assert "/dev/vhost-net is not there" in found["vhost-missing"]["evidence"]
    host.run("sh", "-ec", "touch /dev/vhost-net")
    assert '"vhost-missing"' not in tapnet("doctor", "--json").stdout


def test_a_user_may_not_open_kvm(host, tapnet):
    need(host, NODES, "right to make device nodes")
    host.run("sh", "-ec", "mount -t tmpfs tmpfs /dev; mkdir /dev/net; mknod -m 0666 /dev/net/tun c 10 200; "
             "mknod -m 0660 /dev/kvm c 10 232; mknod -m 0666 /dev/null c 1 3; chgrp games /dev/kvm")
    tapnet("up", tapnet.file("networks: { lab: { subnet: 10.20.0.1/24, ports: { web: { user: nobody }, "
                             "db: { user: nobody } } } }\n"))
    found, = [each for each in json.loads(tapnet("doctor", "--json").stdout)["findings"]
              if each["name"] == "kvm-closed"]
    assert "(nobody), who may not open /dev/kvm (mode 0660" in found["evidence"] and found["severity"] == "note"
    assert found["command"] == "usermod -aG games nobody"
    host.run("sh", "-ec", found["command"])
    assert '"kvm-closed"' not in tapnet("doctor", "--json").stdout


def test_two_iptables(host, tapnet):
    need(host, LEGACY, "iptables-legacy")
    host.run("sh", "-ec", "iptables-legacy -A INPUT -p tcp -j ACCEPT; iptables -A INPUT -p tcp -j ACCEPT")
    found = findings(tapnet)
    assert set(found) == {"two-iptables"} and found["two-iptables"]["severity"] == "warning"
    host.run("iptables-legacy", "-F")
    assert findings(tapnet) == {}


def test_legacy_rules_are_read(host, tapnet):
    need(host, LEGACY, "iptables-legacy")
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
    host.run("sh", "-ec", "iptables-legacy -N INNER; "
             "iptables-legacy -A INNER ! -s 192.0.2.0/24 -p tcp --dport 443 -j DROP; "
             "iptables-legacy -A FORWARD ! -i lo -m comment --comment hello -j INNER")
    found = findings(tapnet)["forward-dropped"]
    assert "legacy iptables table filter, chain INNER, rule 1" in found["evidence"]
    host.run("sh", "-ec", found["command"])
    assert findings(tapnet) == {}


def test_the_resolver_of_the_host_is_dead(host, tapnet):
    host.write("/etc/resolv.conf", "nameserver 127.0.0.53\n")
    found = findings(tapnet)["resolver-dead"]
    assert "127.0.0.53" in found["evidence"]
    host.popen("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--pid-file=", "--listen-address=127.0.0.53",
               "--bind-interfaces")
    wait_for(lambda: "127.0.0.53:53 " in host.run("ss", "-Hlun").stdout)
    assert set(findings(tapnet)) == {"port-held"}


def test_somebody_manages_links(host, tapnet):
    host.run("cp", "/bin/sleep", host.tmp / "NetworkManager")
    manager = host.popen(host.tmp / "NetworkManager", "60")
    wait_for(lambda: "managers" in findings(tapnet))
    found = findings(tapnet)["managers"]
    assert "NetworkManager runs here" in found["evidence"] and "75-tapnet.rules" in found["evidence"]
    host.run("sh", "-ec", found["command"])
    assert findings(tapnet) == {}
    host.run("rm", "/etc/udev/rules.d/75-tapnet.rules")
    assert set(findings(tapnet)) == {"managers"}
    manager.kill()
    manager.wait()
    assert findings(tapnet) == {}


def test_a_device_that_nobody_has(host, tapnet):
    host.run("ip", "tuntap", "add", "old0", "mode", "tap")
    found = findings(tapnet)["leftover-device"]
    assert found["severity"] == "note" and "old0" in found["evidence"]
    host.run("sh", "-ec", found["command"])
    assert findings(tapnet) == {}


def test_somebody_tidied_the_run_directory_up(host, tapnet):
    before = snapshot(host, run_dir=tapnet.run_dir)
    tapnet("up", tapnet.file(LAB))
    shutil.rmtree(tapnet.run_dir)
    found = findings(tapnet)
    assert set(found) == {"leftover-set"} and "set lab" in found["leftover-set"]["evidence"]
    assert found["leftover-set"]["command"] == "tapnet down lab"
    tapnet("down", "lab")
    assert findings(tapnet) == {}
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_a_name_is_no_command(host, tapnet):
    name = "a$(id>trap)'\x1bb"
    host.run("ip", "tuntap", "add", name, "mode", "tap")
    found = findings(tapnet)["leftover-device"]
    assert "\x1b" not in tapnet("doctor").stdout
    host.run("sh", "-c", found["command"], check=False, cwd=host.tmp)
    assert not (host.tmp / "trap").exists()


def test_the_log_is_taken(host, tapnet):
    taker = host.popen("/usr/bin/python3", "-c", TAKE_LOG, stdout=subprocess.PIPE, text=True)
    assert taker.stdout.readline() == "taken\n"
    assert "29793" in findings(tapnet)["log-taken"]["evidence"]
    taker.kill()
    taker.wait()
    assert findings(tapnet) == {}


def test_the_name_of_our_table_is_taken(host, tapnet):
    host.run("nft", "add table inet tapnet")
    assert findings(tapnet)["table-taken"]["severity"] == "problem"
    host.run("nft", "delete table inet tapnet")
    assert findings(tapnet) == {}


# ---- networks ----

def test_no_uplink(host, tapnet):
    host.run("ip", "route", "del", "default")
    tapnet("up", tapnet.file(LAB))
    assert "no default route" in findings(tapnet)["uplink-missing"]["evidence"]


def test_the_uplink_is_down(lab, host, tapnet):
    host.run("ip", "link", "set", "eth0", "down")
    found = findings(tapnet)["uplink-missing"]
    assert "uplink eth0: it is down" in found["evidence"]
    host.run("sh", "-ec", found["command"])
    assert "no default route" in findings(tapnet)["uplink-missing"]["evidence"]  # it went with the link
    host.run("ip", "route", "add", "default", "via", "192.0.2.1")
    assert findings(tapnet) == {}


def test_the_uplink_takes_smaller_packets(lab, host, tapnet):
    host.run("ip", "link", "set", "eth0", "mtu", "1400")
    found = findings(tapnet)["mtu-smaller"]
    assert found["severity"] == "note" and "1500" in found["evidence"] and "1400" in found["evidence"]


def test_the_service_is_dead(lab, host, tapnet):
    service, = named(host, "tapnet-service")
    os.kill(service, signal.SIGKILL)
    wait_gone(service)
    found = findings(tapnet)
    assert set(found) == {"service-down"}
    host.run("sh", "-ec", found["service-down"]["command"], env=PATH)
    assert findings(tapnet) == {}


@pytest.mark.parametrize("hand", ["nft insert rule inet tapnet forward accept", "nft delete table bridge tapnet"])
def test_somebody_touched_the_guards(lab, host, tapnet, hand):
    host.run("sh", "-ec", hand)
    found = findings(tapnet)
    assert set(found) == {"guards-touched"}
    host.run("sh", "-ec", found["guards-touched"]["command"], env=PATH)
    assert findings(tapnet) == {}


def test_a_port_was_pulled_out_of_its_bridge(lab, host, tapnet):
    host.run("ip", "link", "set", "lab-web", "nomaster")
    found = findings(tapnet)
    assert set(found) == {"not-as-made"} and "lab-web is in no bridge" in found["not-as-made"]["evidence"]
    assert tapnet("status", check=False).returncode == 1
    host.run("sh", "-ec", found["not-as-made"]["command"], env=PATH)
    assert findings(tapnet) == {}


@pytest.mark.parametrize("interface", ["br-lab", "eth0"])
def test_somebody_turned_forwarding_off(lab, host, tapnet, interface):
    host.run("sysctl", "-qw", f"net.ipv4.conf.{interface}.forwarding=0")
    found = findings(tapnet)["forwarding-off"]
    assert interface in found["evidence"] and "network lab" in found["evidence"]
    host.run("sh", "-ec", found["command"])
    assert findings(tapnet) == {}


@pytest.mark.parametrize("rival, named", [
    ("ip address add 10.20.0.77/16 dev eth0", "10.20.0.77/16 on eth0"),
    ("ip route add 10.20.0.128/25 via 192.0.2.1", "the route to 10.20.0.128/25"),
])
def test_a_subnet_that_another_has(lab, host, tapnet, rival, named):
    host.run("sh", "-ec", rival)
    found = findings(tapnet)["subnet-collides"]
    assert "network lab" in found["evidence"] and "10.20.0.0/24" in found["evidence"] and named in found["evidence"]


# ---- limits ----

def test_the_table_of_connections_is_nearly_full(lab, host, tapnet):
    most = int(Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text())
    host.run("/usr/bin/python3", connections.__file__, str(most * 8 // 10), timeout=120)
    assert findings(tapnet) == {}
    host.run("/usr/bin/python3", connections.__file__, str(most * 92 // 100), timeout=120)
    found = findings(tapnet)["connections-full"]
    assert found["severity"] == "warning" and f"of {most} at most" in found["evidence"]
    assert found["command"] == f"sysctl -w net/netfilter/nf_conntrack_max={2 * most}"  # the whole machine's: not ours
    host.run("conntrack", "-F")
    assert findings(tapnet) == {}


def test_a_bridge_is_nearly_full(host, tapnet):
    def big(count):
        ports = ", ".join(f"p{number}: {{}}" for number in range(count))
        return tapnet.file(f"networks: {{ big: {{ subnet: 10.40.0.1/16, ports: {{ {ports} }} }} }}\n")

    tapnet("up", big(930))
    found = findings(tapnet)
    assert set(found) == {"bridge-full"}
    assert "network big: br-big has 930 ports, of 1023 at most" in found["bridge-full"]["evidence"]
    tapnet("up", big(900))
    assert findings(tapnet) == {}


# ---- firewalls ----

@pytest.mark.parametrize("rule, chain", [
    ("iptables -P FORWARD DROP", "table ip filter, chain FORWARD"),
    ("iptables -P FORWARD DROP; iptables -N DOCKER-USER", "table ip filter, chain FORWARD (Docker)"),
    ("nft 'add table inet fw; add chain inet fw f { type filter hook forward priority 0; policy drop; }'",
     "table inet fw, chain f"),
])
def test_a_policy_that_drops(host, tapnet, rule, chain):
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
    host.run("sh", "-ec", rule)
    found = findings(tapnet)
    assert set(found) == {"forward-dropped"}
    assert chain in found["forward-dropped"]["evidence"]
    host.run("sh", "-ec", found["forward-dropped"]["command"])
    assert findings(tapnet) == {}


@pytest.mark.parametrize("harmless", [
    "add table inet fw { flags dormant; }; add chain inet fw f { type filter hook forward priority 0; policy drop; }",
    "add table netdev fw; add chain netdev fw e { type filter hook egress device eth0 priority 0; policy drop; }",
    "add table inet fw; add chain inet fw f { type filter hook forward priority 0; }; "
    "add rule inet fw f iifname docker0 drop; add rule inet fw f ct state invalid drop; "
    "add rule inet fw f ip saddr 198.51.100.0/24 reject; add rule inet fw f ip6 nexthdr tcp drop",
    "add table inet fw; add chain inet fw f { type filter hook forward priority 0; policy drop; }; "
    "add set inet fw ours { type ifname; elements = { \"br-NETWORK\", \"br-lab\" }; }; "
    "add rule inet fw f ct state vmap { established : accept, related : accept, invalid : drop }; "
    "add rule inet fw f iifname @ours oifname eth0 accept; add rule inet fw f iifname @ours oifname @ours accept",
    "add table bridge fw; add chain bridge fw f { type filter hook forward priority 0; policy drop; }; "
    "add rule bridge fw f accept",
    "add table ip6 fw; add chain ip6 fw f { type filter hook forward priority 0; policy drop; }",
    "add table inet fw; add chain inet fw f { type filter hook forward priority 0; }; "
    "add rule inet fw f limit rate over 1000/second drop; add rule inet fw f meta mark 0x7 drop",
])
def test_rules_that_stop_no_guest(lab, host, tapnet, harmless):
    host.run("nft", harmless)
    assert findings(tapnet) == {}


@pytest.mark.parametrize("up", [False, True])
def test_the_host_lets_nobody_ask(host, tapnet, up):
    host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
    if up:
        tapnet("up", tapnet.file(LAB))
    host.run("sh", "-ec", "iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; "
             "iptables -A INPUT -i lo -j ACCEPT; iptables -P INPUT DROP")
    found = findings(tapnet)
    assert set(found) == {"input-dropped"} and "chain INPUT" in found["input-dropped"]["evidence"]
    host.run("sh", "-ec", found["input-dropped"]["command"])
    assert findings(tapnet) == {}


def test_br_netfilter_and_a_policy_that_drops(host, tapnet):
    host.run("sh", "-ec", "sysctl -qw net.bridge.bridge-nf-call-iptables=1; iptables -P FORWARD DROP")
    found = findings(tapnet)["bridge-filtered"]
    host.run("sh", "-ec", found["command"])
    assert "bridge-filtered" not in findings(tapnet)


# ---- --fix ----

@pytest.mark.parametrize("hand, object", [
    ("nft flush ruleset", "+ table inet tapnet"),
    ("sysctl -qw net.ipv4.conf.br-lab.forwarding=0", "~ bridge br-lab: forwarding is off"),
    ("sysctl -qw net.ipv4.conf.eth0.forwarding=0", "~ sysctl net/ipv4/conf/eth0/forwarding = 1"),
    ("ip link del lab-web", "+ tap lab-web"),
])
def test_fix_puts_back_what_is_ours(lab, host, tapnet, hand, object):
    before = snapshot(host, run_dir=tapnet.run_dir)
    host.run("sh", "-ec", hand)
    fixed = tapnet("doctor", "--fix")
    assert any(line.startswith(object) for line in fixed.stdout.splitlines()), fixed.stdout
    assert "nothing is wrong" in fixed.stdout
    assert tapnet("status").returncode == 0
    assert_same(kernel(before), kernel(snapshot(host, run_dir=tapnet.run_dir)))


def test_fix_starts_the_service_again(lab, host, tapnet):
    service, = named(host, "tapnet-service")
    os.kill(service, signal.SIGKILL)
    wait_gone(service)
    assert "nothing is wrong" in tapnet("doctor", "--fix").stdout
    assert named(host, "tapnet-service")


def test_fix_leaves_others_alone_and_takes_nothing_from_a_file(lab, host, tapnet):
    host.write("lab.yaml", LAB.replace("db: {}", "mail: {}"))
    host.run("iptables", "-P", "FORWARD", "DROP")
    before = snapshot(host, run_dir=tapnet.run_dir)
    done = tapnet("doctor", "--fix", check=False)
    assert done.returncode == 1 and "forward-dropped" not in done.stdout and "its policy is drop" in done.stdout
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_down_leaves_nothing_of_what_was_fixed(host, tapnet):
    before = snapshot(host, run_dir=tapnet.run_dir)
    lab = tapnet.file(LAB)
    tapnet("up", lab)
    host.run("sh", "-ec", "nft flush ruleset; sysctl -qw net.ipv4.conf.eth0.forwarding=0; ip link del lab-web")
    tapnet("doctor", "--fix")
    tapnet("down", lab)
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
