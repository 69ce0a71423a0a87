/* SPDX-License-Identifier: MIT */
/* What depends on the host: subnets, addresses, uplinks, MTUs; and that what is there stays. */
#include <netinet/in.h>

#include "build.h"

/* ---- a host ---- */

/* What the set has now, by the names of networks and ports: an earlier set that was resolved. */
static bool current_subnet(const void *data, const char *network, struct ip_prefix *ret)
{
    const struct model_set *before = data;

    for (size_t i = 0; before && i < before->network_count; i++) {
        if (strcmp(before->networks[i].name, network) == 0) {
            *ret = before->networks[i].subnet;
            return true;
        }
    }
    return false;
}

static bool current_address(const void *data, const char *network, const char *port, struct ip_address *ret)
{
    const struct model_set *before = data;

    for (size_t i = 0; before && i < before->network_count; i++) {
        for (size_t j = 0; j < before->networks[i].port_count; j++) {
            if (strcmp(before->networks[i].name, network) == 0 &&
                strcmp(before->networks[i].ports[j].name, port) == 0) {
                *ret = before->networks[i].ports[j].address;
                return true;
            }
        }
    }
    return false;
}

static uint32_t link_mtu(const void *data, const char *name)
{
    (void)data;
    return strcmp(name, "wg0") == 0 ? 1420 : 0;
}

/* A host with an uplink, and what an earlier `up` left there. */
static struct model_surroundings host(const struct model_set *before)
{
    return (struct model_surroundings){
        .uplink = "eth0",
        .uplink_mtu = 1500,
        .link_mtu = link_mtu,
        .current_subnet = current_subnet,
        .current_address = current_address,
        .data = before,
    };
}

static void resolve(struct model_set *set, const struct model_surroundings *surroundings)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;

    model_derive(set);
    if (model_resolve(set, surroundings, &error) < 0)
        fail_msg("%s", error.text);
}

static void assert_prefix(const struct ip_prefix *prefix, const char *expected)
{
    char text[IP_PREFIX_TEXT_MAX];

    assert_string_equal(ip_prefix_print(prefix, text), expected);
}

static int compare_addresses(const void *a, const void *b)
{
    return ip_address_compare(a, b);
}

/* Every port has an address inside the subnet that is nobody else's: not the network's, the broadcast's, the host's. */
static void assert_addresses_good(const struct model_network *network)
{
    struct ip_prefix net = ip_prefix_network(&network->subnet);
    struct ip_address *all _cleanup_free_ = calloc(network->port_count + 3, sizeof(*all));

    for (size_t i = 0; i < network->port_count; i++) {
        assert_true(ip_prefix_contains(&network->subnet, &network->ports[i].address));
        all[i] = network->ports[i].address;
    }
    all[network->port_count] = net.address;
    all[network->port_count + 1] = ip4_broadcast(&network->subnet);
    all[network->port_count + 2] = network->subnet.address;
    qsort(all, network->port_count + 3, sizeof(*all), compare_addresses);
    for (size_t i = 1; i < network->port_count + 3; i++)
        assert_false(ip_address_equal(&all[i - 1], &all[i]));
}

/* ---- stories ---- */

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
    for (size_t i = 0; i < ARRAY_COUNT(routes); i++)
        taken[i] = build_prefix(routes[i]);
    surroundings.taken = taken;
    surroundings.taken_count = ARRAY_COUNT(routes);
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
    struct ip_prefix taken[] = {build_prefix("10.0.0.0/8"), build_prefix("172.16.0.0/12")};
    struct ip_prefix third = build_prefix("192.168.0.0/16");
    struct model_surroundings surroundings = host(NULL);

    (void)state;
    surroundings.taken = taken;
    surroundings.taken_count = ARRAY_COUNT(taken);
    resolve(set, &surroundings);
    assert_true(ip_prefix_contains(&third, &network->subnet.address));
}

static void ways_to_everywhere_take_nothing(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", "10.20.0.1/24");
    struct ip_prefix taken[] = {build_prefix("0.0.0.0/0"), build_prefix("0.0.0.0/1"), build_prefix("128.0.0.0/1"),
                                build_prefix("::/0"),      build_prefix("fd00::/8"),  build_prefix("224.0.0.0/4")};
    struct model_surroundings surroundings = host(NULL);

    (void)state;
    surroundings.taken = taken;
    surroundings.taken_count = ARRAY_COUNT(taken);
    build_network(set, "other", NULL);
    network = set->networks;
    resolve(set, &surroundings);
    assert_prefix(&network->subnet, "10.20.0.1/24");
}

