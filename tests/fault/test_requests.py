# SPDX-License-Identifier: MIT
"""Every request that a plan makes of the host is made to fail in turn: afterwards the host is as it was.

      world.host (the host under test, snapshot before and after)
    +---------------------------------------------------+
    | fault-tool up FILE, request 1 .. N fails          |
    |                                                   |
    |   web --+                                         |
    |         +-- br-lab 10.20.0.1/24 -- NAT -- eth0 ---+--- outside
    |   db ---+                                         |
    +---------------------------------------------------+
"""

import errno
import re

import pytest

from tapnet_test.build import build_dir, program
from tapnet_test.snapshot import assert_same, snapshot

LAB = """
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web: {}
      db: { address: 10.20.0.8, user: 0 }
devices:
  tun1: { kind: tun, address: 192.168.3.11/24 }
"""

MORE = """
networks:
  lab:
    subnet: 10.20.0.1/24
    mtu: 1400
    ports:
      web: { hostname: www }
      mail: {}
  second: { mode: isolated, subnet: 10.30.0.1/24, ports: { a: {}, b: {} } }
"""

# What the kernel says when it is short of something, refuses, or finds the thing there or gone.
CODES = [errno.ENOMEM, errno.EPERM, errno.EEXIST, errno.EBUSY, errno.ENOBUFS]


class Lab:
    """fault-tool in the host of a world."""

    def __init__(self, world):
        self.host = world.host
        self.run = world.host.tmp / "run"
        self.tool = build_dir() / "tests" / "fault" / "fault-tool"
        self.tried = 0

    def file(self, text):
        return self.host.write("lab.yaml", text)

    def __call__(self, verb, what, request=0, code=errno.ENOMEM):
        """Runs one plan with one request failing: (worked, requests made, name of the failed one)."""
        done = self.host.run(self.tool, self.run, program("tapnet-service"), verb, what, str(request), str(code),
                             check=False)
        assert done.returncode in (0, 1), done.stderr
        _, count, name = done.stdout.split()
        self.tried += request > 0
        return done.returncode == 0, int(count), name, done.stderr

    def look(self):
        """All that there is. Of the service's log and of what it was told only that they are there: a service that was
        started again says so, and a bridge that was made again has another index."""
        text = snapshot(self.host, subnets=["10.20.0.0/24", "10.30.0.0/24"], run_dir=self.run)
        return re.sub(r"(file run/\S+/(service\.log|networks/\S+)) .*", r"\1", text)

    def fail_each(self, verb, what, codes):
        """Every request in turn, codes in rotation; the state before must be the state after."""
        before = self.look()
        request = 0
        while True:
            request += 1
            code = codes[request % len(codes)]
            worked, _, name, said = self(verb, what, request, code)
            if name == "-":
                assert worked, said
                return request - 1
            assert not worked, f"{verb} went on although request {request} ({name}) failed"
            assert f"injected failure of {name}" in said
            assert_same(before, self.look(), f"the host after a failed {verb} (request {request}, {name})")


@pytest.fixture
def lab(world):
    made = Lab(world)
    yield made
    made("down", "lab")


def test_up_from_nothing(lab, record_property):
    count = lab.fail_each("up", lab.file(LAB), CODES)
    assert count >= 15
    record_property("faults", lab.tried)
    print(f"{lab.tried} faults, no difference left")


def test_up_with_edits(lab):
    """A port goes, one comes, an MTU and a hostname change, a second network appears, a device goes."""
    assert lab("up", lab.file(LAB))[0]
    count = lab.fail_each("up", lab.file(MORE), CODES)
    assert count >= 15
    print(f"{lab.tried} faults, no difference left")


def test_down(lab):
    nothing = lab.look()
    assert lab("up", lab.file(LAB))[0]
    count = lab.fail_each("down", "lab", CODES)
    assert count >= 8
    assert_same(nothing, lab.look(), "the host after down")
    print(f"{lab.tried} faults, no difference left")
