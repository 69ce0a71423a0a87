/* SPDX-License-Identifier: MIT */
/* IPv6 of networks: what is chosen, and stays so; what is a mistake; what is wanted of the host. */
#include "host.h"

#include <netinet/in.h>

#include "model/forward.h"

/* One network with the ports web and db. */
static struct model_set *lab(const char *subnet6)
{
    struct model_set *set = build_set("demo");
    struct model_network *network = build_network(set, "lab", "10.20.0.1/24");

    build_port(set, network, "web", "10.20.0.6", "52:54:00:00:00:06");
    build_port(set, network, "db", "10.20.0.7", "52:54:00:00:00:07");
    if (subnet6) {
        set->networks[0].subnet6 = build_prefix(subnet6);
        set->networks[0].subnet6_given = true;
    }
    return set;
}

static void assert_address(const struct ip_address *address, const char *expected)
{
    char text[IP_TEXT_MAX];

    assert_string_equal(ip_address_print(address, text), expected);
}

static void none_is_none(void **state)
{
    const struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab(NULL);

    (void)state;
    set->networks[0].subnet6_given = true;
    resolve(set, &surroundings);
    assert_int_equal(set->networks[0].subnet6.address.family, 0);
    assert_int_equal(set->networks[0].ports[0].address6.family, 0);
    assert_string_equal(set->networks[0].uplink6, "");
}

static void what_the_file_does_not_say_is_chosen(void **state)
{
    const struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab(NULL), *chosen _cleanup_set_ = lab("::/64");

    (void)state;
    resolve(set, &surroundings);
    resolve(chosen, &surroundings);
    assert_true(model_is_local6(&set->networks[0].subnet6));
    assert_int_equal(ip_prefix_compare(&set->networks[0].subnet6, &chosen->networks[0].subnet6), 0);
    assert_string_equal(set->networks[0].uplink6, "eth0");
}

/* Who has not asked for IPv6 is not told why there is none. */
static void where_there_can_be_none_there_is_none(void **state)
{
    struct model_surroundings surroundings = host_with_ip6();
    struct model_set *small _cleanup_set_ = lab(NULL), *without _cleanup_set_ = lab(NULL);

    (void)state;
    small->networks[0].mtu = 1279;
    small->networks[0].mtu_given = true;
    resolve(small, &surroundings);
    surroundings.ip6.available = false;
    resolve(without, &surroundings);
    assert_int_equal(small->networks[0].subnet6.address.family, 0);
    assert_int_equal(without->networks[0].subnet6.address.family, 0);
}

static void a_chosen_subnet_follows_from_machine_and_name(void **state)
{
    struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("::/64"), *again _cleanup_set_ = lab("::/64"),
                          *other _cleanup_set_ = lab("::/64");
    const struct ip_prefix *chosen = &set->networks[0].subnet6;

    (void)state;
    memcpy(other->networks[0].name, "lob", sizeof("lob"));
    resolve(set, &surroundings);
    resolve(again, &surroundings);
    resolve(other, &surroundings);
    assert_int_equal(ip_prefix_compare(chosen, &again->networks[0].subnet6), 0);
    assert_true(model_is_local6(chosen));
    assert_memory_equal(chosen->address.bytes, ((const uint8_t[]){0xfd, 0x55, 0x44, 0x33, 0x22, 0x11}), 6);
    assert_memory_equal(chosen->address.bytes, other->networks[0].subnet6.address.bytes, 6);
    assert_memory_not_equal(chosen->address.bytes, other->networks[0].subnet6.address.bytes, 8);
    assert_int_equal(chosen->length, 64);
    assert_int_equal(chosen->address.bytes[15], 1);
}

static void a_chosen_subnet_is_clear_of_the_hosts(void **state)
{
    struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("::/64"), *again _cleanup_set_ = lab("::/64");
    struct ip_prefix taken[1];
    char text[IP_PREFIX_TEXT_MAX];
    const char *route_text = text;
    struct ip_prefix network;

    (void)state;
    resolve(set, &surroundings);
    network = ip_prefix_network(&set->networks[0].subnet6);
    ip_prefix_print(&network, text);
    route(&surroundings, taken, &route_text, 1);
    resolve(again, &surroundings);
    assert_false(ip_prefix_overlaps(&again->networks[0].subnet6, &network));
}

static void ports_have_the_address_that_their_guests_make_up(void **state)
{
    const struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("fd00:20::1/64");
    struct ip_address link_local;

    (void)state;
    set->networks[0].ports[1].address6 = build_address("fd00:20::7");
    set->networks[0].ports[1].address6_given = true;
    resolve(set, &surroundings);
    assert_address(&set->networks[0].ports[0].address6, "fd00:20::5054:ff:fe00:6");
    assert_address(&set->networks[0].ports[1].address6, "fd00:20::7");
    link_local = model_address6(NULL, &set->networks[0].ports[0].guest_mac);
    assert_address(&link_local, "fe80::5054:ff:fe00:6");
    assert_string_equal(set->networks[0].uplink6, "eth0");
}

