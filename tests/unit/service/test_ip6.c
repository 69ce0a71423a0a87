/* SPDX-License-Identifier: MIT */
/* DHCPv6 and router advertisements: what is asked, what is said, and what is not answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/array.h"
#include "packet/packet.h"
#include "service/advertise.h"
#include "service/dhcp6_answer.h"
#include "service/dhcp_answer.h"
#include "service/neighbour.h"

static struct model_port port;
static struct model_network network;
static struct frame6 packet; /* the guest's */
static uint8_t frame[DHCP_FRAME_MAX];

static struct ip_address address(const char *text)
{
    struct ip_address parsed;

    assert_int_equal(ip_address_parse(text, &parsed), 0);
    return parsed;
}

static int set_up(void **state)
{
    (void)state;
    port = (struct model_port){.name = "web", .guest_mac = {{0x52, 0x54, 0, 0, 0, 2}}};
    network = (struct model_network){.name = "lab",
                                     .mode = MODEL_MODE_NAT,
                                     .uplink6 = "eth0",
                                     .mtu = 1450,
                                     .dns_port = MODEL_DNS_PORT,
                                     .mac = {{2, 0, 0, 0, 0, 1}},
                                     .ports_see_each_other = true,
                                     .ports = &port,
                                     .port_count = 1};
    network.subnet6 = (struct ip_prefix){address("fd00:20::1"), 64};
    port.address6 = model_address6(&network.subnet6, &port.guest_mac);
    packet = (struct frame6){.source_mac = port.guest_mac, .hop_limit = 255};
    memcpy(packet.source, address("fe80::5054:ff:fe00:2").bytes, 16);
    return 0;
}

/* ---- DHCPv6 ---- */

static uint8_t message[1500];
static size_t message_len;

static void begin(uint8_t type)
{
    const uint8_t header[] = {type, 0xab, 0xcd, 0xef};

    memcpy(message, header, sizeof(header));
    message_len = sizeof(header);
}

static void put(uint16_t code, const void *bytes, size_t length)
{
    bytes_put_be16(message + message_len, code);
    bytes_put_be16(message + message_len + 2, (uint16_t)length);
    if (length)
        memcpy(message + message_len + 4, bytes, length);
    message_len += 4 + length;
}

static const uint8_t client_id[] = {0, 3, 0, 1, 0x52, 0x54, 0, 0, 0, 2};
static const uint8_t our_id[] = {0, 3, 0, 1, 2, 0, 0, 0, 0, 1};
static const uint8_t another_id[] = {0, 3, 0, 1, 2, 0, 0, 0, 0, 9};

/* An IA_NA with id @id and, unless it is NULL, this address. */
static void put_ia(uint8_t id, const char *text)
{
    uint8_t ia[12 + 28] = {0, 0, 0, id};
    struct ip_address wanted;

    if (text) {
        wanted = address(text);
        bytes_put_be16(ia + 12, DHCP6_OPTION_IA_ADDRESS);
        bytes_put_be16(ia + 14, 24);
        memcpy(ia + 16, wanted.bytes, 16);
    }
    put(DHCP6_OPTION_IA_NA, ia, text ? sizeof(ia) : 12);
}

static void ask(uint8_t type, const uint8_t server[10])
{
    begin(type);
    put(DHCP6_OPTION_CLIENT_ID, client_id, sizeof(client_id));
    if (server)
        put(DHCP6_OPTION_SERVER_ID, server, sizeof(our_id));
}

/* From memory that ends where the message does. */
static int parse(struct dhcp6_request *ret, size_t length)
{
    static uint8_t *copy;

    free(copy);
    copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, message, length);
    return dhcp6_request_parse(copy, length, ret);
}

static struct dhcp6_answer answer_message(void)
{
    struct dhcp6_request request;

    memset(frame, 0, sizeof(frame));
    assert_int_equal(parse(&request, message_len), 0);
    return dhcp6_answer(&network, &port, &packet, &request, frame);
}

/* The option @code of what was answered; its length, -1: not there. */
static int find(size_t frame_len, uint16_t code, const uint8_t **ret)
{
    for (size_t at = FRAME6_UDP_AT + DHCP6_HEADER_LEN; at + 4 <= frame_len;) {
        size_t length = bytes_get_be16(frame + at + 2);

        if (bytes_get_be16(frame + at) == code) {
            *ret = frame + at + 4;
            return (int)length;
        }
        at += 4 + length;
    }
    return -1;
}

