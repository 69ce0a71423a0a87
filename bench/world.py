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
    words = [str(word) for word in words]
    result = subprocess.run(words, check=False, text=True, capture_output=True, timeout=120, **options)
    if result.returncode:
        raise SystemExit(f"bench: {' '.join(words)}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


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
        # In memory, as /run is; on a disk each port would cost a few writes to that.
        self.run_base = pathlib.Path(tempfile.mkdtemp(prefix="tapnet-bench-", dir="/dev/shm"))
        self.environment = {**os.environ, "TAPNET_RUN_DIR": str(self.run_base / "run"), "NO_COLOR": "1"}
        for namespace in (self.host, self.outside):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "-n", self.host, "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", self.outside)
        for namespace, device, address in ((self.host, "up0", "192.0.2.1"), (self.outside, "eth0", "192.0.2.2")):
            run("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", device)
            run("ip", "-n", namespace, "link", "set", device, "up")
        run("ip", "-n", self.host, "route", "add", "default", "via", "192.0.2.2")
        run("ip", "-n", self.outside, "route", "add", "10.96.0.0/11", "via", "192.0.2.1")  # for what is not masqueraded

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
        shutil.rmtree(self.run_base)
        time.sleep(0.3)  # the kernel takes a namespace apart later, holding locks that the next measurement needs

    def inside(self, *words):
        """The command line that runs @words on the host."""
        return ["ip", "netns", "exec", self.host, *map(str, words)]

    def on_host(self, *words):
        return run(*self.inside(*words), env=self.environment, cwd=self.directory)

    def measure(self, *words, accept=(0,), environment=(), text=None):
        """Runs a command on the host: {"usec", "rss_kib", "exit", "output"}. The clock runs beside it, within
        `measure`. @text is what it reads."""
        output = self.directory / f"measured-{next(_numbers)}"  # several may run at once
        result = subprocess.run(self.inside(self.build / "bench/measure", "-o", output, *words), input=text,
                                env={**self.environment, **dict(environment)}, cwd=self.directory, text=True,
                                capture_output=True, timeout=300, check=False)
        measured = json.loads(output.read_text(encoding="utf-8")) if result.returncode == 0 else {"exit": -1}
        if measured["exit"] not in accept:
            command = " ".join(map(str, words))
            raise SystemExit(f"bench: {command}: exit {measured['exit']}\n{result.stdout}{result.stderr}")
        return {**measured, "output": result.stdout}

    # ---- tapnet ----

    def write_file(self, ports, mode="nat", pool=0, others=0, subnet6="none", clones=False):
        """Without IPv6, which most others that this is compared with do not make either. Without a bridge, MACs are
        given: with more neighbours than a kernel learns, one would give them. @others ports are a second network's."""
        routes = mode == "routed" or ports > 1023 or clones
        head = [f"    mode: {mode}", f"    subnet: {'10.98.0.1/19' if routes else '10.97.0.1/22'}"]
        inside6 = f', address6: "{subnet6.split("1/")[0]}2"' if subnet6 != "none" else ""
        inside = f'    clones: {{ mac: "52:54:00:10:00:00", address: 10.98.0.2{inside6} }}'
        lines = ["name: bench", "networks:", "  bench:", *head, f"    pool: {pool}", f"    subnet6: {subnet6}",
                 *([inside] if clones else []), "    ports:"]
        for port in range(1, ports + 1):
            mac = f'mac: "52:54:00:10:{port >> 8:02x}:{port & 255:02x}"' if routes and not clones else ""
            lines.append(f"      p{port}: {{{mac}}}")
        lines += ["  others:", "    subnet: 10.99.0.1/22", "    subnet6: none", "    ports:"] if others else []
        lines += [f"      o{port}: {{}}" for port in range(1, others + 1)]
        path = self.directory / "bench.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def tapnet(self, *words):
        return self.measure(self.build / "tapnet", *words)

    def add_foreign_rules(self, count):
        """So many rules that look at each forwarded packet, and let it pass."""
        rules = self.directory / "foreign.nft"
        rules.write_text("add table inet many\nadd chain inet many c { type filter hook forward priority 0; }\n" +
                         "".join(f"add rule inet many c ip saddr 10.99.{n // 250}.{n % 250} counter drop\n"
                                 for n in range(count)), encoding="utf-8")
        self.on_host("nft", "-f", rules)

    def status(self):
        return json.loads(self.on_host(self.build / "tapnet", "status", "--json"))["networks"][0]

    def wait_for_ports(self, count):
        """Returns when there are so many: those that are to be ready are, and those whose guests have gone are gone."""
        for _ in range(200):
            words = self.inside(self.build / "tapnet", "status", "--json")
            told = subprocess.run(words, env=self.environment, text=True, capture_output=True, check=False).stdout
            if len(json.loads(told)["networks"][0]["ports"]) == count:
                return
            time.sleep(0.1)
        raise SystemExit(f"bench: there are not {count} ports")

    def residents(self):
        """The processes of this host that stay: {name: /proc/PID}."""
        found = {}
        for pid in run("ip", "netns", "pids", self.host).split():
            process = pathlib.Path("/proc", pid)
            found[(process / "comm").read_text(encoding="utf-8").strip()] = process
        return {name: process for name, process in found.items() if name in ("tapnet-keeper", "tapnet-service")}

    def service_rss_kib(self):
        """Peak memory of the service of this host."""
        service = self.residents().get("tapnet-service")
        if not service:
            raise SystemExit("bench: no tapnet-service is running")
        return int((service / "status").read_text(encoding="utf-8").split("VmHWM:")[1].split()[0])

    def residents_msec(self):
        """Processor time that the residents of this host have used so far, in milliseconds."""
        return sum(int((process / "schedstat").read_text(encoding="ascii").split()[0]) / 1e6
                   for process in self.residents().values())

    def rest(self):
        """Returns residents_msec() when the residents have nothing to do."""
        used = -1
        while used != (now := self.residents_msec()):
            used = now
            time.sleep(0.3)
        return used

    # ---- hand-made ----

    def make_bridge(self):
        """The same bridge with one TAP and one masquerade rule, by hand."""
        for words in ("link add br-hand address 0a:68:00:00:ff:ff type bridge forward_delay 0", "link set br-hand up",
                      "address add 10.96.0.1/22 dev br-hand", "tuntap add dev hand-p1 mode tap",
                      "link set hand-p1 address 0a:68:00:00:00:01 master br-hand up"):
            run("ip", "-n", self.host, *words.split())
        self.on_host("nft", "table ip hand { chain out { type nat hook postrouting priority srcnat;"
                     " iifname br-hand oifname up0 masquerade; }; }")
        self.on_host("sysctl", "-qw", "net.ipv4.ip_forward=1")
        return Plug(self, "hand-p1", "br-hand", "52:54:00:00:00:01", "10.96.0.2", "10.96.0.1")

    def make_routed(self, mode):
        """The same of one TAP without a bridge: the gateway's address with the guest's as its peer, by hand."""
        for words in ("tuntap add dev hand-p1 mode tap", "link set hand-p1 address 0a:68:00:00:00:01 up",
                      "address add 10.99.0.1 peer 10.99.0.2 dev hand-p1"):
            run("ip", "-n", self.host, *words.split())
        if mode == "nat":
            self.on_host("nft", "table ip hand { chain out { type nat hook postrouting priority srcnat;"
                         " iifname hand-p1 oifname up0 masquerade; }; }")
        self.on_host("sysctl", "-qw", "net.ipv4.ip_forward=1")
        return RoutedPlug(self, "hand-p1", "hand-p1", "52:54:00:00:00:01", "10.99.0.2", "10.99.0.1")

    def plug(self, index):
        """Port number @index of the network that tapnet has brought up."""
        network = self.status()
        port = network["ports"][index]
        if network["bridge"].startswith("rt-"):
            return RoutedPlug(self, port["device"], port["device"], port["mac"],
                              network.get("inside", port["addresses"][0]), network["gateway"])
        return Plug(self, port["device"], network["bridge"], port["mac"], port["addresses"][0], network["gateway"])


