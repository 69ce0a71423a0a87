/* SPDX-License-Identifier: MIT */
/* What the guards say of frames, rule by rule, as ruleset.c, which says how it works. */
#include "nft/ruleset.h"

#include <linux/netfilter_bridge.h>

#include "nft/words.h"

static const struct nft_chain bridge_chains[] = {
    {"prerouting", "filter", NF_BR_PRE_ROUTING, NF_BR_PRI_NAT_DST_BRIDGED},
    {"ip4", NULL, 0, 0},
    {"from_port", NULL, 0, 0},
    {"source_routes", NULL, 0, 0},
    {"from_port_ip4", NULL, 0, 0},
    {"from_port_icmp", NULL, 0, 0},
    {"from_port_error", NULL, 0, 0},
    {"own_error", NULL, 0, 0},
    {"dhcp", NULL, 0, 0},
    {"from_port_arp", NULL, 0, 0},
    {"own_arp", NULL, 0, 0},
    {"any_mac_arp", NULL, 0, 0},
    {"ipv6", NULL, 0, 0},
    {"from_port_ip6", NULL, 0, 0},
    {"from_port_icmp6", NULL, 0, 0},
    {"from_port_error6", NULL, 0, 0},
    {"own_ip6", NULL, 0, 0},
    {"own_link_local", NULL, 0, 0},
    {"nd_solicit", NULL, 0, 0},
    {"nd_solicit_link_local", NULL, 0, 0},
    {"nd_advert", NULL, 0, 0},
    {"nd_advert_link_local", NULL, 0, 0},
    {"nd_advert_mac", NULL, 0, 0},
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
    /* ether type ip6 goto ipv6 (ip6 is a word of nft's) */
    {"prerouting", "IPv6", {ETHER_TYPE(0x86, 0xdd), GOTO("ipv6")}},
    /* iifname @ports goto from_port */
    {"prerouting", "what a port may send", {IIFNAME, IN(GUARD_PORTS), GOTO("from_port")}},

    /* iifname @send_limits counter goto block */
    {"from_port", "more than a port may send", {IIFNAME, IN(GUARD_SEND_LIMITS), BLOCK}},
    /* iifname . ether saddr != @port_macs jump strange_mac */
    {"from_port", "a MAC that is not known", {IIFNAME, ETHER_SADDR, NOT_IN(GUARD_PORT_MACS), JUMP("strange_mac")}},
    /* ether type arp goto from_port_arp */
    {"from_port", "ARP", {ETHER_TYPE(0x08, 0x06), GOTO("from_port_arp")}},
    /* vlan id 0 counter goto block */
    {"from_port",
     "a tag that is none, which who gets it takes off",
     {ETHER_TYPE(0x81, 0x00), VLAN_ID, IS(0, 0), BLOCK}},
    /* ether type 8021ad vlan id 0 counter goto block */
    {"from_port", "a provider's tag that is none", {ETHER_TYPE(0x88, 0xa8), VLAN_ID, IS(0, 0), BLOCK}},
    /* iifname @any_protocol_ports iifname . ether saddr @port_macs accept */
    {"from_port",
     "any other protocol, where the file lets it",
     {IIFNAME, IN(GUARD_ANY_PROTOCOL_PORTS), IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), ACCEPT}},
    /* iifname @any_protocol_ports iifname @any_mac_ports accept */
    {"from_port",
     "the same of a port with any MAC",
     {IIFNAME, IN(GUARD_ANY_PROTOCOL_PORTS), IIFNAME, IN(GUARD_ANY_MAC_PORTS), ACCEPT}},
    /* counter goto block */
    {"from_port", "no other protocol, no VLAN, no STP", {BLOCK}},

    /* ip hdrlength != 5 jump source_routes */
    {"ip4", "headers with options", {PROTOCOL_IP4, LONG_HEADER, JUMP("source_routes")}},
    /* meta l4proto tcp iifname . ether saddr . ip saddr @port_addresses accept */
    {"ip4",
     "the ports' own addresses, in haste",
     {L4(IPPROTO_TCP), PROTOCOL_IP4, IIFNAME, ETHER_SADDR, IP_SADDR, IN(GUARD_PORT_ADDRESSES), ACCEPT}},
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
    /* iifname @lan_ports goto lan_ip4 */
    {"from_port_ip4", "where others give addresses", {IIFNAME, IN(GUARD_LAN_PORTS), GOTO("lan_ip4")}},
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
    /* meta l4proto icmp jump from_port_icmp */
    {"from_port_ip4", "ICMP", {L4(IPPROTO_ICMP), JUMP("from_port_icmp")}},
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

    /* icmp type destination-unreachable goto from_port_error */
    {"from_port_icmp", "it did not arrive", {FRAME_ICMP(3), GOTO("from_port_error")}},
    /* icmp type source-quench goto from_port_error */
    {"from_port_icmp", "it was too fast", {FRAME_ICMP(4), GOTO("from_port_error")}},
    /* icmp type redirect goto from_port_error */
    {"from_port_icmp", "it should go elsewhere", {FRAME_ICMP(5), GOTO("from_port_error")}},
    /* icmp type time-exceeded goto from_port_error */
    {"from_port_icmp", "it took too long", {FRAME_ICMP(11), GOTO("from_port_error")}},
    /* icmp type parameter-problem goto from_port_error */
    {"from_port_icmp", "it was not understood", {FRAME_ICMP(12), GOTO("from_port_error")}},
    /* icmp type router-advertisement counter goto block */
    {"from_port_icmp", "guests are no routers, by IPv4 either", {FRAME_ICMP(9), BLOCK}},

    /* ip frag-off & 0x3fff != 0 counter goto block */
    {"from_port_error", "in fragments", {PROTOCOL_IP4, IP_FRAG_OFF, MASK(0x3f, 0xff), IS_NOT(0, 0), BLOCK}},
    /* iifname . ether saddr . ip saddr @port_addresses goto own_error */
    {"from_port_error",
     "errors from the port's own addresses",
     {PROTOCOL_IP4, IIFNAME, ETHER_SADDR, IP_SADDR, IN(GUARD_PORT_ADDRESSES), GOTO("own_error")}},
    /* iifname . ip saddr @any_mac_addresses goto own_error */
    {"from_port_error",
     "the same of a port with any MAC",
     {PROTOCOL_IP4, IIFNAME, IP_SADDR, IN(GUARD_ANY_MAC_ADDRESSES), GOTO("own_error")}},
    /* iifname . ether saddr @port_macs iifname . ip saddr @open_addresses goto own_error */
    {"from_port_error",
     "the same of a port whose MAC was learnt",
     {IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), PROTOCOL_IP4, IIFNAME, IP_SADDR, IN(GUARD_OPEN_ADDRESSES),
      GOTO("own_error")}},
    /* counter goto block */
    {"from_port_error", "errors from forged sources", {BLOCK}},

    /* add @errors { iifname . ip saddr }, of no type */
    {"own_error", "who tells it", {IIFNAME, IP_SADDR, ADD(GUARD_ERRORS)}},
    /* iifname . where what it tells of was to go @errors accept */
    {"own_error", "of what it was sent itself", {IIFNAME, TOLD_DADDR, IN(GUARD_ERRORS), ACCEPT}},
    /* counter goto block */
    {"own_error", "errors about others", {BLOCK}},

    /* iifname @ports ip option lsrr exists counter goto block */
    {"source_routes",
     "packets that choose their way",
     {ETHER_TYPE(0x08, 0x00), IIFNAME, IN(GUARD_PORTS), HAS_OPTION(LOOSE_ROUTE), BLOCK}},
    /* iifname @ports ip option ssrr exists counter goto block */
    {"source_routes",
     "or the whole of it",
     {ETHER_TYPE(0x08, 0x00), IIFNAME, IN(GUARD_PORTS), HAS_OPTION(STRICT_ROUTE), BLOCK}},

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

    /* iifname @lan_ports goto lan_arp */
    {"from_port_arp", "where others give addresses", {IIFNAME, IN(GUARD_LAN_PORTS), GOTO("lan_arp")}},
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

    /* meta l4proto != ipv6-icmp meta l4proto != udp meta l4proto != 255
       iifname . ether saddr . ip6 saddr @port_addresses6 accept */
    {"ipv6",
     "the ports' own IPv6 addresses, in haste",
     {META(L4PROTO, 1), IS_NOT(IPPROTO_ICMPV6), META(L4PROTO, 1), IS_NOT(IPPROTO_UDP), META(L4PROTO, 1), IS_NOT(255),
      IIFNAME, ETHER_SADDR, IP6_SADDR, IN(GUARD_PORT_ADDRESSES6), ACCEPT}},
    /* udp dport > 547 udp sport != 547 iifname . ether saddr . ip6 saddr @port_addresses6 accept */
    {"ipv6",
     "the same of UDP and IPv6",
     {L4(IPPROTO_UDP), TH_DPORT, ABOVE(2, 35), TH_SPORT, IS_NOT(2, 35), IIFNAME, ETHER_SADDR, IP6_SADDR,
      IN(GUARD_PORT_ADDRESSES6), ACCEPT}},
    /* iifname @ports goto from_port_ip6 */
    {"ipv6", "what a port may send of IPv6", {IIFNAME, IN(GUARD_PORTS), GOTO("from_port_ip6")}},

    /* iifname @send_limits counter goto block */
    {"from_port_ip6", "more than a port may send", {IIFNAME, IN(GUARD_SEND_LIMITS), BLOCK}},
    /* iifname . ether saddr != @port_macs jump strange_mac */
    {"from_port_ip6", "a MAC that is not known", {IIFNAME, ETHER_SADDR, NOT_IN(GUARD_PORT_MACS), JUMP("strange_mac")}},
    /* iifname @lan_ports goto lan_ip6 */
    {"from_port_ip6", "where others give addresses", {IIFNAME, IN(GUARD_LAN_PORTS), GOTO("lan_ip6")}},
    /* meta l4proto ipv6-icmp goto from_port_icmp6 */
    {"from_port_ip6", "ICMPv6", {L4(IPPROTO_ICMPV6), GOTO("from_port_icmp6")}},
    /* udp dport 547 ip6 nexthdr udp goto dhcp */
    {"from_port_ip6",
     "DHCPv6 requests, whole ones",
     {L4(IPPROTO_UDP), TH_DPORT, IS(2, 35), PROTOCOL_IP6, IP6_NEXT_HEADER, IS(IPPROTO_UDP), GOTO("dhcp")}},
    /* udp dport 547 counter goto block */
    {"from_port_ip6", "no other way to a DHCPv6 server", {L4(IPPROTO_UDP), TH_DPORT, IS(2, 35), BLOCK}},
    /* udp sport 547 counter goto block */
    {"from_port_ip6", "guests are no DHCPv6 servers", {L4(IPPROTO_UDP), TH_SPORT, IS(2, 35), BLOCK}},
    /* udp dport 546 counter goto block */
    {"from_port_ip6", "nor DHCPv6 servers by another name", {L4(IPPROTO_UDP), TH_DPORT, IS(2, 34), BLOCK}},
    /* udp dport 53 ip6 daddr @resolvers6 update @dns_rate { iifname limit rate over 500/second burst 1000 packets }
       counter goto block */
    {"from_port_ip6",
     "more DNS queries than one port may send, by IPv6",
     {L4(IPPROTO_UDP), TH_DPORT, IS(0, 53), PROTOCOL_IP6, IP6_DADDR, IN(GUARD_RESOLVERS6), IIFNAME, OVER(NFT_LIMIT_DNS),
      BLOCK}},
    /* goto own_ip6 */
    {"from_port_ip6", "whose it is", {GOTO("own_ip6")}},

    /* icmpv6 type nd-router-advert counter goto block */
    {"from_port_icmp6", "guests are no routers", {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(134), BLOCK}},
    /* icmpv6 type nd-redirect counter goto block */
    {"from_port_icmp6", "guests redirect nobody", {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(137), BLOCK}},
    /* icmpv6 type mld-listener-query counter goto block */
    {"from_port_icmp6",
     "guests ask nobody what he listens to",
     {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(130), BLOCK}},
    /* icmpv6 type destination-unreachable goto from_port_error6 */
    {"from_port_icmp6", "it did not arrive", {FRAME_ICMP6(1), GOTO("from_port_error6")}},
    /* icmpv6 type packet-too-big goto from_port_error6 */
    {"from_port_icmp6", "it was too long", {FRAME_ICMP6(2), GOTO("from_port_error6")}},
    /* icmpv6 type time-exceeded goto from_port_error6 */
    {"from_port_icmp6", "it took too long", {FRAME_ICMP6(3), GOTO("from_port_error6")}},
    /* icmpv6 type parameter-problem goto from_port_error6 */
    {"from_port_icmp6", "it was not understood", {FRAME_ICMP6(4), GOTO("from_port_error6")}},
    /* icmpv6 type nd-router-solicit ip6 nexthdr ipv6-icmp goto dhcp */
    {"from_port_icmp6",
     "who is the router here, asked as DHCP is",
     {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(133), IP6_NEXT_HEADER, IS(IPPROTO_ICMPV6), GOTO("dhcp")}},
    /* icmpv6 type nd-router-solicit counter goto block */
    {"from_port_icmp6", "no other way to ask", {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(133), BLOCK}},
    /* icmpv6 type nd-neighbor-solicit ip6 nexthdr ipv6-icmp goto nd_solicit */
    {"from_port_icmp6",
     "who has an address",
     {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(135), IP6_NEXT_HEADER, IS(IPPROTO_ICMPV6),
      GOTO("nd_solicit")}},
    /* icmpv6 type nd-neighbor-solicit counter goto block */
    {"from_port_icmp6",
     "hidden neighbour solicitations",
     {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(135), BLOCK}},
    /* icmpv6 type nd-neighbor-advert ip6 nexthdr ipv6-icmp goto nd_advert */
    {"from_port_icmp6",
     "I have that address",
     {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(136), IP6_NEXT_HEADER, IS(IPPROTO_ICMPV6),
      GOTO("nd_advert")}},
    /* icmpv6 type nd-neighbor-advert counter goto block */
    {"from_port_icmp6",
     "hidden neighbour advertisements",
     {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(136), BLOCK}},
    /* icmpv6 type mld2-listener-report ip6 saddr :: drop */
    {"from_port_icmp6",
     "what one without an address listens to, which nobody here needs to know",
     {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(143), IP6_SADDR, NOBODY, DROP}},
    /* goto own_ip6 */
    {"from_port_icmp6", "whose the rest is", {GOTO("own_ip6")}},

    /* ip6 nexthdr != ipv6-icmp counter goto block */
    {"from_port_error6",
     "errors behind another header",
     {PROTOCOL_IP6, IP6_NEXT_HEADER, IS_NOT(IPPROTO_ICMPV6), BLOCK}},
    /* iifname . ether saddr . where what it tells of was to go @port_addresses6 goto own_ip6 */
    {"from_port_error6",
     "errors about the port's own IPv6 addresses",
     {IIFNAME, ETHER_SADDR, TOLD_DADDR6, IN(GUARD_PORT_ADDRESSES6), GOTO("own_ip6")}},
    /* iifname . the same @any_mac_addresses6 goto own_ip6 */
    {"from_port_error6",
     "the same of a port with any MAC",
     {IIFNAME, TOLD_DADDR6, IN(GUARD_ANY_MAC_ADDRESSES6), GOTO("own_ip6")}},
    /* iifname . ether saddr @port_macs iifname . the same @open_addresses6 goto own_ip6 */
    {"from_port_error6",
     "the same of a port whose MAC was learnt",
     {IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), IIFNAME, TOLD_DADDR6, IN(GUARD_OPEN_ADDRESSES6), GOTO("own_ip6")}},
    /* its first bits & ffc0 == fe80 goto own_ip6 */
    {"from_port_error6", "about a link-local address", {TOLD_DADDR6_START, LINK_LOCAL, GOTO("own_ip6")}},
    /* counter goto block */
    {"from_port_error6", "errors about others, by IPv6", {BLOCK}},

    /* meta l4proto != 255 iifname . ether saddr . ip6 saddr @port_addresses6 accept */
    {"own_ip6",
     "the port's own IPv6 addresses",
     {META(L4PROTO, 1), IS_NOT(255), IIFNAME, ETHER_SADDR, IP6_SADDR, IN(GUARD_PORT_ADDRESSES6), ACCEPT}},
    /* meta l4proto != 255 iifname . ip6 saddr @any_mac_addresses6 accept */
    {"own_ip6",
     "the same of a port with any MAC",
     {META(L4PROTO, 1), IS_NOT(255), IIFNAME, IP6_SADDR, IN(GUARD_ANY_MAC_ADDRESSES6), ACCEPT}},
    /* meta l4proto != 255 iifname . ether saddr @port_macs iifname . ip6 saddr @open_addresses6 iifname != @send_limits
       add @port_addresses6 { iifname . ether saddr . ip6 saddr } accept */
    {"own_ip6",
     "the same of a port whose MAC was learnt, in haste from now on",
     {META(L4PROTO, 1), IS_NOT(255), IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), IIFNAME, IP6_SADDR,
      IN(GUARD_OPEN_ADDRESSES6), IIFNAME, NOT_IN(GUARD_SEND_LIMITS), IIFNAME, ETHER_SADDR, IP6_SADDR,
      ADD(GUARD_PORT_ADDRESSES6), ACCEPT}},
    /* meta l4proto != 255 iifname . ether saddr @port_macs iifname . ip6 saddr @open_addresses6 accept */
    {"own_ip6",
     "the same of a port that is limited, never in haste",
     {META(L4PROTO, 1), IS_NOT(255), IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), IIFNAME, IP6_SADDR,
      IN(GUARD_OPEN_ADDRESSES6), ACCEPT}},
    /* ip6 saddr & ffc0:: == fe80:: goto own_link_local */
    {"own_ip6", "link-local addresses", {PROTOCOL_IP6, IP6_SADDR_START, LINK_LOCAL, GOTO("own_link_local")}},
    /* counter goto block */
    {"own_ip6", "forged IPv6 sources, or a kind that hides", {BLOCK}},

    /* ip6 saddr & ::ffff:ffff:0:0 == :: counter goto block */
    {"own_link_local",
     "link-local addresses as routers have them",
     {PROTOCOL_IP6, IP6_SADDR_HIGH, IS(0, 0, 0, 0), BLOCK}},
    /* meta l4proto != 255 iifname @any_mac_ports accept */
    {"own_link_local",
     "any other, of a port with any MAC",
     {META(L4PROTO, 1), IS_NOT(255), IIFNAME, IN(GUARD_ANY_MAC_PORTS), ACCEPT}},
    /* meta l4proto != 255 ip6 saddr & ::ff:ff00:0 == ::ff:fe00:0 iifname . its MAC @port_identifiers6
       iifname . ether saddr @port_macs accept */
    {"own_link_local",
     "the one of the port's MAC",
     {META(L4PROTO, 1), IS_NOT(255), IP6_SADDR_MIDDLE, IS(0xff, 0xfe), IIFNAME, IP6_SADDR_MAC,
      IN(GUARD_PORT_IDENTIFIERS6), IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), ACCEPT}},
    /* ip6 saddr & ::ff:ff00:0 == ::ff:fe00:0 counter goto block */
    {"own_link_local", "link-local addresses of another MAC", {PROTOCOL_IP6, IP6_SADDR_MIDDLE, IS(0xff, 0xfe), BLOCK}},
    /* meta l4proto != 255 iifname . ether saddr @port_macs accept */
    {"own_link_local",
     "those that a guest draws by lot, from its MAC",
     {META(L4PROTO, 1), IS_NOT(255), IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), ACCEPT}},
    /* counter goto block */
    {"own_link_local", "IPv6 from another MAC, or of a kind that it hides", {BLOCK}},

    /* ip6 saddr :: iifname . ether saddr . icmpv6 taddr @port_addresses6 accept */
    {"nd_solicit",
     "probes for the port's own addresses",
     {PROTOCOL_IP6, IP6_SADDR, NOBODY, IIFNAME, ETHER_SADDR, ND_TARGET, IN(GUARD_PORT_ADDRESSES6), ACCEPT}},
    /* ip6 saddr :: iifname . ether saddr @port_macs iifname . icmpv6 taddr @open_addresses6 accept */
    {"nd_solicit",
     "probes for those of a port whose MAC was learnt",
     {PROTOCOL_IP6, IP6_SADDR, NOBODY, IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), IIFNAME, ND_TARGET,
      IN(GUARD_OPEN_ADDRESSES6), ACCEPT}},
    /* ip6 saddr :: iifname . icmpv6 taddr @any_mac_addresses6 accept */
    {"nd_solicit",
     "probes for them, at any MAC",
     {PROTOCOL_IP6, IP6_SADDR, NOBODY, IIFNAME, ND_TARGET, IN(GUARD_ANY_MAC_ADDRESSES6), ACCEPT}},
    /* ip6 saddr :: icmpv6 taddr & ffc0:: == fe80:: goto nd_solicit_link_local */
    {"nd_solicit",
     "probes for link-local addresses",
     {PROTOCOL_IP6, IP6_SADDR, NOBODY, ND_TARGET_START, LINK_LOCAL, GOTO("nd_solicit_link_local")}},
    /* ip6 length 24 goto own_ip6 */
    {"nd_solicit", "without options", {PROTOCOL_IP6, IP6_LENGTH(0, 24), GOTO("own_ip6")}},
    /* ip6 length 32 icmpv6 option 1, of the port's MAC:
       iifname . it @port_identifiers6 goto own_ip6 */
    {"nd_solicit",
     "with the port's MAC",
     {PROTOCOL_IP6, IP6_LENGTH(0, 32), ND_OPTION(1, 1), ND_OPTION_GROUP, IS(0), IIFNAME, ND_OPTION_MAC,
      IN(GUARD_PORT_IDENTIFIERS6), GOTO("own_ip6")}},
    /* ip6 length 32 iifname @any_mac_ports goto own_ip6 */
    {"nd_solicit",
     "with any MAC",
     {PROTOCOL_IP6, IP6_LENGTH(0, 32), IIFNAME, IN(GUARD_ANY_MAC_PORTS), GOTO("own_ip6")}},
    /* counter goto block */
    {"nd_solicit", "forged neighbour solicitations", {BLOCK}},

    /* icmpv6 taddr & ::ffff:ffff:0:0 == :: counter goto block */
    {"nd_solicit_link_local", "probes for addresses as routers have them", {ND_TARGET_HIGH, IS(0, 0, 0, 0), BLOCK}},
    /* iifname @any_mac_ports accept */
    {"nd_solicit_link_local", "for any other, of a port with any MAC", {IIFNAME, IN(GUARD_ANY_MAC_PORTS), ACCEPT}},
    /* icmpv6 taddr & ::ff:ff00:0 == ::ff:fe00:0 iifname . its MAC @port_identifiers6
       iifname . ether saddr @port_macs accept */
    {"nd_solicit_link_local",
     "for the one of the port's MAC",
     {ND_TARGET_MIDDLE, IS(0xff, 0xfe), IIFNAME, ND_TARGET_MAC, IN(GUARD_PORT_IDENTIFIERS6), IIFNAME, ETHER_SADDR,
      IN(GUARD_PORT_MACS), ACCEPT}},
    /* icmpv6 taddr & ::ff:ff00:0 == ::ff:fe00:0 counter goto block */
    {"nd_solicit_link_local", "probes for addresses of another MAC", {ND_TARGET_MIDDLE, IS(0xff, 0xfe), BLOCK}},
    /* iifname . ether saddr @port_macs accept */
    {"nd_solicit_link_local", "for those drawn by lot", {IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), ACCEPT}},
    /* counter goto block */
    {"nd_solicit_link_local", "probes from another MAC", {BLOCK}},

    /* iifname . ether saddr . icmpv6 taddr @port_addresses6 goto nd_advert_mac */
    {"nd_advert",
     "about the port's own addresses",
     {IIFNAME, ETHER_SADDR, ND_TARGET, IN(GUARD_PORT_ADDRESSES6), GOTO("nd_advert_mac")}},
    /* iifname . ether saddr @port_macs iifname . icmpv6 taddr @open_addresses6 goto nd_advert_mac */
    {"nd_advert",
     "about those of a port whose MAC was learnt",
     {IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), IIFNAME, ND_TARGET, IN(GUARD_OPEN_ADDRESSES6), GOTO("nd_advert_mac")}},
    /* iifname . icmpv6 taddr @any_mac_addresses6 goto nd_advert_mac */
    {"nd_advert", "about them, at any MAC", {IIFNAME, ND_TARGET, IN(GUARD_ANY_MAC_ADDRESSES6), GOTO("nd_advert_mac")}},
    /* icmpv6 taddr & ffc0:: == fe80:: goto nd_advert_link_local */
    {"nd_advert", "about link-local addresses", {ND_TARGET_START, LINK_LOCAL, GOTO("nd_advert_link_local")}},
    /* counter goto block */
    {"nd_advert", "forged neighbour advertisements", {BLOCK}},

    /* icmpv6 taddr & ::ffff:ffff:0:0 == :: counter goto block */
    {"nd_advert_link_local", "about addresses as routers have them", {ND_TARGET_HIGH, IS(0, 0, 0, 0), BLOCK}},
    /* iifname @any_mac_ports goto nd_advert_mac */
    {"nd_advert_link_local",
     "about any other, of a port with any MAC",
     {IIFNAME, IN(GUARD_ANY_MAC_PORTS), GOTO("nd_advert_mac")}},
    /* icmpv6 taddr & ::ff:ff00:0 == ::ff:fe00:0 iifname . its MAC @port_identifiers6 goto nd_advert_mac */
    {"nd_advert_link_local",
     "about the one of the port's MAC",
     {ND_TARGET_MIDDLE, IS(0xff, 0xfe), IIFNAME, ND_TARGET_MAC, IN(GUARD_PORT_IDENTIFIERS6), GOTO("nd_advert_mac")}},
    /* icmpv6 taddr & ::ff:ff00:0 == ::ff:fe00:0 counter goto block */
    {"nd_advert_link_local", "about addresses of another MAC", {ND_TARGET_MIDDLE, IS(0xff, 0xfe), BLOCK}},
    /* goto nd_advert_mac */
    {"nd_advert_link_local", "about those drawn by lot", {GOTO("nd_advert_mac")}},

    /* ip6 length 24 goto own_ip6 */
    {"nd_advert_mac", "by the frame's MAC", {PROTOCOL_IP6, IP6_LENGTH(0, 24), GOTO("own_ip6")}},
    /* ip6 length 32 icmpv6 option 2, of the port's MAC:
       iifname . it @port_identifiers6 goto own_ip6 */
    {"nd_advert_mac",
     "by the port's MAC",
     {PROTOCOL_IP6, IP6_LENGTH(0, 32), ND_OPTION(2, 1), ND_OPTION_GROUP, IS(0), IIFNAME, ND_OPTION_MAC,
      IN(GUARD_PORT_IDENTIFIERS6), GOTO("own_ip6")}},
    /* ip6 length 32 iifname @any_mac_ports goto own_ip6 */
    {"nd_advert_mac",
     "by any MAC",
     {PROTOCOL_IP6, IP6_LENGTH(0, 32), IIFNAME, IN(GUARD_ANY_MAC_PORTS), GOTO("own_ip6")}},
    /* counter goto block */
    {"nd_advert_mac", "by another MAC", {BLOCK}},

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
       add @port_macs { iifname . ether saddr } add @port_identifiers6 { iifname . the MAC } meta mark set 0 */
    {"claim_mac",
     "from now on the port's",
     {MARK, ETHER_SADDR, ADD(GUARD_NETWORK_MACS), IIFNAME, ADD(GUARD_LEARNED_PORTS), IIFNAME, ETHER_SADDR,
      ADD(GUARD_PORT_MACS), IIFNAME, ETHER_SADDR_MAC, ADD(GUARD_PORT_IDENTIFIERS6), CLEAR_MARK}},

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

const struct nft_part nft_part_frames = NFT_PART(bridge_chains, bridge_rules);
