# SPDX-License-Identifier: MIT
"""Twin namespaces, one with Debian's program and one with ours of the same name, and what differs between them."""

import contextlib
import shutil

import pytest
from tapnet_test.build import everybodys
from tapnet_test.netns import Netns


class Twin:
    """A namespace in which the program called @command is the one at @path. What it has to start with, and what counts
    of its state, is the subclass's."""

    command = ""  # the program's name
    stands_for = {'""': ""}  # words of the tables that mean others

    def __init__(self, netns, path):
        self.netns = netns
        directory = netns.tmp / "bin"
        directory.mkdir()
        (directory / self.command).symlink_to(path)
        self.path = f"{directory}:/usr/sbin:/usr/bin:/sbin:/bin"
        self.prepare()

    def prepare(self):
        """Makes what the command lines are about."""

    def state(self):
        """What the kernel has, as a dictionary, without what runs by itself or is random."""
        raise NotImplementedError

    def run(self, line, *before):
        """One command line; @before: words in front of it, as of setpriv."""
        words = [self.stands_for.get(word, word) for word in line.split()]
        # The name alone, so that getopt's own complaints begin the same.
        return self.netns.run(*before, "sh", "-c", f'exec {self.command} "$@"', self.command, *words, check=False,
                              env={"PATH": self.path})

    def run_as_nobody(self, line):
        self.netns.tmp.chmod(0o755)
        return self.run(line, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all")


@contextlib.contextmanager
def twins_of(kind, debian, package):
    """A pair of @kind: with the program at @debian, and with ours."""
    if not shutil.which(debian):
        pytest.skip(f"Debian's package {package} is not installed")
    with Netns("debian") as one, Netns("ours") as other:
        yield kind(one, debian), kind(other, everybodys())


def command_lines(table):
    """Lines of a table: commands between " | ", "(nothing)" for none; a line that begins with "!" is one by itself."""
    for line in filter(None, map(str.strip, table.strip().splitlines())):
        for words in [line] if line.startswith("!") else line.split(" | "):
            yield "" if words == "(nothing)" else words


def _only_different(one, other):
    keys = [key for key in sorted({**one, **other}) if one.get(key) != other.get(key)]
    return {key: one.get(key) for key in keys}, {key: other.get(key) for key in keys}


def compare(twins, table, kept, normal=str):
    """Runs the table in both, and fails with every difference that is not @kept. How many command lines there were.

    "! words" prepares: it is run as it stands in both. @normal takes out of a text what differs between two runs of one
    program.
    """
    debian, ours = twins
    tried, different = 0, []
    for line in command_lines(table):
        if line.startswith("!"):
            for twin in twins:
                twin.netns.run(*line[1:].split())
            continue
        tried += 1
        expected, found = (twin.run(line) for twin in twins)
        for what, a, b in (("exit code", expected.returncode, found.returncode),
                           ("output", normal(expected.stdout), normal(found.stdout)),
                           ("complaint", normal(expected.stderr), normal(found.stderr)),
                           ("state", *_only_different(debian.state(), ours.state()))):
            if a != b and line not in kept:
                different.append(f"{debian.command} {line}: {what}\n  Debian's: {a!r}\n  ours:     {b!r}")
    print(f"{tried} command lines, {len(kept)} differences kept")
    assert not different, "\n".join(different)
    return tried
