/* SPDX-License-Identifier: MIT */
/* What a plan says of who is plugged in: every change of a network or a port, and who goes on, acts or restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/context.h"
#include "base/array.h"

#define MANY 1000
#define BY_DHCP                                                                                                        \
    ": it learns that by DHCP within half an hour, at once when its client is started anew (without DHCP: `tapnet "    \
    "status --guest lab/web`, once all is up)"

/* Network lab as it is and as the file has it, with its port web, whose guest is plugged in. */
struct scene {
    struct model_port had, has;
    struct model_network before, after;
    struct model_set set;
    struct plan_step steps[1];
    struct plan steps_of;
    struct tapnet_plan plan;
};

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix ret;

    assert_int_equal(ip_prefix_parse(text, -1, &ret), 0);
    return ret;
}

static struct mac mac(uint8_t last)
{
    return (struct mac){{0x52, 0x54, 0, 0, 0, last}};
}

static struct model_port make_port(const char *name, const char *device)
{
    struct model_port port = {.guest_mac = mac(6), .guest_mac_given = true};

    snprintf(port.name, sizeof(port.name), "%s", name);
    snprintf(port.device, sizeof(port.device), "%s", device);
    snprintf(port.hostname, sizeof(port.hostname), "%s", name);
    port.address = prefix("10.20.0.6/24").address;
    return port;
}

static struct model_network make_network(const char *name, struct model_port *ports, size_t count)
{
    struct model_network network = {.mode = MODEL_MODE_NAT, .mtu = 1500, .ports_see_each_other = true};

    snprintf(network.name, sizeof(network.name), "%s", name);
    snprintf(network.uplink, sizeof(network.uplink), "eth0");
    network.mac = mac(1);
    network.subnet = prefix("10.20.0.1/24");
    network.ports = ports;
    network.port_count = count;
    return network;
}

static void add_tap(struct scene *scene, const char *device, const char *port)
{
    struct model_object object = {.kind = MODEL_OBJECT_LINK, .link = {.kind = MODEL_LINK_TAP, .plugged = true}};

    snprintf(object.link.name, sizeof(object.link.name), "%s", device);
    snprintf(object.link.owner.set, sizeof(object.link.owner.set), "lab");
    snprintf(object.link.owner.network, sizeof(object.link.owner.network), "lab");
    snprintf(object.link.owner.port, sizeof(object.link.owner.port), "%s", port);
    assert_int_equal(model_objects_add(&scene->plan.scope.found, &object), 0);
}

static void add_service(struct scene *scene)
{
    const struct model_object object = {.kind = MODEL_OBJECT_SERVICE, .service = {.network = &scene->before}};

    assert_int_equal(model_objects_add(&scene->plan.scope.found, &object), 0);
}

/* A plan that does something, though none of its steps is about a guest's device. */
static void begin(struct scene *scene)
{
    static const struct model_object table = {.kind = MODEL_OBJECT_TABLE};

    *scene = (struct scene){.had = make_port("web", "lab-web"), .has = make_port("web", "lab-web")};
    scene->before = make_network("lab", &scene->had, 1);
    scene->after = make_network("lab", &scene->has, 1);
    scene->set.networks = &scene->after;
    scene->set.network_count = 1;
    scene->steps[0] = (struct plan_step){.after = &table};
    scene->steps_of = (struct plan){.steps = scene->steps, .step_count = 1};
    scene->plan.set = &scene->set;
    scene->plan.plan = &scene->steps_of;
}

static void end(struct scene *scene)
{
    model_objects_fini(&scene->plan.scope.found);
    arena_fini(&scene->plan.effect_arena);
    free(scene->plan.effects);
}

/* ---- each change by itself ---- */

static void nothing(struct scene *scene)
{
    (void)scene;
}

static void another_address(struct scene *scene)
{
    scene->has.address = prefix("10.20.0.9/24").address;
}

static void an_address_by_ipv6(struct scene *scene)
{
    scene->has.address6 = prefix("fd00::6/64").address;
}

static void no_address_by_ipv6(struct scene *scene)
{
    scene->had.address6 = prefix("fd00::6/64").address;
}

static void another_gateway(struct scene *scene)
{
    scene->after.subnet = prefix("10.20.0.2/24");
}

static void a_longer_prefix(struct scene *scene)
{
    scene->after.subnet = prefix("10.20.0.1/25");
}

static void another_mtu(struct scene *scene)
{
    scene->after.mtu = 1400;
}

static void another_hostname(struct scene *scene)
{
    snprintf(scene->has.hostname, sizeof(scene->has.hostname), "www");
}

static void shut_in(struct scene *scene)
{
    scene->after.mode = MODEL_MODE_ISOLATED;
}

static void let_out(struct scene *scene)
{
    scene->before.mode = MODEL_MODE_ISOLATED;
}

static void routed(struct scene *scene)
{
    scene->after.mode = MODEL_MODE_ROUTED;
}

