# SPDX-License-Identifier: MIT
"""The package on a Debian with systemd, told as one story from `apt install` to `apt purge`; the tests are its chapters
and come in this order. The picture is in conftest.py.
"""

import json
import re

import pytest

LAB = """\
networks:
  lab:
    subnet: 10.20.0.1/24
    ports:
      web: { mac: 52:54:00:00:00:99 }
      db: { address: 10.20.0.7, mac: 52:54:00:00:00:07 }
"""
OFFICE = "networks: { office: { subnet: 10.30.0.1/24, ports: { desk: { mac: \"52:54:00:00:00:98\" } } } }\n"
HOOKED = """
networks:
  hooked:
    subnet: 10.40.0.1/24
    hooks: { plugged: /etc/tapnet/hook, unplugged: /etc/tapnet/hook }
    ports: { desk: {} }
"""
HOOK = "#!/bin/sh\necho $TAPNET_EVENT $TAPNET_PORT >>/root/said\n"

# Every fact that "without a trace" is about. Left out is what other programs change all the time, and what systemd,
# dpkg and the C library keep for themselves about any package.
TRACES = r"""
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /test -o -path /tmp -o -path /var/log \
        -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/lib/systemd -o -path /var/tmp \
        -o -path /var/backups -o -path /var/lib/NetworkManager \) -prune -o -print
    find /run -xdev ! -path '/run/systemd/*' ! -path '/run/udev/*' ! -path '/run/NetworkManager*' ! -path /run/netns \
        ! -path /run/command ! -path /run/output
    find /etc -type f ! -name ld.so.cache ! -name '*-' -exec md5sum {} +
    ip -json link | sed 's/"ifindex"/\n&/g' | grep -o '"ifname":"[^"]*"'
    ip -json address | grep -o '"local":"[^"]*"'
    ip rule; ip route show table all; nft list ruleset
    grep -rs . /proc/sys/net/ipv4/conf /proc/sys/net/ipv4/ip_forward
"""


@pytest.fixture(scope="module")
def before(machine):
    """What there was of everything before tapnet came."""
    return facts(machine)


def facts(machine):
    return set(machine.out(TRACES, timeout=300).splitlines())


def write(machine, name, text):
    machine.out(f"mkdir -p /etc/tapnet; cat > /etc/tapnet/{name}.yaml <<'END'\n{text}END")


def status(machine):
    return json.loads(machine.out("tapnet status --json"))


def assert_up(machine, *names):
    """These networks are there, whole, and served."""
    found = status(machine)
    assert found["problems"] == []
    assert sorted(network["name"] for network in found["networks"] if network["served"]) == sorted(names)


def ports(machine):
    """(device, MAC of the TAP, MAC of the guest, address) of every port."""
    return [(port["device"], machine.out(f"cat /sys/class/net/{port['device']}/address"), port["mac"],
             *port["addresses"]) for network in status(machine)["networks"] for port in network["ports"]]


def assert_guest_lives(machine, port="web", mac="52:54:00:00:00:99"):
    """A guest on lab's port gets its address, finds its neighbour, and fetches a page from outside."""
    machine.out(f"/test/vm {port} plug lab-{port} {mac}")
    machine.out(f"/test/vm {port} udhcpc -q -n -i eth0 -s /bin/udhcpc.script")
    assert "10.20.0.7" in machine.out(f"/test/vm {port} nslookup -type=a db.lab")
    assert machine.out(f"/test/vm {port} wget -q -O - http://outside.example/")
    machine.out(f"/test/vm {port} pull")


def keeper_log(machine):
    """It stands in the run directory, or with systemd when that has started the keeper again."""
    return machine.out("journalctl -b -q -o cat -u tapnet-keeper.service; cat /run/tapnet/*/keeper.log")


def service_pid(machine):
    return int(machine.out("pidof tapnet-service"))


# ---- chapter 1: it is installed and started ----

def test_apt_installs_it_without_a_network(machine, before):
    machine.out("apt-get install -q -y /test/tapnet_*.deb")
    assert machine.out("getent passwd tapnet").split(":")[5:] == ["/", "/usr/sbin/nologin"]
    assert machine.sh("pidof tapnet-service tapnet-keeper").rc != 0  # nothing runs that nobody asked for


