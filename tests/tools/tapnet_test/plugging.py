# SPDX-License-Identifier: MIT
"""A host whose users may plug guests in, with a keeper that never rests for long; and what is asked of it."""

import json

from .build import brought_up
from .rights import need_all_users
from .snapshot import diff, snapshot
from .waiting import wait_for

GONE = "tapnet:gone"
ALICE, BOB = 12345, 12346
LAB = f"""
networks:
  lab:
    subnet: 10.20.0.1/24
    limit: {{ receive: 10mbit }}
    allow: ["{ALICE}:2", "@54321"]
    ports: {{ web: {{ address: 10.20.0.7, user: {ALICE} }} }}
  closed: {{ ports: {{ vault: {{}} }} }}
"""
# Sends the message in its second argument to the socket in its first one, and prints the answer.
SAY = """
import socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as keeper:
    keeper.settimeout(20)
    keeper.connect(sys.argv[1])
    keeper.send(bytes.fromhex(sys.argv[2]))
    print(keeper.recv(8192).decode())
"""


def as_user(user, *groups):
    more = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
    return "setpriv", f"--reuid={user}", f"--regid={user}", more, "--inh-caps=-all"


def plugging_lab(host):
    """LAB is up, for as long as a test takes: what a fixture yields from."""
    need_all_users()
    yield from brought_up(host, LAB, keeper=True)


def links(host):
    """Those that are somebody's: a device whose port is gone is deleted a moment later."""
    return {link["ifname"] for link in host.json("ip", "-j", "link") if not link.get("ifalias", "").startswith(GONE)}


def ports(tapnet, name="lab"):
    return {port["name"]: port for network in tapnet.json_of_status()["networks"] if network["name"] == name
            for port in network["ports"]}


def at_rest(tapnet):
    """A snapshot of a moment in which the keeper does nothing, and has nothing left to do: what it opens is no leak."""
    shots = [""]

    def has_gone_devices():
        return any(link.get("ifalias", "").startswith(GONE) for link in tapnet.netns.json("ip", "-j", "link"))
    wait_for(lambda: not has_gone_devices(), 20, "devices whose ports are gone are deleted")

    def is_at_rest():
        shots.append(snapshot(tapnet.netns, run_dir=tapnet.run_dir))
        return "/lock\n" not in shots[-1] and shots[-1] == shots[-2]
    wait_for(is_at_rest, 20, lambda: "the keeper comes to rest:\n" + diff(*shots[-2:]))
    return shots[-1]


def attach(tapnet, *words):
    return json.loads(tapnet("attach", *words).stdout)


def ready(tapnet):
    """The names of those that wait in a keeper's pool."""
    return {name for name, port in ports(tapnet).items() if port["origin"] == "run" and port["holder"]
            and port["holder"]["command"].startswith("tapnet-keeper")}
