# SPDX-License-Identifier: MIT
"""`tapnet-cni`: containers that a runtime plugs in, verb by verb.

      host under test                                             outside
    +---------------------------------------------------------+  +-------------------+
    | box   eth0 10.20.0.x --- veth --- lab-... --+           |  | 192.0.2.1         |
    | other eth0 10.20.0.y --- veth --- lab-... --+- br-lab -- eth0       web server  |
    | (declared)                        lab-web --+           |  | 198.51.100.1      |
    +---------------------------------------------------------+  +-------------------+
      the runtime: tapnet_test/cni.py
"""

import json
import os
import sys

import pytest

from tapnet_test.build import SOURCE, Tapnet, brought_up, program
from tapnet_test.cni import Refused, Runtime, plugins_of
from tapnet_test.snapshot import assert_same, snapshot
from tapnet_test.waiting import wait_for

LAB = """
networks:
  lab: { subnet: 10.20.0.1/24, ports: { web: { address: 10.20.0.7 } } }
  tiny: { subnet: 10.30.0.1/30, ports: { only: {} } }
  cell: { subnet: 10.40.0.1/24, mode: isolated }
  way: { subnet: 10.50.0.1/24, mode: routed }
"""
VERSIONS = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]


@pytest.fixture
def lab(world, host):
    yield from brought_up(host, LAB)


@pytest.fixture
def runtime(lab, host):
    return Runtime(host)


@pytest.fixture
def box(make_netns):
    return make_netns("box")


def ports(tapnet, network="lab"):
    return {port["name"]: port for entry in tapnet.json_of_status()["networks"] if entry["name"] == network
            for port in entry["ports"]}


def attached(tapnet, network="lab"):
    return [port for port in ports(tapnet, network).values() if port["origin"] == "attached"]


def refused(call, *words, **more):
    with pytest.raises(Refused) as caught:
        call(*words, **more)
    assert caught.value.error.keys() == {"cniVersion", "code", "msg", "details"}
    return caught.value.error


def at_rest(tapnet):
    return snapshot(tapnet.netns, run_dir=tapnet.run_dir)


def global_addresses(box, interface="eth0"):
    link, = box.json("ip", "-j", "address", "show", interface)
    return {f"{entry['local']}/{entry['prefixlen']}" for entry in link["addr_info"] if entry["scope"] == "global"}


# ---- ADD and DEL ----

def test_a_container_reaches_the_world_and_leaves_nothing(lab, runtime, box, host, world):
    before = at_rest(lab)
    result = runtime.call("ADD", netns=box)
    bridge, outer, inner = result["interfaces"]
    address, address6 = result["ips"]
    assert bridge["name"] == "br-lab" and inner["name"] == "eth0" and inner["sandbox"] == box.exec_path
    assert address["interface"] == 2 and address["gateway"] == "10.20.0.1" and address["address"].endswith("/24")
    assert address6["address"].startswith("fd") and address6["gateway"].startswith("fe80:") and "version" not in address
    assert result["routes"] == [{"dst": "0.0.0.0/0", "gw": "10.20.0.1"}, {"dst": "::/0", "gw": address6["gateway"]}]
    assert result["dns"] == {"nameservers": ["10.20.0.1"], "search": ["lab"]}
    link, = box.json("ip", "-j", "-d", "link", "show", "eth0")
    assert link["address"] == inner["mac"] and link["linkinfo"]["info_kind"] == "veth" and "UP" in link["flags"]
    assert global_addresses(box) == {address["address"], address6["address"]}
    port, = attached(lab)
    assert port["device"] == outer["name"] and port["mac"] == inner["mac"] and port["state"] == "plugged"
    assert "hello from outside, 192.0.2.2" in box.run("curl", "-sS", "-m", "10", "http://198.51.100.1/").stdout
    assert "192.0.2.1" in box.run("dig", "+short", "@10.20.0.1", "outside.example").stdout
    assert lab("status").returncode == 0, "nothing of it is a problem"
    runtime.call("DEL", netns=box)
    assert box.json("ip", "-j", "link", "show") == box.json("ip", "-j", "link", "show", "lo")
    assert_same(before, at_rest(lab))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_has_its_own_shape(runtime, box, version):
    result = runtime.call("ADD", netns=box, cniVersion=version)
    old = version in VERSIONS[:2]
    assert [entry.get("version") for entry in result["ips"]] == (["4", "6"] if old else [None, None])
    assert ("mtu" in result["interfaces"][2]) == (version == "1.1.0")
    runtime.call("DEL", netns=box, cniVersion=version)


