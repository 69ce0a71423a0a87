# SPDX-License-Identifier: MIT
"""`tapnet top`: what it says passes and is dropped is what the kernel counted, on a terminal and in lines.

      host under test                                        outside
    +------------------------------------------------+     +---------------+
    |  web -- lab-web --+                            |     |               |
    |                   +-- br-lab 10.20.0.1 - NAT - eth0 -+-- 192.0.2.1   |
    |  db --- lab-db ---+                            |     |               |
    |  far -- two-far      10.30.0.1, routed         |     |               |
    +------------------------------------------------+     +---------------+
"""

import json
import os
import signal
import subprocess
import time
from contextlib import closing

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from screen import FIRST_SCREEN, STEERING, Screen
from tap_guest import Guest
from tapnet_test.service import in_netns
from tapnet_test.waiting import readable, wait_for

WEB, DB, FAR, NOBODY = (f"52:54:00:00:00:{last}" for last in ("06", "07", "08", "99"))
LAB = f"""
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web: {{ address: 10.20.0.6, mac: "{WEB}", limit: {{ connections: 1 }} }}
      db: {{ address: 10.20.0.7, mac: "{DB}" }}
  two:
    mode: routed
    subnet: 10.30.0.1/24
    ports: {{ far: {{ address: 10.30.0.6, mac: "{FAR}" }} }}
"""


class Lab:
    """The networks are up; guests hold the ports that a test asks for."""

    def __init__(self, world, tapnet):
        self.host, self.tapnet, self.guests = world.host, tapnet, []
        tapnet("up", tapnet.file(LAB, "all.yaml"))
        self.gateway = self.link("br-lab")["address"]

    def link(self, device):
        return self.host.json("ip", "-j", "-s", "link", "show", device)[0]

    def counts(self, device):
        """What the kernel counted, as the guest sees it: (rx_bytes, rx_packets, tx_bytes, tx_packets), late."""
        stats = self.link(device)["stats64"]
        return {"rx_bytes": stats["tx"]["bytes"], "rx_packets": stats["tx"]["packets"],
                "tx_bytes": stats["rx"]["bytes"], "tx_packets": stats["rx"]["packets"], "late": stats["tx"]["dropped"]}

    def plug(self, device, mac, address):
        guest = in_netns(self.host, lambda: Guest(device, mac, address))
        self.guests.append(guest)
        wait_for(lambda: self.link(device)["operstate"] in ("UP", "UNKNOWN"), why=f"{device} has no carrier")
        if device != "two-far":
            wait_for(lambda: "forwarding" in self.host.run("bridge", "link", "show", "dev", device).stdout,
                     why=f"{device} does not forward")
        return guest

    def close(self):
        for guest in self.guests:
            os.close(guest.fd)
        self.tapnet("down", "--all")


@pytest.fixture
def lab(world, tapnet):
    with closing(Lab(world, tapnet)) as made:
        yield made


@pytest.fixture
def lines(lab):
    """Starts `tapnet top --json`; its next tick as {port: ...}."""
    child = lab.host.popen(lab.tapnet.program, "top", "--json", "--interval", "0.3", stdout=subprocess.PIPE, text=True)

    def tick():
        document = json.loads(child.stdout.readline())
        assert document["version"] == 1 and document["seconds"] > 0
        return {f"{port['network']}/{port['name']}": {**port, "seconds": document["seconds"]}
                for port in document["ports"]}
    yield tick
    child.kill()
    child.wait()
    child.stdout.close()


def until_told(lab, lines, port, device, least):
    """Ticks until what is counted no longer grows: {counter: sum of what the rates say}."""
    told = dict.fromkeys(least, 0.0)

    def settled():
        tick = lines()[port]
        for counter in told:
            told[counter] += tick["rates"][counter] * tick["seconds"]
        return tick if all(tick["totals"][counter] >= least[counter] for counter in least) else None
    return wait_for(settled, 20, lambda: f"{told}, {lab.counts(device)}"), told


