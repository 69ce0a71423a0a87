# SPDX-License-Identifier: MIT
"""Mode routed with real virtual machines: leases, names, each other, the outside, and from the outside to them.

      host                                          outside, with a route to 10.40.0.0/24 by the host
    +-------------------------------------------+  +----------------------------+
    | guest a ── far-a, 10.40.0.1 → its address |  |  web and DNS server        |
    | guest b ── far-b, 10.40.0.1 → its address ─ eth0 ─ 192.0.2.1              |
    +-------------------------------------------+  +----------------------------+
"""

from tapnet_test.guest import boot_guests
from tapnet_test.snapshot import assert_same, snapshot


def test_guests_of_a_routed_network(world, tapnet):
    world.outside.run("ip", "route", "add", "10.40.0.0/24", "via", "192.0.2.2")
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    path = tapnet.file("networks: { far: { mode: routed, subnet: 10.40.0.1/24, ports: { a: {}, b: {} } } }")
    tapnet("up", path)
    ports, guests = boot_guests(world.host, tapnet, "far")
    for name, guest in guests.items():
        lease = guest.wait_for_lease()
        assert lease["ip"] == ports[name]["addresses"][0] and lease["router"] == lease["dns"] == "10.40.0.1"
    one, other = guests["a"], guests["b"]
    assert f"Address: {ports['b']['addresses'][0]}" in one.out("nslookup -type=a b.far")
    one.out("ping -c 2 -W 3 b && ping -c 2 -W 3 10.40.0.1 && ping -c 2 -W 3 outside.example")
    assert one.out("wget -qO- http://outside.example/")
    assert world.outside.run("ping", "-c2", "-W3", ports["b"]["addresses"][0]).returncode == 0
    kill = "kill -USR2 $(cat /run/udhcpc.pid); sleep 1; kill -USR1 $(cat /run/udhcpc.pid)"
    other.out(kill)
    assert other.wait_for_lease()["ip"] == ports["b"]["addresses"][0], "a lease is given back and taken again"
    for guest in guests.values():
        guest.close()
    tapnet("down", path)
    assert_same(before, snapshot(world.host, run_dir=tapnet.run_dir))
