# SPDX-License-Identifier: MIT
"""The plans that are disturbed: what is up before, and what is then brought up or taken down.

      host                                            outside
    +----------------------------------------------------------------+
    | lab-web --+                                   |                |
    |           +-- br-lab 10.20.0.1/24 -- NAT -- eth0 -- out0       |
    | lab-db ---+                                   |   192.0.2.1    |
    | tun1 192.168.3.11/24                          |  2001:db8:a::1 |
    +----------------------------------------------------------------+
"""

from typing import NamedTuple

SUBNETS = [f"10.{number}.0.0/24" for number in range(20, 30)]


class Plan(NamedTuple):
    """@before: {set: text of its file} that is up already. @text: what `up` gets, None for `down`."""

    before: dict
    name: str  # the set that the plan is about
    text: str


def network(ports, name="lab", subnet="10.20.0.1/24", extra=""):
    """One network; @ports as YAML flow mappings."""
    lines = [f"  {name}:", f"    subnet: {subnet}"] + ([f"    {extra}"] if extra else []) + ["    ports:"]
    return "\n".join(lines + [f"      {port}: {options}" for port, options in ports.items()]) + "\n"


def file(*networks, devices=""):
    text = "networks:\n" + "".join(networks)
    return text + (f"devices:\n{devices}" if devices else "")


TUN = "  tun1: { kind: tun, address: 192.168.3.11/24 }\n"
TAP = "  tap1: { kind: tap, address: [192.168.4.1/24, 192.168.5.1/24], user: 0, mtu: 1400 }\n"
FULL = ("  tun2: { kind: tun, address: 192.168.6.1/24, queue_length: 77, link_type: 512, offloads: [csum, tso4], "
        "vnet_header_size: 12, up: false }\n")
BARE = "  tun2: { kind: tun, address: 192.168.6.1/24, offloads: none, up: false }\n"
PORTS = {"web": "{}", "db": "{ address: 10.20.0.8, user: 65534, group: 65534 }"}

ROUTED = {"web": "{ mac: '52:54:00:00:00:06', limit: { send: 10mbit, connections: 100 } }",
          "db": "{ address: 10.20.0.8, forward: [8080:80, 127.0.0.1:2222:22] }"}
FORWARDS = {**PORTS, "web": "{ forward: [127.0.0.1:2222:22, 9000-9009:9000-9009, 53:53/udp] }"}
OTHER_FORWARDS = {**PORTS, "web": "{ forward: [8080:80, 9000-9019:9000-9019, 53:5353/udp] }"}

LAB = file(network(PORTS), devices=TUN)
IP6 = file(network(PORTS, extra="subnet6: fd00:20::1/64"), devices=TUN)
FORWARDS6 = file(network(FORWARDS, extra="subnet6: fd00:20::1/64"), devices=TUN)
ROUTED6 = file(network(ROUTED, extra="mode: routed\n    subnet6: fd00:20::1/64"), devices=TUN)
CLONES6 = file(network(PORTS, extra="subnet6: fd00:20::1/64\n    clones: { mac: '52:54:00:00:00:07', "
                       "address: 10.20.0.7, address6: 'fd00:20::7' }"), devices=TUN)
PART6 = ROUTED6.replace("fd00:20::1/64", "2001:db8:a:0:10::1/80")  # of eth0's own
MANY = file(network(PORTS), network({"a": "{}", "b": "{}"}, "cell", "10.21.0.1/24", "mode: isolated"),
            network({"x": "{}"}, "third", "10.22.0.1/24", "ports_see_each_other: false"),
            network({}, "empty", "10.23.0.1/24"),
            devices=TUN + TAP)
OTHER = file(network({"o1": "{}", "o2": "{}"}, "other", "10.24.0.1/24"))
OTHER6 = file(network({"o1": "{}", "o2": "{}"}, "other", "10.24.0.1/24", "subnet6: fd00:24::1/64"))