def test_a_network_is_enabled_and_there(machine):
    write(machine, "lab", LAB)
    machine.out("systemctl enable --now tapnet@lab")
    assert_up(machine, "lab")
    assert_guest_lives(machine)


def test_the_service_has_no_rights(machine):
    words = dict(line.split(":\t", 1) for line in
                 machine.out(f"cat /proc/{service_pid(machine)}/status").splitlines() if ":\t" in line)
    user = machine.out("id -u tapnet")
    assert words["Uid"].split() == [user] * 4
    assert [words[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == ["0" * 16] * 5
    assert (words["NoNewPrivs"], words["Seccomp"]) == ("1", "2")


def test_the_residents_stand_in_units_of_their_own(machine):
    """None of them in the unit that brought the network up, so that it can stop without them."""
    units = {name: machine.out(f"ps_cgroup=$(cat /proc/$(pidof {name})/cgroup); echo ${{ps_cgroup##*/}}")
             for name in ("tapnet-service", "tapnet-keeper")}
    assert units["tapnet-service"].startswith("tapnet-service@")
    assert units["tapnet-keeper"] == "tapnet-keeper.service"
    keeper = machine.out("cat /proc/$(pidof tapnet-keeper)/status")
    assert f"CapEff:\t{1 << 12:016x}\n" in keeper and f"CapPrm:\t{1 << 12:016x}\n" in keeper  # CAP_NET_ADMIN alone
    assert machine.sh("pidof tapnet-starter").rc != 0  # systemd is who starts the service


def test_systemd_rates_their_exposure(machine):
    """Out of 100: 20 at most."""
    machine.out("systemd-analyze security --no-pager --threshold=20 tapnet-service@0.service")
    machine.out("systemd-analyze security --no-pager --threshold=20 tapnet-keeper.service")


def test_what_is_killed_comes_back_and_mends(machine):
    old = service_pid(machine)
    machine.out("kill -9 $(pidof tapnet-service)")
    machine.wait_for(f"pidof tapnet-service | grep -qvw {old} && tapnet status > /dev/null", 60)
    kept = service_pid(machine)
    machine.out("kill -9 $(pidof tapnet-keeper); ip link set lab-db nomaster")
    machine.wait_for("tapnet status > /dev/null && pidof tapnet-keeper", 60)
    assert service_pid(machine) == kept
    assert_up(machine, "lab")
    machine.out("journalctl -b -q -o cat -u tapnet-keeper.service | grep 'set lab: .*lab-db'")


def test_both_killed_come_back_and_serve(machine):
    """The keeper may open no packet socket: systemd has kept the one that it was handed."""
    machine.out("kill -9 $(pidof tapnet-keeper tapnet-service)")
    machine.wait_for("pidof tapnet-service && pidof tapnet-keeper && tapnet status > /dev/null", 60)
    assert_up(machine, "lab")
    assert_guest_lives(machine)
    machine.out("systemctl restart tapnet-keeper; kill -9 $(pidof tapnet-service)")
    machine.wait_for("pidof tapnet-service && pidof tapnet-keeper && tapnet status > /dev/null", 60)
    assert_up(machine, "lab")


def test_hooks_of_ports_stand_in_a_unit_of_their_own(machine):
    """With all rights, as the unit that brings their network up has not; killed, they go on where they stopped."""
    write(machine, "hooked", HOOKED)
    machine.out(f"cat > /etc/tapnet/hook <<'END'\n{HOOK}END\nchmod 755 /etc/tapnet/hook")
    assert machine.sh("pidof tapnet-hooks").rc != 0
    machine.out("systemctl start tapnet@hooked")
    assert machine.out("cat /proc/$(pidof tapnet-hooks)/cgroup").endswith("/tapnet-hooks.service")
    machine.out("tapnet run -q hooked/one -- sh -c 'sleep 1' sh {fd}")
    machine.wait_for("grep -q 'unplugged one' /root/said", 20)
    assert machine.out("cat /root/said").split("\n") == ["plugged one", "unplugged one"]
    machine.out("kill -9 $(pidof tapnet-hooks)")
    machine.wait_for("pidof tapnet-hooks && tapnet status > /dev/null", 60)
    machine.out("tapnet run -q hooked/two -- sh -c 'sleep 1' sh {fd}")
    machine.wait_for("grep -q 'unplugged two' /root/said", 20)
    machine.out("systemctl stop tapnet@hooked")
    assert machine.sh("pidof tapnet-hooks").rc != 0
    machine.out("! ls /run/tapnet/*/hooks.*; rm /root/said /etc/tapnet/hook /etc/tapnet/hooked.yaml")
    assert_up(machine, "lab")


def test_systemd_has_nothing_to_say_about_the_units(machine):
    units = machine.out("dpkg -L tapnet | grep -E '/systemd/system/[^/]+\\.(service|socket)$'").split()
    assert len(units) == 7
    names = " ".join({path.rsplit("/", 1)[1].replace("@.", "@lab.") for path in units})
    assert machine.out(f"systemd-analyze verify --man=no {names} 2>&1") == ""


# ---- chapter 2: others leave it alone ----

def test_networkd_and_udev_leave_our_devices_alone(machine):
    """A .network file of this host matches everything; udev would give a TAP another MAC."""
    had = ports(machine)
    machine.out("udevadm trigger --subsystem-match=net --action=add; udevadm settle; networkctl reload")
    states = {words[1]: words[4] for words in map(str.split, machine.out("networkctl --no-legend").splitlines())}
    states.pop("lo")
    assert states == {"enp0s1": "configured", "br-lab": "unmanaged", "lab-web": "unmanaged", "lab-db": "unmanaged"}
    assert_up(machine, "lab")
    assert ports(machine) == had


def test_a_device_is_ours_from_its_first_instant(machine):
    """udevd looks at a TAP as soon as there is one: forty chances to be too early."""
    names = [f"p{i}" for i in range(40)]
    text = "networks: { many: { ports: { " + ", ".join(f"{name}: {{}}" for name in names) + " } } }\n"
    write(machine, "many", text)
    try:
        machine.out("tapnet up /etc/tapnet/many.yaml && udevadm settle")
        machine.wait_for("tapnet status > /dev/null")
        links = machine.out("for name in /sys/class/net/many-*; do udevadm info --query=property $name; done")
        assert links.count("TAPNET=1") == len(names) and links.count("10-tapnet.link") == len(names)
        masters = machine.out("for name in /sys/class/net/many-*; do readlink $name/master; done").splitlines()
        assert masters == ["../br-many"] * len(names)
        assert "many-p" not in keeper_log(machine)  # nor had the keeper to put anything right
    finally:
        machine.out("tapnet down many; rm /etc/tapnet/many.yaml")


def test_network_manager_leaves_our_devices_alone(machine):
    had = ports(machine)
    machine.out("systemctl start NetworkManager; nm-online -s -q -t 120")
    try:
        states = dict(line.split(":") for line in machine.out("nmcli -t -f DEVICE,STATE device").splitlines())
        assert {name: states[name] for name in ("br-lab", "lab-web", "lab-db")} == dict.fromkeys(
            ("br-lab", "lab-web", "lab-db"), "unmanaged")
        machine.out("tapnet down lab; tapnet up /etc/tapnet/lab.yaml; nm-online -s -q -t 120; udevadm settle")
        assert_up(machine, "lab")
        assert ports(machine) == had
    finally:
        machine.out("systemctl stop NetworkManager")


def test_an_uplink_that_networkd_manages_stays_its(machine):
    """Mode bridge names who would give the host its addresses back."""
    write(machine, "lan", "networks: { lan: { mode: bridge, uplink: enp0s1 } }\n")
    machine.out("tapnet down lab")
    try:
        refused = machine.sh("tapnet up /etc/tapnet/lan.yaml 2>&1")
        assert refused.rc == 2, refused.output
        assert re.search(r"uplink enp0s1: systemd-networkd \(\d+\) manages it", refused.output), refused.output
        assert "master" not in machine.out("ip link show enp0s1")
    finally:
        machine.out("rm /etc/tapnet/lan.yaml; tapnet up /etc/tapnet/lab.yaml")


# ---- chapter 3: the host's own resolver ----

def resolve(machine, name):
    """The address that programs of the host get for a name; "" for none."""
    return machine.sh(f"getent ahostsv4 {name}").output.partition(" ")[0]


@pytest.fixture
def plugged(machine):
    """A guest on lab's port web, with its lease: systemd-resolved asks nobody by a link without carrier."""
    machine.out("/test/vm web plug lab-web 52:54:00:00:00:99; /test/vm web udhcpc -q -n -i eth0 -s /bin/udhcpc.script")
    machine.wait_for("resolvectl status br-lab | grep -q 'Current Scopes: DNS'")
    yield
    machine.out("/test/vm web pull")


def test_the_host_resolves_guests_names(machine, plugged):
    assert resolve(machine, "db.lab") == "10.20.0.7"
    assert resolve(machine, "outside.example") == "10.77.0.1"
    assert resolve(machine, "nobody.lab") == ""
    assert "10.20.0.1:10053" in machine.out("resolvectl dns br-lab")
    assert machine.out("resolvectl domain br-lab").endswith(": ~lab")
    assert machine.out("resolvectl default-route br-lab").endswith(": no")
    assert "10.20.0.1" not in machine.out("cat /run/systemd/resolve/resolv.conf")


def test_guests_get_past_the_stub(machine, plugged, outside):
    """They are answered by whom resolved asks, follow it to another, and don't learn what the host alone may know."""
    write(machine, "office", OFFICE)
    machine.out("systemctl start tapnet@office; /test/vm desk plug office-desk 52:54:00:00:00:98")
    machine.wait_for("getent ahostsv4 desk.office")
    assert machine.out("/test/vm web cat /etc/resolv.conf") == "search lab\nnameserver 10.20.0.1"
    assert "10.77.0.1" in machine.out("/test/vm web nslookup -type=a outside.example")
    assert machine.sh("/test/vm web nslookup -type=a desk.office").rc != 0
    outside.run("ip", "address", "add", "10.77.0.2/24", "dev", "br0")
    machine.out("resolvectl dns enp0s1 10.77.0.2")
    assert "10.77.0.1" in machine.out("/test/vm web nslookup -type=a outside.example")
    log = machine.out("cat /run/tapnet/*/service.log")
    assert re.findall(r"dns: asking (\S+)", log)[-2:] == ["10.77.0.1", "10.77.0.2"]
    machine.out("/test/vm desk pull; systemctl stop tapnet@office; resolvectl revert enp0s1")
    machine.wait_for("resolvectl dns enp0s1 | grep -q 10.77.0.1")


def wait_for_names(machine):
    """Until resolved knows whom to ask for lab's names."""
    machine.wait_for("resolvectl domain br-lab | grep -q ': ~lab$' && resolvectl dns br-lab | grep -q 10.20.0.1")


def test_what_the_resolver_forgets_the_keeper_tells_it_again(machine, plugged):
    machine.out("systemctl restart systemd-resolved")
    assert resolve(machine, "db.lab") == "10.20.0.7"  # it keeps what it was told
    machine.out("resolvectl revert br-lab")
    wait_for_names(machine)
    assert resolve(machine, "db.lab") == "10.20.0.7"
    machine.out("resolvectl domain br-lab lab example.org")
    wait_for_names(machine)
    machine.out("systemctl stop systemd-resolved; rm -rf /run/systemd/resolve/*; systemctl start systemd-resolved")
    wait_for_names(machine)
    assert "is unknown to the host's resolver" in keeper_log(machine)


def test_without_a_keeper_status_says_it_and_up_mends_it(machine):
    machine.out("kill -STOP $(pidof tapnet-keeper); resolvectl revert br-lab")
    try:
        assert machine.sh("tapnet status").output.count("is unknown to the host's resolver") == 1
        machine.out("tapnet up --no-keeper /etc/tapnet/lab.yaml")
        assert machine.out("resolvectl domain br-lab").endswith(": ~lab")
    finally:
        machine.out("kill -CONT $(pidof tapnet-keeper)")


def test_a_resolver_that_hangs_or_is_gone_holds_nobody_up(machine):
    machine.out("kill -STOP $(pidof systemd-resolved)")
    done = machine.sh("timeout 60 tapnet up /etc/tapnet/office.yaml && timeout 60 tapnet down office")
    machine.out("kill -CONT $(pidof systemd-resolved)")
    assert done.rc == 0, done.output
    machine.out("systemctl stop systemd-resolved; tapnet down lab; tapnet up /etc/tapnet/lab.yaml")
    assert_up(machine, "lab")
    machine.out("systemctl start systemd-resolved")
    wait_for_names(machine)
    assert_up(machine, "lab")


def test_a_killed_tapnet_leaves_no_names(machine):
    """They are the bridge's, and go with it."""
    machine.out("tapnet down lab; tapnet up --no-keeper /etc/tapnet/lab.yaml; kill -9 $(pidof tapnet-service)")
    machine.out("rm -r /run/tapnet/*/networks; tapnet down lab")
    assert "lab" not in machine.out("resolvectl")
    machine.out("tapnet up /etc/tapnet/lab.yaml")
    assert_up(machine, "lab")


def test_one_answer_beside_a_stub_on_every_address(machine):
    """resolved listens on *:53 too: a guest gets one offer and one answer, and no "port unreachable"."""
    machine.out("mkdir -p /run/systemd/resolved.conf.d; "
                "printf '[Resolve]\nDNSStubListenerExtra=0.0.0.0\n' > /run/systemd/resolved.conf.d/all.conf; "
                "systemctl restart systemd-resolved; ss -lnu sport = 53 | grep -q 0.0.0.0:53")
    heard = machine.out("python3 /test/tap_guest.py lab-web 52:54:00:00:00:99 outside.example")
    machine.out("rm -r /run/systemd/resolved.conf.d; systemctl restart systemd-resolved")
    address = status(machine)["networks"][0]["ports"][0]["addresses"][0]
    assert heard.splitlines() == [f"offer 10.20.0.1 {address}", "answer 10.20.0.1 10.77.0.1"]


def test_with_the_network_its_names_go(machine):
    machine.out("systemctl stop tapnet@lab")
    assert "lab" not in machine.out("resolvectl")
    machine.out("systemctl start tapnet@lab")
    assert machine.out("resolvectl domain br-lab").endswith(": ~lab")


# ---- chapter 4: sets come and go ----

def test_sets_share_the_service_and_don_t_end_it_for_each_other(machine):
    write(machine, "office", OFFICE)
    machine.out("systemctl start tapnet@office")
    pid = service_pid(machine)
    machine.out("systemctl restart tapnet@lab")
    assert service_pid(machine) == pid
    assert_up(machine, "lab", "office")
    machine.out("systemctl stop tapnet@lab")
    assert_up(machine, "office")
    assert machine.sh("ip link show br-lab").rc != 0
    machine.out("systemctl start tapnet@lab; systemctl stop tapnet@office")
    assert_up(machine, "lab")
    assert_guest_lives(machine)


def test_reload_takes_the_edited_file_and_disturbs_nobody(machine):
    machine.out("test_index() { cat /sys/class/net/lab-web/ifindex; }; before=$(test_index); "
                "echo '      mail: {}' >> /etc/tapnet/lab.yaml; systemctl reload tapnet@lab; "
                "test -e /sys/class/net/lab-mail; test $before = $(test_index)")
    write(machine, "lab", LAB)
    machine.out("systemctl reload tapnet@lab")
    assert_up(machine, "lab")


def test_nftables_reload_does_not_leave_guests_without_guards(machine):
    """The host's own `flush ruleset` takes our tables; the reload goes on to the unit, which brings them back."""
    machine.out("systemctl start nftables; tapnet up /etc/tapnet/lab.yaml")
    machine.out("systemctl reload nftables")
    machine.wait_for("! systemctl list-jobs --no-legend | grep tapnet")
    assert_up(machine, "lab")
    machine.out("systemctl stop nftables; tapnet up /etc/tapnet/lab.yaml")


# ---- chapter 5: the host boots again ----

def test_after_a_reboot_the_network_is_back_by_itself(machine):
    had = ports(machine)
    machine.reboot()
    assert_up(machine, "lab")
    assert ports(machine) == had
    assert machine.out("resolvectl domain br-lab").endswith(": ~lab")
    assert_guest_lives(machine)


# ---- the end: it is removed ----

def test_apt_removes_it_without_a_trace(machine, before):
    """Networks that are up go with it: one of the unit's, and one that was brought up by hand."""
    machine.out("tapnet up /etc/tapnet/office.yaml")
    machine.out("apt-get remove -q -y tapnet")
    assert machine.sh("pidof tapnet-service tapnet-keeper tapnet-hooks").rc != 0
    machine.out("rm /etc/tapnet/*; apt-get purge -q -y tapnet")
    left = facts(machine)
    assert (before - left, left - before) == (set(), set())
    assert machine.sh("getent passwd tapnet").rc != 0
