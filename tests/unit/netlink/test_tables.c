/* SPDX-License-Identifier: MIT */
/* Addresses, routes, neighbours, FDB entries, tracked connections and sysctls on the real kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "namespace.h"
#include "netlink/address.h"
#include "netlink/conntrack.h"
#include "netlink/listener.h"
#include "netlink/link.h"
#include "netlink/sysctl.h"

/*
 *      10.20.0.1/24             peer end, no addresses
 *     +---+   veth                +---+
 *     |va |-----------------------|vb |---- br0
 *     +---+                       +---+
 */
#define PROTOCOL 116
#define LOOPBACK 1 /* its index, in every namespace */

static struct netlink *netlink;
static struct tapnet_error error;
static int index_a;

static struct ip_prefix prefix_of(const char *text)
{
    struct ip_prefix prefix = {0};

    assert_int_equal(ip_prefix_parse(text, -1, &prefix), 0);
    return prefix;
}

static struct ip_address address_of(const char *text)
{
    struct ip_address address = {0};

    assert_int_equal(ip_address_parse(text, &address), 0);
    return address;
}

struct found {
    struct ip_prefix prefix;
    struct netlink_address address;
    struct netlink_route route;
    struct mac mac;
    struct netlink_neighbour neighbour;
    size_t count, total;
};

static int find_address(const struct netlink_address *address, void *data)
{
    struct found *found = data;

    found->total++;
    if (ip_prefix_compare(&address->prefix, &found->prefix) == 0 && address->index == index_a) {
        found->address = *address;
        found->count++;
    }
    return 0;
}

static size_t count_addresses(const char *prefix, struct netlink_address *ret)
{
    struct found found = {.prefix = prefix_of(prefix)};

    assert_int_equal(netlink_address_dump(netlink, find_address, NULL, &found, &error), 0);
    *ret = found.address;
    return found.count;
}

static void test_an_address_of_ours(void **state)
{
    struct ip_prefix prefix = prefix_of("10.20.0.1/24");
    struct netlink_address found;

    (void)state;
    assert_int_equal(netlink_address_add(netlink, index_a, &prefix, PROTOCOL, &error), 0);
    assert_non_null(strstr(output_of("ip -4 addr show dev va"), "inet 10.20.0.1/24 brd 10.20.0.255"));
    assert_int_equal(count_addresses("10.20.0.1/24", &found), 1);
    assert_true(found.protocol == PROTOCOL || found.protocol == 0); /* 0: before Linux 5.18 */
    assert_int_equal(netlink_address_add(netlink, index_a, &prefix, PROTOCOL, &error), -EEXIST);
    assert_int_equal(netlink_address_delete(netlink, index_a, &prefix, &error), 0);
    assert_int_equal(netlink_address_delete(netlink, index_a, &prefix, &error), -EADDRNOTAVAIL);
    assert_int_equal(count_addresses("10.20.0.1/24", &found), 0);
}

/* On whatever link, each once, to be looked up. */
static void test_the_list_of_addresses_is_sorted(void **state)
{
    static const char *const texts[] = {"10.20.0.9/24", "10.20.0.10/24", "10.19.0.200/16", "203.0.113.7/32"};
    const int indexes[] = {index_a, LOOPBACK, index_a, LOOPBACK};
    _cleanup_free_ struct ip_address *before = NULL, *addresses = NULL;
    size_t before_count = 0, count = 0, met = 0;

    (void)state;
    assert_int_equal(netlink_address_list(netlink, &before, &before_count, &error), 0);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct ip_prefix prefix = prefix_of(texts[i]);

        assert_int_equal(netlink_address_add(netlink, indexes[i], &prefix, PROTOCOL, &error), 0);
    }
    assert_int_equal(netlink_address_list(netlink, &addresses, &count, &error), 0);
    assert_int_equal(count, before_count + ARRAY_COUNT(texts));
    for (size_t i = 0; i < count; i++) {
        if (i)
            assert_true(ip_address_compare(&addresses[i - 1], &addresses[i]) < 0);
        for (size_t j = 0; j < ARRAY_COUNT(texts); j++) {
            struct ip_prefix prefix = prefix_of(texts[j]);

            met += ip_address_equal(&prefix.address, &addresses[i]);
        }
    }
    assert_int_equal(met, ARRAY_COUNT(texts));
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct ip_prefix prefix = prefix_of(texts[i]);

        assert_int_equal(netlink_address_delete(netlink, indexes[i], &prefix, &error), 0);
    }
}

