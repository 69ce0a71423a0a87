/* SPDX-License-Identifier: MIT */
/* Addresses: what is taken and what is refused, printing, order, prefixes, derived MACs, hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/address.h"
#include "base/array.h"

static struct ip_address address(const char *text)
{
    struct ip_address parsed;

    assert_int_equal(ip_address_parse(text, &parsed), 0);
    return parsed;
}

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix parsed;

    assert_int_equal(ip_prefix_parse(text, -1, &parsed), 0);
    return parsed;
}

static void a_mac_is_read_and_printed(void **state)
{
    struct mac mac;
    char text[MAC_TEXT_MAX];

    (void)state;
    assert_int_equal(mac_parse("52:54:00:aB:Cd:0f", &mac), 0);
    assert_memory_equal(mac.bytes, "\x52\x54\x00\xab\xcd\x0f", 6);
    assert_string_equal(mac_print(&mac, text), "52:54:00:ab:cd:0f");
}

static void a_wrong_mac_is_refused_and_nothing_is_set(void **state)
{
    static const char *const wrong[] = {
        "",
        "52",
        "52:",
        "52:54:00:00:00",
        "52:54:00:00:00:",
        "52:54:00:00:00:7",
        "52:54:00:00:00:007",
        "52:54:00:00:00:07 ",
        " 52:54:00:00:00:07",
        "52-54-00-00-00-07",
        "5254.0000.0007",
        "52:54:00:00:00:0g",
        "52:54:00:00:00:07:08",
        "525:4:00:00:00:07",
        ":52:54:00:00:00:07",
    };
    struct mac mac = {{1, 2, 3, 4, 5, 6}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_int_equal(mac_parse(wrong[i], &mac), -EINVAL);
        assert_memory_equal(mac.bytes, "\1\2\3\4\5\6", 6);
    }
}

static void an_address_is_read_and_printed(void **state)
{
    static const struct {
        const char *text, *printed;
        uint8_t family;
    } cases[] = {
        {"0.0.0.0", "0.0.0.0", AF_INET},
        {"10.20.0.7", "10.20.0.7", AF_INET},
        {"255.255.255.255", "255.255.255.255", AF_INET},
        {"::", "::", AF_INET6},
        {"FD00:0:0::0:7", "fd00::7", AF_INET6},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", AF_INET6},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.1", AF_INET6},
    };
    char text[IP_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct ip_address parsed = address(cases[i].text);

        assert_int_equal(parsed.family, cases[i].family);
        assert_string_equal(ip_address_print(&parsed, text), cases[i].printed);
    }
}

static void a_wrong_address_is_refused_and_nothing_is_set(void **state)
{
    static const char *const wrong[] = {
        "",
        "10",
        "10.20",
        "10.20.0",
        "10.20.0.256",
        "10.20.0.07",
        "010.20.0.7",
        "0x0a.0.0.1",
        "10.20.0.7 ",
        "10.20.0.7.",
        "10..0.7",
        "-1.0.0.1",
        "10.20.0.7/24",
        "fd00::7%eth0",
        "fd00::7::1",
        "12345::",
        "1:2:3:4:5:6:7:8:9",
        "localhost",
        "\xef\xbc\x91.0.0.1",
    };
    struct ip_address parsed = {AF_INET, {1, 2, 3, 4}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_int_equal(ip_address_parse(wrong[i], &parsed), -EINVAL);
        assert_int_equal(ip4_value(&parsed), 0x01020304);
    }
}

static void assert_printed_as_the_library_does(const struct ip_address *address)
{
    char text[IP_TEXT_MAX], other[IP_TEXT_MAX];

    assert_non_null(inet_ntop(address->family, address->bytes, other, sizeof(other)));
    assert_string_equal(ip_address_print(address, text), other);
}

/* Every pattern of groups that are zero, with groups of one to four digits between, then of the special ffff. */
static void printing_is_what_inet_ntop_does(void **state)
{
    static const uint8_t fillers[][2] = {{0, 1}, {0, 0x20}, {3, 0}, {0xab, 0xcd}, {0xff, 0xff}};

    (void)state;
    for (unsigned zeros = 0; zeros < 256; zeros++)
        for (size_t filler = 0; filler < ARRAY_COUNT(fillers); filler++) {
            struct ip_address address = {.family = AF_INET6};

            for (size_t group = 0; group < 8; group++)
                if (!(zeros >> group & 1))
                    memcpy(address.bytes + 2 * group, fillers[filler], 2);
            assert_printed_as_the_library_does(&address);
        }
    srand(1);
    for (int i = 0; i < 100000; i++) {
        struct ip_address address = {.family = i % 2 ? AF_INET : AF_INET6};

        for (size_t byte = 0; byte < ip_family_size(address.family); byte++)
            address.bytes[byte] = (uint8_t)(rand() >> 8 & (rand() % 3 ? 0xff : 0));
        assert_printed_as_the_library_does(&address);
    }
}