def test_the_rates_add_up_to_what_the_kernel_counted(lab, lines):
    web, db = lab.plug("lab-web", WEB, "10.20.0.6"), lab.plug("lab-db", DB, "10.20.0.7")
    db.send(Ether(src=DB, dst=NOBODY) / IP(src="10.20.0.7", dst="10.20.0.6") / UDP())  # the bridge knows where it is
    frame = Ether(src=WEB, dst=DB) / IP(src="10.20.0.6", dst="10.20.0.7") / UDP(dport=9) / Raw(bytes(400))
    before, first = lab.counts("lab-web"), lines()["lab/web"]
    assert first["state"] == "plugged" and first["device"] == "lab-web"
    read = []
    for _ in range(300):  # what a guest has read it has received, whoever sent it
        web.send(frame)
        assert readable([db.fd], 10)
        read.append(len(os.read(db.fd, 65535)))
    wanted = {"tx_bytes": before["tx_bytes"] + 300 * len(frame), "tx_packets": before["tx_packets"] + 300}
    wait_for(lambda: lab.counts("lab-web")["tx_packets"] >= wanted["tx_packets"], why="not all was sent")
    tick, told = until_told(lab, lines, "lab/web", "lab-web", wanted)
    sent = {counter: tick["totals"][counter] - first["totals"][counter] for counter in wanted}
    assert told == pytest.approx(sent) and sent["tx_packets"] >= 300
    counted = lab.counts("lab-web")
    assert all(lines()["lab/web"]["totals"][counter] >= counted[counter] for counter in counted)
    received = lab.counts("lab-db")
    totals = until_told(lab, lines, "lab/db", "lab-db", received)[0]["totals"]
    assert (totals["rx_packets"], totals["rx_bytes"]) == (300, sum(read))


def test_each_drop_has_its_reason(lab, lines):
    """Nobody reads what web is sent; web forges its MAC and connects too often; db knocks at the host; far forges."""
    web, db = lab.plug("lab-web", WEB, "10.20.0.6"), lab.plug("lab-db", DB, "10.20.0.7")
    far = lab.plug("two-far", FAR, "10.30.0.6")
    out = Ether(src=WEB, dst=lab.gateway)
    web.send(out / IP(src="10.20.0.6", dst="192.0.2.1") / UDP(dport=9))
    lines()
    for number in range(20):
        web.send(Ether(src=NOBODY, dst=lab.gateway) / IP(src="10.20.0.6", dst="10.20.0.1") / UDP())
        db.send(Ether(src=DB, dst=lab.gateway) / IP(src="10.20.0.7", dst="10.20.0.1") / TCP(dport=22, flags="S"))
        web.send(out / IP(src="10.20.0.6", dst="192.0.2.1") / TCP(sport=1000 + number, dport=81, flags="S"))
        far.send(Ether(src=FAR, dst="ff:ff:ff:ff:ff:ff") / ARP(op=2, hwsrc=FAR, psrc="10.30.0.1", pdst="10.30.0.1"))
    flood = bytes(Ether(src=DB, dst=WEB) / IP(src="10.20.0.7", dst="10.20.0.6") / UDP(dport=9))
    for _ in range(3000):
        os.write(db.fd, flood)
    wait_for(lambda: lab.counts("lab-web")["late"] > 1000, why=lambda: f"{lab.counts('lab-web')}")
    _, told = until_told(lab, lines, "lab/web", "lab-web", {"frames": 20, "connections": 20, "late": 1000})
    assert told["frames"] >= 19.9 and told["connections"] >= 19.9 and told["late"] > 999
    others = {name: row["totals"] for name, row in lines().items()}
    assert others["two/far"]["arp"] == 20 and others["lab/db"]["ways"] == 20
    for name, reasons in {"lab/db": ("frames", "arp", "connections"), "two/far": ("frames", "ways", "connections"),
                          "lab/web": ("arp", "ways")}.items():
        assert not any(others[name][reason] for reason in reasons), name
    port = next(port for port in lab.tapnet.status("lab")["ports"] if port["name"] == "web")
    totals = lines()["lab/web"]["totals"]
    assert {reason: totals[reason] for reason in port["blocked_by"]} == port["blocked_by"]


