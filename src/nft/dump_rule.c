/* SPDX-License-Identifier: MIT */
/* The expressions of anybody's rules (linux/netfilter/nf_tables.h) as steps. */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <string.h>

#include "base/array.h"
#include "nft/dump.h"
#include "nft/message.h"

/*
 * How it works: each expression is a name and a nest of attributes; what is said of an expression stands in a row of
 * the table below. One that is not in the table, or that says what can't be (a register that is none, a length beyond
 * the registers), becomes a step that nobody can tell the outcome of.
 */

#define ATTRIBUTES_MAX 16

struct parse {
    struct rules_ruleset *ruleset;
    const struct nlattr *data[ATTRIBUTES_MAX + 1]; /* of the expression */
    struct rules_step *step;
};

/* The byte offset of one of the kernel's registers, with room for @len bytes; false: there is none. */
static bool read_register(const struct nlattr *attribute, size_t len, uint8_t *ret)
{
    uint32_t number = nft_dump_number(attribute), offset;

    if (number >= NFT_REG_1 && number <= NFT_REG_4)
        offset = (number - NFT_REG_1) * NFT_REG_SIZE;
    else if (number >= NFT_REG32_00 && number <= NFT_REG32_15)
        offset = (number - NFT_REG32_00) * NFT_REG32_SIZE;
    else
        return false;
    *ret = (uint8_t)offset;
    return offset + len <= RULES_REGISTER_BYTES;
}

/* A length in bytes; 0: there is none, or it is more than all registers. */
static uint8_t read_length(const struct nlattr *attribute)
{
    uint32_t len = nft_dump_number(attribute);

    return len <= RULES_REGISTER_BYTES ? (uint8_t)len : 0;
}

static int unknown(struct parse *parse)
{
    parse->step->kind = RULES_UNKNOWN;
    return 0;
}

/* ---- what fills registers ---- */

/* @len: of what is loaded; the packet's own value is looked for by source and offset. */
static int load(struct parse *parse, const struct nlattr *to, enum rules_source source, uint32_t offset, uint8_t len)
{
    struct rules_step *step = parse->step;

    if (!len || !read_register(to, len, &step->to))
        return unknown(parse);
    step->kind = RULES_LOAD;
    step->source = source;
    step->offset = offset;
    step->len = len;
    return 0;
}

static uint8_t meta_length(uint32_t key)
{
    switch (key) {
    case NFT_META_IIFNAME:
    case NFT_META_OIFNAME:
    case NFT_META_BRI_IIFNAME:
    case NFT_META_BRI_OIFNAME:
    case NFT_META_IIFKIND:
    case NFT_META_OIFKIND:
        return 16;
    case NFT_META_PROTOCOL:
    case NFT_META_IIFTYPE:
    case NFT_META_OIFTYPE:
        return 2;
    case NFT_META_NFPROTO:
    case NFT_META_L4PROTO:
    case NFT_META_PKTTYPE:
        return 1;
    default:
        return 4;
    }
}

static int parse_meta(struct parse *parse)
{
    uint32_t key = nft_dump_number(parse->data[NFTA_META_KEY]);

    if (parse->data[NFTA_META_SREG]) {
        parse->step->kind = key == NFT_META_MARK ? RULES_MARK : RULES_NEUTRAL;
        return 0;
    }
    return load(parse, parse->data[NFTA_META_DREG], RULES_META, key, meta_length(key));
}

static uint8_t ct_length(uint32_t key)
{
    switch (key) {
    case NFT_CT_DIRECTION:
    case NFT_CT_L3PROTOCOL:
    case NFT_CT_PROTOCOL:
        return 1;
    case NFT_CT_PROTO_SRC:
    case NFT_CT_PROTO_DST:
        return 2;
    case NFT_CT_SRC:
    case NFT_CT_DST:
    case NFT_CT_LABELS:
    case NFT_CT_HELPER:
        return 16;
    default:
        return 4;
    }
}

static int parse_ct(struct parse *parse)
{
    uint32_t key = nft_dump_number(parse->data[NFTA_CT_KEY]);

    if (parse->data[NFTA_CT_SREG]) {
        parse->step->kind = RULES_NEUTRAL;
        return 0;
    }
    return load(parse, parse->data[NFTA_CT_DREG], RULES_CT, key, ct_length(key));
}

