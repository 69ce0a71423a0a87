/* SPDX-License-Identifier: MIT */
/* What depends on the host: subnets, addresses, uplinks, MTUs. */
#include <netinet/in.h>

#include "host.h"

/* ---- alone ---- */

static void the_smallest_file_gets_all_it_needs(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL);
    struct ip_prefix pool = build_prefix("10.64.0.0/10");
    struct model_surroundings surroundings = host(NULL);

    (void)state;
    build_port(set, network, "vm1", NULL, NULL);
    resolve(set, &surroundings);
    assert_true(ip_prefix_contains(&pool, &network->subnet.address));
    assert_int_equal(network->subnet.length, 24);
    assert_int_equal(ip4_value(&network->subnet.address) & 0xff, 1);
    assert_addresses_good(network);
    assert_string_equal(network->uplink, "eth0");
    assert_int_equal(network->mtu, 1500);
    assert_int_equal(network->dns_port, MODEL_DNS_PORT);
}

/* The choice follows from the names for ever: two hosts, and two versions of tapnet, choose the same. */
static void choices_are_what_they_have_always_been(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL);
    struct model_surroundings surroundings = host(NULL);
    char text[IP_TEXT_MAX];

    (void)state;
    build_port(set, network, "web", NULL, NULL);
    resolve(set, &surroundings);
    assert_prefix(&network->subnet, "10.88.107.1/24");
    assert_string_equal(ip_address_print(&network->ports[0].address, text), "10.88.107.7");
}

static void what_the_file_gives_stays(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", "10.20.0.1/24");
    struct model_surroundings surroundings = host(NULL);
    struct ip_address given = build_address("10.20.0.7");

    (void)state;
    snprintf(network->uplink, sizeof(network->uplink), "eth7");
    network->mtu = 9000;
    build_port(set, network, "db", "10.20.0.7", NULL);
    build_port(set, network, "web", NULL, NULL);
    resolve(set, &surroundings);
    assert_prefix(&network->subnet, "10.20.0.1/24");
    assert_true(ip_address_equal(&network->ports[0].address, &given));
    assert_addresses_good(network);
    assert_string_equal(network->uplink, "eth7");
    assert_int_equal(network->mtu, 9000);
}

static void the_mtu_is_the_uplinks_up_to_1500(void **state)
{
    static const struct {
        const char *given;
        uint32_t uplink_mtu, mtu;
        enum model_mode mode;
    } cases[] = {
        {"", 1500, 1500, MODEL_MODE_NAT},      {"", 1400, 1400, MODEL_MODE_NAT},
        {"", 9000, 1500, MODEL_MODE_NAT},      {"", 0, 1500, MODEL_MODE_NAT},
        {"", 296, 576, MODEL_MODE_NAT},        {"wg0", 1500, 1420, MODEL_MODE_NAT},
        {"eth9", 1400, 1500, MODEL_MODE_NAT},  {"eth0", 1400, 1400, MODEL_MODE_NAT},
        {"", 1400, 1500, MODEL_MODE_ISOLATED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct model_set *set _cleanup_set_ = build_set("lab");
        struct model_network *network = build_network(set, "lab", NULL);
        struct model_surroundings surroundings = host(NULL);

        network->mode = cases[i].mode;
        snprintf(network->uplink, sizeof(network->uplink), "%s", cases[i].given);
        surroundings.uplink_mtu = cases[i].uplink_mtu;
        resolve(set, &surroundings);
        assert_int_equal(network->mtu, cases[i].mtu);
    }
}

static void an_isolated_network_has_no_way_out(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "dark", NULL);
    struct model_surroundings surroundings = host(NULL);

    (void)state;
    network->mode = MODEL_MODE_ISOLATED;
    build_port(set, network, "a", NULL, NULL);
    resolve(set, &surroundings);
    assert_string_equal(network->uplink, "");
    assert_int_equal(network->dns_port, 0);
    assert_int_equal(network->subnet.address.family, AF_INET); /* guests have addresses all the same */
    assert_addresses_good(network);
}

static void without_a_default_route_there_is_no_uplink(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL);
    struct model_surroundings nowhere = {.taken_count = 0};

    (void)state;
    resolve(set, &nowhere);
    assert_string_equal(network->uplink, "");
    assert_int_equal(network->mtu, 1500);
    assert_int_equal(network->dns_port, MODEL_DNS_PORT);
}

