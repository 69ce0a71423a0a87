/* SPDX-License-Identifier: MIT */
/* DHCPv6 on the wire (RFC 8415): a client's message taken apart, and the options of a reply put together. */
#ifndef SERVICE_DHCP6_MESSAGE_H
#define SERVICE_DHCP6_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP6_CLIENT_PORT 546
#define DHCP6_SERVER_PORT 547
#define DHCP6_HEADER_LEN 4 /* type, transaction id */
#define DHCP6_DUID_MAX 130
#define DHCP6_IAS_MAX 4       /* of one kind in one message; what is more is not answered */
#define DHCP6_ADDRESSES_MAX 4 /* the same of addresses in one IA */

enum dhcp6_type {
    DHCP6_SOLICIT = 1,
    DHCP6_ADVERTISE = 2,
    DHCP6_REQUEST = 3,
    DHCP6_CONFIRM = 4,
    DHCP6_RENEW = 5,
    DHCP6_REBIND = 6,
    DHCP6_REPLY = 7,
    DHCP6_RELEASE = 8,
    DHCP6_DECLINE = 9,
    DHCP6_INFORMATION_REQUEST = 11,
};

enum dhcp6_option {
    DHCP6_OPTION_CLIENT_ID = 1,
    DHCP6_OPTION_SERVER_ID = 2,
    DHCP6_OPTION_IA_NA = 3,
    DHCP6_OPTION_IA_ADDRESS = 5,
    DHCP6_OPTION_ORO = 6,
    DHCP6_OPTION_PREFERENCE = 7,
    DHCP6_OPTION_STATUS = 13,
    DHCP6_OPTION_RAPID_COMMIT = 14,
    DHCP6_OPTION_DNS = 23,
    DHCP6_OPTION_DOMAINS = 24,
    DHCP6_OPTION_IA_PD = 25,
    DHCP6_OPTION_REFRESH_TIME = 32,
};

enum dhcp6_status {
    DHCP6_SUCCESS = 0,
    DHCP6_NO_ADDRESSES = 2,
    DHCP6_NOT_ON_LINK = 4,
    DHCP6_NO_PREFIX = 6,
};

/* Bytes that go on living in the packet. */
struct dhcp6_text {
    const uint8_t *bytes; /* NULL: the option is not there */
    size_t length;
};

/* An identity association: a client's name for something that it wants an address for. */
struct dhcp6_ia {
    uint32_t id;
    const uint8_t *addresses[DHCP6_ADDRESSES_MAX]; /* 16 bytes each, that it has or would like */
    size_t address_count;
};

struct dhcp6_request {
    enum dhcp6_type type;
    uint8_t transaction[3];
    struct dhcp6_text client_id, server_id;
    struct dhcp6_ia addresses[DHCP6_IAS_MAX]; /* IA_NA */
    size_t address_count;
    uint32_t prefixes[DHCP6_IAS_MAX]; /* IA_PD */
    size_t prefix_count;
    bool rapid_commit;
    bool has_oro, wants_dns, wants_domains, wants_refresh_time;
};

/*
 * Reads a client's message. 0, or -EBADMSG: too short, a type that no client sends, an option that runs out of what it
 * stands in or has a wrong length, an identifier that is empty, too long or there twice. Options that are not ours to
 * answer are stepped over.
 */
int dhcp6_request_parse(const uint8_t *bytes, size_t length, struct dhcp6_request *ret);

/* A reply being written; when something does not fit, @overflow sticks and nothing is sent. */
struct dhcp6_writer {
    uint8_t *bytes;
    size_t length, size;
    bool overflow;
};

void dhcp6_put_header(struct dhcp6_writer *writer, enum dhcp6_type type, const uint8_t transaction[3]);
void dhcp6_put(struct dhcp6_writer *writer, enum dhcp6_option option, const void *bytes, size_t length);
void dhcp6_put_u32(struct dhcp6_writer *writer, enum dhcp6_option option, uint32_t value);
/* RFC 8415, 21.13; @text goes to the client's log. */
void dhcp6_put_status(struct dhcp6_writer *writer, enum dhcp6_status status, const char *text);
/* An option that holds others: what is put between belongs to it. The head of an IA is its id and two times. */
size_t dhcp6_begin(struct dhcp6_writer *writer, enum dhcp6_option option);
void dhcp6_put_raw_u32(struct dhcp6_writer *writer, uint32_t value);
void dhcp6_put_raw(struct dhcp6_writer *writer, const void *bytes, size_t length);
void dhcp6_end(struct dhcp6_writer *writer, size_t begun);

#endif
