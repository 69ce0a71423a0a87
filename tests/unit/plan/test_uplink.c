/* SPDX-License-Identifier: MIT */
/* Uplinks in plans: where what a link carries is wanted, in which phase it moves, and in which order. */
#include "lab.h"

#include <stdlib.h>

#include "apply/apply.h"
#include "base/array.h"

/*
 *   eth0: address A, route R by it, neighbour N that the kernel has learnt      br-lan, of set "lab"
 */
#define ETH0 "eth0"
#define LAN "br-lan"

static const uint8_t words[] = {1, 2, 3};

static struct model_item item(enum model_item_kind kind, const char *device)
{
    struct model_item made = {.kind = kind,
                              .learnt = kind == MODEL_ITEM_NEIGHBOUR,
                              .bytes = &words[kind],
                              .len = 1,
                              .key_len = 1,
                              .valid = UINT32_MAX,
                              .preferred = UINT32_MAX};

    snprintf(made.device, sizeof(made.device), "%s", device);
    if (kind == MODEL_ITEM_ADDRESS)
        made.taken = ip4_from_value(0xc0000202); /* 192.0.2.2 */
    if (kind == MODEL_ITEM_ROUTE)
        made.taken = ip4_from_value(0xc0000201);
    return made;
}

/* eth0 in @bridge ("" : none), with all three items on @device; @items has room for them. */
static struct model_uplink uplink(const char *bridge, const char *device, struct model_item items[3])
{
    struct model_uplink made = {.name = ETH0, .items = items, .item_count = 3};

    snprintf(made.bridge, sizeof(made.bridge), "%s", bridge);
    for (size_t i = 0; i < 3; i++)
        items[i] = item((enum model_item_kind)i, device);
    return made;
}

static bool is_foreign(const void *data, const char *name)
{
    (void)data;
    return strcmp(name, ETH0) == 0;
}

static int forwarding(const void *data, const char *name)
{
    (void)data;
    (void)name;
    return 0;
}

static bool is_bridge(const void *data, const char *name)
{
    (void)data;
    (void)name;
    return false;
}

static const struct plan_host host = {
    .is_foreign = is_foreign, .forwarding = forwarding, .is_bridge = is_bridge, .file = "lab.yaml"};

/* A set of one network of mode bridge. */
static void lan_init(struct lab *lab)
{
    lab_init(lab, "lab");
    snprintf(lab->network.name, sizeof(lab->network.name), "lan");
    lab->network.mode = MODEL_MODE_BRIDGE;
    lab->network.subnet = (struct ip_prefix){.length = 0};
    lab->network.bridge[0] = '\0';
    for (size_t i = 0; i < 2; i++) {
        lab->ports[i].address.family = 0;
        lab->ports[i].device[0] = '\0';
    }
    model_derive(&lab->set);
    assert_string_equal(lab->network.bridge, LAN);
}

static void add_uplink(struct model_objects *objects, struct model_uplink uplink)
{
    struct model_object object = {.kind = MODEL_OBJECT_UPLINK, .uplink = uplink};

    assert_int_equal(model_objects_add(objects, &object), 0);
    model_objects_sort(objects);
}

static const struct plan_step *find_move(const struct plan *plan)
{
    const struct plan_step *move = NULL;

    for (size_t i = 0; i < plan->step_count; i++)
        if (plan_step_object(&plan->steps[i])->kind == MODEL_OBJECT_UPLINK) {
            assert_null(move);
            move = &plan->steps[i];
        }
    return move;
}

static size_t count_elements(const struct model_objects *objects, enum guard_set set)
{
    size_t count = 0;

    for (size_t i = 0; i < objects->count; i++)
        count += objects->items[i].kind == MODEL_OBJECT_ELEMENT && objects->items[i].element.set == set;
    return count;
}

/* ---- where it is wanted ---- */

static void all_that_a_wanted_uplink_carries_moves_to_the_bridge(void **state)
{
    struct model_objects wanted, all = {0};
    struct model_item items[3];
    struct plan_scope scope;
    const struct plan_step *move;
    char reason[PLAN_REASON_MAX];
    struct plan *plan;
    struct lab lab;

    (void)state;
    lan_init(&lab);
    lab_expand(&lab, &wanted);
    add_uplink(&all, uplink("", ETH0, items));
    assert_int_equal(plan_scope_make(&wanted, &all, "lab", &host, &scope, NULL), 0);
    assert_int_equal(plan_make(&scope.wanted, &scope.found, &plan), 0);
    move = find_move(plan);
    assert_non_null(move);
    assert_true(plan_step_moves(move));
    assert_string_equal(move->after->uplink.bridge, LAN);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(move->after->uplink.items[i].device, LAN);
    assert_string_equal(plan_step_reason(move, reason),
                        "becomes a port of br-lan, 1 address and 1 route move to br-lan");
    assert_int_equal(move->phase, PLAN_UPLINKS_JOIN);
    assert_int_equal(count_elements(&scope.wanted, GUARD_LAN_TAKEN), 2); /* the host's address, and its gateway's */
    assert_int_equal(count_elements(&scope.wanted, GUARD_BRIDGED), 1);
    for (const struct plan_step *step = move + 1; step < plan->steps + plan->step_count; step++)
        assert_int_equal(step->phase, PLAN_RECORDS_SET); /* what can fail comes before */
    plan_free(plan);
    plan_scope_fini(&scope);
    model_objects_fini(&wanted);
    model_objects_fini(&all);
}

