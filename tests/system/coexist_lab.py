# SPDX-License-Identifier: MIT
"""What the tests of accepts in other programs' chains see of them, by IPv4 and IPv6, and of a guest meanwhile."""

import subprocess

from tapnet_test.waiting import wait_for

MARK = '-m comment --comment "tapnet:lab/lab" -j ACCEPT'


def accepts(chain):
    """What iptables prints of the accepts for guests, for answers to them and for the lab's forwards."""
    return sorted([f"-A {chain} -i br-lab -o eth0 {MARK}",
                   f"-A {chain} -o br-lab -m conntrack --ctstate RELATED,ESTABLISHED {MARK}",
                   f"-A {chain} -o br-lab -m conntrack --ctstate DNAT {MARK}"])


def saved(host, program="iptables-nft-save"):
    """What it prints, without its date and what was counted."""
    lines = host.run(program).stdout.splitlines()
    return [line.split(" [")[0] for line in lines if not line.startswith("#")]


def ours(host, program="iptables-nft-save"):
    return sorted(line for line in saved(host, program) if "tapnet:" in line)


def assert_keeps_talking(netns, address, host, disturb):
    """Less than a second passes without an answer from @address, whatever the shell does to the host."""
    pings = netns.popen("ping", "-D", "-i0.05", "-W1", "-c60", address, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: pings.stdout.readline().endswith("ms\n"))
    host.run("bash", "-ec", disturb)
    heard = [float(line[1:line.index("]")]) for line in pings.communicate()[0].splitlines() if "time=" in line]
    assert len(heard) > 10
    assert max(later - before for before, later in zip(heard, heard[1:])) < 1