def test_lines_are_for_scripts(lab):
    lab.plug("lab-web", WEB, "10.20.0.6")
    printed = lab.tapnet("top", "lab", "--count", "2", "--interval", "0.1").stdout.splitlines()
    assert sorted(line.split()[0] for line in printed) == ["#", "#", "lab/db", "lab/db", "lab/web", "lab/web"]
    for line in printed:
        if not line.startswith("#"):
            name, *numbers, state, why = line.split(maxsplit=7)
            assert len([float(number) for number in numbers]) == 5 and why
            assert state == ("plugged" if name == "lab/web" else "free")
    assert len(lab.tapnet("top", "--once", "--interval", "0.1").stdout.splitlines()) == 4
    head = lab.host.run("sh", "-c", f"{lab.tapnet.program} top --interval 0.1 | head -n 1")  # a reader who has enough
    assert head.stdout.startswith("# port") and head.stderr == ""


@pytest.mark.parametrize("words, said", [
    (["nosuch"], "up is"), (["--interval", "0"], "--interval is a number of seconds"),
    (["--interval", "0.01"], "0.1 seconds or more"), (["--count", "0"], "--count is a number of looks"),
    (["--once", "--count", "2"], "only one of them"),
])
def test_mistakes_are_told(host, tapnet, words, said):
    tapnet("up", tapnet.file("networks: { lab: { mode: isolated, ports: { web: {} } } }"))
    done = tapnet("top", *words, check=False)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""
    tapnet("down", "--all")


# ---- the screen ----


def ports(frame):
    return [line.split()[0] for line in frame[4:]]


def test_keys_change_what_the_screen_shows(lab):
    web, db = lab.plug("lab-web", WEB, "10.20.0.6"), lab.plug("lab-db", DB, "10.20.0.7")
    with Screen(lab.host, lab.tapnet.program, "top", "--interval", "0.2") as screen:
        frame = screen.wait(lambda lines: "by traffic" in lines[1], "it shows nothing")
        assert "as the guests see it" in frame[1] and frame[3].startswith("PORT") and len(frame) == 7

        def keep(guest, frame, condition, why):
            def look(lines):
                guest.send(frame)
                return condition(lines)
            screen.wait(look, why)
        keep(web, Ether(src=WEB, dst=DB) / IP(src="10.20.0.6", dst="10.20.0.7") / UDP() / Raw(bytes(900)),
             lambda lines: ports(lines)[0] == "lab/web" and "k" in lines[4], "web, who sends, is not the first")
        screen.type("s")
        keep(db, Ether(src=NOBODY, dst=WEB) / IP(src="10.20.0.7", dst="10.20.0.6"),
             lambda lines: "by drops" in lines[1] and ports(lines)[0] == "lab/db" and "frames" in lines[4],
             "db, who forges, is not the first")
        screen.type("s")
        screen.wait(lambda lines: "by name" in lines[1] and ports(lines) == ["lab/db", "lab/web", "two/far"],
                    "it is not by name")
        screen.type(" ")
        still = screen.wait(lambda lines: "STOPPED" in lines[1], "it does not stop")
        web.send(Ether(src=NOBODY, dst=DB) / IP())
        assert screen.whole() == still
        screen.type(" \x1b[A\x1bOP")  # keys that mean nothing change nothing
        screen.wait(lambda lines: "STOPPED" not in lines[1], "it does not go on")
        assert not screen.is_as_before()
        screen.type("q")
        assert screen.end() == 0 and screen.is_as_before() and screen.raw.endswith(FIRST_SCREEN)


