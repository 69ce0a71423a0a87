/* SPDX-License-Identifier: MIT */
/* Shapers on the real kernel: what is put in front of a device is what tc(8) shows, and others' are left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/if.h>

#include "base/array.h"
#include "namespace.h"
#include "netlink/shaper.h"

static struct netlink *netlink;
static struct tapnet_error error;
static int device;

struct found {
    struct netlink_shaper last;
    size_t count;
};

static int keep(const struct netlink_shaper *shaper, void *data)
{
    struct found *found = data;

    found->last = *shaper;
    found->count++;
    return 0;
}

static void forget(void *data)
{
    *(struct found *)data = (struct found){0};
}

static struct found look(void)
{
    struct found found = {0};

    assert_int_equal(netlink_shaper_dump(netlink, keep, forget, &found, &error), 0);
    return found;
}

static void set(uint64_t rate, uint32_t burst)
{
    const struct netlink_shaper shaper = {device, rate, burst};

    if (netlink_shaper_set(netlink, &shaper, &error) < 0)
        fail_msg("%s", error.text);
}

/* From the slowest to the fastest; a burst comes back as exact as the kernel's clock is. */
static void what_was_set_is_found(void **state)
{
    static const struct netlink_shaper samples[] = {
        {0, 1000, 65536}, {0, 125000, 65536}, {0, 12500000, 625000}, {0, UINT64_C(12500000000), 625000000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(samples); i++) {
        struct found found;
        uint32_t slack = samples[i].burst / 100;

        set(samples[i].rate, samples[i].burst);
        found = look();
        assert_int_equal(found.count, 1);
        assert_int_equal(found.last.index, device);
        assert_int_equal(found.last.rate, samples[i].rate);
        assert_in_range(found.last.burst, samples[i].burst - slack, samples[i].burst + slack);
    }
    set(12500000, 65536);
    assert_true(shell("tc qdisc show dev br0 | grep -q 'qdisc tbf 7461: root .*rate 100Mbit burst 64Kb'"));
    assert_int_equal(netlink_shaper_delete(netlink, device, &error), 0);
    assert_int_equal(look().count, 0);
    assert_true(shell("! tc qdisc show dev br0 | grep -q tbf"));
}

static void what_others_put_there_is_not_ours(void **state)
{
    (void)state;
    assert_true(shell("tc qdisc replace dev br0 root handle 1: tbf rate 1mbit burst 64kb limit 99999"));
    assert_int_equal(look().count, 0);
    assert_true(netlink_shaper_delete(netlink, device, &error) < 0);
    assert_true(shell("tc qdisc show dev br0 | grep -q 'tbf 1: root'"));
    set(125000, 65536); /* wanted there, it takes the place */
    assert_int_equal(look().count, 1);
    assert_int_equal(netlink_shaper_delete(netlink, device, &error), 0);
}

static void where_there_is_no_device(void **state)
{
    const struct netlink_shaper shaper = {4711, 125000, 65536};

    (void)state;
    assert_int_equal(netlink_shaper_set(netlink, &shaper, &error), -ENODEV);
    assert_int_equal(netlink_shaper_delete(netlink, 4711, &error), -ENODEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_set_is_found),
        cmocka_unit_test(what_others_put_there_is_not_ours),
        cmocka_unit_test(where_there_is_no_device),
    };
    int failed;

    namespace_enter();
    if (netlink_open(NETLINK_ROUTE, &netlink, &error) < 0 || !shell("ip link add br0 type bridge"))
        return 1;
    if (!shell("tc qdisc add dev br0 root tbf rate 1mbit burst 64kb limit 99999 && tc qdisc del dev br0 root")) {
        printf("skipped: the kernel has no tbf\n");
        return TEST_SKIPPED;
    }
    device = (int)if_nametoindex("br0");
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    netlink_close(netlink);
    return failed;
}
