/* SPDX-License-Identifier: MIT */
/* Frames the changes of one transaction as a batch, commits it, and says what the kernel refused. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "nft/element.h"
#include "nft/message.h"
#include "rules/rules.h"

static void frame(struct netlink_message *message, uint16_t type)
{
    const struct nfgenmsg header = {
        .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};

    netlink_begin(message, type, 0, &header, sizeof(header));
}

void nft_transaction_init(struct nft_transaction *transaction)
{
    *transaction = (struct nft_transaction){0};
    netlink_message_init(&transaction->message);
    frame(&transaction->message, NFNL_MSG_BATCH_BEGIN);
}

void nft_transaction_fini(struct nft_transaction *transaction)
{
    netlink_message_fini(&transaction->message);
}

void nft_transaction_expect(struct nft_transaction *transaction, uint32_t generation)
{
    netlink_put_be32(&transaction->message, NFNL_BATCH_GENID, generation);
}

/* ---- what was refused ---- */

static const struct nlmsghdr *message_at(const struct netlink_message *message, size_t index)
{
    size_t offset = 0;

    while (offset < message->len) {
        const struct nlmsghdr *header = (const void *)(message->bytes + offset);

        if (index-- == 0)
            return header;
        offset += NLMSG_ALIGN(header->nlmsg_len);
    }
    return NULL;
}

#define TABLE_NAME 1 /* of a table, and what a chain, set or rule is in: NFTA_RULE_TABLE and its like */

static enum guard_family message_family(const struct nlmsghdr *message)
{
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *table[NFTA_RULE_MAX + 1];
    const char *name = nft_message_parse(message, table, NFTA_RULE_MAX) < 0 ? NULL
                                                                            : netlink_get_text(table[TABLE_NAME]);
    enum guard_family family = GUARD_INET;

    while (name && family < GUARD_FAMILY_COUNT - 1 &&
           (header->nfgen_family != nft_protocol(family) || strcmp(name, guard_tables[family].name) != 0))
        family++;
    return family;
}

static int count_element(const struct guard_element *element, void *data)
{
    (void)element;
    ++*(size_t *)data;
    return 0;
}

static size_t element_count(const struct nlmsghdr *message)
{
    int type = nft_message_type(message);
    size_t count = 0;

    if (type == NFT_MSG_NEWSETELEM || type == NFT_MSG_DELSETELEM)
        nft_element_decode(message, message_family(message), count_element, &count);
    return count;
}

static int copy_element(const struct guard_element *element, void *data)
{
    *(struct guard_element *)data = *element;
    return 0;
}

/* Has the rule with these expressions one of this name? */
static bool has_expression(const struct nlattr *expressions, const char *name)
{
    struct nft_attributes row = nft_attributes_inside(expressions);

    for (const struct nlattr *nest = nft_attributes_first(row); nest; nest = nft_attributes_next(row, nest)) {
        const struct nlattr *table[NFTA_EXPR_MAX + 1];

        if (netlink_parse_nest(nest, table, NFTA_EXPR_MAX) == 0 && table[NFTA_EXPR_NAME] &&
            strcmp(netlink_get_text(table[NFTA_EXPR_NAME]), name) == 0)
            return true;
    }
    return false;
}

/*
 * Says what @message would have changed. Of tables and elements the kernel tells no more than @code; of the rest what
 * it said stays in @error. Messages are ours, hence well formed.
 */