static void who_asks_gets_its_ports_address(void **state)
{
    static const struct {
        uint8_t type;
        const uint8_t *server;
        enum dhcp6_type answered;
    } cases[] = {
        {DHCP6_SOLICIT, NULL, DHCP6_ADVERTISE},
        {DHCP6_REQUEST, our_id, DHCP6_REPLY},
        {DHCP6_RENEW, our_id, DHCP6_REPLY},
        {DHCP6_REBIND, NULL, DHCP6_REPLY},
    };
    const uint8_t *option;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct dhcp6_answer answer;

        ask(cases[i].type, cases[i].server);
        put_ia(7, NULL);
        answer = answer_message();
        assert_int_equal(answer.type, cases[i].answered);
        assert_int_equal(frame[FRAME6_UDP_AT], cases[i].answered);
        assert_memory_equal(frame + FRAME6_UDP_AT + 1, "\xab\xcd\xef", 3);
        assert_memory_equal(frame, port.guest_mac.bytes, 6);
        assert_int_equal(find(answer.frame_len, DHCP6_OPTION_SERVER_ID, &option), sizeof(our_id));
        assert_memory_equal(option, our_id, sizeof(our_id));
        assert_int_equal(find(answer.frame_len, DHCP6_OPTION_CLIENT_ID, &option), sizeof(client_id));
        assert_int_equal(find(answer.frame_len, DHCP6_OPTION_IA_NA, &option), 12 + 28);
        assert_int_equal(option[3], 7);
        assert_memory_equal(option + 16, port.address6.bytes, 16);
        assert_int_equal(bytes_get_be32(option + 36), DHCP_LEASE);
        assert_int_equal(find(answer.frame_len, DHCP6_OPTION_DNS, &option), 16);
        assert_memory_equal(option, network.subnet6.address.bytes, 16);
        assert_int_equal(find(answer.frame_len, DHCP6_OPTION_DOMAINS, &option), 5);
        assert_memory_equal(option, "\3lab", 5);
    }
}

/* A snapshot with a lease keeps it, whichever address its port has outside: none is given and none taken back. */
static void clones_get_the_address_inside(void **state)
{
    const uint8_t *option;

    (void)state;
    network.clones = (struct model_clones){port.guest_mac, address("10.20.0.7"), address("fd00:20::7")};
    ask(DHCP6_RENEW, our_id);
    put_ia(7, "fd00:20::7");
    assert_int_equal(find(answer_message().frame_len, DHCP6_OPTION_IA_NA, &option), 12 + 28);
    assert_memory_equal(option + 16, address("fd00:20::7").bytes, 16);
}

static void who_is_in_haste_gets_it_at_once(void **state)
{
    struct dhcp6_answer answer;
    const uint8_t *option;

    (void)state;
    ask(DHCP6_SOLICIT, NULL);
    put(DHCP6_OPTION_RAPID_COMMIT, NULL, 0);
    put_ia(1, NULL);
    answer = answer_message();
    assert_int_equal(answer.type, DHCP6_REPLY);
    assert_int_equal(find(answer.frame_len, DHCP6_OPTION_RAPID_COMMIT, &option), 0);
}

static void another_address_and_a_second_one_are_refused(void **state)
{
    struct dhcp6_answer answer;
    const uint8_t *option;

    (void)state;
    ask(DHCP6_REQUEST, our_id);
    put_ia(1, "fd00:20::99");
    put_ia(2, NULL);
    answer = answer_message();
    assert_int_equal(find(answer.frame_len, DHCP6_OPTION_IA_NA, &option), 12 + 28 + 28);
    assert_memory_equal(option + 16, port.address6.bytes, 16);
    assert_memory_equal(option + 12 + 28 + 4, address("fd00:20::99").bytes, 16);
    assert_int_equal(bytes_get_be32(option + 12 + 28 + 4 + 20), 0); /* its valid lifetime */
    option += 12 + 28 + 28;
    assert_int_equal(bytes_get_be16(option), DHCP6_OPTION_IA_NA);
    assert_int_equal(option[4 + 3], 2);
    assert_int_equal(bytes_get_be16(option + 4 + 12), DHCP6_OPTION_STATUS);
    assert_int_equal(bytes_get_be16(option + 4 + 16), DHCP6_NO_ADDRESSES);
}

