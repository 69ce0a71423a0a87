# SPDX-License-Identifier: MIT
"""`tapnet watch`: be the program at the other end of a device.

      host                                        the other end
    +---------------------------+               +----------------------------+
    | ping 192.168.3.12 -- tun1 |== packets ===>| tapnet watch tun1          |
    |         192.168.3.11/24   |<== answers ===|   --answer ping            |
    +---------------------------+               +----------------------------+
"""

import random
import re
import signal
import struct
import subprocess
import time

import pytest
from scapy.all import (ARP, Dot1Q, Ether, ICMP, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
                       ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IP, IPOption_NOP, IPv6, IPv6ExtHdrHopByHop, Raw,
                       TCP, UDP)

from tapnet_test.build import program
from tapnet_test.snapshot import assert_same, snapshot
from watching import end, ping

TIME = r"\d\d:\d\d:\d\d\.\d{6} "
GUEST, US = "52:54:00:00:00:07", "02:00:00:00:00:01"


# ---- the classic experiment ----

def test_four_requests_are_seen_and_none_is_answered(host, watch):
    child = watch("tun1", "--address", "192.168.3.11/24")
    assert ping(host, "192.168.3.12") == 0
    lines, statistics = end(child)
    requests = [line for line in lines if "ICMP echo request" in line]
    assert len(requests) == 4 and statistics.endswith("0 answered")
    assert re.fullmatch(TIME + r"IP 192\.168\.3\.11 > 192\.168\.3\.12: ICMP echo request, id \d+, seq 1, length 64",
                        requests[0])


def test_with_answer_ping_there_are_four_replies(host, watch):
    child = watch("tun1", "--address", "192.168.3.11/24", "--answer", "ping")
    assert ping(host, "192.168.3.12") == 4
    assert end(child)[1].endswith("4 answered")


def test_on_a_tap_the_host_asks_who_has_it_first(host, watch):
    child = watch("tap1", "--address", "192.168.4.11/24", "--address", "fd00:4::1/64", "--answer", "arp,ping,ndp")
    assert ping(host, "192.168.4.12", 2) == 2
    assert ping(host, "fd00:4::12", 2) == 2
    mac = host.json("ip", "-j", "neigh", "show", "192.168.4.12", "dev", "tap1")[0]["lladdr"]
    assert mac != host.json("ip", "-j", "link", "show", "tap1")[0]["address"]
    lines, _ = end(child)
    assert any("ARP, Request who-has 192.168.4.12 tell 192.168.4.11, length 28" in line for line in lines)
    assert any("ICMP6, neighbor solicitation, who has fd00:4::12, length 32" in line for line in lines)


def test_a_ping_alone_is_not_enough_on_a_tap(host, tapnet):
    for kind, hinted in (("tap", True), ("tun", False)):
        answer = tapnet("watch", f"{kind}1", "--answer", "ping", "--for", "0.1")
        assert ("`--answer arp,ndp,ping`" in answer.stderr) == hinted


# ---- a port of a network ----

def test_the_guest_of_a_port_has_its_mac_and_its_address(world, host, watch, tapnet):
    """The guards let the port's own MAC and address through and no other: so must we have them."""
    port = '{ mac: "52:54:00:00:00:06" }'
    tapnet("up", tapnet.file("networks: { lab: { subnet: 10.20.0.1/24, ports: { web: %s } } }" % port))
    [port] = tapnet.status("lab")["ports"]
    child = watch("lab-web", "--answer", "arp,ping")
    assert ping(host, port["addresses"][0], 1) == 0
    end(child)
    child = watch("lab-web", "--answer", "arp,ping", "--guest-mac", port["mac"])
    assert ping(host, port["addresses"][0], 2) == 2
    assert ping(host, "10.20.0.99", 1) == 0
    end(child)
    tapnet("down", "lab")


# ---- the device ----

def test_a_device_that_it_made_goes_with_it(host, watch, tapnet):
    before = snapshot(host, run_dir=tapnet.run_dir)
    child = watch("tun1", "--address", "192.168.3.11/24")
    link = host.json("ip", "-d", "-j", "addr", "show", "tun1")[0]
    assert "LOWER_UP" in link["flags"] and link["linkinfo"]["info_data"]["persist"] is False
    child.kill()
    child.wait()
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


def test_one_that_is_there_stays_as_it_was(host, watch, tapnet):
    tapnet("device", "add", "vm0", "--up", "--address", "192.168.5.1/24")
    before = settings(tapnet, "vm0")
    child = watch("vm0", "--answer", "arp,ping")
    assert ping(host, "192.168.5.2", 1) == 1
    end(child)
    assert settings(tapnet, "vm0") == before
    tapnet("device", "del", "vm0")


