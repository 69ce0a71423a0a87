/* SPDX-License-Identifier: MIT */
/* What the kernel tells of changes by netlink groups: links, addresses, routes, forwarding, nftables. */
#include "netlink/notify.h"

#include <endian.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"

#define QUEUE_BYTES (2 * 1024 * 1024) /* the kernel's queue: some thousand changes that nobody has read yet */
#define DATAGRAM_MAX (64 * 1024)

static const int route_groups[] = {RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR,  RTNLGRP_IPV6_IFADDR,
                                   RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_NETCONF, RTNLGRP_NEIGH,
                                   RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_NETCONF, RTNLGRP_TC};
static const int netfilter_groups[] = {NFNLGRP_NFTABLES};

int netlink_groups_open(int protocol, const int *groups, size_t count, int queue, int *ret_fd,
                        struct tapnet_error *error)
{
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    const struct sockaddr_nl name = {.nl_family = AF_NETLINK};

    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
        return error_set_errno(error, -errno, "cannot open a netlink socket");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof(queue)); /* as much as we may */
    for (size_t i = 0; i < count; i++)
        if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
            return error_set_errno(error, -errno, "cannot join netlink group %d", groups[i]);
    *ret_fd = take_fd(&fd);
    return 0;
}

int netlink_notify_open(int protocol, int *ret_fd, struct tapnet_error *error)
{
    bool route = protocol == NETLINK_ROUTE;
    const int *groups = route ? route_groups : netfilter_groups;
    size_t count = route ? ARRAY_COUNT(route_groups) : ARRAY_COUNT(netfilter_groups);

    return netlink_groups_open(protocol, groups, count, QUEUE_BYTES, ret_fd, error);
}

/* ---- one message ---- */

static int parse_link(const struct nlmsghdr *message, struct netlink_event *event)
{
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attributes[IFLA_MAX + 1];
    const char *name;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, IFLA_MAX) < 0)
        return -EBADMSG;
    name = netlink_get_text(attributes[IFLA_IFNAME]);
    event->kind = NETLINK_EVENT_LINK;
    event->index = header->ifi_index;
    event->group = netlink_get_u32(attributes[IFLA_GROUP]);
    event->gone = message->nlmsg_type == RTM_DELLINK && header->ifi_family == AF_UNSPEC; /* not: left its bridge */
    if (name && strlen(name) < sizeof(event->name))
        strcpy(event->name, name);
    return 0;
}

static int parse_address(const struct nlmsghdr *message, struct netlink_event *event)
{
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
        return -EBADMSG;
    event->kind = NETLINK_EVENT_ADDRESS;
    event->index = (int)header->ifa_index;
    return 0;
}

static int parse_route(const struct nlmsghdr *message, struct netlink_event *event)
{
    const struct rtmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attributes[RTA_MAX + 1];

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, RTA_MAX) < 0)
        return -EBADMSG;
    event->kind = NETLINK_EVENT_ROUTE;
    event->index = (int)netlink_get_u32(attributes[RTA_OIF]);
    event->is_default = header->rtm_dst_len == 0;
    return 0;
}

static int parse_config(const struct nlmsghdr *message, struct netlink_event *event)
{
    const struct nlattr *attributes[NETCONFA_MAX + 1];

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct netconfmsg)) ||
        netlink_parse(message, NLMSG_ALIGN(sizeof(struct netconfmsg)), attributes, NETCONFA_MAX) < 0)
        return -EBADMSG;
    event->kind = NETLINK_EVENT_CONFIG;
    event->index = (int)netlink_get_u32(attributes[NETCONFA_IFINDEX]); /* negative: all, default */
    return 0;
}

/*
 * Of a link that gets another MAC nothing is told (RTNLGRP_LINK leaves NETDEV_CHANGEADDR out), but of a bridge's own
 * entry for its port, or for itself, is; and the neighbours that a program had set on the link, and said so by
 * NDA_PROTOCOL, go.
 */
static int parse_neighbour(const struct nlmsghdr *message, struct netlink_event *event)
{
    const struct ndmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attributes[NDA_MAX + 1];

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, NDA_MAX) < 0)
        return -EBADMSG;
    event->kind = NETLINK_EVENT_LINK;
    event->index = header->ndm_ifindex;
    if (header->ndm_family == AF_INET || header->ndm_family == AF_INET6)
        return netlink_get_u8(attributes[NDA_PROTOCOL]) ? 0 : -ENOMSG;
    return header->ndm_family == AF_BRIDGE && header->ndm_state & NUD_PERMANENT ? 0 : -ENOMSG;
}

