/* SPDX-License-Identifier: MIT */
/* What the kernel would do with a packet: its own route lookup, its neighbours, its classifiers. */
#include "netlink/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netlink/clock.h"
#include "netlink/notify.h"

#define QUEUE_BYTES 65536

/* ---- routes ---- */

struct lookup_call {
    struct netlink_route route;
    uint32_t mtu;
    bool any;
};

static int read_answer(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[RTA_MAX + 1], *metrics[RTAX_MAX + 1];
    struct lookup_call *call = data;

    if (message->nlmsg_type != RTM_NEWROUTE)
        return 0;
    if (netlink_route_parse(message, &call->route) < 0 ||
        netlink_parse(message, sizeof(struct rtmsg), attributes, RTA_MAX) < 0)
        return -EBADMSG;
    if (attributes[RTA_METRICS] && netlink_parse_nest(attributes[RTA_METRICS], metrics, RTAX_MAX) == 0)
        call->mtu = netlink_get_u32(metrics[RTAX_MTU]);
    call->any = true;
    return 0;
}

/* The ports matter to rules of policy routing that ask for them. */
static void build_lookup(struct netlink_message *message, const struct netlink_lookup *lookup)
{
    uint8_t family = lookup->destination.family;
    size_t size = ip_family_size(family);
    const struct rtmsg header = {
        .rtm_family = family,
        .rtm_dst_len = (uint8_t)(size * 8),
        .rtm_src_len = (uint8_t)(lookup->source.family ? size * 8 : 0),
    };

    netlink_begin(message, RTM_GETROUTE, 0, &header, sizeof(header));
    netlink_put(message, RTA_DST, lookup->destination.bytes, size);
    if (lookup->source.family)
        netlink_put(message, RTA_SRC, lookup->source.bytes, size);
    if (lookup->in_index)
        netlink_put_u32(message, RTA_IIF, (uint32_t)lookup->in_index);
    if (lookup->out_index)
        netlink_put_u32(message, RTA_OIF, (uint32_t)lookup->out_index);
    if (lookup->protocol == IPPROTO_TCP || lookup->protocol == IPPROTO_UDP) {
        netlink_put_u8(message, RTA_IP_PROTO, lookup->protocol);
        if (lookup->destination_port)
            netlink_put_be16(message, RTA_DPORT, lookup->destination_port);
    }
}

int netlink_route_lookup(struct netlink *netlink, const struct netlink_lookup *lookup, struct netlink_route *ret,
                         uint32_t *ret_mtu, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct lookup_call call = {.any = false};
    int result;

    netlink_message_init(&message);
    build_lookup(&message, lookup);
    result = netlink_query(netlink, &message, read_answer, &call, error);
    if (result < 0)
        return result;
    if (!call.any)
        return error_set(error, -ENETUNREACH, "the kernel tells no route");
    *ret = call.route;
    if (ret_mtu)
        *ret_mtu = call.mtu;
    return 0;
}

/* ---- neighbours ---- */

struct neighbour_call {
    struct netlink_neighbour found;
    bool any;
};

static int read_one_neighbour(const struct nlmsghdr *message, void *data)
{
    struct neighbour_call *call = data;

    if (message->nlmsg_type != RTM_NEWNEIGH)
        return 0;
    if (netlink_neighbour_parse(message, &call->found) < 0)
        return -EBADMSG;
    call->any = true;
    return 0;
}

static int ask_for_one(struct netlink *netlink, struct netlink_message *message, struct netlink_neighbour *ret,
                       struct tapnet_error *error)
{
    struct neighbour_call call = {.any = false};
    int result = netlink_query(netlink, message, read_one_neighbour, &call, error);

    if (result < 0)
        return result;
    if (!call.any)
        return error_set(error, -ENOENT, "the kernel tells no neighbour");
    *ret = call.found;
    return 0;
}

int netlink_neighbour_get(struct netlink *netlink, int index, const struct ip_address *address,
                          struct netlink_neighbour *ret, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ndmsg header = {.ndm_family = address->family, .ndm_ifindex = index};

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETNEIGH, 0, &header, sizeof(header));
    netlink_put(&message, NDA_DST, address->bytes, ip_family_size(address->family));
    return ask_for_one(netlink, &message, ret, error);
}

/* NTF_USE: as if there were a packet for it. What the host has an answer of would wait for some seconds: a probe. */
static int start_asking(struct netlink *netlink, const struct netlink_neighbour *neighbour, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    bool known = neighbour->state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY);
    const struct ndmsg header = {
        .ndm_family = neighbour->address.family,
        .ndm_ifindex = neighbour->index,
        .ndm_state = known ? NUD_PROBE : NUD_NONE,
        .ndm_flags = known ? 0 : NTF_USE,
    };

    netlink_message_init(&message);
    netlink_begin(&message, RTM_NEWNEIGH, known ? NLM_F_REPLACE : NLM_F_CREATE, &header, sizeof(header));
    netlink_put(&message, NDA_DST, neighbour->address.bytes, ip_family_size(neighbour->address.family));
    return netlink_request(netlink, &message, error);
}

/* Was something told before @end_msec? What it was, is asked for. */
static bool wait_for_event(int events, int64_t end_msec)
{
    struct pollfd ready = {.fd = events, .events = POLLIN};
    int64_t left = end_msec - clock_now_msec();
    char byte;

    if (left <= 0 || poll(&ready, 1, (int)left) <= 0)
        return false;
    while (recv(events, &byte, sizeof(byte), 0) >= 0 || errno == ENOBUFS)
        ;
    return true;
}

