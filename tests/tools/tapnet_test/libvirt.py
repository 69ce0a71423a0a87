# SPDX-License-Identifier: MIT
"""Debian's libvirtd in a namespace of a test: the system's, or a user's own, with its files in temporary places."""

import shutil
from glob import glob

import pytest

from .waiting import wait_for

# What a package that is not installed here would have made, and what belongs to the machine and not to a namespace.
# libvirtd does not start without its users, whatever its file says.
QEMU_CONF = """\
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""
USERS = """
    getent passwd libvirt-qemu || echo libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin >> /etc/passwd
    for group in libvirt-qemu kvm; do
        getent group $group || echo $group:x:$(wc -l < /etc/group): >> /etc/group
    done
"""


class Libvirtd:
    """One that runs with one driver; skips where there is none."""

    def __init__(self, netns, driver, uri, user=(), home=None):
        """A user's own has a @home, and @user stands before each command: setpriv."""
        for program in ("libvirtd", "virsh"):
            if not shutil.which(program):
                pytest.skip(f"{program} is not installed")
        library = next(iter(glob(f"/usr/lib/*/libvirt/connection-driver/libvirt_driver_{driver}.so")), None)
        if not library:
            pytest.skip(f"libvirt's driver for {driver} is not installed")
        drivers = netns.tmp / "drivers"
        drivers.mkdir()
        (drivers / f"libvirt_driver_{driver}.so").symlink_to(library)
        self.netns, self.user, self.home = netns, user, home or netns.tmp
        self.env = {"LIBVIRT_DRIVER_DIR": str(drivers), "LIBVIRT_DEFAULT_URI": uri}
        if home:
            self.env.update(HOME=str(home), XDG_RUNTIME_DIR=str(home / "run"))
        self.log = netns.tmp / "libvirtd.log"
        log = open(self.log, "w", encoding="utf-8")
        self.daemon = netns.popen(*user, "libvirtd", f"--pid-file={self.home}/libvirtd.pid", env=self.env,
                                  stdout=log, stderr=log)
        # It listens before it takes anybody, and who has connected waits until it does: so it need not be asked again
        # and again, which this release takes badly while it starts.
        socket = f"{home}/run/libvirt/libvirt-sock" if home else "/var/run/libvirt/libvirt-sock"
        wait_for(lambda: netns.run("test", "-S", socket, check=False).returncode == 0, timeout=60, pause=0.1,
                 why=lambda: self.log.read_text(encoding="utf-8"))
        self.virsh("uri", timeout=90)

    def virsh(self, *words, **kw):
        return self.netns.run(*self.user, "virsh", *words, env=self.env, **kw)

    def close(self):
        self.daemon.terminate()
        self.daemon.wait(20)


def make_places(netns):
    """Where the system's libvirtd writes, empty and the namespace's own; its configuration and its users."""
    netns.run("sh", "-ec", "for place in run lib cache log; do mkdir -p /var/$place/libvirt; "
              "mount -t tmpfs libvirt /var/$place/libvirt; done")
    netns.write("/etc/libvirt/qemu.conf", QEMU_CONF)
    netns.run("sh", "-ec", USERS)
