/* SPDX-License-Identifier: MIT */
/* The same of clones that have IPv6, as ruleset_clones.c, which says how it works; a table of its own. */
#include "nft/ruleset.h"

#include <linux/netfilter_ipv6.h>

#include "nft/words.h"

/*
 * What differs: the IPv6 header has no checksum, and all above it have one over its addresses, ICMPv6 too. Of an error
 * that carries such a checksum, that one is changed by as much as the address in there: the error's own, which is over
 * both, stays right. Where it carries none (UDP without, what came in fragments, too little of it) the error's is.
 *
 * Neighbour Discovery: who asks from the address inside asks from the one outside, as the host sees it, and what the
 * host answers goes back to the one inside. What a clone says of the address inside on its own cable, that it wants to
 * have it or has it, nobody needs to hear: the host's neighbours are permanent. The guards, which know the address
 * outside, would take it for forged, and count it. What it says of any other address they do.
 *
 * A clone that reaches itself by its address outside is told by the host, as any router does (RFC 4861, 8.2), that this
 * one is on its link, with its own MAC: it would not find it there.
 */

#define NETWORK NFT_PAYLOAD_NETWORK_HEADER
#define TRANSPORT NFT_PAYLOAD_TRANSPORT_HEADER
#define SET_IP6_SADDR WRITE(NETWORK, 8, 16, 0)
#define SET_IP6_DADDR WRITE(NETWORK, 24, 16, 0)

/* Where they are in an ICMPv6 error: 8 bytes behind, the header of IPv6, and what follows. */
#define IN_ERROR(at) (8 + (at))
#define TOLD_SADDR_AT IN_ERROR(8)
#define TOLD_DADDR_AT IN_ERROR(24)
#define TOLD_NEXT_HEADER(protocol) PAYLOAD(TRANSPORT, IN_ERROR(6), 1), IS(protocol)
#define TOLD_UDP_CHECKSUM (IN_ERROR(40) + 6)
#define TOLD_TCP_CHECKSUM (IN_ERROR(40) + 16)
#define TOLD_ICMP6_CHECKSUM (IN_ERROR(40) + 2)
#define HAS_UDP_CHECKSUM PAYLOAD(TRANSPORT, TOLD_UDP_CHECKSUM, 2), IS_NOT(0, 0)
#define ICMP6_CHECKSUM 2

/* The address at @at of the error, and @checksum with it, follow the key. */
#define RETELL(at, checksum) WRITE(TRANSPORT, at, 16, checksum)

#define AN_ERROR(chain, type, name)                                                                                    \
    {                                                                                                                  \
        chain "_icmp", name,                                                                                           \
        {                                                                                                              \
            IS_ICMP6(type), GOTO(chain "_tell")                                                                        \
        }                                                                                                              \
    }
#define ERRORS(chain)                                                                                                  \
    AN_ERROR(chain, 1, "it did not arrive"), AN_ERROR(chain, 2, "it was too long"),                                    \
        AN_ERROR(chain, 3, "it took too long"), AN_ERROR(chain, 4, "it was not understood")

static const struct nft_chain clones6_chains[] = {
    {"prerouting", "filter", NF_INET_PRE_ROUTING, NF_IP6_PRI_RAW_BEFORE_DEFRAG - 1},
    {"postrouting", "filter", NF_INET_POST_ROUTING, NF_IP6_PRI_CONNTRACK_HELPER + 1},
    {"from_clone", NULL, 0, 0},
    {"from_clone_icmp", NULL, 0, 0},
    {"from_clone_tell", NULL, 0, 0},
    {"from_clone_own", NULL, 0, 0},
    {"to_clone", NULL, 0, 0},
    {"to_clone_icmp", NULL, 0, 0},
    {"to_clone_tell", NULL, 0, 0},
};

