# SPDX-License-Identifier: MIT
"""A whole Debian with systemd in QEMU, as a host for tapnet: for what only a boot, a package manager and other people's
daemons can tell.

How it works: mmdebstrap makes the system of the release and mirror that apt is configured with here, with what a
package needs already in it, so that it is installed without a network. `mke2fs -d` makes it a disk; nothing is mounted.
A machine writes into a temporary layer over that disk, which lives as long as its QEMU, so a reboot finds what was
there before. The commands come by the wire (tests/guest/wire), in the unit wire.service.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

from .guest import ACCELERATOR, Machine, tap_netdev
from .guest_image import ImageError

SOURCE = Path(__file__).resolve().parents[3]
IMAGE = SOURCE / "build" / "debian"
FILES = SOURCE / "tests" / "boot" / "files"
WIRE = SOURCE / "tests" / "guest" / "wire"
DISK_MBYTES = 2500
# The system, and the neighbours on it. What the package under test depends on comes to these, and what the demo needs.
PACKAGES = ["systemd-sysv", "dbus", "udev", "kmod", "initramfs-tools", "linux-image-cloud-amd64", "iproute2",
            "nftables", "iputils-ping", "systemd-resolved", "network-manager", "libnss-resolve",
            "python3-scapy"]
# What would only cost time, or start by itself at some moment.
MASKED = ["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
          "e2scrub_reap.service", "getty@tty1.service", "serial-getty@ttyS0.service", "systemd-pstore.service"]
DISABLED = ["NetworkManager.service", "NetworkManager-wait-online.service", "NetworkManager-dispatcher.service"]
ENABLED = ["systemd-networkd.service", "systemd-networkd-wait-online.service", "systemd-resolved.service",
           "wire.service"]


def depends(package):
    """The names of what a package file depends on."""
    text = subprocess.run(["dpkg-deb", "-f", package, "Depends"], check=True, capture_output=True, text=True).stdout
    return sorted(word.split()[0] for word in text.replace("|", ",").split(",") if word.strip())


def needed_for(use):
    """The packages that `tools/deps USE` installs."""
    rows = [line.split() for line in (SOURCE / "tools" / "packages.txt").read_text().splitlines() if line[:1].isalnum()]
    return [words[0] for words in rows if use in words[1].split(",")]


def make(package, say=print):
    """Makes the disk of a Debian on which the package file can be installed; leaves one that is as it should be."""
    for program in ("mmdebstrap", "mke2fs", "apt-get"):
        if not shutil.which(program):
            raise ImageError(f"{program} is missing: run 'make deps'")
    if os.geteuid() != 0 or os.uname().machine != "x86_64":
        raise ImageError("the disk of a Debian is made by root, for x86_64")
    packages = PACKAGES + needed_for("demo") + depends(package)
    parts = [Path(__file__), WIRE, *sorted(path for path in FILES.rglob("*") if path.is_file())]
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in parts) + " ".join(packages).encode()).hexdigest()
    if (IMAGE / "stamp").exists() and (IMAGE / "stamp").read_text() == stamp:
        return
    say("making the disk of a Debian (a minute)")
    shutil.rmtree(IMAGE, ignore_errors=True)
    IMAGE.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=IMAGE) as directory:
        root = Path(directory, "root")
        _bootstrap(root, packages)
        _configure(root)
        shutil.copy(next((root / "boot").glob("vmlinuz-*")), IMAGE / "vmlinuz")
        shutil.copy(next((root / "boot").glob("initrd.img-*")), IMAGE / "initrd")
        make_disk(root, IMAGE / "disk", DISK_MBYTES)
    (IMAGE / "stamp").write_text(stamp)  # last: it says that all is there


def _bootstrap(root, packages):
    form = "$(CODENAME) deb $(REPO_URI) $(CODENAME) $(COMPONENT)"
    sources = subprocess.run(["apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian"],
                             check=True, capture_output=True, text=True).stdout
    lines = [line.split(" ", 1) for line in sources.splitlines()]
    # The release itself is the one whose name no other suite's name is shorter than: bookworm, bookworm-updates, ...
    release = min((codename for codename, _ in lines), key=len, default=None)
    if not release:
        raise ImageError("apt knows no mirror of Debian: run 'apt-get update' as root")
    options = subprocess.run(["apt-config", "dump", "Acquire"], check=True, capture_output=True, text=True).stdout
    proxies = [line.rstrip(";") for line in options.splitlines() if "Proxy" in line]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=" + ",".join(packages),
               "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
               *[f"--aptopt={proxy}" for proxy in proxies], release, str(root), "-"]
    done = subprocess.run(command, input="".join(f"{line}\n" for _, line in lines), text=True, capture_output=True)
    if done.returncode != 0:
        raise ImageError(f"mmdebstrap failed\n{done.stdout}{done.stderr}")


def _configure(root):
    """Makes a host of it: name, network by systemd-networkd, the wire; and no mirror, since it must do without."""
    shutil.copytree(FILES, root, dirs_exist_ok=True)
    shutil.copy(WIRE, root / "usr" / "local" / "lib" / "wire")
    (root / "etc" / "hostname").write_text("debian\n")
    (root / "etc" / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 debian\n")
    (root / "etc" / "machine-id").write_text(uuid.uuid4().hex + "\n")
    (root / "etc" / "fstab").write_text("/dev/vda / ext4 defaults 0 0\n/dev/vdb /test ext4 ro 0 0\n")
    (root / "test").mkdir()
    for path in [root / "etc/apt/sources.list", *(root / "etc/apt/sources.list.d").glob("*"),
                 root / "etc/resolv.conf"]:
        path.unlink(missing_ok=True)
    (root / "etc" / "resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    for verb, units in (("mask", MASKED), ("disable", DISABLED), ("enable", ENABLED)):
        subprocess.run(["chroot", root, "systemctl", "--quiet", verb, *units], check=True, capture_output=True)


def make_disk(tree, disk, mbytes):
    """An ext4 file system of everything below @tree."""
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-F", "-d", tree, disk, f"{mbytes}M"], check=True)


class Debian(Machine):
    """A booted Debian whose network card is on a TAP of @netns. Below /test are the files of @payload, read only."""

    timeout = 120

    def __init__(self, netns, device, payload, memory_mbytes=768):
        disk = netns.tmp / "payload.disk"
        make_disk(payload, disk, 100)

        def command(console, control):
            words = ["root=/dev/vda", "rw", "console=ttyS0", "quiet", "loglevel=3", "panic=-1", "mitigations=off",
                     "no_timer_check", "systemd.journald.forward_to_console=1"]
            return ["qemu-system-x86_64", "-M", "q35", "-accel", ACCELERATOR, "-cpu", "max", "-smp", "2",
                    "-m", str(memory_mbytes), "-nodefaults", "-nographic", "-serial", console,
                    "-chardev", control, "-serial", "chardev:control", "-kernel", str(IMAGE / "vmlinuz"),
                    "-initrd", str(IMAGE / "initrd"), "-append", " ".join(words),
                    "-drive", f"file={IMAGE / 'disk'},format=raw,if=virtio,snapshot=on",
                    "-drive", f"file={disk},format=raw,if=virtio,read-only=on",
                    "-netdev", tap_netdev(device), "-device", "virtio-net-pci,netdev=n0,romfile=",
                    "-device", "virtio-rng-pci"]
        super().__init__(netns, "debian", command)

    def wait_booted(self, timeout=300):
        """Returns when the boot is over, with everything up; a unit that failed is a failure."""
        self.wait_ready(timeout)
        self.out("systemctl is-system-running --wait || { systemctl --failed; journalctl -b -p warning; false; }",
                 timeout=timeout)

    def reboot(self, at_once=False):
        """Shuts down and boots again, as `reboot` does; or at once, with no process told."""
        if at_once:  # when the answer has gone out
            self.out("sync; systemd-run --quiet --on-active=1 systemctl reboot --force --force")
        else:
            self.out("systemctl --no-block reboot")
        self._ready = False
        self.wait_booted()
