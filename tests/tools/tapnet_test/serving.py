# SPDX-License-Identifier: MIT
"""A web server (webserver.py) in a namespace."""

import subprocess
import sys

from . import webserver
from .waiting import wait_for


def serve(netns, address="0.0.0.0"):
    """The page, at port 80 of @address of either family, from the moment that this returns."""
    netns.popen(sys.executable, webserver.__file__, address, "80", stderr=subprocess.DEVNULL)
    where = f"[{address}]" if ":" in address else address
    wait_for(lambda: f" {where}:80 " in netns.run("ss", "-Hltn").stdout)
