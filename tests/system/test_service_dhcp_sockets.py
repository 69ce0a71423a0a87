# SPDX-License-Identifier: MIT
"""The two sockets that the service does DHCP with: for all networks and ports, handed on from one service to the next.

The topology is drawn in dhcp_lab.py.
"""

import errno
import socket
import struct

import pytest
from scapy.all import BOOTP, Ether, raw

from tapnet_test.service import (LOG_GROUP, Lan, Refused, Service, in_netns, log_socket, make_dhcp_sockets, memfd,
                                 network)
from tapnet_test.snapshot import assert_same, snapshot

from dhcp_lab import LAB, Lab, Wire, udhcpc


@pytest.fixture
def lab(host, make_netns):
    made = Lab(host, make_netns)
    yield made
    print(made.service.log())
    made.service.close()


def test_a_port_that_is_made_anew_is_served_again(lab, make_netns):
    """Under its old name, with another index."""
    lab.host.run("ip", "link", "del", "web0")
    again = Wire(lab.lan.plug("web", make_netns("web")))
    assert again.ask(again.request("discover"))[BOOTP].yiaddr == "10.20.0.10"


def test_a_port_that_nobody_declared_is_not_served(lab, make_netns):
    """Something else on the same bridge, or a port of ours under another name: the device decides."""
    stranger = make_netns("stranger")
    lab.host.run("ip", "link", "add", "other0", "type", "veth", "peer", "name", "eth0", "netns", stranger.name)
    lab.host.run("ip", "link", "set", "other0", "master", LAB["bridge"], "up")
    stranger.run("ip", "link", "set", "eth0", "up")
    wire = Wire(stranger)
    wire.line.settimeout(0.3)
    assert wire.ask(wire.request("discover")) is None
    web = Wire(lab.guests["web"])
    web.line.settimeout(0.3)
    lab.host.run("ip", "link", "set", "web0", "down")
    lab.host.run("ip", "link", "set", "web0", "name", "web1")
    lab.host.run("ip", "link", "set", "web1", "up")
    web = Wire(lab.guests["web"])
    web.line.settimeout(0.3)
    assert web.ask(web.request("discover")) is None


def test_two_networks_share_the_sockets(lab, make_netns):
    """
           br-lab: web0, db0      br-cell: a0, isolated      one log, one service
    """
    cell = network("cell", "10.30.0.1/24", {"a": "10.30.0.2"}, mode="isolated")
    guest = Lan(lab.host, cell).plug("a", make_netns("a"))
    lab.service.serve(cell)
    assert udhcpc(guest)["ip"] == "10.30.0.2"
    assert udhcpc(lab.guests["web"])["ip"] == "10.20.0.10"
    lab.service.stop("lab")
    assert udhcpc(guest)["ip"] == "10.30.0.2"
    wire = Wire(lab.guests["web"])
    wire.line.settimeout(0.3)
    assert wire.ask(wire.request("discover")) is None


def test_the_next_service_takes_the_same_sockets(lab):
    """As a keeper does that may not open packet sockets: it asked for them, and hands them on."""
    wire = Wire(lab.guests["web"])
    kept = [socket.socket(fileno=fd) for fd in lab.service.give_sockets()]
    lab.service.kill()
    lab.service.start()
    with pytest.raises(Refused, match="no sockets for DHCP yet") as refused:
        lab.service.request("serve", [memfd(LAB)])
    assert refused.value.code == -errno.ENOTCONN
    with pytest.raises(Refused, match="no sockets yet"):
        lab.service.give_sockets()
    lab.service.take_sockets(kept)
    lab.service.serve(LAB)
    assert wire.ask(wire.request("discover"))[BOOTP].yiaddr == "10.20.0.10"
    lab.service.take_sockets(kept)  # again: in place of those
    assert wire.ask(wire.request("discover"))[BOOTP].yiaddr == "10.20.0.10"


def test_it_takes_no_other_sockets(host):
    """What a starter may confuse: order, kind, protocol, one that would receive everything."""
    def wrong():
        return {"route": socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
                "every packet": socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)),
                "cooked": socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0),
                "udp": socket.socket(socket.AF_INET, socket.SOCK_DGRAM)}

    log, reply = make_dhcp_sockets(host)
    made = in_netns(host, wrong)
    with Service(host) as service, service.connect() as line:
        assert service.exchange(b'{"do":"status"}', connection=line)[0]["ok"]
        before = service.fds()
        for sockets in ((reply, log), (log, log), (made["route"], reply), (made["udp"], reply), (log, made["cooked"]),
                        (log, made["every packet"]), (log,), (log, reply, reply)):
            fds = [each.fileno() for each in sockets]
            assert not service.exchange(b'{"do":"sockets"}', fds, connection=line)[0]["ok"]
            assert service.fds() == before
        assert service.exchange(b'{"do":"sockets"}', (log.fileno(), reply.fileno()), connection=line)[0]["ok"]
        assert service.fds() == before + 2


def make_log_message(index, packet):

    def attribute(kind, data):
        return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)

    body = (struct.pack("!BBH", 7, 0, LOG_GROUP) + attribute(6, struct.pack("!I", index)) +
            attribute(9, packet))
    return struct.pack("=IHHII", 16 + len(body), 4 << 8, 0, 0, 0) + body


def test_what_other_programs_send_to_its_log_is_ignored(lab):
    """A message as netfilter's log writes it, by a program with every right in the namespace: not the kernel's."""
    wire = Wire(lab.guests["web"])
    kept = socket.socket(fileno=lab.service.give_sockets()[0])
    index = lab.host.json("ip", "-j", "link", "show", "dev", "web0")[0]["ifindex"]
    heard = make_log_message(index, raw(wire.request("discover"))[14:])
    forger = in_netns(lab.host, lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12))
    wire.line.settimeout(0.3)
    in_netns(lab.host, lambda: forger.sendto(heard, kept.getsockname()))
    assert wire.ask(Ether(src=wire.mac, dst="ff:ff:ff:ff:ff:ff", type=0x88b5)) is None
    assert "offer" not in lab.service.log()
    wire.line.settimeout(3)
    assert wire.ask(wire.request("discover"))


def test_up_says_who_is_in_the_way_and_touches_nothing(host, tapnet):
    """Another program holds the log group; when it lets go, the same `up` does it."""
    file = tapnet.file("networks: { cell: { mode: isolated, subnet: 10.30.0.1/24, ports: { a: {} } } }\n")
    before = snapshot(host, run_dir=tapnet.run_dir)
    holder = in_netns(host, log_socket)
    failed = tapnet("up", file, check=False)
    assert failed.returncode == 1
    assert f"netfilter's log group {LOG_GROUP}" in failed.stderr
    assert f"(netlink port {holder.getsockname()[0]}, as a rule its process id)" in failed.stderr
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
    holder.close()
    tapnet("up", file)
    tapnet("down", file)