static void mistakes(void **state)
{
    static const struct {
        const char *subnet6, *address6, *said;
    } cases[] = {
        {"fd00:20::1/48", NULL, "the length of the prefix must be 64"},
        {"fd00:20::/64", NULL, "subnet6 fd00:20::/64 is the network itself; write fd00:20::1/64"},
        {"fd00:20::1/64", "fd00:21::7", "port web: address6 fd00:21::7 is outside fd00:20::/64; choose another one"},
        {"fd00:20::1/64", "fd00:20::1", "is the host's own in fd00:20::/64"},
        {"fd00:20::1/64", "fd00:20::", "is that of all routers in fd00:20::/64"},
        {"fd00:20::1/64", "fd00:20::5054:ff:fe00:7", "address6 fd00:20::5054:ff:fe00:7 is already that of port"},
        {NULL, "fd00:20::7", "address6 fd00:20::7 is given, but the subnet6 of network lab is not"},
        {"::/64", "fd00:20::7", "address6 fd00:20::7 is given, but the subnet6 of network lab is not"},
    };
    const struct model_surroundings surroundings = host_with_ip6();

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct model_set *set _cleanup_set_ = lab(cases[i].subnet6);

        if (cases[i].address6) {
            set->networks[0].ports[0].address6 = build_address(cases[i].address6);
            set->networks[0].ports[0].address6_given = true;
        }
        assert_resolve_refused(set, &surroundings, cases[i].said);
    }
}

static void two_networks_do_not_overlap(void **state)
{
    const struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("fd00:20::1/64");

    (void)state;
    build_network(set, "two", "10.30.0.1/24");
    set->networks[1].subnet6 = build_prefix("fd00:20::2/64");
    assert_resolve_refused(set, &surroundings,
                           "network two: subnet6 fd00:20::2/64 overlaps fd00:20::1/64 of network lab");
}

static void a_small_mtu_carries_no_ipv6(void **state)
{
    const struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("fd00:20::1/64");

    (void)state;
    set->networks[0].mtu = 1000;
    set->networks[0].mtu_given = true;
    assert_resolve_refused(set, &surroundings, "mtu 1000 is too small for IPv6");
}

static void an_uplink_of_a_small_mtu_does_not_end_ipv6(void **state)
{
    struct model_surroundings surroundings = host_with_ip6();
    struct model_set *with _cleanup_set_ = lab("fd00:20::1/64"), *without _cleanup_set_ = lab(NULL);

    (void)state;
    surroundings.uplink_mtu = 1000;
    resolve(with, &surroundings);
    resolve(without, &surroundings);
    assert_int_equal(with->networks[0].mtu, 1280);
    assert_int_equal(without->networks[0].mtu, 1000);
}

static void a_host_without_ipv6_is_told_of(void **state)
{
    struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("::/64");

    (void)state;
    surroundings.ip6.available = false;
    assert_resolve_refused(set, &surroundings, "this host has no IPv6");
}

static void what_the_host_reaches_otherwise_is_refused(void **state)
{
    static const char *const routes[] = {"fd00:20::/64"}, *const larger[] = {"2001:db8::/32"};
    struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("fd00:20::1/64"), *part _cleanup_set_ = lab("2001:db8:1::1/64");
    struct ip_prefix taken[1];

    (void)state;
    route(&surroundings, taken, routes, 1);
    assert_resolve_refused(set, &surroundings,
                           "subnet6 fd00:20::1/64 overlaps fd00:20::/64, an address or route of this host");
    route(&surroundings, taken, larger, 1);
    resolve(part, &surroundings); /* a part of what is routed to the host is given on */
}

/* ---- what is wanted of the host ---- */