def settings(tapnet, name):
    """All that is shown of a device but its traffic, and the address that the kernel makes when it is plugged in."""
    [device] = tapnet.json("device", "show", name)["devices"]
    device["addresses"] = [address for address in device["addresses"] if not address.startswith("fe80:")]
    return {key: value for key, value in device.items() if key != "counters"}


def test_one_that_somebody_holds_names_the_holder(host, watch, tapnet):
    child = watch("tun1")
    answer = tapnet("watch", "tun1", check=False)
    assert answer.returncode == 1 and f"({child.pid})" in answer.stderr


def test_it_ends_when_the_device_does(host, watch):
    child = watch("tun1")
    host.run("ip", "link", "del", "tun1")
    _, errors = child.communicate(timeout=10)
    assert child.returncode == 1 and "the device is gone" in errors


def test_an_address_that_would_cut_off_others_is_refused(host, tapnet):
    host.run("ip", "link", "add", "lan0", "type", "bridge")
    host.run("ip", "link", "set", "lan0", "up")
    host.run("ip", "addr", "add", "192.168.3.1/24", "dev", "lan0")
    before = snapshot(host, run_dir=tapnet.run_dir)
    for address in ("192.168.3.11/24", "192.168.0.1/16", "192.168.3.129/25"):
        answer = tapnet("watch", "tun1", "--address", address, "--for", "0.1", check=False)
        assert answer.returncode == 1
        assert f"{address} overlaps 192.168.3.0/24, which this host reaches by lan0" in answer.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
    tapnet("watch", "tun1", "--address", "192.168.4.11/24", "--for", "0.1")


def test_one_that_is_down_is_told(host, tapnet):
    tapnet("device", "add", "tun5")
    answer = tapnet("watch", "tun5", "--for", "0.1")
    assert "tun5 is down" in answer.stderr and "0 packets" in answer.stderr
    answer = tapnet("watch", "tun5", "--for", "0.1", "--quiet")
    assert (answer.stdout, answer.stderr) == ("", "")
    tapnet("device", "del", "tun5")


def test_packets_that_a_holder_takes_with_a_vnet_header_are_read_too(host, watch, tapnet):
    """A second queue of a device whose first holder wants GSO packets: each is one line."""
    tapnet("device", "add", "mq0", "--kind", "tun", "--multi-queue", "--up", "--address", "192.168.6.1/24")
    hold = host.popen("/usr/bin/python3", "-c", """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"mq0", 0x1 | 0x1000 | 0x4000 | 0x100))
print("held", flush=True)
sys.stdin.read()""", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert hold.stdout.readline() == "held\n"
    child = host.popen(tapnet.program, "watch", "mq0", "--answer", "ping", stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True)
    assert "one queue of several" in child.stderr.readline()
    assert child.stderr.readline().startswith("watching")
    for flow in range(6):
        ping(host, f"192.168.6.{flow + 2}", 1)
    lines, _ = end(child)
    requests = [line for line in lines if "echo request" in line]
    assert requests and all("192.168.6.1 > 192.168.6." in line for line in requests)
    hold.communicate("")
    tapnet("device", "del", "mq0")


# ---- how it ends ----

def test_count_and_for_end_it(host, watch, tapnet):
    child = watch("tun1", "--address", "192.168.3.11/24", "--count", "3")
    ping(host, "192.168.3.12", 3)
    lines, statistics = end(child, None)
    assert len(lines) == 3 and statistics.startswith("3 packets")
    start = time.monotonic()
    tapnet("watch", "tun1", "--for", "0.3")
    assert 0.3 <= time.monotonic() - start < 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_with_its_statistics(watch, number):
    assert "packet" in end(watch("tun1"), number)[1]


def test_nobody_reads_any_more(host, tapnet):
    done = host.run("sh", "-c", f"{tapnet.program} watch tun1 --address 192.168.3.11/24 --for 5 | head -1 & sleep 0.3; "
                    "ping -c 3 -i 0.2 -W 0.2 192.168.3.12 > /dev/null; wait", check=False, timeout=4.5)
    assert "cannot" not in done.stderr


@pytest.mark.parametrize("words, told", [
    (["tun1", "--answer", "arp,pong"], "--answer is a list out of arp, ping, ndp, not 'arp,pong'"),
    (["tun1", "--answer", ""], "--answer is a list"),
    (["tun1", "--count", "0"], "--count is a number of packets, 1 or more, not '0'"),
    (["tun1", "--count", "-1"], "--count is"), (["tun1", "--for", "soon"], "--for is a number of seconds"),
    (["tun1", "--for", "nan"], "--for is"), ([], "DEVICE is missing"),
    (["tun1", "--address", "192.168.3.11"], "192.168.3.11"),
    (["tap1", "--guest-mac", "52:54"], "--guest-mac is like 52:54:00:00:00:07, not '52:54'"),
    (["tap1", "--guest-mac", "01:00:5e:00:00:01"], "nobody has the MAC of a group"),
    (["tun1", "--guest-mac", "52:54:00:00:00:07"], "a TUN has no MACs"),
])
def test_bad_words_touch_nothing(host, tapnet, words, told):
    before = snapshot(host, run_dir=tapnet.run_dir)
    answer = tapnet("watch", *words, check=False)
    assert answer.returncode == 2 and told in answer.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))


