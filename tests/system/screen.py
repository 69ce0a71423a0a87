# SPDX-License-Identifier: MIT
"""A terminal that a command runs on: what stands on its screen, what was printed raw, keys, size, and its settings."""

import fcntl
import os
import pty
import re
import struct
import termios

from tapnet_test.waiting import readable, wait_for

OTHER_SCREEN, FIRST_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
# What our programs print besides text: the cursor to the first place, ends cleared, colours, cursor, the two screens.
STEERING = re.compile(rb"\x1b\[(?:H|K|J|[0-9;]*m|\?25[lh]|\?1049[lh])")


class Screen:
    """A command of @host with a terminal of its own. Use as a context manager."""

    def __init__(self, host, *argv, columns=80, lines=24, env=None):
        self.leader, follower = pty.openpty()
        self.resize(columns, lines)
        self.settings = termios.tcgetattr(self.leader)
        self.raw = b""
        # setsid: as the leader of a session the command has the terminal, and its ^C and ^Z.
        self.child = host.popen("setsid", "--ctty", *argv, stdin=follower, stdout=follower, stderr=follower,
                                env={"TERM": "xterm", "NO_COLOR": "", **(env or {})})
        os.close(follower)

    def resize(self, columns, lines):
        self.columns, self.lines = columns, lines
        fcntl.ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))

    def type(self, keys):
        os.write(self.leader, keys.encode())

    def read(self):
        """Takes what was printed until now."""
        while readable([self.leader], 0.02):
            try:
                data = os.read(self.leader, 65536)
            except OSError:  # EIO: nobody has the terminal any more
                return
            if not data:
                return
            self.raw += data

    def shown(self):
        """The lines that stand on the other screen."""
        self.read()
        frame = self.raw.rpartition(OTHER_SCREEN)[2].rpartition(b"\x1b[H")[2]
        return STEERING.sub(b"", frame).decode("ascii").splitlines()

    def whole(self):
        """The same, when the last frame was printed to its end."""
        lines = self.shown()
        return lines if self.raw.endswith(b"\x1b[J") else []

    def wait(self, condition, why, timeout=20):
        """The lines of the first whole frame that condition(lines) is true of."""
        return wait_for(lambda: next((lines for lines in [self.whole()] if lines and condition(lines)), None), timeout,
                        lambda: f"{why}:\n" + self.raw[-3000:].decode(errors="replace"))

    def wait_for_text(self, text, timeout=20):
        """Until it was printed; forgets all up to it."""
        def seen():
            self.read()
            return text in self.raw
        wait_for(seen, timeout, lambda: f"{text} was not printed: {self.raw!r}")
        self.raw = self.raw.partition(text)[2]

    def is_as_before(self):
        """Are the terminal's settings what they were?"""
        return termios.tcgetattr(self.leader) == self.settings

    def end(self, timeout=20):
        """Waits for the command's end, and returns its exit code."""
        def ended():
            self.read()
            return self.child.poll() is not None
        wait_for(ended, timeout, lambda: f"it runs on: {self.raw[-2000:]!r}")
        self.read()
        return self.child.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        os.close(self.leader)
