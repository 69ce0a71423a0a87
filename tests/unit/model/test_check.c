/* SPDX-License-Identifier: MIT */
/* Checking whole files: good ones, ones with many mistakes, large ones, random ones. */
#include <time.h>

#include "build.h"

static struct model_network *lab(struct model_set *set)
{
    return build_network(set, "lab", "10.20.0.1/24");
}

/* ---- good ---- */

static void the_smallest_file(struct model_set *set)
{
    struct model_network *network = build_network(set, "lab", NULL);

    build_port(set, network, "vm1", NULL, NULL);
}

static void the_tour(struct model_set *set)
{
    struct model_network *network = lab(set);

    build_port(set, network, "web", NULL, NULL);
    build_port(set, network, "db", "10.20.0.7", "52:54:00:00:00:07");
    build_device(set, "tun1", MODEL_DEVICE_TUN, "192.168.3.11/24");
}

static void neighbours(struct model_set *set)
{
    build_network(set, "a", "10.20.0.1/24");
    build_network(set, "b", "10.20.1.1/24");
    build_network(set, "c", "10.20.2.254/23");
}

static void the_first_and_the_last_address(struct model_set *set)
{
    struct model_network *network = build_network(set, "lab", "10.20.0.100/24");

    build_port(set, network, "first", "10.20.0.1", NULL);
    build_port(set, network, "last", "10.20.0.254", NULL);
}

static void the_smallest_subnet(struct model_set *set)
{
    struct model_network *network = build_network(set, "lab", "10.20.0.1/30");

    build_port(set, network, "only", "10.20.0.2", NULL);
}

static void a_bridge_that_is_full(struct model_set *set)
{
    struct model_network *network = build_network(set, "lab", "10.20.0.1/22"); /* 1,021 would fit, so: */

    network->subnet = build_prefix("10.20.0.1/21");
    build_many_ports(set, network, "vm%u", MODEL_BRIDGE_PORTS_MAX);
}

static void more_than_a_bridge_takes(struct model_set *set)
{
    build_many_ports(set, build_network(set, "lab", "10.20.0.1/19"), "vm%u", MODEL_PORTS_MAX - 3);
}

static void one_name_in_two_networks(struct model_set *set)
{
    struct model_network *network = build_network(set, "a", "10.20.0.1/24");

    build_port(set, network, "web", NULL, "52:54:00:00:00:07");
    network = build_network(set, "b", "10.20.1.1/24");
    build_port(set, network, "web", NULL, "52:54:00:00:00:07"); /* they never meet */
}

static void a_hostname_of_ones_own(struct model_set *set)
{
    struct model_network *network = lab(set);

    snprintf(build_port(set, network, "web", NULL, NULL)->hostname, MODEL_NAME_MAX, "www");
    snprintf(build_port(set, network, "db", NULL, NULL)->hostname, MODEL_NAME_MAX, "db");
}

static void devices_that_share_a_subnet(struct model_set *set)
{
    build_device(set, "tun1", MODEL_DEVICE_TUN, "192.168.3.11/24");
    build_device(set, "tun2", MODEL_DEVICE_TUN, "192.168.3.12/24");
    build_device(set, "tun3", MODEL_DEVICE_TUN, "192.168.4.1/31");
    build_device(set, "tun4", MODEL_DEVICE_TUN, "fd00::1/64");
    build_device(set, "tun5", MODEL_DEVICE_TUN, "169.254.7.7/16");
}

static void good_files_are_good(void **state)
{
    static void (*const cases[])(struct model_set *) = {
        the_smallest_file,
        the_tour,
        neighbours,
        the_first_and_the_last_address,
        the_smallest_subnet,
        a_bridge_that_is_full,
        more_than_a_bridge_takes,
        one_name_in_two_networks,
        a_hostname_of_ones_own,
        devices_that_share_a_subnet,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct model_set *set _cleanup_set_ = build_set("lab");
        struct tapnet_error error = TAPNET_ERROR_INIT;

        cases[i](set);
        model_derive(set);
        if (model_check(set, &error) < 0)
            fail_msg("case %zu: %s", i, error.text);
        assert_string_equal(error.text, "");
    }
}

/* ---- many mistakes ---- */

static size_t count_lines(const char *text)
{
    size_t lines = 1;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void mistakes_are_told_in_the_order_of_the_lines_up_to_twenty(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = lab(set);
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char name[16];

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "vm%u", i);
        build_port(set, network, name, i % 2 ? "10.20.1.7" : "10.20.0.7", NULL);
    }
    network->mtu = 1;
    model_derive(set);
    assert_int_equal(model_check(set, &error), -EINVAL);
    assert_int_equal(count_lines(error.text), 21);
    assert_memory_equal(error.text, "lab.yaml:2:3: network lab: mtu 1", 32);
    assert_non_null(strstr(error.text, "\nlab.yaml:4:25: port vm1: address 10.20.1.7 is outside"));
    assert_non_null(
        strstr(error.text, "\nlab.yaml:5:25: port vm2: address 10.20.0.7 is already that of port vm0 (line 3)"));
    assert_non_null(strstr(error.text, "\nlab.yaml:22:25: "));
    assert_null(strstr(error.text, "\nlab.yaml:23:25: "));
    assert_string_equal(strrchr(error.text, '\n'), "\nand 30 more");
}