/* IPv6 is there at once: no duplicate detection keeps it tentative. A /31 has no broadcast address. */
static void test_addresses_of_other_shapes(void **state)
{
    struct ip_prefix six = prefix_of("fd00:20::1/64"), pair = prefix_of("10.20.1.0/31");
    struct netlink_address found;

    (void)state;
    assert_int_equal(netlink_address_add(netlink, index_a, &pair, PROTOCOL, &error), 0);
    assert_null(strstr(output_of("ip -4 addr show dev va"), "brd"));
    assert_int_equal(netlink_address_delete(netlink, index_a, &pair, &error), 0);
    if (access("/proc/sys/net/ipv6", F_OK) < 0)
        return;
    assert_int_equal(netlink_address_add(netlink, index_a, &six, PROTOCOL, &error), 0);
    assert_null(strstr(output_of("ip -6 addr show dev va scope global"), "tentative"));
    assert_int_equal(count_addresses("fd00:20::1/64", &found), 1);
    assert_int_equal(netlink_address_delete(netlink, index_a, &six, &error), 0);
}

/* Both end in the same 24 bits, and so have one multicast group: who asks for the first must still be heard. */
static void test_one_that_goes_at_once_takes_no_group_from_another(void **state)
{
    struct ip_prefix stays = prefix_of("fe80::1/64"), goes = prefix_of("fd00:21::1/64");

    (void)state;
    if (access("/proc/sys/net/ipv6", F_OK) < 0)
        return;
    assert_int_equal(netlink_address_add(netlink, index_a, &stays, PROTOCOL, &error), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(netlink_address_add(netlink, index_a, &goes, PROTOCOL, &error), 0);
        assert_int_equal(netlink_address_delete(netlink, index_a, &goes, &error), 0);
        assert_non_null(strstr(output_of("ip maddr show dev va"), "ff02::1:ff00:1"));
    }
    assert_int_equal(netlink_address_delete(netlink, index_a, &stays, &error), 0);
}

/* The kernel's route leads to the one at the other end, alone. */
static void test_an_address_with_a_peer(void **state)
{
    struct ip_prefix prefix = prefix_of("10.20.0.1/32"), guest = prefix_of("10.20.0.7/32");
    struct netlink_address found;

    (void)state;
    assert_int_equal(netlink_peer_add(netlink, index_a, &prefix, &guest.address, PROTOCOL, &error), 0);
    assert_non_null(strstr(output_of("ip -4 addr show dev va"), "inet 10.20.0.1 peer 10.20.0.7/32"));
    assert_non_null(strstr(output_of("ip route show dev va"), "10.20.0.7 proto kernel scope link src 10.20.0.1"));
    assert_int_equal(count_addresses("10.20.0.1/32", &found), 1);
    assert_true(ip_address_equal(&found.peer, &guest.address));
    assert_int_equal(netlink_address_delete(netlink, index_a, &prefix, &error), -EADDRNOTAVAIL);
    assert_int_equal(netlink_peer_delete(netlink, index_a, &prefix, &guest.address, &error), 0);
    assert_int_equal(count_addresses("10.20.0.1/32", &found), 0);
}

/* ---- routes ---- */

