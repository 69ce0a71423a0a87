/* SPDX-License-Identifier: MIT */
/* Files with wrong names and values, and what is said about them. */
#include "cases.h"

/* clang-format off */
const struct spec_case bad_values[] = {
    /* Names */
    BAD("set-name-case",
        "name: Lab\n",
        "lab.yaml:1:7: name `Lab` is not a name: a-z, 0-9 and `-` only (not first or last), as in DNS; how "
        "about `lab`?"),
    BAD("set-name-underscore",
        "name: my_lab\n",
        "lab.yaml:1:7: name `my_lab` is not a name: a-z, 0-9 and `-` only (not first or last), as in DNS; how "
        "about `my-lab`?"),
    BAD("network-name-space",
        "networks: { \"my lab\": {} }\n",
        "lab.yaml:1:13: network `my lab` is not a name: a-z, 0-9 and `-` only (not first or last), as in DNS; "
        "how about `my-lab`?"),
    BAD("network-name-dash",
        "networks: { -lab: {} }\n",
        "lab.yaml:1:13: network `-lab` is not a name: a-z, 0-9 and `-` only (not first or last), as in DNS; "
        "how about `lab`?"),
    BAD("network-name-empty",
        "networks: { \"\": {} }\n",
        "lab.yaml:1:13: a network's name was expected here"),
    BAD("network-name-nothing",
        "networks: { : {} }\n",
        "lab.yaml:1:13: a value was expected here; put one that begins with `:` in quotes"),
    BAD("network-name-long",
        "networks: { aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: {} }\n",
        "lab.yaml:1:13: network `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...` is too long "
        "for a name: at most 63 characters, please"),
    BAD("network-name-dots",
        "networks: { ...: {} }\n",
        "lab.yaml:1:13: network `...` is not a name: a-z, 0-9 and `-` only, please"),
    BAD("network-name-unicode",
        "networks: { gr\xc3\xb6\xc3\x9f" "e: {} }\n",
        "lab.yaml:1:13: network `gr\\xc3\\xb6\\xc3\\x9fe` is not a name: a-z, 0-9 and `-` only (not first or "
        "last), as in DNS; how about `gr-e`?"),
    BAD("network-name-escape",
        "networks: { \"\\e]0;owned\\a\": {} }\n",
        "lab.yaml:1:13: network `\\x1b]0;owned\\x07` is not a name: a-z, 0-9 and `-` only (not first or "
        "last), as in DNS; how about `0-owned`?"),
    BAD("network-name-nul",
        "networks: { \"lab\\0x\": {} }\n",
        "lab.yaml:1:13: network `lab\\x00x` holds a NUL character; take it out"),
    BAD("network-name-map",
        "networks: { {a: b}: {} }\n",
        "lab.yaml:1:13: a network's name was expected here"),
    BAD("port-name-dot",
        "networks:\n"
        "  lab:\n"
        "    ports: { web.lab: {} }\n",
        "lab.yaml:3:14: network lab: port `web.lab` is not a name: a-z, 0-9 and `-` only (not first or last), "
        "as in DNS; how about `web-lab`?"),
    BAD("device-name-long",
        "devices: { abcdefghijklmnop: { kind: tun } }\n",
        "lab.yaml:1:12: device `abcdefghijklmnop` is not an interface name: 1 to 15 characters, please"),
    BAD("device-name-slash",
        "devices: { a/b: { kind: tun } }\n",
        "lab.yaml:1:12: device `a/b` is not an interface name: letters, digits and `-`, `_`, `.`, `+`, `@` "
        "only, please"),
    BAD("device-name-percent",
        "devices: { tap%d: { kind: tap } }\n",
        "lab.yaml:1:12: device `tap%d` is not an interface name: letters, digits and `-`, `_`, `.`, `+`, `@` "
        "only, please"),
    BAD("device-name-all",
        "devices: { all: { kind: tap } }\n",
        "lab.yaml:1:12: device `all` is not an interface name that the kernel takes; choose another one"),
    BAD("device-name-dots",
        "devices: { \"..\": { kind: tap } }\n",
        "lab.yaml:1:12: device `..` is not an interface name that the kernel takes; choose another one"),
    BAD("bridge-name-space",
        "networks:\n"
        "  lab:\n"
        "    bridge: br lab\n",
        "lab.yaml:3:13: network lab: bridge `br lab` is not an interface name: letters, digits and `-`, `_`, "
        "`.`, `+`, `@` only, please"),
    BAD("bridge-name-long",
        "networks:\n"
        "  lab:\n"
        "    bridge: a-bridge-of-sixteen\n",
        "lab.yaml:3:13: network lab: bridge `a-bridge-of-sixteen` is not an interface name: 1 to 15 "
        "characters, please"),
    BAD("hostname-case",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        hostname: WEB\n",
        "lab.yaml:5:19: port web: hostname `WEB` is not a name: a-z, 0-9 and `-` only (not first or last), as "
        "in DNS; how about `web`?"),
    BAD("id-characters",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        id: a_b\n",
        "lab.yaml:5:13: port web: id `a_b` is not an id: letters, digits and `-` only, as in "
        "`a8f2c9d0-1b3e-4f67-9a21-7c0e5d4b8f13`"),
    BAD("id-long",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        id: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
        "lab.yaml:5:13: port web: id `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...` is too "
        "long: at most 63 characters, please"),

    /* Values */
    BAD("version-two",
        "version: 2\n",
        "lab.yaml:1:10: version `2` is not known to this tapnet; it knows `1` only"),
    BAD("version-float",
        "version: 1.0\n",
        "lab.yaml:1:10: version `1.0` is not a plain decimal number; write it like `1`"),
    BAD("version-text",
        "version: one\n",
        "lab.yaml:1:10: version `one` is not a plain decimal number; write it like `1`"),
    BAD("mode-unknown",
        "networks:\n"
        "  lab:\n"
        "    mode: NAT\n",
        "lab.yaml:3:11: network lab: mode `NAT` is not known; write `nat` or `isolated` or `routed` or `bridge`"),
    BAD("mode-escape",
        "networks:\n"
        "  lab:\n"
        "    mode: \"\\e[2J\\n\"\n",
        "lab.yaml:3:11: network lab: mode `\\x1b[2J\\n` is not known; write `nat` or `isolated` or `routed` or "
        "`bridge`"),
    BAD("mtu-hex",
        "networks:\n"
        "  lab:\n"
        "    mtu: 0x5dc\n",
        "lab.yaml:3:10: network lab: mtu `0x5dc` is not a plain decimal number; write it like `1450`"),
    BAD("mtu-octal",
        "networks:\n"
        "  lab:\n"
        "    mtu: 01450\n",
        "lab.yaml:3:10: network lab: mtu `01450` is not a plain decimal number; write it like `1450`"),
    BAD("mtu-underscore",
        "networks:\n"
        "  lab:\n"
        "    mtu: 1_450\n",
        "lab.yaml:3:10: network lab: mtu `1_450` is not a plain decimal number; write it like `1450`"),
    BAD("mtu-float",
        "networks:\n"
        "  lab:\n"
        "    mtu: 1450.0\n",
        "lab.yaml:3:10: network lab: mtu `1450.0` is not a plain decimal number; write it like `1450`"),
    BAD("mtu-plus",
        "networks:\n"
        "  lab:\n"
        "    mtu: +1450\n",
        "lab.yaml:3:10: network lab: mtu `+1450` is not a plain decimal number; write it like `1450`"),
    BAD("mtu-negative",
        "networks:\n"
        "  lab:\n"
        "    mtu: -1\n",
        "lab.yaml:3:10: network lab: mtu `-1` is not a plain decimal number; write it like `1450`"),
    BAD("mtu-unit",
        "networks:\n"
        "  lab:\n"
        "    mtu: 1450 bytes\n",
        "lab.yaml:3:10: network lab: mtu `1450 bytes` is not a plain decimal number; write it like `1450`"),
    BAD("mtu-null",
        "networks:\n"
        "  lab:\n"
        "    mtu: ~\n",
        "lab.yaml:3:10: network lab: mtu `~` is not a plain decimal number; write it like `1450`"),
    BAD("mtu-small",
        "networks:\n"
        "  lab:\n"
        "    mtu: 575\n",
        "lab.yaml:3:10: network lab: mtu `575` is out of range; it may be 576 to 65521"),
    BAD("mtu-large",
        "networks:\n"
        "  lab:\n"
        "    mtu: 65522\n",
        "lab.yaml:3:10: network lab: mtu `65522` is out of range; it may be 576 to 65521"),
    BAD("mtu-huge",
        "networks:\n"
        "  lab:\n"
        "    mtu: 99999999999999999999999\n",
        "lab.yaml:3:10: network lab: mtu `99999999999999999999999` is out of range; it may be 576 to 65521"),
    BAD("mtu-sexagesimal",
        "networks:\n"
        "  lab:\n"
        "    mtu: 24:10\n",
        "lab.yaml:3:10: network lab: mtu `24:10` is not a plain decimal number; write it like `1450`"),
    BAD("subnet-no-length",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1\n",
        "lab.yaml:3:13: network lab: subnet `10.20.0.1` lacks the length of its prefix; write it as in "
        "`10.20.0.1/24`"),
    BAD("subnet-text",
        "networks:\n"
        "  lab:\n"
        "    subnet: any\n",
        "lab.yaml:3:13: network lab: subnet `any` is not an address with the length of its prefix; write it "
        "as in `10.20.0.1/24`"),
    BAD("subnet-octal",
        "networks:\n"
        "  lab:\n"
        "    subnet: 010.20.0.1/24\n",
        "lab.yaml:3:13: network lab: subnet `010.20.0.1/24` is not an address with the length of its prefix; "
        "write it as in `10.20.0.1/24`"),
    BAD("subnet-long-length",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/33\n",
        "lab.yaml:3:13: network lab: subnet `10.20.0.1/33` is not an address with the length of its prefix; "
        "write it as in `10.20.0.1/24`"),
    BAD("subnet-mask",
        "networks:\n"
        "  lab:\n"
        "    subnet: 10.20.0.1/255.255.255.0\n",
        "lab.yaml:3:13: network lab: subnet `10.20.0.1/255.255.255.0` is not an address with the length of "
        "its prefix; write it as in `10.20.0.1/24`"),
    BAD("subnet-ipv6",
        "networks:\n"
        "  lab:\n"
        "    subnet: fd00::1/64\n",
        "lab.yaml:3:13: network lab: subnet `fd00::1/64` is IPv6; only IPv4 is known here in this version, as "
        "in `10.20.0.1/24`"),
    BAD("subnet-multicast",
        "networks:\n"
        "  lab:\n"
        "    subnet: 224.0.0.1/24\n",
        "lab.yaml:3:13: network lab: subnet `224.0.0.1/24` is no machine's address; write one as in "
        "`10.20.0.1/24`"),
    BAD("subnet-loopback",
        "networks:\n"
        "  lab:\n"
        "    subnet: 127.0.0.1/8\n",
        "lab.yaml:3:13: network lab: subnet `127.0.0.1/8` is no machine's address; write one as in "
        "`10.20.0.1/24`"),
    BAD("subnet-nul",
        "networks:\n"
        "  lab:\n"
        "    subnet: \"10.20.0.1/24\\0\"\n",
        "lab.yaml:3:13: network lab: subnet `10.20.0.1/24\\x00` holds a NUL character; take it out"),
    BAD("address-length",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        address: 10.20.0.7/24\n",
        "lab.yaml:5:18: port web: address `10.20.0.7/24` has a prefix length; leave `/24` out"),
    BAD("address-short",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        address: 10.20.7\n",
        "lab.yaml:5:18: port web: address `10.20.7` is not an IPv4 address; write four decimal numbers, as in "
        "`10.20.0.7`"),
    BAD("address-ipv6",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        address: fd00::7\n",
        "lab.yaml:5:18: port web: address `fd00::7` is an IPv6 address; only IPv4 is known here in this "
        "version"),
    BAD("address-zero",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        address: 0.0.0.0\n",
        "lab.yaml:5:18: port web: address `0.0.0.0` is no machine's address; write one as in `10.20.0.7`"),
    BAD("address-broadcast",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        address: 255.255.255.255\n",
        "lab.yaml:5:18: port web: address `255.255.255.255` is no machine's address; write one as in "
        "`10.20.0.7`"),
    BAD("address-list",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        address: [10.20.0.7]\n",
        "lab.yaml:5:18: port web: address takes one value, not a list; write it as in `address: 10.20.0.7`"),
    BAD("mac-dashes",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        mac: 52-54-00-00-00-07\n",
        "lab.yaml:5:14: port web: mac `52-54-00-00-00-07` is not a MAC address; write six pairs of hex "
        "digits, as in `52:54:00:00:00:07`"),
    BAD("mac-short",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        mac: 52:54:00\n",
        "lab.yaml:5:14: port web: mac `52:54:00` is not a MAC address; write six pairs of hex digits, as in "
        "`52:54:00:00:00:07`"),
    BAD("mac-multicast",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        mac: 01:00:5e:00:00:01\n",
        "lab.yaml:5:14: port web: mac `01:00:5e:00:00:01` is a multicast address; make the first pair even, "
        "as in `52:54:00:00:00:07`"),
    BAD("mac-zero",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        mac: 00:00:00:00:00:00\n",
        "lab.yaml:5:14: port web: mac `00:00:00:00:00:00` is no device's address; write one as in "
        "`52:54:00:00:00:07`"),
    BAD("user-unknown",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        user: no-such-user-here\n",
        "lab.yaml:5:15: port web: user `no-such-user-here` is not a user of this host; see `getent passwd`, "
        "or add it with `adduser`"),
    BAD("user-octal",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        user: 0100\n",
        "lab.yaml:5:15: port web: user `0100` is not a user's number: 0 to 4294967294, without leading zeros, "
        "please"),
    BAD("user-negative",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        user: -1\n",
        "lab.yaml:5:15: port web: user `-1` is not a user of this host; see `getent passwd`, or add it with "
        "`adduser`"),
    BAD("user-none",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        user: 4294967295\n",
        "lab.yaml:5:15: port web: user `4294967295` is not a user's number: 0 to 4294967294, without leading "
        "zeros, please"),
    BAD("user-long",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        user: uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
        "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
        "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu"
        "uuuuuuuuuuu\n",
        "lab.yaml:5:15: port web: user `uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu...` is "
        "not a user of this host; see `getent passwd`, or add it with `adduser`"),
    BAD("user-hostile",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        user: \"root:x\\n\"\n",
        "lab.yaml:5:15: port web: user `root:x\\n` is not a user of this host; see `getent passwd`, or add it "
        "with `adduser`"),
    BAD("group-unknown",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        group: no-such-group-here\n",
        "lab.yaml:5:16: port web: group `no-such-group-here` is not a group of this host; see `getent group`, "
        "or add it with `addgroup`"),
    BAD("group-huge",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web:\n"
        "        group: 4294967296\n",
        "lab.yaml:5:16: port web: group `4294967296` is not a group's number: 0 to 4294967294, without "
        "leading zeros, please"),
    BAD("boot-file-long",
        "networks:\n"
        "  lab:\n"
        "    boot_file: ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "ffffffffffffffffffffffffffffffffffffffffff\n",
        "lab.yaml:3:16: network lab: boot_file `ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff.."
        ".` is too long: at most 127 characters, please"),
    BAD("boot-file-space",
        "networks:\n"
        "  lab:\n"
        "    boot_file: a file\n",
        "lab.yaml:3:16: network lab: boot_file `a file` holds `\\x20`; use printable ASCII without spaces"),
    BAD("hooks-arguments",
        "networks:\n"
        "  lab:\n"
        "    hooks: { up: /etc/tapnet/lab-up fast }\n",
        "lab.yaml:3:18: network lab: hooks: up `/etc/tapnet/lab-up fast` holds `\\x20`; name a program alone, whose "
        "path is printable ASCII without spaces; it is told by its environment"),
    BAD("address6-bare",
        "networks:\n"
        "  lab:\n"
        "    ports: { web: { address6: ::7 } }\n",
        "lab.yaml:3:31: a value was expected here; put one that begins with `:` in quotes"),
    BAD("boot-file-control",
        "networks:\n"
        "  lab:\n"
        "    boot_file: \"a\\nb\"\n",
        "lab.yaml:3:16: network lab: boot_file `a\\nb` holds `\\x0a`; use printable ASCII without spaces"),
    BAD("boot-server-name",
        "networks:\n"
        "  lab:\n"
        "    boot_server: tftp.lab\n",
        "lab.yaml:3:18: network lab: boot_server `tftp.lab` is not an IPv4 address; write four decimal "
        "numbers, as in `10.20.0.7`"),
    BAD("device-no-kind",
        "devices: { tun1: {} }\n",
        "lab.yaml:1:12: device tun1: `kind` is missing; write it as in `kind: tap`"),
    BAD("device-nothing",
        "devices:\n"
        "  tun1:\n",
        "lab.yaml:2:3: device tun1: `kind` is missing; write it as in `kind: tap`"),
    BAD("device-kind-unknown",
        "devices: { tun1: { kind: veth } }\n",
        "lab.yaml:1:26: device tun1: kind `veth` is not known; write `tun` or `tap`"),
    BAD("device-tun-mac",
        "devices:\n"
        "  tun1:\n"
        "    kind: tun\n"
        "    mac: 02:00:00:00:00:01\n",
        "lab.yaml:4:5: device tun1: a TUN carries no Ethernet; leave `mac` out, or make it `kind: tap`"),
    BAD("device-address-no-length",
        "devices:\n"
        "  tun1:\n"
        "    kind: tun\n"
        "    address: 192.168.3.11\n",
        "lab.yaml:4:14: device tun1: address `192.168.3.11` lacks the length of its prefix; write it as in "
        "`192.168.3.11/24`"),
    BAD("device-address-multicast",
        "devices:\n"
        "  tun1:\n"
        "    kind: tun\n"
        "    address: ff02::1/64\n",
        "lab.yaml:4:14: device tun1: address `ff02::1/64` is no machine's address; write one as in "
        "`192.168.3.11/24`"),
    BAD("device-address-twice",
        "devices:\n"
        "  tun1:\n"
        "    kind: tun\n"
        "    address: [192.168.3.11/24, 192.168.3.11/24]\n",
        "lab.yaml:4:32: device tun1: address `192.168.3.11/24` is in the list twice; take one out"),
    BAD("boolean-yes",
        "devices:\n"
        "  tun1:\n"
        "    kind: tun\n"
        "    multi_queue: yes\n",
        "lab.yaml:4:18: device tun1: multi_queue `yes` is neither `true` nor `false`; write one of them"),
    BAD("boolean-on",
        "devices:\n"
        "  tun1:\n"
        "    kind: tun\n"
        "    multi_queue: on\n",
        "lab.yaml:4:18: device tun1: multi_queue `on` is neither `true` nor `false`; write one of them"),
    BAD("boolean-case",
        "devices:\n"
        "  tun1:\n"
        "    kind: tun\n"
        "    multi_queue: True\n",
        "lab.yaml:4:18: device tun1: multi_queue `True` is neither `true` nor `false`; write one of them"),
    BAD("boolean-one",
        "devices:\n"
        "  tun1:\n"
        "    kind: tun\n"
        "    multi_queue: 1\n",
        "lab.yaml:4:18: device tun1: multi_queue `1` is neither `true` nor `false`; write one of them"),

    BAD("offload-unknown",
        "devices:\n"
        "  tap1: { kind: tap, offloads: [csum, tsunami] }\n",
        "lab.yaml:2:39: device tap1: offloads `tsunami` is not known; write `none` or `csum` or `tso4` or `tso6` or "
        "`ecn` or `uso4` or `uso6` or `tunnel` or `tunnel-csum`"),
    BAD("offload-twice",
        "devices:\n"
        "  tap1: { kind: tap, offloads: [csum, tso4, csum] }\n",
        "lab.yaml:2:45: device tap1: offloads `csum` is in the list twice; take one out"),
    BAD("offload-none-and-more",
        "devices:\n"
        "  tap1: { kind: tap, offloads: [csum, none] }\n"
        "  tap2: { kind: tap, offloads: [none, csum] }\n",
        "lab.yaml:2:39: device tap1: offloads: `none` stands alone; take it or the others out\n"
        "lab.yaml:3:39: device tap2: offloads: `none` stands alone; take it or the others out"),
    BAD("offload-empty",
        "devices:\n"
        "  tap1: { kind: tap, offloads: [] }\n",
        "lab.yaml:2:32: device tap1: offloads: the list is empty; leave the key out, or write `none`"),
    BAD("offload-map",
        "devices:\n"
        "  tap1: { kind: tap, offloads: { csum: true } }\n",
        "lab.yaml:2:32: device tap1: offloads takes single values, not a map; write it as in `offloads: [csum, tso4, "
        "tso6]`"),
    BAD("link-type-name",
        "devices:\n"
        "  tap1: { kind: tap, link_type: ppp }\n",
        "lab.yaml:2:33: device tap1: link_type `ppp` is not a plain decimal number; write it like `1`"),
    BAD("vnet-header-small",
        "devices:\n"
        "  tap1: { kind: tap, vnet_hdr_sz: 12, vnet_header_size: 9 }\n",
        "lab.yaml:2:22: device tap1: unknown key `vnet_hdr_sz`; did you mean `vnet_header_size`?\n"
        "lab.yaml:2:57: device tap1: vnet_header_size `9` is out of range; it may be 10 to 4096"),

    /* Several at once */
    BAD("several",
        "version: 2\n"
        "networks:\n"
        "  Lab: {}\n"
        "  lan:\n"
        "    mtu: big\n"
        "    ports:\n"
        "      web: { user: no-such-user-here, mac: x }\n"
        "    mode: bus\n",
        "lab.yaml:1:10: version `2` is not known to this tapnet; it knows `1` only\n"
        "lab.yaml:3:3: network `Lab` is not a name: a-z, 0-9 and `-` only (not first or last), as in DNS; how "
        "about `lab`?\n"
        "lab.yaml:5:10: network lan: mtu `big` is not a plain decimal number; write it like `1450`\n"
        "lab.yaml:7:20: port web: user `no-such-user-here` is not a user of this host; see `getent passwd`, "
        "or add it with `adduser`\n"
        "lab.yaml:7:44: port web: mac `x` is not a MAC address; write six pairs of hex digits, as in "
        "`52:54:00:00:00:07`\n"
        "lab.yaml:8:11: network lan: mode `bus` is not known; write `nat` or `isolated` or `routed` or `bridge`"),
    BAD("allow-nobody",
        "networks: { lab: { allow: [\"@\", \":3\", 1000:0, alice:many, \"@no-such-group-here:2\", 1000, 1000:8] } }\n",
        "lab.yaml:1:28: network lab: allow `@` names nobody; write a user, or a group with `@` before it, as in "
        "`@kvm`\n"
        "lab.yaml:1:33: network lab: allow `:3` names nobody; write a user, or a group with `@` before it, as in "
        "`@kvm`\n"
        "lab.yaml:1:39: network lab: allow `1000:0` has no number of ports behind its colon: 1 to 8191, as in "
        "`alice:3`\n"
        "lab.yaml:1:47: network lab: allow `alice:many` has no number of ports behind its colon: 1 to 8191, as in "
        "`alice:3`\n"
        "lab.yaml:1:59: network lab: allow `no-such-group-here` is not a group of this host; see `getent group`, or "
        "add it with `addgroup`\n"
        "lab.yaml:1:90: network lab: allow `1000:8` is in the list twice; take one out"),
    BAD("several-then-syntax",
        "version: 2\n"
        "name: \"lab\n",
        "lab.yaml:1:10: version `2` is not known to this tapnet; it knows `1` only\n"
        "lab.yaml:2:7: the quote that starts here is never closed"),
};
/* clang-format on */

const size_t bad_values_count = sizeof(bad_values) / sizeof(bad_values[0]);
