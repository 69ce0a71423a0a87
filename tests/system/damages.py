# SPDX-License-Identifier: MIT
"""Other people's hands: ways to damage a network that is up, each with the words that `tapnet status` has for it.

What is damaged is LAB: a network with two ports behind a NAT uplink, and three devices that stand alone.
"""

import os
import re
import signal
from typing import Callable, NamedTuple

from tapnet_test.processes import named, wait_gone
from tapnet_test.rights import need_all_users

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web: { forward: [8080:80, 5000-5009:5000-5009] }
      db: { address: 10.20.0.7, mac: "52:54:00:00:00:07", limit: { receive: 100mbit }, forward: 127.0.0.1:2222:22 }
devices:
  tun1: { kind: tun, address: 192.168.3.11/24 }
  tap9: { kind: tap }
  tap8: { kind: tap, up: false, queue_length: 77, offloads: [csum, tso4, tso6] }
"""

# Opens a TAP as a guest does, and has the kernel change it: owner, offloads. Then it holds it for so many seconds.
IOCTL = """
import fcntl, os, struct, sys, time
name, request, value = sys.argv[1], int(sys.argv[2], 16), int(sys.argv[3])
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x1002))
fcntl.ioctl(fd, request, value)
time.sleep(float(sys.argv[4]))
"""
TUNSETOWNER, TUNSETOFFLOAD = "0x400454cc", "0x400454d0"


class Damage(NamedTuple):
    """@hurt is a shell command in the host's namespace, or a function of the lab."""

    name: str
    hurt: str | Callable
    said: str  # a pattern that `tapnet status` shows; "" when it is none of tapnet's affairs

    def do(self, lab):
        if callable(self.hurt):
            self.hurt(lab)
        else:
            lab.host.run("sh", "-ec", self.hurt)


def kill_service(lab):
    service, = named(lab.host, "tapnet-service")
    os.kill(service, signal.SIGKILL)
    wait_gone(service)


def remove_file(pattern):
    """A file of the run directory, by somebody who tidies up."""
    def hurt(lab):
        path, = lab.tapnet.run_dir.glob(f"*/{pattern}")
        path.unlink()
    return hurt


def delete_rule(lab):
    """One rule out of the middle, by its handle as nft(8) shows it."""
    text = lab.host.run("nft", "-a", "list", "chain", "inet", "tapnet", "forward").stdout
    handle = re.findall(r"# handle (\d+)", text)[2]
    lab.host.run("nft", "delete", "rule", "inet", "tapnet", "forward", "handle", handle)


def change_owner(lab):
    need_all_users()
    lab.host.run("/usr/bin/python3", "-c", IOCTL, "lab-web", TUNSETOWNER, "12345", "0")


def leave_offloads(seconds):
    """That they changed is told at once, that the holder has gone is not: the device is down."""
    def hurt(lab):
        lab.host.run("/usr/bin/python3", "-c", IOCTL, "tap8", TUNSETOFFLOAD, "1", seconds)
    return hurt


