/* SPDX-License-Identifier: MIT */
/* DNS messages: queries that are hostile or odd, replies of our own, and which reply belongs to which query. */
#include "service/dns_message.h"

#include <errno.h>

#include "base/cleanup.h"
#include "service/loop.h"
#include "wire.h"

#define RCODE_FORMERR 1
#define RCODE_NOTIMP 4
#define RCODE_REFUSED 5

/* Parses exactly @wire's bytes, from a copy of their size, so that sanitizers see reads behind them. */
static int parse(const struct wire *wire, struct dns_message *ret)
{
    uint8_t *copy _cleanup_free_ = malloc(wire->length ? wire->length : 1);

    assert_non_null(copy);
    memcpy(copy, wire->bytes, wire->length);
    return dns_message_parse(copy, wire->length, ret);
}

static void expect(const struct wire *wire, int expected)
{
    struct dns_message message cleanup(dns_message_fini) = {0};
    int r = parse(wire, &message);

    if (r != expected)
        fail_msg("%d instead of %d", r, expected);
}

static void a_usual_query(void **state)
{
    struct dns_message message cleanup(dns_message_fini) = {0};
    struct wire wire;

    (void)state;
    wire_query(&wire, "web.lab", TYPE_AAAA);
    assert_int_equal(parse(&wire, &message), 0);
    assert_int_equal(message.type, TYPE_AAAA);
    assert_int_equal(message.question_end, wire.length);
    assert_true(message.recursion_desired);
    assert_false(message.edns);
    assert_int_equal(message.udp_size, 512);
}

static void opt_says_what_the_client_takes(void **state)
{
    struct dns_message message cleanup(dns_message_fini) = {0};
    struct wire wire;

    (void)state;
    wire_query(&wire, "example.org", TYPE_A);
    wire_opt(&wire, 4096, 1, 1);
    assert_int_equal(parse(&wire, &message), 0);
    assert_true(message.edns && message.dnssec_ok);
    assert_int_equal(message.edns_version, 1);
    assert_int_equal(message.udp_size, 4096);
    assert_int_equal(message.question_end, wire.length - 11);
    dns_message_fini(&message);
    wire_query(&wire, "example.org", TYPE_A);
    wire_opt(&wire, 100, 0, 0); /* nobody takes less than 512 */
    assert_int_equal(parse(&wire, &message), 0);
    assert_int_equal(message.udp_size, 512);
}

static void what_is_said_nothing_to(void **state)
{
    struct wire wire;

    (void)state;
    wire_query(&wire, "web", TYPE_A);
    wire.bytes[2] |= 0x80; /* a response: replying would make a loop */
    expect(&wire, -EBADMSG);
    wire_query(&wire, "web", TYPE_A);
    for (wire.length = 0; wire.length < 12; wire.length++)
        expect(&wire, -EBADMSG);
}

static void what_is_refused(void **state)
{
    struct wire wire;

    (void)state;
    for (unsigned opcode = 1; opcode < 16; opcode++) {
        wire_query(&wire, "web", TYPE_A);
        wire.bytes[2] = (uint8_t)(opcode << 3);
        expect(&wire, RCODE_NOTIMP);
    }
    for (unsigned type = TYPE_IXFR; type < TYPE_ANY; type++) {
        wire_query(&wire, "lab", type);
        expect(&wire, RCODE_REFUSED);
    }
    wire_query(&wire, "lab", TYPE_IXFR);
    wire.bytes[9] = 1; /* with the SOA that an IXFR has */
    wire_name(&wire, "");
    expect(&wire, RCODE_REFUSED);
    for (unsigned other = 0; other < 256; other += 3) {
        wire_query(&wire, "version.bind", TYPE_A);
        wire.bytes[wire.length - 1] = (uint8_t)other;
        expect(&wire, other == 1 ? 0 : RCODE_REFUSED);
    }
}

static void counts_that_no_query_has(void **state)
{
    struct wire wire;

    (void)state;
    for (size_t at = 4; at < 12; at++) {
        wire_query(&wire, "web", TYPE_A);
        wire.bytes[at] = 9;
        expect(&wire, RCODE_FORMERR);
    }
    wire_header(&wire, 0x0100, 0, 0);
    expect(&wire, RCODE_FORMERR);
    wire_query(&wire, "web", TYPE_A);
    wire.bytes[2] |= 2; /* truncated */
    expect(&wire, RCODE_FORMERR);
    wire_query(&wire, "web", TYPE_A);
    wire_put(&wire, "x", 1); /* bytes behind the end */
    expect(&wire, RCODE_FORMERR);
    wire_query(&wire, "web", TYPE_A);
    wire_opt(&wire, 1232, 0, 0);
    wire_opt(&wire, 1232, 0, 0); /* RFC 6891: more than one */
    expect(&wire, RCODE_FORMERR);
}

