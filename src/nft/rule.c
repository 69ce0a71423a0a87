/* SPDX-License-Identifier: MIT */
/* Encodes rules as expressions of nf_tables (linux/netfilter/nf_tables.h). */
#include "nft/rule.h"

#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/rtnetlink.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

#include "nft/message.h"

/* Where the key that is being built ends, in registers of 32 bits. */
struct encoder {
    struct netlink_message *message;
    unsigned key_slots;
};

/* The kernel's own number for slot @slot: it names the first of each four as one register of 128 bits. */
static uint32_t register_of(unsigned slot)
{
    return slot % 4 == 0 ? NFT_REG_1 + slot / 4 : NFT_REG32_00 + slot;
}

/* Where the next @len bytes of the key go. */
static uint32_t key_append(struct encoder *encoder, size_t len)
{
    uint32_t at = register_of(encoder->key_slots);

    encoder->key_slots += (unsigned)(len + 3) / 4;
    return at;
}

/* Where the key starts; what comes next starts a new one. */
static uint32_t key_take(struct encoder *encoder)
{
    encoder->key_slots = 0;
    return register_of(0);
}

/* ---- expressions: a name, and attributes of its own kind ---- */

struct expression {
    size_t element, data;
};

static struct expression expression_begin(struct encoder *encoder, const char *name)
{
    struct expression expression = {.element = netlink_nest_begin(encoder->message, NFTA_LIST_ELEM)};

    netlink_put_text(encoder->message, NFTA_EXPR_NAME, name);
    expression.data = netlink_nest_begin(encoder->message, NFTA_EXPR_DATA);
    return expression;
}

static void expression_end(struct encoder *encoder, struct expression expression)
{
    netlink_nest_end(encoder->message, expression.data);
    netlink_nest_end(encoder->message, expression.element);
}

static void put_value(struct encoder *encoder, uint16_t attribute, const void *bytes, size_t len)
{
    size_t nest = netlink_nest_begin(encoder->message, attribute);

    netlink_put(encoder->message, NFTA_DATA_VALUE, bytes, len);
    netlink_nest_end(encoder->message, nest);
}

static void encode_meta(struct encoder *encoder, const struct nft_rule_step *step)
{
    struct expression expression = expression_begin(encoder, "meta");

    netlink_put_be32(encoder->message, NFTA_META_KEY, step->argument);
    netlink_put_be32(encoder->message, NFTA_META_DREG, key_append(encoder, step->len));
    expression_end(encoder, expression);
}

static void encode_ct(struct encoder *encoder, const struct nft_rule_step *step)
{
    struct expression expression = expression_begin(encoder, "ct");

    netlink_put_be32(encoder->message, NFTA_CT_KEY, step->argument);
    netlink_put_be32(encoder->message, NFTA_CT_DREG, key_append(encoder, step->len));
    expression_end(encoder, expression);
}

/* A match of xtables: the kernel takes the structure with its padding alone. */
static void encode_match(struct encoder *encoder, const char *name, uint32_t revision, const void *info, size_t len)
{
    uint8_t bytes[XT_ALIGN(sizeof(struct xt_conntrack_mtinfo3))] = {0}; /* the largest of them */
    struct expression expression = expression_begin(encoder, "match");

    memcpy(bytes, info, len);
    netlink_put_text(encoder->message, NFTA_MATCH_NAME, name);
    netlink_put_be32(encoder->message, NFTA_MATCH_REV, revision);
    netlink_put(encoder->message, NFTA_MATCH_INFO, bytes, XT_ALIGN(len));
    expression_end(encoder, expression);
}

/* iptables' -m conntrack --ctstate. */
static void encode_conntrack(struct encoder *encoder, uint32_t bits)
{
    const struct xt_conntrack_mtinfo3 info = {.match_flags = XT_CONNTRACK_STATE, .state_mask = (uint16_t)bits};

    encode_match(encoder, "conntrack", 3, &info, sizeof(info));
}

/* ip6tables' -m icmp6 --icmpv6-type. */
static void encode_icmp6(struct encoder *encoder, uint32_t type)
{
    const struct ip6t_icmp info = {.type = (uint8_t)type, .code = {0, UINT8_MAX}};

    encode_match(encoder, "icmp6", 0, &info, sizeof(info));
}

