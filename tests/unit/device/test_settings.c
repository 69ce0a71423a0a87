/* SPDX-License-Identifier: MIT */
/* Settings of a device, open or by its name: each as the kernel shows it; all of a change or nothing; deleting. */
#include "lab.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "device/device.h"
#include "model/object.h"

/*
 *      change("tap0") ──► tap0, held by nobody, by us, or by somebody else      judges: ip(8), /sys
 */

static void make(const char *name, enum tapnet_device_kind kind, unsigned flags)
{
    tapnet_device_close(OPEN(.kind = kind, .name = name, .flags = flags | TAPNET_DEVICE_PERSISTENT));
}

static void refuse_change(const char *name, int code, struct tapnet_device_change change)
{
    int result = tapnet_device_change(-1, name, &change, &error);

    if (result != code)
        fail_msg("%d instead of %d: %s", result, code, error.text);
}

static void test_each_setting_of_a_link(void **state)
{
    const char *const two[] = {"10.1.0.1/24", "fd00::1/64"}, *const one[] = {"10.1.0.1/24"};
    struct tapnet_device *device;

    (void)state;
    make("tap0", TAPNET_TAP, 0);
    assert_true(shell("ip link add br0 type bridge"));
    change_device("tap0", (struct tapnet_device_change){.fields = TAPNET_FIELD_MAC, .mac = {2, 0, 0, 0, 0, 9}});
    assert_string_equal(ip_says("tap0", ".address"), "02:00:00:00:00:09");
    change_device("tap0", (struct tapnet_device_change){.fields = TAPNET_FIELD_MTU, .mtu = 9000});
    assert_string_equal(ip_says("tap0", ".mtu"), "9000");
    change_device("tap0", (struct tapnet_device_change){.fields = TAPNET_FIELD_QUEUE_LENGTH, .queue_length = 42});
    assert_string_equal(ip_says("tap0", ".txqlen"), "42");
    change_device("tap0", (struct tapnet_device_change){.fields = TAPNET_FIELD_BRIDGE, .bridge = "br0"});
    assert_string_equal(ip_says("tap0", ".master"), "br0");
    change_device("tap0", (struct tapnet_device_change){.fields = TAPNET_FIELD_BRIDGE});
    assert_string_equal(ip_says("tap0", ".master"), "null");
    change_device("tap0", (struct tapnet_device_change){.fields = TAPNET_FIELD_UP, .up = true});
    assert_string_equal(ip_says("tap0", ".flags | contains([\"UP\"])"), "true");
    refuse_change("tap0", -EPERM, (struct tapnet_device_change){.fields = TAPNET_FIELD_CARRIER, .carrier = true});
    assert_says("a program must hold the device");
    device = OPEN(.kind = TAPNET_TAP, .name = "tap0");
    assert_string_equal(sys_says("tap0", "carrier"), "1");
    change_device("tap0", (struct tapnet_device_change){.fields = TAPNET_FIELD_CARRIER});
    assert_string_equal(sys_says("tap0", "carrier"), "0");
    change_device("tap0", (struct tapnet_device_change){.fields = TAPNET_FIELD_CARRIER, .carrier = true});
    assert_string_equal(sys_says("tap0", "carrier"), "1");
    tapnet_device_close(device);
    change_device("tap0", (struct tapnet_device_change){.addresses = two, .address_count = 2});
    assert_string_equal(output_of("ip -j addr show dev tap0 | jq -r '.[0].addr_info[] | select(.scope == \"global\") | "
                                  ".local' | xargs"),
                        "10.1.0.1 fd00::1");
    change_device("tap0", (struct tapnet_device_change){.removed_addresses = one, .removed_address_count = 1});
    assert_string_equal(output_of("ip -4 addr show dev tap0 | grep -c inet"), "0");
    refuse_change("tap0", -EADDRNOTAVAIL,
                  (struct tapnet_device_change){.removed_addresses = one, .removed_address_count = 1});
    change_device("tap0", (struct tapnet_device_change){.fields = TAPNET_FIELD_UP, .up = false});
    assert_string_equal(ip_says("tap0", ".flags | contains([\"UP\"])"), "false");
    assert_true(shell("ip link del tap0 && ip link del br0"));
}