static int find_route(const struct netlink_route *route, void *data)
{
    struct found *found = data;

    found->total++;
    if (ip_prefix_compare(&route->destination, &found->prefix) == 0) {
        found->route = *route;
        found->count++;
    }
    return 0;
}

static struct found find_routes(const char *prefix, uint32_t table)
{
    struct found found = {.prefix = prefix_of(prefix)};

    assert_int_equal(netlink_route_dump(netlink, AF_INET, table, find_route, NULL, &found, &error), 0);
    return found;
}

/* Beside what leads there by another link, as a guest's route is for a moment when it moves to another port. */
static void test_routes_beside_each_other(void **state)
{
    const struct netlink_route one = {
        .destination = prefix_of("fd00:22::7/128"),
        .source = address_of("fd00:22::1"),
        .index = index_a,
        .protocol = PROTOCOL,
        .type = RTN_UNICAST,
    };
    struct netlink_route other = one;
    struct found found = {.prefix = one.destination};

    (void)state;
    assert_int_equal(netlink_route_add_beside(netlink, &one, &error), -EINVAL); /* from what is no address of ours */
    assert_true(shell("ip addr add fd00:22::1/128 dev br0 nodad && ip link set br0 up"));
    assert_int_equal(netlink_route_add_beside(netlink, &one, &error), 0);
    assert_int_equal(netlink_route_add_beside(netlink, &one, &error), -EEXIST);
    assert_true(shell("ip link add dev vc type bridge && ip link set vc up"));
    other.index = (int)if_nametoindex("vc");
    assert_int_equal(netlink_route_add(netlink, &other, &error), -EEXIST);
    assert_int_equal(netlink_route_add_beside(netlink, &other, &error), 0);
    assert_int_equal(netlink_route_dump(netlink, AF_INET6, RT_TABLE_MAIN, find_route, NULL, &found, &error), 0);
    assert_int_equal(found.count, 2);
    assert_true(ip_address_equal(&found.route.source, &one.source));
    assert_int_equal(netlink_route_delete(netlink, &one, &error), 0);
    assert_non_null(strstr(output_of("ip -6 route show fd00:22::7"), "dev vc proto 116 src fd00:22::1"));
    assert_true(shell("ip link del vc && ip addr del fd00:22::1/128 dev br0"));
}

static void test_routes(void **state)
{
    const struct netlink_route route = {
        .destination = prefix_of("192.0.2.0/24"),
        .gateway = address_of("10.20.0.9"),
        .index = index_a,
        .metric = 50,
        .protocol = PROTOCOL,
        .type = RTN_UNICAST,
    };
    struct found found;

    (void)state;
    assert_true(shell("ip addr add 10.20.0.1/24 dev va && ip route add default via 10.20.0.9 metric 7"));
    assert_int_equal(netlink_route_add(netlink, &route, &error), 0);
    assert_non_null(strstr(output_of("ip route show 192.0.2.0/24"), "via 10.20.0.9 dev va proto 116 metric 50"));
    assert_int_equal(netlink_route_add(netlink, &route, &error), -EEXIST);
    found = find_routes("192.0.2.0/24", RT_TABLE_MAIN);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.route.index, index_a);
    assert_true(ip_address_equal(&found.route.gateway, &route.gateway));
    assert_true(found.route.metric == 50 && found.route.protocol == PROTOCOL && found.route.table == RT_TABLE_MAIN);
    found = find_routes("0.0.0.0/0", RT_TABLE_MAIN);
    assert_true(found.count == 1 && found.route.metric == 7);
    assert_int_equal(found.total, 3); /* these two and the subnet: nothing of table local */
    assert_int_equal(find_routes("192.0.2.0/24", 0).count, 1);
    assert_true(find_routes("0.0.0.0/0", 0).total > 3);
    found = (struct found){.count = 0}; /* a family without routes, as IPv6's on a host that has none of it */
    assert_int_equal(netlink_route_dump(netlink, AF_X25, 0, find_route, NULL, &found, &error), 0);
    assert_int_equal(found.total, 0);
    assert_int_equal(netlink_route_delete(netlink, &route, &error), 0);
    assert_int_equal(netlink_route_delete(netlink, &route, &error), -ESRCH);
}

