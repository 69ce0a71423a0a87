/* SPDX-License-Identifier: MIT */
/* Devices are made and opened as asked, nothing of the last holder is left, and nothing of a failure either. */
#include "lab.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>

/*
 *     this test ──fd── tun0 / tap0 / vm%d      ip(8) and /sys tell what the kernel made of it
 */

static int get_int(int fd, unsigned long request)
{
    int value = -4711;

    assert_int_equal(ioctl(fd, request, &value), 0);
    return value;
}

static void test_a_tun_lives_as_long_as_its_descriptor(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TUN, .name = "tun7");

    (void)state;
    assert_string_equal(tapnet_device_name(device), "tun7");
    assert_int_equal(tapnet_device_kind(device), TAPNET_TUN);
    assert_int_equal(tapnet_device_queue_count(device), 1);
    assert_true(tapnet_device_fd(device, 0) >= 0);
    assert_int_equal(tapnet_device_fd(device, 1), -1);
    assert_true(fcntl(tapnet_device_fd(device, 0), F_GETFD) & FD_CLOEXEC);
    assert_string_equal(ip_says("tun7", ".linkinfo.info_data.type"), "tun");
    assert_string_equal(ip_says("tun7", ".linkinfo.info_data.pi"), "false");
    assert_string_equal(ip_says("tun7", ".linkinfo.info_data.vnet_hdr"), "false");
    assert_string_equal(ip_says("tun7", ".linkinfo.info_data.multi_queue"), "false");
    assert_string_equal(ip_says("tun7", ".linkinfo.info_data.persist"), "false");
    tapnet_device_close(device);
    assert_true(gone("tun7"));
    tapnet_device_close(NULL);
}

static void test_names_may_be_patterns_or_left_out(void **state)
{
    struct tapnet_device *first = OPEN(.kind = TAPNET_TAP, .name = "vm%dx");
    struct tapnet_device *second = OPEN(.kind = TAPNET_TAP, .name = "vm%dx");
    struct tapnet_device *tap = OPEN(.kind = TAPNET_TAP), *tun = OPEN(.kind = TAPNET_TUN);

    (void)state;
    assert_string_equal(tapnet_device_name(first), "vm0x");
    assert_string_equal(tapnet_device_name(second), "vm1x");
    assert_string_equal(tapnet_device_name(tap), "tap0");
    assert_string_equal(tapnet_device_name(tun), "tun0");
    tapnet_device_close(first);
    tapnet_device_close(second);
    tapnet_device_close(tap);
    tapnet_device_close(tun);
}

/* Each flag of TUNSETIFF, as the kernel shows it by netlink or by a packet. */
static void test_packet_format(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TUN, .name = "tun0",
                                        .flags = TAPNET_DEVICE_PACKET_INFORMATION | TAPNET_DEVICE_UP);
    struct tapnet_device *large = OPEN(.kind = TAPNET_TAP, .name = "tap0", .flags = TAPNET_DEVICE_VNET_HEADER,
                                       .vnet_header_size = 12, .vnet_header_order = TAPNET_ORDER_LITTLE);
    struct pollfd poller = {.fd = tapnet_device_fd(device, 0), .events = POLLIN};
    uint8_t packet[2048];

    (void)state;
    assert_string_equal(ip_says("tun0", ".linkinfo.info_data.pi"), "true");
    assert_int_equal(poll(&poller, 1, 5000), 1); /* IPv6 looks for routers */
    assert_true(read(poller.fd, packet, sizeof(packet)) > 44);
    assert_memory_equal(packet, "\0\0\x86\xdd", 4); /* struct tun_pi: IPv6 */
    assert_int_equal(packet[4] >> 4, 6);
    assert_string_equal(ip_says("tap0", ".linkinfo.info_data.vnet_hdr"), "true");
    assert_int_equal(get_int(tapnet_device_fd(large, 0), TUNGETVNETHDRSZ), 12);
    assert_int_equal(get_int(tapnet_device_fd(large, 0), TUNGETVNETLE), 1);
    tapnet_device_close(device);
    tapnet_device_close(large);
}

