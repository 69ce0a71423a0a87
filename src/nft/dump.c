/* SPDX-License-Identifier: MIT */
/* Reads every table of the network namespace, whoever made it. */
#include "nft/dump.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "nft/message.h"
#include "nft/nft.h"

#define ATTEMPTS 10

/* ---- attributes ---- */

const char *nft_dump_text(struct rules_ruleset *ruleset, const struct nlattr *attribute)
{
    const char *text = netlink_get_text(attribute);

    return arena_strdup(&ruleset->arena, text ? text : "");
}

uint32_t nft_dump_number(const struct nlattr *attribute)
{
    return ntohl(netlink_get_u32(attribute));
}

int nft_dump_bytes(struct rules_ruleset *ruleset, const struct nlattr *nest, const uint8_t **ret, size_t *ret_len)
{
    const struct nlattr *data[NFTA_DATA_MAX + 1];
    uint8_t *bytes;
    size_t len;

    *ret = NULL;
    *ret_len = 0;
    if (!nest || netlink_parse_nest(nest, data, NFTA_DATA_MAX) < 0 || !data[NFTA_DATA_VALUE])
        return 0;
    len = mnl_attr_get_payload_len(data[NFTA_DATA_VALUE]);
    if (len > RULES_REGISTER_BYTES)
        return 0;
    bytes = arena_alloc(&ruleset->arena, len ? len : 1);
    if (!bytes)
        return -ENOMEM;
    memcpy(bytes, mnl_attr_get_payload(data[NFTA_DATA_VALUE]), len);
    *ret = bytes;
    *ret_len = len;
    return 0;
}

static enum rules_verdict verdict_of(int code)
{
    switch (code) {
    case NF_ACCEPT:
        return RULES_ACCEPT;
    case NFT_JUMP:
        return RULES_JUMP;
    case NFT_GOTO:
        return RULES_GOTO;
    case NFT_RETURN:
        return RULES_RETURN;
    case NFT_CONTINUE:
        return RULES_CONTINUE;
    default:
        return (code & NF_VERDICT_MASK) == NF_QUEUE ? RULES_QUEUE : RULES_DROP;
    }
}

bool nft_dump_verdict(struct rules_ruleset *ruleset, const struct nlattr *nest, enum rules_verdict *ret,
                      const char **ret_chain)
{
    const struct nlattr *data[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];

    if (!nest || netlink_parse_nest(nest, data, NFTA_DATA_MAX) < 0 || !data[NFTA_DATA_VERDICT] ||
        netlink_parse_nest(data[NFTA_DATA_VERDICT], verdict, NFTA_VERDICT_MAX) < 0)
        return false;
    *ret = verdict_of((int)nft_dump_number(verdict[NFTA_VERDICT_CODE]));
    *ret_chain = nft_dump_text(ruleset, verdict[NFTA_VERDICT_CHAIN]);
    return true;
}

static uint8_t family_of(const struct nlmsghdr *message)
{
    return ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family;
}

/* ---- tables ---- */

/* Only those that are switched off are kept: nothing meets their chains. */
int nft_dump_add_table(const struct nlmsghdr *message, struct rules_ruleset *ruleset)
{
    const struct nlattr *table[NFTA_TABLE_MAX + 1];
    struct rules_table dormant;
    int result;

    if (nft_message_parse(message, table, NFTA_TABLE_MAX) < 0)
        return -EBADMSG;
    if (!(nft_dump_number(table[NFTA_TABLE_FLAGS]) & NFT_TABLE_F_DORMANT))
        return 0;
    dormant = (struct rules_table){family_of(message), nft_dump_text(ruleset, table[NFTA_TABLE_NAME])};
    if (!dormant.name)
        return -ENOMEM;
    result = array_reserve((void **)&ruleset->dormant, &ruleset->dormant_capacity, ruleset->dormant_count, 1,
                           sizeof(*ruleset->dormant));
    if (result == 0)
        ruleset->dormant[ruleset->dormant_count++] = dormant;
    return result;
}

