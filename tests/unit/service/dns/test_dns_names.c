/* SPDX-License-Identifier: MIT */
/* Which questions a network answers itself, and with what. */
#include "service/dns_names.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "wire.h"

/*
 *   lab 10.20.0.1/24:   web .10 "www"    db .11    Mail .12 "db" (a name that another port has)    gone .13 ""
 */
static struct model_port ports[] = {
    {.name = "web", .hostname = "www"},
    {.name = "db", .hostname = "db"},
    {.name = "Mail", .hostname = "db"},
    {.name = "gone", .hostname = ""},
};
static struct model_network lab = {.name = "lab", .ports = ports, .port_count = 4};
static struct dns_names names;

static struct dns_answer ask(const char *text, uint16_t type)
{
    struct dns_answer answer;
    struct wire wire = {.length = 0};

    wire_name(&wire, text);
    dns_names_answer(&names, wire.bytes, type, &answer);
    return answer;
}

static void expect_address(const char *text, uint32_t address)
{
    struct dns_answer answer = ask(text, TYPE_A);

    if (answer.kind != DNS_ADDRESS || ip4_value(&answer.address) != address)
        fail_msg("%s: kind %d, address %08x", text, answer.kind, ip4_value(&answer.address));
}

static void expect_pointer(const char *text, const char *name)
{
    struct dns_answer answer = ask(text, TYPE_PTR);

    assert_int_equal(answer.kind, DNS_POINTER);
    assert_string_equal(answer.name, name);
}

/* No records; @zone says who says so. */
static void expect_nothing(const char *text, uint16_t type, enum dns_answer_kind kind, const char *zone)
{
    struct dns_answer answer = ask(text, type);

    if (answer.kind != kind || strcmp(answer.zone, zone) != 0)
        fail_msg("%s: kind %d, zone %s", text, answer.kind, answer.zone);
}

static int set_up(void **state)
{
    (void)state;
    lab.subnet = (struct ip_prefix){ip4_from_value(0x0a140001), 24};
    for (unsigned i = 0; i < 4; i++)
        ports[i].address = ip4_from_value(0x0a14000a + i);
    dns_names_init(&names, &lab);
    return 0;
}

static void ports_are_found_by_both_names_in_any_case(void **state)
{
    (void)state;
    expect_address("web", 0x0a14000a);
    expect_address("WEB.Lab", 0x0a14000a);
    expect_address("www", 0x0a14000a);
    expect_address("www.lab", 0x0a14000a);
    expect_address("mail.lab", 0x0a14000c);
    expect_address("gateway", 0x0a140001);
    expect_address("Gateway.LAB", 0x0a140001);
    assert_int_equal(ask("web", TYPE_ANY).kind, DNS_ADDRESS);
}

static void a_port_name_goes_before_a_host_name(void **state)
{
    (void)state;
    expect_address("db", 0x0a14000b);
    expect_pointer("11.0.20.10.in-addr.arpa", "db.lab");
    expect_pointer("12.0.20.10.in-addr.arpa", "Mail.lab");
    expect_pointer("13.0.20.10.in-addr.arpa", "gone.lab");
}

static void what_is_not_there_is_told_apart(void **state)
{
    (void)state;
    expect_nothing("web.lab", TYPE_AAAA, DNS_EMPTY, "lab");
    expect_nothing("web", TYPE_HTTPS, DNS_EMPTY, "web");
    expect_nothing("web.lab", TYPE_DS, DNS_EMPTY, "lab");
    expect_nothing("nope.lab", TYPE_A, DNS_MISSING, "lab");
    expect_nothing("a.web.lab", TYPE_A, DNS_MISSING, "lab");
    expect_nothing("lab", TYPE_A, DNS_EMPTY, "lab");
    expect_nothing("lab", TYPE_SOA, DNS_ZONE, "lab");
    expect_nothing("nope", TYPE_A, DNS_MISSING, "");
}

