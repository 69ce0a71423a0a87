# SPDX-License-Identifier: MIT
"""`tapnet watch --write` and `--replay`: captures that others read, and captures of others.

      host                                    the other end
    +----------------------------+          +---------------------------------+
    | ping 192.168.3.12 --- tun1 |== out ==>| tapnet watch tun1               |--> FILE, or a pipe to tcpdump
    |          192.168.3.11/24   |<== in ===|   --write FILE --replay FILE    |<-- FILE of tcpdump or scapy
    +----------------------------+          +---------------------------------+
"""

import os
import pty
import shutil
import signal
import struct
import subprocess
import time

import pytest
from scapy.all import ARP, Ether, ICMP, IP, IPv6, PcapNgReader, Raw, UDP, wrpcap, wrpcapng

from tapnet_test.listener import Listener
from tapnet_test.snapshot import assert_same, snapshot
from watching import end, ping

US, THEM = "192.168.3.12", "192.168.3.11"
DEVICE = ("tun1", "--address", THEM + "/24")


def tcpdump(host, path):
    return host.run("tcpdump", "-n", "-tt", "-r", path).stdout.splitlines()


@pytest.fixture
def tcpdump_runs(tmp_path):
    """In a user namespace it can't become its own user, and ends at once."""
    wrpcap(str(tmp_path / "one.pcap"), IP())
    done = subprocess.run(["tcpdump", "-n", "-r", tmp_path / "one.pcap"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"tcpdump does not run here: {done.stderr.splitlines()[-1]}")


# ---- write ----

def test_tcpdump_and_scapy_read_what_it_writes(host, watch, tcpdump_runs, tmp_path):
    file = tmp_path / "ping.pcapng"
    child = watch(*DEVICE, "--answer", "ping", "--write", file)
    before = time.time()
    assert ping(host, US) == 4
    lines, _ = end(child)
    said = [line for line in tcpdump(host, file) if "ICMP echo" in line]
    assert [("request" in line) for line in said] == [True, False] * 4
    assert all(before < float(line.split()[0]) < time.time() for line in said)
    texts = {line.split(" ", 1)[1] for line in said}
    assert {line.split(" ", 1)[1] for line in lines if "ICMP echo" in line} <= texts
    packets = [packet for packet in PcapNgReader(str(file)) if ICMP in packet]
    assert [(packet[IP].src, packet[ICMP].type) for packet in packets] == [(THEM, 8), (US, 0)] * 4


def test_a_pipe_has_the_capture_and_standard_error_the_text(host, tapnet, tcpdump_runs):
    done = host.run("bash", "-c", f"{tapnet.program} watch tun1 --address {THEM}/24 -w - --for 2 2>/dev/stderr"
                    f"| tcpdump -n -r - & sleep 0.5; ping -c 2 -i 0.2 -W 0.2 {US} > /dev/null; wait", check=False)
    assert done.stdout.count("ICMP echo request") == 2
    assert done.stderr.count("ICMP echo request") == 2 and "packets" in done.stderr


def test_what_arrives_is_in_the_pipe_at_once(host, tapnet, tcpdump_runs):
    child = host.popen("bash", "-c", f"exec {tapnet.program} watch tun1 --address {THEM}/24 -q -w - "
                       "> >(tcpdump -l -n -r - 2> /dev/null)", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True)
    for _ in range(200):
        if THEM in host.run("ip", "address", "show", "tun1", check=False).stdout:
            break
        time.sleep(0.02)
    ping(host, US, 1)
    line = child.stdout.readline()
    while "echo request" not in line:
        assert line
        line = child.stdout.readline()
    assert f"{THEM} > {US}" in line
    child.terminate()


def test_who_reads_the_pipe_may_go(host, tapnet):
    done = host.run("bash", "-c", f"{tapnet.program} watch tun1 --address {THEM}/24 -w - --for 5 | head -c 24 "
                    f"> /dev/null & sleep 0.3; ping -c 3 -i 0.2 -W 0.2 {US} > /dev/null; wait", check=False,
                    timeout=4.5)
    assert "cannot" not in done.stderr


def test_no_capture_is_written_to_a_terminal(host, tapnet):
    leader, follower = pty.openpty()
    child = host.popen(tapnet.program, "watch", *DEVICE, "-w", "-", stdout=follower, stderr=subprocess.PIPE, text=True)
    _, errors = child.communicate(timeout=10)
    os.close(leader)
    os.close(follower)
    assert child.returncode == 2 and "terminal" in errors and "wireshark -k -i -" in errors


def test_a_disk_that_is_full_ends_it(host, watch):
    with pytest.raises(AssertionError, match="No space left"):
        watch(*DEVICE, "--write", "/dev/full")


def test_a_disk_that_becomes_full_ends_it(host, watch, tmp_path):
    host.run("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", tmp_path)
    child = watch(*DEVICE, "--write", tmp_path / "a.pcapng")
    host.run("ping", "-c", "4", "-i", "0.2", "-W", "0.2", "-s", "1400", US, check=False)
    _, errors = child.communicate(timeout=10)
    assert child.returncode == 1 and "a.pcapng: No space left" in errors and "packets (" in errors


def test_the_file_is_touched_only_when_there_is_something_to_watch(host, tapnet, watch, tmp_path):
    child = watch("tun1")
    old, new = tmp_path / "old.pcapng", tmp_path / "new.pcapng"
    old.write_text("dear")
    for file in (old, new):
        assert tapnet("watch", "tun1", "-w", file, check=False).returncode == 1
    assert old.read_text() == "dear" and not new.exists()
    end(child)
    tapnet("watch", "tun1", "-w", old, "--for", "0.1")
    assert old.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"


def test_segments_that_are_still_to_be_cut_are_one_line_and_one_packet(host, watch, tapnet, tmp_path):
    """A device with offloads has one holder; we are its second queue, and get some of the flows."""
    file = tmp_path / "large.pcapng"
    tapnet("device", "add", "mq0", "--kind", "tun", "--multi-queue", "--up", "--address", "192.168.6.1/24")
    hold = host.popen("/usr/bin/python3", "-c", """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"mq0", 0x1 | 0x1000 | 0x4000 | 0x100))
try:
    fcntl.ioctl(fd, 0x400454d0, 0x01 | 0x02 | 0x04 | 0x20 | 0x40)
except OSError:
    print("no USO", flush=True)
print("held", flush=True)
sys.stdin.read()""", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if hold.stdout.readline() != "held\n":
        pytest.skip("this kernel hands out no UDP segments (Linux 6.2)")
    child = host.popen(tapnet.program, "watch", "mq0", "-w", file, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True)
    assert "one queue of several" in child.stderr.readline() and child.stderr.readline().startswith("watching")
    host.run("/usr/bin/python3", "-c", """
import socket
for port in range(2000, 2040):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(17, 103, 1000)  # UDP_SEGMENT
    s.sendto(bytes(4500), ("192.168.6.2", port))""")
    lines, _ = end(child)
    large = [line for line in lines if "UDP" in line]
    assert large and all(line.endswith("UDP, length 4500, in segments of 1000") for line in large)
    written = [packet[UDP].len for packet in PcapNgReader(str(file)) if UDP in packet]
    assert written == [4508] * len(large)
    hold.communicate("")
    tapnet("device", "del", "mq0")


def test_what_came_faster_than_it_was_read_is_told(host, watch, tmp_path):
    file = tmp_path / "lost.pcapng"
    child = watch(*DEVICE, "-w", file)
    child.send_signal(signal.SIGSTOP)
    host.run("/usr/bin/python3", "-c", f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(800):
    s.sendto(b"x", ("{US}", 9))""")
    sent = host.json("ip", "-s", "-j", "link", "show", "tun1")[0]["stats64"]["tx"]["dropped"]
    child.send_signal(signal.SIGCONT)
    time.sleep(0.3)
    _, statistics = end(child)
    assert sent >= 250 and f"; {sent} lost" in statistics


# ---- replay ----

def packets_of(kind):
    link = Ether(src="52:54:00:00:00:07", dst="ff:ff:ff:ff:ff:ff") if kind == "tap" else None
    packets = [IP(src=US, dst=THEM) / UDP(sport=7, dport=9) / Raw(bytes([size % 256]) * size) for size in (0, 1, 700)]
    packets.append(IPv6(src="fd00::1", dst="fd00::2") / UDP() / Raw(b"six"))
    return [link / packet if link else packet for packet in packets]


def write_pcapng(path, packets, order):
    """scapy's own writer knows Ethernet only, and this machine's byte order."""
    def block(number, body):
        return struct.pack(order + "II", number, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)

    data = block(0x0A0D0D0A, struct.pack(order + "IHHQ", 0x1A2B3C4D, 1, 0, 2**64 - 1))
    data += block(1, struct.pack(order + "HHI", 1 if Ether in packets[0] else 101, 0, 0))
    for packet in map(bytes, packets):
        head = struct.pack(order + "IIIII", 0, 0, 0, len(packet), len(packet))
        data += block(6, head + packet + bytes(-len(packet) % 4))
    with open(path, "wb") as file:
        file.write(data)


WRITERS = {
    "pcap": wrpcap,
    "pcap of the other byte order": lambda path, packets: wrpcap(path, packets, endianness=">"),
    "pcap with nanoseconds": lambda path, packets: wrpcap(path, packets, nano=True),
    "pcapng": lambda path, packets: write_pcapng(path, packets, "<"),
    "pcapng of the other byte order": lambda path, packets: write_pcapng(path, packets, ">"),
    "pcapng of scapy": wrpcapng,
}


@pytest.mark.parametrize("kind, form", [(kind, form) for kind in ("tun", "tap") for form in WRITERS
                                        if (kind, form) != ("tun", "pcapng of scapy")])
def test_every_form_arrives_byte_by_byte(host, watch, tmp_path, kind, form):
    file, packets = tmp_path / "given", packets_of(kind)
    WRITERS[form](str(file), packets)
    host.run("ip", "tuntap", "add", "tun1", "mode", kind)
    host.run("ip", "link", "set", "tun1", "up")
    listener = Listener(host, "tun1")
    child = watch("tun1", "--replay", file)
    found = listener.take(4)
    assert "; 4 replayed" in end(child)[1]
    assert [data for _, data in found] == [bytes(packet) for packet in packets]


def timed(times):
    packets = []
    for number, moment in enumerate(times):
        packet = IP(src=US, dst=THEM) / UDP(sport=number, dport=9)
        packet.time = 1700000000 + moment
        packets.append(packet)
    return packets


def replayed_times(host, watch, tmp_path, times, *words):
    file = tmp_path / "paced.pcap"
    wrpcap(str(file), timed(times))
    host.run("ip", "tuntap", "add", "tun1", "mode", "tun")
    host.run("ip", "link", "set", "tun1", "up")
    listener = Listener(host, "tun1")
    child = watch("tun1", "--replay", file, *words)
    found = listener.take(len(times))
    end(child)
    assert [IP(data)[UDP].sport for _, data in found] == list(range(len(times)))
    return [(moment - found[0][0]) / 1e9 for moment, _ in found]


def test_pauses_are_kept(host, watch, tmp_path):
    found = replayed_times(host, watch, tmp_path, [0, 0.3, 0.2, 0.9])  # the third is late: at once
    for moment, wanted in zip(found, [0, 0.3, 0.3, 0.9]):
        assert wanted - 0.1 < moment < wanted + 0.5, found  # of a machine that has other work


def test_fast_has_no_pauses(host, watch, tmp_path):
    found = replayed_times(host, watch, tmp_path, [0, 20, 4000], "--fast")
    assert found[-1] < 1


def test_the_host_answers_what_is_replayed(host, watch, tmp_path):
    file = tmp_path / "questions.pcap"
    mac, all_hosts = "52:54:00:00:00:07", "ff:ff:ff:ff:ff:ff"
    wrpcap(str(file), [Ether(src=mac, dst=all_hosts) / ARP(op=1, hwsrc=mac, psrc=US, pdst=THEM),
                       Ether(src=mac, dst=all_hosts) / IP(src=US, dst=THEM) / ICMP(id=77)])
    child = watch("tap1", "--address", THEM + "/24", "--replay", file, "--for", "1.5", "--answer", "arp")
    lines, statistics = end(child, None)
    assert any(f"ARP, Reply {THEM} is-at" in line for line in lines)
    assert any(f"IP {THEM} > {US}: ICMP echo reply, id 77" in line for line in lines)
    assert "; 2 replayed" in statistics


def test_its_own_capture_can_be_replayed(host, watch, tmp_path):
    first, second = tmp_path / "first.pcapng", tmp_path / "second.pcapng"
    child = watch(*DEVICE, "--answer", "ping", "-w", first)
    assert ping(host, US, 2) == 2
    end(child)
    child = watch(*DEVICE, "--replay", first, "--fast", "-w", second, "--for", "0.5")
    end(child, None)
    given = [bytes(packet) for packet in PcapNgReader(str(first))]
    sent = [bytes(packet) for packet in PcapNgReader(str(second))]
    assert len([packet for packet in given if packet in sent]) == len(given)


def test_what_the_kernel_or_the_file_has_not_whole_is_counted(host, watch, tmp_path):
    file = tmp_path / "odd.pcap"
    whole = bytes(IP(src=US, dst=THEM) / UDP())
    head = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 20, 101)
    records = [(whole, len(whole)), (b"\x90no IP at all", 13), (whole[:20], len(whole)), (b"", 0)]
    file.write_bytes(head + b"".join(struct.pack("<IIII", 0, 0, len(data), size) + data for data, size in records))
    child = watch(*DEVICE, "--replay", file, "--for", "0.3")
    assert "; 1 replayed, 1 refused by the kernel" in end(child, None)[1]


def pcap(link_type, packets=((b"x" * 40, 40),), magic=0xA1B2C3D4):
    head = struct.pack("<IHHIIII", magic, 2, 4, 0, 0, 65535, link_type)
    return head + b"".join(struct.pack("<IIII", 0, 0, size, size) + data for data, size in packets)


BROKEN = {
    "an empty file": (b"", "the file is empty", "tcpdump -w"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(99), "byte 0: neither pcapng nor pcap", "tcpdump -w"),
    "one that is cut off": (pcap(101, [(b"E" * 40, 40), (b"E" * 40, 90)]), "byte 136: the file is cut off",
                            "saves the packets before it"),
    "a huge packet": (pcap(101, [(b"", 0xFFFFFFF0)]), "byte 24: a packet of 4294967280 bytes", "tcpdump -w"),
    "Ethernet frames": (pcap(1), "byte 24: it holds Ethernet frames and the device is a TUN", "--kind tap"),
    "what `any` captured": (pcap(113), "byte 24: its packets are of link type 113", "capture on one interface"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_files_that_are_refused_touch_nothing(host, tapnet, tmp_path, what):
    data, cause, remedy = BROKEN[what]
    file, output = tmp_path / "broken", tmp_path / "output"
    file.write_bytes(data)
    tapnet("device", "add", "tun1", "--up")
    before = snapshot(host, run_dir=tapnet.run_dir)
    answer = tapnet("watch", "tun1", "--replay", file, "--write", output, check=False)
    assert answer.returncode == 2 and cause in answer.stderr and remedy in answer.stderr
    assert "watching" not in answer.stderr and not output.exists()
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
    tapnet("device", "del", "tun1")


def test_words_that_contradict_each_other(host, tapnet, tmp_path):
    file = tmp_path / "a.pcap"
    wrpcap(str(file), timed([0]))
    held = file.read_bytes()
    for words, told in [(["--fast"], "none was named"), (["--replay", tmp_path / "none"], "No such file"),
                        (["--replay", tmp_path], "no ordinary file"), (["--replay", "/dev/zero"], "no ordinary file"),
                        (["--replay", file, "--write", file], "it is the file to replay")]:
        answer = tapnet("watch", "tun1", *words, check=False)
        assert answer.returncode == 2 and told in answer.stderr
    shutil.copy(file, tmp_path / "b.pcap")
    os.link(file, tmp_path / "c.pcap")
    assert tapnet("watch", "tun1", "-r", file, "-w", tmp_path / "c.pcap", check=False).returncode == 2
    assert file.read_bytes() == held


def test_letters_take_their_values_as_elsewhere(host, tapnet, tmp_path):
    file = tmp_path / "a.pcap"
    wrpcap(str(file), timed([0]))
    for words in (["-c", "1"], ["-c1"], ["-qc1"]):
        answer = tapnet("watch", *DEVICE, *words, "-r", file, f"-w{tmp_path}/out", "--for", "2")
        assert ("1 packet (" in answer.stderr) == (words != ["-qc1"])
    assert (answer.stdout, answer.stderr) == ("", "")  # quiet
    answer = tapnet("watch", "tun1", "-c", check=False)
    assert answer.returncode == 2 and "--count needs a value" in answer.stderr


def test_a_kind_that_it_has_not(host, tapnet):
    tapnet("device", "add", "tun1")
    answer = tapnet("watch", "tun1", "--kind", "tap", check=False)
    assert answer.returncode == 2 and "tun1 is there already, and is a tun" in answer.stderr
    tapnet("device", "del", "tun1")
