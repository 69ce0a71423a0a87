/* SPDX-License-Identifier: MIT */
/* Links on the real kernel: what is made and changed is what /sys and ip(8) show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>

#include "namespace.h"
#include "netlink/link.h"

/*
 *        +-------+
 *        |  br0  |  group "tapn", MAC 02:00:00:00:00:01
 *        +---+---+
 *            |
 *          tap0     held open by this process: it has a carrier
 */
#define GROUP 0x7461706eu

static struct netlink *netlink;
static struct tapnet_error error;

/* A TAP that lives as long as the descriptor. */
static int open_tap(const char *name, short flags)
{
    struct ifreq request = {.ifr_flags = flags};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
    return fd;
}

static const char *sys(const char *file)
{
    return output_of("cat /sys/class/net/%s", file);
}

struct wanted_link {
    const char *name;
    struct netlink_link link;
    char alias[256], kind[16];
    size_t count;
};

static int keep_link(const struct netlink_link *link, void *data)
{
    struct wanted_link *wanted = data;

    if (wanted->name && strcmp(link->name, wanted->name) != 0)
        return 0;
    wanted->count++;
    wanted->link = *link;
    snprintf(wanted->alias, sizeof(wanted->alias), "%s", link->alias);
    snprintf(wanted->kind, sizeof(wanted->kind), "%s", link->kind);
    return 0;
}

static struct wanted_link get(const char *name)
{
    struct wanted_link wanted = {.name = name};

    assert_int_equal(netlink_link_get(netlink, 0, name, keep_link, &wanted, &error), 0);
    assert_int_equal(wanted.count, 1);
    return wanted;
}

static void set(const char *name, const struct netlink_link_change *change)
{
    if (netlink_link_set(netlink, 0, name, change, &error) < 0)
        fail_msg("%s", error.text);
}

static void test_a_bridge_is_made_as_asked(void **state)
{
    const struct mac mac = {{2, 0, 0, 0, 0, 1}};
    struct wanted_link found;

    (void)state;
    assert_int_equal(netlink_bridge_create(netlink, "br0", &mac, GROUP, 1400, &error), 0);
    assert_string_equal(sys("br0/address"), "02:00:00:00:00:01");
    assert_string_equal(sys("br0/addr_assign_type"), "3"); /* set: it does not follow its ports */
    assert_string_equal(sys("br0/mtu"), "1400");
    assert_string_equal(sys("br0/netdev_group"), "1952542830");
    assert_string_equal(sys("br0/bridge/stp_state"), "0");
    assert_string_equal(sys("br0/bridge/forward_delay"), "0");
    assert_string_equal(sys("br0/bridge/multicast_snooping"), "0");
    found = get("br0");
    assert_false(found.link.up);
    assert_string_equal(found.kind, "bridge");
    assert_string_equal(found.alias, "");
    assert_int_equal(found.link.group, GROUP);
    assert_int_equal(found.link.mtu, 1400);
    assert_memory_equal(&found.link.mac, &mac, sizeof(mac));
    assert_int_equal(netlink_bridge_create(netlink, "br0", &mac, GROUP, 1400, &error), -EEXIST);
}

/* A network namespace beside ours, as a descriptor. */
static int open_other_netns(void)
{
    int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), other;

    if (here < 0 || unshare(CLONE_NEWNET) < 0)
        fail_msg("no network namespace: %m");
    other = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (other < 0 || setns(here, CLONE_NEWNET) < 0)
        fail_msg("no way back: %m");
    close(here);
    return other;
}

static void test_a_pair_has_its_other_end_elsewhere(void **state)
{
    const struct mac mac = {{2, 0, 0, 0, 0, 7}};
    const struct netlink_peer peer = {.netns = open_other_netns(), .name = "eth0", .mac = {{2, 0, 0, 0, 0, 8}}};
    struct wanted_link found;

    (void)state;
    assert_int_equal(netlink_veth_create(netlink, "here0", &mac, GROUP, 1400, &peer, &error), 0);
    found = get("here0");
    assert_string_equal(found.kind, "veth");
    assert_true(!found.link.up && !found.link.plugged);
    assert_int_equal(found.link.group, GROUP);
    assert_int_equal(found.link.mtu, 1400);
    assert_memory_equal(&found.link.mac, &mac, sizeof(mac));
    assert_int_equal(access("/sys/class/net/eth0", F_OK), -1);
    assert_int_equal(netlink_veth_create(netlink, "here1", &mac, GROUP, 0, &peer, &error), -EEXIST); /* eth0, there */
    assert_int_equal(if_nametoindex("here1"), 0);
    assert_int_equal(netlink_link_delete(netlink, found.link.index, &error), 0);
    assert_int_equal(netlink_veth_create(netlink, "here1", &mac, GROUP, 0, &peer, &error), 0); /* it went along */
    assert_int_equal(netlink_link_delete(netlink, get("here1").link.index, &error), 0);
    close(peer.netns);
}

