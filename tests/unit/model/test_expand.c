/* SPDX-License-Identifier: MIT */
/* What a set wants of the host, object by object. */
#include "expanded.h"
#include "model/forward.h"

/* Sorted strictly: in order, and nothing twice. */
static void assert_sorted(const struct model_objects *objects)
{
    for (size_t i = 1; i < objects->count; i++)
        assert_true(model_object_compare(&objects->items[i - 1], &objects->items[i]) < 0);
}

static struct model_set *tour(void)
{
    struct model_set *set = build_set("demo");
    struct model_network *network = build_network(set, "lab", "10.20.0.1/24");

    build_port(set, network, "web", "10.20.0.6", NULL)->user = 1000;
    build_port(set, network, "db", "10.20.0.7", "52:54:00:00:00:07");
    build_device(set, "tun1", MODEL_DEVICE_TUN, "192.168.3.11/24");
    return set;
}

static void a_nat_network_in_full(void **state)
{
    static const char *const expected[] = {
        "table inet tapnet",
        "table bridge tapnet",
        "element networks { br-lab }",
        "element networks { lab-db }",
        "element networks { lab-web }",
        "element bridged { br-lab . br-lab }",
        "element egress { br-lab . eth0 }",
        "element gateways { br-lab . 10.20.0.1 }",
        "element dns_ports { br-lab . 10.20.0.1 : 10053 }",
        "element dns_served { br-lab . 10.20.0.1 . 10053 }",
        "element paths { br-lab . eth0 }",
        "element paths { eth0 . br-lab }",
        "element closed { eth0 }",
        "element subnets { br-lab . 10.20.0.0 - br-lab . 10.20.0.255 }",
        "element ports { lab-db }",
        "element ports { lab-web }",
        "element port_addresses { lab-db . 52:54:00:00:00:07 . 10.20.0.7 }",
        "element port_macs { lab-db . 52:54:00:00:00:07 }",
        "element resolvers { 10.20.0.1 }",
        "element port_networks { lab-web : 0xa40f186b }",
        "element proposed_macs { lab-web . 52:54:00:78:ec:cb }",
        "element open_addresses { lab-web . 10.20.0.6 }",
        "element network_macs { 0xa40f186b . 52:54:00:00:00:07 }",
        "element network_macs { 0xa40f186b . 52:54:00:78:ec:cb }",
        "element network_macs { 0xa40f186b . a6:58:8d:f3:92:50 }",
        "element group_limits { lab-db limit 1000 packets/s }",
        "element group_limits { lab-web limit 1000 packets/s }",
        "element port_identifiers6 { lab-db . 5400 . 000007 }",
        "bridge br-lab",
        "tap lab-db",
        "tap lab-web",
        "tun tun1",
        "address 10.20.0.1/24 on br-lab",
        "address 192.168.3.11/24 on tun1",
        "sysctl net/ipv4/conf/eth0/forwarding = 1",
        "DHCP and DNS for network lab",
        "record of set demo",
    };
    struct model_set *set _cleanup_set_ = tour();
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    ASSERT_WANTS(set, &objects, expected);
    assert_sorted(&objects);
}

static void the_links_of_a_nat_network(void **state)
{
    struct model_set *set _cleanup_set_ = tour();
    struct model_objects objects cleanup(model_objects_fini) = {0};
    const struct model_link *bridge, *web, *db, *tun;
    const struct model_network *network = &set->networks[0];
    char alias[MODEL_ALIAS_MAX];

    (void)state;
    expand(set, false, &objects);
    bridge = &find_link(&objects, "br-lab")->link;
    web = &find_link(&objects, "lab-web")->link;
    db = &find_link(&objects, "lab-db")->link;
    tun = &find_link(&objects, "tun1")->link;
    assert_true(bridge->forwarding && bridge->up);
    assert_true(mac_equal(&bridge->mac, &network->mac));
    assert_string_equal(bridge->master, "");
    assert_int_equal(bridge->mtu, 1500);
    assert_string_equal(model_alias_print(&bridge->owner, alias), "tapnet:demo/lab declared mode=nat");
    assert_true(web->up && web->persistent && !web->forwarding && !web->multi_queue);
    assert_string_equal(web->master, "br-lab");
    assert_int_equal(web->user, 1000);
    assert_int_equal(web->group, MODEL_ID_NONE);
    assert_int_equal(web->mtu, 1500);
    assert_true(mac_equal(&web->mac, &network->ports[0].mac));
    assert_int_equal(db->user, 0); /* root alone: without an owner and a group anybody could open it */
    assert_int_equal(db->group, MODEL_ID_NONE);
    assert_string_equal(model_alias_print(&db->owner, alias), "tapnet:demo/lab/db declared mac=52:54:00:00:00:07");
    assert_true(tun->up && tun->persistent);
    assert_int_equal(tun->mtu, 1500); /* said outright, so that another one goes away with its line in the file */
    assert_int_equal(tun->queue_length, 500);
    assert_int_equal(tun->link_type, 0);
    assert_string_equal(tun->master, "");
    assert_string_equal(model_alias_print(&tun->owner, alias), "tapnet:demo//tun1 declared");
}