def test_version_is_told(runtime):
    for config, told in (({"cniVersion": "0.4.0"}, "0.4.0"), ({}, "1.1.0"), (None, "1.1.0")):
        code, text = runtime.raw({"CNI_COMMAND": "VERSION"}, json.dumps(config) if config is not None else "")
        assert code == 0 and json.loads(text) == {"cniVersion": told, "supportedVersions": VERSIONS}


def test_unplugged_twice_without_a_container_and_without_a_network(lab, runtime, box):
    before = at_rest(lab)
    runtime.call("ADD", netns=box)
    result = runtime.call("ADD", netns=box, interface="eth1", cniVersion="1.0.0")
    runtime.call("DEL", interface="eth0")  # no CNI_NETNS
    assert len(attached(lab)) == 1 and result["interfaces"][1]["name"] == attached(lab)[0]["device"]
    box.close()  # takes its end along
    runtime.call("DEL", netns=box, interface="eth1")
    runtime.call("DEL", netns=box, interface="eth1")
    runtime.call("DEL", container="never-seen")
    runtime.call("DEL", network="nowhere")
    runtime.call("DEL", prevResult=7, runtimeConfig="odd", sonst=1)  # who takes away asks for nothing else
    assert_same(before, at_rest(lab))


def test_a_container_is_plugged_in_once(lab, runtime, box):
    runtime.call("ADD", netns=box)
    before = at_rest(lab)
    error = refused(runtime.call, "ADD", netns=box)
    assert error["code"] == 100 and "is there already" in error["details"]
    error = refused(runtime.call, "ADD", container="another", netns=box)
    assert error["code"] == 100 and "eth0 in the container" in error["details"], "an interface of that name is there"
    assert_same(before, at_rest(lab))


def test_a_runtime_that_hangs_up(lab, runtime, box, host):
    """Who can't be told of the container's network has none."""
    before = at_rest(lab)
    child = host.popen(runtime.plugin, env=runtime.env("ADD", netns=box), stdin=-1, stdout=-1)
    child.stdout.close()
    child.stdin.write(json.dumps(runtime.config).encode())
    child.stdin.close()
    assert child.wait(20) == 1
    assert_same(before, at_rest(lab))


def test_isolated_and_routed_networks(lab, runtime, box, make_netns):
    cell = runtime.call("ADD", netns=box, network="cell")
    assert "routes" not in cell or not cell["routes"]
    assert all("gateway" not in entry for entry in cell["ips"]) and not box.json("ip", "-j", "route", "show", "default")
    way = make_netns("way")
    runtime.call("ADD", container="router", netns=way, network="way")
    way.run("ping", "-c1", "-W5", "10.50.0.1")
    assert lab("status").returncode == 0
    runtime.call("DEL", netns=box, network="cell")
    runtime.call("DEL", container="router", network="way")


def test_two_containers_meet_and_neither_is_the_other(lab, runtime, box, make_netns):
    """The guards hold MAC and address from the first frame on."""
    other = make_netns("other")
    address = runtime.call("ADD", netns=box)["ips"][0]["address"].split("/")[0]
    theirs = runtime.call("ADD", container="other", netns=other)["ips"][0]["address"].split("/")[0]
    box.run("ping", "-c1", "-W5", theirs)
    box.run("ip", "address", "flush", "dev", "eth0")
    box.run("ip", "address", "add", f"{theirs}/24", "dev", "eth0")
    assert box.run("ping", "-c1", "-W1", "10.20.0.1", check=False).returncode == 1, "another's address"
    box.run("ip", "address", "flush", "dev", "eth0")
    box.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
    box.run("ping", "-c1", "-W5", "10.20.0.1")
    box.run("ip", "link", "set", "eth0", "address", "52:54:00:aa:bb:cc")
    assert box.run("ping", "-c1", "-W1", "10.20.0.1", check=False).returncode == 1, "another MAC"
    blocked = {port["device"]: port["blocked"] for port in attached(lab)}
    assert max(blocked.values()) >= 2


