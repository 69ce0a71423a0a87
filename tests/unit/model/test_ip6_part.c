/* SPDX-License-Identifier: MIT */
/* A part of the uplink's own IPv6 prefix as a routed network's: which ones can be, who has which address of it. */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* eth0 is on the link 2001:db8:a::/64 as its 2. */
static bool on_link(const void *data, const char *link, const struct ip_prefix *subnet, struct ip_prefix *ret)
{
    const struct ip_prefix own = build_prefix("2001:db8:a::2/64");

    (void)data;
    if (strcmp(link, "eth0") != 0 || subnet->length <= own.length || !ip_prefix_contains(&own, &subnet->address))
        return false;
    *ret = own;
    return true;
}

/* A host whose routes are @taken: to the link of eth0, to its router, and to what a third interface has. */
static struct model_surroundings lan6(const struct model_set *before, struct ip_prefix taken[5])
{
    static const char *const routes[] = {"2001:db8:a::/64", "2001:db8:a::2/128", "2001:db8:a::1/128", "2001:db8::/32",
                                         "2001:db8:a:0:30::/76"};
    struct model_surroundings surroundings = host_with_ip6();

    surroundings.on_link = on_link;
    surroundings.data = before;
    route(&surroundings, taken, routes, 5);
    return surroundings;
}

/* A network of @mode with the ports web and db. */
static struct model_set *lab(const char *subnet6, enum model_mode mode)
{
    struct model_set *set = build_set("demo");
    struct model_network *network = build_network(set, "lab", "10.20.0.1/24");

    build_port(set, network, "web", "10.20.0.6", "52:54:00:00:00:06");
    build_port(set, network, "db", "10.20.0.7", "52:54:00:00:00:07");
    network = &set->networks[0];
    network->mode = mode;
    network->subnet6 = build_prefix(subnet6);
    network->subnet6_given = true;
    return set;
}

static struct model_set *routed(const char *subnet6)
{
    return lab(subnet6, MODEL_MODE_ROUTED);
}

/* No guest makes up an address of it: they are chosen, and stay, whoever comes later. */
static void ports_of_a_part_keep_their_addresses(void **state)
{
    static const char *const lengths[] = {"2001:db8:a:0:8000::1/65", "2001:db8:a:0:10::1/80", "2001:db8:a::10:1/125"};
    struct ip_prefix taken[5];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        struct model_set *set _cleanup_set_ = routed(lengths[i]), *after _cleanup_set_ = routed(lengths[i]);
        struct model_surroundings surroundings = lan6(NULL, taken);
        struct model_network *network = &set->networks[0];

        resolve(set, &surroundings);
        assert_true(network->on_link6);
        after->networks[0].ports[0].name[0] = 'b'; /* another first one, which may want the place of the second */
        build_port(after, &after->networks[0], "web", NULL, NULL);
        surroundings = lan6(set, taken);
        resolve(after, &surroundings);
        assert_true(ip_address_equal(&network->ports[0].address6, &after->networks[0].ports[2].address6));
        assert_true(ip_address_equal(&network->ports[1].address6, &after->networks[0].ports[1].address6));
        for (size_t port = 0; port < 3; port++) {
            const struct ip_address *address = &after->networks[0].ports[port].address6;

            assert_true(ip_prefix_contains(&network->subnet6, address));
            assert_false(ip_address_equal(address, &network->subnet6.address));
            for (size_t other = 0; other < port; other++)
                assert_false(ip_address_equal(address, &after->networks[0].ports[other].address6));
        }
    }
}