static void test_each_field_is_set_alone(void **state)
{
    int fd = open_tap("tap0", IFF_TAP | IFF_NO_PI);
    struct netlink_link_change change = {.fields = NETLINK_LINK_ALIAS, .alias = "tapnet:lab/lab/web declared"};

    (void)state;
    set("tap0", &change);
    assert_string_equal(sys("tap0/ifalias"), change.alias);
    change = (struct netlink_link_change){.fields = NETLINK_LINK_GROUP, .group = GROUP};
    set("tap0", &change);
    assert_int_equal(get("tap0").link.group, GROUP);
    assert_string_equal(get("tap0").alias, "tapnet:lab/lab/web declared");
    change = (struct netlink_link_change){.fields = NETLINK_LINK_MAC, .mac = {{2, 0, 0, 0, 0, 2}}};
    set("tap0", &change);
    assert_string_equal(sys("tap0/address"), "02:00:00:00:00:02");
    change = (struct netlink_link_change){.fields = NETLINK_LINK_MTU, .mtu = 1300};
    set("tap0", &change);
    assert_string_equal(sys("tap0/mtu"), "1300");
    change = (struct netlink_link_change){.fields = NETLINK_LINK_MASTER, .master_index = get("br0").link.index};
    set("tap0", &change);
    assert_string_equal(output_of("basename $(readlink /sys/class/net/tap0/master)"), "br0");
    assert_int_equal(get("tap0").link.master_index, change.master_index);
    change.master_index = 0;
    set("tap0", &change);
    assert_int_equal(access("/sys/class/net/tap0/master", F_OK), -1);
    change = (struct netlink_link_change){.fields = NETLINK_LINK_UP, .up = true};
    set("tap0", &change);
    assert_true(get("tap0").link.up && get("tap0").link.carrier);
    change.up = false;
    set("tap0", &change);
    assert_false(get("tap0").link.up);
    change = (struct netlink_link_change){.fields = NETLINK_LINK_ALIAS, .alias = ""};
    set("tap0", &change);
    assert_string_equal(get("tap0").alias, "");
    close(fd);
}

static void test_forwarding_of_one_link(void **state)
{
    struct netlink_link_change change = {.fields = NETLINK_LINK_FORWARDING, .forwarding = true};

    (void)state;
    assert_int_equal(get("br0").link.ip4_forwarding, 0);
    set("br0", &change);
    assert_string_equal(output_of("cat /proc/sys/net/ipv4/conf/br0/forwarding"), "1");
    assert_string_equal(output_of("cat /proc/sys/net/ipv4/conf/all/forwarding"), "0");
    assert_int_equal(get("br0").link.ip4_forwarding, 1);
    change.forwarding = false;
    set("br0", &change);
    assert_int_equal(get("br0").link.ip4_forwarding, 0);
}

/* It is not known where Linux is older than 6.17, which has no such thing. */
static void test_ipv6_forwarding_of_one_link(void **state)
{
    static const char path[] = "/proc/sys/net/ipv6/conf/br0/force_forwarding";
    bool known = access(path, F_OK) == 0;

    (void)state;
    assert_int_equal(get("br0").link.ip6_forces, known ? 0 : -1);
    if (!known)
        return;
    assert_string_equal(output_of("echo 1 > /proc/sys/net/ipv6/conf/br0/force_forwarding && echo done"), "done");
    assert_int_equal(get("br0").link.ip6_forces, 1);
    assert_string_equal(output_of("echo 0 > /proc/sys/net/ipv6/conf/br0/force_forwarding && echo done"), "done");
    assert_int_equal(get("br0").link.ip6_forces, 0);
}

