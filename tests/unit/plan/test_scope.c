/* SPDX-License-Identifier: MIT */
/* What one set's plan is about, when several sets share a host. */
#include "lab.h"

struct host {
    const char *foreign; /* the one link that is not ours */
    int forwarding;      /* of any uplink */
    bool ip_forward, bridge, foreign_table;
};

static bool is_bridge(const void *data, const char *name)
{
    (void)name;
    return ((const struct host *)data)->bridge;
}

static bool is_foreign(const void *data, const char *name)
{
    const struct host *host = data;

    return host->foreign && strcmp(host->foreign, name) == 0;
}

static int forwarding(const void *data, const char *name)
{
    (void)name;
    return ((const struct host *)data)->forwarding;
}

static struct plan_host plan_host(const struct host *host)
{
    return (struct plan_host){is_foreign, forwarding, is_bridge, host, host->foreign_table, host->ip_forward};
}

static int scope(const struct model_objects *wanted, const struct model_objects *all, const char *set,
                 const struct host *host, struct plan_scope *ret, struct tapnet_error *error)
{
    const struct plan_host questions = plan_host(host);

    return plan_scope_make(wanted, all, set, &questions, ret, error);
}

static const struct model_object *find(const struct model_objects *list, enum model_object_kind kind)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == kind)
            return &list->items[i];
    return NULL;
}

static bool has_closed(const struct model_objects *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == MODEL_OBJECT_ELEMENT && list->items[i].element.set == GUARD_CLOSED)
            return true;
    return false;
}

/* The uplink does not forward: we turn it on, remember the old value, and close it for everybody else. */
static void forwarding_is_turned_on_and_closed_for_others(void **state)
{
    const struct host host = {.forwarding = 0};
    struct model_objects wanted, all = {0};
    const struct model_object *sysctl;
    struct plan_scope result;
    struct lab lab;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    assert_int_equal(scope(&wanted, &all, "lab", &host, &result, NULL), 0);
    sysctl = find(&result.wanted, MODEL_OBJECT_SYSCTL);
    assert_non_null(sysctl);
    assert_string_equal(sysctl->sysctl.value, "1");
    assert_string_equal(sysctl->sysctl.restore, "0");
    assert_string_equal(sysctl->sysctl.users, "lab");
    assert_true(has_closed(&result.wanted));
    plan_scope_fini(&result);
    model_objects_fini(&wanted);
}

/* The host is a router by its own wish: its forwarding is left alone, and so are its other flows. */
static void a_router_stays_a_router(void **state)
{
    const struct host hosts[] = {{.forwarding = 1}, {.forwarding = 0, .ip_forward = true}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct model_objects wanted, all = {0};
        struct plan_scope result;
        struct lab lab;

        lab_init(&lab, "lab");
        lab_expand(&lab, &wanted);
        assert_int_equal(scope(&wanted, &all, "lab", &hosts[i], &result, NULL), 0);
        assert_null(find(&result.wanted, MODEL_OBJECT_SYSCTL));
        assert_false(has_closed(&result.wanted));
        plan_scope_fini(&result);
        model_objects_fini(&wanted);
    }
}

