# SPDX-License-Identifier: MIT
"""Packets in user space: checksums, and forwarding between two TUN devices against a bare loop of read and write.

      left                                                right
    +--------------------+                        +--------------------+
    |  tun0 10.1.0.1/24 ───fd── forward / relay ──fd─── tun0 10.1.0.2/24 |     MTU 1500
    +--------------------+                        +--------------------+
"""

import itertools
import json
import os
import pathlib
import re
import statistics
import subprocess
import time

import stats
import world as worlds

_numbers = itertools.count(1)
LENGTHS = (40, 1460, 65535)
RELAYS = ("blocking", "poll", "uring")


def gigabytes(value):
    return f"{value / 1e9:.1f} GB/s"


def microseconds(value):
    return f"{value:.1f} µs"


def packets_a_second(value):
    return f"{value / 1e6:.3f} Mpps"


class Line:
    """Two namespaces that a forwarder joins. To be used by `with`."""

    def __init__(self, build, *words, queues=1):
        name = f"tapnet-bench-{os.getpid()}-{next(_numbers)}"
        self.build, self.words, self.queues = build, words, queues
        self.left, self.right = f"{name}-left", f"{name}-right"
        self.process = self.server = None

    @classmethod
    def ours(cls, build, mode, queues=1):
        return cls(build, build / "examples/c/forward", mode, queues=queues)

    @classmethod
    def bare(cls, build, way, vnet):
        return cls(build, build / "bench/relay", way, int(vnet))

    def __enter__(self):
        for namespace in (self.left, self.right):
            worlds.run("ip", "netns", "add", namespace)
        queues = [self.queues] if self.queues > 1 else []
        self.process = worlds.start(*self.words, f"{self.left}/tun0", f"{self.right}/tun0", *queues)
        for number, namespace in ((1, self.left), (2, self.right)):
            worlds.run("ip", "-n", namespace, "link", "set", "lo", "up")
            worlds.run("ip", "-n", namespace, "address", "add", f"10.1.0.{number}/24", "dev", "tun0")
            worlds.run("ip", "-n", namespace, "link", "set", "tun0", "up")
        # What floods arrives and goes no further: no socket, no answer.
        worlds.run("ip", "netns", "exec", self.right, "nft", "table ip wall { chain in { type filter hook prerouting"
                   " priority raw; udp dport 9000-9063 drop; }; }")
        self.server = subprocess.Popen(["ip", "netns", "exec", self.right, "iperf3", "-s"], stdout=subprocess.DEVNULL)
        self.place({worlds.FORWARDING})
        os.sched_setaffinity(self.server.pid, {worlds.ENDS})
        self.ping(20)
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.kill()
            self.server.wait(timeout=10)
        if self.process:
            worlds.stop(self.process)
        for namespace in (self.left, self.right):
            worlds.run("ip", "netns", "del", namespace)

    def place(self, processors):
        for task in pathlib.Path("/proc", str(self.process.pid), "task").iterdir():
            os.sched_setaffinity(int(task.name), processors)

    def on_left(self, *words):
        return worlds.run("ip", "netns", "exec", self.left, *words)

    def transfer(self, seconds):
        """Bits a second of one TCP connection that the receiver got."""
        words = ("taskset", "-c", worlds.ENDS, "iperf3", "-c", "10.1.0.2", "-J", "-t", seconds)
        for _ in range(20):  # between two transfers the server listens anew: on a busy machine not in time
            result = json.loads(self.on_left(*words))
            if "refused" not in result.get("error", ""):
                break
            time.sleep(0.1)
        if "sum_received" not in result["end"]:
            raise SystemExit(f"bench: iperf3: {result.get('error', 'no result')}")
        return result["end"]["sum_received"]["bits_per_second"]

    def arrived(self):
        return json.loads(worlds.run("ip", "-j", "-s", "-n", self.right, "link", "show",
                                     "tun0"))[0]["stats64"]["rx"]["packets"]

    def processor_seconds(self):
        """Of all threads of the forwarder, those that io_uring has made included."""
        tasks = pathlib.Path("/proc", str(self.process.pid), "task").iterdir()
        return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9

    def flood(self, seconds, flows=1):
        """Packets of 64 bytes: (how many a second arrived, processor nanoseconds of the forwarder for each)."""
        for _ in range(3):  # on a busy machine the sender may not have its turn in so short a time
            packets, used, start = self.arrived(), self.processor_seconds(), time.monotonic()
            self.on_left(self.build / "bench/flood", "10.1.0.2", seconds, flows)
            elapsed = time.monotonic() - start
            packets, used = self.arrived() - packets, self.processor_seconds() - used
            if packets > 1000:
                return packets / elapsed, used / packets * 1e9
        raise SystemExit("bench: nothing that floods arrives")

    def flood_cost(self, seconds):
        return self.flood(seconds)[1]

    def flood_rate(self, seconds, flows):
        return self.flood(seconds, flows)[0]

    def ping(self, count):
        """The median of round trips, in microseconds, with nothing else under way."""
        text = self.on_left("ping", "-i", "0.005", "-c", count, "10.1.0.2")
        times = [float(value) * 1000 for value in re.findall(r"time=([0-9.]+) ms", text)]
        if len(times) < count:
            raise SystemExit(f"bench: {count - len(times)} pings of {count} have no reply")
        return statistics.median(times)


