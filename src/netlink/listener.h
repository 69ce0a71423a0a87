/* SPDX-License-Identifier: MIT */
/* TCP and UDP sockets that wait for whoever comes, from NETLINK_SOCK_DIAG. */
#ifndef NETLINK_LISTENER_H
#define NETLINK_LISTENER_H

#include "netlink/netlink.h"

struct netlink_listener {
    uint8_t protocol;          /* IPPROTO_TCP: it listens; IPPROTO_UDP: it is bound and not connected */
    struct ip_address address; /* family 0: any IPv4 address */
    uint16_t port;
    uint32_t inode; /* of the socket, as in /proc/PID/fd */
};

typedef int netlink_listener_reader(const struct netlink_listener *listener, void *data);

/*
 * Those of this network namespace that take IPv4: sockets of IPv6 that do not are passed over. What the kernel can't be
 * asked for (it has no inet_diag) is not there; when there are very many, some may be
 * told twice.
 */
int netlink_listener_dump(netlink_listener_reader *reader, void *data, struct tapnet_error *error);

#endif
