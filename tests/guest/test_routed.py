# SPDX-License-Identifier: MIT
"""Mode routed with real virtual machines: leases, names, each other, the outside, and from the outside to them.

      host                                          outside, with a route to 10.40.0.0/24 by the host
    +-------------------------------------------+  +----------------------------+
    | guest a ── far-a, 10.40.0.1 → its address |  |  web and DNS server        |
    | guest b ── far-b, 10.40.0.1 → its address ─ eth0 ─ 192.0.2.1              |
    +-------------------------------------------+  +----------------------------+

By IPv6 the gateway is fd00:40::1, and the outside as in tapnet_test/world6.py.
"""

from tapnet_test.guest import boot_guests
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.world6 import FAR, HOST, NEAR, add_ipv6

FETCH = ("curl", "-s", "--max-time", "3")


def test_guests_of_a_routed_network(world, tapnet):
    world.outside.run("ip", "route", "add", "10.40.0.0/24", "via", "192.0.2.2")
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    path = tapnet.file("networks: { far: { mode: routed, subnet: 10.40.0.1/24, "
                       "ports: { a: {}, b: { forward: '8080:8000' } } } }")
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
    page, door = other.serve("hello from b"), "http://192.0.2.2:8080/"
    assert world.outside.run(*FETCH, door).stdout == world.host.run(*FETCH, "http://127.0.0.1:8080/").stdout == page
    assert one.out(f"wget -q -O - {door}") == page, "by the host's address, as anybody"
    kill = "kill -USR2 $(cat /run/udhcpc.pid); sleep 1; kill -USR1 $(cat /run/udhcpc.pid)"
    other.out(kill)
    assert other.wait_for_lease()["ip"] == ports["b"]["addresses"][0], "a lease is given back and taken again"
    for guest in guests.values():
        guest.close()
    tapnet("down", path)
    assert_same(before, snapshot(world.host, run_dir=tapnet.run_dir))


LAB6 = ("networks: { far: { mode: routed, subnet: 10.40.0.1/24, subnet6: 'fd00:40::1/64', "
        "ports: { a: {}, b: { forward: '8080:8000' } } } }\n")
PART6 = LAB6.replace("fd00:40::1/64", "2001:db8:a:0:10::1/80")


def test_guests_of_a_routed_network_by_ipv6(world, tapnet):
    """With nothing in them but the kernel and busybox: nobody sets anything. Who outside has a route comes in, or by a
    forward; with a part of the uplink's own prefix, whoever is on the LAN."""
    add_ipv6(world)
    world.outside.run("ip", "-6", "route", "add", "fd00:40::/64", "via", HOST)
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    file = tapnet.file(LAB6)
    tapnet("up", file)
    ports, guests = boot_guests(world.host, tapnet, "far")
    for name, guest in guests.items():
        guest.wait_for_lease()
        guest.wait_for(f"ip -6 address show dev eth0 | grep -v tentative | grep -q {ports[name]['addresses'][1]}")
    one, other = guests["a"], ports["b"]["addresses"][1]
    for address in ("fd00:40::1", "fe80::1%eth0", other, NEAR, FAR):
        one.out(f"ping6 -c 1 -W 3 {address}")
    assert "via fe80::1 dev eth0" in one.out("ip -6 route show default")
    assert "fd00:40::/64" not in one.out("ip -6 route show")
    assert other in one.out("nslookup -type=aaaa b.far fd00:40::1")
    assert world.outside.run("ping", "-6", "-c1", "-W3", ports["a"]["addresses"][1]).returncode == 0
    page = guests["b"].serve("hello from b")
    assert world.outside.run(*FETCH, f"http://[{HOST}]:8080/").stdout == page == \
        one.out(f"wget -q -O - http://[{HOST}]:8080/")
    assert one.sh(f"ping6 -c 1 -W 2 {HOST}").rc != 0  # the host's own address outside
    one.out("ip -6 address add fd00:40::bad/64 dev eth0")
    assert one.sh("sleep 2; ping6 -c 1 -W 2 -I fd00:40::bad fd00:40::1").rc != 0
    one.out("ip -6 address add fe80::1/64 dev eth0 nodad || true")
    assert one.sh(f"ping6 -c 1 -W 2 -I fe80::1 {FAR}").rc != 0
    assert next(port for port in tapnet.status("far")["ports"] if port["name"] == "a")["blocked"] > 0
    tapnet("up", tapnet.file(PART6))
    for port in tapnet.status("far")["ports"]:
        guest = guests[port["name"]]
        guest.out("ip -6 address del fe80::1/64 dev eth0; ip -6 address flush dev eth0 scope global; "
                  f"ip -6 address add {port['addresses'][1]}/128 dev eth0; "
                  "ip -6 route replace default via fe80::1 dev eth0")
        world.outside.run("ping", "-6", "-c1", "-W3", port["addresses"][1])
        guest.out(f"ping6 -c 1 -W 3 {NEAR}")
    one.out(f"ping6 -c 1 -W 3 {tapnet.status('far')['ports'][1]['addresses'][1]}")
    for guest in guests.values():
        guest.close()
    tapnet("down", file)
    assert_same(before, snapshot(world.host, run_dir=tapnet.run_dir))
