/* SPDX-License-Identifier: MIT */
/* DNS messages on the wire (RFC 1035, 6891): a guest's query taken apart, and the replies that are our own. */
#include "service/dns_message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define FLAG_TRUNCATED 0x02         /* of byte 2 */
#define FLAG_CHECKING_DISABLED 0x10 /* of byte 3 */
#define NAME_MAX_LENGTH 255
#define CASE 0x20 /* what makes a small letter of a capital one */

static void free_rr(ldns_rr **rr)
{
    ldns_rr_free(*rr); /* takes NULL */
}

static void free_packet(ldns_pkt **packet)
{
    ldns_pkt_free(*packet); /* takes NULL */
}

/* ---- queries ---- */

void dns_message_fini(struct dns_message *message)
{
    ldns_rr_free(message->question);
    message->question = NULL;
}

/* 0, -EBADMSG, or an RCODE, as dns_message_parse(). */
static int parse_header(const uint8_t *bytes, size_t length)
{
    if (length < DNS_HEADER || LDNS_QR_WIRE(bytes))
        return -EBADMSG;
    if (LDNS_OPCODE_WIRE(bytes) != LDNS_PACKET_QUERY)
        return LDNS_RCODE_NOTIMPL;
    if (length > DNS_QUERY_MAX || (bytes[2] & FLAG_TRUNCATED) || LDNS_QDCOUNT(bytes) != 1 || LDNS_ANCOUNT(bytes) != 0)
        return LDNS_RCODE_FORMERR;
    return 0;
}

/* Does a name start at @at that ends in bounds, and has no pointer in it? */
static bool name_plain(const uint8_t *bytes, size_t length, size_t at)
{
    size_t start = at;

    while (at < length && bytes[at] && bytes[at] <= LDNS_MAX_LABELLEN)
        at += bytes[at] + 1u;
    return at < length && bytes[at] == 0 && at + 1 - start <= NAME_MAX_LENGTH;
}

static int parse_question(const uint8_t *bytes, size_t length, struct dns_message *message)
{
    size_t at = DNS_HEADER;

    if (!name_plain(bytes, length, at) ||
        ldns_wire2rr(&message->question, bytes, length, &at, LDNS_SECTION_QUESTION) != LDNS_STATUS_OK) {
        message->question = NULL;
        return LDNS_RCODE_FORMERR;
    }
    message->question_end = at;
    message->type = (uint16_t)ldns_rr_get_type(message->question);
    if (ldns_rr_get_class(message->question) != LDNS_RR_CLASS_IN)
        return LDNS_RCODE_REFUSED;
    /* IXFR, AXFR, MAILB, MAILA: everything of a zone */
    if (message->type >= LDNS_RR_TYPE_IXFR && message->type <= LDNS_RR_TYPE_MAILA)
        return LDNS_RCODE_REFUSED;
    return 0;
}

/* What stands behind the question: nothing, or one OPT record (RFC 6891, section 6.1.2). */
static int parse_opt(const uint8_t *bytes, size_t length, struct dns_message *message)
{
    ldns_rr *opt cleanup(free_rr) = NULL;
    size_t at = message->question_end;
    uint16_t count = LDNS_ARCOUNT(bytes);

    if (LDNS_NSCOUNT(bytes) != 0 || count > 1)
        return LDNS_RCODE_FORMERR;
    if (count == 1) {
        if (at >= length || bytes[at] != 0 ||
            ldns_wire2rr(&opt, bytes, length, &at, LDNS_SECTION_ADDITIONAL) != LDNS_STATUS_OK ||
            ldns_rr_get_type(opt) != (ldns_rr_type)LDNS_RR_TYPE_OPT)
            return LDNS_RCODE_FORMERR;
        message->edns = true;
        message->edns_version = ldns_rr_ttl(opt) >> 16 & 0xff;
        message->dnssec_ok = ldns_rr_ttl(opt) & 0x8000;
        if (ldns_rr_get_class(opt) > DNS_UDP_MIN)
            message->udp_size = (uint16_t)ldns_rr_get_class(opt);
    }
    return at == length ? 0 : LDNS_RCODE_FORMERR;
}

