/* SPDX-License-Identifier: MIT */
/* Do neighbours answer? The kernel is made to ask them, by ARP or neighbour discovery, and heard of what it learns. */
#include "netlink/reach.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netlink/address.h"
#include "netlink/clock.h"

/*
 * How it works: a neighbour whose MAC is known is put in doubt (NUD_PROBE): the kernel asks that MAC at once, and goes
 * on to send by it. One that is not known, or was in vain, is used (NTF_USE): the kernel asks all. Either becomes
 * NUD_REACHABLE by an answer and nothing else, and RTNLGRP_NEIGH tells of it. The kernel gives up after three seconds;
 * then it is asked anew.
 */

#define DATAGRAM_MAX 16384

DEFINE_CLEANUP(struct netlink *, netlink_close)

static int listen_to_neighbours(int *ret_fd, struct tapnet_error *error)
{
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    const struct sockaddr_nl name = {.nl_family = AF_NETLINK};
    const int group = RTNLGRP_NEIGH;

    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0 ||
        setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
        return error_set_errno(error, -errno, "cannot listen to what the kernel says of neighbours");
    *ret_fd = take_fd(&fd);
    return 0;
}

static int send_state(struct netlink *netlink, int index, const struct ip_address *address, uint16_t flags,
                      uint16_t state, uint8_t neighbour_flags)
{
    struct netlink_message message cleanup(netlink_message_fini);
    const struct ndmsg header = {
        .ndm_family = address->family, .ndm_ifindex = index, .ndm_state = state, .ndm_flags = neighbour_flags};

    netlink_message_init(&message);
    netlink_begin(&message, RTM_NEWNEIGH, flags, &header, sizeof(header));
    netlink_put(&message, NDA_DST, address->bytes, ip_family_size(address->family));
    return netlink_request(netlink, &message, NULL);
}

static void ask(struct netlink *netlink, int index, const struct netlink_reach *neighbour)
{
    if (neighbour->answered || neighbour->fixed)
        return;
    if (send_state(netlink, index, &neighbour->address, NLM_F_REPLACE, NUD_PROBE, 0) < 0)
        send_state(netlink, index, &neighbour->address, NLM_F_CREATE | NLM_F_REPLACE, NUD_NONE, NTF_USE);
}

struct hearing {
    struct netlink *netlink;
    int index;
    struct netlink_reach *neighbours;
    size_t count;
};

/* What one message says of those that were asked. */
static void hear(const struct hearing *hearing, const struct nlmsghdr *message)
{
    struct netlink_neighbour found;

    if (message->nlmsg_type != RTM_NEWNEIGH || netlink_neighbour_parse(message, &found) < 0 ||
        found.index != hearing->index)
        return;
    for (size_t i = 0; i < hearing->count; i++) {
        if (!ip_address_equal(&hearing->neighbours[i].address, &found.address))
            continue;
        if (found.state & NUD_REACHABLE)
            hearing->neighbours[i].answered = true;
        else if (found.state & NUD_FAILED)
            ask(hearing->netlink, hearing->index, &hearing->neighbours[i]);
    }
}

static void read_messages(const struct hearing *hearing, int fd)
{
    _Alignas(struct nlmsghdr) uint8_t bytes[DATAGRAM_MAX];
    ssize_t len;

    while ((len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
        const struct nlmsghdr *message = (const void *)bytes;
        int left = (int)len;

        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
            hear(hearing, message);
    }
}

static bool all_answered(const struct hearing *hearing)
{
    for (size_t i = 0; i < hearing->count; i++)
        if (!hearing->neighbours[i].answered && !hearing->neighbours[i].fixed)
            return false;
    return true;
}

static int mark_fixed(const struct netlink_neighbour *found, void *data)
{
    const struct hearing *hearing = data;

    for (size_t i = 0; i < hearing->count; i++)
        if (found->index == hearing->index && found->state & (NUD_PERMANENT | NUD_NOARP) &&
            ip_address_equal(&hearing->neighbours[i].address, &found->address))
            hearing->neighbours[i].fixed = true;
    return 0;
}

int netlink_reach(int index, struct netlink_reach *neighbours, size_t count, unsigned msec, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    int64_t deadline = clock_now_msec() + msec, left;
    struct hearing hearing = {.index = index, .neighbours = neighbours, .count = count};
    _cleanup_close_ int fd = -1;
    int result = listen_to_neighbours(&fd, error);

    if (result == 0)
        result = netlink_open(NETLINK_ROUTE, &netlink, error);
    if (result < 0)
        return result;
    hearing.netlink = netlink;
    result = netlink_neighbour_dump(netlink, AF_INET, mark_fixed, NULL, &hearing, error);
    if (result == 0)
        result = netlink_neighbour_dump(netlink, AF_INET6, mark_fixed, NULL, &hearing, error);
    if (result < 0)
        return result;
    for (size_t i = 0; i < count; i++)
        ask(netlink, index, &neighbours[i]);
    while (!all_answered(&hearing) && (left = deadline - clock_now_msec()) > 0) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

        if (poll(&poll_fd, 1, (int)left) > 0)
            read_messages(&hearing, fd);
    }
    return 0;
}
