# SPDX-License-Identifier: MIT
"""Guests that come and go by the library, from eight processes at once, and what they could leave behind.

Half of the processes let their ports go by closing them: those come from the network's pool, where it has one. The
other half makes ports that stay, and has them taken away.
"""

import os
import subprocess
from pathlib import Path

from .build import build_dir
from .plugging import links, ports, ready
from .processes import named
from .waiting import wait_for

POOL = 16
LAB = f"networks: {{ lab: {{ subnet: 10.20.0.1/20, pool: {POOL} }} }}"
MODES = ("let-go", "detached") * 4
RESIDENTS = ("tapnet-keeper", "tapnet-service")


def cycle(host, count):
    """So many, all processes together; each must come to its end."""
    tool = build_dir() / "tests" / "system" / "plug_tool"
    processes = [host.popen(tool, "lab", count // len(MODES), mode, stdout=subprocess.DEVNULL) for mode in MODES]
    ends = [process.wait(120 + count // 20) for process in processes]
    assert ends == [0] * len(MODES), f"a guest could not be plugged in or out: {ends}"


def settle(tapnet):
    """Returns when all that is left are the ports that are to be ready."""
    wait_for(lambda: len(ready(tapnet)) == len(ports(tapnet)) == POOL, 60, "only those that are ready are left")


def resident_memory(host):
    """Bytes of each resident, by its name."""
    return {name: sum(int(line.split()[1]) * 1024 for pid in named(host, name)
                      for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
                      if line.startswith("RssAnon:")) for name in RESIDENTS}


def footprint(host, tapnet):
    """How many there are of what guests could leave behind. Names do not count: other ports are ready each time. Nor
    does what stands beside a ledger, which becomes part of it now and then."""
    ruleset = host.json("nft", "-j", "list", "ruleset")["nftables"]
    sets = [entry[kind] for entry in ruleset for kind in ("set", "map") if kind in entry]
    addresses = [address for port in ports(tapnet).values() for address in port["addresses"]]
    return {"links": len(links(host)), "elements": sum(len(each.get("elem", [])) for each in sets),
            "forwarding": len(host.json("bridge", "-j", "fdb")), "addresses": len(set(addresses)),
            "files": sorted(path.name for path in tapnet.run_dir.rglob("*") if path.suffix != ".more"),
            **{name: sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in named(host, name)) for name in RESIDENTS}}
