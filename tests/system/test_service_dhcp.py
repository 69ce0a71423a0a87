# SPDX-License-Identifier: MIT
"""The service's DHCP, with clients that others wrote.

The topology is drawn in dhcp_lab.py.
"""

import errno
import json
import os
import signal
import time
from pathlib import Path

import pytest
from scapy.all import BOOTP, Ether, IP, raw

from tapnet_test.rights import need_all_users
from tapnet_test.service import Lan, Refused, Service, make_dhcp_sockets, make_sockets, memfd, network
from tapnet_test.waiting import readable, wait_for

from dhcp_lab import LAB, Lab, PORTS, Wire, options, udhcpc

# dhclient's, the same.
DHCLIENT_SCRIPT = """#!/bin/sh
echo "event=$reason" >> "$OUT"
env | grep ^new_ >> "$OUT"
case $reason in
BOUND|RENEW|REBIND|REBOOT) ip address replace "$new_ip_address/24" dev "$interface";;
EXPIRE|FAIL|RELEASE|STOP) ip address flush dev "$interface";;
esac
exit 0
"""


@pytest.fixture
def lab(host, make_netns):
    made = Lab(host, make_netns)
    yield made
    print(made.service.log())
    made.service.close()


def dhclient(guest, *options, conf=""):
    """Runs ISC's client, to its first lease unless told otherwise; all its script was told, in order."""
    script, out = guest.write("dhclient.sh", DHCLIENT_SCRIPT), guest.tmp / "dhclient.out"
    script.chmod(0o755)
    out.unlink(missing_ok=True)
    guest.run("dhclient", "-1", "-v", "-e", f"OUT={out}", "-sf", script, "-lf", guest.tmp / "leases", "-pf",
              guest.tmp / "dhclient.pid", "-cf", guest.write("dhclient.conf", "timeout 10;\n" + conf), *options, "eth0")
    return out.read_text() if out.exists() else ""


def addresses(guest):
    (link,) = guest.json("ip", "-j", "-4", "address", "show", "dev", "eth0") or [{"addr_info": []}]
    return [entry["local"] for entry in link.get("addr_info", [])]


def test_busybox_gets_what_its_port_has(lab):
    web = udhcpc(lab.guests["web"], "-O", "mtu", "-O", "staticroutes", "-O", "search")
    assert (web["ip"], web["mask"], web["router"], web["dns"]) == ("10.20.0.10", "24", "10.20.0.1", "10.20.0.1")
    assert (web["hostname"], web["domain"], web["mtu"]) == ("www", "lab", "1500")
    assert (web["broadcast"], web["serverid"]) == ("10.20.0.255", "10.20.0.1")
    assert web["staticroutes"].split() == ["0.0.0.0/0", "10.20.0.1"]
    assert int(web["lease"]) == 86400
    db = udhcpc(lab.guests["db"], "-O", "search", "-O", "ntpsrv", "-O", "bootfile", "-O", "tftp")
    assert db["search"].split() == ["lab", "corp.example", "lab.example"]
    assert (db["ntpsrv"], db["bootfile"], db["tftp"]) == ("10.20.0.1", "pxe/db.0", "10.20.0.1")
    assert (db["boot_file"], db["siaddr"]) == ("pxe/db.0", "10.20.0.1")
    lab.guests["web"].run("ping", "-c", "1", "-W", "2", "10.20.0.11")
    lab.service.wait_log(r"dhcp lab/web: lease: 10\.20\.0\.10, MAC .*")


