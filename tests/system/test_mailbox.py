# SPDX-License-Identifier: MIT
"""Who plugs in one guest after the other tells the service without waking it: it reads that before it does anything.

    plug_tool --lab-vm1, lab-vm2, ...--+
                                     br-lab (10.20.0.1/24)---[ host ]     tapnet-service <-- mailbox
    (ready) --lab-web------------------+
"""

import ctypes
import json
import os
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress

import pytest
from tap_guest import Guest
from tapnet_test import seqpacket
from tapnet_test.build import build_dir
from tapnet_test.plugging import attach, plugging_lab, ports
from tapnet_test.processes import named, wait_gone
from tapnet_test.service import in_netns
from tapnet_test.waiting import wait_for

SOON = 5
PIDFD_GETFD = 438
BURST = 120  # ports at once, twice: more than a mailbox holds


@pytest.fixture
def lab(world, host):
    yield from plugging_lab(host)


@contextmanager
def plugged(lab, count):
    """So many guests of one process, until the block ends; then it takes all of them away."""
    with lab.netns.popen(build_dir() / "tests/system/plug_tool", "lab", count, "detach", stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True) as tool:
        assert all(tool.stdout.readline().startswith("plug ") for _ in range(count))
        yield tool
        tool.stdin.close()
        assert tool.wait(60) == 0


def dig(lab, name):
    """No addresses, too, when nobody serves just now."""
    lines = lab.netns.run("dig", "+short", "-p", "10053", "@10.20.0.1", name, check=False).stdout.splitlines()
    return [line for line in lines if not line.startswith(";")]


def assert_known(lab, gone=()):
    """What the service says of each name is what the ledger has."""
    there = {name: port["addresses"][:1] for name, port in ports(lab).items()}
    assert {name: dig(lab, f"{name}.lab") for name in [*there, *gone]} == {**dict.fromkeys(gone, []), **there}


def service_log(lab):
    return next(lab.run_dir.glob("*/service.log")).read_text("utf-8")


def socket_path(lab):
    return next(lab.run_dir.glob("*/service.sock"))


def mailbox(lab):
    with seqpacket.connect(socket_path(lab)) as line:
        line.send(b'{"do":"mailbox"}')
        reply, fds, _, _ = socket.recv_fds(line, 2048, 4)
    assert json.loads(reply)["ok"] and len(fds) == 1
    return socket.socket(fileno=fds[0])


class Holder(Guest):
    """The guest of a TAP that another process of ours holds."""

    header_len = 10

    def __init__(self, pid, device, mac):
        self.pid = pid
        super().__init__(device, mac)

    def open(self, device):
        for number in os.listdir(f"/proc/{self.pid}/fdinfo"):
            if f"iff:\t{device}\n" in open(f"/proc/{self.pid}/fdinfo/{number}", encoding="utf-8").read():
                pidfd = os.pidfd_open(self.pid)
                fd = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, pidfd, int(number), 0)
                os.close(pidfd)
                os.set_blocking(fd, False)
                return fd
        raise AssertionError(device)


def test_a_guest_is_answered_at_its_first_word(lab):
    with plugged(lab, 4) as tool:
        assert "plugged port lab/vm4 in" not in service_log(lab), "nobody has woken it"
        port = ports(lab)["vm4"]
        guest = in_netns(lab.netns, lambda: Holder(tool.pid, "lab-vm4", port["mac"]))
        assert in_netns(lab.netns, guest.offer) == port["addresses"][0]
        assert "plugged port lab/vm4 in" in service_log(lab)
        os.close(guest.fd)
    assert_known(lab, gone=["vm1", "vm2", "vm3", "vm4"])


def test_its_name_is_known_to_the_first_who_asks(lab):
    with plugged(lab, 3):
        assert dig(lab, "vm3.lab") == ports(lab)["vm3"]["addresses"][:1]
        assert_known(lab)
    assert dig(lab, "vm3.lab") == []


def test_more_than_fit_while_nobody_asks(lab):
    with plugged(lab, BURST), plugged(lab, BURST):
        assert dig(lab, f"vm{2 * BURST}.lab")
        assert len(ports(lab)) == 2 * BURST + 1
    with plugged(lab, BURST):
        assert_known(lab, gone=[f"vm{BURST + 1}", f"vm{2 * BURST}"])


def test_what_several_say_comes_in_its_order(lab):
    """One takes over the names that another has just given back."""
    for _ in range(5):
        with plugged(lab, 5):
            with plugged(lab, 7):
                pass
            with plugged(lab, 3):
                pass
            lab("detach", "-q", "lab/vm2")
            attach(lab, "lab/vm2")
            with plugged(lab, 2):
                assert_known(lab, gone=["vm8", "vm12"])
    assert_known(lab, gone=[f"vm{number}" for number in range(1, 13)])
    assert lab("status").returncode == 0


@pytest.mark.parametrize("text", [
    b"\0", b"{}", b'{"do":"stop","network":"lab"}', b'{"do":"status"}',
    b'{"do":"unplug","network":"lab","port":"nobody"}', b'{"do":"plug","network":"lab","port":{}}', b"{" * 4097,
], ids=["nul", "empty", "stop", "status", "nobody", "no port", "long"])
def test_a_service_that_cannot_do_it_makes_room_for_one_that_knows_all(lab, text):
    with plugged(lab, 3):
        before, = named(lab.netns, "tapnet-service")
        with mailbox(lab) as box:
            box.send(text)
        dig(lab, "vm1.lab")  # whoever asks next has it read
        wait_gone(before)
        wait_for(lambda: set(named(lab.netns, "tapnet-service")) - {before}, SOON, "the keeper starts another one")
        wait_for(lambda: dig(lab, "vm3.lab"), SOON, "it serves")
        assert_known(lab)
        with plugged(lab, 3):
            assert_known(lab)
    assert_known(lab, gone=[f"vm{number}" for number in range(1, 7)])


def test_descriptors_in_the_mailbox_are_not_taken(lab):
    before, = named(lab.netns, "tapnet-service")
    with mailbox(lab) as box:
        socket.send_fds(box, [b'{"do":"plug","network":"lab","port":"x"}'], [0, 0])
    dig(lab, "web.lab")
    wait_gone(before)
    wait_for(lambda: dig(lab, "web.lab"), SOON, "another one serves")


def false_mailboxes():
    return {
        "pipe": lambda: os.pipe()[1],
        "datagrams": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].detach(),
        "inet": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach(),
        "nobody": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)[0].detach(),
        "none": lambda: None,
    }


@pytest.mark.parametrize("kind", list(false_mailboxes()))
def test_a_service_taken_over_hands_out_something_else(lab, kind):
    """Its clients talk to it as if it had none."""
    heard, path = [], socket_path(lab)
    path.rename(f"{path}.real")

    def answer(line):
        """To its end, or until nobody waits for it any more."""
        while text := line.recv(65536):
            heard.append(json.loads(text)["do"])
            fd = false_mailboxes()[kind]() if heard[-1] == "mailbox" else None
            socket.send_fds(line, [b'{"ok":true,"pid":1}'], [fd] if fd is not None else [])
            if fd is not None:
                os.close(fd)

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        listening.listen(4)

        def serve():
            while True:
                try:
                    line = listening.accept()[0]
                except OSError:
                    return
                with line, suppress(BrokenPipeError, ConnectionResetError):
                    answer(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with plugged(lab, 4):
            assert heard.count("plug") == 4 and heard.count("mailbox") == 1
        assert heard.count("unplug") == 4
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    os.rename(f"{path}.real", path)