def run_checksum(bench):
    rounds = bench.rounds(51)
    for length in LENGTHS:
        values = json.loads(worlds.run(bench.build / "bench/checksums", length, rounds))
        ratio = stats.ratios(values["library"], values["loop"])
        target = ("≥ 4×", stats.median(ratio) >= 4) if length >= 1000 else ()
        name = f"checksum of {length:,} bytes"
        bench.table.add(f"{name}: tapnet / 16-bit loop of RFC 1071", ratio, *target)
        bench.table.add(f"{name}: tapnet / memcpy", stats.ratios(values["library"], values["memcpy"]))
        bench.table.add(f"{name}: tapnet", values["library"], form=gigabytes)


def run_transfers(bench):
    """TCP at MTU 1500."""
    rounds, build = bench.rounds(15), bench.build
    bench.progress(f"TCP through the forwarder, {rounds} rounds")
    with Line.ours(build, "pass") as ours, Line.bare(build, "poll", True) as bare, Line.ours(build, "plain") as plain, \
            Line.ours(build, "merge") as merge, Line.ours(build, "split") as split:
        with_offloads, floor = bench.alternate(ours, bare, "transfer", rounds, 1)
        ratio = stats.ratios(with_offloads, floor)
        bench.table.add("forwarder, TCP, offloads passed on: tapnet / bare loop with vnet header", ratio, "≥ 0.9×",
                        stats.median(ratio) >= 0.9, lambda value: f"{value:.3f}×")
        with_offloads, without = bench.alternate(ours, plain, "transfer", rounds, 1)
        ratio = stats.ratios(with_offloads, without)
        bench.table.add("forwarder, TCP: with offloads / without", ratio, "≥ 4×", stats.median(ratio) >= 4)
        bench.table.add("forwarder, TCP, with offloads", with_offloads, form=bench.gigabits)
        bench.table.add("forwarder, TCP, without", without, form=bench.gigabits)
        merged, cut = bench.alternate(merge, split, "transfer", rounds, 1)
        bench.table.add("forwarder, TCP, small packets in, merged", merged, form=bench.gigabits)
        bench.table.add("forwarder, TCP, large packets in, split", cut, form=bench.gigabits)


def run_small(bench):
    rounds, build = bench.rounds(41), bench.build
    for mode, vnet in (("plain", False), ("pass", True)):
        header = "with a vnet header" if vnet else "without vnet header"
        bench.progress(f"packets of 64 bytes {header}, {rounds} pairs")
        with Line.ours(build, mode) as ours, Line.bare(build, "poll", vnet) as bare:
            costs = bench.alternate(ours, bare, "flood_cost", rounds, 0.2)
            ratio = stats.ratios(*costs)
            bench.table.add(f"forwarder, 64 bytes {header}, processor time a packet: tapnet / bare loop", ratio,
                            "≤ 1.1×", stats.median(ratio) <= 1.1, lambda value: f"{value:.3f}×")
            bench.table.add(f"forwarder, 64 bytes {header}, processor time a packet", costs[0], form=bench.nanoseconds)


def run_queues(bench):
    rounds = bench.rounds(15)
    bench.progress(f"two queues against one, {rounds} pairs")
    with Line.ours(bench.build, "pass", 2) as two, Line.ours(bench.build, "pass") as one:
        two.place(os.sched_getaffinity(0))
        one.place(os.sched_getaffinity(0))
        rates = bench.alternate(two, one, "flood_rate", rounds, 0.3, 16)
        bench.table.add(f"forwarder, 64 bytes, two queues / one, {os.cpu_count()} processors for all",
                        stats.ratios(*rates))
        bench.table.add("forwarder, 64 bytes, one queue", rates[1], form=packets_a_second)


def run_ways(bench):
    """Ways to wait for packets: which is fast, and which answers soon?"""
    rounds, build = bench.rounds(15), bench.build
    bench.progress(f"ways to read and write, {rounds} rounds")
    with Line.bare(build, "blocking", True) as blocking, Line.bare(build, "poll", True) as polling, \
            Line.bare(build, "uring", True) as uring, Line.ours(build, "pass") as ours:
        lines = {"blocking": blocking, "poll": polling, "io_uring": uring, "tapnet (poll)": ours}
        pings = {name: [] for name in lines}
        for _ in range(rounds):
            for name, line in lines.items():
                pings[name].append(line.ping(40))
        for name, values in pings.items():
            bench.table.add(f"idle ping through a forwarder, {name}", values, form=microseconds)
        for name in ("blocking", "io_uring"):
            costs = bench.alternate(lines[name], polling, "flood_cost", rounds, 0.3)
            bench.table.add(f"forwarder, 64 bytes, processor time a packet: {name} / poll", stats.ratios(*costs),
                            form=lambda value: f"{value:.3f}×")
            rates = bench.alternate(lines[name], polling, "transfer", rounds, 1)
            bench.table.add(f"forwarder, TCP: {name} / poll", stats.ratios(*rates), form=lambda value: f"{value:.3f}×")


def run_forward(bench):
    run_transfers(bench)
    run_small(bench)
    run_queues(bench)
    run_ways(bench)
