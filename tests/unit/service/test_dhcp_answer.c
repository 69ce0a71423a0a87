/* SPDX-License-Identifier: MIT */
/* The DHCP server's state table: one request as bytes in, one reply as bytes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/array.h"
#include "packet/udp4.h"
#include "service/dhcp_answer.h"
#include "dhcp_packets.h"

#define SERVER 0x0a140001  /* 10.20.0.1 */
#define ADDRESS 0x0a140007 /* 10.20.0.7 */
#define OTHER 0x0a140063   /* 10.20.0.99 */

static struct model_port port;
static struct model_network network;
static uint8_t frame[DHCP_FRAME_MAX];
static struct udp4 packet; /* the reply, taken apart */

static int set_up(void **state)
{
    (void)state;
    memset(&port, 0, sizeof(port));
    memset(&network, 0, sizeof(network));
    strcpy(port.name, "db");
    strcpy(port.hostname, "db");
    strcpy(network.name, "lab");
    port.address = ip4_from_value(ADDRESS);
    network.subnet = (struct ip_prefix){ip4_from_value(SERVER), 24};
    network.mac = (struct mac){{2, 0, 0, 0, 0, 1}};
    network.mtu = 1500;
    network.ports = &port;
    network.port_count = 1;
    return 0;
}

/* What is said to @message; the reply in @packet, when there is one. */
static struct dhcp_answer ask(const struct client_message *message)
{
    struct dhcp_request request;
    struct dhcp_answer answer;

    memset(frame, 0xee, sizeof(frame));
    assert_int_equal(dhcp_request_parse(message->bytes, message->length, &request), 0);
    answer = dhcp_answer(&network, &port, &request, frame);
    assert_non_null(answer.event);
    if (!answer.type) {
        assert_int_equal(answer.frame_len, 0);
        return answer;
    }
    assert_in_range(answer.frame_len, UDP4_HEADERS_LEN + DHCP_LEN_MIN, DHCP_FRAME_MAX);
    assert_int_equal(udp4_parse(frame, answer.frame_len, &packet), 0);
    assert_int_equal(packet.payload[0], 2);
    assert_memory_equal(packet.payload + DHCP_XID, message->bytes + DHCP_XID, 4);
    assert_memory_equal(packet.payload + DHCP_CHADDR, message->bytes + DHCP_CHADDR, 16);
    assert_int_equal(*reply_option(packet.payload, packet.payload_len, 53, NULL), answer.type);
    assert_int_equal(bytes_get_be32(reply_option(packet.payload, packet.payload_len, 54, NULL)), SERVER);
    return answer;
}

static const uint8_t *option(uint8_t number, size_t *ret_length)
{
    return reply_option(packet.payload, packet.payload_len, number, ret_length);
}

static uint32_t option_u32(uint8_t number)
{
    size_t length = 0;
    const uint8_t *bytes = option(number, &length);

    assert_non_null(bytes);
    assert_int_equal(length, 4);
    return bytes_get_be32(bytes);
}

/* One row of RFC 2131, table 4, and its mistakes. 0: the field or option is not there. */
struct row {
    uint8_t type;
    uint32_t server, requested, ciaddr, giaddr;
    uint8_t expected; /* type of the reply */
};

static const struct row rows[] = {
    {DHCP_DISCOVER, 0, 0, 0, 0, DHCP_OFFER},
    {DHCP_DISCOVER, 0, OTHER, 0, 0, DHCP_OFFER}, /* a wish, not a condition */
    {DHCP_DISCOVER, 0, 0, OTHER, 0, DHCP_OFFER},
    {DHCP_DISCOVER, 0, 0, 0, OTHER, 0}, /* relayed */
    /* selecting */
    {DHCP_REQUEST, SERVER, ADDRESS, 0, 0, DHCP_ACK},
    {DHCP_REQUEST, SERVER, OTHER, 0, 0, DHCP_NAK},
    {DHCP_REQUEST, OTHER, ADDRESS, 0, 0, 0},
    {DHCP_REQUEST, SERVER, ADDRESS, 0, OTHER, 0},
    {DHCP_REQUEST, SERVER, 0, 0, 0, 0},
    /* init-reboot */
    {DHCP_REQUEST, 0, ADDRESS, 0, 0, DHCP_ACK},
    {DHCP_REQUEST, 0, OTHER, 0, 0, DHCP_NAK},
    /* renewing, rebinding */
    {DHCP_REQUEST, 0, 0, ADDRESS, 0, DHCP_ACK},
    {DHCP_REQUEST, 0, 0, OTHER, 0, DHCP_NAK},
    {DHCP_REQUEST, 0, 0, 0, 0, 0},
    /* the rest */
    {DHCP_INFORM, 0, 0, ADDRESS, 0, DHCP_ACK},
    {DHCP_INFORM, 0, 0, OTHER, 0, 0},
    {DHCP_INFORM, 0, 0, 0, 0, 0},
    {DHCP_RELEASE, SERVER, 0, ADDRESS, 0, 0},
    {DHCP_DECLINE, SERVER, ADDRESS, 0, 0, 0},
};

