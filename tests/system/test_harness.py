# SPDX-License-Identifier: MIT
"""The test tools themselves: if they lied, so would every other test."""

import pytest

from tapnet_test.netns import CommandFailed, Netns
from tapnet_test.world import FAR_ADDRESS, HOST_ADDRESS, OUTSIDE_ADDRESS


def test_namespace_has_its_own_network_and_files(host, make_netns):
    other = make_netns("other")
    host.run("ip", "tuntap", "add", "tap0", "mode", "tap")
    host.run("sh", "-c", "echo nameserver 192.0.2.99 > /etc/resolv.conf")

    assert "tap0" in host.run("ls", "/sys/class/net").stdout
    assert "tap0" not in other.run("ls", "/sys/class/net").stdout
    assert "192.0.2.99" in host.run("cat", "/etc/resolv.conf").stdout
    assert "192.0.2.99" not in other.run("cat", "/etc/resolv.conf").stdout
    with open("/etc/resolv.conf") as machine:
        assert "192.0.2.99" not in machine.read()


def test_failed_command_is_a_failure(host):
    with pytest.raises(CommandFailed, match="exit 3"):
        host.run("sh", "-c", "exit 3")
    assert host.run("sh", "-c", "exit 3", check=False).returncode == 3


def test_close_kills_what_runs_inside():
    with Netns("short") as netns:
        child = netns.popen("sleep", "1000")
        daemon = netns.run("sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!").stdout.strip()
        assert sorted(netns.pids()) == sorted([child.pid, int(daemon)])
        name = netns.name
    assert child.returncode == -9
    assert not netns.tmp.exists()
    assert netns.pids() == []
    assert name not in netns_names()


def netns_names():
    import subprocess
    return subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout


def test_host_reaches_the_outside(world):
    host = world.host
    host.run("ping", "-c", "1", "-W", "2", OUTSIDE_ADDRESS)
    page = host.run("curl", "--silent", "--max-time", "5", f"http://{FAR_ADDRESS}/").stdout
    assert page == f"hello from outside, {HOST_ADDRESS}\n"
    assert host.run("dig", "+short", "+tries=1", "outside.example").stdout.split() == [OUTSIDE_ADDRESS]
    assert "status: NXDOMAIN" in host.run("dig", "+tries=1", "nowhere.example").stdout
