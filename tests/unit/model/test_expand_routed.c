/* SPDX-License-Identifier: MIT */
/* What a network wants of the host whose ports have no bridge: in mode routed, or because they are too many. */
#include "expanded.h"
#include "model/forward.h"

/* Every address of the subnet, with any other as the one that it goes to. */
#define SUBNET "10.20.0.0 . 10.20.0.0 - 10.20.0.255 . 10.20.0.255"
#define TABLES "table inet tapnet", "table bridge tapnet", "table arp tapnet"
/* Who port "a" is, whatever the mode. */
#define PORT_A                                                                                                         \
    "element routed_ports { far-a }", "element routed_addresses { far-a . 52:54:00:00:00:07 . 10.20.0.7 }",            \
        "element routed_macs { far-a . 52:54:00:00:00:07 }", "element peers { " SUBNET " }"
#define ARP_OF_PORT_A                                                                                                  \
    "element arp_ports { far-a }", "element arp_addresses { far-a . 52:54:00:00:00:07 . 10.20.0.7 }",                  \
        "element arp_reach { " SUBNET " }"
#define LINKS_OF_PORT_A "bridge rt-far", "tap far-a", "address 10.20.0.1/32 to 10.20.0.7 on far-a"

static struct model_network *routed_network(struct model_set *set)
{
    struct model_network *network = build_network(set, "far", "10.20.0.1/24");

    network->mode = MODEL_MODE_ROUTED;
    return network;
}

/* No bridge has a port: each TAP has the gateway's address, its guest's at the other end, and who that is. */
static void a_routed_network_in_full(void **state)
{
    static const char *const expected[] = {
        TABLES,
        "element networks { far-a }",
        "element networks { far-b }",
        "element networks { rt-far }",
        "element egress { rt-far . eth0 }",
        "element gateways { far-a . 10.20.0.1 }",
        "element gateways { far-b . 10.20.0.1 }",
        "element dns_ports { far-a . 10.20.0.1 : 10053 }",
        "element dns_ports { far-b . 10.20.0.1 : 10053 }",
        "element dns_served { far-a . 10.20.0.1 . 10053 }",
        "element dns_served { far-b . 10.20.0.1 . 10053 }",
        "element closed { eth0 }",
        "element routed_ports { far-a }",
        "element routed_ports { far-b }",
        "element routed_addresses { far-a . 52:54:00:00:00:07 . 10.20.0.7 }",
        "element routed_macs { far-a . 52:54:00:00:00:07 }",
        "element routed_any_mac_addresses { far-b . 10.20.0.8 }",
        "element routed_any_mac_ports { far-b }",
        "element ways { eth0 . far-a }",
        "element ways { eth0 . far-b }",
        "element ways { far-a . eth0 }",
        "element ways { far-b . eth0 }",
        "element peers { " SUBNET " }",
        "element arp_ports { far-a }",
        "element arp_ports { far-b }",
        "element arp_addresses { far-a . 52:54:00:00:00:07 . 10.20.0.7 }",
        "element arp_any_mac_addresses { far-b . 10.20.0.8 }",
        "element arp_reach { " SUBNET " }",
        "bridge rt-far",
        "tap far-a",
        "tap far-b",
        "address 10.20.0.1/32 to 10.20.0.7 on far-a",
        "address 10.20.0.1/32 to 10.20.0.8 on far-b",
        "address 10.20.0.1/24 on rt-far",
        "neighbour 10.20.0.7 on far-a",
        "sysctl net/ipv4/conf/eth0/forwarding = 1",
        "DHCP and DNS for network far",
        "record of set demo",
    };
    struct model_set *set _cleanup_set_ = build_set("demo");
    struct model_network *network = routed_network(set);
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    network->dns_port = MODEL_DNS_PORT;
    strcpy(network->uplink, "eth0");
    build_port(set, network, "a", "10.20.0.7", "52:54:00:00:00:07");
    build_port(set, network, "b", "10.20.0.8", NULL);
    ASSERT_WANTS(set, &objects, expected);
    assert_true(find_link(&objects, "far-a")->link.routed);
    assert_string_equal(find_link(&objects, "far-a")->link.master, "");
}

