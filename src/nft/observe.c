/* SPDX-License-Identifier: MIT */
/* Reads our tables and their elements back from the kernel. */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nft/compare.h"
#include "nft/element.h"
#include "nft/message.h"
#include "nft/table.h"

#define ATTEMPTS 10

/*
 * How it works: what is expected is the transaction that makes the table, message by message. Each object of the
 * kernel's dumps must match the one of the same name, and a rule the one of the same chain at the same place; the
 * counts must agree. So a rule that was added, deleted, moved or replaced is seen, and so is a table of another
 * version of tapnet: it has other rules, or the same.
 */
struct observation {
    enum guard_family family;
    const struct netlink_message *expected;
    int type;             /* of the objects of this dump: NFT_MSG_NEWSET, ... */
    uint16_t table, name; /* attributes with the names of an object's table and of itself; a rule's is its chain's */
    size_t seen;
    char chain[NFT_NAME_MAXLEN]; /* rules: whose they are now, and how many of it were seen */
    size_t chain_seen;
    bool ours, differs;
};

/* The text of @attribute in @message, or "". */
static const char *text_of(const struct nlmsghdr *message, uint16_t attribute)
{
    const struct nlattr *table[NFTA_RULE_MAX + NFTA_SET_MAX];
    const char *text;

    if (nft_message_parse(message, table, attribute) < 0)
        return "";
    text = netlink_get_text(table[attribute]);
    return text ? text : "";
}

static const struct nlmsghdr *message_behind(const struct netlink_message *row, const struct nlmsghdr *message)
{
    const uint8_t *next = message ? (const uint8_t *)message + NLMSG_ALIGN(message->nlmsg_len) : row->bytes;

    return next < row->bytes + row->len ? (const void *)next : NULL;
}

/* The expected message that is number @skip of those with @name, or NULL. */
static const struct nlmsghdr *find_expected(const struct observation *observation, const char *name, size_t skip)
{
    const struct nlmsghdr *message = NULL;

    while ((message = message_behind(observation->expected, message)))
        if (nft_message_type(message) == observation->type && strcmp(text_of(message, observation->name), name) == 0 &&
            skip-- == 0)
            return message;
    return NULL;
}

static size_t count_expected(const struct observation *observation)
{
    const struct nlmsghdr *message = NULL;
    size_t count = 0;

    while ((message = message_behind(observation->expected, message)))
        count += nft_message_type(message) == observation->type;
    return count;
}

/* Rules come chain by chain, each chain's in their order. Returns how many of this rule's chain came before it. */
static size_t place_in_chain(struct observation *observation, const char *chain)
{
    if (strcmp(observation->chain, chain) != 0) {
        snprintf(observation->chain, sizeof(observation->chain), "%s", chain);
        observation->chain_seen = 0;
    }
    return observation->chain_seen++;
}

static int read_object(const struct nlmsghdr *message, void *data)
{
    struct observation *observation = data;
    const struct nlmsghdr *expected;
    const char *name;

    if (nft_message_type(message) != observation->type ||
        strcmp(text_of(message, observation->table), guard_tables[observation->family].name) != 0)
        return 0;
    observation->seen++;
    name = text_of(message, observation->name);
    expected = find_expected(observation, name,
                             observation->type == NFT_MSG_NEWRULE ? place_in_chain(observation, name) : 0);
    if (!expected || !nft_message_matches(expected, message, observation->type))
        observation->differs = true;
    return 0;
}

static void restart_objects(void *data)
{
    struct observation *observation = data;

    observation->seen = observation->chain_seen = 0;
    observation->chain[0] = '\0';
    observation->differs = false;
}

/* Dumps all objects of one type (@request asks for them, of our table where the kernel can filter) and compares. */
static int observe_objects(struct netlink *netlink, struct observation *observation, uint16_t request,
                           struct tapnet_error *error)
{
    cleanup(netlink_message_fini) struct netlink_message message = {0};
    int r;

