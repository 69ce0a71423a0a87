# SPDX-License-Identifier: MIT
"""Where the programs under test are, and how they are run in a namespace."""

import atexit
import functools
import json
import os
import shutil
import tempfile
from pathlib import Path

from . import seqpacket

SOURCE = Path(__file__).resolve().parents[3]
# For a program whose system calls are traced: LeakSanitizer would trace it, too, and two can't.
NO_LEAK_CHECK = {"ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"}


def build_dir():
    """The build directory under test: TAPNET_BUILD, else build/ of this source tree."""
    return Path(os.environ.get("TAPNET_BUILD") or SOURCE / "build").resolve()


def program(name="tapnet"):
    """Path of a built program; says what to do when it is not built."""
    for path in (build_dir() / name, build_dir() / "cmd" / name, build_dir() / "src" / "service" / name):
        if path.is_file():
            return path
    raise FileNotFoundError(f"{name} is not in {build_dir()}: run 'make', or set TAPNET_BUILD")


def sanitized(name):
    """Was that program, or library, built with sanitizers? It is slower, keeps what was freed, and needs more calls."""
    return b"__asan_init" in program(name).read_bytes()


@functools.cache
def _copies():
    """A directory for programs that every user may enter, until this process ends."""
    directory = Path(tempfile.mkdtemp(prefix="tn-programs-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    directory.chmod(0o755)
    return directory


@functools.cache
def everybodys(name="tapnet"):
    """Path of a built program that any user may run: a copy, with the library. The build itself may lie where only its
    owner may look, as below /root. Both lie as in the build, so that the program finds the library by its $ORIGIN."""
    built = program(name)
    for path in (built, *build_dir().glob("libtapnet.so.0")):
        copy = _copies() / path.relative_to(build_dir())
        for directory in reversed(copy.relative_to(_copies()).parents):
            (_copies() / directory).mkdir(mode=0o755, exist_ok=True)
            (_copies() / directory).chmod(0o755)
        shutil.copyfile(path, copy)
        copy.chmod(0o755)
    return _copies() / built.relative_to(build_dir())


@functools.cache
def everybodys_file(path):
    """The same of a file that is no program: a copy that any user may read."""
    copy = _copies() / path.name
    shutil.copyfile(path, copy)
    copy.chmod(0o644)
    return copy


class Tapnet:
    """The tapnet command in one namespace, with a run directory of its own; with a keeper when the test is about it."""

    def __init__(self, netns, keeper=False):
        self.netns = netns
        self.program = program()
        self.run_dir = netns.tmp / "run"
        netns.env["TAPNET_RUN_DIR"] = str(self.run_dir)
        if keeper:
            netns.env["TAPNET_KEEPER"] = "on"

    def __call__(self, *argv, **kw):
        """Runs tapnet; CompletedProcess. An exit code other than 0 is a failure unless check=False."""
        return self.netns.run(self.program, *argv, **kw)

    def json(self, *argv):
        """What `tapnet ... --json` says."""
        return json.loads(self(*argv, "--json").stdout)

    def json_of_status(self):
        """`status --json`, whether all is well or not."""
        return json.loads(self("status", "--json", check=False).stdout)

    def file(self, text, name="lab.yaml"):
        """Writes a file to give to `up`; returns its path."""
        return self.netns.write(name, text)

    def status(self, network):
        """One network out of `status --json`."""
        for entry in self.json("status")["networks"]:
            if entry["name"] == network:
                return entry
        raise AssertionError(f"tapnet status knows no network {network}")

    def let_look(self):
        """Returns when the keeper has looked at the host."""
        with seqpacket.connect(next(self.run_dir.glob("*/keeper.sock"))) as keeper:
            keeper.send(b'{"do":"look"}')
            assert json.loads(keeper.recv(4096))["ok"]


def brought_up(netns, text, keeper=False):
    """The command in the namespace, with a file of this text up for as long as a test takes, and a keeper, if there is
    one, that has looked at it: what a fixture yields from."""
    tapnet = Tapnet(netns, keeper)
    tapnet("up", tapnet.file(text))
    if keeper:
        tapnet.let_look()
    yield tapnet
    tapnet("down", "--all")
