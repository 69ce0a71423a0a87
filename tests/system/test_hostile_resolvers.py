# SPDX-License-Identifier: MIT
"""Forgers of a resolver's replies, and resolvers that change the case of names. The picture is in dns_lab.py."""

import struct

import pytest

from dns_lab import ONE, Lab, wait_for
from tapnet_test import dns

FORGED, TRUE = "203.0.113.66", "198.51.100.7"


@pytest.fixture
def lab(world, make_netns):
    made = Lab(world, make_netns)
    yield made
    made.close()


@pytest.fixture
def web(lab):
    return lab.clients["web"]


def lower(message):
    """What a server answers that changes the case of names."""
    end = dns.question_end(message)
    return message[:12] + message[12:end - 4].lower() + message[end - 4:]


def test_what_a_forger_has_to_guess(lab, web):
    """Ports and ids are spread, and each letter is a coin thrown anew; the guest sees none of it."""
    server = lab.upstream(ONE)
    lab.resolvers(ONE)
    name, count = "abcdefghijklmnop.example", 200
    for _ in range(count):
        asked = dns.query(name)
        assert web.ask(asked)[12:len(asked)] == asked[12:]
    assert len({dns.number(message) for message, *_ in server.queries}) > count - 5
    assert len({client[1] for _message, client, _when in server.queries}) > count - 10
    for at in range(13, 29):
        assert count * 0.3 < sum(chr(message[at]).isupper() for message, *_ in server.queries) < count * 0.7
    assert len({message[13:29] for message, *_ in server.queries}) > count - 5


def test_all_ids_at_the_right_port_in_the_wrong_case(lab, web):
    """A forger who knows server, port and name sends every id. One hits, but not the letters: TCP tells the truth."""
    server = lab.upstream(ONE, lambda message: None if not server.streams else dns.address_reply(message))
    lab.resolvers(ONE)
    name = "a-name-with-many-letters.example.org"
    with web.udp() as line:
        line.settimeout(6)
        line.send(dns.query(name))
        message, client, _when = wait_for(lambda: server.queries)[0]
        template = lower(dns.address_reply(message, FORGED))
        for number in range(65536):
            server.udp.sendto(struct.pack(">H", number) + template[2:], client)
            if number % 512 == 0 and server.streams:
                break
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
