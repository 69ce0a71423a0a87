/* SPDX-License-Identifier: MIT */
/* Whole exchanges with a kernel that answers anything: lists, requests and transactions, of all netlink families. */
#include <errno.h>
#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device/device.h"
#include "netlink/address.h"
#include "netlink/advertised.h"
#include "netlink/bound.h"
#include "netlink/bridge.h"
#include "netlink/conntrack.h"
#include "netlink/listener.h"
#include "netlink/unix.h"
#include "nft/nft.h"
#include "observe/links.h"

/*
 * How it works: the first byte says who asks, the rest is the kernel's queue: datagrams, each behind its length in two
 * bytes (little endian). A length of 0 stands for answers that were lost, one with the highest bit for a datagram that
 * is longer than any buffer. The linker puts the two functions below between src/netlink and libmnl: nothing reaches
 * the real kernel. Ports and sequence numbers of messages are put right, so that they count; all else is the input's.
 * Behind the end of a datagram the sanitizer sees every byte that is read.
 */

#define CUT 0x8000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *bytes, size_t len);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags);

static struct {
    const uint8_t *queue;
    size_t left;
    uint32_t port, first, last; /* of the request */
} kernel;

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* ---- the kernel ---- */

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *bytes, size_t len)
{
    size_t offset = 0;

    (void)socket;
    for (const struct nlmsghdr *message; offset < len; offset += NLMSG_ALIGN(message->nlmsg_len)) {
        message = (const void *)((const uint8_t *)bytes + offset);
        require(message->nlmsg_len >= sizeof(*message) && message->nlmsg_len <= len - offset);
        if (offset == 0)
            kernel.first = message->nlmsg_seq;
        kernel.port = message->nlmsg_pid;
        kernel.last = message->nlmsg_seq;
    }
    require(offset == len);
    return (ssize_t)len;
}

/* Makes answers of whole messages: the first's number, or another one's of the request. */
static void address_messages(uint8_t *bytes, size_t len)
{
    for (size_t offset = 0; offset + sizeof(struct nlmsghdr) <= len;) {
        struct nlmsghdr *message = (void *)(bytes + offset);

        message->nlmsg_pid = kernel.port;
        message->nlmsg_seq = kernel.first + message->nlmsg_seq % (kernel.last - kernel.first + 1);
        if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > len - offset)
            return;
        offset += NLMSG_ALIGN(message->nlmsg_len);
    }
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags)
{
    uint8_t *buffer = header->msg_iov->iov_base;
    size_t len;

    (void)fd;
    (void)flags;
    ASAN_UNPOISON_MEMORY_REGION(buffer, header->msg_iov->iov_len);
    if (kernel.left < 2) {
        errno = EAGAIN;
        return -1;
    }
    len = kernel.queue[0] | (size_t)kernel.queue[1] << 8;
    kernel.queue += 2;
    kernel.left -= 2;
    if (len == 0) {
        errno = ENOBUFS;
        return -1;
    }
    memset(header->msg_name, 0, header->msg_namelen); /* port 0: the kernel */
    header->msg_flags = len & CUT ? MSG_TRUNC : 0;
    if (len & CUT)
        return (ssize_t)header->msg_iov->iov_len + (ssize_t)(len & ~(size_t)CUT);
    len = len < kernel.left ? len : kernel.left;
    memcpy(buffer, kernel.queue, len);
    kernel.queue += len;
    kernel.left -= len;
    address_messages(buffer, len);
    ASAN_POISON_MEMORY_REGION(buffer + len, header->msg_iov->iov_len - len);
    return (ssize_t)len;
}

/* ---- who asks ---- */

static void require_fit(int result, const struct tapnet_error *error)
{
    require(result >= 0 || (error->code == result && error->text[0]));
    for (const char *at = error->text; *at; at++)
        require(*at == '\n' || (*at >= ' ' && *at <= '~'));
}

