/* SPDX-License-Identifier: MIT */
/* Words of `nft`'s text as steps of rules. */
#ifndef NFT_WORDS_H
#define NFT_WORDS_H

#include "nft/rule.h"

#include <linux/netfilter/nf_conntrack_common.h>

/* In the order in which they build a key or test it. */
#define IIFNAME META(IIFNAME, 16)
#define OIFNAME META(OIFNAME, 16)
#define IS_IP4 META(NFPROTO, 1), IS(NFPROTO_IPV4)      /* meta nfproto ipv4, in inet */
#define PROTOCOL_IP4 META(PROTOCOL, 2), IS(0x08, 0x00) /* meta protocol ip, in bridge */
#define IS_IP6 META(NFPROTO, 1), IS(NFPROTO_IPV6)
#define PROTOCOL_IP6 META(PROTOCOL, 2), IS(0x86, 0xdd)
#define ETHER_TYPE(...) PAYLOAD(NFT_PAYLOAD_LL_HEADER, 12, 2), IS(__VA_ARGS__)
#define ETHER_DADDR PAYLOAD(NFT_PAYLOAD_LL_HEADER, 0, 6)
#define ETHER_SADDR PAYLOAD(NFT_PAYLOAD_LL_HEADER, 6, 6)
#define VLAN_ID PAYLOAD(NFT_PAYLOAD_LL_HEADER, 14, 2), MASK(0x0f, 0xff)
#define MARK META(MARK, 4)
#define BLOCK COUNTER, GOTO("block")   /* what a port may not send */
#define REFUSE COUNTER, GOTO("refuse") /* what may not reach the host, or leave */
#define FOR_US META(PKTTYPE, 1), IS(0) /* to the MAC of the device it came in by */
#define NOT_FROM_BRIDGE META(IIFKIND, 16), IS_NOT('b', 'r', 'i', 'd', 'g', 'e', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
#define L4(protocol) META(L4PROTO, 1), IS(protocol)
#define IP_SADDR PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 12, 4)
#define IP_DADDR PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 16, 4)
#define IP_PROTO PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 9, 1)
#define LONG_HEADER PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 0, 1), MASK(0x0f), IS_NOT(5) /* ip hdrlength != 5 */
#define HAS_OPTION(type) OPTION(type), IS(1)                                         /* ip option ... exists */
#define LOOSE_ROUTE 131
#define STRICT_ROUTE 137
#define LINK_LOCAL4 PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 16, 2), IS(169, 254) /* ip daddr 169.254.0.0/16 */
#define NOT_LINK_LOCAL4 PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 16, 2), IS_NOT(169, 254)
#define IP_FRAG_OFF PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 6, 2)
#define IP6_SADDR PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 8, 16)
#define IP6_DADDR PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 24, 16)
#define IP6_LENGTH(...) PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 4, 2), IS(__VA_ARGS__) /* of what is behind the header */
#define IP6_NEXT_HEADER PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 6, 1)
#define NOBODY IS(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) /* :: */
#define LINK_LOCAL MASK(0xff, 0xc0), IS(0xfe, 0x80)               /* of an address's first two bytes: fe80::/10 */
#define IP6_SADDR_START PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 8, 2)
#define IP6_SADDR_HIGH PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 16, 4)   /* the first bytes of its interface identifier */
#define IP6_SADDR_MIDDLE PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 19, 2) /* ff:fe when it was made of a MAC */
#define ND_TARGET PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 8, 16)
#define ND_TARGET_START PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 8, 2)
#define ND_TARGET_HIGH PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 16, 4)
#define ND_TARGET_MIDDLE PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 19, 2)
/* The first option: its type and length (1 is 8 bytes), whether its MAC is a group's. */
#define ND_OPTION(...) PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 24, 2), IS(__VA_ARGS__)
#define ND_OPTION_GROUP PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 26, 1), MASK(1)
/* Of a MAC all but its first byte, as two fields of which nft has no idea: where it stands, and where it is made into
   an interface identifier (RFC 4291, appendix A). */