/* A route that a router has given may say more, or other things, by the time that it is looked at again. */
static void what_a_router_may_change_is_not_compared(void **state)
{
    static const uint8_t high[] = {2, 8}, low[] = {2, 24, 64}, other[] = {3, 8};
    struct model_item items[3], others[3];
    struct model_uplink before = uplink("", ETH0, items), now = uplink("", ETH0, others);

    (void)state;
    items[MODEL_ITEM_ROUTE].bytes = high;
    items[MODEL_ITEM_ROUTE].len = sizeof(high);
    others[MODEL_ITEM_ROUTE].bytes = low;
    others[MODEL_ITEM_ROUTE].len = sizeof(low);
    assert_true(model_uplink_equal(&before, &now));
    assert_true(model_uplink_has(&before, &others[MODEL_ITEM_ROUTE]));
    others[MODEL_ITEM_ROUTE].bytes = other;
    assert_false(model_uplink_equal(&before, &now));
    others[MODEL_ITEM_ROUTE].bytes = low;
    others[MODEL_ITEM_ROUTE].key_len = 2;
    assert_false(model_uplink_equal(&before, &now));
}

/* eth1 of set "other" is in the same network as eth0 of "lab": with the same gateway, and with another address. */
static void what_no_guest_may_claim_is_every_uplinks(void **state)
{
    struct model_object bridge = {.kind = MODEL_OBJECT_LINK, .link = {.kind = MODEL_LINK_BRIDGE, .name = "br-other"}};
    struct model_objects wanted, none = {0}, all = {0};
    struct model_item items[3], others[3];
    struct model_uplink other = uplink("br-other", "br-other", others);
    struct plan_scope scope;
    struct lab lab;

    (void)state;
    lan_init(&lab);
    lab_expand(&lab, &wanted);
    snprintf(bridge.link.owner.set, sizeof(bridge.link.owner.set), "other");
    snprintf(other.name, sizeof(other.name), "eth1");
    others[MODEL_ITEM_ADDRESS].taken = ip4_from_value(0xc0000203);
    assert_int_equal(model_objects_add(&all, &bridge), 0);
    add_uplink(&all, other);
    add_uplink(&all, uplink("", ETH0, items));
    assert_int_equal(plan_scope_make(&wanted, &all, "lab", &host, &scope, NULL), 0);
    assert_int_equal(count_elements(&scope.wanted, GUARD_LAN_TAKEN), 3);
    plan_scope_fini(&scope);
    assert_int_equal(plan_scope_make(&none, &all, "lab", &host, &scope, NULL), 0);
    assert_int_equal(count_elements(&scope.wanted, GUARD_LAN_TAKEN), 2);
    plan_scope_fini(&scope);
    assert_int_equal(plan_scope_make(&none, &all, "other", &host, &scope, NULL), 0);
    assert_int_equal(count_elements(&scope.wanted, GUARD_LAN_TAKEN), 0);
    plan_scope_fini(&scope);
    model_objects_fini(&wanted);
    model_objects_fini(&all);
}

