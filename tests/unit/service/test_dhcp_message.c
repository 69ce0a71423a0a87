/* SPDX-License-Identifier: MIT */
/* DHCP on the wire: what the parser takes and refuses, and how options are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <errno.h>

#include <cmocka.h>

#include "dhcp_packets.h"

/* Parses a copy that ends where the message ends, so that ASan sees any read behind it. */
static int parse(const struct client_message *message, struct dhcp_request *ret)
{
    uint8_t *copy = malloc(message->length ? message->length : 1);
    int r;

    assert_non_null(copy);
    memcpy(copy, message->bytes, message->length);
    r = dhcp_request_parse(copy, message->length, ret);
    free(copy);
    return r;
}

static void all_that_a_client_says_is_read(void **state)
{
    static const uint8_t parameters[] = {1, 3, 121}, more[] = {255, 0};
    struct client_message message;
    struct dhcp_request request;

    (void)state;
    message_begin(&message, DHCP_REQUEST);
    bytes_put_be16(message.bytes + 10, 0x8000);
    bytes_put_be32(message.bytes + 12, 0x0a140007);
    bytes_put_be32(message.bytes + 24, 0x0a140009);
    message_add_u32(&message, 50, 0x0a140008);
    message_add_u32(&message, 54, 0x0a140001);
    message_add(&message, 57, "\x05\xdc", 2);
    message_add(&message, 55, parameters, sizeof(parameters));
    message_add(&message, 55, more, sizeof(more));
    message_add(&message, 12, "web", 3);
    message.bytes[message.length++] = 255;
    assert_int_equal(dhcp_request_parse(message.bytes, message.length, &request), 0);
    assert_int_equal(request.type, DHCP_REQUEST);
    assert_int_equal(request.xid, 0x12345678);
    assert_int_equal(request.flags, 0x8000);
    assert_int_equal(request.ciaddr, 0x0a140007);
    assert_int_equal(request.giaddr, 0x0a140009);
    assert_int_equal(request.requested, 0x0a140008);
    assert_int_equal(request.server, 0x0a140001);
    assert_int_equal(request.message_size, 1500);
    assert_true(dhcp_request_wants(&request, DHCP_OPTION_ROUTES));
    assert_true(dhcp_request_wants(&request, DHCP_OPTION_END)); /* from the second piece */
    assert_false(dhcp_request_wants(&request, DHCP_OPTION_DNS));
    assert_int_equal(request.hostname.length, 3);
    assert_memory_equal(request.hostname.bytes, "web", 3);
}

static void overloaded_fields_are_read_after_the_options(void **state)
{
    struct client_message message;
    struct dhcp_request request;

    (void)state;
    message_begin(&message, 0);
    message_add(&message, 52, "\3", 1);
    message.bytes[message.length++] = 255;
    memcpy(message.bytes + DHCP_FILE, (uint8_t[]){53, 1, DHCP_DISCOVER, 255}, 4);
    memcpy(message.bytes + DHCP_SNAME, (uint8_t[]){0, 50, 4, 10, 20, 0, 9}, 7);
    assert_int_equal(parse(&message, &request), 0);
    assert_int_equal(request.type, DHCP_DISCOVER);
    assert_int_equal(request.requested, 0x0a140009);

    message.bytes[DHCP_OPTIONS + 2] = 1; /* `file` alone */
    assert_int_equal(parse(&message, &request), 0);
    assert_int_equal(request.requested, 0);
    message.bytes[DHCP_OPTIONS + 2] = 2; /* `sname` alone: no type */
    assert_int_equal(parse(&message, &request), -EBADMSG);
    message.bytes[DHCP_OPTIONS + 2] = 4;
    assert_int_equal(parse(&message, &request), -EBADMSG);

    message.bytes[DHCP_OPTIONS + 2] = 3; /* an option that runs out of sname into file */
    memcpy(message.bytes + DHCP_SNAME + DHCP_SNAME_LEN - 3, (uint8_t[]){12, 2, 'x'}, 3);
    memset(message.bytes + DHCP_SNAME, 0, DHCP_SNAME_LEN - 3);
    assert_int_equal(parse(&message, &request), -EBADMSG);
    memset(message.bytes + DHCP_FILE, 0, DHCP_FILE_LEN); /* a second 52 inside an overloaded field */
    memcpy(message.bytes + DHCP_FILE, (uint8_t[]){52, 1, 2, 53, 1, 1}, 6);
    assert_int_equal(parse(&message, &request), -EBADMSG);
}

/* One change that makes a good message bad. */
struct spoiler {
    size_t offset;
    uint8_t value;
};

static void malformed_messages_are_refused(void **state)
{
    static const struct spoiler spoilers[] = {
        {0, 2},          {0, 0},      {1, 6},     {2, 0},     {2, 7},   {2, 16},           {28, 0x53},
        {236, 0},        {239, 0x64}, {241, 2},   {241, 255}, {242, 0}, {242, DHCP_OFFER}, {242, DHCP_ACK},
        {242, DHCP_NAK}, {242, 9},    {242, 255},
    };
    struct client_message message;
    struct dhcp_request request;

    (void)state;
    for (size_t i = 0; i < sizeof(spoilers) / sizeof(spoilers[0]); i++) {
        message_begin(&message, DHCP_DISCOVER);
        assert_int_equal(parse(&message, &request), 0);
        message.bytes[spoilers[i].offset] = spoilers[i].value;
        assert_int_equal(parse(&message, &request), -EBADMSG);
    }
    message_begin(&message, DHCP_DISCOVER);
    memset(message.bytes + 28, 0, 6);
    assert_int_equal(parse(&message, &request), -EBADMSG);
}

