/* SPDX-License-Identifier: MIT */
/* Netlink for the bare programs: libmnl and nothing of tapnet; whatever fails ends the program. */
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Room for one datagram of a dump: the kernel fills at most 32 KiB. */
#define DUMP_LEN 32768

static uint32_t last_sequence;

void request_fail(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
    exit(1);
}

struct mnl_socket *request_open(int protocol)
{
    struct mnl_socket *socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
    int room = 4 * REQUEST_LEN_MAX;

    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        request_fail("netlink socket");
    if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
        request_fail("SO_SNDBUFFORCE");
    return socket;
}

struct nlmsghdr *request_begin(void *buffer, uint16_t type, uint16_t flags, const void *header, size_t header_len)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

    message->nlmsg_type = type;
    message->nlmsg_flags = NLM_F_REQUEST | flags;
    message->nlmsg_seq = ++last_sequence;
    memcpy(mnl_nlmsg_put_extra_header(message, header_len), header, header_len);
    return message;
}

void request_send(struct mnl_socket *socket, const void *bytes, size_t len, uint32_t sequence, const char *what)
{
    char reply[DUMP_LEN];

    if (mnl_socket_sendto(socket, bytes, len) < 0)
        request_fail(what);
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(socket, reply, sizeof(reply));
        struct nlmsghdr *answer = (struct nlmsghdr *)(void *)reply;
        int rest = (int)n;

        if (n < 0)
            request_fail(what);
        for (; mnl_nlmsg_ok(answer, rest); answer = mnl_nlmsg_next(answer, &rest)) {
            const struct nlmsgerr *ack = mnl_nlmsg_get_payload(answer);

            if (answer->nlmsg_type != NLMSG_ERROR)
                continue;
            errno = -ack->error;
            if (ack->error)
                request_fail(what);
            if (answer->nlmsg_seq == sequence)
                return;
        }
    }
}

void request_run(struct mnl_socket *socket, struct nlmsghdr *message, const char *what)
{
    message->nlmsg_flags |= NLM_F_ACK;
    request_send(socket, message, message->nlmsg_len, message->nlmsg_seq, what);
}

struct counted {
    mnl_cb_t reader;
    void *data;
    size_t count;
};

static int count_message(const struct nlmsghdr *message, void *data)
{
    struct counted *counted = data;

    counted->count++;
    return counted->reader ? counted->reader(message, counted->data) : MNL_CB_OK;
}

size_t request_dump(struct mnl_socket *socket, struct nlmsghdr *message, mnl_cb_t reader, void *data, const char *what)
{
    struct counted counted = {.reader = reader, .data = data};
    char *reply = malloc(DUMP_LEN);
    int result = MNL_CB_OK;

    message->nlmsg_flags |= NLM_F_DUMP;
    if (!reply || mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
        request_fail(what);
    while (result > MNL_CB_STOP) {
        ssize_t n = mnl_socket_recvfrom(socket, reply, DUMP_LEN);

        if (n < 0)
            request_fail(what);
        result = mnl_cb_run(reply, (size_t)n, message->nlmsg_seq, mnl_socket_get_portid(socket), count_message,
                            &counted);
    }
    if (result < 0)
        request_fail(what);
    free(reply);
    return counted.count;
}

uint64_t request_now_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
