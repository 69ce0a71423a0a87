# SPDX-License-Identifier: MIT
"""Everything that a network namespace holds, as text, so that "leaves no trace" can be asserted.

Each line is one fact ("link eth0 mtu = 1500"), so that a difference reads by itself. This file is the one place that
says what counts:

| kept | dropped, because it changes while nobody changes anything |
| --- | --- |
| links with all that `ip -d` shows, bridge ports too | indexes, numbers of ports, statistics, timers, carrier |
| offloads of TUNs and TAPs | |
| addresses, multicast groups | lifetimes, "tentative"; how often a port has joined an address's group, and a router's |
| routes and rules of all tables, next hops | the flag linkdown, IPv6's multicast route (there while a link is ready) |
| permanent neighbours, proxies, static FDB and MDB entries | what was learnt |
| qdiscs, classes, filters of both directions | handles of filters, their hit counters |
| `nft -j list ruleset`, rules in their order | handles, packet and byte counters; elements that go by themselves |
| all of /proc/sys/net | the count of connections, the key of TCP Fast Open |
| connections that name an address of the test's subnets | timers, states, marks |
| listening, raw and packet sockets | backlogs, peers |
| processes of the namespace, what their descriptors lead to, memory files | pids, numbers of descriptors, inodes |
| files below /etc and below the run directory | what stands in the service's log; a bridge's index in what it serves |
| | rolls, which are a cache |
"""

import difflib
import hashlib
import ipaddress
import json
import os
import re
import time
from collections import Counter
from pathlib import Path

# Keys of iproute2's and nft's JSON that change while nobody changes anything.
_VOLATILE = {
    "ifindex", "link_index", "valid_life_time", "preferred_life_time", "expires", "handle", "packets", "bytes",
    "refcnt", "gc_timer", "hello_timer", "tcn_timer", "topology_change_timer", "hold_timer", "message_age_timer",
    "forward_delay_timer", "topology_change_ack", "config_pending", "temporary", "stats", "used", "updated",
    "tentative", "optimistic",
}
# What carrier decides: it comes and goes with a guest that plugs in, and the kernel tells it up to a second late.
_CARRIER = {"operstate", "link_netnsid"}
# Of a bridge's port: what carrier decides; its number, which is the next free one.
_PORT_DATA = {"state", "no", "id", "designated_port"}
_CARRIER_FLAGS = {"NO-CARRIER", "LOWER_UP", "RUNNING", "linkdown"}
# Sysctls that change by themselves: a counter, a key made at the first connection.
_VOLATILE_SYSCTL = re.compile(r"^/proc/sys/net/((netfilter/)?nf_conntrack_count|ipv4/tcp_fastopen_key)\b")

# What is asked, all by one shell: hundreds of snapshots are taken in a test.
_COMMANDS = {
    "links": "ip -j -d link",
    "addresses": "ip -j address",
    "maddresses": "ip -j maddress",
    "routes4": "ip -j -4 route show table all",
    "routes6": "ip -j -6 route show table all",
    "rules4": "ip -j -4 rule",
    "rules6": "ip -j -6 rule",
    "nexthops": "ip -j nexthop",
    "neighbours": "ip -j neigh show nud permanent",
    "proxies": "ip -j neigh show proxy",
    "fdb": "bridge -j fdb show",
    "mdb": "bridge -j mdb show",
    "offloads": "for file in /sys/class/net/*/tun_flags; do if test -e $file; then name=${file%/*}; name=${name##*/};"
                " ethtool -k $name | sed -n \"s/^\\s*\\(tx-[a-z0-9-]*: o[nf]*\\).*/$name \\1/p\"; fi; done",
    "qdiscs": "tc -j qdisc show",
    "nft": "nft -j list ruleset",
    # Some files can't be read (stable_secret before it is set, flush): that is no error here.
    "sysctls": "grep -rs '' /proc/sys/net || true",
    "sockets": "for kind in tcp udp raw packet; do ss -Hln --$kind | sed \"s/^/$kind /\"; done",
}
JOIN_SECONDS = 1
_MARK = "=== answer "  # no command prints such a line
_SCRIPT = "set -e\n" + "\n".join(f"echo '{_MARK}{name}'\n{command}" for name, command in _COMMANDS.items())


