/* SPDX-License-Identifier: MIT */
/* The guards' elements: layouts of keys as nf_tables wants them, order, equality, readers, text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <netinet/in.h>

#include "base/array.h"
#include "guard/guard.h"

static struct ip_address address(const char *text)
{
    struct ip_address parsed;

    assert_int_equal(ip_address_parse(text, &parsed), 0);
    return parsed;
}

static struct mac mac(const char *text)
{
    struct mac parsed;

    assert_int_equal(mac_parse(text, &parsed), 0);
    return parsed;
}

static void each_set_is_described(void **state)
{
    (void)state;
    for (int set = 0; set < GUARD_SET_COUNT; set++) {
        assert_non_null(guard_schemas[set].name);
        assert_non_null(guard_schemas[set].comment);
        assert_int_not_equal(guard_schemas[set].key[0], GUARD_FIELD_NONE);
        assert_int_equal(guard_is_interval(set),
                         set == GUARD_FORWARD_RANGES || set == GUARD_SUBNETS || set == GUARD_FORWARD_RANGES6 ||
                             set == GUARD_SUBNETS6 || set == GUARD_PEERS || set == GUARD_ROUTED_APART ||
                             set == GUARD_PEERS6 || set == GUARD_ROUTED_APART6 || set == GUARD_ARP_REACH);
        assert_in_range(guard_key_len(set), 1, GUARD_KEY_MAX);
        assert_true(guard_key_len(set) % 4 == 0 || !guard_schemas[set].key[1]);
        assert_true(guard_data_len(set) <= GUARD_DATA_MAX);
        for (int other = 0; other < set; other++)
            assert_string_not_equal(guard_schemas[set].name, guard_schemas[other].name);
    }
}

static void keys_have_the_lengths_of_their_fields(void **state)
{
    (void)state;
    assert_int_equal(guard_key_len(GUARD_NETWORKS), 16);
    assert_int_equal(guard_key_len(GUARD_EGRESS), 32);
    assert_int_equal(guard_key_len(GUARD_GATEWAYS), 20);
    assert_int_equal(guard_key_len(GUARD_PORT_MACS), 24); /* six bytes take two registers */
    assert_int_equal(guard_key_len(GUARD_PORT_ADDRESSES), 28);
    assert_int_equal(guard_key_len(GUARD_DNS_SERVED), 24);
    assert_int_equal(guard_data_len(GUARD_DNS_PORTS), 2);
    assert_int_equal(guard_key_len(GUARD_RESOLVERS), 4);
    assert_int_equal(guard_data_len(GUARD_PORTS), 0);
    assert_int_equal(guard_key_len(GUARD_FORWARDS), 8);
    assert_int_equal(guard_data_len(GUARD_FORWARDS), 8); /* padded: two fields */
    assert_int_equal(guard_key_len(GUARD_BOUND_FORWARDS), 12);
    assert_int_equal(guard_key_len(GUARD_FORWARD_RANGES), 24);
    assert_int_equal(guard_data_len(GUARD_FORWARD_RANGES), 4);
    assert_int_equal(guard_key_len(GUARD_FORWARD_RANGES6), 48);
    assert_int_equal(guard_key_len(GUARD_SUBNETS6), 64);
    assert_int_equal(guard_key_len(GUARD_PEERS6), 64);
    assert_int_equal(guard_key_len(GUARD_ROUTED_ADDRESSES6), 40);
    assert_int_equal(guard_data_len(GUARD_BOUND_FORWARDS6), 20);
}

/* Byte by byte, what the kernel's registers hold. */
static void a_key_is_laid_out_as_registers_are(void **state)
{
    struct ip_address gateway = address("10.20.0.1");
    struct guard_element element = guard_dns_served("br-lab", &gateway, 10053, "lab/lab");
    static const uint8_t expected[GUARD_KEY_MAX] = {'b', 'r', '-', 'l', 'a', 'b', [16] = 10, 20, 0, 1, 0x27, 0x45};
    static const uint8_t source[GUARD_KEY_MAX] = {'t', [16] = 0x52, 0x54, 0, 1, 2, 3, 0, 0, 10, 20, 0, 1};
    struct mac guest = mac("52:54:00:01:02:03");

    (void)state;
    assert_memory_equal(element.key, expected, GUARD_KEY_MAX);
    assert_memory_equal(guard_port_source("t", &guest, &gateway, "").key, source, GUARD_KEY_MAX);
    assert_string_equal(element.label, "lab/lab");
}

static void a_name_of_15_characters_keeps_its_end(void **state)
{
    struct guard_element element = guard_egress("bridge-name-15c", "uplink-name-15c", "");

    (void)state;
    assert_string_equal(guard_read_ifname(&element, 0), "bridge-name-15c");
    assert_string_equal(guard_read_ifname(&element, 1), "uplink-name-15c");
}

