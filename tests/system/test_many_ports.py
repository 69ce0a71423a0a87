# SPDX-License-Identifier: MIT
"""More ports in one network of mode `nat` or `isolated` than a bridge of the kernel takes: all is as in a small one.

      host under test                                               outside: 192.0.2.1, 2001:db8:a::1
    +-----------------------------------------------------------+  +------+
    | guest web ── lab-web   10.20.0.1, fe80::1 → its addresses |  |      |
    | guest db  ── lab-db    10.20.0.1, fe80::1 → its addresses ─ eth0   |
    |   …          lab-vm1 … lab-vm1028                         |  |      |
    +-----------------------------------------------------------+  +------+
"""

import json
import os
import subprocess
import sys

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether

from ip6_lab import Lab, addresses, make_older
from tapnet_test.build import Tapnet
from tapnet_test.listener import Listener
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for
from tapnet_test.world6 import HOST, NEAR, add_ipv6, default_routes

MANY = 1030
LAB = """
networks:
  lab:
    mode: {mode}
    subnet: 10.20.0.1/16
    subnet6: fd00:20::1/64
    {more}
    ports:
      web: {{ mac: 52:54:00:00:00:02, address: 10.20.0.2 {web} }}
      db: {{ mac: 52:54:00:00:00:07, address: 10.20.0.7 }}
"""
GATEWAY, WEB, DB = "10.20.0.1", "10.20.0.2", "10.20.0.7"
WEB6, DB6 = "fd00:20::5054:ff:fe00:2", "fd00:20::5054:ff:fe00:7"
OUTSIDE, HOST4 = "192.0.2.1", "192.0.2.2"


def text(mode="nat", count=MANY, more="", web=""):
    return LAB.format(mode=mode, more=more, web=web) + "".join(f"      vm{i}: {{}}\n" for i in range(count - 2))


@pytest.fixture
def lab(world, tapnet):
    add_ipv6(world)
    for subnet in (["10.20.0.0/16", "via", HOST4], ["-6", "fd00:20::/64", "via", HOST]):
        world.outside.run("ip", *subnet[:-3], "route", "add", *subnet[-3:])
    made = Lab(world, tapnet, None)
    yield made
    made.close()


def plug(lab, name, address, gateway=GATEWAY):
    """A guest that has its IPv4 address by hand, and IPv6 as its kernel makes it of what it is told."""
    guest = lab.guest(name).up()
    guest.run("ip", "address", "add", f"{address}/16", "dev", "eth0")
    if gateway:
        guest.run("ip", "route", "add", "default", "via", gateway)
    wait_for(lambda: addresses(guest))
    return guest


def pings(netns, address, wait=2):
    return netns.run("ping", "-c1", "-W", str(wait), address, check=False).returncode == 0


