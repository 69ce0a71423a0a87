/* SPDX-License-Identifier: MIT */
/* Compares two messages attribute by attribute, as trees. */
#include "nft/compare.h"

#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "nft/message.h"

#define BIT(type) (UINT64_C(1) << (type))
#define FROM(type) (~(BIT(type) - 1))

/* What stands on the top level of a dumped object and is not what was asked for. */
static uint64_t passed_over(int type)
{
    switch (type) {
    case NFT_MSG_NEWTABLE:
        return BIT(NFTA_TABLE_USE) | BIT(NFTA_TABLE_HANDLE) | BIT(NFTA_TABLE_PAD);
    case NFT_MSG_NEWCHAIN:
        return BIT(NFTA_CHAIN_HANDLE) | BIT(NFTA_CHAIN_USE) | BIT(NFTA_CHAIN_COUNTERS) | BIT(NFTA_CHAIN_PAD) |
               BIT(NFTA_CHAIN_ID) | BIT(NFTA_CHAIN_USERDATA);
    case NFT_MSG_NEWSET:
        /* Behind the last that these headers may know stand a type and a count of elements. */
        return BIT(NFTA_SET_HANDLE) | BIT(NFTA_SET_ID) | BIT(NFTA_SET_USERDATA) | BIT(NFTA_SET_PAD) |
               FROM(NFTA_SET_EXPRESSIONS + 1);
    case NFT_MSG_NEWRULE:
        return BIT(NFTA_RULE_HANDLE) | BIT(NFTA_RULE_POSITION) | BIT(NFTA_RULE_PAD) | BIT(NFTA_RULE_ID);
    default:
        return 0;
    }
}

/* The attribute of the same type that has as many of its type before it as @attribute has in @row. */
static const struct nlattr *counterpart(struct nft_attributes row, const struct nlattr *attribute,
                                        struct nft_attributes other)
{
    uint16_t type = mnl_attr_get_type(attribute);
    size_t before = 0;

    for (const struct nlattr *a = nft_attributes_first(row); a && a != attribute; a = nft_attributes_next(row, a))
        before += mnl_attr_get_type(a) == type;
    for (const struct nlattr *a = nft_attributes_first(other); a; a = nft_attributes_next(other, a))
        if (mnl_attr_get_type(a) == type && before-- == 0)
            return a;
    return NULL;
}

/* ---- comparing ---- */

static bool is_zero(const struct nlattr *attribute)
{
    struct nft_attributes row = nft_attributes_inside(attribute);

    for (size_t i = 0; i < row.len; i++)
        if (row.bytes[i] != 0)
            return false;
    return true;
}

/* An expression that counts: its numbers are no part of the rule. */
static bool is_counter(struct nft_attributes row)
{
    static const char name[] = "counter";
    const struct nlattr *attribute = nft_attributes_first(row);

    return attribute && mnl_attr_get_type(attribute) == NFTA_EXPR_NAME &&
           mnl_attr_get_payload_len(attribute) == sizeof(name) &&
           memcmp(mnl_attr_get_payload(attribute), name, sizeof(name)) == 0;
}

static bool row_matches(struct nft_attributes expected, struct nft_attributes found, uint64_t skip);

static bool attribute_matches(const struct nlattr *expected, const struct nlattr *found)
{
    struct nft_attributes wanted = nft_attributes_inside(expected), got = nft_attributes_inside(found);

    if (expected->nla_type & NLA_F_NESTED)
        return row_matches(wanted, got, is_counter(wanted) ? BIT(NFTA_EXPR_DATA) : 0);
    return wanted.len == got.len && memcmp(wanted.bytes, got.bytes, got.len) == 0;
}

static bool skipped(const struct nlattr *attribute, uint64_t skip)
{
    uint16_t type = mnl_attr_get_type(attribute);

    return type < 64 && (skip & BIT(type));
}

/* The depth is that of @expected, which we built. */
static bool row_matches(struct nft_attributes expected, struct nft_attributes found, uint64_t skip)
{
    for (const struct nlattr *a = nft_attributes_first(found); a; a = nft_attributes_next(found, a)) {
        const struct nlattr *other = counterpart(found, a, expected);

        if (!skipped(a, skip) && !(other ? attribute_matches(other, a) : is_zero(a)))
            return false;
    }
    for (const struct nlattr *a = nft_attributes_first(expected); a; a = nft_attributes_next(expected, a))
        if (!skipped(a, skip) && !counterpart(expected, a, found) && !is_zero(a))
            return false;
    return true;
}

bool nft_message_matches(const struct nlmsghdr *expected, const struct nlmsghdr *found, int type)
{
    return row_matches(nft_attributes_of(expected), nft_attributes_of(found), passed_over(type));
}
