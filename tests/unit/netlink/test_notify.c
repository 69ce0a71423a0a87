/* SPDX-License-Identifier: MIT */
/* What the kernel tells of changes, in a namespace: each of them, who it was where it says so, and what was lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "namespace.h"
#include "netlink/notify.h"
#include "nft/nft.h"

static int route_fd = -1, netfilter_fd = -1;

/* What was told since it was emptied last. */
struct told {
    unsigned counts[NETLINK_EVENT_COMMIT + 1];
    bool default_route, of_bridge, with_pid;
    uint32_t group, generation;
    char table[32], command[32];
};

static void read_one(const struct netlink_event *event, void *data)
{
    struct told *told = data;

    told->counts[event->kind]++;
    told->default_route |= event->is_default;
    told->of_bridge |= strcmp(event->name, "br0") == 0;
    told->with_pid |= event->pid > 0 && event->pid != getpid();
    if (event->kind == NETLINK_EVENT_LINK && event->group)
        told->group = event->group;
    if (event->kind == NETLINK_EVENT_NFT)
        snprintf(told->table, sizeof(told->table), "%s", event->table);
    if (event->kind == NETLINK_EVENT_COMMIT) {
        snprintf(told->command, sizeof(told->command), "%s", event->command);
        told->generation = event->generation;
    }
}

static struct told told(void)
{
    struct told now = {.counts = {0}};

    netlink_notify_read(route_fd, NETLINK_ROUTE, 10000, read_one, &now);
    netlink_notify_read(netfilter_fd, NETLINK_NETFILTER, 10000, read_one, &now);
    return now;
}

static void links_and_their_ports(void **state)
{
    struct told now;

    (void)state;
    assert_true(shell("ip link add br0 group 77 type bridge && ip link set br0 up"));
    now = told();
    assert_true(now.counts[NETLINK_EVENT_LINK] && now.of_bridge && now.group == 77);
    assert_true(shell("ip tuntap add tap0 mode tap && ip link set tap0 master br0 up"));
    assert_true(told().counts[NETLINK_EVENT_LINK]);
    assert_true(shell("bridge link set dev tap0 isolated on"));
    assert_true(told().counts[NETLINK_EVENT_LINK]);
    assert_true(shell("ip link set tap0 alias mine"));
    assert_true(told().counts[NETLINK_EVENT_LINK]);
}

/* Of the link the kernel says nothing: the bridge's own entry for the port tells it. */
static void a_mac_that_changes(void **state)
{
    (void)state;
    told();
    assert_true(shell("ip link set tap0 address 02:00:00:00:00:01"));
    assert_true(told().counts[NETLINK_EVENT_LINK]);
    assert_true(shell("ip link set br0 address 02:00:00:00:00:02"));
    assert_true(told().counts[NETLINK_EVENT_LINK]);
    assert_true(shell("ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:03 dev br0"));
    assert_false(told().counts[NETLINK_EVENT_LINK]); /* it comes by the same group, and is no link's affair */
}

/* What a program set, and said so, somebody else may take away; what the kernel learns comes and goes. */
static void neighbours_of_a_program(void **state)
{
    static const char *const addresses[] = {"192.0.2.10", "fd00::10"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_true(shell("ip neigh add %s lladdr 02:00:00:00:00:03 dev br0 protocol 66", addresses[i]));
        told();
        assert_true(shell("ip neigh del %s dev br0", addresses[i]));
        assert_true(told().counts[NETLINK_EVENT_LINK]);
        assert_true(shell("ip neigh add %s lladdr 02:00:00:00:00:03 dev br0", addresses[i]));
        told();
        assert_true(shell("ip neigh del %s dev br0", addresses[i]));
        assert_false(told().counts[NETLINK_EVENT_LINK]);
    }
}

static void addresses_and_routes(void **state)
{
    struct told now;

    (void)state;
    told();
    assert_true(shell("ip addr add 192.0.2.1/24 dev br0"));
    now = told();
    assert_true(now.counts[NETLINK_EVENT_ADDRESS] && now.counts[NETLINK_EVENT_ROUTE]);
    assert_false(now.with_pid); /* a port is whatever number a process chose for its socket */
    assert_false(now.default_route);
    assert_true(shell("ip route add default via 192.0.2.2"));
    assert_true(told().default_route);
    assert_true(shell("ip route del default"));
    assert_true(told().default_route);
    assert_true(shell("ip addr add fd00::1/64 dev br0"));
    assert_true(told().counts[NETLINK_EVENT_ADDRESS]);
}

static void forwarding_by_whatever_it_was_written(void **state)
{
    (void)state;
    told();
    assert_true(namespace_write("/proc/sys/net/ipv4/conf/br0/forwarding", "1"));
    assert_true(told().counts[NETLINK_EVENT_CONFIG]);
}

/* The number of the ruleset, as who looks at it is told. */
static uint32_t generation(void)
{
    struct netlink *netlink;
    uint32_t number = 0;

    assert_int_equal(netlink_open(NETLINK_NETFILTER, &netlink, NULL), 0);
    assert_int_equal(nft_generation(netlink, &number, NULL), 0);
    netlink_close(netlink);
    return number;
}

static void tables_and_who_committed(void **state)
{
    struct told now;

    (void)state;
    told();
    assert_true(shell("nft add table inet tapnet '{ set s { type ifname; elements = { eth0 }; }; }'"));
    now = told();
    assert_true(now.counts[NETLINK_EVENT_NFT] && now.counts[NETLINK_EVENT_COMMIT] == 1);
    assert_string_equal(now.table, "tapnet");
    assert_string_equal(now.command, "nft");
    assert_true(now.with_pid);
    assert_int_equal(now.generation, generation());
    assert_true(shell("nft flush ruleset"));
    assert_string_equal(told().table, "tapnet");
}

static void what_was_lost_is_told(void **state)
{
    int little = 1;
    struct told now;

    (void)state;
    told();
    assert_int_equal(setsockopt(route_fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
    for (int i = 0; i < 20; i++)
        assert_true(shell("ip link set br0 mtu %d", 1300 + i));
    now = told();
    assert_true(now.counts[NETLINK_EVENT_LOST]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_and_their_ports),
        cmocka_unit_test(a_mac_that_changes),
        cmocka_unit_test(neighbours_of_a_program),
        cmocka_unit_test(addresses_and_routes),
        cmocka_unit_test(forwarding_by_whatever_it_was_written),
        cmocka_unit_test(tables_and_who_committed),
        cmocka_unit_test(what_was_lost_is_told),
    };

    namespace_enter();
    if (netlink_notify_open(NETLINK_ROUTE, &route_fd, NULL) < 0 ||
        netlink_notify_open(NETLINK_NETFILTER, &netfilter_fd, NULL) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