static void names_of_elsewhere_go_on(void **state)
{
    static const char *const elsewhere[] = {"example.org", "web.lab.example.org", "lab.org", "web.la", "webxlab.org"};

    (void)state;
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
        assert_int_equal(ask(elsewhere[i], TYPE_A).kind, DNS_FORWARD);
    assert_int_equal(ask("", TYPE_NS).kind, DNS_FORWARD);
    assert_int_equal(ask("org", TYPE_DS).kind, DNS_FORWARD);
    assert_int_equal(ask("org", TYPE_SOA).kind, DNS_FORWARD);
}

/* Bytes that C's strings and dotted names can't hold don't match what they look like. */
static void labels_are_bytes(void **state)
{
    static const uint8_t dot[] = "\7web.lab", nul[] = "\4web\0\3lab", pair[] = "\3web\4lab\0";
    struct dns_answer answer;

    (void)state;
    dns_names_answer(&names, dot, TYPE_A, &answer);
    assert_int_equal(answer.kind, DNS_MISSING);
    dns_names_answer(&names, nul, TYPE_A, &answer);
    assert_int_equal(answer.kind, DNS_MISSING);
    dns_names_answer(&names, pair, TYPE_A, &answer);
    assert_int_equal(answer.kind, DNS_FORWARD);
}

static void reverse_of_the_subnet_is_ours(void **state)
{
    (void)state;
    expect_pointer("10.0.20.10.in-addr.arpa", "www.lab");
    expect_pointer("1.0.20.10.IN-ADDR.ARPA", "gateway.lab");
    expect_nothing("99.0.20.10.in-addr.arpa", TYPE_PTR, DNS_MISSING, "0.20.10.in-addr.arpa");
    expect_nothing("10.0.20.10.in-addr.arpa", TYPE_A, DNS_EMPTY, "0.20.10.in-addr.arpa");
    expect_nothing("0.20.10.in-addr.arpa", TYPE_NS, DNS_EMPTY, "0.20.10.in-addr.arpa");
    expect_nothing("0.20.10.in-addr.arpa", TYPE_SOA, DNS_ZONE, "0.20.10.in-addr.arpa");
    expect_nothing("x.10.0.20.10.in-addr.arpa", TYPE_PTR, DNS_MISSING, "0.20.10.in-addr.arpa");
    expect_nothing("010.0.20.10.in-addr.arpa", TYPE_PTR, DNS_MISSING, "0.20.10.in-addr.arpa");
    expect_nothing("256.0.20.10.in-addr.arpa", TYPE_PTR, DNS_MISSING, "0.20.10.in-addr.arpa");
}

static void reverse_of_elsewhere_goes_on(void **state)
{
    static const char *const elsewhere[] = {"10.1.20.10.in-addr.arpa", "20.10.in-addr.arpa",
                                            "10.in-addr.arpa",         "in-addr.arpa",
                                            "10.0.20.10.ip6.arpa",     "x.in-addr.arpa"};

    (void)state;
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
        assert_int_equal(ask(elsewhere[i], TYPE_PTR).kind, DNS_FORWARD);
}

static void subnets_of_other_lengths(void **state)
{
    (void)state;
    lab.subnet.length = 16;
    expect_nothing("7.20.10.in-addr.arpa", TYPE_NS, DNS_EMPTY, "7.20.10.in-addr.arpa");
    expect_nothing("20.10.in-addr.arpa", TYPE_NS, DNS_EMPTY, "20.10.in-addr.arpa");
    assert_int_equal(ask("10.in-addr.arpa", TYPE_NS).kind, DNS_FORWARD);
    lab.subnet.length = 28;
    expect_pointer("10.0.20.10.in-addr.arpa", "www.lab");
    assert_int_equal(ask("99.0.20.10.in-addr.arpa", TYPE_PTR).kind, DNS_FORWARD);
    assert_int_equal(ask("0.20.10.in-addr.arpa", TYPE_PTR).kind, DNS_FORWARD);
}

