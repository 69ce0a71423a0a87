# SPDX-License-Identifier: MIT
"""Other people's firewalls, as Debian's packages start them, in a namespace and an /etc of the test's own."""

import shutil
from contextlib import contextmanager

import pytest

from .waiting import wait_for

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_requested_reply="true"
 send_type="method_return"/><allow send_requested_reply="true" send_type="error"/><allow send_type="signal"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
<allow receive_type="signal"/></policy></busconfig>
"""


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def _log_of(host, name):
    """A file to write to, and what says what stands in it."""
    path = host.tmp / f"{name}.log"
    return open(path, "a", encoding="utf-8"), lambda: path.read_text(encoding="utf-8")


def start_firewalld(host):
    """A firewalld with a bus of its own."""
    need("firewalld", "firewall-cmd", "dbus-daemon")
    path = host.tmp / "bus"
    host.env["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={path}"
    config = host.write("bus.conf", BUS.format(path=path))
    host.popen("dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile")
    wait_for(path.exists)
    log, read = _log_of(host, "firewalld")
    host.popen("firewalld", "--nofork", "--nopid", stdout=log, stderr=log)
    wait_for(lambda: host.run("firewall-cmd", "--state", check=False).returncode == 0, timeout=60, pause=0.3, why=read)


@contextmanager
def dockerd(host):
    """A dockerd, which leaves its rules to iptables when it ends."""
    need("dockerd")
    log, read = _log_of(host, "dockerd")
    before = read().count("API listen on")  # of those that ran before
    daemon = host.popen("dockerd", "-s", "vfs", f"--data-root={host.tmp}/docker", f"--exec-root={host.tmp}/exec",
                        f"--pidfile={host.tmp}/docker.pid", "-H", f"unix://{host.tmp}/docker.sock", stdout=log,
                        stderr=log)
    wait_for(lambda: read().count("API listen on") > before, timeout=60, pause=0.3, why=read)
    yield
    daemon.terminate()
    daemon.wait(20)
