/* SPDX-License-Identifier: MIT */
/* Rules as rows of steps that read like the text of `nft`, and their encoding for the kernel. */
#ifndef NFT_RULE_H
#define NFT_RULE_H

#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "guard/guard.h"
#include "netlink/netlink.h"

/*
 * How it works: the kernel runs a rule as a row of expressions on registers. A step that loads appends its value to
 * the key in the registers, a step that tests takes the whole key: META(IIFNAME, 16), IN(GUARD_NETWORKS) looks up one
 * field, and two loads in a row make a concatenation. A test that fails ends the rule; so does a map without an
 * entry for the key. Which expressions, and in which order, is what `nft` makes of the same text, so that it can
 * print the text again.
 */
enum nft_rule_op {
    NFT_RULE_END = 0,
    NFT_RULE_META,      /* key += meta @argument */
    NFT_RULE_CT,        /* key += ct @argument */
    NFT_RULE_CONNTRACK, /* the match of xtables: one of the bits @argument of --ctstate, else the rule ends */
    NFT_RULE_ICMP6,     /* the match of xtables: ICMPv6 of type @argument, else the rule ends */
    NFT_RULE_PAYLOAD,   /* key += @len bytes at @offset of header @argument */
    NFT_RULE_KEEP,      /* keeps @len bytes at @offset of header @argument beside the key, for NFT_RULE_WRITE_KEPT */
    NFT_RULE_WRITE,     /* @len bytes at @offset of header @argument = the key, which stays; see struct nft_rule_step */
    NFT_RULE_WRITE_KEPT, /* the same of what was kept */
    NFT_RULE_OPTION,     /* key += 1 when the IPv4 header has option @argument (IPOPT_...), else 0 */
    NFT_RULE_MASK,       /* key &= @bytes */
    NFT_RULE_ANY_OF,     /* one of the bits @argument of the key's host order number is set, else the rule ends */
    NFT_RULE_NONE_OF,    /* the other way round */
    NFT_RULE_COMPARE,    /* the key is (enum nft_cmp_ops @argument) @bytes, else the rule ends */
    NFT_RULE_IN,         /* the key is in set @argument, else the rule ends */
    NFT_RULE_NOT_IN,     /* the other way round */
    NFT_RULE_MAP,        /* key = what map @argument has for the key; without an entry the rule ends */
    NFT_RULE_OVER,       /* the key is over its limit of enum nft_limit @argument, else the rule ends */
    NFT_RULE_ADD,        /* adds the key to set @argument; the rule ends when that is full */
    NFT_RULE_TALLY,      /* the same, and counts for the key in it */
    NFT_RULE_SET_MARK,   /* the packet's mark = the key; of @len 0: = 0 */
    NFT_RULE_REDIRECT,   /* to the host itself, to the port that is the key */
    NFT_RULE_MASQUERADE, /* to the address of the device it leaves by */
    NFT_RULE_LOCAL,      /* it is for an address of the host itself, else the rule ends */
    NFT_RULE_DNAT,       /* to the address that is the key; @argument: enum nft_dnat */
    NFT_RULE_COUNTER,    /* counts the packets that come this far */
    NFT_RULE_CLAMP,      /* the TCP option with the largest segment says no more than both routes take */
    NFT_RULE_LOG,        /* a copy goes to whoever holds netfilter's log group @argument; nobody: nowhere */
    NFT_RULE_VERDICT,    /* verdict @argument, for a goto or a jump with its @chain */
};

enum nft_dnat {
    NFT_DNAT_TO_PORT = 1, /* and to the port behind it in the key */
    NFT_DNAT_IP6 = 2,     /* it is one of IPv6 */
};

struct nft_rule_step {
    uint8_t op;
    uint8_t len;
    uint16_t offset;
    uint32_t argument;
    /* Of what is written: where in that header the Internet checksum is that follows; 0: none does. */
    uint8_t bytes[16];
    const char *chain;
};

#define NFT_RULE_STEPS_MAX 16

/*
 * What one port may do of something: a set that rules fill, not we. Its elements are devices, mostly, each
 * with a bucket of its own that the kernel makes at the first packet and forgets some time after the last.
 */
enum nft_limit {
    NFT_LIMIT_DHCP,
    NFT_LIMIT_DNS,
    NFT_LIMIT_PORT_CLAIMS,
    NFT_LIMIT_MAC_CLAIMS,
    NFT_LIMIT_REFUSALS,
    NFT_LIMIT_ROUTED_DHCP, /* the same of ports of routed networks */
    NFT_LIMIT_ROUTED_DNS,
    NFT_LIMIT_ROUTED_REFUSALS,
    NFT_LIMIT_ROUTED_LINK, /* what they send from addresses that nobody knows before */
    NFT_LIMIT_COUNT,
};

#define NFT_LIMIT_FIELDS_MAX 2

struct nft_limit_schema {
    const char *name; /* of the set in the kernel */
    enum guard_family family;
    enum guard_field key[NFT_LIMIT_FIELDS_MAX];
    uint32_t rate; /* packets a @unit_sec */
    uint32_t unit_sec;
    uint32_t burst;
    const char *comment;
};

extern const struct nft_limit_schema nft_limits[NFT_LIMIT_COUNT];

#define NFT_LIMIT_TIMEOUT_MSEC 10000 /* after a port's last packet; its bucket is full long before */
#define NFT_FILLED_MAX (1u << 20)    /* elements of a set that rules fill: some for each port that a host can have */
#define NFT_LIMIT_DEVICES_MAX 65536  /* more than may be in the set `ports`: a set that is full would let all through */

