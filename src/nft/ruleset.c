/* SPDX-License-Identifier: MIT */
/* What the guards say, rule by rule; above each the text that `nft` has for it. */
#include "nft/ruleset.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>

#include "base/array.h"

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
 * bridge: what ports send. It is the first to see a frame, before br_netfilter and conntrack do. A DHCP request ends
 * here: the service gets a copy from netfilter's log, which names the device that it came in by, and no port, no
 * program of the host ever sees it, also when nobody serves. One port can't take the others' share of the service: what
 * it may ask of DHCP and DNS has a limit a port.
 *
 * Who is limited in what it sends is not in `port_addresses`, so that only its own packets are held against a limit.
 *
 * A frame from a MAC that is not known to be its port's comes by `strange_mac`. Where the file names no MAC, the first
 * one is learnt, unless it is somebody else's in the network, whose number stands in the packet's mark meanwhile. Two
 * processors may look at once and find the same thing missing: of the frames that claim one port, or one MAC, at the
 * same instant, the limits let one through; what it adds has long been there when they would let the next one. What was
 * learnt is forgotten by plan/learned.c. IPv4 addresses are added to `port_addresses` as they are used, so that packets
 * of such a port take the same way in haste as others.
 *
 * A routed network has no bridge. What its ports send is seen as packets, by the chain `routed` of inet before
 * conntrack sees them, and as ARP by the table arp; both say of it what the bridge table says of bridged ports. What
 * passed has an address that is its port's own. So whether two guests are of one network is told by their two addresses
 * alone (`peers`), and from a port to its uplink and back all may pass (`ways`): these addresses are the LAN's affair.
 *
 * Of IPv6 little is forbidden, and that must not hide. The kernel looks for the protocol behind all extension headers;
 * where it does not find it (in a first fragment that ends among them, in a later one that may go on with them) `meta
 * l4proto` has no value, which ends any rule that asks for it: those that accept ask (RFC 7113 says why). A fragment
 * that goes on with what is no extension header may pass: what its first one is was seen.
 */

/* Words of the text, in the order in which they build a key or test it. */
#define IIFNAME META(IIFNAME, 16)
#define OIFNAME META(OIFNAME, 16)
#define IS_IP4 META(NFPROTO, 1), IS(NFPROTO_IPV4)      /* meta nfproto ipv4, in inet */
#define PROTOCOL_IP4 META(PROTOCOL, 2), IS(0x08, 0x00) /* meta protocol ip, in bridge */
#define ETHER_TYPE(...) PAYLOAD(NFT_PAYLOAD_LL_HEADER, 12, 2), IS(__VA_ARGS__)
#define ETHER_DADDR PAYLOAD(NFT_PAYLOAD_LL_HEADER, 0, 6)
#define ETHER_SADDR PAYLOAD(NFT_PAYLOAD_LL_HEADER, 6, 6)
#define MARK META(MARK, 4)
#define BLOCK COUNTER, GOTO("block") /* what a port may not send */
#define L4(protocol) META(L4PROTO, 1), IS(protocol)
#define IP_SADDR PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 12, 4)
#define IP_DADDR PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 16, 4)
#define IP_FRAG_OFF PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 6, 2)
#define TH_SPORT PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2)
#define TH_DPORT PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2)
#define TH_PORTS PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4) /* source . destination */
#define TCP_FLAGS PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1)
#define TCP_SYN 0x02
#define ICMP_TYPE(...) PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1), IS(__VA_ARGS__)
#define CT_STATE(bits) CT(STATE, 4), ANY_OF(bits)
#define FIRST_PACKET CT(STATUS, 4), NONE_OF(IPS_CONFIRMED) /* of a connection, also of one without replies */
#define CT_STATUS(bits) CT(STATUS, 4), ANY_OF(bits)
/* Of what the IP stack gets from an Ethernet device: with it `nft` prints addresses by their names. */
#define ETHER_IP4 META(IIFTYPE, 2), IS(1, 0), ETHER_TYPE(0x08, 0x00)
#define IS_IP6 META(NFPROTO, 1), IS(NFPROTO_IPV6)
#define ARP_SADDR_ETHER PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 8, 6)
#define ARP_SADDR_IP PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 14, 4)
#define ARP_DADDR_IP PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 24, 4)
#define ARP_FOR_IP4 PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 0, 4), IS(0, 1, 0x08, 0x00) /* hardware and protocol type */
#define ARP_LENGTHS PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 4, 2), IS(6, 4)
#define ARP_REQUEST PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 4, 4), IS(6, 4, 0, 1) /* lengths, operation */

/* As in linux/netfilter/nf_conntrack_common.h, where they count from the kernel's enum ip_conntrack_info. */
#define INVALID 0x1
#define ESTABLISHED 0x2
#define RELATED 0x4
#define NEW 0x8

