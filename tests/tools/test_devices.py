# SPDX-License-Identifier: MIT
"""docs/design/devices.md against the installed linux/if_tun.h, the source and the tests: nothing is forgotten."""

import pathlib
import re

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
HEADER = pathlib.Path("/usr/include/linux/if_tun.h")
ROW = re.compile(r"^\| `(TUN\w+|IFF_\w+)` \| (?:`(\w+\.c)`|–) \| (.*) \|$", re.M)

# What device.h calls the kernel's names for offloads, and other names under which a value is used.
OURS = {
    "TUN_F_CSUM": "TAPNET_OFFLOAD_CHECKSUM", "TUN_F_TSO4": "TAPNET_OFFLOAD_TSO4", "TUN_F_TSO6": "TAPNET_OFFLOAD_TSO6",
    "TUN_F_TSO_ECN": "TAPNET_OFFLOAD_TSO_ECN", "TUN_F_UFO": "TAPNET_OFFLOAD_UFO",
    "TUN_F_USO4": "TAPNET_OFFLOAD_USO4", "TUN_F_USO6": "TAPNET_OFFLOAD_USO6",
    "TUN_F_UDP_TUNNEL_GSO": "TAPNET_OFFLOAD_UDP_TUNNEL",
    "TUN_F_UDP_TUNNEL_GSO_CSUM": "TAPNET_OFFLOAD_UDP_TUNNEL_CHECKSUM",
}


def rows():
    found = ROW.findall((TOP / "docs/design/devices.md").read_text("utf-8"))
    assert len(found) > 50
    return found


def header():
    if not HEADER.exists():
        pytest.skip("linux/if_tun.h is not installed")
    return HEADER.read_text("utf-8")


def test_every_name_of_the_header_has_a_row():
    defined = set(re.findall(r"^#define\s+((?:TUN|IFF_)[A-Z0-9_]+)", header(), re.M))
    listed = [name for name, _, _ in rows()]
    assert len(listed) == len(set(listed)), "a name stands there twice"
    assert defined - set(listed) == set()


def test_what_is_said_to_be_used_is_used():
    for name, file, _ in rows():
        if file:
            text = (TOP / "src/device" / file).read_text("utf-8")
            assert re.search(rf"\b{OURS.get(name, name)}\b", text), f"{name} is not in {file}"


def test_each_has_a_test_or_a_reason():
    for name, file, last in rows():
        if not file:
            assert len(last) > 20, f"{name}: no reason"
            continue
        test, function = re.fullmatch(r"`(\w+\.c)` `(\w+)`", last).groups()
        text = (TOP / "tests/unit/device" / test).read_text("utf-8")
        assert f"static void {function}(" in text and f"cmocka_unit_test({function})" in text, f"{name}: no {function}"


def test_offloads_have_the_kernels_values():
    values = dict(re.findall(r"^#define\s+(TUN_F_\w+)\s+(0x[0-9a-f]+)", header(), re.M))
    text = (TOP / "include/tapnet/device.h").read_text("utf-8")
    ours = dict(re.findall(r"(TAPNET_OFFLOAD_\w+) = (0x[0-9a-f]+)", text))
    for name, value in values.items():
        assert int(value, 16) == int(ours[OURS[name]], 16), name


def test_every_option_and_key_of_a_device_is_in_the_table():
    options = (TOP / "cmd/tapnet/command.c").read_text("utf-8")
    typed = {word for name in ("add", "set")
             for word in re.findall(r'"([a-z-]+)"', re.search(rf"{name}_options\[\] = {{(.*?)}};", options, re.S)[1])}
    keys = set(re.findall(r'SPEC_SECTION_DEVICE, \.key = "(\w+)"', (TOP / "src/spec/option.c").read_text("utf-8")))
    text = (TOP / "docs/design/devices.md").read_text("utf-8").split("## In a file")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()
             if line.startswith("| ")][2:]
    assert all(len(row) == 4 and len(row[3]) > 6 for row in cells)
    listed_options = {word for row in cells for word in re.findall(r"`--([a-z-]+)`", row[1])}
    listed_keys = {word for row in cells for word in re.findall(r"`(\w+)`", row[2])}
    assert listed_options == typed - {"force", "json", "quiet", "help"}
    assert listed_keys == keys | {"user", "group"}  # these two stand in a macro
