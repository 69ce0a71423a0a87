/* SPDX-License-Identifier: MIT */
/* Redirections on the real kernel: what is put behind a device is what tc(8) shows, and frames go where it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <net/if.h>

#include "namespace.h"
#include "netlink/redirect.h"

/*
 *   here ── veth ── va ──> vb ── veth ── there 192.0.2.1, all in one namespace
 */
static struct netlink *netlink;
static struct tapnet_error error;
static int va, vb;

static int look(int from)
{
    int to = -1;

    assert_int_equal(netlink_redirect_get(netlink, from, &to, &error), 0);
    return to;
}

static void what_was_put_there_is_found(void **state)
{
    (void)state;
    assert_int_equal(look(va), 0);
    if (netlink_redirect_add(netlink, va, vb, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(look(va), vb);
    assert_int_equal(look(vb), 0);
    assert_true(shell("tc filter show dev va ingress | grep -q 'mirred (Egress Redirect to device vb) stolen'"));
    assert_int_equal(netlink_redirect_add(netlink, va, vb, &error), -EEXIST);
}

static void frames_go_there(void **state)
{
    (void)state;
    assert_true(shell("ip -s -j link show there | jq -e '.[0].stats64.rx.packets' > /tmp/redirect.$PPID;"
                      "ip neigh replace 192.0.2.9 lladdr 52:54:00:00:00:09 dev here; ping -c3 -i0.1 -W1 192.0.2.9;"
                      "ip -s -j link show there | jq -e \".[0].stats64.rx.packets >= 3 + "
                      "$(cat /tmp/redirect.$PPID)\"; code=$?; rm /tmp/redirect.$PPID; exit $code"));
}

static void what_others_put_there_is_none(void **state)
{
    (void)state;
    assert_true(shell("tc qdisc add dev vb ingress; tc filter add dev vb ingress protocol all u32 match u32 0 0 "
                      "flowid 1:1; tc filter add dev vb ingress protocol ip prio 9 u32 match ip src 192.0.2.1 "
                      "action mirred egress mirror dev va"));
    assert_int_equal(look(vb), 0);
}

static void where_there_is_no_device(void **state)
{
    (void)state;
    assert_int_equal(netlink_redirect_add(netlink, 4711, va, &error), -ENODEV);
    assert_int_equal(look(4711), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_there_is_found),
        cmocka_unit_test(frames_go_there),
        cmocka_unit_test(what_others_put_there_is_none),
        cmocka_unit_test(where_there_is_no_device),
    };
    int failed;

    namespace_enter();
    if (netlink_open(NETLINK_ROUTE, &netlink, &error) < 0 ||
        !shell("ip link add here type veth peer name va && ip link add there type veth peer name vb && "
               "for name in here va there vb; do ip link set $name up; done && ip address add 192.0.2.8/24 dev here"))
        return 1;
    if (!shell("tc qdisc add dev here ingress && tc filter add dev here ingress protocol all u32 match u32 0 0 "
               "action mirred egress redirect dev va && tc qdisc del dev here ingress")) {
        printf("skipped: the kernel has no ingress queue, no u32 or no mirred\n");
        return TEST_SKIPPED;
    }
    va = (int)if_nametoindex("va");
    vb = (int)if_nametoindex("vb");
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    netlink_close(netlink);
    return failed;
}
