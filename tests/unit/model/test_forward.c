/* SPDX-License-Identifier: MIT */
/* Forwards: their text in and out, and which of them want the same port. */
#include <netinet/in.h>

#include "build.h"
#include "model/forward.h"

static struct model_forward parse(const char *text)
{
    struct model_forward forward;
    const char *problem = "";

    if (model_forward_parse(text, &forward, &problem) < 0)
        fail_msg("%s %s", text, problem);
    return forward;
}

static void what_is_parsed_prints_again(void **state)
{
    static const char *const rows[][2] = {
        {"8080:80", "8080:80"},
        {"8080:80/tcp", "8080:80"},
        {"0.0.0.0:8080:80", "0.0.0.0:8080:80"},
        {"[::]:8080:80", "[::]:8080:80"},
        {"127.0.0.1:2222:22", "127.0.0.1:2222:22"},
        {"192.0.2.2:53:53/udp", "192.0.2.2:53:53/udp"},
        {"1:65535", "1:65535"},
        {"8000-8010:8000-8010", "8000-8010:8000-8010"},
        {"8000-8010:9000-9010/udp", "8000-8010:9000-9010/udp"},
        {"8000-8000:80-80", "8000:80"},
        {"1-65535:1-65535", "1-65535:1-65535"},
        {"1000-1255:2000-2255", "1000-1255:2000-2255"},
        {"[2001:db8::1]:8080:80", "[2001:db8::1]:8080:80"},
        {"[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:10000-10010:20000-20010/udp",
         "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:10000-10010:20000-20010/udp"},
    };
    char text[MODEL_FORWARD_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct model_forward forward = parse(rows[i][0]), again;

        assert_string_equal(model_forward_print(&forward, text), rows[i][1]);
        again = parse(text);
        assert_true(model_forward_equal(&forward, &again));
    }
}

static void the_parts_are_where_they_belong(void **state)
{
    struct model_forward forward = parse("192.0.2.2:8000-8010:9000-9010/udp");

    (void)state;
    assert_int_equal(forward.protocol, IPPROTO_UDP);
    assert_int_equal(ip4_value(&forward.address), 0xc0000202);
    assert_int_equal(forward.first, 8000);
    assert_int_equal(forward.last, 8010);
    assert_int_equal(forward.guest_first, 9000);
    assert_int_equal(parse("8080:80").protocol, IPPROTO_TCP);
    assert_int_equal(parse("8080:80").address.family, 0);
}

