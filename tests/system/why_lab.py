# SPDX-License-Identifier: MIT
"""The lab of `tapnet why`: a network that works, with two guests, and what is said of it.

      guests             host under test                            outside
    +-------+          +------------------------------------+     +------------------+
    |  web  +-- TAP ---+ lab-web --+                        |     |  192.0.2.1       |
    +-------+          |           +-- br-lab -- NAT -- eth0 +-----+  198.41.0.4      |
    |  db   +-- TAP ---+ lab-db ---+   10.20.0.1/24         |     |  (lo)            |
    +-------+          +------------------------------------+     +------------------+
"""

import json
import os

import pytest
from gallery import LAB
from tapnet_test.build import Tapnet, program
from tapnet_test.nsguest import NamespaceGuest
from tapnet_test.serving import serve
from tapnet_test.world import HOST_ADDRESS

OUTSIDE = "198.41.0.4"  # what `why` takes for "outside"


class Lab:
    """The lab, up, with two guests that are plugged in."""

    asks = ()  # the words of every question
    addresses = {"outside": OUTSIDE, "host": "10.20.0.1", "web": "10.20.0.7", "db": "10.20.0.8"}
    forwarded = f"http://{HOST_ADDRESS}:8080/"

    def __init__(self, world):
        self.world, self.host = world, world.host
        self.large = False  # packets larger than most
        self.tapnet = Tapnet(world.host)
        self.host.env["PATH"] = f"{program().parent}:{os.environ['PATH']}"
        self.host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
        world.outside.run("ip", "address", "add", f"{OUTSIDE}/32", "dev", "lo")
        self.file = self.tapnet.file(LAB)
        self.tapnet("up", self.file)
        ports = {port["name"]: port for port in self.tapnet.status("lab")["ports"]}
        self.web, self.db = (NamespaceGuest(self.host, ports[name]) for name in ("web", "db"))
        for guest in (self.web, self.db):
            guest.netns.run("ip", "route", "add", "default", "via", "10.20.0.1")
        serve(self.web.netns)

    def address(self, guest):
        guest.netns.run("ip", "address", "add", f"{guest.address}/24", "dev", "eth0")
        guest.netns.run("ip", "route", "replace", "default", "via", "10.20.0.1")

    def close(self):
        self.web.close()
        self.db.close()

    def do(self, what):
        if callable(what):
            what(self)
        elif what:
            self.host.run("sh", "-ec", what)

    def why(self, asked):
        done = self.tapnet("why", *self.asks, *asked, "--json", check=False)
        assert done.stdout, done.stderr
        answer = json.loads(done.stdout)
        assert done.returncode == (1 if answer["stops"] else 0)
        return answer

    def arrives(self, asked):
        """Do the ends really reach each other? By ping, a page, or a DNS question."""
        frm, to = asked[:2]
        address = self.addresses.get(to, to)
        netns = {"host": self.host, "outside": self.world.outside}.get(frm) or getattr(self, frm).netns
        argv = ["ping", "-c1", "-W1", address]
        if self.large:  # what is too large is told by the first answer, and cut from then on
            argv = ["ping", "-c3", "-i0.3", "-W1", "-s", "1450", address]
        if frm == "outside":
            argv = ["curl", "-sS", "-m2", "--interface", self.addresses["outside"], self.forwarded]
        elif "tcp" in asked:
            host = f"[{address}]" if ":" in address else address
            argv = ["curl", "-sS", "-m2", f"http://{host}:{asked[3]}/"]
        if "67" in asked or "547" in asked:  # whoever answers DNS answers DHCP
            asked = (*asked[:2], "udp", "53")
        if "53" in asked:
            argv = ["dig", "+time=1", "+tries=1", f"@{address}", "web.lab"]
        return netns.run(*argv, check=False).returncode == 0


    def reset(self):
        """As it was before something was broken, whatever that was."""
        self.large = False
        self.host.run("ip", "link", "set", "eth0", "mtu", "1500")
        self.world.outside.run("ip", "link", "set", "out0", "mtu", "1500")
        self.host.run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0", "net.ipv4.conf.all.rp_filter=0")
        self.tapnet("up", self.file)


def words(answer):
    return "\n".join(f"{step['verdict']} {step['name']}: {step['text']} [{step['command']}]"
                     for step in answer["steps"])


def assert_works(lab, asked):
    answer = lab.why(asked)
    assert not answer["stops"], words(answer)
    assert lab.arrives(asked), words(answer)


def named(answer, broken):
    """The step that is blamed."""
    last = [step for step in answer["steps"] if step["verdict"] == broken.verdict and step["name"] == broken.step]
    assert last, words(answer)
    return last[-1]


def follow_commands(lab, asked, answer):
    """Runs what is told, as it is printed, until nothing stops the packet: there, and back, a command each."""
    for _ in range(3):
        if not answer["stops"]:
            break
        assert answer["steps"][-1]["command"], words(answer)
        lab.host.run("sh", "-ec", answer["steps"][-1]["command"])
        answer = lab.why(asked)


def assert_named_and_mended(lab, broken):
    """A row of a gallery (gallery.py): it works, is broken, the cause is named, what is told to do mends it."""
    for legacy in ("iptables-legacy", "ip6tables-legacy"):
        if legacy in str(broken.hurt) and lab.host.run(legacy, "-L", "-n", check=False).returncode:
            pytest.skip(f"there is no {legacy} here")
    lab.large = broken.large
    assert_works(lab, broken.asked)
    try:
        lab.do(broken.hurt)
        answer = lab.why(broken.asked)
        assert not lab.arrives(broken.asked), "the change breaks nothing"
        step = named(answer, broken)
        assert broken.said in step["text"], words(answer)
        assert answer["stops"] == (broken.verdict == "stops" or broken.silent), words(answer)
        if broken.tried and broken.asked[0] == "web":
            tried = lab.why((*broken.asked, "--trace"))
            assert any(step["name"] == "trace" for step in tried["steps"])
            assert not any(step["name"] == "disagreement" for step in tried["steps"]), words(tried)
        if broken.mend:
            lab.do(broken.mend)
        elif broken.verdict == "unknown":
            lab.host.run("sh", "-ec", step["command"])
        else:
            follow_commands(lab, broken.asked, answer)
        assert_works(lab, broken.asked)
    finally:
        if callable(broken.mend):
            lab.do(broken.mend)
        lab.host.run("sh", "-c", broken.after or "true", check=False)
        lab.reset()
