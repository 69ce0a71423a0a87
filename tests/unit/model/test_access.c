/* SPDX-License-Identifier: MIT */
/* Who may plug guests in, and how many. */
#include "build.h"

static const uint32_t groups[] = {100, 36};
static const struct model_person alice = {.user = 1000, .groups = groups, .group_count = ARRAY_COUNT(groups)};

static void nobody_may_who_is_not_named(void **state)
{
    struct model_network network = {.access_count = 0};

    (void)state;
    assert_int_equal(model_access_ports(&network, &alice), 0);
    network.access[network.access_count++] = (struct model_access){1001, MODEL_ID_NONE, 5};
    network.access[network.access_count++] = (struct model_access){MODEL_ID_NONE, 1000, 5}; /* a group, not alice */
    assert_int_equal(model_access_ports(&network, &alice), 0);
}

static void who_is_named_twice_may_the_more(void **state)
{
    struct model_network network = {.access_count = 0};

    (void)state;
    network.access[network.access_count++] = (struct model_access){1000, MODEL_ID_NONE, 2};
    assert_int_equal(model_access_ports(&network, &alice), 2);
    network.access[network.access_count++] = (struct model_access){MODEL_ID_NONE, 36, 7};
    network.access[network.access_count++] = (struct model_access){MODEL_ID_NONE, 100, 3};
    assert_int_equal(model_access_ports(&network, &alice), 7);
}

static void what_a_file_declares_is_not_counted(void **state)
{
    struct model_port ports[] = {{.origin = MODEL_ORIGIN_DECLARED, .user = 1000},
                                 {.origin = MODEL_ORIGIN_RUN, .user = 1000},
                                 {.origin = MODEL_ORIGIN_ATTACHED, .user = 1000},
                                 {.origin = MODEL_ORIGIN_RUN, .user = 1001}};
    struct model_network network = {.ports = ports, .port_count = ARRAY_COUNT(ports)};

    (void)state;
    assert_int_equal(model_access_used(&network, 1000), 2);
    assert_int_equal(model_access_used(&network, 1002), 0);
}

static void a_port_opens_for_whom_it_names(void **state)
{
    static const struct {
        uint32_t user, group;
        bool opens;
    } cases[] = {
        {MODEL_ID_NONE, MODEL_ID_NONE, false},
        {0, MODEL_ID_NONE, false},
        {1000, MODEL_ID_NONE, true},
        {1001, MODEL_ID_NONE, false},
        {MODEL_ID_NONE, 36, true},
        {MODEL_ID_NONE, 37, false},
        {1000, 36, true},
        {1000, 37, false},
        {1001, 36, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct model_port port = {.user = cases[i].user, .group = cases[i].group};

        assert_int_equal(model_access_opens(&port, &alice), cases[i].opens);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_may_who_is_not_named),
        cmocka_unit_test(who_is_named_twice_may_the_more),
        cmocka_unit_test(what_a_file_declares_is_not_counted),
        cmocka_unit_test(a_port_opens_for_whom_it_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
