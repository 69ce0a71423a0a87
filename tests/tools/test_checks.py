# SPDX-License-Identifier: MIT
"""Proves that each check of tools/ bites: a small tree that is well, and one mistake at a time put into it."""

import json
import pathlib
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
HEAD = "/* SPDX-License-Identifier: MIT */\n/* Part of a test. */\n"


class Tree:
    """A copy of the rules with a few files under them."""

    def __init__(self, top):
        self.top = top
        for name in ("docs/design/layers.md", ".clang-format", ".clang-tidy"):
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, top / name)
        self.write("src/base/text.h", "int text_length(const char *text);\n")
        self.write("src/base/text.c", '#include "base/text.h"\n\nint text_length(const char *text)\n{\n'
                   "    return *text != 0;\n}\n")
        self.write("src/model/port.c", '#include "base/text.h"\n\nint model_port(void);\nint model_port(void)\n{\n'
                   '    return text_length("port");\n}\n')
        self.write("cmd/tapnet/main.c", "int main(void)\n{\n    return 0;\n}\n")
        self.write("include/tapnet/port.h", "int tapnet_port_count(const char *text, int (*more)(int, void *));\n")

    def write(self, name, text, head=HEAD):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + text, encoding="utf-8")
        return path

    def check(self, name, *words):
        command = [TOP / "tools" / name, "--top", self.top, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def compile(self):
        """Objects where and as Meson would put them."""
        folder = self.top / "build/src/libtapnet-all.a.p"
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted((self.top / "src").glob("*/*.c")):
            output = folder / f"{path.parent.name}_{path.name}.o"
            subprocess.run(["cc", "-c", "-O1", "-I", self.top / "src", "-o", output, path], check=True)
        return self.top / "build"


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def accepts(result):
    assert result.returncode == 0, result.stdout + result.stderr


def refuses(result, *words):
    assert result.returncode == 1, result.stdout + result.stderr
    for word in words:
        assert word in result.stdout, result.stdout + result.stderr


# ---- layers ----

def test_layers_accept_a_tree_that_is_well(tree):
    accepts(tree.check("check-layers"))


@pytest.mark.parametrize("name, line, words", [
    ("src/base/bad.c", '#include "model/model.h"', ["src/base/bad.c:3", "may not use src/model"]),
    ("src/model/bad.c", '#include "plan/plan.h"', ["may not use src/plan"]),
    ("src/plan/bad.c", '#include "observe/observe.h"', ["may not use src/observe"]),
    ("src/apply/bad.c", '#include "spec/spec.h"', ["may not use src/spec"]),
    ("src/service/bad.c", '#include "netlink/netlink.h"', ["may not use src/netlink"]),
    ("src/service/bad.c", "#include <libmnl/libmnl.h>", ["may not use libmnl"]),
    ("src/plan/bad.c", "#include <jansson.h>", ["may not use jansson"]),
    ("src/model/bad.c", "#include <unistd.h>", ["makes no system calls"]),
    ("src/packet/bad.c", "#include <sys/ioctl.h>", ["makes no system calls"]),
    ("src/spec/bad.c", "#include <sys/mman.h>", ["makes no system calls"]),
    ("src/model/bad.c", "#include <tapnet/network.h>", ["may not use <tapnet/network.h>"]),
    ("src/model/bad.c", '#include "model.h"', ["not written from src/"]),
    ("src/model/bad.c", '#include "../base/text.h"', ["src/model may not use"]),
    ("src/strange/bad.c", "", ["has no row"]),
    ("src/bad.c", "", ["has no row"]),
    ("cmd/tapnet/bad.c", '#include "base/text.h"', ["includes <tapnet/...> only"]),
    ("cmd/tapnet/bad.c", '#include "../../src/base/text.h"', ["includes <tapnet/...> only"]),
    ("cmd/tapnet/bad.c", "#include <libmnl/libmnl.h>", ["may not use libmnl"]),
    ("include/tapnet/bad.h", '#include "error.h"', ["in a public header"]),
    ("include/tapnet/bad.h", "#include <jansson.h>", ["may not use jansson"]),
])
def test_layers_refuse(tree, name, line, words):
    tree.write(name, line + "\n")
    refuses(tree.check("check-layers"), *words)


def test_layers_refuse_a_table_that_is_gone(tree):
    (tree.top / "docs/design/layers.md").write_text("# Layers\n", encoding="utf-8")
    result = tree.check("check-layers")
    assert result.returncode == 1 and "no table" in result.stderr


def test_layers_refuse_to_check_nothing(tree):
    for folder in ("src", "cmd", "include"):
        shutil.rmtree(tree.top / folder)
    refuses(tree.check("check-layers"), "nothing was found")


# ---- symbols ----

def test_symbols_accept_a_tree_that_is_well(tree):
    accepts(tree.check("check-symbols", tree.compile()))


@pytest.mark.parametrize("folder, body, words", [
    ("model", "return socket(1, 2, 3);", ["bad.c.o refers to socket()"]),
    ("plan", 'return (int)write(1, "x", 1);', ["refers to write()"]),
    ("guard", "return ioctl(0, 0, 0);", ["refers to ioctl()"]),
    ("packet", 'return open("/dev/null", 0);', ["refers to open()"]),
    ("model", 'return getenv("HOME") != 0;', ["refers to getenv()"]),
    ("model", 'return system("true");', ["refers to system()"]),
    ("model", "return syscall(39);", ["refers to syscall()"]),
    ("spec", 'return unlink("x");', ["refers to unlink()"]),
    ("base", "return fork();", ["refers to fork()"]),
])
def test_symbols_refuse(tree, folder, body, words):
    tree.write(f"src/{folder}/bad.c", "#include <fcntl.h>\n#include <stdlib.h>\n#include <sys/ioctl.h>\n"
               "#include <sys/socket.h>\n#include <unistd.h>\nlong syscall(long, ...);\nint bad(void);\n"
               f"int bad(void)\n{{\n    {body}\n}}\n")
    refuses(tree.check("check-symbols", tree.compile()), *words)


def test_symbols_refuse_a_call_by_way_of_another_folder(tree):
    """base may send messages; model may not, nor have base send one for it."""
    tree.write("src/base/text.c", "#include <sys/socket.h>\nint text_length(const char *text);\n"
               "int text_length(const char *text)\n{\n    (void)text;\n    return (int)sendmsg(0, 0, 0);\n}\n")
    refuses(tree.check("check-symbols", tree.compile()),
            "src/model: model_port.c.o -> base_text.c.o refers to sendmsg()")


def test_symbols_accept_the_exceptions_of_a_folder(tree):
    tree.write("src/spec/load.c", "#include <fcntl.h>\n#include <unistd.h>\nint load(char *text);\n"
               "int load(char *text)\n{\n    return (int)read(open(\"x\", 0), text, 1);\n}\n")
    accepts(tree.check("check-symbols", tree.compile()))


def test_symbols_refuse_to_check_nothing(tree):
    refuses(tree.check("check-symbols", tree.top), "nothing was found")


# ---- style ----

def test_style_accepts_a_tree_that_is_well(tree):
    accepts(tree.check("check-style"))


@pytest.mark.parametrize("name, head, text, words", [
    ("src/base/bad.c", "", "/* No licence. */\nint bad;\n", ["src/base/bad.c:1", "SPDX"]),
    ("src/base/bad.c", "/* SPDX-License-Identifier: MIT */\n", "int bad;\n", ["no sentence"]),
    ("src/base/bad.c", HEAD, "int bad;\n" * 600, ["602 lines, more than 600"]),
    ("src/base/bad.c", HEAD, "int bad(void)\n{\n" + "    bad();\n" * 99 + "}\n", ["bad() has 101 lines"]),
    ("src/base/bad.c", HEAD, "int bad; /* " + "x" * 120 + " */\n", ["more than 120"]),
    ("src/base/bad.c", HEAD, "\tint bad;\n", ["a tab"]),
    ("tests/bad.c", HEAD, "int bad; \n", ["space at the end"]),
    ("tools/bad.py", "", '"""No licence."""\n', ["SPDX"]),
    ("tools/bad", "", "#!/bin/sh\necho\n", ["SPDX"]),
    ("bench/bad", "", "#!/bin/sh\n# SPDX-License-Identifier: MIT\necho\n", ["no sentence"]),
])
def test_style_refuses(tree, name, head, text, words):
    tree.write(name, text, head)
    refuses(tree.check("check-style"), *words)


def test_style_refuses_many_long_functions(tree):
    """Sixty lines are allowed now and then; not in every fifth function."""
    short = "".join(f"int s{number}(void)\n{{\n    return 0;\n}}\n" for number in range(24))
    long = "".join(f"int l{number}(void)\n{{\n" + "    l0();\n" * 60 + "}\n" for number in range(6))
    tree.write("src/base/bad.c", short + long)
    refuses(tree.check("check-style"), "one function in ten")


# ---- exports ----

def library(tree, text):
    source = tree.write("lib/lib.c", text)
    output = tree.top / "libtapnet.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", output, source], check=True)
    return output


