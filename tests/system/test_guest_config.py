# SPDX-License-Identifier: MIT
"""`tapnet status --guest PORT`: what a guest without DHCP is told. Whoever it is meant for reads it, in the guest. And
`--libvirt`, for who starts the guest: libvirt itself reads that in tests/guest.

      host under test                             outside
    +----------------------------------------+  +-----------------+
    | guest web ── lab-web ── br-lab ── NAT ── eth0 ── 192.0.2.1  |
    |  a namespace           10.20.0.1       |  |                 |
    | guest cell ─ cell-a ─── br-cell        |  |                 |
    +----------------------------------------+  +-----------------+
"""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from tapnet_test import cloud_init
from tapnet_test.nsguest import NamespaceGuest
from tapnet_test.rights import has_all_users, need_all_users
from tapnet_test.waiting import wait_for
from tapnet_test.world6 import add_ipv6, default_routes

LAB = """
networks:
  lab:
    mode: {mode}
    subnet: 10.20.0.1/24
    subnet6: none
    mtu: 1400
    search: [example.org]
    ports: {{ web: {{ address: 10.20.0.6 }}, db: {{}} }}
  cell:
    mode: isolated
    subnet: 10.30.0.1/24
    subnet6: none
    ports: {{ a: {{ address: 10.30.0.6 }}, web: {{}} }}
"""
FORMS = ["commands", "cloud-init", "networkd", "kernel"]
NETWORKD = Path("/lib/systemd/systemd-networkd")
GENERATOR = Path("/lib/systemd/systemd-network-generator")
IPCONFIG = Path("/usr/lib/klibc/bin/ipconfig")


@pytest.fixture
def up(tapnet, world):
    world.outside.run("ip", "route", "add", "10.20.0.0/24", "via", "192.0.2.2")

    def bring_up(mode="nat"):
        tapnet("up", tapnet.file(LAB.format(mode=mode)))
        return tapnet
    yield bring_up
    tapnet("down", "--all")


@pytest.fixture
def guest(host):
    """Plugs a guest that knows nothing yet."""
    made = []

    def plug(port):
        made.append(NamespaceGuest(host, port))
        made[-1].netns.run("ip", "address", "flush", "dev", "eth0")
        made[-1].netns.run("ip", "link", "set", "eth0", "down")
        return made[-1].netns
    yield plug
    for each in made:
        each.close()


def told(tapnet, port, form):
    return tapnet("status", "--guest", port, "--as", form).stdout


# ---- who reads it ----

def networkd(netns, files):
    """systemd-networkd itself, in the guest; udev is none of its business there, which a read-only /sys tells it."""
    if not NETWORKD.exists():
        pytest.skip("no systemd-networkd")
    if not has_all_users():
        pytest.skip("/sys can't be made read-only in a user namespace")
    netns.run("mount", "-o", "remount,ro", "/sys")
    netns.run("mount", "-t", "tmpfs", "tmpfs", "/run/systemd")
    for name, text in files.items():
        netns.write(f"/etc/systemd/network/{name}", text)
    netns.popen(NETWORKD, env={"SYSTEMD_LOG_TARGET": "console"}, stderr=open(netns.tmp / "networkd.log", "w"))
    wait_for(lambda: addresses(netns), 15, lambda: (netns.tmp / "networkd.log").read_text())
    return netns.run("sh", "-c", "cat /run/systemd/netif/links/*").stdout


def by_shell(netns, text):
    netns.run("sh", "-eux", input=text)
    return netns.run("cat", "/etc/resolv.conf").stdout


def by_networkd(netns, text):
    return networkd(netns, {"10-tapnet.network": text})


def by_cloud_init(netns, text):
    """cloud-init writes a file for networkd, as it does where there is one, and gives it to networkd's user."""
    need_all_users()
    mac = netns.json("ip", "-j", "link", "show", "eth0")[0]["address"]
    try:
        made = cloud_init.convert(text, mac, "networkd")
    except cloud_init.Missing as reason:
        pytest.skip(str(reason))
    return networkd(netns, {Path(path).name: text for path, text in made.items() if path.endswith(".network")})


def by_initramfs(netns, text):
    """As initramfs-tools does it."""
    if not IPCONFIG.exists():
        pytest.skip("no ipconfig of klibc-utils")
    return netns.run(IPCONFIG, "-t", "10", text.strip().removeprefix("ip=")).stdout


def by_systemd_initramfs(netns, text):
    if not GENERATOR.exists():
        pytest.skip("no systemd-network-generator")
    root = netns.tmp / "generated"
    netns.run(GENERATOR, f"--root={root}", "--", text.strip())
    # Without a name it is for devices of hardware, which this guest's eth0 is not, as that of a machine is.
    return networkd(netns, {path.name: path.read_text().replace("Kind=!*\n", "Name=eth0\n")
                            for path in root.rglob("*.network")})