static void messages_cut_anywhere(void **state)
{
    struct wire wire;
    size_t question_end, length;

    (void)state;
    wire_query(&wire, "www.example.org", TYPE_A);
    question_end = wire.length;
    wire_opt(&wire, 1232, 0, 1);
    length = wire.length;
    for (wire.length = 12; wire.length < length; wire.length++)
        expect(&wire, RCODE_FORMERR);
    expect(&wire, 0);
    assert_true(question_end < length);
}

/* Pointers to themselves, to each other, forward, and backward: a query has none. Nor does one cost much time. */
static void compressed_names_are_refused(void **state)
{
    static const uint8_t loops[][6] = {"\xc0\x0c", "\xc0\x0e\xc0\x0c", "\1a\xc0\x0c", "\xc0\x00",
                                       "\xff\xff", "\x40\x01",         "\x80"};
    uint64_t start_usec = loop_now_usec();
    struct wire wire;

    (void)state;
    for (unsigned turn = 0; turn < 1000; turn++) {
        for (size_t i = 0; i < sizeof(loops) / sizeof(*loops); i++) {
            wire_header(&wire, 0x0100, 1, 0);
            wire_put(&wire, loops[i], 6);
            wire_u16(&wire, TYPE_A);
            wire_u16(&wire, 1);
            expect(&wire, RCODE_FORMERR);
        }
    }
    assert_true(loop_now_usec() - start_usec < 1000000); /* following them would take two seconds */
    wire_query(&wire, "web", TYPE_A);
    wire.bytes[11] = 1;
    wire_put(&wire, "\xc0\x0c\0\x29\0\0\0\0\0\0\0\0", 12); /* an OPT whose name is not the root */
    expect(&wire, RCODE_FORMERR);
}

static void names_at_the_limit(void **state)
{
    char text[256] = "";
    struct wire wire;

    (void)state;
    for (unsigned i = 0; i < 127; i++)
        memcpy(text + 2 * i, i < 126 ? "a." : "a", i < 126 ? 3 : 2);
    wire_query(&wire, text, TYPE_A); /* 127 labels, 255 bytes */
    expect(&wire, 0);
    text[253] = '.';
    text[254] = 'b';
    text[255] = '\0';
    wire_query(&wire, text, TYPE_A);
    expect(&wire, RCODE_FORMERR);
}

static void queries_are_short(void **state)
{
    struct wire wire;

    (void)state;
    wire_query(&wire, "web", TYPE_A);
    wire_opt(&wire, 1232, 0, 0);
    while (wire.length < 512) /* OPT's data, as padding */
        wire_put(&wire, "", 1);
    wire.bytes[30] = (uint8_t)((512 - 32) >> 8); /* its length */
    wire.bytes[31] = (uint8_t)(512 - 32);
    expect(&wire, 0);
    wire_put(&wire, "", 1);
    expect(&wire, RCODE_FORMERR);
}

/* Every byte of a query, changed to everything: no crash, and what is accepted is answered. */
static void every_byte_changed(void **state)
{
    uint8_t reply[DNS_REPLY_MAX];
    struct wire wire, changed;

    (void)state;
    wire_query(&wire, "web.lab", TYPE_A);
    wire_opt(&wire, 1232, 0, 0);
    for (size_t at = 0; at < wire.length; at++) {
        for (unsigned value = 0; value < 256; value++) {
            struct dns_message message cleanup(dns_message_fini) = {0};
            size_t length;

            changed = wire;
            changed.bytes[at] = (uint8_t)value;
            if (parse(&changed, &message) < 0)
                continue;
            length = dns_reply_bare(changed.bytes, changed.length, 2, false, reply);
            assert_true(length >= 12 && memcmp(reply, changed.bytes, 2) == 0 && (reply[2] & 0x80));
        }
    }
}

static void a_bare_reply_repeats_the_question(void **state)
{
    uint8_t reply[DNS_REPLY_MAX];
    struct wire wire;
    size_t length;

    (void)state;
    wire_query(&wire, "wEb.eXample.oRg", TYPE_A);
    wire.bytes[3] |= 0x10; /* checking disabled */
    length = dns_reply_bare(wire.bytes, wire.length, RCODE_REFUSED, false, reply);
    assert_int_equal(length, wire.length);
    assert_memory_equal(reply, "\xab\xcd\x81\x95\0\1\0\0\0\0\0\0", 12); /* QR RD, RA CD REFUSED */
    assert_memory_equal(reply + 12, wire.bytes + 12, length - 12);
    wire_opt(&wire, 4096, 0, 1);
    length = dns_reply_bare(wire.bytes, wire.length, 0, true, reply);
    assert_int_equal(length, wire.length);
    assert_int_equal(reply[2], 0x83);                                               /* QR TC RD */
    assert_memory_equal(reply + length - 11, "\0\0\x29\x04\xd0\0\0\x80\0\0\0", 11); /* we take 1232; DO is said back */
}

