/* SPDX-License-Identifier: MIT */
/* A table of ip_tables, built here entry by entry as the kernel has it, and read as chains and rules. */
#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rules/meet.h"
#include "xtables/legacy.h"

/*
 *   offset  chain     entry
 *   0       FORWARD   -i br-lab -s 10.20.0.0/24 -j INNER
 *   ...               -p udp (no target)
 *                     policy
 *           INNER     (its head)
 *                     -o eth+ -m comment -j REJECT
 *                     end of the chain: return
 *                     end of the table
 */
#define ROOM 4096

static struct table {
    _Alignas(8) uint8_t bytes[ROOM];
    size_t len;
    struct legacy_table table;
} made;

static struct ipt_entry *add_entry(const char *target, size_t target_len, size_t match_len)
{
    struct ipt_entry *entry = (void *)(made.bytes + made.len);
    struct xt_entry_target *end;

    memset(entry, 0, sizeof(*entry) + match_len + target_len);
    entry->target_offset = (uint16_t)(sizeof(*entry) + match_len);
    entry->next_offset = (uint16_t)(entry->target_offset + target_len);
    end = (void *)((uint8_t *)entry + entry->target_offset);
    end->u.target_size = (uint16_t)target_len;
    strcpy(end->u.user.name, target);
    made.len += entry->next_offset;
    return entry;
}

static struct ipt_entry *add_standard(int verdict)
{
    struct ipt_entry *entry = add_entry("", XT_ALIGN(sizeof(struct xt_standard_target)), 0);

    ((struct xt_standard_target *)((uint8_t *)entry + entry->target_offset))->verdict = verdict;
    return entry;
}

static void add_head(const char *name)
{
    struct ipt_entry *entry = add_entry("ERROR", XT_ALIGN(sizeof(struct xt_error_target)), 0);

    strcpy(((struct xt_error_target *)((uint8_t *)entry + entry->target_offset))->errorname, name);
}

static int build(void **state)
{
    struct ipt_entry *jump, *reject, *udp;
    struct xt_entry_match *comment;
    size_t match_len = XT_ALIGN(sizeof(struct xt_entry_match) + 256);

    (void)state;
    memset(&made, 0, sizeof(made));
    jump = add_standard(0);
    strcpy(jump->ip.iniface, "br-lab");
    memset(jump->ip.iniface_mask, 0xff, sizeof("br-lab"));
    inet_pton(AF_INET, "10.20.0.0", &jump->ip.src);
    inet_pton(AF_INET, "255.255.255.0", &jump->ip.smsk);
    udp = add_standard(0);
    udp->ip.proto = IPPROTO_UDP;
    ((struct xt_standard_target *)((uint8_t *)udp + udp->target_offset))->verdict = (int)made.len;
    made.table.underflows[NF_INET_FORWARD] = (unsigned)made.len;
    add_standard(-NF_ACCEPT - 1);
    add_head("INNER");
    ((struct xt_standard_target *)((uint8_t *)jump + jump->target_offset))->verdict = (int)made.len;
    reject = add_entry("REJECT", XT_ALIGN(sizeof(struct xt_entry_target) + 4), match_len);
    strcpy(reject->ip.outiface, "eth");
    memset(reject->ip.outiface_mask, 0xff, 3);
    comment = (void *)reject->elems;
    comment->u.match_size = (uint16_t)match_len;
    strcpy(comment->u.user.name, "comment");
    strcpy((char *)comment->data, "go away");
    add_standard(XT_RETURN);
    add_head("ERROR");
    made.table.name = "filter";
    made.table.hooks = 1u << NF_INET_FORWARD;
    made.table.bytes = made.bytes;
    made.table.len = made.len;
    return 0;
}

static void test_chains_and_rules(void **state)
{
    struct rules_ruleset ruleset = {0};
    char text[RULES_TEXT_MAX];

    (void)state;
    assert_int_equal(legacy_add(&made.table, &ruleset), 0);
    assert_int_equal(ruleset.chain_count, 2);
    assert_string_equal(ruleset.chains[0].name, "FORWARD");
    assert_int_equal(ruleset.chains[0].hook, RULES_FORWARD);
    assert_false(ruleset.chains[0].drops);
    assert_int_equal(ruleset.chains[0].rule_count, 2);
    assert_string_equal(rules_print(RULES_IP4, &ruleset.chains[0].rules[0], text),
                        "iifname \"br-lab\" ip saddr 10.20.0.0/24 jump INNER");
    assert_string_equal(rules_print(RULES_IP4, &ruleset.chains[0].rules[1], text), "meta l4proto udp");
    assert_string_equal(ruleset.chains[1].name, "INNER");
    assert_int_equal(ruleset.chains[1].rule_count, 2);
    assert_string_equal(rules_print(RULES_IP4, &ruleset.chains[1].rules[0], text),
                        "oifname \"eth*\" /* go away */ reject");
    assert_string_equal(rules_print(RULES_IP4, &ruleset.chains[1].rules[1], text), "return");
    rules_fini(&ruleset);
}

static enum rules_outcome ask(const char *source)
{
    struct rules_packet packet = {.in = "br-lab", .out = "eth0", .protocol = IPPROTO_TCP, .state = RULES_NEW};
    struct rules_ruleset ruleset = {0};
    struct rules_answer answer;