def test_exports_accept_what_is_declared(tree):
    accepts(tree.check("check-exports", library(tree, "int tapnet_port_count(void) { return 1; }\n")))


def test_exports_refuse_what_is_missing(tree):
    refuses(tree.check("check-exports", library(tree, "static int x;\nint *tapnet_other(void) { return &x; }\n")),
            "tapnet_port_count() is declared and not exported", "tapnet_other is exported and not declared")


def test_exports_refuse_internals(tree):
    text = "int tapnet_port_count(void) { return 1; }\nint model_port;\n"
    refuses(tree.check("check-exports", library(tree, text)), "model_port is exported")


# ---- python ----

def test_python_refuses_what_does_not_parse_or_has_no_name(tree):
    script = tree.write("tools/odd", "import os\n\nprint(os.name)\n", head="#!/usr/bin/python3\n")
    accepts(tree.check("check-python"))
    script.write_text("#!/usr/bin/python3\nprint(nobody)\n", encoding="utf-8")
    refuses(tree.check("check-python"), "tools/odd:2", "undefined name 'nobody'")
    script.write_text("#!/usr/bin/python3\nx = 1\n    y = 2\n", encoding="utf-8")
    refuses(tree.check("check-python"), "tools/odd:3", "unexpected indent")


# ---- format and tidy ----

def test_format_accepts_and_refuses(tree):
    accepts(tree.check("check-format"))
    tree.write("src/base/bad.c", "int   bad( void );\n")
    refuses(tree.check("check-format"), "bad.c:3")
    accepts(tree.check("check-format", "--fix", tree.top / "src/base/bad.c"))
    accepts(tree.check("check-format"))


def test_tidy_accepts_and_refuses(tree):
    def compiled(name):
        return {"directory": str(tree.top), "file": name, "command": f"cc -Isrc -c {name}"}

    names = ["src/base/text.c"]
    commands = tree.top / "compile_commands.json"
    commands.write_text(json.dumps([compiled(name) for name in names]), encoding="utf-8")
    accepts(tree.check("check-tidy", tree.top))
    tree.write("src/base/bad.c", "int bad(int *pointer);\nint bad(int *pointer)\n{\n    if (!pointer)\n"
               "        return *pointer;\n    return 0;\n}\n")
    commands.write_text(json.dumps([compiled(name) for name in [*names, "src/base/bad.c"]]), encoding="utf-8")
    refuses(tree.check("check-tidy", tree.top), "src/base/bad.c:7", "null pointer")