int dns_message_parse(const uint8_t *bytes, size_t length, struct dns_message *ret)
{
    int r, opt;

    *ret = (struct dns_message){.udp_size = DNS_UDP_MIN};
    r = parse_header(bytes, length);
    if (r != 0)
        return r;
    ret->recursion_desired = LDNS_RD_WIRE(bytes);
    r = parse_question(bytes, length, ret);
    if (!ret->question)
        return r;
    opt = parse_opt(bytes, length, ret); /* also when it is refused: the reply's OPT depends on it */
    return r != 0 ? r : opt;
}

/* ---- replies ---- */

/* A reply to the query @bytes without records; NULL when out of memory. */
static ldns_pkt *reply_new(const uint8_t *bytes, const struct dns_message *message)
{
    ldns_pkt *packet cleanup(free_packet) = ldns_pkt_new();
    ldns_rr *question cleanup(free_rr) = NULL;

    if (!packet)
        return NULL;
    ldns_pkt_set_id(packet, LDNS_ID_WIRE(bytes));
    ldns_pkt_set_qr(packet, true);
    ldns_pkt_set_opcode(packet, (ldns_pkt_opcode)LDNS_OPCODE_WIRE(bytes));
    ldns_pkt_set_rd(packet, LDNS_RD_WIRE(bytes));
    ldns_pkt_set_cd(packet, bytes[3] & FLAG_CHECKING_DISABLED);
    ldns_pkt_set_ra(packet, true);
    if (message->edns) {
        ldns_pkt_set_edns_udp_size(packet, DNS_REPLY_MAX);
        ldns_pkt_set_edns_do(packet, message->dnssec_ok);
    }
    if (message->question) {
        question = ldns_rr_clone(message->question);
        if (!question || !ldns_pkt_push_rr(packet, LDNS_SECTION_QUESTION, question))
            return NULL;
        question = NULL;
    }
    return take_pointer(packet);
}

/* Writes @packet. Its length, 0: no memory, or longer than DNS_REPLY_MAX. */
static size_t reply_write(const ldns_pkt *packet, uint8_t *reply)
{
    uint8_t *wire _cleanup_free_ = NULL;
    size_t length = 0;

    if (ldns_pkt2wire(&wire, packet, &length) != LDNS_STATUS_OK || length > DNS_REPLY_MAX)
        return 0;
    memcpy(reply, wire, length);
    return length;
}

size_t dns_reply_bare(const uint8_t *bytes, size_t length, unsigned rcode, bool truncated, uint8_t *reply)
{
    struct dns_message message cleanup(dns_message_fini) = {0};
    ldns_pkt *packet cleanup(free_packet) = NULL;

    dns_message_parse(bytes, length, &message);
    packet = reply_new(bytes, &message);
    if (!packet)
        return 0;
    ldns_pkt_set_rcode(packet, (uint8_t)rcode);
    ldns_pkt_set_tc(packet, truncated);
    return reply_write(packet, reply);
}

/* A record of @type that answers the question, with @rdata (which becomes its own); NULL when out of memory. */
static ldns_rr *record_new(const struct dns_message *message, ldns_rr_type type, ldns_rdf *rdata)
{
    ldns_rdf *owner = ldns_rdf_clone(ldns_rr_owner(message->question));
    ldns_rr *record = rdata && owner ? ldns_rr_new() : NULL;

    if (!record) {
        ldns_rdf_deep_free(owner);
        ldns_rdf_deep_free(rdata);
        return NULL;
    }
    ldns_rr_set_owner(record, owner);
    ldns_rr_set_type(record, type);
    ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
    ldns_rr_set_ttl(record, DNS_TTL);
    if (!ldns_rr_push_rdf(record, rdata)) {
        ldns_rdf_deep_free(rdata);
        ldns_rr_free(record);
        return NULL;
    }
    return record;
}

/* Says who answers for the zone, and by its last number how long "no" may be believed (RFC 2308). */
static ldns_rr *soa_new(const struct dns_answer *answer)
{
    char text[4 * DNS_TEXT_MAX];
    ldns_rr *record = NULL;

    snprintf(text, sizeof(text), "%s. %d IN SOA gateway.%s. hostmaster.%s. 1 3600 600 86400 %d", answer->zone, DNS_TTL,
             answer->network, answer->network, DNS_TTL);
    return ldns_rr_new_frm_str(&record, text, 0, NULL, NULL) == LDNS_STATUS_OK ? record : NULL;
}

