/* SPDX-License-Identifier: MIT */
/* Every TUN and TAP of the host is listed, whoever made it, with what the kernel and its holders tell. */
#include "lab.h"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/*
 *      br0 ── vm0   TAP, persistent, a person's, free        10.1.0.1/24 on br0
 *             vpn   TUN, ours, held here with 2 queues       10.2.0.1/24, fd00::2/64
 *             old   TUN, of a set, with packet information
 */
static const char *const host[] = {
    "ip link add br0 type bridge && ip addr add 10.1.0.1/24 dev br0",
    "ip tuntap add vm0 mode tap user 0 group 0 multi_queue vnet_hdr",
    "ip link set vm0 master br0 mtu 1400 up alias 'of a person'",
    "ip tuntap add old mode tun pi && ip link set old alias 'tapnet:lab//old declared'",
};

static const struct tapnet_device_info *find(const struct tapnet_device_list *list, const char *name)
{
    const struct tapnet_device_info *info;

    for (size_t i = 0; (info = tapnet_device_info(list, i)); i++)
        if (strcmp(info->name, name) == 0)
            return info;
    fail_msg("%s is not listed", name);
    return NULL;
}

static void check_foreign(const struct tapnet_device_list *list)
{
    const struct tapnet_device_info *vm = find(list, "vm0"), *old = find(list, "old");

    assert_int_equal(vm->index, atoi(ip_says("vm0", ".ifindex")));
    assert_int_equal(vm->kind, TAPNET_TAP);
    assert_true(vm->persistent && vm->multi_queue && vm->vnet_header && vm->up && !vm->packet_information);
    assert_false(vm->carrier || vm->detail);
    assert_int_equal(vm->owner, 0);
    assert_int_equal(vm->group, 0);
    assert_int_equal(vm->queue_count + vm->detached_count + vm->holder_count + vm->address_count, 0);
    assert_int_equal(vm->mtu, 1400);
    assert_int_equal(vm->queue_length, 1000);
    assert_int_equal(vm->link_type, 1);
    assert_string_equal(vm->bridge, "br0");
    assert_string_equal(vm->alias, "of a person");
    assert_string_equal(vm->origin, "");
    assert_true(old->packet_information);
    assert_int_equal(old->kind, TAPNET_TUN);
    assert_int_equal(old->owner, TAPNET_ID_NONE);
    assert_string_equal(old->origin, "set lab");
    assert_string_equal(old->bridge, "");
}

static void check_own(const struct tapnet_device_info *vpn)
{
    char text[64];

    assert_int_equal(vpn->queue_count, 2);
    assert_int_equal(vpn->holder_count, 1);
    assert_int_equal(vpn->holders[0].pid, getpid());
    assert_int_equal(vpn->holders[0].queue_count, 2);
    snprintf(text, sizeof(text), "%s", output_of("cat /proc/%d/comm", getpid()));
    assert_string_equal(vpn->holders[0].command, text);
    assert_string_equal(vpn->origin, "added");
    assert_true(vpn->carrier && vpn->detail && !vpn->persistent);
    assert_int_equal(vpn->vnet_header_size, 10);
    assert_int_equal(vpn->send_buffer, 4096);
    assert_int_equal(vpn->offloads, TAPNET_OFFLOAD_CHECKSUM);
    assert_int_equal(vpn->address_count, 3);
    assert_string_equal(vpn->addresses[0], "10.2.0.1/24");
    assert_string_equal(vpn->addresses[1], "fd00::2/64");
    assert_memory_equal(vpn->addresses[2], "fe80::", 6);
}

static void test_all_devices(void **state)
{
    const char *const addresses[] = {"10.2.0.1/24", "fd00::2/64"};
    const struct tapnet_device_change change = {.addresses = addresses, .address_count = 2};
    struct tapnet_device *vpn = OPEN(.kind = TAPNET_TUN, .name = "vpn", .queues = 2, .change = &change,
                                     .send_buffer = 4096, .offloads = TAPNET_OFFLOAD_CHECKSUM,
                                     .flags = TAPNET_DEVICE_UP | TAPNET_DEVICE_MARK | TAPNET_DEVICE_VNET_HEADER);
    uint8_t packet[10 + 28] = {[10] = 0x45, [13] = 28, [18] = 64, [19] = 17};
    struct tapnet_device_list *list;

    (void)state;
    assert_int_equal(write(tapnet_device_fd(vpn, 0), packet, sizeof(packet)), sizeof(packet));
    assert_int_equal(tapnet_device_list(-1, NULL, &list, &error), 0);
    assert_string_equal(tapnet_device_info(list, 0)->name, "old");
    assert_string_equal(tapnet_device_info(list, 1)->name, "vm0");
    assert_string_equal(tapnet_device_info(list, 2)->name, "vpn");
    assert_null(tapnet_device_info(list, 3));
    check_foreign(list);
    check_own(find(list, "vpn"));
    assert_int_equal(find(list, "vpn")->rx_packets, 1);
    assert_int_equal(find(list, "vpn")->rx_bytes, 28);
    assert_int_equal(find(list, "vpn")->tx_packets, atoi(sys_says("vpn", "statistics/tx_packets")));
    tapnet_device_list_free(list);
    tapnet_device_close(vpn);
}

static void test_one_by_name(void **state)
{
    struct tapnet_device_list *list;

    (void)state;
    assert_int_equal(tapnet_device_list(-1, "vm0", &list, &error), 0);
    assert_string_equal(tapnet_device_info(list, 0)->bridge, "br0");
    assert_null(tapnet_device_info(list, 1));
    tapnet_device_list_free(list);
    assert_int_equal(tapnet_device_list(-1, "nobody", &list, &error), -ENODEV);
    assert_string_equal(error.text, "there is no device nobody");
    assert_int_equal(tapnet_device_list(-1, "br0", &list, &error), -ENODEV);
    assert_string_equal(error.text, "br0 is a bridge, neither TUN nor TAP");
    tapnet_device_list_free(NULL);
}

/* Two processes hold one device; the second has two descriptors of one queue. */
static void test_several_holders(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "two");
    const struct tapnet_device_info *info;
    struct tapnet_device_list *list;
    int done[2], ready[2];
    char byte;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(done), 0);
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_NAME, "\033[31mred"); /* what a process calls itself reaches a person's terminal */
        close(done[1]);
        _exit(dup(tapnet_device_fd(device, 0)) < 0 || write(ready[1], "r", 1) != 1 || read(done[0], &byte, 1) != 0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(tapnet_device_query(device, &list, &error), 0);
    info = tapnet_device_info(list, 0);
    assert_int_equal(info->holder_count, 2);
    assert_int_equal(info->queue_count, 1);
    for (size_t i = 0; i < 2; i++)
        if (info->holders[i].pid == child) {
            assert_int_equal(info->holders[i].queue_count, 2);
            assert_string_equal(info->holders[i].command, "?[31mred");
        }
    tapnet_device_list_free(list);
    close(done[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(done[0]);
    close(ready[0]);
    close(ready[1]);
    tapnet_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_devices),
        cmocka_unit_test(test_one_by_name),
        cmocka_unit_test(test_several_holders),
    };

    enter_lab();
    for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++)
        if (!shell("%s", host[i]))
            return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