static void test_big_endian_header(void **state)
{
    struct tapnet_device_options options = TAPNET_DEVICE_OPTIONS_INIT;
    struct tapnet_device *device;
    int result;

    (void)state;
    options.kind = TAPNET_TAP;
    options.flags = TAPNET_DEVICE_VNET_HEADER;
    options.vnet_header_order = TAPNET_ORDER_BIG;
    result = tapnet_device_open(&options, &device, &error);
    if (result == -EOPNOTSUPP) { /* and it says so: nothing was made */
        assert_says("CONFIG_TUN_VNET_CROSS_LE");
        assert_true(gone("tap0"));
        print_message("%s\n", error.text);
        skip();
    }
    assert_int_equal(result, 0);
    assert_int_equal(get_int(tapnet_device_fd(device, 0), TUNGETVNETBE), 1);
    tapnet_device_close(device);
}

static void test_napi(void **state)
{
    struct tapnet_device *device;
    struct tapnet_device_list *list;
    unsigned features;

    (void)state;
    assert_int_equal(tapnet_device_features(&features, &error), 0);
    assert_true(features & TAPNET_DEVICE_MULTI_QUEUE && features & TAPNET_DEVICE_VNET_HEADER);
    if (!(features & TAPNET_DEVICE_NAPI)) {
        REFUSE(-EOPNOTSUPP, .kind = TAPNET_TAP, .flags = TAPNET_DEVICE_NAPI);
        skip();
    }
    device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .flags = TAPNET_DEVICE_NAPI);
    assert_int_equal(tapnet_device_query(device, &list, &error), 0);
    assert_true(tapnet_device_info(list, 0)->detail && tapnet_device_info(list, 0)->napi);
    assert_false(tapnet_device_info(list, 0)->napi_frags);
    tapnet_device_list_free(list);
    tapnet_device_close(device);
    REFUSE(-EINVAL, .kind = TAPNET_TAP, .flags = TAPNET_DEVICE_NAPI_FRAGS);
    REFUSE(-EINVAL, .kind = TAPNET_TUN, .flags = TAPNET_DEVICE_NAPI | TAPNET_DEVICE_NAPI_FRAGS);
    if (getenv("TAPNET_USERNS") || !(features & TAPNET_DEVICE_NAPI_FRAGS)) {
        REFUSE(-EPERM, .kind = TAPNET_TAP, .flags = TAPNET_DEVICE_NAPI | TAPNET_DEVICE_NAPI_FRAGS);
        assert_says("first user namespace");
        return;
    }
    device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .flags = TAPNET_DEVICE_NAPI | TAPNET_DEVICE_NAPI_FRAGS);
    assert_int_equal(tapnet_device_query(device, &list, &error), 0);
    assert_true(tapnet_device_info(list, 0)->napi_frags);
    tapnet_device_list_free(list);
    tapnet_device_close(device);
}

static void test_carrier_and_link_state(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0",
                                        .flags = TAPNET_DEVICE_NO_CARRIER | TAPNET_DEVICE_UP);

    (void)state;
    assert_string_equal(sys_says("tap0", "carrier"), "0");
    set_device(device, (struct tapnet_device_change){.fields = TAPNET_FIELD_CARRIER, .carrier = true});
    assert_string_equal(sys_says("tap0", "carrier"), "1");
    tapnet_device_close(device);
}