/* A table that nobody ever used is empty, and leaves no error behind. */
static void test_an_unused_table(void **state)
{
    struct tapnet_error nothing = TAPNET_ERROR_INIT;
    struct found found = {0};

    (void)state;
    assert_int_equal(netlink_route_dump(netlink, AF_INET, 4711, find_route, NULL, &found, &nothing), 0);
    assert_int_equal(found.total, 0);
    assert_string_equal(nothing.text, "");
    assert_int_equal(nothing.code, 0);
}

/* ---- neighbours ---- */

static int find_neighbour(const struct netlink_neighbour *neighbour, void *data)
{
    struct found *found = data;

    if (!mac_equal(&neighbour->mac, &found->mac))
        return 0;
    found->neighbour = *neighbour;
    found->count++;
    return 0;
}

static void test_neighbours(void **state)
{
    struct found found = {.mac = {{2, 0, 0, 0, 0, 7}}};
    struct ip_address address = address_of("10.20.0.7");

    (void)state;
    assert_true(shell("ip neigh add 10.20.0.7 lladdr 02:00:00:00:00:07 dev va"));
    assert_int_equal(netlink_neighbour_dump(netlink, AF_INET, find_neighbour, NULL, &found, &error), 0);
    assert_int_equal(found.count, 1);
    assert_true(ip_address_equal(&found.neighbour.address, &address));
    assert_int_equal(found.neighbour.state, NUD_PERMANENT);
    assert_int_equal(netlink_neighbour_delete(netlink, &found.neighbour, &error), 0);
    assert_string_equal(output_of("ip neigh show dev va"), "");
}

/* In the place of what the kernel has learnt of it, with our number on it. */
static void test_a_neighbour_of_ours(void **state)
{
    struct found found = {.mac = {{2, 0, 0, 0, 0, 8}}};
    struct netlink_neighbour wanted = {.family = AF_INET,
                                       .index = index_a,
                                       .address = address_of("10.20.0.7"),
                                       .mac = found.mac,
                                       .protocol = PROTOCOL};

    (void)state;
    assert_true(shell("ip neigh add 10.20.0.7 lladdr 02:00:00:00:00:07 dev va nud stale"));
    assert_int_equal(netlink_neighbour_set(netlink, &wanted, &error), 0);
    assert_int_equal(netlink_neighbour_dump(netlink, AF_INET, find_neighbour, NULL, &found, &error), 0);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.neighbour.state, NUD_PERMANENT);
    assert_int_equal(found.neighbour.protocol, PROTOCOL);
    assert_int_equal(netlink_neighbour_delete(netlink, &wanted, &error), 0);
    assert_int_equal(netlink_neighbour_delete(netlink, &wanted, &error), -ENOENT);
}

static void test_fdb_entries(void **state)
{
    struct found found = {.mac = {{2, 0, 0, 0, 0, 8}}};

    (void)state;
    assert_true(shell("bridge fdb add 02:00:00:00:00:08 dev vb master static"));
    assert_int_equal(netlink_neighbour_dump(netlink, AF_BRIDGE, find_neighbour, NULL, &found, &error), 0);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.neighbour.family, AF_BRIDGE);
    assert_int_equal(found.neighbour.master_index, atoi(output_of("cat /sys/class/net/br0/ifindex")));
    assert_int_equal(found.neighbour.address.family, 0);
    assert_int_equal(netlink_neighbour_delete(netlink, &found.neighbour, &error), 0);
    assert_string_equal(output_of("bridge fdb show dev vb | grep -c 02:00:00:00:00:08"), "0");
}

/* ---- tracked connections ---- */