static void bytes_behind_an_ipv4_address_are_zero(void **state)
{
    static const uint8_t zero[12];
    struct ip_address parsed = address("255.255.255.255");

    (void)state;
    assert_memory_equal(parsed.bytes + 4, zero, sizeof(zero));
}

static void no_address_prints_as_none(void **state)
{
    static const struct ip_address none;
    char text[IP_TEXT_MAX];

    (void)state;
    assert_string_equal(ip_address_print(&none, text), "none");
}

static void a_prefix_keeps_its_host_part(void **state)
{
    struct ip_prefix parsed = prefix("10.20.0.1/24");
    char text[IP_PREFIX_TEXT_MAX];

    (void)state;
    assert_string_equal(ip_prefix_print(&parsed, text), "10.20.0.1/24");
    parsed = ip_prefix_network(&parsed);
    assert_string_equal(ip_prefix_print(&parsed, text), "10.20.0.0/24");
    parsed = prefix("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128");
    assert_string_equal(ip_prefix_print(&parsed, text), "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128");
}

static void a_missing_length_is_the_default_or_refused(void **state)
{
    static const struct {
        const char *text;
        int default_length, length; /* length -1: refused */
    } cases[] = {
        {"10.20.0.1", -1, -1},
        {"10.20.0.1", 24, 24},
        {"10.20.0.1", 0, 0},
        {"10.20.0.1", 32, 32},
        {"10.20.0.1", 128, 32}, /* all its bits, never more than it has */
        {"fd00::1", 128, 128},
        {"fd00::1", 64, 64},
        {"10.20.0.1/8", 24, 8},
        {"10.20.0.1/0", -1, 0},
        {"10.20.0.1/32", -1, 32},
        {"fd00::1/128", 0, 128},
        {"10.20.0.1/33", -1, -1},
        {"fd00::1/129", -1, -1},
        {"10.20.0.1/", 24, -1},
        {"10.20.0.1/024", -1, -1},
        {"10.20.0.1/00", -1, -1},
        {"10.20.0.1/+8", -1, -1},
        {"10.20.0.1/-1", -1, -1},
        {"10.20.0.1/ 8", -1, -1},
        {"10.20.0.1/8 ", -1, -1},
        {"10.20.0.1/0x8", -1, -1},
        {"10.20.0.1/8/8", -1, -1},
        {"/8", -1, -1},
        {"", 24, -1},
        {"10.20.0.1/99999999999999999999", -1, -1},
        {"10.20.0.1/256", -1, -1},
        {"10.20.0.1/4294967304", -1, -1},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/8", -1, -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct ip_prefix parsed = {.length = 77};
        int result = ip_prefix_parse(cases[i].text, cases[i].default_length, &parsed);

        assert_int_equal(result, cases[i].length < 0 ? -EINVAL : 0);
        assert_int_equal(parsed.length, cases[i].length < 0 ? 77 : cases[i].length);
    }
}

static void a_network_has_its_host_part_zeroed_at_every_length(void **state)
{
    (void)state;
    for (unsigned length = 0; length <= 32; length++) {
        struct ip_prefix all = {address("255.255.255.255"), (uint8_t)length};
        uint32_t mask = length ? UINT32_MAX << (32 - length) : 0;
        struct ip_prefix network = ip_prefix_network(&all);
        struct ip_address broadcast = ip4_broadcast(&network);

        assert_int_equal(ip4_value(&network.address), mask);
        assert_int_equal(ip4_value(&broadcast), UINT32_MAX);
    }
}

