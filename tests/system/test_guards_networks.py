# SPDX-License-Identifier: MIT
"""The inet table on a real topology: NAT, replies only, the host closed, networks apart, no router for others.

The topology is drawn in guards_world.py. Every test runs with br_netfilter showing bridged frames to the inet hooks and
without: both must behave the same.
"""

import itertools
import socket
import time

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tapnet_test.netns import join

from guards_world import Wire, Lab, open_socket, ping, tcp_connects, udp_is_answered, udp_reaches

ports = itertools.count(20000)


@pytest.fixture(scope="module", params=[0, 1], ids=["bridge-nf-off", "bridge-nf-on"])
def lab(request):
    built = Lab(request.param)
    yield built
    built.close()


# ---- out through NAT ----

def test_a_guest_reaches_the_outside_with_the_hosts_address(lab):
    assert tcp_connects(lab.a, lab.outside, "192.0.2.2", next(ports))
    assert udp_reaches(lab.a, lab.outside, "192.0.2.2", next(ports)) == "192.0.2.1"
    assert udp_is_answered(lab.a, lab.outside, "192.0.2.2", next(ports))
    assert ping(lab.a, "192.0.2.2")


def test_errors_about_a_guests_own_traffic_come_back_to_it(lab):
    with open_socket(lab.a) as client:
        client.connect(("192.0.2.2", next(ports)))
        client.send(b"nobody listens")
        with pytest.raises(ConnectionRefusedError):
            client.recv(10)


def test_nothing_new_comes_in_from_the_uplink(lab):
    lab.only_guards_stop(lambda: udp_reaches(lab.outside, lab.a, "10.20.0.2", next(ports)))
    lab.only_guards_stop(lambda: tcp_connects(lab.outside, lab.a, "10.20.0.2", next(ports)))
    lab.only_guards_stop(lambda: ping(lab.outside, "10.20.0.2"))


def test_a_network_without_egress_gets_nowhere(lab):
    lab.only_guards_stop(lambda: udp_reaches(lab.c, lab.outside, "192.0.2.2", next(ports)))
    lab.only_guards_stop(lambda: tcp_connects(lab.c, lab.outside, "192.0.2.2", next(ports)))


def test_a_guest_leaves_by_its_uplink_only(lab):
    lab.only_guards_stop(lambda: udp_reaches(lab.a, lab.foreign, "198.51.100.2", next(ports)))
    lab.only_guards_stop(lambda: udp_reaches(lab.foreign, lab.a, "10.20.0.2", next(ports)))


def test_packets_without_a_connection_never_leave_unmasqueraded(lab):
    """A reset of a connection that conntrack does not know would carry the guest's own address to the LAN."""
    lone = (Ether(dst=lab.mac(lab.host, "br-lab")) / IP(src="10.20.0.2", dst="192.0.2.2") /
            TCP(sport=1000, dport=next(ports), flags="RA", seq=1, ack=1))

    def leaks():
        with Wire(lab.a, "eth0") as guest, Wire(lab.outside, "eth0") as uplink:
            guest.send(lone)
            return uplink.receive(lambda frame: IP in frame and frame[IP].src == "10.20.0.2")

    lab.only_guards_stop(leaks)


# ---- between guests ----

def test_guests_of_one_network_talk_freely_and_are_not_translated(lab):
    assert udp_reaches(lab.a, lab.b, "10.20.0.3", next(ports)) == "10.20.0.2"
    assert tcp_connects(lab.a, lab.b, "10.20.0.3", next(ports))
    assert ping(lab.b, "10.20.0.2")


def test_a_dns_server_on_a_guest_is_not_redirected(lab):
    assert udp_is_answered(lab.a, lab.b, "10.20.0.3", 53)


def test_bridged_frames_that_conntrack_calls_invalid_pass(lab):
    """Two guests of one network are on one switch: it has no opinion on their TCP."""
    lone = Ether(dst=lab.mac(lab.b, "eth0")) / IP(src="10.20.0.2", dst="10.20.0.3") / TCP(
        sport=1001, dport=next(ports), flags="RA", seq=5, ack=7)
    with Wire(lab.a, "eth0") as sender, Wire(lab.b, "eth0") as receiver:
        sender.send(lone)
        assert receiver.receive(lambda frame: TCP in frame and frame[TCP].sport == 1001)


