# SPDX-License-Identifier: MIT
"""`tapnet why` and a gallery of broken networks: it names the cause, what it says to do mends it, and of a network that
works it says nothing wrong.

      guests             host under test                            outside
    +-------+          +------------------------------------+     +------------------+
    |  web  +-- TAP ---+ lab-web --+                        |     |  192.0.2.1       |
    +-------+          |           +-- br-lab -- NAT -- eth0 +-----+  198.41.0.4      |
    |  db   +-- TAP ---+ lab-db ---+   10.20.0.1/24         |     |  (lo)            |
    +-------+          +------------------------------------+     +------------------+
"""

import subprocess

import pytest
from gallery import GALLERY
from tapnet_test.build import Tapnet, program
from tapnet_test.nsguest import NamespaceGuest
from tapnet_test.waiting import wait_for
from tapnet_test.world import OUTSIDE_ADDRESS, World
from why_lab import Lab, assert_named_and_mended, words


@pytest.fixture(scope="module")
def lab():
    with World() as world:
        made = Lab(world)
        yield made
        made.close()


@pytest.mark.parametrize("broken", GALLERY, ids=lambda broken: broken.name.replace(" ", "-"))
def test_the_cause_is_named_and_the_command_mends_it(lab, broken):
    assert_named_and_mended(lab, broken)


# ---- a packet that is tried ----

@pytest.mark.parametrize("asked, seen", [
    (("web", "db"), "bridge prerouting, bridge forward, bridge postrouting"),
    (("web", "outside"), "bridge prerouting, bridge input, prerouting, forward, postrouting"),
    (("web", "outside", "tcp", "443"), "postrouting"),
    (("web", "host"), "prerouting, input"),
    (("web", "host", "udp", "53"), "prerouting, input"),
])
def test_a_packet_that_is_tried_passes_where_it_was_said_to(lab, asked, seen):
    answer = lab.why((*asked, "--trace"))
    last = answer["steps"][-1]
    assert last["name"] == "trace" and last["verdict"] == "passes" and seen in last["text"], words(answer)
    assert not answer["stops"]
    assert "tapnet-trace" not in lab.host.run("nft", "list", "ruleset").stdout


def test_the_rule_that_drops_it_is_named_by_the_kernel(lab):
    lab.host.run("sh", "-ec", "nft 'add table inet fw; add chain inet fw c { type filter hook forward priority 5; }; "
                 "add rule inet fw c meta length < 100 drop'")
    try:
        answer = lab.why(("web", "outside", "--trace"))
        names = [step["name"] for step in answer["steps"]]
        assert "disagreement" in names  # reading can't know how long it will be
        step = answer["steps"][names.index("trace")]
        assert step["verdict"] == "stops" and "table inet fw, chain c" in step["text"] and answer["stops"]
    finally:
        lab.host.run("nft", "delete table inet fw")


def test_nothing_is_left_of_a_trace_that_is_killed(lab):
    seen = False
    for _ in range(20):  # it is there for a fifth of a second
        tracing = lab.host.popen(program(), "why", "web", "outside", "--trace", stdout=subprocess.DEVNULL)
        while tracing.poll() is None and not seen:
            seen = "tapnet-trace" in lab.host.run("nft", "list", "tables").stdout
        tracing.kill()
        if tracing.wait() != 0 and seen:
            break
        seen = False
    assert seen
    wait_for(lambda: "tapnet-trace" not in lab.host.run("nft", "list", "tables").stdout)


def test_only_guests_can_be_tried(lab):
    refused = lab.tapnet("why", "host", "web", "--trace", check=False)
    assert refused.returncode == 2 and "FROM must be a port" in refused.stderr


# ---- what is no fault of the network ----

@pytest.mark.parametrize("asked, said", [
    (("outside", "web", "tcp", "81"), "nothing else comes in"),
    (("web", "host", "tcp", "22"), "may not reach the host"),
    (("web", "169.254.169.254"), "169.254.169.254 is link-local"),
    (("web", "169.254.169.254", "tcp", "80"), "169.254.169.254 is link-local"),
    (("web", "127.0.0.1"), "127.0.0.1 is each machine's own"),
    (("web", "127.0.0.1", "udp", "53"), "127.0.0.1 is each machine's own"),
    (("web", "224.0.0.251", "udp", "5353"), "224.0.0.251 is a group's"),
    (("web", "255.255.255.255", "udp", "9"), "255.255.255.255 is a broadcast"),
])
def test_what_the_guards_are_for_is_said_as_such(lab, asked, said):
    answer = lab.why(asked)
    assert answer["stops"] and said in answer["steps"][-1]["text"] and answer["steps"][-1]["command"] is None


@pytest.mark.parametrize("mode, forwards, last, said", [
    ("nat", "127.0.0.1:2222:22", "forward-local", "the forward 127.0.0.1:2222:22 is the host's own only"),
    ("nat", "127.0.0.1:2222:22, 2223:22", "port-unheld", ""),
    ("routed", "127.0.0.1:2222:22", "port-unheld", ""),
])
def test_a_forward_of_the_hosts_own(lab, mode, forwards, last, said):
    """Nobody outside comes by it, and it is in nobody's way who comes by another, or by a route."""
    lab.tapnet("up", lab.tapnet.file(f"networks: {{ other: {{ mode: {mode}, subnet: 10.30.0.1/24, ports: "
                                     f"{{ a: {{ forward: [{forwards}] }} }} }} }}", "other.yaml"))
    try:
        answer = lab.why(("outside", "a", "tcp", "22"))
        step = answer["steps"][-1]
        assert answer["stops"] and step["name"] == last and said in step["text"], words(answer)
        assert not said or step["command"] is None
    finally:
        lab.tapnet("down", "other")