/* Two sets on one uplink: the second joins, the first goes, the second goes; the old value is kept to the end. */
static void a_shared_sysctl_lives_as_long_as_its_last_user(void **state)
{
    const struct host host = {.forwarding = 1}; /* by now: we turned it on */
    struct model_object held = {.kind = MODEL_OBJECT_SYSCTL};
    struct model_objects wanted, nothing = {0}, all = {0};
    const struct model_object *sysctl;
    struct plan_scope result;
    struct lab lab;

    (void)state;
    held.sysctl = (struct model_sysctl){
        .path = "net/ipv4/conf/eth0/forwarding", .value = "1", .restore = "0", .users = "aaa zzz"};
    assert_int_equal(model_objects_add(&all, &held), 0);

    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    assert_int_equal(scope(&wanted, &all, "lab", &host, &result, NULL), 0);
    sysctl = find(&result.wanted, MODEL_OBJECT_SYSCTL);
    assert_non_null(sysctl);
    assert_string_equal(sysctl->sysctl.users, "aaa lab zzz");
    assert_string_equal(sysctl->sysctl.restore, "0");
    plan_scope_fini(&result);

    assert_int_equal(scope(&nothing, &all, "zzz", &host, &result, NULL), 0);
    sysctl = find(&result.wanted, MODEL_OBJECT_SYSCTL);
    assert_non_null(sysctl);
    assert_string_equal(sysctl->sysctl.users, "aaa");
    plan_scope_fini(&result);

    all.items[0].sysctl.users = "aaa";
    assert_int_equal(scope(&nothing, &all, "aaa", &host, &result, NULL), 0);
    assert_null(find(&result.wanted, MODEL_OBJECT_SYSCTL));
    assert_non_null(find(&result.found, MODEL_OBJECT_SYSCTL));
    plan_scope_fini(&result);
    model_objects_fini(&wanted);
    model_objects_fini(&all);
}

/* Taking one set away leaves the tables while another set has elements in them. */
static void tables_stay_while_another_set_needs_them(void **state)
{
    const struct host host = {.forwarding = 1};
    struct model_objects nothing = {0}, all;
    struct plan_scope result;
    struct lab lab;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &all);
    assert_int_equal(scope(&nothing, &all, "other", &host, &result, NULL), 0);
    assert_non_null(find(&result.wanted, MODEL_OBJECT_TABLE));
    plan_scope_fini(&result);
    assert_int_equal(scope(&nothing, &all, "lab", &host, &result, NULL), 0);
    assert_null(find(&result.wanted, MODEL_OBJECT_TABLE));
    assert_int_equal(result.found.count, all.count);
    plan_scope_fini(&result);
    model_objects_fini(&all);
}

/* Somebody turned ip_forward on while we held the uplink's forwarding: it is let go, and not turned off. */
static void a_host_that_became_a_router_is_not_turned_back(void **state)
{
    const struct host host = {.forwarding = 1, .ip_forward = true};
    struct model_object held = {.kind = MODEL_OBJECT_SYSCTL};
    struct model_objects nothing = {0}, all = {0};
    struct plan_scope result;

    (void)state;
    held.sysctl = (struct model_sysctl){
        .path = "net/ipv4/conf/eth0/forwarding", .value = "1", .restore = "0", .users = "lab"};
    assert_int_equal(model_objects_add(&all, &held), 0);
    assert_int_equal(scope(&nothing, &all, "lab", &host, &result, NULL), 0);
    assert_null(find(&result.wanted, MODEL_OBJECT_SYSCTL));
    assert_string_equal(find(&result.found, MODEL_OBJECT_SYSCTL)->sysctl.restore, "");
    plan_scope_fini(&result);
    model_objects_fini(&all);
}

static void a_foreign_device_of_the_same_name_is_an_error(void **state)
{
    const struct host host = {.foreign = "br-lab"};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct model_objects wanted, all = {0};
    struct plan_scope result;
    struct lab lab;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    assert_int_equal(scope(&wanted, &all, "lab", &host, &result, &error), -17); /* EEXIST */
    assert_non_null(strstr(error.text, "br-lab"));
    assert_non_null(strstr(error.text, "not tapnet's"));
    model_objects_fini(&wanted);
}

/* The uplink is a bridge itself: closed for routing, open for its own frames, which br_netfilter shows to our rules. */
static void an_uplink_that_is_a_bridge_goes_on_bridging(void **state)
{
    const struct host host = {.forwarding = 0, .bridge = true};
    struct guard_element bridged = guard_bridged("eth0", "uplink");
    struct model_objects wanted, all = {0};
    struct plan_scope result;
    struct lab lab;
    bool found = false;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    assert_int_equal(scope(&wanted, &all, "lab", &host, &result, NULL), 0);
    for (size_t i = 0; i < result.wanted.count; i++)
        found |= result.wanted.items[i].kind == MODEL_OBJECT_ELEMENT &&
                 guard_element_compare(&result.wanted.items[i].element, &bridged) == 0;
    assert_true(found && has_closed(&result.wanted));
    plan_scope_fini(&result);
    model_objects_fini(&wanted);
}