static void a_port_that_comes_later_gets_an_address_of_the_part(void **state)
{
    struct ip_prefix taken[5];
    struct model_set *set _cleanup_set_ = routed("2001:db8:a::11/125");
    const struct model_surroundings surroundings = lan6(NULL, taken);
    struct model_network *network = &set->networks[0];
    struct tapnet_error error = TAPNET_ERROR_INIT;
    char name[MODEL_NAME_MAX];

    (void)state;
    resolve(set, &surroundings);
    for (unsigned i = 1; i <= 3; i++) {
        snprintf(name, sizeof(name), "vm%u", i);
        build_port(set, network, name, NULL, NULL);
        model_derive_network(set, network);
        assert_int_equal(model_resolve_ports(network, NULL, NULL), 0);
        assert_true(ip_prefix_contains(&network->subnet6, &network->ports[1 + i].address6));
    }
    build_port(set, network, "vm4", NULL, NULL);
    assert_int_equal(model_resolve_ports(network, NULL, &error), -EADDRNOTAVAIL);
    assert_string_equal(error.text, "network lab: no address of 2001:db8:a::11/125 is left for another port");
}

/* All have one MAC, so none has what follows from it: it may well be what they have inside. */
static void clones_have_addresses_by_their_names(void **state)
{
    struct ip_prefix taken[5];
    struct model_set *set _cleanup_set_ = lab("fd00:20::1/64", MODEL_MODE_NAT);
    const struct model_surroundings surroundings = lan6(NULL, taken);
    struct model_network *network = &set->networks[0];
    const struct model_port *ports;

    (void)state;
    network->clones = (struct model_clones){
        {{0x52, 0x54, 0, 0, 0, 7}}, build_address("10.20.0.99"), build_address("fd00:20::5054:ff:fe00:7")};
    network->ports[0].guest_mac = network->clones.mac;
    resolve(set, &surroundings);
    build_port(set, network, "later", NULL, NULL);
    model_derive_network(set, network);
    assert_int_equal(model_resolve_ports(network, NULL, NULL), 0);
    ports = network->ports;
    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(ports[i].address6.bytes, build_address("fd00:20::").bytes, 14);
        assert_false(ip_address_equal(&ports[i].address6, &ports[(i + 1) % 3].address6));
        assert_ptr_equal(model_port_inside6(network, &ports[i]), &network->clones.address6);
    }
}

/* What lies in the part of the host's own, or in the way to it, and what nobody would answer for. */
static void parts_that_can_not_be(void **state)
{
    static const struct {
        const char *subnet6, *uplink, *said;
    } cases[] = {
        {"2001:db8:a::9/120", "", "subnet6 2001:db8:a::9/120 overlaps 2001:db8:a::2/128, an address or route of this"},
        {"2001:db8:a:0:30::1/80", "", "subnet6 2001:db8:a:0:30::1/80 overlaps 2001:db8:a:0:30::/76"},
        {"2001:db8:a:0:10::1/80", "eth1",
         "is longer than 64, and no part of a prefix that this host has on its uplink "
         "eth1; choose a part of that"},
        {"2001:db8:b:0:10::1/80", "", "no part of a prefix that this host has on its uplink eth0;"},
        {"2001:db8:a::7/64", "", "subnet6 2001:db8:a::7/64 overlaps 2001:db8:a::/64, an address or route of this host"},
        {"2001:db8:a:0:10::1/127", "",
         "the length of the prefix must be 64, or, as a part of the uplink's own prefix, "
         "65 to 126"},
        {"2001:db8:a:0:10::1/63", "", "the length of the prefix must be 64, or"},
        {"2001:db8:a:0:10::/80", "", "is the network itself; write 2001:db8:a:0:10::1/80"},
        {"2001:db8:a:0:10::1/126", "", "has room for 1 guests, not for 2 ports; write a larger one"},
    };
    struct ip_prefix taken[5];
    const struct model_surroundings surroundings = lan6(NULL, taken);

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct model_set *set _cleanup_set_ = routed(cases[i].subnet6);

        snprintf(set->networks[0].uplink, sizeof(set->networks[0].uplink), "%s", cases[i].uplink);
        set->networks[0].uplink_given = cases[i].uplink[0];
        assert_resolve_refused(set, &surroundings, cases[i].said);
    }
}