/* Sends a datagram from 127.0.0.1 to @to: one entry in the table of connections. */
static void send_datagram(const char *to, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(inet_pton(AF_INET, to, &address.sin_addr), 1);
    assert_int_equal(sendto(fd, "x", 1, 0, (void *)&address, sizeof(address)), 1);
    close(fd);
}

static void send_datagram6(const char *to, uint16_t port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(inet_pton(AF_INET6, to, &address.sin6_addr), 1);
    assert_int_equal(sendto(fd, "x", 1, 0, (void *)&address, sizeof(address)), 1);
    close(fd);
}

/* Three flows; two addresses are forgotten, once as destination and once as source; the third flow stays. */
static void test_connections_are_forgotten(void **state)
{
    const struct ip_address addresses[] = {address_of("127.0.0.2"), address_of("127.0.0.4")};
    struct netlink *netfilter = NULL;
    size_t count = 99;

    (void)state;
    if (!shell("nft add table ip t && nft add chain ip t c '{ type filter hook output priority 0; }' && "
               "nft add rule ip t c ct state new accept"))
        skip();
    send_datagram("127.0.0.2", 5002);
    send_datagram("127.0.0.3", 5003);
    send_datagram("127.0.0.4", 5004);
    assert_string_equal(output_of("conntrack -L 2>/dev/null | grep -cw 'dport=500[234]'"), "3");
    assert_int_equal(netlink_open(NETLINK_NETFILTER, &netfilter, &error), 0);
    assert_int_equal(netlink_conntrack_forget(netfilter, addresses, 2, &count, &error), 0);
    assert_int_equal(count, 2);
    assert_string_equal(output_of("conntrack -L 2>/dev/null | grep -ow 'dport=500[234]'"), "dport=5003");
    assert_int_equal(netlink_conntrack_forget(netfilter, addresses, 2, &count, &error), 0);
    assert_int_equal(count, 0);
    assert_int_equal(netlink_conntrack_forget(netfilter, addresses, 0, NULL, &error), 0);
    netlink_close(netfilter);
}

/* The same of IPv6, beside IPv4; a forward takes those of its guest's family alone. */
static void test_connections_of_ip6_are_forgotten(void **state)
{
    const struct ip_address addresses[] = {address_of("127.0.0.2"), address_of("::1")};
    struct netlink_conntrack_forward forward = {
        .protocol = IPPROTO_UDP, .first = 5002, .last = 5003, .guest = address_of("127.0.0.9"), .comes = true};
    struct netlink *netfilter = NULL;
    size_t count = 99;

    (void)state;
    if (!shell("nft flush ruleset && nft add table inet t && "
               "nft add chain inet t c '{ type filter hook output priority 0; }' && "
               "nft add rule inet t c ct state new accept"))
        skip();
    assert_true(shell("conntrack -F 2>/dev/null"));
    send_datagram6("::1", 5002);
    send_datagram("127.0.0.3", 5003);
    assert_string_equal(output_of("conntrack -L 2>/dev/null | grep -c 'dport=500[23] '"), "2");
    assert_int_equal(netlink_open(NETLINK_NETFILTER, &netfilter, &error), 0);
    assert_int_equal(netlink_conntrack_forget_forwards(netfilter, &forward, 1, addresses, 2, &count, &error), 0);
    assert_int_equal(count, 0);
    assert_int_equal(netlink_conntrack_forget(netfilter, addresses, 2, &count, &error), 0);
    assert_int_equal(count, 1);
    assert_string_equal(output_of("conntrack -L 2>/dev/null | grep -ow 'dport=500[23]'"), "dport=5003");
    send_datagram6("::1", 5002);
    forward.guest = address_of("fd00::9");
    assert_int_equal(netlink_conntrack_forget_forwards(netfilter, &forward, 1, addresses, 2, &count, &error), 0);
    assert_int_equal(count, 1);
    assert_string_equal(output_of("conntrack -L 2>/dev/null | grep -ow 'dport=500[23]'"), "dport=5003");
    netlink_close(netfilter);
}

