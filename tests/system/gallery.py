# SPDX-License-Identifier: MIT
"""Networks that are broken by one change to a working one, each with what `tapnet why` must say of it.

What is broken is LAB, with guests plugged into web and db (see test_why.py for its picture). A row tells the change,
the question, the step that stops the packet, and words that the step must have. The command that is told with it must
mend the network; where none can be, `mend` does.
"""

import os
import signal
from pathlib import Path
from typing import Callable, NamedTuple

from tapnet_test import connections
from tapnet_test.netns import join
from tapnet_test.processes import named, wait_gone
from tapnet_test.rights import need_all_users
from tapnet_test.waiting import wait_for

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web: { address: 10.20.0.7, mac: "52:54:00:00:00:07", forward: [8080:80] }
      db: { address: 10.20.0.8, mac: "52:54:00:00:00:08" }
"""

OUT = ("web", "outside")      # and the answer
NEAR = ("web", "db")          # through the bridge alone
GATEWAY = ("web", "host")
FROM_HOST = ("host", "web")
INTO = ("outside", "web", "tcp", "80")  # by the forward from port 8080


class Broken(NamedTuple):
    """@hurt and @mend are shell commands in the host's namespace, or functions of the lab."""

    name: str
    hurt: str | Callable
    asked: tuple
    step: str
    said: str = ""
    mend: str | Callable = ""  # where no command is told
    after: str = ""            # what the command leaves and other tests must not find
    verdict: str = "stops"
    silent: bool = False       # the host does not hear the guest's ARP for it, and says so
    large: bool = False        # it concerns large packets alone
    tried: bool = True         # a packet that is tried tells the same; it can't of ARP, nor of what is outside


def nft(chain, rules="", policy="accept", table="inet fw"):
    """A table of somebody's with one chain, in place at once."""
    body = f"add table {table}; add chain {table} c {{ {chain}; policy {policy}; }}"
    for rule in rules.split(";") if rules else []:
        body += f"; add rule {table} c {rule.strip()}"
    return f"nft '{body}'"


FORWARD = "type filter hook forward priority 0"
NO_FW = "nft delete table inet fw"
NO_IPTABLES = "for t in filter nat mangle raw; do iptables -t $t -F; iptables -t $t -X; done; " \
              "iptables -P FORWARD ACCEPT"
NO_LEGACY = NO_IPTABLES.replace("iptables", "iptables-legacy")

ONE_WAY_OUT = "ip link del wan2; ip route replace default via 192.0.2.1"

# What Docker, ufw, firewalld and libvirt put in place, as far as it concerns what is forwarded.
DOCKER = """
iptables -P FORWARD DROP
for chain in DOCKER DOCKER-USER DOCKER-ISOLATION-STAGE-1 DOCKER-ISOLATION-STAGE-2; do iptables -N $chain; done
iptables -A FORWARD -j DOCKER-USER
iptables -A FORWARD -j DOCKER-ISOLATION-STAGE-1
iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A FORWARD -o docker0 -j DOCKER
iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
iptables -A FORWARD -i docker0 -o docker0 -j ACCEPT
iptables -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN
iptables -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
iptables -A DOCKER-ISOLATION-STAGE-2 -j RETURN
iptables -A DOCKER-USER -j RETURN
"""
UFW = """
iptables -P FORWARD DROP
for chain in before-logging before after after-logging reject track user; do iptables -N ufw-$chain-forward; done
iptables -A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A ufw-before-forward -p icmp --icmp-type destination-unreachable -j ACCEPT
iptables -A ufw-before-forward -j ufw-user-forward
for chain in before-logging before after after-logging reject track; do iptables -A FORWARD -j ufw-$chain-forward; done
"""
LIBVIRT = """
for chain in FWI FWO FWX; do iptables -N LIBVIRT_$chain; iptables -A FORWARD -j LIBVIRT_$chain; done
iptables -A LIBVIRT_FWO -s 10.20.0.0/16 -i br-lab -j REJECT --reject-with icmp-port-unreachable
"""


# A program that does nothing but to return XDP_DROP (1), or TC_ACT_SHOT (2).
PROGRAM = """
__attribute__((section("SECTION"), used)) int drop(void *context)
{
    return VERDICT;
}
"""


def compile_program(lab, section, verdict):
    need_all_users()
    source = lab.host.write("drop.c", PROGRAM.replace("SECTION", section).replace("VERDICT", verdict))
    made = lab.host.tmp / "drop.o"
    lab.host.run("clang", "-O2", "-target", "bpf", "-c", source, "-o", made)
    return made


