# SPDX-License-Identifier: MIT
"""What the checks share: the files of the tree, the table of layers, the report at the end."""

import argparse
import os
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
C_FOLDERS = ("include", "src", "cmd", "tests", "fuzz", "bench")


def arguments(description, build=False):
    """Parses --top (another tree: the checks' own tests use it) and, when asked for, the build directory."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--top", type=pathlib.Path, default=TOP, help="the tree to check (default: this one)")
    if build:
        parser.add_argument("build", type=pathlib.Path, help="the build directory")
    return parser.parse_args()


def files(top, folders, suffixes):
    """Files below @folders of @top whose name ends in one of @suffixes, sorted; build and hidden folders left out."""
    found = []
    for folder in folders:
        for path, names, entries in os.walk(top / folder):
            names[:] = [name for name in names if not name.startswith((".", "__", "build"))]
            found += [pathlib.Path(path, entry) for entry in entries if entry.endswith(tuple(suffixes))]
    return sorted(found)


class Layer:
    """One row of the table in docs/design/layers.md."""

    def __init__(self, folder, uses, libraries, calls):
        self.folder = folder
        self.uses = re.findall(r"`([^`]+)`", uses)
        self.libraries = [] if libraries == "–" else libraries.split()
        self.exceptions = re.findall(r"`([^`]+)`", calls)
        self.is_pure = calls == "none" or bool(self.exceptions)


def layers(top):
    """The table, by folder. A table that can't be read is an error, never an empty set of rules."""
    rows = {}
    text = (top / "docs/design/layers.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 5 and cells[0].startswith("`"):
            folder = cells[0].strip("`")
            rows[folder] = Layer(folder, cells[2], cells[3], cells[4])
    if not rows:
        sys.exit("docs/design/layers.md: no table of layers found")
    return rows


def report(name, mistakes, checked):
    """Prints every mistake, or one line of what was checked; the exit code says which. Nothing checked is a mistake."""
    if not checked:
        mistakes = mistakes + ["nothing was found to check"]
    for mistake in mistakes:
        print(f"{name}: {mistake}")
    if not mistakes:
        print(f"{name}: {checked} checked, all well")
    return 1 if mistakes else 0