class _Answers:
    """What the commands printed; every one of them must have worked."""

    def __init__(self, netns):
        text = netns.run("sh", "-c", _SCRIPT).stdout
        parts = [part.partition("\n") for part in text.split(_MARK)[1:]]
        self._texts = {name: body for name, _, body in parts}

    def text(self, name):
        return self._texts[name]

    def json(self, name):
        return json.loads(self._texts[name].strip() or "[]")


def _joins(link, address):
    """Does the kernel join the group of this address there (RFC 4291, 2.7.1)? Where nobody resolves addresses it
    does not, and where nobody is yet it has time."""
    return (address["family"] == "inet6" and not {"LOOPBACK", "NOARP", "NO-CARRIER"} & set(link["flags"])
            and "UP" in link["flags"] and not address.get("dadfailed"))


def _has_joined(answers):
    groups = {link["ifname"]: {group.get("address") for group in link["maddr"]} for link in answers.json("maddresses")}
    return all(f"ff02::1:ff{packed[-3]:02x}:{int.from_bytes(packed[-2:]):x}" in groups.get(link["ifname"], ())
               for link in answers.json("addresses") for address in link.get("addr_info", [])
               if _joins(link, address) for packed in [ipaddress.ip_address(address["local"]).packed])


def _settled(netns):
    """The answers when the kernel has joined the group of each IPv6 address, which it does in its own time; or soon."""
    end = time.monotonic() + JOIN_SECONDS
    while not _has_joined(answers := _Answers(netns)) and time.monotonic() < end:
        time.sleep(0.02)
    return answers


def snapshot(netns, subnets=(), run_dir=None):
    """The namespace as text. Connections count when they name an address of @subnets; files below run_dir (by
    default the namespace's `run` directory) and below its /etc."""
    parts = [*_network(netns, subnets), _processes(netns), _files("etc", netns.etc),
             _files("run", run_dir or netns.tmp / "run")]
    return _as_text(parts)


def network_snapshot(netns, subnets=()):
    """Of these facts those that are the kernel's own about the network. Of @netns nothing but run() is asked, so it
    may be a host."""
    return _as_text(_network(netns, subnets))


def _network(netns, subnets):
    subnets = [ipaddress.ip_network(subnet, strict=False) for subnet in subnets]
    answers = _settled(netns)
    return [_links(answers), _addresses(answers), _routes(answers), _neighbours(answers), _bridges(answers),
            _tc(netns, answers), _nft(answers), _sysctls(answers), _conntrack(netns, subnets), _sockets(answers)]


def _as_text(parts):
    return "\n".join(line for part in parts for line in part) + "\n"


def diff(before, after):
    """What changed between two snapshots, '-' before and '+' after; empty when nothing did."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="", n=0)
    return "\n".join(line for line in lines if not line.startswith("@@"))


def assert_same(before, after, what="the namespace"):
    """Fails with the difference when two snapshots differ."""
    changed = diff(before, after)
    assert not changed, f"{what} is not as before:\n{changed}"


def _clean(value):
    """A JSON value without what changes by itself."""
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items() if key not in _VOLATILE}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value


def _text(value):
    return json.dumps(value, sort_keys=True)


def _flat(prefix, value):
    """One line for each leaf of nested dictionaries."""
    if isinstance(value, dict) and value:
        return [line for key in sorted(value) for line in _flat(f"{prefix} {key}", value[key])]
    return [f"{prefix} = {_text(value)}"]


def _sorted_lines(prefix, entries):
    return sorted(f"{prefix} {_text(entry)}" for entry in _clean(entries))


def _without_carrier(link):
    """A link without what carrier decides, and without its number as a bridge's port."""
    link["flags"] = [flag for flag in link["flags"] if flag not in _CARRIER_FLAGS]
    for key in _PORT_DATA:
        link.get("linkinfo", {}).get("info_slave_data", {}).pop(key, None)
    return {key: value for key, value in link.items() if key not in _CARRIER}


