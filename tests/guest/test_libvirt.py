# SPDX-License-Identifier: MIT
"""`tapnet status --libvirt`: Debian's libvirtd starts guests with what it prints, the system's and a user's own.

      host                                                                    outside
    +----------------------------------------------------------------------+  +-----------+
    | qemu:///system   -- QEMU "web" -- lab-web --+  (a port of the file)  |  |           |
    |                                             +--- br-lab --- NAT --- eth0  192.0.2.1 |
    | qemu:///session  -- QEMU "own" -- lab-vm1 --+  (by the bridge helper)|  |           |
    +----------------------------------------------------------------------+  +-----------+
"""

import pytest
from tapnet_test import guest_image
from tapnet_test.build import Tapnet, everybodys, everybodys_file
from tapnet_test.guest import Guest, Machine
from tapnet_test.libvirt import Libvirtd, make_places
from tapnet_test.plugging import ALICE, as_user, ports
from tapnet_test.rights import need_all_users
from tapnet_test.snapshot import diff, snapshot
from tapnet_test.waiting import wait_for

LAB = f"""
networks:
  lab:
    subnet: 10.20.0.1/24
    mtu: 1400
    allow: ["{ALICE}:1"]
    ports:
      web: {{ mac: "52:54:00:00:00:99", queues: 2, limit: {{ receive: 10mbit }} }}
"""
DOMAIN = """
<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>128</memory><vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{kernel}</kernel><initrd>{initrd}</initrd>
    <cmdline>console=ttyS0 quiet panic=-1 mitigations=off no_timer_check tapnet.hostname={name}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='maximum'/>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <serial type='null'/>
    <serial type='unix'><source mode='bind' path='{wire}'/></serial>
    <memballoon model='none'/>
    {interface}
  </devices>
</domain>
"""


class LibvirtGuest(Machine):
    """A guest that libvirt starts, once we hold the other end of its wire: the "ready" there is said once."""

    wait_for_lease, lease = Guest.wait_for_lease, Guest.lease

    def __init__(self, libvirt, name, interface):
        self.libvirt = libvirt
        image, wire = guest_image.find(), libvirt.home / f"{name}.wire"
        domain = libvirt.netns.write(f"{name}.xml", DOMAIN.format(
            name=name, interface=interface, wire=wire, kernel=everybodys_file(image / "vmlinuz"),
            initrd=everybodys_file(image / "initrd")))
        libvirt.virsh("create", "--validate", "--paused", domain, timeout=60)
        super().__init__(libvirt.netns, name, lambda *_: ["nc", "-U", wire])
        wait_for(lambda: f"{wire} " in libvirt.netns.run("ss", "-xH", "state", "connected").stdout + " ")
        libvirt.virsh("resume", name)

    def close(self):
        self.libvirt.virsh("destroy", self.name, check=False)
        super().close()


@pytest.fixture
def lab(world):
    need_all_users()
    make_places(world.host)
    world.host.run("sh", "-ec", f"echo alice:x:{ALICE}:{ALICE}::{world.host.tmp}/alice:/bin/sh >> /etc/passwd; "
                   f"echo alice:x:{ALICE}: >> /etc/group")
    tapnet = Tapnet(world.host, keeper=True)
    before = snapshot(world.host, run_dir=tapnet.run_dir)
    tapnet("up", tapnet.file(LAB))
    yield tapnet
    tapnet("down", "--all")
    assert not diff(before, snapshot(world.host, run_dir=tapnet.run_dir))


@pytest.fixture
def system(lab, host):
    libvirt = Libvirtd(host, "qemu", "qemu:///system")
    yield libvirt
    libvirt.close()


@pytest.fixture
def session(lab, host):
    """A user's own, whose qemu.conf names our helper; as whoever he is, he has no right that others have not."""
    home = host.tmp / "alice"
    host.run("install", "-d", "-o", ALICE, "-g", ALICE, home, home / "run", home / ".config", home / ".config/libvirt")
    (home / ".config/libvirt/qemu.conf").write_text(
        f'bridge_helper = "{everybodys("tapnet-bridge-helper")}"\nstdio_handler = "file"\n', encoding="utf-8")
    libvirt = Libvirtd(host, "qemu", "qemu:///session", as_user(ALICE), home)
    yield libvirt
    libvirt.close()


def test_the_systems_libvirt_opens_a_port_by_its_name(lab, host, system):
    """MAC, MTU, queues and limit are the port's, and it stays when the guest goes."""
    told = lab("status", "--libvirt", "lab/web").stdout
    before = {link["ifname"]: link["address"] for link in host.json("ip", "-j", "link")}
    with LibvirtGuest(system, "web", told) as guest:
        port = ports(lab)["web"]
        assert guest.wait_for_lease(60)["ip"] == port["addresses"][0]
        card = guest.out("cd /sys/class/net/eth0; cat address mtu; ls -d queues/rx-*").splitlines()
        assert card == ["52:54:00:00:00:99", "1400", "queues/rx-0", "queues/rx-1"]
        guest.out("ping -c 1 -W 5 192.0.2.1")
        assert ports(lab)["web"]["state"] == "plugged"
        # libvirt gives every TAP another queueing discipline: the keeper has the port's limit back.
        wait_for(lambda: "tbf" in host.run("tc", "qdisc", "show", "dev", "lab-web").stdout, 10, "the limit is back")
    wait_for(lambda: ports(lab)["web"]["state"] == "free", 10, "nobody holds it")
    assert lab("status").returncode == 0
    assert {link["ifname"]: link["address"] for link in host.json("ip", "-j", "link")} == before


def test_a_users_libvirt_gets_a_port_of_the_network(lab, host, session):
    """By the bridge helper, one at most, as the file says; it goes with the guest."""
    told = lab("status", "--libvirt", "lab").stdout
    with LibvirtGuest(session, "own", told) as guest:
        lease = guest.wait_for_lease(60)
        port = ports(lab)["vm1"]
        assert (port["addresses"][0], port["origin"], port["device"]) == (lease["ip"], "run", "lab-vm1")
        guest.out("ping -c 1 -W 5 192.0.2.1")
        refused = session.virsh("create", host.write("more.xml", host.run(
            "sed", "s/own/more/g", host.tmp / "own.xml").stdout), check=False)
        assert refused.returncode and "failed to communicate with bridge helper" in refused.stderr  # not always why
        assert set(ports(lab)) == {"web", "vm1"}
    wait_for(lambda: "vm1" not in ports(lab), 10, "the port goes with the guest")