struct nft_rule {
    const char *chain;
    const char *tag; /* what it is for: the rule's comment in the kernel */
    struct nft_rule_step steps[NFT_RULE_STEPS_MAX];
};

/* The steps. Numbers on the wire are given byte by byte. */
#define RULE_STEP(...)                                                                                                 \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define RULE_BYTES(...) .len = sizeof((const uint8_t[]){__VA_ARGS__}), .bytes = {__VA_ARGS__}
#define META(key, size) RULE_STEP(.op = NFT_RULE_META, .argument = NFT_META_##key, .len = (size))
#define CT(key, size) RULE_STEP(.op = NFT_RULE_CT, .argument = NFT_CT_##key, .len = (size))
#define PAYLOAD(header, at, size) RULE_STEP(.op = NFT_RULE_PAYLOAD, .argument = (header), .offset = (at), .len = (size))
#define KEEP(header, at, size) RULE_STEP(.op = NFT_RULE_KEEP, .argument = (header), .offset = (at), .len = (size))
#define WRITE(header, at, size, checksum)                                                                              \
    RULE_STEP(.op = NFT_RULE_WRITE, .argument = (header), .offset = (at), .len = (size), .bytes = {checksum})
#define WRITE_KEPT(header, at, size, checksum)                                                                         \
    RULE_STEP(.op = NFT_RULE_WRITE_KEPT, .argument = (header), .offset = (at), .len = (size), .bytes = {checksum})
#define OPTION(type) RULE_STEP(.op = NFT_RULE_OPTION, .argument = (type))
#define MASK(...) RULE_STEP(.op = NFT_RULE_MASK, RULE_BYTES(__VA_ARGS__))
#define ANY_OF(bits) RULE_STEP(.op = NFT_RULE_ANY_OF, .argument = (bits), .len = 4)
#define NONE_OF(bits) RULE_STEP(.op = NFT_RULE_NONE_OF, .argument = (bits), .len = 4)
#define IS(...) RULE_STEP(.op = NFT_RULE_COMPARE, .argument = NFT_CMP_EQ, RULE_BYTES(__VA_ARGS__))
#define IS_NOT(...) RULE_STEP(.op = NFT_RULE_COMPARE, .argument = NFT_CMP_NEQ, RULE_BYTES(__VA_ARGS__))
#define ABOVE(...) RULE_STEP(.op = NFT_RULE_COMPARE, .argument = NFT_CMP_GT, RULE_BYTES(__VA_ARGS__))
#define IN(set) RULE_STEP(.op = NFT_RULE_IN, .argument = (set))
#define MAP(map) RULE_STEP(.op = NFT_RULE_MAP, .argument = (map))
#define NOT_IN(set) RULE_STEP(.op = NFT_RULE_NOT_IN, .argument = (set))
#define OVER(limit) RULE_STEP(.op = NFT_RULE_OVER, .argument = (limit))
#define ADD(set) RULE_STEP(.op = NFT_RULE_ADD, .argument = (set))
#define TALLY(set) RULE_STEP(.op = NFT_RULE_TALLY, .argument = (set))
#define SET_MARK RULE_STEP(.op = NFT_RULE_SET_MARK, .len = 4)
#define CLEAR_MARK RULE_STEP(.op = NFT_RULE_SET_MARK)
#define REDIRECT RULE_STEP(.op = NFT_RULE_REDIRECT)
#define MASQUERADE RULE_STEP(.op = NFT_RULE_MASQUERADE)
#define CLAMP_MSS RULE_STEP(.op = NFT_RULE_CLAMP)
#define IS_LOCAL RULE_STEP(.op = NFT_RULE_LOCAL)
#define DNAT RULE_STEP(.op = NFT_RULE_DNAT)
#define DNAT_TO_PORT RULE_STEP(.op = NFT_RULE_DNAT, .argument = NFT_DNAT_TO_PORT)
#define DNAT6 RULE_STEP(.op = NFT_RULE_DNAT, .argument = NFT_DNAT_IP6)
#define DNAT6_TO_PORT RULE_STEP(.op = NFT_RULE_DNAT, .argument = NFT_DNAT_IP6 | NFT_DNAT_TO_PORT)
#define COUNTER RULE_STEP(.op = NFT_RULE_COUNTER)
#define LOG(group) RULE_STEP(.op = NFT_RULE_LOG, .argument = (group))
#define ACCEPT RULE_STEP(.op = NFT_RULE_VERDICT, .argument = NF_ACCEPT)
#define DROP RULE_STEP(.op = NFT_RULE_VERDICT, .argument = NF_DROP)
#define JUMP(name) RULE_STEP(.op = NFT_RULE_VERDICT, .argument = (uint32_t)NFT_JUMP, .chain = (name))
#define RETURN RULE_STEP(.op = NFT_RULE_VERDICT, .argument = (uint32_t)NFT_RETURN)
#define GOTO(name) RULE_STEP(.op = NFT_RULE_VERDICT, .argument = (uint32_t)NFT_GOTO, .chain = (name))

/* Where a rule is put. */
struct nft_rule_place {
    uint8_t protocol; /* NFPROTO_... */
    const char *table, *chain;
    bool before;        /* the rule @neighbour, or at the chain's head; else behind it, or at the end */
    uint64_t neighbour; /* a handle; 0: none */
};

/* Puts the message that makes a rule of @steps, up to NFT_RULE_END, with @comment. */
void nft_rule_put_at(struct netlink_message *message, const struct nft_rule_place *place,
                     const struct nft_rule_step steps[NFT_RULE_STEPS_MAX], const char *comment);
/* Puts the message that appends @rule to its chain of our table of @family. */
void nft_rule_put(struct netlink_message *message, enum guard_family family, const struct nft_rule *rule);

#endif
