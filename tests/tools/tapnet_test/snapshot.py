# SPDX-License-Identifier: MIT
"""Everything that a network namespace holds, as text, so that "leaves no trace" can be asserted.

Each line is one fact ("link eth0 mtu = 1500"), so that a difference reads by itself. What changes by itself is left
out: handles, counters, timers, lifetimes, learnt neighbours and forwarding entries.
"""

import difflib
import hashlib
import ipaddress
import json
import re
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
_CARRIER_FLAGS = {"NO-CARRIER", "LOWER_UP", "RUNNING", "linkdown"}
# Sysctls that change by themselves: a counter, a key made at the first connection.
_VOLATILE_SYSCTL = re.compile(r"^/proc/sys/net/((netfilter/)?nf_conntrack_count|ipv4/tcp_fastopen_key)\b")


def snapshot(netns, subnets=(), run_dir=None):
    """The namespace as text. Conntrack entries count when they name an address of @subnets; files below run_dir (by
    default the namespace's `run` directory) and below its /etc."""
    subnets = [ipaddress.ip_network(subnet, strict=False) for subnet in subnets]
    parts = [_links(netns), _addresses(netns), _routes(netns), _neighbours(netns), _bridges(netns), _tc(netns),
             _nft(netns), _sysctls(netns), _conntrack(netns, subnets), _sockets(netns), _processes(netns),
             _files("etc", netns.etc), _files("run", run_dir or netns.tmp / "run")]
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
    link["flags"] = [flag for flag in link["flags"] if flag not in _CARRIER_FLAGS]
    link.get("linkinfo", {}).get("info_slave_data", {}).pop("state", None)
    return {key: value for key, value in link.items() if key not in _CARRIER}


def _links(netns):
    lines = []
    for link in sorted(_clean(netns.json("ip", "-j", "-d", "link")), key=lambda link: link["ifname"]):
        link = _without_carrier(link)
        lines += _flat(f"link {link.pop('ifname')}", link)
    return lines


def _addresses(netns):
    lines = []
    for link in netns.json("ip", "-j", "address"):
        lines += _sorted_lines(f"address {link['ifname']}", link["addr_info"])
    for link in netns.json("ip", "-j", "maddress"):
        lines += _sorted_lines(f"multicast {link['ifname']}", link["maddr"])
    return sorted(lines)


def _route_lines(netns, family):
    """Without what follows carrier: the flag linkdown, and IPv6's multicast route, there while the link is ready."""
    routes = [dict(route, flags=[flag for flag in route.get("flags", []) if flag not in _CARRIER_FLAGS])
              for route in netns.json("ip", "-j", family, "route", "show", "table", "all")
              if not (route.get("dst") == "ff00::/8" and route.get("protocol") == "kernel")]
    return _sorted_lines(f"route {family[1]}", routes)


def _routes(netns):
    lines = []
    for family in ("-4", "-6"):
        lines += _route_lines(netns, family)
        lines += _sorted_lines(f"rule {family[1]}", netns.json("ip", "-j", family, "rule"))
    return lines + _sorted_lines("nexthop", netns.json("ip", "-j", "nexthop"))


def _neighbours(netns):
    return (_sorted_lines("neighbour", netns.json("ip", "-j", "neigh", "show", "nud", "permanent")) +
            _sorted_lines("proxy", netns.json("ip", "-j", "neigh", "show", "proxy")))


def _bridges(netns):
    """Static forwarding and group entries; learnt ones come and go."""
    entries = [entry for entry in netns.json("bridge", "-j", "fdb", "show") if entry.get("state") in
               ("permanent", "static", "noarp")]
    groups = [entry for table in netns.json("bridge", "-j", "mdb", "show") for entry in table.get("mdb", [])
              if entry.get("state") == "permanent"]
    return _sorted_lines("fdb", entries) + _sorted_lines("mdb", groups)


def _tc(netns):
    qdiscs = netns.json("tc", "-j", "qdisc", "show")
    lines = _sorted_lines("qdisc", qdiscs)
    for qdisc in qdiscs:
        if qdisc["kind"] in ("ingress", "clsact"):
            for side in ("ingress", "egress"):
                filters = netns.run("tc", "-j", "filter", "show", "dev", qdisc["dev"], side, check=False).stdout
                lines += _sorted_lines(f"filter {qdisc['dev']} {side}", json.loads(filters or "[]"))
    return lines


def _nft(netns):
    """Tables, chains, sets and rules. The order of the rules in a chain counts, that of elements in a set does not."""
    lines = []
    for entry in _clean(netns.json("nft", "-j", "list", "ruleset")["nftables"]):
        kind, body = next(iter(entry.items()))
        if kind == "metainfo":
            continue
        owner = f"{body.get('family')} {body.get('table', body.get('name'))}"
        name = f"{body.get('chain', body.get('name'))}"
        elements = body.pop("elem", []) if kind in ("set", "map") else []
        lines.append(f"nft {owner} {name} {kind} {_text(body)}")
        lines += sorted(f"nft {owner} {name} element {_text(element)}" for element in elements)
    chains = [line.split(maxsplit=5)[:5] for line in lines]
    order = sorted(range(len(lines)), key=lambda number: (chains[number][1:4], number))
    return [lines[number] for number in order]


def _sysctls(netns):
    # Some files can't be read (stable_secret before it is set, flush): that is no error here.
    text = netns.run("grep", "-rs", "", "/proc/sys/net", check=False).stdout
    lines = [line.replace(":", " = ", 1) for line in text.splitlines() if not _VOLATILE_SYSCTL.match(line)]
    assert lines, f"{netns.name}: no sysctls could be read"
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


def _sockets(netns):
    """Listening and packet sockets, also such as belong to a process of another namespace."""
    lines = []
    for kind in ("--tcp", "--udp", "--raw", "--packet"):
        for line in netns.run("ss", "-Hln", kind).stdout.splitlines():
            lines.append(f"socket {kind[2:]} {' '.join(line.split()[-2:])}")
    return sorted(lines)


def _processes(netns):
    lines = []
    for pid in netns.pids():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        lines.append(f"process {command}")
    return sorted(lines)


def _files(label, top):
    """Files below a directory with their mode and a digest; text of short ones, so that a difference can be read."""
    top = Path(top)
    lines = []
    for path in sorted(top.rglob("*")) if top.exists() else []:
        name = f"file {label}/{path.relative_to(top)}"
        if path.is_symlink():
            lines.append(f"{name} -> {path.readlink()}")
        elif path.is_file():
            content = path.read_bytes()
            shown = _text(content.decode()) if len(content) < 200 and content.isascii() else \
                hashlib.sha256(content).hexdigest()
            lines.append(f"{name} {path.stat().st_mode:o} {shown}")
        else:
            lines.append(f"{name} {path.stat().st_mode:o}")
    return lines