@pytest.mark.parametrize("columns, lines", [(40, 6), (20, 5), (200, 50), (1, 1)])
def test_it_fits_whatever_size_the_terminal_gets(lab, columns, lines):
    with Screen(lab.host, lab.tapnet.program, "top", "--interval", "0.2") as screen:
        screen.wait(lambda frame: len(frame) == 7, "not all ports are shown")
        screen.resize(columns, lines)
        frame = screen.wait(lambda frame: max(map(len, frame)) < max(columns, 2) and len(frame) <= lines,
                            "it does not fit")
        if lines == 6:
            assert ports(frame)[1:] == ["and"] and "and 2 more" in frame[-1]
        if columns == 200:
            assert len(frame) == 7
        screen.type("q")
        assert screen.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_leaves_the_terminal_as_it_was(lab, number):
    with Screen(lab.host, lab.tapnet.program, "top") as screen:
        screen.wait(lambda lines: True, "it shows nothing")
        if number == signal.SIGINT:
            screen.type("\x03")
        else:
            screen.child.send_signal(number)
        assert screen.end() == 0 and screen.is_as_before() and screen.raw.endswith(FIRST_SCREEN)


def test_the_shell_has_its_terminal_back_meanwhile(lab):
    """^Z, and fg."""
    with Screen(lab.host, "sh", "-i", env={"PS1": "ready> ", "ENV": ""}) as screen:
        screen.wait_for_text(b"ready> ")
        screen.type(f"{lab.tapnet.program} top --interval 0.2\n")
        screen.wait(lambda lines: "by traffic" in lines[1], "it shows nothing")
        screen.type("\x1a")
        screen.wait_for_text(FIRST_SCREEN)
        screen.wait_for_text(b"ready> ")
        assert screen.is_as_before()
        screen.type("fg\n")
        screen.wait(lambda lines: "by traffic" in lines[1], "it does not come back")
        screen.type("s")
        screen.wait(lambda lines: "by drops" in lines[1], "it hears no keys")
        screen.type("q")
        screen.wait_for_text(b"ready> ")
        assert screen.is_as_before()
        screen.type("exit\n")
        screen.end()


def test_what_goes_wrong_is_told_on_the_screen_that_stays(lab):
    with Screen(lab.host, lab.tapnet.program, "top", "two", "--interval", "0.2") as screen:
        screen.wait(lambda lines: "two/far" in lines[4], "it shows nothing")
        lab.tapnet("down", "--all")
        assert screen.end() == 2 and screen.is_as_before()
        assert b"no set or network two is up" in screen.raw.partition(FIRST_SCREEN)[2]


def test_names_do_not_steer_the_terminal(lab):
    """A guest's program may be called anything."""
    program = ("import fcntl, os, struct, time\n"
               "open('/proc/self/comm', 'wb').write(b'\\x1b[31m\\xc2\\x9bevil')\n"
               "fd = os.open('/dev/net/tun', os.O_RDWR)\n"
               "fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', b'lab-web', 0x1002))\n"
               "time.sleep(60)\n")
    lab.host.popen("/usr/bin/python3", "-c", program)
    with Screen(lab.host, lab.tapnet.program, "top", "--interval", "0.2") as screen:
        screen.wait(lambda lines: any("evil" in line for line in lines), "the guest is not seen")
        screen.type("q")
        assert screen.end() == 0 and STEERING.sub(b"", screen.raw).replace(b"\r\n", b"").decode("ascii").isprintable()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_thousand_ports_take_no_more_than_their_share(host, tapnet):
    """Half of one processor, even where a look takes longer than the interval."""
    names = ", ".join(f"p{number}: {{}}" for number in range(1000))
    tapnet("up", tapnet.file(f"networks: {{ lab: {{ mode: isolated, ports: {{ {names} }} }} }}"))
    with Screen(host, tapnet.program, "top", "--interval", "0.1", lines=50) as screen:
        frame = screen.wait(lambda lines: "over 0.0 s" not in lines[1], "there is no second look", 60)
        assert len(frame) == 50 and "and 955 more" in frame[-1]
        used, begin = cpu_seconds(screen.child.pid), time.monotonic()
        # Several looks' worth. What is on the screen need not change from one to the next.
        screen.wait(lambda lines: cpu_seconds(screen.child.pid) - used > 0.8, "there are no more looks", 60)
        share = (cpu_seconds(screen.child.pid) - used) / (time.monotonic() - begin)
        assert share < 0.65
        screen.type("q")
        assert screen.end() == 0
    tapnet("down", "--all")