def test_nat(lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up(text())
    assert "all is as wanted" in tapnet("up", lab.file).stdout
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    assert tapnet("status").returncode == 0 and tapnet.status("lab")["mode"] == "nat"
    assert not [link for link in lab.host.json("ip", "-j", "link") if link.get("master")]
    web, db = plug(lab, "web", WEB), plug(lab, "db", DB)
    listener = Listener(lab.outside, "out0")
    for address in (GATEWAY, DB, OUTSIDE, "fd00:20::1", "fe80::1%eth0", DB6, NEAR):
        assert pings(web, address), address
    assert pings(db, WEB) and pings(db, WEB6) and pings(lab.host, DB) and pings(lab.host, DB6)
    heard = [Ether(data) for _, data in listener.end()]
    assert {packet[IP].src for packet in heard if ICMP in packet and packet[ICMP].type == 8} == {HOST4}
    assert {packet[IPv6].src for packet in heard if ICMPv6EchoRequest in packet} == {HOST}
    for address in (WEB, WEB6):
        assert not pings(lab.outside, address, wait=1), "it comes in without a forward"
    assert not pings(web, HOST4, wait=1) and not pings(web, HOST, wait=1), "the host is closed"
    web.close(), db.close()
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_isolated(lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up(text("isolated"))
    assert "all is as wanted" in tapnet("up", lab.file).stdout
    assert tapnet("status").returncode == 0
    web, db = plug(lab, "web", WEB), plug(lab, "db", DB)
    assert not default_routes(web.netns), "nobody is its router"
    web.run("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0")
    for guest, others in ((web, (DB, DB6)), (db, (WEB, WEB6))):
        for address in others:
            assert pings(guest, address), address
    for address in (OUTSIDE, NEAR, GATEWAY, "fd00:20::1", "fe80::1%eth0", HOST4, HOST):
        assert not pings(web, address, wait=1), address
    for address in (WEB, WEB6):
        assert not pings(lab.outside, address, wait=1) and not pings(lab.host, address, wait=1), address
    assert default_routes(lab.host), "the host forgot its router"
    web.close(), db.close()
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_isolated_guests_have_ipv6_where_all_links_forward_or_none(lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    make_older(lab.host)
    lab.up(text("isolated"))
    web = plug(lab, "web", WEB)
    plug(lab, "db", DB)
    assert pings(web, DB6) and default_routes(lab.host)
    assert not pings(lab.outside, WEB6, wait=1)
    for guest in lab.made:
        guest.close()
    tapnet("down", lab.file)
    lab.host.run("umount", "/proc/sys/net/ipv6/conf/all/force_forwarding", check=False)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


# ---- what a small network can ----

def fetch(netns, address, port):
    """What the web server says of who asked it; "" where there is none."""
    return netns.run("curl", "-sm2", f"http://{address}:{port}/", check=False).stdout


SERVE = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("", 80), Handler)
print("serves", flush=True)
server.serve_forever()
"""


@pytest.fixture
def serve():
    started = []

    def start(guest):
        started.append(guest.netns.popen(sys.executable, "-c", SERVE, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout.readline() == "serves\n"

    yield start
    for server in started:
        server.kill()
        server.wait()
        server.stdout.close()


def test_forwards_lead_in_from_everywhere(lab, serve):
    lab.up(text(web=', forward: ["8080:80", "127.0.0.1:8081:80"]'))
    web, db = plug(lab, "web", WEB), plug(lab, "db", DB)
    serve(web)
    assert fetch(lab.outside, HOST4, 8080) == OUTSIDE, "the guest sees who asks"
    assert fetch(lab.host, HOST4, 8080) and fetch(lab.host, "127.0.0.1", 8080) and fetch(lab.host, "127.0.0.1", 8081)
    assert fetch(db.netns, HOST4, 8080) == DB and fetch(web.netns, HOST4, 8080) == GATEWAY
    assert not fetch(lab.outside, HOST4, 8081) and not fetch(lab.outside, WEB, 80)


def test_isolated_guests_use_no_forward_of_another_network(lab, serve):
    """Those of networks that lead out may."""
    other = "  other: { subnet: 10.30.0.1/24, ports: { far: { forward: [\"8080:80\"] } } }\n"
    for mode in "isolated", "nat":
        lab.up(text(mode) + other)
        far = next(port for port in lab.tapnet.status("other")["ports"])
        lab.ports["far"] = far
        web, guest = plug(lab, "web", WEB), plug(lab, "far", far["addresses"][0].split("/")[0], "10.30.0.1")
        serve(guest)
        assert bool(fetch(web.netns, HOST4, 8080)) == (mode == "nat"), mode
        web.close(), guest.close()
        lab.made.clear()


def test_guests_that_are_kept_apart(lab):
    lab.up(text(more="ports_see_each_other: false"))
    web, db = plug(lab, "web", WEB), plug(lab, "db", DB)
    for guest, others in ((web, (DB, DB6)), (db, (WEB, WEB6))):
        assert pings(guest, OUTSIDE) and pings(guest, NEAR)
        for address in others:
            assert not pings(guest, address, wait=1), address


def test_too_many_connections_are_counted(lab, tapnet):
    lab.up(text(web=", limit: { connections: 2 }"))
    web = plug(lab, "web", WEB)
    for port in range(5):
        web.run("ping", "-c1", "-W1", "-e", str(1000 + port), OUTSIDE, check=False)
    port, = [port for port in tapnet.status("lab")["ports"] if port["name"] == "web"]
    assert port["refused_connections"] == 3 and not pings(web, OUTSIDE, wait=1)


@pytest.mark.parametrize("mode", ["nat", "isolated"])
def test_a_network_grows_beyond_a_bridge_and_shrinks_again(lab, tapnet, mode):
    """Guests stay plugged in: it is a change as that of the mode is, and `plan` says what it means to them."""
    lab.up(text(mode, 3))
    web, db = plug(lab, "web", WEB), plug(lab, "db", DB)
    whose = "its gateway has another MAC" if mode == "nat" else "its neighbours have other MACs"
    for count in MANY, 3, MANY:
        file = tapnet.file(text(mode, count))
        planned = tapnet("plan", file, "--json", check=False)
        assert planned.returncode == 3, planned.stderr
        said = json.loads(planned.stdout)["effects"]
        assert [(each["kind"], each["text"]) for each in said] == [
            ("keeps", f"{whose}, for which it asks within half a minute")] * 2
        tapnet("up", file)
        assert tapnet("status").returncode == 0
        for guest in web, db:
            guest.run("ip", "neigh", "flush", "all")
        for address in [DB, DB6] + ([OUTSIDE, NEAR] if mode == "nat" else []):
            assert pings(web, address), address


def test_ports_that_come_later(lab, tapnet):
    """A network that was made without a bridge takes more; one that has a bridge says what must be written."""
    lab.up(text(count=1023))
    refused = tapnet("attach", "lab", check=False)
    assert refused.returncode == 2 and "declare as many in its file, or a `pool:`" in refused.stderr
    assert tapnet("status").returncode == 0
    lab.up(text(count=1023, more="pool: 1"))
    port = json.loads(tapnet("attach", "lab").stdout)
    lab.ports[port["port"]] = next(each for each in tapnet.status("lab")["ports"] if each["name"] == port["port"])
    guest = plug(lab, port["port"], port["addresses"][0].split("/")[0])
    assert pings(guest, OUTSIDE) and pings(guest, NEAR)
    tapnet("detach", f"lab/{port['port']}")
    assert tapnet("status").returncode == 0


def test_the_keeper_puts_back_what_is_taken_away(lab, host):
    kept = Tapnet(host, keeper=True)
    lab.up(text("isolated"))
    kept("up", lab.file)
    kept.let_look()
    for words in (["address", "del", "10.20.0.1/32", "peer", WEB, "dev", "lab-web"],
                  ["link", "set", "lab-web", "down"], ["link", "del", "lab-db"]):
        host.run("ip", *words)
        wait_for(lambda: kept("status", check=False).returncode == 0, 20, words)
    kept("down", "--all")


def test_why_and_doctor_follow_packets_there(lab, tapnet):
    def asked(*words):
        return tapnet("why", *words, check=False).stdout

    lab.up(text())
    web = plug(lab, "web", WEB)
    plug(lab, "db", DB)
    assert pings(web, DB)
    for words in (["web", "outside"], ["web", "db"], ["host", "web"], ["web", "db", "--trace"]):
        assert "nothing that can be seen stops it" in asked(*words), words
    lab.up(text("isolated"))
    for words in (["web", "db"], ["web", "db", "--trace"]):
        assert "nothing that can be seen stops it" in asked(*words), words
    for words in (["web", "outside"], ["web", "host"]):
        assert "network lab is isolated" in asked(*words)
    said = asked("host", "web")
    assert "tapnet's guards do not let it by: chain local_forwards, the host leaves the isolated alone" in said
    lab.host.run("nft", "add table ip other; "
                 "add chain ip other f { type filter hook forward priority 0; policy drop; }")
    assert "chain f" in tapnet("doctor", check=False).stdout


@pytest.mark.skipif("TAPNET_SAMPLE" in os.environ, reason="it takes long: for whole runs (tools/run-tests --long)")
def test_4000_ports(lab, tapnet):
    """A few of many: the first, the last, and that nothing stays behind."""
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up(text(count=4000))
    first, last = plug(lab, "web", WEB), lab.guest("vm3997").up()
    address = lab.ports["vm3997"]["addresses"][0].split("/")[0]
    last.run("ip", "address", "add", f"{address}/16", "dev", "eth0")
    last.run("ip", "route", "add", "default", "via", GATEWAY)
    assert pings(first, address) and pings(last, WEB) and pings(last, OUTSIDE)
    first.close(), last.close()
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))