# The host's own addresses and routes go by the bridge.
BRIDGED = "networks: { lan: { mode: bridge, uplink: eth0, ports: { vm1: {}, vm2: { user: 65534 } } } }\n"

# Where another program's packet filter drops what guests send: accepts of ours stand in it.
COEXIST = "coexist: on\n"
FILTER = """table inet fw {
    chain forward { type filter hook forward priority 0; policy drop; ct state invalid drop; }
    chain input { type filter hook input priority 0; iifname "br-lab" drop; }
}"""

# One edit each.
EDITS = {
    "a port more": file(network({**PORTS, "mail": "{}"}), devices=TUN),
    "a port less": file(network({"web": "{}"}), devices=TUN),
    "two ports less": file(network({}), devices=TUN),
    "a port renamed": file(network({"www": "{}", "db": PORTS["db"]}), devices=TUN),
    "a hostname": file(network({**PORTS, "web": "{ hostname: www }"}), devices=TUN),
    "an address": file(network({**PORTS, "db": "{ address: 10.20.0.9, user: 65534, group: 65534 }"}), devices=TUN),
    "another subnet": file(network({"web": "{}", "db": "{ address: 10.25.0.8, user: 65534 }"}, subnet="10.25.0.1/24"),
                           devices=TUN),
    "a user": file(network({"web": "{ user: 65534 }", "db": PORTS["db"]}), devices=TUN),
    "no user": file(network({"web": "{}", "db": "{ address: 10.20.0.8, group: 65534 }"}), devices=TUN),
    "no group": file(network({"web": "{}", "db": "{ address: 10.20.0.8, user: 65534 }"}), devices=TUN),
    "another MTU": file(network(PORTS, extra="mtu: 1400"), devices=TUN),
    "isolated": file(network(PORTS, extra="mode: isolated"), devices=TUN),
    "routed": file(network(ROUTED, extra="mode: routed"), devices=TUN),
    "clones": file(network(PORTS, extra="clones: { mac: '52:54:00:00:00:07', address: 10.20.0.7 }"), devices=TUN),
    "ports apart": file(network(PORTS, extra="ports_see_each_other: false"), devices=TUN),
    "a network more": file(network(PORTS), network({"a": "{}"}, "cell", "10.21.0.1/24"), devices=TUN),
    "IPv6": IP6,
    "another name, and the old devices": file(
        network({"web": "{ device: lab-web }", "db": PORTS["db"].replace("}", ", device: lab-db }")}, "office"),
        devices=TUN),
    "what is open": file(network({**PORTS, "web": "{ protocols: any }"}, extra="host: allow"), devices=TUN),
    "another network": file(network({"a": "{}"}, "cell", "10.21.0.1/24"), devices=TUN),
    "a device more": file(network(PORTS), devices=TUN + TAP),
    "a device with settings": file(network(PORTS), devices=TUN + FULL),
    "settings": file(network(PORTS), devices="  tun1: { kind: tun, address: 192.168.3.11/24, mtu: 1400, "
                     "queue_length: 77, offloads: [csum, tso4, tso6], vnet_header_size: 12 }\n"),
    "link type": file(network(PORTS), devices="  tun1: { kind: tun, address: 192.168.3.11/24, link_type: 512 }\n"),
    "settings: a device down": file(network(PORTS),
                                    devices="  tun1: { kind: tun, address: 192.168.3.11/24, up: false }\n"),
    "no device": file(network(PORTS)),
    "another kind of device": file(network(PORTS), devices="  tun1: { kind: tap, address: 192.168.3.11/24 }\n"),
    "queues": file(network(PORTS), devices="  tun1: { kind: tun, address: 192.168.3.12/24, multi_queue: true }\n"),
    "all at once": file(network({"web": "{ hostname: www }", "mail": "{}"}, extra="mtu: 1400"),
                        network({"a": "{}", "b": "{}"}, "cell", "10.21.0.1/24", "mode: isolated"), devices=TAP),
}

