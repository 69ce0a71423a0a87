# SPDX-License-Identifier: MIT
"""A host with the service, two guests and the outside, for the tests of its DNS.

      host: tapnet-service, no rights                         outside
    +---------------------------------------+               +------------------------------------------+
    |  resolv.conf: set by each test        |               | 192.0.2.1    dnsmasq (world.py)          |
    |  br-lab 10.20.0.1/24, port 10053  eth0+---------------+ 192.0.2.11, .12  servers made by the test|
    |    |  (53 is redirected to it)        |               |                                          |
    +--web0---db0---------------------------+               +------------------------------------------+
        |      |
      web      db      guests: namespaces with eth0, 10.20.0.10 and 10.20.0.11
"""

from tapnet_test.dns import Client, Upstream
from tapnet_test.service import DNS_PORT, Lan, Service, network

GATEWAY = "10.20.0.1"
PORTS = {"web": {"address": "10.20.0.10", "hostname": "www"}, "db": "10.20.0.11"}
LAB = network("lab", f"{GATEWAY}/24", PORTS)
ONE, OTHER = "192.0.2.11", "192.0.2.12"  # addresses outside for servers made by tests
OUTSIDE = "192.0.2.1"

PORT_53 = """
    add table inet port53
    add chain inet port53 in { type nat hook prerouting priority -100; }
    add rule inet port53 in iifname "br-lab" ip daddr 10.20.0.1 meta l4proto { tcp, udp } th dport 53 redirect to :10053
"""


class Lab:
    """The picture above."""

    def __init__(self, world, make_netns):
        self.world, self.host, self.outside = world, world.host, world.outside
        self.host.run("nft", "-f", "-", input=PORT_53)
        for address in (ONE, OTHER):
            self.outside.run("ip", "address", "add", f"{address}/24", "dev", "out0")
        self.lan = Lan(self.host, LAB)
        self.guests, self.clients = {}, {}
        for port in LAB["ports"]:
            guest = self.lan.plug(port["name"], make_netns(port["name"]))
            guest.run("ip", "address", "add", f"{port['address']}/24", "dev", "eth0")
            guest.run("ip", "route", "add", "default", "via", GATEWAY)
            self.guests[port["name"]] = guest
            self.clients[port["name"]] = Client(guest, GATEWAY, DNS_PORT)
        self.servers = []
        self.service = Service(self.host)
        self.service.serve(LAB)

    def resolvers(self, *addresses):
        """What the host's resolv.conf says from now on."""
        self.host.write("/etc/resolv.conf", "".join(f"nameserver {address}\n" for address in addresses))

    def upstream(self, address, *argv, **kw):
        self.servers.append(Upstream(self.outside, address, *argv, **kw))
        return self.servers[-1]

    def dig(self, *words, guest="web", port=53):
        """dig's short answers."""
        done = self.guests[guest].run("dig", f"@{GATEWAY}", "-p", port, "+short", "+tries=1", "+timeout=8", *words)
        return done.stdout.split("\n")[:-1]

    def close(self):
        for server in self.servers:
            server.close()
        print(self.service.log())
        self.service.close()
