/* SPDX-License-Identifier: MIT */
/* What a link carries, on the real kernel: read there and put onto another link it is what ip(8) showed before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/if.h>

#include "base/array.h"
#include "namespace.h"
#include "netlink/advertised.h"
#include "netlink/item.h"
#include "netlink/reach.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/wait.h>

/*
 *   one ── veth ── other 192.0.2.1        two ── veth ── third
 */
static struct netlink *netlink;
static struct tapnet_error error;

struct kept {
    struct netlink_item items[64];
    size_t count;
};

static int keep(const struct netlink_item *item, void *data)
{
    struct kept *kept = data;
    uint8_t *bytes = malloc(item->len);

    assert_non_null(bytes);
    assert_true(kept->count < ARRAY_COUNT(kept->items));
    memcpy(bytes, item->bytes, item->len);
    kept->items[kept->count] = *item;
    kept->items[kept->count++].bytes = bytes;
    return 0;
}

static void let_go(struct kept *kept)
{
    while (kept->count > 0)
        free((void *)(uintptr_t)kept->items[--kept->count].bytes);
}

static void look(const char *device, struct kept *ret)
{
    const char *fault = "";

    *ret = (struct kept){.count = 0};
    if (netlink_item_dump(netlink, (int)if_nametoindex(device), device, keep, ret, &fault, &error) < 0)
        fail_msg("%s: %s", device, error.text);
    assert_null(fault);
}

/* All that ip(8) shows of a device but its own name; lifetimes run. */
static const char *shown(const char *device, char ret[8192])
{
    const char *text = output_of(
        "{ ip -o addr show dev %s; ip -4 route show table all dev %s; ip -6 route show table"
        " all dev %s; ip neigh show dev %s nud permanent; ip neigh show proxy dev %s; } |"
        " sed 's/\\b%s\\b\\([^:]\\)/DEV\\1/g; s/^[0-9]*: //; s/[0-9]*sec/sec/g; s/ linkdown//' |"
        " grep -v multicast | sort",
        device, device, device, device, device, device);

    snprintf(ret, 8192, "%s", text);
    return ret;
}

static void set_up_links(void)
{
    assert_true(shell("sysctl -qw net.ipv6.conf.default.accept_dad=0 && "
                      "ip link add one type veth peer name other && ip link add two type veth peer name third && "
                      "ip link set one addrgenmode none && ip link set two addrgenmode none && "
                      "ip link set one up && ip link set other up && ip link set two up && ip link set third up"));
    /* The kernel tells of a carrier up to a second later; what is added before that changes once more then. */
    assert_true(shell("for link in one other two third; do"
                      " until ip -br link show dev $link | grep -qw UP; do sleep 0.05; done; done"));
}

static const char *const carried[] = {
    "addr add 192.0.2.2/24 dev one",
    "addr add 192.0.2.3/24 dev one",
    "addr add 192.0.2.66/28 brd + dev one label one:1 noprefixroute metric 50",
    "addr add 192.0.2.130 peer 192.0.2.131/32 dev one",
    "addr add 2001:db8::2/64 dev one nodad",
    "addr add 2001:db8::3/64 dev one nodad noprefixroute valid_lft 4000 preferred_lft 3000",
    "addr add fe80::2/64 dev one nodad",
    "route add 192.0.2.64/28 dev one proto kernel scope link src 192.0.2.66 metric 50",
    "route add default via 192.0.2.1 dev one metric 100 mtu 1400 advmss 1300 initcwnd 10",
    "route add default via 192.0.2.1 dev one metric 200 proto dhcp src 192.0.2.3",
    "route add 198.51.100.0/24 tos 0x10 via 192.0.2.1 dev one table 1000",
    "route add 10.8.0.0/16 via 192.0.9.9 dev one onlink",
    "route add 10.7.0.0/16 nexthop via 192.0.2.1 dev one weight 2 nexthop via 192.0.2.9 dev one weight 3",
    "route add unicast 10.6.0.0/16 dev one scope link realm 5",
    "-6 route add default via 2001:db8::1 dev one metric 77 pref high",
    "-6 route add 2001:db8:9::/48 via 2001:db8::1 dev one table 1000 expires 5000",
    "-6 route add 2001:db8:7::/48 nexthop via 2001:db8::1 dev one nexthop via 2001:db8::9 dev one",
    "neigh add 192.0.2.99 lladdr 02:00:00:00:00:99 dev one nud permanent",
    "neigh add 2001:db8::99 lladdr 02:00:00:00:00:99 dev one nud permanent",
    "neigh add proxy 192.0.2.98 dev one",
    "neigh add proxy 2001:db8::98 dev one",
};