OFF = "net.ipv6.conf.all.disable_ipv6=1"


def aaaa(box, port):
    return box.run("dig", "+short", "@10.20.0.1", "AAAA", f"{port}.lab").stdout.split()


@pytest.mark.parametrize("keeper", [False, True], ids=["no keeper", "keeper"])
def test_a_container_without_ip6_has_ip4(host, world, make_netns, keeper):
    """Among others that have it: the result, the names and CHECK know of it, and a later `up` changes nothing of it."""
    tapnet, runtime = Tapnet(host, keeper=keeper), Runtime(host)
    file = tapnet.file(LAB)
    tapnet("up", file)
    boxes = {name: make_netns(name) for name in ("first", "without", "last")}
    boxes["without"].run("sysctl", "-qw", OFF)
    results = {name: runtime.call("ADD", container=name, netns=box) for name, box in boxes.items()}
    assert [len(result["ips"]) for result in results.values()] == [2, 1, 2]
    assert results["without"]["routes"] == [{"dst": "0.0.0.0/0", "gw": "10.20.0.1"}]
    assert global_addresses(boxes["without"]) == {results["without"]["ips"][0]["address"]}
    for _ in range(2):
        named = {port["name"].split("-")[1]: (port["addresses"], aaaa(boxes["first"], port["name"]))
                 for port in attached(tapnet)}
        assert [len(addresses) for addresses, _ in named.values()] == [2, 1, 2]
        assert named["without"][1] == [] and named["last"][1] == named["last"][0][1:]
        for name, box in boxes.items():
            runtime.call("CHECK", container=name, netns=box, prevResult=results[name])
        assert tapnet("status").returncode == 0
        tapnet("up", file)
    assert "hello from outside" in boxes["without"].run("curl", "-sS", "-m", "10", "http://198.51.100.1/").stdout
    boxes["last"].run("ping", "-c1", "-W5", results["without"]["ips"][0]["address"].split("/")[0])
    for name, box in boxes.items():
        runtime.call("DEL", container=name, netns=box)
    tapnet("down", "--all")


def test_a_forward_by_ip6_to_a_container_without_it(lab, runtime, box):
    box.run("sysctl", "-qw", OFF)
    error = refused(runtime.call, "ADD", netns=box, runtimeConfig={
        "portMappings": [{"hostPort": 8080, "containerPort": 80, "hostIP": "2001:db8:1::2"}]})
    assert error["code"] == 7 and "IPv6 turned off" in error["details"] and not attached(lab)


# ---- what a runtime says of a container ----

def test_port_mappings_limits_mac_and_address(lab, runtime, box, world):
    result = runtime.call("ADD", netns=box, runtimeConfig={
        "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
                         {"hostPort": 0, "containerPort": 81},
                         {"hostPort": 5353, "containerPort": 53, "protocol": "udp", "hostIP": "192.0.2.2"}],
        "bandwidth": {"ingressRate": 8_000_000, "ingressBurst": 2_000_000, "egressRate": 4_000_000, "egressBurst": 800},
        "mac": "52:54:00:00:00:42", "ips": ["10.20.0.77"], "aliases": {"podnet": ["db"]}})
    assert result["ips"][0]["address"] == "10.20.0.77/24" and result["interfaces"][2]["mac"] == "52:54:00:00:00:42"
    port, = attached(lab)
    assert sorted(port["forwards"]) == ["192.0.2.2:5353:53/udp", "8080:80"]
    limit = port["limit"]
    assert (limit["receive"], limit["send"], limit["burst"]) == (8_000_000, 4_000_000, 250_000)
    server = box.popen(sys.executable, "-m", "http.server", "80", "--directory", str(box.tmp), stdout=-3, stderr=-3)
    wait_for(lambda: box.run("ss", "-Hltn", "sport = :80").stdout.strip())
    assert world.outside.run("curl", "-sS", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}",
                             "http://192.0.2.2:8080/").stdout == "200"
    server.kill()
    runtime.call("DEL", netns=box)