@pytest.mark.parametrize("asked, said", [
    (("nobody", "outside"), "'nobody' is no port of a network that is up"),
    (("host", "nonsense"), "'nonsense' is no port of a network that is up"),
    (("nonsense", "host"), "'nonsense' is no port of a network that is up"),
    (("host", ""), "'' is no port of a network that is up"),
    (("host", "1.2.3"), "'1.2.3' is no port of a network that is up, no address"),
    (("--json", "host", "nonsense"), "'nonsense' is no port of a network that is up"),
    (("host", "host"), "neither 'host' nor 'host' is a guest"),
    (("host", "outside"), "neither 'host' nor 'outside' is a guest"),
    (("web", "web"), "are the same guest"),
    (("web", "10.20.0.99"), "'10.20.0.99' is in the subnet of network lab, and none of its ports has it"),
    (("web", "192.0.2.1", "-6"), "'192.0.2.1' is an address of IPv4, and IPv6 is asked about"),
    (("10.20.0.7", "2001:db8::1"), "'10.20.0.7' is an address of IPv4, and IPv6 is asked about"),
    (("web", "db", "tcp"), "tcp needs a port"),
    (("web", "db", "sctp", "80"), "tcp, udp or icmp"),
    (("web", "db", "tcp", "99999"), "is no port"),
    (("web",), "TO is missing"),
    (("web", "db", "tcp", "80", "81"), "one word too many"),
])
def test_a_question_that_makes_no_sense(lab, asked, said):
    refused = lab.tapnet("why", *asked, check=False)
    assert refused.returncode == 2 and said in refused.stderr, refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize("asked", [("web", "db"), ("lab/web", "db.lab"), ("10.20.0.7", "10.20.0.8"),
                                   ("lab-web", "lab/db"), ("web", "host"), ("host", "db"), ("web", "192.0.2.1"),
                                   ("web", "outside", "tcp", "443"), ("outside", "web", "tcp", "80"),
                                   ("web", "host", "udp", "53"),
                                   ("web", "host", "udp", "67")])
def test_whatever_works_is_never_called_broken(lab, asked):
    answer = lab.why(asked)
    assert not answer["stops"], words(answer)
    text = lab.tapnet("why", *asked).stdout
    assert "nothing that can be seen stops it" in text and "and back:" in text


def test_a_guest_that_is_not_plugged_in(lab):
    lab.tapnet("up", lab.tapnet.file("networks: { other: { subnet: 10.30.0.1/24, ports: { a: {} } } }", "other.yaml"))
    try:
        answer = lab.why(("a", "outside"))
        assert answer["stops"] and answer["steps"][-1]["name"] == "port-unheld"
    finally:
        lab.tapnet("down", "other")


@pytest.mark.parametrize("mode, far", [("isolated", "mode"), ("routed", None)])
def test_networks_of_other_modes(lab, mode, far):
    """As far as it can be told without outside knowing the way back: two guests, and the outside."""
    lab.tapnet("up", lab.tapnet.file(f"networks: {{ other: {{ mode: {mode}, subnet: 10.30.0.1/24, ports: "
                                     "{ a: {}, b: {} } } }", "other.yaml"))
    ports = {port["name"]: port for port in lab.tapnet.status("other")["ports"]}
    guests = [NamespaceGuest(lab.host, ports[name]) for name in "ab"]
    try:
        if mode == "routed":
            for guest in guests:
                guest.netns.run("ip", "route", "add", "default", "via", "10.30.0.1", "dev", "eth0", "onlink")
        guests[0].netns.run("ping", "-c1", "-W2", guests[1].address)
        near, out = lab.why(("a", "b")), lab.why(("a", "outside"))
        assert not near["stops"], words(near)
        assert out["stops"] == bool(far), words(out)
        assert not far or out["steps"][-1]["name"] == far
        across = lab.why(("a", "web"))
        assert across["stops"], words(across)
    finally:
        for guest in guests:
            guest.close()
        lab.tapnet("down", "other")


def test_among_a_thousand_ports_and_thousands_of_rules(world):
    """On a host with 1,000 ports and 5,000 rules of others, that all look at the packet."""
    host, tapnet = world.host, Tapnet(world.host)
    ports = ", ".join(f"p{n}: {{}}" for n in range(1000))
    tapnet("up", tapnet.file(f"networks: {{ big: {{ subnet: 10.40.0.1/16, ports: {{ {ports} }} }} }}"))
    host.run("nft", "-f", "-", input="add table inet many\nadd chain inet many c { type filter hook forward "
             "priority 0; policy accept; }\n")
    for block in range(20):  # a user namespace takes no more in one message
        host.run("nft", "-f", "-", input="".join(f"add rule inet many c ip saddr 10.99.{block}.{n} counter drop\n"
                                                 for n in range(250)))
    port, = (port for port in tapnet.status("big")["ports"] if port["name"] == "p500")
    guest = NamespaceGuest(host, port, 16)
    try:
        guest.netns.run("ip", "route", "add", "default", "via", "10.40.0.1")
        # Some wait: its first request for an address goes to a thousand ports.
        ping = ("ping", "-c1", "-W2", OUTSIDE_ADDRESS)
        wait_for(lambda: guest.netns.run(*ping, check=False).returncode == 0, 20, "an answer")
        assert "nothing that can be seen stops it" in tapnet("why", "p500", "outside").stdout
        host.run("nft", "insert", "rule", "inet", "many", "c", "ip", "saddr", port["addresses"][0], "counter", "drop")
        stopped = tapnet("why", "p500", "outside", check=False)
        assert stopped.returncode == 1 and port["addresses"][0] in stopped.stdout and "inet many" in stopped.stdout
    finally:
        guest.close()
