/* SPDX-License-Identifier: MIT */
/* What knows a link by its index and would not follow it into a bridge: bound sockets, rules, filters of tc. */
#include "netlink/bound.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"

#define ALL_STATES 0xffffffffu

DEFINE_CLEANUP(struct netlink *, netlink_close)

/* ---- sockets ---- */

struct call {
    int index;
    const char *kind;
    netlink_bound_reader *reader;
    void *data;
};

static int read_inet(const struct nlmsghdr *message, void *data)
{
    const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
    const struct call *call = data;
    struct netlink_bound bound = {.kind = call->kind};

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*socket)))
        return -EBADMSG;
    if ((int)socket->id.idiag_if != call->index || !socket->idiag_inode) /* one without is the kernel's, or closed */
        return 0;
    bound.port = strcmp(call->kind, "raw") == 0 ? 0 : ntohs(socket->id.idiag_sport);
    bound.inode = socket->idiag_inode;
    return call->reader(&bound, call->data);
}

static int read_packet(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[PACKET_DIAG_INFO + 1];
    const struct packet_diag_msg *socket = mnl_nlmsg_get_payload(message);
    const struct call *call = data;
    struct netlink_bound bound = {.kind = call->kind};
    struct packet_diag_info information;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*socket)) ||
        netlink_parse(message, sizeof(*socket), attributes, PACKET_DIAG_INFO) < 0)
        return -EBADMSG;
    if (!netlink_get_bytes(attributes[PACKET_DIAG_INFO], &information, sizeof(information)) ||
        (int)information.pdi_index != call->index)
        return 0;
    bound.inode = socket->pdiag_ino;
    return call->reader(&bound, call->data);
}

/* A kind of socket that the kernel can't tell of is none. */
static int dump(const void *request, size_t len, netlink_reader *reader, struct call *call, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = netlink_open(NETLINK_SOCK_DIAG, &netlink, &refusal);

    netlink_message_init(&message);
    netlink_begin(&message, SOCK_DIAG_BY_FAMILY, 0, request, len);
    if (result == 0)
        result = netlink_dump(netlink, &message, reader, NULL, call, &refusal);
    if (result == -ENOENT || result == -EPROTONOSUPPORT || result == -EINVAL)
        return 0;
    return result < 0 ? error_set(error, result, "cannot ask for the sockets: %s", refusal.text) : 0;
}

int netlink_bound_dump(int index, netlink_bound_reader *reader, void *data, struct tapnet_error *error)
{
    static const struct {
        uint8_t protocol;
        const char *kind;
    } rows[] = {{IPPROTO_TCP, "TCP"}, {IPPROTO_UDP, "UDP"}, {IPPROTO_RAW, "raw"}};
    static const uint8_t families[] = {AF_INET, AF_INET6};
    const struct packet_diag_req packet = {.sdiag_family = AF_PACKET, .pdiag_show = PACKET_SHOW_INFO};
    struct call call = {index, "packet", reader, data};
    int result = dump(&packet, sizeof(packet), read_packet, &call, error);

    for (size_t r = 0; r < ARRAY_COUNT(rows); r++)
        for (size_t f = 0; f < ARRAY_COUNT(families) && result == 0; f++) {
            const struct inet_diag_req_v2 request = {
                .sdiag_family = families[f], .sdiag_protocol = rows[r].protocol, .idiag_states = ALL_STATES};

            call.kind = rows[r].kind;
            result = dump(&request, sizeof(request), read_inet, &call, error);
        }
    return result;
}

/* ---- filters of tc ---- */

struct filters {
    int index;
    bool found;
};

static int read_discipline(const struct nlmsghdr *message, void *data)
{
    const struct tcmsg *header = mnl_nlmsg_get_payload(message);
    struct filters *filters = data;

    if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(*header)) && header->tcm_ifindex == filters->index)
        filters->found |= header->tcm_parent == TC_H_INGRESS; /* that of clsact is the same */
    return 0;
}

int netlink_has_filters(struct netlink *netlink, int index, bool *ret, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct tcmsg header = {.tcm_family = AF_UNSPEC, .tcm_ifindex = index};
    struct filters filters = {.index = index};
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETQDISC, 0, &header, sizeof(header));
    result = netlink_dump(netlink, &message, read_discipline, NULL, &filters, error);
    *ret = filters.found;
    return result < 0 ? error_prefix(error, result, "cannot list the queueing disciplines") : 0;
}

/* ---- rules ---- */

struct rules {
    const char *name;
    bool found;
};

static int read_rule(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[FRA_OIFNAME + 1];
    const uint16_t types[] = {FRA_IIFNAME, FRA_OIFNAME};
    struct rules *rules = data;

    if (message->nlmsg_type != RTM_NEWRULE || message->nlmsg_len < NLMSG_LENGTH(sizeof(struct fib_rule_hdr)) ||
        netlink_parse(message, sizeof(struct fib_rule_hdr), attributes, FRA_OIFNAME) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        const char *text = netlink_get_text(attributes[types[i]]);

        rules->found |= text && strcmp(text, rules->name) == 0;
    }
    return 0;
}

int netlink_has_rules(struct netlink *netlink, const char *name, bool *ret, struct tapnet_error *error)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    struct rules rules = {.name = name};
    int result = 0;

    for (size_t i = 0; i < ARRAY_COUNT(families) && result == 0; i++) {
        struct netlink_message message cleanup(netlink_message_fini);
        const struct fib_rule_hdr header = {.family = families[i]};

        netlink_message_init(&message);
        netlink_begin(&message, RTM_GETRULE, 0, &header, sizeof(header));
        result = netlink_dump(netlink, &message, read_rule, NULL, &rules, error);
        if (result == -EAFNOSUPPORT) /* a kernel without rules has none */
            result = 0;
    }
    *ret = rules.found;
    return result < 0 ? error_prefix(error, result, "cannot list the policy rules") : 0;
}
