# SPDX-License-Identifier: MIT
"""`tapnet why` by IPv6: as by IPv4 (test_why.py) it names the cause, what it says to do mends it, and of a network that
works it says nothing wrong.

      guests             host under test                                  outside, a router
    +-------+          +------------------------------------------+     +--------------------------+
    |  web  +-- TAP ---+ lab-web --+                              |     |  out0 2001:db8:a::1      |
    | ...:7 |          |           +-- br-lab -- NAT66 -- eth0 ----+-----+       fe80::a            |
    +-------+          |  fd00:20::1   fe80::1    2001:db8:a::2   |     |  lo   2001:503:ba3e::2:30 |
    |  db   +-- TAP ---+ lab-db ---+                              |     |                          |
    +-------+          +------------------------------------------+     +--------------------------+
"""

import pytest
from gallery6 import BACK, GALLERY6, LAB6, OUTSIDE6
from ip6_lab import Guest
from tapnet_test.build import Tapnet, program
from tapnet_test.serving import serve
from tapnet_test.world import World
from tapnet_test.world6 import FAR, HOST, NEAR, add_ipv6
from why_lab import Lab, assert_named_and_mended, words


class Lab6(Lab):
    """The lab, asked about by IPv6."""

    asks = ("-6",)
    addresses = {"outside": OUTSIDE6, "host": "fd00:20::1", "web": "fd00:20::7", "db": "fd00:20::8"}
    forwarded = f"http://[{HOST}]:8080/"

    def __init__(self, world):
        self.world, self.host, self.large = world, world.host, False
        self.tapnet = Tapnet(world.host)
        self.host.env["PATH"] = f"{program().parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        self.host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-ip6tables=0")
        add_ipv6(world)
        world.outside.run("ip", "-6", "address", "add", f"{OUTSIDE6}/128", "dev", "lo", "nodad")
        self.file = self.tapnet.file(LAB6)
        self.tapnet("up", self.file)
        ports = {port["name"]: port for port in self.tapnet.status("lab")["ports"]}
        self.web, self.db = (Guest(self.host, ports[name]).up(self.addresses[name]) for name in ("web", "db"))
        serve(self.web.netns, self.addresses["web"])

    def reset(self):
        self.host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-ip6tables=0")
        super().reset()
        self.host.run("sh", "-ec", f"ip -6 route show default | grep -q fe80::a || {BACK}")


@pytest.fixture(scope="module")
def lab():
    with World() as world:
        made = Lab6(world)
        yield made
        made.close()


@pytest.mark.parametrize("broken", GALLERY6, ids=lambda broken: broken.name.replace(" ", "-"))
def test_the_cause_is_named_and_the_command_mends_it(lab, broken):
    if "force_forwarding" in str(broken.hurt) and lab.host.run("test", "-e", "/proc/sys/net/ipv6/conf/all/"
                                                               "force_forwarding", check=False).returncode:
        pytest.skip("interfaces forward by themselves from Linux 6.17 on")
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


def test_the_rule_that_drops_it_is_named_by_the_kernel(lab):
    lab.host.run("sh", "-ec", "nft 'add table inet fw; add chain inet fw c { type filter hook forward priority 5; }; "
                 "add rule inet fw c meta length < 100 drop'")
    try:
        answer = lab.why(("web", "outside", "--trace"))
        step, = (step for step in answer["steps"] if step["name"] == "trace")
        assert step["verdict"] == "stops" and "table inet fw, chain c" in step["text"] and answer["stops"]
    finally:
        lab.host.run("nft", "delete table inet fw")


# ---- what is asked ----

