# SPDX-License-Identifier: MIT
"""One guest sends as much as it can; the other one's DHCP and DNS are served as before.

      host under test                                   outside
    +----------------------------------------------+  +-----------+
    | this test -- lab-web ---+                    |  |           |
    | plays all               +-- br-lab -- NAT -- eth0 -- DNS    |
    | guests    -- lab-db  ---+                  | |  |           |
    |           -- office-pc ---- br-office -----+ |  |           |
    +----------------------------------------------+  +-----------+
"""

import os
import random
import statistics
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRROPT
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import (ICMPv6MLReport, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS,
                                ICMPv6NDOptDstLLAddr, ICMPv6NDOptPrefixInfo, ICMPv6NDOptSrcLLAddr, IPv6)
from scapy.layers.l2 import Ether
from tap_guest import Guest
from tapnet_test.build import program, sanitized
from tapnet_test.processes import named
from tapnet_test.service import in_netns
from tapnet_test.waiting import wait_for

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web: { address: 10.20.0.6, mac: "52:54:00:00:00:06" }
      db: { address: 10.20.0.7, mac: "52:54:00:00:00:07" }
  office:
    subnet: 10.30.0.1/24
    ports: { pc: { address: 10.30.0.8, mac: "52:54:00:00:00:08" } }
"""


class Flood:
    """Writes the frames over and over, as fast as one thread can, while it is entered; reads nothing."""

    def __init__(self, guest, frames):
        self.guest, self.frames, self.sent, self.over = guest, [bytes(frame) for frame in frames], 0, False
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.over:
            for frame in self.frames:
                os.write(self.guest.fd, frame)
            self.sent += len(self.frames)

    def __enter__(self):
        self.thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()


def plug(host, network, port, mac, address):
    bridge_mac = host.json("ip", "-j", "link", "show", f"br-{network}")[0]["address"]
    gateway = address.rsplit(".", 1)[0] + ".1"
    return in_netns(host, lambda: Guest(f"{network}-{port}", mac, address, gateway, bridge_mac))


@pytest.fixture
def guests(world, tapnet):
    tapnet("up", tapnet.file(LAB))
    made = [plug(world.host, "lab", "web", "52:54:00:00:00:06", "10.20.0.6"),
            plug(world.host, "lab", "db", "52:54:00:00:00:07", "10.20.0.7"),
            plug(world.host, "office", "pc", "52:54:00:00:00:08", "10.30.0.8")]
    for guest in made:  # until the bridge's port is there
        wait_for(lambda guest=guest: guest.offer(0.3) == guest.address)
    yield made
    for guest in made:
        os.close(guest.fd)
    tapnet("down", "--all")


def counted(host, chain, comment):
    """Packets of the rule whose comment begins so."""
    listed = host.json("nft", "-j", "list", "chain", "bridge", "tapnet", chain)["nftables"]
    (rule,) = [entry["rule"] for entry in listed if entry.get("rule", {}).get("comment", "").startswith(comment)]
    return next(each["counter"]["packets"] for each in rule["expr"] if "counter" in each)


def test_a_flood_of_dhcp_requests(world, guests):
    web, db, _pc = guests
    with Flood(web, [web.discover_frame()]) as flood:
        for _ in range(10):
            assert db.offer() == "10.20.0.7"
    assert flood.sent > 2000
    dropped = (counted(world.host, "prerouting", "more to groups") + counted(world.host, "dhcp", "more DHCP requests"))
    assert dropped > flood.sent - 400
    time.sleep(2.1)  # what web may send flows back
    list(web.receive(0.1))
    assert web.offer() == "10.20.0.6"


def test_a_flood_of_dns_queries(world, guests):
    """The flooder answers no ARP either, so that what it is answered waits in the service's socket."""
    web, db, _pc = guests
    assert db.answer(1) == "192.0.2.1"
    start = time.monotonic()
    with Flood(web, [web.query_frame(number) for number in range(500)]) as flood:
        for number in range(2, 32):
            assert db.answer(number) == "192.0.2.1"
    let_through = flood.sent - counted(world.host, "from_port_ip4", "more DNS queries")
    assert flood.sent > 5000
    assert 1000 <= let_through < 1000 + 550 * (time.monotonic() - start)


def test_down_takes_what_the_kernel_remembers_of_ports(world, guests, tapnet):
    kept = world.host.run("nft", "list", "set", "bridge", "tapnet", "dhcp_rate").stdout
    assert "lab-web" in kept and "lab-db" in kept
    assert tapnet("plan", tapnet.file(LAB)).returncode == 0  # which is no difference
    tapnet("down", "--all")
    assert world.host.run("nft", "list", "ruleset").stdout == ""


# ---- what no client sends ----

def dhcp_frames(guest):
    """Of every kind that a client has, and some that it has not."""
    mac = bytes.fromhex(guest.mac.replace(":", ""))
    for number, kind in enumerate(("discover", "request", "decline", "release", "inform", "offer", "ack")):
        for options in ([], [("hostname", "h" * 60), ("param_req_list", list(range(1, 60)))],
                        [("requested_addr", "10.20.0.7"), ("server_id", "10.20.0.1"), ("client_id", b"\1" + mac)],
                        [("vendor_class_id", "\x1b[31m" * 20), ("client_FQDN", b"\0\0\0x.y")]):
            yield (Ether(dst="ff:ff:ff:ff:ff:ff", src=guest.mac) / IP(src="0.0.0.0", dst="255.255.255.255") /
                   UDP(sport=68, dport=67, chksum=0) / BOOTP(chaddr=mac, xid=number, giaddr="10.20.0.7") /
                   DHCP(options=[("message-type", kind), *options, "end"]))