static void every_row_of_the_state_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct client_message message;

        message_begin(&message, rows[i].type);
        bytes_put_be32(message.bytes + DHCP_CIADDR, rows[i].ciaddr);
        bytes_put_be32(message.bytes + DHCP_GIADDR, rows[i].giaddr);
        if (rows[i].server)
            message_add_u32(&message, 54, rows[i].server);
        if (rows[i].requested)
            message_add_u32(&message, 50, rows[i].requested);
        if (ask(&message).type != rows[i].expected)
            fail_msg("row %zu", i);
    }
}

static void an_offer_in_full(void **state)
{
    static const uint8_t default_route[] = {0, 10, 20, 0, 1};
    struct client_message message;
    size_t length;

    (void)state;
    message_begin(&message, DHCP_DISCOVER);
    ask(&message);
    assert_memory_equal(packet.source_mac.bytes, network.mac.bytes, 6);
    assert_memory_equal(packet.destination_mac.bytes, message.bytes + 28, 6);
    assert_int_equal(packet.source, SERVER);
    assert_int_equal(packet.destination, ADDRESS);
    assert_int_equal(packet.source_port, 67);
    assert_int_equal(packet.destination_port, 68);
    assert_int_equal(bytes_get_be32(packet.payload + DHCP_YIADDR), ADDRESS);
    assert_int_equal(bytes_get_be32(packet.payload + DHCP_SIADDR), 0);
    assert_int_equal(option_u32(51), DHCP_LEASE);
    assert_true(option_u32(58) < option_u32(59) && option_u32(59) < DHCP_LEASE);
    assert_int_equal(option_u32(1), 0xffffff00);
    assert_int_equal(option_u32(3), SERVER);
    assert_int_equal(option_u32(6), SERVER);
    assert_int_equal(option_u32(28), 0x0a1400ff);
    assert_memory_equal(option(12, &length), "db", 2);
    assert_memory_equal(option(15, &length), "lab", 3);
    assert_int_equal(bytes_get_be16(option(26, &length)), 1500);
    assert_memory_equal(option(121, &length), default_route, sizeof(default_route));
    assert_int_equal(length, sizeof(default_route));
    assert_memory_equal(option(119, &length), "\3lab", 5);
    assert_null(option(42, NULL));
    assert_null(option(66, NULL));
    assert_null(option(67, NULL));
    assert_null(option(61, NULL));
}

static void only_what_was_asked_for(void **state)
{
    static const uint8_t wanted[] = {1, 26};
    static const uint8_t unwanted[] = {3, 6, 12, 15, 28, 119, 121};
    struct client_message message;

    (void)state;
    message_begin(&message, DHCP_DISCOVER);
    message_add(&message, 55, wanted, sizeof(wanted));
    ask(&message);
    assert_non_null(option(26, NULL));
    assert_int_equal(option_u32(51), DHCP_LEASE);
    assert_int_equal(option_u32(1), 0xffffff00);
    for (size_t i = 0; i < sizeof(unwanted); i++)
        assert_null(option(unwanted[i], NULL));
}

static void where_replies_go(void **state)
{
    struct client_message message;

    (void)state;
    message_begin(&message, DHCP_DISCOVER);
    bytes_put_be16(message.bytes + DHCP_FLAGS, 0xffff);
    ask(&message);
    assert_int_equal(packet.destination, 0xffffffff);
    assert_int_equal(packet.destination_mac.bytes[0], 0xff);
    assert_int_equal(bytes_get_be16(packet.payload + DHCP_FLAGS), 0x8000); /* the other bits must be 0 */

    bytes_put_be32(message.bytes + DHCP_CIADDR, ADDRESS); /* a renewal is unicast, broadcast flag or not */
    message.bytes[242] = DHCP_REQUEST;
    assert_int_equal(ask(&message).type, DHCP_ACK);
    assert_int_equal(packet.destination, ADDRESS);
    assert_int_equal(packet.destination_mac.bytes[0], 0x52);
    assert_int_equal(bytes_get_be32(packet.payload + DHCP_CIADDR), ADDRESS);

    bytes_put_be32(message.bytes + DHCP_CIADDR, OTHER); /* NAK is broadcast always: the client's address is no good */
    bytes_put_be16(message.bytes + DHCP_FLAGS, 0);
    assert_int_equal(ask(&message).type, DHCP_NAK);
    assert_int_equal(packet.destination, 0xffffffff);
    assert_int_equal(packet.destination_mac.bytes[0], 0xff);
    assert_int_equal(bytes_get_be32(packet.payload + DHCP_YIADDR), 0);
    assert_int_equal(bytes_get_be32(packet.payload + DHCP_CIADDR), 0);
    assert_null(option(51, NULL));
    assert_null(option(1, NULL));
    assert_non_null(option(56, NULL));
}