/* All that a fresh port is told, at once, while nobody is plugged in: it has no IPv6 address, then or with carrier. */
static void test_a_port_has_no_link_local_address(void **state)
{
    int fd = open_tap("tap0", IFF_TAP | IFF_NO_PI), open_one = open_tap("tap1", IFF_TAP | IFF_NO_PI);
    const struct netlink_link_change change = {
        .fields = NETLINK_LINK_NO_IP6 | NETLINK_LINK_UP | NETLINK_LINK_MASTER | NETLINK_LINK_ALIAS,
        .alias = "tapnet:lab/lab/web declared",
        .master_index = get("br0").link.index,
        .up = true,
    };
    int carrier = 0;

    (void)state;
    assert_int_equal(ioctl(fd, TUNSETCARRIER, &carrier), 0);
    set("tap0", &change);
    assert_true(get("tap0").link.up && !get("tap0").link.carrier);
    carrier = 1;
    assert_int_equal(ioctl(fd, TUNSETCARRIER, &carrier), 0);
    assert_true(get("tap0").link.carrier);
    assert_string_equal(output_of("ip -6 addr show dev tap0"), "");
    /* The control: a TAP that was told nothing gets one, so its absence above means something. */
    assert_true(shell("ip link set tap1 up"));
    if (access("/proc/sys/net/ipv6", F_OK) == 0)
        assert_non_null(strstr(output_of("ip -6 addr show dev tap1"), "fe80::"));
    close(fd);
    close(open_one);
}

/* With a carrier from the start. In one message the kernel takes it up before it hears that no address is wanted. */
static void test_what_comes_up_last_has_no_link_local_address(void **state)
{
    int fds[] = {open_tap("tap0", IFF_TAP | IFF_NO_PI), open_tap("tap1", IFF_TAP | IFF_NO_PI)};
    struct netlink_link_change change = {.fields = NETLINK_LINK_NO_IP6 | NETLINK_LINK_UP, .up = true};

    (void)state;
    set("tap1", &change);
    if (access("/proc/sys/net/ipv6", F_OK) == 0)
        assert_non_null(strstr(output_of("ip -6 addr show dev tap1"), "fe80::"));
    change.fields |= NETLINK_LINK_UP_LAST;
    set("tap0", &change);
    assert_true(get("tap0").link.up && get("tap0").link.carrier);
    assert_string_equal(output_of("ip -6 addr show dev tap0"), "");
    close(fds[0]);
    close(fds[1]);
}

/* The refusal is told, though it comes up; where there is no IPv6, the rest is done. */
static void test_what_comes_up_last_although_refused(void **state)
{
    int fd = open_tap("tap0", IFF_TAP | IFF_NO_PI);
    struct netlink_link_change change = {
        .fields = NETLINK_LINK_MASTER | NETLINK_LINK_UP | NETLINK_LINK_UP_LAST, .master_index = 4711, .up = true};

    (void)state;
    assert_int_equal(netlink_link_set(netlink, 0, "tap0", &change, &error), -EINVAL);
    assert_true(get("tap0").link.up);
    change = (struct netlink_link_change){.fields = NETLINK_LINK_MTU, .mtu = 600};
    set("tap0", &change);
    change = (struct netlink_link_change){.fields = NETLINK_LINK_NO_IP6 | NETLINK_LINK_GROUP | NETLINK_LINK_UP |
                                                    NETLINK_LINK_UP_LAST,
                                          .group = GROUP,
                                          .up = true};
    set("tap0", &change);
    assert_int_equal(get("tap0").link.group, GROUP);
    assert_int_equal(netlink_link_set(netlink, 0, "nobody", &change, &error), -ENODEV);
    close(fd);
}

/* A link whose MTU is too small for IPv6 has no IPv6 to turn off, and takes the rest all the same. */
static void test_a_link_without_ipv6(void **state)
{
    int fd = open_tap("tap0", IFF_TAP | IFF_NO_PI);
    struct netlink_link_change change = {.fields = NETLINK_LINK_MTU, .mtu = 600};

    (void)state;
    set("tap0", &change);
    change = (struct netlink_link_change){.fields = NETLINK_LINK_NO_IP6 | NETLINK_LINK_UP, .up = true};
    set("tap0", &change);
    assert_true(get("tap0").link.up);
    close(fd);
}

