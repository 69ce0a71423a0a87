/* SPDX-License-Identifier: MIT */
/* The planner alone: two lists of objects in, ordered steps out. */
#include "lab.h"

static struct plan *make(const struct model_objects *wanted, const struct model_objects *found)
{
    struct plan *plan = NULL;

    assert_int_equal(plan_make(wanted, found, &plan), 0);
    return plan;
}

/* Nothing is there: everything is made, and in an order in which each thing finds what it needs. */
static void from_nothing_everything_is_made_in_order(void **state)
{
    struct model_objects wanted, found = {0};
    struct plan *plan;
    struct lab lab;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    plan = make(&wanted, &found);
    assert_int_equal(plan->step_count, wanted.count);
    for (size_t i = 0; i < plan->step_count; i++) {
        assert_null(plan->steps[i].before);
        if (i)
            assert_true(plan->steps[i - 1].phase <= plan->steps[i].phase);
    }
    assert_int_equal(plan->steps[0].phase, PLAN_GUARDS_SET); /* guarded before it is up */
    assert_int_equal(plan->steps[plan->step_count - 2].phase, PLAN_SERVICES_SET);
    assert_int_equal(plan->steps[plan->step_count - 1].phase, PLAN_RECORDS_SET); /* of what is there by then */
    plan_free(plan);
    model_objects_fini(&wanted);
}

static void what_is_as_wanted_needs_no_step(void **state)
{
    struct model_objects wanted, found;
    struct plan *plan;
    struct lab lab;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    lab_expand(&lab, &found);
    plan = make(&wanted, &found);
    assert_int_equal(plan->step_count, 0);
    plan_free(plan);
    model_objects_fini(&wanted);
    model_objects_fini(&found);
}

/* A third port appears: its TAP and its elements are made, the service is told, nothing else is touched. */
static void a_new_port_touches_nothing_of_the_others(void **state)
{
    struct model_objects wanted, found;
    struct plan *plan;
    struct lab lab, before;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    lab_init(&before, "lab");
    before.network.port_count = 1;
    lab_expand(&before, &found);
    plan = make(&wanted, &found);
    assert_int_equal(count_steps(plan, MODEL_OBJECT_LINK, '+'), 1);
    assert_int_equal(count_steps(plan, MODEL_OBJECT_ELEMENT, '+'), 7);
    assert_int_equal(count_steps(plan, MODEL_OBJECT_SERVICE, '~'), 1);
    assert_int_equal(plan->step_count, 9);
    plan_free(plan);
    model_objects_fini(&wanted);
    model_objects_fini(&found);
}

/* All goes: ports first, guards last, so that nothing is ever up and unguarded. */
static void guards_go_last(void **state)
{
    struct model_objects wanted = {0}, found;
    struct plan *plan;
    struct lab lab;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &found);
    plan = make(&wanted, &found);
    assert_int_equal(plan->step_count, found.count);
    assert_int_equal(plan->steps[0].phase, PLAN_RECORDS_REMOVE);
    assert_int_equal(plan->steps[plan->step_count - 1].phase, PLAN_GUARDS_REMOVE);
    plan_free(plan);
    model_objects_fini(&found);
}

static void a_changed_link_says_what_differs(void **state)
{
    struct model_objects wanted, found;
    char reason[PLAN_REASON_MAX];
    struct plan *plan;
    struct lab lab;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    lab_expand(&lab, &found);
    for (size_t i = 0; i < found.count; i++) {
        if (found.items[i].kind == MODEL_OBJECT_LINK && found.items[i].link.kind == MODEL_LINK_TAP) {
            found.items[i].link.up = false;
            found.items[i].link.mtu = 1400;
            break;
        }
    }
    plan = make(&wanted, &found);
    assert_int_equal(plan->step_count, 1);
    assert_string_equal(plan_step_reason(&plan->steps[0], reason), "MTU 1400, wanted 1500, is down");
    plan_free(plan);
    model_objects_fini(&wanted);
    model_objects_fini(&found);
}