static void a_prefix_is_nobodys(void **state)
{
    const uint8_t ia[12] = {[3] = 5};
    struct dhcp6_answer answer;
    const uint8_t *option;

    (void)state;
    ask(DHCP6_SOLICIT, NULL);
    put(DHCP6_OPTION_IA_PD, ia, sizeof(ia));
    answer = answer_message();
    assert_true(find(answer.frame_len, DHCP6_OPTION_IA_PD, &option) > 16);
    assert_int_equal(bytes_get_be16(option + 16), DHCP6_NO_PREFIX);
}

static void an_address_is_confirmed_or_not(void **state)
{
    static const struct {
        const char *address;
        enum dhcp6_status status;
    } cases[] = {{"fd00:20::5054:ff:fe00:2", DHCP6_SUCCESS}, {"fd00:20::99", DHCP6_NOT_ON_LINK}};
    const uint8_t *option;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct dhcp6_answer answer;

        ask(DHCP6_CONFIRM, NULL);
        put_ia(1, cases[i].address);
        answer = answer_message();
        assert_true(find(answer.frame_len, DHCP6_OPTION_STATUS, &option) >= 2);
        assert_int_equal(bytes_get_be16(option), cases[i].status);
    }
}

static void who_wants_information_gets_no_address(void **state)
{
    const uint8_t oro[] = {0, DHCP6_OPTION_DNS};
    struct dhcp6_answer answer;
    const uint8_t *option;

    (void)state;
    begin(DHCP6_INFORMATION_REQUEST);
    put(DHCP6_OPTION_ORO, oro, sizeof(oro));
    answer = answer_message();
    assert_int_equal(answer.type, DHCP6_REPLY);
    assert_int_equal(find(answer.frame_len, DHCP6_OPTION_IA_NA, &option), -1);
    assert_int_equal(find(answer.frame_len, DHCP6_OPTION_DNS, &option), 16);
    assert_int_equal(find(answer.frame_len, DHCP6_OPTION_DOMAINS, &option), -1);
    network.mode = MODEL_MODE_ISOLATED;
    network.dns_port = 0;
    answer = answer_message();
    assert_int_equal(find(answer.frame_len, DHCP6_OPTION_DNS, &option), -1);
}

static void what_is_anothers_is_not_answered(void **state)
{
    static const struct {
        uint8_t type;
        const uint8_t *server;
    } cases[] = {
        {DHCP6_REQUEST, another_id}, {DHCP6_REQUEST, NULL},   {DHCP6_RENEW, another_id},
        {DHCP6_RELEASE, another_id}, {DHCP6_SOLICIT, our_id}, {DHCP6_REBIND, our_id},
        {DHCP6_CONFIRM, our_id},     {DHCP6_DECLINE, NULL},   {DHCP6_INFORMATION_REQUEST, another_id},
        {DHCP6_CONFIRM, NULL},       {DHCP6_RELEASE, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        ask(cases[i].type, cases[i].server);
        assert_int_equal(answer_message().type, 0);
    }
    begin(DHCP6_SOLICIT); /* without a client identifier */
    assert_int_equal(answer_message().frame_len, 0);
}

static void what_is_cut_or_no_clients_is_refused(void **state)
{
    static const uint8_t others[] = {0, DHCP6_ADVERTISE, DHCP6_REPLY, 10, 12, 13, 255};
    uint8_t oro[3] = {0};
    struct dhcp6_request request;
    size_t whole, cut = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(others); i++) {
        begin(others[i]);
        assert_int_equal(parse(&request, message_len), -EBADMSG);
    }
    ask(DHCP6_REQUEST, our_id);
    put_ia(1, "fd00:20::99");
    whole = message_len;
    for (size_t len = 0; len < whole; len++)
        cut += parse(&request, len) == -EBADMSG;
    assert_int_equal(cut, whole - 3); /* but where an option just ended */
    put(DHCP6_OPTION_CLIENT_ID, client_id, sizeof(client_id));
    assert_int_equal(parse(&request, message_len), -EBADMSG); /* twice */
    ask(DHCP6_REQUEST, our_id);
    put(DHCP6_OPTION_ORO, oro, sizeof(oro));
    assert_int_equal(parse(&request, message_len), -EBADMSG);
    ask(DHCP6_REQUEST, our_id);
    put(DHCP6_OPTION_IA_NA, oro, sizeof(oro));
    assert_int_equal(parse(&request, message_len), -EBADMSG);
    begin(DHCP6_SOLICIT);
    for (int i = 0; i < 100; i++)
        put(99, NULL, 0);
    assert_int_equal(parse(&request, message_len), -EBADMSG);
}

/* ---- router advertisements ---- */

