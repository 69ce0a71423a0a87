/* SPDX-License-Identifier: MIT */
/* Right files, and the model that they mean. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cases.h"
#include "model/forward.h"
#include "spec/spec.h"

DEFINE_CLEANUP(struct model_set *, model_set_free)
#define _cleanup_set_ cleanup(cleanup_model_set_free)

static struct model_set *parse_text(const char *text, size_t len, const char *file)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct model_set *set = NULL;

    if (spec_parse(text, len, file, &set, &error) < 0)
        fail_msg("%s", error.text);
    return set;
}

/* The set of the good case @name. */
static struct model_set *parse_case(const char *name)
{
    for (size_t i = 0; i < good_count; i++)
        if (strcmp(good[i].name, name) == 0)
            return parse_text(good[i].text, good[i].len, "lab.yaml");
    fail_msg("no case %s", name);
    return NULL;
}

static void assert_address(const struct ip_address *address, const char *wanted)
{
    char text[IP_TEXT_MAX];

    assert_string_equal(ip_address_print(address, text), wanted);
}

static void assert_prefix(const struct ip_prefix *prefix, const char *wanted)
{
    char text[IP_PREFIX_TEXT_MAX];

    assert_string_equal(ip_prefix_print(prefix, text), wanted);
}

static void assert_mac(const struct mac *mac, const char *wanted)
{
    char text[MAC_TEXT_MAX];

    assert_string_equal(mac_print(mac, text), wanted);
}