static int parse_payload(struct parse *parse)
{
    static const enum rules_source sources[] = {
        [NFT_PAYLOAD_LL_HEADER] = RULES_LINK_HEADER,
        [NFT_PAYLOAD_NETWORK_HEADER] = RULES_NETWORK_HEADER,
        [NFT_PAYLOAD_TRANSPORT_HEADER] = RULES_TRANSPORT_HEADER,
    };
    uint32_t base = nft_dump_number(parse->data[NFTA_PAYLOAD_BASE]);

    if (parse->data[NFTA_PAYLOAD_SREG]) { /* it writes into the packet */
        parse->step->kind = RULES_NEUTRAL;
        return 0;
    }
    return load(parse, parse->data[NFTA_PAYLOAD_DREG], base < ARRAY_COUNT(sources) ? sources[base] : RULES_ELSEWHERE,
                nft_dump_number(parse->data[NFTA_PAYLOAD_OFFSET]), read_length(parse->data[NFTA_PAYLOAD_LEN]));
}

/* Routes, sockets, random numbers, option headers: a register of which nothing is known, 16 bytes at most. */
static int load_elsewhere(struct parse *parse, const struct nlattr *to)
{
    uint8_t offset;

    if (!to) { /* it writes into the packet */
        parse->step->kind = RULES_NEUTRAL;
        return 0;
    }
    if (!read_register(to, 1, &offset))
        return unknown(parse);
    return load(parse, to, RULES_ELSEWHERE, 0,
                (uint8_t)(offset + 16 <= RULES_REGISTER_BYTES ? 16 : RULES_REGISTER_BYTES - offset));
}

/* NFTA_RT_DREG, NFTA_EXTHDR_DREG, NFTA_NG_DREG, NFTA_OSF_DREG and NFTA_XFRM_DREG have one number. */
static int parse_elsewhere(struct parse *parse)
{
    return load_elsewhere(parse, parse->data[NFTA_RT_DREG]);
}

/* The others are options of TCP and IPv4, and chunks of SCTP. */
static int parse_exthdr(struct parse *parse)
{
    uint32_t flags = nft_dump_number(parse->data[NFTA_EXTHDR_FLAGS]);
    uint8_t len = read_length(parse->data[NFTA_EXTHDR_LEN]);

    if (nft_dump_number(parse->data[NFTA_EXTHDR_OP]) != NFT_EXTHDR_OP_IPV6 || !parse->data[NFTA_EXTHDR_DREG])
        return parse_elsewhere(parse);
    return load(parse, parse->data[NFTA_EXTHDR_DREG], RULES_EXTENSION_HEADER, flags & NFT_EXTHDR_F_PRESENT,
                flags & NFT_EXTHDR_F_PRESENT ? 1 : len);
}

/* NFTA_HASH_DREG, NFTA_SOCKET_DREG, NFTA_TUNNEL_DREG. */
static int parse_elsewhere_second(struct parse *parse)
{
    return load_elsewhere(parse, parse->data[NFTA_HASH_DREG]);
}

static int parse_fib(struct parse *parse)
{
    uint32_t flags = nft_dump_number(parse->data[NFTA_FIB_FLAGS]);

    if (nft_dump_number(parse->data[NFTA_FIB_RESULT]) == NFT_FIB_RESULT_ADDRTYPE && (flags & NFTA_FIB_F_DADDR))
        return load(parse, parse->data[NFTA_FIB_DREG], RULES_DESTINATION_TYPE, 0, 4);
    return load_elsewhere(parse, parse->data[NFTA_FIB_DREG]);
}

static int parse_immediate(struct parse *parse)
{
    struct rules_step *step = parse->step;
    const struct nlattr *nest = parse->data[NFTA_IMMEDIATE_DATA];
    int result;

    if (nft_dump_verdict(parse->ruleset, nest, &step->verdict, &step->name)) {
        step->kind = RULES_VERDICT;
        return step->name ? 0 : -ENOMEM;
    }
    result = nft_dump_bytes(parse->ruleset, nest, &step->bytes, &step->bytes_len);
    step->kind = RULES_CONSTANT;
    step->len = (uint8_t)step->bytes_len;
    if (result == 0 && (!step->bytes || !read_register(parse->data[NFTA_IMMEDIATE_DREG], step->len, &step->to)))
        return unknown(parse);
    return result;
}

