/* SPDX-License-Identifier: MIT */
/* What one set's plan is about, when several sets share a host. */
#include <stdlib.h>

#include "base/array.h"
#include "lab.h"

struct host {
    const char *foreign; /* the one link that is not ours */
    int forwarding;      /* of any uplink */
    bool ip_forward, bridge, foreign_table, resolver;
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
    return (struct plan_host){
        .is_foreign = is_foreign,
        .forwarding = forwarding,
        .is_bridge = is_bridge,
        .data = host,
        .foreign_table = host->foreign_table,
        .ip_forward = host->ip_forward,
        .resolver = host->resolver,
    };
}

/* What a host has and what the set "lab" wants; each test has one of its own. */
struct scene {
    struct lab lab;
    struct model_objects wanted, nothing, all; /* all: of tapnet's, on the host */
    struct plan_scope result;
    struct tapnet_error error;
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    if (!scene)
        return -1;
    lab_init(&scene->lab, "lab");
    lab_expand(&scene->lab, &scene->wanted);
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

/* The forwarding of the uplink, held by @users (space between). */
static void add_sysctl(struct scene *scene, const char *value, const char *users)
{
    struct model_object held = {.kind = MODEL_OBJECT_SYSCTL};

    held.sysctl = (struct model_sysctl){.path = "net/ipv4/conf/eth0/forwarding", .restore = "0", .users = users};
    snprintf(held.sysctl.value, sizeof(held.sysctl.value), "%s", value);
    add(scene, &held);
}

/* What the plan of @set would be about; its result stands in the scene. */
static int scope(struct scene *scene, const struct model_objects *wanted, const char *set, const struct host *host)
{
    const struct plan_host questions = plan_host(host);

    model_objects_sort(&scene->all); /* as those are that were observed */
    plan_scope_fini(&scene->result);
    scene->result = (struct plan_scope){0};
    return plan_scope_make(wanted, &scene->all, set, &questions, &scene->result, &scene->error);
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
    struct scene *scene = *state;
    const struct host host = {.forwarding = 0};
    const struct model_object *sysctl;

    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    sysctl = find(&scene->result.wanted, MODEL_OBJECT_SYSCTL);
    assert_non_null(sysctl);
    assert_string_equal(sysctl->sysctl.value, "1");
    assert_string_equal(sysctl->sysctl.restore, "0");
    assert_string_equal(sysctl->sysctl.users, "lab");
    assert_true(has_closed(&scene->result.wanted));
}

/* The host is a router by its own wish: its forwarding is left alone, and so are its other flows. */
static void a_router_stays_a_router(void **state)
{
    struct scene *scene = *state;
    const struct host hosts[] = {{.forwarding = 1}, {.forwarding = 0, .ip_forward = true}};

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(scope(scene, &scene->wanted, "lab", &hosts[i]), 0);
        assert_null(find(&scene->result.wanted, MODEL_OBJECT_SYSCTL));
        assert_false(has_closed(&scene->result.wanted));
    }
}

/* Two sets on one uplink: the second joins, the first goes, the second goes; the old value is kept to the end. */
static void a_shared_sysctl_lives_as_long_as_its_last_user(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.forwarding = 1}; /* by now: we turned it on */
    const struct model_object *sysctl;

    add_sysctl(scene, "1", "aaa zzz");

    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    sysctl = find(&scene->result.wanted, MODEL_OBJECT_SYSCTL);
    assert_non_null(sysctl);
    assert_string_equal(sysctl->sysctl.users, "aaa lab zzz");
    assert_string_equal(sysctl->sysctl.restore, "0");

    assert_int_equal(scope(scene, &scene->nothing, "zzz", &host), 0);
    sysctl = find(&scene->result.wanted, MODEL_OBJECT_SYSCTL);
    assert_non_null(sysctl);
    assert_string_equal(sysctl->sysctl.users, "aaa");

    scene->all.items[0].sysctl.users = "aaa";
    assert_int_equal(scope(scene, &scene->nothing, "aaa", &host), 0);
    assert_null(find(&scene->result.wanted, MODEL_OBJECT_SYSCTL));
    assert_non_null(find(&scene->result.found, MODEL_OBJECT_SYSCTL));
}

