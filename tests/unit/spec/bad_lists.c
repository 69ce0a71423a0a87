/* SPDX-License-Identifier: MIT */
/* Mistakes in lists of values: one of them, one twice, all of them together too long. */
#include "cases.h"

/* clang-format off */
const struct spec_case bad_lists[] = {
    BAD("ntp-bad-second",
        "networks:\n"
        "  lab:\n"
        "    ntp: [10.20.0.1, time.example.com]\n",
        "lab.yaml:3:22: network lab: ntp `time.example.com` is not an IPv4 address; write four decimal "
        "numbers, as in `10.20.0.7`"),
    BAD("ntp-nine",
        "networks:\n"
        "  lab:\n"
        "    ntp: [10.20.0.1, 10.20.0.2, 10.20.0.3, 10.20.0.4, 10.20.0.5, 10.20.0.6, 10.20.0.7, 10.20.0.8, "
        "10.20.0.9]\n",
        "lab.yaml:3:99: network lab: ntp: the list is too long; at most 8 are possible"),
    BAD("ntp-twice",
        "networks:\n"
        "  lab:\n"
        "    ntp: [10.20.0.1, 10.20.0.1]\n",
        "lab.yaml:3:22: network lab: ntp `10.20.0.1` is in the list twice; take one out"),
    BAD("search-twice",
        "networks:\n"
        "  lab:\n"
        "    search: [example.com, example.com]\n",
        "lab.yaml:3:27: network lab: search `example.com` is in the list twice; take one out"),
    BAD("search-dot",
        "networks:\n"
        "  lab:\n"
        "    search: example.com.\n",
        "lab.yaml:3:13: network lab: search `example.com.` is not a domain: a-z, 0-9 and `-` between dots, as "
        "in `example.com`"),
    BAD("search-case",
        "networks:\n"
        "  lab:\n"
        "    search: Example.com\n",
        "lab.yaml:3:13: network lab: search `Example.com` is not a domain: a-z, 0-9 and `-` between dots, as "
        "in `example.com`"),
    BAD("search-long-label",
        "networks:\n"
        "  lab:\n"
        "    search: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com\n",
        "lab.yaml:3:13: network lab: search `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...` "
        "is not a domain: at most 63 characters between two dots, please"),
    BAD("search-long",
        "networks:\n"
        "  lab:\n"
        "    search: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
        "lab.yaml:3:13: network lab: search `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...` "
        "is too long for a domain: at most 253 characters, please"),
    BAD("search-too-much",
        "networks:\n"
        "  lab:\n"
        "    search: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example, "
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.example, "
        "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.example]\n",
        "lab.yaml:3:13: network lab: search: the domains take 210 bytes (each its characters and two more), and a "
        "DHCP option has room for 190 beside the network's own name; leave some out, or choose shorter ones"),
    BAD("search-one-too-much",
        "networks:\n"
        "  lab:\n"
        "    search: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
        "cccccccccccccccccccccccccccccccccccccccccccccccccc."
        "dddddddddddddddddddddddddddddddddddddddddddddddddd\n",
        "lab.yaml:3:13: network lab: search: the domains take 205 bytes (each its characters and two more), and a "
        "DHCP option has room for 190 beside the network's own name; leave some out, or choose shorter ones"),
};
/* clang-format on */

const size_t bad_lists_count = sizeof(bad_lists) / sizeof(bad_lists[0]);