static int parse_bitwise(struct parse *parse)
{
    struct rules_step *step = parse->step;
    const uint8_t *mask, *with;
    size_t mask_len = 0, with_len = 0;
    int result;

    step->len = read_length(parse->data[NFTA_BITWISE_LEN]);
    if (!step->len || !read_register(parse->data[NFTA_BITWISE_SREG], step->len, &step->from) ||
        !read_register(parse->data[NFTA_BITWISE_DREG], step->len, &step->to))
        return unknown(parse);
    if (nft_dump_number(parse->data[NFTA_BITWISE_OP]) != 0) /* a shift: the result is not known */
        return load(parse, parse->data[NFTA_BITWISE_DREG], RULES_ELSEWHERE, 0, step->len);
    result = nft_dump_bytes(parse->ruleset, parse->data[NFTA_BITWISE_MASK], &mask, &mask_len);
    if (result == 0)
        result = nft_dump_bytes(parse->ruleset, parse->data[NFTA_BITWISE_XOR], &with, &with_len);
    if (result < 0)
        return result;
    if (mask_len != step->len || with_len != step->len)
        return load(parse, parse->data[NFTA_BITWISE_DREG], RULES_ELSEWHERE, 0, step->len);
    step->kind = RULES_MASK;
    step->bytes = mask;
    step->with = with;
    return 0;
}

static int parse_byteorder(struct parse *parse)
{
    return load(parse, parse->data[NFTA_BYTEORDER_DREG], RULES_ELSEWHERE, 0,
                read_length(parse->data[NFTA_BYTEORDER_LEN]));
}

/* ---- what looks at registers ---- */

static int parse_compare(struct parse *parse)
{
    struct rules_step *step = parse->step;
    uint32_t operator= nft_dump_number(parse->data[NFTA_CMP_OP]);
    int result = nft_dump_bytes(parse->ruleset, parse->data[NFTA_CMP_DATA], &step->bytes, &step->bytes_len);

    step->len = (uint8_t)step->bytes_len;
    if (result < 0)
        return result;
    if (!step->bytes || operator> NFT_CMP_GTE || !read_register(parse->data[NFTA_CMP_SREG], step->len, &step->from))
        return unknown(parse);
    step->kind = RULES_COMPARE;
    step->operator=(enum rules_operator) operator; /* the same numbers */
    return 0;
}

static int parse_range(struct parse *parse)
{
    struct rules_step *step = parse->step;
    size_t upper_len = 0;
    int result = nft_dump_bytes(parse->ruleset, parse->data[NFTA_RANGE_FROM_DATA], &step->bytes, &step->bytes_len);

    if (result == 0)
        result = nft_dump_bytes(parse->ruleset, parse->data[NFTA_RANGE_TO_DATA], &step->with, &upper_len);
    if (result < 0)
        return result;
    step->len = (uint8_t)step->bytes_len;
    if (!step->bytes || !step->with || upper_len != step->len ||
        !read_register(parse->data[NFTA_RANGE_SREG], step->len, &step->from))
        return unknown(parse);
    step->kind = RULES_RANGE;
    step->operator= nft_dump_number(parse->data[NFTA_RANGE_OP]) == NFT_RANGE_NEQ ? RULES_NOT_EQUAL : RULES_EQUAL;
    return 0;
}

static int parse_lookup(struct parse *parse)
{
    struct rules_step *step = parse->step;

    if (!read_register(parse->data[NFTA_LOOKUP_SREG], 0, &step->from))
        return unknown(parse);
    step->kind = RULES_LOOKUP;
    step->inverted = nft_dump_number(parse->data[NFTA_LOOKUP_FLAGS]) & NFT_LOOKUP_F_INV;
    step->gives = parse->data[NFTA_LOOKUP_DREG] && read_register(parse->data[NFTA_LOOKUP_DREG], 0, &step->to);
    step->name = nft_dump_text(parse->ruleset, parse->data[NFTA_LOOKUP_SET]);
    return step->name ? 0 : -ENOMEM;
}

static int parse_limit(struct parse *parse)
{
    parse->step->kind = RULES_LIMIT;
    parse->step->inverted = nft_dump_number(parse->data[NFTA_LIMIT_FLAGS]) & NFT_LIMIT_F_INV;
    return 0;
}