static void wrong_lengths_and_repetitions_are_refused(void **state)
{
    static const struct {
        uint8_t option, length;
        int expected;
    } cases[] = {
        {50, 3, -EBADMSG}, {50, 5, -EBADMSG}, {50, 0, -EBADMSG}, {54, 3, -EBADMSG}, {57, 1, -EBADMSG},
        {57, 3, -EBADMSG}, {53, 1, -EBADMSG}, {52, 1, -EBADMSG}, {12, 0, 0},        {61, 255, 0},
        {55, 0, 0},        {60, 255, 0},      {200, 9, 0},
    };
    static const uint8_t zeros[255];
    struct client_message message;
    struct dhcp_request request;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        message_begin(&message, DHCP_DISCOVER);
        message_add(&message, cases[i].option, zeros, cases[i].length);
        assert_int_equal(parse(&message, &request), cases[i].expected);
    }
    message_begin(&message, DHCP_REQUEST);
    message_add_u32(&message, 50, 1);
    assert_int_equal(parse(&message, &request), 0);
    message_add_u32(&message, 50, 1);
    assert_int_equal(parse(&message, &request), -EBADMSG);
}

/* Every prefix of a message parses or is refused, and is never read behind its end (ASan watches). */
static void every_cut_is_survived(void **state)
{
    struct client_message message;
    struct dhcp_request request;
    size_t whole;

    (void)state;
    message_begin(&message, DHCP_DISCOVER);
    message_add(&message, 12, "a-long-name", 11);
    whole = message.length;
    for (message.length = 0; message.length < whole; message.length++) {
        /* A cut between two options is a message without its end option: taken once the type was read. */
        assert_int_equal(parse(&message, &request), message.length == 243 ? 0 : -EBADMSG);
    }
}

static void options_that_do_not_fit_are_left_out_whole(void **state)
{
    uint8_t bytes[DHCP_LEN_MIN] = {0};
    struct dhcp_writer writer = {.bytes = bytes, .length = 240, .size = 250};

    (void)state;
    assert_true(dhcp_put_u32(&writer, DHCP_OPTION_SERVER, 1));
    assert_false(dhcp_put_u16(&writer, DHCP_OPTION_MTU, 1500)); /* 4 bytes, where 3 and the end fit */
    assert_true(dhcp_put_byte(&writer, DHCP_OPTION_TYPE, 2));
    assert_int_equal(writer.length, 249);
    assert_false(dhcp_put(&writer, DHCP_OPTION_HOSTNAME, "", 0));
    assert_int_equal(dhcp_put_end(&writer), DHCP_LEN_MIN);
    assert_int_equal(bytes[249], DHCP_OPTION_END);
    assert_false(dhcp_put(&writer, DHCP_OPTION_HOSTNAME, bytes, 256));
}

static void search_list_is_compressed(void **state)
{
    static const char *const names[] = {
        "eng.example.com", "marketing.example.com", "EXAMPLE.com", "com.", "bad..name", "", "eng.example.com"};
    static const uint8_t expected[] = "\3eng\7example\3com\0\11marketing\300\4\300\4\300\14\300\0";
    uint8_t bytes[600] = {0};
    struct dhcp_writer writer = {.bytes = bytes, .length = 240, .size = 600};
    size_t length = 0;
    const uint8_t *option;

    (void)state;
    assert_true(dhcp_put_search(&writer, names, 7));
    dhcp_put_end(&writer);
    option = reply_option(bytes, sizeof(bytes), DHCP_OPTION_SEARCH, &length);
    assert_non_null(option);
    assert_int_equal(length, sizeof(expected) - 1);
    assert_memory_equal(option, expected, length);
}

static void long_search_lists_are_split_or_cut(void **state)
{
    char text[9][200];
    const char *names[9];
    uint8_t bytes[2600] = {0};
    struct dhcp_writer writer = {.bytes = bytes, .length = 240, .size = sizeof(bytes)};

    (void)state;
    for (size_t i = 0; i < 9; i++) {
        for (size_t j = 0; j < sizeof(text[i]) - 1; j++)
            text[i][j] = j % 50 == 49 ? '.' : (char)('a' + i);
        text[i][sizeof(text[i]) - 1] = '\0';
        names[i] = text[i];
    }
    assert_true(dhcp_put_search(&writer, names, 9));
    assert_int_equal(bytes[240], DHCP_OPTION_SEARCH);
    assert_int_equal(bytes[241], 255);
    assert_int_equal(bytes[240 + 257], DHCP_OPTION_SEARCH);
    assert_int_equal(writer.length, 240 + 9 * 201 + 8 * 2); /* 1809 bytes in eight pieces */

    writer = (struct dhcp_writer){.bytes = bytes, .length = 240, .size = 240 + 2 + 201 + 1};
    assert_true(dhcp_put_search(&writer, names, 9)); /* one fits to the byte */
    assert_int_equal(writer.length, 240 + 2 + 201);
    writer = (struct dhcp_writer){.bytes = bytes, .length = 240, .size = 240 + 2 + 201};
    assert_false(dhcp_put_search(&writer, names, 9));
    assert_int_equal(writer.length, 240);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_a_client_says_is_read),
        cmocka_unit_test(overloaded_fields_are_read_after_the_options),
        cmocka_unit_test(malformed_messages_are_refused),
        cmocka_unit_test(wrong_lengths_and_repetitions_are_refused),
        cmocka_unit_test(every_cut_is_survived),
        cmocka_unit_test(options_that_do_not_fit_are_left_out_whole),
        cmocka_unit_test(search_list_is_compressed),
        cmocka_unit_test(long_search_lists_are_split_or_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