static const struct nft_chain inet_chains[] = {
    {"input", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER},
    {"forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER},
    {"dns", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST - 1},
    {"source_nat", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC},
    {"routed", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW},
    {"guest_to_host", NULL, 0, 0},
    {"from_guest", NULL, 0, 0},
    {"to_guest", NULL, 0, 0},
    {"from_closed", NULL, 0, 0},
    {"from_routed", NULL, 0, 0},
    {"routed_dhcp", NULL, 0, 0},
    {"block", NULL, 0, 0},
    {"too_many", NULL, 0, 0},
};

static const struct nft_rule inet_rules[] = {
    /* iifname @networks goto guest_to_host */
    {"input", "what guests may reach of the host", {IIFNAME, IN(GUARD_NETWORKS), GOTO("guest_to_host")}},

    /* tcp flags syn iifname . oifname @paths tcp option maxseg size set rt mtu */
    {"forward",
     "no larger segments than the way takes",
     {L4(IPPROTO_TCP), TCP_FLAGS, MASK(TCP_SYN), IS_NOT(0), IIFNAME, OIFNAME, IN(GUARD_PATHS), CLAMP_MSS}},
    /* tcp flags syn iifname . oifname @ways tcp option maxseg size set rt mtu */
    {"forward",
     "the same between routed ports and their uplink",
     {L4(IPPROTO_TCP), TCP_FLAGS, MASK(TCP_SYN), IS_NOT(0), IIFNAME, OIFNAME, IN(GUARD_WAYS), CLAMP_MSS}},
    /* meta nfproto ipv4 ct state established iifname . oifname @paths accept */
    {"forward",
     "known connections, in haste",
     {IS_IP4, CT_STATE(ESTABLISHED), IIFNAME, OIFNAME, IN(GUARD_PATHS), ACCEPT}},
    /* meta nfproto ipv4 iifname . oifname @ways accept */
    {"forward", "between routed ports and their uplink", {IS_IP4, IIFNAME, OIFNAME, IN(GUARD_WAYS), ACCEPT}},
    /* iifname @networks goto from_guest */
    {"forward", "where guests may go", {IIFNAME, IN(GUARD_NETWORKS), GOTO("from_guest")}},
    /* oifname @networks goto to_guest */
    {"forward", "what may reach guests", {OIFNAME, IN(GUARD_NETWORKS), GOTO("to_guest")}},
    /* iifname @closed goto from_closed */
    {"forward", "no router for others", {IIFNAME, IN(GUARD_CLOSED), GOTO("from_closed")}},

    /* udp dport 53 meta nfproto ipv4 redirect to :iifname . ip daddr map @dns_ports */
    {"dns",
     "DNS of the network over UDP",
     {L4(IPPROTO_UDP), TH_DPORT, IS(0, 53), IS_IP4, IIFNAME, IP_DADDR, MAP(GUARD_DNS_PORTS), REDIRECT}},
    /* tcp dport 53 meta nfproto ipv4 redirect to :iifname . ip daddr map @dns_ports */
    {"dns",
     "DNS of the network over TCP",
     {L4(IPPROTO_TCP), TH_DPORT, IS(0, 53), IS_IP4, IIFNAME, IP_DADDR, MAP(GUARD_DNS_PORTS), REDIRECT}},

    /* meta nfproto ipv4 iifname . oifname @egress masquerade */
    {"source_nat", "guests leave with the host's address", {IS_IP4, IIFNAME, OIFNAME, IN(GUARD_EGRESS), MASQUERADE}},

    /* iifname @routed_ports goto from_routed */
    {"routed", "what a routed port may send", {IIFNAME, IN(GUARD_ROUTED_PORTS), GOTO("from_routed")}},

    /* udp dport 67 drop */
    {"guest_to_host", "DHCP ends at the bridge, nobody else may answer", {L4(IPPROTO_UDP), TH_DPORT, IS(0, 67), DROP}},
    /* ct status & confirmed == 0 iifname . ip saddr @connection_limits counter goto too_many */
    {"guest_to_host",
     "more connections to the host than a guest may have",
     {FIRST_PACKET, IS_IP4, IIFNAME, IP_SADDR, IN(GUARD_CONNECTION_LIMITS), COUNTER, GOTO("too_many")}},
    /* ct state established accept */
    {"guest_to_host", "replies to the host", {CT_STATE(ESTABLISHED), ACCEPT}},
    /* iifname . ip daddr @gateways icmp type echo-request accept */
    {"guest_to_host",
     "guests may ping their gateway",
     {IS_IP4, IIFNAME, IP_DADDR, IN(GUARD_GATEWAYS), L4(IPPROTO_ICMP), ICMP_TYPE(8), ACCEPT}},
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
    /* counter drop */
    {"guest_to_host", "the host is closed", {COUNTER, DROP}},

    /* ct status & confirmed == 0 iifname . ip saddr @connection_limits counter goto too_many */
    {"from_guest",
     "more connections than a guest may have",
     {FIRST_PACKET, IS_IP4, IIFNAME, IP_SADDR, IN(GUARD_CONNECTION_LIMITS), COUNTER, GOTO("too_many")}},
    /* meta nfproto ipv4 iifname . oifname @egress ct state established,related,new accept */
    {"from_guest",
     "out by the network's uplink",
     {IS_IP4, IIFNAME, OIFNAME, IN(GUARD_EGRESS), CT_STATE(ESTABLISHED | RELATED | NEW), ACCEPT}},
    /* iifname . oifname @bridged accept */
    {"from_guest", "frames between ports of one bridge", {IIFNAME, OIFNAME, IN(GUARD_BRIDGED), ACCEPT}},
    /* oifname @routed_ports ip saddr . ip daddr @peers accept */
    {"from_guest",
     "between ports of one routed network",
     {OIFNAME, IN(GUARD_ROUTED_PORTS), IS_IP4, IP_SADDR, IP_DADDR, IN(GUARD_PEERS), ACCEPT}},
    /* ct state invalid counter drop */
    {"from_guest", "would leave with the guest's own address", {CT_STATE(INVALID), COUNTER, DROP}},
    /* counter drop */
    {"from_guest", "nowhere else", {COUNTER, DROP}},

    /* oifname . iifname @egress ct state established,related accept */
    {"to_guest",
     "replies by the network's uplink",
     {OIFNAME, IIFNAME, IN(GUARD_EGRESS), CT_STATE(ESTABLISHED | RELATED), ACCEPT}},
    /* counter drop */
    {"to_guest", "nothing else comes in", {COUNTER, DROP}},

    /* iifname . oifname @bridged accept */
    {"from_closed", "an uplink that is a bridge stays one", {IIFNAME, OIFNAME, IN(GUARD_BRIDGED), ACCEPT}},
    /* counter drop */
    {"from_closed", "only for our networks", {COUNTER, DROP}},

    /* meta nfproto ipv6 counter goto block */
    {"from_routed", "no IPv6", {IS_IP6, BLOCK}},
    /* meta l4proto != udp iifname . ether saddr . ip saddr @routed_addresses accept */
    {"from_routed",
     "the ports' own addresses, in haste",
     {META(L4PROTO, 1), IS_NOT(IPPROTO_UDP), ETHER_IP4, IIFNAME, ETHER_SADDR, IP_SADDR, IN(GUARD_ROUTED_ADDRESSES),
      ACCEPT}},
    /* udp dport > 68 udp sport != 67 iifname . ether saddr . ip saddr @routed_addresses accept, neither DHCP nor DNS */
    {"from_routed",
     "the same of UDP",
     {L4(IPPROTO_UDP), TH_DPORT, ABOVE(0, 68), TH_SPORT, IS_NOT(0, 67), ETHER_IP4, IIFNAME, ETHER_SADDR, IP_SADDR,
      IN(GUARD_ROUTED_ADDRESSES), ACCEPT}},
    /* udp sport 68 udp dport 67 ip frag-off & 0x3fff == 0 goto routed_dhcp */
    {"from_routed",
     "DHCP requests, whole ones",
     {L4(IPPROTO_UDP), TH_PORTS, IS(0, 68, 0, 67), IS_IP4, IP_FRAG_OFF, MASK(0x3f, 0xff), IS(0, 0),
      GOTO("routed_dhcp")}},
    /* udp sport 67 counter goto block */
    {"from_routed", "guests are no DHCP servers", {L4(IPPROTO_UDP), TH_SPORT, IS(0, 67), BLOCK}},
    /* udp dport 68 counter goto block */
    {"from_routed", "nor servers by another name", {L4(IPPROTO_UDP), TH_DPORT, IS(0, 68), BLOCK}},
    /* udp dport 67 counter goto block */
    {"from_routed", "no other way to a DHCP server", {L4(IPPROTO_UDP), TH_DPORT, IS(0, 67), BLOCK}},
    /* udp dport 53 iifname . ip daddr @gateways update @routed_dns_rate { iifname limit rate over 500/second
       burst 1000 packets } counter goto block */
    {"from_routed",
     "more DNS queries than one port may send",
     {L4(IPPROTO_UDP), TH_DPORT, IS(0, 53), IS_IP4, IIFNAME, IP_DADDR, IN(GUARD_GATEWAYS), IIFNAME,
      OVER(NFT_LIMIT_ROUTED_DNS), BLOCK}},
    /* iifname . ether saddr . ip saddr @routed_addresses accept */
    {"from_routed",
     "the port's own addresses",
     {ETHER_IP4, IIFNAME, ETHER_SADDR, IP_SADDR, IN(GUARD_ROUTED_ADDRESSES), ACCEPT}},
    /* iifname . ip saddr @routed_any_mac_addresses accept */
    {"from_routed",
     "the same of a port with any MAC",
     {IS_IP4, IIFNAME, IP_SADDR, IN(GUARD_ROUTED_ANY_MAC_ADDRESSES), ACCEPT}},
    /* counter goto block */
    {"from_routed", "forged sources", {BLOCK}},

    /* update @routed_dhcp_rate { iifname limit rate over 20/second burst 40 packets } counter goto block */
    {"routed_dhcp", "more DHCP requests than one port may send", {IIFNAME, OVER(NFT_LIMIT_ROUTED_DHCP), BLOCK}},
    /* iifname . ether saddr @routed_macs counter log group 29793 drop */
    {"routed_dhcp",
     "the service hears them, nobody else does",
     {ETHER_IP4, IIFNAME, ETHER_SADDR, IN(GUARD_ROUTED_MACS), COUNTER, LOG(GUARD_LOG_GROUP), DROP}},
    /* iifname @routed_any_mac_ports counter log group 29793 drop */
    {"routed_dhcp",
     "the same of a port with any MAC",
     {IIFNAME, IN(GUARD_ROUTED_ANY_MAC_PORTS), COUNTER, LOG(GUARD_LOG_GROUP), DROP}},
    /* counter goto block */
    {"routed_dhcp", "from another MAC than the port's", {BLOCK}},

    /* add @routed_blocked { iifname counter } */
    {"block", "for status", {IIFNAME, TALLY(GUARD_ROUTED_BLOCKED)}},
    /* drop */
    {"block", "what a port may not send", {DROP}},

    /* add @refused_connections { iifname . ip saddr counter } */
    {"too_many", "for status", {IS_IP4, IIFNAME, IP_SADDR, TALLY(GUARD_REFUSED_CONNECTIONS)}},
    /* drop */
    {"too_many", "more connections than a guest may have", {DROP}},
};

static const struct nft_chain arp_chains[] = {
    {"input", "filter", NF_ARP_IN, NF_IP_PRI_FILTER},
    {"from_port", NULL, 0, 0},
    {"from_own", NULL, 0, 0},
    {"block", NULL, 0, 0},
};

static const struct nft_rule arp_rules[] = {
    /* iifname @arp_ports goto from_port */
    {"input", "what a routed port may say", {IIFNAME, IN(GUARD_ARP_PORTS), GOTO("from_port")}},

    /* arp htype 1 arp ptype ip arp hlen 6 arp plen 4 iifname . arp saddr ether . arp saddr ip @arp_addresses
       goto from_own */
    {"from_port",
     "about the port's own addresses",
     {ARP_FOR_IP4, ARP_LENGTHS, IIFNAME, ARP_SADDR_ETHER, ARP_SADDR_IP, IN(GUARD_ARP_ADDRESSES), GOTO("from_own")}},
    /* arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp operation request arp saddr ip 0.0.0.0
       iifname . arp saddr ether . arp daddr ip @arp_addresses accept */
    {"from_port",
     "probes for the port's own addresses",
     {ARP_FOR_IP4, ARP_REQUEST, ARP_SADDR_IP, IS(0, 0, 0, 0), IIFNAME, ARP_SADDR_ETHER, ARP_DADDR_IP,
      IN(GUARD_ARP_ADDRESSES), ACCEPT}},
    /* arp htype 1 arp ptype ip arp hlen 6 arp plen 4 iifname . arp saddr ip @arp_any_mac_addresses goto from_own */
    {"from_port",
     "about the port's own addresses, at any MAC",
     {ARP_FOR_IP4, ARP_LENGTHS, IIFNAME, ARP_SADDR_IP, IN(GUARD_ARP_ANY_MAC_ADDRESSES), GOTO("from_own")}},
    /* counter goto block */
    {"from_port", "forged ARP", {BLOCK}},

    /* arp saddr ip . arp daddr ip @arp_reach accept */
    {"from_own", "whom it may ask about", {ARP_SADDR_IP, ARP_DADDR_IP, IN(GUARD_ARP_REACH), ACCEPT}},
    /* counter goto block */
    {"from_own", "the host's other addresses, other networks", {BLOCK}},

    /* add @arp_blocked { iifname counter } */
    {"block", "for status", {IIFNAME, TALLY(GUARD_ARP_BLOCKED)}},
    /* drop */
    {"block", "what a port may not say", {DROP}},
};

static const struct nft_chain bridge_chains[] = {
    {"prerouting", "filter", NF_BR_PRE_ROUTING, NF_BR_PRI_NAT_DST_BRIDGED},
    {"ip4", NULL, 0, 0},
    {"from_port", NULL, 0, 0},
    {"from_port_ip4", NULL, 0, 0},
    {"dhcp", NULL, 0, 0},
    {"from_port_arp", NULL, 0, 0},
    {"own_arp", NULL, 0, 0},
    {"any_mac_arp", NULL, 0, 0},
    {"from_port_ip6", NULL, 0, 0},
    {"strange_mac", NULL, 0, 0},
    {"first_mac", NULL, 0, 0},
    {"claim_mac", NULL, 0, 0},
    {"refuse_mac", NULL, 0, 0},
    {"block", NULL, 0, 0},
};

static const struct nft_rule bridge_rules[] = {
    /* ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 iifname @group_limits counter goto block */
    {"prerouting",
     "more to groups than a port may send",
     {ETHER_DADDR, MASK(1, 0, 0, 0, 0, 0), IS_NOT(0, 0, 0, 0, 0, 0), IIFNAME, IN(GUARD_GROUP_LIMITS), BLOCK}},
    /* ether type ip goto ip4, as it stands in the frame: that of a VLAN tag is the tag's */
    {"prerouting", "IPv4", {ETHER_TYPE(0x08, 0x00), GOTO("ip4")}},
    /* iifname @ports goto from_port */
    {"prerouting", "what a port may send", {IIFNAME, IN(GUARD_PORTS), GOTO("from_port")}},

    /* iifname @send_limits counter goto block */
    {"from_port", "more than a port may send", {IIFNAME, IN(GUARD_SEND_LIMITS), BLOCK}},
    /* iifname . ether saddr != @port_macs jump strange_mac */
    {"from_port", "a MAC that is not known", {IIFNAME, ETHER_SADDR, NOT_IN(GUARD_PORT_MACS), JUMP("strange_mac")}},
    /* ether type arp goto from_port_arp */
    {"from_port", "ARP", {ETHER_TYPE(0x08, 0x06), GOTO("from_port_arp")}},
    /* ether type ip6 goto from_port_ip6 */
    {"from_port", "IPv6", {ETHER_TYPE(0x86, 0xdd), GOTO("from_port_ip6")}},
    /* counter goto block */
    {"from_port", "no other protocol, no VLAN, no STP", {BLOCK}},

    /* meta l4proto != udp iifname . ether saddr . ip saddr @port_addresses accept */
    {"ip4",
     "the ports' own addresses, in haste",
     {META(L4PROTO, 1), IS_NOT(IPPROTO_UDP), PROTOCOL_IP4, IIFNAME, ETHER_SADDR, IP_SADDR, IN(GUARD_PORT_ADDRESSES),
      ACCEPT}},
    /* udp dport > 68 udp sport != 67 iifname . ether saddr . ip saddr @port_addresses accept, neither DHCP nor DNS */
    {"ip4",
     "the same of UDP",
     {L4(IPPROTO_UDP), TH_DPORT, ABOVE(0, 68), TH_SPORT, IS_NOT(0, 67), PROTOCOL_IP4, IIFNAME, ETHER_SADDR, IP_SADDR,
      IN(GUARD_PORT_ADDRESSES), ACCEPT}},
    /* iifname @ports goto from_port_ip4 */
    {"ip4", "what a port may send of IPv4", {IIFNAME, IN(GUARD_PORTS), GOTO("from_port_ip4")}},

    /* iifname @send_limits counter goto block */
    {"from_port_ip4", "more than a port may send", {IIFNAME, IN(GUARD_SEND_LIMITS), BLOCK}},
    /* iifname . ether saddr != @port_macs jump strange_mac */
    {"from_port_ip4", "a MAC that is not known", {IIFNAME, ETHER_SADDR, NOT_IN(GUARD_PORT_MACS), JUMP("strange_mac")}},
    /* udp sport 68 udp dport 67 ip frag-off & 0x3fff == 0 goto dhcp */
    {"from_port_ip4",
     "DHCP requests, whole ones",
     {L4(IPPROTO_UDP), TH_PORTS, IS(0, 68, 0, 67), PROTOCOL_IP4, IP_FRAG_OFF, MASK(0x3f, 0xff), IS(0, 0),
      GOTO("dhcp")}},
    /* udp sport 67 counter goto block */
    {"from_port_ip4", "guests are no DHCP servers", {L4(IPPROTO_UDP), TH_SPORT, IS(0, 67), BLOCK}},
    /* udp dport 68 counter goto block */
    {"from_port_ip4", "nor servers by another name", {L4(IPPROTO_UDP), TH_DPORT, IS(0, 68), BLOCK}},
    /* udp dport 67 counter goto block */
    {"from_port_ip4", "no other way to a DHCP server", {L4(IPPROTO_UDP), TH_DPORT, IS(0, 67), BLOCK}},
    /* udp dport 53 ip daddr @resolvers update @dns_rate { iifname limit rate over 500/second burst 1000 packets }
       counter goto block */
    {"from_port_ip4",
     "more DNS queries than one port may send",
     {L4(IPPROTO_UDP), TH_DPORT, IS(0, 53), PROTOCOL_IP4, IP_DADDR, IN(GUARD_RESOLVERS), IIFNAME, OVER(NFT_LIMIT_DNS),
      BLOCK}},
    /* iifname . ether saddr . ip saddr @port_addresses accept */
    {"from_port_ip4",
     "the port's own addresses",
     {PROTOCOL_IP4, IIFNAME, ETHER_SADDR, IP_SADDR, IN(GUARD_PORT_ADDRESSES), ACCEPT}},
    /* iifname . ip saddr @any_mac_addresses accept */
    {"from_port_ip4",
     "the same of a port with any MAC",
     {PROTOCOL_IP4, IIFNAME, IP_SADDR, IN(GUARD_ANY_MAC_ADDRESSES), ACCEPT}},
    /* iifname . ether saddr @port_macs iifname . ip saddr @open_addresses iifname != @send_limits
       add @port_addresses { iifname . ether saddr . ip saddr } accept */
    {"from_port_ip4",
     "the same of a port whose MAC was learnt, in haste from now on",
     {IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), PROTOCOL_IP4, IIFNAME, IP_SADDR, IN(GUARD_OPEN_ADDRESSES), IIFNAME,
      NOT_IN(GUARD_SEND_LIMITS), IIFNAME, ETHER_SADDR, IP_SADDR, ADD(GUARD_PORT_ADDRESSES), ACCEPT}},
    /* iifname . ether saddr @port_macs iifname . ip saddr @open_addresses accept */
    {"from_port_ip4",
     "the same of a port that is limited, never in haste",
     {IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), PROTOCOL_IP4, IIFNAME, IP_SADDR, IN(GUARD_OPEN_ADDRESSES), ACCEPT}},
    /* counter goto block */
    {"from_port_ip4", "forged sources", {BLOCK}},

    /* update @dhcp_rate { iifname limit rate over 20/second burst 40 packets } counter goto block */
    {"dhcp", "more DHCP requests than one port may send", {IIFNAME, OVER(NFT_LIMIT_DHCP), BLOCK}},
    /* iifname . ether saddr @port_macs counter log group 29793 drop */
    {"dhcp",
     "the service hears them, nobody else does",
     {IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), COUNTER, LOG(GUARD_LOG_GROUP), DROP}},
    /* iifname @any_mac_ports counter log group 29793 drop */
    {"dhcp",
     "the same of a port with any MAC",
     {IIFNAME, IN(GUARD_ANY_MAC_PORTS), COUNTER, LOG(GUARD_LOG_GROUP), DROP}},
    /* counter goto block */
    {"dhcp", "from another MAC than the port's", {BLOCK}},

    /* iifname . ether saddr @port_macs goto own_arp */
    {"from_port_arp", "from the port's own MAC", {IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), GOTO("own_arp")}},
    /* iifname @any_mac_ports goto any_mac_arp */
    {"from_port_arp", "from a port with any MAC", {IIFNAME, IN(GUARD_ANY_MAC_PORTS), GOTO("any_mac_arp")}},
    /* counter goto block */
    {"from_port_arp", "ARP from another MAC than the port's", {BLOCK}},

    /* arp htype 1 arp ptype ip arp hlen 6 arp plen 4 iifname . arp saddr ether . arp saddr ip @port_addresses accept */
    {"own_arp",
     "ARP about the port's own addresses",
     {ETHER_TYPE(0x08, 0x06), ARP_FOR_IP4, ARP_LENGTHS, IIFNAME, ARP_SADDR_ETHER, ARP_SADDR_IP,
      IN(GUARD_PORT_ADDRESSES), ACCEPT}},
    /* arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp operation request arp saddr ip 0.0.0.0
       iifname . arp saddr ether . arp daddr ip @port_addresses accept */
    {"own_arp",
     "probes for the port's own addresses",
     {ETHER_TYPE(0x08, 0x06), ARP_FOR_IP4, ARP_REQUEST, ARP_SADDR_IP, IS(0, 0, 0, 0), IIFNAME, ARP_SADDR_ETHER,
      ARP_DADDR_IP, IN(GUARD_PORT_ADDRESSES), ACCEPT}},
    /* arp htype 1 arp ptype ip arp hlen 6 arp plen 4 iifname . arp saddr ether @port_macs
       iifname . arp saddr ip @open_addresses accept */
    {"own_arp",
     "ARP about the addresses of a port whose MAC was learnt",
     {ETHER_TYPE(0x08, 0x06), ARP_FOR_IP4, ARP_LENGTHS, IIFNAME, ARP_SADDR_ETHER, IN(GUARD_PORT_MACS), IIFNAME,
      ARP_SADDR_IP, IN(GUARD_OPEN_ADDRESSES), ACCEPT}},
    /* arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp operation request arp saddr ip 0.0.0.0
       iifname . arp saddr ether @port_macs iifname . arp daddr ip @open_addresses accept */
    {"own_arp",
     "probes for these",
     {ETHER_TYPE(0x08, 0x06), ARP_FOR_IP4, ARP_REQUEST, ARP_SADDR_IP, IS(0, 0, 0, 0), IIFNAME, ARP_SADDR_ETHER,
      IN(GUARD_PORT_MACS), IIFNAME, ARP_DADDR_IP, IN(GUARD_OPEN_ADDRESSES), ACCEPT}},
    /* counter goto block */
    {"own_arp", "forged ARP", {BLOCK}},

    /* arp htype 1 arp ptype ip arp hlen 6 arp plen 4 iifname . arp saddr ip @any_mac_addresses accept */
    {"any_mac_arp",
     "ARP about the port's own addresses, at any MAC",
     {ETHER_TYPE(0x08, 0x06), ARP_FOR_IP4, ARP_LENGTHS, IIFNAME, ARP_SADDR_IP, IN(GUARD_ANY_MAC_ADDRESSES), ACCEPT}},
    /* arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp operation request arp saddr ip 0.0.0.0
       iifname . arp daddr ip @any_mac_addresses accept */
    {"any_mac_arp",
     "probes for them",
     {ETHER_TYPE(0x08, 0x06), ARP_FOR_IP4, ARP_REQUEST, ARP_SADDR_IP, IS(0, 0, 0, 0), IIFNAME, ARP_DADDR_IP,
      IN(GUARD_ANY_MAC_ADDRESSES), ACCEPT}},
    /* counter goto block */
    {"any_mac_arp", "forged ARP, at any MAC", {BLOCK}},

    /* icmpv6 type nd-router-advert counter goto block */
    {"from_port_ip6", "guests are no routers", {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(134), BLOCK}},
    /* icmpv6 type nd-redirect counter goto block */
    {"from_port_ip6", "guests redirect nobody", {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(137), BLOCK}},
    /* udp sport 547 counter goto block */
    {"from_port_ip6", "guests are no DHCPv6 servers", {L4(IPPROTO_UDP), TH_SPORT, IS(2, 35), BLOCK}},
    /* udp dport 546 counter goto block */
    {"from_port_ip6", "nor DHCPv6 servers by another name", {L4(IPPROTO_UDP), TH_DPORT, IS(2, 34), BLOCK}},
    /* meta l4proto != 255 iifname . ether saddr @port_macs accept, see above */
    {"from_port_ip6",
     "IPv6 among guests",
     {META(L4PROTO, 1), IS_NOT(255), IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), ACCEPT}},
    /* meta l4proto != 255 iifname @any_mac_ports accept */
    {"from_port_ip6",
     "the same of a port with any MAC",
     {META(L4PROTO, 1), IS_NOT(255), IIFNAME, IN(GUARD_ANY_MAC_PORTS), ACCEPT}},
    /* counter goto block */
    {"from_port_ip6", "IPv6 from another MAC, or of a kind that it hides", {BLOCK}},

    /* iifname @any_mac_ports return */
    {"strange_mac", "any MAC", {IIFNAME, IN(GUARD_ANY_MAC_PORTS), RETURN}},
    /* iifname @learned_ports goto refuse_mac */
    {"strange_mac", "another one than the first", {IIFNAME, IN(GUARD_LEARNED_PORTS), GOTO("refuse_mac")}},
    /* meta mark set iifname map @port_networks goto first_mac */
    {"strange_mac", "the first one", {IIFNAME, MAP(GUARD_PORT_NETWORKS), SET_MARK, GOTO("first_mac")}},
    /* goto refuse_mac */
    {"strange_mac", "another one than the file's", {GOTO("refuse_mac")}},

    /* ether saddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 counter goto block */
    {"first_mac", "no device's", {ETHER_SADDR, MASK(1, 0, 0, 0, 0, 0), IS_NOT(0, 0, 0, 0, 0, 0), BLOCK}},
    /* ether saddr 00:00:00:00:00:00 counter goto block */
    {"first_mac", "nobody's", {ETHER_SADDR, IS(0, 0, 0, 0, 0, 0), BLOCK}},
    /* iifname . ether saddr @proposed_macs goto claim_mac */
    {"first_mac",
     "that which is kept for this port",
     {IIFNAME, ETHER_SADDR, IN(GUARD_PROPOSED_MACS), GOTO("claim_mac")}},
    /* meta mark . ether saddr @network_macs goto refuse_mac */
    {"first_mac", "another's in this network", {MARK, ETHER_SADDR, IN(GUARD_NETWORK_MACS), GOTO("refuse_mac")}},
    /* goto claim_mac */
    {"first_mac", "one that is free", {GOTO("claim_mac")}},

    /* update @port_claims { iifname limit rate over 1/second burst 1 packets } goto refuse_mac */
    {"claim_mac", "one frame a port", {IIFNAME, OVER(NFT_LIMIT_PORT_CLAIMS), GOTO("refuse_mac")}},
    /* update @mac_claims { meta mark . ether saddr limit rate over 1/second burst 1 packets } goto refuse_mac */
    {"claim_mac", "one port a MAC", {MARK, ETHER_SADDR, OVER(NFT_LIMIT_MAC_CLAIMS), GOTO("refuse_mac")}},
    /* add @network_macs { meta mark . ether saddr } add @learned_ports { iifname }
       add @port_macs { iifname . ether saddr } meta mark set 0 */
    {"claim_mac",
     "from now on the port's",
     {MARK, ETHER_SADDR, ADD(GUARD_NETWORK_MACS), IIFNAME, ADD(GUARD_LEARNED_PORTS), IIFNAME, ETHER_SADDR,
      ADD(GUARD_PORT_MACS), CLEAR_MARK}},

    /* update @refusals { iifname limit rate over 6/minute burst 2 packets } counter goto block */
    {"refuse_mac", "not all of them need to be known", {IIFNAME, OVER(NFT_LIMIT_REFUSALS), BLOCK}},
    /* add @refused_macs { iifname . ether saddr } */
    {"refuse_mac", "for status", {IIFNAME, ETHER_SADDR, ADD(GUARD_REFUSED_MACS)}},
    /* counter goto block */
    {"refuse_mac", "a MAC that is not the port's", {BLOCK}},

    /* add @blocked { iifname counter } */
    {"block", "for status", {IIFNAME, TALLY(GUARD_BLOCKED)}},
    /* drop */
    {"block", "what a port may not send", {DROP}},
};

