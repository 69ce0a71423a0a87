/* SPDX-License-Identifier: MIT */
/* What the guards say of frames and of ARP, rule by rule, as ruleset.c, which says how it works. */
#include "nft/ruleset.h"

#include <linux/netfilter_arp.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>

#include "base/array.h"
#include "nft/words.h"

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

    /* update @port_claims { iifname limit rate over 10/second burst 1 packets } goto refuse_mac */
    {"claim_mac", "one frame a port", {IIFNAME, OVER(NFT_LIMIT_PORT_CLAIMS), GOTO("refuse_mac")}},
    /* update @mac_claims { meta mark . ether saddr limit rate over 10/second burst 1 packets } goto refuse_mac */
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

const struct nft_ruleset nft_ruleset_bridge = {bridge_chains, ARRAY_COUNT(bridge_chains), bridge_rules,
                                               ARRAY_COUNT(bridge_rules)};
const struct nft_ruleset nft_ruleset_arp = {arp_chains, ARRAY_COUNT(arp_chains), arp_rules, ARRAY_COUNT(arp_rules)};
