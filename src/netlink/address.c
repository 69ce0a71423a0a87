/* SPDX-License-Identifier: MIT */
/* Addresses by rtnetlink (linux/if_addr.h). */
#include "netlink/address.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"

#ifndef IFA_PROTO
#define IFA_PROTO 11 /* Linux 5.18 */
#endif

struct address_call {
    struct netlink_call outer;
    netlink_address_reader *reader;
};

/* The local address is IFA_LOCAL; IFA_ADDRESS is the peer's on a point-to-point link, and all there is for IPv6. */
int netlink_address_parse(const struct nlmsghdr *message, struct netlink_address *ret)
{
    const struct nlattr *attributes[IFA_PROTO + 1];
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    struct netlink_address address = {.index = 0};
    struct ip_address other = {0};
    size_t size;

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
        netlink_parse(message, sizeof(*header), attributes, IFA_PROTO) < 0)
        return -EBADMSG;
    size = ip_family_size(header->ifa_family);
    if (!size || header->ifa_prefixlen > 8 * size)
        return -EBADMSG;
    address.index = (int)header->ifa_index;
    address.prefix.address.family = header->ifa_family;
    address.prefix.length = header->ifa_prefixlen;
    address.protocol = netlink_get_u8(attributes[IFA_PROTO]);
    if (!netlink_get_bytes(attributes[attributes[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS], address.prefix.address.bytes,
                           size))
        return -EBADMSG;
    other.family = header->ifa_family;
    if (attributes[IFA_LOCAL] && netlink_get_bytes(attributes[IFA_ADDRESS], other.bytes, size) &&
        !ip_address_equal(&other, &address.prefix.address))
        address.peer = other;
    *ret = address;
    return 0;
}

static int read_address(const struct nlmsghdr *message, void *data)
{
    const struct address_call *call = data;
    struct netlink_address address;

    if (message->nlmsg_type != RTM_NEWADDR || netlink_address_parse(message, &address) < 0)
        return 0; /* an address of another family is none of ours */
    return call->reader(&address, call->outer.data);
}

int netlink_address_dump(struct netlink *netlink, netlink_address_reader *reader, netlink_restart *restart, void *data,
                         struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    struct address_call call = {{restart, data}, reader};
    const struct ifaddrmsg header = {.ifa_family = AF_UNSPEC};
    int result;

    netlink_message_init(&message);
    netlink_begin(&message, RTM_GETADDR, 0, &header, sizeof(header));
    result = netlink_dump(netlink, &message, read_address, netlink_call_restart, &call, error);
    return result < 0 ? error_prefix(error, result, "cannot list the addresses") : 0;
}

struct address_list {
    struct ip_address *items;
    size_t count, capacity;
};

static int list_address(const struct netlink_address *address, void *data)
{
    struct address_list *list = data;
    int result = array_reserve((void **)&list->items, &list->capacity, list->count, 1, sizeof(*list->items));

    if (result == 0)
        list->items[list->count++] = address->prefix.address;
    return result;
}

static void restart_list(void *data)
{
    ((struct address_list *)data)->count = 0;
}

static int compare_addresses(const void *a, const void *b)
{
    return ip_address_compare(a, b);
}

int netlink_address_list(struct netlink *netlink, struct ip_address **ret, size_t *ret_count,
                         struct tapnet_error *error)
{
    struct address_list list = {0};
    int result = netlink_address_dump(netlink, list_address, restart_list, &list, error);

    if (result < 0) {
        free(list.items);
        return result;
    }
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), compare_addresses);
    *ret = list.items;
    *ret_count = list.count;
    return 0;
}

