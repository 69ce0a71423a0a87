/* SPDX-License-Identifier: MIT */
/* Packets as lines, and answered: what a line says, what is cut off anywhere, rooms of every size. */
#include "make.h"

#include <tapnet/watch.h>

#define ALL_ANSWERS (TAPNET_ANSWER_ARP | TAPNET_ANSWER_PING | TAPNET_ANSWER_NDP)

static const uint8_t us[6] = {2, 0, 0, 0, 0, 1}, them[6] = {2, 0, 0, 0, 0, 9};

/* An Ethernet header, with a tag when @vlan is not 0. */
static size_t put_link(uint8_t *bytes, uint16_t vlan, uint16_t type)
{
    struct tapnet_ethernet ethernet = {.type = vlan ? ETH_P_8021Q : type};
    const struct tapnet_vlan tag = {.id = vlan, .type = type, .priority = 3};

    memcpy(ethernet.destination, us, 6);
    memcpy(ethernet.source, them, 6);
    assert_int_equal(tapnet_ethernet_build(bytes, 14, &ethernet), 14);
    return vlan ? 14 + (size_t)tapnet_vlan_build(bytes + 14, 4, &tag) : 14;
}

/* "Ping 10.0.0.2", with @payload_len bytes. The packet's length. */
static size_t make_ping(uint8_t *bytes, size_t payload_len)
{
    const struct tapnet_ipv4 ip = {.total_len = (uint16_t)(28 + payload_len),
                                   .ttl = 3,
                                   .protocol = IPPROTO_ICMP,
                                   .source = {10, 0, 0, 1},
                                   .destination = {10, 0, 0, 2}};
    const struct tapnet_icmp icmp = {.type = 8, .id = 7, .sequence = 9};

    assert_int_equal(tapnet_ipv4_build(bytes, 20, &ip), 20);
    memset(bytes + 28, 'x', payload_len);
    assert_int_equal(tapnet_icmp_build(bytes + 20, 8 + payload_len, &icmp, payload_len, 0), 8);
    return 28 + payload_len;
}

static size_t make_arp(uint8_t *bytes, uint16_t vlan)
{
    size_t len = put_link(bytes, vlan, ETH_P_ARP);
    struct tapnet_arp arp = {.operation = 1, .sender = {10, 0, 0, 1}, .target = {10, 0, 0, 2}};

    memcpy(arp.sender_mac, them, 6);
    return len + (size_t)tapnet_arp_build(bytes + len, 28, &arp);
}

static void assert_line(const uint8_t *bytes, size_t len, enum tapnet_device_kind kind, const char *wanted)
{
    char line[TAPNET_LINE_MAX];

    assert_int_equal(tapnet_packet_print(bytes, len, kind, line, sizeof(line)), strlen(wanted));
    assert_string_equal(line, wanted);
}

static void test_lines(void **state)
{
    uint8_t bytes[200];
    size_t len;

    (void)state;
    assert_line(bytes, make_ping(bytes, 5), TAPNET_TUN,
                "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 9, length 13");
    assert_line(bytes, make_arp(bytes, 0), TAPNET_TAP, "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28");
    assert_line(bytes, make_arp(bytes, 5), TAPNET_TAP,
                "vlan 5, p 3, ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28");
    len = put_link(bytes, 0, 0x88cc);
    memset(bytes + len, 0, 20);
    assert_line(bytes, len + 20, TAPNET_TAP, "02:00:00:00:00:09 > 02:00:00:00:00:01, ethertype 0x88cc, length 34");
}

static void test_a_line_is_cut_where_its_room_ends(void **state)
{
    uint8_t bytes[200];
    char whole[TAPNET_LINE_MAX];
    size_t len = make_ping(bytes, 0), line_len = tapnet_packet_print(bytes, len, TAPNET_TUN, whole, sizeof(whole));

    (void)state;
    for (size_t room = 0; room <= line_len + 1; room++) {
        char *cut = malloc(room + 1);

        cut[room] = '!';
        assert_int_equal(tapnet_packet_print(bytes, len, TAPNET_TUN, cut, room), line_len);
        assert_int_equal(cut[room], '!');
        assert_true(room == 0 || (strlen(cut) < room && memcmp(cut, whole, strlen(cut)) == 0));
        free(cut);
    }
}

/* Wherever a packet is cut off a line comes of it, and no answer that the whole one would not have had. */
static void test_packets_that_are_cut_off(void **state)
{
    uint8_t bytes[200], reply[200];
    char line[TAPNET_LINE_MAX];

    (void)state;
    for (int kind = TAPNET_TUN; kind <= TAPNET_TAP; kind++) {
        size_t whole = kind == TAPNET_TUN ? make_ping(bytes, 30) : make_arp(bytes, 7);

        for (size_t len = 0; len <= whole; len++) {
            uint8_t *copy = exact_copy(bytes, len);
            int answer = tapnet_packet_answer(copy, len, (enum tapnet_device_kind)kind, ALL_ANSWERS, us, reply, 200);

            assert_true(tapnet_packet_print(copy, len, (enum tapnet_device_kind)kind, line, sizeof(line)) > 0);
            assert_int_equal(answer, len == whole ? (int)whole : 0);
            free(copy);
        }
    }
}

static void test_answers_want_room(void **state)
{
    uint8_t bytes[200];

    (void)state;
    for (int kind = TAPNET_TUN; kind <= TAPNET_TAP; kind++) {
        size_t len = kind == TAPNET_TUN ? make_ping(bytes, 30) : make_arp(bytes, 0);

        for (size_t room = 0; room < len; room++) {
            uint8_t *reply = malloc(room + 1);

            assert_int_equal(
                tapnet_packet_answer(bytes, len, (enum tapnet_device_kind)kind, ALL_ANSWERS, us, reply, room),
                -ENOBUFS);
            free(reply);
        }
    }
}

static void test_only_what_was_asked_for_is_answered(void **state)
{
    uint8_t bytes[200], reply[200];
    size_t len = make_arp(bytes, 0);

    (void)state;
    assert_true(tapnet_packet_answer(bytes, len, TAPNET_TAP, TAPNET_ANSWER_ARP, us, reply, 200) > 0);
    assert_int_equal(tapnet_packet_answer(bytes, len, TAPNET_TAP, TAPNET_ANSWER_PING, us, reply, 200), 0);
    bytes[5]++; /* to another MAC */
    assert_int_equal(tapnet_packet_answer(bytes, len, TAPNET_TAP, TAPNET_ANSWER_ARP, us, reply, 200), 0);
    len = make_ping(bytes, 8);
    assert_true(tapnet_packet_answer(bytes, len, TAPNET_TUN, TAPNET_ANSWER_PING, NULL, reply, 200) > 0);
    assert_int_equal(
        tapnet_packet_answer(bytes, len, TAPNET_TUN, TAPNET_ANSWER_ARP | TAPNET_ANSWER_NDP, NULL, reply, 200), 0);
    bytes[len - 1] ^= 1; /* its checksum is wrong now */
    assert_int_equal(tapnet_packet_answer(bytes, len, TAPNET_TUN, TAPNET_ANSWER_PING, NULL, reply, 200), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_a_line_is_cut_where_its_room_ends),
        cmocka_unit_test(test_packets_that_are_cut_off),
        cmocka_unit_test(test_answers_want_room),
        cmocka_unit_test(test_only_what_was_asked_for_is_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