def attach_classifier(lab):
    made = compile_program(lab, "classifier", "2")
    lab.host.run("tc", "qdisc", "add", "dev", "lab-web", "clsact")
    lab.host.run("tc", "filter", "add", "dev", "lab-web", "ingress", "bpf", "direct-action", "object", made, "section",
                 "classifier")


def attach_xdp(lab):
    made = compile_program(lab, "xdp", "1")
    lab.host.run("ip", "link", "set", "dev", "lab-web", "xdp", "object", made, "section", "xdp")


def kill_service(lab):
    service, = named(lab.host, "tapnet-service")
    os.kill(service, signal.SIGKILL)
    wait_gone(service)


def take_carrier(lab):
    """The bridge hears of it within a second."""
    lab.host.run("tapnet", "device", "set", "lab-web", "--carrier", "off", "--force")
    wait_for(lambda: "state disabled" in lab.host.run("bridge", "link", "show", "dev", "lab-web").stdout)


def unplug_outside(lab):
    lab.world.outside.run("ip", "link", "set", "out0", "down")


def plug_outside(lab):
    lab.world.outside.run("ip", "link", "set", "out0", "up")


def lose_gateway(lab):
    """Whoever was there a moment ago is gone: what the host knows of it is of no use any more."""
    lab.world.outside.run("ip", "address", "del", "192.0.2.1/24", "dev", "out0")


def find_gateway(lab):
    lab.world.outside.run("ip", "address", "replace", "192.0.2.1/24", "dev", "out0")


def lose_address(lab):
    lab.web.netns.run("ip", "address", "flush", "dev", "eth0")


def fill_connections(lab):
    most = Path("/proc/sys/net/netfilter/nf_conntrack_max").read_text(encoding="ascii").strip()
    lab.host.run("/usr/bin/python3", connections.__file__, most, timeout=120)


def make_narrow(lab):
    """Both ends of the cable take less; nobody is told."""
    lab.host.run("sh", "-ec", "ip link set eth0 mtu 1400; " + nft("type filter hook output priority 0",
                                                                  "icmp type destination-unreachable drop"))
    lab.world.outside.run("ip", "link", "set", "out0", "mtu", "1400")


def take_other_way_out(lab):
    """A second cable to the outside, which is the way out from now on; what comes in by the first is not believed."""
    host, outside = lab.host, lab.world.outside
    join(host, "wan2", outside, "out2")
    outside.run("ip", "address", "add", "203.0.113.1/24", "dev", "out2")
    host.run("sh", "-ec", "ip address add 203.0.113.2/24 dev wan2; ip route replace default via 203.0.113.1; "
             "sysctl -qw net.ipv4.conf.all.rp_filter=1")


def take_other_address(lab):
    lab.web.netns.run("sh", "-ec", "ip address flush dev eth0; ip address add 10.20.0.99/24 dev eth0; "
                      "ip route add default via 10.20.0.1")
    lab.arrives(OUT)  # what was never sent was never dropped


def take_other_mac(lab):
    lab.web.netns.run("ip", "link", "set", "eth0", "address", "52:54:00:00:00:66")
    lab.arrives(OUT)


def take_mac_back(lab):
    lab.web.netns.run("ip", "link", "set", "eth0", "address", "52:54:00:00:00:07")


def take_address_back(lab):
    """And the host hears from it, rather than at the next time that it asks."""
    lab.web.netns.run("ip", "address", "flush", "dev", "eth0")
    lab.address(lab.web)
    lab.web.netns.run("ping", "-c1", "-W2", "10.20.0.1")


