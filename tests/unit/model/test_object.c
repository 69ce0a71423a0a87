/* SPDX-License-Identifier: MIT */
/* Objects: which are the same, which are equal, how they are ordered and printed. */
#include "build.h"

static struct model_object link_object(enum model_link_kind kind, const char *name)
{
    struct model_object object = {.kind = MODEL_OBJECT_LINK};

    object.link = (struct model_link){
        .kind = kind,
        .owner = {.set = "lab", .network = "lab", .port = "web", .guest_mac = {{0x52, 0x54, 0, 0, 0, 7}}},
        .mac = {{2, 0, 0, 0, 0, 1}},
        .mtu = 1500,
        .master = "br-lab",
        .user = 1000,
        .group = MODEL_ID_NONE,
        .persistent = true,
        .up = true,
    };
    snprintf(object.link.name, sizeof(object.link.name), "%s", name);
    return object;
}

static struct model_object table_object(enum guard_family family, bool intact)
{
    struct model_object object = {.kind = MODEL_OBJECT_TABLE};

    object.table = (struct model_table){family, intact};
    return object;
}

static struct model_object element_object(struct guard_element element)
{
    struct model_object object = {.kind = MODEL_OBJECT_ELEMENT};

    object.element = element;
    return object;
}

static struct model_object address_object(const char *device, const char *prefix)
{
    struct model_object object = {.kind = MODEL_OBJECT_ADDRESS};

    object.address.prefix = build_prefix(prefix);
    snprintf(object.address.device, sizeof(object.address.device), "%s", device);
    return object;
}

static struct model_object sysctl_object(const char *path, const char *value, const char *users)
{
    struct model_object object = {.kind = MODEL_OBJECT_SYSCTL};

    snprintf(object.sysctl.path, sizeof(object.sysctl.path), "%s", path);
    snprintf(object.sysctl.value, sizeof(object.sysctl.value), "%s", value);
    object.sysctl.users = users;
    return object;
}

static struct model_object service_object(const struct model_network *network, const char *set, bool running)
{
    struct model_object object = {.kind = MODEL_OBJECT_SERVICE};

    object.service = (struct model_service){.network = network, .set = set, .running = running};
    return object;
}

static struct model_object record_object(const char *set, const char *path)
{
    struct model_object object = {.kind = MODEL_OBJECT_RECORD};

    object.record = (struct model_record){.set = set, .path = path};
    return object;
}

/* All kinds, in the order in which they are made: so they are sorted, in whatever order they were added. */
static void lists_are_sorted_as_things_are_made(void **state)
{
    static const struct model_network lab = {.name = "lab"}, zoo = {.name = "zoo"};
    struct ip_address gateway = build_address("10.20.0.1"), next = build_address("10.20.0.2");
    const struct model_object sorted[] = {
        table_object(GUARD_INET, true),
        table_object(GUARD_BRIDGE, true),
        element_object(guard_network("br-lab", NULL)),
        element_object(guard_network("br-zoo", NULL)),
        element_object(guard_gateway("br-lab", &gateway, NULL)),
        element_object(guard_gateway("br-lab", &next, NULL)),
        element_object(guard_port("a", NULL)),
        link_object(MODEL_LINK_BRIDGE, "zz"),
        link_object(MODEL_LINK_TAP, "aa"),
        link_object(MODEL_LINK_TUN, "bb"), /* TAPs and TUNs share their names */
        link_object(MODEL_LINK_TAP, "zz"),
        address_object("br-lab", "10.20.0.1/16"),
        address_object("br-lab", "10.20.0.1/24"),
        address_object("br-lab", "fd00::1/64"),
        address_object("br-zoo", "10.20.0.1/24"),
        sysctl_object("net/ipv4/conf/eth0/forwarding", "1", "lab"),
        sysctl_object("net/ipv4/conf/eth1/forwarding", "1", "lab"),
        service_object(&lab, "lab", true),
        service_object(&zoo, "lab", true),
        record_object("lab", "/lab.yaml"),
        record_object("zoo", "/a.yaml"),
    };
    struct model_objects objects = {0};
    struct random random = {.state = 7};

    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        size_t order[ARRAY_COUNT(sorted)];

        for (size_t i = 0; i < ARRAY_COUNT(sorted); i++)
            order[i] = i;
        for (size_t i = ARRAY_COUNT(sorted) - 1; i > 0; i--) {
            size_t j = random_below(&random, (uint32_t)i + 1), swap = order[i];

            order[i] = order[j];
            order[j] = swap;
        }
        objects.count = 0;
        for (size_t i = 0; i < ARRAY_COUNT(sorted); i++)
            assert_int_equal(model_objects_add(&objects, &sorted[order[i]]), 0);
        model_objects_sort(&objects);
        for (size_t i = 0; i < ARRAY_COUNT(sorted); i++)
            assert_int_equal(model_object_compare(&objects.items[i], &sorted[i]), 0);
    }
    model_objects_fini(&objects);
    assert_int_equal(objects.count, 0);
    model_objects_sort(&objects); /* of nothing */
}