static void encode_payload(struct encoder *encoder, const struct nft_rule_step *step)
{
    struct expression expression = expression_begin(encoder, "payload");

    netlink_put_be32(encoder->message, NFTA_PAYLOAD_DREG, key_append(encoder, step->len));
    netlink_put_be32(encoder->message, NFTA_PAYLOAD_BASE, step->argument);
    netlink_put_be32(encoder->message, NFTA_PAYLOAD_OFFSET, step->offset);
    netlink_put_be32(encoder->message, NFTA_PAYLOAD_LEN, step->len);
    expression_end(encoder, expression);
}

#define KEPT_SLOT 12 /* behind any key */

static void encode_keep(struct encoder *encoder, const struct nft_rule_step *step)
{
    struct encoder beside = {encoder->message, KEPT_SLOT};

    encode_payload(&beside, step);
}

/* What is above IP has a checksum over the addresses in the IP header, too. */
static void encode_write(struct encoder *encoder, const struct nft_rule_step *step)
{
    struct expression expression = expression_begin(encoder, "payload");
    bool addresses = step->argument == NFT_PAYLOAD_NETWORK_HEADER;

    netlink_put_be32(encoder->message, NFTA_PAYLOAD_SREG, register_of(step->op == NFT_RULE_WRITE_KEPT ? KEPT_SLOT : 0));
    netlink_put_be32(encoder->message, NFTA_PAYLOAD_BASE, step->argument);
    netlink_put_be32(encoder->message, NFTA_PAYLOAD_OFFSET, step->offset);
    netlink_put_be32(encoder->message, NFTA_PAYLOAD_LEN, step->len);
    netlink_put_be32(encoder->message, NFTA_PAYLOAD_CSUM_TYPE,
                     step->bytes[0] ? NFT_PAYLOAD_CSUM_INET : NFT_PAYLOAD_CSUM_NONE);
    netlink_put_be32(encoder->message, NFTA_PAYLOAD_CSUM_OFFSET, step->bytes[0]);
    netlink_put_be32(encoder->message, NFTA_PAYLOAD_CSUM_FLAGS, addresses ? NFT_PAYLOAD_L4CSUM_PSEUDOHDR : 0);
    expression_end(encoder, expression);
}

