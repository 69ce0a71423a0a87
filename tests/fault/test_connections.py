# SPDX-License-Identifier: MIT
"""Guests that were connected stay so, whenever an up that edits their network is killed, or fails.

      host                                      guest 1            guest 2
    +---------------------------------------+ +---------+        +---------+
    | strike -- tapnet up                   | |         |  TCP   |         |
    |   lab-web --+-- relay.py -------------+-+ eth0 ===+========+         |
    |             +-- br-lab 10.20.0.1/24   | +---------+        |         |
    |   lab-db  --+-- relay.py -------------+--------------------+ eth0    |
    +---------------------------------------+                    +---------+
"""

import errno

import pytest

from plans import LAB, PORTS, TAP, Plan, file, network
from tapnet_test.nsguest import Connection, NamespaceGuest

SAMPLE = 8
# All that can change around two ports that stay.
EDITED = Plan({"lab": LAB}, "lab",
              file(network({"web": "{ hostname: www }", "db": PORTS["db"], "mail": "{}"}),
                   network({"a": "{}"}, "cell", "10.21.0.1/24", "mode: isolated"), devices=TAP))


@pytest.fixture
def connection(lab):
    lab.bring(EDITED.before)
    ports = {port["name"]: port for port in lab.tapnet.status("lab")["ports"]}
    guests = [NamespaceGuest(lab.host, ports[name]) for name in ("web", "db")]
    made = Connection(*guests)
    made.exchange()
    yield made
    for guest in guests:
        guest.close()


def look(lab):
    """Without the guests' connection, which the host's conntrack may see."""
    return "\n".join(line for line in lab.look().splitlines() if not line.startswith("conntrack"))


def test_a_connection_survives_every_kill_of_an_edit(lab, connection):
    """Edit, killed; the same edit again; and back to where it was, without a down in between."""
    before = look(lab)
    calls = lab.strike(words=lab.command(EDITED)).calls
    lab.up("lab", LAB)
    for number in lab.tally.sample(range(1, len(calls) + 1), SAMPLE):
        words = lab.command(EDITED)
        strike = lab.strike("--at", number, "--kill", lab.tally.chance.choice(("before", "after")), words=words)
        lab.tally.counts["kills"] += strike.struck is not None
        connection.exchange()
        lab.tapnet(*words)
        connection.exchange()
        lab.up("lab", LAB)
        connection.exchange()
    lab.tally.differ(before, look(lab), "the host after all kills")


def test_a_connection_survives_every_failure_of_an_edit(lab, connection):
    words = lab.arguments(EDITED)
    number = 0
    while True:
        number += 1
        outcome = lab.requests(words, (number, errno.ENOMEM))
        connection.exchange()
        if outcome.worked:
            return
        lab.tally.counts["faults"] += 1