/* What a forward of UDP has made goes with it; what one that comes would not get goes too; the rest stays. */
static void test_connections_of_forwards_are_forgotten(void **state)
{
    const struct ip_address host[] = {address_of("127.0.0.2"), address_of("127.0.0.3"), address_of("127.0.0.4")};
    struct netlink_conntrack_forward forward = {
        .protocol = IPPROTO_UDP, .first = 5002, .last = 5003, .guest = address_of("127.0.0.9")};
    struct netlink *netfilter = NULL;
    size_t count = 99;

    (void)state;
    if (!shell("nft flush ruleset && nft add table ip t && "
               "nft add chain ip t c '{ type nat hook output priority -100; }' && "
               "nft add rule ip t c udp dport 5003 dnat to 127.0.0.9:53"))
        skip();
    assert_true(shell("conntrack -F 2>/dev/null"));
    send_datagram("127.0.0.2", 5002);
    send_datagram("127.0.0.3", 5003);
    send_datagram("127.0.0.4", 5004);
    assert_int_equal(netlink_open(NETLINK_NETFILTER, &netfilter, &error), 0);
    forward.address = address_of("127.0.0.2"); /* bound to another one */
    assert_int_equal(netlink_conntrack_forget_forwards(netfilter, &forward, 1, host, 3, &count, &error), 0);
    assert_int_equal(count, 0);
    forward.address = address_of("127.0.0.3");
    assert_int_equal(netlink_conntrack_forget_forwards(netfilter, &forward, 1, host, 3, &count, &error), 0);
    assert_int_equal(count, 1);
    assert_string_equal(output_of("conntrack -L 2>/dev/null | grep -ow 'dport=500[234]' | sort | tr '\n' ' '"),
                        "dport=5002 dport=5004 ");
    forward.comes = true;
    forward.address.family = 0;
    assert_int_equal(netlink_conntrack_forget_forwards(netfilter, &forward, 1, host + 1, 2, &count, &error), 0);
    assert_int_equal(count, 0); /* 127.0.0.2 is not the host's */
    assert_int_equal(netlink_conntrack_forget_forwards(netfilter, &forward, 1, host, 3, &count, &error), 0);
    assert_int_equal(count, 1);
    assert_string_equal(output_of("conntrack -L 2>/dev/null | grep -ow 'dport=500[234]'"), "dport=5004");
    netlink_close(netfilter);
}

/* ---- who listens ---- */

struct heard {
    struct netlink_listener items[16];
    size_t count;
};

static int hear(const struct netlink_listener *listener, void *data)
{
    struct heard *heard = data;

    assert_true(heard->count < 16);
    heard->items[heard->count++] = *listener;
    return 0;
}

