/* SPDX-License-Identifier: MIT */
/* Names and MACs that follow from names: readable, stable, and different where they must be. */
#include "build.h"

static void names_are_dns_labels(void **state)
{
    static const char *const good[] = {
        "a", "7", "web", "web-1", "a--b", "0-0", "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxy"};
    static const char *const wrong[] = {
        "",
        "-",
        "-web",
        "web-",
        "Web",
        "web_1",
        "web.1",
        "we b",
        "web\n",
        "w\xc3\xa9",
        "web/1",
        "../etc",
        "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqrstuvwxyz", /* 64 characters */
    };

    (void)state;
    assert_int_equal(strlen(good[ARRAY_COUNT(good) - 1]), 63);
    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        assert_true(model_name_valid(good[i]));
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(model_name_valid(wrong[i]));
}

static void interface_names_are_what_the_kernel_takes(void **state)
{
    static const char *const good[] = {"a", "eth0", "br-lab", "wg_0.1+x@y", "Eth0", "123456789012345", "...", "all1"};
    static const char *const wrong[] = {
        "",      ".",     "..",  "1234567890123456", "a/b",    "a b", "a\tb", "a:1", "tap%d",
        "w\xe9", "a\x7f", "all", "default",          "../../x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        assert_true(model_ifname_valid(good[i]));
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(model_ifname_valid(wrong[i]));
}

static void modes_have_words(void **state)
{
    enum model_mode mode = MODEL_MODE_ISOLATED;

    (void)state;
    assert_int_equal(model_mode_parse("nat", &mode), 0);
    assert_int_equal(mode, MODEL_MODE_NAT);
    assert_int_equal(model_mode_parse("isolated", &mode), 0);
    assert_int_equal(mode, MODEL_MODE_ISOLATED);
    assert_int_equal(model_mode_parse("NAT", &mode), -EINVAL);
    assert_int_equal(model_mode_parse("", &mode), -EINVAL);
    assert_int_equal(mode, MODEL_MODE_ISOLATED);
    assert_string_equal(model_mode_print(MODEL_MODE_NAT), "nat");
    assert_string_equal(model_mode_print(MODEL_MODE_ISOLATED), "isolated");
}

static void a_set_of_nothing_is_freed(void **state)
{
    (void)state;
    model_set_free(NULL);
    model_set_free(build_set("empty"));
}

static void names_of_links_follow_from_names(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL);

    (void)state;
    build_port(set, network, "web", NULL, NULL);
    build_port(set, network, "db-primary1", NULL, NULL); /* 15 characters with "lab-": just fits */
    build_port(set, network, "db-primary12", NULL, NULL);
    build_port(set, network, "given", NULL, NULL);
    snprintf(network->ports[3].device, MODEL_IFNAME_MAX, "mytap");
    model_derive(set);
    assert_string_equal(network->bridge, "br-lab");
    assert_string_equal(network->ports[0].device, "lab-web");
    assert_string_equal(network->ports[1].device, "lab-db-primary1");
    assert_int_equal(strlen(network->ports[2].device), 15);
    assert_memory_equal(network->ports[2].device, "lab-db-p-", 9);
    assert_int_equal(strspn(network->ports[2].device + 9, "0123456789abcdefghijklmnopqrstuvwxyz"), 6);
    assert_string_equal(network->ports[3].device, "mytap");
    assert_string_equal(network->ports[0].hostname, "web");
}

