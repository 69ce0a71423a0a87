# SPDX-License-Identifier: MIT
"""One port more, and one less: by the library, by the command, from the pool, by scripts; beside 10 to 1,000 others."""

import concurrent.futures
import subprocess

import stats
import world as worlds

SIZES = (10, 100, 1000)
BRIDGED = 900  # of 1,000 ports so many in the network that is measured: its bridge has room for 123 more then
POOL = 64
MANY = 96  # that go in a row
GUESTS = 24  # at most 64 are ready and as many in use or going: a bridge has room for both
CROWD = 8
TRUE = "/bin/true"
SCRIPTS = (("ip-nft", "ip and nft"), ("old-tools", "tunctl, brctl, ifconfig, iptables"))
GROWTH = 1.2  # beside the floor's
FLOOR = "attach, the floor"
UNPLUG_FLOOR = "detach, the floor"
LEAVE_FLOOR = "detach, the floor of what is deleted later"
DELETE_FLOOR = "detach, the floor of that deletion: processor time"
POOL_FLOOR = "attach (pool), the floor"
FLOORS = {FLOOR: "plug", UNPLUG_FLOOR: "unplug", LEAVE_FLOOR: "leave"}
CROWD_FLOOR = f"attach, the floor, {CROWD} at a time"
RUN_FLOORS = {1: "run of `true`, the floor, 1 at a time", CROWD: f"run of `true`, the floor, {CROWD} at a time"}


def sort_lines(text):
    """Milliseconds of each verb: {"plug": [...], "unplug": [...]}, as plug_tool and floor print them."""
    found = {}
    for line in text.splitlines():
        verb, usec = line.split()
        found.setdefault(verb, []).append(int(usec) / 1e3)
    return found


def floor_of(name):
    """Which of them is below @name: what deletes a device, in the end, has another one than what takes it down."""
    if name in (*FLOORS, POOL_FLOOR, DELETE_FLOOR, CROWD_FLOOR, *RUN_FLOORS.values()):
        return name
    if name.startswith("run"):
        return RUN_FLOORS[1 if "1 at a time" in name else CROWD]
    if name.startswith("attach (pool)"):
        return POOL_FLOOR
    if name.startswith("attach"):
        return CROWD_FLOOR if name.endswith(f"{CROWD} at a time") else FLOOR
    return DELETE_FLOOR if "processor time" in name else LEAVE_FLOOR


def there(ports):
    """How many, and how they are spread."""
    beside = f" ({BRIDGED} in its bridge)" if ports > BRIDGED else ""
    return f"{ports:,} ports{beside}"