    nft_message_begin(&message, request, 0, nft_protocol(observation->family));
    if (request != NFT_MSG_GETCHAIN)
        netlink_put_text(&message, observation->table, guard_tables[observation->family].name);
    r = netlink_dump(netlink, &message, read_object, restart_objects, observation, error);
    if (r == 0 && observation->seen != count_expected(observation))
        observation->differs = true;
    return r;
}

static int read_table(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *table[NFTA_TABLE_MAX + 1];
    struct observation *observation = data;
    const char *comment;

    if (nft_message_parse(message, table, NFTA_TABLE_MAX) < 0)
        return -EBADMSG;
    comment = nft_user_data_find_text(table[NFTA_TABLE_USERDATA], NFT_USER_DATA_COMMENT);
    observation->ours = comment && strncmp(comment, NFT_TABLE_MARK, strlen(NFT_TABLE_MARK)) == 0;
    return read_object(message, data);
}

/* 0, or -ENOENT (without a sentence) when there is no such table. */
static int observe_table(struct netlink *netlink, struct observation *observation, struct tapnet_error *error)
{
    cleanup(netlink_message_fini) struct netlink_message message = {0};
    struct tapnet_error refusal = {0};
    int r;

    observation->type = NFT_MSG_NEWTABLE;
    observation->table = observation->name = NFTA_TABLE_NAME;
    nft_message_begin(&message, NFT_MSG_GETTABLE, 0, nft_protocol(observation->family));
    netlink_put_text(&message, NFTA_TABLE_NAME, guard_tables[observation->family].name);
    r = netlink_query(netlink, &message, read_table, observation, &refusal);
    if (r < 0 && r != -ENOENT)
        return error_set(error, r, "%s", refusal.text);
    return r;
}

static int observe_all(struct netlink *netlink, struct observation *observation, enum nft_table_state *ret,
                       struct tapnet_error *error)
{
    static const struct {
        uint16_t request, type, table, name;
    } kinds[] = {
        {NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME},
        {NFT_MSG_GETSET, NFT_MSG_NEWSET, NFTA_SET_TABLE, NFTA_SET_NAME},
        {NFT_MSG_GETRULE, NFT_MSG_NEWRULE, NFTA_RULE_TABLE, NFTA_RULE_CHAIN},
    };
    int r = observe_table(netlink, observation, error);

    for (size_t i = 0; r == 0 && observation->ours && !observation->differs && i < sizeof(kinds) / sizeof(*kinds);
         i++) {
        observation->type = kinds[i].type;
        observation->table = kinds[i].table;
        observation->name = kinds[i].name;
        r = observe_objects(netlink, observation, kinds[i].request, error);
    }
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == -ENOENT)
        *ret = NFT_TABLE_ABSENT;
    else if (!observation->ours)
        *ret = NFT_TABLE_FOREIGN;
    else
        *ret = observation->differs ? NFT_TABLE_DIFFERS : NFT_TABLE_INTACT;
    return 0;
}

int nft_table_observe(struct netlink *netlink, enum guard_family family, enum nft_table_state *ret,
                      struct tapnet_error *error)
{
    cleanup(nft_transaction_fini) struct nft_transaction expected = {0};
    struct observation observation = {.family = family, .expected = &expected.message};
    int r;

    nft_transaction_init(&expected);
    nft_table_add(&expected, family);
    r = expected.message.failure;
    if (r < 0)
        return error_set_errno(error, r, "nftables table %s", guard_tables[family].text);
    r = observe_all(netlink, &observation, ret, error);
    if (r < 0)
        return error_prefix(error, r, "nftables table %s", guard_tables[family].text);
    return 0;
}

/* ---- elements ---- */

struct element_dump {
    enum guard_family family;
    nft_element_reader *reader;
    void *data;
    unsigned attempt; /* of the dump of this set */
};