/* From @from to @to, and nothing is left there. */
static void move(const char *from, const char *to)
{
    struct kept items;

    look(from, &items);
    for (size_t i = 0; i < items.count; i++)
        if (netlink_item_add(netlink, (int)if_nametoindex(to), &items.items[i], &error) < 0)
            fail_msg("item %zu of kind %d: %s", i, (int)items.items[i].kind, error.text);
    for (size_t i = items.count; i > 0; i--)
        if (netlink_item_delete(netlink, (int)if_nametoindex(from), &items.items[i - 1], &error) < 0)
            fail_msg("item %zu of kind %d: %s", i - 1, (int)items.items[i - 1].kind, error.text);
    let_go(&items);
    look(from, &items);
    assert_int_equal(items.count, 0);
}

/* With all of both, of which cmocka prints the first lines. */
static void assert_shown(const char *device, const char *wanted)
{
    char found[8192];

    if (strcmp(shown(device, found), wanted) == 0)
        return;
    fprintf(stderr, "%s shows:\n%sand not:\n%s", device, found, wanted);
    fail();
}

static void all_of_it_goes_to_another_link_and_back(void **state)
{
    char before[8192], nothing[8192];

    (void)state;
    shown("two", nothing);
    for (size_t i = 0; i < ARRAY_COUNT(carried); i++)
        if (!shell("ip %s", carried[i]))
            fail_msg("ip %s", carried[i]);
    shown("one", before);
    move("one", "two");
    assert_shown("two", before);
    move("two", "one");
    assert_shown("one", before);
    assert_shown("two", nothing);
}

static void what_is_there_twice_or_is_not_there_is_no_mistake(void **state)
{
    struct kept items;
    int one = (int)if_nametoindex("one");
    char before[8192];

    (void)state;
    shown("one", before);
    look("one", &items);
    assert_true(items.count >= ARRAY_COUNT(carried));
    for (size_t i = 0; i < items.count; i++)
        assert_int_equal(netlink_item_add(netlink, one, &items.items[i], &error), 0);
    assert_shown("one", before);
    for (size_t i = 0; i < items.count; i++)
        assert_int_equal(netlink_item_delete(netlink, (int)if_nametoindex("two"), &items.items[i], &error), 0);
    let_go(&items);
}

static void routes_that_need_others_come_behind_them(void **state)
{
    struct kept items;
    struct ip_address gateway;
    size_t gateways = 0, defaults = 0;

    (void)state;
    look("one", &items);
    for (size_t i = 0; i < items.count; i++) {
        gateways += netlink_item_has_gateway(&items.items[i]);
        defaults += netlink_item_default_gateway(&items.items[i], &gateway);
        if (i > 0 && items.items[i].kind == items.items[i - 1].kind && items.items[i].kind == NETLINK_ITEM_ROUTE &&
            netlink_item_has_gateway(&items.items[i - 1]) && !netlink_item_has_gateway(&items.items[i]))
            assert_int_not_equal(items.items[i].bytes[0], items.items[i - 1].bytes[0]); /* of the other family */
    }
    assert_int_equal(gateways, 8);
    assert_int_equal(defaults, 3);
    let_go(&items);
}

