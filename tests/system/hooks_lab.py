# SPDX-License-Identifier: MIT
"""What tests of hooks share: a file and programs of root's below the test's own /etc."""

from tapnet_test.build import Tapnet
from tapnet_test.processes import named
from tapnet_test.rights import need_all_users

FILE = "/etc/tapnet/lab.yaml"
TELL = "#!/bin/sh\nexec >>/etc/tapnet/said\n"


def tapnets(host):
    """A fixture's: one Tapnet, whose sets are down in the end."""
    need_all_users()  # in a user namespace the machine's own folders are nobody's
    host.run("install", "-d", "-m", "755", "/etc/tapnet")
    made = Tapnet(host)
    yield made
    made("down", "--all", check=False)
    assert not named(host, "tapnet-hooks")


def programs(host, default, *names):
    """Those of root's with the text @default; returns what writes one, also while it runs."""
    def write(name, text=default, mode="755"):
        host.write(f"/etc/tapnet/{name}.new", text)
        host.run("chmod", mode, f"/etc/tapnet/{name}.new")
        host.run("mv", f"/etc/tapnet/{name}.new", f"/etc/tapnet/{name}")
    for name in names:
        write(name)
    return write


def bring_up(tapnet, host, text, **kw):
    host.write(FILE, text)
    host.run("chmod", "644", FILE)
    return tapnet("up", FILE, **kw)