/* Whether it is there, not what it says: Linux 5.3. */
static void encode_option(struct encoder *encoder, const struct nft_rule_step *step)
{
    struct expression expression = expression_begin(encoder, "exthdr");

    netlink_put_be32(encoder->message, NFTA_EXTHDR_DREG, key_append(encoder, 1));
    netlink_put_u8(encoder->message, NFTA_EXTHDR_TYPE, (uint8_t)step->argument);
    netlink_put_be32(encoder->message, NFTA_EXTHDR_OFFSET, 0);
    netlink_put_be32(encoder->message, NFTA_EXTHDR_LEN, 1);
    netlink_put_be32(encoder->message, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_IPV4);
    netlink_put_be32(encoder->message, NFTA_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
    expression_end(encoder, expression);
}

/* The key stays where it is. */
static void encode_mask(struct encoder *encoder, const void *mask, size_t len)
{
    static const uint8_t zero[sizeof(((struct nft_rule_step *)NULL)->bytes)];
    struct expression expression = expression_begin(encoder, "bitwise");

    netlink_put_be32(encoder->message, NFTA_BITWISE_SREG, register_of(0));
    netlink_put_be32(encoder->message, NFTA_BITWISE_DREG, register_of(0));
    netlink_put_be32(encoder->message, NFTA_BITWISE_LEN, (uint32_t)len);
    put_value(encoder, NFTA_BITWISE_MASK, mask, len);
    put_value(encoder, NFTA_BITWISE_XOR, zero, len);
    expression_end(encoder, expression);
}

static void encode_compare(struct encoder *encoder, uint32_t operation, const void *bytes, size_t len)
{
    struct expression expression = expression_begin(encoder, "cmp");

    netlink_put_be32(encoder->message, NFTA_CMP_SREG, key_take(encoder));
    netlink_put_be32(encoder->message, NFTA_CMP_OP, operation);
    put_value(encoder, NFTA_CMP_DATA, bytes, len);
    expression_end(encoder, expression);
}

static void encode_bits(struct encoder *encoder, uint32_t bits, uint32_t operation)
{
    static const uint32_t none = 0;

    encode_mask(encoder, &bits, sizeof(bits));
    encode_compare(encoder, operation, &none, sizeof(none));
}

/* A map puts what it has found where the key was. */
static void encode_lookup(struct encoder *encoder, const struct nft_rule_step *step)
{
    struct expression expression = expression_begin(encoder, "lookup");

    netlink_put_text(encoder->message, NFTA_LOOKUP_SET, guard_schemas[step->argument].name);
    netlink_put_be32(encoder->message, NFTA_LOOKUP_SREG, key_take(encoder));
    if (step->op == NFT_RULE_MAP)
        netlink_put_be32(encoder->message, NFTA_LOOKUP_DREG,
                         key_append(encoder, guard_data_len((enum guard_set)step->argument)));
    if (step->op == NFT_RULE_NOT_IN)
        netlink_put_be32(encoder->message, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    expression_end(encoder, expression);
}

/* The key's own bucket: within its limit it ends the rule. */
static void put_limit(struct encoder *encoder, const struct nft_limit_schema *limit)
{
    size_t nest = netlink_nest_begin(encoder->message, NFTA_DYNSET_EXPR), data;

    netlink_put_text(encoder->message, NFTA_EXPR_NAME, "limit");
    data = netlink_nest_begin(encoder->message, NFTA_EXPR_DATA);
    netlink_put_be64(encoder->message, NFTA_LIMIT_RATE, limit->rate);
    netlink_put_be64(encoder->message, NFTA_LIMIT_UNIT, limit->unit_sec);
    netlink_put_be32(encoder->message, NFTA_LIMIT_BURST, limit->burst);
    netlink_put_be32(encoder->message, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
    netlink_put_be32(encoder->message, NFTA_LIMIT_FLAGS, NFT_LIMIT_F_INV);
    netlink_nest_end(encoder->message, data);
    netlink_nest_end(encoder->message, nest);
}

/* Updating, not adding: the element lasts as long as packets come. */
static void encode_over(struct encoder *encoder, const struct nft_rule_step *step)
{
    struct expression expression = expression_begin(encoder, "dynset");

    netlink_put_text(encoder->message, NFTA_DYNSET_SET_NAME, nft_limits[step->argument].name);
    netlink_put_be32(encoder->message, NFTA_DYNSET_SREG_KEY, key_take(encoder));
    netlink_put_be32(encoder->message, NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
    put_limit(encoder, &nft_limits[step->argument]);
    expression_end(encoder, expression);
}

/* What the element counts, besides. */
static void put_counter(struct encoder *encoder)
{
    size_t nest = netlink_nest_begin(encoder->message, NFTA_DYNSET_EXPR);

    netlink_put_text(encoder->message, NFTA_EXPR_NAME, "counter");
    netlink_nest_end(encoder->message, netlink_nest_begin(encoder->message, NFTA_EXPR_DATA));
    netlink_nest_end(encoder->message, nest);
}

/* An element that is there stays as it is. */
static void encode_add(struct encoder *encoder, const struct nft_rule_step *step)
{
    struct expression expression = expression_begin(encoder, "dynset");

    netlink_put_text(encoder->message, NFTA_DYNSET_SET_NAME, guard_schemas[step->argument].name);
    netlink_put_be32(encoder->message, NFTA_DYNSET_SREG_KEY, key_take(encoder));
    netlink_put_be32(encoder->message, NFTA_DYNSET_OP, NFT_DYNSET_OP_ADD);
    if (step->op == NFT_RULE_TALLY)
        put_counter(encoder);
    expression_end(encoder, expression);
}

static void encode_set_mark(struct encoder *encoder, const struct nft_rule_step *step)
{
    static const uint32_t none = 0;
    struct expression expression;

    if (!step->len) {
        expression = expression_begin(encoder, "immediate");
        netlink_put_be32(encoder->message, NFTA_IMMEDIATE_DREG, register_of(0));
        put_value(encoder, NFTA_IMMEDIATE_DATA, &none, sizeof(none));
        expression_end(encoder, expression);
    }
    expression = expression_begin(encoder, "meta");
    netlink_put_be32(encoder->message, NFTA_META_KEY, NFT_META_MARK);
    netlink_put_be32(encoder->message, NFTA_META_SREG, key_take(encoder));
    expression_end(encoder, expression);
}

/* tcp option maxseg size set rt mtu: the kernel makes it smaller, never larger. */
static void encode_clamp(struct encoder *encoder)
{
    struct expression expression = expression_begin(encoder, "rt");

    netlink_put_be32(encoder->message, NFTA_RT_KEY, NFT_RT_TCPMSS);
    netlink_put_be32(encoder->message, NFTA_RT_DREG, register_of(0));
    expression_end(encoder, expression);
    expression = expression_begin(encoder, "byteorder");
    netlink_put_be32(encoder->message, NFTA_BYTEORDER_SREG, register_of(0));
    netlink_put_be32(encoder->message, NFTA_BYTEORDER_DREG, register_of(0));
    netlink_put_be32(encoder->message, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
    netlink_put_be32(encoder->message, NFTA_BYTEORDER_LEN, 2);
    netlink_put_be32(encoder->message, NFTA_BYTEORDER_SIZE, 2);
    expression_end(encoder, expression);
    expression = expression_begin(encoder, "exthdr");
    netlink_put_be32(encoder->message, NFTA_EXTHDR_SREG, register_of(0));
    netlink_put_u8(encoder->message, NFTA_EXTHDR_TYPE, TCPOPT_MAXSEG);
    netlink_put_be32(encoder->message, NFTA_EXTHDR_OFFSET, 2);
    netlink_put_be32(encoder->message, NFTA_EXTHDR_LEN, 2);
    netlink_put_be32(encoder->message, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
    expression_end(encoder, expression);
}

/* Without a length: who holds the group says how much of each is copied. A length of 0 would be nothing at all. */
static void encode_log(struct encoder *encoder, const struct nft_rule_step *step)
{
    struct expression expression = expression_begin(encoder, "log");

    netlink_put_be16(encoder->message, NFTA_LOG_GROUP, (uint16_t)step->argument);
    expression_end(encoder, expression);
}

static void encode_redirect(struct encoder *encoder)
{
    struct expression expression = expression_begin(encoder, "redir");
    uint32_t port = key_take(encoder);

    netlink_put_be32(encoder->message, NFTA_REDIR_REG_PROTO_MIN, port);
    netlink_put_be32(encoder->message, NFTA_REDIR_REG_PROTO_MAX, port);
    netlink_put_be32(encoder->message, NFTA_REDIR_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
    expression_end(encoder, expression);
}

/* What the routing table says of the destination, whatever the device. */
static void encode_local(struct encoder *encoder)
{
    static const uint32_t local = RTN_LOCAL;
    struct expression expression = expression_begin(encoder, "fib");

    netlink_put_be32(encoder->message, NFTA_FIB_DREG, key_append(encoder, sizeof(local)));
    netlink_put_be32(encoder->message, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    netlink_put_be32(encoder->message, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    expression_end(encoder, expression);
    encode_compare(encoder, NFT_CMP_EQ, &local, sizeof(local));
}

static void encode_dnat(struct encoder *encoder, uint32_t how)
{
    struct expression expression = expression_begin(encoder, "nat");
    bool ip6 = how & NFT_DNAT_IP6, to_port = how & NFT_DNAT_TO_PORT;
    uint32_t address = key_take(encoder), port = register_of(ip6 ? 4 : 1);

    netlink_put_be32(encoder->message, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    netlink_put_be32(encoder->message, NFTA_NAT_FAMILY, ip6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
    netlink_put_be32(encoder->message, NFTA_NAT_REG_ADDR_MIN, address);
    netlink_put_be32(encoder->message, NFTA_NAT_REG_ADDR_MAX, address);
    if (to_port) {
        netlink_put_be32(encoder->message, NFTA_NAT_REG_PROTO_MIN, port);
        netlink_put_be32(encoder->message, NFTA_NAT_REG_PROTO_MAX, port);
    }
    netlink_put_be32(encoder->message, NFTA_NAT_FLAGS,
                     NF_NAT_RANGE_MAP_IPS | (to_port ? NF_NAT_RANGE_PROTO_SPECIFIED : 0));
    expression_end(encoder, expression);
}

static void encode_verdict(struct encoder *encoder, const struct nft_rule_step *step)
{
    struct expression expression = expression_begin(encoder, "immediate");
    size_t data, verdict;

    netlink_put_be32(encoder->message, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    data = netlink_nest_begin(encoder->message, NFTA_IMMEDIATE_DATA);
    verdict = netlink_nest_begin(encoder->message, NFTA_DATA_VERDICT);
    netlink_put_be32(encoder->message, NFTA_VERDICT_CODE, step->argument);
    if (step->chain)
        netlink_put_text(encoder->message, NFTA_VERDICT_CHAIN, step->chain);
    netlink_nest_end(encoder->message, verdict);
    netlink_nest_end(encoder->message, data);
    expression_end(encoder, expression);
}

/* An expression without attributes. */
static void encode_plain(struct encoder *encoder, const char *name)
{
    expression_end(encoder, expression_begin(encoder, name));
}

static void encode_step(struct encoder *encoder, const struct nft_rule_step *step)
{
    switch ((enum nft_rule_op)step->op) {
    case NFT_RULE_END:
        break;
    case NFT_RULE_META:
        encode_meta(encoder, step);
        break;
    case NFT_RULE_CT:
        encode_ct(encoder, step);
        break;
    case NFT_RULE_CONNTRACK:
        encode_conntrack(encoder, step->argument);
        break;
    case NFT_RULE_ICMP6:
        encode_icmp6(encoder, step->argument);
        break;
    case NFT_RULE_PAYLOAD:
        encode_payload(encoder, step);
        break;
    case NFT_RULE_KEEP:
        encode_keep(encoder, step);
        break;
    case NFT_RULE_WRITE:
    case NFT_RULE_WRITE_KEPT:
        encode_write(encoder, step);
        break;
    case NFT_RULE_OPTION:
        encode_option(encoder, step);
        break;
    case NFT_RULE_MASK:
        encode_mask(encoder, step->bytes, step->len);
        break;
    case NFT_RULE_ANY_OF:
        encode_bits(encoder, step->argument, NFT_CMP_NEQ);
        break;
    case NFT_RULE_NONE_OF:
        encode_bits(encoder, step->argument, NFT_CMP_EQ);
        break;
    case NFT_RULE_COMPARE:
        encode_compare(encoder, step->argument, step->bytes, step->len);
        break;
    case NFT_RULE_IN:
    case NFT_RULE_NOT_IN:
    case NFT_RULE_MAP:
        encode_lookup(encoder, step);
        break;
    case NFT_RULE_OVER:
        encode_over(encoder, step);
        break;
    case NFT_RULE_ADD:
    case NFT_RULE_TALLY:
        encode_add(encoder, step);
        break;
    case NFT_RULE_SET_MARK:
        encode_set_mark(encoder, step);
        break;
    case NFT_RULE_REDIRECT:
        encode_redirect(encoder);
        break;
    case NFT_RULE_MASQUERADE:
        encode_plain(encoder, "masq");
        break;
    case NFT_RULE_LOCAL:
        encode_local(encoder);
        break;
    case NFT_RULE_DNAT:
        encode_dnat(encoder, step->argument);
        break;
    case NFT_RULE_COUNTER:
        encode_plain(encoder, "counter");
        break;
    case NFT_RULE_CLAMP:
        encode_clamp(encoder);
        break;
    case NFT_RULE_LOG:
        encode_log(encoder, step);
        break;
    case NFT_RULE_VERDICT:
        encode_verdict(encoder, step);
        break;
    }
}

/* A match of xtables may want to know of which protocol the packets are that come to it. */
static void put_protocol(struct netlink_message *message, const struct nft_rule_step steps[NFT_RULE_STEPS_MAX])
{
    for (size_t i = 0; i < NFT_RULE_STEPS_MAX && steps[i].op != NFT_RULE_END; i++)
        if (steps[i].op == NFT_RULE_ICMP6) {
            size_t nest = netlink_nest_begin(message, NFTA_RULE_COMPAT);

            netlink_put_be32(message, NFTA_RULE_COMPAT_PROTO, IPPROTO_ICMPV6);
            netlink_put_be32(message, NFTA_RULE_COMPAT_FLAGS, 0);
            netlink_nest_end(message, nest);
        }
}

void nft_rule_put_at(struct netlink_message *message, const struct nft_rule_place *place,
                     const struct nft_rule_step steps[NFT_RULE_STEPS_MAX], const char *comment)
{
    struct encoder encoder = {.message = message};
    size_t expressions;

    nft_message_begin(message, NFT_MSG_NEWRULE, (uint16_t)(NLM_F_CREATE | (place->before ? 0 : NLM_F_APPEND)),
                      place->protocol);
    netlink_put_text(message, NFTA_RULE_TABLE, place->table);
    netlink_put_text(message, NFTA_RULE_CHAIN, place->chain);
    if (place->neighbour)
        netlink_put_be64(message, NFTA_RULE_POSITION, place->neighbour);
    expressions = netlink_nest_begin(message, NFTA_RULE_EXPRESSIONS);
    for (size_t i = 0; i < NFT_RULE_STEPS_MAX && steps[i].op != NFT_RULE_END; i++)
        encode_step(&encoder, &steps[i]);
    netlink_nest_end(message, expressions);
    put_protocol(message, steps);
    nft_put_comment(message, NFTA_RULE_USERDATA, comment);
}

void nft_rule_put(struct netlink_message *message, enum guard_family family, const struct nft_rule *rule)
{
    const struct nft_rule_place place = {
        .protocol = nft_protocol(family), .table = guard_tables[family].name, .chain = rule->chain};

    nft_rule_put_at(message, &place, rule->steps, rule->tag);
}
