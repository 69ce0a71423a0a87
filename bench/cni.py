# SPDX-License-Identifier: MIT
"""Containers by tapnet-cni and by the reference plugins, in turns; beside 10 to 1,000 others that came the same way.

    [ ours:   containers - veths - br-bench, guards, NAT ]   tapnet-cni
    [ theirs: containers - veths - cni0, iptables ]          bridge with host-local, portmap, firewall
    [ library: TAPs - br-bench; 64 of them are ready ]       tapnet_attach() for what no plugin can do: no process
"""

import concurrent.futures
import json
import os

import attach
import stats
import world as worlds

REFERENCE = "/usr/lib/cni"
VERSION = "0.4.0"  # the last that podman of Debian 12 speaks
FASTER = 100  # a port by a call of the library, than a container by the reference plugins


class Side:
    """A host on which containers come and go by one list of plugins: (path, configuration) each."""

    def __init__(self, host, plugins):
        self.host, self.plugins, self.results = host, plugins, {}
        self.namespaces = [f"{host.host}-c{number}" for number in range(attach.CROWD)]
        self.full = f"{host.host}-full"  # all that are there besides, with an interface each
        self.environment = {"CNI_PATH": REFERENCE, "TAPNET_SERVICE": str(host.build / "tapnet-service")}

    def __enter__(self):
        for namespace in (*self.namespaces, self.full):
            worlds.run("ip", "netns", "add", namespace)
        return self

    def __exit__(self, *_):
        for namespace in (*self.namespaces, self.full):
            worlds.run("ip", "netns", "del", namespace)

    def call(self, command, namespace, container, interface="eth0"):
        """Milliseconds of all plugins of the list, as a runtime calls them: one after the other, DEL from the end."""
        environment = {**self.environment, "CNI_COMMAND": command, "CNI_CONTAINERID": container,
                       "CNI_NETNS": f"/run/netns/{namespace}", "CNI_IFNAME": interface}
        result, msec = self.results.get(container) if command == "DEL" else None, 0
        for path, config in self.plugins if command == "ADD" else reversed(self.plugins):
            said = {"cniVersion": VERSION, "name": "bench", **config, **({"prevResult": result} if result else {})}
            done = self.host.measure(path, environment=environment, text=json.dumps(said))
            result = json.loads(done["output"]) if command == "ADD" else result
            msec += done["usec"] / 1e3
        self.results[container] = result
        return msec

    def crowd(self, command, count):
        """The median of as many at once."""
        with concurrent.futures.ThreadPoolExecutor(count) as threads:
            return stats.median(threads.map(lambda name: self.call(command, name, name), self.namespaces[:count]))

    def fill(self, ports):
        with concurrent.futures.ThreadPoolExecutor(attach.CROWD) as threads:
            list(threads.map(lambda number: self.call("ADD", self.full, f"other{number}", f"eth{number}"),
                             range(ports)))


def our_plugins(host):
    return [(host.build / "tapnet-cni", {"type": "tapnet-cni", "network": "bench"})]


def their_plugins(host):
    """The list that most runtimes come with."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/22"}]], "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(host.run_base / "host-local")}
    configs = ({"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "ipam": ipam},
               {"type": "portmap"}, {"type": "firewall", "backend": "iptables"})
    return [(f"{REFERENCE}/{config['type']}", config) for config in configs]


def measure_pairs(bench, ours, theirs, crowd, between):
    """Milliseconds in pairs: {"ADD": (ours, theirs), "DEL": ...}. @between runs once a pair. The first is a warm-up."""
    times = {"ADD": ([], []), "DEL": ([], [])}
    for number in range(bench.rounds(15 if crowd == 1 else 7) + 1):
        for command, values in times.items():
            for side in (1, 0) if number % 2 else (0, 1):
                ours.host.rest()
                values[side].append((ours, theirs)[side].crowd(command, crowd))
        between()
    return {command: (values[0][1:], values[1][1:]) for command, values in times.items()}


def run_library(library, own):
    """Milliseconds of a port that is ready, as the median of as many as are plugged in at once."""
    library.wait_for_ports(own + attach.POOL)
    library.rest()
    return stats.median(attach.plug(library, 1, attach.GUESTS, "hold")["plug"])


def run_sides(bench, ours, theirs, library, ports):
    own, called = min(ports, attach.BRIDGED), []
    for crowd in (1, attach.CROWD):
        bench.progress(f"containers by plugins of CNI, {ports} ports, {crowd} at a time")
        alone = crowd == 1
        times = measure_pairs(bench, ours, theirs, crowd,
                              lambda: called.append(run_library(library, own)) if alone else None)
        for command, (mine, others) in times.items():
            where = f"{ports} ports, {crowd} at a time"
            bench.table.add(f"CNI {command}, {where}: reference plugins / tapnet-cni", stats.ratios(others, mine))
            for name, values in (("tapnet-cni", mine), ("reference plugins", others)):
                last = sorted(values)[len(values) * 99 // 100]
                bench.table.add(f"CNI {command}, {where}: {name}", values, form=bench.milliseconds)
                bench.table.add(f"CNI {command}, {where}: {name}, 99th percentile", [last], form=bench.milliseconds)
        if alone:
            ratio = stats.ratios(times["ADD"][1], called[1:])
            bench.table.add(f"attach (pool) as a library call: CNI ADD / attach, {ports} ports", ratio, f"≥ {FASTER}×",
                            stats.median(ratio) >= FASTER)


def run_size(bench, ports):
    own = min(ports, attach.BRIDGED)
    with worlds.World(bench.build) as our_host, worlds.World(bench.build) as their_host, \
            worlds.World(bench.build) as library:
        path = our_host.write_file(1)
        our_host.tapnet("up", "-q", path)
        library.tapnet("up", "-q", library.write_file(own, pool=attach.POOL, others=ports - own))
        with Side(our_host, our_plugins(our_host)) as ours, Side(their_host, their_plugins(their_host)) as theirs:
            for side in (ours, theirs):
                bench.progress(f"{ports} containers by {os.path.basename(side.plugins[0][0])}")
                side.fill(ports)
            run_sides(bench, ours, theirs, library, ports)
        library.tapnet("down", "--all", "-q")
        our_host.tapnet("down", "-q", path)


def run_cni(bench):
    if not os.path.exists(f"{REFERENCE}/bridge"):
        raise SystemExit(f"bench: {REFERENCE} has no plugins: apt-get install containernetworking-plugins")
    for ports in attach.SIZES:
        run_size(bench, ports)