def test_the_example(lab, box, host, world):
    """examples/cni, as it stands in the man page too, is found by its type and does what it says."""
    text = (SOURCE / "examples/cni/lab.conflist").read_text(encoding="utf-8")
    assert text.strip().replace("\\", "\\e") in (SOURCE / "man/tapnet-cni.8").read_text(encoding="utf-8")
    (kind, config), = plugins_of(json.loads(text), {"ips": ["10.20.0.55"], "aliases": {"lab": ["x"]}})
    runtime = Runtime(host, program(kind), **config)
    result = runtime.call("ADD", netns=box)
    assert result["ips"][0]["address"] == "10.20.0.55/24"
    assert "hello from outside" in box.run("curl", "-sS", "-m", "10", "http://198.51.100.1/").stdout
    runtime.call("CHECK", netns=box, prevResult=result)
    runtime.call("DEL", netns=box, prevResult=result)


def test_arguments_say_mac_and_address(runtime, box):
    result = runtime.call("ADD", netns=box, args="IgnoreUnknown=1;K8S_POD_NAME=web;IP=10.20.0.78;MAC=52:54:00:00:00:43")
    assert result["ips"][0]["address"] == "10.20.0.78/24" and result["interfaces"][2]["mac"] == "52:54:00:00:00:43"


def test_behind_another_plugin_its_result_goes_on(runtime, box):
    previous = {"cniVersion": "1.0.0", "interfaces": [{"name": "vpn0"}], "ips": [{"address": "10.9.9.9/32"}],
                "routes": None, "dns": {"nameservers": ["192.0.2.53"]}, "more": {"kept": True}}
    result = runtime.call("ADD", netns=box, prevResult=previous)
    assert [entry["name"] for entry in result["interfaces"]][:2] == ["vpn0", "br-lab"]
    assert result["ips"][0] == {"address": "10.9.9.9/32"} and result["ips"][1]["interface"] == 3
    assert len(result["routes"]) == 2 and result["dns"] == previous["dns"] and result["more"] == {"kept": True}


def test_dns_of_the_configuration(runtime, box):
    dns = {"nameservers": ["192.0.2.1"], "domain": "example", "search": [], "options": ["ndots:1"]}
    assert runtime.call("ADD", netns=box, dns=dns)["dns"] == dns


# ---- CHECK ----

BREAKS = [
    (["ip", "address", "flush", "dev", "eth0", "scope", "global"], "has not the address 10.20.0."),
    (["ip", "route", "del", "default"], "nothing leads out, as by 10.20.0.1"),
    (["ip", "link", "set", "eth0", "down"], "it is down"),
    (["ip", "link", "set", "eth0", "address", "52:54:00:aa:bb:cc"], "another MAC"),
    (["ip", "link", "set", "eth0", "name", "eth9"], "eth0 in the container"),
]


def test_check_sees_what_is_missing(lab, runtime, make_netns, host):
    for number, (command, said) in enumerate(BREAKS):
        box = make_netns(f"box{number}")
        name = f"box-{number}"
        result = runtime.call("ADD", container=name, netns=box)
        runtime.call("CHECK", container=name, netns=box, prevResult=result)
        if "down" in command or "route" in command:
            box.run("ip", "-6", "route", "flush", "dev", "eth0")  # IPv6 is another test's
            assert refused(runtime.call, "CHECK", container=name, netns=box, prevResult=result)["code"] == 101
        box.run(*command)
        error = refused(runtime.call, "CHECK", container=name, netns=box, prevResult=result)
        assert error["code"] == 101 and said in error["details"]
        runtime.call("DEL", container=name, netns=box)
        error = refused(runtime.call, "CHECK", container=name, netns=box, prevResult=result)
        assert error["code"] == 101 and "not plugged in" in error["details"]


def test_check_sees_what_the_host_has_lost(lab, runtime, box, host):
    result = runtime.call("ADD", netns=box)
    told = {**result, "ips": [{"address": "10.20.0.99/24"}]}
    assert "prevResult" in refused(runtime.call, "CHECK", netns=box, prevResult=told)["details"]
    assert "prevResult" in refused(runtime.call, "CHECK", netns=box)["details"]
    device = attached(lab)[0]["device"]
    host.run("ip", "link", "set", device, "nomaster")
    assert device in refused(runtime.call, "CHECK", netns=box, prevResult=result)["details"]
    lab("up", lab.file(LAB))
    runtime.call("CHECK", netns=box, prevResult=result)
    host.run("nft", "delete", "table", "bridge", "tapnet")
    assert "table bridge" in refused(runtime.call, "CHECK", netns=box, prevResult=result)["details"]


