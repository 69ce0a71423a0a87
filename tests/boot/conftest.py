# SPDX-License-Identifier: MIT
"""One Debian for all tests of this folder, with the package to be installed, and the network that it is on.

      the outside, a namespace                      Debian in QEMU, systemd as process 1
    +-----------------------------------+         +------------------------------------------+
    | br0 10.77.0.1/24                  |         | enp0s1, DHCP       lab.yaml:             |
    | dnsmasq: DHCP, DNS                +---------+                    br-lab 10.20.0.1/24   |
    | web server, port 80               |         | `vm web` ... a namespace, on lab-web     |
    +-----------------------------------+         +------------------------------------------+
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tapnet_test import debian, guest_image
from tapnet_test.build import SOURCE, build_dir, program
from tapnet_test.netns import Netns

WEBSERVER = SOURCE / "tests" / "tools" / "tapnet_test" / "webserver.py"
HERE = Path(__file__).parent
PAYLOAD = [HERE / "cable.py", HERE / "vm", HERE / "terminal.py", HERE / "facts.py", guest_image.BUSYBOX,
           SOURCE / "tests" / "system" / "tap_guest.py", guest_image.FILES / "udhcpc.script"]
# What `make demo` needs of the source tree: this much of it stands in /test/tapnet.
DEMO = ["tools/demo", "tools/deps", "tools/packages.txt", "tests/tools/tapnet_test", "tests/guest", "examples"]


@pytest.fixture(scope="session")
def package():
    """The package file, made of this working tree; lintian has nothing to say about it."""
    done = subprocess.run([SOURCE / "tools" / "make-deb"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((SOURCE / "build-deb").glob("tapnet_*.deb"))


@pytest.fixture(scope="session")
def outside():
    """The namespace that Debian's network card leads to."""
    with Netns("outside") as netns:
        netns.run("sh", "-ec", """
            ip link add br0 type bridge
            ip address add 10.77.0.1/24 dev br0
            ip link set br0 up
            ip tuntap add t1 mode tap
            ip link set t1 master br0 up""")
        log = open(netns.tmp / "dnsmasq.log", "w")
        netns.popen("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-ping", "--no-resolv", "--no-hosts",
                    "--interface=br0", f"--dhcp-leasefile={netns.tmp}/leases", "--dhcp-range=10.77.0.10,10.77.0.50",
                    "--local=/#/", "--host-record=outside.example,10.77.0.1", "--log-queries", stderr=log)
        netns.popen(sys.executable, WEBSERVER, "0.0.0.0", 80, stderr=subprocess.DEVNULL)
        yield netns


def copy_demo(to):
    """The demo with what `make` makes for it: the programs, and what a guest boots."""
    for name in DEMO:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        if (SOURCE / name).is_dir():
            shutil.copytree(SOURCE / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(SOURCE / name, to / name)
    (to / "build").mkdir()
    for name in ("tapnet", "tapnet-service", "tapnet-keeper"):
        shutil.copy2(program(name), to / "build")
    shutil.copy2(build_dir() / "libtapnet.so.0", to / "build")
    shutil.copytree(guest_image.make(), to / "build" / "guest")


@pytest.fixture(scope="session")
def machine(package, outside):
    """The Debian, booted; nothing of tapnet is on it but what is in /test: the package file, and a built tree."""
    try:
        debian.make(package)
    except guest_image.ImageError as error:
        pytest.skip(str(error))
    payload = outside.tmp / "payload"
    payload.mkdir()
    for path in [package, *PAYLOAD]:
        shutil.copy(path, payload)
    copy_demo(payload / "tapnet")
    with debian.Debian(outside, "t1", payload) as booted:
        booted.wait_booted()
        yield booted
