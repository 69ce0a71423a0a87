# SPDX-License-Identifier: MIT
"""Real QEMUs started by `tapnet run`, which alone tells them of a network; and a user's, by the bridge helper.

      host                                                    outside
    +------------------------------------------------------+  +-----------+
    | tapnet run -- QEMU "vm1" -- default-vm1 --+          |  |           |
    | tapnet run -- QEMU "vm2" -- default-vm2 --+          |  | 192.0.2.1 |
    |   ...                                     br-default  eth0          |
    +------------------------------------------------------+  +-----------+
"""

import os
import signal
from pathlib import Path

import pytest
from tapnet_test import guest_image
from tapnet_test.build import Tapnet, everybodys, everybodys_file
from tapnet_test.guest import Machine, RunGuest, qemu_command
from tapnet_test.plugging import ALICE, BOB, as_user, ports
from tapnet_test.processes import wait_gone
from tapnet_test.snapshot import diff, snapshot
from tapnet_test.waiting import wait_for

GUESTS = 10


def test_a_new_users_first_guest(world, tapnet):
    """No file, no network named: it reaches the outside, and leaves nothing."""
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    with RunGuest(world.host, tapnet, "first") as guest:
        lease = guest.wait_for_lease()
        port, = tapnet.status("default")["ports"]
        assert lease["ip"] == port["addresses"][0]
        assert guest.out("cat /sys/class/net/eth0/address") == port["mac"]
        guest.out("ping -c 1 -W 3 192.0.2.1")
        assert guest.out("nslookup vm1.default").count(lease["ip"]) == 1
        os.kill(guest.pid, signal.SIGTERM)
        wait_gone(guest.pid, 20)
    assert not diff(before, snapshot(world.host, run_dir=tapnet.run_dir))


def test_ten_at_once_of_which_half_are_killed(world):
    """Half of the commands are killed, of the others half of the QEMUs; after the last end nothing is left."""
    tapnet = Tapnet(world.host, keeper=True)
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    guests = [RunGuest(world.host, tapnet, f"guest{number}") for number in range(GUESTS)]
    try:
        leases = {guest.wait_for_lease(120)["ip"] for guest in guests}
        assert len(leases) == GUESTS
        for guest in guests:
            guest.out("ping -c 1 -W 5 192.0.2.1")
        qemus = [guest.qemu() for guest in guests]
        for number, guest in enumerate(guests):
            os.kill(guest.pid if number % 2 else qemus[number], signal.SIGKILL)
        for qemu in qemus:
            try:
                os.kill(qemu, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_for(lambda: not diff(before, snapshot(world.host, run_dir=tapnet.run_dir)), 20,
                 lambda: diff(before, snapshot(world.host, run_dir=tapnet.run_dir)), 0.5)
    finally:
        for guest in guests:
            guest.close()


def for_everybody(word):
    """A word of QEMU's command line; the image that it names may lie where only its owner may look."""
    path = Path(word)
    return everybodys_file(path) if path.parent == guest_image.IMAGE else word


class UsersGuest(Machine):
    """The QEMU of a user, on the network that its bridge helper gives it."""

    def __init__(self, netns, user, name, mac, network="lab"):
        netdev = f"bridge,id=n0,br={network},helper={everybodys('tapnet-bridge-helper')}"
        super().__init__(netns, name, lambda _, control: [*as_user(user), *map(
            for_everybody, qemu_command(netdev, name, mac, "null", control))])

    wait_for_lease, lease = RunGuest.wait_for_lease, RunGuest.lease


def test_an_ordinary_user_by_the_bridge_helper(world):
    """On a permitted network, as often as its file says, and on no other; another user not at all."""
    host, tapnet = world.host, Tapnet(world.host, keeper=True)
    before = snapshot(host, run_dir=tapnet.run_dir)
    tapnet("up", tapnet.file(f"networks: {{ lab: {{ allow: ['{ALICE}:1'] }}, dmz: {{}} }}"))
    with UsersGuest(host, ALICE, "alice", "52:54:00:00:00:01") as guest:
        lease = guest.wait_for_lease()
        port, = tapnet.status("lab")["ports"]
        assert lease["ip"] == port["addresses"][0] and port["origin"] == "run"
        guest.out("ping -c 1 -W 3 192.0.2.1")
        for user, network, said in ((ALICE, "lab", "has 1 port of network lab"),
                                    (ALICE, "dmz", f"user {ALICE} may not plug guests into network dmz"),
                                    (BOB, "lab", f"user {BOB} may not plug guests in")):
            with UsersGuest(host, user, "refused", "52:54:00:00:00:02", network) as refused, \
                    pytest.raises(AssertionError, match=said):
                refused.wait_ready()
    wait_for(lambda: not ports(tapnet), 10, "the port goes with QEMU")
    tapnet("down", "--all")
    assert not diff(before, snapshot(host, run_dir=tapnet.run_dir))