def test_networks_cannot_reach_each_other(lab):
    lab.only_guards_stop(lambda: udp_reaches(lab.a, lab.c, "10.30.0.2", next(ports)))
    lab.only_guards_stop(lambda: tcp_connects(lab.c, lab.a, "10.20.0.2", next(ports)))
    lab.only_guards_stop(lambda: ping(lab.a, "10.30.0.2"))


def test_a_forged_error_about_anothers_connection_does_not_cross_networks(lab):
    """c knows that a talks to the outside, and sends a an ICMP error about that: conntrack calls it related."""
    port = next(ports)
    with open_socket(lab.outside) as server, open_socket(lab.a) as client:
        server.bind(("", port))
        client.bind(("10.20.0.2", port))
        client.connect(("192.0.2.2", port))

        def forge():
            client.send(b"hello")
            server.recv(100)
            inner = IP(src="10.20.0.2", dst="192.0.2.2") / UDP(sport=port, dport=port) / Raw(b"hello")
            error = IP(src="10.30.0.2", dst="10.20.0.2") / ICMP(type=3, code=3) / inner
            with Wire(lab.c, "eth0") as attacker, Wire(lab.a, "eth0") as victim:
                attacker.send(Ether(dst=lab.mac(lab.host, "br-two")) / error)
                return victim.receive(lambda frame: ICMP in frame and frame[ICMP].type == 3)

        lab.only_guards_stop(forge)


# ---- guests and the host ----

@pytest.mark.parametrize("address", ["10.20.0.1", "10.30.0.1", "192.0.2.1", "198.51.100.1"])
def test_no_service_of_the_host_is_open_to_a_guest(lab, address):
    lab.only_guards_stop(lambda: udp_reaches(lab.a, lab.host, address, next(ports)))
    lab.only_guards_stop(lambda: tcp_connects(lab.a, lab.host, address, next(ports)))


def test_a_guest_pings_its_gateway_and_no_other_address_of_the_host(lab):
    assert ping(lab.a, "10.20.0.1")
    assert ping(lab.c, "10.30.0.1")
    lab.only_guards_stop(lambda: ping(lab.a, "10.30.0.1"))
    lab.only_guards_stop(lambda: ping(lab.a, "192.0.2.1"))


def test_the_host_reaches_its_guests(lab):
    assert ping(lab.host, "10.20.0.2")
    assert tcp_connects(lab.host, lab.a, "10.20.0.2", next(ports))
    assert udp_is_answered(lab.host, lab.a, "10.20.0.2", next(ports))


def test_broadcast_and_multicast_services_of_the_host_are_closed(lab):
    def heard(address):
        with open_socket(lab.host) as server, Wire(lab.a, "eth0") as guest:
            port = next(ports)
            server.setsockopt(socket.SOL_IP, socket.IP_ADD_MEMBERSHIP,
                              socket.inet_aton("224.0.0.251") + socket.inet_aton("10.20.0.1"))
            server.bind(("", port))
            guest.send(Ether(dst="ff:ff:ff:ff:ff:ff") / IP(src="10.20.0.2", dst=address) / UDP(dport=port) / Raw(b"x"))
            try:
                return server.recv(100)
            except TimeoutError:
                return None

    for address in ("10.20.0.255", "255.255.255.255", "224.0.0.251"):
        lab.only_guards_stop(lambda: heard(address))


def wait_for_link_local(ns, device, seconds=10):
    """Until duplicate address detection has let the address be used."""
    end = time.monotonic() + seconds
    while ns.run("ip", "-6", "addr", "show", "dev", device, "tentative").stdout:
        assert time.monotonic() < end, f"{device} is still looking for a duplicate of its address"
        time.sleep(0.05)


def test_ipv6_of_the_host_is_closed_link_local_included(lab):
    wait_for_link_local(lab.host, "br-lab")
    wait_for_link_local(lab.a, "eth0")
    index = lab.a.json("ip", "-j", "link", "show", "eth0")[0]["ifindex"]
    on_bridge = lab.host.json("ip", "-j", "-6", "addr", "show", "br-lab")[0]
    link_local = next(a["local"] for a in on_bridge["addr_info"] if a["scope"] == "link")

    def reaches():
        port = next(ports)
        with open_socket(lab.host, socket.AF_INET6) as server, open_socket(lab.a, socket.AF_INET6) as client:
            server.bind(("::", port))
            try:
                client.sendto(b"probe", (link_local, port, 0, index))
                return server.recv(100)
            except (TimeoutError, OSError):
                return None

    lab.a.run("ip", "-6", "neigh", "replace", link_local, "dev", "eth0", "lladdr", lab.mac(lab.host, "br-lab"))
    lab.only_guards_stop(reaches)


