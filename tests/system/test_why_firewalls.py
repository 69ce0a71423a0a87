# SPDX-License-Identifier: MIT
"""`tapnet why` beside other programs' firewalls: rules that Debian's ufw, firewalld, docker.io and libvirt put there
themselves.

      guests             host under test                            outside
    +-------+          +------------------------------------+     +------------------+
    |  web  +-- TAP ---+ lab-web --+     ufw, firewalld,     |     |  192.0.2.1       |
    +-------+          |           +-- br-lab -- NAT -- eth0 +-----+  198.41.0.4      |
    |  db   +-- TAP ---+ lab-db ---+     dockerd, libvirtd   |     |  (lo)            |
    +-------+          +------------------------------------+     +------------------+

The programs run in the test's own network and mount namespace, with an /etc of its own.
"""

import pytest
from tapnet_test.firewalls import dockerd, need, start_firewalld
from tapnet_test.libvirt import Libvirtd, make_places
from tapnet_test.netns import join
from tapnet_test.waiting import wait_for
from tapnet_test.rights import need_all_users
from tapnet_test.world import World
from why_lab import Lab, assert_works, follow_commands, words

OUT, DNS = ("web", "outside"), ("web", "host", "udp", "53")
TCP = ("web", "outside", "tcp", "80")


@pytest.fixture
def lab():
    need_all_users()
    with World() as world:
        made = Lab(world)
        yield made
        made.close()


def assert_named_and_mended(lab, asked, owner, step):
    answer = lab.why(asked)
    assert answer["stops"], words(answer)
    last = answer["steps"][-1]
    assert last["name"] == step and owner in last["text"], words(answer)
    assert not lab.arrives(asked), words(answer)
    follow_commands(lab, asked, answer)
    assert_works(lab, asked)


# ---- ufw ----

@pytest.mark.parametrize("commands, asked, step", [
    ("", TCP, "forward-hook"),
    ("", DNS, "input-hook"),
    ("ufw default reject routed", TCP, "forward-hook"),
    ("ufw default allow routed; ufw route deny from 10.20.0.0/24", TCP, "forward-hook"),
    ("ufw default allow routed; ufw route reject in on br-lab out on eth0", TCP, "forward-hook"),
    ("ufw default allow routed; ufw route deny proto tcp to any port 80", TCP, "forward-hook"),
    ("ufw default allow routed; ufw route deny out on eth0", TCP, "forward-hook"),
    ("ufw default allow routed; ufw default allow incoming; ufw deny in on br-lab", DNS, "input-hook"),
])
def test_ufw(lab, commands, asked, step):
    need("ufw")
    lab.host.run("sh", "-ec", f"ufw --force enable; {commands}", timeout=60)
    assert_named_and_mended(lab, asked, "ufw", step)


def test_ufw_that_is_in_nobodys_way(lab):
    need("ufw")
    lab.host.run("sh", "-ec", "ufw --force enable; ufw default allow routed; ufw allow in on br-lab", timeout=60)
    for asked in (OUT, TCP, DNS, ("web", "host")):
        assert not lab.why(asked)["stops"], words(lab.why(asked))
    assert lab.arrives(OUT) and lab.arrives(DNS)


# ---- firewalld ----

@pytest.fixture
def firewalld(lab):
    """A firewalld with a bus of its own."""
    start_firewalld(lab.host)
    return lab


@pytest.mark.parametrize("commands, asked, step", [
    ("", OUT, "forward-hook"),
    ("", TCP, "forward-hook"),
    ("firewall-cmd --set-default-zone=drop", OUT, "forward-hook"),
    ("firewall-cmd --set-default-zone=block", OUT, "forward-hook"),
    ("firewall-cmd --zone=drop --add-interface=eth0", OUT, "forward-hook"),
    ("firewall-cmd --reload", TCP, "forward-hook"),
])
def test_firewalld(firewalld, commands, asked, step):
    firewalld.host.run("sh", "-ec", commands or "true", timeout=60)
    assert_named_and_mended(firewalld, asked, "firewalld", step)


