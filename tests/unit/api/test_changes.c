/* SPDX-License-Identifier: MIT */
/* What is different between two looks: each kind of change, in order, and nothing where nothing is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <tapnet/changes.h>

#include "api/status.h"

static char told[4096];

static void note(const struct tapnet_change *change, void *data)
{
    size_t len = strlen(told);

    (void)data;
    snprintf(told + len, sizeof(told) - len, "%s/%s[%s] %s%s%s %u\n", change->network, change->port, change->device,
             change->kind, *change->text ? " " : "", change->text, (unsigned)change->count);
}

static const char *between(const struct tapnet_status *before, const struct tapnet_status *after)
{
    *told = '\0';
    tapnet_changes_between(before, after, note, NULL);
    return told;
}

#define PORT(NAME, STATE)                                                                                              \
    {                                                                                                                  \
        .name = NAME, .device = "lab-" NAME, .mac = "52:54:00:00:00:01", .mac_source = "proposed", .state = STATE,     \
        .holder = ""                                                                                                   \
    }

/* A status of one network with @count @ports. */
static struct tapnet_status status_of(struct tapnet_status_network *network, const struct tapnet_status_port *ports,
                                      size_t count)
{
    *network = (struct tapnet_status_network){.name = "lab", .served = true, .ports = ports, .port_count = count};
    return (struct tapnet_status){.networks = network, .network_count = 1};
}

static void test_nothing_is_told_of_what_stays(void **state)
{
    const struct tapnet_status_port ports[] = {PORT("web", "plugged"), PORT("db", "free")};
    struct tapnet_status_network network;
    struct tapnet_status status = status_of(&network, ports, 2);

    (void)state;
    assert_string_equal(between(&status, &status), "");
    assert_string_equal(between(NULL, NULL), "");
}

static void test_ports_come_and_go(void **state)
{
    const struct tapnet_status_port before[] = {PORT("a", "free"), PORT("b", "plugged"), PORT("c", "free")};
    struct tapnet_status_port after[] = {PORT("a", "plugged"), PORT("c", "down"), PORT("d", "free")};
    struct tapnet_status_network networks[2];
    struct tapnet_status first = status_of(&networks[0], before, 3), second;

    (void)state;
    after[0].holder = "qemu";
    after[0].holder_pid = 4711;
    second = status_of(&networks[1], after, 3);
    assert_string_equal(between(&first, &second), "lab/b[lab-b] unplugged 0\nlab/b[lab-b] removed 0\n"
                                                  "lab/a[lab-a] plugged qemu (4711) 0\nlab/c[lab-c] state down 0\n"
                                                  "lab/d[lab-d] added 0\n");
    assert_string_equal(between(&second, &first), "lab/d[lab-d] removed 0\nlab/a[lab-a] unplugged free 0\n"
                                                  "lab/b[lab-b] added 0\nlab/b[lab-b] plugged 0\n"
                                                  "lab/c[lab-c] state free 0\n");
}

static void test_another_holder_is_another_guest(void **state)
{
    struct tapnet_status_port before[] = {PORT("a", "plugged")}, after[] = {PORT("a", "plugged")};
    struct tapnet_status_network networks[2];
    struct tapnet_status first = status_of(&networks[0], before, 1), second = status_of(&networks[1], after, 1);

    (void)state;
    after[0].holder_pid = 2;
    assert_string_equal(between(&first, &second), ""); /* who was not seen before */
    before[0].holder_pid = 1;
    after[0].holder = "two";
    assert_string_equal(between(&first, &second), "lab/a[lab-a] unplugged 0\nlab/a[lab-a] plugged two (2) 0\n");
}

