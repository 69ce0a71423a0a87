/* SPDX-License-Identifier: MIT */
/* Makes and deletes our tables: the table itself, its sets, chains and rules. */
#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>

#include "base/array.h"
#include "nft/element.h"
#include "nft/message.h"
#include "nft/ruleset.h"
#include "nft/table.h"

/* The numbers that `nft` has for the types of fields: in no header of the kernel, which does not care. */
#define TYPE_INTEGER 4
#define TYPE_IP4 7
#define TYPE_IP6 8
#define TYPE_MAC 9
#define TYPE_PROTOCOL 12
#define TYPE_PORT 13
#define TYPE_MARK 19
#define TYPE_FAMILY 2
#define TYPE_IFNAME 41
#define TYPE_IP4_PORT (TYPE_IP4 << TYPE_BITS | TYPE_PORT)
#define TYPE_IP6_PORT (TYPE_IP6 << TYPE_BITS | TYPE_PORT)
#define TYPE_BITS 6 /* of each field's type in a concatenation's */

enum byte_order {
    BYTE_ORDER_NONE = 0, /* of a concatenation */
    BYTE_ORDER_HOST = 1,
    BYTE_ORDER_BIG = 2,
};

static uint32_t field_type(enum guard_field field)
{
    switch (field) {
    case GUARD_FIELD_NONE:
        return 0;
    case GUARD_FIELD_IFNAME:
        return TYPE_IFNAME;
    case GUARD_FIELD_MAC:
        return TYPE_MAC;
    case GUARD_FIELD_IP4:
        return TYPE_IP4;
    case GUARD_FIELD_IP6:
        return TYPE_IP6;
    case GUARD_FIELD_RAW_MIDDLE:
    case GUARD_FIELD_RAW_END:
    case GUARD_FIELD_RAW_IP6:
    case GUARD_FIELD_RAW_IP4:
        return TYPE_INTEGER;
    case GUARD_FIELD_PROTOCOL:
        return TYPE_PROTOCOL;
    case GUARD_FIELD_PORT:
        return TYPE_PORT;
    case GUARD_FIELD_MARK:
        return TYPE_MARK;
    case GUARD_FIELD_IP4_PORT:
        return TYPE_IP4_PORT;
    case GUARD_FIELD_IP6_PORT:
        return TYPE_IP6_PORT;
    case GUARD_FIELD_TO:
        return 0;
    case GUARD_FIELD_FAMILY:
        return TYPE_FAMILY;
    }
    return 0;
}

static enum byte_order field_byte_order(enum guard_field field)
{
    /* As nft has it, for whatever reason. */
    if (field == GUARD_FIELD_IP4_PORT || field == GUARD_FIELD_IP6_PORT || field == GUARD_FIELD_FAMILY)
        return BYTE_ORDER_NONE;
    return field == GUARD_FIELD_IFNAME || field == GUARD_FIELD_MARK ? BYTE_ORDER_HOST : BYTE_ORDER_BIG;
}

/* ---- sets with fields that `nft` has no type for ---- */

/*
 * Such a set is declared by expressions, `typeof iifname . ether saddr . @th,64,128`, which stand in its user data: a
 * tree of the same triples of type, length and value, with nft's own numbers, in host order.
 */
enum typeof_number {
    TYPEOF_EXPRESSION = 0, /* which it is, then its parts */
    TYPEOF_PARTS = 1,
    EXPRESSION_PAYLOAD = 7,
    EXPRESSION_META = 9,
    EXPRESSION_CONCATENATION = 13,
    META_IIFNAME = 6,
    PROTOCOL_ETHERNET = 0x11,
    ETHERNET_SOURCE = 2,
    BASE_TRANSPORT = 3,
};

#define ND_TARGET_BITS 64 /* where they stand behind the IPv6 header */
#define ND_MAC_MIDDLE_BITS 216
#define ICMP_TOLD_BITS 192 /* the destination of the packet that an ICMP error tells of */
#define ND_MAC_END_BITS 232

