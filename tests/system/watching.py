# SPDX-License-Identifier: MIT
"""A `tapnet watch` that tests start and end, and the ping that it sees."""

import re
import signal
import subprocess


class Watch:
    """Starts them; each is ready when it says that it is watching. What still runs at the end is killed."""

    def __init__(self, host, tapnet):
        self.host, self.tapnet, self.started = host, tapnet, []

    def __call__(self, *words, **keywords):
        keywords = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **keywords}
        child = self.host.popen(self.tapnet.program, "watch", *words, **keywords)
        self.started.append(child)
        said = child.stderr.readline()
        if "--replay" in words:
            assert said.startswith("replaying"), said + child.stderr.read()
            said = child.stderr.readline()
        assert said.startswith("watching"), said + child.stderr.read()
        return child

    def close(self):
        for child in self.started:
            child.kill()
            child.communicate()


def end(child, number=signal.SIGINT):
    """What it printed, and what it said at the end."""
    if number:
        child.send_signal(number)
    output, errors = child.communicate(timeout=10)
    assert child.returncode == 0, errors
    return output.splitlines(), errors.splitlines()[-1]


def ping(host, address, count=4):
    done = host.run("ping", "-c", count, "-i", "0.2", "-W", "1", address, check=False)
    return int(re.search(r"(\d+) received", done.stdout)[1])
