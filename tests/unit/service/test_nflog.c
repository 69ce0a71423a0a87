/* SPDX-License-Identifier: MIT */
/* Messages of netfilter's log: what the kernel writes is read, what is cut or of another kind is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "service/nflog.h"

static uint8_t message[512];
static size_t message_len;

static void put(uint16_t type, const void *bytes, size_t length)
{
    const struct nlattr header = {.nla_len = (uint16_t)(sizeof(header) + length), .nla_type = type};

    memcpy(message + message_len, &header, sizeof(header));
    if (length)
        memcpy(message + message_len + sizeof(header), bytes, length);
    message_len += NLA_ALIGN(sizeof(header) + length);
}

static void put_number(uint16_t type, uint32_t number)
{
    uint32_t wire = htonl(number);

    put(type, &wire, sizeof(wire));
}

static void finish(void)
{
    uint32_t length = (uint32_t)message_len;

    memcpy(message, &length, sizeof(length));
}

static void begin(uint8_t family)
{
    const struct nlmsghdr header = {.nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET};
    const struct nfgenmsg more = {.nfgen_family = family, .res_id = htons(29793)};

    memset(message, 0, sizeof(message));
    memcpy(message, &header, sizeof(header));
    memcpy(message + NLMSG_HDRLEN, &more, sizeof(more));
    message_len = NLMSG_HDRLEN + sizeof(more);
}

/* As a kernel with br_netfilter says it. */
static void build(void)
{
    begin(AF_BRIDGE);
    put(NFULA_PACKET_HDR, "\x08\0\0\0", 4);
    put(NFULA_PREFIX, "", 1);
    put_number(NFULA_IFINDEX_PHYSINDEV, 7);
    put_number(NFULA_IFINDEX_INDEV, 3);
    put(NFULA_HWHEADER, "0123456789abcd", 14);
    put(NFULA_PAYLOAD, "payload", 7);
    finish();
}

/* Parses a copy that ends where the message ends, so that ASan sees any read behind it. */
static int parse(size_t length, struct nflog_frame *ret)
{
    uint8_t *copy = malloc(length ? length : 1);
    int r;

    assert_non_null(copy);
    memcpy(copy, message, length);
    r = nflog_parse(copy, length, ret);
    free(copy);
    return r;
}

static void the_port_and_the_frame_are_read(void **state)
{
    struct nflog_frame frame;

    (void)state;
    build();
    assert_int_equal(nflog_parse(message, message_len, &frame), 0);
    assert_int_equal(frame.device, 7);
    assert_int_equal(frame.payload_len, 7);
    assert_memory_equal(frame.payload, "payload", 7);
}

static void without_br_netfilter_the_port_is_the_input_device(void **state)
{
    struct nflog_frame frame;

    (void)state;
    begin(AF_BRIDGE);
    put_number(NFULA_IFINDEX_INDEV, 9);
    put(NFULA_PAYLOAD, "p", 1);
    finish();
    assert_int_equal(nflog_parse(message, message_len, &frame), 0);
    assert_int_equal(frame.device, 9);
    assert_int_equal(frame.payload_len, 1);
}

static void what_names_no_port_or_has_no_frame_is_refused(void **state)
{
    struct nflog_frame frame;

    (void)state;
    begin(AF_BRIDGE);
    put(NFULA_PAYLOAD, "p", 1);
    finish();
    assert_int_equal(parse(message_len, &frame), -EBADMSG);
    begin(AF_BRIDGE);
    put_number(NFULA_IFINDEX_PHYSINDEV, 7);
    finish();
    assert_int_equal(parse(message_len, &frame), -EBADMSG);
    begin(AF_BRIDGE);
    put(NFULA_IFINDEX_PHYSINDEV, "\0\0\7", 3); /* too short to be one */
    put(NFULA_PAYLOAD, "p", 1);
    finish();
    assert_int_equal(parse(message_len, &frame), -EBADMSG);
}

static void other_messages_are_refused(void **state)
{
    struct nflog_frame frame;

    (void)state;
    build();
    message[4] = NFULNL_MSG_CONFIG;
    assert_int_equal(parse(message_len, &frame), -EBADMSG);
    build();
    message[5] = NFNL_SUBSYS_QUEUE;
    assert_int_equal(parse(message_len, &frame), -EBADMSG);
    build();
    message[NLMSG_HDRLEN] = NFPROTO_ARP; /* none of our rules logs such */
    assert_int_equal(parse(message_len, &frame), -EBADMSG);
    build();
    message[NLMSG_HDRLEN] = AF_INET6; /* as it comes by the port of a routed network */
    assert_int_equal(parse(message_len, &frame), 0);
}

static void cut_anywhere_it_is_refused(void **state)
{
    struct nflog_frame frame;
    size_t whole;

    (void)state;
    build();
    whole = message_len - 1; /* the last byte is padding */
    for (size_t length = 0; length < whole; length++) {
        uint32_t said = (uint32_t)length;

        assert_int_equal(parse(length, &frame), -EBADMSG); /* shorter than it says */
        build();
        memcpy(message, &said, sizeof(said));
        assert_int_equal(parse(length, &frame), -EBADMSG); /* and when it says so */
        build();
    }
}

static void lengths_that_lie_are_refused(void **state)
{
    static const uint16_t lies[] = {0, 1, 3, 200, UINT16_MAX};
    struct nflog_frame frame;

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
        build();
        memcpy(message + NLMSG_HDRLEN + sizeof(struct nfgenmsg), &lies[i], sizeof(lies[i]));
        assert_int_equal(parse(message_len, &frame), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_port_and_the_frame_are_read),
        cmocka_unit_test(without_br_netfilter_the_port_is_the_input_device),
        cmocka_unit_test(what_names_no_port_or_has_no_frame_is_refused),
        cmocka_unit_test(other_messages_are_refused),
        cmocka_unit_test(cut_anywhere_it_is_refused),
        cmocka_unit_test(lengths_that_lie_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
