# SPDX-License-Identifier: MIT
"""IPv6 of a network: guests reach the host and the outside, which learns no address of theirs.

      host under test                                        outside, a router
    +---------------------------------------------------+   +-------------------------------+
    |  lab-web --+            fd00:20::1/64, fe80::1     |   |  router advertisements        |
    |            +-- br-lab ----------- NAT66 ----- eth0 +---+ out0  2001:db8:a::1/64        |
    |  lab-db ---+                2001:db8:a::2/64       |   |  lo    2001:db8:f::1          |
    +---------------------------------------------------+   +-------------------------------+
"""

import ipaddress
import shutil
import socket
import sys

import pytest
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether

from ip6_lab import Guest, Lab, Outside, addresses, dhclient, dig, kill_service, make_older, sysctl
from tapnet_test.build import Tapnet
from tapnet_test.listener import Listener, segment_size
from tapnet_test.netns import join
from tapnet_test.service import in_netns
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for
from tapnet_test.world6 import FAR, HOST, NEAR, add_ipv6, advertise, default_routes

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    subnet6: fd00:20::1/64
    ports:
      web: { mac: 52:54:00:00:00:02 }
      db: { mac: 52:54:00:00:00:07, address6: fd00:20::7 }
"""

WITHOUT = LAB.replace("fd00:20::1/64", "none").replace(", address6: fd00:20::7", "")


@pytest.fixture
def outside6(world):
    add_ipv6(world)
    return world


@pytest.fixture
def lab(outside6, tapnet):
    made = Lab(outside6, tapnet, LAB)
    yield made
    made.close()


def test_a_static_guest_reaches_host_outside_and_neighbour(lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    said = tapnet("status").stdout
    assert "10.20.0.1/24  fd00:20::1/64" in said and "IPv6" not in said
    assert [line.split()[-1] for line in said.splitlines() if "fd00:20::" in line][1:] == [
        "fd00:20::5054:ff:fe00:2", "fd00:20::7"]
    web, db = lab.guest("web").up("fd00:20::5054:ff:fe00:2"), lab.guest("db").up("fd00:20::7")
    for address in ("fd00:20::1", "fd00:20::7", NEAR, FAR):
        assert web.reaches(address), address
    assert db.reaches(FAR)
    assert default_routes(lab.host), "the host forgot its router"
    web.close(), db.close()
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_a_guest_without_any_program_numbers_itself(lab):
    """The kernel alone: its router, its address, its MTU come from the advertisement."""
    web = lab.up().guest("web").up()
    assert wait_for(lambda: addresses(web)) == ["fd00:20::5054:ff:fe00:2"]
    assert default_routes(web.netns)[0]["gateway"] == "fe80::1"
    assert web.reaches(FAR)


def test_a_guest_that_draws_addresses_by_lot_has_its_ports_by_dhcpv6(lab):
    """It is told not to make any up, since none would lead anywhere."""
    web = lab.up().guest("web")
    web.run("sysctl", "-qw", "net.ipv6.conf.eth0.addr_gen_mode=3")  # stable and random (RFC 7217)
    web.up()
    wait_for(lambda: default_routes(web.netns))
    assert addresses(web) == []
    lease = dhclient(web)
    assert "iaaddr fd00:20::5054:ff:fe00:2" in lease
    assert "dhcp6.name-servers fd00:20::1" in lease and 'dhcp6.domain-search "lab."' in lease
    assert addresses(web) == ["fd00:20::5054:ff:fe00:2"]
    assert web.reaches(FAR) and web.reaches("fd00:20::1")


def test_a_guest_with_a_mac_of_its_own_has_its_ports_address(lab):
    """The address follows from the MAC that was proposed for the port. The guest was started with another one."""
    lab.up(LAB.replace("web: { mac: 52:54:00:00:00:02 }", "web: {}"))
    lab.ports["web"]["mac"], wanted = "52:54:00:00:00:99", lab.ports["web"]["addresses"][1]
    web = lab.guest("web").up()
    wait_for(lambda: default_routes(web.netns))
    assert addresses(web) == []
    assert f"iaaddr {wanted}" in dhclient(web)
    assert web.reaches(FAR) and web.reaches("fd00:20::1")


def test_a_guest_that_has_an_address_asks_for_the_rest(lab):
    web = lab.up().guest("web").up()
    wait_for(lambda: addresses(web))
    dhclient(web, "-S")
    settings = web.run("cat", "/etc/resolv.conf").stdout
    assert "nameserver fd00:20::1" in settings and "search lab" in settings


def test_names_over_ipv6(lab):
    web = lab.up().guest("web").up()
    wait_for(lambda: addresses(web))
    for words in (["db.lab", "AAAA"], ["db", "AAAA"], ["+tcp", "db.lab", "AAAA"]):
        assert dig(web, *words) == ["fd00:20::7"]
    assert dig(web, "db.lab", "A") == [lab.ports["db"]["addresses"][0]]
    assert dig(web, "-x", "fd00:20::7") == ["db.lab."]
    assert dig(web, "-x", "fd00:20::1") == ["gateway.lab."]
    assert dig(web, "gateway.lab", "AAAA") == ["fd00:20::1"]
    assert "NXDOMAIN" in web.run("dig", "@fd00:20::1", "-x", "fd00:20::8").stdout
    assert dig(web, "outside.example", "A") == ["192.0.2.1"]


# ---- whom guests reach, and as who ----


def test_a_public_subnet_is_passed_on_as_it_is(lab):
    """Those outside have a route to it by the host. Still nobody comes in."""
    address = "2001:db8:20:0:5054:ff:fe00:2"
    lab.outside.run("ip", "-6", "route", "add", "2001:db8:20::/64", "via", HOST)
    web = lab.up(LAB.replace("fd00:20:", "2001:db8:20:")).guest("web").up()
    assert wait_for(lambda: addresses(web)) == [address]
    listener = Listener(lab.outside, "out0")
    assert web.reaches(FAR)
    heard = [Ether(data) for _, data in listener.end()]
    assert {packet[IPv6].src for packet in heard if ICMPv6EchoRequest in packet} == {address}
    assert not Outside(lab).reaches(address)


def test_ports_that_do_not_see_each_other(lab):
    """Neither at once nor by way of their router, to whom they send what is for the subnet."""
    lab.up(LAB.replace("subnet:", "ports_see_each_other: false\n    subnet:"))
    web, db = lab.guest("web").up(), lab.guest("db").up("fd00:20::7")
    wait_for(lambda: addresses(web))
    assert not [route for route in web.netns.json("ip", "-j", "-6", "route") if route["dst"] == "fd00:20::/64"]
    assert web.reaches(FAR) and db.reaches(FAR) and db.reaches("fd00:20::1")
    assert not web.reaches("fd00:20::7", wait=1) and not db.reaches("fd00:20::5054:ff:fe00:2", wait=1)


SEND = """
import socket, sys
for port in range(20000, 20010):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.bind(("::", port))
        sender.sendto(b"%d" % port, (sys.argv[1], 9999))