static void assert_place(struct model_place place, unsigned line, unsigned column)
{
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static void every_case_parses(void **state)
{
    (void)state;
    for (size_t i = 0; i < good_count; i++) {
        _cleanup_free_ char *text = malloc(good[i].len);
        _cleanup_set_ struct model_set *set = NULL;

        memcpy(text, good[i].text, good[i].len);
        set = parse_text(text, good[i].len, "lab.yaml");
        assert_string_equal(set->file, "lab.yaml");
        assert_string_equal(set->name, strcmp(good[i].name, "names-given") == 0 ? "office" : "lab");
    }
}

static void smallest(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("smallest");
    const struct model_network *network = set->networks;

    (void)state;
    assert_int_equal(set->network_count, 1);
    assert_int_equal(set->device_count, 0);
    assert_string_equal(network->name, "lab");
    assert_int_equal(network->mode, MODEL_MODE_NAT);
    assert_false(network->subnet_given);
    assert_false(network->uplink_given);
    assert_false(network->mtu_given);
    assert_int_equal(network->port_count, 1);
    assert_string_equal(network->ports[0].name, "vm1");
    assert_int_equal(network->ports[0].user, MODEL_ID_NONE);
    assert_int_equal(network->ports[0].group, MODEL_ID_NONE);
    assert_false(network->ports[0].address_given);
    assert_false(network->ports[0].guest_mac_given);
    assert_place(network->place, 1, 13);
    assert_place(network->subnet_place, 0, 0);
    assert_place(network->ports[0].place, 1, 29);
}

static void design(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("design");
    const struct model_network *network = set->networks;
    const struct model_device *device = set->devices;

    (void)state;
    assert_true(network->subnet_given);
    assert_prefix(&network->subnet, "10.20.0.1/24");
    assert_place(network->subnet_place, 5, 13);
    assert_int_equal(network->port_count, 2);
    assert_int_equal(network->ports[0].user, 0);
    assert_string_equal(network->ports[1].name, "db");
    assert_true(network->ports[1].address_given);
    assert_address(&network->ports[1].address, "10.20.0.7");
    assert_true(network->ports[1].guest_mac_given);
    assert_mac(&network->ports[1].guest_mac, "52:54:00:00:00:07");
    assert_place(network->ports[1].place, 8, 7);
    assert_place(network->ports[1].address_place, 8, 23);
    assert_place(network->ports[1].mac_place, 8, 39);
    assert_int_equal(set->device_count, 1);
    assert_string_equal(device->name, "tun1");
    assert_int_equal(device->kind, MODEL_DEVICE_TUN);
    assert_int_equal(device->address_count, 1);
    assert_prefix(&device->addresses[0], "192.168.3.11/24");
    assert_int_equal(device->user, MODEL_ID_NONE);
    assert_int_equal(device->mtu, 0);
    assert_false(device->multi_queue);
    assert_place(device->place, 10, 3);
}

/* What other readers of YAML take for booleans, numbers or nothing are plain names here. */
static void words_of_yaml(void **state)
{
    static const char *const names[] = {"on", "123", "null", "0x10", "1e3", "y", "off"};
    _cleanup_set_ struct model_set *set = parse_case("words-of-yaml");

    (void)state;
    assert_string_equal(set->networks[0].name, "no");
    assert_int_equal(set->networks[0].port_count, sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < set->networks[0].port_count; i++)
        assert_string_equal(set->networks[0].ports[i].name, names[i]);
    assert_string_equal(set->networks[0].ports[2].hostname, "true");
}

static void nothing_means_defaults(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("nothing-means-defaults");

    (void)state;
    assert_int_equal(set->network_count, 2);
    assert_int_equal(set->networks[0].port_count, 2);
    assert_string_equal(set->networks[0].ports[1].name, "db");
    assert_int_equal(set->networks[0].ports[1].user, MODEL_ID_NONE);
    assert_string_equal(set->networks[1].name, "lan");
    assert_int_equal(set->networks[1].port_count, 0);
    assert_int_equal(set->device_count, 0);
}

static void isolated(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("isolated-without-ports");

    (void)state;
    assert_int_equal(set->networks[0].mode, MODEL_MODE_ISOLATED);
    assert_int_equal(set->networks[0].port_count, 0);
}

static void routed(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("routed");

    (void)state;
    assert_int_equal(set->networks[0].mode, MODEL_MODE_ROUTED);
    assert_int_equal(set->networks[0].port_count, 2);
}

static void assert_limit(const struct model_limit *limit, const struct model_limit *wanted)
{
    assert_int_equal(limit->send, wanted->send);
    assert_int_equal(limit->receive, wanted->receive);
    assert_int_equal(limit->burst, wanted->burst);
    assert_int_equal(limit->connections, wanted->connections);
    assert_int_equal(limit->broadcast, wanted->broadcast);
}

/* A key that the port does not have is the network's. */
static void limits(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("limits");
    const struct model_port *ports = set->networks[0].ports;
    const struct model_limit web = {
        .send = 8000, .receive = 100000000, .burst = 262144, .connections = 500, .broadcast = 20};
    const struct model_limit db = {.send = UINT64_C(100000000000), .receive = 1000000, .connections = 7};
    const struct model_limit plain = {.broadcast = MODEL_BROADCAST};

    (void)state;
    assert_limit(&ports[0].limit, &web);
    assert_limit(&ports[1].limit, &db);
    assert_limit(&set->networks[1].ports[0].limit, &plain);
}

static void ports_see_each_other_unless_told_otherwise(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("ports-apart");

    (void)state;
    assert_false(set->networks[0].ports_see_each_other);
    assert_true(set->networks[1].ports_see_each_other);
}

static void host_and_protocols_are_closed_unless_opened(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("open");

    (void)state;
    assert_int_equal(set->networks[0].host, MODEL_HOST_ALLOW);
    assert_int_equal(set->networks[1].host, MODEL_HOST_CLOSED);
    assert_int_equal(set->networks[0].ports[0].protocols, MODEL_PROTOCOLS_ANY);
    assert_int_equal(set->networks[0].ports[1].protocols, MODEL_PROTOCOLS_IP);
}

static void forwards(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("forwards");
    const struct model_port *ports = set->networks[0].ports;
    char text[MODEL_FORWARD_TEXT_MAX];

    (void)state;
    assert_int_equal(ports[0].forward_count, 1);
    assert_string_equal(model_forward_print(&ports[0].forwards[0], text), "8080:80");
    assert_place(ports[0].forwards[0].place, 4, 23);
    assert_int_equal(ports[1].forward_count, 2);
    assert_string_equal(model_forward_print(&ports[1].forwards[0], text), "127.0.0.1:2222:22");
    assert_string_equal(model_forward_print(&ports[1].forwards[1], text), "8000-8010:9000-9010/udp");
    assert_place(ports[1].forwards[1].place, 6, 40);
    assert_int_equal(ports[2].forward_count, 9);
    assert_string_equal(model_forward_print(&ports[2].forwards[8], text), "995:995");
}

static void quotes_change_nothing(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("quoted");

    (void)state;
    assert_string_equal(set->networks[0].name, "lab");
    assert_int_equal(set->networks[0].mtu, 1400);
    assert_true(set->networks[0].mtu_given);
    assert_prefix(&set->networks[0].subnet, "10.1.2.1/24");
}

static void lists(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("lists");
    const struct model_network *network = set->networks;
    const struct model_dhcp *port = &network->ports[0].dhcp;
    const struct model_device *device = set->devices;

    (void)state;
    assert_int_equal(network->dhcp.ntp_count, 2);
    assert_address(&network->dhcp.ntp[0], "10.0.0.1");
    assert_address(&network->dhcp.ntp[1], "10.0.0.2");
    assert_int_equal(network->dhcp.search_count, 2);
    assert_string_equal(network->dhcp.search[0], "example.com");
    assert_string_equal(network->dhcp.search[1], "a.example.net");
    assert_null(network->dhcp.boot_file);
    assert_int_equal(port->ntp_count, 1);
    assert_address(&port->ntp[0], "10.0.0.3");
    assert_string_equal(port->boot_file, "http://10.0.0.9/boot.ipxe");
    assert_address(&port->boot_server, "10.0.0.9");
    assert_int_equal(device->kind, MODEL_DEVICE_TAP);
    assert_int_equal(device->address_count, 2);
    assert_prefix(&device->addresses[0], "10.9.0.1/24");
    assert_prefix(&device->addresses[1], "fd00:9::1/64");
    assert_true(device->multi_queue);
    assert_int_equal(device->mtu, 9000);
    assert_mac(&device->mac, "02:00:00:00:00:09");
}

static void device_settings(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("device-settings");
    const struct model_device *tap = set->devices;

    (void)state;
    assert_int_equal(set->device_count, 4);
    assert_true(!tap->up && tap->up_given && set->devices[1].up && set->devices[2].up);
    assert_int_equal(tap->queue_length, 2000);
    assert_int_equal(set->devices[1].link_type, 512);
    assert_int_equal(tap->settings.offloads, 0x1ef); /* all but the old TUN_F_UFO */
    assert_place(tap->offloads_place, 6, 15);
    assert_int_equal(tap->settings.vnet_header_size, 12);
    assert_true(set->devices[1].settings.offloads_given && set->devices[2].settings.offloads_given);
    assert_int_equal(set->devices[1].settings.offloads | set->devices[2].settings.offloads, 0);
    assert_int_equal(set->devices[3].settings.offloads, MODEL_OFFLOAD_CHECKSUM);
}

static void names_given(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("names-given");
    const struct model_network *network = set->networks;

    (void)state;
    assert_string_equal(network->bridge, "vmbr0");
    assert_place(network->bridge_place, 4, 13);
    assert_string_equal(network->uplink, "eth0.100");
    assert_true(network->uplink_given);
    assert_place(network->uplink_place, 5, 13);
    assert_string_equal(network->ports[0].device, "vnet0");
    assert_place(network->ports[0].device_place, 7, 22);
    assert_string_equal(network->ports[0].hostname, "www");
    assert_int_equal(network->ports[0].user, 1000);
    assert_int_equal(network->ports[0].group, 1001);
}

static void ids(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("ids");

    (void)state;
    assert_string_equal(set->networks[0].id, "5b2e7d3c-90a1-4c55-8a39-0d2c7b1f6e44");
    assert_string_equal(set->networks[0].ports[0].id, "a8f2c9d0-1b3e-4f67-9a21-7c0e5d4b8f13");
}

/* However the same text is wrapped, it says the same. */
static void wrappings(void **state)
{
    static const char *const names[] = {"carriage-returns", "byte-order-mark",   "no-newline-at-end", "document-marks",
                                        "tab-after-key",    "not-ascii-comment", "unicode-escape"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        _cleanup_set_ struct model_set *set = parse_case(names[i]);

        assert_int_equal(set->network_count, 1);
        assert_string_equal(set->networks[0].name, "lab");
        assert_int_equal(set->networks[0].mtu, 1400);
    }
}

/* The file's name names the set: without directory and extension. */
static void named_after_the_file(void **state)
{
    static const char *const files[][2] = {
        {"office.yaml", "office"}, {"/etc/tapnet/office.yml", "office"},
        {"../a/office", "office"}, {"4711.yaml", "4711"},
        {"yaml", "yaml"},          {"a.b/no.yaml", "no"},
    };
    static const char text[] = "networks: {}\n";

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        _cleanup_set_ struct model_set *set = parse_text(text, sizeof(text) - 1, files[i][0]);

        assert_string_equal(set->name, files[i][1]);
        assert_string_equal(set->file, files[i][0]);
    }
}