/* Ports that are there or ready count, and only when the network is made: what is up stays as it is. */
static void more_ports_than_a_bridge_takes_have_none(void **state)
{
    static const struct {
        enum model_mode mode;
        unsigned ports, pool;
        bool spread;
    } cases[] = {
        {MODEL_MODE_NAT, 1023, 0, false},     {MODEL_MODE_NAT, 1024, 0, true},
        {MODEL_MODE_NAT, 1000, 24, true},     {MODEL_MODE_ISOLATED, 1000, 23, false},
        {MODEL_MODE_ISOLATED, 1024, 0, true}, {MODEL_MODE_BRIDGE, 1024, 0, false},
        {MODEL_MODE_ROUTED, 1024, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct model_set *set _cleanup_set_ = build_set("lab");
        struct model_network *network = build_network(set, "lab", NULL);
        bool bridged = !cases[i].spread && cases[i].mode != MODEL_MODE_ROUTED;

        network->mode = cases[i].mode;
        network->pool = cases[i].pool;
        build_many_ports(set, network, "vm%u", cases[i].ports);
        model_derive(set);
        assert_int_equal(network->spread, cases[i].spread);
        assert_int_equal(model_network_has_bridge(network), bridged);
        assert_string_equal(network->bridge, bridged ? "br-lab" : "rt-lab");
        network->port_count = 1;
        build_many_ports(set, network, "more%u", cases[i].spread ? 1 : 1030);
        model_derive(set);
        assert_int_equal(network->spread, cases[i].spread);
        assert_int_equal(model_network_ports_max(network),
                         bridged ? cases[i].mode == MODEL_MODE_BRIDGE ? 1022 : 1023 : 8191);
    }
}

static void clones_have_one_mac_and_no_bridge(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", "10.20.0.1/24");

    (void)state;
    network->clones = (struct model_clones){{{0x52, 0x54, 0, 0, 0, 7}}, build_address("10.20.0.7")};
    build_many_ports(set, network, "vm%u", 3);
    model_derive(set);
    assert_true(network->spread && !model_network_has_bridge(network));
    for (size_t i = 0; i < 3; i++)
        assert_true(network->ports[i].guest_mac_given &&
                    mac_equal(&network->ports[i].guest_mac, &network->clones.mac) &&
                    !mac_equal(&network->ports[i].mac, &network->clones.mac));
}

/* The names are kept for ever: a host that is up must be recognised by a later version. */
static void shortened_names_are_what_they_have_always_been(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("production");
    struct model_network *network = build_network(set, "production-network", NULL);

    (void)state;
    build_port(set, network, "web", NULL, NULL);
    model_derive(set);
    assert_string_equal(network->bridge, "br-produ-bwwwt6");
    assert_string_equal(network->ports[0].device, "producti-qbpar3");
}

static void ids_give_openstacks_names(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("stack");
    struct model_network *network = build_network(set, "net", NULL);
    struct model_port *port = build_port(set, network, "vm", NULL, NULL);

    (void)state;
    snprintf(network->id, sizeof(network->id), "5b2e7d3c-90a1-4c55-8a39-0d2c7b1f6e44");
    snprintf(port->id, sizeof(port->id), "a8f2c9d0-1b3e-4f67-9a21-7c0e5d4b8f13");
    model_derive(set);
    assert_string_equal(network->bridge, "qbr5b2e7d3c-90");
    assert_string_equal(port->device, "tapa8f2c9d0-1b");
}

static void given_values_stay(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL);
    struct model_port *port = build_port(set, network, "db", NULL, "52:54:00:00:00:07");
    struct model_device *tap = build_device(set, "tap9", MODEL_DEVICE_TAP, NULL);
    struct mac mac = build_mac("02:00:00:00:03:0b"), guest_mac = port->guest_mac;

    (void)state;
    snprintf(network->bridge, sizeof(network->bridge), "mybridge");
    snprintf(port->hostname, sizeof(port->hostname), "database");
    tap->mac = mac;
    model_derive(set);
    assert_string_equal(network->bridge, "mybridge");
    assert_string_equal(port->hostname, "database");
    assert_true(mac_equal(&port->guest_mac, &guest_mac));
    assert_true(mac_equal(&tap->mac, &mac));
}

static void macs_follow_from_names_and_differ(void **state)
{
    static const uint8_t oui[3] = {0x52, 0x54, 0x00};
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL);
    struct model_port *port = build_port(set, network, "web", NULL, NULL);
    struct model_device *tap, *tun;
    struct mac expected;

    (void)state;
    build_device(set, "tap9", MODEL_DEVICE_TAP, NULL);
    build_device(set, "tun1", MODEL_DEVICE_TUN, NULL);
    model_derive(set);
    tap = &set->devices[0];
    tun = &set->devices[1];
    expected = mac_derive("tapnet bridge lab", NULL);
    assert_true(mac_equal(&network->mac, &expected));
    expected = mac_derive("tapnet guest lab/web", oui);
    assert_true(mac_equal(&port->guest_mac, &expected));
    expected = mac_derive("tapnet tap lab/lab/web", NULL);
    assert_true(mac_equal(&port->mac, &expected));
    assert_false(mac_equal(&port->mac, &port->guest_mac));
    assert_false(mac_is_zero(&tap->mac));
    assert_true(mac_is_zero(&tun->mac));
}

/* Somebody gives the guest the very MAC that its TAP would have had: the TAP yields. */
static void the_tap_never_has_its_guests_mac(void **state)
{
    struct mac same = mac_derive("tapnet tap lab/lab/web", NULL);
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL);
    struct model_port *port = build_port(set, network, "web", NULL, NULL);

    (void)state;
    port->guest_mac = same;
    port->guest_mac_given = true;
    model_derive(set);
    assert_true(mac_equal(&port->guest_mac, &same));
    assert_false(mac_equal(&port->mac, &same));
    assert_false(mac_is_multicast(&port->mac));
}

static int compare_macs(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct mac));
}