# ---- scapy judges ----

def tool(command, kind, packets):
    data = b"".join(struct.pack(">I", len(packet)) + bytes(10) + packet for packet in map(bytes, packets))
    done = subprocess.run([program("tests/system/packet_tool"), command, kind], input=data, capture_output=True,
                          check=True)
    return done.stdout


def answer(kind, packet):
    """The answer as scapy reads it with every checksum computed anew; None when there is none."""
    data = tool("answer", kind, [packet])
    if not data:
        return None
    data = data[14:]
    first = Ether if kind == "tap" else IP if data[0] >> 4 == 4 else IPv6
    again = first(data)
    for layer in again.layers():
        for field in ("chksum", "cksum"):
            if field in again[layer].fields:
                delattr(again[layer], field)
    assert bytes(first(bytes(again))) == data, "scapy computes other checksums"
    return first(data)


def link(kind, destination=US):
    return Ether(src=GUEST, dst=destination) if kind == "tap" else None


def on(kind, packet, destination=US):
    return link(kind, destination) / packet if kind == "tap" else packet


@pytest.mark.parametrize("kind", ["tun", "tap"])
def test_pings_of_any_size_are_answered_with_their_payload(kind):
    dice = random.Random(4)
    for size in [0, 1, 2, 55, 56, 1472, 9000, 65000] + [dice.randrange(2000) for _ in range(20)]:
        payload = dice.randbytes(size)
        four = answer(kind, on(kind, IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(id=7, seq=9) / Raw(payload)))
        assert (four[IP].src, four[IP].dst, four[ICMP].type) == ("10.0.0.2", "10.0.0.1", 0)
        assert (four[ICMP].id, four[ICMP].seq, bytes(four[ICMP].payload)) == (7, 9, payload)
        six = answer(kind, on(kind, IPv6(src="fd00::1", dst="fd00::2") / ICMPv6EchoRequest(id=7, seq=9, data=payload)))
        assert (six[IPv6].src, six[IPv6].dst, six[ICMPv6EchoReply].data) == ("fd00::2", "fd00::1", payload)
        if kind == "tap":
            assert (four.src, four.dst, six.src, six.dst) == (US, GUEST, US, GUEST)


def test_what_comes_in_a_vlan_is_answered_in_it():
    found = answer("tap", link("tap") / Dot1Q(vlan=5) / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP())
    assert found[Dot1Q].vlan == 5 and found[ICMP].type == 0


def test_options_and_extension_headers_are_not_sent_back():
    four = answer("tun", IP(src="10.0.0.1", dst="10.0.0.2", options=[IPOption_NOP()] * 4) / ICMP() / Raw(b"x"))
    six = answer("tun", IPv6(src="fd00::1", dst="fd00::2") / IPv6ExtHdrHopByHop() / ICMPv6EchoRequest())
    assert four[IP].ihl == 5 and six[IPv6].nh == 58


def test_who_asks_for_an_address_is_told_ours():
    found = answer("tap", on("tap", ARP(op=1, hwsrc=GUEST, psrc="10.0.0.1", pdst="10.0.0.2"), "ff:ff:ff:ff:ff:ff"))
    assert (found[ARP].op, found[ARP].hwsrc, found[ARP].psrc) == (2, US, "10.0.0.2")
    assert (found[ARP].hwdst, found[ARP].pdst, found.dst) == (GUEST, "10.0.0.1", GUEST)
    asked = IPv6(src="fd00::1", dst="ff02::1:ff00:2") / ICMPv6ND_NS(tgt="fd00::2") / ICMPv6NDOptSrcLLAddr(lladdr=GUEST)
    found = answer("tap", on("tap", asked, "33:33:ff:00:00:02"))
    assert (found[ICMPv6ND_NA].S, found[ICMPv6ND_NA].O, found[ICMPv6ND_NA].R) == (1, 1, 0)
    assert (found[ICMPv6ND_NA].tgt, found[ICMPv6NDOptDstLLAddr].lladdr) == ("fd00::2", US)
    assert (found[IPv6].src, found[IPv6].dst, found[IPv6].hlim) == ("fd00::2", "fd00::1", 255)