static bool is_dormant(const struct rules_ruleset *ruleset, const struct rules_chain *chain)
{
    for (size_t i = 0; i < ruleset->dormant_count; i++)
        if (ruleset->dormant[i].family == chain->family && strcmp(ruleset->dormant[i].name, chain->table) == 0)
            return true;
    return false;
}

static bool is_left_out(const struct rules_ruleset *ruleset, const char *table)
{
    return ruleset->without_ours && guard_is_table(table);
}

/* ---- chains ---- */

/* The devices of a chain at ingress, one or a list of them, with spaces between; NULL: no memory. */
static const char *read_devices(struct rules_ruleset *ruleset, const struct nlattr *one, const struct nlattr *list)
{
    const char *devices = nft_dump_text(ruleset, one);
    struct nft_attributes row = {NULL, 0};

    if (list)
        row = nft_attributes_inside(list);
    for (const struct nlattr *each = nft_attributes_first(row); each && devices;
         each = nft_attributes_next(row, each)) {
        const char *name = netlink_get_text(each);

        if (name)
            devices = arena_printf(&ruleset->arena, "%s%s%s", devices, *devices ? " " : "", name);
    }
    return devices;
}

/* Hooks have numbers of their own in netdev; inet has ingress, too, behind those that it shares with ip. */
static enum rules_hook hook_of(uint8_t family, uint32_t number)
{
    if (family == RULES_NETDEV)
        return number == NF_NETDEV_EGRESS ? RULES_EGRESS : RULES_INGRESS;
    return number <= RULES_INGRESS ? (enum rules_hook)number : RULES_NO_HOOK;
}

static int read_hook(const struct nlattr *nest, struct rules_ruleset *ruleset, struct rules_chain *chain)
{
    const struct nlattr *hook[NFTA_HOOK_MAX + 1];

    if (netlink_parse_nest(nest, hook, NFTA_HOOK_MAX) < 0)
        return -EBADMSG;
    chain->hook = hook_of(chain->family, nft_dump_number(hook[NFTA_HOOK_HOOKNUM]));
    chain->priority = (int)nft_dump_number(hook[NFTA_HOOK_PRIORITY]);
    chain->device = read_devices(ruleset, hook[NFTA_HOOK_DEV], hook[NFTA_HOOK_DEVS]);
    return chain->device ? 0 : -ENOMEM;
}

int nft_dump_add_chain(const struct nlmsghdr *message, struct rules_ruleset *ruleset)
{
    const struct nlattr *table[NFTA_CHAIN_MAX + 1];
    struct rules_chain chain = {.hook = RULES_NO_HOOK, .device = ""};
    int result = 0;

    if (nft_message_parse(message, table, NFTA_CHAIN_MAX) < 0)
        return -EBADMSG;
    chain.family = family_of(message);
    chain.table = nft_dump_text(ruleset, table[NFTA_CHAIN_TABLE]);
    chain.name = nft_dump_text(ruleset, table[NFTA_CHAIN_NAME]);
    chain.type = nft_dump_text(ruleset, table[NFTA_CHAIN_TYPE]);
    chain.drops = table[NFTA_CHAIN_POLICY] && nft_dump_number(table[NFTA_CHAIN_POLICY]) == NF_DROP;
    if (!chain.table || !chain.name || !chain.type)
        return -ENOMEM;
    if (is_left_out(ruleset, chain.table))
        return 0;
    if (table[NFTA_CHAIN_HOOK] && !is_dormant(ruleset, &chain))
        result = read_hook(table[NFTA_CHAIN_HOOK], ruleset, &chain);
    if (result == 0)
        result = array_reserve((void **)&ruleset->chains, &ruleset->chain_capacity, ruleset->chain_count, 1,
                               sizeof(*ruleset->chains));
    if (result == 0)
        ruleset->chains[ruleset->chain_count++] = chain;
    return result;
}

/* ---- rules ---- */

/* Rules come chain by chain: the last rule's chain is looked at first. */
static struct rules_chain *chain_of(const struct nlattr **table, uint8_t family, struct rules_ruleset *ruleset)
{
    const char *name = netlink_get_text(table[NFTA_RULE_CHAIN]), *owner = netlink_get_text(table[NFTA_RULE_TABLE]);
    struct rules_chain *chain = ruleset->last < ruleset->chain_count ? &ruleset->chains[ruleset->last] : NULL;