static uint8_t solicitation[64];

static bool solicits(size_t length, uint8_t hop_limit)
{
    packet.payload = solicitation;
    packet.payload_len = length;
    packet.hop_limit = hop_limit;
    return advertise_is_solicitation(&packet);
}

static void a_solicitation_is_whole_and_was_forwarded_by_nobody(void **state)
{
    (void)state;
    memset(solicitation, 0, sizeof(solicitation));
    solicitation[0] = 133;
    assert_true(solicits(8, 255));
    assert_false(solicits(8, 64));
    assert_false(solicits(7, 255));
    assert_false(solicits(16, 255)); /* an option without a length */
    solicitation[8] = 1;
    solicitation[9] = 1;
    assert_true(solicits(16, 255));
    solicitation[9] = 2;
    assert_false(solicits(16, 255)); /* one that runs out */
    solicitation[9] = 1;
    solicitation[1] = 1;
    assert_false(solicits(16, 255));
    solicitation[1] = 0;
    solicitation[0] = 134;
    assert_false(solicits(16, 255));
}

/* The option @type of the advertisement in @frame; NULL: it is not there. */
static const uint8_t *nd_option(size_t frame_len, uint8_t type)
{
    for (size_t at = FRAME6_ICMP_AT + 16; at + 8 <= frame_len; at += (size_t)frame[at + 1] * 8) {
        assert_int_not_equal(frame[at + 1], 0);
        if (frame[at] == type)
            return frame + at;
    }
    return NULL;
}

static void a_guest_that_would_make_up_its_address_is_told_to(void **state)
{
    size_t length = advertise_build(&network, &port, &packet, false, frame);
    const uint8_t *head = frame + FRAME6_ICMP_AT, *prefix = nd_option(length, 3);

    (void)state;
    assert_memory_equal(frame, port.guest_mac.bytes, 6);
    assert_memory_equal(frame + 38, packet.source, 16);
    assert_int_equal(head[0], 134);
    assert_int_equal(head[5], 0xc0);
    assert_int_equal(bytes_get_be16(head + 6), ADVERTISE_LIFETIME);
    assert_int_equal(prefix[2], 64);
    assert_int_equal(prefix[3], 0xc0); /* on the link, autonomous */
    assert_int_equal(bytes_get_be32(prefix + 4), 0xffffffff);
    assert_memory_equal(prefix + 16, address("fd00:20::").bytes, 16);
    assert_int_equal(bytes_get_be32(nd_option(length, 5) + 4), 1450);
    assert_memory_equal(nd_option(length, 1) + 2, network.mac.bytes, 6);
    assert_memory_equal(nd_option(length, 25) + 8, network.subnet6.address.bytes, 16);
    assert_memory_equal(nd_option(length, 31) + 8, "\3lab", 5);
}

static void all_others_are_told_to_ask(void **state)
{
    size_t length;

    (void)state;
    memcpy(packet.source, address("fe80::8c2e:5a91:7d3b:44f6").bytes, 16);
    length = advertise_build(&network, &port, &packet, false, frame);
    assert_int_equal(nd_option(length, 3)[3], 0x80);
    memcpy(packet.source, address("fe80::5054:ff:fe00:2").bytes, 16);
    port.address6 = address("fd00:20::7");
    length = advertise_build(&network, &port, &packet, false, frame);
    assert_int_equal(nd_option(length, 3)[3], 0x80);
    length = advertise_build(&network, NULL, NULL, false, frame);
    assert_int_equal(nd_option(length, 3)[3], 0x80);
    assert_memory_equal(frame, "\x33\x33\0\0\0\1", 6);
    memset(packet.source, 0, sizeof(packet.source)); /* without an address: by what all hear */
    length = advertise_build(&network, &port, &packet, false, frame);
    assert_memory_equal(frame, "\x33\x33\0\0\0\1", 6);
    assert_int_equal(nd_option(length, 3)[3], 0x80);
}

static void what_the_mode_does_not_give_is_not_told(void **state)
{
    size_t length;

    (void)state;
    network.uplink6[0] = '\0';
    network.dns_port = 0;
    network.ports_see_each_other = false;
    length = advertise_build(&network, NULL, NULL, false, frame);
    assert_int_equal(bytes_get_be16(frame + FRAME6_ICMP_AT + 6), 0);
    assert_null(nd_option(length, 25));
    assert_null(nd_option(length, 31));
    assert_int_equal(nd_option(length, 3)[3], 0);
    network.subnet6 = (struct ip_prefix){.length = 0};
    assert_int_equal(advertise_build(&network, NULL, NULL, false, frame), 0);
}

