# SPDX-License-Identifier: MIT
"""Namespaces for the benchmarks: a host with an uplink and the outside behind it, made afresh and taken away."""

import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

BENCH = pathlib.Path(__file__).resolve().parent
_numbers = itertools.count(1)


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, text=True, capture_output=True, timeout=120,
                          **options).stdout


class World:
    """
    A host and what is outside of it.

        [ host: up0 192.0.2.1/24 ]----[ outside: eth0 192.0.2.2/24 ]      default route of the host: 192.0.2.2
    """

    def __init__(self, build):
        self.build = build
        name = f"tapnet-bench-{os.getpid()}-{next(_numbers)}"
        self.host, self.outside = f"{name}-host", f"{name}-out"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tapnet-bench-"))
        self.environment = {**os.environ, "TAPNET_RUN_DIR": str(self.directory / "run"), "NO_COLOR": "1"}
        for namespace in (self.host, self.outside):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "-n", self.host, "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", self.outside)
        for namespace, device, address in ((self.host, "up0", "192.0.2.1"), (self.outside, "eth0", "192.0.2.2")):
            run("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", device)
            run("ip", "-n", namespace, "link", "set", device, "up")
        run("ip", "-n", self.host, "route", "add", "default", "via", "192.0.2.2")
        run("ip", "netns", "exec", self.outside, "nft", "table ip outside { chain sink { type filter hook prerouting"
            " priority raw; udp dport 7008 drop; }; }")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for namespace in (self.host, self.outside):
            for pid in run("ip", "netns", "pids", namespace).split():
                os.kill(int(pid), 9)
            run("ip", "netns", "del", namespace)
        shutil.rmtree(self.directory)
        time.sleep(0.3)  # the kernel takes a namespace apart later, holding locks that the next measurement needs

    def inside(self, *words):
        """The command line that runs @words on the host."""
        return ["ip", "netns", "exec", self.host, *map(str, words)]

    def on_host(self, *words):
        return run(*self.inside(*words), env=self.environment, cwd=self.directory)

    def measure(self, *words, accept=(0,)):
        """Runs a command on the host: {"usec", "rss_kib", "exit"}. The clock runs beside it, within `measure`."""
        output = self.directory / "measured"
        result = subprocess.run(self.inside(self.build / "bench/measure", "-o", output, *words), env=self.environment,
                                cwd=self.directory, text=True, capture_output=True, timeout=300, check=False)
        measured = json.loads(output.read_text(encoding="utf-8")) if result.returncode == 0 else {"exit": -1}
        if measured["exit"] not in accept:
            command = " ".join(map(str, words))
            raise SystemExit(f"bench: {command}: exit {measured['exit']}\n{result.stdout}{result.stderr}")
        return measured

    # ---- tapnet ----

    def write_file(self, ports):
        lines = ["name: bench", "networks:", "  bench:", "    subnet: 10.97.0.1/22", "    ports:"]
        lines += [f"      p{port}: {{}}" for port in range(1, ports + 1)]
        path = self.directory / "bench.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def tapnet(self, *words):
        return self.measure(self.build / "tapnet", *words)

    def status(self):
        return json.loads(self.on_host(self.build / "tapnet", "status", "--json"))["networks"][0]

    def service_rss_kib(self):
        """Peak memory of the service of this host."""
        for pid in run("ip", "netns", "pids", self.host).split():
            status = pathlib.Path("/proc", pid, "status").read_text(encoding="utf-8")
            if status.startswith("Name:\ttapnet-service\n"):
                return int(status.split("VmHWM:")[1].split()[0])
        raise SystemExit("bench: no tapnet-service is running")

    # ---- hand-made ----

    def make_bridge(self):
        """The same bridge with one TAP and one masquerade rule, by hand."""
        for words in ("link add br-hand address 0a:68:00:00:ff:ff type bridge", "link set br-hand up",
                      "address add 10.96.0.1/22 dev br-hand", "tuntap add dev hand-p1 mode tap",
                      "link set hand-p1 address 0a:68:00:00:00:01 master br-hand up"):
            run("ip", "-n", self.host, *words.split())
        self.on_host("nft", "table ip hand { chain out { type nat hook postrouting priority srcnat;"
                     " iifname br-hand oifname up0 masquerade; }; }")
        self.on_host("sysctl", "-qw", "net.ipv4.ip_forward=1")


class Load:
    """A guest on one port, see tapload.c."""

    def __init__(self, world, device, bridge, mac, address):
        self.world = world
        gateway = json.loads(run("ip", "-j", "-n", world.host, "link", "show", bridge))[0]["address"]
        self.process = subprocess.Popen(
            world.inside(world.build / "bench/tapload", f"device={device}", f"mac={mac}", f"gateway={gateway}",
                         f"address={address}", "target=192.0.2.2"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read_line()
        self.wait_forwarding(device)

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench: tapload has died")
        return line

    def wait_forwarding(self, device):
        end = time.monotonic() + 10
        while json.loads(self.world.on_host("bridge", "-j", "link", "show", "dev", device))[0]["state"] != "forwarding":
            if time.monotonic() > end:
                raise SystemExit(f"bench: port {device} does not forward")
            time.sleep(0.05)

    def order(self, command):
        """Bits a second of the flow's payload."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.read_line())
        return answer["bytes"] * 8 / answer["seconds"]

    def outside_bytes(self):
        links = json.loads(run("ip", "-j", "-s", "-n", self.world.outside, "link", "show", "eth0"))
        return links[0]["stats64"]["rx"]["bytes"]

    def send(self, seconds, segment):
        """What the host took must be what arrived outside."""
        before = self.outside_bytes()
        rate = self.order(f"send {seconds} {int(segment)}")
        arrived = (self.outside_bytes() - before) * 8 / seconds
        if not 0.95 < arrived / rate < 1.1:
            raise SystemExit(f"bench: {rate / 1e9:.2f} Gb/s were sent, {arrived / 1e9:.2f} Gb/s arrived outside")
        return rate

    def receive(self, seconds, segment):
        source = subprocess.Popen(["ip", "netns", "exec", self.world.outside, self.world.build / "bench/tapload",
                                   "source", str(seconds + 0.1), str(int(segment))], stdout=subprocess.PIPE, text=True)
        source.stdout.readline()
        rate = self.order(f"receive {seconds}")
        source.stdout.close()
        source.wait(timeout=10)
        return rate

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()
