/* SPDX-License-Identifier: MIT */
/* Files with wrong keys or the wrong kind of value under them, and what is said about them. */
#include "cases.h"

/* clang-format off */
const struct spec_case bad_keys[] = {
    BAD("unknown-near",
        "networks:\n"
        "  lab:\n"
        "    subnets: 10.20.0.1/24\n",
        "lab.yaml:3:5: network lab: unknown key `subnets`; did you mean `subnet`?"),
    BAD("unknown-swapped",
        "netwroks: {}\n",
        "lab.yaml:1:1: unknown key `netwroks`; did you mean `networks`?"),
    BAD("unknown-case",
        "Networks: {}\n",
        "lab.yaml:1:1: unknown key `Networks`; did you mean `networks`?"),
    BAD("unknown-dash",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        boot-file: x\n",
        "lab.yaml:5:9: port web: unknown key `boot-file`; did you mean `boot_file`?"),
    BAD("unknown-synonym",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        ip: 10.20.0.7\n",
        "lab.yaml:5:9: port web: unknown key `ip`; did you mean `address`?"),
    BAD("unknown-synonym-network",
        "networks:\n"
        "  lab:\n"
        "    gateway: 10.20.0.1\n",
        "lab.yaml:3:5: network lab: unknown key `gateway`; did you mean `subnet`?"),
    BAD("unknown-elsewhere",
        "ports:\n"
        "  web: {}\n",
        "lab.yaml:1:1: unknown key `ports`; it belongs to a network"),
    BAD("unknown-elsewhere-two",
        "networks:\n"
        "  lab:\n"
        "    address: 10.20.0.7\n"
        "    hostname: x\n"
        "    multi_queue: true\n",
        "lab.yaml:3:5: network lab: unknown key `address`; did you mean `subnet`?\n"
        "lab.yaml:4:5: network lab: unknown key `hostname`; it belongs to a port\n"
        "lab.yaml:5:5: network lab: unknown key `multi_queue`; it belongs to a device"),
    BAD("unknown-here-mac",
        "networks:\n"
        "  lab:\n"
        "    mac: 52:54:00:00:00:07\n",
        "lab.yaml:3:5: network lab: unknown key `mac`; it belongs to a port or a device or clones"),
    BAD("unknown-later",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        egress: [example.com]\n",
        "lab.yaml:5:9: port web: unknown key `egress` in this version; a port has `device`, `user`, `group`, `queues`, "
        "`mac`, `mac_spoofing`, `protocols`, `address`, `address6`, `hostname`, `forward`, `id`, `ntp`, `search`, "
        "`boot_file`, `boot_server`, `limit`"),
    BAD("unknown-far",
        "policy: {}\n",
        "lab.yaml:1:1: unknown key `policy` in this version; the top of the file has `version`, `name`, "
        "`networks`, `devices`, `coexist`; a network stands under `networks:`, as in `networks: { policy: {} }`"),
    BAD("network-at-the-top",
        "lab:\n"
        "  ports: { web: {} }\n",
        "lab.yaml:1:1: unknown key `lab` in this version; the top of the file has `version`, `name`, "
        "`networks`, `devices`, `coexist`; a network stands under `networks:`, as in `networks: { lab: {} }`"),
    BAD("unknown-long",
        "name: lab\n"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: "
        "1\n",
        "lab.yaml:2:1: unknown key `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...` in this "
        "version; the top of the file has `version`, `name`, `networks`, `devices`, `coexist`"),
    BAD("unknown-escaped",
        "\"a\\u001b[31m\\\\\": 1\n",
        "lab.yaml:1:1: unknown key `a\\x1b[31m\\\\` in this version; the top of the file has `version`, "
        "`name`, `networks`, `devices`, `coexist`"),
    BAD("unknown-not-ascii",
        "n\xc3\xa9tworks: {}\n",
        "lab.yaml:1:1: unknown key `n\\xc3\\xa9tworks`; did you mean `networks`?"),
    BAD("unknown-nul",
        "\"name\\0\": lab\n",
        "lab.yaml:1:1: unknown key `name\\x00`; did you mean `name`?"),
    BAD("unknown-empty-key",
        "\"\": 1\n",
        "lab.yaml:1:1: unknown key `` in this version; the top of the file has `version`, `name`, `networks`, "
        "`devices`, `coexist`"),
    BAD("key-is-a-map",
        "{a: b}: c\n",
        "lab.yaml:1:1: a key was expected here, not a map"),
    BAD("key-is-a-list",
        "networks:\n"
        "  lab:\n"
        "    [a]: b\n",
        "lab.yaml:3:5: network lab: a key was expected here, not a list"),
    BAD("key-only",
        "networks: {lab}\n"
        "nam\n",
        "lab.yaml:2:1: this is not `key: value`; a `:` and a space are missing"),
    BAD("duplicate-top",
        "name: lab\n"
        "name: lab\n",
        "lab.yaml:2:1: `name` is there twice; the first is in line 1"),
    BAD("duplicate-key",
        "networks:\n"
        "  lab:\n"
        "    mtu: 1400\n"
        "    mtu: 1400\n",
        "lab.yaml:4:5: network lab: `mtu` is there twice; the first is in line 3"),
    BAD("duplicate-networks",
        "networks: { lab: {} }\n"
        "networks: { lan: {} }\n",
        "lab.yaml:2:1: `networks` is there twice; the first is in line 1"),
    BAD("duplicate-network",
        "networks:\n"
        "  lab:\n"
        "    mtu: 1400\n"
        "  lab: {}\n",
        "lab.yaml:4:3: network `lab` is there twice; the first is in line 2"),
    BAD("duplicate-port",
        "networks: { lab: { ports: { web: {}, db: {}, web: {} } } }\n",
        "lab.yaml:1:46: network lab: port `web` is there twice; the first is in line 1"),
    BAD("duplicate-device",
        "devices: { tun1: { kind: tun }, tun1: { kind: tun } }\n",
        "lab.yaml:1:33: device `tun1` is there twice; the first is in line 1"),
    BAD("duplicate-quoted",
        "networks: { lab: {}, \"lab\": {} }\n",
        "lab.yaml:1:22: network `lab` is there twice; the first is in line 1"),

    /* What stands where something else should */
    BAD("networks-text",
        "networks: lab\n",
        "lab.yaml:1:11: networks takes names with their keys, not `lab`; write it as in `networks: { lab: {} "
        "}`"),
    BAD("networks-list",
        "networks: [lab, lan]\n",
        "lab.yaml:1:11: networks takes names with their keys, not a list; write it as in `networks: { lab: {} "
        "}`"),
    BAD("networks-null",
        "networks: ~\n",
        "lab.yaml:1:11: networks takes names with their keys, not `~`; write it as in `networks: { lab: {} }`"),
    BAD("network-text",
        "networks:\n"
        "  lab: nat\n",
        "lab.yaml:2:8: network lab: keys were expected here, not `nat`; write `lab: {}` when there is nothing "
        "to say"),
    BAD("network-null",
        "networks:\n"
        "  lab: null\n",
        "lab.yaml:2:8: network lab: keys were expected here, not `null`; write `lab: {}` when there is "
        "nothing to say"),
    BAD("network-list",
        "networks:\n"
        "  lab: [nat]\n",
        "lab.yaml:2:8: network lab: keys were expected here, not a list; write `lab: {}` when there is "
        "nothing to say"),
    BAD("network-quoted-nothing",
        "networks:\n"
        "  lab: \"\"\n",
        "lab.yaml:2:8: network lab: keys were expected here, not an empty text; write `lab: {}` when there is "
        "nothing to say"),
    BAD("ports-list",
        "networks:\n"
        "  lab:\n"
        "    ports: [web, db]\n",
        "lab.yaml:3:12: network lab: ports takes names with their keys, not a list; write it as in `ports: { "
        "web: {} }`"),
    BAD("ports-number",
        "networks:\n"
        "  lab:\n"
        "    ports: 3\n",
        "lab.yaml:3:12: network lab: ports takes names with their keys, not `3`; write it as in `ports: { "
        "web: {} }`"),
    BAD("port-text",
        "networks:\n"
        "  lab:\n"
        "    ports: { web: 52:54:00:00:00:07 }\n",
        "lab.yaml:3:19: port web: keys were expected here, not `52:54:00:00:00:07`; write `web: {}` when "
        "there is nothing to say"),
    BAD("mode-map",
        "networks:\n"
        "  lab:\n"
        "    mode: { nat: true }\n",
        "lab.yaml:3:11: network lab: mode takes one value, not a map; write it as in `mode: nat`"),
    BAD("mtu-list",
        "networks:\n"
        "  lab:\n"
        "    mtu: [1400]\n",
        "lab.yaml:3:10: network lab: mtu takes one value, not a list; write it as in `mtu: 1450`"),
    BAD("ntp-map",
        "networks:\n"
        "  lab:\n"
        "    ntp: { a: b }\n",
        "lab.yaml:3:10: network lab: ntp takes single values, not a map; write it as in `ntp: 192.0.2.123`"),
    BAD("ntp-list-of-lists",
        "networks:\n"
        "  lab:\n"
        "    ntp: [[10.20.0.1]]\n",
        "lab.yaml:3:11: network lab: ntp takes single values, not a list; write it as in `ntp: 192.0.2.123`"),
    BAD("ntp-empty-list",
        "networks:\n"
        "  lab:\n"
        "    ntp: []\n",
        "lab.yaml:3:10: network lab: ntp: the list is empty; leave the key out"),
    BAD("mtu-nothing",
        "networks:\n"
        "  lab:\n"
        "    mtu:\n",
        "lab.yaml:3:9: network lab: mtu has no value; write one as in `mtu: 1450`, or leave the key out"),
    BAD("mtu-quoted-nothing",
        "networks:\n"
        "  lab:\n"
        "    mtu: \"\"\n",
        "lab.yaml:3:10: network lab: mtu has no value; write one as in `mtu: 1450`, or leave the key out"),
};
/* clang-format on */

const size_t bad_keys_count = sizeof(bad_keys) / sizeof(bad_keys[0]);