def test_check_is_about_its_own_network(host, world, make_netns):
    """What another network has lost concerns its containers alone, however alike the names of both bridges are."""
    host.run("nft", "table inet fw { chain forward { type filter hook forward priority 10; policy drop; }; }")
    tapnet, runtime = Tapnet(host), Runtime(host)
    file = tapnet.file("""
coexist: on
networks: { lab: { subnet: 10.20.0.1/24 }, lab2: { subnet: 10.21.0.1/24 }, way: { subnet: 10.50.0.1/24, mode: routed } }
""")
    tapnet("up", file)
    boxes = {network: make_netns(network) for network in ("lab", "lab2", "way")}
    results = {network: runtime.call("ADD", container=network, netns=box, network=network)
               for network, box in boxes.items()}

    def check(network):
        runtime.call("CHECK", container=network, netns=boxes[network], network=network, prevResult=results[network])

    def break_link():
        host.run("ip", "link", "set", "br-lab2", "down")

    def break_passage():
        rules = host.json("nft", "-j", "-a", "list", "chain", "inet", "fw", "forward")["nftables"]
        handle = next(item["rule"]["handle"] for item in rules if "/lab2" in item.get("rule", {}).get("comment", ""))
        host.run("nft", "delete", "rule", "inet", "fw", "forward", "handle", str(handle))

    for disturb in (break_link, break_passage):
        disturb()
        check("lab")
        check("way")
        assert "br-lab2" in refused(check, "lab2")["details"]
        tapnet("up", file)
    tapnet("down", "--all")


# ---- GC and STATUS ----

def test_gc_takes_away_what_no_runtime_knows_and_nothing_else(lab, runtime, make_netns, host):
    boxes = [make_netns("gc") for _ in range(3)]
    for name, box in zip(("one", "two", "three"), boxes):
        runtime.call("ADD", container=name, netns=box)
    elsewhere = Runtime(host, name="other-net")
    elsewhere.call("ADD", container="two", netns=boxes[1], interface="eth1")
    lab("attach", "lab/mine")
    valid = [{"containerID": "two", "ifname": "eth0"}, {"containerID": "three", "ifname": "eth7"}]
    runtime.call("GC", container=None, interface=None, cniVersion="1.1.0", **{"cni.dev/valid-attachments": valid})
    left = sorted(port["name"].split("-")[1] if "-" in port["name"] else port["name"] for port in attached(lab))
    assert left == ["mine", "two", "two"]
    assert boxes[1].json("ip", "-j", "link", "show", "eth0") and boxes[1].json("ip", "-j", "link", "show", "eth1")
    assert "eth0" not in boxes[0].run("ip", "link").stdout
    error = refused(runtime.call, "GC", container=None, interface=None, cniVersion="1.1.0")
    assert error["code"] == 7 and "cni.dev/valid-attachments" in error["details"]
    runtime.call("GC", container=None, cniVersion="1.1.0", network="nowhere", **{"cni.dev/valid-attachments": []})


def test_gc_of_a_runtime_that_knows_of_nothing(lab, runtime, box, host):
    """An empty list is null where a runtime is written in Go; it is not the same as none."""
    lab("attach", "lab/mine")
    for valid in ([], None):
        runtime.call("ADD", netns=box)
        config = {**runtime.config, "cniVersion": "1.1.0", "cni.dev/valid-attachments": valid}
        code, text = runtime.raw(runtime.env("GC", container=None, interface=None), json.dumps(config))
        assert (code, text) == (0, "") and [port["name"] for port in attached(lab)] == ["mine"]
    lab("detach", "lab/mine")