/* Taking one set away leaves the tables while another set has elements in them. */
static void tables_stay_while_another_set_needs_them(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.forwarding = 1};

    lab_expand(&scene->lab, &scene->all);
    assert_int_equal(scope(scene, &scene->nothing, "other", &host), 0);
    assert_non_null(find(&scene->result.wanted, MODEL_OBJECT_TABLE));
    assert_int_equal(scope(scene, &scene->nothing, "lab", &host), 0);
    assert_null(find(&scene->result.wanted, MODEL_OBJECT_TABLE));
    assert_int_equal(scene->result.found.count, scene->all.count);
}

/* Somebody turned ip_forward on while we held the uplink's forwarding: it is let go, and not turned off. */
static void a_host_that_became_a_router_is_not_turned_back(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.forwarding = 1, .ip_forward = true};

    add_sysctl(scene, "1", "lab");
    assert_int_equal(scope(scene, &scene->nothing, "lab", &host), 0);
    assert_null(find(&scene->result.wanted, MODEL_OBJECT_SYSCTL));
    assert_string_equal(find(&scene->result.found, MODEL_OBJECT_SYSCTL)->sysctl.restore, "");
}

static void a_foreign_device_of_the_same_name_is_an_error(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.foreign = "br-lab"};

    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), -17); /* EEXIST */
    assert_non_null(strstr(scene->error.text, "br-lab"));
    assert_non_null(strstr(scene->error.text, "not tapnet's"));
}

/* The uplink is a bridge itself: closed for routing, open for its own frames, which br_netfilter shows to our rules. */
static void an_uplink_that_is_a_bridge_goes_on_bridging(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.forwarding = 0, .bridge = true};
    struct guard_element bridged = guard_bridged("eth0", "uplink");
    bool found = false;

    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    for (size_t i = 0; i < scene->result.wanted.count; i++)
        found |= scene->result.wanted.items[i].kind == MODEL_OBJECT_ELEMENT &&
                 guard_element_compare(&scene->result.wanted.items[i].element, &bridged) == 0;
    assert_true(found && has_closed(&scene->result.wanted));
}

static void a_foreign_table_of_our_name_is_an_error(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.foreign_table = true};

    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), -17);
    assert_non_null(strstr(scene->error.text, "not tapnet's"));
    assert_int_equal(scope(scene, &scene->nothing, "lab", &host), 0); /* down still works */
}

static void a_network_of_another_set_is_an_error_that_names_the_set(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.forwarding = 0};
    struct model_objects wanted;
    struct lab second;

    lab_expand(&scene->lab, &scene->all);
    lab_init(&second, "second");
    lab_expand(&second, &wanted);
    assert_int_equal(scope(scene, &wanted, "second", &host), -17);
    assert_non_null(strstr(scene->error.text, "set lab"));
    model_objects_fini(&wanted);
}

/* A bridge that a killed tapnet made and could not label any more is taken over by who wants its name. */
static void an_unlabelled_link_is_taken_over(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.forwarding = 0};
    struct model_object orphan = {.kind = MODEL_OBJECT_LINK};

    orphan.link = (struct model_link){.name = "br-lab", .kind = MODEL_LINK_BRIDGE, .link_group = MODEL_LINK_GROUP};
    add(scene, &orphan);
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_int_equal(scene->result.found.count, 1);
    assert_int_equal(scope(scene, &scene->nothing, "lab", &host), 0);
    assert_int_equal(scene->result.found.count, 0); /* `down lab` can't know whose it is; `down --all` takes it */
    assert_int_equal(scope(scene, &scene->nothing, NULL, &host), 0);
    assert_int_equal(scene->result.found.count, 1);
}

/* ---- what somebody took from under us ---- */

static void without_its_device_a_sysctl_waits(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.forwarding = -1}; /* no such link */

    add_sysctl(scene, "gone", "lab");
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_true(model_object_equal(find(&scene->result.wanted, MODEL_OBJECT_SYSCTL), &scene->all.items[0]));
    assert_true(has_closed(&scene->result.wanted));
}

