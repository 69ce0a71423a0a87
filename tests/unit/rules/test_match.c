/* SPDX-License-Identifier: MIT */
/* The matches and targets of xtables, one table of structures and what they say of a packet. */
#include <netinet/in.h> /* before the kernel's own, which then leave its definitions out */
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_mac.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/rtnetlink.h>
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/meet.h"

#define NO RULES_NO
#define MAYBE RULES_MAYBE
#define YES RULES_YES

/* A SYN from 10.20.0.7 to 192.0.2.1 port 80; the answer to it. */
static struct rules_packet syn(void)
{
    struct rules_packet packet = {.in = "br-lab",
                                  .out = "eth0",
                                  .protocol = IPPROTO_TCP,
                                  .destination_port = 80,
                                  .destination_type = RTN_UNICAST,
                                  .source_mac = {{2, 0, 0, 0, 0, 7}},
                                  .state = RULES_NEW};

    ip_address_parse("10.20.0.7", &packet.source);
    ip_address_parse("192.0.2.1", &packet.destination);
    return packet;
}

static struct rules_packet answer(void)
{
    struct rules_packet packet = syn();

    packet.state = RULES_ESTABLISHED;
    packet.status = IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_SRC_NAT;
    packet.is_reply = true;
    packet.source_port = 80;
    packet.destination_port = 0;
    return packet;
}

static enum rules_truth ask(struct rules_packet packet, const char *name, uint8_t revision, const void *info,
                            size_t len)
{
    const struct rules_step step = {
        .kind = RULES_MATCH, .name = name, .revision = revision, .bytes = info, .bytes_len = len};

    return rules_match(&packet, true, &step);
}

#define ASK(packet, name, revision, info) ask(packet, name, revision, &(info), sizeof(info))

static void test_connections(void **state)
{
    struct xt_conntrack_mtinfo3 fresh = {.match_flags = XT_CONNTRACK_STATE, .state_mask = RULES_NEW};
    struct xt_conntrack_mtinfo3 known = {.match_flags = XT_CONNTRACK_STATE,
                                         .state_mask = RULES_ESTABLISHED | RULES_RELATED};
    struct xt_conntrack_mtinfo3 snat = {.match_flags = XT_CONNTRACK_STATE, .state_mask = XT_CONNTRACK_STATE_SNAT};
    struct xt_conntrack_mtinfo3 dnat = {.match_flags = XT_CONNTRACK_STATE, .state_mask = XT_CONNTRACK_STATE_DNAT};
    struct xt_conntrack_mtinfo3 reply = {.match_flags = XT_CONNTRACK_DIRECTION, .invert_flags = XT_CONNTRACK_DIRECTION};
    struct xt_conntrack_mtinfo3 more = {.match_flags = XT_CONNTRACK_STATE | XT_CONNTRACK_EXPIRES,
                                        .state_mask = RULES_NEW};
    struct xt_state_info old = {.statemask = RULES_NEW | RULES_INVALID};

    (void)state;
    assert_int_equal(ASK(syn(), "conntrack", 3, fresh), YES);
    assert_int_equal(ASK(answer(), "conntrack", 3, fresh), NO);
    assert_int_equal(ASK(syn(), "conntrack", 3, known), NO);
    assert_int_equal(ASK(answer(), "conntrack", 3, known), YES);
    known.invert_flags = XT_CONNTRACK_STATE;
    assert_int_equal(ASK(answer(), "conntrack", 3, known), NO);
    assert_int_equal(ASK(syn(), "conntrack", 3, snat), NO); /* not yet */
    assert_int_equal(ASK(answer(), "conntrack", 3, snat), YES);
    assert_int_equal(ASK(answer(), "conntrack", 3, dnat), MAYBE);
    assert_int_equal(ASK(syn(), "conntrack", 3, reply), NO);
    assert_int_equal(ASK(answer(), "conntrack", 3, reply), YES);
    assert_int_equal(ASK(syn(), "conntrack", 3, more), MAYBE);
    assert_int_equal(ASK(answer(), "conntrack", 3, more), NO); /* whatever the rest says */
    assert_int_equal(ASK(syn(), "state", 0, old), YES);
}