static void build_address(struct netlink_message *message, uint16_t type, uint16_t flags, int index,
                          const struct ip_prefix *prefix, const struct ip_address *peer)
{
    const struct ifaddrmsg header = {
        .ifa_family = prefix->address.family,
        .ifa_prefixlen = prefix->length,
        .ifa_index = (uint32_t)index,
        .ifa_flags = prefix->address.family == AF_INET6 ? IFA_F_NODAD : 0,
    };
    size_t size = ip_family_size(prefix->address.family);

    netlink_message_init(message);
    netlink_begin(message, type, flags, &header, sizeof(header));
    netlink_put(message, IFA_LOCAL, prefix->address.bytes, size);
    netlink_put(message, IFA_ADDRESS, peer->bytes, size);
}

/* ---- IPv6: added when the kernel says so ---- */

/*
 * The kernel answers the request before it is through with the address: a worker of its joins the address's multicast
 * group (addrconf_dad_work() in net/ipv6/addrconf.c) and tells of the address then, which is also when it has told of
 * one without duplicate detection for the first time. One that is deleted in between leaves a group that it never
 * joined, and takes it from a neighbour on the link that ends in the same 24 bits: the gateway fe80::1, say, that
 * nobody could ask for any more.
 */
#define WORKER_MSEC 500 /* it has nothing to wait for but the rtnl lock */

/* A socket that is told of IPv6 addresses; negative when there is none to be had, then nobody waits. */
static int listen_for_addresses(void)
{
    const struct sockaddr_nl name = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV6_IFADDR};
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
        return -1;
    return take_fd(&fd);
}

/* Do these @length bytes from the kernel tell of @address on the link @index? */
static bool tells_of(const uint8_t *bytes, ssize_t length, int index, const struct ip_address *address)
{
    const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)bytes;

    for (int left = (int)length; netlink_message_fits(message, left); message = mnl_nlmsg_next(message, &left)) {
        struct netlink_address told;

        if (message->nlmsg_type == RTM_NEWADDR && netlink_address_parse(message, &told) == 0 && told.index == index &&
            ip_address_equal(&told.prefix.address, address))
            return true;
    }
    return false;
}

/* Until the kernel tells of it at @fd. Whatever else happens ends the wait: the address is there. */
static void wait_for_address(int fd, int index, const struct ip_address *address)
{
    _Alignas(struct nlmsghdr) uint8_t bytes[8192];
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    ssize_t length;

    while (poll(&polled, 1, WORKER_MSEC) > 0 && (length = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        if (tells_of(bytes, length, index, address))
            return;
}

int netlink_peer_add(struct netlink *netlink, int index, const struct ip_prefix *prefix, const struct ip_address *peer,
                     uint8_t protocol, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);
    bool ip6 = prefix->address.family == AF_INET6;
    _cleanup_close_ int fd = ip6 ? listen_for_addresses() : -1;
    int result;

    build_address(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, prefix, peer);
    netlink_put_u8(&message, IFA_PROTO, protocol);
    if (prefix->address.family == AF_INET && prefix->length < 31) {
        const struct ip_address broadcast = ip4_broadcast(prefix);

        netlink_put(&message, IFA_BROADCAST, broadcast.bytes, 4);
    }
    result = netlink_request(netlink, &message, error);
    if (result == 0 && fd >= 0)
        wait_for_address(fd, index, &prefix->address);
    return result;
}

int netlink_peer_delete(struct netlink *netlink, int index, const struct ip_prefix *prefix,
                        const struct ip_address *peer, struct tapnet_error *error)
{
    struct netlink_message message cleanup(netlink_message_fini);

    build_address(&message, RTM_DELADDR, 0, index, prefix, peer);
    return netlink_request(netlink, &message, error);
}

int netlink_address_add(struct netlink *netlink, int index, const struct ip_prefix *prefix, uint8_t protocol,
                        struct tapnet_error *error)
{
    return netlink_peer_add(netlink, index, prefix, &prefix->address, protocol, error);
}

int netlink_address_delete(struct netlink *netlink, int index, const struct ip_prefix *prefix,
                           struct tapnet_error *error)
{
    return netlink_peer_delete(netlink, index, prefix, &prefix->address, error);
}
