# SPDX-License-Identifier: MIT
"""The service's DNS: own names, the host's resolvers behind it, and guests and servers that mean harm.

      host: tapnet-service, no rights                         outside
    +---------------------------------------+               +------------------------------------------+
    |  resolv.conf: set by each test        |               | 192.0.2.1    dnsmasq (world.py)          |
    |  br-lab 10.20.0.1/24, port 10053  eth0+---------------+ 192.0.2.11, .12  servers made by the test|
    |    |  (53 is redirected to it)        |               |                                          |
    +--web0---db0---------------------------+               +------------------------------------------+
        |      |
      web      db      guests: namespaces with eth0, 10.20.0.10 and 10.20.0.11
"""

import random
import select
import socket
import struct
import time
from collections import Counter

import pytest

from tapnet_test import dns
from tapnet_test.build import SOURCE
from tapnet_test.dns import Client, Upstream
from tapnet_test.service import DNS_PORT, Lan, Service, in_netns, network

GATEWAY = "10.20.0.1"
PORTS = {"web": {"address": "10.20.0.10", "hostname": "www"}, "db": "10.20.0.11"}
LAB = network("lab", f"{GATEWAY}/24", PORTS)
ONE, OTHER = "192.0.2.11", "192.0.2.12"  # addresses outside for servers made by tests
OUTSIDE = "192.0.2.1"

PORT_53 = """
    add table inet port53
    add chain inet port53 in { type nat hook prerouting priority -100; }
    add rule inet port53 in iifname "br-lab" ip daddr 10.20.0.1 meta l4proto { tcp, udp } th dport 53 redirect to :10053
"""


class Lab:
    """The picture above."""

    def __init__(self, world, make_netns):
        self.world, self.host, self.outside = world, world.host, world.outside
        self.host.run("nft", "-f", "-", input=PORT_53)
        for address in (ONE, OTHER):
            self.outside.run("ip", "address", "add", f"{address}/24", "dev", "out0")
        self.lan = Lan(self.host, LAB)
        self.guests, self.clients = {}, {}
        for port in LAB["ports"]:
            guest = self.lan.plug(port["name"], make_netns(port["name"]))
            guest.run("ip", "address", "add", f"{port['address']}/24", "dev", "eth0")
            guest.run("ip", "route", "add", "default", "via", GATEWAY)
            self.guests[port["name"]] = guest
            self.clients[port["name"]] = Client(guest, GATEWAY, DNS_PORT)
        self.servers = []
        self.service = Service(self.host)
        self.service.serve(LAB)

    def resolvers(self, *addresses):
        """What the host's resolv.conf says from now on."""
        self.host.write("/etc/resolv.conf", "".join(f"nameserver {address}\n" for address in addresses))

    def upstream(self, address, *argv, **kw):
        self.servers.append(Upstream(self.outside, address, *argv, **kw))
        return self.servers[-1]

    def dig(self, *words, guest="web", port=53):
        """dig's short answers."""
        done = self.guests[guest].run("dig", f"@{GATEWAY}", "-p", port, "+short", "+tries=1", "+timeout=8", *words)
        return done.stdout.split("\n")[:-1]

    def close(self):
        for server in self.servers:
            server.close()
        print(self.service.log())
        self.service.close()


@pytest.fixture
def lab(world, make_netns):
    made = Lab(world, make_netns)
    yield made
    made.close()


@pytest.fixture
def web(lab):
    return lab.clients["web"]