DAMAGES = [
    Damage("port deleted", "ip link del lab-web", "tap lab-web is missing"),
    Damage("port deleted as tuntap", "ip tuntap del lab-web mode tap", "tap lab-web is missing"),
    Damage("bridge deleted", "ip link del br-lab", "bridge br-lab is missing"),
    Damage("bridge deleted by brctl", "ip link set br-lab down; brctl delbr br-lab", "bridge br-lab is missing"),
    Damage("port pulled out", "ip link set lab-web nomaster", "tap lab-web is in no bridge"),
    Damage("port pulled out by brctl", "brctl delif br-lab lab-web", "tap lab-web is in no bridge"),
    Damage("port down", "ip link set lab-web down", "tap lab-web is down"),
    Damage("bridge down", "ip link set br-lab down", "bridge br-lab is down"),
    Damage("port's MTU", "ip link set lab-web mtu 1300", "tap lab-web MTU 1300, wanted 1500"),
    Damage("bridge's MTU", "ip link set br-lab mtu 1300", "bridge br-lab MTU 1300, wanted 1500"),
    Damage("port's MAC", "ip link set lab-web address 02:00:00:00:00:99", "tap lab-web MAC 02:00:00:00:00:99"),
    Damage("bridge's MAC", "ip link set br-lab address 02:00:00:00:00:99", "bridge br-lab MAC 02:00:00:00:00:99"),
    Damage("port's alias", "ip link set lab-web alias mine", "tap lab-web has another alias"),
    Damage("bridge's alias taken", "ip link set br-lab alias ''", "bridge br-lab was not labelled"),
    Damage("port's group", "ip link set lab-web group 7", "tap lab-web is in another interface group"),
    Damage("port's owner", change_owner, "tap lab-web user 12345, wanted 0"),
    Damage("port isolated", "bridge link set dev lab-web isolated on", "tap lab-web is isolated"),
    Damage("port does not learn", "bridge link set dev lab-db learning off", "tap lab-db its flags as a bridge's port"),
    Damage("port a hairpin", "brctl hairpin br-lab lab-db on", "tap lab-db its flags as a bridge's port"),
    Damage("spanning tree", "brctl stp br-lab on", "bridge br-lab spanning tree is on"),
    Damage("forward delay", "brctl setfd br-lab 4", "bridge br-lab has a forward delay"),
    Damage("snooping", "ip link set br-lab type bridge mcast_snooping 1", "bridge br-lab multicast snooping is on"),
    Damage("group addresses", "ip link set br-lab type bridge group_fwd_mask 0",
           "bridge br-lab frames to bridge group addresses get past the guards"),
    Damage("group addresses learnt", "ip link set br-lab type bridge no_linklocal_learn 0",
           "bridge br-lab frames to bridge group addresses get past the guards"),
    Damage("port hears ARP", "ip link set lab-web arp on", "tap lab-web answers ARP that is not for it"),
    # The kernel has no event for it: the keeper sees it when it looks for another reason.
    Damage("bridge answers ARP", "sysctl -qw net.ipv4.conf.br-lab.arp_ignore=0; ip link set br-lab mtu 1300",
           "MTU 1300, wanted 1500, answers ARP that is not for it"),
    Damage("address deleted", "ip address del 10.20.0.1/24 dev br-lab", "address 10.20.0.1/24 on br-lab is missing"),
    Damage("addresses flushed", "ip address flush dev br-lab", "address 10.20.0.1/24 on br-lab is missing"),
    Damage("route deleted", "ip route del 10.20.0.0/24 dev br-lab",
           "address 10.20.0.1/24 on br-lab the route to its subnet is gone"),
    Damage("ruleset flushed", "nft flush ruleset", "table inet tapnet is missing"),
    Damage("table deleted", "nft delete table bridge tapnet", "table bridge tapnet is missing"),
    Damage("chain flushed", "nft flush chain inet tapnet forward", "table inet tapnet is not as"),
    Damage("rule deleted", delete_rule, "table inet tapnet is not as"),
    Damage("rule added", "nft insert rule inet tapnet forward accept", "table inet tapnet is not as"),
    Damage("set flushed", "nft flush set bridge tapnet ports", "element ports { lab-web } is missing"),
    Damage("MACs flushed", "nft flush set bridge tapnet port_macs",
           "element port_macs { lab-db . 52:54:00:00:00:07 }"),
    Damage("limits flushed", "nft flush set bridge tapnet group_limits",
           "element group_limits { lab-web limit 1000 packets/s } is missing"),
    Damage("a limit raised", "nft delete element bridge tapnet group_limits '{ \"lab-web\" }'; nft add element bridge "
           "tapnet group_limits '{ \"lab-web\" limit rate over 9000/second burst 9000 packets }'",
           "element group_limits { lab-web limit 1000 packets/s } was lab-web limit 9000 packets/s"),
    Damage("shaper deleted", "tc qdisc del dev lab-db root", "tap lab-db receives 0 bytes/s, wanted 12500000"),
    Damage("shaper changed", "tc qdisc change dev lab-db root handle 7461: tbf rate 1mbit burst 64kb limit 99999",
           "tap lab-db receives 125000 bytes/s, wanted 12500000"),
    Damage("ports that learn flushed", "nft flush map bridge tapnet port_networks",
           "element port_networks { lab-web : "),
    Damage("MACs of a network flushed", "nft flush set bridge tapnet network_macs", "element network_macs { "),
    # As if it had been learnt: nobody is plugged in there.
    Damage("a MAC let through", "nft add element bridge tapnet port_macs '{ \"lab-web\" . 02:00:00:00:00:99 }'", ""),
    Damage("any MAC let through", "nft add element bridge tapnet any_mac_ports '{ \"lab-web\" }'",
           "element any_mac_ports { lab-web } should not be there"),
    Damage("element deleted", "nft delete element inet tapnet egress '{ \"br-lab\" . \"eth0\" }'",
           "element egress { br-lab . eth0 } is missing"),
    Damage("element added", "nft add element inet tapnet egress '{ \"br-lab\" . \"lo\" }'",
           "element egress { br-lab . lo } should not be there"),
    Damage("forward deleted", "nft delete element inet tapnet forwards '{ tcp . 8080 }'",
           "element forwards { tcp . 8080 : "),
    Damage("forward added", "nft add element inet tapnet forwards '{ tcp . 22 : 10.20.0.7 . 22 }'",
           "element forwards { tcp . 22 : 10.20.0.7 . 22 } should not be there"),
    Damage("forward leads elsewhere", "nft 'delete element inet tapnet bound_forwards { 127.0.0.1 . tcp . 2222 }; "
           "add element inet tapnet bound_forwards { 127.0.0.1 . tcp . 2222 : 10.20.0.9 . 22 }'",
           "10.20.0.7 . 22 } was 127.0.0.1 . tcp . 2222 : 10.20.0.9 . 22"),
    Damage("ranges flushed", "nft flush map inet tapnet forward_ranges", "element forward_ranges { 0.0.0.0"),
    Damage("subnet flushed", "nft flush set inet tapnet subnets", "element subnets { br-lab . 10.20.0.0 - br-lab"),
    # The kernel has no event for it: the keeper sees it when it looks for another reason.
    Damage("127.0.0.1 leads to no guest", "sysctl -qw net.ipv4.conf.br-lab.route_localnet=0; "
           "ip link set br-lab mtu 1300", "MTU 1300, wanted 1500, route_localnet is off"),
    Damage("uplink forwards no more", "sysctl -qw net.ipv4.conf.eth0.forwarding=0",
           "eth0/forwarding = 1 is 0, wanted 1"),
    Damage("bridge forwards no more", "sysctl -qw net.ipv4.conf.br-lab.forwarding=0",
           "bridge br-lab forwarding is off"),
    Damage("sysctl --system", "sysctl -qw net.ipv4.ip_forward=1; sysctl -qw net.ipv4.ip_forward=0",
           "eth0/forwarding = 1 is 0, wanted 1"),
    Damage("device deleted", "ip link del tun1", "tun tun1 is missing"),
    Damage("device's address", "ip address del 192.168.3.11/24 dev tun1",
           "address 192.168.3.11/24 on tun1 is missing"),
    Damage("device down", "ip link set tap9 down", "tap tap9 is down"),
    Damage("device's MTU", "ip link set tap9 mtu 1300", "tap tap9 MTU 1300, wanted 1500"),
    Damage("device's queue", "ip link set tap9 txqueuelen 7", "tap tap9 queue length 7, wanted 1000"),
    Damage("device's own queue", "ip link set tap8 txqueuelen 1000", "tap tap8 queue length 1000, wanted 77"),
    Damage("device's offloads", "ethtool -K tap8 tx off", "tap tap8 offloads none, wanted csum, tso4, tso6"),
    Damage("offloads left by a holder", leave_offloads(0), "tap tap8 offloads csum, wanted csum, tso4, tso6"),
    Damage("offloads left when it was seen", leave_offloads(0.2), "tap tap8 offloads csum, wanted csum, tso4, tso6"),
    Damage("everything deleted", "ip link del lab-web; ip link del lab-db; ip link del br-lab; ip link del tun1; "
           "ip link del tap9; nft flush ruleset", "bridge br-lab is missing"),
    Damage("service killed", kill_service, "network lab is not served"),
    Damage("record of the network removed", remove_file("networks/lab.json"), "bridge br-lab should not be there"),
    Damage("record of the sysctl removed", remove_file("sysctl/*.json"),
           "sysctl net/ipv4/conf/eth0/forwarding = 1 is missing"),
    Damage("iptables -F", "iptables -F; iptables -t nat -F", ""),
]