static void objects_know_their_line_their_owner_and_their_network(void **state)
{
    struct model_set *set _cleanup_set_ = tour();
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    expand(set, false, &objects);
    assert_int_equal(find_link(&objects, "br-lab")->place.line, 2);
    assert_int_equal(find_link(&objects, "lab-web")->place.line, 3);
    assert_int_equal(find_link(&objects, "lab-db")->place.line, 4);
    assert_int_equal(find_link(&objects, "tun1")->place.line, 5);
    for (size_t i = 0; i < objects.count; i++) {
        const struct model_object *object = &objects.items[i];

        if (object->kind == MODEL_OBJECT_ELEMENT && object->element.set == GUARD_CLOSED)
            assert_string_equal(object->element.label, "uplink");
        else if (object->kind == MODEL_OBJECT_ELEMENT &&
                 strncmp(guard_read_ifname(&object->element, 0), "lab-", 4) != 0)
            assert_string_equal(object->element.label, "demo/lab"); /* of the bridge, or of its uplink */
        else if (object->kind == MODEL_OBJECT_ELEMENT)
            assert_string_equal(object->element.label,
                                strstr(guard_read_ifname(&object->element, 0), "web") ? "demo/lab/web" : "demo/lab/db");
        else if (object->kind == MODEL_OBJECT_SYSCTL)
            assert_string_equal(object->sysctl.users, "demo");
        else if (object->kind == MODEL_OBJECT_TABLE)
            assert_true(object->table.intact);
        else if (object->kind == MODEL_OBJECT_ADDRESS && object->address.device[0] == 'b')
            assert_int_equal(object->place.column, 20); /* where the subnet stands */
        else if (object->kind == MODEL_OBJECT_SERVICE) {
            assert_string_equal(object->service.set, "demo");
            assert_true(object->service.running);
            assert_ptr_equal(object->service.network, &set->networks[0]);
        }
    }
}

/* An isolated network with the port "a". */
static struct model_set *dark_set(const char *mac)
{
    struct model_set *set = build_set("demo");
    struct model_network *network = build_network(set, "dark", "10.20.0.1/24");

    network->mode = MODEL_MODE_ISOLATED;
    build_port(set, network, "a", "10.20.0.7", mac);
    return set;
}

#define DARK_NETWORK                                                                                                   \
    "table inet tapnet", "table bridge tapnet", "element networks { br-dark }", "element networks { dark-a }",         \
        "element bridged { br-dark . br-dark }", "element ports { dark-a }"

/* The host gets no address in it, so it is out of reach for its guests; nothing leads out. */
static void an_isolated_network_in_full(void **state)
{
    static const char *const expected[] = {
        DARK_NETWORK,
        "element port_addresses { dark-a . 52:54:00:84:54:b3 . 10.20.0.7 }",
        "element port_macs { dark-a . 52:54:00:84:54:b3 }",
        "element group_limits { dark-a limit 1000 packets/s }",
        "element port_identifiers6 { dark-a . 5400 . 8454b3 }",
        "bridge br-dark",
        "tap dark-a",
        "DHCP for network dark",
        "record of set demo",
    };
    struct model_set *set _cleanup_set_ = dark_set("52:54:00:84:54:b3");
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    ASSERT_WANTS(set, &objects, expected);
    assert_false(find_link(&objects, "br-dark")->link.forwarding);
    assert_int_equal(find_link(&objects, "br-dark")->link.owner.mode, MODEL_MODE_ISOLATED);
}

/* A guest with a bridge of its own: the address is pinned to the port, no MAC is. */
static void a_port_whose_guest_may_use_any_mac(void **state)
{
    static const char *const expected[] = {
        DARK_NETWORK,
        "element any_mac_addresses { dark-a . 10.20.0.7 }",
        "element any_mac_ports { dark-a }",
        "element group_limits { dark-a limit 1000 packets/s }",
        "bridge br-dark",
        "tap dark-a",
        "DHCP for network dark",
        "record of set demo",
    };
    struct model_set *set _cleanup_set_ = dark_set(NULL);
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    set->networks[0].ports[0].mac_spoofing = true;
    ASSERT_WANTS(set, &objects, expected);
}