static void containing_and_overlapping(void **state)
{
    static const struct {
        const char *a, *b;
        bool contains, overlaps; /* a contains the address of b */
    } cases[] = {
        {"10.20.0.1/24", "10.20.0.255/32", true, true},   {"10.20.0.1/24", "10.20.1.0/32", false, false},
        {"10.20.0.1/24", "10.20.3.7/16", false, true},    {"10.20.0.1/16", "10.20.3.7/24", true, true},
        {"0.0.0.0/0", "255.255.255.255/32", true, true},  {"10.20.0.1/23", "10.20.1.9/25", true, true},
        {"10.20.0.1/25", "10.20.0.128/25", false, false}, {"0.0.0.0/0", "::/0", false, false},
        {"10.20.0.0/24", "0a14::/24", false, false}, /* the same bytes, another family */
        {"fd00::/8", "fd12:3456::1/64", true, true},      {"fd00::/64", "fd00:0:0:1::/64", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct ip_prefix a = prefix(cases[i].a), b = prefix(cases[i].b);

        assert_int_equal(ip_prefix_contains(&a, &b.address), cases[i].contains);
        assert_int_equal(ip_prefix_overlaps(&a, &b), cases[i].overlaps);
        assert_int_equal(ip_prefix_overlaps(&b, &a), cases[i].overlaps);
    }
}

static void order_is_by_family_then_bytes_then_length(void **state)
{
    static const char *const sorted[] = {"9.255.255.255/8", "10.0.0.1/8", "10.0.0.1/24",
                                         "10.0.0.2/8",      "::/0",       "fd00::/8"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(sorted); i++) {
        for (size_t j = 0; j < ARRAY_COUNT(sorted); j++) {
            struct ip_prefix a = prefix(sorted[i]), b = prefix(sorted[j]);
            int order = ip_prefix_compare(&a, &b);

            assert_int_equal(order < 0, i < j);
            assert_int_equal(order > 0, i > j);
        }
    }
}

static void broadcast_of_small_and_large_networks(void **state)
{
    static const char *const cases[][2] = {{"10.20.0.1/24", "10.20.0.255"},
                                           {"10.20.0.1/30", "10.20.0.3"},
                                           {"10.20.0.1/8", "10.255.255.255"},
                                           {"10.20.0.1/32", "10.20.0.1"},
                                           {"10.20.0.1/0", "255.255.255.255"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct ip_prefix network = prefix(cases[i][0]);
        struct ip_address broadcast = ip4_broadcast(&network), expected = address(cases[i][1]);
        struct ip_address last = ip_prefix_last(&network);

        assert_true(ip_address_equal(&broadcast, &expected));
        assert_true(ip_address_equal(&last, &expected));
    }
}

static void the_last_address_of_either_family(void **state)
{
    static const char *const cases[][2] = {
        {"fd00:20::1/64", "fd00:20::ffff:ffff:ffff:ffff"},
        {"fd00:20::1/65", "fd00:20::7fff:ffff:ffff:ffff"},
        {"2001:db8::7/128", "2001:db8::7"},
        {"::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"10.20.30.40/0", "255.255.255.255"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct ip_prefix network = prefix(cases[i][0]);
        struct ip_address last = ip_prefix_last(&network), expected = address(cases[i][1]);

        assert_true(ip_address_equal(&last, &expected));
    }
}

static void any_address_is_none_in_particular(void **state)
{
    struct ip_address any = address("0.0.0.0"), any6 = address("::"), one = address("0.0.0.1"), one6 = address("::1");
    struct ip_address none = {0};

    (void)state;
    assert_true(ip_address_is_any(&any) && ip_address_is_any(&any6) && ip_address_is_any(&none));
    assert_false(ip_address_is_any(&one) || ip_address_is_any(&one6));
}

static void values_of_addresses_go_there_and_back(void **state)
{
    struct ip_address text = address("10.20.30.40"), back = ip4_from_value(0x0a141e28);

    (void)state;
    assert_int_equal(ip4_value(&text), 0x0a141e28);
    assert_true(ip_address_equal(&text, &back));
}

/* FNV-1a's published test vectors: the hash may never change, since names and addresses on hosts derive from it. */
static void hashes_are_what_they_have_always_been(void **state)
{
    (void)state;
    assert_true(hash_text("") == 0xcbf29ce484222325u);
    assert_true(hash_text("a") == 0xaf63dc4c8601ec8cu);
    assert_true(hash_text("foobar") == 0x85944171f73967e8u);
    assert_true(hash_text("\xff") == (0xcbf29ce484222325u ^ 0xff) * 0x100000001b3u); /* a byte, not a signed char */
}

static void derived_macs_are_what_they_have_always_been(void **state)
{
    static const uint8_t oui[3] = {0x52, 0x54, 0x00};
    struct mac bridge = mac_derive("tapnet bridge lab", NULL), guest = mac_derive("tapnet guest lab/web", oui);
    char text[MAC_TEXT_MAX];

    (void)state;
    assert_string_equal(mac_print(&bridge, text), "a6:58:8d:f3:92:50");
    assert_string_equal(mac_print(&guest, text), "52:54:00:78:ec:cb");
}

static void derived_macs_are_unicast_and_locally_administered(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char seed[32];
        struct mac mac;

        snprintf(seed, sizeof(seed), "seed %d", i);
        mac = mac_derive(seed, NULL);
        assert_int_equal(mac.bytes[0] & 3, 2);
        assert_false(mac_is_multicast(&mac));
        assert_false(mac_is_zero(&mac));
    }
}

static int compare_macs(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct mac));
}