static int read_element(const struct guard_element *element, void *data)
{
    char text[GUARD_TEXT_MAX];

    require(strlen(guard_element_print(element, text)) < sizeof(text) && guard_element_equal(element, element));
    *(size_t *)data += strlen(element->label);
    return 0;
}

static int read_address(const struct netlink_address *address, void *data)
{
    char text[IP_PREFIX_TEXT_MAX];

    (void)data;
    require(strlen(ip_prefix_print(&address->prefix, text)) < sizeof(text));
    return 0;
}

static int read_route(const struct netlink_route *route, void *data)
{
    char text[IP_PREFIX_TEXT_MAX];

    (void)data;
    require(strlen(ip_prefix_print(&route->destination, text)) < sizeof(text));
    return 0;
}

static int read_neighbour(const struct netlink_neighbour *neighbour, void *data)
{
    char text[IP_TEXT_MAX];

    (void)data;
    if (neighbour->address.family)
        ip_address_print(&neighbour->address, text);
    return 0;
}

static int read_bridge(const struct netlink_bridge_link *link, void *data)
{
    (void)data;
    require(strnlen(link->bridge.name, sizeof(link->bridge.name)) < sizeof(link->bridge.name));
    return 0;
}

static int read_mac(const struct netlink_bridge_mac *mac, void *data)
{
    *(uint64_t *)data += mac->age_csec;
    return 0;
}

static int read_listener(const struct netlink_listener *listener, void *data)
{
    char text[IP_TEXT_MAX];

    (void)data;
    if (listener->address.family)
        ip_address_print(&listener->address, text);
    require(listener->protocol == IPPROTO_TCP || listener->protocol == IPPROTO_UDP);
    return 0;
}

/* Links, whose they are and their shapers, as a plan wants to know them. */
static int ask_links(struct netlink *netlink, struct tapnet_error *error)
{
    struct observe_found found = {0};
    struct observe_pass pass = {.found = &found, .best_metric = UINT32_MAX, .error = error};
    int result = observe_links(netlink, &pass);

    if (result == 0)
        model_objects_sort(&found.objects);
    for (size_t i = 0; result == 0 && i < found.objects.count; i++) {
        char text[MODEL_OBJECT_TEXT_MAX];

        require(found.objects.items[i].kind == MODEL_OBJECT_LINK);
        require(strlen(model_object_print(&found.objects.items[i], text)) < sizeof(text));
    }
    if (result == -ENOMEM && !error->text[0])
        error_set(error, result, "out of memory");
    device_features_close(pass.features);
    model_objects_fini(&found.objects);
    free(found.links);
    free(pass.indices);
    return result;
}

static int ask_conntrack(struct netlink *netlink, bool forwards, struct tapnet_error *error)
{
    const struct ip_address addresses[] = {{.family = AF_INET, .bytes = {127, 0, 0, 2}},
                                           {.family = AF_INET, .bytes = {127, 0, 0, 4}}};
    const struct netlink_conntrack_forward forward[] = {
        {.protocol = IPPROTO_UDP, .first = 5000, .last = 5999, .comes = true},
        {.protocol = IPPROTO_UDP, .first = 5000, .last = 5999, .guest = addresses[0]}};

    if (forwards)
        return netlink_conntrack_forget_forwards(netlink, forward, 2, addresses, 2, NULL, error);
    return netlink_conntrack_forget(netlink, addresses, 2, NULL, error);
}

/* A transaction of one table. */
static int ask_commit(struct netlink *netlink, struct tapnet_error *error)
{
    struct nft_transaction transaction;
    int result;

    nft_transaction_init(&transaction);
    nft_table_delete(&transaction, GUARD_ARP);
    nft_table_add(&transaction, GUARD_ARP);
    result = nft_commit(netlink, &transaction, error);
    nft_transaction_fini(&transaction);
    return result;
}