static void a_local_subnet_in_full(void **state)
{
    static const char *const wanted[] = {
        "address fd00:20::1/64 on br-lab",
        "address fe80::1/64 on br-lab",
        "element gateways6 { br-lab . fd00:20::1 }",
        "element gateways6 { br-lab . fe80::1 }",
        "element dns_ports6 { br-lab . fd00:20::1 : fd00:20::1 . 10053 }",
        "element dns_served6 { br-lab . fd00:20::1 . 10053 }",
        "element resolvers6 { fd00:20::1 }",
        "element subnets6 { br-lab . fd00:20:: - br-lab . fd00:20::ffff:ffff:ffff:ffff }",
        "element egress6 { br-lab . eth0 }",
        "element masquerade6 { br-lab . eth0 }",
        "element paths6 { br-lab . eth0 }",
        "element paths6 { eth0 . br-lab }",
        "element port_addresses6 { lab-web . 52:54:00:00:00:06 . fd00:20::5054:ff:fe00:6 }",
        "element port_identifiers6 { lab-web . 5400 . 000006 }",
        "sysctl net/ipv6/conf/eth0/accept_ra = 2",
        "sysctl net/ipv6/conf/br-lab/forwarding = 1",
        "sysctl net/ipv6/conf/br-lab/force_forwarding = 1",
        "sysctl net/ipv6/conf/eth0/force_forwarding = 1",
    };
    struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("fd00:20::1/64");
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    memcpy(surroundings.ip6.learning[0], "eth0", sizeof("eth0"));
    surroundings.ip6.learning_count = 1;
    expand_for(set, &surroundings, &objects);
    assert_wanted(&objects, wanted, ARRAY_COUNT(wanted));
}

/* Each port is a way of its own, and nobody gets another address. */
static void a_routed_network(void **state)
{
    static const char *const wanted[] = {
        "address fd00:20::1/64 on rt-lab",
        "address fe80::1/64 on lab-web",
        "route to fd00:20::5054:ff:fe00:6 by lab-web",
        "neighbour fd00:20::5054:ff:fe00:6 on lab-web",
        "element routed_ports6 { lab-web }",
        "element routed_addresses6 { lab-web . 52:54:00:00:00:06 . fd00:20::5054:ff:fe00:6 }",
        "element routed_limited_addresses6 { lab-db . 52:54:00:00:00:07 . fd00:20::5054:ff:fe00:7 }",
        "element ways6 { lab-web . eth0 }",
        "element ways6 { eth0 . lab-web }",
        "element limited_ways6 { lab-db . eth0 }",
        "element paths6 { lab-db . eth0 }",
        "element connection_limits6 { lab-db . fd00:20::5054:ff:fe00:7 limit 9 connections }",
        "element egress6 { rt-lab . eth0 }",
        "element gateways6 { lab-web . fd00:20::1 }",
        "element gateways6 { lab-web . fe80::1 }",
        "element dns_served6 { lab-db . fd00:20::1 . 10053 }",
        "element peers6 { fd00:20:: . fd00:20:: - fd00:20::ffff:ffff:ffff:ffff . fd00:20::ffff:ffff:ffff:ffff }",
        "sysctl net/ipv6/conf/eth0/force_forwarding = 1",
    };
    const struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("fd00:20::1/64");
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    set->networks[0].mode = MODEL_MODE_ROUTED;
    strcpy(set->networks[0].bridge, "rt-lab");
    set->networks[0].ports[1].limit = (struct model_limit){.send = 1000000, .connections = 9};
    expand_for(set, &surroundings, &objects);
    assert_wanted(&objects, wanted, ARRAY_COUNT(wanted));
    for (size_t i = 0; i < objects.count; i++) {
        const struct model_object *object = &objects.items[i];
        char text[MODEL_OBJECT_TEXT_MAX];

        model_object_print(object, text);
        assert_false(strstr(text, "masquerade6") || strstr(text, "conf/rt-lab"));
        assert_false(strstr(text, "address fd00:20::") && !strstr(text, "on rt-lab")); /* once, however many ports */
        if (object->kind == MODEL_OBJECT_LINK)
            assert_int_equal(object->link.routed6, object->link.kind == MODEL_LINK_TAP);
    }
}

/* To either of its addresses, by the host's of that family. */
static void forwards_lead_to_both_addresses(void **state)
{
    static const char *const wanted[] = {
        "element forwards { tcp . 8080 : 10.20.0.6 . 80 }",
        "element forwards6 { tcp . 8080 : fd00:20::5054:ff:fe00:6 . 80 }",
        "element bound_forwards6 { 2001:db8::2 . tcp . 8443 : fd00:20::5054:ff:fe00:6 . 443 }",
        "element forward_ranges { 0.0.0.0 . udp . 5000 - 255.255.255.255 . udp . 5009 : 10.20.0.6 }",
        "element forwards6 { tcp . 9000 : fd00:20::5054:ff:fe00:6 . 90 }",
        "element published { 10.20.0.6 }",
        "element published6 { fd00:20::5054:ff:fe00:6 }",
    };
    static const char *const texts[] = {"8080:80", "[2001:db8::2]:8443:443", "0.0.0.0:5000-5009:5000-5009/udp",
                                        "[::]:9000:90"};
    const struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("fd00:20::1/64");
    struct model_objects objects cleanup(model_objects_fini) = {0};
    struct model_forward forwards[ARRAY_COUNT(texts)];
    const char *problem;
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        assert_int_equal(model_forward_parse(texts[i], &forwards[i], &problem), 0);
    set->networks[0].ports[0].forwards = forwards;
    set->networks[0].ports[0].forward_count = ARRAY_COUNT(texts);
    expand_for(set, &surroundings, &objects);
    assert_wanted(&objects, wanted, ARRAY_COUNT(wanted));
    for (size_t i = 0; i < objects.count; i++)
        count += objects.items[i].kind == MODEL_OBJECT_ELEMENT &&
                 strstr(guard_schemas[objects.items[i].element.set].name, "forward") != NULL;
    assert_int_equal(count, 5);
}

