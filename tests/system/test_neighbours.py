# SPDX-License-Identifier: MIT
"""Beside other people's daemons on ports 53 and 67: one offer, one answer, and no "port unreachable".

      host under test                                     outside
    +-------------------------------------------+       +-----------+
    | a rival on 0.0.0.0:53 (and :67)           |       |           |
    | tap_guest.py -- lab-web -- br-lab -- NAT -- eth0 -+- DNS      |
    +-------------------------------------------+       +-----------+
"""

from pathlib import Path

import pytest

MAC = "52:54:00:00:00:07"
LAB = f"networks: {{ lab: {{ subnet: 10.20.0.1/24, ports: {{ web: {{ address: 10.20.0.7, mac: '{MAC}' }} }} }} }}\n"

UNBOUND = """
server:
    interface: 0.0.0.0
    do-daemonize: no
    username: ""
    chroot: ""
    directory: "{tmp}"
    pidfile: ""
    use-syslog: no
    access-control: 0.0.0.0/0 allow
    local-zone: "outside.example." static
    local-data: "outside.example. A 203.0.113.66"
"""

DNSMASQ = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
           "--address=/outside.example/203.0.113.66", "--dhcp-range=10.20.0.100,10.20.0.200",
           "--dhcp-authoritative", "--dhcp-leasefile=/dev/null"]


def dnsmasq(*more):
    return lambda host: [*DNSMASQ, f"--pid-file={host.tmp}/dnsmasq.pid", *more]


def unbound(host):
    return ["unbound", "-d", "-c", host.write("unbound.conf", UNBOUND.format(tmp=host.tmp))]


def wait_for_port(host, port):
    host.run("sh", "-c", f"for i in $(seq 100); do ss -lnu sport = {port} | grep -q :{port} && exit 0; sleep 0.05; "
             "done; exit 1")


def names_of_lab(host):
    """What tapnet.yaml(5) tells people to write, for each of the two: names below lab are asked for at the gateway."""
    dnsmasq_way = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                   "--pid-file=", "--listen-address=127.0.0.1", "--bind-interfaces", "--server=/lab/10.20.0.1#10053"]
    text = UNBOUND.format(tmp=host.tmp).replace("interface: 0.0.0.0", "interface: 127.0.0.1\n    domain-insecure: lab")
    text += "forward-zone:\n    name: lab\n    forward-addr: 10.20.0.1@10053\n"
    return {"dnsmasq": dnsmasq_way, "unbound": ["unbound", "-d", "-c", host.write("unbound.conf", text)]}


@pytest.mark.parametrize("server", ["dnsmasq", "unbound"])
def test_the_hosts_own_server_asks_for_guests_names(world, host, tapnet, server):
    tapnet("up", tapnet.file(LAB))
    host.popen(*names_of_lab(host)[server])
    wait_for_port(host, 53)
    asked = host.run("dig", "@127.0.0.1", "+short", "+tries=1", "web.lab").stdout
    assert asked == "10.20.0.7\n"
    tapnet("down", "lab")


@pytest.mark.parametrize("rival", [dnsmasq(), dnsmasq("--bind-dynamic"), dnsmasq("--bind-interfaces"), unbound],
                         ids=["dnsmasq", "dnsmasq-bind-dynamic", "dnsmasq-bind-interfaces", "unbound"])
@pytest.mark.parametrize("rival_first", [True, False], ids=["rival-first", "tapnet-first"])
def test_one_offer_and_one_answer(world, host, tapnet, rival, rival_first):
    file = tapnet.file(LAB)
    if not rival_first:
        tapnet("up", file)
    daemon = host.popen(*rival(host))
    wait_for_port(host, 53)
    if rival_first:
        tapnet("up", file)
    guest = Path(__file__).parent / "tap_guest.py"
    heard = host.run("/usr/bin/python3", guest, "lab-web", MAC, "outside.example").stdout
    assert heard.splitlines() == ["offer 10.20.0.1 10.20.0.7", "answer 10.20.0.1 192.0.2.1"]
    assert daemon.poll() is None  # and the neighbour lives
    daemon.kill()
    tapnet("down", file)
