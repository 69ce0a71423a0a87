# SPDX-License-Identifier: MIT
"""Guests that are namespaces, plugged into ports by a process that holds the TAP (relay.py); a connection of theirs.

A kernel with its own TCP at the other end of the port, there in a tenth of a second.
"""

import select
import subprocess
import sys
from pathlib import Path

from .netns import Netns

_RELAY = Path(__file__).with_name("relay.py")

# Answers every line with itself; says when it listens.
_ECHO = """
import socket
server = socket.create_server(("", 7777))
print("listening", flush=True)
connection, _ = server.accept()
while data := connection.recv(4096):
    connection.sendall(data)
"""

# Sends every line of its input over one connection, and prints what comes back.
_TALK = """
import socket, sys
connection = socket.create_connection((sys.argv[1], 7777), timeout=10)
replies = connection.makefile("r")
for line in sys.stdin:
    connection.sendall(line.encode())
    print(replies.readline(), end="", flush=True)
"""


class NamespaceGuest:
    """A guest on a port. @port is a port of `tapnet status --json`; @address is for one to which tapnet gives none."""

    def __init__(self, host, port, prefix_len=24, address=None):
        self.address = address or port["addresses"][0].split("/")[0]
        self.netns = Netns("guest")
        self._relay = host.popen(sys.executable, _RELAY, port["device"], self.netns.exec_path, port["mac"],
                                 stdout=subprocess.PIPE, text=True)
        assert self._relay.stdout.readline() == "plugged\n"
        self.netns.run("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")
        self.netns.run("ip", "address", "add", f"{self.address}/{prefix_len}", "dev", "eth0")
        self.netns.run("ip", "link", "set", "eth0", "up")

    def close(self):
        self._relay.kill()
        self._relay.wait()
        self._relay.stdout.close()
        self.netns.close()


class Connection:
    """One TCP connection from a guest to another, that a test can ask whether it still lives."""

    def __init__(self, client, server):
        self._number = 0
        self._echo = server.netns.popen(sys.executable, "-c", _ECHO, stdout=subprocess.PIPE, text=True)
        assert self._echo.stdout.readline() == "listening\n"
        self._talk = client.netns.popen(sys.executable, "-c", _TALK, server.address, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def exchange(self):
        """A line there and back, over the connection that was made at the start; it fails after ten seconds."""
        self._number += 1
        self._talk.stdin.write(f"line {self._number}\n")
        self._talk.stdin.flush()
        ready, _, _ = select.select([self._talk.stdout], [], [], 10)
        answer = self._talk.stdout.readline() if ready else "nothing in ten seconds"
        assert answer == f"line {self._number}\n", f"the connection was lost: {answer!r}"
