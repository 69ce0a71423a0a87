/* SPDX-License-Identifier: MIT */
/* Encodes and decodes elements, many to a message. */
#include "nft/element.h"

#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/cleanup.h"
#include "nft/message.h"

/* A nest ends at 65,535 bytes; one element with the longest label takes less than 400. */
#define ELEMENTS_BYTES_MAX (UINT16_MAX - 1024)

/* ---- encode ---- */

static void put_value(struct netlink_message *message, uint16_t attribute, const uint8_t *bytes, size_t len)
{
    size_t nest = netlink_nest_begin(message, attribute);

    netlink_put(message, NFTA_DATA_VALUE, bytes, len);
    netlink_nest_end(message, nest);
}

void nft_put_connection_limit(struct netlink_message *message, uint16_t attribute, uint32_t count)
{
    size_t nest = netlink_nest_begin(message, attribute), data;

    netlink_put_text(message, NFTA_EXPR_NAME, "connlimit");
    data = netlink_nest_begin(message, NFTA_EXPR_DATA);
    netlink_put_be32(message, NFTA_CONNLIMIT_COUNT, count);
    netlink_put_be32(message, NFTA_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
    netlink_nest_end(message, data);
    netlink_nest_end(message, nest);
}

/* The bucket of an element that is a limit: over it, the rule that looks it up goes on. */
static void put_bucket(struct netlink_message *message, const struct guard_element *element)
{
    enum guard_limit limit = guard_schemas[element->set].limit;
    size_t nest, data;

    if (limit == GUARD_LIMIT_CONNECTIONS) {
        nft_put_connection_limit(message, NFTA_SET_ELEM_EXPR, (uint32_t)guard_rate(element));
        return;
    }
    nest = netlink_nest_begin(message, NFTA_SET_ELEM_EXPR);
    netlink_put_text(message, NFTA_EXPR_NAME, "limit");
    data = netlink_nest_begin(message, NFTA_EXPR_DATA);
    netlink_put_be64(message, NFTA_LIMIT_RATE, guard_rate(element));
    netlink_put_be64(message, NFTA_LIMIT_UNIT, 1); /* second */
    netlink_put_be32(message, NFTA_LIMIT_BURST, guard_burst(element));
    netlink_put_be32(message, NFTA_LIMIT_TYPE, limit == GUARD_LIMIT_BYTES ? NFT_LIMIT_PKT_BYTES : NFT_LIMIT_PKTS);
    netlink_put_be32(message, NFTA_LIMIT_FLAGS, NFT_LIMIT_F_INV);
    netlink_nest_end(message, data);
    netlink_nest_end(message, nest);
}

/* Data and label go along with an element that is added; one that is deleted is named by its key (its range) alone. */
static void put_element(struct netlink_message *message, uint16_t type, const struct guard_element *element)
{
    size_t nest = netlink_nest_begin(message, NFTA_LIST_ELEM);
    size_t data_len = guard_data_len(element->set), key_len = guard_end_len(element->set);

    put_value(message, NFTA_SET_ELEM_KEY, element->key, key_len);
    if (guard_is_interval(element->set))
        put_value(message, NFTA_SET_ELEM_KEY_END, element->key + key_len, key_len);
    else if (guard_schemas[element->set].limit == GUARD_LIMIT_CONNECTIONS)
        put_value(message, NFTA_SET_ELEM_KEY_END, element->key, key_len); /* a range of one, see table.c */
    if (type == NFT_MSG_NEWSETELEM && data_len > 0)
        put_value(message, NFTA_SET_ELEM_DATA, element->data, data_len);
    if (type == NFT_MSG_NEWSETELEM && guard_schemas[element->set].limit)
        put_bucket(message, element);
    if (type == NFT_MSG_NEWSETELEM && element->label && element->label[0])
        nft_put_comment(message, NFTA_SET_ELEM_USERDATA, element->label);
    netlink_nest_end(message, nest);
}

/* One message with as many of the @count elements as belong to one set and fit. Returns how many those were. */
static size_t put_elements(struct netlink_message *message, uint16_t type, uint16_t flags,
                           const struct guard_element *elements, size_t count)
{
    enum guard_set set = elements[0].set;
    size_t i, nest;

    nft_message_begin(message, type, flags, nft_protocol(guard_schemas[set].family));
    netlink_put_text(message, NFTA_SET_ELEM_LIST_TABLE, guard_tables[guard_schemas[set].family].name);
    netlink_put_text(message, NFTA_SET_ELEM_LIST_SET, guard_schemas[set].name);
    nest = netlink_nest_begin(message, NFTA_SET_ELEM_LIST_ELEMENTS);
    for (i = 0; i < count && elements[i].set == set && message->len - nest < ELEMENTS_BYTES_MAX; i++)
        put_element(message, type, &elements[i]);
    netlink_nest_end(message, nest);
    return i;
}

static void change_elements(struct nft_transaction *transaction, uint16_t type, uint16_t flags,
                            const struct guard_element *elements, size_t count)
{
    transaction->change_count += count;
    while (count > 0 && !transaction->message.failure) {
        size_t done = put_elements(&transaction->message, type, flags, elements, count);

        elements += done;
        count -= done;
    }
}

void nft_elements_add(struct nft_transaction *transaction, const struct guard_element *elements, size_t count)
{
    change_elements(transaction, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, elements, count);
}

/* NFT_MSG_DESTROYSETELEM would not mind one that is gone, but Linux before 6.3 does not have it. */
void nft_elements_delete(struct nft_transaction *transaction, const struct guard_element *elements, size_t count)
{
    change_elements(transaction, NFT_MSG_DELSETELEM, 0, elements, count);
}

/* ---- looking one up ---- */

static int note_answer(const struct nlmsghdr *message, void *data)
{
    (void)message;
    (void)data;
    return 0;
}

static int find_element(struct netlink *netlink, const struct guard_element *element, struct tapnet_error *error)
{
    cleanup(netlink_message_fini) struct netlink_message message = {0};

    put_elements(&message, NFT_MSG_GETSETELEM, 0, element, 1);
    return netlink_query(netlink, &message, note_answer, NULL, error);
}

int nft_elements_find(struct netlink *netlink, struct guard_element *elements, size_t *count,
                      struct tapnet_error *error)
{
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        struct tapnet_error refusal = TAPNET_ERROR_INIT;
        int result = find_element(netlink, &elements[i], &refusal);

        if (result < 0 && result != -ENOENT)
            return error_set(error, result, "%s", refusal.text);
        if (result == 0)
            elements[kept++] = elements[i];
    }
    *count = kept;
    return 0;
}