    if (!name || !owner)
        return NULL;
    if (!chain || chain->family != family || strcmp(chain->name, name) != 0 || strcmp(chain->table, owner) != 0)
        chain = rules_find_chain(ruleset, family, owner, name);
    if (chain)
        ruleset->last = (size_t)(chain - ruleset->chains);
    return chain;
}

int nft_dump_add_rule(const struct nlmsghdr *message, struct rules_ruleset *ruleset)
{
    const struct nlattr *table[NFTA_RULE_MAX + 1];
    struct rules_chain *chain;
    struct rules_rule rule = {.comment = ""};
    const char *comment;
    int result;

    if (nft_message_parse(message, table, NFTA_RULE_MAX) < 0)
        return -EBADMSG;
    chain = chain_of(table, family_of(message), ruleset);
    if (!chain)
        return 0;
    rule.handle = be64toh(netlink_get_u64(table[NFTA_RULE_HANDLE]));
    comment = nft_user_data_find_text(table[NFTA_RULE_USERDATA], NFT_USER_DATA_COMMENT);
    rule.comment = arena_strdup(&ruleset->arena, comment ? comment : "");
    if (!rule.comment)
        return -ENOMEM;
    result = nft_dump_steps(ruleset, table[NFTA_RULE_EXPRESSIONS], &rule);
    if (result == 0)
        result = array_reserve((void **)&chain->rules, &chain->rule_capacity, chain->rule_count, 1,
                               sizeof(*chain->rules));
    if (result == 0)
        chain->rules[chain->rule_count++] = rule;
    return result;
}

/* ---- sets ---- */

/* The lengths of a concatenation's fields, in NFTA_SET_DESC. */
static void read_fields(const struct nlattr *description, struct rules_set *set)
{
    const struct nlattr *parts[NFTA_SET_DESC_MAX + 1], *field[NFTA_SET_FIELD_MAX + 1];
    struct nft_attributes row;

    if (!description || netlink_parse_nest(description, parts, NFTA_SET_DESC_MAX) < 0 || !parts[NFTA_SET_DESC_CONCAT])
        return;
    row = nft_attributes_inside(parts[NFTA_SET_DESC_CONCAT]);
    for (const struct nlattr *each = nft_attributes_first(row); each && set->field_count < RULES_FIELDS_MAX;
         each = nft_attributes_next(row, each))
        if (netlink_parse_nest(each, field, NFTA_SET_FIELD_MAX) == 0)
            set->fields[set->field_count++] = (uint8_t)nft_dump_number(field[NFTA_SET_FIELD_LEN]);
}

int nft_dump_add_set(const struct nlmsghdr *message, struct rules_ruleset *ruleset)
{
    const struct nlattr *table[NFTA_SET_MAX + 1];
    struct rules_set set = {.family = family_of(message)};
    uint32_t key_len, data_len;
    int result;

    if (nft_message_parse(message, table, NFTA_SET_MAX) < 0)
        return -EBADMSG;
    key_len = nft_dump_number(table[NFTA_SET_KEY_LEN]);
    data_len = nft_dump_number(table[NFTA_SET_DATA_LEN]);
    if (key_len > RULES_REGISTER_BYTES || data_len > RULES_REGISTER_BYTES)
        return -EBADMSG;
    set.key_len = (uint8_t)key_len;
    set.data_len = (uint8_t)data_len;
    set.ranges = nft_dump_number(table[NFTA_SET_FLAGS]) & NFT_SET_INTERVAL;
    set.table = nft_dump_text(ruleset, table[NFTA_SET_TABLE]);
    set.name = nft_dump_text(ruleset, table[NFTA_SET_NAME]);
    read_fields(table[NFTA_SET_DESC], &set);
    if (!set.table || !set.name)
        return -ENOMEM;
    if (is_left_out(ruleset, set.table))
        return 0;
    result = array_reserve((void **)&ruleset->sets, &ruleset->set_capacity, ruleset->set_count, 1,
                           sizeof(*ruleset->sets));
    if (result == 0)
        ruleset->sets[ruleset->set_count++] = set;
    return result;
}