def wait_for(what, timeout=10):
    """Returns what() once it is true."""
    deadline = time.monotonic() + timeout
    while not (got := what()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
    return got


# ---- names ----

def test_guests_find_each_other(lab):
    assert lab.dig("db.lab") == lab.dig("db") == lab.dig("DB.Lab") == ["10.20.0.11"]
    assert lab.dig("www.lab", guest="db") == lab.dig("web", guest="db") == ["10.20.0.10"]
    assert lab.dig("-x", "10.20.0.10", guest="db") == ["www.lab."]
    assert lab.dig("-x", GATEWAY) == ["gateway.lab."]
    assert lab.dig("+tcp", "db.lab") == ["10.20.0.11"]


def test_busybox_resolves_by_the_port_that_everybody_uses(lab):
    guest = lab.guests["web"]
    guest.write("/etc/resolv.conf", f"nameserver {GATEWAY}\nsearch lab\n")
    for asked, answer in (("db", "10.20.0.11"), ("db.lab", "10.20.0.11"), ("outside.example", OUTSIDE),
                          ("10.20.0.11", "db.lab")):
        assert answer in guest.run("busybox", "nslookup", asked).stdout
    assert "NXDOMAIN" in guest.run("busybox", "nslookup", "nope.lab", check=False).stdout
    assert guest.run("getent", "ahostsv4", "db").stdout.startswith("10.20.0.11")


def test_names_of_the_network_never_leave(lab, web):
    server = lab.upstream(ONE)
    lab.resolvers(ONE)
    for asked, kind, code in (("nope.lab", dns.A, dns.NXDOMAIN), ("db.lab", dns.AAAA, 0), ("db", 65, 0),
                              ("printer", dns.A, dns.NXDOMAIN), ("printer", dns.AAAA, dns.NXDOMAIN), ("lab", dns.NS, 0),
                              ("99.0.20.10.in-addr.arpa", dns.PTR, dns.NXDOMAIN), ("a.b.lab", dns.TXT, dns.NXDOMAIN)):
        answer = web.ask(dns.query(asked, kind))
        assert (dns.rcode(answer), dns.counts(answer)[1]) == (code, 0), asked
    assert not server.queries
    assert dns.addresses(web.ask(dns.query("example.org"))) == ["198.51.100.7"]
    assert web.ask(dns.query("1.1.20.10.in-addr.arpa", dns.PTR))
    assert [dns.question(message) for message, *_ in server.queries] == [
        ("example.org", dns.A), ("1.1.20.10.in-addr.arpa", dns.PTR)]


def test_a_file_that_changes_changes_the_names(lab, web):
    """Also while a query is in flight, which goes on."""
    server = lab.upstream(ONE, lambda message: None)
    lab.resolvers(ONE)
    with web.udp() as line:
        line.send(dns.query("example.org"))
        wait_for(lambda: server.queries)
        lab.service.update(network("lab", f"{GATEWAY}/24", {"web": "10.20.0.10", "mail": "10.20.0.12"}))
        assert lab.dig("mail.lab") == ["10.20.0.12"] and lab.dig("db.lab") == lab.dig("www.lab") == []
        message, client, _when = server.queries[0]
        server.udp.sendto(dns.address_reply(message), client)
        line.settimeout(5)
        assert dns.addresses(line.recv(512)) == ["198.51.100.7"]


# ---- passing on ----

def test_messages_pass_untouched(lab, web):
    """All but the id: EDNS, its options, DNSSEC bits, unknown types, the case of letters."""
    server = lab.upstream(ONE)
    lab.resolvers(ONE)
    cookie = struct.pack(">HH", 10, 8) + b"abcdefgh"
    sent = [dns.query("ExAmple.oRG", 65400, edns=dns.opt(4096, 0, True, cookie)),
            dns.query("example.org", flags=dns.RD | 0x10 | 0x20), dns.query("", dns.NS), dns.query("org", 43),
            dns.query("example.org", edns=dns.opt(1232, 1))]
    for message in sent:
        rest = dns.reply(message, dns.record(b"\1\2\3", 65400), flags=0x20)[2:] + b"anything"
        for ask in (web.ask, web.ask_tcp):
            server.answer = lambda got, rest=rest: got[:2] + rest
            assert ask(message) == message[:2] + rest
            assert server.queries[-1][0][2:] == message[2:]
    assert len(server.streams) == len(sent)  # TCP goes to TCP


def test_truncation(lab, web):
    """What the client doesn't take becomes TC, with the question alone; by TCP it gets all of it."""
    server = lab.upstream(ONE, lambda message: dns.reply(message, *[dns.record(b"\xc8" + b"x" * 200, dns.TXT)] * 5))
    lab.resolvers(ONE)
    plain, large = dns.query("long.example", dns.TXT), dns.query("long.example", dns.TXT, edns=dns.opt(4096))
    small = dns.query("long.example", dns.TXT, edns=dns.opt(600, dnssec=True))
    cut = web.ask(plain)
    assert cut[2] & 2 and dns.counts(cut) == (1, 0, 0, 0) and cut[12:] == plain[12:] and dns.rcode(cut) == 0
    cut = web.ask(small)
    assert cut[2] & 2 and dns.counts(cut) == (1, 0, 0, 1) and cut[-11:] == dns.opt(1232, dnssec=True)
    whole = web.ask(large)
    assert not whole[2] & 2 and dns.counts(whole)[1] == 5 and len(whole) > 1000
    assert dns.counts(web.ask_tcp(plain))[1] == 5
    server.answer = lambda message: dns.reply(message, flags=dns.TC)
    assert web.ask(plain)[2] & 2
    lab.resolvers(OUTSIDE)
    assert len(lab.dig("long.outside.example", "TXT")) == 10  # dig comes back by TCP


def test_the_largest_message_there_is(lab, web):
    filler = [dns.record(b"\xff" + b"x" * 255, dns.TXT)] * 200
    lab.upstream(ONE, lambda message: dns.reply(message, *filler) + b"y" * (65535 - len(dns.reply(message, *filler))))
    lab.resolvers(ONE)
    got = web.ask_tcp(dns.query("huge.example", dns.TXT))
    assert len(got) == 65535 and dns.counts(got)[1] == 200


def test_many_at_once_are_not_mixed_up(lab, web):
    """300 queries from one socket, answered in another order, each by the address that its name says."""
    held = []

    def later(message):
        held.append(message)
        return None
    server = lab.upstream(ONE, later)
    lab.resolvers(ONE)
    with web.udp() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        for i in range(300):
            line.send(dns.query(f"host-{i}.example", number=i))
            if i % 50 == 49:
                wait_for(lambda: len({message for message, *_ in server.queries}) > i)
        first = {client: message for message, client, _when in server.queries}  # a retry comes from the same socket
        assert len(first) == 300
        for client in random.sample(list(first), 300):
            i = int(dns.question(first[client])[0].split(".")[0][5:])
            server.udp.sendto(dns.address_reply(first[client], f"198.51.{i // 256}.{i % 256}"), client)
        line.settimeout(5)
        for _ in range(300):
            got = line.recv(512)
            i = dns.number(got)
            assert dns.question(got)[0] == f"host-{i}.example"
            assert dns.addresses(got) == [f"198.51.{i // 256}.{i % 256}"]
    assert len({dns.number(message) for message in first.values()}) > 280  # ids and ports are random
    ports = sorted(client[1] for client in first)
    assert ports[-1] - ports[0] > 10000


def test_addresses_of_version_6_and_of_one_link(lab, web):
    lab.outside.run("ip", "address", "add", "2001:db8::53/64", "dev", "out0", "nodad")
    lab.host.run("ip", "address", "add", "2001:db8::2/64", "dev", "eth0", "nodad")
    link = next(entry["local"] for entry in lab.outside.json("ip", "-j", "-6", "address", "show", "dev", "out0")[0][
        "addr_info"] if entry["scope"] == "link")
    index = lab.outside.json("ip", "-j", "link", "show", "dev", "out0")[0]["ifindex"]
    lab.upstream("2001:db8::53", lambda message: dns.address_reply(message, "198.51.100.6"))
    lab.upstream(f"{link}%{index}", lambda message: dns.address_reply(message, "198.51.100.8"))
    lab.resolvers("2001:db8::53")
    assert lab.dig("example.org") == lab.dig("+tcp", "example.org") == ["198.51.100.6"]
    lab.resolvers(f"{link}%eth0")
    assert lab.dig("example.org") == lab.dig("+tcp", "example.org") == ["198.51.100.8"]


# ---- servers that fail, and changes of them ----

def test_forged_replies_are_ignored(lab, web):
    """Wrong id, wrong name, wrong case, wrong type, no response, two questions, another port, another address."""
    forged = "203.0.113.66"
    lab.resolvers(ONE)

    def stranger(address, port):
        made = in_netns(lab.outside, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        made.bind((address, port))
        return made
    strangers = [stranger(ONE, 54), stranger(OTHER, 53)]

    def answer(message):
        def other(text, kind=dns.A):
            return dns.address_reply(dns.query(text, kind, dns.number(message)), forged)
        bad = dns.address_reply(message, forged)
        for each in strangers:
            each.sendto(bad, server.queries[-1][1])
        return [struct.pack(">H", dns.number(message) ^ 1) + bad[2:], other("example.com"), other("Example.org"),
                other("example.org", dns.AAAA), message, bad[:5] + b"\2" + bad[6:], bad[:11], b"", b"\0" * 600,
                dns.address_reply(message)]
    server = lab.upstream(ONE, answer)
    with web.udp() as line:
        line.settimeout(5)
        line.send(dns.query("example.org"))
        assert dns.addresses(line.recv(512)) == ["198.51.100.7"]
        assert not select.select([line], [], [], 0.3)[0]  # one reply a query
    assert len(server.queries) == 1


def test_a_server_that_is_silent(lab, web):
    """Asked four times in six seconds from one port, then the client is told."""
    server = lab.upstream(ONE, lambda message: None)
    lab.resolvers(ONE)
    start = time.monotonic()
    answer = web.ask(dns.query("example.org", edns=dns.opt()), timeout=9)
    assert 5.8 < time.monotonic() - start < 6.5
    assert dns.rcode(answer) == dns.SERVFAIL and dns.counts(answer) == (1, 0, 0, 1)
    assert len(server.queries) == 4 and len({client for _message, client, _when in server.queries}) == 1
    gaps = [later[2] - earlier[2] for earlier, later in zip(server.queries, server.queries[1:])]
    assert all(1.4 < gap < 1.7 for gap in gaps)


def test_a_slow_server_is_waited_for(lab, web):
    """2 seconds are more than one attempt; the reply to the first one counts."""
    def late(message):
        if len(server.queries) == 1:
            time.sleep(2)
            return dns.address_reply(message)
        return None
    server = lab.upstream(ONE, late)
    other = lab.upstream(OTHER, lambda message: None)
    lab.resolvers(ONE, OTHER)
    start = time.monotonic()
    assert dns.addresses(web.ask(dns.query("example.org"))) == ["198.51.100.7"]
    assert 1.9 < time.monotonic() - start < 2.5
    assert len(other.queries) == 1


def test_the_next_server_is_asked_and_remembered(lab, web):
    """A dead server costs the first queries an attempt; then the others don't wait for it."""
    dead = lab.upstream(ONE, lambda message: None)
    lab.upstream(OTHER)
    lab.resolvers(ONE, OTHER)
    times = []
    for i in range(5):
        start = time.monotonic()
        assert dns.addresses(web.ask(dns.query(f"host-{i}.example"))) == ["198.51.100.7"]
        times.append(time.monotonic() - start)
    assert all(1.4 < each < 1.8 for each in times[:3]) and all(each < 0.5 for each in times[3:])
    assert len(dead.queries) == 3
    lab.service.wait_log(f"dns: {ONE} does not answer")


def test_servers_out_of_reach_cost_no_time(lab, web):
    """Nobody listens, or no route leads there, by UDP and TCP: the next one is asked at once."""
    lab.upstream(OTHER)
    lab.resolvers(ONE, "2001:db8:dead::1", OTHER)
    for ask in (web.ask, web.ask_tcp):
        start = time.monotonic()
        assert dns.addresses(ask(dns.query("example.org"))) == ["198.51.100.7"]
        assert time.monotonic() - start < 0.5
    lab.resolvers(ONE)
    start = time.monotonic()
    assert dns.rcode(web.ask(dns.query("example.org"))) == dns.SERVFAIL
    assert dns.rcode(web.ask_tcp(dns.query("example.org"))) == dns.SERVFAIL
    assert time.monotonic() - start < 0.5


def test_a_server_that_knows_nothing_is_not_the_last_word(lab, web):
    first = lab.upstream(ONE, lambda message: dns.reply(message, rcode=dns.SERVFAIL))
    second = lab.upstream(OTHER)
    lab.resolvers(ONE, OTHER)
    assert dns.addresses(web.ask(dns.query("example.org"))) == ["198.51.100.7"]
    assert dns.addresses(web.ask_tcp(dns.query("example.org"))) == ["198.51.100.7"]
    for answer in (lambda message: dns.reply(message, rcode=dns.REFUSED),
                   lambda message: message[:2] + b"\x81\x85" + bytes(8)):  # with and without the question
        second.answer = answer
        assert dns.rcode(web.ask(dns.query("example.org"))) == dns.REFUSED
    second.answer = lambda message: dns.reply(message, rcode=dns.NXDOMAIN)
    assert dns.rcode(web.ask(dns.query("example.org"))) == dns.NXDOMAIN
    assert len(first.queries) == len(second.queries) == 5


def test_resolv_conf_is_followed(lab, web):
    """Written in place, replaced, made a link, the link's target replaced, emptied, removed: the next query knows."""
    for address, answer in ((ONE, "198.51.100.11"), (OTHER, "198.51.100.12")):
        lab.upstream(address, lambda message, answer=answer: dns.address_reply(message, answer))

    def ask():
        got = web.ask(dns.query("example.org"))
        return dns.addresses(got) or dns.rcode(got)

    def shell(script):
        lab.host.run("sh", "-ec", script)
    lab.resolvers(ONE)
    assert ask() == ["198.51.100.11"]
    lab.resolvers(OTHER)
    assert ask() == ["198.51.100.12"]
    shell(f"echo nameserver {ONE} > /etc/new; mv /etc/new /etc/resolv.conf")
    assert ask() == ["198.51.100.11"]
    target = lab.host.tmp / "stub.conf"
    shell(f"echo nameserver {OTHER} > {target}; ln -sf {target} /etc/resolv.conf")
    assert ask() == ["198.51.100.12"]
    shell(f"echo nameserver {ONE} > {target}.new; mv {target}.new {target}")
    assert ask() == ["198.51.100.11"]
    shell("rm /etc/resolv.conf; touch /etc/resolv.conf")
    assert ask() == dns.SERVFAIL and lab.dig("db.lab") == ["10.20.0.11"]
    lab.service.wait_log("names no server")
    shell("rm /etc/resolv.conf")
    assert ask() == dns.SERVFAIL
    lab.service.wait_log("can't read /etc/resolv.conf")
    lab.resolvers(OTHER)
    assert ask() == ["198.51.100.12"]


def test_a_query_in_flight_moves_to_the_new_servers(lab, web):
    silent = lab.upstream(ONE, lambda message: None)
    lab.resolvers(ONE)
    with web.udp() as line:
        line.send(dns.query("example.org"))
        wait_for(lambda: silent.queries)
        lab.upstream(OTHER)
        lab.resolvers(OTHER)
        line.settimeout(5)
        assert dns.addresses(line.recv(512)) == ["198.51.100.7"]
    assert len(silent.queries) == 1


# ---- TCP ----

def test_tcp_pipelined_in_pieces_and_half_closed(lab, web):
    lab.upstream(ONE)
    lab.resolvers(ONE)
    names = ["db.lab", "example.org", "nope.lab", "web", "example.net"] * 20
    stream = b"".join(dns.framed(dns.query(each, number=i)) for i, each in enumerate(names))
    with web.tcp() as line:
        line.sendall(stream)
        line.shutdown(socket.SHUT_WR)
        got = [dns.receive(line) for _ in names]
        assert dns.receive(line) is None  # closed once all is said
    assert {dns.number(each): dns.question(each)[0] for each in got} == dict(enumerate(names))
    with web.tcp() as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in dns.framed(dns.query("db.lab")):
            line.sendall(bytes([byte]))
            time.sleep(0.002)
        assert dns.addresses(dns.receive(line)) == ["10.20.0.11"]


def test_tcp_servers_in_pieces_or_broken(lab, web):
    """A server whose reply comes byte by byte, is another one's, ends early, or says a length that never comes."""
    second = lab.upstream(OTHER)
    lab.resolvers(ONE, OTHER)
    pieces = {"slow": lambda text: [text[i:i + 1] for i in range(len(text))],
              "other": lambda text: [text[:-1] + b"\xff" if len(text) < 30 else text[:2] + b"\xff\xff" + text[4:]],
              "early": lambda text: [text[:9]], "empty": lambda _text: [], "zero": lambda _text: [b"\0\0"],
              "stall": lambda text: [b"\xff\xff" + text[2:]]}
    server = lab.upstream(ONE)
    stalled = []

    def stream(line):
        message = dns.receive(line, 5)
        kind = dns.question(message)[0].split(".")[0]
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces[kind](dns.framed(dns.address_reply(message, "198.51.100.1"))):
            line.sendall(piece)
            time.sleep(0.002)
        server._lines.remove(line)
        if kind == "stall":
            stalled.append(line)
        else:
            line.close()
    server._stream = stream
    for kind in pieces:
        answer = dns.addresses(web.ask_tcp(dns.query(f"{kind}.example")))
        assert answer == ["198.51.100.1" if kind == "slow" else "198.51.100.7"], kind
    assert len(second.queries) == len(pieces) - 1
    for line in stalled:
        line.close()


def test_tcp_clients_that_say_nonsense_are_cut_off(lab, web):
    for nonsense in (b"\0\0", b"\0\x0b" + b"x" * 11, b"\xff\xff" + b"x" * 100, b"GET / HTTP/1.1\r\n\r\n"):
        with web.tcp() as line:
            line.sendall(nonsense)
            assert line.recv(1) == b""
    assert lab.dig("+tcp", "db.lab") == ["10.20.0.11"]


def test_tcp_idle_and_dribbling_connections_end(lab, web):
    """Ten seconds without a whole query; a byte now and then doesn't help."""
    with web.tcp() as idle, web.tcp() as dribble:
        start = time.monotonic()
        ended = {}
        while len(ended) < 2:
            assert time.monotonic() - start < 13
            if dribble not in ended:
                try:
                    dribble.send(b"\0")
                except OSError:
                    pass
            for line in select.select([each for each in (idle, dribble) if each not in ended], [], [], 0.5)[0]:
                try:
                    assert line.recv(1) == b""
                except ConnectionResetError:
                    pass
                ended[line] = time.monotonic() - start
    assert ended[idle] > 9.5


def test_slow_readers_stop_nobody(lab, web):
    """A guest that asks for megabytes and reads none gets no more than its share of memory; others don't notice."""
    filler = [dns.record(b"\xff" + b"x" * 255, dns.TXT)] * 200
    lab.upstream(ONE, lambda message: dns.reply(message, *filler) if dns.question(message)[1] == dns.TXT
                 else dns.address_reply(message))
    lab.resolvers(ONE)
    lines = [web.tcp(SO_RCVBUF=4096) for _ in range(20)]
    for line in lines:
        line.setblocking(False)
        try:
            line.send(b"".join(dns.framed(dns.query(f"huge{i}.example", dns.TXT)) for i in range(60)))
        except BlockingIOError:
            pass
    end = time.monotonic() + 2
    while time.monotonic() < end:
        start = time.monotonic()
        assert dns.addresses(lab.clients["db"].ask(dns.query("db.lab"))) == ["10.20.0.11"]
        assert dns.addresses(lab.clients["db"].ask_tcp(dns.query("example.org"))) == ["198.51.100.7"]
        assert time.monotonic() - start < 1
        time.sleep(0.01)  # two in ten milliseconds are within what one guest gets answered
    for line in lines:
        line.close()
    print({key: value for key, value in lab.service.proc_status().items() if key in ("VmHWM", "VmRSS")})
    if not lab.service.status()["isolation"]["sanitizer"]:
        assert int(lab.service.proc_status()["VmHWM"].split()[0]) < 7500


def test_one_guest_can_not_take_all_connections(lab, web):
    lines = []
    for _ in range(150):
        lines.append(web.tcp())
    time.sleep(0.2)
    alive = len(lines) - len(select.select(lines, [], [], 0.5)[0])
    assert 60 < alive < 100
    assert dns.addresses(lab.clients["db"].ask_tcp(dns.query("db.lab"))) == ["10.20.0.11"]
    for line in lines:
        line.close()
    wait_for(lambda: dns.addresses(web.ask_tcp(dns.query("db.lab")) or dns.query("x")) == ["10.20.0.11"])


# ---- no open resolver, no amplifier ----

def test_only_guests_of_the_subnet_are_answered(lab):
    """A guest with an address of elsewhere, that the host can even reach."""
    guest = lab.guests["web"]
    guest.run("ip", "address", "add", "172.16.9.9/32", "dev", "eth0")
    lab.host.run("ip", "route", "add", "172.16.9.9/32", "dev", "br-lab")
    stranger = Client(guest, GATEWAY, DNS_PORT, source="172.16.9.9")
    guest.run("ping", "-c", "1", "-W", "2", "-I", "172.16.9.9", GATEWAY)
    assert stranger.ask(dns.query("db.lab"), timeout=0.5) is None
    with stranger.tcp() as line:
        assert line.recv(1) == b""
    outside = Client(lab.outside, GATEWAY, DNS_PORT)
    lab.outside.run("ip", "route", "add", "10.20.0.0/24", "via", "192.0.2.2")
    with pytest.raises(ConnectionRefusedError):  # the socket is bound to the bridge
        outside.ask(dns.query("db.lab"), timeout=0.5)


def test_what_is_refused_and_what_is_not_answered_at_all(lab, web):
    server = lab.upstream(ONE)
    lab.resolvers(ONE)
    refused = [(dns.query("example.org", flags=0), dns.REFUSED), (dns.query("lab", dns.AXFR), dns.REFUSED),
               (dns.query("example.org", dns.IXFR), dns.REFUSED), (dns.query("version.bind", 16, klass=3), dns.REFUSED),
               (dns.query("example.org", flags=0x2800), dns.NOTIMP), (dns.query("lab", flags=0x2000), dns.NOTIMP),
               (dns.query("example.org") + b"x", dns.FORMERR), (dns.query("web")[:-1], dns.FORMERR),
               (dns.query("example.org", edns=dns.opt(data=bytes(600))), dns.FORMERR)]
    for message, code in refused:
        answer = web.ask(message)
        assert answer[:2] == message[:2] and dns.rcode(answer) == code and dns.counts(answer)[1:3] == (0, 0)
        assert len(answer) <= len(message)
    for message in (b"", b"x", dns.query("db.lab")[:11], dns.reply(dns.query("db.lab"))):
        assert web.ask(message, timeout=0.2) is None
    assert dns.addresses(web.ask(dns.query("db.lab", flags=0))) == ["10.20.0.11"]  # we know it without recursion
    assert not server.queries


def test_a_flood_takes_nothing_from_others(lab, web):
    """5,000 queries that nobody answers: the guest gets a share, the neighbour is served as before."""
    silent = lab.upstream(ONE, lambda message: dns.address_reply(message) if "good" in dns.question(message)[0] else None)
    lab.resolvers(ONE)
    neighbour = lab.clients["db"]
    with web.udp() as line:
        for i in range(5000):
            line.send(dns.query(f"bad-{i}.example", number=i))
        for i in range(20):
            assert dns.addresses(neighbour.ask(dns.query(f"good-{i}.example"))) == ["198.51.100.7"]
            assert dns.addresses(neighbour.ask(dns.query("web.lab"))) == ["10.20.0.10"]
    asked = Counter(dns.question(message)[0] for message, *_ in silent.queries)
    bad = [each for each in asked if each.startswith("bad")]
    assert 300 < len(bad) < 340
    lab.service.wait_log("too many queries: 10.20.0.10 in network lab")
    wait_for(lambda: lab.service.fds() < 40)  # all of it ends


def test_a_guest_gets_a_number_of_answers_a_second(lab, web):
    """1,000 at once, then 500 a second; the neighbour's count is its own."""
    answered = 0
    with web.udp() as line:
        line.settimeout(0.05)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            line.send(dns.query("db.lab"))
            try:
                line.recv(512)
                answered += 1
            except socket.timeout:
                pass
    assert 2000 < answered < 2800
    assert dns.addresses(lab.clients["db"].ask(dns.query("web.lab"))) == ["10.20.0.10"]


def test_hostile_bytes_do_no_harm(lab, web):
    """The fuzzer's seeds, and queries with bytes changed, by UDP and TCP."""
    lab.upstream(ONE)
    lab.resolvers(ONE)
    seeds = [path.read_bytes() for path in sorted((SOURCE / "fuzz/seeds/dns").iterdir())]
    assert len(seeds) > 40
    chance = random.Random(7)
    with web.udp() as line:
        for seed in seeds:
            line.send(seed[1:])
        for _ in range(500):
            message = bytearray(dns.query("www.example.org", edns=dns.opt()))
            for _ in range(chance.randrange(1, 5)):
                message[chance.randrange(len(message))] = chance.randrange(256)
            line.send(message)
    for seed in seeds:
        with web.tcp() as line:
            try:
                line.sendall(seed[1:])
            except OSError:
                pass
    assert lab.dig("db.lab") == ["10.20.0.11"] and lab.service.process.poll() is None


# ---- what it costs ----

def test_a_network_that_stops_takes_all_with_it(lab, web):
    """Queries in flight and open connections go, and every descriptor with them."""
    silent = lab.upstream(ONE, lambda message: None)
    lab.resolvers(ONE)
    lab.service.serve({**network("office", "10.30.0.1/24", {"pc": "10.30.0.10"}), "bridge": "br-lab", "dns_port": 0,
                       "mode": "isolated"})  # the service ends with its last network
    lines = [web.tcp() for _ in range(5)]
    for i, line in enumerate(lines):
        line.sendall(dns.framed(dns.query(f"host-{i}.example")))
    with web.udp() as line:
        for i in range(20):
            line.send(dns.query(f"host-{i}.example"))
        wait_for(lambda: len(silent.queries) == 25)
    before = lab.service.fds()
    lab.service.stop("lab")
    wait_for(lambda: lab.service.fds() == before - 5 - len(lines) - 25)
    for line in lines:
        assert line.recv(1) == b""
        line.close()


def test_memory_with_900_ports_and_1000_in_flight(lab):
    """Under 6 MB: 900 guests ask two names each at a server that is silent."""
    ports = {f"p{i}": {"address": f"10.40.{1 + i // 250}.{1 + i % 250}", "hostname": f"host{i}"} for i in range(900)}
    large = network("large", "10.40.0.1/16", ports)
    guest = lab.guests["web"]
    lab.host.run("ip", "link", "add", "br-large", "type", "bridge", "forward_delay", "0")
    lab.host.run("ip", "link", "set", "br-large", "up")
    lab.host.run("ip", "address", "add", "10.40.0.1/16", "dev", "br-large")
    lab.host.run("ip", "link", "add", "large0", "type", "veth", "peer", "name", "eth1", "netns", guest.name)
    lab.host.run("ip", "link", "set", "large0", "master", "br-large", "up")
    guest.run("ip", "link", "set", "eth1", "up")
    guest.run("ip", "-batch", "-", input="".join(f"address add {port['address']}/16 dev eth1\n" for port in ports.values()))
    lab.service.serve(large)
    silent = lab.upstream(ONE, lambda message: None)
    lab.resolvers(ONE)
    lines = [Client(guest, "10.40.0.1", DNS_PORT, source=port["address"]).udp() for port in ports.values()]

    def asked():
        return len({dns.question(message)[0] for message, *_ in silent.queries})
    for i, line in enumerate(lines):
        line.send(dns.query(f"host-{i}.example"))
        if i % 50 == 49:
            wait_for(lambda: asked() > i)
    for i, line in enumerate(lines):
        line.send(dns.query(f"second-{i}.example"))
    wait_for(lambda: asked() >= 990)
    status = lab.service.proc_status()
    print(asked(), "in flight:", {key: status[key] for key in ("VmHWM", "VmRSS", "RssAnon", "RssFile")})
    assert asked() <= 1000 and lab.service.fds() > 990
    for line in lines:
        line.close()
    if not lab.service.status()["isolation"]["sanitizer"]:
        assert int(status["VmHWM"].split()[0]) < 6 * 1024