/* Also where the question was read but refused: it has OPT, so the reply does. */
static void a_refusal_keeps_opt(void **state)
{
    uint8_t reply[DNS_REPLY_MAX];
    struct wire wire;

    (void)state;
    wire_query(&wire, "lab", TYPE_AXFR);
    wire_opt(&wire, 4096, 0, 0);
    assert_int_equal(dns_reply_bare(wire.bytes, wire.length, RCODE_REFUSED, false, reply), wire.length);
    wire_header(&wire, 0, 1, 0);
    wire_put(&wire, "\xc0\x0c", 2);
    assert_int_equal(dns_reply_bare(wire.bytes, wire.length, RCODE_FORMERR, false, reply), 12); /* nothing to repeat */
}

/* The reply to "web.lab" with @answer, read back with ldns. */
static ldns_pkt *answered(struct wire *query, const struct dns_answer *answer)
{
    uint8_t reply[DNS_REPLY_MAX];
    size_t length = dns_reply_answer(query->bytes, query->length, answer, reply);
    ldns_pkt *packet = NULL;

    assert_true(length > 0);
    assert_int_equal(ldns_wire2pkt(&packet, reply, length), LDNS_STATUS_OK);
    assert_true(ldns_pkt_qr(packet) && ldns_pkt_aa(packet) && ldns_pkt_ra(packet) && ldns_pkt_rd(packet));
    assert_int_equal(ldns_pkt_id(packet), WIRE_ID);
    return packet;
}

static void expect_text(const ldns_rr_list *list, const char *expected)
{
    char *text _cleanup_free_ = ldns_rr_list2str(list);

    assert_string_equal(text, expected);
}

static void answers_of_every_kind(void **state)
{
    struct dns_answer answer = {.kind = DNS_ADDRESS, .network = "lab", .zone = "lab", .name = "www.lab"};
    struct wire wire;
    ldns_pkt *packet;

    (void)state;
    wire_query(&wire, "wEb.lab", TYPE_A);
    answer.address = ip4_from_value(0x0a14000a);
    packet = answered(&wire, &answer);
    expect_text(ldns_pkt_answer(packet), "wEb.lab.\t30\tIN\tA\t10.20.0.10\n");
    ldns_pkt_free(packet);
    answer.kind = DNS_POINTER;
    packet = answered(&wire, &answer);
    expect_text(ldns_pkt_answer(packet), "wEb.lab.\t30\tIN\tPTR\twww.lab.\n");
    ldns_pkt_free(packet);
    answer.kind = DNS_ZONE;
    packet = answered(&wire, &answer);
    expect_text(ldns_pkt_answer(packet), "lab.\t30\tIN\tSOA\tgateway.lab. hostmaster.lab. 1 3600 600 86400 30\n");
    ldns_pkt_free(packet);
    answer.kind = DNS_MISSING;
    packet = answered(&wire, &answer);
    assert_int_equal(ldns_pkt_get_rcode(packet), LDNS_RCODE_NXDOMAIN);
    assert_int_equal(ldns_pkt_ancount(packet), 0);
    expect_text(ldns_pkt_authority(packet), "lab.\t30\tIN\tSOA\tgateway.lab. hostmaster.lab. 1 3600 600 86400 30\n");
    ldns_pkt_free(packet);
    answer.kind = DNS_EMPTY;
    answer.zone[0] = '\0';
    packet = answered(&wire, &answer);
    assert_int_equal(ldns_pkt_get_rcode(packet), LDNS_RCODE_NOERROR);
    assert_int_equal(ldns_pkt_ancount(packet) + ldns_pkt_nscount(packet), 0);
    ldns_pkt_free(packet);
}

static void an_unknown_version_is_told_ours(void **state)
{
    struct dns_answer answer = {.kind = DNS_EMPTY, .network = "lab"};
    uint8_t reply[DNS_REPLY_MAX];
    struct wire wire;
    size_t length;

    (void)state;
    wire_query(&wire, "web.lab", TYPE_A);
    wire_opt(&wire, 1232, 0x0001, 0);
    length = dns_reply_answer(wire.bytes, wire.length, &answer, reply);
    assert_int_equal(length, wire.length);
    assert_memory_equal(reply + length - 11, "\0\0\x29\x04\xd0\1\0\0\0\0\0", 11); /* BADVERS, version 0 */
}

