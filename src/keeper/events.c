/* SPDX-License-Identifier: MIT */
/* What tells the keeper that somebody may have changed something of ours. */
#include "keeper/events.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "netlink/netlink.h"

struct events {
    struct netlink *route, *netfilter;
};

DEFINE_CLEANUP(struct events *, events_close)

static int join(struct netlink *netlink, const int *groups, size_t count, struct tapnet_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (setsockopt(netlink_fd(netlink), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
            return error_set_errno(error, -errno, "cannot listen to netlink group %d", groups[i]);
    return 0;
}

int events_open(struct events **ret, struct tapnet_error *error)
{
    static const int route_groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_NETCONF};
    static const int netfilter_groups[] = {NFNLGRP_NFTABLES};
    struct events *events cleanup(cleanup_events_close) = calloc(1, sizeof(*events));
    int result = events ? netlink_open(NETLINK_ROUTE, &events->route, error)
                        : error_set(error, -ENOMEM, "out of memory");

    if (result == 0)
        result = netlink_open(NETLINK_NETFILTER, &events->netfilter, error);
    if (result == 0)
        result = join(events->route, route_groups, ARRAY_COUNT(route_groups), error);
    if (result == 0)
        result = join(events->netfilter, netfilter_groups, ARRAY_COUNT(netfilter_groups), error);
    if (result == 0)
        *ret = take_pointer(events);
    return result;
}

void events_close(struct events *events)
{
    if (!events)
        return;
    netlink_close(events->route);
    netlink_close(events->netfilter);
    free(events);
}

int events_route_fd(const struct events *events)
{
    return netlink_fd(events->route);
}

int events_netfilter_fd(const struct events *events)
{
    return netlink_fd(events->netfilter);
}

/* ---- who it was ---- */

/* The name of a process that may be gone by now. */
static void name_process(uint32_t pid, char culprit[EVENTS_CULPRIT_MAX])
{
    char path[32], name[32] = "";
    _cleanup_close_ int fd = -1;
    ssize_t len = 0;

    snprintf(path, sizeof(path), "/proc/%u/comm", (unsigned)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        len = read(fd, name, sizeof(name) - 1);
    name[len > 0 ? len : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
    for (char *at = name; *at; at++) /* a process chooses its own name */
        if (*at < ' ' || *at > '~')
            *at = '?';
    if (name[0])
        snprintf(culprit, EVENTS_CULPRIT_MAX, "%s (%u)", name, (unsigned)pid);
    else
        snprintf(culprit, EVENTS_CULPRIT_MAX, "process %u", (unsigned)pid);
}

/* nf_tables ends each transaction with a message that says whose it was. 0: not known. */
static uint32_t transaction_process(const struct nlmsghdr *message)
{
    const struct nlattr *attributes[NFTA_GEN_MAX + 1];
    uint32_t pid;

    if (message->nlmsg_type != ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN) ||
        netlink_parse(message, sizeof(struct nfgenmsg), attributes, NFTA_GEN_MAX) < 0 ||
        !netlink_get_bytes(attributes[NFTA_GEN_PROC_PID], &pid, sizeof(pid)))
        return 0;
    return __builtin_bswap32(pid);
}

/*
 * The port id of the socket that the request came by: for a program with one netlink socket its process. The kernel's
 * own changes have 0. Ioctls (brctl) have 0 as well.
 */
static uint32_t message_process(const struct nlmsghdr *message, bool netfilter)
{
    uint32_t pid = netfilter ? transaction_process(message) : message->nlmsg_pid;

    return pid <= INT32_MAX ? pid : 0; /* a second socket of a process gets a made-up number */
}

/* ---- reading ---- */

/* One datagram. False when there is none. *ret_seen: it tells of somebody else than @self. */
static bool read_some(int fd, bool netfilter, int self, bool *ret_seen, char culprit[EVENTS_CULPRIT_MAX])
{
    _Alignas(struct nlmsghdr) char bytes[16384];
    const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
    ssize_t len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    int left = (int)len;

    if (len < 0 && errno == ENOBUFS)
        return *ret_seen = true; /* events were lost: look */
    if (len < 0)
        return false;
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
        uint32_t pid = message_process(message, netfilter);

        if (pid == (uint32_t)self)
            continue;
        *ret_seen = true;
        if (pid)
            name_process(pid, culprit);
    }
    return true;
}

/* Enough for any storm to be noticed, few enough to get back to work. */
#define DATAGRAMS_MAX 4096

bool events_read(struct events *events, int self, char culprit[EVENTS_CULPRIT_MAX])
{
    bool seen = false;

    for (int i = 0; i < DATAGRAMS_MAX && read_some(netlink_fd(events->route), false, self, &seen, culprit); i++)
        ;
    for (int i = 0; i < DATAGRAMS_MAX && read_some(netlink_fd(events->netfilter), true, self, &seen, culprit); i++)
        ;
    return seen;
}
