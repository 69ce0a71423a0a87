/* SPDX-License-Identifier: MIT */
/* D-Bus messages: what we write is what the specification says, and nothing that comes back is believed unread. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "resolved/resolved.h"

#define SKIP_UNLESS_LITTLE_ENDIAN()                                                                                    \
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)                                                                     \
    skip()

/* By hand, after the specification: a call of member "Get" of "i" at "/o" of "d", with a string and an array. */
static void a_call_is_written_as_the_specification_has_it(void **state)
{
    static const struct dbus_method method = {"d", "/o", "i", "Get", false};
    static const uint8_t expected[] = {
        'l', 1,   2,   1, 0x14, 0,   0,   0,
        7,   0,   0,   0, 0x49, 0,   0,   0, /* call, no start, 20 bytes, serial 7, 73 of fields */
        6,   1,   's', 0, 1,    0,   0,   0,
        'd', 0,   0,   0, 0,    0,   0,   0, /* destination */
        1,   1,   'o', 0, 2,    0,   0,   0,
        '/', 'o', 0,   0, 0,    0,   0,   0, /* path */
        2,   1,   's', 0, 1,    0,   0,   0,
        'i', 0,   0,   0, 0,    0,   0,   0, /* interface */
        3,   1,   's', 0, 3,    0,   0,   0,
        'G', 'e', 't', 0, 0,    0,   0,   0, /* member */
        8,   1,   'g', 0, 3,    's', 'a', 'q',
        0,   0,   0,   0, 0,    0,   0,   0, /* signature, and padding */
        3,   0,   0,   0, 'l',  'a', 'b', 0,
        4,   0,   0,   0, 1,    0,   2,   0, /* "lab", 1 and 2 */
        'x', 0,   0,   0,
    };
    struct dbus_array array;
    struct dbus_call call;

    (void)state;
    SKIP_UNLESS_LITTLE_ENDIAN();
    dbus_call_init(&call, &method, 7, "saq");
    dbus_put_string(&call, "lab");
    dbus_put_array(&call, 2, &array);
    dbus_put_u16(&call, 1);
    dbus_put_u16(&call, 2);
    dbus_end_array(&call, &array);
    dbus_put_byte(&call, 'x');
    dbus_put_byte(&call, 0);
    dbus_put_u16(&call, 0);
    assert_int_equal(dbus_call_finish(&call), 0);
    assert_int_equal(call.len, sizeof(expected));
    for (size_t i = 0; i < sizeof(expected); i++)
        if (call.bytes[i] != expected[i])
            fail_msg("byte %zu is %#x, not %#x", i, call.bytes[i], expected[i]);
}

static void what_does_not_fit_is_no_call(void **state)
{
    static const struct dbus_method method = {"d", "/o", "i", "Get", false};
    static char text[DBUS_CALL_MAX];
    struct dbus_array array;
    struct dbus_call call;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    dbus_call_init(&call, &method, 1, "as");
    dbus_put_array(&call, 4, &array);
    dbus_put_string(&call, text);
    dbus_put_string(&call, "short");
    dbus_end_array(&call, &array);
    assert_int_equal(dbus_call_finish(&call), -EMSGSIZE);
}

/* ---- what resolved knows ---- */

/* As resolved has them: the servers of no link, of ours on 3, and on 9 two of which one is ours. */
struct knowledge {
    int index;
    uint8_t last; /* of the address 10.20.0.x */
    uint16_t port;
    const char *domain;
    bool routing;
};

static const struct knowledge lab = {3, 1, 10053, "lab", true};

/* The two values of the properties, one behind the other, written as a call's arguments. */
static void write_knowledge(struct dbus_call *call, const struct knowledge *entries, size_t count)
{
    static const struct dbus_method method = {"d", "/o", "i", "Get", false};
    struct dbus_array array, bytes;

    dbus_call_init(call, &method, 1, "");
    dbus_put_array(call, 8, &array);
    for (size_t i = 0; i < count; i++) {
        dbus_put_struct(call);
        dbus_put_u32(call, (uint32_t)entries[i].index);
        dbus_put_u32(call, AF_INET);
        dbus_put_array(call, 1, &bytes);
        for (size_t k = 0; k < 4; k++)
            dbus_put_byte(call, (const uint8_t[]){10, 20, 0, entries[i].last}[k]);
        dbus_end_array(call, &bytes);
        dbus_put_u16(call, entries[i].port);
        dbus_put_string(call, "");
    }
    dbus_end_array(call, &array);
    dbus_put_array(call, 8, &array);
    for (size_t i = 0; i < count; i++) {
        dbus_put_struct(call);
        dbus_put_u32(call, (uint32_t)entries[i].index);
        dbus_put_string(call, entries[i].domain);
        dbus_put_u32(call, entries[i].routing);
    }
    dbus_end_array(call, &array);
    assert_int_equal(dbus_call_finish(call), 0);
}