static int name_refused(const struct nlmsghdr *message, int code, struct tapnet_error *error)
{
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *table[NFTA_RULE_MAX + 1];
    const char *ours = guard_tables[message_family(message)].text;
    struct guard_element element = {0};
    char text[GUARD_TEXT_MAX];

    nft_message_parse(message, table, NFTA_RULE_MAX);
    switch (nft_message_type(message)) {
    case NFT_MSG_NEWTABLE:
    case NFT_MSG_DELTABLE:
        return error_set_errno(error, code, "nftables table %s", ours);
    case NFT_MSG_NEWSET:
        return error_prefix(error, code, "nftables set %s %s", ours, netlink_get_text(table[NFTA_SET_NAME]));
    case NFT_MSG_NEWCHAIN:
        return error_prefix(error, code, "nftables chain %s %s", ours, netlink_get_text(table[NFTA_CHAIN_NAME]));
    case NFT_MSG_NEWRULE:
        /* Chains and sets came before it in the same transaction: what is not there is a part of the kernel. */
        if (code == -ENOENT && has_expression(table[NFTA_RULE_EXPRESSIONS], "log"))
            return error_set(error, code,
                             "the kernel has no netfilter log, by which DHCP requests come: "
                             "`modprobe -a nft_log nfnetlink_log`");
        return error_prefix(error, code, "nftables rule \"%s\" of chain %s %s %s",
                            nft_user_data_find_text(table[NFTA_RULE_USERDATA], NFT_USER_DATA_COMMENT),
                            rules_family_name(header->nfgen_family), netlink_get_text(table[NFTA_RULE_TABLE]),
                            netlink_get_text(table[NFTA_RULE_CHAIN]));
    case NFT_MSG_NEWSETELEM:
    case NFT_MSG_DELSETELEM:
        if (element_count(message) != 1)
            return error_set_errno(error, code, "elements of nftables set %s %s", ours,
                                   netlink_get_text(table[NFTA_SET_ELEM_LIST_SET]));
        nft_element_decode(message, message_family(message), copy_element, &element);
        return error_set_errno(error, code, "element %s of nftables set %s", guard_element_print(&element, text),
                               guard_schemas[element.set].name);
    default:
        return error_prefix(error, code, "nftables transaction");
    }
}

/* ---- commit ---- */

/* Copies @message, attribute by attribute, to the end of @to. */
static void copy_message(struct netlink_message *to, const struct nlmsghdr *message)
{
    struct nft_attributes row = nft_attributes_of(message);

    netlink_begin(to, message->nlmsg_type, message->nlmsg_flags, mnl_nlmsg_get_payload(message),
                  sizeof(struct nfgenmsg));
    for (const struct nlattr *a = nft_attributes_first(row); a; a = nft_attributes_next(row, a))
        netlink_put(to, a->nla_type, mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
}

static int put_alone(const struct guard_element *element, void *data)
{
    struct nft_transaction *transaction = data;

    nft_elements_add(transaction, element, 1);
    return 0;
}

static int delete_alone(const struct guard_element *element, void *data)
{
    struct nft_transaction *transaction = data;

    nft_elements_delete(transaction, element, 1);
    return 0;
}

/* The same transaction with a message for each element that was in message @index. */
static void split_message(const struct nft_transaction *transaction, size_t index, struct nft_transaction *split)
{
    const struct nlmsghdr *message;

    netlink_message_init(&split->message);
    for (size_t i = 0; (message = message_at(&transaction->message, i)); i++) {
        if (i != index)
            copy_message(&split->message, message);
        else
            nft_element_decode(message, message_family(message),
                               nft_message_type(message) == NFT_MSG_NEWSETELEM ? put_alone : delete_alone, split);
    }
}

static int send_transaction(struct netlink *netlink, struct nft_transaction *transaction, size_t *ret_failed,
                            struct tapnet_error *error)
{
    return netlink_batch(netlink, &transaction->message, ret_failed, error);
}

/*
 * How it works: only the last change asks for an ack, since the kernel takes all or none. It tells which message it
 * has refused, but not which of the elements in it. So a refused message with several is sent once more, element by
 * element, which changes nothing either, and then the element has a name. Should the kernel have changed its mind in
 * between (somebody else made room), all the better.
 */
int nft_commit(struct netlink *netlink, struct nft_transaction *transaction, struct tapnet_error *error)
{
    cleanup(nft_transaction_fini) struct nft_transaction split = {0};
    struct netlink_message *message = &transaction->message;
    const struct nlmsghdr *refused;
    size_t failed = SIZE_MAX;
    int r;

    if (transaction->change_count == 0)
        return 0;
    if (!message->failure)
        ((struct nlmsghdr *)(void *)(message->bytes + message->start))->nlmsg_flags |= NLM_F_ACK;
    frame(message, NFNL_MSG_BATCH_END);
    r = send_transaction(netlink, transaction, &failed, error);
    if (r < 0 && failed != SIZE_MAX && element_count(message_at(message, failed)) > 1) {
        split_message(transaction, failed, &split);
        message = &split.message;
        failed = SIZE_MAX;
        r = send_transaction(netlink, &split, &failed, error);
    }
    if (r == 0)
        return 0;
    refused = failed == SIZE_MAX ? NULL : message_at(message, failed);
    return refused ? name_refused(refused, r, error) : error_prefix(error, r, "nftables transaction");
}
