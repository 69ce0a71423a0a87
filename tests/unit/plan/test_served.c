/* SPDX-License-Identifier: MIT */
/* Whose networks are served again when the service died, and somebody else's plan starts it. */
#include "base/array.h"
#include "lab.h"

static bool no(const void *data, const char *name)
{
    (void)data;
    (void)name;
    return false;
}

static int forwarding(const void *data, const char *name)
{
    (void)data;
    (void)name;
    return 1;
}

/* The network @name of the set "other" on @bridge, 10.30.0.1/24, whose service died. */
static void add_unserved(struct model_objects *all, struct model_network *network, const char *name, const char *bridge)
{
    const struct model_object service = {.kind = MODEL_OBJECT_SERVICE, .service = {.network = network, .set = "other"}};

    *network = (struct model_network){.mode = MODEL_MODE_NAT, .subnet = {ip4_from_value(0x0a1e0001), 24}};
    snprintf(network->name, sizeof(network->name), "%s", name);
    snprintf(network->bridge, sizeof(network->bridge), "%s", bridge);
    assert_int_equal(model_objects_add(all, &service), 0);
}

static void add_bridge(struct model_objects *all, const char *name)
{
    struct model_object link = {.kind = MODEL_OBJECT_LINK, .link = {.kind = MODEL_LINK_BRIDGE}};

    snprintf(link.link.name, sizeof(link.link.name), "%s", name);
    snprintf(link.link.owner.set, sizeof(link.link.owner.set), "other");
    assert_int_equal(model_objects_add(all, &link), 0);
}

/* @peer 0: nobody is at the other end. */
static void add_address(struct model_objects *all, const char *device, uint32_t address, uint8_t length, uint32_t peer)
{
    struct model_object object = {.kind = MODEL_OBJECT_ADDRESS,
                                  .address = {.prefix = {ip4_from_value(address), length}}};

    snprintf(object.address.device, sizeof(object.address.device), "%s", device);
    if (peer)
        object.address.peer = ip4_from_value(peer);
    assert_int_equal(model_objects_add(all, &object), 0);
}

/* What stands in the way of each network is in its name. */
static void add_others(struct model_objects *all, struct model_network networks[7])
{
    add_unserved(all, &networks[0], "whole", "br-a");
    add_bridge(all, "br-a");
    add_address(all, "br-a", 0x0a1d0001, 24, 0); /* an address of somebody's, too */
    add_address(all, "br-a", 0x0a1e0001, 24, 0);
    add_unserved(all, &networks[1], "no-address", "br-b");
    add_bridge(all, "br-b");
    add_unserved(all, &networks[2], "another-length", "br-c");
    add_bridge(all, "br-c");
    add_address(all, "br-c", 0x0a1e0001, 25, 0);
    add_unserved(all, &networks[3], "no-bridge", "br-d");
    add_address(all, "br-d", 0x0a1e0001, 24, 0);
    add_unserved(all, &networks[4], "peered", "br-e");
    add_bridge(all, "br-e");
    add_address(all, "br-e", 0x0a1e0001, 24, 0x0a1e0009);
    add_unserved(all, &networks[5], "dark", "br-f");
    networks[5].mode = MODEL_MODE_ISOLATED;
    add_bridge(all, "br-f");
    add_unserved(all, &networks[6], "neither", "br-g"); /* behind all addresses */
    model_objects_sort(all);
}

/* Whoever starts the service has it serve what has its bridge and its address; an isolated network needs no address. */
static void networks_of_others_that_are_whole_are_served_again(void **state)
{
    static const char *const served[] = {"dark", "peered", "whole"};
    const struct plan_host host = {.is_foreign = no, .is_bridge = no, .forwarding = forwarding};
    struct model_objects all = {0}, wanted;
    struct model_network networks[7];
    struct plan_scope scope;
    struct lab lab;
    size_t count = 0;

    (void)state;
    add_others(&all, networks);
    lab_init(&lab, "lab");
    lab_expand(&lab, &wanted);
    assert_int_equal(plan_scope_make(&wanted, &all, "lab", &host, &scope, NULL), 0);
    for (size_t i = 0; i < scope.wanted.count; i++) {
        const struct model_object *object = &scope.wanted.items[i];

        if (object->kind != MODEL_OBJECT_SERVICE || strcmp(object->service.set, "lab") == 0)
            continue;
        assert_true(count < ARRAY_COUNT(served) && object->service.running);
        assert_string_equal(object->service.network->name, served[count++]);
    }
    assert_int_equal(count, ARRAY_COUNT(served));
    plan_scope_fini(&scope);
    model_objects_fini(&wanted);
    model_objects_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_of_others_that_are_whole_are_served_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