static void test_index_and_nonblocking(void **state)
{
    struct tapnet_device *device = OPEN(.kind = TAPNET_TUN, .name = "tun0", .index = 4242,
                                        .flags = TAPNET_DEVICE_NONBLOCKING);
    char byte;

    (void)state;
    assert_string_equal(sys_says("tun0", "ifindex"), "4242");
    assert_int_equal(read(tapnet_device_fd(device, 0), &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    REFUSE(-EBUSY, .kind = TAPNET_TUN, .name = "tun1", .index = 4242);
    assert_says("index that is wanted is taken");
    assert_true(gone("tun1"));
    tapnet_device_close(device);
}

static void test_persistent_devices_belong_to_somebody(void **state)
{
    const struct tapnet_device_change owner = {.fields = TAPNET_FIELD_GROUP, .group = 0};

    (void)state;
    tapnet_device_close(OPEN(.kind = TAPNET_TAP, .name = "mine", .flags = TAPNET_DEVICE_PERSISTENT));
    tapnet_device_close(
        OPEN(.kind = TAPNET_TAP, .name = "groups", .flags = TAPNET_DEVICE_PERSISTENT, .change = &owner));
    tapnet_device_close(
        OPEN(.kind = TAPNET_TAP, .name = "anybodys", .flags = TAPNET_DEVICE_PERSISTENT | TAPNET_DEVICE_FOR_ANYBODY));
    assert_string_equal(ip_says("mine", ".linkinfo.info_data.persist"), "true");
    assert_string_equal(sys_says("mine", "owner"), "0");
    assert_string_equal(sys_says("mine", "group"), "-1");
    assert_string_equal(sys_says("groups", "owner"), "-1");
    assert_string_equal(sys_says("groups", "group"), "0");
    assert_string_equal(sys_says("anybodys", "owner"), "-1");
    for (int i = 0; i < 3; i++)
        assert_int_equal(tapnet_device_delete(-1, (const char *[]){"mine", "groups", "anybodys"}[i], true, &error), 0);
}

/* A VMM that was killed left its packet format; the next one finds nothing of it. */
static void test_opening_resets_what_was_left(void **state)
{
    struct sock_filter nothing[] = {{BPF_RET, 0, 0, 0}};
    const uint8_t somebody[1][6] = {{2, 0, 0, 0, 0, 1}};
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .send_buffer = 12345,
                                        .vnet_header_size = 20, .vnet_header_order = TAPNET_ORDER_LITTLE,
                                        .offloads = TAPNET_OFFLOAD_CHECKSUM | TAPNET_OFFLOAD_TSO4,
                                        .flags = TAPNET_DEVICE_PERSISTENT | TAPNET_DEVICE_VNET_HEADER |
                                                 TAPNET_DEVICE_PACKET_INFORMATION);
    unsigned offloads;
    size_t length;
    int fd;

    (void)state;
    assert_int_equal(tapnet_device_set_filter(device, nothing, 1, &error), 0);
    assert_int_equal(tapnet_device_set_address_filter(device, somebody, 1, false, &error), 0);
    assert_int_equal(get_int(tapnet_device_fd(device, 0), TUNGETSNDBUF), 12345);
    assert_int_equal(tapnet_device_offloads(device, &offloads, &error), 0);
    assert_int_equal(offloads, TAPNET_OFFLOAD_CHECKSUM | TAPNET_OFFLOAD_TSO4);
    tapnet_device_close(device);

    device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .flags = TAPNET_DEVICE_EXISTING);
    fd = tapnet_device_fd(device, 0);
    assert_int_equal(get_int(fd, TUNGETVNETHDRSZ), 10);
    assert_int_equal(get_int(fd, TUNGETVNETLE), 0);
    assert_int_equal(get_int(fd, TUNGETSNDBUF), INT_MAX);
    assert_int_equal(tapnet_device_offloads(device, &offloads, &error), 0);
    assert_int_equal(offloads, 0);
    assert_int_equal(tapnet_device_filter_length(device, &length, &error), 0);
    assert_int_equal(length, 0);
    assert_string_equal(ip_says("tap0", ".linkinfo.info_data.pi"), "false");
    assert_string_equal(ip_says("tap0", ".linkinfo.info_data.vnet_hdr"), "false");
    assert_string_equal(ip_says("tap0", ".linkinfo.info_data.persist"), "true");
    assert_int_equal(tapnet_device_delete(-1, "tap0", true, &error), 0);
    tapnet_device_close(device);
}