static const struct nft_rule clones6_rules[] = {
    /* ip6 saddr set iifname . ip6 saddr map @outsides6 goto from_clone */
    {"prerouting",
     "what a clone sends is from its address outside",
     {IS_IP6, IIFNAME, IP6_SADDR, MAP(GUARD_OUTSIDES6), SET_IP6_SADDR, GOTO("from_clone")}},
    /* icmpv6 type nd-neighbor-solicit ip6 saddr :: goto from_clone_own */
    {"prerouting",
     "probes, whether an address is anybody's",
     {IS_ICMP6(135), IP6_SADDR, NOBODY, GOTO("from_clone_own")}},
    /* ip6 daddr set oifname . ip6 daddr map @insides6 goto to_clone */
    {"postrouting",
     "what goes to a clone is for its address inside",
     {IS_IP6, OIFNAME, IP6_DADDR, MAP(GUARD_INSIDES6), SET_IP6_DADDR, GOTO("to_clone")}},

    /* meta l4proto ipv6-icmp goto from_clone_icmp */
    {"from_clone", "ICMPv6", {L4(IPPROTO_ICMPV6), GOTO("from_clone_icmp")}},

    /* icmpv6 type destination-unreachable goto from_clone_tell, and so on */
    ERRORS("from_clone"),
    /* icmpv6 type nd-neighbor-advert goto from_clone_own */
    {"from_clone_icmp", "I have that address", {IS_ICMP6(136), GOTO("from_clone_own")}},

    /* iifname . where the target of Neighbour Discovery is @inside_targets6 drop */
    {"from_clone_own",
     "nobody needs to know who has the address inside",
     {IIFNAME, ND_TARGET, IN(GUARD_INSIDE_TARGETS6), DROP}},

    /* @th,112,8 17 @th,432,16 != 0 @th,256,128 set @nh,64,128 return */
    {"from_clone_tell",
     "of UDP with a checksum",
     {TOLD_NEXT_HEADER(IPPROTO_UDP), HAS_UDP_CHECKSUM, IP6_SADDR, RETELL(TOLD_DADDR_AT, TOLD_UDP_CHECKSUM), RETURN}},
    /* @th,112,8 6 @th,256,128 set @nh,64,128 return */
    {"from_clone_tell",
     "of TCP with its checksum",
     {TOLD_NEXT_HEADER(IPPROTO_TCP), IP6_SADDR, RETELL(TOLD_DADDR_AT, TOLD_TCP_CHECKSUM), RETURN}},
    /* @th,112,8 58 @th,256,128 set @nh,64,128 return */
    {"from_clone_tell",
     "of ICMPv6",
     {TOLD_NEXT_HEADER(IPPROTO_ICMPV6), IP6_SADDR, RETELL(TOLD_DADDR_AT, TOLD_ICMP6_CHECKSUM), RETURN}},
    /* @th,256,128 set @nh,64,128 */
    {"from_clone_tell", "of anything else", {IP6_SADDR, RETELL(TOLD_DADDR_AT, ICMP6_CHECKSUM)}},

    /* meta l4proto ipv6-icmp goto to_clone_icmp */
    {"to_clone", "ICMPv6", {L4(IPPROTO_ICMPV6), GOTO("to_clone_icmp")}},

    ERRORS("to_clone"),
    /* icmpv6 type nd-redirect drop */
    {"to_clone_icmp", "that it reaches itself on its link", {IS_ICMP6(137), DROP}},

    /* @th,112,8 17 @th,432,16 != 0 @th,128,128 set @nh,192,128 return */
    {"to_clone_tell",
     "of UDP with a checksum",
     {TOLD_NEXT_HEADER(IPPROTO_UDP), HAS_UDP_CHECKSUM, IP6_DADDR, RETELL(TOLD_SADDR_AT, TOLD_UDP_CHECKSUM), RETURN}},
    /* @th,112,8 6 @th,128,128 set @nh,192,128 return */
    {"to_clone_tell",
     "of TCP with its checksum",
     {TOLD_NEXT_HEADER(IPPROTO_TCP), IP6_DADDR, RETELL(TOLD_SADDR_AT, TOLD_TCP_CHECKSUM), RETURN}},
    /* @th,112,8 58 @th,128,128 set @nh,192,128 return */
    {"to_clone_tell",
     "of ICMPv6",
     {TOLD_NEXT_HEADER(IPPROTO_ICMPV6), IP6_DADDR, RETELL(TOLD_SADDR_AT, TOLD_ICMP6_CHECKSUM), RETURN}},
    /* @th,128,128 set @nh,192,128 */
    {"to_clone_tell", "of anything else", {IP6_DADDR, RETELL(TOLD_SADDR_AT, ICMP6_CHECKSUM)}},
};

const struct nft_part nft_part_clones6 = NFT_PART(clones6_chains, clones6_rules);
