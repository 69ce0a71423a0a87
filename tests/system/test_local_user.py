# SPDX-License-Identifier: MIT
"""A user of the host who is not root, and would like to be: what he makes where tapnet is going to look, and what he
says to its residents.

    other user ──► names, links, locks below a folder that all may write to ──► tapnet up (root)
               └─► keeper.sock, service.sock ──► tapnet-keeper, tapnet-service
"""

import os
import re
import subprocess
import time

import pytest
from tapnet_test.build import Tapnet
from tapnet_test.processes import named
from tapnet_test.snapshot import assert_same, snapshot

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {}, db: {} } } }\n"
USER = 12345
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all")


@pytest.fixture(autouse=True)
def needs_a_second_user(host):
    if host.run(*AS_USER, "true", check=False).returncode != 0:
        pytest.skip("no second user in this user namespace")


@pytest.fixture
def shared(host):
    """A folder that all may write to, as /tmp is one, in which the run directory is to stand."""
    host.tmp.chmod(0o711)
    path = host.tmp / "shared"
    path.mkdir()
    path.chmod(0o1777)
    yield path
    host.run("rm", "-rf", path)


def as_user(host, script, **kw):
    """A shell command of the other user's."""
    return host.run(*AS_USER, "sh", "-c", script, **kw)


# ---- what is there before us ----

SQUATTED = {
    "his folder": "mkdir -m 755 {base}",
    "his folder, with all in it": "mkdir -m 777 {base} {run}; echo '{{}}' > {run}/journal; echo > {run}/lock",
    "his folder where the namespace's goes": "mkdir -m 755 {run}",
    "a link to a folder of root's": "ln -s /etc {base}",
    "a link to his own": "mkdir -m 777 {base}.his; ln -s {base}.his {base}",
    "a link to nowhere": "ln -s {base}.nowhere {base}",
    "a link where the namespace's goes": "ln -s /etc {run}",
    "a file": "echo hello > {base}",
    "a pipe": "mkfifo {base}",
}


@pytest.mark.parametrize("what", SQUATTED)
def test_up_refuses_what_he_made_in_its_place(host, world, shared, what):
    """It names the place, says why and what to do, and has touched nothing."""
    inner = "namespace's" in what
    tapnet = Tapnet(host)
    tapnet.run_dir = shared if inner else shared / "tapnet"
    host.env["TAPNET_RUN_DIR"] = str(tapnet.run_dir)
    name = run_name(tapnet)
    as_user(host, SQUATTED[what].format(base=shared / "tapnet", run=tapnet.run_dir / name))
    before, etc = snapshot(host), sorted(os.listdir("/etc"))
    made = host.run("find", shared, "-printf", "%p %y %l %m %U %T@\n").stdout
    start = time.monotonic()
    failed = tapnet("up", tapnet.file(LAB), check=False)
    assert failed.returncode == 1 and time.monotonic() - start < 5
    place = tapnet.run_dir / name if inner else tapnet.run_dir
    assert str(place) in failed.stderr and "TAPNET_RUN_DIR" in failed.stderr, failed.stderr
    assert re.search("is no directory|belongs to user 12345|others may write", failed.stderr), failed.stderr
    assert_same(before, snapshot(host))
    assert sorted(os.listdir("/etc")) == etc
    assert host.run("find", shared, "-printf", "%p %y %l %m %U %T@\n").stdout == made
    for words in ("down --all", "status", "plan " + str(host.tmp / "lab.yaml")):
        assert tapnet(*words.split(), check=False, timeout=20).returncode in (0, 1, 3)
    assert_same(before, snapshot(host))


def run_name(tapnet):
    """What the namespace's own directory is called: made once elsewhere."""
    elsewhere = tapnet.netns.tmp / "elsewhere"
    tapnet("up", tapnet.file(LAB), env={"TAPNET_RUN_DIR": str(elsewhere)})
    name, = (each for each in os.listdir(elsewhere) if not each.endswith(".attach"))  # the users' socket
    tapnet("down", "--all", env={"TAPNET_RUN_DIR": str(elsewhere)})
    return name


def test_a_folder_that_all_may_write_to_is_no_place_for_it(host, world, shared):
    shared.chmod(0o777)
    host.env["TAPNET_RUN_DIR"] = str(shared)
    tapnet = Tapnet(host)
    host.env["TAPNET_RUN_DIR"] = str(shared)
    failed = tapnet("up", tapnet.file(LAB), check=False)
    assert failed.returncode == 1 and f"chmod go-w {shared}" in failed.stderr


def test_names_that_are_taken_beside_it_are_in_nobodys_way(host, world, shared):
    """In a folder like /tmp: the names that are put aside for a moment, those of systemd's sockets, abstract ones."""
    tapnet = Tapnet(host)
    name = run_name(tapnet)
    host.env["TAPNET_RUN_DIR"] = str(shared)
    tapnet.run_dir = shared
    squatter = host.popen(*AS_USER, "/usr/bin/python3", "-c", f"""
import os, socket, time
os.mkdir("{shared}/{name}.lock")
held = []
for path in ("{shared}/service.start", "{shared}/keeper.start", *(
        "\\0" + each for each in ("tapnet", "tapnet-service", "{shared}/{name}/service.sock",
                                  "x {shared}/{name}/service.sock", "x {shared}/service.start",
                                  "\\n0: 2 0 00010000 5 01 4711 {shared}/{name}/service.sock"))):
    held.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    held[-1].bind(path)
    held[-1].listen(8)
print("ready", flush=True)
for each in held:
    each.setblocking(False)
time.sleep(2)
for each in held:
    try:
        each.accept()
        print("somebody came")
    except BlockingIOError:
        pass
""", stdout=subprocess.PIPE, text=True)
    assert squatter.stdout.readline() == "ready\n"
    tapnet("up", tapnet.file(LAB))
    assert tapnet("status").returncode == 0
    tapnet("down", "--all")
    assert named(host, "tapnet-service") == []
    assert squatter.stdout.read() == ""