/* Counts how the network lab, on link @index, stands in it. */
static int read_knowledge(const struct dbus_call *call, size_t len, int index, struct resolved_names *ret)
{
    struct dbus_reader reader = {.bytes = call->bytes, .len = len, .at = call->body};
    int result;

    *ret = (struct resolved_names){
        .link_index = index, .server = {AF_INET, {10, 20, 0, 1}}, .port = 10053, .domain = "lab"};
    result = resolved_read_servers(&reader, ret, 1);
    return result < 0 ? result : resolved_read_domains(&reader, ret, 1);
}

static bool is_known(const struct knowledge *entries, size_t count, int index)
{
    struct resolved_names names;
    struct dbus_call call;

    write_knowledge(&call, entries, count);
    assert_int_equal(read_knowledge(&call, call.len, index, &names), 0);
    return names.servers == 1 && names.domains == 1;
}

static void only_what_was_told_is_known(void **state)
{
    const struct knowledge others[] = {{0, 1, 10053, "lab", true}, {2, 9, 53, "office", false}, lab};
    const struct knowledge twice[] = {lab, {3, 2, 53, "lab", true}};
    const struct knowledge wrong[] = {
        {3, 1, 53, "lab", true}, {3, 2, 10053, "lab", true}, {3, 1, 10053, "lab", false}, {3, 1, 10053, "bal", true}};

    (void)state;
    assert_true(is_known(others, 3, 3));
    assert_false(is_known(others, 3, 4));
    assert_false(is_known(others, 3, 0)); /* a bridge that is not there is not the host */
    assert_false(is_known(twice, 2, 3));
    assert_false(is_known(twice, 0, 3));
    for (size_t i = 0; i < 4; i++)
        assert_false(is_known(&wrong[i], 1, 3));
}

/* Cut anywhere, it is wrong, whatever stood before the cut. */
static void half_a_reply_is_none(void **state)
{
    struct resolved_names names;
    struct dbus_call call;

    (void)state;
    write_knowledge(&call, &lab, 1);
    for (size_t len = call.body; len < call.len; len++)
        assert_int_equal(read_knowledge(&call, len, 3, &names), -EPROTO);
    assert_int_equal(read_knowledge(&call, call.len, 3, &names), 0);
}

/* ---- headers ---- */

static void a_header_must_fit_its_message(void **state)
{
    static const struct dbus_method method = {"d", "/o", "i", "Get", false};
    struct dbus_reader reader;
    struct dbus_header header;
    struct dbus_call call;

    (void)state;
    dbus_call_init(&call, &method, 7, "s");
    dbus_put_string(&call, "lab");
    assert_int_equal(dbus_call_finish(&call), 0);
    assert_int_equal(dbus_message_length(call.bytes), call.len);
    reader = (struct dbus_reader){.bytes = call.bytes, .len = call.len};
    assert_true(dbus_read_header(&reader, &header));
    assert_int_equal(header.type, DBUS_CALL);
    assert_string_equal(header.signature, "s");
    assert_string_equal(dbus_read_string(&reader), "lab");
    assert_false(reader.wrong);
    for (size_t len = 0; len < call.len; len++) {
        reader = (struct dbus_reader){.bytes = call.bytes, .len = len};
        assert_false(dbus_read_header(&reader, &header));
    }
    call.bytes[0] ^= 0x20; /* the other byte order, more or less */
    assert_int_equal(dbus_message_length(call.bytes), 0);
}

static void a_length_that_is_too_much_is_no_message(void **state)
{
    uint8_t bytes[DBUS_FIXED_LEN] = {__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B', DBUS_RETURN, 0, 1};

    (void)state;
    assert_int_equal(dbus_message_length(bytes), DBUS_FIXED_LEN);
    memset(bytes + 4, 0xff, 4);
    assert_int_equal(dbus_message_length(bytes), 0);
    memset(bytes + 4, 0, 4);
    memset(bytes + 12, 0xff, 4);
    assert_int_equal(dbus_message_length(bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_written_as_the_specification_has_it),
        cmocka_unit_test(what_does_not_fit_is_no_call),
        cmocka_unit_test(only_what_was_told_is_known),
        cmocka_unit_test(half_a_reply_is_none),
        cmocka_unit_test(a_header_must_fit_its_message),
        cmocka_unit_test(a_length_that_is_too_much_is_no_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