def test_leases_are_told_with_their_time(lab):
    """In as many parts as it takes, and to whoever wants to be told at once."""
    assert lab.service.request("leases", **{"from": 0})["leases"] == []
    with lab.service.connect() as line:
        assert lab.service.exchange(b'{"do":"tell"}', connection=line)[0]["ok"]
        wire, before = Wire(lab.guests["web"]), time.time() * 1000
        wire.ask(wire.request("discover"))
        wire.ask(wire.request("request", options=[("requested_addr", "10.20.0.99")]))
        wire.ask(wire.request("inform", ciaddr="10.20.0.10"))
        assert not readable([line], 0.2), "an offer, a refusal and information are no leases"
        wire.ask(wire.request("request", options=[("requested_addr", "10.20.0.10")]))
        assert readable([line], 5) and json.loads(line.recv(100)) == {"lease": True}
    reply = lab.service.request("leases", **{"from": 0})
    (network_name, port, four, six), = reply["leases"]
    assert (network_name, port, six, reply["next"]) == ("lab", "web", 0, 0)
    assert before - 1000 < four < time.time() * 1000 + 1000
    assert lab.service.request("leases", **{"from": 7})["leases"] == []
    lab.service.update({**LAB, "ports": [*LAB["ports"], {"name": "new", "device": "new0", "address": "10.20.0.12"}]})
    assert lab.service.request("leases", **{"from": 0})["leases"] == reply["leases"], "an update forgets nothing"
    for wrong in (-1, "0", None, 1.5):
        with pytest.raises(Refused, match="must be a number"):
            lab.service.request("leases", **{"from": wrong})


def test_only_some_are_told_of_leases_so_that_others_can_speak(lab):
    lines = [lab.service.connect() for _ in range(8)]
    for line in lines:
        assert lab.service.exchange(b'{"do":"tell"}', connection=line)[0]["ok"]
    with lab.service.connect() as line:
        assert lab.service.exchange(b'{"do":"tell"}', connection=line)[0]["code"] == -errno.EUSERS
    for _ in range(40):  # more than it has places
        lines.append(lab.service.connect())
        assert lab.service.exchange(b'{"do":"status"}', connection=lines[-1])[0]["ok"]
    wire = Wire(lab.guests["web"])
    for _ in range(600):  # more than their queues hold, and nobody reads
        wire.line.send(raw(wire.request("request", options=[("requested_addr", "10.20.0.10")])))
    wire.ask(wire.request("discover"))
    assert all(json.loads(line.recv(100)) == {"lease": True} for line in lines[:8]), "none was closed for another"
    for line in lines:
        line.close()
    assert lab.service.status()["ok"]


def test_only_what_was_asked_for_comes(lab):
    lean = udhcpc(lab.guests["db"], "-o", "-O", "subnet")
    assert lean["ip"] == "10.20.0.11" and lean["mask"] == "24"
    assert not {"router", "dns", "search", "ntpsrv", "bootfile", "hostname", "mtu"} & lean.keys()


def test_the_port_alone_decides_whatever_the_guest_says(lab):
    """The other port's MAC, client identifier, name and address: the answer is this port's."""
    web, db = lab.guests["web"], lab.guests["db"]
    (link,) = web.json("ip", "-j", "link", "show", "dev", "eth0")
    db.run("ip", "link", "set", "eth0", "address", link["address"])
    got = udhcpc(db, "-x", "0x3d:01" + link["address"].replace(":", ""), "-x", "hostname:www", "-r", "10.20.0.10")
    assert got["ip"] == "10.20.0.11"


def test_isc_gets_renews_and_releases(lab):
    web = lab.guests["web"]
    out = dhclient(web, conf="request subnet-mask, routers, domain-name-servers, host-name, domain-search, ntp-servers,"
                             " interface-mtu;")
    assert "event=BOUND" in out and "new_ip_address=10.20.0.10" in out
    assert "new_dhcp_renewal_time=1740" in out and "new_dhcp_rebinding_time=1800" in out
    assert addresses(web) == ["10.20.0.10"]
    # A second client with the lease file of the first begins with INIT-REBOOT.
    dhclient(web, "-x")
    assert "event=REBOOT" in dhclient(web)
    lab.service.wait_log("lease confirmed")
    dhclient(web, "-r")
    lab.service.wait_log("dhcp lab/web: released")
    assert udhcpc(web)["ip"] == "10.20.0.10"


