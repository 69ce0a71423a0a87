/* SPDX-License-Identifier: MIT */
/* Everybody's rules, read without a kernel: tapnet's own, as it sends them, are understood and do what they are for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include "base/array.h"
#include "nft/dump.h"
#include "nft/message.h"
#include "nft/nft.h"
#include "nft/ruleset.h"
#include "rules/meet.h"

/*
 *   web 10.20.0.7 --- lab-web --- br-lab 10.20.0.1/24 --- NAT --- eth0 --- 198.41.0.4
 */
static const struct mac web_mac = {{0x52, 0x54, 0, 0, 0, 7}};

static struct ip_address address(const char *text)
{
    struct ip_address address;

    assert_int_equal(ip_address_parse(text, &address), 0);
    return address;
}

/* ---- messages into a ruleset ---- */

static void read_message(const struct nlmsghdr *message, struct rules_ruleset *ruleset)
{
    static const struct {
        int type;
        int (*add)(const struct nlmsghdr *message, struct rules_ruleset *ruleset);
    } kinds[] = {
        {NFT_MSG_NEWTABLE, nft_dump_add_table},      {NFT_MSG_NEWCHAIN, nft_dump_add_chain},
        {NFT_MSG_NEWRULE, nft_dump_add_rule},        {NFT_MSG_NEWSET, nft_dump_add_set},
        {NFT_MSG_NEWSETELEM, nft_dump_add_elements},
    };

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (nft_message_type(message) == kinds[i].type)
            assert_int_equal(kinds[i].add(message, ruleset), 0);
}

static void read_messages(const struct netlink_message *row, struct rules_ruleset *ruleset)
{
    size_t at = 0;

    assert_int_equal(row->failure, 0);
    while (at < row->len) {
        const struct nlmsghdr *message = (const void *)(row->bytes + at);

        read_message(message, ruleset);
        at += NLMSG_ALIGN(message->nlmsg_len);
    }
}

/* tapnet's tables with @elements in their sets. */
static struct rules_ruleset ours(const struct guard_element *elements, size_t count)
{
    struct rules_ruleset ruleset = {.chain_count = 0};
    struct nft_transaction transaction;

    nft_transaction_init(&transaction);
    for (enum guard_family family = 0; family < GUARD_FAMILY_COUNT; family++)
        nft_table_add(&transaction, family);
    nft_elements_add(&transaction, elements, count);
    read_messages(&transaction.message, &ruleset);
    nft_transaction_fini(&transaction);
    return ruleset;
}

/* ---- what is understood ---- */

static void every_step_of_ours_is_understood(void **state)
{
    struct rules_ruleset ruleset = ours(NULL, 0);
    size_t rules = 0, wanted = 0;

    (void)state;
    for (enum guard_family family = 0; family < GUARD_FAMILY_COUNT; family++)
        for (size_t i = 0; nft_ruleset_rule(family, i); i++)
            wanted++;
    for (size_t c = 0; c < ruleset.chain_count; c++)
        for (size_t r = 0; r < ruleset.chains[c].rule_count; r++, rules++) {
            const struct rules_rule *rule = &ruleset.chains[c].rules[r];

            assert_true(*rule->comment);
            for (size_t s = 0; s < rule->step_count; s++)
                assert_int_not_equal(rule->steps[s].kind, RULES_UNKNOWN);
        }
    assert_int_equal(rules, wanted);
    rules_fini(&ruleset);
}

static struct rules_packet out_packet(void)
{
    return (struct rules_packet){
        .in = "br-lab",
        .out = "eth0",
        .ethernet = true,
        .source_mac = web_mac,
        .source = address("10.20.0.7"),
        .destination = address("198.41.0.4"),
        .destination_type = RTN_UNICAST,
        .protocol = IPPROTO_TCP,
        .destination_port = 443,
        .state = RULES_NEW,
    };
}

static enum rules_outcome meet(const struct rules_ruleset *ruleset, enum rules_hook hook, enum rules_side side,
                               struct rules_packet packet, struct rules_answer *ret)
{
    rules_meet(ruleset, hook, side, &packet, ret);
    return ret->outcome;
}