/* A link's queueing discipline is one of its properties. */
static int parse_discipline(const struct nlmsghdr *message, struct netlink_event *event)
{
    const struct tcmsg *header = mnl_nlmsg_get_payload(message);

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
        return -EBADMSG;
    event->kind = NETLINK_EVENT_LINK;
    event->index = header->tcm_ifindex;
    return header->tcm_parent == TC_H_ROOT ? 0 : -ENOMSG;
}

static int parse_nft(const struct nlmsghdr *message, struct netlink_event *event)
{
    /* Attribute 1 of tables, chains, rules, sets and elements is the table's name; NFTA_GEN_* are others. */
    const struct nlattr *attributes[NFTA_GEN_MAX + 1];

    if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
        return -ENOMSG;
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)) ||
        netlink_parse(message, sizeof(struct nfgenmsg), attributes, NFTA_GEN_MAX) < 0)
        return -EBADMSG;
    if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWGEN) {
        const char *command = netlink_get_text(attributes[NFTA_GEN_PROC_NAME]);

        event->kind = NETLINK_EVENT_COMMIT;
        event->pid = (pid_t)be32toh(netlink_get_u32(attributes[NFTA_GEN_PROC_PID]));
        event->command = command ? command : "";
        event->generation = be32toh(netlink_get_u32(attributes[NFTA_GEN_ID]));
        return 0;
    }
    event->kind = NETLINK_EVENT_NFT;
    event->table = netlink_get_text(attributes[NFTA_TABLE_NAME]);
    return event->table ? 0 : -ENOMSG;
}

int netlink_notify_parse(const struct nlmsghdr *message, int protocol, struct netlink_event *ret)
{
    struct netlink_event event = {.command = ""};
    int result = -ENOMSG;

    if (protocol == NETLINK_NETFILTER)
        result = parse_nft(message, &event);
    else if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK)
        result = parse_link(message, &event);
    else if (message->nlmsg_type == RTM_NEWADDR || message->nlmsg_type == RTM_DELADDR)
        result = parse_address(message, &event);
    else if (message->nlmsg_type == RTM_NEWROUTE || message->nlmsg_type == RTM_DELROUTE)
        result = parse_route(message, &event);
    else if (message->nlmsg_type == RTM_NEWNETCONF) /* RTM_DELNETCONF comes with the end of the link, which is told */
        result = parse_config(message, &event);
    else if (message->nlmsg_type == RTM_NEWQDISC || message->nlmsg_type == RTM_DELQDISC)
        result = parse_discipline(message, &event);
    else if (message->nlmsg_type == RTM_NEWNEIGH || message->nlmsg_type == RTM_DELNEIGH)
        result = parse_neighbour(message, &event);
    if (result == 0)
        *ret = event;
    return result;
}

/* ---- the queue ---- */

static void read_datagram(const uint8_t *bytes, size_t len, int protocol, netlink_event_reader *reader, void *data)
{
    const struct nlmsghdr *message = (const void *)bytes;
    int left = (int)len;

    for (; netlink_message_fits(message, left); message = mnl_nlmsg_next(message, &left)) {
        struct netlink_event event;

        if (netlink_notify_parse(message, protocol, &event) == 0)
            reader(&event, data);
    }
}

size_t netlink_notify_read(int fd, int protocol, size_t limit, netlink_event_reader *reader, void *data)
{
    static const struct netlink_event lost = {.kind = NETLINK_EVENT_LOST, .command = ""};
    static _Alignas(struct nlmsghdr) uint8_t bytes[DATAGRAM_MAX]; /* one reader a process, and not on the stack */
    size_t count = 0;

    while (count < limit) {
        struct sockaddr_nl from = {0};
        struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
        struct msghdr header = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};
        ssize_t len = recvmsg(fd, &header, MSG_DONTWAIT);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno != ENOBUFS)
            break;
        count++;
        if (len < 0 || header.msg_flags & MSG_TRUNC)
            reader(&lost, data);
        else if (from.nl_pid == 0) /* from the kernel */
            read_datagram(bytes, (size_t)len, protocol, reader, data);
    }
    return count;
}