/*
 * The kernel's mark is on it, and it stands behind the kernel's own, by which the next advertisement replaces it (with
 * a router: tests/system/test_mode_bridge.py).
 */
static void what_a_router_gave_becomes_the_kernels(void **state)
{
    (void)state;
    assert_true(shell("ip -6 route add default via fe80::a dev one proto ra metric 1024 expires 1800 pref high"));
    move("one", "two");
    assert_true(
        shell("ip -6 route show default dev two | grep -q 'via fe80::a metric 1025 expires 1[78].* pref high'"));
    assert_true(shell("grep -q '^0\\{32\\} 00 .* 00000401 .* 08450003 *two$' /proc/net/ipv6_route"));
    /* The kernel's own, of the next advertisement, would replace it; here both are there, and go together. */
    assert_true(shell("ip -6 route add default via fe80::a dev two proto ra metric 1024 expires 1800"));
    move("two", "one");
    assert_string_equal(output_of("ip -6 route show default dev one | grep -c fe80::a"), "1");
    move("one", "two");
    move("two", "one"); /* no step further behind */
    assert_true(shell("ip -6 route show default dev one | grep -q 'via fe80::a metric 1025 expires'"));
    assert_true(shell("ip -6 route del default via fe80::a dev one"));
}

/* How a default route of `one` is told, and nothing else; its bytes are the caller's. */
static struct netlink_item told(const char *route)
{
    struct netlink_item found = {.len = 0};
    struct netlink_advertised advertised;
    struct kept kept;

    assert_true(shell("ip -6 route add default dev one expires 1800 %s", route));
    look("one", &kept);
    assert_true(shell("ip -6 route del default dev one %s", route));
    for (size_t i = 0; i < kept.count && !found.len; i++)
        if (netlink_item_advertised(&kept.items[i], &advertised)) {
            found = kept.items[i];
            kept.items[i].bytes = NULL;
        }
    let_go(&kept);
    assert_int_not_equal(found.len, 0);
    return found;
}

static bool is_same(const char *route, const struct netlink_item *wanted)
{
    struct netlink_item found = told(route);
    bool same = found.key_len == wanted->key_len && memcmp(found.bytes, wanted->bytes, found.key_len) == 0;

    assert_true(found.key_len <= found.len);
    free((void *)(uintptr_t)found.bytes);
    return same;
}

/* Ours stands in for the kernel's; and what the router says of its route may be another thing the next time. */
static void what_stands_in_for_a_routers_is_told_as_the_same(void **state)
{
    struct netlink_item wanted = told("via fe80::a proto ra metric 1024 pref high");

    (void)state;
    assert_true(is_same("via fe80::a proto ra metric 1024 pref low", &wanted));
    assert_true(is_same("via fe80::a proto ra metric 1024 hoplimit 64 mtu 1400", &wanted));
    assert_true(is_same("via fe80::a proto boot metric 1025 pref high", &wanted));
    assert_false(is_same("via fe80::b proto ra metric 1024 pref high", &wanted));
    assert_false(is_same("via fe80::a proto ra metric 1025 pref high", &wanted));
    assert_true(shell("sysctl -qw net.ipv6.conf.one.accept_ra=0")); /* then they are a program's, and as it says */
    assert_false(is_same("via fe80::a proto ra metric 1024 pref high", &wanted));
    assert_true(shell("sysctl -qw net.ipv6.conf.one.accept_ra=1"));
    free((void *)(uintptr_t)wanted.bytes);
}