def test_busybox_renews_and_releases_at_a_signal(lab):
    """SIGUSR1: a renewal, unicast to the gateway. SIGUSR2: a release."""
    web = lab.guests["web"]
    out = web.tmp / "udhcpc.out"
    udhcpc(web)
    out.write_text("")
    client = web.popen("busybox", "udhcpc", "-f", "-i", "eth0", "-s", web.tmp / "udhcpc.sh", env={"OUT": str(out)})
    lab.service.wait_log(r"(?s)(lab/web: lease: .*){2}")
    wait_for(lambda: "event=bound" in out.read_text())
    client.send_signal(signal.SIGUSR1)
    lab.service.wait_log("lab/web: lease renewed")
    wait_for(lambda: "event=renew" in out.read_text())
    client.send_signal(signal.SIGUSR2)
    lab.service.wait_log("lab/web: released")


def test_a_lease_of_elsewhere_is_refused_and_replaced(lab):
    """A guest that moved here from another network asks for its old address: NAK, then ours."""
    db = lab.guests["db"]
    db.write("leases", 'lease {\n  interface "eth0";\n  fixed-address 192.168.7.7;\n'
                       "  renew 2 2037/01/01 00:00:00;\n  rebind 2 2037/01/01 00:00:00;\n"
                       "  expire 2 2037/01/01 00:00:00;\n}\n")
    assert "new_ip_address=10.20.0.11" in dhclient(db)
    lab.service.wait_log("dhcp lab/db: refused: not the port's address")


# ---- byte by byte, with scapy as client and judge ----

def test_replies_on_the_wire(lab):
    wire = Wire(lab.guests["web"])
    offer = wire.ask(wire.request("discover"))
    assert (offer.src, offer.dst) == (LAB["mac"], wire.mac)
    assert (offer[IP].src, offer[IP].dst, offer[IP].ttl) == ("10.20.0.1", "10.20.0.10", 64)
    assert offer[BOOTP].yiaddr == "10.20.0.10" and options(offer)["message-type"] == 2
    assert options(offer)["server_id"] == "10.20.0.1"
    broadcast = wire.ask(wire.request("discover", flags=0x8000))
    assert (broadcast.dst, broadcast[IP].dst) == ("ff:ff:ff:ff:ff:ff", "255.255.255.255")
    assert broadcast[BOOTP].flags == 0x8000

    chosen = [("server_id", "10.20.0.1"), ("requested_addr", "10.20.0.10")]
    assert options(wire.ask(wire.request("request", options=chosen)))["message-type"] == 5
    wrong = wire.ask(wire.request("request", options=[("requested_addr", "10.20.0.99")]))
    assert options(wrong)["message-type"] == 6 and wrong[BOOTP].yiaddr == "0.0.0.0"
    assert (wrong.dst, wrong[IP].dst) == ("ff:ff:ff:ff:ff:ff", "255.255.255.255")

    renewed = wire.ask(wire.request("request", source="10.20.0.10", destination="10.20.0.1", to=LAB["mac"],
                                    ciaddr="10.20.0.10"))
    assert options(renewed)["message-type"] == 5
    assert (renewed.dst, renewed[IP].dst, renewed[BOOTP].ciaddr) == (wire.mac, "10.20.0.10", "10.20.0.10")
    rebound = wire.ask(wire.request("request", source="10.20.0.10", ciaddr="10.20.0.10"))
    assert options(rebound)["message-type"] == 5
    informed = wire.ask(wire.request("inform", source="10.20.0.10", ciaddr="10.20.0.10"))
    assert informed[BOOTP].yiaddr == "0.0.0.0" and "lease_time" not in options(informed)


def test_nobody_else_sees_the_request_or_the_reply(lab):
    db = Wire(lab.guests["db"])
    web = Wire(lab.guests["web"])
    assert web.ask(web.request("discover", flags=0x8000))
    db.line.settimeout(0.3)
    with pytest.raises(TimeoutError):
        while True:
            assert BOOTP not in Ether(db.line.recv(4096))  # nor the request, broadcast as it was