static size_t count(const struct model_objects *objects, enum model_object_kind kind, enum guard_set set)
{
    size_t number = 0;

    for (size_t i = 0; i < objects->count; i++)
        number += objects->items[i].kind == kind &&
                  (kind != MODEL_OBJECT_ELEMENT || objects->items[i].element.set == set);
    return number;
}

static void networks_behind_one_uplink_open_it_once(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("demo");
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    build_network(set, "a", NULL);
    build_network(set, "b", NULL);
    snprintf(build_network(set, "c", NULL)->uplink, MODEL_IFNAME_MAX, "eth1");
    expand(set, false, &objects);
    assert_int_equal(count(&objects, MODEL_OBJECT_SYSCTL, 0), 2);
    assert_int_equal(count(&objects, MODEL_OBJECT_ELEMENT, GUARD_CLOSED), 2);
    assert_int_equal(count(&objects, MODEL_OBJECT_ELEMENT, GUARD_EGRESS), 3);
    assert_int_equal(count(&objects, MODEL_OBJECT_TABLE, 0), 2);
    assert_sorted(&objects);
}

static void a_host_that_forwards_is_left_as_it_is(void **state)
{
    struct model_set *set _cleanup_set_ = tour();
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    expand(set, true, &objects);
    assert_int_equal(count(&objects, MODEL_OBJECT_SYSCTL, 0), 0);
    assert_int_equal(count(&objects, MODEL_OBJECT_ELEMENT, GUARD_CLOSED), 0);
    assert_int_equal(count(&objects, MODEL_OBJECT_ELEMENT, GUARD_EGRESS), 1);
}

static void without_an_uplink_nothing_goes_out(void **state)
{
    struct model_surroundings nowhere = {.taken_count = 0};
    struct model_set *set _cleanup_set_ = tour();
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    model_derive(set);
    assert_int_equal(model_resolve(set, &nowhere, NULL), 0);
    assert_int_equal(model_expand(set, false, &objects, NULL), 0);
    assert_int_equal(count(&objects, MODEL_OBJECT_SYSCTL, 0), 0);
    assert_int_equal(count(&objects, MODEL_OBJECT_ELEMENT, GUARD_CLOSED), 0);
    assert_int_equal(count(&objects, MODEL_OBJECT_ELEMENT, GUARD_EGRESS), 0);
    assert_int_equal(count(&objects, MODEL_OBJECT_ELEMENT, GUARD_GATEWAYS), 1);
}

static void devices_alone_need_no_guards(void **state)
{
    static const char *const expected[] = {"tap tap9", "tun tun1", "address 10.9.0.1/24 on tap9",
                                           "address fd00::1/64 on tap9", "record of set demo"};
    struct model_set *set _cleanup_set_ = build_set("demo");
    struct model_objects objects cleanup(model_objects_fini) = {0};
    struct model_device *tap;

    (void)state;
    build_device(set, "tun1", MODEL_DEVICE_TUN, NULL);
    tap = build_device(set, "tap9", MODEL_DEVICE_TAP, "fd00::1/64");
    tap->addresses[tap->address_count++] = build_prefix("10.9.0.1/24");
    tap->multi_queue = true;
    tap->mtu = 9000;
    tap->group = 27;
    tap->up_given = true; /* and not up */
    set->devices[0].link_type = 512;
    tap->settings = (struct model_settings){true, MODEL_OFFLOAD_CHECKSUM, 12};
    ASSERT_WANTS(set, &objects, expected);
    assert_true(!objects.items[0].link.up && objects.items[1].link.up);
    assert_int_equal(objects.items[1].link.link_type, 512);
    assert_int_equal(objects.items[0].link.queue_length, 1000);
    assert_true(objects.items[0].link.settings.offloads_given && !objects.items[1].link.settings.offloads_given);
    assert_int_equal(objects.items[0].link.settings.vnet_header_size, 12);
    assert_true(objects.items[0].link.multi_queue);
    assert_int_equal(objects.items[0].link.mtu, 9000);
    assert_int_equal(objects.items[0].link.group, 27);
    assert_int_equal(objects.items[0].link.user, MODEL_ID_NONE); /* the group's members, whoever they are */
    assert_int_equal(objects.items[1].link.user, 0);
    assert_false(mac_is_zero(&objects.items[0].link.mac));
    assert_ptr_equal(objects.items[4].record.devices, set->devices);
    assert_int_equal(objects.items[4].record.device_count, 2);
}

