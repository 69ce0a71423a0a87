# SPDX-License-Identifier: MIT
"""Debian's podman with tapnet-cni: fifty containers come and go, ten at a time, and nothing is left of any.

      host under test                                               outside
    +-----------------------------------------------------+       +------------------+
    | c0   eth0 10.20.0.x --- veth --- lab-... --+         |       | 192.0.2.1        |
    | ...                                        +- br-lab -- NAT -- eth0  web server  |
    | c49  eth0 10.20.0.y --- veth --- lab-... --+         |       | 198.51.100.1     |
    +-----------------------------------------------------+       +------------------+
      podman, conmon, crun: in the host's network and mount namespace, with a /run and a /var/lib of the test's own
"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from tapnet_test.build import brought_up, program
from tapnet_test.cni import wait_for_nothing_left
from tapnet_test.plugging import at_rest
from tapnet_test.firewalls import need
from tapnet_test.rights import need_all_users
from tapnet_test.waiting import wait_for

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {} } } }"
CONTAINERS, AT_ONCE = 50, 10
CONFLIST = {"cniVersion": "0.4.0", "name": "lab", "plugins": [
    {"type": "tapnet-cni", "network": "lab", "capabilities": {"portMappings": True, "ips": True, "mac": True}}]}
CONFIG = """
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=256:256", "nproc=1024:1024"]
[engine]
events_logger = "none"
lock_type = "file"
[network]
network_backend = "cni"
network_config_dir = "{directory}/net.d"
cni_plugin_dirs = ["{directory}/plugins"]
"""
# podman's own processes, which call the plugin too, have an environment that podman chose.
PLUGIN = "#!/bin/sh\n{variables}\nexec {program}\n"
APPLETS = ("sh", "sleep", "wget", "ping", "cat", "httpd")


class Podman:
    """The command, with a store below the host's own directory."""

    def __init__(self, host):
        self.host, self.directory = host, host.tmp / "podman"
        self.rootfs = self.directory / "rootfs"
        host.run("sh", "-ec", "mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/lib;"
                 "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        for name in ("bin", "dev", "etc", "proc", "run", "sys", "tmp"):
            (self.rootfs / name).mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), self.rootfs / "bin/busybox")
        for applet in APPLETS:
            (self.rootfs / "bin" / applet).symlink_to("busybox")
        self.write("net.d/lab.conflist", json.dumps(CONFLIST))
        variables = "\n".join(f"export {name}='{value}'" for name, value in
                              {**host.env, "TAPNET_SERVICE": program("tapnet-service")}.items())
        self.write("plugins/tapnet-cni", PLUGIN.format(variables=variables, program=program("tapnet-cni"))).chmod(0o755)
        config = self.write("containers.conf", CONFIG.format(directory=self.directory))
        self.env = {"CONTAINERS_CONF": str(config)}

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def __call__(self, *words, check=True):
        return self.host.run("podman", "--root", self.directory / "root", "--runroot", self.directory / "runroot",
                             "--tmpdir", self.directory / "tmp", "--storage-driver", "vfs", "--cgroup-manager",
                             "cgroupfs", *words, env=self.env, check=check, timeout=120)

    def start(self, name, *options):
        self("run", "-d", "--name", name, "--network", "lab", *options, "--rootfs", self.rootfs, "sleep", "1000")

    def remove(self, *names):
        self("rm", "-f", "-t", "0", *names)

    def address(self, name):
        networks, = (entry["NetworkSettings"]["Networks"] for entry in json.loads(self("inspect", name).stdout))
        return networks["lab"]["IPAddress"], networks["lab"]["MacAddress"]


@pytest.fixture
def lab(world, host):
    need_all_users()
    need("podman", "conmon", "busybox")
    yield from brought_up(host, LAB)  # without a keeper, which would take away what podman forgets


@pytest.fixture
def podman(lab, host):
    made = Podman(host)
    tried = made("run", "--rm", "--network", "none", "--rootfs", made.rootfs, "sleep", "0", check=False)
    if tried.returncode:
        pytest.skip(f"podman starts no container here: {tried.stderr.strip().splitlines()[-1]}")
    yield made
    made("rm", "-a", "-f", "-t", "0")


def attached(tapnet):
    network, = tapnet.json_of_status()["networks"]
    return {port["addresses"][0]: port["mac"] for port in network["ports"] if port["origin"] == "attached"}


def test_fifty_containers_ten_at_a_time(lab, podman):
    before = at_rest(lab)
    names = [f"c{number}" for number in range(CONTAINERS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(podman.start, names))
        told = dict(map(podman.address, names))
        assert attached(lab) == told and len(told) == len(set(told.values())) == CONTAINERS
        podman("exec", "c0", "ping", "-c1", "-W5", podman.address(names[-1])[0])
        assert "hello from outside" in podman("exec", "c1", "wget", "-qO-", "http://198.51.100.1/").stdout
        assert "nameserver 10.20.0.1" in podman("exec", "c2", "cat", "/etc/resolv.conf").stdout
        assert lab("status", check=False).returncode == 0
        list(pool.map(podman.remove, names))
    assert not attached(lab)
    wait_for_nothing_left(lab, before)


def test_what_podman_says_of_a_container(lab, podman, world):
    """Its address, its MAC, and a port of the host that leads to it."""
    before = at_rest(lab)
    podman.start("web", "--ip", "10.20.0.77", "--mac-address", "52:54:00:00:00:42", "-p", "8080:80")
    assert podman.address("web") == ("10.20.0.77", "52:54:00:00:00:42")
    podman("exec", "web", "httpd", "-p", "80", "-h", "/etc")
    assert "10.20.0.1" in world.outside.run("curl", "-sS", "-m", "10", "http://192.0.2.2:8080/resolv.conf").stdout
    podman.remove("web")
    wait_for_nothing_left(lab, before)


def test_a_container_that_ends_by_itself(lab, podman):
    """podman's own process calls DEL then; nobody else does."""
    before = at_rest(lab)
    podman("run", "--rm", "--network", "lab", "--rootfs", podman.rootfs, "ping", "-c1", "-W5", "10.20.0.1")
    wait_for(lambda: not attached(lab))
    wait_for_nothing_left(lab, before)
