# SPDX-License-Identifier: MIT
"""Mode bridge on a Debian whose tapnet and watchdog are both killed amid the move of its uplink: it boots, and is
reached as before. The chapters come in this order.

      the outside, a namespace         Debian in QEMU, systemd as process 1
    +--------------------------+     +---------------------------------------------------------+
    | br0 10.77.0.1/24         |     |                     10.77.0.200, default route          |
    |   ping 10.77.0.200       +-----+ enp0s1 ── br-lan ──┘  set by a unit of the host's own   |
    +--------------------------+     +---------------------------------------------------------+
"""

import pytest

ADDRESS = "10.77.0.200"
LAN = "networks: { lan: { mode: bridge, uplink: enp0s1, ports: { vm1: {} } } }\n"
# What mode bridge wants: an address that no manager gives.
STATIC = f"""\
[Unit]
Description=The address of this host
DefaultDependencies=no
Before=network-online.target
BindsTo=sys-subsystem-net-devices-enp0s1.device
After=sys-subsystem-net-devices-enp0s1.device

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip link set enp0s1 up
ExecStart=ip address replace {ADDRESS}/24 dev enp0s1
ExecStart=ip route replace default via 10.77.0.1 metric 50
ExecStart=ip route replace 10.9.0.0/16 via 10.77.0.1 table 100 src {ADDRESS}

[Install]
WantedBy=multi-user.target network-online.target
"""
NETWORKD = "systemd-networkd.socket systemd-networkd.service systemd-networkd-wait-online.service"
# The kernel's modules for our rules, loaded now and at each boot: the watchdog would take the minute for a tapnet that
# hangs in which this emulated machine loads them one by one when they are first asked for.
MODULES = """
    echo 'networks: { rules: {} }' > /etc/tapnet/rules.yaml
    tapnet up /etc/tapnet/rules.yaml && tapnet down rules
    lsmod | grep -Eo '^(nf|nft|tun|bridge)[a-z0-9_]*' > /etc/modules-load.d/rules.conf
"""
# Both at once, as soon as the uplink has a master: amid what follows. --confirm, which nobody answers, keeps them there
# if that was late.
KILLED_AMID = """
    rm -f /run/answer; mkfifo /run/answer; exec 9<>/run/answer
    tapnet up --confirm 500 /etc/tapnet/lan.yaml <&9 >/run/up.log 2>&1 &
    until [ -e /sys/class/net/enp0s1/master ]; do
        kill -0 $! || { cat /run/up.log; exit 1; }
    done
    kill -STOP $(pidof tapnet) $(pidof tapnet-watchdog)
    kill -KILL $(pidof tapnet-watchdog) $(pidof tapnet)
    while pidof tapnet tapnet-watchdog; do :; done
"""


def way_in(machine):
    """How the host is reached: its addresses and routes, and the card's state."""
    return machine.out("ip -br -4 address; ip -4 route show table all; ip -6 route show table all proto static; "
                       "ip -br link show enp0s1")


def assert_reached(outside):
    outside.run("ping", "-c", "3", "-i", "0.2", "-W", "5", ADDRESS)


@pytest.fixture(scope="module")
def host(machine):
    """With tapnet installed, and an address of its own making; both are gone at the end."""
    machine.out("apt-get install -q -y /test/tapnet_*.deb; mkdir -p /etc/tapnet")
    machine.out(f"cat > /etc/tapnet/lan.yaml <<'END'\n{LAN}END")
    machine.out(f"cat > /etc/systemd/system/static.service <<'END'\n{STATIC}END")
    machine.out(f"systemctl disable --now {NETWORKD}; ip address flush dev enp0s1; systemctl enable --now static")
    machine.out(MODULES, timeout=300)
    yield machine
    machine.out(f"systemctl disable tapnet@lan static; systemctl enable {NETWORKD}; apt-get purge -q -y tapnet; "
                "rm -rf /etc/systemd/system/static.service /etc/modules-load.d/rules.conf /etc/tapnet", timeout=300)
    machine.reboot()


@pytest.fixture(scope="module")
def before(host, outside):
    assert_reached(outside)
    return way_in(host)


def kill_amid(host, before):
    host.out(KILLED_AMID, timeout=120)
    assert way_in(host) != before and "master br-lan" in host.out("ip -o link show enp0s1")


def test_the_next_up_finishes_it(host, outside, before):
    """Undone first, then done; and down again."""
    kill_amid(host, before)
    host.out("tapnet up /etc/tapnet/lan.yaml")
    assert_reached(outside)
    assert f"{ADDRESS}/24" in host.out("ip -o address show dev br-lan")
    host.out("tapnet down lan")
    assert way_in(host) == before
    assert_reached(outside)


def test_the_boot_alone_puts_the_host_back(host, outside, before):
    kill_amid(host, before)
    host.reboot(at_once=True)
    assert_reached(outside)
    assert way_in(host) == before
    assert host.out("tapnet status; ip -br link show type bridge") == "nothing is up"


def test_the_boot_brings_the_network_up_again(host, outside, before):
    """When the set is enabled: the host is reached by the bridge then, and as before behind it."""
    host.out("systemctl enable tapnet@lan")
    kill_amid(host, before)
    host.reboot(at_once=True)
    assert_reached(outside)
    assert f"{ADDRESS}/24" in host.out("ip -o address show dev br-lan") and host.sh("tapnet status").rc == 0
    host.out("systemctl stop tapnet@lan")
    assert way_in(host) == before
    assert_reached(outside)
