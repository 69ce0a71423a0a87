# SPDX-License-Identifier: MIT
"""Mode bridge with real virtual machines: the LAN gives them addresses, and all of it reaches each other.

      host, its address on br-lan                   outside, the LAN: DHCP, DNS, a web server
    +--------------------------------------------+ +----------------------------+
    | guest a ── lan-a ──┬── br-lan 192.0.2.2    | |                            |
    | guest b ── lan-b ──┴────────────── eth0 ─────── out0 192.0.2.1            |
    |                                            | |      2001:db8:a::1         |
    +--------------------------------------------+ +----------------------------+
"""

import ipaddress

from tapnet_test.guest import boot_guests
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.world6 import FAR, HOST, NEAR

FIRST, LAST = ipaddress.ip_address("192.0.2.100"), ipaddress.ip_address("192.0.2.150")


def give_ipv6(world):
    """Fixed ones: what the LAN's router says is for the guests."""
    world.host.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=0")
    for netns, device, address in ((world.outside, "out0", f"{NEAR}/64"), (world.outside, "lo", f"{FAR}/128"),
                                   (world.host, "eth0", f"{HOST}/64")):
        netns.run("ip", "address", "add", address, "dev", device, "nodad")
    world.host.run("ip", "-6", "route", "add", "default", "via", NEAR)


def wait_for_ipv6(guest):
    """The address that the LAN's router gives, and the way out by it."""
    shown = "ip -6 address show dev eth0 scope global | grep -v tentative | grep -o '2001:db8:a:[0-9a-f:]*'"
    guest.wait_for(f"{shown} >/dev/null && ip -6 route show | grep -q ^default")
    return guest.out(shown)


def test_guests_on_the_lan(world, tapnet):
    give_ipv6(world)
    world.outside.popen("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=out0",
                        "--pid-file=", f"--dhcp-range={FIRST},{LAST},1h", "--enable-ra",
                        "--dhcp-range=2001:db8:a::,ra-only", f"--dhcp-leasefile={world.outside.tmp / 'leases'}")
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    path = tapnet.file("networks: { lan: { mode: bridge, ports: { a: {}, b: {} } } }")
    tapnet("up", path)
    _, guests = boot_guests(world.host, tapnet, "lan")
    leases = {name: guest.wait_for_lease() for name, guest in guests.items()}
    for lease in leases.values():
        assert FIRST <= ipaddress.ip_address(lease["ip"]) <= LAST and lease["serverid"] == "192.0.2.1"
    one = guests["a"]
    for address in (leases["b"]["ip"], "192.0.2.2", "192.0.2.1", "198.51.100.1"):
        one.out(f"ping -c 2 -W 3 {address}")
    assert one.out("wget -qO- http://192.0.2.1/")
    for netns in (world.host, world.outside):
        for lease in leases.values():
            netns.run("ping", "-c2", "-W3", lease["ip"])
    sixes = {name: wait_for_ipv6(guest) for name, guest in guests.items()}
    for address in (sixes["b"], HOST, NEAR, FAR):
        one.out(f"ping6 -c 2 -W 3 {address}")
    for netns in (world.host, world.outside):
        for address in sixes.values():
            netns.run("ping", "-c2", "-W3", address)
    for guest in guests.values():
        guest.close()
    tapnet("down", path)
    assert_same(before, snapshot(world.host, run_dir=tapnet.run_dir))