/* A network as one with too many ports for a bridge is, but for their number. */
static struct model_set *spread_set(enum model_mode mode)
{
    struct model_set *set = build_set("demo");
    struct model_network *network = build_network(set, "far", "10.20.0.1/24");

    network->mode = mode;
    network->mac = mac_derive("made before", NULL);
    network->spread = true;
    build_port(set, network, "a", "10.20.0.7", "52:54:00:00:00:07");
    if (mode != MODEL_MODE_NAT)
        return set;
    network->dns_port = MODEL_DNS_PORT;
    strcpy(network->uplink, "eth0");
    return set;
}

/* Outside each is its port's address; on its cable, by ARP, it is what all are. */
static void clones_in_full(void **state)
{
    static const char *const expected[] = {
        TABLES,
        "table inet tapnet-clones",
        "element networks { far-a }",
        "element networks { rt-far }",
        PORT_A,
        "element secluded_ports { far-a }",
        "element arp_ports { far-a }",
        "element arp_addresses { far-a . 52:54:00:00:00:07 . 10.20.0.99 }",
        "element arp_reach { 10.20.0.0 . 10.20.0.0 - 10.20.0.255 . 10.20.0.255 }",
        "element outsides { far-a . 10.20.0.99 : 10.20.0.7 }",
        "element insides { far-a . 10.20.0.7 : 10.20.0.99 }",
        LINKS_OF_PORT_A,
        "neighbour 10.20.0.99 on far-a",
        "DHCP for network far",
        "record of set demo",
    };
    struct model_set *set _cleanup_set_ = spread_set(MODEL_MODE_ISOLATED);
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    set->networks[0].clones = (struct model_clones){{{0x52, 0x54, 0, 0, 0, 7}}, build_address("10.20.0.99")};
    ASSERT_WANTS(set, &objects, expected);
}

