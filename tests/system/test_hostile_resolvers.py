# SPDX-License-Identifier: MIT
"""Forgers of a resolver's replies, and resolvers that change the case of names. The picture is in dns_lab.py."""

import socket
import struct
import time
from collections import Counter

import pytest
from dns_lab import ONE
from tapnet_test import dns
from tapnet_test.waiting import wait_for

FORGED, TRUE = "203.0.113.66", "198.51.100.7"


def lower(message):
    """What a server answers that changes the case of names."""
    end = dns.question_end(message)
    return message[:12] + message[12:end - 4].lower() + message[end - 4:]


def test_what_a_forger_has_to_guess(lab, web):
    """Ports and ids are spread, and each letter is a coin thrown anew; the guest sees none of it."""
    server = lab.upstream(ONE)
    lab.resolvers(ONE)
    name, count = "abcdefghijklmnop.example", 1000
    for _ in range(count):
        asked = dns.query(name)
        assert web.ask(asked)[12:len(asked)] == asked[12:]
    ids, ports = ([dns.number(message) for message, *_ in server.queries], [who[1] for _, who, _ in server.queries])
    print(f"{len(set(ids))} ids and {len(set(ports))} ports in {count} queries")
    assert len(set(ids)) > count - 25  # 992 are to be expected of 65,536,
    assert len(set(ports)) > count - 50  # and 982 of the 28,232 that the kernel gives
    assert max(Counter(number >> 12 for number in ids).values()) < 120  # a sixteenth of them each
    assert max(Counter((port - 32768) // 1765 for port in ports).values()) < 120
    for at in range(13, 29):
        assert count * 0.3 < sum(chr(message[at]).isupper() for message, *_ in server.queries) < count * 0.7
    assert len({message[13:29] for message, *_ in server.queries}) > count - 25


def test_ids_at_ports_that_are_guessed(lab, web):
    """A forger who sends as the server, and knows the name, even each letter's case, but not the port."""
    server = lab.upstream(ONE, lambda message: None)
    lab.resolvers(ONE)
    with web.udp() as line:
        line.send(dns.query("forged.example.org"))
        message, (address, port), _when = wait_for(lambda: server.queries)[0]
        bad = dns.address_reply(message, FORGED)
        for number in range(0, 65536, 7):
            guess = 32768 + (number * 7919) % 28232
            if guess != port:
                server.udp.sendto(struct.pack(">H", number) + bad[2:], (address, guess))
        for guess in range(32768, 61000, 5):  # with the right id, even
            if guess != port:
                server.udp.sendto(bad, (address, guess))
        server.answer = dns.address_reply  # to the next try, should the first be over
        server.udp.sendto(dns.address_reply(message), (address, port))
        line.settimeout(6)
        assert dns.addresses(line.recv(512)) in ([TRUE], [])
        assert dns.addresses(web.ask(dns.query("forged.example.org"))) == [TRUE]


def also(message, section, name, address):
    """A reply with a record of another name in front of the true one, as a section of its own."""
    extra = dns.name(name) + struct.pack(">HHIH", dns.A, 1, 86400, 4) + socket.inet_aton(address)
    true = dns.record(socket.inet_aton(TRUE))
    counts = {"answer": (2, 0, 0), "authority": (1, 1, 0), "additional": (1, 0, 1)}[section]
    head = struct.pack(">6H", dns.number(message), dns.QR | dns.RD | dns.RA, 1, *counts)
    question = message[12:dns.question_end(message)]
    return head + question + (extra + true if section == "answer" else true + extra)


@pytest.mark.parametrize("section", ("answer", "authority", "additional"))
def test_nothing_is_remembered_that_was_not_asked_for(lab, web, section):
    """A server adds what it says of other names, ours among them: the next who asks for those is told the truth."""
    server = lab.upstream(ONE, lambda message: also(message, section, "victim.example", FORGED)
                          if b"bait" in message.lower() else dns.address_reply(message))
    lab.resolvers(ONE)
    for bait in ("bait.example", "bait.victim.example"):
        assert web.ask(dns.query(bait))
    assert dns.addresses(web.ask(dns.query("victim.example"))) == [TRUE]
    server.answer = lambda message: also(message, section, "db.lab", FORGED)
    assert web.ask(dns.query("bait.example"))
    assert dns.addresses(web.ask(dns.query("db.lab"))) == ["10.20.0.11"]
    server.answer = dns.address_reply
    assert dns.addresses(lab.clients["db"].ask(dns.query("victim.example"))) == [TRUE]


def test_an_alias_to_a_name_of_ours_changes_nothing_of_it(lab, web):
    """The resolver's answer passes as it is; what the name is here is not its business."""
    alias = dns.name("db.lab") + struct.pack(">HHIH", dns.A, 1, 86400, 4) + socket.inet_aton(FORGED)
    lab.upstream(ONE, lambda message: dns.reply(message, dns.record(dns.name("db.lab"), kind=5), alias))
    lab.resolvers(ONE)
    assert dns.counts(web.ask(dns.query("alias.example")))[1] == 2
    for guest in lab.clients.values():
        assert dns.addresses(guest.ask(dns.query("db.lab"))) == ["10.20.0.11"]


def test_a_reply_that_comes_again_reaches_nobody_else(lab, web):
    """To the same port, with the same id and letters, after the query is over: also while the next one is asked."""
    server = lab.upstream(ONE)
    lab.resolvers(ONE)
    old = []
    for i in range(200):
        name = f"name-{i}.example.org"
        server.answer = lambda message: [*(bad for bad, _ in old[-20:]), dns.address_reply(message)]
        assert dns.addresses(web.ask(dns.query(name))) == [TRUE]
        message, client, _when = server.queries[-1]
        old.append((dns.address_reply(message, FORGED), client))
        for bad, where in old[-20:]:
            server.udp.sendto(bad, where)


def test_ids_at_the_right_port_in_the_wrong_case(lab, web):
    """A forger who knows server, port and name sends id after id. One hits, but not the letters: TCP knows."""
    server = lab.upstream(ONE, lambda message: None if not server.streams else dns.address_reply(message))
    lab.resolvers(ONE)
    name = "a-name-with-many-letters.example.org"
    with web.udp() as line:
        line.settimeout(6)
        line.send(dns.query(name))
        message, client, _when = wait_for(lambda: server.queries)[0]
        template = lower(dns.address_reply(message, FORGED))
        for number in range(-1000, 1000):  # as fast as they are read: what a full queue drops hits nothing
            server.udp.sendto(struct.pack(">H", (dns.number(message) + number) % 65536) + template[2:], client)
            if number % 50 == 0:
                time.sleep(0.01)
        assert dns.addresses(line.recv(512)) == [TRUE]
    assert len(server.streams) == 1
    assert "changes the case" not in lab.service.log()


def test_a_resolver_that_changes_the_case(lab, web):
    """Seen by TCP, where nobody forges; from then on its letters don't count. The guest's own come back."""
    server = lab.upstream(ONE, lambda message: lower(dns.address_reply(message)))
    lab.resolvers(ONE)
    for name in ("exaMPLE-of-a-name.org", "another-Name.example.org"):
        asked = dns.query(name)
        for ask in (web.ask, web.ask_tcp):
            answer = ask(asked)
            assert dns.addresses(answer) == [TRUE] and answer[12:len(asked)] == asked[12:]
    assert len(server.streams) == 3  # the guest's two, and ours
    assert lab.service.log().count("changes the case of names: ") == 1


def test_a_resolver_that_changes_the_case_and_has_no_tcp(lab, web):
    server = lab.upstream(ONE, lambda message: lower(dns.address_reply(message)), tcp=False)
    lab.resolvers(ONE)
    for i in range(3):
        assert dns.addresses(web.ask(dns.query(f"another-name-{i}.example.org"))) == [TRUE]
    assert len(server.queries) == 4
    lab.service.wait_log("changes the case of names, and does not answer by TCP")