READERS = {"a shell": ("commands", by_shell), "networkd": ("networkd", by_networkd),
           "cloud-init": ("cloud-init", by_cloud_init), "klibc's ipconfig": ("kernel", by_initramfs),
           "systemd in the initramfs": ("kernel", by_systemd_initramfs)}


def addresses(netns):
    shown = netns.json("ip", "-j", "-4", "address", "show", "dev", "eth0")
    return [f"{each['local']}/{each['prefixlen']}" for link in shown for each in link["addr_info"]]


def reaches(netns, address):
    return netns.run("ping", "-c1", "-W1", address, check=False).returncode == 0


@pytest.mark.parametrize("mode", ["nat", "routed"])
@pytest.mark.parametrize("reader", READERS)
def test_who_reads_it_is_on_the_network(up, guest, reader, mode):
    tapnet = up(mode)
    form, read = READERS[reader]
    netns = guest(tapnet.status("lab")["ports"][0])
    text = told(tapnet, "lab/web", form)
    resolver = read(netns, text)
    assert addresses(netns) == ["10.20.0.6/24"]
    default, = netns.json("ip", "-j", "-4", "route", "show", "default")
    assert default["gateway"] == "10.20.0.1"
    assert "10.20.0.1" in resolver
    if form != "kernel":  # whose one word has no room for these
        assert "lab" in resolver and "example.org" in resolver
        assert netns.json("ip", "-j", "link", "show", "eth0")[0]["mtu"] == 1400
    wait_for(lambda: reaches(netns, "10.20.0.1"))
    assert reaches(netns, "192.0.2.1")


@pytest.mark.parametrize("reader", READERS)
def test_an_isolated_guest_is_told_of_no_way_out(up, guest, reader):
    tapnet = up()
    form, read = READERS[reader]
    netns = guest(tapnet.status("cell")["ports"][0])
    read(netns, told(tapnet, "cell/a", form))
    assert addresses(netns) == ["10.30.0.6/24"]
    assert netns.json("ip", "-j", "-4", "route", "show", "default") == []


@pytest.mark.parametrize("reader", ["a shell", "networkd", "cloud-init"])
def test_by_ipv6_too(tapnet, world, guest, reader):
    add_ipv6(world)
    tapnet("up", tapnet.file("networks: { lab: { subnet: 10.20.0.1/24, subnet6: 'fd00:20::1/64', "
                             "ports: { web: {} } } }\n"))
    port = tapnet.status("lab")["ports"][0]
    form, read = READERS[reader]
    netns = guest(port)
    netns.run("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0", "net.ipv6.conf.eth0.accept_dad=0",
              "net.ipv6.conf.eth0.accept_ra=0")
    read(netns, told(tapnet, "web", form))
    shown, = netns.json("ip", "-j", "-6", "address", "show", "dev", "eth0", "scope", "global")
    assert {each["local"] for each in shown["addr_info"] if each} == {port["addresses"][1]}  # ip prints {} for others
    defaults = netns.json("ip", "-j", "-6", "route", "show", "default")  # some ask for advertisements all the same
    assert {default["gateway"] for default in defaults} == {"fe80::1"}
    wait_for(lambda: reaches(netns, "fd00:20::1"))
    tapnet("down", "--all")


@pytest.mark.parametrize("mode,routers", [("nat", []), ("routed", ["fe80::1"])])
def test_static_guests_and_those_that_hear_advertisements_know_the_same_router(tapnet, world, guest, mode, routers):
    """The host has no way out by IPv6: it is a router for those alone that reach each other by it."""
    assert default_routes(world.host) == []
    tapnet("up", tapnet.file(f"networks: {{ lab: {{ mode: {mode}, subnet: 10.20.0.1/24, subnet6: 'fd00:20::1/64', "
                             "ports: { web: { mac: 52:54:00:00:00:02 } } } }\n"))
    netns = guest(tapnet.status("lab")["ports"][0])
    netns.run("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0", "net.ipv6.conf.eth0.accept_dad=0",
              "net.ipv6.conf.eth0.accept_ra=0")
    by_shell(netns, told(tapnet, "web", "commands"))
    assert [route["gateway"] for route in default_routes(netns)] == routers
    said = json.loads(tapnet("status", "--guest", "web", "--json").stdout)
    assert [said[key] for key in ("gateway6",) if key in said] == routers
    netns.run("ip", "link", "set", "eth0", "down")
    netns.run("ip", "-6", "address", "flush", "dev", "eth0")
    netns.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=2")
    netns.run("ip", "link", "set", "eth0", "up")
    wait_for(lambda: "fd00:20::5054:ff:fe00:2" in netns.run("ip", "-6", "address", "show", "dev", "eth0").stdout)
    assert [route["gateway"] for route in default_routes(netns)] == routers
    tapnet("down", "--all")