/* It forwards, and nobody remembers why; but it is closed for others: so it was us. */
static void without_its_ledger_a_sysctl_is_known_by_what_closes_it(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.forwarding = 1};
    struct model_object closed = {.kind = MODEL_OBJECT_ELEMENT, .element = guard_closed("eth0", "uplink")};

    add(scene, &closed);
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_string_equal(find(&scene->result.wanted, MODEL_OBJECT_SYSCTL)->sysctl.restore, "0");
    assert_true(has_closed(&scene->result.wanted));
}

static void an_element_that_is_nobodys_is_everybodys_to_take_away(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.forwarding = 0};
    struct model_object stray = {.kind = MODEL_OBJECT_ELEMENT, .element = guard_egress("br-lab", "lo", "")};
    struct plan *plan;

    add(scene, &stray);
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_int_equal(plan_make(&scene->result.wanted, &scene->result.found, &plan), 0);
    assert_int_equal(count_steps(plan, MODEL_OBJECT_ELEMENT, '-'), 1);
    plan_free(plan);
}

/* In our group, with somebody else's alias: whoever wants the name takes it over, and `down --all` leaves it alone. */
static void a_link_with_another_alias_concerns_only_who_wants_it(void **state)
{
    struct scene *scene = *state;
    const struct host host = {.forwarding = 0};
    struct model_object link = {.kind = MODEL_OBJECT_LINK};

    link.link = (struct model_link){.kind = MODEL_LINK_BRIDGE, .disowned = true};
    memcpy(link.link.name, scene->lab.network.bridge, sizeof(link.link.name));
    add(scene, &link);
    assert_int_equal(scope(scene, &scene->wanted, "lab", &host), 0);
    assert_non_null(find(&scene->result.found, MODEL_OBJECT_LINK));
    assert_int_equal(scope(scene, &scene->nothing, NULL, &host), 0);
    assert_null(find(&scene->result.found, MODEL_OBJECT_LINK));
}

/* The one step about the service between what is there and what is wanted; NULL for none. */
static const char *service_step(struct scene *scene, const struct host *host, char reason[PLAN_REASON_MAX])
{
    const char *text = NULL;
    struct plan *plan;

    assert_int_equal(scope(scene, &scene->wanted, "lab", host), 0);
    assert_int_equal(plan_make(&scene->result.wanted, &scene->result.found, &plan), 0);
    for (size_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].phase == PLAN_SERVICES_SET)
            text = plan_step_reason(&plan->steps[i], reason);
    plan_free(plan);
    return text;
}

/* A resolver that came is told, with no other step; one that went is no difference; no DNS, no names. */
static void the_hosts_resolver_is_told_where_there_is_one(void **state)
{
    struct scene *scene = *state;
    struct host host = {.forwarding = 1, .ip_forward = true};
    char reason[PLAN_REASON_MAX];

    lab_expand(&scene->lab, &scene->all); /* all is there */
    assert_null(service_step(scene, &host, reason));
    host.resolver = true;
    assert_string_equal(service_step(scene, &host, reason), "is unknown to the host's resolver");
    scene->lab.network.dns_port = 0;
    assert_null(service_step(scene, &host, reason));
}

/* ---- what rules have learnt ---- */

static const struct mac seen_mac = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}};

static void add_element(struct scene *scene, struct guard_element element)
{
    const struct model_object object = {.kind = MODEL_OBJECT_ELEMENT, .element = element};

    add(scene, &object);
}