static void add_typeof_numbers(struct nft_user_data_buffer *buffer, const uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        nft_user_data_add(buffer, (enum nft_user_data)i, &numbers[i], sizeof(numbers[i]));
}

/* One expression with the @count numbers that say what it is. */
static void add_typeof(struct nft_user_data_buffer *buffer, unsigned index, uint32_t expression,
                       const uint32_t *numbers, size_t count)
{
    struct nft_user_data_buffer part = {0}, parts = {0};

    add_typeof_numbers(&parts, numbers, count);
    nft_user_data_add(&part, (enum nft_user_data)TYPEOF_EXPRESSION, &expression, sizeof(expression));
    nft_user_data_add(&part, (enum nft_user_data)TYPEOF_PARTS, parts.bytes, parts.len);
    nft_user_data_add(buffer, (enum nft_user_data)index, part.bytes, part.len);
}

static uint32_t raw_field_bits(enum guard_field field)
{
    if (field == GUARD_FIELD_RAW_MIDDLE)
        return ND_MAC_MIDDLE_BITS;
    if (field == GUARD_FIELD_RAW_IP4)
        return ICMP_TOLD_BITS;
    return field == GUARD_FIELD_RAW_END ? ND_MAC_END_BITS : ND_TARGET_BITS;
}

static void add_typeof_field(struct nft_user_data_buffer *buffer, unsigned index, enum guard_field field)
{
    const uint32_t iifname[] = {META_IIFNAME}, mac[] = {PROTOCOL_ETHERNET, ETHERNET_SOURCE};
    const uint32_t raw[] = {0, 0, BASE_TRANSPORT, raw_field_bits(field), 8 * (uint32_t)guard_field_len(field)};

    if (field == GUARD_FIELD_IFNAME)
        add_typeof(buffer, index, EXPRESSION_META, iifname, ARRAY_COUNT(iifname));
    else if (field == GUARD_FIELD_MAC)
        add_typeof(buffer, index, EXPRESSION_PAYLOAD, mac, ARRAY_COUNT(mac));
    else
        add_typeof(buffer, index, EXPRESSION_PAYLOAD, raw, ARRAY_COUNT(raw));
}

static bool has_raw_field(const struct guard_schema *schema)
{
    for (int i = 0; i < GUARD_FIELDS_MAX; i++)
        if (schema->key[i] == GUARD_FIELD_RAW_END || schema->key[i] == GUARD_FIELD_RAW_IP6 ||
            schema->key[i] == GUARD_FIELD_RAW_IP4)
            return true;
    return false;
}

/* Such a set's key is mostly a concatenation. */
static void add_key_typeof(struct nft_user_data_buffer *buffer, const struct guard_schema *schema)
{
    const uint32_t expression = EXPRESSION_CONCATENATION;
    struct nft_user_data_buffer fields = {0}, whole = {0};

    if (!schema->key[1]) {
        add_typeof_field(buffer, NFT_USER_DATA_KEY_TYPEOF, schema->key[0]);
        return;
    }
    for (unsigned i = 0; i < GUARD_FIELDS_MAX && schema->key[i]; i++)
        add_typeof_field(&fields, i, schema->key[i]);
    nft_user_data_add(&whole, (enum nft_user_data)TYPEOF_EXPRESSION, &expression, sizeof(expression));
    nft_user_data_add(&whole, (enum nft_user_data)TYPEOF_PARTS, fields.bytes, fields.len);
    nft_user_data_add(buffer, NFT_USER_DATA_KEY_TYPEOF, whole.bytes, whole.len);
}

/* What `nft` needs to print the set with its types, and our comment. */
static void put_set_user_data(struct netlink_message *message, const struct guard_schema *schema)
{
    struct nft_user_data_buffer buffer = {0};
    enum byte_order key = schema->key[1] ? BYTE_ORDER_NONE : field_byte_order(schema->key[0]);

    nft_user_data_add_u32(&buffer, NFT_USER_DATA_KEY_BYTE_ORDER, key);
    if (schema->data)
        nft_user_data_add_u32(&buffer, NFT_USER_DATA_DATA_BYTE_ORDER, field_byte_order(schema->data));
    if (has_raw_field(schema))
        add_key_typeof(&buffer, schema);
    nft_user_data_add_text(&buffer, NFT_USER_DATA_SET_COMMENT, schema->comment);
    netlink_put(message, NFTA_SET_USERDATA, buffer.bytes, buffer.len);
}

