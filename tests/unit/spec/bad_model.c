/* SPDX-License-Identifier: MIT */
/* Files whose values are right one by one and wrong together, and what is said about them. */
#include "cases.h"

/* clang-format off */
/* What others decide in a network of mode bridge, and what is said of it. */
#define LAN(key)                                                                                                       \
    "networks:\n"                                                                                                      \
    "  lab:\n"                                                                                                         \
    "    " key "\n"                                                                                                    \
    "    mode: bridge\n"
#define LAN_SAYS(place, what)                                                                                          \
    "lab.yaml:" place ": network lab: in mode bridge the network is the uplink's, which decides about " what           \
    "; leave it out, or write `mode: nat`"
#define LAN_PORT(key)                                                                                                  \
    "networks:\n"                                                                                                      \
    "  lab:\n"                                                                                                         \
    "    mode: bridge\n"                                                                                               \
    "    ports:\n"                                                                                                     \
    "      db: { " key " }\n"
#define LAN_PORT_SAYS(place, what)                                                                                     \
    "lab.yaml:" place ": port db: its network is in mode bridge, where others give addresses and reach it directly: "  \
    what " can't be given; leave it out, or write `mode: nat`"

const struct spec_case bad_model[] = {
    BAD("address-outside",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/24\n"
        "    ports:\n"
        "      db: { address: 10.20.1.7 }\n",
        "lab.yaml:5:22: port db: address 10.20.1.7 is outside 10.20.0.0/24; choose another one from 10.20.0.2 "
        "to 10.20.0.254"),
    BAD("address-of-another",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/24\n"
        "    ports:\n"
        "      web: { address: 10.20.0.7 }\n"
        "      db: { address: 10.20.0.7 }\n",
        "lab.yaml:6:22: port db: address 10.20.0.7 is already that of port web (line 5); choose another one, "
        "or leave `address:` out"),
    BAD("address-of-the-host",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/24\n"
        "    ports:\n"
        "      db: { address: 10.20.0.1 }\n",
        "lab.yaml:5:22: port db: address 10.20.0.1 is the host's own in 10.20.0.0/24; choose another one from "
        "10.20.0.2 to 10.20.0.254"),
    BAD("address-without-subnet",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      db: { address: 10.20.0.1 }\n",
        "lab.yaml:4:22: port db: address 10.20.0.1 is given, but the subnet of network lab is not; write "
        "`subnet: 10.20.0.1/24` there"),
    BAD("clones-without-all",
        "networks:\n"
        "  lab: { clones: { mac: 52:54:00:00:00:07 } }\n",
        "lab.yaml:2:18: network lab: clones: `address` is missing; write it as in `address: 10.30.0.7`"),
    BAD("clones-without-subnet",
        "networks:\n"
        "  lab: { clones: { mac: 52:54:00:00:00:07, address: 10.20.0.7 } }\n",
        "lab.yaml:2:53: network lab: the address of its clones, 10.20.0.7, is given, but the subnet is not; write "
        "`subnet: 10.20.0.1/24`"),
    BAD("clones-outside",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/24\n"
        "    clones: { mac: 52:54:00:00:00:07, address: 10.20.1.7 }\n",
        "lab.yaml:4:48: network lab: the address of its clones, 10.20.1.7, is outside 10.20.0.0/24; choose another one "
        "from 10.20.0.2 to 10.20.0.254, or another subnet: their gateway is the host's address in it"),
    BAD("clones-without-room",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/30\n"
        "    clones: { mac: 52:54:00:00:00:07, address: 10.20.0.2 }\n"
        "    ports: { a: {} }\n",
        "lab.yaml:3:13: network lab: subnet 10.20.0.1/30 has room for 1 guests, not for 1 ports and what clones have "
        "inside; write a larger one, as 10.20.0.1/29"),
    BAD("clones-bad-length",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.0/31\n"
        "    clones: { mac: 52:54:00:00:00:07, address: 10.20.0.1 }\n",
        "lab.yaml:3:13: network lab: subnet 10.20.0.0/31: the length of the prefix must be 8 to 30, as in "
        "10.20.0.1/24"),
    BAD("clones-bridge",
        "networks:\n"
        "  lab: { mode: bridge, clones: { mac: 52:54:00:00:00:07, address: 10.20.0.7 } }\n",
        "lab.yaml:2:32: network lab: clones have addresses of tapnet's, and in mode bridge others give them: write "
        "`mode: nat` or `mode: routed`"),
    BAD("clones-ip6",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/24\n"
        "    subnet6: auto\n"
        "    clones: { mac: 52:54:00:00:00:07, address: 10.20.0.7 }\n",
        "lab.yaml:4:14: network lab: its subnet6 is given, but not the IPv6 address that its clones have in it; write "
        "`address6:` into `clones:`, or leave `subnet6:` out"),
    BAD("clones-ip6-without-subnet",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/24\n"
        "    clones: { mac: 52:54:00:00:00:07, address: 10.20.0.7, address6: 'fd00:20::1' }\n"
        "  far:\n"
        "    subnet: 10.21.0.1/24\n"
        "    subnet6: auto\n"
        "    clones: { mac: 52:54:00:00:00:07, address: 10.21.0.7, address6: 'fd00:21::7' }\n",
        "lab.yaml:4:69: network lab: the IPv6 address of its clones, fd00:20::1, is given, but the subnet6 is not; "
        "write `subnet6: fd00:20::2/64`\n"
        "lab.yaml:8:69: network far: the IPv6 address of its clones, fd00:21::7, is given, but the subnet6 is not; "
        "write `subnet6: fd00:21::1/64`"),
    BAD("clones-ip6-outside",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/24\n"
        "    subnet6: fd00:20::1/64\n"
        "    clones: { mac: 52:54:00:00:00:07, address: 10.20.0.7, address6: 'fd00:20::1' }\n"
        "  far:\n"
        "    subnet: 10.21.0.1/24\n"
        "    subnet6: fd00:21::1/64\n"
        "    clones: { mac: 52:54:00:00:00:07, address: 10.21.0.7, address6: 'fd00:20::7' }\n",
        "lab.yaml:5:69: network lab: the IPv6 address of its clones, fd00:20::1, is the host's own in fd00:20::/64; "
        "write the one that the snapshot has, or another subnet6\n"
        "lab.yaml:9:69: network far: the IPv6 address of its clones, fd00:20::7, is outside fd00:21::/64; "
        "write the one that the snapshot has, or another subnet6"),
    BAD("clones-ip6-without-room",
        "networks:\n"
        "  lab:\n"
        "    mode: routed\n"
        "    subnet: 10.20.0.1/24\n"
        "    subnet6: fd00:20::1/126\n"
        "    clones: { mac: 52:54:00:00:00:07, address: 10.20.0.7, address6: 'fd00:20::2' }\n"
        "    ports: { a: {} }\n",
        "lab.yaml:5:14: network lab: subnet6 fd00:20::1/126 has room for 1 guests, not for 1 ports and what clones "
        "have inside; write a larger one"),
    BAD("clones-of-their-own",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/24\n"
        "    clones: { mac: 52:54:00:00:00:07, address: 10.20.0.7 }\n"
        "    ports:\n"
        "      a: { mac: 52:54:00:00:00:08 }\n"
        "      b: { mac_spoofing: true }\n"
        "      c: { address: 10.20.0.7 }\n"
        "  far:\n"
        "    subnet: 10.21.0.1/24\n"
        "    subnet6: fd00:21::1/64\n"
        "    clones: { mac: 52:54:00:00:00:07, address: 10.21.0.7, address6: 'fd00:21::7' }\n"
        "    ports: { d: { address6: 'fd00:21::7' } }\n",
        "lab.yaml:6:17: port a: mac 52:54:00:00:00:08 is not that of the clones of network lab; leave `mac:` out\n"
        "lab.yaml:7:7: port b: clones have one MAC, by which the host finds them: leave `mac_spoofing:` out\n"
        "lab.yaml:8:21: port c: address 10.20.0.7 is what all clones of network lab have inside; choose another one "
        "for this one outside, or leave `address:` out\n"
        "lab.yaml:13:29: port d: address6 fd00:21::7 is what all clones of network far have inside; choose another one "
        "for this one outside, or leave `address6:` out"),
    BAD("bridge-subnet",
        "networks:\n"
        "  lab: { mode: bridge, subnet: 10.20.0.1/24 }\n",
        "lab.yaml:2:32: network lab: in mode bridge the network is the uplink's, which decides about subnet; leave it "
        "out, or write `mode: nat`"),
    BAD("bridge-address",
        "networks:\n"
        "  lab:\n"
        "    mode: bridge\n"
        "    ports: { db: { address: 10.20.0.7 } }\n",
        "lab.yaml:4:29: port db: its network is in mode bridge, where others give addresses and reach it directly: an "
        "address can't be given; leave it out, or write `mode: nat`"),
    BAD("bridge-forward",
        "networks:\n"
        "  lab:\n"
        "    mode: bridge\n"
        "    ports: { db: { forward: ['80:80'] } }\n",
        "lab.yaml:4:30: port db: its network is in mode bridge, where others give addresses and reach it directly: "
        "forwards can't be given; leave it out, or write `mode: nat`"),
    BAD("bridge-host", LAN("host: closed"),
        "lab.yaml:3:11: network lab: in mode bridge guests reach the host by the uplink's network, as everybody there, "
        "and its own firewall alone says what: leave `host:` out, or write `mode: nat`"),
    BAD("isolated-host", "networks:\n  lab: { mode: isolated, host: allow }\n",
        "lab.yaml:2:32: network lab: in mode isolated the host has no address that guests could reach: leave "
        "`host: allow` out, or write `mode: nat`"),
    BAD("bridge-subnet6", LAN("subnet6: fd00:20::1/64"), LAN_SAYS("3:14", "subnet6")),
    BAD("bridge-mtu", LAN("mtu: 1400"), LAN_SAYS("3:10", "mtu")),
    BAD("hooks-relative",
        "networks:\n"
        "  lab:\n"
        "    hooks: { up: lab-up, down: /etc/tapnet/lab-down }\n",
        "lab.yaml:3:18: network lab: hooks: up `lab-up` is no absolute path; write one, as in "
        "`up: /etc/tapnet/lab-up`"),
    BAD("hooks-unknown",
        "networks:\n"
        "  lab:\n"
        "    hooks: { leased: /etc/tapnet/leased }\n",
        "lab.yaml:3:14: network lab: hooks: unknown key `leased` in this version; hooks has `up`, `down`, `plugged`, "
        "`unplugged`"),
    BAD("bridge-boot-file", LAN("boot_file: pxelinux.0"), LAN_SAYS("3:16", "DHCP's options")),
    BAD("bridge-search", LAN("search: [example.com, example.net]"), LAN_SAYS("3:13", "DHCP's options")),
    BAD("bridge-connections", LAN("limit: { connections: 7 }"), LAN_SAYS("3:27", "limit: connections")),
    BAD("bridge-address6", LAN_PORT("address6: fd00:20::7"), LAN_PORT_SAYS("5:23", "an address")),
    BAD("bridge-port-ntp", LAN_PORT("ntp: 192.0.2.1"), LAN_PORT_SAYS("5:18", "DHCP's options")),
    BAD("bridge-port-connections", LAN_PORT("limit: { connections: 7 }"),
        LAN_PORT_SAYS("5:35", "a limit of connections")),
    BAD("subnet-network-address",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.0/24\n",
        "lab.yaml:3:13: network lab: subnet 10.20.0.0/24: 10.20.0.0 is the network itself; write 10.20.0.1/24"),
    BAD("subnets-overlap",
        "networks:\n"
        "  lab: { subnet: 10.20.0.1/16 }\n"
        "  lan: { subnet: 10.20.5.1/24 }\n",
        "lab.yaml:3:18: network lan: subnet 10.20.5.1/24 overlaps 10.20.0.1/16 of network lab (line 2); "
        "choose another one"),
    BAD("subnet-too-small",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/30\n"
        "    ports: { a: {}, b: {} }\n",
        "lab.yaml:3:13: network lab: subnet 10.20.0.1/30 has room for 1 guests, not for 2 ports; write a "
        "larger one, as 10.20.0.1/29"),
    BAD("device-twice",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web: { device: vnet0 }\n"
        "      db: { device: vnet0 }\n",
        "lab.yaml:5:21: port db: the interface name vnet0 is already that of port web (line 4); give one of "
        "them another with `device:`"),
    BAD("device-of-two-networks",
        "networks:\n"
        "  a-b: { ports: { c: {} } }\n"
        "  a: { ports: { b-c: {} } }\n",
        "lab.yaml:3:17: port b-c: the interface name a-b-c is already that of port c (line 2); give one of "
        "them another with `device:`"),
    BAD("mac-twice",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web: { mac: 52:54:00:00:00:07 }\n"
        "      db: { mac: 52:54:00:00:00:07 }\n",
        "lab.yaml:5:18: port db: mac 52:54:00:00:00:07 is already that of the guest of port web (line 4); "
        "give it another `mac:`"),
    BAD("offload-alone",
        "devices:\n"
        "  tap1: { kind: tap, offloads: [tso4] }\n",
        "lab.yaml:2:32: device tap1: offloads: every offload needs that of checksums; add `csum`"),
    BAD("limits",
        "networks:\n"
        "  lab:\n"
        "    limit: 100mbit\n"
        "    ports:\n"
        "      web: { limit: { rate: 100, send: 1kbit, receive: 101gbit, burst: 1KiB, broadcast: -1 } }\n"
        "      db: { limit: { bandwidth: 1mbit, rate: 1mbit, rate: 2mbit, burst: 1MB } }\n",
        "lab.yaml:3:12: network lab: limit takes keys, not `100mbit`; write it as in `limit: { rate: 100mbit }`\n"
        "lab.yaml:5:29: port web: limit: rate `100` is not a rate; write a number and bit, kbit, mbit or gbit, as in "
        "`100mbit`\n"
        "lab.yaml:5:40: port web: limit: send `1kbit` is out of range; it may be 8kbit to 100gbit\n"
        "lab.yaml:5:56: port web: limit: receive `101gbit` is out of range; it may be 8kbit to 100gbit\n"
        "lab.yaml:5:72: port web: limit: burst `1KiB` is out of range; it may be 2048 to 1073741824 bytes\n"
        "lab.yaml:5:89: port web: limit: broadcast `-1` is not a plain decimal number; write it like `200`\n"
        "lab.yaml:6:22: port db: limit: unknown key `bandwidth`; did you mean `rate`?\n"
        "lab.yaml:6:53: port db: limit: `rate` is there twice; the first is in line 6\n"
        "lab.yaml:6:73: port db: limit: burst `1MB` is not a size; write a number of bytes, or one of KiB or MiB, as "
        "in `256KiB`"),
    BAD("routed-protocols",
        "networks:\n"
        "  lab:\n"
        "    mode: routed\n"
        "    ports:\n"
        "      web: { protocols: any }\n",
        "lab.yaml:5:7: port web: in mode routed guests have no link in common that other protocols could pass: leave "
        "`protocols: any` out, or write `mode: nat`"),
    BAD("isolated-uplink",
        "networks:\n"
        "  lab:\n"
        "    mode: isolated\n"
        "    uplink: eth0\n",
        "lab.yaml:4:13: network lab: uplink eth0 has no use in mode isolated; leave it out, or write `mode: "
        "nat`"),
};
/* clang-format on */

const size_t bad_model_count = sizeof(bad_model) / sizeof(bad_model[0]);