static void who_may_plug_guests_in(void **state)
{
    _cleanup_set_ struct model_set *set = parse_case("allow");
    const struct model_network *lab = &set->networks[0], *lan = &set->networks[1];

    (void)state;
    assert_int_equal(lab->access_count, 4);
    assert_int_equal(lab->access[0].user, 0);
    assert_int_equal(lab->access[0].group, MODEL_ID_NONE);
    assert_int_equal(lab->access[0].ports, MODEL_ACCESS_PORTS);
    assert_int_equal(lab->access[1].group, 0);
    assert_int_equal(lab->access[1].user, MODEL_ID_NONE);
    assert_int_equal(lab->access[1].ports, 3);
    assert_int_equal(lab->access[2].user, 1000);
    assert_int_equal(lab->access[3].group, 1000);
    assert_int_equal(lab->access[3].ports, 1);
    assert_int_equal(lab->ports[0].queues, 4);
    assert_int_equal(lab->pool, 0);
    assert_int_equal(lan->access[0].ports, 8191);
    assert_int_equal(lan->pool, 16);
    assert_string_equal(lan->hooks.up, "/etc/tapnet/up");
    assert_null(lan->hooks.down);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_plug_guests_in),
        cmocka_unit_test(every_case_parses),
        cmocka_unit_test(smallest),
        cmocka_unit_test(design),
        cmocka_unit_test(words_of_yaml),
        cmocka_unit_test(nothing_means_defaults),
        cmocka_unit_test(isolated),
        cmocka_unit_test(routed),
        cmocka_unit_test(limits),
        cmocka_unit_test(ports_see_each_other_unless_told_otherwise),
        cmocka_unit_test(host_and_protocols_are_closed_unless_opened),
        cmocka_unit_test(forwards),
        cmocka_unit_test(quotes_change_nothing),
        cmocka_unit_test(lists),
        cmocka_unit_test(device_settings),
        cmocka_unit_test(names_given),
        cmocka_unit_test(ids),
        cmocka_unit_test(wrappings),
        cmocka_unit_test(named_after_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
