# SPDX-License-Identifier: MIT
"""Containers that come in crowds, end without a word, and plugins that are killed: nothing is left of any.

      host under test                                 outside
    +---------------------------------------------+  +---------+
    | box 1   eth0 --- veth --- lab-... --+       |  |         |
    | ...                                 +- br-lab -- eth0    |
    | box 50  eth0 --- veth --- lab-... --+       |  |         |
    +---------------------------------------------+  +---------+
      the runtime: tapnet_test/cni.py; tapnet-keeper in two of the tests
"""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tapnet_test.build import brought_up
from tapnet_test.cni import Refused, Runtime, wait_for_nothing_left
from tapnet_test.plugging import at_rest
from tapnet_test.snapshot import assert_same
from tapnet_test.waiting import wait_for

LAB = "networks: { lab: { subnet: 10.20.0.1/24, ports: { web: {} } } }"
BOXES, AT_ONCE = 50, 10


@pytest.fixture(params=[False, True], ids=["no keeper", "keeper"])
def lab(request, world, host):
    yield from brought_up(host, LAB, keeper=request.param)


def attached(tapnet):
    return [port for port in tapnet.json_of_status()["networks"][0]["ports"] if port["origin"] == "attached"]


class Boxes:
    """Bare network namespaces, without the comfort of Netns: many are made in a moment."""

    def __init__(self, names):
        self.names = list(names)
        for name in self.names:
            subprocess.run(["ip", "netns", "add", name], check=True)

    def delete(self, name):
        self.names.remove(name)
        subprocess.run(["ip", "netns", "del", name], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in list(self.names):
            self.delete(name)


def path(name):
    return f"/run/netns/{name}"


def env_of(runtime, verb, name):
    return {**runtime.env(verb, container=name), "CNI_NETNS": path(name)}


def call(runtime, verb, name):
    answer = runtime.raw(env_of(runtime, verb, name), json.dumps(runtime.config))
    return runtime.judge(verb, runtime.config, *answer)


def call_and_kill(runtime, verb, name, moment):
    """Kills the plugin this many milliseconds after it was told all, wherever it is then."""
    child = runtime.host.popen(runtime.plugin, env=env_of(runtime, verb, name), stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, text=True)
    child.stdin.write(json.dumps(runtime.config))
    child.stdin.close()
    time.sleep(moment / 1000)
    child.kill()
    child.wait()


def test_fifty_containers_ten_at_a_time(lab, host):
    runtime = Runtime(host)
    before = at_rest(lab)
    with Boxes(f"{host.name}-{number}" for number in range(BOXES)) as boxes, ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda name: call(runtime, "ADD", name), boxes.names))
        addresses = {result["ips"][0]["address"] for result in results}
        macs = {result["interfaces"][2]["mac"] for result in results}
        assert len(addresses) == len(macs) == len(attached(lab)) == BOXES
        assert lab("status", check=False).returncode == 0
        last = results[-1]["ips"][0]["address"].split("/")[0]
        subprocess.run(["ip", "netns", "exec", boxes.names[0], "ping", "-qc1", "-W10", last], check=True,
                       stdout=subprocess.DEVNULL)
        list(pool.map(lambda name: call(runtime, "DEL", name), boxes.names))
        assert not attached(lab)
    wait_for_nothing_left(lab, before)
    logs = [path.read_text() for path in lab.run_dir.glob("*/keeper.log")]
    assert not any("put back" in log for log in logs), "each was whole at once"


def test_a_container_that_ends_without_a_word(lab, host):
    """The keeper takes away what stood on its veth pair; without one the next tapnet does."""
    runtime = Runtime(host)
    before = at_rest(lab)
    with Boxes([f"{host.name}-a", f"{host.name}-b"]) as boxes:
        for name in boxes.names:
            call(runtime, "ADD", name)
        boxes.delete(boxes.names[0])
        wait_for(lambda: len(json.loads(host.run("ip", "-j", "link", "show", "type", "veth").stdout)) == 2,
                 why="the kernel takes the other end along")  # eth0 and one container's
        if host.env.get("TAPNET_KEEPER") != "on":
            lab("up", lab.file(LAB))
        wait_for(lambda: len(attached(lab)) == 1)
        call(runtime, "DEL", f"{host.name}-a")
        call(runtime, "DEL", f"{host.name}-b")
    wait_for_nothing_left(lab, before)