/* *ret_len bytes of an element's key; -EBADMSG when they are not as many as the set's. */
static int read_key(struct rules_ruleset *ruleset, const struct rules_set *set, const struct nlattr *nest,
                    const uint8_t **ret)
{
    size_t len;
    int result = nft_dump_bytes(ruleset, nest, ret, &len);

    if (result == 0 && *ret && len != set->key_len)
        return -EBADMSG;
    return result;
}

static int read_data(struct rules_ruleset *ruleset, const struct rules_set *set, const struct nlattr *nest,
                     struct rules_element *element)
{
    size_t len;
    int result;

    if (nft_dump_verdict(ruleset, nest, &element->verdict, &element->chain))
        return element->chain ? 0 : -ENOMEM;
    result = nft_dump_bytes(ruleset, nest, &element->data, &len);
    if (result == 0 && element->data && len != set->data_len)
        return -EBADMSG;
    return result;
}

static int add_element(struct rules_ruleset *ruleset, struct rules_set *set, const struct nlattr *nest)
{
    const struct nlattr *table[NFTA_SET_ELEM_MAX + 1];
    struct rules_element element = {.chain = ""};
    uint32_t flags;
    int result;

    if (netlink_parse_nest(nest, table, NFTA_SET_ELEM_MAX) < 0)
        return -EBADMSG;
    if (nft_dump_is_above_limit(table[NFTA_SET_ELEM_EXPR], table[NFTA_SET_ELEM_EXPRESSIONS]))
        return 0; /* below its limit it is as if it were not there */
    flags = nft_dump_number(table[NFTA_SET_ELEM_FLAGS]);
    element.opens_gap = flags & NFT_SET_ELEM_INTERVAL_END;
    element.catches_all = flags & NFT_SET_ELEM_CATCHALL;
    result = read_key(ruleset, set, table[NFTA_SET_ELEM_KEY], &element.key);
    if (result == 0)
        result = read_key(ruleset, set, table[NFTA_SET_ELEM_KEY_END], &element.end);
    if (result == 0)
        result = read_data(ruleset, set, table[NFTA_SET_ELEM_DATA], &element);
    if (result == 0 && !element.key && !element.catches_all)
        return -EBADMSG;
    if (result == 0)
        result = array_reserve((void **)&set->elements, &set->element_capacity, set->element_count, 1,
                               sizeof(*set->elements));
    if (result == 0)
        set->elements[set->element_count++] = element;
    return result;
}

int nft_dump_add_elements(const struct nlmsghdr *message, struct rules_ruleset *ruleset)
{
    const struct nlattr *table[NFTA_SET_ELEM_LIST_MAX + 1];
    const char *owner, *name;
    struct rules_set *set;
    struct nft_attributes row;
    int result = 0;

    if (nft_message_parse(message, table, NFTA_SET_ELEM_LIST_MAX) < 0)
        return -EBADMSG;
    owner = netlink_get_text(table[NFTA_SET_ELEM_LIST_TABLE]);
    name = netlink_get_text(table[NFTA_SET_ELEM_LIST_SET]);
    set = owner && name ? rules_find_set(ruleset, family_of(message), owner, name) : NULL;
    if (!set || !table[NFTA_SET_ELEM_LIST_ELEMENTS])
        return 0;
    row = nft_attributes_inside(table[NFTA_SET_ELEM_LIST_ELEMENTS]);
    for (const struct nlattr *each = nft_attributes_first(row); each && result == 0;
         each = nft_attributes_next(row, each))
        result = add_element(ruleset, set, each);
    return result;
}

/* ---- the dumps ---- */

struct dump {
    struct rules_ruleset *ruleset;
    int type; /* of the messages that are wanted */
    int (*add)(const struct nlmsghdr *message, struct rules_ruleset *ruleset);
    unsigned attempt;
};