static void a_foreign_table_of_our_name_is_an_error(void **state)
{
    const struct host host = {.foreign_table = true};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct model_objects wanted, nothing = {0}, all = {0};
    struct plan_scope result;
    struct lab lab;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    assert_int_equal(scope(&wanted, &all, "lab", &host, &result, &error), -17);
    assert_non_null(strstr(error.text, "not tapnet's"));
    assert_int_equal(scope(&nothing, &all, "lab", &host, &result, NULL), 0); /* down still works */
    plan_scope_fini(&result);
    model_objects_fini(&wanted);
}

static void a_network_of_another_set_is_an_error_that_names_the_set(void **state)
{
    const struct host host = {.forwarding = 0};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct model_objects wanted, all;
    struct plan_scope result;
    struct lab lab;

    (void)state;
    lab_init(&lab, "first");
    lab_expand(&lab, &all);
    lab_init(&lab, "second");
    lab_expand(&lab, &wanted);
    assert_int_equal(scope(&wanted, &all, "second", &host, &result, &error), -17);
    assert_non_null(strstr(error.text, "first"));
    model_objects_fini(&wanted);
    model_objects_fini(&all);
}

/* A bridge that a killed tapnet made and could not label any more is taken over by who wants its name. */
static void an_unlabelled_link_is_taken_over(void **state)
{
    const struct host host = {.forwarding = 0};
    struct model_object orphan = {.kind = MODEL_OBJECT_LINK};
    struct model_objects wanted, nothing = {0}, all = {0};
    struct plan_scope result;
    struct lab lab;

    (void)state;
    orphan.link = (struct model_link){.name = "br-lab", .kind = MODEL_LINK_BRIDGE, .link_group = MODEL_LINK_GROUP};
    assert_int_equal(model_objects_add(&all, &orphan), 0);
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    assert_int_equal(scope(&wanted, &all, "lab", &host, &result, NULL), 0);
    assert_int_equal(result.found.count, 1);
    plan_scope_fini(&result);
    assert_int_equal(scope(&nothing, &all, "lab", &host, &result, NULL), 0);
    assert_int_equal(result.found.count, 0); /* `down lab` can't know whose it is; `down --all` takes it */
    plan_scope_fini(&result);
    assert_int_equal(scope(&nothing, &all, NULL, &host, &result, NULL), 0);
    assert_int_equal(result.found.count, 1);
    plan_scope_fini(&result);
    model_objects_fini(&wanted);
    model_objects_fini(&all);
}

/* ---- what somebody took from under us ---- */

static void without_its_device_a_sysctl_waits(void **state)
{
    const struct host host = {.forwarding = -1}; /* no such link */
    struct model_object held = {.kind = MODEL_OBJECT_SYSCTL};
    struct model_objects wanted, all = {0};
    struct plan_scope result;
    struct lab lab;

    (void)state;
    held.sysctl = (struct model_sysctl){
        .path = "net/ipv4/conf/eth0/forwarding", .value = "gone", .restore = "0", .users = "lab"};
    assert_int_equal(model_objects_add(&all, &held), 0);
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    assert_int_equal(scope(&wanted, &all, "lab", &host, &result, NULL), 0);
    assert_true(model_object_equal(find(&result.wanted, MODEL_OBJECT_SYSCTL), &held));
    assert_true(has_closed(&result.wanted));
    plan_scope_fini(&result);
    model_objects_fini(&wanted);
    model_objects_fini(&all);
}