/* In lists of every length: each that is there, and what would stand before, between and behind them. */
static void an_object_is_found_in_a_sorted_list(void **state)
{
    static const char names[] = "bdfhjlnp"; /* every other letter */
    struct model_objects objects = {0};

    (void)state;
    for (size_t length = 0; length < sizeof(names); length++) {
        for (char letter = 'a'; letter <= 'q'; letter++) {
            const struct model_object key = link_object(MODEL_LINK_TAP, (char[]){letter, '\0'});
            size_t before = (size_t)(letter - 'a') / 2;
            bool is_there = (letter - 'a') % 2 == 1 && before < length;

            assert_int_equal(model_objects_before(&objects, &key), before < length ? before : length);
            assert_ptr_equal(model_objects_find(&objects, &key), is_there ? &objects.items[before] : NULL);
        }
        if (names[length]) {
            const struct model_object next = link_object(MODEL_LINK_TUN, (char[]){names[length], '\0'});

            assert_int_equal(model_objects_add(&objects, &next), 0);
        }
    }
    model_objects_fini(&objects);
}

static void order_is_total(void **state)
{
    const struct model_object objects[] = {
        table_object(GUARD_INET, true),   element_object(guard_port("a", NULL)), link_object(MODEL_LINK_TAP, "a"),
        link_object(MODEL_LINK_TUN, "b"), address_object("a", "10.0.0.1/8"),     sysctl_object("net/a", "1", ""),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(objects); i++) {
        for (size_t j = 0; j < ARRAY_COUNT(objects); j++) {
            int order = model_object_compare(&objects[i], &objects[j]);

            assert_int_equal(order < 0, i < j);
            assert_int_equal(order == 0, i == j);
            assert_int_equal(model_object_equal(&objects[i], &objects[j]), i == j);
        }
    }
}

static void where_a_thing_stands_in_the_file_is_never_compared(void **state)
{
    struct model_object wanted = link_object(MODEL_LINK_TAP, "lab-web"), found = wanted;

    (void)state;
    wanted.place = (struct model_place){7, 11};
    assert_int_equal(model_object_compare(&wanted, &found), 0);
    assert_true(model_object_equal(&wanted, &found));
}

static void what_only_the_kernel_knows_is_not_compared(void **state)
{
    struct model_object wanted = link_object(MODEL_LINK_TAP, "lab-web"), found = wanted;

    (void)state;
    found.link.index = 12;
    found.link.link_group = MODEL_LINK_GROUP;
    found.link.carrier = true;
    found.link.forwarding = true; /* of a port of a bridge it has no meaning */
    assert_true(model_object_equal(&wanted, &found));
}

/* One change each of a TAP, and whether it is something to do. */
static void change(struct model_link *link, unsigned number)
{
    switch (number) {
    case 0:
        snprintf(link->owner.set, sizeof(link->owner.set), "zoo");
        return;
    case 1:
        snprintf(link->owner.network, sizeof(link->owner.network), "zoo");
        return;
    case 2:
        snprintf(link->owner.port, sizeof(link->owner.port), "db");
        return;
    case 3:
        link->owner.origin = MODEL_ORIGIN_RUN;
        return;
    case 4:
        link->owner.guest_mac.bytes[5]++;
        return;
    case 5:
        link->owner = (struct model_owner){0};
        return;
    case 6:
        link->mac.bytes[5]++;
        return;
    case 7:
        link->mtu = 1400;
        return;
    case 8:
        link->master[0] = '\0';
        return;
    case 9:
        link->user = 1001;
        return;
    case 10:
        link->group = 1001;
        return;
    case 11:
        link->multi_queue = true;
        return;
    case 12:
        link->persistent = false;
        return;
    case 13:
        link->up = false;
        return;
    case 14:
        link->queue_length = 10;
        return;
    case 15:
        link->link_type = 512;
        return;
    case 16:
        link->settings.offloads = MODEL_OFFLOAD_CHECKSUM;
        return;
    case 17:
        link->settings.vnet_header_size = 12;
        return;
    default:
        fail();
    }
}

