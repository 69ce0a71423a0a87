# SPDX-License-Identifier: MIT
"""Real virtual machines for tests and the demo: QEMU with Debian's cloud kernel and busybox, see guest_image.py.

How it works: the guest's first serial port is its console and goes to a log. The second is a wire for commands: we
write a line, one base64 word; the guest runs it in a shell and answers with "begin", the output in base64, and
"end RC" (tests/guest/wire). So a test says guest.sh("ping -c 1 10.20.0.1"), and any command it has runs inside.
"""

import base64
import itertools
import os
import select
import shlex
import subprocess
import time
from typing import NamedTuple

from . import guest_image

_numbers = itertools.count()
# Emulation works everywhere and takes 2 s to boot; a nested KVM may start and then stop at its first instruction.
ACCELERATOR = os.environ.get("TAPNET_GUEST_ACCEL", "tcg")


class GuestError(AssertionError):
    """A guest did not start, or did not answer; says the end of its console log."""


class Answer(NamedTuple):
    """What a command in the guest came to."""

    rc: int
    output: str


def qemu_command(netdev, name="guest", mac=None, console="stdio", control=None, dhcp=True, shell=False):
    """The QEMU command line of a guest. @netdev is the value of -netdev (its id must be n0), None: it says nothing of a
    network; @control a chardev for the command wire."""
    image = guest_image.find()
    words = ["console=ttyS0", "quiet", "loglevel=3", "panic=-1", "mitigations=off", "no_timer_check",
             f"tapnet.hostname={name}"]
    words += [] if dhcp else ["tapnet.dhcp=no"]
    words += ["tapnet.shell=1"] if shell else []
    command = ["qemu-system-x86_64", "-M", "q35", "-accel", ACCELERATOR, "-cpu", "max", "-m", "128",
               "-nodefaults", "-nographic", "-no-reboot", "-serial", console]
    command += ["-chardev", control, "-serial", "chardev:control"] if control else []
    command += ["-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd"), "-append", " ".join(words)]
    if netdev:
        command += ["-netdev", netdev, "-device", "virtio-net-pci,netdev=n0,romfile=" + (f",mac={mac}" if mac else "")]
    return command


def tap_netdev(device):
    """-netdev for a persistent TAP by its name."""
    return f"tap,id=n0,ifname={device},script=no,downscript=no"


class Machine:
    """A running QEMU that tells what happens in it by the wire. The constructor returns at once; so N of them boot side
    by side."""

    timeout = 30  # seconds that a command may take, unless it says otherwise

    def __init__(self, netns, name, command, pass_fds=()):
        """@command makes the command line from two chardevs: the console's, and the wire's, whose id is control."""
        self.name = name
        self.netns = netns
        self.log = netns.tmp / f"guest-{name}-{next(_numbers)}.log"
        self._buffer = b""
        self._ready = False
        self._errors = open(self.log.with_suffix(".err"), "w")
        self._qemu = netns.popen(*command(f"file:{self.log}", "stdio,id=control,signal=off"), stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=self._errors, pass_fds=pass_fds)
        os.set_blocking(self._qemu.stdout.fileno(), False)

    @property
    def pid(self):
        return self._qemu.pid

    def _fail(self, why):
        console = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
        errors = self.log.with_suffix(".err").read_text(errors="replace")
        raise GuestError(f"guest {self.name}: {why}\n{errors}{console}")

    def _line(self, deadline):
        """The next line from the guest."""
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                self._fail("no answer in time")
            if select.select([self._qemu.stdout], [], [], left)[0]:
                data = self._qemu.stdout.read()
                if not data:
                    self._fail(f"QEMU ended with exit {self._qemu.wait(5)}")
                self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode(errors="replace").strip()

    def wait_ready(self, timeout=60):
        """Returns when the guest takes commands."""
        deadline = time.monotonic() + timeout
        while not self._ready:
            self._ready = self._line(deadline) == "ready"

    def sh(self, command, check=False, timeout=None):
        """Runs a shell command in the guest; Answer(rc, output). With check, an exit code other than 0 is a failure."""
        timeout = timeout or self.timeout
        self.wait_ready()
        self._qemu.stdin.write(base64.b64encode(command.encode()) + b"\n")
        self._qemu.stdin.flush()
        deadline = time.monotonic() + timeout
        while self._line(deadline) != "begin":
            pass
        output = ""
        while not (line := self._line(deadline)).startswith("end "):
            output += line
        answer = Answer(int(line[4:]), base64.b64decode(output).decode(errors="replace"))
        if check and answer.rc != 0:
            raise GuestError(f"guest {self.name}: {command}: exit {answer.rc}\n{answer.output}")
        return answer

    def out(self, command, timeout=None):
        """What a command printed, without the last newline; it must succeed."""
        return self.sh(command, check=True, timeout=timeout).output.rstrip("\n")

    def wait_for(self, condition, timeout=30):
        """Waits in the guest until a shell condition holds."""
        rounds = int(timeout * 10)
        if self.sh(f"n=0; until {condition}; do n=$((n+1)); [ $n -lt {rounds} ] || exit 1; sleep 0.1; done",
                   timeout=timeout + 30).rc != 0:
            self._fail(f"waited {timeout} s in vain for: {condition}")

    def serve(self, text):
        """Has a web server at port 8000 say @text, and returns that."""
        self.out(f"mkdir -p /tmp/www; printf %s {shlex.quote(text)} >/tmp/www/index.html; httpd -p 8000 -h /tmp/www")
        return text

    def close(self):
        """Ends the guest as a pulled plug does; its logs stay with the namespace."""
        if self._qemu.poll() is None:
            self._qemu.kill()
        self._qemu.wait()
        for stream in (self._qemu.stdin, self._qemu.stdout, self._errors):
            try:
                stream.close()
            except BrokenPipeError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Guest(Machine):
    """The small guest of guest_image.py on a TAP of a namespace."""

    def __init__(self, netns, device=None, name="guest", mac=None, netdev=None, dhcp=True, pass_fds=()):
        netdev = netdev or tap_netdev(device)
        super().__init__(netns, name, lambda console, control: qemu_command(netdev, name, mac, console, control, dhcp),
                         pass_fds)

    def wait_for_lease(self, timeout=30):
        """Waits until DHCP has set the address; the lease as a dictionary of udhcpc's variables."""
        self.wait_for("[ -f /run/lease ]", timeout)
        return self.lease()

    def lease(self):
        lines = self.out("cat /run/lease").splitlines()
        return {key: " ".join(shlex.split(value)) for key, value in (line.split("=", 1) for line in lines)}


class RunGuest(Machine):
    """The same, started by `tapnet run`, which alone tells QEMU of a network. @words: what stands before the --."""

    def __init__(self, netns, tapnet, name, *words):
        super().__init__(netns, name, lambda console, control:
                         [str(tapnet.program), "run", *words, "--", *qemu_command(None, name, None, console, control)])

    wait_for_lease, lease = Guest.wait_for_lease, Guest.lease

    def qemu(self):
        """The process id of QEMU, which is the child of `tapnet run`."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return int(file.read().split()[0])


def boot_guests(host, tapnet, network):
    """A guest on each port of a network, all at once: the ports as `tapnet status --json` has them and the guests, both
    by the ports' names."""
    ports = {port["name"]: port for port in tapnet.status(network)["ports"]}
    return ports, {name: Guest(host, port["device"], name, port["mac"]) for name, port in ports.items()}