/* Three bytes tell proposed MACs apart: among 10,000 names chance makes three pairs equal, and none may stay so. */
static void proposed_macs_differ_within_a_network(void **state)
{
    enum { COUNT = 10000 };
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL);
    struct mac *macs _cleanup_free_ = calloc(COUNT, sizeof(*macs));
    unsigned seconds = 0;

    (void)state;
    build_many_ports(set, network, "vm%u", COUNT);
    model_derive(set);
    for (size_t i = 0; i < COUNT; i++) {
        static const uint8_t oui[3] = {0x52, 0x54, 0x00};
        char seed[64];
        struct mac first;

        snprintf(seed, sizeof(seed), "tapnet guest lab/vm%zu", i);
        first = mac_derive(seed, oui);
        seconds += !mac_equal(&first, &network->ports[i].guest_mac);
        macs[i] = network->ports[i].guest_mac;
    }
    assert_true(seconds > 0); /* or this test would prove nothing */
    qsort(macs, COUNT, sizeof(*macs), compare_macs);
    for (size_t i = 1; i < COUNT; i++)
        assert_false(mac_equal(&macs[i - 1], &macs[i]));
}

/* A given MAC that another port would have been proposed: the proposal yields, wherever it stands in the file. */
static void a_proposal_yields_to_a_given_mac(void **state)
{
    static const uint8_t oui[3] = {0x52, 0x54, 0x00};
    struct mac proposed = mac_derive("tapnet guest lab/web", oui);
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL);

    (void)state;
    build_port(set, network, "web", NULL, NULL);
    build_port(set, network, "db", NULL, NULL);
    network->ports[1].guest_mac = proposed;
    network->ports[1].guest_mac_given = true;
    model_derive(set);
    assert_true(mac_equal(&network->ports[1].guest_mac, &proposed));
    assert_false(mac_equal(&network->ports[0].guest_mac, &proposed));
}

static void adding_a_port_changes_no_other(void **state)
{
    struct model_set *few _cleanup_set_ = build_set("lab");
    struct model_set *more _cleanup_set_ = build_set("lab");
    struct model_network *a = build_network(few, "lab", NULL), *b = build_network(more, "lab", NULL);

    (void)state;
    build_many_ports(few, a, "vm%u", 300);
    build_many_ports(more, b, "vm%u", 301);
    model_derive(few);
    model_derive(more);
    for (size_t i = 0; i < a->port_count; i++) {
        assert_true(mac_equal(&a->ports[i].mac, &b->ports[i].mac));
        assert_true(mac_equal(&a->ports[i].guest_mac, &b->ports[i].guest_mac));
        assert_string_equal(a->ports[i].device, b->ports[i].device);
    }
}

static void deriving_twice_changes_nothing(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "a-very-long-network-name", NULL), before;
    struct model_port port;

    (void)state;
    build_port(set, network, "web", NULL, NULL);
    model_derive(set);
    before = *network;
    port = network->ports[0];
    model_derive(set);
    assert_memory_equal(&before, network, sizeof(before));
    assert_memory_equal(&port, &network->ports[0], sizeof(port));
}

/* A port that comes when its network is up, behind those that were derived then. */
static void a_port_that_comes_later_changes_no_other(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL);
    struct model_port before[300];
    const struct mac uplink = {{0x22, 0, 0x65, 0xbc, 0xac, 0x81}}; /* in mode bridge the bridge has its uplink's */

    (void)state;
    network->limit.rate = 8000000;
    build_many_ports(set, network, "p%u", 300);
    model_derive(set);
    memcpy(before, network->ports, sizeof(before));
    memmove(network->ports, network->ports + 1, 299 * sizeof(before[0])); /* another one has gone */
    network->port_count = 299;
    network->mac = uplink;
    build_port(set, network, "vm1", NULL, NULL);
    model_derive_network(set, network);
    assert_true(mac_equal(&network->mac, &uplink));
    assert_memory_equal(before + 1, network->ports, 299 * sizeof(before[0]));
    assert_string_equal(network->ports[299].device, "lab-vm1");
    assert_int_equal(network->ports[299].limit.send, 8000000);
    assert_int_equal(network->ports[299].limit.receive, 8000000);
    assert_int_equal(network->ports[299].limit.broadcast, MODEL_BROADCAST);
    for (size_t i = 0; i < 299; i++)
        assert_false(mac_equal(&network->ports[i].guest_mac, &network->ports[299].guest_mac));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_dns_labels),
        cmocka_unit_test(interface_names_are_what_the_kernel_takes),
        cmocka_unit_test(modes_have_words),
        cmocka_unit_test(a_set_of_nothing_is_freed),
        cmocka_unit_test(names_of_links_follow_from_names),
        cmocka_unit_test(more_ports_than_a_bridge_takes_have_none),
        cmocka_unit_test(clones_have_one_mac_and_no_bridge),
        cmocka_unit_test(shortened_names_are_what_they_have_always_been),
        cmocka_unit_test(ids_give_openstacks_names),
        cmocka_unit_test(given_values_stay),
        cmocka_unit_test(macs_follow_from_names_and_differ),
        cmocka_unit_test(the_tap_never_has_its_guests_mac),
        cmocka_unit_test(proposed_macs_differ_within_a_network),
        cmocka_unit_test(a_proposal_yields_to_a_given_mac),
        cmocka_unit_test(adding_a_port_changes_no_other),
        cmocka_unit_test(deriving_twice_changes_nothing),
        cmocka_unit_test(a_port_that_comes_later_changes_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