PLANS = {
    "up": Plan({}, "lab", LAB),
    "up of many": Plan({}, "lab", MANY),
    "up beside another set": Plan({"other": OTHER}, "lab", LAB),
    **{f"edit: {name}": Plan({"lab": LAB}, "lab", text) for name, text in EDITS.items()},
    "edit: forwards": Plan({"lab": file(network(FORWARDS))}, "lab", file(network(OTHER_FORWARDS))),
    "edit: no settings": Plan({"lab": file(network(PORTS), devices=TUN + FULL)}, "lab",
                              file(network(PORTS), devices=TUN + BARE)),
    "edit: many to one": Plan({"lab": MANY}, "lab", LAB),
    "edit beside another set": Plan({"lab": LAB, "other": OTHER}, "lab", EDITS["all at once"]),
    "down": Plan({"lab": LAB}, "lab", None),
    "down of many": Plan({"lab": MANY}, "lab", None),
    "edit: no more routed": Plan({"lab": EDITS["routed"]}, "lab", LAB),
    "down of a routed one": Plan({"lab": EDITS["routed"]}, "lab", None),
    "edit: no more clones": Plan({"lab": EDITS["clones"]}, "lab", LAB),
    "edit: clones of a routed one": Plan({"lab": EDITS["routed"]}, "lab", EDITS["clones"]),
    "edit: owners of a routed one": Plan({"lab": EDITS["routed"]}, "lab",
                                         file(network(PORTS, extra="mode: routed"), devices=TUN)),
    "down of clones": Plan({"lab": EDITS["clones"]}, "lab", None),
    "edit: clones get IPv6": Plan({"lab": EDITS["clones"]}, "lab", CLONES6),
    "edit: no more clones, with IPv6": Plan({"lab": CLONES6}, "lab", IP6),
    "down of clones with IPv6": Plan({"lab": CLONES6}, "lab", None),
    "edit: routed, with IPv6": Plan({"lab": IP6}, "lab", ROUTED6),
    "edit: no more routed, with IPv6": Plan({"lab": ROUTED6}, "lab", IP6),
    "edit: a routed one gets IPv6": Plan({"lab": EDITS["routed"]}, "lab", ROUTED6),
    "edit: a routed one without IPv6": Plan({"lab": ROUTED6}, "lab", EDITS["routed"]),
    "down of a routed one with IPv6": Plan({"lab": ROUTED6}, "lab", None),
    "edit: a part of the uplink's IPv6": Plan({"lab": ROUTED6}, "lab", PART6),
    "edit: no more of the uplink's IPv6": Plan({"lab": PART6}, "lab", ROUTED6),
    "down with a part of the uplink's IPv6": Plan({"lab": PART6}, "lab", None),
    "up beside another set, both with IPv6": Plan({"other": OTHER6}, "lab", IP6),
    "edit: another subnet of IPv6": Plan({"lab": IP6}, "lab", IP6.replace("fd00:20:", "fd00:21:")),
    "edit: forwards of both families": Plan({"lab": IP6}, "lab", FORWARDS6),
    "edit: no more IPv6": Plan({"lab": IP6}, "lab", IP6.replace("fd00:20::1/64", "none")),
    "down with IPv6": Plan({"lab": IP6}, "lab", None),
    "down beside another set, both with IPv6": Plan({"lab": IP6, "other": OTHER6}, "lab", None),
    "up of mode bridge": Plan({}, "lab", BRIDGED),
    "edit: mode bridge renamed": Plan({"lab": BRIDGED}, "lab", BRIDGED.replace("lan:", "net:")),
    "down of mode bridge": Plan({"lab": BRIDGED}, "lab", None),
    "down beside another set": Plan({"lab": LAB, "other": OTHER}, "lab", None),
    "up beside a filter": Plan({}, "lab", LAB + COEXIST),
    "edit beside a filter": Plan({"lab": LAB + COEXIST}, "lab", file(network(FORWARDS)) + COEXIST),
    "down beside a filter": Plan({"lab": MANY + COEXIST}, "lab", None),
}
