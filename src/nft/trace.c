/* SPDX-License-Identifier: MIT */
/* Follows packets by nf_tables' tracing (NFT_MSG_TRACE of linux/netfilter/nf_tables.h). */
#include "nft/trace.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/clock.h"
#include "netlink/notify.h"
#include "nft/dump.h"
#include "nft/message.h"
#include "nft/nft.h"

#define FIRST (-450) /* before raw (-300), where others give connections up */
#define LAST 1000000 /* behind all that others have */
#define DATAGRAM_MAX 16384
#define QUEUE_BYTES (1024 * 1024)

struct nft_trace {
    struct netlink *owner; /* of the tables */
    int events;
};

void nft_trace_close(struct nft_trace *trace)
{
    if (!trace)
        return;
    if (trace->events >= 0)
        close(trace->events);
    netlink_close(trace->owner);
    free(trace);
}

DEFINE_CLEANUP(struct nft_trace *, nft_trace_close)

/* ---- the tables ---- */

static void put_table(struct netlink_message *message, uint8_t family)
{
    nft_message_begin(message, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, family);
    netlink_put_text(message, NFTA_TABLE_NAME, NFT_TRACE_TABLE);
    netlink_put_be32(message, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
}

static void put_chain(struct netlink_message *message, uint8_t family, const char *name, uint32_t hook, int priority)
{
    size_t nest;

    nft_message_begin(message, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, family);
    netlink_put_text(message, NFTA_CHAIN_TABLE, NFT_TRACE_TABLE);
    netlink_put_text(message, NFTA_CHAIN_NAME, name);
    nest = netlink_nest_begin(message, NFTA_CHAIN_HOOK);
    netlink_put_be32(message, NFTA_HOOK_HOOKNUM, hook);
    netlink_put_be32(message, NFTA_HOOK_PRIORITY, (uint32_t)priority);
    netlink_nest_end(message, nest);
    netlink_put_be32(message, NFTA_CHAIN_POLICY, NF_ACCEPT);
    netlink_put_text(message, NFTA_CHAIN_TYPE, "filter");
}

struct expression {
    size_t element, data;
};

static struct expression begin(struct netlink_message *message, const char *name)
{
    struct expression expression = {.element = netlink_nest_begin(message, NFTA_LIST_ELEM)};

    netlink_put_text(message, NFTA_EXPR_NAME, name);
    expression.data = netlink_nest_begin(message, NFTA_EXPR_DATA);
    return expression;
}

static void end(struct netlink_message *message, struct expression expression)
{
    netlink_nest_end(message, expression.data);
    netlink_nest_end(message, expression.element);
}

static void put_compare(struct netlink_message *message, const void *bytes, size_t len)
{
    struct expression compare = begin(message, "cmp");
    size_t nest;

    netlink_put_be32(message, NFTA_CMP_SREG, NFT_REG_1);
    netlink_put_be32(message, NFTA_CMP_OP, NFT_CMP_EQ);
    nest = netlink_nest_begin(message, NFTA_CMP_DATA);
    netlink_put(message, NFTA_DATA_VALUE, bytes, len);
    netlink_nest_end(message, nest);
    end(message, compare);
}

static void put_meta(struct netlink_message *message, uint32_t key, const void *bytes, size_t len)
{
    struct expression meta = begin(message, "meta");

    netlink_put_be32(message, NFTA_META_KEY, key);
    netlink_put_be32(message, NFTA_META_DREG, NFT_REG_1);
    end(message, meta);
    put_compare(message, bytes, len);
}

static void put_payload(struct netlink_message *message, uint32_t header, uint32_t offset, const void *bytes,
                        size_t len)
{
    struct expression payload = begin(message, "payload");

    netlink_put_be32(message, NFTA_PAYLOAD_DREG, NFT_REG_1);
    netlink_put_be32(message, NFTA_PAYLOAD_BASE, header);
    netlink_put_be32(message, NFTA_PAYLOAD_OFFSET, offset);
    netlink_put_be32(message, NFTA_PAYLOAD_LEN, (uint32_t)len);
    end(message, payload);
    put_compare(message, bytes, len);
}

/* meta nftrace set 1 */
static void put_nftrace(struct netlink_message *message)
{
    struct expression constant = begin(message, "immediate"), meta;
    const uint8_t one = 1;
    size_t nest;

    netlink_put_be32(message, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    nest = netlink_nest_begin(message, NFTA_IMMEDIATE_DATA);
    netlink_put(message, NFTA_DATA_VALUE, &one, sizeof(one));
    netlink_nest_end(message, nest);
    end(message, constant);
    meta = begin(message, "meta");
    netlink_put_be32(message, NFTA_META_KEY, NFT_META_NFTRACE);
    netlink_put_be32(message, NFTA_META_SREG, NFT_REG_1);
    end(message, meta);
}

/* @chain: whose packets are looked at. */
static void put_rule(struct netlink_message *message, uint8_t family, const char *chain,
                     const struct nft_trace_match *match)
{
    bool ip6 = match->source.family == AF_INET6;
    const uint16_t type = htons(ip6 ? 0x86dd : 0x0800), id = htons(match->id);
    uint32_t id_offset = match->protocol == IPPROTO_ICMP || match->protocol == IPPROTO_ICMPV6 ? 4 : 0;
    size_t size = ip_family_size(match->source.family), nest;

    nft_message_begin(message, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
    netlink_put_text(message, NFTA_RULE_TABLE, NFT_TRACE_TABLE);
    netlink_put_text(message, NFTA_RULE_CHAIN, chain);
    nest = netlink_nest_begin(message, NFTA_RULE_EXPRESSIONS);
    put_meta(message, NFT_META_PROTOCOL, &type, sizeof(type));
    put_meta(message, NFT_META_L4PROTO, &match->protocol, 1);
    put_payload(message, NFT_PAYLOAD_NETWORK_HEADER, ip6 ? 8 : 12, match->source.bytes, size);
    put_payload(message, NFT_PAYLOAD_NETWORK_HEADER, ip6 ? 24 : 16, match->destination.bytes, size);
    put_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, id_offset, &id, sizeof(id));
    put_nftrace(message);
    netlink_nest_end(message, nest);
}

/* A table of @family: what comes in, or is sent by the host, is marked; at each hook somebody is the last to see it. */
static void put_all(struct nft_transaction *transaction, uint8_t family, const struct nft_trace_match *match)
{
    static const char *const names[] = {"prerouting", "input", "forward", "output", "postrouting"};
    struct netlink_message *message = &transaction->message;

    put_table(message, family);
    put_chain(message, family, "first", NF_INET_PRE_ROUTING, FIRST);
    put_chain(message, family, "first_of_host", NF_INET_LOCAL_OUT, FIRST);
    for (uint32_t hook = 0; hook < ARRAY_COUNT(names); hook++)
        put_chain(message, family, names[hook], hook, LAST);
    put_rule(message, family, "first", match);
    put_rule(message, family, "first_of_host", match);
    transaction->change_count++;
}

static int make_tables(struct netlink *netlink, const struct nft_trace_match *match, struct tapnet_error *error)
{
    cleanup(nft_transaction_fini) struct nft_transaction transaction = {0};
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result;

    nft_transaction_init(&transaction);
    put_all(&transaction, NFPROTO_INET, match);
    put_all(&transaction, NFPROTO_BRIDGE, match);
    result = nft_commit(netlink, &transaction, &refusal);
    if (result == -EEXIST)
        return error_set(error, result, "another trace is at work: nftables has a table " NFT_TRACE_TABLE);
    return result < 0 ? error_set_errno(error, result, "cannot trace") : 0;
}

/* ---- the events ---- */

int nft_trace_open(const struct nft_trace_match *match, struct nft_trace **ret, struct tapnet_error *error)
{
    struct nft_trace *trace cleanup(cleanup_nft_trace_close) = calloc(1, sizeof(*trace));
    const int group = NFNLGRP_NFTRACE;
    int result;

    if (!trace)
        return error_set(error, -ENOMEM, "out of memory");
    trace->events = -1;
    result = netlink_groups_open(NETLINK_NETFILTER, &group, 1, QUEUE_BYTES, &trace->events, error);
    if (result == 0)
        result = netlink_open(NETLINK_NETFILTER, &trace->owner, error);
    if (result == 0)
        result = make_tables(trace->owner, match, error);
    if (result < 0)
        return result;
    *ret = take_pointer(trace);
    return 0;
}

/* What a rule's match leads to, or a policy. */
static enum rules_verdict read_verdict(const struct nlattr *nest)
{
    const struct nlattr *verdict[NFTA_VERDICT_MAX + 1];
    int code;

    if (!nest || netlink_parse_nest(nest, verdict, NFTA_VERDICT_MAX) < 0)
        return RULES_CONTINUE;
    code = (int)nft_dump_number(verdict[NFTA_VERDICT_CODE]);
    switch (code) {
    case NF_ACCEPT:
        return RULES_ACCEPT;
    case NF_DROP:
    case NF_STOLEN:
        return RULES_DROP;
    case NF_QUEUE:
        return RULES_QUEUE;
    default:
        return RULES_CONTINUE;
    }
}

int nft_trace_parse(const struct nlmsghdr *message, struct nft_trace_event *ret)
{
    const struct nlattr *table[NFTA_TRACE_MAX + 1];
    uint32_t type;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
        return -EBADMSG;
    if (nft_message_type(message) != NFT_MSG_TRACE)
        return -ENOMSG;
    if (nft_message_parse(message, table, NFTA_TRACE_MAX) < 0 || !netlink_get_text(table[NFTA_TRACE_TABLE]) ||
        !netlink_get_text(table[NFTA_TRACE_CHAIN]))
        return -EBADMSG;
    type = nft_dump_number(table[NFTA_TRACE_TYPE]);
    *ret = (struct nft_trace_event){
        .family = ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family,
        .table = netlink_get_text(table[NFTA_TRACE_TABLE]),
        .chain = netlink_get_text(table[NFTA_TRACE_CHAIN]),
        .handle = be64toh(netlink_get_u64(table[NFTA_TRACE_RULE_HANDLE])),
        .out_index = (int)nft_dump_number(table[NFTA_TRACE_OIF]),
        .verdict = read_verdict(table[NFTA_TRACE_VERDICT]),
    };
    if (type == NFT_TRACETYPE_POLICY)
        ret->verdict = nft_dump_number(table[NFTA_TRACE_POLICY]) == NF_DROP ? RULES_DROP : RULES_ACCEPT;
    return 0;
}

/* The messages of one datagram. */
static int read_datagram(const struct nlmsghdr *message, int left, nft_trace_reader *reader, void *data)
{
    int result = 0;

    for (; netlink_message_fits(message, left) && result == 0; message = mnl_nlmsg_next(message, &left)) {
        struct nft_trace_event event;

        if (nft_trace_parse(message, &event) == 0)
            result = reader(&event, data);
    }
    return result;
}

int nft_trace_read(struct nft_trace *trace, int quiet_msec, int most_msec, nft_trace_reader *reader, void *data)
{
    _cleanup_free_ struct nlmsghdr *buffer = malloc(DATAGRAM_MAX);
    int64_t end_msec = clock_now_msec() + most_msec;
    int result = buffer ? 0 : -ENOMEM;

    while (result == 0) {
        struct pollfd ready = {.fd = trace->events, .events = POLLIN};
        int64_t left = end_msec - clock_now_msec();
        ssize_t len;

        if (left <= 0 || poll(&ready, 1, left < quiet_msec ? (int)left : quiet_msec) <= 0)
            break;
        len = recv(trace->events, buffer, DATAGRAM_MAX, 0);
        if (len > 0)
            result = read_datagram(buffer, (int)len, reader, data);
    }
    return result;
}
