/* SPDX-License-Identifier: MIT */
/* What the kernel tells of changes by netlink groups: links, addresses, routes, forwarding, nftables. */
#ifndef NETLINK_NOTIFY_H
#define NETLINK_NOTIFY_H

#include <net/if.h>
#include <sys/types.h>

#include "netlink/netlink.h"

/*
 * How it works: one socket a protocol, in groups, and never used for requests. The kernel's queue has a bound: when it
 * was full, what was lost is told as one event NETLINK_EVENT_LOST, and the reader looks at the host himself.
 */
enum netlink_event_kind {
    NETLINK_EVENT_LOST,    /* some changes were not told */
    NETLINK_EVENT_LINK,    /* made, changed or gone; a bridge's port; the MAC of either; what stands in front of it */
    NETLINK_EVENT_ADDRESS, /* IPv4 or IPv6 */
    NETLINK_EVENT_ROUTE,   /* IPv4 */
    NETLINK_EVENT_CONFIG,  /* net.ipv4.conf.*.forwarding and its like */
    NETLINK_EVENT_NFT,     /* a table, or something in one */
    NETLINK_EVENT_COMMIT,  /* the end of a transaction of nftables */
};

/* Texts are valid during the callback only. */
struct netlink_event {
    enum netlink_event_kind kind;
    int index;           /* of the link that it is about; 0: none, or not said */
    char name[IFNAMSIZ]; /* LINK: its name */
    uint32_t group;      /* LINK: its interface group */
    bool gone;           /* LINK: there is no such link any more */
    bool is_default;     /* ROUTE: leads everywhere */
    const char *table;   /* NFT: name of the table */
    pid_t pid;           /* COMMIT: who asked for it. Of all else a message's port says nothing certain */
    const char *command; /* COMMIT: the name of that process, "" when it is not said */
    uint32_t generation; /* COMMIT: the number of the ruleset that it has made (nft_generation()) */
};

typedef void netlink_event_reader(const struct netlink_event *event, void *data);

/* A socket that hears the @count groups (RTNLGRP_..., NFNLGRP_...), does not block, and has a queue of @queue bytes. */
int netlink_groups_open(int protocol, const int *groups, size_t count, int queue, int *ret_fd,
                        struct tapnet_error *error);

/* The socket of NETLINK_ROUTE, or NETLINK_NETFILTER (which needs CAP_NET_ADMIN), in all groups of the kinds above. */
int netlink_notify_open(int protocol, int *ret_fd, struct tapnet_error *error);

/* Hands what is queued at @fd to @reader, @limit datagrams at most. Returns how many there were. */
size_t netlink_notify_read(int fd, int protocol, size_t limit, netlink_event_reader *reader, void *data);

/* The parser alone, for tests and the fuzzer: 0, -EBADMSG, or -ENOMSG for what is none of the kinds. */
int netlink_notify_parse(const struct nlmsghdr *message, int protocol, struct netlink_event *ret);

#endif
