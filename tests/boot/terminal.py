# SPDX-License-Identifier: MIT
"""A person at a terminal: starts a command on a pseudo terminal, waits for what it prints, and types.

usage: terminal.py SECONDS COMMAND [EXPECTED TYPED]...    TYPED - closes the terminal, as somebody does who walks away

All that was seen is printed, with the seconds since the start at each line that was typed. The exit code is that of the
command; 124 when the seconds were over, and the terminal was closed for it.
"""

import os
import pty
import select
import sys
import time

START = time.monotonic()


class Terminal:
    """The terminal's other side."""

    def __init__(self, command, seconds):
        self.deadline = START + seconds
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp("/bin/sh", ["sh", "-c", "exec " + command])

    def read(self):
        """Shows what is printed next; False at its end."""
        left = self.deadline - time.monotonic()
        if left <= 0 or not select.select([self.fd], [], [], left)[0]:
            raise TimeoutError
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the terminal any more
            data = b""
        os.write(1, data)
        self.seen += data
        return bool(data)

    def expect(self, text):
        """Returns when the text was printed, and forgets all up to it."""
        while text not in self.seen:
            if not self.read():
                raise EOFError
        self.seen = self.seen.partition(text)[2]

    def type(self, line):
        print(f"\n[{time.monotonic() - START:.1f} s]", flush=True)
        os.write(self.fd, line + b"\n")

    def hang_up(self):
        os.close(self.fd)

    def wait(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main(seconds, command, *dialogue):
    terminal = Terminal(command, float(seconds))
    lines = iter(word.encode() for word in dialogue)
    try:
        for expected, typed in zip(lines, lines):
            terminal.expect(expected)
            if typed == b"-":
                terminal.hang_up()
                return terminal.wait()
            terminal.type(typed)
        while terminal.read():
            pass
    except TimeoutError:
        terminal.hang_up()
        terminal.wait()
        return 124
    except EOFError:
        print("\n*** it ended before it printed what was expected")
        return terminal.wait() or 1
    return terminal.wait()


sys.exit(main(*sys.argv[1:]))
