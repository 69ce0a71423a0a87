# SPDX-License-Identifier: MIT
"""The service's DNS: own names, and the host's resolvers behind it. The picture is in dns_lab.py."""

import random
import select
import socket
import struct
import time

from dns_lab import GATEWAY, ONE, OTHER, OUTSIDE
from tapnet_test import dns
from tapnet_test.service import DNS_PORT, in_netns, network
from tapnet_test.waiting import wait_for


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


def test_the_host_asks_too_and_nobody_else_does(lab):
    """Programs of the host reach the private port by the loopback; what comes in by the uplink finds nobody there."""

    def ask(netns, *words):
        done = netns.run("dig", f"@{GATEWAY}", "-p", DNS_PORT, "+short", "+tries=1", "+timeout=2", *words, check=False)
        return done.stdout.split("\n")[:-1] if done.returncode == 0 else None

    for protocol in ("+notcp", "+tcp"):
        assert ask(lab.host, protocol, "db.lab") == ["10.20.0.11"]
        assert ask(lab.host, protocol, "outside.example") == [OUTSIDE]
    assert ask(lab.host, "-x", "10.20.0.10") == ["www.lab."]
    lab.host.run("sysctl", "-qw", "net.ipv4.conf.eth0.forwarding=1")
    lab.outside.run("ip", "route", "add", "10.20.0.0/24", "via", "192.0.2.2")
    assert ask(lab.outside, "+notcp", "db.lab") is None
    assert ask(lab.outside, "+tcp", "db.lab") is None


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
    """EDNS, its options, DNSSEC bits, unknown types; the client sees its own id and letters, the server random ones."""
    server = lab.upstream(ONE)
    lab.resolvers(ONE)
    cookie = struct.pack(">HH", 10, 8) + b"abcdefgh"
    sent = [dns.query("ExAmple.oRG", 65400, edns=dns.opt(4096, 0, True, cookie)),
            dns.query("example.org", flags=dns.RD | 0x10 | 0x20), dns.query("", dns.NS), dns.query("org", 43),
            dns.query("example.org", edns=dns.opt(1232, 1))]
    for message in sent:
        rest = dns.reply(message, dns.record(b"\1\2\3", 65400), flags=0x20)[2:] + b"anything"
        end = dns.question_end(message)
        for ask in (web.ask, web.ask_tcp):
            server.answer = lambda got, rest=rest, end=end: got[:2] + rest[:10] + got[12:end] + rest[end - 2:]
            assert ask(message) == message[:2] + rest
            got = server.queries[-1][0]
            assert got[2:12] + got[end:] == message[2:12] + message[end:]
            assert got[12:end].lower() == message[12:end].lower()
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
    """Wrong id, wrong name, wrong type, no response, two questions, another port, another address."""
    forged = "203.0.113.66"
    lab.resolvers(ONE)

    def stranger(address, port):
        made = in_netns(lab.outside, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        made.bind((address, port))
        return made
    strangers = [stranger(ONE, 54), stranger(OTHER, 53)]

    def answer(message):
        def other(text):
            return dns.address_reply(dns.query(text, number=dns.number(message)), forged)
        bad = dns.address_reply(message, forged)
        for each in strangers:
            each.sendto(bad, server.queries[-1][1])
        return [struct.pack(">H", dns.number(message) ^ 1) + bad[2:], other("example.com"),
                dns.reply(message[:-4] + b"\0\x1c\0\1", dns.record(b"\xff" * 4)), message, bad[:5] + b"\2" + bad[6:],
                bad[:11], b"", b"\0" * 600, dns.address_reply(message)]
    server = lab.upstream(ONE, answer)
    with web.udp() as line:
        line.settimeout(5)
        line.send(dns.query("example.org"))
        assert dns.addresses(line.recv(512)) == ["198.51.100.7"]
        assert not select.select([line], [], [], 0.3)[0]  # one reply a query
    assert len(server.queries) == 1


def test_a_server_that_is_silent(lab, web):
    """Asked three times from one port; then the client is told, before it loses its patience."""
    server = lab.upstream(ONE, lambda message: None)
    lab.resolvers(ONE)
    start = time.monotonic()
    answer = web.ask(dns.query("example.org", edns=dns.opt()), timeout=9)
    assert 4.3 < time.monotonic() - start < 5
    assert dns.rcode(answer) == dns.SERVFAIL and dns.counts(answer) == (1, 0, 0, 1)
    assert len(server.queries) == 3 and len({client for _message, client, _when in server.queries}) == 1
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
    target = "/etc/elsewhere/stub.conf"  # below /etc or /run, or where it was when the service began: landlock.c
    shell("mkdir /etc/elsewhere")
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
