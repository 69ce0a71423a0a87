/* SPDX-License-Identifier: MIT */
/* IPv6 that is forwarded for one set: which sysctls, in which order, and what is closed for others. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "lab.h"

struct host {
    const char *foreign; /* the one link that is not ours, a bridge; NULL: none */
    int forces6;         /* of eth0; -1: it is not there */
    int forwards6, proxies6, ignores_routers;
};

static bool is_foreign(const void *data, const char *name)
{
    const struct host *host = data;

    return host->foreign && strcmp(host->foreign, name) == 0;
}

static const char *foreign(const void *data, size_t index)
{
    return index == 0 ? ((const struct host *)data)->foreign : NULL;
}

static int forwarding(const void *data, const char *name)
{
    (void)data;
    (void)name;
    return 0;
}

static int conf6(const void *data, const char *name, const char *key)
{
    const struct host *host = data;

    (void)name;
    if (host->forces6 < 0)
        return -1;
    return strcmp(key, "force_forwarding") == 0 ? host->forces6
           : strcmp(key, "accept_ra") == 0      ? !host->ignores_routers
           : strcmp(key, "forwarding") == 0     ? host->forwards6
                                                : host->proxies6;
}

/* What a host has and what the set "lab" wants; each test has one of its own. */
struct scene {
    struct lab lab;
    struct model_objects wanted, nothing, all; /* all: of tapnet's, on the host */
    struct plan_scope result;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    if (!scene)
        return -1;
    lab_init(&scene->lab, "lab");
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    plan_scope_fini(&scene->result);
    model_objects_fini(&scene->wanted);
    model_objects_fini(&scene->all);
    free(scene);
    return 0;
}

static void add(struct scene *scene, const struct model_object *object)
{
    assert_int_equal(model_objects_add(&scene->all, object), 0);
}

static int scope(struct scene *scene, const struct model_objects *wanted, const char *set, const struct host *host)
{
    const struct plan_host questions = {.is_foreign = is_foreign,
                                        .is_bridge = is_foreign,
                                        .foreign = foreign,
                                        .forwarding = forwarding,
                                        .conf6 = conf6,
                                        .data = host};

    return plan_scope_make(wanted, &scene->all, set, &questions, &scene->result, NULL);
}

/* The lab with IPv6, on a host whose default route by eth0 was learned. */
static void expand6(struct scene *scene, bool forces)
{
    lab_init6(&scene->lab, forces);
    model_objects_fini(&scene->wanted);
    lab_expand(&scene->lab, &scene->wanted);
}

static bool has_element(const struct model_objects *list, struct guard_element element)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == MODEL_OBJECT_ELEMENT && guard_element_equal(&list->items[i].element, &element))
            return true;
    return false;
}

static const struct model_sysctl *find_sysctl(const struct model_objects *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == MODEL_OBJECT_SYSCTL && strcmp(list->items[i].sysctl.path, path) == 0)
            return &list->items[i].sysctl;
    return NULL;
}

static void two_links_forward_ipv6_and_the_uplink_is_closed(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.foreign = NULL};
    const struct model_sysctl *sysctl;

    expand6(scene, true);
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_true(has_element(&scene->result.wanted, guard_device(GUARD_CLOSED6, "eth0", "")));
    assert_false(has_element(&scene->result.wanted, guard_closed_family(AF_INET6, "")));
    sysctl = find_sysctl(&scene->result.wanted, "net/ipv6/conf/eth0/force_forwarding");
    assert_non_null(sysctl);
    assert_string_equal(sysctl->restore, "0");
    sysctl = find_sysctl(&scene->result.wanted, "net/ipv6/conf/eth0/accept_ra");
    assert_non_null(sysctl);
    assert_string_equal(sysctl->value, "2");
    assert_string_equal(sysctl->restore, "1");
    assert_true(has_element(&scene->result.wanted, guard_device(GUARD_LEARNING6, "eth0", "")));
    sysctl = find_sysctl(&scene->result.wanted, "net/ipv6/conf/br-lab/forwarding");
    assert_non_null(sysctl);
    assert_string_equal(sysctl->restore, "");
}

