# SPDX-License-Identifier: MIT
"""`tapnet graph`: a picture of what is there, as text and as SVG, with one port and with hundreds.

      host under test                                        outside
    +------------------------------------------------+     +---------------+
    |  web -- lab-web --+                            |     |               |
    |                   +-- br-lab 10.20.0.1 - NAT - eth0 -+-- 192.0.2.1   |
    |  db --- lab-db ---+                            |     |               |
    |  far -- two-far      10.30.0.1, routed         |     |               |
    |         tun1         192.168.3.11              |     |               |
    +------------------------------------------------+     +---------------+
"""

import os
import re
from xml.etree import ElementTree

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from screen import STEERING, Screen
from tap_guest import Guest
from tapnet_test.build import SOURCE
from tapnet_test.service import in_netns
from tapnet_test.waiting import wait_for

MAC = "52:54:00:00:00:06"
LAB = f"""
networks:
  lab:
    subnet: 10.20.0.1/24
    subnet6: fd00:20::1/64
    ports:
      web: {{ address: 10.20.0.6, mac: "{MAC}", forward: ["8080:80", "127.0.0.1:2222:22"] }}
      db: {{ address: 10.20.0.7, mac: "52:54:00:00:00:07" }}
  two:
    mode: routed
    subnet: 10.30.0.1/24
    ports: {{ far: {{ address: 10.30.0.6, mac: "52:54:00:00:00:08" }} }}
devices:
  tun1: {{ kind: tun, address: 192.168.3.11/24 }}
"""
EXAMPLE = SOURCE / "docs" / "graph.svg"  # TAPNET_WRITE_EXAMPLES=1 writes it anew
SVG = "{http://www.w3.org/2000/svg}"
CHARACTER = 0.62 * 12.5  # pixels: as wide as any monospace font has it
UTF8 = {"LC_ALL": "C.UTF-8"}

