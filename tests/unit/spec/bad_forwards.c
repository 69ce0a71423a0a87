/* SPDX-License-Identifier: MIT */
/* Files with forwards that are wrong, one by one or together, and what is said about them. */
#include "cases.h"

/* clang-format off */
const struct spec_case bad_forwards[] = {
    /* One by one */
    BAD("forward-one-port",
        "networks: { lab: { ports: { web: { forward: 80 } } } }\n",
        "lab.yaml:1:45: port web: forward `80` names one port only; write the host's and then the guest's, as in "
        "`8080:80`, `127.0.0.1:2222:22` or `8000-8010:8000-8010/udp`"),
    BAD("forward-protocol-first",
        "networks: { lab: { ports: { web: { forward: [8080:80, udp/53:53] } } } }\n",
        "lab.yaml:1:55: port web: forward `udp/53:53` begins with its protocol; write that at the end, as in "
        "`53:53/udp`"),
    BAD("forward-loopback",
        "networks: { lab: { ports: { web: { forward: 127.0.0.53:53:53/udp } } } }\n",
        "lab.yaml:1:45: port web: forward `127.0.0.53:53:53/udp` names a loopback address that is left to the "
        "host's programs; of those, 127.0.0.1 can be forwarded"),
    BAD("forward-range",
        "networks: { lab: { ports: { web: { forward: 8000-8010:80 } } } }\n",
        "lab.yaml:1:45: port web: forward `8000-8010:80` has more ports on one side than on the other; write as "
        "many, as in `8000-8010:9000-9010`"),
    BAD("forward-empty-list",
        "networks: { lab: { ports: { web: { forward: [] } } } }\n",
        "lab.yaml:1:45: port web: forward: the list is empty; leave the key out"),
    BAD("forward-map",
        "networks: { lab: { ports: { web: { forward: { 8080: 80 } } } } }\n",
        "lab.yaml:1:45: port web: forward takes single values, not a map; write it as in `forward: [8080:80, "
        "127.0.0.1:2222:22, 5000-5009:5000-5009/udp]`"),
    /* Together */
    BAD("forward-twice",
        "networks:\n"
        "  lab:\n"
        "    ports:\n"
        "      web: { forward: [8080:80, 9000-9010:9000-9010] }\n"
        "      db:\n"
        "        forward:\n"
        "          - 8080:80/udp\n"
        "          - 127.0.0.1:9005:5\n",
        "lab.yaml:8:13: port db: forward 127.0.0.1:9005:5: TCP port 9005 of the host is already forwarded to port "
        "web (line 4); choose another one"),
    BAD("forward-repeated",
        "networks: { lab: { ports: { web: { forward: [8080:80, 8080:80] } } } }\n",
        "lab.yaml:1:55: port web: forward 8080:80: TCP port 8080 of the host is already forwarded to port web "
        "(line 1); choose another one"),
    BAD("forward-isolated",
        "networks: { cell: { mode: isolated, ports: { web: { forward: 8080:80 } } } }\n",
        "lab.yaml:1:62: port web: forward 8080:80 has no use in mode isolated, where nothing comes in; leave it "
        "out, or write `mode: nat`"),
    BAD("forward-ip6",
        "networks: { lab: { ports: { web: { forward: \"[::]:8080:80\" } } } }\n",
        "lab.yaml:1:45: port web: forward [::]:8080:80: the guest has no IPv6 address that it could lead to; write "
        "`subnet6: auto` for network lab, or name an IPv4 address of the host, or none"),
    BAD("forward-dns6",
        "networks: { lab: { subnet6: auto, ports: { web: { forward: \"[::]:10000-10100:10000-10100\" } } } }\n",
        "lab.yaml:1:60: port web: forward [::]:10000-10100:10000-10100: at port 10053 tapnet's own DNS listens for "
        "guests; choose another port of the host"),
    BAD("forward-dns",
        "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: { forward: 10000-10100:10000-10100/udp } } } }\n",
        "lab.yaml:1:67: port web: forward 10000-10100:10000-10100/udp: at port 10053 tapnet's own DNS listens for "
        "guests; choose another port of the host"),
};
/* clang-format on */

const size_t bad_forwards_count = sizeof(bad_forwards) / sizeof(bad_forwards[0]);