/* What the rules add when the guest of port "web" sends its first frames from @seen_mac, and another MAC is refused. */
static void learn_web(struct scene *scene)
{
    const struct ip_address *address = &scene->lab.ports[0].address;
    uint32_t number = 0;

    for (size_t i = 0; i < scene->all.count; i++)
        if (scene->all.items[i].kind == MODEL_OBJECT_ELEMENT && scene->all.items[i].element.set == GUARD_PORT_NETWORKS)
            number = guard_read_mark(&scene->all.items[i].element, -1);
    assert_int_not_equal(number, 0);
    add_element(scene, guard_port_mac("lab-web", &seen_mac, ""));
    add_element(scene, guard_port_source("lab-web", &seen_mac, address, ""));
    add_element(scene, guard_network_mac(number, &seen_mac, ""));
    add_element(scene, guard_learned_port("lab-web"));
    add_element(scene, guard_refused_mac("lab-web", &scene->lab.ports[1].guest_mac));
    add_element(scene, guard_blocked("lab-web"));
    add_element(scene, guard_refused(scene->lab.network.bridge, address));
    add_element(scene, guard_refused6(scene->lab.network.bridge, &seen_mac));
}

static void plug_web(struct scene *scene, bool plugged)
{
    for (size_t i = 0; i < scene->all.count; i++)
        if (scene->all.items[i].kind == MODEL_OBJECT_LINK && strcmp(scene->all.items[i].link.name, "lab-web") == 0)
            scene->all.items[i].link.plugged = plugged;
}

/* How many learnt elements the plan for @set takes away; that all its other steps are @others is asserted. */
static size_t forgotten(struct scene *scene, const struct model_objects *wanted, const char *set, size_t others)
{
    const struct host host = {.forwarding = 1};
    struct plan *plan;
    size_t count = 0;

    assert_int_equal(scope(scene, wanted, set, &host), 0);
    assert_int_equal(plan_make(&scene->result.wanted, &scene->result.found, &plan), 0);
    for (size_t i = 0; i < plan->step_count; i++)
        count += plan_step_forgets(&plan->steps[i]);
    if (others != SIZE_MAX)
        assert_int_equal(plan->step_count - count, others);
    plan_free(plan);
    return count;
}

/* Four elements are the guest's; what was refused goes by itself, and what was counted with port or network. */
static void what_was_learnt_stays_while_the_guest_is_plugged(void **state)
{
    struct scene *scene = *state;

    lab_expand(&scene->lab, &scene->all);
    learn_web(scene);
    plug_web(scene, true);
    assert_int_equal(forgotten(scene, &scene->wanted, "lab", 0), 0);
    plug_web(scene, false);
    assert_int_equal(forgotten(scene, &scene->wanted, "lab", 0), 4);
}

static void another_set_leaves_it_alone(void **state)
{
    struct scene *scene = *state;

    lab_expand(&scene->lab, &scene->all);
    learn_web(scene);
    plug_web(scene, true);
    assert_int_equal(forgotten(scene, &scene->nothing, "other", SIZE_MAX), 0);
    plug_web(scene, false);
    assert_int_equal(forgotten(scene, &scene->nothing, "other", SIZE_MAX), 0);
}

static void down_takes_it_plugged_or_not(void **state)
{
    struct scene *scene = *state;

    lab_expand(&scene->lab, &scene->all);
    learn_web(scene);
    plug_web(scene, true);
    assert_int_equal(forgotten(scene, &scene->nothing, "lab", SIZE_MAX), 7);
    assert_int_equal(forgotten(scene, &scene->nothing, NULL, SIZE_MAX), 7);
}

/* A MAC in the file from now on: another one is forgotten, and the very same is no difference. */
static void a_mac_in_the_file_ends_learning(void **state)
{
    struct scene *scene = *state;
    struct model_port *web = &scene->lab.ports[0];

    lab_expand(&scene->lab, &scene->all);
    learn_web(scene);
    plug_web(scene, true);
    web->guest_mac_given = true;
    model_objects_fini(&scene->wanted);
    lab_expand(&scene->lab, &scene->wanted);
    assert_int_equal(forgotten(scene, &scene->wanted, "lab", SIZE_MAX), 4);
    web->guest_mac = seen_mac;
    model_objects_fini(&scene->wanted);
    lab_expand(&scene->lab, &scene->wanted);
    assert_int_equal(forgotten(scene, &scene->wanted, "lab", SIZE_MAX), 1); /* that it was learnt */
}