def test_cloud_init_tells_ifupdown_the_same(up):
    tapnet = up()
    mac = tapnet.status("lab")["ports"][0]["mac"]
    try:
        made = cloud_init.convert(told(tapnet, "lab/web", "cloud-init"), mac, "eni")
    except cloud_init.Missing as reason:
        pytest.skip(str(reason))
    interfaces = "".join(made.values())
    assert re.search(r"iface eth0 inet static\n\s+address 10\.20\.0\.6/24\n", interfaces)
    assert "default gw 10.20.0.1" in interfaces and "dns-nameservers 10.20.0.1" in interfaces


# ---- the command ----

def test_all_forms_stand_below_each_other(up):
    tapnet = up()
    text = tapnet("status", "--guest", "lab/web").stdout
    for form in FORMS:
        for line in told(tapnet, "lab/web", form).splitlines():
            assert not line or f"  {line}\n" in text
    assert tapnet("status", "-g", "lab-web").stdout == text


def test_json_has_what_stands_in_them(up):
    tapnet = up()
    said = json.loads(tapnet("status", "--guest", "db", "--json").stdout)
    port = tapnet.status("lab")["ports"][1]
    assert (said["version"], said["network"], said["port"], said["device"]) == (1, "lab", "db", "lab-db")
    assert said["addresses"] == [f"{port['addresses'][0]}/24"] and said["mac"] == port["mac"]
    assert (said["gateway"], said["dns"], said["mtu"]) == ("10.20.0.1", "10.20.0.1", 1400)
    assert said["search"] == ["lab", "example.org"]
    assert said["forms"] == {form: told(tapnet, "db", form) for form in FORMS}
    isolated = json.loads(tapnet("status", "--guest", "a", "--json").stdout)
    assert "gateway" not in isolated and "dns" not in isolated and isolated["search"] == []


@pytest.mark.parametrize("words,said", [
    (["--guest", "nobody"], "no port nobody is up"),
    (["--guest", "web"], "port web is in several networks: say lab/web or cell/web"),
    (["cell", "--guest", "lab/db"], "no port lab/db is up"),
    (["--guest", "lab/web", "--as", "netplan"], "--as netplan is none of commands, cloud-init, networkd, kernel"),
    (["--as", "kernel"], "--as says how --guest PORT is printed"),
    (["--libvirt", "nobody"], "no port and no network nobody is up"),
    (["--libvirt", "web"], "port web is in several networks: say lab/web or cell/web"),
    (["--libvirt", "lab/db", "--json"], "--libvirt prints XML and nothing else: leave out --json"),
    (["--libvirt", "lab/db", "--guest", "lab/db"], "leave out --guest"),
])
def test_what_is_mistyped_is_said(up, words, said):
    tapnet = up()
    answer = tapnet("status", *words, check=False)
    assert answer.returncode == 2 and answer.stdout == ""
    assert said.replace("lab/web or cell/web", "") in answer.stderr


def test_a_name_narrows_it_down(up):
    tapnet = up()
    assert told(tapnet, "cell/web", "kernel") == tapnet("status", "cell", "--guest", "web", "--as", "kernel").stdout


# ---- libvirt ----

def interface(tapnet, name):
    """The one <interface> that is printed: its type, and what stands in it."""
    root = ElementTree.fromstring(tapnet("status", "--libvirt", name).stdout)
    assert root.tag == "interface"
    return root.get("type"), {child.tag: child.attrib for child in root}


def test_libvirt_is_told_of_a_port(up):
    tapnet = up()
    port = tapnet.status("lab")["ports"][0]
    for name in ("lab/web", "lab-web"):
        assert interface(tapnet, name) == ("ethernet", {
            "target": {"dev": "lab-web", "managed": "no"}, "mac": {"address": port["mac"]}, "model": {"type": "virtio"},
            "mtu": {"size": "1400"}})


@pytest.mark.parametrize("mode, bridge", [("nat", "br-lab"), ("routed", "lab")])
def test_libvirt_is_told_of_a_network(up, mode, bridge):
    """By what the bridge helper knows it; a port of that name would be meant first."""
    tapnet = up(mode)
    for name in ("lab", bridge):
        assert interface(tapnet, name) == ("bridge", {"source": {"bridge": bridge}, "model": {"type": "virtio"}})


def test_libvirt_is_told_of_several_queues(tapnet):
    tapnet("up", tapnet.file("networks: { lab: { ports: { lab: { device: a.b+c@d, queues: 3 } } } }"))
    kind, told = interface(tapnet, "lab")  # the port of that name, not the network
    assert kind == "ethernet" and told["target"]["dev"] == "a.b+c@d" and told["driver"] == {"queues": "3"}
    assert interface(tapnet, "br-lab")[0] == "bridge"
    tapnet("down", "--all")