static void only_the_reply_is_the_reply(void **state)
{
    struct wire query, reply;
    size_t end;

    (void)state;
    wire_query(&query, "wEb.example.org", TYPE_A);
    end = query.length;
    reply = query;
    reply.bytes[2] = 0x81;
    assert_int_equal(dns_reply_match(reply.bytes, end, WIRE_ID, query.bytes, end), DNS_MATCH_WHOLE);
    assert_int_equal(dns_reply_match(query.bytes, end, WIRE_ID, query.bytes, end), DNS_MATCH_NOT); /* no response */
    assert_int_equal(dns_reply_match(reply.bytes, end, WIRE_ID + 1, query.bytes, end), DNS_MATCH_NOT);
    for (size_t length = 0; length < end; length++)
        assert_int_equal(dns_reply_match(reply.bytes, length, WIRE_ID, query.bytes, end), DNS_MATCH_NOT);
    for (size_t at = 12; at < end; at++) { /* name, its dots and their case, type, class */
        bool letter = strchr("wEbexampleorg", query.bytes[at]) && query.bytes[at] && at < end - 4;

        reply.bytes[at] ^= 0x20;
        assert_int_equal(dns_reply_match(reply.bytes, end, WIRE_ID, query.bytes, end),
                         letter ? DNS_MATCH_CASE : DNS_MATCH_NOT);
        reply.bytes[at] ^= 0x21;
        assert_int_equal(dns_reply_match(reply.bytes, end, WIRE_ID, query.bytes, end), DNS_MATCH_NOT);
        reply.bytes[at] ^= 0x01;
    }
    reply.bytes[5] = 2;
    assert_int_equal(dns_reply_match(reply.bytes, end, WIRE_ID, query.bytes, end), DNS_MATCH_NOT);
    reply.bytes[5] = 1;
    reply.bytes[2] = 0xa1; /* another opcode */
    assert_int_equal(dns_reply_match(reply.bytes, end, WIRE_ID, query.bytes, end), DNS_MATCH_NOT);
}

static void case_is_mixed_and_mixed_back(void **state)
{
    struct wire query, mixed;

    (void)state;
    wire_query(&query, "wEb-1.example.org", TYPE_A);
    mixed = query;
    dns_case_mix(mixed.bytes, mixed.length, 0x5);
    assert_memory_equal(mixed.bytes + 12, "\5WEB-1\7example\3org\0\0\1\0\1", 23);
    dns_case_mix(mixed.bytes, mixed.length, 0x5);
    assert_memory_equal(mixed.bytes, query.bytes, query.length);
    dns_case_mix(mixed.bytes, mixed.length, UINT64_MAX);
    assert_memory_equal(mixed.bytes + 12, "\5WeB-1\7EXAMPLE\3ORG\0\0\1\0\1", 23);
    wire_query(&query, "", TYPE_NS);
    mixed = query;
    dns_case_mix(mixed.bytes, mixed.length, UINT64_MAX);
    assert_memory_equal(mixed.bytes, query.bytes, query.length);
}

static void errors_may_come_without_the_question(void **state)
{
    struct wire query, reply;

    (void)state;
    wire_query(&query, "example.org", TYPE_A);
    for (unsigned rcode = 0; rcode < 16; rcode++) {
        wire_header(&reply, 0x8100 | rcode, 0, 0);
        assert_int_equal(dns_reply_match(reply.bytes, 12, WIRE_ID, query.bytes, query.length),
                         rcode == 0 || rcode == 3 ? DNS_MATCH_NOT : DNS_MATCH_ERROR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_usual_query),
        cmocka_unit_test(opt_says_what_the_client_takes),
        cmocka_unit_test(what_is_said_nothing_to),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(counts_that_no_query_has),
        cmocka_unit_test(messages_cut_anywhere),
        cmocka_unit_test(compressed_names_are_refused),
        cmocka_unit_test(names_at_the_limit),
        cmocka_unit_test(queries_are_short),
        cmocka_unit_test(every_byte_changed),
        cmocka_unit_test(a_bare_reply_repeats_the_question),
        cmocka_unit_test(a_refusal_keeps_opt),
        cmocka_unit_test(answers_of_every_kind),
        cmocka_unit_test(an_unknown_version_is_told_ours),
        cmocka_unit_test(only_the_reply_is_the_reply),
        cmocka_unit_test(case_is_mixed_and_mixed_back),
        cmocka_unit_test(errors_may_come_without_the_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
