# SPDX-License-Identifier: MIT
"""IPv6 of a routed network: each guest behind a cable of its own, and the host its router.

      host under test                                            outside, which has a route to the subnet by the host
    +--------------------------------------------------------+  +-------------------------------+
    | guest web ── lab-web  fe80::1, a route to its address  |  |  router advertisements        |
    |              rt-lab   fd00:20::1/64              eth0 ─┼──┤ out0  2001:db8:a::1/64        |
    | guest db ─── lab-db   fe80::1, a route to its address  |  |  lo    2001:db8:f::1          |
    +--------------------------------------------------------+  +-------------------------------+
"""

import shutil
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6TimeExceeded, IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from ip6_lab import Guest, Lab, Outside, addresses, dhclient, dig, kill_service, make_older, sysctl
from tapnet_test.build import Tapnet
from tapnet_test.listener import Listener
from tapnet_test.service import in_netns
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for
from tapnet_test.world6 import FAR, HOST, NEAR, add_ipv6, default_routes

LAB = """
networks:
  lab:
    mode: routed
    subnet: 10.20.0.1/24
    subnet6: fd00:20::1/64
    ports:
      web: { mac: 52:54:00:00:00:02 }
      db: { mac: 52:54:00:00:00:07, address6: fd00:20::7 }
"""
WITHOUT = LAB.replace("fd00:20::1/64", "none").replace(", address6: fd00:20::7", "")
WEB, DB = "fd00:20::5054:ff:fe00:2", "fd00:20::7"


@pytest.fixture
def lab(world, tapnet):
    add_ipv6(world)
    world.outside.run("ip", "-6", "route", "add", "fd00:20::/64", "via", HOST)
    made = Lab(world, tapnet, LAB)
    yield made
    made.close()


