/* SPDX-License-Identifier: MIT */
/* Rules about IPv6 that nft and ip6tables have put into a real kernel: what a packet meets there, and their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>

#include "base/array.h"
#include "kernel.h"
#include "nft/dump.h"
#include "rules/meet.h"

/*
 *   guest fd00:20::7 --- br-lab --[ hook forward: the rules of each test ]--- eth0 --- 2001:db8::5 port 443
 */
static struct rules_packet packet;

static int clear(void **state)
{
    (void)state;
    packet = (struct rules_packet){
        .in = "br-lab",
        .out = "eth0",
        .ethernet = true,
        .source = kernel_address("fd00:20::7"),
        .destination = kernel_address("2001:db8::5"),
        .source_mac = {{2, 0, 0, 0, 0, 7}},
        .destination_type = RTN_UNICAST,
        .protocol = IPPROTO_TCP,
        .destination_port = 443,
        .state = RULES_NEW,
    };
    return 0;
}

static int flush(void **state)
{
    (void)state;
    return kernel_shell("nft flush ruleset");
}

/* What the packet meets at the hook; *ret_text, which may be NULL, says which rule it is. */
static enum rules_outcome meet(enum rules_hook hook, char ret_text[RULES_TEXT_MAX])
{
    struct tapnet_error error = {0};
    struct rules_ruleset ruleset = {.chain_count = 0};
    struct rules_answer answer;

    if (nft_dump_read(kernel_netlink, &ruleset, &error) < 0)
        fail_msg("%s", error.text);
    rules_meet(&ruleset, hook, RULES_STACK, &packet, &answer);
    if (ret_text && answer.rule)
        rules_print(answer.chain->family, answer.rule, ret_text);
    rules_fini(&ruleset);
    return answer.outcome;
}

static void add_rule(const char *table, const char *rule)
{
    char command[512];

    assert_int_equal(kernel_shell("nft flush ruleset"), 0);
    snprintf(command, sizeof(command), "nft 'table %s fw { chain c { type filter hook forward priority 0; %s; }; }'",
             table, rule);
    assert_int_equal(kernel_shell(command), 0);
}

static void a_family_sees_its_own_packets(void **state)
{
    (void)state;
    add_rule("ip", "drop");
    assert_int_equal(meet(RULES_FORWARD, NULL), RULES_PASSES);
    add_rule("ip6", "drop");
    assert_int_equal(meet(RULES_FORWARD, NULL), RULES_DROPPED);
    add_rule("inet", "drop");
    assert_int_equal(meet(RULES_FORWARD, NULL), RULES_DROPPED);
    packet.source = kernel_address("10.20.0.7");
    packet.destination = kernel_address("192.0.2.1");
    add_rule("ip6", "drop");
    assert_int_equal(meet(RULES_FORWARD, NULL), RULES_PASSES);
}

static void what_nft_says_of_it(void **state)
{
    static const struct {
        const char *table, *rule, *text; /* text NULL: it passes; "": as the rule */
    } rows[] = {
        {"ip6", "ip6 saddr fd00:20::7 drop", ""},
        {"ip6", "ip6 saddr fd00:20::8 drop", NULL},
        {"ip6", "ip6 saddr fd00::/8 drop", ""},
        {"ip6", "ip6 saddr fd00:20::/36 drop", ""},
        {"ip6", "ip6 daddr 2001:db8::/32 drop", ""},
        {"ip6", "ip6 daddr 2001:db9::/32 drop", NULL},
        {"ip6", "ip6 nexthdr tcp drop", ""},
        {"ip6", "ip6 hoplimit 1 drop", NULL},
        {"ip6", "ip6 saddr { fd00:20::7, fd00:20::9 } drop", "ip6 saddr { ... } drop"},
        {"ip6", "ip6 saddr { fd00:20::1-fd00:20::6, fd00:30::/64 } drop", NULL},
        {"ip6", "ip6 saddr { fd00:20::1-fd00:20::9, fd00:30::/64 } drop", "ip6 saddr { ... } drop"},
        {"ip6", "ip6 saddr . tcp dport { fd00:20::7 . 443 } drop", "ip6 saddr . tcp dport { ... } drop"},
        {"ip6", "exthdr frag exists drop", NULL},
        {"ip6", "exthdr frag missing drop", "... drop"},
        {"ip6", "rt type 0 drop", NULL},
        {"ip6", "icmpv6 type echo-request drop", NULL},
        {"ip6", "meta l4proto ipv6-icmp drop", NULL},
        {"inet", "meta nfproto ipv4 drop", NULL},
        {"inet", "meta nfproto ipv6 drop", ""},
        {"inet", "ip saddr 10.0.0.0/8 drop", NULL},
        {"inet", "ip6 daddr 2001:db8::5 tcp dport 443 drop",
         "meta nfproto ipv6 ip6 daddr 2001:db8::5 tcp dport 443 drop"},
        {"inet", "meta protocol ip6 drop", "meta protocol ip6 drop"},
        {"inet", "tcp dport 443 reject", "tcp dport 443 reject"},
    };
    char text[RULES_TEXT_MAX];

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        enum rules_outcome expected = rows[i].text ? RULES_DROPPED : RULES_PASSES;

        (void)state;
        add_rule(rows[i].table, rows[i].rule);
        text[0] = '\0';
        print_message("%s\n", rows[i].rule);
        assert_int_equal(meet(RULES_FORWARD, text), expected);
        if (expected == RULES_DROPPED)
            assert_string_equal(text, *rows[i].text ? rows[i].text : rows[i].rule);
    }
}