def start(*words):
    """Starts a program that says "ready", and waits until it does."""
    process = subprocess.Popen([str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "ready\n":
        raise SystemExit(f"bench: {words} does not start")
    return process


def stop(process):
    process.kill()
    process.wait(timeout=10)
    process.stdin.close()
    process.stdout.close()


class Plug:
    """Where a guest is plugged in: one port of one world."""

    prefix = 22  # of the guest's subnet

    def __init__(self, world, device, bridge, mac, address, gateway):
        self.world, self.device, self.bridge, self.mac = world, device, bridge, mac
        self.address, self.gateway = address, gateway

    def wait_forwarding(self):
        """A port that was plugged in a moment ago may be silent for a second."""
        end = time.monotonic() + 10
        while self.state() != "forwarding":
            if time.monotonic() > end:
                raise SystemExit(f"bench: port {self.device} does not forward")
            time.sleep(0.1)

    def state(self):
        return json.loads(self.world.on_host("bridge", "-j", "link", "show", "dev", self.device))[0]["state"]


class RoutedPlug(Plug):
    """A port without a bridge; what the guest takes for its gateway is the port itself."""

    prefix = 19

    def state(self):
        """It forwards as soon as somebody holds it."""
        link = json.loads(self.world.on_host("ip", "-j", "link", "show", "dev", self.device))[0]
        return "forwarding" if "LOWER_UP" in link["flags"] else "down"


# Answers one datagram, so that the flow is a connection in both directions for the host; then the flow meets a wall.
ECHO = """
import socket
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
echo.bind(("192.0.2.2", 7008))
echo.settimeout(10)
print("ready", flush=True)
data, sender = echo.recvfrom(2000)
echo.sendto(b"reply", sender)
"""
WALL = "table ip outside { chain wall { type filter hook prerouting priority raw; udp dport 7008 drop; }; }"


class Load:
    """Frames of a guest on one port, see tapload.c. To be used by `with`."""

    def __init__(self, plug):
        self.plug, self.process = plug, None

    def __enter__(self):
        plug, outside = self.plug, ["ip", "netns", "exec", self.plug.world.outside]
        link = json.loads(plug.world.on_host("ip", "-j", "link", "show", plug.bridge))[0]
        self.process = start(*plug.world.inside(plug.world.build / "bench/tapload"), f"device={plug.device}",
                             f"mac={plug.mac}", f"gateway={link['address']}", f"address={plug.address}",
                             "target=192.0.2.2")
        plug.wait_forwarding()
        echo = start(*outside, "/usr/bin/python3", "-c", ECHO)
        self.order("send 0.001 0")
        if echo.wait(timeout=15):
            raise SystemExit("bench: nothing that the guest sends arrives outside")
        stop(echo)
        run(*outside, "nft", WALL)
        return self

    def __exit__(self, *_):
        if self.process:
            stop(self.process)

    def order(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def outside_bytes(self):
        links = json.loads(run("ip", "-j", "-s", "-n", self.plug.world.outside, "link", "show", "eth0"))
        return links[0]["stats64"]["rx"]["bytes"]

    def send(self, seconds, segment):
        """Processor time of the host, in nanoseconds a frame. What was written must have arrived outside."""
        before = self.outside_bytes()
        sent = self.order(f"send {seconds} {int(segment)}")
        arrived = self.outside_bytes() - before
        if not 0.99 < arrived / sent["bytes"] < 1.1:
            raise SystemExit(f"bench: {sent['bytes']} bytes were sent, {arrived} arrived outside")
        return sent["cpu_seconds"] / sent["frames"] * 1e9


# What forwards and what ends the connection stay on a processor each: where the scheduler puts them moves the rate of
# one transfer by half, which would be measured instead of the network. With one processor there is nothing to choose.
FORWARDING, ENDS = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))


class Guest:
    """
    A guest with a TCP stack on one port, see netguest.c, and an iperf3 server outside. To be used by `with`.

        [ guest: eth0 ]--netguest--[ host: the port's TAP - bridge - NAT - up0 ]----[ outside: iperf3 -s ]
                                          (mode routed: the port's TAP ----------- up0)
    """

    def __init__(self, plug):
        self.plug, self.namespace = plug, f"{plug.world.host}-guest"
        self.process = self.server = None

    def __enter__(self):
        plug = self.plug
        run("ip", "netns", "add", self.namespace)
        self.process = start(*plug.world.inside(plug.world.build / "bench/netguest"), plug.device,
                             f"/run/netns/{self.namespace}", "eth0", plug.mac)
        for words in (f"address add {plug.address}/{plug.prefix} dev eth0", "link set eth0 up",
                      f"route add default via {plug.gateway}"):
            run("ip", "-n", self.namespace, *words.split())
        plug.wait_forwarding()
        self.server = subprocess.Popen(["ip", "netns", "exec", plug.world.outside, "iperf3", "-s"],
                                       stdout=subprocess.DEVNULL)
        os.sched_setaffinity(self.process.pid, {FORWARDING})
        os.sched_setaffinity(self.server.pid, {ENDS})
        run("ip", "netns", "exec", self.namespace, "ping", "-c", "3", "-i", "0.2", "192.0.2.2")
        return self

    def transfer(self, seconds, reverse):
        """Bits a second that the receiver got."""
        words = ["iperf3", "-c", "192.0.2.2", "-J", "-t", seconds, *(["-R"] if reverse else [])]
        result = json.loads(run("taskset", "-c", ENDS, "ip", "netns", "exec", self.namespace, *words))
        if "sum_received" not in result["end"]:
            raise SystemExit(f"bench: iperf3: {result.get('error', 'no result')}")
        return result["end"]["sum_received"]["bits_per_second"]

    def __exit__(self, *_):
        if self.server:
            self.server.kill()
            self.server.wait(timeout=10)
        if self.process:
            stop(self.process)
        run("ip", "netns", "del", self.namespace)