static void a_part_is_of_mode_routed_and_of_one_network(void **state)
{
    struct ip_prefix taken[5];
    const struct model_surroundings surroundings = lan6(NULL, taken);
    struct model_set *nat _cleanup_set_ = lab("2001:db8:a:0:10::1/80", MODEL_MODE_NAT),
                          *two _cleanup_set_ = routed("2001:db8:a:0:10::1/80");

    (void)state;
    assert_resolve_refused(nat, &surroundings, "in mode routed it may be longer, as a part of the uplink's own prefix");
    build_network(two, "two", "10.30.0.1/24");
    two->networks[1].mode = MODEL_MODE_ROUTED;
    two->networks[1].subnet6 = build_prefix("2001:db8:a:0:10:1::1/96");
    two->networks[1].subnet6_given = true;
    assert_resolve_refused(two, &surroundings,
                           "network two: subnet6 2001:db8:a:0:10:1:0:1/96 overlaps 2001:db8:a:0:10::1/80");
}

static bool wants(const struct model_surroundings *surroundings, const char *sysctl)
{
    struct model_set *set _cleanup_set_ = routed("2001:db8:a:0:10::1/80");
    struct model_objects objects cleanup(model_objects_fini) = {0};

    expand_for(set, surroundings, &objects);
    return is_wanted(&objects, sysctl);
}

/* The host answers for each guest on the uplink, where it must be a router for that, and goes on learning. */
static void a_part_is_answered_for(void **state)
{
    static const char *const wanted[] = {
        "address 2001:db8:a:0:10::1/80 on rt-lab",
        "proxy 2001:db8:a:0:10::6 on eth0",
        ("element peers6 { 2001:db8:a:0:10:: . 2001:db8:a:0:10:: - 2001:db8:a:0:10:ffff:ffff:ffff . "
         "2001:db8:a:0:10:ffff:ffff:ffff }"),
        "sysctl net/ipv6/conf/eth0/accept_ra = 2",
        "sysctl net/ipv6/conf/eth0/forwarding = 1",
        "sysctl net/ipv6/conf/eth0/force_forwarding = 1",
        "sysctl net/ipv6/conf/eth0/proxy_ndp = 1",
    };
    struct ip_prefix taken[5];
    struct model_surroundings surroundings = lan6(NULL, taken);
    struct model_set *set _cleanup_set_ = routed("2001:db8:a:0:10::1/80"),
                          *whole _cleanup_set_ = routed("2001:db8:b::1/64");
    struct model_objects objects cleanup(model_objects_fini) = {0}, others cleanup(model_objects_fini) = {0};

    (void)state;
    set->networks[0].ports[0].address6 = build_address("2001:db8:a:0:10::6");
    set->networks[0].ports[0].address6_given = true;
    expand_for(set, &surroundings, &objects);
    assert_wanted(&objects, wanted, ARRAY_COUNT(wanted));
    expand_for(whole, &surroundings, &others);
    assert_false(is_wanted(&others, "sysctl net/ipv6/conf/eth0/proxy_ndp = 1"));
    surroundings.ip6.forces = false; /* all links are routers where all forward */
    assert_true(wants(&surroundings, "sysctl net/ipv6/conf/all/forwarding = 1"));
    assert_false(wants(&surroundings, "sysctl net/ipv6/conf/eth0/forwarding = 1"));
    surroundings.ip6.forwards = true;
    assert_true(wants(&surroundings, "sysctl net/ipv6/conf/eth0/forwarding = 1"));
    assert_false(wants(&surroundings, "sysctl net/ipv6/conf/eth0/accept_ra = 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_of_a_part_keep_their_addresses),
        cmocka_unit_test(a_port_that_comes_later_gets_an_address_of_the_part),
        cmocka_unit_test(clones_have_addresses_by_their_names),
        cmocka_unit_test(parts_that_can_not_be),
        cmocka_unit_test(a_part_is_of_mode_routed_and_of_one_network),
        cmocka_unit_test(a_part_is_answered_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