/* What ip6tables asks for by matches of xtables. */
static void what_ip6tables_says_of_it(void **state)
{
    static const struct {
        const char *rule;
        enum rules_outcome outcome;
    } rows[] = {
        {"-s fd00:20::/64", RULES_DROPPED},
        {"! -d 2001:db8::/32", RULES_PASSES},
        {"-p tcp --dport 443", RULES_DROPPED},
        {"-p tcp --dport 80", RULES_PASSES},
        {"-p tcp -m multiport --dports 80,443", RULES_DROPPED},
        {"-p ipv6-icmp --icmpv6-type echo-request", RULES_PASSES},
        {"-m conntrack --ctstate NEW", RULES_DROPPED},
        {"-m conntrack --ctstate ESTABLISHED", RULES_PASSES},
        {"-m iprange --src-range fd00:20::1-fd00:20::9", RULES_DROPPED},
        {"-m iprange --dst-range fd00:20::1-fd00:20::9", RULES_PASSES},
        {"-m addrtype --dst-type LOCAL", RULES_PASSES},
        {"-m addrtype --dst-type UNICAST", RULES_DROPPED},
        {"-m mac --mac-source 02:00:00:00:00:07", RULES_DROPPED},
        {"-m rt --rt-type 0", RULES_PASSES},
        {"-m frag --fragmore", RULES_PASSES},
        {"-m hl --hl-eq 255", RULES_MAY_BE_DROPPED}, /* not understood */
    };
    char command[256];

    (void)state;
    if (kernel_shell("command -v ip6tables-nft >/dev/null") != 0)
        skip();
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        print_message("%s\n", rows[i].rule);
        snprintf(command, sizeof(command), "ip6tables-nft -F FORWARD; ip6tables-nft -A FORWARD %s -j DROP",
                 rows[i].rule);
        assert_int_equal(kernel_shell(command), 0);
        assert_int_equal(meet(RULES_FORWARD, NULL), rows[i].outcome);
    }
}

static void ping(void **state)
{
    (void)state;
    packet.protocol = IPPROTO_ICMPV6;
    packet.icmp_type = 128;
    add_rule("ip6", "icmpv6 type { nd-neighbor-solicit, echo-reply } drop");
    assert_int_equal(meet(RULES_FORWARD, NULL), RULES_PASSES);
    add_rule("inet", "icmpv6 type echo-request drop");
    assert_int_equal(meet(RULES_FORWARD, NULL), RULES_DROPPED);
    add_rule("inet", "icmp type echo-request drop");
    assert_int_equal(meet(RULES_FORWARD, NULL), RULES_PASSES);
}

/* It is known by its hop limit, too, and says whose MAC it is about. */
static void who_looks_for_a_neighbour(void **state)
{
    (void)state;
    packet.protocol = IPPROTO_ICMPV6;
    packet.icmp_type = 135;
    packet.target = kernel_address("fd00:20::1");
    add_rule("ip6", "icmpv6 type nd-neighbor-solicit ip6 hoplimit != 255 drop");
    assert_int_equal(meet(RULES_FORWARD, NULL), RULES_PASSES);
    add_rule("ip6", "icmpv6 type nd-neighbor-solicit ip6 hoplimit 255 drop");
    assert_int_equal(meet(RULES_FORWARD, NULL), RULES_DROPPED);
    add_rule("ip6", "ip6 length 32 @th,64,128 0xfd002000000000000000000000000001 @th,192,16 0x0101 drop");
    assert_int_equal(meet(RULES_FORWARD, NULL), RULES_PASSES);
    add_rule("ip6", "ip6 length 32 @th,64,128 0xfd000020000000000000000000000001 @th,192,16 0x0101 drop");
    assert_int_equal(meet(RULES_FORWARD, NULL), RULES_DROPPED);
}

/* As by IPv4: the first rule that gives it another address is told. */
static void another_address(void **state)
{
    struct tapnet_error error = {0};
    struct rules_ruleset ruleset = {.chain_count = 0};
    struct rules_answer answer;

    (void)state;
    assert_int_equal(kernel_shell("nft 'table ip6 fw { chain c { type nat hook prerouting priority -100; "
                                  "tcp dport 443 dnat to [fd00:20::9]:44; }; }'"),
                     0);
    assert_int_equal(nft_dump_read(kernel_netlink, &ruleset, &error), 0);
    rules_meet(&ruleset, RULES_PREROUTING, RULES_STACK, &packet, &answer);
    assert_int_equal(answer.outcome, RULES_PASSES);
    assert_non_null(answer.nat);
    rules_fini(&ruleset);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, clear, flush)
    static const struct CMUnitTest tests[] = {
        TEST(a_family_sees_its_own_packets), TEST(what_nft_says_of_it), TEST(what_ip6tables_says_of_it), TEST(ping),
        TEST(who_looks_for_a_neighbour),     TEST(another_address),
    };

    if (!kernel_enter())
        return KERNEL_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