static void every_difference_of_a_tap_is_seen(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 18; i++) {
        struct model_object wanted = link_object(MODEL_LINK_TAP, "lab-web"), found;

        wanted.link.queue_length = 1000;
        wanted.link.link_type = 1;
        wanted.link.settings.offloads_given = true;
        found = wanted;
        change(&found.link, i);
        assert_int_equal(model_object_compare(&wanted, &found), 0);
        assert_false(model_object_equal(&wanted, &found));
        assert_false(model_object_equal(&found, &wanted));
    }
}

static void settings_that_nobody_asked_for_or_a_holder_made_are_fine(void **state)
{
    struct model_object wanted = link_object(MODEL_LINK_TAP, "tap9"), found = wanted;

    (void)state;
    found.link.queue_length = 77;
    found.link.link_type = 512;
    found.link.settings = (struct model_settings){.offloads_given = true, .offloads = MODEL_OFFLOAD_CHECKSUM};
    found.link.settings.vnet_header_size = 10; /* the driver's own, said outright */
    assert_true(model_object_equal(&wanted, &found));
    wanted.link.settings.offloads_given = true;
    assert_false(model_object_equal(&wanted, &found));
    found.link.settings.offloads_given = false; /* somebody holds it */
    assert_true(model_object_equal(&wanted, &found));
}

/* Who turned IPv6 forwarding on for all links had ours do so too: no difference to a wish, but to what is put back. */
static void a_port_may_route_ipv6_unless_it_did_not_before(void **state)
{
    struct model_object wanted = link_object(MODEL_LINK_TAP, "lab-web"), found = wanted;

    (void)state;
    found.link.was_found = found.link.routed6 = true;
    assert_true(model_object_equal(&wanted, &found));
    wanted.link.was_found = true;
    assert_false(model_object_equal(&wanted, &found));
    assert_false(model_object_equal(&found, &wanted));
}

static void a_bridge_has_a_mode_and_forwards_but_no_user(void **state)
{
    struct model_object wanted = link_object(MODEL_LINK_BRIDGE, "br-lab"), found = wanted;

    (void)state;
    found.link.user = found.link.group = 0;
    found.link.persistent = !found.link.persistent;
    assert_true(model_object_equal(&wanted, &found));
    found.link.forwarding = true;
    assert_false(model_object_equal(&wanted, &found));
    found.link.forwarding = false;
    found.link.owner.mode = MODEL_MODE_ISOLATED;
    assert_false(model_object_equal(&wanted, &found));
}

/* 127.0.0.1 leads out by bridges and routed ports; what another port would do with it, nobody asks. */
static void where_127_0_0_1_leads_is_compared_of_gateways(void **state)
{
    struct model_object wanted = link_object(MODEL_LINK_TAP, "lab-web"), found = wanted;

    (void)state;
    found.link.route_localnet = true;
    assert_true(model_object_equal(&wanted, &found));
    wanted.link.routed = found.link.routed = true;
    assert_false(model_object_equal(&wanted, &found));
    wanted = found = link_object(MODEL_LINK_BRIDGE, "br-lab");
    wanted.link.route_localnet = true;
    assert_false(model_object_equal(&wanted, &found));
}

static void a_tun_has_no_mac(void **state)
{
    struct model_object wanted = link_object(MODEL_LINK_TUN, "tun1"), found = wanted;

    (void)state;
    found.link.mac = (struct mac){0};
    assert_true(model_object_equal(&wanted, &found));
}

static void an_mtu_that_nobody_asked_for_is_fine(void **state)
{
    struct model_object wanted = link_object(MODEL_LINK_TAP, "tap9"), found = wanted;

    (void)state;
    wanted.link.mtu = 0;
    found.link.mtu = 9000;
    assert_true(model_object_equal(&wanted, &found));
}

static void a_table_is_as_wanted_when_it_was_found_intact(void **state)
{
    struct model_object wanted = table_object(GUARD_INET, true), found = table_object(GUARD_INET, false);

    (void)state;
    assert_int_equal(model_object_compare(&wanted, &found), 0);
    assert_false(model_object_equal(&wanted, &found));
    found.table.intact = true;
    assert_true(model_object_equal(&wanted, &found));
}

static void an_element_is_its_key_and_its_data(void **state)
{
    struct ip_address gateway = build_address("10.20.0.1");
    struct model_object wanted = element_object(guard_dns_port("br-lab", &gateway, 10053, "lab/lab"));
    struct model_object found = element_object(guard_dns_port("br-lab", &gateway, 10053, "old/label"));

    (void)state;
    assert_true(model_object_equal(&wanted, &found));
    found = element_object(guard_dns_port("br-lab", &gateway, 10054, "lab/lab"));
    assert_int_equal(model_object_compare(&wanted, &found), 0);
    assert_false(model_object_equal(&wanted, &found));
}