/* One that the host has forward for others is not closed for them; one that is not there can't be told anything yet. */
static void an_uplink_that_forwards_by_itself_or_is_not_there_is_left(void **state)
{
    static const struct host hosts[] = {{.forces6 = 1}, {.forces6 = -1}};
    struct scene *scene = *state;

    expand6(scene, true);
    for (size_t i = 0; i < ARRAY_COUNT(hosts); i++) {
        assert_int_equal(scope(scene, &scene->wanted, "lab", &hosts[i]), 0);
        assert_null(find_sysctl(&scene->result.wanted, "net/ipv6/conf/eth0/force_forwarding"));
        assert_false(has_element(&scene->result.wanted, guard_device(GUARD_CLOSED6, "eth0", "")));
        assert_non_null(find_sysctl(&scene->result.wanted, "net/ipv6/conf/br-lab/force_forwarding"));
        plan_scope_fini(&scene->result);
        scene->result = (struct plan_scope){0};
    }
}

/* One that forwards because we told it to is no wish of the host's. */
static void an_uplink_that_forwards_for_us_stays_closed(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.forces6 = 1};
    struct model_object held = {.kind = MODEL_OBJECT_SYSCTL};

    expand6(scene, true);
    held.sysctl = (struct model_sysctl){
        .path = "net/ipv6/conf/eth0/force_forwarding", .value = "1", .restore = "0", .users = "lab"};
    add(scene, &held);
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_non_null(find_sysctl(&scene->result.wanted, held.sysctl.path));
    assert_true(has_element(&scene->result.wanted, guard_device(GUARD_CLOSED6, "eth0", "")));
}

/* A kernel without force_forwarding: everything is closed, but what bridges of others carry. */
static void where_all_links_forward_all_are_closed(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.foreign = "docker0"};

    expand6(scene, false);
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_non_null(find_sysctl(&scene->result.wanted, "net/ipv6/conf/all/forwarding"));
    assert_true(has_element(&scene->result.wanted, guard_closed_family(AF_INET6, "")));
    assert_true(has_element(&scene->result.wanted, guard_bridged("docker0", "")));
    assert_false(has_element(&scene->result.wanted, guard_device(GUARD_CLOSED6, "eth0", "")));
}

/* The uplink of a network that has a part of its prefix. What it does already is the host's own wish, and stays. */
static void an_uplink_answers_for_guests(void **state)
{
    static const struct {
        struct host host;
        const char *path;
        enum guard_set trace;
        bool wanted;
    } cases[] = {
        {{.forces6 = 0}, "net/ipv6/conf/eth0/proxy_ndp", GUARD_PROXIES6, true},
        {{.forces6 = 0}, "net/ipv6/conf/eth0/forwarding", GUARD_ROUTERS6, true},
        {{.forces6 = 0}, "net/ipv6/conf/eth0/accept_ra", GUARD_LEARNING6, true},
        {{.proxies6 = 1}, "net/ipv6/conf/eth0/proxy_ndp", GUARD_PROXIES6, false},
        {{.forwards6 = 1}, "net/ipv6/conf/eth0/forwarding", GUARD_ROUTERS6, false},
        {{.forwards6 = 1}, "net/ipv6/conf/eth0/proxy_ndp", GUARD_PROXIES6, true},
        {{.ignores_routers = 1}, "net/ipv6/conf/eth0/accept_ra", GUARD_LEARNING6, false},
        {{.forces6 = -1}, "net/ipv6/conf/eth0/proxy_ndp", GUARD_PROXIES6, false},
        {{.forces6 = -1}, "net/ipv6/conf/eth0/forwarding", GUARD_ROUTERS6, false},
        {{.forces6 = -1}, "net/ipv6/conf/eth0/accept_ra", GUARD_LEARNING6, false},
    };
    struct scene *scene = *state;

    scene->lab.network.mode = MODEL_MODE_ROUTED;
    scene->lab.network.on_link6 = true;
    expand6(scene, true);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(scope(scene, &scene->wanted, "lab", &cases[i].host), 0);
        assert_int_equal(find_sysctl(&scene->result.wanted, cases[i].path) != NULL, cases[i].wanted);
        assert_int_equal(has_element(&scene->result.wanted, guard_device(cases[i].trace, "eth0", "")), cases[i].wanted);
        plan_scope_fini(&scene->result);
        scene->result = (struct plan_scope){0};
    }
}

static size_t step_of(const struct plan *plan, const char *path)
{
    for (size_t i = 0; i < plan->step_count; i++)
        if (plan_step_object(&plan->steps[i])->kind == MODEL_OBJECT_SYSCTL &&
            strcmp(plan_step_object(&plan->steps[i])->sysctl.path, path) == 0)
            return i;
    fail_msg("no step for %s", path);
    return 0;
}