def _links(answers):
    lines = []
    for link in sorted(_clean(answers.json("links")), key=lambda link: link["ifname"]):
        link = _without_carrier(link)
        lines += _flat(f"link {link.pop('ifname')}", link)
    return lines + [f"offload {line}" for line in sorted(answers.text("offloads").splitlines())]


# Of a router's anycast addresses, of which each ends in zeros: the group, and its MACs.
_ANYCAST = {"ff02::1:ff00:0", "33:33:ff:00:00:00"}


def _grouped(answers):
    return {link["ifname"] for link in answers.json("links") if link["group"] != "default"}


def _groups(link, is_grouped):
    """The multicast groups of @link. The kernel neither joins nor leaves an address's own group while the device has
    NOARP, as a closed port has: what was joined before stays counted as long as the device lives, and a port that is a
    router's again while it is closed has no group of its anycast addresses."""
    return [{key: value for key, value in group.items()
             if not (key == "users" and is_grouped and group.get("address", "").startswith("ff02::1:ff"))}
            for group in link["maddr"] if not (is_grouped and _ANYCAST & {group.get("address"), group.get("link")})]


def _addresses(answers):
    grouped, lines = _grouped(answers), []
    for link in answers.json("addresses"):
        lines += _sorted_lines(f"address {link['ifname']}", link["addr_info"])
    for link in answers.json("maddresses"):
        lines += _sorted_lines(f"multicast {link['ifname']}", _groups(link, link["ifname"] in grouped))
    return sorted(lines)


def _route_lines(answers, family):
    """Without what follows carrier: the flag linkdown, and IPv6's multicast route, there while the link is ready."""
    routes = [dict(route, flags=[flag for flag in route.get("flags", []) if flag not in _CARRIER_FLAGS])
              for route in answers.json(f"routes{family}")
              if not (route.get("dst") == "ff00::/8" and route.get("protocol") == "kernel")]
    return _sorted_lines(f"route {family}", routes)


def _routes(answers):
    lines = []
    for family in ("4", "6"):
        lines += _route_lines(answers, family)
        lines += _sorted_lines(f"rule {family}", answers.json(f"rules{family}"))
    return lines + _sorted_lines("nexthop", answers.json("nexthops"))


def _neighbours(answers):
    return (_sorted_lines("neighbour", answers.json("neighbours")) + _sorted_lines("proxy", answers.json("proxies")))


def _bridges(answers):
    """Static forwarding and group entries; learnt ones come and go."""
    grouped = _grouped(answers)
    entries = [entry for entry in answers.json("fdb") if entry.get("state") in ("permanent", "static", "noarp") and
               not (entry["mac"] in _ANYCAST and entry["ifname"] in grouped)]
    groups = [entry for table in answers.json("mdb") for entry in table.get("mdb", [])
              if entry.get("state") == "permanent"]
    return _sorted_lines("fdb", entries) + _sorted_lines("mdb", groups)


def _tc(netns, answers):
    """Queueing disciplines; where somebody put one, its classes and filters too."""
    qdiscs = answers.json("qdiscs")
    lines = _sorted_lines("qdisc", qdiscs)
    for device in sorted({qdisc["dev"] for qdisc in qdiscs if qdisc["kind"] not in ("noqueue", "pfifo_fast", "mq")}):
        classes = netns.run("tc", "class", "show", "dev", device).stdout  # not every kind can say it in JSON
        lines += sorted(f"class {device} {line.strip()}" for line in classes.splitlines())
        for side in ("root", "ingress", "egress"):
            text = netns.run("tc", "-j", "filter", "show", "dev", device, side, check=False).stdout
            lines += _sorted_lines(f"filter {device} {side}", json.loads(text.strip() or "[]"))
    return lines