SILENCE = {
    "an announcement": ("tap", ARP(op=1, hwsrc=GUEST, psrc="10.0.0.1", pdst="10.0.0.1")),
    "a probe for a duplicate": ("tap", ARP(op=1, hwsrc=GUEST, psrc="0.0.0.0", pdst="10.0.0.2")),
    "an ARP reply": ("tap", ARP(op=2, hwsrc=GUEST, psrc="10.0.0.1", pdst="10.0.0.2")),
    "ARP for a multicast address": ("tap", ARP(op=1, hwsrc=GUEST, psrc="10.0.0.1", pdst="224.0.0.1")),
    "duplicate address detection": ("tap", IPv6(src="::", dst="ff02::1:ff00:2") / ICMPv6ND_NS(tgt="fd00::2")),
    "a solicitation from afar": ("tap", IPv6(src="fd00::1", dst="fd00::2", hlim=254) / ICMPv6ND_NS(tgt="fd00::2")),
    "a ping to a multicast group": ("tun", IP(src="10.0.0.1", dst="224.0.0.1") / ICMP()),
    "a ping to all": ("tun", IP(src="10.0.0.1", dst="255.255.255.255") / ICMP()),
    "a ping to all nodes": ("tun", IPv6(src="fd00::1", dst="ff02::1") / ICMPv6EchoRequest()),
    "a ping from nowhere": ("tun", IP(src="0.0.0.0", dst="10.0.0.2") / ICMP()),
    "a ping from a group": ("tun", IP(src="224.0.0.1", dst="10.0.0.2") / ICMP()),
    "a fragment": ("tun", IP(src="10.0.0.1", dst="10.0.0.2", flags="MF") / ICMP() / Raw(b"x" * 8)),
    "a wrong checksum": ("tun", IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(chksum=1)),
    "an echo reply": ("tun", IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(type=0)),
    "TCP": ("tun", IP(src="10.0.0.1", dst="10.0.0.2") / TCP()),
}


@pytest.mark.parametrize("what", SILENCE)
def test_what_is_not_answered(what):
    kind, packet = SILENCE[what]
    assert answer(kind, on(kind, packet)) is None


@pytest.mark.parametrize("packet", [
    IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(), ARP(op=1, hwsrc=GUEST, psrc="10.0.0.1", pdst="10.0.0.2"),
    IPv6(src="fd00::1", dst="fd00::2") / ICMPv6ND_NS(tgt="fd00::2")])
def test_frames_for_another_mac_are_not_answered(packet):
    assert answer("tap", on("tap", packet, "02:00:00:00:00:02")) is None
    assert answer("tap", on("tap", packet)) is not None


def test_nobody_answers_a_group_as_sender():
    packet = Ether(src="01:00:5e:00:00:01", dst=US) / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP()
    assert answer("tap", packet) is None


# ---- tcpdump beside us ----

def test_lines_say_what_tcpdump_says(host, watch):
    """The same packets, by both: addresses, ports, flags, numbers and lengths are the same."""
    child = watch("tap1", "--address", "192.168.4.11/24", "--address", "fd00:4::1/64", "--answer", "arp,ndp,ping")
    dump = host.popen("tcpdump", "-n", "-l", "-t", "-S", "-Q", "out", "-i", "tap1", stdout=subprocess.PIPE,
                      stderr=subprocess.PIPE, text=True)
    said = "nothing"
    while "listening on" not in said:
        last, said = said, dump.stderr.readline()
        if not said:
            pytest.skip(f"tcpdump does not run here, it said {last}")  # it wants another user to become
    ping(host, "192.168.4.12", 2)
    ping(host, "fd00:4::12", 2)
    host.run("timeout", "0.5", "bash", "-c", "echo > /dev/tcp/192.168.4.13/80", check=False)
    host.run("bash", "-c", "echo hello > /dev/udp/192.168.4.13/99", check=False)
    time.sleep(0.5)
    lines, _ = end(child)
    dump.terminate()
    theirs = dump.communicate()[0].splitlines()
    ours = [re.sub("^" + TIME, "", line) for line in lines]
    telling = [line for line in theirs if re.search(r"echo request|ARP, Request|who has|UDP|Flags", line)]
    assert len(telling) >= 7
    for line in telling:
        line = re.sub(r", options \[.*?\]", "", line)
        line = re.sub(r"(who has [0-9a-f:]+), length", r"\1, length", line)
        assert line in ours, f"tcpdump says {line}; we say {ours}"


def test_random_bytes_are_a_line_each():
    dice = random.Random(7)
    packets = [dice.randbytes(dice.randrange(1, 200)) for _ in range(500)]
    valid = bytearray(bytes(IP(src="10.0.0.1", dst="10.0.0.2") / UDP() / Raw(b"x" * 30)))
    for _ in range(500):
        changed = bytearray(valid)
        changed[dice.randrange(len(changed))] = dice.randrange(256)
        packets.append(bytes(changed[:dice.randrange(1, len(changed) + 1)]))
    for kind in ("tun", "tap"):
        assert len(tool("print", kind, packets).splitlines()) == 1000