static void test_ports(void **state)
{
    struct xt_tcp http = {.spts = {0, 65535}, .dpts = {80, 80}}, others = {.spts = {0, 65535}, .dpts = {81, 65535}};
    struct xt_tcp from = {.spts = {1024, 65535}, .dpts = {0, 65535}};
    struct xt_tcp first = {.spts = {0, 65535}, .dpts = {0, 65535}, .flg_mask = 0x17, .flg_cmp = 0x02};
    struct xt_udp udp = {.spts = {0, 65535}, .dpts = {0, 65535}};
    struct xt_multiport_v1 some = {
        .flags = XT_MULTIPORT_DESTINATION, .count = 3, .ports = {22, 79, 81}, .pflags = {0, 1, 0}};
    struct ipt_icmp echo = {.type = 8, .code = {0, 255}};

    (void)state;
    assert_int_equal(ASK(syn(), "tcp", 0, http), YES);
    assert_int_equal(ASK(syn(), "tcp", 0, others), NO);
    others.invflags = XT_TCP_INV_DSTPT;
    assert_int_equal(ASK(syn(), "tcp", 0, others), YES);
    assert_int_equal(ASK(syn(), "tcp", 0, from), MAYBE);
    assert_int_equal(ASK(answer(), "tcp", 0, from), NO);
    assert_int_equal(ASK(answer(), "tcp", 0, http), MAYBE);
    assert_int_equal(ASK(syn(), "tcp", 0, first), YES);
    assert_int_equal(ASK(answer(), "tcp", 0, first), MAYBE);
    assert_int_equal(ASK(syn(), "udp", 0, udp), NO);
    assert_int_equal(ASK(syn(), "icmp", 0, echo), NO);
    assert_int_equal(ASK(syn(), "multiport", 1, some), YES);
    some.pflags[1] = 0;
    assert_int_equal(ASK(syn(), "multiport", 1, some), NO);
    some.invert = 1;
    assert_int_equal(ASK(syn(), "multiport", 1, some), YES);
}

static void test_addresses_and_devices(void **state)
{
    struct xt_addrtype_info_v1 local = {.dest = 1 << RTN_LOCAL}, unicast = {.dest = 1 << RTN_UNICAST};
    struct xt_iprange_mtinfo range = {.flags = IPRANGE_SRC};
    struct xt_mac_info mac = {.srcaddr = {2, 0, 0, 0, 0, 7}};
    struct xt_physdev_info bridged = {.bitmask = XT_PHYSDEV_OP_BRIDGED};
    struct xt_physdev_info in = {.bitmask = XT_PHYSDEV_OP_IN, .physindev = "lab-", .in_mask = "\xff\xff\xff\xff"};
    struct xt_mark_mtinfo1 marked = {.mark = 1, .mask = 0xff};
    struct rules_packet frame = syn();

    (void)state;
    assert_int_equal(ASK(syn(), "addrtype", 1, local), NO);
    assert_int_equal(ASK(syn(), "addrtype", 1, unicast), YES);
    inet_pton(AF_INET, "10.20.0.1", &range.src_min);
    inet_pton(AF_INET, "10.20.0.7", &range.src_max);
    assert_int_equal(ASK(syn(), "iprange", 1, range), YES);
    inet_pton(AF_INET, "10.20.0.6", &range.src_max);
    assert_int_equal(ASK(syn(), "iprange", 1, range), NO);
    assert_int_equal(ASK(syn(), "mac", 0, mac), YES);
    mac.invert = 1;
    assert_int_equal(ASK(syn(), "mac", 0, mac), NO);
    assert_int_equal(ASK(syn(), "physdev", 0, bridged), NO); /* it is routed */
    frame.port_in = "lab-web";
    frame.port_out = "lab-db";
    assert_int_equal(ASK(frame, "physdev", 0, bridged), YES);
    assert_int_equal(ASK(frame, "physdev", 0, in), YES);
    frame.port_in = "eth9";
    assert_int_equal(ASK(frame, "physdev", 0, in), NO);
    assert_int_equal(ASK(syn(), "mark", 1, marked), NO);
}

/* Another revision may have another structure, and one that is too short is none. */
static void test_what_is_not_known_may_match(void **state)
{
    struct xt_mac_info mac = {.srcaddr = {2, 0, 0, 0, 0, 9}};

    (void)state;
    assert_int_equal(ASK(syn(), "mac", 1, mac), MAYBE);
    assert_int_equal(ask(syn(), "mac", 0, &mac, sizeof(mac) - 1), MAYBE);
    assert_int_equal(ask(syn(), "set", 4, "", 0), MAYBE);
    assert_int_equal(ask(syn(), "comment", 0, "", 0), YES);
}

static void test_targets(void **state)
{
    struct rules_step step = {.name = "REJECT"};

    (void)state;
    rules_set_target(&step);
    assert_true(step.kind == RULES_VERDICT && step.verdict == RULES_DROP);
    step = (struct rules_step){.name = "MASQUERADE"};
    rules_set_target(&step);
    assert_int_equal(step.kind, RULES_NAT);
    step = (struct rules_step){.name = "SOMETHING"};
    rules_set_target(&step);
    assert_int_equal(step.kind, RULES_UNKNOWN);
    step = (struct rules_step){.name = "CT", .bytes = (const uint8_t[8]){1}, .bytes_len = 8};
    rules_set_target(&step);
    assert_int_equal(step.kind, RULES_NOTRACK);
    step = (struct rules_step){.name = "CT", .bytes = (const uint8_t[8]){0}, .bytes_len = 8};
    rules_set_target(&step);
    assert_int_equal(step.kind, RULES_NEUTRAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_addresses_and_devices),
        cmocka_unit_test(test_what_is_not_known_may_match),
        cmocka_unit_test(test_targets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