static int open_listener(int family, int type, const char *address, uint16_t port, int only6)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(family, type | SOCK_CLOEXEC, 0);

    if (family == AF_INET6)
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6)), 0);
    assert_int_equal(inet_pton(family, address, family == AF_INET ? (void *)&four.sin_addr : (void *)&six.sin6_addr),
                     1);
    assert_int_equal(
        bind(fd, family == AF_INET ? (void *)&four : (void *)&six, family == AF_INET ? sizeof(four) : sizeof(six)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static const struct netlink_listener *find_port(const struct heard *heard, uint16_t port)
{
    for (size_t i = 0; i < heard->count; i++)
        if (heard->items[i].port == port)
            return &heard->items[i];
    return NULL;
}

static void test_listeners(void **state)
{
    const struct ip_address loopback = address_of("127.0.0.1");
    const int fds[] = {
        open_listener(AF_INET, SOCK_STREAM, "127.0.0.1", 6001, 0),
        open_listener(AF_INET, SOCK_DGRAM, "0.0.0.0", 6002, 0),
        open_listener(AF_INET6, SOCK_STREAM, "::", 6003, 0),
        open_listener(AF_INET6, SOCK_STREAM, "::", 6004, 1),
        open_listener(AF_INET6, SOCK_DGRAM, "::1", 6005, 0),
        open_listener(AF_INET6, SOCK_STREAM, "::ffff:127.0.0.1", 6006, 0),
    };
    struct heard heard = {.count = 0};

    (void)state;
    assert_int_equal(netlink_listener_dump(hear, &heard, &error), 0);
    assert_int_equal(find_port(&heard, 6001)->protocol, IPPROTO_TCP);
    assert_true(ip_address_equal(&find_port(&heard, 6001)->address, &loopback));
    assert_int_equal(find_port(&heard, 6002)->protocol, IPPROTO_UDP);
    assert_int_equal(find_port(&heard, 6002)->address.family, 0);
    assert_int_equal(find_port(&heard, 6003)->address.family, 0);
    assert_null(find_port(&heard, 6004));
    assert_null(find_port(&heard, 6005));
    assert_true(ip_address_equal(&find_port(&heard, 6006)->address, &loopback));
    assert_true(find_port(&heard, 6006)->inode > 0);
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        close(fds[i]);
}

/* ---- sysctls ---- */

static void test_sysctls(void **state)
{
    char value[8], tiny[1];

    (void)state;
    assert_int_equal(sysctl_write("net/ipv4/conf/va/forwarding", "1", &error), 0);
    assert_int_equal(sysctl_read("net/ipv4/conf/va/forwarding", value, sizeof(value), &error), 0);
    assert_string_equal(value, "1");
    assert_int_equal(sysctl_write("net/ipv4/conf/va/forwarding", "perhaps", &error), -EINVAL);
    assert_non_null(strstr(error.text, "net/ipv4/conf/va/forwarding"));
    assert_int_equal(sysctl_read("net/ipv4/conf/va/forwarding", tiny, sizeof(tiny), &error), -E2BIG);
    assert_int_equal(sysctl_read("net/ipv4/conf/nobody/forwarding", value, sizeof(value), &error), -ENOENT);
    assert_int_equal(sysctl_read("net/ipv4/../ipv4/ip_forward", value, sizeof(value), &error), -EINVAL);
    assert_int_equal(sysctl_read("/etc/hostname", value, sizeof(value), &error), -EINVAL);
    assert_int_equal(sysctl_read("", value, sizeof(value), &error), -EINVAL);
    assert_int_equal(sysctl_read("net", value, sizeof(value), &error), -EISDIR);
    assert_string_equal(value, "1"); /* set only on success */
}

static int read_index(const struct netlink_link *link, void *data)
{
    *(int *)data = link->index;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_of_ours),
        cmocka_unit_test(test_the_list_of_addresses_is_sorted),
        cmocka_unit_test(test_addresses_of_other_shapes),
        cmocka_unit_test(test_one_that_goes_at_once_takes_no_group_from_another),
        cmocka_unit_test(test_an_address_with_a_peer),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_routes_beside_each_other),
        cmocka_unit_test(test_an_unused_table),
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_a_neighbour_of_ours),
        cmocka_unit_test(test_fdb_entries),
        cmocka_unit_test(test_connections_are_forgotten),
        cmocka_unit_test(test_connections_of_ip6_are_forgotten),
        cmocka_unit_test(test_connections_of_forwards_are_forgotten),
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_sysctls),
    };
    int failed;

    namespace_enter();
    if (!shell("ip link set lo up && ip link add name va type veth peer name vb && ip link add br0 type bridge && "
               "ip link set vb master br0 && ip link set va up && ip link set vb up"))
        return TEST_SKIPPED;
    if (netlink_open(NETLINK_ROUTE, &netlink, &error) < 0 ||
        netlink_link_get(netlink, 0, "va", read_index, &index_a, &error) < 0)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    netlink_close(netlink);
    return failed;
}