def test_status(lab, runtime, host, box):
    def status(**more):
        return runtime.call("STATUS", container=None, interface=None, cniVersion="1.1.0", **more)
    status()
    error = refused(status, network="nowhere")
    assert error["code"] == 50 and "nowhere" in error["details"]
    error = refused(status, network="tiny")
    assert error["code"] == 50 and "10.30.0.1/30" in error["details"]
    error = refused(runtime.call, "ADD", netns=box, network="tiny")
    assert error["code"] == 11 and "no address of 10.30.0.1/30 is left" in error["details"]
    service, = [pid for pid in host.pids() if "tapnet-service" in open(f"/proc/{pid}/cmdline").read()]
    os.kill(service, 9)
    wait_for(lambda: not os.path.exists(f"/proc/{service}"))
    assert refused(status)["code"] == 51
    lab("up", lab.file(LAB))
    status()


@pytest.mark.parametrize("verb, version", [("CHECK", "0.3.1"), ("GC", "1.0.0"), ("STATUS", "1.0.0"), ("GC", "0.4.0")])
def test_verbs_of_later_versions(runtime, verb, version):
    error = refused(runtime.call, verb, cniVersion=version)
    assert error["code"] == 1 and verb in error["details"]


# ---- mistakes: each is told, and nothing is touched ----

@pytest.mark.parametrize("verb, variable", [
    ("ADD", "CNI_CONTAINERID"), ("ADD", "CNI_NETNS"), ("ADD", "CNI_IFNAME"), ("DEL", "CNI_CONTAINERID"),
    ("DEL", "CNI_IFNAME"), ("CHECK", "CNI_CONTAINERID"), ("CHECK", "CNI_NETNS"), ("CHECK", "CNI_IFNAME"),
    ("ADD", "CNI_COMMAND")])
def test_every_variable_that_is_missing(lab, runtime, box, verb, variable):
    before = at_rest(lab)
    for value in (None, ""):
        env = runtime.env(verb, netns=box)
        env.pop(variable) if value is None else env.update({variable: value})
        code, text = runtime.raw(env, json.dumps(runtime.config))
        error = json.loads(text)
        assert code == 1 and error["code"] == 4 and variable in error["details"], text
    assert_same(before, at_rest(lab))


WRONG_VARIABLES = [
    ("CNI_COMMAND", "add", 4), ("CNI_COMMAND", "UPDATE", 4),
    ("CNI_CONTAINERID", "../../etc", 4), ("CNI_CONTAINERID", "-a", 4), ("CNI_CONTAINERID", "a b", 4),
    ("CNI_CONTAINERID", "a" * 2000, 4),
    ("CNI_IFNAME", "a/b", 4), ("CNI_IFNAME", "..", 4), ("CNI_IFNAME", "a" * 16, 4), ("CNI_IFNAME", "a b", 4),
    ("CNI_IFNAME", "ethü", 4), ("CNI_IFNAME", "a%d", 4),
    ("CNI_NETNS", "/nowhere/ns", 3), ("CNI_NETNS", "/etc/passwd", 4), ("CNI_NETNS", "/proc/self/ns/uts", 4),
    ("CNI_NETNS", "/proc/self/ns/net", 7), ("CNI_NETNS", "/dev/zero", 4), ("CNI_ARGS", "odd", 4),
    ("CNI_ARGS", "IP=" + "1" * 99, 4),
    ("CNI_ARGS", "IP=10.99.0.1", 7), ("CNI_ARGS", "IP=x", 7), ("CNI_ARGS", "MAC=01:00:5e:00:00:01", 7),
]


def test_every_variable_that_is_wrong(lab, runtime, box):
    before = at_rest(lab)
    for variable, value, expected in WRONG_VARIABLES:
        code, text = runtime.raw({**runtime.env("ADD", netns=box), variable: value}, json.dumps(runtime.config))
        error = json.loads(text)
        assert (code, error["code"]) == (1, expected), (variable, value, error)
        assert variable in error["details"] or expected == 7, error
    assert_same(before, at_rest(lab))


