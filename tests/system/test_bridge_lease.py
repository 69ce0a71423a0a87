# SPDX-License-Identifier: MIT
"""Mode bridge on a host that has its address by DHCP, and no client any more that would prolong it.

      host under test                                        outside
    +----------------------------------------------------+ +----------------------------+
    | tapnet-lease ─ its address by DHCP: eth0, br-lan     | | DHCP server, an hour       |
    |                             br-lan ──┬── eth0 ─────────── out0  192.0.2.1          |
    | lan-vm1 ─────────────────────────────┘              | |                            |
    +----------------------------------------------------+ +----------------------------+
"""

import os
import signal

import pytest

from bridge_world import LAN
from tapnet_test.rights import has_all_users
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for

FIRST_SECONDS, LEASE_SECONDS = 300, 3600
SCRIPT = f"""#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add $ip/$mask dev $interface valid_lft {FIRST_SECONDS} preferred_lft {FIRST_SECONDS}
"""


class Lease:
    """The host's; and the server that gave it."""

    def __init__(self, host, outside):
        self.host, self.log = host, outside.tmp / "dhcp.log"
        outside.popen("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=out0", "--pid-file=",
                      f"--dhcp-range=192.0.2.100,192.0.2.150,{LEASE_SECONDS}", f"--log-facility={self.log}",
                      f"--dhcp-leasefile={outside.tmp / 'leases'}")
        wait_for(lambda: ":67 " in outside.run("ss", "-Hlnu").stdout, why="the DHCP server")
        script = host.write("udhcpc.script", SCRIPT)
        os.chmod(script, 0o755)
        host.run("udhcpc", "-q", "-n", "-f", "-t", "10", "-T", "1", "-i", "eth0", "-s", script)
        assert 0 < self.seconds("eth0") <= FIRST_SECONDS
        self.address = next(iter(self._entries("eth0")))["local"]

    def _entries(self, device):
        return [entry for link in self.host.json("ip", "-j", "-4", "address", "show", "dev", device)
                for entry in link.get("addr_info", []) if entry.get("dynamic")]

    def seconds(self, device):
        """For how long its address is good there, 0: it is not there."""
        return max([entry["valid_life_time"] for entry in self._entries(device)], default=0)

    def acknowledged(self):
        return self.log.read_text().count(f"DHCPACK(out0) {self.address}")


@pytest.fixture
def lease(host, world):
    return Lease(host, world.outside)


def processes(host, name):
    """Those of this name in the host's network namespace."""
    found, netns = [], os.stat(host.exec_path)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as comm:
                if comm.read() == f"{name}\n" and os.stat(f"/proc/{pid}/ns/net") == netns:
                    found.append(int(pid))
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            pass
    return found


def rights(pid):
    with open(f"/proc/{pid}/status") as status:
        lines = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
    return {int(lines[f"Cap{which}"].strip(), 16) for which in ("Prm", "Eff", "Bnd")}, int(lines["Uid"].split()[0])


def test_a_lease_is_prolonged_on_the_bridge(tapnet, host, lease):
    nothing = snapshot(host, run_dir=tapnet.run_dir)
    tapnet("up", tapnet.file(LAN))
    wait_for(lambda: lease.seconds("br-lan") > LEASE_SECONDS - 100, why="the server's word counts")
    assert lease.acknowledged() == 2, "once for the client, once for tapnet"
    assert "192.0.2.2/24" in host.run("ip", "-o", "address", "show", "dev", "br-lan").stdout
    assert tapnet("status").returncode == 0 and "prolongs" not in tapnet("status").stdout
    keeper, talker = processes(host, "tapnet-lease"), processes(host, "tapnet-talker")
    assert len(keeper) == len(talker) == 1
    assert rights(keeper[0]) == ({1 << 12}, 0), "CAP_NET_ADMIN"
    assert rights(talker[0])[0] == {0} and (rights(talker[0])[1] != 0 or not has_all_users())
    tapnet("down", "--all")
    assert not processes(host, "tapnet-lease") and not processes(host, "tapnet-talker")
    assert lease.seconds("eth0") > LEASE_SECONDS - 200
    assert_same(nothing, snapshot(host, run_dir=tapnet.run_dir))


def test_one_that_is_killed_is_told_of_and_started_again(tapnet, host, lease):
    file = tapnet.file(LAN)
    tapnet("up", file)
    wait_for(lambda: processes(host, "tapnet-talker"), why="its start")
    os.kill(processes(host, "tapnet-lease")[0], signal.SIGKILL)
    wait_for(lambda: not processes(host, "tapnet-talker"), why="the end of both")
    said = tapnet("status", check=False)
    assert f"nobody prolongs the lease of the host's address {lease.address} on br-lan" in said.stdout + said.stderr
    assert "all is as wanted" in tapnet("up", file).stdout
    wait_for(lambda: processes(host, "tapnet-talker"), why="another one")
    assert "prolongs" not in tapnet("status").stdout
    tapnet("down", "--all")


def test_it_goes_with_the_network(tapnet, host, lease):
    tapnet("up", tapnet.file(LAN))
    wait_for(lambda: lease.seconds("br-lan") > LEASE_SECONDS - 100, why="the server's word")
    tapnet("up", tapnet.file(LAN.replace("lan:", "net:")))
    wait_for(lambda: lease.acknowledged() == 3, why="the one of the new bridge has asked")
    assert len(processes(host, "tapnet-lease")) == 1
    assert not list(tapnet.run_dir.glob("*/lease-br-lan.sock"))
    tapnet("down", "--all")


def test_a_client_that_is_there_is_left_to_it(tapnet, host, lease):
    host.popen("udhcpc", "-f", "-i", "eth0", "-s", "/bin/true")
    wait_for(lambda: "udhcpc" in host.run("ss", "-0npH").stdout, why="the client")
    tapnet("up", tapnet.file(LAN), "--force")
    assert not processes(host, "tapnet-lease")
    tapnet("down", "--all")