/* Where a program takes the advertisements, and not the kernel. */
static void what_a_program_has_of_a_router_stays_as_it_is(void **state)
{
    (void)state;
    assert_true(shell("sysctl -qw net.ipv6.conf.two.accept_ra=0 &&"
                      " ip -6 route add default via fe80::a dev one proto ra metric 1024 expires 1800"));
    move("one", "two");
    assert_true(shell("ip -6 route show default dev two | grep -q 'via fe80::a proto ra metric 1024 expires'"));
    assert_true(shell("ip -6 route del default via fe80::a dev two && sysctl -qw net.ipv6.conf.two.accept_ra=1"));
    move("two", "one");
}

static void a_nexthop_object_is_told(void **state)
{
    struct kept items = {.count = 0};
    const char *fault = NULL;

    (void)state;
    if (!shell("ip nexthop add id 7 via 192.0.2.1 dev one && ip route add 10.5.0.0/16 nhid 7")) {
        skip();
        return;
    }
    assert_int_equal(netlink_item_dump(netlink, (int)if_nametoindex("one"), "one", keep, &items, &fault, &error), 0);
    assert_non_null(fault);
    assert_non_null(strstr(fault, "nexthop object"));
    let_go(&items);
    assert_true(shell("ip route del 10.5.0.0/16 && ip nexthop del id 7"));
}

/* A process in a network namespace of its own that ends with the descriptor *ret_fd. */
static pid_t start_neighbour(int *ret_fd)
{
    int wait[2], ready[2];
    char byte;
    pid_t child;

    assert_true(pipe2(wait, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(wait[1]);
        if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        _exit(read(wait[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(wait[0]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *ret_fd = wait[1];
    return child;
}

/* The other end of the veth is in another namespace, else the kernel would answer itself. */
static void who_answers_is_told_from_who_does_not(void **state)
{
    struct netlink_reach neighbours[] = {{.address = {AF_INET, {192, 0, 2, 1}}},
                                         {.address = {AF_INET, {192, 0, 2, 200}}}};
    int one = (int)if_nametoindex("one"), fd;
    pid_t neighbour = start_neighbour(&fd);

    (void)state;
    assert_true(shell("ip link set other netns %d && "
                      "nsenter -t %d -n sh -c 'ip link set other up; ip addr add 192.0.2.1/24 dev other'",
                      (int)neighbour, (int)neighbour));
    assert_int_equal(netlink_reach(one, neighbours, 2, 1500, &error), 0);
    assert_true(neighbours[0].answered);
    assert_false(neighbours[1].answered);
    neighbours[0].answered = false;
    assert_int_equal(netlink_reach(one, neighbours, 1, 1500, &error), 0); /* now that it is known */
    assert_true(neighbours[0].answered && !neighbours[0].fixed);
    assert_true(shell("ip neigh change 192.0.2.1 dev one nud permanent"));
    neighbours[0].answered = false;
    assert_int_equal(netlink_reach(one, neighbours, 1, 1500, &error), 0);
    assert_true(neighbours[0].fixed && !neighbours[0].answered);
    assert_true(shell("ip neigh show dev one nud permanent | grep -q '^192.0.2.1 '")); /* and it stays so */
    close(fd);
    waitpid(neighbour, NULL, 0);
}

static int open_all(void **state)
{
    (void)state;
    return netlink_open(NETLINK_ROUTE, &netlink, &error);
}

static int close_all(void **state)
{
    (void)state;
    netlink_close(netlink);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_goes_to_another_link_and_back),
        cmocka_unit_test(what_is_there_twice_or_is_not_there_is_no_mistake),
        cmocka_unit_test(routes_that_need_others_come_behind_them),
        cmocka_unit_test(what_a_router_gave_becomes_the_kernels),
        cmocka_unit_test(what_stands_in_for_a_routers_is_told_as_the_same),
        cmocka_unit_test(what_a_program_has_of_a_router_stays_as_it_is),
        cmocka_unit_test(a_nexthop_object_is_told),
        cmocka_unit_test(who_answers_is_told_from_who_does_not),
    };

    namespace_enter();
    set_up_links();
    return cmocka_run_group_tests_name("netlink item", tests, open_all, close_all);
}