GALLERY = [
    # devices
    Broken("port down", "ip link set lab-web down", OUT, "port-down", "lab-web is down"),
    Broken("port down, near", "ip link set lab-db down", NEAR, "port-down", "lab-db is down"),
    Broken("port down, from the host", "ip link set lab-web down", FROM_HOST, "port-down", "lab-web is down"),
    Broken("port out of its bridge", "ip link set lab-web nomaster", OUT, "port-out-of-bridge", "lab-web"),
    Broken("port in another bridge", "ip link add br9 type bridge; ip link set br9 up; ip link set lab-web master br9",
           OUT, "port-out-of-bridge", "but of br9", after="ip link del br9"),
    Broken("port closed", "bridge link set dev lab-web state 0", OUT, "port-state", "lab-web is disabled"),
    Broken("port disabled", "bridge link set dev lab-db state 0", NEAR, "port-state", "lab-db is disabled"),
    Broken("spanning tree", "ip link set br-lab type bridge stp_state 1 forward_delay 1500; ip link set lab-web down; "
           "ip link set lab-web up", OUT, "port-state", "spanning tree is on"),
    Broken("isolated ports", "bridge link set dev lab-web isolated on; bridge link set dev lab-db isolated on", NEAR,
           "isolation", "lab-web and lab-db are isolated"),
    Broken("carrier taken", take_carrier, OUT, "port-carrier", "holds it",
           after="tapnet device set lab-web --carrier on --force"),
    Broken("bridge down", "ip link set br-lab down", OUT, "bridge-down", "br-lab is down"),
    Broken("uplink without carrier", unplug_outside, OUT, "uplink-carrier", "eth0", mend=plug_outside, tried=False),

    # the host's stack
    Broken("no gateway address", "ip address del 10.20.0.1/24 dev br-lab", OUT, "gateway", "10.20.0.1/24", tried=False),
    Broken("bridge does not forward", "sysctl -qw net.ipv4.conf.br-lab.forwarding=0", OUT, "forwarding", "br-lab"),
    Broken("uplink does not forward", "sysctl -qw net.ipv4.conf.eth0.forwarding=0", OUT, "forwarding", "eth0"),
    Broken("nothing forwards", "sysctl -qw net.ipv4.ip_forward=1; sysctl -qw net.ipv4.ip_forward=0", OUT, "forwarding",
           "br-lab", after="sysctl -qw net.ipv4.conf.eth0.forwarding=1"),
    Broken("no default route", "ip route del default", OUT, "route", "no route",
           mend="ip route add default via 192.0.2.1"),
    Broken("blackhole route", "ip route add blackhole 198.41.0.4/32", OUT, "route", "blackhole 198.41.0.4/32"),
    Broken("unreachable route", "ip route add unreachable 198.41.0.0/24", OUT, "route", "unreachable 198.41.0.0/24"),
    Broken("prohibited route", "ip route add prohibit 198.41.0.0/16", OUT, "route", "prohibit 198.41.0.0/16"),
    Broken("rule that prohibits", "ip rule add from 10.20.0.0/24 priority 77 prohibit", OUT, "policy-rule",
           "priority 77"),
    Broken("rule that swallows", "ip rule add iif br-lab priority 78 blackhole", OUT, "policy-rule", "priority 78"),
    Broken("rule to an empty way", "ip route add unreachable default table 77; ip rule add iif br-lab priority 79 "
           "table 77", OUT, "route", "unreachable", after="ip rule del priority 79"),
    Broken("wrong gateway", "ip route replace default via 192.0.2.77", OUT, "neighbour", "192.0.2.77",
           mend="ip route replace default via 192.0.2.1", tried=False),
    Broken("dead gateway", lose_gateway, OUT, "neighbour", "192.0.2.1 does not answer", mend=find_gateway, tried=False),
    Broken("reverse path", take_other_way_out, INTO, "reverse-path", "the way back to its sender is by wan2",
           after=ONE_WAY_OUT),
    Broken("guest lost its address", lose_address, FROM_HOST, "neighbour", "10.20.0.7", mend=take_address_back),
    Broken("route to another device", "ip route add 10.20.0.7/32 dev eth0", FROM_HOST, "route",
           "leaves by eth0", mend="ip route del 10.20.0.7/32 dev eth0"),

    Broken("neighbour at a wrong MAC", "ip neigh replace 10.20.0.7 lladdr 02:00:00:00:00:66 dev br-lab nud permanent",
           OUT, "neighbour", "02:00:00:00:00:66"),
    Broken("MAC at a wrong port", "bridge fdb replace 52:54:00:00:00:08 dev lab-web master static sticky", NEAR,
           "forwarding-database", "lab-web"),
    Broken("no connection kept, nft", nft("type filter hook prerouting priority -300", 'iifname "br-lab" notrack'), OUT,
           "untracked", "notrack", after=NO_FW),
    Broken("no connection kept, iptables", "iptables -t raw -A PREROUTING -i br-lab -j CT --notrack", OUT, "untracked",
           "table ip raw", after=NO_IPTABLES),

    # firewalls by hand
    Broken("iptables policy", "iptables -P FORWARD DROP", OUT, "forward-hook",
           "table ip filter, chain FORWARD: its policy is drop", after=NO_IPTABLES),
    Broken("legacy policy", "iptables-legacy -P FORWARD DROP", OUT, "forward-hook",
           "legacy iptables table filter, chain FORWARD", after=NO_LEGACY),
    Broken("legacy rule", "iptables-legacy -N GONE; iptables-legacy -A GONE -p icmp -m comment --comment x -j DROP; "
           "iptables-legacy -A FORWARD -i br+ -j GONE", OUT, "forward-hook", "chain GONE, rule 1", after=NO_LEGACY),
    Broken("iptables rule", "iptables -A FORWARD -i br-lab -p icmp -j REJECT", OUT, "forward-hook", "reject",
           after=NO_IPTABLES),
    Broken("iptables, raw", "iptables -t raw -A PREROUTING -i br-lab -s 10.20.0.0/24 -j DROP", OUT, "prerouting-hook",
           "table ip raw", after=NO_IPTABLES),
    Broken("iptables, mangle", "iptables -t mangle -A FORWARD -s 10.0.0.0/8 -j DROP", OUT, "forward-hook",
           "table ip mangle", after=NO_IPTABLES),
    Broken("iptables, addresses", "iptables -A FORWARD -m iprange --src-range 10.20.0.1-10.20.0.9 -j DROP", OUT,
           "forward-hook", "chain FORWARD, handle", after=NO_IPTABLES),
    Broken("iptables, answers alone", "iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -o br-lab -j DROP", OUT,
           "forward-hook", "ct state established", after=NO_IPTABLES),
    Broken("iptables, input", "iptables -P INPUT DROP", ("web", "host", "udp", "53"), "input-hook",
           "table ip filter, chain INPUT: its policy is drop", after="iptables -P INPUT ACCEPT; " + NO_IPTABLES),
    Broken("iptables, output", "iptables -P OUTPUT DROP", GATEWAY, "output-hook",
           "table ip filter, chain OUTPUT", after="iptables -P OUTPUT ACCEPT; " + NO_IPTABLES),
    Broken("nft policy", nft(FORWARD, policy="drop"), OUT, "forward-hook", "table inet fw, chain c", after=NO_FW),
    Broken("nft rule", nft(FORWARD, "ip saddr 10.20.0.0/24 counter drop"), OUT, "forward-hook",
           "ip saddr 10.20.0.0/24 counter drop", after=NO_FW),
    Broken("nft, a named interface", nft(FORWARD, 'iifname "br-*" drop'), OUT, "forward-hook", 'iifname "br-*" drop',
           after=NO_FW),
    Broken("nft, anonymous set", nft(FORWARD, "ip saddr { 10.20.0.7, 10.9.9.9 } drop"), OUT, "forward-hook", "{ ... }",
           after=NO_FW),
    Broken("nft, ranges", nft(FORWARD, "ip saddr { 10.20.0.5-10.20.0.9, 10.99.0.0/16 } reject"), OUT, "forward-hook",
           "reject", after=NO_FW),
    Broken("nft, verdict map", nft(FORWARD, "ct state vmap { established : accept, new : drop }"), OUT, "forward-hook",
           "ct state vmap", after=NO_FW),
    Broken("nft, concatenation", nft(FORWARD, 'iifname . ip saddr { "br-lab" . 10.20.0.7 } drop'), OUT, "forward-hook",
           "iifname . ip saddr", after=NO_FW),
    Broken("nft prerouting", nft("type filter hook prerouting priority -300", 'iifname "br-lab" icmp type echo-request '
           "drop"), OUT, "prerouting-hook", "icmp type 8 drop", after=NO_FW),
    Broken("nft postrouting", nft("type filter hook postrouting priority 0", 'oifname "eth0" drop'), OUT,
           "postrouting-hook", 'oifname "eth0" drop', after=NO_FW),
    Broken("nft input", nft("type filter hook input priority 0", 'iifname "br-lab" drop'), GATEWAY, "input-hook",
           "chain c", after=NO_FW),
    Broken("nft output", nft("type filter hook output priority 0", "ip daddr 10.20.0.7 drop"), GATEWAY, "output-hook",
           "ip daddr 10.20.0.7 drop", after=NO_FW),
    Broken("answers on their way in", nft(FORWARD, 'iifname "eth0" drop'), OUT, "forward-hook", 'iifname "eth0" drop',
           after=NO_FW),
    Broken("ebtables", "ebtables -P FORWARD DROP", NEAR, "bridge-forward-hook", "table bridge filter, chain FORWARD",
           after="ebtables -P FORWARD ACCEPT; ebtables -F"),
    Broken("frames to the host", nft("type filter hook input priority 0", 'iifname "lab-web" drop', table="bridge fw"),
           OUT, "bridge-input-hook", "table bridge fw", after="nft delete table bridge fw"),
    Broken("frames to the host, asked from it", nft("type filter hook input priority 0", 'iifname "lab-web" drop',
                                                    table="bridge fw"), FROM_HOST, "bridge-input-hook",
           "table bridge fw", after="nft delete table bridge fw"),
    Broken("frames to a guest", nft("type filter hook output priority 0", 'oifname "lab-web" drop', table="bridge fw"),
           FROM_HOST, "bridge-output-hook", "table bridge fw", after="nft delete table bridge fw"),
    Broken("netdev ingress", nft('type filter hook ingress device "lab-web" priority 0', "meta protocol ip drop",
                                 table="netdev fw"), OUT, "ingress-hook", "table netdev fw",
           after="nft delete table netdev fw"),
    Broken("netdev egress", nft('type filter hook egress device "eth0" priority 0', "ip daddr 198.41.0.4 drop",
                                table="netdev fw"), OUT, "egress-hook", "table netdev fw",
           after="nft delete table netdev fw"),
    Broken("classifier that drops", attach_classifier, OUT, "classifier", "1 classifier of tc at lab-web",
           verdict="unknown", silent=True, after="tc qdisc del dev lab-web clsact", tried=False),
    Broken("XDP that drops", attach_xdp, OUT, "xdp", "a program of XDP at lab-web", verdict="unknown", silent=True,
           tried=False, after="ip link set dev lab-web xdp off"),
    Broken("MTU black hole", make_narrow, OUT, "mtu", "vanish", verdict="unknown", large=True, after=NO_FW),
    Broken("connections full", fill_connections, OUT, "connections", "is full", mend="conntrack -F", tried=False),
    Broken("forward shadowed", nft("type nat hook prerouting priority -150", "tcp dport 8080 dnat ip to 192.0.2.9:9"),
           INTO, "forward-shadowed", "table inet fw, chain c", after=NO_FW),
    Broken("forward forgotten", "nft flush map inet tapnet forwards", INTO, "forward-missing", "8080:80"),
    Broken("forward dropped", nft(FORWARD, "tcp dport 80 ct status dnat drop"), INTO, "forward-hook",
           "tcp dport 80 ct status", after=NO_FW),
    Broken("br_netfilter", "sysctl -qw net.bridge.bridge-nf-call-iptables=1; iptables -P FORWARD DROP", NEAR,
           "forward-hook", "chain FORWARD", after=NO_IPTABLES),

    # other programs' rules
    Broken("Docker", DOCKER, OUT, "forward-hook", "chain FORWARD (Docker): its policy is drop", after=NO_IPTABLES),
    Broken("Docker's user", DOCKER + "iptables -I DOCKER-USER -s 10.20.0.0/24 -j DROP", OUT, "forward-hook",
           "chain DOCKER-USER (Docker)", after=NO_IPTABLES),
    Broken("ufw", UFW, OUT, "forward-hook", "chain FORWARD (ufw): its policy is drop", after=NO_IPTABLES),
    Broken("libvirt", LIBVIRT, OUT, "forward-hook", "chain LIBVIRT_FWO (libvirt)", after=NO_IPTABLES),

    # our own
    # before others whose MACs are refused: not all of them are kept
    Broken("another MAC", take_other_mac, OUT, "guard-refused", "52:54:00:00:00:66", mend=take_mac_back,
           verdict="unknown", silent=True, tried=False),
    Broken("ruleset flushed", "nft flush ruleset", OUT, "nat", "nothing translates it", tried=False),
    Broken("egress forgotten", "nft flush set inet tapnet egress", OUT, "forward-hook", "not as they should be"),
    Broken("addresses forgotten", "nft flush set bridge tapnet port_addresses", OUT, "guard", "not as they should be"),
    Broken("MACs forgotten", "nft 'flush set bridge tapnet port_addresses; flush set bridge tapnet port_macs'", NEAR,
           "guard", "not as they should be"),
    Broken("another's address", take_other_address, OUT, "guard-drops", "forged", mend=take_address_back,
           verdict="unknown", silent=True, tried=False),
    Broken("service killed", kill_service, ("web", "host", "udp", "53"), "service", "does not answer", tried=False),
    Broken("service killed, DHCP", kill_service, ("web", "host", "udp", "67"), "service", "does not answer",
           tried=False),
]
