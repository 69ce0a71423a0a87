/* SPDX-License-Identifier: MIT */
/* What the guards say of ARP at routed ports, rule by rule, as ruleset.c, which says how it works. */
#include "nft/ruleset.h"

#include <linux/netfilter_arp.h>
#include <linux/netfilter_ipv4.h>

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

    /* arp operation reply accept */
    {"from_own", "answers, whichever of its addresses the host asked from", {ARP_IS_REPLY, ACCEPT}},
    /* iifname . arp saddr ether . arp daddr ip @arp_addresses drop */
    {"from_own",
     "about itself, which nobody else here is: a host that answers for others would take a clone's for one of these",
     {IIFNAME, ARP_SADDR_ETHER, ARP_DADDR_IP, IN(GUARD_ARP_ADDRESSES), DROP}},
    /* arp saddr ip . arp daddr ip @arp_reach accept */
    {"from_own", "whom it may ask about", {ARP_SADDR_IP, ARP_DADDR_IP, IN(GUARD_ARP_REACH), ACCEPT}},
    /* counter goto block */
    {"from_own", "the host's other addresses, other networks", {BLOCK}},

    /* add @arp_blocked { iifname counter } */
    {"block", "for status", {IIFNAME, TALLY(GUARD_ARP_BLOCKED)}},
    /* drop */
    {"block", "what a port may not say", {DROP}},
};

const struct nft_part nft_part_arp = NFT_PART(arp_chains, arp_rules);
