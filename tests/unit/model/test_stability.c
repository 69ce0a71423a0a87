/* SPDX-License-Identifier: MIT */
/* What is there stays: a second `up` changes nothing, and an edited file moves nobody who is not concerned. */
#include "host.h"

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
        random_below(&random, 2); /* another file next time */
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