static void an_empty_set_wants_nothing(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("demo");
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    expand(set, false, &objects);
    assert_int_equal(objects.count, 0);
}

/* Eight objects a port, however many there are; and the same list twice. */
static void cost_per_port_is_constant(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("demo");
    struct model_objects objects cleanup(model_objects_fini) = {0}, again cleanup(model_objects_fini) = {0};
    size_t others;

    (void)state;
    build_network(set, "lab", NULL);
    expand(set, false, &objects);
    others = objects.count;
    model_objects_fini(&objects);
    set->networks[0].subnet = build_prefix("10.20.0.1/20");
    build_many_ports(set, &set->networks[0], "vm%u", 900);
    expand(set, false, &objects);
    assert_int_equal(objects.count, others + 1 + 8 * 900);
    assert_sorted(&objects);
    assert_int_equal(model_expand(set, false, &again, NULL), 0);
    for (size_t i = 0; i < objects.count; i++)
        assert_true(model_object_equal(&objects.items[i], &again.items[i]));
}

/* One more of each sort, behind one whose MAC is learnt. */
static void add_any_port(struct model_set *set, struct model_network *network, unsigned sort)
{
    struct model_port *port = build_port(set, network, "new", NULL, sort == 1 ? "52:54:00:00:00:09" : NULL);

    port->mac_spoofing = sort == 2;
    if (sort == 3 && network->mode != MODEL_MODE_ROUTED)
        port->protocols = MODEL_PROTOCOLS_ANY;
    if (sort == 4)
        port->limit = (struct model_limit){.send = 1000000, .receive = 2000000, .connections = 9, .broadcast = 7};
}

/* All that @more has and @less has not, but for what is told of the whole network. */
static void assert_difference(const struct model_objects *more, const struct model_objects *less,
                              const struct model_objects *difference)
{
    size_t found = 0;

    for (size_t i = 0; i < more->count; i++) {
        const struct model_object *object = &more->items[i], *before = model_objects_find(less, object);

        if (object->kind == MODEL_OBJECT_SERVICE || object->kind == MODEL_OBJECT_RECORD)
            continue;
        if (before) {
            assert_true(model_object_equal(object, before));
            continue;
        }
        assert_true(found < difference->count);
        assert_int_equal(model_object_compare(object, &difference->items[found]), 0);
        assert_true(model_object_equal(object, &difference->items[found++]));
    }
    assert_int_equal(found, difference->count);
    assert_true(found >= 6);
}

static void one_port_more_is_what_both_expansions_differ_in(void **state)
{
    static const enum model_mode modes[] = {MODEL_MODE_NAT, MODEL_MODE_ISOLATED, MODEL_MODE_ROUTED};

    (void)state;
    for (unsigned i = 0; i < 5 * ARRAY_COUNT(modes); i++) {
        struct model_set *set _cleanup_set_ = tour();
        struct model_objects more cleanup(model_objects_fini) = {0}, less cleanup(model_objects_fini) = {0};
        struct model_objects difference cleanup(model_objects_fini) = {0};
        struct model_network *network = &set->networks[0];

        network->mode = modes[i / 5];
        add_any_port(set, network, i % 5);
        expand(set, false, &more);
        network->port_count--;
        assert_int_equal(model_expand(set, false, &less, NULL), 0);
        assert_int_equal(model_expand_port(set, network, &network->ports[network->port_count], true, &difference), 0);
        assert_difference(&more, &less, &difference);
    }
}