static int parse_connlimit(struct parse *parse)
{
    parse->step->kind = RULES_LIMIT;
    parse->step->inverted = nft_dump_number(parse->data[NFTA_CONNLIMIT_FLAGS]) & NFT_CONNLIMIT_F_INV;
    return 0;
}

static int parse_quota(struct parse *parse)
{
    parse->step->kind = RULES_LIMIT;
    parse->step->inverted = nft_dump_number(parse->data[NFTA_QUOTA_FLAGS]) & NFT_QUOTA_F_INV;
    return 0;
}

/* Is @nest an expression that goes on only above a limit? */
static bool is_above_limit(const struct nlattr *nest)
{
    static const struct {
        const char *name;
        uint16_t flags;
    } limits[] = {{"limit", NFTA_LIMIT_FLAGS}, {"connlimit", NFTA_CONNLIMIT_FLAGS}, {"quota", NFTA_QUOTA_FLAGS}};
    const struct nlattr *expression[NFTA_EXPR_MAX + 1], *data[ATTRIBUTES_MAX + 1];
    const char *name;

    if (!nest || netlink_parse_nest(nest, expression, NFTA_EXPR_MAX) < 0 || !expression[NFTA_EXPR_DATA] ||
        netlink_parse_nest(expression[NFTA_EXPR_DATA], data, ATTRIBUTES_MAX) < 0)
        return false;
    name = netlink_get_text(expression[NFTA_EXPR_NAME]);
    for (size_t i = 0; name && i < ARRAY_COUNT(limits); i++)
        if (strcmp(limits[i].name, name) == 0)
            return nft_dump_number(data[limits[i].flags]) & 1; /* NFT_LIMIT_F_INV and its like are 1 */
    return false;
}

bool nft_dump_is_above_limit(const struct nlattr *expression, const struct nlattr *list)
{
    struct nft_attributes row = {NULL, 0};

    if (is_above_limit(expression))
        return true;
    if (list)
        row = nft_attributes_inside(list);
    for (const struct nlattr *each = nft_attributes_first(row); each; each = nft_attributes_next(row, each))
        if (is_above_limit(each))
            return true;
    return false;
}

/* It adds an element to a set: whoever has it is below its limit, as yet. */
static int parse_dynset(struct parse *parse)
{
    bool above = nft_dump_is_above_limit(parse->data[NFTA_DYNSET_EXPR], parse->data[NFTA_DYNSET_EXPRESSIONS]);

    parse->step->kind = above ? RULES_LIMIT : RULES_NEUTRAL;
    parse->step->inverted = above;
    return 0;
}

/* ---- what decides ---- */

static int parse_neutral(struct parse *parse)
{
    parse->step->kind = RULES_NEUTRAL;
    return 0;
}

static int parse_counter(struct parse *parse)
{
    parse->step->count = be64toh(netlink_get_u64(parse->data[NFTA_COUNTER_PACKETS]));
    return parse_neutral(parse);
}

static int parse_notrack(struct parse *parse)
{
    parse->step->kind = RULES_NOTRACK;
    return 0;
}

static int parse_reject(struct parse *parse)
{
    parse->step->kind = RULES_VERDICT;
    parse->step->verdict = RULES_DROP;
    return 0;
}

static int parse_queue(struct parse *parse)
{
    parse->step->kind = RULES_VERDICT;
    parse->step->verdict = RULES_QUEUE;
    return 0;
}

static int parse_nat(struct parse *parse)
{
    parse->step->kind = RULES_NAT;
    return 0;
}

/* ---- xtables ---- */

static int parse_match(struct parse *parse)
{
    struct rules_step *step = parse->step;
    const struct nlattr *info = parse->data[NFTA_MATCH_INFO];
    uint8_t *bytes;

    step->name = nft_dump_text(parse->ruleset, parse->data[NFTA_MATCH_NAME]);
    step->revision = (uint8_t)nft_dump_number(parse->data[NFTA_MATCH_REV]);
    step->bytes_len = info ? mnl_attr_get_payload_len(info) : 0;
    bytes = arena_alloc(&parse->ruleset->arena, step->bytes_len + 1);
    if (!bytes || !step->name)
        return -ENOMEM;
    if (info)
        memcpy(bytes, mnl_attr_get_payload(info), step->bytes_len);
    step->bytes = bytes;
    step->kind = RULES_MATCH;
    return 0;
}

