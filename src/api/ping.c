/* SPDX-License-Identifier: MIT */
/* Does an address answer a ping (RFC 792, RFC 4443)? */
#include "api/ping.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <tapnet/packet.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netlink/clock.h"

#define INTERVAL_MSEC 1000
#define ECHO_LEN 16 /* header, and eight bytes by which the answer is known */

struct question {
    int fd;
    uint8_t family;
    uint8_t bytes[ECHO_LEN];
};

/* The socket hears this address alone. The checksum of ICMPv6 is the kernel's affair. */
static int open_socket(const struct ip_address *address, struct tapnet_error *error)
{
    int protocol = address->family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6, result;
    _cleanup_close_ int fd = socket(address->family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    struct sockaddr_in name = {.sin_family = AF_INET};
    struct sockaddr_in6 name6 = {.sin6_family = AF_INET6};

    if (fd < 0)
        return error_set_errno(error, -errno, "cannot open a socket for a ping");
    memcpy(&name.sin_addr, address->bytes, sizeof(name.sin_addr));
    memcpy(&name6.sin6_addr, address->bytes, sizeof(name6.sin6_addr));
    result = address->family == AF_INET ? connect(fd, (const struct sockaddr *)&name, sizeof(name))
                                        : connect(fd, (const struct sockaddr *)&name6, sizeof(name6));
    if (result < 0 && errno != ENETUNREACH && errno != EHOSTUNREACH)
        return error_set_errno(error, -errno, "cannot ping");
    return result < 0 ? -ENETUNREACH : take_fd(&fd);
}

static int make_question(uint8_t family, struct question *ret, struct tapnet_error *error)
{
    uint16_t sum;

    *ret = (struct question){.fd = -1, .family = family};
    if (getrandom(ret->bytes + 4, ECHO_LEN - 4, 0) != ECHO_LEN - 4)
        return error_set_errno(error, -errno, "cannot get random bytes");
    ret->bytes[0] = family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
    sum = htons(tapnet_checksum(ret->bytes, ECHO_LEN));
    memcpy(ret->bytes + 2, &sum, sizeof(sum));
    return 0;
}

/* Is the packet an answer to the question? IPv4's header stands before it. */
static bool answers(const struct question *question, const uint8_t *bytes, size_t len)
{
    uint8_t type = question->family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
    struct tapnet_ipv4 packet;
    int header = question->family == AF_INET ? tapnet_ipv4_parse(bytes, len, &packet) : 0;

    return header >= 0 && len >= (size_t)header + ECHO_LEN && bytes[header] == type &&
           memcmp(bytes + header + 4, question->bytes + 4, ECHO_LEN - 4) == 0;
}

static bool is_answered(const struct question *question)
{
    uint8_t bytes[2048];
    ssize_t len;

    while ((len = recv(question->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0)
        if (answers(question, bytes, (size_t)len))
            return true;
    return false;
}

/* Waits until @until; true when it was answered. */
static bool wait_for_answer(const struct question *question, int64_t until)
{
    int64_t left;

    while ((left = until - clock_now_msec()) > 0) {
        struct pollfd poll_fd = {.fd = question->fd, .events = POLLIN};

        if (poll(&poll_fd, 1, (int)left) > 0 && is_answered(question))
            return true;
    }
    return false;
}

int ping(const struct ip_address *address, unsigned msec, struct tapnet_error *error)
{
    int64_t deadline = clock_now_msec() + msec;
    struct question question;
    int result = make_question(address->family, &question, error);

    while (result == 0 && clock_now_msec() < deadline) {
        int64_t until = clock_now_msec() + INTERVAL_MSEC;
        _cleanup_close_ int fd = open_socket(address, error); /* anew: the way there may be another one by now */

        if (fd < 0 && fd != -ENETUNREACH)
            return fd;
        question.fd = fd;
        if (fd >= 0)
            send(fd, question.bytes, ECHO_LEN, MSG_NOSIGNAL);
        if (wait_for_answer(&question, until < deadline ? until : deadline))
            return 0;
    }
    return result < 0 ? result : -ETIMEDOUT;
}