static void a_public_subnet_is_not_masqueraded(void **state)
{
    const struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("2001:db8:1::1/64");
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    expand_for(set, &surroundings, &objects);
    assert_true(is_wanted(&objects, "element egress6 { br-lab . eth0 }"));
    assert_false(is_wanted(&objects, "element masquerade6 { br-lab . eth0 }"));
}

static void an_isolated_network_has_nothing_of_the_host(void **state)
{
    const struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("fd00:20::1/64");
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    set->networks[0].mode = MODEL_MODE_ISOLATED;
    expand_for(set, &surroundings, &objects);
    assert_true(
        is_wanted(&objects, "element port_addresses6 { lab-web . 52:54:00:00:00:06 . fd00:20::5054:ff:fe00:6 }"));
    for (size_t i = 0; i < objects.count; i++)
        assert_true(objects.items[i].kind != MODEL_OBJECT_ADDRESS && objects.items[i].kind != MODEL_OBJECT_SYSCTL);
}

static void a_host_that_forwards_is_left_as_it_is(void **state)
{
    struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("fd00:20::1/64");
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    surroundings.ip6.forwards = true;
    expand_for(set, &surroundings, &objects);
    assert_true(is_wanted(&objects, "sysctl net/ipv6/conf/br-lab/forwarding = 1"));
    assert_false(is_wanted(&objects, "sysctl net/ipv6/conf/eth0/force_forwarding = 1"));
    assert_false(is_wanted(&objects, "sysctl net/ipv6/conf/all/forwarding = 1"));
}

static void an_older_kernel_forwards_by_all_or_none(void **state)
{
    struct model_surroundings surroundings = host_with_ip6();
    struct model_set *set _cleanup_set_ = lab("fd00:20::1/64");
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    surroundings.ip6.forces = false;
    expand_for(set, &surroundings, &objects);
    assert_true(is_wanted(&objects, "sysctl net/ipv6/conf/all/forwarding = 1"));
    assert_false(is_wanted(&objects, "sysctl net/ipv6/conf/eth0/force_forwarding = 1"));
}

static void sysctls_are_known_by_their_names(void **state)
{
    struct model_sysctl learned = {.path = "net/ipv6/conf/eth0.7/accept_ra"}, other = {.path = "net/ipv6/conf/a"};
    char device[MODEL_IFNAME_MAX];

    (void)state;
    assert_true(model_sysctl_secures(&learned));
    assert_string_equal(model_sysctl_wanted(&learned), "2");
    assert_true(model_sysctl_device(&learned, "ipv6", "accept_ra", device));
    assert_string_equal(device, "eth0.7");
    assert_false(model_sysctl_device(&learned, "ipv4", "accept_ra", device));
    assert_false(model_sysctl_device(&learned, "ipv6", "accept", device));
    assert_false(model_sysctl_secures(&other));
    assert_string_equal(model_sysctl_wanted(&other), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_none),
        cmocka_unit_test(what_the_file_does_not_say_is_chosen),
        cmocka_unit_test(where_there_can_be_none_there_is_none),
        cmocka_unit_test(a_chosen_subnet_follows_from_machine_and_name),
        cmocka_unit_test(a_chosen_subnet_is_clear_of_the_hosts),
        cmocka_unit_test(ports_have_the_address_that_their_guests_make_up),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(two_networks_do_not_overlap),
        cmocka_unit_test(a_small_mtu_carries_no_ipv6),
        cmocka_unit_test(an_uplink_of_a_small_mtu_does_not_end_ipv6),
        cmocka_unit_test(a_host_without_ipv6_is_told_of),
        cmocka_unit_test(what_the_host_reaches_otherwise_is_refused),
        cmocka_unit_test(a_local_subnet_in_full),
        cmocka_unit_test(a_routed_network),
        cmocka_unit_test(forwards_lead_to_both_addresses),
        cmocka_unit_test(a_public_subnet_is_not_masqueraded),
        cmocka_unit_test(an_isolated_network_has_nothing_of_the_host),
        cmocka_unit_test(a_host_that_forwards_is_left_as_it_is),
        cmocka_unit_test(an_older_kernel_forwards_by_all_or_none),
        cmocka_unit_test(sysctls_are_known_by_their_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
