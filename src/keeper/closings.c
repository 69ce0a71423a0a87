/* SPDX-License-Identifier: MIT */
/* Sockets of nftables' that tapnet commands leave behind: closed when that makes nobody wait. */
#include "keeper/closings.h"

#include <linux/netlink.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_of_netfilter(int fd)
{
    int domain = 0, protocol = -1;
    socklen_t domain_len = sizeof(domain), protocol_len = sizeof(protocol);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_len) == 0 && domain == AF_NETLINK &&
           getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &protocol_len) == 0 && protocol == NETLINK_NETFILTER;
}

void closings_fini(struct closings *closings)
{
    while (closings->count)
        close(closings->fds[--closings->count]);
    closings->due_usec = 0;
}

void closings_take(struct closings *closings, int fd, uint64_t now_usec)
{
    if (!is_of_netfilter(fd)) {
        close(fd);
        return;
    }
    if (closings->count == CLOSINGS_MAX)
        closings_fini(closings);
    closings->fds[closings->count++] = fd;
    closings->due_usec = now_usec + CLOSINGS_USEC;
}

void closings_look(struct closings *closings, uint64_t now_usec)
{
    if (closings->count && now_usec >= closings->due_usec)
        closings_fini(closings);
}
