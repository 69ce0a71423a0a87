/* SPDX-License-Identifier: MIT */
/* Clones: an address inside that is the same for all, and one outside for each, rule by rule as ruleset.c has it. */
#include "nft/ruleset.h"

#include <linux/netfilter_ipv4.h>

#include "nft/words.h"

/*
 * How it works: guests that were started from one snapshot have the same address, and are told apart by the port that
 * they are at. What one sends has its outside address before anything else of the host sees it: the guards, who puts
 * fragments together (clones number theirs alike), conntrack, routes, forwards, other programs' rules all know the
 * clone by that. What goes to it gets the inside address when all of these have seen it, after translations and their
 * helpers. No connection is kept in mind, so none can be too many, and a clone that moves to another host takes none
 * along.
 *
 * Who sends from another address than the one inside finds nothing in `outsides`, and is the guards' affair. ARP is,
 * too: it is spoken of the address inside alone, by the host on that port alone.
 *
 * An ICMP error carries the head of the packet that it is about, as whoever sends it has seen that: of a clone's error
 * the destination, of one for it the source is written anew. It can be nobody's but its own: what stands there is not
 * looked at, so no clone tells of another's packets. Three checksums follow: the IP header's in there (whose change
 * makes up for that of the address, in the sum around it); that of UDP or TCP in there, over addresses too, where it is
 * there and as much was sent back; and for that one the ICMP message's own. The kernel changes one checksum with each
 * write, by the difference between what stood there and what comes: so the address is written forth and back.
 */

#define NETWORK NFT_PAYLOAD_NETWORK_HEADER
#define TRANSPORT NFT_PAYLOAD_TRANSPORT_HEADER
#define SET_IP_SADDR WRITE(NETWORK, 12, 4, 10)
#define SET_IP_DADDR WRITE(NETWORK, 16, 4, 10)

/* Where they are in an ICMP error: 8 bytes behind, an IPv4 header of 20, and what follows. */
#define IN_ERROR(at) (8 + (at))
#define TOLD_SHORT_HEADER PAYLOAD(TRANSPORT, IN_ERROR(0), 1), IS(0x45)
#define TOLD_PROTOCOL(protocol) PAYLOAD(TRANSPORT, IN_ERROR(9), 1), IS(protocol)
#define TOLD_UDP_CHECKSUM (IN_ERROR(20) + 6)
#define TOLD_TCP_CHECKSUM (IN_ERROR(20) + 16)
#define HAS_UDP_CHECKSUM PAYLOAD(TRANSPORT, TOLD_UDP_CHECKSUM, 2), IS_NOT(0, 0)
#define TOLD_IP_CHECKSUM IN_ERROR(10)
#define ICMP_CHECKSUM 2

/* The address at @at of the error, and @checksum of what it tells of, follow that in the key. */
#define RETELL(at, checksum)                                                                                           \
    KEEP(TRANSPORT, at, 4), WRITE(TRANSPORT, at, 4, checksum), WRITE_KEPT(TRANSPORT, at, 4, 0),                        \
        WRITE(TRANSPORT, at, 4, TOLD_IP_CHECKSUM), WRITE_KEPT(TRANSPORT, at, 4, ICMP_CHECKSUM),                        \
        WRITE(TRANSPORT, at, 4, 0), RETURN

#define AN_ERROR(chain, type, name)                                                                                    \
    {                                                                                                                  \
        chain, name,                                                                                                   \
        {                                                                                                              \
            IS_IP4, L4(IPPROTO_ICMP), ICMP_TYPE(type), GOTO(chain "_error")                                            \
        }                                                                                                              \
    }
#define ERRORS(chain)                                                                                                  \
    AN_ERROR(chain, 3, "it did not arrive"), AN_ERROR(chain, 4, "it was too fast"),                                    \
        AN_ERROR(chain, 5, "it should go elsewhere"), AN_ERROR(chain, 11, "it took too long"),                         \
        AN_ERROR(chain, 12, "it was not understood")