/* The kernel forgets learned routes when anything is told to forward: what keeps them comes first, and goes last. */
static void learned_routes_are_secured_first(void **state)
{
    static const char *const forwarding_paths[] = {"net/ipv6/conf/br-lab/forwarding",
                                                   "net/ipv6/conf/br-lab/force_forwarding",
                                                   "net/ipv6/conf/eth0/force_forwarding"};
    struct scene *scene = *state;
    const struct host host = {.foreign = NULL};
    struct plan *up, *down;

    expand6(scene, true);
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_int_equal(plan_make(&scene->result.wanted, &scene->nothing, &up), 0);
    assert_int_equal(plan_make(&scene->nothing, &scene->result.wanted, &down), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_true(step_of(up, "net/ipv6/conf/eth0/accept_ra") < step_of(up, forwarding_paths[i]));
        assert_true(step_of(down, "net/ipv6/conf/eth0/accept_ra") > step_of(down, forwarding_paths[i]));
    }
    plan_free(up);
    plan_free(down);
}

static size_t step_of_bridge(const struct plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++)
        if (plan_step_object(&plan->steps[i])->kind == MODEL_OBJECT_LINK &&
            plan_step_object(&plan->steps[i])->link.kind == MODEL_LINK_BRIDGE)
            return i;
    fail_msg("no step for the bridge");
    return 0;
}

/* In both directions, so that either can be undone: a bridge can be told what it does only while it is there. */
static void a_bridge_is_told_while_it_is_there(void **state)
{
    static const char *const paths[] = {"net/ipv6/conf/br-lab/forwarding", "net/ipv6/conf/br-lab/force_forwarding"};
    struct scene *scene = *state;
    const struct host host = {.foreign = NULL};
    struct plan *up, *down;

    expand6(scene, true);
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_int_equal(plan_make(&scene->result.wanted, &scene->nothing, &up), 0);
    assert_int_equal(plan_make(&scene->nothing, &scene->result.wanted, &down), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_true(step_of_bridge(up) < step_of(up, paths[i]));
        assert_true(step_of_bridge(down) > step_of(down, paths[i]));
    }
    plan_free(up);
    plan_free(down);
}

/* The interface was pulled out: what was set there is neither written nor forgotten. */
static void a_sysctl_whose_interface_is_gone_waits(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.foreign = NULL};
    struct model_object held = {.kind = MODEL_OBJECT_SYSCTL};

    expand6(scene, true);
    held.sysctl = (struct model_sysctl){
        .path = "net/ipv6/conf/eth0/accept_ra", .value = "gone", .restore = "1", .users = "lab"};
    add(scene, &held);
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_string_equal(find_sysctl(&scene->result.wanted, held.sysctl.path)->value, "gone");
}

/* What the guards tell of is written down anew while somebody needs it, else put back. */
static void a_lost_ledger_is_written_anew_or_put_back(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.foreign = NULL};
    struct model_object lost = {.kind = MODEL_OBJECT_SYSCTL};
    const struct plan_step *step;
    struct plan *plan;

    expand6(scene, true);
    lost.sysctl = (struct model_sysctl){
        .path = "net/ipv6/conf/eth0/accept_ra", .value = "2", .restore = "1", .users = "lab", .lost = true};
    add(scene, &lost);
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_int_equal(plan_make(&scene->result.wanted, &scene->result.found, &plan), 0);
    step = &plan->steps[step_of(plan, lost.sysctl.path)];
    assert_true(step->before && step->after && !step->after->sysctl.lost);
    plan_free(plan);
    plan_scope_fini(&scene->result);
    assert_int_equal(scope(scene, &scene->nothing, "lab", &host), 0);
    assert_int_equal(plan_make(&scene->result.wanted, &scene->result.found, &plan), 0);
    step = &plan->steps[step_of(plan, lost.sysctl.path)];
    assert_true(step->before && !step->after);
    plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_links_forward_ipv6_and_the_uplink_is_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_uplink_that_forwards_by_itself_or_is_not_there_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_uplink_that_forwards_for_us_stays_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_all_links_forward_all_are_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_uplink_answers_for_guests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(learned_routes_are_secured_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bridge_is_told_while_it_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sysctl_whose_interface_is_gone_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_ledger_is_written_anew_or_put_back, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
