/* SPDX-License-Identifier: MIT */
/* Ports that come and go while their network is up: what follows for a plan, from a host that is made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "api/ports.h"
#include "api/sets.h"
#include "base/cleanup.h"

/* The set "lab" as it was brought up: network "lab" with the declared ports "web" and "db", all there and whole. */
struct lab {
    struct model_port ports[3];
    struct model_network network;
    struct model_set set;
    struct observe_found found;
};

static void make_port(struct model_port *port, const char *name, enum model_origin origin, uint32_t address)
{
    *port = (struct model_port){.origin = origin, .user = MODEL_ID_NONE, .group = MODEL_ID_NONE};
    snprintf(port->name, sizeof(port->name), "%s", name);
    port->address = ip4_from_value(address);
}

static void lab_begin(struct lab *lab)
{
    *lab = (struct lab){.set = {.name = "lab", .networks = &lab->network, .network_count = 1}};
    make_port(&lab->ports[0], "web", MODEL_ORIGIN_DECLARED, 0x0a140007);
    make_port(&lab->ports[1], "db", MODEL_ORIGIN_DECLARED, 0x0a140008);
    lab->network = (struct model_network){.name = "lab",
                                          .mode = MODEL_MODE_NAT,
                                          .uplink = "eth0",
                                          .uplink_given = true,
                                          .mtu = 1500,
                                          .mtu_given = true,
                                          .dns_port = MODEL_DNS_PORT,
                                          .subnet = {ip4_from_value(0x0a140001), 24},
                                          .ports = lab->ports,
                                          .port_count = 2};
}

/* The host has what the set wants. */
static void lab_bring_up(struct lab *lab)
{
    model_derive(&lab->set);
    assert_int_equal(model_expand(&lab->set, false, &lab->found.objects, NULL), 0);
}

static void lab_fini(struct lab *lab)
{
    model_objects_fini(&lab->found.objects);
    arena_fini(&lab->set.arena);
}

static int add_vm(struct model_set *set, void *data, struct tapnet_error *error)
{
    struct model_network *network = ports_network_of(set, data);
    struct model_port *ports = arena_alloc(&set->arena, (network->port_count + 1) * sizeof(*ports));

    assert_non_null(ports);
    memcpy(ports, network->ports, network->port_count * sizeof(*ports));
    make_port(&ports[network->port_count], "vm1", MODEL_ORIGIN_RUN, 0);
    ports[network->port_count++].address.family = 0;
    network->ports = ports;
    model_derive_network(set, network);
    return model_resolve_ports(network, NULL, error);
}

static int remove_vm(struct model_set *set, void *data, struct tapnet_error *error)
{
    (void)error;
    return ports_remove(set, data, "vm1");
}

static bool is_about(const struct plan_step *step, const char *device, const char *label)
{
    const struct model_object *object = plan_step_object(step);

    if (object->kind == MODEL_OBJECT_LINK)
        return strcmp(object->link.name, device) == 0;
    if (object->kind == MODEL_OBJECT_SERVICE)
        return true;
    return object->kind == MODEL_OBJECT_ELEMENT &&
           (strcmp(object->element.label, label) == 0 || strcmp(object->element.label, "lab/lab") == 0);
}

static void one_more_port_is_a_link_elements_and_the_service(void **state)
{
    struct lab lab cleanup(lab_fini);
    struct sets_plan plan cleanup(sets_plan_fini) = {.plan = NULL};
    size_t links = 0;
    char network[] = "lab";

    (void)state;
    lab_begin(&lab);
    lab_bring_up(&lab);
    assert_int_equal(sets_plan_change(&lab.found, "lab", add_vm, network, &plan, NULL), 0);
    assert_int_not_equal(plan.plan->step_count, 0);
    for (size_t i = 0; i < plan.plan->step_count; i++) {
        const struct plan_step *step = &plan.plan->steps[i];

        assert_true(is_about(step, "lab-vm1", "lab/lab/vm1"));
        assert_true(step->after && (!step->before || step->after->kind == MODEL_OBJECT_SERVICE));
        links += step->after->kind == MODEL_OBJECT_LINK;
    }
    assert_int_equal(links, 1);
}

