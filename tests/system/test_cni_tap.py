# SPDX-License-Identifier: MIT
"""`tapnet-cni` with a TAP in the container's namespace: a VMM that runs there has its guest in our network.

      host under test                                                            outside
    +--------------------------------------------------------------------------+  +-------------+
    | container                                                                |  |             |
    | +-------------------------------------------+                            |  |             |
    | | guest -- VMM -- tap0 === eth0 10.20.0.x ---+-- veth -- lab-... -- br-lab -- eth0  192.0.2.1 |
    | +-------------------------------------------+                            |  |             |
    +--------------------------------------------------------------------------+  +-------------+
      ===: each hands on what the other is sent; the guest has the MAC and the addresses of eth0
"""

import fcntl
import os
import struct
import subprocess
import sys

import pytest

from tap_guest import TUNSETIFF, Guest
from tapnet_test.build import brought_up, program
from tapnet_test.cni import Refused, Runtime, wait_for_nothing_left
from tapnet_test.nsguest import NamespaceGuest
from tapnet_test.plugging import at_rest
from tapnet_test.rights import need_all_users
from tapnet_test.service import in_netns
from tapnet_test.waiting import wait_for

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: { address: 10.20.0.7 } } } }"
USER, GROUP = 12345, 12346
TAP = {"owner": USER, "group": GROUP}
IFF_TAP_NO_PI_MULTI_QUEUE_VNET_HDR = 0x1002 | 0x0100 | 0x4000
PAGE = "http://198.51.100.1/"


@pytest.fixture(params=[False, True], ids=["no keeper", "keeper"])
def lab(request, world, host):
    need_all_users()  # the TAP is another's
    yield from brought_up(host, LAB, keeper=request.param)


@pytest.fixture
def box(make_netns):
    return make_netns("box")


@pytest.fixture
def runtime(lab, host):
    return Runtime(host, tap=TAP)


@pytest.fixture
def plug():
    """A guest with a kernel of its own, whose VMM runs in the container."""
    guests = []

    def make(box, result, tap="tap0"):
        mine = result["interfaces"][-1]
        port = {"device": tap, "mac": mine["mac"], "addresses": [result["ips"][0]["address"]]}
        guests.append(NamespaceGuest(box, port))
        guests[-1].netns.run("ip", "route", "add", "default", "via", "10.20.0.1")
        wait_for(lambda: guests[-1].netns.run("ping", "-c1", "-W1", "10.20.0.1", check=False).returncode == 0)
        return guests[-1].netns

    yield make
    for guest in guests:
        guest.close()


def attached(tapnet):
    return [port for port in tapnet.status("lab")["ports"] if port["origin"] == "attached"]


def links(box):
    return sorted(link["ifname"] for link in box.json("ip", "-j", "link"))


def told(call, *words, **more):
    with pytest.raises(Refused) as caught:
        call(*words, **more)
    return caught.value.error


# ---- ADD and DEL ----

def test_a_vmm_in_the_container(lab, runtime, box, plug):
    """The result is what runtimes of VMs look for; the guest has its address by DHCP, and a way out."""
    before = at_rest(lab)
    result = runtime.call("ADD", netns=box, container="vm1")
    eth0, tap, guest = result["interfaces"][2:]
    assert tap == {"name": "tap0", "sandbox": box.exec_path}
    assert guest == {"name": "tap0", "mac": eth0["mac"], "sandbox": "vm1"}
    assert [entry["interface"] for entry in result["ips"]] == [2, 2, 4, 4]
    assert result["ips"][2]["address"] == result["ips"][0]["address"]
    shown, = box.json("ip", "-j", "-d", "link", "show", "tap0")
    data = shown["linkinfo"]["info_data"]
    assert (data["type"], data["persist"], data["user"], data["group"]) == ("tap", True, USER, GROUP)
    assert shown["mtu"] == 1500 and "UP" in shown["flags"] and not data["multi_queue"]
    vmm = in_netns(box, lambda: Guest("tap0", eth0["mac"]))
    wait_for(lambda: vmm.offer() == result["ips"][0]["address"].split("/")[0])
    os.close(vmm.fd)
    web = plug(box, result)
    assert "hello from outside, 192.0.2.2" in web.run("curl", "-sS", "-m", "10", PAGE).stdout
    runtime.call("CHECK", netns=box, container="vm1", prevResult=result)
    runtime.call("DEL", netns=box, container="vm1")
    assert links(box) == ["lo"]
    runtime.call("DEL", netns=box, container="vm1")
    wait_for_nothing_left(lab, before)