/* What the kernel tells of TUNs and TAPs: kind, queues, owner. */
static void test_tun_attributes(void **state)
{
    int tun = open_tap("tun0", IFF_TUN | IFF_NO_PI);
    int tap = open_tap("tap0", IFF_TAP | IFF_VNET_HDR | IFF_MULTI_QUEUE);
    int second = open_tap("tap0", IFF_TAP | IFF_VNET_HDR | IFF_MULTI_QUEUE);
    struct ifreq detach = {.ifr_flags = IFF_DETACH_QUEUE};
    struct wanted_link found;

    (void)state;
    found = get("tun0");
    assert_string_equal(found.kind, "tun");
    assert_false(found.link.tun_is_tap || found.link.tun_persistent || found.link.tun_multi_queue);
    assert_true(found.link.point_to_point);
    assert_false(found.link.tun_packet_information || found.link.tun_vnet_header);
    assert_int_equal(found.link.tun_queues, 0);
    assert_int_equal(found.link.type, 0xfffe); /* ARPHRD_NONE */
    assert_true(found.link.tun_user == UINT32_MAX && found.link.tun_group == UINT32_MAX);
    assert_int_equal(ioctl(tap, TUNSETOWNER, 0), 0);
    assert_int_equal(ioctl(tap, TUNSETPERSIST, 1), 0);
    found = get("tap0");
    assert_true(found.link.tun_is_tap && found.link.tun_persistent && found.link.tun_multi_queue);
    assert_int_equal(found.link.tun_user, 0);
    assert_true(found.link.tun_packet_information && found.link.tun_vnet_header);
    assert_int_equal(found.link.tun_queues, 2);
    assert_int_equal(ioctl(second, TUNSETQUEUE, &detach), 0);
    found = get("tap0");
    assert_int_equal(found.link.tun_queues, 1);
    assert_int_equal(found.link.tun_detached_queues, 1);
    assert_int_equal(ioctl(tap, TUNSETPERSIST, 0), 0);
    close(second);
    close(tun);
    close(tap);
}

/* A TAP that nobody has brought up is told how long its queue is, and that it is not plugged in. */
static void test_queue_length_and_carrier(void **state)
{
    int fd = open_tap("tap0", IFF_TAP | IFF_NO_PI);
    struct netlink_link_change change = {.fields = NETLINK_LINK_QUEUE_LENGTH, .queue_length = 77};

    (void)state;
    set("tap0", &change);
    assert_string_equal(sys("tap0/tx_queue_len"), "77");
    assert_int_equal(get("tap0").link.queue_length, 77);
    change = (struct netlink_link_change){.fields = NETLINK_LINK_UP, .up = true};
    set("tap0", &change);
    assert_string_equal(sys("tap0/carrier"), "1");
    change = (struct netlink_link_change){.fields = NETLINK_LINK_CARRIER, .carrier = false};
    set("tap0", &change);
    assert_string_equal(sys("tap0/carrier"), "0");
    assert_false(get("tap0").link.carrier);
    close(fd);
}

/* The program behind a TAP sends one frame: the dump of all links has it in that link's counters. */
static void test_counters(void **state)
{
    int fd = open_tap("tap0", IFF_TAP | IFF_NO_PI);
    const struct netlink_link_change change = {.fields = NETLINK_LINK_NO_IP6 | NETLINK_LINK_UP, .up = true};
    struct wanted_link found = {.name = "tap0"};
    const uint8_t frame[200] = {2, 0, 0, 0, 0, 9};

    (void)state;
    set("tap0", &change);
    assert_int_equal(write(fd, frame, sizeof(frame)), sizeof(frame));
    assert_int_equal(netlink_link_dump(netlink, keep_link, NULL, &found, &error), 0);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.link.rx_packets, 1);
    assert_int_equal(found.link.rx_bytes, atoi(sys("tap0/statistics/rx_bytes")));
    assert_int_equal(found.link.tx_packets, atoi(sys("tap0/statistics/tx_packets")));
    assert_true(found.link.up && found.link.tun_is_tap && found.link.ip4_forwarding == 0);
    close(fd);
}

