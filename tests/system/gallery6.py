# SPDX-License-Identifier: MIT
"""Networks whose IPv6 is broken by one change, as gallery.py has them of IPv4 (see test_why6.py for their picture)."""

from gallery import (DOCKER, FORWARD, FROM_HOST, GATEWAY, INTO, NEAR, NO_FW, OUT, UFW, Broken, kill_service, nft)

LAB6 = """
networks:
  lab:
    subnet: 10.20.0.1/24
    subnet6: fd00:20::1/64
    ports:
      web: { mac: "52:54:00:00:00:07", address6: "fd00:20::7", forward: [8080:80] }
      db: { mac: "52:54:00:00:00:08", address6: "fd00:20::8" }
"""
OUTSIDE6 = "2001:503:ba3e::2:30"  # what `why` takes for "outside"
DNS = ("web", "host", "udp", "53")

NO_IP6TABLES = "for t in filter mangle raw; do ip6tables -t $t -F; ip6tables -t $t -X; done; " \
               "for c in INPUT FORWARD OUTPUT; do ip6tables -P $c ACCEPT; done"
NO_LEGACY6 = NO_IP6TABLES.replace("ip6tables", "ip6tables-legacy")
NO_FW6 = "nft delete table ip6 fw"
BACK = "ip -6 route replace default via fe80::a dev eth0"


def nft6(chain, rules="", policy="accept"):
    return nft(chain, rules, policy, "ip6 fw")


def lose_router(lab):
    """Whoever was there a moment ago is gone."""
    lab.world.outside.run("ip", "-6", "address", "del", "fe80::a/64", "dev", "out0")
    lab.host.run("ip", "-6", "neighbour", "flush", "dev", "eth0")


def find_router(lab):
    lab.world.outside.run("ip", "-6", "address", "replace", "fe80::a/64", "dev", "out0", "nodad")


def forget_neighbours(lab):
    """What the guest knows of its gateway lasts for a while."""
    lab.web.netns.run("ip", "-6", "neighbour", "flush", "dev", "eth0")


def lose_routers_address(lab):
    lab.host.run("ip", "-6", "address", "del", "fe80::1/64", "dev", "br-lab")
    forget_neighbours(lab)


def deaf_to_neighbours(lab):
    lab.host.run("sh", "-ec", nft6("type filter hook input priority 0",
                                   'iifname "br-lab" icmpv6 type nd-neighbor-solicit drop'))
    forget_neighbours(lab)


def close_input(lab):
    lab.host.run("sh", "-ec", "ip6tables -A INPUT -i eth0 -j ACCEPT; ip6tables -P INPUT DROP")
    forget_neighbours(lab)


def drop_advertisements(lab):
    """The host hears no answer; what it knew of the guest is forgotten."""
    lab.host.run("sh", "-ec", nft6("type filter hook input priority 0",
                                   'iifname "br-lab" icmpv6 type nd-neighbor-advert drop') +
                 "; ip -6 neighbour flush dev br-lab")


def deaf_to_the_router(lab):
    lab.host.run("sh", "-ec", nft6("type filter hook input priority 0", 'iifname "eth0" icmpv6 type nd-neighbor-advert '
                                   "drop") + "; ip -6 neighbour flush dev eth0")


def make_narrow(lab):
    """Both ends of the cable take less; nobody is told."""
    lab.host.run("sh", "-ec", "ip link set eth0 mtu 1400; " + nft6("type filter hook output priority 0",
                                                                   "icmpv6 type packet-too-big drop"))
    lab.world.outside.run("ip", "link", "set", "out0", "mtu", "1400")


def lose_address(lab):
    lab.web.netns.run("ip", "-6", "address", "del", "fd00:20::7/64", "dev", "eth0")


def take_other_address(lab):
    lose_address(lab)
    lab.web.netns.run("ip", "-6", "address", "add", "fd00:20::99/64", "dev", "eth0", "nodad")
    lab.arrives(OUT)  # what was never sent was never dropped


def take_address_back(lab):
    """And the host hears from it, rather than at the next time that it asks."""
    lab.web.netns.run("ip", "-6", "address", "flush", "dev", "eth0", "scope", "global")
    lab.web.netns.run("ip", "-6", "address", "add", "fd00:20::7/64", "dev", "eth0", "nodad")
    lab.web.netns.run("ip", "-6", "route", "replace", "default", "via", "fe80::1", "dev", "eth0")
    lab.web.netns.run("ping", "-c1", "-W2", "fd00:20::1")