/* ---- decode ---- */

/* The set of ours with @name in the table of @family, or GUARD_SET_COUNT. */
static enum guard_set find_set(const char *name, enum guard_family family)
{
    for (enum guard_set set = 0; set < GUARD_SET_COUNT; set++)
        if (guard_schemas[set].family == family && strcmp(guard_schemas[set].name, name) == 0)
            return set;
    return GUARD_SET_COUNT;
}

/* Copies a value of exactly @len bytes; false when @attribute is something else. */
static bool get_value(const struct nlattr *attribute, uint8_t *bytes, size_t len)
{
    const struct nlattr *table[NFTA_DATA_MAX + 1];

    if (!attribute || netlink_parse_nest(attribute, table, NFTA_DATA_MAX) < 0 || !table[NFTA_DATA_VALUE])
        return false;
    return mnl_attr_get_payload_len(table[NFTA_DATA_VALUE]) == len &&
           netlink_get_bytes(table[NFTA_DATA_VALUE], bytes, len);
}

/* Names must end inside their field: they are handed out as strings. */
static bool names_end(const struct guard_element *element)
{
    size_t len = guard_field_len(GUARD_FIELD_IFNAME);
    const uint8_t *field = element->key;

    for (int i = 0; i < GUARD_FIELDS_MAX && guard_schemas[element->set].key[i]; i++) {
        enum guard_field type = guard_schemas[element->set].key[i];

        if (type == GUARD_FIELD_IFNAME && field[len - 1] != '\0')
            return false;
        field += guard_field_room(type);
    }
    return true;
}

#define DATA_MAX NFTA_LIMIT_MAX /* of all expressions that elements have, it has the most attributes */
_Static_assert(DATA_MAX >= NFTA_COUNTER_MAX && DATA_MAX >= NFTA_CONNLIMIT_MAX, "their attributes fit");

