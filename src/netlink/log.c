/* SPDX-License-Identifier: MIT */
/* Netfilter's log: a socket that gets copies of the packets that rules log to a group. */
#include "netlink/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "netlink/netlink.h"

#define QUEUE_BYTES (4 * 1024 * 1024)        /* some thousand small packets: a limit, not memory that is taken */
#define GROUPS "net/netfilter/nfnetlink_log" /* below /proc/thread-self: one line a group, with its holder's port */

/*
 * The last descriptor of a process that was killed closes a moment after its other ones, and nothing tells when: it is
 * asked again after 1, 2, 4, ... milliseconds, half a second in all.
 */
#define WAITS 9

DEFINE_CLEANUP(struct netlink *, netlink_close)

/* One message binds and sets the mode: no packet comes in another one. */
static int bind_group(struct netlink *netlink, uint16_t group, uint32_t bytes_max, struct tapnet_error *error)
{
    const struct nfgenmsg header = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(group)};
    const struct nfulnl_msg_config_cmd command = {.command = NFULNL_CFG_CMD_BIND};
    const struct nfulnl_msg_config_mode mode = {.copy_mode = NFULNL_COPY_PACKET, .copy_range = htonl(bytes_max)};
    cleanup(netlink_message_fini) struct netlink_message message = {0};

    netlink_begin(&message, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, 0, &header, sizeof(header));
    netlink_put(&message, NFULA_CFG_CMD, &command, sizeof(command));
    netlink_put(&message, NFULA_CFG_MODE, &mode, sizeof(mode));
    netlink_put_be32(&message, NFULA_CFG_QTHRESH, 1);
    netlink_put_be32(&message, NFULA_CFG_TIMEOUT, 0);
    return netlink_request(netlink, &message, error);
}

#define GROUPS_LINE_MAX 128 /* a handful of numbers */

unsigned netlink_log_holder(uint16_t group)
{
    _cleanup_fclose_ FILE *file = fopen("/proc/thread-self/" GROUPS, "re");
    char line[GROUPS_LINE_MAX];

    while (file && fgets(line, sizeof(line), file)) { /* "group port ..." */
        char *rest;
        unsigned long number = strtoul(line, &rest, 10);

        if (number == group)
            return (unsigned)strtoul(rest, NULL, 10);
    }
    return 0;
}

/* -EPERM is "another socket holds it" as well as "you may not"; the two others come when both bind at once. */
static bool may_be_held(int code)
{
    return code == -EPERM || code == -EBUSY || code == -EEXIST;
}

/* Says what the refusal @code means. */
static int explain(int code, uint16_t group, struct tapnet_error *error)
{
    unsigned holder = netlink_log_holder(group);

    if (code == -EINVAL || code == -EOPNOTSUPP) /* of a subsystem of netfilter that is not there */
        return error_set(error, -EPROTONOSUPPORT,
                         "the kernel has no netfilter log, by which DHCP requests come: `modprobe nfnetlink_log`");
    if (may_be_held(code) && (holder || code != -EPERM))
        return error_set(error, -EBUSY,
                         "netfilter's log group %u, by which DHCP requests come, is held by another program (netlink "
                         "port %u, as a rule its process id): end that one, or give it another group",
                         group, holder);
    return error_prefix(error, code, "cannot bind netfilter's log group %u", group);
}

/* Drops what does not fit the queue, one by one, instead of all until the queue is empty. */
static void set_queue(int fd)
{
    int on = 1, queue_len = QUEUE_BYTES;

    (void)setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on));
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue_len, sizeof(queue_len)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue_len, sizeof(queue_len)); /* as much as we may */
}

int netlink_log_open(uint16_t group, uint32_t bytes_max, int *ret_fd, struct tapnet_error *error)
{
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct tapnet_error refusal = {0};
    _cleanup_close_ int fd = -1;
    int r = netlink_open(NETLINK_NETFILTER, &netlink, error);

    if (r < 0)
        return r;
    r = bind_group(netlink, group, bytes_max, &refusal);
    for (int i = 0; i < WAITS && may_be_held(r) && (i == 0 || netlink_log_holder(group)); i++) {
        poll(NULL, 0, 1 << i);
        r = bind_group(netlink, group, bytes_max, &refusal);
    }
    if (r < 0) {
        r = explain(r, group, &refusal);
        return error_set(error, r, "%s", refusal.text);
    }
    set_queue(netlink_fd(netlink));
    fd = fcntl(netlink_fd(netlink), F_DUPFD_CLOEXEC, 3); /* the same socket: it lives on when @netlink goes */
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return error_set_errno(error, -errno, "cannot keep the log's socket");
    *ret_fd = take_fd(&fd);
    return 0;
}