GALLERY6 = [
    # the host's stack
    Broken("bridge does not forward", "sysctl -qw net.ipv6.conf.br-lab.force_forwarding=0", OUT, "forwarding",
           "br-lab does not forward IPv6"),
    Broken("uplink does not forward", "sysctl -qw net.ipv6.conf.eth0.force_forwarding=0", OUT, "forwarding", "eth0"),
    Broken("nothing forwards", "sysctl -qw net.ipv6.conf.all.force_forwarding=1; "
           "sysctl -qw net.ipv6.conf.all.force_forwarding=0", OUT, "forwarding", "br-lab"),
    Broken("bridge without IPv6", "sysctl -qw net.ipv6.conf.br-lab.disable_ipv6=1", OUT, "ip6-disabled",
           "net.ipv6.conf.br-lab.disable_ipv6 is 1", tried=False),
    Broken("no router's address", lose_routers_address, OUT, "gateway", "fe80::1/64", tried=False),
    Broken("no gateway address", "ip -6 address del fd00:20::1/64 dev br-lab", GATEWAY, "gateway", "fd00:20::1/64",
           tried=False),
    Broken("no default route", "ip -6 route del default", OUT, "route", f"no route to {OUTSIDE6}", mend=BACK),
    Broken("blackhole route", f"ip -6 route add blackhole {OUTSIDE6}/128", OUT, "route", f"blackhole {OUTSIDE6}/128"),
    Broken("unreachable route", "ip -6 route add unreachable 2001:503::/32", OUT, "route",
           "unreachable 2001:503::/32"),
    Broken("prohibited route", "ip -6 route add prohibit 2001:503:ba3e::/48", OUT, "route",
           "prohibit 2001:503:ba3e::/48"),
    Broken("rule that prohibits", "ip -6 rule add from fd00:20::/64 priority 77 prohibit", OUT, "policy-rule",
           "priority 77"),
    Broken("rule that swallows", "ip -6 rule add iif br-lab priority 78 blackhole", OUT, "policy-rule", "priority 78"),
    Broken("rule to an empty way", "ip -6 route add unreachable default table 77; ip -6 rule add iif br-lab priority "
           "79 table 77", OUT, "route", "unreachable", after="ip -6 rule del priority 79"),
    Broken("wrong gateway", "ip -6 route replace default via fe80::77 dev eth0", OUT, "neighbour", "fe80::77",
           mend=BACK, tried=False),
    Broken("dead router", lose_router, OUT, "neighbour", "fe80::a does not answer Neighbour Discovery",
           mend=find_router, tried=False),
    Broken("guest lost its address", lose_address, FROM_HOST, "neighbour", "fd00:20::7 does not answer",
           mend=take_address_back),
    Broken("route to another device", "ip -6 route add fd00:20::7/128 dev eth0", FROM_HOST, "route", "leaves by eth0",
           mend="ip -6 route del fd00:20::7/128 dev eth0"),
    Broken("neighbour at a wrong MAC", "ip neigh replace fd00:20::7 lladdr 02:00:00:00:00:66 dev br-lab nud permanent",
           OUT, "neighbour", "02:00:00:00:00:66"),
    Broken("no connection kept", "ip6tables -t raw -A PREROUTING -i br-lab -j CT --notrack", OUT, "untracked",
           "table ip6 raw", after=NO_IP6TABLES),
    Broken("MTU black hole", make_narrow, OUT, "mtu", "vanish", verdict="unknown", large=True, after=NO_FW6),

    # firewalls by hand
    Broken("ip6tables policy", "ip6tables -P FORWARD DROP", OUT, "forward-hook",
           "table ip6 filter, chain FORWARD: its policy is drop", after=NO_IP6TABLES),
    Broken("legacy policy", "ip6tables-legacy -P FORWARD DROP", OUT, "forward-hook",
           "legacy ip6tables table filter, chain FORWARD: its policy is drop", after=NO_LEGACY6),
    Broken("legacy rule", "ip6tables-legacy -N GONE; ip6tables-legacy -A GONE -s fd00:20::/64 -p ipv6-icmp -m comment "
           "--comment x -j DROP; ip6tables-legacy -A FORWARD -i br+ -j GONE", OUT, "forward-hook",
           "chain GONE, rule 1: ip6 saddr fd00:20::/64 meta l4proto ipv6-icmp", after=NO_LEGACY6),
    Broken("ip6tables rule", "ip6tables -A FORWARD -i br-lab -p ipv6-icmp -j REJECT", OUT, "forward-hook", "reject",
           after=NO_IP6TABLES),
    Broken("ip6tables, raw", "ip6tables -t raw -A PREROUTING -i br-lab -s fd00:20::/64 -j DROP", OUT,
           "prerouting-hook", "ip6 saddr fd00:20::/64", after=NO_IP6TABLES),
    Broken("ip6tables, mangle", "ip6tables -t mangle -A FORWARD -s fc00::/7 -j DROP", OUT, "forward-hook",
           "table ip6 mangle", after=NO_IP6TABLES),
    Broken("ip6tables, answers alone", "ip6tables -A FORWARD -m conntrack --ctstate ESTABLISHED -o br-lab -j DROP", OUT,
           "forward-hook", "ct state established", after=NO_IP6TABLES),
    Broken("ip6tables, input", close_input, DNS, "input-hook", "table ip6 filter, chain INPUT: its policy is drop",
           after=NO_IP6TABLES, tried=False),
    Broken("ip6tables, output", "ip6tables -P OUTPUT DROP", GATEWAY, "output-hook", "table ip6 filter, chain OUTPUT",
           after=NO_IP6TABLES, tried=False),
    Broken("DNS dropped at the input", nft6("type filter hook input priority 0", 'iifname "br-lab" udp dport 10053 '
           "drop"), DNS, "input-hook", "udp dport 10053 drop", after=NO_FW6),
    Broken("no neighbour is told the gateway's MAC", deaf_to_neighbours, OUT, "input-hook", "icmpv6 type 135 drop",
           after=NO_FW6, tried=False),
    Broken("no neighbour is heard", drop_advertisements, FROM_HOST, "input-hook", "icmpv6 type 136 drop",
           after=NO_FW6),
    Broken("the host's router is not heard", deaf_to_the_router, OUT, "input-hook", "icmpv6 type 136 drop",
           after=NO_FW6, tried=False),
    Broken("nft policy", nft6(FORWARD, policy="drop"), OUT, "forward-hook", "table ip6 fw, chain c", after=NO_FW6),
    Broken("nft rule", nft6(FORWARD, "ip6 saddr fd00:20::/64 counter drop"), OUT, "forward-hook",
           "ip6 saddr fd00:20::/64 counter drop", after=NO_FW6),
    Broken("nft, one family of two", nft(FORWARD, "meta nfproto ipv6 drop"), OUT, "forward-hook",
           "meta nfproto ipv6 drop", after=NO_FW),
    Broken("nft, ranges", nft6(FORWARD, "ip6 saddr { fd00:20::5-fd00:20::9, fd00:99::/64 } reject"), OUT,
           "forward-hook", "reject", after=NO_FW6),
    Broken("nft postrouting", nft6("type filter hook postrouting priority 0", 'oifname "eth0" drop'), OUT,
           "postrouting-hook", 'oifname "eth0" drop', after=NO_FW6),
    Broken("netdev ingress", nft('type filter hook ingress device "lab-web" priority 0', "meta protocol ip6 drop",
                                 table="netdev fw"), OUT, "ingress-hook", "table netdev fw",
           after="nft delete table netdev fw"),
    Broken("br_netfilter", "sysctl -qw net.bridge.bridge-nf-call-ip6tables=1; ip6tables -P FORWARD DROP", NEAR,
           "forward-hook", "chain FORWARD", after=NO_IP6TABLES),
    Broken("forward shadowed", nft6("type nat hook prerouting priority -150", "tcp dport 8080 dnat to "
                                    "[2001:db8:a::9]:9"), INTO, "forward-shadowed", "table ip6 fw, chain c",
           after=NO_FW6),
    Broken("forward forgotten", "nft flush map inet tapnet forwards6", INTO, "forward-missing", "8080:80"),
    Broken("forward dropped", nft6(FORWARD, "tcp dport 80 ct status dnat drop"), INTO, "forward-hook",
           "tcp dport 80 ct status", after=NO_FW6),

    # other programs' rules
    Broken("Docker", DOCKER.replace("iptables", "ip6tables"), OUT, "forward-hook",
           "table ip6 filter, chain FORWARD (Docker): its policy is drop", after=NO_IP6TABLES),
    Broken("ufw", UFW.replace("iptables", "ip6tables").replace("ufw-", "ufw6-")
           .replace("-p icmp --icmp-type", "-p ipv6-icmp --icmpv6-type"), OUT, "forward-hook",
           "its policy is drop", after=NO_IP6TABLES),

    # our own
    Broken("ruleset flushed", "nft flush ruleset", OUT, "nat", "nothing translates it", tried=False),
    Broken("egress forgotten", "nft flush set inet tapnet egress6", OUT, "forward-hook", "not as they should be"),
    Broken("addresses forgotten", "nft flush set bridge tapnet port_addresses6", OUT, "guard", "not as they should be"),
    Broken("another's address", take_other_address, OUT, "guard-drops", "forged", mend=take_address_back,
           verdict="unknown", silent=True, tried=False),
    Broken("service killed", kill_service, DNS, "service", "does not answer", tried=False),
    Broken("service killed, DHCPv6", kill_service, ("web", "host", "udp", "547"), "service", "does not answer",
           tried=False),
]
