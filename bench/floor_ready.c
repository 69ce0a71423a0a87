/* SPDX-License-Identifier: MIT */
/* The floor of a port that is ready: who holds its TAP is asked by one datagram, and hands it over by another. */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "floor.h"
#include "request.h"

static void hand_over(int line, int fd)
{
    char byte = 0;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    if (sendmsg(line, &message, 0) != 1)
        request_fail("hand the TAP over");
}

static void receive(int line)
{
    char byte;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};

    if (recvmsg(line, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
        request_fail("be handed the TAP");
}

static void turn_on(struct mnl_socket *route, unsigned port)
{
    char buffer[256], name[IFNAMSIZ];
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
    struct nlmsghdr *message = request_begin(buffer, RTM_NEWLINK, 0, &header, sizeof(header));

    port_name(port, name);
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    mnl_attr_put_u8(message, IFLA_CARRIER, 1);
    request_run(route, message, "turn the carrier on");
}

/* Its carrier is turned on when it has been handed over: who waits for that is the next one. */
static void hold(int line, const int *fds, unsigned first, unsigned count)
{
    struct mnl_socket *route = request_open(NETLINK_ROUTE);
    char byte;

    for (unsigned i = 0; i < count && recv(line, &byte, 1, 0) == 1; i++) {
        hand_over(line, fds[i]);
        turn_on(route, first + i);
    }
    mnl_socket_close(route);
}

void run_ready(struct mnl_socket *route, unsigned bridge, unsigned first, unsigned count)
{
    int fds[PORTS_MAX], lines[2], carrier = 0;

    for (unsigned i = 0; i < count; i++) {
        struct ifreq request;

        fds[i] = make_tap(first + i, &request);
        if (ioctl(fds[i], TUNSETCARRIER, &carrier) < 0)
            request_fail("take the carrier");
        set_port(route, first + i, request.ifr_name, bridge);
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, lines) < 0)
        request_fail("make a line");
    fflush(stdout);
    if (fork() == 0) {
        hold(lines[0], fds, first, count);
        _exit(0);
    }
    usleep(UP_USEC);
    for (unsigned i = 0; i < count; i++) {
        uint64_t start = request_now_usec();

        if (send(lines[1], "", 1, 0) != 1)
            request_fail("ask for a TAP");
        receive(lines[1]);
        printf("ready %lu\n", request_now_usec() - start);
    }
}
