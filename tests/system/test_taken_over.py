# SPDX-License-Identifier: MIT
"""What somebody could do who has code run inside tapnet-service: calls that an attacker would make, made by it.

The service runs as `up` started it. Each call is put into it by inject_tool.c; most of them end it, so each meets a
service of its own. The table is what README and main.c promise.

    attacker ──► tapnet-service ──► files, processes, sockets, the host's network
"""

import errno
import os
import signal
import socket
import struct

import pytest
from tapnet_test.build import Tapnet, program, sanitized
from tapnet_test.processes import named, wait_gone

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {} } } }\n"

NUMBERS = {"read": 0, "write": 1, "open": 2, "mmap": 9, "mprotect": 10, "ioctl": 16, "socket": 41, "connect": 42,
           "sendto": 44, "bind": 49, "listen": 50, "setsockopt": 54, "clone": 56, "fork": 57, "execve": 59, "kill": 62,
           "chdir": 80, "rename": 82, "mkdir": 83, "unlink": 87, "symlink": 88, "chmod": 90, "ptrace": 101,
           "setuid": 105, "prctl": 157, "chroot": 161, "mount": 165, "init_module": 175, "tgkill": 234, "openat": 257,
           "unshare": 272, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321,
           "execveat": 322, "perf_event_open": 298, "io_uring_setup": 425, "pidfd_send_signal": 424,
           "pidfd_getfd": 438, "keyctl": 250, "memfd_create": 319, "userfaultfd": 323}
AT_FDCWD = -100
KILLED = f"killed {signal.SIGSYS.value}"


def text(string):
    return "x:" + (string.encode() + b"\0").hex()


def address(host, port):
    return "x:" + struct.pack("=H2s4s8x", socket.AF_INET, struct.pack(">H", port), socket.inet_aton(host)).hex()


def errno_of(code):
    return str(-code)


# Each ends the process, whatever its arguments would have been.
ENDS = {
    "write a file": ("openat", AT_FDCWD, text("/etc/tapnet-was-here"), os.O_WRONLY | os.O_CREAT, 0o600),
    "write to a sysctl": ("openat", AT_FDCWD, text("/proc/sys/net/ipv4/ip_forward"), os.O_WRONLY),
    "read and write a device": ("openat", AT_FDCWD, text("/dev/net/tun"), os.O_RDWR),
    "the old way to open": ("open", text("/etc/passwd"), os.O_RDONLY),
    "remove a file": ("unlink", text("/etc/resolv.conf")),
    "rename a file": ("rename", text("/etc/hosts"), text("/etc/hostname")),
    "make a folder": ("mkdir", text("/run/x"), 0o700),
    "make a link": ("symlink", text("/etc/shadow"), text("/tmp/x")),
    "change a file's mode": ("chmod", text("/etc/hosts"), 0o777),
    "run a program": ("execve", text("/bin/sh"), 0, 0),
    "run a descriptor": ("execveat", 3, text(""), 0, 0, 0x1000),
    "fork": ("fork",),
    "a thread": ("clone", 0x3d0f00, 0, 0, 0, 0),
    "trace init": ("ptrace", 0x4206, 1, 0, 0),
    "read another's memory": ("process_vm_readv", 1, 0, 0, 0, 0, 0),
    "write another's memory": ("process_vm_writev", 1, 0, 0, 0, 0, 0),
    "take another's descriptor": ("pidfd_getfd", 3, 0, 0),
    "signal all": ("kill", -1, 9),
    "signal another thread": ("tgkill", 1, 1, 9),
    "signal by descriptor": ("pidfd_send_signal", 3, 9, 0, 0),
    "a raw socket": ("socket", socket.AF_INET, socket.SOCK_RAW, 1),
    "a packet socket": ("socket", socket.AF_PACKET, socket.SOCK_RAW, 0),
    "a netlink socket": ("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "a Unix socket": ("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0),
    "another kind of socket": ("socket", 40, socket.SOCK_STREAM, 0),  # AF_VSOCK
    "bind a port": ("bind", 3, address("0.0.0.0", 5353), 16),
    "listen": ("listen", 3, 1),
    "set a socket's option": ("setsockopt", 3, socket.SOL_SOCKET, 25, text("eth0"), 5),
    "memory that is code": ("mmap", 0, 4096, 7, 0x22, -1, 0),
    "make memory code": ("mprotect", 0, 4096, 5),
    "type on a terminal": ("ioctl", 0, 0x5412, text("x")),
    "rename a link": ("ioctl", 3, 0x8923, 0),
    "become root": ("setuid", 0),
    "be dumped": ("prctl", 4, 1),
    "another root": ("chroot", text("/tmp")),
    "another folder": ("chdir", text("/tmp")),
    "mount": ("mount", text("none"), text("/"), 0, 0x20, 0),
    "a namespace": ("unshare", 0x10000000),
    "another's namespace": ("setns", 3, 0),
    "a kernel module": ("init_module", 0, 0, text("")),
    "a BPF program": ("bpf", 5, 0, 0),
    "io_uring": ("io_uring_setup", 1, 0),
    "perf": ("perf_event_open", 0, 0, -1, -1, 0),
    "keys": ("keyctl", 0, 0),
    "a file in memory": ("memfd_create", text("x"), 0),
    "userfaultfd": ("userfaultfd", 0),
}

