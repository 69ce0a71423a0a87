# SPDX-License-Identifier: MIT
"""The programs of examples/c, built by pkg-config against the library as it is installed, and run.

      host
    +----------------------------------------------------+
    |  ping 192.168.3.12 ──► tun0 192.168.3.11/24 ──► fd ──── ping-responder
    |  many flows        ──► tun0 10.9.0.1/24  ──► 4 fds ──── queue-counter
    +----------------------------------------------------+
"""

import os
import re
import shutil
import subprocess

import pytest

from tapnet_test.build import SOURCE, build_dir, program

EXAMPLES = SOURCE / "examples/c"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The library in a directory of its own: the environment that finds it."""
    root = tmp_path_factory.mktemp("installed")
    if not os.access(build_dir() / "meson-logs", os.W_OK) or os.stat(build_dir()).st_uid != os.geteuid():
        pytest.skip("the build directory is another user's, and meson install writes its log there")
    subprocess.run(["meson", "install", "-C", build_dir(), "--no-rebuild", "--destdir", root], check=True,
                   capture_output=True)
    [pc] = root.rglob("tapnet.pc")
    return {**os.environ, "PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(root),
            "LD_LIBRARY_PATH": str(pc.parent.parent)}


def pkg_config(installed, *options):
    return subprocess.run(["pkg-config", *options, "tapnet"], env=installed, check=True, capture_output=True,
                          text=True).stdout.split()


@pytest.fixture(scope="module")
def build(installed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    # A sanitized library wants a program that is sanitized, too.
    sanitizers = ["-fsanitize=address,undefined"] if b"__asan_init" in program("libtapnet.so").read_bytes() else []

    def compile_one(name):
        subprocess.run(["cc", *sanitizers, "-Wall", "-Wextra", "-Werror", "-O2", "-pthread", "-o", folder / name,
                        EXAMPLES / f"{name}.c", *pkg_config(installed, "--cflags", "--libs")], check=True)
        return folder / name
    return compile_one


def start(host, installed, *words):
    child = host.popen(*words, env=installed, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return child, child.stdout.readline()


def test_ping_responder(host, build, installed):
    program = build("ping-responder")
    assert len((EXAMPLES / "ping-responder.c").read_text("utf-8").splitlines()) < 80
    _, line = start(host, installed, program, "192.168.3.11/24")
    assert line == "answering on tun0\n"
    ping = host.run("ping", "-c", "4", "-i", "0.2", "-W", "2", "192.168.3.12")
    assert "4 packets transmitted, 4 received, 0% packet loss" in ping.stdout
    large = host.run("ping", "-c", "1", "-W", "2", "-s", "1400", "192.168.3.77")
    assert "1408 bytes from 192.168.3.77" in large.stdout


def test_queue_counter(host, build, installed):
    child, line = start(host, installed, build("queue-counter"), 4, "10.9.0.1/24")
    assert line == "10.9.0.1/24 on tun0, 4 queues\n"
    for port in range(2000, 2040):  # flows that the kernel spreads over the queues
        host.run("bash", "-c", f"echo hello > /dev/udp/10.9.0.2/{port}")
    sent = host.json("ip", "-s", "-j", "link", "show", "tun0")[0]["stats64"]["tx"]["packets"]
    out, _ = child.communicate("", timeout=10)
    counts = [int(count) for count in re.findall(r"queue \d: (\d+) packets", out)]
    assert len(counts) == 4 and sum(counts) >= sent >= 40
    assert sum(count > 0 for count in counts) > 1


@pytest.mark.parametrize("compiler", ["cc -std=c99 -pedantic -x c", "cc -std=c17 -pedantic -x c", "c++ -x c++"])
def test_the_headers_stand_alone(installed, tmp_path, compiler):
    """Each public header compiles by itself, in C and in C++."""
    words = compiler.split()
    if not shutil.which(words[0]):
        pytest.skip(f"{words[0]} is not installed")
    for header in sorted((SOURCE / "include/tapnet").glob("*.h")):
        source = tmp_path / "one.c"
        source.write_text(f"#include <tapnet/{header.name}>\n#include <tapnet/{header.name}>\n")
        done = subprocess.run([*words, "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                               *pkg_config(installed, "--cflags"), source], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