/* A bucket that goes the other way round, or by another unit, is none of ours: it stays a limit of nothing. */
static void get_bucket(const struct nlattr *const data[DATA_MAX + 1], struct guard_element *ret)
{
    bool bytes = guard_schemas[ret->set].limit == GUARD_LIMIT_BYTES;

    if (be32toh(netlink_get_u32(data[NFTA_LIMIT_FLAGS])) == NFT_LIMIT_F_INV &&
        be64toh(netlink_get_u64(data[NFTA_LIMIT_UNIT])) == 1 &&
        be32toh(netlink_get_u32(data[NFTA_LIMIT_TYPE])) == (bytes ? NFT_LIMIT_PKT_BYTES : NFT_LIMIT_PKTS))
        guard_set_limit(ret, be64toh(netlink_get_u64(data[NFTA_LIMIT_RATE])),
                        be32toh(netlink_get_u32(data[NFTA_LIMIT_BURST])));
}

/* What the element counts, or limits. */
static void get_expression(const struct nlattr *expression, struct guard_element *ret)
{
    const struct nlattr *table[NFTA_EXPR_MAX + 1], *data[DATA_MAX + 1];
    enum guard_limit limit = guard_schemas[ret->set].limit;
    const char *name;

    if (!expression || netlink_parse_nest(expression, table, NFTA_EXPR_MAX) < 0)
        return;
    name = netlink_get_text(table[NFTA_EXPR_NAME]);
    if (!name || !table[NFTA_EXPR_DATA] || netlink_parse_nest(table[NFTA_EXPR_DATA], data, DATA_MAX) < 0)
        return;
    if (strcmp(name, "counter") == 0)
        ret->packets = be64toh(netlink_get_u64(data[NFTA_COUNTER_PACKETS]));
    else if (strcmp(name, "limit") == 0 && (limit == GUARD_LIMIT_PACKETS || limit == GUARD_LIMIT_BYTES))
        get_bucket(data, ret);
    else if (strcmp(name, "connlimit") == 0 && limit == GUARD_LIMIT_CONNECTIONS &&
             be32toh(netlink_get_u32(data[NFTA_CONNLIMIT_FLAGS])) == NFT_CONNLIMIT_F_INV)
        guard_set_limit(ret, be32toh(netlink_get_u32(data[NFTA_CONNLIMIT_COUNT])), 0);
}

/* 0 with @ret filled, or -ENOENT when it is no element that we could have made. */
static int decode_element(const struct nlattr *nest, enum guard_set set, struct guard_element *ret)
{
    const struct nlattr *table[NFTA_SET_ELEM_MAX + 1];
    size_t key_len = guard_end_len(set);
    const char *label;

    *ret = (struct guard_element){.set = set};
    if (netlink_parse_nest(nest, table, NFTA_SET_ELEM_MAX) < 0)
        return -EBADMSG;
    if (!get_value(table[NFTA_SET_ELEM_KEY], ret->key, key_len) || !names_end(ret))
        return -ENOENT;
    if (guard_is_interval(set) && !get_value(table[NFTA_SET_ELEM_KEY_END], ret->key + key_len, key_len))
        return -ENOENT;
    if (table[NFTA_SET_ELEM_DATA] && !get_value(table[NFTA_SET_ELEM_DATA], ret->data, guard_data_len(set)))
        return -ENOENT;
    label = nft_user_data_find_text(table[NFTA_SET_ELEM_USERDATA], NFT_USER_DATA_COMMENT);
    ret->label = label ? label : "";
    get_expression(table[NFTA_SET_ELEM_EXPR], ret);
    return 0;
}

int nft_element_decode(const struct nlmsghdr *message, enum guard_family family, nft_element_reader *reader, void *data)
{
    const struct nlattr *table[NFTA_SET_ELEM_LIST_MAX + 1];
    struct nft_attributes row;
    const char *name;
    enum guard_set set;

    if (nft_message_parse(message, table, NFTA_SET_ELEM_LIST_MAX) < 0)
        return -EBADMSG;
    name = netlink_get_text(table[NFTA_SET_ELEM_LIST_SET]);
    set = name ? find_set(name, family) : GUARD_SET_COUNT;
    if (set == GUARD_SET_COUNT || !table[NFTA_SET_ELEM_LIST_ELEMENTS])
        return 0;
    row = nft_attributes_inside(table[NFTA_SET_ELEM_LIST_ELEMENTS]);
    for (const struct nlattr *nest = nft_attributes_first(row); nest; nest = nft_attributes_next(row, nest)) {
        struct guard_element element;
        int r = decode_element(nest, set, &element);

        if (r == 0)
            r = reader(&element, data);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    return 0;
}