static const struct nft_chain clones_chains[] = {
    {"prerouting", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW_BEFORE_DEFRAG - 1},
    {"postrouting", "filter", NF_INET_POST_ROUTING, NF_IP_PRI_CONNTRACK_HELPER + 1},
    {"from_clone", NULL, 0, 0},
    {"from_clone_error", NULL, 0, 0},
    {"from_clone_tell", NULL, 0, 0},
    {"to_clone", NULL, 0, 0},
    {"to_clone_error", NULL, 0, 0},
    {"to_clone_tell", NULL, 0, 0},
};

static const struct nft_rule clones_rules[] = {
    /* ip saddr set iifname . ip saddr map @outsides goto from_clone */
    {"prerouting",
     "what a clone sends is from its address outside",
     {IS_IP4, IIFNAME, IP_SADDR, MAP(GUARD_OUTSIDES), SET_IP_SADDR, GOTO("from_clone")}},
    /* ip daddr set oifname . ip daddr map @insides goto to_clone */
    {"postrouting",
     "what goes to a clone is for its address inside",
     {IS_IP4, OIFNAME, IP_DADDR, MAP(GUARD_INSIDES), SET_IP_DADDR, GOTO("to_clone")}},

    /* icmp type destination-unreachable goto from_clone_error, and so on */
    ERRORS("from_clone"),

    /* ip frag-off & 0x3fff == 0 goto from_clone_tell */
    {"from_clone_error",
     "whole ones: what they tell of was for the clone",
     {IS_IP4, IP_FRAG_OFF, MASK(0x3f, 0xff), IS(0, 0), GOTO("from_clone_tell")}},

    /* @th,64,8 0x45 @th,136,8 17 @th,272,16 != 0 @th,192,32 set @nh,96,32 ... return */
    {"from_clone_tell",
     "of UDP with a checksum",
     {TOLD_SHORT_HEADER, TOLD_PROTOCOL(IPPROTO_UDP), HAS_UDP_CHECKSUM, IP_SADDR,
      RETELL(IN_ERROR(16), TOLD_UDP_CHECKSUM)}},
    /* @th,64,8 0x45 @th,136,8 6 @th,192,32 set @nh,96,32 ... return */
    {"from_clone_tell",
     "of TCP with more than its first eight bytes",
     {TOLD_SHORT_HEADER, TOLD_PROTOCOL(IPPROTO_TCP), IP_SADDR, RETELL(IN_ERROR(16), TOLD_TCP_CHECKSUM)}},
    /* @th,192,32 set @nh,96,32 */
    {"from_clone_tell", "of anything else", {IP_SADDR, WRITE(TRANSPORT, IN_ERROR(16), 4, TOLD_IP_CHECKSUM)}},

    ERRORS("to_clone"),

    /* ip frag-off & 0x3fff == 0 goto to_clone_tell */
    {"to_clone_error",
     "whole ones: what they tell of was the clone's",
     {IS_IP4, IP_FRAG_OFF, MASK(0x3f, 0xff), IS(0, 0), GOTO("to_clone_tell")}},

    /* @th,64,8 0x45 @th,136,8 17 @th,272,16 != 0 @th,160,32 set @nh,128,32 ... return */
    {"to_clone_tell",
     "of UDP with a checksum",
     {TOLD_SHORT_HEADER, TOLD_PROTOCOL(IPPROTO_UDP), HAS_UDP_CHECKSUM, IP_DADDR,
      RETELL(IN_ERROR(12), TOLD_UDP_CHECKSUM)}},
    /* @th,64,8 0x45 @th,136,8 6 @th,160,32 set @nh,128,32 ... return */
    {"to_clone_tell",
     "of TCP with more than its first eight bytes",
     {TOLD_SHORT_HEADER, TOLD_PROTOCOL(IPPROTO_TCP), IP_DADDR, RETELL(IN_ERROR(12), TOLD_TCP_CHECKSUM)}},
    /* @th,160,32 set @nh,128,32 */
    {"to_clone_tell", "of anything else", {IP_DADDR, WRITE(TRANSPORT, IN_ERROR(12), 4, TOLD_IP_CHECKSUM)}},
};

const struct nft_part nft_part_clones = NFT_PART(clones_chains, clones_rules);