static void test_a_group_is_deleted_at_once(void **state)
{
    const struct mac mac = {{2, 0, 0, 0, 1, 0}};
    struct wanted_link found = {0};
    char name[IFNAMSIZ];

    (void)state;
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "doomed%d", i);
        assert_int_equal(netlink_bridge_create(netlink, name, &mac, 77, 0, &error), 0);
    }
    assert_int_equal(netlink_link_delete_group(netlink, 77, &error), 0);
    assert_int_equal(netlink_link_dump(netlink, keep_link, NULL, &found, &error), 0);
    assert_string_equal(output_of("ls /sys/class/net | grep -c doomed"), "0");
    assert_int_equal(access("/sys/class/net/br0", F_OK), 0);
    assert_true(netlink_link_delete_group(netlink, 77, &error) < 0); /* nobody is in it */
}

static void test_what_is_not_there(void **state)
{
    const struct netlink_link_change change = {.fields = NETLINK_LINK_UP, .up = true};
    struct wanted_link found = {0};

    (void)state;
    assert_int_equal(netlink_link_get(netlink, 0, "nobody", keep_link, &found, &error), -ENODEV);
    assert_int_equal(netlink_link_get(netlink, 4711, NULL, keep_link, &found, &error), -ENODEV);
    assert_int_equal(netlink_link_set(netlink, 0, "nobody", &change, &error), -ENODEV);
    assert_int_equal(netlink_link_delete(netlink, 4711, &error), -ENODEV);
    assert_int_equal(found.count, 0);
    assert_int_equal(netlink_link_delete(netlink, get("br0").link.index, &error), 0);
    assert_int_equal(access("/sys/class/net/br0", F_OK), -1);
}

static void test_a_message_that_is_no_link(void **state)
{
    struct netlink_message message;
    struct netlink_link link = {.index = 99};
    const struct ifinfomsg header = {.ifi_index = 1};

    (void)state;
    netlink_message_init(&message);
    netlink_begin(&message, RTM_NEWLINK, 0, &header, sizeof(header) - 4);
    assert_int_equal(netlink_link_parse((const void *)message.bytes, &link), -EBADMSG);
    netlink_message_reset(&message);
    netlink_begin(&message, RTM_NEWLINK, 0, &header, sizeof(header));
    assert_int_equal(netlink_link_parse((const void *)message.bytes, &link), -EBADMSG); /* no name */
    netlink_put_text(&message, IFLA_IFNAME, "a-name-of-16-byt");
    assert_int_equal(netlink_link_parse((const void *)message.bytes, &link), -EBADMSG);
    assert_int_equal(link.index, 99); /* untouched */
    netlink_put_text(&message, IFLA_IFNAME, "eth0");
    assert_int_equal(netlink_link_parse((const void *)message.bytes, &link), 0);
    assert_string_equal(link.name, "eth0");
    assert_string_equal(link.kind, "");
    assert_string_equal(link.alias, "");
    assert_int_equal(link.ip4_forwarding, -1);
    assert_int_equal(link.ip6_forces, -1);
    netlink_message_fini(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bridge_is_made_as_asked),
        cmocka_unit_test(test_a_pair_has_its_other_end_elsewhere),
        cmocka_unit_test(test_each_field_is_set_alone),
        cmocka_unit_test(test_forwarding_of_one_link),
        cmocka_unit_test(test_ipv6_forwarding_of_one_link),
        cmocka_unit_test(test_a_port_has_no_link_local_address),
        cmocka_unit_test(test_a_link_without_ipv6),
        cmocka_unit_test(test_tun_attributes),
        cmocka_unit_test(test_queue_length_and_carrier),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_a_group_is_deleted_at_once),
        cmocka_unit_test(test_what_is_not_there),
        cmocka_unit_test(test_a_message_that_is_no_link),
        cmocka_unit_test(test_what_comes_up_last_has_no_link_local_address),
        cmocka_unit_test(test_what_comes_up_last_although_refused),
    };
    int failed;

    namespace_enter();
    if (access("/dev/net/tun", R_OK | W_OK) < 0) {
        printf("skipped: /dev/net/tun cannot be opened\n");
        return TEST_SKIPPED;
    }
    if (netlink_open(NETLINK_ROUTE, &netlink, &error) < 0)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    netlink_close(netlink);
    return failed;
}