/* Somebody took a neighbour away: that is not what was asked for. */
static void what_others_have_done_is_left_to_others(void **state)
{
    struct lab lab cleanup(lab_fini);
    struct sets_plan whole cleanup(sets_plan_fini) = {.plan = NULL}, damaged cleanup(sets_plan_fini) = {.plan = NULL};
    size_t kept = 0;
    char network[] = "lab";

    (void)state;
    lab_begin(&lab);
    lab_bring_up(&lab);
    assert_int_equal(sets_plan_change(&lab.found, "lab", add_vm, network, &whole, NULL), 0);
    for (size_t i = 0; i < lab.found.objects.count; i++) {
        const struct model_object *object = &lab.found.objects.items[i];

        if (object->kind != MODEL_OBJECT_LINK || strcmp(object->link.name, "lab-db") != 0)
            lab.found.objects.items[kept++] = *object;
    }
    lab.found.objects.count = kept;
    assert_int_equal(sets_plan_change(&lab.found, "lab", add_vm, network, &damaged, NULL), 0);
    assert_int_equal(damaged.plan->step_count, whole.plan->step_count);
}

static void taking_it_away_is_the_same_backwards(void **state)
{
    struct lab lab cleanup(lab_fini);
    struct sets_plan plan cleanup(sets_plan_fini) = {.plan = NULL};
    size_t links = 0;
    char network[] = "lab";

    (void)state;
    lab_begin(&lab);
    make_port(&lab.ports[2], "vm1", MODEL_ORIGIN_RUN, 0x0a140009);
    lab.network.port_count = 3;
    lab_bring_up(&lab);
    assert_int_equal(sets_plan_change(&lab.found, "lab", remove_vm, network, &plan, NULL), 0);
    for (size_t i = 0; i < plan.plan->step_count; i++) {
        const struct plan_step *step = &plan.plan->steps[i];

        assert_true(is_about(step, "lab-vm1", "lab/lab/vm1"));
        assert_true(step->before && (!step->after || step->after->kind == MODEL_OBJECT_SERVICE));
        links += step->before->kind == MODEL_OBJECT_LINK;
    }
    assert_int_equal(links, 1);
    assert_int_equal(lab.network.port_count, 3);
}

/* A network that was made for its ports goes with the last one, and all that it had. */
static void a_network_of_run_goes_with_its_last_port(void **state)
{
    struct lab lab cleanup(lab_fini);
    struct sets_plan plan cleanup(sets_plan_fini) = {.plan = NULL};
    char network[] = "lab";

    (void)state;
    lab_begin(&lab);
    make_port(&lab.ports[0], "vm1", MODEL_ORIGIN_RUN, 0x0a140009);
    lab.network.port_count = 1;
    lab.network.origin = MODEL_ORIGIN_RUN;
    lab_bring_up(&lab);
    assert_int_equal(sets_plan_change(&lab.found, "lab", remove_vm, network, &plan, NULL), 0);
    assert_int_equal(plan.plan->step_count, lab.found.objects.count);
    for (size_t i = 0; i < plan.plan->step_count; i++)
        assert_null(plan.plan->steps[i].after);
}

/* A file that is brought up again keeps them, with address and MAC, unless it declares one of that name itself. */
static void a_file_keeps_what_it_does_not_name(void **state)
{
    struct lab lab cleanup(lab_fini), file cleanup(lab_fini);

    (void)state;
    lab_begin(&lab);
    make_port(&lab.ports[2], "vm1", MODEL_ORIGIN_ATTACHED, 0x0a140009);
    lab.ports[2].limit.receive = 16000; /* its own, and so it stays */
    lab.network.port_count = 3;
    lab_bring_up(&lab);
    lab_begin(&file);
    file.network.limit.rate = 8000;
    model_derive(&file.set);
    assert_int_equal(ports_take_over(&lab.found, &file.set), 0);
    assert_int_equal(file.network.port_count, 3);
    assert_string_equal(file.network.ports[2].name, "vm1");
    assert_int_equal(file.network.ports[2].origin, MODEL_ORIGIN_ATTACHED);
    assert_true(mac_equal(&file.network.ports[2].guest_mac, &lab.ports[2].guest_mac));
    assert_int_equal(file.network.ports[2].limit.send, 8000);
    assert_int_equal(file.network.ports[2].limit.receive, 16000);
    assert_int_equal(ports_take_over(&lab.found, &file.set), 0);
    assert_int_equal(file.network.port_count, 3); /* it has it now */
    snprintf(file.set.name, sizeof(file.set.name), "other");
    file.network.port_count = 2;
    assert_int_equal(ports_take_over(&lab.found, &file.set), 0);
    assert_int_equal(file.network.port_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_more_port_is_a_link_elements_and_the_service),
        cmocka_unit_test(what_others_have_done_is_left_to_others),
        cmocka_unit_test(taking_it_away_is_the_same_backwards),
        cmocka_unit_test(a_network_of_run_goes_with_its_last_port),
        cmocka_unit_test(a_file_keeps_what_it_does_not_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