static void a_network_takes_the_subnet_that_its_ports_need(void **state)
{
    static const struct {
        unsigned ports, length;
    } cases[] = {{0, 24}, {253, 24}, {254, 23}, {509, 23}, {510, 22}, {1021, 22}, {1022, 21}, {1023, 21}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct model_set *set _cleanup_set_ = build_set("lab");
        struct model_network *network = build_network(set, "lab", NULL);
        struct model_surroundings surroundings = host(NULL);

        build_many_ports(set, network, "vm%u", cases[i].ports);
        resolve(set, &surroundings);
        assert_int_equal(network->subnet.length, cases[i].length);
        assert_addresses_good(network);
    }
}

static void a_full_subnet_is_filled_to_the_last_address(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", "10.20.0.100/25");
    struct model_surroundings surroundings = host(NULL);

    (void)state;
    build_many_ports(set, network, "vm%u", 125);
    resolve(set, &surroundings);
    assert_addresses_good(network);
}

/* ---- beside others ---- */

/* The host routes all of the pool but one /24: that is what a network gets; a second one gets another pool. */
static void the_only_free_subnet_is_found(void **state)
{
    static const char *const routes[] = {"10.0.0.0/10",     "10.64.0.0/11",    "10.96.0.0/12",    "10.112.0.0/13",
                                         "10.120.0.0/14",   "10.124.0.0/15",   "10.126.0.0/16",   "10.127.0.0/17",
                                         "10.127.128.0/18", "10.127.192.0/19", "10.127.224.0/20", "10.127.240.0/21",
                                         "10.127.248.0/22", "10.127.252.0/23", "10.127.255.0/25", "10.127.255.200/32"};
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_surroundings surroundings = host(NULL);
    struct ip_prefix taken[ARRAY_COUNT(routes)], second = build_prefix("172.16.0.0/12");

    (void)state;
    route(&surroundings, taken, routes, ARRAY_COUNT(routes));
    build_network(set, "one", NULL);
    build_network(set, "two", NULL);
    resolve(set, &surroundings);
    assert_prefix(&set->networks[0].subnet, "10.127.254.1/24");
    assert_true(ip_prefix_contains(&second, &set->networks[1].subnet.address));
}

static void a_vpn_that_claims_all_of_ten_is_avoided(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", NULL);
    static const char *const routes[] = {"10.0.0.0/8", "172.16.0.0/12"};
    struct ip_prefix taken[ARRAY_COUNT(routes)];
    struct ip_prefix third = build_prefix("192.168.0.0/16");
    struct model_surroundings surroundings = host(NULL);

    (void)state;
    route(&surroundings, taken, routes, ARRAY_COUNT(routes));
    resolve(set, &surroundings);
    assert_true(ip_prefix_contains(&third, &network->subnet.address));
}