static void nothing_free_is_an_error_with_a_remedy(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct ip_prefix taken[] = {build_prefix("10.0.0.0/8"), build_prefix("172.16.0.0/12"),
                                build_prefix("192.168.0.0/16")};
    struct model_surroundings surroundings = host(NULL);
    struct tapnet_error error = TAPNET_ERROR_INIT;

    (void)state;
    build_network(set, "lab", NULL);
    surroundings.taken = taken;
    surroundings.taken_count = ARRAY_COUNT(taken);
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

/* ---- what is there stays ---- */

static void a_second_up_changes_nothing_whatever_the_host_has_now(void **state)
{
    struct model_set *before _cleanup_set_ = build_set("lab"), *after _cleanup_set_ = build_set("lab");
    struct model_surroundings surroundings = host(NULL), later = host(before);
    struct ip_prefix vpn[] = {build_prefix("10.0.0.0/8")};

    (void)state;
    build_many_ports(before, build_network(before, "lab", NULL), "vm%u", 20);
    build_many_ports(after, build_network(after, "lab", NULL), "vm%u", 20);
    resolve(before, &surroundings);
    later.taken = vpn; /* came up in between */
    later.taken_count = ARRAY_COUNT(vpn);
    resolve(after, &later);
    assert_true(model_network_equal(&before->networks[0], &after->networks[0]));
}

/* Were it not for what is there: a subnet by hand, addresses in reverse, as no hash would choose them. */
static void current_values_win_over_choices(void **state)
{
    struct model_set *before _cleanup_set_ = build_set("lab"), *after _cleanup_set_ = build_set("lab");
    struct model_surroundings later = host(before);
    struct model_network *network = build_network(before, "lab", "172.31.7.254/23"), *now;
    char address[IP_TEXT_MAX];

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        char name[8];

        snprintf(name, sizeof(name), "vm%u", i);
        snprintf(address, sizeof(address), "172.31.6.%u", 200 - i);
        build_port(before, network, name, address, NULL);
    }
    now = build_network(after, "lab", NULL);
    build_many_ports(after, now, "vm%u", 60);
    resolve(after, &later);
    assert_prefix(&now->subnet, "172.31.7.254/23");
    for (size_t i = 0; i < 50; i++)
        assert_true(ip_address_equal(&now->ports[i].address, &network->ports[i].address));
    assert_addresses_good(now);
}

static void a_given_address_displaces_who_had_it(void **state)
{
    struct model_set *before _cleanup_set_ = build_set("lab"), *after _cleanup_set_ = build_set("lab");
    struct model_surroundings later = host(before);
    struct model_network *now = build_network(after, "lab", "10.20.0.1/24");
    struct ip_address given = build_address("10.20.0.7");

    (void)state;
    build_port(before, build_network(before, "lab", "10.20.0.1/24"), "web", "10.20.0.7", NULL);
    build_port(after, now, "web", NULL, NULL);
    build_port(after, now, "db", "10.20.0.7", NULL);
    resolve(after, &later);
    assert_true(ip_address_equal(&now->ports[1].address, &given));
    assert_addresses_good(now);
}

static void a_current_subnet_yields_to_the_file(void **state)
{
    struct model_set *before _cleanup_set_ = build_set("lab"), *after _cleanup_set_ = build_set("lab");
    struct model_surroundings later = host(before);
    struct ip_prefix given = build_prefix("10.20.7.1/24");

    (void)state;
    build_port(before, build_network(before, "lab", "10.20.0.1/16"), "web", "10.20.3.3", NULL);
    build_port(after, build_network(after, "lab", NULL), "web", NULL, NULL);
    build_network(after, "other", "10.20.7.1/24");
    resolve(after, &later);
    assert_false(ip_prefix_overlaps(&after->networks[0].subnet, &given));
    assert_addresses_good(&after->networks[0]);
}

static void a_current_subnet_that_became_too_small_is_left(void **state)
{
    struct model_set *before _cleanup_set_ = build_set("lab"), *after _cleanup_set_ = build_set("lab");
    struct model_surroundings later = host(before);

    (void)state;
    build_network(before, "lab", "10.20.0.1/30");
    build_many_ports(after, build_network(after, "lab", NULL), "vm%u", 2);
    resolve(after, &later);
    assert_int_equal(after->networks[0].subnet.length, 24);
}

/* A host that says nonsense (a ledger by another's hand): nothing breaks, and what is nonsense is not taken. */
static void nonsense_of_the_host_is_not_taken(void **state)
{
    static const char *const subnets[] = {"0.0.0.0/0", "10.20.0.1/31", "10.20.0.1/32", "fd00::1/64"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(subnets); i++) {
        struct model_set *before _cleanup_set_ = build_set("lab"), *after _cleanup_set_ = build_set("lab");
        struct model_surroundings later = host(before);

        build_port(before, build_network(before, "lab", subnets[i]), "web", "fd00::7", NULL);
        build_port(after, build_network(after, "lab", NULL), "web", NULL, NULL);
        resolve(after, &later);
        assert_int_equal(after->networks[0].subnet.length, 24);
        assert_addresses_good(&after->networks[0]);
    }
}

