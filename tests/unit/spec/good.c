/* SPDX-License-Identifier: MIT */
/* Files that are right; test_good.c says what they mean. */
#include "cases.h"

/* clang-format off */
const struct spec_case good[] = {
    GOOD("smallest", "networks: { lab: { ports: { vm1: {} } } }\n"),
    GOOD("design",
         "version: 1                      # may be left out\n"
         "networks:\n"
         "  lab:\n"
         "    mode: nat\n"
         "    subnet: 10.20.0.1/24        # the host's address in it\n"
         "    ports:\n"
         "      web: { user: root }\n"
         "      db:  { address: 10.20.0.7, mac: 52:54:00:00:00:07 }\n"
         "devices:\n"
         "  tun1: { kind: tun, address: 192.168.3.11/24 }\n"),
    GOOD("words-of-yaml",
         "networks:\n"
         "  no:\n"
         "    ports:\n"
         "      on: {}\n"
         "      123: {}\n"
         "      null: { hostname: true }\n"
         "      0x10: {}\n"
         "      1e3: {}\n"
         "      'y': {}\n"
         "      \"off\": {}\n"),
    GOOD("nothing-means-defaults",
         "networks:\n"
         "  lab:\n"
         "    ports:\n"
         "      web:\n"
         "      db: {}\n"
         "  lan:\n"
         "devices:\n"),
    GOOD("no-networks", "networks: {}\n"),
    GOOD("routed", "networks: { far: { mode: routed, ports: { a: {}, b: { mac_spoofing: true } } } }\n"),
    GOOD("isolated-without-ports", "networks: { cell: { mode: isolated } }\n"),
    GOOD("limits",
         "networks:\n"
         "  lab:\n"
         "    limit: { rate: 100mbit, connections: 500, broadcast: 0 }\n"
         "    ports:\n"
         "      web: { limit: { send: 8kbit, burst: 256KiB, broadcast: 20 } }\n"
         "      db: { limit: { rate: 100GBIT, receive: 1mbit, connections: 7 } }\n"
         "  plain: { ports: { vm: { limit: } } }\n"),
    GOOD("allow",
         "networks:\n"
         "  lab: { allow: [root, '@root:3', 1000, \"@1000:1\"], ports: { a: { queues: 4 }, b: { queues: 1 } } }\n"
         "  lan: { allow: 1000:8191, pool: 16, hooks: { up: /etc/tapnet/up } }\n"),
    GOOD("open", "networks: { open: { host: allow, ports: { a: { protocols: any }, b: {} } }, closed: {} }\n"),
    GOOD("ports-apart", "networks: { apart: { ports_see_each_other: false }, together: {} }\n"),
    GOOD("quoted",
         "\"networks\":\n"
         "  'lab':\n"
         "    \"mtu\": \"1400\"\n"
         "    'subnet': '10.1.2.1/24'\n"),
    GOOD("lists",
         "networks:\n"
         "  lab:\n"
         "    ntp: [10.0.0.1, 10.0.0.2]\n"
         "    search:\n"
         "      - example.com\n"
         "      - a.example.net\n"
         "    ports:\n"
         "      web: { ntp: 10.0.0.3, boot_file: http://10.0.0.9/boot.ipxe, boot_server: 10.0.0.9 }\n"
         "devices:\n"
         "  tap1:\n"
         "    kind: tap\n"
         "    address:\n"
         "    - 10.9.0.1/24\n"
         "    - fd00:9::1/64\n"
         "    multi_queue: true\n"
         "    mtu: 9000\n"
         "    mac: 02:00:00:00:00:09\n"),
    GOOD("device-settings",
         "devices:\n"
         "  tap1:\n"
         "    kind: tap\n"
         "    up: false\n"
         "    queue_length: 2000\n"
         "    offloads: [csum, tso4, tso6, ecn, uso4, uso6, tunnel, tunnel-csum]\n"
         "    vnet_header_size: 12\n"
         "  tun1: { kind: tun, offloads: none, up: true, link_type: 512 }\n"
         "  tun2: { kind: tun, offloads: [none] }\n"
         "  tun3: { kind: tun, offloads: csum }\n"),
    GOOD("names-given",
         "name: office\n"
         "networks:\n"
         "  lab:\n"
         "    bridge: vmbr0\n"
         "    uplink: eth0.100\n"
         "    ports:\n"
         "      web: { device: vnet0, hostname: www, user: 1000, group: 1001 }\n"),
    GOOD("ids",
         "networks:\n"
         "  lab:\n"
         "    id: 5b2e7d3c-90a1-4c55-8a39-0d2c7b1f6e44\n"
         "    ports:\n"
         "      web: { id: a8f2c9d0-1b3e-4f67-9a21-7c0e5d4b8f13 }\n"),
    GOOD("carriage-returns", "networks:\r\n  lab:\r\n    mtu: 1400\r\n"),
    GOOD("byte-order-mark", "\xef\xbb\xbfnetworks: { lab: { mtu: 1400 } }\n"),
    GOOD("no-newline-at-end", "networks: { lab: { mtu: 1400 } }"),
    GOOD("document-marks", "%YAML 1.1\n---\nnetworks: { lab: { mtu: 1400 } }\n...\n"),
    GOOD("not-ascii-comment", "# B\xc3\xbcro\nnetworks: { lab: { mtu: 1400 } } # \xe2\x82\xac\n"),
    GOOD("unicode-escape", "networks: { \"\\u006cab\": { mtu: 1400 } }\n"),
    GOOD("devices-only", "devices: { tun1: { kind: tun, mtu: 1400, user: 0, group: 0 }, tap1: { kind: tap } }\n"),
    GOOD("tab-after-key", "networks:\t{ lab:\t{ mtu: 1400\t} }\t# tabs that do not indent\n"),
    GOOD("routed-ip6", "networks: { far: { mode: routed, subnet6: 'fd00:20::1/64', ports: { a: {}, b: {} } } }\n"),
    GOOD("clones",
         "networks:\n"
         "  lab:\n"
         "    subnet: 10.20.0.1/16\n"
         "    clones: { mac: 52:54:00:00:00:07, address: 10.20.0.7 }\n"
         "    ports: { a: {}, b: { address: 10.20.0.8, forward: 8080:80 }, c: { mac: 52:54:00:00:00:07 } }\n"),
    GOOD("clones-ip6",
         "networks:\n"
         "  lab:\n"
         "    subnet: 10.20.0.1/16\n"
         "    subnet6: fd00:20::1/64\n"
         "    clones: { mac: 52:54:00:00:00:07, address: 10.20.0.7, address6: 'fd00:20::7' }\n"
         "    ports: { a: {}, b: { address6: 'fd00:20::8', forward: '[::]:8080:80' } }\n"),
    GOOD("routed-limits",
         "networks:\n"
         "  lab:\n"
         "    mode: routed\n"
         "    limit: { receive: 1mbit }\n"
         "    ports:\n"
         "      web: { limit: { send: 1mbit } }\n"),
    GOOD("forward-ip6",
         "networks: { lab: { subnet6: auto, ports: { web: { forward: [\"[::]:8080:80\", 0.0.0.0:8080:81] } } } }\n"),
    GOOD("forward-routed",
         "networks: { lab: { mode: routed, subnet: 10.20.0.1/24, ports: { web: { forward: 8080:80 } } } }\n"),
    GOOD("forwards",
         "networks:\n"
         "  lab:\n"
         "    ports:\n"
         "      web: { forward: 8080:80 }\n"
         "      db:\n"
         "        forward: [\"127.0.0.1:2222:22\", 8000-8010:9000-9010/udp]\n"
         "      mail: { forward: [25:25, 80:80, 110:110, 143:143, 443:443, 465:465, 587:587, 993:993, 995:995] }\n"),
};
/* clang-format on */

const size_t good_count = sizeof(good) / sizeof(good[0]);