static void one_that_can_not_be_moved_stays_where_it_is(void **state)
{
    struct model_objects wanted, none = {0}, all = {0}, bridged = {0};
    struct model_object bridge = {.kind = MODEL_OBJECT_LINK, .link = {.kind = MODEL_LINK_BRIDGE, .name = LAN}};
    struct model_item items[3], moved[3];
    struct model_uplink alone = uplink("", ETH0, items), port = uplink(LAN, LAN, moved);
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct plan_scope scope;
    struct lab lab;

    (void)state;
    lan_init(&lab);
    lab.network.uplink_place = (struct model_place){3, 13};
    lab_expand(&lab, &wanted);
    alone.fault = port.fault = "it carries a stone";
    add_uplink(&all, alone);
    assert_int_equal(plan_scope_make(&wanted, &all, "lab", &host, &scope, &error), -EOPNOTSUPP);
    assert_string_equal(error.text,
                        "lab.yaml:3:13: uplink eth0 can't be moved: it carries a stone; take that off first");
    snprintf(bridge.link.owner.set, sizeof(bridge.link.owner.set), "lab");
    assert_int_equal(model_objects_add(&bridged, &bridge), 0);
    add_uplink(&bridged, port);
    assert_int_equal(plan_scope_make(&wanted, &bridged, "lab", &host, &scope, NULL), 0);
    plan_scope_fini(&scope);
    assert_int_equal(plan_scope_make(&none, &bridged, "lab", &host, &scope, NULL), -EOPNOTSUPP);
    model_objects_fini(&wanted);
    model_objects_fini(&all);
    model_objects_fini(&bridged);
}

static void one_that_is_not_there_is_said_with_its_place(void **state)
{
    struct model_objects wanted, all = {0};
    struct tapnet_error error = TAPNET_ERROR_INIT;
    struct plan_scope scope;
    struct lab lab;

    (void)state;
    lan_init(&lab);
    lab.network.uplink_place = (struct model_place){3, 13};
    lab_expand(&lab, &wanted);
    assert_int_equal(plan_scope_make(&wanted, &all, "lab", &host, &scope, &error), -ENOENT);
    assert_string_equal(error.text, "lab.yaml:3:13: there is no device eth0, which is to be the uplink");
    model_objects_fini(&wanted);
}

/* The host of a set that is up: its bridge, and eth0 in it. */
static void is_up(struct model_objects *all, struct model_item items[3])
{
    static struct lab lab; /* its names live as long as the objects */

    lan_init(&lab);
    lab_expand(&lab, all);
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].kind == MODEL_OBJECT_UPLINK)
            all->items[i].uplink = uplink(LAN, LAN, items);
}

static struct plan *plan_down(struct model_objects *all, const char *set, struct plan_scope *scope)
{
    static const struct model_objects nothing = {0};
    struct plan *plan;

    assert_int_equal(plan_scope_make(&nothing, all, set, &host, scope, NULL), 0);
    assert_int_equal(plan_make(&scope->wanted, &scope->found, &plan), 0);
    return plan;
}

static void what_is_not_wanted_any_more_leaves_before_the_bridge_goes(void **state)
{
    struct model_objects all;
    struct model_item items[3];
    struct plan_scope scope;
    const struct plan_step *move;
    struct plan *plan;

    (void)state;
    is_up(&all, items);
    plan = plan_down(&all, "lab", &scope);
    move = find_move(plan);
    assert_non_null(move);
    assert_string_equal(move->after->uplink.bridge, "");
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(move->after->uplink.items[i].device, ETH0);
    for (const struct plan_step *step = plan->steps; step < move; step++)
        assert_true(step->phase < PLAN_BRIDGES_REMOVE);
    assert_int_equal(plan->steps[plan->step_count - 1].phase, PLAN_GUARDS_REMOVE);
    plan_free(plan);
    plan_scope_fini(&scope);
    model_objects_fini(&all);
}

static void another_set_does_not_move_it(void **state)
{
    struct model_objects all;
    struct model_item items[3];
    struct plan_scope scope;
    struct plan *plan;

    (void)state;
    is_up(&all, items);
    plan = plan_down(&all, "other", &scope);
    assert_null(find_move(plan));
    plan_free(plan);
    plan_scope_fini(&scope);
    model_objects_fini(&all);
}

/* ---- what is the same ---- */

static void what_was_on_its_way_is_there_once_and_learnt_things_do_not_count(void **state)
{
    struct model_item both[6], items[3];
    struct model_uplink found = uplink("", ETH0, both), moved, whole = uplink(LAN, LAN, items);
    struct arena arena = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        both[3 + i] = item((enum model_item_kind)i, LAN);
    found.item_count = 6;
    assert_int_equal(model_uplink_move(&found, LAN, &arena, &moved), 0);
    assert_int_equal(moved.item_count, 3);
    assert_true(model_uplink_equal(&moved, &whole));
    whole.item_count = 2; /* without the neighbour */
    assert_true(model_uplink_equal(&moved, &whole));
    whole.item_count = 1; /* without the route */
    assert_false(model_uplink_equal(&moved, &whole));
    assert_false(model_uplink_equal(&whole, &moved));
    assert_int_equal(model_uplink_count(&moved, MODEL_ITEM_ADDRESS, LAN), 1);
    assert_int_equal(model_uplink_count(&moved, MODEL_ITEM_ADDRESS, ETH0), 0);
    arena_fini(&arena);
}

/* ---- in which order it moves ---- */