    ip_address_parse(source, &packet.source);
    assert_int_equal(legacy_add(&made.table, &ruleset), 0);
    rules_meet(&ruleset, RULES_FORWARD, RULES_STACK, &packet, &answer);
    rules_fini(&ruleset);
    return answer.outcome;
}

static void test_a_packet_meets_them(void **state)
{
    (void)state;
    assert_int_equal(ask("10.20.0.7"), RULES_DROPPED);
    assert_int_equal(ask("10.21.0.7"), RULES_PASSES);
}

static void test_policy(void **state)
{
    struct ipt_entry *policy = (void *)(made.bytes + made.table.underflows[NF_INET_FORWARD]);

    (void)state;
    ((struct xt_standard_target *)((uint8_t *)policy + policy->target_offset))->verdict = -NF_DROP - 1;
    assert_int_equal(ask("10.21.0.7"), RULES_DROPPED);
}

/* Each length of the first entries is wrong in turn, and the table is cut anywhere: refused, or read without harm. */
static void test_what_can_not_be(void **state)
{
    struct ipt_entry *entry = (void *)made.bytes;

    (void)state;
    for (size_t len = 0; len < made.len; len++) {
        struct rules_ruleset ruleset = {0};
        uint8_t *cut = malloc(len + 1);

        memcpy(cut, made.bytes, len);
        made.table.bytes = cut;
        made.table.len = len;
        legacy_add(&made.table, &ruleset);
        rules_fini(&ruleset);
        free(cut);
    }
    made.table.bytes = made.bytes;
    made.table.len = made.len;
    for (unsigned value = 0; value < 4096; value += 4) {
        struct rules_ruleset ruleset = {0};
        uint16_t next = entry->next_offset, target = entry->target_offset;

        entry->next_offset = (uint16_t)value;
        legacy_add(&made.table, &ruleset);
        rules_fini(&ruleset);
        entry->next_offset = next;
        entry->target_offset = (uint16_t)value;
        legacy_add(&made.table, &ruleset);
        rules_fini(&ruleset);
        entry->target_offset = target;
    }
    entry->next_offset = 0;
    assert_int_equal(legacy_add(&made.table, &(struct rules_ruleset){0}), -EBADMSG);
}

/* ---- ip6_tables ---- */

static struct ip6t_entry *add_standard6(int verdict)
{
    const size_t target_len = XT_ALIGN(sizeof(struct xt_standard_target));
    struct ip6t_entry *entry = (void *)(made.bytes + made.len);
    struct xt_standard_target *target;

    entry->target_offset = sizeof(*entry);
    entry->next_offset = (uint16_t)(sizeof(*entry) + target_len);
    target = (void *)entry->elems;
    target->target.u.target_size = (uint16_t)target_len;
    target->verdict = verdict;
    made.len += entry->next_offset;
    return entry;
}

/* FORWARD: -i br-lab -s fd00:20::/64 -p ipv6-icmp -j DROP, and a policy that accepts. */
static int build6(void **state)
{
    struct ip6t_entry *drop;

    (void)state;
    memset(&made, 0, sizeof(made));
    drop = add_standard6(-NF_DROP - 1);
    strcpy(drop->ipv6.iniface, "br-lab");
    memset(drop->ipv6.iniface_mask, 0xff, sizeof("br-lab"));
    inet_pton(AF_INET6, "fd00:20::", &drop->ipv6.src);
    inet_pton(AF_INET6, "ffff:ffff:ffff:ffff::", &drop->ipv6.smsk);
    drop->ipv6.proto = IPPROTO_ICMPV6;
    made.table = (struct legacy_table){.name = "filter", .ip6 = true, .hooks = 1u << NF_INET_FORWARD};
    made.table.underflows[NF_INET_FORWARD] = (unsigned)made.len;
    add_standard6(-NF_ACCEPT - 1);
    made.table.bytes = made.bytes;
    made.table.len = made.len;
    return 0;
}

static void test_a_table_of_ip6(void **state)
{
    struct rules_packet packet = {.in = "br-lab", .out = "eth0", .protocol = IPPROTO_ICMPV6, .state = RULES_NEW};
    struct rules_ruleset ruleset = {0};
    struct rules_answer answer;
    char text[RULES_TEXT_MAX];

    (void)state;
    assert_int_equal(legacy_add(&made.table, &ruleset), 0);
    assert_int_equal(ruleset.chain_count, 1);
    assert_int_equal(ruleset.chains[0].family, RULES_IP6);
    assert_string_equal(rules_print(RULES_IP6, &ruleset.chains[0].rules[0], text),
                        "iifname \"br-lab\" ip6 saddr fd00:20::/64 meta l4proto ipv6-icmp drop");
    ip_address_parse("fd00:20::7", &packet.source);
    rules_meet(&ruleset, RULES_FORWARD, RULES_STACK, &packet, &answer);
    assert_int_equal(answer.outcome, RULES_DROPPED);
    ip_address_parse("fd00:21::7", &packet.source);
    rules_meet(&ruleset, RULES_FORWARD, RULES_STACK, &packet, &answer);
    assert_int_equal(answer.outcome, RULES_PASSES);
    rules_fini(&ruleset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_chains_and_rules, build), cmocka_unit_test_setup(test_a_packet_meets_them, build),
        cmocka_unit_test_setup(test_policy, build),           cmocka_unit_test_setup(test_what_can_not_be, build),
        cmocka_unit_test_setup(test_a_table_of_ip6, build6),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