# A guest's program that is called what the first word says, and holds the device of the second.
HOLDER = """
import fcntl, os, struct, sys
open("/proc/self/comm", "wb").write(os.fsencode(sys.argv[1]))
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[2].encode(), 0x1002))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hold(host):
    """Plugs a guest in whose program is called as the test likes."""
    children = []

    def plug(name, device):
        child = host.popen("/usr/bin/python3", "-c", HOLDER, name, device, stdin=-1, stdout=-1)
        assert child.stdout.readline() == b"held\n"
        children.append(child)
        return child
    yield plug
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def up(tapnet):
    yield lambda text: tapnet("up", tapnet.file(text, "all.yaml"))
    tapnet("down", "--all", check=False)


def many(count):
    names = ", ".join(f"p{number}: {{}}" for number in range(count))
    return f"networks: {{ lab: {{ mode: isolated, subnet: 10.20.0.1/22, ports: {{ {names} }} }} }}"


def test_all_that_is_there_is_in_the_picture(world, tapnet, up, hold):
    up(LAB)
    guest = hold("qemu-system-x86", "lab-web")
    text = tapnet("graph", env=UTF8).stdout
    assert f"guest: qemu-system-x86, process {guest.pid} " in text and "forwards 8080:80, 127.0.0.1:2222:22" in text
    assert text.count("eth0") == 2 and "│ nat" in text and "│ routed" in text
    seen = {link["ifname"]: link for link in world.host.json("ip", "-j", "address")
            if link["ifname"] not in ("lo", "eth0") and link["ifname"] != "two-far"}
    assert set(seen) == {"br-lab", "lab-web", "lab-db", "rt-two", "tun1"}
    for name, link in seen.items():
        assert name in text
        for address in link["addr_info"]:
            if address["scope"] == "global":
                assert f"{address['local']}/{address['prefixlen']}" in text
    svg = tapnet("graph", "--svg").stdout
    words = set(re.findall(r"[^\s│┌┐└┘─┬┴├┤]+", text)) - {"guest:", "qemu-system-x86,"}
    assert not [word for word in words if word not in svg and word.strip(",") not in svg]
    only = tapnet("graph", "two", env=UTF8).stdout
    assert "two-far, free" in only and "lab-web" not in only and "tun1" not in only


def test_lines_that_join_boxes_meet(world, tapnet, up):
    """Whatever goes down, goes on below; in ASCII the same shape."""
    up(LAB)
    text = tapnet("graph", env=UTF8).stdout
    rows = text.splitlines()
    for above, below in zip(rows, rows[1:]):
        for column, glyph in enumerate(above):
            under = below[column] if column < len(below) else " "
            if glyph in "│┌┐┬├┤":
                assert under in "│└┘┴├┤", f"{above}\n{below}"
            elif glyph in "└┘─┴" and under != " ":
                assert under not in "│└┘├┤", f"{above}\n{below}"
    plain = tapnet("graph", env={"LC_ALL": "C"}).stdout
    same = text.replace("  └──┤", "  `--+").translate(str.maketrans("─│┌┐└┘┴┬┤├", "-|+++++++|"))
    assert plain == same


@pytest.mark.parametrize("columns", [30, 60, 200])
def test_it_is_no_wider_than_the_terminal(world, tapnet, up, columns):
    up(LAB)
    env = {**UTF8, "NO_COLOR": "1"}
    with Screen(world.host, tapnet.program, "graph", "--rates", columns=columns, env=env) as screen:
        assert screen.end() == 0
        rows = STEERING.sub(b"", screen.raw).decode().splitlines()
    assert rows[0].startswith("┌")
    longest = max(len(word) for row in rows for word in re.findall(r"[\w:./]+", row))
    assert max(map(len, rows)) <= max(columns, longest + len("  ├──┤  │"))  # a word that is longer stays whole
    assert any("network two of set all, routed, no bridge" in row for row in rows) == (columns > 45)


# ---- SVG ----


def boxes(root):
    """(class, x, y, width, height) of each."""
    return [(rect.get("class"), *(float(rect.get(side)) for side in ("x", "y", "width", "height")))
            for rect in root.iter(SVG + "rect") if rect.get("class").split()[0] == "box"]


def texts(root):
    return [(float(text.get("x")), float(text.get("y")), text.text) for text in root.iter(SVG + "text")]


def check_picture(svg):
    """It is XML, needs nothing else, no box meets another one, and each text is in its box or outside of all."""
    root = ElementTree.fromstring(svg)
    assert root.tag == SVG + "svg" and {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "style", "rect", "path", "text"}
    assert root.find(SVG + "title").text and root.find(SVG + "desc").text and root.get("role") == "img"
    style = root.find(SVG + "style").text
    assert "prefers-color-scheme:dark" in style and not re.search(r"url|import|font-face|http", style)
    assert not re.search(r"<!|<\?|href|\son\w+=", svg)
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == f"0 0 {width:.0f} {height:.0f}"
    places = boxes(root)
    for number, (_, x, y, wide, high) in enumerate(places):
        assert x >= 0 and y >= 0 and x + wide <= width and y + high <= height
        for _, other_x, other_y, other_wide, other_high in places[:number]:
            assert x >= other_x + other_wide or other_x >= x + wide or y >= other_y + other_high or other_y >= y + high
    for x, y, text in texts(root):
        end = x + len(text) * CHARACTER
        inside = [box for box in places if box[1] < x < box[1] + box[3] and box[2] < y < box[2] + box[4]]
        assert end <= width and y <= height
        assert len(inside) == 1 and end <= inside[0][1] + inside[0][3] or not inside and not any(
            box[2] < y < box[2] + box[4] and x < box[1] < end for box in places), text
    return root


@pytest.mark.parametrize("count, drawn", [(1, 1), (12, 12), (16, 16), (17, 1), (200, 1)])
def test_boxes_do_not_overlap(host, tapnet, up, count, drawn):
    up(many(count))
    root = check_picture(tapnet("graph", "--svg").stdout)
    assert len(boxes(root)) == 1 + drawn
    assert f" {count} port" in root.find(SVG + "desc").text
    if drawn < count:
        assert [text for _, _, text in texts(root)].count(f"{count} ports") == 1


def test_of_many_ports_those_that_are_plugged_are_drawn_one_by_one(host, tapnet, up, hold):
    up(many(40))
    for number in range(14):
        hold("guest", f"lab-p{number}")
    said = [text for _, _, text in texts(check_picture(tapnet("graph", "--svg").stdout))]
    assert said.count("guest") == 12 and {"2 ports", "plugged", "26 ports", "free"} <= set(said)
    printed = tapnet("graph", env=UTF8).stdout
    assert printed.count("guest: guest") == 12 and "26 ports" in printed and len(printed.splitlines()) < 140


def test_names_are_text_and_nothing_else(world, tapnet, up, hold):
    """A guest's program may be called anything."""
    up(LAB)
    hold("]]>&<\"'\x1b[2J\u009b", "lab-web")
    svg = tapnet("graph", "--svg").stdout
    said = [text for _, _, text in texts(check_picture(svg))]
    assert any(text.startswith("]]>&<\"'?[2J?") for text in said) and svg.isascii()
    for locale in ("C", "C.UTF-8"):
        printed = tapnet("graph", env={"LC_ALL": locale}).stdout
        assert "]]>&<\"'?[2J?" in printed and printed.replace("\n", "").isprintable()


