/* SPDX-License-Identifier: MIT */
/* What the keeper does about a TAP that its holder changed: parts of a step, theft of a MAC, closing and opening. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "keeper/holds.h"

static const struct mac own = {{2, 0, 0, 0, 0, 6}}, strange = {{2, 0, 0, 0, 0, 0x99}};
static const struct mac gateway = {{2, 0, 0, 0, 0, 1}}, neighbour = {{0x52, 0x54, 0, 0, 0, 7}};
static const struct mac promised = {{0x52, 0x54, 0, 0, 0, 8}};

struct scene {
    struct holds holds;
    struct observe_found found;
    struct model_object before, after; /* lab-web */
    struct plan_step step;
};

static void add_link(struct scene *scene, enum model_link_kind kind, const char *name, const char *port, struct mac mac,
                     struct mac guest_mac)
{
    struct model_object object = {.kind = MODEL_OBJECT_LINK, .link = {.kind = kind, .mac = mac}};

    snprintf(object.link.name, sizeof(object.link.name), "%s", name);
    snprintf(object.link.owner.set, sizeof(object.link.owner.set), "lab");
    snprintf(object.link.owner.network, sizeof(object.link.owner.network), "lab");
    snprintf(object.link.owner.port, sizeof(object.link.owner.port), "%s", port);
    object.link.owner.guest_mac = guest_mac;
    object.link.index = 1 + (int)scene->found.objects.count;
    if (kind == MODEL_LINK_TAP) {
        snprintf(object.link.master, sizeof(object.link.master), "br-lab");
        object.link.user = 1000;
        object.link.group = MODEL_ID_NONE;
        object.link.persistent = object.link.up = object.link.plugged = true;
    }
    assert_int_equal(model_objects_add(&scene->found.objects, &object), 0);
    if (strcmp(name, "lab-web") == 0)
        scene->before = scene->after = object;
}

/* Ports web, db (whose guest has a MAC) and old (for whose guest one is kept); web is as it should be. */
static int setup(void **state)
{
    static struct scene scene;
    struct model_object seen = {.kind = MODEL_OBJECT_ELEMENT};

    scene = (struct scene){.holds = {.made = NULL}};
    add_link(&scene, MODEL_LINK_BRIDGE, "br-lab", "", gateway, (struct mac){{0}});
    add_link(&scene, MODEL_LINK_TAP, "lab-web", "web", own, (struct mac){{0x52, 0x54, 0, 0, 0, 6}});
    add_link(&scene, MODEL_LINK_TAP, "lab-db", "db", (struct mac){{2, 0, 0, 0, 0, 7}}, (struct mac){{0}});
    add_link(&scene, MODEL_LINK_TAP, "lab-old", "old", (struct mac){{2, 0, 0, 0, 0, 8}}, promised);
    seen.element = guard_port_mac("lab-db", &neighbour, "");
    assert_int_equal(model_objects_add(&scene.found.objects, &seen), 0);
    model_objects_sort(&scene.found.objects);
    holds_look(&scene.holds, &scene.found);
    scene.step = (struct plan_step){PLAN_DEVICES_SET, &scene.before, &scene.after};
    *state = &scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    holds_fini(&scene->holds);
    model_objects_fini(&scene->found.objects);
    return 0;
}

static void a_mac_does_not_wait_for_an_owner(void **state)
{
    struct scene *scene = *state;
    struct plan_step parts[HOLDS_PARTS];

    scene->before.link.mac = neighbour;
    assert_int_equal(holds_split(&scene->holds, &scene->step, parts), 1);
    assert_ptr_equal(parts[0].after, &scene->after);
    scene->before.link.user = 4711;
    scene->before.link.persistent = false;
    assert_int_equal(holds_split(&scene->holds, &scene->step, parts), 1); /* he holds it: of the owner nothing */
    assert_ptr_equal(parts[0].before, &scene->before);
    assert_true(mac_equal(&parts[0].after->link.mac, &own));
    assert_int_equal(parts[0].after->link.user, 4711);
    assert_false(parts[0].after->link.persistent);
    scene->before.link.plugged = false; /* or so it seems */
    assert_int_equal(holds_split(&scene->holds, &scene->step, parts), 2);
    assert_ptr_equal(parts[1].before, parts[0].after);
    assert_ptr_equal(parts[1].after, &scene->after);
    assert_int_equal(parts[1].phase, PLAN_DEVICES_SET);
}

static void an_owner_alone_waits_until_he_lets_go(void **state)
{
    struct scene *scene = *state;
    struct plan_step parts[HOLDS_PARTS];

    scene->before.link.group = 4711;
    assert_int_equal(holds_split(&scene->holds, &scene->step, parts), 0);
    scene->before.link.multi_queue = scene->after.link.multi_queue = true; /* has room for one more descriptor */
    assert_int_equal(holds_split(&scene->holds, &scene->step, parts), 1);
    scene->before.link.multi_queue = scene->after.link.multi_queue = scene->before.link.plugged = false;
    assert_int_equal(holds_split(&scene->holds, &scene->step, parts), 1);
    assert_ptr_equal(parts[0].after, &scene->after);
}