static void ports_may_take_the_gateways_and_the_networks_name(void **state)
{
    struct model_port taken[2] = {{.name = "gateway", .address = ip4_from_value(0x0a140007)},
                                  {.name = "lab", .address = ip4_from_value(0x0a140008)}};
    struct model_network other = lab;

    (void)state;
    other.ports = taken;
    other.port_count = 2;
    dns_names_init(&names, &other);
    expect_address("gateway.lab", 0x0a140007);
    expect_address("lab", 0x0a140008);
    expect_nothing("1.0.20.10.in-addr.arpa", TYPE_PTR, DNS_EMPTY, "0.20.10.in-addr.arpa");
}

/* The largest network there is: every port by both its names, and back. */
static void a_full_network(void **state)
{
    static struct model_port many[MODEL_PORTS_MAX];
    struct model_network full = lab;
    char text[64];

    (void)state;
    full.ports = many;
    full.port_count = MODEL_PORTS_MAX;
    full.subnet = (struct ip_prefix){ip4_from_value(0x0a140001), 16};
    for (unsigned i = 0; i < MODEL_PORTS_MAX; i++) {
        snprintf(many[i].name, sizeof(many[i].name), "port%u", i);
        snprintf(many[i].hostname, sizeof(many[i].hostname), "host%u", i);
        many[i].address = ip4_from_value(0x0a140100 + i);
    }
    dns_names_init(&names, &full);
    for (unsigned i = 0; i < MODEL_PORTS_MAX; i++) {
        expect_address(many[i].name, 0x0a140100 + i);
        expect_address(many[i].hostname, 0x0a140100 + i);
        snprintf(text, sizeof(text), "%u.%u.20.10.in-addr.arpa", i & 0xff, 1 + (i >> 8));
        assert_int_equal(ask(text, TYPE_PTR).kind, DNS_POINTER);
    }
    expect_nothing("port8191", TYPE_A, DNS_MISSING, "");
}

static void ports_have_ipv6_addresses_too(void **state)
{
    struct ip_address wanted;
    struct dns_answer answer;

    (void)state;
    assert_int_equal(ip_prefix_parse("fd00:20::1/64", -1, &lab.subnet6), 0);
    assert_int_equal(ip_address_parse("fd00:20::a", &ports[0].address6), 0);
    dns_names_init(&names, &lab);
    answer = ask("Web.lab", TYPE_AAAA);
    assert_int_equal(answer.kind, DNS_ADDRESS);
    assert_true(ip_address_equal(&answer.address, &ports[0].address6));
    answer = ask("gateway", TYPE_AAAA);
    assert_true(ip_address_equal(&answer.address, &lab.subnet6.address));
    expect_address("web", 0x0a14000a);
    expect_nothing("mail.lab", TYPE_AAAA, DNS_EMPTY, "lab"); /* one without */
    assert_ptr_equal(dns_names_port6(&names, ports[0].address6.bytes), &ports[0]);
    assert_int_equal(ip_address_parse("fd00:20::b", &wanted), 0);
    assert_null(dns_names_port6(&names, wanted.bytes));

#define ZONE "0.0.0.0.0.0.0.0.0.2.0.0.0.0.d.f.ip6.arpa"
    expect_pointer("a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0." ZONE, "www.lab");
    expect_pointer("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0." ZONE, "gateway.lab");
    expect_nothing("b.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0." ZONE, TYPE_PTR, DNS_MISSING, ZONE);
    expect_nothing("A.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0." ZONE, TYPE_A, DNS_EMPTY, ZONE);
    expect_nothing("0.0." ZONE, TYPE_PTR, DNS_EMPTY, ZONE);
    expect_nothing(ZONE, TYPE_PTR, DNS_EMPTY, ZONE);
    expect_nothing("x." ZONE, TYPE_PTR, DNS_MISSING, ZONE);
    expect_nothing("00." ZONE, TYPE_PTR, DNS_MISSING, ZONE);
    expect_nothing("0.0.0.0.0.0.0.0.2.0.0.0.0.d.f.ip6.arpa", TYPE_PTR, DNS_FORWARD, ""); /* larger than ours */
    expect_nothing("1.0.0.0.0.0.0.0.0.2.0.0.0.0.d.f.ip6.arpa", TYPE_PTR, DNS_FORWARD, "");
    lab.subnet6 = (struct ip_prefix){.length = 0};
    ports[0].address6 = (struct ip_address){.family = 0};
}