def test_guards_forwards_and_limits_are_the_ports(lab, runtime, box, plug, world):
    result = runtime.call("ADD", netns=box, runtimeConfig={
        "portMappings": [{"hostPort": 8080, "containerPort": 80}], "bandwidth": {"ingressRate": 8_000_000}})
    guest = plug(box, result)
    server = guest.popen(sys.executable, "-m", "http.server", "80", "--directory", str(guest.tmp), stdout=-3, stderr=-3)
    wait_for(lambda: guest.run("ss", "-Hltn", "sport = :80").stdout.strip())
    assert world.outside.run("curl", "-sS", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}",
                             "http://192.0.2.2:8080/").stdout == "200"
    server.kill()
    port, = attached(lab)
    assert port["limit"]["receive"] == 8_000_000
    guest.run("ip", "address", "add", "10.20.0.7/24", "dev", "eth0")
    assert guest.run("ping", "-c1", "-W1", "-I", "10.20.0.7", "10.20.0.1", check=False).returncode == 1, "another's"
    guest.run("ip", "link", "set", "eth0", "address", "52:54:00:aa:bb:cc")
    assert guest.run("ping", "-c1", "-W1", "10.20.0.1", check=False).returncode == 1, "another MAC"
    assert attached(lab)[0]["blocked"] >= 2
    runtime.call("DEL", netns=box)


def open_queues(count):
    fds = [os.open("/dev/net/tun", os.O_RDWR) for _ in range(count)]
    for fd in fds:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"vm", IFF_TAP_NO_PI_MULTI_QUEUE_VNET_HDR))
    return fds


def test_several_queues_and_a_vnet_header(runtime, box):
    result = runtime.call("ADD", netns=box, tap={"name": "vm", "multiQueue": True})
    fds = in_netns(box, lambda: open_queues(4))
    data = box.json("ip", "-j", "-d", "link", "show", "vm")[0]["linkinfo"]["info_data"]
    assert data["multi_queue"] and data["numqueues"] == 4 and data["vnet_hdr"]
    runtime.call("CHECK", netns=box, tap={"name": "vm", "multiQueue": True}, prevResult=result)
    error = told(runtime.call, "CHECK", netns=box, tap={"name": "vm"}, prevResult=result)
    assert "TAP vm: it is another" in error["details"]
    runtime.call("DEL", netns=box, tap={"name": "vm"})  # held or not
    assert links(box) == ["lo"]
    for fd in fds:
        os.close(fd)


# ---- CHECK and GC ----

@pytest.mark.parametrize("command, said", [
    ("ip link del tap0", "TAP tap0"), ("ip link set tap0 down", "TAP tap0: it is down"),
    ("tc qdisc del dev tap0 ingress", "does not go out"), ("tc qdisc del dev eth0 ingress", "does not go out"),
    ("ip link del tap0; ip tuntap add tap0 mode tap", "TAP tap0: it has another owner"),
])
def test_check_sees_what_is_missing(runtime, box, command, said):
    result = runtime.call("ADD", netns=box)
    runtime.call("CHECK", netns=box, prevResult=result)
    box.run("sh", "-ec", command)
    error = told(runtime.call, "CHECK", netns=box, prevResult=result)
    assert error["code"] == 101 and said in error["details"]
    runtime.call("DEL", netns=box)