def test_static_guests_reach_host_outside_and_neighbour_as_they_are(lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    said = tapnet("status").stdout
    assert "10.20.0.1/24  fd00:20::1/64" in said and WEB in said and DB in said
    web, db = (lab.guest(name).up(address, length=128) for name, address in (("web", WEB), ("db", DB)))
    listener = Listener(lab.outside, "out0")
    for address in ("fd00:20::1", "fe80::1%eth0", DB, NEAR, FAR):
        assert web.reaches(address), address
    heard = [Ether(data) for _, data in listener.end()]
    assert {packet[IPv6].src for packet in heard if ICMPv6EchoRequest in packet} == {WEB}, "not masqueraded"
    assert db.reaches(WEB) and Outside(lab).reaches(DB)
    assert not web.reaches(HOST, wait=1), "the host's own address outside"
    assert default_routes(lab.host), "the host forgot its router"
    web.close(), db.close()
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_a_guest_without_any_program_numbers_itself(lab):
    """The kernel alone: its router, its address, its MTU come from the advertisement; nothing is on its link."""
    web = lab.up().guest("web").up()
    assert wait_for(lambda: addresses(web)) == [WEB]
    assert default_routes(web.netns)[0]["gateway"] == "fe80::1"
    assert not [route for route in web.netns.json("ip", "-j", "-6", "route") if route["dst"] == "fd00:20::/64"]
    db = lab.guest("db").up(DB, length=128)
    assert web.reaches(FAR) and web.reaches(DB) and db.reaches(WEB)


def test_a_guest_that_draws_addresses_by_lot_has_its_ports_by_dhcpv6(lab):
    web = lab.up(LAB.replace("mac: 52:54:00:00:00:02", "")).guest("web")
    web.run("sysctl", "-qw", "net.ipv6.conf.eth0.addr_gen_mode=3")  # stable and random (RFC 7217)
    web.up()
    wait_for(lambda: default_routes(web.netns))
    assert addresses(web) == []
    lease, wanted = dhclient(web), lab.ports["web"]["addresses"][1]
    assert f"iaaddr {wanted}" in lease and "dhcp6.name-servers fd00:20::1" in lease
    assert addresses(web) == [wanted]
    assert web.reaches(FAR) and web.reaches("fd00:20::1")


def test_names_over_ipv6(lab):
    web = lab.up().guest("web").up()
    wait_for(lambda: addresses(web))
    for words in (["db.lab", "AAAA"], ["db", "AAAA"], ["+tcp", "db.lab", "AAAA"]):
        assert dig(web, *words) == [DB]
    assert dig(web, "-x", DB) == ["db.lab."]
    assert dig(web, "outside.example", "A") == ["192.0.2.1"]


def test_ports_that_do_not_see_each_other(lab):
    lab.up(LAB.replace("subnet:", "ports_see_each_other: false\n    subnet:"))
    web, db = lab.guest("web").up(WEB, length=128), lab.guest("db").up(DB, length=128)
    assert web.reaches(FAR) and db.reaches(FAR) and db.reaches("fd00:20::1")
    assert not web.reaches(DB, wait=1) and not db.reaches(WEB, wait=1)


def test_guests_are_told_that_their_router_goes(lab):
    web = lab.up().guest("web").up()
    wait_for(lambda: addresses(web))
    assert default_routes(web.netns)
    lab.up(WITHOUT)
    wait_for(lambda: not default_routes(web.netns))


def test_ipv6_comes_and_goes_with_its_line(lab, tapnet):
    """Without it nothing of a guest's IPv6 passes, and the ports have none of their own."""
    lab.up(WITHOUT)
    assert not [info for link in lab.host.json("ip", "-j", "-6", "address", "show", "dev", "lab-web")
                for info in link.get("addr_info", []) if "local" in info]
    web = lab.guest("web").up()
    assert not web.reaches("fe80::1%eth0", wait=1)
    lab.up()
    web.run("ip", "link", "set", "eth0", "down")
    web.run("ip", "link", "set", "eth0", "up")
    wait_for(lambda: addresses(web))
    assert web.reaches(FAR)
    lab.up(WITHOUT)
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    assert not web.reaches(FAR, wait=1) and not web.reaches("fe80::1%eth0", wait=1)


# ---- limits ----

SEND = """
import socket, sys
for port in range(20000, 20010):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.bind(("::", port))
        sender.sendto(b"%d" % port, (sys.argv[1], 9999))
"""


def test_connections_have_a_limit_of_their_own(lab, tapnet):
    lab.up(LAB.replace("mac: 52:54:00:00:00:02", "mac: 52:54:00:00:00:02, limit: { connections: 4 }"))
    web = lab.guest("web").up(WEB, length=128)
    assert web.reaches(NEAR)
    lab.host.run("conntrack", "-D", "-f", "ipv6", check=False)
    receiver = in_netns(lab.outside, lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
    with receiver:
        receiver.bind((NEAR, 9999))
        receiver.settimeout(1)
        web.run(sys.executable, "-c", SEND, NEAR)
        assert {receiver.recv(100) for _ in range(4)} == {b"20000", b"20001", b"20002", b"20003"}
        with pytest.raises(socket.timeout):
            receiver.recv(100)
    port = next(port for port in tapnet.status("lab")["ports"] if port["name"] == "web")
    assert port["refused_connections"] == 6


def test_nobody_puts_a_fragment_into_anothers_packet(lab, tapnet):
    """The guards come before the kernel puts fragments together: a forged one alone is dropped, and counted."""
    lab.up()
    web = lab.guest("web").up(WEB, length=128)
    assert web.reaches(NEAR)
    port = lab.host.json("ip", "-j", "link", "show", "lab-web")[0]["address"]
    own = web.run("cat", "/sys/class/net/eth0/address").stdout.strip()
    forged = (Ether(src=own, dst=port) / IPv6(src=NEAR, dst=HOST) / IPv6ExtHdrFragment(nh=17, offset=100, m=1, id=7) /
              Raw(b"B" * 800))
    with in_netns(web.netns, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)) as sender:
        sender.sendto(bytes(forged), ("eth0", 0))
    wait_for(lambda: next(port for port in tapnet.status("lab")["ports"] if port["name"] == "web")["blocked"] == 1)
    assert web.run("ping", "-6", "-c1", "-W3", "-s", "4000", NEAR).returncode == 0, "its own fragments pass"


def count_until(receiver, done):
    """How many datagrams came before done() was so and nothing had come for as long as @receiver waits."""
    count = 0
    while True:
        over = done()
        try:
            receiver.recv(2000)
            count += 1
        except socket.timeout:
            if over:
                return count


def test_what_a_guest_sends_has_a_limit(lab, tapnet):
    """Of both families together; what it is limited to arrives, and its names are answered."""
    lab.up(LAB.replace("mac: 52:54:00:00:00:02", "mac: 52:54:00:00:00:02, limit: { send: 1mbit }"))
    web = lab.guest("web").up()
    assert wait_for(lambda: addresses(web)) == [WEB]
    assert web.reaches(FAR) and dig(web, "db.lab", "AAAA") == [DB]
    # In bursts that the queue of the guest's own device takes: what is lost there, tapnet can't count.
    flood = f"""
import socket, time
sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for _ in range(40):
    for _ in range(50):
        sender.sendto(bytes(1000), ("{NEAR}", 9999))
    time.sleep(0.01)
"""
    # Counted as they arrive: a queue that nobody empties would drop them, too, and only root may make it larger.
    with in_netns(lab.outside, lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as receiver:
        receiver.bind((NEAR, 9999))
        receiver.settimeout(0.5)
        with ThreadPoolExecutor(1) as pool:
            flooding = pool.submit(web.run, sys.executable, "-c", flood)
            count = count_until(receiver, flooding.done)
            flooding.result()
    assert 20 < count < 600, "a second's worth and its burst, of 16 s"
    port = next(port for port in tapnet.status("lab")["ports"] if port["name"] == "web")
    assert port["blocked"] > count, "most of it"


# ---- what the host sees of it ----

PORTS = ("lab-web.forwarding", "lab-db.forwarding")


def test_the_host_keeps_its_router(lab, tapnet):
    lab.up()
    assert [sysctl(lab.host, name) for name in ("eth0.accept_ra", "all.forwarding", *PORTS)] == ["2", "0", "1", "1"]
    assert default_routes(lab.host)[0]["gateway"] == "fe80::a"
    closed = lab.host.run("nft", "list", "set", "inet", "tapnet", "closed6").stdout
    assert "eth0" in closed and sysctl(lab.host, "eth0.force_forwarding") == "1"
    tapnet("down", lab.file)
    assert [sysctl(lab.host, f"eth0.{name}") for name in ("accept_ra", "force_forwarding")] == ["1", "0"]
    assert default_routes(lab.host)[0]["gateway"] == "fe80::a"


@pytest.fixture(params=["by-the-uplink", "by-all-interfaces"])
def forwarding(request, host):
    """The sysctls that are changed, and what they are while a network is up."""
    if request.param == "by-the-uplink":
        return {"eth0.accept_ra": "2", "eth0.force_forwarding": "1"}
    make_older(host)
    return {"eth0.accept_ra": "2", "all.forwarding": "1"}


def test_the_kernel_tells_what_is_to_be_put_back(forwarding, lab, tapnet):
    """Somebody tidies the run directory up. Before, all works, whatever the kernel can do."""
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    assert {name: sysctl(lab.host, name) for name in forwarding} == forwarding
    web = lab.guest("web").up()
    wait_for(lambda: addresses(web))
    assert web.reaches(FAR) and Outside(lab).reaches(WEB)
    web.close()
    shutil.rmtree(tapnet.run_dir)
    tapnet("down", "lab")
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_what_another_set_needs_stays(forwarding, lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    desk = tapnet.file("networks: { desk: { mode: routed, subnet: 10.30.0.1/24, subnet6: 'fd00:30::1/64', "
                       "ports: { a: {} } } }\n", "desk.yaml")
    tapnet("up", desk)
    shutil.rmtree(tapnet.run_dir)
    tapnet("down", "lab")
    assert {name: sysctl(lab.host, name) for name in forwarding} == forwarding
    tapnet("down", "desk")
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


DAMAGES = {
    "route": ("ip -6 route delete fd00:20::7 dev lab-db", "route to fd00:20::7 by lab-db is missing"),
    "route-source": ("ip -6 route replace fd00:20::7 dev lab-db proto 116",
                     "route to fd00:20::7 by lab-db the host speaks to its guest from another address"),
    "router-address": ("ip -6 address delete fe80::1/64 dev lab-web", "address fe80::1/64 on lab-web is missing"),
    "network-address": ("ip -6 address delete fd00:20::1/64 dev rt-lab", "address fd00:20::1/64 on rt-lab is missing"),
    "neighbour": ("ip -6 neigh delete fd00:20::7 dev lab-db", "neighbour fd00:20::7 on lab-db is missing"),
    "another-neighbour": ("ip -6 neigh replace fd00:20::7 lladdr 52:54:00:99:99:99 dev lab-db protocol 116",
                          "neighbour fd00:20::7 on lab-db"),
    "accept-ra": ("sysctl -qw net.ipv6.conf.eth0.accept_ra=1", "sysctl net/ipv6/conf/eth0/accept_ra"),
    "uplink-forwarding": ("sysctl -qw net.ipv6.conf.eth0.force_forwarding=0",
                          "sysctl net/ipv6/conf/eth0/force_forwarding"),
    "port-forwarding": ("sysctl -qw net.ipv6.conf.lab-web.forwarding=0", "tap lab-web does not route IPv6"),
    "port-forced": ("sysctl -qw net.ipv6.conf.lab-web.force_forwarding=0", "tap lab-web does not route IPv6"),
    "port-down-and-up": ("ip link set lab-web down; ip link set lab-web up", "address fe80::1/64 on lab-web"),
    "elements": ("nft flush set inet tapnet routed_addresses6", "element routed_addresses6 { lab-web ."),
    "peers": ("nft flush set inet tapnet peers6", "element peers6 {"),
    "ways": ("nft flush set inet tapnet ways6", "element ways6 { eth0 . lab-web }"),
    "rule": ("nft flush chain inet tapnet from_routed6", "table inet tapnet"),
    "port": ("ip link delete lab-db", "tap lab-db is missing"),
    "service": (kill_service, "DHCP and DNS for network lab"),
}


@pytest.mark.parametrize("keeper", [True, False], ids=["by-the-keeper", "by-up"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_others_damage_is_mended(world, host, damage, keeper):
    add_ipv6(world)
    world.outside.run("ip", "-6", "route", "add", "fd00:20::/64", "via", HOST)
    tapnet, (hurt, said) = Tapnet(host, keeper=keeper), DAMAGES[damage]
    file = tapnet.file(LAB)
    tapnet("up", file)
    try:
        if callable(hurt):
            hurt(host)
        else:
            host.run("sh", "-ec", hurt)
        if keeper:
            wait_for(lambda: tapnet("status", check=False).returncode == 0)
        else:
            told = tapnet("status", check=False)
            assert told.returncode == 1 and said in told.stdout, told.stdout
            tapnet("up", file)
        assert tapnet("status").returncode == 0
        guests = [Guest(host, port).up(port["addresses"][1], length=128) for port in tapnet.status("lab")["ports"]]
        assert guests[0].reaches(FAR) and guests[0].reaches("fd00:20::1")
        assert guests[0].reaches(DB) and guests[1].reaches(WEB)
        for guest in guests:
            guest.close()
    finally:
        tapnet("down", "--all", check=False)


def test_the_host_speaks_to_guests_from_the_networks_address(lab):
    """Which stands on no port: also where another of the host's would do as well, and in what it says of errors."""
    lab.up()
    web = lab.guest("web").up(WEB, length=128)
    said = lab.host.json("ip", "-j", "address", "show", "to", "fd00:20::1")
    assert [link["ifname"] for link in said if link.get("addr_info")] == ["rt-lab"]
    lab.host.run("ip", "-6", "address", "add", "fd00:20::5054:ff:fe00:3/128", "dev", "eth0", "nodad")
    listener = Listener(web.netns, "eth0")
    assert lab.host.run("ping", "-6", "-c1", "-W2", WEB, check=False).returncode == 0
    web.run("ping", "-6", "-c1", "-W1", "-t1", FAR, check=False)
    heard = [Ether(data) for _, data in listener.end()]
    assert {packet[IPv6].src for packet in heard
            if ICMPv6EchoRequest in packet and packet[IPv6].dst == WEB} == {"fd00:20::1"}
    assert {packet[IPv6].src for packet in heard if ICMPv6TimeExceeded in packet} == {"fd00:20::1"}


def add_peer(device, address, peer):
    """As tapnet had it before guests had routes: the host's address on the port, the guest's at its other end."""
    def attribute(kind, data):
        return struct.pack("HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)

    ours, theirs = (socket.inet_pton(socket.AF_INET6, text) for text in (address, peer))
    body = struct.pack("BBBBi", socket.AF_INET6, 128, 0x02, 0, socket.if_nametoindex(device))  # IFA_F_NODAD
    body += attribute(2, ours) + attribute(1, theirs) + attribute(11, b"\x74")  # IFA_LOCAL, _ADDRESS, _PROTO
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(struct.pack("IHHII", 16 + len(body), 20, 0x605, 1, 0) + body)  # RTM_NEWADDR, to be made, acked
        assert struct.unpack("IHHIIi", netlink.recv(4096)[:20])[5] == 0


def test_what_an_older_tapnet_made_becomes_what_this_one_makes(lab, tapnet):
    """While guests are plugged in, and nobody does anything in them."""
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    web, db = lab.guest("web").up(WEB, length=128), lab.guest("db").up(DB, length=128)
    made = snapshot(lab.host, run_dir=tapnet.run_dir)
    for name, address in ("web", WEB), ("db", DB):
        lab.host.run("ip", "-6", "route", "delete", address, "dev", f"lab-{name}")
        in_netns(lab.host, partial(add_peer, f"lab-{name}", "fd00:20::1", address))
    assert web.reaches(DB) and web.reaches("fd00:20::1") and web.reaches(FAR)
    planned = tapnet("plan", lab.file, check=False).stdout
    assert f"route to {WEB} by lab-web" in planned and f"address fd00:20::1/128 to {WEB} on lab-web" in planned
    tapnet("up", lab.file)
    assert_same(made, snapshot(lab.host, run_dir=tapnet.run_dir))
    assert web.reaches(DB) and web.reaches("fd00:20::1") and web.reaches(FAR) and db.reaches(WEB)
    web.close(), db.close()
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


# ---- live ----

def test_the_mode_changes_while_guests_run(lab, tapnet):
    """Nobody does anything in them. Their addresses stay, and so do their devices."""
    nat = LAB.replace("mode: routed", "mode: nat")
    lab.up(nat)
    web, db = lab.guest("web").up(), lab.guest("db").up(DB)
    assert wait_for(lambda: addresses(web)) == [WEB]
    assert web.reaches(FAR) and web.reaches(DB)
    for text in LAB, nat, LAB:
        lab.up(text)
        assert tapnet("status").returncode == 0 and "nothing to do" in tapnet("plan", lab.file).stdout
        for guest in web, db:  # what they know of each other they ask again soon
            guest.run("ip", "-6", "neigh", "flush", "dev", "eth0")
        for guest, others in ((web, (FAR, "fd00:20::1", DB)), (db, (FAR, "fd00:20::1", WEB))):
            for address in others:
                wait_for(lambda: guest.reaches(address, wait=1), 30, f"{address} is out of reach")
        assert addresses(web) == [WEB]


def test_a_guest_that_takes_its_neighbours_to_be_on_its_link(lab):
    """With a static address and the subnet's whole prefix, as people have it. It asks, and the host stands in."""
    lab.up()
    web, db = lab.guest("web").up(WEB, length=64), lab.guest("db").up(DB, length=64)
    assert web.reaches(DB) and db.reaches(WEB)
    assert web.reaches("fd00:20::1") and web.reaches(FAR)
    web.run("ip", "-6", "route", "replace", "default", "via", "fd00:20::1", "dev", "eth0")
    web.run("ip", "-6", "neigh", "flush", "dev", "eth0")
    assert web.reaches(FAR) and web.reaches(DB)
    known = {entry["dst"]: entry.get("lladdr") for entry in web.netns.json("ip", "-j", "-6", "neigh")}
    assert known[DB] == known["fd00:20::1"] == lab.host.json("ip", "-j", "link", "show", "lab-web")[0]["address"]
    assert not web.reaches("fd00:20::99", wait=1)


def test_guests_without_dhcp_are_told_what_works(lab, tapnet):
    """What `status --guest` says is typed as it stands, and the neighbour is reached by the host."""
    lab.up()
    web, db = lab.guest("web"), lab.guest("db").up(DB, length=128)
    web.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=0")
    said = tapnet("status", "--guest", "lab/web").stdout
    typed = "\n".join(line for line in said.splitlines() if line.startswith("  ip "))
    web.run("sh", "-ec", typed)
    for address in (FAR, DB, "fd00:20::1"):
        wait_for(lambda: web.reaches(address, wait=1), 5, address)
    assert db.reaches(WEB)