static void test_offloads(void **state)
{
    const unsigned tso = TAPNET_OFFLOAD_CHECKSUM | TAPNET_OFFLOAD_TSO4 | TAPNET_OFFLOAD_TSO6;
    struct tapnet_device *device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .flags = TAPNET_DEVICE_VNET_HEADER,
                                        .offloads = tso | TAPNET_OFFLOAD_TSO_ECN);
    unsigned offloads, known;

    (void)state;
    assert_string_equal(output_of("ethtool -k tap0 | grep -c -E '(tcp|tcp6|tcp-ecn)-segmentation: on'"), "3");
    assert_int_equal(tapnet_device_probe_offloads(device, &known, &error), 0);
    assert_int_equal(known & (tso | TAPNET_OFFLOAD_TSO_ECN), tso | TAPNET_OFFLOAD_TSO_ECN);
    assert_int_equal(tapnet_device_offloads(device, &offloads, &error), 0);
    assert_int_equal(offloads, tso | TAPNET_OFFLOAD_TSO_ECN); /* as before the probe */
    print_message("offloads of this kernel: 0x%x\n", known);
    if (known & TAPNET_OFFLOAD_USO4) {
        set_device(device, (struct tapnet_device_change){.fields = TAPNET_FIELD_OFFLOADS,
                                                         .offloads = tso | TAPNET_OFFLOAD_USO4 | TAPNET_OFFLOAD_USO6 |
                                                                     TAPNET_OFFLOAD_UFO});
        assert_int_equal(tapnet_device_offloads(device, &offloads, &error), 0);
        assert_int_equal(offloads, tso | TAPNET_OFFLOAD_USO4 | TAPNET_OFFLOAD_USO6);
    }
    if (known & TAPNET_OFFLOAD_UDP_TUNNEL) {
        set_device(device, (struct tapnet_device_change){.fields = TAPNET_FIELD_OFFLOADS,
                                                         .offloads = tso | TAPNET_OFFLOAD_UDP_TUNNEL |
                                                                     TAPNET_OFFLOAD_UDP_TUNNEL_CHECKSUM});
        assert_int_equal(tapnet_device_offloads(device, &offloads, &error), 0);
        assert_int_equal(offloads, tso | TAPNET_OFFLOAD_UDP_TUNNEL | TAPNET_OFFLOAD_UDP_TUNNEL_CHECKSUM);
    }
    tapnet_device_close(device);
    /* A bit that no kernel has: refused, or left out when it may be. */
    REFUSE(-EOPNOTSUPP, .kind = TAPNET_TAP, .flags = TAPNET_DEVICE_VNET_HEADER, .offloads = tso | 1u << 30);
    device = OPEN(.kind = TAPNET_TAP, .name = "tap0", .offloads = 0x1ff,
                  .flags = TAPNET_DEVICE_VNET_HEADER | TAPNET_DEVICE_OFFLOADS_OPTIONAL);
    assert_int_equal(tapnet_device_offloads(device, &offloads, &error), 0);
    assert_int_equal(offloads, known & ~(unsigned)TAPNET_OFFLOAD_UFO);
    tapnet_device_close(device);
}

/* What can't be done leaves nothing behind, however late it fails. */
static void test_a_failure_leaves_nothing(void **state)
{
    const char *const addresses[] = {"10.0.0.1/24", "10.0.0.1/24"};
    const struct tapnet_device_change no_bridge = {.fields = TAPNET_FIELD_BRIDGE, .bridge = "nowhere"},
                                      too_small = {.fields = TAPNET_FIELD_MTU, .mtu = 1},
                                      twice = {.addresses = addresses, .address_count = 2};
    const struct tapnet_device_change *const changes[] = {&no_bridge, &too_small, &twice};
    const int codes[] = {-ENODEV, -EINVAL, -EEXIST};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        REFUSE(codes[i], .kind = TAPNET_TAP, .name = "tap0", .change = changes[i], .queues = 3,
               .flags = TAPNET_DEVICE_PERSISTENT);
        assert_true(gone("tap0"));
    }
    assert_says("cannot add address 10.0.0.1/24");
}