#define MANY 200

/* Port number @number of a network that ports come to and go from. */
static struct model_port numbered(unsigned number, bool with_ip6)
{
    struct model_port port = {.address = ip4_from_value(0x0a140100 + number)};

    snprintf(port.name, sizeof(port.name), "vm%u", number);
    memcpy(port.hostname, port.name, sizeof(port.hostname));
    if (with_ip6)
        port.address6 = (struct ip_address){.family = AF_INET6, .bytes = {0xfd, 0, 0, 0x20, [15] = (uint8_t)number}};
    return port;
}

static void expect_number(unsigned number, bool there)
{
    const struct model_port port = numbered(number, true);
    struct dns_answer answer = ask(port.name, TYPE_A);
    char reverse[64];

    assert_int_equal(answer.kind, there ? DNS_ADDRESS : DNS_MISSING);
    if (there)
        assert_true(ip_address_equal(&answer.address, &port.address));
    snprintf(reverse, sizeof(reverse), "%u.1.20.10.in-addr.arpa", number);
    assert_int_equal(ask(reverse, TYPE_PTR).kind, there ? DNS_POINTER : DNS_MISSING);
    assert_int_equal(dns_names_port6(&names, port.address6.bytes) != NULL, there && number % 3);
}

/* By chance, each as the service does it: in O(1), and who is there is found as if all had been filled in anew. */
static void ports_come_and_go(void **state)
{
    static struct model_port many[MANY];
    struct model_network network = {.name = "lab", .ports = many};
    bool there[MANY] = {false};

    (void)state;
    network.subnet = (struct ip_prefix){ip4_from_value(0x0a140001), 16};
    dns_names_init(&names, &network);
    srand(7);
    for (int step = 0; step < 4000; step++) {
        unsigned number = (unsigned)rand() % MANY;
        size_t place = 0;

        if (there[number]) {
            while (strcmp(many[place].name, numbered(number, false).name) != 0)
                place++;
            assert_true(dns_names_unplug(&names, place));
            many[place] = many[--network.port_count];
        } else {
            many[network.port_count++] = numbered(number, number % 3 != 0);
            dns_names_plug(&names, &network);
        }
        there[number] = !there[number];
        for (unsigned i = 0; step % 16 == 0 && i < MANY; i++)
            expect_number(i, there[i]);
    }
}

/* Who had the name behind it has it now: that is found by filling in all anew. */
static void a_name_that_two_have_is_not_so_simple(void **state)
{
    (void)state;
    assert_false(dns_names_unplug(&names, 1));
    ports[2].hostname[0] = ports[0].hostname[0] = '\0';
    dns_names_init(&names, &lab);
    assert_false(dns_names_unplug(&names, 1));
    strcpy(ports[2].hostname, "db");
    strcpy(ports[0].hostname, "www");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ports_are_found_by_both_names_in_any_case, set_up),
        cmocka_unit_test_setup(a_port_name_goes_before_a_host_name, set_up),
        cmocka_unit_test_setup(what_is_not_there_is_told_apart, set_up),
        cmocka_unit_test_setup(names_of_elsewhere_go_on, set_up),
        cmocka_unit_test_setup(labels_are_bytes, set_up),
        cmocka_unit_test_setup(reverse_of_the_subnet_is_ours, set_up),
        cmocka_unit_test_setup(reverse_of_elsewhere_goes_on, set_up),
        cmocka_unit_test_setup(subnets_of_other_lengths, set_up),
        cmocka_unit_test_setup(ports_may_take_the_gateways_and_the_networks_name, set_up),
        cmocka_unit_test_setup(a_full_network, set_up),
        cmocka_unit_test_setup(ports_have_ipv6_addresses_too, set_up),
        cmocka_unit_test(ports_come_and_go),
        cmocka_unit_test_setup(a_name_that_two_have_is_not_so_simple, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
