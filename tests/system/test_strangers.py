# SPDX-License-Identifier: MIT
"""A device that somebody puts into a network's bridge by hand: no guard sees what it sends, and everybody is told so.

      host under test
    +------------------------------------------------+
    |  web -------- lab-web --+                      |
    |  (a guest)              +-- br-lab 10.20.0.1   |
    |  a stranger - tap9 -----+                      |
    +------------------------------------------------+
"""

import json
import os

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Ether

from tap_guest import Guest
from tapnet_test.service import in_netns
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for
from test_status_watch import NEVER, Changes

MAC = "52:54:00:00:00:06"
LAB = f"""
networks:
  lab:
    mode: isolated
    subnet: 10.20.0.1/24
    ports: {{ web: {{ address: 10.20.0.6, mac: "{MAC}" }} }}
"""
SAID = "network lab: tap9 is in its bridge br-lab and is no port of it: no guard sees what it sends"


@pytest.fixture
def lab(tapnet, host):
    tapnet("up", tapnet.file(LAB))
    yield tapnet
    tapnet("down", "--all")


def add_tap(host, name="tap9"):
    host.run("ip", "tuntap", "add", "dev", name, "mode", "tap")
    host.run("ip", "link", "set", name, "up")


def warnings(tapnet):
    return tapnet.json_of_status()["warnings"]


def unguarded(tapnet):
    shown = json.loads(tapnet("doctor", "--json", check=False).stdout)["findings"]
    return [finding for finding in shown if finding["name"] == "unguarded"]


def hears_forged(host, guest, sender):
    """Whether the guest hears a ping that comes from a MAC and an address which are none of the sender's."""
    sender.send(Ether(src="52:54:00:66:66:66", dst=MAC) / IP(src="10.20.0.1", dst=guest.address) / ICMP(id=7))
    return any(ICMP in frame and frame[ICMP].id == 7 for frame in guest.receive(1))


def test_who_is_told_and_what_takes_it_out(lab, host):
    before = snapshot(host, run_dir=lab.run_dir)
    add_tap(host)
    assert lab.json("status")["networks"][0]["strangers"] == [] and not warnings(lab) and not unguarded(lab)
    host.run("ip", "link", "set", "tap9", "master", "br-lab")
    web = in_netns(host, lambda: Guest("lab-web", MAC, "10.20.0.6"))
    stranger = in_netns(host, lambda: Guest("tap9", MAC))
    wait_for(lambda: hears_forged(host, web, stranger), why=lambda: "what is said of it is not true")
    assert lab.json("status")["networks"][0]["strangers"] == ["tap9"]
    text, = warnings(lab)
    assert text.startswith(SAID) and text in lab("status").stdout
    found, = unguarded(lab)
    assert found["evidence"] == SAID and found["severity"] == "warning"
    assert f"`{found['command']}`" in text
    host.run("sh", "-ec", found["command"])
    assert not warnings(lab) and not unguarded(lab) and not hears_forged(host, web, stranger)
    os.close(web.fd)
    os.close(stranger.fd)
    host.run("ip", "link", "del", "tap9")
    lab("up", lab.file(LAB))
    assert_same(before, snapshot(host, run_dir=lab.run_dir))


def test_it_is_told_when_it_comes_and_when_it_goes(lab, host):
    add_tap(host)
    changes = Changes(host, lab, "--interval", NEVER)
    host.run("ip", "link", "set", "tap9", "master", "br-lab")
    told = changes.until("stranger")
    assert (told["network"], told["device"], told["text"]) == ("lab", "tap9", "br-lab") and "port" not in told
    host.run("ip", "link", "set", "tap9", "nomaster")
    assert changes.until("left")["device"] == "tap9"
    changes.close()
    host.run("ip", "link", "del", "tap9")


def test_tapnet_puts_none_there_unless_it_is_forced(lab, host):
    refused = lab("device", "add", "tap9", "--bridge", "br-lab", check=False)
    assert refused.returncode == 1 and "add a port to the file" in refused.stderr and not warnings(lab)
    lab("device", "add", "tap9", "--bridge", "br-lab", "--force")
    assert warnings(lab)[0].startswith(SAID)
    lab("device", "del", "tap9")


def test_a_name_that_is_no_word_of_a_shell(lab, host):
    """Whoever made the device chose its name: it is shown without what plays tricks, and typed as one word."""
    for name in ("a;reboot", "$(id)", "\x1b[31mred", "\N{POUND SIGN}9"):
        host.run("ip", "tuntap", "add", "dev", name, "mode", "tap")
        host.run("ip", "link", "set", name, "master", "br-lab")
        (text,), (found,) = warnings(lab), unguarded(lab)
        shown = "".join(letter if " " <= letter <= "~" else "?" for letter in name.encode().decode("latin-1"))
        assert f"network lab: {shown} is in its bridge" in text
        assert f"`ip link set '{shown}' nomaster`" in text and found["command"] == f"ip link set '{shown}' nomaster"
        assert lab.json("status")["networks"][0]["strangers"] == [shown]
        host.run("ip", "link", "del", name)