/* It forwards, and nobody remembers why; but it is closed for others: so it was us. */
static void without_its_ledger_a_sysctl_is_known_by_what_closes_it(void **state)
{
    const struct host host = {.forwarding = 1};
    struct model_object closed = {.kind = MODEL_OBJECT_ELEMENT, .element = guard_closed("eth0", "uplink")};
    struct model_objects wanted, all = {0};
    struct plan_scope result;
    struct lab lab;

    (void)state;
    assert_int_equal(model_objects_add(&all, &closed), 0);
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    assert_int_equal(scope(&wanted, &all, "lab", &host, &result, NULL), 0);
    assert_string_equal(find(&result.wanted, MODEL_OBJECT_SYSCTL)->sysctl.restore, "0");
    assert_true(has_closed(&result.wanted));
    plan_scope_fini(&result);
    model_objects_fini(&wanted);
    model_objects_fini(&all);
}

static void an_element_that_is_nobodys_is_everybodys_to_take_away(void **state)
{
    const struct host host = {.forwarding = 0};
    struct model_object stray = {.kind = MODEL_OBJECT_ELEMENT, .element = guard_egress("br-lab", "lo", "")};
    struct model_objects wanted, all = {0};
    struct plan_scope result;
    struct plan *plan;
    struct lab lab;

    (void)state;
    assert_int_equal(model_objects_add(&all, &stray), 0);
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    assert_int_equal(scope(&wanted, &all, "lab", &host, &result, NULL), 0);
    assert_int_equal(plan_make(&result.wanted, &result.found, &plan), 0);
    assert_int_equal(count_steps(plan, MODEL_OBJECT_ELEMENT, '-'), 1);
    plan_free(plan);
    plan_scope_fini(&result);
    model_objects_fini(&wanted);
    model_objects_fini(&all);
}

/* In our group, with somebody else's alias: whoever wants the name takes it over, and `down --all` leaves it alone. */
static void a_link_with_another_alias_concerns_only_who_wants_it(void **state)
{
    const struct host host = {.forwarding = 0};
    struct model_object link = {.kind = MODEL_OBJECT_LINK};
    struct model_objects wanted, nothing = {0}, all = {0};
    struct plan_scope result;
    struct lab lab;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    link.link = (struct model_link){.kind = MODEL_LINK_BRIDGE, .disowned = true};
    memcpy(link.link.name, lab.network.bridge, sizeof(link.link.name));
    assert_int_equal(model_objects_add(&all, &link), 0);
    assert_int_equal(scope(&wanted, &all, "lab", &host, &result, NULL), 0);
    assert_non_null(find(&result.found, MODEL_OBJECT_LINK));
    plan_scope_fini(&result);
    assert_int_equal(scope(&nothing, &all, NULL, &host, &result, NULL), 0);
    assert_null(find(&result.found, MODEL_OBJECT_LINK));
    plan_scope_fini(&result);
    model_objects_fini(&wanted);
    model_objects_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forwarding_is_turned_on_and_closed_for_others),
        cmocka_unit_test(a_router_stays_a_router),
        cmocka_unit_test(a_shared_sysctl_lives_as_long_as_its_last_user),
        cmocka_unit_test(tables_stay_while_another_set_needs_them),
        cmocka_unit_test(a_host_that_became_a_router_is_not_turned_back),
        cmocka_unit_test(a_foreign_device_of_the_same_name_is_an_error),
        cmocka_unit_test(an_uplink_that_is_a_bridge_goes_on_bridging),
        cmocka_unit_test(a_foreign_table_of_our_name_is_an_error),
        cmocka_unit_test(a_network_of_another_set_is_an_error_that_names_the_set),
        cmocka_unit_test(an_unlabelled_link_is_taken_over),
        cmocka_unit_test(without_its_device_a_sysctl_waits),
        cmocka_unit_test(without_its_ledger_a_sysctl_is_known_by_what_closes_it),
        cmocka_unit_test(an_element_that_is_nobodys_is_everybodys_to_take_away),
        cmocka_unit_test(a_link_with_another_alias_concerns_only_who_wants_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