static int ask(struct netlink *netlink, int events, int most_msec, struct netlink_neighbour *neighbour,
               struct tapnet_error *error)
{
    const int64_t end_msec = clock_now_msec() + most_msec;
    const struct netlink_neighbour asked = *neighbour;
    int result = start_asking(netlink, &asked, error);

    do
        result = result < 0 ? result : netlink_neighbour_get(netlink, asked.index, &asked.address, neighbour, error);
    while (result == 0 && neighbour->state & (NUD_INCOMPLETE | NUD_PROBE) && wait_for_event(events, end_msec));
    return result;
}

/* When somebody had begun to ask before, that may end too early to be told anything by it: then once more. */
int netlink_neighbour_ask(struct netlink *netlink, int index, const struct ip_address *address, int most_msec,
                          struct netlink_neighbour *ret, struct tapnet_error *error)
{
    struct netlink_neighbour neighbour = {.index = index, .address = *address};
    const int group = RTNLGRP_NEIGH;
    _cleanup_close_ int events = -1;
    bool had_begun;
    int result = netlink_groups_open(NETLINK_ROUTE, &group, 1, QUEUE_BYTES, &events, error);

    if (result < 0)
        return result;
    result = netlink_neighbour_get(netlink, index, address, &neighbour, NULL);
    had_begun = result == 0 && neighbour.state & (NUD_INCOMPLETE | NUD_PROBE);
    if (result < 0 || !(neighbour.state & (NUD_PERMANENT | NUD_NOARP)))
        result = ask(netlink, events, most_msec, &neighbour, error);
    if (result == 0 && had_begun && neighbour.state & NUD_FAILED)
        result = ask(netlink, events, most_msec, &neighbour, error);
    if (result == 0)
        *ret = neighbour;
    return result;
}

int netlink_bridge_mac_get(struct netlink *netlink, int bridge_index, const struct mac *mac,
                           struct netlink_neighbour *ret, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ndmsg header = {.ndm_family = AF_BRIDGE};

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETNEIGH, 0, &header, sizeof(header));
    netlink_put(&message, NDA_LLADDR, mac->bytes, sizeof(mac->bytes));
    netlink_put_u32(&message, NDA_MASTER, (uint32_t)bridge_index);
    return ask_for_one(netlink, &message, ret, error);
}

/* ---- rules of policy routing ---- */

struct rule_call {
    struct netlink_call outer;
    netlink_rule_reader *reader;
    uint8_t family;
};

static void read_rule_prefix(const struct nlattr *attribute, uint8_t family, uint8_t length, struct ip_prefix *ret)
{
    if (!netlink_get_bytes(attribute, ret->address.bytes, ip_family_size(family)))
        return;
    ret->address.family = family;
    ret->length = length;
}

static int read_rule(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[FRA_MAX + 1];
    const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
    const struct rule_call *call = data;
    const size_t bits = ip_family_size(call->family) * 8;
    struct netlink_rule rule = {.priority = 0};

    if (message->nlmsg_type != RTM_NEWRULE)
        return 0;
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, FRA_MAX) < 0 || header->src_len > bits ||
        header->dst_len > bits)
        return -EBADMSG;
    rule.priority = netlink_get_u32(attributes[FRA_PRIORITY]);
    rule.table = attributes[FRA_TABLE] ? netlink_get_u32(attributes[FRA_TABLE]) : header->table;
    rule.action = header->action;
    rule.inverted = header->flags & FIB_RULE_INVERT;
    read_rule_prefix(attributes[FRA_SRC], call->family, header->src_len, &rule.source);
    read_rule_prefix(attributes[FRA_DST], call->family, header->dst_len, &rule.destination);
    netlink_get_ifname(attributes[FRA_IIFNAME], rule.in, sizeof(rule.in));
    netlink_get_ifname(attributes[FRA_OIFNAME], rule.out, sizeof(rule.out));
    return call->reader(&rule, call->outer.data);
}

int netlink_rule_dump(struct netlink *netlink, uint8_t family, netlink_rule_reader *reader, netlink_restart *restart,
                      void *data, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct fib_rule_hdr header = {.family = family};
    struct rule_call call = {{restart, data}, reader, family};
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETRULE, 0, &header, sizeof(header));
    result = netlink_dump(netlink, &message, read_rule, netlink_call_restart, &call, error);
    return result < 0 ? error_prefix(error, result, "cannot list the rules of policy routing") : 0;
}

/* ---- classifiers ---- */

static int count_filter(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[TCA_MAX + 1];

    const struct tcmsg *header = mnl_nlmsg_get_payload(message);
    const char *kind;

    if (message->nlmsg_type != RTM_NEWTFILTER || message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, TCA_MAX) < 0 || !attributes[TCA_OPTIONS])
        return 0;
    kind = netlink_get_text(attributes[TCA_KIND]);
    if (kind && strcmp(kind, "u32") == 0 && TC_U32_NODE(header->tcm_handle) == 0)
        return 0; /* one of its hash tables */
    (*(size_t *)data)++;
    return 0;
}

static void restart_count(void *data)
{
    *(size_t *)data = 0;
}

int netlink_filter_count(struct netlink *netlink, int index, bool going_out, size_t *ret, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct tcmsg header = {
        .tcm_family = AF_UNSPEC,
        .tcm_ifindex = index,
        .tcm_parent = TC_H_MAKE(TC_H_CLSACT, going_out ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS),
    };
    size_t count = 0;
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETTFILTER, 0, &header, sizeof(header));
    result = netlink_dump(netlink, &message, count_filter, restart_count, &count, error);
    if (result == -EINVAL || result == -ENOENT || result == -EOPNOTSUPP) /* there is no such queue */
        result = 0;
    if (result == 0)
        *ret = count;
    return result;
}