# These are needed, and the kernel says no to all but what they are needed for.
REFUSED = {
    "read what is root's": (("openat", AT_FDCWD, text("/etc/shadow"), os.O_RDONLY), errno.EACCES),
}
REFUSED_BY_LANDLOCK = {
    "read another's memory by /proc": (("openat", AT_FDCWD, text("/proc/1/mem"), os.O_RDONLY), errno.EACCES),
    "read what runs": (("openat", AT_FDCWD, text("/proc/1/cmdline"), os.O_RDONLY), errno.EACCES),
    "read a program": (("openat", AT_FDCWD, text("/bin/sh"), os.O_RDONLY), errno.EACCES),
    "read what others left": (("openat", AT_FDCWD, text("/usr/share/doc"), os.O_RDONLY), errno.EACCES),
}


@pytest.fixture
def service(host, world):
    """(process, what it says of its own isolation) of the service as `up` starts it."""
    tapnet = Tapnet(host)
    tapnet("up", tapnet.file(LAB))
    service, = named(host, "tapnet-service")
    yield service
    tapnet("down", "--all")
    assert named(host, "tapnet-service") == []


@pytest.fixture(autouse=True)
def needs(request):
    if sanitized("tapnet-service"):
        pytest.skip("a sanitizer needs more system calls")
    if "TAPNET_USERNS" in os.environ:
        pytest.skip("who is root in a user namespace only may not trace a process that is undumpable")


def inject(host, pid, name, *arguments):
    return host.run(program("tests/system/inject_tool"), pid, NUMBERS[name], *arguments).stdout.strip()


def landlock():
    """Of the kernel: its version of Landlock, 0 for none."""
    import ctypes
    return max(0, ctypes.CDLL(None).syscall(444, None, 0, 1))


@pytest.mark.parametrize("what", ENDS)
def test_what_it_never_does_ends_it(service, host, what):
    """And with it the attack: the next service knows nothing of the one before."""
    assert inject(host, service, *ENDS[what]) == KILLED
    wait_gone(service)
    assert not (host.tmp / "etc/tapnet-was-here").exists()


def test_what_it_may_do_is_refused_where_it_need_not(service, host):
    told = {}
    for what, (call, code) in {**REFUSED, **(REFUSED_BY_LANDLOCK if landlock() else {})}.items():
        told[what] = inject(host, service, *call)
        assert told[what] == errno_of(code), what
    print(told)
    assert int(inject(host, service, "openat", AT_FDCWD, text("/etc/resolv.conf"), os.O_RDONLY)) > 2
    assert named(host, "tapnet-service") == [service]


def test_whom_it_can_reach(service, host, world):
    """By TCP port 53, and no other. Datagrams it may send, as a user who may open a socket can."""
    tcp = int(inject(host, service, "socket", socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK, 0))
    if landlock() >= 4:
        for port in (80, 22, 5353):
            assert inject(host, service, "connect", tcp, address("192.0.2.1", port), 16) == errno_of(errno.EACCES)
    assert inject(host, service, "connect", tcp, address("192.0.2.1", 53), 16) in ("0", errno_of(errno.EINPROGRESS))
    udp = int(inject(host, service, "socket", socket.AF_INET, socket.SOCK_DGRAM, 0))
    assert inject(host, service, "connect", udp, address("192.0.2.1", 9), 16) == "0"


def test_it_can_leave_nothing_to_the_next(service, host, world):
    """A new service, by the next `up`, has the same isolation, and serves."""
    inject(host, service, *ENDS["fork"])
    wait_gone(service)
    tapnet = Tapnet(host)
    assert "is not served" in tapnet("status", check=False).stdout
    tapnet("up", host.tmp / "lab.yaml")
    assert tapnet("status").returncode == 0
