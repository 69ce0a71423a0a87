# SPDX-License-Identifier: MIT
"""Two real guests by IPv6, with nothing in them but the kernel and busybox: nobody sets anything.

      host under test                                        outside, see tapnet_test/world6.py
    +-----------------------------------------------+      +---------------------+
    |  guest web --+          fd00:20::1/64          |      |                     |
    |              +-- br-lab ------ NAT66 ------ eth0 -----+ 2001:db8:a::1       |
    |  guest db ---+                                 |      |    2001:db8:f::1    |
    +-----------------------------------------------+      +---------------------+
"""

from tapnet_test.guest import boot_guests
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.world6 import FAR, HOST, NEAR, add_ipv6

LAB = "networks: { lab: { subnet: 10.20.0.1/24, subnet6: 'fd00:20::1/64', ports: { web: {}, db: {} } } }\n"
OPEN = LAB.replace("db: {}", "db: { forward: 8080:8000 }")


def test_two_guests_by_ipv6(world, tapnet):
    add_ipv6(world)
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    file = tapnet.file(LAB)
    tapnet("up", file)
    ports, guests = boot_guests(world.host, tapnet, "lab")
    for name, guest in guests.items():
        guest.wait_for_lease()
        guest.wait_for(f"ip -6 address show dev eth0 | grep -v tentative | grep -q {ports[name]['addresses'][1]}")
    web, db = guests["web"], ports["db"]["addresses"][1]
    for address in ("fd00:20::1", "fe80::1%eth0", db, NEAR, FAR):
        web.out(f"ping6 -c 1 -W 3 {address}")
    assert "via fe80::1 dev eth0" in web.out("ip -6 route show default")
    assert db in web.out("nslookup -type=aaaa db.lab fd00:20::1")
    assert web.sh("ping6 -c 1 -W 2 2001:db8:a::2").rc != 0  # the host's own address outside
    page = guests["db"].serve("hello from db")
    fetch, door = ("curl", "-s", "--max-time", "3"), f"http://[{HOST}]:8080/"
    assert world.outside.run(*fetch, door, check=False).returncode, "nobody has opened it"
    tapnet("up", tapnet.file(OPEN))
    assert world.outside.run(*fetch, door).stdout == world.host.run(*fetch, door).stdout == page
    assert web.out(f"wget -q -O - {door}") == page, "by the host's address, as anybody"
    web.out("ip -6 address add fd00:20::bad/64 dev eth0")
    assert web.sh("sleep 2; ping6 -c 1 -W 2 -I fd00:20::bad fd00:20::1").rc != 0
    for guest in guests.values():
        guest.close()
    tapnet("down", file)
    assert_same(before, snapshot(world.host, run_dir=tapnet.run_dir))