static int ask_netfilter(struct netlink *netlink, unsigned who, struct tapnet_error *error)
{
    enum guard_family family = who % GUARD_FAMILY_COUNT;
    enum nft_table_state state;
    size_t labels = 0;

    switch (who / 4) {
    case 0:
        return nft_table_observe(netlink, family, &state, error);
    case 1:
        return nft_elements_observe(netlink, family, read_element, NULL, &labels, error);
    case 2:
        return ask_conntrack(netlink, who & 1, error);
    default:
        return ask_commit(netlink, error);
    }
}

static int ask_route(struct netlink *netlink, unsigned who, struct tapnet_error *error)
{
    uint64_t ages = 0;

    switch (who) {
    case 0:
        return ask_links(netlink, error);
    case 1:
        return netlink_address_dump(netlink, read_address, NULL, NULL, error);
    case 2:
        return netlink_route_dump(netlink, AF_INET, RT_TABLE_MAIN, read_route, NULL, NULL, error);
    case 3:
        return netlink_neighbour_dump(netlink, AF_INET, read_neighbour, NULL, NULL, error);
    case 4:
        return netlink_proxy_dump(netlink, AF_INET, read_neighbour, NULL, NULL, error);
    case 5:
        return netlink_bridge_dump(netlink, read_bridge, NULL, NULL, error);
    case 6:
        return netlink_bridge_mac_dump(netlink, read_mac, NULL, &ages, error);
    default:
        return netlink_bridge_get(netlink, "br-lab", read_bridge, NULL, error);
    }
}

static int read_bound(const struct netlink_bound *bound, void *data)
{
    (void)data;
    require(bound->kind[0] && bound->inode);
    return 0;
}

static int read_item(const struct netlink_item *item, void *data)
{
    struct netlink_advertised advertised;
    struct ip_address address;

    (void)data;
    require(item->len <= NETLINK_ITEM_MAX);
    netlink_item_address(item, &address);
    netlink_item_default_gateway(item, &address);
    netlink_item_advertised(item, &advertised);
    return 0;
}

/* What would be in the way of an uplink that becomes a port, and what it carries. */
static int ask_uplink(struct netlink *netfilter, struct netlink *route, unsigned who, struct tapnet_error *error)
{
    const struct ip_address address = {.family = AF_INET, .bytes = {127, 0, 0, 2}};
    const char *fault;
    size_t count;
    bool found;

    switch (who) {
    case 3:
        return netlink_bound_dump(2, read_bound, NULL, error);
    case 4:
        return netlink_has_filters(route, 2, &found, error);
    case 5:
        return netlink_has_rules(route, "eth0", &found, error);
    case 6:
        return netlink_item_dump(route, 2, "eth0", read_item, NULL, &fault, error);
    default:
        return netlink_conntrack_count_masqueraded(netfilter, &address, 1, &count, error);
    }
}

/* These have sockets of their own. */
static int ask_sockets(unsigned who, struct tapnet_error *error)
{
    unsigned long inodes[4];

    switch (who) {
    case 0:
        return netlink_listener_dump(read_listener, NULL, error);
    case 1:
        require(unix_socket_listeners("/run/tapnet/service.sock", inodes, 4) <= 4);
        return 0;
    default:
        unix_socket_is_ours("/run/tapnet/service.sock");
        return 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct netlink *netfilter, *route; /* as in the keeper, one socket lives through all */
    struct tapnet_error error = TAPNET_ERROR_INIT;
    int result;

    if (size < 1)
        return 0;
    if (!netfilter)
        require(netlink_open(NETLINK_NETFILTER, &netfilter, NULL) == 0 &&
                netlink_open(NETLINK_ROUTE, &route, NULL) == 0);
    kernel.queue = data + 1;
    kernel.left = size - 1;
    switch (data[0] % 32 / 8) {
    case 0:
    case 1:
        result = ask_netfilter(netfilter, data[0] % 16, &error);
        break;
    case 2:
        result = ask_route(route, data[0] % 8, &error);
        break;
    default:
        result = data[0] % 8 < 3 ? ask_sockets(data[0] % 8, &error) : ask_uplink(netfilter, route, data[0] % 8, &error);
        break;
    }
    require_fit(result, &error);
    return 0;
}
