# SPDX-License-Identifier: MIT
"""The reference plugins `bridge` and `host-local`, and `tapnet-cni`: a runtime that calls either is told the same.

    host under test
    +----------------------------------------------------------+
    | theirs  eth0 10.88.0.x --- veth... --- cni0  10.88.0.1   |     Debian's containernetworking-plugins
    | ours    eth0 10.20.0.x --- lab-... --- br-lab 10.20.0.1  |
    +----------------------------------------------------------+

What is compared is the protocol: shapes, codes, what is in the container, and what DEL takes for granted.
"""

import json
import os

import pytest

from tapnet_test.build import Tapnet
from tapnet_test.cni import Refused, Runtime

DEBIAN = "/usr/lib/cni/bridge"
LAB = "networks: { lab: { subnet: 10.20.0.1/24, subnet6: none, ports: { web: {} } } }"

pytestmark = pytest.mark.skipif(not os.path.exists(DEBIAN), reason="Debian's containernetworking-plugins is not here")


def reference(host):
    ipam = {"type": "host-local", "ranges": [[{"subnet": "10.88.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(host.tmp / "host-local")}
    host.env["CNI_PATH"] = os.path.dirname(DEBIAN)
    return Runtime(host, DEBIAN, type="bridge", network=None, bridge="cni0", isGateway=True, ipam=ipam)


@pytest.fixture(params=["reference", "tapnet"])
def runtime(request, host):
    if request.param == "reference":
        yield reference(host)
        return
    tapnet = Tapnet(host)
    tapnet("up", tapnet.file(LAB))
    yield Runtime(host)
    tapnet("down", "--all")


@pytest.fixture
def box(make_netns):
    return make_netns("box")


def chained(host, kind, **config):
    """Debian's plugin of that kind, as one of the same chain."""
    return Runtime(host, f"{os.path.dirname(DEBIAN)}/{kind}", type=kind, network=None, **config)


def code_of(runtime, command, **more):
    with pytest.raises(Refused) as caught:
        runtime.call(command, **more)
    return caught.value.error["code"]


@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0"])
def test_a_life(runtime, box, version):
    result = runtime.call("ADD", netns=box, cniVersion=version)
    inner = result["interfaces"][result["ips"][0]["interface"]]
    assert (inner["name"], inner["sandbox"], len(inner["mac"])) == ("eth0", box.exec_path, 17)
    assert [(entry["name"] in ("cni0", "br-lab"), "sandbox" in entry) for entry in result["interfaces"]] == \
        [(True, False), (False, False), (False, True)]
    assert len(result["ips"]) == 1 and result["ips"][0].keys() - {"version"} == {"address", "gateway", "interface"}
    assert ("version" in result["ips"][0]) == (version != "1.0.0")
    assert [route["dst"] for route in result["routes"]] == ["0.0.0.0/0"] and isinstance(result["dns"], dict)
    link, = box.json("ip", "-j", "-4", "address", "show", "eth0")
    assert f"{link['addr_info'][0]['local']}/{link['addr_info'][0]['prefixlen']}" == result["ips"][0]["address"]
    route, = box.json("ip", "-j", "route", "show", "default")
    assert (route["gateway"], route["dev"]) == (result["ips"][0]["gateway"], "eth0")
    if version != "0.3.1":
        runtime.call("CHECK", netns=box, cniVersion=version, prevResult=result)
        box.run("ip", "address", "flush", "dev", "eth0")
        assert code_of(runtime, "CHECK", netns=box, cniVersion=version, prevResult=result) >= 100
    runtime.call("DEL", netns=box, cniVersion=version, prevResult=result)
    runtime.call("DEL", netns=box, cniVersion=version, prevResult=result)
    assert "eth0" not in box.run("ip", "link").stdout


def test_without_the_container(runtime, box):
    result = runtime.call("ADD", netns=box)
    path = box.exec_path
    box.close()
    code, text = runtime.raw({**runtime.env("DEL"), "CNI_NETNS": path}, json.dumps({**runtime.config,
                                                                                    "prevResult": result}))
    assert code == 0, text
    runtime.call("DEL")


def test_an_interface_of_that_name_is_there(runtime, box):
    runtime.call("ADD", netns=box)
    assert code_of(runtime, "ADD", netns=box, container="another") >= 100
    runtime.call("DEL", netns=box)


@pytest.mark.parametrize("verb, variable", [("ADD", "CNI_CONTAINERID"), ("ADD", "CNI_NETNS"), ("ADD", "CNI_IFNAME"),
                                            ("DEL", "CNI_CONTAINERID"), ("DEL", "CNI_IFNAME")])
def test_what_is_missing(runtime, box, verb, variable):
    env = runtime.env(verb, netns=box)
    env[variable] = ""
    code, text = runtime.raw(env, json.dumps({key: value for key, value in runtime.config.items() if value}))
    assert code == 1 and json.loads(text)["code"] == 4


@pytest.mark.parametrize("change, expected", [({"cniVersion": "9.9.9"}, 1), ({"name": None}, 7), ({"name": "a/b"}, 7)])
def test_what_is_wrong(runtime, box, change, expected):
    assert code_of(runtime, "ADD", netns=box, **change) == expected


def test_no_json(runtime, box):
    code, text = runtime.raw(runtime.env("ADD", netns=box), "{")
    assert code == 1 and json.loads(text)["code"] == 6


def test_between_debians_plugins(host, box):
    """One before ours, two behind it: each goes on with the result of the one before, and takes away what is its own.

        lo <- loopback      eth0 <- tapnet-cni <- tuning (a sysctl of the container) <- bandwidth (of the host's end)
    """
    tapnet = Tapnet(host)
    tapnet("up", tapnet.file(LAB))
    host.env["CNI_PATH"] = os.path.dirname(DEBIAN)
    rate = {"bandwidth": {"ingressRate": 8_000_000, "ingressBurst": 800_000}}
    chain = [(chained(host, "loopback"), {}), (Runtime(host), {}),
             (chained(host, "tuning", sysctl={"net.ipv4.conf.eth0.arp_filter": "1"},
                      dataDir=str(host.tmp / "tuning")), {}),
             (chained(host, "bandwidth"), {"runtimeConfig": rate})]
    result = None
    for plugin, said in chain:
        result = plugin.call("ADD", netns=box, prevResult=result, **said)
    assert [entry["name"] for entry in result["interfaces"]] == ["lo", "br-lab", tapnet_device(tapnet), "eth0"]
    assert [entry["gateway"] for entry in result["ips"] if entry["interface"] == 3] == ["10.20.0.1"]
    assert [entry["address"] for entry in result["ips"] if entry["interface"] == 0] == ["127.0.0.1/8", "::1/128"]
    box.run("ping", "-c1", "-W5", "127.0.0.1")
    box.run("ping", "-c1", "-W5", "10.20.0.1")
    assert box.run("cat", "/proc/sys/net/ipv4/conf/eth0/arp_filter").stdout == "1\n"
    queue, = host.json("tc", "-j", "qdisc", "show", "dev", tapnet_device(tapnet), "root")
    assert (queue["kind"], queue["options"]["rate"]) == ("tbf", 1_000_000)
    for plugin, said in chain[1:]:
        plugin.call("CHECK", netns=box, prevResult=result, **said)
    for plugin, said in reversed(chain):
        plugin.call("DEL", netns=box, prevResult=result, **said)
    assert "eth0" not in box.run("ip", "link").stdout
    assert not [port for port in tapnet.status("lab")["ports"] if port["origin"] == "attached"]
    tapnet("down", "--all")


def tapnet_device(tapnet):
    port, = (port for port in tapnet.status("lab")["ports"] if port["origin"] == "attached")
    return port["device"]