@pytest.mark.parametrize("asked", [
    ("-6", "web", "db"), ("-6", "lab/web", "db.lab"), ("fd00:20::7", "fd00:20::8"), ("web", "fd00:20::8"),
    ("-6", "web", "host"), ("web", "fd00:20::1"), ("web", "fe80::1"), ("-6", "host", "db"), ("web", NEAR),
    ("web", FAR), ("web", FAR, "tcp", "443"), ("web", "outside", "-6"), ("outside", "fd00:20::7", "tcp", "80"),
    (FAR, "web", "tcp", "80"), ("-6", "web", "host", "udp", "53"), ("web", "fd00:20::1", "udp", "53"),
    ("-6", "web", "host", "udp", "547"),
])
def test_whatever_works_is_never_called_broken(lab, asked):
    text = lab.tapnet("why", *asked).stdout
    assert "nothing that can be seen stops it" in text and "and back:" in text
    assert ("may be dropped" in text) == ("53" in asked), text  # a client's port might be a DHCP server's
    assert "not known" not in text, text


@pytest.mark.parametrize("asked, said", [
    (("outside", "web", "tcp", "81"), "nothing else comes in"),
    (("web", "host", "tcp", "22"), "may not reach the host"),
    (("web", "fe80::1", "tcp", "22"), "may not reach the host"),
    (("web", "fe80::99"), "fe80::99 is link-local"),
    (("web", "::1"), "::1 is each machine's own"),
    (("web", "ff02::fb", "udp", "5353"), "ff02::fb is a group's"),
    (("web", "fd00:ec2::254", "tcp", "80"), "fd00:ec2::254 is where a cloud tells of its machines"),
])
def test_what_the_guards_are_for_is_said_as_such(lab, asked, said):
    answer = lab.why(asked)
    assert answer["stops"] and said in answer["steps"][-1]["text"], words(answer)
    assert answer["steps"][-1]["command"] is None


@pytest.mark.parametrize("asked, said", [
    (("web", "fd00:20::99"), "'fd00:20::99' is in the subnet of network lab, and none of its ports has it"),
    (("-6", "web", "10.20.0.8"), "'10.20.0.8' is an address of IPv4, and IPv6 is asked about"),
    (("-6", "four", "outside"), "'four' is a guest of network old, which has no IPv6"),
])
def test_a_question_that_makes_no_sense(lab, asked, said):
    lab.tapnet("up", lab.tapnet.file("networks: { old: { subnet6: none, ports: { four: {} } } }", "old.yaml"))
    try:
        refused = lab.tapnet("why", *asked, check=False)
        assert refused.returncode == 2 and said in refused.stderr, refused.stderr
    finally:
        lab.tapnet("down", "old")


def test_guests_that_know_their_router_by_its_advertisements(lab):
    """It is told by what the bridge says of itself: no fault of this packet, and a fault soon."""
    lab.host.run("sysctl", "-qw", "net.ipv6.conf.br-lab.forwarding=0")
    try:
        answer = lab.why(("web", "outside"))
        step, = (step for step in answer["steps"] if step["name"] == "router")
        assert not answer["stops"] and step["verdict"] == "unknown" and "forget it" in step["text"]
        lab.host.run("sh", "-ec", step["command"])
        assert not any(step["name"] == "router" for step in lab.why(("web", "outside"))["steps"])
    finally:
        lab.reset()


@pytest.mark.parametrize("mode, far", [("isolated", "mode"), ("routed", None)])
def test_networks_of_other_modes(lab, mode, far):
    lab.tapnet("up", lab.tapnet.file(f"networks: {{ other: {{ mode: {mode}, subnet: 10.30.0.1/24, "
                                     "subnet6: 'fd00:30::1/64', ports: { a: { address6: 'fd00:30::7' }, "
                                     "b: { address6: 'fd00:30::8' } } } }", "other.yaml"))
    ports = {port["name"]: port for port in lab.tapnet.status("other")["ports"]}
    guests = [Guest(lab.host, ports[name]).up(address, 128 if mode == "routed" else 64)
              for name, address in (("a", "fd00:30::7"), ("b", "fd00:30::8"))]
    try:
        assert guests[0].reaches("fd00:30::8")
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