static void a_device_of_other_settings_says_which(void **state)
{
    struct model_objects wanted, found;
    char reason[PLAN_REASON_MAX];
    struct model_link *link = NULL;
    struct plan *plan;
    struct lab lab;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    lab_expand(&lab, &found);
    for (size_t i = 0; i < found.count; i++) {
        if (found.items[i].kind != MODEL_OBJECT_LINK || found.items[i].link.kind == MODEL_LINK_BRIDGE)
            continue;
        wanted.items[i].link.queue_length = 500;
        wanted.items[i].link.settings = (struct model_settings){true, MODEL_OFFLOAD_CHECKSUM, 12};
        found.items[i].link = wanted.items[i].link;
        link = link ? link : &found.items[i].link;
    }
    link->queue_length = 77;
    link->settings = (struct model_settings){true, 0, 0};
    plan = make(&wanted, &found);
    assert_int_equal(plan->step_count, 1);
    assert_string_equal(plan_step_reason(&plan->steps[0], reason),
                        "queue length 77, wanted 500, offloads none, wanted csum, vnet header of 10 bytes, wanted 12");
    plan_free(plan);
    model_objects_fini(&wanted);
    model_objects_fini(&found);
}

/* A TUN that becomes a TAP can't be changed: its address goes, it goes, both are made again; and in this order. */
static void a_device_of_another_kind_is_made_anew_with_its_address(void **state)
{
    const struct model_object address = {
        .kind = MODEL_OBJECT_ADDRESS,
        .address = {.device = "tun1", .prefix = {ip4_from_value(0xc0a8030b), 24}},
    };
    struct model_object tun = {.kind = MODEL_OBJECT_LINK, .link = {.name = "tun1", .kind = MODEL_LINK_TUN}};
    const enum plan_phase expected[] = {PLAN_ADDRESSES_CLEAR, PLAN_DEVICES_CLEAR, PLAN_DEVICES_SET, PLAN_ADDRESSES_SET};
    struct model_objects wanted = {0}, found = {0};
    struct plan *plan;

    (void)state;
    model_objects_add(&found, &tun);
    model_objects_add(&found, &address);
    tun.link.kind = MODEL_LINK_TAP;
    model_objects_add(&wanted, &tun);
    model_objects_add(&wanted, &address);
    plan = make(&wanted, &found);
    assert_int_equal(plan->step_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(plan->steps[i].phase, expected[i]);
    plan_free(plan);
    model_objects_fini(&wanted);
    model_objects_fini(&found);
}

static struct model_link *find_link(struct model_objects *objects, const char *name)
{
    for (size_t i = 0; i < objects->count; i++)
        if (objects->items[i].kind == MODEL_OBJECT_LINK && strcmp(objects->items[i].link.name, name) == 0)
            return &objects->items[i].link;
    return NULL;
}

/* What a user has plugged in by a name that the file gives to another now: his descriptors end with the device. */
static void a_users_port_does_not_become_the_files(void **state)
{
    struct model_objects wanted, found;
    struct plan *plan;
    struct lab lab, before;

    (void)state;
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    for (int lent = 0; lent < 2; lent++) {
        lab_init(&before, "lab");
        before.ports[1].origin = MODEL_ORIGIN_ATTACHED;
        lab_expand(&before, &found);
        find_link(&found, "lab-db")->lent = lent;
        plan = make(&wanted, &found);
        assert_int_equal(count_steps(plan, MODEL_OBJECT_LINK, '-'), lent);
        assert_int_equal(count_steps(plan, MODEL_OBJECT_LINK, '+'), lent);
        assert_int_equal(count_steps(plan, MODEL_OBJECT_LINK, '~'), !lent);
        plan_free(plan);
        model_objects_fini(&found);
    }
    model_objects_fini(&wanted);
}

static void add_device(struct model_objects *objects, const char *name, enum model_link_kind kind, uint32_t address)
{
    struct model_object link = {.kind = MODEL_OBJECT_LINK, .link = {.kind = kind}};
    struct model_object host_address = {.kind = MODEL_OBJECT_ADDRESS,
                                        .address = {.prefix = {ip4_from_value(address), 24}}};

    strcpy(link.link.name, name);
    strcpy(host_address.address.device, name);
    model_objects_add(objects, &link);
    model_objects_add(objects, &host_address);
    model_objects_sort(objects);
}

/* Of five devices one has another kind, one is gone, and one is new: the address of the first alone is set anew. */
static void addresses_of_other_devices_stay(void **state)
{
    struct model_objects wanted = {0}, found = {0};
    struct plan *plan;
    size_t cleared = 0;

    (void)state;
    add_device(&found, "tun1", MODEL_LINK_TUN, 0xc0a8010b);
    add_device(&found, "tun2", MODEL_LINK_TUN, 0xc0a8020b);
    add_device(&found, "tun3", MODEL_LINK_TUN, 0xc0a8030b);
    add_device(&found, "tun4", MODEL_LINK_TUN, 0xc0a8040b);
    add_device(&wanted, "tun0", MODEL_LINK_TUN, 0xc0a8000b);
    add_device(&wanted, "tun1", MODEL_LINK_TUN, 0xc0a8010b);
    add_device(&wanted, "tun3", MODEL_LINK_TAP, 0xc0a8030b);
    add_device(&wanted, "tun4", MODEL_LINK_TUN, 0xc0a8040b);
    plan = make(&wanted, &found);
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].phase != PLAN_ADDRESSES_CLEAR)
            continue;
        assert_string_equal(plan->steps[i].before->address.device, "tun3");
        cleared++;
    }
    assert_int_equal(cleared, 1);
    assert_int_equal(count_steps(plan, MODEL_OBJECT_ADDRESS, '+'), 2); /* of tun0 and tun3 */
    assert_int_equal(count_steps(plan, MODEL_OBJECT_ADDRESS, '-'), 2); /* of tun2 and tun3 */
    plan_free(plan);
    model_objects_fini(&wanted);
    model_objects_fini(&found);
}