/* The record that @answer consists of; NULL when out of memory. */
static ldns_rr *answer_record(const struct dns_message *message, const struct dns_answer *answer)
{
    if (answer->kind == DNS_ADDRESS && answer->address.family == AF_INET6)
        return record_new(message, LDNS_RR_TYPE_AAAA,
                          ldns_rdf_new_frm_data(LDNS_RDF_TYPE_AAAA, 16, answer->address.bytes));
    if (answer->kind == DNS_ADDRESS)
        return record_new(message, LDNS_RR_TYPE_A, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_A, 4, answer->address.bytes));
    if (answer->kind == DNS_POINTER)
        return record_new(message, LDNS_RR_TYPE_PTR, ldns_dname_new_frm_str(answer->name));
    return soa_new(answer);
}

static bool answer_push(ldns_pkt *packet, const struct dns_message *message, const struct dns_answer *answer)
{
    bool negative = answer->kind == DNS_EMPTY || answer->kind == DNS_MISSING;
    ldns_rr *record = NULL;

    ldns_pkt_set_aa(packet, true);
    if (answer->kind == DNS_MISSING)
        ldns_pkt_set_rcode(packet, LDNS_RCODE_NXDOMAIN);
    if (negative && !answer->zone[0])
        return true;
    record = answer_record(message, answer);
    if (record && ldns_pkt_push_rr(packet, negative ? LDNS_SECTION_AUTHORITY : LDNS_SECTION_ANSWER, record))
        return true;
    ldns_rr_free(record);
    return false;
}

size_t dns_reply_answer(const uint8_t *bytes, size_t length, const struct dns_answer *answer, uint8_t *reply)
{
    struct dns_message message cleanup(dns_message_fini) = {0};
    ldns_pkt *packet cleanup(free_packet) = NULL;

    if (dns_message_parse(bytes, length, &message) != 0)
        return 0;
    packet = reply_new(bytes, &message);
    if (!packet)
        return 0;
    if (message.edns_version > 0)
        ldns_pkt_set_edns_extended_rcode(packet, 1); /* BADVERS is 16: the upper bits are in OPT */
    else if (!answer_push(packet, &message, answer))
        return 0;
    return reply_write(packet, reply);
}

static bool is_letter(uint8_t byte)
{
    return (byte | CASE) >= 'a' && (byte | CASE) <= 'z';
}

void dns_case_mix(uint8_t *bytes, size_t question_end, uint64_t cases)
{
    unsigned letters = 0;

    /* Lengths of labels are less than any letter; type and class follow the name. */
    for (size_t at = DNS_HEADER; at + 4 < question_end; at++)
        if (is_letter(bytes[at]) && cases >> letters++ % 64 & 1)
            bytes[at] ^= CASE;
}

/* How the questions of @reply and @query compare; both have bytes up to @question_end. */
static enum dns_match match_questions(const uint8_t *reply, const uint8_t *query, size_t question_end)
{
    enum dns_match match = DNS_MATCH_WHOLE;

    for (size_t at = DNS_HEADER; at < question_end; at++) {
        if (reply[at] == query[at])
            continue;
        if ((reply[at] ^ query[at]) != CASE || !is_letter(query[at]) || at + 4 >= question_end)
            return DNS_MATCH_NOT;
        match = DNS_MATCH_CASE;
    }
    return match;
}

enum dns_match dns_reply_match(const uint8_t *reply, size_t length, uint16_t id, const uint8_t *query,
                               size_t question_end)
{
    bool error;

    if (length < DNS_HEADER || LDNS_ID_WIRE(reply) != id || !LDNS_QR_WIRE(reply) ||
        LDNS_OPCODE_WIRE(reply) != LDNS_PACKET_QUERY)
        return DNS_MATCH_NOT;
    error = dns_rcode(reply) != LDNS_RCODE_NOERROR && dns_rcode(reply) != LDNS_RCODE_NXDOMAIN;
    if (error && LDNS_QDCOUNT(reply) == 0 && length == DNS_HEADER)
        return DNS_MATCH_ERROR;
    if (LDNS_QDCOUNT(reply) != 1 || length < question_end)
        return DNS_MATCH_NOT;
    return match_questions(reply, query, question_end);
}
