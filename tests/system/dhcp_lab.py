# SPDX-License-Identifier: MIT
"""A host with the service and two guests, for the tests of its DHCP.

      host:  tapnet-service        (no capability, sockets passed in: netfilter's log, and one for replies)
                  :
               br-lab 10.20.0.1/24, rules that log DHCP requests
              /            \\
           web0            db0
            |               |
     guest: web      guest: db     (namespaces with eth0)
"""

import socket

from scapy.all import BOOTP, DHCP, Ether, IP, UDP, raw

from tapnet_test.service import Lan, Service, in_netns, network

PORTS = {
    "web": {"address": "10.20.0.10", "hostname": "www"},
    "db": {"address": "10.20.0.11", "dhcp": {"ntp": ["10.20.0.1"], "search": ["corp.example", "lab.example"],
                                              "boot_file": "pxe/db.0", "boot_server": "10.20.0.1"}},
}
LAB = network("lab", "10.20.0.1/24", PORTS)

# What udhcpc tells its script, one line a value.
UDHCPC_SCRIPT = """#!/bin/sh
[ "$1" = bound -o "$1" = renew ] || { echo "event=$1" >> "$OUT"; exit 0; }
ip address flush dev "$interface"
ip address add "$ip/$mask" broadcast "$broadcast" dev "$interface"
[ -n "$router" ] && ip route replace default via "$router"
echo "event=$1" >> "$OUT"
env >> "$OUT"
"""


class Lab:
    """The picture above."""

    def __init__(self, host, make_netns, net=LAB):
        self.host, self.net = host, net
        self.lan = Lan(host, net)
        self.service = Service(host)
        self.guests = {port["name"]: self.lan.plug(port["name"], make_netns(port["name"])) for port in net["ports"]}
        self.service.serve(net)


def udhcpc(guest, *options):
    """Gets a lease with busybox; what its script was told at last, as a dictionary."""
    script, out = guest.write("udhcpc.sh", UDHCPC_SCRIPT), guest.tmp / "udhcpc.out"
    script.chmod(0o755)
    out.unlink(missing_ok=True)
    guest.run("busybox", "udhcpc", "-f", "-n", "-q", "-t", "5", "-T", "1", "-i", "eth0", "-s", script, *options,
              env={"OUT": str(out)})
    return told(out)


def told(out):
    return dict(line.split("=", 1) for line in out.read_text().splitlines() if "=" in line)


class Wire:
    """The end of a guest's cable."""

    def __init__(self, guest):
        self.mac = guest.json("ip", "-j", "link", "show", "dev", "eth0")[0]["address"]
        self.line = in_netns(guest, self._open)

    @staticmethod
    def _open():
        line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        line.bind(("eth0", 0x0800))
        line.settimeout(3)
        return line

    def bytes(self):
        return bytes.fromhex(self.mac.replace(":", ""))

    def request(self, kind, source="0.0.0.0", destination="255.255.255.255", options=(), flags=0,
                to="ff:ff:ff:ff:ff:ff", **fields):
        return (Ether(src=self.mac, dst=to) / IP(src=source, dst=destination) / UDP(sport=68, dport=67) /
                BOOTP(chaddr=self.bytes(), xid=0x1234, flags=flags, **fields) /
                DHCP(options=[("message-type", kind), *options, "end"]))

    def ask(self, packet):
        """Sends and returns the next DHCP reply, its checksums verified; None when none comes."""
        self.line.send(raw(packet))
        try:
            while True:
                reply = Ether(self.line.recv(4096))
                if BOOTP in reply and reply[BOOTP].op == 2:
                    return checked(reply)
        except TimeoutError:
            return None


def checked(reply):
    """The reply, after scapy has come to the same checksums."""
    again = Ether(raw(reply))
    del again[IP].chksum, again[UDP].chksum
    again = Ether(raw(again))
    assert (again[IP].chksum, again[UDP].chksum) == (reply[IP].chksum, reply[UDP].chksum)
    assert reply[UDP].chksum != 0 and (reply[UDP].sport, reply[UDP].dport) == (67, 68)
    return reply


def options(reply):
    return dict(option[:2] for option in reply[DHCP].options if isinstance(option, tuple))