/* Where the step is that ends (-) or begins (+) to serve @network. */
static size_t find_service(const struct plan *plan, const char *network, char sign)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct model_object *object = plan_step_object(&plan->steps[i]);

        if (object->kind == MODEL_OBJECT_SERVICE && strcmp(object->service.network->name, network) == 0 &&
            (sign == '-') == !plan->steps[i].after)
            return i;
    }
    fail_msg("%s is not in the plan", network);
    return 0;
}

/* Two can't listen at one address: under another name the network is served once the first is not, and only then. */
static void a_network_makes_room_for_one_at_its_address(void **state)
{
    struct model_objects wanted, found;
    struct plan *plan;
    struct lab lab, before;

    (void)state;
    lab_init(&before, "lab");
    lab_expand(&before, &found);
    lab_init(&lab, "lab");
    strcpy(lab.network.name, "office");
    lab_expand(&lab, &wanted);
    plan = make(&wanted, &found);
    assert_true(find_service(plan, "lab", '-') < find_service(plan, "office", '+'));
    plan_free(plan);
    model_objects_fini(&wanted);
    lab.network.subnet.address = ip4_from_value(0x0a150001);
    lab_expand(&lab, &wanted);
    plan = make(&wanted, &found);
    assert_true(find_service(plan, "lab", '-') > find_service(plan, "office", '+'));
    plan_free(plan);
    model_objects_fini(&wanted);
    model_objects_fini(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_nothing_everything_is_made_in_order),
        cmocka_unit_test(what_is_as_wanted_needs_no_step),
        cmocka_unit_test(a_network_makes_room_for_one_at_its_address),
        cmocka_unit_test(a_new_port_touches_nothing_of_the_others),
        cmocka_unit_test(guards_go_last),
        cmocka_unit_test(a_changed_link_says_what_differs),
        cmocka_unit_test(a_device_of_other_settings_says_which),
        cmocka_unit_test(a_device_of_another_kind_is_made_anew_with_its_address),
        cmocka_unit_test(a_users_port_does_not_become_the_files),
        cmocka_unit_test(addresses_of_other_devices_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