/*
 * A thousand guests whose names differ in their last digits: three bytes tell them apart, and chance alone makes two
 * of them equal in 3 % of all rows of names. Before the hash was mixed, 444 of these 1,000 were.
 */
static void names_that_differ_little_get_macs_that_differ(void **state)
{
    static const uint8_t oui[3] = {0x52, 0x54, 0x00};
    static const char *const rows[] = {"tapnet guest lab/vm%d", "tapnet guest lab/vm-%05d", "tapnet guest %d/web"};
    static struct mac macs[1000];

    (void)state;
    for (size_t row = 0; row < ARRAY_COUNT(rows); row++) {
        unsigned equal = 0;

        for (int i = 0; i < 1000; i++) {
            char seed[64];

            snprintf(seed, sizeof(seed), rows[row], i);
            macs[i] = mac_derive(seed, oui);
        }
        qsort(macs, 1000, sizeof(*macs), compare_macs);
        for (int i = 1; i < 1000; i++)
            equal += mac_equal(&macs[i - 1], &macs[i]);
        assert_in_range(equal, 0, 2);
    }
}

static void array_room_grows_and_never_overflows(void **state)
{
    int *items = NULL;
    size_t capacity = 0;

    (void)state;
    for (size_t count = 0; count < 1000; count++) {
        assert_int_equal(array_reserve((void **)&items, &capacity, count, 1, sizeof(*items)), 0);
        assert_true(capacity > count);
        items[count] = (int)count;
    }
    assert_int_equal(items[999], 999);
    assert_int_equal(capacity, 1024);
    assert_int_equal(array_reserve((void **)&items, &capacity, 1000, SIZE_MAX - 1000, sizeof(*items)), -ENOMEM);
    assert_int_equal(array_reserve((void **)&items, &capacity, 1000, SIZE_MAX / 4, sizeof(*items)), -ENOMEM);
    assert_int_equal(capacity, 1024);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mac_is_read_and_printed),
        cmocka_unit_test(a_wrong_mac_is_refused_and_nothing_is_set),
        cmocka_unit_test(an_address_is_read_and_printed),
        cmocka_unit_test(a_wrong_address_is_refused_and_nothing_is_set),
        cmocka_unit_test(printing_is_what_inet_ntop_does),
        cmocka_unit_test(bytes_behind_an_ipv4_address_are_zero),
        cmocka_unit_test(no_address_prints_as_none),
        cmocka_unit_test(a_prefix_keeps_its_host_part),
        cmocka_unit_test(a_missing_length_is_the_default_or_refused),
        cmocka_unit_test(a_network_has_its_host_part_zeroed_at_every_length),
        cmocka_unit_test(containing_and_overlapping),
        cmocka_unit_test(order_is_by_family_then_bytes_then_length),
        cmocka_unit_test(broadcast_of_small_and_large_networks),
        cmocka_unit_test(the_last_address_of_either_family),
        cmocka_unit_test(any_address_is_none_in_particular),
        cmocka_unit_test(values_of_addresses_go_there_and_back),
        cmocka_unit_test(hashes_are_what_they_have_always_been),
        cmocka_unit_test(derived_macs_are_what_they_have_always_been),
        cmocka_unit_test(derived_macs_are_unicast_and_locally_administered),
        cmocka_unit_test(names_that_differ_little_get_macs_that_differ),
        cmocka_unit_test(array_room_grows_and_never_overflows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
