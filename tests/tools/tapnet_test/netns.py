# SPDX-License-Identifier: MIT
"""A network namespace with files of its own, for a test or the demo: nothing in it touches the machine.

How it works: `ip netns add` makes the network namespace, so that `ip netns exec NAME ...` works by hand while a test
stands still. A short-lived process makes a mount namespace that goes with it: /sys shows this network's devices and
/etc is private, so that a program in it may read and write /etc/resolv.conf. The mount namespace lives as long
as the descriptor that we keep on it; every command enters both with nsenter.

It works as root and as root of an unprivileged user namespace (see userns.py).
"""

import atexit
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

_numbers = itertools.count()
_open = {}

# In the new mount namespace: /sys of this network, and an /etc that reads as the machine's and keeps what is written
# in a directory of ours (an overlay; a copy where the kernel or the file system has none). $1 is the namespace's own
# directory.
_MOUNTS = """
    mount -t sysfs sysfs /sys
    mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/etc-work" overlay /etc 2>/dev/null || {
        cp -a --no-clobber /etc/. "$1/etc" 2>/dev/null || true
        mount --bind "$1/etc" /etc
    }
    echo ready
    read -r _
"""


class CommandFailed(AssertionError):
    """A command ended with another exit code than 0; says which, and what it printed."""


class Netns:
    """One namespace. Use as a context manager, or call close()."""

    def __init__(self, prefix="ns"):
        self.name = f"tn-{prefix}-{os.getpid()}-{next(_numbers)}"
        self.exec_path = f"/run/netns/{self.name}"
        self.tmp = Path(tempfile.mkdtemp(prefix=self.name + "-"))
        self.tmp.chmod(0o755)
        self.etc = self.tmp / "etc"  # what was written below /etc; read only, writes go through the mount
        self.env = {}  # what every command here gets on top of our own environment
        self._children = []
        self._mount_fd = -1
        self._closed = False
        _open[self.name] = self
        (self.tmp / "etc-work").mkdir()
        self.etc.mkdir()
        (self.etc / "resolv.conf").write_text("# no resolver in this namespace\n")
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        try:
            self._mount_fd = self._make_mounts()
            self.run("ip", "link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise

    def _make_mounts(self):
        """Makes the mount namespace and returns a descriptor that keeps it."""
        maker = subprocess.Popen(
            ["nsenter", f"--net={self.exec_path}", "unshare", "--mount", "--propagation", "slave",
             "sh", "-ec", _MOUNTS, "sh", str(self.tmp)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            if maker.stdout.readline() != "ready\n":
                raise CommandFailed(f"{self.name}: no mount namespace")
            return os.open(f"/proc/{maker.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            maker.communicate("\n")

    def argv(self, *argv):
        """The command line that runs argv in this namespace; pass the descriptor on with pass_fds=self.pass_fds."""
        return ["nsenter", f"--net={self.exec_path}", f"--mount=/proc/self/fd/{self._mount_fd}",
                f"--wdns={os.getcwd()}", "--", *map(str, argv)]

    @property
    def pass_fds(self):
        return (self._mount_fd,)

    def _environment(self, env):
        return {**os.environ, **self.env, **(env or {})}

    def run(self, *argv, check=True, input=None, timeout=90, env=None, cwd=None):
        """Runs a command to its end; CompletedProcess with text. With check, an exit code other than 0 is a failure."""
        done = subprocess.run(self.argv(*argv), input=input, stdin=subprocess.DEVNULL if input is None else None,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              timeout=timeout, env=self._environment(env), cwd=cwd, pass_fds=self.pass_fds)
        if check and done.returncode != 0:
            raise CommandFailed(f"{self.name}: {' '.join(map(str, argv))}: exit {done.returncode}\n"
                                f"{done.stdout}{done.stderr}")
        return done

    def popen(self, *argv, env=None, pass_fds=(), **kw):
        """Starts a command that close() ends; subprocess.Popen's keywords."""
        kw.setdefault("stdin", subprocess.DEVNULL)
        child = subprocess.Popen(self.argv(*argv), env=self._environment(env),
                                 pass_fds=(*self.pass_fds, *pass_fds), **kw)
        self._children.append(child)
        return child

    def json(self, *argv):
        """What a command printed, read as JSON; an empty print is an empty list."""
        text = self.run(*argv).stdout
        return json.loads(text) if text.strip() else []

    def write(self, path, text):
        """Writes a file below this namespace's own directory (an absolute /etc path: in its private /etc)."""
        data = text if isinstance(text, bytes) else text.encode()
        path = Path(path)
        if path.is_absolute() and path.parts[1] == "etc":  # through the mount, so that who watches the file is told
            subprocess.run(self.argv("sh", "-ec", 'mkdir -p "${1%/*}"; cat > "$1"', "sh", path), input=data, check=True,
                           pass_fds=self.pass_fds)
            return path
        path = self.tmp / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def pids(self):
        """The processes whose network this is."""
        found = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def kill_all(self, timeout=10):
        """Kills every process in the namespace and returns when they are gone."""
        deadline = time.monotonic() + timeout
        while pids := [pid for pid in self.pids() if pid != os.getpid()]:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            for child in self._children:
                child.poll()
            if time.monotonic() > deadline:
                raise CommandFailed(f"{self.name}: processes {pids} would not die")
            time.sleep(0.005)
        for child in self._children:
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream:
                    stream.close()
        self._children.clear()

    def close(self):
        """Kills what runs here, and removes the namespace and its files. May be called again."""
        if self._closed:
            return
        self._closed = True
        _open.pop(self.name, None)
        self.kill_all()
        if self._mount_fd >= 0:
            os.close(self._mount_fd)
        subprocess.run(["ip", "netns", "del", self.name], check=False)
        shutil.rmtree(self.tmp, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@atexit.register
def _close_all():
    """A program that ends early leaves nothing on the machine either."""
    for netns in list(_open.values()):
        netns.close()


def join(left, left_name, right, right_name):
    """A cable: a veth pair between two namespaces, both ends up. IPv6 addresses on it are there at once: nobody else is
    on the cable, so nobody is asked whether they are taken."""
    left.run("ip", "link", "add", left_name, "type", "veth", "peer", "name", right_name, "netns", right.name)
    for netns, name in ((left, left_name), (right, right_name)):
        netns.run("sysctl", "-qw", f"net.ipv6.conf.{name}.accept_dad=0")
        netns.run("ip", "link", "set", name, "up")