static int parse_target(struct parse *parse)
{
    struct rules_step *step = parse->step;
    const struct nlattr *info = parse->data[NFTA_TARGET_INFO];
    uint8_t *bytes;

    step->name = nft_dump_text(parse->ruleset, parse->data[NFTA_TARGET_NAME]);
    step->bytes_len = info ? mnl_attr_get_payload_len(info) : 0;
    bytes = arena_alloc(&parse->ruleset->arena, step->bytes_len + 1);
    if (!step->name || !bytes)
        return -ENOMEM;
    if (info)
        memcpy(bytes, mnl_attr_get_payload(info), step->bytes_len);
    step->bytes = bytes;
    rules_set_target(step);
    return 0;
}

/* ---- all of them ---- */

static const struct expression {
    const char *name;
    int (*parse)(struct parse *parse);
} expressions[] = {
    {"meta", parse_meta},
    {"payload", parse_payload},
    {"cmp", parse_compare},
    {"immediate", parse_immediate},
    {"counter", parse_counter},
    {"lookup", parse_lookup},
    {"match", parse_match},
    {"target", parse_target},
    {"ct", parse_ct},
    {"bitwise", parse_bitwise},
    {"range", parse_range},
    {"limit", parse_limit},
    {"log", parse_neutral},
    {"reject", parse_reject},
    {"masq", parse_nat},
    {"nat", parse_nat},
    {"redir", parse_nat},
    {"queue", parse_queue},
    {"connlimit", parse_connlimit},
    {"quota", parse_quota},
    {"byteorder", parse_byteorder},
    {"fib", parse_fib},
    {"rt", parse_elsewhere},
    {"hash", parse_elsewhere_second},
    {"numgen", parse_elsewhere},
    {"xfrm", parse_elsewhere},
    {"tunnel", parse_elsewhere_second},
    {"socket", parse_elsewhere_second},
    {"osf", parse_elsewhere},
    {"exthdr", parse_exthdr},
    {"objref", parse_neutral},
    {"dynset", parse_dynset},
    {"notrack", parse_notrack},
    {"last", parse_neutral},
    {"dup", parse_neutral},
};

/* Words of `nft` for expressions that have another name in the kernel. */
static const char *word_of(const char *name)
{
    static const char *const words[][2] = {{"masq", "masquerade"}, {"redir", "redirect"}, {"connlimit", "ct count"}};

    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (strcmp(words[i][0], name) == 0)
            return words[i][1];
    return name;
}

static int parse_expression(struct rules_ruleset *ruleset, const struct nlattr *nest, struct rules_step *step)
{
    const struct nlattr *expression[NFTA_EXPR_MAX + 1];
    struct parse parse = {.ruleset = ruleset, .step = step};
    const char *name;

    if (netlink_parse_nest(nest, expression, NFTA_EXPR_MAX) < 0)
        return unknown(&parse);
    name = netlink_get_text(expression[NFTA_EXPR_NAME]);
    step->name = arena_strdup(&ruleset->arena, name ? word_of(name) : "?");
    if (!step->name)
        return -ENOMEM;
    if (expression[NFTA_EXPR_DATA] && netlink_parse_nest(expression[NFTA_EXPR_DATA], parse.data, ATTRIBUTES_MAX) < 0)
        return unknown(&parse);
    for (size_t i = 0; name && i < ARRAY_COUNT(expressions); i++)
        if (strcmp(expressions[i].name, name) == 0)
            return expressions[i].parse(&parse);
    return unknown(&parse);
}

int nft_dump_steps(struct rules_ruleset *ruleset, const struct nlattr *nest, struct rules_rule *rule)
{
    struct nft_attributes row = {NULL, 0};
    size_t count = 0;
    int result = 0;

    if (nest)
        row = nft_attributes_inside(nest);
    for (const struct nlattr *each = nft_attributes_first(row); each; each = nft_attributes_next(row, each))
        count++;
    rule->steps = arena_alloc(&ruleset->arena, (count + 1) * sizeof(*rule->steps));
    if (!rule->steps)
        return -ENOMEM;
    for (const struct nlattr *each = nft_attributes_first(row); each && result == 0;
         each = nft_attributes_next(row, each))
        result = parse_expression(ruleset, each, &rule->steps[rule->step_count++]);
    return result;
}