/* A network of @set on @device, 192.0.2.@first/27, whose one guest the host answers for on eth0; and its port's TAP. */
static void add_proxied(struct scene *scene, const char *set, const char *device, uint32_t first)
{
    struct model_object link = {.kind = MODEL_OBJECT_LINK, .link = {.kind = MODEL_LINK_BRIDGE}};
    struct model_object subnet = {.kind = MODEL_OBJECT_ADDRESS,
                                  .address = {.prefix = {ip4_from_value(0xc0000200 + first), 27}}};
    struct model_object peer = {.kind = MODEL_OBJECT_ADDRESS,
                                .address = {.prefix = {ip4_from_value(0xc0000200 + first), 32},
                                            .peer = ip4_from_value(0xc0000200 + first + 1)}};
    struct model_object proxy = {
        .kind = MODEL_OBJECT_NEIGHBOUR,
        .neighbour = {.device = "eth0", .address = ip4_from_value(0xc0000200 + first + 1), .proxy = true}};

    snprintf(link.link.name, sizeof(link.link.name), "%s", device);
    snprintf(link.link.owner.set, sizeof(link.link.owner.set), "%s", set);
    snprintf(subnet.address.device, sizeof(subnet.address.device), "%s", device);
    snprintf(peer.address.device, sizeof(peer.address.device), "%s-tap", device);
    add(scene, &link);
    add(scene, &subnet);
    add(scene, &peer);
    add(scene, &proxy);
}

static void a_proxy_is_the_sets_whose_subnet_is_around_it(void **state)
{
    const struct model_object nobodys = {
        .kind = MODEL_OBJECT_NEIGHBOUR,
        .neighbour = {.device = "eth0", .address = ip4_from_value(0xc00002f0), .proxy = true}};
    struct scene *scene = *state;
    struct host host = {.forwarding = 1};
    uint8_t found[4] = {0};
    size_t count = 0;

    add_proxied(scene, "other", "br-other", 33);
    add_proxied(scene, "lab", "br-lab", 65);
    add(scene, &nobodys);
    assert_int_equal(scope(scene, &scene->nothing, "lab", &host), 0);
    for (size_t i = 0; i < scene->result.found.count; i++)
        if (scene->result.found.items[i].kind == MODEL_OBJECT_NEIGHBOUR && count < ARRAY_COUNT(found))
            found[count++] = scene->result.found.items[i].neighbour.address.bytes[3];
    assert_int_equal(count, 2);
    assert_int_equal(found[0], 66);
    assert_int_equal(found[1], 0xf0); /* nobody's is everybody's to take away */
}

#define SCENE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(forwarding_is_turned_on_and_closed_for_others),
        SCENE_TEST(a_router_stays_a_router),
        SCENE_TEST(a_shared_sysctl_lives_as_long_as_its_last_user),
        SCENE_TEST(tables_stay_while_another_set_needs_them),
        SCENE_TEST(a_host_that_became_a_router_is_not_turned_back),
        SCENE_TEST(a_foreign_device_of_the_same_name_is_an_error),
        SCENE_TEST(an_uplink_that_is_a_bridge_goes_on_bridging),
        SCENE_TEST(a_foreign_table_of_our_name_is_an_error),
        SCENE_TEST(a_network_of_another_set_is_an_error_that_names_the_set),
        SCENE_TEST(an_unlabelled_link_is_taken_over),
        SCENE_TEST(without_its_device_a_sysctl_waits),
        SCENE_TEST(without_its_ledger_a_sysctl_is_known_by_what_closes_it),
        SCENE_TEST(an_element_that_is_nobodys_is_everybodys_to_take_away),
        SCENE_TEST(a_link_with_another_alias_concerns_only_who_wants_it),
        SCENE_TEST(the_hosts_resolver_is_told_where_there_is_one),
        SCENE_TEST(what_was_learnt_stays_while_the_guest_is_plugged),
        SCENE_TEST(another_set_leaves_it_alone),
        SCENE_TEST(down_takes_it_plugged_or_not),
        SCENE_TEST(a_mac_in_the_file_ends_learning),
        SCENE_TEST(a_proxy_is_the_sets_whose_subnet_is_around_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
