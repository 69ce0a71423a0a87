/* SPDX-License-Identifier: MIT */
/* The host's own DHCP client on the wire: what it asks, and which answers count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "lease/message.h"
#include "packet/bytes.h"
#include "service/dhcp_message.h"

static const struct lease_question question = {0x01020304, 0xc0000232, {{0x52, 0x54, 0, 0, 0, 7}}};

/* An answer to it without options; returns where they begin. */
static size_t answer_begin(uint8_t bytes[LEASE_MESSAGE_MAX])
{
    memset(bytes, 0, LEASE_MESSAGE_MAX);
    bytes[DHCP_OP] = 2;
    bytes[DHCP_HTYPE] = 1;
    bytes[DHCP_HLEN] = 6;
    bytes_put_be32(bytes + DHCP_XID, question.xid);
    bytes_put_be32(bytes + DHCP_YIADDR, question.address);
    memcpy(bytes + DHCP_CHADDR, question.mac.bytes, 6);
    bytes_put_be32(bytes + DHCP_COOKIE, DHCP_COOKIE_VALUE);
    return DHCP_OPTIONS;
}

/* The same with a type and times; 0: left out. Returns its length. */
static size_t answer_write(uint8_t bytes[LEASE_MESSAGE_MAX], enum dhcp_type type, uint32_t seconds, uint32_t renew,
                           uint32_t rebind)
{
    struct dhcp_writer writer = {.bytes = bytes, .length = answer_begin(bytes), .size = LEASE_MESSAGE_MAX};

    dhcp_put_byte(&writer, DHCP_OPTION_TYPE, (uint8_t)type);
    dhcp_put_u32(&writer, DHCP_OPTION_SERVER, 0xc0000201);
    if (seconds)
        dhcp_put_u32(&writer, DHCP_OPTION_LEASE_TIME, seconds);
    if (renew)
        dhcp_put_u32(&writer, DHCP_OPTION_T1, renew);
    if (rebind)
        dhcp_put_u32(&writer, DHCP_OPTION_T2, rebind);
    return dhcp_put_end(&writer);
}

static void a_server_understands_the_question(void **state)
{
    uint8_t bytes[LEASE_MESSAGE_MAX];
    struct dhcp_request request;

    (void)state;
    assert_int_equal(dhcp_request_parse(bytes, lease_question_write(&question, bytes), &request), 0);
    assert_int_equal(request.type, DHCP_REQUEST);
    assert_int_equal(request.xid, question.xid);
    assert_int_equal(request.ciaddr, question.address);
    assert_int_equal(request.flags, 0); /* it answers to that address */
    assert_true(mac_equal(&request.chaddr, &question.mac));
    assert_true(!request.requested && !request.server); /* RFC 2131, table 5 */
    assert_true(dhcp_request_wants(&request, DHCP_OPTION_LEASE_TIME));
}

static void times_are_as_said_or_as_proposed(void **state)
{
    static const struct {
        uint32_t seconds, renew, rebind;
        struct lease_answer wanted;
    } rows[] = {
        {3600, 1000, 2000, {true, 0xc0000201, 3600, 1000, 2000}},
        {3600, 0, 0, {true, 0xc0000201, 3600, 1800, 3150}},
        {3600, 2000, 1000, {true, 0xc0000201, 3600, 1800, 3150}},
        {3600, 4000, 5000, {true, 0xc0000201, 3600, 1800, 3150}},
        {1, 0, 0, {true, 0xc0000201, LEASE_SECONDS_MIN, 5, 9}},
        {LEASE_FOREVER, 0, 0, {true, 0xc0000201, LEASE_FOREVER, 0x7fffffff, 0xe0000000}},
    };
    uint8_t bytes[LEASE_MESSAGE_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t length = answer_write(bytes, DHCP_ACK, rows[i].seconds, rows[i].renew, rows[i].rebind);
        struct lease_answer answer;

        assert_int_equal(lease_answer_parse(bytes, length, &question, &answer), 0);
        assert_int_equal(answer.granted, true);
        assert_int_equal(answer.server, rows[i].wanted.server);
        assert_int_equal(answer.seconds, rows[i].wanted.seconds);
        assert_int_equal(answer.renew, rows[i].wanted.renew);
        assert_int_equal(answer.rebind, rows[i].wanted.rebind);
    }
}

static void a_refusal_is_one(void **state)
{
    uint8_t bytes[LEASE_MESSAGE_MAX];
    struct lease_answer answer = {.granted = true};
    size_t length = answer_write(bytes, DHCP_NAK, 0, 0, 0);

    (void)state;
    bytes_put_be32(bytes + DHCP_YIADDR, 0);
    assert_int_equal(lease_answer_parse(bytes, length, &question, &answer), 0);
    assert_false(answer.granted);
}

/* One byte of a sound answer is another one. */
static void what_is_no_answer_to_the_question_does_not_count(void **state)
{
    static const size_t places[] = {DHCP_OP,     DHCP_HTYPE,  DHCP_HLEN,   DHCP_XID,     DHCP_XID + 3,
                                    DHCP_YIADDR, DHCP_CHADDR, DHCP_COOKIE, DHCP_OPTIONS, DHCP_OPTIONS + 2};
    uint8_t bytes[LEASE_MESSAGE_MAX];
    struct lease_answer answer;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        size_t length = answer_write(bytes, DHCP_ACK, 3600, 0, 0);

        bytes[places[i]] ^= 0x40;
        assert_int_equal(lease_answer_parse(bytes, length, &question, &answer), -EBADMSG);
    }
    for (size_t length = 0; length < DHCP_OPTIONS + 9; length++) { /* before the time is whole */
        answer_write(bytes, DHCP_ACK, 3600, 0, 0);
        assert_int_equal(lease_answer_parse(bytes, length, &question, &answer), -EBADMSG);
    }
    assert_int_equal(lease_answer_parse(bytes, answer_write(bytes, DHCP_ACK, 0, 0, 0), &question, &answer), -EBADMSG);
    assert_int_equal(lease_answer_parse(bytes, answer_write(bytes, DHCP_OFFER, 60, 0, 0), &question, &answer),
                     -EBADMSG);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_understands_the_question),
        cmocka_unit_test(times_are_as_said_or_as_proposed),
        cmocka_unit_test(a_refusal_is_one),
        cmocka_unit_test(what_is_no_answer_to_the_question_does_not_count),
    };

    return cmocka_run_group_tests_name("lease message", tests, NULL, NULL);
}
