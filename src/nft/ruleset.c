/* SPDX-License-Identifier: MIT */
/* What the guards say of packets, rule by rule; above each the text that `nft` has for it. */
#include "nft/ruleset.h"

#include <linux/netfilter_ipv4.h>

#include "base/array.h"
#include "nft/words.h"

/*
 * How it works: the rules never change and never grow. What is per network or per port is in the sets, and what is in
 * no set is not ours and passes untouched; each table's base chains sort that out first and send the rest to a chain
 * that ends with a drop. So a port fails closed: known to the sets and to no rule, it gets nowhere.
 *
 * inet: what guests reach. A network's bridge is in `networks`; so is every port, whose own name shows up here only
 * when its frames got past the bridge: when it was taken out of it, or by 01:80:c2:00:00:02 (link aggregation), which
 * the kernel hands to the port's own IP stack. (The other addresses of 802.1D pass the bridge table like all frames,
 * since our bridges are told so; and ARP, which no table of inet sees, our ports do not speak: netlink/link.h.) With
 * br_netfilter, frames between two ports of one bridge pass `forward` too, as (bridge, bridge): `bridged` lets them, of
 * any family.
 *
 * Most packets belong to a connection that is known: one look at `paths`, which holds every pair that the rules below
 * would accept them for, is all that these cost. Only the first of each goes the long way, and what begins a TCP
 * connection is told how large segments may be: a guest may not have heard of the MTU, nor who it speaks to.
 *
 * From a network to an uplink the pairs in `egress` are accepted if conntrack knows what it has to do with them, since
 * else they would leave with the guest's own address; back only replies, and only by that uplink: between two networks
 * of ours nothing has a way, not even what conntrack takes for a reply or for a related error, which guests can forge.
 *
 * Forwards: what comes for an address of the host and is in one of the maps goes to a guest; the guest sees who sent
 * it, and answers by the host, its gateway. Only where it could not answer so is the sender translated too: 127.0.0.1,
 * which is nobody's address elsewhere, and guests of the same bridge, whom it would answer at once (between two routed
 * ones all goes by the host anyway; but who comes back to itself by a forward would take it for forged). Loopback
 * addresses other than 127.0.0.1 are left to the programs of the host (127.0.0.53 is a resolver), and what says it is
 * for one, or from one, and comes in by a device, is no forward's: so what is bound to 127.0.0.1 can't be reached but
 * from the host itself. (By IPv6, ::1 leads to no guest: the kernel would not find the way for replies to it back.
 * Link-local addresses don't either.) `forward` lets through what was translated and goes to a guest in `published`,
 * and the replies to that.
 *
 * bridge: what ports send. It is the first to see a frame, before br_netfilter and conntrack do. A DHCP request ends
 * here: the service gets a copy from netfilter's log, which names the device that it came in by, and no port, no
 * program of the host ever sees it, also when nobody serves. One port can't take the others' share of the service: what
 * it may ask of DHCP and DNS has a limit a port.
 *
 * Who is limited in what it sends is not in `port_addresses`, so that only its own packets are held against a limit; a
 * routed one is not in `routed_addresses`. And a routed one whose connections are counted is not in `ways`, for what it
 * sends: what conntrack knows goes out by `paths` then, and all else by the chain that counts.
 *
 * A frame from a MAC that is not known to be its port's comes by `strange_mac`. Where the file names no MAC, the first
 * one is learnt, unless it is somebody else's in the network, whose number stands in the packet's mark meanwhile. Two
 * processors may look at once and find the same thing missing: of the frames that claim one port, or one MAC, at the
 * same instant, the limits let one through; what it adds has long been there when they would let the next one. What was
 * learnt is forgotten by plan/learned.c. IPv4 addresses are added to `port_addresses` as they are used, so that packets
 * of such a port take the same way in haste as others.
 *
 * A routed network has no bridge. What its ports send is seen as packets, by the chain `routed` of inet before
 * conntrack sees them, and as ARP by the table arp; both say of it what the bridge table says of bridged ports. It
 * comes before fragments are put together, too: the kernel does that by addresses and a number, whichever port they
 * came by; so a forged one in the middle would be taken for anybody's. What passed has an address that is its port's
 * own. So whether two guests are of one network is told by their two addresses alone (`peers`), and from a port to
 * its uplink and back all may pass (`ways`): these addresses are the LAN's affair. Of IPv6 less has to be said of it,
 * since nobody but the host hears it (`from_routed6`): no other's neighbour can be claimed. Who asks for its
 * neighbours themselves is answered by the service (service/neighbour.h).
 *
 * What may not reach the host, or leave, is counted for who sent it (`refuse`). Behind a bridge that is told by the
 * source: of IPv4 the address, which is pinned, of IPv6 the MAC, since link-local addresses are drawn by lot. What is
 * for a group is not counted: the neighbours hear it, and a guest that says its name to them cheats nobody.
 *
 * With a source route the destination that the rules see would not be where the packet goes. The kernel refuses these
 * by default, the host's administrator may not: so headers with options are looked at before all else.
 *
 * An ICMP error tells of a packet, and who believes it gives up a connection, or sends shorter packets: conntrack takes
 * one from any guest for a part of its neighbour's connection, and translates it. An honest one is from the address
 * that the packet was for. No rule compares two fields of a packet: so the source, when it has been found to be the
 * port's own, is added to `errors`, and the other address looked up there. By IPv6 the sets of addresses are asked.
 *
 * Of IPv6 little is forbidden, and that must not hide. The kernel looks for the protocol behind all extension headers;
 * where it does not find it (in a first fragment that ends among them, in a later one that may go on with them) `meta
 * l4proto` has no value, which ends any rule that asks for it: those that accept ask (RFC 7113 says why). A fragment
 * that goes on with what is no extension header may pass: what its first one is was seen.
 *
 * Whom a guest is by IPv6 is pinned as by IPv4: its source address, and what it says of addresses and MACs in
 * Neighbour Discovery, where no other header may stand between. Its addresses are its port's, and the link-local one of
 * its MAC. Of other link-local addresses it may use those that are made of no MAC and are no router's (fe80::1): guests
 * draw them by lot. `nft` knows no names for what stands in Neighbour Discovery, and says @th,64,128; so sets that this
 * is compared with are of no type either, and other rules look into them in the same way: without what would have it
 * say `ip6 saddr` in place of @nh,64,128.
 */