def test_bytes_that_are_no_text(lab, runtime, box, host):
    """Paths may hold any byte, and what is quoted may be cut; JSON holds text alone. U+FFFD stands for each byte that
    is none, and all else is told."""
    path = os.fsdecode(os.fsencode(host.tmp) + b"/b\xffx\xc3\xbc")
    os.symlink(box.exec_path, path)
    code, text = runtime.raw({**runtime.env("ADD"), "CNI_NETNS": path}, json.dumps(runtime.config))
    assert code == 0 and [entry.get("sandbox") for entry in json.loads(text)["interfaces"]] == \
        [None, None, f"{host.tmp}/b\ufffdxü"]
    runtime.call("DEL")
    for variable, value, code in (("CNI_NETNS", path + "y", 3), ("CNI_COMMAND", os.fsdecode(b"\xffx\xc3\xbcy"), 4)):
        env = {**runtime.env("ADD", netns=box), variable: value}
        error = json.loads(runtime.raw(env, json.dumps(runtime.config))[1])
        assert error["code"] == code and "\ufffdxüy" in error["details"]
    error = refused(runtime.call, "ADD", netns=box, **{"a" + "ü" * 50: 1})  # as much of it as there is room for
    assert error["code"] == 2 and "ü\ufffd`" in error["details"]
    assert not attached(lab)


WRONG_CONFIGS = [
    ({"cniVersion": None}, 7, "cniVersion"), ({"cniVersion": 1}, 7, "cniVersion"),
    ({"cniVersion": "0.2.0"}, 1, "0.2.0"), ({"cniVersion": "2.0.0"}, 1, "2.0.0"),
    ({"name": None}, 7, "name"), ({"name": "a/b"}, 7, "name"), ({"name": 5}, 7, "name"), ({"name": ""}, 7, "name"),
    ({"type": None}, 7, "type"), ({"type": 5}, 7, "type"),
    ({"network": "No"}, 7, "network"), ({"network": 5}, 7, "network"), ({"network": "x" * 64}, 7, "network"),
    ({"network": None}, 11, "no network podnet is up"), ({"network": "nowhere"}, 11, "no network nowhere is up"),
    ({"ipam": {"type": "host-local"}}, 2, "host-local"), ({"bridge": "cni0"}, 2, "cni0"),
    ({"nonsense": ["x" * 5000]}, 2, "nonsense"),
    ({"dns": []}, 7, "dns"), ({"dns": {"nameservers": "x"}}, 7, "dns"), ({"dns": {"servers": []}}, 7, "dns"),
    ({"prevResult": []}, 7, "prevResult"), ({"prevResult": {"ips": {}}}, 7, "prevResult"),
    ({"cni.dev/valid-attachments": {}}, 7, "valid-attachments"),
    ({"runtimeConfig": []}, 7, "runtimeConfig"),
    ({"runtimeConfig": {"mac": 5}}, 7, "mac"), ({"runtimeConfig": {"mac": "x"}}, 7, "`x`"),
    ({"runtimeConfig": {"ips": "10.20.0.5"}}, 7, "ips"), ({"runtimeConfig": {"ips": ["10.99.0.5"]}}, 7, "10.99.0.5"),
    ({"runtimeConfig": {"ips": ["10.20.0.7"]}}, 7, "10.20.0.7"),
    ({"runtimeConfig": {"ips": ["fd00::1"]}}, 7, "fd00::1"),
    ({"runtimeConfig": {"ips": ["10.20.0.5", "10.20.0.6"]}}, 7, "ips"),
    ({"runtimeConfig": {"portMappings": {}}}, 7, "portMappings"),
    ({"runtimeConfig": {"portMappings": [5]}}, 7, "portMappings"),
    ({"runtimeConfig": {"portMappings": [{"hostPort": 80}]}}, 7, "containerPort"),
    ({"runtimeConfig": {"portMappings": [{"hostPort": 65536, "containerPort": 80}]}}, 7, "hostPort"),
    ({"runtimeConfig": {"portMappings": [{"hostPort": 80, "containerPort": 80, "protocol": "sctp"}]}}, 7, "protocol"),
    ({"runtimeConfig": {"portMappings": [{"hostPort": 80, "containerPort": 80, "hostIP": "host"}]}}, 7, "host:80:80"),
    ({"runtimeConfig": {"portMappings": [{"hostPort": port, "containerPort": 80} for port in range(1, 66)]}}, 7, "64"),
    ({"runtimeConfig": {"portMappings": [{"hostPort": 80, "containerPort": 80}] * 2}}, 7, "80"),
    ({"runtimeConfig": {"bandwidth": []}}, 7, "bandwidth"),
    ({"runtimeConfig": {"bandwidth": {"ingressRate": -1}}}, 7, "bandwidth"),
    ({"runtimeConfig": {"bandwidth": {"ingressRate": 7}}}, 7, "8000"),
    ({"runtimeConfig": {"bandwidth": {"egressRate": 10**15}}}, 7, "8000"),
]