static void what_is_wrong_is_said(void **state)
{
    static const char *const rows[][2] = {
        {"", "names one port only"},
        {"80", "names one port only"},
        {"8080", "names one port only"},
        {"80/tcp", "names one port only"},
        {"udp/53:53", "begins with its protocol"},
        {"53:53/icmp", "has a protocol that can't be forwarded"},
        {"53:53/", "has a protocol that can't be forwarded"},
        {"53:53/udp/tcp", "has a protocol that can't be forwarded"},
        {"0:80", "has no ports where they are expected"},
        {"08080:80", "has no ports where they are expected"},
        {"8080:65536", "has no ports where they are expected"},
        {"8080:-80", "has no ports where they are expected"},
        {"8080:80 ", "has no ports where they are expected"},
        {" 8080:80", "has no ports where they are expected"},
        {"8080:http", "has no ports where they are expected"},
        {":80", "has no ports where they are expected"},
        {"8080:", "has no ports where they are expected"},
        {"8010-8000:8010-8000", "has a range that ends before it starts"},
        {"8000-8010:80", "has more ports on one side"},
        {"8080:80-90", "has more ports on one side"},
        {"1000-1256:2000-2256", "changes the numbers of more than 256 ports"},
        {"example.com:8080:80", "does not begin with an address"},
        {"[127.0.0.1]:8080:80", "does not begin with an address"},
        {"[::1:8080:80", "has a bracket that does not end"},
        {"[::1]8080:80", "has a bracket that does not end"},
        {"::1:8080:80", "has too many colons"},
        {"127.0.0.2:8080:80", "names a loopback address that is left to the host's programs"},
        {"224.0.0.1:8080:80", "names no host's address"},
        {"255.255.255.255:8080:80", "names no host's address"},
        {"0.0.0.1:8080:80", "names no host's address"},
        {"[ff02::1]:8080:80", "names a multicast address"},
        {"[::1]:8080:80", "names ::1, which the kernel leads to no guest"},
        {"[fe80::1]:8080:80", "names a link-local address"},
        {"[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:10000-10010:20000-20010/udp                           ",
         "is too long"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct model_forward forward = {.first = 77};
        const char *problem = "";

        if (model_forward_parse(rows[i][0], &forward, &problem) != -EINVAL)
            fail_msg("was parsed: `%s`", rows[i][0]);
        if (strncmp(problem, rows[i][1], strlen(rows[i][1])) != 0)
            fail_msg("`%s` %s", rows[i][0], problem);
        assert_int_equal(forward.first, 77);
    }
}

/* Bytes at random, mostly of those that forwards are made of: what is taken prints, and is taken again. */
static void any_text_is_taken_whole_or_refused(void **state)
{
    static const char letters[] = "0123456789:-[]/.tcpudp1238";
    struct random random = {.state = 42};
    unsigned taken = 0;

    (void)state;
    for (unsigned i = 0; i < 300000; i++) {
        char text[24], printed[MODEL_FORWARD_TEXT_MAX];
        struct model_forward forward, again;
        size_t len = random_below(&random, sizeof(text));
        const char *problem;

        for (size_t j = 0; j < len; j++)
            text[j] = letters[random_below(&random, sizeof(letters) - 1)];
        text[len] = '\0';
        if (model_forward_parse(text, &forward, &problem) < 0)
            continue;
        taken++;
        model_forward_print(&forward, printed);
        assert_int_equal(model_forward_parse(printed, &again, &problem), 0);
        assert_true(model_forward_equal(&forward, &again));
    }
    assert_true(taken > 100);
}

static void what_a_forward_takes(void **state)
{
    struct model_forward any = parse("8000-8010:8000-8010"), bound = parse("192.0.2.2:80:80");
    const struct ip_address host = build_address("192.0.2.2"), loopback = build_address("127.0.0.1");

    (void)state;
    assert_true(model_forward_takes(&any, &host, 8000) && model_forward_takes(&any, &loopback, 8010));
    assert_false(model_forward_takes(&any, &host, 7999) || model_forward_takes(&any, &host, 8011));
    assert_true(model_forward_takes(&bound, &host, 80));
    assert_false(model_forward_takes(&bound, &loopback, 80));
    assert_true(model_forward_is_local(&any));
    assert_false(model_forward_is_local(&bound));
    bound = parse("127.0.0.1:80:80");
    assert_true(model_forward_is_local(&bound));
}

/* None is each, 0.0.0.0 and :: are each of theirs; what is left to the host's programs is nobody's. */
static void what_a_forward_takes_of_either_family(void **state)
{
    struct model_forward any = parse("80:80"), any4 = parse("0.0.0.0:80:80"), any6 = parse("[::]:80:80");
    struct model_forward bound = parse("[2001:db8::1]:80:80");
    const struct ip_address host = build_address("192.0.2.2"), host6 = build_address("2001:db8::1");
    const struct ip_address loopback6 = build_address("::1"), link_local = build_address("fe80::1"), none = {0};

    (void)state;
    assert_true(model_forward_takes(&any, &host, 80) && model_forward_takes(&any, &host6, 80));
    assert_true(model_forward_takes(&any4, &host, 80) && !model_forward_takes(&any4, &host6, 80));
    assert_true(!model_forward_takes(&any6, &host, 80) && model_forward_takes(&any6, &host6, 80));
    assert_true(!model_forward_takes(&bound, &host, 80) && model_forward_takes(&bound, &host6, 80));
    assert_false(model_forward_takes(&any, &loopback6, 80) || model_forward_takes(&any6, &link_local, 80));
    assert_true(model_forward_is_local(&any4) && !model_forward_is_local(&any6));
    assert_true(model_forward_leads(&any, &host) && model_forward_leads(&any, &host6));
    assert_true(model_forward_leads(&any6, &host6) && !model_forward_leads(&any6, &host));
    assert_false(model_forward_leads(&any, &none) || model_forward_leads(&any4, &host6));
}

/* Every pair of a network's forwards, of two ports, by the search and by hand. */
static void rivals_are_found(void **state)
{
    static const char *const texts[] = {
        "80:80",
        "80:81/udp",
        "70-90:70-90",
        "192.0.2.2:80:80",
        "192.0.2.3:80:80",
        "91:91",
        "192.0.2.2:81:81",
        "192.0.2.2:9:9/udp",
        "90-91:190-191",
        "127.0.0.1:60-70:60-70",
        "1-65535:1-65535/udp",
        "0.0.0.0:80:80",
        "[::]:80:80",
        "[2001:db8::1]:80:80",
        "[2001:db8::2]:80:80",
    };
    struct model_forward forwards[ARRAY_COUNT(texts)];
    struct model_port ports[] = {{.forwards = forwards, .forward_count = 4},
                                 {.forwards = forwards + 4, .forward_count = ARRAY_COUNT(texts) - 4}};
    const struct model_network network = {.ports = ports, .port_count = ARRAY_COUNT(ports)};
    struct model_forward_claims claims = {0};
    size_t expected = 0, found = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        forwards[i] = parse(texts[i]);
        for (size_t j = 0; j < i; j++) {
            const struct ip_address *a = &forwards[i].address, *b = &forwards[j].address;
            bool address = !a->family || !b->family ||
                           (a->family == b->family &&
                            (ip_address_is_any(a) || ip_address_is_any(b) || ip_address_equal(a, b)));

            expected += address && forwards[i].protocol == forwards[j].protocol &&
                        forwards[i].first <= forwards[j].last && forwards[j].first <= forwards[i].last;
        }
    }
    assert_int_equal(model_forward_claims_add(&claims, &network, "lab"), 0);
    assert_int_equal(claims.count, ARRAY_COUNT(texts));
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        assert_ptr_equal(claims.items[i].forward, &forwards[i]);
        assert_ptr_equal(claims.items[i].port, &ports[i < 4 ? 0 : 1]);
        assert_int_equal(claims.items[i].order, i);
    }
    model_forward_claims_sort(&claims);
    for (size_t i = 0; i < claims.count; i++) {
        const struct model_forward_claim *rival;
        size_t next = 0;

        while ((rival = model_forward_claims_rival(&claims, i, &next))) {
            assert_true(rival > &claims.items[i]);
            found++;
        }
    }
    assert_true(expected > 5);
    assert_int_equal(found, expected);
    model_forward_claims_fini(&claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_parsed_prints_again),
        cmocka_unit_test(the_parts_are_where_they_belong),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(any_text_is_taken_whole_or_refused),
        cmocka_unit_test(what_a_forward_takes),
        cmocka_unit_test(what_a_forward_takes_of_either_family),
        cmocka_unit_test(rivals_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