/*
 *      this namespace            another one
 *      (nothing), then tap0      tap0 ── two fds held here
 */
static void test_another_network_namespace(void **state)
{
    const struct tapnet_device_change change = {.fields = TAPNET_FIELD_MTU, .mtu = 1300};
    const struct tapnet_device_options options = {
        .kind = TAPNET_TAP, .name = "tap0", .queues = 2, .change = &change, .flags = TAPNET_DEVICE_UP};
    struct tapnet_device_options there = options;
    struct tapnet_device_list *list;
    struct tapnet_device *device, *namesake;
    int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    there.netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_int_equal(setns(here, CLONE_NEWNET), 0);
    if (tapnet_device_open(&there, &device, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(if_nametoindex("tap0"), 0); /* we are where we were, and it is not here */
    assert_int_equal(tapnet_device_list(-1, NULL, &list, &error), 0);
    assert_null(tapnet_device_info(list, 0));
    tapnet_device_list_free(list);
    assert_int_equal(tapnet_device_list(there.netns, NULL, &list, &error), 0);
    assert_int_equal(tapnet_device_info(list, 0)->mtu, 1300);
    assert_int_equal(tapnet_device_info(list, 0)->queue_count, 2);
    assert_int_equal(tapnet_device_info(list, 0)->holders[0].pid, getpid());
    tapnet_device_list_free(list);
    /* Another device of that name is here: each has its own holder. */
    namesake = OPEN(.kind = TAPNET_TAP, .name = "tap0");
    assert_int_equal(tapnet_device_list(-1, "tap0", &list, &error), 0);
    assert_int_equal(tapnet_device_info(list, 0)->holders[0].queue_count, 1);
    tapnet_device_list_free(list);
    assert_int_equal(tapnet_device_list(there.netns, "tap0", &list, &error), 0);
    assert_int_equal(tapnet_device_info(list, 0)->holders[0].queue_count, 2);
    tapnet_device_list_free(list);
    tapnet_device_close(namesake);
    /* What is said of the open device goes to where it is. */
    set_device(device, (struct tapnet_device_change){.fields = TAPNET_FIELD_MTU, .mtu = 1234});
    assert_int_equal(tapnet_device_add_queue(device, &error), 0);
    assert_int_equal(tapnet_device_query(device, &list, &error), 0);
    assert_int_equal(tapnet_device_info(list, 0)->mtu, 1234);
    assert_int_equal(tapnet_device_info(list, 0)->queue_count, 3);
    tapnet_device_list_free(list);
    tapnet_device_close(device);
    assert_int_equal(tapnet_device_delete(there.netns, "tap0", true, &error), -ENODEV);
    there.netns = STDIN_FILENO; /* no namespace */
    assert_true(tapnet_device_open(&there, &device, &error) < 0);
    close(there.netns);
    close(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tun_lives_as_long_as_its_descriptor),
        cmocka_unit_test(test_names_may_be_patterns_or_left_out),
        cmocka_unit_test(test_packet_format),
        cmocka_unit_test(test_big_endian_header),
        cmocka_unit_test(test_napi),
        cmocka_unit_test(test_carrier_and_link_state),
        cmocka_unit_test(test_index_and_nonblocking),
        cmocka_unit_test(test_persistent_devices_belong_to_somebody),
        cmocka_unit_test(test_opening_resets_what_was_left),
        cmocka_unit_test(test_offloads),
        cmocka_unit_test(test_a_failure_leaves_nothing),
        cmocka_unit_test(test_another_network_namespace),
    };

    enter_lab();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