static void ways_to_everywhere_take_nothing(void **state)
{
    static const char *const routes[] = {"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "fd00::/8", "224.0.0.0/4"};
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_surroundings surroundings = host(NULL);
    struct ip_prefix taken[ARRAY_COUNT(routes)];

    (void)state;
    route(&surroundings, taken, routes, ARRAY_COUNT(routes));
    build_network(set, "given", "10.20.0.1/24");
    build_network(set, "other", NULL);
    resolve(set, &surroundings);
    assert_prefix(&set->networks[0].subnet, "10.20.0.1/24");
}

static void nothing_free_is_an_error_with_a_remedy(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    static const char *const routes[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"};
    struct ip_prefix taken[ARRAY_COUNT(routes)];
    struct model_surroundings surroundings = host(NULL);
    struct tapnet_error error = TAPNET_ERROR_INIT;

    (void)state;
    build_network(set, "lab", NULL);
    route(&surroundings, taken, routes, ARRAY_COUNT(routes));
    model_derive(set);
    assert_int_equal(model_resolve(set, &surroundings, &error), -EADDRNOTAVAIL);
    assert_int_equal(error.code, -EADDRNOTAVAIL);
    assert_string_equal(error.text,
                        "lab.yaml:2:3: network lab: no private subnet is free that the host has no route to; "
                        "choose one yourself: `subnet: 10.20.0.1/24`");
}

static void a_given_subnet_that_the_host_has_is_refused(void **state)
{
    static const char *const routes[] = {"10.20.0.0/16", "10.20.0.128/25", "10.20.0.77/32", "10.0.0.0/8"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(routes); i++) {
        struct model_set *set _cleanup_set_ = build_set("lab");
        struct ip_prefix taken[] = {build_prefix("192.168.1.0/24"), build_prefix(routes[i])};
        struct model_surroundings surroundings = host(NULL);
        struct tapnet_error error = TAPNET_ERROR_INIT;
        char expected[256];

        build_network(set, "lab", "10.20.0.1/24");
        surroundings.taken = taken;
        surroundings.taken_count = ARRAY_COUNT(taken);
        model_derive(set);
        assert_int_equal(model_resolve(set, &surroundings, &error), -EINVAL);
        snprintf(expected, sizeof(expected),
                 "lab.yaml:2:20: network lab: subnet 10.20.0.1/24 overlaps %s, an address or route of this host; "
                 "choose another one, or leave `subnet:` out",
                 routes[i]);
        assert_string_equal(error.text, expected);
    }
}

static void mistakes_of_the_file_are_found_again(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_surroundings surroundings = host(NULL);
    struct tapnet_error error = TAPNET_ERROR_INIT;

    (void)state;
    build_port(set, build_network(set, "lab", "10.20.0.1/24"), "db", "10.20.1.7", NULL);
    model_derive(set);
    assert_int_equal(model_resolve(set, &surroundings, &error), -EINVAL);
    assert_non_null(strstr(error.text, "lab.yaml:3:25: port db: address 10.20.1.7 is outside"));
}

/* What was chosen stays clear of what the file gives to others, also to devices. */
static void chosen_subnets_keep_clear_of_given_ones(void **state)
{
    struct model_surroundings surroundings = host(NULL);
    struct model_set *first _cleanup_set_ = build_set("lab");
    struct ip_prefix chosen;

    (void)state;
    build_network(first, "lab", NULL);
    resolve(first, &surroundings);
    chosen = first->networks[0].subnet;
    for (unsigned by_device = 0; by_device < 2; by_device++) {
        struct model_set *set _cleanup_set_ = build_set("lab");
        char text[IP_PREFIX_TEXT_MAX];

        ip_prefix_print(&chosen, text);
        if (by_device)
            build_device(set, "tun1", MODEL_DEVICE_TUN, text);
        else
            build_network(set, "given", text);
        build_network(set, "lab", NULL);
        resolve(set, &surroundings);
        assert_false(ip_prefix_overlaps(&set->networks[set->network_count - 1].subnet, &chosen));
    }
}

/* As long as there is an address; those of others stay. */
static void a_port_that_comes_later_gets_an_address(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", "10.20.0.1/29");
    struct model_surroundings surroundings = host(NULL);
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char name[MODEL_NAME_MAX];

    (void)state;
    build_port(set, network, "web", "10.20.0.4", NULL);
    resolve(set, &surroundings);
    for (unsigned i = 1; i <= 4; i++) {
        snprintf(name, sizeof(name), "vm%u", i);
        build_port(set, network, name, NULL, NULL);
        model_derive_network(set, network);
        assert_int_equal(model_resolve_ports(network, NULL, NULL), 0);
        assert_addresses_good(network);
        assert_int_equal(ip4_value(&network->ports[0].address), 0x0a140004);
    }
    build_port(set, network, "vm5", NULL, NULL);
    assert_int_equal(model_resolve_ports(network, NULL, &error), -EADDRNOTAVAIL);
    assert_string_equal(error.text, "network lab: no address of 10.20.0.1/29 is left for another port");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_file_gets_all_it_needs),
        cmocka_unit_test(choices_are_what_they_have_always_been),
        cmocka_unit_test(what_the_file_gives_stays),
        cmocka_unit_test(the_mtu_is_the_uplinks_up_to_1500),
        cmocka_unit_test(an_isolated_network_has_no_way_out),
        cmocka_unit_test(without_a_default_route_there_is_no_uplink),
        cmocka_unit_test(a_network_takes_the_subnet_that_its_ports_need),
        cmocka_unit_test(a_full_subnet_is_filled_to_the_last_address),
        cmocka_unit_test(the_only_free_subnet_is_found),
        cmocka_unit_test(a_vpn_that_claims_all_of_ten_is_avoided),
        cmocka_unit_test(ways_to_everywhere_take_nothing),
        cmocka_unit_test(nothing_free_is_an_error_with_a_remedy),
        cmocka_unit_test(a_given_subnet_that_the_host_has_is_refused),
        cmocka_unit_test(mistakes_of_the_file_are_found_again),
        cmocka_unit_test(chosen_subnets_keep_clear_of_given_ones),
        cmocka_unit_test(a_port_that_comes_later_gets_an_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