static void a_name_too_long_never_runs_into_the_next_field(void **state)
{
    struct guard_element element = guard_egress("a-name-that-is-far-too-long", "eth0", "");

    (void)state;
    assert_int_equal(strlen(guard_read_ifname(&element, 0)), 15);
    assert_string_equal(guard_read_ifname(&element, 1), "eth0");
}

static void order_is_by_set_then_key(void **state)
{
    struct ip_address low = address("10.0.0.2"), high = address("10.0.0.10");
    struct guard_element sorted[] = {
        guard_network("br-a", "x"),        guard_network("br-b", "x"), guard_gateway("br-a", &low, "x"),
        guard_gateway("br-a", &high, "x"), guard_port("tap1", "x"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(sorted); i++) {
        for (size_t j = 0; j < ARRAY_COUNT(sorted); j++) {
            int order = guard_element_compare(&sorted[i], &sorted[j]);

            assert_true(i < j ? order < 0 : i > j ? order > 0 : order == 0);
        }
    }
}

static void equality_looks_at_data_but_not_at_the_label(void **state)
{
    struct ip_address gateway = address("10.20.0.1");
    struct guard_element a = guard_dns_port("br-lab", &gateway, 10053, "one/lab");
    struct guard_element b = guard_dns_port("br-lab", &gateway, 10053, "two/lab");
    struct guard_element c = guard_dns_port("br-lab", &gateway, 10054, "one/lab");

    (void)state;
    assert_true(guard_element_equal(&a, &b));
    assert_int_equal(guard_element_compare(&a, &c), 0);
    assert_false(guard_element_equal(&a, &c));
}

static void readers_give_back_what_was_put_in(void **state)
{
    struct ip_address gateway = address("10.20.0.1"), read;
    struct guard_element served = guard_dns_served("br-lab", &gateway, 65535, "");
    struct guard_element resolver = guard_resolver(&gateway, "");
    struct guard_element port = guard_dns_port("br-lab", &gateway, 10053, "");
    struct guard_element forward = guard_forward(&gateway, IPPROTO_TCP, 8080, &gateway, 80, "");
    struct mac guest = mac("52:54:00:01:02:03"), got;
    struct guard_element source = guard_port_source("tap-web", &guest, &gateway, "");

    (void)state;
    got = guard_read_mac(&source, 1);
    assert_true(mac_equal(&got, &guest));
    read = guard_read_ip4(&source, 2);
    assert_true(ip_address_equal(&read, &gateway));
    got = guard_read_mac(&source, 2);
    assert_true(mac_is_zero(&got));
    read = guard_read_ip4(&served, 1);
    assert_true(ip_address_equal(&read, &gateway));
    assert_int_equal(guard_read_port(&served, 2), 65535);
    read = guard_read_ip4(&resolver, 0);
    assert_true(ip_address_equal(&read, &gateway));
    assert_int_equal(guard_read_port(&port, -1), 10053);
    assert_int_equal(guard_read_protocol(&forward, 1), IPPROTO_TCP);
    assert_int_equal(guard_read_port(&forward, 2), 8080);
    assert_int_equal(guard_read_port(&forward, -1), 80);
    read = guard_read_ip4(&forward, -1);
    assert_true(ip_address_equal(&read, &gateway));
    /* A reader of the wrong type gives nothing, never another field's bytes. */
    assert_string_equal(guard_read_ifname(&served, 1), "");
    assert_int_equal(guard_read_port(&served, 0), 0);
}

static void an_ipv6_address_goes_to_a_set_of_its_own(void **state)
{
    struct ip_address six = address("2001:db8::1"), none = {0}, read;
    struct mac guest = mac("52:54:00:01:02:03");
    struct guard_element element = guard_port_source("tap-web", &guest, &six, "");
    char text[GUARD_TEXT_MAX];

    (void)state;
    assert_int_equal(element.set, GUARD_PORT_ADDRESSES6);
    assert_string_equal(guard_element_print(&element, text), "tap-web . 52:54:00:01:02:03 . 2001:db8::1");
    read = guard_read_ip6(&element, 2);
    assert_true(ip_address_equal(&read, &six));
    element = guard_dns_served("br-lab", &six, 10053, "");
    assert_string_equal(guard_element_print(&element, text), "br-lab . 2001:db8::1 . 10053");
    element = guard_dns_port("br-lab", &six, 10053, "");
    assert_string_equal(guard_element_print(&element, text), "br-lab . 2001:db8::1 : 2001:db8::1 . 10053");
    assert_int_equal(guard_gateway("br-lab", &six, "").set, GUARD_GATEWAYS6);
    assert_int_equal(guard_any_mac_source("tap-web", &six, "").set, GUARD_ANY_MAC_ADDRESSES6);
    assert_int_equal(guard_resolver(&six, "").set, GUARD_RESOLVERS6);
    element = guard_port_source("tap-web", &guest, &none, ""); /* no address at all matches no guest */
    assert_string_equal(guard_element_print(&element, text), "tap-web . 52:54:00:01:02:03 . 0.0.0.0");
}

static void elements_print_as_nft_would(void **state)
{
    struct ip_address gateway = address("10.20.0.1"), gateway6 = address("fd00:20::1"), any6 = address("::"), read;
    struct mac guest = mac("52:54:00:01:02:03");
    struct guard_element element;
    char text[GUARD_TEXT_MAX];

    (void)state;
    element = guard_dns_port("br-lab", &gateway, 10053, "");
    assert_string_equal(guard_element_print(&element, text), "br-lab . 10.20.0.1 : 10053");
    element = guard_egress("br-lab", "eth0", "");
    assert_string_equal(guard_element_print(&element, text), "br-lab . eth0");
    element = guard_bridged("br-lab", "");
    assert_string_equal(guard_element_print(&element, text), "br-lab . br-lab");
    element = guard_dns_served("br-lab", &gateway, 10053, "");
    assert_string_equal(guard_element_print(&element, text), "br-lab . 10.20.0.1 . 10053");
    element = guard_resolver(&gateway, "");
    assert_string_equal(guard_element_print(&element, text), "10.20.0.1");
    element = guard_closed("eth0", "");
    assert_string_equal(guard_element_print(&element, text), "eth0");
    element = guard_port_mac("tap-web", &guest, "");
    assert_string_equal(guard_element_print(&element, text), "tap-web . 52:54:00:01:02:03");
    element = guard_any_mac_port("tap-web", "");
    assert_string_equal(guard_element_print(&element, text), "tap-web");
    element = guard_any_mac_source("tap-web", &gateway, "");
    assert_string_equal(guard_element_print(&element, text), "tap-web . 10.20.0.1");
    element = guard_forward(&(struct ip_address){0}, IPPROTO_TCP, 8080, &gateway, 80, "");
    assert_string_equal(guard_element_print(&element, text), "tcp . 8080 : 10.20.0.1 . 80");
    element = guard_forward(&gateway, IPPROTO_UDP, 53, &gateway, 5353, "");
    assert_string_equal(guard_element_print(&element, text), "10.20.0.1 . udp . 53 : 10.20.0.1 . 5353");
    element = guard_forward_range(&(struct ip_address){0}, IPPROTO_UDP, 8000, 8010, &gateway, "");
    assert_string_equal(guard_element_print(&element, text),
                        "0.0.0.0 . udp . 8000 - 255.255.255.255 . udp . 8010 : 10.20.0.1");
    element = guard_subnet("br-lab", &(struct ip_prefix){gateway, 24}, "");
    assert_string_equal(guard_element_print(&element, text), "br-lab . 10.20.0.0 - br-lab . 10.20.0.255");
    element = guard_published(&gateway, "");
    assert_string_equal(guard_element_print(&element, text), "10.20.0.1");
    element = guard_forward(&(struct ip_address){0}, IPPROTO_TCP, 8080, &gateway6, 80, "");
    assert_string_equal(guard_element_print(&element, text), "tcp . 8080 : fd00:20::1 . 80");
    assert_int_equal(guard_read_port(&element, -1), 80);
    read = guard_read_ip(&element, -1);
    assert_true(ip_address_equal(&read, &gateway6));
    element = guard_forward_range(&any6, IPPROTO_UDP, 8000, 8010, &gateway6, "");
    assert_string_equal(guard_element_print(&element, text),
                        ":: . udp . 8000 - ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff . udp . 8010 : fd00:20::1");
    element = guard_subnet("br-lab", &(struct ip_prefix){gateway6, 64}, "");
    assert_string_equal(guard_element_print(&element, text),
                        "br-lab . fd00:20:: - br-lab . fd00:20::ffff:ffff:ffff:ffff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_set_is_described),
        cmocka_unit_test(keys_have_the_lengths_of_their_fields),
        cmocka_unit_test(a_key_is_laid_out_as_registers_are),
        cmocka_unit_test(a_name_of_15_characters_keeps_its_end),
        cmocka_unit_test(a_name_too_long_never_runs_into_the_next_field),
        cmocka_unit_test(order_is_by_set_then_key),
        cmocka_unit_test(equality_looks_at_data_but_not_at_the_label),
        cmocka_unit_test(readers_give_back_what_was_put_in),
        cmocka_unit_test(an_ipv6_address_goes_to_a_set_of_its_own),
        cmocka_unit_test(elements_print_as_nft_would),
    };

    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
