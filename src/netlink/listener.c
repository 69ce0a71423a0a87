/* SPDX-License-Identifier: MIT */
/* TCP and UDP sockets that wait for whoever comes, from NETLINK_SOCK_DIAG (linux/inet_diag.h). */
#include "netlink/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h> /* TCP_LISTEN, TCP_CLOSE */
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/*
 * How it works: a socket of IPv6 bound to :: takes IPv4 too, unless it says otherwise (IPV6_V6ONLY), and one bound to
 * an IPv4 address in IPv6's form takes that. A UDP socket that is not connected is in the state "closed".
 */
struct listen_dump {
    uint8_t protocol;
    netlink_listener_reader *reader;
    void *data;
};

DEFINE_CLEANUP(struct netlink *, netlink_close)

/* The IPv4 address that @socket takes; false when it takes none. */
static bool read_address(const struct inet_diag_msg *socket, const struct nlattr *only6, struct ip_address *ret)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff}, none[16] = {0};
    const uint8_t *source = (const uint8_t *)socket->id.idiag_src;

    *ret = (struct ip_address){0};
    if (socket->idiag_family == AF_INET6 && memcmp(source, none, sizeof(none)) == 0)
        return netlink_get_u8(only6) == 0;
    if (socket->idiag_family == AF_INET6) {
        if (memcmp(source, mapped, sizeof(mapped)) != 0)
            return false;
        source += sizeof(mapped);
    }
    if (memcmp(source, none, 4) != 0) {
        ret->family = AF_INET;
        memcpy(ret->bytes, source, 4);
    }
    return true;
}

static int read_socket(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attributes[INET_DIAG_SKV6ONLY + 1];
    const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
    const struct listen_dump *dump = data;
    struct netlink_listener listener = {.protocol = dump->protocol};

    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*socket)) ||
        netlink_parse(message, sizeof(*socket), attributes, INET_DIAG_SKV6ONLY) < 0)
        return -EBADMSG;
    if (!socket->id.idiag_sport || !read_address(socket, attributes[INET_DIAG_SKV6ONLY], &listener.address))
        return 0;
    listener.port = ntohs(socket->id.idiag_sport);
    listener.inode = socket->idiag_inode;
    return dump->reader(&listener, dump->data);
}

static int dump_sockets(uint8_t family, struct listen_dump *dump, struct tapnet_error *error)
{
    const struct inet_diag_req_v2 request = {
        .sdiag_family = family,
        .sdiag_protocol = dump->protocol,
        .idiag_states = 1u << (dump->protocol == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE),
    };
    struct netlink_message message cleanup(netlink_message_fini);
    struct netlink *netlink cleanup(cleanup_netlink_close) = NULL;
    struct tapnet_error refusal = TAPNET_ERROR_INIT;
    int result = netlink_open(NETLINK_SOCK_DIAG, &netlink, &refusal);

    netlink_message_init(&message);
    netlink_begin(&message, SOCK_DIAG_BY_FAMILY, 0, &request, sizeof(request));
    if (result == 0)
        result = netlink_dump(netlink, &message, read_socket, NULL, dump, &refusal);
    if (result == -ENOENT || result == -EPROTONOSUPPORT || result == -EINVAL)
        return 0;
    return result < 0 ? error_set(error, result, "cannot ask who listens: %s", refusal.text) : 0;
}

int netlink_listener_dump(netlink_listener_reader *reader, void *data, struct tapnet_error *error)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP}, families[] = {AF_INET, AF_INET6};
    int result = 0;

    for (size_t p = 0; p < 2; p++)
        for (size_t f = 0; f < 2 && result == 0; f++) {
            struct listen_dump dump = {protocols[p], reader, data};

            result = dump_sockets(families[f], &dump, error);
        }
    return result;
}