#define IFNAME GUARD_FIELD_IFNAME

/* No guest boots so fast, and no resolver asks so much, that it meets its limit. */
const struct nft_limit_schema nft_limits[NFT_LIMIT_COUNT] = {
    [NFT_LIMIT_DHCP] =
        {"dhcp_rate", GUARD_BRIDGE, {IFNAME}, 20, 1, 40, "ports that sent DHCP requests, and how many they may"},
    [NFT_LIMIT_DNS] =
        {"dns_rate", GUARD_BRIDGE, {IFNAME}, 500, 1, 1000, "ports that sent DNS queries, and how many they may"},
    [NFT_LIMIT_PORT_CLAIMS] = {"port_claims", GUARD_BRIDGE, {IFNAME}, 1, 1, 1, "ports whose MAC is being learnt"},
    [NFT_LIMIT_MAC_CLAIMS] =
        {"mac_claims", GUARD_BRIDGE, {GUARD_FIELD_MARK, GUARD_FIELD_MAC}, 1, 1, 1, "MACs that are being learnt"},
    [NFT_LIMIT_REFUSALS] =
        {"refusals", GUARD_BRIDGE, {IFNAME}, 6, 60, 2, "ports that sent from MACs that are not theirs"},
    [NFT_LIMIT_ROUTED_DHCP] =
        {"routed_dhcp_rate", GUARD_INET, {IFNAME}, 20, 1, 40, "ports that sent DHCP requests, and how many they may"},
    [NFT_LIMIT_ROUTED_DNS] =
        {"routed_dns_rate", GUARD_INET, {IFNAME}, 500, 1, 1000, "ports that sent DNS queries, and how many they may"},
};

struct nft_ruleset nft_ruleset_get(enum guard_family family)
{
    static const struct nft_ruleset rulesets[] = {
        [GUARD_INET] = {inet_chains, ARRAY_COUNT(inet_chains), inet_rules, ARRAY_COUNT(inet_rules)},
        [GUARD_BRIDGE] = {bridge_chains, ARRAY_COUNT(bridge_chains), bridge_rules, ARRAY_COUNT(bridge_rules)},
        [GUARD_ARP] = {arp_chains, ARRAY_COUNT(arp_chains), arp_rules, ARRAY_COUNT(arp_rules)},
    };

    return rulesets[family];
}