/* The fields of the kernel's key: of an interval, those of one end. */
static int key_fields(const struct guard_schema *schema)
{
    int count = 0;

    while (count < GUARD_FIELDS_MAX && schema->key[count] && schema->key[count] != GUARD_FIELD_TO)
        count++;
    return count;
}

/* Starts the message that makes a set of @schema, with what its every kind has. */
static void put_set_begin(struct nft_transaction *transaction, const struct guard_schema *schema, uint32_t flags,
                          size_t key_len)
{
    struct netlink_message *message = &transaction->message;
    uint32_t type = 0;

    for (int i = 0; i < key_fields(schema); i++)
        type = type << TYPE_BITS | field_type(schema->key[i]);
    nft_message_begin(message, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, nft_protocol(schema->family));
    netlink_put_text(message, NFTA_SET_TABLE, guard_tables[schema->family].name);
    netlink_put_text(message, NFTA_SET_NAME, schema->name);
    netlink_put_be32(message, NFTA_SET_FLAGS, flags);
    netlink_put_be32(message, NFTA_SET_KEY_TYPE, type);
    netlink_put_be32(message, NFTA_SET_KEY_LEN, (uint32_t)key_len);
    netlink_put_be32(message, NFTA_SET_ID, ++transaction->set_id);
    put_set_user_data(message, schema);
}

/* The most elements of a set that rules fill: without a number, they could add none. */
static void put_size(struct netlink_message *message, uint32_t size)
{
    size_t nest = netlink_nest_begin(message, NFTA_SET_DESC);

    netlink_put_be32(message, NFTA_SET_DESC_SIZE, size);
    netlink_nest_end(message, nest);
}

/* Of a set of intervals the kernel must know where in the key each field is. */
static void put_field_lens(struct netlink_message *message, const struct guard_schema *schema)
{
    size_t description = netlink_nest_begin(message, NFTA_SET_DESC);
    size_t fields = netlink_nest_begin(message, NFTA_SET_DESC_CONCAT);

    for (int i = 0; i < key_fields(schema); i++) {
        size_t field = netlink_nest_begin(message, NFTA_LIST_ELEM);

        netlink_put_be32(message, NFTA_SET_FIELD_LEN, (uint32_t)guard_field_len(schema->key[i]));
        netlink_nest_end(message, field);
    }
    netlink_nest_end(message, fields);
    netlink_nest_end(message, description);
}

/*
 * Is it a set whose elements count connections? From a hash the kernel takes each such element away within a second,
 * for as long as its guest has no connection (nft_rhash_gc); from a set of ranges, here of one address each, it takes
 * none. Rules can't fill that one, but nothing of them is needed.
 */
static bool keeps_counts(const struct guard_schema *schema)
{
    return schema->limit == GUARD_LIMIT_CONNECTIONS;
}

static bool is_filled(const struct guard_schema *schema)
{
    return schema->filled || (schema->limit && !keeps_counts(schema));
}

static uint32_t set_flags(const struct guard_schema *schema, bool interval)
{
    return (schema->data ? NFT_SET_MAP : 0u) | (is_filled(schema) ? NFT_SET_EVAL : 0u) |
           (schema->timeout_msec ? NFT_SET_TIMEOUT : 0u) | (interval ? NFT_SET_INTERVAL | NFT_SET_CONCAT : 0u);
}