def test_long_names_are_wrapped(host, tapnet, up):
    name = "n" + "x" * 60
    up(f"name: {'s' * 40}\nnetworks: {{ {name}: {{ mode: isolated, bridge: br-x, ports: {{ {'p' * 60}: "
       f"{{ device: tap-x }} }} }} }}")
    check_picture(tapnet("graph", "--svg").stdout)
    assert name in tapnet("graph").stdout


def test_rates_are_what_passes_now(world, tapnet, up):
    up(LAB)
    guest = in_netns(world.host, lambda: Guest("lab-web", MAC, "10.20.0.6"))
    child = world.host.popen(tapnet.program, "graph", "--rates", stdout=-1, env=UTF8)
    frame = Ether(src="52:54:00:00:00:99", dst="ff:ff:ff:ff:ff:ff") / IP(src="10.20.0.9") / UDP()

    def send():
        guest.send(frame)
        return child.poll() is not None
    wait_for(send, 30, "it does not end")
    text = child.communicate()[0].decode()
    os.close(guest.fd)
    assert re.search(r"in 0 bit/s, out [1-9][\d.]* (k|M)bit/s", text) and re.search(r"dropped/s: frames \d", text)
    assert "bit/s" not in tapnet("graph").stdout


def test_nothing_is_a_picture_too(host, tapnet):
    assert tapnet("graph").stdout == "nothing is up\n"
    assert "nothing is up" in [text for _, _, text in texts(check_picture(tapnet("graph", "--svg").stdout))]
    assert tapnet("graph", "nosuch", check=False).returncode == 2


def test_what_is_amiss_is_in_the_picture(world, tapnet, up):
    up(LAB)
    world.host.run("ip", "link", "del", "lab-db")
    assert "lab-db, missing" in tapnet("graph").stdout and "not all is as it was brought up" in tapnet("graph").stdout
    root = check_picture(tapnet("graph", "--svg").stdout)
    assert any("not all is" in text for _, _, text in texts(root)) and any(box[0] == "box bad" for box in boxes(root))


def test_the_example_in_the_documents_is_what_is_drawn(world, tapnet, up, hold):
    """docs/graph.svg: TAPNET_WRITE_EXAMPLES=1 writes it anew."""
    up(LAB)
    hold("qemu-system-x86", "lab-web")
    svg = world.host.run("unshare", "--uts", "sh", "-c", f"hostname host; exec {tapnet.program} graph --svg").stdout
    svg = re.sub(r"process \d+", "process 4711", svg)
    check_picture(svg)
    if os.environ.get("TAPNET_WRITE_EXAMPLES"):
        EXAMPLE.write_text(svg, encoding="ascii")
    assert svg == EXAMPLE.read_text(encoding="ascii")
