/* SPDX-License-Identifier: MIT */
/* DNS messages on the wire (RFC 1035, 6891): a guest's query taken apart, and the replies that are our own. */
#ifndef SERVICE_DNS_MESSAGE_H
#define SERVICE_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ldns/ldns.h>

#include "service/dns_names.h"

/*
 * How it works: a query has a header, one question and at most an OPT record, so 512 bytes hold every query there is:
 * longer ones are malformed to us. Nothing in it may be compressed (there is nothing to point at): names are walked by
 * hand before ldns sees them, because ldns follows a pointer that points at itself 65,535 times. Everything else is
 * ldns's work: records read with bounds checked, replies built and written.
 *
 * Messages of servers are never taken apart: whether one is the reply to a query follows from its header and from its
 * question, which must be the query's as it was sent, byte for byte.
 */
#define DNS_HEADER 12
#define DNS_QUERY_MAX 512
#define DNS_REPLY_MAX 1232 /* bytes of one reply of our own, and what we say that we take (OPT) */
#define DNS_UDP_MIN 512    /* what a client takes that doesn't say */
#define DNS_TTL 30         /* seconds, of our own records: a port's address changes with the file */

/* A query as far as it could be read. */
struct dns_message {
    ldns_rr *question;   /* NULL: not even that */
    size_t question_end; /* offset of the byte behind it */
    uint16_t type;
    bool recursion_desired;
    bool edns, dnssec_ok;
    uint8_t edns_version;
    uint16_t udp_size; /* of the longest reply by UDP */
};

/*
 * Reads a query. 0; -EBADMSG when nothing should be said to it (too short, a response); or, positive, the RCODE to
 * refuse it with: FORMERR, NOTIMP (another opcode than QUERY), REFUSED (another class than IN, zone transfers). @ret is
 * always to be given to dns_message_fini().
 */
int dns_message_parse(const uint8_t *bytes, size_t length, struct dns_message *ret);
void dns_message_fini(struct dns_message *message);

/*
 * Each writes a reply to the query @bytes (@length, its header at least) into @reply (DNS_REPLY_MAX bytes). Returns its
 * length, or 0 when out of memory.
 */
/* No records: the question if it can be read, OPT if the query has it. @truncated: TC is set. */
size_t dns_reply_bare(const uint8_t *bytes, size_t length, unsigned rcode, bool truncated, uint8_t *reply);
/* What dns_names_answer() found, which must not be DNS_FORWARD. */
size_t dns_reply_answer(const uint8_t *bytes, size_t length, const struct dns_answer *answer, uint8_t *reply);

static inline unsigned dns_rcode(const uint8_t *bytes)
{
    return bytes[3] & 0xf;
}

/*
 * Changes the case of the letters of the name in @bytes, a message whose question ends at @question_end, where @cases
 * has a bit set, one a letter, from the lowest on and over again. Done twice, it is undone.
 */
void dns_case_mix(uint8_t *bytes, size_t question_end, uint64_t cases);

enum dns_match {
    DNS_MATCH_NOT,   /* not a reply to it */
    DNS_MATCH_CASE,  /* the reply, had the letters of the name the same case */
    DNS_MATCH_WHOLE, /* the reply */
    DNS_MATCH_ERROR, /* a header with an error and without the question, as a server sends that couldn't read it */
};

/* Is @reply the reply to @query, which was sent with @id and whose question ends at @question_end? */
enum dns_match dns_reply_match(const uint8_t *reply, size_t length, uint16_t id, const uint8_t *query,
                               size_t question_end);

#endif