static void another_uplink(struct scene *scene)
{
    snprintf(scene->after.uplink, sizeof(scene->after.uplink), "eth1");
}

static void another_uplink_by_ipv6(struct scene *scene)
{
    snprintf(scene->after.uplink6, sizeof(scene->after.uplink6), "eth1");
}

static void another_bridge_mac(struct scene *scene)
{
    scene->after.mac = mac(2);
}

static void apart(struct scene *scene)
{
    scene->after.ports_see_each_other = false;
}

static void another_port_has_the_device(struct scene *scene)
{
    snprintf(scene->has.name, sizeof(scene->has.name), "www");
    snprintf(scene->has.hostname, sizeof(scene->has.hostname), "web");
}

static void see_mac(struct scene *scene, uint8_t last)
{
    struct model_object seen = {.kind = MODEL_OBJECT_ELEMENT};
    const struct mac seen_mac = mac(last);

    seen.element = guard_port_mac("lab-web", &seen_mac, "");
    assert_int_equal(model_objects_add(&scene->plan.scope.found, &seen), 0);
}

static void another_mac(struct scene *scene)
{
    see_mac(scene, 6);
    scene->has.guest_mac = mac(7);
}

static void any_mac(struct scene *scene)
{
    another_mac(scene);
    scene->has.mac_spoofing = true;
}

static void a_mac_that_it_has(struct scene *scene)
{
    see_mac(scene, 7);
    scene->has.guest_mac = mac(7);
}

static void a_mac_that_was_not_seen(struct scene *scene)
{
    scene->has.guest_mac = mac(7);
}

static void remove_device(struct scene *scene)
{
    static const struct model_object tap = {.kind = MODEL_OBJECT_LINK,
                                            .link = {.kind = MODEL_LINK_TAP, .name = "lab-web"}};

    scene->steps[0] = (struct plan_step){.before = &tap};
}

static void no_port(struct scene *scene)
{
    remove_device(scene);
    scene->after.port_count = 0;
}

static void no_set(struct scene *scene)
{
    remove_device(scene);
    scene->plan.set = NULL;
}

static void another_name(struct scene *scene)
{
    remove_device(scene);
    snprintf(scene->after.name, sizeof(scene->after.name), "office");
    snprintf(scene->has.device, sizeof(scene->has.device), "office-web");
}

static void another_kind_of_device(struct scene *scene)
{
    remove_device(scene);
}

/* Its port's addresses are outside: it knows of those that all of them have. */
static void a_clone(struct scene *scene)
{
    scene->before.spread = scene->after.spread = true;
    scene->before.clones.mac = scene->after.clones.mac = mac(6);
    scene->before.clones.address = scene->after.clones.address = prefix("10.20.0.7/24").address;
    scene->before.clones.address6 = scene->after.clones.address6 = prefix("fd00::7/64").address;
    scene->had.address6 = prefix("fd00::6/64").address;
    scene->has.address6 = prefix("fd00::9/64").address;
    another_address(scene);
}

static void a_clone_with_other_addresses(struct scene *scene)
{
    a_clone(scene);
    scene->after.clones.address = prefix("10.20.0.8/24").address;
    scene->after.clones.address6 = prefix("fd00::8/64").address;
}

static void a_clone_with_another_mac(struct scene *scene)
{
    a_clone(scene);
    scene->after.clones.mac = scene->has.guest_mac = mac(7);
}

static const struct {
    const char *name;
    void (*change)(struct scene *scene);
    const char *kind, *text;
} changes[] = {
    {"nothing", nothing, "keeps", "goes on as it is"},
    {"address", another_address, "acts", "its address becomes 10.20.0.9 (now 10.20.0.6)" BY_DHCP},
    {"IPv6 comes", an_address_by_ipv6, "acts", "its IPv6 address becomes fd00::6" BY_DHCP},
    {"IPv6 goes", no_address_by_ipv6, "acts", "it has no IPv6 address any more" BY_DHCP},
    {"gateway", another_gateway, "acts", "its gateway becomes 10.20.0.2 (now 10.20.0.1)" BY_DHCP},
    {"prefix", a_longer_prefix, "acts", "its subnet's length becomes 25" BY_DHCP},
    {"MTU", another_mtu, "acts", "its MTU becomes 1400" BY_DHCP},
    {"hostname", another_hostname, "acts", "its name becomes www" BY_DHCP},
    {"isolated", shut_in, "keeps", "it reaches nobody outside any more"},
    {"no more isolated", let_out, "acts", "it reaches the outside; its gateway becomes 10.20.0.1" BY_DHCP},
    {"routed", routed, "keeps",
     "its connections to the outside begin anew; its gateway has another MAC, for which it asks within half a minute"},
    {"uplink", another_uplink, "keeps", "its connections to the outside begin anew"},
    {"uplink of IPv6", another_uplink_by_ipv6, "keeps", "its connections to the outside begin anew"},
    {"bridge", another_bridge_mac, "keeps", "its gateway has another MAC, for which it asks within half a minute"},
    {"apart", apart, "keeps", "it sees its neighbours no more"},
    {"port", another_port_has_the_device, "keeps", "it is lab/www from now on"},
    {"MAC", another_mac, "restarts", "only MAC 52:54:00:00:00:07 is let through: start it again with that one"},
    {"any MAC", any_mac, "keeps", "goes on as it is"},
    {"its MAC", a_mac_that_it_has, "keeps", "goes on as it is"},
    {"unseen MAC", a_mac_that_was_not_seen, "keeps", "goes on as it is"},
    {"no port", no_port, "restarts", "its device lab-web goes, and its network with it"},
    {"down", no_set, "restarts", "its device lab-web goes, and its network with it"},
    {"name", another_name, "restarts",
     "its device lab-web goes: start it again with ifname=office-web, in office/web (to keep it running, write "
     "`device: lab-web` there)"},
    {"clone", a_clone, "keeps", "goes on as it is"},
    {"clone's addresses", a_clone_with_other_addresses, "acts",
     "its address becomes 10.20.0.8 (now 10.20.0.7); its IPv6 address becomes fd00::8 (now fd00::7)" BY_DHCP},
    {"clone's MAC", a_clone_with_another_mac, "restarts",
     "only MAC 52:54:00:00:00:07 is let through: start it again with that one"},
    {"made anew", another_kind_of_device, "restarts", "its device lab-web is made anew: plug it in again"},
};