def test_what_deserves_no_answer_gets_none(lab):
    wire = Wire(lab.guests["web"])
    wire.line.settimeout(0.3)
    silent = [
        wire.request("discover", giaddr="10.20.0.77"),
        wire.request("request", options=[("server_id", "10.20.0.77"), ("requested_addr", "10.20.0.10")]),
        wire.request("request"),
        wire.request("offer"),
        wire.request("decline", options=[("requested_addr", "10.20.0.10")]),
        wire.request("discover", htype=6),
        raw(wire.request("discover"))[:200],
        raw(wire.request("discover"))[:-1],
    ]
    for packet in silent:
        assert wire.ask(packet) is None, packet
    lab.service.wait_log("declined")
    wire.line.settimeout(3)
    assert wire.ask(wire.request("discover"))[BOOTP].yiaddr == "10.20.0.10"


def test_text_from_guests_is_escaped_in_the_log(lab):
    wire = Wire(lab.guests["web"])
    assert wire.ask(wire.request("discover", options=[("hostname", b'\x1b[31m"\n\\x')]))
    line = lab.service.wait_log(r'hostname "([^"]*)"').group(1)
    assert line == r"\x1b[31m\x22\x0a\x5cx"


def test_many_requests_at_once_are_all_answered(lab):
    """How many a port may send is the guards' business (test_floods.py)."""
    web = Wire(lab.guests["web"])
    for _ in range(100):
        web.line.send(raw(web.request("discover")))
    web.line.settimeout(0.5)
    answers = 0
    try:
        while True:
            frame = Ether(web.line.recv(4096))
            answers += BOOTP in frame and frame[BOOTP].op == 2
    except TimeoutError:
        pass
    assert answers == 100
    db = Wire(lab.guests["db"])
    assert db.ask(db.request("discover"))[BOOTP].yiaddr == "10.20.0.11"


# ---- isolated networks ----

def test_isolated_network_has_no_way_out(host, make_netns):
    net = network("cell", "10.30.0.1/24", {"a": "10.30.0.2"}, mode="isolated")
    lab = Lab(host, make_netns, net)
    lease = udhcpc(lab.guests["a"], "-O", "mtu", "-O", "staticroutes", "-O", "search")
    assert (lease["ip"], lease["serverid"], lease["mtu"]) == ("10.30.0.2", "10.30.0.1", "1500")
    assert not {"router", "dns", "staticroutes", "domain", "search"} & lease.keys()
    wire = Wire(lab.guests["a"])
    times = options(wire.ask(wire.request("discover")))
    assert times["renewal_time"] < times["rebinding_time"] <= 1800
    lab.service.close()


# ---- the process ----