static const struct nft_chain inet_chains[] = {
    {"input", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER},
    {"forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER},
    {"dns", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST - 2}, /* port 53 of the gateway is never forwarded */
    {"forwards", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST - 1},
    {"local_forwards", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST - 1},
    {"source_nat", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC},
    {"routed", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW_BEFORE_DEFRAG},
    {"guest_to_host", NULL, 0, 0},
    {"from_guest", NULL, 0, 0},
    {"to_guest", NULL, 0, 0},
    {"from_closed", NULL, 0, 0},
    {"block", NULL, 0, 0},
    {"refuse", NULL, 0, 0},
    {"too_many", NULL, 0, 0},
    {"forwarded", NULL, 0, 0},
    {"forwarded6", NULL, 0, 0},
    {"segments", NULL, 0, 0},
};

static const struct nft_rule inet_rules[] = {
    /* iifname @networks goto guest_to_host */
    {"input", "what guests may reach of the host", {IIFNAME, IN(GUARD_NETWORKS), GOTO("guest_to_host")}},

    /* tcp flags syn jump segments */
    {"forward",
     "no larger segments than the way takes",
     {L4(IPPROTO_TCP), TCP_FLAGS, MASK(TCP_SYN), IS_NOT(0), JUMP("segments")}},
    /* meta nfproto ipv4 ct state established iifname . oifname @paths accept */
    {"forward",
     "known connections, in haste",
     {IS_IP4, CT_STATE(ESTABLISHED), IIFNAME, OIFNAME, IN(GUARD_PATHS), ACCEPT}},
    /* iifname . oifname @ways ip daddr != 169.254.0.0/16 accept */
    {"forward",
     "between routed ports and their uplink",
     {IIFNAME, OIFNAME, IN(GUARD_WAYS), IS_IP4, NOT_LINK_LOCAL4, ACCEPT}},
    /* iifname . oifname @ways6 ip6 daddr != fd00:ec2::254 accept */
    {"forward", "the same by IPv6", {IIFNAME, OIFNAME, IN(GUARD_WAYS6), IS_IP6, NOT_METADATA6, ACCEPT}},
    /* meta nfproto ipv6 ct state established iifname . oifname @paths6 accept */
    {"forward", "the same of IPv6", {IS_IP6, CT_STATE(ESTABLISHED), IIFNAME, OIFNAME, IN(GUARD_PATHS6), ACCEPT}},
    /* iifname @networks goto from_guest */
    {"forward", "where guests may go", {IIFNAME, IN(GUARD_NETWORKS), GOTO("from_guest")}},
    /* oifname @networks goto to_guest */
    {"forward", "what may reach guests", {OIFNAME, IN(GUARD_NETWORKS), GOTO("to_guest")}},
    /* meta nfproto ipv4 iifname @closed goto from_closed */
    {"forward", "no router for others", {IS_IP4, IIFNAME, IN(GUARD_CLOSED), GOTO("from_closed")}},
    /* meta nfproto ipv6 iifname @closed6 goto from_closed */
    {"forward", "no IPv6 router for others", {IS_IP6, IIFNAME, IN(GUARD_CLOSED6), GOTO("from_closed")}},
    /* meta nfproto @closed_families goto from_closed */
    {"forward",
     "nor by any other interface, where all of them forward",
     {META(NFPROTO, 1), IN(GUARD_CLOSED_FAMILIES), GOTO("from_closed")}},

    /* udp dport 53 meta nfproto ipv4 redirect to :iifname . ip daddr map @dns_ports */
    {"dns",
     "DNS of the network over UDP",
     {L4(IPPROTO_UDP), TH_DPORT, IS(0, 53), IS_IP4, IIFNAME, IP_DADDR, MAP(GUARD_DNS_PORTS), REDIRECT}},
    /* tcp dport 53 meta nfproto ipv4 redirect to :iifname . ip daddr map @dns_ports */
    {"dns",
     "DNS of the network over TCP",
     {L4(IPPROTO_TCP), TH_DPORT, IS(0, 53), IS_IP4, IIFNAME, IP_DADDR, MAP(GUARD_DNS_PORTS), REDIRECT}},

    /* ip daddr 127.0.0.0/8 iifname @networks counter goto refuse */
    {"dns",
     "the host's 127.0.0.1 is nobody else's",
     {IS_IP4, IP_DADDR_NET8, IS(127), IIFNAME, IN(GUARD_NETWORKS), REFUSE}},

    /* meta nfproto ipv4 ip saddr != 127.0.0.0/8 ip daddr != 127.0.0.0/8 fib daddr type local goto forwarded */
    {"forwards",
     "to an address of the host",
     {IS_IP4, NOT_FROM_LOOPBACK, NOT_TO_LOOPBACK, IS_LOCAL, GOTO("forwarded")}},
    /* meta nfproto ipv6 ip6 daddr != fe80::/10 fib daddr type local goto forwarded6 */
    {"forwards", "to an IPv6 address of the host", {IS_IP6, NOT_TO_LINK_LOCAL6, IS_LOCAL, GOTO("forwarded6")}},
    /* oifname @secluded_ports counter drop */
    {"local_forwards", "the host leaves the isolated alone", {OIFNAME, IN(GUARD_SECLUDED_PORTS), COUNTER, DROP}},
    /* meta nfproto ipv4 ip daddr 127.0.0.1 goto forwarded */
    {"local_forwards", "from the host itself to 127.0.0.1", {IS_IP4, IP_DADDR, IS(127, 0, 0, 1), GOTO("forwarded")}},
    /* meta nfproto ipv4 ip daddr != 127.0.0.0/8 fib daddr type local goto forwarded */
    {"local_forwards",
     "from the host itself to its other addresses",
     {IS_IP4, NOT_TO_LOOPBACK, IS_LOCAL, GOTO("forwarded")}},
    /* meta nfproto ipv6 ip6 daddr != ::1 ip6 daddr != fe80::/10 fib daddr type local goto forwarded6 */
    {"local_forwards",
     "from the host itself to its IPv6 addresses",
     {IS_IP6, NOT_TO_LOOPBACK6, NOT_TO_LINK_LOCAL6, IS_LOCAL, GOTO("forwarded6")}},
    /* udp dport 53 meta nfproto ipv6 dnat to iifname . ip6 daddr map @dns_ports6: a port has not that address */
    {"dns",
     "the same over UDP and IPv6",
     {L4(IPPROTO_UDP), TH_DPORT, IS(0, 53), IS_IP6, IIFNAME, IP6_DADDR, MAP(GUARD_DNS_PORTS6), DNAT6_TO_PORT}},
    /* tcp dport 53 meta nfproto ipv6 dnat to iifname . ip6 daddr map @dns_ports6 */
    {"dns",
     "the same over TCP and IPv6",
     {L4(IPPROTO_TCP), TH_DPORT, IS(0, 53), IS_IP6, IIFNAME, IP6_DADDR, MAP(GUARD_DNS_PORTS6), DNAT6_TO_PORT}},

    /* meta nfproto ipv4 iifname . oifname @egress masquerade */
    {"source_nat", "guests leave with the host's address", {IS_IP4, IIFNAME, OIFNAME, IN(GUARD_EGRESS), MASQUERADE}},
    /* meta nfproto ipv4 ip saddr 127.0.0.0/8 oifname @networks masquerade */
    {"source_nat",
     "the host's 127.0.0.1 is nobody's elsewhere",
     {IS_IP4, FROM_LOOPBACK, OIFNAME, IN(GUARD_NETWORKS), MASQUERADE}},
    /* ct status dnat meta nfproto ipv4 oifname . ip saddr @subnets masquerade: br_netfilter does not tell iifname */
    {"source_nat",
     "guests that forwards lead back to their own bridge",
     {CT_STATUS(IPS_DST_NAT), IS_IP4, OIFNAME, IP_SADDR, IN(GUARD_SUBNETS), MASQUERADE}},
    /* ct status dnat meta nfproto ipv6 oifname . ip6 saddr @subnets6 masquerade */
    {"source_nat",
     "the same by IPv6",
     {CT_STATUS(IPS_DST_NAT), IS_IP6, OIFNAME, IP6_SADDR, IN(GUARD_SUBNETS6), MASQUERADE}},
    /* ct status dnat meta nfproto ipv4 oifname . ip saddr @routed_published masquerade */
    {"source_nat",
     "a routed guest that its own forward leads back to itself",
     {CT_STATUS(IPS_DST_NAT), IS_IP4, OIFNAME, IP_SADDR, IN(GUARD_ROUTED_PUBLISHED), MASQUERADE}},

    /* ct status dnat meta nfproto ipv6 oifname . ip6 saddr @routed_published6 masquerade */
    {"source_nat",
     "the same of a routed guest by IPv6",
     {CT_STATUS(IPS_DST_NAT), IS_IP6, OIFNAME, IP6_SADDR, IN(GUARD_ROUTED_PUBLISHED6), MASQUERADE}},

    /* meta nfproto ipv6 iifname . oifname @masquerade6 masquerade */
    {"source_nat", "and with its IPv6 address", {IS_IP6, IIFNAME, OIFNAME, IN(GUARD_MASQUERADE6), MASQUERADE}},

    /* iifname @routed_ports goto from_routed */
    {"routed", "what a routed port may send", {IIFNAME, IN(GUARD_ROUTED_PORTS), GOTO("from_routed")}},

    /* udp dport 67 drop */
    {"guest_to_host", "DHCP ends at the bridge, nobody else may answer", {L4(IPPROTO_UDP), TH_DPORT, IS(0, 67), DROP}},
    /* ct status & confirmed == 0 iifname . ip saddr @connection_limits counter goto too_many */
    {"guest_to_host",
     "more connections to the host than a guest may have",
     {FIRST_PACKET, IS_IP4, IIFNAME, IP_SADDR, IN(GUARD_CONNECTION_LIMITS), COUNTER, GOTO("too_many")}},
    /* ct status & confirmed == 0 iifname . ip6 saddr @connection_limits6 counter goto too_many */
    {"guest_to_host",
     "more connections to the host than a guest may have, by IPv6",
     {FIRST_PACKET, IS_IP6, IIFNAME, IP6_SADDR, IN(GUARD_CONNECTION_LIMITS6), COUNTER, GOTO("too_many")}},
    /* udp dport 547 drop */
    {"guest_to_host", "so does DHCPv6", {L4(IPPROTO_UDP), TH_DPORT, IS(2, 35), DROP}},
    /* ct state established accept */
    {"guest_to_host", "replies to the host", {CT_STATE(ESTABLISHED), ACCEPT}},
    /* iifname . ip daddr @gateways icmp type echo-request accept */
    {"guest_to_host",
     "guests may ping their gateway",
     {IS_IP4, IIFNAME, IP_DADDR, IN(GUARD_GATEWAYS), L4(IPPROTO_ICMP), ICMP_TYPE(8), ACCEPT}},
    /* iifname . ip daddr @gateways icmp type redirect counter goto refuse */
    {"guest_to_host",
     "guests redirect nobody",
     {IS_IP4, IIFNAME, IP_DADDR, IN(GUARD_GATEWAYS), L4(IPPROTO_ICMP), ICMP_TYPE(5), REFUSE}},
    /* iifname . ip daddr @gateways ct state related meta l4proto icmp accept */
    {"guest_to_host",
     "errors about what the host sent from the gateway's address",
     {IS_IP4, IIFNAME, IP_DADDR, IN(GUARD_GATEWAYS), CT_STATE(RELATED), L4(IPPROTO_ICMP), ACCEPT}},
    /* ct status dnat iifname . ip daddr . udp dport @dns_served accept */
    {"guest_to_host",
     "DNS redirected from port 53, UDP",
     {CT_STATUS(IPS_DST_NAT), IS_IP4, L4(IPPROTO_UDP), IIFNAME, IP_DADDR, TH_DPORT, IN(GUARD_DNS_SERVED), ACCEPT}},
    /* ct status dnat iifname . ip daddr . tcp dport @dns_served accept */
    {"guest_to_host",
     "DNS redirected from port 53, TCP",
     {CT_STATUS(IPS_DST_NAT), IS_IP4, L4(IPPROTO_TCP), IIFNAME, IP_DADDR, TH_DPORT, IN(GUARD_DNS_SERVED), ACCEPT}},
    /* icmpv6 type nd-neighbor-solicit accept */
    {"guest_to_host", "guests ask for the host's MAC", {IS_IP6, L4(IPPROTO_ICMPV6), ICMP_TYPE(135), ACCEPT}},
    /* icmpv6 type nd-neighbor-advert accept */
    {"guest_to_host", "and answer for theirs", {IS_IP6, L4(IPPROTO_ICMPV6), ICMP_TYPE(136), ACCEPT}},
    /* iifname . ip6 daddr @gateways6 icmpv6 type echo-request accept */
    {"guest_to_host",
     "guests may ping their gateway, by IPv6",
     {IS_IP6, IIFNAME, IP6_DADDR, IN(GUARD_GATEWAYS6), L4(IPPROTO_ICMPV6), ICMP_TYPE(128), ACCEPT}},
    /* iifname . ip6 daddr @gateways6 ct state related meta l4proto ipv6-icmp accept */
    {"guest_to_host",
     "errors about what the host sent from its IPv6 address",
     {IS_IP6, IIFNAME, IP6_DADDR, IN(GUARD_GATEWAYS6), CT_STATE(RELATED), L4(IPPROTO_ICMPV6), ACCEPT}},
    /* ct status dnat iifname . ip6 daddr . udp dport @dns_served6 accept */
    {"guest_to_host",
     "DNS redirected from port 53, UDP and IPv6",
     {CT_STATUS(IPS_DST_NAT), IS_IP6, L4(IPPROTO_UDP), IIFNAME, IP6_DADDR, TH_DPORT, IN(GUARD_DNS_SERVED6), ACCEPT}},
    /* ct status dnat iifname . ip6 daddr . tcp dport @dns_served6 accept */
    {"guest_to_host",
     "DNS redirected from port 53, TCP and IPv6",
     {CT_STATUS(IPS_DST_NAT), IS_IP6, L4(IPPROTO_TCP), IIFNAME, IP6_DADDR, TH_DPORT, IN(GUARD_DNS_SERVED6), ACCEPT}},
    /* iifname @open_hosts accept */
    {"guest_to_host", "unless the file opens it", {IIFNAME, IN(GUARD_OPEN_HOSTS), ACCEPT}},
    /* counter goto refuse */
    {"guest_to_host", "the host is closed", {REFUSE}},

    /* ct status & confirmed == 0 iifname . ip saddr @connection_limits counter goto too_many */
    {"from_guest",
     "more connections than a guest may have",
     {FIRST_PACKET, IS_IP4, IIFNAME, IP_SADDR, IN(GUARD_CONNECTION_LIMITS), COUNTER, GOTO("too_many")}},
    /* ct status & confirmed == 0 iifname . ip6 saddr @connection_limits6 counter goto too_many */
    {"from_guest",
     "more connections than a guest may have, by IPv6",
     {FIRST_PACKET, IS_IP6, IIFNAME, IP6_SADDR, IN(GUARD_CONNECTION_LIMITS6), COUNTER, GOTO("too_many")}},
    /* ip daddr 169.254.0.0/16 counter goto refuse */
    {"from_guest",
     "link-local addresses, and what a cloud tells its machines about themselves",
     {IS_IP4, LINK_LOCAL4, REFUSE}},
    /* meta nfproto ipv4 iifname . oifname @egress ct state established,related,new accept */
    {"from_guest",
     "out by the network's uplink",
     {IS_IP4, IIFNAME, OIFNAME, IN(GUARD_EGRESS), CT_STATE(ESTABLISHED | RELATED | NEW), ACCEPT}},
    /* meta nfproto ipv4 iifname . oifname @limited_ways accept */
    {"from_guest",
     "out of a routed port whose connections are counted",
     {IS_IP4, IIFNAME, OIFNAME, IN(GUARD_LIMITED_WAYS), ACCEPT}},
    /* ip6 daddr fd00:ec2::254 counter goto refuse */
    {"from_guest",
     "the same by IPv6",
     {IS_IP6, IP6_DADDR, IS(0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54), REFUSE}},
    /* meta nfproto ipv6 iifname . oifname @egress6 ct state established,related,new accept */
    {"from_guest",
     "out by the network's uplink, by IPv6",
     {IS_IP6, IIFNAME, OIFNAME, IN(GUARD_EGRESS6), CT_STATE(ESTABLISHED | RELATED | NEW), ACCEPT}},
    /* meta nfproto ipv6 iifname . oifname @limited_ways6 accept */
    {"from_guest",
     "the same of a routed port whose connections are counted",
     {IS_IP6, IIFNAME, OIFNAME, IN(GUARD_LIMITED_WAYS6), ACCEPT}},
    /* iifname . oifname @bridged accept */
    {"from_guest", "frames between ports of one bridge", {IIFNAME, OIFNAME, IN(GUARD_BRIDGED), ACCEPT}},
    /* oifname @routed_ports ip saddr . ip daddr @peers accept */
    {"from_guest",
     "between ports of one routed network",
     {OIFNAME, IN(GUARD_ROUTED_PORTS), IS_IP4, IP_SADDR, IP_DADDR, IN(GUARD_PEERS), ACCEPT}},
    /* oifname @routed_ports ip6 saddr . ip6 daddr @peers6 accept */
    {"from_guest",
     "the same by IPv6",
     {OIFNAME, IN(GUARD_ROUTED_PORTS), IS_IP6, IP6_SADDR, IP6_DADDR, IN(GUARD_PEERS6), ACCEPT}},
    /* iifname . oifname @apart counter goto refuse */
    {"from_guest", "guests that do not see each other", {IIFNAME, OIFNAME, IN(GUARD_APART), REFUSE}},
    /* oifname @routed_ports ip saddr . ip daddr @routed_apart counter goto refuse */
    {"from_guest",
     "routed guests that do not see each other",
     {OIFNAME, IN(GUARD_ROUTED_PORTS), IS_IP4, IP_SADDR, IP_DADDR, IN(GUARD_ROUTED_APART), REFUSE}},
    /* oifname @routed_ports ip6 saddr . ip6 daddr @routed_apart6 counter goto refuse */
    {"from_guest",
     "nor by IPv6",
     {OIFNAME, IN(GUARD_ROUTED_PORTS), IS_IP6, IP6_SADDR, IP6_DADDR, IN(GUARD_ROUTED_APART6), REFUSE}},
    /* iifname @secluded_ports counter goto refuse */
    {"from_guest",
     "isolated guests reach nobody else, by no forward either",
     {IIFNAME, IN(GUARD_SECLUDED_PORTS), REFUSE}},
    /* meta nfproto ipv4 ip saddr @published ct status dnat ct direction reply ct state established accept */
    {"from_guest",
     "replies to who came by a forward",
     {IS_IP4, IP_SADDR, IN(GUARD_PUBLISHED), CT_STATUS(IPS_DST_NAT), IN_REPLY, CT_STATE(ESTABLISHED), ACCEPT}},
    /* meta nfproto ipv4 ip daddr @published iifname . ip saddr @subnets ct status dnat
       ct state established,new accept */
    {"from_guest",
     "guests use forwards too",
     {IS_IP4, IP_DADDR, IN(GUARD_PUBLISHED), IIFNAME, IP_SADDR, IN(GUARD_SUBNETS), CT_STATUS(IPS_DST_NAT),
      CT_STATE(ESTABLISHED | NEW), ACCEPT}},
    /* meta nfproto ipv4 ip daddr @published iifname @routed_ports ct status dnat ct state established,new accept */
    {"from_guest",
     "and routed ones, whose sources are their own",
     {IS_IP4, IP_DADDR, IN(GUARD_PUBLISHED), IIFNAME, IN(GUARD_ROUTED_PORTS), CT_STATUS(IPS_DST_NAT),
      CT_STATE(ESTABLISHED | NEW), ACCEPT}},
    /* meta nfproto ipv6 ip6 saddr @published6 ct status dnat ct direction reply ct state established accept */
    {"from_guest",
     "replies to who came by a forward of IPv6",
     {IS_IP6, IP6_SADDR, IN(GUARD_PUBLISHED6), CT_STATUS(IPS_DST_NAT), IN_REPLY, CT_STATE(ESTABLISHED), ACCEPT}},
    /* meta nfproto ipv6 ip6 daddr @published6 iifname . ip6 saddr @subnets6 ct status dnat
       ct state established,new accept */
    {"from_guest",
     "guests use those too",
     {IS_IP6, IP6_DADDR, IN(GUARD_PUBLISHED6), IIFNAME, IP6_SADDR, IN(GUARD_SUBNETS6), CT_STATUS(IPS_DST_NAT),
      CT_STATE(ESTABLISHED | NEW), ACCEPT}},
    /* meta nfproto ipv6 ip6 daddr @published6 iifname @routed_ports ct status dnat ct state established,new accept */
    {"from_guest",
     "and routed ones, by IPv6",
     {IS_IP6, IP6_DADDR, IN(GUARD_PUBLISHED6), IIFNAME, IN(GUARD_ROUTED_PORTS), CT_STATUS(IPS_DST_NAT),
      CT_STATE(ESTABLISHED | NEW), ACCEPT}},
    /* ct state invalid counter goto refuse */
    {"from_guest", "would leave with the guest's own address", {CT_STATE(INVALID), REFUSE}},
    /* counter goto refuse */
    {"from_guest", "nowhere else", {REFUSE}},

    /* meta nfproto ipv4 oifname . iifname @egress ct state established,related accept */
    {"to_guest",
     "replies by the network's uplink",
     {IS_IP4, OIFNAME, IIFNAME, IN(GUARD_EGRESS), CT_STATE(ESTABLISHED | RELATED), ACCEPT}},
    /* meta nfproto ipv6 oifname . iifname @egress6 ct state established,related accept */
    {"to_guest",
     "replies by IPv6",
     {IS_IP6, OIFNAME, IIFNAME, IN(GUARD_EGRESS6), CT_STATE(ESTABLISHED | RELATED), ACCEPT}},
    /* meta nfproto ipv4 ip saddr 127.0.0.0/8 counter drop */
    {"to_guest", "nobody outside is the host itself", {IS_IP4, FROM_LOOPBACK, COUNTER, DROP}},
    /* meta nfproto ipv4 ip daddr @published ct status dnat ct state established,related,new accept */
    {"to_guest",
     "what a forward leads to a guest",
     {IS_IP4, IP_DADDR, IN(GUARD_PUBLISHED), CT_STATUS(IPS_DST_NAT), CT_STATE(ESTABLISHED | RELATED | NEW), ACCEPT}},
    /* meta nfproto ipv6 ip6 daddr @published6 ct status dnat ct state established,related,new accept */
    {"to_guest",
     "what a forward leads to a guest by IPv6",
     {IS_IP6, IP6_DADDR, IN(GUARD_PUBLISHED6), CT_STATUS(IPS_DST_NAT), CT_STATE(ESTABLISHED | RELATED | NEW), ACCEPT}},
    /* counter drop */
    {"to_guest", "nothing else comes in", {COUNTER, DROP}},

    /* iifname . oifname @bridged accept */
    {"from_closed", "an uplink that is a bridge stays one", {IIFNAME, OIFNAME, IN(GUARD_BRIDGED), ACCEPT}},
    /* counter drop */
    {"from_closed", "only for our networks", {COUNTER, DROP}},

    /* iifname . oifname @paths tcp option maxseg size set rt mtu */
    {"segments", "between a network and its uplink", {IIFNAME, OIFNAME, IN(GUARD_PATHS), CLAMP_MSS}},
    /* meta nfproto ipv6 iifname . oifname @paths6 tcp option maxseg size set rt mtu */
    {"segments", "where IPv6 has another one", {IS_IP6, IIFNAME, OIFNAME, IN(GUARD_PATHS6), CLAMP_MSS}},
    /* iifname . oifname @ways tcp option maxseg size set rt mtu */
    {"segments", "between routed ports and their uplink", {IIFNAME, OIFNAME, IN(GUARD_WAYS), CLAMP_MSS}},
    /* meta nfproto ipv6 iifname . oifname @ways6 tcp option maxseg size set rt mtu */
    {"segments", "where it has another one for IPv6", {IS_IP6, IIFNAME, OIFNAME, IN(GUARD_WAYS6), CLAMP_MSS}},

    /* add @routed_blocked { iifname counter } */
    {"block", "for status", {IIFNAME, TALLY(GUARD_ROUTED_BLOCKED)}},
    /* drop */
    {"block", "what a port may not send", {DROP}},

    /* meta iifkind != "bridge" goto block */
    {"refuse", "of a routed port, or past the bridge", {NOT_FROM_BRIDGE, GOTO("block")}},
    /* meta pkttype host add @refused { iifname . ip saddr counter } */
    {"refuse", "for status", {FOR_US, IS_IP4, IIFNAME, IP_SADDR, TALLY(GUARD_REFUSED)}},
    /* meta pkttype host meta nfproto ipv6 add @refused6 { iifname . ether saddr counter } */
    {"refuse", "for status, by IPv6", {FOR_US, IS_IP6, FROM_ETHER, IIFNAME, ETHER_SADDR, TALLY(GUARD_REFUSED6)}},
    /* drop */
    {"refuse", "what may not reach the host, or leave", {DROP}},

    /* add @refused_connections { iifname . ip saddr counter } */
    {"too_many", "for status", {IS_IP4, IIFNAME, IP_SADDR, TALLY(GUARD_REFUSED_CONNECTIONS)}},
    /* add @refused_connections6 { iifname . ip6 saddr counter } */
    {"too_many", "for status, by IPv6", {IS_IP6, IIFNAME, IP6_SADDR, TALLY(GUARD_REFUSED_CONNECTIONS6)}},
    /* drop */
    {"too_many", "more connections than a guest may have", {DROP}},

    /* dnat ip to ip daddr . ip protocol . tcp dport map @bound_forwards */
    {"forwarded", "one TCP port by one address", {FORWARDED(IPPROTO_TCP, GUARD_BOUND_FORWARDS), DNAT_TO_PORT}},
    /* dnat ip to ip protocol . tcp dport map @forwards */
    {"forwarded", "one TCP port by any address", {FORWARDED_ANYWHERE(IPPROTO_TCP), DNAT_TO_PORT}},
    /* dnat ip to ip daddr . ip protocol . tcp dport map @forward_ranges */
    {"forwarded", "ranges of TCP ports", {FORWARDED(IPPROTO_TCP, GUARD_FORWARD_RANGES), DNAT}},
    /* dnat ip to ip daddr . ip protocol . udp dport map @bound_forwards */
    {"forwarded", "one UDP port by one address", {FORWARDED(IPPROTO_UDP, GUARD_BOUND_FORWARDS), DNAT_TO_PORT}},
    /* dnat ip to ip protocol . udp dport map @forwards */
    {"forwarded", "one UDP port by any address", {FORWARDED_ANYWHERE(IPPROTO_UDP), DNAT_TO_PORT}},
    /* dnat ip to ip daddr . ip protocol . udp dport map @forward_ranges */
    {"forwarded", "ranges of UDP ports", {FORWARDED(IPPROTO_UDP, GUARD_FORWARD_RANGES), DNAT}},

    /* dnat ip6 to ip6 daddr . ip6 nexthdr . tcp dport map @bound_forwards6 */
    {"forwarded6", "one TCP port by one address", {FORWARDED6(IPPROTO_TCP, GUARD_BOUND_FORWARDS6), DNAT6_TO_PORT}},
    /* dnat ip6 to ip6 nexthdr . tcp dport map @forwards6 */
    {"forwarded6", "one TCP port by any address", {FORWARDED6_ANYWHERE(IPPROTO_TCP), DNAT6_TO_PORT}},
    /* dnat ip6 to ip6 daddr . ip6 nexthdr . tcp dport map @forward_ranges6 */
    {"forwarded6", "ranges of TCP ports", {FORWARDED6(IPPROTO_TCP, GUARD_FORWARD_RANGES6), DNAT6}},
    /* dnat ip6 to ip6 daddr . ip6 nexthdr . udp dport map @bound_forwards6 */
    {"forwarded6", "one UDP port by one address", {FORWARDED6(IPPROTO_UDP, GUARD_BOUND_FORWARDS6), DNAT6_TO_PORT}},
    /* dnat ip6 to ip6 nexthdr . udp dport map @forwards6 */
    {"forwarded6", "one UDP port by any address", {FORWARDED6_ANYWHERE(IPPROTO_UDP), DNAT6_TO_PORT}},
    /* dnat ip6 to ip6 daddr . ip6 nexthdr . udp dport map @forward_ranges6 */
    {"forwarded6", "ranges of UDP ports", {FORWARDED6(IPPROTO_UDP, GUARD_FORWARD_RANGES6), DNAT6}},
};

#define IFNAME GUARD_FIELD_IFNAME

/* No guest boots so fast, and no resolver asks so much, that it meets its limit. */
const struct nft_limit_schema nft_limits[NFT_LIMIT_COUNT] = {
    [NFT_LIMIT_DHCP] =
        {"dhcp_rate", GUARD_BRIDGE, {IFNAME}, 20, 1, 40, "ports that sent DHCP requests, and how many they may"},
    [NFT_LIMIT_DNS] =
        {"dns_rate", GUARD_BRIDGE, {IFNAME}, 500, 1, 1000, "ports that sent DNS queries, and how many they may"},
    [NFT_LIMIT_PORT_CLAIMS] = {"port_claims", GUARD_BRIDGE, {IFNAME}, 10, 1, 1, "ports whose MAC is being learnt"},
    [NFT_LIMIT_MAC_CLAIMS] =
        {"mac_claims", GUARD_BRIDGE, {GUARD_FIELD_MARK, GUARD_FIELD_MAC}, 10, 1, 1, "MACs that are being learnt"},
    [NFT_LIMIT_REFUSALS] =
        {"refusals", GUARD_BRIDGE, {IFNAME}, 6, 60, 2, "ports that sent from MACs that are not theirs"},
    [NFT_LIMIT_ROUTED_DHCP] =
        {"routed_dhcp_rate", GUARD_INET, {IFNAME}, 20, 1, 40, "ports that sent DHCP requests, and how many they may"},
    [NFT_LIMIT_ROUTED_DNS] =
        {"routed_dns_rate", GUARD_INET, {IFNAME}, 500, 1, 1000, "ports that sent DNS queries, and how many they may"},
    [NFT_LIMIT_ROUTED_REFUSALS] =
        {"routed_refusals", GUARD_INET, {IFNAME}, 6, 60, 2, "ports that sent from MACs that are not theirs"},
    [NFT_LIMIT_ROUTED_LINK] =
        {"routed_link_rate", GUARD_INET, {IFNAME}, 20, 1, 40, "ports that sent from link-local addresses"},
};

static const struct nft_part nft_part_packets = NFT_PART(inet_chains, inet_rules);

#define PARTS_MAX 2

static const struct nft_part *const parts[GUARD_FAMILY_COUNT][PARTS_MAX + 1] = {
    [GUARD_INET] = {&nft_part_packets, &nft_part_routed},
    [GUARD_BRIDGE] = {&nft_part_frames, &nft_part_lan},
    [GUARD_ARP] = {&nft_part_arp},
    [GUARD_CLONES] = {&nft_part_clones},
    [GUARD_CLONES6] = {&nft_part_clones6},
};

const struct nft_chain *nft_ruleset_chain(enum guard_family family, size_t index)
{
    for (const struct nft_part *const *part = parts[family]; *part; index -= (*part++)->chain_count)
        if (index < (*part)->chain_count)
            return &(*part)->chains[index];
    return NULL;
}

const struct nft_rule *nft_ruleset_rule(enum guard_family family, size_t index)
{
    for (const struct nft_part *const *part = parts[family]; *part; index -= (*part++)->rule_count)
        if (index < (*part)->rule_count)
            return &(*part)->rules[index];
    return NULL;
}
