# SPDX-License-Identifier: MIT
"""The snapshot comparer must bite: every kind of trace that a network can leave shows in it, and nothing else does.

      wire
    +---------------------------------+
    | eth0 192.0.2.2/24 +------+ out0 |   both ends of the cable in one namespace
    +---------------------------------+
"""

import pytest

from tapnet_test.snapshot import assert_same, diff, snapshot

TAP = "ip tuntap add tap9 mode tap"
TABLE = "nft add table inet t"
CHAIN = f"{TABLE}; nft add chain inet t c"
SET = f"{TABLE}; nft 'add set inet t s {{ type ipv4_addr; }}'"

# What is there before, the change, what the difference must show.
CHANGES = {
    "link": ("", "ip link add br9 type bridge", "+link br9 "),
    "tap": ("", TAP, "+link tap9 linkinfo info_data type"),
    "mtu": ("", "ip link set eth0 mtu 1400", "+link eth0 mtu = 1400"),
    "mac": ("", "ip link set eth0 address 02:00:00:00:00:01", '+link eth0 address = "02:00:00:00:00:01"'),
    "alias": ("", "ip link set eth0 alias hello", '+link eth0 ifalias = "hello"'),
    "group": ("", "ip link set eth0 group 7", '+link eth0 group = "7"'),
    "flags": ("", "ip link set eth0 down", "+link eth0 flags"),
    "promiscuous": ("", "ip link set eth0 promisc on", "+link eth0 promiscuity = 1"),
    "port": (f"ip link add br9 type bridge; {TAP}", "ip link set tap9 master br9", '+link tap9 master = "br9"'),
    "port flag": (f"ip link add br9 type bridge; {TAP}; ip link set tap9 master br9",
                  "bridge link set dev tap9 isolated on", "+link tap9 linkinfo info_slave_data isolated = true"),
    "owner": (TAP, "ip tuntap del tap9 mode tap; ip tuntap add tap9 mode tap user 0",
              "+link tap9 linkinfo info_data user"),
    "address": ("", "ip addr add 10.9.0.1/24 dev eth0", "+address eth0 "),
    "route": ("", "ip route add 10.8.0.0/24 via 192.0.2.1 proto 99", "+route 4 "),
    "route of another table": ("", "ip route add 10.8.0.0/24 dev eth0 table 77", "+route 4 "),
    "route of version 6": ("", "ip -6 route add 2001:db8:9::/64 dev eth0", "+route 6 "),
    "rule": ("", "ip rule add from 10.9.0.0/24 table 77", "+rule 4 "),
    "neighbour": ("", "ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev eth0", "+neighbour "),
    "proxy": ("", "ip neigh add proxy 192.0.2.9 dev eth0", "+proxy "),
    "fdb": (f"ip link add br9 type bridge; {TAP}; ip link set tap9 master br9",
            "bridge fdb add 02:00:00:00:00:09 dev tap9 master static", "+fdb "),
    "qdisc": ("", "tc qdisc add dev eth0 clsact", "+qdisc "),
    "class": ("tc qdisc add dev eth0 root handle 1: htb", "tc class add dev eth0 parent 1: classid 1:1 htb rate 1mbit",
              "+class eth0 "),
    "filter": ("tc qdisc add dev eth0 clsact",
               "tc filter add dev eth0 ingress u32 match u32 0 0 flowid 1:1", "+filter eth0 ingress "),
    "table": ("", TABLE, "+nft inet t t table "),
    "empty chain": (TABLE, "nft add chain inet t c", "+nft inet t c chain "),
    "policy": (f"{TABLE}; nft 'add chain inet t c {{ type filter hook forward priority 0; policy drop; }}'",
               "nft 'chain inet t c { policy accept; }'", '+nft inet t c chain {"family": "inet", "hook": "forward"'),
    "nft rule": (CHAIN, "nft add rule inet t c counter accept", "+nft inet t c rule "),
    "order of rules": (f"{CHAIN}; nft add rule inet t c accept", "nft insert rule inet t c drop",
                       "+nft inet t c rule "),
    "element": (SET, "nft 'add element inet t s { 10.9.0.2 }'", '+nft inet t s element "10.9.0.2"'),
    "sysctl": ("", "sysctl -qw net.ipv4.conf.eth0.forwarding=1", "+sysctl ipv4/conf/eth0/forwarding = 1"),
    "global sysctl": ("", "sysctl -qw net.ipv4.ip_forward=1", "+sysctl ipv4/ip_forward = 1"),
    "conntrack": ("", "conntrack -I -s 10.9.0.2 -d 192.0.2.1 -p udp --sport 1 --dport 2 -t 60", "+conntrack udp "),
    "process": ("", "setsid sleep 1000 >/dev/null 2>&1 &", "+process sleep 1000"),
    "descriptor": ("", "setsid sleep 1000 3</proc/self/status >/dev/null 2>&1 &",
                   "+descriptors of sleep 1000: 1 /proc/"),
    "socket": ("", "setsid nc -l -p 77 >/dev/null 2>&1 & while ! ss -Htln | grep -q :77; do :; done",
               "+socket tcp "),
    "file in /etc": ("", "echo x > /etc/resolv.conf", '+file etc/resolv.conf 100644 "x\\n"'),
    "mode of a file": ("", "chmod 600 /etc/resolv.conf", "+file etc/resolv.conf 100600 "),
    "file of the run directory": ("", "mkdir -p $RUN/ledger; echo x > $RUN/ledger/uplink", "+file run/ledger/uplink "),
    "directory of the run directory": ("", "mkdir -p $RUN/ledger", "+file run/ledger "),
}


@pytest.fixture
def wire(make_netns):
    netns = make_netns("wire")
    netns.env["RUN"] = str(netns.tmp / "run")
    netns.run("sh", "-ec", """
        ip link add eth0 type veth peer name out0
        ip link set out0 up
        ip link set eth0 up
        ip addr add 192.0.2.2/24 dev eth0""")
    return netns


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_shows(wire, name):
    before, change, expected = CHANGES[name]
    wire.run("sh", "-ec", before)
    first = snapshot(wire, ["10.9.0.0/24"])
    wire.run("sh", "-ec", change)
    changed = diff(first, snapshot(wire, ["10.9.0.0/24"]))
    assert any(line.startswith(expected) for line in changed.splitlines()), changed
    with pytest.raises(AssertionError, match="not as before"):
        assert_same(first, first + changed)


def test_what_happens_by_itself_does_not_show(world):
    host = world.host
    host.run("sh", "-ec", f"{CHAIN}; nft add rule inet t c counter accept; {SET}")
    host.run("nft", "add element inet t s { 10.9.0.2, 10.9.0.3 }")
    host.run("nft", "add chain inet t o { type filter hook output priority 0; }")
    host.run("nft", "add rule inet t o ct state new counter")
    first = snapshot(host, ["10.9.0.0/24"])

    host.run("curl", "--silent", "--max-time", "5", "http://192.0.2.1/")  # counters, conntrack, neighbours
    host.run("nft", "delete element inet t s { 10.9.0.2 }")  # the same again, in another order, with other handles
    host.run("nft", "add element inet t s { 10.9.0.2 }")
    host.run("sh", "-ec", "ip link add br9 type bridge; ip link set br9 up; ip link del br9")
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=0")

    assert_same(first, snapshot(host, ["10.9.0.0/24"]))