def test_a_plugin_that_is_killed_at_any_instant(lab, host):
    """DEL, which runtimes call after an ADD that failed, leaves nothing, and so does GC where they do not."""
    runtime = Runtime(host, cniVersion="1.1.0")
    before = at_rest(lab)
    with Boxes([f"{host.name}-k"]) as boxes:
        name = boxes.names[0]
        for moment in range(0, 30):
            call_and_kill(runtime, "ADD", name, moment)
            if moment % 2:
                call(runtime, "DEL", name)
            else:
                runtime.call("GC", container=None, interface=None, **{"cni.dev/valid-attachments": []})
            inside = subprocess.run(["ip", "-n", name, "-j", "link"], check=True, capture_output=True, text=True).stdout
            assert [link["ifname"] for link in json.loads(inside)] == ["lo"] and not attached(lab)
    wait_for_nothing_left(lab, before)


def test_a_removal_that_is_killed_at_any_instant(lab, host):
    """Its container ends, too, before anybody goes on: its port can't be put back, and is in nobody's way."""
    runtime = Runtime(host)
    before = at_rest(lab)
    with Boxes([f"{host.name}-d"]) as boxes:
        name = boxes.names[0]
        for moment in range(0, 120, 6):
            call(runtime, "ADD", name)
            call_and_kill(runtime, "DEL", name, moment)
            subprocess.run(["ip", "-n", name, "link", "delete", "eth0"], stderr=subprocess.DEVNULL)
            call(runtime, "DEL", name)
            assert not attached(lab)
    wait_for_nothing_left(lab, before)


def test_containers_stay_while_the_file_changes_and_go_with_it(lab, host):
    runtime = Runtime(host)
    with Boxes([f"{host.name}-s"]) as boxes:
        name = boxes.names[0]
        result = call(runtime, "ADD", name)
        lab("up", lab.file(LAB.replace("web: {}", "web: {}, mail: {}")))
        port, = attached(lab)
        assert f"{port['addresses'][0]}/24" == result["ips"][0]["address"] and port["state"] == "plugged"
        lab("down", lab.file(LAB))
        inside = subprocess.run(["ip", "-n", name, "-j", "link"], check=True, capture_output=True, text=True).stdout
        assert [link["ifname"] for link in json.loads(inside)] == ["lo"]
        with pytest.raises(Refused):
            call(runtime, "ADD", name)
        call(runtime, "DEL", name)
        lab("up", lab.file(LAB))


def test_what_a_runtime_says_of_a_container_outlives_a_change_of_the_file(lab, host):
    """Its own limits stay, and what it has from the network's follows that."""
    runtime = Runtime(host)

    def limited(connections):
        return lab.file(LAB.replace("ports:", f"limit: {{ connections: {connections} }}, ports:"))
    with Boxes([f"{host.name}-l"]) as boxes:
        name = boxes.names[0]
        lab("up", limited(100))
        runtime.config["runtimeConfig"] = {"bandwidth": {"ingressRate": 8_000_000, "ingressBurst": 2_000_000}}
        call(runtime, "ADD", name)
        for connections in (100, 200):
            lab("up", limited(connections))
            limit = attached(lab)[0]["limit"]
            assert (limit["receive"], limit["burst"], limit["connections"]) == (8_000_000, 250_000, connections)
        call(runtime, "DEL", name)


def test_another_interface_stays_as_it_is(lab, host):
    """What a container has besides is its own."""
    runtime = Runtime(host)
    with Boxes([f"{host.name}-o"]) as boxes:
        name = boxes.names[0]
        subprocess.run(["ip", "-n", name, "link", "add", "eth1", "type", "veth", "peer", "name", "eth2"], check=True)
        inside = snapshot_of(name)
        call(runtime, "ADD", name)
        call(runtime, "DEL", name)
        assert_same(inside, snapshot_of(name))


def snapshot_of(name):
    done = subprocess.run(["ip", "-n", name, "-d", "address"], check=True, capture_output=True, text=True)
    return done.stdout