# ---- DNS ----

def dns_answered(lab, guest, address, kind, ask_port=53, serve="10.20.0.1"):
    """A question to address:ask_port is answered from there by what listens on the private port 10053."""
    if kind == "tcp":
        return tcp_connects(guest, lab.host, address, ask_port, bind=serve, listen_port=10053)
    with open_socket(lab.host) as server, open_socket(guest) as client:
        server.bind((serve, 10053))
        try:
            client.sendto(b"question", (address, ask_port))
            _, sender = server.recvfrom(100)
            server.sendto(b"answer", sender)
            return client.recvfrom(100) == (b"answer", (address, ask_port))
        except (TimeoutError, OSError):
            return False


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_dns_at_the_gateway_is_answered_by_the_private_port(lab, kind):
    assert dns_answered(lab, lab.a, "10.20.0.1", kind)


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_the_private_port_is_not_reached_directly(lab, kind):
    lab.only_guards_stop(lambda: dns_answered(lab, lab.a, "10.20.0.1", kind, ask_port=10053))


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_dns_is_for_the_networks_that_have_it(lab, kind):
    """c's network has no DNS; the outside and the LAN never get one."""
    lab.only_guards_stop(lambda: dns_answered(lab, lab.c, "10.20.0.1", kind, ask_port=10053))
    assert not dns_answered(lab, lab.c, "10.30.0.1", kind, serve="")
    assert not dns_answered(lab, lab.outside, "192.0.2.1", kind, serve="")
    assert not dns_answered(lab, lab.foreign, "198.51.100.1", kind, serve="")


def test_dns_beside_a_program_that_holds_the_wildcard_port(lab):
    with open_socket(lab.host) as other:
        other.bind(("", 53))
        assert dns_answered(lab, lab.a, "10.20.0.1", "udp")
        with pytest.raises(TimeoutError):
            other.recv(100)


def test_a_guest_may_ask_other_dns_servers(lab):
    assert udp_is_answered(lab.a, lab.outside, "192.0.2.2", 53)


# ---- the host is no router for others ----

def test_the_host_does_not_become_a_router_from_a_closed_uplink(lab):
    lab.only_guards_stop(lambda: udp_reaches(lab.outside, lab.foreign, "198.51.100.2", next(ports)))


def test_what_the_host_forwards_for_others_is_left_alone(lab):
    """Into a closed uplink new traffic of others still goes, as it did before us; only its forwarding is closed."""
    assert udp_reaches(lab.foreign, lab.outside, "192.0.2.2", next(ports)) == "198.51.100.2"


def test_services_of_the_host_stay_open_to_others(lab):
    assert tcp_connects(lab.outside, lab.host, "192.0.2.1", next(ports))
    assert tcp_connects(lab.foreign, lab.host, "198.51.100.1", next(ports))
    assert tcp_connects(lab.host, lab.outside, "192.0.2.2", next(ports))


def test_a_closed_uplink_that_is_a_bridge_goes_on_bridging(lab, make_netns):
    """
        left 172.16.0.1 ── left ┐
        right 172.16.0.2 ─ right ┴ br-up, an uplink of the host's that is closed for routing
    """
    left, right = make_netns("left"), make_netns("right")
    lab.host.run("ip", "link", "add", "br-up", "type", "bridge", "forward_delay", "0")
    lab.host.run("ip", "link", "set", "br-up", "up")
    try:
        for ns, name, address in ((left, "left", "172.16.0.1"), (right, "right", "172.16.0.2")):
            join(lab.host, name, ns, "eth0")
            lab.host.run("ip", "link", "set", name, "master", "br-up")
            ns.run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
        lab.run_tool("element add closed br-up | lab/lab\nelement add bridged br-up br-up | lab/lab\ncommit\n")
        assert udp_is_answered(left, right, "172.16.0.2", next(ports))
        lab.run_tool("element delete bridged br-up br-up | lab/lab\nelement delete closed br-up | lab/lab\ncommit\n")
        assert udp_is_answered(left, right, "172.16.0.2", next(ports))
    finally:
        lab.host.run("ip", "link", "del", "br-up")