def dns_frames(guest):
    questions = [DNSQR(qname=name, qtype=kind) for kind in ("A", "AAAA", "TXT", "PTR", "ANY", "AXFR", "OPT")
                 for name in ("web.lab", "db", "outside.example", "7.0.20.10.in-addr.arpa", "x" * 63 + ".example",
                              ".".join("abcdefghijklmnopqrstuvwxyz" * 4))]
    for number, question in enumerate(questions):
        yield (Ether(dst=guest.gateway_mac, src=guest.mac) / IP(src=guest.address, dst=guest.gateway) /
               UDP(sport=1024 + number, dport=53, chksum=0) /
               DNS(id=number, rd=1, qd=question, ar=DNSRROPT(rclass=4096) if number % 2 else None))


def icmp6_frames(guest):
    """A router, a neighbour, and somebody who joins groups."""
    source = "fe80::5054:ff:fe00:6"
    for packet in (ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=guest.mac),
                   ICMPv6ND_NS(tgt="fe80::1") / ICMPv6NDOptSrcLLAddr(lladdr=guest.mac),
                   ICMPv6ND_NA(tgt="fe80::1", R=1, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=guest.mac),
                   ICMPv6ND_RA(routerlifetime=1800, M=1, O=1) / ICMPv6NDOptSrcLLAddr(lladdr=guest.mac) /
                   ICMPv6NDOptPrefixInfo(prefix="2001:db8::", prefixlen=64), ICMPv6MLReport(mladdr="ff02::4711")):
        for destination in ("ff02::1", "ff02::2", "fe80::1"):
            yield Ether(dst="33:33:00:00:00:01", src=guest.mac) / IPv6(src=source, dst=destination, hlim=255) / packet


FUZZED = {"dhcp": dhcp_frames, "dns": dns_frames, "icmp6": icmp6_frames}
SECONDS = 4


def flood(host, guest, frames, seed):
    """The tool beside us, in the guest's place."""
    os.close(guest.fd)
    guest.fd = os.open("/dev/null", os.O_RDWR)
    frames = [bytes(frame) for frame in frames]
    tool = host.popen(program("tests/system/flood_tool"), "lab-web", SECONDS, seed, stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE)
    tool.stdin.write(b"".join(struct.pack(">H", len(frame)) + frame for frame in frames))
    tool.stdin.close()
    return tool


def usage(pid):
    """Seconds of a processor, and KiB at most, so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(status["VmHWM"].split()[0])


def timed(question, expected):
    start = time.monotonic()
    assert question() == expected
    return time.monotonic() - start


@pytest.mark.parametrize("kinds", [[kind] for kind in FUZZED] + [list(FUZZED)], ids=[*FUZZED, "all"])
def test_fuzzed_frames_as_fast_as_they_go(world, guests, tapnet, kinds):
    """Mutated from valid ones. The service lives, takes what the port's limit lets through and no more, and writes no
    line a packet; others are served as before. (What is for a group of IPv6 goes to all of a network: who is on it has
    to take it, so the one who is asked then is on another.)"""
    seed = int(os.environ.get("FLOOD_SEED") or random.randrange(1 << 32))
    print("seed", seed)
    web, other = guests[0], guests[2 if "icmp6" in kinds else 1]
    service, = named(world.host, "tapnet-service")
    log = next(tapnet.run_dir.glob("*/service.log"))
    lines, (used, _) = log.read_text().count("\n"), usage(service)
    tool = flood(world.host, web, [frame for kind in kinds for frame in FUZZED[kind](web)], seed)
    start, offers, answers = time.monotonic(), [], []
    while tool.poll() is None:
        offers.append(timed(other.offer, other.address))
        answers.append(timed(lambda: other.answer(10 + len(answers)), "192.0.2.1"))
        time.sleep(0.1)  # so that the other stays below its own limit
    sent, seconds = int(tool.stdout.read()), time.monotonic() - start
    lines, (after, peak) = log.read_text().count("\n") - lines, usage(service)
    print(f"{sent / SECONDS:.0f} frames a second; the service used {(after - used) / seconds:.1%} of a processor, "
          f"{peak} KiB, {lines} lines; "
          f"offers after {statistics.median(offers) * 1000:.1f} ms ({max(offers) * 1000:.0f} at most), "
          f"answers after {statistics.median(answers) * 1000:.1f} ms ({max(answers) * 1000:.0f})")
    slow = sanitized("tapnet-service")
    assert sent > 5000 * SECONDS
    assert named(world.host, "tapnet-service") == [service]
    assert (after - used) / seconds < (0.9 if slow else 0.3)
    assert slow or peak < 6 * 1024
    assert lines < 20 + 10 * seconds
    assert len(offers) > SECONDS and max(offers + answers) < 1 and statistics.median(offers + answers) < 0.1