/* ---- properties ---- */

static void random_file(struct random random, struct model_set *set, unsigned networks, unsigned ports)
{
    char name[MODEL_NAME_MAX];

    for (unsigned i = 0; i < networks; i++) {
        struct model_network *network;
        bool given = random_chance(&random, 30);

        snprintf(name, sizeof(name), "net%u-%u", random_below(&random, 1000), i);
        network = build_network(set, name, NULL);
        if (given) {
            network->subnet = (struct ip_prefix){ip4_from_value((10u << 24) + (i << 16) + 1), 22};
            network->subnet_given = true;
        }
        for (unsigned j = 0; j < ports; j++) {
            struct model_port *port;

            snprintf(name, sizeof(name), "p%u-%u", random_below(&random, 1000), j);
            port = build_port(set, network, name, NULL, NULL);
            snprintf(port->device, sizeof(port->device), "t%u-%u", i % 100,
                     j % 1000); /* shortened names could be equal */
            if (given && random_chance(&random, 20)) {
                port->address = ip4_from_value((10u << 24) + (i << 16) + 2 + j);
                port->address_given = true;
            }
        }
    }
}

/*
 * The same file resolves to the same twice; with a port more at its end, or a network, the rest of it stays, with or
 * without the memory of what is there. (With one less, that is the other way round.)
 */
static void one_more_at_the_end_moves_nobody(void **state)
{
    struct random random = {.state = 47};

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        struct model_set *few _cleanup_set_ = build_set("lab"), *same _cleanup_set_ = build_set("lab");
        struct model_set *more _cleanup_set_ = build_set("lab");
        unsigned networks = 1 + random_below(&random, 4), ports = random_below(&random, 60);
        struct model_surroundings fresh = host(NULL), later = host(random_chance(&random, 50) ? few : NULL);
        struct random seed = {.state = random.state};

        random_file(seed, few, networks, ports);
        random_file(seed, same, networks, ports);
        random_file(seed, more, networks, ports);
        build_port(more, &more->networks[networks - 1], "one-more", NULL, NULL);
        build_network(more, "one-more", NULL);
        resolve(few, &fresh);
        resolve(same, &later);
        resolve(more, &later);
        for (size_t i = 0; i < networks; i++) {
            assert_true(model_network_equal(&few->networks[i], &same->networks[i]));
            more->networks[i].port_count = ports; /* without the one more */
            assert_true(model_network_equal(&few->networks[i], &more->networks[i]));
            assert_addresses_good(&few->networks[i]);
        }
        random_below(&random, 2);
    }
}

/* With memory, a port that goes away from the middle moves nobody either. */
static void one_less_in_the_middle_moves_nobody_who_is_there(void **state)
{
    struct random random = {.state = 48};

    (void)state;
    for (unsigned round = 0; round < 100; round++) {
        struct model_set *before _cleanup_set_ = build_set("lab"), *after _cleanup_set_ = build_set("lab");
        struct model_surroundings fresh = host(NULL), later = host(before);
        struct model_network *a = build_network(before, "lab", NULL), *b = build_network(after, "lab", NULL);
        size_t gone = random_below(&random, 200);

        build_many_ports(before, a, "vm%u", 200); /* of 253: many had to step aside */
        build_many_ports(after, b, "vm%u", 200);
        memmove(&b->ports[gone], &b->ports[gone + 1], (b->port_count - gone - 1) * sizeof(*b->ports));
        b->port_count--;
        resolve(before, &fresh);
        resolve(after, &later);
        for (size_t i = 0; i < b->port_count; i++)
            assert_true(ip_address_equal(&b->ports[i].address, &a->ports[i + (i >= gone)].address));
    }
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
        cmocka_unit_test(a_second_up_changes_nothing_whatever_the_host_has_now),
        cmocka_unit_test(current_values_win_over_choices),
        cmocka_unit_test(a_given_address_displaces_who_had_it),
        cmocka_unit_test(a_current_subnet_yields_to_the_file),
        cmocka_unit_test(a_current_subnet_that_became_too_small_is_left),
        cmocka_unit_test(nonsense_of_the_host_is_not_taken),
        cmocka_unit_test(one_more_at_the_end_moves_nobody),
        cmocka_unit_test(one_less_in_the_middle_moves_nobody_who_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