def _nft(answers):
    """Tables, chains, sets and rules. The order of the rules in a chain counts, that of elements in a set does not."""
    lines = []
    for entry in _clean(answers.json("nft")["nftables"]):
        kind, body = next(iter(entry.items()))
        if kind == "metainfo":
            continue
        owner = f"{body.get('family')} {body.get('table', body.get('name'))}"
        name = f"{body.get('chain', body.get('name'))}"
        elements = body.pop("elem", []) if kind in ("set", "map") else []
        if "timeout" in body:  # packets put them there, for a while
            elements = []
        lines.append(f"nft {owner} {name} {kind} {_text(body)}")
        lines += sorted(f"nft {owner} {name} element {_text(element)}" for element in elements)
    chains = [line.split(maxsplit=5)[:5] for line in lines]
    order = sorted(range(len(lines)), key=lambda number: (chains[number][1:4], number))
    return [lines[number] for number in order]


def _sysctls(answers):
    lines = [line.replace(":", " = ", 1) for line in answers.text("sysctls").splitlines()
             if not _VOLATILE_SYSCTL.match(line)]
    assert lines, "no sysctls could be read"
    return ["sysctl " + line.removeprefix("/proc/sys/net/") for line in sorted(lines)]


def _conntrack(netns, subnets):
    """Connections that name an address of the subnets, without their timers and states."""
    if not subnets:
        return []
    lines = []
    for family in ("ipv4", "ipv6"):
        for line in netns.run("conntrack", "-L", "-f", family).stdout.splitlines():
            words = [word for word in line.split() if re.match(r"(src|dst|sport|dport|type|code|id)=", word)]
            addresses = [ipaddress.ip_address(word.split("=")[1]) for word in words if word[:4] in ("src=", "dst=")]
            if any(address in subnet for address in addresses for subnet in subnets):
                lines.append(f"conntrack {line.split()[0]} {' '.join(words)}")
    return sorted(lines)


def _sockets(answers):
    """Listening and packet sockets, also such as belong to a process of another namespace."""
    lines = []
    for line in answers.text("sockets").splitlines():
        words = line.split()
        lines.append(f"socket {words[0]} {' '.join(words[-2:])}")
    return sorted(lines)


def _descriptor(pid, number):
    """What a descriptor leads to, without inode numbers: "socket", "/dev/net/tun", "anon_inode:[eventpoll]"; of a
    memory file what it holds."""
    target = os.readlink(f"/proc/{pid}/fd/{number}")
    if target.startswith("/memfd:"):
        return f"{target.split()[0]} {hashlib.sha256(Path(f'/proc/{pid}/fd/{number}').read_bytes()).hexdigest()}"
    return re.sub(r":\[\d+\]$", "", target)


def _process(pid):
    """One process: its command, and how many of its descriptors lead where. A thread that is ending has none."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    numbers = os.listdir(f"/proc/{pid}/fd")
    targets = Counter(_descriptor(pid, number) for number in numbers)
    return [f"process {command}"] + [f"descriptors of {command}: {count} {target}"
                                     for target, count in sorted(targets.items())]


def _processes(netns):
    lines = []
    for pid in netns.pids():
        try:
            lines += _process(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return sorted(lines)


def _content(path):
    """Text of a short file, so that a difference can be read, else a digest."""
    content = path.read_bytes()
    if path.name == "service.log":
        return "..."
    if path.parent.name == "networks":
        content = re.sub(rb'"bridge_index":\d+', b'"bridge_index":0', content)
    if len(content) < 200 and content.isascii():
        return _text(content.decode())
    return hashlib.sha256(content).hexdigest()


def _files(label, top):
    """Files below a directory with their mode and content."""
    top = Path(top)
    lines = []
    for path in sorted(top.rglob("*")) if top.exists() else []:
        if path.suffix == ".roll":
            continue  # a cache of the ledger beside it
        name = f"file {label}/{path.relative_to(top)}"
        if path.is_symlink():
            lines.append(f"{name} -> {path.readlink()}")
        elif path.is_file():
            lines.append(f"{name} {path.stat().st_mode:o} {_content(path)}")
        else:
            lines.append(f"{name} {path.stat().st_mode:o}")
    return lines