/* The kernel takes no group away again: such a device is made anew, unless somebody holds it. */
static void a_device_is_not_taken_from_its_holder_for_its_group(void **state)
{
    struct scene *scene = *state;
    struct plan_step steps[2], parts[HOLDS_PARTS];
    struct plan plan = {.steps = steps, .step_count = 2};

    scene->before.link.group = 4711;
    steps[0] = (struct plan_step){PLAN_DEVICES_CLEAR, &scene->before, NULL};
    steps[1] = (struct plan_step){PLAN_DEVICES_SET, NULL, &scene->after};
    scene->before.link.plugged = false;
    holds_spare(&plan);
    assert_int_equal(plan.step_count, 2);
    scene->before.link.plugged = true;
    scene->after.link.multi_queue = true; /* that is another reason */
    holds_spare(&plan);
    assert_int_equal(plan.step_count, 2);
    scene->after.link.multi_queue = false;
    holds_spare(&plan);
    assert_int_equal(plan.step_count, 1);
    assert_ptr_equal(plan.steps[0].before, &scene->before);
    assert_int_equal(holds_split(&scene->holds, &plan.steps[0], parts), 0);
}

static void other_steps_are_left_as_they_are(void **state)
{
    struct scene *scene = *state;
    struct plan_step parts[HOLDS_PARTS];
    const struct plan_step made = {PLAN_DEVICES_SET, NULL, &scene->after};

    scene->before.link.mtu = 1400;
    assert_int_equal(holds_split(&scene->holds, &scene->step, parts), 1);
    assert_int_equal(holds_split(&scene->holds, &made, parts), 1);
    assert_false(holds_steals(&scene->holds, &made));
    assert_false(holds_steals(&scene->holds, &scene->step));
}

static void whose_mac_is_stolen(void **state)
{
    const struct {
        struct mac mac;
        bool stolen;
    } rows[] = {{neighbour, true}, {gateway, true}, {promised, true}, {strange, false}, {own, false}};
    struct scene *scene = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        scene->before.link.mac = rows[i].mac;
        assert_int_equal(holds_steals(&scene->holds, &scene->step), rows[i].stolen);
    }
    scene->before.link.mac = (struct mac){{0x52, 0x54, 0, 0, 0, 6}}; /* its own guest's: his own loss */
    assert_false(holds_steals(&scene->holds, &scene->step));
    holds_look(&scene->holds, NULL);
    scene->before.link.mac = neighbour;
    assert_false(holds_steals(&scene->holds, &scene->step));
}

static void a_closed_port_is_in_no_bridge_until_it_is_opened(void **state)
{
    struct scene *scene = *state;
    struct plan_step closing;

    scene->before.link.mac = neighbour;
    scene->before.link.altered = MODEL_ALTERED_PORT;
    assert_true(holds_close(&scene->holds, &scene->step, &closing));
    assert_string_equal(closing.before->link.master, "br-lab");
    assert_string_equal(closing.after->link.master, "");
    assert_true(mac_equal(&closing.after->link.mac, &own));
    assert_true(closing.after->link.up);
    assert_int_equal(closing.before->link.altered, 0);
    assert_true(holds_is_closed(&scene->holds, "lab-web"));
    assert_false(holds_is_closed(&scene->holds, "lab-db"));
    scene->before.link.master[0] = '\0';
    assert_false(holds_close(&scene->holds, &scene->step, &closing));
    holds_look(&scene->holds, &scene->found);
    assert_true(holds_is_closed(&scene->holds, "lab-web"));
    holds_open(&scene->holds, &scene->step);
    assert_false(holds_is_closed(&scene->holds, "lab-web"));
    holds_open(&scene->holds, &scene->step);
}

static void thefts_are_counted_until_they_are_long_ago(void **state)
{
    struct scene *scene = *state;
    struct model_object other = scene->after;
    const struct plan_step step = {PLAN_DEVICES_SET, &other, &other};

    snprintf(other.link.name, sizeof(other.link.name), "lab-db");
    holds_count_theft(&scene->holds, &scene->step, 1000);
    holds_count_theft(&scene->holds, &step, 2000);
    holds_count_theft(&scene->holds, &scene->step, 3000);
    assert_int_equal(scene->holds.theft_count, 2);
    assert_string_equal(scene->holds.thefts[0].device, "lab-web");
    assert_int_equal(scene->holds.thefts[0].count, 2);
    assert_int_equal(scene->holds.thefts[1].count, 1);
    holds_look(&scene->holds, NULL);
    holds_look(&scene->holds, &scene->found);
    assert_int_equal(scene->holds.theft_count, 2);
    holds_forget(&scene->holds, 2001);
    assert_int_equal(scene->holds.theft_count, 1);
    assert_string_equal(scene->holds.thefts[0].device, "lab-web");
    for (size_t i = 0; i < scene->found.objects.count; i++) /* the device goes */
        if (strcmp(scene->found.objects.items[i].link.name, "lab-web") == 0)
            snprintf(scene->found.objects.items[i].link.name, MODEL_IFNAME_MAX, "gone");
    holds_look(&scene->holds, &scene->found);
    assert_int_equal(scene->holds.theft_count, 0);
}

#define IN_A_LAB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LAB(a_mac_does_not_wait_for_an_owner),
        IN_A_LAB(an_owner_alone_waits_until_he_lets_go),
        IN_A_LAB(a_device_is_not_taken_from_its_holder_for_its_group),
        IN_A_LAB(other_steps_are_left_as_they_are),
        IN_A_LAB(whose_mac_is_stolen),
        IN_A_LAB(a_closed_port_is_in_no_bridge_until_it_is_opened),
        IN_A_LAB(thefts_are_counted_until_they_are_long_ago),
    };

    return cmocka_run_group_tests_name("keeper holds", tests, NULL, NULL);
}