static struct {
    char log[512];
    unsigned requests, fail_at;
} kernel;

static int note(const char *what, const char *device, struct tapnet_error *error)
{
    size_t len = strlen(kernel.log);

    if (++kernel.requests == kernel.fail_at)
        return error_set(error, -ENOBUFS, "no room");
    snprintf(kernel.log + len, sizeof(kernel.log) - len, "%s %s\n", what, device);
    return 0;
}

static int item_add(void *data, const struct model_item *added, struct tapnet_error *error)
{
    (void)data;
    return note(added->kind == MODEL_ITEM_ROUTE ? "+route" : "+address", added->device, error);
}

static int item_delete(void *data, const struct model_item *deleted, struct tapnet_error *error)
{
    (void)data;
    return note(deleted->kind == MODEL_ITEM_ROUTE ? "-route" : "-address", deleted->device, error);
}

static void item_hint(void *data, const struct model_item *hinted, bool there)
{
    (void)data;
    note(there ? "+neighbour" : "-neighbour", hinted->device, NULL);
}

static int link_imitate(void *data, const char *name, const char *like, struct tapnet_error *error)
{
    (void)data;
    (void)like;
    return note("imitate", name, error);
}

static int link_set(void *data, const char *name, struct netlink_link_change *change, const char *master,
                    struct tapnet_error *error)
{
    (void)data;
    (void)name;
    assert_int_equal(change->fields, NETLINK_LINK_MASTER);
    return note("master", master[0] ? master : "none", error);
}

static const struct apply_ops ops = {
    .item_add = item_add,
    .item_delete = item_delete,
    .item_hint = item_hint,
    .link_imitate = link_imitate,
    .link_set = link_set,
};

static int run(const struct model_uplink *before, const struct model_uplink *after, unsigned fail_at)
{
    kernel.log[0] = '\0';
    kernel.requests = 0;
    kernel.fail_at = fail_at;
    return apply_uplink(&ops, before, after, NULL);
}

static void the_new_way_is_there_before_the_old_one_goes(void **state)
{
    struct model_item here[3], there[3];
    const struct model_uplink home = uplink("", ETH0, here), bridged = uplink(LAN, LAN, there);

    (void)state;
    assert_int_equal(run(&home, &bridged, 0), 0);
    assert_string_equal(kernel.log, "imitate br-lan\n"
                                    "+address br-lan\n+neighbour br-lan\nmaster br-lan\n+route br-lan\n"
                                    "-route eth0\n-neighbour eth0\n-address eth0\n");
    assert_int_equal(run(&bridged, &home, 0), 0);
    assert_string_equal(kernel.log, "+address eth0\n+neighbour eth0\nmaster none\n+route eth0\n"
                                    "-route br-lan\n-neighbour br-lan\n-address br-lan\n");
    assert_int_equal(run(&bridged, &bridged, 0), 0);
    assert_string_equal(kernel.log, "");
}

static void a_request_that_fails_has_all_before_it_undone(void **state)
{
    struct model_item here[3], there[3];
    const struct model_uplink home = uplink("", ETH0, here), bridged = uplink(LAN, LAN, there);

    (void)state;
    assert_int_equal(run(&home, &bridged, 1), -ENOBUFS); /* nothing was done yet but what is the bridge's */
    for (unsigned fail_at = 2; fail_at <= 8; fail_at++) {
        if (fail_at == 3 || fail_at == 7) /* neighbours */
            continue;
        assert_int_equal(run(&home, &bridged, fail_at), -ENOBUFS);
        assert_non_null(strstr(kernel.log, "+address eth0\n+neighbour eth0\nmaster none\n+route eth0\n"
                                           "-route br-lan\n-neighbour br-lan\n-address br-lan\n"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_a_wanted_uplink_carries_moves_to_the_bridge),
        cmocka_unit_test(what_a_router_may_change_is_not_compared),
        cmocka_unit_test(what_no_guest_may_claim_is_every_uplinks),
        cmocka_unit_test(one_that_can_not_be_moved_stays_where_it_is),
        cmocka_unit_test(one_that_is_not_there_is_said_with_its_place),
        cmocka_unit_test(what_is_not_wanted_any_more_leaves_before_the_bridge_goes),
        cmocka_unit_test(another_set_does_not_move_it),
        cmocka_unit_test(what_was_on_its_way_is_there_once_and_learnt_things_do_not_count),
        cmocka_unit_test(the_new_way_is_there_before_the_old_one_goes),
        cmocka_unit_test(a_request_that_fails_has_all_before_it_undone),
    };

    return cmocka_run_group_tests_name("plan uplink", tests, NULL, NULL);
}
