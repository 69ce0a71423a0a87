# SPDX-License-Identifier: MIT
"""Debian's cloud-init, downloaded and unpacked but never installed: it would take over the network of the machine that
runs the tests with its next start. Only its converter is run."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .build import SOURCE

UNPACKED = SOURCE / "build" / "cloud-init"
# What its converter imports. The rest of what the package depends on is for other parts of it.
PACKAGES = ["cloud-init", "python3-attr", "python3-certifi", "python3-chardet", "python3-charset-normalizer",
            "python3-configobj", "python3-idna", "python3-jinja2", "python3-json-pointer", "python3-jsonpatch",
            "python3-jsonschema", "python3-markupsafe", "python3-oauthlib", "python3-pyrsistent", "python3-requests",
            "python3-six", "python3-urllib3", "python3-yaml"]


class Missing(Exception):
    """There is none, and none could be fetched."""


def _fetch(directory):
    command = ["apt-get", "-q", "-q", "-o", "APT::Sandbox::User=root", "download", *PACKAGES]
    if subprocess.run(command, cwd=directory).returncode != 0:
        raise Missing("apt has no cloud-init to download")
    for package in Path(directory).glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, Path(directory) / "root"], check=True)


def _make():
    """Where it is unpacked; fetched once, by whoever needs it first."""
    packages = UNPACKED / "usr" / "lib" / "python3" / "dist-packages"
    if packages.exists():
        return packages
    UNPACKED.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(UNPACKED.parent, os.W_OK):
        raise Missing("there is none, and this user can't write it below the build")
    with open(UNPACKED.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not UNPACKED.exists():
            with tempfile.TemporaryDirectory(dir=UNPACKED.parent) as directory:
                _fetch(directory)
                shutil.move(Path(directory) / "root", UNPACKED)
    return packages


def convert(text, mac, output):
    """What cloud-init makes of a network-config for a guest whose eth0 has this MAC: {path: text}, in the words of
    @output, such as networkd or eni."""
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "network-config"
        config.write_text(text)
        made = Path(directory) / "made"
        done = subprocess.run(
            [sys.executable, "-m", "cloudinit.cmd.main", "devel", "net-convert", "--network-data", config,
             "--kind", "yaml", "--directory", made, "--distro", "debian", "--mac", f"eth0,{mac}",
             "--output-kind", output],
            env={**os.environ, "PYTHONPATH": str(_make())}, cwd=directory, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return {str(path.relative_to(made)): path.read_text() for path in made.rglob("*") if path.is_file()}