static void forwards_are_elements(void **state)
{
    static const char *const expected[] = {
        "element forwards { tcp . 7000 : 10.20.0.6 . 9000 }",
        "element forwards { tcp . 7001 : 10.20.0.6 . 9001 }",
        "element forwards { tcp . 8080 : 10.20.0.6 . 80 }",
        "element bound_forwards { 127.0.0.1 . tcp . 2222 : 10.20.0.6 . 22 }",
        "element forward_ranges { 0.0.0.0 . udp . 5000 - 255.255.255.255 . udp . 5009 : 10.20.0.6 }",
        "element published { 10.20.0.6 }",
    };
    static const char *const texts[] = {"8080:80", "127.0.0.1:2222:22", "5000-5009:5000-5009/udp",
                                        "7000-7001:9000-9001"};
    struct model_set *set _cleanup_set_ = tour();
    struct model_objects before cleanup(model_objects_fini) = {0}, objects cleanup(model_objects_fini) = {0};
    struct model_forward forwards[ARRAY_COUNT(texts)];
    const char *problem;

    (void)state;
    expand(set, false, &before);
    assert_false(find_link(&before, "br-lab")->link.route_localnet);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        assert_int_equal(model_forward_parse(texts[i], &forwards[i], &problem), 0);
    forwards[0].place.line = 77;
    set->networks[0].ports[0].forwards = forwards;
    set->networks[0].ports[0].forward_count = ARRAY_COUNT(texts);
    expand(set, false, &objects);
    assert_int_equal(objects.count, before.count + ARRAY_COUNT(expected));
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++)
        assert_non_null(find_text(&objects, expected[i]));
    assert_int_equal(find_text(&objects, expected[2])->place.line, 77);
    assert_string_equal(find_text(&objects, expected[2])->element.label, "demo/lab/web");
    assert_true(find_link(&objects, "br-lab")->link.route_localnet);
    assert_sorted(&objects);
}

/* 127.0.0.1 leads to guests where a forward says so, and nowhere else. */
static void only_forwards_from_127_0_0_1_need_route_localnet(void **state)
{
    struct model_set *set _cleanup_set_ = tour();
    struct model_objects objects cleanup(model_objects_fini) = {0};
    struct model_forward forward;
    const char *problem;

    (void)state;
    assert_int_equal(model_forward_parse("192.0.2.2:8080:80", &forward, &problem), 0);
    set->networks[0].ports[0].forwards = &forward;
    set->networks[0].ports[0].forward_count = 1;
    expand(set, false, &objects);
    assert_non_null(find_text(&objects, "element bound_forwards { 192.0.2.2 . tcp . 8080 : 10.20.0.6 . 80 }"));
    assert_false(find_link(&objects, "br-lab")->link.route_localnet);
}

static void ports_that_are_kept_apart_are_so_by_any_detour(void **state)
{
    struct model_set *set _cleanup_set_ = tour();
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    set->networks[0].ports_see_each_other_given = true;
    set->networks[0].ports_see_each_other = false;
    expand(set, false, &objects);
    assert_non_null(find_text(&objects, "element apart { br-lab . br-lab }"));
    assert_null(find_text(&objects, "element bridged { br-lab . br-lab }"));
}

static void what_the_file_opens_is_an_element(void **state)
{
    struct model_set *set _cleanup_set_ = tour();
    struct model_objects objects cleanup(model_objects_fini) = {0};
    char text[GUARD_TEXT_MAX + 64];

    (void)state;
    set->networks[0].host = MODEL_HOST_ALLOW;
    set->networks[0].ports[0].protocols = MODEL_PROTOCOLS_ANY;
    expand(set, false, &objects);
    assert_non_null(find_text(&objects, "element open_hosts { br-lab }"));
    snprintf(text, sizeof(text), "element any_protocol_ports { %s }", set->networks[0].ports[0].device);
    assert_non_null(find_text(&objects, text));
    model_objects_fini(&objects);
    set->networks[0].mode = MODEL_MODE_ROUTED;
    set->networks[0].ports[0].protocols = MODEL_PROTOCOLS_IP;
    expand(set, false, &objects);
    assert_null(find_text(&objects, "element open_hosts { br-lab }"));
    snprintf(text, sizeof(text), "element open_hosts { %s }", set->networks[0].ports[0].device);
    assert_non_null(find_text(&objects, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_file_opens_is_an_element),
        cmocka_unit_test(forwards_are_elements),
        cmocka_unit_test(only_forwards_from_127_0_0_1_need_route_localnet),
        cmocka_unit_test(ports_that_are_kept_apart_are_so_by_any_detour),
        cmocka_unit_test(a_nat_network_in_full),
        cmocka_unit_test(the_links_of_a_nat_network),
        cmocka_unit_test(objects_know_their_line_their_owner_and_their_network),
        cmocka_unit_test(an_isolated_network_in_full),
        cmocka_unit_test(a_port_whose_guest_may_use_any_mac),
        cmocka_unit_test(networks_behind_one_uplink_open_it_once),
        cmocka_unit_test(a_host_that_forwards_is_left_as_it_is),
        cmocka_unit_test(without_an_uplink_nothing_goes_out),
        cmocka_unit_test(devices_alone_need_no_guards),
        cmocka_unit_test(an_empty_set_wants_nothing),
        cmocka_unit_test(cost_per_port_is_constant),
        cmocka_unit_test(one_port_more_is_what_both_expansions_differ_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