static void guests_go_out_with_the_hosts_address(void **state)
{
    const struct guard_element elements[] = {guard_network("br-lab", "lab/lab"),
                                             guard_egress("br-lab", "eth0", "lab/lab")};
    struct rules_ruleset ruleset = ours(elements, ARRAY_COUNT(elements));
    struct rules_packet packet = out_packet();
    struct rules_answer answer;

    (void)state;
    assert_int_equal(meet(&ruleset, RULES_FORWARD, RULES_STACK, packet, &answer), RULES_PASSES);
    assert_int_equal(meet(&ruleset, RULES_POSTROUTING, RULES_STACK, packet, &answer), RULES_PASSES);
    assert_non_null(answer.nat);
    assert_string_equal(answer.nat_chain->name, "source_nat");
    packet.out = "eth1";
    packet.in_kind = "bridge";
    assert_int_equal(meet(&ruleset, RULES_FORWARD, RULES_STACK, packet, &answer), RULES_DROPPED);
    assert_string_equal(answer.chain->name, "refuse");
    packet.in_kind = "tun"; /* a routed port */
    assert_int_equal(meet(&ruleset, RULES_FORWARD, RULES_STACK, packet, &answer), RULES_DROPPED);
    assert_string_equal(answer.chain->name, "block");
    rules_fini(&ruleset);
}

static void answers_come_in_and_nothing_else(void **state)
{
    const struct guard_element elements[] = {guard_network("br-lab", "lab/lab"),
                                             guard_egress("br-lab", "eth0", "lab/lab")};
    struct rules_ruleset ruleset = ours(elements, ARRAY_COUNT(elements));
    struct rules_packet packet = out_packet();
    struct rules_answer answer;

    (void)state;
    packet.in = "eth0";
    packet.out = "br-lab";
    packet.source = address("198.41.0.4");
    packet.destination = address("10.20.0.7");
    assert_int_equal(meet(&ruleset, RULES_FORWARD, RULES_STACK, packet, &answer), RULES_DROPPED);
    packet.state = RULES_ESTABLISHED;
    packet.status = IPS_CONFIRMED | IPS_SEEN_REPLY;
    packet.is_reply = true;
    assert_int_equal(meet(&ruleset, RULES_FORWARD, RULES_STACK, packet, &answer), RULES_PASSES);
    rules_fini(&ruleset);
}

static void a_forward_gives_another_address(void **state)
{
    const struct ip_address web = address("10.20.0.7"), any = {0};
    const struct guard_element elements[] = {guard_forward(&any, IPPROTO_TCP, 8080, &web, 80, "lab/lab/web")};
    struct rules_ruleset ruleset = ours(elements, ARRAY_COUNT(elements));
    struct rules_packet packet = out_packet();
    struct rules_answer answer;

    (void)state;
    packet.in = "eth0";
    packet.out = "";
    packet.source = address("198.41.0.4");
    packet.destination = address("192.0.2.2");
    packet.destination_type = RTN_LOCAL;
    packet.destination_port = 8080;
    assert_int_equal(meet(&ruleset, RULES_PREROUTING, RULES_STACK, packet, &answer), RULES_PASSES);
    assert_non_null(answer.nat);
    packet.destination_port = 8081;
    assert_int_equal(meet(&ruleset, RULES_PREROUTING, RULES_STACK, packet, &answer), RULES_PASSES);
    assert_null(answer.nat);
    rules_fini(&ruleset);
}

static void a_port_sends_from_its_own_address(void **state)
{
    const struct ip_address web = address("10.20.0.7");
    const struct guard_element elements[] = {guard_port("lab-web", "lab/lab/web"),
                                             guard_port_mac("lab-web", &web_mac, "lab/lab/web"),
                                             guard_port_source("lab-web", &web_mac, &web, "lab/lab/web")};
    struct rules_ruleset ruleset = ours(elements, ARRAY_COUNT(elements));
    struct rules_packet packet = out_packet();
    struct rules_answer answer;

    (void)state;
    packet.in = "lab-web";
    packet.out = "";
    assert_int_equal(meet(&ruleset, RULES_PREROUTING, RULES_FRAMES, packet, &answer), RULES_PASSES);
    packet.source = address("10.20.0.8");
    assert_int_equal(meet(&ruleset, RULES_PREROUTING, RULES_FRAMES, packet, &answer), RULES_DROPPED);
    packet.source = address("10.20.0.7");
    packet.source_mac.bytes[5] = 8;
    assert_int_equal(meet(&ruleset, RULES_PREROUTING, RULES_FRAMES, packet, &answer), RULES_DROPPED);
    rules_fini(&ruleset);
}