static void put_set(struct nft_transaction *transaction, enum guard_set set)
{
    const struct guard_schema *schema = &guard_schemas[set];
    struct netlink_message *message = &transaction->message;
    bool ranges = guard_is_interval(set) || keeps_counts(schema);

    put_set_begin(transaction, schema, set_flags(schema, ranges), guard_end_len(set));
    if (ranges)
        put_field_lens(message, schema);
    if (schema->data) {
        netlink_put_be32(message, NFTA_SET_DATA_TYPE, field_type(schema->data));
        netlink_put_be32(message, NFTA_SET_DATA_LEN, (uint32_t)guard_data_len(set));
    }
    if (schema->timeout_msec)
        netlink_put_be64(message, NFTA_SET_TIMEOUT, schema->timeout_msec);
    if (keeps_counts(schema)) /* nft reads its own list back only if the set says so too */
        nft_put_connection_limit(message, NFTA_SET_EXPR, 0);
    if (is_filled(schema))
        put_size(message, schema->most ? schema->most : NFT_FILLED_MAX);
}

/* A set that rules fill with buckets. */
static void put_limit_set(struct nft_transaction *transaction, const struct nft_limit_schema *limit)
{
    const struct guard_schema schema = {
        .name = limit->name, .family = limit->family, .key = {limit->key[0], limit->key[1]}, .comment = limit->comment};
    size_t key_len = guard_field_room(limit->key[0]) + guard_field_room(limit->key[1]);

    put_set_begin(transaction, &schema, NFT_SET_EVAL | NFT_SET_TIMEOUT, key_len);
    netlink_put_be64(&transaction->message, NFTA_SET_TIMEOUT, NFT_LIMIT_TIMEOUT_MSEC);
    put_size(&transaction->message, NFT_LIMIT_DEVICES_MAX);
}

static void put_chain(struct netlink_message *message, enum guard_family family, const struct nft_chain *chain)
{
    size_t hook;

    nft_message_begin(message, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, nft_protocol(family));
    netlink_put_text(message, NFTA_CHAIN_TABLE, guard_tables[family].name);
    netlink_put_text(message, NFTA_CHAIN_NAME, chain->name);
    if (!chain->type)
        return;
    hook = netlink_nest_begin(message, NFTA_CHAIN_HOOK);
    netlink_put_be32(message, NFTA_HOOK_HOOKNUM, chain->hook);
    netlink_put_be32(message, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
    netlink_nest_end(message, hook);
    netlink_put_be32(message, NFTA_CHAIN_POLICY, NF_ACCEPT);
    netlink_put_text(message, NFTA_CHAIN_TYPE, chain->type);
    netlink_put_be32(message, NFTA_CHAIN_FLAGS, NFT_CHAIN_BASE);
}

static void put_table(struct netlink_message *message, uint16_t type, uint16_t flags, enum guard_family family)
{
    nft_message_begin(message, type, flags, nft_protocol(family));
    netlink_put_text(message, NFTA_TABLE_NAME, guard_tables[family].name);
}

void nft_table_add(struct nft_transaction *transaction, enum guard_family family)
{
    struct netlink_message *message = &transaction->message;
    const struct nft_chain *chain;
    const struct nft_rule *rule;

    transaction->change_count++;
    put_table(message, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, family);
    nft_put_comment(message, NFTA_TABLE_USERDATA, NFT_TABLE_COMMENT);
    for (enum guard_set set = 0; set < GUARD_SET_COUNT; set++)
        if (guard_schemas[set].family == family)
            put_set(transaction, set);
    for (enum nft_limit limit = 0; limit < NFT_LIMIT_COUNT; limit++)
        if (nft_limits[limit].family == family)
            put_limit_set(transaction, &nft_limits[limit]);
    for (size_t i = 0; (chain = nft_ruleset_chain(family, i)); i++)
        put_chain(message, family, chain);
    for (size_t i = 0; (rule = nft_ruleset_rule(family, i)); i++)
        nft_rule_put(message, family, rule);
}

/* Adding comes first, so that a table that somebody has deleted meanwhile is no failure. */
void nft_table_delete(struct nft_transaction *transaction, enum guard_family family)
{
    transaction->change_count++;
    put_table(&transaction->message, NFT_MSG_NEWTABLE, NLM_F_CREATE, family);
    put_table(&transaction->message, NFT_MSG_DELTABLE, 0, family);
}