class Rows:
    """What is measured at all sizes, and what it has grown to at the largest."""

    def __init__(self, bench):
        self.bench, self.medians = bench, {}

    def add(self, name, ports, times, most=None):
        """@most: milliseconds of the median that are allowed."""
        times = sorted(times)
        median, last = stats.median(times), times[len(times) * 99 // 100]
        target = (f"≤ {most} ms", median <= most) if most else ()
        table, form = self.bench.table, self.bench.milliseconds
        table.add(f"{name}, {there(ports)}", times, *target, form=form)
        table.add(f"{name}, {there(ports)}, 99th percentile", [last], form=form)
        self.medians.setdefault(name, {})[ports] = median

    def add_ratio(self, name, ports, ours, theirs):
        self.bench.table.add(f"{name}, {there(ports)}", [self.medians[ours][ports] / self.medians[theirs][ports]])

    def add_pairs(self, name, ports, pairs, most):
        """@pairs: what was measured in turns, times of ours and theirs, of which the medians are compared."""
        ratios = [stats.median(ours) / stats.median(theirs) for ours, theirs in pairs]
        self.bench.table.add(f"{name}, {there(ports)}", ratios, f"≤ {most}×", stats.median(ratios) <= most)

    def growth_of(self, name):
        return self.medians[name][SIZES[-1]] / self.medians[name][SIZES[0]]

    def add_growth(self):
        """What the kernel's own part has grown by is the kernel's."""
        for name in self.medians:
            if any(f"by {text}" in name for _, text in SCRIPTS):
                continue
            floor = floor_of(name)
            grown, most = self.growth_of(name), GROWTH * max(1, self.growth_of(floor)) if name != floor else None
            target = (f"≤ {most:.2f}×", grown <= most) if most else ()
            self.bench.table.add(f"{name}: {SIZES[-1]} ports / {SIZES[0]} ports", [grown], *target)


# ---- by the library ----

def plug(host, crowd, count, how, between=lambda: None):
    """@crowd processes plug in @count guests each, at once; when all are in, and @between is done, they let go."""
    tool = host.build / "tests/system/plug_tool"
    started = [subprocess.Popen(host.inside(tool, "bench", count, how), env=host.environment, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(crowd)]
    lines = [process.stdout.readline() for process in started for _ in range(count)]
    between()
    for process in started:
        process.stdin.close()
    lines += [line for process in started for line in process.stdout]
    if any(process.wait(timeout=120) for process in started):
        raise SystemExit("bench: plug_tool failed")
    return sort_lines("".join(lines))


def settle(host, ports, pool):
    """Those that are to be ready are, and who has gone is gone; and there is a roll for the next one (attach.md)."""
    host.wait_for_ports(ports + pool)
    plug(host, 1, 1, "detach")
    host.rest()


def run_new(bench, rows, host, floor, ports, own):
    """One at a time in turns with the floor, which is in a host of its own."""
    pairs, floors = [], {verb: [] for verb in FLOORS.values()}
    crowded = GUESTS // CROWD
    for crowd, count, text in ((1, GUESTS, "1 at a time"), (CROWD, crowded, f"{CROWD} at a time")):
        plugged, unplugged = [], []
        for _ in range(bench.rounds(5)):
            settle(host, own, 0)
            times = plug(host, crowd, count, "detach", host.rest)
            plugged += times["plug"]
            unplugged += times["unplug"]
            if crowd == 1:
                beside = plug_floor(floor, own)
                pairs.append((times["plug"], beside["plug"]))
                for verb, values in floors.items():
                    values += beside[verb]
        rows.add(f"attach (new), {text}", ports, plugged)
        rows.add(f"detach, {text}", ports, unplugged, 0.5 if crowd == 1 else None)
    for name, verb in FLOORS.items():
        rows.add(name, ports, floors[verb])
    rows.add_pairs("attach (new): tapnet / floor", ports, pairs, 1.5)


def run_many(bench, rows, host, floor, ports, own):
    """What the end of a port costs the residents, beside what the kernel takes for the deletion alone."""
    detached, alone, floors = [], [], []
    for _ in range(bench.rounds(5)):
        for how, values in (("detach", detached), ("hold", alone)):
            settle(host, own, 0)
            used = []
            plug(host, 1, MANY, how, lambda used=used: used.append(host.rest()))
            host.wait_for_ports(own)
            values.append((host.rest() - used[0]) / MANY)
        floors += sort_lines(floor.on_host(floor.build / "bench/floor", "delete", own, MANY))["delete"]
    rows.add(DELETE_FLOOR, ports, floors)
    rows.add(f"detach, {MANY} in a row: the residents' processor time", ports, detached, 0.5)
    rows.add(f"letting go, {MANY} in a row: the residents' processor time", ports, alone)


def run_pool(bench, rows, host, ports, own):
    for crowd, count, text in ((1, GUESTS, "1 at a time"), (CROWD, GUESTS // CROWD, f"{CROWD} at a time")):
        times = []
        for _ in range(bench.rounds(5)):
            host.wait_for_ports(own + POOL)
            host.rest()
            times += plug(host, crowd, count, "hold")["plug"]
        rows.add(f"attach (pool), {text}", ports, times, 0.15 if crowd == 1 else None)


# ---- by the command ----

def run_command(host, *words):
    return host.measure(*words)["usec"] / 1e3


def run_crowd(host, commands):
    with concurrent.futures.ThreadPoolExecutor(len(commands)) as threads:
        return list(threads.map(lambda words: run_command(host, *words), commands))


def run_until_started(bench, rows, host, ports, own, pool):
    """From the command's exec to that of the one that it starts with the port."""
    stamp, times = host.build / "bench/stamp", []
    for _ in range(bench.rounds(24)):
        settle(host, own, pool)
        begin, end = map(int, host.on_host(stamp, host.build / "tapnet", "run", "-q", "bench", "--", stamp).split())
        times.append((end - begin) / 1e6)
    source, most = ("pool", 3) if pool else ("new", None)
    rows.add(f"attach ({source}) by the command, with its exec", ports, times, most)


def run_commands(bench, rows, host, ports, own, pool):
    tapnet = host.build / "tapnet"
    source = "pool" if pool else "new"
    for crowd in (1, CROWD):
        times = []
        for _ in range(bench.rounds(12) if crowd == 1 else bench.rounds(4)):
            settle(host, own, pool)
            times += run_crowd(host, [(tapnet, "run", "-q", "bench", "--", TRUE)] * crowd)
        rows.add(f"run ({source}) of `true`, {crowd} at a time", ports, times)


# ---- the floor ----

def plug_floor(floor, own):
    return sort_lines(floor.on_host(floor.build / "bench/floor", "plug", own, GUESTS))


def run_crowded_floor(bench, rows, floor, ports, own):
    """As many processes as plug at once, with ports of their own."""
    each, times = GUESTS // CROWD, []
    for _ in range(bench.rounds(5)):
        started = [subprocess.Popen(floor.inside(floor.build / "bench/floor", "plug", own + each * number, each),
                                    env=floor.environment, text=True, stdout=subprocess.PIPE)
                   for number in range(CROWD)]
        for process in started:
            times += sort_lines(process.communicate()[0])["plug"]
            if process.returncode:
                raise SystemExit("bench: floor failed")
    rows.add(CROWD_FLOOR, ports, times)


def run_floor_of_run(bench, rows, floor, ports, first):
    """Each leaves its device behind: what deletes these is not waited for, here as there."""
    for crowd, name in RUN_FLOORS.items():
        times = []
        for _ in range(bench.rounds(12) if crowd == 1 else bench.rounds(4)):
            times += run_crowd(floor, [(floor.build / "bench/floor", "run", first + number) for number in range(crowd)])
            first += crowd
        rows.add(name, ports, times)


def run_floor_of_pool(bench, rows, floor, ports, own):
    times = []
    for _ in range(bench.rounds(5)):
        times += sort_lines(floor.on_host(floor.build / "bench/floor", "ready", own, GUESTS))["ready"]
        floor.rest()
    rows.add(POOL_FLOOR, ports, times)


def run_floor(bench, rows, floor, ports, own):
    run_floor_of_pool(bench, rows, floor, ports, own)
    run_crowded_floor(bench, rows, floor, ports, own)
    run_floor_of_run(bench, rows, floor, ports, own + GUESTS)
    floor.on_host(floor.build / "bench/floor", "down")  # else the kernel is busy with that when others are measured


# ---- the others ----

def run_scripts(bench, rows, ports):
    for name, text in SCRIPTS:
        with worlds.World(bench.build) as host:
            peer, own = worlds.BENCH / "peers" / name, min(ports, BRIDGED)
            host.on_host(peer, "up", own, "up0")
            for crowd in (1, CROWD):
                times = {"plug": [], "unplug": []}
                for number in range(bench.rounds(12) if crowd == 1 else bench.rounds(4)):
                    first = own + 1 + number * crowd
                    for verb, values in times.items():
                        values += run_crowd(host, [(peer, verb, first + more) for more in range(crowd)])
                rows.add(f"attach by {text}, {crowd} at a time", ports, times["plug"])
                rows.add(f"detach by {text}, {crowd} at a time", ports, times["unplug"])


# ---- all ----

def run_ours(bench, rows, ports, pool, floor=None):
    own = min(ports, BRIDGED)
    with worlds.World(bench.build) as host:
        path = host.write_file(own, pool=pool, others=ports - own)
        host.tapnet("up", "-q", path)
        guest = subprocess.Popen(host.inside(host.build / "tapnet", "run", "-q", "bench/p1", "--", "cat"),
                                 env=host.environment, stdin=subprocess.PIPE)  # a host has one
        if pool:
            run_pool(bench, rows, host, ports, own)
        else:
            run_new(bench, rows, host, floor, ports, own)
            run_many(bench, rows, host, floor, ports, own)
        run_until_started(bench, rows, host, ports, own, pool)
        run_commands(bench, rows, host, ports, own, pool)
        guest.communicate()
        host.tapnet("down", "-q", path)


def run_ours_and_floor(bench, rows, ports):
    own = min(ports, BRIDGED)
    with worlds.World(bench.build) as floor:
        floor.on_host(floor.build / "bench/floor", "up", own)
        run_ours(bench, rows, ports, 0, floor)
        run_floor(bench, rows, floor, ports, own)


def run_attach(bench):
    rows = Rows(bench)
    for ports in SIZES:
        bench.progress(f"one port more and one less, {ports} ports")
        run_ours_and_floor(bench, rows, ports)
        run_ours(bench, rows, ports, POOL)
        run_scripts(bench, rows, ports)
        rows.add_ratio("run (new): tapnet / floor", ports, "run (new) of `true`, 1 at a time", RUN_FLOORS[1])
        for _, text in SCRIPTS:
            rows.add_ratio(f"attach: {text} / tapnet", ports, f"attach by {text}, 1 at a time",
                           "attach (new), 1 at a time")
    rows.add_growth()
