#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes what a test guest boots: Debian's cloud kernel, downloaded and unpacked but never installed, and an initramfs
of busybox and the modules of a virtio network card.

usage: guest_image.py    makes build/guest/vmlinuz and build/guest/initrd, or leaves them when they are fresh
"""

import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
IMAGE = SOURCE / "build" / "guest"
FILES = SOURCE / "tests" / "guest"
META_PACKAGE = "linux-image-cloud-amd64"
BUSYBOX = Path("/bin/busybox")
# In the order in which they are loaded.
MODULES = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "failover",
           "net_failover", "virtio_net"]


class ImageError(Exception):
    """The image can't be made; says what is missing and which command helps."""


def find():
    """Where the image is; says how to get it when it was not made yet."""
    for name in ("vmlinuz", "initrd"):
        if not (IMAGE / name).exists():
            raise ImageError(f"{IMAGE / name} is missing: `make test SUITES=guest` fetches the guests' kernel")
    return IMAGE


def make(say=print):
    """Makes the image if it is not there, or older than what goes into it. Needs the package lists of apt for the
    kernel, once."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise ImageError("guests are made for x86_64 only")
    IMAGE.mkdir(parents=True, exist_ok=True)
    if not (IMAGE / "vmlinuz").exists():
        say("fetching Debian's cloud kernel for the guests")
        _fetch_kernel()
    parts = [BUSYBOX, FILES / "init", FILES / "wire", FILES / "udhcpc.script", IMAGE / "vmlinuz", Path(__file__)]
    initrd = IMAGE / "initrd"
    if not initrd.exists() or any(part.stat().st_mtime > initrd.stat().st_mtime for part in parts):
        _make_initrd(initrd)
    return IMAGE


def _kernel_package():
    """The real package that the meta package stands for, such as linux-image-6.1.0-13-cloud-amd64."""
    text = subprocess.run(["apt-cache", "depends", META_PACKAGE], capture_output=True, text=True).stdout
    found = re.search(r"Depends: (linux-image-\S+)", text)
    return found.group(1) if found else None


def _download(directory):
    """Downloads the kernel's package into the directory; None when apt knows none, or an old one."""
    package = _kernel_package()
    command = ["apt-get", "-q", "-q", "-o", "APT::Sandbox::User=root", "download", package]
    if not package or subprocess.run(command, cwd=directory).returncode != 0:
        return None
    return next(Path(directory).glob("*.deb"), None)


def _fetch_kernel():
    with tempfile.TemporaryDirectory(dir=IMAGE) as directory:
        package = _download(directory)
        if not package and os.geteuid() == 0:
            subprocess.run(["apt-get", "-q", "-q", "update"], check=False)
            package = _download(directory)
        if not package:
            raise ImageError(f"apt knows no {META_PACKAGE}: run 'apt-get update' as root, then 'make deps'")
        unpacked = Path(directory) / "unpacked"
        subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
        modules = IMAGE / "modules"
        shutil.rmtree(modules, ignore_errors=True)
        modules.mkdir()
        for name in MODULES:
            _copy_module(unpacked, name, modules)
        (modules / "order").write_text("".join(f"{name}.ko\n" for name in MODULES))
        shutil.move(next((unpacked / "boot").glob("vmlinuz-*")), IMAGE / "vmlinuz")  # last: it says that all is there


def _copy_module(unpacked, name, to):
    """Copies one module, unpacked if the package has it packed."""
    found = sorted(path for path in unpacked.rglob("*.ko*") if path.name.split(".")[0].replace("-", "_") == name)
    if not found:
        raise ImageError(f"the kernel's package has no module {name}")
    content = found[0].read_bytes()
    (to / f"{name}.ko").write_bytes(lzma.decompress(content) if found[0].suffix == ".xz" else content)


def _make_initrd(initrd):
    with tempfile.TemporaryDirectory(dir=IMAGE) as directory:
        root = Path(directory)
        for name in ("bin", "etc", "dev", "modules"):
            (root / name).mkdir()
        shutil.copy2(BUSYBOX, root / "bin" / "busybox")
        for module in (IMAGE / "modules").iterdir():
            shutil.copy(module, root / "modules")
        shutil.copy(FILES / "init", root / "init")
        shutil.copy(FILES / "wire", root / "etc" / "wire")
        shutil.copy(FILES / "udhcpc.script", root / "etc" / "udhcpc.script")
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*"))) + "\n"
        fresh = initrd.with_suffix(".new")
        with open(fresh, "wb") as archive:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root, input=names.encode(), stdout=archive,
                           check=True)
        fresh.replace(initrd)


if __name__ == "__main__":
    try:
        make()
    except ImageError as error:
        sys.exit(f"guest_image: {error}")