/* ---- whose chains are met ---- */

static void put_table(struct netlink_message *message, uint8_t family, uint32_t flags)
{
    nft_message_begin(message, NFT_MSG_NEWTABLE, 0, family);
    netlink_put_text(message, NFTA_TABLE_NAME, "fw");
    netlink_put_be32(message, NFTA_TABLE_FLAGS, flags);
}

static void put_chain(struct netlink_message *message, uint8_t family, uint32_t hook, const char *device)
{
    size_t nest;

    nft_message_begin(message, NFT_MSG_NEWCHAIN, 0, family);
    netlink_put_text(message, NFTA_CHAIN_TABLE, "fw");
    netlink_put_text(message, NFTA_CHAIN_NAME, "c");
    nest = netlink_nest_begin(message, NFTA_CHAIN_HOOK);
    netlink_put_be32(message, NFTA_HOOK_HOOKNUM, hook);
    netlink_put_be32(message, NFTA_HOOK_PRIORITY, 0);
    if (device)
        netlink_put_text(message, NFTA_HOOK_DEV, device);
    netlink_nest_end(message, nest);
    netlink_put_be32(message, NFTA_CHAIN_POLICY, NF_DROP);
    netlink_put_text(message, NFTA_CHAIN_TYPE, "filter");
}

static struct rules_ruleset one_chain(uint8_t family, uint32_t flags, uint32_t hook, const char *device)
{
    struct netlink_message message = {0};
    struct rules_ruleset ruleset = {.chain_count = 0};

    put_table(&message, family, flags);
    put_chain(&message, family, hook, device);
    read_messages(&message, &ruleset);
    netlink_message_fini(&message);
    assert_int_equal(ruleset.chain_count, 1);
    return ruleset;
}

static void nothing_meets_a_table_that_is_switched_off(void **state)
{
    struct rules_ruleset on = one_chain(NFPROTO_INET, 0, NF_INET_FORWARD, NULL);
    struct rules_ruleset off = one_chain(NFPROTO_INET, NFT_TABLE_F_DORMANT, NF_INET_FORWARD, NULL);
    struct rules_answer answer;

    (void)state;
    assert_int_equal(meet(&on, RULES_FORWARD, RULES_STACK, out_packet(), &answer), RULES_DROPPED);
    assert_int_equal(meet(&off, RULES_FORWARD, RULES_STACK, out_packet(), &answer), RULES_PASSES);
    rules_fini(&on);
    rules_fini(&off);
}

static void hooks_of_devices_have_numbers_of_their_own(void **state)
{
    struct rules_ruleset ingress = one_chain(NFPROTO_NETDEV, 0, NF_NETDEV_INGRESS, "eth0");
    struct rules_ruleset egress = one_chain(NFPROTO_NETDEV, 0, NF_NETDEV_EGRESS, "eth0");
    struct rules_ruleset inet = one_chain(NFPROTO_INET, 0, NF_INET_INGRESS, "br-lab");
    struct rules_answer answer;

    (void)state;
    assert_int_equal(ingress.chains[0].hook, RULES_INGRESS);
    assert_int_equal(egress.chains[0].hook, RULES_EGRESS);
    assert_int_equal(meet(&egress, RULES_EGRESS, RULES_DEVICE, out_packet(), &answer), RULES_DROPPED);
    assert_int_equal(meet(&egress, RULES_INPUT, RULES_STACK, out_packet(), &answer), RULES_PASSES);
    assert_int_equal(meet(&inet, RULES_INGRESS, RULES_DEVICE, out_packet(), &answer), RULES_DROPPED);
    rules_fini(&ingress);
    rules_fini(&egress);
    rules_fini(&inet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_of_ours_is_understood),
        cmocka_unit_test(guests_go_out_with_the_hosts_address),
        cmocka_unit_test(answers_come_in_and_nothing_else),
        cmocka_unit_test(a_forward_gives_another_address),
        cmocka_unit_test(a_port_sends_from_its_own_address),
        cmocka_unit_test(nothing_meets_a_table_that_is_switched_off),
        cmocka_unit_test(hooks_of_devices_have_numbers_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
