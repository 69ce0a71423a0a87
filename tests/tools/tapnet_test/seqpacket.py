# SPDX-License-Identifier: MIT
"""A connection to a resident's socket."""

import socket
import struct


def connect(path, seconds=20):
    """A connected socket that waits no longer than that for anything. A timeout of Python's makes the socket one that
    does not block, and connect(2) of such a one fails at once where more wait already than the resident lets; 0 is for
    who wants that."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        if seconds:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", seconds, 0))
        else:
            made.setblocking(False)
        made.connect(str(path))
    except OSError:
        made.close()
        raise
    made.settimeout(seconds)
    return made