static void test_drops_by_reason(void **state)
{
    struct tapnet_status_port before[] = {PORT("a", "plugged")}, after[] = {PORT("a", "plugged")};
    struct tapnet_status_network networks[2];
    struct tapnet_status first = status_of(&networks[0], before, 1), second = status_of(&networks[1], after, 1);

    (void)state;
    before[0].dropped = before[0].blocked_by.frames = before[0].blocked_by.arp = 5;
    after[0].dropped = 6;
    after[0].blocked_by.frames = 7;
    after[0].blocked_by.arp = 5;
    after[0].blocked_by.ways = 3;
    after[0].refused_connections = 4;
    assert_string_equal(between(&first, &second), "lab/a[lab-a] dropped late 1\nlab/a[lab-a] dropped frames 2\n"
                                                  "lab/a[lab-a] dropped ways 3\nlab/a[lab-a] dropped connections 4\n");
    assert_string_equal(between(&second, &first), ""); /* counted anew */
    before[0].state = "free";
    before[0].dropped = 0;
    assert_null(strstr(between(&first, &second), "late")); /* nobody was there to take it */
}

static void test_macs(void **state)
{
    static const char *const refused[] = {"52:54:00:00:00:09"};
    struct tapnet_status_port before[] = {PORT("a", "plugged")}, after[] = {PORT("a", "plugged")};
    struct tapnet_status_network networks[2];
    struct tapnet_status first = status_of(&networks[0], before, 1), second = status_of(&networks[1], after, 1);

    (void)state;
    after[0].mac_source = "seen";
    after[0].refused_macs = refused;
    after[0].refused_mac_count = 1;
    assert_string_equal(between(&first, &second),
                        "lab/a[lab-a] mac 52:54:00:00:00:01 0\nlab/a[lab-a] refused 52:54:00:00:00:09 0\n");
    assert_string_equal(between(&second, &second), "");
}

static void test_leases(void **state)
{
    struct tapnet_status_port before[] = {PORT("a", "plugged")}, after[] = {PORT("a", "plugged")};
    struct tapnet_status_network networks[2];
    struct tapnet_status first = status_of(&networks[0], before, 1), second = status_of(&networks[1], after, 1);

    (void)state;
    after[0].address = "10.20.0.6";
    after[0].address6 = "fd00::6";
    after[0].leased = 1000;
    assert_string_equal(between(&first, &second), "lab/a[lab-a] lease 10.20.0.6 0\n");
    before[0].leased = 999;
    after[0].leased6 = 1000;
    assert_string_equal(between(&first, &second), "lab/a[lab-a] lease 10.20.0.6 0\nlab/a[lab-a] lease fd00::6 0\n");
    assert_string_equal(between(&second, &first), ""); /* a service that was started anew knows of none */
}

static void test_networks_devices_problems_and_the_keeper(void **state)
{
    static const struct tapnet_status_port ports[] = {PORT("a", "plugged")};
    struct doctor_problem problems[] = {{.text = "tap lab-a is missing"}};
    struct tapnet_status_device devices[] = {{.name = "tun1", .state = "plugged", .holder = "vpn", .holder_pid = 7}};
    struct tapnet_status_network network;
    struct tapnet_status status = status_of(&network, ports, 1);

    (void)state;
    status.devices = devices;
    status.device_count = 1;
    status.problems = problems;
    status.problem_count = 1;
    status.keeper_pid = 12;
    network.served = false;
    assert_string_equal(between(NULL, &status), "lab/[] up 0\nlab/[] unserved 0\nlab/a[lab-a] added 0\n"
                                                "lab/a[lab-a] plugged 0\n/[tun1] added 0\n/[tun1] plugged vpn (7) 0\n"
                                                "/[] problem tap lab-a is missing 0\n/[] keeper 12\n");
    assert_string_equal(between(&status, NULL), "lab/a[lab-a] unplugged 0\nlab/a[lab-a] removed 0\nlab/[] down 0\n"
                                                "/[tun1] removed 0\n/[] mended tap lab-a is missing 0\n/[] keeper 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_told_of_what_stays),
        cmocka_unit_test(test_ports_come_and_go),
        cmocka_unit_test(test_another_holder_is_another_guest),
        cmocka_unit_test(test_drops_by_reason),
        cmocka_unit_test(test_macs),
        cmocka_unit_test(test_leases),
        cmocka_unit_test(test_networks_devices_problems_and_the_keeper),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
