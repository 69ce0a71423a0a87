# SPDX-License-Identifier: MIT
"""Gives every test below the namespaces, worlds and guests of tools/tapnet_test, and draws samples.

TAPNET_SAMPLE=PERCENT runs as many of the tests, others each time; TAPNET_SEED=N draws those of that time again. With
TAPNET_SAMPLE_PROMISED those that are marked so (pytest.ini) are among them.
"""

import os
import random
import signal

pytest_plugins = ["tapnet_test.fixtures"]


def pytest_configure(config):
    """One seed for all workers: they must collect the same tests. And signals that do what they do at a terminal."""
    os.environ.setdefault("TAPNET_SEED", str(random.randrange(1 << 32)))
    for number in (signal.SIGHUP, signal.SIGINT):  # nohup, and a shell's `&`, have every child ignore them
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def pytest_report_header(config):
    percent = os.environ.get("TAPNET_SAMPLE")
    return f"seed {os.environ['TAPNET_SEED']}" + (f", a sample of {percent} % of the tests" if percent else "")


def pytest_collection_modifyitems(config, items):
    percent = int(os.environ.get("TAPNET_SAMPLE", 100))
    chance = random.Random(os.environ["TAPNET_SEED"])
    drawn = set(chance.sample(range(len(items)), len(items) * percent // 100))
    if "TAPNET_SAMPLE_PROMISED" in os.environ:
        drawn |= {number for number, item in enumerate(items) if item.get_closest_marker("promised")}
    config.hook.pytest_deselected(items=[item for number, item in enumerate(items) if number not in drawn])
    items[:] = [item for number, item in enumerate(items) if number in drawn]


def pytest_terminal_summary(terminalreporter):
    if "TAPNET_SAMPLE" in os.environ:
        terminalreporter.line(f"a sample of {os.environ['TAPNET_SAMPLE']} %, seed {os.environ['TAPNET_SEED']}")