/* The kernel starts again when the ruleset changes meanwhile: what was read is of no use then, all is read again. */
static int read_message(const struct nlmsghdr *message, void *data)
{
    const struct dump *dump = data;

    if (dump->attempt > 1)
        return -EAGAIN;
    return nft_message_type(message) == dump->type ? dump->add(message, dump->ruleset) : 0;
}

static void count_attempt(void *data)
{
    ((struct dump *)data)->attempt++;
}

static int dump_objects(struct netlink *netlink, struct rules_ruleset *ruleset, struct tapnet_error *error)
{
    static const struct {
        uint16_t request;
        int type;
        int (*add)(const struct nlmsghdr *message, struct rules_ruleset *ruleset);
    } kinds[] = {
        {NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, nft_dump_add_table},
        {NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, nft_dump_add_chain},
        {NFT_MSG_GETRULE, NFT_MSG_NEWRULE, nft_dump_add_rule},
        {NFT_MSG_GETSET, NFT_MSG_NEWSET, nft_dump_add_set},
    };
    int result = 0;

    for (size_t i = 0; i < ARRAY_COUNT(kinds) && result == 0; i++) {
        cleanup(netlink_message_fini) struct netlink_message message = {0};
        struct dump dump = {.ruleset = ruleset, .type = kinds[i].type, .add = kinds[i].add};

        nft_message_begin(&message, kinds[i].request, 0, NFPROTO_UNSPEC);
        result = netlink_dump(netlink, &message, read_message, count_attempt, &dump, error);
    }
    return result;
}

/* A set that went meanwhile is one without elements: the rules that look into it are gone, too. */
static int dump_elements(struct netlink *netlink, struct rules_ruleset *ruleset, const struct rules_set *set,
                         struct tapnet_error *error)
{
    cleanup(netlink_message_fini) struct netlink_message message = {0};
    struct dump dump = {.ruleset = ruleset, .type = NFT_MSG_NEWSETELEM, .add = nft_dump_add_elements};
    int result;

    nft_message_begin(&message, NFT_MSG_GETSETELEM, 0, set->family);
    netlink_put_text(&message, NFTA_SET_ELEM_LIST_TABLE, set->table);
    netlink_put_text(&message, NFTA_SET_ELEM_LIST_SET, set->name);
    result = netlink_dump(netlink, &message, read_message, count_attempt, &dump, error);
    return result == -ENOENT ? -EAGAIN : result;
}

/* -EAGAIN when anything changed between the dumps, or under one of elements, which the kernel does not mark. */
static int read_all(struct netlink *netlink, struct rules_ruleset *ruleset, struct tapnet_error *error)
{
    uint32_t before, after;
    int result = nft_generation(netlink, &before, error);

    if (result == 0)
        result = dump_objects(netlink, ruleset, error);
    for (size_t i = 0; i < ruleset->set_count && result == 0; i++)
        result = dump_elements(netlink, ruleset, &ruleset->sets[i], error);
    if (result == 0)
        result = nft_generation(netlink, &after, error);
    return result == 0 && before != after ? -EAGAIN : result;
}

static int read_whole(struct netlink *netlink, bool without_ours, struct rules_ruleset *ret, struct tapnet_error *error)
{
    cleanup(rules_fini) struct rules_ruleset ruleset = {0};
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = -EAGAIN;

    for (int attempt = 0; result == -EAGAIN && attempt < ATTEMPTS; attempt++) {
        rules_fini(&ruleset);
        ruleset.without_ours = without_ours;
        result = read_all(netlink, &ruleset, &refusal);
    }
    if (result < 0)
        return error_set(error, result, "cannot read the nftables ruleset: %s",
                         refusal.text[0] ? refusal.text : strerrordesc_np(-result));
    *ret = ruleset;
    ruleset = (struct rules_ruleset){0};
    return 0;
}

int nft_dump_read(struct netlink *netlink, struct rules_ruleset *ret, struct tapnet_error *error)
{
    return read_whole(netlink, false, ret, error);
}

int nft_dump_read_others(struct netlink *netlink, struct rules_ruleset *ret, struct tapnet_error *error)
{
    return read_whole(netlink, true, ret, error);
}