def test_firewalld_lets_be_what_was_redirected(firewalld):
    assert_works(firewalld, DNS)


def test_firewalld_that_is_in_nobodys_way(firewalld):
    firewalld.host.run("firewall-cmd", "--zone=trusted", "--add-interface=br-lab")
    for asked in (OUT, TCP, DNS):
        assert not firewalld.why(asked)["stops"], words(firewalld.why(asked))
    assert firewalld.arrives(OUT) and firewalld.arrives(DNS)


# ---- Docker ----

@pytest.fixture
def docker(lab):
    """Rules of a dockerd that has run; iptables keeps them."""
    with dockerd(lab.host):
        yield lab


@pytest.mark.parametrize("commands, asked", [
    ("", OUT),
    ("", TCP),
    ("iptables -I DOCKER-USER -i br-lab -j DROP", OUT),
    ("iptables -I DOCKER-USER -i eth0 -m conntrack --ctstate ESTABLISHED -j REJECT", OUT),
    ("iptables -I DOCKER-USER -o br-lab -m conntrack --ctstate RELATED,ESTABLISHED -j DROP", OUT),
    ("iptables -I DOCKER-USER -p tcp --dport 80 -j REJECT", TCP),
])
def test_docker(docker, commands, asked):
    docker.host.run("sh", "-ec", commands or "true")
    assert_named_and_mended(docker, asked, "Docker", "forward-hook")


# ---- libvirt ----

VMS = "<network><name>vms</name>{forward}<bridge name='virbr0'/>" \
      "<ip address='192.168.122.1' netmask='255.255.255.0'/></network>"


@pytest.fixture
def libvirt(lab):
    """A libvirtd that has networks, and nothing else."""
    make_places(lab.host)
    daemon = Libvirtd(lab.host, "network", "network:///system")
    lab.host.env.update(daemon.env)
    yield lab
    lab.host.run("virsh", "net-destroy", "vms", check=False)
    daemon.close()


def make_network(lab, forward="<forward mode='nat'/>"):
    lab.host.run("virsh", "net-create", lab.host.write("vms.xml", VMS.format(forward=forward)))


def go_out_by_a_virtual_machine(lab):
    """A guest of libvirt's is the router: the way out leads through libvirt's network, whose bridge has STP."""
    join(lab.host, "vnet0", lab.world.outside, "vm0")
    lab.world.outside.run("ip", "address", "add", "192.168.122.50/24", "dev", "vm0")
    lab.host.run("sh", "-ec", "ip link set vnet0 master virbr0; ip route replace default via 192.168.122.50")
    wait_for(lambda: "state forwarding" in lab.host.run("bridge", "link", "show", "dev", "vnet0").stdout, timeout=30)
    lab.tapnet("up", lab.file)


@pytest.mark.parametrize("forward, commands, asked", [
    ("<forward mode='nat'/>", "", OUT),
    ("<forward mode='nat'/>", "", TCP),
    ("<forward mode='nat'/>", "iptables -I LIBVIRT_FWI -i br-lab -o virbr0 -j ACCEPT", OUT),
    ("<forward mode='route'/>", "", TCP),
    ("", "", OUT),
])
def test_libvirt(libvirt, forward, commands, asked):
    make_network(libvirt, forward)
    go_out_by_a_virtual_machine(libvirt)
    libvirt.host.run("sh", "-ec", commands or "true")
    assert_named_and_mended(libvirt, asked, "libvirt", "forward-hook")


def test_libvirt_that_is_in_nobodys_way(libvirt):
    make_network(libvirt)
    for asked in (OUT, TCP, DNS, ("web", "host")):
        assert_works(libvirt, asked)


def test_libvirt_that_lets_by_what_it_does_not_filter(libvirt):
    make_network(libvirt, "<forward mode='open'/>")
    go_out_by_a_virtual_machine(libvirt)
    for asked in (OUT, TCP):
        assert_works(libvirt, asked)