def test_it_gave_up_its_rights(lab):
    status, told_us = lab.service.proc_status(), lab.service.status()["isolation"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0 or (name == "CapBnd" and "capability bounding set" in told_us["not_dropped"])
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert told_us["capabilities"] == 0 and told_us["no_new_privs"] and told_us["seccomp"] and not told_us["dumpable"]
    uids = set(status["Uid"].split())
    assert len(uids) == 1
    if not told_us["not_dropped"]:
        assert uids == {str(told_us["uid"])} and told_us["uid"] != 0
        assert set(status["Gid"].split()) == {str(told_us["gid"])} and status["Groups"].strip() == ""
    limits = open(f"/proc/{lab.service.pid}/limits").read()
    assert "Max core file size        0                    0" in limits
    assert os.readlink(f"/proc/{lab.service.pid}/cwd") == "/"


def link_of(descriptor):
    """What it leads to; "" for one that was closed since it was listed, as that of the last talk may be."""
    try:
        return os.readlink(descriptor)
    except FileNotFoundError:
        return ""


def test_it_keeps_no_descriptor_it_was_not_told_of(host):
    with open("/etc/hostname") as secret:
        os.set_inheritable(secret.fileno(), True)
        service = Service.__new__(Service)
        inherit = host.popen
        host.popen = lambda *argv, pass_fds=(), **kw: inherit(*argv, pass_fds=(*pass_fds, secret.fileno()), **kw)
        service.__init__(host)
        host.popen = inherit
    service.status()
    links = [link for link in map(link_of, Path(f"/proc/{service.pid}/fd").iterdir()) if link]
    assert len(links) >= 5  # standard three, control, log
    assert not [link for link in links if "hostname" in link or "mnt:" in link], links
    service.close()


def test_killed_and_started_again_it_serves_as_before(lab):
    wire = Wire(lab.guests["web"])
    assert wire.ask(wire.request("discover"))
    before = lab.service.pid
    lab.service.kill()
    with pytest.raises(ConnectionRefusedError):
        lab.service.connect()
    lab.service.start()
    lab.service.serve(LAB)
    assert lab.service.pid != before
    assert wire.ask(wire.request("discover"))[BOOTP].yiaddr == "10.20.0.10"


def test_update_changes_ports_without_new_sockets(lab):
    wire = Wire(lab.guests["web"])
    assert wire.ask(wire.request("discover"))
    changed = network("lab", "10.20.0.1/24", {**PORTS, "web": {"address": "10.20.0.10", "hostname": "renamed"}})
    lab.service.update(changed)
    assert lab.service.show("lab") == changed
    assert options(wire.ask(wire.request("discover")))["hostname"] == b"renamed"
    for wrong in ({"subnet": "10.21.0.1/24", "ports": []}, {"name": "other"}, {"mode": "isolated"}):
        with pytest.raises(Refused):
            lab.service.update({**changed, **wrong})
    assert lab.service.show("lab") == changed


def test_a_port_that_is_plugged_in_alone_is_served(lab):
    """Also when many came so, and what was served before goes on."""
    others = {name: port for name, port in PORTS.items() if name != "web"}
    lab.service.update(network("lab", "10.20.0.1/24", others))
    wire = Wire(lab.guests["web"])
    assert not wire.ask(wire.request("discover"))
    web, = (port for port in LAB["ports"] if port["name"] == "web")
    for number in range(60):
        late = {**web, "name": f"late{number}", "device": f"late{number}", "address": f"10.20.0.{100 + number}"}
        late.pop("hostname", None)
        lab.service.request("plug", network="lab", port=late)
    lab.service.request("plug", network="lab", port=web)
    assert wire.ask(wire.request("discover"))[BOOTP].yiaddr == "10.20.0.10"
    for wrong in (web, {**web, "name": "other"}, {**web, "name": "more", "device": "m0", "address": "10.99.0.1"},
                  {**web, "name": "more", "device": "m0", "unknown": 1}, {"name": "more"}, 7):
        with pytest.raises(Refused):
            lab.service.request("plug", network="lab", port=wrong)
    with pytest.raises(Refused):
        lab.service.request("plug", network="nowhere", port=web)
    assert wire.ask(wire.request("discover"))[BOOTP].yiaddr == "10.20.0.10"
    lab.service.update(LAB)
    assert wire.ask(wire.request("discover"))[BOOTP].yiaddr == "10.20.0.10"


def test_one_network_is_served_once(lab):
    """Whoever serves it again is refused, and the first sockets go on."""
    sockets = make_sockets(lab.host, {**LAB, "dns_port": 10054})
    text = memfd(LAB)
    with pytest.raises(Refused, match="served already"):
        lab.service.request("serve", [text, *(each.fileno() for each in sockets)])
    assert udhcpc(lab.guests["web"])["ip"] == "10.20.0.10"


def test_it_ends_with_its_last_network(lab):
    assert lab.service.status()["networks"] == ["lab"]
    assert lab.service.stop("lab")["networks"] == []
    assert lab.service.wait() == 0


BAD_REQUESTS = [
    b"{", b"[]", b"null", b"\xff\xfe", b'{"do":"fly"}', b'{"do":1}', b'{"do":"status","do":"stop"}', b'{"do":"stop"}',
    b'{"do":"stop","network":7}', b'{"do":"stop","network":"nowhere"}', b'{"do":"status","more":1}', b'{"do":"serve"}',
    b'{"do":"sockets"}', b'{"do":"update"}', b'{"do":"show"}', b'{"do":"show","network":"nowhere"}', b"[" * 60000,
    b"x" * 70000, b'{"do":"plug"}', b'{"do":"plug","network":"nowhere","port":{}}',
    b'{"do":"plug","network":7,"port":7}',
]


def test_bad_requests_are_refused_and_leak_nothing(host):
    with Service(host) as service, service.connect() as line:
        text = memfd(b"{}")
        assert service.exchange(b'{"do":"status"}', connection=line)[0]["ok"]
        before = service.fds()
        for datagram in BAD_REQUESTS:
            for fds in ((), (text,), (text,) * 3, (text,) * 8, (text,) * 100):
                reply, got = service.exchange(datagram, fds, connection=line)
                assert reply["ok"] is False and reply["code"] < 0 and reply["error"] and not got
                assert service.fds() == before, (datagram, fds)
        os.close(text)


BAD_NETWORKS = [
    b"", b"{}", b"[]", b"{" * 1000, b'{"name":"x"}', b"\x00" * 100, b" " * (5 << 20),
    *(json.dumps({**LAB, **wrong}).encode() for wrong in (
        {"name": "../x"}, {"subnet": None}, {"subnet": "fd00::1/64"}, {"unknown": 1}, {"mode": "bridge"},
        {"ports": [{"name": "a", "device": "a0", "address": "10.99.0.1"}]})),
]


def test_bad_networks_are_refused_and_leak_nothing(host):
    Lan(host, LAB)
    with Service(host) as service, service.connect() as line:
        sockets = [*make_sockets(host, LAB), *make_dhcp_sockets(host)]
        service.take_sockets(sockets[4:])
        assert service.exchange(b'{"do":"status"}', connection=line)[0]["ok"]
        before = service.fds()

        def refused(text, order=(0, 1, 2, 3)):
            fd = memfd(text)
            reply, _ = service.exchange(b'{"do":"serve"}', [fd, *(sockets[i].fileno() for i in order)], connection=line)
            os.close(fd)
            assert reply["ok"] is False and service.fds() == before, (text[:50], order)

        for text in BAD_NETWORKS:
            refused(text)
        good = json.dumps(LAB).encode()
        for order in ((1, 0, 2, 3), (0, 1, 3, 2), (0, 1), (), (0, 0, 0, 0), (0, 1, 2), (4, 1, 2, 3), (0, 5, 2, 3),
                      (0, 1, 2, 5)):
            refused(good, order)
        with open("/etc/hostname") as no_memory:
            reply, _ = service.exchange(b'{"do":"serve"}', [no_memory.fileno()] * 5, connection=line)
            assert reply["ok"] is False and "memfd" in reply["error"]


def test_a_client_who_says_nothing_keeps_nobody_waiting(host):
    with Service(host) as service:
        silent = [service.connect() for _ in range(15)]
        assert service.status()["ok"]
        more = service.connect(), service.connect()
        for line in silent:
            line.close()
        assert service.status()["ok"]
        for line in more:
            line.close()


def test_strangers_may_not_speak(host):
    """Another user who got hold of the socket is cut off."""
    need_all_users()
    with Service(host) as service:
        service.status()
        service.socket_path.chmod(0o777)
        host.tmp.chmod(0o755)
        done = host.run("setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "/usr/bin/python3", "-c",
                        "import socket, sys\n"
                        "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
                        "s.connect(sys.argv[1])\n"
                        "try:\n    s.send(b'{\"do\":\"status\"}')\n"
                        "    sys.exit(7 if s.recv(100) == b'' else 1)\n"
                        "except ConnectionError: sys.exit(7)\n", service.socket_path, check=False)
        assert done.returncode == 7, done.stderr
        service.wait_log("refused: not root")


def test_memory_with_900_ports(host):
    net = network("big", "10.40.0.1/16", {f"p{i}": {"address": f"10.40.{1 + i // 200}.{1 + i % 200}",
                                                   "mac": "02:00:00:00:00:02", "guest_mac": "52:54:00:00:00:07"}
                                         for i in range(900)})
    Lan(host, net)
    with Service(host) as service:
        service.serve(net)
        service.update(net)
        if service.status()["isolation"]["sanitizer"]:
            pytest.skip("a sanitizer needs more memory")
        peak = int(service.proc_status()["VmHWM"].split()[0])
        print(f"peak {peak} KB")
        assert peak < 6 * 1024