/* Each has a router of its own, and nobody else on its link. */
static void routed_guests_know_their_own_router(void **state)
{
    size_t length;

    (void)state;
    network.mode = MODEL_MODE_ROUTED;
    network.uplink6[0] = '\0'; /* by it are neighbours, too */
    port.mac = (struct mac){{2, 0, 0, 0, 0, 7}};
    length = advertise_build(&network, &port, &packet, false, frame);
    assert_int_equal(bytes_get_be16(frame + FRAME6_ICMP_AT + 6), 1800);
    assert_memory_equal(frame + 6, port.mac.bytes, 6);
    assert_memory_equal(nd_option(length, 1) + 2, port.mac.bytes, 6);
    assert_int_equal(nd_option(length, 3)[3], 0x40); /* autonomous alone */
    length = advertise_build(&network, &port, NULL, false, frame);
    assert_memory_equal(frame, "\x33\x33\0\0\0\1", 6);
    assert_memory_equal(frame + 6, port.mac.bytes, 6);
    assert_int_equal(nd_option(length, 3)[3], 0);
}

/* Without a bridge they ask for their neighbours as those on one do: no router is theirs that would know. */
static void isolated_guests_take_their_neighbours_to_be_on_the_link(void **state)
{
    size_t length;

    (void)state;
    network.mode = MODEL_MODE_ISOLATED;
    network.spread = true;
    network.dns_port = 0;
    network.uplink6[0] = '\0';
    port.mac = (struct mac){{2, 0, 0, 0, 0, 7}};
    length = advertise_build(&network, &port, &packet, false, frame);
    assert_memory_equal(frame + 6, port.mac.bytes, 6);
    assert_int_equal(nd_option(length, 3)[3] & 0x80, 0x80);
    assert_int_equal(bytes_get_be16(frame + FRAME6_ICMP_AT + 6), 0); /* seconds that it is a router */
    network.ports_see_each_other = false;
    length = advertise_build(&network, &port, &packet, false, frame);
    assert_int_equal(nd_option(length, 3)[3] & 0x80, 0);
}

static void the_last_one_takes_all_back(void **state)
{
    size_t length = advertise_build(&network, NULL, NULL, true, frame);

    (void)state;
    assert_int_equal(bytes_get_be16(frame + FRAME6_ICMP_AT + 6), 0);
    assert_int_equal(bytes_get_be32(nd_option(length, 3) + 4), 0);
    assert_int_equal(nd_option(length, 3)[3] & 0x40, 0x40); /* autonomous: or nobody would let go */
    assert_int_equal(bytes_get_be32(nd_option(length, 25) + 4), 0);
}

/* ---- neighbour solicitations ---- */

static size_t seek(const char *source, const char *target, uint8_t hop_limit)
{
    static uint8_t asked[32] = {135, [24] = 1, [25] = 1};

    memcpy(packet.source, address(source).bytes, 16);
    memcpy(asked + 8, address(target).bytes, 16);
    packet.protocol = IPPROTO_ICMPV6;
    packet.payload = asked;
    packet.payload_len = sizeof(asked);
    packet.hop_limit = hop_limit;
    return neighbour_answer(&network, &port, &packet, frame);
}

static void the_host_stands_in_for_neighbours_of_routed_guests(void **state)
{
    const char *own = "fd00:20::5054:ff:fe00:2";
    const uint8_t *said = frame + FRAME6_ICMP_AT;

    (void)state;
    port.mac = (struct mac){{2, 0, 0, 0, 0, 7}};
    assert_int_equal(seek(own, "fd00:20::7", 255), 0); /* they hear each other */
    network.mode = MODEL_MODE_ROUTED;
    assert_int_equal(seek(own, "fd00:20::7", 255), NEIGHBOUR_FRAME_MAX);
    assert_memory_equal(frame, port.guest_mac.bytes, 6);
    assert_memory_equal(frame + 6, port.mac.bytes, 6);
    assert_memory_equal(frame + 38, address(own).bytes, 16);
    assert_memory_equal(said, "\x88\0", 2);
    assert_int_equal(said[4], 0x40);
    assert_memory_equal(said + 8, address("fd00:20::7").bytes, 16);
    assert_memory_equal(said + 24, "\2\1\2\0\0\0\0\7", 8);
    assert_int_equal(seek(own, own, 255), 0);
    assert_int_equal(seek(own, "fd00:20::1", 255), NEIGHBOUR_FRAME_MAX); /* it stands on no port */
    assert_int_equal(said[4], 0xe0);                                     /* a router's own word */
    assert_int_equal(seek(own, "fd00:21::7", 255), 0);
    assert_int_equal(seek(own, "fe80::1", 255), 0);
    assert_int_equal(seek("::", "fd00:20::7", 255), 0); /* whether anybody has it, before one takes it */
    assert_int_equal(seek(own, "fd00:20::7", 254), 0);
    packet.payload_len = 23;
    packet.hop_limit = 255;
    assert_int_equal(neighbour_answer(&network, &port, &packet, frame), 0);
    network.ports_see_each_other = false;
    assert_int_equal(seek(own, "fd00:20::7", 255), 0);
    assert_int_equal(seek(own, "fd00:20::1", 255), NEIGHBOUR_FRAME_MAX);
    network.mode = MODEL_MODE_ISOLATED;
    network.spread = true;
    assert_int_equal(seek(own, "fd00:20::1", 255), 0); /* where the host is nobody */
}