static void test_each_setting_of_a_descriptor(void **state)
{
    struct tapnet_device *device;
    int value = 0;

    (void)state;
    make("tun0", TAPNET_TUN, TAPNET_DEVICE_VNET_HEADER);
    change_device("tun0", (struct tapnet_device_change){.fields = TAPNET_FIELD_LINK_TYPE, .link_type = ARPHRD_PPP});
    assert_string_equal(sys_says("tun0", "type"), "512");
    change_device("tun0", (struct tapnet_device_change){.fields = TAPNET_FIELD_OFFLOADS, .offloads = 3});
    assert_string_equal(output_of("ethtool -k tun0 | grep -c 'tx-tcp-segmentation: on'"), "1");
    assert_string_equal(ip_says("tun0", ".linkinfo.info_data.vnet_hdr"), "true"); /* the format is left */
    change_device("tun0", (struct tapnet_device_change){.fields = TAPNET_FIELD_UP, .up = true});
    refuse_change("tun0", -EBUSY, (struct tapnet_device_change){.fields = TAPNET_FIELD_LINK_TYPE, .link_type = 1});
    assert_says("while the device is up");
    /* Down, another type, and up, in one change: in the order that works. */
    change_device("tun0", (struct tapnet_device_change){.fields = TAPNET_FIELD_UP | TAPNET_FIELD_LINK_TYPE,
                                                        .link_type = ARPHRD_NONE});
    assert_string_equal(sys_says("tun0", "type"), "65534");
    device = OPEN(.kind = TAPNET_TUN, .name = "tun0", .flags = TAPNET_DEVICE_VNET_HEADER);
    set_device(device, (struct tapnet_device_change){
                           .fields = TAPNET_FIELD_SEND_BUFFER | TAPNET_FIELD_VNET_HEADER_SIZE |
                                     TAPNET_FIELD_VNET_HEADER_ORDER | TAPNET_FIELD_PERSISTENT,
                           .send_buffer = 70000,
                           .vnet_header_size = 12,
                           .vnet_header_order = TAPNET_ORDER_LITTLE,
                       });
    assert_int_equal(ioctl(tapnet_device_fd(device, 0), TUNGETSNDBUF, &value), 0);
    assert_int_equal(value, 70000);
    assert_int_equal(ioctl(tapnet_device_fd(device, 0), TUNGETVNETHDRSZ, &value), 0);
    assert_int_equal(value, 12);
    assert_string_equal(ip_says("tun0", ".linkinfo.info_data.persist"), "false");
    tapnet_device_close(device);
    assert_true(gone("tun0"));
}

static void test_owner_group_and_end(void **state)
{
    const uint32_t other = getenv("TAPNET_USERNS") ? 0 : 4321;
    char text[16];

    (void)state;
    snprintf(text, sizeof(text), "%u", other);
    make("tap0", TAPNET_TAP, TAPNET_DEVICE_MULTI_QUEUE);
    change_device("tap0", (struct tapnet_device_change){
                              .fields = TAPNET_FIELD_OWNER | TAPNET_FIELD_GROUP, .owner = other, .group = other});
    assert_string_equal(sys_says("tap0", "owner"), text);
    assert_string_equal(sys_says("tap0", "group"), text);
    change_device("tap0", (struct tapnet_device_change){.fields = TAPNET_FIELD_PERSISTENT});
    assert_true(gone("tap0")); /* nobody held it */
    if (getenv("TAPNET_USERNS")) {
        make("tap0", TAPNET_TAP, 0);
        refuse_change("tap0", -EINVAL, (struct tapnet_device_change){.fields = TAPNET_FIELD_OWNER, .owner = 4321});
        assert_says("no user 4321 in this user namespace");
        assert_true(shell("ip link del tap0"));
    }
}