static void inform_brings_options_and_no_lease(void **state)
{
    struct client_message message;

    (void)state;
    message_begin(&message, DHCP_INFORM);
    bytes_put_be32(message.bytes + DHCP_CIADDR, ADDRESS);
    ask(&message);
    assert_int_equal(packet.destination, ADDRESS);
    assert_int_equal(bytes_get_be32(packet.payload + DHCP_YIADDR), 0);
    assert_null(option(51, NULL));
    assert_null(option(58, NULL));
    assert_null(option(59, NULL));
    assert_int_equal(option_u32(6), SERVER);
}

static void an_isolated_network_leads_nowhere(void **state)
{
    static const uint8_t absent[] = {3, 6, 15, 119, 121};
    struct client_message message;

    (void)state;
    network.mode = MODEL_MODE_ISOLATED;
    message_begin(&message, DHCP_DISCOVER);
    ask(&message);
    for (size_t i = 0; i < sizeof(absent); i++)
        assert_null(option(absent[i], NULL));
    assert_int_equal(option_u32(1), 0xffffff00);
    assert_non_null(option(12, NULL));
    assert_true(option_u32(58) < option_u32(59));
    assert_true(option_u32(59) <= 1800);
}

static void the_client_identifier_comes_back(void **state)
{
    struct client_message message;
    size_t length = 0;

    (void)state;
    message_begin(&message, DHCP_DISCOVER);
    message_add(&message, 61, "\0anything", 9);
    ask(&message);
    assert_memory_equal(option(61, &length), "\0anything", 9);
    assert_int_equal(length, 9);
}

static void a_port_has_its_own_options_or_its_networks(void **state)
{
    struct client_message message;
    size_t length;

    (void)state;
    network.dhcp.boot_file = "net.0";
    network.dhcp.ntp[0] = ip4_from_value(0x01010101);
    network.dhcp.ntp_count = 1;
    port.dhcp.search[0] = "corp.example";
    port.dhcp.search_count = 1;
    port.dhcp.ntp[0].family = AF_INET6; /* no option carries it */
    port.dhcp.ntp[1] = ip4_from_value(0x02020202);
    port.dhcp.ntp[2] = ip4_from_value(0x03030303);
    port.dhcp.ntp_count = 3;
    port.dhcp.boot_server = ip4_from_value(0x0a140005);
    message_begin(&message, DHCP_DISCOVER);
    ask(&message);
    assert_memory_equal(option(42, &length), "\2\2\2\2\3\3\3\3", 8);
    assert_int_equal(length, 8);
    assert_memory_equal(option(119, &length), "\3lab\0\4corp\7example", 19);
    assert_memory_equal(option(66, &length), "10.20.0.5", 9);
    assert_memory_equal(option(67, &length), "net.0", 5);
    assert_string_equal((const char *)packet.payload + DHCP_FILE, "net.0");
    assert_int_equal(bytes_get_be32(packet.payload + DHCP_SIADDR), 0x0a140005);
}

/* With more than fits: 576 bytes unless the client takes more, never more than the network's MTU. */
static void replies_keep_to_the_clients_size(void **state)
{
    static const struct {
        uint16_t client, mtu;
        size_t most; /* of the IP datagram */
    } cases[] = {{0, 1500, 576},      {100, 1500, 576},    {576, 1500, 576},   {700, 1500, 700},
                 {65535, 1500, 1500}, {65535, 9000, 1500}, {1400, 1280, 1280}, {700, 68, 700}};
    char long_names[MODEL_LIST_MAX][250], file[250];

    (void)state;
    memset(file, 'f', sizeof(file) - 1);
    file[sizeof(file) - 1] = '\0';
    port.dhcp.boot_file = file;
    for (size_t i = 0; i < MODEL_LIST_MAX; i++) {
        for (size_t j = 0; j < 249; j++)
            long_names[i][j] = j % 60 == 59 ? '.' : (char)('a' + i);
        long_names[i][249] = '\0';
        port.dhcp.search[i] = long_names[i];
    }
    port.dhcp.search_count = MODEL_LIST_MAX;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct client_message message;
        uint8_t size[2];

        message_begin(&message, DHCP_DISCOVER);
        bytes_put_be16(size, cases[i].client);
        if (cases[i].client)
            message_add(&message, 57, size, 2);
        network.mtu = cases[i].mtu;
        assert_in_range(ask(&message).frame_len - UDP4_ETHERNET_LEN, cases[i].most - 260, cases[i].most);
        assert_int_equal(option_u32(3), SERVER);
    }
    assert_int_equal(packet.payload[DHCP_FILE], 0); /* too long for the fixed field */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_row_of_the_state_table, set_up),
        cmocka_unit_test_setup(an_offer_in_full, set_up),
        cmocka_unit_test_setup(only_what_was_asked_for, set_up),
        cmocka_unit_test_setup(where_replies_go, set_up),
        cmocka_unit_test_setup(inform_brings_options_and_no_lease, set_up),
        cmocka_unit_test_setup(an_isolated_network_leads_nowhere, set_up),
        cmocka_unit_test_setup(the_client_identifier_comes_back, set_up),
        cmocka_unit_test_setup(a_port_has_its_own_options_or_its_networks, set_up),
        cmocka_unit_test_setup(replies_keep_to_the_clients_size, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
