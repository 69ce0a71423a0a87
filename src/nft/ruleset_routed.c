/* SPDX-License-Identifier: MIT */
/* What the guards say of packets that come by the port of a routed network, as ruleset.c, which says how it works. */
#include "nft/ruleset.h"

#include "nft/words.h"

static const struct nft_chain routed_chains[] = {
    {"from_routed", NULL, 0, 0},   {"source_routes", NULL, 0, 0},  {"routed_icmp", NULL, 0, 0},
    {"routed_error", NULL, 0, 0},  {"own_error", NULL, 0, 0},      {"routed_dhcp", NULL, 0, 0},
    {"routed_refuse", NULL, 0, 0}, {"from_routed6", NULL, 0, 0},   {"routed_icmp6", NULL, 0, 0},
    {"routed_error6", NULL, 0, 0}, {"routed_solicit", NULL, 0, 0}, {"routed_neighbour", NULL, 0, 0},
    {"routed_advert", NULL, 0, 0}, {"routed_own6", NULL, 0, 0},    {"routed_link_local", NULL, 0, 0},
};

static const struct nft_rule routed_rules[] = {
    /* meta nfproto ipv6 goto from_routed6 */
    {"from_routed", "IPv6", {IS_IP6, GOTO("from_routed6")}},
    /* ip hdrlength != 5 jump source_routes */
    {"from_routed", "headers with options", {IS_IP4, LONG_HEADER, JUMP("source_routes")}},
    /* meta l4proto tcp iifname . ether saddr . ip saddr @routed_addresses accept */
    {"from_routed",
     "the ports' own addresses, in haste",
     {L4(IPPROTO_TCP), ETHER_IP4, IIFNAME, ETHER_SADDR, IP_SADDR, IN(GUARD_ROUTED_ADDRESSES), ACCEPT}},
    /* udp dport > 68 udp sport != 67 iifname . ether saddr . ip saddr @routed_addresses accept, neither DHCP nor DNS */
    {"from_routed",
     "the same of UDP",
     {L4(IPPROTO_UDP), TH_DPORT, ABOVE(0, 68), TH_SPORT, IS_NOT(0, 67), ETHER_IP4, IIFNAME, ETHER_SADDR, IP_SADDR,
      IN(GUARD_ROUTED_ADDRESSES), ACCEPT}},
    /* iifname @routed_send_limits counter goto block */
    {"from_routed", "more than a port may send", {IIFNAME, IN(GUARD_ROUTED_SEND_LIMITS), BLOCK}},
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
    /* meta l4proto icmp jump routed_icmp */
    {"from_routed", "ICMP", {L4(IPPROTO_ICMP), JUMP("routed_icmp")}},
    /* iifname . ether saddr . ip saddr @routed_addresses accept */
    {"from_routed",
     "the port's own addresses",
     {ETHER_IP4, IIFNAME, ETHER_SADDR, IP_SADDR, IN(GUARD_ROUTED_ADDRESSES), ACCEPT}},
    /* iifname . ether saddr . ip saddr @routed_limited_addresses accept */
    {"from_routed",
     "the same of a port that is limited, never in haste",
     {ETHER_IP4, IIFNAME, ETHER_SADDR, IP_SADDR, IN(GUARD_ROUTED_LIMITED_ADDRESSES), ACCEPT}},
    /* iifname . ip saddr @routed_any_mac_addresses accept */
    {"from_routed",
     "the same of a port with any MAC",
     {IS_IP4, IIFNAME, IP_SADDR, IN(GUARD_ROUTED_ANY_MAC_ADDRESSES), ACCEPT}},
    /* counter goto block */
    {"from_routed", "forged sources", {BLOCK}},

    /* icmp type destination-unreachable goto routed_error */
    {"routed_icmp", "it did not arrive", {IS_IP4, L4(IPPROTO_ICMP), ICMP_TYPE(3), GOTO("routed_error")}},
    /* icmp type source-quench goto routed_error */
    {"routed_icmp", "it was too fast", {IS_IP4, L4(IPPROTO_ICMP), ICMP_TYPE(4), GOTO("routed_error")}},
    /* icmp type redirect goto routed_error */
    {"routed_icmp", "it should go elsewhere", {IS_IP4, L4(IPPROTO_ICMP), ICMP_TYPE(5), GOTO("routed_error")}},
    /* icmp type time-exceeded goto routed_error */
    {"routed_icmp", "it took too long", {IS_IP4, L4(IPPROTO_ICMP), ICMP_TYPE(11), GOTO("routed_error")}},
    /* icmp type parameter-problem goto routed_error */
    {"routed_icmp", "it was not understood", {IS_IP4, L4(IPPROTO_ICMP), ICMP_TYPE(12), GOTO("routed_error")}},
    /* icmp type router-advertisement counter goto block */
    {"routed_icmp", "guests are no routers", {IS_IP4, L4(IPPROTO_ICMP), ICMP_TYPE(9), BLOCK}},

    /* ip frag-off & 0x3fff != 0 counter goto block */
    {"routed_error", "in fragments", {IS_IP4, IP_FRAG_OFF, MASK(0x3f, 0xff), IS_NOT(0, 0), BLOCK}},
    /* iifname . ether saddr . ip saddr @routed_addresses goto own_error */
    {"routed_error",
     "errors from the port's own addresses",
     {ETHER_IP4, IIFNAME, ETHER_SADDR, IP_SADDR, IN(GUARD_ROUTED_ADDRESSES), GOTO("own_error")}},
    /* iifname . ether saddr . ip saddr @routed_limited_addresses goto own_error */
    {"routed_error",
     "the same of a port that is limited",
     {ETHER_IP4, IIFNAME, ETHER_SADDR, IP_SADDR, IN(GUARD_ROUTED_LIMITED_ADDRESSES), GOTO("own_error")}},
    /* iifname . ip saddr @routed_any_mac_addresses goto own_error */
    {"routed_error",
     "the same of a port with any MAC",
     {IS_IP4, IIFNAME, IP_SADDR, IN(GUARD_ROUTED_ANY_MAC_ADDRESSES), GOTO("own_error")}},
    /* counter goto block */
    {"routed_error", "errors from forged sources", {BLOCK}},

    /* add @routed_errors { iifname . ip saddr }, of no type */
    {"own_error", "who tells it", {IIFNAME, IP_SADDR, ADD(GUARD_ROUTED_ERRORS)}},
    /* iifname . where what it tells of was to go @routed_errors accept */
    {"own_error", "of what it was sent itself", {IIFNAME, TOLD_DADDR, IN(GUARD_ROUTED_ERRORS), ACCEPT}},
    /* counter goto block */
    {"own_error", "errors about others", {BLOCK}},

    /* ip option lsrr exists counter goto block */
    {"source_routes", "packets that choose their way", {IS_IP4, HAS_OPTION(LOOSE_ROUTE), BLOCK}},
    /* ip option ssrr exists counter goto block */
    {"source_routes", "or the whole of it", {IS_IP4, HAS_OPTION(STRICT_ROUTE), BLOCK}},

    /* update @routed_dhcp_rate { iifname limit rate over 20/second burst 40 packets } counter goto block */
    {"routed_dhcp", "more DHCP requests than one port may send", {IIFNAME, OVER(NFT_LIMIT_ROUTED_DHCP), BLOCK}},
    /* iifname . ether saddr @routed_macs counter log group 29793 drop */
    {"routed_dhcp",
     "the service hears them, nobody else does",
     {FROM_ETHER, IIFNAME, ETHER_SADDR, IN(GUARD_ROUTED_MACS), COUNTER, LOG(GUARD_LOG_GROUP), DROP}},
    /* iifname @routed_any_mac_ports counter log group 29793 drop */
    {"routed_dhcp",
     "the same of a port with any MAC",
     {IIFNAME, IN(GUARD_ROUTED_ANY_MAC_PORTS), COUNTER, LOG(GUARD_LOG_GROUP), DROP}},
    /* goto routed_refuse */
    {"routed_dhcp", "from another MAC than the port's", {GOTO("routed_refuse")}},

    /* update @routed_refusals { iifname limit rate over 6/minute burst 2 packets } counter goto block */
    {"routed_refuse", "not all of them need to be known", {IIFNAME, OVER(NFT_LIMIT_ROUTED_REFUSALS), BLOCK}},
    /* add @routed_refused_macs { iifname . ether saddr } */
    {"routed_refuse", "for status", {FROM_ETHER, IIFNAME, ETHER_SADDR, ADD(GUARD_ROUTED_REFUSED_MACS)}},
    /* counter goto block */
    {"routed_refuse", "a MAC that is not the port's", {BLOCK}},

    /* meta l4proto != ipv6-icmp meta l4proto != udp meta l4proto != 255
       iifname . ether saddr . ip6 saddr @routed_addresses6 accept */
    {"from_routed6",
     "the ports' own addresses, in haste",
     {META(L4PROTO, 1), IS_NOT(IPPROTO_ICMPV6), META(L4PROTO, 1), IS_NOT(IPPROTO_UDP), NOT_HIDDEN, FROM_ETHER, IIFNAME,
      ETHER_SADDR, IP6_SADDR, IN(GUARD_ROUTED_ADDRESSES6), ACCEPT}},
    /* udp dport > 547 udp sport != 547 iifname . ether saddr . ip6 saddr @routed_addresses6 accept */
    {"from_routed6",
     "the same of UDP",
     {L4(IPPROTO_UDP), TH_DPORT, ABOVE(2, 35), TH_SPORT, IS_NOT(2, 35), FROM_ETHER, IIFNAME, ETHER_SADDR, IP6_SADDR,
      IN(GUARD_ROUTED_ADDRESSES6), ACCEPT}},
    /* iifname != @routed_ports6 counter goto block */
    {"from_routed6", "where the network has none", {IIFNAME, NOT_IN(GUARD_ROUTED_PORTS6), BLOCK}},
    /* iifname @routed_send_limits counter goto block */
    {"from_routed6", "more than a port may send", {IIFNAME, IN(GUARD_ROUTED_SEND_LIMITS), BLOCK}},
    /* meta l4proto ipv6-icmp goto routed_icmp6 */
    {"from_routed6", "ICMPv6", {L4(IPPROTO_ICMPV6), GOTO("routed_icmp6")}},
    /* udp dport 547 ip6 nexthdr udp goto routed_dhcp */
    {"from_routed6",
     "DHCPv6 requests, whole ones",
     {L4(IPPROTO_UDP), TH_DPORT, IS(2, 35), IS_IP6, IP6_NEXT_HEADER, IS(IPPROTO_UDP), GOTO("routed_dhcp")}},
    /* udp dport 547 counter goto block */
    {"from_routed6", "no other way to a DHCPv6 server", {L4(IPPROTO_UDP), TH_DPORT, IS(2, 35), BLOCK}},
    /* udp sport 547 counter goto block */
    {"from_routed6", "guests are no DHCPv6 servers", {L4(IPPROTO_UDP), TH_SPORT, IS(2, 35), BLOCK}},
    /* udp dport 546 counter goto block */
    {"from_routed6", "nor DHCPv6 servers by another name", {L4(IPPROTO_UDP), TH_DPORT, IS(2, 34), BLOCK}},
    /* udp dport 53 iifname . ip6 daddr @gateways6 update @routed_dns_rate { iifname limit rate over 500/second
       burst 1000 packets } counter goto block */
    {"from_routed6",
     "more DNS queries than one port may send, by IPv6",
     {L4(IPPROTO_UDP), TH_DPORT, IS(0, 53), IS_IP6, IIFNAME, IP6_DADDR, IN(GUARD_GATEWAYS6), IIFNAME,
      OVER(NFT_LIMIT_ROUTED_DNS), BLOCK}},
    /* goto routed_own6 */
    {"from_routed6", "whose it is", {GOTO("routed_own6")}},

    /* icmpv6 type nd-router-advert counter goto block */
    {"routed_icmp6", "guests are no routers", {IS_ICMP6(134), BLOCK}},
    /* icmpv6 type nd-redirect counter goto block */
    {"routed_icmp6", "guests redirect nobody", {IS_ICMP6(137), BLOCK}},
    /* icmpv6 type mld-listener-query counter goto block */
    {"routed_icmp6", "guests ask nobody what he listens to", {IS_ICMP6(130), BLOCK}},
    /* icmpv6 type mld-listener-report drop */
    {"routed_icmp6", "what they listen to themselves nobody here needs to know", {IS_ICMP6(131), DROP}},
    /* icmpv6 type mld-listener-done drop */
    {"routed_icmp6", "nor what not any more", {IS_ICMP6(132), DROP}},
    /* icmpv6 type mld2-listener-report drop */
    {"routed_icmp6", "the same as MLDv2 has it", {IS_ICMP6(143), DROP}},
    /* icmpv6 type destination-unreachable goto routed_error6 */
    {"routed_icmp6", "it did not arrive", {IS_ICMP6(1), GOTO("routed_error6")}},
    /* icmpv6 type packet-too-big goto routed_error6 */
    {"routed_icmp6", "it was too long", {IS_ICMP6(2), GOTO("routed_error6")}},
    /* icmpv6 type time-exceeded goto routed_error6 */
    {"routed_icmp6", "it took too long", {IS_ICMP6(3), GOTO("routed_error6")}},
    /* icmpv6 type parameter-problem goto routed_error6 */
    {"routed_icmp6", "it was not understood", {IS_ICMP6(4), GOTO("routed_error6")}},
    /* icmpv6 type nd-router-solicit ip6 nexthdr ipv6-icmp goto routed_dhcp */
    {"routed_icmp6",
     "who is the router here, asked as DHCP is",
     {IS_ICMP6(133), IP6_NEXT_HEADER, IS(IPPROTO_ICMPV6), GOTO("routed_dhcp")}},
    /* icmpv6 type nd-router-solicit counter goto block */
    {"routed_icmp6", "no other way to ask", {IS_ICMP6(133), BLOCK}},
    /* icmpv6 type nd-neighbor-solicit ip6 nexthdr ipv6-icmp goto routed_solicit */
    {"routed_icmp6",
     "who has an address",
     {IS_ICMP6(135), IP6_NEXT_HEADER, IS(IPPROTO_ICMPV6), GOTO("routed_solicit")}},
    /* icmpv6 type nd-neighbor-solicit counter goto block */
    {"routed_icmp6", "hidden neighbour solicitations", {IS_ICMP6(135), BLOCK}},
    /* icmpv6 type nd-neighbor-advert ip6 nexthdr ipv6-icmp goto routed_advert */
    {"routed_icmp6",
     "I have that address",
     {IS_ICMP6(136), IP6_NEXT_HEADER, IS(IPPROTO_ICMPV6), GOTO("routed_advert")}},
    /* icmpv6 type nd-neighbor-advert counter goto block */
    {"routed_icmp6", "hidden neighbour advertisements", {IS_ICMP6(136), BLOCK}},
    /* goto routed_own6 */
    {"routed_icmp6", "whose the rest is", {GOTO("routed_own6")}},

    /* ip6 nexthdr != ipv6-icmp counter goto block */
    {"routed_error6", "errors behind another header", {IS_IP6, IP6_NEXT_HEADER, IS_NOT(IPPROTO_ICMPV6), BLOCK}},
    /* iifname . ether saddr . where what it tells of was to go @routed_addresses6 goto routed_own6 */
    {"routed_error6",
     "errors about the port's own IPv6 addresses",
     {FROM_ETHER, IIFNAME, ETHER_SADDR, TOLD_DADDR6, IN(GUARD_ROUTED_ADDRESSES6), GOTO("routed_own6")}},
    /* the same @routed_limited_addresses6 goto routed_own6 */
    {"routed_error6",
     "the same of a port that is limited",
     {FROM_ETHER, IIFNAME, ETHER_SADDR, TOLD_DADDR6, IN(GUARD_ROUTED_LIMITED_ADDRESSES6), GOTO("routed_own6")}},
    /* iifname . the same @routed_any_mac_addresses6 goto routed_own6 */
    {"routed_error6",
     "the same of a port with any MAC",
     {IIFNAME, TOLD_DADDR6, IN(GUARD_ROUTED_ANY_MAC_ADDRESSES6), GOTO("routed_own6")}},
    /* its first bits & ffc0 == fe80 goto routed_own6 */
    {"routed_error6", "about a link-local address", {TOLD_DADDR6_START, LINK_LOCAL, GOTO("routed_own6")}},
    /* counter goto block */
    {"routed_error6", "errors about others, by IPv6", {BLOCK}},

    /* ip6 saddr :: iifname . ether saddr . icmpv6 taddr @routed_addresses6 accept */
    {"routed_solicit",
     "probes for the port's own addresses",
     {IP6_SADDR, NOBODY, FROM_ETHER, IIFNAME, ETHER_SADDR, ND_TARGET, IN(GUARD_ROUTED_ADDRESSES6), ACCEPT}},
    /* ip6 saddr :: iifname . ether saddr . icmpv6 taddr @routed_limited_addresses6 accept */
    {"routed_solicit",
     "probes for those of a port that is limited",
     {IP6_SADDR, NOBODY, FROM_ETHER, IIFNAME, ETHER_SADDR, ND_TARGET, IN(GUARD_ROUTED_LIMITED_ADDRESSES6), ACCEPT}},
    /* ip6 saddr :: iifname . icmpv6 taddr @routed_any_mac_addresses6 accept */
    {"routed_solicit",
     "probes for them, at any MAC",
     {IP6_SADDR, NOBODY, IIFNAME, ND_TARGET, IN(GUARD_ROUTED_ANY_MAC_ADDRESSES6), ACCEPT}},
    /* ip6 saddr :: icmpv6 taddr & ::ffff:ffff:0:0 == :: counter goto block */
    {"routed_solicit",
     "probes for addresses as routers have them",
     {IP6_SADDR, NOBODY, ND_TARGET_HIGH, IS(0, 0, 0, 0), BLOCK}},
    /* ip6 saddr :: icmpv6 taddr & ffc0:: == fe80:: accept */
    {"routed_solicit",
     "probes for link-local addresses, of which nobody else is there",
     {IP6_SADDR, NOBODY, ND_TARGET_START, LINK_LOCAL, ACCEPT}},
    /* icmpv6 taddr & ffc0:: == fe80:: goto routed_own6 */
    {"routed_solicit", "who else is on the link", {ND_TARGET_START, LINK_LOCAL, GOTO("routed_own6")}},
    /* iifname . ether saddr . ip6 saddr @routed_addresses6 goto routed_neighbour */
    {"routed_solicit",
     "asked from the port's own addresses",
     {FROM_ETHER, IIFNAME, ETHER_SADDR, IP6_SADDR, IN(GUARD_ROUTED_ADDRESSES6), GOTO("routed_neighbour")}},
    /* iifname . ether saddr . ip6 saddr @routed_limited_addresses6 goto routed_neighbour */
    {"routed_solicit",
     "from those of a port that is limited",
     {FROM_ETHER, IIFNAME, ETHER_SADDR, IP6_SADDR, IN(GUARD_ROUTED_LIMITED_ADDRESSES6), GOTO("routed_neighbour")}},
    /* iifname . ip6 saddr @routed_any_mac_addresses6 goto routed_neighbour */
    {"routed_solicit",
     "from them, at any MAC",
     {IIFNAME, IP6_SADDR, IN(GUARD_ROUTED_ANY_MAC_ADDRESSES6), GOTO("routed_neighbour")}},
    /* goto routed_own6 */
    {"routed_solicit", "by whom else it may be asked", {GOTO("routed_own6")}},

    /* update @routed_dhcp_rate { iifname limit rate over 20/second burst 40 packets } accept */
    {"routed_neighbour", "more than the service hears", {IIFNAME, OVER(NFT_LIMIT_ROUTED_DHCP), ACCEPT}},
    /* counter log group 29793 accept */
    {"routed_neighbour",
     "the service answers for neighbours, the kernel for itself",
     {COUNTER, LOG(GUARD_LOG_GROUP), ACCEPT}},

    /* iifname . ether saddr . icmpv6 taddr @routed_addresses6 goto routed_own6 */
    {"routed_advert",
     "about the port's own addresses",
     {FROM_ETHER, IIFNAME, ETHER_SADDR, ND_TARGET, IN(GUARD_ROUTED_ADDRESSES6), GOTO("routed_own6")}},
    /* iifname . ether saddr . icmpv6 taddr @routed_limited_addresses6 goto routed_own6 */
    {"routed_advert",
     "about those of a port that is limited",
     {FROM_ETHER, IIFNAME, ETHER_SADDR, ND_TARGET, IN(GUARD_ROUTED_LIMITED_ADDRESSES6), GOTO("routed_own6")}},
    /* iifname . icmpv6 taddr @routed_any_mac_addresses6 goto routed_own6 */
    {"routed_advert",
     "about them, at any MAC",
     {IIFNAME, ND_TARGET, IN(GUARD_ROUTED_ANY_MAC_ADDRESSES6), GOTO("routed_own6")}},
    /* icmpv6 taddr & ::ffff:ffff:0:0 == :: counter goto block */
    {"routed_advert", "about addresses as routers have them", {ND_TARGET_HIGH, IS(0, 0, 0, 0), BLOCK}},
    /* icmpv6 taddr & ffc0:: == fe80:: goto routed_own6 */
    {"routed_advert", "about link-local addresses", {ND_TARGET_START, LINK_LOCAL, GOTO("routed_own6")}},
    /* counter goto block */
    {"routed_advert", "forged neighbour advertisements", {BLOCK}},

    /* meta l4proto != 255 iifname . ether saddr . ip6 saddr @routed_addresses6 accept */
    {"routed_own6",
     "the port's own IPv6 addresses",
     {NOT_HIDDEN, FROM_ETHER, IIFNAME, ETHER_SADDR, IP6_SADDR, IN(GUARD_ROUTED_ADDRESSES6), ACCEPT}},
    /* meta l4proto != 255 iifname . ether saddr . ip6 saddr @routed_limited_addresses6 accept */
    {"routed_own6",
     "the same of a port that is limited, never in haste",
     {NOT_HIDDEN, FROM_ETHER, IIFNAME, ETHER_SADDR, IP6_SADDR, IN(GUARD_ROUTED_LIMITED_ADDRESSES6), ACCEPT}},
    /* meta l4proto != 255 iifname . ip6 saddr @routed_any_mac_addresses6 accept */
    {"routed_own6",
     "the same of a port with any MAC",
     {NOT_HIDDEN, IIFNAME, IP6_SADDR, IN(GUARD_ROUTED_ANY_MAC_ADDRESSES6), ACCEPT}},
    /* ip6 saddr & ffc0:: == fe80:: goto routed_link_local */
    {"routed_own6", "link-local addresses", {IP6_SADDR_START, LINK_LOCAL, GOTO("routed_link_local")}},
    /* counter goto block */
    {"routed_own6", "forged IPv6 sources, or a kind that hides", {BLOCK}},

    /* ip6 saddr & ::ffff:ffff:0:0 == :: counter goto block */
    {"routed_link_local", "as routers have them", {IP6_SADDR_HIGH, IS(0, 0, 0, 0), BLOCK}},
    /* ip6 daddr & fe00:: != fe00:: counter goto block */
    {"routed_link_local", "to others than who is on the link", {NOT_TO_LINK, BLOCK}},
    /* update @routed_link_rate { iifname limit rate over 20/second burst 40 packets } counter goto block */
    {"routed_link_local",
     "more than the host's table of neighbours can bear",
     {IIFNAME, OVER(NFT_LIMIT_ROUTED_LINK), BLOCK}},
    /* meta l4proto != 255 iifname . ether saddr @routed_macs accept */
    {"routed_link_local",
     "any other, from the port's MAC",
     {NOT_HIDDEN, FROM_ETHER, IIFNAME, ETHER_SADDR, IN(GUARD_ROUTED_MACS), ACCEPT}},
    /* meta l4proto != 255 iifname @routed_any_mac_ports accept */
    {"routed_link_local", "of a port with any MAC", {NOT_HIDDEN, IIFNAME, IN(GUARD_ROUTED_ANY_MAC_PORTS), ACCEPT}},
    /* counter goto block */
    {"routed_link_local", "IPv6 from another MAC, or of a kind that it hides", {BLOCK}},
};

const struct nft_part nft_part_routed = NFT_PART(routed_chains, routed_rules);