/* Nine settings change, the tenth can't be had: nine are put back. */
static void test_all_or_nothing(void **state)
{
    const char *const addresses[] = {"10.1.0.1/24", "10.2.0.1/24", "10.1.0.1/24"}, *const old[] = {"10.9.0.1/24"};
    const struct tapnet_device_change change = {
        .fields = TAPNET_FIELD_MAC | TAPNET_FIELD_MTU | TAPNET_FIELD_QUEUE_LENGTH | TAPNET_FIELD_BRIDGE |
                  TAPNET_FIELD_OFFLOADS | TAPNET_FIELD_SEND_BUFFER | TAPNET_FIELD_CARRIER | TAPNET_FIELD_UP |
                  TAPNET_FIELD_MARK | TAPNET_FIELD_OWNER | TAPNET_FIELD_PERSISTENT,
        .mac = {2, 1, 1, 1, 1, 1},
        .mtu = 1400,
        .queue_length = 3,
        .bridge = "br1",
        .offloads = 3,
        .send_buffer = 4000,
        .up = true,
        .mark = true,
        .addresses = addresses,
        .address_count = 3,
        .removed_addresses = old,
        .removed_address_count = 1,
    };
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .flags = TAPNET_DEVICE_VNET_HEADER,
                                        .offloads = 1, .send_buffer = 9999);
    char before[2][8192];
    unsigned offloads;
    int value;

    (void)state;
    assert_true(shell("ip link add br0 type bridge && ip link add br1 type bridge && ip link set tap0 master br0 alias "
                      "somebodys group 7"));
    set_device(device, (struct tapnet_device_change){.addresses = old, .address_count = 1});
    snprintf(before[0], sizeof(before[0]), "%s", output_of("ip -d link show tap0"));
    snprintf(before[1], sizeof(before[1]), "%s", output_of("ip addr show tap0"));
    assert_int_equal(tapnet_device_set(device, &change, &error), -EEXIST);
    assert_says("device tap0: cannot add address 10.1.0.1/24");
    assert_string_equal(output_of("ip -d link show tap0"), before[0]);
    assert_string_equal(output_of("ip addr show tap0"), before[1]);
    assert_int_equal(tapnet_device_offloads(device, &offloads, &error), 0);
    assert_int_equal(offloads, 1);
    assert_int_equal(ioctl(tapnet_device_fd(device, 0), TUNGETSNDBUF, &value), 0);
    assert_int_equal(value, 9999);
    tapnet_device_close(device);
    assert_true(shell("ip link del br0 && ip link del br1"));
}

static void test_values_that_no_device_has(void **state)
{
    const char *const words[] = {"10.0.0.1"};

    (void)state;
    make("tap0", TAPNET_TAP, 0);
    make("tun0", TAPNET_TUN, 0);
    refuse_change("tun0", -EINVAL, (struct tapnet_device_change){.fields = TAPNET_FIELD_MAC, .mac = {2}});
    assert_says("no MAC");
    refuse_change("tap0", -EINVAL, (struct tapnet_device_change){.fields = TAPNET_FIELD_MAC, .mac = {1}});
    refuse_change("tap0", -EINVAL, (struct tapnet_device_change){.fields = TAPNET_FIELD_MAC});
    refuse_change("tun0", -EINVAL, (struct tapnet_device_change){.fields = TAPNET_FIELD_BRIDGE, .bridge = "br0"});
    refuse_change("tap0", -ENODEV, (struct tapnet_device_change){.fields = TAPNET_FIELD_BRIDGE, .bridge = "br0"});
    refuse_change("tap0", -EINVAL, (struct tapnet_device_change){.fields = TAPNET_FIELD_BRIDGE, .bridge = "lo"});
    assert_says("lo is no bridge");
    refuse_change("tap0", -EINVAL, (struct tapnet_device_change){.addresses = words, .address_count = 1});
    refuse_change("tap0", -EINVAL, (struct tapnet_device_change){.fields = TAPNET_FIELD_MTU, .mtu = 10});
    refuse_change("lo", -ENODEV, (struct tapnet_device_change){.fields = TAPNET_FIELD_MTU, .mtu = 1400});
    assert_says("loopback");
    refuse_change("nobody", -ENODEV, (struct tapnet_device_change){0});
    refuse_change("a-name-of-16-byt", -ENODEV, (struct tapnet_device_change){0});
    refuse_change("", -ENODEV, (struct tapnet_device_change){0});
    assert_true(shell("ip link del tap0 && ip link del tun0"));
}

/*
 *     child ──fd── tap0 (one queue)        we change its owner by the child's own descriptor
 */