/* Long names make long lines: fewer fit, but none is cut, and the rest is still counted. */
static void lines_are_never_cut(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = lab(set);
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char name[MODEL_NAME_MAX], device[MODEL_IFNAME_MAX];
    unsigned more = 0;

    (void)state;
    set->file = arena_printf(&set->arena, "/%0200d/lab.yaml", 0);
    for (unsigned i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "%063u", i);
        snprintf(device, sizeof(device), "tap%u", i);
        snprintf(build_port(set, network, name, "10.20.0.7", NULL)->device, MODEL_IFNAME_MAX, "%s", device);
    }
    model_derive(set);
    assert_int_equal(model_check(set, &error), -EINVAL);
    assert_int_equal(sscanf(strrchr(error.text, '\n'), "\nand %u more", &more), 1);
    assert_int_equal(count_lines(error.text) - 1 + more, 29);
    assert_null(strstr(error.text, "..."));
}

static void a_set_without_a_file_has_its_name(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct model_network *network = build_network(set, "lab", "10.20.0.0/24");
    struct tapnet_error error = TAPNET_ERROR_INIT;

    (void)state;
    set->file = NULL;
    network->place = network->subnet_place = (struct model_place){0, 0};
    model_derive(set);
    assert_int_equal(model_check(set, &error), -EINVAL);
    assert_string_equal(error.text,
                        "lab: network lab: subnet 10.20.0.0/24: 10.20.0.0 is the network itself; write 10.20.0.1/24");
}

static double seconds_of_check(unsigned ports)
{
    struct model_set *set _cleanup_set_ = build_set("lab");
    struct timespec start, end;
    char name[16], subnet[32];

    for (unsigned i = 0; i < ports / 1000; i++) {
        struct model_network *network;

        snprintf(name, sizeof(name), "net%u", i);
        snprintf(subnet, sizeof(subnet), "10.%u.0.1/16", i);
        network = build_network(set, name, subnet);
        build_many_ports(set, network, "p%u", 1000);
        for (unsigned j = 0; j < 1000; j++)
            network->ports[j].address = ip4_from_value(ip4_value(&network->subnet.address) + 1 + j);
    }
    model_derive(set);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    assert_int_equal(model_check(set, NULL), 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
}

/* Comparing pairs would take 64 times as long for 8 times as many ports. */
static void time_grows_with_the_ports_and_not_with_their_square(void **state)
{
    double few = 1e9, many = 1e9;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        double once = seconds_of_check(2000), more = seconds_of_check(16000);

        few = once < few ? once : few;
        many = more < many ? more : many;
    }
    print_message("2,000 ports: %.1f ms, 16,000 ports: %.1f ms\n", few * 1e3, many * 1e3);
    assert_true(many < few * 24);
}

/* ---- at random ---- */

static void random_set(struct random *random, struct model_set *set)
{
    unsigned networks = random_below(random, 5), devices = random_below(random, 4);
    char name[MODEL_NAME_MAX], ifname[MODEL_IFNAME_MAX];

    for (unsigned i = 0; i < networks; i++) {
        struct model_network *network;
        struct arena *arena = &set->arena;

        random_name(random, name);
        network = build_network(set, name, NULL);
        if (random_chance(random, 50))
            random_network(random, arena, network);
        else if (random_chance(random, 80))
            build_many_ports(set, network, "p%u", random_below(random, 10));
        if (random_chance(random, 30)) {
            network->subnet.address = random_address(random);
            network->subnet.length = (uint8_t)random_below(random, 256);
            network->subnet_given = random_chance(random, 50);
        }
        for (size_t j = 0; j < network->port_count; j++)
            if (random_chance(random, 30))
                network->ports[j].address = random_address(random);
    }
    for (unsigned i = 0; i < devices; i++) {
        struct model_device *device;

        random_ifname(random, ifname);
        device = build_device(set, ifname, (enum model_device_kind)random_below(random, 2), NULL);
        device->address_count = random_below(random, MODEL_LIST_MAX + 1);
        for (size_t j = 0; j < device->address_count; j++) {
            device->addresses[j].address = random_address(random);
            device->addresses[j].length = (uint8_t)random_below(random, 129);
        }
        device->mtu = random_below(random, 70000);
    }
}

/* Whatever a set is made of, checking it ends, with a sentence for each line or without any. */
static void random_sets_are_good_or_have_sentences(void **state)
{
    struct random random = {.state = 46};
    unsigned good = 0, bad = 0;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        struct model_set *set _cleanup_set_ = build_set("random");
        struct tapnet_error error = TAPNET_ERROR_INIT;
        int result;

        random_set(&random, set);
        model_derive(set);
        result = model_check(set, &error);
        assert_true(result == 0 || result == -EINVAL);
        assert_int_equal(error.text[0] != '\0', result < 0);
        good += result == 0;
        bad += result < 0;
    }
    assert_true(good > 100 && bad > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files_are_good),
        cmocka_unit_test(mistakes_are_told_in_the_order_of_the_lines_up_to_twenty),
        cmocka_unit_test(lines_are_never_cut),
        cmocka_unit_test(a_set_without_a_file_has_its_name),
        cmocka_unit_test(time_grows_with_the_ports_and_not_with_their_square),
        cmocka_unit_test(random_sets_are_good_or_have_sentences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