"""


def test_connections_have_a_limit_of_their_own(lab, tapnet):
    lab.up(LAB.replace("mac: 52:54:00:00:00:02", "mac: 52:54:00:00:00:02, limit: { connections: 4 }"))
    web = lab.guest("web").up("fd00:20::5054:ff:fe00:2")
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


# ---- how large packets are ----


def set_mtu(lab, device, peer, mtu):
    lab.outside.run("ip", "link", "set", peer, "mtu", mtu)
    lab.host.run("ip", "link", "set", device, "mtu", mtu)


def add_second_uplink(host, outside):
    """eth1, which is the better way from now on."""
    join(host, "eth1", outside, "out1")
    for netns, device, address in ((outside, "out1", "2001:db8:b::1"), (host, "eth1", "2001:db8:b::2")):
        netns.run("ip", "-6", "address", "add", f"{address}/64", "dev", device, "nodad")
    host.run("ip", "-6", "route", "add", "default", "via", "2001:db8:b::1", "dev", "eth1", "metric", "10")


def test_guests_are_told_the_mtu(lab):
    set_mtu(lab, "eth0", "out0", 1400)
    web = lab.up().guest("web").up()
    wait_for(lambda: addresses(web))
    assert web.run("sysctl", "-n", "net.ipv6.conf.eth0.mtu").stdout.strip() == "1400"


def test_who_was_not_told_sends_no_segments_too_large(lab):
    set_mtu(lab, "eth0", "out0", 1400)
    web = lab.up().guest("web").up("fd00:20::5054:ff:fe00:2")
    assert segment_size(lab.outside, "out0", web, NEAR) == 1400 - 60


def test_nor_where_ipv6_leaves_by_another_interface(lab, tapnet):
    """The MTU of the network is that of eth0, by which IPv4 leaves."""
    add_second_uplink(lab.host, lab.outside)
    set_mtu(lab, "eth1", "out1", 1300)
    lab.up()
    assert (tapnet.status("lab")["uplink"], tapnet.status("lab")["uplink6"]) == ("eth0", "eth1")
    assert "  eth0 (uplink)\n  eth1 (uplink of IPv6)\n" in tapnet("status").stdout
    web = lab.guest("web").up("fd00:20::5054:ff:fe00:2")
    assert segment_size(lab.outside, "out1", web, "2001:db8:b::1") == 1300 - 60


# ---- what the host sees of it ----

FORWARDING = ("eth0.accept_ra", "eth0.force_forwarding", "all.forwarding", "br-lab.forwarding")


def test_the_host_keeps_its_router_and_forwards_for_nobody_else(lab, tapnet):
    lab.up()
    assert [sysctl(lab.host, name) for name in FORWARDING] == ["2", "1", "0", "1"]
    assert default_routes(lab.host)[0]["gateway"] == "fe80::a"
    assert tapnet("status").returncode == 0 and "nothing to do" in tapnet("plan", lab.file).stdout
    lab.outside.run("ip", "-6", "route", "add", "fd00:20::/64", "via", HOST)
    web = lab.guest("web").up()
    wait_for(lambda: addresses(web))
    assert not Outside(lab).reaches("fd00:20::5054:ff:fe00:2")
    tapnet("down", lab.file)
    assert [sysctl(lab.host, name) for name in FORWARDING[:3]] == ["1", "0", "0"]
    assert default_routes(lab.host)[0]["gateway"] == "fe80::a"


@pytest.fixture
def older_kernel(host):
    """The host looks as before Linux 6.17: the one file that tells is another one. The rest of the kernel is real."""
    make_older(host)


def test_on_an_older_kernel_all_interfaces_forward_and_are_closed(older_kernel, lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.host.run("ip", "link", "add", "veth-x", "type", "veth", "peer", "name", "veth-y")
    lab.host.run("ip", "link", "delete", "veth-x")
    lab.up()
    assert [sysctl(lab.host, name) for name in ("eth0.accept_ra", "all.forwarding")] == ["2", "1"]
    assert default_routes(lab.host)[0]["gateway"] == "fe80::a"
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    web = lab.guest("web").up()
    wait_for(lambda: addresses(web))
    assert web.reaches(FAR)
    closed = lab.host.run("nft", "list", "set", "inet", "tapnet", "closed_families").stdout
    assert "ipv6" in closed
    web.close()
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


@pytest.fixture
def forces(host):
    if host.run("test", "-e", "/proc/sys/net/ipv6/conf/all/force_forwarding", check=False).returncode:
        pytest.skip("Linux before 6.17 has no force_forwarding")


def test_an_uplink_that_the_host_itself_forwards_by_stays_open(forces, lab, tapnet):
    lab.host.run("sysctl", "-qw", "net.ipv6.conf.eth0.force_forwarding=1")
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up(LAB.replace("subnet:", "uplink: eth0\n    subnet:"))
    assert "eth0" not in lab.host.run("nft", "list", "set", "inet", "tapnet", "closed6").stdout
    web = lab.guest("web").up()
    wait_for(lambda: addresses(web))
    assert web.reaches(FAR)
    web.close()
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))
    assert sysctl(lab.host, "eth0.force_forwarding") == "1"


def test_the_way_out_may_come_later(outside6, host):
    """The host hears its router when the network is up. The keeper opens the way, and guests are told at once."""
    tapnet = Tapnet(host, keeper=True)
    host.run("ip", "-6", "route", "delete", "default")
    tapnet("up", tapnet.file(LAB))
    web = Guest(host, next(port for port in tapnet.status("lab")["ports"] if port["name"] == "web")).up()
    try:
        assert "no uplink of IPv6" in tapnet("status").stdout and sysctl(host, "eth0.accept_ra") == "1"
        wait_for(lambda: addresses(web))
        assert default_routes(web.netns) == []
        advertise(outside6)
        wait_for(lambda: default_routes(web.netns))
        assert web.reaches(FAR) and sysctl(host, "eth0.accept_ra") == "2"
        assert "IPv6" not in tapnet("status").stdout
    finally:
        web.close()
        tapnet("down", "--all", check=False)


def test_ipv6_follows_the_default_route(forces, outside6, host):
    tapnet = Tapnet(host, keeper=True)
    before = [sysctl(host, name) for name in FORWARDING[:3]]
    tapnet("up", tapnet.file(LAB))
    try:
        add_second_uplink(host, outside6.outside)
        wait_for(lambda: [sysctl(host, f"{name}.force_forwarding") for name in ("eth0", "eth1")] == ["0", "1"])
        tapnet.let_look()
        assert (tapnet.status("lab")["uplink"], tapnet.status("lab")["uplink6"]) == ("eth0", "eth1")
        closed = host.run("nft", "list", "set", "inet", "tapnet", "closed6").stdout
        assert "eth1" in closed and "eth0" not in closed
        assert default_routes(host)[-1]["gateway"] == "fe80::a"
    finally:
        tapnet("down", "--all", check=False)
    assert [sysctl(host, name) for name in (*FORWARDING[:3], "eth1.force_forwarding")] == [*before, "0"]


def test_an_uplink_that_is_not_there_yet(forces, lab, tapnet):
    lab.up(LAB.replace("subnet:", "uplink: wan0\n    subnet:"))
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    lab.host.run("ip", "link", "add", "wan0", "type", "veth", "peer", "name", "wan1")
    tapnet("up", lab.file)
    assert sysctl(lab.host, "wan0.force_forwarding") == "1"
    assert "wan0" in lab.host.run("nft", "list", "set", "inet", "tapnet", "closed6").stdout
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    tapnet("down", lab.file)
    assert sysctl(lab.host, "wan0.force_forwarding") == "0"


# ---- somebody tidies the run directory up ----


@pytest.fixture(params=["by-the-uplink", "by-all-interfaces"])
def forwarding(request, lab):
    """The sysctls that are changed, and what they are while a network is up."""
    if request.param == "by-the-uplink":
        return {"eth0.accept_ra": "2", "eth0.force_forwarding": "1"}
    request.getfixturevalue("older_kernel")
    return {"eth0.accept_ra": "2", "all.forwarding": "1"}


def test_the_kernel_tells_what_is_to_be_put_back(forwarding, lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    shutil.rmtree(tapnet.run_dir)
    assert {name: sysctl(lab.host, name) for name in forwarding} == forwarding
    tapnet("down", "lab")
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_what_another_set_needs_stays(forwarding, lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    desk = tapnet.file("networks: { desk: { subnet: 10.30.0.1/24, subnet6: 'fd00:30::1/64', ports: { a: {} } } }\n",
                       "desk.yaml")
    tapnet("up", desk)
    shutil.rmtree(tapnet.run_dir)
    tapnet("down", "lab")
    assert {name: sysctl(lab.host, name) for name in forwarding} == forwarding
    assert default_routes(lab.host)[0]["gateway"] == "fe80::a"
    tapnet("down", "desk")
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_up_writes_it_down_anew(forwarding, lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up()
    files = sorted(path.name for path in tapnet.run_dir.glob("*/sysctl/*"))
    shutil.rmtree(tapnet.run_dir)
    lab.up()
    assert sorted(path.name for path in tapnet.run_dir.glob("*/sysctl/*")) == files
    assert tapnet("status").returncode == 0 and "nothing to do" in tapnet("plan", lab.file).stdout
    tapnet("down", "lab")
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_guests_are_told_that_their_router_goes(lab, tapnet):
    web = lab.up().guest("web").up()
    wait_for(lambda: addresses(web))
    assert default_routes(web.netns)
    lab.up(WITHOUT)
    wait_for(lambda: not default_routes(web.netns))
    links = web.netns.json("ip", "-j", "-6", "address", "show", "dev", "eth0", "scope", "global")
    assert all(info["preferred_life_time"] == 0 for link in links for info in link["addr_info"] if "local" in info)


def test_an_isolated_network_has_addresses_and_no_router(lab, tapnet):
    lab.up(LAB.replace("lab:\n", "lab:\n    mode: isolated\n", 1))
    web, db = lab.guest("web").up(), lab.guest("db").up()
    assert wait_for(lambda: addresses(web)) == ["fd00:20::5054:ff:fe00:2"]
    db.run("ip", "-6", "address", "add", "fd00:20::7/64", "dev", "eth0", "nodad")
    assert web.reaches("fd00:20::7")
    assert default_routes(web.netns) == []
    assert not [info for link in lab.host.json("ip", "-j", "-6", "address", "show", "dev", "br-lab")
                for info in link.get("addr_info", []) if "local" in info]


def test_a_chosen_subnet_stays(lab, tapnet):
    text = LAB.replace("fd00:20::1/64", "auto").replace(", address6: fd00:20::7", "")
    lab.up(text)
    subnet = tapnet.status("lab")["subnets"][1]
    assert subnet.startswith("fd") and subnet.endswith("::1/64")
    port = lab.ports["web"]["addresses"][1]
    assert ipaddress.ip_address(port) == ipaddress.ip_interface(subnet).network[0x505400fffe000002]
    assert tapnet.status("lab")["uplink6"] == "eth0"
    tapnet("down", lab.file)
    lab.up(text)
    assert tapnet.status("lab")["subnets"][1] == subnet


def test_who_says_nothing_has_it_too(lab, tapnet):
    before = snapshot(lab.host, run_dir=tapnet.run_dir)
    lab.up("networks: { lab: { ports: { web: {}, db: {} } } }\n")
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    web = lab.guest("web").up()
    address, = wait_for(lambda: addresses(web))
    assert address == lab.ports["web"]["addresses"][1] and address.startswith("fd")
    assert web.reaches(FAR)
    web.close()
    tapnet("down", lab.file)
    assert_same(before, snapshot(lab.host, run_dir=tapnet.run_dir))


def test_where_the_host_has_no_way_out_guests_are_told_of_none(world, tapnet):
    """A router that leads nowhere would cost each connection a while."""
    tapnet("up", tapnet.file("networks: { lab: { ports: { web: {} } } }\n"))
    assert not tapnet.status("lab").get("uplink6")
    web = Guest(world.host, tapnet.status("lab")["ports"][0]).up()
    try:
        wait_for(lambda: addresses(web))
        assert default_routes(web.netns) == []
    finally:
        web.close()


def test_a_host_without_ipv6_has_networks_without(world, tapnet):
    world.host.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    file = tapnet.file("networks: { lab: { ports: { web: {} } } }\n")
    tapnet("up", file)
    assert len(tapnet.status("lab")["subnets"]) == 1 and "nothing to do" in tapnet("plan", file).stdout


def test_ipv6_comes_and_goes_with_its_line(lab, tapnet):
    lab.up(WITHOUT)
    without = tapnet.status("lab")
    assert len(without["subnets"]) == 1 and len(without["ports"][0]["addresses"]) == 1
    web = lab.guest("web").up()
    lab.up()
    web.run("ip", "link", "set", "eth0", "down")
    web.run("ip", "link", "set", "eth0", "up")
    wait_for(lambda: addresses(web))
    assert web.reaches(FAR)
    lab.up(WITHOUT)
    assert "nothing to do" in tapnet("plan", lab.file).stdout
    assert not web.reaches(FAR, wait=1)


DAMAGES = {
    "address": "ip -6 address delete fd00:20::1/64 dev br-lab",
    "router-address": "ip -6 address delete fe80::1/64 dev br-lab",
    "accept-ra": "sysctl -qw net.ipv6.conf.eth0.accept_ra=1",
    "uplink-forwarding": "sysctl -qw net.ipv6.conf.eth0.force_forwarding=0",
    "bridge-forwarding": "sysctl -qw net.ipv6.conf.br-lab.force_forwarding=0",
    "bridge-down-and-up": "ip link set br-lab down; ip link set br-lab up",
    "element": "nft flush set bridge tapnet port_addresses6",
    "bridge": "ip link delete br-lab",
    "service": kill_service,
}


@pytest.mark.parametrize("keeper", [True, False], ids=["by-the-keeper", "by-up"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_others_damage_is_mended(outside6, host, damage, keeper):
    tapnet = Tapnet(host, keeper=keeper)
    file = tapnet.file(LAB)
    tapnet("up", file)
    try:
        if callable(DAMAGES[damage]):
            DAMAGES[damage](host)
        else:
            host.run("sh", "-c", DAMAGES[damage])
        if not keeper:
            assert tapnet("status", check=False).returncode == 1
            tapnet("up", file)
        wait_for(lambda: tapnet("status", check=False).returncode == 0)
        assert "nothing to do" in tapnet("plan", file).stdout
        assert default_routes(host)
    finally:
        tapnet("down", "--all", check=False)


def test_mistakes_have_their_place(lab, tapnet):
    for line, said in (("subnet6: fd00:20::1/48", "the length of the prefix must be 64"),
                       ("subnet6: 10.30.0.1/24", "is no machine's IPv6 address; write one as in `fd00:20::1/64`"),
                       ("subnet6: fe80::1/64", "is no machine's IPv6 address"),
                       ("subnet6: 2001:db8:a::5/64", "overlaps 2001:db8:a::/64, an address or route of this host")):
        text = LAB.replace("subnet6: fd00:20::1/64", line).replace(", address6: fd00:20::7", "")
        done = tapnet("up", tapnet.file(text), check=False)
        assert done.returncode == 2 and said in done.stderr, done.stderr