/* The same by IPv6, and two neighbours: where the host has learnt of a smaller MTU it asks for the one outside. */
static void clones_have_ip6_by_two_maps_more(void **state)
{
    static const char *const wanted[] = {
        "table inet tapnet-clones6",
        "element outsides6 { far-a . fd00:20::99 : fd00:20::7 }",
        "element insides6 { far-a . fd00:20::7 : fd00:20::99 }",
        "element inside_targets6 { far-a . fd00:20::99 }",
        "element routed_addresses6 { far-a . 52:54:00:00:00:07 . fd00:20::7 }",
        "neighbour fd00:20::99 on far-a",
        "neighbour fd00:20::7 on far-a",
        "route to fd00:20::7 by far-a",
    };
    struct model_set *set _cleanup_set_ = spread_set(MODEL_MODE_ISOLATED);
    struct model_network *network = &set->networks[0];
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    network->clones = (struct model_clones){
        {{0x52, 0x54, 0, 0, 0, 7}}, build_address("10.20.0.99"), build_prefix("fd00:20::99/64").address};
    network->subnet6 = build_prefix("fd00:20::1/64");
    network->ports[0].address6 = build_prefix("fd00:20::7/64").address;
    model_derive(set);
    assert_int_equal(model_expand(set, false, &objects, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++)
        if (!find_text(&objects, wanted[i]))
            fail_msg("not wanted: %s", wanted[i]);
    assert_null(find_text(&objects, "route to fd00:20::99 by far-a"));
    assert_null(find_text(&objects, "element routed_addresses6 { far-a . 52:54:00:00:00:07 . fd00:20::99 }"));
}

/* What a port without a bridge has is that of a routed one; where it may go is what a bridge has in mode nat. */
static void a_nat_network_without_a_bridge_in_full(void **state)
{
    static const char *const expected[] = {
        TABLES,
        "element networks { far-a }",
        "element networks { rt-far }",
        "element egress { far-a . eth0 }",
        "element egress { rt-far . eth0 }",
        "element gateways { far-a . 10.20.0.1 }",
        "element dns_ports { far-a . 10.20.0.1 : 10053 }",
        "element dns_served { far-a . 10.20.0.1 . 10053 }",
        "element paths { eth0 . far-a }",
        "element paths { far-a . eth0 }",
        "element closed { eth0 }",
        PORT_A,
        ARP_OF_PORT_A,
        LINKS_OF_PORT_A,
        "address 10.20.0.1/24 on rt-far",
        "neighbour 10.20.0.7 on far-a",
        "sysctl net/ipv4/conf/eth0/forwarding = 1",
        "DHCP and DNS for network far",
        "record of set demo",
    };
    struct model_set *set _cleanup_set_ = spread_set(MODEL_MODE_NAT);
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    ASSERT_WANTS(set, &objects, expected);
    assert_true(find_link(&objects, "far-a")->link.routed);
    assert_string_equal(find_link(&objects, "far-a")->link.master, "");
    assert_int_equal(find_link(&objects, "rt-far")->link.owner.mode, MODEL_MODE_NAT);
}

static void an_isolated_network_without_a_bridge_in_full(void **state)
{
    static const char *const expected[] = {
        TABLES,
        "element networks { far-a }",
        "element networks { rt-far }",
        PORT_A,
        "element secluded_ports { far-a }",
        ARP_OF_PORT_A,
        LINKS_OF_PORT_A,
        "neighbour 10.20.0.7 on far-a",
        "DHCP for network far",
        "record of set demo",
    };
    struct model_set *set _cleanup_set_ = spread_set(MODEL_MODE_ISOLATED);
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    ASSERT_WANTS(set, &objects, expected);
    assert_false(find_link(&objects, "rt-far")->link.forwarding);
}

/* Nobody outside knows a way back to addresses of their own: masqueraded, unless the prefix is the host's to give. */
static void ports_without_a_bridge_have_ip6_as_a_bridge_has(void **state)
{
    static const char *const nat[] = {
        "element egress6 { far-a . eth1 }",      "element masquerade6 { far-a . eth1 }",
        "element paths6 { far-a . eth1 }",       "element paths6 { eth1 . far-a }",
        "element gateways6 { far-a . fe80::1 }", "route to fd00:20::7 by far-a",
        "address fe80::1/64 on far-a",           "sysctl net/ipv6/conf/eth1/force_forwarding = 1",
    };
    struct model_set *set _cleanup_set_ = spread_set(MODEL_MODE_NAT);
    struct model_network *network = &set->networks[0];
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    set->ip6.forces = true;
    model_derive(set);
    network->subnet6 = build_prefix("fd00:20::1/64");
    strcpy(network->uplink6, "eth1");
    network->ports[0].address6 = build_prefix("fd00:20::7/64").address;
    assert_int_equal(model_expand(set, false, &objects, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(nat); i++)
        if (!find_text(&objects, nat[i]))
            fail_msg("not wanted: %s", nat[i]);
    assert_null(find_text(&objects, "element ways6 { far-a . eth1 }"));
    assert_true(ip_address_equal(&find_text(&objects, "route to fd00:20::7 by far-a")->route.source,
                                 &network->subnet6.address));
    model_objects_fini(&objects);
    network->mode = MODEL_MODE_ISOLATED;
    network->uplink6[0] = network->uplink[0] = '\0';
    set->ip6.forces = false; /* the kernel forwards by all links, or by none */
    assert_int_equal(model_expand(set, false, &objects, NULL), 0);
    assert_null(find_text(&objects, "element gateways6 { far-a . fe80::1 }"));
    assert_non_null(find_text(&objects, "address fe80::1/64 on far-a"));
    assert_int_equal(find_text(&objects, "route to fd00:20::7 by far-a")->route.source.family, 0);
    assert_non_null(find_text(&objects, "sysctl net/ipv6/conf/all/forwarding = 1"));
}

/* By each port alone, whose own 127.0.0.1 it is that leads there; and nobody meets the network's device. */
static void a_routed_port_has_its_forwards_itself(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("demo");
    struct model_network *network = routed_network(set);
    struct model_objects objects cleanup(model_objects_fini) = {0};
    struct model_forward forward;
    const char *problem;

    (void)state;
    network->ports_see_each_other_given = true;
    network->ports_see_each_other = false;
    build_port(set, network, "a", "10.20.0.7", NULL);
    build_port(set, network, "b", "10.20.0.8", NULL);
    assert_int_equal(model_forward_parse("8080:80", &forward, &problem), 0);
    network->ports[0].forwards = &forward;
    network->ports[0].forward_count = 1;
    expand(set, false, &objects);
    assert_non_null(find_text(&objects, "element forwards { tcp . 8080 : 10.20.0.7 . 80 }"));
    assert_non_null(find_text(&objects, "element published { 10.20.0.7 }"));
    assert_non_null(find_text(&objects, "element routed_published { far-a . 10.20.0.7 }"));
    assert_null(find_text(&objects, "element published { 10.20.0.8 }"));
    assert_non_null(find_text(&objects, "element routed_apart { " SUBNET " }"));
    assert_null(find_text(&objects, "element peers { " SUBNET " }"));
    assert_true(find_link(&objects, "far-a")->link.route_localnet);
    assert_false(find_link(&objects, "far-b")->link.route_localnet ||
                 find_link(&objects, "rt-far")->link.route_localnet);
}

/* Who is limited is not where the others go in haste: what it sends, and to whom. */
static void a_limited_routed_port_goes_the_long_way(void **state)
{
    struct model_set *set _cleanup_set_ = build_set("demo");
    struct model_network *network = routed_network(set);
    struct model_objects objects cleanup(model_objects_fini) = {0};

    (void)state;
    strcpy(network->uplink, "eth0");
    build_port(set, network, "a", "10.20.0.7", "52:54:00:00:00:07");
    build_port(set, network, "b", "10.20.0.8", NULL);
    for (size_t i = 0; i < 2; i++)
        network->ports[i].limit = (struct model_limit){.send = 8000000, .connections = 20};
    expand(set, false, &objects);
    assert_non_null(find_text(&objects, "element routed_limited_addresses { far-a . 52:54:00:00:00:07 . 10.20.0.7 }"));
    assert_null(find_text(&objects, "element routed_addresses { far-a . 52:54:00:00:00:07 . 10.20.0.7 }"));
    assert_non_null(find_text(&objects, "element routed_send_limits { far-a limit 1000000 bytes/s burst 65536 }"));
    assert_non_null(find_text(&objects, "element routed_send_limits { far-b limit 1000000 bytes/s burst 65536 }"));
    assert_non_null(find_text(&objects, "element routed_any_mac_addresses { far-b . 10.20.0.8 }"));
    assert_non_null(find_text(&objects, "element connection_limits { far-b . 10.20.0.8 limit 20 connections }"));
    assert_null(find_text(&objects, "element ways { far-a . eth0 }"));
    assert_non_null(find_text(&objects, "element ways { eth0 . far-a }"));
    assert_non_null(find_text(&objects, "element limited_ways { far-a . eth0 }"));
    assert_non_null(find_text(&objects, "element paths { far-a . eth0 }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_routed_network_in_full),
        cmocka_unit_test(a_nat_network_without_a_bridge_in_full),
        cmocka_unit_test(clones_in_full),
        cmocka_unit_test(clones_have_ip6_by_two_maps_more),
        cmocka_unit_test(an_isolated_network_without_a_bridge_in_full),
        cmocka_unit_test(ports_without_a_bridge_have_ip6_as_a_bridge_has),
        cmocka_unit_test(a_routed_port_has_its_forwards_itself),
        cmocka_unit_test(a_limited_routed_port_goes_the_long_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