static void each_change_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        const struct tapnet_effect *effect;
        struct scene scene;

        begin(&scene);
        add_service(&scene);
        add_tap(&scene, "lab-web", "web");
        changes[i].change(&scene);
        model_objects_sort(&scene.plan.scope.found);
        assert_int_equal(api_plan_effects(&scene.plan), 0);
        assert_int_equal(tapnet_plan_effect_count(&scene.plan), 1);
        effect = tapnet_plan_effect(&scene.plan, 0);
        if (strcmp(effect->kind, changes[i].kind) != 0 || strcmp(effect->text, changes[i].text) != 0)
            fail_msg("%s: %s, %s", changes[i].name, effect->kind, effect->text);
        assert_string_equal(effect->port, "lab/web");
        assert_string_equal(effect->device, "lab-web");
        assert_null(tapnet_plan_effect(&scene.plan, 1));
        end(&scene);
    }
}

/* ---- who is told at all ---- */

static void nobody_is_told_of_nothing(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene);
    scene.steps_of.step_count = 0;
    add_service(&scene);
    add_tap(&scene, "lab-web", "web");
    assert_int_equal(api_plan_effects(&scene.plan), 0);
    assert_int_equal(tapnet_plan_effect_count(&scene.plan), 0);
    end(&scene);
}

static void nobody_is_there(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene);
    add_service(&scene);
    add_tap(&scene, "lab-web", "web");
    scene.plan.scope.found.items[1].link.plugged = false;
    model_objects_sort(&scene.plan.scope.found);
    assert_int_equal(api_plan_effects(&scene.plan), 0);
    assert_int_equal(tapnet_plan_effect_count(&scene.plan), 0);
    end(&scene);
}

/* Of a network with many ports that gets another name each guest is told of its own port, wherever that stands. */
static void many_move_to_ports_of_their_names(void **state)
{
    static struct model_port had[MANY], has[MANY];
    static struct plan_step steps[MANY];
    struct scene scene;
    char expected[64];

    (void)state;
    begin(&scene);
    for (size_t i = 0; i < MANY; i++) {
        char name[16], device[16];

        snprintf(name, sizeof(name), "p%zu", i);
        snprintf(device, sizeof(device), "lab-%zu", i);
        had[i] = make_port(name, device);
        add_tap(&scene, device, name);
        snprintf(device, sizeof(device), "office-%zu", i);
        has[MANY - 1 - i] = make_port(name, device);
    }
    scene.before = make_network("lab", had, MANY);
    scene.after = make_network("office", has, MANY);
    add_service(&scene);
    model_objects_sort(&scene.plan.scope.found);
    for (size_t i = 0; i < MANY; i++)
        steps[i] = (struct plan_step){.before = &scene.plan.scope.found.items[i]};
    scene.steps_of = (struct plan){.steps = steps, .step_count = MANY};
    assert_int_equal(api_plan_effects(&scene.plan), 0);
    assert_int_equal(tapnet_plan_effect_count(&scene.plan), MANY);
    for (size_t i = 0; i < MANY; i++) {
        const struct tapnet_effect *effect = tapnet_plan_effect(&scene.plan, i);

        assert_string_equal(effect->kind, "restarts");
        snprintf(expected, sizeof(expected), "ifname=office-%s, in office/p%s ", effect->device + 4,
                 effect->device + 4);
        assert_non_null(strstr(effect->text, expected));
    }
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_is_told),
        cmocka_unit_test(nobody_is_told_of_nothing),
        cmocka_unit_test(nobody_is_there),
        cmocka_unit_test(many_move_to_ports_of_their_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
