# SPDX-License-Identifier: MIT
"""README.md's tour, command by command: what it shows is what is printed.

      host                                           outside
    +----------------------------------------+     +---------------+
    |  web -- lab-web --+                    |     |               |
    |                   +-- br-lab -- NAT -- eth0 ---+-- 192.0.2.1 |
    |  db --- lab-db ---+   10.20.0.1        |     |               |
    +----------------------------------------+     +---------------+
"""

import os
import re
import shlex

from tapnet_test.build import SOURCE, Tapnet, program
from tapnet_test.rights import has_all_users

README = (SOURCE / "README.md").read_text(encoding="utf-8")
# What differs each time, as a pattern of what stands for it in the sample.
VARIABLE = [
    (r"\d\d:\d\d:\d\d\\\.\d{6}", r"\\d\\d:\\d\\d:\\d\\d\\.\\d{6}"),  # when
    (r"\\ id\\ \d+", r"\\ id\\ \\d+"),
    (r"tap\\\-fd\\ \d+", r"tap\\-fd\\ \\d+"),
    (r"fd[0-9a-f]{2}:[0-9a-f:]+", "fd[0-9a-f:]+"),  # a unique local address follows from the machine
    (r"─+", "─+"), (r"(?:\\ )+│\n", r"\\ *│\n"),  # and the width of a box from that
    (r"keeper\\ \\\(\d+", r"keeper\\ \\(\\d+"),
    (r"\d+\\\.\d\\ s\b", r"\\d+\\.\\d\\ s"),
    (r"time\\ \d+ms", r"time\\ \\d+ms"),
    (r"\d+\\ packets\\ \\\(.*?\\\),\\ \d+\\ bytes", r"\\d+\\ packets\\ \\(.*\\),\\ \\d+\\ bytes"),
]


def blocks():
    """The samples of a session: those with a prompt."""
    tour = README.split("\n## A tour")[1].split("\n## ")[0]
    return [block for block in re.findall(r"^```\w*\n(.*?)^```$", tour, re.M | re.S) if block.startswith("# ")]


def commands(block):
    """[(command, what it prints)], but what can't run: tcpdump ends where it can't become its own user."""
    parts = re.split(r"^# (.*)\n", block, flags=re.M)[1:]
    return [(command, output) for command, output in zip(parts[::2], parts[1::2])
            if has_all_users() or not command.startswith("tcpdump ")]


def pattern(text):
    """What is printed must match it: a line "  ..." stands for any lines, and see VARIABLE."""
    lines = ["(?:.*\n)*?" if line.strip() == "..." else re.escape(line) + "\n" for line in text.splitlines()]
    result = "".join(lines)
    for sample, expression in VARIABLE:
        result = re.sub(sample, expression, result)
    return result


def session(host, block):
    """Runs the commands of @block in one shell; all that they print, with the commands."""
    script = ["exec 2>&1", "set -m", f"cd {host.tmp}"]
    for command, _ in commands(block):
        if command.startswith("kill -INT"):
            script.append("sleep 0.5")  # what it has seen is printed, too
        script.append(f"printf '# %s\\n' {shlex.quote(command)}")
        script.append(command)
        if command.endswith("&"):  # its first line, and its device, come before the next command
            script.append("while ! ip -brief address show tun1 2> /dev/null | grep -q 192.168; do :; done; sleep 0.2")
        if command.startswith("kill -INT"):
            script.append("wait %1 2> /dev/null")
    path = f"{program().parent}:{os.environ['PATH']}"
    env = {"PATH": path, "LC_ALL": "C.UTF-8"}
    return host.run("bash", "-c", "\n".join(script), check=False, timeout=60, env=env).stdout


def without_solicitations(text):
    """The host sends the first within a second, and others later: nobody knows between which lines."""
    return re.sub(r"^.* > ff02::2: ICMP6, router solicitation, length 8\n", "", text, flags=re.M)


def test_the_tour_is_what_is_printed(host, world):
    tapnet = Tapnet(host, keeper=True)
    (host.tmp / "lab.yaml").write_text(re.search(r"^```yaml\n(.*?)^```$", README, re.M | re.S)[1])
    (host.tmp / "wrong.yaml").write_text("networks:\n  lab:\n    subnt: 10.20.0.1/24\n")
    for block in blocks():
        printed = without_solicitations(session(host, block))
        expected = without_solicitations("".join(f"# {command}\n{output}" for command, output in commands(block)))
        assert re.fullmatch(pattern(expected), printed), f"README.md says\n{expected}\nand printed is\n{printed}"
    assert len(blocks()) > 8 and not tapnet.run_dir.exists()