#define MAC_AT(header, middle, end) PAYLOAD(header, middle, 2), PAYLOAD(header, end, 3)
#define ETHER_SADDR_MAC MAC_AT(NFT_PAYLOAD_LL_HEADER, 7, 9)
#define ND_OPTION_MAC MAC_AT(NFT_PAYLOAD_TRANSPORT_HEADER, 27, 29)
#define ND_TARGET_MAC MAC_AT(NFT_PAYLOAD_TRANSPORT_HEADER, 17, 21)
#define IP6_SADDR_MAC MAC_AT(NFT_PAYLOAD_NETWORK_HEADER, 17, 21)
#define TH_SPORT PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2)
#define TH_DPORT PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2)
#define TH_PORTS PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4) /* source . destination */
#define TCP_FLAGS PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1)
#define TCP_SYN 0x02
#define ICMP_TYPE(...) PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1), IS(__VA_ARGS__)
#define FRAME_ICMP(type) ETHER_TYPE(0x08, 0x00), L4(IPPROTO_ICMP), ICMP_TYPE(type)    /* in bridge */
#define FRAME_ICMP6(type) ETHER_TYPE(0x86, 0xdd), L4(IPPROTO_ICMPV6), ICMP_TYPE(type) /* in bridge */
/* Of an ICMP error: whom the packet was for that it tells of. */
#define TOLD_DADDR PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 24, 4)
#define TOLD_DADDR6 PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 32, 16)
#define TOLD_DADDR6_START PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 32, 2)
#define IP_SADDR_NET8 PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 12, 1) /* ip saddr, a /8 of it */
#define IP_DADDR_NET8 PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 16, 1)
#define NOT_FROM_LOOPBACK IP_SADDR_NET8, IS_NOT(127)
#define FROM_LOOPBACK IP_SADDR_NET8, IS(127)
#define NOT_TO_LOOPBACK IP_DADDR_NET8, IS_NOT(127)
#define FORWARDED(protocol, map) IS_IP4, L4(protocol), IP_DADDR, IP_PROTO, TH_DPORT, MAP(map)
#define FORWARDED_ANYWHERE(protocol) IS_IP4, L4(protocol), IP_PROTO, TH_DPORT, MAP(GUARD_FORWARDS)
/* Not `meta l4proto`: in ranges nft turns that around. What begins behind extension headers is not forwarded. */
#define FORWARDED6(protocol, map) IS_IP6, L4(protocol), IP6_DADDR, IP6_NEXT_HEADER, TH_DPORT, MAP(map)
#define FORWARDED6_ANYWHERE(protocol) IS_IP6, L4(protocol), IP6_NEXT_HEADER, TH_DPORT, MAP(GUARD_FORWARDS6)
#define NOT_TO_LOOPBACK6 IP6_DADDR, IS_NOT(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) /* ip6 daddr != ::1 */
/* ip6 daddr & ffc0:: != fe80:: */
#define NOT_TO_LINK_LOCAL6                                                                                             \
    IP6_DADDR, MASK(0xff, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),                                             \
        IS_NOT(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
#define IN_REPLY CT(DIRECTION, 1), IS(1)
#define CT_STATE(bits) CT(STATE, 4), ANY_OF(bits)
#define NOT_METADATA6 IP6_DADDR, IS_NOT(0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54)
#define IS_ICMP6(type) IS_IP6, L4(IPPROTO_ICMPV6), ICMP_TYPE(type) /* in inet */
#define NOT_HIDDEN META(L4PROTO, 1), IS_NOT(255) /* the kernel found a protocol behind the extension headers */
#define NOT_TO_LINK PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 24, 1), MASK(0xfe), IS_NOT(0xfe) /* link-local, or a group */
#define FIRST_PACKET CT(STATUS, 4), NONE_OF(IPS_CONFIRMED) /* of a connection, also of one without replies */
#define CT_STATUS(bits) CT(STATUS, 4), ANY_OF(bits)
/* Of what the IP stack gets from an Ethernet device: with it `nft` prints addresses by their names. */
#define ETHER_IP4 META(IIFTYPE, 2), IS(1, 0), ETHER_TYPE(0x08, 0x00)
#define FROM_ETHER META(IIFTYPE, 2), IS(1, 0) /* what `ether saddr` says without words, in inet */
#define ARP_SADDR_ETHER PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 8, 6)
#define ARP_SADDR_IP PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 14, 4)
#define ARP_DADDR_IP PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 24, 4)
#define ARP_FOR_IP4 PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 0, 4), IS(0, 1, 0x08, 0x00) /* hardware and protocol type */
#define ARP_LENGTHS PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 4, 2), IS(6, 4)
#define ARP_IS_REPLY PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 6, 2), IS(0, 2)
#define ARP_REQUEST PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 4, 4), IS(6, 4, 0, 1) /* lengths, operation */

/* As in linux/netfilter/nf_conntrack_common.h, where they count from the kernel's enum ip_conntrack_info. */
#define INVALID 0x1
#define ESTABLISHED 0x2
#define RELATED 0x4
#define NEW 0x8

#endif
