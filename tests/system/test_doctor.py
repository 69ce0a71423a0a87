# SPDX-License-Identifier: MIT
"""`tapnet doctor`: each finding, provoked in a namespace of its own; and a host where nothing is wrong.

      host under test                                        outside
    +------------------------------------------------+     +---------------+
    |  lab-web ---- br-lab 10.20.0.1/24 -- NAT -- eth0 ---+-- 192.0.2.1   |
    |  dnsmasq, other people's firewalls             |     |               |
    +------------------------------------------------+     +---------------+
"""

import json

import pytest

from tapnet_test.waiting import wait_for

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
    return {finding["name"]: finding for finding in shown}


# ---- nothing is wrong ----

def test_a_clean_host(host, tapnet):
    assert findings(tapnet) == {}


def test_a_host_with_a_network_that_works(lab, host, tapnet):
    assert findings(tapnet) == {}


# ---- the host ----

def test_no_tun(host, tapnet):
    host.run("mount", "-t", "tmpfs", "tmpfs", "/dev/net")
    found = findings(tapnet)["tun-missing"]
    assert found["severity"] == "problem" and "/dev/net/tun is not there" in found["evidence"]
    host.run("sh", "-ec", found["command"].replace("modprobe tun", "true"))  # the machine's modules are not ours
    assert findings(tapnet) == {}


def test_tun_is_for_root_alone(host, tapnet):
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
    found = json.loads(tapnet("doctor", "--json").stdout)["findings"]
    assert {finding["name"] for finding in found} == {"port-held"}
    told = " ".join(finding["evidence"] for finding in found)
    assert f"dnsmasq ({server.pid}) holds UDP port 53" in told
    assert "TCP port 53" in told and "UDP port 67" in told


# ---- networks ----

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


def test_br_netfilter_and_a_policy_that_drops(host, tapnet):
    host.run("sh", "-ec", "sysctl -qw net.bridge.bridge-nf-call-iptables=1; iptables -P FORWARD DROP")
    found = findings(tapnet)["bridge-filtered"]
    host.run("sh", "-ec", found["command"])
    assert "bridge-filtered" not in findings(tapnet)