def test_it_has_no_abstract_names_of_its_own(host, world):
    """Those have no mode: whoever is in the namespace could come, or be there first."""
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB))
    names = [line.split(maxsplit=7)[7:] for line in host.run("cat", "/proc/net/unix").stdout.splitlines()[1:]]
    run, = (path.name for path in tapnet.run_dir.iterdir() if path.is_dir())
    # A connection has its listener's name.
    assert {name.rsplit("/", 1)[1] for name, in filter(None, names)} == {f"{run}.attach", "keeper.sock", "service.sock"}
    tapnet("down", "--all")


# ---- what stands there already is replaced by links ----

@pytest.mark.parametrize("name", ("journal.new", "new", "service.log", "keeper.log", "lock", "service.sock",
                                  "keeper.sock", "networks", "sets", "sysctl"))
def test_nothing_is_written_through_a_link(host, world, name):
    """Should somebody get one into the run directory after all."""
    tapnet = Tapnet(host, keeper=True)
    tapnet.run_dir.mkdir(0o700)
    run = tapnet.run_dir / run_name(tapnet)
    run.mkdir(0o700)
    victim = host.tmp / ("victims" if name in ("networks", "sets", "sysctl") else "victim")
    victim.mkdir() if name in ("networks", "sets", "sysctl") else victim.write_text("precious\n")
    (run / name).symlink_to(victim)
    for words in (("up", tapnet.file(LAB)), ("status",), ("down", "--all")):
        tapnet(*words, check=False)
        if victim.is_dir():
            assert not os.listdir(victim)
        else:
            assert victim.read_text() == "precious\n"
    (run / name).unlink(missing_ok=True)
    tapnet("up", tapnet.file(LAB))
    tapnet("down", "--all")


# ---- its residents' sockets ----

# Does everything that a user can do to a socket that he can reach, as long as it is not cut off; says how often it was.
PEST = """
import array, os, socket, sys, time
path, seconds = sys.argv[1], float(sys.argv[2])
end, said = time.monotonic() + seconds, 0
def line():
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made.settimeout(1)
    made.connect(path)
    return made
null = os.open("/dev/null", os.O_RDONLY)
while time.monotonic() < end:
    lines = []
    for attempt in range(40):  # more than it takes at once, and more than wait for it
        try:
            lines.append(line())
        except (BlockingIOError, TimeoutError):
            break
        except OSError as error:
            sys.exit(f"refused: {error.errno}")
    for i, each in enumerate(lines):
        try:
            if i % 4 == 0:
                many = array.array("i", [null] * 250)
                each.sendmsg([b'{"do":"status"}'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, many)])
            elif i % 4 == 1:
                each.send(os.urandom(60000))
            elif i % 4 == 2:
                each.send(b'{"do":"look"}')
            if i % 4 and each.recv(100):
                said += 1
        except OSError:
            pass
    for each in lines:
        each.close()
print("answers:", said)
"""


def test_he_can_not_reach_them(host, world):
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB))
    host.tmp.chmod(0o711)
    for path in tapnet.run_dir.glob("*/*.sock"):
        failed = host.run(*AS_USER, "/usr/bin/python3", "-c", PEST, path, 1, check=False)
        assert failed.stderr == "refused: 13\n"
    for name in ("lock", "service.log", "networks/lab.json"):
        path, = tapnet.run_dir.glob(f"*/{name}")
        assert as_user(host, f"cat {path}; flock -n {path} true", check=False).returncode != 0
    tapnet("down", "--all")


@pytest.mark.parametrize("resident", ("service", "keeper"))
def test_who_reaches_one_is_cut_off_and_in_nobodys_way(host, world, resident):
    """Somebody has opened the run directory to all. The residents don't listen to him, and others get through."""
    tapnet = Tapnet(host, keeper=True)
    tapnet("up", tapnet.file(LAB))
    tapnet.let_look()
    path, = tapnet.run_dir.glob(f"*/{resident}.sock")
    for each in (host.tmp, tapnet.run_dir, path.parent):
        each.chmod(0o755)
    path.chmod(0o777)
    pid, = named(host, f"tapnet-{resident}")
    log = path.with_suffix(".log")
    before, lines = len(os.listdir(f"/proc/{pid}/fd")), log.read_text().count("\n")
    pest = host.popen(*AS_USER, "/usr/bin/python3", "-c", PEST, path, 5, stdout=subprocess.PIPE, text=True)
    took, most, start = [], 0, time.monotonic()
    while pest.poll() is None:
        began = time.monotonic()
        assert tapnet("status", check=False, timeout=20).returncode == 0
        took.append(time.monotonic() - began)
        most = max(most, len(os.listdir(f"/proc/{pid}/fd")) - before)
    seconds = time.monotonic() - start
    assert pest.stdout.read() == "answers: 0\n"
    lines = log.read_text().count("\n") - lines
    print(f"{resident}: status took {max(took):.2f} s at most, {most} descriptors more, {lines} lines, {seconds:.0f} s")
    assert named(host, f"tapnet-{resident}") == [pid]
    assert max(took) < 3 and most <= 16 and lines < 20 + seconds
    tapnet("up", host.tmp / "lab.yaml")
    tapnet("down", "--all")
    assert named(host, "tapnet-service") + named(host, "tapnet-keeper") == []