static void a_sysctl_is_its_value_and_its_users(void **state)
{
    struct model_object wanted = sysctl_object("net/a", "1", "lab"), found = wanted;

    (void)state;
    snprintf(wanted.sysctl.restore, sizeof(wanted.sysctl.restore), "0"); /* what it was is no wish */
    assert_true(model_object_equal(&wanted, &found));
    found.sysctl.users = "lab zoo";
    assert_false(model_object_equal(&wanted, &found));
    found.sysctl.users = NULL;
    assert_false(model_object_equal(&wanted, &found));
    found = sysctl_object("net/a", "0", "lab");
    assert_false(model_object_equal(&wanted, &found));
}

static void a_service_is_all_that_its_network_is(void **state)
{
    struct model_network network = {.name = "lab", .mtu = 1500}, other = network;
    struct model_object wanted = service_object(&network, "lab", true), found = service_object(&other, "lab", true);

    (void)state;
    other.place = other.subnet_place = (struct model_place){3, 4};
    other.subnet_given = true;
    assert_true(model_object_equal(&wanted, &found));
    other.mtu = 1400;
    assert_int_equal(model_object_compare(&wanted, &found), 0);
    assert_false(model_object_equal(&wanted, &found));
    other.mtu = 1500;
    found.service.running = false;
    assert_false(model_object_equal(&wanted, &found));
    found = service_object(&other, "zoo", true);
    assert_false(model_object_equal(&wanted, &found));
    found = service_object(&other, "lab", true);
    wanted.service.named = true;
    assert_false(model_object_equal(&wanted, &found));
}

static void objects_are_printed_for_people(void **state)
{
    static const struct model_network lab = {.name = "lab"}, dark = {.name = "dark", .mode = MODEL_MODE_ISOLATED};
    struct ip_address gateway = build_address("10.20.0.1");
    const struct {
        struct model_object object;
        const char *text;
    } cases[] = {
        {table_object(GUARD_INET, true), "table inet tapnet"},
        {table_object(GUARD_BRIDGE, true), "table bridge tapnet"},
        {element_object(guard_dns_port("br-lab", &gateway, 10053, NULL)),
         "element dns_ports { br-lab . 10.20.0.1 : 10053 }"},
        {link_object(MODEL_LINK_BRIDGE, "br-lab"), "bridge br-lab"},
        {link_object(MODEL_LINK_TAP, "lab-web"), "tap lab-web"},
        {link_object(MODEL_LINK_TUN, "tun1"), "tun tun1"},
        {link_object(MODEL_LINK_OTHER, "eth0"), "link eth0"},
        {link_object(MODEL_LINK_OTHER, "\x1b[2J\xff"), "link ?[2J?"},
        {address_object("br-lab", "10.20.0.1/24"), "address 10.20.0.1/24 on br-lab"},
        {sysctl_object("net/ipv4/conf/eth0/forwarding", "1", ""), "sysctl net/ipv4/conf/eth0/forwarding = 1"},
        {service_object(&lab, "lab", true), "DHCP and DNS for network lab"},
        {service_object(&dark, "lab", true), "DHCP for network dark"},
    };
    char text[MODEL_OBJECT_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_string_equal(model_object_print(&cases[i].object, text), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_sorted_as_things_are_made),
        cmocka_unit_test(an_object_is_found_in_a_sorted_list),
        cmocka_unit_test(order_is_total),
        cmocka_unit_test(where_a_thing_stands_in_the_file_is_never_compared),
        cmocka_unit_test(what_only_the_kernel_knows_is_not_compared),
        cmocka_unit_test(every_difference_of_a_tap_is_seen),
        cmocka_unit_test(settings_that_nobody_asked_for_or_a_holder_made_are_fine),
        cmocka_unit_test(a_port_may_route_ipv6_unless_it_did_not_before),
        cmocka_unit_test(a_bridge_has_a_mode_and_forwards_but_no_user),
        cmocka_unit_test(where_127_0_0_1_leads_is_compared_of_gateways),
        cmocka_unit_test(a_tun_has_no_mac),
        cmocka_unit_test(an_mtu_that_nobody_asked_for_is_fine),
        cmocka_unit_test(a_table_is_as_wanted_when_it_was_found_intact),
        cmocka_unit_test(an_element_is_its_key_and_its_data),
        cmocka_unit_test(a_sysctl_is_its_value_and_its_users),
        cmocka_unit_test(a_service_is_all_that_its_network_is),
        cmocka_unit_test(objects_are_printed_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
