# SPDX-License-Identifier: MIT
"""Real clones: a virtual machine is stopped in the middle of its life, and goes on three times, at three ports.

      host                                                                            outside
    +------------------------------------------------------------------------------+  +-----------+
    | first ── farm-one, asks by DHCP: 52:54:00:00:00:07, 10.20.0.7; its state is kept |  |  web      |
    |   └▶ clone ── farm-one    10.20.0.7 inside, 10.20.1.1 outside                eth0 ─ 192.0.2.1 |
    |   └▶ clone ── farm-two    10.20.0.7 inside, 10.20.1.2 outside                    |  |  server   |
    |   └▶ clone ── farm-three  10.20.0.7 inside, 10.20.1.3 outside                    |  |           |
    +------------------------------------------------------------------------------+  +-----------+

By IPv6 the first one made its address up, of the prefix and its MAC; outside its clones are fd00:20::1:1 to ::1:3.
"""

import json
import socket

from tapnet_test.guest import Guest, Machine, qemu_command, tap_netdev
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for
from tapnet_test.world6 import FAR, add_ipv6

MAC, INSIDE, OUTSIDE = "52:54:00:00:00:07", "10.20.0.7", "192.0.2.1"
INSIDE6 = "fd00:20::5054:ff:fe00:7"
PORTS = {"one": "10.20.1.1", "two": "10.20.1.2", "three": "10.20.1.3"}
FARM = """
networks:
  farm:
    subnet: 10.20.0.1/16
    subnet6: fd00:20::1/64
    clones: { mac: 52:54:00:00:00:07, address: 10.20.0.7, address6: "fd00:20::5054:ff:fe00:7" }
    ports:
      one: { address: 10.20.1.1, address6: "fd00:20::1:1", forward: 8080:8000 }
      two: { address: 10.20.1.2, address6: "fd00:20::1:2" }
      three: { address: 10.20.1.3, address6: "fd00:20::1:3" }
"""
FETCH = ("curl", "-s", "--max-time", "5")


class Monitored(Machine):
    """A guest whose QEMU takes orders, by the QEMU Machine Protocol."""

    def __init__(self, netns, device, name, *more):
        self.path = netns.tmp / f"qmp-{name}"
        super().__init__(netns, name, lambda console, control: [
            *qemu_command(tap_netdev(device), "clone", MAC, console, control),
            "-qmp", f"unix:{self.path},server=on,wait=off", *more])

    wait_for_lease, lease = Guest.wait_for_lease, Guest.lease

    def order(self, command, **arguments):
        """What it answers."""
        wait_for(self.path.exists, why="QEMU does not start")
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(30)
            monitor.connect(str(self.path))
            lines = monitor.makefile("rw")
            lines.readline()
            for order in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                print(json.dumps(order), file=lines, flush=True)
                while "event" in (answer := json.loads(lines.readline())):
                    pass
            return answer["return"]

    def keep(self, path):
        """Writes its state into a file, and ends it."""
        self.order("migrate", uri=f"exec:cat >{path}")
        wait_for(lambda: self.order("query-migrate")["status"] == "completed", 60, "its state is not written")
        self.close()


def go_on(netns, device, path):
    """A clone, which goes on where the original was stopped: that it takes commands it has said long ago."""
    clone = Monitored(netns, device, device, "-incoming", f"exec:cat {path}")
    wait_for(lambda: clone.order("query-status")["status"] == "running", 60, "its state is not read")
    clone._ready = True
    return clone


def outside6(address):
    return f"fd00:20::1:{address[-1]}"


def test_three_clones_of_one_guest(world, tapnet):
    add_ipv6(world)
    host = world.host
    before = snapshot(host, run_dir=tapnet.run_dir)
    file = tapnet.file(FARM)
    tapnet("up", file)
    original, kept = Monitored(host, "farm-one", "original"), host.tmp / "state"
    lease = original.wait_for_lease()
    assert lease["ip"] == INSIDE and lease["router"] == "10.20.0.1"
    original.wait_for(f"ip -6 address show dev eth0 | grep -v tentative | grep -q {INSIDE6}")
    original.out("echo kept >/tmp/memory")
    original.keep(kept)
    clones = {name: go_on(host, f"farm-{name}", kept) for name in PORTS}
    for name, clone in clones.items():
        assert clone.out("cat /tmp/memory; cat /sys/class/net/eth0/address").split() == ["kept", MAC]
        assert INSIDE in clone.out("ip -4 address show dev eth0")
        clone.wait_for(f"ping -c 1 -W 1 {OUTSIDE} >/dev/null")
        clone.wait_for(f"ping6 -c 1 -W 1 {FAR} >/dev/null")
        clone.serve(f"hello from {name}")
    for name, clone in clones.items():
        for other, address in PORTS.items():
            if other != name:
                assert clone.out(f"wget -q -O - http://{address}:8000/") == f"hello from {other}"
                assert clone.out(f"wget -q -O - http://[{outside6(address)}]:8000/") == f"hello from {other}"
        assert clone.out(f"wget -q -O - http://{OUTSIDE}/") == clones["one"].out(f"wget -q -O - http://{OUTSIDE}/")
        assert host.run(*FETCH, f"http://{PORTS[name]}:8000/").stdout == f"hello from {name}"
        assert host.run(*FETCH, f"http://[{outside6(PORTS[name])}]:8000/").stdout == f"hello from {name}"
    assert world.outside.run(*FETCH, "http://192.0.2.2:8080/").stdout == "hello from one"
    assert "two.farm" in clones["one"].out(f"nslookup {PORTS['two']}")
    states = {port["name"]: (port["state"], port["mac_source"]) for port in tapnet.status("farm")["ports"]}
    assert states == {name: ("plugged", "file") for name in PORTS}
    for clone in clones.values():
        clone.close()
    wait_for(lambda: all(port["state"] == "free" for port in tapnet.status("farm")["ports"]))
    tapnet("down", file)
    assert_same(before, snapshot(host, run_dir=tapnet.run_dir))