def test_what_gc_and_down_leave_is_replaced(lab, runtime, box, plug):
    """They know of ports, not of containers: the TAP stays without a use, until DEL, or the next ADD."""
    runtime.call("ADD", netns=box)
    runtime.call("GC", container=None, interface=None, cniVersion="1.1.0", **{"cni.dev/valid-attachments": []})
    assert links(box) == ["lo", "tap0"] and not attached(lab)
    plug(box, runtime.call("ADD", netns=box))
    lab("down", "--all")
    assert links(box) == ["lo", "tap0"]
    runtime.call("DEL", netns=box)
    assert links(box) == ["lo"]
    lab("up", lab.file(LAB))


# ---- mistakes ----

WRONG = [(True, "is an object"), ([], "is an object"), ({"size": 3}, "is an object"), ({"name": 5}, "is an object"),
         ({"multiQueue": 1}, "is an object"), ({"owner": "root"}, "numbers"), ({"group": -1}, "numbers"),
         ({"owner": 1 << 32}, "numbers"), ({"name": "a/b"}, "name of its own"), ({"name": "eth0"}, "name of its own")]


def test_every_key_that_is_wrong(lab, runtime, box):
    before = at_rest(lab)
    for tap, said in WRONG:
        error = told(runtime.call, "ADD", netns=box, tap=tap)
        assert error["code"] == 7 and said in error["details"], (tap, error)
        runtime.call("DEL", netns=box, tap=tap)
    assert links(box) == ["lo"]
    wait_for_nothing_left(lab, before)


def test_a_device_of_the_containers_own(lab, runtime, box):
    """It stays, and nothing of the attempt does."""
    before = at_rest(lab)
    for command in (("ip", "tuntap", "add", "tap0", "mode", "tap"), ("ip", "link", "add", "tap0", "type", "bridge")):
        box.run(*command)
        error = told(runtime.call, "ADD", netns=box)
        assert error["code"] == 100 and "tap0 is a" in error["details"]
        runtime.call("DEL", netns=box)
        assert links(box) == ["lo", "tap0"]
        box.run("ip", "link", "del", "tap0")
    wait_for_nothing_left(lab, before)


def test_the_tap_of_another_interface(lab, runtime, box, plug):
    """Two networks of one container want one name: the first keeps what it has, also when the second one is cleared."""
    first = runtime.call("ADD", netns=box)
    guest = plug(box, first)
    assert "tap0 is the TAP of the container's interface eth0" in told(
        runtime.call, "ADD", netns=box, interface="net1")["details"]
    runtime.call("DEL", netns=box, interface="net1")
    runtime.call("CHECK", netns=box, prevResult=first)
    assert guest.run("ping", "-c1", "-W5", "10.20.0.1", check=False).returncode == 0
    runtime.call("DEL", netns=box)
    assert links(box) == ["lo"]


def test_a_namespace_that_is_the_hosts_by_now(lab, runtime, box, host):
    """The container's process is gone, and the host's has its number: DEL leaves the host's devices alone."""
    host.run(program("tapnet"), "device", "add", "tap0")
    runtime.call("ADD", netns=box)
    runtime.call("DEL", netns=host)
    assert "tap0" in [link["ifname"] for link in host.json("ip", "-j", "link")]
    host.run(program("tapnet"), "device", "del", "tap0")


def test_a_plugin_that_is_killed_at_any_instant(lab, runtime, box, host):
    before = at_rest(lab)
    for moment in range(0, 60, 3):
        child = runtime.start("ADD", "c0ffee", box)
        try:
            child.wait(moment / 1000)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()
        if moment % 2:
            runtime.call("DEL", netns=box)
            assert links(box) == ["lo"]
    runtime.call("DEL", netns=box)
    assert links(box) == ["lo"]
    wait_for_nothing_left(lab, before)
