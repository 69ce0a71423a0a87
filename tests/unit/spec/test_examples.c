/* SPDX-License-Identifier: MIT */
/* The files that readers start from: each must parse and mean what its comments say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "spec/spec.h"

static const char *examples = "examples";

static struct model_set *load_example(const char *name)
{
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct model_set *set = NULL;
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s.yaml", examples, name);
    if (spec_load(path, &set, &error) < 0)
        fail_msg("%s", error.text);
    return set;
}

/* Name of the file, of its set, and how much it declares. */
static void each_declares_what_it_says(void **state)
{
    static const struct {
        const char *file, *set;
        size_t networks, ports, devices;
    } wanted[] = {
        {"lab", "lab", 1, 2, 0},       {"minimal", "minimal", 1, 1, 0},     {"isolated", "isolated", 1, 2, 0},
        {"routed", "routed", 1, 2, 0}, {"two-networks", "office", 2, 5, 0}, {"forwards", "forwards", 1, 3, 0},
        {"pxe", "pxe", 1, 4, 0},       {"devices", "devices", 0, 0, 2},     {"openstack", "openstack", 1, 1, 0},
        {"ipv6", "ipv6", 1, 2, 0},     {"hooks", "hooks", 1, 2, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        struct model_set *set = load_example(wanted[i].file);
        size_t ports = 0;

        for (size_t j = 0; j < set->network_count; j++)
            ports += set->networks[j].port_count;
        assert_string_equal(set->name, wanted[i].set);
        assert_int_equal(set->network_count, wanted[i].networks);
        assert_int_equal(ports, wanted[i].ports);
        assert_int_equal(set->device_count, wanted[i].devices);
        model_set_free(set);
    }
}

/* Six lines without the comments, as the README promises. */
static void the_lab_is_six_lines(void **state)
{
    char path[4096], line[256];
    unsigned count = 0;
    _cleanup_fclose_ FILE *file = NULL;

    (void)state;
    snprintf(path, sizeof(path), "%s/lab.yaml", examples);
    file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        count += line[0] != '#';
    assert_int_equal(count, 6);
}

static void the_second_guest_has_an_ipv6_address_of_its_own(void **state)
{
    struct model_set *set = load_example("ipv6");
    char text[IP_TEXT_MAX];

    (void)state;
    assert_int_equal(set->networks[0].subnet6.length, MODEL_PREFIX6);
    assert_int_equal(set->networks[0].ports[0].address6.family, 0);
    assert_string_equal(ip_address_print(&set->networks[0].ports[1].address6, text), "fd00:20::7");
    model_set_free(set);
}

static void openstack_names(void **state)
{
    struct model_set *set = load_example("openstack");

    (void)state;
    assert_string_equal(set->networks[0].bridge, "qbr5b2e7d3c-90");
    assert_string_equal(set->networks[0].ports[0].device, "tapa8f2c9d0-1b");
    model_set_free(set);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_declares_what_it_says),
        cmocka_unit_test(the_lab_is_six_lines),
        cmocka_unit_test(the_second_guest_has_an_ipv6_address_of_its_own),
        cmocka_unit_test(openstack_names),
    };

    if (argc > 1)
        examples = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
