/* SPDX-License-Identifier: MIT */
/* What the guards say of frames in the host's own network, rule by rule, as ruleset.c, which says how it works. */
#include "nft/ruleset.h"

#include "nft/words.h"

static const struct nft_chain lan_chains[] = {
    {"lan_ip4", NULL, 0, 0},
    {"lan_arp", NULL, 0, 0},
    {"lan_ip6", NULL, 0, 0},
};

static const struct nft_rule lan_rules[] = {
    /* udp sport 67 counter goto block */
    {"lan_ip4", "guests are no DHCP servers there", {L4(IPPROTO_UDP), TH_SPORT, IS(0, 67), BLOCK}},
    /* udp dport 68 counter goto block */
    {"lan_ip4", "nor servers by another name there", {L4(IPPROTO_UDP), TH_DPORT, IS(0, 68), BLOCK}},
    /* ip saddr @lan_taken counter goto block */
    {"lan_ip4", "guests are not the host, nor its gateway", {PROTOCOL_IP4, IP_SADDR, IN(GUARD_LAN_TAKEN), BLOCK}},
    /* iifname . ether saddr @port_macs accept */
    {"lan_ip4", "from the port's own MAC", {IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), ACCEPT}},
    /* iifname @any_mac_ports accept */
    {"lan_ip4", "from a port with any MAC", {IIFNAME, IN(GUARD_ANY_MAC_PORTS), ACCEPT}},
    /* counter goto block */
    {"lan_ip4", "from another MAC than the port's", {BLOCK}},

    /* arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp saddr ip @lan_taken counter goto block */
    {"lan_arp",
     "nor do they say so",
     {ETHER_TYPE(0x08, 0x06), ARP_FOR_IP4, ARP_LENGTHS, ARP_SADDR_IP, IN(GUARD_LAN_TAKEN), BLOCK}},
    /* arp htype 1 arp ptype ip arp hlen 6 arp plen 4 iifname . ether saddr @port_macs
       iifname . arp saddr ether @port_macs accept */
    {"lan_arp",
     "ARP about the port's own MAC",
     {ETHER_TYPE(0x08, 0x06), ARP_FOR_IP4, ARP_LENGTHS, IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), IIFNAME,
      ARP_SADDR_ETHER, IN(GUARD_PORT_MACS), ACCEPT}},
    /* iifname @any_mac_ports accept */
    {"lan_arp", "ARP of a port with any MAC", {IIFNAME, IN(GUARD_ANY_MAC_PORTS), ACCEPT}},
    /* counter goto block */
    {"lan_arp", "ARP about another MAC", {BLOCK}},

    /* icmpv6 type nd-router-advert counter goto block */
    {"lan_ip6", "guests are no routers there", {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(134), BLOCK}},
    /* icmpv6 type nd-redirect counter goto block */
    {"lan_ip6", "nor redirect anybody", {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(137), BLOCK}},
    /* icmpv6 type mld-listener-query counter goto block */
    {"lan_ip6", "nor ask who listens", {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(130), BLOCK}},
    /* icmpv6 type nd-neighbor-advert ip6 nexthdr != ipv6-icmp counter goto block */
    {"lan_ip6",
     "hidden neighbour advertisements there",
     {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(136), IP6_NEXT_HEADER, IS_NOT(IPPROTO_ICMPV6), BLOCK}},
    /* icmpv6 type nd-neighbor-advert icmpv6 taddr @lan_taken6 counter goto block */
    {"lan_ip6",
     "nor do they say so by IPv6",
     {ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(136), ND_TARGET, IN(GUARD_LAN_TAKEN6), BLOCK}},
    /* udp sport 547 counter goto block */
    {"lan_ip6", "guests are no DHCPv6 servers there", {L4(IPPROTO_UDP), TH_SPORT, IS(2, 35), BLOCK}},
    /* udp dport 546 counter goto block */
    {"lan_ip6", "nor DHCPv6 servers by another name there", {L4(IPPROTO_UDP), TH_DPORT, IS(2, 34), BLOCK}},
    /* ip6 saddr @lan_taken6 counter goto block */
    {"lan_ip6", "guests are not the host, by IPv6", {IP6_SADDR, IN(GUARD_LAN_TAKEN6), BLOCK}},
    /* meta l4proto != 255 iifname . ether saddr @port_macs accept */
    {"lan_ip6",
     "IPv6 from the port's own MAC",
     {META(L4PROTO, 1), IS_NOT(255), IIFNAME, ETHER_SADDR, IN(GUARD_PORT_MACS), ACCEPT}},
    /* meta l4proto != 255 iifname @any_mac_ports accept */
    {"lan_ip6",
     "IPv6 of a port with any MAC",
     {META(L4PROTO, 1), IS_NOT(255), IIFNAME, IN(GUARD_ANY_MAC_PORTS), ACCEPT}},
    /* counter goto block */
    {"lan_ip6", "IPv6 from another MAC, or of a kind that hides", {BLOCK}},
};

const struct nft_part nft_part_lan = NFT_PART(lan_chains, lan_rules);