static void test_a_device_that_others_hold(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .vnet_header_size = 12,
                                        .flags = TAPNET_DEVICE_VNET_HEADER);
    struct tapnet_device_list *list;
    int done[2];
    pid_t child;
    char byte;

    (void)state;
    assert_int_equal(pipe(done), 0);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_NAME, "the-vmm");
        close(done[1]);
        _exit(read(done[0], &byte, 1) != 0);
    }
    tapnet_device_close(device);
    assert_int_equal(tapnet_device_list(-1, "tap0", &list, &error), 0);
    assert_true(tapnet_device_info(list, 0)->detail);
    assert_int_equal(tapnet_device_info(list, 0)->vnet_header_size, 12);
    assert_int_equal(tapnet_device_info(list, 0)->holder_count, 1);
    assert_int_equal(tapnet_device_info(list, 0)->holders[0].pid, child);
    tapnet_device_list_free(list);
    change_device("tap0", (struct tapnet_device_change){.fields = TAPNET_FIELD_OWNER, .owner = 0});
    assert_string_equal(sys_says("tap0", "owner"), "0");
    assert_int_equal(tapnet_device_list(-1, "tap0", &list, &error), 0);
    assert_int_equal(tapnet_device_info(list, 0)->vnet_header_size, 12); /* nothing of its holder's was touched */
    tapnet_device_list_free(list);
    close(done[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(done[0]);
    assert_true(gone("tap0"));
}

/* ---- marks and deleting ---- */

static void test_only_what_is_ours_is_deleted(void **state)
{
    struct tapnet_device *held;
    struct model_owner owner;

    (void)state;
    assert_int_equal(DEVICE_ADDRESS_PROTOCOL, MODEL_ROUTE_PROTOCOL);
    make("ours", TAPNET_TAP, TAPNET_DEVICE_MARK);
    assert_string_equal(ip_says("ours", ".ifalias"), "tapnet://ours added");
    assert_string_equal(sys_says("ours", "netdev_group"), "0");                  /* 0x7461706e is for links of sets */
    assert_int_equal(model_alias_parse("tapnet://ours added", &owner), -EINVAL); /* no set takes it for its own */
    make("foreign", TAPNET_TAP, 0);
    make("sets", TAPNET_TAP, 0);
    assert_true(shell("ip link set sets alias 'tapnet:lab//sets declared'"));
    assert_true(shell("ip link add br0 type bridge"));
    assert_int_equal(tapnet_device_delete(-1, "foreign", false, &error), -EPERM);
    assert_says("was not made by tapnet");
    assert_int_equal(tapnet_device_delete(-1, "sets", false, &error), -EPERM);
    assert_says("belongs to set lab");
    refuse_change("sets", -EPERM, (struct tapnet_device_change){.fields = TAPNET_FIELD_MARK, .mark = true});
    assert_int_equal(tapnet_device_delete(-1, "br0", true, &error), -ENODEV);
    assert_int_equal(tapnet_device_delete(-1, "nobody", true, &error), -ENODEV);
    held = OPEN(.kind = TAPNET_TAP, .name = "ours");
    assert_int_equal(tapnet_device_delete(-1, "ours", false, &error), -EBUSY);
    assert_says("is held by");
    tapnet_device_close(held);
    assert_true(shell("ip link set ours name renamed up")); /* it is ours by its alias */
    assert_int_equal(tapnet_device_delete(-1, "renamed", false, &error), 0);
    assert_true(gone("renamed"));
    change_device("foreign", (struct tapnet_device_change){.fields = TAPNET_FIELD_MARK, .mark = true});
    assert_int_equal(tapnet_device_delete(-1, "foreign", false, &error), 0);
    assert_int_equal(tapnet_device_delete(-1, "sets", true, &error), 0);
    assert_true(shell("ip link del br0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_setting_of_a_link),       cmocka_unit_test(test_each_setting_of_a_descriptor),
        cmocka_unit_test(test_owner_group_and_end),          cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_values_that_no_device_has),    cmocka_unit_test(test_a_device_that_others_hold),
        cmocka_unit_test(test_only_what_is_ours_is_deleted),
    };

    enter_lab();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