static int read_elements(const struct nlmsghdr *message, void *data)
{
    const struct element_dump *dump = data;

    if (dump->attempt > 1)
        return -EAGAIN;
    if (nft_message_type(message) != NFT_MSG_NEWSETELEM)
        return 0;
    return nft_element_decode(message, dump->family, dump->reader, dump->data);
}

static void restart_elements(void *data)
{
    ((struct element_dump *)data)->attempt++;
}

/* 0; -ENOENT: there is no such set, or no table; -EAGAIN: interrupted, and the reader has been given a part. */
static int dump_set(struct netlink *netlink, struct element_dump *dump, enum guard_set set, struct tapnet_error *error)
{
    cleanup(netlink_message_fini) struct netlink_message message = {0};
    int r;

    dump->attempt = 0;
    nft_message_begin(&message, NFT_MSG_GETSETELEM, 0, nft_protocol(dump->family));
    netlink_put_text(&message, NFTA_SET_ELEM_LIST_TABLE, guard_tables[dump->family].name);
    netlink_put_text(&message, NFTA_SET_ELEM_LIST_SET, guard_schemas[set].name);
    r = netlink_dump(netlink, &message, read_elements, restart_elements, dump, error);
    return r == 0 && dump->attempt > 1 ? -EAGAIN : r;
}

static int read_generation(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *table[NFTA_GEN_MAX + 1];

    if (nft_message_parse(message, table, NFTA_GEN_MAX) < 0)
        return -EBADMSG;
    *(uint32_t *)data = be32toh(netlink_get_u32(table[NFTA_GEN_ID]));
    return 0;
}

int nft_generation(struct netlink *netlink, uint32_t *ret, struct tapnet_error *error)
{
    cleanup(netlink_message_fini) struct netlink_message message = {0};

    nft_message_begin(&message, NFT_MSG_GETGEN, 0, NFPROTO_UNSPEC);
    return netlink_query(netlink, &message, read_generation, ret, error);
}

int nft_check_right(struct netlink *netlink, struct tapnet_error *error)
{
    uint32_t generation;

    return nft_generation(netlink, &generation, error); /* nfnetlink_rcv() wants the right for any request */
}

/* -EAGAIN when anything changed meanwhile: the kernel marks an interrupted dump of chains or rules, not of elements. */
static int dump_sets(struct netlink *netlink, struct element_dump *dump, struct tapnet_error *error)
{
    uint32_t before, after;
    int r = nft_generation(netlink, &before, error);

    for (enum guard_set set = 0; r == 0 && set < GUARD_SET_COUNT; set++) {
        if (guard_schemas[set].family == dump->family)
            r = dump_set(netlink, dump, set, error);
        if (r == -ENOENT)
            r = 0;
    }
    if (r == 0)
        r = nft_generation(netlink, &after, error);
    return r == 0 && before != after ? -EAGAIN : r;
}

/* One request a set. An interrupted one starts all of them again: what the reader has, it must forget as a whole. */
int nft_elements_observe(struct netlink *netlink, enum guard_family family, nft_element_reader *reader,
                         netlink_restart *restart, void *data, struct tapnet_error *error)
{
    struct element_dump dump = {.family = family, .reader = reader, .data = data};
    struct tapnet_error refusal = {0};
    int r = -EAGAIN;

    for (int attempt = 0; r == -EAGAIN && attempt < ATTEMPTS; attempt++) {
        if (restart)
            restart(data);
        r = dump_sets(netlink, &dump, &refusal);
    }
    if (r == -EAGAIN)
        return error_set(error, r, "elements of nftables table %s changed under %d attempts to read them",
                         guard_tables[family].text, ATTEMPTS);
    if (r < 0)
        return error_set(error, r, "elements of nftables table %s: %s", guard_tables[family].text,
                         refusal.text[0] ? refusal.text : strerrordesc_np(-r));
    return 0;
}