/* Its address outside is somebody else's to a clone. One that made up the other is told to do so again. */
static void clones_are_told_of_the_address_inside(void **state)
{
    network.mode = MODEL_MODE_ROUTED;
    network.clones = (struct model_clones){port.guest_mac, address("10.20.0.7"), port.address6};
    port.address6 = address("fd00:20::99");
    assert_int_equal(seek("fd00:20::7", "fd00:20::99", 255), NEIGHBOUR_FRAME_MAX);
    assert_int_equal(seek("fd00:20::7", "fd00:20::5054:ff:fe00:2", 255), 0);
    set_up(state);
    port.address6 = address("fd00:20::99");
    assert_int_equal(nd_option(advertise_build(&network, &port, &packet, false, frame), 3)[3] & 0x40, 0);
    network.clones.address6 = address("fd00:20::5054:ff:fe00:2");
    assert_int_equal(nd_option(advertise_build(&network, &port, &packet, false, frame), 3)[3] & 0x40, 0x40);
}

static void many_domains_still_fit(void **state)
{
    static char longest[254];
    size_t length;

    (void)state;
    memset(longest, 'a', 253);
    longest[63] = longest[127] = longest[191] = '.';
    for (size_t i = 0; i < MODEL_LIST_MAX; i++)
        network.dhcp.search[i] = longest;
    network.dhcp.search_count = MODEL_LIST_MAX;
    length = advertise_build(&network, NULL, NULL, false, frame);
    assert_in_range(length, 1, 1294); /* the smallest MTU that every link has, and Ethernet */
    ask(DHCP6_SOLICIT, NULL);
    put_ia(1, NULL);
    assert_int_equal(answer_message().type, DHCP6_ADVERTISE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_asks_gets_its_ports_address, set_up),
        cmocka_unit_test_setup(clones_get_the_address_inside, set_up),
        cmocka_unit_test_setup(who_is_in_haste_gets_it_at_once, set_up),
        cmocka_unit_test_setup(another_address_and_a_second_one_are_refused, set_up),
        cmocka_unit_test_setup(a_prefix_is_nobodys, set_up),
        cmocka_unit_test_setup(an_address_is_confirmed_or_not, set_up),
        cmocka_unit_test_setup(who_wants_information_gets_no_address, set_up),
        cmocka_unit_test_setup(what_is_anothers_is_not_answered, set_up),
        cmocka_unit_test_setup(what_is_cut_or_no_clients_is_refused, set_up),
        cmocka_unit_test_setup(a_solicitation_is_whole_and_was_forwarded_by_nobody, set_up),
        cmocka_unit_test_setup(a_guest_that_would_make_up_its_address_is_told_to, set_up),
        cmocka_unit_test_setup(all_others_are_told_to_ask, set_up),
        cmocka_unit_test_setup(what_the_mode_does_not_give_is_not_told, set_up),
        cmocka_unit_test_setup(routed_guests_know_their_own_router, set_up),
        cmocka_unit_test_setup(isolated_guests_take_their_neighbours_to_be_on_the_link, set_up),
        cmocka_unit_test_setup(the_host_stands_in_for_neighbours_of_routed_guests, set_up),
        cmocka_unit_test_setup(clones_are_told_of_the_address_inside, set_up),
        cmocka_unit_test_setup(the_last_one_takes_all_back, set_up),
        cmocka_unit_test_setup(many_domains_still_fit, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