def test_every_configuration_that_is_wrong(lab, runtime, box):
    before = at_rest(lab)
    for change, code, said in WRONG_CONFIGS:
        error = refused(runtime.call, "ADD", netns=box, **change)
        assert error["code"] == code and said in error["details"], (change, error)
    assert_same(before, at_rest(lab))


# What each verb needs, and values of it that are wrong, beside those of every verb.
NEEDED = {"ADD": {}, "DEL": {}, "CHECK": {"prevResult": [5, [], {"ips": {}}, {"interfaces": "x"}]},
          "GC": {"cni.dev/valid-attachments": [5, {}, "x", [5], [None], [{}], [{"containerID": "c0ffee"}],
                                               [{"ifname": "eth0"}], [{"containerID": 5, "ifname": "eth0"}],
                                               [{"containerID": "c0ffee", "ifname": None}]]},
          "STATUS": {}}
ALWAYS = {"cniVersion": [None, 1, "", "2.0.0", ["1.1.0"]], "name": [None, 5, "", "a/b", {}]}
WITH_TYPE = {"type": [None, 5, []]}  # who takes away does so whatever it says


@pytest.mark.parametrize("verb", NEEDED)
def test_every_field_that_is_missing_or_wrong(lab, runtime, box, make_netns, verb):
    """Whichever verb: one error that names it, nothing is made, and nothing taken away. The whole of it works."""
    result = runtime.call("ADD", netns=box, cniVersion="1.1.0")
    whole = {**runtime.config, "cniVersion": "1.1.0", **{"CHECK": {"prevResult": result}, "GC": {
        "cni.dev/valid-attachments": []}}.get(verb, {})}
    env = runtime.env(verb, **{"ADD": {"container": "new", "netns": make_netns("new")}, "GC": {"container": None},
                               "STATUS": {"container": None}}.get(verb, {"netns": box}))
    fields = {**ALWAYS, **NEEDED[verb], **({} if verb in ("DEL", "GC") else WITH_TYPE)}
    before = at_rest(lab)
    for field, values in fields.items():
        wrong = [{key: value for key, value in whole.items() if key != field}]
        wrong += [{**whole, field: value} for value in values]
        for config in wrong:
            code, text = runtime.raw(env, json.dumps(config))
            error = json.loads(text)
            assert (code, error["code"]) == (1, 1 if config.get("cniVersion") in ("2.0.0", "") else 7), (config, error)
            assert field.removeprefix("cni.dev/") in error["details"], (config, error)
    assert_same(before, at_rest(lab))
    assert runtime.raw(env, json.dumps(whole))[0] == 0
    assert len(attached(lab)) == {"ADD": 2, "DEL": 0, "GC": 0}.get(verb, 1)


WRONG_TEXTS = ["", "{", "[]", "null", '"text"', "{\"cniVersion\": \"1.0.0\",}", "\x00", "[" * 100_000, "{} {}",
               '{"name":"a","name":"b"}', '{"name":"\\u0000"}']


def test_every_text_that_is_no_configuration(lab, runtime, box):
    before = at_rest(lab)
    for text in WRONG_TEXTS:
        for verb in (*NEEDED, "VERSION"):
            if (verb, text) != ("VERSION", ""):
                code, answer = runtime.raw(runtime.env(verb, netns=box), text)
                assert code == 1 and json.loads(answer)["code"] == 6, (verb, text[:40], answer)
    for verb in (*NEEDED, "VERSION"):
        code, answer = runtime.raw(runtime.env(verb, netns=box), " " * (1 << 20) + json.dumps(runtime.config))
        assert code == 1 and json.loads(answer)["code"] == 5 and "longer" in answer, verb
    assert_same(before, at_rest(lab))
